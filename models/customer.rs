//! One customer as the estimators see it.

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
