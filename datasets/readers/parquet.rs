//! Lines from Parquet files.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    UInt64Array,
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Fields, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::reader::ChunkReader;

use super::columns::{COLUMNS, Column, Mapping, Places, Role};
use super::files::DataFile;
use super::lines::{Cell, Gather, Sink, id};
use super::progress::Progress;
use super::rejects::Place;
use crate::Error;
use crate::event::DAY;

/// Rows that are unpacked at once.
const BATCH_ROWS: usize = 8192;

/// What is known of a Parquet file before its rows are read.
pub(crate) struct Plan {
    shown: String,
    bytes: u64,
    metadata: ArrowReaderMetadata,
    /// Where the known columns stand among the columns of the file.
    places: Places,
}

impl Plan {
    /// Reads the footer of a file and finds the columns.
    pub(crate) fn of_file(file: &DataFile, mapping: &Mapping) -> Result<Plan, Error> {
        Plan::new(&file.open()?, &file.shown, file.bytes, mapping)
    }

    /// The columns of a file, known or not.
    pub(crate) fn schema(file: &DataFile) -> Result<SchemaRef, Error> {
        let input = file.open()?;
        let load = || ArrowReaderMetadata::load(&input, ArrowReaderOptions::new()).map_err(reason);
        Ok(guarded(&file.shown, load)?.schema().clone())
    }

    /// The same for a file in memory.
    pub(crate) fn of_bytes(input: &Bytes, shown: &str, mapping: &Mapping) -> Result<Plan, Error> {
        Plan::new(input, shown, input.len() as u64, mapping)
    }

    fn new(input: &impl ChunkReader, shown: &str, bytes: u64, mapping: &Mapping) -> Result<Plan, Error> {
        let metadata =
            guarded(shown, || ArrowReaderMetadata::load(input, ArrowReaderOptions::new()).map_err(reason))?;
        let fields = metadata.schema().fields();
        let header: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        let places = mapping.resolve(shown, &header)?;
        check_types(shown, fields, &places)?;
        Ok(Plan { shown: shown.to_owned(), bytes, metadata, places })
    }

    /// Number of row groups; each can be read on its own.
    pub(crate) fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    fn rows(&self, group: usize) -> u64 {
        u64::try_from(self.metadata.metadata().row_group(group).num_rows()).unwrap_or(0)
    }

    /// Reads one row group.
    pub(crate) fn read<T: ChunkReader + 'static, S: Sink>(
        &self,
        input: T,
        file: u32,
        group: usize,
        gather: &mut Gather<S>,
        progress: &Progress,
    ) -> Result<(), Error> {
        let before: u64 = (0..group).map(|earlier| self.rows(earlier)).sum();
        let expected = self.rows(group);
        let total: u64 = before + (group..self.groups()).map(|later| self.rows(later)).sum::<u64>();
        // Bytes up to a row, in proportion: how the bar learns of rows.
        let bytes_to =
            |row: u64| (u128::from(self.bytes) * u128::from(row) / u128::from(total.max(1))) as u64;

        if gather.has_since() && self.latest(group).is_some_and(|latest| gather.is_before(latest.cell(0))) {
            gather.pass_over(expected);
            progress.advance(bytes_to(before + expected) - bytes_to(before));
            return Ok(());
        }
        let used: Vec<usize> = self.places.iter().flatten().copied().collect();
        let mut sorted = used.clone();
        sorted.sort_unstable();
        // The batches hold the wanted columns alone, in the order of the file.
        let places =
            self.places.map(|place| place.and_then(|place| sorted.iter().position(|&used| used == place)));

        let mut batches = guarded(&self.shown, || {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(input, self.metadata.clone());
            let mask = ProjectionMask::roots(builder.parquet_schema(), used);
            builder
                .with_projection(mask)
                .with_row_groups(vec![group])
                .with_batch_size(BATCH_ROWS)
                .build()
                .map_err(reason)
        })?;
        let mut done = 0;
        while let Some(batch) = guarded(&self.shown, || batches.next().transpose().map_err(reason))? {
            let columns = guarded(&self.shown, || columns(&batch, &places).map_err(reason))?;
            let present: Vec<(usize, &Values)> =
                columns.iter().enumerate().filter(|(_, values)| !matches!(values, Values::Null)).collect();
            let mut cells = [Cell::Null; COLUMNS];
            for row in 0..batch.num_rows() {
                for &(column, values) in &present {
                    cells[column] = values.cell(row);
                }
                let place = Place { file, row: before + done + row as u64 + 1, span: 1 };
                gather.take(place, &cells)?;
            }
            let earlier = before + done;
            done += batch.num_rows() as u64;
            progress.advance(bytes_to(before + done) - bytes_to(earlier));
        }
        if done != expected {
            let reason = format!("row group {group} holds {done} rows where {expected} are announced");
            return Err(Error::Parquet { path: self.shown.clone(), reason });
        }
        Ok(())
    }
}

impl Plan {
    /// The latest `occurred_at` of a row group, as the file announces it; nothing where it does not, or where it
    /// is a text, of which a file may announce the beginning only.
    fn latest(&self, group: usize) -> Option<Values> {
        let field = self.metadata.schema().field(self.places[Column::OccurredAt as usize]?);
        if !field.data_type().is_temporal() {
            return None;
        }
        let schema = self.metadata.parquet_schema();
        let group = self.metadata.metadata().row_groups().get(group)?;
        let latest = guarded(&self.shown, || {
            StatisticsConverter::try_new(field.name(), self.metadata.schema(), schema)
                .and_then(|statistics| statistics.row_group_maxes([group]))
                .map_err(reason)
        });
        let latest = latest.ok().filter(|latest| latest.len() == 1)?;
        Values::new(&latest, Role::Instant).ok()
    }

    /// The customers of the first rows of a row group, as far as they can be read.
    pub(crate) fn sample<T: ChunkReader + 'static>(
        &self,
        input: T,
        group: usize,
        rows: usize,
        ids: &mut Vec<Box<str>>,
    ) {
        let Some(place) = self.places[Column::CustomerId as usize] else { return };
        let read = guarded(&self.shown, || {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(input, self.metadata.clone());
            let mask = ProjectionMask::roots(builder.parquet_schema(), [place]);
            let builder = builder.with_projection(mask).with_row_groups(vec![group]);
            let mut batches = builder.with_batch_size(rows).with_limit(rows).build().map_err(reason)?;
            batches.next().transpose().map_err(reason)
        });
        let Ok(Some(batch)) = read else { return };
        let Ok(values) = Values::new(batch.column(0), Role::Text) else { return };
        let mut number = String::new();
        for row in 0..batch.num_rows() {
            if let Ok(Some(id)) = id(values.cell(row), &mut number) {
                ids.push(id.into());
            }
        }
    }

    /// Rows of the whole file.
    pub(crate) fn all_rows(&self) -> u64 {
        (0..self.groups()).map(|group| self.rows(group)).sum()
    }
}

/// Runs what reads foreign bytes. Most damage is an error; what makes the decoder panic becomes one here.
fn guarded<T>(path: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("its inner structure is broken".to_owned()))
        .map_err(|reason| Error::Parquet { path: path.to_owned(), reason })
}

fn reason(error: impl std::error::Error) -> String {
    error.to_string()
}

/// Refuses a column whose type cannot mean what it should.
pub(crate) fn check_types(shown: &str, fields: &Fields, places: &Places) -> Result<(), Error> {
    for column in Column::ALL {
        let Some(at) = places[column as usize] else { continue };
        if !fits(column.role(), fields[at].data_type()) {
            return Err(Error::WrongType {
                path: shown.to_owned(),
                column: column.name(),
                name: fields[at].name().clone(),
                found: fields[at].data_type().to_string(),
                wanted: wanted(column.role()),
            });
        }
    }
    Ok(())
}

/// Whether a column of this type can mean what it should.
fn fits(role: Role, found: &DataType) -> bool {
    use DataType as D;
    match found {
        D::Null => true,
        D::Dictionary(_, values) => fits(role, values),
        D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Binary | D::LargeBinary | D::BinaryView => true,
        D::Decimal32(_, scale)
        | D::Decimal64(_, scale)
        | D::Decimal128(_, scale)
        | D::Decimal256(_, scale) => role == Role::Number || (role == Role::Text && *scale == 0),
        found if found.is_integer() || found.is_floating() => matches!(role, Role::Number | Role::Text),
        D::Timestamp(..) | D::Date32 | D::Date64 => role == Role::Instant,
        _ => false,
    }
}

fn wanted(role: Role) -> &'static str {
    match role {
        Role::Text => "text or whole numbers",
        Role::Word => "text",
        Role::Number => "numbers, decimals or text",
        Role::Instant => "timestamps, dates or text (whole numbers do not tell their unit)",
    }
}

/// The known columns of a batch.
pub(crate) fn columns(batch: &RecordBatch, places: &Places) -> Result<[Values; COLUMNS], ArrowError> {
    let mut columns = [const { Values::Null }; COLUMNS];
    for column in Column::ALL {
        if let Some(at) = places[column as usize] {
            columns[column as usize] = Values::new(batch.column(at), column.role())?;
        }
    }
    Ok(columns)
}

/// A column of a batch in one of few forms.
pub(crate) enum Values {
    Null,
    Text(StringArray),
    LargeText(LargeStringArray),
    TextView(StringViewArray),
    Int(Int64Array),
    UInt(UInt64Array),
    Float(Float64Array),
    Time { ticks: ScalarBuffer<i64>, nulls: Option<NullBuffer>, tick: Tick, local: bool },
}

/// How ticks become microseconds.
#[derive(Clone, Copy)]
pub(crate) enum Tick {
    Times(i64),
    Nanoseconds,
}

impl Values {
    fn new(array: &ArrayRef, role: Role) -> Result<Values, ArrowError> {
        use DataType as D;
        let cast = |to: &DataType| {
            // What cannot be converted is an error, never silently nothing.
            let options = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(array, to, &options)
        };
        Ok(match array.data_type() {
            D::Null => Values::Null,
            D::Dictionary(_, values) => return Values::new(&cast(values)?, role),
            D::Utf8 => Values::Text(array.as_string().clone()),
            D::LargeUtf8 => Values::LargeText(array.as_string().clone()),
            D::Utf8View => Values::TextView(array.as_string_view().clone()),
            D::Binary | D::LargeBinary | D::BinaryView => return Values::new(&cast(&D::LargeUtf8)?, role),
            D::Timestamp(unit, zone) => {
                let local = zone.is_none();
                let (ticks, tick) = match unit {
                    TimeUnit::Second => {
                        (array.as_primitive::<TimestampSecondType>().values().clone(), Tick::Times(1_000_000))
                    }
                    TimeUnit::Millisecond => {
                        (array.as_primitive::<TimestampMillisecondType>().values().clone(), Tick::Times(1000))
                    }
                    TimeUnit::Microsecond => {
                        (array.as_primitive::<TimestampMicrosecondType>().values().clone(), Tick::Times(1))
                    }
                    TimeUnit::Nanosecond => {
                        (array.as_primitive::<TimestampNanosecondType>().values().clone(), Tick::Nanoseconds)
                    }
                };
                Values::Time { ticks, nulls: array.nulls().cloned(), tick, local }
            }
            D::Date32 => {
                let ticks =
                    array.as_primitive::<Date32Type>().values().iter().map(|&day| i64::from(day)).collect();
                Values::Time { ticks, nulls: array.nulls().cloned(), tick: Tick::Times(DAY), local: true }
            }
            D::Date64 => {
                let ticks = array.as_primitive::<Date64Type>().values().clone();
                Values::Time { ticks, nulls: array.nulls().cloned(), tick: Tick::Times(1000), local: true }
            }
            D::UInt64 => Values::UInt(array.as_primitive::<UInt64Type>().clone()),
            found if found.is_integer() => Values::Int(cast(&D::Int64)?.as_primitive::<Int64Type>().clone()),
            found if found.is_decimal() && role == Role::Text => {
                Values::Text(cast(&D::Utf8)?.as_string().clone())
            }
            _ => Values::Float(cast(&D::Float64)?.as_primitive::<Float64Type>().clone()),
        })
    }

    #[inline]
    pub(crate) fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Values::Null => Cell::Null,
            Values::Text(array) if array.is_valid(row) => Cell::Text(array.value(row)),
            Values::LargeText(array) if array.is_valid(row) => Cell::Text(array.value(row)),
            Values::TextView(array) if array.is_valid(row) => Cell::Text(array.value(row)),
            Values::Int(array) if array.is_valid(row) => Cell::Int(array.value(row)),
            Values::UInt(array) if array.is_valid(row) => Cell::UInt(array.value(row)),
            Values::Float(array) if array.is_valid(row) => Cell::Float(array.value(row)),
            Values::Time { ticks, nulls, tick, local }
                if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) =>
            {
                // Beyond the range of time it stays beyond: the check of the event says so.
                let micros = match tick {
                    Tick::Times(micros) => ticks[row].saturating_mul(*micros),
                    Tick::Nanoseconds => ticks[row].div_euclid(1000),
                };
                if *local { Cell::Local(micros) } else { Cell::Instant(micros) }
            }
            _ => Cell::Null,
        }
    }
}
