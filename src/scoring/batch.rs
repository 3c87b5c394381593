//! The batch: every customer of the files, into a file or into the profiles.

use std::collections::BTreeMap;
use std::path::Path;

use homing_datasets::table::{Column, Table, WriteError};
use homing_datasets::{Histories, Micros};
use homing_models::Outcome;
use homing_models::table::with_predictions;
use rayon::prelude::*;
use serde::Serialize;

use super::Score;
use crate::profiles::{BatchRow, BatchSummary, Error, Scored, Store};

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

/// Scores every customer as of an instant and writes one row each, sorted by customer id, in the format that
/// the file's ending tells.
///
/// # Errors
/// [`WriteError`]; then nothing at `out` has changed.
pub fn to_file(
    histories: &Histories,
    engine: &dyn Score,
    as_of: Micros,
    scored_at: Micros,
    out: &Path,
) -> Result<FileSummary, WriteError> {
    let scored: Vec<Scored> =
        histories.par_iter().map(|(id, history)| engine.score(id, history, as_of, scored_at)).collect();
    let mut summary = FileSummary { customers: scored.len() as u64, ..FileSummary::default() };
    for one in &scored {
        match &one.outcome {
            Outcome::Scored(_) => summary.scored += 1,
            Outcome::NotScored(cause) => *summary.not_scored.entry(cause.code().to_owned()).or_default() += 1,
        }
    }
    table(histories, engine, &scored).write(out, engine.model().timezone)?;
    Ok(summary)
}

fn table(histories: &Histories, engine: &dyn Score, scored: &[Scored]) -> Table {
    let customers = histories.iter().map(|(id, _)| Some(id.to_owned()));
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
