//! The base rate of past windows and of the coming one.

use homing_charts::numbers::percent;
use homing_charts::{Axis, Ink, Line, Plot, Point, plot};
use homing_datasets::calendar::date_of;
use homing_datasets::{DAY, Histories, Micros, Zone};
use homing_models::Bundle;
use homing_models::boosting::{logit, sigmoid};
use rayon::prelude::*;

use super::base::Base;
use super::lang::Lang;
use super::numbers::percent1;
use super::page::{Block, Drawing, Key, Section};
use crate::labels::label;
use crate::rows::first_purchase;

/// Maximum number of past windows.
const MAX_WINDOWS: i64 = 24;
/// Fewest customers of a window, and days of history before it.
const MIN_CUSTOMERS: u32 = 50;
const MIN_HISTORY_DAYS: i64 = 28;
/// The ninetieth percentile of the standard normal distribution.
const Z90: f64 = 1.2816;

/// The base rates of past windows and of the coming one.
pub(super) struct Series {
    /// Days of a window.
    days: u32,
    /// Days from the start of a window to the instant of the fit, and the share of customers who bought in it.
    past: Vec<(f64, f64)>,
    /// The share that is expected of the coming window.
    forecast: f64,
    /// Its 80 % interval.
    interval: (f64, f64),
}

impl Series {
    /// The series of the churn horizon; `None` where there is no past window.
    pub fn of(bundle: &Bundle, histories: &Histories, base: &Base) -> Option<Self> {
        let days = base.days;
        let past = past(histories, base.as_of, days, bundle.manifest().timezone);
        if past.is_empty() || base.customers.is_empty() {
            return None;
        }
        let n = base.customers.len() as f64;
        let mean =
            |of: &dyn Fn(f64) -> f64| base.customers.iter().map(|one| of(one.p_purchase)).sum::<f64>() / n;
        let part = bundle.horizons().iter().find(|part| part.returns.days == days);
        let sd = part.map_or(0.0, |part| part.returns.level_sd);
        let at = |z: f64| mean(&|p| sigmoid(logit(p) + z * sd));
        Some(Series { days, past, forecast: mean(&|p| p), interval: (at(-Z90), at(Z90)) })
    }

    pub fn section(&self, lang: Lang, today: i32) -> Section {
        Section {
            id: "base-rate".to_owned(),
            title: lang.text("基准购买率：接下来是旺季还是淡季", "Base rate: is a strong or a weak season ahead"),
            lead: lang.text(
                "排序说明谁更可能买；基准购买率说明总共会有多少人买。季节、增长和顾客构成会让它变化。",
                "The ranking says who is likelier to buy; the base rate says how many will. Seasons, growth and the mix of customers move it.",
            ),
            blocks: vec![Block::Drawings(vec![self.drawing(lang, today)])],
        }
    }

    fn drawing(&self, lang: Lang, today: i32) -> Drawing {
        let (days, forecast) = (self.days, percent1(self.forecast));
        let mut past = self.past.clone();
        past.sort_by(|a, b| b.0.total_cmp(&a.0));
        let points = past.iter().map(|&(ago, rate)| {
            let day = f64::from(today) - ago;
            let (date, rate_text) = (date_of(day as i32), percent1(rate));
            let title = lang.pick(
                format!("{date} 起 {days} 天：{rate_text} 购买"),
                format!("{date} + {days} days: {rate_text} bought"),
            );
            Point { x: day, y: rate, title: Some(title), interval: None }
        });
        let points: Vec<Point> = points.collect();
        let title =
            lang.pick(format!("{days} 天内购买的比例"), format!("Share that buys within {days} days"));
        let label = lang.pick(
            format!("{title}：过去 {} 个窗口；接下来预期 {forecast}", points.len()),
            format!("{title}: {} past windows; {forecast} expected next", points.len()),
        );
        let next = lang.pick(
            format!("接下来 {days} 天：预期 {forecast} 购买"),
            format!("next {days} days: {forecast} expected to buy"),
        );
        let coming =
            Point { x: f64::from(today), y: self.forecast, title: Some(next), interval: Some(self.interval) };
        let values: Vec<f64> = points
            .iter()
            .map(|point| point.y)
            .chain([self.forecast, self.interval.0, self.interval.1])
            .collect();
        let first = points.first().map_or(today, |point| point.x as i32);
        Drawing {
            title,
            note: lang.text(
                "每个点是一个过去的窗口：窗口开始时已有的顾客，随后有多少购买。最右的点是对接下来的预期；竖线是 80% 区间。",
                "Each point is a past window: how many of the customers there were at its start bought in it. The last point is the forecast for the next window; its bar is the 80% interval.",
            ),
            keys: vec![
                Key::line(Ink::Actual, lang.text("过去的窗口", "past windows")),
                Key::line(Ink::Expected, lang.text("接下来的预期", "expected next")),
            ],
            svg: plot(&Plot {
                label: &label,
                x: Axis::dates(first, today, lang.text("窗口开始的日期", "start of the window")),
                y: Axis::around(
                    values.into_iter(),
                    (0.0, 1.0),
                    lang.text("购买的比例", "share that bought"),
                    &percent,
                ),
                lines: vec![
                    Line { ink: Ink::Actual, points, dots: true, joined: true },
                    Line { ink: Ink::Expected, points: vec![coming], dots: true, joined: false },
                ],
                rules: Vec::new(),
            }),
        }
    }
}

/// The shares of customers who bought within `days`, over past windows.
fn past(histories: &Histories, as_of: Micros, days: u32, zone: Zone) -> Vec<(f64, f64)> {
    let Some(first) = first_purchase(histories) else { return Vec::new() };
    let step = i64::from(days).clamp(7, 30);
    let cutoffs: Vec<Micros> = (0..MAX_WINDOWS)
        .map(|j| as_of - (i64::from(days) + j * step) * DAY)
        .take_while(|&cutoff| cutoff - first >= MIN_HISTORY_DAYS * DAY)
        .collect();
    let counts = histories
        .par_iter()
        .map(|(_, history)| {
            let mut counts = vec![(0u32, 0u32); cutoffs.len()];
            for (count, &cutoff) in counts.iter_mut().zip(&cutoffs) {
                if history.first_purchase().is_some_and(|first| first <= cutoff) {
                    count.0 += 1;
                    count.1 += u32::from(label(history, cutoff, days, zone).bought);
                }
            }
            counts
        })
        .reduce(
            || vec![(0, 0); cutoffs.len()],
            |a, b| a.iter().zip(&b).map(|(a, b)| (a.0 + b.0, a.1 + b.1)).collect(),
        );
    cutoffs
        .iter()
        .zip(counts)
        .filter(|(_, (known, _))| *known >= MIN_CUSTOMERS)
        .map(|(&cutoff, (known, bought))| {
            ((as_of - cutoff) as f64 / DAY as f64, f64::from(bought) / f64::from(known))
        })
        .collect()
}
