//! Columns of Arrow batches as cells, and the rows of Arrow's own files.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, LargeStringArray, RecordBatch, StringArray,
    StringViewArray, UInt64Array,
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, Fields, SchemaRef, TimeUnit};

use super::columns::{COLUMNS, Column, Role};
use super::damage::{guarded, reason};
use super::files::{BOMB_BYTES, BOMB_RATIO, DataFile, Opened, read_up_to};
use super::lines::Cell;
use super::progress::Progress;
use super::rejects::Place;
use super::rows::{Take, Wanted};
use crate::Error;
use crate::event::DAY;

/// An Arrow file or stream whose columns are known.
#[derive(Debug)]
pub(crate) struct Table {
    schema: SchemaRef,
    form: Form,
}

/// Where the batches are.
#[derive(Debug)]
enum Form {
    /// In a file, which has its schema at the end too.
    File,
    /// In a stream, which has it at the beginning only.
    Stream,
    /// In memory.
    Frame(Arc<[RecordBatch]>),
}

const FORMAT: &str = "Arrow";
const TOO_LONG: &str = "a message is longer than the file";

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

impl Table {
    pub(crate) fn open(file: &DataFile) -> Result<Table, Error> {
        if let Some((schema, batches)) = file.frame() {
            return Ok(Table { schema: schema.clone(), form: Form::Frame(batches.clone()) });
        }
        let mut input = file.open()?;
        let mut magic = [0; 6];
        let unreadable = |reason| file.unreadable(reason);
        read_up_to(&mut input, &mut magic).map_err(unreadable)?;
        input.rewind().map_err(unreadable)?;
        let is_file = &magic == b"ARROW1";
        guarded((&file.shown, FORMAT), || check_sizes(&mut input, is_file))?;
        input.rewind().map_err(unreadable)?;
        let (schema, _) = batches(file, input, is_file)?;
        Ok(Table { schema, form: if is_file { Form::File } else { Form::Stream } })
    }

    /// Parts that can be read apart from each other: the batches of a frame; a file is one part.
    pub(crate) fn parts(&self) -> usize {
        match &self.form {
            Form::Frame(batches) => batches.len(),
            _ => 1,
        }
    }

    /// Number of rows, where it is known.
    pub(crate) fn rows(&self) -> Option<u64> {
        match &self.form {
            Form::Frame(batches) => Some(batches.iter().map(|batch| batch.num_rows() as u64).sum()),
            _ => None,
        }
    }

    pub(crate) fn header(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    pub(crate) fn fields(&self) -> &Fields {
        self.schema.fields()
    }

    pub(crate) fn read<T: Take>(
        &self,
        file: &DataFile,
        (at, part): (u32, usize),
        wanted: &Wanted,
        take: &mut T,
        progress: &Progress,
    ) -> Result<(), Error> {
        if let Form::Frame(batches) = &self.form {
            let before = batches[..part].iter().map(|batch| batch.num_rows() as u64).sum();
            return take_batch((&file.shown, FORMAT), &batches[part], (at, before), wanted, take);
        }
        let (_, mut batches) = batches(file, file.open()?, matches!(self.form, Form::File))?;
        let mut rows = 0;
        while let Some(batch) = guarded((&file.shown, FORMAT), || batches.next().transpose().map_err(reason))?
        {
            take_batch((&file.shown, FORMAT), &batch, (at, rows), wanted, take)?;
            rows += batch.num_rows() as u64;
            if take.done() {
                return Ok(());
            }
        }
        progress.advance(file.bytes);
        Ok(())
    }
}

/// Refuses sizes that a file cannot have: the decoder would ask for as much memory, and the process would end.
fn check_sizes(input: &mut Opened, is_file: bool) -> Result<(), String> {
    // In an object store each look at a message is a request.
    #[cfg(feature = "objects")]
    if matches!(input, Opened::There(_)) {
        return Ok(());
    }
    let bytes = input.seek(SeekFrom::End(0)).map_err(reason)?;
    if is_file {
        return check_footer(input, bytes);
    }
    let mut at = 0;
    while let Some(end) = check_message(input, at, None, bytes)? {
        at = end;
    }
    Ok(())
}

/// The bytes of a part of the file.
fn part(input: &mut Opened, at: u64, length: u64, bytes: u64) -> Result<Vec<u8>, String> {
    if at.checked_add(length).is_none_or(|end| end > bytes) {
        return Err(TOO_LONG.to_owned());
    }
    let mut part = vec![0; length as usize];
    input.seek(SeekFrom::Start(at)).map_err(reason)?;
    input.read_exact(&mut part).map_err(reason)?;
    Ok(part)
}

/// What the footer of a file says of its messages is what is read, whatever stands between them.
fn check_footer(input: &mut Opened, bytes: u64) -> Result<(), String> {
    let Some(end) = bytes.checked_sub(10) else { return Err("it ends before its footer".to_owned()) };
    let length = part(input, end, 4, bytes)?;
    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
    let start = end.checked_sub(u64::from(length)).ok_or(TOO_LONG)?;
    let footer = part(input, start, u64::from(length), bytes)?;
    let footer = arrow_ipc::root_as_footer(&footer).map_err(|error| error.to_string())?;
    for block in
        footer.dictionaries().into_iter().flatten().chain(footer.recordBatches().into_iter().flatten())
    {
        let sizes = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
        let [at, head, body] = sizes.map(|size| u64::try_from(size).unwrap_or(u64::MAX));
        let end = at.checked_add(head).and_then(|end| end.checked_add(body));
        if end.is_none_or(|end| end > bytes) {
            return Err(TOO_LONG.to_owned());
        }
        check_message(input, at, Some(at + head), bytes)?;
    }
    Ok(())
}

/// Checks the message at a place and returns where it ends; `None` at the end of the messages. Its buffers are read from `body` on;
/// without it from where the message itself says.
fn check_message(input: &mut Opened, at: u64, body: Option<u64>, bytes: u64) -> Result<Option<u64>, String> {
    // The end of a stream of older writers is a length of nothing, without a mark before it.
    let rest = bytes.saturating_sub(at).min(8);
    if rest < 4 {
        return Ok(None);
    }
    let mut prefix = part(input, at, rest, bytes)?;
    prefix.resize(8, 0);
    let word = |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
    // Older writers have no mark before the length.
    let (length, head) = if word(0) == u32::MAX { (u64::from(word(4)), 8) } else { (u64::from(word(0)), 4) };
    if length == 0 {
        return Ok(None);
    }
    let body = body.unwrap_or(at + head + length);
    let metadata = part(input, at + head, length, bytes)?;
    let message = arrow_ipc::root_as_message(&metadata).map_err(|error| error.to_string())?;
    let length = u64::try_from(message.bodyLength()).map_err(|_| TOO_LONG)?;
    let end = body.checked_add(length).filter(|&end| end <= bytes).ok_or(TOO_LONG)?;
    let batch = message.header_as_record_batch();
    let batch = batch.or_else(|| message.header_as_dictionary_batch().and_then(|held| held.data()));
    if let Some(batch) = batch.filter(|batch| batch.compression().is_some()) {
        for buffer in batch.buffers().into_iter().flatten() {
            let (offset, packed) = (buffer.offset().max(0) as u64, buffer.length().max(0) as u64);
            let Some(start) = body.checked_add(offset).filter(|start| start.saturating_add(8) <= bytes)
            else {
                continue;
            };
            if packed >= 8 {
                let unpacked = part(input, start, 8, bytes)?;
                let unpacked =
                    unpacked.try_into().map(i64::from_le_bytes).map_or(0, |long| long.max(0)) as u64;
                if unpacked > packed.saturating_mul(BOMB_RATIO).max(BOMB_BYTES) {
                    return Err(format!("a column of {packed} bytes is said to unpack to {unpacked}"));
                }
            }
        }
    }
    Ok(Some(end))
}

fn batches(file: &DataFile, input: Opened, is_file: bool) -> Result<(SchemaRef, Batches), Error> {
    let input = BufReader::new(input);
    guarded((&file.shown, FORMAT), || {
        Ok(if is_file {
            let reader = FileReader::try_new(input, None).map_err(reason)?;
            (reader.schema(), Box::new(reader) as Batches)
        } else {
            let reader = StreamReader::try_new(input, None).map_err(reason)?;
            (reader.schema(), Box::new(reader) as Batches)
        })
    })
}

/// Hands out the rows of a batch, of which so many came before in the file, shown by its name and format.
pub(super) fn take_batch<T: Take>(
    shown: (&str, &'static str),
    batch: &RecordBatch,
    (file, before): (u32, u64),
    wanted: &Wanted,
    take: &mut T,
) -> Result<(), Error> {
    let columns = guarded(shown, || columns(batch, &wanted.slots).map_err(reason))?;
    let base = wanted.constants();
    let mut cells = base;
    for row in 0..batch.num_rows() {
        for (slot, values) in &columns {
            values.put(row, &mut cells[*slot]);
        }
        take.take(Place { file, row: before + row as u64 + 1, span: 1 }, &cells)?;
        if take.done() {
            break;
        }
    }
    Ok(())
}

/// Refuses a column whose type cannot mean what it should.
pub(crate) fn check_types(shown: &str, fields: &Fields, slots: &[(usize, usize)]) -> Result<(), Error> {
    for &(slot, at) in slots {
        let column = Column::ALL[slot.min(COLUMNS - 1)];
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
        _ if role == Role::Any => true,
        D::Dictionary(_, values) => fits(role, values),
        D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Binary | D::LargeBinary | D::BinaryView => true,
        D::Decimal32(_, scale)
        | D::Decimal64(_, scale)
        | D::Decimal128(_, scale)
        | D::Decimal256(_, scale) => role == Role::Number || (role == Role::Text && *scale == 0),
        found if found.is_integer() || found.is_floating() => {
            matches!(role, Role::Number | Role::Text | Role::Instant)
        }
        D::Timestamp(..) | D::Date32 | D::Date64 => role == Role::Instant,
        _ => false,
    }
}

fn wanted(role: Role) -> &'static str {
    match role {
        Role::Text => "text or whole numbers",
        Role::Word => "text",
        Role::Number => "numbers, decimals or text",
        Role::Instant => "timestamps, dates, text or numbers",
        Role::Any => "anything",
    }
}

/// The wanted columns of a batch, each with the place of its cells.
pub(crate) fn columns(
    batch: &RecordBatch,
    slots: &[(usize, usize)],
) -> Result<Vec<(usize, Values)>, ArrowError> {
    let values = slots.iter().map(|&(slot, at)| {
        let role = Column::ALL[slot.min(COLUMNS - 1)].role();
        Ok((slot, Values::new(batch.column(at), role)?))
    });
    values.collect()
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
    Bool(BooleanArray),
    Other,
    Time { ticks: ScalarBuffer<i64>, nulls: Option<NullBuffer>, tick: Tick, local: bool },
}

/// How ticks become microseconds.
#[derive(Clone, Copy)]
pub(crate) enum Tick {
    Times(i64),
    Nanoseconds,
}

impl Values {
    pub(super) fn new(array: &ArrayRef, role: Role) -> Result<Values, ArrowError> {
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
            D::Boolean => Values::Bool(array.as_boolean().clone()),
            D::List(_) | D::LargeList(_) | D::Struct(_) | D::Map(..) | D::FixedSizeList(..) => Values::Other,
            D::UInt64 => Values::UInt(array.as_primitive::<UInt64Type>().clone()),
            found if found.is_integer() => Values::Int(cast(&D::Int64)?.as_primitive::<Int64Type>().clone()),
            found if found.is_decimal() && role == Role::Text => {
                Values::Text(cast(&D::Utf8)?.as_string().clone())
            }
            _ => Values::Float(cast(&D::Float64)?.as_primitive::<Float64Type>().clone()),
        })
    }

    pub(crate) fn cell(&self, row: usize) -> Cell<'_> {
        let mut cell = Cell::Null;
        self.put(row, &mut cell);
        cell
    }

    /// Writes a cell to its place: the processor waits for a copy of what was just written in parts.
    #[inline]
    pub(crate) fn put<'a>(&'a self, row: usize, cell: &mut Cell<'a>) {
        match self {
            Values::Text(array) if array.is_valid(row) => *cell = Cell::Text(array.value(row)),
            Values::LargeText(array) if array.is_valid(row) => *cell = Cell::Text(array.value(row)),
            Values::TextView(array) if array.is_valid(row) => *cell = Cell::Text(array.value(row)),
            Values::Int(array) if array.is_valid(row) => *cell = Cell::Int(array.value(row)),
            Values::UInt(array) if array.is_valid(row) => *cell = Cell::UInt(array.value(row)),
            Values::Float(array) if array.is_valid(row) => *cell = Cell::Float(array.value(row)),
            Values::Bool(array) if array.is_valid(row) => *cell = Cell::Bool(array.value(row)),
            Values::Other => *cell = Cell::Other,
            Values::Time { ticks, nulls, tick, local }
                if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) =>
            {
                // Beyond the range of time it stays beyond: the check of the event says so.
                let micros = match tick {
                    Tick::Times(micros) => ticks[row].saturating_mul(*micros),
                    Tick::Nanoseconds => ticks[row].div_euclid(1000),
                };
                if *local {
                    *cell = Cell::Local(micros);
                } else {
                    *cell = Cell::Instant(micros);
                }
            }
            _ => *cell = Cell::Null,
        }
    }
}
