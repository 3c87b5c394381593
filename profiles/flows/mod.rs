//! Scoring into a store: load states, score them outside any transaction, commit what changed; where somebody wrote in
//! between, load and score again. The same for every store; no store can override it.

use homing_datasets::{Event, History, Micros};
use rayon::prelude::*;

use super::plan::{Addition, Bounds, Planner, is_newer};
use super::privacy::Consent;
use super::state::{Also, Ask, Change, ChangeSet, Plan, State, Verdict};
use super::{Amended, BatchRow, BatchSummary, Changed, Error, Incoming, Intake, Profiles, Scored};

mod amend;
mod batch;
mod intake;
mod merge;
mod trim;

pub use merge::merge;

/// Scores a customer with their whole history as of an instant.
pub type Scorer<'a> = dyn Fn(&str, &History, Micros) -> Scored + Sync + 'a;

/// How often a change set is rebuilt after conflicts.
const ATTEMPTS: u32 = 20;

/// What is done with profiles and a scorer.
pub trait Flows: Profiles {
    /// Takes events in: stores those that are new, merges them into their customers' histories, rescores these
    /// customers and writes the tags that changed, all or nothing.
    ///
    /// Each customer is scored as of the data clock: the latest instant among `not_before`, every event stored
    /// so far, and the events of this request (each counted when it was recorded, so that it is in sight), but
    /// never before the `as_of` of the score that the customer has.
    ///
    /// ```
    /// # use homing_datasets::Zone;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = format!("sqlite:{}", folder.path().join("p.db").display());
    /// # let store = homing_profiles::open(&place, Zone::default())?;
    /// use std::sync::Arc;
    ///
    /// use homing_datasets::{DAY, Event, History, Kind};
    /// use homing_models::{NotScored, Outcome, Provenance};
    /// use homing_profiles::{Fate, Flows, Incoming, Scored};
    ///
    /// // A real scorer asks a model; this one has no scores to give.
    /// let score = |_: &str, _: &History, as_of| Scored {
    ///     outcome: Outcome::NotScored(NotScored::NoPurchase),
    ///     tags: Vec::new(),
    ///     provenance: Provenance { model: Arc::from("m@1"), as_of, scored_at: as_of, zone: Zone::default() },
    /// };
    /// let event = Incoming {
    ///     event_id: "e1".to_owned(),
    ///     customer_id: "c1".to_owned(),
    ///     event: Event::new(Kind::Purchase, DAY, 10.0),
    /// };
    /// let events = [event];
    /// assert_eq!(store.take_in(&events, 0, &score)?.fates, [Fate::Accepted]);
    /// assert_eq!(store.take_in(&events, 0, &score)?.fates, [Fate::Duplicate]); // safe to send again
    /// assert_eq!(store.profile("c1")?.map(|profile| profile.history.spend), Some(10.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error`]; then nothing was stored. [`Error::Busy`]: others kept writing to the same customers.
    fn take_in(&self, events: &[Incoming], not_before: Micros, score: &Scorer<'_>) -> Result<Intake, Error> {
        intake::take_in(self, events, not_before, score)
    }

    /// Writes the rows of a batch, sorted by customer id by the caller: merges histories, scores each merged
    /// history as of `as_of`, and writes only what changed. A score never replaces one with a later `as_of`.
    /// `progress` is called with the number of customers done so far.
    ///
    /// # Errors
    /// [`Error`]; the rows of finished chunks stay written, and writing them again changes nothing.
    fn write_batch(
        &self,
        rows: &mut (dyn Iterator<Item = BatchRow> + Send),
        as_of: Micros,
        score: &Scorer<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<BatchSummary, Error> {
        self.write_batch_within(rows, as_of, Bounds::default(), score, progress)
    }

    /// The same, but scores that moved by little and stored events that cannot have happened are as the bounds say.
    ///
    /// # Errors
    /// As [`Flows::write_batch`].
    fn write_batch_within(
        &self,
        rows: &mut (dyn Iterator<Item = BatchRow> + Send),
        as_of: Micros,
        bounds: Bounds,
        score: &Scorer<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<BatchSummary, Error> {
        batch::write_batch(self, rows, (as_of, bounds), score, progress)
    }

    /// Stores whether a customer opted out of automated decisions, known to the store or not. With an
    /// opt-out the customer's predictive tags and scores go at once (the outcome is `not_scored: opted_out`, and the feed
    /// says so); after an opt-in the next event or batch scores the customer again. Returns the tags that went.
    ///
    /// ```
    /// # use homing_datasets::Zone;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = format!("sqlite:{}", folder.path().join("p.db").display());
    /// # let store = homing_profiles::open(&place, Zone::default())?;
    /// use homing_profiles::Flows;
    /// use homing_profiles::state::Consent;
    ///
    /// store.set_consent("c1", Consent { opted_out: true, at: 0 })?;
    /// assert!(store.consent("c1")?.is_some_and(|consent| consent.opted_out));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error`]; then nothing was changed.
    fn set_consent(&self, customer_id: &str, consent: Consent) -> Result<Option<Changed>, Error> {
        set_consent(self, customer_id, consent, "")
    }

    /// The same, with where the customer said so, such as `web form`.
    ///
    /// # Errors
    /// As [`Flows::set_consent`].
    fn set_consent_from(
        &self,
        customer_id: &str,
        consent: Consent,
        source: &str,
    ) -> Result<Option<Changed>, Error> {
        set_consent(self, customer_id, consent, source)
    }

    /// Takes the events from before an instant out of a customer's history, and scores what is left as of the same instant as before.
    /// Ids of events stay, so that none is taken in again. Returns how many events went.
    ///
    /// # Errors
    /// [`Error`]; then nothing was changed. [`Error::Busy`]: others kept writing to the customer.
    fn trim(&self, customer_id: &str, not_before: Micros, score: &Scorer<'_>) -> Result<u64, Error> {
        trim::trim(self, customer_id, not_before, score)
    }

    /// Replaces one event of a customer, known by its id, by another one, or takes it out, and scores what is left. The id stays taken. A batch
    /// whose files still have the old event takes it in again.
    ///
    /// # Errors
    /// [`Error`]; then nothing was changed. [`Error::Busy`]: others kept writing to the customer.
    fn amend(
        &self,
        customer_id: &str,
        event_id: &str,
        instead: Option<&Event>,
        score: &Scorer<'_>,
    ) -> Result<Amended, Error> {
        amend::amend(self, customer_id, event_id, instead, score)
    }
}

impl<P: Profiles + ?Sized> Flows for P {}

fn set_consent<P: Profiles + ?Sized>(
    store: &P,
    customer_id: &str,
    consent: Consent,
    source: &str,
) -> Result<Option<Changed>, Error> {
    let planner = Planner { common: store.common(), bounds: Bounds::default() };
    let _turn = planner.common.turns.take(std::iter::once(customer_id))?;
    for _ in 0..ATTEMPTS {
        let also = Also::Consent(customer_id.to_owned(), consent, source.to_owned());
        let mut set = ChangeSet { also, ..ChangeSet::default() };
        if consent.opted_out {
            let loaded = store.load(&Ask { customers: &[customer_id], ..Ask::default() })?;
            for state in loaded.states {
                if let Some(row) = state.row() {
                    let plan = planner.withdraw(row, consent.at)?;
                    set.changes.push(Change { state, plan });
                }
            }
        }
        if let Some(mut changed) = commit_one(store, set)? {
            return Ok(changed.pop());
        }
    }
    Err(Error::Busy(customer_id.to_owned()))
}

/// Commits one set; the tags that changed, or `None` where somebody wrote in between.
fn commit_one<P: Profiles + ?Sized>(store: &P, set: ChangeSet) -> Result<Option<Vec<Changed>>, Error> {
    let changed = |change: &Change| Changed {
        customer_id: change.state.customer_id.clone(),
        tags: change.plan.changed.clone(),
    };
    let moved = set.changes.iter().filter(|change| !change.plan.changed.is_empty()).map(changed).collect();
    let verdicts = store.commit([set].into())?;
    Ok((verdicts.first() == Some(&Verdict::Committed)).then_some(moved))
}

/// Scores a customer with what is added to their history, and plans what is to be written.
fn draft(
    planner: &Planner<'_>,
    state: &State,
    addition: Addition<'_>,
    as_of: Micros,
    score: &Scorer<'_>,
) -> Result<Plan, Error> {
    let combined = planner.combine(state, addition)?;
    let scored = (!is_newer(state, as_of)).then(|| score(&state.customer_id, &combined.history, as_of));
    planner.plan(state, combined, scored)
}

/// Works on each; one alone where it is asked for: to wake another thread takes longer.
fn each<C: Send, T: Send>(customers: Vec<C>, work: impl Fn(C) -> T + Sync + Send) -> Vec<T> {
    match customers.len() {
        0 | 1 => customers.into_iter().map(work).collect(),
        _ => customers.into_par_iter().map(work).collect(),
    }
}
