//! What a write has to do for one customer: a fresh score compared with the state that the store holds. Pure: no scorer is
//! called and no store is touched.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use homing_datasets::guards::Window;
use homing_datasets::{Event, History, Micros, Zone};
use homing_models::prediction::NEXT_ORDER_QUARTILES;
use homing_models::{Flat, NotScored, Outcome, Prediction, Provenance, Reason};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::fingerprint::{fingerprints, history_fingerprint};
use super::state::{
    Common, Glance, Held, HeldTag, HistoryCounts, NewHistory, NewScore, Origin, Plan, State, StoredRow,
    value_text,
};
use super::{Error, Layer, Profile, Scored, StoredTag};

/// A score that a later look moves by no more than this share of itself, and this much, is not written again.
const MOVED: f64 = 0.01;
const MOVED_LEAST: f64 = 0.005;

/// A score that is older than this is written again however little it has moved.
const STALE: Micros = 7 * homing_datasets::DAY;

/// What is added to a customer's history.
#[derive(Clone, Copy)]
pub(super) enum Addition<'a> {
    /// New events.
    Events(&'a [Event]),
    /// Another source's view of the same customer.
    Merge(&'a History),
    /// What takes the place of the history that is held.
    Instead(&'a History),
}

/// A history with what was added to it.
pub(super) struct Combined<'a> {
    pub history: Cow<'a, History>,
    /// Its bytes, if they are not those that the store holds.
    bytes: Option<Vec<u8>>,
}

/// Within which bounds a batch leaves what the store holds as it is.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Where no tag changes its value, scores that moved by no more than this (risk: absolute; money: by this share)
    /// stay as they are, with their `as_of`.
    pub tolerance: f64,
    /// What the clock admits: stored events beyond it are taken out of the histories of customers that are written.
    pub clock: Window,
}

impl Default for Bounds {
    /// Every score that moved is written, and every event is believed.
    fn default() -> Self {
        Bounds { tolerance: 0.0, clock: Window::until(None) }
    }
}

/// Plans writes for one store.
#[derive(Clone, Copy)]
pub(super) struct Planner<'a> {
    pub common: &'a Common,
    pub bounds: Bounds,
}

impl Planner<'_> {
    /// Works out what is to be written for a customer. `scored`: what the scorer says of the combined history; it need not be
    /// asked where [`is_newer`] says that the store's score stays.
    pub fn plan(&self, state: &State, combined: Combined<'_>, scored: Option<Scored>) -> Result<Plan, Error> {
        let mut plan = Plan::default();
        if let Some(bytes) = combined.bytes {
            let fingerprint = self.common.fingerprints.then(|| history_fingerprint(&bytes));
            let counts = counts(&combined.history, self.common.zone);
            plan.history = Some(NewHistory { bytes, counts, fingerprint });
        }
        let row = state.row();
        let scored =
            scored.filter(|scored| row.is_none_or(|row| row.origin.as_of <= scored.provenance.as_of));
        let Some(mut scored) = scored else {
            plan.newer_in_store = true;
            return Ok(plan);
        };
        if state.opted_out {
            scored.outcome = Outcome::NotScored(NotScored::OptedOut);
            scored.tags.retain(|tag| tag.layer != Layer::Predictive);
        }
        plan.not_scored = cause(&scored.outcome);
        compare_tags(row, &scored, &mut plan);
        if let Some(row) = row
            && (self.is_near(row, &scored, &plan)
                || self.stands_still(row, &scored, &plan)?
                || self.is_same(row, &scored, &plan)?)
        {
            plan.set.clear();
            return Ok(plan);
        }
        let fingerprints = self.common.fingerprints.then(|| fingerprints(&scored));
        plan.score = Some(NewScore {
            numbers: numbers(&scored.outcome),
            not_scored: plan.not_scored,
            prediction: self.prediction(&scored)?,
            fingerprints,
            provenance: scored.provenance,
        });
        Ok(plan)
    }

    /// What fingerprints alone say about a customer whose history is the combined one: a plan where nothing changes,
    /// else none.
    pub fn glance(&self, glance: &Glance, scored: &Scored) -> Option<Plan> {
        let provenance = &scored.provenance;
        if glance.model != *provenance.model || provenance.as_of < glance.as_of {
            return None;
        }
        let [score, tags] = fingerprints(scored);
        let same = provenance.as_of == glance.as_of && score == glance.fingerprints.score;
        // What a tag without a value keeps may expire, which only the row itself shows.
        let near = || {
            self.bounds.tolerance > 0.0
                && tags == glance.fingerprints.tags
                && self.is_within(glance.numbers, &scored.outcome)
                && scored.tags.iter().all(|tag| !tag.value.is_null())
        };
        (same || near()).then(|| Plan { not_scored: cause(&scored.outcome), ..Plan::default() })
    }

    /// What an opt-out takes from a customer: scores and predictive tags, at once and without a look at the history.
    pub fn withdraw(&self, row: &StoredRow, at: Micros) -> Result<Plan, Error> {
        let not_scored = NotScored::OptedOut;
        let provenance = Provenance {
            model: row.origin.model.as_str().into(),
            as_of: row.origin.as_of,
            scored_at: at,
            zone: self.common.zone,
        };
        let predictive = |tag: &&HeldTag| tag.layer == Layer::Predictive;
        let remove: Vec<String> = row.tags.iter().filter(predictive).map(|tag| tag.name.clone()).collect();
        let scored = Scored { outcome: Outcome::NotScored(not_scored), tags: Vec::new(), provenance };
        Ok(Plan {
            changed: remove.iter().map(|name| (name.clone(), Value::Null)).collect(),
            remove,
            score: Some(NewScore {
                numbers: None,
                not_scored: Some(not_scored),
                prediction: self.prediction(&scored)?,
                fingerprints: self.common.fingerprints.then(|| fingerprints(&scored)),
                provenance: scored.provenance,
            }),
            not_scored: Some(not_scored),
            ..Plan::default()
        })
    }

    /// The history with the addition.
    pub fn combine<'h>(&self, state: &State, addition: Addition<'h>) -> Result<Combined<'h>, Error> {
        let row = state.row();
        let stored = || {
            row.map_or_else(|| Ok(History::default()), |row| self.decode(&state.customer_id, &row.history))
        };
        let history: Cow<'h, History> = match addition {
            Addition::Events(events) => {
                let mut history = stored()?;
                history.extend(events.to_vec());
                Cow::Owned(history)
            }
            Addition::Instead(other) => Cow::Borrowed(other),
            Addition::Merge(other) => {
                let bytes = other.to_bytes();
                match row {
                    None => return Ok(Combined { history: Cow::Borrowed(other), bytes: Some(bytes) }),
                    Some(row) if row.history == bytes => {
                        return Ok(Combined { history: Cow::Borrowed(other), bytes: None });
                    }
                    Some(_) => {
                        let mut history = stored()?;
                        if history.last_instant().is_some_and(|last| last > self.bounds.clock.to) {
                            let believed = |event: &Event| self.bounds.clock.has(event.occurred_at);
                            history = History::from_events(history.events().filter(believed).collect());
                        }
                        history.merge(other);
                        Cow::Owned(history)
                    }
                }
            }
        };
        let bytes = history.to_bytes();
        let changed = row.is_none_or(|row| row.history != bytes);
        Ok(Combined { history, bytes: changed.then_some(bytes) })
    }

    /// Reads a stored history.
    pub fn decode(&self, customer_id: &str, bytes: &[u8]) -> Result<History, Error> {
        decode(&self.common.place, customer_id, bytes)
    }

    /// Whether the scores may stay as they are held although they moved a little.
    fn is_near(&self, row: &StoredRow, scored: &Scored, plan: &Plan) -> bool {
        self.bounds.tolerance > 0.0
            && plan.changed.is_empty()
            && row.origin.model == *scored.provenance.model
            && self.is_within(row.numbers, &scored.outcome)
    }

    /// Whether every number is within the tolerance.
    fn is_within(&self, held: [Option<f64>; 3], outcome: &Outcome) -> bool {
        let now = numbers(outcome).map_or([None; 3], |numbers| numbers.map(Some));
        held.into_iter().zip(now).enumerate().all(|(at, pair)| match pair {
            (Some(held), Some(now)) => {
                let scale = if at == 0 { 1.0 } else { held.abs() };
                (now - held).abs() <= self.bounds.tolerance * scale
            }
            (None, None) => true,
            _ => false,
        })
    }

    /// Whether score and tags are to the bit those that the store holds.
    fn is_same(&self, row: &StoredRow, scored: &Scored, plan: &Plan) -> Result<bool, Error> {
        let provenance = &scored.provenance;
        if !plan.set.is_empty()
            || !plan.remove.is_empty()
            || row.origin.as_of != provenance.as_of
            || row.origin.model != *provenance.model
        {
            return Ok(false);
        }
        if !has_numbers(row, &scored.outcome, |now, held| now.to_bits() == held.to_bits()) {
            return Ok(false);
        }
        let Some(held) = HeldPrediction::read(row) else { return Ok(false) };
        Ok(held.is_same(&scored.outcome, provenance.zone))
    }

    /// Whether a later score of the same history brings nothing new: no tag changed, no number moved by more than
    /// [`MOVED`] of itself (and [`MOVED_LEAST`]), and the stored score is not yet [`STALE`].
    fn stands_still(&self, row: &StoredRow, scored: &Scored, plan: &Plan) -> Result<bool, Error> {
        let (now, before) = (scored.provenance.as_of, row.origin.as_of);
        if plan.history.is_some()
            || !plan.remove.is_empty()
            || row.origin.model != *scored.provenance.model
            || now <= before
            || now - before > STALE
            || !has_numbers(row, &scored.outcome, is_still)
        {
            return Ok(false);
        }
        let near = |now: &HeldTag, before: &HeldTag| {
            let confidence = match (now.confidence, before.confidence) {
                (Some(now), Some(before)) => is_still(now, before),
                (now, before) => now == before,
            };
            confidence
                && (&now.value, now.layer, now.expires_after, &now.origin)
                    == (&before.value, before.layer, before.expires_after, &before.origin)
        };
        let twin = |tag: &HeldTag| row.tags.iter().find(|held| held.name == tag.name);
        if !plan.set.iter().all(|tag| twin(tag).is_some_and(|twin| near(tag, twin))) {
            return Ok(false);
        }
        Ok(HeldPrediction::read(row).is_some_and(|held| held.is_still(&scored.outcome)))
    }

    /// The flat object of the contract as text. The same scores make the same text, to the bit.
    fn prediction(&self, scored: &Scored) -> Result<String, Error> {
        let flat = Flat { customer_id: None, outcome: &scored.outcome, provenance: &scored.provenance };
        serde_json::to_string(&flat)
            .map_err(|e| Error::Database { store: self.common.place.clone(), detail: e.to_string() })
    }
}

/// A prediction as the store holds it.
struct HeldPrediction(Map<String, Value>);

impl HeldPrediction {
    /// `None` where it does not read: then it is another.
    fn read(row: &StoredRow) -> Option<Self> {
        serde_json::from_str(&row.prediction).ok().map(HeldPrediction)
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    /// Whether a fresh outcome agrees: the same numbers by `agree` (and no others), the same percentile by `near`.
    fn agrees(&self, outcome: &Outcome, agree: fn(f64, f64) -> bool, percentiles: f64) -> bool {
        let prediction = match outcome {
            Outcome::Scored(prediction) => prediction,
            Outcome::NotScored(cause) => {
                return self.0.get("not_scored").and_then(Value::as_str) == Some(cause.code());
            }
        };
        let numbers = prediction.numbers();
        // Besides its numbers: percentile, next order and its quartiles, cluster, reasons, model, as_of, scored_at.
        self.0.len() == numbers.len() + 9
            && self
                .number("churn_percentile")
                .is_some_and(|held| (held - f64::from(prediction.churn_percentile)).abs() <= percentiles)
            && numbers.iter().all(|(name, now)| self.number(name).is_some_and(|held| agree(*now, held)))
    }

    /// Whether a later outcome has hardly moved. Of percentiles, the neighbours are as good.
    fn is_still(&self, outcome: &Outcome) -> bool {
        self.agrees(outcome, is_still, 2.0)
    }

    fn is_same(&self, outcome: &Outcome, zone: Zone) -> bool {
        self.agrees(outcome, |a, b| a.to_bits() == b.to_bits(), 0.0)
            && match outcome {
                Outcome::Scored(prediction) => self.has_rest(prediction, zone),
                Outcome::NotScored(_) => true,
            }
    }

    /// What of a prediction is no number.
    fn has_rest(&self, prediction: &Prediction, zone: Zone) -> bool {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str);
        let cluster = self.0.get("cluster").and_then(Value::as_u64);
        let reasons = self.0.get("reasons").and_then(|held| Vec::<Reason>::deserialize(held).ok());
        let same = |name, at: Option<Micros>| text(name) == at.map(|at| zone.format(at)).as_deref();
        cluster == prediction.cluster.map(|cluster| u64::from(cluster.id))
            && same("next_order_at", prediction.next_order_at)
            && NEXT_ORDER_QUARTILES
                .into_iter()
                .zip(prediction.next_order_quartiles)
                .all(|(name, at)| same(name, at))
            && reasons.is_some_and(|held| held == prediction.reasons)
    }
}

/// Whether a score as of an instant is older than the one that the store holds, which then stays.
pub(super) fn is_newer(state: &State, as_of: Micros) -> bool {
    match &state.held {
        Held::Nothing => false,
        Held::Glance(glance) => glance.as_of > as_of,
        Held::Row(row) => row.origin.as_of > as_of,
    }
}

/// Why there are no scores, if there are none.
fn cause(outcome: &Outcome) -> Option<NotScored> {
    match outcome {
        Outcome::Scored(_) => None,
        Outcome::NotScored(cause) => Some(*cause),
    }
}

/// Churn risk, value at risk and lifetime value.
fn numbers(outcome: &Outcome) -> Option<[f64; 3]> {
    match outcome {
        Outcome::Scored(p) => Some([p.churn_risk, p.value_at_risk, p.clv]),
        Outcome::NotScored(_) => None,
    }
}

/// Whether the numbers in columns of their own agree: most changed scores are detected by these.
fn has_numbers(row: &StoredRow, outcome: &Outcome, agree: fn(f64, f64) -> bool) -> bool {
    match numbers(outcome) {
        None => row.numbers == [None; 3],
        Some(now) => {
            now.into_iter().zip(row.numbers).all(|(now, held)| held.is_some_and(|held| agree(now, held)))
        }
    }
}

/// Whether a number has hardly moved.
fn is_still(now: f64, before: f64) -> bool {
    (now - before).abs() <= MOVED * now.abs().max(before.abs()) + MOVED_LEAST
}

/// What a store holds of a profile, before instants are written out.
pub(super) struct ProfileRow {
    pub customer_id: String,
    pub origin: Origin,
    pub prediction: String,
    pub history: HistoryCounts,
}

impl ProfileRow {
    /// The profile with its tags and attributes.
    pub fn finish(
        self,
        store: &str,
        zone: Zone,
        held: Vec<HeldTag>,
        attributes: Option<Map<String, Value>>,
    ) -> Result<Profile, Error> {
        let damaged = |detail: String| Error::Damaged {
            store: store.to_owned(),
            customer_id: self.customer_id.clone(),
            detail,
        };
        let json = |text: &str, what: &str| {
            serde_json::from_str::<Value>(text).map_err(|e| damaged(format!("{what}: {e}")))
        };
        let instant = |at: Micros| zone.format(at);
        // Nearly every tag comes from the profile's own score: its instants are written out once.
        let (as_of, scored_at) = (instant(self.origin.as_of), instant(self.origin.scored_at));
        let mut tags = BTreeMap::new();
        for HeldTag { name, value, layer, confidence, expires_after, origin } in held {
            let value = json(&value, &name)?;
            let (as_of, scored_at) = match &origin {
                None => (as_of.clone(), scored_at.clone()),
                Some(origin) => (instant(origin.as_of), instant(origin.scored_at)),
            };
            let origin = origin.as_ref().unwrap_or(&self.origin);
            let expires_at = expires_after.map(|after| instant(origin.as_of + after));
            let model = origin.model.clone();
            let tag = StoredTag { value, layer, confidence, model, as_of, scored_at, expires_at };
            tags.insert(name, tag);
        }
        Ok(Profile {
            attributes: attributes.unwrap_or_default(),
            tags,
            prediction: json(&self.prediction, "prediction")?,
            history: self.history.summary(zone),
            customer_id: self.customer_id,
        })
    }
}

/// Layers by their number in stores.
pub(super) const LAYERS: [Layer; 3] = [Layer::Static, Layer::Dynamic, Layer::Predictive];

/// Reads a stored history.
pub(super) fn decode(store: &str, customer_id: &str, bytes: &[u8]) -> Result<History, Error> {
    History::from_bytes(bytes).map_err(|e| Error::Damaged {
        store: store.to_owned(),
        customer_id: customer_id.to_owned(),
        detail: e.to_string(),
    })
}

/// Compares the fresh tags with those that the store holds.
fn compare_tags(row: Option<&StoredRow>, scored: &Scored, plan: &mut Plan) {
    let as_of = scored.provenance.as_of;
    let held: HashMap<&str, &HeldTag> =
        row.iter().flat_map(|row| &row.tags).map(|tag| (tag.name.as_str(), tag)).collect();
    let mut given: HashSet<&str> = HashSet::with_capacity(scored.tags.len());
    for tag in &scored.tags {
        given.insert(&tag.name);
        let before = held.get(tag.name.as_str()).copied();
        if tag.value.is_null() {
            if let (Some(row), Some(before)) = (row, before) {
                keep_or_expire(&row.origin, before, as_of, plan);
            }
            continue;
        }
        let value = value_text(&tag.value);
        if before.is_none_or(|before| before.value != value) {
            plan.changed.insert(tag.name.clone(), tag.value.clone());
        }
        let confidence = tag.confidence.filter(|c| c.is_finite());
        let expires_after = tag.expires_at.map(|at| at - as_of);
        let same = before.is_some_and(|before| {
            before.value == value
                && (before.layer, before.confidence, before.expires_after)
                    == (tag.layer, confidence, expires_after)
                && before.origin.is_none()
        });
        if !same {
            let (name, layer) = (tag.name.clone(), tag.layer);
            plan.set.push(HeldTag { name, value, layer, confidence, expires_after, origin: None });
        }
    }
    for name in held.into_keys().filter(|name| !given.contains(name)) {
        plan.changed.insert(name.to_owned(), Value::Null);
        plan.remove.push(name.to_owned());
    }
    plan.set.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    plan.remove.sort_unstable();
}

/// A tag of which nothing new is known stays, with the provenance that it had, until it expires.
fn keep_or_expire(score: &Origin, before: &HeldTag, as_of: Micros, plan: &mut Plan) {
    let origin = before.origin.as_ref().unwrap_or(score);
    if before.expires_after.is_some_and(|after| origin.as_of + after <= as_of) {
        plan.changed.insert(before.name.clone(), Value::Null);
        plan.remove.push(before.name.clone());
    } else if before.origin.is_none() {
        plan.set.push(HeldTag { origin: Some(origin.clone()), ..before.clone() });
    }
}

/// Counts a history: everything that is known, whenever it was recorded.
fn counts(history: &History, zone: Zone) -> HistoryCounts {
    let view = history.as_of(Micros::MAX);
    let mut counts = HistoryCounts { events: view.len() as u64, ..HistoryCounts::default() };
    for order in view.orders(zone) {
        counts.orders += 1;
        for at in view.lines(&order) {
            let instant = view.occurred_at()[at];
            counts.purchases += 1;
            counts.spend += view.amount()[at];
            counts.first_purchase_at.get_or_insert(instant);
            counts.last_purchase_at = Some(instant);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_one_text() {
        assert_eq!(value_text(&serde_json::json!(5.0)), "5");
        assert_eq!(value_text(&serde_json::json!(5)), "5");
        assert_eq!(value_text(&serde_json::json!(0.5)), "0.5");
        assert_eq!(value_text(&serde_json::json!("5")), "\"5\"");
        assert_eq!(value_text(&serde_json::json!(true)), "true");
    }
}
