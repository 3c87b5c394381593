//! Challengers: learners off the shelf on the rows that homing learns from, judged beside it in a backtest.
//!
//! Each is fitted on a bounded sample of the rows. A fifth of the sample sets offset and slope of its probabilities
//! (Platt 1999), so that all are judged on how well they rank customers.

mod tree;

use homing_datasets::guards::Closures;
use homing_datasets::{Histories, Micros};
use homing_models::boosting::{logit, sigmoid};
use homing_models::calibration::platt;
use homing_models::linear::Linear;
use homing_models::sampling::mix;
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_trees::DecisionTree;
use ndarray::{Array1, Array2, Axis};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::candidates::Candidate;
use crate::error::Error;
use crate::labels::Label;
use crate::metrics::Scores;
use crate::rows::{Rows, first_purchase, rows};
use crate::snapshots::plan;
use crate::task::Task;
use crate::untied;
use tree::{Codes, Leaves};

pub use tree::{Condition, TreeRule};

/// Maximum number of rows that challengers are fitted on.
const MAX_ROWS: usize = 8_000;
/// Fewest rows, and fewest of each outcome.
const MIN_ROWS: usize = 500;
const MIN_OUTCOMES: usize = 50;
/// One row in `HELD_BACK` is held back for calibration.
const HELD_BACK: usize = 5;
/// Trees of a forest.
const TREES: usize = 30;

/// What challengers make of a backtest.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The challengers, judged.
    pub candidates: Vec<Candidate>,
    /// The rules of the decision tree, those most likely to buy first.
    pub rules: Vec<TreeRule>,
}

/// Fits the challengers at `cutoff` and judges them by the labels of the next `days`, one for each customer who had
/// bought. `None` where the data cannot carry them.
///
/// # Errors
/// [`Error::Challenger`] where one cannot be fitted, [`Error::Linear`], and what the judging says.
pub fn challenge(
    histories: &Histories,
    labels: &[Label],
    cutoff: Micros,
    days: u32,
    task: &Task,
) -> Result<Option<Challenge>, Error> {
    let Some(sample) = Sample::of(histories, cutoff, days, task) else { return Ok(None) };
    let now = rows(histories, &[cutoff], None, task.zone, usize::MAX, task.seed);
    let (tree, rules) = sample.tree(&now)?;
    let predicted = [
        ("challenger: logistic regression", sample.logistic(&now)?),
        ("challenger: linfa-trees", tree),
        ("challenger: smartcore forest", sample.smartcore_forest(&now, task.seed)?),
    ];
    let mut candidates = Vec::with_capacity(predicted.len());
    for (name, p_buy) in predicted {
        let scores = Scores { p_buy: &p_buy, p_buy_short: None, expected_orders: None, expected_spend: None };
        candidates.push(Candidate::judge(name, labels, &scores, task.seed)?);
    }
    Ok(Some(Challenge { candidates, rules }))
}

/// The sample of rows that every challenger learns from.
struct Sample {
    rows: Rows,
    /// Rows that are fitted, and rows held back for calibration.
    fitted: Vec<usize>,
    held: Vec<usize>,
    bought: Vec<bool>,
    codes: Codes,
    /// Codes of all rows.
    x: Array2<f64>,
    /// The horizon over the days that were learned.
    stretch: f64,
}

impl Sample {
    fn of(histories: &Histories, cutoff: Micros, days: u32, task: &Task) -> Option<Self> {
        let closures = Closures::of(histories, cutoff, task.zone);
        let plan = plan(first_purchase(histories)?, cutoff, days, &closures, task.zone)?;
        let learned = Some(plan.learned_days);
        let rows = rows(histories, &plan.cutoffs, learned, task.zone, MAX_ROWS, mix(task.seed ^ 31));
        let bought = rows.bought();
        let many = bought.iter().filter(|&&bought| bought).count();
        if rows.len() < MIN_ROWS || many.min(rows.len() - many) < MIN_OUTCOMES {
            return None;
        }
        let (held, fitted) = (0..rows.len()).partition(|row| row % HELD_BACK == 0);
        let codes = Codes::of(rows.matrix());
        let x = codes.encode(rows.matrix());
        let stretch = f64::from(days) / f64::from(plan.learned_days);
        Some(Sample { rows, fitted, held, bought, codes, x, stretch })
    }

    /// Probabilities within the horizon from log-odds of the held-back rows and of today's.
    fn calibrated(&self, held: &[f64], now: &[f64]) -> Vec<f64> {
        let known: Vec<bool> = self.held.iter().map(|&row| self.bought[row]).collect();
        let (offset, slope) = platt(held, &known, 10.0);
        now.iter().map(|z| 1.0 - (1.0 - sigmoid(offset + slope * z)).powf(self.stretch)).collect()
    }

    /// A linear model of evened-out features alone.
    fn logistic(&self, now: &Rows) -> Result<Vec<f64>, Error> {
        let linear = Linear::fit(self.rows.matrix_of(&self.fitted).view(), &[], &self.outcomes(), 10.0, &[])?;
        let held: Vec<f64> = self.held.iter().map(|&row| linear.margin(&self.rows.features[row])).collect();
        let now: Vec<f64> = now.features.iter().map(|row| linear.margin(row)).collect();
        Ok(self.calibrated(&held, &now))
    }

    fn outcomes(&self) -> Vec<bool> {
        self.fitted.iter().map(|&row| self.bought[row]).collect()
    }

    fn dataset(&self) -> DatasetBase<Array2<f64>, Array1<usize>> {
        let targets: Array1<usize> = self.outcomes().into_iter().map(usize::from).collect();
        let weights = untied::weights(self.outcomes());
        DatasetBase::new(self.x.select(Axis(0), &self.fitted), targets).with_weights(weights)
    }

    /// One tree of four levels, and its rules.
    fn tree(&self, now: &Rows) -> Result<(Vec<f64>, Vec<TreeRule>), Error> {
        let params = DecisionTree::<f64, usize>::params()
            .max_depth(Some(4))
            .min_weight_split(100.0)
            .min_weight_leaf(50.0);
        let data = self.dataset();
        let tree = params.fit(&data).map_err(|error| failed("linfa-trees", error))?;
        let leaves = Leaves::of(tree.root_node(), data.records().view(), &self.outcomes());
        let log_odds = |x: Array2<f64>| -> Vec<f64> {
            x.rows().into_iter().map(|row| logit(leaves.share(&row.to_vec()))).collect()
        };
        let held = log_odds(self.x.select(Axis(0), &self.held));
        let now = log_odds(self.codes.encode(now.matrix()));
        Ok((self.calibrated(&held, &now), leaves.rules(&self.codes)))
    }

    /// A forest of regression trees on 0 and 1.
    fn smartcore_forest(&self, now: &Rows, seed: u64) -> Result<Vec<f64>, Error> {
        const NAME: &str = "smartcore forest";
        let width = self.codes.columns.len();
        let matrix = |x: Array2<f64>| {
            let (rows, columns) = x.dim();
            DenseMatrix::new(rows, columns, x.into_iter().collect(), false)
                .map_err(|error| failed(NAME, error))
        };
        let targets: Vec<f64> =
            self.outcomes().into_iter().map(|bought| f64::from(u8::from(bought))).collect();
        let params = RandomForestRegressorParameters::default()
            .with_n_trees(TREES)
            .with_max_depth(9)
            .with_min_samples_leaf(10)
            .with_m(((width as f64).sqrt() * 2.0) as usize)
            .with_seed(mix(seed ^ 33));
        let fitted = matrix(self.x.select(Axis(0), &self.fitted))?;
        let forest =
            RandomForestRegressor::fit(&fitted, &targets, params).map_err(|error| failed(NAME, error))?;
        let log_odds = |x: Array2<f64>| -> Result<Vec<f64>, Error> {
            let p: Vec<f64> = forest.predict(&matrix(x)?).map_err(|error| failed(NAME, error))?;
            Ok(p.into_iter().map(|p| logit(p.clamp(1e-3, 1.0 - 1e-3))).collect())
        };
        let held = log_odds(self.x.select(Axis(0), &self.held))?;
        Ok(self.calibrated(&held, &log_odds(self.codes.encode(now.matrix()))?))
    }
}

fn failed(name: &'static str, cause: impl std::fmt::Display) -> Error {
    Error::Challenger { name, cause: cause.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::label;

    fn labels(histories: &Histories, cutoff: Micros) -> Vec<Label> {
        let known = |first: Option<i64>| first.is_some_and(|first| first <= cutoff);
        let population = histories.iter().filter(|(_, history)| known(history.first_purchase()));
        population.map(|(_, history)| label(history, cutoff, 90, homing_datasets::Zone::default())).collect()
    }

    #[test]
    fn challengers_stand_beside_homing_and_are_the_same_each_time() {
        let all = homing_datasets::cdnow().unwrap();
        let some = all.iter().take(3000).map(|(id, history)| (id.to_owned(), history.clone())).collect();
        let histories = Histories::from_vec(some);
        let zone = homing_datasets::Zone::default();
        let cutoff = zone.as_of("1997-12-31").unwrap();
        let task = Task { seed: 3, max_rows: 20_000, ..Task::default() };
        let labels = labels(&histories, cutoff);
        let run = || challenge(&histories, &labels, cutoff, 90, &task).unwrap().unwrap();
        let found = run();
        assert_eq!(found.candidates.len(), 3);
        for challenger in &found.candidates {
            let auc = challenger.metrics.get(crate::metrics::Metric::BUY_AUC).unwrap();
            // Most customers share one leaf of the small tree, and ties count half: it is only held to beat chance.
            let least = if challenger.name.ends_with("linfa-trees") { 0.6 } else { 0.7 };
            assert!(auc > least, "{} {auc}", challenger.name);
        }
        let rows: usize = found.rules.iter().map(|rule| rule.rows).sum();
        assert!(found.rules.len() > 1 && rows > MIN_ROWS, "{:?}", found.rules);
        assert!(found.rules.windows(2).all(|pair| pair[0].bought >= pair[1].bought));
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let again = one.install(run);
        assert_eq!(found.rules, again.rules);
        let json = |found: &Challenge| serde_json::to_string(&found.candidates).unwrap();
        assert_eq!(json(&found), json(&again));
    }

    #[test]
    fn data_that_cannot_carry_challengers_add_none() {
        let all = homing_datasets::cdnow().unwrap();
        let some = all.iter().take(120).map(|(id, history)| (id.to_owned(), history.clone())).collect();
        let histories = Histories::from_vec(some);
        let zone = homing_datasets::Zone::default();
        let cutoff = zone.as_of("1997-06-30").unwrap();
        let task = Task { seed: 3, max_rows: 20_000, ..Task::default() };
        assert!(challenge(&histories, &labels(&histories, cutoff), cutoff, 90, &task).unwrap().is_none());
    }
}
