//! Records of members from files, for [`crate::identity`] to join.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use serde::Serialize;

use crate::Error;
use crate::identity::{Joiner, Key, Member, People};
use crate::readers::files::{DataFile, expand};
use crate::readers::rows::{Take, Wanted};
use crate::readers::table::Table;
use crate::readers::{Cell, Cells, Place, Progress, ReadOptions};

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

/// Reads member files (any table that purchases are read from; paths, globs, folders) into a joiner.
///
/// Needed columns: `record_id` and one of [`Key::ALL`]; known optional ones: the other keys, `name`, and `source`,
/// by default the file's name. `names` gives other names of columns.
///
/// # Errors
/// [`Error`]: a file that cannot be read, or has not the columns.
pub fn read_members(
    paths: &[String],
    names: &BTreeMap<String, String>,
    joiner: &mut Joiner,
) -> Result<MemberSummary, Error> {
    read_files(expand(paths, None)?.files, names, joiner)
}

/// Reads the member records of a table in memory; `shown` is what errors call it. `names` as in [`read_members`].
///
/// # Errors
/// Those of [`read_members`].
pub fn read_member_batches(
    (schema, batches): (SchemaRef, Vec<RecordBatch>),
    shown: &str,
    names: &BTreeMap<String, String>,
    joiner: &mut Joiner,
) -> Result<MemberSummary, Error> {
    read_files(vec![DataFile::of_frame(schema, batches, shown)], names, joiner)
}

fn read_files(
    files: Vec<DataFile>,
    names: &BTreeMap<String, String>,
    joiner: &mut Joiner,
) -> Result<MemberSummary, Error> {
    if let Some(unknown) = names.keys().find(|name| !COLUMNS.contains(&name.as_str())) {
        return Err(Error::UnknownColumn { name: unknown.clone(), known: COLUMNS.join(", ") });
    }
    let own: Vec<&str> =
        COLUMNS.iter().map(|known| names.get(*known).map_or(*known, String::as_str)).collect();
    let mut summary = MemberSummary::default();
    for file in files {
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
        for file in expand(&[path.to_owned()], None)?.files {
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

/// Hands out the named columns of each row, `None` where there is no such column or no value. At most as many columns as
/// an event has are known.
fn each_row(
    file: &DataFile,
    own: &[&str],
    known: &[&'static str],
    check: impl Fn(&[bool]) -> Result<(), &'static str>,
    row: impl FnMut(&[Option<&str>]) -> Result<(), Error>,
) -> Result<(), Error> {
    let places = |header: &[String]| -> Vec<Option<usize>> {
        own.iter().map(|name| header.iter().position(|column| column == name)).collect()
    };
    let missing = |header: &[String]| {
        let found: Vec<bool> = places(header).iter().map(Option::is_some).collect();
        check(&found).err()
    };
    let table = Table::open(file, &ReadOptions::default(), &|header| missing(header).is_none())?;
    let header = table.header();
    if let Some(column) = missing(&header) {
        return Err(Error::MissingColumn {
            path: file.shown.clone(),
            columns: vec![known.iter().find(|known| **known == column).copied().unwrap_or(column)],
            found: header.join(", "),
            recognised: String::new(),
            remedy: format!("Map it with `--columns {column}=...`"),
        });
    }
    let mut wanted = Wanted::new(&places(&header), &header, &[]);
    if table.is_partial() {
        wanted.names = own.iter().enumerate().map(|(slot, name)| (slot, (*name).to_owned())).collect();
    }
    let silent = Progress::new(false, "", 0);
    let mut rows = Rows { columns: own.len(), row, texts: vec![String::new(); own.len()] };
    for part in 0..table.parts() {
        table.read(file, (0, part), &wanted, &mut rows, &silent)?;
    }
    Ok(())
}

/// Hands out the cells of rows as texts.
struct Rows<F> {
    columns: usize,
    row: F,
    texts: Vec<String>,
}

impl<F: FnMut(&[Option<&str>]) -> Result<(), Error>> Take for Rows<F> {
    fn take(&mut self, _: Place, cells: &Cells<'_>) -> Result<(), Error> {
        let mut given = vec![false; self.columns];
        for ((text, cell), given) in self.texts.iter_mut().zip(cells).zip(&mut given) {
            text.clear();
            match cell {
                Cell::Null | Cell::Other | Cell::Bool(_) => continue,
                // A number that a table holds as one with a fraction, for want of a missing whole one.
                Cell::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
                    text.push_str(&(*value as i64).to_string());
                }
                cell => text.push_str(&cell.to_string()),
            }
            *given = true;
        }
        let values: Vec<Option<&str>> =
            self.texts.iter().zip(&given).map(|(text, given)| given.then_some(text.as_str())).collect();
        (self.row)(&values)
    }
}
