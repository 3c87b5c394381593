//! The shared state of a running service.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use homing_datasets::{Micros, Zone};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::access::{Access, Caller};
use super::attempts::Attempts;
use super::exposure::Exposure;
use super::limits::Limits;
use super::metrics::Metrics;
use super::models::Models;
use super::oidc::Oidc;
use super::problem::{Code, Problem};
use super::receiver::Webhook;
use super::request_id::RequestIds;
use super::retention::Rules;
use super::shadow::{Job, Shadow};
use super::snapshots::Snapshots;
use super::traces::Traces;
use super::warm::Warm;
use crate::scoring::{Engine, Score};
use homing_profiles::Store;
use homing_profiles::writeback::WriteBack;

/// Tells the time: [`homing_datasets::calendar::now`] in service, any instant in tests.
pub type Clock = Arc<dyn Fn() -> Micros + Send + Sync>;

/// What the handlers share.
pub struct App {
    pub(crate) store: Arc<dyn Store>,
    engine: RwLock<Option<Arc<dyn Score>>>,
    clock: Clock,
    limits: Limits,
    /// Where the feed is pushed to.
    pub(crate) webhooks: Vec<Webhook>,
    /// The threads that push it.
    pub(crate) pushers: Mutex<Vec<std::thread::JoinHandle<()>>>,
    /// How long data are kept.
    pub(crate) retention: Rules,
    /// How the service can be reached.
    pub(crate) exposure: Exposure,
    pub(crate) metrics: Metrics,
    /// Gauges that were computed last.
    pub(crate) condition: Mutex<Option<(Instant, String)>>,
    /// One permit a request in work.
    pub(crate) slots: Semaphore,
    /// One permit a request that blocks a thread; held until that thread is done.
    workers: Arc<Semaphore>,
    /// One permit a request that has much to write or score; fewer than threads, so that small requests find one free.
    bulk: Arc<Semaphore>,
    /// Requests that wait for such a permit.
    queued: AtomicUsize,
    /// One permit a KiB of long bodies in memory.
    pub(crate) body_room: Semaphore,
    pub(crate) request_ids: RequestIds,
    pub(crate) access: Access,
    /// The identity provider by which people sign in to the pages.
    pub(crate) oidc: Option<Oidc>,
    /// One permit a request to the provider.
    pub(crate) provider_room: Arc<Semaphore>,
    /// Hashes of requests with an idempotency key that are in work.
    pub(crate) claimed: Mutex<HashSet<[u8; 32]>>,
    /// Failed attempts to sign in.
    pub(crate) attempts: Attempts,
    pub(crate) warm: Warm,
    /// Lists that stay as they were.
    pub(crate) snapshots: Snapshots,
    /// One permit a list that is being taken down.
    pub(crate) snapshot_room: Semaphore,
    pub(crate) models: Option<Models>,
    /// The write-back to the CRM table, if configured.
    pub(crate) write_back: Option<Arc<WriteBack>>,
    /// The playbook of next best actions.
    playbook: Option<homing_tags::playbook::Shared>,
    challenger: RwLock<Option<Arc<dyn Score>>>,
    /// Held while one model takes the place of another.
    pub(crate) swapping: Mutex<()>,
    shadow: Option<Shadow>,
    pub(crate) jobs: Mutex<Option<Receiver<Job>>>,
    /// One permit a stream of changes.
    pub(crate) streams: Arc<Semaphore>,
    /// Where spans go, if anywhere.
    pub(crate) traces: Option<Traces>,
    /// Notified on each write.
    pub(crate) wake: tokio::sync::watch::Sender<()>,
    stopping: AtomicBool,
}

impl App {
    /// An app over a store. Without an engine it answers everything that needs no model, and is not ready.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, engine: Option<Arc<dyn Score>>, clock: Clock, limits: Limits) -> Self {
        App {
            store,
            engine: RwLock::new(engine),
            clock,
            webhooks: Vec::new(),
            pushers: Mutex::default(),
            retention: Rules::default(),
            exposure: Exposure::default(),
            metrics: Metrics::default(),
            condition: Mutex::default(),
            slots: Semaphore::new(limits.concurrent_requests.min(Semaphore::MAX_PERMITS)),
            workers: Arc::new(Semaphore::new(limits.blocking_tasks.clamp(1, Semaphore::MAX_PERMITS))),
            bulk: Arc::new(Semaphore::new(bulk_lanes(limits.blocking_tasks))),
            queued: AtomicUsize::new(0),
            body_room: Semaphore::new((limits.bodies_bytes >> 10).min(Semaphore::MAX_PERMITS)),
            request_ids: RequestIds::default(),
            access: Access::default(),
            oidc: None,
            provider_room: Arc::new(Semaphore::new(PROVIDER_REQUESTS)),
            claimed: Mutex::default(),
            attempts: Attempts::default(),
            warm: Warm::new(limits.warm_bytes),
            snapshots: Snapshots::default(),
            snapshot_room: Semaphore::new(1),
            models: None,
            write_back: None,
            playbook: None,
            challenger: RwLock::default(),
            swapping: Mutex::default(),
            shadow: None,
            jobs: Mutex::default(),
            streams: Arc::new(Semaphore::new(limits.streams.min(Semaphore::MAX_PERMITS))),
            traces: None,
            wake: tokio::sync::watch::Sender::default(),
            stopping: AtomicBool::new(false),
            limits,
        }
    }

    /// The same, with addresses that the feed is pushed to, once [`App::push_changes`] says so.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Vec<Webhook>) -> Self {
        App { webhooks, ..self }
    }

    /// The same, with rules for how long data are kept, applied once a day.
    #[must_use]
    pub fn with_retention(self, retention: Rules) -> Self {
        App { retention, ..self }
    }

    /// The same, reached in this way.
    #[must_use]
    pub fn with_exposure(self, exposure: Exposure) -> Self {
        App { exposure, ..self }
    }

    /// The same, with an identity provider by which people sign in to the pages. From now on everybody has to say who they are.
    #[must_use]
    pub fn with_oidc(mut self, oidc: Oidc) -> Self {
        self.access.require();
        App { oidc: Some(oidc), ..self }
    }

    /// The same, with models that can be promoted, rolled back and followed.
    #[must_use]
    pub fn with_models(self, models: Models) -> Self {
        App { models: Some(models), ..self }
    }

    /// The same, over the CRM's own table too: who is erased is erased there.
    #[must_use]
    pub fn with_write_back(self, back: Arc<WriteBack>) -> Self {
        App { write_back: Some(back), ..self }
    }

    /// The same, with a playbook: profiles say what to do next.
    #[must_use]
    pub fn with_playbook(self, playbook: homing_tags::playbook::Shared) -> Self {
        App { playbook: Some(playbook), ..self }
    }

    /// The same, with a span of each request sent to a collector of OpenTelemetry (OTLP over HTTP, in JSON), for example
    /// `http://127.0.0.1:4318`.
    ///
    /// # Errors
    /// What the system says when it has no thread left.
    pub fn with_traces(self, collector: &str) -> std::io::Result<Self> {
        let (sent, dropped) = self.metrics.trace_spans();
        Ok(App { traces: Some(Traces::start(collector, sent, dropped)?), ..self })
    }

    /// Waits, but not for long, until the spans of what was answered are sent.
    pub fn flush_traces(&self) {
        if let Some(traces) = &self.traces {
            traces.flush(TRACES_PATIENCE);
        }
    }

    /// The playbook, where there is one.
    #[must_use]
    pub fn playbook(&self) -> Option<&homing_tags::playbook::Shared> {
        self.playbook.as_ref()
    }

    /// The same, with this share (0 to 1) of the requests scored by the challenger too, if there is one.
    #[must_use]
    pub fn with_shadow(self, share: f64) -> Self {
        let (shadow, jobs) = Shadow::new(share);
        App { shadow: Some(shadow), jobs: Mutex::new(Some(jobs)), ..self }
    }

    /// Reads the keys from the store.
    ///
    /// # Errors
    /// [`homing_profiles::Error`]; then the keys known before hold.
    pub fn refresh_keys(&self) -> Result<(), homing_profiles::Error> {
        self.access.refresh(self.store.as_ref())
    }

    /// Whether callers must say who they are: once the store holds a key, or where there is an identity provider.
    #[must_use]
    pub fn demands_keys(&self) -> bool {
        self.access.demanded()
    }

    /// Writes what waits for the audit log.
    ///
    /// # Errors
    /// [`homing_profiles::Error`]; then it waits on.
    pub fn write_audit(&self) -> Result<(), homing_profiles::Error> {
        self.access.end_repeats(self.now(), self.is_stopping());
        self.access.write_notes(self.store.as_ref())
    }

    /// From now on the service says that it is not ready, and streams end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.changed();
    }

    /// Whether the service is about to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Notifies the streams of a write.
    pub(crate) fn changed(&self) {
        self.wake.send_replace(());
    }

    pub(crate) fn challenger(&self) -> Option<Arc<dyn Score>> {
        self.challenger.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_challenger(&self, engine: Option<Arc<Engine>>) {
        let engine = engine.map(|engine| engine as Arc<dyn Score>);
        *self.challenger.write().unwrap_or_else(PoisonError::into_inner) = engine;
    }

    /// The way to the challenger, if the next request belongs to the share that it is tried on.
    pub(crate) fn tried(&self) -> Option<&Shadow> {
        let shadow = self.shadow.as_ref().filter(|shadow| shadow.takes())?;
        self.challenger().is_some().then_some(shadow)
    }

    /// Replaces the serving engine. Requests in flight finish with the previous one.
    pub fn set_engine(&self, engine: Option<Arc<dyn Score>>) {
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = engine;
    }

    /// The serving engine.
    ///
    /// # Errors
    /// [`Code::NoModel`] when there is none.
    pub fn engine(&self) -> Result<Arc<dyn Score>, Problem> {
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner).clone();
        engine.ok_or_else(|| {
            Problem::new(
                Code::NoModel,
                "no model is loaded; train one with `homing-train fit`, or set --registry",
            )
        })
    }

    /// The business's time zone: that of the serving model, else UTC.
    #[must_use]
    pub fn zone(&self) -> Zone {
        self.engine().map_or_else(|_| Zone::default(), |engine| engine.model().timezone)
    }

    /// The profile store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The instant of now.
    #[must_use]
    pub fn now(&self) -> Micros {
        (self.clock)()
    }

    /// Records in the audit log that a caller read data about customers.
    ///
    /// # Errors
    /// [`Code::StoreFailed`] when the audit log cannot be written; then nothing may be shown.
    pub(crate) fn note_read(&self, caller: &Caller, action: &str, customers: &[&str]) -> Result<(), Problem> {
        self.access.note(caller, action, customers, self.now())
    }

    /// Does work that blocks its thread, when one is free for it. Work that has begun goes on to its end, even
    /// when nobody waits for it any more.
    ///
    /// # Errors
    /// [`Code::Overloaded`] when the queue for a thread is full; [`Code::Internal`] when the work panics.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = match self.workers.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _queued = Queued::enter(&self.queued, self.limits.queue)?;
                self.workers.clone().acquire_owned().await.map_err(|error| Problem::internal(&error))?
            }
        };
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            span.in_scope(work)
        });
        done.await.map_err(|error| Problem::internal(&error))
    }

    /// Waits for a lane for a request with a body of so many bytes: those with much to do take turns on few lanes, so that reads and small
    /// writes beside them find threads and processors. `None`: it is small. To be held until the work is done.
    ///
    /// # Errors
    /// [`Code::Overloaded`] when too many wait.
    pub(crate) async fn lane(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if bytes <= SMALL {
            return Ok(None);
        }
        if let Ok(lane) = self.bulk.clone().try_acquire_owned() {
            return Ok(Some(lane));
        }
        let _queued = Queued::enter(&self.queued, self.limits.queue)?;
        let lane = self.bulk.clone().acquire_owned().await;
        Ok(Some(lane.map_err(|error| Problem::internal(&error))?))
    }

    /// [`App::blocking`] for work on the service itself.
    ///
    /// # Errors
    /// [`Problem`] of the work, or of [`App::blocking`].
    pub(crate) async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let app = self.clone();
        self.blocking(move || work(&app)).await?
    }
}

/// Sign-ins by the provider that wait for its answers at one time.
const PROVIDER_REQUESTS: usize = 8;

/// Bodies up to this length are small requests.
const SMALL: usize = 16 << 10;

/// Lanes for requests with much to do: twice the processors, and at most three quarters of the threads.
fn bulk_lanes(threads: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (2 * processors).min(threads / 4 * 3).max(1)
}

/// How long the end of the service waits for the last spans.
const TRACES_PATIENCE: Duration = Duration::from_secs(6);

/// A place in the queue for a thread, given up when dropped.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn enter(queued: &'a AtomicUsize, limit: usize) -> Result<Self, Problem> {
        let place = Queued(queued);
        if queued.fetch_add(1, Ordering::Relaxed) < limit {
            return Ok(place);
        }
        let detail = format!("request queue is full ({limit}); retry shortly");
        Err(Problem::new(Code::Overloaded, detail))
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
