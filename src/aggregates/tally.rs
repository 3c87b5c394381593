//! What is added up, customer by customer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use homing_datasets::{Micros, Zone};
use homing_models::{NotScored, Outcome};

use super::figures::{Counter, Figures};
use super::flow::{Flow, Follower};
use super::{Aggregates, Count, Grid, TagCount};
use homing_profiles::aggregates::Scanned;
use homing_tags::Catalogue;
use homing_tags::names::{RFM_FREQUENCY, RFM_RECENCY};

/// A tag with more values than this is not counted by value.
const VALUES: usize = 64;

/// The spend of a year from which a customer counts as one of high value, where the catalogue does not say.
const HIGH_VALUE: f64 = 5_000.0;

/// What the counting is based on.
pub(super) struct Terms {
    counter: Counter,
    follower: Follower,
}

impl Terms {
    pub fn new(catalogue: &Catalogue, zone: Zone, as_of: Micros, customers: u64) -> Self {
        let high_value = constant(catalogue, "1.0 * high_value", as_of).unwrap_or(HIGH_VALUE);
        Terms {
            counter: Counter::new(zone, as_of, high_value),
            follower: Follower::new(catalogue, zone, as_of, customers),
        }
    }
}

/// What a name of the catalogue stands for, where it is a number.
fn constant(catalogue: &Catalogue, expression: &str, as_of: Micros) -> Option<f64> {
    let bound = catalogue.with_only(expression).ok()?.bind(&[]);
    let tags = bound.evaluate(&[], &Outcome::NotScored(NotScored::NoPurchase), as_of);
    tags.first()?.value.as_f64().filter(|number| number.is_finite())
}

/// Sums over some customers.
#[derive(Default)]
pub(super) struct Tally {
    base: Count,
    scored: u64,
    tags_held: u64,
    tags: HashMap<Arc<str>, TagTally>,
    grid: Grid,
    flow: Flow,
    figures: Figures,
}

#[derive(Default)]
struct TagTally {
    customers: u64,
    values: HashMap<String, Count>,
    many: bool,
}

impl Tally {
    pub fn new(_: &Terms) -> Self {
        Tally::default()
    }

    /// The sums over these customers.
    pub fn of(terms: &Terms, customers: &[Scanned]) -> Self {
        let mut tally = Tally::default();
        for one in customers {
            tally.count(terms, one);
        }
        tally
    }

    fn count(&mut self, terms: &Terms, one: &Scanned) {
        let [risk, at_risk, clv] = one.numbers;
        let count = Count { customers: 1, value_at_risk: at_risk.unwrap_or(0.0), clv: clv.unwrap_or(0.0) };
        self.base.add(&count);
        self.scored += u64::from(risk.is_some());
        self.tags_held += one.tags.len() as u64;
        let (mut recency, mut frequency) = (None, None);
        for (name, value) in &one.tags {
            match &**name {
                RFM_RECENCY => recency = grade(value),
                RFM_FREQUENCY => frequency = grade(value),
                _ => {}
            }
            if !self.tags.contains_key(name) {
                self.tags.insert(name.clone(), TagTally::default());
            }
            if let Some(tag) = self.tags.get_mut(name) {
                tag.customers += 1;
                tag.count(value, &count);
            }
        }
        if let (Some(recency), Some(frequency)) = (recency, frequency) {
            self.grid.entry(recency).or_default().entry(frequency).or_default().add(&count);
        }
        terms.counter.count(&one.history, &mut self.figures);
        terms.follower.follow(&one.customer_id, &one.history, &mut self.flow);
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Tally) {
        self.base.add(&other.base);
        self.scored += other.scored;
        self.tags_held += other.tags_held;
        for (name, tag) in &other.tags {
            let sum = self.tags.entry(name.clone()).or_default();
            sum.customers += tag.customers;
            if tag.many {
                sum.give_up();
            }
            for (value, count) in &tag.values {
                sum.count(value, count);
            }
        }
        for (recency, row) in &other.grid {
            let sums = self.grid.entry(*recency).or_default();
            for (frequency, count) in row {
                sums.entry(*frequency).or_default().add(count);
            }
        }
        self.flow.add(&other.flow);
        self.figures.add(&other.figures);
    }

    pub fn finish(mut self, terms: &Terms) -> Aggregates {
        terms.follower.finish(&mut self.flow);
        terms.counter.finish(&mut self.figures);
        let told = |(name, tag): (Arc<str>, TagTally)| {
            let values: BTreeMap<String, Count> = tag.values.into_iter().collect();
            (name.to_string(), TagCount { customers: tag.customers, values: (!tag.many).then_some(values) })
        };
        Aggregates {
            base: self.base,
            scored: self.scored,
            tags_held: self.tags_held,
            tags: self.tags.into_iter().map(told).collect(),
            grid: self.grid,
            flow: self.flow,
            figures: self.figures,
            ..Aggregates::default()
        }
    }
}

impl TagTally {
    fn count(&mut self, value: &str, count: &Count) {
        if self.many {
            return;
        }
        if let Some(sum) = self.values.get_mut(value) {
            sum.add(count);
        } else if self.values.len() == VALUES {
            self.give_up();
        } else {
            self.values.insert(value.to_owned(), *count);
        }
    }

    fn give_up(&mut self) {
        self.many = true;
        self.values = HashMap::new();
    }
}

/// A grade from 1 to 5.
fn grade(value: &str) -> Option<u8> {
    value.parse().ok().filter(|grade| (1..=5).contains(grade))
}
