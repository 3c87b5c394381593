//! What a customer may ask of a store: to opt out, to see everything, to be erased.

use homing_datasets::{Event, History, Micros, Zone};
use serde::Serialize;
use serde_json::{Map, Value};

use super::access::{self, AuditEntry};
use super::contacts::{self, ExportedContact};
use super::feed::{self, Change, DeadLetter};
pub use super::state::Consent;
use super::state::{Also, REMOVALS, State};
use super::{Profile, plan};
use crate::sql::{Engine, Fault, Held, Statements, json, params};

use crate::Error;
pub use homing_datasets::erasures::{Erasures, keyed_hash};

/// The purpose of the secret behind the hashes of erased customers (see [`super::Store::secret`]).
pub(super) const ERASURE: &str = "erasure";

/// Everything that is held of a customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Export {
    /// The customer.
    pub customer_id: String,
    /// Their choice about automated decisions.
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
    /// ```
    /// # use homing_datasets::Zone;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = format!("sqlite:{}", folder.path().join("p.db").display());
    /// # let store = homing_profiles::open(&place, Zone::default())?;
    /// let attributes = serde_json::Map::from_iter([("name".to_owned(), "Li".into())]);
    /// store.set_attributes("c1", &attributes)?;
    /// assert!(store.export("c1")?.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use homing_datasets::Zone;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = format!("sqlite:{}", folder.path().join("p.db").display());
    /// # let store = homing_profiles::open(&place, Zone::default())?;
    /// # use std::sync::Arc;
    /// # use homing_datasets::{DAY, Event, History, Kind};
    /// # use homing_models::{NotScored, Outcome, Provenance};
    /// # use homing_profiles::{Flows, Incoming, Scored};
    /// # let score = |_: &str, _: &History, as_of| Scored {
    /// #     outcome: Outcome::NotScored(NotScored::NoPurchase),
    /// #     tags: Vec::new(),
    /// #     provenance: Provenance { model: Arc::from("m@1"), as_of, scored_at: as_of, zone: Zone::default() },
    /// # };
    /// # let event = Incoming {
    /// #     event_id: "e1".to_owned(),
    /// #     customer_id: "c1".to_owned(),
    /// #     event: Event::new(Kind::Purchase, DAY, 10.0),
    /// # };
    /// store.take_in(&[event], 0, &score)?;
    /// assert!(store.export("c1")?.is_some());
    /// assert!(store.export("c2")?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn export(&self, customer_id: &str) -> Result<Option<Export>, Error>;

    /// Erases a customer: history, profile, tags, attributes, consent, contacts, changes, dead letters and event ids. Audit
    /// entries lose id and detail. A keyed hash of the id stays: by it later events are refused ([`Fate::Erased`](crate::Fate::Erased)), and batches
    /// and trainings leave the customer out. Returns whether anything was held.
    ///
    /// ```
    /// # use homing_datasets::Zone;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = format!("sqlite:{}", folder.path().join("p.db").display());
    /// # let store = homing_profiles::open(&place, Zone::default())?;
    /// # use std::sync::Arc;
    /// # use homing_datasets::{DAY, Event, History, Kind};
    /// # use homing_models::{NotScored, Outcome, Provenance};
    /// # use homing_profiles::{Flows, Incoming, Scored};
    /// # let score = |_: &str, _: &History, as_of| Scored {
    /// #     outcome: Outcome::NotScored(NotScored::NoPurchase),
    /// #     tags: Vec::new(),
    /// #     provenance: Provenance { model: Arc::from("m@1"), as_of, scored_at: as_of, zone: Zone::default() },
    /// # };
    /// # let event = Incoming {
    /// #     event_id: "e1".to_owned(),
    /// #     customer_id: "c1".to_owned(),
    /// #     event: Event::new(Kind::Purchase, DAY, 10.0),
    /// # };
    /// store.take_in(&[event], 0, &score)?;
    /// assert!(store.erase("c1", 0)?);
    /// assert!(store.profile("c1")?.is_none() && store.is_erased("c1")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error`]; then nothing was erased.
    fn erase(&self, customer_id: &str, at: Micros) -> Result<bool, Error>;

    /// Forgets that a customer was erased, for one who asks to be known again; `false` if they were not erased.
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

const CONSENT: &str = "SELECT opted_out, at FROM consents WHERE customer_id = $1";

/// What a customer last said.
pub(super) fn consent<E>(sql: Statements<'_, E>, customer_id: &str) -> Result<Option<Consent>, Fault<E>> {
    let row = sql.one(CONSENT, params![customer_id])?;
    row.map(|mut row| Ok(Consent { opted_out: row.take()?, at: row.take()? })).transpose()
}

/// Attributes as they are stored.
pub(super) fn attributes_of(text: &str, store: &str, customer_id: &str) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(text).map_err(|error| Error::Damaged {
        store: store.to_owned(),
        customer_id: customer_id.to_owned(),
        detail: format!("attributes: {error}"),
    })
}

/// Attributes that the business keeps of a customer.
fn attributes<E>(sql: Statements<'_, E>, customer_id: &str) -> Result<Option<Map<String, Value>>, Fault<E>> {
    let row = sql.one("SELECT attributes FROM attributes WHERE customer_id = $1", params![customer_id])?;
    Ok(row.map(|mut row| row.json()).transpose()?)
}

fn set_attributes<E>(
    sql: Statements<'_, E>,
    customer_id: &str,
    attributes: &Map<String, Value>,
) -> Result<(), Fault<E>> {
    sql.execute(
        "INSERT INTO attributes (customer_id, attributes) VALUES ($1, $2)
         ON CONFLICT (customer_id) DO UPDATE SET attributes = excluded.attributes",
        params![customer_id, json(attributes)?],
    )?;
    Ok(())
}

/// Does what a change set does beyond profiles, after those are written.
pub(super) fn carry_out<E>(sql: Statements<'_, E>, also: &Also) -> Result<(), Fault<E>> {
    match also {
        Also::Nothing => Ok(()),
        Also::Consent(customer_id, consent) => {
            sql.execute(
                "INSERT INTO consents (customer_id, opted_out, at) VALUES ($1, $2, $3)
                 ON CONFLICT (customer_id) DO UPDATE SET opted_out = excluded.opted_out, at = excluded.at",
                params![customer_id, consent.opted_out, consent.at],
            )?;
            Ok(())
        }
        Also::Merge(from, into) => hand_over(sql, from, into),
    }
}

/// Moves what is held of one customer beside their history to another, and removes the one.
fn hand_over<E>(sql: Statements<'_, E>, state: &State, into: &str) -> Result<(), Fault<E>> {
    let from = state.customer_id.as_str();
    sql.move_event_ids(from, into)?;
    if let Some(row) = state.row().filter(|row| !row.tags.is_empty()) {
        let gone: Map<String, Value> = row.tags.iter().map(|tag| (tag.name.clone(), Value::Null)).collect();
        sql.announce()?;
        sql.execute(
            "INSERT INTO changes (customer_id, tags, model, as_of, scored_at, at) VALUES ($1, $2, $3, $4, $5, $5)",
            params![from, json(&gone)?, &row.origin.model, row.origin.as_of, row.origin.scored_at],
        )?;
    }
    if let Some(mut both) = attributes(sql, from)? {
        both.extend(attributes(sql, into)?.unwrap_or_default());
        set_attributes(sql, into, &both)?;
    }
    sql.execute(
        "INSERT INTO consents AS c (customer_id, opted_out, at)
         SELECT CAST($2 AS text), opted_out, at FROM consents WHERE customer_id = $1 AND opted_out
         ON CONFLICT (customer_id) DO UPDATE SET opted_out = excluded.opted_out, at = excluded.at WHERE NOT c.opted_out",
        params![from, into],
    )?;
    sql.execute(
        "INSERT INTO contacts SELECT CAST($2 AS text), campaign, at, action, channel, held_out FROM contacts
         WHERE customer_id = $1 ON CONFLICT DO NOTHING",
        params![from, into],
    )?;
    for table in ["consents", "attributes", "contacts"] {
        sql.execute(&format!("DELETE FROM {table} WHERE customer_id = $1"), params![from])?;
    }
    remove_profile(sql, from).map(drop)
}

/// Removes a customer's profile and counts that; how many rows went.
fn remove_profile<E>(sql: Statements<'_, E>, customer_id: &str) -> Result<u64, Fault<E>> {
    sql.execute(
        "INSERT INTO settings AS s (name, value) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET value = s.value + 1",
        params![REMOVALS],
    )?;
    sql.remove_profile(customer_id)
}

/// Everything stored of a customer in tables by their id, which an erasure removes.
const TABLES: [&str; 5] = ["changes", "dead_letters", "consents", "attributes", "contacts"];

impl<E: Engine> Privacy for E {
    fn consent(&self, customer_id: &str) -> Result<Option<Consent>, Error> {
        self.read(|sql| consent(sql, customer_id))
    }

    fn set_attributes(&self, customer_id: &str, attributes: &Map<String, Value>) -> Result<(), Error> {
        self.write(|sql| set_attributes(sql, customer_id, attributes))
    }

    fn export(&self, customer_id: &str) -> Result<Option<Export>, Error> {
        let (zone, hash) = (self.zone(), self.hash(customer_id));
        self.snapshot(|sql| {
            let Held { profile, history, event_ids } = sql.held(customer_id)?;
            let attributes = attributes(sql, customer_id)?;
            let consent = consent(sql, customer_id)?;
            let changes = feed::changes_of(sql, zone, customer_id)?;
            let letters = feed::letters_of(sql, customer_id)?;
            let audit = access::audit_of(sql, customer_id, &hash)?;
            let contacts = contacts::contacts_of(sql, customer_id)?;
            let nothing = profile.is_none()
                && attributes.is_none()
                && consent.is_none()
                && contacts.is_empty()
                && changes.is_empty()
                && letters.is_empty()
                && audit.is_empty();
            if nothing {
                return Ok(None);
            }
            let history = history.map(|bytes| plan::decode(self.place(), customer_id, &bytes)).transpose()?;
            let events = history.iter().flat_map(History::events);
            Ok(Some(Export {
                customer_id: customer_id.to_owned(),
                consent: consent.map(|c| ExportedConsent { opted_out: c.opted_out, at: zone.format(c.at) }),
                attributes: attributes.unwrap_or_default(),
                profile,
                events: events.map(|event| ExportedEvent::of(event, zone)).collect(),
                event_ids,
                contacts: contacts.into_iter().map(|contact| ExportedContact::of(contact, zone)).collect(),
                changes,
                dead_letters: letters.into_iter().map(|letter| ExportedLetter::of(letter, zone)).collect(),
                audit: audit.into_iter().map(|entry| ExportedAudit::of(entry, zone)).collect(),
            }))
        })
    }

    fn erase(&self, customer_id: &str, at: Micros) -> Result<bool, Error> {
        let hash = self.hash(customer_id);
        self.erase_with(|sql| {
            sql.alone()?;
            let mut gone = remove_profile(sql, customer_id)?;
            for table in TABLES {
                let delete = format!("DELETE FROM {table} WHERE customer_id = $1");
                gone += sql.execute(&delete, params![customer_id])?;
            }
            gone += sql.execute(
                "UPDATE audit SET customer_id = NULL, erased_hash = $2, detail = '' WHERE customer_id = $1",
                params![customer_id, &hash],
            )?;
            sql.execute(
                "INSERT INTO erased (hash, at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                params![&hash, at],
            )?;
            Ok(gone > 0)
        })
    }

    fn readmit(&self, customer_id: &str) -> Result<bool, Error> {
        let hash = self.hash(customer_id);
        self.write(|sql| Ok(sql.execute("DELETE FROM erased WHERE hash = $1", params![&hash])? > 0))
    }

    fn is_erased(&self, customer_id: &str) -> Result<bool, Error> {
        let hash = self.hash(customer_id);
        self.read(|sql| Ok(sql.one("SELECT 1 FROM erased WHERE hash = $1", params![&hash])?.is_some()))
    }

    fn erased(&self) -> Result<Erasures, Error> {
        let hashes = self.read(|sql| {
            let rows = sql.query("SELECT hash FROM erased", &[])?;
            Ok(rows.into_iter().map(|mut row| row.take()).collect::<Result<_, _>>()?)
        })?;
        Ok(Erasures { key: *self.erasure_key(), hashes })
    }
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
