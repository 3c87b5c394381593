//! Records of members from files, for [`crate::identity`] to join.

use std::collections::BTreeMap;
use std::io::BufRead as _;

use arrow_array::cast::AsArray;
use arrow_array::{Array, StringArray};
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Serialize;

use crate::Error;
use crate::identity::{Joiner, Key, Member, People};
use crate::readers::files::{DataFile, Format, expand};

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemberSummary {
    /// Files.
    pub files: usize,
    /// Lines.
    pub lines: u64,
    /// Lines without a record id, which were left out.
    pub without_record_id: u64,
}

const COLUMNS: [&str; 7] = ["source", "record_id", "name", "phone", "member_id", "open_id", "email"];

/// Reads member files (Parquet, CSV, TSV, NDJSON; paths, globs, folders) into a joiner.
///
/// Needed columns: `record_id` and one of [`Key::ALL`]; known optional ones: the other keys, `name`, and `source`, for
/// which the file's name stands in. `names` gives other names of columns.
///
/// # Errors
/// [`Error`]: a file that cannot be read, or has not the columns.
pub fn read_members(
    paths: &[String],
    names: &BTreeMap<String, String>,
    joiner: &mut Joiner,
) -> Result<MemberSummary, Error> {
    if let Some(unknown) = names.keys().find(|name| !COLUMNS.contains(&name.as_str())) {
        return Err(Error::UnknownColumn { name: unknown.clone(), known: COLUMNS.join(", ") });
    }
    let own: Vec<&str> =
        COLUMNS.iter().map(|known| names.get(*known).map_or(*known, String::as_str)).collect();
    let mut summary = MemberSummary::default();
    for file in expand(paths, None)? {
        summary.files += 1;
        let stem = file.shown.rsplit(['/', '\\']).next().unwrap_or("file");
        let stem = stem.split('.').next().unwrap_or(stem).to_owned();
        let mut take = |values: [Option<&str>; 7]| -> Result<(), Error> {
            summary.lines += 1;
            let values = values.map(|value| value.map(str::trim).filter(|value| !value.is_empty()));
            let [source, record_id, name, phone, member_id, open_id, email] = values;
            let Some(record_id) = record_id else {
                summary.without_record_id += 1;
                return Ok(());
            };
            let source = source.unwrap_or(&stem);
            joiner.add(&Member { source, record_id, name, phone, member_id, open_id, email })
        };
        each_row(&file, &own, &COLUMNS, check, |values| take(std::array::from_fn(|at| values[at])))?;
    }
    Ok(summary)
}

/// Whether the columns that are there suffice.
fn check(found: &[bool]) -> Result<(), &'static str> {
    if !found[1] {
        return Err("record_id");
    }
    let keyed = Key::ALL
        .iter()
        .any(|key| COLUMNS.iter().position(|column| *column == key.name()).is_some_and(|at| found[at]));
    if keyed { Ok(()) } else { Err("phone") }
}

impl People {
    /// Reads the table that [`People::write`] wrote: columns `record_id` and `person_id` (or
    /// `customer_id`, as in a simulation's truth).
    ///
    /// # Errors
    /// [`Error`]: a file that cannot be read, or has not the columns.
    pub fn read(path: &str) -> Result<People, Error> {
        let mut pairs = Vec::new();
        let columns = ["record_id", "person_id", "customer_id"];
        for file in expand(&[path.to_owned()], None)? {
            let check = |found: &[bool]| match found {
                [true, true, _] | [true, _, true] => Ok(()),
                [false, ..] => Err("record_id"),
                _ => Err("person_id"),
            };
            each_row(&file, &columns, &columns, check, |values| {
                if let (Some(record), Some(person)) = (values[0], values[1].or(values[2])) {
                    pairs.push((record.to_owned(), person.to_owned()));
                }
                Ok(())
            })?;
        }
        Ok(People::from_pairs(pairs))
    }
}

/// Hands out the named columns of each row, `None` where there is no such column or no value.
fn each_row(
    file: &DataFile,
    own: &[&str],
    known: &[&'static str],
    check: impl Fn(&[bool]) -> Result<(), &'static str>,
    mut row: impl FnMut(&[Option<&str>]) -> Result<(), Error>,
) -> Result<(), Error> {
    let wanted = Wanted { file, own, known, check: &check };
    match file.format {
        Format::Parquet => wanted.parquet(&mut row),
        Format::Csv(delimiter) => wanted.csv(delimiter.unwrap_or(b','), &mut row),
        Format::Ndjson => wanted.ndjson(&mut row),
    }
}

/// Takes the values of the wanted columns of a row.
type TakeRow<'a> = dyn FnMut(&[Option<&str>]) -> Result<(), Error> + 'a;

/// The columns that are wanted of a file: their names in it, and the names that homing knows them by.
struct Wanted<'a> {
    file: &'a DataFile,
    own: &'a [&'a str],
    known: &'a [&'static str],
    /// Says which column is missing, of those that were found.
    check: &'a dyn Fn(&[bool]) -> Result<(), &'static str>,
}

impl Wanted<'_> {
    fn bad(&self, reason: impl ToString) -> Error {
        self.file.unreadable(std::io::Error::other(reason.to_string()))
    }

    /// Where the columns stand in a header.
    fn places(&self, header: &[&str]) -> Result<Vec<Option<usize>>, Error> {
        let places: Vec<Option<usize>> =
            self.own.iter().map(|name| header.iter().position(|column| column == name)).collect();
        let found: Vec<bool> = places.iter().map(Option::is_some).collect();
        (self.check)(&found).map_err(|column| Error::MissingColumn {
            path: self.file.shown.clone(),
            column,
            found: header.join(", "),
        })?;
        Ok(places)
    }

    fn parquet(&self, row: &mut TakeRow<'_>) -> Result<(), Error> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(self.file.open()?).map_err(|e| self.bad(e))?;
        let header: Vec<String> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let wanted: Vec<usize> = self.places(&header)?.into_iter().flatten().collect();
        let mask = ProjectionMask::roots(reader.parquet_schema(), wanted);
        for batch in reader.with_projection(mask).build().map_err(|e| self.bad(e))? {
            let batch = batch.map_err(|e| self.bad(e))?;
            let columns = self
                .own
                .iter()
                .map(|name| {
                    let column = batch.column_by_name(name)?;
                    Some(arrow_cast::cast(column, &DataType::Utf8).map_err(|e| self.bad(e)))
                })
                .map(Option::transpose)
                .collect::<Result<Vec<_>, Error>>()?;
            let texts: Vec<Option<&StringArray>> =
                columns.iter().map(|column| column.as_ref().map(|c| c.as_string())).collect();
            let mut values = vec![None; self.own.len()];
            for at in 0..batch.num_rows() {
                for (value, text) in values.iter_mut().zip(&texts) {
                    *value = text.filter(|text| text.is_valid(at)).map(|text| text.value(at));
                }
                row(&values)?;
            }
        }
        Ok(())
    }

    fn csv(&self, delimiter: u8, row: &mut TakeRow<'_>) -> Result<(), Error> {
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(self.file.text(None)?);
        let header = reader.headers().map_err(|e| self.bad(e))?.clone();
        let places = self.places(&header.iter().map(str::trim).collect::<Vec<_>>())?;
        for record in reader.into_records() {
            let record = record.map_err(|e| self.bad(e))?;
            let values: Vec<Option<&str>> =
                places.iter().map(|place| place.and_then(|at| record.get(at))).collect();
            row(&values)?;
        }
        Ok(())
    }

    fn ndjson(&self, row: &mut TakeRow<'_>) -> Result<(), Error> {
        let id =
            self.known.iter().zip(self.own).find(|(known, _)| **known == "record_id").map(|(_, own)| *own);
        let mut first = true;
        for (at, line) in self.file.text(None)?.lines().enumerate() {
            let line = line.map_err(|reason| self.file.unreadable(reason))?;
            if line.trim().is_empty() {
                continue;
            }
            let object: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(&line).map_err(|e| self.bad(format!("line {}: {e}", at + 1)))?;
            // A key that is null everywhere may be left out of a line, so only the record's id is asked for.
            if std::mem::take(&mut first) && !id.is_some_and(|id| object.contains_key(id)) {
                self.places(&object.keys().map(String::as_str).collect::<Vec<_>>())?;
            }
            let texts: Vec<Option<String>> = self
                .own
                .iter()
                .map(|name| match object.get(*name) {
                    Some(serde_json::Value::String(text)) => Some(text.clone()),
                    Some(serde_json::Value::Number(number)) => Some(number.to_string()),
                    _ => None,
                })
                .collect();
            let values: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
            row(&values)?;
        }
        Ok(())
    }
}
