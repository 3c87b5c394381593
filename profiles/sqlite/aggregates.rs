//! The scan over all customers, and the daily aggregates that it gives.

use std::collections::HashMap;
use std::sync::Arc;

use homing_datasets::Micros;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Fault, Inner, SqliteStore, tagged};
use crate::aggregates::{
    DailyAggregates, MAX_SCAN_PAGE, MAX_TURNS, RECENT_TURNS, ScanPage, Scanned, TurnedHigh,
};
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
        let history = plan::decode(&store.place, &one.customer_id, &one.bytes)?;
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

pub(super) fn keep(connection: &Connection, aggregates: &DailyAggregates, newest: u32) -> Inner<()> {
    connection.execute(
        "INSERT INTO surveys (day, document) VALUES (?1, ?2)
         ON CONFLICT (day) DO UPDATE SET document = excluded.document",
        params![aggregates.day, aggregates.document],
    )?;
    connection.execute(
        "DELETE FROM surveys WHERE day NOT IN (SELECT day FROM surveys ORDER BY day DESC LIMIT ?1)",
        [newest.max(1)],
    )?;
    Ok(())
}

pub(super) const NEWEST: &str = "SELECT day, document FROM surveys WHERE day <= ?1 ORDER BY day DESC LIMIT 1";

pub(super) fn kept(connection: &Connection, until: Option<i32>) -> Inner<Option<DailyAggregates>> {
    let mut statement = connection.prepare_cached(NEWEST)?;
    let kept = statement.query_row([until.unwrap_or(i32::MAX)], |row| {
        Ok(DailyAggregates { day: row.get(0)?, document: row.get(1)? })
    });
    Ok(kept.optional()?)
}

// The conditions are those of the indexes, to the letter: else whole tables would be read.
pub(super) const TURNS: &str =
    "SELECT count(*) FROM (SELECT 1 FROM changes INDEXED BY changes_to_high_by_time
     WHERE instr(tags, '\"churn.level\":\"high\"') > 0 AND as_of >= ?1 LIMIT ?2)";
pub(super) const WORTH: &str = "SELECT customer_id FROM profiles INDEXED BY profiles_by_value_at_risk
     WHERE value_at_risk IS NOT NULL ORDER BY value_at_risk DESC, customer_id LIMIT ?1";
pub(super) const TURN: &str = "SELECT EXISTS (SELECT 1 FROM changes INDEXED BY changes_to_high
     WHERE instr(tags, '\"churn.level\":\"high\"') > 0 AND customer_id = ?1 AND as_of >= ?2)";

pub(super) const RECENT: &str = "SELECT customer_id FROM changes INDEXED BY changes_to_high_by_time
     WHERE instr(tags, '\"churn.level\":\"high\"') > 0 AND as_of >= ?1 ORDER BY as_of DESC LIMIT ?2";
pub(super) const STAKE: &str = "SELECT value_at_risk FROM profiles WHERE customer_id = ?1";

pub(super) fn turned_high(
    connection: &Connection,
    since: Micros,
    among: u32,
    limit: u32,
) -> Inner<TurnedHigh> {
    let turns: i64 =
        connection.prepare_cached(TURNS)?.query_row(params![since, MAX_TURNS], |row| row.get(0))?;
    if turns == 0 {
        return Ok(TurnedHigh::default());
    }
    let mut found: HashMap<String, f64> = HashMap::new();
    // From the side of those who turned: all of them, where they are not too many.
    let mut recent = connection.prepare_cached(RECENT)?;
    let mut stake = connection.prepare_cached(STAKE)?;
    let mut rows = recent.query(params![since, RECENT_TURNS])?;
    while let Some(row) = rows.next()? {
        let customer_id: String = row.get(0)?;
        let at_stake: Option<Option<f64>> = stake.query_row([&customer_id], |row| row.get(0)).optional()?;
        if let Some(at_stake) = at_stake.flatten() {
            found.insert(customer_id, at_stake);
        }
    }
    // And from the side of those with the most at stake, who are to be missed least.
    if turns > i64::from(RECENT_TURNS) {
        let mut turned = connection.prepare_cached(TURN)?;
        let mut worth = connection.prepare_cached(WORTH)?;
        let mut rows = worth.query([among.min(10_000)])?;
        let mut met = 0;
        while let Some(row) = rows.next()? {
            if met == limit {
                break;
            }
            let customer_id: String = row.get(0)?;
            if turned.query_row(params![customer_id, since], |row| row.get(0))? {
                let at_stake: Option<f64> = stake.query_row([&customer_id], |row| row.get(0))?;
                found.insert(customer_id, at_stake.unwrap_or_default());
                met += 1;
            }
        }
    }
    let mut customers: Vec<(String, f64)> = found.into_iter().collect();
    customers.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let customers = customers.into_iter().take(limit as usize).map(|(customer_id, _)| customer_id);
    Ok(TurnedHigh { turns: turns.unsigned_abs(), customers: customers.collect() })
}
