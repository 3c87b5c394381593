//! Writing a batch in chunks: while one is written, the next is read and scored.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::mpsc::{SyncSender, sync_channel};

use homing_datasets::Micros;

use super::{ATTEMPTS, Scorer, draft, each};
use crate::fingerprint::history_fingerprint;
use crate::plan::{Addition, Bounds, Planner, is_newer};
use crate::state::{Ask, Change, ChangeSet, ChangeSets, Clock, Glance, Held, Plan, State, Verdict};
use crate::{BatchRow, BatchSummary, Error, Profiles, Scored, TagMoves};

/// Customers a chunk. Up to four chunks are in memory at once, with some 25 KB a customer.
const CHUNK: usize = 5_000;

/// What a batch is scored with.
#[derive(Clone, Copy)]
struct Terms<'a> {
    planner: Planner<'a>,
    as_of: Micros,
    score: &'a Scorer<'a>,
}

pub(super) fn write_batch<P: Profiles + ?Sized>(
    store: &P,
    rows: &mut (dyn Iterator<Item = BatchRow> + Send),
    (as_of, bounds): (Micros, Bounds),
    score: &Scorer<'_>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<BatchSummary, Error> {
    let terms = Terms { planner: Planner { common: store.common(), bounds }, as_of, score };
    let (sender, receiver) = sync_channel::<Prepared>(1);
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut summary = BatchSummary::default();
            for prepared in receiver {
                write(store, &terms, prepared, &mut summary)?;
                progress(summary.customers);
            }
            Ok(summary)
        });
        let prepared = prepare_all(store, &terms, rows, sender);
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        prepared.map(|()| written)
    })
}

fn prepare_all<P: Profiles + ?Sized>(
    store: &P,
    terms: &Terms<'_>,
    rows: &mut (dyn Iterator<Item = BatchRow> + Send),
    sender: SyncSender<Prepared>,
) -> Result<(), Error> {
    let mut next: Option<BatchRow> = None;
    loop {
        let chunk = chunk(&mut next, rows);
        // The writer is gone only when it failed.
        if chunk.is_empty() || sender.send(prepare(store, terms, chunk)?).is_err() {
            return Ok(());
        }
    }
}

/// The next rows. A customer who is named twice comes twice: the second time in another chunk.
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

/// A chunk that is scored and not yet written.
struct Prepared {
    /// What is known already: of those who were erased or of whom nothing changes.
    summary: BatchSummary,
    rows: Vec<BatchRow>,
    /// Of each row.
    changes: Vec<Change>,
    /// The last instant of the chunk's histories.
    happened: Option<Micros>,
    /// Whether the data clock has to be set forward.
    ticks: bool,
}

fn prepare<P: Profiles + ?Sized>(
    store: &P,
    terms: &Terms<'_>,
    chunk: Vec<BatchRow>,
) -> Result<Prepared, Error> {
    let mut summary = BatchSummary { customers: chunk.len() as u64, ..BatchSummary::default() };
    let ids: Vec<&str> = chunk.iter().map(|row| row.customer_id.as_str()).collect();
    let loaded = store.load(&Ask { customers: &ids, event_ids: &[], fingerprints: true })?;
    let mut known: Vec<(BatchRow, State)> = chunk.into_iter().zip(loaded.states).collect();
    known.retain(|(_, state)| !state.erased);
    summary.erased = summary.customers - known.len() as u64;
    let happened = known.iter().filter_map(|(row, _)| row.history.last_instant()).max();
    let drafts = complete(store, terms, first_look(terms, known)?)?;
    let (mut rows, mut changes) = (Vec::new(), Vec::new());
    for (row, change) in drafts {
        match change.plan.is_idle() {
            true => count([&change].into_iter(), &mut summary),
            false => {
                rows.push(row);
                changes.push(change);
            }
        }
    }
    Ok(Prepared { summary, rows, changes, happened, ticks: happened > loaded.clock.happened })
}

/// What is known of a row before it has a plan.
enum Look {
    Planned(BatchRow, Box<Change>),
    /// Fingerprints say that something changes: the row must be loaded. The scores, where they are made already, and the
    /// version that they were made for.
    Wanted(BatchRow, Option<(Box<Scored>, Option<i64>)>),
}

/// Scores everybody of whom the row is loaded, or of whom fingerprints say enough.
fn first_look(terms: &Terms<'_>, known: Vec<(BatchRow, State)>) -> Result<Vec<Look>, Error> {
    let looks = each(known, |(row, state)| {
        let Held::Glance(glance) = &state.held else {
            let plan = terms.draft(&row, &state)?;
            return Ok(Look::Planned(row, Box::new(Change { state, plan })));
        };
        let version = state.version;
        Ok(match terms.glance(&row, &state, glance) {
            Glimpse::Idle(plan) => Look::Planned(row, Box::new(Change { plan: *plan, state })),
            Glimpse::Moved(scored) => Look::Wanted(row, Some((scored, version))),
            Glimpse::Nothing => Look::Wanted(row, None),
        })
    });
    looks.into_iter().collect()
}

/// Plans for the rest, whose rows are loaded; mostly they are few.
fn complete<P: Profiles + ?Sized>(
    store: &P,
    terms: &Terms<'_>,
    looks: Vec<Look>,
) -> Result<Vec<(BatchRow, Change)>, Error> {
    let wanted = |look: &'_ Look| match look {
        Look::Planned(..) => None,
        Look::Wanted(row, _) => Some(row.customer_id.clone()),
    };
    let ids: Vec<String> = looks.iter().filter_map(wanted).collect();
    let mut states = load(store, ids.iter().map(String::as_str))?;
    let with_state: Vec<(Look, Option<State>)> = looks
        .into_iter()
        .map(|look| {
            let state = match &look {
                Look::Planned(..) => None,
                Look::Wanted(row, _) => states.remove(&row.customer_id),
            };
            (look, state)
        })
        .collect();
    let drafts = each(with_state, |(look, state)| {
        let (row, scored) = match look {
            Look::Planned(row, change) => return Ok(Some((row, *change))),
            Look::Wanted(row, scored) => (row, scored),
        };
        let Some(state) = state else { return Ok(None) };
        // The row is still the one that was glanced at: its history is this one, and so is its score.
        let plan = match scored.filter(|(_, version)| *version == state.version) {
            Some((scored, _)) => {
                let combined = terms.planner.combine(&state, Addition::Merge(&row.history))?;
                terms.planner.plan(&state, combined, Some(*scored))?
            }
            None => terms.draft(&row, &state)?,
        };
        Ok(Some((row, Change { state, plan })))
    });
    let drafts: Vec<Option<(BatchRow, Change)>> = drafts.into_iter().collect::<Result<_, Error>>()?;
    Ok(drafts.into_iter().flatten().collect())
}

/// What fingerprints say about a customer.
enum Glimpse {
    /// Nothing changes.
    Idle(Box<Plan>),
    /// The history is the one that the store holds; its score is another.
    Moved(Box<Scored>),
    /// Not enough.
    Nothing,
}

impl Terms<'_> {
    fn draft(&self, row: &BatchRow, state: &State) -> Result<Plan, Error> {
        draft(&self.planner, state, Addition::Merge(&row.history), self.as_of, self.score)
    }

    /// Looks whether anything changes, without the customer's row.
    fn glance(&self, row: &BatchRow, state: &State, glance: &Glance) -> Glimpse {
        if state.opted_out || history_fingerprint(&row.history.to_bytes()) != glance.fingerprints.history {
            return Glimpse::Nothing;
        }
        if is_newer(state, self.as_of) {
            return Glimpse::Idle(Box::new(Plan { newer_in_store: true, ..Plan::default() }));
        }
        let scored = (self.score)(&row.customer_id, &row.history, self.as_of);
        match self.planner.glance(glance, &scored) {
            Some(plan) => Glimpse::Idle(Box::new(plan)),
            None => Glimpse::Moved(Box::new(scored)),
        }
    }
}

/// States of customers with their rows, by id.
fn load<'i, P: Profiles + ?Sized>(
    store: &P,
    ids: impl Iterator<Item = &'i str>,
) -> Result<HashMap<String, State>, Error> {
    let ids: Vec<&str> = ids.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let loaded = store.load(&Ask { customers: &ids, ..Ask::default() })?;
    Ok(loaded.states.into_iter().map(|state| (state.customer_id.clone(), state)).collect())
}

/// Writes a chunk; those to whom somebody wrote since they were loaded are scored again.
fn write<P: Profiles + ?Sized>(
    store: &P,
    terms: &Terms<'_>,
    prepared: Prepared,
    summary: &mut BatchSummary,
) -> Result<(), Error> {
    let Prepared { summary: mut done, mut rows, mut changes, happened, ticks } = prepared;
    let clock = Clock { happened, known: happened };
    if changes.is_empty() && ticks {
        store.commit([ChangeSet { clock, ..ChangeSet::default() }].into())?;
    }
    let mut turn = None;
    for _ in 0..ATTEMPTS {
        if changes.is_empty() {
            done.add_to(summary);
            return Ok(());
        }
        let of_one = |change| ChangeSet { changes: vec![change], clock, ..ChangeSet::default() };
        let sets: ChangeSets = changes.into_iter().map(of_one).collect();
        let verdicts = store.commit(sets.clone())?;
        let written = sets.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Committed);
        count(written.flat_map(|(set, _)| &set.changes), &mut done);
        let mut verdicts = verdicts.into_iter();
        rows.retain(|_| verdicts.next() == Some(Verdict::Conflict));
        rows.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
        let ids = || rows.iter().map(|row| row.customer_id.as_str());
        drop(turn.take());
        turn = Some(terms.planner.common.turns.take(ids())?);
        let mut states = load(store, ids())?;
        let known = rows.into_iter().filter_map(|row| {
            let state = states.remove(&row.customer_id)?;
            Some((row, state))
        });
        let known: Vec<(BatchRow, State)> = known.collect();
        done.erased += known.iter().filter(|(_, state)| state.erased).count() as u64;
        let known: Vec<_> = known.into_iter().filter(|(_, state)| !state.erased).collect();
        let drafts = each(known, |(row, state)| {
            let plan = terms.draft(&row, &state)?;
            Ok((row, Change { state, plan }))
        });
        (rows, changes) = drafts.into_iter().collect::<Result<Vec<_>, Error>>()?.into_iter().unzip();
    }
    Err(Error::Busy(rows.first().map(|row| row.customer_id.clone()).unwrap_or_default()))
}

/// Counts changes that are written.
fn count<'c>(changes: impl Iterator<Item = &'c Change>, summary: &mut BatchSummary) {
    // By name as it is in the plans: a batch moves millions of tags, and has some hundred names.
    let mut moves: HashMap<&str, TagMoves> = HashMap::new();
    for Change { state, plan } in changes {
        summary.tags_changed += plan.changed.len() as u64;
        if let Some(cause) = plan.not_scored {
            *summary.not_scored.entry(cause.code().to_owned()).or_default() += 1;
        }
        let counter = match state.version {
            _ if plan.newer_in_store => &mut summary.newer_in_store,
            None => &mut summary.inserted,
            Some(_) if plan.is_idle() => &mut summary.unchanged,
            Some(_) => &mut summary.updated,
        };
        *counter += 1;
        for (name, value) in &plan.changed {
            let moved = moves.entry(name).or_default();
            *if value.is_null() { &mut moved.removed } else { &mut moved.set } += 1;
        }
    }
    for (name, moved) in moves {
        let sum = summary.tag_moves.entry(name.to_owned()).or_default();
        sum.set += moved.set;
        sum.removed += moved.removed;
    }
}

impl BatchSummary {
    fn add_to(self, sum: &mut BatchSummary) {
        sum.customers += self.customers;
        sum.inserted += self.inserted;
        sum.updated += self.updated;
        sum.unchanged += self.unchanged;
        sum.newer_in_store += self.newer_in_store;
        sum.tags_changed += self.tags_changed;
        sum.erased += self.erased;
        for (name, moved) in self.tag_moves {
            let sum = sum.tag_moves.entry(name).or_default();
            sum.set += moved.set;
            sum.removed += moved.removed;
        }
        add(&mut sum.not_scored, self.not_scored);
    }
}

fn add(sum: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (name, count) in more {
        *sum.entry(name).or_default() += count;
    }
}
