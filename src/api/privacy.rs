//! What a customer may ask for over HTTP: to opt out, to see all that is held, to be erased.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::events::clip;
use super::problem::{Code, Problem};
use super::profiles::customer;
use super::reader::JsonBody;
use super::{App, json};
use crate::profiles::Changed;
use crate::profiles::access::AuditEntry;
use crate::profiles::privacy::Consent;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    opted_out: bool,
}

#[derive(Serialize)]
struct Said<'a> {
    customer_id: &'a str,
    opted_out: bool,
    changed: Vec<Changed>,
}

fn entry(app: &App, caller: &Caller, action: &str, id: &str, detail: &str) -> AuditEntry {
    AuditEntry {
        at: app.now(),
        key_id: caller.key_id(),
        action: action.to_owned(),
        customer_id: Some(id.to_owned()),
        detail: detail.to_owned(),
    }
}

/// Answers `PUT /v1/profiles/{id}/consent`.
pub(super) async fn consent(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    let wish: Wish = super::reader::plain(&body)?;
    let worker = app.clone();
    let work = move || -> Result<Response, Problem> {
        let store = worker.store();
        let detail = if wish.opted_out { "opted out" } else { "opted in" };
        store.audit(&[entry(&worker, &caller, "consent.set", &id, detail)])?;
        let said = Consent { opted_out: wish.opted_out, at: worker.now() };
        let changed = store.set_consent(&id, said)?;
        worker.warm.written(&id);
        worker.changed();
        json(&Said { customer_id: &id, opted_out: wish.opted_out, changed: changed.into_iter().collect() })
    };
    app.blocking(work).await?
}

/// Answers `GET /v1/profiles/{id}/export`.
pub(super) async fn export(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    let worker = app.clone();
    let work = move || -> Result<Response, Problem> {
        let store = worker.store();
        let Some(held) = store.export(&id)? else {
            let detail = format!("nothing is held of the customer `{}`", clip(&id));
            return Err(Problem::new(Code::UnknownCustomer, detail));
        };
        store.audit(&[entry(&worker, &caller, "profile.export", &id, "")])?;
        json(&held)
    };
    app.blocking(work).await?
}

/// Answers `DELETE /v1/profiles/{id}`.
pub(super) async fn erase(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    let worker = app.clone();
    let work = move || -> Result<Response, Problem> {
        let store = worker.store();
        // What waits to be written down of the customer is written first, so that the erasure finds it.
        worker.access.write_notes(store.as_ref())?;
        let held = store.erase(&id, worker.now())?;
        worker.warm.written(&id);
        worker.changed();
        if let Some(back) = &worker.write_back {
            back.clear(&id).map_err(|fault| {
                tracing::error!(code = fault.code(), "{fault}");
                let detail = "the profile is erased, but the CRM's own table could not be emptied; ask again, the log has the cause";
                Problem::new(Code::StoreFailed, detail)
            })?;
        }
        // Without the id: that somebody erased someone is all that may stay.
        let done = AuditEntry { customer_id: None, ..entry(&worker, &caller, "profile.erase", &id, "") };
        store.audit(&[done])?;
        if held {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let detail =
            format!("nothing was held of the customer `{}`; the id is refused from now on", clip(&id));
        Err(Problem::new(Code::UnknownCustomer, detail))
    };
    app.blocking(work).await?
}
