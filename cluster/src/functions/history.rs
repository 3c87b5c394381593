//! `homing_history`: the aggregate from events to the history of a customer.
//!
//! The state that travels between stages is the history itself, in the bytes of the store. Parts of one customer's
//! lines add up: equal lines stay as many as they are.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, LargeBinaryBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_large_binary_array;
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use homing_datasets::{GroupedLines, History};

use super::event::EventColumn;
use super::failed;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct HomingHistory {
    signature: Signature,
}

impl HomingHistory {
    pub(super) fn new() -> Self {
        HomingHistory { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for HomingHistory {
    fn name(&self) -> &'static str {
        "homing_history"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Large, because the histories of one partition may take more than 2 GiB.
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::LargeBinary)
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One::default()))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Many::default()))
    }

    /// A history is the same whatever the order of its lines.
    fn order_sensitivity(&self) -> datafusion::logical_expr::utils::AggregateOrderSensitivity {
        datafusion::logical_expr::utils::AggregateOrderSensitivity::Insensitive
    }
}

/// The histories of many groups.
#[derive(Default)]
struct Many {
    lines: GroupedLines,
}

impl Many {
    fn emit(&mut self, emit_to: EmitTo) -> ArrayRef {
        let count = match emit_to {
            EmitTo::All => usize::MAX,
            EmitTo::First(count) => count,
        };
        column(&self.lines.take(count))
    }
}

fn column(histories: &[History]) -> ArrayRef {
    let mut bytes = LargeBinaryBuilder::new();
    histories.iter().for_each(|history| bytes.append_value(history.to_bytes()));
    Arc::new(bytes.finish())
}

fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for Many {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.lines.resize(total_num_groups);
        let events = EventColumn::of(&values[0])?;
        for (row, &group) in group_indices.iter().enumerate() {
            if passes(opt_filter, row)
                && let Some(line) = events.line(row)?
            {
                self.lines.push(group, line).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.lines.resize(total_num_groups);
        for (bytes, &group) in as_large_binary_array(&values[0])?.iter().zip(group_indices) {
            if let Some(bytes) = bytes {
                let history = History::from_bytes(bytes).map_err(failed)?;
                self.lines.push_history(group, &history).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.emit(emit_to))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.emit(emit_to)])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut each = Many::default();
        let rows: Vec<usize> = (0..values[0].len()).collect();
        each.update_batch(values, &rows, opt_filter, rows.len())?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.lines.bytes()
    }
}

/// The history of all rows, where there are no groups.
#[derive(Default)]
struct One(Many);

impl std::fmt::Debug for One {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("One").field("bytes", &self.0.size()).finish()
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states, &vec![0; states[0].len()], 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let history = self.0.lines.take(1).pop().unwrap_or_default();
        // Asked in the middle as well, and goes on then.
        self.0.lines.resize(1);
        self.0.lines.push_history(0, &history).map_err(failed)?;
        Ok(ScalarValue::LargeBinary(Some(history.to_bytes())))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.size()
    }
}
