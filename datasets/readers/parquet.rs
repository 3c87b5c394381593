//! Rows of Parquet files.

use std::sync::Arc;

use arrow_schema::{Fields, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::file::reader::ChunkReader;

use super::arrow::{Values, take_batch};
use super::columns::{Column, Role};
use super::damage::{guarded, reason};
use super::files::DataFile;
use super::pages::{Ended, Group};
use super::progress::Progress;
use super::rows::{Take, Wanted};
use crate::Error;

const FORMAT: &str = "Parquet";

/// Rows that are unpacked at once.
const BATCH_ROWS: usize = 8192;

/// A Parquet file whose columns are known.
#[derive(Debug)]
pub(crate) struct Table {
    shown: String,
    bytes: u64,
    metadata: ArrowReaderMetadata,
}

impl Table {
    /// Reads the footer of a file.
    pub(crate) fn of_file(file: &DataFile) -> Result<Table, Error> {
        Table::new(&file.open()?, &file.shown, file.bytes)
    }

    /// The same for a file in memory.
    pub(crate) fn of_bytes(input: &Bytes, shown: &str) -> Result<Table, Error> {
        Table::new(input, shown, input.len() as u64)
    }

    fn new(input: &impl ChunkReader, shown: &str, bytes: u64) -> Result<Table, Error> {
        let metadata = guarded((shown, FORMAT), || {
            ArrowReaderMetadata::load(input, ArrowReaderOptions::new()).map_err(reason)
        })?;
        Ok(Table { shown: shown.to_owned(), bytes, metadata })
    }

    pub(crate) fn header(&self) -> Vec<String> {
        self.fields().iter().map(|field| field.name().clone()).collect()
    }

    pub(crate) fn fields(&self) -> &Fields {
        self.metadata.schema().fields()
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.metadata.schema().clone()
    }

    /// Number of row groups; each can be read on its own.
    pub(crate) fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    fn rows(&self, group: usize) -> u64 {
        u64::try_from(self.metadata.metadata().row_group(group).num_rows()).unwrap_or(0)
    }

    /// Reads one row group.
    pub(crate) fn read<C: ChunkReader + 'static, T: Take>(
        &self,
        input: C,
        file: u32,
        group: usize,
        wanted: &Wanted,
        take: &mut T,
        progress: &Progress,
    ) -> Result<(), Error> {
        let before: u64 = (0..group).map(|earlier| self.rows(earlier)).sum();
        let expected = self.rows(group);
        let total: u64 = before + (group..self.groups()).map(|later| self.rows(later)).sum::<u64>();
        // Bytes up to a row, in proportion: how the bar learns of rows.
        let bytes_to =
            |row: u64| (u128::from(self.bytes) * u128::from(row) / u128::from(total.max(1))) as u64;

        if self.latest(group, wanted).is_some_and(|latest| take.is_before(latest.cell(0))) {
            take.pass_over(expected);
            progress.advance(bytes_to(before + expected) - bytes_to(before));
            return Ok(());
        }
        let mut sorted: Vec<usize> = wanted.slots.iter().map(|&(_, place)| place).collect();
        sorted.sort_unstable();
        sorted.dedup();
        // The batches hold the wanted columns alone, in the order of the file.
        let within = |place: usize| sorted.iter().position(|&used| used == place);
        let slots = wanted.slots.iter().filter_map(|&(slot, place)| Some((slot, within(place)?))).collect();
        let wanted = Wanted { slots, ..wanted.clone() };

        let mut batches = guarded((&self.shown, FORMAT), || {
            let schema = self.metadata.parquet_schema();
            let mask = ProjectionMask::roots(schema, sorted);
            let levels = parquet_to_arrow_field_levels(schema, mask, Some(self.fields())).map_err(reason)?;
            let group =
                Group { input: Arc::new(Ended(input)), metadata: self.metadata.metadata().clone(), group };
            ParquetRecordBatchReader::try_new_with_row_groups(&levels, &group, BATCH_ROWS, None)
                .map_err(reason)
        })?;
        let mut done = 0;
        while let Some(batch) = guarded((&self.shown, FORMAT), || batches.next().transpose().map_err(reason))?
        {
            let earlier = before + done;
            take_batch((&self.shown, FORMAT), &batch, (file, earlier), &wanted, take)?;
            done += batch.num_rows() as u64;
            progress.advance(bytes_to(before + done) - bytes_to(earlier));
            if take.done() {
                return Ok(());
            }
        }
        if done != expected {
            let reason = format!("row group {group} holds {done} rows where {expected} are announced");
            return Err(Error::Damaged { path: self.shown.clone(), format: FORMAT, reason });
        }
        Ok(())
    }

    /// The latest `occurred_at` of a row group, as the file announces it; nothing where it does not, or where it
    /// is a text, of which a file may announce the beginning only.
    fn latest(&self, group: usize, wanted: &Wanted) -> Option<Values> {
        let (_, place) = *wanted.slots.iter().find(|(slot, _)| *slot == Column::OccurredAt as usize)?;
        let field = self.metadata.schema().field(place);
        if !field.data_type().is_temporal() {
            return None;
        }
        let schema = self.metadata.parquet_schema();
        let group = self.metadata.metadata().row_groups().get(group)?;
        let latest = guarded((&self.shown, FORMAT), || {
            StatisticsConverter::try_new(field.name(), self.metadata.schema(), schema)
                .and_then(|statistics| statistics.row_group_maxes([group]))
                .map_err(reason)
        });
        let latest = latest.ok().filter(|latest| latest.len() == 1)?;
        Values::new(&latest, Role::Instant).ok()
    }

    /// Rows of the whole file.
    pub(crate) fn all_rows(&self) -> u64 {
        (0..self.groups()).map(|group| self.rows(group)).sum()
    }
}
