//! Frames and files as histories.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use homing_datasets::guards::Accept;
use homing_datasets::{Micros, ReadOptions, ReadSummary, Stream, StreamOptions, Zone, calendar};
use pyo3::prelude::*;

use crate::errors::{Kind, Raise, invalid, raise};
use crate::frames;
use crate::work;

/// The histories of all customers, with what reading them showed.
#[pyclass(frozen, module = "homing._homing")]
pub struct Histories {
    pub histories: Arc<homing_datasets::Histories>,
    pub summary: ReadSummary,
    pub zone: Zone,
}

/// How data are read.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Reading {
    columns: BTreeMap<String, String>,
    timezone: Option<String>,
    max_rejects: f64,
    rejects: Option<PathBuf>,
    since: Option<String>,
    now: Option<String>,
    accept: Vec<String>,
    dates: Option<String>,
    decimal: Option<String>,
    encoding: Option<String>,
    header: Option<String>,
    sheet: Option<String>,
}

/// A time zone by its name; UTC where none is given.
pub fn zone(name: Option<&str>) -> PyResult<Zone> {
    name.map(str::parse)
        .transpose()
        .map(Option::unwrap_or_default)
        .map_err(|e| invalid(format!("timezone: {e}")))
}

/// The instant of a date, as its end in the zone, or of a time.
pub fn as_of(text: Option<&str>, zone: Zone) -> PyResult<Option<Micros>> {
    text.map(|text| zone.as_of(text)).transpose().map_err(invalid)
}

fn parsed<T: FromStr<Err = String>>(name: &str, text: Option<&String>) -> PyResult<Option<T>> {
    text.map(|text| text.parse()).transpose().map_err(|error| invalid(format!("{name}: {error}")))
}

impl Reading {
    fn options(self) -> PyResult<StreamOptions> {
        let zone = zone(self.timezone.as_deref())?;
        let instant =
            |text: Option<String>| text.map(|text| zone.instant(&text)).transpose().map_err(invalid);
        let accept = self.accept.iter().map(|name| match name.as_str() {
            "far_dates" => Ok(Accept::FarDates),
            "repeated_lines" => Ok(Accept::RepeatedLines),
            _ => Err(invalid(format!("accept: `{name}` is not known; write far_dates or repeated_lines"))),
        });
        let read = ReadOptions {
            columns: self.columns,
            encoding: self.encoding,
            header: parsed("header", self.header.as_ref())?.unwrap_or_default(),
            sheet: self.sheet,
            dates: parsed("dates", self.dates.as_ref())?,
            decimal: parsed("decimal", self.decimal.as_ref())?,
            zone,
            max_reject_share: self.max_rejects,
            rejects: self.rejects,
            since: instant(self.since)?,
            now: Some(instant(self.now)?.unwrap_or_else(calendar::now)),
            accept: accept.collect::<PyResult<_>>()?,
            preview: true,
            ..ReadOptions::default()
        };
        Ok(StreamOptions { read, ..StreamOptions::default() })
    }
}

/// Reads files, folders, globs and addresses.
#[pyfunction]
pub fn read_files(py: Python<'_>, paths: Vec<String>, options: Reading) -> PyResult<Histories> {
    let options = options.options()?;
    histories(py, options, move |options| Stream::open(&paths, options))
}

/// Reads anything with `__arrow_c_stream__`.
#[pyfunction]
pub fn read_frame(py: Python<'_>, frame: &Bound<'_, PyAny>, options: Reading) -> PyResult<Histories> {
    let options = options.options()?;
    let (schema, batches) = frames::import(frame)?;
    histories(py, options, move |options| Stream::of_batches(schema, batches, "the data frame", options))
}

fn histories(
    py: Python<'_>,
    options: StreamOptions,
    open: impl FnOnce(&StreamOptions) -> Result<Stream, homing_datasets::Error> + Send + 'static,
) -> PyResult<Histories> {
    let zone = options.read.zone;
    let (histories, summary) = work::run(py, None, move |_| {
        let (histories, summary, _) = open(&options)?.collect(u64::MAX, 0)?;
        Ok::<_, homing_datasets::Error>((histories, summary))
    })?;
    Ok(Histories { histories: Arc::new(histories), summary, zone })
}

/// The purchases of the CDNOW cohort, which come with homing.
#[pyfunction]
pub fn cdnow() -> PyResult<frames::Frame> {
    use homing_datasets::table::{Column, Table};
    let histories = homing_datasets::cdnow().map_err(Raise::raise)?;
    let events = || histories.iter().flat_map(|(id, history)| history.events().map(move |event| (id, event)));
    let table = Table::default()
        .with("customer_id", Column::ids(events().map(|(id, _)| id.to_owned()), false))
        .with("date", Column::Instant(events().map(|(_, event)| Some(event.occurred_at)).collect()))
        .with("category", Column::Text(events().map(|(_, event)| event.category).collect()))
        .with("channel", Column::Text(events().map(|(_, event)| event.channel).collect()))
        .with(
            "quantity",
            Column::Number(events().map(|(_, event)| Some(f64::from(event.quantity))).collect()),
        )
        .with("amount", Column::Number(events().map(|(_, event)| Some(event.amount)).collect()));
    frames::Frame::of(&table)
}

fn json(value: &impl serde::Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| raise(Kind::Internal, "json", &error.to_string()))
}

#[pymethods]
impl Histories {
    /// Number of customers.
    fn __len__(&self) -> usize {
        self.histories.len()
    }

    /// What was read, as JSON.
    fn summary(&self) -> PyResult<String> {
        json(&self.summary)
    }

    /// How the columns were understood, as JSON.
    fn recognised(&self) -> PyResult<String> {
        json(&self.summary.recognised)
    }

    /// Code, text, count of each warning.
    fn warnings(&self) -> Vec<(&'static str, String, u64)> {
        let list = self.summary.warnings.list();
        list.iter().map(|warning| (warning.code.name(), warning.to_string(), warning.count)).collect()
    }

    /// The name of the time zone.
    #[getter]
    fn timezone(&self) -> String {
        self.zone.to_string()
    }

    /// The last instant, as text; none without events.
    #[getter]
    fn last(&self) -> Option<String> {
        self.histories.last_instant().map(|at| self.zone.format(at))
    }
}
