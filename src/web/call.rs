//! The page "Who to call": customers by what is at stake.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::asked::{Asked, Link};
use super::filters::{ANY, CURSOR, PREFIX, SORT, SORTS, fields, filters, listing, tag_of, unknown};
use super::format::{Dates, NOTHING};
use super::frame::{Frame, Place};
use super::labels::{Chip, ClusterWords, Labels};
use super::parts::Pick;
use super::scores::{Scores, raising};
use super::size::{self, Size};
use super::state::{Web, written};
use super::words::{self, Lang, t};
use super::{campaign, message};
use crate::aggregates::Aggregates;
use crate::scoring::ModelInfo;
use crate::service::access::Caller;
use crate::service::{Code, Role};
use homing_charts::{Svg, Tone};
use homing_profiles::{Listing, Page, Profile, Sort};
use homing_tags::names::{CHURN_LEVEL, CLUSTER, LIFECYCLE_STAGE, MEMBER_TIER};

/// Customers a page.
const ROWS: u32 = 50;

/// Answers `GET /call`.
pub(super) async fn page(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    let listing = Listing { limit: ROWS, ..listing(&web, &asked) };
    let ask = listing.clone();
    let problem = |code| message::problem(&web, &asked, code);
    let page = match web.ask(move |store| store.list(&ask)).await {
        Ok(page) => page,
        Err(code) => return problem(code),
    };
    let aggregates = match web.aggregates().await {
        Ok(aggregates) => aggregates,
        Err(code) => return problem(code),
    };
    let narrow = !listing.tags.is_empty() || listing.id_prefix.is_some();
    if page.profiles.is_empty() && page.next.is_none() && !narrow && listing.cursor.is_none() {
        return message::empty_store(&web, &asked, Place::Call);
    }
    let ids: Vec<&str> = page.profiles.iter().map(|profile| profile.customer_id.as_str()).collect();
    if let Err(refused) = web.app.note_read(&caller, "profile.list", &ids) {
        return problem(refused.code);
    }
    let exports = match exports(&web, &asked, &caller).await {
        Ok(exports) => exports,
        Err(code) => return problem(code),
    };
    let size = match size::part(&web, &asked, &listing, Place::Call.path()).await {
        Ok(size) => size,
        Err(code) => return problem(code),
    };
    let words = web.cluster_words();
    let known = (aggregates.as_deref(), &words);
    written(StatusCode::OK, &view(&web, &asked, (&listing, &page), known, (exports, size)))
}

/// The form that makes a campaign list: its address and its token.
struct Export {
    action: Link,
    token: String,
}

/// The form for a campaign list, or why there is none.
async fn exports(web: &Web, asked: &Asked, caller: &Caller) -> Result<Result<Export, String>, Code> {
    let lang = asked.lang;
    if !caller.may(Role::Operator) {
        return Ok(Err(t!(lang, "needs-role", role = Role::Operator.name())));
    }
    if web.catalogue.playbook().is_none() {
        return Ok(Err(t!(lang, "campaign-no-playbook").to_owned()));
    }
    let kept = filters(web, asked).filter(|(name, _)| name != SORT);
    let action = kept.fold(asked.link("/call/export"), |link, (name, value)| link.with(&name, &value));
    Ok(Ok(Export { action, token: web.token(caller).await? }))
}

/// A filter by one tag.
struct Select {
    name: String,
    label: String,
    picks: Vec<Pick>,
}

/// The values of one tag in the field for any tag.
struct Values {
    label: String,
    picks: Vec<Pick>,
}

/// A filter that is on and has no field of its own.
struct On {
    name: String,
    key: String,
    label: String,
    without: Link,
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
    reason: String,
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
    action: &'static str,
    selects: Vec<Select>,
    /// What to say of filters that are none.
    unknown: Vec<String>,
    on: Vec<On>,
    any: Vec<Values>,
    any_chosen: bool,
    sorts: Vec<Pick>,
    prefix: String,
    filtered: bool,
    clear: Link,
    columns: Vec<Column>,
    rows: Vec<Row>,
    row_count: String,
    matching: Option<String>,
    /// Whether the search broke off before it had a whole page.
    broke_off: bool,
    first: Option<Link>,
    next: Option<Link>,
    campaign_lead: String,
    exports: Result<Export, String>,
    size: Size,
}

fn view(
    web: &Web,
    asked: &Asked,
    (listing, page): (&Listing, &Page),
    (aggregates, words): (Option<&Aggregates>, &ClusterWords),
    (exports, size): (Result<Export, String>, Size),
) -> View {
    let model = web.model();
    let lang = asked.lang;
    let dates = Dates { lang, zone: model.as_ref().map(|model| model.timezone) };
    let labels = Labels { catalogue: &web.catalogue, lang: asked.lang };
    let with = |except: &str| {
        let kept = filters(web, asked).filter(|(name, _)| name != except);
        kept.fold(asked.link(Place::Call.path()), |link, (name, value)| link.with(&name, &value))
    };
    let horizons = horizons(model.as_ref(), page);
    let fields = fields(web);
    let on = filters(web, asked).filter(|(name, _)| {
        !fields.contains(&name.as_str()) && ![ANY, SORT, PREFIX].contains(&name.as_str())
    });
    let on: Vec<On> = on
        .map(|(name, key)| {
            let (tag, value) = tag_of(labels, &name, &key);
            let label = format!("{}{}{}", labels.name(&tag), t!(lang, "colon"), labels.value(&tag, &value));
            On { without: with(&name), name, key, label }
        })
        .collect();
    let any = any(asked, labels);
    View {
        frame: Frame::new(asked, Some(Place::Call), t!(lang, "who-to-call")),
        no_model: model.is_none(),
        action: Place::Call.path(),
        selects: fields.iter().filter_map(|name| select(asked, labels, (aggregates, words), name)).collect(),
        on,
        unknown: unknown(web, asked).into_iter().map(|(name, near)| ignored(lang, &name, near)).collect(),
        any_chosen: any.iter().flat_map(|values| &values.picks).any(|pick| pick.chosen),
        any,
        sorts: sorts(lang, listing.sort),
        prefix: listing.id_prefix.clone().unwrap_or_default(),
        filtered: !listing.tags.is_empty() || listing.id_prefix.is_some(),
        clear: asked.link(Place::Call.path()),
        columns: columns(lang, listing.sort, &horizons, |sort| with(SORT).with(SORT, sort)),
        rows: page.profiles.iter().map(|profile| row(asked, labels, dates, &horizons, profile)).collect(),
        row_count: t!(lang, "rows", n = page.profiles.len() as u64),
        matching: aggregates
            .and_then(|aggregates| matching(aggregates, listing))
            .map(|n| t!(lang, "of-matching", n = n)),
        broke_off: page.next.is_some() && page.profiles.len() < ROWS as usize,
        first: listing.cursor.is_some().then(|| with("")),
        next: page.next.as_ref().map(|cursor| with("").with(CURSOR, cursor)),
        campaign_lead: t!(lang, "campaign-lead", n = campaign::MOST),
        exports,
        size,
    }
}

/// Says that a filter was ignored.
fn ignored(lang: Lang, name: &str, near: Option<String>) -> String {
    match near {
        Some(near) => t!(lang, "unknown-filter-near", name = name, near = &near),
        None => t!(lang, "unknown-filter", name = name),
    }
}

/// How many customers match, where the aggregates tells: everybody, or those with one tag.
fn matching(aggregates: &Aggregates, listing: &Listing) -> Option<u64> {
    if listing.id_prefix.is_some() {
        return None;
    }
    match listing.tags.as_slice() {
        [] => Some(aggregates.base.customers),
        [(name, value)] => {
            let values = aggregates.tags.get(name)?.values.as_ref()?;
            values.get(&value.to_string()).map(|count| count.customers)
        }
        _ => None,
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

/// The field of one tag: the values of the catalogue, or for a tag without any those that the aggregates met.
fn select(
    asked: &Asked,
    labels: Labels<'_>,
    (aggregates, words): (Option<&Aggregates>, &ClusterWords),
    name: &str,
) -> Option<Select> {
    let asked_for = asked.get(name);
    let pick = |key: String, label| Pick { chosen: asked_for == Some(key.as_str()), key, label };
    let mut picks: Vec<Pick> =
        labels.choices(name).into_iter().map(|choice| pick(choice.key, choice.label)).collect();
    if picks.is_empty() {
        let values = aggregates.map_or_else(Vec::new, |aggregates| labels.counted(aggregates, name));
        // Clusters are named by the model, not by the catalogue.
        let named = |key: &str, label| match words.of(key).filter(|_| name.starts_with(CLUSTER)) {
            Some((name, _)) => name.within(asked.lang).to_owned(),
            None => label,
        };
        picks = values
            .into_iter()
            .map(|(key, label, _)| {
                let label = named(&key, label);
                pick(key, label)
            })
            .collect();
    }
    // A value that is not known is shown, or the list would look unfiltered.
    if let Some(unknown) = asked_for.filter(|_| picks.iter().all(|pick| !pick.chosen)) {
        picks.push(Pick { key: unknown.to_owned(), label: unknown.to_owned(), chosen: true });
    }
    (!picks.is_empty()).then(|| Select { name: name.to_owned(), label: labels.name(name), picks })
}

/// Every tag whose values the catalogue lists or that is either so or not, with its values.
fn any(asked: &Asked, labels: Labels<'_>) -> Vec<Values> {
    let lang = asked.lang;
    let asked_for = asked.get(ANY);
    let mut any: Vec<Values> = Vec::new();
    for tag in labels.catalogue.tags() {
        let mut values: Vec<(String, String)> =
            labels.choices(&tag.name).into_iter().map(|choice| (choice.key, choice.label)).collect();
        if values.is_empty() && tag.name.starts_with("signal.") && !tag.name.ends_with("_since") {
            values = vec![("true".into(), t!(lang, "yes").into())];
        }
        let pick = |(key, label): (String, String)| {
            let key = format!("{}:{key}", tag.name);
            Pick { chosen: asked_for == Some(key.as_str()), key, label }
        };
        if !values.is_empty() {
            let picks = values.into_iter().map(pick).collect();
            any.push(Values { label: labels.name(&tag.name), picks });
        }
    }
    let met = any.iter().flat_map(|values| &values.picks).any(|pick| pick.chosen);
    if let Some(unknown) = asked_for.filter(|_| !met) {
        let pick = Pick { key: unknown.to_owned(), label: unknown.to_owned(), chosen: true };
        any.push(Values { label: t!(lang, "any-tag").to_owned(), picks: vec![pick] });
    }
    any
}

fn sorts(lang: Lang, current: Sort) -> Vec<Pick> {
    let label = |sort| match sort {
        Sort::ValueAtRisk => t!(lang, "sort-value-at-risk"),
        Sort::ChurnRisk => t!(lang, "sort-churn-risk"),
        Sort::Clv => t!(lang, "sort-clv"),
        Sort::CustomerId => t!(lang, "sort-customer-id"),
        Sort::LastOrder => t!(lang, "sort-last-order"),
    };
    let pick = |(key, sort): (&str, Sort)| Pick {
        key: key.into(),
        label: label(sort).into(),
        chosen: sort == current,
    };
    SORTS.map(pick).into()
}

fn columns(lang: Lang, current: Sort, horizons: &[u32], link: impl Fn(&str) -> Link) -> Vec<Column> {
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
    let churn = horizons.last().map(|days| t!(lang, "churn-risk-in", n = *days)).unwrap_or_default();
    let mut columns = vec![
        sortable(column(t!(lang, "customer"), "", false), Sort::CustomerId, "ascending"),
        sortable(column(t!(lang, "churn-risk"), &churn, false), Sort::ChurnRisk, "descending"),
        column(t!(lang, "percentile"), t!(lang, "percentile-help"), true),
        sortable(
            column(t!(lang, "value-at-risk"), t!(lang, "value-at-risk-help"), true),
            Sort::ValueAtRisk,
            "descending",
        ),
        sortable(column(t!(lang, "clv"), t!(lang, "clv-help"), true), Sort::Clv, "descending"),
    ];
    columns.extend(horizons.iter().map(|days| {
        let days = days.to_string();
        column(&t!(lang, "p-purchase", n = &days), &t!(lang, "p-purchase-help", n = &days), true)
    }));
    columns.extend([
        column(t!(lang, "next-order"), t!(lang, "next-order-help"), true),
        column(t!(lang, "standing"), "", false),
        column(t!(lang, "reason"), "", false),
    ]);
    columns
}

fn row(asked: &Asked, labels: Labels<'_>, dates: Dates, horizons: &[u32], profile: &Profile) -> Row {
    let lang = asked.lang;
    let level = labels.chip(profile, CHURN_LEVEL);
    let tone = level.as_ref().map_or(Tone::Plain, |chip| chip.tone);
    let nothing = || NOTHING.to_owned();
    let chance = |scores: &Scores, days: u32| {
        (t!(lang, "p-purchase", n = days), scores.p_purchase(days).map_or_else(nothing, |x| lang.percent(x)))
    };
    let scores = Scores::read(&profile.prediction).map(|scores| RowScores {
        risk: lang.percent(scores.churn_risk),
        meter: homing_charts::meter(scores.churn_risk, tone),
        percentile: scores.percentile.map_or_else(nothing, |x| lang.count(x)),
        value_at_risk: scores.value_at_risk.map_or_else(nothing, |x| lang.money(x)),
        clv: scores.clv.map_or_else(nothing, |x| lang.money(x)),
        chances: horizons.iter().map(|days| chance(&scores, *days)).collect(),
        next_order: scores
            .next_order_at
            .as_deref()
            .map_or_else(|| t!(lang, "not-expected").to_owned(), |at| dates.day(at)),
        reason: raising(lang, &scores),
    });
    let cause = profile.prediction.get("not_scored").and_then(serde_json::Value::as_str);
    Row {
        link: asked.customer(&profile.customer_id),
        id: profile.customer_id.clone(),
        level,
        standing: [LIFECYCLE_STAGE, MEMBER_TIER]
            .into_iter()
            .filter_map(|tag| labels.chip(profile, tag))
            .collect(),
        scores: scores.ok_or_else(|| words::not_scored(lang, cause)),
    }
}
