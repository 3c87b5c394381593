//! Correcting and voiding one event by its id.

use homing_datasets::{Event, History};

use super::{ATTEMPTS, Scorer, commit_one, draft};
use crate::fingerprint::event_fingerprint;
use crate::plan::{Addition, Bounds, Planner};
use crate::state::{Also, Ask, Change, ChangeSet};
use crate::{Amended, Error, Incoming, Profiles};

/// Stands for the content of an event that was voided: its id stays taken.
const VOIDED: [u8; 16] = [0; 16];

pub(super) fn amend<P: Profiles + ?Sized>(
    store: &P,
    customer_id: &str,
    event_id: &str,
    instead: Option<&Event>,
    score: &Scorer<'_>,
) -> Result<Amended, Error> {
    let planner = Planner { common: store.common(), bounds: Bounds::default() };
    let _turn = planner.common.turns.take(std::iter::once(customer_id))?;
    let fingerprint = |event: &Event| {
        let (event_id, customer_id) = (event_id.to_owned(), customer_id.to_owned());
        event_fingerprint(&Incoming { event_id, customer_id, event: event.clone() })
    };
    let new = instead.map_or(VOIDED, fingerprint);
    for _ in 0..ATTEMPTS {
        let ask = Ask { customers: &[customer_id], event_ids: &[event_id], ..Ask::default() };
        let loaded = store.load(&ask)?;
        let Some(held) = loaded.events.first().copied().flatten() else { return Ok(Amended::Unknown) };
        if held == VOIDED {
            return Ok(Amended::Voided);
        }
        if held == new {
            return Ok(Amended::Done(None));
        }
        let Some(state) = loaded.states.into_iter().next() else { return Ok(Amended::Unknown) };
        let Some(row) = state.row() else { return Ok(Amended::Unknown) };
        let history = planner.decode(customer_id, &row.history)?;
        let mut events: Vec<Event> = history.events().collect();
        let Some(at) = events.iter().position(|event| fingerprint(event) == held) else {
            return Ok(Amended::Dropped);
        };
        events.remove(at);
        events.extend(instead.cloned());
        let as_of = row.origin.as_of;
        let as_of = instead.map_or(as_of, |event| event.recorded_at.max(as_of));
        let plan = draft(&planner, &state, Addition::Instead(&History::from_events(events)), as_of, score)?;
        let set = ChangeSet {
            changes: vec![Change { state, plan }],
            also: Also::Event(event_id.to_owned(), new),
            ..ChangeSet::default()
        };
        if let Some(mut changed) = commit_one(store, set)? {
            return Ok(Amended::Done(changed.pop()));
        }
    }
    Err(Error::Busy(customer_id.to_owned()))
}
