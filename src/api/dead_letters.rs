//! `/v1/dead-letters`: changes that a webhook could not deliver.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::reply::json;
use crate::service::{App, Code, Problem};
use homing_profiles::feed::Change;

/// Dead letters per response.
const LETTERS: u32 = 1000;

#[derive(Serialize)]
struct Letters {
    dead_letters: Vec<Shown>,
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
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let held = app.work(|app| Ok(app.store().dead_letters(None, LETTERS)?)).await?;
    let zone = homing_datasets::Zone::default();
    let shown = held.into_iter().map(|held| Shown {
        number: held.number,
        feed: held.letter.feed,
        change: held.letter.change,
        reason: held.letter.reason,
        attempts: held.letter.attempts,
        at: zone.format(held.letter.at),
    });
    json(&Letters { dead_letters: shown.collect() })
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
