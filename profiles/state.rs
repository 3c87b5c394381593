//! What a store hands out for scoring and takes back: the state of a customer with its version, and the change set that
//! was made for it.
//!
//! A store never scores. A writer loads states, scores them outside any transaction, and commits a change set; the
//! store writes the set only if every state that it was made for is still current.

use std::collections::HashSet;
use std::sync::Arc;

use homing_datasets::{Micros, Zone};
use homing_models::{NotScored, Provenance};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::queue::Turns;
use super::{HistorySummary, Layer};

/// What every store has.
#[derive(Debug)]
pub struct Common {
    /// The store's place, as messages name it.
    pub place: String,
    /// The business's time zone: in it orders are counted by day and instants are written.
    pub zone: Zone,
    /// Whether the store keeps fingerprints, and answers [`Ask::fingerprints`] with them.
    pub fingerprints: bool,
    /// Who writes which customer within this process.
    pub turns: Turns,
}

impl Common {
    /// Of a store at a place.
    #[must_use]
    pub fn new(place: String, zone: Zone, fingerprints: bool) -> Self {
        Common { place, zone, fingerprints, turns: Turns::default() }
    }
}

/// What to load.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask<'a> {
    /// Customers, each once.
    pub customers: &'a [&'a str],
    /// Event ids.
    pub event_ids: &'a [&'a str],
    /// A glance is enough where the store keeps fingerprints: [`Held::Glance`] instead of [`Held::Row`].
    pub fingerprints: bool,
}

/// What was loaded: all of it as of one instant.
#[derive(Debug, Default)]
pub struct Loaded {
    /// A state of each customer, in the order asked for.
    pub states: Vec<State>,
    /// The fingerprint of the event that is stored under each id, in the order asked for.
    pub events: Vec<Option<[u8; 16]>>,
    /// The data clock.
    pub clock: Clock,
}

/// The latest instants in the data; they only go forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// At which something happened.
    pub happened: Option<Micros>,
    /// At which something became known.
    pub known: Option<Micros>,
}

/// One customer as the store has them.
#[derive(Debug)]
pub struct State {
    /// The customer.
    pub customer_id: String,
    /// Grows with every write to the customer; `None`: the store does not know them.
    pub version: Option<i64>,
    /// Whether the customer was erased.
    pub erased: bool,
    /// Whether the customer opted out of automated decisions.
    pub opted_out: bool,
    /// What is held.
    pub held: Held,
}

impl State {
    /// The row, if it was loaded.
    pub(super) fn row(&self) -> Option<&StoredRow> {
        match &self.held {
            Held::Row(row) => Some(row),
            Held::Nothing | Held::Glance(_) => None,
        }
    }
}

/// What a store holds of a customer.
#[derive(Debug)]
pub enum Held {
    /// Nothing.
    Nothing,
    /// Its fingerprints alone (see [`Ask::fingerprints`]).
    Glance(Glance),
    /// All of it.
    Row(Box<StoredRow>),
}

/// Score, tags and history of a customer, as they are stored.
#[derive(Debug)]
pub struct StoredRow {
    /// The score that prediction and tags come from.
    pub(super) origin: Origin,
    /// The flat object of the contract.
    pub(super) prediction: String,
    /// Churn risk, value at risk and lifetime value.
    pub(super) numbers: [Option<f64>; 3],
    pub(super) not_scored: Option<String>,
    /// The history's bytes.
    pub(super) history: Vec<u8>,
    pub(super) counts: HistoryCounts,
    pub(super) tags: Vec<HeldTag>,
    /// Where the store keeps them.
    pub(super) fingerprints: Option<Fingerprints>,
}

/// Decides whether anything of a customer would change, without the row.
#[derive(Clone, Debug)]
pub struct Glance {
    pub(super) as_of: Micros,
    pub(super) model: String,
    pub(super) numbers: [Option<f64>; 3],
    pub(super) fingerprints: Fingerprints,
}

/// Hashes of what is stored; each is the first half of a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprints {
    /// Of the history's bytes.
    pub history: [u8; 16],
    /// Of scores and tags, with all that belongs to them but the instant of scoring.
    pub score: [u8; 16],
    /// Of the names and values of the tags.
    pub tags: [u8; 16],
}

/// The score that something comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Origin {
    pub model: String,
    pub as_of: Micros,
    pub scored_at: Micros,
}

/// A tag as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// [`HistorySummary`] with instants that are not yet written out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct HistoryCounts {
    pub events: u64,
    pub purchases: u64,
    pub orders: u64,
    pub spend: f64,
    pub first_purchase_at: Option<Micros>,
    pub last_purchase_at: Option<Micros>,
}

impl HistoryCounts {
    /// The counts as callers see them.
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

/// What is to be written for one customer.
#[derive(Debug, Default)]
pub struct Plan {
    /// The history, if it changed.
    pub(super) history: Option<NewHistory>,
    /// The score, if it or a tag changed.
    pub(super) score: Option<NewScore>,
    /// Tags to set, by name.
    pub(super) set: Vec<HeldTag>,
    /// Tags to remove.
    pub(super) remove: Vec<String>,
    /// The tags whose value changed; `null` for a removed one.
    pub(super) changed: Map<String, Value>,
    /// The store's score is newer and stays.
    pub(super) newer_in_store: bool,
    /// Why there are no scores, if there are none.
    pub(super) not_scored: Option<NotScored>,
}

impl Plan {
    /// Whether nothing has to be written.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.history.is_none() && self.score.is_none()
    }
}

/// A history to be written.
#[derive(Debug)]
pub(super) struct NewHistory {
    pub bytes: Vec<u8>,
    pub counts: HistoryCounts,
    /// Where the store keeps fingerprints.
    pub fingerprint: Option<[u8; 16]>,
}

/// A score to be written.
#[derive(Debug)]
pub(super) struct NewScore {
    pub provenance: Provenance,
    /// Churn risk, value at risk and lifetime value; `None` for a customer without scores.
    pub numbers: Option<[f64; 3]>,
    pub not_scored: Option<NotScored>,
    /// The flat object of the contract.
    pub prediction: String,
    /// Of scores and tags, then of tags alone, where the store keeps fingerprints.
    pub fingerprints: Option<[[u8; 16]; 2]>,
}

/// What is written whole or not at all.
#[derive(Debug, Default)]
pub struct ChangeSet {
    /// One for each customer.
    pub changes: Vec<Change>,
    /// The ids of the events that the changes take in.
    pub event_ids: Vec<EventId>,
    /// The instants to which the data clock is set forward.
    pub clock: Clock,
    /// What belongs to it beyond profiles.
    pub also: Also,
}

/// A plan, and the state that it was made for.
#[derive(Debug)]
pub struct Change {
    /// The customer must still be in this state.
    pub state: State,
    /// What is to be written.
    pub plan: Plan,
}

/// The id of a new event.
#[derive(Clone, Debug)]
pub struct EventId {
    /// The sender's id; no event may be stored under it.
    pub event_id: String,
    /// Of the event's content.
    pub fingerprint: [u8; 16],
    /// Whose it is: a position among the set's changes.
    pub change: usize,
}

/// What a change set does beyond profiles.
#[derive(Debug, Default)]
pub enum Also {
    /// Nothing.
    #[default]
    Nothing,
    /// Stores a customer's choice about automated decisions, and where they made it.
    Consent(String, Consent, String),
    /// Moves event ids, contacts, attributes (where the other has none of that name) and an opt-out of one customer, who
    /// must still be in this state, to another, and removes the one.
    Merge(Box<State>, String),
    /// Sets what is remembered of the content of the event with this id.
    Event(String, [u8; 16]),
}

/// A customer's choice about automated decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Whether the customer opted out.
    pub opted_out: bool,
    /// When they said so.
    pub at: Micros,
}

/// What a customer can object to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Automated decisions: scores and predictive tags.
    Profiling,
    /// Being contacted: by one channel, or without one by all.
    Contact(Option<String>),
}

impl Purpose {
    /// As it is stored and written in JSON: `profiling`, `contact`, `contact:sms`.
    ///
    /// ```
    /// use homing_profiles::privacy::Purpose;
    ///
    /// let sms = Purpose::Contact(Some("sms".to_owned()));
    /// assert_eq!(sms.name(), "contact:sms");
    /// assert_eq!(Purpose::named("contact:sms"), Some(sms));
    /// assert_eq!(Purpose::named("marketing"), None);
    /// ```
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Purpose::Profiling => "profiling".to_owned(),
            Purpose::Contact(None) => "contact".to_owned(),
            Purpose::Contact(Some(channel)) => format!("contact:{channel}"),
        }
    }

    /// The purpose with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "profiling" => Some(Purpose::Profiling),
            "contact" => Some(Purpose::Contact(None)),
            _ => {
                let channel = name.strip_prefix("contact:").filter(|channel| !channel.is_empty())?;
                Some(Purpose::Contact(Some(channel.to_owned())))
            }
        }
    }
}

/// What became of a change set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is on disk.
    Committed,
    /// Somebody wrote in between; nothing of it is stored.
    Conflict,
}

/// The version of a profile that is written for the first time, in a store from which so many were removed already: one that
/// the same customer had before they were erased never comes again.
pub(super) fn first_version(removals: i64) -> i64 {
    (removals << 32) + 1
}

/// The name of the setting that counts removed profiles.
pub(super) const REMOVALS: &str = "removals";

/// Change sets to commit; the caller may read them afterwards.
pub type ChangeSets = Arc<[ChangeSet]>;

/// A customer in the store at the moment of a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Now {
    pub version: Option<i64>,
    pub erased: bool,
    pub opted_out: bool,
}

/// Decides which sets may be written, in order: those whose customers are all as they were loaded, whose event ids are all
/// free, and which have no customer and no event id in common with a set that is written before them.
pub(super) fn judge<'s, E>(
    sets: impl Iterator<Item = &'s ChangeSet>,
    mut now: impl FnMut(&'s str) -> Result<Now, E>,
    mut is_taken: impl FnMut(&'s str) -> Result<bool, E>,
) -> Result<Vec<Verdict>, E> {
    let (mut customers, mut event_ids) = (HashSet::new(), HashSet::new());
    let mut verdicts = Vec::new();
    for set in sets {
        let mut holds = true;
        for state in set.states() {
            let id = state.customer_id.as_str();
            let as_loaded = Now { version: state.version, erased: state.erased, opted_out: state.opted_out };
            holds = holds && !customers.contains(id) && now(id)? == as_loaded;
        }
        for one in &set.event_ids {
            let id = one.event_id.as_str();
            holds = holds && !event_ids.contains(id) && !is_taken(id)?;
        }
        if holds {
            customers.extend(set.states().map(|state| state.customer_id.as_str()));
            event_ids.extend(set.event_ids.iter().map(|one| one.event_id.as_str()));
        }
        verdicts.push(if holds { Verdict::Committed } else { Verdict::Conflict });
    }
    Ok(verdicts)
}

impl ChangeSet {
    /// The states that it was made for.
    pub(super) fn states(&self) -> impl Iterator<Item = &State> {
        let merged = match &self.also {
            Also::Merge(state, _) => Some(&**state),
            Also::Nothing | Also::Consent(..) | Also::Event(..) => None,
        };
        self.changes.iter().map(|change| &change.state).chain(merged)
    }
}

impl Clock {
    /// The later of two clocks.
    pub(super) fn max(self, other: Clock) -> Clock {
        Clock { happened: self.happened.max(other.happened), known: self.known.max(other.known) }
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
