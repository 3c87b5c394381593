//! The pages: what people look at, rendered on the server and shipped in the binary.
//!
//! [`router`] makes the routes. A handler reads what was `asked`, asks the store on a thread that may block,
//! turns the answer into a view (plain texts and numbers, already formatted), and a template in `templates/`
//! writes it out. Every text of homing's own stands in `words`, every drawing comes from
//! [`homing_charts`].
//!
//! Templates escape all that they are given, save [`homing_charts::Svg`]. A strict content security policy goes with
//! every page, so there is no script and no style outside the one style sheet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::{Router, routing};

use crate::api::{App, Code, Problem};
use crate::scoring::ModelInfo;
use crate::survey::{self, Survey};
use homing_profiles::{Listing, Sort, Store};
use homing_tags::Catalogue;

mod actions;
mod asked;
mod assets;
mod call;
mod campaign;
mod customer;
mod format;
mod forms;
mod frame;
mod kpi;
mod labels;
mod library;
mod message;
mod models;
mod parts;
mod path;
mod scores;
mod segments;
#[cfg(test)]
mod tests;
mod today;
mod words;

use asked::Asked;
use frame::Place;

/// What a page may load and do: the style sheet and the icon of this origin, forms to this origin, nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How long a survey is taken to be the newest without asking the store again.
const SURVEY_SEEN: Duration = Duration::from_secs(2);

/// What the pages share.
struct Web {
    app: Arc<App>,
    catalogue: Arc<Catalogue>,
    /// The newest survey, and when the store was asked for it.
    surveyed: Mutex<Option<(Instant, Option<Arc<Survey>>)>>,
    /// The secret behind the tokens of forms, once it is known.
    forms: Mutex<Option<[u8; 32]>>,
    library: library::Library,
}

/// The lock's content; whoever panicked while holding one of ours left it whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The routes of the pages, without a fallback, to be merged with those of the API.
pub fn router(app: Arc<App>, catalogue: Arc<Catalogue>) -> Router {
    let library = library::Library::default();
    let web = Arc::new(Web { app, catalogue, surveyed: Mutex::default(), forms: Mutex::default(), library });
    Router::new()
        .route("/", routing::get(today::page))
        .route("/call", routing::get(call::page))
        .route("/call/export", routing::post(campaign::download))
        .route("/customers", routing::get(customer::find))
        .route("/customers/{id}", routing::get(customer::page))
        .route("/customers/{id}/export", routing::get(actions::export))
        .route("/customers/{id}/consent", routing::post(actions::consent))
        .route("/customers/{id}/erase", routing::post(actions::erase))
        .route("/segments", routing::get(segments::page))
        .route("/kpi", routing::get(kpi::page))
        .route("/models", routing::get(models::page))
        .route("/models/{version}/report", routing::get(models::report))
        .route("/models/{version}/promote", routing::post(actions::promote))
        .route("/models/rollback", routing::post(actions::rollback))
        .layer(axum::middleware::from_fn_with_state(web.clone(), guard))
        .layer(axum::middleware::from_fn_with_state(web.app.clone(), crate::api::page_access))
        .route("/assets/{file}", routing::get(assets::asset))
        .with_state(web)
}

/// Sees that a page ends in time, and gives it its headers.
async fn guard(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let asked = Asked::of(request.uri(), request.headers());
    let limit = web.app.limits().request_time;
    let mut response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => message::problem(&web, &asked, Code::Timeout),
    };
    let headers = response.headers_mut();
    // A training report has a policy of its own.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        // A page shows personal data: no cache keeps it.
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept-language"),
        (header::CONTENT_LANGUAGE, asked.lang.tag()),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Web {
    /// Asks the store, away from the threads that serve requests.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Store) -> Result<T, homing_profiles::Error> + Send + 'static,
    ) -> Result<T, Code> {
        let store = self.app.store().clone();
        let code = |problem: Problem| problem.code;
        self.app
            .blocking(move || ask(store.as_ref()))
            .await
            .map_err(code)?
            .map_err(|error| Problem::from(error).code)
    }

    /// Does what blocks its thread and answers with a problem.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Code> {
        let app = self.app.clone();
        let done = self.app.blocking(move || work(&app)).await.and_then(|done| done);
        done.map_err(|problem| problem.code)
    }

    /// The newest survey, if one was taken.
    async fn survey(&self) -> Result<Option<Arc<Survey>>, Code> {
        if let Some((at, survey)) = &*locked(&self.surveyed)
            && at.elapsed() < SURVEY_SEEN
        {
            return Ok(survey.clone());
        }
        let survey = self.ask(|store| survey::newest(store, None)).await?.map(Arc::new);
        *locked(&self.surveyed) = Some((Instant::now(), survey.clone()));
        Ok(survey)
    }

    /// The newest survey with anybody in it; else the page that says what to do.
    async fn counted(&self, asked: &Asked, place: Place) -> Result<Arc<Survey>, Box<Response>> {
        let problem = |code| Box::new(message::problem(self, asked, code));
        let survey = self.survey().await.map_err(problem)?;
        if let Some(survey) = survey.filter(|survey| survey.base.customers > 0) {
            return Ok(survey);
        }
        let anybody = Listing { limit: 1, sort: Sort::CustomerId, ..Listing::default() };
        let page = self.ask(move |store| store.list(&anybody)).await.map_err(problem)?;
        Err(Box::new(match page.profiles.is_empty() {
            true => message::empty_store(self, asked, place),
            false => message::counting(asked, place),
        }))
    }

    /// What the model at work says of its clusters.
    fn cluster_words(&self) -> labels::ClusterWords {
        let engine = self.app.engine().ok();
        labels::ClusterWords::new(engine.as_ref().and_then(|engine| engine.clusters()))
    }

    /// The model at work, if there is one.
    fn model(&self) -> Option<ModelInfo> {
        self.app.engine().ok().map(|engine| engine.model().clone())
    }
}

/// Writes a page out.
fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            Problem::new(Code::Internal, "homing failed to write this page; the log has the cause")
                .into_response()
        }
    }
}
