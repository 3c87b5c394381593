//! Learning who comes back within a horizon: members, their weights, and the level.

use homing_models::boosting::{Binned, Bins, Booster, Objective, Training, logit, sigmoid};
use homing_models::calibration::{level, platt};
use homing_models::lifetimes::{Lifetime, Recency};
use homing_models::linear::Linear;
use homing_models::repurchase::{Members, ReturnModel, lifetime_log_odds};
use homing_models::sampling::mix;
use linfa::ParamGuard;
use ndarray::Axis;
use rayon::prelude::*;

use crate::error::Error;
use crate::learn::{Horizon, LEAST_OUTCOMES};
use crate::level::{Past, forecast, uncertainty};
use crate::snapshots::Rows;
use crate::stack;

/// Weights of trees, linear and lifetime model before any data speak.
const SET: [f64; 3] = [0.45, 0.35, 0.2];

/// How strongly the slope is held to 1: as if so many customers spoke for it.
const SLOPE_PRIOR: f64 = 100.0;

/// The share of the trees that learned a nearer horizon in the vote of the trees.
const NEAR: f64 = 0.4;

/// Fewest rows of a snapshot whose level counts.
pub(crate) const LEAST_OF_SNAPSHOT: usize = 50;

/// Most rows that the linear model is fitted to: the one that is shipped, and those that are only voted on.
const LINEAR_ROWS: usize = 40_000;
const LINEAR_ROWS_VOTED_ON: usize = 15_000;

/// L2 penalty of the linear model.
const LINEAR_PENALTY: f64 = 60.0;

/// Log-odds of a purchase within so many days by a lifetime model.
fn log_odds(customers: &[Recency], model: &Lifetime, days: u32) -> Vec<f64> {
    customers.par_iter().with_min_len(256).map(|&one| lifetime_log_odds(model, one, days)).collect()
}

fn mean_probability(log_odds: &[f64]) -> f64 {
    log_odds.iter().map(|&z| sigmoid(z)).sum::<f64>() / log_odds.len().max(1) as f64
}

/// Trees over the order of some rows: each snapshot's own level is taken out. Also what they say of these rows.
pub(crate) fn order_trees(
    rows: &Rows,
    bins: &Bins,
    data: &Binned,
    picked: &[usize],
    seed: u64,
) -> Result<(Booster, Vec<f64>), Error> {
    let bought = |row: &usize| f64::from(u8::from(rows.labels[*row].bought));
    let targets: Vec<f64> = picked.iter().map(bought).collect();
    let mut levels = Vec::with_capacity(picked.len());
    for same in picked.chunk_by(|&a, &b| rows.snapshot[a] == rows.snapshot[b]) {
        let start = levels.len();
        let rate = (targets[start..start + same.len()].iter().sum::<f64>() + 0.5) / (same.len() as f64 + 1.0);
        levels.resize(start + same.len(), logit(rate));
    }
    let params = Booster::params(Objective::Logistic).feature_share(1.0).min_leaf_rows(100.0).seed(seed ^ 11);
    let (data, offsets) = (&data.select(picked), Some(&levels[..]));
    Ok(params.check()?.fit_binned(&Training { data, bins, targets: &targets, offsets, weights: None })?)
}

/// What members learn from: some rows of the past.
struct Lesson<'a> {
    rows: &'a Rows,
    bins: &'a Bins,
    data: &'a Binned,
    /// The rows, by position.
    picked: Vec<usize>,
    /// Most of them that the linear model sees.
    linear_rows: usize,
    seed: u64,
}

impl Lesson<'_> {
    /// Members with the weights set beforehand, and what the trees say of the picked rows.
    fn learn(&self) -> Result<(Members, Vec<f64>), Error> {
        let bought = |row: &usize| self.rows.labels[*row].bought;
        let fit = || order_trees(self.rows, self.bins, self.data, &self.picked, self.seed);
        let linear = || {
            // By hash and not every n-th: outcomes may alternate with the order of the rows.
            let share = self.linear_rows as f64 / self.picked.len().max(1) as f64;
            let bar = (share.min(1.0) * u64::MAX as f64) as u64;
            let taken = |row: &&usize| mix(self.seed ^ mix(**row as u64)) <= bar;
            let few: Vec<usize> = self.picked.iter().filter(taken).copied().collect();
            let outcomes: Vec<bool> = few.iter().map(bought).collect();
            let snapshots: Vec<u32> = few.iter().map(|&row| self.rows.snapshot[row]).collect();
            Linear::fit(self.rows.x.select(Axis(0), &few).view(), &snapshots, &outcomes, LINEAR_PENALTY)
        };
        let (trees, linear) = rayon::join(fit, linear);
        let (tree, said) = trees?;
        Ok((Members { tree, linear: linear?, weights: [SET[0], SET[1]] }, said))
    }
}

impl Horizon<'_> {
    pub(crate) fn returns(&self, model: &Lifetime, bins: &Bins, data: &Binned) -> Result<ReturnModel, Error> {
        let past = &self.past;
        let snapshots = past.by_snapshot();
        let rates: Vec<f64> = snapshots
            .iter()
            .map(|rows| {
                let bought = past.labels[rows.clone()].iter().filter(|label| label.bought).count();
                (bought as f64 + 0.5) / (rows.len() as f64 + 1.0)
            })
            .collect();
        let lifetime = log_odds(&past.recency, model, self.learned_days);
        let lesson = Lesson {
            rows: past,
            bins,
            data,
            picked: (0..past.len()).collect(),
            linear_rows: LINEAR_ROWS,
            seed: self.seed,
        };
        let (mut members, mut tree_said) = lesson.learn()?;
        if let Some(near) = &self.near {
            let said = near.margins(past.x.view());
            tree_said.iter_mut().zip(said).for_each(|(own, near)| *own += NEAR * (near - *own));
            let parts = [(1.0 - NEAR, &members.tree), (NEAR, near)];
            members.tree = Booster::together(&parts).unwrap_or(members.tree);
        }
        let (weights, slope) = self.weights(bins, data, &snapshots)?;
        members.weights = [weights[0], weights[1]];
        let votes: Vec<f64> = (0..past.len())
            .into_par_iter()
            .with_min_len(256)
            .map(|i| {
                let linear = members.linear.margin(past.row(i));
                slope * members.weigh([tree_said[i], linear], lifetime[i])
            })
            .collect();
        // Levels beside what the lifetime model of that day expected: the ripening of the base, which that model
        // sees, is taken out; season and shocks are left.
        let series: Vec<Past> = (0..snapshots.len())
            .into_par_iter()
            .filter(|&j| snapshots[j].len() >= LEAST_OF_SNAPSHOT)
            .map(|j| {
                let rows = snapshots[j].clone();
                let expected = log_odds(&past.recency[rows.clone()], &self.then[j], self.learned_days);
                let votes = &votes[rows];
                let beside = level(votes, rates[j]) - level(votes, mean_probability(&expected));
                Past { days_ago: self.ago[j], level: beside }
            })
            .collect();
        let now = log_odds(&self.base.recency, model, self.learned_days);
        let asked = log_odds(&self.base.recency, model, self.days);
        let base_votes: Vec<f64> = (0..self.base.len())
            .into_par_iter()
            .with_min_len(256)
            .map(|i| slope * members.vote(self.base.row(i), now[i]) + asked[i] - now[i])
            .collect();
        let prior = level(&base_votes, mean_probability(&asked));
        let mut sd = uncertainty(&series, f64::from(self.learned_days));
        if self.days > self.learned_days {
            // What nobody has seen yet is less sure by as much as it is longer.
            sd = sd.hypot(0.5 * (f64::from(self.days) / f64::from(self.learned_days)).ln());
        }
        Ok(ReturnModel {
            days: self.days,
            learned_days: self.learned_days,
            members: Some(members),
            slope,
            level: prior + forecast(&series),
            level_sd: sd,
        })
    }

    /// The members' weights, and the slope on their common log-odds: each half of the customers is voted on, in the latest snapshot, by members that
    /// learned from the other half in the snapshots before it.
    fn weights(
        &self,
        bins: &Bins,
        data: &Binned,
        snapshots: &[std::ops::Range<usize>],
    ) -> Result<([f64; 3], f64), Error> {
        let past = &self.past;
        let (Some(latest), Some(then)) = (snapshots.first().cloned(), self.then.first()) else {
            return Ok((SET, 1.0));
        };
        let lifetime = log_odds(&past.recency[latest.clone()], then, self.learned_days);
        let from = if snapshots.len() > 3 { latest.end } else { 0 };
        let half = |row: usize| mix(self.seed ^ u64::from(past.customer[row])) & 1;
        let mut votes = Vec::with_capacity(latest.len());
        let mut bought = Vec::with_capacity(latest.len());
        for fold in 0..2 {
            let picked: Vec<usize> = (from..past.len()).filter(|&row| half(row) != fold).collect();
            let outcomes = picked.iter().filter(|&&row| past.labels[row].bought).count();
            if outcomes < LEAST_OUTCOMES || picked.len() - outcomes < LEAST_OUTCOMES {
                return Ok((SET, 1.0));
            }
            let lesson = Lesson {
                rows: past,
                bins,
                data,
                picked,
                linear_rows: LINEAR_ROWS_VOTED_ON,
                seed: self.seed ^ fold,
            };
            let (members, _) = lesson.learn()?;
            for row in latest.clone().filter(|&row| half(row) == fold) {
                let x = past.row(row);
                votes.push([members.tree.margin(x), members.linear.margin(x), lifetime[row - latest.start]]);
                bought.push(past.labels[row].bought);
            }
        }
        let weights = stack::weights(&votes, &bought, SET);
        // Unlike members that agree are surer together than each of them is.
        let together: Vec<f64> = votes
            .iter()
            .map(|vote| vote.iter().zip(weights).map(|(vote, weight)| vote * weight).sum())
            .collect();
        let (_, slope) = platt(&together, &bought, SLOPE_PRIOR);
        Ok((weights, slope.clamp(0.5, 2.0)))
    }
}
