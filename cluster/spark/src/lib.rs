//! The native part of the Python package `homing_spark`: Arrow batches in, scores out, by the same code as on one
//! machine.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_pyarrow::PyArrowType;
use arrow_schema::DataType;
use homing_datasets::table::{Column, Table};
use homing_datasets::{BatchReader, Found, Histories, HistoriesBuilder, Micros, Zone};
use homing_models::table::with_predictions;
use homing_models::{Bundle, Outcome, Provenance, Registry};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Rows of one batch of scores.
const BATCH_ROWS: usize = 4096;

fn refused(error: impl Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A cause (`None` for events), its rows, and the instant of the last event.
type Count = (Option<&'static str>, u64, Option<Micros>);

// Workers find a class by its module; one without a module would be copied to them without its methods.

/// A model that was read.
#[pyclass(frozen, module = "homing_spark.homing_spark_native")]
struct Model {
    bundle: Arc<Bundle>,
}

#[pymethods]
impl Model {
    /// Finds a model in a registry: NAME, NAME@VERSION, a version; if nothing is given, the champion of the only name.
    #[new]
    #[pyo3(signature = (registry, wanted=None))]
    fn new(registry: &str, wanted: Option<&str>) -> PyResult<Self> {
        let path = Registry::at(registry).find(wanted).map_err(refused)?;
        Ok(Model { bundle: Arc::new(Bundle::load(&path).map_err(refused)?) })
    }

    /// `name@version`.
    #[getter]
    fn id(&self) -> String {
        self.bundle.id().to_string()
    }

    /// The columns of the scores, as a schema that Spark reads.
    #[getter]
    fn schema(&self) -> PyResult<String> {
        let schema = scores(&self.bundle, &[], &[])?.schema();
        let named = schema.fields().iter().map(|field| {
            let of = match field.data_type() {
                DataType::Utf8 => "string",
                DataType::Float64 => "double",
                DataType::Int64 => "bigint",
                DataType::Timestamp(..) => "timestamp",
                other => {
                    return Err(refused(format!("{}: {other} has no equivalent Spark type", field.name())));
                }
            };
            Ok(format!("`{}` {of}", field.name()))
        });
        Ok(named.collect::<PyResult<Vec<_>>>()?.join(", "))
    }

    /// The instant of an as-of text in microseconds: a bare date is the end of that day in the model's zone.
    fn as_of(&self, text: &str) -> PyResult<Micros> {
        self.zone().as_of(text).map_err(refused)
    }

    /// What the rows of a batch are: (cause or None for events, rows, instant of the last event).
    fn count(
        &self,
        batch: PyArrowType<RecordBatch>,
        columns: BTreeMap<String, String>,
    ) -> PyResult<Vec<Count>> {
        let mut counts: BTreeMap<Option<&'static str>, (u64, Option<Micros>)> = BTreeMap::new();
        read(&batch.0, &columns, self.zone(), |found| {
            let (cause, at) = match found {
                Found::Event(_, line) => (None, Some(line.occurred_at)),
                Found::WithoutCustomer => (Some("without_customer"), None),
                Found::Rejected(code) => (Some(code), None),
            };
            let (rows, last) = counts.entry(cause).or_default();
            *rows += 1;
            *last = (*last).max(at);
            Ok(())
        })?;
        Ok(counts.into_iter().map(|(cause, (rows, last))| (cause, rows, last)).collect())
    }
}

impl Model {
    fn zone(&self) -> Zone {
        self.bundle.manifest().timezone
    }
}

/// The lines of one partition, which must hold all lines of each of its customers.
#[pyclass(module = "homing_spark.homing_spark_native")]
struct Partition {
    bundle: Arc<Bundle>,
    columns: BTreeMap<String, String>,
    builder: HistoriesBuilder,
    histories: Histories,
    next: usize,
}

#[pymethods]
impl Partition {
    /// An empty partition. `columns` maps known names to the frame's own.
    #[new]
    fn new(model: &Model, columns: BTreeMap<String, String>) -> Self {
        let bundle = model.bundle.clone();
        Partition {
            bundle,
            columns,
            builder: HistoriesBuilder::default(),
            histories: Histories::default(),
            next: 0,
        }
    }

    /// Takes in a batch. Rows without a customer and rejects are left out; `Model.count` counts them.
    fn add(&mut self, batch: PyArrowType<RecordBatch>) -> PyResult<()> {
        let builder = &mut self.builder;
        read(&batch.0, &self.columns, self.bundle.manifest().timezone, |found| match found {
            Found::Event(customer, line) => builder.push(customer, line),
            _ => Ok(()),
        })
    }

    /// Ends the taking in: histories are made of the lines.
    fn close(&mut self) {
        self.histories = std::mem::take(&mut self.builder).finish();
        self.next = 0;
    }

    /// The scores of the next customers, by id ascending; None after the last.
    fn scores(&mut self, as_of: Micros, scored_at: Micros) -> PyResult<Option<PyArrowType<RecordBatch>>> {
        let end = (self.next + BATCH_ROWS).min(self.histories.len());
        if self.next == end {
            return Ok(None);
        }
        let model = self.bundle.id().clone();
        let provenance = Provenance { model, as_of, scored_at, zone: self.bundle.manifest().timezone };
        let customers = (self.next..end).filter_map(|at| self.histories.at(at));
        let (ids, scored): (Vec<&str>, Vec<(Outcome, Provenance)>) = customers
            .map(|(id, history)| (id, (self.bundle.predict(history, as_of), provenance.clone())))
            .unzip();
        let batch = scores(&self.bundle, &ids, &scored)?;
        self.next = end;
        Ok(Some(PyArrowType(batch)))
    }
}

fn read(
    batch: &RecordBatch,
    columns: &BTreeMap<String, String>,
    zone: Zone,
    take: impl FnMut(Found<'_>) -> Result<(), homing_datasets::Error>,
) -> PyResult<()> {
    let reader = BatchReader::new(&batch.schema(), columns, zone, "the frame").map_err(refused)?;
    reader.read(batch, take).map_err(refused)
}

/// The columns of `homing score --out`.
fn scores(bundle: &Bundle, ids: &[&str], scored: &[(Outcome, Provenance)]) -> PyResult<RecordBatch> {
    let ids = ids.iter().map(|id| Some((*id).to_owned())).collect();
    let table = Table::default().with("customer_id", Column::Text(ids));
    let rows = scored.iter().map(|(outcome, provenance)| (outcome, provenance));
    with_predictions(table, &bundle.manifest().horizons, rows).map_err(refused)?.batch().map_err(refused)
}

/// The module `homing_spark.homing_spark_native`.
#[pymodule]
fn homing_spark_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Model>()?;
    module.add_class::<Partition>()
}
