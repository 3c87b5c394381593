//! Two customers who turned out to be one person.

use homing_datasets::Micros;

use super::{ATTEMPTS, Scorer, commit_one, draft};
use crate::plan::{Addition, Bounds, Planner};
use crate::state::{Also, Ask, Change, ChangeSet};
use crate::{Error, Store};

/// Moves everything that is held of one customer to another who turned out to be the same person: history, event ids,
/// contacts, attributes (where the other has none of that name), an opt-out. The other is scored again as of `as_of`, or of
/// the later instant that either was scored as of; the first is removed, and the feed says so. Done again it changes
/// nothing. Returns whether anything was held; nothing moves to or from who was erased.
///
/// # Errors
/// [`Error`]; then nothing was changed. [`Error::Busy`]: others kept writing to the two.
pub fn merge<S: Store + ?Sized>(
    store: &S,
    from: &str,
    into: &str,
    as_of: Micros,
    score: &Scorer<'_>,
) -> Result<bool, Error> {
    if from == into {
        return Ok(false);
    }
    let planner = Planner { common: store.common(), bounds: Bounds::default() };
    let mut both = [from, into];
    both.sort_unstable();
    let _turn = planner.common.turns.take(both.into_iter())?;
    // The feed and the audit log keep what they have.
    let held = store.export(from)?;
    let holds = held.is_some_and(|held| {
        held.profile.is_some()
            || !held.consents.is_empty()
            || !held.attributes.is_empty()
            || !held.contacts.is_empty()
    });
    if !holds {
        return Ok(false);
    }
    for _ in 0..ATTEMPTS {
        let loaded = store.load(&Ask { customers: &[from, into], ..Ask::default() })?;
        let Ok([old, mut new]) = <[_; 2]>::try_from(loaded.states) else { break };
        if new.erased || old.erased {
            return Ok(false);
        }
        let mut set = ChangeSet::default();
        if let Some(row) = old.row() {
            let history = planner.decode(from, &row.history)?;
            let held = new.row().map_or(as_of, |row| row.origin.as_of);
            let as_of = as_of.max(row.origin.as_of).max(held);
            // An opt-out of one is an opt-out of both.
            let opted_out = new.opted_out;
            new.opted_out = opted_out || old.opted_out;
            let plan = draft(&planner, &new, Addition::Merge(&history), as_of, score)?;
            new.opted_out = opted_out;
            set.changes.push(Change { state: new, plan });
        } else if let (Some(row), true, false) = (new.row(), old.opted_out, new.opted_out) {
            let plan = planner.withdraw(row, store.consent(from)?.map_or(as_of, |consent| consent.at))?;
            set.changes.push(Change { state: new, plan });
        }
        set.also = Also::Merge(Box::new(old), into.to_owned());
        if commit_one(store, set)?.is_some() {
            return Ok(true);
        }
    }
    Err(Error::Busy(from.to_owned()))
}
