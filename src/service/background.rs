//! What runs beside the requests, on threads of its own, until the app is dropped.

use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use homing_datasets::{DAY, Micros};
use homing_models::{Outcome, Registry};

use super::app::App;
use super::compaction::Compaction;
use super::retention::{Dropped, Stop};
use super::shadow::Job;
use crate::scoring::Score;
use homing_profiles::Scored;
use homing_profiles::shadow::Pair;

/// How often the registry and the keys are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often an object store is checked for new models.
const REFRESH_EVERY: Duration = Duration::from_secs(10);
/// How long an audit entry waits at most before it is written.
const AUDIT_EVERY: Duration = Duration::from_millis(200);
/// How often memory that nothing needs any more is given back.
const FREE_EVERY: Duration = Duration::from_secs(15);
/// Pairs that are recorded together.
const TOGETHER: usize = 500;
/// Pairs are recorded after this time at the latest.
const RECORD_EVERY: Duration = Duration::from_secs(1);

impl App {
    /// Starts what runs beside the requests: keys are read anew, the registry is followed (and fetched, where it lies in an object
    /// store), the audit log is written, shadow scores are compared. Ends when the app is dropped.
    ///
    /// # Errors
    /// What the system says when it has no thread left.
    pub fn attend(self: &Arc<Self>) -> std::io::Result<()> {
        let app = Arc::downgrade(self);
        std::thread::Builder::new().name("attend".to_owned()).spawn(move || {
            let mut looked = Instant::now();
            let mut alarms: Option<Instant> = None;
            let mut freed = Instant::now();
            while let Some(app) = app.upgrade() {
                if let Err(error) = app.write_audit() {
                    tracing::warn!(%error, "cannot write the audit log; retrying");
                }
                if looked.elapsed() >= LOOK_EVERY {
                    looked = Instant::now();
                    if let Err(error) = app.refresh_keys() {
                        tracing::warn!(%error, "cannot reload the API keys; the keys read before stay valid");
                    }
                    if let Err(error) = app.follow_registry() {
                        tracing::error!(%error, "cannot load a model from the registry; the serving model stays");
                    }
                }
                if alarms.is_none_or(|looked| looked.elapsed() >= super::alarms::LOOK_EVERY) {
                    alarms = Some(Instant::now());
                    if let Err(error) = app.look_at_alarms().and_then(|()| app.look_at_uplift()) {
                        tracing::warn!(%error, "cannot read alarms and uplift from the store; retrying");
                    }
                }
                if freed.elapsed() >= FREE_EVERY {
                    freed = Instant::now();
                    app.warm.free_memory();
                    if let Err(error) = app.store().free_memory() {
                        tracing::warn!(%error, "cannot give back the store's memory; retrying");
                    }
                }
                drop(app);
                std::thread::sleep(AUDIT_EVERY);
            }
        })?;
        if self.registry().is_some_and(homing_models::Registry::is_mirror) {
            let app = Arc::downgrade(self);
            std::thread::Builder::new().name("mirror".to_owned()).spawn(move || refresh(&app))?;
        }
        if self.retention.any() {
            let app = Arc::downgrade(self);
            std::thread::Builder::new().name("retention".to_owned()).spawn(move || keep(&app))?;
        }
        let app = Arc::downgrade(self);
        std::thread::Builder::new().name("compact".to_owned()).spawn(move || compact(&app))?;
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(jobs) = jobs {
            let app = Arc::downgrade(self);
            std::thread::Builder::new().name("shadow".to_owned()).spawn(move || compare(&app, &jobs))?;
        }
        Ok(())
    }
}

/// Compacts the store some time after an erasure, until the app is gone. Of several servers of a store one does it.
fn compact(app: &Weak<App>) {
    let holder = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
    let mut compaction = Compaction::default();
    loop {
        std::thread::sleep(LOOK_EVERY);
        let Some(app) = app.upgrade() else { return };
        let now = app.now();
        let Ok(waiting) = app.store().uncompacted() else { continue };
        let idle = app.slots.available_permits() >= app.limits().concurrent_requests;
        if app.is_stopping() || !compaction.is_due(now, waiting, idle) {
            continue;
        }
        match app.store().lease("compact", &holder, now, now + DAY / 24) {
            Ok(true) => match app.store().compact() {
                Ok(_) => tracing::info!(erasures = waiting, "compacted the store after erasures"),
                Err(error) => tracing::warn!(%error, "cannot compact the store; retrying in an hour"),
            },
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "cannot begin to compact the store; retrying in an hour"),
        }
    }
}

/// Drops what is older than the rules allow, once a day, until the app is gone. Of several servers of a store one does it.
fn keep(app: &Weak<App>) {
    let holder = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
    let mut next: Option<Micros> = None;
    loop {
        std::thread::sleep(LOOK_EVERY);
        let Some(app) = app.upgrade() else { return };
        let now = app.now();
        if app.is_stopping() || next.is_some_and(|next| now < next) {
            continue;
        }
        next = Some(now + DAY / 24);
        // Held for a day, so that the others find it done.
        match app.store().lease("retention", &holder, now, now + DAY - DAY / 24) {
            Ok(true) => next = Some(now + DAY),
            Ok(false) => continue,
            Err(error) => {
                tracing::warn!(%error, "cannot begin to apply the retention rules; retrying in an hour");
                continue;
            }
        }
        let engine = app.engine().ok();
        let going = || !app.is_stopping();
        match app.retention.apply(app.store().as_ref(), engine.as_deref(), now, &going, false) {
            Ok(dropped) => {
                let Dropped { events, customers, changes, dead_letters, contacts, audit } = dropped;
                tracing::info!(
                    events,
                    customers,
                    changes,
                    dead_letters,
                    contacts,
                    audit,
                    "applied the retention rules"
                );
            }
            Err(Stop::Everything(events)) => tracing::error!(
                events,
                "the retention rules were not applied: events_days would drop every event; check the rule and the clock, then run \
                 `homing privacy retention --apply --drop-everything`"
            ),
            Err(Stop::Store(error)) => {
                next = Some(now + DAY / 24);
                tracing::error!(%error, "cannot apply the retention rules; retrying in an hour");
            }
        }
    }
}

/// Brings what is new in an object store into the registry's folder, until the app is gone. A store that hangs keeps nobody
/// else waiting.
fn refresh(app: &Weak<App>) {
    loop {
        std::thread::sleep(REFRESH_EVERY);
        let Some(app) = app.upgrade() else { return };
        if let Some(Err(error)) = app.registry().map(Registry::refresh) {
            tracing::error!(%error, "cannot read the registry; the serving model stays");
        }
    }
}

/// Scores what comes with champion and challenger and records the differences, until the app is gone.
fn compare(app: &Weak<App>, jobs: &Receiver<Job>) {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut models: Option<[Arc<str>; 2]> = None;
    let mut since = Instant::now();
    loop {
        let job = jobs.recv_timeout(RECORD_EVERY);
        let Some(app) = app.upgrade() else { return };
        let record = |pairs: &mut Vec<Pair>, models: &Option<[Arc<str>; 2]>| {
            let Some([champion, challenger]) = models.as_ref().filter(|_| !pairs.is_empty()) else { return };
            if let Err(error) = app.store().record_shadow(champion, challenger, pairs, app.now()) {
                tracing::warn!(%error, "cannot record shadow scores");
                app.metrics().shadow("lost", pairs.len());
            } else {
                app.metrics().shadow("recorded", pairs.len());
            }
            pairs.clear();
        };
        match job {
            Ok(job) => {
                if let (Ok(champion), Some(challenger)) = (app.engine(), app.challenger()) {
                    let names = [champion.model().id.clone(), challenger.model().id.clone()];
                    if models.as_ref() != Some(&names) {
                        record(&mut pairs, &models);
                        models = Some(names);
                    }
                    pairs.extend(pair(champion.as_ref(), challenger.as_ref(), &job, app.now()));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if pairs.len() >= TOGETHER || since.elapsed() >= RECORD_EVERY {
            record(&mut pairs, &models);
            since = Instant::now();
        }
    }
}

fn pair(champion: &dyn Score, challenger: &dyn Score, job: &Job, now: Micros) -> Option<Pair> {
    let score = |engine: &dyn Score| engine.score(&job.customer_id, &job.history, job.as_of, now);
    let (a, b) = (score(champion), score(challenger));
    let (Outcome::Scored(x), Outcome::Scored(y)) = (&a.outcome, &b.outcome) else { return None };
    let values = |scored: &Scored| {
        scored.tags.iter().map(|tag| (tag.name.clone(), tag.value.clone())).collect::<Vec<_>>()
    };
    Some(Pair {
        churn_risk: [x.churn_risk, y.churn_risk],
        clv: [x.clv, y.clv],
        tags_differ: values(&a) != values(&b),
    })
}
