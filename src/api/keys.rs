//! `/v1/keys`: API keys, for administrators.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use homing_datasets::{DAY, Micros, Zone};
use serde::{Deserialize, Serialize};

use super::reader::{JsonBody, plain};
use super::reply::json;
use crate::service::access::{Caller, KeyTerms, Rotated, create_key_on, rotate_key};
use crate::service::limits::MAX_TEXT_BYTES;
use crate::service::problem::{clip, nearest};
use crate::service::{App, Code, Problem, Role};
use homing_profiles::access::Key;

/// For how many days an old key stays valid by default.
const OVERLAP_DAYS: u32 = 7;
/// The longest overlap.
pub(super) const MAX_OVERLAP_DAYS: u32 = 365;
/// The longest life of a key that has an end.
pub(super) const MAX_DAYS: u32 = 36_500;

#[derive(Serialize)]
struct Listed {
    keys: Vec<Shown>,
}

/// A key as it is shown: without its text, which is stored nowhere.
#[derive(Serialize)]
struct Shown {
    id: String,
    name: String,
    role: String,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    rate: Option<u32>,
}

impl Shown {
    fn of(key: Key) -> Self {
        let at = |at: Micros| Zone::default().format(at);
        Shown {
            id: key.id,
            name: key.name,
            role: key.role,
            created_at: at(key.created_at),
            expires_at: key.expires_at.map(at),
            revoked_at: key.revoked_at.map(at),
            rate: key.rate,
        }
    }
}

/// A new key, whose text is shown once.
#[derive(Serialize)]
struct New {
    #[serde(flatten)]
    shown: Shown,
    key: String,
    /// When the key that it replaces expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_expires_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    role: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    expires_days: Option<u32>,
    #[serde(default)]
    rate: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    #[serde(default)]
    overlap_days: Option<u32>,
}

fn invalid(field: &str, detail: String) -> Problem {
    Problem::new(Code::InvalidRequest, detail).with("field", field)
}

fn unknown(id: &str) -> Problem {
    Problem::new(Code::UnknownKey, format!("no valid key `{}`; GET /v1/keys lists the keys", clip(id)))
}

fn key_id(id: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    id.map(|Path(id)| id).map_err(|_| {
        Problem::new(Code::BadParameter, "`key` in the path is not valid UTF-8").with("parameter", "key")
    })
}

/// Answers `GET /v1/keys`.
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    app.work(|app| json(&Listed { keys: app.store().keys()?.into_iter().map(Shown::of).collect() })).await
}

/// Answers `POST /v1/keys`.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let Wanted { role, name, expires_days, rate } = plain(&body)?;
    let names = Role::ALL.map(Role::name);
    let role = Role::from_name(&role).ok_or_else(|| {
        let near = nearest(&role, names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        invalid("role", format!("unknown role `{}`{near}; use one of {}", clip(&role), names.join(", ")))
    })?;
    if name.len() > MAX_TEXT_BYTES || name.contains('\0') {
        return Err(invalid("name", format!("`name` must have at most {MAX_TEXT_BYTES} bytes without NUL")));
    }
    if expires_days.is_some_and(|days| !(1..=MAX_DAYS).contains(&days)) {
        return Err(invalid("expires_days", format!("`expires_days` must be 1 to {MAX_DAYS}, or absent")));
    }
    if rate == Some(0) {
        return Err(invalid("rate", "`rate` must be at least 1 request a minute, or absent".to_owned()));
    }
    app.work(move |app| {
        let now = app.now();
        let expires_at = expires_days.map(|days| now + Micros::from(days) * DAY);
        let terms = KeyTerms { expires_at, rate, lifetime: None };
        let (key, text) = create_key_on(app.store().as_ref(), &name, role, now, terms)?;
        let detail = format!("{} with role {}", key.id, key.role);
        app.access.record(app.store().as_ref(), &caller, "key.create", detail, now)?;
        app.refresh_keys()?;
        json(&New { shown: Shown::of(key), key: text, old_expires_at: None })
    })
    .await
}

/// Answers `POST /v1/keys/{key}/rotate`.
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let id = key_id(id)?;
    let Rotation { overlap_days } =
        if body.is_empty() { Rotation { overlap_days: None } } else { plain(&body)? };
    let days = overlap_days.unwrap_or(OVERLAP_DAYS);
    if days > MAX_OVERLAP_DAYS {
        return Err(invalid("overlap_days", format!("`overlap_days` must be 0 to {MAX_OVERLAP_DAYS}")));
    }
    app.work(move |app| {
        let now = app.now();
        let rotated = rotate_key(app.store().as_ref(), &id, Micros::from(days) * DAY, now)?;
        let Some(Rotated { key, text, old_expires_at }) = rotated else { return Err(unknown(&id)) };
        let detail = format!("{id} to {}", key.id);
        app.access.record(app.store().as_ref(), &caller, "key.rotate", detail, now)?;
        app.refresh_keys()?;
        let old_expires_at = Some(Zone::default().format(old_expires_at));
        json(&New { shown: Shown::of(key), key: text, old_expires_at })
    })
    .await
}

/// Answers `DELETE /v1/keys/{key}`.
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = key_id(id)?;
    app.work(move |app| {
        let now = app.now();
        if !app.store().revoke_key(&id, now)? {
            return Err(unknown(&id));
        }
        app.access.record(app.store().as_ref(), &caller, "key.revoke", id, now)?;
        app.refresh_keys()?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}
