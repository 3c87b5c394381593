//! The batch: every customer of the files, into a file or into the profiles.

use std::collections::BTreeMap;
use std::path::Path;

use homing_datasets::engine::{Customers, SnapshotFolder};
use homing_datasets::guards::Window;
use homing_datasets::table::{Column, Table, TableWriter, WriteError};
use homing_datasets::{Histories, History, Micros, Stream};
use homing_models::table::with_predictions;
use homing_models::value::TotalUncertainty;
use homing_models::{AtHorizon, Outcome, Provenance};
use serde::Serialize;

use super::{Score, Spent};
use homing_profiles::{BatchRow, BatchSummary, Error, Flows, Scored, Store};

/// What a batch into a file did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FileSummary {
    /// Rows written: one a customer.
    pub customers: u64,
    /// Of which scored.
    pub scored: u64,
    /// The others, by cause.
    pub not_scored: BTreeMap<String, u64>,
    /// Customers without a row, by cause: `opted_out` or `erased`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, u64>,
    /// What all scored customers are expected to buy, by horizon.
    pub totals: Vec<Total>,
}

/// What many customers are expected to buy within a horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Total {
    /// The horizon in days.
    pub days: u32,
    /// Customers who buy.
    pub expected_buyers: f64,
    /// Their orders.
    pub expected_orders: f64,
    /// Their spend, in the business's currency.
    pub expected_spend: f64,
    /// Lower end of the 80 % interval of the spend; absent where the model does not know it.
    pub expected_spend_low: Option<f64>,
    /// Upper end of the 80 % interval of the spend.
    pub expected_spend_high: Option<f64>,
    #[serde(skip)]
    unsure: Option<TotalUncertainty>,
    #[serde(skip)]
    variance: f64,
}

impl Total {
    fn of(engine: &dyn Score, days: u32) -> Self {
        Total { days, unsure: engine.total_uncertainty(days), ..Total::default() }
    }

    fn add(&mut self, at: &AtHorizon) {
        self.expected_buyers += at.p_purchase;
        self.expected_orders += at.expected_orders;
        self.expected_spend += at.expected_spend;
        self.variance += self.unsure.map_or(0.0, |unsure| unsure.variance(at.p_purchase, at.expected_spend));
    }

    fn finished(mut self) -> Self {
        let interval = self.unsure.map(|unsure| unsure.interval(self.expected_spend, self.variance));
        (self.expected_spend_low, self.expected_spend_high) = interval.unzip();
        self
    }
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
    /// The time that the lines cover, and what the clock admits.
    #[must_use]
    pub fn windows(self) -> (Window, Window) {
        match self {
            Source::Lines(stream) => (stream.window(), stream.clock()),
            Source::Snapshot(folder) => folder.windows(),
        }
    }

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

/// A row of a file of scores.
pub(super) struct Row {
    customer_id: String,
    outcome: Outcome,
    provenance: Provenance,
}

impl Row {
    pub(super) fn of(customer_id: &str, scored: &Scored) -> Self {
        let Scored { outcome, provenance, .. } = scored;
        Row { customer_id: customer_id.to_owned(), outcome: outcome.clone(), provenance: provenance.clone() }
    }

    /// Scores for the file alone: a file holds no tags.
    pub(super) fn score(
        engine: &dyn Score,
        customer_id: &str,
        history: &History,
        (as_of, scored_at): (Micros, Micros),
    ) -> Self {
        let scored = engine.run(customer_id, history, as_of, scored_at, false, &Spent::default());
        Row { customer_id: customer_id.to_owned(), outcome: scored.outcome, provenance: scored.provenance }
    }
}

/// Customers that are scored at once, and rows that are written at once: however the customers came, the file is the
/// same to the byte.
pub(super) const ROWS: usize = 8192;

/// A file of scores, one row a customer, in the format that its ending tells. Nothing at its path changes before
/// [`ScoresFile::finish`].
pub struct ScoresFile {
    writer: TableWriter,
    horizons: Vec<u32>,
    rows: Vec<Row>,
    whole_ids: bool,
    summary: FileSummary,
}

impl ScoresFile {
    /// Begins a file for the scores of a model.
    ///
    /// # Errors
    /// [`WriteError`]: an ending that is none of the formats', or a folder that cannot be written.
    pub fn create(path: &Path, engine: &dyn Score) -> Result<Self, WriteError> {
        let model = engine.model();
        let totals = model.horizons.iter().map(|&days| Total::of(engine, days)).collect();
        Ok(ScoresFile {
            writer: TableWriter::create(path, model.timezone)?,
            horizons: model.horizons.clone(),
            rows: Vec::with_capacity(2 * ROWS),
            whole_ids: false,
            summary: FileSummary { totals, ..FileSummary::default() },
        })
    }

    /// Writes ids as they stand in what is scored: as whole numbers if all of them are.
    pub(super) fn ids_of(&mut self, source: &Source<'_>) {
        self.whole_ids = match source {
            Source::Lines(stream) => stream.summary().whole_ids,
            Source::Snapshot(_) => false,
        };
    }

    /// Counts a customer who has no row.
    pub(super) fn left_out(&mut self, cause: &str) {
        *self.summary.left_out.entry(cause.to_owned()).or_default() += 1;
    }

    /// Adds rows, which are to come by ascending customer id.
    pub(super) fn add(&mut self, rows: Vec<Row>) -> Result<(), WriteError> {
        self.rows.extend(rows);
        while self.rows.len() >= ROWS {
            let rest = self.rows.split_off(ROWS);
            let full = std::mem::replace(&mut self.rows, rest);
            self.write(&full)?;
        }
        Ok(())
    }

    fn write(&mut self, rows: &[Row]) -> Result<(), WriteError> {
        self.summary.customers += rows.len() as u64;
        for row in rows {
            match &row.outcome {
                Outcome::Scored(prediction) => {
                    self.summary.scored += 1;
                    for (total, at) in self.summary.totals.iter_mut().zip(&prediction.at) {
                        total.add(at);
                    }
                }
                Outcome::NotScored(cause) => {
                    *self.summary.not_scored.entry(cause.code().to_owned()).or_default() += 1;
                }
            }
        }
        let customers = rows.iter().map(|row| row.customer_id.clone());
        let table = Table::default().with("customer_id", Column::ids(customers, self.whole_ids));
        let scores = rows.iter().map(|row| (&row.outcome, &row.provenance));
        self.writer.write(&with_predictions(table, &self.horizons, scores)?)
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`WriteError`]; then nothing at its path has changed.
    pub fn finish(mut self) -> Result<FileSummary, WriteError> {
        // An empty table still has its columns.
        let last = std::mem::take(&mut self.rows);
        self.write(&last)?;
        self.writer.finish()?;
        for total in &mut self.summary.totals {
            *total = total.finished();
        }
        Ok(self.summary)
    }
}

/// Scores every customer as of an instant into a file, sorted by customer id. No tag is evaluated.
///
/// # Errors
/// [`FileError`]; then nothing at the file's path has changed.
pub fn to_file(
    source: Source<'_>,
    engine: &dyn Score,
    as_of: Micros,
    scored_at: Micros,
    mut file: ScoresFile,
) -> Result<FileSummary, FileError> {
    file.ids_of(&source);
    source.for_each_range(None, |range| {
        for from in (0..range.len()).step_by(ROWS) {
            file.add(range.map(from..(from + ROWS).min(range.len()), |id, history| {
                Row::score(engine, id, history, (as_of, scored_at))
            }))?;
        }
        Ok::<(), FileError>(())
    })?;
    Ok(file.finish()?)
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
