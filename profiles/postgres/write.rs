//! Writing rows: by arrays where they are few, by COPY where they are many.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::pin::pin;

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::rows::Image;
use super::session::{Parameter, Wire};
use super::text::stored;
use super::{Fault, Inner, LOCKS};
use crate::state::Clock;

/// A text as a JSON column.
#[derive(Debug)]
pub(super) struct Jsonb<'a>(pub &'a str);

impl ToSql for Jsonb<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        // The version of the binary form.
        out.extend_from_slice(&[1]);
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(wanted: &Type) -> bool {
        *wanted == Type::JSONB
    }

    to_sql_checked!();
}

const COLUMNS: &str = "customer_id, revision, churn_risk, value_at_risk, clv, not_scored, model, as_of, scored_at, \
     events, purchases, orders, spend, first_purchase_at, last_purchase_at, prediction, tags, tag_details, history_print, \
     score_print, tags_print";

const TYPES: [Type; 21] = [
    Type::TEXT,
    Type::INT8,
    Type::FLOAT8,
    Type::FLOAT8,
    Type::FLOAT8,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::FLOAT8,
    Type::INT8,
    Type::INT8,
    Type::TEXT,
    Type::JSONB,
    Type::TEXT,
    Type::BYTEA,
    Type::BYTEA,
    Type::BYTEA,
];

/// What makes a row of an older one; after a concurrent write the revision differs, and the row is left alone.
const REPLACE: &str = "ON CONFLICT (customer_id) DO UPDATE SET revision = excluded.revision,
     churn_risk = excluded.churn_risk, value_at_risk = excluded.value_at_risk, clv = excluded.clv,
     not_scored = excluded.not_scored, model = excluded.model, as_of = excluded.as_of, scored_at = excluded.scored_at,
     events = excluded.events, purchases = excluded.purchases, orders = excluded.orders, spend = excluded.spend,
     first_purchase_at = excluded.first_purchase_at, last_purchase_at = excluded.last_purchase_at,
     prediction = excluded.prediction, tags = excluded.tags, tag_details = excluded.tag_details,
     history_print = excluded.history_print, score_print = excluded.score_print, tags_print = excluded.tags_print
     WHERE p.revision = excluded.revision - 1";

/// Images to this number are written by arrays in one statement; above it by COPY.
const FEW: usize = 500;

/// What a transaction writes.
pub(super) struct Writes<'a> {
    /// Profiles as they are to be, with their histories and changes, in the order of their ids.
    pub images: Vec<&'a Image>,
    /// The version of a profile that is new.
    pub first: i64,
    /// The fingerprint and the customer of each event. In one order everywhere, so that no two transactions wait in a circle.
    pub event_ids: BTreeMap<&'a str, (&'a [u8], &'a str)>,
    /// The instants to which the data clock is set forward.
    pub clock: Clock,
}

/// Writes, and ends the transaction.
pub(super) async fn write(wire: &mut Wire, writes: &Writes<'_>) -> Inner<()> {
    if writes.images.len() <= FEW {
        return few(wire, writes).await;
    }
    copy(wire, &writes.images, writes.first).await?;
    unless_first(wire.execute(EVENT_IDS, &parameters(&writes.event_columns())).await)?;
    wire.execute(CLOCK, &[&writes.clock.happened, &writes.clock.known]).await?;
    wire.run("COMMIT").await
}

/// Where another transaction was first with a customer or an event id, this one starts again, and then sees them.
fn unless_first<T>(done: Inner<T>) -> Inner<T> {
    match done {
        Err(Fault::Sql(error)) if error.code().is_some_and(|code| code.code() == "23505") => {
            Err(Fault::Again)
        }
        other => other,
    }
}

/// Arrays for `unnest`.
type Columns<'a> = Vec<Box<dyn ToSql + Sync + 'a>>;

fn column<'a, R: Copy, T: ToSql + Sync + 'a>(
    rows: &[R],
    pick: impl Fn(R) -> T,
) -> Box<dyn ToSql + Sync + 'a> {
    Box::new(rows.iter().copied().map(pick).collect::<Vec<T>>())
}

fn parameters<'c>(columns: &'c Columns<'_>) -> Vec<Parameter<'c>> {
    columns.iter().map(|column| &**column as Parameter<'c>).collect()
}

impl<'a> Writes<'a> {
    fn event_columns(&self) -> Columns<'a> {
        let rows: Vec<(&'a str, &'a [u8], &'a str)> = self
            .event_ids
            .iter()
            .map(|(id, (fingerprint, customer))| (*id, *fingerprint, *customer))
            .collect();
        vec![
            column(&rows, |row| stored(row.0)),
            column(&rows, |row| row.1),
            column(&rows, |row| -> Cow<'a, str> { stored(row.2) }),
        ]
    }

    fn profile_columns(&self) -> Columns<'a> {
        let (rows, first) = (&self.images[..], self.first);
        vec![
            column(rows, |row| row.customer_id.as_str()),
            column(rows, |row| row.version.unwrap_or(first)),
            column(rows, |row| row.numbers[0]),
            column(rows, |row| row.numbers[1]),
            column(rows, |row| row.numbers[2]),
            column(rows, |row| row.not_scored.as_deref()),
            column(rows, |row| row.model.as_str()),
            column(rows, |row| row.as_of),
            column(rows, |row| row.scored_at),
            column(rows, |row| row.history.events as i64),
            column(rows, |row| row.history.purchases as i64),
            column(rows, |row| row.history.orders as i64),
            column(rows, |row| row.history.spend),
            column(rows, |row| row.history.first_purchase_at),
            column(rows, |row| row.history.last_purchase_at),
            column(rows, |row| row.prediction.as_str()),
            column(rows, |row| Jsonb(&row.tags)),
            column(rows, |row| row.details.as_str()),
            column(rows, |row| row.fingerprints.history.as_slice()),
            column(rows, |row| row.fingerprints.score.as_slice()),
            column(rows, |row| row.fingerprints.tags.as_slice()),
        ]
    }

    fn history_columns(&self) -> Columns<'a> {
        let rows: Vec<(&'a str, &'a [u8])> = self
            .images
            .iter()
            .filter_map(|image| Some((image.customer_id.as_str(), image.bytes.as_deref()?)))
            .collect();
        vec![column(&rows, |row| row.0), column(&rows, |row| row.1)]
    }

    fn change_columns(&self) -> Columns<'a> {
        let rows: Vec<&'a Image> =
            self.images.iter().copied().filter(|image| image.change.is_some()).collect();
        vec![
            column(&rows, |row| row.customer_id.as_str()),
            column(&rows, |row| row.change.as_deref()),
            column(&rows, |row| row.not_scored.as_deref()),
            column(&rows, |row| row.model.as_str()),
            column(&rows, |row| row.as_of),
            column(&rows, |row| row.scored_at),
        ]
    }
}

const HISTORIES: &str =
    "INSERT INTO homing.histories (customer_id, bytes) SELECT * FROM unnest($1::text[], $2::bytea[])
     ON CONFLICT (customer_id) DO UPDATE SET bytes = excluded.bytes";

/// Fails where an id is taken meanwhile.
const EVENT_IDS: &str = "INSERT INTO homing.event_ids (event_id, fingerprint, customer_id)
     SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[])";

const CHANGES: &str = "INSERT INTO homing.changes (customer_id, tags, not_scored, model, as_of, scored_at, at)
     SELECT a, b, c, d, e, f, f
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS x(a, b, c, d, e, f)";

const CLOCK: &str = "UPDATE homing.clocks SET happened_until = greatest(happened_until, $1),
     known_until = greatest(known_until, $2)
     WHERE stripe = pg_backend_pid() % 64
         AND (coalesce(happened_until < $1, $1 IS NOT NULL) OR coalesce(known_until < $2, $2 IS NOT NULL))";

/// A transaction that adds to the feed holds this until its end (see [`super::feed`]).
pub(super) fn feed_lock() -> String {
    format!("SELECT pg_advisory_xact_lock_shared({} + last_value) FROM homing.change_cursor", LOCKS.feed)
}

/// By arrays, all in one trip to the server.
async fn few(wire: &mut Wire, writes: &Writes<'_>) -> Inner<()> {
    let profiles = wire
        .statement(&format!(
            "INSERT INTO homing.profiles AS p ({COLUMNS})
             SELECT * FROM unnest($1::text[], $2::bigint[], $3::float8[], $4::float8[], $5::float8[], $6::text[], $7::text[],
                 $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::float8[], $14::bigint[],
                 $15::bigint[], $16::text[], $17::jsonb[], $18::text[], $19::bytea[], $20::bytea[], $21::bytea[])
             {REPLACE}"
        ))
        .await?;
    let histories = wire.statement(HISTORIES).await?;
    let events = wire.statement(EVENT_IDS).await?;
    let lock = wire.statement(&feed_lock()).await?;
    let changes = wire.statement(CHANGES).await?;
    let clock = wire.statement(CLOCK).await?;
    let client = &wire.client;
    // A customer who is new here may be new elsewhere at the same moment; then this must not be committed.
    let all_locked = writes.images.iter().all(|image| image.version.is_some());
    let ending = async {
        match all_locked {
            true => client.batch_execute("COMMIT").await,
            false => Ok(()),
        }
    };
    let (profile_columns, history_columns) = (writes.profile_columns(), writes.history_columns());
    let (event_columns, change_columns) = (writes.event_columns(), writes.change_columns());
    let (profile_values, history_values) = (parameters(&profile_columns), parameters(&history_columns));
    let (event_values, change_values) = (parameters(&event_columns), parameters(&change_columns));
    let clock_values: [Parameter<'_>; 2] = [&writes.clock.happened, &writes.clock.known];
    let done = tokio::join!(
        biased;
        client.execute(&profiles, &profile_values),
        client.execute(&histories, &history_values),
        client.execute(&events, &event_values),
        client.query(&lock, &[]),
        client.execute(&changes, &change_values),
        client.execute(&clock, &clock_values),
        ending,
    );
    let written = done.0?;
    done.1?;
    unless_first(done.2.map_err(Fault::Sql))?;
    done.3?;
    done.4?;
    done.5?;
    done.6?;
    if written != writes.images.len() as u64 {
        return Err(Fault::Again);
    }
    if !all_locked {
        wire.run("COMMIT").await?;
    }
    Ok(())
}

/// By COPY: straight into the tables where every customer is new, else by way of a temporary table.
async fn copy(wire: &mut Wire, images: &[&Image], first: i64) -> Inner<()> {
    let all_new = images.iter().all(|image| image.version.is_none());
    let [profiles, histories] = match all_new {
        true => ["homing.profiles", "homing.histories"],
        false => ["pg_temp.homing_profiles", "pg_temp.homing_histories"],
    };
    if !all_new {
        wire.run(
            "CREATE TEMP TABLE IF NOT EXISTS homing_profiles (LIKE homing.profiles) ON COMMIT DELETE ROWS;
             CREATE TEMP TABLE IF NOT EXISTS homing_histories (LIKE homing.histories) ON COMMIT DELETE ROWS",
        )
        .await?;
    }
    unless_first(copy_profiles(wire, profiles, images, first).await)?;
    unless_first(copy_histories(wire, histories, images).await)?;
    if !all_new {
        let written = wire
            .client
            .execute(
                &format!(
                    "INSERT INTO homing.profiles AS p ({COLUMNS}) SELECT {COLUMNS} FROM pg_temp.homing_profiles
                     ORDER BY customer_id {REPLACE}"
                ),
                &[],
            )
            .await?;
        if written != images.len() as u64 {
            return Err(Fault::Again);
        }
        wire.run(
            "INSERT INTO homing.histories (customer_id, bytes) SELECT customer_id, bytes FROM pg_temp.homing_histories
             ORDER BY customer_id ON CONFLICT (customer_id) DO UPDATE SET bytes = excluded.bytes",
        )
        .await?;
    }
    copy_changes(wire, images).await
}

async fn copy_profiles(wire: &Wire, table: &str, images: &[&Image], first: i64) -> Inner<()> {
    let sink = wire.client.copy_in(&format!("COPY {table} ({COLUMNS}) FROM STDIN BINARY")).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &TYPES));
    for image in images {
        let n = &image.history;
        let [events, purchases, orders] = [n.events, n.purchases, n.orders].map(|count| count as i64);
        let tags = Jsonb(&image.tags);
        let row: [Parameter<'_>; 21] = [
            &image.customer_id,
            &image.version.unwrap_or(first),
            &image.numbers[0],
            &image.numbers[1],
            &image.numbers[2],
            &image.not_scored,
            &image.model,
            &image.as_of,
            &image.scored_at,
            &events,
            &purchases,
            &orders,
            &n.spend,
            &n.first_purchase_at,
            &n.last_purchase_at,
            &image.prediction,
            &tags,
            &image.details,
            &image.fingerprints.history.as_slice(),
            &image.fingerprints.score.as_slice(),
            &image.fingerprints.tags.as_slice(),
        ];
        writer.as_mut().write(&row).await?;
    }
    writer.finish().await?;
    Ok(())
}

async fn copy_histories(wire: &Wire, table: &str, images: &[&Image]) -> Inner<()> {
    let sink = wire.client.copy_in(&format!("COPY {table} (customer_id, bytes) FROM STDIN BINARY")).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &[Type::TEXT, Type::BYTEA]));
    for image in images {
        if let Some(bytes) = &image.bytes {
            writer.as_mut().write(&[&image.customer_id, bytes]).await?;
        }
    }
    writer.finish().await?;
    Ok(())
}

async fn copy_changes(wire: &mut Wire, images: &[&Image]) -> Inner<()> {
    if images.iter().all(|image| image.change.is_none()) {
        return Ok(());
    }
    wire.query(&feed_lock(), &[]).await?;
    let types = [Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT, Type::INT8, Type::INT8, Type::INT8];
    let sink = wire
        .client
        .copy_in(
            "COPY homing.changes (customer_id, tags, not_scored, model, as_of, scored_at, at) FROM STDIN BINARY",
        )
        .await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for image in images {
        if let Some(change) = &image.change {
            let row: [Parameter<'_>; 7] = [
                &image.customer_id,
                change,
                &image.not_scored,
                &image.model,
                &image.as_of,
                &image.scored_at,
                &image.scored_at,
            ];
            writer.as_mut().write(&row).await?;
        }
    }
    writer.finish().await?;
    Ok(())
}
