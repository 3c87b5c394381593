//! What a customer may ask for over HTTP: to opt out, to see all that is held, to be erased.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::access::Caller;
use super::events::clip;
use super::limits::{MAX_ATTRIBUTES, MAX_TEXT_BYTES};
use super::problem::{Code, Problem};
use super::profiles::customer;
use super::reader::JsonBody;
use super::{App, json};
use homing_profiles::Changed;
use homing_profiles::access::AuditEntry;
use homing_profiles::privacy::{Consent, Export};

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

// What the routes below and the pages do. Each blocks its thread.
impl App {
    /// Takes down whether a customer opted out, and returns the tags that went.
    pub(crate) fn take_consent(
        &self,
        caller: &Caller,
        id: &str,
        opted_out: bool,
    ) -> Result<Option<Changed>, Problem> {
        let detail = if opted_out { "opted out" } else { "opted in" };
        self.store.audit(&[entry(self, caller, "consent.set", id, detail)])?;
        let changed = self.store.set_consent(id, Consent { opted_out, at: self.now() })?;
        self.warm.written(id);
        self.changed();
        Ok(changed)
    }

    /// Everything that is held of a customer.
    pub(crate) fn export_customer(&self, caller: &Caller, id: &str) -> Result<Export, Problem> {
        let Some(held) = self.store.export(id)? else {
            let detail = format!("nothing is held of the customer `{}`", clip(id));
            return Err(Problem::new(Code::UnknownCustomer, detail));
        };
        self.store.audit(&[entry(self, caller, "profile.export", id, "")])?;
        Ok(held)
    }

    /// Erases a customer here and in the CRM's own table, and says whether anything was held.
    pub(crate) fn erase_customer(&self, caller: &Caller, id: &str) -> Result<bool, Problem> {
        let store = &self.store;
        // What waits to be written down of the customer is written first, so that the erasure finds it.
        self.access.write_notes(store.as_ref())?;
        let held = store.erase(id, self.now())?;
        self.warm.written(id);
        self.changed();
        if let Some(back) = &self.write_back {
            back.clear(id).map_err(|fault| {
                tracing::error!(code = fault.code(), "{fault}");
                let detail = "the profile is erased, but the CRM's own table could not be emptied; ask again, the log has the cause";
                Problem::new(Code::StoreFailed, detail)
            })?;
        }
        // Without the id: that somebody erased someone is all that may stay.
        let done = AuditEntry { customer_id: None, ..entry(self, caller, "profile.erase", id, "") };
        store.audit(&[done])?;
        Ok(held)
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
        let changed = worker.take_consent(&caller, &id, wish.opted_out)?;
        json(&Said { customer_id: &id, opted_out: wish.opted_out, changed: changed.into_iter().collect() })
    };
    app.blocking(work).await?
}

#[derive(Serialize)]
struct Kept<'a> {
    customer_id: &'a str,
    attributes: &'a Map<String, Value>,
}

/// The attributes of a body: plain values under names.
fn attributes_of(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let attributes: Map<String, Value> = super::reader::plain(body)?;
    let refuse = |detail: String| Err(Problem::new(Code::InvalidRequest, detail));
    if attributes.len() > MAX_ATTRIBUTES {
        return refuse(format!("there are more than {MAX_ATTRIBUTES} attributes; send the most useful ones"));
    }
    let fits = |text: &str| text.len() <= MAX_TEXT_BYTES && !text.contains('\0');
    for (name, value) in &attributes {
        if name.is_empty() || !fits(name) {
            let name = clip(name);
            return refuse(format!(
                "the name `{name}` must be a text of 1 to {MAX_TEXT_BYTES} bytes without NUL"
            ));
        }
        let right = match value {
            Value::Array(_) | Value::Object(_) => false,
            Value::String(text) => fits(text),
            _ => true,
        };
        if !right {
            return refuse(format!(
                "`{}` must be a number, a truth value, null, or a text of at most {MAX_TEXT_BYTES} bytes without NUL",
                clip(name)
            ));
        }
    }
    Ok(attributes)
}

/// Answers `PUT /v1/profiles/{id}/attributes`.
pub(super) async fn attributes(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    let attributes = attributes_of(&body)?;
    let worker = app.clone();
    let work = move || -> Result<Response, Problem> {
        if worker.store.is_erased(&id)? {
            let detail = format!("the customer `{}` was erased; nothing of them is kept", clip(&id));
            return Err(Problem::new(Code::UnknownCustomer, detail));
        }
        let names: Vec<&str> = attributes.keys().map(String::as_str).collect();
        worker.store.audit(&[entry(&worker, &caller, "attributes.set", &id, &names.join(", "))])?;
        worker.store.set_attributes(&id, &attributes)?;
        worker.warm.written(&id);
        json(&Kept { customer_id: &id, attributes: &attributes })
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
    app.blocking(move || json(&worker.export_customer(&caller, &id)?)).await?
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
        if worker.erase_customer(&caller, &id)? {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let detail =
            format!("nothing was held of the customer `{}`; the id is refused from now on", clip(&id));
        Err(Problem::new(Code::UnknownCustomer, detail))
    };
    app.blocking(work).await?
}
