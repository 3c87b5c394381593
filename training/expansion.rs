//! Category expansion: who is about to buy in a category for the first time.
//!
//! One logistic model a category learns from snapshots: customers who had not bought in it by a cutoff. Its inputs are what they
//! buy in all categories (lately and in total), how often and how long they have been buying; the label is whether they bought in
//! it within the horizon. Windows end at or before the instant of the fit.

use std::collections::HashMap;

use homing_datasets::{DAY, Histories, History, Micros, Zone};
use homing_models::features::{COUNT, Scratch, compute};
use homing_models::linear::Linear;
use homing_models::next::{Basis, Expansion};
use homing_models::sampling::{mix, mix_text};
use ndarray::Array2;
use rayon::prelude::*;
use serde::Serialize;

use crate::error::Error;
use crate::metrics::measures::auc;
use crate::rows::first_purchase;

/// Most categories, those of most customers.
const MOST: usize = 40;
/// Fewest customers of a category.
const LEAST_CUSTOMERS: usize = 50;
/// Fewest first purchases that a model is fitted to.
const LEAST_FIRST: usize = 30;
/// Most customers of a snapshot.
const ROWS: usize = 4_000;
/// Snapshots, and days between them.
const SNAPSHOTS: i64 = 3;
const STEP_DAYS: i64 = 30;
/// Days of history before the first snapshot.
const LEAST_DAYS: i64 = 28;
/// Strength of the penalty on coefficients.
const PENALTY: f64 = 20.0;

/// One customer at one cutoff.
struct Example {
    basis: Basis,
    /// Whether each category was bought within the horizon.
    then: Vec<bool>,
}

/// Learns up to `as_of`; `None` where the data know fewer than two categories or reach back too short.
///
/// # Errors
/// [`Error::Linear`] where the model of a category cannot be fitted.
pub fn fit(
    histories: &Histories,
    as_of: Micros,
    days: u32,
    zone: Zone,
    seed: u64,
) -> Result<Option<Expansion>, Error> {
    let Some(first) = first_purchase(histories) else { return Ok(None) };
    let cutoffs: Vec<Micros> = (0..SNAPSHOTS)
        .map(|at| as_of - (i64::from(days) + at * STEP_DAYS) * DAY)
        .take_while(|cutoff| cutoff - first >= LEAST_DAYS * DAY)
        .collect();
    // Categories are chosen by what was known at the first snapshot's end, like everything else.
    let Some(&latest) = cutoffs.first() else { return Ok(None) };
    let categories = categories(histories, latest);
    if categories.len() < 2 {
        return Ok(None);
    }
    let rows: Vec<Example> = cutoffs
        .iter()
        .enumerate()
        .flat_map(|(at, &cutoff)| {
            examples(histories, cutoff, days, zone, &categories, ROWS, seed ^ at as u64)
        })
        .collect();
    let learned: Vec<Result<(f64, Option<Linear>), Error>> = (0..categories.len())
        .into_par_iter()
        .map(|category| {
            let open: Vec<&Example> = rows.iter().filter(|row| !row.basis.bought[category]).collect();
            let then: Vec<bool> = open.iter().map(|row| row.then[category]).collect();
            let many = then.iter().filter(|&&then| then).count();
            let rate = many as f64 / then.len().max(1) as f64;
            if many < LEAST_FIRST || then.len() - many < LEAST_FIRST {
                return Ok((rate, None));
            }
            let width = open[0].basis.inputs.len();
            let x =
                Array2::from_shape_fn((open.len(), width), |(row, column)| open[row].basis.inputs[column]);
            Ok((rate, Some(Linear::fit(x.view(), &[], &then, PENALTY, &[])?)))
        })
        .collect();
    let learned: Vec<_> = learned.into_iter().collect::<Result<_, Error>>()?;
    let (rates, models) = learned.into_iter().unzip();
    Ok(Some(Expansion { days, categories, rates, models }))
}

/// The categories of most customers, sorted by name.
fn categories(histories: &Histories, until: Micros) -> Vec<String> {
    let counts = histories
        .par_iter()
        .fold(HashMap::new, |mut counts: HashMap<String, usize>, (_, history)| {
            let view = history.as_of(until);
            let mut own: Vec<u32> = view.purchases().map(|i| view.category()[i]).collect();
            own.sort_unstable();
            own.dedup();
            for name in own.into_iter().filter_map(|code| view.name(code)) {
                match counts.get_mut(name) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(name.to_owned(), 1)),
                }
            }
            counts
        })
        .reduce(HashMap::new, |mut all, some| {
            some.into_iter().for_each(|(name, count)| *all.entry(name).or_default() += count);
            all
        });
    let mut known: Vec<(usize, String)> = counts
        .into_iter()
        .map(|(name, count)| (count, name))
        .filter(|one| one.0 >= LEAST_CUSTOMERS)
        .collect();
    known.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    known.truncate(MOST);
    let mut names: Vec<String> = known.into_iter().map(|(_, name)| name).collect();
    names.sort();
    names
}

fn examples(
    histories: &Histories,
    cutoff: Micros,
    days: u32,
    zone: Zone,
    categories: &[String],
    most: usize,
    seed: u64,
) -> Vec<Example> {
    let there: Vec<(&str, &History)> = histories
        .iter()
        .filter(|(_, history)| history.first_purchase().is_some_and(|first| first <= cutoff))
        .collect();
    let bar = if there.len() <= most {
        u64::MAX
    } else {
        (most as f64 / there.len() as f64 * u64::MAX as f64) as u64
    };
    there
        .into_par_iter()
        .filter(|(id, _)| mix(mix_text(id) ^ mix(seed ^ 0x5e)) <= bar)
        .map_init(
            || (Scratch::default(), vec![0.0; COUNT]),
            |(scratch, features), (_, history)| {
                let view = history.as_of(cutoff);
                if !compute(&view, zone, scratch, features) {
                    return None;
                }
                let basis = Basis::of(&view, zone, categories, features);
                let later = history.as_of(cutoff + i64::from(days) * DAY);
                let mut then = vec![false; categories.len()];
                let from = later.occurred_at().partition_point(|&at| at <= cutoff);
                for i in (from..later.len()).filter(|&i| later.is_purchase(i)) {
                    let name = later.name(later.category()[i]).unwrap_or("");
                    if let Ok(at) = categories.binary_search_by(|known| known.as_str().cmp(name)) {
                        then[at] = true;
                    }
                }
                Some(Example { basis, then })
            },
        )
        .flatten()
        .collect()
}

/// How well the first purchases of a window were predicted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Categories.
    pub categories: usize,
    /// Pairs of a customer and a category that they had not bought in.
    pub pairs: usize,
    /// Share of the pairs that became a purchase.
    pub bought: f64,
    /// AUC over all pairs.
    pub auc: f64,
    /// The same of each category's rate of first purchases in the last window: popularity.
    pub auc_popularity: f64,
    /// Mean over the categories of the AUC among their customers; popularity has .5 there.
    pub auc_within: f64,
    /// Share of the pairs with a probability from .1 up that became a purchase, and the mean probability of these.
    pub calibration: (f64, f64),
}

/// Learns up to `cutoff` and judges by the `days` after it; `None` where [`fit`] has none, or nobody bought anything new.
///
/// # Errors
/// As [`fit`].
pub fn judge(
    histories: &Histories,
    cutoff: Micros,
    days: u32,
    zone: Zone,
    seed: u64,
) -> Result<Option<Judged>, Error> {
    let Some(learned) = fit(histories, cutoff, days, zone, seed)? else { return Ok(None) };
    let rows = examples(histories, cutoff, days, zone, &learned.categories, 5 * ROWS, seed);
    let (mut actual, mut score, mut popular, mut within) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for category in 0..learned.categories.len() {
        let from = actual.len();
        for row in rows.iter().filter(|row| !row.basis.bought[category]) {
            actual.push(f64::from(u8::from(row.then[category])));
            score.push(learned.probability(category, &row.basis));
            popular.push(learned.rates[category]);
        }
        within.push(auc(&actual[from..], &score[from..]));
    }
    within.retain(|auc| auc.is_finite());
    let sum: f64 = actual.iter().sum();
    if sum == 0.0 || within.is_empty() {
        return Ok(None);
    }
    let likely: Vec<usize> = (0..score.len()).filter(|&at| score[at] >= 0.1).collect();
    let mean = |of: &[f64]| likely.iter().map(|&at| of[at]).sum::<f64>() / likely.len().max(1) as f64;
    Ok(Some(Judged {
        categories: learned.categories.len(),
        pairs: actual.len(),
        bought: sum / actual.len() as f64,
        auc: auc(&actual, &score),
        auc_popularity: auc(&actual, &popular),
        auc_within: within.iter().sum::<f64>() / within.len() as f64,
        calibration: (mean(&actual), mean(&score)),
    }))
}
