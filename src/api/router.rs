//! The routes with what answers them.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, delete, get, post, put};

use super::route::Route;
use super::{
    changes, dead_letters, docs, guard, inference, intake, models, operations, predictions, privacy, profiles,
};
use crate::service::{App, Code, Problem};

/// The routes of the API. A router with other routes can be merged in, as long as it has no fallback.
pub fn router(app: Arc<App>) -> Router {
    Route::ALL
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
        .layer(DefaultBodyLimit::max(app.limits().body_bytes))
        .with_state(app)
}

fn handler(route: Route) -> MethodRouter<Arc<App>> {
    match route {
        Route::Predictions => post(predictions::predict),
        Route::Events => post(intake::take_in),
        Route::Profiles => get(profiles::list),
        Route::Profile => get(profiles::profile),
        Route::Explanation => get(profiles::explanation),
        Route::Next => get(profiles::next),
        Route::Export => get(privacy::export),
        Route::Consent => put(privacy::consent),
        Route::Attributes => put(privacy::attributes),
        Route::Erase => delete(privacy::erase),
        Route::Changes => get(changes::changes),
        Route::DeadLetters => get(dead_letters::list),
        Route::DropDeadLetter => delete(dead_letters::drop),
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
        Route::Invocations => post(inference::invocations),
    }
}
