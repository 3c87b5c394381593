//! Backtests: learning at a past instant, and judging by what then happened.

use homing_datasets::{DAY, Histories, History, Micros, Zone};
use homing_models::bundle::DataFingerprint;
use homing_models::lifetimes::{BgNbd, Cohort, GammaGamma, LifetimeModel, Options, Spend, SpendSample};
use homing_models::{Bundle, Outcome};
use rayon::prelude::*;
use serde::Serialize;

use crate::baselines::{Baselines, Rule};
use crate::challengers::TreeRule;
use crate::error::Error;
use crate::expansion;
use crate::fit::{FitOptions, assemble};
use crate::labels::{Label, label, short_horizon};
use crate::learn::{Task, learn};
use crate::metrics::{Metric, Metrics, Scores, bootstrap_interval, evaluate};
use crate::snapshots::rows;
use crate::warning::Warning;

/// How one model did.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Every metric.
    pub metrics: Metrics,
    /// 95 % interval of the AUC of "bought" by customer bootstrap.
    pub auc_interval: (f64, f64),
    /// The same of the log loss of "bought".
    pub logloss_interval: (f64, f64),
}

impl Candidate {
    /// Judges scores, which stand in the order of the labels.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn judge(name: &str, labels: &[Label], scores: &Scores<'_>, seed: u64) -> Result<Self, Error> {
        let interval = |metric| bootstrap_interval(labels, scores, metric, 100, seed);
        Ok(Candidate {
            name: name.to_owned(),
            metrics: evaluate(labels, scores)?,
            auc_interval: interval(Metric::BUY_AUC)?,
            logloss_interval: interval(Metric::BUY_LOGLOSS)?,
        })
    }
}

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
    /// The best recency rule's AUC, against which the grade is given.
    pub grade: Grade,
    /// homing first, then the baselines.
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
    /// How first purchases by category were foreseen; only where it was asked for and the data know categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expansion: Option<expansion::Judged>,
    /// The rules of the challengers' decision tree, where challengers were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<TreeRule>,
}

/// One customer's backtest scores.
#[derive(Clone, Debug)]
pub struct ScoreRow {
    /// The customer.
    pub customer_id: String,
    /// Probability of a purchase within the horizon.
    pub p_return: f64,
    /// The same within the short horizon, where it was learned.
    pub p_return_short: Option<f64>,
    /// Expected orders.
    pub expected_orders: f64,
    /// Expected spend.
    pub expected_spend: f64,
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
    /// By how much of the rule's distance from a perfect log loss of 0 the model takes away: under 2 % Poor,
    /// under 6 % Fair, under 12 % Good.
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

/// Learns at `cutoff` with the task's settings and judges the next `days`; also the short horizon that goes with
/// them, where it is among the task's horizons.
///
/// # Errors
/// [`Error::Refused`] where the data before the cutoff cannot carry a model, [`Error::Wish`] where the window
/// reaches past the data.
pub fn backtest(
    histories: &Histories,
    cutoff: Micros,
    days: u32,
    settings: &Task,
    step: &(dyn Fn(&str) + Sync),
) -> Result<Report, Error> {
    let zone = settings.zone;
    let last = histories.last_instant().unwrap_or(cutoff);
    // The window's last day may lack its last hours.
    if cutoff + (i64::from(days) - 1) * DAY > last {
        return Err(Error::Wish(format!(
            "the window of {days} days after {} ends past the last event ({}); choose an earlier cutoff or a shorter horizon",
            zone.date(cutoff),
            zone.date(last)
        )));
    }
    let short = short_horizon(days);
    let horizons = if settings.horizons.contains(&short) { vec![short, days] } else { vec![days] };
    let task = Task { as_of: cutoff, horizons, churn_horizon: days, ..settings.clone() };
    let learned = learn(histories, &task, step)?;
    let options = FitOptions {
        value_horizon: days,
        churn_horizon: days,
        zone,
        net_of_returns: task.net_of_returns,
        ..FitOptions::default()
    };
    let bundle = assemble(learned, &options, &task, DataFingerprint::default(), serde_json::Value::Null);
    step("scoring and judging");
    type One = (ScoreRow, f64, f64);
    let scored: Vec<One> = histories
        .par_iter()
        .filter_map(|(id, history)| {
            let Outcome::Scored(p) = bundle.predict_numbers(history, cutoff) else { return None };
            let at = p.within(days)?;
            let row = ScoreRow {
                customer_id: id.to_owned(),
                p_return: at.p_return,
                p_return_short: p.within(short).map(|at| at.p_return),
                expected_orders: at.expected_orders,
                expected_spend: at.expected_spend,
                label: label(history, cutoff, days, zone),
            };
            Some((row, at.expected_spend_low, at.expected_spend_high))
        })
        .collect();
    let spent = |label: &Label| if task.net_of_returns { label.net_spend } else { label.spend };
    let held = scored.iter().filter(|(row, low, high)| (*low..=*high).contains(&spent(&row.label))).count();
    let interval_coverage = held as f64 / scored.len().max(1) as f64;
    let scores: Vec<ScoreRow> = scored.into_iter().map(|one| one.0).collect();
    let labels: Vec<Label> = scores.iter().map(|row| row.label).collect();
    let candidates = candidates(histories, &scores, &labels, cutoff, days, zone, settings.seed)?;
    let loss = |c: &Candidate| c.metrics.get(Metric::BUY_LOGLOSS).unwrap_or(f64::INFINITY);
    let rule =
        candidates.iter().filter(|c| c.name.starts_with("rule")).map(loss).fold(f64::INFINITY, f64::min);
    Ok(Report {
        cutoff: zone.format(cutoff),
        horizon: days,
        customers: labels.len(),
        bought: labels.iter().filter(|label| label.bought).count() as f64 / labels.len().max(1) as f64,
        interval_coverage,
        grade: Grade::of(loss(&candidates[0]), rule),
        candidates,
        scores,
        bundle,
        warning: None,
        expansion: None,
        rules: Vec::new(),
    })
}

fn candidates(
    histories: &Histories,
    own: &[ScoreRow],
    labels: &[Label],
    cutoff: Micros,
    days: u32,
    zone: Zone,
    seed: u64,
) -> Result<Vec<Candidate>, Error> {
    let column = |of: fn(&ScoreRow) -> f64| own.iter().map(of).collect::<Vec<f64>>();
    let p = column(|row| row.p_return);
    let p_short: Option<Vec<f64>> = own.iter().map(|row| row.p_return_short).collect();
    let orders = column(|row| row.expected_orders);
    let spend = column(|row| row.expected_spend);
    let judge = |name: &str, scores: &Scores<'_>| Candidate::judge(name, labels, scores, seed);
    let own = Scores {
        p_buy: &p,
        p_buy_short: p_short.as_deref(),
        expected_orders: Some(&orders),
        expected_spend: Some(&spend),
    };
    let mut all = vec![judge("homing", &own)?];
    if let Some(lifetime) = bg_nbd(histories, cutoff, days, zone, seed) {
        all.push(judge("BG/NBD × Gamma-Gamma", &lifetime.scores())?);
    }
    let population =
        histories.iter().filter(|(_, h): &(&str, &History)| h.first_purchase().is_some_and(|f| f <= cutoff));
    match Baselines::learn(population, cutoff, days, zone) {
        Ok(baselines) => {
            for rule in Rule::ALL {
                all.push(judge(&format!("rule: {}", rule.name()), &baselines.forecast(rule).scores())?);
            }
        }
        Err(crate::baselines::Error::NothingToLearn { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(all)
}

/// BG/NBD and Gamma-Gamma as textbooks use them; `None` where they cannot be fitted.
fn bg_nbd(
    histories: &Histories,
    cutoff: Micros,
    days: u32,
    zone: Zone,
    seed: u64,
) -> Option<crate::baselines::Forecast> {
    let base = rows(histories, &[cutoff], None, zone, usize::MAX, seed);
    let options = Options { prior_weight: 1.0, ..Options::default() };
    let model = BgNbd::fit(&Cohort::from_customers(&base.recency).ok()?, &options).ok()?;
    let spends: Vec<Spend> = base
        .recency
        .iter()
        .zip(&base.order_value)
        .map(|(recency, &mean_spend)| Spend { frequency: recency.frequency + 1, mean_spend })
        .collect();
    let money = GammaGamma::fit(&SpendSample::from_customers(&spends).ok()?, &options).ok()?;
    let (long, short) = (f64::from(days), f64::from(short_horizon(days)));
    let mut forecast = crate::baselines::Forecast::default();
    for (&recency, &spend) in base.recency.iter().zip(&spends) {
        let orders = model.expected_orders(recency, long);
        forecast.p_buy.push(model.probability_of_purchase(recency, long));
        forecast.p_buy_short.push(model.probability_of_purchase(recency, short));
        forecast.expected_orders.push(orders);
        forecast.expected_spend.push(orders * money.expected_mean_spend(spend));
    }
    Some(forecast)
}
