//! Consent, attributes, export and erasure.

use homing_datasets::Micros;
use serde_json::{Map, Value};

use super::rows::{self, json};
use super::session::Wire;
use super::text::{original, stored};
use super::{Inner, LOCKS, PostgresStore, access, contacts, feed, read};
use crate::contacts::ExportedContact;
use crate::plan;
use crate::privacy::{
    Consent, Erasures, Export, ExportedAudit, ExportedConsent, ExportedEvent, ExportedLetter,
};
use crate::state::{Origin, State};

/// Begins a transaction in which nobody else writes profiles: neither of the customers that have a row, which could be
/// locked, nor of those that have none yet.
async fn begin_alone(wire: &mut Wire) -> Inner<()> {
    wire.run(&format!("BEGIN; SELECT pg_advisory_xact_lock({})", LOCKS.writers)).await
}

pub(super) async fn consent(wire: &mut Wire, customer_id: &str) -> Inner<Option<Consent>> {
    let sql = "SELECT opted_out, at FROM homing.consents WHERE customer_id = $1";
    let row = wire.one(sql, &[&stored(customer_id)]).await?;
    Ok(row.map(|row| Consent { opted_out: row.get(0), at: row.get(1) }))
}

pub(super) async fn set_consent(wire: &mut Wire, customer_id: &str, consent: Consent) -> Inner<()> {
    let sql = "INSERT INTO homing.consents (customer_id, opted_out, at) VALUES ($1, $2, $3)
         ON CONFLICT (customer_id) DO UPDATE SET opted_out = excluded.opted_out, at = excluded.at";
    wire.execute(sql, &[&stored(customer_id), &consent.opted_out, &consent.at]).await.map(drop)
}

pub(super) async fn set_attributes(
    wire: &mut Wire,
    customer_id: &str,
    attributes: &Map<String, Value>,
) -> Inner<()> {
    let sql = "INSERT INTO homing.attributes (customer_id, attributes) VALUES ($1, $2)
         ON CONFLICT (customer_id) DO UPDATE SET attributes = excluded.attributes";
    wire.execute(sql, &[&stored(customer_id), &json(attributes)?]).await.map(drop)
}

pub(super) async fn export(
    wire: &mut Wire,
    store: &PostgresStore,
    customer_id: &str,
) -> Inner<Option<Export>> {
    let (zone, id) = (store.zone, stored(customer_id));
    wire.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let profile = read::profile(wire, store, customer_id).await?;
    let attributes =
        wire.one("SELECT attributes FROM homing.attributes WHERE customer_id = $1", &[&id]).await?;
    let attributes = attributes.map(|row| read::attributes_of(row.get(0), store, customer_id)).transpose()?;
    let consent = consent(wire, customer_id).await?;
    let changes = feed::of_customer(wire, zone, customer_id).await?;
    let letters = feed::letters_of(wire, &store.place, customer_id).await?;
    let audit = access::audit_of(wire, store, customer_id).await?;
    let contacts = contacts::of_customer(wire, customer_id).await?;
    let bytes = read::history(wire, customer_id).await?;
    let event_ids = wire
        .query("SELECT event_id FROM homing.event_ids WHERE customer_id = $1 ORDER BY event_id", &[&id])
        .await?;
    wire.run("COMMIT").await?;
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
    let events = match bytes {
        None => Vec::new(),
        Some(bytes) => {
            let history = plan::decode(&store.place, customer_id, &bytes)?;
            history.events().map(|event| ExportedEvent::of(event, zone)).collect()
        }
    };
    Ok(Some(Export {
        customer_id: customer_id.to_owned(),
        consent: consent.map(|c| ExportedConsent { opted_out: c.opted_out, at: zone.format(c.at) }),
        attributes: attributes.unwrap_or_default(),
        profile,
        events,
        event_ids: event_ids.iter().map(|row| original(row.get(0))).collect(),
        contacts: contacts.into_iter().map(|contact| ExportedContact::of(contact, zone)).collect(),
        changes,
        dead_letters: letters.into_iter().map(|letter| ExportedLetter::of(letter, zone)).collect(),
        audit: audit.into_iter().map(|entry| ExportedAudit::of(entry, zone)).collect(),
    }))
}

pub(super) async fn erase(
    wire: &mut Wire,
    store: &PostgresStore,
    customer_id: &str,
    at: Micros,
) -> Inner<bool> {
    let (id, hash) = (stored(customer_id), store.hash(customer_id));
    begin_alone(wire).await?;
    rows::count_removal(wire).await?;
    let mut gone = 0;
    for table in [
        "changes",
        "dead_letters",
        "event_ids",
        "histories",
        "profiles",
        "consents",
        "attributes",
        "contacts",
    ] {
        gone += wire.execute(&format!("DELETE FROM homing.{table} WHERE customer_id = $1"), &[&id]).await?;
    }
    let blot =
        "UPDATE homing.audit SET customer_id = NULL, erased_hash = $2, detail = '' WHERE customer_id = $1";
    gone += wire.execute(blot, &[&id, &hash.as_slice()]).await?;
    let remember = "INSERT INTO homing.erased (hash, at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    wire.execute(remember, &[&hash.as_slice(), &at]).await?;
    wire.run("COMMIT").await?;
    Ok(gone > 0)
}

/// Moves what is held of one customer beside their history to another, and removes the one.
pub(super) async fn hand_over(wire: &mut Wire, store: &PostgresStore, from: &State, into: &str) -> Inner<()> {
    let (old, new) = (stored(&from.customer_id), stored(into));
    wire.execute("UPDATE homing.event_ids SET customer_id = $2 WHERE customer_id = $1", &[&old, &new])
        .await?;
    if let Some(mut both) = attributes(wire, store, &from.customer_id).await? {
        both.extend(attributes(wire, store, into).await?.unwrap_or_default());
        set_attributes(wire, into, &both).await?;
    }
    let consent = "INSERT INTO homing.consents AS c (customer_id, opted_out, at)
         SELECT $2, opted_out, at FROM homing.consents WHERE customer_id = $1 AND opted_out
         ON CONFLICT (customer_id) DO UPDATE SET opted_out = excluded.opted_out, at = excluded.at WHERE NOT c.opted_out";
    wire.execute(consent, &[&old, &new]).await?;
    let contacts = "INSERT INTO homing.contacts SELECT $2, campaign, at, action, channel, held_out
         FROM homing.contacts WHERE customer_id = $1 ON CONFLICT DO NOTHING";
    wire.execute(contacts, &[&old, &new]).await?;
    if let Some(row) = from.row().filter(|row| !row.tags.is_empty()) {
        let gone: Map<String, Value> = row.tags.iter().map(|tag| (tag.name.clone(), Value::Null)).collect();
        wire.run(&rows::feed_lock()).await?;
        let change = "INSERT INTO homing.changes (customer_id, tags, model, as_of, scored_at, at)
             VALUES ($1, $2, $3, $4, $5, $5)";
        let Origin { model, as_of, scored_at } = &row.origin;
        wire.execute(change, &[&old, &json(&gone)?, &stored(model), as_of, scored_at]).await?;
    }
    rows::count_removal(wire).await?;
    for table in ["histories", "profiles", "consents", "attributes", "contacts"] {
        wire.execute(&format!("DELETE FROM homing.{table} WHERE customer_id = $1"), &[&old]).await?;
    }
    Ok(())
}

async fn attributes(
    wire: &mut Wire,
    store: &PostgresStore,
    customer_id: &str,
) -> Inner<Option<Map<String, Value>>> {
    let sql = "SELECT attributes FROM homing.attributes WHERE customer_id = $1";
    let row = wire.one(sql, &[&stored(customer_id)]).await?;
    Ok(row.map(|row| read::attributes_of(row.get(0), store, customer_id)).transpose()?)
}

pub(super) async fn erased(wire: &mut Wire, key: [u8; 32]) -> Inner<Erasures> {
    let rows = wire.query("SELECT hash FROM homing.erased", &[]).await?;
    let hashes = rows.iter().filter_map(|row| row.get::<_, &[u8]>(0).try_into().ok()).collect();
    Ok(Erasures { key, hashes })
}
