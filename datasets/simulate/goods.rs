//! What the chain sells, to whom, and when.

use super::dice::Dice;
use crate::calendar::date_of;
use chrono::Datelike;

/// How old the child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Not born yet.
    Pregnancy,
    /// Up to half a year.
    Months0To6,
    /// Half a year to a year.
    Months6To12,
    /// One to three years.
    Years1To3,
    /// Three to six years.
    Years3To6,
    /// Past the age that the chain sells for.
    Beyond,
}

impl Stage {
    /// Every stage, youngest first.
    pub const ALL: [Stage; 6] = [
        Stage::Pregnancy,
        Stage::Months0To6,
        Stage::Months6To12,
        Stage::Years1To3,
        Stage::Years3To6,
        Stage::Beyond,
    ];

    /// The stage of a child of this age in days.
    #[must_use]
    pub fn of_age(days: i32) -> Self {
        let ends = Stage::ALL.iter().position(|stage| days < stage.ends_at());
        ends.map_or(Stage::Beyond, |at| Stage::ALL[at])
    }

    /// The age in days at which the stage ends.
    #[must_use]
    pub fn ends_at(self) -> i32 {
        match self {
            Stage::Pregnancy => 0,
            Stage::Months0To6 => 182,
            Stage::Months6To12 => 365,
            Stage::Years1To3 => 1_096,
            Stage::Years3To6 => 2_192,
            Stage::Beyond => i32::MAX,
        }
    }

    /// The name in the files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stage::Pregnancy => "pregnancy",
            Stage::Months0To6 => "months_0_6",
            Stage::Months6To12 => "months_6_12",
            Stage::Years1To3 => "years_1_3",
            Stage::Years3To6 => "years_3_6",
            Stage::Beyond => "beyond",
        }
    }
}

/// A category of goods.
pub(super) struct Category {
    pub name: &'static str,
    /// Median price of a piece.
    pub price: f64,
    /// Used up and bought again, mostly the same product.
    pub consumable: bool,
    /// How often it is chosen in each [`Stage`].
    pub weights: [f64; 6],
    /// Products in each size.
    pub products: u64,
    /// A category that is often taken along, and how often.
    pub companion: Option<(usize, f64)>,
}

const fn category(
    name: &'static str,
    price: f64,
    consumable: bool,
    weights: [f64; 6],
    products: u64,
    companion: Option<(usize, f64)>,
) -> Category {
    Category { name, price, consumable, weights, products, companion }
}

/// The categories. Weights: pregnancy, 0-6 months, 6-12 months, 1-3 years, 3-6 years, beyond.
pub(super) const CATEGORIES: [Category; 12] = [
    category("maternity", 129.0, false, [6.0, 1.0, 0.1, 0.0, 0.0, 0.0], 60, Some((5, 0.15))),
    category("diapers", 98.0, true, [0.6, 5.0, 4.5, 2.5, 0.0, 0.0], 12, Some((4, 0.35))),
    category("formula", 238.0, true, [0.2, 3.5, 4.0, 3.0, 0.2, 0.0], 12, Some((6, 0.20))),
    category("baby_food", 36.0, true, [0.0, 0.3, 4.0, 1.5, 0.0, 0.0], 20, Some((6, 0.10))),
    category("care", 45.0, true, [0.5, 2.5, 2.0, 1.5, 0.7, 0.2], 24, None),
    category("feeding", 79.0, false, [0.8, 2.0, 1.2, 0.4, 0.0, 0.0], 40, Some((4, 0.15))),
    category("clothing", 89.0, false, [0.8, 1.8, 1.8, 2.8, 3.0, 0.6], 150, None),
    category("toys", 69.0, false, [0.1, 0.5, 1.5, 3.0, 3.5, 0.8], 150, Some((8, 0.25))),
    category("books", 42.0, false, [0.2, 0.2, 0.6, 2.0, 3.0, 0.8], 120, None),
    category("snacks", 28.0, true, [0.0, 0.0, 0.6, 3.0, 3.0, 0.6], 40, Some((10, 0.20))),
    category("drinks", 32.0, true, [0.0, 0.0, 0.1, 1.2, 1.8, 0.4], 24, None),
    category("strollers", 899.0, false, [0.5, 0.7, 0.2, 0.2, 0.05, 0.0], 24, Some((5, 0.30))),
];

/// Categories that a child grows out of with its nappies and its milk.
pub(super) const OUTGROWN: [usize; 3] = [1, 2, 3];

/// The product's name: category, size of the stage, number.
pub(super) fn product(category: usize, stage: Stage, number: u64) -> String {
    format!("{}-{}-{number:03}", CATEGORIES[category].name, stage as u8)
}

/// The list price of a product on a day: its own, rising by four per cent a year.
pub(super) fn price(category: usize, number: u64, years: f64) -> f64 {
    let mut own = Dice::of(0x9e0d, category as u64 * 1_000 + number);
    let spread = if CATEGORIES[category].consumable { 0.25 } else { 0.5 };
    own.lognormal(CATEGORIES[category].price, spread) * 1.04_f64.powf(years)
}

/// The shops' year: how strong demand is on each day, cumulated, so that a gap can be measured along it.
pub(super) struct Season {
    first: i32,
    added: Vec<f64>,
}

impl Season {
    pub fn new(first: i32, days: i32) -> Self {
        let mut added = Vec::with_capacity(days as usize + 1);
        let mut sum = 0.0;
        added.push(sum);
        for day in first..first + days {
            sum += Self::strength(day);
            added.push(sum);
        }
        Season { first, added }
    }

    /// One on an ordinary weekday.
    fn strength(day: i32) -> f64 {
        let date = date_of(day);
        let weekend = if date.weekday().num_days_from_monday() >= 5 { 1.35 } else { 1.0 };
        let occasion = match (date.month(), date.day()) {
            (6, 1..=18) => 1.6,
            (11, 1..=12) => 2.0,
            (12, 10..=13) => 1.4,
            (1, 15..=31) => 1.25,
            (2, 1..=9) => 0.5,
            (8, _) => 0.9,
            _ => 1.0,
        };
        weekend * occasion
    }

    /// The instant (in days) `gap` ordinary days after `from`; infinite past the end.
    pub fn after(&self, from: f64, gap: f64) -> f64 {
        let target = self.at(from) + gap;
        let place = self.added.partition_point(|&sum| sum <= target);
        if place == 0 || place >= self.added.len() {
            return f64::INFINITY;
        }
        let (low, high) = (self.added[place - 1], self.added[place]);
        f64::from(self.first) + (place - 1) as f64 + (target - low) / (high - low)
    }

    fn at(&self, instant: f64) -> f64 {
        let offset = (instant - f64::from(self.first)).clamp(0.0, (self.added.len() - 1) as f64);
        let place = (offset as usize).min(self.added.len().saturating_sub(2));
        let (low, high) = (self.added[place], self.added[place + 1]);
        low + (offset - place as f64) * (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_walk_along_the_year() {
        let season = Season::new(19_000, 1_000);
        let there = season.after(19_010.25, 40.0);
        assert!(there > 19_010.25 && there < 19_060.0, "{there}");
        assert!((season.at(there) - season.at(19_010.25) - 40.0).abs() < 1e-9);
        assert_eq!(season.after(19_990.0, 400.0), f64::INFINITY);
    }

    #[test]
    fn a_child_grows() {
        assert_eq!(Stage::of_age(-30), Stage::Pregnancy);
        assert_eq!(Stage::of_age(0), Stage::Months0To6);
        assert_eq!(Stage::of_age(364), Stage::Months6To12);
        assert_eq!(Stage::of_age(9_999), Stage::Beyond);
    }
}
