//! Orders over time, actual against expected.

use std::collections::BTreeMap;

use homing_charts::{Axis, Ink, Line, Plot, Point, Rule, plot};
use homing_datasets::Histories;
use homing_models::Bundle;
use homing_models::lifetimes::{LifetimeModel, Recency};
use rayon::prelude::*;

use super::page::{Block, Drawing, Figure, Key, Section};
use crate::backtest::Report;
use crate::labels::days_after;
use homing_locales::{Lang, t};

/// Maximum number of weeks that are drawn before the cutoff.
const MAX_WEEKS: i32 = 130;
/// Maximum number of customers whose window is expected one by one.
const MAX_CUSTOMERS: usize = 2_000;

/// Repeat orders by week of the customers who had bought by the cutoff: the first order of each is left out, as the
/// lifetime models count (Fader, Hardie & Lee 2005, figures 3 and 4).
pub(super) struct Tracking {
    cutoff_day: i32,
    days: u32,
    weeks: Vec<Week>,
    /// The window as a whole: actual, by homing, by the lifetime model.
    window: [f64; 3],
}

/// A week, and what was cumulated by its end.
struct Week {
    /// Its last day.
    end: i32,
    actual: f64,
    actual_total: f64,
    /// Expected of the cohort by the lifetime model, as if nothing but the first purchases were known.
    lifetime: f64,
    lifetime_total: f64,
    /// Expected by homing from the cutoff on, cumulated on top of what was actual by then.
    homing: Option<(f64, f64)>,
}

impl Tracking {
    pub fn of(report: &Report, histories: &Histories) -> Self {
        let manifest = report.bundle.manifest();
        let (cutoff, zone, days) = (manifest.as_of, manifest.timezone, report.horizon);
        let cutoff_day = zone.day(cutoff);
        let orders = &report.bundle.lifetime().orders;
        let end = days_after(cutoff, days);
        let cohort: Vec<(Vec<i32>, usize)> = histories
            .par_iter()
            .filter_map(|(_, history)| {
                let known = history.as_of(cutoff).orders(zone).count();
                let all: Vec<i32> = history.as_of(end).orders(zone).map(|order| order.day).collect();
                (known > 0 && !all.is_empty()).then_some((all, known))
            })
            .collect();
        let first_day =
            cohort.iter().filter_map(|(days, _)| days.first()).min().copied().unwrap_or(cutoff_day);
        let mut born: BTreeMap<i32, f64> = BTreeMap::new();
        let mut repeats: BTreeMap<i32, f64> = BTreeMap::new();
        for (days, _) in &cohort {
            *born.entry(days[0]).or_default() += 1.0;
            for &day in &days[1..] {
                *repeats.entry(day).or_default() += 1.0;
            }
        }
        let last_day = cutoff_day + days as i32;
        let ages: Vec<i32> = (0..=(last_day - first_day).max(0)).collect();
        let by_age: Vec<f64> =
            ages.into_par_iter().map(|age| orders.expected_total_orders(f64::from(age))).collect();
        let lifetime_by = |day: i32| -> f64 {
            born.range(..=day)
                .map(|(from, many)| many * by_age.get((day - from) as usize).unwrap_or(&0.0))
                .sum()
        };
        let actual_by = |day: i32| repeats.range(..=day).map(|(_, many)| many).sum::<f64>();
        let expected: f64 = report.scores.iter().map(|row| row.expected_orders).sum();
        let shape = window_shape(&report.bundle, &cohort, cutoff_day, days);
        let whole = shape.last().copied().unwrap_or(0.0);
        let homing_by = |day: i32| {
            let at = (day - cutoff_day).clamp(0, days as i32) as usize;
            if whole > 0.0 { expected * shape[at] / whole } else { 0.0 }
        };
        let before = ((cutoff_day - first_day) / 7 + 1).min(MAX_WEEKS);
        let after = (days / 7).max(1) as i32;
        let weeks = (1 - before..=after).map(|week| {
            let to = (cutoff_day + week * 7).min(last_day);
            let from = cutoff_day + (week - 1) * 7;
            let (actual_total, lifetime_total) = (actual_by(to), lifetime_by(to));
            let homing =
                (week > 0).then(|| (homing_by(to) - homing_by(from), actual_by(cutoff_day) + homing_by(to)));
            Week {
                end: to,
                actual: actual_total - actual_by(from),
                actual_total,
                lifetime: lifetime_total - lifetime_by(from),
                lifetime_total,
                homing,
            }
        });
        let window = [
            actual_by(last_day) - actual_by(cutoff_day),
            expected,
            lifetime_by(last_day) - lifetime_by(cutoff_day),
        ];
        Tracking { cutoff_day, days, weeks: weeks.collect(), window }
    }

    /// The weeks in numbers.
    pub fn weeks(&self) -> Vec<homing_models::judged::Week> {
        let week = |week: &Week| homing_models::judged::Week {
            end: week.end,
            actual: week.actual,
            expected: week.homing.map(|(expected, _)| expected),
        };
        self.weeks.iter().map(week).collect()
    }

    pub fn section(&self, lang: Lang, suffix: &str) -> Section {
        let weekly = Series {
            title: t!(lang, "tracking").to_owned(),
            note: t!(lang, "report-tracking-weekly-note").to_owned(),
            axis: t!(lang, "tracking-y").to_owned(),
            of: |week| [Some(week.actual), week.homing.map(|h| h.0), Some(week.lifetime)],
        };
        let cumulative = Series {
            title: t!(lang, "report-tracking-total").to_owned(),
            note: t!(lang, "report-tracking-total-note").to_owned(),
            axis: t!(lang, "report-tracking-total-axis").to_owned(),
            of: |week| [Some(week.actual_total), week.homing.map(|h| h.1), Some(week.lifetime_total)],
        };
        let drawings = [weekly, cumulative].map(|series| self.draw(lang, series)).into();
        Section {
            id: format!("tracking{suffix}"),
            title: t!(lang, "report-tracking").to_owned(),
            lead: t!(lang, "report-tracking-lead").to_owned(),
            blocks: vec![Block::Figures(self.figures(lang)), Block::Drawings(drawings)],
        }
    }

    fn figures(&self, lang: Lang) -> Vec<Figure> {
        let [actual, homing, lifetime] = self.window;
        let off = |expected: f64| {
            let off = lang.signed_percent(expected / actual - 1.0);
            t!(lang, "report-off", off = off)
        };
        let orders = |sum: f64| lang.count(sum.round().max(0.0) as u64);
        vec![
            Figure {
                name: t!(lang, "report-tracking-actual").to_owned(),
                value: orders(actual),
                note: t!(lang, "days", n = self.days),
            },
            Figure {
                name: t!(lang, "report-tracking-homing").to_owned(),
                value: orders(homing),
                note: off(homing),
            },
            Figure {
                name: t!(lang, "report-tracking-lifetime").to_owned(),
                value: orders(lifetime),
                note: off(lifetime),
            },
        ]
    }

    fn draw(&self, lang: Lang, series: Series) -> Drawing {
        let names = [
            t!(lang, "report-actual").to_owned(),
            t!(lang, "report-tracking-homing-line").to_owned(),
            t!(lang, "report-lifetime-model").to_owned(),
        ];
        let inks = [Ink::Actual, Ink::Expected, Ink::Other];
        let date = |day: i32| lang.date(&homing_datasets::calendar::date_of(day).to_string());
        let point = |week: &Week, which: usize| {
            let y = (series.of)(week)[which]?;
            let title = format!(
                "{}{}{} {}",
                date(week.end),
                t!(lang, "colon"),
                names[which],
                lang.decimal(y.round(), 0)
            );
            Some(Point { x: f64::from(week.end), y, title: Some(title), interval: None })
        };
        let line = |which: usize| Line {
            ink: inks[which],
            dots: false,
            joined: true,
            points: self.weeks.iter().filter_map(|week| point(week, which)).collect(),
        };
        let lines: Vec<Line> = [2, 0, 1].map(line).into();
        let most = lines.iter().flat_map(|line| &line.points).map(|point| point.y).fold(0.0, f64::max);
        let (first, last) = (self.weeks.first(), self.weeks.last());
        let (first, last) = (first.map_or(0, |week| week.end), last.map_or(1, |week| week.end));
        let [actual, homing, lifetime] = self.window.map(|sum| lang.count(sum.round().max(0.0) as u64));
        let Series { title, note, axis, .. } = series;
        let label = t!(
            lang,
            "report-tracking-label",
            title = &title,
            actual = actual,
            homing = homing,
            lifetime = lifetime
        );
        let begins = t!(lang, "tested-from").to_owned();
        Drawing {
            title,
            note,
            keys: [0, 1, 2].map(|which| Key::line(inks[which], names[which].clone())).into(),
            svg: plot(&Plot {
                label: &label,
                x: Axis::dates(lang, first, last, t!(lang, "report-week").to_owned()),
                y: Axis::up_to(most, axis, &|x| lang.on_axis(x)),
                lines,
                rules: vec![Rule { x: f64::from(self.cutoff_day), label: begins }],
            }),
        }
    }
}

/// What is drawn of each week: actual, expected by homing, expected by the lifetime model.
struct Series {
    title: String,
    note: String,
    axis: String,
    of: fn(&Week) -> [Option<f64>; 3],
}

/// Orders that the lifetime model expects by each day of the window, of a sample of the customers as they stand.
fn window_shape(bundle: &Bundle, cohort: &[(Vec<i32>, usize)], cutoff_day: i32, days: u32) -> Vec<f64> {
    let orders = &bundle.lifetime().orders;
    let step = cohort.len().div_ceil(MAX_CUSTOMERS).max(1);
    let customers: Vec<Recency> = cohort
        .iter()
        .step_by(step)
        .map(|(days, known)| {
            let (first, last) = (days[0], days[known - 1]);
            Recency::new(*known as u32 - 1, f64::from(last - first), f64::from(cutoff_day - first))
        })
        .collect();
    // At most about twenty days are expected; between them the line is straight.
    let stride = (days / 20).max(1);
    let knots: Vec<u32> = (0..days).step_by(stride as usize).chain([days]).collect();
    let sums: Vec<f64> = knots
        .par_iter()
        .map(|&day| customers.iter().map(|&customer| orders.expected_orders(customer, f64::from(day))).sum())
        .collect();
    let mut shape = vec![0.0; days as usize + 1];
    for (pair, values) in knots.windows(2).zip(sums.windows(2)) {
        for day in pair[0]..=pair[1] {
            let part = f64::from(day - pair[0]) / f64::from((pair[1] - pair[0]).max(1));
            shape[day as usize] = values[0] + part * (values[1] - values[0]);
        }
    }
    shape
}
