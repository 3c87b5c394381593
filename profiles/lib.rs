//! Profiles: what the business sees of a customer, kept in a [`Store`].
//!
//! A store is a handful of small traits: [`Profiles`], [`Feed`], [`Privacy`], [`Access`], [`Campaigns`],
//! [`Requests`] and [`Aggregates`].
//! It knows no model and calls no scorer: [`Flows`] loads states, scores them outside any transaction and commits the changes
//! (see [`state`]).

use std::sync::Arc;

use homing_datasets::{Event, History, Zone};
use homing_models::{Outcome, Provenance};
use serde::{Deserialize, Serialize};

pub mod access;
pub mod aggregates;
pub mod audit;
#[cfg(test)]
mod compat;
#[cfg(test)]
mod conformance;
pub mod contacts;
mod error;
pub mod feed;
mod fingerprint;
mod flows;
pub mod kept;
mod paging;
mod plan;
pub mod postgres;
pub mod privacy;
mod profiles;
mod queue;
pub mod record;
pub mod requests;
mod schema;
pub mod shadow;
mod sql;
pub mod sqlite;
pub mod state;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transfer;
pub mod writeback;

pub use homing_tags::{Layer, Tag};

pub use access::Access;
pub use aggregates::Aggregates;
pub use contacts::Campaigns;
pub use error::Error;
pub use feed::Feed;
pub use flows::{Flows, Scorer, merge};
pub use kept::Kept;
pub use plan::Bounds;
pub use privacy::Privacy;
pub use profiles::{HistorySummary, Listing, Page, Profile, Profiles, Sort, StoredTag, Totals};
pub use requests::Requests;
pub use transfer::Transfer;

/// Opens the profile store at a place (`sqlite:PATH` or `postgres://...`), making it where there is none yet. `zone` is the
/// business's: in it orders are counted by day and instants are written.
///
/// ```
/// use homing_datasets::Zone;
///
/// let folder = tempfile::tempdir()?;
/// let store = homing_profiles::open(&format!("sqlite:{}", folder.path().join("p.db").display()), Zone::default())?;
/// assert_eq!(store.totals()?.profiles, 0);
/// assert!(homing_profiles::open("mysql://db", Zone::default()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error`] that says why the store cannot be used; [`Error::Importing`] for one that is only filled in part.
pub fn open(place: &str, zone: Zone) -> Result<Arc<dyn Store>, Error> {
    let store = open_to_import(place, zone)?;
    match store.is_importing()? {
        true => Err(Error::Importing(store.common().place.clone())),
        false => Ok(store),
    }
}

/// The same for a store that is to be filled by [`Transfer::import`], also where an earlier import was interrupted.
///
/// # Errors
/// [`Error`] that says why the store cannot be used.
pub fn open_to_import(place: &str, zone: Zone) -> Result<Arc<dyn Store>, Error> {
    if place.starts_with("postgres://") || place.starts_with("postgresql://") {
        return Ok(Arc::new(postgres::PostgresStore::open(place, zone)?));
    }
    match local_file(place) {
        Some(path) => Ok(Arc::new(sqlite::SqliteStore::open(path, zone)?)),
        None => Err(Error::UnknownPlace(place.to_owned())),
    }
}

/// The file of a store (`sqlite:PATH`); none for a database server.
///
/// ```
/// use homing_profiles::local_file;
///
/// assert_eq!(local_file("sqlite:profiles.db"), Some("profiles.db"));
/// assert_eq!(local_file("postgres://db/crm"), None);
/// ```
#[must_use]
pub fn local_file(place: &str) -> Option<&str> {
    let path = place.strip_prefix("sqlite:")?;
    Some(path.strip_prefix("//").unwrap_or(path)).filter(|path| !matches!(*path, "" | ":memory:"))
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
    /// The customer was erased (see [`Privacy::erase`]); nothing was stored.
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

/// What became of an event that was to be corrected or voided.
#[derive(Clone, Debug, PartialEq)]
pub enum Amended {
    /// It was, or it was so already; with the tags that changed.
    Done(Option<Changed>),
    /// No event is stored under the id.
    Unknown,
    /// It was voided before.
    Voided,
    /// It is no longer in the history: a retention rule dropped it.
    Dropped,
}

/// What an intake did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intake {
    /// The fate of each event, in the order given.
    pub fates: Vec<Fate>,
    /// The tags that changed, by customer id.
    pub changed: Vec<Changed>,
    /// Accepted events so far ahead of the data clock that they did not set it forward.
    pub far_ahead: usize,
}

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
    /// Customers left out, because they were erased (see [`Privacy::erase`]).
    pub erased: u64,
    /// Customers without scores, by cause.
    pub not_scored: std::collections::BTreeMap<String, u64>,
}

/// Where profiles live. Every method of its parts is one transaction; what it acknowledges is on disk.
pub trait Store:
    Profiles + Feed + Privacy + Access + Campaigns + Kept + Aggregates + Requests + Transfer
{
    /// Whether the store can be read and written now.
    ///
    /// # Errors
    /// [`Error`] that says why not.
    fn ready(&self) -> Result<(), Error>;

    /// Gives back memory that nothing has needed since the last call, such as that of idle connections. A service calls it
    /// now and then, so that a burst of requests does not hold memory for ever.
    ///
    /// # Errors
    /// [`Error::Database`] when the database refuses.
    fn free_memory(&self) -> Result<(), Error> {
        Ok(())
    }
}
