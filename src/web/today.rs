//! The page "Today": the base at a glance.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use homing_charts::{Part, Svg, Tone};
use homing_datasets::{DAY, Micros};

use super::asked::{Asked, Link};
use super::filters::filters;
use super::format::{Dates, NOTHING, count, decimal, money, percent};
use super::forms::seen;
use super::frame::{Frame, Place};
use super::labels::{self, Labels};
use super::message;
use super::parts::{Cell, Figure, Head, Table};
use super::scores::Scores;
use super::state::{Web, written};
use super::words::{Words, fill};
use crate::aggregates::Aggregates;
use crate::service::access::Caller;
use homing_profiles::aggregates::MAX_TURNS;
use homing_profiles::{Error, Profile, Store};
use homing_tags::names::{CHURN_LEVEL, HIGH, LIFECYCLE_STAGE, MEMBER_TIER};

/// Customers with the most at stake who are looked at for whether they turned to high risk.
const AMONG: u32 = 5_000;
/// Of whom so many are shown.
const SHOWN: usize = 10;

/// Answers `GET /`. The list of customers stood here once: its links lead on.
pub(super) async fn page(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    if filters(&web, &asked).next().is_some() || asked.get("cursor").is_some() {
        return seen(&asked.moved(Place::Call.path()));
    }
    let aggregates = match web.counted(&asked, Place::Today).await {
        Ok(aggregates) => aggregates,
        Err(page) => return *page,
    };
    let since = since(&web, &aggregates);
    let turned = match web.ask(move |store| turned(store, since)).await {
        Ok(turned) => turned,
        Err(code) => return message::problem(&web, &asked, code),
    };
    let ids: Vec<&str> = turned.0.iter().map(|(profile, _)| profile.customer_id.as_str()).collect();
    if let Err(problem) = web.app.note_read(&caller, "profile.list", &ids) {
        return message::problem(&web, &asked, problem.code);
    }
    let grade = web.grade().await;
    written(StatusCode::OK, &view(&web, &asked, &aggregates, &turned, grade))
}

/// The end of the day before the last day of the data.
fn since(web: &Web, aggregates: &Aggregates) -> Micros {
    let zone = web.model().map(|model| model.timezone).unwrap_or_default();
    zone.end_of_day(zone.day(aggregates.as_of) - 1)
}

/// Who turned to high risk since an instant and still is at it, the most at stake first; and how often that happened.
type Turned = (Vec<(Profile, Scores)>, u64);

fn turned(store: &dyn Store, since: Micros) -> Result<Turned, Error> {
    let turned = store.turned_high(since, AMONG, SHOWN as u32 * 2)?;
    let mut found = Vec::with_capacity(SHOWN);
    for id in turned.customers {
        let Some(profile) = store.profile(&id)? else { continue };
        let still = profile.tags.get(CHURN_LEVEL).is_some_and(|tag| tag.value == HIGH);
        if let Some(scores) = Scores::read(&profile.prediction).filter(|_| still) {
            found.push((profile, scores));
        }
        if found.len() == SHOWN {
            break;
        }
    }
    Ok((found, turned.turns))
}

/// One level of the base.
struct Level {
    label: String,
    count: String,
    share: String,
    tone: Tone,
    link: Option<Link>,
}

#[derive(Template)]
#[template(path = "today.html", config = "src/web/askama.toml")]
struct View {
    frame: Frame,
    no_model: bool,
    figures: Vec<Figure>,
    levels_bar: Option<Svg>,
    levels: Vec<Level>,
    stages: Table,
    stages_lead: String,
    tiers: Table,
    turned: Table,
    turned_lead: String,
    turned_link: Link,
    counted: String,
}

fn view(web: &Web, asked: &Asked, aggregates: &Aggregates, turned: &Turned, grade: Option<String>) -> View {
    let w = asked.lang.words();
    let model = web.model();
    let dates = Dates(model.as_ref().map(|model| model.timezone));
    let labels = Labels { catalogue: &web.catalogue, lang: asked.lang };
    let levels = levels(asked, labels, aggregates);
    let parts: Vec<Part> = levels.iter().map(|(level, size)| part(level, *size)).collect();
    let flow = &aggregates.flow;
    let told = match (turned.1, turned.0.is_empty()) {
        (0, _) => w.turned_none.to_owned(),
        (many, true) => fill(w.turned_little, &count(many)),
        (many, false) if many >= u64::from(MAX_TURNS) => fill(w.turned_more, &count(many)),
        (many, false) => fill(w.turned_some, &count(many)),
    };
    let since = fill(w.since_day, &dates.of(since(web, aggregates)));
    View {
        frame: Frame::new(asked, Some(Place::Today), w.today),
        no_model: model.is_none(),
        figures: figures(web, w, dates, aggregates, grade),
        levels_bar: (!parts.is_empty()).then(|| homing_charts::parts(&bar_in_words(w, &levels), &parts)),
        levels: levels.into_iter().map(|(level, _)| level).collect(),
        stages: stages(asked, labels, aggregates),
        stages_lead: if flow.each > 1.0 {
            fill(w.stages_lead, &count(flow.sample))
        } else {
            w.stages_lead_all.into()
        },
        tiers: tiers(asked, labels, aggregates),
        turned: turned_table(asked, labels, &turned.0),
        turned_lead: format!("{since} {told}"),
        turned_link: asked.link(Place::Call.path()).with(CHURN_LEVEL, HIGH),
        counted: fill(w.counted_at, &dates.minute_of(aggregates.taken_at)),
    }
}

fn figures(
    web: &Web,
    w: &'static Words,
    dates: Dates,
    aggregates: &Aggregates,
    grade: Option<String>,
) -> Vec<Figure> {
    let base = &aggregates.base;
    let share = (aggregates.scored < base.customers)
        .then(|| percent(aggregates.scored as f64 / base.customers as f64));
    let old = (web.app.now() - aggregates.as_of) / DAY;
    let fresh = if old <= 0 { w.is_today.to_owned() } else { fill(w.days_ago, &count(old.unsigned_abs())) };
    let model = web.model();
    let grade = grade.and_then(|grade| Some(fill(w.grade, w.grade(&grade)?)));
    let trained = model.as_ref().map(|model| fill(w.model_until, &dates.day(&model.as_of)));
    let note: Vec<String> = trained.into_iter().chain(grade).collect();
    vec![
        Figure::new(w.customers, count(base.customers)),
        Figure::new(w.scored, count(aggregates.scored)).note(share),
        Figure::new(w.total_at_risk, money(base.value_at_risk)),
        Figure::new(w.data_until, dates.of(aggregates.as_of)).note(Some(fresh)),
        Figure::new(w.model, model.map_or_else(|| w.no_model_short.into(), |model| model.id.to_string()))
            .note((!note.is_empty()).then(|| note.join(w.comma)))
            .named(),
    ]
}

/// The levels in the catalogue's order, then those that it does not know, then the customers without one.
fn levels(asked: &Asked, labels: Labels<'_>, aggregates: &Aggregates) -> Vec<(Level, u64)> {
    let whole = aggregates.base.customers.max(1) as f64;
    let level = |label: String, size: u64, tone, link| {
        let level = Level { label, count: count(size), share: percent(size as f64 / whole), tone, link };
        (level, size)
    };
    let mut levels = Vec::new();
    let mut rated = 0;
    for (key, label, customers) in labels.counted(aggregates, CHURN_LEVEL) {
        let link = asked.link(Place::Call.path()).with(CHURN_LEVEL, &key);
        rated += customers.customers;
        levels.push(level(label, customers.customers, labels::level_tone(&key.as_str().into()), Some(link)));
    }
    let without = aggregates.base.customers.saturating_sub(rated);
    if without > 0 {
        levels.push(level(asked.lang.words().without_level.to_owned(), without, Tone::Plain, None));
    }
    levels
}

fn part(level: &Level, size: u64) -> Part {
    Part {
        title: format!("{}: {} ({})", level.label, level.count, level.share),
        size: size as f64,
        tone: level.tone,
    }
}

fn bar_in_words(w: &Words, levels: &[(Level, u64)]) -> String {
    let shares: Vec<String> =
        levels.iter().map(|(level, _)| format!("{} {}", level.label, level.share)).collect();
    format!("{}: {}", w.levels, shares.join(", "))
}

fn stages(asked: &Asked, labels: Labels<'_>, aggregates: &Aggregates) -> Table {
    let w = asked.lang.words();
    let whole = aggregates.base.customers.max(1) as f64;
    let rows = labels.counted(aggregates, LIFECYCLE_STAGE).into_iter().enumerate().map(
        |(hue, (key, label, customers))| {
            let change = aggregates.flow.week_change(&key);
            let change_cell = Cell {
                sense: change
                    .filter(|change| change.abs() >= 0.5)
                    .map(|change| if change > 0.0 { "rise" } else { "fall" }),
                ..Cell::number(change.map_or_else(|| NOTHING.into(), signed))
            };
            let share = customers.customers as f64 / whole;
            vec![
                Cell::text(label)
                    .link(asked.link(Place::Call.path()).with(LIFECYCLE_STAGE, &key))
                    .swatch(format!("hue-{}", hue % 8)),
                Cell::number(count(customers.customers)),
                Cell::number(percent(share)).bar(homing_charts::meter(share, Tone::Plain)),
                change_cell,
                Cell::number(money(customers.value_at_risk)),
            ]
        },
    );
    Table {
        named_by: "stages",
        head: vec![
            Head::text(w.stage),
            Head::number(w.customers),
            Head::number(w.share),
            Head::number(w.week_change),
            Head::number(w.value_at_risk).help(w.value_at_risk_help),
        ],
        rows: rows.collect(),
    }
}

/// A change in whole customers, with its sign.
fn signed(change: f64) -> String {
    let text = decimal(change, 0);
    if change >= 0.5 { format!("+{text}") } else { text }
}

fn tiers(asked: &Asked, labels: Labels<'_>, aggregates: &Aggregates) -> Table {
    let w = asked.lang.words();
    let most =
        aggregates.values(MEMBER_TIER).iter().map(|(_, count)| count.value_at_risk).fold(0.0, f64::max);
    let rows = labels.counted(aggregates, MEMBER_TIER).into_iter().map(|(key, label, customers)| {
        let share = if most > 0.0 { customers.value_at_risk / most } else { 0.0 };
        vec![
            Cell::text(label).link(asked.link(Place::Call.path()).with(MEMBER_TIER, &key)),
            Cell::number(count(customers.customers)),
            Cell::number(money(customers.value_at_risk)).bar(homing_charts::meter(share, Tone::High)),
        ]
    });
    Table {
        named_by: "tiers",
        head: vec![Head::text(w.tier), Head::number(w.customers), Head::number(w.value_at_risk)],
        rows: rows.collect(),
    }
}

fn turned_table(asked: &Asked, labels: Labels<'_>, turned: &[(Profile, Scores)]) -> Table {
    let w = asked.lang.words();
    let rows = turned.iter().map(|(profile, scores)| {
        let reason = scores.reasons.first().map(|reason| asked.lang.of(&reason.text).to_owned());
        let tier = profile.tags.get(MEMBER_TIER).map(|tag| labels.value(MEMBER_TIER, &tag.value));
        vec![
            Cell::text(profile.customer_id.clone()).link(asked.customer(&profile.customer_id)),
            Cell::number(percent(scores.churn_risk)).bar(homing_charts::meter(scores.churn_risk, Tone::High)),
            Cell::number(scores.value_at_risk.map_or_else(|| NOTHING.into(), money)),
            Cell::text(tier.unwrap_or_else(|| NOTHING.into())),
            Cell::text(reason.unwrap_or_default()),
        ]
    });
    Table {
        named_by: "turned",
        head: vec![
            Head::text(w.customer),
            Head::number(w.churn_risk),
            Head::number(w.value_at_risk),
            Head::text(w.tier),
            Head::text(w.reason),
        ],
        rows: rows.collect(),
    }
}
