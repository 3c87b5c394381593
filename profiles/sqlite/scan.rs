//! The scan over all customers.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::{Fault, Inner, SqliteStore, tagged};
use crate::aggregates::{MAX_SCAN_PAGE, ScanPage, Scanned};
use crate::{Error, plan};

/// A customer before the history is unpacked, which needs no connection.
struct Packed {
    profile: i64,
    customer_id: String,
    numbers: [Option<f64>; 3],
    tags: Vec<(Arc<str>, String)>,
    bytes: Vec<u8>,
}

/// Each page is a transaction of its own, so that a long scan keeps no old pages in the log.
pub(super) fn scan(store: &SqliteStore, after: Option<&str>, limit: u32) -> Result<ScanPage, Error> {
    let from = match after {
        None => i64::MIN,
        Some(place) => place.parse().map_err(|_| Error::BadCursor)?,
    };
    let limit = limit.clamp(1, MAX_SCAN_PAGE);
    let packed = store.read(|connection, _| page(connection, from, limit))?;
    let next = packed.last().filter(|_| packed.len() == limit as usize).map(|last| last.profile.to_string());
    let unpack = |one: Packed| {
        let history = plan::decode(&store.common.place, &one.customer_id, &one.bytes)?;
        Ok(Scanned { customer_id: one.customer_id, numbers: one.numbers, tags: one.tags, history })
    };
    Ok(ScanPage { customers: packed.into_iter().map(unpack).collect::<Result<_, Error>>()?, next })
}

/// Two tables in the order of the profiles' numbers, each read once from end to end.
fn page(connection: &Connection, from: i64, limit: u32) -> Inner<Vec<Packed>> {
    let mut statement = connection.prepare_cached(
        "SELECT profile, customer_id, churn_risk, value_at_risk, clv FROM profiles WHERE profile > ?1
         ORDER BY profile LIMIT ?2",
    )?;
    let mut packed: Vec<Packed> = statement
        .query_map(params![from, limit], |row| {
            Ok(Packed {
                profile: row.get(0)?,
                customer_id: row.get(1)?,
                numbers: [row.get(2)?, row.get(3)?, row.get(4)?],
                tags: Vec::new(),
                bytes: Vec::new(),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let Some(last) = packed.last().map(|last| last.profile) else { return Ok(packed) };
    let mut names: HashMap<i64, Arc<str>> = HashMap::new();
    let mut statement = connection.prepare_cached("SELECT tag, name FROM tag_names")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        names.insert(row.get(0)?, row.get::<_, String>(1)?.into());
    }
    let unknown = || Fault::Sql(rusqlite::Error::QueryReturnedNoRows);
    let mut at = 0;
    let mut statement = connection.prepare_cached(
        "SELECT profile, tags, history FROM states WHERE profile > ?1 AND profile <= ?2 ORDER BY profile",
    )?;
    let mut rows = statement.query(params![from, last])?;
    while let Some(row) = rows.next()? {
        let profile: i64 = row.get(0)?;
        while packed.get(at).is_some_and(|one| one.profile < profile) {
            at += 1;
        }
        let Some(one) = packed.get_mut(at).filter(|one| one.profile == profile) else { continue };
        for entry in tagged::entries(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?) {
            let entry = entry.map_err(|damage| Fault::tags(&one.customer_id, &damage))?;
            let name = names.get(&entry.number.cast_signed()).ok_or_else(unknown)?.clone();
            one.tags.push((name, entry.value.to_owned()));
        }
        one.bytes = row.get(2)?;
    }
    Ok(packed)
}
