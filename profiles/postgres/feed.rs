//! The feed: written with the tags, read by cursor, pruned from its old end.
//!
//! Cursors are given out before a transaction commits, so a lower one may become visible after a higher one. A reader
//! that ran past it would never see it. Therefore who adds to the feed holds an advisory lock whose number is the last
//! cursor given out before its own; a reader reads no further than the lowest lock that is held.
//! Changes of one customer are ordered by the lock on the customer's row.

use super::session::Wire;
use super::{Inner, LOCKS};
use crate::sql::Unreadable;

/// The last cursor before which no change can appear any more.
pub(super) async fn settled(wire: &mut Wire) -> Inner<u64> {
    // The sequence first, then the locks: who takes a lock after that gets cursors above what the sequence said.
    let given = given(wire).await?;
    let lowest = format!(
        "SELECT min(((classid::bigint << 32) | objid::bigint) - {feed}) FROM pg_locks
         WHERE locktype = 'advisory' AND objsubid = 1
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND ((classid::bigint << 32) | objid::bigint) BETWEEN {feed} AND {last}",
        feed = LOCKS.feed,
        last = LOCKS.schema - 1,
    );
    let lowest: Option<i64> = match wire.one(&lowest, &[]).await? {
        Some(row) => row.try_get(0)?,
        None => None,
    };
    Ok(lowest.map_or(given, |lowest| lowest.unsigned_abs().min(given)))
}

/// The last cursor that was given out.
pub(super) async fn given(wire: &mut Wire) -> Inner<u64> {
    let given = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM change_cursor";
    let row = wire
        .one(given, &[])
        .await?
        .ok_or_else(|| Unreadable("the sequence of the change feed does not exist".to_owned()))?;
    Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
}
