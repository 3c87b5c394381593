//! What a customer may ask of a store: to opt out, to see everything, to be erased.

use std::collections::HashSet;

use homing_datasets::{Event, History, Micros, Zone};
use serde::Serialize;
use serde_json::{Map, Value};

use super::access::{self, Access as _, AuditEntry};
use super::audit;
use super::contacts::{self, ExportedContact};
use super::feed::{self, Change, DeadLetter};
use super::kept::{self, ExportedScore};
use super::state::{Also, REMOVALS, State};
pub use super::state::{Consent, Purpose};
use super::{Profile, plan};
use crate::sql::{Engine, Fault, Held, Row, Statements, Unreadable, json, params};

use crate::Error;
pub use homing_datasets::erasures::{Erasures, keyed_hash};

/// The purpose of the secret behind the hashes of erased customers (see [`super::Store::secret`]).
pub(super) const ERASURE: &str = "erasure";

/// What a customer said of a purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Of what.
    pub purpose: Purpose,
    /// Whether they opted out.
    pub opted_out: bool,
    /// When they said so.
    pub at: Micros,
    /// Where they said so, such as `web form`; empty if nobody noted it.
    pub source: String,
}

/// [`Choice`] with its instant written out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExportedChoice {
    /// `profiling`, `contact`, or `contact:CHANNEL`.
    pub purpose: String,
    /// Whether the customer opted out.
    pub opted_out: bool,
    /// When they said so (RFC 3339).
    pub at: String,
    /// Where they said so.
    pub source: String,
}

impl ExportedChoice {
    /// A choice with its instant in a time zone.
    #[must_use]
    pub fn of(choice: &Choice, zone: Zone) -> Self {
        ExportedChoice {
            purpose: choice.purpose.name(),
            opted_out: choice.opted_out,
            at: zone.format(choice.at),
            source: choice.source.clone(),
        }
    }
}

/// What an erasure did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Whether anything was held of the customer.
    pub held: bool,
    /// Whether data of the customer are refused from now on.
    pub barred: bool,
}

/// Everything that is held of a customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Export {
    /// The customer.
    pub customer_id: String,
    /// Their choice about automated decisions.
    pub consent: Option<ExportedConsent>,
    /// Everything that they said, by purpose.
    pub consents: Vec<ExportedChoice>,
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
    /// Scores that are kept to be judged later.
    pub kept_scores: Vec<ExportedScore>,
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

/// A dead letter with its instant written out; which receiver failed and why is not the customer's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExportedLetter {
    /// The change.
    pub change: Change,
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
        ExportedLetter { change: letter.change, attempts: letter.attempts, at: zone.format(letter.at) }
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

/// How much is held of one kind of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldKind {
    /// `profiles`, `events`, `attributes`, `contacts`, `changes`, `dead_letters` or `audit`.
    pub kind: &'static str,
    /// How many.
    pub count: u64,
    /// The oldest of them, where they have a time.
    pub oldest: Option<Micros>,
}

/// What one key did, by the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The key; `None` for what was done without.
    pub key_id: Option<String>,
    /// What was done.
    pub action: String,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Micros,
}

/// How much a store holds of customers, and which of their rights they used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// By kind of data.
    pub kinds: Vec<HeldKind>,
    /// By key and action.
    pub reads: Vec<Reads>,
    /// Customers who opted out of automated decisions, those who were erased included.
    pub opted_out: u64,
    /// Objections to being contacted.
    pub contact_objections: u64,
    /// Customers who were erased.
    pub erased: u64,
}

/// What customers may ask for: an opt-out, everything that is held of them, erasure.
pub trait Privacy: Send + Sync {
    /// What the customer last said of automated decisions; `None` if they never did. It is known after an erasure, too.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn consent(&self, customer_id: &str) -> Result<Option<Consent>, Error>;

    /// What the customer last said of each purpose, by its name.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn choices(&self, customer_id: &str) -> Result<Vec<Choice>, Error>;

    /// Stores what a customer said of being contacted, known to the store or not. For [`Purpose::Profiling`], whose tags go or
    /// come back with it, see [`Flows::set_consent_from`](crate::Flows::set_consent_from).
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn set_contact_choice(&self, customer_id: &str, choice: &Choice) -> Result<(), Error>;

    /// Whether a customer may not be scored: they opted out, or were erased and not readmitted.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn bars_profiling(&self, customer_id: &str) -> Result<bool, Error>;

    /// Who opted out of automated decisions, and was not erased.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn opted_out(&self) -> Result<HashSet<String>, Error>;

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

    /// Erases a customer: history, profile, tags, attributes, contacts, changes, dead letters and event ids. Audit
    /// entries lose id and detail. A keyed hash of the id stays: by it later events are refused ([`Fate::Erased`](crate::Fate::Erased)), and batches
    /// and trainings leave the customer out. What the customer objected to stays with it. The feed says who was erased, by that hash (see
    /// [`Change::erased`]). Returns whether anything was held.
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
    fn erase(&self, customer_id: &str, at: Micros) -> Result<bool, Error> {
        Ok(self.erase_as(customer_id, at, None, true)?.held)
    }

    /// The same with the key that asked for it, which the audit log gets in the same transaction (`profile.erase`). An id of which nothing
    /// is held is barred only where `unknown` says so: it may be a mistyped one.
    ///
    /// # Errors
    /// [`Error`]; then nothing was erased.
    fn erase_as(
        &self,
        customer_id: &str,
        at: Micros,
        key_id: Option<&str>,
        unknown: bool,
    ) -> Result<Erasure, Error>;

    /// Erasures since the store was last compacted: until then unused space of its file may hold what they removed.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn uncompacted(&self) -> Result<u64, Error>;

    /// Rewrites the file of the store, so that its unused space holds nothing of who was erased; `false` where the database manages its
    /// own space. It takes as long as copying the file, needs up to twice its size in free disk space, and writes wait meanwhile.
    ///
    /// # Errors
    /// [`Error`]; then the store is as before.
    fn compact(&self) -> Result<bool, Error>;

    /// How much of a kind of data (see [`HeldKind::kind`]) is from before an instant; 0 for kinds without a time.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn held_before(&self, kind: &str, before: Micros) -> Result<u64, Error>;

    /// Forgets that a customer was erased, for one who asks to be known again; `false` if they were not erased. Their
    /// objections still apply.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn readmit(&self, customer_id: &str) -> Result<bool, Error>;

    /// How much is held, and who read it.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn holdings(&self) -> Result<Holdings, Error>;

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

/// What a customer last said of each purpose, by its name.
fn choices<E>(sql: Statements<'_, E>, customer_id: &str, hash: &[u8; 32]) -> Result<Vec<Choice>, Fault<E>> {
    // Of profiling it stands in one of the two tables: by id, or for who was erased by hash.
    let rows = sql.query(
        "SELECT 'profiling' AS purpose, opted_out, at, source FROM consents WHERE customer_id = $1
         UNION ALL
         SELECT purpose, opted_out, at, source FROM choices WHERE subject = $2
         ORDER BY purpose",
        params![customer_id, hash],
    )?;
    let choice = |mut row: Row| {
        let name: String = row.take()?;
        let purpose = Purpose::named(&name)
            .ok_or_else(|| Unreadable(format!("`{name}` is not a purpose of consent")))?;
        Ok(Choice { purpose, opted_out: row.take()?, at: row.take()?, source: row.take()? })
    };
    let mut choices = rows.into_iter().map(choice).collect::<Result<Vec<_>, Unreadable>>()?;
    choices.sort_by(|a, b| a.purpose.cmp(&b.purpose));
    Ok(choices)
}

/// What a customer last said of automated decisions.
fn profiling(choices: &[Choice]) -> Option<&Choice> {
    choices.iter().find(|choice| choice.purpose == Purpose::Profiling)
}

/// Keeps what somebody said, by the hash of their id.
fn keep<E>(sql: Statements<'_, E>, hash: &[u8; 32], choice: &Choice) -> Result<(), Fault<E>> {
    let Choice { purpose, opted_out, at, source } = choice;
    sql.execute(
        "INSERT INTO choices (subject, purpose, opted_out, at, source) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (subject, purpose) DO UPDATE
         SET opted_out = excluded.opted_out, at = excluded.at, source = excluded.source",
        params![hash, purpose.name(), *opted_out, *at, source],
    )?;
    Ok(())
}

/// Keeps what a customer said of automated decisions, by their id.
fn consent_to<E>(sql: Statements<'_, E>, customer_id: &str, choice: &Choice) -> Result<(), Fault<E>> {
    sql.execute(
        "INSERT INTO consents (customer_id, opted_out, at, source) VALUES ($1, $2, $3, $4)
         ON CONFLICT (customer_id) DO UPDATE
         SET opted_out = excluded.opted_out, at = excluded.at, source = excluded.source",
        params![customer_id, choice.opted_out, choice.at, &choice.source],
    )?;
    Ok(())
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
pub(super) fn carry_out<E>(
    sql: Statements<'_, E>,
    hash: impl Fn(&str) -> [u8; 32],
    also: &Also,
) -> Result<(), Fault<E>> {
    match also {
        Also::Nothing => Ok(()),
        Also::Consent(customer_id, consent, source) => {
            let Consent { opted_out, at } = *consent;
            let choice = Choice { purpose: Purpose::Profiling, opted_out, at, source: source.clone() };
            let hash = hash(customer_id);
            // Of who was erased no id is written down again, and no words that may name them.
            if sql.is_erased(&hash)? {
                keep(sql, &hash, &Choice { source: String::new(), ..choice })
            } else {
                consent_to(sql, customer_id, &choice)
            }
        }
        Also::Event(event_id, fingerprint) => {
            let set = "UPDATE event_ids SET fingerprint = $2 WHERE event_id = $1";
            sql.execute(set, params![event_id, fingerprint])?;
            Ok(())
        }
        Also::Merge(from, into) => {
            hand_over(sql, from, into)?;
            let (old, new) = (hash(&from.customer_id), hash(into));
            let (said, held) = (choices(sql, "", &old)?, choices(sql, "", &new)?);
            let objects =
                |choice: &Choice| held.iter().any(|one| one.purpose == choice.purpose && one.opted_out);
            for choice in said.iter().filter(|choice| choice.opted_out && !objects(choice)) {
                keep(sql, &new, choice)?;
            }
            sql.execute("DELETE FROM choices WHERE subject = $1", params![&old])?;
            Ok(())
        }
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
        "INSERT INTO consents AS c (customer_id, opted_out, at, source)
         SELECT CAST($2 AS text), opted_out, at, source FROM consents WHERE customer_id = $1 AND opted_out
         ON CONFLICT (customer_id) DO UPDATE
         SET opted_out = excluded.opted_out, at = excluded.at, source = excluded.source WHERE NOT c.opted_out",
        params![from, into],
    )?;
    sql.execute(
        "INSERT INTO contacts SELECT CAST($2 AS text), campaign, at, action, channel, held_out FROM contacts
         WHERE customer_id = $1 ON CONFLICT DO NOTHING",
        params![from, into],
    )?;
    for table in ["consents", "attributes", "contacts", "kept_scores"] {
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

/// The setting that counts erasures since the store was last compacted.
const UNCOMPACTED: &str = "erasures_uncompacted";

/// Everything stored of a customer in tables by their id, which an erasure removes.
const TABLES: [&str; 6] = ["changes", "dead_letters", "consents", "attributes", "contacts", "kept_scores"];

impl<E: Engine> Privacy for E {
    fn consent(&self, customer_id: &str) -> Result<Option<Consent>, Error> {
        let choices = self.choices(customer_id)?;
        Ok(profiling(&choices).map(|choice| Consent { opted_out: choice.opted_out, at: choice.at }))
    }

    fn choices(&self, customer_id: &str) -> Result<Vec<Choice>, Error> {
        let hash = self.hash(customer_id);
        self.read(|sql| choices(sql, customer_id, &hash))
    }

    fn set_contact_choice(&self, customer_id: &str, choice: &Choice) -> Result<(), Error> {
        let hash = self.hash(customer_id);
        self.write(|sql| {
            if sql.is_erased(&hash)? {
                return keep(sql, &hash, &Choice { source: String::new(), ..choice.clone() });
            }
            keep(sql, &hash, choice)
        })
    }

    fn bars_profiling(&self, customer_id: &str) -> Result<bool, Error> {
        let hash = self.hash(customer_id);
        self.read(|sql| {
            let row = sql.one(
                "SELECT EXISTS (SELECT 1 FROM consents WHERE customer_id = $1 AND opted_out)
                     OR EXISTS (SELECT 1 FROM choices WHERE subject = $2 AND purpose = 'profiling' AND opted_out)
                     OR EXISTS (SELECT 1 FROM erased WHERE hash = $2)",
                params![customer_id, &hash],
            )?;
            Ok(row.map_or(Ok(false), |mut row| row.take())?)
        })
    }

    fn opted_out(&self) -> Result<HashSet<String>, Error> {
        self.read(|sql| {
            let rows = sql.query("SELECT customer_id FROM consents WHERE opted_out", &[])?;
            Ok(rows.into_iter().map(|mut row| row.take()).collect::<Result<_, _>>()?)
        })
    }

    fn set_attributes(&self, customer_id: &str, attributes: &Map<String, Value>) -> Result<(), Error> {
        self.write(|sql| set_attributes(sql, customer_id, attributes))
    }

    fn export(&self, customer_id: &str) -> Result<Option<Export>, Error> {
        let (zone, hash) = (self.zone(), self.hash(customer_id));
        self.snapshot(|sql| {
            let Held { profile, history, event_ids } = sql.held(customer_id)?;
            let attributes = attributes(sql, customer_id)?;
            let choices = choices(sql, customer_id, &hash)?;
            let consent = profiling(&choices);
            let changes = feed::changes_of(sql, zone, customer_id)?;
            let letters = feed::letters_of(sql, customer_id)?;
            let audit = access::audit_of(sql, customer_id, &hash)?;
            let contacts = contacts::contacts_of(sql, customer_id)?;
            let kept = kept::kept_of(sql, customer_id)?;
            let nothing = profile.is_none()
                && attributes.is_none()
                && choices.is_empty()
                && contacts.is_empty()
                && kept.is_empty()
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
                consents: choices.iter().map(|choice| ExportedChoice::of(choice, zone)).collect(),
                attributes: attributes.unwrap_or_default(),
                profile,
                events: events.map(|event| ExportedEvent::of(event, zone)).collect(),
                event_ids,
                contacts: contacts.into_iter().map(|contact| ExportedContact::of(contact, zone)).collect(),
                kept_scores: kept.into_iter().map(|score| ExportedScore::of(score, zone)).collect(),
                changes,
                dead_letters: letters.into_iter().map(|letter| ExportedLetter::of(letter, zone)).collect(),
                audit: audit.into_iter().map(|entry| ExportedAudit::of(entry, zone)).collect(),
            }))
        })
    }

    fn erase_as(
        &self,
        customer_id: &str,
        at: Micros,
        key_id: Option<&str>,
        unknown: bool,
    ) -> Result<Erasure, Error> {
        let hash = self.hash(customer_id);
        let secret = self.secret(audit::PURPOSE)?;
        self.erase_with(|sql| {
            sql.alone()?;
            let said = choices(sql, customer_id, &hash)?;
            let mut gone = remove_profile(sql, customer_id)?;
            for table in TABLES {
                let delete = format!("DELETE FROM {table} WHERE customer_id = $1");
                gone += sql.execute(&delete, params![customer_id])?;
            }
            // Answers that are kept to be repeated may name the customer. As JSON writes the id, and as LIKE reads it.
            let quoted = json(&customer_id)?;
            let plain =
                quoted.trim_matches('"').replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            sql.execute(
                "DELETE FROM replies WHERE reply LIKE $1 ESCAPE '\\'",
                params![format!("%{plain}%")],
            )?;
            gone += sql.execute(
                "UPDATE audit SET customer_id = NULL, erased_hash = $2, detail = '' WHERE customer_id = $1",
                params![customer_id, &hash],
            )?;
            let opt_ins = "DELETE FROM choices WHERE subject = $1 AND NOT opted_out";
            gone += sql.execute(opt_ins, params![&hash])?;
            // An objection outlives the erasure; where it was made may name the customer.
            for choice in said.into_iter().filter(|choice| choice.opted_out) {
                keep(sql, &hash, &Choice { source: String::new(), ..choice })?;
            }
            if gone == 0 && !unknown {
                return Ok(Erasure { held: false, barred: sql.is_erased(&hash)? });
            }
            let new = sql.execute(
                "INSERT INTO erased (hash, at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                params![&hash, at],
            )?;
            if new > 0 || gone > 0 {
                feed::announce_erasure(sql, &hash, at)?;
                let entry = AuditEntry {
                    at,
                    key_id: key_id.map(str::to_owned),
                    action: audit::ERASE.to_owned(),
                    customer_id: Some(customer_id.to_owned()),
                    detail: String::new(),
                };
                audit::append(sql, &secret, &[entry], &[Some(hash)])?;
                sql.execute(
                    "INSERT INTO settings AS s (name, value) VALUES ($1, 1)
                     ON CONFLICT (name) DO UPDATE SET value = s.value + 1",
                    params![UNCOMPACTED],
                )?;
            }
            Ok(Erasure { held: gone > 0, barred: true })
        })
    }

    fn uncompacted(&self) -> Result<u64, Error> {
        self.read(|sql| {
            let row = sql.one("SELECT value FROM settings WHERE name = $1", params![UNCOMPACTED])?;
            Ok(row.map_or(Ok(0), |mut row| row.take())?)
        })
    }

    fn compact(&self) -> Result<bool, Error> {
        let before = self.uncompacted()?;
        let rewritten = self.rewrite()?;
        // Another server may have erased somebody meanwhile.
        self.write(|sql| {
            let less = "UPDATE settings SET value = value - $2 WHERE name = $1 AND value >= $2";
            sql.execute(less, params![UNCOMPACTED, before])
        })?;
        Ok(rewritten)
    }

    fn held_before(&self, kind: &str, before: Micros) -> Result<u64, Error> {
        let table = match kind {
            "contacts" | "changes" | "dead_letters" | "audit" => kind,
            _ => return Ok(0),
        };
        self.read(|sql| {
            let count = format!("SELECT count(*) FROM {table} WHERE at < $1");
            Ok(sql.one(&count, params![before])?.map_or(Ok(0), |mut row| row.take())?)
        })
    }

    fn readmit(&self, customer_id: &str) -> Result<bool, Error> {
        let hash = self.hash(customer_id);
        self.write(|sql| {
            sql.alone()?;
            let readmitted = sql.execute("DELETE FROM erased WHERE hash = $1", params![&hash])? > 0;
            if readmitted && let Some(choice) = profiling(&choices(sql, customer_id, &hash)?) {
                consent_to(sql, customer_id, choice)?;
                let purpose = Purpose::Profiling.name();
                sql.execute(
                    "DELETE FROM choices WHERE subject = $1 AND purpose = $2",
                    params![&hash, purpose],
                )?;
            }
            Ok(readmitted)
        })
    }

    fn holdings(&self) -> Result<Holdings, Error> {
        // Kind, what counts it, and its oldest instant.
        const KINDS: [(&str, &str); 8] = [
            ("profiles", "SELECT count(*), CAST(NULL AS bigint) FROM profiles"),
            (
                "events",
                "SELECT CAST(coalesce(sum(events), 0) AS bigint), min(first_purchase_at) FROM profiles",
            ),
            ("attributes", "SELECT count(*), CAST(NULL AS bigint) FROM attributes"),
            ("contacts", "SELECT count(*), min(at) FROM contacts"),
            ("kept_scores", "SELECT count(*), min(as_of) FROM kept_scores"),
            ("changes", "SELECT count(*), min(at) FROM changes"),
            ("dead_letters", "SELECT count(*), min(at) FROM dead_letters"),
            ("audit", "SELECT count(*), min(at) FROM audit"),
        ];
        self.snapshot(|sql| {
            let mut holdings = Holdings::default();
            for (kind, count) in KINDS {
                let Some(mut row) = sql.one(count, &[])? else { continue };
                holdings.kinds.push(HeldKind { kind, count: row.take()?, oldest: row.take()? });
            }
            let reads = sql.query(
                "SELECT key_id, action, count(*), max(at) FROM audit GROUP BY key_id, action
                 ORDER BY action, key_id",
                &[],
            )?;
            for mut row in reads {
                let (key_id, action) = (row.take()?, row.take()?);
                holdings.reads.push(Reads { key_id, action, count: row.take()?, last: row.take()? });
            }
            let counts = sql.one(
                "SELECT (SELECT count(*) FROM consents WHERE opted_out)
                        + (SELECT count(*) FROM choices WHERE opted_out AND purpose = 'profiling'),
                     (SELECT count(*) FROM choices WHERE opted_out AND purpose <> 'profiling'),
                     (SELECT count(*) FROM erased)",
                &[],
            )?;
            if let Some(mut row) = counts {
                holdings.opted_out = row.take()?;
                holdings.contact_objections = row.take()?;
                holdings.erased = row.take()?;
            }
            Ok(holdings)
        })
    }

    fn is_erased(&self, customer_id: &str) -> Result<bool, Error> {
        let hash = self.hash(customer_id);
        self.read(|sql| sql.is_erased(&hash))
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
