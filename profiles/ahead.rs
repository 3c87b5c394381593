//! A batch in chunks: while one is written, the next is read and scored.

use std::collections::HashSet;

use homing_datasets::Micros;

use super::plan::{Plan, count};
use super::{BatchRow, BatchSummary, Error};

/// Customers a transaction. Up to four chunks are in memory at once, with some 15 KB a customer.
pub(super) const CHUNK: usize = 5_000;

/// A chunk that is scored and not yet written. A draft is what a store knows of a customer with the plan that it made.
pub(super) struct Prepared<D> {
    /// How many were handed in; those who were erased are not among the rows.
    pub handed_in: usize,
    pub rows: Vec<BatchRow>,
    /// Of each row; none for who was erased since.
    pub drafts: Vec<Option<D>>,
    /// The last instant of the chunk's histories, and that of the store.
    pub happened: Option<Micros>,
    pub clock: Option<Micros>,
}

impl<D> Prepared<D> {
    /// Counts what was written. `of`: the plan of a draft, and whether the store held the customer before.
    pub fn count(&self, summary: &mut BatchSummary, of: impl Fn(&D) -> (&Plan, bool)) {
        let written = || self.drafts.iter().flatten();
        summary.erased += (self.handed_in - written().count()) as u64;
        summary.customers += self.handed_in as u64;
        count(written().map(of), summary);
    }
}

/// Prepares chunks here and writes them, one behind, in a thread of its own. What is read of a customer before the chunk before
/// is written may be old: whoever writes has to look again.
pub(super) fn in_chunks<P: Send>(
    rows: &mut (dyn Iterator<Item = BatchRow> + Send),
    prepare: impl Fn(Vec<BatchRow>) -> Result<P, Error>,
    write: impl Fn(P, &mut BatchSummary) -> Result<(), Error> + Send,
) -> Result<BatchSummary, Error> {
    let (sender, receiver) = std::sync::mpsc::sync_channel::<P>(1);
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut summary = BatchSummary::default();
            for prepared in receiver {
                write(prepared, &mut summary)?;
            }
            Ok(summary)
        });
        let mut prepared = Ok(());
        let mut next: Option<BatchRow> = None;
        loop {
            let chunk = chunk(&mut next, rows);
            if chunk.is_empty() {
                break;
            }
            match prepare(chunk) {
                // The writer is gone only when it failed.
                Ok(prepared) => {
                    if sender.send(prepared).is_err() {
                        break;
                    }
                }
                Err(error) => {
                    prepared = Err(error);
                    break;
                }
            }
        }
        drop(sender);
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        prepared.map(|()| written)
    })
}

/// The next rows. A customer who is named twice is met twice: the second time in another chunk.
fn chunk(next: &mut Option<BatchRow>, rows: &mut (dyn Iterator<Item = BatchRow> + Send)) -> Vec<BatchRow> {
    let mut chunk: Vec<BatchRow> = Vec::new();
    let mut named: HashSet<String> = HashSet::new();
    for row in next.take().into_iter().chain(rows) {
        if !named.insert(row.customer_id.clone()) {
            *next = Some(row);
            break;
        }
        chunk.push(row);
        if chunk.len() == CHUNK {
            break;
        }
    }
    chunk
}
