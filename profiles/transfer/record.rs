//! Records: what a store holds, in a form of its own.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state::{Clock, HeldTag, HistoryCounts, Origin, StoredRow};

/// Something that a store holds. Records of one section come in the order of their keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A row of a table that every store has.
    Row {
        /// The table.
        table: String,
        /// A value for each of the table's columns; bytes in base64.
        values: Vec<Value>,
    },
    /// A customer with score, tags, history and event ids.
    Customer(Box<Customer>),
    /// The data clock.
    Clock {
        /// The latest instant at which something happened.
        happened: Option<i64>,
        /// The latest instant at which something became known.
        known: Option<i64>,
    },
}

/// All that a store holds of a customer in its tables of profiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    pub(crate) id: String,
    pub(crate) origin: Origin,
    pub(crate) numbers: [Option<f64>; 3],
    pub(crate) not_scored: Option<String>,
    pub(crate) counts: HistoryCounts,
    pub(crate) prediction: String,
    pub(crate) tags: Vec<HeldTag>,
    /// The history's bytes.
    #[serde(with = "base64_bytes")]
    pub(crate) history: Vec<u8>,
    /// Fingerprints of scores and tags, and of tags alone, where the store keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prints: Option<[[u8; 16]; 2]>,
    /// The ids of the customer's events and the fingerprints of their content, in the order of the ids.
    pub(crate) event_ids: Vec<(String, [u8; 16])>,
}

impl Customer {
    /// A row with the ids of its customer's events.
    pub(crate) fn of(id: String, row: StoredRow, event_ids: Vec<(String, [u8; 16])>) -> Self {
        // In one order, whatever the engine's own is.
        let mut tags = row.tags;
        tags.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Customer {
            id,
            origin: row.origin,
            numbers: row.numbers,
            not_scored: row.not_scored,
            counts: row.counts,
            prediction: row.prediction,
            tags,
            history: row.history,
            prints: row.fingerprints.map(|prints| [prints.score, prints.tags]),
            event_ids,
        }
    }
}

impl Record {
    pub(super) fn of_clock(clock: Clock) -> Self {
        Record::Clock { happened: clock.happened, known: clock.known }
    }

    /// What it belongs to: the name of a table, `customers`, or `clock`.
    #[must_use]
    pub fn section(&self) -> &str {
        match self {
            Record::Row { table, .. } => table,
            Record::Customer(_) => CUSTOMERS,
            Record::Clock { .. } => "clock",
        }
    }

    /// What the record is known by within its section; the same for the same thing in any store.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Record::Row { values, .. } => values.first().map(Value::to_string).unwrap_or_default(),
            Record::Customer(customer) => customer.id.clone(),
            Record::Clock { .. } => String::new(),
        }
    }

    /// The record without what depends on the database.
    #[must_use]
    pub fn without_fingerprints(&self) -> Self {
        match self {
            Record::Customer(customer) => {
                Record::Customer(Box::new(Customer { prints: None, ..Customer::clone(customer) }))
            }
            other => other.clone(),
        }
    }

    /// The keyed hash of a customer who was erased, where the record is of one.
    #[must_use]
    pub fn erased_hash(&self) -> Option<[u8; 32]> {
        match self {
            Record::Row { table, values } if table == "erased" => {
                base64_bytes::decode(values.first()?.as_str()?)?.try_into().ok()
            }
            _ => None,
        }
    }

    /// The customer whose record it is, where it is one of [`CUSTOMERS`].
    #[must_use]
    pub fn customer_id(&self) -> Option<&str> {
        match self {
            Record::Customer(customer) => Some(&customer.id),
            _ => None,
        }
    }
}

/// The section of customers.
pub const CUSTOMERS: &str = "customers";

pub(super) mod base64_bytes {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        decode(&text).ok_or_else(|| de::Error::custom("these bytes are not valid base64"))
    }

    pub fn encode(bytes: &[u8]) -> String {
        BASE64_STANDARD.encode(bytes)
    }

    pub fn decode(text: &str) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(text).ok()
    }
}
