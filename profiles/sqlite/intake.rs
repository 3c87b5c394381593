//! Taking events in.

use std::collections::{BTreeMap, HashMap, HashSet};

use homing_datasets::{Event, Micros};
use rusqlite::{Connection, OptionalExtension, params};

use super::Inner;
use super::privacy::Gate;
use super::rows::{self, Clock, Stored, TagNames};
use crate::plan::{self, Addition, Planner, event_print};
use crate::{Changed, Fate, Incoming, Intake};

/// The new events of one customer, as positions among the incoming ones.
struct Touched<'a> {
    customer_id: &'a str,
    stored: Option<Stored>,
    opted_out: bool,
    events: Vec<usize>,
}

pub(super) fn take_in(
    connection: &Connection,
    names: &mut TagNames,
    planner: &Planner<'_>,
    incoming: &[Incoming],
    not_before: Micros,
) -> Inner<Intake> {
    let prints: Vec<[u8; 16]> = incoming.iter().map(event_print).collect();
    let gate = Gate::load(connection)?;
    let fates = fates(connection, &gate, incoming, &prints)?;
    let mut by_customer: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, one) in incoming.iter().enumerate().filter(|(at, _)| fates[*at] == Fate::Accepted) {
        by_customer.entry(&one.customer_id).or_default().push(at);
    }
    if by_customer.is_empty() {
        return Ok(Intake { fates, changed: Vec::new() });
    }

    let accepted = || by_customer.values().flatten().map(|&at| &incoming[at].event);
    if let Some(latest) = accepted().map(|event| event.occurred_at).max() {
        Clock::Happened.advance(connection, latest)?;
    }
    if let Some(latest) = accepted().map(|event| event.recorded_at).max() {
        Clock::Known.advance(connection, latest)?;
    }
    let clock = Clock::Known.read(connection)?.map_or(not_before, |clock| clock.max(not_before));

    let touched = by_customer
        .into_iter()
        .map(|(customer_id, events)| {
            let opted_out = gate.opted_out(connection, customer_id)?;
            let stored = rows::load(connection, names, customer_id)?;
            Ok(Touched { customer_id, stored, opted_out, events })
        })
        .collect::<Inner<Vec<_>>>()?;
    let plans = plan::plans(&touched, |one| {
        let events: Vec<Event> = one.events.iter().map(|&at| incoming[at].event.clone()).collect();
        let held = one.stored.as_ref().map(|stored| &stored.held);
        let as_of = held.map_or(clock, |held| held.as_of.max(clock));
        planner.plan(one.customer_id, held, one.opted_out, Addition::Events(events), as_of)
    })?;

    let mut changed = Vec::new();
    for (one, plan) in touched.iter().zip(plans) {
        let place = one.stored.as_ref().map(|stored| (stored.profile, stored.revision));
        let profile = rows::write(connection, names, one.customer_id, place, &plan)?;
        for &at in &one.events {
            connection
                .prepare_cached("INSERT INTO event_ids (event_id, fingerprint, profile) VALUES (?1, ?2, ?3)")?
                .execute(params![incoming[at].event_id, prints[at], profile])?;
        }
        if !plan.changed.is_empty() {
            changed.push(Changed { customer_id: one.customer_id.to_owned(), tags: plan.changed });
        }
    }
    Ok(Intake { fates, changed })
}

/// What becomes of each event, given what is stored and what came before it among the incoming.
fn fates(
    connection: &Connection,
    gate: &Gate,
    incoming: &[Incoming],
    prints: &[[u8; 16]],
) -> Inner<Vec<Fate>> {
    let mut erased: HashSet<&str> = HashSet::new();
    let customers: HashSet<&str> = incoming.iter().map(|one| one.customer_id.as_str()).collect();
    for customer_id in customers {
        if gate.erased(connection, customer_id)? {
            erased.insert(customer_id);
        }
    }
    let mut statement = connection.prepare_cached("SELECT fingerprint FROM event_ids WHERE event_id = ?1")?;
    let mut seen: HashMap<&str, [u8; 16]> = HashMap::new();
    let mut fates = Vec::with_capacity(incoming.len());
    for (one, print) in incoming.iter().zip(prints) {
        if erased.contains(one.customer_id.as_str()) {
            fates.push(Fate::Erased);
            continue;
        }
        let before = match seen.get(one.event_id.as_str()) {
            Some(before) => Some(*before),
            None => statement.query_row([&one.event_id], |row| row.get(0)).optional()?,
        };
        fates.push(match before {
            None => Fate::Accepted,
            Some(before) if before == *print => Fate::Duplicate,
            Some(_) => Fate::Conflict,
        });
        seen.entry(&one.event_id).or_insert(before.unwrap_or(*print));
    }
    Ok(fates)
}
