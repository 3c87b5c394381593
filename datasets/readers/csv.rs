//! Lines from CSV and TSV files.

use std::io::{self, BufRead, Cursor, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::columns::{Column, Mapping, Places};
use super::files::{DataFile, Format};
use super::lines::{Cell, Gather, Sink, id};
use super::progress::Progress;
use super::rejects::{Cause, Place};
use crate::Error;

/// Bytes of a header line at most.
const HEADER_BYTES: u64 = 1 << 20;

/// Lines that one record may take at most. A record that takes more has an open quote.
const RECORD_LINES: u64 = 1000;

/// What is known of a CSV file before its lines are read.
pub(crate) struct Plan {
    places: Places,
    width: usize,
    delimiter: u8,
}

impl Plan {
    /// Reads the header and finds the columns.
    pub(crate) fn new(file: &DataFile, mapping: &Mapping) -> Result<Plan, Error> {
        let (header, delimiter) = header(file)?;
        Ok(Plan { places: mapping.resolve(&file.shown, &header)?, width: header.len(), delimiter })
    }

    /// Reads all lines.
    pub(crate) fn read<S: Sink>(
        &self,
        file: &DataFile,
        at: u32,
        gather: &mut Gather<S>,
        progress: &Progress,
    ) -> Result<(), Error> {
        let (mut reader, crlf, _) = open(file, Some(progress))?;
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(|error| broken(file, error))? {
            // The reader stops between `\r` and `\n`, so that it is a line behind in files that end lines so.
            let row = record.position().map_or(0, csv::Position::line) + u64::from(crlf);
            // An open quote swallows the last line's end too.
            let content = record.as_slice().trim_ascii_end();
            let span = 1 + content.iter().filter(|&&byte| byte == b'\n').count() as u64;
            let place = Place { file: at, row, span };
            if span > RECORD_LINES {
                return Err(Error::OpenQuote { path: file.shown.clone(), line: row, lines: RECORD_LINES });
            }
            if record.len() != self.width {
                let cause = if span > 1 { Cause::OpenQuote } else { Cause::WrongFieldCount };
                gather.refuse(place, cause, || {
                    let fields: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
                    fields.join(" | ")
                });
                continue;
            }
            let cells = self.places.map(|place| match place.and_then(|place| record.get(place)) {
                None | Some([]) => Cell::Null,
                Some(bytes) => std::str::from_utf8(bytes).map_or(Cell::NotUtf8, Cell::Text),
            });
            gather.take(place, &cells)?;
        }
        Ok(())
    }

    /// The customers of a stretch of whole lines, as far as they can be read.
    pub(crate) fn sample(&self, stretch: &[u8], ids: &mut Vec<Box<str>>) {
        let mut reader = ReaderBuilder::new();
        let mut reader =
            reader.delimiter(self.delimiter).flexible(true).has_headers(false).from_reader(stretch);
        let Some(place) = self.places[Column::CustomerId as usize] else { return };
        let (mut record, mut number) = (ByteRecord::new(), String::new());
        while let Ok(true) = reader.read_byte_record(&mut record) {
            let text = record.get(place).and_then(|bytes| std::str::from_utf8(bytes).ok());
            if record.len() == self.width
                && let Some(text) = text
                && let Ok(Some(id)) = id(Cell::Text(text), &mut number)
            {
                ids.push(id.into());
            }
        }
    }
}

type Text = io::Chain<Cursor<Vec<u8>>, Box<dyn BufRead + Send>>;

/// The names of a file's columns, and its delimiter.
pub(crate) fn header(file: &DataFile) -> Result<(Vec<String>, u8), Error> {
    let (mut reader, _, delimiter) = open(file, None)?;
    let header = reader.byte_headers().map_err(|error| broken(file, error))?;
    if header.iter().all(|name| name.trim_ascii().is_empty()) {
        return Err(Error::EmptyFile { path: file.shown.clone() });
    }
    let names = header.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned()));
    let names = names.collect::<Result<Vec<_>, _>>();
    Ok((names.map_err(|_| Error::NotUtf8 { path: file.shown.clone() })?, delimiter))
}

/// Opens a file; finds out its delimiter, and whether its lines end in `\r\n`.
fn open(file: &DataFile, progress: Option<&Progress>) -> Result<(Reader<Text>, bool, u8), Error> {
    let mut text = file.text(progress)?;
    let mut start = Vec::new();
    // The header is the first line that is not blank.
    loop {
        let from = start.len();
        let read = text.by_ref().take(HEADER_BYTES).read_until(b'\n', &mut start);
        let read = read.map_err(|reason| file.unreadable(reason))?;
        if read == 0 || !start[from..].trim_ascii().is_empty() {
            break;
        }
    }
    let delimiter = match file.format {
        Format::Csv(Some(delimiter)) => delimiter,
        _ => sniff(&start),
    };
    let crlf = start.ends_with(b"\r\n");
    let mut reader = ReaderBuilder::new();
    reader.delimiter(delimiter).flexible(true).buffer_capacity(1 << 16);
    Ok((reader.from_reader(Cursor::new(start).chain(text)), crlf, delimiter))
}

/// The delimiter that stands most often in the header, outside quotes; of equals the first of these.
fn sniff(header: &[u8]) -> u8 {
    let mut best = (b',', 0);
    for delimiter in *b",;\t|" {
        let mut quoted = false;
        let mut count = 0;
        for &byte in header {
            quoted ^= byte == b'"';
            count += usize::from(byte == delimiter && !quoted);
        }
        if count > best.1 {
            best = (delimiter, count);
        }
    }
    best.0
}

fn broken(file: &DataFile, error: csv::Error) -> Error {
    file.unreadable(match error.into_kind() {
        csv::ErrorKind::Io(reason) => reason,
        other => io::Error::other(format!("{other:?}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_the_header_uses() {
        assert_eq!(sniff(b"a,b,c\n"), b',');
        assert_eq!(sniff(b"a;\"b,,,,c\";d\n"), b';');
        assert_eq!(sniff(b"a\tb\n"), b'\t');
        assert_eq!(sniff(b"a|b|c,d\n"), b'|');
        assert_eq!(sniff(b"alone\n"), b',');
    }
}
