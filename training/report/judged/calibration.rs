//! Calibration: predicted probabilities against what happened.

use homing_charts::{Axis, Column, Columns, Group, Ink, Line, Plot, Point, columns, plot};

use super::groups::{GROUPS, bought, groups, mean, wilson};
use crate::backtest::Report;
use crate::metrics::Metric;
use crate::report::page::{Block, Drawing, Figure, Key, Section};
use homing_locales::{Lang, t};

/// The section.
pub(super) fn section(lang: Lang, report: &Report) -> Section {
    let expected = mean(&report.scores.iter().collect::<Vec<_>>(), |row| row.p_purchase);
    let own = report.candidates.first();
    let ece = own.and_then(|c| c.metrics.get(Metric::BUY_ECE15)).unwrap_or(f64::NAN);
    let figures = vec![
        Figure {
            name: t!(lang, "report-ece").to_owned(),
            value: lang.percent1(ece),
            note: t!(lang, "report-ece-note").to_owned(),
        },
        Figure {
            name: t!(lang, "report-expected-to-buy").to_owned(),
            value: lang.percent1(expected),
            note: t!(lang, "report-expected-to-buy-note").to_owned(),
        },
        Figure {
            name: t!(lang, "report-bought").to_owned(),
            value: lang.percent1(report.bought),
            note: t!(lang, "report-within", horizon = report.horizon),
        },
    ];
    let drawings = vec![curve(lang, report, expected, ece), distribution(lang, report)];
    Section {
        id: "calibration".to_owned(),
        title: t!(lang, "report-calibration").to_owned(),
        lead: t!(lang, "report-calibration-lead").to_owned(),
        blocks: vec![Block::Figures(figures), Block::Drawings(drawings)],
    }
}

/// The calibration curve.
fn curve(lang: Lang, report: &Report, expected: f64, ece: f64) -> Drawing {
    let points = groups(&report.scores, |row| row.p_purchase, GROUPS).into_iter().map(|group| {
        let (p, y) = (mean(&group, |row| row.p_purchase), mean(&group, bought));
        let (many, said, actual) = (lang.count(group.len() as u64), lang.percent1(p), lang.percent1(y));
        let title = t!(lang, "report-calibration-point", many = many, said = said, actual = actual);
        Point { x: p, y, title: Some(title), interval: Some(wilson(y, group.len())) }
    });
    let points: Vec<Point> = points.collect();
    let (expected, actual, ece) = (lang.percent1(expected), lang.percent1(report.bought), lang.percent1(ece));
    let label = t!(lang, "report-calibration-label", expected = expected, actual = actual, ece = ece);
    let diagonal = vec![Point::default(), Point { x: 1.0, y: 1.0, ..Point::default() }];
    Drawing {
        title: t!(lang, "report-calibration-title").to_owned(),
        note: t!(lang, "report-calibration-note").to_owned(),
        keys: vec![
            Key::line(Ink::Expected, "homing"),
            Key::line(Ink::Ideal, t!(lang, "report-exactly-right").to_owned()),
        ],
        svg: plot(&Plot {
            label: &label,
            x: Axis::share(t!(lang, "chance-expected").to_owned(), &|x| lang.percent(x)),
            y: Axis::share(t!(lang, "report-share-bought").to_owned(), &|x| lang.percent(x)),
            lines: vec![
                Line { ink: Ink::Ideal, points: diagonal, dots: false, joined: true },
                Line { ink: Ink::Expected, points, dots: true, joined: true },
            ],
            rules: Vec::new(),
        }),
    }
}

/// How many customers have which probability.
fn distribution(lang: Lang, report: &Report) -> Drawing {
    let mut bins = [0u64; 10];
    for row in &report.scores {
        bins[((row.p_purchase * 10.0) as usize).min(9)] += 1;
    }
    let most = bins.iter().copied().max().unwrap_or(0) as f64;
    let groups = bins.iter().enumerate().map(|(at, &many)| {
        let (low, high) = (lang.percent(at as f64 / 10.0), lang.percent((at + 1) as f64 / 10.0));
        let title = t!(lang, "report-distribution-bar", low = low, high = high, many = lang.count(many));
        Group {
            name: format!("{}", at * 10),
            columns: vec![Column { ink: Ink::Expected, value: many as f64, title }],
        }
    });
    let label = t!(lang, "report-distribution-label", scores = lang.count(report.scores.len() as u64));
    Drawing {
        title: t!(lang, "report-distribution").to_owned(),
        note: t!(lang, "report-distribution-note").to_owned(),
        keys: Vec::new(),
        svg: columns(&Columns {
            label: &label,
            y: Axis::up_to(most, t!(lang, "report-customers").to_owned(), &|x| lang.on_axis(x)),
            x: t!(lang, "report-distribution-axis"),
            groups: groups.collect(),
            reference: None,
        }),
    }
}
