//! The page of one customer.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use homing_datasets::{Event, History, Kind, Micros, Zone};
use homing_models::next::{Chance, Due, NextPurchase};
use homing_models::prediction::Importance;
use serde_json::Value;

use super::asked::{Asked, Link};
use super::format::{Dates, NOTHING, count, decimal, money, percent};
use super::frame::{Frame, Place};
use super::labels::{self, Chip, Labels};
use super::parts::{Cell, Figure, Head, Key, Table};
use super::scores::Scores;
use super::state::{Web, written};
use super::words::{Words, fill};
use super::{message, path};
use crate::service::access::Caller;
use crate::service::{Code, Role};
use homing_charts::{Curve, Mark, Stem, Svg, TimeLine};
use homing_profiles::privacy::Consent;
use homing_profiles::{Layer, Profile, StoredTag};
use homing_tags::names::{
    CHURN_LEVEL, FADING_CAUSE, LIFECYCLE_STAGE, MEMBER_TIER, NEXT_ACTION, TOP_CATEGORY,
};

/// Events in the table.
const EVENTS: usize = 20;

/// Stems in the drawing; past that, neighbouring days are taken together.
const STEMS: i32 = 400;

/// The next order is drawn when it lies no further off than this many days, or than the customer's past is long.
const NEAR_DAYS: i32 = 90;

/// Tags that say what to do, in this order; further ones are known by how their names begin.
const STEPS: [&str; 9] = [
    "warning.early",
    "care.priority",
    "care.urgency",
    FADING_CAUSE,
    "next_order.due",
    TOP_CATEGORY,
    "preference.channel",
    "preference.hour",
    "return.second_order",
];
const STEP_KINDS: [&str; 5] = ["action.", "next_best.", "next_category", "expansion.", "playbook."];

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
        // Who has no scores, be it by their own wish, gets no path of scores either.
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
    let w = asked.lang.words();
    let may = |role: Role, what: &str| match caller.may(role) {
        true => Ok(asked.of_customer(id, what)),
        false => Err(fill(w.needs_role, role.name())),
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

struct ReasonRow {
    text: String,
    change: Option<String>,
    importance: &'static str,
    raises: bool,
    bar: Svg,
}

struct ExpectedRow {
    within: String,
    chance: String,
    orders: String,
    spend: String,
    interval: String,
}

struct Expectation {
    curve: Svg,
    rows: Vec<ExpectedRow>,
    provenance: Vec<String>,
}

struct TagRow {
    name: String,
    meaning: Option<String>,
    value: String,
    notes: Vec<String>,
}

struct TagGroup {
    name: &'static str,
    tags: Vec<TagRow>,
}

struct EventRow {
    when: String,
    what: &'static str,
    amount: String,
    quantity: String,
    product: String,
    category: String,
    channel: String,
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
    let w = asked.lang.words();
    let (profile, history) = (&known.profile, &known.history);
    let zone = web.model().map(|model| model.timezone);
    let dates = Dates(zone);
    let labels = Labels { catalogue: &web.catalogue, lang: asked.lang };
    let scores = Scores::read(&profile.prediction);
    let cause = profile.prediction.get("not_scored").and_then(Value::as_str);
    let (drawn, time_line_note) = time_line(w, zone.unwrap_or_default(), profile, scores.as_ref(), history);
    let (time_line, span) = drawn.unzip();
    let path = web.model().zip(span).and_then(|(model, span)| path::draw(w, &model, &known.path, span));
    View {
        frame: Frame::new(asked, None, profile.customer_id.clone()),
        id: profile.customer_id.clone(),
        back: asked.link(Place::Call.path()),
        chips: [CHURN_LEVEL, LIFECYCLE_STAGE, MEMBER_TIER]
            .into_iter()
            .filter_map(|tag| labels.chip(profile, tag))
            .collect(),
        not_scored: scores.is_none().then(|| w.not_scored(cause)),
        done: (asked.get("done") == Some("consent")).then_some(w.done_consent),
        figures: figures(w, dates, profile, scores.as_ref()),
        time_line,
        time_line_note,
        path,
        advice: advice(web, asked, profile),
        steps: steps(w, dates, labels, profile),
        due: due(w, &known.next),
        first: first_purchases(w, &known.next),
        signals: signals(w, labels, profile),
        rights,
        reasons: scores.as_ref().map_or_else(Vec::new, |scores| reasons(asked, scores)),
        expectation: scores.as_ref().map(|scores| expectation(w, dates, &profile.prediction, scores)),
        attributes: profile
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), labels::key(value)))
            .collect(),
        groups: groups(w, dates, labels, profile),
        events: events(w, dates, history),
        event_count: fill(w.events_of, &count(profile.history.events)),
    }
}

fn figures(w: &'static Words, dates: Dates, profile: &Profile, scores: Option<&Scores>) -> Vec<Figure> {
    let figure = |name: &str, help: Option<String>, value: String, note| Figure {
        help,
        ..Figure::new(name, value).note(note)
    };
    let amount = |amount: Option<f64>| amount.map_or_else(|| NOTHING.into(), money);
    let mut figures = Vec::with_capacity(8);
    if let Some(scores) = scores {
        let within = scores.churn_horizon().map(|days| fill(w.churn_risk_in, &days.to_string()));
        let place = scores.percentile.map(|place| fill(w.of_100, &count(place)));
        let (next, help) = match scores.next_order_at.as_deref() {
            Some(at) => (dates.day(at), w.next_order_help),
            None => (w.not_expected.to_owned(), w.not_expected_help),
        };
        figures.push(figure(w.churn_risk, within, percent(scores.churn_risk), place));
        figures.push(figure(
            w.value_at_risk,
            Some(w.value_at_risk_help.into()),
            amount(scores.value_at_risk),
            None,
        ));
        figures.push(figure(w.clv, Some(w.clv_help.into()), amount(scores.clv), None));
        figures.push(figure(w.next_order, Some(help.into()), next, None));
        if let Some(p_alive) = scores.p_alive {
            figures.push(figure(w.p_alive, Some(w.p_alive_help.into()), percent(p_alive), None));
        }
    }
    let history = &profile.history;
    let last = history.last_purchase_at.as_deref().map_or_else(|| NOTHING.into(), |at| dates.day(at));
    let since = history.first_purchase_at.as_deref().map(|at| fill(w.since, &dates.day(at)));
    figures.push(figure(w.last_purchase, None, last, None));
    figures.push(figure(w.orders, None, count(history.orders), since));
    figures.push(figure(w.spend, None, money(history.spend), None));
    figures
}

fn reasons(asked: &Asked, scores: &Scores) -> Vec<ReasonRow> {
    let w = asked.lang.words();
    let most = scores.reasons.iter().map(|reason| reason.contribution.abs()).fold(0.0, f64::max);
    let row = |reason: &homing_models::Reason| ReasonRow {
        text: asked.lang.of(&reason.text).to_owned(),
        change: reason.change.as_ref().map(|change| fill(w.would_change, asked.lang.of(change))),
        importance: match reason.importance {
            Importance::High => w.high,
            Importance::Medium => w.medium,
            Importance::Low => w.low,
        },
        raises: reason.contribution > 0.0,
        bar: homing_charts::weight(reason.contribution, most),
    };
    scores.reasons.iter().map(row).collect()
}

fn expectation(w: &Words, dates: Dates, prediction: &Value, scores: &Scores) -> Expectation {
    let text = |name: &str| prediction.get(name).and_then(Value::as_str);
    let points: Vec<(u32, f64)> = scores.at.iter().map(|at| (at.days, at.p_return)).collect();
    let as_of = text("as_of").map_or_else(|| NOTHING.to_owned(), |at| dates.day(at));
    let days = |days: u32| fill(w.days, &count(u64::from(days)));
    let label = fill(w.curve, &as_of);
    let values: Vec<String> =
        points.iter().map(|(at, share)| format!("{} {}", days(*at), percent(*share))).collect();
    let row = |at: &super::scores::Expected| ExpectedRow {
        within: days(at.days),
        chance: percent(at.p_return),
        orders: at.orders.map_or_else(|| NOTHING.into(), |orders| decimal(orders, 1)),
        spend: at.spend.map_or_else(|| NOTHING.into(), money),
        interval: at
            .interval
            .map_or_else(|| NOTHING.into(), |(low, high)| format!("{} – {}", money(low), money(high))),
    };
    let model = text("model").map(|model| fill(w.provenance, model));
    let scored_at = text("scored_at").map(|at| fill(w.scored_at, &dates.minute(at)));
    Expectation {
        curve: homing_charts::curve(&Curve {
            label: &format!("{label}: {}", values.join(", ")),
            points: &points,
            share: &percent,
            days: &days,
        }),
        rows: scores.at.iter().map(row).collect(),
        provenance: model.into_iter().chain([fill(w.as_of, &as_of)]).chain(scored_at).collect(),
    }
}

/// A drawing over time, with the days that it spans.
type Drawn = (Svg, (i32, i32));

/// The purchases as stems, with the day of the scores and the day of the next order.
fn time_line(
    w: &Words,
    zone: Zone,
    profile: &Profile,
    scores: Option<&Scores>,
    history: &History,
) -> (Option<Drawn>, String) {
    let view = history.as_of(Micros::MAX);
    let days: Vec<(i32, f64)> = view.orders(zone).map(|order| (order.day, order.amount)).collect();
    let (Some(&(first, _)), Some(&(last, _))) = (days.first(), days.last()) else {
        return (None, w.no_purchases.to_owned());
    };
    let width = if days.len() > STEMS as usize { (last - first) / STEMS + 1 } else { 1 };
    let mut stems: Vec<Stem> = Vec::with_capacity(days.len().min(STEMS as usize + 1));
    for (day, amount) in days {
        let day = first + (day - first) / width * width;
        match stems.last_mut() {
            Some(stem) if stem.day == day => stem.value += amount,
            _ => stems.push(Stem { day, value: amount, title: String::new() }),
        }
    }
    let date = |day: i32| homing_datasets::calendar::date_of(day).to_string();
    for stem in &mut stems {
        stem.title = format!("{}: {}", date(stem.day), money(stem.value));
    }
    let day_of = |text: &str| zone.instant(text).ok().map(|at| zone.day(at));
    let as_of = profile.prediction.get("as_of").and_then(Value::as_str).and_then(day_of);
    let next = scores.and_then(|scores| scores.next_order_at.as_deref()).and_then(day_of);
    let now = as_of.unwrap_or(last).max(last);
    let next = next.filter(|next| next - now <= NEAR_DAYS.max(now - first));
    let mark =
        |day: i32, words: &str, expected| Mark { day, label: format!("{words} {}", date(day)), expected };
    let marks: Vec<Mark> = as_of
        .map(|day| mark(day, w.scored_on, false))
        .into_iter()
        .chain(next.map(|day| mark(day, w.next_expected, true)))
        .collect();
    let orders = format!("{} {}", count(profile.history.orders), w.orders);
    let label = format!("{}: {orders}, {} – {}", w.purchases, date(first), date(last));
    let value = |value: f64| decimal(value, if value.fract() == 0.0 { 0 } else { 2 });
    let drawn = || stems.iter().map(|stem| stem.day).chain(marks.iter().map(|mark| mark.day));
    let span = (drawn().min().unwrap_or(first), drawn().max().unwrap_or(last));
    let svg =
        homing_charts::time_line(&TimeLine { label: &label, stems: &stems, marks: &marks, value: &value });
    let note =
        if width == 1 { w.purchases_lead.to_owned() } else { fill(w.purchases_binned, &width.to_string()) };
    (Some((svg, span)), note)
}

/// What the playbook says.
struct Advised {
    title: String,
    text: String,
    how: Vec<String>,
}

fn advice(web: &Web, asked: &Asked, profile: &Profile) -> Option<Advised> {
    let w = asked.lang.words();
    let playbook = web.catalogue.playbook().filter(|playbook| !playbook.left_alone(profile))?;
    let advice = playbook.advise(profile)?;
    let channel = advice.channel.map(|channel| fill(w.advice_at, &channel));
    let hour = advice.hour.map(|hour| fill(w.advice_hour, &hour.to_string()));
    Some(Advised {
        title: asked.lang.of(&advice.title).to_owned(),
        text: asked.lang.of(&advice.text).to_owned(),
        how: channel.into_iter().chain(hour).chain([asked.lang.of(&advice.reason).to_owned()]).collect(),
    })
}

/// Tags that say what to do next.
fn steps(w: &Words, dates: Dates, labels: Labels<'_>, profile: &Profile) -> Vec<TagRow> {
    let others = profile.tags.keys().map(String::as_str).filter(|name| {
        STEP_KINDS.iter().any(|kind| name.starts_with(kind))
            && !STEPS.contains(name)
            // The playbook's word stands above.
            && *name != NEXT_ACTION
    });
    let names = others.chain(STEPS);
    names.filter_map(|name| Some(tag_row(w, dates, labels, name, profile.tags.get(name)?))).collect()
}

/// Products and categories that are shown.
const NEXT: usize = 6;

/// Products that are due by the customer's own cycle.
fn due(w: &Words, next: &NextPurchase) -> Option<Table> {
    let row = |due: &Due| {
        vec![
            Cell::text(due.product_id.clone()),
            Cell::text(due.category.clone().unwrap_or_default()),
            Cell::text(due.due_on.clone()),
            Cell::number(fill(w.days, &count(due.cycle_days.round().max(0.0) as u64))),
        ]
    };
    (!next.due.is_empty()).then(|| Table {
        named_by: "next",
        head: vec![
            Head::text(w.product),
            Head::text(w.category),
            Head::text(w.due_on),
            Head::number(w.due_cycle),
        ],
        rows: next.due.iter().take(NEXT).map(row).collect(),
    })
}

/// Chances of a first purchase in other categories.
fn first_purchases(w: &Words, next: &NextPurchase) -> Option<(String, Table)> {
    let days = next.horizon_days.filter(|_| !next.first_purchases.is_empty())?;
    let row = |one: &Chance| {
        let bar = homing_charts::meter(one.probability, homing_charts::Tone::Low);
        vec![Cell::text(one.category.clone()), Cell::number(percent(one.probability)).bar(bar)]
    };
    let table = Table {
        named_by: "next",
        head: vec![Head::text(w.category), Head::number(w.chance)],
        rows: next.first_purchases.iter().take(NEXT).map(row).collect(),
    };
    Some((fill(w.first_lead, &days.to_string()), table))
}

/// The warning signals that hold, each with its strength and the day since when.
fn signals(w: &Words, labels: Labels<'_>, profile: &Profile) -> Vec<TagRow> {
    let holds = |(name, tag): &(&String, &StoredTag)| {
        name.starts_with("signal.")
            && !name.ends_with("_since")
            && name.as_str() != "signal.count"
            && tag.value != false
    };
    let row = |(name, tag): (&String, &StoredTag)| {
        let strength = tag.confidence.map(|strength| fill(w.strength, &percent(strength)));
        let since = profile.tags.get(&format!("{name}_since"));
        let since = since.and_then(|since| since.value.as_str()).map(|day| fill(w.since, day));
        TagRow {
            name: labels.name(name),
            meaning: labels.meaning(name),
            value: if tag.value == true { String::new() } else { labels.value(name, &tag.value) },
            notes: strength.into_iter().chain(since).collect(),
        }
    };
    profile.tags.iter().filter(holds).map(row).collect()
}

/// A tag with its words.
fn tag_row(w: &Words, dates: Dates, labels: Labels<'_>, name: &str, tag: &StoredTag) -> TagRow {
    let sure = tag.confidence.map(|confidence| fill(w.confidence, &percent(confidence)));
    let expires = tag.expires_at.as_deref().map(|at| fill(w.expires, &dates.day(at)));
    TagRow {
        name: labels.name(name),
        meaning: labels.meaning(name),
        value: labels.value(name, &tag.value),
        notes: sure.into_iter().chain(expires).collect(),
    }
}

fn groups(w: &'static Words, dates: Dates, labels: Labels<'_>, profile: &Profile) -> Vec<TagGroup> {
    let row = |(name, tag): (&String, &StoredTag)| tag_row(w, dates, labels, name, tag);
    let group = |(layer, title): (Layer, &'static str)| {
        let mut tags: Vec<(&String, &StoredTag)> =
            profile.tags.iter().filter(|(_, tag)| tag.layer == layer).collect();
        tags.sort_by_key(|(name, _)| labels.place(name));
        TagGroup { name: title, tags: tags.into_iter().map(row).collect() }
    };
    let layers = [
        (Layer::Predictive, w.predictive_layer),
        (Layer::Dynamic, w.dynamic_layer),
        (Layer::Static, w.static_layer),
    ];
    layers.map(group).into()
}

/// The last events, the newest first.
fn events(w: &'static Words, dates: Dates, history: &History) -> Vec<EventRow> {
    let text = |text: Option<String>| text.unwrap_or_default();
    let row = |event: Event| EventRow {
        when: dates.minute_of(event.occurred_at),
        what: w.kind(event.kind),
        amount: match event.kind {
            Kind::Purchase | Kind::Return => money(event.amount),
            Kind::Nps => decimal(event.amount, 0),
            _ if event.amount == 0.0 => String::new(),
            _ => money(event.amount),
        },
        quantity: match event.kind {
            Kind::Purchase | Kind::Return => {
                let pieces = f64::from(event.quantity);
                decimal(pieces, if pieces.fract() == 0.0 { 0 } else { 2 })
            }
            _ => String::new(),
        },
        product: text(event.product),
        category: text(event.category),
        channel: text(event.channel),
    };
    let mut rows: Vec<EventRow> =
        history.events().skip(history.len().saturating_sub(EVENTS)).map(row).collect();
    rows.reverse();
    rows
}
