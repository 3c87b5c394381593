//! Gain and lift: how many buyers and how much spend the best-scored customers hold.

use homing_charts::numbers::{on_axis, percent};
use homing_charts::{Axis, Column, Columns, Group, Ink, Line, Plot, Point, columns, plot};

use super::groups::{GROUPS, bought, gains, groups, mean};
use crate::backtest::{Report, ScoreRow};
use crate::report::lang::Lang;
use crate::report::page::{Block, Drawing, Key, Section};

/// The section.
pub(super) fn section(lang: Lang, report: &Report) -> Section {
    let rows = &report.scores;
    let buyers = Curve {
        title: lang.text("找到会购买的人", "Finding those who buy"),
        note: lang.text(
            "曲线越靠左上越好：只联系一小部分人就找到大部分买家。",
            "The closer to the upper left, the better: few contacts reach most buyers.",
        ),
        what: lang.text("买家", "buyers"),
        score: |row| row.p_purchase,
        actual: bought,
    };
    let spend = Curve {
        title: lang.text("找到消费", "Finding the spend"),
        note: lang.text(
            "按预期消费排序，前一部分顾客占了多少实际消费。",
            "Sorted by expected spend: the share of actual spend by the first customers.",
        ),
        what: lang.text("消费", "spend"),
        score: |row| row.expected_spend,
        actual: |row| row.label.spend,
    };
    let leavers = Curve {
        title: lang.text("找到会流失的人", "Finding those who do not buy"),
        note: lang.text(
            "按流失风险从高到低：前一部分顾客里有多少人期内没有再买。没买的人越多，这条线离随机越近。",
            "Sorted by churn risk: the share of those who did not buy among the first. The more customers do not buy, the closer the curve must be to random.",
        ),
        what: lang.text("未购买者", "customers who did not buy"),
        score: |row| 1.0 - row.p_purchase,
        actual: |row| 1.0 - bought(row),
    };
    let mut drawings: Vec<Drawing> =
        [buyers, spend, leavers].into_iter().map(|curve| curve.draw(lang, rows)).collect();
    drawings.push(lift(lang, report));
    Section {
        id: "gain".to_owned(),
        title: lang.text("增益与提升：按得分联系值不值", "Gain and lift: does it pay to contact by score"),
        lead: lang.text(
            "预算只够联系一部分顾客时，得分能把多少买家和消费排到前面。",
            "When the budget reaches only a part of the customers: how many buyers and how much spend the score puts first.",
        ),
        blocks: vec![Block::Drawings(drawings)],
    }
}

/// A curve of cumulative gains.
struct Curve {
    title: String,
    note: String,
    /// What is found.
    what: String,
    score: fn(&ScoreRow) -> f64,
    actual: fn(&ScoreRow) -> f64,
}

impl Curve {
    fn draw(self, lang: Lang, rows: &[ScoreRow]) -> Drawing {
        let Curve { title, note, what, score, actual } = self;
        let own = gains(rows, score, actual);
        let fifth = own.iter().find(|point| point.0 >= 0.2 - 1e-9).map_or(f64::NAN, |point| point.1);
        let label = lang.pick(
            format!("{title}：得分最高的 20% 顾客占{what}的 {}", percent(fifth)),
            format!("{title}: the best-scored 20% hold {} of the {what}", percent(fifth)),
        );
        let titled = |(x, y): (f64, f64)| {
            let title = lang.pick(
                format!("得分最高的 {}：占{what}的 {}", percent(x), percent(y)),
                format!("best-scored {}: {} of the {what}", percent(x), percent(y)),
            );
            Point { x, y, title: Some(title), interval: None }
        };
        let plain = |(x, y): (f64, f64)| Point { x, y, ..Point::default() };
        let line = |ink, points| Line { ink, points, dots: false, joined: true };
        let lines = vec![
            line(Ink::Ideal, [(0.0, 0.0), (1.0, 1.0)].map(plain).into()),
            line(Ink::Other, gains(rows, actual, actual).into_iter().map(plain).collect()),
            line(Ink::Expected, own.into_iter().map(titled).collect()),
        ];
        Drawing {
            title,
            note,
            keys: vec![
                Key::line(Ink::Expected, "homing"),
                Key::line(Ink::Other, lang.text("事后的完美排序", "perfect, with hindsight")),
                Key::line(Ink::Ideal, lang.text("随机", "random")),
            ],
            svg: plot(&Plot {
                label: &label,
                x: Axis::share(
                    lang.text("联系的顾客，按得分从高到低", "customers contacted, best score first"),
                    &percent,
                ),
                y: Axis::share(
                    lang.pick(format!("占{what}的比例"), format!("share of the {what}")),
                    &percent,
                ),
                lines,
                rules: Vec::new(),
            }),
        }
    }
}

/// The share of buyers in each tenth by probability, over the average.
fn lift(lang: Lang, report: &Report) -> Drawing {
    let mut tenths = groups(&report.scores, |row| row.p_purchase, GROUPS);
    tenths.reverse();
    let shares: Vec<f64> = tenths.iter().map(|tenth| mean(tenth, bought)).collect();
    let over_average = |share: f64| share / report.bought.max(1e-12);
    let columns_of = shares.iter().enumerate().map(|(at, &share)| {
        let (lift, share, number) = (over_average(share), percent(share), at + 1);
        let title = lang.pick(
            format!("第 {number} 组：{share} 购买，是平均的 {lift:.1} 倍"),
            format!("group {number}: {share} bought, {lift:.1} times the average"),
        );
        Group { name: number.to_string(), columns: vec![Column { ink: Ink::Expected, value: lift, title }] }
    });
    let first = shares.first().map_or(f64::NAN, |&share| over_average(share));
    let most = shares.iter().map(|&share| over_average(share)).fold(1.0, f64::max);
    let label = lang.pick(
        format!("提升：第一组购买的比例是平均的 {first:.1} 倍"),
        format!("Lift: the first group bought {first:.1} times as often as the average"),
    );
    let times = |value: f64| format!("{}×", on_axis(value));
    Drawing {
        title: lang.text("各组的提升", "Lift by tenth"),
        note: lang.text(
            "顾客按购买概率从高到低分为十组；1× 是平均水平（橙色虚线）。",
            "Customers in tenths by purchase probability, highest first; 1× is the average (dashed line).",
        ),
        keys: Vec::new(),
        svg: columns(&Columns {
            label: &label,
            y: Axis::up_to(
                most,
                lang.text("购买比例对平均的倍数", "share that bought, times the average"),
                &times,
            ),
            x: &lang.text("组（1 = 概率最高的一成）", "tenth (1 = highest probability)"),
            groups: columns_of.collect(),
            reference: Some(1.0),
        }),
    }
}
