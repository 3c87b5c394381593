//! Contacts of campaigns.

use tokio_postgres::Row;

use super::session::Wire;
use super::text::{original, stored};
use super::{Inner, LOCKS, PostgresStore};
use crate::contacts::{Cap, Contact, Grant};

pub(super) async fn reserve(
    wire: &mut Wire,
    store: &PostgresStore,
    contacts: &[Contact],
    cap: &Cap,
    record: bool,
) -> Inner<Vec<Grant>> {
    // Nobody opts out, is erased or is contacted by another campaign in between.
    wire.run(&format!("BEGIN; SELECT pg_advisory_xact_lock({})", LOCKS.writers)).await?;
    let ids: Vec<_> = contacts.iter().map(|one| stored(&one.customer_id)).collect();
    let campaigns: Vec<_> = contacts.iter().map(|one| stored(&one.campaign)).collect();
    let hashes: Vec<Vec<u8>> = contacts.iter().map(|one| store.hash(&one.customer_id).to_vec()).collect();
    let look = "SELECT
             EXISTS (SELECT 1 FROM homing.erased e WHERE e.hash = a.hash)
                 OR EXISTS (SELECT 1 FROM homing.consents s WHERE s.customer_id = a.id AND s.opted_out),
             (SELECT c.held_out FROM homing.contacts c WHERE c.customer_id = a.id AND c.campaign = a.campaign),
             (SELECT count(*) FROM homing.contacts c WHERE c.customer_id = a.id AND c.campaign <> a.campaign
                 AND c.at > $4 AND NOT c.held_out)
         FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS a (id, campaign, hash, place)
         ORDER BY a.place";
    let rows = wire.query(look, &[&ids, &campaigns, &hashes, &cap.since]).await?;
    let mut grants = Vec::with_capacity(rows.len());
    for row in &rows {
        let count = u32::try_from(row.try_get::<_, i64>(2)?).unwrap_or(u32::MAX);
        grants.push(Grant::of(row.try_get(0)?, row.try_get(1)?, count, cap));
    }
    if record {
        let fresh: Vec<usize> = (0..grants.len()).filter(|&at| grants[at] == Grant::New).collect();
        let pick =
            |of: &dyn Fn(&Contact) -> i64| fresh.iter().map(|&at| of(&contacts[at])).collect::<Vec<i64>>();
        let at = pick(&|one| one.at);
        let (id, campaign): (Vec<_>, Vec<_>) = fresh.iter().map(|&at| (&ids[at], &campaigns[at])).unzip();
        let action: Vec<_> = fresh.iter().map(|&at| stored(&contacts[at].action)).collect();
        let channel: Vec<_> = fresh.iter().map(|&at| contacts[at].channel.as_deref().map(stored)).collect();
        let held_out: Vec<bool> = fresh.iter().map(|&at| contacts[at].held_out).collect();
        let insert = "INSERT INTO homing.contacts (customer_id, campaign, at, action, channel, held_out)
             SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::boolean[])
             ON CONFLICT DO NOTHING";
        wire.execute(insert, &[&id, &campaign, &at, &action, &channel, &held_out]).await?;
    }
    wire.run("COMMIT").await?;
    Ok(grants)
}

const CONTACT: &str = "SELECT customer_id, campaign, at, action, channel, held_out FROM homing.contacts";

fn contact(row: &Row) -> Inner<Contact> {
    Ok(Contact {
        customer_id: original(row.try_get(0)?),
        campaign: original(row.try_get(1)?),
        at: row.try_get(2)?,
        action: original(row.try_get(3)?),
        channel: row.try_get::<_, Option<String>>(4)?.map(original),
        held_out: row.try_get(5)?,
    })
}

pub(super) async fn of_customer(wire: &mut Wire, customer_id: &str) -> Inner<Vec<Contact>> {
    let sql = format!("{CONTACT} WHERE customer_id = $1 ORDER BY at, campaign");
    wire.query(&sql, &[&stored(customer_id)]).await?.iter().map(contact).collect()
}

pub(super) async fn of_campaign(wire: &mut Wire, campaign: &str) -> Inner<Vec<Contact>> {
    let sql = format!("{CONTACT} WHERE campaign = $1 ORDER BY customer_id");
    wire.query(&sql, &[&stored(campaign)]).await?.iter().map(contact).collect()
}
