//! What the data can carry.

use super::page::{Block, Cell, Figure, Head, Row, Section, Table};
use crate::check::{FarAhead, HorizonUse, SEASON_DAYS, Usability};
use homing_locales::{Arg, Lang, t};

/// The section.
pub(super) fn section(lang: Lang, usability: &Usability) -> Section {
    let mut blocks = vec![
        Block::Figures(figures(lang, usability)),
        Block::Table(horizons(lang, usability)),
        Block::Text(columns(lang, usability)),
    ];
    blocks.extend(notes(lang, usability).into_iter().map(Block::Note));
    Section {
        id: "data".to_owned(),
        title: t!(lang, "report-data").to_owned(),
        lead: t!(lang, "report-data-lead").to_owned(),
        blocks,
    }
}

fn figures(lang: Lang, usability: &Usability) -> Vec<Figure> {
    let figure = |name: String, value: String, note: String| Figure { name, value, note };
    let repeat = usability.repeaters as f64 / usability.customers.max(1) as f64;
    let mean = usability.orders as f64 / usability.customers.max(1) as f64;
    let (without, repeaters) = (lang.count(usability.without_purchase), lang.count(usability.repeaters));
    let first = &usability.first_purchase;
    vec![
        figure(
            t!(lang, "report-data-customers").to_owned(),
            lang.count(usability.customers),
            t!(lang, "report-data-others", without = without),
        ),
        figure(
            t!(lang, "report-data-repeat").to_owned(),
            lang.percent(repeat),
            t!(lang, "report-data-repeat-note", repeaters = repeaters),
        ),
        figure(
            t!(lang, "kpi-orders").to_owned(),
            lang.count(usability.orders),
            t!(lang, "report-data-orders-note", mean = Arg::Number(mean, 1)),
        ),
        figure(
            t!(lang, "report-data-span").to_owned(),
            t!(lang, "days", n = usability.span_days.max(0)),
            t!(lang, "report-since", first = lang.date(first)),
        ),
        figure(
            t!(lang, "report-data-events").to_owned(),
            lang.count(usability.events),
            t!(lang, "report-data-events-note").to_owned(),
        ),
    ]
}

/// What each horizon can be learned from.
fn horizons(lang: Lang, usability: &Usability) -> Table {
    let days = |days: u32| t!(lang, "days", n = days);
    let row = |horizon: &HorizonUse| {
        let verdict = match (horizon.taught_days, horizon.days) {
            (0, _) => t!(lang, "report-data-short").to_owned(),
            (taught, days) if taught == days => t!(lang, "report-data-enough").to_owned(),
            (taught, _) => t!(lang, "report-data-some", taught = taught),
        };
        Row {
            strong: false,
            cells: vec![
                Cell::text(days(horizon.days)),
                Cell::number(horizon.snapshots.to_string()),
                Cell::number(days(horizon.taught_days)),
                Cell::text(verdict),
            ],
        }
    };
    let head = |name: String, help: String, number| Head { name, help, number };
    let windows = t!(lang, "report-data-windows-help").to_owned();
    let length = t!(lang, "report-data-length-help").to_owned();
    Table {
        head: vec![
            head(t!(lang, "report-data-horizon").to_owned(), String::new(), false),
            head(t!(lang, "report-data-windows").to_owned(), windows, true),
            head(t!(lang, "report-data-length").to_owned(), length, true),
            head(t!(lang, "report-verdict").to_owned(), String::new(), false),
        ],
        rows: usability.horizons.iter().map(row).collect(),
        note: String::new(),
    }
}

/// Which optional columns were found.
fn columns(lang: Lang, usability: &Usability) -> String {
    if usability.optional.is_empty() {
        return t!(lang, "report-data-columns-none").to_owned();
    }
    let known = usability
        .optional
        .iter()
        .map(|name| lang.find(&format!("report-column-{name}")).unwrap_or(name.as_str()));
    let known = known.collect::<Vec<&str>>().join(t!(lang, "list-comma"));
    t!(lang, "report-data-columns", known = known)
}

/// The remarks of the check, in the language of the page.
fn notes(lang: Lang, usability: &Usability) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(sampled) = usability.sampled {
        let (kept, all, weight) = (lang.count(sampled.kept), lang.count(sampled.customers), sampled.weight());
        notes.push(t!(lang, "report-data-sampled", kept = kept, all = all, weight = Arg::Number(weight, 2)));
    }
    if usability.span_days < SEASON_DAYS {
        let span = usability.span_days;
        notes.push(t!(lang, "report-data-season", span = span));
    }
    if let Some(FarAhead { customers, latest, rest_end }) = &usability.far_ahead {
        notes.push(t!(
            lang,
            "report-data-far",
            latest = lang.date(latest),
            customers = *customers,
            rest_end = lang.date(rest_end)
        ));
    }
    if usability.events_after > 0 {
        let many = lang.count(usability.events_after);
        notes.push(t!(lang, "report-data-after", many = many));
    }
    notes
}
