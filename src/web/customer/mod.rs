//! The page of one customer.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use homing_datasets::History;
use homing_models::next::NextPurchase;
use serde_json::Value;

use super::asked::{Asked, Link};
use super::format::Dates;
use super::frame::{Frame, Place};
use super::labels::{self, Chip, Labels};
use super::parts::{Figure, Key, Table};
use super::scores::Scores;
use super::state::{Web, written};
use super::words::{self, t};
use super::{message, path};
use crate::service::access::Caller;
use crate::service::{Code, Role};
use homing_charts::Svg;
use homing_profiles::Profile;
use homing_profiles::privacy::Consent;
use homing_tags::names::{CHURN_LEVEL, LIFECYCLE_STAGE, MEMBER_TIER};

mod history;
mod next;
mod scores;
mod tags;

use history::{EventRow, events, time_line};
use next::{due, first_purchases};
use scores::{Expectation, ReasonRow, expectation, figures, reasons};
use tags::{Advised, TagGroup, TagRow, advice, groups, signals, steps};

/// Answers `GET /customers?id=...`; without an id it asks for one.
pub(super) async fn find(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    match asked.get("id").map(str::to_owned) {
        Some(id) => customer(&web, &asked, &caller, id).await,
        None => message::find(&asked),
    }
}

/// Answers `GET /customers/{id}`.
pub(super) async fn page(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    match id {
        Ok(Path(id)) => customer(&web, &asked, &caller, id).await,
        // No customer has an id that is not UTF-8.
        Err(_) => message::unknown_customer(&asked, uri.path().rsplit('/').next().unwrap_or_default()),
    }
}

/// What is known of a customer.
struct Known {
    profile: Profile,
    history: History,
    consent: Option<Consent>,
    path: Vec<path::At>,
    next: NextPurchase,
}

async fn customer(web: &Web, asked: &Asked, caller: &Caller, id: String) -> Response {
    if let Err(problem) = web.app.note_read(caller, "profile.read", &[&id]) {
        return message::problem(web, asked, problem.code);
    }
    let (wanted, engine) = (id.clone(), web.app.engine().ok());
    let answer = web.ask(move |store| {
        let Some(profile) = store.profile(&wanted)? else { return Ok(None) };
        let history = store.history(&wanted)?.unwrap_or_default();
        // Who has no scores, for example after an opt-out, gets no path of scores either.
        let scored = Scores::read(&profile.prediction).is_some();
        let as_of = profile.prediction.get("as_of").and_then(Value::as_str);
        let (mut path, mut next) = (Vec::new(), NextPurchase::default());
        if let Some((engine, as_of)) = engine.filter(|_| scored).zip(as_of)
            && let Some(until) = engine.model().timezone.instant(as_of).ok().or(history.last_instant())
        {
            path = path::walk(engine.as_ref(), &wanted, &history, until);
            next = engine.next(&history, until);
        }
        Ok(Some(Known { consent: store.consent(&wanted)?, profile, history, path, next }))
    });
    let known = match answer.await {
        Ok(Some(known)) => known,
        Ok(None) => return message::unknown_customer(asked, &id),
        Err(code) => return message::problem(web, asked, code),
    };
    let rights = match rights(web, asked, caller, &id, known.consent).await {
        Ok(rights) => rights,
        Err(code) => return message::problem(web, asked, code),
    };
    written(StatusCode::OK, &view(web, asked, &known, rights))
}

/// What may be done with a customer: each with its address, or with the role that it needs.
struct Rights {
    opted_out: bool,
    token: String,
    consent: Result<Link, String>,
    export: Result<Link, String>,
    erase: Result<Link, String>,
}

async fn rights(
    web: &Web,
    asked: &Asked,
    caller: &Caller,
    id: &str,
    consent: Option<Consent>,
) -> Result<Rights, Code> {
    let lang = asked.lang;
    let may = |role: Role, what: &str| match caller.may(role) {
        true => Ok(asked.of_customer(id, what)),
        false => Err(t!(lang, "needs-role", role = role.name())),
    };
    Ok(Rights {
        opted_out: consent.is_some_and(|consent| consent.opted_out),
        // Who may change nothing needs no token, and gets none.
        token: if caller.may(Role::Operator) { web.token(caller).await? } else { String::new() },
        consent: may(Role::Operator, "consent"),
        export: may(Role::Operator, "export"),
        erase: may(Role::Admin, "erase"),
    })
}

#[derive(Template)]
#[template(path = "customer.html", config = "src/web/askama.toml")]
struct View {
    frame: Frame,
    id: String,
    back: Link,
    chips: Vec<Chip>,
    not_scored: Option<&'static str>,
    done: Option<&'static str>,
    figures: Vec<Figure>,
    time_line: Option<Svg>,
    time_line_note: String,
    path: Option<(Svg, Vec<Key>)>,
    advice: Option<Advised>,
    steps: Vec<TagRow>,
    due: Option<Table>,
    first: Option<(String, Table)>,
    signals: Vec<TagRow>,
    rights: Rights,
    reasons: Vec<ReasonRow>,
    expectation: Option<Expectation>,
    attributes: Vec<(String, String)>,
    groups: Vec<TagGroup>,
    events: Vec<EventRow>,
    event_count: String,
}

fn view(web: &Web, asked: &Asked, known: &Known, rights: Rights) -> View {
    let lang = asked.lang;
    let (profile, history) = (&known.profile, &known.history);
    let zone = web.model().map(|model| model.timezone);
    let dates = Dates { lang, zone };
    let labels = Labels { catalogue: &web.catalogue, lang: asked.lang };
    let scores = Scores::read(&profile.prediction);
    let cause = profile.prediction.get("not_scored").and_then(Value::as_str);
    let (drawn, time_line_note) =
        time_line(lang, zone.unwrap_or_default(), profile, scores.as_ref(), history);
    let (time_line, span) = drawn.unzip();
    let path = web.model().zip(span).and_then(|(model, span)| path::draw(lang, &model, &known.path, span));
    View {
        frame: Frame::new(asked, None, profile.customer_id.clone()),
        id: profile.customer_id.clone(),
        back: asked.link(Place::Call.path()),
        chips: [CHURN_LEVEL, LIFECYCLE_STAGE, MEMBER_TIER]
            .into_iter()
            .filter_map(|tag| labels.chip(profile, tag))
            .collect(),
        not_scored: scores.is_none().then(|| words::not_scored(lang, cause)),
        done: (asked.get("done") == Some("consent")).then_some(t!(lang, "done-consent")),
        figures: figures(lang, dates, profile, scores.as_ref()),
        time_line,
        time_line_note,
        path,
        advice: advice(web, asked, profile),
        steps: steps(lang, dates, labels, profile),
        due: due(lang, &known.next),
        first: first_purchases(lang, &known.next),
        signals: signals(lang, labels, profile),
        rights,
        reasons: scores.as_ref().map_or_else(Vec::new, |scores| reasons(asked, scores)),
        expectation: scores.as_ref().map(|scores| expectation(lang, dates, &profile.prediction, scores)),
        attributes: profile
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), labels::key(value)))
            .collect(),
        groups: groups(lang, dates, labels, &web.cluster_words(), profile),
        events: events(lang, dates, history),
        event_count: t!(lang, "events-of", n = profile.history.events),
    }
}
