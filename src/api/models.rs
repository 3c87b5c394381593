//! The models at work: listed, promoted, rolled back, swapped while requests run, compared in shadow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use homing_datasets::{History, Micros};
use homing_models::{Alias, Bundle, Outcome, Registry};
use serde::Serialize;

use super::access::Caller;
use super::events::clip;
use super::problem::{Code, Problem};
use super::{App, json};
use crate::scoring::{Engine, ModelInfo, Score};
use homing_profiles::Scored;
use homing_profiles::access::AuditEntry;
use homing_profiles::shadow::Pair;
use homing_tags::Catalogue;

/// How often the registry is looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often an object store is asked for what is new in it.
const REFRESH_EVERY: Duration = Duration::from_secs(10);

/// Where models come from.
pub struct Models {
    registry: Registry,
    /// The name whose champion is followed; without one, the registry's only name.
    name: Option<String>,
    /// Whether the model was chosen by version or path: then it stays.
    pinned: bool,
    catalogue: Arc<Catalogue>,
}

impl Models {
    /// Models from a registry. `wanted` is what was asked for at the start (see [`Registry::find`]): a name is
    /// followed, anything else stays.
    #[must_use]
    pub fn new(registry: Registry, wanted: Option<&str>, catalogue: Arc<Catalogue>) -> Self {
        let name =
            wanted.filter(|wanted| registry.names().iter().any(|name| name == wanted)).map(str::to_owned);
        Models { pinned: wanted.is_some() && name.is_none(), name, registry, catalogue }
    }

    fn name(&self) -> Option<String> {
        let names = self.registry.names();
        self.name.clone().or_else(|| if names.len() == 1 { names.into_iter().next() } else { None })
    }

    fn load(&self, name: &str, version: &str) -> Result<Arc<Engine>, homing_models::Error> {
        let path = self.registry.find(Some(&format!("{name}@{version}")))?;
        Ok(Arc::new(Engine::new(Bundle::load(&path)?, &self.catalogue)))
    }
}

impl App {
    fn models(&self) -> Result<&Models, Problem> {
        self.models.as_ref().ok_or_else(|| {
            Problem::new(Code::ModelPinned, "this service was started without a registry; its model stays")
        })
    }

    /// Looks at the registry once, and puts to work what its aliases point at now. Requests that have begun end
    /// with the model that they began with. A model that cannot be loaded leaves the one at work where it is.
    ///
    /// # Errors
    /// [`homing_models::Error`] of a model that cannot be loaded.
    pub fn follow_registry(&self) -> Result<(), homing_models::Error> {
        let Some(models) = self.models.as_ref().filter(|models| !models.pinned) else { return Ok(()) };
        // Whoever swaps models now may wait for an object store; the next look is soon.
        let _one = match self.swapping.try_lock() {
            Ok(one) => one,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        let Some(name) = models.name() else { return Ok(()) };
        let champion = models.registry.version(&name, Alias::Champion);
        let at_work = self.engine().ok().map(|engine| engine.model().id.clone());
        if let Some(version) = champion
            && at_work.as_deref() != Some(&format!("{name}@{version}"))
        {
            let engine = models.load(&name, &version)?;
            tracing::info!(model = %engine.model().id, "another model is at work");
            self.set_engine(Some(engine));
        }
        let challenger = models.registry.version(&name, Alias::Challenger);
        let tried = self.challenger().map(|engine| engine.model().id.clone());
        match challenger {
            None => self.set_challenger(None),
            Some(version) if tried.as_deref() == Some(&format!("{name}@{version}")) => {}
            Some(version) => {
                let engine = models.load(&name, &version)?;
                tracing::info!(model = %engine.model().id, "a challenger is tried in shadow");
                self.set_challenger(Some(engine));
            }
        }
        Ok(())
    }
}

/// Brings what is new in an object store into the registry's folder, until the app is gone. A store that hangs keeps nobody
/// else waiting.
pub(super) fn refresh(app: &std::sync::Weak<App>) {
    loop {
        std::thread::sleep(REFRESH_EVERY);
        let Some(app) = app.upgrade() else { return };
        if let Some(Err(error)) = app.registry().map(Registry::refresh) {
            tracing::error!(%error, "the registry could not be read; the model at work stays");
        }
    }
}

#[derive(Serialize)]
struct Listed {
    models: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    #[serde(flatten)]
    info: ModelInfo,
    aliases: Vec<Alias>,
    in_use: bool,
}

/// Answers `GET /v1/models`: every model of the registry that can be read, and the one in use.
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let worker = app.clone();
    app.blocking(move || {
        let at_work = worker.engine().ok().map(|engine| engine.model().clone());
        let mut models = Vec::new();
        for entry in worker.models.iter().flat_map(|models| models.registry.list()) {
            match entry {
                Ok(entry) => {
                    let info = ModelInfo::of(&entry.manifest);
                    let in_use = at_work.as_ref().is_some_and(|model| model.id == info.id);
                    models.push(Model { info, aliases: entry.aliases, in_use });
                }
                Err(error) => tracing::warn!(%error, "a model of the registry cannot be read"),
            }
        }
        if let Some(info) = at_work.filter(|_| !models.iter().any(|model| model.in_use)) {
            models.push(Model { info, aliases: Vec::new(), in_use: true });
        }
        json(&Listed { models })
    })
    .await?
}

#[derive(Serialize)]
struct Put<'a> {
    model: &'a ModelInfo,
    before: Option<String>,
}

// What the routes below and the pages do. Each blocks its thread.
impl App {
    /// The registry that models come from, where there is one.
    pub(crate) fn registry(&self) -> Option<&Registry> {
        self.models.as_ref().map(|models| &models.registry)
    }

    /// The name whose champion answers and can be changed; [`Code::ModelPinned`] where none can.
    pub(crate) fn followed_name(&self) -> Result<String, Problem> {
        followed(self).map(|(_, name)| name)
    }

    /// Makes a version the champion, and puts it to work. Returns the model, and the one before.
    pub(crate) fn promote_model(
        &self,
        caller: &Caller,
        version: &str,
    ) -> Result<(ModelInfo, Option<String>), Problem> {
        let (models, name) = followed(self)?;
        if !models.registry.versions(&name).iter().any(|known| known == version) {
            let detail = format!("`{name}` has no version `{}`; GET /v1/models lists them", clip(version));
            return Err(Problem::new(Code::UnknownModel, detail));
        }
        swap(self, models, &name, version, caller, "model.promote", |registry| {
            registry.point(&name, Alias::Champion, version)
        })
    }

    /// Makes the champion before this one the champion again, and puts it to work. Returns the model, and the one before.
    pub(crate) fn rollback_model(&self, caller: &Caller) -> Result<(ModelInfo, Option<String>), Problem> {
        let (models, name) = followed(self)?;
        let Some(version) = models.registry.before_champion(&name) else {
            let detail = format!("`{name}` has had no other champion before this one");
            return Err(Problem::new(Code::NoEarlierModel, detail));
        };
        swap(self, models, &name, &version, caller, "model.rollback", |registry| {
            registry.rollback(&name).map(drop)
        })
    }
}

/// Answers `POST /v1/models/{version}/promote`: the version becomes the champion and answers from now on.
pub(super) async fn promote(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    version: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(version) = version.map_err(|_| {
        Problem::new(Code::BadParameter, "the version in the path is not UTF-8").with("parameter", "version")
    })?;
    let worker = app.clone();
    app.blocking(move || {
        let (model, before) = worker.promote_model(&caller, &version)?;
        json(&Put { model: &model, before })
    })
    .await?
}

/// Answers `POST /v1/models/rollback`: the champion before this one answers again.
pub(super) async fn rollback(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let worker = app.clone();
    app.blocking(move || {
        let (model, before) = worker.rollback_model(&caller)?;
        json(&Put { model: &model, before })
    })
    .await?
}

fn followed(app: &App) -> Result<(&Models, String), Problem> {
    let models = app.models()?;
    if models.pinned {
        let detail = "the model was chosen by --model and stays; start the service without a version to follow the registry";
        return Err(Problem::new(Code::ModelPinned, detail));
    }
    let name = models.name().ok_or_else(|| {
        Problem::new(
            Code::ModelPinned,
            "the registry holds no model, or several names; choose one with --model NAME",
        )
    })?;
    Ok((models, name))
}

/// Loads first, points then, swaps last: whatever fails leaves the model at work where it is.
fn swap(
    app: &App,
    models: &Models,
    name: &str,
    version: &str,
    caller: &Caller,
    action: &str,
    point: impl FnOnce(&Registry) -> Result<(), homing_models::Error>,
) -> Result<(ModelInfo, Option<String>), Problem> {
    let _one = app.swapping.lock().unwrap_or_else(PoisonError::into_inner);
    let before = app.engine().ok().map(|engine| engine.model().id.to_string());
    let unusable = |error: homing_models::Error| {
        tracing::error!(%error, "a model cannot be put to work");
        Problem::new(
            Code::ModelUnusable,
            format!("`{name}@{version}` cannot be put to work; the log has the cause"),
        )
    };
    let engine = models.load(name, version).map_err(unusable)?;
    app.store().audit(&[AuditEntry {
        at: app.now(),
        key_id: caller.key_id(),
        action: action.to_owned(),
        customer_id: None,
        detail: engine.model().id.to_string(),
    }])?;
    point(&models.registry).map_err(unusable)?;
    tracing::info!(model = %engine.model().id, action, "another model is at work");
    app.set_engine(Some(engine.clone()));
    Ok((engine.model().clone(), before))
}

#[derive(Serialize)]
struct Compared {
    shadow: Vec<homing_profiles::shadow::Summary>,
}

/// Answers `GET /v1/models/shadow`: how the challengers' scores lay beside the champions'.
pub(super) async fn shadow(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let store = app.store().clone();
    let shadow = app.blocking(move || store.shadow_summary()).await??;
    json(&Compared { shadow })
}

/// Customers that may wait to be scored by the challenger; what comes past them is left out, and counted.
const WAITING: usize = 4096;
/// Pairs that are recorded together.
const TOGETHER: usize = 500;
/// Pairs are recorded after this time at the latest.
const RECORD_EVERY: Duration = Duration::from_secs(1);

/// One customer to be scored by both.
pub(super) struct Job {
    pub customer_id: String,
    pub history: History,
    pub as_of: Micros,
}

/// The way of a share of the traffic to the challenger.
pub(super) struct Shadow {
    /// One request in so many; 0 for none.
    every: u64,
    count: AtomicU64,
    send: SyncSender<Job>,
}

impl Shadow {
    /// Takes this share (0 to 1) of the requests, spread evenly.
    pub fn new(share: f64) -> (Self, Receiver<Job>) {
        let (send, receive) = sync_channel(WAITING);
        let every = if share > 0.0 { (1.0 / share.min(1.0)).round() as u64 } else { 0 };
        (Shadow { every, count: AtomicU64::new(0), send }, receive)
    }

    /// Whether the next request belongs to the share.
    pub fn takes(&self) -> bool {
        self.every > 0 && self.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every)
    }

    /// Hands a customer over; `false` when too many wait.
    pub fn hand(&self, job: Job) -> bool {
        !matches!(self.send.try_send(job), Err(TrySendError::Full(_)))
    }
}

/// Scores what comes with champion and challenger and records the differences, until the app is gone.
pub(super) fn compare(app: &std::sync::Weak<App>, jobs: &Receiver<Job>) {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut models: Option<[Arc<str>; 2]> = None;
    let mut since = Instant::now();
    loop {
        let job = jobs.recv_timeout(RECORD_EVERY);
        let Some(app) = app.upgrade() else { return };
        let record = |pairs: &mut Vec<Pair>, models: &Option<[Arc<str>; 2]>| {
            let Some([champion, challenger]) = models.as_ref().filter(|_| !pairs.is_empty()) else { return };
            if let Err(error) = app.store().record_shadow(champion, challenger, pairs, app.now()) {
                tracing::warn!(%error, "shadow scores could not be recorded");
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
