//! What the readers made of the files, for the person who has to trust it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::columns::{Column, KNOWN, Layout, Multiply};
use super::files::DataFile;
use super::headings::Headings;
use super::lines::{Cells, Grouped, Outcome, Rules, read, undated};
use super::rejects::Place;
use super::rows::Take;
use super::table::Table;
use crate::{Error, Zone};

/// How files of one layout were understood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recognised {
    /// The first of the files.
    pub file: String,
    /// How many files have this layout.
    pub files: usize,
    /// `csv`, `json`, `workbook`, `parquet` or `arrow`.
    pub format: &'static str,
    /// How it is packed.
    pub compression: Option<&'static str>,
    /// The encoding of a text.
    pub encoding: Option<&'static str>,
    /// What sets off the columns of a text.
    pub delimiter: Option<String>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
    /// The line or row of the header, from 1.
    pub header_line: Option<u64>,
    /// The system that writes such exports, where it is known.
    pub export: Option<&'static str>,
    /// From homing's name of a column to the file's own.
    pub columns: BTreeMap<&'static str, String>,
    /// The order of day and month, or the unit of numbers, where dates do not show it themselves.
    pub dates: Option<String>,
    /// The decimal mark of amounts, where a text shows it.
    pub decimal: Option<String>,
    /// Whether amounts are price x quantity.
    pub price_by_quantity: bool,
    /// Whether customers stand in headings above their rows.
    pub headings: bool,
    /// The files that were joined with this one, and by what.
    pub joined: Option<String>,
    /// The first lines as understood, where they were asked for.
    pub first_lines: Vec<FirstLine>,
}

/// A line as it was understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FirstLine {
    /// The customer.
    pub customer_id: String,
    /// The instant, in the business's zone.
    pub occurred_at: String,
    /// The kind.
    pub kind: &'static str,
    /// The amount.
    pub amount: String,
    /// Why the line was left out, if it was.
    pub left_out: Option<String>,
}

impl Recognised {
    pub(super) fn new(
        file: &DataFile,
        table: &Table,
        header: &[String],
        layout: &Layout,
        rules: &Rules,
    ) -> Self {
        let named = |column: &Column| {
            layout.places[*column as usize].map(|place| (column.name(), header[place].clone()))
        };
        let (encoding, delimiter, sheet, header_line) = match table {
            Table::Csv(table) => {
                let delimiter = match table.delimiter() {
                    b' ' => "blanks".to_owned(),
                    b'\t' => "tab".to_owned(),
                    other => char::from(other).to_string(),
                };
                (Some(table.encoding.name()), Some(delimiter), None, table.header_line())
            }
            Table::Json(table) => (Some(table.encoding.name()), None, None, None),
            Table::Workbook(table) => (None, None, Some(table.sheet.clone()), table.header_line()),
            Table::Parquet(_) | Table::Arrow(_) => (None, None, None, None),
        };
        let form = rules.occurred_at;
        let dates = form.order.map(|order| order.name().to_owned());
        Recognised {
            file: file.shown.clone(),
            files: 1,
            format: file.format.name(),
            compression: file.packing.name(),
            encoding,
            delimiter,
            sheet,
            header_line,
            export: layout.export,
            columns: Column::ALL.iter().filter_map(named).collect(),
            dates: dates.or_else(|| form.ticks.map(|ticks| ticks.name().to_owned())),
            decimal: rules.amount.decimal.map(|decimal| decimal.to_string()),
            price_by_quantity: layout.multiply != Multiply::No,
            headings: rules.headings != Grouped::No,
            joined: None,
            first_lines: Vec::new(),
        }
    }
}

impl Recognised {
    /// How the table lies in its file.
    pub(super) fn shape(&self) -> String {
        let mut shape = self.format.to_owned();
        let parts = [self.compression, self.encoding].into_iter().flatten();
        parts.for_each(|part| shape += &format!(", {part}"));
        if let Some(delimiter) = &self.delimiter {
            shape += &format!(", delimiter {delimiter}");
        }
        if let Some(sheet) = &self.sheet {
            shape += &format!(", sheet `{sheet}`");
        }
        if let Some(line) = self.header_line.filter(|&line| line > 1) {
            shape += &format!(", header in line {line}");
        }
        shape
    }

    /// Whether there is nothing to report: homing's own names in one of its own formats.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let own = self.columns.iter().all(|(known, own)| known == own);
        own && self.export.is_none()
            && !self.headings
            && self.joined.is_none()
            && self.encoding.is_none_or(|encoding| encoding == "UTF-8")
            && self.dates.is_none()
            && self.header_line.is_none_or(|line| line == 1)
    }
}

impl fmt::Display for Recognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "recognised: {}", self.export.unwrap_or("table"))?;
        let more = if self.files > 1 { format!(" and {} more", self.files - 1) } else { String::new() };
        write!(f, " in {}{more}: {}", self.file, self.shape())?;
        if let Some(dates) = &self.dates {
            write!(f, ", dates {dates}")?;
        }
        if let Some(decimal) = self.decimal.as_ref().filter(|decimal| *decimal != ".") {
            write!(f, ", decimal {decimal}")?;
        }
        let columns = self.columns.iter().filter(|(known, own)| *known != own);
        let columns: Vec<String> = columns.map(|(known, own)| format!("{known} = {own}")).collect();
        if !columns.is_empty() {
            write!(f, "; {}", columns.join(", "))?;
        }
        if self.price_by_quantity {
            write!(f, "; amounts are price x quantity")?;
        }
        if self.headings {
            write!(f, "; the customer of a row is the heading above it")?;
        }
        if let Some(joined) = &self.joined {
            write!(f, "; {joined}")?;
        }
        Ok(())
    }
}

/// Takes the first lines of a file as they are understood.
pub(super) struct Preview<'r> {
    rules: &'r Rules,
    zone: Zone,
    most: usize,
    headings: Headings,
    pub(super) lines: Vec<FirstLine>,
}

impl<'r> Preview<'r> {
    pub(super) fn new(rules: &'r Rules, zone: Zone, most: usize) -> Self {
        Preview { rules, zone, most, headings: Headings::default(), lines: Vec::new() }
    }
}

impl Take for Preview<'_> {
    fn take(&mut self, _: Place, cells: &Cells<'_>) -> Result<(), Error> {
        let mut scratch: [String; KNOWN] = Default::default();
        let cells = &self.headings.fill(cells);
        let raw = |column: Column| cells[column as usize].to_string();
        let left_out = |why: String| FirstLine {
            customer_id: raw(Column::CustomerId),
            occurred_at: raw(Column::OccurredAt),
            kind: "",
            amount: raw(Column::Amount),
            left_out: Some(why),
        };
        self.lines.push(match read(cells, self.rules, self.zone, "", &mut scratch) {
            Ok(Outcome::Event(found)) => FirstLine {
                customer_id: found.who.id.to_owned(),
                occurred_at: self.zone.format(found.line.occurred_at),
                kind: found.line.kind.name(),
                amount: found.line.amount.to_string(),
                left_out: None,
            },
            Ok(Outcome::Nobody(_)) => left_out("no customer".to_owned()),
            Ok(Outcome::LeftOut(code, _)) => left_out(code.name().to_owned()),
            Err(cause) => left_out(cause.code().to_owned()),
        });
        Ok(())
    }

    fn is_remark(&self, cells: &Cells<'_>) -> bool {
        undated(cells, self.rules)
    }

    fn heading(&mut self, name: &str) -> bool {
        self.rules.headings != Grouped::No && self.headings.take(name, self.rules.headings)
    }

    fn done(&self) -> bool {
        self.lines.len() >= self.most
    }
}
