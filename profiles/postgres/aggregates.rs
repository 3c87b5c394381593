//! The scan over all customers, and the daily aggregates that it gives.

use std::collections::HashSet;
use std::sync::Arc;

use homing_datasets::Micros;

use super::session::Wire;
use super::text::{original, stored};
use super::{Inner, PostgresStore, rows};
use crate::aggregates::{
    DailyAggregates, MAX_SCAN_PAGE, MAX_TURNS, RECENT_TURNS, ScanPage, Scanned, TurnedHigh,
};
use crate::plan;

pub(super) async fn scan(
    wire: &mut Wire,
    store: &PostgresStore,
    after: Option<&str>,
    limit: u32,
) -> Inner<ScanPage> {
    let limit = i64::from(limit.clamp(1, MAX_SCAN_PAGE));
    let columns = "SELECT p.customer_id, p.churn_risk, p.value_at_risk, p.clv, p.tags::text, h.bytes
         FROM homing.profiles p LEFT JOIN homing.histories h ON h.customer_id = p.customer_id";
    let found = match after {
        None => wire.query(&format!("{columns} ORDER BY p.customer_id LIMIT $1"), &[&limit]).await?,
        Some(after) => {
            let sql = format!("{columns} WHERE p.customer_id > $2 ORDER BY p.customer_id LIMIT $1");
            wire.query(&sql, &[&limit, &stored(after)]).await?
        }
    };
    // The same few names over and over: kept once.
    let mut names: HashSet<Arc<str>> = HashSet::new();
    let mut customers = Vec::with_capacity(found.len());
    for row in &found {
        let customer_id = original(row.try_get(0)?);
        let tags = rows::tags(&store.place, &customer_id, row.try_get(4)?, "{}")?;
        let tags = tags.into_iter().map(|tag| {
            let name = names.get(tag.name.as_str()).cloned().unwrap_or_else(|| {
                let name: Arc<str> = tag.name.as_str().into();
                names.insert(name.clone());
                name
            });
            (name, tag.value)
        });
        let tags = tags.collect();
        let bytes: Option<&[u8]> = row.try_get(5)?;
        customers.push(Scanned {
            numbers: [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?],
            history: plan::decode(&store.place, &customer_id, bytes.unwrap_or_default())?,
            tags,
            customer_id,
        });
    }
    let whole = found.len() as i64 == limit;
    let next = customers.last().filter(|_| whole).map(|last| last.customer_id.clone());
    Ok(ScanPage { customers, next })
}

pub(super) async fn keep(wire: &mut Wire, aggregates: &DailyAggregates, newest: u32) -> Inner<()> {
    wire.run("BEGIN").await?;
    wire.execute(
        "INSERT INTO homing.surveys (day, document) VALUES ($1, $2)
         ON CONFLICT (day) DO UPDATE SET document = excluded.document",
        &[&aggregates.day, &aggregates.document],
    )
    .await?;
    wire.execute(
        "DELETE FROM homing.surveys WHERE day NOT IN (SELECT day FROM homing.surveys ORDER BY day DESC LIMIT $1)",
        &[&i64::from(newest.max(1))],
    )
    .await?;
    wire.run("COMMIT").await
}

pub(super) async fn kept(wire: &mut Wire, until: Option<i32>) -> Inner<Option<DailyAggregates>> {
    let sql = "SELECT day, document FROM homing.surveys WHERE day <= $1 ORDER BY day DESC LIMIT 1";
    let row = wire.one(sql, &[&until.unwrap_or(i32::MAX)]).await?;
    row.map(|row| Ok(DailyAggregates { day: row.try_get(0)?, document: row.try_get(1)? })).transpose()
}

/// The conditions are those of the indexes `changes_to_high` and `changes_to_high_by_time`.
pub(super) async fn turned_high(wire: &mut Wire, since: Micros, among: u32, limit: u32) -> Inner<TurnedHigh> {
    let turns = "SELECT count(*) FROM (SELECT 1 FROM homing.changes
         WHERE position('\"churn.level\":\"high\"' in tags) > 0 AND as_of >= $1 LIMIT $2) x";
    let turns: i64 = wire.one(turns, &[&since, &i64::from(MAX_TURNS)]).await?.map_or(0, |row| row.get(0));
    if turns == 0 {
        return Ok(TurnedHigh::default());
    }
    let worth = "SELECT p.customer_id FROM homing.profiles p WHERE p.customer_id IN (
             SELECT * FROM (SELECT customer_id FROM homing.changes
                 WHERE position('\"churn.level\":\"high\"' in tags) > 0 AND as_of >= $1
                 ORDER BY as_of DESC LIMIT $4) recent
             UNION ALL
             SELECT w.customer_id FROM (SELECT customer_id FROM homing.profiles
                 WHERE value_at_risk IS NOT NULL ORDER BY value_at_risk DESC, customer_id LIMIT $2) w
             WHERE EXISTS (SELECT 1 FROM homing.changes c
                 WHERE position('\"churn.level\":\"high\"' in c.tags) > 0 AND c.customer_id = w.customer_id
                     AND c.as_of >= $1))
         AND p.value_at_risk IS NOT NULL
         ORDER BY p.value_at_risk DESC, p.customer_id LIMIT $3";
    // Those with the most at stake are asked one by one only where not all who turned are looked at.
    let among = if turns > i64::from(RECENT_TURNS) { i64::from(among.min(10_000)) } else { 0 };
    let rows = wire.query(worth, &[&since, &among, &i64::from(limit), &i64::from(RECENT_TURNS)]).await?;
    let customers = rows.iter().map(|row| original(row.get(0))).collect();
    Ok(TurnedHigh { turns: turns.unsigned_abs(), customers })
}
