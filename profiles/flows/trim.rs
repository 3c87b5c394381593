//! Taking old events out of a history.

use homing_datasets::{Event, History, Micros};

use super::{ATTEMPTS, Scorer, commit_one, draft};
use crate::plan::{Addition, Bounds, Planner};
use crate::state::{Ask, Change, ChangeSet};
use crate::{Error, Profiles};

pub(super) fn trim<P: Profiles + ?Sized>(
    store: &P,
    customer_id: &str,
    not_before: Micros,
    score: &Scorer<'_>,
) -> Result<u64, Error> {
    let planner = Planner { common: store.common(), bounds: Bounds::default() };
    let _turn = planner.common.turns.take(std::iter::once(customer_id))?;
    for _ in 0..ATTEMPTS {
        let loaded = store.load(&Ask { customers: &[customer_id], ..Ask::default() })?;
        let Some(state) = loaded.states.into_iter().next() else { return Ok(0) };
        let Some(row) = state.row() else { return Ok(0) };
        let history = planner.decode(customer_id, &row.history)?;
        let left: Vec<Event> = history.events().filter(|event| event.occurred_at >= not_before).collect();
        let gone = history.len() - left.len();
        if gone == 0 {
            return Ok(0);
        }
        let as_of = row.origin.as_of;
        let plan = draft(&planner, &state, Addition::Instead(&History::from_events(left)), as_of, score)?;
        let set = ChangeSet { changes: vec![Change { state, plan }], ..ChangeSet::default() };
        if commit_one(store, set)?.is_some() {
            return Ok(gone as u64);
        }
    }
    Err(Error::Busy(customer_id.to_owned()))
}
