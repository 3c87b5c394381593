//! The scoring API: what other programs ask of homing over HTTP, and how it answers.
//!
//! [`App`] holds what the handlers share, [`router`] makes the routes, [`serve`] runs them. Handlers are thin:
//! they read a request, ask the store or the engine, and write the reply. What goes wrong is one of the
//! catalogue in [`problem`].

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use homing_datasets::Micros;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::profiles::Store;
use crate::scoring::Score;

mod events;
mod guard;
mod intake;
pub mod limits;
mod listing;
mod metrics;
mod openapi;
mod operations;
mod predictions;
pub mod problem;
mod profiles;
mod reader;
mod routes;
#[cfg(test)]
mod tests;

pub use limits::Limits;
pub use metrics::Metrics;
pub use problem::{Code, Problem};
use routes::Route;

/// Tells the time: [`homing_datasets::calendar::now`] in service, any instant in tests.
pub type Clock = Arc<dyn Fn() -> Micros + Send + Sync>;

/// What the handlers share.
pub struct App {
    store: Arc<dyn Store>,
    engine: RwLock<Option<Arc<dyn Score>>>,
    clock: Clock,
    limits: Limits,
    metrics: Metrics,
    /// One permit a request in work.
    slots: Semaphore,
    /// One permit a request that blocks a thread; held until that thread is done.
    workers: Arc<Semaphore>,
    request_ids: guard::RequestIds,
}

impl App {
    /// An app over a store. Without an engine it answers everything that needs no model, and is not ready.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, engine: Option<Arc<dyn Score>>, clock: Clock, limits: Limits) -> Self {
        App {
            store,
            engine: RwLock::new(engine),
            clock,
            metrics: Metrics::default(),
            slots: Semaphore::new(limits.concurrent_requests.min(Semaphore::MAX_PERMITS)),
            workers: Arc::new(Semaphore::new(limits.blocking_tasks.clamp(1, Semaphore::MAX_PERMITS))),
            request_ids: guard::RequestIds::default(),
            limits,
        }
    }

    /// Puts another engine to work. Requests that have begun end with the one that they began with.
    pub fn set_engine(&self, engine: Option<Arc<dyn Score>>) {
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = engine;
    }

    /// The engine at work.
    ///
    /// # Errors
    /// [`Code::NoModel`] when there is none.
    pub fn engine(&self) -> Result<Arc<dyn Score>, Problem> {
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner).clone();
        engine.ok_or_else(|| {
            Problem::new(Code::NoModel, "no model is loaded; fit one with homing-train, or name a registry")
        })
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

    /// Does work that blocks its thread, when one is free for it. Work that has begun goes on to its end, even
    /// when nobody waits for it any more.
    ///
    /// # Errors
    /// [`Code::Internal`] when the work panics.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = self.workers.clone().acquire_owned().await.map_err(|error| Problem::internal(&error))?;
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            span.in_scope(work)
        });
        done.await.map_err(|error| Problem::internal(&error))
    }
}

/// The routes of the API. A router with other routes can be merged in, as long as it has no fallback.
pub fn router(app: Arc<App>) -> Router {
    Route::ALL
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path(), route.handler()))
        .fallback(|| async {
            Problem::new(Code::NotFound, "there is no such path; /openapi.json lists them all")
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                Code::MethodNotAllowed,
                "the path does not take this method; `Allow` lists those that it takes",
            )
        })
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard::guard))
        .layer(DefaultBodyLimit::max(app.limits.body_bytes))
        .with_state(app)
}

/// After the wish to stop, requests in work have this long to end.
const DRAIN: Duration = Duration::from_secs(35);

/// Serves until `shutdown` ends, then takes no more connections, lets the requests in work end, and returns.
/// Connections that are still open after 35 s are cut.
///
/// # Errors
/// What the listener says when it fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|connection| {
        // Without it a small reply may wait for the acknowledgement of the one before.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        tracing::info!("stopping: requests in work are finished, new ones are not taken");
        // The receiver lives as long as the server.
        let _ = stopping.send(());
    });
    let out_of_time = async {
        match stopped.await {
            Ok(()) => tokio::time::sleep(DRAIN).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = server.into_future() => ended,
        () = out_of_time => {
            tracing::warn!("some connections did not end in time and are cut");
            Ok(())
        }
    }
}

/// Ends when the process is asked to stop: by ctrl-c, or on Unix by SIGTERM.
pub async fn stop_signal() {
    let ctrl_c = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "ctrl-c cannot be heard");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let term = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut term) => {
                term.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be heard");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let term = std::future::pending::<()>();
    tokio::select! {
        () = ctrl_c => {}
        () = term => {}
    }
}

/// A JSON reply.
fn json(body: &impl Serialize) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response())
}
