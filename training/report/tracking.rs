//! Orders over time, actual against expected; and the levels of past windows.

use std::collections::BTreeMap;

use homing_charts::numbers::{count, on_axis, percent};
use homing_charts::{Axis, Ink, Line, Plot, Point, Rule, plot};
use homing_datasets::{DAY, Histories, Micros};
use homing_models::Bundle;
use homing_models::boosting::{logit, sigmoid};
use homing_models::lifetimes::{LifetimeModel, Recency};
use rayon::prelude::*;

use super::page::{Block, Drawing, Figure, Key, Section};
use super::{Base, Lang, LevelSeries, days_between, percent1, signed_percent};
use crate::backtest::Report;
use crate::baselines::purchase_days;
use crate::labels::days_after;

/// Most weeks that are drawn before the cutoff.
const MOST_WEEKS: i32 = 130;
/// Most customers whose window is expected one by one.
const MOST_CUSTOMERS: usize = 2_000;
/// Most past windows of a series of levels.
const MOST_WINDOWS: i64 = 24;

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
                let known = purchase_days(history, cutoff, zone).count();
                let all: Vec<i32> = purchase_days(history, end, zone).map(|(day, _)| day).collect();
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
        let before = ((cutoff_day - first_day) / 7 + 1).min(MOST_WEEKS);
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
        let t = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
        let date = |day: i32| homing_datasets::calendar::date_of(day).to_string();
        let draw = |title: String, note: String, name: String, of: fn(&Week) -> [Option<f64>; 3]| {
            let said = [
                t("实际", "actual"),
                t("homing 预期", "expected by homing"),
                t("生命周期模型", "lifetime model"),
            ];
            let inks = [Ink::Actual, Ink::Expected, Ink::Other];
            let line = |which: usize| Line {
                ink: inks[which],
                dots: false,
                joined: true,
                points: self
                    .weeks
                    .iter()
                    .filter_map(|week| {
                        let y = of(week)[which]?;
                        let title = format!("{} {}: {}", date(week.end), said[which], on_axis(y.round()));
                        Some(Point { x: f64::from(week.end), y, title: Some(title), interval: None })
                    })
                    .collect(),
            };
            let lines: Vec<Line> = [2, 0, 1].map(line).into();
            let most = lines.iter().flat_map(|line| &line.points).map(|point| point.y).fold(0.0, f64::max);
            let (first, last) = (self.weeks.first(), self.weeks.last());
            let (first, last) = (first.map_or(0, |week| week.end), last.map_or(1, |week| week.end));
            let [actual, homing, lifetime] = self.window.map(|sum| count(sum.round().max(0.0) as u64));
            let label = lang.pick(
                format!("{title}：检验期内实际 {actual} 单，homing 预期 {homing} 单，生命周期模型 {lifetime} 单"),
                format!("{title}: {actual} orders in the tested window, {homing} expected by homing, {lifetime} by the lifetime model"),
            );
            Drawing {
                title,
                note,
                keys: [0, 1, 2].map(|which| Key::line(inks[which], said[which].clone())).into(),
                svg: plot(&Plot {
                    label: &label,
                    x: Axis::dates(first, last, t("周末日期", "week ending")),
                    y: Axis::up_to(most, name, &on_axis),
                    lines,
                    rules: vec![Rule {
                        x: f64::from(self.cutoff_day),
                        label: t("检验期开始", "tested from here"),
                    }],
                }),
            }
        };
        let weekly = draw(
            t("每周订单", "Orders a week"),
            t(
                "看季节与促销的起伏：模型不知道的波动会在这里显出来。",
                "Shows seasons and campaigns: what no model knew of stands out here.",
            ),
            t("每周复购订单（单）", "repeat orders a week"),
            |week| [Some(week.actual), week.homing.map(|h| h.0), Some(week.lifetime)],
        );
        let total = draw(
            t("累计订单", "Orders, cumulated"),
            t(
                "看总水平：两条线越靠近，总量预测越准。",
                "Shows the level: the closer the lines, the better the total.",
            ),
            t("累计复购订单（单）", "repeat orders so far"),
            |week| [Some(week.actual_total), week.homing.map(|h| h.1), Some(week.lifetime_total)],
        );
        let [actual, homing, lifetime] = self.window;
        let off = |expected: f64| signed_percent(expected / actual - 1.0);
        let orders = |sum: f64| count(sum.round().max(0.0) as u64);
        let figures = vec![
            Figure {
                name: t("检验期实际订单", "Orders in the window"),
                value: orders(actual),
                note: lang.pick(format!("{} 天", self.days), format!("{} days", self.days)),
            },
            Figure {
                name: t("homing 预期", "Expected by homing"),
                value: orders(homing),
                note: lang.pick(format!("偏差 {}", off(homing)), format!("off by {}", off(homing))),
            },
            Figure {
                name: t("生命周期模型预期", "By the lifetime model"),
                value: orders(lifetime),
                note: lang.pick(format!("偏差 {}", off(lifetime)), format!("off by {}", off(lifetime))),
            },
        ];
        Section {
            id: format!("tracking{suffix}"),
            title: t("跟踪：总量对不对", "Tracking: do the totals come true"),
            lead: t(
                "只看截止日前已购买过的顾客，不含每人的首单。生命周期模型只知道每人的首购日期；homing 从截止日起预期，其总量按生命周期模型的节奏分摊到各周。",
                "Customers who had bought by the cutoff, without the first order of each. The lifetime model here knows their first purchases only; homing's total, from the cutoff on, is spread over the weeks as the lifetime model paces it.",
            ),
            blocks: vec![Block::Figures(figures), Block::Drawings(vec![weekly, total])],
        }
    }
}

/// Orders that the lifetime model expects by each day of the window, of a sample of the customers as they stand.
fn window_shape(bundle: &Bundle, cohort: &[(Vec<i32>, usize)], cutoff_day: i32, days: u32) -> Vec<f64> {
    let orders = &bundle.lifetime().orders;
    let step = cohort.len().div_ceil(MOST_CUSTOMERS).max(1);
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

/// The shares of customers who bought within the churn horizon, over past windows, and what is expected of the
/// coming one.
pub(super) fn past_levels(bundle: &Bundle, histories: &Histories, base: &Base) -> Vec<LevelSeries> {
    let days = base.days;
    let Some(first) = histories.iter().filter_map(|(_, h)| h.first_purchase()).min() else {
        return Vec::new();
    };
    let step = i64::from(days).clamp(7, 30);
    let cutoffs: Vec<Micros> = (0..MOST_WINDOWS)
        .map(|j| base.as_of - (i64::from(days) + j * step) * DAY)
        .take_while(|&cutoff| cutoff - first >= 28 * DAY)
        .collect();
    let zone = bundle.manifest().timezone;
    let counts = histories
        .par_iter()
        .map(|(_, history)| {
            let mut counts = vec![(0u32, 0u32); cutoffs.len()];
            for (count, &cutoff) in counts.iter_mut().zip(&cutoffs) {
                if history.first_purchase().is_some_and(|first| first <= cutoff) {
                    count.0 += 1;
                    count.1 += u32::from(crate::labels::label(history, cutoff, days, zone).bought);
                }
            }
            counts
        })
        .reduce(
            || vec![(0, 0); cutoffs.len()],
            |a, b| a.iter().zip(&b).map(|(a, b)| (a.0 + b.0, a.1 + b.1)).collect(),
        );
    let past: Vec<(f64, f64)> = cutoffs
        .iter()
        .zip(counts)
        .filter(|(_, (there, _))| *there >= 50)
        .map(|(&cutoff, (there, bought))| {
            (days_between(cutoff, base.as_of), f64::from(bought) / f64::from(there))
        })
        .collect();
    let forecast =
        base.members.iter().map(|member| member.p_return).sum::<f64>() / base.members.len().max(1) as f64;
    if past.is_empty() || base.members.is_empty() {
        return Vec::new();
    }
    let sd =
        bundle.horizons().iter().find(|part| part.returns.days == days).map_or(0.0, |p| p.returns.level_sd);
    // The tenth and the ninetieth percentile of a normal error of the level.
    let moved = |z: f64| {
        let moved = base.members.iter().map(|member| sigmoid(logit(member.p_return) + z * sd));
        moved.sum::<f64>() / base.members.len() as f64
    };
    let interval = Some((moved(-1.2816), moved(1.2816)));
    vec![LevelSeries { horizon_days: days, past, forecast, interval }]
}

pub(super) fn levels_section(lang: Lang, levels: &[LevelSeries], today: i32) -> Option<Section> {
    let t = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let drawings: Vec<Drawing> = levels.iter().filter(|series| !series.past.is_empty()).map(|series| {
        let mut past = series.past.clone();
        past.sort_by(|a, b| b.0.total_cmp(&a.0));
        let date = |day: f64| homing_datasets::calendar::date_of(day as i32).to_string();
        let points: Vec<Point> = past
            .iter()
            .map(|&(ago, level)| {
                let day = f64::from(today) - ago;
                let title = lang.pick(
                    format!("{} 起 {} 天：{} 购买", date(day), series.horizon_days, percent1(level)),
                    format!("{} + {} days: {} bought", date(day), series.horizon_days, percent1(level)),
                );
                Point { x: day, y: level, title: Some(title), interval: None }
            })
            .collect();
        let title = lang.pick(
            format!("{} 天内购买的比例", series.horizon_days),
            format!("Share that buys within {} days", series.horizon_days),
        );
        let label = lang.pick(
            format!("{title}：过去 {} 个窗口；接下来预期 {}", points.len(), percent1(series.forecast)),
            format!("{title}: {} past windows; {} expected next", points.len(), percent1(series.forecast)),
        );
        let said = lang.pick(
            format!("接下来 {} 天：预期 {} 购买", series.horizon_days, percent1(series.forecast)),
            format!("next {} days: {} expected to buy", series.horizon_days, percent1(series.forecast)),
        );
        let coming = Point { x: f64::from(today), y: series.forecast, title: Some(said), interval: series.interval };
        let values = points.iter().map(|point| point.y).chain([series.forecast]).chain(series.interval.iter().flat_map(|i| [i.0, i.1]));
        let first = points.first().map_or(today, |point| point.x as i32);
        Drawing {
            title,
            note: t("每个点是一个过去的窗口：窗口开始时已有的顾客，随后有多少购买。最右的点是对接下来的预期；竖线（如有）是 80% 区间。", "Each point is a past window: how many of the customers there were at its start bought in it. The last point is what is expected next; its bar, where there is one, the 80% interval."),
            keys: vec![Key::line(Ink::Actual, t("过去的窗口", "past windows")), Key::line(Ink::Expected, t("接下来的预期", "expected next"))],
            svg: plot(&Plot {
                label: &label,
                x: Axis::dates(first, today, t("窗口开始的日期", "start of the window")),
                y: Axis::around(values.collect::<Vec<_>>().into_iter(), (0.0, 1.0), t("购买的比例", "share that bought"), &percent),
                lines: vec![
                    Line { ink: Ink::Actual, points, dots: true, joined: true },
                    Line { ink: Ink::Expected, points: vec![coming], dots: true, joined: false },
                ],
                rules: Vec::new(),
            }),
        }
    }).collect();
    if drawings.is_empty() {
        return None;
    }
    Some(Section {
        id: "level".to_owned(),
        title: t("水平：接下来是旺季还是淡季", "Level: is a strong or a weak season ahead"),
        lead: t(
            "排序说明谁更可能买；水平说明总共会有多少人买。季节、增长和顾客构成会让它变化。",
            "The order says who is likelier to buy; the level says how many will. Seasons, growth and the mix of customers move it.",
        ),
        blocks: vec![Block::Drawings(drawings)],
    })
}
