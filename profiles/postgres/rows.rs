//! Rows as the writers read and write them.

use std::collections::BTreeMap;

use homing_datasets::Micros;
use homing_models::NotScored;
use serde_json::{Map, Value};
use tokio_postgres::Row;

use super::text::{original, original_value, stored, stored_value};
use super::{Fault, Inner};
use crate::Error;
use crate::plan::LAYERS;
use crate::sql::{Unreadable, json};
use crate::state::value_text;
use crate::state::{Fingerprints, HeldTag, HistoryCounts, Origin, Plan, State, StoredRow};

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
                detail: "a fingerprint does not have 16 bytes".to_owned(),
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

/// Tags from their two columns; without details, only names and values are needed.
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
            detail.and_then(known).ok_or_else(|| damaged(format!("the tag `{name}` lacks a layer")))?;
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
    pub version: Option<i64>,
    pub numbers: [Option<f64>; 3],
    pub not_scored: Option<String>,
    pub model: String,
    pub as_of: Micros,
    pub scored_at: Micros,
    pub history: HistoryCounts,
    pub prediction: String,
    pub tags: String,
    pub details: String,
    pub fingerprints: Fingerprints,
    /// The history's bytes, where they changed.
    pub bytes: Option<Vec<u8>>,
    /// The change for the feed, where a tag changed.
    pub change: Option<String>,
}

impl Image {
    /// The row after a plan; `None` where nothing is to be written.
    pub fn of(state: &State, plan: &Plan) -> Inner<Option<Self>> {
        let row = state.row();
        if plan.is_idle() {
            return Ok(None);
        }
        let (Some(origin), Some(counts), Some(fingerprints)) = parts(row, plan) else {
            let detail = "internal error: a new customer has neither history nor score".to_owned();
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
                    held.ok_or_else(|| Unreadable("internal error: a new profile has no score".to_owned()))?
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
                    Unreadable(format!("the value of the tag `{name}` is not valid JSON: {error}"))
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
