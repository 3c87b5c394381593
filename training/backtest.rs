//! Backtests: a fit at a past cutoff, judged by what customers did in the holdout window.

use homing_datasets::{DAY, Histories, Micros};
use homing_models::{Bundle, Outcome};
use rayon::prelude::*;
use serde::Serialize;

use crate::candidates::{Candidate, rivals};
use crate::challengers::{Challenge, TreeRule};
use crate::error::Error;
use crate::expansion::Judged;
use crate::fit::fit;
use crate::labels::{Label, label, short_horizon};
use crate::metrics::Scores;
use crate::task::Task;
use crate::warning::Warning;

/// A backtest at one cutoff for one horizon.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The cutoff (RFC 3339).
    pub cutoff: String,
    /// The horizon in days.
    pub horizon: u32,
    /// Customers judged.
    pub customers: usize,
    /// Share of them who bought.
    pub bought: f64,
    /// Share of the 80 % intervals of spend that held the truth.
    pub interval_coverage: f64,
    /// The spend of all customers together, beside what was expected of them.
    pub total: Total,
    /// How far homing is ahead of the best simple rule.
    pub grade: Grade,
    /// homing first, then its rivals.
    pub candidates: Vec<Candidate>,
    /// The scores by customer, for a file.
    #[serde(skip)]
    pub scores: Vec<ScoreRow>,
    /// The model that was judged, as learned at the cutoff.
    #[serde(skip)]
    pub bundle: Bundle,
    /// Of those who then lapsed, how many were named in time; only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<Warning>,
    /// How well first purchases by category were predicted; only where it was asked for and the data know categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expansion: Option<Judged>,
    /// The rules of the challengers' decision tree, where challengers were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<TreeRule>,
}

impl Report {
    /// What happened to each customer, in the order of the scores.
    #[must_use]
    pub fn labels(&self) -> Vec<Label> {
        self.scores.iter().map(|row| row.label).collect()
    }

    /// Adds the challengers to the candidates.
    pub fn add(&mut self, challenge: Challenge) {
        self.candidates.extend(challenge.candidates);
        self.rules = challenge.rules;
    }

    /// The best simple rule by log loss; `None` where none could be judged.
    #[must_use]
    pub fn best_rule(&self) -> Option<(&Candidate, f64)> {
        let rules = self.candidates.iter().filter(|candidate| candidate.is_rule());
        rules.filter_map(|rule| Some((rule, rule.log_loss()?))).min_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// The spend of all customers together within the holdout window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Total {
    /// What was expected, in the business's currency.
    pub expected: f64,
    /// Lower end of its 80 % interval; absent where the model does not know it.
    pub low: Option<f64>,
    /// Upper end of its 80 % interval.
    pub high: Option<f64>,
    /// What was spent.
    pub actual: f64,
}

impl Total {
    fn of(scores: &[ScoreRow], bundle: &Bundle, days: u32, net_of_returns: bool) -> Self {
        let expected: f64 = scores.iter().map(|row| row.expected_spend).sum();
        let actual =
            scores.iter().map(|row| if net_of_returns { row.label.net_spend } else { row.label.spend }).sum();
        let interval = bundle.total_uncertainty(days).map(|unsure| {
            let variance = scores.iter().map(|row| unsure.variance(row.p_purchase, row.expected_spend)).sum();
            unsure.interval(expected, variance)
        });
        Total { expected, low: interval.map(|ends| ends.0), high: interval.map(|ends| ends.1), actual }
    }
}

/// One customer's backtest scores.
#[derive(Clone, Debug)]
pub struct ScoreRow {
    /// The customer.
    pub customer_id: String,
    /// Probability of a purchase within the horizon.
    pub p_purchase: f64,
    /// The same within the short horizon, where it was learned.
    pub p_purchase_short: Option<f64>,
    /// Expected orders.
    pub expected_orders: f64,
    /// Expected spend, in the business's currency.
    pub expected_spend: f64,
    /// Lower and upper end of the 80 % interval of spend.
    pub spend_interval: (f64, f64),
    /// What happened.
    pub label: Label,
}

/// How far homing is ahead of the best rule that needs no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Grade {
    /// No better than a rule.
    Poor,
    /// A little better.
    Fair,
    /// Clearly better.
    Good,
    /// Far better.
    Excellent,
}

impl Grade {
    /// By the share of the rule's log loss that the model takes away: under 2 % Poor, under 6 % Fair, under 12 % Good.
    #[must_use]
    pub fn of(model: f64, rule: f64) -> Self {
        match 1.0 - model / rule {
            gain if gain < 0.02 => Grade::Poor,
            gain if gain < 0.06 => Grade::Fair,
            gain if gain < 0.12 => Grade::Good,
            _ => Grade::Excellent,
        }
    }
}

/// Fits at `cutoff` with the task's settings and judges the next `days`; a `short` horizon too, where one is given.
///
/// # Errors
/// [`Error::Refused`] where the data before the cutoff cannot carry a model, [`Error::InvalidArgument`] where the
/// holdout window reaches past the data.
pub fn backtest(
    histories: &Histories,
    cutoff: Micros,
    days: u32,
    short: Option<u32>,
    task: &Task,
    step: &(dyn Fn(&str) + Sync),
) -> Result<Report, Error> {
    let zone = task.zone;
    let last = histories.last_instant().unwrap_or(cutoff);
    // The window's last day may lack its last hours.
    if cutoff + (i64::from(days) - 1) * DAY > last {
        return Err(Error::InvalidArgument(format!(
            "the window of {days} days after {} ends past the last event ({}); choose an earlier cutoff or a shorter horizon",
            zone.date(cutoff),
            zone.date(last)
        )));
    }
    let bundle = fit(histories, cutoff, &task.window(days, short), serde_json::Value::Null, step)?;
    step("scoring and judging");
    let scores = score(&bundle, histories, days);
    let labels: Vec<Label> = scores.iter().map(|row| row.label).collect();
    let own = judge_own(&scores, &labels, task.seed)?;
    let customers = labels.len();
    let mut report = Report {
        cutoff: zone.format(cutoff),
        horizon: days,
        customers,
        bought: labels.iter().filter(|label| label.bought).count() as f64 / customers.max(1) as f64,
        interval_coverage: interval_coverage(&scores, task.net_of_returns),
        total: Total::of(&scores, &bundle, days, task.net_of_returns),
        grade: Grade::Poor,
        candidates: vec![own],
        scores,
        bundle,
        warning: None,
        expansion: None,
        rules: Vec::new(),
    };
    report.candidates.extend(rivals(histories, &labels, cutoff, days, zone, task.seed)?);
    let own = report.candidates[0].log_loss().unwrap_or(f64::INFINITY);
    report.grade = Grade::of(own, report.best_rule().map_or(f64::INFINITY, |best| best.1));
    Ok(report)
}

/// Scores every customer who had bought by the bundle's instant, and says what they did in the next `days`.
fn score(bundle: &Bundle, histories: &Histories, days: u32) -> Vec<ScoreRow> {
    let (cutoff, zone) = (bundle.manifest().as_of, bundle.manifest().timezone);
    let short = short_horizon(days);
    histories
        .par_iter()
        .filter_map(|(id, history)| {
            let Outcome::Scored(p) = bundle.predict_numbers(history, cutoff).outcome else { return None };
            let at = p.within(days)?;
            Some(ScoreRow {
                customer_id: id.to_owned(),
                p_purchase: at.p_purchase,
                p_purchase_short: p.within(short).map(|at| at.p_purchase),
                expected_orders: at.expected_orders,
                expected_spend: at.expected_spend,
                spend_interval: (at.expected_spend_low, at.expected_spend_high),
                label: label(history, cutoff, days, zone),
            })
        })
        .collect()
}

fn interval_coverage(scores: &[ScoreRow], net_of_returns: bool) -> f64 {
    let held = scores.iter().filter(|row| {
        let spent = if net_of_returns { row.label.net_spend } else { row.label.spend };
        (row.spend_interval.0..=row.spend_interval.1).contains(&spent)
    });
    held.count() as f64 / scores.len().max(1) as f64
}

fn judge_own(rows: &[ScoreRow], labels: &[Label], seed: u64) -> Result<Candidate, Error> {
    let column = |of: fn(&ScoreRow) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
    let p_short: Option<Vec<f64>> = rows.iter().map(|row| row.p_purchase_short).collect();
    let scores = Scores {
        p_buy: &column(|row| row.p_purchase),
        p_buy_short: p_short.as_deref(),
        expected_orders: Some(&column(|row| row.expected_orders)),
        expected_spend: Some(&column(|row| row.expected_spend)),
    };
    Candidate::judge("homing", labels, &scores, seed)
}
