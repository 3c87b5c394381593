//! Profiles: what the business sees of a customer, kept in a [`Store`].
//!
//! A store is a handful of small traits: [`Profiles`], [`Feed`], [`Privacy`], [`Access`], [`Campaigns`] and [`Aggregates`].
//! It knows no model: whoever writes brings the scores and tags along.

use std::sync::Arc;

use homing_datasets::{Event, History, Micros, Zone};
use homing_models::{Outcome, Provenance};
use serde::{Deserialize, Serialize};

pub mod access;
pub mod aggregates;
mod ahead;
#[cfg(test)]
mod conformance;
pub mod contacts;
mod error;
pub mod feed;
mod paging;
mod plan;
pub mod postgres;
pub mod privacy;
mod profiles;
pub mod shadow;
pub mod sqlite;
pub mod writeback;

pub use homing_tags::{Layer, Tag};

pub use access::Access;
pub use aggregates::Aggregates;
pub use contacts::Campaigns;
pub use error::Error;
pub use feed::Feed;
pub use privacy::Privacy;
pub use profiles::{HistorySummary, Listing, Page, Profile, Profiles, Sort, StoredTag, Totals};

use privacy::Consent;

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
    /// The customer was erased (see [`Privacy::erase`](crate::Privacy::erase)); nothing was stored.
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
    /// Customers left out, because they were erased (see [`Privacy::erase`](crate::Privacy::erase)).
    pub erased: u64,
    /// Customers without scores, by cause.
    pub not_scored: std::collections::BTreeMap<String, u64>,
}

/// How often a merge is tried whose customer goes on sending events.
const MERGE_ATTEMPTS: u32 = 20;

/// Where profiles live. Every method of its parts is one transaction; what it acknowledges is on disk.
pub trait Store: Profiles + Feed + Privacy + Access + Campaigns + Aggregates {
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

    /// Whether the store can be read and written now.
    ///
    /// # Errors
    /// [`Error`] that says why not.
    fn ready(&self) -> Result<(), Error>;
}

/// Methods of a part of [`Store`] for a stand-in of which none of them is asked.
#[cfg(feature = "testing")]
#[macro_export]
macro_rules! unasked {
    (Profiles) => {
        $crate::unasked! {
            write_batch_within(
                &mut (dyn Iterator<Item = $crate::BatchRow> + Send),
                homing_datasets::Micros,
                f64,
                &$crate::Scorer<'_>,
                &(dyn Fn(u64) + Sync)
            ) -> $crate::BatchSummary;
            hand_over(&str, &str, u64) -> bool;
        }
    };
    (Feed) => {
        $crate::unasked! {
            changes(Option<u64>, u32) -> $crate::feed::Changes;
            prune_changes(&$crate::feed::Retention) -> u64;
            feed_position(&str) -> Option<$crate::feed::FeedPosition>;
            set_feed_position(&str, $crate::feed::FeedPosition) -> ();
            lease(&str, &str, homing_datasets::Micros, homing_datasets::Micros) -> bool;
            dead_letter(&$crate::feed::Letter) -> ();
            dead_letters(Option<&str>, u32) -> Vec<$crate::feed::DeadLetter>;
            drop_dead_letter(u64) -> bool;
        }
    };
    (Privacy) => {
        $crate::unasked! {
            set_consent(&str, $crate::privacy::Consent) -> Option<$crate::Changed>;
            set_attributes(&str, &serde_json::Map<String, serde_json::Value>) -> ();
            export(&str) -> Option<$crate::privacy::Export>;
            erase(&str, homing_datasets::Micros) -> bool;
            readmit(&str) -> bool;
            is_erased(&str) -> bool;
            erased() -> $crate::privacy::Erasures;
        }
    };
    (Access) => {
        $crate::unasked! {
            insert_key(&$crate::access::Key) -> ();
            keys() -> Vec<$crate::access::Key>;
            revoke_key(&str, homing_datasets::Micros) -> bool;
            key_by_hash(&[u8; 32]) -> Option<$crate::access::Key>;
            audit(&[$crate::access::AuditEntry]) -> ();
            audit_of(&str) -> Vec<$crate::access::AuditEntry>;
        }
    };
    (Campaigns) => {
        $crate::unasked! {
            reserve_contacts(&[$crate::contacts::Contact], &$crate::contacts::Cap, bool)
                -> Vec<$crate::contacts::Grant>;
            contacts_of(&str) -> Vec<$crate::contacts::Contact>;
            campaign(&str) -> Vec<$crate::contacts::Contact>;
        }
    };
    (Aggregates) => {
        $crate::unasked! {
            shadow_summary() -> Vec<$crate::shadow::Summary>;
            keep_aggregates(&$crate::aggregates::DailyAggregates, u32) -> ();
            aggregates(Option<i32>) -> Option<$crate::aggregates::DailyAggregates>;
            turned_high(homing_datasets::Micros, u32, u32) -> $crate::aggregates::TurnedHigh;
        }
    };
    ($($name:ident($($type:ty),*) -> $done:ty;)*) => {
        $(fn $name(&self $(, _: $type)*) -> Result<$done, $crate::Error> {
            unreachable!(concat!("nobody asks for ", stringify!($name)))
        })*
    };
}
