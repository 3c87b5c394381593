//! Rows of delimited text.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use super::columns::Column;
use super::encoding::{Encoding, decode_alone};
use super::files::{DataFile, Format};
use super::headings::heading;
use super::lines::{Cell, Cells};
use super::progress::Progress;
use super::records::{Record, Records};
use super::rejects::{Cause, Place};
use super::rows::{Take, Wanted};
use super::shape::{self, Around, BLANKS, Shape};
use crate::warnings::Code;
use crate::{Error, ReadOptions};

/// Bytes at the beginning of a file by which encoding and shape are found.
const START_BYTES: usize = 1 << 18;

/// Bytes of a record at most: an open quote must not fill the memory.
const RECORD_BYTES: u64 = 16 << 20;

/// Lines that one record may take at most. A record that takes more has an open quote.
const RECORD_LINES: u64 = 1000;

/// A delimited text whose shape is known.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) encoding: Encoding,
    shape: Shape,
}

impl Table {
    /// Finds encoding, delimiter and header.
    pub(crate) fn open(
        file: &DataFile,
        options: &ReadOptions,
        suits: &dyn Fn(&[String]) -> bool,
    ) -> Result<Table, Error> {
        let (start, whole) = file.start(START_BYTES)?;
        let encodings = match &options.encoding {
            Some(name) => vec![Encoding::named(name, &start)?],
            None => Encoding::candidates(&start, whole),
        };
        let told = match file.format {
            Format::Csv(delimiter) => delimiter,
            _ => None,
        };
        let mut first = None;
        for encoding in encodings {
            let mut text = encoding.decode(&start, true);
            if !whole && let Some(end) = text.rfind(['\n', '\r']) {
                text.truncate(end + 1);
            }
            let Some(shape) = shape::find(&text, told, options.header, suits) else { continue };
            let table = Table { encoding, shape };
            if suits(&table.shape.header) {
                return Ok(table);
            }
            first.get_or_insert(table);
        }
        let table = first.ok_or_else(|| Error::EmptyFile { path: file.shown.clone() })?;
        shape::refuse_data(&file.shown, &table.shape)?;
        Ok(table)
    }

    pub(crate) fn header(&self) -> &[String] {
        &self.shape.header
    }

    pub(crate) fn delimiter(&self) -> u8 {
        self.shape.delimiter
    }

    /// The line of the header, from 1.
    pub(crate) fn header_line(&self) -> Option<u64> {
        self.shape.has_header.then_some(self.shape.skip + 1)
    }

    /// Reads the rows of the file.
    pub(crate) fn read<T: Take>(
        &self,
        file: &DataFile,
        at: u32,
        wanted: &Wanted,
        take: &mut T,
        progress: &Progress,
    ) -> Result<(), Error> {
        let unreadable = |reason| file.unreadable(reason);
        let mut text = self.encoding.text(file.unpacked(Some(progress))?).map_err(unreadable)?;
        let end = if self.shape.cr { b'\r' } else { b'\n' };
        let mut line = Vec::new();
        for _ in 0..self.shape.skip {
            line.clear();
            text.by_ref().take(RECORD_BYTES).read_until(end, &mut line).map_err(unreadable)?;
        }
        let text: Box<dyn Read + Send> = match self.shape.delimiter {
            BLANKS => Box::new(Tabbed { inner: text, line: Vec::new(), at: 0 }),
            _ => Box::new(text),
        };
        self.read_text(text, file, at, wanted, take)
    }

    /// The rows of a stretch of whole lines.
    pub(crate) fn read_stretch<T: Take>(
        &self,
        stretch: &[u8],
        file: &DataFile,
        wanted: &Wanted,
        take: &mut T,
    ) -> Result<(), Error> {
        if self.encoding.name().starts_with("UTF-16") || self.shape.delimiter == BLANKS || self.shape.cr {
            return Ok(());
        }
        let text = self.encoding.decode(stretch, false);
        let shape = Shape { has_header: false, ..self.shape.clone() };
        let table = Table { encoding: self.encoding, shape };
        table.read_text(Box::new(io::Cursor::new(text.into_bytes())), file, 0, wanted, take)
    }

    fn read_text<T: Take>(
        &self,
        text: Box<dyn Read + Send>,
        file: &DataFile,
        at: u32,
        wanted: &Wanted,
        take: &mut T,
    ) -> Result<(), Error> {
        let delimiter = if self.shape.delimiter == BLANKS { b'\t' } else { self.shape.delimiter };
        let unreadable = |reason| file.unreadable(reason);
        let mut records = Records::new(text, delimiter, self.shape.cr, 1 + self.shape.skip);
        if self.shape.has_header {
            records.next().map_err(unreadable)?;
        }
        let width = self.shape.header.len();
        let base = wanted.constants();
        let mut around = Around::new(&self.shape.header);
        while let Some(record) = records.next().map_err(unreadable)? {
            let Record { line: row, span, .. } = record;
            let place = Place { file: at, row, span };
            if span > RECORD_LINES {
                return Err(Error::OpenQuote { path: file.shown.clone(), line: row, lines: RECORD_LINES });
            }
            if record.len() != width && !self.fits(&record) {
                if around.has(&texts(&record).iter().map(|text| &**text).collect::<Vec<_>>()) {
                    take.remark();
                    continue;
                }
                let cause = if span > 1 { Cause::OpenQuote } else { Cause::WrongFieldCount };
                take.refuse(place, cause, || {
                    let fields: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
                    fields.join(" | ")
                });
                continue;
            }
            let decoded;
            let mut cells = base;
            if let Some(fields) = record.texts() {
                for &(slot, place) in &wanted.slots {
                    let text = fields.get(place);
                    if !text.is_empty() {
                        cells[slot] = Cell::Text(text);
                    }
                }
            } else {
                decoded = decode_record(&record);
                for &(slot, place) in &wanted.slots {
                    cells[slot] = decoded
                        .get(place)
                        .filter(|text| !text.is_empty())
                        .map_or(Cell::Null, |text| Cell::Text(text));
                }
                if wanted.slots.iter().any(|&(_, place)| std::str::from_utf8(record.get(place)).is_err()) {
                    take.note(Code::MixedEncoding, || format!("{}, line {row}", file.shown));
                }
            }
            if is_around(&mut around, &record, &cells, wanted, take) {
                continue;
            }
            around.end();
            take.take(place, &cells)?;
            if take.done() {
                break;
            }
        }
        Ok(())
    }

    /// Whether a record of another width has nothing but empty fields too many.
    fn fits(&self, record: &Record<'_>) -> bool {
        let width = self.shape.header.len();
        record.len() > width && record.iter().skip(width).all(|field| field.trim_ascii().is_empty())
    }
}

/// Whether a record is no line of the table but one around it: a description, a heading, a sum, a remark.
fn is_around<T: Take>(
    around: &mut Around<'_>,
    record: &Record<'_>,
    cells: &Cells<'_>,
    wanted: &Wanted,
    take: &mut T,
) -> bool {
    let [occurred_at, amount, customer] =
        [Column::OccurredAt, Column::Amount, Column::CustomerId].map(|column| cells[column as usize]);
    let undated = matches!(occurred_at, Cell::Null | Cell::Text(_)) && take.is_remark(cells);
    if !undated && !around.expects_sums() {
        return false;
    }
    let texts = texts(record);
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    let described = undated && around.describes(occurred_at, amount);
    if !described && undated && take.heading(heading(customer, &texts, wanted)) {
        return true;
    }
    let is = described || around.has(&texts);
    if is {
        take.remark();
    }
    is
}

/// The fields of a record as texts.
fn texts<'a>(record: &Record<'a>) -> Vec<Cow<'a, str>> {
    record.iter().map(|cell| String::from_utf8_lossy(cell.trim_ascii())).collect()
}

/// A record in which some field is no UTF-8.
fn decode_record(record: &Record<'_>) -> Vec<String> {
    let field = |field: &[u8]| match std::str::from_utf8(field) {
        Ok(text) => text.to_owned(),
        Err(_) => decode_alone(field),
    };
    record.iter().map(field).collect()
}

/// Lines whose columns are set off by blanks, with tabs in their place.
struct Tabbed {
    inner: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    at: usize,
}

impl Read for Tabbed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            let mut line = Vec::new();
            self.inner.by_ref().take(RECORD_BYTES).read_until(b'\n', &mut line)?;
            let fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
            self.line = fields.collect::<Vec<_>>().join(&b'\t');
            if !line.is_empty() {
                self.line.push(b'\n');
            }
            self.at = 0;
        }
        let len = (self.line.len() - self.at).min(buffer.len());
        buffer[..len].copy_from_slice(&self.line[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}
