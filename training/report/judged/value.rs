//! Value: expected spend against actual spend.

use homing_charts::{Axis, Column, Columns, Group, Ink, columns};

use super::groups::{GROUPS, groups, mean};
use crate::backtest::{Report, ScoreRow};
use crate::metrics::Metric;
use crate::report::page::{Block, Drawing, Figure, Key, Section};
use homing_locales::{Lang, t};

/// The section.
pub(super) fn section(lang: Lang, report: &Report) -> Section {
    let sum = |of: fn(&ScoreRow) -> f64| report.scores.iter().map(of).sum::<f64>();
    let (expected, actual) = (sum(|row| row.expected_spend), sum(|row| row.label.spend));
    Section {
        id: "value".to_owned(),
        title: t!(lang, "report-value").to_owned(),
        lead: t!(lang, "report-value-lead").to_owned(),
        blocks: vec![
            Block::Figures(figures(lang, report, expected, actual)),
            Block::Drawings(vec![deciles(lang, report, expected, actual)]),
        ],
    }
}

fn figures(lang: Lang, report: &Report, expected: f64, actual: f64) -> Vec<Figure> {
    let own = report.candidates.first();
    let get = |metric| own.and_then(|c| c.metrics.get(metric)).unwrap_or(f64::NAN);
    let (days, bias) = (report.horizon, lang.signed_percent(get(Metric::SPEND_BIAS)));
    vec![
        Figure {
            name: t!(lang, "report-value-expected").to_owned(),
            value: lang.money(expected),
            note: t!(lang, "report-value-days", days = days),
        },
        Figure {
            name: t!(lang, "report-value-actual").to_owned(),
            value: lang.money(actual),
            note: t!(lang, "report-value-bias", bias = bias),
        },
        Figure {
            name: t!(lang, "report-coverage").to_owned(),
            value: lang.percent1(report.interval_coverage),
            note: t!(lang, "report-coverage-note").to_owned(),
        },
        Figure {
            name: t!(lang, "report-top-spend").to_owned(),
            value: lang.percent1(get(Metric::SPEND_TOP10)),
            note: t!(lang, "report-top-spend-note").to_owned(),
        },
    ]
}

/// Mean spend by tenth of expected spend.
fn deciles(lang: Lang, report: &Report, expected: f64, actual: f64) -> Drawing {
    let mut deciles = groups(&report.scores, |row| row.expected_spend, GROUPS);
    deciles.reverse();
    let means: Vec<(f64, f64)> = deciles
        .iter()
        .map(|group| (mean(group, |row| row.expected_spend), mean(group, |row| row.label.spend)))
        .collect();
    let most = means.iter().flat_map(|&(e, a)| [e, a]).fold(0.0, f64::max);
    let groups_of = means.iter().enumerate().map(|(at, &(expected, actual))| {
        let (number, said, spent) = (at + 1, lang.money(expected), lang.money(actual));
        let title = t!(lang, "report-value-point", number = number, said = said, spent = spent);
        let column = |ink, value| Column { ink, value, title: title.clone() };
        Group {
            name: number.to_string(),
            columns: vec![column(Ink::Expected, expected), column(Ink::Actual, actual)],
        }
    });
    let (expected, actual) = (lang.money(expected), lang.money(actual));
    let label = t!(lang, "report-value-label", expected = expected, actual = actual);
    Drawing {
        title: t!(lang, "report-value-title").to_owned(),
        note: t!(lang, "report-value-note").to_owned(),
        keys: vec![
            Key::block(Ink::Expected, t!(lang, "report-expected").to_owned()),
            Key::block(Ink::Actual, t!(lang, "report-actual").to_owned()),
        ],
        svg: columns(&Columns {
            label: &label,
            y: Axis::up_to(most, t!(lang, "deciles-y").to_owned(), &|x| lang.on_axis(x)),
            x: t!(lang, "report-value-tenth"),
            groups: groups_of.collect(),
            reference: None,
        }),
    }
}
