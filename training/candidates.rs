//! Candidates: the models judged on a holdout window, homing and its rivals.

use homing_datasets::{Histories, History, Micros, Zone};
use homing_models::lifetimes::{BgNbd, Cohort, LifetimeModel};
use serde::Serialize;

use crate::baselines::{Baselines, Error as BaselinesError, Forecast, Rule};
use crate::error::Error;
use crate::fit::{lifetime_options, money, spends};
use crate::labels::{Label, short_horizon};
use crate::metrics::{Metric, Metrics, Scores, bootstrap_interval, evaluate};
use crate::rows::rows;

/// Bootstrap draws of an interval.
const DRAWS: u32 = 100;

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
        let interval = |metric| bootstrap_interval(labels, scores, metric, DRAWS, seed);
        Ok(Candidate {
            name: name.to_owned(),
            metrics: evaluate(labels, scores)?,
            auc_interval: interval(Metric::BUY_AUC)?,
            logloss_interval: interval(Metric::BUY_LOGLOSS)?,
        })
    }

    /// Whether it is a simple rule that needs no model.
    #[must_use]
    pub fn is_rule(&self) -> bool {
        self.name.starts_with("rule")
    }

    /// Its log loss of "bought"; `None` where it is not a finite number.
    #[must_use]
    pub fn log_loss(&self) -> Option<f64> {
        self.metrics.get(Metric::BUY_LOGLOSS).filter(|loss| loss.is_finite())
    }
}

/// The rivals of every backtest, learned at `cutoff` and judged by these labels of the next `days`: BG/NBD with
/// Gamma-Gamma, and the simple rules, where there is a past window that they can learn from.
///
/// # Errors
/// [`Error::Lifetime`], [`Error::Baselines`] and [`Error::Metrics`].
pub fn rivals(
    histories: &Histories,
    labels: &[Label],
    cutoff: Micros,
    days: u32,
    zone: Zone,
    seed: u64,
) -> Result<Vec<Candidate>, Error> {
    let judge = |name: &str, forecast: &Forecast| Candidate::judge(name, labels, &forecast.scores(), seed);
    let mut all = vec![judge("BG/NBD × Gamma-Gamma", &bg_nbd(histories, cutoff, days, zone, seed)?)?];
    let population =
        histories.iter().filter(|(_, h): &(&str, &History)| h.first_purchase().is_some_and(|f| f <= cutoff));
    match Baselines::learn(population, cutoff, days, zone) {
        Ok(baselines) => {
            for rule in Rule::ALL {
                all.push(judge(&format!("rule: {}", rule.name()), &baselines.forecast(rule))?);
            }
        }
        // A young shop: there is nothing to compare with yet.
        Err(BaselinesError::NothingToLearn { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(all)
}

/// BG/NBD (Fader, Hardie & Lee 2005) and Gamma-Gamma as textbooks use them.
fn bg_nbd(
    histories: &Histories,
    cutoff: Micros,
    days: u32,
    zone: Zone,
    seed: u64,
) -> Result<Forecast, Error> {
    let base = rows(histories, &[cutoff], None, zone, usize::MAX, seed);
    let options = lifetime_options();
    let model = BgNbd::fit(&Cohort::from_customers(&base.recency)?, &options)?;
    let money = money(&base, &options)?;
    let (long, short) = (f64::from(days), f64::from(short_horizon(days)));
    let mut forecast = Forecast::default();
    for (&recency, spend) in base.recency.iter().zip(spends(&base)) {
        let orders = model.expected_orders(recency, long);
        forecast.p_buy.push(model.probability_of_purchase(recency, long));
        forecast.p_buy_short.push(model.probability_of_purchase(recency, short));
        forecast.expected_orders.push(orders);
        forecast.expected_spend.push(orders * money.expected_mean_spend(spend));
    }
    Ok(forecast)
}
