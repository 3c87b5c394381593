//! Files that hold the same lines: an export that was made twice, months that overlap.
//!
//! Of each file the lines with the smallest hashes are kept (a bottom-k sketch; Broder 1997). Where two files share
//! a part of those, they share about that part of all their lines. Parts of one export may share a line by chance (the
//! same article twice on one receipt), so a few are no sign.

use std::collections::{BTreeMap, BTreeSet};

use super::{Counts, quick};
use crate::Line;

/// Hashes kept of a file.
const MOST: usize = 1024;
const LEAST: usize = 64;
/// Hashes kept of all files, about.
const ALL: usize = 1 << 18;

/// Files repeat each other from so many shared hashes on, and from this share of one of them.
const LEAST_SHARED: usize = 3;
const LEAST_SHARE: f64 = 0.03;

/// What is kept of the lines of each file.
pub(crate) struct Repeats {
    most: usize,
    file: u32,
    /// Hashes above this are not kept for the current file.
    bar: u64,
    sketches: BTreeMap<u32, BTreeSet<(u64, u64)>>,
}

impl Repeats {
    pub(super) fn new(files: usize) -> Self {
        let most = (ALL / files.max(1)).clamp(LEAST, MOST);
        Repeats { most, file: 0, bar: u64::MAX, sketches: BTreeMap::new() }
    }

    pub(super) fn begin(&mut self, file: u32) {
        self.file = file;
        self.bar = self.sketches.get(&file).map_or(u64::MAX, |sketch| self.bar_of(sketch));
    }

    fn bar_of(&self, sketch: &BTreeSet<(u64, u64)>) -> u64 {
        if sketch.len() < self.most { u64::MAX } else { sketch.last().map_or(u64::MAX, |last| last.0) }
    }

    #[inline]
    pub(super) fn see(&mut self, who: u64, line: &Line<'_>) {
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
        let sketch = self.sketches.entry(self.file).or_default();
        sketch.insert((first, second));
        if sketch.len() > most {
            sketch.pop_last();
        }
        if sketch.len() == most {
            self.bar = sketch.last().map_or(u64::MAX, |last| last.0);
        }
    }

    pub(super) fn absorb(&mut self, other: Repeats) {
        for (file, theirs) in other.sketches {
            let mine = self.sketches.entry(file).or_default();
            mine.extend(theirs);
            while mine.len() > self.most {
                mine.pop_last();
            }
        }
    }

    /// Files that repeat each other, directly or through others.
    pub(super) fn groups(&self) -> Vec<Vec<u32>> {
        let mut files_of: BTreeMap<(u64, u64), Vec<u32>> = BTreeMap::new();
        for (&file, sketch) in &self.sketches {
            sketch.iter().for_each(|&hash| files_of.entry(hash).or_default().push(file));
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

    /// The share of the smaller file that the other has too, among hashes that both would have kept.
    fn share(&self, a: u32, b: u32, count: u64) -> f64 {
        let (Some(one), Some(two)) = (self.sketches.get(&a), self.sketches.get(&b)) else { return 0.0 };
        let bar = self.bar_of(one).min(self.bar_of(two));
        let below = |sketch: &BTreeSet<(u64, u64)>| sketch.range(..=(bar, u64::MAX)).count();
        count as f64 / below(one).min(below(two)).max(1) as f64
    }
}
