//! The fit: from histories up to one instant to a bundle that predicts.
//!
//! | module | decides |
//! |---|---|
//! | `lifetime` | the lifetime models of a base |
//! | `horizon` | the rows that a horizon learns from |
//! | `learners` | the base learners and how complex they are |
//! | `stacking` | how much each of them counts |
//! | `windows` | what past windows showed beside what was expected of them |
//! | `base_rate`, `kernel` | the base rate of the coming window and how sure it is |
//! | `purchase` | these together: the purchase probability |
//! | `spend` | orders, spend and their totals |
//! | `base` | what the base looks like at `as_of` |

mod base;
mod base_rate;
mod horizon;
mod kernel;
mod learners;
mod lifetime;
mod purchase;
mod spend;
mod stacking;
mod windows;

use std::collections::BTreeMap;

use homing_datasets::guards::{AmountRange, Closures};
use homing_datasets::{Histories, Micros, Zone};
use homing_models::Bundle;
use homing_models::bundle::{DataFingerprint, HorizonPart, Manifest};
use homing_models::sampling::{mix, mix_text};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::rows::{first_purchase, rows};
use crate::snapshots::plan;
use crate::task::Task;
use horizon::HorizonData;
use windows::Times;

pub use lifetime::{money, options as lifetime_options, spends};

/// Maximum number of customers of today's base that base rates and percentiles are taken from.
const MAX_BASE_ROWS: usize = 20_000;

/// Fits a bundle to everything known at `as_of`; `metrics` go into its manifest. `step` is told of each step
/// before it is taken.
///
/// # Errors
/// [`Error::Refused`] when nobody has bought, [`Error::InvalidArgument`] for a horizon out of range, and what the estimators say.
pub fn fit(
    histories: &Histories,
    as_of: Micros,
    task: &Task,
    metrics: serde_json::Value,
    step: &(dyn Fn(&str) + Sync),
) -> Result<Bundle, Error> {
    let horizons = task.all_horizons()?;
    step("lifetime models");
    let closures = Closures::of(histories, as_of, task.zone);
    let base = rows(histories, &[as_of], None, task.zone, usize::MAX, task.seed).without(
        &closures,
        &[as_of],
        task.zone,
    );
    let first = first_purchase(histories).filter(|&first| first <= as_of && !base.is_empty());
    let Some(first) = first else {
        return Err(Error::Refused { lacks: vec!["no purchase of a positive amount before `as_of`".into()] });
    };
    let lifetime = lifetime::fit(&base)?;
    let base = base.thinned(MAX_BASE_ROWS);
    let kept_share = if task.net_of_returns { lifetime::kept_share(histories, as_of) } else { 1.0 };
    let mut parts = Vec::with_capacity(horizons.len());
    for &days in &horizons {
        step(&format!("{days} days: snapshots"));
        let plan = plan(first, as_of, days, &closures, task.zone);
        let data = match &plan {
            Some(plan) => {
                let times = Times { first, as_of, closures: &closures };
                HorizonData::gather(histories, &times, task, plan, &base, days, kept_share)
            }
            None => None,
        };
        parts.push(match data {
            Some(data) => {
                step(&format!("{days} days: {} rows", data.alike.rows.len()));
                let purchase = purchase::fit(&data, &lifetime.orders)?;
                let value = spend::fit(&data, &lifetime, &purchase)?;
                HorizonPart { purchase, value }
            }
            None => lifetime::alone(days, kept_share),
        });
    }
    let base = base::describe(&base, &lifetime, &parts, task.churn_horizon);
    let manifest = Manifest { closures, ..manifest(histories, as_of, task, horizons, metrics) };
    Ok(Bundle::new(manifest, lifetime, parts, base)?)
}

/// The manifest of a fit; format, version and parts are filled in by the bundle.
fn manifest(
    histories: &Histories,
    as_of: Micros,
    task: &Task,
    horizons: Vec<u32>,
    metrics: serde_json::Value,
) -> Manifest {
    Manifest {
        format: 0,
        name: task.name.clone(),
        version: String::new(),
        homing: String::new(),
        as_of,
        as_of_text: task.zone.format(as_of),
        horizons,
        churn_horizon: task.churn_horizon,
        value_horizon: task.value_horizon,
        discount_rate: task.discount_rate,
        net_of_returns: task.net_of_returns,
        coherent: true,
        closures: Closures::default(),
        timezone: task.zone,
        seed: task.seed,
        feature_schema: String::new(),
        features: Vec::new(),
        data: fingerprint(histories, as_of, task.zone),
        metrics,
        parts: BTreeMap::new(),
    }
}

/// The fingerprint of the data up to `as_of`.
fn fingerprint(histories: &Histories, as_of: Micros, zone: Zone) -> DataFingerprint {
    let each: Vec<(u64, u64, u64)> = histories
        .par_iter()
        .map(|(id, history)| {
            let view = history.as_of(as_of);
            let mut hash = mix_text(id);
            for ((at, kind), amount) in view.occurred_at().iter().zip(view.kind()).zip(view.amount()) {
                hash = mix(hash ^ *at as u64);
                hash = mix(hash ^ amount.to_bits() ^ *kind as u64);
            }
            let bought = history.first_purchase().is_some_and(|first| first <= as_of);
            (hash, view.len() as u64, u64::from(bought))
        })
        .collect();
    let mut sha = Sha256::new();
    each.iter().for_each(|(hash, _, _)| sha.update(hash.to_le_bytes()));
    let date = |instant: Option<Micros>| instant.map(|t| zone.date(t)).unwrap_or_default();
    DataFingerprint {
        customers: each.iter().map(|one| one.2).sum(),
        events: each.iter().map(|one| one.1).sum(),
        amounts: AmountRange::of(histories, as_of),
        first: date(histories.first_instant()),
        last: date(histories.last_instant().map(|last| last.min(as_of))),
        sha256: sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
