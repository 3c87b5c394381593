//! `/v1/dead-letters`: changes that a webhook could not deliver.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::query::parameters;
use super::reply::json;
use crate::service::access::Caller;
use crate::service::{App, Code, Problem};
use homing_profiles::feed::Change;

/// Dead letters per page by default.
pub(super) const DEFAULT_LIMIT: u32 = 1000;
/// Maximum dead letters per page.
pub(super) const MAX_LIMIT: u32 = 1000;

#[derive(Serialize)]
struct Letters {
    dead_letters: Vec<Shown>,
    /// The cursor of the next page, where there may be one.
    next: Option<u64>,
}

#[derive(Serialize)]
struct Shown {
    number: u64,
    feed: String,
    change: Change,
    reason: String,
    attempts: u32,
    at: String,
}

/// Answers `GET /v1/dead-letters`: what could not be delivered, the newest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Problem> {
    let (mut before, mut limit) = (u64::MAX, DEFAULT_LIMIT);
    for parameter in parameters(&uri, &[])? {
        match parameter.name.as_str() {
            "cursor" => {
                let cursor = parameter.value.parse().ok().filter(|cursor| *cursor <= i64::MAX as u64);
                before = cursor.ok_or_else(|| parameter.bad("use the `next` value of the previous page"))?;
            }
            "limit" => limit = parameter.limit(MAX_LIMIT)?,
            _ => return Err(parameter.unknown(&["cursor", "limit"])),
        }
    }
    let held = app.work(move |app| Ok(app.store().dead_letters_before(None, before, limit)?)).await?;
    app.access.note_of(&caller, "dead_letters.read", format!("{} dead letters", held.len()), app.now())?;
    let next = held.last().filter(|_| held.len() == limit as usize).map(|held| held.number);
    let zone = homing_datasets::Zone::default();
    let shown = held.into_iter().map(|held| Shown {
        number: held.number,
        feed: held.letter.feed,
        change: held.letter.change,
        reason: held.letter.reason,
        attempts: held.letter.attempts,
        at: zone.format(held.letter.at),
    });
    json(&Letters { dead_letters: shown.collect(), next })
}

/// Answers `DELETE /v1/dead-letters/{number}`: removes a dead letter.
pub(super) async fn drop(
    State(app): State<Arc<App>>,
    number: Result<Path<u64>, PathRejection>,
) -> Result<Response, Problem> {
    let bad = |_| {
        Problem::new(Code::BadParameter, "`number` in the path must be a non-negative integer")
            .with("parameter", "number")
    };
    let Path(number) = number.map_err(bad)?;
    let known =
        number <= i64::MAX as u64 && app.work(move |app| Ok(app.store().drop_dead_letter(number)?)).await?;
    if known {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(Problem::new(
        Code::UnknownLetter,
        format!("dead letter {number} does not exist; GET /v1/dead-letters lists them"),
    ))
}
