//! The base learners of the purchase probability, and how complex they may be: trees and a linear model.
//!
//! They learn to rank: each snapshot's own base rate is given to them as an offset, so that none of it is learned.

use homing_models::boosting::{Binned, Bins, Booster, Objective, Training, logit};
use homing_models::features::COUNT;
use homing_models::linear::Linear;
use homing_models::sampling::mix;
use linfa::ParamGuard;

use crate::error::Error;
use crate::rows::Rows;

/// Maximum number of rows that the linear model is fitted to.
pub const LINEAR_ROWS: usize = 40_000;

/// L2 penalty of the linear model.
const LINEAR_PENALTY: f64 = 60.0;

/// Fewest rows of a leaf.
const MIN_LEAF_ROWS: f64 = 100.0;

/// The share of the trees of the short-horizon model in the log-odds of the trees.
const SHORT_HORIZON_SHARE: f64 = 0.4;

/// What base learners are fitted to: some rows of the past.
pub struct Sample<'a> {
    pub rows: &'a Rows,
    pub bins: &'a Bins,
    pub binned: &'a Binned,
    /// The rows, by position.
    pub picked: Vec<usize>,
    /// Maximum number of them that the linear model is fitted to.
    pub linear_rows: usize,
    pub seed: u64,
}

/// Fitted base learners.
pub struct BaseLearners {
    pub tree: Booster,
    pub linear: Linear,
    /// Log-odds of the trees for the rows they were fitted to.
    pub tree_log_odds: Vec<f64>,
}

impl BaseLearners {
    /// Fits trees and linear model side by side.
    ///
    /// # Errors
    /// [`Error::Booster`] and [`Error::Linear`] where a learner cannot be fitted.
    pub fn fit(sample: &Sample<'_>) -> Result<Self, Error> {
        let (trees, linear) = rayon::join(|| trees(sample), || linear(sample));
        let (tree, tree_log_odds) = trees?;
        Ok(BaseLearners { tree, linear: linear?, tree_log_odds })
    }

    /// Mixes the trees of the short-horizon model in; `rows` are those the learners were fitted to.
    ///
    /// # Errors
    /// [`Error::NoTrees`] where there is nothing to mix.
    pub fn mix_in(&mut self, short_horizon: &Booster, rows: &Rows) -> Result<(), Error> {
        let said = short_horizon.margins(rows.features.as_flattened(), COUNT);
        self.tree_log_odds
            .iter_mut()
            .zip(said)
            .for_each(|(own, short)| *own += SHORT_HORIZON_SHARE * (short - *own));
        let parts = [(1.0 - SHORT_HORIZON_SHARE, &self.tree), (SHORT_HORIZON_SHARE, short_horizon)];
        self.tree = Booster::together(&parts).ok_or(Error::NoTrees)?;
        Ok(())
    }
}

/// The short-horizon model: trees over all these rows.
///
/// # Errors
/// [`Error::Booster`] where they cannot be fitted.
pub fn short_horizon_trees(rows: &Rows, seed: u64) -> Result<Booster, Error> {
    let bins = Bins::of(rows.matrix());
    let binned = bins.sort(rows.matrix());
    let picked = (0..rows.len()).collect();
    let sample = Sample { rows, bins: &bins, binned: &binned, picked, linear_rows: 0, seed };
    Ok(trees(&sample)?.0)
}

fn trees(sample: &Sample<'_>) -> Result<(Booster, Vec<f64>), Error> {
    let (rows, picked) = (sample.rows, &sample.picked);
    let bought = |row: &usize| f64::from(u8::from(rows.labels[*row].bought));
    let targets: Vec<f64> = picked.iter().map(bought).collect();
    let mut base_rates = Vec::with_capacity(picked.len());
    for same in picked.chunk_by(|&a, &b| rows.snapshot[a] == rows.snapshot[b]) {
        let start = base_rates.len();
        let end = start + same.len();
        let rate = (targets[start..end].iter().sum::<f64>() + 0.5) / (same.len() as f64 + 1.0);
        base_rates.resize(end, logit(rate));
    }
    let params = Booster::params(Objective::Logistic)
        .feature_share(1.0)
        .min_leaf_rows(MIN_LEAF_ROWS)
        .seed(sample.seed ^ 11);
    let training = Training {
        data: &sample.binned.select(picked),
        bins: sample.bins,
        targets: &targets,
        offsets: Some(&base_rates),
        weights: None,
    };
    Ok(params.check()?.fit_binned(&training)?)
}

fn linear(sample: &Sample<'_>) -> Result<Linear, Error> {
    // Sampled by hash and not every n-th: outcomes may alternate with the order of the rows.
    let share = sample.linear_rows as f64 / sample.picked.len().max(1) as f64;
    let bar = (share.min(1.0) * u64::MAX as f64) as u64;
    let taken = |row: &&usize| mix(sample.seed ^ mix(**row as u64)) <= bar;
    let few: Vec<usize> = sample.picked.iter().filter(taken).copied().collect();
    let outcomes: Vec<bool> = few.iter().map(|&row| sample.rows.labels[row].bought).collect();
    let snapshots: Vec<u32> = few.iter().map(|&row| sample.rows.snapshot[row]).collect();
    Ok(Linear::fit(sample.rows.matrix_of(&few).view(), &snapshots, &outcomes, LINEAR_PENALTY)?)
}
