//! Which variant of an action a customer gets: learned from past campaigns by Thompson sampling, and judged off-policy.
//!
//! A variant that did well in a context (lifecycle stage and value tier) is chosen more often there. How well it does in a context is a
//! Beta distribution around what it did everywhere, so that contexts with few customers borrow from the others (Thompson 1933; Chapelle &
//! Li 2011). Each variant keeps a least share, and the probability of the choice is kept with it: later it weighs what came (inverse
//! propensity: Horvitz & Thompson 1952; doubly robust: Dudík, Langford & Li 2011).

use std::collections::BTreeMap;

use homing_datasets::Micros;
use homing_datasets::labels::{days_after, label};
use homing_models::sampling::{Picker, mix, mix_text};
use homing_profiles::state::Ask;
use homing_profiles::{Error, Store};
use homing_tags::playbook::Playbook;
use serde::Serialize;
use serde_json::Value;

/// Draws from which the probability of a variant is computed.
const DRAWS: u32 = 1_000;
/// The share that all variants together are chosen with, whatever was learned.
const EXPLORED: f64 = 0.1;
/// Customers for whom the success everywhere stands in a context.
const POOLED: f64 = 10.0;
/// Fewest choices of an action that are judged.
const LEAST: usize = 100;

/// A choice whose time is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The customer.
    pub customer_id: String,
    /// The action.
    pub action: String,
    /// Stage and tier.
    pub context: String,
    /// The variant.
    pub variant: String,
    /// The probability that it was chosen with.
    pub propensity: f64,
    /// Whether the customer bought within the window.
    pub bought: bool,
}

/// Successes and failures of a variant, in each context and in all.
#[derive(Clone, Debug, Default)]
struct Record {
    all: [f64; 2],
    contexts: BTreeMap<String, [f64; 2]>,
}

/// What is known of the variants of actions.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// By action and variant.
    records: BTreeMap<(String, String), Record>,
}

impl Learned {
    /// From choices whose time is over.
    #[must_use]
    pub fn of<'c>(choices: impl Iterator<Item = &'c Choice>) -> Self {
        let mut learned = Learned::default();
        for one in choices {
            let record = learned.records.entry((one.action.clone(), one.variant.clone())).or_default();
            let side = usize::from(!one.bought);
            record.all[side] += 1.0;
            record.contexts.entry(one.context.clone()).or_default()[side] += 1.0;
        }
        learned
    }

    /// The Beta distribution of a variant's success in a context.
    fn beta(&self, action: &str, variant: &str, context: &str) -> [f64; 2] {
        let none = Record::default();
        let record = self.records.get(&(action.to_owned(), variant.to_owned())).unwrap_or(&none);
        let [hits, misses] = record.all;
        let mean = (hits + 1.0) / (hits + misses + 2.0);
        // With nothing known anywhere the prior is flat.
        let pooled = (hits + misses + 2.0).min(POOLED);
        let own = record.contexts.get(context).copied().unwrap_or_default();
        [pooled * mean + own[0], pooled * (1.0 - mean) + own[1]]
    }

    /// The expected success of a variant in a context.
    #[must_use]
    pub fn mean(&self, action: &str, variant: &str, context: &str) -> f64 {
        let [a, b] = self.beta(action, variant, context);
        a / (a + b)
    }

    /// The probability of each variant of an action in a context.
    #[must_use]
    pub fn probabilities(&self, action: &str, variants: &[String], context: &str, seed: u64) -> Vec<f64> {
        let betas: Vec<[f64; 2]> =
            variants.iter().map(|variant| self.beta(action, variant, context)).collect();
        let mut random = Picker::new(mix(seed ^ mix_text(action)) ^ mix_text(context));
        let mut best = vec![0.0; variants.len()];
        for _ in 0..DRAWS {
            let draws = betas.iter().map(|[a, b]| beta_draw(&mut random, *a, *b));
            let first = draws.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((at, _)) = first {
                best[at] += 1.0 / f64::from(DRAWS);
            }
        }
        let each = EXPLORED / variants.len().max(1) as f64;
        best.iter().map(|share| each + (1.0 - EXPLORED) * share).collect()
    }
}

/// A number from 0 to 1.
fn unit(random: &mut Picker) -> f64 {
    ((random.draw() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// A draw of a gamma distribution with a shape of 1 or more (Marsaglia & Tsang 2000), or less by its power.
fn gamma_draw(random: &mut Picker, shape: f64) -> f64 {
    if shape < 1.0 {
        let power = unit(random).powf(1.0 / shape);
        return gamma_draw(random, shape + 1.0) * power;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        // Box and Muller 1958.
        let normal = (-2.0 * unit(random).ln()).sqrt() * (std::f64::consts::TAU * unit(random)).cos();
        let v = (1.0 + c * normal).powi(3);
        if v > 0.0 && unit(random).ln() < 0.5 * normal * normal + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

fn beta_draw(random: &mut Picker, a: f64, b: f64) -> f64 {
    let (x, y) = (gamma_draw(random, a), gamma_draw(random, b));
    x / (x + y)
}

/// The place that a customer's choice falls on, by probabilities. The same customer, campaign and seed give the same one.
#[must_use]
pub fn pick(probabilities: &[f64], customer_id: &str, campaign: &str, seed: u64) -> usize {
    let place =
        mix(mix_text(customer_id) ^ mix_text(campaign).rotate_left(17) ^ mix(seed)) as f64 / 2f64.powi(64);
    let mut sum = 0.0;
    let found = probabilities.iter().position(|probability| {
        sum += probability;
        place < sum
    });
    found.unwrap_or(probabilities.len().saturating_sub(1))
}

/// The choices of all campaigns of a store, or of those named, whose window is over.
///
/// # Errors
/// [`Error`] of the store.
pub fn choices(store: &dyn Store, campaigns: &[String], window_days: u32) -> Result<Vec<Choice>, Error> {
    let zone = store.common().zone;
    let known = store.load(&Ask::default())?.clock.happened.unwrap_or(Micros::MIN);
    let mut choices = Vec::new();
    for record in store.campaigns()? {
        if !campaigns.is_empty() && !campaigns.contains(&record.campaign) {
            continue;
        }
        for kept in store.kept_scores(&record.campaign, Micros::MIN, Micros::MAX)? {
            let Ok(scores) = serde_json::from_str::<Value>(&kept.scores) else { continue };
            let text = |name: &str| scores.get(name).and_then(Value::as_str).map(str::to_owned);
            let (Some(variant), Some(action), Some(context)) =
                (text("variant"), text("action"), text("context"))
            else {
                continue;
            };
            let Some(propensity) = scores.get("propensity").and_then(Value::as_f64) else { continue };
            if days_after(kept.as_of, window_days) > known {
                continue;
            }
            let Some(history) = store.history(&kept.customer_id)? else { continue };
            let bought = label(&history, kept.as_of, window_days, zone).bought;
            choices.push(Choice {
                customer_id: kept.customer_id,
                action,
                context,
                variant,
                propensity,
                bought,
            });
        }
    }
    Ok(choices)
}

/// What a way of choosing would bring.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyValue {
    /// `learned`, `uniform`, or the name of a variant that everybody gets.
    pub policy: String,
    /// Expected share of buyers by inverse propensity.
    pub ips: f64,
    /// Low end of its 95 % interval.
    pub ips_low: f64,
    /// High end.
    pub ips_high: f64,
    /// The same, doubly robust.
    pub doubly_robust: f64,
    /// Low end of its 95 % interval.
    pub doubly_robust_low: f64,
    /// High end.
    pub doubly_robust_high: f64,
}

/// The variants of an action, judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// The action.
    pub action: String,
    /// Choices whose window is over.
    pub choices: usize,
    /// Share of buyers among them.
    pub bought: f64,
    /// Ways of choosing, the best by the doubly robust estimate first; empty with fewer than 100 choices.
    pub policies: Vec<PolicyValue>,
}

/// Judges each action's variants by the choices that were made.
#[must_use]
pub fn judge(choices: &[Choice], seed: u64) -> Vec<Judged> {
    let mut actions: BTreeMap<&str, Vec<&Choice>> = BTreeMap::new();
    choices.iter().for_each(|one| actions.entry(&one.action).or_default().push(one));
    actions.into_iter().map(|(action, own)| judged(action, &own, seed)).collect()
}

fn judged(action: &str, own: &[&Choice], seed: u64) -> Judged {
    let bought = own.iter().filter(|one| one.bought).count() as f64 / own.len() as f64;
    let mut judged = Judged { action: action.to_owned(), choices: own.len(), bought, policies: Vec::new() };
    if own.len() < LEAST {
        return judged;
    }
    let mut variants: Vec<String> = own.iter().map(|one| one.variant.clone()).collect();
    variants.sort();
    variants.dedup();
    // Each half is judged by what the other one taught, so that nobody's own outcome decides what is expected of them.
    let half = |one: &Choice| mix_text(&one.customer_id) % 2;
    let taught: [Learned; 2] =
        [0, 1].map(|side| Learned::of(own.iter().copied().filter(|one| half(one) != side)));
    let count = variants.len();
    let fixed = |at: usize| (0..count).map(|other| f64::from(u8::from(other == at))).collect::<Vec<f64>>();
    let mut ways: Vec<(String, Option<Vec<f64>>)> =
        vec![("learned".to_owned(), None), ("uniform".to_owned(), Some(vec![1.0 / count as f64; count]))];
    ways.extend(variants.iter().enumerate().map(|(at, name)| (name.clone(), Some(fixed(at)))));
    let mut cache: BTreeMap<(u64, &str), Vec<f64>> = BTreeMap::new();
    for (policy, weights) in ways {
        let (mut ips, mut robust) = (Vec::with_capacity(own.len()), Vec::with_capacity(own.len()));
        for one in own {
            let side = half(one);
            let learned = &taught[side as usize];
            let weights = match &weights {
                Some(weights) => weights.clone(),
                None => cache
                    .entry((side, &one.context))
                    .or_insert_with(|| learned.probabilities(action, &variants, &one.context, seed))
                    .clone(),
            };
            let expected: Vec<f64> =
                variants.iter().map(|variant| learned.mean(action, variant, &one.context)).collect();
            let place = variants.iter().position(|variant| *variant == one.variant).unwrap_or(0);
            let weight = weights[place] / one.propensity.max(1e-3);
            let came = f64::from(u8::from(one.bought));
            ips.push(weight * came);
            let model: f64 = weights.iter().zip(&expected).map(|(weight, mean)| weight * mean).sum();
            robust.push(model + weight * (came - expected[place]));
        }
        let ((ips, a), (robust, b)) = (mean_and_reach(&ips), mean_and_reach(&robust));
        judged.policies.push(PolicyValue {
            policy,
            ips,
            ips_low: ips - a,
            ips_high: ips + a,
            doubly_robust: robust,
            doubly_robust_low: robust - b,
            doubly_robust_high: robust + b,
        });
    }
    judged.policies.sort_by(|a, b| b.doubly_robust.total_cmp(&a.doubly_robust));
    judged
}

/// The mean and how far its 95 % interval reaches.
fn mean_and_reach(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, 1.96 * (variance / n).sqrt())
}

/// Chooses variants for the customers of one campaign.
pub(super) struct Chooser {
    learned: Learned,
    /// What customers got when this list was made before.
    before: BTreeMap<String, (String, f64)>,
    probabilities: BTreeMap<(String, String), Vec<f64>>,
    campaign: String,
    seed: u64,
}

impl Chooser {
    pub(super) fn of(store: &dyn Store, campaign: &str, window_days: u32, seed: u64) -> Result<Self, Error> {
        let learned = Learned::of(choices(store, &[], window_days)?.iter());
        let mut before = BTreeMap::new();
        for kept in store.kept_scores(campaign, Micros::MIN, Micros::MAX)? {
            let scores: Value = serde_json::from_str(&kept.scores).unwrap_or_default();
            let variant = scores.get("variant").and_then(Value::as_str);
            if let Some((variant, propensity)) = variant.zip(scores.get("propensity").and_then(Value::as_f64))
            {
                before.insert(kept.customer_id, (variant.to_owned(), propensity));
            }
        }
        let probabilities = BTreeMap::new();
        Ok(Chooser { learned, before, probabilities, campaign: campaign.to_owned(), seed })
    }

    /// The variant of a customer and the probability that it was chosen with; `None` for an action without variants.
    pub(super) fn choose(
        &mut self,
        playbook: &Playbook,
        (customer_id, action): (&str, &str),
        context: &str,
    ) -> Option<(String, f64)> {
        let entry = playbook.entries.iter().find(|entry| entry.action == action)?;
        if entry.variants.is_empty() {
            return None;
        }
        let names: Vec<String> = entry.variants.iter().map(|variant| variant.name.clone()).collect();
        if let Some(before) = self.before.get(customer_id).filter(|(variant, _)| names.contains(variant)) {
            return Some(before.clone());
        }
        let (learned, seed) = (&self.learned, self.seed);
        let probabilities = self
            .probabilities
            .entry((action.to_owned(), context.to_owned()))
            .or_insert_with(|| learned.probabilities(action, &names, context, seed));
        let at = pick(probabilities, customer_id, &self.campaign, seed);
        Some((names.get(at)?.clone(), *probabilities.get(at)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Choices among two variants: `a` works in one context, `b` in the other.
    fn logged(count: u64, propensity: impl Fn(&str) -> f64) -> Vec<Choice> {
        (0..count)
            .map(|n| {
                let draw = |stream: u64| mix(mix(n) ^ (stream << 20)) as f64 / u64::MAX as f64;
                let context = if n % 2 == 0 { "young" } else { "old" };
                let share = propensity(context);
                let variant = if draw(1) < share { "a" } else { "b" };
                let works = (variant == "a") == (context == "young");
                Choice {
                    customer_id: format!("c{n}"),
                    action: "call".to_owned(),
                    context: context.to_owned(),
                    variant: variant.to_owned(),
                    propensity: if variant == "a" { share } else { 1.0 - share },
                    bought: draw(2) < if works { 0.4 } else { 0.2 },
                }
            })
            .collect()
    }

    fn names() -> Vec<String> {
        vec!["a".to_owned(), "b".to_owned()]
    }

    #[test]
    fn nothing_known_is_a_fair_choice_and_what_works_is_chosen_where_it_works() {
        let fresh = Learned::default().probabilities("call", &names(), "young", 1);
        assert!((fresh[0] - 0.5).abs() < 0.06 && (fresh.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{fresh:?}");
        let learned = Learned::of(logged(2_000, |_| 0.5).iter());
        let (young, old) = (
            learned.probabilities("call", &names(), "young", 1),
            learned.probabilities("call", &names(), "old", 1),
        );
        assert!(young[0] > 0.9 && old[1] > 0.9, "{young:?} {old:?}");
        assert!(young[1] >= EXPLORED / 2.0, "nothing is given up for good");
    }

    #[test]
    fn off_policy_values_are_those_of_the_truth_although_the_log_was_biased() {
        let log = logged(20_000, |context| if context == "young" { 0.2 } else { 0.7 });
        let found = &judge(&log, 1)[0];
        let of = |name: &str| found.policies.iter().find(|one| one.policy == name).unwrap();
        for name in ["uniform", "a", "b"] {
            let one = of(name);
            assert!((one.ips_low..=one.ips_high).contains(&0.3), "{one:?}");
            assert!((one.doubly_robust_low..=one.doubly_robust_high).contains(&0.3), "{one:?}");
            assert!(one.doubly_robust_high - one.doubly_robust_low < one.ips_high - one.ips_low);
        }
        // Both contexts get what works, save what is explored.
        assert!((of("learned").doubly_robust - 0.39).abs() < 0.02, "{:?}", of("learned"));
        assert_eq!(found.policies[0].policy, "learned");
        assert!(judge(&log[..50], 1)[0].policies.is_empty());
    }

    #[test]
    fn choices_fall_as_often_as_they_are_probable_and_the_same_each_time() {
        let count = (0..10_000).filter(|n| pick(&[0.2, 0.8], &format!("c{n}"), "spring", 1) == 0).count();
        assert!((1_850..2_150).contains(&count), "{count}");
        assert_eq!(pick(&[0.5, 0.5], "c1", "x", 3), pick(&[0.5, 0.5], "c1", "x", 3));
    }

    #[test]
    fn beta_draws_have_the_mean_of_their_distribution() {
        let mut random = Picker::new(4);
        for (a, b) in [(0.5, 0.5), (2.0, 6.0), (30.0, 10.0)] {
            let mean = (0..4_000).map(|_| beta_draw(&mut random, a, b)).sum::<f64>() / 4_000.0;
            assert!((mean - a / (a + b)).abs() < 0.02, "{a} {b} {mean}");
        }
    }
}
