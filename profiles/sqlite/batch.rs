//! Writing a batch: read and score without holding the file, then write what changed in one short transaction.

use homing_datasets::Micros;
use rayon::prelude::*;
use rusqlite::{Connection, OptionalExtension};

use super::privacy::Gate;
use super::rows::{self, Clock, Stored};
use super::{Inner, SqliteStore};
use crate::ahead::{self, Prepared};
use crate::plan::{Addition, Plan, Planner};
use crate::{BatchRow, BatchSummary, Error, Scorer};

/// A customer's plan, and the row that it was made for (number and revision).
struct Draft {
    place: Option<(i64, i64)>,
    opted_out: bool,
    plan: Plan,
}

pub(super) fn write_batch(
    store: &SqliteStore,
    rows: &mut (dyn Iterator<Item = BatchRow> + Send),
    as_of: Micros,
    tolerance: f64,
    score: &Scorer<'_>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<BatchSummary, Error> {
    let planner = Planner { tolerance, ..store.planner(score) };
    let prepare = |chunk| prepare(store, &planner, chunk, as_of);
    ahead::in_chunks(rows, prepare, |prepared, summary| {
        prepared.write(store, &planner, as_of, summary)?;
        progress(summary.customers);
        Ok(())
    })
}

fn prepare(
    store: &SqliteStore,
    planner: &Planner<'_>,
    chunk: Vec<BatchRow>,
    as_of: Micros,
) -> Result<Prepared<Draft>, Error> {
    let handed_in = chunk.len();
    let (rows, stored, clock) = store.read(|connection, names| {
        let gate = Gate::load(connection)?;
        let (mut rows, mut stored) = (Vec::with_capacity(chunk.len()), Vec::with_capacity(chunk.len()));
        for row in chunk {
            if gate.erased(connection, &row.customer_id)? {
                continue;
            }
            let held = rows::load(connection, names, &row.customer_id)?;
            stored.push((held, gate.opted_out(connection, &row.customer_id)?));
            rows.push(row);
        }
        Ok((rows, stored, Clock::Happened.read(connection)?))
    })?;
    let happened = rows.iter().filter_map(|row| row.history.last_instant()).max();
    let drafts = rows
        .par_iter()
        .zip(stored)
        .map(|(row, (stored, opted_out))| draft(planner, row, stored, opted_out, as_of).map(Some))
        .collect::<Result<Vec<Option<Draft>>, Error>>()?;
    Ok(Prepared { handed_in, rows, drafts, happened, clock })
}

impl Prepared<Draft> {
    fn write(
        mut self,
        store: &SqliteStore,
        planner: &Planner<'_>,
        as_of: Micros,
        summary: &mut BatchSummary,
    ) -> Result<(), Error> {
        let busy = |draft: &Option<Draft>| draft.as_ref().is_some_and(|draft| !draft.plan.is_idle());
        if self.drafts.iter().any(busy) || self.happened > self.clock {
            store.write(|connection, names| {
                let gate = Gate::load(connection)?;
                for (slot, row) in self.drafts.iter_mut().zip(&self.rows) {
                    let Some(draft) = slot else { continue };
                    if draft.plan.is_idle() {
                        continue;
                    }
                    if gate.erased(connection, &row.customer_id)? {
                        *slot = None;
                        continue;
                    }
                    let opted_out = gate.opted_out(connection, &row.customer_id)?;
                    let seen = draft.place.map(|(_, revision)| revision);
                    if revision(connection, &row.customer_id)? != seen || opted_out != draft.opted_out {
                        // Someone wrote to this customer since it was read.
                        let stored = rows::load(connection, names, &row.customer_id)?;
                        *draft = self::draft(planner, row, stored, opted_out, as_of)?;
                    }
                    rows::write(connection, names, &row.customer_id, draft.place, &draft.plan)?;
                }
                if let Some(happened) = self.happened {
                    Clock::Happened.advance(connection, happened)?;
                    Clock::Known.advance(connection, happened)?;
                }
                Ok(())
            })?;
        }
        self.count(summary, |draft| (&draft.plan, draft.place.is_some()));
        Ok(())
    }
}

fn draft(
    planner: &Planner<'_>,
    row: &BatchRow,
    stored: Option<Stored>,
    opted_out: bool,
    as_of: Micros,
) -> Result<Draft, Error> {
    let held = stored.as_ref().map(|stored| &stored.held);
    let plan = planner.plan(&row.customer_id, held, opted_out, Addition::Merge(&row.history), as_of)?;
    let place = stored.as_ref().map(|stored| (stored.profile, stored.revision));
    Ok(Draft { place, opted_out, plan })
}

/// The present revision of a customer, if there is one.
fn revision(connection: &Connection, customer_id: &str) -> Inner<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT revision FROM profiles WHERE customer_id = ?1")?;
    Ok(statement.query_row([customer_id], |row| row.get(0)).optional()?)
}
