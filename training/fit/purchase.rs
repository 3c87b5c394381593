//! The model of the purchase probability within one horizon: base learners, stacking, base rate.

use homing_models::boosting::{Booster, sigmoid};
use homing_models::calibration::offset;
use homing_models::features::COUNT;
use homing_models::lifetimes::Lifetime;
use homing_models::repurchase::{BaseLearners, PurchaseModel};
use homing_models::sampling::mix;
use rayon::prelude::*;

use super::base_rate::{BESIDE_RANKING, Forecast, Past, beside_lifetime, combined, forecast};
use super::horizon::HorizonData;
use super::learners::{Sample, enough};
use super::lifetime::log_odds;
use super::stacking::{LEARNERS, Stacking};
use crate::error::Error;

/// Maximum number of rows that the linear model is fitted to, and where it only serves to learn the stacking weights.
const LINEAR_ROWS: usize = 40_000;
const OUT_OF_FOLD_LINEAR_ROWS: usize = 15_000;

/// About the most rows that trees are fitted to where they only serve to learn the stacking weights.
const OUT_OF_FOLD_ROWS: usize = 50_000;

/// Fewest rows of a snapshot whose base rate counts, and about the most that are looked at.
const MIN_SNAPSHOT_ROWS: usize = 50;
const MAX_SNAPSHOT_ROWS: usize = 4000;

/// Rows of the latest snapshot beyond which one half of its customers is enough to learn the stacking weights.
const ONE_FOLD_ROWS: usize = 8000;

/// Fits the model of one horizon; `lifetime` is the lifetime model of today's base.
///
/// # Errors
/// What the base learners say.
pub fn fit(data: &HorizonData<'_>, lifetime: &Lifetime) -> Result<PurchaseModel, Error> {
    let stacking = stacking(data, lifetime)?;
    let base_learners = base_learners(data, &stacking)?;
    let mut model = PurchaseModel {
        days: data.days,
        learned_days: data.learned_days,
        base_learners: Some(base_learners),
        slope: stacking.slope,
        offset: 0.0,
        offset_sd: 0.0,
    };
    let asked = log_odds(&data.base.recency, lifetime, data.days);
    let ranking: Vec<f64> = (0..data.base.len())
        .into_par_iter()
        .with_min_len(256)
        .map(|i| model.log_odds(data.base.row(i), lifetime))
        .collect();
    let series = data.windows.purchases(lifetime);
    let beside = beside_lifetime(&series, data.learned_days, data.days);
    let expected = asked.iter().map(|&z| sigmoid(z + beside.mean)).sum::<f64>() / asked.len().max(1) as f64;
    let by_lifetime = Forecast { mean: offset(&ranking, expected), ..beside };
    let by_ranking = ranking_forecast(data, &model, lifetime);
    let offset = combined(by_lifetime, by_ranking);
    model.offset = offset.mean;
    model.offset_sd = offset.sd;
    Ok(model)
}

/// The calibration offset of the coming window if base rates beside the ranking go on as they did.
fn ranking_forecast(data: &HorizonData<'_>, model: &PurchaseModel, lifetime: &Lifetime) -> Forecast {
    let (sample, days_ago) = data.longest();
    let rows = &sample.rows;
    let series: Vec<Past> = rows
        .by_snapshot()
        .into_par_iter()
        .enumerate()
        .filter(|(_, range)| range.len() >= MIN_SNAPSHOT_ROWS)
        .map(|(j, range)| {
            let step = range.len().div_ceil(MAX_SNAPSHOT_ROWS);
            let picked: Vec<usize> = range.step_by(step).collect();
            let ranking: Vec<f64> =
                picked.iter().map(|&row| model.learned_log_odds(rows.row(row), lifetime)).collect();
            let bought = picked.iter().filter(|&&row| rows.labels[row].bought).count() as f64;
            let rate = (bought + 0.5) / (picked.len() as f64 + 1.0);
            let variance = 1.0 / (picked.len() as f64 * rate * (1.0 - rate));
            Past { days_ago: days_ago[j], offset: offset(&ranking, rate), variance }
        })
        .collect();
    let centre = series.iter().map(|past| past.offset).sum::<f64>() / series.len().max(1) as f64;
    let centred: Vec<Past> =
        series.iter().map(|past| Past { offset: past.offset - centre, ..*past }).collect();
    let found = forecast(&centred, BESIDE_RANKING, data.learned_days, data.days);
    Forecast { mean: centre + found.mean, ..found }
}

/// Fits the learners that count to all rows of the past.
fn base_learners(data: &HorizonData<'_>, stacking: &Stacking) -> Result<BaseLearners, Error> {
    let samples = [Some(&data.alike), data.whole.as_ref(), data.short.as_ref()];
    let counting: Vec<(&Sample, f64, u64)> = samples
        .into_iter()
        .zip(stacking.weights)
        .zip(0u64..)
        .filter_map(|((sample, weight), number)| Some((sample?, weight, number)))
        .filter(|(_, weight, _)| *weight > 0.0)
        .collect();
    let all = |sample: &Sample| (0..sample.rows.len()).collect::<Vec<usize>>();
    let (trees, linear) = rayon::join(
        || -> Result<Vec<(f64, Booster)>, Error> {
            counting
                .into_par_iter()
                .map(|(sample, weight, number)| {
                    Ok((weight, sample.trees(&all(sample), data.seed ^ number)?.0))
                })
                .collect()
        },
        || data.alike.linear(&all(&data.alike), LINEAR_ROWS, data.seed),
    );
    let trees = trees?;
    let total: f64 = trees.iter().map(|(weight, _)| weight).sum();
    let parts: Vec<(f64, &Booster)> = trees.iter().map(|(weight, trees)| (weight / total, trees)).collect();
    let tree = Booster::together(&parts).ok_or(Error::NoTrees)?;
    Ok(BaseLearners { tree, linear: linear?, weights: [total, stacking.weights[3]] })
}

/// Learns the stacking in the latest snapshot: each half of its customers (where they are many: one half) is predicted by base
/// learners that were fitted to the other half in the snapshots before it.
fn stacking(data: &HorizonData<'_>, now: &Lifetime) -> Result<Stacking, Error> {
    let rows = &data.alike.rows;
    let available = [true, data.whole.is_some(), data.short.is_some(), true, true];
    let Some(latest) = rows.by_snapshot().first().cloned() else {
        return Ok(Stacking::prior(available));
    };
    let lifetime = log_odds(&rows.recency[latest.clone()], now, data.learned_days);
    let half = |customer: u32| mix(data.seed ^ u64::from(customer)) & 1;
    let mut out_of_fold = Vec::with_capacity(latest.len());
    let mut bought = Vec::with_capacity(latest.len());
    let folds = if latest.len() > ONE_FOLD_ROWS { 1 } else { 2 };
    for fold in 0..folds {
        // The other half's rows; the latest snapshot is left out where there are enough others.
        let picked = |sample: &Sample, own_windows: bool| -> Vec<usize> {
            let snapshots = sample.rows.by_snapshot();
            let from = match snapshots.first() {
                Some(first) if own_windows && snapshots.len() > 3 => first.end,
                _ => 0,
            };
            let mut picked: Vec<usize> =
                (from..sample.rows.len()).filter(|&row| half(sample.rows.customer[row]) != fold).collect();
            // Whole customers are left out, so that every snapshot keeps its share.
            let share = OUT_OF_FOLD_ROWS as f64 / picked.len().max(1) as f64;
            let bar = (share.min(1.0) * u64::MAX as f64) as u64;
            picked.retain(|&row| mix(data.seed ^ 7 ^ mix(u64::from(sample.rows.customer[row]))) <= bar);
            picked
        };
        let samples = [Some(&data.alike), data.whole.as_ref(), data.short.as_ref()];
        let mut trees = Vec::new();
        for (number, sample) in (0u64..).zip(samples) {
            let Some(sample) = sample else {
                trees.push(None);
                continue;
            };
            let picked = picked(sample, number < 2);
            if !enough(&sample.rows, &picked) {
                return Ok(Stacking::prior(available));
            }
            trees.push(Some(sample.trees(&picked, data.seed ^ fold ^ number)?.0));
        }
        let linear =
            data.alike.linear(&picked(&data.alike, true), OUT_OF_FOLD_LINEAR_ROWS, data.seed ^ fold)?;
        let held: Vec<usize> = latest.clone().filter(|&row| half(rows.customer[row]) == fold).collect();
        let features: Vec<f32> = held.iter().flat_map(|&row| rows.features[row]).collect();
        let margins: Vec<Vec<f64>> = trees
            .iter()
            .map(|trees| match trees {
                Some(trees) => trees.margins(&features, COUNT),
                None => vec![0.0; held.len()],
            })
            .collect();
        for (at, &row) in held.iter().enumerate() {
            let mut each = [0.0; LEARNERS];
            (0..3).for_each(|k| each[k] = margins[k][at]);
            each[3] = linear.margin(&rows.features[row]);
            each[4] = lifetime[row - latest.start];
            out_of_fold.push(each);
            bought.push(rows.labels[row].bought);
        }
    }
    Ok(Stacking::fit(&out_of_fold, &bought, available))
}
