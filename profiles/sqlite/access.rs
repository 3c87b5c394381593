//! Secrets, keys, the audit log and what was recorded of challengers.

use homing_datasets::Micros;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use super::{Fault, Inner, SqliteStore};
use crate::Error;
use crate::access::{AuditEntry, Key};
use crate::privacy::{ERASURE, keyed_hash, random_bits};
use crate::shadow::{Pair, Summary, Tally};

pub(super) fn known_secret(connection: &Connection, purpose: &str) -> Inner<Option<[u8; 32]>> {
    let mut statement = connection.prepare_cached("SELECT secret FROM secrets WHERE purpose = ?1")?;
    Ok(statement.query_row([purpose], |row| row.get(0)).optional()?)
}

/// The secret for a purpose; makes it where there is none.
pub(super) fn secret(connection: &Connection, store: &SqliteStore, purpose: &str) -> Inner<[u8; 32]> {
    if let Some(secret) = known_secret(connection, purpose)? {
        return Ok(secret);
    }
    let secret = random_bits().map_err(|detail| Error::Database { store: store.place.clone(), detail })?;
    connection.execute("INSERT INTO secrets (purpose, secret) VALUES (?1, ?2)", params![purpose, secret])?;
    Ok(secret)
}

const KEY: &str = "id, name, role, hash, created_at, expires_at, revoked_at";

/// A row of [`KEY`].
fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok(Key {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        hash: row.get(3)?,
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        revoked_at: row.get(6)?,
    })
}

pub(super) fn insert_key(connection: &Connection, key: &Key) -> Inner<()> {
    let inserted = connection.execute(
        "INSERT INTO keys (id, name, role, hash, created_at, expires_at, revoked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![key.id, key.name, key.role, key.hash, key.created_at, key.expires_at, key.revoked_at],
    );
    match inserted {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(Fault::Known(Error::KeyExists(key.id.clone())))
        }
        other => Ok(other.map(drop)?),
    }
}

pub(super) fn keys(connection: &Connection) -> Inner<Vec<Key>> {
    let keys = connection
        .prepare_cached(&format!("SELECT {KEY} FROM keys ORDER BY created_at, id"))?
        .query_map([], key)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(keys)
}

pub(super) fn revoke_key(connection: &Connection, id: &str, at: Micros) -> Inner<bool> {
    let sql = "UPDATE keys SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1";
    Ok(connection.execute(sql, params![id, at])? > 0)
}

pub(super) fn key_by_hash(connection: &Connection, hash: &[u8; 32]) -> Inner<Option<Key>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {KEY} FROM keys WHERE hash = ?1"))?;
    Ok(statement.query_row([hash], key).optional()?)
}

pub(super) fn audit(connection: &Connection, entries: &[AuditEntry]) -> Inner<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO audit (at, key_id, action, customer_id, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for entry in entries {
        statement.execute(params![entry.at, entry.key_id, entry.action, entry.customer_id, entry.detail])?;
    }
    Ok(())
}

pub(super) fn audit_of(connection: &Connection, customer_id: &str) -> Inner<Vec<AuditEntry>> {
    let hash = known_secret(connection, ERASURE)?.map(|key| keyed_hash(&key, customer_id.as_bytes()));
    let entries = connection
        .prepare_cached(
            "SELECT entry, at, key_id, action, customer_id, detail FROM audit WHERE customer_id = ?1
             UNION ALL
             SELECT entry, at, key_id, action, customer_id, detail FROM audit WHERE erased_hash = ?2
             ORDER BY at, entry",
        )?
        .query_map(params![customer_id, hash], |row| {
            Ok(AuditEntry {
                at: row.get(1)?,
                key_id: row.get(2)?,
                action: row.get(3)?,
                customer_id: row.get(4)?,
                detail: row.get(5)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(entries)
}

pub(super) fn record_shadow(
    connection: &Connection,
    champion: &str,
    challenger: &str,
    pairs: &[Pair],
    at: Micros,
) -> Inner<()> {
    let tally = Tally::of(pairs);
    connection
        .prepare_cached(
            "INSERT INTO shadows (champion, challenger, compared, tags_differ, difference, distance, max_distance,
                 clv_champion, clv_challenger, first_at, last_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)
             ON CONFLICT (champion, challenger) DO UPDATE SET
                 compared = compared + excluded.compared, tags_differ = tags_differ + excluded.tags_differ,
                 difference = difference + excluded.difference, distance = distance + excluded.distance,
                 max_distance = max(max_distance, excluded.max_distance),
                 clv_champion = clv_champion + excluded.clv_champion,
                 clv_challenger = clv_challenger + excluded.clv_challenger,
                 first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)",
        )?
        .execute(params![
            champion,
            challenger,
            tally.compared as i64,
            tally.tags_differ as i64,
            tally.difference,
            tally.distance,
            tally.max_distance,
            tally.clv[0],
            tally.clv[1],
            at,
        ])?;
    Ok(())
}

pub(super) fn shadow_summary(connection: &Connection) -> Inner<Vec<Summary>> {
    let summaries = connection
        .prepare_cached(
            "SELECT champion, challenger, compared, tags_differ, difference, distance, max_distance, clv_champion,
                 clv_challenger, first_at, last_at FROM shadows ORDER BY champion, challenger",
        )?
        .query_map([], |row| {
            let tally = Tally {
                compared: row.get::<_, i64>(2)?.unsigned_abs(),
                tags_differ: row.get::<_, i64>(3)?.unsigned_abs(),
                difference: row.get(4)?,
                distance: row.get(5)?,
                max_distance: row.get(6)?,
                clv: [row.get(7)?, row.get(8)?],
            };
            Ok(tally.summary([row.get(0)?, row.get(1)?], row.get(9)?, row.get(10)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(summaries)
}
