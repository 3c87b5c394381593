//! Taking events in.

use std::collections::{BTreeMap, HashMap};

use homing_datasets::{DAY, Event, Micros};

use super::{ATTEMPTS, Scorer, commit_one, draft, each};
use crate::fingerprint::event_fingerprint;
use crate::plan::{Addition, Bounds, Planner};
use crate::state::{Ask, Change, ChangeSet, Clock, EventId, Loaded, State};
use crate::{Error, Fate, Incoming, Intake, Profiles};

/// Events so far ahead of the data clock do not set it forward.
const FAR_AHEAD: Micros = 28 * DAY;

pub(super) fn take_in<P: Profiles + ?Sized>(
    store: &P,
    events: &[Incoming],
    not_before: Micros,
    score: &Scorer<'_>,
) -> Result<Intake, Error> {
    if events.is_empty() {
        return Ok(Intake::default());
    }
    let planner = Planner { common: store.common(), bounds: Bounds::default() };
    let fingerprints: Vec<[u8; 16]> = events.iter().map(event_fingerprint).collect();
    let event_ids: Vec<&str> = events.iter().map(|one| one.event_id.as_str()).collect();
    let mut customers: Vec<&str> = events.iter().map(|one| one.customer_id.as_str()).collect();
    customers.sort_unstable();
    customers.dedup();
    let _turn = planner.common.turns.take(customers.iter().copied())?;
    let ask = Ask { customers: &customers, event_ids: &event_ids, fingerprints: false };
    for _ in 0..ATTEMPTS {
        let loaded = store.load(&ask)?;
        let fates = fates(events, &fingerprints, &loaded);
        if !fates.contains(&Fate::Accepted) {
            return Ok(Intake { fates, ..Intake::default() });
        }
        let latest =
            loaded.clock.known.map_or(Micros::MAX, |known| known.max(not_before).saturating_add(FAR_AHEAD));
        let is_far =
            |(one, fate): &(&Incoming, &Fate)| **fate == Fate::Accepted && one.event.recorded_at > latest;
        let far_ahead = events.iter().zip(&fates).filter(is_far).count();
        let set = change_set(&planner, (events, &fingerprints), &fates, loaded, (not_before, latest), score)?;
        if let Some(changed) = commit_one(store, set)? {
            return Ok(Intake { fates, changed, far_ahead });
        }
    }
    Err(Error::Busy(customers.first().map(|id| (*id).to_owned()).unwrap_or_default()))
}

/// What becomes of each event, given what is stored and what came before it among the incoming.
fn fates(events: &[Incoming], fingerprints: &[[u8; 16]], loaded: &Loaded) -> Vec<Fate> {
    let erased = |id: &str| {
        loaded
            .states
            .binary_search_by(|state| state.customer_id.as_str().cmp(id))
            .is_ok_and(|at| loaded.states[at].erased)
    };
    let mut seen: HashMap<&str, [u8; 16]> = HashMap::new();
    let mut fates = Vec::with_capacity(events.len());
    for ((one, fingerprint), stored) in events.iter().zip(fingerprints).zip(&loaded.events) {
        if erased(&one.customer_id) {
            fates.push(Fate::Erased);
            continue;
        }
        let before = seen.get(one.event_id.as_str()).copied().or(*stored);
        fates.push(match before {
            None => Fate::Accepted,
            Some(before) if before == *fingerprint => Fate::Duplicate,
            Some(_) => Fate::Conflict,
        });
        seen.entry(&one.event_id).or_insert(before.unwrap_or(*fingerprint));
    }
    fates
}

/// Scores the customers of the accepted events.
fn change_set(
    planner: &Planner<'_>,
    (incoming, fingerprints): (&[Incoming], &[[u8; 16]]),
    fates: &[Fate],
    loaded: Loaded,
    (not_before, latest): (Micros, Micros),
    score: &Scorer<'_>,
) -> Result<ChangeSet, Error> {
    let mut by_customer: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, one) in incoming.iter().enumerate().filter(|(at, _)| fates[*at] == Fate::Accepted) {
        by_customer.entry(&one.customer_id).or_default().push(at);
    }
    // A date far ahead of all data moves the score of its own customer alone: the next batch knows whether time has passed.
    let near = || {
        let accepted = by_customer.values().flatten().map(|&at| &incoming[at].event);
        accepted.filter(|event| event.recorded_at <= latest)
    };
    let clock = Clock {
        happened: near().map(|event| event.occurred_at).max(),
        known: near().map(|event| event.recorded_at).max(),
    };
    let as_of = loaded.clock.known.max(clock.known).map_or(not_before, |known| known.max(not_before));
    let mut event_ids = Vec::with_capacity(incoming.len());
    let mut touched: Vec<(State, Vec<Event>)> = Vec::with_capacity(by_customer.len());
    for state in loaded.states {
        let Some(positions) = by_customer.get(state.customer_id.as_str()) else { continue };
        event_ids.extend(positions.iter().map(|&at| EventId {
            event_id: incoming[at].event_id.clone(),
            fingerprint: fingerprints[at],
            change: touched.len(),
        }));
        touched.push((state, positions.iter().map(|&at| incoming[at].event.clone()).collect()));
    }
    let changes = each(touched, |(state, events)| {
        let own = events.iter().map(|event| event.recorded_at).max();
        let as_of = own.map_or(as_of, |own| own.max(as_of));
        let as_of = state.row().map_or(as_of, |row| row.origin.as_of.max(as_of));
        let plan = draft(planner, &state, Addition::Events(&events), as_of, score)?;
        Ok(Change { state, plan })
    });
    let changes = changes.into_iter().collect::<Result<Vec<Change>, Error>>()?;
    Ok(ChangeSet { changes, event_ids, clock, ..ChangeSet::default() })
}
