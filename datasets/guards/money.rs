//! Money: jumps of scale, amounts beyond all others, order totals that are repeated on each line.

use std::collections::BTreeMap;

use super::{Counts, quick};
use crate::event::{DAY, Kind, Micros};
use crate::warnings::Code;
use crate::{Histories, Line, Warnings, Zone};

/// Amounts are counted by quarters of a doubling, from 2^-12 on.
const BUCKETS: usize = 256;
const FIRST: i64 = (1023 - 12) * 4;
/// A factor of 32 in buckets: no price list changes so much from one week to the next.
const JUMP: i64 = 20;
/// A factor of 1024 in buckets: beyond the most expensive hundredth.
const OUTLIER: usize = 40;
/// Weeks on each side of a jump, and lines in them.
const WEEKS: usize = 8;
const JUMP_LINES: u64 = 30;
/// Fewer lines have no most expensive hundredth.
const OUTLIER_LINES: u64 = 100;
/// Orders of several lines needed to decide whether totals are repeated, and the share of them that must.
const LEAST_ORDERS: u64 = 20;
const REPEATED_SHARE: f64 = 0.9;
/// Lines with a negative amount are no product returns where they are more than this share, of so many.
const NEGATIVE_SHARE: f64 = 0.1;
const NEGATIVE_LINES: u64 = 100;
/// Sums are kept in whole millionths: they do not depend on the order of the lines.
const MICROS: f64 = 1e6;

/// The amounts of purchases in short.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AmountRange {
    /// Purchases.
    pub lines: u64,
    /// The middle one of their amounts, to a fifth of its value.
    pub median: f64,
}

impl AmountRange {
    /// Of the purchases of these histories up to an instant; `None` where there are none.
    #[must_use]
    pub fn of(histories: &Histories, as_of: Micros) -> Option<AmountRange> {
        let mut all = Histogram::default();
        for (_, history) in histories.iter() {
            let view = history.as_of(as_of);
            for (kind, &amount) in view.kind().iter().zip(view.amount()) {
                if *kind == Kind::Purchase && amount > 0.0 {
                    all.0[bucket(amount)] += 1;
                }
            }
        }
        all.range()
    }

    /// A factor between two medians that says that they are not of one currency and unit.
    pub(super) const FACTOR: f64 = 30.0;
    /// Fewer lines say nothing of a median.
    pub(super) const LEAST_LINES: u64 = 20;
}

#[derive(Clone)]
struct Histogram(Box<[u32; BUCKETS]>);

impl Default for Histogram {
    fn default() -> Self {
        Histogram(Box::new([0; BUCKETS]))
    }
}

impl Histogram {
    fn add(&mut self, other: &Histogram) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(mine, theirs)| *mine += theirs);
    }

    fn lines(&self) -> u64 {
        self.0.iter().map(|&count| u64::from(count)).sum()
    }

    fn range(&self) -> Option<AmountRange> {
        let lines = self.lines();
        (lines > 0).then(|| AmountRange { lines, median: value(self.quantile(0.5)) })
    }

    /// The bucket that holds this share of the lines and those below it.
    fn quantile(&self, share: f64) -> usize {
        let wanted = (self.lines() as f64 * share).ceil().max(1.0) as u64;
        let mut below = 0;
        self.0
            .iter()
            .position(|&count| {
                below += u64::from(count);
                below >= wanted
            })
            .unwrap_or(0)
    }
}

#[inline]
fn bucket(amount: f64) -> usize {
    ((amount.to_bits() >> 50) as i64 - FIRST).clamp(0, BUCKETS as i64 - 1) as usize
}

/// The middle of a bucket.
fn value(bucket: usize) -> f64 {
    let edge = |bucket: usize| f64::from_bits(((bucket as i64 + FIRST) as u64) << 50);
    (edge(bucket) + edge(bucket + 1)) / 2.0
}

#[derive(Clone, Default)]
struct OfFile {
    amounts: Histogram,
    /// Amounts without a fraction.
    whole: u64,
}

/// The order that is being read: its lines are mostly adjacent.
#[derive(Default)]
struct Order {
    id: u64,
    lines: u32,
    amount: f64,
    product: u64,
    /// Whether all amounts so far are one.
    one_amount: bool,
    several_products: bool,
}

/// Amounts by week, in a list that begins with the week `base`: lines may come in any order, and come fast.
#[derive(Default)]
struct Weeks {
    base: i64,
    amounts: Vec<Option<Histogram>>,
}

impl Weeks {
    #[inline]
    fn of(&mut self, week: i64) -> &mut Histogram {
        if self.amounts.is_empty() {
            self.base = week;
        }
        if week < self.base {
            let more = (self.base - week) as usize;
            self.amounts.splice(0..0, std::iter::repeat_n(None, more));
            self.base = week;
        }
        let at = (week - self.base) as usize;
        if at >= self.amounts.len() {
            self.amounts.resize(at + 1, None);
        }
        self.amounts[at].get_or_insert_default()
    }

    /// The weeks that have amounts, in their order.
    fn pairs(&self) -> impl Iterator<Item = (i64, &Histogram)> {
        (self.base..).zip(&self.amounts).filter_map(|(week, amounts)| Some((week, amounts.as_ref()?)))
    }
}

#[derive(Default)]
pub(super) struct Money {
    weeks: Weeks,
    files: BTreeMap<u32, OfFile>,
    file: u32,
    this_file: OfFile,
    spend: i128,
    returned: i128,
    purchases: u64,
    returns: u64,
    /// The greatest amount, with its instant and customer.
    top: Option<(f64, Micros, String)>,
    negative_quantity: Option<(u64, Micros, String)>,
    order: Order,
    /// Orders of several lines, and those whose lines all have one amount, by that amount's bucket.
    orders: u64,
    repeated: Counts<usize>,
    repeated_lines: u64,
}

impl Money {
    pub(super) fn begin(&mut self, file: u32) {
        self.settle();
        self.file = file;
    }

    /// Adds the current file and order to the others.
    fn settle(&mut self) {
        if self.this_file.amounts.lines() > 0 {
            let held = std::mem::take(&mut self.this_file);
            let file = self.files.entry(self.file).or_default();
            file.amounts.add(&held.amounts);
            file.whole += held.whole;
        }
        self.end_order();
    }

    fn end_order(&mut self) {
        let order = std::mem::take(&mut self.order);
        // Lines of one product are pieces that were entered one by one: nothing to be learned from them.
        if order.lines < 2 || (order.product != 0 && !order.several_products) {
            return;
        }
        self.orders += 1;
        if order.one_amount {
            *self.repeated.entry(bucket(order.amount)).or_default() += 1;
            self.repeated_lines += u64::from(order.lines) - 1;
        }
    }

    #[inline]
    pub(super) fn purchase(&mut self, customer: &str, receipt: u64, line: &Line<'_>) {
        let amount = line.amount;
        if amount <= 0.0 {
            return;
        }
        self.purchases += 1;
        // An amount is below 1e12, so that its millionths fit.
        self.spend += i128::from((amount * MICROS).round() as i64);
        let bucket = bucket(amount);
        self.weeks.of(line.occurred_at.div_euclid(7 * DAY)).0[bucket] += 1;
        self.this_file.amounts.0[bucket] += 1;
        self.this_file.whole += u64::from(amount.fract() == 0.0);
        if self
            .top
            .as_ref()
            .is_none_or(|(top, at, _)| amount > *top || (amount == *top && line.occurred_at < *at))
        {
            self.top = Some((amount, line.occurred_at, customer.to_owned()));
        }
        if line.quantity < 0.0 {
            let (count, first, _) = self.negative_quantity.get_or_insert((0, Micros::MAX, String::new()));
            *count += 1;
            if line.occurred_at < *first {
                *first = line.occurred_at;
                let count = *count;
                self.negative_quantity = Some((count, line.occurred_at, customer.to_owned()));
            }
        }
        let id = match line.order {
            Some(_) => receipt,
            // What a customer bought at one second is one receipt, where receipts have no number.
            None if line.occurred_at % DAY != 0 => {
                quick(customer.as_bytes()).rotate_left(23) ^ line.occurred_at.unsigned_abs()
            }
            None => return,
        };
        let product = line.product.map_or(0, |product| quick(product.as_bytes()));
        if id == self.order.id && self.order.lines > 0 {
            self.order.lines += 1;
            self.order.one_amount &= amount == self.order.amount;
            self.order.several_products |= product != self.order.product;
        } else {
            self.end_order();
            self.order = Order { id, lines: 1, amount, product, one_amount: true, several_products: false };
        }
    }

    pub(super) fn product_return(&mut self, line: &Line<'_>) {
        self.returns += 1;
        self.returned += (-line.amount * MICROS).round() as i128;
    }

    pub(super) fn absorb(&mut self, mut other: Money) {
        self.settle();
        other.settle();
        for (week, amounts) in other.weeks.pairs() {
            self.weeks.of(week).add(amounts);
        }
        for (file, theirs) in other.files {
            let mine = self.files.entry(file).or_default();
            mine.amounts.add(&theirs.amounts);
            mine.whole += theirs.whole;
        }
        self.spend += other.spend;
        self.returned += other.returned;
        self.purchases += other.purchases;
        self.returns += other.returns;
        self.top = [self.top.take(), other.top]
            .into_iter()
            .flatten()
            .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)).then_with(|| b.2.cmp(&a.2)));
        self.negative_quantity = match (self.negative_quantity.take(), other.negative_quantity) {
            (Some(a), Some(b)) => {
                let count = a.0 + b.0;
                let (_, at, who) = if (a.1, &a.2) <= (b.1, &b.2) { a } else { b };
                Some((count, at, who))
            }
            (a, b) => a.or(b),
        };
        self.orders += other.orders;
        for (bucket, count) in other.repeated {
            *self.repeated.entry(bucket).or_default() += count;
        }
        self.repeated_lines += other.repeated_lines;
    }

    pub(super) fn totals(&self) -> (f64, f64) {
        (self.spend as f64 / MICROS, self.returned as f64 / MICROS)
    }

    pub(super) fn range(&self) -> Option<AmountRange> {
        self.all().range()
    }

    fn all(&self) -> Histogram {
        let mut all = Histogram::default();
        self.files.values().for_each(|file| all.add(&file.amounts));
        all
    }

    /// Notes what is odd. Everything must have been settled, as [`Money::absorb`] does.
    pub(super) fn judge(&self, files: &[String], zone: Zone, warnings: &mut Warnings) {
        self.jump(warnings);
        self.files(files, warnings);
        self.outlier(zone, warnings);
        self.repeated_totals(warnings);
        if let Some((count, at, who)) = &self.negative_quantity {
            warnings.add(Code::NegativeQuantity, *count, || format!("`{who}` on {}", zone.date(*at)));
        }
        let lines = self.purchases + self.returns;
        if lines >= NEGATIVE_LINES && self.returns as f64 > NEGATIVE_SHARE * lines as f64 {
            warnings.add(Code::ManyReturns, self.returns, || {
                format!("{} of {lines} lines with an amount", self.returns)
            });
        }
    }

    /// The week from which amounts are of another scale.
    fn jump(&self, warnings: &mut Warnings) {
        let weeks: Vec<(i64, &Histogram)> = self.weeks.pairs().collect();
        let sum = |weeks: &[(i64, &Histogram)]| {
            let mut sum = Histogram::default();
            weeks.iter().for_each(|(_, amounts)| sum.add(amounts));
            sum
        };
        let mut greatest = None::<(i64, usize)>;
        for at in 1..weeks.len() {
            let before = sum(&weeks[at.saturating_sub(WEEKS)..at]);
            let after = sum(&weeks[at..(at + WEEKS).min(weeks.len())]);
            if before.lines() < JUMP_LINES || after.lines() < JUMP_LINES {
                continue;
            }
            let jump = after.quantile(0.5) as i64 - before.quantile(0.5) as i64;
            if jump.abs() >= JUMP && greatest.is_none_or(|(most, _)| jump.abs() > most.abs()) {
                greatest = Some((jump, at));
            }
        }
        let Some((jump, at)) = greatest else { return };
        let lines = weeks[at..].iter().map(|(_, amounts)| amounts.lines()).sum();
        warnings.add(Code::ScaleJump, lines, || {
            let factor = 2f64.powf(jump.abs() as f64 / 4.0);
            let week = Zone::default().date(weeks[at].0 * 7 * DAY);
            let way = if jump > 0 { "larger" } else { "smaller" };
            format!("from the week of {week} on, amounts are about {factor:.0} times {way}")
        });
    }

    /// A file in cents beside files in whole units.
    fn files(&self, names: &[String], warnings: &mut Warnings) {
        let all: Vec<(&u32, &OfFile, u64)> =
            self.files.iter().map(|(file, of)| (file, of, of.amounts.lines())).collect();
        for &(file, of, lines) in
            all.iter().filter(|(_, of, lines)| *lines >= JUMP_LINES && of.whole * 100 >= lines * 99)
        {
            let mut rest = OfFile::default();
            for (_, other, _) in all.iter().filter(|(other, ..)| *other != file) {
                rest.amounts.add(&other.amounts);
                rest.whole += other.whole;
            }
            let others = rest.amounts.lines();
            let jump = of.amounts.quantile(0.5) as i64 - rest.amounts.quantile(0.5) as i64;
            if others >= JUMP_LINES && rest.whole * 10 < others * 7 && jump >= JUMP {
                warnings.add(Code::ScaleJump, lines, || {
                    let name = names.get(*file as usize).map_or("a file", String::as_str);
                    let factor = 2f64.powf(jump as f64 / 4.0);
                    format!("amounts in `{name}` are integers and about {factor:.0} times those in the other files")
                });
            }
        }
    }

    fn outlier(&self, zone: Zone, warnings: &mut Warnings) {
        let all = self.all();
        if all.lines() < OUTLIER_LINES {
            return;
        }
        let bar = all.quantile(0.99) + OUTLIER;
        let beyond = all.0.iter().skip(bar).map(|&count| u64::from(count)).sum();
        warnings.add(Code::OutlierAmount, beyond, || match &self.top {
            Some((amount, at, customer)) => format!("{amount} of `{customer}` on {}", zone.date(*at)),
            None => String::new(),
        });
    }

    fn repeated_totals(&self, warnings: &mut Warnings) {
        let repeated: u64 = self.repeated.values().sum();
        let one_price = self.repeated.values().max().copied().unwrap_or(0);
        // Where everything costs the same, equal amounts are no totals.
        let priced = one_price as f64 > 0.6 * repeated as f64;
        if self.orders >= LEAST_ORDERS && repeated as f64 >= REPEATED_SHARE * self.orders as f64 && !priced {
            warnings.add(Code::RepeatedTotal, self.repeated_lines, || {
                format!(
                    "{repeated} of {} multi-line receipts have the same amount on every line",
                    self.orders
                )
            });
        }
    }
}
