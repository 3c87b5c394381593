//! Challengers: what learners off the shelf make of the same rows, beside homing in a backtest.
//!
//! Each is fitted on a bounded sample of the rows that homing learns from. A fifth of the sample sets level and
//! slope of its probabilities (Platt 1999), so that all are judged on how well they order customers and none on
//! how its votes are counted.

use homing_datasets::{Histories, Micros};
use homing_models::boosting::{logit, sigmoid};
use homing_models::calibration::platt;
use homing_models::features::SPECS;
use homing_models::linear::Linear;
use homing_models::sampling::mix;
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_trees::{DecisionTree, TreeNode};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::Serialize;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::backtest::{Candidate, Report};
use crate::error::Error;
use crate::labels::Label;
use crate::learn::Task;
use crate::metrics::Scores;
use crate::snapshots::{Rows, plan, rows};

/// Most rows that challengers are fitted on.
const MOST_ROWS: usize = 8_000;
/// Fewest rows, and fewest of each outcome.
const LEAST_ROWS: usize = 500;
const LEAST_OUTCOMES: usize = 50;
/// One row in so many sets the level.
const HELD_BACK: usize = 5;
/// Most codes of a feature.
const CODES: usize = 48;
/// Trees of a forest.
const TREES: usize = 30;

/// One rule of the decision tree: who falls under it, and what they did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TreeRule {
    /// Conditions that all hold.
    pub conditions: Vec<Condition>,
    /// Share of the rows under the rule that came back.
    pub bought: f64,
    /// Rows under the rule.
    pub rows: usize,
}

/// A condition on a feature.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    /// The feature.
    pub feature: &'static str,
    /// The feature lies below this value; no upper bound where absent.
    pub below: Option<f64>,
    /// The feature is at least this value; no lower bound where absent.
    pub at_least: Option<f64>,
}

/// Fits the challengers at the cutoff of a backtest and adds them to its candidates. Data that cannot carry them
/// add nobody.
///
/// # Errors
/// What the judging says; a challenger that cannot be fitted is left out.
pub fn challenge(
    histories: &Histories,
    report: &mut Report,
    task: &Task,
    step: &(dyn Fn(&str) + Sync),
) -> Result<(), Error> {
    let (cutoff, days) = (report.bundle.manifest().as_of, report.horizon);
    let now = rows(histories, &[cutoff], None, task.zone, usize::MAX, task.seed);
    let labels: Vec<Label> = report.scores.iter().map(|row| row.label).collect();
    if now.len() != labels.len() {
        return Ok(());
    }
    step("challengers");
    let Some(sample) = Sample::of(histories, cutoff, days, task) else { return Ok(()) };
    let (tree, rules) = sample.tree(&now);
    report.rules = rules;
    let said = [
        ("challenger: linfa-logistic", sample.logistic(&now)),
        ("challenger: linfa-trees", tree),
        ("challenger: smartcore forest", sample.smartcore_forest(&now, task.seed)),
    ];
    for (name, p_buy) in said.into_iter().filter_map(|(name, p)| Some((name, p?))) {
        let scores = Scores { p_buy: &p_buy, p_buy_short: None, expected_orders: None, expected_spend: None };
        report.candidates.push(Candidate::judge(name, &labels, &scores, task.seed)?);
    }
    Ok(())
}

/// The sample of rows that every challenger learns from.
struct Sample {
    rows: Rows,
    /// Rows that are fitted, and rows that set the level.
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
        let first = histories.iter().filter_map(|(_, history)| history.first_purchase()).min()?;
        let plan = plan(first, cutoff, days)?;
        let learned = Some(plan.learned_days);
        let rows = rows(histories, &plan.cutoffs, learned, task.zone, MOST_ROWS, mix(task.seed ^ 31));
        let bought: Vec<bool> = rows.labels.iter().map(|label| label.bought).collect();
        let many = bought.iter().filter(|&&bought| bought).count();
        if rows.len() < LEAST_ROWS || many.min(rows.len() - many) < LEAST_OUTCOMES {
            return None;
        }
        let (held, fitted) = (0..rows.len()).partition(|row| row % HELD_BACK == 0);
        let codes = Codes::of(rows.x.view());
        let x = codes.encode(rows.x.view());
        let stretch = f64::from(days) / f64::from(plan.learned_days);
        Some(Sample { rows, fitted, held, bought, codes, x, stretch })
    }

    /// Probabilities of the horizon from scores in log-odds of the held-back rows and of today's.
    fn calibrated(&self, held: &[f64], now: &[f64]) -> Option<Vec<f64>> {
        let known: Vec<bool> = self.held.iter().map(|&row| self.bought[row]).collect();
        let (level, slope) = platt(held, &known, 10.0);
        let p: Vec<f64> =
            now.iter().map(|z| 1.0 - (1.0 - sigmoid(level + slope * z)).powf(self.stretch)).collect();
        p.iter().all(|p| p.is_finite()).then_some(p)
    }

    /// A linear model of evened-out features alone.
    fn logistic(&self, now: &Rows) -> Option<Vec<f64>> {
        let x = self.rows.x.select(Axis(0), &self.fitted);
        let linear = Linear::fit(x.view(), &[], &self.outcomes(), 10.0).ok()?;
        let held: Vec<f64> = self.held.iter().map(|&row| linear.margin(self.rows.row(row))).collect();
        let now: Vec<f64> = (0..now.len()).map(|row| linear.margin(now.row(row))).collect();
        self.calibrated(&held, &now)
    }

    fn outcomes(&self) -> Vec<bool> {
        self.fitted.iter().map(|&row| self.bought[row]).collect()
    }

    fn dataset(&self) -> DatasetBase<Array2<f64>, Array1<usize>> {
        let targets: Array1<usize> = self.outcomes().into_iter().map(usize::from).collect();
        // In a tied leaf linfa-trees takes the class that a hash map names first, and prunes by it: a hair of weight
        // on one class leaves no ties, so that the same rows give the same tree.
        let weights = targets.map(|&bought| if bought == 1 { 1.0 + 1.0 / 1024.0 } else { 1.0f32 });
        DatasetBase::new(self.x.select(Axis(0), &self.fitted), targets).with_weights(weights)
    }

    /// One tree of four levels, and its rules.
    fn tree(&self, now: &Rows) -> (Option<Vec<f64>>, Vec<TreeRule>) {
        let params = DecisionTree::<f64, usize>::params()
            .max_depth(Some(4))
            .min_weight_split(100.0)
            .min_weight_leaf(50.0);
        let Ok(tree) = params.fit(&self.dataset()) else { return (None, Vec::new()) };
        let every: Vec<usize> = (0..self.codes.columns.len()).collect();
        let shares = Leaves::of(tree.root_node(), every, self);
        let rules = shares.rules(&self.codes);
        let now = self.codes.encode(now.x.view());
        let of_now: Vec<f64> = now.rows().into_iter().map(|row| logit(shares.share(&row.to_vec()))).collect();
        let held: Vec<f64> =
            self.held.iter().map(|&row| logit(shares.share(&self.x.row(row).to_vec()))).collect();
        (self.calibrated(&held, &of_now), rules)
    }

    /// A forest of regression trees on 0 and 1.
    fn smartcore_forest(&self, now: &Rows, seed: u64) -> Option<Vec<f64>> {
        let width = self.codes.columns.len();
        let matrix = |x: Array2<f64>| {
            let (rows, columns) = x.dim();
            DenseMatrix::new(rows, columns, x.into_iter().collect(), false).ok()
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
        let forest = RandomForestRegressor::fit(&fitted, &targets, params).ok()?;
        let said = |x: Array2<f64>| -> Option<Vec<f64>> {
            let p: Vec<f64> = forest.predict(&matrix(x)?).ok()?;
            Some(p.into_iter().map(|p| logit(p.clamp(1e-3, 1.0 - 1e-3))).collect())
        };
        self.calibrated(&said(self.x.select(Axis(0), &self.held))?, &said(self.codes.encode(now.x.view()))?)
    }
}

/// Features as whole numbers: the place among quantiles of the sample. What is missing stands for the median.
///
/// linfa-trees takes values within 1e-5 for equal and splits by `<=` when it learns, by `<` when it answers; codes
/// that are 1 apart, split at halves, are safe from both.
struct Codes {
    /// Position of each feature that varies, its ascending edges, and the code of a missing value.
    columns: Vec<(usize, Vec<f32>, f64)>,
}

impl Codes {
    fn of(x: ArrayView2<'_, f32>) -> Self {
        let columns = x.columns().into_iter().enumerate().filter_map(|(at, column)| {
            let mut known: Vec<f32> = column.iter().copied().filter(|x| x.is_finite()).collect();
            known.sort_by(f32::total_cmp);
            let last = known.len().checked_sub(1)?;
            let mut edges: Vec<f32> = (1..CODES).map(|i| known[last * i / CODES]).collect();
            edges.dedup();
            edges.retain(|&edge| edge > known[0]);
            let median = code(&edges, known[last / 2]);
            (!edges.is_empty()).then_some((at, edges, median))
        });
        Codes { columns: columns.collect() }
    }

    fn encode(&self, x: ArrayView2<'_, f32>) -> Array2<f64> {
        Array2::from_shape_fn((x.nrows(), self.columns.len()), |(row, column)| {
            let (at, edges, median) = &self.columns[column];
            let x = x[(row, *at)];
            if x.is_nan() { *median } else { code(edges, x) }
        })
    }
}

/// Number of edges at or below a value.
fn code(edges: &[f32], x: f32) -> f64 {
    edges.partition_point(|&edge| edge <= x) as f64
}

/// A tree with the share of the fitted rows that came back in each of its leaves.
struct Leaves {
    nodes: Vec<Node>,
}

enum Node {
    /// Column and value of a split, and the children below and not below it.
    Split(usize, f64, usize, usize),
    /// Rows, and those who came back.
    Leaf(f64, f64),
}

impl Leaves {
    /// `features` are the columns that the tree knows, in its own order.
    fn of(root: &TreeNode<f64, usize>, features: Vec<usize>, sample: &Sample) -> Self {
        let mut leaves = Leaves { nodes: Vec::new() };
        leaves.add(root, &features);
        for &row in &sample.fitted {
            let leaf = leaves.leaf(&sample.x.row(row).to_vec());
            if let Node::Leaf(rows, bought) = &mut leaves.nodes[leaf] {
                *rows += 1.0;
                *bought += f64::from(u8::from(sample.bought[row]));
            }
        }
        leaves
    }

    fn add(&mut self, node: &TreeNode<f64, usize>, features: &[usize]) -> usize {
        let at = self.nodes.len();
        self.nodes.push(Node::Leaf(0.0, 0.0));
        let children: Vec<&TreeNode<f64, usize>> =
            node.children().into_iter().filter_map(|child| child.as_deref()).collect();
        let (column, value, _) = node.split();
        if let ([left, right], Some(&column)) = (children.as_slice(), features.get(column)) {
            let (left, right) = (self.add(left, features), self.add(right, features));
            self.nodes[at] = Node::Split(column, value, left, right);
        }
        at
    }

    fn leaf(&self, row: &[f64]) -> usize {
        let mut at = 0;
        while let Node::Split(column, value, left, right) = self.nodes[at] {
            at = if row[column] < value { left } else { right };
        }
        at
    }

    /// The share of the leaf that a row falls into, with one more of each outcome.
    fn share(&self, row: &[f64]) -> f64 {
        match self.nodes[self.leaf(row)] {
            Node::Leaf(rows, bought) => (bought + 1.0) / (rows + 2.0),
            Node::Split(..) => 0.5,
        }
    }

    /// The leaves as rules, those most likely to come back first.
    fn rules(&self, codes: &Codes) -> Vec<TreeRule> {
        let mut rules = Vec::new();
        self.walk(0, &mut Vec::new(), codes, &mut rules);
        rules.sort_by(|a, b| b.bought.total_cmp(&a.bought));
        rules
    }

    fn walk(&self, at: usize, path: &mut Vec<(usize, f64, bool)>, codes: &Codes, rules: &mut Vec<TreeRule>) {
        match self.nodes[at] {
            Node::Leaf(rows, bought) => rules.push(TreeRule {
                conditions: conditions(path, codes),
                bought: bought / rows.max(1.0),
                rows: rows as usize,
            }),
            Node::Split(column, value, left, right) => {
                for (child, below) in [(left, true), (right, false)] {
                    path.push((column, value, below));
                    self.walk(child, path, codes, rules);
                    path.pop();
                }
            }
        }
    }
}

/// The splits on the way to a leaf, with those on the same feature taken together.
fn conditions(path: &[(usize, f64, bool)], codes: &Codes) -> Vec<Condition> {
    let mut all: Vec<Condition> = Vec::new();
    for &(column, value, below) in path {
        let Some((feature, edges, _)) = codes.columns.get(column) else { continue };
        // Codes below `value` are those of values below the edge that begins the next code.
        let edge = edges.get((value.ceil() as usize).saturating_sub(1)).map(|&edge| f64::from(edge));
        let Some(edge) = edge else { continue };
        let name = SPECS[*feature].name;
        let at = all.iter().position(|condition| condition.feature == name).unwrap_or_else(|| {
            all.push(Condition { feature: name, below: None, at_least: None });
            all.len() - 1
        });
        let condition = &mut all[at];
        if below {
            condition.below = Some(condition.below.map_or(edge, |known| known.min(edge)));
        } else {
            condition.at_least = Some(condition.at_least.map_or(edge, |known| known.max(edge)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_keep_the_order_and_missing_values_stand_for_the_median() {
        let x = Array2::from_shape_fn((1000, 3), |(i, j)| match j {
            0 => i as f32,
            1 => 7.0,
            _ if i % 2 == 0 => f32::NAN,
            _ => (i % 5) as f32,
        });
        let codes = Codes::of(x.view());
        assert_eq!(codes.columns.iter().map(|column| column.0).collect::<Vec<_>>(), [0, 2]);
        let coded = codes.encode(x.view());
        assert!((1..1000).all(|i| coded[(i, 0)] >= coded[(i - 1, 0)]));
        assert_eq!((coded[(0, 0)], coded[(999, 0)]), (0.0, (CODES - 1) as f64));
        assert_eq!(coded[(0, 1)], coded[(7, 1)], "the median of 0 to 4 is 2");
    }

    #[test]
    fn challengers_stand_beside_homing_and_are_the_same_each_time() {
        let all = homing_datasets::cdnow().unwrap();
        let some = all.iter().take(3000).map(|(id, history)| (id.to_owned(), history.clone())).collect();
        let histories = Histories::from_vec(some);
        let zone = homing_datasets::Zone::default();
        let cutoff = zone.as_of("1997-12-31").unwrap();
        let task = Task {
            as_of: cutoff,
            horizons: vec![90],
            churn_horizon: 90,
            zone,
            seed: 3,
            most_rows: 20_000,
            net_of_returns: false,
        };
        let run = || {
            let mut report = crate::backtest::backtest(&histories, cutoff, 90, &task, &|_| {}).unwrap();
            challenge(&histories, &mut report, &task, &|_| {}).unwrap();
            report
        };
        let report = run();
        let found: Vec<&Candidate> =
            report.candidates.iter().filter(|c| c.name.starts_with("challenger: ")).collect();
        assert_eq!(found.len(), 3);
        for challenger in &found {
            let auc = challenger.metrics.get(crate::metrics::Metric::BUY_AUC).unwrap();
            // Most customers share one leaf of the small tree, and ties count half: it is only held to beat chance.
            let least = if challenger.name.ends_with("linfa-trees") { 0.6 } else { 0.7 };
            assert!(auc > least, "{} {auc}", challenger.name);
        }
        let rows: usize = report.rules.iter().map(|rule| rule.rows).sum();
        assert!(report.rules.len() > 1 && rows > LEAST_ROWS, "{:?}", report.rules);
        assert!(report.rules.windows(2).all(|pair| pair[0].bought >= pair[1].bought));
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let again = one.install(run);
        assert_eq!(report.rules, again.rules);
        let told = |report: &Report| serde_json::to_string(&report.candidates).unwrap();
        assert_eq!(told(&report), told(&again));
    }

    #[test]
    fn data_that_cannot_carry_challengers_add_none() {
        let all = homing_datasets::cdnow().unwrap();
        let some = all.iter().take(120).map(|(id, history)| (id.to_owned(), history.clone())).collect();
        let histories = Histories::from_vec(some);
        let zone = homing_datasets::Zone::default();
        let cutoff = zone.as_of("1997-06-30").unwrap();
        let task = Task {
            as_of: cutoff,
            horizons: vec![90],
            churn_horizon: 90,
            zone,
            seed: 3,
            most_rows: 20_000,
            net_of_returns: false,
        };
        let mut report = crate::backtest::backtest(&histories, cutoff, 90, &task, &|_| {}).unwrap();
        let before = report.candidates.len();
        challenge(&histories, &mut report, &task, &|_| {}).unwrap();
        assert_eq!((report.candidates.len(), report.rules.len()), (before, 0));
    }

    #[test]
    fn splits_on_one_feature_make_one_condition() {
        let codes = Codes { columns: vec![(0, vec![10.0, 20.0, 30.0], 1.0)] };
        let path = [(0, 2.5, true), (0, 0.5, false), (0, 1.5, true)];
        let told = conditions(&path, &codes);
        assert_eq!(told, [Condition { feature: SPECS[0].name, below: Some(20.0), at_least: Some(10.0) }]);
    }
}
