//! The batch: every customer of the files, into a file or into the profiles.

use std::collections::BTreeMap;
use std::path::Path;

use homing_datasets::table::{Column, Table, WriteError};
use homing_datasets::{Histories, Micros};
use homing_models::Outcome;
use homing_models::prediction::number_names;
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
    // The file has no tags; kept for every customer until it is written, they would take half of the memory.
    let untagged = |(id, history)| Scored { tags: Vec::new(), ..engine.score(id, history, as_of, scored_at) };
    let scored: Vec<Scored> = histories.par_iter().map(untagged).collect();
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
    let predictions = || {
        scored.iter().map(|one| match &one.outcome {
            Outcome::Scored(prediction) => Some(prediction),
            Outcome::NotScored(_) => None,
        })
    };
    let names = number_names(&engine.model().horizons);
    let mut numbers: Vec<Vec<Option<f64>>> = vec![Vec::with_capacity(scored.len()); names.len()];
    for prediction in predictions() {
        let values = prediction.map(|p| p.values());
        for (at, column) in numbers.iter_mut().enumerate() {
            column.push(values.as_ref().map(|values| values[at]));
        }
    }
    let causes = scored.iter().map(|one| match &one.outcome {
        Outcome::Scored(_) => None,
        Outcome::NotScored(cause) => Some(cause.code().to_owned()),
    });
    let mut table = Table::default()
        .with("customer_id", Column::Text(histories.iter().map(|(id, _)| Some(id.to_owned())).collect()))
        .with("not_scored", Column::Text(causes.collect()));
    for (name, values) in names.into_iter().zip(numbers) {
        table = table.with(name, Column::Number(values));
    }
    table
        .with(
            "churn_percentile",
            Column::Whole(predictions().map(|p| Some(i64::from(p?.churn_percentile))).collect()),
        )
        .with("next_order_at", Column::Instant(predictions().map(|p| p?.next_order_at).collect()))
        .with(
            "reasons",
            Column::Json(predictions().map(|p| serde_json::to_value(&p?.reasons).ok()).collect()),
        )
        .with(
            "model",
            Column::Text(scored.iter().map(|one| Some(one.provenance.model.to_string())).collect()),
        )
        .with("as_of", Column::Instant(scored.iter().map(|one| Some(one.provenance.as_of)).collect()))
        .with("scored_at", Column::Instant(scored.iter().map(|one| Some(one.provenance.scored_at)).collect()))
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
