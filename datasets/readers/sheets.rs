//! Rows of workbooks: xlsx, xls, xlsb and ods.

use std::io::{BufReader, Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use calamine::{Data, DataRef, Dimensions, ExcelDateTime, Reader, Sheets, Xlsx};
use chrono::NaiveDate;

use super::columns::Column;
use super::files::{DataFile, Opened};
use super::headings::heading;
use super::lines::Cell;
use super::progress::Progress;
use super::rejects::Place;
use super::rows::{Take, Wanted};
use super::shape::{Around, Header};
use crate::calendar::days_of;
use crate::event::{DAY, Micros};
use crate::{Error, ReadOptions};

/// Rows at the beginning of a sheet among which the header is looked for.
const HEADER_ROWS: u32 = 60;

/// Bytes of the texts of a workbook, which are held in memory, and of one that is held whole.
const TEXT_BYTES: u64 = 512 << 20;
const WHOLE_BYTES: u64 = 256 << 20;

/// Columns of a sheet at most.
const MOST_COLUMNS: u32 = 16_384;

/// A sheet whose columns are known.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) sheet: String,
    header: Vec<String>,
    /// Row of the header, from 0; `None` where there is none.
    header_row: Option<u32>,
    /// Cells of several rows that were made one, by the first row: their value is on that row alone.
    merged: Vec<Dimensions>,
    /// Whether there are formulas without a value.
    uncomputed: bool,
}

/// Columns whose value counts once, however many rows share the cell.
const ONCE: [Column; 4] = [Column::Amount, Column::Quantity, Column::Refunded, Column::Adjusted];

/// What the sheets of an xlsx hold besides values.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    merged: bool,
    uncomputed: bool,
}

impl Marks {
    /// Looks for marks in the bytes of a sheet, without taking it apart.
    fn note(&mut self, mut sheet: impl Read) {
        const UNCOMPUTED: &[&[u8]] = &[b"</f><v></v>", b"</f><v/>", b"</f><v />", b"</f></c>"];
        const LONGEST: usize = 11;
        let (mut buffer, mut held) = (vec![0; 1 << 16], 0);
        // Damage is reported when the rows are read.
        while let Ok(read @ 1..) = sheet.read(&mut buffer[held..]) {
            let bytes = &buffer[..held + read];
            for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'<') {
                let tag = &bytes[at..];
                self.merged |= tag.starts_with(b"<mergeCell ");
                self.uncomputed |=
                    tag.starts_with(b"</f>") && UNCOMPUTED.iter().any(|mark| tag.starts_with(mark));
            }
            let kept = bytes.len().min(LONGEST - 1);
            let from = bytes.len() - kept;
            buffer.copy_within(from..from + kept, 0);
            held = kept;
        }
    }
}

/// What takes the rows of a sheet: its number from 0, and its cells. It says whether it wants more.
type EachRow<'a> = &'a mut dyn FnMut(u32, &[Data]) -> Result<bool, Error>;

impl Table {
    /// Finds the sheet and the row of its header.
    pub(crate) fn open(
        file: &DataFile,
        options: &ReadOptions,
        suits: &dyn Fn(&[String]) -> bool,
    ) -> Result<Table, Error> {
        let mut workbook = Workbook::open(file, true)?;
        let names = workbook.names();
        let chosen: Vec<String> = match &options.sheet {
            Some(sheet) if names.contains(sheet) => vec![sheet.clone()],
            Some(sheet) => {
                let what = format!("a workbook without the sheet `{sheet}`; it has `{}`", names.join("`, `"));
                return Err(Error::NotATable { path: file.shown.clone(), what });
            }
            None => names,
        };
        let mut first = None;
        for sheet in chosen {
            let mut rows: Vec<(u32, Vec<String>)> = Vec::new();
            workbook.each_row(&sheet, &mut |row, cells| {
                let texts: Vec<String> = cells.iter().map(shown).collect();
                if texts.iter().any(|text| !text.is_empty()) {
                    rows.push((row, texts));
                }
                Ok(row < HEADER_ROWS)
            })?;
            let found = match options.header {
                Header::Found => rows.iter().find(|(_, names)| suits(names)),
                Header::Line(line) => rows.iter().find(|(row, _)| u64::from(*row) + 1 == line),
                Header::Absent => None,
            };
            if let Some((row, names)) = found {
                let (merged, uncomputed) = (workbook.merged(&sheet), workbook.uncomputed());
                return Ok(Table {
                    sheet,
                    header: names.clone(),
                    header_row: Some(*row),
                    merged,
                    uncomputed,
                });
            }
            let widest =
                rows.iter().map(|(_, names)| names.iter().filter(|name| !name.is_empty()).count()).max();
            let row = rows
                .iter()
                .find(|(_, names)| Some(names.iter().filter(|name| !name.is_empty()).count()) == widest);
            if let Some((row, names)) = row {
                let table = if options.header == Header::Absent {
                    let header = (1..=names.len()).map(|name| name.to_string()).collect();
                    Table { sheet, header, header_row: None, merged: Vec::new(), uncomputed: false }
                } else {
                    let (header, header_row) = (names.clone(), Some(*row));
                    Table { sheet, header, header_row, merged: Vec::new(), uncomputed: false }
                };
                if options.header == Header::Absent {
                    return Ok(table);
                }
                first.get_or_insert(table);
            }
        }
        first.ok_or_else(|| Error::EmptyFile { path: file.shown.clone() })
    }

    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// The row of the header, from 1.
    pub(crate) fn header_line(&self) -> Option<u64> {
        self.header_row.map(|row| u64::from(row) + 1)
    }

    pub(crate) fn read<T: Take>(
        &self,
        file: &DataFile,
        at: u32,
        wanted: &Wanted,
        take: &mut T,
        progress: &Progress,
    ) -> Result<(), Error> {
        let mut workbook = Workbook::open(file, false)?;
        let base = wanted.constants();
        let mut around = Around::new(&self.header);
        let mut merged = Merged { cells: &self.merged, held: Vec::new() };
        workbook.each_row(&self.sheet, &mut |row, values| {
            if self.header_row.is_some_and(|header| row <= header)
                || values.iter().all(|value| shown(value).is_empty())
            {
                return Ok(true);
            }
            let mut cells = base;
            for &(slot, place) in &wanted.slots {
                cells[slot] = values.get(place).map_or(Cell::Null, cell);
            }
            merged.next(row, values);
            for &(slot, place) in &wanted.slots {
                if let (Cell::Null, Some(value)) = (cells[slot], merged.value(row, place)) {
                    let once = ONCE.iter().any(|column| *column as usize == slot);
                    cells[slot] = if once { Cell::Float(0.0) } else { cell(value) };
                }
            }
            if self.uncomputed && matches!(cells[Column::Amount as usize], Cell::Null) && wanted.has(Column::Amount as usize)
                && !matches!(cells[Column::OccurredAt as usize], Cell::Null)
            {
                let what = format!(
                    "a workbook with formulas that were never computed (row {}); open it in a spreadsheet program, save it, and \
                     read it again",
                    row + 1
                );
                return Err(Error::NotATable { path: file.shown.clone(), what });
            }
            let undated = matches!(cells[Column::OccurredAt as usize], Cell::Null | Cell::Text(_))
                && take.is_remark(&cells);
            if undated && around.describes(cells[Column::OccurredAt as usize], cells[Column::Amount as usize]) {
                take.remark();
                return Ok(true);
            }
            if undated || around.expects_sums() {
                let texts: Vec<String> = values.iter().map(shown).collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                if undated && take.heading(heading(cells[Column::CustomerId as usize], &texts, wanted)) {
                    return Ok(true);
                }
                if around.has(&texts) {
                    take.remark();
                    return Ok(true);
                }
            }
            around.end();
            take.take(Place { file: at, row: u64::from(row) + 1, span: 1 }, &cells)?;
            Ok(!take.done())
        })?;
        progress.advance(file.bytes);
        Ok(())
    }
}

/// The cells of several rows that reach down to the current one.
struct Merged<'t> {
    cells: &'t [Dimensions],
    held: Vec<(&'t Dimensions, Data)>,
}

impl Merged<'_> {
    /// Goes on to a row with these cells.
    fn next(&mut self, row: u32, values: &[Data]) {
        self.held.retain(|(at, _)| row <= at.end.0);
        while let Some(at) = self.cells.first().filter(|at| at.start.0 <= row) {
            self.cells = &self.cells[1..];
            if at.start.0 == row {
                self.held.push((at, values.get(at.start.1 as usize).cloned().unwrap_or_default()));
            }
        }
    }

    /// The value of a cell that has none of its own.
    fn value(&self, row: u32, column: usize) -> Option<&Data> {
        let reaches =
            |at: &Dimensions| at.start.1 as usize == column && (at.start.0 + 1..=at.end.0).contains(&row);
        self.held.iter().find(|(at, _)| reaches(at)).map(|(_, value)| value)
    }
}

/// A workbook that is open. Of an xlsx the sheets are read as streams; the others are held whole.
enum Workbook {
    Xlsx(String, Box<Xlsx<BufReader<Opened>>>, Marks),
    Whole(String, Box<Sheets<Cursor<Bytes>>>),
}

impl Workbook {
    /// Opens a workbook; `look`: what its sheets hold besides values is looked for.
    fn open(file: &DataFile, look: bool) -> Result<Workbook, Error> {
        let shown = file.shown.clone();
        let refused = |what: &str| Error::NotATable { path: shown.clone(), what: what.to_owned() };
        let mut input = BufReader::new(file.open()?);
        let mut magic = [0; 4];
        let is_zip = input.read_exact(&mut magic).is_ok() && magic == *b"PK\x03\x04";
        input.rewind().map_err(|reason| file.unreadable(reason))?;
        if is_zip {
            let mut zip = zip::ZipArchive::new(&mut input)
                .map_err(|error| file.unreadable(std::io::Error::other(error.to_string())))?;
            let streamed = zip.index_for_name("xl/workbook.xml").is_some();
            let mut marks = Marks::default();
            for at in 0..zip.len() {
                let Ok(entry) = zip.by_index_raw(at) else { continue };
                let name = entry.name().map(|name| name.into_owned()).unwrap_or_default();
                // What deflates to more than a thousandth of it is not made by a program that writes workbooks.
                let (packed, declared) = (entry.compressed_size(), entry.size());
                drop(entry);
                let sheet = name.starts_with("xl/worksheets/") || name.starts_with("xl/media/");
                let most = if streamed { TEXT_BYTES } else { WHOLE_BYTES };
                let held = !(streamed && sheet) && (name.ends_with(".xml") || name.ends_with(".bin"));
                let might_be = packed.saturating_mul(1032).max(declared);
                if held && might_be > most && unpacked(&mut zip, at, most).is_none_or(|bytes| bytes > most) {
                    return Err(refused("a workbook whose texts do not fit into memory; save it as CSV"));
                }
            }
            if look {
                for at in 0..zip.len() {
                    let Ok(entry) = zip.by_index(at) else { continue };
                    if entry
                        .name()
                        .is_ok_and(|name| name.starts_with("xl/worksheets/") && name.ends_with(".xml"))
                    {
                        marks.note(entry);
                    }
                }
            }
            drop(zip);
            input.rewind().map_err(|reason| file.unreadable(reason))?;
            if streamed {
                return guarded(&shown, || Xlsx::new(input))
                    .map(|book| Workbook::Xlsx(shown.clone(), Box::new(book), marks));
            }
        }
        let mut bytes = Vec::new();
        input.take(WHOLE_BYTES + 1).read_to_end(&mut bytes).map_err(|reason| file.unreadable(reason))?;
        if bytes.len() as u64 > WHOLE_BYTES {
            return Err(refused("a workbook that does not fit into memory; save it as CSV or .xlsx"));
        }
        let input = Cursor::new(Bytes::from(bytes));
        guarded(&shown, || calamine::open_workbook_auto_from_rs(input))
            .map(|book| Workbook::Whole(shown.clone(), Box::new(book)))
    }

    fn names(&self) -> Vec<String> {
        match self {
            Workbook::Xlsx(_, book, _) => book.sheet_names(),
            Workbook::Whole(_, book) => book.sheet_names(),
        }
    }

    /// The cells of a sheet that reach over several rows, by their first row.
    fn merged(&mut self, sheet: &str) -> Vec<Dimensions> {
        let Workbook::Xlsx(shown, book, Marks { merged: true, .. }) = self else { return Vec::new() };
        // Damage is reported when the rows are read.
        let mut cells = guarded(shown, || book.merge_cells_by_sheet_name(sheet)).unwrap_or_default();
        cells.retain(|at| at.end.0 > at.start.0);
        cells.sort_by_key(|at| (at.start.0, at.start.1));
        cells
    }

    /// Whether some formula has no value.
    fn uncomputed(&self) -> bool {
        matches!(self, Workbook::Xlsx(_, _, Marks { uncomputed: true, .. }))
    }

    /// Hands out the rows of a sheet that are not blank, until no more are wanted.
    fn each_row(&mut self, sheet: &str, each: EachRow<'_>) -> Result<(), Error> {
        match self {
            Workbook::Whole(shown, book) => {
                let range = guarded(shown, || book.worksheet_range(sheet))?;
                let (first_row, first_column) = range.start().unwrap_or_default();
                let mut cells = Vec::new();
                for (at, row) in range.rows().enumerate() {
                    cells.clear();
                    cells.resize(first_column as usize, Data::Empty);
                    cells.extend_from_slice(row);
                    if !each(first_row + at as u32, &cells)? {
                        break;
                    }
                }
                Ok(())
            }
            Workbook::Xlsx(shown, book, _) => {
                let mut reader = guarded(shown, || book.worksheet_cells_reader(sheet))?;
                let (mut row, mut cells) = (0, Vec::new());
                while let Some(cell) = guarded(shown, || reader.next_cell())? {
                    let (at, column) = cell.get_position();
                    if at != row {
                        if !cells.is_empty() && !each(row, &cells)? {
                            return Ok(());
                        }
                        cells.clear();
                        row = at;
                    }
                    if column < MOST_COLUMNS {
                        if cells.len() <= column as usize {
                            cells.resize(column as usize + 1, Data::Empty);
                        }
                        cells[column as usize] = match cell.get_value() {
                            DataRef::SharedString(text) => Data::String((*text).to_owned()),
                            other => Data::from(other.clone()),
                        };
                    }
                }
                if !cells.is_empty() {
                    each(row, &cells)?;
                }
                Ok(())
            }
        }
    }
}

/// Bytes of an entry, counted up to a little over the limit.
fn unpacked<R: Read + Seek>(zip: &mut zip::ZipArchive<R>, at: usize, most: u64) -> Option<u64> {
    let mut entry = zip.by_index(at).ok()?.take(most + 1);
    std::io::copy(&mut entry, &mut std::io::sink()).ok()
}

/// Runs what reads foreign bytes: damage is an error, however the library meets it.
fn guarded<T, E: std::fmt::Display>(path: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, Error> {
    let reason = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "its inner structure is broken".to_owned(),
    };
    Err(Error::Workbook { path: path.to_owned(), reason })
}

/// The cell as a line takes it.
fn cell(value: &Data) -> Cell<'_> {
    match value {
        Data::Empty | Data::Error(_) => Cell::Null,
        Data::Int(number) => Cell::Int(*number),
        Data::Float(number) => Cell::Float(*number),
        Data::Bool(yes) => Cell::Bool(*yes),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) if text.is_empty() => {
            Cell::Null
        }
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => Cell::Text(text),
        Data::DateTime(at) => local(at).map_or(Cell::Float(at.as_f64()), Cell::Local),
    }
}

/// The local time of a date; a bare time of the day is on day 0.
fn local(at: &ExcelDateTime) -> Option<Micros> {
    if at.as_f64() < 1.0 {
        return Some((at.as_f64() * 86_400_000.0).round() as i64 * 1000);
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    let date = NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day))?;
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some(i64::from(days_of(date)) * DAY + seconds * 1_000_000 + i64::from(milli) * 1000)
}

/// The cell as a text, for headers and messages.
fn shown(value: &Data) -> String {
    cell(value).to_string().trim().to_owned()
}
