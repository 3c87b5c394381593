//! Loading states, and committing change sets: one trip to the server to lock and look, one to write and commit.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tokio_postgres::Row;

use super::rows::{self, Image};
use super::session::{Parameter, Session, Wire};
use super::sql::Runner;
use super::text::{original, stored};
use super::write::{self, Writes};
use super::{Fault, Inner, LOCKS, PostgresStore};
use crate::Error;
use crate::privacy;
use crate::sql::Engine;
use crate::state::{
    Also, Ask, ChangeSet, ChangeSets, Clock, Glance, Held, Loaded, Now, REMOVALS, State, Verdict,
    first_version, judge,
};

/// What is asked beside profiles, by customer ids, their hashes and event ids: one statement, since each costs its own.
const FACTS: &str = "SELECT
     ARRAY(SELECT customer_id FROM homing.consents WHERE customer_id = ANY($1) AND opted_out),
     ARRAY(SELECT hash FROM homing.erased WHERE hash = ANY($2)),
     ARRAY(SELECT event_id FROM homing.event_ids WHERE event_id = ANY($3) ORDER BY event_id),
     ARRAY(SELECT fingerprint FROM homing.event_ids WHERE event_id = ANY($3) ORDER BY event_id),
     (SELECT max(happened_until) FROM homing.clocks), (SELECT max(known_until) FROM homing.clocks),
     (SELECT value FROM homing.settings WHERE name = $4)";
const GLANCE: &str =
    "SELECT customer_id, revision, as_of, model, churn_risk, value_at_risk, clv, history_print,
     score_print, tags_print FROM homing.profiles WHERE customer_id = ANY($1)";
/// Locks the profiles of customers in the order of their ids, so that no two transactions wait in a circle.
const LOCK: &str = "SELECT customer_id, revision FROM homing.profiles WHERE customer_id = ANY($1)
     ORDER BY customer_id FOR UPDATE";

/// The parameters of [`FACTS`].
struct Questions<'a> {
    customers: Vec<Cow<'a, str>>,
    hashes: Vec<[u8; 32]>,
    event_ids: Vec<Cow<'a, str>>,
}

impl<'a> Questions<'a> {
    fn new(
        store: &PostgresStore,
        customers: impl Iterator<Item = &'a str> + Clone,
        event_ids: impl Iterator<Item = &'a str>,
    ) -> Self {
        Questions {
            hashes: customers.clone().map(|id| store.hash(id)).collect(),
            customers: customers.map(stored).collect(),
            event_ids: event_ids.map(stored).collect(),
        }
    }
}

/// The answer to [`FACTS`].
struct Facts {
    opted_out: HashSet<String>,
    erased: HashSet<Vec<u8>>,
    events: HashMap<String, Vec<u8>>,
    clock: Clock,
    /// The version of a profile that is new.
    first: i64,
}

impl Facts {
    fn of(rows: &[Row]) -> Inner<Self> {
        let Some(row) = rows.first() else { return Err(Fault::Again) };
        let texts = |at: usize| -> Inner<Vec<String>> {
            Ok(row.try_get::<_, Vec<String>>(at)?.into_iter().map(original).collect())
        };
        let fingerprints: Vec<Vec<u8>> = row.try_get(3)?;
        Ok(Facts {
            opted_out: texts(0)?.into_iter().collect(),
            erased: row.try_get::<_, Vec<Vec<u8>>>(1)?.into_iter().collect(),
            events: texts(2)?.into_iter().zip(fingerprints).collect(),
            clock: Clock { happened: row.try_get(4)?, known: row.try_get(5)? },
            first: first_version(row.try_get::<_, Option<i64>>(6)?.unwrap_or_default()),
        })
    }
}

/// Reads states as of one instant.
pub(super) async fn load(wire: &mut Wire, store: &PostgresStore, ask: &Ask<'_>) -> Inner<Loaded> {
    let asked = Questions::new(store, ask.customers.iter().copied(), ask.event_ids.iter().copied());
    let keys: Vec<&[u8]> = asked.hashes.iter().map(<[u8; 32]>::as_slice).collect();
    let held = wire.statement(if ask.fingerprints { GLANCE } else { rows::STORED }).await?;
    let facts = wire.statement(FACTS).await?;
    let client = &wire.client;
    let ids: [Parameter<'_>; 1] = [&asked.customers];
    let questions: [Parameter<'_>; 4] = [&asked.customers, &keys, &asked.event_ids, &REMOVALS];
    let answers = tokio::join!(
        biased;
        client.batch_execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"),
        client.query(&held, &ids),
        client.query(&facts, &questions),
        client.batch_execute("COMMIT"),
    );
    answers.0?;
    let (rows, facts) = (answers.1?, Facts::of(&answers.2?)?);
    answers.3?;
    let mut held: HashMap<String, (i64, Held)> = HashMap::with_capacity(rows.len());
    for row in rows {
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
    let states = ask.customers.iter().zip(&asked.hashes).map(|(&id, hash)| {
        let (version, held) =
            held.remove(id).map_or((None, Held::Nothing), |(version, held)| (Some(version), held));
        State {
            customer_id: id.to_owned(),
            version,
            erased: facts.erased.contains(hash.as_slice()),
            opted_out: facts.opted_out.contains(id),
            held,
        }
    });
    let fingerprint = |id: &&str| facts.events.get(*id).and_then(|bytes| bytes.as_slice().try_into().ok());
    let events = ask.event_ids.iter().map(fingerprint).collect();
    Ok(Loaded { states: states.collect(), events, clock: facts.clock })
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
pub(super) fn commit(
    session: &mut Session,
    store: &PostgresStore,
    jobs: &[Job],
    alone: bool,
) -> Inner<Vec<Vec<Verdict>>> {
    let sets = || jobs.iter().flat_map(|job| job.sets.iter());
    let alone = alone || sets().any(|set| !matches!(set.also, Also::Nothing));
    let all: Vec<&ChangeSet> = sets().collect();
    let (verdicts, first) = session.step(async |wire| look(wire, store, &all, alone).await)?;
    let written =
        || sets().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Committed).map(|(set, _)| set);
    for set in written() {
        let mut runner = Runner { session: &mut *session, store };
        privacy::carry_out(&mut runner, |id| store.hash(id), &set.also)?;
    }
    let images = jobs.iter().flat_map(|job| &job.images);
    let images = images.zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Committed);
    let mut images: Vec<&Image> = images.flat_map(|(images, _)| images.iter().flatten()).collect();
    images.sort_unstable_by(|a, b| a.customer_id.cmp(&b.customer_id));
    let mut event_ids = BTreeMap::new();
    for set in written() {
        for one in &set.event_ids {
            let Some(change) = set.changes.get(one.change) else {
                let (store, detail) =
                    (store.common.place.clone(), "internal error: an event without its customer".to_owned());
                return Err(Fault::Known(Error::Database { store, detail }));
            };
            event_ids.insert(&*one.event_id, (one.fingerprint.as_slice(), &*change.state.customer_id));
        }
    }
    let clock = written().fold(Clock::default(), |clock, set| clock.max(set.clock));
    let writes = Writes { images, first, event_ids, clock };
    session.step(async |wire| write::write(wire, &writes).await)?;
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
    let customers: BTreeSet<&str> =
        sets.iter().flat_map(|set| set.states()).map(|state| state.customer_id.as_str()).collect();
    let event_ids = sets.iter().flat_map(|set| &set.event_ids).map(|one| one.event_id.as_str());
    let asked = Questions::new(store, customers.iter().copied(), event_ids);
    let keys: Vec<&[u8]> = asked.hashes.iter().map(<[u8; 32]>::as_slice).collect();
    let writers = wire.statement(&writers_lock(alone)).await?;
    let lock = wire.statement(LOCK).await?;
    let facts = wire.statement(FACTS).await?;
    let client = &wire.client;
    let ids: [Parameter<'_>; 1] = [&asked.customers];
    let questions: [Parameter<'_>; 4] = [&asked.customers, &keys, &asked.event_ids, &REMOVALS];
    // Each statement sees what was committed before it ran: after the locks nobody changes these customers.
    let answers = tokio::join!(
        biased;
        client.batch_execute("BEGIN"),
        client.query(&writers, &[]),
        client.query(&lock, &ids),
        client.query(&facts, &questions),
    );
    answers.0?;
    answers.1?;
    let versions: HashMap<String, i64> =
        answers.2?.iter().map(|row| (original(row.get(0)), row.get(1))).collect();
    let facts = Facts::of(&answers.3?)?;
    let hashes: HashMap<&str, &[u8]> = customers.into_iter().zip(keys.iter().copied()).collect();
    let now = |id: &str| -> Inner<Now> {
        Ok(Now {
            version: versions.get(id).copied(),
            erased: hashes.get(id).is_some_and(|hash| facts.erased.contains(*hash)),
            opted_out: facts.opted_out.contains(id),
        })
    };
    let verdicts = judge(sets.iter().copied(), now, |id| Ok(facts.events.contains_key(id)))?;
    Ok((verdicts, facts.first))
}

/// Shared by all writers of profiles; exclusive for changes that apply to customers without a row, too. It is the
/// first lock of a transaction, so there are no deadlocks.
fn writers_lock(alone: bool) -> String {
    let shared = if alone { "" } else { "_shared" };
    format!("SELECT pg_advisory_xact_lock{shared}({})", LOCKS.writers)
}
