//! What a customer may ask of a store: to opt out, to see everything, to be erased.

use homing_datasets::{Event, Micros, Zone};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Profile;
use super::access::AuditEntry;
use super::contacts::ExportedContact;
use super::feed::{Change, DeadLetter};

use crate::Error;
pub use homing_datasets::erasures::{Erasures, keyed_hash};

/// The purpose of the secret behind the hashes of erased customers (see [`super::Store::secret`]).
pub(super) const ERASURE: &str = "erasure";

/// What a customer said of automated decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Whether the customer opted out.
    pub opted_out: bool,
    /// When they said so.
    pub at: Micros,
}

/// 256 random bits of the machine.
///
/// # Errors
/// What the machine says when it has none.
pub(super) fn random_bits() -> Result<[u8; 32], String> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| format!("the machine gives no random bits: {error}"))?;
    Ok(bits)
}

/// Everything that is held of a customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Export {
    /// The customer.
    pub customer_id: String,
    /// What they said of automated decisions.
    pub consent: Option<ExportedConsent>,
    /// Attributes that the business keeps.
    pub attributes: Map<String, Value>,
    /// Tags, scores and the history in numbers; none for a customer with neither event nor score.
    pub profile: Option<Profile>,
    /// The whole history.
    pub events: Vec<ExportedEvent>,
    /// The senders' ids of the events that came over HTTP.
    pub event_ids: Vec<String>,
    /// The campaigns that the customer was in.
    pub contacts: Vec<ExportedContact>,
    /// Changes that the feed still holds.
    pub changes: Vec<Change>,
    /// Changes that could not be delivered.
    pub dead_letters: Vec<ExportedLetter>,
    /// Who read or changed the profile.
    pub audit: Vec<ExportedAudit>,
}

/// [`Consent`] with its instant written out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExportedConsent {
    /// Whether the customer opted out.
    pub opted_out: bool,
    /// When they said so (RFC 3339).
    pub at: String,
}

/// An event with the names and forms in which the API takes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the event, which has the words")]
pub struct ExportedEvent {
    pub occurred_at: String,
    pub recorded_at: String,
    pub kind: &'static str,
    pub amount: f64,
    pub quantity: f32,
    pub order_id: Option<String>,
    pub product_id: Option<String>,
    pub category: Option<String>,
    pub channel: Option<String>,
    pub promotion: Option<String>,
}

/// A dead letter with its instant written out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExportedLetter {
    /// The feed that could not deliver.
    pub feed: String,
    /// The change.
    pub change: Change,
    /// Why it could not be delivered.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up (RFC 3339).
    pub at: String,
}

/// An audit entry with its instant written out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExportedAudit {
    /// When (RFC 3339).
    pub at: String,
    /// With which key; none where the service asks for none.
    pub key_id: Option<String>,
    /// What was done.
    pub action: String,
    /// More of it.
    pub detail: String,
}

impl ExportedEvent {
    pub(super) fn of(event: Event, zone: Zone) -> Self {
        ExportedEvent {
            occurred_at: zone.format(event.occurred_at),
            recorded_at: zone.format(event.recorded_at),
            kind: event.kind.name(),
            amount: event.amount,
            quantity: event.quantity,
            order_id: event.order,
            product_id: event.product,
            category: event.category,
            channel: event.channel,
            promotion: event.promotion,
        }
    }
}

impl ExportedLetter {
    pub(super) fn of(DeadLetter { letter, .. }: DeadLetter, zone: Zone) -> Self {
        ExportedLetter {
            feed: letter.feed,
            change: letter.change,
            reason: letter.reason,
            attempts: letter.attempts,
            at: zone.format(letter.at),
        }
    }
}

impl ExportedAudit {
    pub(super) fn of(entry: AuditEntry, zone: Zone) -> Self {
        ExportedAudit {
            at: zone.format(entry.at),
            key_id: entry.key_id,
            action: entry.action,
            detail: entry.detail,
        }
    }
}

/// What customers may ask for: an opt-out, everything that is held of them, erasure.
pub trait Privacy: Send + Sync {
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
}

#[cfg(test)]
mod tests {
    use super::keyed_hash;

    #[test]
    fn the_keyed_hash_is_hmac_sha256() {
        // RFC 4231, test case 1, with the key filled up with zeros to 32 bytes, which HMAC does itself.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let hash = keyed_hash(&key, b"Hi There");
        assert_eq!(hash[..8], [0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53]);
        assert_ne!(keyed_hash(&[1; 32], b"Hi There"), hash);
    }
}
