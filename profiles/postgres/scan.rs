//! The scan over all customers.

use std::collections::HashSet;
use std::sync::Arc;

use super::session::Wire;
use super::text::{original, stored};
use super::{Inner, PostgresStore, rows};
use crate::aggregates::{MAX_SCAN_PAGE, ScanPage, Scanned};
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
        let tags = rows::tags(&store.common.place, &customer_id, row.try_get(4)?, None)?;
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
            history: plan::decode(&store.common.place, &customer_id, bytes.unwrap_or_default())?,
            tags,
            customer_id,
        });
    }
    let whole = found.len() as i64 == limit;
    let next = customers.last().filter(|_| whole).map(|last| last.customer_id.clone());
    Ok(ScanPage { customers, next })
}
