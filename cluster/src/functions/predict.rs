//! `homing_predict`: the scores of a history.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use homing_datasets::table::Table;
use homing_models::table::with_predictions;
use homing_models::{Bundle, Outcome, Provenance};

use super::{bytes_of, failed, histories, instants_of, literal, text};
use crate::Models;

#[derive(Debug)]
pub(super) struct HomingPredict {
    signature: Signature,
    models: Arc<Models>,
}

/// Equal by name: a process has one registry.
impl PartialEq for HomingPredict {
    fn eq(&self, other: &Self) -> bool {
        self.signature == other.signature
    }
}

impl Eq for HomingPredict {}

impl Hash for HomingPredict {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.signature.hash(state);
    }
}

impl HomingPredict {
    pub(super) fn new(models: Arc<Models>) -> Self {
        HomingPredict { signature: Signature::any(4, Volatility::Immutable), models }
    }

    fn model(&self, value: Option<&datafusion::scalar::ScalarValue>) -> Result<Arc<Bundle>> {
        self.models.get(&text(value, "homing_predict", "model (name@version)")?).map_err(failed)
    }
}

impl ScalarUDFImpl for HomingPredict {
    fn name(&self) -> &'static str {
        "homing_predict"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal("homing_predict: the columns depend on the model".to_owned()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let bundle = self.model(args.scalar_arguments.get(1).copied().flatten())?;
        let none: [(Outcome, Provenance); 0] = [];
        let columns = columns(&bundle, &none)?;
        Ok(Arc::new(Field::new(self.name(), columns.data_type().clone(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let bundle = self.model(args.args.get(1).and_then(literal))?;
        let [history, _, as_of, scored_at] = <[ColumnarValue; 4]>::try_from(args.args)
            .map_err(|_| DataFusionError::Internal("homing_predict needs four arguments".to_owned()))?;
        let (as_of, scored_at) = (instants_of(as_of, rows)?, instants_of(scored_at, rows)?);
        let bytes = bytes_of(history, rows)?;
        let scored = histories(&bytes)
            .enumerate()
            .map(|(row, history)| {
                if as_of.is_null(row) || scored_at.is_null(row) {
                    return Err(DataFusionError::Execution("homing_predict: a timestamp is null".to_owned()));
                }
                let (as_of, scored_at) = (as_of.value(row), scored_at.value(row));
                let zone = bundle.manifest().timezone;
                let provenance = Provenance { model: bundle.id().clone(), as_of, scored_at, zone };
                Ok((bundle.predict(&history?, as_of), provenance))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(ColumnarValue::Array(Arc::new(columns(&bundle, &scored)?)))
    }
}

/// The columns of `homing score --out` but for the customer.
fn columns(bundle: &Bundle, scored: &[(Outcome, Provenance)]) -> Result<StructArray> {
    let rows = scored.iter().map(|(outcome, provenance)| (outcome, provenance));
    let table = with_predictions(Table::default(), &bundle.manifest().horizons, rows)
        .map_err(|cause| DataFusionError::External(Box::new(cause)))?;
    Ok(StructArray::from(table.batch()?))
}
