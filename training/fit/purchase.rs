//! The model of the purchase probability within one horizon: base learners, stacking, base rate.

use homing_models::boosting::{Booster, sigmoid};
use homing_models::calibration::level;
use homing_models::lifetimes::Lifetime;
use homing_models::repurchase::{Members, ReturnModel};
use homing_models::sampling::mix;
use rayon::prelude::*;

use super::base_rate::{Past, forecast, uncertainty};
use super::horizon::{HorizonData, MIN_OUTCOMES, MIN_SNAPSHOT_ROWS};
use super::learners::{BaseLearners, LINEAR_ROWS, Sample};
use super::lifetime::log_odds;
use super::stacking::Stacking;
use crate::error::Error;

/// Maximum number of rows that the linear model is fitted to where it only serves to learn the stacking weights.
const OUT_OF_FOLD_LINEAR_ROWS: usize = 15_000;

/// Fits the model of one horizon; `lifetime` is the lifetime model of today's base, `short_horizon` are the trees of
/// the short-horizon model, where there are any.
///
/// # Errors
/// What the base learners say.
pub fn fit(
    data: &HorizonData<'_>,
    lifetime: &Lifetime,
    short_horizon: Option<&Booster>,
) -> Result<ReturnModel, Error> {
    let rows = &data.rows;
    let mut learners = BaseLearners::fit(&Sample {
        rows,
        bins: &data.bins,
        binned: &data.binned,
        picked: (0..rows.len()).collect(),
        linear_rows: LINEAR_ROWS,
        seed: data.seed,
    })?;
    if let Some(short_horizon) = short_horizon {
        learners.mix_in(short_horizon, rows)?;
    }
    let Stacking { weights: [tree, linear, _], slope } = stacking(data)?;
    let BaseLearners { tree: trees, linear: linear_model, tree_log_odds } = learners;
    let members = Members { tree: trees, linear: linear_model, weights: [tree, linear] };
    let lifetime_then = log_odds(&rows.recency, lifetime, data.learned_days);
    let ranking: Vec<f64> = (0..rows.len())
        .into_par_iter()
        .with_min_len(256)
        .map(|i| {
            let linear = members.linear.margin(&rows.features[i]);
            slope * members.weigh([tree_log_odds[i], linear], lifetime_then[i])
        })
        .collect();
    let series = base_rates(data, &ranking);
    let mut model = ReturnModel {
        days: data.days,
        learned_days: data.learned_days,
        members: Some(members),
        slope,
        level: 0.0,
        level_sd: 0.0,
    };
    let learned = log_odds(&data.base.recency, lifetime, data.learned_days);
    let asked = log_odds(&data.base.recency, lifetime, data.days);
    // What `ReturnModel::log_odds` says, summed in the order of the first version: fits stay equal to the bit.
    let base_ranking: Vec<f64> = (0..data.base.len())
        .into_par_iter()
        .with_min_len(256)
        .map(|i| model.learned_log_odds(data.base.row(i), lifetime) + asked[i] - learned[i])
        .collect();
    model.level = level(&base_ranking, mean_probability(&asked)) + forecast(&series);
    model.level_sd = uncertainty(&series, data.learned_days, data.days);
    Ok(model)
}

/// The base rate of each past window beside what the lifetime model of its own day expected, in log-odds: the ageing
/// of the base, which that model sees, is taken out; season and shocks are left.
fn base_rates(data: &HorizonData<'_>, ranking: &[f64]) -> Vec<Past> {
    data.rows
        .by_snapshot()
        .into_par_iter()
        .enumerate()
        .filter(|(_, rows)| rows.len() >= MIN_SNAPSHOT_ROWS)
        .map(|(j, rows)| {
            let bought = data.rows.labels[rows.clone()].iter().filter(|label| label.bought).count();
            let rate = (bought as f64 + 0.5) / (rows.len() as f64 + 1.0);
            let expected = log_odds(&data.rows.recency[rows.clone()], &data.lifetimes[j], data.learned_days);
            let ranking = &ranking[rows];
            let offset = level(ranking, rate) - level(ranking, mean_probability(&expected));
            Past { days_ago: data.days_ago[j], offset }
        })
        .collect()
}

fn mean_probability(log_odds: &[f64]) -> f64 {
    log_odds.iter().map(|&z| sigmoid(z)).sum::<f64>() / log_odds.len().max(1) as f64
}

/// Learns the stacking in the latest snapshot: each half of its customers is predicted by base learners that were
/// fitted to the other half in the snapshots before it.
fn stacking(data: &HorizonData<'_>) -> Result<Stacking, Error> {
    let rows = &data.rows;
    let snapshots = rows.by_snapshot();
    let (Some(latest), Some(then)) = (snapshots.first().cloned(), data.lifetimes.first()) else {
        return Ok(Stacking::default());
    };
    let lifetime = log_odds(&rows.recency[latest.clone()], then, data.learned_days);
    let from = if snapshots.len() > 3 { latest.end } else { 0 };
    let half = |row: usize| mix(data.seed ^ u64::from(rows.customer[row])) & 1;
    let mut out_of_fold = Vec::with_capacity(latest.len());
    let mut bought = Vec::with_capacity(latest.len());
    for fold in 0..2 {
        let picked: Vec<usize> = (from..rows.len()).filter(|&row| half(row) != fold).collect();
        let outcomes = picked.iter().filter(|&&row| rows.labels[row].bought).count();
        if outcomes < MIN_OUTCOMES || picked.len() - outcomes < MIN_OUTCOMES {
            return Ok(Stacking::default());
        }
        let learners = BaseLearners::fit(&Sample {
            rows,
            bins: &data.bins,
            binned: &data.binned,
            picked,
            linear_rows: OUT_OF_FOLD_LINEAR_ROWS,
            seed: data.seed ^ fold,
        })?;
        for row in latest.clone().filter(|&row| half(row) == fold) {
            let x = &rows.features[row];
            let lifetime = lifetime[row - latest.start];
            out_of_fold.push([learners.tree.margin(x), learners.linear.margin(x), lifetime]);
            bought.push(rows.labels[row].bought);
        }
    }
    Ok(Stacking::fit(&out_of_fold, &bought))
}
