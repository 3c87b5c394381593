//! Uplift: whom contact changes, learned from a randomised experiment.

use homing_datasets::frame::Frame as Rows;
use homing_training::uplift::{Experiment, Roles, judge};
use pyo3::prelude::*;

use crate::errors::{Kind, Raise, raise};
use crate::frames::{self, Frame};
use crate::work;

/// What the columns of an experiment are.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Columns {
    treatment: String,
    control: Option<String>,
    outcomes: Vec<String>,
    features: Vec<String>,
    ignore: Vec<String>,
}

/// Learns and judges the uplift of an experiment: figures as JSON, and one row a customer.
#[pyfunction]
#[pyo3(signature = (experiment, columns, seed, progress=None))]
pub fn uplift(
    py: Python<'_>,
    experiment: &Bound<'_, PyAny>,
    columns: Columns,
    seed: u64,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<(String, Frame)> {
    let (schema, batches) = frames::import(experiment)?;
    let rows = Rows::of_batches(schema, batches, "the experiment").map_err(Raise::raise)?;
    let Columns { treatment, control, outcomes, features, ignore } = columns;
    let roles = Roles { treatment, control, outcomes, features, ignore };
    let (judged, table) = work::run(py, progress, move |steps| {
        let experiment = Experiment::of(&rows, &roles)?;
        let judged = judge(&experiment, seed, &|text| steps.step(text))?;
        let table = judged.table(&experiment, &rows);
        Ok::<_, homing_training::Error>((judged, table))
    })?;
    let figures =
        serde_json::to_string(&judged).map_err(|error| raise(Kind::Internal, "json", &error.to_string()))?;
    Ok((figures, Frame::of(&table)?))
}
