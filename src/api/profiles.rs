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
use homing_datasets::{History, Micros};
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
use crate::service::snapshots::{self, MOST_IDS, Snapshots};
use crate::service::{App, Code, Problem};
use homing_profiles::privacy::ExportedChoice;
use homing_profiles::{Error, HistorySummary, Listing, Page, Profile, Sort, Store};
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
    let view = view(&app, &uri)?;
    app.access.note(&caller, "profile.read", &[&id], app.now())?;
    let noted = id.clone();
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
        let viewed = if view.expands() {
            note_expansion(&app, &caller, &view, &[&noted])?;
            app.work(move |app| expanded(app, &view, &noted, whole)).await?
        } else {
            view.of(whole)
        };
        Bytes::from(viewed.to_string())
    };
    let tag = conditional::tag_of(&bytes);
    Ok(conditional::tagged(&headers, &tag, json_bytes(bytes)))
}

/// The view of a read: it takes no other parameters.
fn view(app: &App, uri: &Uri) -> Result<View, Problem> {
    let mut view = View::default();
    for parameter in parameters(uri, &[])? {
        if !view.take(&parameter)? {
            return Err(parameter.unknown(&VIEW.map(|(name, _)| name)));
        }
    }
    view.check(app)?;
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
    let view = view(&app, &uri)?;
    let Wanted { mut ids } = plain(&body)?;
    ids.iter_mut().for_each(|id| *id = id.trim().to_owned());
    if ids.is_empty() || ids.len() > MAX_LOOKUP {
        let code = if ids.is_empty() { Code::InvalidRequest } else { Code::TooManyCustomers };
        let detail = format!("`ids` must have 1 to {MAX_LOOKUP} customer ids");
        return Err(Problem::new(code, detail).with("field", "ids").with("limit", MAX_LOOKUP));
    }
    if view.expands() && ids.len() > listing::MAX_EXPANDED as usize {
        let detail = format!("with `expand` a lookup has at most {} customers", listing::MAX_EXPANDED);
        return Err(Problem::new(Code::TooManyCustomers, detail).with("limit", listing::MAX_EXPANDED));
    }
    if let Some(detail) = ids.iter().find_map(|id| id_fault("ids", id)) {
        return Err(Problem::new(Code::InvalidRequest, detail).with("field", "ids"));
    }
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    let noted: Vec<&str> = ids.iter().map(String::as_str).collect();
    app.access.note(&caller, "profile.read", &noted, app.now())?;
    note_expansion(&app, &caller, &view, &noted)?;
    app.work(move |app| {
        let mut found = Found { profiles: Vec::with_capacity(ids.len()), unknown: Vec::new() };
        for id in ids {
            match app.store().profile(&id)? {
                Some(profile) => {
                    let whole = serde_json::to_value(reply(app, &profile));
                    let whole = whole.map_err(|error| Problem::internal(&error))?;
                    found.profiles.push(expanded(app, &view, &id, whole)?);
                }
                None => found.unknown.push(id),
            }
        }
        json(&found)
    })
    .await
}

/// Notes what is read of customers beside their profiles.
fn note_expansion(app: &App, caller: &Caller, view: &View, ids: &[&str]) -> Result<(), Problem> {
    if view.has("consent") {
        app.access.note(caller, "consent.read", ids, app.now())?;
    }
    Ok(())
}

/// What is asked for of a profile, with what else is looked up. Blocks its thread.
fn expanded(app: &App, view: &View, id: &str, mut whole: Value) -> Result<Value, Problem> {
    let internal = |error: serde_json::Error| Problem::internal(&error);
    if let Value::Object(members) = &mut whole {
        if view.has("consent") {
            let (choices, zone) = (app.store().choices(id)?, app.zone());
            let consents: Vec<_> = choices.iter().map(|choice| ExportedChoice::of(choice, zone)).collect();
            members.insert("consent".to_owned(), serde_json::to_value(consents).map_err(internal)?);
        }
        if view.has("next") {
            let scored = members.get("prediction").is_some_and(|scores| scores.get("not_scored").is_none());
            let next = if scored {
                let engine = app.engine()?;
                let history = app.store().history(id)?.unwrap_or_default();
                let as_of = last_known(engine.model().as_of_micros, &history);
                Some(engine.next(&history, as_of))
            } else {
                None
            };
            members.insert("next".to_owned(), serde_json::to_value(next).map_err(internal)?);
        }
        if view.has("next_action") {
            members.entry("next_action").or_insert(Value::Null);
        }
    }
    Ok(view.of(whole))
}

/// The instant for which the next purchase is told: the last event, or where the model's data end if that is later.
fn last_known(learned: Micros, history: &History) -> Micros {
    history.last_instant().map_or(learned, |last| last.max(learned))
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
    let as_of = last_known(learned, &history);
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
    let listing::Wanted { listing, view, total, snapshot } = listing::read(&uri, app.zone())?;
    known_tags(&app, &listing)?;
    view.check(&app)?;
    // A cursor that leads into a held list says so itself.
    let held = listing.cursor.as_deref().is_some_and(Snapshots::is_ours);
    if listing.cursor.is_some() && held != snapshot {
        return Err(Error::BadCursor.into());
    }
    let (page, total) = if snapshot {
        let (page, all) = page_of_snapshot(&app, listing).await?;
        (page, total.then_some((all as u64, true)))
    } else {
        read(&app, Route::Profiles, move |store| {
            let page = store.list(&listing)?;
            Ok((page, if total { Some(count(store, &listing)?) } else { None }))
        })
        .await?
    };
    let ids: Vec<&str> = page.profiles.iter().map(|profile| profile.customer_id.as_str()).collect();
    app.access.note(&caller, "profile.list", &ids, app.now())?;
    let expands = view.expands();
    if view.is_whole() && total.is_none() {
        return json(&page);
    }
    note_expansion(&app, &caller, &view, &ids)?;
    let (total, total_is_exact) = total.unzip();
    let viewed = move |app: &App| {
        let mut profiles = Vec::with_capacity(page.profiles.len());
        for profile in &page.profiles {
            let whole = if view.has("next_action") {
                serde_json::to_value(reply(app, profile))
            } else {
                serde_json::to_value(profile)
            };
            let whole = whole.map_err(|error| Problem::internal(&error))?;
            profiles.push(expanded(app, &view, &profile.customer_id, whole)?);
        }
        json(&Viewed { profiles, next: page.next, total, total_is_exact })
    };
    if expands { app.work(viewed).await } else { viewed(&app) }
}

/// A page of a list that stays as it was at its first page, and how many are on it. Who was erased since is left out.
async fn page_of_snapshot(app: &Arc<App>, listing: Listing) -> Result<(Page, usize), Problem> {
    let now = app.now();
    app.snapshots.forget(now);
    let (snapshot, from) = match &listing.cursor {
        Some(cursor) => match app.snapshots.find(cursor, &listing, now) {
            snapshots::Found::At(snapshot, from) => (snapshot, from),
            snapshots::Found::Other => return Err(Error::BadCursor.into()),
            snapshots::Found::Gone => {
                let detail = "this server does not hold the list any more (15 minutes after its last page, or after a restart); \
                              start again without `cursor`";
                return Err(Problem::new(Code::CursorExpired, detail));
            }
        },
        None => {
            let Ok(_room) = app.snapshot_room.try_acquire() else {
                let detail = "another list with `snapshot=true` is being prepared; retry shortly";
                return Err(Problem::new(Code::Overloaded, detail));
            };
            let wanted = listing.clone();
            let ids = read(app, Route::Profiles, move |store| store.listed_ids(&wanted, MOST_IDS)).await?;
            let held = ids.map(|ids| app.snapshots.hold(&listing, &ids, now)).transpose();
            let held = held.map_err(|cause| Problem::internal(&cause))?.flatten();
            let detail = "too many customers match for `snapshot=true`; add filters, or use sort=customer_id without it";
            let too_many = || Problem::new(Code::BadParameter, detail).with("parameter", "snapshot");
            (held.ok_or_else(too_many)?, 0)
        }
    };
    let all = snapshot.len();
    let limit = listing.limit as usize;
    let page = read(app, Route::Profiles, move |store| {
        let (ids, next) = snapshot.page(from, limit);
        let profiles = ids.into_iter().filter_map(|id| store.profile(id).transpose());
        Ok(Page { profiles: profiles.collect::<Result<_, _>>()?, next })
    })
    .await?;
    Ok((page, all))
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
    // As in events and files: with spaces around it, it is the same customer's.
    let id = id.trim().to_owned();
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
