//! Calibration: predicted probabilities against what happened.

use homing_charts::numbers::{count, on_axis, percent};
use homing_charts::{Axis, Column, Columns, Group, Ink, Line, Plot, Point, columns, plot};

use super::groups::{GROUPS, bought, groups, mean, wilson};
use crate::backtest::Report;
use crate::metrics::Metric;
use crate::report::lang::Lang;
use crate::report::numbers::percent1;
use crate::report::page::{Block, Drawing, Figure, Key, Section};

/// The section.
pub(super) fn section(lang: Lang, report: &Report) -> Section {
    let expected = mean(&report.scores.iter().collect::<Vec<_>>(), |row| row.p_purchase);
    let own = report.candidates.first();
    let ece = own.and_then(|c| c.metrics.get(Metric::BUY_ECE15)).unwrap_or(f64::NAN);
    let figures = vec![
        Figure {
            name: lang.text("校准误差 (ECE)", "Calibration error (ECE)"),
            value: percent1(ece),
            note: lang.text(
                "概率平均偏离实际多少，百分点；3 以内为好",
                "mean gap between probability and outcome, in points; up to 3 is good",
            ),
        },
        Figure {
            name: lang.text("预测的购买比例", "Expected to buy"),
            value: percent1(expected),
            note: lang.text("全部顾客的平均概率", "mean purchase probability of all customers"),
        },
        Figure {
            name: lang.text("实际购买的比例", "Bought"),
            value: percent1(report.bought),
            note: lang.pick(format!("{} 天内", report.horizon), format!("within {} days", report.horizon)),
        },
    ];
    let drawings = vec![curve(lang, report, expected, ece), distribution(lang, report)];
    Section {
        id: "calibration".to_owned(),
        title: lang.text("校准：概率可信吗", "Calibration: do the probabilities come true"),
        lead: lang.text(
            "名单只需要排序；预算和人数估算则需要概率本身准确。",
            "A call list needs the ranking only; budgets and headcounts need the probabilities themselves to be right.",
        ),
        blocks: vec![Block::Figures(figures), Block::Drawings(drawings)],
    }
}

/// The calibration curve.
fn curve(lang: Lang, report: &Report, expected: f64, ece: f64) -> Drawing {
    let points = groups(&report.scores, |row| row.p_purchase, GROUPS).into_iter().map(|group| {
        let (p, y) = (mean(&group, |row| row.p_purchase), mean(&group, bought));
        let (many, said, actual) = (count(group.len() as u64), percent1(p), percent1(y));
        let title = lang.pick(
            format!("{many} 位顾客：预测 {said}，实际 {actual}"),
            format!("{many} customers: expected {said}, actual {actual}"),
        );
        Point { x: p, y, title: Some(title), interval: Some(wilson(y, group.len())) }
    });
    let points: Vec<Point> = points.collect();
    let (expected, actual, ece) = (percent1(expected), percent1(report.bought), percent1(ece));
    let label = lang.pick(
        format!("校准：平均预测 {expected}，实际 {actual}，校准误差 {ece}"),
        format!("Calibration: expected {expected} on average, actual {actual}, calibration error {ece}"),
    );
    let diagonal = vec![Point::default(), Point { x: 1.0, y: 1.0, ..Point::default() }];
    Drawing {
        title: lang.text("预测概率与实际比例", "Purchase probability against the share that bought"),
        note: lang.text(
            "顾客按预测概率分为十组。点在虚线上：说 30% 的人里真有 30% 购买；点在虚线上方：预测偏低。竖线是 95% 区间。",
            "Customers in ten groups by probability. On the dotted line 30% of those with a probability of 30% bought; above it the probability was too low. Bars are 95% intervals.",
        ),
        keys: vec![
            Key::line(Ink::Expected, "homing"),
            Key::line(Ink::Ideal, lang.text("完全准确", "exactly right")),
        ],
        svg: plot(&Plot {
            label: &label,
            x: Axis::share(lang.text("预测的购买概率", "purchase probability"), &percent),
            y: Axis::share(lang.text("实际购买的比例", "share that bought"), &percent),
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
        let (low, high) = (percent(at as f64 / 10.0), percent((at + 1) as f64 / 10.0));
        let title = lang.pick(
            format!("概率 {low} – {high}：{} 位顾客", count(many)),
            format!("{low} to {high}: {} customers", count(many)),
        );
        Group {
            name: format!("{}", at * 10),
            columns: vec![Column { ink: Ink::Expected, value: many as f64, title }],
        }
    });
    let label = lang.pick(
        format!("概率的分布：{} 位顾客", count(report.scores.len() as u64)),
        format!("Purchase probabilities of {} customers", count(report.scores.len() as u64)),
    );
    Drawing {
        title: lang.text("概率的分布", "Distribution of the probabilities"),
        note: lang.text(
            "多少顾客得到多高的概率。越向两端散开，模型越能分辨。",
            "How many customers have which probability. The wider they spread, the better the model tells customers apart.",
        ),
        keys: Vec::new(),
        svg: columns(&Columns {
            label: &label,
            y: Axis::up_to(most, lang.text("顾客数（位）", "customers"), &on_axis),
            x: &lang.text("预测概率（%，每组自此数起）", "purchase probability (%, from)"),
            groups: groups.collect(),
            reference: None,
        }),
    }
}
