//! One customer as the estimators see it.

use crate::features::{COUNT, F};
use crate::lifetimes::Recency;

/// The numbers that every estimator needs of one customer, taken from its features.
#[derive(Clone, Debug)]
pub struct Customer<'a> {
    /// Features as [`crate::features::compute`] made them.
    pub features: &'a [f64],
    /// The same in single precision, for trees.
    pub row: [f32; COUNT],
    /// Repeat orders, time of the last and age, in days, for lifetime models.
    pub recency: Recency,
}

impl<'a> Customer<'a> {
    /// A customer with these features (length [`COUNT`]), who has a purchase.
    #[must_use]
    pub fn of(features: &'a [f64]) -> Self {
        let mut row = [0.0; COUNT];
        for (single, &double) in row.iter_mut().zip(features) {
            *single = double as f32;
        }
        Customer { features, row, recency: recency_of(features) }
    }

    /// The value of a feature.
    #[must_use]
    pub fn get(&self, feature: F) -> f64 {
        self.features[feature as usize]
    }
}

/// What the lifetime models need, in days, from features of a customer who has a purchase.
#[must_use]
pub fn recency_of(features: &[f64]) -> Recency {
    let get = |feature: F| features[feature as usize];
    let age = get(F::tenure_days);
    Recency::new(get(F::orders) as u32 - 1, age - get(F::recency_days), age)
}
