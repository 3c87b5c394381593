//! Promotion: whether a new model may take the place of the champion.
//!
//! Both predict the same holdout window, customer by customer, and the difference of their log losses is judged by a paired
//! bootstrap. Some faults show in both models' scores alike, because the data that both are judged on are broken: those are told
//! by what the champion's own data were like.

use clap::ValueEnum;
use homing_datasets::{Histories, Micros};
use homing_models::{Bundle, Outcome};
use rayon::prelude::*;
use serde::Serialize;

use crate::backtest::Report;
use crate::error::Error;
use crate::metrics::{Metric, Scores, bootstrap_difference, evaluate};
use crate::pipeline::Trained;

/// Bootstrap draws of the difference.
const DRAWS: u32 = 200;

/// Amounts whose median moved by more than this factor are another currency or another column.
const AMOUNT_FACTOR: f64 = 4.0;

/// When a new model becomes champion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Promote {
    /// Unless it is worse than the champion, or its data are not like the champion's.
    #[default]
    IfBetter,
    /// Always, whatever the comparison says.
    Always,
    /// Never: it is registered as challenger.
    Never,
}

/// Why a model was promoted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no champion yet.
    First,
    /// The log loss is not beyond chance higher than the champion's.
    NotWorse,
    /// The log loss is beyond chance higher than the champion's.
    Worse,
    /// The model ranks its holdout window beyond chance worse than the champion ranked its own.
    RankingLost,
    /// Amounts are several times those of the champion's data.
    OtherAmounts,
    /// The data end before those of the champion.
    OlderData,
    /// The new model could not be judged: its scores say nothing.
    NoScore,
    /// There is no holdout window that both models predict.
    NotCompared,
}

/// New model and champion on one window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Whether the new model may become champion.
    pub promote: bool,
    /// Why.
    pub reason: Reason,
    /// The champion, `name@version`; `None` where there is none.
    pub champion: Option<String>,
    /// Log loss of the new model and of the champion; `None` where they were not compared.
    pub log_losses: Option<(f64, f64)>,
    /// 95 % interval of the difference, new model less champion: above zero is worse.
    pub difference: Option<(f64, f64)>,
    /// Whether the champion had learned from the window; the new model is then judged as it was fitted to it, too.
    pub champion_saw_window: bool,
}

impl Comparison {
    fn of(promote: bool, reason: Reason, champion: Option<&Bundle>) -> Self {
        Comparison {
            promote,
            reason,
            champion: champion.map(|bundle| bundle.id().to_string()),
            log_losses: None,
            difference: None,
            champion_saw_window: false,
        }
    }
}

/// Compares a finished training run with the champion, on the window of the run's backtest.
///
/// # Errors
/// What the judging says.
pub fn compare(
    histories: &Histories,
    trained: &Trained,
    champion: Option<&Bundle>,
    seed: u64,
) -> Result<Comparison, Error> {
    let Some(champion) = champion else { return Ok(Comparison::of(true, Reason::First, None)) };
    let ends = |promote, reason| Ok(Comparison::of(promote, reason, Some(champion)));
    if trained.bundle.manifest().as_of < champion.manifest().as_of {
        return ends(false, Reason::OlderData);
    }
    let Some(report) = &trained.backtest else { return ends(true, Reason::NotCompared) };
    let own_auc = report.candidates.first().map(|own| own.auc_interval);
    let Some(own_auc) = own_auc.filter(|auc| auc.0.is_finite() && auc.1.is_finite()) else {
        return ends(false, Reason::NoScore);
    };
    if other_amounts(&trained.bundle, champion) {
        return ends(false, Reason::OtherAmounts);
    }
    if recorded_auc(champion, report.horizon).is_some_and(|recorded| own_auc.1 < recorded) {
        return ends(false, Reason::RankingLost);
    }
    let cutoff = report.bundle.manifest().as_of;
    let saw = champion.manifest().as_of > cutoff;
    let new = if saw { &trained.bundle } else { &report.bundle };
    let (Some(own), Some(theirs)) =
        (scores(histories, new, report, cutoff), scores(histories, champion, report, cutoff))
    else {
        return ends(true, Reason::NotCompared);
    };
    let labels = report.labels();
    let columns = |p_buy| Scores { p_buy, p_buy_short: None, expected_orders: None, expected_spend: None };
    let (own, theirs) = (columns(&own[..]), columns(&theirs[..]));
    let difference = bootstrap_difference(&labels, &own, &theirs, Metric::BUY_LOGLOSS, DRAWS, seed)?;
    let loss = |scores| -> Result<f64, Error> {
        Ok(evaluate(&labels, scores)?.get(Metric::BUY_LOGLOSS).unwrap_or(f64::NAN))
    };
    let worse = difference.0 > 0.0;
    Ok(Comparison {
        log_losses: Some((loss(&own)?, loss(&theirs)?)),
        difference: Some(difference),
        champion_saw_window: saw,
        ..Comparison::of(!worse, if worse { Reason::Worse } else { Reason::NotWorse }, Some(champion))
    })
}

/// Whether the amounts of the two models' data cannot be in one currency.
fn other_amounts(new: &Bundle, champion: &Bundle) -> bool {
    match (&new.manifest().data.amounts, &champion.manifest().data.amounts) {
        (Some(new), Some(old)) if new.median > 0.0 && old.median > 0.0 => {
            (new.median / old.median).ln().abs() > AMOUNT_FACTOR.ln()
        }
        _ => false,
    }
}

/// The lower end of the AUC that the champion's backtest of the same horizon recorded.
fn recorded_auc(champion: &Bundle, horizon: u32) -> Option<f64> {
    let backtest = &champion.manifest().metrics["backtest"];
    if backtest["horizon"].as_u64() != Some(u64::from(horizon)) {
        return None;
    }
    backtest["candidates"][0]["auc_interval"][0].as_f64()
}

/// Purchase probabilities of the report's customers by a bundle at the cutoff; `None` where it does not know the horizon.
fn scores(histories: &Histories, bundle: &Bundle, report: &Report, cutoff: Micros) -> Option<Vec<f64>> {
    let of = |row: &crate::backtest::ScoreRow| {
        let Outcome::Scored(scored) =
            bundle.predict_numbers(histories.get(&row.customer_id)?, cutoff).outcome
        else {
            return None;
        };
        Some(scored.within(report.horizon)?.p_purchase)
    };
    report.scores.par_iter().map(of).collect()
}
