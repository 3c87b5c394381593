//! The base learners of the purchase probability, and how complex they may be: trees and a linear model.
//!
//! They learn to rank: each snapshot's own base rate is given to them as an offset, so that none of it is learned.

use homing_models::boosting::{Binned, Bins, Booster, Objective, Training, logit};
use homing_models::features::{SPECS, Unit};
use homing_models::linear::Linear;
use homing_models::sampling::mix;
use linfa::ParamGuard;

use crate::error::Error;
use crate::rows::Rows;

/// L2 penalty of the linear model.
const LINEAR_PENALTY: f64 = 60.0;

/// Share of the features that each tree may use: half of them rank as well as all and take half the time.
pub const FEATURE_SHARE: f64 = 0.5;

/// Fewest rows of a leaf.
const MIN_LEAF_ROWS: f64 = 100.0;

/// Fewest rows, and fewest of each outcome among them, that learners are fitted to.
const MIN_ROWS: usize = 2000;
const MIN_OUTCOMES: usize = 200;

/// Training rows, binned once for all learners.
#[derive(Debug)]
pub struct Sample {
    /// Rows at all cutoffs, the latest snapshot first.
    pub rows: Rows,
    pub bins: Bins,
    pub binned: Binned,
}

impl Sample {
    /// Bins these rows; `None` where they are too few to learn from.
    #[must_use]
    pub fn of(rows: Rows) -> Option<Self> {
        let all: Vec<usize> = (0..rows.len()).collect();
        if !enough(&rows, &all) {
            return None;
        }
        let bins = Bins::of(rows.matrix());
        Some(Sample { binned: bins.sort(rows.matrix()), bins, rows })
    }

    /// Trees over the picked rows; also their log-odds for each of these.
    ///
    /// # Errors
    /// [`Error::Booster`] where they cannot be fitted.
    pub fn trees(&self, picked: &[usize], seed: u64) -> Result<(Booster, Vec<f64>), Error> {
        let rows = &self.rows;
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
            .feature_share(FEATURE_SHARE)
            .min_leaf_rows(MIN_LEAF_ROWS)
            .monotone(money_signs())
            .seed(seed ^ 11);
        let training = Training {
            data: &self.binned.select(picked),
            bins: &self.bins,
            targets: &targets,
            offsets: Some(&base_rates),
            weights: None,
        };
        Ok(params.check()?.fit_binned(&training)?)
    }

    /// A linear model of about `most` of the picked rows.
    ///
    /// # Errors
    /// [`Error::Linear`] where it cannot be fitted.
    pub fn linear(&self, picked: &[usize], most: usize, seed: u64) -> Result<Linear, Error> {
        // Sampled by hash and not every n-th: outcomes may alternate with the order of the rows.
        let share = most as f64 / picked.len().max(1) as f64;
        let bar = (share.min(1.0) * u64::MAX as f64) as u64;
        let taken = |row: &&usize| mix(seed ^ mix(**row as u64)) <= bar;
        let few: Vec<usize> = picked.iter().filter(taken).copied().collect();
        let outcomes: Vec<bool> = few.iter().map(|&row| self.rows.labels[row].bought).collect();
        let snapshots: Vec<u32> = few.iter().map(|&row| self.rows.snapshot[row]).collect();
        let matrix = self.rows.matrix_of(&few);
        Ok(Linear::fit(matrix.view(), &snapshots, &outcomes, LINEAR_PENALTY, &money_signs())?)
    }
}

/// How predictions move with each feature: never down with money. A customer who spends more, all else alike, is never
/// worth less.
#[must_use]
pub fn money_signs() -> Vec<i8> {
    SPECS.iter().map(|spec| i8::from(spec.unit == Unit::Money)).collect()
}

/// Whether learners can be fitted to these rows.
#[must_use]
pub fn enough(rows: &Rows, picked: &[usize]) -> bool {
    let bought = picked.iter().filter(|&&row| rows.labels[row].bought).count();
    picked.len() >= MIN_ROWS && bought >= MIN_OUTCOMES && picked.len() - bought >= MIN_OUTCOMES
}
