//! What the pages share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::labels::ClusterWords;
use super::library::{Library, Listed};
use super::sample::Sample;
use crate::aggregates::{self, Aggregates};
use crate::scoring::ModelInfo;
use crate::service::{App, Code, Problem};
use homing_profiles::Store;
use homing_tags::Catalogue;

/// How long aggregates are taken to be the newest without asking the store again.
const SEEN: Duration = Duration::from_secs(2);

/// What the pages share.
pub(super) struct Web {
    pub app: Arc<App>,
    pub catalogue: Arc<Catalogue>,
    /// The data of a demo.
    pub sample: Option<Sample>,
    /// The newest aggregates, and when the store was asked for them.
    newest_aggregates: Mutex<Option<(Instant, Option<Arc<Aggregates>>)>>,
    /// The secret behind the tokens of forms, once it is known.
    pub forms: Mutex<Option<[u8; 32]>>,
    library: Library,
}

/// The lock's content; whoever panicked while holding one of ours left it whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Web {
    pub fn new(app: Arc<App>, catalogue: Arc<Catalogue>, sample: Option<Sample>) -> Self {
        Web {
            app,
            catalogue,
            sample,
            newest_aggregates: Mutex::default(),
            forms: Mutex::default(),
            library: Library::default(),
        }
    }

    /// Asks the store, away from the threads that serve requests.
    pub async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Store) -> Result<T, homing_profiles::Error> + Send + 'static,
    ) -> Result<T, Code> {
        self.work(move |app| Ok(ask(app.store().as_ref())?)).await
    }

    /// Does what blocks its thread and answers with a problem.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Code> {
        self.app.work(work).await.map_err(|problem| problem.code)
    }

    /// The newest aggregates, if there are any.
    pub async fn aggregates(&self) -> Result<Option<Arc<Aggregates>>, Code> {
        if let Some((at, aggregates)) = &*locked(&self.newest_aggregates)
            && at.elapsed() < SEEN
        {
            return Ok(aggregates.clone());
        }
        let aggregates = self.ask(|store| aggregates::newest(store, None)).await?.map(Arc::new);
        *locked(&self.newest_aggregates) = Some((Instant::now(), aggregates.clone()));
        Ok(aggregates)
    }

    /// What the model at work says of its clusters.
    pub fn cluster_words(&self) -> ClusterWords {
        let engine = self.app.engine().ok();
        ClusterWords::new(engine.as_ref().and_then(|engine| engine.clusters()))
    }

    /// The model at work, if there is one.
    pub fn model(&self) -> Option<ModelInfo> {
        self.app.engine().ok().map(|engine| engine.model().clone())
    }

    /// The models of the registry, the latest first and those with an alias before them, and how many cannot be read; `None`
    /// where the service has no registry.
    pub async fn listed(self: &Arc<Self>) -> Result<Option<(Vec<Listed>, usize)>, Code> {
        let web = self.clone();
        self.work(move |app| Ok(app.registry().map(|registry| web.library.list(registry)))).await
    }

    /// The grade of the model at work, where it is known.
    pub async fn grade(self: &Arc<Self>) -> Option<String> {
        let model = self.model()?;
        let web = self.clone();
        let found = self.work(move |app| {
            let path = app.registry().map(|registry| registry.root().join(&model.name).join(&model.version));
            Ok(path.filter(|path| path.is_dir()).and_then(|path| web.library.volume(path)))
        });
        found.await.ok()??.grade().map(str::to_owned)
    }
}

/// Writes a page out.
pub(super) fn written(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            Problem::new(Code::Internal, "homing failed to write this page; the log has the cause")
                .into_response()
        }
    }
}
