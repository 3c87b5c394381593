//! `homing_event`: one line by the readers' rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray, StringBuilder, StructArray,
    TimestampMicrosecondArray, UInt8Array,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, TimeUnit};
use datafusion::common::cast::{
    as_float32_array, as_float64_array, as_string_array, as_struct_array, as_timestamp_microsecond_array,
    as_uint8_array,
};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use homing_datasets::readers::KNOWN_COLUMNS;
use homing_datasets::{BatchReader, Found, Kind, Line, Zone};

use super::{failed, literal, text};

/// The cause of a line without a customer, which is left out and no reject.
pub(crate) const WITHOUT_CUSTOMER: &str = "without_customer";

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct HomingEvent {
    signature: Signature,
}

impl HomingEvent {
    pub(super) fn new() -> Self {
        HomingEvent { signature: Signature::any(1 + KNOWN_COLUMNS.len(), Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for HomingEvent {
    fn name(&self) -> &'static str {
        "homing_event"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(fields()))
    }

    /// Refuses columns whose types cannot serve before anything runs.
    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let zone = zone(args.scalar_arguments.first().copied().flatten())?;
        reader(args.arg_fields[1..].iter().map(|field| field.data_type().clone()), zone)?;
        Ok(Arc::new(Field::new(self.name(), DataType::Struct(fields()), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let mut values = args.args.into_iter();
        let zone = zone(values.next().as_ref().and_then(literal))?;
        let arrays = values.map(|value| value.into_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let (reader, schema) = reader(arrays.iter().map(|array| array.data_type().clone()), zone)?;
        let batch = RecordBatch::try_new(schema, arrays)?;
        let mut events = Events::with_capacity(rows);
        reader
            .read(&batch, |found| {
                match found {
                    Found::Event(customer, line) => events.push(customer, &line),
                    Found::WithoutCustomer => events.refuse(WITHOUT_CUSTOMER),
                    Found::Rejected(code) => events.refuse(code),
                }
                Ok::<_, homing_datasets::Error>(())
            })
            .map_err(failed)?;
        Ok(ColumnarValue::Array(Arc::new(events.finish()?)))
    }
}

fn zone(value: Option<&datafusion::scalar::ScalarValue>) -> Result<Zone> {
    let zone = text(value, "homing_event", "time zone")?;
    zone.parse().map_err(|error: homing_datasets::calendar::NoZone| DataFusionError::Plan(error.to_string()))
}

fn reader(types: impl Iterator<Item = DataType>, zone: Zone) -> Result<(BatchReader, Arc<Schema>)> {
    let fields: Vec<Field> =
        KNOWN_COLUMNS.into_iter().zip(types).map(|(name, found)| Field::new(name, found, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let reader = BatchReader::new(&schema, &BTreeMap::new(), zone, "homing_event").map_err(failed)?;
    Ok((reader, schema))
}

fn fields() -> Fields {
    let instant = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("cause", DataType::Utf8, true),
        Field::new("customer_id", DataType::Utf8, true),
        Field::new("occurred_at", instant(), true),
        Field::new("recorded_at", instant(), true),
        Field::new("kind", DataType::UInt8, true),
        Field::new("amount", DataType::Float64, true),
        Field::new("quantity", DataType::Float32, true),
    ];
    fields.extend(TEXTS.map(|name| Field::new(name, DataType::Utf8, true)));
    fields.into()
}

const TEXTS: [&str; 5] = ["order_id", "product_id", "category", "channel", "promotion"];

/// Columns of events as they grow.
struct Events {
    cause: Vec<Option<&'static str>>,
    customer: StringBuilder,
    occurred_at: Vec<Option<i64>>,
    recorded_at: Vec<Option<i64>>,
    kind: Vec<Option<u8>>,
    amount: Vec<Option<f64>>,
    quantity: Vec<Option<f32>>,
    texts: [StringBuilder; 5],
}

impl Events {
    fn with_capacity(rows: usize) -> Self {
        Events {
            cause: Vec::with_capacity(rows),
            customer: StringBuilder::new(),
            occurred_at: Vec::with_capacity(rows),
            recorded_at: Vec::with_capacity(rows),
            kind: Vec::with_capacity(rows),
            amount: Vec::with_capacity(rows),
            quantity: Vec::with_capacity(rows),
            texts: Default::default(),
        }
    }

    fn push(&mut self, customer: &str, line: &Line<'_>) {
        self.cause.push(None);
        self.customer.append_value(customer);
        self.occurred_at.push(Some(line.occurred_at));
        self.recorded_at.push(Some(line.recorded_at));
        self.kind.push(Some(line.kind as u8));
        self.amount.push(Some(line.amount));
        self.quantity.push(Some(line.quantity));
        let texts = [line.order, line.product, line.category, line.channel, line.promotion];
        for (builder, text) in self.texts.iter_mut().zip(texts) {
            builder.append_option(text);
        }
    }

    fn refuse(&mut self, cause: &'static str) {
        self.cause.push(Some(cause));
        self.customer.append_null();
        self.occurred_at.push(None);
        self.recorded_at.push(None);
        self.kind.push(None);
        self.amount.push(None);
        self.quantity.push(None);
        self.texts.iter_mut().for_each(StringBuilder::append_null);
    }

    fn finish(mut self) -> Result<StructArray> {
        let instants = |values: Vec<Option<i64>>| {
            Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC")) as ArrayRef
        };
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(self.cause)),
            Arc::new(self.customer.finish()),
            instants(self.occurred_at),
            instants(self.recorded_at),
            Arc::new(UInt8Array::from(self.kind)),
            Arc::new(Float64Array::from(self.amount)),
            Arc::new(Float32Array::from(self.quantity)),
        ];
        columns.extend(self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        Ok(StructArray::try_new(fields(), columns, None)?)
    }
}

/// A column of events that `homing_event` made, read row by row.
pub(super) struct EventColumn<'a> {
    all: &'a StructArray,
    cause: &'a StringArray,
    occurred_at: &'a TimestampMicrosecondArray,
    recorded_at: &'a TimestampMicrosecondArray,
    kind: &'a UInt8Array,
    amount: &'a Float64Array,
    quantity: &'a Float32Array,
    texts: [&'a StringArray; 5],
}

impl<'a> EventColumn<'a> {
    pub(super) fn of(array: &'a ArrayRef) -> Result<Self> {
        let all = as_struct_array(array)?;
        let column = |name: &str| {
            all.column_by_name(name).ok_or_else(|| {
                DataFusionError::Plan(format!(
                    "homing_history: the argument is not an event: `{name}` is missing"
                ))
            })
        };
        let [order, product, category, channel, promotion] = TEXTS;
        Ok(EventColumn {
            all,
            cause: as_string_array(column("cause")?)?,
            occurred_at: as_timestamp_microsecond_array(column("occurred_at")?)?,
            recorded_at: as_timestamp_microsecond_array(column("recorded_at")?)?,
            kind: as_uint8_array(column("kind")?)?,
            amount: as_float64_array(column("amount")?)?,
            quantity: as_float32_array(column("quantity")?)?,
            texts: [
                as_string_array(column(order)?)?,
                as_string_array(column(product)?)?,
                as_string_array(column(category)?)?,
                as_string_array(column(channel)?)?,
                as_string_array(column(promotion)?)?,
            ],
        })
    }

    /// The event of a row; nothing where the row is none.
    pub(super) fn line(&self, row: usize) -> Result<Option<Line<'a>>> {
        if self.all.is_null(row) || self.cause.is_valid(row) {
            return Ok(None);
        }
        let kind = Kind::from_code(self.kind.value(row))
            .ok_or_else(|| DataFusionError::Execution("homing_history: unknown event kind".to_owned()))?;
        let text = |at: usize| self.texts[at].is_valid(row).then(|| self.texts[at].value(row));
        Ok(Some(Line {
            occurred_at: self.occurred_at.value(row),
            recorded_at: self.recorded_at.value(row),
            kind,
            amount: self.amount.value(row),
            quantity: self.quantity.value(row),
            order: text(0),
            product: text(1),
            category: text(2),
            channel: text(3),
            promotion: text(4),
        }))
    }
}
