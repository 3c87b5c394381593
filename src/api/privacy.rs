//! What a customer may ask for over HTTP: to opt out, to see all that is held, to be erased.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::conditional::{self, Precondition};
use super::profiles::customer;
use super::query::parameters;
use super::reader::{JsonBody, plain};
use super::reply::json;
use crate::service::access::Caller;
use crate::service::limits::{MAX_ATTRIBUTES, MAX_TEXT_BYTES};
use crate::service::problem::{clip, nearest};
use crate::service::{App, Code, Problem};
use homing_profiles::Changed;
use homing_profiles::privacy::{ExportedChoice, Purpose};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentRequest {
    opted_out: bool,
    /// Of what; of automated decisions if it says nothing.
    #[serde(default)]
    purpose: Option<String>,
    /// Where the customer said so.
    #[serde(default)]
    source: Option<String>,
}

/// The purpose of this name, `contact:CHANNEL` for one channel.
fn purpose_of(name: Option<&str>) -> Result<Purpose, Problem> {
    let Some(name) = name else { return Ok(Purpose::Profiling) };
    let known = Purpose::named(name).filter(|_| name.len() <= MAX_TEXT_BYTES && !name.contains('\0'));
    known.ok_or_else(|| {
        let near = nearest(name, ["profiling", "contact", "contact:sms"]);
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let detail =
            format!("unknown purpose `{}`{near}; supported: profiling, contact, contact:CHANNEL", clip(name));
        Problem::new(Code::InvalidRequest, detail).with("field", "purpose")
    })
}

#[derive(Serialize)]
struct Said<'a> {
    customer_id: &'a str,
    purpose: String,
    opted_out: bool,
    changed: Vec<Changed>,
}

#[derive(Serialize)]
struct Choices<'a> {
    customer_id: &'a str,
    consents: Vec<ExportedChoice>,
}

/// Answers `GET /v1/profiles/{id}/consent`: what the customer said of each purpose, also once erased.
pub(super) async fn consents(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    app.access.note(&caller, "consent.read", &[&id], app.now())?;
    app.work(move |app| {
        let (choices, zone) = (app.store().choices(&id)?, app.zone());
        let consents = choices.iter().map(|choice| ExportedChoice::of(choice, zone)).collect();
        json(&Choices { customer_id: &id, consents })
    })
    .await
}

/// Answers `POST /v1/profiles/{id}/readmit`: a customer who was erased may be known again.
pub(super) async fn readmit(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    app.work(move |app| {
        app.readmit_customer(&caller, &id)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}

/// Answers `PUT /v1/profiles/{id}/consent`.
pub(super) async fn consent(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    let request: ConsentRequest = plain(&body)?;
    let ConsentRequest { opted_out, purpose, source } = request;
    let purpose = purpose_of(purpose.as_deref())?;
    let source = source.unwrap_or_default();
    if source.len() > MAX_TEXT_BYTES || source.contains('\0') {
        let detail = format!("`source` must have at most {MAX_TEXT_BYTES} bytes without NUL");
        return Err(Problem::new(Code::InvalidRequest, detail).with("field", "source"));
    }
    app.work(move |app| {
        let changed = app.take_consent(&caller, &id, (purpose.clone(), opted_out), &source)?;
        let (purpose, changed) = (purpose.name(), changed.into_iter().collect());
        json(&Said { customer_id: &id, purpose, opted_out, changed })
    })
    .await
}

#[derive(Serialize)]
struct Kept<'a> {
    customer_id: &'a str,
    attributes: &'a Map<String, Value>,
}

/// The attributes of a body: plain values under names.
fn attributes_of(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let attributes: Map<String, Value> = plain(body)?;
    let refuse = |detail: String| Err(Problem::new(Code::InvalidRequest, detail));
    if attributes.len() > MAX_ATTRIBUTES {
        return refuse(format!("more than {MAX_ATTRIBUTES} attributes; remove the least useful ones"));
    }
    let fits = |text: &str| text.len() <= MAX_TEXT_BYTES && !text.contains('\0');
    for (name, value) in &attributes {
        if name.is_empty() || !fits(name) {
            let name = clip(name);
            return refuse(format!(
                "the attribute name `{name}` must have 1 to {MAX_TEXT_BYTES} bytes without NUL"
            ));
        }
        let right = match value {
            Value::Array(_) | Value::Object(_) => false,
            Value::String(text) => fits(text),
            _ => true,
        };
        if !right {
            return refuse(format!(
                "`{}` must be a number, a boolean, null, or a string of at most {MAX_TEXT_BYTES} bytes without NUL",
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
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let (id, condition) = (customer(id)?, Precondition::of(&headers));
    let attributes = attributes_of(&body)?;
    app.work(move |app| {
        let replace = |held: Option<&Map<String, Value>>| {
            condition
                .holds(held.map(tag).as_deref())
                .then(|| attributes.clone())
                .ok_or_else(Precondition::failed)
        };
        kept(&id, &app.change_attributes(&caller, &id, replace)?)
    })
    .await
}

/// Answers `PATCH /v1/profiles/{id}/attributes` (RFC 7396): a null removes the attribute.
pub(super) async fn patch_attributes(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let (id, condition) = (customer(id)?, Precondition::of(&headers));
    let patch = attributes_of(&body)?;
    app.work(move |app| {
        let change = |held: Option<&Map<String, Value>>| {
            if !condition.holds(held.map(tag).as_deref()) {
                return Err(Precondition::failed());
            }
            let mut after = held.cloned().unwrap_or_default();
            for (name, value) in &patch {
                if value.is_null() {
                    after.remove(name);
                } else {
                    after.insert(name.clone(), value.clone());
                }
            }
            if after.len() > MAX_ATTRIBUTES {
                let detail = format!(
                    "the customer would have more than {MAX_ATTRIBUTES} attributes; remove some with null"
                );
                return Err(Problem::new(Code::InvalidRequest, detail));
            }
            Ok(after)
        };
        kept(&id, &app.change_attributes(&caller, &id, change)?)
    })
    .await
}

/// Answers `GET /v1/profiles/{id}/attributes`.
pub(super) async fn attributes_of_customer(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    app.access.note(&caller, "profile.read", &[&id], app.now())?;
    app.work(move |app| {
        let Some(attributes) = app.store().attributes(&id)? else {
            let detail = format!("no attributes of the customer `{}` are stored", clip(&id));
            return Err(Problem::new(Code::UnknownCustomer, detail));
        };
        let response = json(&Kept { customer_id: &id, attributes: &attributes })?;
        Ok(conditional::tagged(&headers, &tag(&attributes), response))
    })
    .await
}

/// The entity tag of attributes.
fn tag(attributes: &Map<String, Value>) -> String {
    conditional::tag_of(Value::Object(attributes.clone()).to_string().as_bytes())
}

/// The reply with what is stored now.
fn kept(id: &str, attributes: &Map<String, Value>) -> Result<Response, Problem> {
    let response = json(&Kept { customer_id: id, attributes })?;
    Ok(conditional::tagged(&HeaderMap::new(), &tag(attributes), response))
}

/// Answers `GET /v1/profiles/{id}/export`.
pub(super) async fn export(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    app.work(move |app| json(&app.export_customer(&caller, &id)?)).await
}

/// Answers `DELETE /v1/profiles/{id}`. `bar=true` also bars an id of which nothing is held, such as that of a customer who is only in
/// files.
pub(super) async fn erase(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    let mut bar = false;
    for parameter in parameters(&uri, &[])? {
        match (parameter.name.as_str(), parameter.value.as_str()) {
            ("bar", "true") => bar = true,
            ("bar", "false") => {}
            ("bar", _) => return Err(parameter.bad("use true or false")),
            _ => return Err(parameter.unknown(&["bar"])),
        }
    }
    app.work(move |app| {
        let done = app.erase_customer(&caller, &id, bar)?;
        if done.held || (bar && done.barred) {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let id = clip(&id);
        let detail = if done.barred {
            format!("the customer `{id}` was erased before; data with this id are refused until the customer is readmitted")
        } else {
            format!(
                "no data about the customer `{id}` are stored, and nothing was changed: data with this id are accepted. Check the id, \
                 or bar it with ?bar=true"
            )
        };
        Err(Problem::new(Code::UnknownCustomer, detail).with("barred", done.barred))
    })
    .await
}
