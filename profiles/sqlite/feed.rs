//! The feed: written with the tags, read by cursor, pruned from its old end.

use homing_datasets::{Micros, Zone};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Fault, Inner, SqliteStore};
use crate::Error;
use crate::feed::{Change, Changes, DeadLetter, FeedPosition, Letter, MAX_CHANGES, Retention};
use crate::state::Plan;

/// Changes that one transaction prunes, so that no writer waits long.
const SLICE: u64 = 20_000;

/// Writes what a plan changes into the feed.
pub(super) fn record(connection: &Connection, customer_id: &str, plan: &Plan) -> Inner<()> {
    let (Some(score), false) = (&plan.score, plan.changed.is_empty()) else { return Ok(()) };
    let provenance = &score.provenance;
    connection
        .prepare_cached(
            "INSERT INTO changes (customer_id, tags, not_scored, model, as_of, scored_at, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )?
        .execute(params![
            customer_id,
            json(&plan.changed)?,
            score.not_scored.map(homing_models::NotScored::code),
            &*provenance.model,
            provenance.as_of,
            provenance.scored_at,
        ])?;
    Ok(())
}

pub(super) fn json(value: &impl serde::Serialize) -> Inner<String> {
    serde_json::to_string(value)
        .map_err(|error| Fault::Sql(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))
}

const COLUMNS: &str = "cursor, customer_id, tags, not_scored, model, as_of, scored_at, at";

/// A row of [`COLUMNS`].
fn change(row: &Row<'_>, zone: Zone) -> rusqlite::Result<Change> {
    let instant = |at: usize| row.get::<_, Micros>(at).map(|at| zone.format(at));
    Ok(Change {
        cursor: row.get::<_, i64>(0)?.unsigned_abs(),
        customer_id: row.get(1)?,
        tags: from_json(row, 2)?,
        not_scored: row.get(3)?,
        model: row.get(4)?,
        as_of: instant(5)?,
        scored_at: instant(6)?,
        at: instant(7)?,
    })
}

/// A column that holds JSON.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error))
    })
}

pub(super) fn changes(connection: &Connection, zone: Zone, after: Option<u64>, limit: u32) -> Inner<Changes> {
    let oldest = setting(connection, PRUNED_UNTIL)?;
    let from = after.unwrap_or(oldest);
    if from < oldest {
        return Err(Fault::Known(Error::CursorExpired { cursor: from, oldest }));
    }
    if from > newest(connection)? {
        return Err(Fault::Known(Error::BadCursor));
    }
    let changes = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM changes WHERE cursor > ?1 ORDER BY cursor LIMIT ?2"))?
        .query_map(params![from as i64, limit.clamp(1, MAX_CHANGES)], |row| change(row, zone))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let next = changes.last().map_or(from, |change| change.cursor);
    Ok(Changes { changes, next })
}

/// Every change of one customer that is still held.
pub(super) fn of_customer(connection: &Connection, zone: Zone, customer_id: &str) -> Inner<Vec<Change>> {
    let changes = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM changes WHERE customer_id = ?1 ORDER BY cursor"))?
        .query_map([customer_id], |row| change(row, zone))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(changes)
}

pub(super) fn newest(connection: &Connection) -> Inner<u64> {
    let mut statement =
        connection.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")?;
    let newest: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(newest.unwrap_or_default().unsigned_abs())
}

/// The last cursor that was pruned.
const PRUNED_UNTIL: &str = "pruned_until";

fn setting(connection: &Connection, name: &str) -> Inner<u64> {
    let mut statement = connection.prepare_cached("SELECT value FROM settings WHERE name = ?1")?;
    let value: Option<i64> = statement.query_row([name], |row| row.get(0)).optional()?;
    Ok(value.unwrap_or_default().unsigned_abs())
}

pub(super) fn prune(store: &SqliteStore, retention: &Retention) -> Result<u64, Error> {
    let until = store.read(|connection, _| last_to_go(connection, retention))?;
    let mut pruned = 0;
    loop {
        let gone = store.write(|connection, _| {
            let gone = connection
                .prepare_cached(
                    "DELETE FROM changes WHERE cursor IN
                         (SELECT cursor FROM changes WHERE cursor <= ?1 ORDER BY cursor LIMIT ?2)",
                )?
                .execute(params![until as i64, SLICE as i64])? as u64;
            // From the first slice on a follower of any of these cursors must hear that it is too late.
            if gone > 0 {
                connection.execute(
                    "INSERT INTO settings (name, value) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
                    params![PRUNED_UNTIL, until as i64],
                )?;
            }
            Ok(gone)
        })?;
        pruned += gone;
        if gone < SLICE {
            return Ok(pruned);
        }
    }
}

/// The newest change that the retention does not keep; 0 when it keeps all.
fn last_to_go(connection: &Connection, retention: &Retention) -> Inner<u64> {
    let number = |sql: &str, value: i64| -> Inner<Option<i64>> {
        Ok(connection.prepare_cached(sql)?.query_row([value], |row| row.get(0)).optional()?)
    };
    let mut until = 0;
    if let Some(not_before) = retention.not_before {
        let first_to_stay =
            number("SELECT cursor FROM changes WHERE at >= ?1 ORDER BY cursor LIMIT 1", not_before)?;
        until = match first_to_stay {
            Some(cursor) => cursor - 1,
            None => i64::try_from(newest(connection)?).unwrap_or(i64::MAX),
        };
    }
    if let Some(kept) = retention.newest {
        let kept = i64::try_from(kept).unwrap_or(i64::MAX);
        let last =
            number("SELECT cursor FROM changes ORDER BY cursor DESC LIMIT 1 OFFSET ?1", kept)?.unwrap_or(0);
        until = until.max(last);
    }
    Ok(until.unsigned_abs())
}

pub(super) fn position(connection: &Connection, feed: &str) -> Inner<Option<FeedPosition>> {
    let mut statement = connection.prepare_cached("SELECT cursor, at FROM feeds WHERE feed = ?1")?;
    let position = statement.query_row([feed], |row| {
        Ok(FeedPosition { cursor: row.get::<_, i64>(0)?.unsigned_abs(), at: row.get(1)? })
    });
    Ok(position.optional()?)
}

pub(super) fn set_position(connection: &Connection, feed: &str, position: FeedPosition) -> Inner<()> {
    connection
        .prepare_cached(
            "INSERT INTO feeds (feed, cursor, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (feed) DO UPDATE SET cursor = excluded.cursor, at = excluded.at",
        )?
        .execute(params![feed, position.cursor as i64, position.at])?;
    Ok(())
}

pub(super) fn lease(
    connection: &Connection,
    work: &str,
    holder: &str,
    now: Micros,
    until: Micros,
) -> Inner<bool> {
    let taken = connection
        .prepare_cached(
            "INSERT INTO leases AS l (work, holder, until) VALUES (?1, ?2, ?4)
             ON CONFLICT (work) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE l.holder = excluded.holder OR l.until <= ?3",
        )?
        .execute(params![work, holder, now, until])?;
    Ok(taken > 0)
}

pub(super) fn bury(connection: &Connection, letter: &Letter) -> Inner<()> {
    let change = json(&letter.change)?;
    connection
        .prepare_cached(
            "INSERT INTO dead_letters (feed, customer_id, change, reason, attempts, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            letter.feed,
            letter.change.customer_id,
            change,
            letter.reason,
            letter.attempts,
            letter.at
        ])?;
    Ok(())
}

const LETTER: &str = "letter, feed, change, reason, attempts, at";

/// A row of [`LETTER`].
fn letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        number: row.get::<_, i64>(0)?.unsigned_abs(),
        letter: Letter {
            feed: row.get(1)?,
            change: from_json(row, 2)?,
            reason: row.get(3)?,
            attempts: row.get(4)?,
            at: row.get(5)?,
        },
    })
}

pub(super) fn letters(connection: &Connection, feed: Option<&str>, limit: u32) -> Inner<Vec<DeadLetter>> {
    let letters = connection
        .prepare_cached(&format!(
            "SELECT {LETTER} FROM dead_letters WHERE ?1 IS NULL OR feed = ?1 ORDER BY letter DESC LIMIT ?2"
        ))?
        .query_map(params![feed, limit], letter)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(letters)
}

/// Every dead letter about one customer.
pub(super) fn letters_of(connection: &Connection, customer_id: &str) -> Inner<Vec<DeadLetter>> {
    let letters = connection
        .prepare_cached(&format!("SELECT {LETTER} FROM dead_letters WHERE customer_id = ?1 ORDER BY letter"))?
        .query_map([customer_id], letter)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(letters)
}

pub(super) fn drop_letter(connection: &Connection, number: u64) -> Inner<bool> {
    let mut statement = connection.prepare_cached("DELETE FROM dead_letters WHERE letter = ?1")?;
    Ok(statement.execute([number as i64])? > 0)
}

/// What the feed holds of one customer, gone.
pub(super) fn erase(connection: &Connection, customer_id: &str) -> Inner<usize> {
    let mut gone = 0;
    for table in ["changes", "dead_letters"] {
        gone += connection.execute(&format!("DELETE FROM {table} WHERE customer_id = ?1"), [customer_id])?;
    }
    Ok(gone)
}
