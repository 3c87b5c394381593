//! Results on their way into Parquet files, so that what stands at the place is always whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use homing_datasets::table::properties;

use crate::Error;

/// Rows of one file of a folder.
const FILE_ROWS: usize = 1_000_000;

/// A place for a result: a file that ends in `.parquet`, or a new folder of such files.
pub struct Output {
    place: PathBuf,
    draft: PathBuf,
    folder: bool,
    open: Option<ArrowWriter<File>>,
    files: usize,
    rows_in_file: usize,
    done: bool,
}

impl Output {
    /// Begins a result. Nothing stands at the place before [`Output::finish`].
    ///
    /// # Errors
    /// [`Error::OutputExists`] for a folder that is there already, [`Error::Output`] when the system refuses.
    pub fn begin(place: &Path) -> Result<Output, Error> {
        let folder = place.extension().is_none_or(|ending| ending != "parquet" && ending != "pq");
        if folder && place.exists() {
            return Err(Error::OutputExists(place.to_owned()));
        }
        let mut draft = place.as_os_str().to_owned();
        draft.push(format!(".{}.tmp", std::process::id()));
        let output = Output {
            place: place.to_owned(),
            draft: draft.into(),
            folder,
            open: None,
            files: 0,
            rows_in_file: 0,
            done: false,
        };
        if folder {
            fs::create_dir(&output.draft).map_err(|cause| output.failed(cause))?;
        }
        Ok(output)
    }

    /// Adds rows; all of one schema.
    ///
    /// # Errors
    /// [`Error::Output`] when the system refuses.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if self.folder && self.rows_in_file >= FILE_ROWS {
            self.close()?;
        }
        let mut writer = match self.open.take() {
            Some(writer) => writer,
            None => self.next(batch.schema())?,
        };
        writer.write(batch).map_err(|cause| self.failed(cause))?;
        self.rows_in_file += batch.num_rows();
        self.open = Some(writer);
        Ok(())
    }

    /// Puts the result in its place. `schema` is that of an empty result.
    ///
    /// # Errors
    /// [`Error::Output`] when the system refuses.
    pub fn finish(mut self, schema: SchemaRef) -> Result<(), Error> {
        if self.files == 0 {
            self.open = Some(self.next(schema)?);
        }
        self.close()?;
        fs::rename(&self.draft, &self.place).map_err(|cause| self.failed(cause))?;
        self.done = true;
        Ok(())
    }

    fn next(&mut self, schema: SchemaRef) -> Result<ArrowWriter<File>, Error> {
        let path = if self.folder {
            self.draft.join(format!("part-{:05}.parquet", self.files))
        } else {
            self.draft.clone()
        };
        self.files += 1;
        self.rows_in_file = 0;
        let file = File::create(&path).map_err(|cause| self.failed(cause))?;
        ArrowWriter::try_new(file, schema, Some(properties())).map_err(|cause| self.failed(cause))
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(writer) = self.open.take() else { return Ok(()) };
        let file = writer.into_inner().map_err(|cause| self.failed(cause))?;
        file.sync_all().map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: impl std::fmt::Display) -> Error {
        Error::Output { path: self.place.clone(), cause: cause.to_string() }
    }
}

impl Drop for Output {
    /// A result that was not finished leaves nothing behind.
    fn drop(&mut self) {
        if !self.done {
            let _ = if self.folder { fs::remove_dir_all(&self.draft) } else { fs::remove_file(&self.draft) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn batch(rows: i64) -> RecordBatch {
        RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef)])
            .unwrap()
    }

    #[test]
    fn what_is_not_finished_leaves_nothing_and_what_stands_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["out", "out.parquet"] {
            let place = folder.path().join(name);
            let mut output = Output::begin(&place).unwrap();
            output.write(&batch(3)).unwrap();
            drop(output);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        let place = folder.path().join("out");
        let mut output = Output::begin(&place).unwrap();
        output.write(&batch(FILE_ROWS as i64)).unwrap();
        output.write(&batch(2)).unwrap();
        output.finish(batch(0).schema()).unwrap();
        assert_eq!(fs::read_dir(&place).unwrap().count(), 2);
        assert!(matches!(Output::begin(&place), Err(Error::OutputExists(_))));
    }

    #[test]
    fn an_empty_result_has_its_columns() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out.parquet");
        Output::begin(&place).unwrap().finish(batch(0).schema()).unwrap();
        assert!(fs::metadata(&place).unwrap().len() > 0);
    }
}
