//! Loading states, and committing change sets: one trip to the server to lock and look, one to write and commit.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::privacy;
use super::rows::{self, Image};
use super::session::{Parameter, Wire};
use super::text::{original, stored};
use super::{Inner, LOCKS, PostgresStore};
use crate::state::{
    Also, Ask, ChangeSet, ChangeSets, Clock, Glance, Held, Loaded, Now, REMOVALS, State, Verdict,
    first_version, judge,
};

const OPTED_OUT: &str = "SELECT customer_id FROM homing.consents WHERE customer_id = ANY($1) AND opted_out";
const ERASED: &str = "SELECT hash FROM homing.erased WHERE hash = ANY($1)";
const EVENTS: &str = "SELECT event_id, fingerprint FROM homing.event_ids WHERE event_id = ANY($1)";
const CLOCK: &str = "SELECT max(happened_until), max(known_until) FROM homing.clocks";
const GLANCE: &str =
    "SELECT customer_id, revision, as_of, model, churn_risk, value_at_risk, clv, history_print,
     score_print, tags_print FROM homing.profiles WHERE customer_id = ANY($1)";
/// Locks the profiles of customers in the order of their ids, so that no two transactions wait in a circle.
const LOCK: &str = "SELECT customer_id, revision FROM homing.profiles WHERE customer_id = ANY($1)
     ORDER BY customer_id FOR UPDATE";

/// Reads states as of one instant.
pub(super) async fn load(wire: &mut Wire, store: &PostgresStore, ask: &Ask<'_>) -> Inner<Loaded> {
    let ids: Vec<_> = ask.customers.iter().map(|id| stored(id)).collect();
    let event_ids: Vec<_> = ask.event_ids.iter().map(|id| stored(id)).collect();
    let hashes: Vec<[u8; 32]> = ask.customers.iter().map(|id| store.hash(id)).collect();
    let keys: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
    let held = wire.statement(if ask.fingerprints { GLANCE } else { rows::STORED }).await?;
    let events = wire.statement(EVENTS).await?;
    let erased = wire.statement(ERASED).await?;
    let opted_out = wire.statement(OPTED_OUT).await?;
    let clock = wire.statement(CLOCK).await?;
    let client = &wire.client;
    let (ids, event_ids, keys): ([Parameter<'_>; 1], [Parameter<'_>; 1], [Parameter<'_>; 1]) =
        ([&ids], [&event_ids], [&keys]);
    let answers = tokio::join!(
        biased;
        client.batch_execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"),
        client.query(&held, &ids),
        client.query(&events, &event_ids),
        client.query(&erased, &keys),
        client.query(&opted_out, &ids),
        client.query(&clock, &[]),
        client.batch_execute("COMMIT"),
    );
    answers.0?;
    answers.6?;
    let mut held: HashMap<String, (i64, Held)> = HashMap::with_capacity(ask.customers.len());
    for row in answers.1? {
        let id = original(row.try_get(0)?);
        let of_row = match ask.fingerprints {
            true => Held::Glance(Glance {
                as_of: row.try_get(2)?,
                model: original(row.try_get(3)?),
                numbers: [row.try_get(4)?, row.try_get(5)?, row.try_get(6)?],
                fingerprints: rows::fingerprints(&row, 7, &store.common.place, &id)?,
            }),
            false => Held::Row(Box::new(rows::stored_row(&row, &store.common.place, &id)?)),
        };
        held.insert(id, (row.try_get(1)?, of_row));
    }
    let known: HashMap<String, Vec<u8>> =
        answers.2?.iter().map(|row| (original(row.get(0)), row.get(1))).collect();
    let erased: HashSet<Vec<u8>> = answers.3?.iter().map(|row| row.get(0)).collect();
    let opted_out: HashSet<String> = answers.4?.iter().map(|row| original(row.get(0))).collect();
    let clock = match answers.5?.first() {
        Some(row) => Clock { happened: row.try_get(0)?, known: row.try_get(1)? },
        None => Clock::default(),
    };
    let states = ask.customers.iter().zip(&hashes).map(|(&id, hash)| {
        let (version, held) =
            held.remove(id).map_or((None, Held::Nothing), |(version, held)| (Some(version), held));
        State {
            customer_id: id.to_owned(),
            version,
            erased: erased.contains(hash.as_slice()),
            opted_out: opted_out.contains(id),
            held,
        }
    });
    let events =
        ask.event_ids.iter().map(|id| known.get(*id).and_then(|print| print.as_slice().try_into().ok()));
    Ok(Loaded { states: states.collect(), events: events.collect(), clock })
}

/// Change sets of a caller with the rows as they are to be.
pub(super) struct Job {
    sets: ChangeSets,
    /// Of each change of each set; none where nothing is to be written.
    images: Vec<Vec<Option<Image>>>,
}

impl Job {
    pub fn of(sets: ChangeSets) -> Inner<Self> {
        let image = |change: &crate::state::Change| Image::of(&change.state, &change.plan);
        let of_set = |set: &ChangeSet| set.changes.iter().map(image).collect::<Inner<Vec<_>>>();
        let images = sets.iter().map(of_set).collect::<Inner<_>>()?;
        Ok(Job { sets, images })
    }
}

/// Commits the change sets of callers in one transaction; verdicts come caller by caller, in order. `alone`: while nobody
/// else writes profiles.
pub(super) async fn commit(
    wire: &mut Wire,
    store: &PostgresStore,
    jobs: &[Job],
    alone: bool,
) -> Inner<Vec<Vec<Verdict>>> {
    let sets = || jobs.iter().flat_map(|job| job.sets.iter());
    let beyond = sets().any(|set| !matches!(set.also, Also::Nothing));
    let (verdicts, first) = look(wire, store, &sets().collect::<Vec<_>>(), alone || beyond).await?;
    let written =
        || sets().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Committed).map(|(set, _)| set);
    for set in written() {
        match &set.also {
            Also::Nothing => {}
            Also::Consent(customer_id, consent) => privacy::set_consent(wire, customer_id, *consent).await?,
            Also::Merge(from, into) => privacy::hand_over(wire, store, from, into).await?,
        }
    }
    let images = jobs.iter().flat_map(|job| &job.images);
    let images = images.zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Committed);
    let mut images: Vec<&Image> = images.flat_map(|(images, _)| images.iter().flatten()).collect();
    images.sort_unstable_by(|a, b| a.customer_id.cmp(&b.customer_id));
    let event_ids = written().flat_map(|set| {
        set.event_ids
            .iter()
            .filter_map(|one| Some((one, set.changes.get(one.change)?.state.customer_id.as_str())))
    });
    // In one order everywhere, so that no two transactions wait in a circle.
    let event_ids: BTreeMap<&str, (&[u8], &str)> =
        event_ids.map(|(one, id)| (one.event_id.as_str(), (one.fingerprint.as_slice(), id))).collect();
    let clock = written().fold(Clock::default(), |clock, set| clock.max(set.clock));
    rows::write(wire, &images, first, &event_ids, clock).await?;
    let mut at = verdicts.into_iter();
    Ok(jobs.iter().map(|job| at.by_ref().take(job.sets.len()).collect()).collect())
}

/// Begins the transaction, locks the customers of the sets, and decides which of the sets may be written. Also the version of
/// a profile that is new.
async fn look(
    wire: &mut Wire,
    store: &PostgresStore,
    sets: &[&ChangeSet],
    alone: bool,
) -> Inner<(Vec<Verdict>, i64)> {
    let states = || sets.iter().flat_map(|set| set.states());
    let mut ids: Vec<_> = states().map(|state| stored(&state.customer_id)).collect();
    ids.sort_unstable();
    ids.dedup();
    let event_ids: Vec<_> =
        sets.iter().flat_map(|set| &set.event_ids).map(|one| stored(&one.event_id)).collect();
    let hashes: HashMap<&str, [u8; 32]> =
        states().map(|state| (state.customer_id.as_str(), store.hash(&state.customer_id))).collect();
    let keys: Vec<&[u8]> = hashes.values().map(<[u8; 32]>::as_slice).collect();
    let writers = wire.statement(&writers_lock(alone)).await?;
    let lock = wire.statement(LOCK).await?;
    let events = wire.statement(EVENTS).await?;
    let erased = wire.statement(ERASED).await?;
    let opted_out = wire.statement(OPTED_OUT).await?;
    let removals = wire.statement("SELECT value FROM homing.settings WHERE name = $1").await?;
    let client = &wire.client;
    let (ids, event_ids, keys): ([Parameter<'_>; 1], [Parameter<'_>; 1], [Parameter<'_>; 1]) =
        ([&ids], [&event_ids], [&keys]);
    // Each statement sees what was committed before it ran: after the locks nobody changes these customers.
    let answers = tokio::join!(
        biased;
        client.batch_execute("BEGIN"),
        client.query(&writers, &[]),
        client.query(&lock, &ids),
        client.query(&events, &event_ids),
        client.query(&erased, &keys),
        client.query(&opted_out, &ids),
        client.query(&removals, &[&REMOVALS]),
    );
    answers.0?;
    answers.1?;
    let removals: i64 = answers.6?.first().map(|row| row.get(0)).unwrap_or_default();
    let versions: HashMap<String, i64> =
        answers.2?.iter().map(|row| (original(row.get(0)), row.get(1))).collect();
    let taken: HashSet<String> = answers.3?.iter().map(|row| original(row.get(0))).collect();
    let erased: HashSet<Vec<u8>> = answers.4?.iter().map(|row| row.get(0)).collect();
    let opted_out: HashSet<String> = answers.5?.iter().map(|row| original(row.get(0))).collect();
    let now = |id: &str| -> Inner<Now> {
        Ok(Now {
            version: versions.get(id).copied(),
            erased: hashes.get(id).is_some_and(|hash| erased.contains(hash.as_slice())),
            opted_out: opted_out.contains(id),
        })
    };
    let verdicts = judge(sets.iter().copied(), now, |id| Ok(taken.contains(id)))?;
    Ok((verdicts, first_version(removals)))
}

/// Shared by all who write profiles; alone by who changes what holds for customers without a row, too. Whoever takes it holds
/// no other yet, so nobody waits in a circle.
fn writers_lock(alone: bool) -> String {
    let shared = if alone { "" } else { "_shared" };
    format!("SELECT pg_advisory_xact_lock{shared}({})", LOCKS.writers)
}
