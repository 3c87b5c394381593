//! One customer as the estimators see it.

use homing_datasets::guards::Closures;

use crate::features::{COUNT, F};
use crate::lifetimes::Recency;

/// What the estimators see of a customer at an instant: one row, of training data or of a history that is scored.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Features in single precision (length [`COUNT`]), for trees and linear models.
    pub x: &'a [f32],
    /// Repeat orders, time of the last and age, in days, for lifetime models.
    pub recency: Recency,
    /// Mean order value so far.
    pub order_value: f64,
}

/// A customer who has a purchase, with all that is derived from the features.
#[derive(Clone, Debug)]
pub struct Customer<'a> {
    /// Features as [`crate::features::compute`] made them.
    pub features: &'a [f64],
    x: [f32; COUNT],
    recency: Recency,
}

impl<'a> Customer<'a> {
    /// A customer with these features (length [`COUNT`]), who has a purchase.
    #[must_use]
    pub fn of(features: &'a [f64]) -> Self {
        let mut x = [0.0; COUNT];
        for (single, &double) in x.iter_mut().zip(features) {
            *single = double as f32;
        }
        Customer { features, x, recency: recency_of(features) }
    }

    /// The customer on a day, without the days on which the shop was closed.
    #[must_use]
    pub fn without(mut self, closures: &Closures, today: i32) -> Self {
        self.recency = open_days(self.recency, closures, today);
        self
    }

    /// The value of a feature.
    #[must_use]
    pub fn get(&self, feature: F) -> f64 {
        self.features[feature as usize]
    }

    /// What the estimators see.
    #[must_use]
    pub fn row(&self) -> Row<'_> {
        Row { x: &self.x, recency: self.recency, order_value: self.get(F::order_value_mean) }
    }
}

/// What the lifetime models need, in days, from features of a customer who has a purchase.
#[must_use]
pub fn recency_of(features: &[f64]) -> Recency {
    let get = |feature: F| features[feature as usize];
    let age = get(F::tenure_days);
    Recency::new(get(F::orders) as u32 - 1, age - get(F::recency_days), age)
}

/// A customer's times on a day in days on which the shop was open: nobody stays away from a shop that is closed.
#[must_use]
pub fn open_days(recency: Recency, closures: &Closures, today: i32) -> Recency {
    let first = today - recency.age as i32;
    let last = first + recency.recency as i32;
    let until_last = f64::from(closures.days_between(first, last));
    let since_last = f64::from(closures.days_between(last, today));
    Recency::new(recency.frequency, recency.recency - until_last, recency.age - until_last - since_last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_counts_for_no_customer() {
        let closures: Closures = serde_json::from_str(r#"[{"first_day": 100, "days": 60}]"#).unwrap();
        let at = |first: i32, last: i32, today: i32| {
            let times = Recency::new(3, f64::from(last - first), f64::from(today - first));
            let open = open_days(times, &closures, today);
            (open.recency, open.age)
        };
        assert_eq!(at(10, 99, 200), (89.0, 130.0), "silent through it");
        assert_eq!(at(10, 180, 200), (110.0, 130.0), "came back after it");
        assert_eq!(at(170, 180, 200), (10.0, 30.0), "new since");
        assert_eq!(at(10, 50, 130), (40.0, 90.0), "looked at during it");
    }
}
