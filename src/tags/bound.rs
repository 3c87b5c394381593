//! A catalogue bound to a model: what computes the tags of a customer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use cel::Value;
use cel::common::types::CelNull;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use homing_datasets::{DAY, Micros, Zone};
use homing_models::Outcome;

use super::expression::{Expression, Mention, context};
use super::variables::{Held, Variable};
use super::{Definition, WhenEmpty};
use crate::profiles::{Layer, Tag};

/// The tags of a catalogue that a model can feed.
#[derive(Debug)]
pub struct Bound {
    tags: Vec<BoundTag>,
    unavailable: Vec<String>,
    variables: Vec<Variable>,
    /// The place of each name among `variables`.
    names: HashMap<String, usize>,
    zone: Zone,
}

#[derive(Debug)]
struct BoundTag {
    name: String,
    layer: Layer,
    expires_after: Option<Micros>,
    when_empty: WhenEmpty,
    expression: Expression,
    confidence: Option<Expression>,
    /// Places of the variables that the expression mentions.
    mentions: Vec<usize>,
    /// Of these, the places of those without which there is no result.
    needed: Vec<usize>,
    failures: AtomicU64,
}

/// The values of one customer's variables, in CEL's types, so that resolving one copies nothing.
struct Values<'a> {
    held: &'a [Held],
    names: &'a HashMap<String, usize>,
}

impl VariableResolver for Values<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let place = match place_of(name) {
            Some(place) => place,
            None => *self.names.get(name)?,
        };
        Some(CowVal::Borrowed(match self.held.get(place)? {
            Held::Unknown => &CelNull,
            Held::Number(number) => number,
            Held::Truth(truth) => truth,
            Held::Word(word) => word,
        }))
    }
}

/// A variable's name in a bound expression: a mark that no CEL name has, and its place as one character.
/// Looking the place up by name would take longer than all the rest.
fn short_name(place: usize) -> Option<String> {
    let place = char::from_u32(u32::try_from(place).ok()? + 0x100)?;
    Some(format!("{MARK}{place}"))
}

fn place_of(name: &str) -> Option<usize> {
    name.strip_prefix(MARK)?.chars().next().map(|place| place as usize - 0x100)
}

const MARK: char = '#';

impl Bound {
    pub(super) fn new(tags: &[Definition], horizons: &[u32]) -> Self {
        let mut bound = Bound {
            tags: Vec::new(),
            unavailable: Vec::new(),
            variables: Vec::new(),
            names: HashMap::new(),
            zone: Zone::default(),
        };
        for tag in tags {
            let expressions = [Some(&tag.expression), tag.confidence.as_ref()];
            let mentioned: Vec<&Mention> =
                expressions.into_iter().flatten().flat_map(Expression::variables).collect();
            let missing = |days: u32| !horizons.contains(&days);
            if mentioned.iter().any(|mention| mention.variable.horizon().is_some_and(missing)) {
                bound.unavailable.push(tag.name.clone());
                continue;
            }
            for mention in mentioned {
                if !bound.names.contains_key(&mention.name) {
                    bound.names.insert(mention.name.clone(), bound.variables.len());
                    bound.variables.push(mention.variable);
                }
            }
            let rename = |name: &str| bound.names.get(name).copied().and_then(short_name);
            let places = |only_needed: bool| {
                let mentions = tag.expression.variables().iter();
                mentions.filter(|m| m.needed || !only_needed).map(|m| bound.names[&m.name]).collect()
            };
            let tag = BoundTag {
                name: tag.name.clone(),
                layer: tag.layer,
                expires_after: tag.expires_after_days.map(|days| i64::from(days) * DAY),
                when_empty: tag.when_empty,
                expression: tag.expression.renamed(&rename),
                confidence: tag.confidence.as_ref().map(|confidence| confidence.renamed(&rename)),
                mentions: places(false),
                needed: places(true),
                failures: AtomicU64::new(0),
            };
            bound.tags.push(tag);
        }
        bound
    }

    /// The same, counting months in the business's time zone instead of UTC.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Bound { zone, ..self }
    }

    /// Tags that need a horizon that the model does not have; they are not computed.
    #[must_use]
    pub fn unavailable(&self) -> &[String] {
        &self.unavailable
    }

    /// How often each tag's expression failed since the binding, where it did. A value that is merely unknown
    /// is no failure.
    #[must_use]
    pub fn failures(&self) -> Vec<(String, u64)> {
        let count = |tag: &BoundTag| (tag.name.clone(), tag.failures.load(Ordering::Relaxed));
        self.tags.iter().map(count).filter(|(_, failures)| *failures > 0).collect()
    }

    /// The tags of a customer with these features (the order of [`homing_models::features::SPECS`], NaN = unknown)
    /// and this outcome. A tag of which nothing new is known and that is to be kept has the value `null`.
    #[must_use]
    pub fn evaluate(&self, features: &[f64], outcome: &Outcome, as_of: Micros) -> Vec<Tag> {
        let held: Vec<Held> = self
            .variables
            .iter()
            .map(|variable| variable.value(features, outcome, as_of, self.zone))
            .collect();
        let unknown = |place: &usize| matches!(held[*place], Held::Unknown);
        let values = Values { held: &held, names: &self.names };
        let mut context = context();
        context.set_variable_resolver(&values);
        let scored = matches!(outcome, Outcome::Scored(_));
        let mut tags = Vec::with_capacity(self.tags.len());
        for tag in &self.tags {
            let value = if tag.needed.iter().any(unknown) {
                None
            } else {
                tag.expression.execute(&context).map(json).unwrap_or_else(|_| {
                    if !tag.mentions.iter().any(unknown) {
                        tag.failures.fetch_add(1, Ordering::Relaxed);
                    }
                    None
                })
            };
            let tag = match value {
                Some(value) => Tag {
                    name: tag.name.clone(),
                    layer: tag.layer,
                    value,
                    confidence: tag.confidence.as_ref().and_then(|e| probability(e.execute(&context).ok()?)),
                    expires_at: tag.expires_after.map(|after| as_of + after),
                },
                // A prediction is not kept for a customer without scores: they may have opted out of it.
                None if tag.when_empty == WhenEmpty::Keep && (scored || tag.layer != Layer::Predictive) => {
                    Tag {
                        name: tag.name.clone(),
                        layer: tag.layer,
                        value: serde_json::Value::Null,
                        confidence: None,
                        expires_at: None,
                    }
                }
                None => continue,
            };
            tags.push(tag);
        }
        tags
    }
}

/// The value as JSON; `None` for an empty one. A whole number is written without a fraction.
fn json(value: Value) -> Option<serde_json::Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::String(text) => Some(text.as_str().into()),
        Value::Bool(truth) => Some(truth.into()),
        Value::Int(number) => Some(number.into()),
        Value::UInt(number) => Some(number.into()),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < EXACT => Some((number as i64).into()),
        Value::Float(number) => serde_json::Number::from_f64(number).map(serde_json::Value::Number),
        _ => None,
    }
}

fn probability(value: Value) -> Option<f64> {
    let number = match value {
        Value::Float(number) => number,
        Value::Int(number) => number as f64,
        _ => return None,
    };
    (0.0..=1.0).contains(&number).then_some(number)
}
