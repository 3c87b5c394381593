//! Frames of other libraries by Arrow's C stream interface: `__arrow_c_stream__`.

use std::sync::Arc;

use arrow_array::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader as _};
use arrow_schema::SchemaRef;
use homing_datasets::table::Table;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::errors::{Kind, raise};

const STREAM: &std::ffi::CStr = c"arrow_array_stream";

/// Batches of one schema.
pub type Batches = (SchemaRef, Vec<RecordBatch>);

fn unreadable(reason: impl std::fmt::Display) -> PyErr {
    let text =
        format!("the data frame cannot be read as Arrow: {reason}; convert the column, or leave it out");
    raise(Kind::Data, "not_arrow", &text)
}

/// Takes the batches of an object with `__arrow_c_stream__`. Columns are shared, not copied.
pub fn import(frame: &Bound<'_, PyAny>) -> PyResult<Batches> {
    let capsule = frame.call_method0("__arrow_c_stream__")?;
    let capsule = capsule.cast::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(STREAM))?;
    #[expect(
        unsafe_code,
        reason = "the capsule's name says that it holds a stream, which from_raw moves out of it"
    )]
    let reader = unsafe { ArrowArrayStreamReader::from_raw(pointer.as_ptr().cast::<FFI_ArrowArrayStream>()) };
    let reader = reader.map_err(unreadable)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    Ok((schema, batches))
}

/// A result, which pandas, polars, pyarrow and DuckDB take by the same interface.
#[pyclass(frozen, module = "homing._homing")]
pub struct Frame {
    schema: SchemaRef,
    batches: Arc<[RecordBatch]>,
}

impl Frame {
    /// The frame of a table.
    pub fn of(table: &Table) -> PyResult<Frame> {
        let batch = table.batch().map_err(|error| raise(Kind::Internal, "table", &error.to_string()))?;
        Ok(Frame { schema: batch.schema(), batches: vec![batch].into() })
    }
}

#[pymethods]
impl Frame {
    fn __len__(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The stream; a schema that is asked for is not followed, as the interface permits.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batches: Vec<_> = self.batches.iter().cloned().map(Ok).collect();
        let reader = RecordBatchIterator::new(batches, self.schema.clone());
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
    }
}
