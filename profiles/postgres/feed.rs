//! The feed: written with the tags, read by cursor, pruned from its old end.
//!
//! Cursors are given out before a transaction commits, so a lower one may become visible after a higher one. A reader
//! that ran past it would never see it. Therefore who adds to the feed holds an advisory lock whose number is the last
//! cursor given out before its own; a reader reads no further than the lowest lock that is held.
//! Changes of one customer are ordered by the lock on the customer's row.

use homing_datasets::{Micros, Zone};
use tokio_postgres::Row;

use super::rows::json;
use super::session::Wire;
use super::text::{original, stored};
use super::{Fault, Inner, LOCKS, PostgresStore};
use crate::Error;
use crate::feed::{Change, Changes, DeadLetter, FeedPosition, Letter, MAX_CHANGES, Retention};

const COLUMNS: &str = "cursor, customer_id, tags, not_scored, model, as_of, scored_at, at";

/// Changes that one transaction prunes.
const SLICE: u64 = 20_000;

/// A row of [`COLUMNS`].
fn change(row: &Row, zone: Zone) -> Inner<Change> {
    let instant = |at: usize| row.try_get::<_, Micros>(at).map(|at| zone.format(at));
    let customer_id = original(row.try_get(1)?);
    let tags = serde_json::from_str(row.try_get(2)?).map_err(|error| Error::Damaged {
        store: "the feed".to_owned(),
        customer_id: customer_id.clone(),
        detail: format!("tags: {error}"),
    })?;
    Ok(Change {
        cursor: row.try_get::<_, i64>(0)?.unsigned_abs(),
        customer_id,
        tags,
        not_scored: row.try_get(3)?,
        model: original(row.try_get(4)?),
        as_of: instant(5)?,
        scored_at: instant(6)?,
        at: instant(7)?,
    })
}

/// The last cursor before which no change can appear any more.
pub(super) async fn settled(wire: &mut Wire) -> Inner<u64> {
    // The sequence first, then the locks: who takes a lock after that gets cursors above what the sequence said.
    let given = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM homing.change_cursor";
    let given: i64 = wire.one(given, &[]).await?.map_or(0, |row| row.get(0));
    let lowest = format!(
        "SELECT min(((classid::bigint << 32) | objid::bigint) - {feed}) FROM pg_locks
         WHERE locktype = 'advisory' AND objsubid = 1
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND ((classid::bigint << 32) | objid::bigint) BETWEEN {feed} AND {last}",
        feed = LOCKS.feed,
        last = LOCKS.schema - 1,
    );
    let lowest: Option<i64> = wire.one(&lowest, &[]).await?.and_then(|row| row.get(0));
    Ok(lowest.map_or(given, |lowest| lowest.min(given)).unsigned_abs())
}

pub(super) async fn changes(wire: &mut Wire, zone: Zone, after: Option<u64>, limit: u32) -> Inner<Changes> {
    let settled = settled(wire).await?;
    let given = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM homing.change_cursor";
    let given: i64 = wire.one(given, &[]).await?.map_or(0, |row| row.get(0));
    let oldest = wire.one("SELECT value FROM homing.settings WHERE name = $1", &[&PRUNED_UNTIL]).await?;
    let oldest = oldest.map_or(0, |row| row.get::<_, i64>(0)).unsigned_abs();
    let from = after.unwrap_or(oldest);
    if from < oldest {
        return Err(Fault::Known(Error::CursorExpired { cursor: from, oldest }));
    }
    if from > given.unsigned_abs() {
        return Err(Fault::Known(Error::BadCursor));
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM homing.changes WHERE cursor > $1 AND cursor <= $2 ORDER BY cursor LIMIT $3"
    );
    let limit = i64::from(limit.clamp(1, MAX_CHANGES));
    let rows = wire.query(&sql, &[&(from as i64), &(settled as i64), &limit]).await?;
    let changes = rows.iter().map(|row| change(row, zone)).collect::<Inner<Vec<_>>>()?;
    let next = changes.last().map_or(from, |change| change.cursor);
    Ok(Changes { changes, next })
}

/// Every change of one customer that is still held.
pub(super) async fn of_customer(wire: &mut Wire, zone: Zone, customer_id: &str) -> Inner<Vec<Change>> {
    let sql = format!("SELECT {COLUMNS} FROM homing.changes WHERE customer_id = $1 ORDER BY cursor");
    wire.query(&sql, &[&stored(customer_id)]).await?.iter().map(|row| change(row, zone)).collect()
}

/// The last cursor that was pruned.
const PRUNED_UNTIL: &str = "pruned_until";

pub(super) fn prune(store: &PostgresStore, retention: &Retention) -> Result<u64, Error> {
    let until = store.pool.with(async |wire| last_to_go(wire, retention).await)?;
    let mut pruned = 0;
    loop {
        let gone = store.pool.with(async |wire| {
            wire.run("BEGIN").await?;
            let gone = wire
                .execute(
                    "DELETE FROM homing.changes WHERE cursor IN
                         (SELECT cursor FROM homing.changes WHERE cursor <= $1 ORDER BY cursor LIMIT $2)",
                    &[&until, &(SLICE as i64)],
                )
                .await?;
            // From the first slice on a follower of any of these cursors must hear that it is too late.
            if gone > 0 {
                wire.execute(
                    "INSERT INTO homing.settings AS s (name, value) VALUES ($1, $2)
                     ON CONFLICT (name) DO UPDATE SET value = greatest(s.value, excluded.value)",
                    &[&PRUNED_UNTIL, &until],
                )
                .await?;
            }
            wire.run("COMMIT").await?;
            Ok(gone)
        })?;
        pruned += gone;
        if gone < SLICE {
            return Ok(pruned);
        }
    }
}

/// The newest change that the retention does not keep; 0 when it keeps all.
async fn last_to_go(wire: &mut Wire, retention: &Retention) -> Inner<i64> {
    let settled = settled(wire).await? as i64;
    let mut until = 0;
    if let Some(not_before) = retention.not_before {
        let sql = "SELECT cursor FROM homing.changes WHERE at >= $1 AND cursor <= $2 ORDER BY cursor LIMIT 1";
        let first = wire.one(sql, &[&not_before, &settled]).await?;
        until = first.map_or(settled, |row| row.get::<_, i64>(0) - 1);
    }
    if let Some(kept) = retention.newest {
        let kept = i64::try_from(kept).unwrap_or(i64::MAX);
        let sql =
            "SELECT cursor FROM homing.changes WHERE cursor <= $2 ORDER BY cursor DESC LIMIT 1 OFFSET $1";
        until = until.max(wire.one(sql, &[&kept, &settled]).await?.map_or(0, |row| row.get(0)));
    }
    Ok(until)
}

pub(super) async fn position(wire: &mut Wire, feed: &str) -> Inner<Option<FeedPosition>> {
    let row = wire.one("SELECT cursor, at FROM homing.feeds WHERE feed = $1", &[&stored(feed)]).await?;
    Ok(row.map(|row| FeedPosition { cursor: row.get::<_, i64>(0).unsigned_abs(), at: row.get(1) }))
}

pub(super) async fn set_position(wire: &mut Wire, feed: &str, position: FeedPosition) -> Inner<()> {
    let sql = "INSERT INTO homing.feeds (feed, cursor, at) VALUES ($1, $2, $3)
         ON CONFLICT (feed) DO UPDATE SET cursor = excluded.cursor, at = excluded.at";
    wire.execute(sql, &[&stored(feed), &(position.cursor as i64), &position.at]).await.map(drop)
}

pub(super) async fn lease(
    wire: &mut Wire,
    work: &str,
    holder: &str,
    now: Micros,
    until: Micros,
) -> Inner<bool> {
    let sql = "INSERT INTO homing.leases AS l (work, holder, until) VALUES ($1, $2, $4)
         ON CONFLICT (work) DO UPDATE SET holder = excluded.holder, until = excluded.until
         WHERE l.holder = excluded.holder OR l.until <= $3";
    Ok(wire.execute(sql, &[&stored(work), &holder, &now, &until]).await? > 0)
}

pub(super) async fn bury(wire: &mut Wire, letter: &Letter) -> Inner<()> {
    let sql = "INSERT INTO homing.dead_letters (feed, customer_id, change, reason, attempts, at)
         VALUES ($1, $2, $3, $4, $5, $6)";
    let customer_id = stored(&letter.change.customer_id);
    let (change, attempts) = (json(&letter.change)?, i64::from(letter.attempts));
    let (feed, reason) = (stored(&letter.feed), stored(&letter.reason));
    wire.execute(sql, &[&feed, &customer_id, &change, &reason, &attempts, &letter.at]).await.map(drop)
}

const LETTER: &str = "letter, feed, change, reason, attempts, at";

/// A row of [`LETTER`].
fn letter(row: &Row, place: &str) -> Inner<DeadLetter> {
    let change = serde_json::from_str(row.try_get(2)?).map_err(|error| Error::Database {
        store: place.to_owned(),
        detail: format!("a dead letter is damaged: {error}"),
    })?;
    Ok(DeadLetter {
        number: row.try_get::<_, i64>(0)?.unsigned_abs(),
        letter: Letter {
            feed: original(row.try_get(1)?),
            change,
            reason: original(row.try_get(3)?),
            attempts: u32::try_from(row.try_get::<_, i64>(4)?).unwrap_or(u32::MAX),
            at: row.try_get(5)?,
        },
    })
}

pub(super) async fn letters(
    wire: &mut Wire,
    place: &str,
    feed: Option<&str>,
    limit: u32,
) -> Inner<Vec<DeadLetter>> {
    let sql = format!(
        "SELECT {LETTER} FROM homing.dead_letters WHERE $1::text IS NULL OR feed = $1 ORDER BY letter DESC LIMIT $2"
    );
    let rows = wire.query(&sql, &[&feed.map(stored), &i64::from(limit)]).await?;
    rows.iter().map(|row| letter(row, place)).collect()
}

/// Every dead letter about one customer.
pub(super) async fn letters_of(wire: &mut Wire, place: &str, customer_id: &str) -> Inner<Vec<DeadLetter>> {
    let sql = format!("SELECT {LETTER} FROM homing.dead_letters WHERE customer_id = $1 ORDER BY letter");
    wire.query(&sql, &[&stored(customer_id)]).await?.iter().map(|row| letter(row, place)).collect()
}

pub(super) async fn drop_letter(wire: &mut Wire, number: u64) -> Inner<bool> {
    let sql = "DELETE FROM homing.dead_letters WHERE letter = $1";
    Ok(wire.execute(sql, &[&(number as i64)]).await? > 0)
}
