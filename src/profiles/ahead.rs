//! A batch in chunks: while one is written, the next is read and scored.

use std::collections::HashSet;

use super::{BatchRow, BatchSummary, Error};

/// Customers a transaction. Up to four chunks are in memory at once, with some 15 KB a customer.
pub(super) const CHUNK: usize = 5_000;

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
