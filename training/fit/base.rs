//! The base at `as_of`, against which customers are ranked and drift is seen.

use homing_models::bundle::{BasePart, HorizonPart, LifetimePart};
use homing_models::calibration::percentiles;
use homing_models::churn::ChurnBase;
use rayon::prelude::*;

use super::lifetime::log_odds;
use crate::rows::Rows;

/// Churn risks, typical log-odds and deciles of the features of the base.
#[must_use]
pub fn describe(base: &Rows, lifetime: &LifetimePart, parts: &[HorizonPart], churn_horizon: u32) -> BasePart {
    let part = parts.iter().find(|part| part.purchase.days == churn_horizon).or(parts.last());
    let mut risks = Vec::new();
    let mut typical = 0.0;
    if let Some(HorizonPart { purchase, .. }) = part {
        let learned = log_odds(&base.recency, &lifetime.orders, purchase.learned_days);
        typical = learned.iter().sum::<f64>() / base.len().max(1) as f64;
        risks = (0..base.len())
            .into_par_iter()
            .with_min_len(256)
            .map(|i| 1.0 - purchase.probability(base.row(i), &lifetime.orders))
            .collect();
    }
    let churn = ChurnBase { days: churn_horizon, thresholds: percentiles(risks) };
    BasePart { churn, typical_log_odds: typical, deciles: deciles(base) }
}

/// Eleven values a feature, from 0 to 100 %; none where nothing is known.
fn deciles(base: &Rows) -> Vec<Vec<f64>> {
    let of = |column: ndarray::ArrayView1<'_, f32>| {
        let mut known: Vec<f32> = column.iter().copied().filter(|x| !x.is_nan()).collect();
        known.sort_by(f32::total_cmp);
        let last = known.len().saturating_sub(1);
        (0..=10).filter_map(|i| known.get(last * i / 10).map(|&x| f64::from(x))).collect()
    };
    base.matrix().columns().into_iter().map(of).collect()
}
