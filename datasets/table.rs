//! Tables on their way out: Parquet, CSV or NDJSON by the file's ending.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};

use crate::{Micros, Zone, private};

/// The values of a column; every column of a table is as long as the others.
#[derive(Clone, Debug)]
pub enum Column {
    /// Texts for people: one that a spreadsheet would take for a formula gets an apostrophe in CSV.
    Text(Vec<Option<String>>),
    /// Ids, which come out as they went in: programs join by them.
    Id(Vec<Option<String>>),
    /// Numbers.
    Number(Vec<Option<f64>>),
    /// Whole numbers.
    Whole(Vec<Option<i64>>),
    /// Instants.
    Instant(Vec<Option<Micros>>),
    /// JSON documents: texts in Parquet and CSV, themselves in NDJSON.
    Json(Vec<Option<Value>>),
}

/// A table in memory.
///
/// ```
/// use homing_datasets::Zone;
/// use homing_datasets::table::{Column, Table};
///
/// let table = Table::default()
///     .with("customer_id", Column::Id(vec![Some("0017".to_owned())]))
///     .with("clv", Column::Number(vec![Some(42.5)]));
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("scores.csv");
/// table.write(&path, Zone::default())?;
/// assert_eq!(std::fs::read_to_string(&path)?, "customer_id,clv\n0017,42.5\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<(String, Column)>,
}

/// Why a table was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// An extension of no known format.
    #[error("{}: unknown file type; write to a file that ends in .parquet, .csv or .ndjson", .0.display())]
    UnknownEnding(PathBuf),
    /// The file system refused.
    #[error("{}: cannot be written: {cause}; check the folder, its permissions and the free disk space", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was said.
        cause: String,
    },
    /// A column that cannot be written as JSON.
    #[error("the column `{column}` cannot be written as JSON: {cause}")]
    Json {
        /// The column.
        column: &'static str,
        /// What was said.
        cause: String,
    },
}

/// The formats of [`Table::write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet, compressed with zstd.
    Parquet,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// The format of a file's extension.
    ///
    /// ```
    /// use homing_datasets::table::Format;
    ///
    /// assert_eq!(Format::of("scores.parquet".as_ref())?, Format::Parquet);
    /// assert!(Format::of("scores.docx".as_ref()).is_err());
    /// # Ok::<(), homing_datasets::table::WriteError>(())
    /// ```
    ///
    /// # Errors
    /// [`WriteError::UnknownEnding`].
    pub fn of(path: &Path) -> Result<Format, WriteError> {
        match path.extension().and_then(|e| e.to_str()) {
            Some("parquet" | "pq") => Ok(Format::Parquet),
            Some("csv") => Ok(Format::Csv),
            Some("ndjson" | "jsonl") => Ok(Format::Ndjson),
            _ => Err(WriteError::UnknownEnding(path.to_owned())),
        }
    }
}

impl Column {
    /// A column of ids: of whole numbers where all ids of the data are such ([`crate::ReadSummary::whole_ids`]).
    #[must_use]
    pub fn ids(ids: impl Iterator<Item = String>, whole: bool) -> Column {
        if whole {
            Column::Whole(ids.map(|id| id.parse().ok()).collect())
        } else {
            Column::Id(ids.map(Some).collect())
        }
    }

    fn len(&self) -> usize {
        match self {
            Column::Text(v) | Column::Id(v) => v.len(),
            Column::Number(v) => v.len(),
            Column::Whole(v) => v.len(),
            Column::Instant(v) => v.len(),
            Column::Json(v) => v.len(),
        }
    }

    fn array(&self) -> ArrayRef {
        match self {
            Column::Text(v) | Column::Id(v) => {
                Arc::new(StringArray::from_iter(v.iter().map(Option::as_deref)))
            }
            Column::Number(v) => Arc::new(Float64Array::from_iter(v.iter().copied())),
            Column::Whole(v) => Arc::new(Int64Array::from_iter(v.iter().copied())),
            Column::Instant(v) => {
                Arc::new(TimestampMicrosecondArray::from_iter(v.iter().copied()).with_timezone("UTC"))
            }
            Column::Json(v) => {
                let texts = v.iter().map(|v| v.as_ref().map(Value::to_string));
                Arc::new(StringArray::from_iter(texts))
            }
        }
    }

    fn text(&self, row: usize, zone: Zone) -> String {
        match self {
            Column::Text(v) => v[row].as_deref().map(harmless).unwrap_or_default(),
            Column::Id(v) => v[row].clone().unwrap_or_default(),
            // A p-value of 1e-300 is not written with 300 zeros.
            Column::Number(v) => v[row]
                .map(|x| if x != 0.0 && x.abs() < 1e-6 { format!("{x:e}") } else { x.to_string() })
                .unwrap_or_default(),
            Column::Whole(v) => v[row].map(|x| x.to_string()).unwrap_or_default(),
            Column::Instant(v) => v[row].map(|t| zone.format(t)).unwrap_or_default(),
            Column::Json(v) => v[row].as_ref().map(Value::to_string).unwrap_or_default(),
        }
    }

    fn json(&self, row: usize, zone: Zone) -> Value {
        match self {
            Column::Text(v) | Column::Id(v) => v[row].clone().map_or(Value::Null, Value::from),
            Column::Number(v) => v[row].map_or(Value::Null, Value::from),
            Column::Whole(v) => v[row].map_or(Value::Null, Value::from),
            Column::Instant(v) => v[row].map_or(Value::Null, |t| Value::from(zone.format(t))),
            Column::Json(v) => v[row].clone().unwrap_or(Value::Null),
        }
    }
}

/// How homing writes Parquet.
#[must_use]
pub fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("homing".to_owned())
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build()
}

/// A text that a spreadsheet will not take for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

impl Table {
    /// Adds a column.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, column: Column) -> Self {
        self.columns.push((name.into(), column));
        self
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// Writes the table in the format of the extension; see [`TableWriter`].
    ///
    /// # Errors
    /// [`WriteError`]; then nothing at `path` has changed.
    pub fn write(&self, path: &Path, zone: Zone) -> Result<(), WriteError> {
        let mut writer = TableWriter::create(path, zone)?;
        writer.write(self)?;
        writer.finish()
    }

    /// The table as an Arrow batch: instants as microseconds in UTC, JSON documents as texts. A table without
    /// rows gives the types.
    ///
    /// # Errors
    /// [`ArrowError`] when the columns differ in length, or there is none.
    pub fn batch(&self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_from_iter_with_nullable(
            self.columns.iter().map(|(name, column)| (name, column.array(), true)),
        )
    }
}

/// Rows of a row group of Parquet at most: what waits in memory until it is written.
const GROUP_ROWS: usize = 1 << 17;

type Failed = Box<dyn std::error::Error>;

/// A table that is written part by part, under another name first, so that a file at `path` is always whole.
/// Instants in CSV and NDJSON are RFC 3339 in the zone. The other name is that of the file with `.part` behind it;
/// what an ended process left there is overwritten, and two that write the same file at once keep each other out.
pub struct TableWriter {
    path: PathBuf,
    draft: PathBuf,
    zone: Zone,
    format: Format,
    file: File,
    out: Out,
    finished: bool,
}

enum Out {
    /// Opened with the first part, which gives the columns.
    Unopened,
    Parquet(Box<ArrowWriter<File>>),
    Csv(Box<csv::Writer<File>>),
    Ndjson(BufWriter<File>),
}

impl TableWriter {
    /// Begins a table.
    ///
    /// # Errors
    /// [`WriteError`] when the extension is of no known format, the file system refuses, or another process is writing the
    /// same file.
    pub fn create(path: &Path, zone: Zone) -> Result<Self, WriteError> {
        let format = Format::of(path)?;
        let mut draft = path.as_os_str().to_owned();
        draft.push(".part");
        let draft = PathBuf::from(draft);
        let failed = |cause: String| WriteError::Io { path: path.to_owned(), cause };
        // Not emptied before the lock is ours.
        let file = private::options().create(true).truncate(false).write(true).open(&draft);
        let file = file.map_err(|cause| failed(cause.to_string()))?;
        file.try_lock().map_err(|_| failed("another process is writing to it".to_owned()))?;
        file.set_len(0).map_err(|cause| failed(cause.to_string()))?;
        let (path, out) = (path.to_owned(), Out::Unopened);
        Ok(TableWriter { path, draft, zone, format, file, out, finished: false })
    }

    /// Adds the rows of a table with the columns of the first.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn write(&mut self, table: &Table) -> Result<(), WriteError> {
        self.add(table).map_err(|cause| self.failed(&*cause))
    }

    fn add(&mut self, table: &Table) -> Result<(), Failed> {
        let zone = self.zone;
        if let Out::Unopened = self.out {
            let file = self.file.try_clone()?;
            self.out = match self.format {
                Format::Parquet => {
                    let schema = table.batch()?.schema();
                    Out::Parquet(Box::new(ArrowWriter::try_new(file, schema, Some(properties()))?))
                }
                Format::Csv => {
                    let mut writer = csv::Writer::from_writer(file);
                    writer.write_record(table.columns.iter().map(|(name, _)| name))?;
                    Out::Csv(Box::new(writer))
                }
                Format::Ndjson => Out::Ndjson(BufWriter::new(file)),
            };
        }
        match &mut self.out {
            Out::Unopened => {}
            Out::Parquet(writer) => writer.write(&table.batch()?)?,
            Out::Csv(writer) => {
                for row in 0..table.rows() {
                    writer.write_record(table.columns.iter().map(|(_, column)| column.text(row, zone)))?;
                }
            }
            Out::Ndjson(out) => {
                for row in 0..table.rows() {
                    let columns = table.columns.iter();
                    let object: Map<String, Value> =
                        columns.map(|(name, column)| (name.clone(), column.json(row, zone))).collect();
                    serde_json::to_writer(&mut *out, &object)?;
                    out.write_all(b"\n")?;
                }
            }
        }
        Ok(())
    }

    /// Ends the table and gives the file its name.
    ///
    /// # Errors
    /// [`WriteError::Io`]; then nothing at the path has changed.
    pub fn finish(mut self) -> Result<(), WriteError> {
        let end = |out: Out| -> Result<(), Failed> {
            match out {
                Out::Unopened => {}
                Out::Parquet(writer) => {
                    writer.close()?;
                }
                Out::Csv(mut writer) => writer.flush()?,
                Out::Ndjson(mut out) => out.flush()?,
            }
            Ok(())
        };
        let out = std::mem::replace(&mut self.out, Out::Unopened);
        end(out)
            .and_then(|()| Ok(self.file.sync_all()?))
            .and_then(|()| Ok(fs::rename(&self.draft, &self.path)?))
            .map_err(|cause| self.failed(&*cause))?;
        self.finished = true;
        Ok(())
    }

    fn failed(&self, cause: &dyn std::error::Error) -> WriteError {
        WriteError::Io { path: self.path.clone(), cause: cause.to_string() }
    }
}

impl Drop for TableWriter {
    fn drop(&mut self) {
        if !self.finished {
            // The side that gave up has reported why already.
            let _ = fs::remove_file(&self.draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::default()
            .with("customer_id", Column::Id(vec![Some("=1+1".into()), None]))
            .with("name", Column::Text(vec![Some("=1+1".into()), None]))
            .with("p", Column::Number(vec![Some(0.1), None]))
            .with("at", Column::Instant(vec![Some(0), None]))
    }

    #[test]
    fn every_format_says_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let zone: Zone = "Asia/Shanghai".parse().unwrap();
        for ending in ["csv", "ndjson", "parquet"] {
            table().write(&dir.path().join(format!("t.{ending}")), zone).unwrap();
        }
        let csv = fs::read_to_string(dir.path().join("t.csv")).unwrap();
        assert_eq!(csv, "customer_id,name,p,at\n=1+1,'=1+1,0.1,1970-01-01T08:00:00+08:00\n,,,\n");
        let ndjson = fs::read_to_string(dir.path().join("t.ndjson")).unwrap();
        let first: Value = serde_json::from_str(ndjson.lines().next().unwrap()).unwrap();
        assert_eq!(first["customer_id"], "=1+1");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn ids_come_out_as_they_went_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.ndjson");
        for (whole, expected) in [(true, "{\"id\":7}\n"), (false, "{\"id\":\"7\"}\n")] {
            let ids = Column::ids(std::iter::once("7".to_owned()), whole);
            Table::default().with("id", ids).write(&path, Zone::default()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        }
    }

    #[test]
    fn parts_make_one_table_and_an_unfinished_one_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.csv");
        let mut writer = TableWriter::create(&path, Zone::default()).unwrap();
        writer.write(&table()).unwrap();
        writer.write(&table()).unwrap();
        let second = TableWriter::create(&path, Zone::default()).err().unwrap().to_string();
        assert!(second.contains("another process") && second.contains("t.csv"), "{second}");
        writer.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 5);
        drop(TableWriter::create(&path, Zone::default()).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 5);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn refusals_name_the_file() {
        let error = table().write(Path::new("/nowhere/t.csv"), Zone::default()).unwrap_err();
        assert!(error.to_string().contains("/nowhere/t.csv"), "{error}");
        let error = table().write(Path::new("t.xlsx"), Zone::default()).unwrap_err();
        assert!(error.to_string().contains(".parquet"), "{error}");
    }
}
