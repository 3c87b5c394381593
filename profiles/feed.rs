//! The feed: changed tags in the order in which they changed, for whoever follows them.

use homing_datasets::Micros;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;

/// Most changes a call.
pub const MAX_CHANGES: u32 = 10_000;

/// What one write changed of one customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its place in the feed; grows, with gaps.
    pub cursor: u64,
    /// Whose tags.
    pub customer_id: String,
    /// Tag name to new value; `null` for a tag that was removed. Never empty.
    pub tags: Map<String, Value>,
    /// Why the customer has no scores now, if they have none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_scored: Option<String>,
    /// The model behind it.
    pub model: String,
    /// The instant that the tags look from (RFC 3339).
    pub as_of: String,
    /// When they were computed (RFC 3339).
    pub scored_at: String,
    /// When the change was made (RFC 3339).
    pub at: String,
}

/// A piece of the feed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Changes {
    /// Oldest first.
    pub changes: Vec<Change>,
    /// Follow from here; the same cursor as before when nothing has come.
    pub next: u64,
}

/// What a feed keeps. A change goes when either limit says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Changes from before this instant go.
    pub not_before: Option<Micros>,
    /// Only so many of the newest stay.
    pub newest: Option<u64>,
}

/// How far a feed has been delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedPosition {
    /// The last change that was delivered.
    pub cursor: u64,
    /// When.
    pub at: Micros,
}

/// What a feed could not deliver.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    /// The feed.
    pub feed: String,
    /// The change.
    pub change: Change,
    /// Why it could not be delivered.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub at: Micros,
}

/// A letter as the store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Its number in the store.
    pub number: u64,
    /// The letter.
    pub letter: Letter,
}

/// The change feed and what its followers keep: positions, leases, dead letters.
pub trait Feed: Send + Sync {
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
}
