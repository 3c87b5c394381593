//! From paths to a column of events.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::Column;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::{CsvReadOptions, DataFrame, ParquetReadOptions, SessionContext};
use datafusion::scalar::ScalarValue;
use homing_datasets::readers::{Listed, list};
use homing_datasets::{BatchReader, Zone};

use crate::{Error, Functions};

/// The one column of [`events`].
pub const EVENT: &str = "event";

/// Where purchases come from and how they are read.
#[derive(Clone, Debug)]
pub struct Purchases {
    /// Files, globs or folders, under the same path on every machine.
    pub paths: Vec<String>,
    /// From known names of columns to the files' own.
    pub columns: BTreeMap<String, String>,
    /// The zone of times that bear none.
    pub zone: Zone,
}

/// Files that one scan reads: of one form, with the same columns.
struct Scan {
    files: Vec<String>,
    first: Listed,
    /// The own name of each known column, where it is there.
    places: Vec<Option<usize>>,
}

/// The lines of all files as one column of events (`homing_event`), rejected lines among them. Files whose columns
/// differ in name, place or type are read apart, each by its own header.
///
/// # Errors
/// [`Error::Data`] when no file matches, or one cannot be read or lacks a needed column.
pub async fn events(
    session: &SessionContext,
    functions: &Functions,
    purchases: &Purchases,
) -> Result<DataFrame, Error> {
    let mut all: Option<DataFrame> = None;
    for scan in scans(purchases)? {
        let frame = open(session, &scan).await?;
        let mut arguments = vec![lit(purchases.zone.to_string())];
        for place in &scan.places {
            arguments.push(place.map_or(Expr::Literal(ScalarValue::Null, None), |place| {
                Expr::Column(Column::new_unqualified(name(&scan.first, place)))
            }));
        }
        let events = frame.select(vec![functions.event.call(arguments).alias(EVENT)])?;
        all = Some(match all {
            Some(all) => all.union(events)?,
            None => events,
        });
    }
    all.ok_or_else(|| homing_datasets::Error::NoFile { path: purchases.paths.join(" ") }.into())
}

fn scans(purchases: &Purchases) -> Result<Vec<Scan>, Error> {
    let mut scans: Vec<(String, Scan)> = Vec::new();
    for file in list(&purchases.paths)? {
        let shown = file.path.display().to_string();
        let reader = BatchReader::new(&file.schema, &purchases.columns, purchases.zone, &shown)?;
        let places: Vec<Option<usize>> = reader.places().map(|(_, place)| place).collect();
        let unreadable = |reason| homing_datasets::Error::Unreadable { path: shown.clone(), reason };
        let url = url(&fs::canonicalize(&file.path).map_err(unreadable)?);
        // A text file is read by place, a Parquet file by name.
        let key = match file.delimiter {
            Some(delimiter) => {
                format!("{} {delimiter} {} {places:?}", ending(&file.path), file.schema.fields().len())
            }
            None => {
                let used: BTreeSet<usize> = places.iter().flatten().copied().collect();
                let used: Vec<&Field> = used.iter().map(|&at| file.schema.field(at)).collect();
                format!("{} {used:?}", ending(&file.path))
            }
        };
        match scans.iter_mut().find(|(known, _)| *known == key) {
            Some((_, scan)) => scan.files.push(url),
            None => scans.push((key, Scan { files: vec![url], first: file, places })),
        }
    }
    Ok(scans.into_iter().map(|(_, scan)| scan).collect())
}

async fn open(session: &SessionContext, scan: &Scan) -> Result<DataFrame, DataFusionError> {
    let ending = ending(&scan.first.path);
    match scan.first.delimiter {
        Some(delimiter) => {
            let columns = 0..scan.first.schema.fields().len();
            let fields: Vec<Field> =
                columns.map(|at| Field::new(name(&scan.first, at), DataType::Utf8, true)).collect();
            let schema = Schema::new(fields);
            let packing = match scan.first.packing {
                "gz" => FileCompressionType::GZIP,
                "zst" => FileCompressionType::ZSTD,
                _ => FileCompressionType::UNCOMPRESSED,
            };
            // Quoted texts may hold line ends, so a file is not cut into pieces.
            let options = CsvReadOptions::new()
                .has_header(true)
                .delimiter(delimiter)
                .schema(&schema)
                .file_extension(&ending)
                .file_compression_type(packing)
                .newlines_in_values(true);
            session.read_csv(scan.files.clone(), options).await
        }
        None => {
            let mut used: Vec<usize> = scan.places.iter().flatten().copied().collect();
            used.sort_unstable();
            let schema = scan.first.schema.project(&used)?;
            let options = ParquetReadOptions::default().schema(&schema).file_extension(&ending);
            session.read_parquet(scan.files.clone(), options).await
        }
    }
}

/// The name of a column in a scan. A header may repeat names of columns that nobody asks for; places do not.
fn name(file: &Listed, place: usize) -> String {
    if file.delimiter.is_some() { format!("column {place}") } else { file.schema.field(place).name().clone() }
}

/// All that stands behind the first dot of the file name, with it, so that it is what the name ends in.
fn ending(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let packed =
        ["gz", "zst"].iter().any(|packing| name.to_ascii_lowercase().ends_with(&format!(".{packing}")));
    let parts = if packed { 2 } else { 1 };
    let ending: Vec<&str> = name.rsplitn(parts + 1, '.').take(parts).collect();
    ending.iter().rev().map(|part| format!(".{part}")).collect()
}

/// The file's address. Its path is taken letter by letter, so a `*` in a name is no glob.
fn url(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let mut url = "file://".to_owned();
    for byte in path.to_string_lossy().bytes() {
        if plain(byte) { url.push(char::from(byte)) } else { url.push_str(&format!("%{byte:02X}")) }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_letter_by_letter() {
        assert_eq!(url(Path::new("/a b/[1]*é.csv")), "file:///a%20b/%5B1%5D%2A%C3%A9.csv");
        assert_eq!(ending(Path::new("/a.b/c.d.csv.GZ")), ".csv.GZ");
        assert_eq!(ending(Path::new("c.d.parquet")), ".parquet");
    }

    #[test]
    fn files_of_other_columns_are_read_apart() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("1.csv", "customer_id,occurred_at,amount\nc,2011-09-09,1\n");
        write("2.csv", "customer_id,occurred_at,amount\nc,2011-09-09,2\n");
        write("3.csv", "amount,occurred_at,customer_id\n3,2011-09-09,c\n");
        write("4.csv", "customer_id;occurred_at;amount\nc;2011-09-09;4\n");
        let purchases = Purchases {
            paths: vec![folder.path().display().to_string()],
            columns: BTreeMap::new(),
            zone: Zone::default(),
        };
        let files: Vec<usize> = scans(&purchases).unwrap().iter().map(|scan| scan.files.len()).collect();
        assert_eq!(files, [2, 1, 1]);
    }
}
