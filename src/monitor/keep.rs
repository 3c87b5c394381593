//! Keeps a sample of a night's scores: who is in it depends on nothing but the customer's id.

use std::sync::{Mutex, PoisonError};

use homing_datasets::{DAY, History, Micros};
use homing_models::Flat;
use homing_models::sampling::mix_text;
use homing_profiles::kept::{KeptScore, MONITORING};
use homing_profiles::{Error, Scored, Store};
use serde_json::Value;

use super::SEGMENTS;
use crate::campaign::kept_fields;

/// Days that kept scores stay: two years and the longest horizon.
const STAY_DAYS: i64 = 1_100;

/// Events a customer has, at least on average, where nothing is known of the base yet.
const EVENTS_EACH: u64 = 5;

/// The document with the limit of the latest sample.
const SAMPLE: &str = "monitor_sample";

/// The field of a kept score with what the challenger says of the same customer.
pub(super) const CHALLENGER: &str = "challenger";

/// The scores that are kept.
fn flat(scored: &Scored) -> Option<Value> {
    let flat = Flat { customer_id: None, outcome: &scored.outcome, provenance: &scored.provenance };
    serde_json::to_value(flat).ok().map(|flat| kept_fields(&flat))
}

/// The limit of the sample that was begun as of an instant.
fn begun(store: &dyn Store, as_of: Micros) -> Result<Option<u64>, Error> {
    let held = store.document(SAMPLE)?.filter(|(at, _)| *at == as_of);
    Ok(held.and_then(|(_, limit)| limit.parse().ok()))
}

/// How many scores are kept, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Customers a night; 0 keeps nothing.
    pub customers: u64,
    /// Days from one kept night to the next.
    pub every_days: u32,
}

impl Default for Sample {
    /// Five thousand customers a week: about 2.5 MB.
    fn default() -> Self {
        Sample { customers: 5_000, every_days: 7 }
    }
}

/// Scores a customer with the challenger, without tags.
pub type Challenger = dyn Fn(&str, &History, Micros) -> Scored + Send + Sync;

/// Collects the scores of a night that are kept.
pub struct Keep {
    /// Hashes below it are in the sample.
    limit: u64,
    as_of: Micros,
    /// Scores the same customers, so that it can be compared with the champion.
    challenger: Option<Box<Challenger>>,
    waiting: Mutex<Vec<KeptScore>>,
}

impl Keep {
    /// For a night as of an instant, of which `events` events were read; `None` if it is no night of the sample.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub fn begin(
        store: &dyn Store,
        sample: Sample,
        as_of: Micros,
        events: u64,
    ) -> Result<Option<Keep>, Error> {
        if sample.customers == 0 {
            return Ok(None);
        }
        let instants = store.kept_instants(MONITORING)?;
        let pause = Micros::from(sample.every_days) * DAY - DAY / 2;
        let last = instants.iter().copied().rfind(|instant| *instant != as_of);
        if !instants.contains(&as_of) && last.is_some_and(|last| as_of - last < pause) {
            return Ok(None);
        }
        // The base grows while a first night is written: a run that goes on with another keeps to the sample of that one.
        let limit = match begun(store, as_of)? {
            Some(limit) => limit,
            None => {
                let base = store.totals()?.profiles.max(events / EVENTS_EACH).max(1);
                let share = sample.customers as f64 / base as f64;
                let limit = if share >= 1.0 { u64::MAX } else { (share * u64::MAX as f64) as u64 };
                store.store_document(SAMPLE, as_of, &limit.to_string())?;
                limit
            }
        };
        store.prune_kept(MONITORING, as_of - STAY_DAYS * DAY)?;
        Ok(Some(Keep { limit, as_of, challenger: None, waiting: Mutex::default() }))
    }

    /// Keeps the scores of a challenger beside those of the champion.
    #[must_use]
    pub fn beside(self, challenger: Option<Box<Challenger>>) -> Self {
        Keep { challenger, ..self }
    }

    /// Takes a score if its customer is in the sample.
    pub fn take(&self, customer_id: &str, history: &History, scored: &Scored) {
        if mix_text(customer_id) > self.limit || scored.provenance.as_of != self.as_of {
            return;
        }
        // A score that cannot be written as JSON is not written to the profile either.
        let Some(mut scores) = flat(scored) else { return };
        for name in SEGMENTS {
            if let Some(tag) = scored.tags.iter().find(|tag| tag.name == name) {
                scores[name] = tag.value.clone();
            }
        }
        if !scores.get("churn_risk").is_some_and(Value::is_number) {
            return;
        }
        if let Some(challenger) = &self.challenger
            && let Some(other) = flat(&challenger(customer_id, history, self.as_of))
        {
            scores[CHALLENGER] = other;
        }
        let kept = KeptScore {
            customer_id: customer_id.to_owned(),
            purpose: MONITORING.to_owned(),
            as_of: self.as_of,
            model: scored.provenance.model.to_string(),
            scores: scores.to_string(),
        };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
    }

    /// Writes what was taken since the last time.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub fn write(&self, store: &dyn Store) -> Result<(), Error> {
        let mut waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
        waiting.dedup_by(|a, b| a.customer_id == b.customer_id);
        for part in waiting.chunks(1_000) {
            store.keep_scores(part)?;
        }
        Ok(())
    }
}
