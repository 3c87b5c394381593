//! The challengers' decision tree as rules.

use crate::backtest::Report;
use crate::report::names;
use crate::report::page::{Block, Cell, Head, Row, Section, Table};
use homing_locales::{Lang, t};

/// The section; `None` where no challengers were asked for.
pub(super) fn section(lang: Lang, report: &Report) -> Option<Section> {
    if report.rules.is_empty() {
        return None;
    }
    let number =
        |value: f64| if value.fract() == 0.0 { lang.decimal(value, 0) } else { lang.decimal(value, 2) };
    let rows = report.rules.iter().map(|rule| {
        let conditions: Vec<String> = rule
            .conditions
            .iter()
            .map(|condition| {
                let name = names::meaning(lang, condition.feature);
                match (condition.at_least, condition.below) {
                    (Some(low), Some(high)) => format!("{} ≤ {name} < {}", number(low), number(high)),
                    (Some(low), None) => format!("{name} ≥ {}", number(low)),
                    (None, Some(high)) => format!("{name} < {}", number(high)),
                    (None, None) => name,
                }
            })
            .collect();
        Row {
            strong: false,
            cells: vec![
                Cell::text(conditions.join(t!(lang, "cluster-semicolon"))),
                Cell::number(lang.percent1(rule.bought)),
                Cell::number(lang.count(rule.rows as u64)),
            ],
        }
    });
    let head = |name: String, help: String, number| Head { name, help, number };
    let table = Table {
        head: vec![
            head(
                t!(lang, "report-conditions").to_owned(),
                t!(lang, "report-conditions-help").to_owned(),
                false,
            ),
            head(
                t!(lang, "report-tree-bought").to_owned(),
                t!(lang, "report-tree-bought-help").to_owned(),
                true,
            ),
            head(t!(lang, "report-tree-rows").to_owned(), t!(lang, "report-tree-rows-help").to_owned(), true),
        ],
        rows: rows.collect(),
        note: t!(lang, "report-tree-note").to_owned(),
    };
    Some(Section {
        id: "rules".to_owned(),
        title: t!(lang, "report-tree").to_owned(),
        lead: t!(lang, "report-tree-lead").to_owned(),
        blocks: vec![Block::Table(table)],
    })
}
