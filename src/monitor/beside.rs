//! Champion beside challenger: both scored the same customers on the same night.

use homing_datasets::labels::Label;
use homing_models::measures::{auc, logloss};
use homing_models::sampling::{Picker, mix};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::Kept;
use super::keep::CHALLENGER;

/// Champion and challenger on one window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The champion.
    pub champion: String,
    /// The challenger.
    pub challenger: String,
    /// The horizon in days.
    pub horizon_days: u32,
    /// The instant of the scores (RFC 3339).
    pub from: String,
    /// The end of the window.
    pub to: String,
    /// Customers that both scored.
    pub customers: usize,
    /// AUC of the champion.
    pub auc: Option<f64>,
    /// AUC of the challenger.
    pub challenger_auc: Option<f64>,
    /// Log loss of the champion.
    pub logloss: f64,
    /// Log loss of the challenger.
    pub challenger_logloss: f64,
    /// Log loss of the challenger less that of the champion: below zero the challenger is better.
    pub difference: f64,
    /// Low end of its 95 % interval: paired bootstrap over customers.
    pub difference_low: Option<f64>,
    /// High end.
    pub difference_high: Option<f64>,
    /// `challenger`, `champion`, or `undecided` where the interval holds zero.
    pub better: &'static str,
}

/// Customers whom champion and challenger scored, for one horizon.
#[derive(Default)]
pub(super) struct Pairs {
    challenger: String,
    own: Vec<f64>,
    other: Vec<f64>,
    bought: Vec<f64>,
}

impl Pairs {
    /// Adds a customer if both models scored them for this horizon.
    pub(super) fn add(&mut self, one: &Kept, days: u32, came: &Label) {
        let name = format!("p_purchase_{days}d");
        let Some(beside) = one.scores.get(CHALLENGER) else { return };
        let model = beside.get("model").and_then(Value::as_str).unwrap_or_default();
        let (Some(own), Some(other)) = (one.number(&name), beside.get(&name).and_then(Value::as_f64)) else {
            return;
        };
        // A night that went on may have met another challenger; the first one counts.
        if self.own.is_empty() {
            model.clone_into(&mut self.challenger);
        }
        if self.challenger == model {
            self.own.push(own);
            self.other.push(other);
            self.bought.push(f64::from(u8::from(came.bought)));
        }
    }

    /// The comparison; `None` below `least` customers.
    pub(super) fn compared(
        &self,
        (champion, horizon_days): (&str, u32),
        (from, to): (String, String),
        least: usize,
        draws: u32,
    ) -> Option<Comparison> {
        if self.own.len() < least {
            return None;
        }
        let known = |value: f64| value.is_finite().then_some(value);
        let losses = |p: &[f64]| -> Vec<f64> {
            self.bought.iter().zip(p).map(|(y, p)| logloss(&[*y], &[*p])).collect()
        };
        let gaps: Vec<f64> = losses(&self.other).iter().zip(losses(&self.own)).map(|(b, a)| b - a).collect();
        let rows = gaps.len();
        let mean = |picked: &mut dyn Iterator<Item = f64>| picked.sum::<f64>() / rows as f64;
        let mut drawn: Vec<f64> = (0..u64::from(draws))
            .into_par_iter()
            .map(|draw| {
                let mut random = Picker::new(mix(draw));
                mean(&mut (0..rows).map(|_| gaps[random.below(rows)]))
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        let end = |q: f64| drawn.get(((drawn.len() as f64 - 1.0) * q).round().max(0.0) as usize).copied();
        let (low, high) = (end(0.025), end(0.975));
        Some(Comparison {
            champion: champion.to_owned(),
            challenger: self.challenger.clone(),
            horizon_days,
            from,
            to,
            customers: rows,
            auc: known(auc(&self.bought, &self.own)),
            challenger_auc: known(auc(&self.bought, &self.other)),
            logloss: logloss(&self.bought, &self.own),
            challenger_logloss: logloss(&self.bought, &self.other),
            difference: mean(&mut gaps.iter().copied()),
            difference_low: low,
            difference_high: high,
            better: match (low, high) {
                (_, Some(high)) if high < 0.0 => "challenger",
                (Some(low), _) if low > 0.0 => "champion",
                _ => "undecided",
            },
        })
    }
}
