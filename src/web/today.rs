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
use super::format::{Dates, NOTHING};
use super::forms::seen;
use super::frame::{Frame, Place};
use super::labels::{self, Labels};
use super::message;
use super::parts::{Cell, Figure, Head, Table};
use super::sample::Sample;
use super::scores::{Scores, raising};
use super::state::{Web, written};
use super::words::{self, Lang, t};
use crate::aggregates::{self, Aggregates};
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
    let day = aggregates.day;
    let turned = match web.ask(move |store| turned(store, since, day)).await {
        Ok(turned) => turned,
        Err(code) => return message::problem(&web, &asked, code),
    };
    let ids: Vec<&str> = turned.customers.iter().map(|(profile, _)| profile.customer_id.as_str()).collect();
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

/// Who turned to high risk since an instant and still is at it, the most at stake first.
struct Turned {
    /// Whether there was an earlier night to compare with.
    compared: bool,
    /// How often it happened.
    turns: u64,
    customers: Vec<(Profile, Scores)>,
}

fn turned(store: &dyn Store, since: Micros, day: i32) -> Result<Turned, Error> {
    // Scores as of the end of the day before are those to compare with.
    let turned = store.turned_high(since + 1, AMONG, SHOWN as u32 * 2)?;
    // A short retention drops the changes of earlier nights; what was counted then is still there.
    let compared = turned.earlier || aggregates::newest(store, Some(day - 1))?.is_some();
    if !compared {
        return Ok(Turned { compared, turns: 0, customers: Vec::new() });
    }
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
    Ok(Turned { compared, turns: turned.turns, customers: found })
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
    /// What to look at first, in the demo.
    tour: Option<[&'static str; 3]>,
    /// Whether the demo has a larger data set to offer.
    offers_chain: bool,
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
    let lang = asked.lang;
    let model = web.model();
    let dates = Dates { lang, zone: model.as_ref().map(|model| model.timezone) };
    let labels = Labels { catalogue: &web.catalogue, lang: asked.lang };
    let levels = levels(asked, labels, aggregates);
    let parts: Vec<Part> = levels.iter().map(|(level, size)| part(level, *size)).collect();
    let flow = &aggregates.flow;
    let since = t!(lang, "since-day", date = dates.of(since(web, aggregates)));
    let told = match (turned.turns, turned.customers.is_empty()) {
        (0, _) => t!(lang, "turned-none").to_owned(),
        (many, true) => t!(lang, "turned-little", n = many),
        (many, false) if many >= u64::from(MAX_TURNS) => t!(lang, "turned-more", n = many),
        (many, false) => t!(lang, "turned-some", n = many),
    };
    let turned_lead = match turned.compared {
        true => format!("{since}{}{told}", t!(lang, "sentence-gap")),
        false => t!(lang, "turned-first").to_owned(),
    };
    View {
        frame: Frame::new(asked, Some(Place::Today), t!(lang, "today")),
        no_model: model.is_none(),
        tour: web.sample.map(|sample| sample.tour(lang)),
        offers_chain: web.sample == Some(Sample::Cdnow),
        figures: figures(web, lang, dates, aggregates, grade),
        levels_bar: (!parts.is_empty()).then(|| homing_charts::parts(&bar_in_words(lang, &levels), &parts)),
        levels: levels.into_iter().map(|(level, _)| level).collect(),
        stages: stages(asked, labels, aggregates),
        stages_lead: if flow.each > 1.0 {
            t!(lang, "stages-lead", n = flow.sample)
        } else {
            t!(lang, "stages-lead-all").into()
        },
        tiers: tiers(asked, labels, aggregates),
        turned: turned_table(asked, labels, &turned.customers),
        turned_lead,
        turned_link: asked.link(Place::Call.path()).with(CHURN_LEVEL, HIGH),
        counted: t!(lang, "counted-at", at = &dates.minute_of(aggregates.taken_at)),
    }
}

fn figures(
    web: &Web,
    lang: Lang,
    dates: Dates,
    aggregates: &Aggregates,
    grade: Option<String>,
) -> Vec<Figure> {
    let base = &aggregates.base;
    let share = (aggregates.scored < base.customers)
        .then(|| lang.percent(aggregates.scored as f64 / base.customers as f64));
    let old = (web.app.now() - aggregates.as_of) / DAY;
    let fresh = match web.sample {
        Some(sample) => sample.name(lang).to_owned(),
        None if old <= 0 => t!(lang, "is-today").to_owned(),
        None => t!(lang, "days-ago", n = old),
    };
    let model = web.model();
    let grade = grade.and_then(|grade| Some(t!(lang, "grade", grade = words::grade(lang, &grade)?)));
    let trained = model.as_ref().map(|model| t!(lang, "model-until", date = &dates.day(&model.as_of)));
    let note: Vec<String> = trained.into_iter().chain(grade).collect();
    vec![
        Figure::new(t!(lang, "customers"), lang.count(base.customers)),
        Figure::new(t!(lang, "scored"), lang.count(aggregates.scored)).note(share),
        Figure::new(t!(lang, "total-at-risk"), lang.money(base.value_at_risk)),
        Figure::new(t!(lang, "data-until"), dates.of(aggregates.as_of)).note(Some(fresh)),
        Figure::new(
            t!(lang, "model"),
            model.map_or_else(|| t!(lang, "no-model-short").into(), |model| model.id.to_string()),
        )
        .note((!note.is_empty()).then(|| note.join(t!(lang, "comma"))))
        .named(),
    ]
}

/// The levels in the catalogue's order, then those that it does not know, then the customers without one.
fn levels(asked: &Asked, labels: Labels<'_>, aggregates: &Aggregates) -> Vec<(Level, u64)> {
    let whole = aggregates.base.customers.max(1) as f64;
    let lang = asked.lang;
    let level = |label: String, size: u64, tone, link| {
        let level =
            Level { label, count: lang.count(size), share: lang.percent(size as f64 / whole), tone, link };
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
        levels.push(level(t!(asked.lang, "without-level").to_owned(), without, Tone::Plain, None));
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

fn bar_in_words(lang: Lang, levels: &[(Level, u64)]) -> String {
    let shares: Vec<String> =
        levels.iter().map(|(level, _)| format!("{} {}", level.label, level.share)).collect();
    format!("{}: {}", t!(lang, "levels"), shares.join(", "))
}

fn stages(asked: &Asked, labels: Labels<'_>, aggregates: &Aggregates) -> Table {
    let lang = asked.lang;
    let whole = aggregates.base.customers.max(1) as f64;
    let rows = labels.counted(aggregates, LIFECYCLE_STAGE).into_iter().enumerate().map(
        |(hue, (key, label, customers))| {
            let change = aggregates.flow.week_change(&key);
            let change_cell = Cell {
                sense: change
                    .filter(|change| change.abs() >= 0.5)
                    .map(|change| if change > 0.0 { "rise" } else { "fall" }),
                ..Cell::number(change.map_or_else(|| NOTHING.into(), |change| signed(lang, change)))
            };
            let share = customers.customers as f64 / whole;
            vec![
                Cell::text(label)
                    .link(asked.link(Place::Call.path()).with(LIFECYCLE_STAGE, &key))
                    .swatch(format!("hue-{}", hue % 8)),
                Cell::number(lang.count(customers.customers)),
                Cell::number(lang.percent(share)).bar(homing_charts::meter(share, Tone::Plain)),
                change_cell,
                Cell::number(lang.money(customers.value_at_risk)),
            ]
        },
    );
    Table {
        named_by: "stages",
        head: vec![
            Head::text(t!(lang, "stage")),
            Head::number(t!(lang, "customers")),
            Head::number(t!(lang, "share")),
            Head::number(t!(lang, "week-change")),
            Head::number(t!(lang, "value-at-risk")).help(t!(lang, "value-at-risk-help")),
        ],
        rows: rows.collect(),
    }
}

/// A change in whole customers, with its sign.
fn signed(lang: Lang, change: f64) -> String {
    let text = lang.decimal(change, 0);
    if change >= 0.5 { format!("+{text}") } else { text }
}

fn tiers(asked: &Asked, labels: Labels<'_>, aggregates: &Aggregates) -> Table {
    let lang = asked.lang;
    let most =
        aggregates.values(MEMBER_TIER).iter().map(|(_, count)| count.value_at_risk).fold(0.0, f64::max);
    let rows = labels.counted(aggregates, MEMBER_TIER).into_iter().map(|(key, label, customers)| {
        let share = if most > 0.0 { customers.value_at_risk / most } else { 0.0 };
        vec![
            Cell::text(label).link(asked.link(Place::Call.path()).with(MEMBER_TIER, &key)),
            Cell::number(lang.count(customers.customers)),
            Cell::number(lang.money(customers.value_at_risk)).bar(homing_charts::meter(share, Tone::High)),
        ]
    });
    Table {
        named_by: "tiers",
        head: vec![
            Head::text(t!(lang, "tier")),
            Head::number(t!(lang, "customers")),
            Head::number(t!(lang, "value-at-risk")),
        ],
        rows: rows.collect(),
    }
}

fn turned_table(asked: &Asked, labels: Labels<'_>, turned: &[(Profile, Scores)]) -> Table {
    let lang = asked.lang;
    let rows = turned.iter().map(|(profile, scores)| {
        let reason = raising(asked.lang, scores);
        let tier = profile.tags.get(MEMBER_TIER).map(|tag| labels.value(MEMBER_TIER, &tag.value));
        vec![
            Cell::text(profile.customer_id.clone()).link(asked.customer(&profile.customer_id)),
            Cell::number(lang.percent(scores.churn_risk))
                .bar(homing_charts::meter(scores.churn_risk, Tone::High)),
            Cell::number(scores.value_at_risk.map_or_else(|| NOTHING.into(), |x| lang.money(x))),
            Cell::text(tier.unwrap_or_else(|| NOTHING.into())),
            Cell::text(reason),
        ]
    });
    Table {
        named_by: "turned",
        head: vec![
            Head::text(t!(lang, "customer")),
            Head::number(t!(lang, "churn-risk")),
            Head::number(t!(lang, "value-at-risk")),
            Head::text(t!(lang, "tier")),
            Head::text(t!(lang, "reason")),
        ],
        rows: rows.collect(),
    }
}
