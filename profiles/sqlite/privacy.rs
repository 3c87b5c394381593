//! Consent, attributes, export and erasure.

use homing_datasets::Micros;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value};

use super::rows::{self, TagNames};
use super::{Fault, Inner, SqliteStore, access, contacts, feed, read};
use crate::contacts::ExportedContact;
use crate::privacy::{
    Consent, ERASURE, Erasures, Export, ExportedAudit, ExportedConsent, ExportedEvent, ExportedLetter,
    keyed_hash,
};
use crate::{Error, plan};

/// Who may not be scored or not be known. Most stores have nobody of either kind, and then nothing is looked up.
pub(super) struct Gate {
    erasure_key: Option<[u8; 32]>,
    opt_outs: bool,
}

impl Gate {
    pub fn load(connection: &Connection) -> Inner<Self> {
        let any = |sql: &str| -> Inner<bool> {
            Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
        };
        let erasure_key = if any("SELECT EXISTS (SELECT 1 FROM erased)")? {
            access::known_secret(connection, ERASURE)?
        } else {
            None
        };
        Ok(Gate { erasure_key, opt_outs: any("SELECT EXISTS (SELECT 1 FROM consents WHERE opted_out = 1)")? })
    }

    pub fn erased(&self, connection: &Connection, customer_id: &str) -> Inner<bool> {
        let Some(key) = &self.erasure_key else { return Ok(false) };
        let mut statement =
            connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM erased WHERE hash = ?1)")?;
        Ok(statement.query_row([keyed_hash(key, customer_id.as_bytes())], |row| row.get(0))?)
    }

    pub fn opted_out(&self, connection: &Connection, customer_id: &str) -> Inner<bool> {
        Ok(self.opt_outs && consent(connection, customer_id)?.is_some_and(|consent| consent.opted_out))
    }
}

pub(super) fn consent(connection: &Connection, customer_id: &str) -> Inner<Option<Consent>> {
    let mut statement =
        connection.prepare_cached("SELECT opted_out, at FROM consents WHERE customer_id = ?1")?;
    let consent =
        statement.query_row([customer_id], |row| Ok(Consent { opted_out: row.get(0)?, at: row.get(1)? }));
    Ok(consent.optional()?)
}

pub(super) fn set_consent(connection: &Connection, customer_id: &str, consent: Consent) -> Inner<()> {
    connection.execute(
        "INSERT INTO consents (customer_id, opted_out, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (customer_id) DO UPDATE SET opted_out = excluded.opted_out, at = excluded.at",
        params![customer_id, consent.opted_out, consent.at],
    )?;
    Ok(())
}

pub(super) fn attributes(
    connection: &Connection,
    store: &SqliteStore,
    customer_id: &str,
) -> Inner<Option<Map<String, Value>>> {
    let mut statement =
        connection.prepare_cached("SELECT attributes FROM attributes WHERE customer_id = ?1")?;
    let text: Option<String> = statement.query_row([customer_id], |row| row.get(0)).optional()?;
    let parse = |text: String| {
        serde_json::from_str(&text).map_err(|error| {
            let (store, customer_id) = (store.place.clone(), customer_id.to_owned());
            Fault::Known(Error::Damaged { store, customer_id, detail: format!("attributes: {error}") })
        })
    };
    text.map(parse).transpose()
}

pub(super) fn set_attributes(
    connection: &Connection,
    customer_id: &str,
    attributes: &Map<String, Value>,
) -> Inner<()> {
    connection.execute(
        "INSERT INTO attributes (customer_id, attributes) VALUES (?1, ?2)
         ON CONFLICT (customer_id) DO UPDATE SET attributes = excluded.attributes",
        params![customer_id, feed::json(attributes)?],
    )?;
    Ok(())
}

pub(super) fn export(
    connection: &Connection,
    names: &mut TagNames,
    store: &SqliteStore,
    customer_id: &str,
) -> Inner<Option<Export>> {
    let zone = store.zone;
    let profile = read::profile(connection, names, store, customer_id)?;
    let attributes = attributes(connection, store, customer_id)?;
    let consent = consent(connection, customer_id)?;
    let changes = feed::of_customer(connection, zone, customer_id)?;
    let letters = feed::letters_of(connection, customer_id)?;
    let audit = access::audit_of(connection, customer_id)?;
    let contacts = contacts::of_customer(connection, customer_id)?;
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
    let events = match read::history(connection, customer_id)? {
        None => Vec::new(),
        Some(bytes) => {
            let history = plan::decode(&store.place, customer_id, &bytes)?;
            history.events().map(|event| ExportedEvent::of(event, zone)).collect()
        }
    };
    let event_ids = connection
        .prepare_cached(
            "SELECT event_id FROM event_ids WHERE profile = (SELECT profile FROM profiles WHERE customer_id = ?1)
             ORDER BY event_id",
        )?
        .query_map([customer_id], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(Export {
        customer_id: customer_id.to_owned(),
        consent: consent.map(|c| ExportedConsent { opted_out: c.opted_out, at: zone.format(c.at) }),
        attributes: attributes.unwrap_or_default(),
        profile,
        events,
        event_ids,
        contacts: contacts.into_iter().map(|contact| ExportedContact::of(contact, zone)).collect(),
        changes,
        dead_letters: letters.into_iter().map(|letter| ExportedLetter::of(letter, zone)).collect(),
        audit: audit.into_iter().map(|entry| ExportedAudit::of(entry, zone)).collect(),
    }))
}

pub(super) fn erase(store: &SqliteStore, customer_id: &str, at: Micros) -> Result<bool, Error> {
    let held = store.write(|connection, _| {
        // What is deleted is overwritten with zeros, in the file and not only in its table of contents.
        connection.pragma_update(None, "secure_delete", true)?;
        let gone = erase_rows(connection, store, customer_id, at);
        connection.pragma_update(None, "secure_delete", false)?;
        gone
    })?;
    // The log still has the pages as they were. Whoever reads now keeps it from being emptied; then the next
    // checkpoint does it.
    let writer = super::locked(&store.writer);
    let _ = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    Ok(held)
}

fn erase_rows(connection: &Connection, store: &SqliteStore, customer_id: &str, at: Micros) -> Inner<bool> {
    let key = access::secret(connection, store, ERASURE)?;
    let hash = keyed_hash(&key, customer_id.as_bytes());
    let profile: Option<i64> = connection
        .query_row("SELECT profile FROM profiles WHERE customer_id = ?1", [customer_id], |row| row.get(0))
        .optional()?;
    let mut gone = feed::erase(connection, customer_id)?;
    if let Some(profile) = profile {
        gone += connection.execute("DELETE FROM event_ids WHERE profile = ?1", [profile])?;
        gone += rows::remove(connection, profile)?;
    }
    for table in ["consents", "attributes", "contacts"] {
        gone += connection.execute(&format!("DELETE FROM {table} WHERE customer_id = ?1"), [customer_id])?;
    }
    gone += connection.execute(
        "UPDATE audit SET customer_id = NULL, erased_hash = ?2, detail = '' WHERE customer_id = ?1",
        params![customer_id, hash],
    )?;
    connection
        .execute("INSERT INTO erased (hash, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING", params![hash, at])?;
    Ok(gone > 0)
}

/// Moves what is held of one customer beside their history to another, and removes the one.
pub(super) fn hand_over(
    connection: &Connection,
    names: &mut TagNames,
    store: &SqliteStore,
    from: &str,
    into: &str,
) -> Inner<()> {
    let number = |id: &str| {
        connection
            .query_row("SELECT profile FROM profiles WHERE customer_id = ?1", [id], |row| {
                row.get::<_, i64>(0)
            })
            .optional()
    };
    if let Some(profile) = number(from)? {
        connection.execute(
            "UPDATE event_ids SET profile = ?2 WHERE profile = ?1",
            params![profile, number(into)?],
        )?;
        let gone: Map<String, Value> = rows::tags(connection, names, profile, from)?
            .into_iter()
            .map(|tag| (tag.name, Value::Null))
            .collect();
        if !gone.is_empty() {
            connection.execute(
                "INSERT INTO changes (customer_id, tags, model, as_of, scored_at, at)
                 SELECT customer_id, ?2, model, as_of, scored_at, scored_at FROM profiles WHERE customer_id = ?1",
                params![from, feed::json(&gone)?],
            )?;
        }
        rows::remove(connection, profile)?;
    }
    if let Some(mut both) = attributes(connection, store, from)? {
        both.extend(attributes(connection, store, into)?.unwrap_or_default());
        set_attributes(connection, into, &both)?;
    }
    connection.execute(
        "INSERT INTO consents (customer_id, opted_out, at)
         SELECT ?2, opted_out, at FROM consents WHERE customer_id = ?1 AND opted_out = 1
         ON CONFLICT (customer_id) DO UPDATE SET opted_out = excluded.opted_out, at = excluded.at WHERE opted_out = 0",
        [from, into],
    )?;
    connection.execute(
        "INSERT INTO contacts SELECT ?2, campaign, at, action, channel, held_out FROM contacts WHERE customer_id = ?1
         ON CONFLICT DO NOTHING",
        [from, into],
    )?;
    for table in ["consents", "attributes", "contacts"] {
        connection.execute(&format!("DELETE FROM {table} WHERE customer_id = ?1"), [from])?;
    }
    Ok(())
}

pub(super) fn readmit(connection: &Connection, customer_id: &str) -> Inner<bool> {
    let Some(key) = access::known_secret(connection, ERASURE)? else { return Ok(false) };
    let hash = keyed_hash(&key, customer_id.as_bytes());
    Ok(connection.execute("DELETE FROM erased WHERE hash = ?1", params![hash])? > 0)
}

pub(super) fn erased(connection: &Connection) -> Inner<Erasures> {
    let hashes = connection
        .prepare_cached("SELECT hash FROM erased")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Erasures { key: access::known_secret(connection, ERASURE)?.unwrap_or_default(), hashes })
}
