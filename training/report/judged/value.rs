//! Value: expected spend against actual spend.

use homing_charts::numbers::{money, on_axis};
use homing_charts::{Axis, Column, Columns, Group, Ink, columns};

use super::groups::{GROUPS, groups, mean};
use crate::backtest::{Report, ScoreRow};
use crate::metrics::Metric;
use crate::report::lang::Lang;
use crate::report::numbers::{percent1, signed_percent};
use crate::report::page::{Block, Drawing, Figure, Key, Section};

/// The section.
pub(super) fn section(lang: Lang, report: &Report) -> Section {
    let sum = |of: fn(&ScoreRow) -> f64| report.scores.iter().map(of).sum::<f64>();
    let (expected, actual) = (sum(|row| row.expected_spend), sum(|row| row.label.spend));
    Section {
        id: "value".to_owned(),
        title: lang.text("价值：预期消费准不准", "Value: does the expected spend come true"),
        lead: lang.text(
            "预期消费 = 购买概率 × 购买时的消费。金额按商家货币，未减退货。",
            "Expected spend = purchase probability × spend of those who buy; in the business's currency, before product returns.",
        ),
        blocks: vec![
            Block::Figures(figures(lang, report, expected, actual)),
            Block::Drawings(vec![deciles(lang, report, expected, actual)]),
        ],
    }
}

fn figures(lang: Lang, report: &Report, expected: f64, actual: f64) -> Vec<Figure> {
    let own = report.candidates.first();
    let get = |metric| own.and_then(|c| c.metrics.get(metric)).unwrap_or(f64::NAN);
    let (days, bias) = (report.horizon, signed_percent(get(Metric::SPEND_BIAS)));
    vec![
        Figure {
            name: lang.text("预期总消费", "Total expected spend"),
            value: money(expected),
            note: lang.pick(format!("{days} 天，商家货币"), format!("{days} days, the business's currency")),
        },
        Figure {
            name: lang.text("实际总消费", "Total actual spend"),
            value: money(actual),
            note: lang.pick(format!("偏差 {bias}"), format!("expected is off by {bias}")),
        },
        Figure {
            name: lang.text("80% 区间的覆盖率", "Coverage of the 80% interval"),
            value: percent1(report.interval_coverage),
            note: lang.text(
                "消费落在所给区间内的顾客；应接近或高于 80%",
                "customers whose spend lay within their interval; should be near or above 80%",
            ),
        },
        Figure {
            name: lang.text("最高一成占消费", "Spend of the top tenth"),
            value: percent1(get(Metric::SPEND_TOP10)),
            note: lang.text(
                "预期消费最高的 10% 顾客的实际消费占比",
                "share of actual spend by the tenth with the highest expected spend",
            ),
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
        let (number, said, spent) = (at + 1, money(expected), money(actual));
        let title = lang.pick(
            format!("第 {number} 组：人均预期 {said}，实际 {spent}"),
            format!("tenth {number}: {said} expected per customer, {spent} actual"),
        );
        let column = |ink, value| Column { ink, value, title: title.clone() };
        Group {
            name: number.to_string(),
            columns: vec![column(Ink::Expected, expected), column(Ink::Actual, actual)],
        }
    });
    let (expected, actual) = (money(expected), money(actual));
    let label = lang.pick(
        format!("各组人均消费：预期总额 {expected}，实际 {actual}"),
        format!("Spend per customer by tenth: {expected} expected in total, {actual} actual"),
    );
    Drawing {
        title: lang.text("人均消费，预期与实际", "Spend per customer, expected and actual"),
        note: lang.text(
            "顾客按预期消费从高到低分为十组。两根柱子一样高就是准的。",
            "Customers in tenths by expected spend, highest first. Columns of equal height are right.",
        ),
        keys: vec![
            Key::block(Ink::Expected, lang.text("预期", "expected")),
            Key::block(Ink::Actual, lang.text("实际", "actual")),
        ],
        svg: columns(&Columns {
            label: &label,
            y: Axis::up_to(
                most,
                lang.text("人均消费（货币单位）", "spend per customer (currency)"),
                &on_axis,
            ),
            x: &lang.text("组（1 = 预期消费最高的一成）", "tenth (1 = highest expected spend)"),
            groups: groups_of.collect(),
            reference: None,
        }),
    }
}
