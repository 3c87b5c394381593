//! The operational routes: health, readiness, metrics, and the OpenAPI document.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::openapi as document;
use super::reply::json;
use crate::service::metrics::MEDIA_TYPE;
use crate::service::{App, Code, Problem};

/// Time limit for the store's readiness check.
const READY_WITHIN: Duration = Duration::from_secs(5);

/// Answers `GET /healthz`: the process answers requests.
pub(super) async fn health() -> Result<Response, Problem> {
    json(&serde_json::json!({"status": "ok"}))
}

/// Answers `GET /readyz`: the store can be read and written, and a model is loaded.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    if app.is_stopping() {
        return Err(Problem::new(
            Code::Stopping,
            "the service is shutting down: it finishes running requests and accepts no new ones",
        ));
    }
    let engine = app.engine()?;
    let store = app.store().clone();
    // Past the queue of other work: a busy service is ready, it only has much to do.
    let asked = tokio::task::spawn_blocking(move || store.ready());
    match tokio::time::timeout(READY_WITHIN, asked).await {
        Ok(Ok(ready)) => ready?,
        Ok(Err(panic)) => return Err(Problem::internal(&panic)),
        Err(_) => return Err(Problem::new(Code::Timeout, "the profile store does not respond")),
    }
    json(&serde_json::json!({"status": "ready", "model": *engine.model().id}))
}

/// Answers `GET /metrics`.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let of_app = app.clone();
    // Past the queue of other work: a busy service is the one that is looked at.
    let condition = tokio::task::spawn_blocking(move || of_app.condition());
    let condition = match tokio::time::timeout(READY_WITHIN, condition).await {
        Ok(Ok(condition)) => condition.unwrap_or_else(|problem| {
            tracing::warn!(?problem, "cannot read the metrics of the store");
            String::new()
        }),
        Ok(Err(panic)) => return Err(Problem::internal(&panic)),
        Err(_) => {
            tracing::warn!("the profile store does not respond; its metrics are left out");
            String::new()
        }
    };
    // Before the mark of the end.
    let page = condition + &app.metrics().text().map_err(|error| Problem::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], page).into_response())
}

/// Answers `GET /openapi.json`.
pub(super) async fn openapi(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let engine = app.engine().ok();
    json(&document::document(engine.as_ref().map(|engine| engine.model()), app.limits()))
}
