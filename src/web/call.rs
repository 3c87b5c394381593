//! The page "Who to call": the base at a glance, and its customers by what is at stake.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use homing_models::Reason;

use super::asked::{Asked, Link};
use super::format::{Dates, NOTHING, count, money, percent};
use super::frame::{Frame, Place};
use super::labels::{self, CHURN_LEVEL, Chip, Labels, STAGE, TIER};
use super::scores::Scores;
use super::words::{Words, fill};
use super::{Web, message, page as written};
use crate::profiles::{Listing, Page, Profile, Sort, Totals};
use crate::scoring::ModelInfo;
use homing_models::chart::{self, Part, Svg, Tone};

/// Customers a page.
const ROWS: u32 = 50;

/// The tags that the page filters by; each is a parameter of the address under its own name.
const FILTERS: [&str; 3] = [CHURN_LEVEL, STAGE, TIER];

const SORT: &str = "sort";
const PREFIX: &str = "id";
const CURSOR: &str = "cursor";

/// The orders by their name in the address, the default first.
const SORTS: [(&str, Sort); 4] = [
    ("value_at_risk", Sort::ValueAtRisk),
    ("churn_risk", Sort::ChurnRisk),
    ("clv", Sort::Clv),
    ("customer_id", Sort::CustomerId),
];

/// Answers `GET /`.
pub(super) async fn page(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = Asked::of(&uri, &headers);
    let listing = listing(&web, &asked);
    let ask = listing.clone();
    let answer = web.ask(move |store| {
        let totals = store.totals()?;
        let page = if totals.profiles > 0 { store.list(&ask)? } else { Page::default() };
        Ok((totals, page))
    });
    match answer.await {
        Ok((totals, _)) if totals.profiles == 0 => message::empty_store(&web, &asked),
        Ok((totals, page)) => written(StatusCode::OK, &view(&web, &asked, &listing, &totals, &page)),
        Err(code) => message::problem(&web, &asked, code),
    }
}

/// The filters and the order in the address, without the cursor.
pub(super) fn filters<'a>(web: &'a Web, asked: &'a Asked) -> impl Iterator<Item = (String, String)> + 'a {
    let known = move |name: &&str| web.catalogue.tags().iter().any(|tag| tag.name == *name);
    let names = FILTERS.into_iter().filter(known).chain([SORT, PREFIX]);
    names.filter_map(|name| Some((name.to_owned(), asked.get(name)?.to_owned())))
}

fn listing(web: &Web, asked: &Asked) -> Listing {
    let labels = Labels { catalogue: &web.catalogue, lang: asked.lang };
    let tags = filters(web, asked).filter(|(name, _)| FILTERS.contains(&name.as_str())).map(|(name, key)| {
        let choice = labels.choices(&name).into_iter().find(|choice| choice.key == key);
        let value = choice.map_or_else(|| key.into(), |choice| choice.value);
        (name, value)
    });
    let sort = SORTS.into_iter().find(|(name, _)| asked.get(SORT) == Some(name));
    Listing {
        tags: tags.collect(),
        id_prefix: asked.get(PREFIX).map(str::to_owned),
        sort: sort.map(|(_, sort)| sort).unwrap_or_default(),
        limit: ROWS,
        cursor: asked.get(CURSOR).map(str::to_owned),
        ..Listing::default()
    }
}

/// A number that stands for itself, with its name.
struct Figure {
    name: &'static str,
    value: String,
    note: Option<String>,
    /// Whether the value is a name rather than a number.
    named: bool,
}

/// One level of the base.
struct Level {
    label: String,
    count: String,
    share: String,
    tone: Tone,
    link: Option<Link>,
}

/// A choice in a form.
struct Pick {
    key: String,
    label: String,
    chosen: bool,
}

/// A filter by one tag.
struct Select {
    name: &'static str,
    label: String,
    picks: Vec<Pick>,
}

/// The head of a column.
struct Column {
    label: String,
    help: Option<String>,
    /// Where the table is sorted by it, unless it cannot be.
    link: Option<Link>,
    /// The way that the table is sorted by it now.
    sorted: Option<&'static str>,
    number: bool,
}

/// A customer's risk in the table.
struct RowScores {
    risk: String,
    meter: Svg,
    percentile: String,
    value_at_risk: String,
    clv: String,
    /// Column and chance.
    chances: Vec<(String, String)>,
    next_order: String,
    reason: Option<ReasonLine>,
}

/// A reason in one line.
struct ReasonLine {
    raises: bool,
    text: String,
}

struct Row {
    id: String,
    link: Link,
    level: Option<Chip>,
    standing: Vec<Chip>,
    scores: Result<RowScores, &'static str>,
}

#[derive(Template)]
#[template(path = "call.html", config = "src/web/askama.toml")]
struct View {
    frame: Frame,
    no_model: bool,
    figures: Vec<Figure>,
    levels_bar: Option<Svg>,
    levels: Vec<Level>,
    selects: Vec<Select>,
    sorts: Vec<Pick>,
    prefix: String,
    filtered: bool,
    clear: Link,
    columns: Vec<Column>,
    rows: Vec<Row>,
    row_count: String,
    first: Option<Link>,
    next: Option<Link>,
}

fn view(web: &Web, asked: &Asked, listing: &Listing, totals: &Totals, page: &Page) -> View {
    let model = web.model();
    let w = asked.lang.words();
    let dates = Dates(model.as_ref().map(|model| model.timezone));
    let labels = Labels { catalogue: &web.catalogue, lang: asked.lang };
    let with = |except: &str| {
        let kept = filters(web, asked).filter(|(name, _)| name != except);
        kept.fold(asked.link(Place::Call.path()), |link, (name, value)| link.with(&name, &value))
    };
    let horizons = horizons(model.as_ref(), page);
    let levels = levels(asked, labels, totals);
    let parts: Vec<Part> = levels.iter().map(|(level, size)| part(level, *size)).collect();
    View {
        frame: Frame::new(asked, Some(Place::Call), w.who_to_call),
        no_model: model.is_none(),
        figures: figures(w, dates, model.as_ref(), totals),
        levels_bar: (!parts.is_empty()).then(|| chart::parts(&bar_in_words(w, &levels), &parts)),
        levels: levels.into_iter().map(|(level, _)| level).collect(),
        selects: selects(asked, labels),
        sorts: sorts(w, listing.sort),
        prefix: listing.id_prefix.clone().unwrap_or_default(),
        filtered: !listing.tags.is_empty() || listing.id_prefix.is_some(),
        clear: asked.link(Place::Call.path()),
        columns: columns(w, listing.sort, &horizons, |sort| with(SORT).with(SORT, sort)),
        rows: page.profiles.iter().map(|profile| row(asked, labels, dates, &horizons, profile)).collect(),
        row_count: fill(w.rows, &count(page.profiles.len() as u64)),
        first: listing.cursor.is_some().then(|| with("")),
        next: page.next.as_ref().map(|cursor| with("").with(CURSOR, cursor)),
    }
}

/// The shortest horizon and that of the churn risk: the model's, or without a model those of the first scores.
fn horizons(model: Option<&ModelInfo>, page: &Page) -> Vec<u32> {
    let first = || page.profiles.iter().find_map(|profile| Scores::read(&profile.prediction));
    let (shortest, churn) = match model {
        Some(model) => (model.horizons.first().copied(), Some(model.churn_horizon)),
        None => first()
            .map_or((None, None), |scores| (scores.at.first().map(|at| at.days), scores.churn_horizon())),
    };
    let mut horizons: Vec<u32> = shortest.into_iter().chain(churn).collect();
    horizons.dedup();
    horizons
}

fn figures(w: &'static Words, dates: Dates, model: Option<&ModelInfo>, totals: &Totals) -> Vec<Figure> {
    let figure = |name, value: String, note| Figure { name, value, note, named: name == w.model };
    let share =
        (totals.scored < totals.profiles).then(|| percent(totals.scored as f64 / totals.profiles as f64));
    let trained = model.map(|model| fill(w.model_until, &dates.day(&model.as_of)));
    vec![
        figure(w.customers, count(totals.profiles), None),
        figure(w.scored, count(totals.scored), share),
        figure(w.total_at_risk, money(totals.value_at_risk), None),
        figure(w.data_until, totals.data_until.map_or_else(|| NOTHING.into(), |at| dates.of(at)), None),
        figure(w.model, model.map_or_else(|| w.no_model_short.into(), |model| model.id.to_string()), trained),
    ]
}

/// The levels in the catalogue's order, then those that it does not know, then the customers without one.
fn levels(asked: &Asked, labels: Labels<'_>, totals: &Totals) -> Vec<(Level, u64)> {
    let whole = totals.profiles.max(1) as f64;
    let level = |label: String, size: u64, tone, link| {
        let level = Level { label, count: count(size), share: percent(size as f64 / whole), tone, link };
        (level, size)
    };
    let rated = |key: &str, label: String, size: u64| {
        let link = asked.link(Place::Call.path()).with(CHURN_LEVEL, key);
        level(label, size, labels::level_tone(&key.into()), Some(link))
    };
    let choices = labels.choices(CHURN_LEVEL);
    let known = choices.iter().map(|choice| {
        let size = totals.churn_levels.get(&choice.key).copied().unwrap_or(0);
        rated(&choice.key, choice.label.clone(), size)
    });
    let own = totals.churn_levels.iter().filter(|(key, _)| choices.iter().all(|choice| choice.key != **key));
    let own = own.map(|(key, size)| rated(key, key.clone(), *size));
    let without = totals.profiles.saturating_sub(totals.churn_levels.values().sum());
    let w = asked.lang.words();
    let rest = (without > 0).then(|| level(w.without_level.to_owned(), without, Tone::Plain, None));
    known.chain(own).chain(rest).collect()
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

fn selects(asked: &Asked, labels: Labels<'_>) -> Vec<Select> {
    let select = |name: &'static str| {
        let asked_for = asked.get(name);
        let pick = |key: String, label| Pick { chosen: asked_for == Some(key.as_str()), key, label };
        let mut picks: Vec<Pick> =
            labels.choices(name).into_iter().map(|choice| pick(choice.key, choice.label)).collect();
        if picks.is_empty() {
            return None;
        }
        // A value that the catalogue does not know is shown, or the list would look unfiltered.
        if let Some(unknown) = asked_for.filter(|_| picks.iter().all(|pick| !pick.chosen)) {
            picks.push(Pick { key: unknown.to_owned(), label: unknown.to_owned(), chosen: true });
        }
        Some(Select { name, label: labels.name(name), picks })
    };
    FILTERS.into_iter().filter_map(select).collect()
}

fn sorts(w: &Words, current: Sort) -> Vec<Pick> {
    let label = |sort| match sort {
        Sort::ValueAtRisk => w.sort_value_at_risk,
        Sort::ChurnRisk => w.sort_churn_risk,
        Sort::Clv => w.sort_clv,
        Sort::CustomerId => w.sort_customer_id,
    };
    let pick = |(key, sort): (&str, Sort)| Pick {
        key: key.into(),
        label: label(sort).into(),
        chosen: sort == current,
    };
    SORTS.map(pick).into()
}

fn columns(w: &Words, current: Sort, horizons: &[u32], link: impl Fn(&str) -> Link) -> Vec<Column> {
    let column = |label: &str, help: &str, number: bool| Column {
        label: label.to_owned(),
        help: Some(help.to_owned()).filter(|help| !help.is_empty()),
        link: None,
        sorted: None,
        number,
    };
    let sortable = |column: Column, sort: Sort, way: &'static str| Column {
        link: SORTS.into_iter().find(|(_, known)| *known == sort).map(|(name, _)| link(name)),
        sorted: (sort == current).then_some(way),
        ..column
    };
    let churn = horizons.last().map(|days| fill(w.churn_risk_in, &days.to_string())).unwrap_or_default();
    let mut columns = vec![
        sortable(column(w.customer, "", false), Sort::CustomerId, "ascending"),
        sortable(column(w.churn_risk, &churn, false), Sort::ChurnRisk, "descending"),
        column(w.percentile, w.percentile_help, true),
        sortable(column(w.value_at_risk, w.value_at_risk_help, true), Sort::ValueAtRisk, "descending"),
        sortable(column(w.clv, w.clv_help, true), Sort::Clv, "descending"),
    ];
    columns.extend(horizons.iter().map(|days| {
        let days = days.to_string();
        column(&fill(w.p_return, &days), &fill(w.p_return_help, &days), true)
    }));
    columns.extend([
        column(w.next_order, w.next_order_help, true),
        column(w.standing, "", false),
        column(w.reason, "", false),
    ]);
    columns
}

fn row(asked: &Asked, labels: Labels<'_>, dates: Dates, horizons: &[u32], profile: &Profile) -> Row {
    let w = asked.lang.words();
    let level = labels.chip(profile, CHURN_LEVEL);
    let tone = level.as_ref().map_or(Tone::Plain, |chip| chip.tone);
    let nothing = || NOTHING.to_owned();
    let chance = |scores: &Scores, days: u32| {
        (fill(w.p_return, &days.to_string()), scores.p_return(days).map_or_else(nothing, percent))
    };
    let scores = Scores::read(&profile.prediction).map(|scores| RowScores {
        risk: percent(scores.churn_risk),
        meter: chart::meter(scores.churn_risk, tone),
        percentile: scores.percentile.map_or_else(nothing, count),
        value_at_risk: scores.value_at_risk.map_or_else(nothing, money),
        clv: scores.clv.map_or_else(nothing, money),
        chances: horizons.iter().map(|days| chance(&scores, *days)).collect(),
        next_order: scores
            .next_order_at
            .as_deref()
            .map_or_else(|| w.not_expected.to_owned(), |at| dates.day(at)),
        reason: scores.reasons.first().map(|reason| line(asked, reason)),
    });
    let cause = profile.prediction.get("not_scored").and_then(serde_json::Value::as_str);
    Row {
        link: asked.customer(&profile.customer_id),
        id: profile.customer_id.clone(),
        level,
        standing: [STAGE, TIER].into_iter().filter_map(|tag| labels.chip(profile, tag)).collect(),
        scores: scores.ok_or_else(|| w.not_scored(cause)),
    }
}

fn line(asked: &Asked, reason: &Reason) -> ReasonLine {
    ReasonLine { raises: reason.contribution > 0.0, text: asked.lang.of(&reason.text).to_owned() }
}
