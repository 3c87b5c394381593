//! The feed: changed tags in the order in which they changed, for whoever follows them.

use homing_datasets::Micros;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
