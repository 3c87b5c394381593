//! `GET /v1/profiles`, `/v1/profiles/{id}` and `/v1/profiles/{id}/explanation`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::events::clip;
use super::metrics::Stage;
use super::problem::{Code, Problem};
use super::routes::Route;
use super::{App, json, listing};
use crate::profiles::{Error, HistorySummary, Profile, Store};

/// Answers `GET /v1/profiles/{id}`.
pub(super) async fn profile(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let profile = fetch(app, Route::Profile, id).await?;
    json(&profile)
}

/// Answers `GET /v1/profiles/{id}/explanation`.
pub(super) async fn explanation(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let profile = fetch(app, Route::Explanation, id).await?;
    json(&Explanation::of(&profile))
}

/// Answers `GET /v1/profiles`.
pub(super) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let listing = listing::read(&uri)?;
    let page = read(app, Route::Profiles, move |store| store.list(&listing)).await?;
    json(&page)
}

async fn fetch(
    app: Arc<App>,
    route: Route,
    id: Result<Path<String>, PathRejection>,
) -> Result<Profile, Problem> {
    let Path(id) = id.map_err(|_| {
        let detail = "the customer id in the path is not UTF-8 in percent-encoding";
        Problem::new(Code::BadParameter, detail).with("parameter", "id")
    })?;
    let unknown =
        Problem::new(Code::UnknownCustomer, format!("there is no profile of the customer `{}`", clip(&id)));
    read(app, route, move |store| store.profile(&id)).await?.ok_or(unknown)
}

/// Reads from the store, away from the threads that serve requests.
async fn read<T: Send + 'static>(
    app: Arc<App>,
    route: Route,
    ask: impl FnOnce(&dyn Store) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let worker = app.clone();
    let answer = app.blocking(move || {
        let started = Instant::now();
        let answer = ask(worker.store().as_ref());
        worker.metrics().stage(route, Stage::Read, started.elapsed());
        answer
    });
    Ok(answer.await??)
}

/// Why a customer has the scores that they have. The scores are those of the stored profile.
#[derive(Serialize)]
struct Explanation<'a> {
    customer_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_scored: Option<&'a Value>,
    churn_risk: Option<&'a Value>,
    churn_percentile: Option<&'a Value>,
    value_at_risk: Option<&'a Value>,
    reasons: &'a [Value],
    model: Option<&'a Value>,
    as_of: Option<&'a Value>,
    /// The same instant under the name by which auditors ask for it.
    data_cutoff: Option<&'a Value>,
    scored_at: Option<&'a Value>,
    history: &'a HistorySummary,
}

impl<'a> Explanation<'a> {
    fn of(profile: &'a Profile) -> Self {
        let score = |name: &str| profile.prediction.get(name);
        Explanation {
            customer_id: &profile.customer_id,
            not_scored: score("not_scored"),
            churn_risk: score("churn_risk"),
            churn_percentile: score("churn_percentile"),
            value_at_risk: score("value_at_risk"),
            reasons: score("reasons").and_then(Value::as_array).map_or(&[], Vec::as_slice),
            model: score("model"),
            as_of: score("as_of"),
            data_cutoff: score("as_of"),
            scored_at: score("scored_at"),
            history: &profile.history,
        }
    }
}
