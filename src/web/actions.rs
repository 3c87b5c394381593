//! What the pages' buttons do.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form};
use serde::Deserialize;

use super::asked::{Asked, encoded};
use super::forms::{Token, seen};
use super::frame::Place;
use super::message;
use super::state::Web;
use crate::service::access::Caller;
use crate::service::{Code, Problem, Role};
use homing_profiles::privacy::Purpose;

type Id = Result<Path<String>, PathRejection>;
type Sent<T> = Result<Form<T>, FormRejection>;

/// The customer of a path; an id that is not UTF-8 is nobody's.
fn customer(asked: &Asked, uri: &Uri, id: Id) -> Result<String, Box<Response>> {
    id.map(|Path(id)| id).map_err(|_| {
        let segment = uri.path().rsplit('/').nth(1).unwrap_or_default();
        Box::new(message::unknown_customer(asked, segment))
    })
}

/// What a form says; one that cannot be read is none of ours.
fn sent<T>(asked: &Asked, form: Sent<T>) -> Result<T, Box<Response>> {
    form.map(|Form(form)| form).map_err(|_| Box::new(message::stale_form(asked)))
}

/// Answers `GET /customers/{id}/export`: everything that is held, as a file.
pub(super) async fn export(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    id: Id,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    let id = match customer(&asked, &uri, id) {
        Ok(id) => id,
        Err(page) => return *page,
    };
    if !caller.may(Role::Operator) {
        return message::forbidden(&asked, Role::Operator);
    }
    let wanted = id.clone();
    let held = web.work(move |app| {
        let held = app.export_customer(&caller, &wanted)?;
        serde_json::to_vec_pretty(&held).map_err(|error| Problem::internal(&error))
    });
    match held.await {
        Ok(bytes) => {
            let name = format!("attachment; filename*=UTF-8''{}.json", encoded(&id));
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (header::CONTENT_DISPOSITION, HeaderValue::try_from(name).unwrap_or(DOWNLOAD)),
            ];
            (headers, bytes).into_response()
        }
        Err(Code::UnknownCustomer) => message::unknown_customer(&asked, &id),
        Err(code) => message::problem(&web, &asked, code),
    }
}

const DOWNLOAD: HeaderValue = HeaderValue::from_static("attachment");

#[derive(Deserialize)]
pub(super) struct ConsentForm {
    #[serde(flatten)]
    token: Token,
    #[serde(default)]
    opted_out: String,
}

/// Answers `POST /customers/{id}/consent`.
pub(super) async fn consent(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    id: Id,
    uri: Uri,
    headers: HeaderMap,
    form: Sent<ConsentForm>,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    let run = async {
        let id = customer(&asked, &uri, id)?;
        let form = sent(&asked, form)?;
        web.admit(&asked, &headers, &caller, (Role::Operator, &form.token.token)).await?;
        let opted_out = match form.opted_out.as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(Box::new(message::stale_form(&asked))),
        };
        let wanted = id.clone();
        let done = web.work(move |app| {
            app.take_consent(&caller, &wanted, (Purpose::Profiling, opted_out), "homing pages").map(drop)
        });
        done.await.map_err(|code| Box::new(message::problem(&web, &asked, code)))?;
        Ok(seen(&asked.customer(&id).with("done", "consent")))
    };
    run.await.unwrap_or_else(|page: Box<Response>| *page)
}

#[derive(Deserialize)]
pub(super) struct EraseForm {
    #[serde(flatten)]
    token: Token,
    #[serde(default)]
    confirm: String,
}

/// Answers `POST /customers/{id}/erase`.
pub(super) async fn erase(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    id: Id,
    uri: Uri,
    headers: HeaderMap,
    form: Sent<EraseForm>,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    let run = async {
        let id = customer(&asked, &uri, id)?;
        let form = sent(&asked, form)?;
        web.admit(&asked, &headers, &caller, (Role::Admin, &form.token.token)).await?;
        if form.confirm.trim() != id.trim() {
            return Err(Box::new(message::wrong_id(&asked, &id)));
        }
        let done = web.work(move |app| app.erase_customer(&caller, &id, false).map(drop));
        done.await.map_err(|code| Box::new(message::problem(&web, &asked, code)))?;
        Ok(seen(&asked.link(Place::Find.path()).with("done", "erased")))
    };
    run.await.unwrap_or_else(|page: Box<Response>| *page)
}

/// Answers `POST /models/{version}/promote`.
pub(super) async fn promote(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    version: Id,
    uri: Uri,
    headers: HeaderMap,
    form: Sent<Token>,
) -> Response {
    let version = version.map(|Path(version)| version).unwrap_or_default();
    swap(&web, caller, (&uri, &headers), form, Some(version)).await
}

/// Answers `POST /models/rollback`.
pub(super) async fn rollback(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
    form: Sent<Token>,
) -> Response {
    swap(&web, caller, (&uri, &headers), form, None).await
}

/// Puts a version to work, or without one the model before.
async fn swap(
    web: &Web,
    caller: Caller,
    (uri, headers): (&Uri, &HeaderMap),
    form: Sent<Token>,
    version: Option<String>,
) -> Response {
    let asked = Asked::of(uri, headers);
    let run = async {
        let form = sent(&asked, form)?;
        web.admit(&asked, headers, &caller, (Role::Scientist, &form.token)).await?;
        let done = web.work(move |app| match version {
            Some(version) => app.promote_model(&caller, &version),
            None => app.rollback_model(&caller),
        });
        let (model, _) = done.await.map_err(|code| Box::new(message::problem(web, &asked, code)))?;
        Ok(seen(&asked.link(Place::Models.path()).with("done", &model.id)))
    };
    run.await.unwrap_or_else(|page: Box<Response>| *page)
}
