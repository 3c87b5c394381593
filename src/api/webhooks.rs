//! `/v1/webhooks`: how each is doing; a test, resumption, redelivery.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::reader::{JsonBody, plain};
use super::reply::json;
use crate::service::access::Caller;
use crate::service::{App, Code, Problem};

/// The name in the path.
fn named(name: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    name.map(|Path(name)| name).map_err(|_| {
        Problem::new(Code::BadParameter, "`webhook` in the path is not valid UTF-8")
            .with("parameter", "webhook")
    })
}

/// Answers `GET /v1/webhooks`.
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Listed<T: Serialize> {
        webhooks: Vec<T>,
    }
    app.work(|app| json(&Listed { webhooks: app.webhook_states()? })).await
}

/// Answers `POST /v1/webhooks/{webhook}/test`: sends a signed delivery without changes.
pub(super) async fn test(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let name = named(name)?;
    app.access.note_of(&caller, "webhook.test", name.clone(), app.now())?;
    app.work(move |app| json(&app.test_webhook(&name)?)).await
}

/// Answers `POST /v1/webhooks/{webhook}/resume`.
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    go_on(app, caller, named(name)?, None).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    cursor: u64,
}

/// Answers `POST /v1/webhooks/{webhook}/redeliver`: everything after a cursor is delivered again.
pub(super) async fn redeliver(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let name = named(name)?;
    let From { cursor } = plain(&body)?;
    if cursor > i64::MAX as u64 {
        let detail =
            "`cursor` is not one of the feed; use the `cursor` of a change, or 0 for everything that is kept";
        return Err(Problem::new(Code::InvalidRequest, detail).with("field", "cursor"));
    }
    go_on(app, caller, name, Some(cursor)).await
}

async fn go_on(
    app: Arc<App>,
    caller: Caller,
    name: String,
    cursor: Option<u64>,
) -> Result<Response, Problem> {
    let (action, detail) = match cursor {
        Some(cursor) => ("webhook.redeliver", format!("{name} from {cursor}")),
        None => ("webhook.resume", name.clone()),
    };
    app.access.note_of(&caller, action, detail, app.now())?;
    app.work(move |app| {
        app.resume_webhook(&name, cursor)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}
