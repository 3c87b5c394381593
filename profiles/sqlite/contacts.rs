//! Contacts of campaigns.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Inner;
use super::privacy::Gate;
use crate::contacts::{Cap, Contact, Grant};

pub(super) fn reserve(
    connection: &Connection,
    contacts: &[Contact],
    cap: &Cap,
    record: bool,
) -> Inner<Vec<Grant>> {
    let gate = Gate::load(connection)?;
    let mut known = connection
        .prepare_cached("SELECT held_out FROM contacts WHERE customer_id = ?1 AND campaign = ?2")?;
    let mut counted = connection.prepare_cached(
        "SELECT count(*) FROM contacts WHERE customer_id = ?1 AND campaign <> ?2 AND at > ?3 AND held_out = 0",
    )?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO contacts (customer_id, campaign, at, action, channel, held_out)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut grants = Vec::with_capacity(contacts.len());
    for contact in contacts {
        let (id, campaign) = (&contact.customer_id, &contact.campaign);
        let withheld = gate.erased(connection, id)? || gate.opted_out(connection, id)?;
        let before: Option<bool> = known.query_row(params![id, campaign], |row| row.get(0)).optional()?;
        let count: u32 = counted.query_row(params![id, campaign, cap.since], |row| row.get(0))?;
        let grant = Grant::of(withheld, before, count, cap);
        if record && grant == Grant::New {
            let Contact { at, action, channel, held_out, .. } = contact;
            insert.execute(params![id, campaign, at, action, channel, held_out])?;
        }
        grants.push(grant);
    }
    Ok(grants)
}

const CONTACT: &str = "SELECT customer_id, campaign, at, action, channel, held_out FROM contacts";

fn contact(row: &Row<'_>) -> rusqlite::Result<Contact> {
    Ok(Contact {
        customer_id: row.get(0)?,
        campaign: row.get(1)?,
        at: row.get(2)?,
        action: row.get(3)?,
        channel: row.get(4)?,
        held_out: row.get(5)?,
    })
}

pub(super) fn of_customer(connection: &Connection, customer_id: &str) -> Inner<Vec<Contact>> {
    let sql = format!("{CONTACT} WHERE customer_id = ?1 ORDER BY at, campaign");
    let rows = connection
        .prepare_cached(&sql)?
        .query_map([customer_id], contact)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

pub(super) fn of_campaign(connection: &Connection, campaign: &str) -> Inner<Vec<Contact>> {
    let sql = format!("{CONTACT} WHERE campaign = ?1 ORDER BY customer_id");
    let rows =
        connection.prepare_cached(&sql)?.query_map([campaign], contact)?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}
