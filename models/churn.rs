//! Churn: the risk of no purchase within the business's horizon, and the value at risk.

use serde::{Deserialize, Serialize};

/// The base that a customer's risk is placed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChurnBase {
    /// The horizon in days.
    pub days: u32,
    /// Churn risks at the 1st to 99th percentile of the customers that the model was fitted on.
    pub thresholds: Vec<f64>,
}

impl ChurnBase {
    /// The place of a risk in the base, 1 (safest) to 100.
    #[must_use]
    pub fn percentile(&self, risk: f64) -> u8 {
        percentile(&self.thresholds, risk)
    }
}

/// What the business may lose: the discounted lifetime value that is still expected, times the risk.
/// Highest where much is expected and nothing is certain; small for customers long gone and for loyal ones.
///
/// ```
/// assert_eq!(homing_models::churn::value_at_risk(0.5, 200.0), 100.0);
/// ```
#[must_use]
pub fn value_at_risk(churn_risk: f64, clv: f64) -> f64 {
    churn_risk * clv
}

/// The class of a value, 1 to 100, by ascending thresholds of the 1st to 99th percentile.
///
/// ```
/// use homing_models::churn::percentile;
///
/// let thresholds: Vec<f64> = (1..100).map(|p| f64::from(p) / 100.0).collect();
/// assert_eq!((percentile(&thresholds, 0.005), percentile(&thresholds, 0.995)), (1, 100));
/// ```
#[must_use]
pub fn percentile(thresholds: &[f64], value: f64) -> u8 {
    (thresholds.partition_point(|&threshold| threshold <= value) + 1).min(100) as u8
}
