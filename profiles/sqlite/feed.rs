//! The feed, written with the tags.

use rusqlite::{Connection, OptionalExtension, params};

use super::Inner;
use crate::sql::json;
use crate::state::Plan;

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

pub(super) fn newest(connection: &Connection) -> Inner<u64> {
    let mut statement =
        connection.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")?;
    let newest: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(newest.unwrap_or_default().unsigned_abs())
}
