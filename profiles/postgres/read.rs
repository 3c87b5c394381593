//! Reading profiles, histories and totals.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::session::Wire;
use super::text::{original, stored};
use super::{Inner, PostgresStore, rows};
use crate::plan::ProfileRow;
use crate::privacy::attributes_of;
use crate::sql::Unreadable;
use crate::state::Origin;
use crate::transfer::Customer;
use crate::{Profile, Totals};

/// The columns of [`profile_of`], of the table `p`.
pub(super) const COLUMNS: &str = "p.customer_id, p.model, p.as_of, p.scored_at, p.prediction, p.events, p.purchases, \
     p.orders, p.spend, p.first_purchase_at, p.last_purchase_at, p.tags::text, p.tag_details, \
     (SELECT a.attributes FROM homing.attributes a WHERE a.customer_id = p.customer_id)";

/// A row of [`COLUMNS`].
pub(super) fn profile_of(row: &Row, store: &PostgresStore) -> Inner<Profile> {
    let customer_id = original(row.try_get(0)?);
    let tags = rows::tags(&store.common.place, &customer_id, row.try_get(11)?, row.try_get(12)?)?;
    let attributes: Option<&str> = row.try_get(13)?;
    let attributes =
        attributes.map(|text| attributes_of(text, &store.common.place, &customer_id)).transpose()?;
    let row = ProfileRow {
        origin: Origin {
            model: original(row.try_get(1)?),
            as_of: row.try_get(2)?,
            scored_at: row.try_get(3)?,
        },
        prediction: row.try_get(4)?,
        history: rows::counts(row, 5)?,
        customer_id,
    };
    Ok(row.finish(&store.common.place, store.common.zone, tags, attributes)?)
}

pub(super) async fn profile(
    wire: &mut Wire,
    store: &PostgresStore,
    customer_id: &str,
) -> Inner<Option<Profile>> {
    let sql = format!("SELECT {COLUMNS} FROM homing.profiles p WHERE p.customer_id = $1");
    let row = wire.one(&sql, &[&stored(customer_id)]).await?;
    row.map(|row| profile_of(&row, store)).transpose()
}

pub(super) async fn history(wire: &mut Wire, customer_id: &str) -> Inner<Option<Vec<u8>>> {
    let sql =
        "SELECT h.bytes FROM homing.profiles p LEFT JOIN homing.histories h ON h.customer_id = p.customer_id
         WHERE p.customer_id = $1";
    let row = wire.one(sql, &[&stored(customer_id)]).await?;
    Ok(row.map(|row| row.get::<_, Option<Vec<u8>>>(0).unwrap_or_default()))
}

/// Up to so many customers after one, in the order of their ids.
pub(super) async fn customers(
    wire: &mut Wire,
    store: &PostgresStore,
    after: Option<&str>,
    limit: u32,
) -> Inner<Vec<Customer>> {
    let from = if after.is_some() { ">" } else { ">=" };
    let ids = format!(
        "SELECT customer_id FROM homing.profiles WHERE customer_id {from} $1 ORDER BY customer_id LIMIT {limit}"
    );
    let ids = wire.query(&ids, &[&stored(after.unwrap_or_default())]).await?;
    let ids: Vec<String> = ids.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let events = "SELECT customer_id, event_id, fingerprint FROM homing.event_ids WHERE customer_id = ANY($1)
         ORDER BY customer_id, event_id";
    let mut event_ids: HashMap<String, Vec<(String, [u8; 16])>> = HashMap::new();
    for row in wire.query(events, &[&ids]).await? {
        let fingerprint = row.try_get::<_, &[u8]>(2)?.try_into();
        let fingerprint = fingerprint
            .map_err(|_| Unreadable("the fingerprint of an event does not have 16 bytes".to_owned()))?;
        let of = event_ids.entry(row.try_get(0)?).or_default();
        of.push((original(row.try_get(1)?), fingerprint));
    }
    let mut found = Vec::with_capacity(ids.len());
    let stored_rows = format!("{} ORDER BY p.customer_id", rows::STORED);
    for row in wire.query(&stored_rows, &[&ids]).await? {
        let key: String = row.try_get(0)?;
        let event_ids = event_ids.remove(&key).unwrap_or_default();
        let id = original(key);
        let row = rows::stored_row(&row, &store.common.place, &id)?;
        found.push(Customer::of(id, row, event_ids));
    }
    Ok(found)
}

pub(super) async fn totals(wire: &mut Wire) -> Inner<Totals> {
    let sql = "SELECT count(*), count(value_at_risk), coalesce(sum(value_at_risk), 0),
         (SELECT max(happened_until) FROM homing.clocks) FROM homing.profiles";
    let Some(row) = wire.one(sql, &[]).await? else { return Ok(Totals::default()) };
    let levels =
        "SELECT tags->>'churn.level', count(*) FROM homing.profiles WHERE tags ? 'churn.level' GROUP BY 1";
    let levels = wire.query(levels, &[]).await?;
    let count = |number: i64| number.unsigned_abs();
    Ok(Totals {
        profiles: count(row.get(0)),
        scored: count(row.get(1)),
        value_at_risk: row.get(2),
        churn_levels: levels.iter().map(|row| (original(row.get(0)), count(row.get(1)))).collect(),
        data_until: row.get(3),
    })
}
