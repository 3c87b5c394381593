//! Files that hold the same lines: an export that was made twice, months that overlap.
//!
//! Of each file the lines with the smallest hashes are kept (a bottom-k sketch; Broder 1997). Where two files share
//! a part of those, they share about that part of all their lines. Parts of one export may share a line by chance (the
//! same article twice on one receipt), so a few are no sign.
//!
//! One file may hold its own lines twice: an export that was appended to itself, or one of months that overlap. A line that
//! comes again far below, with a receipt or a time to the second, is no second piece of one purchase: those stand together.

use std::collections::BTreeMap;

use super::{Counts, quick};
use crate::Line;

/// Hashes kept of a file.
const MOST: usize = 1024;
const LEAST: usize = 64;
/// Hashes kept of all files, about.
const ALL: usize = 1 << 18;

/// Microseconds.
const MINUTE: i64 = 60_000_000;

/// Files repeat each other from so many shared hashes on, and from this share of one of them.
const LEAST_SHARED: usize = 3;
const LEAST_SHARE: f64 = 0.03;

/// Lines between two equal ones of which neither has a receipt, and receipts between two that have one.
const FAR_LINES: u64 = 20;
const FAR_RECEIPTS: u64 = 3;
/// Fewer different lines, each of them twice, are chance.
const LEAST_LINES: usize = 10;

/// What is kept of the lines of each file.
pub(crate) struct Repeats {
    most: usize,
    file: u32,
    /// Hashes above this are not kept for the current file.
    bar: u64,
    sketches: BTreeMap<u32, Sketch>,
    /// Lines and receipts of the current part so far.
    lines: u64,
    receipts: u64,
    /// The receipt of the last line that had one.
    receipt: u64,
}

/// What is kept of the lines of a file, by hash.
type Sketch = BTreeMap<(u64, u64), Seen>;

/// How often a line was there.
#[derive(Clone, Copy)]
struct Seen {
    count: u32,
    /// How often it came again far from where it had been.
    far: u32,
    /// Whether it has a receipt or a time to the second: two such lines are one.
    exact: bool,
    /// Where it was last, in lines and in receipts.
    at: (u64, u64),
}

impl Repeats {
    pub(super) fn new(files: usize) -> Self {
        let most = (ALL / files.max(1)).clamp(LEAST, MOST);
        let sketches = BTreeMap::new();
        Repeats { most, file: 0, bar: u64::MAX, sketches, lines: 0, receipts: 0, receipt: 0 }
    }

    pub(super) fn begin(&mut self, file: u32) {
        self.file = file;
        self.bar = self.sketches.get(&file).map_or(u64::MAX, |sketch| self.bar_of(sketch));
        // Two parts of one file are far from each other.
        self.lines += FAR_LINES;
        self.receipts += FAR_RECEIPTS;
    }

    fn bar_of(&self, sketch: &Sketch) -> u64 {
        if sketch.len() < self.most {
            u64::MAX
        } else {
            sketch.last_key_value().map_or(u64::MAX, |last| last.0.0)
        }
    }

    #[inline]
    pub(super) fn see(&mut self, who: u64, receipt: u64, line: &Line<'_>) {
        self.lines += 1;
        self.receipts += u64::from(receipt != self.receipt);
        self.receipt = receipt;
        // Most lines are passed over by this hash alone.
        let first = (line.occurred_at as u64 ^ who).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let first = (first ^ first >> 32 ^ line.amount.to_bits()).wrapping_mul(0xd6e8_feb8_6659_fd93);
        if first <= self.bar {
            self.keep(first, line);
        }
    }

    fn keep(&mut self, first: u64, line: &Line<'_>) {
        let mut second = line.quantity.to_bits().into();
        for text in [line.order, line.product, line.category, line.channel, line.promotion] {
            let text: u64 = text.map_or(0, |text| quick(text.as_bytes()));
            second = u64::rotate_left(second, 11).wrapping_mul(31) ^ text;
        }
        let most = self.most;
        let at = (self.lines, self.receipts);
        let sketch = self.sketches.entry(self.file).or_default();
        match sketch.get_mut(&(first, second)) {
            Some(seen) => {
                let far = match line.order {
                    Some(_) => at.1 - seen.at.1 >= FAR_RECEIPTS,
                    None => at.0 - seen.at.0 >= FAR_LINES,
                };
                seen.count += 1;
                seen.far += u32::from(far);
                seen.at = at;
            }
            None => {
                let exact = line.order.is_some() || line.occurred_at.rem_euclid(MINUTE) != 0;
                sketch.insert((first, second), Seen { count: 1, far: 0, exact, at });
            }
        }
        if sketch.len() > most {
            sketch.pop_last();
        }
        if sketch.len() == most {
            self.bar = sketch.last_key_value().map_or(u64::MAX, |last| last.0.0);
        }
    }

    pub(super) fn absorb(&mut self, other: Repeats) {
        for (file, theirs) in other.sketches {
            let mine = self.sketches.entry(file).or_default();
            for (hash, theirs) in theirs {
                match mine.get_mut(&hash) {
                    Some(seen) => {
                        seen.count += theirs.count;
                        seen.far += theirs.far + 1;
                    }
                    None => {
                        mine.insert(hash, theirs);
                    }
                }
            }
            while mine.len() > self.most {
                mine.pop_last();
            }
        }
    }

    /// Files that repeat each other, directly or through others.
    pub(super) fn groups(&self) -> Vec<Vec<u32>> {
        let mut files_of: BTreeMap<(u64, u64), Vec<u32>> = BTreeMap::new();
        for (&file, sketch) in &self.sketches {
            sketch.keys().for_each(|&hash| files_of.entry(hash).or_default().push(file));
        }
        let mut shared: Counts<(u32, u32)> = Counts::new();
        for files in files_of.values().filter(|files| files.len() > 1) {
            for (at, &a) in files.iter().enumerate() {
                files[at + 1..].iter().for_each(|&b| *shared.entry((a, b)).or_default() += 1);
            }
        }
        let mut group: BTreeMap<u32, u32> = BTreeMap::new();
        for (&(a, b), &count) in &shared {
            if (count as usize) < LEAST_SHARED || self.share(a, b, count) < LEAST_SHARE {
                continue;
            }
            let (one, two) = (*group.entry(a).or_insert(a), *group.entry(b).or_insert(b));
            let (into, from) = (one.min(two), one.max(two));
            group.values_mut().filter(|held| **held == from).for_each(|held| *held = into);
        }
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        group.into_iter().for_each(|(file, into)| groups.entry(into).or_default().push(file));
        groups.into_values().collect()
    }

    /// Files that hold their own lines more than once, each with the share of its lines that are there again.
    pub(super) fn within(&self) -> Vec<(u32, f64)> {
        let share = |sketch: &Sketch| {
            let exact = || sketch.values().filter(|seen| seen.exact);
            let (different, again) = (exact().count(), exact().filter(|seen| seen.far > 0).count());
            let far: u64 = exact().map(|seen| u64::from(seen.far)).sum();
            let lines: u64 = sketch.values().map(|seen| u64::from(seen.count)).sum();
            // A file that was sorted after it was doubled has equal lines side by side, and each an even number of times.
            let doubled = different >= LEAST_LINES && exact().all(|seen| seen.count % 2 == 0);
            let many = again >= LEAST_SHARED && again as f64 >= LEAST_SHARE * different as f64;
            match () {
                () if many => Some(far as f64 / lines as f64),
                () if doubled => Some(0.5),
                () => None,
            }
        };
        self.sketches.iter().filter_map(|(&file, sketch)| Some((file, share(sketch)?))).collect()
    }

    /// The share of the smaller file that the other has too, among hashes that both would have kept.
    fn share(&self, a: u32, b: u32, count: u64) -> f64 {
        let (Some(one), Some(two)) = (self.sketches.get(&a), self.sketches.get(&b)) else { return 0.0 };
        let bar = self.bar_of(one).min(self.bar_of(two));
        let below = |sketch: &Sketch| sketch.range(..=(bar, u64::MAX)).count();
        count as f64 / below(one).min(below(two)).max(1) as f64
    }
}
