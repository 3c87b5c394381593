//! Writing a batch: read fingerprints, score, and write what changed in one short transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use homing_datasets::{History, Micros};
use homing_models::Outcome;
use rayon::prelude::*;

use super::intake::{ERASED, LOCK, OPTED_OUT, lone_writer_lock, writers_lock};
use super::rows::{self, Image, Stored};
use super::session::Wire;
use super::text::{original, stored};
use super::{Fault, Inner, PostgresStore};
use crate::ahead::{self, Prepared};
use crate::plan::{Addition, Plan, Planner, history_print};
use crate::{BatchRow, BatchSummary, Error, Scored};

/// What a batch knows of a customer without having read the row.
struct Glance {
    revision: i64,
    as_of: Micros,
    model: String,
    numbers: [Option<f64>; 3],
    history_print: Vec<u8>,
    score_print: Vec<u8>,
    tags_print: Vec<u8>,
}

/// A customer's plan, and what it was made for.
struct Draft {
    revision: Option<i64>,
    opted_out: bool,
    plan: Plan,
    image: Option<Image>,
}

pub(super) fn write_batch(
    store: &PostgresStore,
    planner: &Planner<'_>,
    rows: &mut (dyn Iterator<Item = BatchRow> + Send),
    as_of: Micros,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<BatchSummary, Error> {
    let prepare = |chunk| prepare(store, planner, chunk, as_of);
    ahead::in_chunks(rows, prepare, |prepared, summary| {
        prepared.write(store, planner, as_of, summary)?;
        progress(summary.customers);
        Ok(())
    })
}

/// What was read before scoring.
struct Seen {
    glances: HashMap<String, Glance>,
    erased: HashSet<String>,
    opted_out: HashSet<String>,
    clock: Option<Micros>,
}

fn prepare(
    store: &PostgresStore,
    planner: &Planner<'_>,
    chunk: Vec<BatchRow>,
    as_of: Micros,
) -> Result<Prepared<Draft>, Error> {
    let ids: Vec<String> = chunk.iter().map(|row| stored(&row.customer_id).into_owned()).collect();
    let seen = store.pool.with(async |wire| see(wire, store, &chunk, &ids).await)?;
    let handed_in = chunk.len();
    let rows: Vec<BatchRow> =
        chunk.into_iter().filter(|row| !seen.erased.contains(&row.customer_id)).collect();
    let happened = rows.iter().filter_map(|row| row.history.last_instant()).max();

    // Those of whom the fingerprints say that something changes are read whole; mostly they are few.
    let glimpses: Vec<Glimpse> = rows
        .par_iter()
        .map(|row| {
            let opted_out = seen.opted_out.contains(&row.customer_id);
            let glance = seen.glances.get(&row.customer_id);
            glance
                .filter(|_| !opted_out)
                .map_or(Ok(Glimpse::Nothing), |glance| glimpse(planner, row, glance, as_of))
        })
        .collect::<Result<_, Error>>()?;
    let wanted: Vec<String> = rows
        .iter()
        .zip(&glimpses)
        .filter(|(row, glimpse)| {
            !matches!(glimpse, Glimpse::Idle(_)) && seen.glances.contains_key(&row.customer_id)
        })
        .map(|(row, _)| stored(&row.customer_id).into_owned())
        .collect();
    let held = match wanted.is_empty() {
        true => BTreeMap::new(),
        false => store.pool.with(async |wire| rows::load(wire, &store.place, &borrowed(&wanted)).await)?,
    };
    let drafts: Vec<Option<Draft>> = rows
        .par_iter()
        .zip(glimpses)
        .map(|(row, glimpse)| {
            let opted_out = seen.opted_out.contains(&row.customer_id);
            let glance = seen.glances.get(&row.customer_id);
            let revision = glance.map(|glance| glance.revision);
            let held = held.get(&row.customer_id);
            match glimpse {
                Glimpse::Idle(plan) => Ok(Some(Draft { revision, opted_out, plan: *plan, image: None })),
                // The row is still the one that was glanced at: its history is this one, and so is its score.
                Glimpse::Scored(scored) if held.map(|held| held.revision) == revision => {
                    let once = Mutex::new(Some(*scored));
                    let known = |id: &str, history: &History, as_of: Micros| {
                        let known = once.lock().unwrap_or_else(PoisonError::into_inner).take();
                        known.unwrap_or_else(|| (planner.score)(id, history, as_of))
                    };
                    let planner = Planner { score: &known, ..*planner };
                    draft(&planner, row, held, opted_out, as_of).map(Some)
                }
                _ => draft(planner, row, held, opted_out, as_of).map(Some),
            }
        })
        .collect::<Result<_, Error>>()?;
    Ok(Prepared { handed_in, rows, drafts, happened, clock: seen.clock })
}

impl Prepared<Draft> {
    fn write(
        mut self,
        store: &PostgresStore,
        planner: &Planner<'_>,
        as_of: Micros,
        summary: &mut BatchSummary,
    ) -> Result<(), Error> {
        let busy = |draft: &Option<Draft>| draft.as_ref().is_some_and(|draft| draft.image.is_some());
        if self.drafts.iter().any(busy) || self.happened > self.clock {
            let (rows, drafts) = (&self.rows, &mut self.drafts);
            let mut tries = 0;
            store.pool.with(async |wire| {
                tries += 1;
                write(wire, store, planner, rows, drafts, (self.happened, as_of), tries > PATIENT_TRIES).await
            })?;
        }
        self.count(summary, |draft| (&draft.plan, draft.revision.is_some()));
        Ok(())
    }
}

fn borrowed(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

/// Who of these customers was erased, by id.
async fn erased(
    wire: &mut Wire,
    store: &PostgresStore,
    ids: impl Iterator<Item = &str>,
) -> Inner<HashSet<String>> {
    // Most stores have nobody: then no hash is computed.
    if wire.one("SELECT 1 FROM homing.erased LIMIT 1", &[]).await?.is_none() {
        return Ok(HashSet::new());
    }
    let hashes: HashMap<[u8; 32], &str> = ids.map(|id| (store.hash(id), id)).collect();
    let keys: Vec<&[u8]> = hashes.keys().map(<[u8; 32]>::as_slice).collect();
    let found = wire.query(ERASED, &[&keys]).await?;
    let id = |hash: Vec<u8>| hashes.get(hash.as_slice()).map(|id| (*id).to_owned());
    Ok(found.iter().filter_map(|row| id(row.get(0))).collect())
}

async fn opted_out(wire: &mut Wire, ids: &[&str]) -> Inner<HashSet<String>> {
    Ok(wire.query(OPTED_OUT, &[&ids]).await?.iter().map(|row| original(row.get(0))).collect())
}

async fn see(wire: &mut Wire, store: &PostgresStore, chunk: &[BatchRow], ids: &[String]) -> Inner<Seen> {
    let sql = "SELECT customer_id, revision, as_of, model, churn_risk, value_at_risk, clv, history_print, score_print,
         tags_print FROM homing.profiles WHERE customer_id = ANY($1)";
    let mut glances = HashMap::with_capacity(ids.len());
    for row in wire.query(sql, &[&ids]).await? {
        let glance = Glance {
            revision: row.try_get(1)?,
            as_of: row.try_get(2)?,
            model: original(row.try_get(3)?),
            numbers: [row.try_get(4)?, row.try_get(5)?, row.try_get(6)?],
            history_print: row.try_get(7)?,
            score_print: row.try_get(8)?,
            tags_print: row.try_get(9)?,
        };
        glances.insert(original(row.try_get(0)?), glance);
    }
    let clock = wire.one("SELECT max(happened_until) FROM homing.clocks", &[]).await?;
    Ok(Seen {
        glances,
        erased: erased(wire, store, chunk.iter().map(|row| row.customer_id.as_str())).await?,
        opted_out: opted_out(wire, &borrowed(ids)).await?,
        clock: clock.and_then(|row| row.get(0)),
    })
}

/// What fingerprints tell of a customer.
enum Glimpse {
    /// Nothing changes.
    Idle(Box<Plan>),
    /// The history is the one that the store holds; its score is another.
    Scored(Box<Scored>),
    /// Not enough.
    Nothing,
}

/// Looks whether anything changes, without the customer's row.
fn glimpse(planner: &Planner<'_>, row: &BatchRow, glance: &Glance, as_of: Micros) -> Result<Glimpse, Error> {
    if history_print(&row.history.to_bytes())[..] != glance.history_print[..] {
        return Ok(Glimpse::Nothing);
    }
    if glance.as_of > as_of {
        return Ok(Glimpse::Idle(Box::new(Plan { newer_in_store: true, ..Plan::default() })));
    }
    let scored = (planner.score)(&row.customer_id, &row.history, as_of);
    let provenance = &scored.provenance;
    let not_scored = match scored.outcome {
        Outcome::NotScored(cause) => Some(cause),
        Outcome::Scored(_) => None,
    };
    if glance.model != *provenance.model || provenance.as_of < glance.as_of {
        return Ok(Glimpse::Scored(Box::new(scored)));
    }
    let prints = planner.prints_of(&scored)?;
    let same = provenance.as_of == glance.as_of && prints.score[..] == glance.score_print[..];
    // What a tag without a value keeps may expire, which only the row itself can tell.
    let near = || {
        planner.tolerance > 0.0
            && prints.tags[..] == glance.tags_print[..]
            && planner.is_within(glance.numbers, &scored.outcome)
            && scored.tags.iter().all(|tag| !tag.value.is_null())
    };
    Ok(match same || near() {
        true => Glimpse::Idle(Box::new(Plan { not_scored, ..Plan::default() })),
        false => Glimpse::Scored(Box::new(scored)),
    })
}

fn draft(
    planner: &Planner<'_>,
    row: &BatchRow,
    stored: Option<&Stored>,
    opted_out: bool,
    as_of: Micros,
) -> Result<Draft, Error> {
    let held = stored.map(|stored| &stored.held);
    let plan = planner.plan(&row.customer_id, held, opted_out, Addition::Merge(&row.history), as_of)?;
    let image = Image::of(&row.customer_id, stored, &plan).map_err(|fault| match fault {
        Fault::Known(error) => error,
        _ => Error::Locked(planner.store.to_owned()),
    })?;
    Ok(Draft { revision: stored.map(|stored| stored.revision), opted_out, plan, image })
}

/// So often a chunk is tried beside other writers; from then on it keeps them waiting: where events meet new customers all
/// the time, somebody else would always be first.
const PATIENT_TRIES: u32 = 2;

/// Locks those who are to be written, makes the plans of those anew to whom someone wrote in between, and writes.
async fn write(
    wire: &mut Wire,
    store: &PostgresStore,
    planner: &Planner<'_>,
    rows: &[BatchRow],
    drafts: &mut [Option<Draft>],
    (happened, as_of): (Option<Micros>, Micros),
    alone: bool,
) -> Inner<()> {
    let is_busy = |draft: &Option<Draft>| draft.as_ref().is_some_and(|draft| draft.image.is_some());
    let busy: Vec<usize> = (0..drafts.len()).filter(|&at| is_busy(&drafts[at])).collect();
    let ids: Vec<String> = busy.iter().map(|&at| stored(&rows[at].customer_id).into_owned()).collect();
    let ids = borrowed(&ids);
    wire.run("BEGIN").await?;
    wire.query(&if alone { lone_writer_lock() } else { writers_lock() }, &[]).await?;
    let locked: HashMap<String, i64> =
        wire.query(LOCK, &[&ids]).await?.iter().map(|row| (original(row.get(0)), row.get(1))).collect();
    let erased = erased(wire, store, busy.iter().map(|&at| rows[at].customer_id.as_str())).await?;
    let opted_out = opted_out(wire, &ids).await?;
    let mut stale: Vec<usize> = Vec::new();
    for &at in &busy {
        let id = &rows[at].customer_id;
        if erased.contains(id) {
            drafts[at] = None;
            continue;
        }
        let Some(draft) = &drafts[at] else { continue };
        if draft.revision != locked.get(id).copied() || draft.opted_out != opted_out.contains(id) {
            stale.push(at);
        }
    }
    if !stale.is_empty() {
        let ids: Vec<String> = stale.iter().map(|&at| stored(&rows[at].customer_id).into_owned()).collect();
        let held = rows::load(wire, &store.place, &borrowed(&ids)).await?;
        // As in an intake: seen and not locked.
        if held.keys().any(|id| !locked.contains_key(id)) {
            return Err(Fault::Again);
        }
        for at in stale {
            let id = &rows[at].customer_id;
            drafts[at] = Some(draft(planner, &rows[at], held.get(id), opted_out.contains(id), as_of)?);
        }
    }
    let mut images: Vec<&Image> =
        busy.iter().filter_map(|&at| drafts[at].as_ref().and_then(|draft| draft.image.as_ref())).collect();
    images.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
    rows::write(wire, &images, happened, happened).await
}
