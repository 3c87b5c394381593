//! For other programs that read: which files are meant, and what the rows of Arrow batches are. An executor of a
//! cluster and a Spark worker read so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::columns::{Column, KNOWN, Layout, Mapping};
use super::files::{self, Packing};
use super::lines::{self, Outcome, Rules};
use super::rows::Wanted;
use super::table::Table;
use super::{ReadOptions, arrow};
use crate::{Error, Line, Zone};

/// The known columns, needed ones first.
pub const KNOWN_COLUMNS: [&str; KNOWN] = {
    let mut names = [""; KNOWN];
    let mut at = 0;
    while at < KNOWN {
        names[at] = Column::ALL[at].name();
        at += 1;
    }
    names
};

/// A file that another program is to read.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its location.
    pub path: PathBuf,
    /// Its columns. Those of a text file are texts.
    pub schema: SchemaRef,
    /// The delimiter of a text file; `None` for Parquet.
    pub delimiter: Option<u8>,
    /// The extension that gives the compression of a text file: `gz`, `zst` or nothing.
    pub packing: &'static str,
}

/// The files behind paths, globs and folders, found as [`crate::read`] finds them, each with its columns.
///
/// # Errors
/// [`Error`] when nothing matches or a file cannot be read; [`Error::NoHeader`] for NDJSON, whose columns no
/// header tells.
pub fn list(paths: &[String]) -> Result<Vec<Listed>, Error> {
    let mapping = Mapping::new(&BTreeMap::new())?;
    let listed = files::expand(paths, None)?.files.into_iter().map(|file| {
        let table = Table::open(&file, &ReadOptions::default(), &|header| mapping.suits(header))?;
        let elsewhere = |what: &str| Error::NotATable { path: file.shown.clone(), what: what.to_owned() };
        let (schema, delimiter) = match &table {
            Table::Parquet(table) => (table.schema(), None),
            Table::Csv(table) if table.header_line() == Some(1) && table.encoding.is_utf8() => {
                let fields: Vec<Field> =
                    table.header().iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
                (Arc::new(Schema::new(fields)), Some(table.delimiter()))
            }
            Table::Json(_) => return Err(Error::NoHeader { path: file.shown }),
            _ => {
                return Err(elsewhere(
                    "no Parquet and no CSV in UTF-8 with its header in the first line; convert it",
                ));
            }
        };
        let packing = match file.packing {
            Packing::None => "",
            Packing::Gzip => "gz",
            Packing::Zstd => "zst",
            _ => return Err(elsewhere("packed neither as .gz nor as .zst; pack it so")),
        };
        let Some(path) = file.local().map(Path::to_owned) else {
            return Err(Error::NotOnThisMachine { path: file.shown });
        };
        Ok(Listed { path, schema, delimiter, packing })
    });
    listed.collect()
}

/// What a row is.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'a> {
    /// An event of a customer.
    Event(&'a str, Line<'a>),
    /// A row whose customer is empty or nobody, or that bought nothing: left out, and no reject.
    WithoutCustomer,
    /// A reject, with the code of its cause, the same as in a rejects file.
    Rejected(&'static str),
}

/// Reads the rows of Arrow batches of one schema by the rules that hold for files.
#[derive(Clone, Debug)]
pub struct BatchReader {
    shown: String,
    layout: Layout,
    wanted: Wanted,
    rules: Rules,
    zone: Zone,
}

impl BatchReader {
    /// A reader for batches of a schema. `columns` maps known names to the schema's own, as in
    /// [`super::ReadOptions::columns`]; times without an offset are in `zone`; `shown` names the batches in
    /// messages.
    ///
    /// # Errors
    /// [`Error`] when a needed column is missing, a name is not known, or a type cannot mean what it should.
    pub fn new(
        schema: &Schema,
        columns: &BTreeMap<String, String>,
        zone: Zone,
        shown: &str,
    ) -> Result<BatchReader, Error> {
        let header: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut layout = Mapping::new(columns)?.layout(shown, &header, false)?;
        // There are no values yet that could show what a name means that is only like one.
        if layout.loose_status {
            layout.places[Column::Status as usize] = None;
        }
        let wanted = Wanted::new(&layout.places, &header, &[]);
        arrow::check_types(shown, schema.fields(), &wanted.slots)?;
        let rules = Rules {
            multiply: layout.multiply,
            mail: layout.mail,
            guest_zero: layout.guest_zero,
            ..Rules::default()
        };
        Ok(BatchReader { shown: shown.to_owned(), layout, wanted, rules, zone })
    }

    /// The known columns, needed ones first, each with its position in the schema if it is there.
    pub fn places(&self) -> impl Iterator<Item = (&'static str, Option<usize>)> + '_ {
        Column::ALL[..KNOWN].iter().map(|&column| (column.name(), self.layout.places[column as usize]))
    }

    /// Says for each row, in order, what it is.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a column cannot be converted, and whatever `take` returns.
    pub fn read<E: From<Error>>(
        &self,
        batch: &RecordBatch,
        mut take: impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let columns = arrow::columns(batch, &self.wanted.slots).map_err(|cause| Error::Damaged {
            path: self.shown.clone(),
            format: "Arrow",
            reason: cause.to_string(),
        })?;
        let mut scratch: [String; KNOWN] = Default::default();
        let mut cells = self.wanted.constants();
        for row in 0..batch.num_rows() {
            for (slot, values) in &columns {
                cells[*slot] = values.cell(row);
            }
            match lines::read(&cells, &self.rules, self.zone, "", &mut scratch) {
                Ok(Outcome::Event(found)) => {
                    // A row is one event here: what was paid back is taken off the purchase.
                    let amount =
                        found.line.amount - found.refund.unwrap_or(0.0).min(found.line.amount.max(0.0));
                    take(Found::Event(found.who.id, Line { amount, ..found.line }))?;
                }
                Ok(Outcome::Nobody(_) | Outcome::LeftOut(..)) => take(Found::WithoutCustomer)?,
                Err(cause) => take(Found::Rejected(cause.code()))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{ArrayRef, Float64Array, Int64Array, ListArray, StringArray};

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn rows_are_what_they_would_be_in_a_file() {
        let rows = batch(vec![
            ("member", Arc::new(Int64Array::from(vec![Some(7), None, Some(8), Some(9)])) as ArrayRef),
            ("occurred_at", Arc::new(StringArray::from(vec!["2011-09-09", "", "2011-09-09", "soon"]))),
            ("amount", Arc::new(Float64Array::from(vec![-1.5, 2.0, f64::NAN, 3.0]))),
        ]);
        let names = BTreeMap::from([("customer_id".to_owned(), "member".to_owned())]);
        let reader = BatchReader::new(&rows.schema(), &names, Zone::default(), "rows").unwrap();
        let mut found = Vec::new();
        reader
            .read::<Error>(&rows, |row| {
                found.push(match row {
                    Found::Event(customer, line) => format!("{customer} {:?} {}", line.kind, line.amount),
                    Found::WithoutCustomer => "-".to_owned(),
                    Found::Rejected(code) => code.to_owned(),
                });
                Ok(())
            })
            .unwrap();
        assert_eq!(found, ["7 Return -1.5", "-", "not_finite", "bad_occurred_at"]);
    }

    #[test]
    fn a_schema_that_cannot_serve_is_refused_by_name() {
        let rows = batch(vec![
            ("customer_id", Arc::new(Int64Array::from(vec![7])) as ArrayRef),
            (
                "occurred_at",
                Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(7)])])),
            ),
            ("amount", Arc::new(Int64Array::from(vec![7]))),
        ]);
        let refused =
            BatchReader::new(&rows.schema(), &BTreeMap::new(), Zone::default(), "rows").unwrap_err();
        assert!(refused.to_string().contains("occurred_at"), "{refused}");
        let refused = BatchReader::new(&Schema::empty(), &BTreeMap::new(), Zone::default(), "rows");
        assert!(refused.unwrap_err().to_string().contains("customer_id"));
    }
}
