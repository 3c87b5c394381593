//! Random operations against a store, held against a model of it in memory: first by one thread, then by several whose customers
//! are their own, then by several who write to the same ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homing_datasets::{DAY, Micros};
use serde_json::{Map, Value};

use super::{batch, buy, day, incoming, row, score};
use crate::privacy::Consent;
use crate::*;

/// Splitmix64 (Steele, Lea and Flood 2014): the same seed, the same operations.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn event(&mut self) -> Event {
        // Quarters, so that sums are exact in any order.
        let event = buy(day(self.below(300) as i64), self.below(400) as f64 / 4.0);
        match self.below(4) {
            0 => Event { recorded_at: event.occurred_at + DAY, ..event },
            _ => event,
        }
    }

    fn events(&mut self) -> Vec<Event> {
        (0..self.below(4)).map(|_| self.event()).collect()
    }
}

/// Whom one thread writes to.
struct Cast {
    name: String,
    customers: u64,
    /// Events are never scored as of an earlier instant. Past every event, what one customer is scored as of does not hang on
    /// what others do.
    not_before: Micros,
}

impl Cast {
    fn customer(&self, random: &mut Random) -> String {
        format!("{}-{}", self.name, random.below(self.customers))
    }

    fn operation(&self, random: &mut Random) -> Operation {
        let customer = self.customer(random);
        match random.below(20) {
            0..8 => Operation::TakeIn(
                (0..=random.below(3))
                    .map(|_| {
                        // Few ids, so that some come again.
                        let id = format!("{}.e{}", self.name, random.below(60));
                        incoming(&id, &self.customer(random), random.event())
                    })
                    .collect(),
            ),
            8..12 => {
                let ids: BTreeSet<String> = (0..=random.below(3)).map(|_| self.customer(random)).collect();
                let rows = ids.into_iter().map(|id| (id, random.events())).collect();
                Operation::Batch(rows, day(250 + random.below(350) as i64))
            }
            12..14 => Operation::Say(
                customer,
                Consent { opted_out: random.below(2) == 0, at: day(random.below(9) as i64) },
            ),
            14 => {
                let name = ["city", "age"][random.below(2) as usize];
                Operation::Describe(customer, Map::from_iter([(name.to_owned(), random.below(5).into())]))
            }
            15 => Operation::Erase(customer),
            16 | 17 => Operation::Readmit(customer),
            _ => Operation::Merge(customer, self.customer(random), day(250 + random.below(350) as i64)),
        }
    }
}

#[derive(Debug)]
enum Operation {
    TakeIn(Vec<Incoming>),
    Batch(Vec<(String, Vec<Event>)>, Micros),
    Say(String, Consent),
    Describe(String, Map<String, Value>),
    Erase(String),
    Readmit(String),
    Merge(String, String, Micros),
}

/// A profile: the history, and what its score was made of.
#[derive(Clone)]
struct Known {
    history: History,
    scored: History,
    as_of: Micros,
    opted_out: bool,
}

/// What the model holds of a customer.
#[derive(Clone, Default)]
struct Customer {
    known: Option<Known>,
    consent: Option<Consent>,
    attributes: Option<Map<String, Value>>,
    erased: bool,
}

impl Customer {
    fn opted_out(&self) -> bool {
        self.consent.is_some_and(|consent| consent.opted_out)
    }

    /// Scores a history as of an instant, unless a later score is there.
    fn score(&mut self, history: History, as_of: Micros, opted_out: bool) {
        match &mut self.known {
            Some(known) if known.as_of > as_of => known.history = history,
            known => *known = Some(Known { scored: history.clone(), history, as_of, opted_out }),
        }
    }
}

#[derive(Default)]
struct Model {
    customers: BTreeMap<String, Customer>,
    /// Event ids: whose they are now, and what came under them.
    ids: BTreeMap<String, (String, Incoming)>,
    known_until: Option<Micros>,
    happened_until: Option<Micros>,
}

impl Model {
    fn of(&mut self, customer_id: &str) -> &mut Customer {
        self.customers.entry(customer_id.to_owned()).or_default()
    }

    fn take_in(&mut self, events: &[Incoming], not_before: Micros) -> Vec<Fate> {
        let mut fresh: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
        let mut seen = self.ids.clone();
        // An event four weeks ahead of all data moves its own customer alone.
        let latest = self.known_until.map_or(Micros::MAX, |known| known.max(not_before) + 28 * DAY);
        let mut fates = Vec::new();
        for one in events {
            let fate = match seen.get(&one.event_id) {
                _ if self.of(&one.customer_id).erased => Fate::Erased,
                None => Fate::Accepted,
                Some((_, before)) if before == one => Fate::Duplicate,
                Some(_) => Fate::Conflict,
            };
            if fate == Fate::Accepted {
                seen.insert(one.event_id.clone(), (one.customer_id.clone(), one.clone()));
                fresh.entry(&one.customer_id).or_default().push(one.event.clone());
                if one.event.recorded_at <= latest {
                    self.known_until = self.known_until.max(Some(one.event.recorded_at));
                    self.happened_until = self.happened_until.max(Some(one.event.occurred_at));
                }
            }
            fates.push(fate);
        }
        self.ids = seen;
        let clock = self.known_until.map_or(not_before, |known| known.max(not_before));
        for (id, events) in fresh {
            let clock = events.iter().map(|event| event.recorded_at).fold(clock, Micros::max);
            let customer = self.of(id);
            let (mut history, as_of) = match &customer.known {
                Some(known) => (known.history.clone(), known.as_of.max(clock)),
                None => (History::default(), clock),
            };
            history.extend(events);
            let opted_out = customer.opted_out();
            customer.score(history, as_of, opted_out);
        }
        fates
    }

    fn batch(&mut self, rows: &[(String, Vec<Event>)], as_of: Micros) {
        for (id, events) in rows {
            let customer = self.of(id);
            if customer.erased {
                continue;
            }
            let mut history = History::from_events(events.clone());
            let last = history.last_instant();
            if let Some(known) = &customer.known {
                let mut held = known.history.clone();
                held.merge(&history);
                history = held;
            }
            let opted_out = customer.opted_out();
            customer.score(history, as_of, opted_out);
            self.happened_until = self.happened_until.max(last);
            self.known_until = self.known_until.max(last);
        }
    }

    fn say(&mut self, id: &str, consent: Consent) {
        let customer = self.of(id);
        customer.consent = Some(consent);
        if let (Some(known), true) = (&mut customer.known, consent.opted_out) {
            known.opted_out = true;
        }
    }

    fn merge(&mut self, from: &str, into: &str, as_of: Micros) -> bool {
        let (old, mut new) = (self.of(from).clone(), self.of(into).clone());
        let nothing = old.known.is_none()
            && old.consent.is_none()
            && old.attributes.as_ref().is_none_or(|attributes| attributes.is_empty());
        if from == into || nothing || new.erased || old.erased {
            return false;
        }
        let opted_out = old.opted_out() || new.opted_out();
        if let Some(known) = &old.known {
            let held = new.known.as_ref();
            let as_of = as_of.max(known.as_of).max(held.map_or(as_of, |held| held.as_of));
            let mut history = held.map_or_else(History::default, |held| held.history.clone());
            history.merge(&known.history);
            new.score(history, as_of, opted_out);
        } else if let (Some(known), true) = (&mut new.known, old.opted_out()) {
            known.opted_out = true;
        }
        if old.opted_out() && !new.opted_out() {
            new.consent = old.consent;
        }
        if let Some(mut both) = old.attributes {
            both.extend(new.attributes.unwrap_or_default());
            new.attributes = Some(both);
        }
        for (whose, _) in self.ids.values_mut().filter(|(whose, _)| whose == from) {
            *whose = into.to_owned();
        }
        *self.of(from) = Customer::default();
        *self.of(into) = new;
        true
    }

    fn erase(&mut self, id: &str) {
        self.ids.retain(|_, (whose, _)| whose != id);
        // An objection outlives the erasure.
        let consent = self.of(id).consent.filter(|consent| consent.opted_out);
        *self.of(id) = Customer { erased: true, consent, ..Customer::default() };
    }

    /// Does an operation to the model and to the store; what the store says must be what the model says.
    fn apply(&mut self, store: &dyn Store, operation: &Operation, not_before: Micros) {
        match operation {
            Operation::TakeIn(events) => {
                let fates = store.take_in(events, not_before, &score).unwrap().fates;
                assert_eq!(fates, self.take_in(events, not_before), "{events:?}");
            }
            Operation::Batch(rows, as_of) => {
                let of = |(id, events): &(String, Vec<Event>)| row(id, events.clone());
                batch(store, rows.iter().map(of).collect(), *as_of);
                self.batch(rows, *as_of);
            }
            Operation::Say(id, consent) => {
                store.set_consent(id, *consent).unwrap();
                self.say(id, *consent);
            }
            Operation::Describe(id, attributes) => {
                store.set_attributes(id, attributes).unwrap();
                self.of(id).attributes = Some(attributes.clone());
            }
            Operation::Erase(id) => {
                store.erase(id, day(0)).unwrap();
                self.erase(id);
            }
            Operation::Readmit(id) => {
                assert_eq!(store.readmit(id).unwrap(), self.of(id).erased);
                self.of(id).erased = false;
            }
            Operation::Merge(from, into, as_of) => {
                let merged = flows::merge(store, from, into, *as_of, &score).unwrap();
                assert_eq!(merged, self.merge(from, into, *as_of));
            }
        }
        self.adopt(store);
    }

    /// A later score of the same history that hardly differs may leave the stored score as it was, for a week.
    fn adopt(&mut self, store: &dyn Store) {
        for (id, customer) in &mut self.customers {
            let Some(known) = &mut customer.known else { continue };
            let profile = store.profile(id).unwrap().unwrap_or_else(|| panic!("{id} has no profile"));
            let as_of = Zone::default().instant(profile.prediction["as_of"].as_str().unwrap()).unwrap();
            assert!((known.as_of - 7 * DAY..=known.as_of).contains(&as_of), "{id}");
            known.as_of = as_of;
        }
    }
}

/// Whether a profile shows the score of a history as of an instant.
#[track_caller]
fn assert_shows(profile: &Profile, known: &Known) {
    let tags = |tags: Vec<Tag>| -> BTreeMap<String, Value> {
        tags.into_iter().map(|tag| (tag.name, tag.value)).collect()
    };
    let held: BTreeMap<String, Value> =
        profile.tags.iter().map(|(name, tag)| (name.clone(), tag.value.clone())).collect();
    if known.opted_out {
        assert_eq!(profile.prediction["not_scored"], "opted_out");
        assert!(profile.tags.values().all(|tag| tag.layer != Layer::Predictive));
        return;
    }
    let Scored { outcome, tags: expected, .. } = score("", &known.scored, known.as_of);
    assert_eq!(held, tags(expected));
    match outcome {
        Outcome::NotScored(cause) => assert_eq!(profile.prediction["not_scored"], cause.code()),
        Outcome::Scored(prediction) => {
            assert_eq!(profile.prediction["clv"], prediction.clv);
            assert_eq!(profile.prediction["churn_risk"], prediction.churn_risk);
        }
    }
}

/// Whether a store holds what a model holds, and its feed leads there.
fn assert_equal(store: &dyn Store, model: &Model) {
    let mut told: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    let mut after = None;
    loop {
        let piece = store.changes(after, 100).unwrap();
        for change in piece.changes.iter().filter(|change| !change.erased).cloned() {
            told.entry(change.customer_id).or_default().extend(change.tags);
        }
        after = Some(piece.next);
        if piece.changes.is_empty() {
            break;
        }
    }
    for (id, customer) in &model.customers {
        assert_eq!(store.is_erased(id).unwrap(), customer.erased, "{id}");
        assert_eq!(store.consent(id).unwrap(), customer.consent, "{id}");
        let profile = store.profile(id).unwrap();
        assert_eq!(profile.is_some(), customer.known.is_some(), "{id}");
        assert_eq!(
            store.history(id).unwrap().as_ref(),
            customer.known.as_ref().map(|known| &known.history),
            "{id}"
        );
        let mut followed = told.remove(id).unwrap_or_default();
        followed.retain(|_, value| !value.is_null());
        let held = profile.iter().flat_map(|profile| &profile.tags);
        let held: BTreeMap<String, Value> =
            held.map(|(name, tag)| (name.clone(), tag.value.clone())).collect();
        assert_eq!(followed, held, "the feed of {id}");
        let export = store.export(id).unwrap();
        let attributes = export.as_ref().map(|export| export.attributes.clone()).unwrap_or_default();
        assert_eq!(attributes, customer.attributes.clone().unwrap_or_default(), "{id}");
        let ids: BTreeSet<String> = export.into_iter().flat_map(|export| export.event_ids).collect();
        let expected = model.ids.iter().filter(|(_, (whose, _))| whose == id);
        assert_eq!(ids, expected.map(|(event_id, _)| event_id.clone()).collect(), "{id}");
        if let (Some(profile), Some(known)) = (&profile, &customer.known) {
            assert_shows(profile, known);
        }
    }
    assert_eq!(told.len(), 0, "changes of customers whom nobody wrote to");
    let profiles = model.customers.values().filter(|customer| customer.known.is_some());
    assert_eq!(store.totals().unwrap().profiles, profiles.count() as u64);
}

/// One thread: also what customers have in common, the data clock, must agree.
pub(crate) fn alone(seed: u64, store: &dyn Store, operations: usize) {
    println!("seed {seed}");
    let cast = Cast { name: "a".to_owned(), customers: 7, not_before: 0 };
    let (mut random, mut model) = (Random(seed), Model::default());
    for n in 0..operations {
        let operation = cast.operation(&mut random);
        println!("{n}: {operation:?}");
        model.apply(store, &operation, cast.not_before);
        if n % 10 == 9 {
            assert_equal(store, &model);
        }
    }
    assert_eq!(store.totals().unwrap().data_until, model.happened_until);
}

/// Several threads over several servers of one store, each with customers of its own.
pub(crate) fn beside(seed: u64, servers: &[Arc<dyn Store>], operations: usize) {
    println!("seed {seed}");
    let models: Vec<Model> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4u64)
            .map(|thread| {
                let store = &servers[thread as usize % servers.len()];
                scope.spawn(move || {
                    let cast = Cast { name: format!("t{thread}"), customers: 4, not_before: day(600) };
                    let (mut random, mut model) = (Random(seed << 8 | thread), Model::default());
                    for _ in 0..operations {
                        let operation = cast.operation(&mut random);
                        model.apply(store.as_ref(), &operation, cast.not_before);
                    }
                    model
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut whole = Model::default();
    for model in models {
        whole.customers.extend(model.customers);
        whole.ids.extend(model.ids);
    }
    assert_equal(servers[0].as_ref(), &whole);
}

/// Several threads who write to the same customers: each event id is accepted once, and what was accepted is held.
pub(crate) fn together(seed: u64, servers: &[Arc<dyn Store>], operations: usize) {
    println!("seed {seed}");
    let accepted = std::sync::Mutex::new(Model::default());
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let (store, accepted) = (&servers[thread as usize % servers.len()], &accepted);
            scope.spawn(move || {
                let cast = Cast { name: "c".to_owned(), customers: 3, not_before: day(600) };
                let mut random = Random(seed << 8 | thread);
                for _ in 0..operations {
                    let events = match cast.operation(&mut random) {
                        Operation::TakeIn(events) => events,
                        Operation::Batch(rows, _) => {
                            // Of nothing new, so that histories stay those of the accepted events.
                            let rows = rows.iter().map(|(id, _)| row(id, Vec::new())).collect();
                            batch(store.as_ref(), rows, day(600));
                            continue;
                        }
                        _ => continue,
                    };
                    let fates = store.take_in(&events, cast.not_before, &score).unwrap().fates;
                    let mut model = accepted.lock().unwrap();
                    for (one, _) in events.into_iter().zip(fates).filter(|(_, fate)| *fate == Fate::Accepted)
                    {
                        let before = model.ids.insert(one.event_id.clone(), (one.customer_id.clone(), one));
                        assert!(before.is_none(), "{before:?} was accepted twice");
                    }
                }
            });
        }
    });
    let mut model = accepted.into_inner().unwrap();
    let ids = std::mem::take(&mut model.ids);
    let mut by_customer: BTreeMap<String, Vec<Event>> =
        (0..3).map(|n| (format!("c-{n}"), Vec::new())).collect();
    for (_, one) in ids.values() {
        by_customer.entry(one.customer_id.clone()).or_default().push(one.event.clone());
    }
    for (id, events) in by_customer {
        if servers[0].profile(&id).unwrap().is_some() || !events.is_empty() {
            model.of(&id).score(History::from_events(events), day(600), false);
        }
    }
    model.ids = ids;
    assert_equal(servers[0].as_ref(), &model);
}
