//! What a write has to do for one customer: worked out before the database is touched, the same for every store.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use homing_datasets::{Event, History, Micros, Zone};
use homing_models::{Flat, NotScored, Outcome, Provenance};
use rayon::prelude::*;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    BatchSummary, Error, HistorySummary, Incoming, Layer, Profile, Scored, Scorer, StoredTag, Tag, TagMoves,
};

/// A score that a later look moves by no more than this share of itself, and this much, is not written again.
const MOVED: f64 = 0.01;
const MOVED_LEAST: f64 = 0.005;

/// A score that is older than this is written again however little it has moved.
const STALE: Micros = 7 * homing_datasets::DAY;

/// What a store holds of one customer before a write.
#[derive(Debug)]
pub(super) struct Held {
    pub as_of: Micros,
    pub scored_at: Micros,
    pub model: String,
    pub prediction: String,
    /// Churn risk, value at risk and lifetime value.
    pub numbers: [Option<f64>; 3],
    pub history: Vec<u8>,
    pub tags: Vec<HeldTag>,
}

/// A tag as it lies in a store.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HeldTag {
    pub name: String,
    /// JSON in the form of [`value_text`].
    pub value: String,
    pub layer: Layer,
    pub confidence: Option<f64>,
    /// How long after its `as_of` the tag ceases to hold. Relative, so that a tag whose value stays need not
    /// be written again at every scoring.
    pub expires_after: Option<Micros>,
    /// Where the tag comes from, if not from the profile's present score.
    pub origin: Option<Origin>,
}

/// The score that a kept tag comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Origin {
    pub model: String,
    pub as_of: Micros,
    pub scored_at: Micros,
}

/// What is added to a customer's history.
pub(super) enum Addition<'a> {
    /// New events.
    Events(Vec<Event>),
    /// Another source's view of the same customer.
    Merge(&'a History),
}

/// The writes for one customer.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The history, if it changed.
    pub history: Option<NewHistory>,
    /// The score, if it or a tag changed.
    pub score: Option<NewScore>,
    /// Tags to set.
    pub set: Vec<HeldTag>,
    /// Tags to remove.
    pub remove: Vec<String>,
    /// The tags whose value changed; `null` for a removed one.
    pub changed: Map<String, Value>,
    /// The store's score is newer and stays.
    pub newer_in_store: bool,
    /// Why there are no scores, if there are none.
    pub not_scored: Option<NotScored>,
    /// What tells these scores and tags from others, where [`Planner::prints`] asks for it.
    pub prints: Option<Prints>,
}

/// Fingerprints of what a scorer said, by which a store can tell without reading it back that nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prints {
    /// Of scores and tags with all that belongs to them but the instant of scoring.
    pub score: [u8; 16],
    /// Of the names and values of the tags.
    pub tags: [u8; 16],
}

/// A history to be written.
#[derive(Debug)]
pub(super) struct NewHistory {
    pub bytes: Vec<u8>,
    pub numbers: HistoryNumbers,
}

/// [`HistorySummary`] with instants that are not yet written out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct HistoryNumbers {
    pub events: u64,
    pub purchases: u64,
    pub orders: u64,
    pub spend: f64,
    pub first_purchase_at: Option<Micros>,
    pub last_purchase_at: Option<Micros>,
}

/// A score to be written.
#[derive(Debug)]
pub(super) struct NewScore {
    pub provenance: Provenance,
    /// Churn risk, value at risk and lifetime value; `None` for a customer without scores.
    pub numbers: Option<[f64; 3]>,
    pub not_scored: Option<NotScored>,
    pub prediction: String,
}

impl Plan {
    /// Whether nothing has to be written.
    pub fn is_idle(&self) -> bool {
        self.history.is_none() && self.score.is_none()
    }
}

/// Plans writes for one store.
pub(super) struct Planner<'a> {
    pub store: &'a str,
    pub zone: Zone,
    pub score: &'a Scorer<'a>,
    /// Where no tag changes its value, scores that moved by no more than this (risk: absolute; money: by this share)
    /// stay as they are, with their `as_of`.
    pub tolerance: f64,
    /// Whether plans carry [`Prints`].
    pub prints: bool,
}

impl Planner<'_> {
    /// Works out what is to be written for a customer.
    pub fn plan(
        &self,
        customer_id: &str,
        held: Option<&Held>,
        opted_out: bool,
        addition: Addition<'_>,
        as_of: Micros,
    ) -> Result<Plan, Error> {
        let (history, bytes) = self.combine(customer_id, held, addition)?;
        let mut plan = Plan::default();
        if let Some(bytes) = bytes {
            plan.history = Some(NewHistory { numbers: numbers(&history, self.zone), bytes });
        }
        let newer = |than: Micros| held.is_some_and(|held| held.as_of > than);
        if newer(as_of) {
            plan.newer_in_store = true;
            return Ok(plan);
        }
        let mut scored = (self.score)(customer_id, &history, as_of);
        if opted_out {
            scored.outcome = Outcome::NotScored(NotScored::OptedOut);
            scored.tags.retain(|tag| tag.layer != Layer::Predictive);
        }
        if newer(scored.provenance.as_of) {
            plan.newer_in_store = true;
            return Ok(plan);
        }
        if let Outcome::NotScored(cause) = scored.outcome {
            plan.not_scored = Some(cause);
        }
        if self.prints {
            plan.prints = Some(self.prints_of(&scored)?);
        }
        compare_tags(held, &scored, &mut plan);
        if held.is_some_and(|held| self.is_near(held, &scored, &plan)) {
            plan.set.clear();
            return Ok(plan);
        }
        let same_score = match held {
            Some(held)
                if held.as_of == scored.provenance.as_of && *held.model == *scored.provenance.model =>
            {
                self.prediction(&scored, held.scored_at)? == held.prediction
            }
            _ => false,
        };
        let same_tags = plan.set.is_empty() && plan.remove.is_empty();
        if plan.history.is_none() && held.is_some_and(|held| self.stands_still(held, &scored, &plan)) {
            plan.set.clear();
            return Ok(plan);
        }
        if !same_score || !same_tags {
            plan.score = Some(NewScore {
                numbers: match &scored.outcome {
                    Outcome::Scored(p) => Some([p.churn_risk, p.value_at_risk, p.clv]),
                    Outcome::NotScored(_) => None,
                },
                not_scored: plan.not_scored,
                prediction: self.prediction(&scored, scored.provenance.scored_at)?,
                provenance: scored.provenance,
            });
        }
        Ok(plan)
    }

    /// Whether the scores may stay as they are held although they moved a little.
    fn is_near(&self, held: &Held, scored: &Scored, plan: &Plan) -> bool {
        self.tolerance > 0.0
            && plan.changed.is_empty()
            && *held.model == *scored.provenance.model
            && self.is_within(held.numbers, &scored.outcome)
    }

    /// Whether every number lies within the tolerance.
    pub fn is_within(&self, held: [Option<f64>; 3], outcome: &Outcome) -> bool {
        let now = match outcome {
            Outcome::Scored(p) => [p.churn_risk, p.value_at_risk, p.clv].map(Some),
            Outcome::NotScored(_) => [None; 3],
        };
        held.into_iter().zip(now).enumerate().all(|(at, pair)| match pair {
            (Some(held), Some(now)) => {
                let scale = if at == 0 { 1.0 } else { held.abs() };
                (now - held).abs() <= self.tolerance * scale
            }
            (None, None) => true,
            _ => false,
        })
    }

    /// The fingerprints of what a scorer said.
    pub fn prints_of(&self, scored: &Scored) -> Result<Prints, Error> {
        let mut tags: Vec<&Tag> = scored.tags.iter().collect();
        tags.sort_by(|a, b| a.name.cmp(&b.name));
        let (mut values, mut whole) = (Sha256::new(), Sha256::new());
        // Written at the instant that it looks from: when it was scored makes no difference.
        whole.update(self.prediction(scored, scored.provenance.as_of)?);
        for tag in tags {
            let value = value_text(&tag.value);
            for part in [&tag.name, &value] {
                values.update((part.len() as u64).to_le_bytes());
                values.update(part);
            }
            let confidence = tag.confidence.map_or([0xff; 8], |c| c.to_bits().to_le_bytes());
            let expires = tag.expires_at.map_or(i64::MIN, |at| at - scored.provenance.as_of);
            whole.update([tag.layer as u8]);
            whole.update(confidence);
            whole.update(expires.to_le_bytes());
        }
        let values = values.finalize();
        whole.update(values);
        Ok(Prints { score: first_half(&whole.finalize()), tags: first_half(&values) })
    }

    /// What an opt-out takes from a customer: scores and predictive tags, at once and without a look at the history.
    pub fn withdraw(&self, held: &Held, at: Micros) -> Result<Plan, Error> {
        let cause = NotScored::OptedOut;
        let provenance = Provenance {
            model: held.model.as_str().into(),
            as_of: held.as_of,
            scored_at: at,
            zone: self.zone,
        };
        let predictive = |tag: &&HeldTag| tag.layer == Layer::Predictive;
        let remove: Vec<String> = held.tags.iter().filter(predictive).map(|tag| tag.name.clone()).collect();
        let scored = Scored { outcome: Outcome::NotScored(cause), tags: Vec::new(), provenance };
        Ok(Plan {
            changed: remove.iter().map(|name| (name.clone(), Value::Null)).collect(),
            remove,
            prints: self.prints.then(|| self.prints_of(&scored)).transpose()?,
            score: Some(NewScore {
                numbers: None,
                not_scored: Some(cause),
                prediction: self.prediction(&scored, at)?,
                provenance: scored.provenance,
            }),
            not_scored: Some(cause),
            ..Plan::default()
        })
    }

    /// The history with the addition, and its bytes if they are not those that the store holds.
    fn combine<'h>(
        &self,
        customer_id: &str,
        held: Option<&Held>,
        addition: Addition<'h>,
    ) -> Result<(Cow<'h, History>, Option<Vec<u8>>), Error> {
        let stored = || match held {
            None => Ok(History::default()),
            Some(held) => decode(self.store, customer_id, &held.history),
        };
        let history: Cow<'h, History> = match addition {
            Addition::Events(events) => {
                let mut history = stored()?;
                history.extend(events);
                Cow::Owned(history)
            }
            Addition::Merge(other) => {
                let bytes = other.to_bytes();
                match held {
                    None => return Ok((Cow::Borrowed(other), Some(bytes))),
                    Some(held) if held.history == bytes => return Ok((Cow::Borrowed(other), None)),
                    Some(_) => {
                        let mut history = stored()?;
                        history.merge(other);
                        Cow::Owned(history)
                    }
                }
            }
        };
        let bytes = history.to_bytes();
        let changed = held.is_none_or(|held| held.history != bytes);
        Ok((history, changed.then_some(bytes)))
    }

    /// Whether a later look at the same history tells nothing new: no tag is another, no number has moved by more than
    /// [`MOVED`] of itself (and [`MOVED_LEAST`]), and the score that is held is not yet [`STALE`].
    fn stands_still(&self, held: &Held, scored: &Scored, plan: &Plan) -> bool {
        let near = |now: &HeldTag, before: &HeldTag| {
            let confidence = match (now.confidence, before.confidence) {
                (Some(now), Some(before)) => is_still(now, before),
                (now, before) => now == before,
            };
            confidence && *now == HeldTag { confidence: now.confidence, ..before.clone() }
        };
        let twin = |tag: &HeldTag| held.tags.iter().find(|held| held.name == tag.name);
        if !plan.remove.is_empty()
            || !plan.set.iter().all(|tag| twin(tag).is_some_and(|twin| near(tag, twin)))
        {
            return false;
        }
        let (now, before) = (scored.provenance.as_of, held.as_of);
        if *held.model != *scored.provenance.model || now <= before || now - before > STALE {
            return false;
        }
        let parse = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok();
        let fresh = self.prediction(scored, scored.provenance.scored_at).ok();
        let (Some(fresh), Some(kept)) = (fresh.as_deref().and_then(parse), parse(&held.prediction)) else {
            return false;
        };
        fresh.len() == kept.len()
            && fresh.iter().all(|(name, value)| {
                match (value.as_f64(), kept.get(name).and_then(Value::as_f64)) {
                    // A place among a hundred: the neighbour is as good.
                    (Some(a), Some(b)) if name == "churn_percentile" => (a - b).abs() <= 2.0,
                    (Some(a), Some(b)) => is_still(a, b),
                    (None, None) => name != "not_scored" || kept.get(name) == Some(value),
                    _ => false,
                }
            })
    }

    /// The flat object of the contract as text. The same scores make the same text, to the bit.
    fn prediction(&self, scored: &Scored, scored_at: Micros) -> Result<String, Error> {
        let provenance = Provenance { scored_at, ..scored.provenance.clone() };
        serde_json::to_string(&Flat { customer_id: None, outcome: &scored.outcome, provenance: &provenance })
            .map_err(|e| Error::Database { store: self.store.to_owned(), detail: e.to_string() })
    }
}

/// Whether a number has hardly moved.
fn is_still(now: f64, before: f64) -> bool {
    (now - before).abs() <= MOVED * now.abs().max(before.abs()) + MOVED_LEAST
}

/// The plans of several customers. One alone is made where it is asked for: to wake another thread takes longer.
pub(super) fn plans<C: Sync>(
    customers: &[C],
    plan: impl Fn(&C) -> Result<Plan, Error> + Sync + Send,
) -> Result<Vec<Plan>, Error> {
    match customers {
        [one] => Ok(vec![plan(one)?]),
        many => many.par_iter().map(plan).collect(),
    }
}

/// The first 128 bits of a SHA-256.
fn first_half(hash: &[u8]) -> [u8; 16] {
    std::array::from_fn(|at| hash.get(at).copied().unwrap_or_default())
}

/// The fingerprint of a history's bytes.
pub(super) fn history_print(bytes: &[u8]) -> [u8; 16] {
    first_half(&Sha256::digest(bytes))
}

/// The fingerprint of an event's content: customer and every field.
pub(super) fn event_print(one: &Incoming) -> [u8; 16] {
    let event = &one.event;
    let present = |text: &Option<String>| [u8::from(text.is_some())];
    let texts = [&event.order, &event.product, &event.category, &event.channel, &event.promotion];
    let flags = texts.map(present).concat();
    let (happened, recorded) = (event.occurred_at.to_le_bytes(), event.recorded_at.to_le_bytes());
    let (amount, quantity) = (event.amount.to_bits().to_le_bytes(), event.quantity.to_bits().to_le_bytes());
    let kind = [event.kind as u8];
    let fixed: [&[u8]; 7] =
        [one.customer_id.as_bytes(), &happened, &recorded, &kind, &amount, &quantity, &flags];
    let texts = texts.map(|text| text.as_deref().unwrap_or_default().as_bytes());
    fingerprint(fixed.into_iter().chain(texts)).to_le_bytes()
}

/// Counts plans of a batch into its summary, each with whether the store held the customer before.
pub(super) fn count<'p>(plans: impl Iterator<Item = (&'p Plan, bool)>, summary: &mut BatchSummary) {
    // By name as it stands in the plans: a batch moves millions of tags, and has some hundred names.
    let mut moves: HashMap<&str, TagMoves> = HashMap::new();
    for (plan, known) in plans {
        count_one(plan, known, summary);
        for (name, value) in &plan.changed {
            let moved = moves.entry(name).or_default();
            *if value.is_null() { &mut moved.removed } else { &mut moved.set } += 1;
        }
    }
    for (name, moved) in moves {
        let sum = summary.tag_moves.entry(name.to_owned()).or_default();
        sum.set += moved.set;
        sum.removed += moved.removed;
    }
}

fn count_one(plan: &Plan, known: bool, summary: &mut BatchSummary) {
    summary.tags_changed += plan.changed.len() as u64;
    if let Some(cause) = plan.not_scored {
        *summary.not_scored.entry(cause.code().to_owned()).or_default() += 1;
    }
    let counter = match known {
        _ if plan.newer_in_store => &mut summary.newer_in_store,
        false => &mut summary.inserted,
        true if plan.is_idle() => &mut summary.unchanged,
        true => &mut summary.updated,
    };
    *counter += 1;
}

/// What a store holds of a profile, before instants are written out.
pub(super) struct ProfileRow {
    pub customer_id: String,
    pub origin: Origin,
    pub prediction: String,
    pub history: HistoryNumbers,
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

/// Layers by the number that stands for them in stores.
pub(super) const LAYERS: [Layer; 3] = [Layer::Static, Layer::Dynamic, Layer::Predictive];

/// Stands where a planner is asked for what needs no scores: by an opt-out.
pub(super) fn no_scorer(_: &str, _: &History, as_of: Micros) -> Scored {
    let provenance = Provenance { model: "".into(), as_of, scored_at: as_of, zone: Zone::default() };
    Scored { outcome: Outcome::NotScored(NotScored::OptedOut), tags: Vec::new(), provenance }
}

/// Reads a stored history.
pub(super) fn decode(store: &str, customer_id: &str, bytes: &[u8]) -> Result<History, Error> {
    History::from_bytes(bytes).map_err(|e| Error::Damaged {
        store: store.to_owned(),
        customer_id: customer_id.to_owned(),
        detail: e.to_string(),
    })
}

/// Compares the fresh tags with those that the store holds.
fn compare_tags(held: Option<&Held>, scored: &Scored, plan: &mut Plan) {
    let fresh: BTreeMap<&str, &Tag> = scored.tags.iter().map(|tag| (tag.name.as_str(), tag)).collect();
    let stored: BTreeMap<&str, &HeldTag> =
        held.iter().flat_map(|held| &held.tags).map(|tag| (tag.name.as_str(), tag)).collect();
    for (name, tag) in &fresh {
        let before = stored.get(name).copied();
        if tag.value.is_null() {
            if let (Some(held), Some(before)) = (held, before) {
                keep_or_expire(held, before, scored, plan);
            }
            continue;
        }
        let now = HeldTag {
            name: tag.name.clone(),
            value: value_text(&tag.value),
            layer: tag.layer,
            confidence: tag.confidence.filter(|c| c.is_finite()),
            expires_after: tag.expires_at.map(|at| at - scored.provenance.as_of),
            origin: None,
        };
        if before.is_none_or(|before| before.value != now.value) {
            plan.changed.insert(now.name.clone(), tag.value.clone());
        }
        if before != Some(&now) {
            plan.set.push(now);
        }
    }
    for name in stored.keys().filter(|name| !fresh.contains_key(*name)) {
        plan.changed.insert((*name).to_owned(), Value::Null);
        plan.remove.push((*name).to_owned());
    }
}

/// A tag of which nothing new is known stays, with the provenance that it had, until it expires.
fn keep_or_expire(held: &Held, before: &HeldTag, scored: &Scored, plan: &mut Plan) {
    let origin = before.origin.clone().unwrap_or_else(|| Origin {
        model: held.model.clone(),
        as_of: held.as_of,
        scored_at: held.scored_at,
    });
    let expired = before.expires_after.is_some_and(|after| origin.as_of + after <= scored.provenance.as_of);
    if expired {
        plan.changed.insert(before.name.clone(), Value::Null);
        plan.remove.push(before.name.clone());
    } else if before.origin.is_none() {
        plan.set.push(HeldTag { origin: Some(origin), ..before.clone() });
    }
}

/// A tag's value as text: JSON, with whole numbers written one way (`5`, never `5.0`), so that equal values
/// have equal texts.
pub(super) fn value_text(value: &Value) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value.as_f64() {
        Some(number) if number.fract() == 0.0 && number.abs() < EXACT => (number as i64).to_string(),
        _ => value.to_string(),
    }
}

/// Counts a history: everything that is known, whenever it was recorded.
fn numbers(history: &History, zone: Zone) -> HistoryNumbers {
    let view = history.as_of(Micros::MAX);
    let mut numbers = HistoryNumbers { events: view.len() as u64, ..HistoryNumbers::default() };
    for order in view.orders(zone) {
        numbers.orders += 1;
        for at in view.lines(&order) {
            let instant = view.occurred_at()[at];
            numbers.purchases += 1;
            numbers.spend += view.amount()[at];
            numbers.first_purchase_at.get_or_insert(instant);
            numbers.last_purchase_at = Some(instant);
        }
    }
    numbers
}

impl HistoryNumbers {
    /// The numbers as callers see them.
    pub fn summary(self, zone: Zone) -> HistorySummary {
        HistorySummary {
            events: self.events,
            purchases: self.purchases,
            orders: self.orders,
            spend: self.spend,
            first_purchase_at: self.first_purchase_at.map(|at| zone.format(at)),
            last_purchase_at: self.last_purchase_at.map(|at| zone.format(at)),
        }
    }
}

/// A stable 128-bit fingerprint of parts, each set off by its length.
pub(super) fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u128 {
    parts
        .into_iter()
        .fold(FNV_OFFSET, |hash, part| fnv_1a(fnv_1a(hash, &(part.len() as u64).to_le_bytes()), part))
}

const FNV_OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;

/// FNV-1a with 128 bits (Fowler, Noll & Vo).
fn fnv_1a(hash: u128, bytes: &[u8]) -> u128 {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(hash, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_published_fnv_1a_128() {
        assert_eq!(fnv_1a(FNV_OFFSET, b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_ne!(fingerprint([b"ab".as_slice(), b"c"]), fingerprint([b"a".as_slice(), b"bc"]));
    }

    #[test]
    fn equal_numbers_have_one_text() {
        assert_eq!(value_text(&serde_json::json!(5.0)), "5");
        assert_eq!(value_text(&serde_json::json!(5)), "5");
        assert_eq!(value_text(&serde_json::json!(0.5)), "0.5");
        assert_eq!(value_text(&serde_json::json!("5")), "\"5\"");
        assert_eq!(value_text(&serde_json::json!(true)), "true");
    }
}
