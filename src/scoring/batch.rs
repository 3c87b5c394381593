//! The batch: every customer of the files, into a file or into the profiles.

use std::collections::BTreeMap;
use std::path::Path;

use homing_datasets::engine::{Customers, SnapshotFolder};
use homing_datasets::table::{Column, Table, TableWriter, WriteError};
use homing_datasets::{Histories, Micros, Stream};
use homing_models::table::with_predictions;
use homing_models::{Outcome, Provenance};
use serde::Serialize;

use super::Score;
use homing_profiles::{BatchRow, BatchSummary, Error, Flows, Scored, Store};

/// What a batch into a file did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileSummary {
    /// Rows written: one a customer.
    pub customers: u64,
    /// Of which scored.
    pub scored: u64,
    /// The others, by cause.
    pub not_scored: BTreeMap<String, u64>,
}

/// Where the customers of a batch come from, sorted by id.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// Lines of files.
    Lines(&'a Stream),
    /// A snapshot that holds today's lines already.
    Snapshot(&'a SnapshotFolder),
}

impl Source<'_> {
    /// Hands out the customers range by range and says how many there were. Ranges whose customers all sort up to
    /// `after` may be left out.
    ///
    /// # Errors
    /// Those of [`Stream::for_each_range`] and [`SnapshotFolder::for_each_range`].
    pub fn for_each_range<E: From<homing_datasets::Error> + Send>(
        self,
        after: Option<&str>,
        each: impl FnMut(&Customers) -> Result<(), E> + Send,
    ) -> Result<u64, E> {
        match self {
            Source::Lines(stream) => stream.for_each_range("scoring", each),
            Source::Snapshot(folder) => folder.for_each_range(after, each),
        }
    }
}

/// Why a batch into a file failed.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The histories.
    #[error(transparent)]
    Data(#[from] homing_datasets::Error),
    /// The file.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A row on its way into a file.
struct Row {
    customer_id: String,
    outcome: Outcome,
    provenance: Provenance,
}

/// Customers that are scored at once, and rows that are written at once: however the customers came, the file is the
/// same to the byte.
const ROWS: usize = 8192;

/// Scores every customer as of an instant and writes one row each, sorted by customer id, in the format that
/// the file's ending tells.
///
/// # Errors
/// [`FileError`]; then nothing at `out` has changed.
pub fn to_file(
    source: Source<'_>,
    engine: &dyn Score,
    as_of: Micros,
    scored_at: Micros,
    out: &Path,
) -> Result<FileSummary, FileError> {
    let mut writer = TableWriter::create(out, engine.model().timezone)?;
    let mut summary = FileSummary::default();
    let mut rows: Vec<Row> = Vec::with_capacity(2 * ROWS);
    source.for_each_range(None, |range| {
        for from in (0..range.len()).step_by(ROWS) {
            rows.extend(range.map(from..(from + ROWS).min(range.len()), |id, history| {
                let Scored { outcome, provenance, .. } = engine.score(id, history, as_of, scored_at);
                Row { customer_id: id.to_owned(), outcome, provenance }
            }));
            if rows.len() >= ROWS {
                let rest = rows.split_off(ROWS);
                write_rows(&mut writer, engine, &std::mem::replace(&mut rows, rest), &mut summary)?;
            }
        }
        Ok::<(), FileError>(())
    })?;
    // An empty table still has its columns.
    write_rows(&mut writer, engine, &rows, &mut summary)?;
    writer.finish()?;
    Ok(summary)
}

fn write_rows(
    writer: &mut TableWriter,
    engine: &dyn Score,
    rows: &[Row],
    summary: &mut FileSummary,
) -> Result<(), WriteError> {
    summary.customers += rows.len() as u64;
    for row in rows {
        match &row.outcome {
            Outcome::Scored(_) => summary.scored += 1,
            Outcome::NotScored(cause) => *summary.not_scored.entry(cause.code().to_owned()).or_default() += 1,
        }
    }
    writer.write(&table(engine, rows))
}

fn table(engine: &dyn Score, scored: &[Row]) -> Table {
    let customers = scored.iter().map(|one| Some(one.customer_id.clone()));
    let table = Table::default().with("customer_id", Column::Text(customers.collect()));
    let rows = scored.iter().map(|one| (&one.outcome, &one.provenance));
    with_predictions(table, &engine.model().horizons, rows)
}

/// Scores every customer as of an instant and writes the profiles that changed. Histories are merged with what
/// the store already holds, so events that came in over HTTP count too.
///
/// # Errors
/// [`Error`] of the store; what was written stays, and the same batch again completes it.
pub fn to_profiles(
    histories: Histories,
    engine: &dyn Score,
    store: &dyn Store,
    as_of: Micros,
    scored_at: Micros,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<BatchSummary, Error> {
    let mut rows = histories.into_iter().map(|(customer_id, history)| BatchRow { customer_id, history });
    store.write_batch(&mut rows, as_of, &|id, history, at| engine.score(id, history, at, scored_at), progress)
}
