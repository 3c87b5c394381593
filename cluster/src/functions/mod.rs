//! The functions of homing in SQL and in plans.
//!
//! | function | is |
//! |---|---|
//! | `homing_event(zone, customer_id, occurred_at, amount, ...)` | one line, checked: an event or the cause of its rejection |
//! | `homing_history(event)` | aggregate: the history of a group of events, as bytes |
//! | `homing_features(history, zone, as_of)` | the features of a history as of an instant |
//! | `homing_predict(history, model, as_of, scored_at)` | the scores of a history: the columns of `homing score --out` |
//!
//! A plan names functions; each process resolves the names with what it has registered.

mod event;
mod features;
mod history;
mod predict;

use std::sync::Arc;

use ballista_core::registry::BallistaFunctionRegistry;
use datafusion::arrow::array::{ArrayRef, LargeBinaryArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::cast::{as_large_binary_array, as_timestamp_microsecond_array};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ColumnarValue, ScalarUDF};
use datafusion::scalar::ScalarValue;
use homing_datasets::History;

use crate::Models;
pub(crate) use event::WITHOUT_CUSTOMER;

/// The functions of one process.
#[derive(Clone, Debug)]
pub struct Functions {
    /// `homing_event`.
    pub event: Arc<ScalarUDF>,
    /// `homing_history`.
    pub history: Arc<AggregateUDF>,
    /// `homing_features`.
    pub features: Arc<ScalarUDF>,
    /// `homing_predict`.
    pub predict: Arc<ScalarUDF>,
}

impl Functions {
    /// Functions that take their models from here.
    #[must_use]
    pub fn new(models: Arc<Models>) -> Self {
        Functions {
            event: Arc::new(ScalarUDF::from(event::HomingEvent::new())),
            history: Arc::new(AggregateUDF::from(history::HomingHistory::new())),
            features: Arc::new(ScalarUDF::from(features::HomingFeatures::new())),
            predict: Arc::new(ScalarUDF::from(predict::HomingPredict::new(models))),
        }
    }

    /// Registers them with a session. On a client this comes *after* the upgrade for Ballista, which replaces
    /// what was registered before.
    ///
    /// # Errors
    /// When the registry takes no functions.
    pub fn register(&self, registry: &mut dyn FunctionRegistry) -> Result<()> {
        for function in [&self.event, &self.features, &self.predict] {
            registry.register_udf(function.clone())?;
        }
        registry.register_udaf(self.history.clone())?;
        Ok(())
    }

    /// What an executor knows: its own functions and these.
    #[must_use]
    pub fn for_executor(&self) -> BallistaFunctionRegistry {
        let mut registry = BallistaFunctionRegistry::default();
        for function in [&self.event, &self.features, &self.predict] {
            registry.scalar_functions.insert(function.name().to_owned(), function.clone());
        }
        registry.aggregate_functions.insert(self.history.name().to_owned(), self.history.clone());
        registry
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn text(value: Option<&ScalarValue>, function: &str, what: &str) -> Result<String> {
    match value.and_then(ScalarValue::try_as_str) {
        Some(Some(text)) => Ok(text.to_owned()),
        _ => Err(DataFusionError::Plan(format!("{function}: the {what} must be a string literal"))),
    }
}

fn literal(value: &ColumnarValue) -> Option<&ScalarValue> {
    match value {
        ColumnarValue::Scalar(value) => Some(value),
        ColumnarValue::Array(_) => None,
    }
}

/// A column of histories as bytes; other forms of bytes are converted.
fn bytes_of(value: ColumnarValue, rows: usize) -> Result<LargeBinaryArray> {
    let array: ArrayRef = value.into_array(rows)?;
    Ok(as_large_binary_array(&cast(&array, &DataType::LargeBinary)?)?.clone())
}

/// A column of instants in microseconds; other timestamps are converted.
fn instants_of(value: ColumnarValue, rows: usize) -> Result<TimestampMicrosecondArray> {
    let array: ArrayRef = value.into_array(rows)?;
    let wanted = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Ok(as_timestamp_microsecond_array(&cast(&array, &wanted)?)?.clone())
}

/// The histories of a column of bytes, one after the other; nothing is an empty history.
fn histories(bytes: &LargeBinaryArray) -> impl Iterator<Item = Result<History>> + '_ {
    bytes
        .iter()
        .map(|bytes| bytes.map_or_else(|| Ok(History::default()), |b| History::from_bytes(b).map_err(failed)))
}
