//! The challengers' decision tree as rules.

use homing_charts::numbers::{count, decimal};

use crate::backtest::Report;
use crate::report::lang::Lang;
use crate::report::names;
use crate::report::numbers::percent1;
use crate::report::page::{Block, Cell, Head, Row, Section, Table};

/// The section; `None` where no challengers were asked for.
pub(super) fn section(lang: Lang, report: &Report) -> Option<Section> {
    if report.rules.is_empty() {
        return None;
    }
    let number = |value: f64| if value.fract() == 0.0 { decimal(value, 0) } else { decimal(value, 2) };
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
                Cell::text(conditions.join(lang.pick("；", "; "))),
                Cell::number(percent1(rule.bought)),
                Cell::number(count(rule.rows as u64)),
            ],
        }
    });
    let head = |name: String, help: String, number| Head { name, help, number };
    let table = Table {
        head: vec![
            head(lang.text("条件", "Conditions"), lang.text("全部满足", "all of them hold"), false),
            head(lang.text("购买的比例", "Bought"), lang.text("在过去的窗口中", "in past windows"), true),
            head(lang.text("样本行数", "Rows"), lang.text("顾客 × 窗口", "customers × windows"), true),
        ],
        rows: rows.collect(),
        note: lang.text("缺失值按中位数处理。", "Missing values count as the median."),
    };
    Some(Section {
        id: "rules".to_owned(),
        title: lang.text("一棵可读的决策树", "A readable decision tree"),
        lead: lang.text(
            "挑战者之一：用几条规则就能说出来的模型。它不用于评分，只供对照和讨论。",
            "One of the challengers: a model that a few rules state in full. It scores nobody; it is here for comparison and discussion.",
        ),
        blocks: vec![Block::Table(table)],
    })
}
