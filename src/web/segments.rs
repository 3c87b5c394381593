//! The page "Segments": the RFM grid, the lifecycle in motion, classes and clusters.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use homing_charts::{Band, Flow, Heat, Node, Svg};

use super::asked::Asked;
use super::format::Dates;
use super::frame::{Frame, Place};
use super::labels::{ClusterWords, Labels};
use super::parts::{Cell, Head, Key, Pick, Table};
use super::state::{Web, written};
use super::words::t;
use crate::aggregates::{Aggregates, Count, NOT_YET};
use homing_tags::names::{CLUSTER, LIFECYCLE_STAGE, RFM_CELL, RFM_FREQUENCY, RFM_RECENCY};

/// What the grid shows, by its name in the address.
const BY: [&str; 3] = ["customers", "value_at_risk", "clv"];

/// Answers `GET /segments`.
pub(super) async fn page(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = Asked::of(&uri, &headers);
    match web.counted(&asked, Place::Segments).await {
        Ok(aggregates) => {
            let words = web.cluster_words();
            written(StatusCode::OK, &view(&web, &asked, &aggregates, &words))
        }
        Err(page) => *page,
    }
}

#[derive(Template)]
#[template(path = "segments.html", config = "src/web/askama.toml")]
struct View {
    frame: Frame,
    by: Vec<Pick>,
    grid: Svg,
    flow: Option<Svg>,
    flow_keys: Vec<Key>,
    flow_lead: String,
    classes: Option<Table>,
    clusters: Vec<(String, Option<String>, Table)>,
    counted: String,
}

fn view(web: &Web, asked: &Asked, aggregates: &Aggregates, words: &ClusterWords) -> View {
    let lang = asked.lang;
    let dates = Dates { lang, zone: web.model().map(|model| model.timezone) };
    let labels = Labels { catalogue: &web.catalogue, lang: asked.lang };
    let by = BY.into_iter().find(|name| asked.get("by") == Some(name)).unwrap_or("customers");
    let names = [t!(lang, "customers"), t!(lang, "value-at-risk"), t!(lang, "clv")];
    let clusters = web.catalogue.tags().iter().filter(|tag| tag.name.starts_with(CLUSTER));
    let clusters = clusters.filter_map(|tag| {
        let table = table(asked, labels, aggregates, (&tag.name, "clusters"), words)?;
        Some((labels.name(&tag.name), labels.meaning(&tag.name), table))
    });
    let (flow, flow_keys) =
        flow(asked, labels, aggregates).map_or((None, Vec::new()), |(svg, keys)| (Some(svg), keys));
    View {
        frame: Frame::new(asked, Some(Place::Segments), t!(lang, "segments")),
        by: BY
            .into_iter()
            .zip(names)
            .map(|(key, label)| Pick { key: key.into(), label: label.into(), chosen: key == by })
            .collect(),
        grid: grid(asked, aggregates, by),
        flow,
        flow_keys,
        flow_lead: t!(lang, "flow-lead", n = aggregates.flow.sample),
        classes: table(asked, labels, aggregates, (RFM_CELL, "classes"), &ClusterWords::default()),
        clusters: clusters.collect(),
        counted: t!(lang, "counted-at", at = &dates.minute_of(aggregates.taken_at)),
    }
}

/// The grid of recency (rows, best above) and frequency (columns).
fn grid(asked: &Asked, aggregates: &Aggregates, by: &str) -> Svg {
    let lang = asked.lang;
    let of = |cell: &Count| match by {
        "value_at_risk" => cell.value_at_risk,
        "clv" => cell.clv,
        _ => cell.customers as f64,
    };
    let most = aggregates.grid.values().flat_map(|row| row.values()).map(of).fold(0.0, f64::max);
    let grades: Vec<String> = (1..=5).map(|grade: u8| grade.to_string()).collect();
    let rows: Vec<String> = grades.iter().rev().cloned().collect();
    let cell = |recency: u8, frequency: u8| {
        let held = aggregates.grid.get(&recency).and_then(|row| row.get(&frequency))?;
        let place = t!(lang, "rfm-cell", r = u32::from(recency), f = u32::from(frequency));
        let told = [
            format!("{}{}{}", t!(lang, "customers"), t!(lang, "colon"), lang.count(held.customers)),
            format!("{}{}{}", t!(lang, "value-at-risk"), t!(lang, "colon"), lang.money(held.value_at_risk)),
            format!("{}{}{}", t!(lang, "clv"), t!(lang, "colon"), lang.money(held.clv)),
        ];
        let link = asked.link(Place::Call.path());
        let link = link.with(RFM_RECENCY, &recency.to_string()).with(RFM_FREQUENCY, &frequency.to_string());
        Some(homing_charts::Cell {
            // Bases are skewed: the root keeps the middle apart.
            share: if most > 0.0 { (of(held) / most).sqrt() } else { 0.0 },
            text: if by == "customers" { lang.short(of(held)) } else { lang.short_money(of(held)) },
            title: format!("{place}{}{}", t!(lang, "colon"), told.join(t!(lang, "cluster-semicolon"))),
            link: Some(link.to_string()),
        })
    };
    let cells: Vec<Vec<Option<homing_charts::Cell>>> =
        (1..=5).rev().map(|recency| (1..=5).map(|frequency| cell(recency, frequency)).collect()).collect();
    homing_charts::heat(&Heat {
        label: t!(lang, "rfm"),
        rows: &rows,
        columns: &grades,
        row_name: t!(lang, "rfm-recency"),
        column_name: t!(lang, "rfm-frequency"),
        cells: &cells,
    })
}

/// The stages at several times and the moves between them.
fn flow(asked: &Asked, labels: Labels<'_>, aggregates: &Aggregates) -> Option<(Svg, Vec<Key>)> {
    let lang = asked.lang;
    let flow = &aggregates.flow;
    if flow.sample == 0 || flow.moves.is_empty() {
        return None;
    }
    let choices = labels.choices(LIFECYCLE_STAGE);
    let mut keys: Vec<String> = choices.iter().map(|choice| choice.key.clone()).collect();
    let met = flow
        .moves
        .iter()
        .flat_map(|moves| moves.iter().flat_map(|(from, to)| std::iter::once(from).chain(to.keys())));
    for stage in met {
        if !keys.contains(stage) {
            keys.push(stage.clone());
        }
    }
    let name = |key: &str| match key {
        NOT_YET => t!(lang, "not-yet").to_owned(),
        key => labels.value(LIFECYCLE_STAGE, &key.into()),
    };
    let place = |key: &str| keys.iter().position(|known| known == key).unwrap_or(0);
    let whole = |customers: u64| lang.count((customers as f64 * flow.each).round() as u64);
    // A time is told by what leaves it, the last one by what came to it.
    let held = |column: usize, key: &String| -> u64 {
        match flow.moves.get(column) {
            Some(moves) => moves.get(key).map_or(0, |to| to.values().sum()),
            None => flow.moves.last().map_or(0, |moves| moves.values().filter_map(|to| to.get(key)).sum()),
        }
    };
    let titles = |key: &String| -> Vec<String> {
        let times = 0..=flow.moves.len();
        times.map(|at| format!("{}{}{}", name(key), t!(lang, "colon"), whole(held(at, key)))).collect()
    };
    let nodes: Vec<Node> = keys
        .iter()
        .enumerate()
        .map(|(hue, key)| Node { name: name(key), titles: titles(key), hue })
        .collect();
    let bands: Vec<Vec<Band>> = flow
        .moves
        .iter()
        .map(|moves| {
            let bands =
                moves.iter().flat_map(|(from, to)| to.iter().map(move |(to, size)| (from, to, *size)));
            let band = |(from, to, size): (&String, &String, u64)| Band {
                from: place(from),
                to: place(to),
                size: size as f64,
                title: format!("{} → {}{}{}", name(from), name(to), t!(lang, "colon"), whole(size)),
            };
            // Who had not come yet and has not come still tells nothing.
            bands.filter(|(from, to, _)| !(*from == NOT_YET && *to == NOT_YET)).map(band).collect()
        })
        .collect();
    let columns: Vec<String> = flow
        .days_before
        .iter()
        .map(
            |days| {
                if *days == 0 { t!(lang, "flow-now").to_owned() } else { t!(lang, "flow-then", n = *days) }
            },
        )
        .collect();
    let svg = homing_charts::flow(&Flow {
        label: t!(lang, "flow"),
        columns: &columns,
        nodes: &nodes,
        bands: &bands,
    });
    let used = |at: &usize| bands.iter().flatten().any(|band| band.from == *at || band.to == *at);
    let keys = (0..nodes.len())
        .filter(used)
        .map(|at| Key { class: format!("hue-{} block", at % 8), name: nodes[at].name.clone() });
    Some((svg, keys.collect()))
}

/// The customers by the value of a tag; `None` where nobody has it.
fn table(
    asked: &Asked,
    labels: Labels<'_>,
    aggregates: &Aggregates,
    (tag, named_by): (&str, &'static str),
    words: &ClusterWords,
) -> Option<Table> {
    let lang = asked.lang;
    let values = labels.counted(aggregates, tag);
    let held: u64 = values.iter().map(|(_, _, customers)| customers.customers).sum();
    if held == 0 {
        return None;
    }
    let whole = aggregates.base.customers.max(1) as f64;
    let rows = values.into_iter().filter(|(_, _, customers)| customers.customers > 0).map(
        |(key, label, customers)| {
            let share = customers.customers as f64 / whole;
            vec![
                match words.of(&key) {
                    Some((name, text)) => Cell::text(name.within(asked.lang)).note(text.within(asked.lang)),
                    None => Cell::text(label),
                }
                .link(asked.link(Place::Call.path()).with(tag, &key)),
                Cell::number(lang.count(customers.customers)),
                Cell::number(lang.percent(share))
                    .bar(homing_charts::meter(share, homing_charts::Tone::Plain)),
                Cell::number(lang.money(customers.value_at_risk)),
                Cell::number(lang.money(customers.clv / customers.customers.max(1) as f64)),
            ]
        },
    );
    Some(Table {
        named_by,
        head: vec![
            Head::text(t!(lang, "segment")),
            Head::number(t!(lang, "customers")),
            Head::number(t!(lang, "share")),
            Head::number(t!(lang, "value-at-risk")).help(t!(lang, "value-at-risk-help")),
            Head::number(t!(lang, "mean-clv")).help(t!(lang, "clv-help")),
        ],
        rows: rows.collect(),
    })
}
