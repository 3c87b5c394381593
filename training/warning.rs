//! Early warning: of the customers who then lapse, how many were named in time.
//!
//! Everything is learned up to a cutoff T and flagged on that day. **Lapse** goes by each customer's own purchase cycle
//! ([`homing_models::lapse`]): the day on which the time since the last order passes twice the longest gap or four times the
//! median gap so far, and at least 90 days; later orders move it. The base are customers who have bought and have not lapsed by T. Those who
//! lapse for the first time in (T + 30, T + horizon] are to be named: whoever is flagged among them was named 30 days ahead
//! or more. Who lapses within 30 days of T cannot be named in time any more and is not counted as found, but stays in the
//! base. A lapse that ends with a later order was a lapse all the same.

use homing_datasets::Histories;
use homing_models::features::F;
use homing_models::lapse::{first_lapse, left_days, silent_for};
use homing_models::{Bundle, Outcome, Prediction, Scoring};
use rayon::prelude::*;
use serde::Serialize;

/// Days ahead that a customer must be named.
pub const LEAD_DAYS: u32 = 30;

/// Shares of the base that are flagged.
pub const SHARES: [f64; 3] = [0.1, 0.2, 0.3];

/// How many of those who lapsed one way of flagging named in time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flagging {
    /// The score that customers are flagged by.
    pub name: &'static str,
    /// Of those who lapsed, the share that was flagged, with each of [`SHARES`] of the base flagged.
    pub named: [f64; 3],
    /// Of those flagged, the share that lapsed, likewise.
    pub right: [f64; 3],
}

/// The early warning of one cutoff.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Warning {
    /// Customers who had bought and had not lapsed.
    pub base: usize,
    /// Of whom lapsed in time to be named.
    pub lapsed: usize,
    /// Days ahead.
    pub lead_days: u32,
    /// Shares of the base that were flagged.
    pub flagged: [f64; 3],
    /// homing's early warning, its churn risk, then the rules.
    pub flaggings: Vec<Flagging>,
}

/// The names of the ways to flag; the last four are rules that need no model. The last of them knows as much of the definition as
/// homing does: whoever reaches the lapse limit within the window comes first.
const NAMES: [&str; 6] = [
    "homing: early warning",
    "homing: churn risk",
    "rule: recency",
    "rule: recency / median gap",
    "rule: recency / lapse limit",
    "rule: lapse limit in window",
];

/// Flags with a model that was learned at its own cutoff, and looks at what then happened within `days`.
#[must_use]
pub fn early_warning(bundle: &Bundle, histories: &Histories, days: u32) -> Warning {
    let (cutoff, zone) = (bundle.manifest().as_of, bundle.manifest().timezone);
    let known: Vec<([f64; 6], bool)> = histories
        .par_iter()
        .filter_map(|(_, history)| {
            let Scoring { features, outcome } = bundle.predict_numbers(history, cutoff);
            let Outcome::Scored(prediction) = outcome else { return None };
            let left = left_days(&features);
            if left <= 0.0 {
                return None;
            }
            let get = |feature: F| features[feature as usize];
            let recency = get(F::recency_days);
            let limit = recency + left;
            let scores = [
                risk(&prediction, left, limit, f64::from(days)),
                prediction.churn_risk,
                recency,
                // With one order there is no gap; the rule then takes the lapse limit.
                recency / if get(F::gap_median_days) > 0.0 { get(F::gap_median_days) } else { limit },
                recency / limit,
                recency / limit + f64::from(u8::from(left > f64::from(LEAD_DAYS) && left <= f64::from(days))),
            ];
            let lapse = first_lapse(history, cutoff, days, zone);
            Some((scores, lapse.is_some_and(|after| after > LEAD_DAYS)))
        })
        .collect();
    let lapsed = known.iter().filter(|one| one.1).count();
    let flaggings = NAMES.into_iter().enumerate().map(|(at, name)| {
        let mut order: Vec<usize> = (0..known.len()).collect();
        order.sort_by(|&a, &b| known[b].0[at].total_cmp(&known[a].0[at]).then(a.cmp(&b)));
        let found = |share: f64| {
            let many = (known.len() as f64 * share).round() as usize;
            (order[..many].iter().filter(|&&one| known[one].1).count() as f64, many as f64)
        };
        Flagging {
            name,
            named: SHARES.map(|share| found(share).0 / lapsed.max(1) as f64),
            right: SHARES.map(|share| found(share).0 / found(share).1.max(1.0)),
        }
    });
    let flaggings = flaggings.collect();
    Warning { base: known.len(), lapsed, lead_days: LEAD_DAYS, flagged: SHARES, flaggings }
}

/// The probability to lapse for the first time between the lead and the horizon: the customer orders nothing until
/// the lapse, or an order comes that leaves time for another lapse.
fn risk(prediction: &Prediction, left: f64, limit: f64, horizon: f64) -> f64 {
    let goes_on =
        if left > f64::from(LEAD_DAYS) && left <= horizon { silent_for(prediction, left) } else { 0.0 };
    let again = 1.0 - silent_for(prediction, horizon - limit);
    goes_on + again * silent_for(prediction, limit)
}
