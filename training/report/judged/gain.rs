//! Gain and lift: how many buyers and how much spend the best-scored customers hold.

use homing_charts::{Axis, Column, Columns, Group, Ink, Line, Plot, Point, columns, plot};

use super::groups::{GROUPS, bought, gains, groups, mean};
use crate::backtest::{Report, ScoreRow};
use crate::report::page::{Block, Drawing, Key, Section};
use homing_locales::{Arg, Lang, t};

/// The section.
pub(super) fn section(lang: Lang, report: &Report) -> Section {
    let rows = &report.scores;
    let buyers = Curve {
        title: t!(lang, "report-gain-buyers").to_owned(),
        note: t!(lang, "report-gain-buyers-note").to_owned(),
        what: t!(lang, "report-buyers").to_owned(),
        score: |row| row.p_purchase,
        actual: bought,
    };
    let spend = Curve {
        title: t!(lang, "report-gain-spend").to_owned(),
        note: t!(lang, "report-gain-spend-note").to_owned(),
        what: t!(lang, "report-spend").to_owned(),
        score: |row| row.expected_spend,
        actual: |row| row.label.spend,
    };
    let leavers = Curve {
        title: t!(lang, "report-gain-leavers").to_owned(),
        note: t!(lang, "report-gain-leavers-note").to_owned(),
        what: t!(lang, "report-leavers").to_owned(),
        score: |row| 1.0 - row.p_purchase,
        actual: |row| 1.0 - bought(row),
    };
    let mut drawings: Vec<Drawing> =
        [buyers, spend, leavers].into_iter().map(|curve| curve.draw(lang, rows)).collect();
    drawings.push(lift(lang, report));
    Section {
        id: "gain".to_owned(),
        title: t!(lang, "report-gain").to_owned(),
        lead: t!(lang, "report-gain-lead").to_owned(),
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
        let label = t!(lang, "report-gain-label", title = &title, fifth = lang.percent(fifth), what = &what);
        let titled = |(x, y): (f64, f64)| {
            let title = t!(lang, "report-gain-point", x = lang.percent(x), y = lang.percent(y), what = &what);
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
                Key::line(Ink::Other, t!(lang, "with-hindsight").to_owned()),
                Key::line(Ink::Ideal, t!(lang, "by-chance").to_owned()),
            ],
            svg: plot(&Plot {
                label: &label,
                x: Axis::share(t!(lang, "gain-x").to_owned(), &|x| lang.percent(x)),
                y: Axis::share(t!(lang, "report-gain-axis", what = &what), &|x| lang.percent(x)),
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
        let (lift, share, number) = (over_average(share), lang.percent(share), at + 1);
        let title =
            t!(lang, "report-lift-point", number = number, share = share, lift = Arg::Number(lift, 1));
        Group { name: number.to_string(), columns: vec![Column { ink: Ink::Expected, value: lift, title }] }
    });
    let first = shares.first().map_or(f64::NAN, |&share| over_average(share));
    let most = shares.iter().map(|&share| over_average(share)).fold(1.0, f64::max);
    let label = t!(lang, "report-lift-label", first = Arg::Number(first, 1));
    let times = |value: f64| format!("{}×", lang.on_axis(value));
    Drawing {
        title: t!(lang, "report-lift").to_owned(),
        note: t!(lang, "report-lift-note").to_owned(),
        keys: Vec::new(),
        svg: columns(&Columns {
            label: &label,
            y: Axis::up_to(most, t!(lang, "report-lift-axis").to_owned(), &times),
            x: t!(lang, "report-lift-tenth"),
            groups: columns_of.collect(),
            reference: Some(1.0),
        }),
    }
}
