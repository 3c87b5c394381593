//! Uplift: whom contact changes, learned from a randomised experiment, and claimed only where held-out customers prove it.
//!
//! Every figure is out of fold: a customer is ranked by models that were fitted without them.

pub mod experiment;
pub mod learn;
pub mod measure;
#[cfg(test)]
mod tests;

use homing_datasets::table::{Column, Table};
use homing_models::features::schema_hash;
use homing_models::uplift::{Group, Uplift};
use serde::Serialize;

pub use experiment::{Experiment, LeftOut, Roles};
use learn::{Arm, FOLDS, Learner, folds, learners, out_of_fold};
use measure::{Difference, Figures, Intervals, Ranked};

use crate::Error;

/// Resamples of the intervals.
const DRAWS: u32 = 500;

/// The Qini of a learner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ByLearner {
    /// The learner.
    pub learner: Learner,
    /// Its out-of-fold Qini; `null` where it is not defined.
    pub qini: Option<f64>,
    /// Its weight in the average.
    pub weight: f64,
}

/// A tenth of the customers by predicted uplift.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decile {
    /// From 1, the highest predicted uplift.
    pub decile: usize,
    /// Mean predicted uplift.
    pub predicted: f64,
    /// Measured uplift.
    #[serde(flatten)]
    pub measured: Difference,
}

/// What contacting the first customers by uplift brings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyPoint {
    /// The share of customers that are contacted.
    pub share: f64,
    /// Incremental outcome per 1,000 customers of the base, those not contacted included.
    pub gain_per_1000: f64,
    /// The same for a random list of this length.
    pub random_per_1000: f64,
}

/// What an arm does to an outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmResult {
    /// The arm.
    pub arm: String,
    /// The outcome.
    pub outcome: String,
    /// Customers, controls included.
    pub n: usize,
    /// Treated customers.
    pub treated: usize,
    /// Controls.
    pub controls: usize,
    /// Mean outcome of the treated less that of the controls, with its 95 % interval.
    pub effect: f64,
    /// Low end.
    pub effect_low: Option<f64>,
    /// High end.
    pub effect_high: Option<f64>,
    /// The learners whose average, weighted by their Qini, is the uplift.
    pub learners: Vec<ByLearner>,
    /// Qini as scikit-uplift's `qini_auc_score`, out of fold.
    pub qini: Option<f64>,
    /// Low end of the 95 % bootstrap interval.
    pub qini_low: Option<f64>,
    /// High end.
    pub qini_high: Option<f64>,
    /// Area under the uplift curve as scikit-uplift's `uplift_auc_score`, out of fold.
    pub auuc: Option<f64>,
    /// Low end of the 95 % bootstrap interval.
    pub auuc_low: Option<f64>,
    /// High end.
    pub auuc_high: Option<f64>,
    /// Uplift among the 30 % with the highest predicted uplift.
    pub top30_uplift: Option<f64>,
    /// Low end of the 95 % bootstrap interval.
    pub top30_low: Option<f64>,
    /// High end.
    pub top30_high: Option<f64>,
    /// Uplift among the 30 % with the highest outcome expected with contact: what ranking by response reaches.
    pub response_top30_uplift: Option<f64>,
    /// Uplift among the 30 % with the highest outcome expected without contact: what ranking by purchase probability reaches.
    pub baseline_top30_uplift: Option<f64>,
    /// What the Qini exceeds that of the ranking by the outcome expected without contact by: low end of the 95 % interval.
    pub over_baseline_low: Option<f64>,
    /// High end.
    pub over_baseline_high: Option<f64>,
    /// Whether the intervals of the Qini, and of what it exceeds the ranking by the outcome expected without contact by, lie above
    /// zero.
    pub claimed: bool,
    /// The conclusion in plain words.
    pub conclusion: String,
    /// Uplift by tenth.
    pub deciles: Vec<Decile>,
    /// Gain by the share contacted.
    pub policy: Vec<PolicyPoint>,
    /// Predicted values of every row, for the output file.
    #[serde(skip)]
    pub values: RowValues,
}

/// What is said of each row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowValues {
    /// Predicted uplift.
    pub uplift: Vec<f64>,
    /// Expected outcome with contact.
    pub contacted: Vec<f64>,
    /// Expected outcome without.
    pub untouched: Vec<f64>,
    /// How the customer responds.
    groups: Vec<Group>,
}

/// An experiment, judged.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// Customers.
    pub rows: usize,
    /// The arm without contact.
    pub control: String,
    /// Names of the features.
    pub features: Vec<String>,
    /// Columns that are not features, and why.
    pub left_out: Vec<LeftOut>,
    /// Each arm and outcome.
    pub arms: Vec<ArmResult>,
}

/// Learns and judges uplift for each arm and outcome of an experiment. The same seed gives the same result.
///
/// # Errors
/// [`Error::Booster`] when a model cannot be fitted.
pub fn judge(experiment: &Experiment, seed: u64, told: &dyn Fn(&str)) -> Result<Judged, Error> {
    let mut arms = Vec::new();
    for arm in 1..=experiment.arms.len() {
        for (outcome, values) in &experiment.outcomes {
            told(&format!("{} on {outcome}", experiment.arms[arm - 1]));
            arms.push(judge_arm(experiment, arm, outcome, values, seed)?);
        }
    }
    Ok(Judged {
        rows: experiment.arm.len(),
        control: experiment.control.clone(),
        features: experiment.names.clone(),
        left_out: experiment.left_out.clone(),
        arms,
    })
}

/// Learns uplift on the features of this version of homing ([`homing_models::features::SPECS`]) from an experiment with one arm and one
/// outcome. Learners are part of it only where uplift is claimed.
///
/// # Errors
/// [`Error::Booster`] when a model cannot be fitted; [`Error::InvalidArgument`] for an experiment without an arm or outcome.
pub fn learn_uplift(
    experiment: &Experiment,
    (campaigns, window_days): (Vec<String>, u32),
    seed: u64,
) -> Result<(Uplift, ArmResult), Error> {
    let Some((name, all)) = experiment.outcomes.first().filter(|_| experiment.arms.len() == 1) else {
        return Err(Error::InvalidArgument(
            "an experiment with one arm and one outcome is needed".to_owned(),
        ));
    };
    let found = judge_arm(experiment, 1, name, all, seed)?;
    let (rows, treated) = experiment.rows_of(1);
    let outcome: Vec<f64> = rows.iter().map(|row| all[*row]).collect();
    let trial = Arm { features: &experiment.features, rows: &rows, outcome: &outcome, treated: &treated };
    let weights = std::array::from_fn(|at| found.learners.get(at).map_or(0.0, |one| one.weight));
    let controls = outcome.iter().zip(&treated).filter(|(_, treated)| !**treated);
    let (sum, count) = controls.fold((0.0, 0.0), |(sum, n), (y, _)| (sum + y, n + 1.0));
    let uplift = Uplift {
        campaigns,
        outcome: name.clone(),
        window_days,
        contacted: found.treated,
        held_out: found.controls,
        effect: found.effect,
        mean_untouched: sum / count,
        qini: found.qini,
        qini_low: found.qini_low,
        qini_high: found.qini_high,
        claimed: found.claimed,
        conclusion: found.conclusion.clone(),
        schema: schema_hash(),
        learners: if found.claimed { Some(learners(&trial, weights)?) } else { None },
    };
    Ok((uplift, found))
}

fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The Qini of each learner on some rows.
fn qinis(scores: &[Vec<f64>], outcome: &[f64], treated: &[bool], rows: &[usize]) -> Vec<f64> {
    let pick = |all: &[f64]| rows.iter().map(|row| all[*row]).collect::<Vec<f64>>();
    let (y, t) = (pick(outcome), rows.iter().map(|row| treated[*row]).collect::<Vec<bool>>());
    scores.iter().map(|scores| Ranked::new(&y, &t, &pick(scores)).figures().qini).collect()
}

/// The weights of learners: in the ratio of their Qini, none for one that is no better than a random list, equal where none is.
fn weights(qini: &[f64]) -> Vec<f64> {
    let sum: f64 = qini.iter().map(|qini| qini.max(0.0)).sum();
    let equal = 1.0 / qini.len().max(1) as f64;
    qini.iter().map(|qini| if sum > 0.0 { qini.max(0.0) / sum } else { equal }).collect()
}

/// The average of the learners for a row.
fn average(weights: &[f64], scores: &[Vec<f64>], row: usize) -> f64 {
    weights.iter().zip(scores).map(|(weight, scores)| weight * scores[row]).sum()
}

fn judge_arm(
    experiment: &Experiment,
    arm: usize,
    name: &str,
    all: &[f64],
    seed: u64,
) -> Result<ArmResult, Error> {
    let (rows, treated) = experiment.rows_of(arm);
    let outcome: Vec<f64> = rows.iter().map(|row| all[*row]).collect();
    let trial = Arm { features: &experiment.features, rows: &rows, outcome: &outcome, treated: &treated };
    let predicted = out_of_fold(&trial, seed)?;
    let scores: Vec<Vec<f64>> =
        predicted.uplift.iter().map(|all| rows.iter().map(|row| all[*row]).collect()).collect();
    let everyone: Vec<usize> = (0..rows.len()).collect();
    let qini = qinis(&scores, &outcome, &treated, &everyone);
    let all_weights = weights(&qini);
    // The weights of a fold come from the other folds, so that they do not flatter the figures.
    let fold = folds(&trial, seed);
    let mut score = vec![0.0; rows.len()];
    for held in 0..FOLDS {
        let others: Vec<usize> = everyone.iter().copied().filter(|row| fold[*row] != held).collect();
        let own = weights(&qinis(&scores, &outcome, &treated, &others));
        let held = everyone.iter().filter(|row| fold[**row] == held);
        held.for_each(|row| score[*row] = average(&own, &scores, *row));
    }
    let ranked = Ranked::new(&outcome, &treated, &score);
    let figures = ranked.figures();
    let by = |all: &[f64]| {
        let own: Vec<f64> = rows.iter().map(|row| all[*row]).collect();
        Ranked::new(&outcome, &treated, &own)
    };
    let (response, baseline) = (by(&predicted.contacted), by(&predicted.untouched));
    let Intervals { low, high, over_other } = ranked.intervals(&baseline, DRAWS, seed);
    let effect = Difference::of(&outcome, &treated, &everyone);
    let claimed = low.qini > 0.0 && over_other.0 > 0.0;
    let mut uplift: Vec<f64> =
        (0..experiment.arm.len()).map(|row| average(&all_weights, &predicted.uplift, row)).collect();
    rows.iter().zip(&score).for_each(|(row, score)| uplift[*row] = *score);
    let untouched = outcome.iter().zip(&treated).filter(|(_, treated)| !**treated);
    let (sum, count) = untouched.fold((0.0, 0.0), |(sum, n), (y, _)| (sum + y, n + 1.0));
    let groups = groups_of(&uplift, &predicted.untouched, effect.uplift.unwrap_or(0.0), sum / count);
    Ok(ArmResult {
        arm: experiment.arms[arm - 1].clone(),
        outcome: name.to_owned(),
        n: rows.len(),
        treated: treated.iter().filter(|treated| **treated).count(),
        controls: treated.iter().filter(|treated| !**treated).count(),
        effect: effect.uplift.unwrap_or(0.0),
        effect_low: effect.low,
        effect_high: effect.high,
        learners: Learner::ALL
            .iter()
            .zip(&qini)
            .zip(&all_weights)
            .map(|((learner, qini), weight)| ByLearner {
                learner: *learner,
                qini: known(*qini),
                weight: *weight,
            })
            .collect(),
        qini: known(figures.qini),
        qini_low: known(low.qini),
        qini_high: known(high.qini),
        auuc: known(figures.auuc),
        auuc_low: known(low.auuc),
        auuc_high: known(high.auuc),
        top30_uplift: known(figures.top_uplift),
        top30_low: known(low.top_uplift),
        top30_high: known(high.top_uplift),
        response_top30_uplift: known(response.figures().top_uplift),
        baseline_top30_uplift: known(baseline.figures().top_uplift),
        over_baseline_low: known(over_other.0),
        over_baseline_high: known(over_other.1),
        claimed,
        conclusion: conclusion(claimed, &figures, &effect),
        deciles: deciles(&ranked, &score, &outcome, &treated),
        policy: policy(&ranked, &effect),
        values: RowValues { uplift, contacted: predicted.contacted, untouched: predicted.untouched, groups },
    })
}

fn conclusion(claimed: bool, figures: &Figures, effect: &Difference) -> String {
    let works = match (effect.low, effect.high) {
        (Some(low), _) if low > 0.0 => "Contact raises the outcome on average",
        (_, Some(high)) if high < 0.0 => "Contact lowers the outcome on average",
        _ => "No average effect of contact is proven",
    };
    if claimed {
        return format!(
            "{works}, and the ranking by uplift is better than a random list and than ranking by expected outcome: contact its \
             top first (top 30 %: {:+.4}).",
            figures.top_uplift
        );
    }
    format!(
        "{works}. There is no proof that a ranking by uplift beats a random list and a ranking by expected outcome, so no \
         uplift is written: rank by response (expected_contacted), or contact everybody if the contact pays."
    )
}

/// The group of each customer.
fn groups_of(uplift: &[f64], untouched: &[f64], effect: f64, mean: f64) -> Vec<Group> {
    uplift
        .iter()
        .zip(untouched)
        .map(|(uplift, untouched)| Group::of(*uplift, *untouched, effect, mean))
        .collect()
}

fn deciles(ranked: &Ranked, score: &[f64], outcome: &[f64], treated: &[bool]) -> Vec<Decile> {
    let groups = ranked.groups(10).into_iter().filter(|rows| !rows.is_empty()).enumerate();
    groups
        .map(|(at, rows)| Decile {
            decile: at + 1,
            predicted: rows.iter().map(|row| score[*row]).sum::<f64>() / rows.len() as f64,
            measured: Difference::of(outcome, treated, &rows),
        })
        .collect()
}

fn policy(ranked: &Ranked, effect: &Difference) -> Vec<PolicyPoint> {
    let point = |step: u32| {
        let share = f64::from(step) / 20.0;
        let gain = if step == 0 { 0.0 } else { ranked.uplift_at(share) * share * 1000.0 };
        let random_per_1000 = effect.uplift.unwrap_or(0.0) * share * 1000.0;
        PolicyPoint { share, gain_per_1000: gain, random_per_1000 }
    };
    (0..=20).map(point).collect()
}

impl Judged {
    /// One row a customer of the experiment: ids, arm, and for each arm and outcome the predicted response and, where it is
    /// claimed, uplift and group. With several arms or outcomes the columns carry their names.
    #[must_use]
    pub fn table(&self, experiment: &Experiment, frame: &homing_datasets::frame::Frame) -> Table {
        let rows = self.rows;
        let mut table = Table::default().with("row", Column::Whole((1..=rows as i64).map(Some).collect()));
        for name in &experiment.ids {
            let ids = (0..rows).map(|row| frame.column(name).and_then(|column| column.text(row))).collect();
            table = table.with(name.clone(), Column::Id(ids));
        }
        let arm = |row: usize| match experiment.arm[row] {
            0 => experiment.control.clone(),
            at => experiment.arms[at - 1].clone(),
        };
        table = table.with("arm", Column::Text((0..rows).map(|row| Some(arm(row))).collect()));
        for result in &self.arms {
            let suffix = match self.arms.len() {
                1 => String::new(),
                _ => format!(":{}:{}", result.arm, result.outcome),
            };
            let values = &result.values;
            let numbers = |all: &[f64], shown: bool| {
                Column::Number(all.iter().map(|x| (shown && x.is_finite()).then_some(*x)).collect())
            };
            let groups =
                values.groups.iter().map(|group| result.claimed.then(|| group.name().to_owned())).collect();
            table = table
                .with(format!("uplift{suffix}"), numbers(&values.uplift, result.claimed))
                .with(format!("uplift_group{suffix}"), Column::Text(groups))
                .with(format!("expected_contacted{suffix}"), numbers(&values.contacted, true))
                .with(format!("expected_untouched{suffix}"), numbers(&values.untouched, true));
        }
        table
    }

    /// Customers in each group, where uplift is claimed.
    #[must_use]
    pub fn groups(&self, result: usize) -> Vec<(&'static str, usize)> {
        let values =
            self.arms.get(result).filter(|result| result.claimed).map(|result| &result.values.groups);
        let count = |one: Group, groups: &[Group]| groups.iter().filter(|group| **group == one).count();
        values.map_or_else(Vec::new, |groups| {
            Group::ALL.into_iter().map(|one| (one.name(), count(one, groups))).collect()
        })
    }
}
