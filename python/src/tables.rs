//! Tables of customers: features, RFM, what lifetime models see.

use std::sync::Arc;

use homing_datasets::baskets::{Baskets, Item, Limits, Rule};
use homing_datasets::table::{Column, Table};
use homing_datasets::{Kind as Event, Micros};
use homing_models::features::SPECS;
use homing_training::check::Usability;
use homing_training::matrix::matrix;
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::data::{Histories, as_of};
use crate::errors::{Kind, invalid, raise};
use crate::frames::Frame;
use crate::work;

/// Name, unit and meaning of every feature.
#[pyfunction]
pub fn feature_list() -> Vec<(&'static str, String, &'static str)> {
    let unit = |spec: &homing_models::features::Spec| {
        serde_json::to_value(spec.unit)
            .ok()
            .and_then(|unit| unit.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    SPECS.iter().map(|spec| (spec.name, unit(spec), spec.meaning)).collect()
}

fn last(data: &Histories) -> PyResult<Micros> {
    data.histories
        .last_instant()
        .ok_or_else(|| raise(Kind::Data, "no_events", "no events; give data with at least one purchase"))
}

/// The feature matrix, with labels for horizons in days where asked for.
#[pyfunction]
pub fn features(py: Python<'_>, data: &Histories, cutoffs: Vec<String>, labels: Vec<u32>) -> PyResult<Frame> {
    let zone = data.zone;
    let instants: Vec<Micros> = match cutoffs.is_empty() {
        true => vec![last(data)?],
        false => cutoffs.iter().map(|text| zone.as_of(text)).collect::<Result<_, _>>().map_err(invalid)?,
    };
    let (histories, whole_ids) = (data.histories.clone(), data.summary.whole_ids);
    let table = work::run(py, None, move |_| matrix(&histories, &instants, &labels, zone, whole_ids))?;
    Frame::of(&table)
}

/// Scores 1 to `groups` by rank: equal values get the same, the largest get the most.
fn by_rank(values: &[f64], groups: usize) -> Vec<Option<i64>> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len().max(1);
    values
        .iter()
        .map(|value| {
            // The middle rank of those that are equal.
            let below = sorted.partition_point(|other| other < value);
            let upto = sorted.partition_point(|other| other <= value);
            let middle = (below + upto) as f64 / 2.0;
            Some(((middle / n as f64 * groups as f64) as i64 + 1).min(groups as i64))
        })
        .collect()
}

/// Recency, frequency and monetary value of every customer with an order, with scores 1 to 5.
#[pyfunction]
#[pyo3(signature = (data, until=None))]
pub fn rfm(py: Python<'_>, data: &Histories, until: Option<&str>) -> PyResult<Frame> {
    let zone = data.zone;
    let at = match as_of(until, zone)? {
        Some(at) => at,
        None => last(data)?,
    };
    let (histories, whole_ids) = (data.histories.clone(), data.summary.whole_ids);
    let table = py.detach(move || {
        let today = zone.day(at);
        let rows: Vec<(String, f64, f64, f64)> = histories
            .par_iter()
            .filter_map(|(id, history)| {
                let view = history.as_of(at);
                let (mut orders, mut spend, mut last) = (0.0, 0.0, None);
                for order in view.orders(zone) {
                    orders += 1.0;
                    spend += order.amount;
                    last = Some(order.day);
                }
                Some((id.to_owned(), f64::from(today - last?), orders, spend))
            })
            .collect();
        let column = |of: fn(&(String, f64, f64, f64)) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
        let (recency, frequency, monetary) = (column(|row| row.1), column(|row| row.2), column(|row| row.3));
        let soon: Vec<f64> = recency.iter().map(|days| -days).collect();
        let scores = [by_rank(&soon, 5), by_rank(&frequency, 5), by_rank(&monetary, 5)];
        let cell =
            |row: usize| scores.iter().map(|score| score[row].unwrap_or(0).to_string()).collect::<String>();
        let whole = |values: &[f64]| Column::Whole(values.iter().map(|&value| Some(value as i64)).collect());
        let cells = Column::Text((0..rows.len()).map(|row| Some(cell(row))).collect());
        let [r, f, m] = scores.clone();
        Table::default()
            .with("customer_id", Column::ids(rows.iter().map(|row| row.0.clone()), whole_ids))
            .with("recency_days", whole(&recency))
            .with("frequency", whole(&frequency))
            .with("monetary", Column::Number(monetary.iter().copied().map(Some).collect()))
            .with("r", Column::Whole(r))
            .with("f", Column::Whole(f))
            .with("m", Column::Whole(m))
            .with("rfm", cells)
    });
    Frame::of(&table)
}

/// What lifetime models see of each customer: repeat orders, the last one since the first, the end since the first (times in
/// units of `unit_days`), mean value of the repeat orders.
#[pyfunction]
#[pyo3(signature = (data, until=None, unit_days=1.0, free_orders=true))]
pub fn summary(
    py: Python<'_>,
    data: &Histories,
    until: Option<&str>,
    unit_days: f64,
    free_orders: bool,
) -> PyResult<Frame> {
    let zone = data.zone;
    let at = match as_of(until, zone)? {
        Some(at) => at,
        None => last(data)?,
    };
    let (histories, whole_ids) = (data.histories.clone(), data.summary.whole_ids);
    let table = py.detach(move || {
        let rows: Vec<(String, [f64; 4])> = histories
            .par_iter()
            .filter_map(|(id, history)| {
                let view = history.as_of(at);
                let mut days: Vec<(i32, f64)> = Vec::new();
                for ((&at, &kind), &amount) in view.occurred_at().iter().zip(view.kind()).zip(view.amount()) {
                    if kind != Event::Purchase || amount < 0.0 || amount == 0.0 && !free_orders {
                        continue;
                    }
                    let day = zone.day(at);
                    match days.last_mut() {
                        Some(last) if last.0 == day => last.1 += amount,
                        _ => days.push((day, amount)),
                    }
                }
                let (&(first, _), repeats) = days.split_first()?;
                let (last, count) = (days.last()?.0, repeats.len());
                let since = |day: i32| f64::from(day - first) / unit_days;
                let total: f64 = repeats.iter().map(|day| day.1).sum();
                let mean = if count == 0 { 0.0 } else { total / count as f64 };
                Some((id.to_owned(), [count as f64, since(last), since(zone.day(at)), mean]))
            })
            .collect();
        let column = |nth: usize| Column::Number(rows.iter().map(|row| Some(row.1[nth])).collect());
        Table::default()
            .with("customer_id", Column::ids(rows.iter().map(|row| row.0.clone()), whole_ids))
            .with("frequency", column(0))
            .with("recency", column(1))
            .with("T", column(2))
            .with("monetary_value", column(3))
    });
    Frame::of(&table)
}

/// The days of all repeat orders, days with purchases of amount 0 included, since the first order of all.
#[pyfunction]
#[pyo3(signature = (data, until=None))]
pub fn repeats(py: Python<'_>, data: &Histories, until: Option<&str>) -> PyResult<Frame> {
    let zone = data.zone;
    let at = match as_of(until, zone)? {
        Some(at) => at,
        None => last(data)?,
    };
    let histories = data.histories.clone();
    let table = py.detach(move || {
        let days: Vec<Vec<i32>> = histories
            .par_iter()
            .map(|(_, history)| {
                let view = history.as_of(at);
                let bought = view.occurred_at().iter().zip(view.kind()).zip(view.amount());
                let purchases =
                    bought.filter(|((_, kind), amount)| **kind == Event::Purchase && **amount >= 0.0);
                let mut days: Vec<i32> = purchases.map(|((&at, _), _)| zone.day(at)).collect();
                days.dedup();
                days
            })
            .collect();
        let first = days.iter().filter_map(|days| days.first()).min().copied().unwrap_or(0);
        let repeats = days.iter().flat_map(|days| days.iter().skip(1));
        Table::default()
            .with("day", Column::Number(repeats.map(|day| Some(f64::from(day - first))).collect()))
    });
    Frame::of(&table)
}

/// What the data can carry, as JSON.
#[pyfunction]
#[pyo3(signature = (data, horizons, until=None))]
pub fn check(py: Python<'_>, data: &Histories, horizons: Vec<u32>, until: Option<&str>) -> PyResult<String> {
    let zone = data.zone;
    let at = match as_of(until, zone)? {
        Some(at) => at,
        None => last(data)?,
    };
    let histories = Arc::clone(&data.histories);
    let usability = py.detach(move || Usability::of(&histories, at, &horizons, zone));
    serde_json::to_string(&usability).map_err(|error| raise(Kind::Internal, "json", &error.to_string()))
}

/// Association rules between products or categories.
#[pyfunction]
pub fn baskets(
    py: Python<'_>,
    data: &Histories,
    by: &str,
    min_support: f64,
    min_confidence: f64,
    max_items: usize,
) -> PyResult<Frame> {
    let item = match by {
        "product" => Item::Product,
        "category" => Item::Category,
        _ => return Err(invalid(format!("by: `{by}` is not known; write product or category"))),
    };
    if !(2..=16).contains(&max_items) {
        return Err(invalid(format!("max_items {max_items}; give 2 to 16")));
    }
    let limits = Limits { min_support, min_confidence, max_items, ..Limits::default() };
    let histories = data.histories.clone();
    let rules = work::run(py, None, move |_| {
        let baskets = Baskets::of(&histories, item);
        if baskets.different() == 0 {
            return Ok(None);
        }
        baskets.rules(&limits).map(Some)
    })?;
    match rules {
        Some(rules) => Frame::of(&Rule::table(&rules)),
        None => {
            let column = if by == "product" { "product_id" } else { "category" };
            let text = format!(
                "no order has a {by}, so there are no rules; give data with the column `{column}`, or map it with columns="
            );
            Err(raise(Kind::Data, "no_items", &text))
        }
    }
}
