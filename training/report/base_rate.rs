//! The base rate of past windows and of the coming one.

use homing_charts::{Axis, Ink, Line, Plot, Point, plot};
use homing_datasets::calendar::date_of;
use homing_datasets::{DAY, Histories, Micros, Zone};
use homing_models::Bundle;
use homing_models::boosting::{logit, sigmoid};
use rayon::prelude::*;

use super::base::Base;
use super::page::{Block, Drawing, Key, Section};
use crate::labels::label;
use crate::rows::first_purchase;
use homing_locales::{Lang, t};

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
        let part = bundle.horizons().iter().find(|part| part.purchase.days == days);
        let sd = part.map_or(0.0, |part| part.purchase.offset_sd);
        let at = |z: f64| mean(&|p| sigmoid(logit(p) + z * sd));
        Some(Series { days, past, forecast: mean(&|p| p), interval: (at(-Z90), at(Z90)) })
    }

    pub fn section(&self, lang: Lang, today: i32) -> Section {
        Section {
            id: "base-rate".to_owned(),
            title: t!(lang, "report-base-rate").to_owned(),
            lead: t!(lang, "report-base-rate-lead").to_owned(),
            blocks: vec![Block::Drawings(vec![self.drawing(lang, today)])],
        }
    }

    fn drawing(&self, lang: Lang, today: i32) -> Drawing {
        let (days, forecast) = (self.days, lang.percent1(self.forecast));
        let mut past = self.past.clone();
        past.sort_by(|a, b| b.0.total_cmp(&a.0));
        let points = past.iter().map(|&(ago, rate)| {
            let day = f64::from(today) - ago;
            let (date, rate_text) = (lang.date(&date_of(day as i32).to_string()), lang.percent1(rate));
            let title = t!(lang, "report-base-rate-point", date = date, days = days, rate = rate_text);
            Point { x: day, y: rate, title: Some(title), interval: None }
        });
        let points: Vec<Point> = points.collect();
        let title = t!(lang, "report-base-rate-title", days = days);
        let label =
            t!(lang, "report-base-rate-label", title = &title, points = points.len(), forecast = &forecast);
        let next = t!(lang, "report-base-rate-next", days = days, forecast = forecast);
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
            note: t!(lang, "report-base-rate-note").to_owned(),
            keys: vec![
                Key::line(Ink::Actual, t!(lang, "report-past-windows").to_owned()),
                Key::line(Ink::Expected, t!(lang, "report-forecast").to_owned()),
            ],
            svg: plot(&Plot {
                label: &label,
                x: Axis::dates(lang, first, today, t!(lang, "report-window-start").to_owned()),
                y: Axis::around(
                    values.into_iter(),
                    (0.0, 1.0),
                    t!(lang, "report-share-bought").to_owned(),
                    &|x| lang.percent(x),
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
