//! Secrets, keys, the audit log and what was recorded of challengers.

use homing_datasets::Micros;
use tokio_postgres::Row;

use super::session::Wire;
use super::text::{original, stored};
use super::{Fault, Inner, PostgresStore};
use crate::Error;
use crate::access::{AuditEntry, Key};
use crate::privacy::random_bits;
use crate::shadow::{Pair, Summary, Tally};

/// 32 bytes of a column.
fn bits(row: &Row, at: usize) -> Inner<[u8; 32]> {
    let bytes: &[u8] = row.try_get(at)?;
    let damaged = |_| Error::Database {
        store: "postgres".to_owned(),
        detail: "a key or secret is not of 32 bytes; restore it from a backup".to_owned(),
    };
    Ok(bytes.try_into().map_err(damaged)?)
}

pub(super) async fn known_secret(wire: &mut Wire, purpose: &str) -> Inner<Option<[u8; 32]>> {
    let row = wire.one("SELECT secret FROM homing.secrets WHERE purpose = $1", &[&stored(purpose)]).await?;
    row.map(|row| bits(&row, 0)).transpose()
}

/// The secret for a purpose; makes it where there is none.
pub(super) async fn secret(wire: &mut Wire, place: &str, purpose: &str) -> Inner<[u8; 32]> {
    if let Some(secret) = known_secret(wire, purpose).await? {
        return Ok(secret);
    }
    let secret = random_bits().map_err(|detail| Error::Database { store: place.to_owned(), detail })?;
    let sql = "INSERT INTO homing.secrets (purpose, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    wire.execute(sql, &[&stored(purpose), &secret.as_slice()]).await?;
    // Another server may have been first.
    known_secret(wire, purpose).await?.ok_or(Fault::Again)
}

const KEY: &str = "id, name, role, hash, created_at, expires_at, revoked_at";

/// A row of [`KEY`].
fn key(row: &Row) -> Inner<Key> {
    Ok(Key {
        id: original(row.try_get(0)?),
        name: original(row.try_get(1)?),
        role: original(row.try_get(2)?),
        hash: bits(row, 3)?,
        created_at: row.try_get(4)?,
        expires_at: row.try_get(5)?,
        revoked_at: row.try_get(6)?,
    })
}

pub(super) async fn insert_key(wire: &mut Wire, key: &Key) -> Inner<()> {
    let sql = format!("INSERT INTO homing.keys ({KEY}) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    let (id, name, role) = (stored(&key.id), stored(&key.name), stored(&key.role));
    let hash = key.hash.as_slice();
    let inserted = wire
        .execute(&sql, &[&id, &name, &role, &hash, &key.created_at, &key.expires_at, &key.revoked_at])
        .await;
    match inserted {
        Err(Fault::Sql(error)) if error.code().is_some_and(|code| code.code() == "23505") => {
            Err(Fault::Known(Error::KeyExists(key.id.clone())))
        }
        other => other.map(drop),
    }
}

pub(super) async fn keys(wire: &mut Wire) -> Inner<Vec<Key>> {
    let sql = format!("SELECT {KEY} FROM homing.keys ORDER BY created_at, id COLLATE \"C\"");
    wire.query(&sql, &[]).await?.iter().map(key).collect()
}

pub(super) async fn revoke_key(wire: &mut Wire, id: &str, at: Micros) -> Inner<bool> {
    let sql = "UPDATE homing.keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1";
    Ok(wire.execute(sql, &[&stored(id), &at]).await? > 0)
}

pub(super) async fn key_by_hash(wire: &mut Wire, hash: &[u8; 32]) -> Inner<Option<Key>> {
    let sql = format!("SELECT {KEY} FROM homing.keys WHERE hash = $1");
    wire.one(&sql, &[&hash.as_slice()]).await?.map(|row| key(&row)).transpose()
}

pub(super) async fn audit(wire: &mut Wire, entries: &[AuditEntry]) -> Inner<()> {
    let at: Vec<Micros> = entries.iter().map(|entry| entry.at).collect();
    let keys: Vec<_> = entries.iter().map(|entry| entry.key_id.as_deref().map(stored)).collect();
    let actions: Vec<_> = entries.iter().map(|entry| stored(&entry.action)).collect();
    let customers: Vec<_> = entries.iter().map(|entry| entry.customer_id.as_deref().map(stored)).collect();
    let details: Vec<_> = entries.iter().map(|entry| stored(&entry.detail)).collect();
    let sql = "INSERT INTO homing.audit (at, key_id, action, customer_id, detail)
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])";
    wire.execute(sql, &[&at, &keys, &actions, &customers, &details]).await.map(drop)
}

pub(super) async fn audit_of(
    wire: &mut Wire,
    store: &PostgresStore,
    customer_id: &str,
) -> Inner<Vec<AuditEntry>> {
    let sql = "SELECT at, key_id, action, customer_id, detail FROM homing.audit
         WHERE customer_id = $1 OR erased_hash = $2 ORDER BY at, entry";
    let hash = store.hash(customer_id);
    let rows = wire.query(sql, &[&stored(customer_id), &hash.as_slice()]).await?;
    rows.iter()
        .map(|row| {
            Ok(AuditEntry {
                at: row.try_get(0)?,
                key_id: row.try_get::<_, Option<String>>(1)?.map(original),
                action: original(row.try_get(2)?),
                customer_id: row.try_get::<_, Option<String>>(3)?.map(original),
                detail: original(row.try_get(4)?),
            })
        })
        .collect()
}

pub(super) async fn record_shadow(
    wire: &mut Wire,
    champion: &str,
    challenger: &str,
    pairs: &[Pair],
    at: Micros,
) -> Inner<()> {
    let tally = Tally::of(pairs);
    let sql = "INSERT INTO homing.shadows AS s (champion, challenger, compared, tags_differ, difference, distance,
             max_distance, clv_champion, clv_challenger, first_at, last_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
         ON CONFLICT (champion, challenger) DO UPDATE SET
             compared = s.compared + excluded.compared, tags_differ = s.tags_differ + excluded.tags_differ,
             difference = s.difference + excluded.difference, distance = s.distance + excluded.distance,
             max_distance = greatest(s.max_distance, excluded.max_distance),
             clv_champion = s.clv_champion + excluded.clv_champion,
             clv_challenger = s.clv_challenger + excluded.clv_challenger,
             first_at = least(s.first_at, excluded.first_at), last_at = greatest(s.last_at, excluded.last_at)";
    let (compared, differ) = (tally.compared as i64, tally.tags_differ as i64);
    let [a, b] = tally.clv;
    let (champion, challenger) = (stored(champion), stored(challenger));
    wire.execute(
        sql,
        &[
            &champion,
            &challenger,
            &compared,
            &differ,
            &tally.difference,
            &tally.distance,
            &tally.max_distance,
            &a,
            &b,
            &at,
        ],
    )
    .await
    .map(drop)
}

pub(super) async fn shadow_summary(wire: &mut Wire) -> Inner<Vec<Summary>> {
    let sql = "SELECT champion, challenger, compared, tags_differ, difference, distance, max_distance, clv_champion,
         clv_challenger, first_at, last_at FROM homing.shadows
         ORDER BY champion COLLATE \"C\", challenger COLLATE \"C\"";
    let rows = wire.query(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let tally = Tally {
                compared: row.try_get::<_, i64>(2)?.unsigned_abs(),
                tags_differ: row.try_get::<_, i64>(3)?.unsigned_abs(),
                difference: row.try_get(4)?,
                distance: row.try_get(5)?,
                max_distance: row.try_get(6)?,
                clv: [row.try_get(7)?, row.try_get(8)?],
            };
            let models = [original(row.try_get(0)?), original(row.try_get(1)?)];
            Ok(tally.summary(models, row.try_get(9)?, row.try_get(10)?))
        })
        .collect()
}
