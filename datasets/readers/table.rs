//! A file as a table: its columns by name, and its rows as cells, whatever its format.

use super::files::{DataFile, Format, Packing};
use super::progress::Progress;
use super::rows::{Take, Wanted};
use super::{arrow, csv, json, parquet, sheets};
use crate::{Error, ReadOptions};

/// A file whose columns are known.
#[derive(Debug)]
pub(crate) enum Table {
    Csv(csv::Table),
    Json(json::Table),
    Workbook(sheets::Table),
    Parquet(parquet::Table),
    Arrow(arrow::Table),
}

impl Table {
    /// Opens a file and finds its columns. `suits` says whether a header has those that are needed: title lines, sheets
    /// and encodings are chosen by it.
    pub(crate) fn open(
        file: &DataFile,
        options: &ReadOptions,
        suits: &dyn Fn(&[String]) -> bool,
    ) -> Result<Table, Error> {
        Ok(match file.format {
            Format::Csv(_) => Table::Csv(csv::Table::open(file, options, suits)?),
            Format::Json => Table::Json(json::Table::open(file, options, suits)?),
            Format::Workbook => Table::Workbook(sheets::Table::open(file, options, suits)?),
            Format::Parquet => Table::Parquet(parquet::Table::of_file(file)?),
            Format::Arrow => Table::Arrow(arrow::Table::open(file)?),
        })
    }

    pub(crate) fn header(&self) -> Vec<String> {
        match self {
            Table::Csv(table) => table.header().to_vec(),
            Table::Json(table) => table.header().to_vec(),
            Table::Workbook(table) => table.header().to_vec(),
            Table::Parquet(table) => table.header(),
            Table::Arrow(table) => table.header(),
        }
    }

    /// Whether a number in it is a number because its writer said so, and a text a text.
    pub(crate) fn is_typed(&self) -> bool {
        !matches!(self, Table::Csv(_))
    }

    /// Whether a column may be missing from the header and occur in a later row.
    pub(crate) fn is_partial(&self) -> bool {
        matches!(self, Table::Json(_))
    }

    /// Refuses columns whose types cannot mean what they should.
    pub(crate) fn check_types(&self, file: &DataFile, wanted: &Wanted) -> Result<(), Error> {
        match self {
            Table::Parquet(table) => arrow::check_types(&file.shown, table.fields(), &wanted.slots),
            Table::Arrow(table) => arrow::check_types(&file.shown, table.fields(), &wanted.slots),
            _ => Ok(()),
        }
    }

    /// Parts that can be read apart from each other.
    pub(crate) fn parts(&self) -> usize {
        match self {
            Table::Parquet(table) => table.groups(),
            Table::Arrow(table) => table.parts(),
            _ => 1,
        }
    }

    /// A guess at the number of rows.
    pub(crate) fn rows_guessed(&self, file: &DataFile) -> u64 {
        match self {
            Table::Parquet(table) => table.all_rows(),
            Table::Arrow(table) if table.rows().is_some() => table.rows().unwrap_or(0),
            _ if file.packing != Packing::None => file.bytes / 8,
            _ => file.bytes / 48,
        }
    }

    /// Reads the rows of a part. `at` is the file's number.
    pub(crate) fn read<T: Take>(
        &self,
        file: &DataFile,
        (at, part): (u32, usize),
        wanted: &Wanted,
        take: &mut T,
        progress: &Progress,
    ) -> Result<(), Error> {
        match self {
            Table::Csv(table) => table.read(file, at, wanted, take, progress),
            Table::Json(table) => table.read(file, at, wanted, take, progress),
            Table::Workbook(table) => table.read(file, at, wanted, take, progress),
            Table::Parquet(table) => table.read(file.open()?, at, part, wanted, take, progress),
            Table::Arrow(table) => table.read(file, (at, part), wanted, take, progress),
        }
    }

    /// Reads a stretch of whole lines of a text file, as far as it can be read.
    pub(crate) fn read_stretch<T: Take>(
        &self,
        stretch: &[u8],
        file: &DataFile,
        wanted: &Wanted,
        take: &mut T,
    ) -> Result<(), Error> {
        match self {
            Table::Csv(table) => table.read_stretch(stretch, file, wanted, take),
            Table::Json(table) => table.read_stretch(stretch, wanted, take),
            _ => Ok(()),
        }
    }
}
