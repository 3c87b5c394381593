//! Files for the tests of the readers, in every format, and a short way to read them.

pub mod events;
pub mod sample;
pub mod workbook;

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use homing_datasets::{Error, Histories, ReadOptions, ReadSummary, read};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

/// A folder that is removed after the test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path as the readers take it.
    pub fn given(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file; the ending says how it is packed.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let content = content.as_ref();
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match name.rsplit_once('.').unwrap().1 {
            "gz" => {
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packer.write_all(content).unwrap();
                fs::write(&path, packer.finish().unwrap()).unwrap();
            }
            "zst" => fs::write(&path, zstd::encode_all(content, 1).unwrap()).unwrap(),
            _ => fs::write(&path, content).unwrap(),
        }
        self.given(name)
    }

    /// Writes columns as Parquet, in row groups of so many rows.
    pub fn write_parquet(&self, name: &str, columns: Vec<(&str, ArrayRef)>, group_rows: usize) -> String {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(group_rows))
            .build();
        self.write_parquet_as(name, columns, properties)
    }

    /// Writes columns as Parquet in a way of its own.
    pub fn write_parquet_as(
        &self,
        name: &str,
        columns: Vec<(&str, ArrayRef)>,
        properties: WriterProperties,
    ) -> String {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        );
        let batch = batch.unwrap();
        let file = File::create(self.path(name)).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        self.given(name)
    }

    /// Reads a file or folder of this folder.
    pub fn read(&self, name: &str) -> Result<(Histories, ReadSummary), Error> {
        read(&[self.given(name)], &ReadOptions::default())
    }

    /// The message of the error that comes from reading a file with this content.
    pub fn refusal(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        self.write(name, content);
        self.read(name).unwrap_err().to_string()
    }
}

pub fn array(array: impl arrow_array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

/// Options with a mapping of columns.
pub fn mapped(columns: &[(&str, &str)]) -> ReadOptions {
    let columns = columns.iter().map(|&(known, own)| (known.to_owned(), own.to_owned())).collect();
    ReadOptions { columns, ..ReadOptions::default() }
}

/// Fails unless the text holds all of the parts.
pub fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}
