//! A catalogue bound to a model: what computes the tags of a customer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use homing_datasets::{DAY, Micros, View, Zone};
use homing_models::Outcome;

use super::definition::{Definition, WhenEmpty};
use super::expression::{Expression, Mention};
use super::facts::{self, Facts};
use super::names::NEXT_ACTION;
use super::playbook::Playbook;
use super::program::Program;
use super::tag::{Layer, Tag};
use super::values::Slot;
use super::variables::{Uplifted, Variable};

/// The tags of a catalogue that a model can feed.
#[derive(Debug)]
pub struct Bound {
    tags: Vec<BoundTag>,
    unavailable: Vec<String>,
    variables: Vec<Variable>,
    zone: Zone,
    playbook: Option<Playing>,
}

/// A playbook with the three tags whose values it needs.
#[derive(Debug)]
struct Playing {
    playbook: Arc<Playbook>,
    /// The places of its axes among the tags, where the model can feed them.
    axes: [Option<usize>; 3],
    /// The place of its own tag.
    own: usize,
}

#[derive(Debug)]
struct BoundTag {
    name: String,
    layer: Layer,
    expires_after: Option<Micros>,
    when_empty: WhenEmpty,
    program: Program,
    confidence: Option<Program>,
    /// Places of the variables that the expression mentions.
    mentions: Vec<usize>,
    failures: AtomicU64,
}

impl Bound {
    pub(super) fn new(tags: &[Definition], horizons: &[u32]) -> Self {
        let mut bound = Bound {
            tags: Vec::new(),
            unavailable: Vec::new(),
            variables: Vec::new(),
            zone: Zone::default(),
            playbook: None,
        };
        let mut names: HashMap<String, usize> = HashMap::new();
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
                if !names.contains_key(&mention.name) {
                    names.insert(mention.name.clone(), bound.variables.len());
                    bound.variables.push(mention.variable);
                }
            }
            let place = |name: &str| names.get(name).copied();
            let tag = BoundTag {
                name: tag.name.clone(),
                layer: tag.layer,
                expires_after: tag.expires_after_days.map(|days| i64::from(days) * DAY),
                when_empty: tag.when_empty,
                program: tag.expression.program(&place),
                confidence: tag.confidence.as_ref().map(|confidence| confidence.program(&place)),
                mentions: tag.expression.variables().iter().map(|mention| names[&mention.name]).collect(),
                failures: AtomicU64::new(0),
            };
            bound.tags.push(tag);
        }
        bound
    }

    /// The same with a playbook, whose tag is among the tags.
    pub(super) fn with_playbook(mut self, playbook: Option<Arc<Playbook>>) -> Self {
        let place = |name: &str| self.tags.iter().position(|tag| tag.name == name);
        self.playbook = playbook.zip(place(NEXT_ACTION)).map(|(playbook, own)| {
            let axes = std::array::from_fn(|axis: usize| place(&playbook.axes[axis].tag));
            Playing { playbook, axes, own }
        });
        self
    }

    /// The same, counting months and days in the business's time zone instead of UTC.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Bound { zone, ..self }
    }

    /// Tags that need a horizon that the model does not have; they are not computed.
    #[must_use]
    pub fn unavailable(&self) -> &[String] {
        &self.unavailable
    }

    /// How many of the tags run in homing's own form, and how many CEL interprets.
    #[must_use]
    pub fn compiled(&self) -> (usize, usize) {
        let own = self.tags.iter().filter(|tag| tag.program.is_compiled()).count();
        (own, self.tags.len() - own)
    }

    /// How often each tag's expression failed since the binding, where it did. A value that is merely unknown
    /// is no failure.
    #[must_use]
    pub fn failures(&self) -> Vec<(String, u64)> {
        let count = |tag: &BoundTag| (tag.name.clone(), tag.failures.load(Ordering::Relaxed));
        self.tags.iter().map(count).filter(|(_, failures)| *failures > 0).collect()
    }

    /// The tags of a customer with these features (the order of [`homing_models::features::SPECS`], NaN = unknown)
    /// and this outcome, without any of the [`facts`]. A tag of which nothing new is known and that is to be kept
    /// has the value `null`.
    #[must_use]
    pub fn evaluate(&self, features: &[f64], outcome: &Outcome, as_of: Micros) -> Vec<Tag> {
        self.evaluate_with(features, &Facts::default(), (outcome, None), as_of)
    }

    /// The tags of a customer whose history is in view.
    #[must_use]
    pub fn evaluate_view(&self, view: &View<'_>, features: &[f64], outcome: &Outcome) -> Vec<Tag> {
        self.evaluate_uplifted(view, features, outcome, None)
    }

    /// The same where it is known what contact does to the customer.
    #[must_use]
    pub fn evaluate_uplifted(
        &self,
        view: &View<'_>,
        features: &[f64],
        outcome: &Outcome,
        uplift: Option<Uplifted>,
    ) -> Vec<Tag> {
        thread_local! {
            static SCRATCH: RefCell<facts::Scratch> = RefCell::default();
        }
        if !self.variables.iter().any(|variable| variable.is_fact()) {
            return self.evaluate_with(features, &Facts::default(), (outcome, uplift), view.instant());
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let facts = facts::compute(view, self.zone, scratch);
            self.evaluate_with(features, &facts, (outcome, uplift), view.instant())
        })
    }

    /// What the variables of a tag hold for a customer, for people to read: name and value, `unknown` where there
    /// is none.
    #[must_use]
    pub fn variables_of(
        &self,
        tag: &Definition,
        view: &View<'_>,
        features: &[f64],
        outcome: &Outcome,
    ) -> Vec<(String, String)> {
        let facts = facts::compute(view, self.zone, &mut facts::Scratch::default());
        let read = |mention: &Mention| {
            let slot = mention.variable.value(features, &facts, (outcome, None), view.instant(), self.zone);
            let text = match slot {
                Slot::Unknown => "unknown".to_owned(),
                Slot::Number(number) => number.to_string(),
                Slot::Truth(truth) => truth.to_string(),
                Slot::Word(word) => word.into_owned(),
            };
            (mention.name.clone(), text)
        };
        tag.expression.variables().iter().map(read).collect()
    }

    fn evaluate_with(
        &self,
        features: &[f64],
        facts: &Facts<'_>,
        (outcome, uplift): (&Outcome, Option<Uplifted>),
        as_of: Micros,
    ) -> Vec<Tag> {
        let slots: Vec<Slot<'_>> = self
            .variables
            .iter()
            .map(|variable| variable.value(features, facts, (outcome, uplift), as_of, self.zone))
            .collect();
        let today = self.zone.day(as_of);
        let scored = matches!(outcome, Outcome::Scored(_));
        let mut tags: Vec<Tag> = Vec::with_capacity(self.tags.len());
        let mut axes = [None; 3];
        for (place, tag) in self.tags.iter().enumerate() {
            if let Some(playing) = self.playbook.as_ref().filter(|playing| playing.own == place) {
                let found = axes.map(|at: Option<usize>| at.and_then(|at| tags.get(at)));
                let next = self.next_action(playing, tag, found, outcome, as_of);
                tags.extend(next);
                continue;
            }
            let value = match tag.program.run(&slots, today) {
                Ok(value) => value.json(),
                Err(_) => {
                    if !tag.mentions.iter().any(|place| slots[*place] == Slot::Unknown) {
                        tag.failures.fetch_add(1, Ordering::Relaxed);
                    }
                    None
                }
            };
            let tag = match value {
                Some(value) => Tag {
                    name: tag.name.clone(),
                    layer: tag.layer,
                    value,
                    confidence: tag
                        .confidence
                        .as_ref()
                        .and_then(|confidence| confidence.run(&slots, today).ok()?.probability()),
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
            let axis = |playing: &Playing| playing.axes.iter().position(|axis| *axis == Some(place));
            if let Some(axis) = self.playbook.as_ref().and_then(axis) {
                axes[axis] = Some(tags.len());
            }
            tags.push(tag);
        }
        tags
    }

    /// The tag of the playbook, for a customer with scores.
    fn next_action(
        &self,
        playing: &Playing,
        tag: &BoundTag,
        axes: [Option<&Tag>; 3],
        outcome: &Outcome,
        as_of: Micros,
    ) -> Option<Tag> {
        let Outcome::Scored(prediction) = outcome else { return None };
        let values = axes.map(|tag| tag.and_then(|tag| tag.value.as_str()));
        let entry = playing.playbook.entry(values, prediction.value_at_risk)?;
        Some(Tag {
            name: tag.name.clone(),
            layer: tag.layer,
            value: entry.action.clone().into(),
            confidence: None,
            expires_at: tag.expires_after.map(|after| as_of + after),
        })
    }
}
