//! How customers move between the stages of the lifecycle.

use std::cell::RefCell;
use std::collections::BTreeMap;

use homing_datasets::{DAY, History, Micros, Zone};
use homing_models::features::{self, COUNT, Scratch};
use homing_models::{NotScored, Outcome};
use serde::{Deserialize, Serialize};

use homing_tags::names::LIFECYCLE_STAGE;
use homing_tags::{Bound, Catalogue};

/// The stage of customers without a purchase so far.
pub const NOT_YET: &str = "";

/// Customers that are followed.
const SAMPLE: u64 = 20_000;

/// Days before the end of the data at which the stages are looked at.
const BEFORE: [i64; 5] = [90, 60, 30, 7, 0];

/// From stage to stage to customers.
type Moves = BTreeMap<String, BTreeMap<String, u64>>;

/// The stages of a sample of customers at several instants. They are worked out anew from the histories by the catalogue's own
/// rule, so there is a past from the first day on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Customers that were followed.
    pub sample: u64,
    /// How many customers one of them stands for.
    pub each: f64,
    /// Days before the end of the data, the last of them 0.
    pub days_before: Vec<i64>,
    /// Moves between each of these days and the next.
    pub moves: Vec<Moves>,
    /// Moves of the last seven days.
    pub week: Moves,
}

impl Flow {
    pub(super) fn add(&mut self, other: &Flow) {
        self.sample += other.sample;
        if self.moves.len() < other.moves.len() {
            self.moves.resize_with(other.moves.len(), Moves::new);
        }
        for (sum, moves) in self.moves.iter_mut().zip(&other.moves) {
            add(sum, moves);
        }
        add(&mut self.week, &other.week);
    }

    /// Customers by which a stage grew in the last seven days, over the whole base; `None` where nobody was followed.
    #[must_use]
    pub fn week_change(&self, stage: &str) -> Option<f64> {
        let before: u64 = self.week.get(stage).into_iter().flat_map(BTreeMap::values).sum();
        let now: u64 = self.week.values().filter_map(|to| to.get(stage)).sum();
        (self.sample > 0).then_some((now as f64 - before as f64) * self.each)
    }
}

fn add(sum: &mut Moves, moves: &Moves) {
    for (from, to) in moves {
        let sum = sum.entry(from.clone()).or_default();
        for (stage, customers) in to {
            *sum.entry(stage.clone()).or_default() += customers;
        }
    }
}

/// What follows a sample.
pub(super) struct Follower {
    stage: Option<Bound>,
    zone: Zone,
    as_of: Micros,
    /// One customer in so many.
    each: u64,
}

impl Follower {
    pub fn new(catalogue: &Catalogue, zone: Zone, as_of: Micros, customers: u64) -> Self {
        let rule = catalogue.tags().iter().find(|tag| tag.name == LIFECYCLE_STAGE);
        let only = rule.and_then(|rule| catalogue.with_only(rule.expression()).ok());
        Follower {
            stage: only.map(|only| only.bind(&[]).in_zone(zone)),
            zone,
            as_of,
            each: customers.div_ceil(SAMPLE).max(1),
        }
    }

    /// Adds the moves of a customer, if it is one of the sample.
    pub fn follow(&self, customer_id: &str, history: &History, flow: &mut Flow) {
        let Some(rule) = self.stage.as_ref().filter(|_| self.takes(customer_id)) else { return };
        let stages = BEFORE.map(|days| self.stage(rule, history, self.as_of - days * DAY));
        let [first, second, third, week, now] = &stages;
        flow.sample += 1;
        flow.moves.resize_with(3, Moves::new);
        let mut step = |at: usize, from: &str, to: &str| count(&mut flow.moves[at], from, to);
        step(0, first, second);
        step(1, second, third);
        step(2, third, now);
        count(&mut flow.week, week, now);
    }

    pub fn finish(&self, flow: &mut Flow) {
        flow.each = self.each as f64;
        flow.days_before = vec![90, 60, 30, 0];
    }

    /// By the customer's id alone, so that the same are followed every day.
    fn takes(&self, customer_id: &str) -> bool {
        let hash = customer_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, byte| {
            (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        // The last bits of this hash are poor.
        (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16 & 0xffff_ffff < (1 << 32) / self.each
    }

    fn stage(&self, rule: &Bound, history: &History, as_of: Micros) -> String {
        thread_local! {
            static SCRATCH: RefCell<(Scratch, Vec<f64>)> = RefCell::new((Scratch::default(), vec![0.0; COUNT]));
        }
        SCRATCH.with_borrow_mut(|(scratch, row)| {
            let view = history.as_of(as_of);
            if !features::compute(&view, self.zone, scratch, row) {
                return NOT_YET.to_owned();
            }
            let tags = rule.evaluate_view(&view, row, &Outcome::NotScored(NotScored::NoPurchase));
            tags.first().and_then(|tag| tag.value.as_str()).unwrap_or(NOT_YET).to_owned()
        })
    }
}

fn count(moves: &mut Moves, from: &str, to: &str) {
    if !moves.contains_key(from) {
        moves.insert(from.to_owned(), BTreeMap::new());
    }
    if let Some(row) = moves.get_mut(from) {
        match row.get_mut(to) {
            Some(customers) => *customers += 1,
            None => drop(row.insert(to.to_owned(), 1)),
        }
    }
}
