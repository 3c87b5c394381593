//! For other programs that read: which files are meant, and what the rows of Arrow batches are. An executor of a
//! cluster and a Spark worker read so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::columns::{COLUMNS, Column, Mapping, Places};
use super::files::{self, Format, Packing};
use super::{csv, lines, parquet};
use crate::{Error, Line, Zone};

/// The known columns, needed ones first.
pub const KNOWN_COLUMNS: [&str; COLUMNS] = {
    let mut names = [""; COLUMNS];
    let mut at = 0;
    while at < COLUMNS {
        names[at] = Column::ALL[at].name();
        at += 1;
    }
    names
};

/// A file that another program is to read.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Where it lies.
    pub path: PathBuf,
    /// Its columns. Those of a text file are texts.
    pub schema: SchemaRef,
    /// The delimiter of a text file; `None` for Parquet.
    pub delimiter: Option<u8>,
    /// The ending that tells how a text file is packed: `gz`, `zst` or nothing.
    pub packing: &'static str,
}

/// The files behind paths, globs and folders, found as [`crate::read`] finds them, each with its columns.
///
/// # Errors
/// [`Error`] when nothing matches or a file cannot be read; [`Error::NoHeader`] for NDJSON, whose columns no
/// header tells.
pub fn list(paths: &[String]) -> Result<Vec<Listed>, Error> {
    let listed = files::expand(paths, None)?.into_iter().map(|file| {
        let (schema, delimiter) = match file.format {
            Format::Parquet => (parquet::Plan::schema(&file)?, None),
            Format::Csv(_) => {
                let (names, delimiter) = csv::header(&file)?;
                let fields: Vec<Field> =
                    names.into_iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
                (Arc::new(Schema::new(fields)), Some(delimiter))
            }
            Format::Ndjson => return Err(Error::NoHeader { path: file.shown }),
        };
        let packing = match file.packing {
            Packing::None => "",
            Packing::Gzip => "gz",
            Packing::Zstd => "zst",
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
    /// A row whose customer is empty: left out, and no reject.
    WithoutCustomer,
    /// A reject, with the code of its cause, the same as in a rejects file.
    Rejected(&'static str),
}

/// Reads the rows of Arrow batches of one schema by the rules that hold for files.
#[derive(Clone, Debug)]
pub struct BatchReader {
    shown: String,
    places: Places,
    zone: Zone,
}

impl BatchReader {
    /// A reader for batches of a schema. `columns` maps known names to the schema's own, as in
    /// [`super::ReadOptions::columns`]; times that bear no offset are in `zone`; `shown` names the batches in
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
        let header: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let places = Mapping::new(columns)?.resolve(shown, &header)?;
        parquet::check_types(shown, schema.fields(), &places)?;
        Ok(BatchReader { shown: shown.to_owned(), places, zone })
    }

    /// The known columns, needed ones first, each with its position in the schema if it is there.
    pub fn places(&self) -> impl Iterator<Item = (&'static str, Option<usize>)> + '_ {
        Column::ALL.into_iter().map(|column| (column.name(), self.places[column as usize]))
    }

    /// Tells of each row, in order, what it is.
    ///
    /// # Errors
    /// [`Error::Parquet`] when a column cannot be converted, and whatever `take` returns.
    pub fn read<E: From<Error>>(
        &self,
        batch: &RecordBatch,
        mut take: impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let columns = parquet::columns(batch, &self.places)
            .map_err(|cause| Error::Parquet { path: self.shown.clone(), reason: cause.to_string() })?;
        let mut numbers: [String; COLUMNS] = Default::default();
        for row in 0..batch.num_rows() {
            let cells = columns.each_ref().map(|column| column.cell(row));
            take(match lines::read(&cells, self.zone, &mut numbers) {
                Ok(Some((customer, line))) => Found::Event(customer, line),
                Ok(None) => Found::WithoutCustomer,
                Err(cause) => Found::Rejected(cause.code()),
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};

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
            ("occurred_at", Arc::new(Int64Array::from(vec![7]))),
            ("amount", Arc::new(Int64Array::from(vec![7]))),
        ]);
        let refused =
            BatchReader::new(&rows.schema(), &BTreeMap::new(), Zone::default(), "rows").unwrap_err();
        assert!(refused.to_string().contains("occurred_at"), "{refused}");
        let refused = BatchReader::new(&Schema::empty(), &BTreeMap::new(), Zone::default(), "rows");
        assert!(refused.unwrap_err().to_string().contains("customer_id"));
    }
}
