//! The business's key figures by month, and retention by cohort.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike;
use homing_datasets::{History, Kind, Micros, Zone, calendar};
use serde::{Deserialize, Serialize};

/// Months after the first purchase at which a cohort is looked at.
pub const MARKS: [u32; 8] = [3, 6, 9, 12, 15, 18, 21, 24];

/// Months after the first purchase of the key figures of retention.
pub const RETENTION: [u32; 3] = [3, 6, 12];

/// Months that are kept.
const MONTHS: i32 = 37;

/// Days of an average month.
const MONTH_DAYS: f64 = 30.4375;

/// Days within which a new customer's second order counts.
const AGAIN_DAYS: i32 = 30;

/// Channels counted separately.
const CHANNELS: usize = 40;

/// A calendar month of the business.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Month {
    /// Orders: days with a purchase, by customer.
    pub orders: u64,
    /// Sum of the purchases.
    pub revenue: f64,
    /// Customers who bought for the first time.
    pub new: u64,
    /// New customers whose thirty days ended in this month.
    pub new_due: u64,
    /// Of whom bought again within them.
    pub new_back: u64,
    /// Customers of high value when the month began.
    pub high: u64,
    /// Of whom bought in it.
    pub high_back: u64,
    /// Customers of whom the time of retention (see [`RETENTION`]) ended in this month.
    pub due: [u64; 3],
    /// Of whom bought in its last three months.
    pub kept: [u64; 3],
    /// Promoters (9, 10), passives (7, 8) and detractors (0 to 6) among the answers.
    pub nps: [u64; 3],
}

/// Customers whose first purchase lies in one month.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cohort {
    /// How many they are.
    pub customers: u64,
    /// For each of [`MARKS`]: of how many the time is over, and how many of these bought in its last three months.
    pub marks: [(u64, u64); 8],
}

/// Key figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// By month ([`month_of`]).
    pub months: BTreeMap<i32, Month>,
    /// By month of the first purchase.
    pub cohorts: BTreeMap<i32, Cohort>,
    /// The last month of which every day is known.
    pub last_whole: i32,
    /// Spend of a year from which a customer counts as one of high value.
    pub high_value: f64,
    /// Customers by channel used at least once.
    pub channels: BTreeMap<String, u64>,
    /// Customers of whom any channel is known.
    pub met: u64,
    /// Of whom with two or more channels.
    pub connected: u64,
}

impl Figures {
    pub(super) fn add(&mut self, other: &Figures) {
        for (at, month) in &other.months {
            let sum = self.months.entry(*at).or_default();
            sum.orders += month.orders;
            sum.revenue += month.revenue;
            sum.new += month.new;
            sum.new_due += month.new_due;
            sum.new_back += month.new_back;
            sum.high += month.high;
            sum.high_back += month.high_back;
            for at in 0..3 {
                sum.due[at] += month.due[at];
                sum.kept[at] += month.kept[at];
                sum.nps[at] += month.nps[at];
            }
        }
        for (at, cohort) in &other.cohorts {
            let sum = self.cohorts.entry(*at).or_default();
            sum.customers += cohort.customers;
            for (sum, mark) in sum.marks.iter_mut().zip(cohort.marks) {
                sum.0 += mark.0;
                sum.1 += mark.1;
            }
        }
        for (channel, customers) in &other.channels {
            if self.channels.len() < CHANNELS || self.channels.contains_key(channel) {
                *self.channels.entry(channel.clone()).or_default() += customers;
            }
        }
        self.met += other.met;
        self.connected += other.connected;
    }
}

/// The month of a day (days since 1970-01-01), counted from the year 0.
#[must_use]
pub fn month_of(day: i32) -> i32 {
    let date = calendar::date_of(day);
    date.year() * 12 + date.month0() as i32
}

/// The first day of the month of a day.
fn first_day(day: i32) -> i32 {
    day - calendar::date_of(day).day0() as i32
}

/// The first days of the months up to that of a day, and of the one after them.
fn month_starts(day: i32) -> Vec<i32> {
    let mut start = first_day(first_day(day) + 31);
    let mut starts = vec![start];
    for _ in 0..MONTHS {
        start = first_day(start - 1);
        starts.push(start);
    }
    starts.reverse();
    starts
}

/// What counts the figures of one customer after the other.
pub(super) struct Counter {
    zone: Zone,
    as_of: Micros,
    /// The last day of the data.
    today: i32,
    high_value: f64,
    first_month: i32,
    last_whole: i32,
    /// The first days of the months that are kept, and of the one after them.
    starts: Vec<i32>,
}

impl Counter {
    pub fn new(zone: Zone, as_of: Micros, high_value: f64) -> Self {
        let today = zone.day(as_of);
        let present = month_of(today);
        let whole = month_of(today + 1) > present;
        let first_month = present - MONTHS + 1;
        Counter {
            zone,
            as_of,
            today,
            high_value,
            first_month,
            last_whole: if whole { present } else { present - 1 },
            starts: month_starts(today),
        }
    }

    /// The month of a day, where it is one that is kept.
    fn month(&self, day: i32) -> Option<i32> {
        let at = self.starts.partition_point(|start| *start <= day);
        (at > 0 && at < self.starts.len()).then(|| self.first_month + at as i32 - 1)
    }

    /// Adds a customer.
    pub fn count(&self, history: &History, figures: &mut Figures) {
        let view = history.as_of(self.as_of);
        let days: Vec<(i32, f64)> = view.orders(self.zone).map(|order| (order.day, order.amount)).collect();
        let channels: BTreeSet<u32> = view.channel().iter().copied().filter(|&code| code != 0).collect();
        let marks = view.kind().iter().zip(view.occurred_at()).zip(view.amount());
        for ((_, &at), &amount) in marks.filter(|((kind, _), _)| **kind == Kind::Nps) {
            if let Some(month) = self.month(self.zone.day(at)) {
                let answer = if amount >= 9.0 { 0 } else { usize::from(amount < 7.0) + 1 };
                figures.months.entry(month).or_default().nps[answer] += 1;
            }
        }
        let names: BTreeSet<&str> = channels.iter().filter_map(|code| view.name(*code)).collect();
        figures.met += u64::from(!names.is_empty());
        figures.connected += u64::from(names.len() > 1);
        for name in names {
            *figures.channels.entry(name.to_owned()).or_default() += 1;
        }
        let Some(&(first, _)) = days.first() else { return };
        for &(day, amount) in &days {
            if let Some(month) = self.month(day) {
                let month = figures.months.entry(month).or_default();
                month.orders += 1;
                month.revenue += amount;
            }
        }
        self.count_new(&days, first, figures);
        self.count_high(&days, figures);
    }

    fn count_new(&self, days: &[(i32, f64)], first: i32, figures: &mut Figures) {
        if let Some(month) = self.month(first) {
            figures.months.entry(month).or_default().new += 1;
        }
        let due = first + AGAIN_DAYS;
        if due <= self.today
            && let Some(month) = self.month(due)
        {
            let month = figures.months.entry(month).or_default();
            month.new_due += 1;
            month.new_back += u64::from(days.get(1).is_some_and(|(day, _)| *day <= due));
        }
        let mark = |months: u32| first + (f64::from(months) * MONTH_DAYS).round() as i32;
        // Whether they bought in the three months that end at a mark.
        let kept = |months: u32| {
            let (from, to) = (mark(months - 3), mark(months));
            days.iter().any(|(day, _)| *day > from && *day <= to)
        };
        for (at, months) in RETENTION.into_iter().enumerate() {
            let due = mark(months);
            if due <= self.today
                && let Some(month) = self.month(due)
            {
                let month = figures.months.entry(month).or_default();
                month.due[at] += 1;
                month.kept[at] += u64::from(kept(months));
            }
        }
        if let Some(month) = self.month(first) {
            let cohort = figures.cohorts.entry(month).or_default();
            cohort.customers += 1;
            for (slot, months) in cohort.marks.iter_mut().zip(MARKS) {
                if mark(months) <= self.today {
                    slot.0 += 1;
                    slot.1 += u64::from(kept(months));
                }
            }
        }
    }

    /// Who had spent so much in the year before a month began, and whether they bought in it.
    fn count_high(&self, days: &[(i32, f64)], figures: &mut Figures) {
        let (mut from, mut to, mut sum) = (0, 0, 0.0);
        for (at, pair) in self.starts.windows(2).enumerate() {
            let &[start, end] = pair else { continue };
            while to < days.len() && days[to].0 < start {
                sum += days[to].1;
                to += 1;
            }
            while from < to && days[from].0 < start - 365 {
                sum -= days[from].1;
                from += 1;
            }
            if sum > self.high_value {
                let month = figures.months.entry(self.first_month + at as i32).or_default();
                month.high += 1;
                month.high_back += u64::from(days.get(to).is_some_and(|(day, _)| *day < end));
            }
        }
    }

    pub fn finish(&self, figures: &mut Figures) {
        figures.last_whole = self.last_whole;
        figures.high_value = self.high_value;
    }
}
