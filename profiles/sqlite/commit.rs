//! Loading states, and committing change sets.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::gate::Gate;
use super::rows::{self, HAPPENED, KNOWN, Place, TagNames, clock};
use super::sql::Runner;
use super::{Inner, SqliteStore};
use crate::privacy;
use crate::sql::Engine as _;
use crate::state::{
    Ask, ChangeSet, ChangeSets, Clock, Held, Loaded, Now, REMOVALS, State, Verdict, first_version, judge,
};

/// The connection that writes.
pub(super) struct Writer {
    connection: Connection,
    /// Forgotten with whatever is taken back: numbers that it gave to names must not be remembered.
    names: TagNames,
}

impl Writer {
    pub fn new(connection: Connection) -> Self {
        Writer { connection, names: TagNames::default() }
    }

    /// Does work in a transaction of its own, which is taken back when the work fails or panics.
    pub fn alone<T>(&mut self, work: impl FnOnce(&Connection, &mut TagNames) -> Inner<T>) -> Inner<T> {
        let mut names = std::mem::take(&mut self.names);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction, &mut names)?;
        transaction.commit()?;
        self.names = names;
        Ok(done)
    }
}

impl Deref for Writer {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Writer {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Reads states as of one instant.
pub(super) fn load(connection: &Connection, names: &mut TagNames, ask: &Ask<'_>) -> Inner<Loaded> {
    let gate = Gate::load(connection)?;
    let mut states = Vec::with_capacity(ask.customers.len());
    for &customer_id in ask.customers {
        let erased = gate.erased(connection, customer_id)?;
        let (version, held) = match rows::load(connection, names, customer_id)? {
            None => (None, Held::Nothing),
            Some((version, row)) => (Some(version), Held::Row(Box::new(row))),
        };
        let opted_out = gate.opted_out(connection, customer_id)?;
        states.push(State { customer_id: customer_id.to_owned(), version, erased, opted_out, held });
    }
    let mut find = connection.prepare_cached("SELECT fingerprint FROM event_ids WHERE event_id = ?1")?;
    let events = ask.event_ids.iter().map(|id| find.query_row([id], |row| row.get(0)).optional());
    let events = events.collect::<rusqlite::Result<_>>()?;
    Ok(Loaded { states, events, clock: clock(connection)? })
}

/// Commits the change sets of callers in one transaction; verdicts come caller by caller, in order.
pub(super) fn commit(
    connection: &Connection,
    names: &mut TagNames,
    store: &SqliteStore,
    jobs: &[ChangeSets],
) -> Inner<Vec<Vec<Verdict>>> {
    let gate = Gate::load(connection)?;
    let mut numbers: HashMap<&str, i64> = HashMap::new();
    let mut find =
        connection.prepare_cached("SELECT profile, revision FROM profiles WHERE customer_id = ?1")?;
    let mut taken =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM event_ids WHERE event_id = ?1)")?;
    let now = |id| -> Inner<Now> {
        let place: Option<(i64, i64)> =
            find.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if let Some((number, _)) = place {
            numbers.insert(id, number);
        }
        let version = place.map(|(_, version)| version);
        Ok(Now { version, erased: gate.erased(connection, id)?, opted_out: gate.opted_out(connection, id)? })
    };
    let is_taken = |id| -> Inner<bool> { Ok(taken.query_row([id], |row| row.get(0))?) };
    let verdicts = judge(jobs.iter().flat_map(|sets| sets.iter()), now, is_taken)?;
    let first = first_version(rows::setting(connection, REMOVALS)?.unwrap_or_default());
    let mut ticks = Clock::default();
    let mut at = verdicts.iter().copied();
    let mut by_caller = Vec::with_capacity(jobs.len());
    for sets in jobs {
        let verdicts: Vec<Verdict> = at.by_ref().take(sets.len()).collect();
        for (set, _) in sets.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Committed) {
            write(connection, names, store, set, (&numbers, first))?;
            ticks = ticks.max(set.clock);
        }
        by_caller.push(verdicts);
    }
    for (name, to) in [(HAPPENED, ticks.happened), (KNOWN, ticks.known)] {
        if let Some(to) = to {
            advance(connection, name, to)?;
        }
    }
    Ok(by_caller)
}

fn write(
    connection: &Connection,
    names: &mut TagNames,
    store: &SqliteStore,
    set: &ChangeSet,
    (numbers, first): (&HashMap<&str, i64>, i64),
) -> Inner<()> {
    let mut written = Vec::with_capacity(set.changes.len());
    for change in &set.changes {
        let state = &change.state;
        let row = Place {
            customer_id: &state.customer_id,
            number: numbers.get(state.customer_id.as_str()).copied(),
            version: state.version.map_or(first, |version| version + 1),
        };
        written.push(rows::write(connection, names, row, &change.plan)?);
    }
    for one in &set.event_ids {
        connection
            .prepare_cached("INSERT INTO event_ids (event_id, fingerprint, profile) VALUES (?1, ?2, ?3)")?
            .execute(params![one.event_id, one.fingerprint, written.get(one.change).copied().flatten()])?;
    }
    privacy::carry_out(&mut Runner { connection, names, store }, |id| store.hash(id), &set.also)
}

/// Sets the clock forward; never back.
fn advance(connection: &Connection, name: &str, to: i64) -> Inner<()> {
    connection
        .prepare_cached(
            "INSERT INTO settings (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > value",
        )?
        .execute(params![name, to])?;
    Ok(())
}
