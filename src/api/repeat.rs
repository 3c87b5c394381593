//! `Idempotency-Key`: a request that is sent again with the same key is answered as the first time, and not carried out again.
//!
//! Replies are kept in the store, so that they are known to every server of it. An erasure removes those that name the customer.

use std::sync::{Arc, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use homing_datasets::DAY;
use sha2::{Digest, Sha256};

use super::route::Route;
use crate::service::access::Caller;
use crate::service::problem::MEDIA_TYPE;
use crate::service::{App, Code, Problem};
use homing_profiles::requests::Answered;

/// The header with the caller's key.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that a reply is that of an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key.
const MAX_KEY: usize = 255;
/// The longest reply that is kept; a longer one makes a repeated request be carried out again.
const MAX_REPLY: usize = 1 << 20;

/// A request with an idempotency key that is carried out now.
pub(super) struct Claim {
    app: Arc<App>,
    request: [u8; 32],
    body: [u8; 32],
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.app.claimed.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.request);
    }
}

/// What is to be done with a request.
pub(super) enum Step {
    /// It has no key.
    Plain,
    /// It is carried out, and its reply is kept.
    First(Claim),
    /// It was answered before.
    Again(Response),
}

fn bad(detail: &str) -> Problem {
    Problem::new(Code::BadParameter, detail).with("parameter", "Idempotency-Key")
}

/// Looks whether a request was answered before.
pub(super) async fn begin(
    app: &Arc<App>,
    route: Option<Route>,
    caller: &Caller,
    request: Request,
) -> Result<(Request, Step), Problem> {
    let Some(key) = request.headers().get(KEY) else { return Ok((request, Step::Plain)) };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let Some(route) = route.filter(|route| !reads && route.changes()) else {
        return Ok((request, Step::Plain));
    };
    if route.shows_secrets() {
        return Err(bad(
            "this route takes no `Idempotency-Key`: its reply holds a secret, which is stored nowhere",
        ));
    }
    if key.is_empty() || key.len() > MAX_KEY || !key.as_bytes().iter().all(u8::is_ascii_graphic) {
        return Err(bad("`Idempotency-Key` must have 1 to 255 visible ASCII characters, such as a UUID"));
    }
    let mut hash = Sha256::new();
    let address = request.uri().path_and_query().map_or("", |address| address.as_str());
    let id = caller.key_id().unwrap_or_default();
    for part in [id.as_bytes(), request.method().as_str().as_bytes(), address.as_bytes(), key.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let name: [u8; 32] = hash.finalize().into();
    let (parts, body) = request.into_parts();
    // The guard has read it, within the limit.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| Problem::internal(&error))?;
    let body: [u8; 32] = Sha256::digest(&bytes).into();
    let request = Request::from_parts(parts, Body::from(bytes));
    if !app.claimed.lock().unwrap_or_else(PoisonError::into_inner).insert(name) {
        let detail = "a request with this `Idempotency-Key` is in progress; retry shortly";
        return Err(Problem::new(Code::RequestInProgress, detail));
    }
    let claim = Claim { app: app.clone(), request: name, body };
    let since = app.now() - DAY;
    match app.work(move |app| Ok(app.store().answer_of(&name, since)?)).await? {
        None => Ok((request, Step::First(claim))),
        Some(before) if before.body != body => {
            let detail = "this `Idempotency-Key` was used for a request with another body; use a new key for each request";
            Err(Problem::new(Code::IdempotencyKeyReused, detail))
        }
        Some(before) => Ok((request, Step::Again(replay(before)))),
    }
}

fn replay(before: Answered) -> Response {
    let status = u16::try_from(before.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::OK);
    let mut response = (status, before.reply).into_response();
    let media_type = if status.is_success() { "application/json" } else { MEDIA_TYPE };
    if status == StatusCode::NO_CONTENT {
        response.headers_mut().remove(header::CONTENT_TYPE);
    } else {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Keeps the reply of a request that was carried out. What may pass, such as an overload, is not kept.
pub(super) async fn end(claim: Claim, response: Response) -> Response {
    let status = response.status();
    let passes =
        status.is_server_error() || response.extensions().get::<Code>().is_some_and(|code| code.passes());
    if passes || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let bytes = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return Problem::internal(&error).into_response(),
    };
    if bytes.len() <= MAX_REPLY
        && let Ok(reply) = String::from_utf8(bytes.to_vec())
    {
        let (name, now) = (claim.request, claim.app.now());
        let answered = Answered { body: claim.body, status: parts.status.as_u16().into(), reply };
        let kept =
            claim.app.work(move |app| Ok(app.store().keep_answer(&name, &answered, now, now - DAY)?)).await;
        if let Err(problem) = kept {
            tracing::warn!(
                code = problem.code.name(),
                "cannot keep the reply to a request with an idempotency key"
            );
        }
    }
    Response::from_parts(parts, Body::from(bytes))
}
