//! The routes, in one table: the router, the metrics and the OpenAPI document are made from it.

use std::sync::Arc;

use axum::http::Method;
use axum::routing::{MethodRouter, get, post};

use super::problem::Code;
use super::{App, intake, operations, predictions, profiles};

/// A path with a method that homing answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Route {
    Predictions,
    Events,
    Profiles,
    Profile,
    Explanation,
    Models,
    Health,
    Ready,
    Metrics,
    OpenApi,
}

impl Route {
    pub(super) const ALL: [Route; 10] = [
        Route::Predictions,
        Route::Events,
        Route::Profiles,
        Route::Profile,
        Route::Explanation,
        Route::Models,
        Route::Health,
        Route::Ready,
        Route::Metrics,
        Route::OpenApi,
    ];

    /// The path, with its parameters in braces.
    pub(super) fn path(self) -> &'static str {
        match self {
            Route::Predictions => "/v1/predictions",
            Route::Events => "/v1/events",
            Route::Profiles => "/v1/profiles",
            Route::Profile => "/v1/profiles/{id}",
            Route::Explanation => "/v1/profiles/{id}/explanation",
            Route::Models => "/v1/models",
            Route::Health => "/healthz",
            Route::Ready => "/readyz",
            Route::Metrics => "/metrics",
            Route::OpenApi => "/openapi.json",
        }
    }

    pub(super) fn method(self) -> Method {
        match self {
            Route::Predictions | Route::Events => Method::POST,
            _ => Method::GET,
        }
    }

    /// What answers it.
    pub(super) fn handler(self) -> MethodRouter<Arc<App>> {
        match self {
            Route::Predictions => post(predictions::predict),
            Route::Events => post(intake::take_in),
            Route::Profiles => get(profiles::list),
            Route::Profile => get(profiles::profile),
            Route::Explanation => get(profiles::explanation),
            Route::Models => get(operations::models),
            Route::Health => get(operations::health),
            Route::Ready => get(operations::ready),
            Route::Metrics => get(operations::metrics),
            Route::OpenApi => get(operations::openapi),
        }
    }

    /// Whether the limit on concurrent requests holds for it: what operators need when the service is
    /// overloaded is free of it.
    pub(super) fn limited(self) -> bool {
        !matches!(self, Route::Health | Route::Ready | Route::Metrics)
    }

    /// Every problem that the route can answer with.
    pub(super) fn problems(self) -> Vec<Code> {
        let mut codes = vec![Code::Internal, Code::Timeout];
        if self.limited() {
            codes.push(Code::Overloaded);
        }
        let store = [Code::StoreLocked, Code::StoreReadOnly, Code::StoreFailed];
        let body = [
            Code::MalformedJson,
            Code::BodyTooLarge,
            Code::SlowBody,
            Code::UnsupportedMediaType,
            Code::UnknownField,
            Code::InvalidRequest,
            Code::TooManyEvents,
            Code::NoModel,
        ];
        match self {
            Route::Predictions => {
                codes.extend(body);
                codes.extend([Code::InvalidEvent, Code::DuplicateCustomer, Code::TooManyCustomers]);
            }
            Route::Events => {
                codes.extend(body);
                codes.extend(store);
                codes.push(Code::EventIdConflict);
            }
            Route::Profiles => {
                codes.extend(store);
                codes.extend([Code::BadParameter, Code::BadCursor]);
            }
            Route::Profile | Route::Explanation => {
                codes.extend(store);
                codes.extend([Code::BadParameter, Code::UnknownCustomer]);
            }
            Route::Ready => {
                codes.extend(store);
                codes.push(Code::NoModel);
            }
            Route::Models | Route::Health | Route::Metrics | Route::OpenApi => {}
        }
        codes.sort_unstable();
        codes
    }

    /// The path of a route as a text that lives for ever, for labels; `none` for what is no route.
    pub(super) fn label(path: Option<&str>) -> &'static str {
        path.and_then(|path| Route::ALL.iter().map(|route| route.path()).find(|known| *known == path))
            .unwrap_or("none")
    }
}
