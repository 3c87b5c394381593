//! What contact changed: the customers of a campaign who were contacted beside those held out, by intent to treat.

mod evaluation;

use serde::{Deserialize, Serialize};

use crate::statistics::{Estimate, Group, Z95, adjusted, pooled, welch};
pub use evaluation::{Compared, Evaluation, Rules, Window, before, evaluation, nearest};

/// What a customer of a campaign did, and what was known of them before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Whether the customer was held out.
    pub held_out: bool,
    /// Orders in the window.
    pub orders: f64,
    /// Spend in the window.
    pub spend: f64,
    /// What was known at the time of the list: scores where they were kept, and the history until then. Of the same length
    /// for all; NaN where a value is missing.
    pub before: Vec<f64>,
}

/// The effect of contact on one outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// `purchase` (share of customers who bought), `orders`, `spend` or `margin`, each per customer.
    pub outcome: String,
    /// Mean of the contacted.
    pub treated: f64,
    /// Mean of those held out.
    pub held_out: f64,
    /// The difference that contact made; `null` where nothing varies.
    pub effect: Option<f64>,
    /// Low end of its 95 % interval.
    pub low: Option<f64>,
    /// High end.
    pub high: Option<f64>,
    /// Two-sided p-value of no effect.
    pub p_value: Option<f64>,
    /// Standard error of the effect.
    pub standard_error: Option<f64>,
    /// Whether the effect is adjusted for what was known before (CUPED).
    pub cuped: bool,
    /// Share of the variance that the adjustment saved; 0 without one.
    pub variance_saved: f64,
    /// The difference of the means, without adjustment.
    pub unadjusted: Option<f64>,
    /// Why there is no effect, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An outcome of a customer, given the margin.
type Value = fn(&Observed, f64) -> f64;

/// The outcomes of a campaign.
const OUTCOMES: [(&str, Value); 4] = [
    ("purchase", |one, _| f64::from(u8::from(one.orders > 0.0))),
    ("orders", |one, _| one.orders),
    ("spend", |one, _| one.spend),
    ("margin", |one, margin| one.spend * margin),
];

/// The covariates of all, missing values replaced by the mean of the others.
fn covariates(members: &[Observed]) -> Vec<Vec<f64>> {
    let width = members.first().map_or(0, |one| one.before.len());
    let means: Vec<f64> = (0..width)
        .map(|at| {
            let known = members.iter().map(|one| one.before[at]).filter(|x| x.is_finite());
            let (sum, count) = known.fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
            if count == 0.0 { 0.0 } else { sum / count }
        })
        .collect();
    let filled = |one: &Observed| {
        one.before.iter().zip(&means).map(|(x, mean)| if x.is_finite() { *x } else { *mean }).collect()
    };
    members.iter().map(filled).collect()
}

/// The effect on each outcome; on the margin only where its share of the spend is given.
#[must_use]
pub fn effects(members: &[Observed], margin: Option<f64>) -> Vec<Effect> {
    let covariates = covariates(members);
    let outcomes = OUTCOMES.iter().filter(|(name, _)| *name != "margin" || margin.is_some());
    outcomes
        .map(|(name, value)| {
            let group = |held_out: bool| {
                let rows = members.iter().zip(&covariates).filter(|(one, _)| one.held_out == held_out);
                let (outcome, covariates) =
                    rows.map(|(one, x)| (value(one, margin.unwrap_or(0.0)), x.clone())).unzip();
                Group { outcome, covariates }
            };
            effect_of(name, &group(false), &group(true))
        })
        .collect()
}

fn effect_of(name: &str, treated: &Group, held: &Group) -> Effect {
    let mean = |group: &Group| group.outcome.iter().sum::<f64>() / group.outcome.len().max(1) as f64;
    let plain = welch(&treated.outcome, &held.outcome);
    // An adjustment that saves nothing is left out.
    let saved = adjusted(treated, held).filter(|found| found.variance_saved > 0.0);
    let used: Option<Estimate> = saved.map(|found| found.estimate).or(plain);
    Effect {
        outcome: name.to_owned(),
        treated: mean(treated),
        held_out: mean(held),
        effect: used.map(|found| found.effect),
        low: used.map(|found| found.low),
        high: used.map(|found| found.high),
        p_value: used.map(|found| found.p_value),
        standard_error: used.map(|found| found.standard_error),
        cuped: saved.is_some(),
        variance_saved: saved.map_or(0.0, |found| found.variance_saved),
        unadjusted: plain.map(|found| found.effect),
        note: used.is_none().then(|| {
            format!(
                "every customer has the same value ({}), so there is no effect to estimate",
                mean(treated)
            )
        }),
    }
}

/// An outcome pooled over campaigns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PooledEffect {
    /// The outcome.
    pub outcome: String,
    /// Campaigns with an estimate.
    pub campaigns: usize,
    /// The effect, weighted by inverse variances.
    pub effect: f64,
    /// Low end of its 95 % interval.
    pub low: f64,
    /// High end.
    pub high: f64,
    /// Two-sided p-value of no effect.
    pub p_value: f64,
    /// p-value of the campaigns having one effect (Cochran); small where they differ. `null` for one campaign.
    pub p_same: Option<f64>,
}

/// Each outcome pooled over campaigns.
#[must_use]
pub fn pool(campaigns: &[&[Effect]]) -> Vec<PooledEffect> {
    let of = |name: &&str| {
        let found: Vec<Estimate> = campaigns
            .iter()
            .filter_map(|effects| effects.iter().find(|effect| effect.outcome == **name))
            .filter_map(estimate)
            .collect();
        let all = pooled(&found)?;
        let estimate = all.estimate;
        Some(PooledEffect {
            outcome: (**name).to_owned(),
            campaigns: found.len(),
            effect: estimate.effect,
            low: estimate.low,
            high: estimate.high,
            p_value: estimate.p_value,
            p_same: all.p_same,
        })
    };
    OUTCOMES.iter().map(|(name, _)| name).filter_map(of).collect()
}

fn estimate(effect: &Effect) -> Option<Estimate> {
    let (value, error) = (effect.effect?, effect.standard_error?);
    let reach = Z95 * error;
    let p_value = effect.p_value?;
    Some(Estimate { effect: value, standard_error: error, low: value - reach, high: value + reach, p_value })
}
