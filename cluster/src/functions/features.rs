//! `homing_features`: the features of a history as of an instant.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Builder, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use homing_datasets::Zone;
use homing_datasets::calendar::NoZone;
use homing_models::features::{COUNT, SPECS, Scratch, compute};

use super::{bytes_of, histories, instants_of, literal, text};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct HomingFeatures {
    signature: Signature,
}

impl HomingFeatures {
    pub(super) fn new() -> Self {
        HomingFeatures { signature: Signature::any(3, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for HomingFeatures {
    fn name(&self) -> &'static str {
        "homing_features"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(fields()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let zone = text(args.args.get(1).and_then(literal), "homing_features", "time zone")?;
        let zone: Zone = zone.parse().map_err(|error: NoZone| DataFusionError::Plan(error.to_string()))?;
        let [history, _, as_of] = <[ColumnarValue; 3]>::try_from(args.args)
            .map_err(|_| DataFusionError::Internal("homing_features needs three arguments".to_owned()))?;
        let (bytes, as_of) = (bytes_of(history, rows)?, instants_of(as_of, rows)?);
        let mut columns: Vec<Float64Builder> =
            (0..COUNT).map(|_| Float64Builder::with_capacity(rows)).collect();
        let (mut scratch, mut out) = (Scratch::default(), vec![0.0; COUNT]);
        for (row, history) in histories(&bytes).enumerate() {
            if as_of.is_null(row) {
                return Err(DataFusionError::Execution("homing_features: a timestamp is null".to_owned()));
            }
            compute(&history?.as_of(as_of.value(row)), zone, &mut scratch, &mut out);
            for (column, &value) in columns.iter_mut().zip(&out) {
                // What is not known is empty, not a number that is none.
                column.append_option((!value.is_nan()).then_some(value));
            }
        }
        let arrays = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        Ok(ColumnarValue::Array(Arc::new(StructArray::try_new(fields(), arrays, None)?)))
    }
}

fn fields() -> Fields {
    SPECS.iter().map(|spec| Field::new(spec.name, DataType::Float64, true)).collect()
}
