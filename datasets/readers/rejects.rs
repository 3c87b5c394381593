//! Rejected lines: counted by cause, and listed in a file for the person who fixes them.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::columns::{Column, KNOWN};
use crate::event::Invalid;
use crate::{Error, private};

/// Lines that a rejects file lists at most; the counts are always whole.
pub(crate) const LISTED_REJECTS: usize = 100_000;

/// Bytes of a raw value that a rejects file shows at most.
const SHOWN_BYTES: usize = 500;

/// Why a line is rejected. The text says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Cause {
    #[error("the record has more or fewer fields than the header; quote fields that hold the delimiter")]
    WrongFieldCount,
    #[error("a quote is not closed, so one record spans several lines; close the quote, or double it")]
    OpenQuote,
    #[error("the line is not a JSON object; write one object per line")]
    BadJson,
    #[error("the line is not valid UTF-8; save the file as UTF-8")]
    NotUtf8,
    #[error("the customer id is neither text nor an integer; write it as text")]
    BadCustomerId,
    #[error("the line has no date; fill in the column `occurred_at`")]
    MissingOccurredAt,
    #[error(
        "`occurred_at` is not a date or time, or has another format than the rest of the column; write \
         2011-09-09, 2011-09-09 10:30:00 or 2011-09-09T10:30:00Z"
    )]
    BadOccurredAt,
    #[error(
        "`recorded_at` is not a date or time; write 2011-09-09, 2011-09-09 10:30:00 or 2011-09-09T10:30:00Z"
    )]
    BadRecordedAt,
    #[error("`amount` is not a number, or has another format than the rest of the column; write 1234.50")]
    BadAmount,
    #[error("`quantity` is not a number; write 3 or 0.25, or ignore the column with --columns quantity=")]
    BadQuantity,
    #[error(
        "`kind` is unknown; write purchase, return, visit, ... or ignore the column with --columns kind="
    )]
    UnknownKind,
    #[error("a text column contains a list, an object or true/false; write text or a number")]
    BadText,
    #[error("an id or name is longer than 1000 bytes; shorten it, or check for an unclosed quote")]
    TextTooLong,
    #[error(
        "the date is in the future or far from all others; correct it, or accept it with --accept far_dates"
    )]
    FarDate,
    #[error("{0}")]
    Invalid(Invalid),
}

impl Cause {
    /// The stable code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Cause::WrongFieldCount => "wrong_field_count",
            Cause::OpenQuote => "open_quote",
            Cause::BadJson => "bad_json",
            Cause::NotUtf8 => "not_utf8",
            Cause::BadCustomerId => "bad_customer_id",
            Cause::MissingOccurredAt => "missing_occurred_at",
            Cause::BadOccurredAt => "bad_occurred_at",
            Cause::BadRecordedAt => "bad_recorded_at",
            Cause::BadAmount => "bad_amount",
            Cause::BadQuantity => "bad_quantity",
            Cause::UnknownKind => "unknown_kind",
            Cause::BadText => "bad_text",
            Cause::TextTooLong => "text_too_long",
            Cause::FarDate => "far_date",
            Cause::Invalid(invalid) => invalid.code(),
        }
    }
}

/// What was there, as far as it can be distinguished.
pub(crate) enum Raw {
    /// The values of the known columns.
    Values(Box<[String; KNOWN]>),
    /// A line that could not be split.
    Line(String),
}

/// The position of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Position in the list of files.
    pub(crate) file: u32,
    /// From 1: the row of a Parquet file, the line of a text file (a header counts as a line).
    pub(crate) row: u64,
    /// Lines of the file that it takes, at least 1. A rejected record counts as all of them, so that an open
    /// quote that swallows a hundred lines does not pass for one bad line.
    pub(crate) span: u64,
}

struct Reject {
    place: Place,
    cause: Cause,
    raw: Raw,
}

/// The rejects of one reader, in the order of the files and their rows.
pub(crate) struct Rejects {
    counts: BTreeMap<Cause, u64>,
    listed: Vec<Reject>,
    list: bool,
}

impl Rejects {
    /// No rejects yet; `list` when they are to be written to a file.
    pub(crate) fn new(list: bool) -> Self {
        Rejects { counts: BTreeMap::new(), listed: Vec::new(), list }
    }

    /// Counts the lines of a place, and lists them as one reject.
    pub(crate) fn add(&mut self, place: Place, cause: Cause, raw: impl FnOnce() -> Raw) {
        *self.counts.entry(cause).or_default() += place.span;
        if self.list && self.listed.len() < LISTED_REJECTS {
            self.listed.push(Reject { place, cause, raw: raw() });
        }
    }

    /// Takes in the rejects of a reader that read what comes after.
    pub(crate) fn absorb(&mut self, other: Rejects) {
        for (cause, count) in other.counts {
            *self.counts.entry(cause).or_default() += count;
        }
        let room = LISTED_REJECTS - self.listed.len();
        self.listed.extend(other.listed.into_iter().take(room));
    }

    /// Rejects that are listed.
    pub(crate) fn listed(&self) -> usize {
        self.listed.len()
    }

    /// Keeps so many of the list; the counts stay whole.
    pub(crate) fn shorten(&mut self, listed: usize) {
        self.listed.truncate(listed);
    }

    /// Number of rejected lines.
    pub(crate) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Lines rejected for this cause.
    pub(crate) fn of(&self, cause: Cause) -> u64 {
        self.counts.get(&cause).copied().unwrap_or(0)
    }

    /// The commonest cause and its count, far-off dates left aside; of equals the first.
    pub(crate) fn commonest(&self) -> Option<(Cause, u64)> {
        let counts = self.counts.iter().rev().map(|(&cause, &count)| (cause, count));
        counts.filter(|&(cause, _)| cause != Cause::FarDate).max_by_key(|&(_, count)| count)
    }

    /// Lines by the code of their cause.
    pub(crate) fn by_code(&self) -> BTreeMap<String, u64> {
        self.counts.iter().map(|(cause, &count)| (cause.code().to_owned(), count)).collect()
    }

    /// Writes the list as CSV. Nothing is written when nothing was rejected.
    pub(crate) fn write(&self, path: &Path, files: &[String]) -> Result<(), Error> {
        if self.listed.is_empty() {
            return Ok(());
        }
        let failed = |reason| Error::RejectsFile { path: path.display().to_string(), reason };
        let file = private::options().create(true).truncate(true).write(true).open(path).map_err(failed)?;
        self.write_to(BufWriter::new(file), files).map_err(failed)
    }

    fn write_to(&self, out: impl Write, files: &[String]) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        let place = ["file", "row", "cause", "what_to_do"];
        csv.write_record(
            place.into_iter().chain(Column::ALL[..KNOWN].iter().map(|column| column.name())).chain(["line"]),
        )?;
        for reject in &self.listed {
            let file = files.get(reject.place.file as usize).map_or("", String::as_str);
            csv.write_field(guarded(file))?;
            csv.write_field(reject.place.row.to_string())?;
            csv.write_field(reject.cause.code())?;
            csv.write_field(reject.cause.to_string())?;
            match &reject.raw {
                Raw::Values(values) => {
                    values.iter().try_for_each(|value| csv.write_field(guarded(value)))?;
                    csv.write_field("")?;
                }
                Raw::Line(line) => {
                    (0..KNOWN).try_for_each(|_| csv.write_field(""))?;
                    csv.write_field(guarded(line))?;
                }
            }
            csv.write_record(None::<&[u8]>)?;
        }
        csv.flush()
    }
}

/// The text as a cell that no spreadsheet takes for a formula: a leading apostrophe where it begins like one.
fn guarded(text: &str) -> String {
    let mut shown = text;
    if let Some(end) =
        text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|&end| end <= SHOWN_BYTES).last()
    {
        shown = &text[..end];
    }
    let number = shown.parse::<f64>().is_ok_and(f64::is_finite);
    let formula = shown.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && !number;
    if formula { format!("'{shown}") } else { shown.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_taken_for_a_formula() {
        let formulas = ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1"];
        assert!(formulas.iter().all(|text| guarded(text) == format!("'{text}")));
        let plain = ["-12.50", "+3", "1e5", "c=1", "", "é"];
        assert!(plain.iter().all(|text| guarded(text) == *text));
        assert_eq!(guarded(&"é".repeat(400)).len(), 500);
    }

    #[test]
    fn lists_are_cut_and_counts_are_whole() {
        let mut all = Rejects::new(true);
        for part in 0..3 {
            let mut rejects = Rejects::new(true);
            for row in 0..50_000 {
                let cause = if part == 2 { Cause::BadJson } else { Cause::BadAmount };
                rejects.add(Place { file: part, row, span: 1 }, cause, || Raw::Line("x".into()));
            }
            all.absorb(rejects);
        }
        assert_eq!((all.total(), all.listed.len()), (150_000, LISTED_REJECTS));
        assert_eq!(all.commonest(), Some((Cause::BadAmount, 100_000)));
        assert_eq!(all.by_code()["bad_json"], 50_000);
        let last = &all.listed[LISTED_REJECTS - 1];
        assert_eq!((last.place.file, last.place.row), (1, 49_999));
    }
}
