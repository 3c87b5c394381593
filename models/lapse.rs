//! Lapse by the customer's purchase cycle: six months without an order are long for one customer and usual for
//! another.
//!
//! A customer **lapses** on the day on which recency exceeds what their purchase cycle explains: twice the longest
//! gap or four times the median gap, whichever is longer, and at least 90 days. One-time buyers have no purchase
//! cycle; for them it is 90 days. The shipped catalogue uses this definition for the stage `lost`.

use crate::features::F;
use crate::prediction::Prediction;
use crate::repurchase::PurchaseCurve;

/// The least recency that is a lapse, in days.
pub const LEAST_DAYS: f64 = 90.0;

/// The recency that is a lapse, in days; NaN gaps are those of a one-time buyer.
///
/// ```
/// use homing_models::lapse::limit_days;
///
/// assert_eq!(limit_days(f64::NAN, f64::NAN), 90.0); // one order: no cycle to go by
/// assert_eq!(limit_days(100.0, 80.0), 320.0);
/// ```
#[must_use]
pub fn limit_days(gap_max: f64, gap_median: f64) -> f64 {
    LEAST_DAYS.max(2.0 * gap_max).max(4.0 * gap_median)
}

/// Days until a customer with these features lapses; zero or less after the lapse. NaN without a purchase.
#[must_use]
pub fn left_days(features: &[f64]) -> f64 {
    let get = |feature: F| features.get(feature as usize).copied().unwrap_or(f64::NAN);
    limit_days(get(F::gap_max_days), get(F::gap_median_days)) - get(F::recency_days)
}

/// The probability of no purchase within so many days, by the purchase curve of a prediction.
#[must_use]
pub fn silent_for(prediction: &Prediction, days: f64) -> f64 {
    let points: Vec<(u32, f64)> = prediction.at.iter().map(|at| (at.days, at.p_purchase)).collect();
    1.0 - PurchaseCurve::through(&points).at(days.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::COUNT;

    #[test]
    fn each_customer_has_a_clock_of_its_own() {
        assert_eq!(limit_days(f64::NAN, f64::NAN), 90.0);
        assert_eq!(limit_days(20.0, 10.0), 90.0);
        assert_eq!(limit_days(100.0, 20.0), 200.0);
        assert_eq!(limit_days(100.0, 80.0), 320.0);
        let mut features = vec![f64::NAN; COUNT];
        assert!(left_days(&features).is_nan());
        features[F::recency_days as usize] = 100.0;
        assert_eq!(left_days(&features), -10.0);
        features[F::gap_max_days as usize] = 100.0;
        features[F::gap_median_days as usize] = 20.0;
        assert_eq!(left_days(&features), 100.0);
    }
}
