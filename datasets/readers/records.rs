//! Records of delimited text.
//!
//! Almost every record is one line whose quotes, if any, enclose whole fields. Such a line is split where it lies. Any
//! other record goes through `csv-core`, which knows what else quotes can mean; both give the same fields.

use std::io::{self, Read};
use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr_iter, memchr2};

/// Bytes of a record at most: an open quote must not fill the memory.
const RECORD_BYTES: usize = 16 << 20;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// The fields of a record.
pub(super) struct Record<'a> {
    bytes: &'a [u8],
    fields: &'a [Range<usize>],
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// The lines that it takes.
    pub(super) span: u64,
    /// Whether the bytes are the line itself, whose fields end at delimiters, and not the fields put together, which may split a
    /// character.
    is_line: bool,
}

impl<'a> Record<'a> {
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field; empty where the record has fewer.
    #[inline]
    pub(super) fn get(&self, at: usize) -> &'a [u8] {
        self.fields.get(at).and_then(|field| self.bytes.get(field.clone())).unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        (0..self.len()).map(|at| self.get(at))
    }

    /// All fields as texts, if each of them is UTF-8.
    #[inline]
    pub(super) fn texts(&self) -> Option<Texts<'a>> {
        let text = std::str::from_utf8(self.bytes).ok()?;
        let whole = |field: &Range<usize>| text.is_char_boundary(field.start);
        (self.is_line || self.fields.iter().all(whole)).then_some(Texts { text, fields: self.fields })
    }
}

/// The fields of a record in UTF-8.
pub(super) struct Texts<'a> {
    text: &'a str,
    fields: &'a [Range<usize>],
}

impl<'a> Texts<'a> {
    /// A field; empty where the record has fewer.
    #[inline]
    pub(super) fn get(&self, at: usize) -> &'a str {
        self.fields.get(at).and_then(|field| self.text.get(field.clone())).unwrap_or_default()
    }
}

/// Splits a text into records.
pub(super) struct Records<R> {
    input: R,
    /// What was read of the input and is not yet split: `buffer[start..end]`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    delimiter: u8,
    /// What lines are counted by.
    newline: u8,
    /// The line at `start`, from 1.
    line: u64,
    fields: Vec<Range<usize>>,
    core: Box<Reader>,
    /// Fields that `csv-core` has put together, and where they end.
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// Where the bytes of a record are.
enum Found {
    Line(Range<usize>),
    Text(usize, u64),
}

impl<R: Read> Records<R> {
    /// Records of a text that begins on this line. `cr`: lines end in `\r` alone.
    pub(super) fn new(input: R, delimiter: u8, cr: bool, line: u64) -> Self {
        Records {
            input,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            ended: false,
            delimiter,
            newline: if cr { b'\r' } else { b'\n' },
            line,
            fields: Vec::new(),
            core: Box::new(ReaderBuilder::new().delimiter(delimiter).build()),
            text: vec![0; 1 << 10],
            ends: vec![0; 64],
        }
    }

    /// The next record; nothing at the end of the text. Empty lines are passed over.
    ///
    /// # Errors
    /// Whatever reading says, and when a record is too long.
    pub(super) fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        if !self.skip_empty_lines()? {
            return Ok(None);
        }
        let line = self.line;
        Ok(Some(match self.find()? {
            Found::Line(bytes) => {
                Record { bytes: &self.buffer[bytes], fields: &self.fields, line, span: 1, is_line: true }
            }
            Found::Text(len, span) => {
                Record { bytes: &self.text[..len], fields: &self.fields, line, span, is_line: false }
            }
        }))
    }

    /// Whether something follows the empty lines.
    fn skip_empty_lines(&mut self) -> io::Result<bool> {
        loop {
            while let Some(&byte) = self.buffer[self.start..self.end].first() {
                if !matches!(byte, b'\n' | b'\r') {
                    return Ok(true);
                }
                self.line += u64::from(byte == self.newline);
                self.start += 1;
            }
            if !self.fill()? {
                return Ok(false);
            }
        }
    }

    /// Reads more behind what is there. Returns whether there was more.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end + CHUNK / 2 > self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        let read = loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.end += read;
        self.ended = read == 0;
        Ok(read > 0)
    }

    /// Finds the end of a record and its fields, and goes beyond it.
    #[inline]
    fn find(&mut self) -> io::Result<Found> {
        let mut seen = 0;
        let len = loop {
            let rest = &self.buffer[self.start..self.end];
            if let Some(at) = memchr2(b'\n', b'\r', &rest[seen..]) {
                break seen + at;
            }
            seen = rest.len();
            check_length(seen)?;
            if !self.fill()? {
                break seen;
            }
        };
        let found = self.start..self.start + len;
        if !split(&self.buffer[found.clone()], self.delimiter, &mut self.fields) {
            return self.find_any();
        }
        // The second half of `\r\n` is passed over as an empty line.
        if let Some(&byte) = self.buffer[..self.end].get(found.end) {
            self.line += u64::from(byte == self.newline);
            self.start += 1;
        }
        self.start += len;
        Ok(Found::Line(found))
    }

    /// The same for a record of any form.
    #[cold]
    fn find_any(&mut self) -> io::Result<Found> {
        self.core.reset();
        let (mut taken, mut written, mut fields, mut span) = (0, 0, 0, 1);
        loop {
            let input = &self.buffer[self.start..self.end];
            let (result, read, wrote, ended) =
                self.core.read_record(input, &mut self.text[written..], &mut self.ends[fields..]);
            self.line += memchr_iter(self.newline, &input[..read]).count() as u64;
            self.start += read;
            taken += read;
            written += wrote;
            fields += ended;
            check_length(taken)?;
            match result {
                // At the end of the text nothing more is given to the reader, by which it knows.
                ReadRecordResult::InputEmpty => drop(self.fill()?),
                ReadRecordResult::OutputFull => self.text.resize(2 * self.text.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        let content = self.text[..written].trim_ascii_end();
        span += memchr_iter(b'\n', content).count() as u64;
        self.fields.clear();
        let mut from = 0;
        for &end in &self.ends[..fields] {
            self.fields.push(from..end);
            from = end;
        }
        Ok(Found::Text(written, span))
    }
}

fn check_length(bytes: usize) -> io::Result<()> {
    if bytes > RECORD_BYTES {
        return Err(io::Error::other(format!(
            "a record is longer than {} MiB; look for a quote that is not closed",
            RECORD_BYTES >> 20
        )));
    }
    Ok(())
}

/// Splits a line. Returns `false` where its quotes mean more than that a field begins and ends.
#[inline]
fn split(line: &[u8], delimiter: u8, fields: &mut Vec<Range<usize>>) -> bool {
    fields.clear();
    let mut at = 0;
    loop {
        let rest = &line[at..];
        // Fields are short: a plain search is over before a fast one has begun.
        let end = if let Some(quoted) = rest.strip_prefix(b"\"") {
            let Some(len) = quoted.iter().position(|&byte| byte == b'"') else { return false };
            fields.push(at + 1..at + 1 + len);
            at + len + 2
        } else {
            let len = rest.iter().position(|&byte| byte == delimiter).unwrap_or(rest.len());
            fields.push(at..at + len);
            at + len
        };
        match line.get(end) {
            None => return true,
            Some(&byte) if byte == delimiter => at = end + 1,
            Some(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use csv::ByteRecord;

    use super::*;
    use crate::testing::Dice;

    /// The records of a text, each with its line.
    fn records(text: &[u8], delimiter: u8) -> Vec<(u64, Vec<Vec<u8>>)> {
        let mut records = Records::new(Slowly(text), delimiter, false, 1);
        let mut all = Vec::new();
        while let Some(record) = records.next().unwrap() {
            all.push((record.line, record.iter().map(<[u8]>::to_vec).collect()));
        }
        all
    }

    /// Hands out a few bytes at a time.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = buffer.len().min(7);
            self.0.read(&mut buffer[..len])
        }
    }

    #[test]
    fn records_are_those_of_the_csv_crate() {
        let mut dice = Dice(3);
        let alphabet = b"ab,;\"\"\n\n\r,x,\xc3\xa9";
        for round in 0..4000 {
            let text: Vec<u8> = (0..dice.below(60))
                .map(|_| alphabet[dice.below(alphabet.len() as u64 - u64::from(round % 2 == 0)) as usize])
                .collect();
            let mut reader = csv::ReaderBuilder::new();
            let mut reader = reader.flexible(true).has_headers(false).from_reader(&text[..]);
            let mut expected = Vec::new();
            let mut record = ByteRecord::new();
            while reader.read_byte_record(&mut record).unwrap() {
                expected.push(record.iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
            }
            let found: Vec<_> = records(&text, b',').into_iter().map(|(_, fields)| fields).collect();
            assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn a_record_knows_its_line_however_lines_end() {
        for end in ["\n", "\r\n"] {
            let text = ["a,b", "", "\"x\ny\",2", "c,\"d\"\"e\"", "", "", "f,g"].join(end);
            let lines: Vec<u64> = records(text.as_bytes(), b',').into_iter().map(|(line, _)| line).collect();
            assert_eq!(lines, [1, 3, 5, 8], "{end:?}");
        }
        // What ends lines may change below the part by which the shape was found.
        let text = ["a,b\n".repeat(10), "c,d\r".repeat(8 << 20)].concat();
        let mut mixed = Records::new(text.as_bytes(), b',', false, 1);
        let mut count = 0;
        while mixed.next().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 10 + (8 << 20));
        let mut old = Records::new(&b"a,b\rc,d\r"[..], b',', true, 1);
        assert_eq!(old.next().unwrap().map(|record| record.line), Some(1));
        assert_eq!(old.next().unwrap().map(|record| record.line), Some(2));
        assert!(old.next().unwrap().is_none());
    }

    #[test]
    fn an_open_quote_does_not_fill_the_memory() {
        let text = [&b"a,\""[..], &vec![b'x'; RECORD_BYTES + CHUNK]].concat();
        let error = Records::new(&text[..], b',', false, 1).next().err().unwrap();
        assert!(error.to_string().contains("quote"), "{error}");
    }
}
