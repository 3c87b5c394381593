//! Taking events in: one trip to the server to lock and read, then scoring, one trip to write and commit.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use homing_datasets::{Event, Micros};

use super::rows::{self, Image};
use super::session::{Parameter, Wire};
use super::text::{original, stored};
use super::{Fault, Inner, LOCKS, PostgresStore};
use crate::plan::{self, Addition, Planner, event_print};
use crate::{Changed, Fate, Incoming, Intake};

/// What an intake asks of the database, in the forms that it stores.
pub(super) struct Asked {
    event_ids: Vec<String>,
    prints: Vec<[u8; 16]>,
    /// The customer of each event, and the hash by which erased ones are known.
    customers: Vec<String>,
    hashes: Vec<[u8; 32]>,
    /// Every customer once, in order.
    distinct: Vec<String>,
}

impl Asked {
    pub fn of(store: &PostgresStore, events: &[Incoming]) -> Self {
        let mut hashes: HashMap<&str, [u8; 32]> = HashMap::new();
        let mut hash = |id| *hashes.entry(id).or_insert_with(|| store.hash(id));
        let distinct: BTreeSet<String> =
            events.iter().map(|one| stored(&one.customer_id).into_owned()).collect();
        Asked {
            event_ids: events.iter().map(|one| stored(&one.event_id).into_owned()).collect(),
            prints: events.iter().map(event_print).collect(),
            customers: events.iter().map(|one| stored(&one.customer_id).into_owned()).collect(),
            hashes: events.iter().map(|one| hash(one.customer_id.as_str())).collect(),
            distinct: distinct.into_iter().collect(),
        }
    }
}

/// Locks the profiles of customers in the order of their ids, so that no two transactions wait in a circle.
pub(super) const LOCK: &str = "SELECT customer_id, revision FROM homing.profiles WHERE customer_id = ANY($1)
     ORDER BY customer_id FOR UPDATE";

/// Shared by all who write profiles; who erases takes it alone.
pub(super) fn writers_lock() -> String {
    format!("SELECT pg_advisory_xact_lock_shared({})", LOCKS.writers)
}

/// The same lock, taken alone. Whoever takes it holds no other yet, so nobody waits in a circle.
pub(super) fn lone_writer_lock() -> String {
    format!("SELECT pg_advisory_xact_lock({})", LOCKS.writers)
}

pub(super) const OPTED_OUT: &str =
    "SELECT customer_id FROM homing.consents WHERE customer_id = ANY($1) AND opted_out";

pub(super) const ERASED: &str = "SELECT hash FROM homing.erased WHERE hash = ANY($1)";

const KNOWN_UNTIL: &str = "SELECT max(known_until) FROM homing.clocks";

/// Of events with one id the first that counts is stored; those of erased customers do not count.
const TAKE_IDS: &str = "INSERT INTO homing.event_ids (event_id, fingerprint, customer_id)
     SELECT DISTINCT ON (x.a COLLATE \"C\") x.a, x.b, x.c
     FROM unnest($1::text[], $2::bytea[], $3::text[], $4::bytea[]) WITH ORDINALITY AS x(a, b, c, d, n)
     WHERE NOT EXISTS (SELECT 1 FROM homing.erased WHERE hash = x.d)
     ORDER BY x.a COLLATE \"C\", x.n
     ON CONFLICT DO NOTHING RETURNING event_id";

pub(super) async fn take_in(
    wire: &mut Wire,
    store: &PostgresStore,
    planner: &Planner<'_>,
    asked: &Asked,
    incoming: &[Incoming],
    not_before: Micros,
) -> Inner<Intake> {
    let hashes: Vec<&[u8]> = asked.hashes.iter().map(<[u8; 32]>::as_slice).collect();
    let prints: Vec<&[u8]> = asked.prints.iter().map(<[u8; 16]>::as_slice).collect();
    let writers = wire.statement(&writers_lock()).await?;
    let lock = wire.statement(LOCK).await?;
    let load = wire.statement(rows::load_statement()).await?;
    let take = wire.statement(TAKE_IDS).await?;
    let find =
        wire.statement("SELECT event_id, fingerprint FROM homing.event_ids WHERE event_id = ANY($1)").await?;
    let erased = wire.statement(ERASED).await?;
    let opted_out = wire.statement(OPTED_OUT).await?;
    let clock = wire.statement(KNOWN_UNTIL).await?;
    let client = &wire.client;
    let take_values: [Parameter<'_>; 4] = [&asked.event_ids, &prints, &asked.customers, &hashes];
    let distinct: [Parameter<'_>; 1] = [&asked.distinct];
    let (ids, hash_values): ([Parameter<'_>; 1], [Parameter<'_>; 1]) = ([&asked.event_ids], [&hashes]);
    // Each statement sees what was committed before it ran: after the locks nobody changes these customers.
    let answers = tokio::join!(
        biased;
        client.batch_execute("BEGIN"),
        client.query(&writers, &[]),
        client.query(&lock, &distinct),
        client.query(&load, &distinct),
        client.query(&take, &take_values),
        client.query(&find, &ids),
        client.query(&erased, &hash_values),
        client.query(&opted_out, &distinct),
        client.query(&clock, &[]),
    );
    answers.0?;
    answers.1?;
    let locked: HashSet<String> = answers.2?.iter().map(|row| original(row.get(0))).collect();
    let held = rows::loaded(answers.3?, &store.place)?;
    // Who was met for the first time, and committed, between the two statements is seen and not locked: anybody may
    // write to them before this transaction does.
    if held.keys().any(|id| !locked.contains(id)) {
        return Err(Fault::Again);
    }
    let taken: HashSet<String> = answers.4?.iter().map(|row| row.get(0)).collect();
    let known: HashMap<String, Vec<u8>> = answers.5?.iter().map(|row| (row.get(0), row.get(1))).collect();
    let erased: HashSet<Vec<u8>> = answers.6?.iter().map(|row| row.get(0)).collect();
    let opted_out: HashSet<String> = answers.7?.iter().map(|row| original(row.get(0))).collect();
    let clock: Option<Micros> = answers.8?.first().and_then(|row| row.get(0));

    let fates = fates(asked, &taken, &known, &erased);
    let mut by_customer: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, one) in incoming.iter().enumerate().filter(|(at, _)| fates[*at] == Fate::Accepted) {
        by_customer.entry(&one.customer_id).or_default().push(at);
    }
    if by_customer.is_empty() {
        wire.run("COMMIT").await?;
        return Ok(Intake { fates, changed: Vec::new() });
    }
    let accepted = || by_customer.values().flatten().map(|&at| &incoming[at].event);
    let happened = accepted().map(|event| event.occurred_at).max();
    let known = accepted().map(|event| event.recorded_at).max();
    let clock = not_before.max(clock.max(known).unwrap_or(not_before));

    let customers: Vec<(&str, Vec<usize>)> = by_customer.into_iter().collect();
    let plans = plan::plans(&customers, |(customer_id, events)| {
        let events: Vec<Event> = events.iter().map(|&at| incoming[at].event.clone()).collect();
        let held = held.get(*customer_id).map(|stored| &stored.held);
        let as_of = held.map_or(clock, |held| held.as_of.max(clock));
        let opted_out = opted_out.contains(*customer_id);
        planner.plan(customer_id, held, opted_out, Addition::Events(events), as_of)
    })?;
    let mut images = Vec::with_capacity(plans.len());
    for ((customer_id, _), plan) in customers.iter().zip(&plans) {
        images.extend(Image::of(customer_id, held.get(*customer_id), plan)?);
    }
    let images: Vec<&Image> = images.iter().collect();
    rows::write(wire, &images, happened, known).await?;
    let changed = customers
        .into_iter()
        .zip(plans)
        .filter(|(_, plan)| !plan.changed.is_empty())
        .map(|((customer_id, _), plan)| Changed { customer_id: customer_id.to_owned(), tags: plan.changed })
        .collect();
    Ok(Intake { fates, changed })
}

/// What becomes of each event: `taken` are the ids that are new, `known` the prints behind all of them.
fn fates(
    asked: &Asked,
    taken: &HashSet<String>,
    known: &HashMap<String, Vec<u8>>,
    erased: &HashSet<Vec<u8>>,
) -> Vec<Fate> {
    let mut seen: HashSet<&str> = HashSet::new();
    let events = asked.event_ids.iter().zip(&asked.prints).zip(&asked.hashes);
    events
        .map(|((id, print), hash)| {
            if erased.contains(hash.as_slice()) {
                return Fate::Erased;
            }
            if seen.insert(id) && taken.contains(id) {
                return Fate::Accepted;
            }
            match known.get(id) {
                Some(before) if before == print => Fate::Duplicate,
                _ => Fate::Conflict,
            }
        })
        .collect()
}
