//! The pages: what people look at, rendered on the server and shipped in the binary.
//!
//! [`router`] makes the routes. A handler reads what was `asked`, asks the store on a thread that may block,
//! turns the answer into a view (plain texts and numbers, already formatted), and a template in `templates/`
//! writes it out. Every text of homing's own stands in `words`, every drawing comes from
//! [`homing_models::chart`].
//!
//! Templates escape all that they are given, save [`homing_models::chart::Svg`]. A strict content security policy goes with
//! every page, so there is no script and no style outside the one style sheet.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::{Router, routing};

use crate::api::{App, Code, Problem};
use crate::profiles::{self, Store};
use crate::scoring::ModelInfo;
use crate::tags::Catalogue;

mod asked;
mod assets;
mod call;
mod customer;
mod format;
mod frame;
mod labels;
mod message;
mod scores;
#[cfg(test)]
mod tests;
mod words;

use asked::Asked;

/// What a page may load and do: the style sheet and the icon of this origin, forms to this origin, nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the pages share.
struct Web {
    app: Arc<App>,
    catalogue: Arc<Catalogue>,
}

/// The routes of the pages, without a fallback, to be merged with those of the API.
pub fn router(app: Arc<App>, catalogue: Arc<Catalogue>) -> Router {
    let web = Arc::new(Web { app, catalogue });
    Router::new()
        .route("/", routing::get(call::page))
        .route("/customers", routing::get(customer::find))
        .route("/customers/{id}", routing::get(customer::page))
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
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
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
        ask: impl FnOnce(&dyn Store) -> Result<T, profiles::Error> + Send + 'static,
    ) -> Result<T, Code> {
        let store = self.app.store().clone();
        let code = |problem: Problem| problem.code;
        self.app
            .blocking(move || ask(store.as_ref()))
            .await
            .map_err(code)?
            .map_err(|error| Problem::from(error).code)
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
