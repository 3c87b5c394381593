//! Profiles: what the business sees of a customer, kept in a [`Store`].
//!
//! The store knows no model: whoever writes brings the scores and tags along.

use std::sync::Arc;

use homing_datasets::{Event, History, Micros, Zone};
use homing_models::{Outcome, Provenance};
use serde::{Deserialize, Serialize};

pub mod access;
mod ahead;
#[cfg(test)]
mod conformance;
pub mod contacts;
pub mod feed;
mod paging;
mod plan;
pub mod postgres;
pub mod privacy;
pub mod shadow;
pub mod sqlite;
pub mod survey;
pub mod writeback;

use homing_tags::playbook::Subject;
pub use homing_tags::{Layer, Tag};

use access::{AuditEntry, Key};
use contacts::{Cap, Contact, Grant};
use feed::{Changes, DeadLetter, FeedPosition, Letter, Retention};
use privacy::{Consent, Erasures, Export};
use shadow::{Pair, Summary};
use survey::{Kept, Step, Turned};

/// Opens the profile store at a place (`sqlite:PATH` or `postgres://...`), making it where there is none yet. `zone` is the
/// business's: in it orders are counted by day and instants are written.
///
/// # Errors
/// [`Error`] that says why the store cannot be used.
pub fn open(place: &str, zone: Zone) -> Result<Arc<dyn Store>, Error> {
    if place.starts_with("postgres://") || place.starts_with("postgresql://") {
        return Ok(Arc::new(postgres::PostgresStore::open(place, zone)?));
    }
    let path = place.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
    match path {
        None | Some("" | ":memory:") => Err(Error::UnknownPlace(place.to_owned())),
        Some(path) => Ok(Arc::new(sqlite::SqliteStore::open(path, zone)?)),
    }
}

/// What was computed of one customer, ready to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The scores, or why there are none.
    pub outcome: Outcome,
    /// Every tag that holds now; a tag of the store that is not among them is removed.
    pub tags: Vec<Tag>,
    /// Model, `as_of` and `scored_at` of both.
    pub provenance: Provenance,
}

/// An event on its way in.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// The sender's own id of the event: the same id with the same content is taken in once.
    pub event_id: String,
    /// Whose event it is.
    pub customer_id: String,
    /// The event, already checked.
    pub event: Event,
}

/// What became of one incoming event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Stored now.
    Accepted,
    /// Stored before, with the same content.
    Duplicate,
    /// The id was used before for an event with other content; nothing was stored.
    Conflict,
    /// The customer was erased (see [`Store::erase`]); nothing was stored.
    Erased,
}

/// The tags of one customer that a write changed; a removed tag has the value `null`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// Whose tags.
    pub customer_id: String,
    /// Tag name to new value.
    pub tags: serde_json::Map<String, serde_json::Value>,
}

/// What an intake did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intake {
    /// The fate of each event, in the order given.
    pub fates: Vec<Fate>,
    /// The tags that changed, by customer id.
    pub changed: Vec<Changed>,
}

/// Scores a customer with its whole history as of an instant.
pub type Scorer<'a> = dyn Fn(&str, &History, Micros) -> Scored + Sync + 'a;

/// One customer of a batch.
#[derive(Clone, Debug)]
pub struct BatchRow {
    /// Whose row.
    pub customer_id: String,
    /// The history from the batch's files; it is merged with what the store holds.
    pub history: History,
}

/// How many customers a tag moved for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TagMoves {
    /// Customers who got it, or got another value of it.
    pub set: u64,
    /// Customers who lost it.
    pub removed: u64,
}

/// What a batch write did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchSummary {
    /// Customers handed in.
    pub customers: u64,
    /// Profiles written for the first time.
    pub inserted: u64,
    /// Profiles of which something changed.
    pub updated: u64,
    /// Profiles left alone, because nothing changed.
    pub unchanged: u64,
    /// Profiles left alone, because the store holds a newer score.
    pub newer_in_store: u64,
    /// Tags set or removed.
    pub tags_changed: u64,
    /// The same by the tag's name.
    pub tag_moves: std::collections::BTreeMap<String, TagMoves>,
    /// Customers left out, because they were erased (see [`Store::erase`]).
    pub erased: u64,
    /// Customers without scores, by cause.
    pub not_scored: std::collections::BTreeMap<String, u64>,
}

/// A customer's profile as the store holds it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// The customer.
    pub customer_id: String,
    /// Attributes that the business keeps of the customer (empty until it sends some).
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Tag name to tag.
    pub tags: std::collections::BTreeMap<String, StoredTag>,
    /// The scores as the flat object of the contract (`churn_risk`, `p_return_30d`, ..., or `not_scored`).
    pub prediction: serde_json::Value,
    /// What is known of the customer's history.
    pub history: HistorySummary,
}

impl Subject for Profile {
    fn tag(&self, name: &str) -> Option<&serde_json::Value> {
        self.tags.get(name).map(|tag| &tag.value)
    }

    fn score(&self, field: &str) -> Option<&serde_json::Value> {
        self.prediction.get(field)
    }

    fn attribute(&self, name: &str) -> Option<&serde_json::Value> {
        self.attributes.get(name)
    }
}

/// A tag as the store holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredTag {
    /// Text, number or truth value.
    pub value: serde_json::Value,
    /// Static, dynamic or predictive.
    pub layer: Layer,
    /// How sure homing is.
    pub confidence: Option<f64>,
    /// The model behind it.
    pub model: String,
    /// The instant that the tag looks from (RFC 3339).
    pub as_of: String,
    /// When it was computed (RFC 3339).
    pub scored_at: String,
    /// When it ceases to hold (RFC 3339).
    pub expires_at: Option<String>,
}

/// A history in a few numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistorySummary {
    /// Events of every kind.
    pub events: u64,
    /// Purchases: events of kind `purchase` with an amount above zero.
    pub purchases: u64,
    /// Calendar days with a purchase.
    pub orders: u64,
    /// Sum of the purchases.
    pub spend: f64,
    /// First purchase (RFC 3339).
    pub first_purchase_at: Option<String>,
    /// Last purchase (RFC 3339).
    pub last_purchase_at: Option<String>,
}

/// What to list, and in which order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Tags that a profile must have: name and value; every one of them.
    pub tags: Vec<(String, serde_json::Value)>,
    /// Range of the churn risk.
    pub churn_risk: (Option<f64>, Option<f64>),
    /// Range of the value at risk.
    pub value_at_risk: (Option<f64>, Option<f64>),
    /// Customer ids that start with this.
    pub id_prefix: Option<String>,
    /// The order.
    pub sort: Sort,
    /// Rows a page, 1 to 1000; what lies outside is brought to the nearer end.
    pub limit: u32,
    /// Where the page before ended, as [`Page::next`] gave it.
    pub cursor: Option<String>,
}

/// The order of a listing; ties go by customer id, so pages never overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Highest value at risk first.
    #[default]
    ValueAtRisk,
    /// Highest churn risk first.
    ChurnRisk,
    /// Highest lifetime value first.
    Clv,
    /// By customer id.
    CustomerId,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Page {
    /// The profiles.
    pub profiles: Vec<Profile>,
    /// Give this as the next cursor; `None` after the last page.
    pub next: Option<String>,
}

/// The base at a glance.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Profiles.
    pub profiles: u64,
    /// Of which scored.
    pub scored: u64,
    /// Sum of their value at risk.
    pub value_at_risk: f64,
    /// Profiles by the value of the tag `churn.level`.
    pub churn_levels: std::collections::BTreeMap<String, u64>,
    /// Latest instant at which something happened, over all histories.
    pub data_until: Option<Micros>,
}

/// What can go wrong with a store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The store is held by another writer for longer than homing waits.
    #[error("the profile store {0} is locked by another process; close that process or try again later")]
    Locked(String),
    /// The store cannot be written.
    #[error("the profile store {0} is read-only; give homing the right to write it, or name another store")]
    ReadOnly(String),
    /// The store was made by a newer homing.
    #[error(
        "the profile store {store} has schema version {found}, this homing knows up to {known}; use a newer homing"
    )]
    TooNew {
        /// The store.
        store: String,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The server of the store does not answer.
    #[error(
        "the profile store {store} cannot be reached: {detail}; homing tries again with the next request"
    )]
    Unreachable {
        /// The store.
        store: String,
        /// What the connection says.
        detail: String,
    },
    /// The place of the store is not understood.
    #[error(
        "`{0}` names no profile store; write sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE, for example \
         sqlite:profiles.db"
    )]
    UnknownPlace(String),
    /// A cursor of the feed that lies before what the feed still holds.
    #[error(
        "the cursor {cursor} is older than the changes that are kept (from {oldest} on); read the profiles anew, \
         then follow the feed without a cursor"
    )]
    CursorExpired {
        /// The cursor asked for.
        cursor: u64,
        /// The oldest cursor that can still be followed.
        oldest: u64,
    },
    /// There is a key with this id or this hash already.
    #[error("there is a key `{0}` already; give the new one another id")]
    KeyExists(String),
    /// A cursor that this store did not give out for this listing.
    #[error("the cursor is not one that this listing gave out; start again without a cursor")]
    BadCursor,
    /// Stored bytes that cannot be read back.
    #[error(
        "the profile store {store} holds damaged data for customer `{customer_id}`: {detail}; restore it from a backup"
    )]
    Damaged {
        /// The store.
        store: String,
        /// The customer.
        customer_id: String,
        /// What is wrong.
        detail: String,
    },
    /// A customer of whom events keep coming while they are merged into another.
    #[error("events of the customer `{0}` keep coming while their profile is moved; try again in a moment")]
    Busy(String),
    /// Anything else that the database says.
    #[error("the profile store {store}: {detail}")]
    Database {
        /// The store.
        store: String,
        /// The database's own words.
        detail: String,
    },
}

/// How often a merge is tried whose customer goes on sending events.
const MERGE_ATTEMPTS: u32 = 20;

/// Where profiles live. Every method is one transaction; what it acknowledges is on disk.
pub trait Store: Send + Sync {
    /// Takes events in: stores those that are new, merges them into their customers' histories, rescores these
    /// customers and writes the tags that changed, all in one transaction.
    ///
    /// Each customer is scored as of the data clock: the latest instant among `not_before`, every event stored
    /// so far, and the events of this batch (each counted when it was recorded, so that it is in sight), but
    /// never before the `as_of` of the score that the customer has.
    ///
    /// # Errors
    /// [`Error`]; then nothing was stored.
    fn take_in(&self, events: &[Incoming], not_before: Micros, score: &Scorer<'_>) -> Result<Intake, Error>;

    /// Writes the rows of a batch, sorted by customer id by the caller: merges histories, scores each merged
    /// history as of `as_of`, and writes only what changed. A score never replaces one with a later `as_of`.
    /// `progress` hears how many customers are done so far.
    ///
    /// # Errors
    /// [`Error`]; the rows of finished chunks stay written, and writing them again changes nothing.
    fn write_batch(
        &self,
        rows: &mut (dyn Iterator<Item = BatchRow> + Send),
        as_of: Micros,
        score: &Scorer<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<BatchSummary, Error> {
        self.write_batch_within(rows, as_of, 0.0, score, progress)
    }

    /// The same, but where no tag of a customer changes its value, scores that moved by no more than the tolerance
    /// stay as they are, with the `as_of` that they have: a churn risk by `tolerance`, an amount of money by that
    /// share of itself.
    ///
    /// # Errors
    /// As [`Store::write_batch`].
    fn write_batch_within(
        &self,
        rows: &mut (dyn Iterator<Item = BatchRow> + Send),
        as_of: Micros,
        tolerance: f64,
        score: &Scorer<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<BatchSummary, Error>;

    /// One profile, or `None` for a customer that the store does not know.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn profile(&self, customer_id: &str) -> Result<Option<Profile>, Error>;

    /// One history, or `None` for a customer that the store does not know.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn history(&self, customer_id: &str) -> Result<Option<History>, Error>;

    /// One page of profiles. It may hold fewer than asked for, even none, and yet be followed by another: a search for what
    /// few customers have is broken off after a while and goes on from there.
    ///
    /// # Errors
    /// [`Error`] of the store, [`Error::BadCursor`] for a cursor of another listing.
    fn list(&self, listing: &Listing) -> Result<Page, Error>;

    /// The base at a glance.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn totals(&self) -> Result<Totals, Error>;

    /// Up to `limit` changes (1 to 10,000; what lies outside is brought to the nearer end) after a cursor, oldest
    /// first; without a cursor from the oldest change that is held. A change is written in the transaction that
    /// writes the tags, and changes of one customer come in the order in which they were made.
    ///
    /// # Errors
    /// [`Error::CursorExpired`] for a cursor older than the retention; [`Error`] of the store.
    fn changes(&self, after: Option<u64>, limit: u32) -> Result<Changes, Error>;

    /// The cursor of the newest change: whoever follows from here hears only what comes.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn newest_change(&self) -> Result<u64, Error>;

    /// Drops the oldest changes that the retention does not keep, and says how many.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn prune_changes(&self, retention: &Retention) -> Result<u64, Error>;

    /// How far a feed (a webhook, a write-back) has been delivered.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn feed_position(&self, feed: &str) -> Result<Option<FeedPosition>, Error>;

    /// Remembers how far a feed has been delivered.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn set_feed_position(&self, feed: &str, position: FeedPosition) -> Result<(), Error>;

    /// Takes the right to do `work` until an instant, for a holder: one at a time among all servers of the store. `true` where
    /// nobody holds it at `now`, or this holder does; with an `until` of `now` it is given back. Servers compare their own
    /// clocks, so those must agree better than leases are long.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn lease(&self, work: &str, holder: &str, now: Micros, until: Micros) -> Result<bool, Error>;

    /// Keeps what a feed could not deliver.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn dead_letter(&self, letter: &Letter) -> Result<(), Error>;

    /// The newest dead letters, of one feed or of all, newest first.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn dead_letters(&self, feed: Option<&str>, limit: u32) -> Result<Vec<DeadLetter>, Error>;

    /// Drops a dead letter by its number, once it is dealt with; `false` if there is none.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn drop_dead_letter(&self, number: u64) -> Result<bool, Error>;

    /// Takes down whether a customer opted out of automated decisions, known to the store or not. With an
    /// opt-out the customer's predictive tags and scores go at once (the outcome is `not_scored: opted_out`, and the feed
    /// says so); after an opt-in the next event or batch scores the customer again. Returns the tags that went.
    ///
    /// # Errors
    /// [`Error`]; then nothing was changed.
    fn set_consent(&self, customer_id: &str, consent: Consent) -> Result<Option<Changed>, Error>;

    /// What the customer last said; `None` if they never did.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn consent(&self, customer_id: &str) -> Result<Option<Consent>, Error>;

    /// Replaces the attributes that the business keeps of a customer, known to the store or not.
    ///
    /// # Errors
    /// [`Error`]; then nothing was changed.
    fn set_attributes(
        &self,
        customer_id: &str,
        attributes: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), Error>;

    /// Asks for each contact whether it may be, and takes down those that may if they are to be recorded: all in one
    /// transaction, so that the cap holds however many campaigns ask at once. A customer's second contact of a campaign is
    /// not a new one.
    ///
    /// # Errors
    /// [`Error`]; then nothing was taken down.
    fn reserve_contacts(&self, contacts: &[Contact], cap: &Cap, record: bool) -> Result<Vec<Grant>, Error>;

    /// The contacts of a customer, oldest first.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn contacts_of(&self, customer_id: &str) -> Result<Vec<Contact>, Error>;

    /// The customers of a campaign, by id, those who were held out among them.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn campaign(&self, campaign: &str) -> Result<Vec<Contact>, Error>;

    /// Moves everything that is held of one customer to another who turned out to be the same person: history, event ids,
    /// contacts, attributes (where the other has none of that name), an opt-out. The other is scored anew as of `as_of`, or of
    /// the later instant that either was scored as of; the first is no more, and the feed says so. Done again it changes
    /// nothing. Returns whether anything was held; nothing moves to who was erased.
    ///
    /// # Errors
    /// [`Error`]; then what was moved so far stands with both, and the same call again goes on.
    fn merge(&self, from: &str, into: &str, as_of: Micros, score: &Scorer<'_>) -> Result<bool, Error> {
        let held = if from == into || self.is_erased(into)? { None } else { self.export(from)? };
        let Some(held) = held else { return Ok(false) };
        // The feed and the audit log keep what they have.
        if held.profile.is_none()
            && held.consent.is_none()
            && held.attributes.is_empty()
            && held.contacts.is_empty()
        {
            return Ok(false);
        }
        // First what must hold as soon as anything of the customer is with the other.
        let out = self.consent(from)?.filter(|consent| consent.opted_out);
        if let Some(out) =
            out.filter(|_| !matches!(self.consent(into), Ok(Some(Consent { opted_out: true, .. }))))
        {
            self.set_consent(into, out)?;
        }
        if !held.attributes.is_empty() {
            let own = self.export(into)?.map(|export| export.attributes).unwrap_or_default();
            let mut both = held.attributes;
            both.extend(own);
            self.set_attributes(into, &both)?;
        }
        let seen = |profile: Option<&Profile>| {
            let text = profile?.prediction.get("as_of")?.as_str()?.to_owned();
            Zone::default().instant(&text).ok()
        };
        let as_of = as_of.max(seen(held.profile.as_ref()).unwrap_or(as_of));
        let as_of = as_of.max(seen(self.profile(into)?.as_ref()).unwrap_or(as_of));
        for _ in 0..MERGE_ATTEMPTS {
            let history = self.history(from)?;
            let events = history.as_ref().map_or(0, |history| history.len() as u64);
            if let Some(history) = history {
                let row = BatchRow { customer_id: into.to_owned(), history };
                self.write_batch(&mut std::iter::once(row), as_of, score, &|_| ())?;
            }
            // An event that came for the customer in the meantime must not go down with the old profile.
            if self.hand_over(from, into, events)? {
                return Ok(true);
            }
        }
        Err(Error::Busy(from.to_owned()))
    }

    /// The last step of [`Store::merge`], in one transaction: if the customer still has as many events, moves event ids and
    /// contacts and removes the rest; else does nothing and returns `false`.
    ///
    /// # Errors
    /// [`Error`]; then nothing was changed.
    fn hand_over(&self, from: &str, into: &str, events: u64) -> Result<bool, Error>;

    /// Everything that is held of a customer; `None` if nothing is.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn export(&self, customer_id: &str) -> Result<Option<Export>, Error>;

    /// Erases a customer: history, profile, tags, attributes, consent, contacts, changes, dead letters and event ids. Audit
    /// entries lose id and detail. A keyed hash of the id stays: by it later events are refused ([`Fate::Erased`]), and batches
    /// and trainings leave the customer out. Returns whether anything was held.
    ///
    /// # Errors
    /// [`Error`]; then nothing was erased.
    fn erase(&self, customer_id: &str, at: Micros) -> Result<bool, Error>;

    /// Forgets that a customer was erased, for one who comes back by their own wish; `false` if they were not.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn readmit(&self, customer_id: &str) -> Result<bool, Error>;

    /// Whether a customer was erased.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn is_erased(&self, customer_id: &str) -> Result<bool, Error>;

    /// The keyed hashes of all erased customers, to leave them out elsewhere.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn erased(&self) -> Result<Erasures, Error>;

    /// A secret of 256 random bits for one purpose, made when first asked for and the same ever after.
    ///
    /// # Errors
    /// [`Error`] of the store, or of the machine's source of randomness.
    fn secret(&self, purpose: &str) -> Result<[u8; 32], Error>;

    /// Adds a key.
    ///
    /// # Errors
    /// [`Error::KeyExists`], or [`Error`] of the store.
    fn insert_key(&self, key: &Key) -> Result<(), Error>;

    /// Every key, also expired and revoked ones, oldest first.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn keys(&self) -> Result<Vec<Key>, Error>;

    /// Revokes a key; `false` if there is none with this id. A key that was revoked before stays revoked since then.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn revoke_key(&self, id: &str, at: Micros) -> Result<bool, Error>;

    /// The key with this keyed hash, expired or not, revoked or not.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Key>, Error>;

    /// Appends to the audit log, all or nothing.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn audit(&self, entries: &[AuditEntry]) -> Result<(), Error>;

    /// What the audit log has on a customer, oldest first. Of an erased customer: that, when and by whom.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn audit_of(&self, customer_id: &str) -> Result<Vec<AuditEntry>, Error>;

    /// Adds how a challenger's scores lay beside the champion's.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn record_shadow(
        &self,
        champion: &str,
        challenger: &str,
        pairs: &[Pair],
        at: Micros,
    ) -> Result<(), Error>;

    /// What was recorded of each challenger, by champion and challenger.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn shadow_summary(&self) -> Result<Vec<Summary>, Error>;

    /// Some customers after a place in an order of the store's own (`None`: from the start), at most `limit` of them
    /// (1 to [`survey::MAX_STEP`]; what lies outside is brought to the nearer end). Step after step makes the whole; who is
    /// written to meanwhile is met once, before or after the write.
    ///
    /// # Errors
    /// [`Error::BadCursor`] for a place that the store did not give out; [`Error`] of the store.
    fn walk(&self, after: Option<&str>, limit: u32) -> Result<Step, Error>;

    /// Keeps what was counted over all customers, one document a day: it takes the place of the one before of the
    /// same day. Only the `newest` days stay.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn keep_survey(&self, survey: &Kept, newest: u32) -> Result<(), Error>;

    /// The newest document of a day no later than `until` (`None`: of all).
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn survey(&self, until: Option<i32>) -> Result<Option<Kept>, Error>;

    /// Who turned to high risk (the tag `churn.level` became `high`) by a score as of `since` or later: how often that
    /// happened, and to whom, the most at stake first, at most `limit`. Looked at are the latest [`survey::RECENT_TURNS`] turns and,
    /// where there are more, the `among` customers (at most 10,000) with the highest value at risk.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn turned_high(&self, since: Micros, among: u32, limit: u32) -> Result<Turned, Error>;

    /// Whether the store can be read and written now.
    ///
    /// # Errors
    /// [`Error`] that says why not.
    fn ready(&self) -> Result<(), Error>;
}

/// The methods of [`Store`] beyond profiles and lists, for a stand-in of which none of them is asked.
#[cfg(feature = "testing")]
#[macro_export]
macro_rules! nothing_but_profiles {
    () => {
        nothing_but_profiles! {
            write_batch_within(
                &mut (dyn Iterator<Item = $crate::BatchRow> + Send),
                homing_datasets::Micros,
                f64,
                &$crate::Scorer<'_>,
                &(dyn Fn(u64) + Sync)
            ) -> $crate::BatchSummary;
            changes(Option<u64>, u32) -> $crate::feed::Changes;
            prune_changes(&$crate::feed::Retention) -> u64;
            feed_position(&str) -> Option<$crate::feed::FeedPosition>;
            set_feed_position(&str, $crate::feed::FeedPosition) -> ();
            lease(&str, &str, homing_datasets::Micros, homing_datasets::Micros) -> bool;
            dead_letter(&$crate::feed::Letter) -> ();
            dead_letters(Option<&str>, u32) -> Vec<$crate::feed::DeadLetter>;
            drop_dead_letter(u64) -> bool;
            set_consent(&str, $crate::privacy::Consent) -> Option<$crate::Changed>;
            set_attributes(&str, &serde_json::Map<String, serde_json::Value>) -> ();
            reserve_contacts(&[$crate::contacts::Contact], &$crate::contacts::Cap, bool)
                -> Vec<$crate::contacts::Grant>;
            contacts_of(&str) -> Vec<$crate::contacts::Contact>;
            campaign(&str) -> Vec<$crate::contacts::Contact>;
            hand_over(&str, &str, u64) -> bool;
            export(&str) -> Option<$crate::privacy::Export>;
            erase(&str, homing_datasets::Micros) -> bool;
            readmit(&str) -> bool;
            is_erased(&str) -> bool;
            erased() -> $crate::privacy::Erasures;
            insert_key(&$crate::access::Key) -> ();
            keys() -> Vec<$crate::access::Key>;
            revoke_key(&str, homing_datasets::Micros) -> bool;
            key_by_hash(&[u8; 32]) -> Option<$crate::access::Key>;
            audit(&[$crate::access::AuditEntry]) -> ();
            audit_of(&str) -> Vec<$crate::access::AuditEntry>;
            record_shadow(&str, &str, &[$crate::shadow::Pair], homing_datasets::Micros) -> ();
        }
    };
    ($($name:ident($($type:ty),*) -> $done:ty;)*) => {
        $(fn $name(&self $(, _: $type)*) -> Result<$done, $crate::Error> {
            unreachable!(concat!("nobody asks for ", stringify!($name)))
        })*
    };
}

/// The methods of [`Store`] that only the pages ask for, for a stand-in of which none of them is asked.
#[cfg(feature = "testing")]
#[macro_export]
macro_rules! nothing_counted {
    () => {
        $crate::nothing_but_profiles! {
            newest_change() -> u64;
            secret(&str) -> [u8; 32];
            shadow_summary() -> Vec<$crate::shadow::Summary>;
            walk(Option<&str>, u32) -> $crate::survey::Step;
            keep_survey(&$crate::survey::Kept, u32) -> ();
            survey(Option<i32>) -> Option<$crate::survey::Kept>;
            turned_high(homing_datasets::Micros, u32, u32) -> $crate::survey::Turned;
        }
    };
}
