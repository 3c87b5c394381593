//! The routes, in one table: the router, the metrics and the OpenAPI document are made from it.

use std::sync::Arc;

use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, post, put};

use super::access::Role;
use super::problem::Code;
use super::{
    App, changes, docs, inference, intake, models, operations, predictions, privacy, profiles, webhook,
};

/// A path with a method that homing answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Route {
    Predictions,
    Events,
    Profiles,
    Profile,
    Explanation,
    Next,
    Export,
    Consent,
    Attributes,
    Erase,
    Changes,
    DeadLetters,
    DealtWith,
    Models,
    Shadow,
    Promote,
    Rollback,
    Health,
    Ready,
    Metrics,
    OpenApi,
    Docs,
    V2,
    V2Live,
    V2Ready,
    V2Model,
    V2ModelReady,
    V2Infer,
    Invocations,
}

impl Route {
    pub(super) const ALL: [Route; 29] = [
        Route::Predictions,
        Route::Events,
        Route::Profiles,
        Route::Profile,
        Route::Explanation,
        Route::Next,
        Route::Export,
        Route::Consent,
        Route::Attributes,
        Route::Erase,
        Route::Changes,
        Route::DeadLetters,
        Route::DealtWith,
        Route::Models,
        Route::Shadow,
        Route::Promote,
        Route::Rollback,
        Route::Health,
        Route::Ready,
        Route::Metrics,
        Route::OpenApi,
        Route::Docs,
        Route::V2,
        Route::V2Live,
        Route::V2Ready,
        Route::V2Model,
        Route::V2ModelReady,
        Route::V2Infer,
        Route::Invocations,
    ];

    /// The path, with its parameters in braces.
    pub(super) fn path(self) -> &'static str {
        match self {
            Route::Predictions => "/v1/predictions",
            Route::Events => "/v1/events",
            Route::Profiles => "/v1/profiles",
            Route::Profile | Route::Erase => "/v1/profiles/{id}",
            Route::Export => "/v1/profiles/{id}/export",
            Route::Consent => "/v1/profiles/{id}/consent",
            Route::Attributes => "/v1/profiles/{id}/attributes",
            Route::Changes => "/v1/changes",
            Route::DeadLetters => "/v1/dead-letters",
            Route::DealtWith => "/v1/dead-letters/{number}",
            Route::Shadow => "/v1/models/shadow",
            Route::Promote => "/v1/models/{version}/promote",
            Route::Rollback => "/v1/models/rollback",
            Route::Explanation => "/v1/profiles/{id}/explanation",
            Route::Next => "/v1/profiles/{id}/next",
            Route::Models => "/v1/models",
            Route::Health => "/healthz",
            Route::Ready => "/readyz",
            Route::Metrics => "/metrics",
            Route::OpenApi => "/openapi.json",
            Route::Docs => "/docs",
            Route::V2 => "/v2",
            Route::V2Live => "/v2/health/live",
            Route::V2Ready => "/v2/health/ready",
            Route::V2Model => "/v2/models/{model}",
            Route::V2ModelReady => "/v2/models/{model}/ready",
            Route::V2Infer => "/v2/models/{model}/infer",
            Route::Invocations => "/invocations",
        }
    }

    pub(super) fn method(self) -> Method {
        match self {
            Route::Predictions | Route::Events | Route::Promote | Route::Rollback => Method::POST,
            Route::V2Infer | Route::Invocations => Method::POST,
            Route::Consent | Route::Attributes => Method::PUT,
            Route::Erase | Route::DealtWith => Method::DELETE,
            _ => Method::GET,
        }
    }

    /// The role that a caller must have where keys are asked for; `None` for everyone.
    pub(super) fn role(self) -> Option<Role> {
        match self {
            Route::Health | Route::Ready | Route::OpenApi | Route::Docs => None,
            Route::V2 | Route::V2Live | Route::V2Ready => None,
            Route::V2Model | Route::V2ModelReady | Route::V2Infer | Route::Invocations => Some(Role::Reader),
            Route::Predictions | Route::Profiles | Route::Profile | Route::Explanation | Route::Next => {
                Some(Role::Reader)
            }
            Route::Changes | Route::Models | Route::Shadow | Route::Metrics => Some(Role::Reader),
            Route::Events | Route::Consent | Route::Attributes | Route::Export => Some(Role::Operator),
            Route::DeadLetters | Route::DealtWith => Some(Role::Operator),
            Route::Promote | Route::Rollback => Some(Role::Scientist),
            Route::Erase => Some(Role::Admin),
        }
    }

    /// The route at a path for a method.
    pub(super) fn of(path: &str, method: &Method) -> Option<Route> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        Route::ALL.into_iter().find(|route| route.path() == path && route.method() == *method)
    }

    /// What answers it.
    pub(super) fn handler(self) -> MethodRouter<Arc<App>> {
        match self {
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
            Route::DeadLetters => get(webhook::letters),
            Route::DealtWith => delete(webhook::dealt_with),
            Route::Models => get(models::list),
            Route::Shadow => get(models::shadow),
            Route::Promote => post(models::promote),
            Route::Rollback => post(models::rollback),
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

    /// Whether the limit on concurrent requests holds for it: what operators need when the service is
    /// overloaded is free of it.
    pub(super) fn limited(self) -> bool {
        !matches!(self, Route::Health | Route::Ready | Route::Metrics | Route::V2Live | Route::V2Ready)
    }

    /// Every problem that the route can answer with.
    pub(super) fn problems(self) -> Vec<Code> {
        let mut codes = vec![Code::Internal, Code::Timeout];
        if self.limited() {
            codes.push(Code::Overloaded);
        }
        if self.role().is_some() {
            codes.extend([Code::Unauthorized, Code::Forbidden, Code::TooManyRequests]);
        }
        let store = [Code::StoreLocked, Code::StoreReadOnly, Code::StoreUnreachable, Code::StoreFailed];
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
                codes.extend(store);
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
            Route::Next => {
                codes.extend(store);
                codes.extend([Code::BadParameter, Code::UnknownCustomer, Code::NoModel]);
            }
            Route::Profile | Route::Explanation => {
                codes.extend(store);
                codes.extend([Code::BadParameter, Code::UnknownCustomer]);
            }
            Route::Export | Route::Erase => {
                codes.extend(store);
                codes.extend([Code::BadParameter, Code::UnknownCustomer]);
            }
            Route::Consent | Route::Attributes => {
                codes.extend(store);
                codes.extend(
                    body.into_iter().filter(|code| !matches!(code, Code::TooManyEvents | Code::NoModel)),
                );
                codes.push(Code::BadParameter);
                if self == Route::Attributes {
                    codes.push(Code::UnknownCustomer);
                }
            }
            Route::Changes => {
                codes.extend(store);
                codes.extend([Code::BadParameter, Code::CursorExpired]);
            }
            Route::Shadow | Route::DeadLetters => codes.extend(store),
            Route::DealtWith => {
                codes.extend(store);
                codes.extend([Code::BadParameter, Code::UnknownLetter]);
            }
            Route::Promote => {
                codes.extend(store);
                codes.extend([
                    Code::BadParameter,
                    Code::UnknownModel,
                    Code::ModelUnusable,
                    Code::ModelPinned,
                ]);
            }
            Route::Rollback => {
                codes.extend(store);
                codes.extend([Code::NoEarlierModel, Code::ModelUnusable, Code::ModelPinned]);
            }
            Route::V2Model | Route::V2ModelReady => {
                codes.extend([Code::BadParameter, Code::UnknownModel, Code::NoModel]);
            }
            Route::V2Infer | Route::Invocations => {
                codes.extend(body.into_iter().filter(|code| *code != Code::TooManyEvents));
                codes.push(Code::TooManyCustomers);
                if self == Route::V2Infer {
                    codes.extend([Code::BadParameter, Code::UnknownModel]);
                }
            }
            Route::Ready | Route::V2Ready => {
                codes.extend(store);
                codes.extend([Code::NoModel, Code::Stopping]);
            }
            Route::Models
            | Route::Health
            | Route::Metrics
            | Route::OpenApi
            | Route::Docs
            | Route::V2
            | Route::V2Live => {}
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
