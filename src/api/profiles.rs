//! `GET /v1/profiles`, `/v1/profiles/{id}` and `/v1/profiles/{id}/explanation`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use homing_models::next::NextPurchase;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::events::id_fault;
use super::query::parameters;
use super::reader::{JsonBody, plain};
use super::reply::{json, json_bytes};
use super::route::Route;
use super::view::{PARAMETERS as VIEW, View};
use super::{conditional, listing};
use crate::service::access::Caller;
use crate::service::metrics::Stage;
use crate::service::problem::{clip, nearest};
use crate::service::{App, Code, Problem};
use homing_profiles::{Error, HistorySummary, Listing, Profile, Sort, Store};
use homing_tags::playbook::Advice;

/// Answers `GET /v1/profiles/{id}`, from memory where it was read a moment ago.
pub(super) async fn profile(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = customer(id)?;
    let view = view(&uri)?;
    app.access.note(&caller, "profile.read", &[&id], app.now())?;
    let bytes = match app.warm.profile(&id) {
        Some(bytes) => bytes,
        None => {
            let began = app.warm.begin(&id);
            let profile = fetch(&app, Route::Profile, &id).await?;
            let bytes = Bytes::from(
                serde_json::to_vec(&reply(&app, &profile)).map_err(|error| Problem::internal(&error))?,
            );
            app.warm.keep_profile(id, bytes.clone(), began);
            bytes
        }
    };
    let bytes = if view.is_whole() {
        bytes
    } else {
        let whole = serde_json::from_slice(&bytes).map_err(|error| Problem::internal(&error))?;
        Bytes::from(view.of(whole).to_string())
    };
    let tag = conditional::tag_of(&bytes);
    Ok(conditional::tagged(&headers, &tag, json_bytes(bytes)))
}

/// The view of a read: it takes no other parameters.
fn view(uri: &Uri) -> Result<View, Problem> {
    let mut view = View::default();
    for parameter in parameters(uri, None)? {
        if !view.take(&parameter)? {
            return Err(parameter.unknown(&VIEW.map(|(name, _)| name)));
        }
    }
    Ok(view)
}

/// A profile with what to do next.
fn reply<'a>(app: &App, profile: &'a Profile) -> Reply<'a> {
    let playbook = app.playbook().filter(|playbook| !playbook.left_alone(profile));
    Reply { next_action: playbook.and_then(|playbook| playbook.advise(profile)), profile }
}

/// Customers of one lookup.
pub(super) const MAX_LOOKUP: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    ids: Vec<String>,
}

#[derive(Serialize)]
struct Found {
    profiles: Vec<Value>,
    /// Those who have no profile, in the order asked for.
    unknown: Vec<String>,
}

/// Answers `POST /v1/lookup`: the profiles of several customers.
pub(super) async fn lookup(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let view = view(&uri)?;
    let Wanted { mut ids } = plain(&body)?;
    if ids.is_empty() || ids.len() > MAX_LOOKUP {
        let code = if ids.is_empty() { Code::InvalidRequest } else { Code::TooManyCustomers };
        let detail = format!("`ids` must have 1 to {MAX_LOOKUP} customer ids");
        return Err(Problem::new(code, detail).with("field", "ids").with("limit", MAX_LOOKUP));
    }
    if let Some(detail) = ids.iter().find_map(|id| id_fault("ids", id)) {
        return Err(Problem::new(Code::InvalidRequest, detail).with("field", "ids"));
    }
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    let noted: Vec<&str> = ids.iter().map(String::as_str).collect();
    app.access.note(&caller, "profile.read", &noted, app.now())?;
    app.work(move |app| {
        let mut found = Found { profiles: Vec::with_capacity(ids.len()), unknown: Vec::new() };
        for id in ids {
            match app.store().profile(&id)? {
                Some(profile) => {
                    let whole = serde_json::to_value(reply(app, &profile));
                    found.profiles.push(view.of(whole.map_err(|error| Problem::internal(&error))?));
                }
                None => found.unknown.push(id),
            }
        }
        json(&found)
    })
    .await
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
    let listing::Wanted { listing, view, total } = listing::read(&uri, app.zone())?;
    known_tags(&app, &listing)?;
    let (page, total) = read(&app, Route::Profiles, move |store| {
        let page = store.list(&listing)?;
        Ok((page, if total { Some(count(store, &listing)?) } else { None }))
    })
    .await?;
    let ids: Vec<&str> = page.profiles.iter().map(|profile| profile.customer_id.as_str()).collect();
    app.access.note(&caller, "profile.list", &ids, app.now())?;
    if view.is_whole() && total.is_none() {
        return json(&page);
    }
    let whole = page.profiles.iter().map(serde_json::to_value).collect::<Result<Vec<Value>, _>>();
    let profiles = whole.map_err(|error| Problem::internal(&error))?.into_iter().map(|whole| view.of(whole));
    let (total, total_is_exact) = total.unzip();
    json(&Viewed { profiles: profiles.collect(), next: page.next, total, total_is_exact })
}

/// Profiles that are counted at most.
const MOST_COUNTED: u64 = 10_000;

/// How many profiles match, and whether these are all.
fn count(store: &dyn Store, listing: &Listing) -> Result<(u64, bool), Error> {
    let mut listing = Listing {
        sort: Sort::CustomerId,
        reversed: false,
        cursor: None,
        limit: listing::MAX_LIMIT,
        ..listing.clone()
    };
    let everybody = Listing { sort: Sort::CustomerId, limit: listing::MAX_LIMIT, ..Listing::default() };
    if listing == everybody {
        return Ok((store.totals()?.profiles, true));
    }
    let mut total = 0;
    loop {
        let page = store.list(&listing)?;
        total += page.profiles.len() as u64;
        listing.cursor = page.next;
        if listing.cursor.is_none() || total >= MOST_COUNTED {
            return Ok((total.min(MOST_COUNTED), listing.cursor.is_none() && total <= MOST_COUNTED));
        }
    }
}

/// A page of parts of profiles, or one with a total.
#[derive(Serialize)]
struct Viewed {
    profiles: Vec<Value>,
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_is_exact: Option<bool>,
}

/// Refuses tags that the catalogue does not have: nobody has them, so the list would be empty without an explanation.
fn known_tags(app: &App, listing: &Listing) -> Result<(), Problem> {
    let Ok(engine) = app.engine() else { return Ok(()) };
    let Some(names) = engine.tag_names().filter(|_| !listing.tags.is_empty()) else { return Ok(()) };
    for (name, value) in &listing.tags {
        let Some(known) = engine.tag_values(name) else { continue };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if known.contains(&text.as_str()) {
            continue;
        }
        let near = nearest(&text, known.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let detail =
            format!("`{}` is not a value of `{name}`{near}; its values: {}", clip(&text), known.join(", "));
        return Err(Problem::new(Code::BadParameter, detail).with("parameter", "tag"));
    }
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
