//! Reading profiles, histories and totals.

use tokio_postgres::Row;

use super::session::Wire;
use super::text::{original, stored};
use super::{Inner, PostgresStore, rows};
use crate::plan::ProfileRow;
use crate::privacy::attributes_of;
use crate::state::Origin;
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
