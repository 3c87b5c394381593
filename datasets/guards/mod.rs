//! Guards: what is odd about data that can be read, found while lines are read, before anything is made of them.
//!
//! ```text
//! days.rs      lines of each day
//! far.rs       the time that the data cover, and dates beyond it, which are set aside
//! closures.rs  days on which the shop sold nothing, taken out of the time that models see
//! timeline.rs  days without lines, weeks cut short, jumps in volume, old data
//! money.rs     jumps of scale, amounts beyond all others, order totals that are repeated on each line
//! crowd.rs     one customer with an implausible share of the lines
//! repeats.rs   files that hold the same lines, and files that hold their own lines twice
//! outputs.rs   outputs that are inputs
//! ```
//!
//! What is gathered are sums, maxima and smallest hashes, so that neither the order of the files nor the number of
//! threads changes a warning.

mod closures;
mod crowd;
mod days;
mod far;
mod money;
pub mod outputs;
pub(crate) mod repeats;
mod timeline;

use std::collections::BTreeMap;

pub use closures::{Closure, Closures};
pub use days::DailyLines;
pub use far::Window;
pub use money::AmountRange;

use crate::event::{Kind, Micros};
use crate::warnings::Code;
use crate::{Line, Warnings, Zone};
use crowd::Crowd;
use money::Money;
use repeats::Repeats;
use timeline::Timeline;

/// What may be taken in deliberately though it looks wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Accept {
    /// Dates ahead of the clock, or far from all others.
    FarDates,
    /// Lines that two files have alike: count them in each.
    RepeatedLines,
}

/// Whether so many far-off dates among so many lines stop the run: more than the share of rejects that is admitted,
/// and more than the handful that one night's small file may well have.
pub(crate) fn too_many_far(far: u64, lines: u64, max_share: f64) -> bool {
    let handful = max_share > 0.0 && far <= far::FEW && far * 2 <= lines;
    far as f64 > max_share * lines as f64 && !handful
}

/// What the guards gather from the lines of one thread.
#[derive(Default)]
pub(crate) struct Guards {
    /// Lines of all kinds.
    pub(crate) days: DailyLines,
    /// Purchases alone.
    purchases: DailyLines,
    money: Money,
    crowd: Crowd,
    /// Lines with a product, and with a category.
    named: [u64; 2],
    /// Of each file the lines with the smallest hashes.
    repeats: Option<Repeats>,
    /// Lines of each file.
    lines: Counts<u32>,
    file: (u32, u64),
    /// The hash of the last line's customer.
    who: u64,
}

impl Guards {
    /// Guards for so many files.
    pub(crate) fn new(files: usize) -> Self {
        Guards { repeats: Some(Repeats::new(files)), ..Guards::default() }
    }

    /// Lines of this file come next.
    pub(crate) fn begin(&mut self, file: usize) {
        self.money.begin(file as u32);
        self.settle();
        self.file.0 = file as u32;
        if let Some(repeats) = &mut self.repeats {
            repeats.begin(file as u32);
        }
    }

    fn settle(&mut self) {
        let (file, lines) = (self.file.0, std::mem::take(&mut self.file.1));
        if lines > 0 {
            *self.lines.entry(file).or_default() += lines;
        }
    }

    /// Looks at a line that is taken in. `same`: its customer is that of the line before.
    #[inline]
    pub(crate) fn see(&mut self, customer: &str, same: bool, line: &Line<'_>) {
        self.file.1 += 1;
        self.days.see(line.occurred_at);
        self.named[0] += u64::from(line.product.is_some());
        self.named[1] += u64::from(line.category.is_some());
        if !same {
            self.who = quick(customer.as_bytes());
        }
        let who = self.who;
        self.crowd.see(customer, who);
        // Lines of a receipt are mostly adjacent; no receipt is 0.
        let receipt = line.order.map_or(0, |order| quick(order.as_bytes()) ^ who);
        match line.kind {
            Kind::Purchase => {
                self.purchases.see(line.occurred_at);
                self.money.purchase(customer, receipt, line);
            }
            Kind::Return => self.money.product_return(line),
            _ => {}
        }
        if let Some(repeats) = &mut self.repeats {
            repeats.see(who, receipt, line);
        }
    }

    /// Takes in what another thread gathered.
    pub(crate) fn absorb(&mut self, mut other: Guards) {
        self.settle();
        other.settle();
        for (file, lines) in other.lines {
            *self.lines.entry(file).or_default() += lines;
        }
        self.days.absorb(&other.days);
        self.purchases.absorb(&other.purchases);
        self.money.absorb(other.money);
        self.crowd.absorb(other.crowd);
        self.named.iter_mut().zip(other.named).for_each(|(mine, theirs)| *mine += theirs);
        match (&mut self.repeats, other.repeats) {
            (Some(mine), Some(theirs)) => mine.absorb(theirs),
            (None, theirs) => self.repeats = theirs,
            _ => {}
        }
    }

    /// Groups of files that hold the same lines, each of two files or more.
    pub(crate) fn repeated(&self) -> Vec<Vec<u32>> {
        self.repeats.as_ref().map(Repeats::groups).unwrap_or_default()
    }

    /// What was bought and sent back, and the range of the amounts.
    pub(crate) fn totals(&self) -> Totals {
        let (spend, returned) = self.money.totals();
        Totals { spend, returned, amounts: self.money.range(), named: self.named }
    }

    /// Notes what is odd. `files` are the names of the files, `now` is what the clock says.
    pub(crate) fn judge(&self, files: &[String], now: Option<Micros>, zone: Zone, warnings: &mut Warnings) {
        Timeline::of(&self.purchases, now).judge(warnings);
        self.money.judge(files, zone, warnings);
        self.crowd.judge(warnings);
        for (file, share) in self.repeats.iter().flat_map(Repeats::within) {
            let lines = self.lines.get(&file).copied().unwrap_or(0);
            let again = (share * lines as f64).round().max(1.0) as u64;
            warnings.add(Code::RepeatedRows, again, || {
                let name = files.get(file as usize).map_or("a file", String::as_str);
                format!("about {:.0} % of the {lines} rows of `{name}`", 100.0 * share)
            });
        }
    }
}

/// Sums over all lines.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) spend: f64,
    pub(crate) returned: f64,
    pub(crate) amounts: Option<AmountRange>,
    pub(crate) named: [u64; 2],
}

/// Notes that amounts are far from those that a model has learned from.
pub fn compare_amounts(data: Option<AmountRange>, learned: Option<AmountRange>, warnings: &mut Warnings) {
    let (Some(data), Some(learned)) = (data, learned) else { return };
    if data.lines < AmountRange::LEAST_LINES || learned.lines < AmountRange::LEAST_LINES {
        return;
    }
    let ratio = data.median / learned.median;
    if !(1.0 / AmountRange::FACTOR..=AmountRange::FACTOR).contains(&ratio) {
        warnings.add(Code::AmountsOutOfRange, data.lines, || {
            format!("median {:.2}, but {:.2} in the model's training data", data.median, learned.median)
        });
    }
}

/// A hash that costs a few cycles, the same on every machine. It decides nothing but what is looked at.
#[inline]
pub(crate) fn quick(bytes: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(K);
    let mut hash = bytes.len() as u64;
    let mut rest = bytes;
    while let Some((word, more)) = rest.split_first_chunk::<8>() {
        hash = mix(hash, u64::from_le_bytes(*word));
        rest = more;
    }
    if !rest.is_empty() {
        let word = match bytes.last_chunk::<8>() {
            Some(last) => u64::from_le_bytes(*last),
            None => rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        hash = mix(hash, word);
    }
    hash ^ hash >> 29
}

/// A count by small numbers, with the days or files that they represent.
type Counts<K> = BTreeMap<K, u64>;
