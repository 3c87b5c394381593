//! What a campaign changed, from its list and the purchases after it.

use std::sync::Arc;

use homing_datasets::labels::label;
use homing_datasets::{Micros, Zone};
use homing_models::effects::{Compared, Observed, Rules, Window, before, evaluation, pool};
use pyo3::prelude::*;
use serde_json::Value;

use crate::data::{Histories, as_of};
use crate::errors::{Kind, invalid, raise};

/// The list of a campaign: one entry a customer.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct List {
    name: String,
    customers: Vec<String>,
    held_out: Vec<bool>,
    /// When the customer was put on it.
    at: Vec<String>,
    /// Scores of that time as JSON, such as `{"p_purchase_30d": 0.2}`; empty where they are not known.
    scores: Vec<String>,
}

/// How it is evaluated.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct How {
    window_days: u32,
    so_far: bool,
    margin: Option<f64>,
    cost_per_contact: Option<f64>,
    share: Option<f64>,
}

fn refused(text: &str) -> PyErr {
    raise(Kind::Data, "refused", text)
}

/// Evaluates a campaign: the figures as JSON.
#[pyfunction]
pub fn evaluate_campaign(py: Python<'_>, data: &Histories, list: List, how: How) -> PyResult<String> {
    let How { window_days, so_far, margin, cost_per_contact, share } = how;
    let rules = Rules { window_days, so_far, margin, cost_per_contact, share, exclude_contaminated: false };
    rules.check().map_err(invalid)?;
    let zone = data.zone;
    let times: Vec<Micros> = list
        .at
        .iter()
        .map(|text| Ok(as_of(Some(text), zone)?.unwrap_or_default()))
        .collect::<PyResult<_>>()?;
    let (Some(&from), Some(&to)) = (times.iter().min(), times.iter().max()) else {
        return Err(refused("the list of the campaign has no rows; give the customers who were on it"));
    };
    if !list.held_out.contains(&true) {
        return Err(refused(
            "nobody on the list was held out, so the effect cannot be told from what would have happened anyway; hold out a \
             share of the next campaign",
        ));
    }
    let Some(known) = data.histories.last_instant() else {
        return Err(refused("there are no purchases; give those before and after the campaign"));
    };
    let window = Window::of(&list.name, (from, to), known, &rules, zone).map_err(|text| refused(&text))?;
    let histories = Arc::clone(&data.histories);
    let found = py.detach(move || {
        let compared = compare(&histories, &list, &times, window, zone);
        evaluation(&compared, &rules, zone)
    });
    let found = found.map_err(|text| refused(&text))?;
    serde_json::to_string(&found).map_err(|error| raise(Kind::Internal, "json", &error.to_string()))
}

fn compare(
    histories: &homing_datasets::Histories,
    list: &List,
    times: &[Micros],
    window: Window,
    zone: Zone,
) -> Compared {
    let held = list.held_out.iter().filter(|held| **held).count() as u64;
    let mut compared = Compared {
        campaign: list.name.clone(),
        window,
        members: (list.customers.len() as u64, held),
        ..Compared::default()
    };
    for (nth, (id, &at)) in list.customers.iter().zip(times).enumerate() {
        let Some(history) = histories.get(id) else {
            compared.without_history += 1;
            continue;
        };
        let scores: Option<Value> = list.scores.get(nth).and_then(|text| serde_json::from_str(text).ok());
        compared.with_scores += usize::from(scores.is_some());
        let came = label(history, at, window.days, zone);
        compared.observed.push(Observed {
            held_out: list.held_out.get(nth).copied().unwrap_or_default(),
            orders: f64::from(came.orders),
            spend: came.spend,
            before: before(history, at, window.days, scores.as_ref(), zone),
        });
    }
    compared
}

/// The effects of several evaluations (as JSON), pooled.
#[pyfunction]
pub fn pool_campaigns(evaluations: Vec<String>) -> PyResult<String> {
    let read = |text: &String| serde_json::from_str::<homing_models::effects::Evaluation>(text);
    let all: Vec<_> = evaluations
        .iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(format!("an evaluation cannot be read: {error}")))?;
    let effects: Vec<_> = all.iter().map(|one| one.outcomes.as_slice()).collect();
    serde_json::to_string(&pool(&effects)).map_err(|error| raise(Kind::Internal, "json", &error.to_string()))
}
