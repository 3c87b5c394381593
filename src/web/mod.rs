//! The pages: what people look at, rendered on the server and shipped in the binary.
//!
//! [`router`] makes the routes. A handler reads what was `asked`, asks the store on a thread that may block,
//! turns the answer into a view (plain texts and numbers, already formatted), and a template in `templates/`
//! writes it out. Every text of homing's own is in `locales/`, every drawing comes from
//! [`homing_charts`].
//!
//! Templates escape all that they are given, save [`homing_charts::Svg`]. A strict content security policy goes with
//! every page, so there is no script and no style outside the one style sheet.
//!
//! Lower modules know nothing of those above them: this one makes the routes; `accuracy`, `actions`, `audit`, `call`, `campaign`, `campaigns`, `customer`, `kpi`,
//! `models`, `segments`, `sign_in` and `today` answer them; `size` is a part of `call`; `forms` and `message` are made of `filters` and `state`; `asked`, `format`,
//! `frame`, `labels`, `library`, `parts`, `sample`, `scores` and `words` know nothing of the service's state.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};

use crate::service::{App, Code};
use homing_tags::Catalogue;

mod accuracy;
mod actions;
mod asked;
mod assets;
mod audit;
mod call;
mod campaign;
mod campaigns;
mod customer;
mod filters;
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
mod sample;
mod scores;
mod segments;
mod sign_in;
mod size;
mod state;
#[cfg(test)]
mod tests;
mod today;
mod words;

use asked::Asked;
pub use sample::Sample;
use state::Web;

/// What a page may load and do: the style sheet and the icon of this origin, forms to this origin, nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The routes of the pages, without a fallback, to be merged with those of the API. `sample` names the data of a demo.
pub fn router(app: Arc<App>, catalogue: Arc<Catalogue>, sample: Option<Sample>) -> Router {
    let web = Arc::new(Web::new(app, catalogue, sample));
    Router::new()
        .route("/", routing::get(today::page))
        .route("/call", routing::get(call::page))
        .route("/call/export", routing::post(campaign::download))
        .route("/customers", routing::get(customer::find))
        .route("/customers/{id}", routing::get(customer::page))
        .route("/customers/{id}/export", routing::get(actions::export))
        .route("/customers/{id}/consent", routing::post(actions::consent))
        .route("/customers/{id}/erase", routing::post(actions::erase))
        .route("/audit", routing::get(audit::page))
        .route("/segments", routing::get(segments::page))
        .route("/kpi", routing::get(kpi::page))
        .route("/campaigns", routing::get(campaigns::page))
        .route("/accuracy", routing::get(accuracy::page))
        .route("/models", routing::get(models::page))
        .route("/models/{version}/report", routing::get(models::report))
        .route("/models/{version}/promote", routing::post(actions::promote))
        .route("/models/rollback", routing::post(actions::rollback))
        .layer(axum::middleware::from_fn_with_state(web.clone(), sign_in::access))
        .route("/signin", routing::get(sign_in::page).post(sign_in::sign_in))
        .route("/signin/oidc", routing::get(sign_in::begin_oidc))
        .route("/signin/oidc/callback", routing::get(sign_in::finish_oidc))
        .route("/signout", routing::post(sign_in::sign_out))
        .layer(axum::middleware::from_fn_with_state(web.clone(), guard))
        .route("/assets/{file}", routing::get(assets::asset))
        .with_state(web)
}

/// Sees that a page ends in time, and gives it its headers.
async fn guard(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let asked = Asked::of(request.uri(), request.headers());
    let limit = web.app.limits().request_time;
    let (app, open) = (&web.app, !web.app.demands_keys());
    let mut response = match app.exposure.check(request.method(), request.uri(), request.headers(), open) {
        Ok(()) => match tokio::time::timeout(limit, next.run(request)).await {
            Ok(response) => response,
            Err(_) => message::problem(&web, &asked, Code::Timeout),
        },
        // Who reads this is no person on one of our pages.
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    app.exposure.secure(headers);
    // A training report has a policy of its own.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    }
    for (name, value) in [
        (header::REFERRER_POLICY, "same-origin"),
        // A page shows personal data: no cache keeps it, whatever a handler says.
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept-language, cookie"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(asked.lang.tag()) {
        headers.insert(header::CONTENT_LANGUAGE, tag);
    }
    response
}
