//! `GET /v1/profiles`, `/v1/profiles/{id}` and `/v1/profiles/{id}/explanation`.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use homing_models::next::NextPurchase;
use serde::Serialize;
use serde_json::Value;

use super::events::id_fault;
use super::listing;
use super::reply::{json, json_bytes};
use super::route::Route;
use crate::service::access::Caller;
use crate::service::metrics::Stage;
use crate::service::problem::{clip, nearest};
use crate::service::{App, Code, Problem};
use homing_profiles::{Error, HistorySummary, Listing, Profile, Store};
use homing_tags::playbook::Advice;

/// Answers `GET /v1/profiles/{id}`, from memory where it was read a moment ago.
pub(super) async fn profile(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    app.access.note(&caller, "profile.read", &[&id], app.now())?;
    if let Some(bytes) = app.warm.profile(&id) {
        return Ok(json_bytes(bytes));
    }
    let began = app.warm.begin(&id);
    let profile = fetch(&app, Route::Profile, &id).await?;
    let playbook = app.playbook().filter(|playbook| !playbook.left_alone(&profile));
    let reply =
        Reply { next_action: playbook.and_then(|playbook| playbook.advise(&profile)), profile: &profile };
    let bytes = Bytes::from(serde_json::to_vec(&reply).map_err(|error| Problem::internal(&error))?);
    app.warm.keep_profile(id, bytes.clone(), began);
    Ok(json_bytes(bytes))
}

/// A profile with its next best action.
#[derive(Serialize)]
struct Reply<'a> {
    #[serde(flatten)]
    profile: &'a Profile,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_action: Option<Advice>,
}

/// Answers `GET /v1/profiles/{id}/explanation`.
pub(super) async fn explanation(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    app.access.note(&caller, "profile.read", &[&id], app.now())?;
    let profile = fetch(&app, Route::Explanation, &id).await?;
    json(&Explanation::of(&profile))
}

/// Answers `GET /v1/profiles/{id}/next`.
pub(super) async fn next(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    app.access.note(&caller, "profile.read", &[&id], app.now())?;
    let engine = app.engine()?;
    let profile = fetch(&app, Route::Next, &id).await?;
    let asked = id.clone();
    let history = read(&app, Route::Next, move |store| store.history(&asked)).await?.unwrap_or_default();
    let learned = engine.model().as_of_micros;
    let as_of = history.last_instant().map_or(learned, |last| last.max(learned));
    let not_scored = profile.prediction.get("not_scored").cloned().unwrap_or_default();
    let next = match not_scored {
        Value::Null => engine.next(&history, as_of),
        _ => NextPurchase::default(),
    };
    let as_of = engine.model().timezone.format(as_of);
    json(&Next { customer_id: &id, as_of, not_scored, next })
}

#[derive(Serialize)]
struct Next<'a> {
    customer_id: &'a str,
    as_of: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    not_scored: Value,
    #[serde(flatten)]
    next: NextPurchase,
}

/// Answers `GET /v1/profiles`.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Problem> {
    let listing = listing::read(&uri)?;
    known_tags(&app, &listing)?;
    let page = read(&app, Route::Profiles, move |store| store.list(&listing)).await?;
    let ids: Vec<&str> = page.profiles.iter().map(|profile| profile.customer_id.as_str()).collect();
    app.access.note(&caller, "profile.list", &ids, app.now())?;
    json(&page)
}

/// Refuses tags that the catalogue does not have: nobody has them, so the list would be empty without an explanation.
fn known_tags(app: &App, listing: &Listing) -> Result<(), Problem> {
    let Ok(engine) = app.engine() else { return Ok(()) };
    let Some(names) = engine.tag_names().filter(|_| !listing.tags.is_empty()) else { return Ok(()) };
    match listing.tags.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, _)) => {
            let near = nearest(name, names.iter().copied());
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let detail = format!("`{}` is not a tag of the catalogue{near}", clip(name));
            Err(Problem::new(Code::BadParameter, detail).with("parameter", "tag"))
        }
    }
}

/// The customer id of a path.
pub(super) fn customer(id: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let bad = |detail: String| Problem::new(Code::BadParameter, detail).with("parameter", "id");
    let not_utf8 = |_| bad("the customer id in the path must be percent-encoded UTF-8".to_owned());
    let Path(id) = id.map_err(not_utf8)?;
    id_fault("id", &id).map_or(Ok(id), |detail| Err(bad(detail)))
}

async fn fetch(app: &Arc<App>, route: Route, id: &str) -> Result<Profile, Problem> {
    let asked = id.to_owned();
    read(app, route, move |store| store.profile(&asked)).await?.ok_or_else(|| {
        Problem::new(Code::UnknownCustomer, format!("no profile for the customer `{}`", clip(id)))
    })
}

/// Reads from the store, away from the threads that serve requests.
async fn read<T: Send + 'static>(
    app: &Arc<App>,
    route: Route,
    ask: impl FnOnce(&dyn Store) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    app.work(move |app| {
        let started = Instant::now();
        let answer = ask(app.store().as_ref());
        app.metrics().stage(route.path(), Stage::Read, started.elapsed());
        Ok(answer?)
    })
    .await
}

/// The explanation of a customer's stored scores.
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
