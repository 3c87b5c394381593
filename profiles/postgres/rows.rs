//! Rows as the writers read and write them.

use std::collections::BTreeMap;
use std::pin::pin;

use homing_datasets::Micros;
use homing_models::NotScored;
use serde_json::{Map, Value};
use tokio_postgres::Row;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::session::{Parameter, Wire};
use super::text::{original, original_value, stored, stored_value};
use super::{Fault, Inner, LOCKS};
use crate::plan::{Held, HeldTag, HistoryNumbers, LAYERS, Origin, Plan, Prints, history_print, value_text};
use crate::{Error, Layer};

/// What the store holds of one customer.
pub(super) struct Stored {
    /// Grows with every write to the customer.
    pub revision: i64,
    pub held: Held,
    not_scored: Option<String>,
    numbers: HistoryNumbers,
    history_print: Vec<u8>,
    prints: [Vec<u8>; 2],
}

const STORED: &str = "SELECT p.customer_id, p.revision, p.churn_risk, p.value_at_risk, p.clv, p.not_scored, p.model,
     p.as_of, p.scored_at, p.events, p.purchases, p.orders, p.spend, p.first_purchase_at, p.last_purchase_at, p.prediction,
     p.tags::text, p.tag_details, p.history_print, p.score_print, p.tags_print, h.bytes
     FROM homing.profiles p LEFT JOIN homing.histories h ON h.customer_id = p.customer_id
     WHERE p.customer_id = ANY($1)";

/// The statement behind [`loaded`]; its parameter is the list of ids in their stored form.
pub(super) fn load_statement() -> &'static str {
    STORED
}

/// Reads what the store holds of customers, by their ids in the stored form.
pub(super) async fn load(wire: &mut Wire, place: &str, ids: &[&str]) -> Inner<BTreeMap<String, Stored>> {
    loaded(wire.query(STORED, &[&ids]).await?, place)
}

/// Rows of [`load_statement`], by id in its original form.
pub(super) fn loaded(rows: Vec<Row>, place: &str) -> Inner<BTreeMap<String, Stored>> {
    rows.iter().map(|row| row_of(row, place)).collect()
}

fn row_of(row: &Row, place: &str) -> Inner<(String, Stored)> {
    let customer_id = original(row.try_get(0)?);
    let held = Held {
        as_of: row.try_get(7)?,
        scored_at: row.try_get(8)?,
        model: original(row.try_get(6)?),
        prediction: row.try_get(15)?,
        numbers: [row.try_get(2)?, row.try_get(3)?, row.try_get(4)?],
        // Without a row the bytes are none, and those do not read as a history: the profile is damaged.
        history: row.try_get::<_, Option<Vec<u8>>>(21)?.unwrap_or_default(),
        tags: tags(place, &customer_id, row.try_get(16)?, row.try_get(17)?)?,
    };
    let stored = Stored {
        revision: row.try_get(1)?,
        held,
        not_scored: row.try_get(5)?,
        numbers: numbers(row, 9)?,
        history_print: row.try_get(18)?,
        prints: [row.try_get(19)?, row.try_get(20)?],
    };
    Ok((customer_id, stored))
}

/// The history in numbers, from six columns on.
pub(super) fn numbers(row: &Row, at: usize) -> Inner<HistoryNumbers> {
    let count = |at: usize| row.try_get::<_, i64>(at).map(i64::unsigned_abs);
    Ok(HistoryNumbers {
        events: count(at)?,
        purchases: count(at + 1)?,
        orders: count(at + 2)?,
        spend: row.try_get(at + 3)?,
        first_purchase_at: row.try_get(at + 4)?,
        last_purchase_at: row.try_get(at + 5)?,
    })
}

/// The rest of a tag beside its value: layer, confidence, expiry, and where it comes from if not from the present score.
type Detail = (u8, Option<f64>, Option<Micros>, Option<(String, Micros, Micros)>);

/// Tags from their two columns.
pub(super) fn tags(
    place: &str,
    customer_id: &str,
    values: &str,
    details: &str,
) -> Result<Vec<HeldTag>, Error> {
    let damaged = |detail: String| Error::Damaged {
        store: place.to_owned(),
        customer_id: customer_id.to_owned(),
        detail,
    };
    let values: Map<String, Value> =
        serde_json::from_str(values).map_err(|error| damaged(format!("tags: {error}")))?;
    let mut details: BTreeMap<String, Detail> =
        serde_json::from_str(details).map_err(|error| damaged(format!("tag details: {error}")))?;
    let tag = |(name, value): (String, Value)| {
        let name = original(name);
        let (layer, confidence, expires_after, origin) =
            details.remove(&name).unwrap_or((1, None, None, None));
        HeldTag {
            value: value_text(&original_value(value)),
            layer: LAYERS.get(usize::from(layer)).copied().unwrap_or(Layer::Dynamic),
            confidence,
            expires_after,
            origin: origin.map(|(model, as_of, scored_at)| Origin { model, as_of, scored_at }),
            name,
        }
    };
    Ok(values.into_iter().map(tag).collect())
}

/// A whole row of `profiles` and its history, as it is to be.
pub(super) struct Image {
    pub customer_id: String,
    pub is_new: bool,
    revision: i64,
    numbers: [Option<f64>; 3],
    not_scored: Option<String>,
    model: String,
    as_of: Micros,
    scored_at: Micros,
    history: HistoryNumbers,
    prediction: String,
    tags: String,
    details: String,
    history_print: Vec<u8>,
    prints: [Vec<u8>; 2],
    /// The history's bytes, where they changed.
    bytes: Option<Vec<u8>>,
    /// The change for the feed, where a tag changed.
    change: Option<String>,
}

impl Image {
    /// The row after a plan; `None` where nothing is to be written.
    pub fn of(customer_id: &str, stored: Option<&Stored>, plan: &Plan) -> Inner<Option<Self>> {
        if plan.is_idle() || (stored.is_none() && (plan.history.is_none() || plan.score.is_none())) {
            return Ok(None);
        }
        let mut tags: BTreeMap<&str, &HeldTag> =
            stored.iter().flat_map(|stored| &stored.held.tags).map(|tag| (tag.name.as_str(), tag)).collect();
        for name in &plan.remove {
            tags.remove(name.as_str());
        }
        tags.extend(plan.set.iter().map(|tag| (tag.name.as_str(), tag)));
        let (values, details) = columns(&tags)?;
        let held = stored.map(|stored| &stored.held);
        let (score, before) = (plan.score.as_ref(), stored);
        let prints = match (score, plan.prints, stored) {
            (Some(_), Some(Prints { score, tags }), _) => [score.to_vec(), tags.to_vec()],
            (_, _, Some(stored)) => stored.prints.clone(),
            _ => [Vec::new(), Vec::new()],
        };
        let bytes = plan.history.as_ref().map(|history| history.bytes.clone());
        Ok(Some(Image {
            customer_id: stored_form(customer_id),
            is_new: stored.is_none(),
            revision: stored.map_or(1, |stored| stored.revision + 1),
            numbers: match score {
                Some(score) => score.numbers.map_or([None; 3], |numbers| numbers.map(Some)),
                None => held.map_or([None; 3], |held| held.numbers),
            },
            not_scored: match score {
                Some(score) => score.not_scored.map(|cause| NotScored::code(cause).to_owned()),
                None => before.and_then(|stored| stored.not_scored.clone()),
            },
            model: score.map_or_else(
                || held.map(|held| stored_form(&held.model)).unwrap_or_default(),
                |score| stored_form(&score.provenance.model),
            ),
            as_of: score.map(|score| score.provenance.as_of).or(held.map(|h| h.as_of)).unwrap_or_default(),
            scored_at: score
                .map(|score| score.provenance.scored_at)
                .or(held.map(|held| held.scored_at))
                .unwrap_or_default(),
            history: match &plan.history {
                Some(history) => history.numbers,
                None => stored.map(|stored| stored.numbers).unwrap_or_default(),
            },
            prediction: match score {
                Some(score) => score.prediction.clone(),
                None => held.map(|held| held.prediction.clone()).unwrap_or_default(),
            },
            tags: values,
            details,
            history_print: match &bytes {
                Some(bytes) => history_print(bytes).to_vec(),
                None => stored.map(|stored| stored.history_print.clone()).unwrap_or_default(),
            },
            prints,
            bytes,
            change: match plan.changed.is_empty() || score.is_none() {
                true => None,
                false => Some(json(&plan.changed)?),
            },
        }))
    }
}

fn stored_form(text: &str) -> String {
    stored(text).into_owned()
}

/// JSON text.
pub(super) fn json(value: &impl serde::Serialize) -> Inner<String> {
    serde_json::to_string(value).map_err(|error| {
        Fault::Known(Error::Database { store: "postgres".to_owned(), detail: error.to_string() })
    })
}

/// The two columns of tags.
fn columns(tags: &BTreeMap<&str, &HeldTag>) -> Inner<(String, String)> {
    let mut values = String::with_capacity(tags.len() * 32);
    let mut details: BTreeMap<&str, Detail> = BTreeMap::new();
    values.push('{');
    for (name, tag) in tags {
        if values.len() > 1 {
            values.push(',');
        }
        values.push_str(&json(&stored(name))?);
        values.push(':');
        // Only a text can hold what a JSON column cannot.
        match tag.value.contains("\\u000") {
            true => {
                let value: Value = serde_json::from_str(&tag.value).unwrap_or(Value::Null);
                values.push_str(&stored_value(&value).to_string());
            }
            false => values.push_str(&tag.value),
        }
        let origin = tag.origin.as_ref().map(|origin| (origin.model.clone(), origin.as_of, origin.scored_at));
        details.insert(name, (tag.layer as u8, tag.confidence, tag.expires_after, origin));
    }
    values.push('}');
    Ok((values, json(&details)?))
}

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

/// What makes a row of an older one; whoever wrote in between has another revision, and then it is left.
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

/// Writes images in the order of their ids, histories and changes with them, and sets the clock forward. Ends the
/// transaction. `happened` and `known`: the latest instants among what is written.
pub(super) async fn write(
    wire: &mut Wire,
    images: &[&Image],
    happened: Option<Micros>,
    known: Option<Micros>,
) -> Inner<()> {
    if images.len() > FEW {
        copy(wire, images).await?;
        clock(wire, happened, known).await?;
        return wire.run("COMMIT").await;
    }
    few(wire, images, happened, known).await
}

async fn clock(wire: &mut Wire, happened: Option<Micros>, known: Option<Micros>) -> Inner<()> {
    wire.execute(CLOCK, &[&happened, &known]).await.map(drop)
}

const CLOCK: &str = "UPDATE homing.clocks SET happened_until = greatest(happened_until, $1),
     known_until = greatest(known_until, $2)
     WHERE stripe = pg_backend_pid() % 64
         AND (coalesce(happened_until < $1, $1 IS NOT NULL) OR coalesce(known_until < $2, $2 IS NOT NULL))";

/// Whoever adds to the feed holds this until the end of its transaction (see [`super::feed`]).
pub(super) fn feed_lock() -> String {
    format!("SELECT pg_advisory_xact_lock_shared({} + last_value) FROM homing.change_cursor", LOCKS.feed)
}

/// By arrays, all in one trip to the server.
async fn few(
    wire: &mut Wire,
    images: &[&Image],
    happened: Option<Micros>,
    known: Option<Micros>,
) -> Inner<()> {
    let ids: Vec<&str> = images.iter().map(|image| image.customer_id.as_str()).collect();
    let revisions: Vec<i64> = images.iter().map(|image| image.revision).collect();
    let number = |at: usize| images.iter().map(|image| image.numbers[at]).collect::<Vec<Option<f64>>>();
    let (churn, value, clv) = (number(0), number(1), number(2));
    let not_scored: Vec<Option<&str>> = images.iter().map(|image| image.not_scored.as_deref()).collect();
    let models: Vec<&str> = images.iter().map(|image| image.model.as_str()).collect();
    let as_of: Vec<i64> = images.iter().map(|image| image.as_of).collect();
    let scored_at: Vec<i64> = images.iter().map(|image| image.scored_at).collect();
    let count = |pick: fn(&HistoryNumbers) -> u64| {
        images.iter().map(|image| pick(&image.history) as i64).collect::<Vec<i64>>()
    };
    let (events, purchases, orders) = (count(|n| n.events), count(|n| n.purchases), count(|n| n.orders));
    let spend: Vec<f64> = images.iter().map(|image| image.history.spend).collect();
    let first: Vec<Option<i64>> = images.iter().map(|image| image.history.first_purchase_at).collect();
    let last: Vec<Option<i64>> = images.iter().map(|image| image.history.last_purchase_at).collect();
    let predictions: Vec<&str> = images.iter().map(|image| image.prediction.as_str()).collect();
    let tags: Vec<&str> = images.iter().map(|image| image.tags.as_str()).collect();
    let details: Vec<&str> = images.iter().map(|image| image.details.as_str()).collect();
    let prints: Vec<&[u8]> = images.iter().map(|image| image.history_print.as_slice()).collect();
    let score_prints: Vec<&[u8]> = images.iter().map(|image| image.prints[0].as_slice()).collect();
    let tag_prints: Vec<&[u8]> = images.iter().map(|image| image.prints[1].as_slice()).collect();
    let profiles = wire
        .statement(&format!(
            "INSERT INTO homing.profiles AS p ({COLUMNS})
             SELECT x.a, x.b, x.c, x.d, x.e, x.f, x.g, x.h, x.i, x.j, x.k, x.l, x.m, x.n, x.o, x.p, x.q::jsonb, x.r,
                 x.s, x.t, x.u
             FROM unnest($1::text[], $2::bigint[], $3::float8[], $4::float8[], $5::float8[], $6::text[], $7::text[],
                 $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::float8[], $14::bigint[],
                 $15::bigint[], $16::text[], $17::text[], $18::text[], $19::bytea[], $20::bytea[], $21::bytea[])
                 AS x(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u)
             {REPLACE}"
        ))
        .await?;
    let profile_values: [Parameter<'_>; 21] = [
        &ids,
        &revisions,
        &churn,
        &value,
        &clv,
        &not_scored,
        &models,
        &as_of,
        &scored_at,
        &events,
        &purchases,
        &orders,
        &spend,
        &first,
        &last,
        &predictions,
        &tags,
        &details,
        &prints,
        &score_prints,
        &tag_prints,
    ];
    let with_history: Vec<(&str, &[u8])> = images
        .iter()
        .filter_map(|image| Some((image.customer_id.as_str(), image.bytes.as_deref()?)))
        .collect();
    let (history_ids, bytes): (Vec<&str>, Vec<&[u8]>) = with_history.into_iter().unzip();
    let histories = wire
        .statement(
            "INSERT INTO homing.histories (customer_id, bytes) SELECT * FROM unnest($1::text[], $2::bytea[])
             ON CONFLICT (customer_id) DO UPDATE SET bytes = excluded.bytes",
        )
        .await?;
    let changed: Vec<&Image> = images.iter().copied().filter(|image| image.change.is_some()).collect();
    let lock = wire.statement(&feed_lock()).await?;
    let changes = wire
        .statement(
            "INSERT INTO homing.changes (customer_id, tags, not_scored, model, as_of, scored_at, at)
             SELECT a, b, c, d, e, f, f
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS x(a, b, c, d, e, f)",
        )
        .await?;
    let change_ids: Vec<&str> = changed.iter().map(|image| image.customer_id.as_str()).collect();
    let change_tags: Vec<Option<&str>> = changed.iter().map(|image| image.change.as_deref()).collect();
    let change_causes: Vec<Option<&str>> = changed.iter().map(|image| image.not_scored.as_deref()).collect();
    let change_models: Vec<&str> = changed.iter().map(|image| image.model.as_str()).collect();
    let change_as_of: Vec<i64> = changed.iter().map(|image| image.as_of).collect();
    let change_scored: Vec<i64> = changed.iter().map(|image| image.scored_at).collect();
    let change_values: [Parameter<'_>; 6] =
        [&change_ids, &change_tags, &change_causes, &change_models, &change_as_of, &change_scored];
    let clock = wire.statement(CLOCK).await?;
    let client = &wire.client;
    // A customer who is new here may be new elsewhere at the same moment; then this must not be committed.
    let all_locked = images.iter().all(|image| !image.is_new);
    let ending = async {
        match all_locked {
            true => client.batch_execute("COMMIT").await,
            false => Ok(()),
        }
    };
    let clock_values: [Parameter<'_>; 2] = [&happened, &known];
    let history_values: [Parameter<'_>; 2] = [&history_ids, &bytes];
    let done = tokio::join!(
        biased;
        client.execute(&profiles, &profile_values),
        client.execute(&histories, &history_values),
        client.query(&lock, &[]),
        client.execute(&changes, &change_values),
        client.execute(&clock, &clock_values),
        ending,
    );
    let written = done.0?;
    done.1?;
    done.2?;
    done.3?;
    done.4?;
    done.5?;
    if written != images.len() as u64 {
        return Err(Fault::Again);
    }
    if !all_locked {
        wire.run("COMMIT").await?;
    }
    Ok(())
}

/// By COPY: straight into the tables where every customer is new, else by way of a temporary table.
async fn copy(wire: &mut Wire, images: &[&Image]) -> Inner<()> {
    let all_new = images.iter().all(|image| image.is_new);
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
    let copied = copy_profiles(wire, profiles, images).await;
    let copied = match copied {
        Ok(()) => copy_histories(wire, histories, images).await,
        other => other,
    };
    match copied {
        // Someone else met one of these customers first.
        Err(Fault::Sql(error)) if error.code().is_some_and(|code| code.code() == "23505") => {
            return Err(Fault::Again);
        }
        other => other?,
    }
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

async fn copy_profiles(wire: &Wire, table: &str, images: &[&Image]) -> Inner<()> {
    let sink = wire.client.copy_in(&format!("COPY {table} ({COLUMNS}) FROM STDIN BINARY")).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &TYPES));
    for image in images {
        let n = &image.history;
        let [events, purchases, orders] = [n.events, n.purchases, n.orders].map(|count| count as i64);
        let tags = Jsonb(&image.tags);
        let row: [Parameter<'_>; 21] = [
            &image.customer_id,
            &image.revision,
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
            &image.history_print,
            &image.prints[0],
            &image.prints[1],
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
