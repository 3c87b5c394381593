//! Rows as the writers read and write them.

use std::borrow::Cow;
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
use crate::Error;
use crate::plan::{LAYERS, value_text};
use crate::sql::{Unreadable, json};
use crate::state::{Clock, Fingerprints, HeldTag, HistoryCounts, Origin, Plan, State, StoredRow};

/// The columns of [`stored_row`]; the parameter is the list of ids in their stored form.
pub(super) const STORED: &str = "SELECT p.customer_id, p.revision, p.churn_risk, p.value_at_risk, p.clv, p.not_scored, p.model,
     p.as_of, p.scored_at, p.events, p.purchases, p.orders, p.spend, p.first_purchase_at, p.last_purchase_at, p.prediction,
     p.tags::text, p.tag_details, p.history_print, p.score_print, p.tags_print, h.bytes
     FROM homing.profiles p LEFT JOIN homing.histories h ON h.customer_id = p.customer_id
     WHERE p.customer_id = ANY($1)";

/// A row of [`STORED`].
pub(super) fn stored_row(row: &Row, place: &str, customer_id: &str) -> Inner<StoredRow> {
    Ok(StoredRow {
        origin: Origin {
            as_of: row.try_get(7)?,
            scored_at: row.try_get(8)?,
            model: original(row.try_get(6)?),
        },
        prediction: row.try_get(15)?,
        numbers: [row.try_get(2)?, row.try_get(3)?, row.try_get(4)?],
        not_scored: row.try_get(5)?,
        // Without a row the bytes are none, and those do not read as a history: the profile is damaged.
        history: row.try_get::<_, Option<Vec<u8>>>(21)?.unwrap_or_default(),
        counts: counts(row, 9)?,
        tags: tags(place, customer_id, row.try_get(16)?, row.try_get(17)?)?,
        fingerprints: Some(fingerprints(row, 18, place, customer_id)?),
    })
}

/// Fingerprints from three columns on.
pub(super) fn fingerprints(row: &Row, at: usize, place: &str, customer_id: &str) -> Inner<Fingerprints> {
    let fingerprint = |at: usize| -> Inner<[u8; 16]> {
        row.try_get::<_, &[u8]>(at)?.try_into().map_err(|_| {
            let (store, customer_id) = (place.to_owned(), customer_id.to_owned());
            Fault::Known(Error::Damaged {
                store,
                customer_id,
                detail: "a fingerprint is not of 16 bytes".to_owned(),
            })
        })
    };
    Ok(Fingerprints { history: fingerprint(at)?, score: fingerprint(at + 1)?, tags: fingerprint(at + 2)? })
}

/// The counts of a history, from six columns on.
pub(super) fn counts(row: &Row, at: usize) -> Inner<HistoryCounts> {
    let count = |at: usize| row.try_get::<_, i64>(at).map(i64::unsigned_abs);
    Ok(HistoryCounts {
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

/// Tags from their two columns; without details whoever asks wants names and values alone.
pub(super) fn tags(
    place: &str,
    customer_id: &str,
    values: &str,
    details: Option<&str>,
) -> Result<Vec<HeldTag>, Error> {
    let damaged = |detail: String| Error::Damaged {
        store: place.to_owned(),
        customer_id: customer_id.to_owned(),
        detail,
    };
    let values: Map<String, Value> =
        serde_json::from_str(values).map_err(|error| damaged(format!("tags: {error}")))?;
    let mut details: Option<BTreeMap<String, Detail>> = details
        .map(serde_json::from_str)
        .transpose()
        .map_err(|error| damaged(format!("tag details: {error}")))?;
    let tag = |(name, value): (String, Value)| {
        let name = original(name);
        let detail = details.as_mut().map_or(Some((1, None, None, None)), |details| details.remove(&name));
        let known = |(layer, confidence, expires_after, origin): Detail| {
            Some((LAYERS.get(usize::from(layer)).copied()?, confidence, expires_after, origin))
        };
        let (layer, confidence, expires_after, origin) =
            detail.and_then(known).ok_or_else(|| damaged(format!("the tag `{name}` has no layer")))?;
        Ok(HeldTag {
            value: value_text(&original_value(value)),
            layer,
            confidence,
            expires_after,
            origin: origin.map(|(model, as_of, scored_at)| Origin { model, as_of, scored_at }),
            name,
        })
    };
    values.into_iter().map(tag).collect()
}

/// A whole row of `profiles` and its history, as it is to be.
pub(super) struct Image {
    pub customer_id: String,
    /// What the version becomes; `None` for who is new.
    version: Option<i64>,
    numbers: [Option<f64>; 3],
    not_scored: Option<String>,
    model: String,
    as_of: Micros,
    scored_at: Micros,
    history: HistoryCounts,
    prediction: String,
    tags: String,
    details: String,
    fingerprints: Fingerprints,
    /// The history's bytes, where they changed.
    bytes: Option<Vec<u8>>,
    /// The change for the feed, where a tag changed.
    change: Option<String>,
}

impl Image {
    /// The row after a plan; `None` where nothing is to be written.
    pub fn of(state: &State, plan: &Plan) -> Inner<Option<Self>> {
        let row = state.row();
        if plan.is_idle() {
            return Ok(None);
        }
        let (Some(origin), Some(counts), Some(fingerprints)) = parts(row, plan) else {
            let detail = "a customer unseen before came without history or score".to_owned();
            let (store, customer_id) = ("postgres".to_owned(), state.customer_id.clone());
            return Err(Fault::Known(Error::Damaged { store, customer_id, detail }));
        };
        let mut tags: BTreeMap<&str, &HeldTag> =
            row.iter().flat_map(|row| &row.tags).map(|tag| (tag.name.as_str(), tag)).collect();
        for name in &plan.remove {
            tags.remove(name.as_str());
        }
        tags.extend(plan.set.iter().map(|tag| (tag.name.as_str(), tag)));
        let (values, details) = columns(&tags)?;
        let score = plan.score.as_ref();
        let code = |cause: NotScored| cause.code().to_owned();
        Ok(Some(Image {
            customer_id: stored_form(&state.customer_id),
            version: state.version.map(|version| version + 1),
            numbers: match score {
                Some(score) => score.numbers.map_or([None; 3], |numbers| numbers.map(Some)),
                None => row.map_or([None; 3], |row| row.numbers),
            },
            not_scored: match score {
                Some(score) => score.not_scored.map(code),
                None => row.and_then(|row| row.not_scored.clone()),
            },
            model: stored_form(&origin.model),
            as_of: origin.as_of,
            scored_at: origin.scored_at,
            history: counts,
            prediction: match score {
                Some(score) => score.prediction.clone(),
                None => {
                    let held = row.map(|row| row.prediction.clone());
                    held.ok_or_else(|| Unreadable("a new profile has no score".to_owned()))?
                }
            },
            tags: values,
            details,
            fingerprints,
            bytes: plan.history.as_ref().map(|history| history.bytes.clone()),
            change: match plan.changed.is_empty() || score.is_none() {
                true => None,
                false => Some(json(&plan.changed)?),
            },
        }))
    }
}

/// What comes from the plan where it has it, and else from the row.
fn parts(
    row: Option<&StoredRow>,
    plan: &Plan,
) -> (Option<Origin>, Option<HistoryCounts>, Option<Fingerprints>) {
    let held = row.and_then(|row| row.fingerprints);
    let history = plan.history.as_ref().and_then(|history| history.fingerprint);
    let score = plan.score.as_ref().and_then(|score| score.fingerprints);
    let fingerprints = match (history.or(held.map(|held| held.history)), score) {
        (Some(history), Some([score, tags])) => Some(Fingerprints { history, score, tags }),
        (Some(history), None) => held.map(|held| Fingerprints { history, ..held }),
        (None, _) => None,
    };
    let origin = plan.score.as_ref().map(|score| Origin {
        model: score.provenance.model.to_string(),
        as_of: score.provenance.as_of,
        scored_at: score.provenance.scored_at,
    });
    let counts = plan.history.as_ref().map(|history| history.counts).or(row.map(|row| row.counts));
    (origin.or_else(|| row.map(|row| row.origin.clone())), counts, fingerprints)
}

fn stored_form(text: &str) -> String {
    stored(text).into_owned()
}

/// JSON text.
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
                let value: Value = serde_json::from_str(&tag.value).map_err(|error| {
                    Unreadable(format!("the value of the tag `{name}` is no JSON: {error}"))
                })?;
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

/// Writes images, in the order of their ids, with histories and changes, and event ids (each with fingerprint and customer), and
/// sets the clock forward. Ends the transaction. `first`: the version of who is new.
pub(super) async fn write(
    wire: &mut Wire,
    images: &[&Image],
    first: i64,
    event_ids: &BTreeMap<&str, (&[u8], &str)>,
    ticks: Clock,
) -> Inner<()> {
    if images.len() > FEW {
        copy(wire, images, first).await?;
        let (ids, prints, customers) = event_columns(event_ids);
        unless_first(wire.execute(EVENT_IDS, &[&ids, &prints, &customers]).await)?;
        wire.execute(CLOCK, &[&ticks.happened, &ticks.known]).await?;
        return wire.run("COMMIT").await;
    }
    few(wire, images, first, event_ids, ticks).await
}

type EventColumns<'a> = (Vec<Cow<'a, str>>, Vec<&'a [u8]>, Vec<Cow<'a, str>>);

fn event_columns<'a>(event_ids: &BTreeMap<&'a str, (&'a [u8], &'a str)>) -> EventColumns<'a> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (id, (fingerprint, customer_id)) in event_ids {
        columns.0.push(stored(id));
        columns.1.push(*fingerprint);
        columns.2.push(stored(customer_id));
    }
    columns
}

/// Fails where an id is taken meanwhile.
const EVENT_IDS: &str = "INSERT INTO homing.event_ids (event_id, fingerprint, customer_id)
     SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[])";

/// Where someone else was first with a customer or an event id, the transaction begins anew, and then sees them.
fn unless_first<T>(done: Inner<T>) -> Inner<T> {
    match done {
        Err(Fault::Sql(error)) if error.code().is_some_and(|code| code.code() == "23505") => {
            Err(Fault::Again)
        }
        other => other,
    }
}

const CLOCK: &str = "UPDATE homing.clocks SET happened_until = greatest(happened_until, $1),
     known_until = greatest(known_until, $2)
     WHERE stripe = pg_backend_pid() % 64
         AND (coalesce(happened_until < $1, $1 IS NOT NULL) OR coalesce(known_until < $2, $2 IS NOT NULL))";

/// Whoever adds to the feed holds this until the end of its transaction (see [`super::feed`]).
pub(super) fn feed_lock() -> String {
    format!("SELECT pg_advisory_xact_lock_shared({} + last_value) FROM homing.change_cursor", LOCKS.feed)
}

/// The columns of profiles, in the order of [`COLUMNS`].
struct Columns<'a> {
    ids: Vec<&'a str>,
    revisions: Vec<i64>,
    churn: Vec<Option<f64>>,
    value: Vec<Option<f64>>,
    clv: Vec<Option<f64>>,
    not_scored: Vec<Option<&'a str>>,
    models: Vec<&'a str>,
    as_of: Vec<i64>,
    scored_at: Vec<i64>,
    events: Vec<i64>,
    purchases: Vec<i64>,
    orders: Vec<i64>,
    spend: Vec<f64>,
    earliest: Vec<Option<i64>>,
    latest: Vec<Option<i64>>,
    predictions: Vec<&'a str>,
    tags: Vec<&'a str>,
    details: Vec<&'a str>,
    prints: Vec<&'a [u8]>,
    score_prints: Vec<&'a [u8]>,
    tag_prints: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of(images: &[&'a Image], first: i64) -> Self {
        let number = |at: usize| images.iter().map(|image| image.numbers[at]).collect();
        let count = |pick: fn(&HistoryCounts) -> u64| {
            images.iter().map(|image| pick(&image.history) as i64).collect()
        };
        Columns {
            ids: images.iter().map(|image| image.customer_id.as_str()).collect(),
            revisions: images.iter().map(|image| image.version.unwrap_or(first)).collect(),
            churn: number(0),
            value: number(1),
            clv: number(2),
            not_scored: images.iter().map(|image| image.not_scored.as_deref()).collect(),
            models: images.iter().map(|image| image.model.as_str()).collect(),
            as_of: images.iter().map(|image| image.as_of).collect(),
            scored_at: images.iter().map(|image| image.scored_at).collect(),
            events: count(|n| n.events),
            purchases: count(|n| n.purchases),
            orders: count(|n| n.orders),
            spend: images.iter().map(|image| image.history.spend).collect(),
            earliest: images.iter().map(|image| image.history.first_purchase_at).collect(),
            latest: images.iter().map(|image| image.history.last_purchase_at).collect(),
            predictions: images.iter().map(|image| image.prediction.as_str()).collect(),
            tags: images.iter().map(|image| image.tags.as_str()).collect(),
            details: images.iter().map(|image| image.details.as_str()).collect(),
            prints: images.iter().map(|image| image.fingerprints.history.as_slice()).collect(),
            score_prints: images.iter().map(|image| image.fingerprints.score.as_slice()).collect(),
            tag_prints: images.iter().map(|image| image.fingerprints.tags.as_slice()).collect(),
        }
    }

    fn values(&self) -> [Parameter<'_>; 21] {
        [
            &self.ids,
            &self.revisions,
            &self.churn,
            &self.value,
            &self.clv,
            &self.not_scored,
            &self.models,
            &self.as_of,
            &self.scored_at,
            &self.events,
            &self.purchases,
            &self.orders,
            &self.spend,
            &self.earliest,
            &self.latest,
            &self.predictions,
            &self.tags,
            &self.details,
            &self.prints,
            &self.score_prints,
            &self.tag_prints,
        ]
    }
}

/// The columns of changes.
struct Moves<'a> {
    ids: Vec<&'a str>,
    tags: Vec<Option<&'a str>>,
    causes: Vec<Option<&'a str>>,
    models: Vec<&'a str>,
    as_of: Vec<i64>,
    scored_at: Vec<i64>,
}

impl<'a> Moves<'a> {
    fn of(changed: &[&'a Image]) -> Self {
        let changed = || changed.iter();
        Moves {
            ids: changed().map(|image| image.customer_id.as_str()).collect(),
            tags: changed().map(|image| image.change.as_deref()).collect(),
            causes: changed().map(|image| image.not_scored.as_deref()).collect(),
            models: changed().map(|image| image.model.as_str()).collect(),
            as_of: changed().map(|image| image.as_of).collect(),
            scored_at: changed().map(|image| image.scored_at).collect(),
        }
    }

    fn values(&self) -> [Parameter<'_>; 6] {
        [&self.ids, &self.tags, &self.causes, &self.models, &self.as_of, &self.scored_at]
    }
}

/// By arrays, all in one trip to the server.
async fn few(
    wire: &mut Wire,
    images: &[&Image],
    first: i64,
    event_ids: &BTreeMap<&str, (&[u8], &str)>,
    ticks: Clock,
) -> Inner<()> {
    let columns = Columns::of(images, first);
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
    let profile_values = columns.values();
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
    let moves = Moves::of(&changed);
    let change_values = moves.values();
    let clock = wire.statement(CLOCK).await?;
    let events = wire.statement(EVENT_IDS).await?;
    let (event_keys, event_prints, event_customers) = event_columns(event_ids);
    let client = &wire.client;
    // A customer who is new here may be new elsewhere at the same moment; then this must not be committed.
    let all_locked = images.iter().all(|image| image.version.is_some());
    let ending = async {
        match all_locked {
            true => client.batch_execute("COMMIT").await,
            false => Ok(()),
        }
    };
    let clock_values: [Parameter<'_>; 2] = [&ticks.happened, &ticks.known];
    let event_values: [Parameter<'_>; 3] = [&event_keys, &event_prints, &event_customers];
    let history_values: [Parameter<'_>; 2] = [&history_ids, &bytes];
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
    if written != images.len() as u64 {
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
