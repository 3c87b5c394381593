//! The routes with what answers them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, Method};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::route::Route;
use super::{
    amend, audit, campaign_size, changes, dead_letters, docs, guard, inference, intake, keys, models,
    operations, predictions, privacy, profiles, webhooks,
};
use crate::service::{App, Code, Problem};

/// The routes of the API. A router with other routes can be merged in, as long as it has no fallback.
pub fn router(app: Arc<App>) -> Router {
    let cors = cors(&app);
    let router = Route::ALL
        .iter()
        .fold(Router::new(), |router, route| router.route(route.path(), handler(*route)))
        .fallback(|| async { Problem::new(Code::NotFound, "unknown path; /openapi.json lists all routes") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                Code::MethodNotAllowed,
                "the path does not support this method; the `Allow` header lists the supported ones",
            )
        })
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard::guard))
        // Streams of events and small replies are left as they are.
        .layer(CompressionLayer::new())
        .layer(DefaultBodyLimit::max(app.limits().body_bytes))
        .with_state(app);
    match cors {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

/// Lets scripts of the configured websites call the API. Keys are sent by scripts themselves, so no credentials of the browser are
/// let through.
fn cors(app: &App) -> Option<CorsLayer> {
    let origins = app.exposure.origins();
    if origins.is_empty() {
        return None;
    }
    let header = HeaderName::from_static;
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins.iter().cloned()))
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(ALLOWED.map(header))
            .expose_headers(EXPOSED.map(header))
            .max_age(PREFLIGHT),
    )
}

/// Headers that scripts may send.
const ALLOWED: [&str; 9] = [
    "authorization",
    "content-encoding",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "traceparent",
    "x-request-id",
];
/// Headers of replies that scripts may read.
const EXPOSED: [&str; 8] = [
    "etag",
    "homing-ignored-columns",
    "idempotency-replayed",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "server-timing",
    "x-request-id",
];

/// For so long a browser need not ask again what a website may do.
const PREFLIGHT: Duration = Duration::from_secs(600);

fn handler(route: Route) -> MethodRouter<Arc<App>> {
    match route {
        Route::Predictions => post(predictions::predict),
        Route::Events => post(intake::take_in),
        Route::CorrectEvent => put(amend::correct),
        Route::VoidEvent => delete(amend::void),
        Route::Lookup => post(profiles::lookup),
        Route::Profiles => get(profiles::list),
        Route::Profile => get(profiles::profile),
        Route::Explanation => get(profiles::explanation),
        Route::Next => get(profiles::next),
        Route::Export => get(privacy::export),
        Route::Consents => get(privacy::consents),
        Route::Consent => put(privacy::consent),
        Route::Readmit => post(privacy::readmit),
        Route::Audit => get(audit::list),
        Route::AttributesOf => get(privacy::attributes_of_customer),
        Route::Attributes => put(privacy::attributes),
        Route::PatchAttributes => patch(privacy::patch_attributes),
        Route::Keys => get(keys::list),
        Route::CreateKey => post(keys::create),
        Route::RotateKey => post(keys::rotate),
        Route::RevokeKey => delete(keys::revoke),
        Route::Erase => delete(privacy::erase),
        Route::Changes => get(changes::changes),
        Route::CampaignSize => get(campaign_size::answer),
        Route::DeadLetters => get(dead_letters::list),
        Route::DropDeadLetter => delete(dead_letters::drop),
        Route::Webhooks => get(webhooks::list),
        Route::TestWebhook => post(webhooks::test),
        Route::ResumeWebhook => post(webhooks::resume),
        Route::Redeliver => post(webhooks::redeliver),
        Route::Models => get(models::list),
        Route::Promote => post(models::promote),
        Route::Rollback => post(models::rollback),
        Route::Shadow => get(models::shadow),
        Route::Health => get(operations::health),
        Route::Ready => get(operations::ready),
        Route::Metrics => get(operations::metrics),
        Route::OpenApi => get(operations::openapi),
        Route::Docs => get(docs::docs),
        Route::V2 => get(inference::server),
        Route::V2Live => get(inference::live),
        Route::V2Ready => get(inference::ready),
        Route::V2Model => get(inference::model),
        Route::V2ModelReady => get(inference::model_ready),
        Route::V2Infer => post(inference::infer),
        Route::V2Version => get(inference::version_of_model),
        Route::V2VersionReady => get(inference::version_ready),
        Route::V2VersionInfer => post(inference::version_infer),
        Route::Ping => get(inference::ping),
        Route::Version => get(inference::version),
        Route::Invocations => post(inference::invocations),
    }
}
