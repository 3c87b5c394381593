//! The routes, in one table: the router, the metrics and the OpenAPI document are made from it.

use axum::http::Method;

use crate::service::{Code, Role};

/// What can be wrong with a body.
const BODY: &[Code] = &[
    Code::MalformedJson,
    Code::BodyTooLarge,
    Code::SlowBody,
    Code::UnsupportedMediaType,
    Code::UnknownField,
    Code::InvalidRequest,
];

/// What can be wrong with the store.
const STORE: &[Code] =
    &[Code::StoreLocked, Code::StoreBusy, Code::StoreReadOnly, Code::StoreUnreachable, Code::StoreFailed];

macro_rules! routes {
    ($($name:ident $method:ident $path:literal $role:ident [$($problems:expr),*];)*) => {
        /// A path with a method that homing answers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(super) enum Route {
            $($name,)*
        }

        impl Route {
            pub(super) const ALL: &[Route] = &[$(Route::$name,)*];

            /// The path, with its parameters in braces.
            pub(super) fn path(self) -> &'static str {
                match self { $(Route::$name => $path,)* }
            }

            pub(super) fn method(self) -> Method {
                match self { $(Route::$name => Method::$method,)* }
            }

            /// The role that a caller must have where keys are asked for; `None` for everyone.
            pub(super) fn role(self) -> Option<Role> {
                match self { $(Route::$name => role!($role),)* }
            }

            /// The problems of its own, beside those that every route can answer with.
            fn own_problems(self) -> &'static [&'static [Code]] {
                match self { $(Route::$name => &[$($problems),*],)* }
            }
        }
    };
}

macro_rules! role {
    (Anyone) => {
        None
    };
    ($role:ident) => {
        Some(Role::$role)
    };
}

routes! {
    Predictions POST "/v1/predictions" Reader [BODY, STORE, &[
        Code::TooManyEvents, Code::NoModel, Code::InvalidEvent, Code::DuplicateCustomer, Code::TooManyCustomers]];
    Events POST "/v1/events" Operator [BODY, STORE, &[
        Code::TooManyEvents, Code::NoModel, Code::EventIdConflict, Code::InvalidEvent]];
    CorrectEvent PUT "/v1/events/{event_id}" Operator [BODY, STORE, &[
        Code::BadParameter, Code::NoModel, Code::UnknownEvent, Code::EventVoided, Code::InvalidEvent]];
    VoidEvent DELETE "/v1/events/{event_id}" Operator [STORE, &[
        Code::BadParameter, Code::NoModel, Code::UnknownEvent, Code::EventVoided]];
    Lookup POST "/v1/lookup" Reader [BODY, STORE, &[Code::BadParameter, Code::TooManyCustomers]];
    Profiles GET "/v1/profiles" Reader [STORE, &[Code::BadParameter, Code::BadCursor, Code::CursorExpired]];
    Profile GET "/v1/profiles/{id}" Reader [STORE, &[Code::BadParameter, Code::UnknownCustomer]];
    Explanation GET "/v1/profiles/{id}/explanation" Reader [STORE, &[Code::BadParameter, Code::UnknownCustomer]];
    Next GET "/v1/profiles/{id}/next" Reader [STORE, &[Code::BadParameter, Code::UnknownCustomer, Code::NoModel]];
    Export GET "/v1/profiles/{id}/export" Operator [STORE, &[Code::BadParameter, Code::UnknownCustomer]];
    Consents GET "/v1/profiles/{id}/consent" Reader [STORE, &[Code::BadParameter]];
    Consent PUT "/v1/profiles/{id}/consent" Operator [BODY, STORE, &[Code::BadParameter]];
    AttributesOf GET "/v1/profiles/{id}/attributes" Reader [STORE, &[Code::BadParameter, Code::UnknownCustomer]];
    Attributes PUT "/v1/profiles/{id}/attributes" Operator [BODY, STORE, &[
        Code::BadParameter, Code::UnknownCustomer, Code::PreconditionFailed]];
    PatchAttributes PATCH "/v1/profiles/{id}/attributes" Operator [BODY, STORE, &[
        Code::BadParameter, Code::UnknownCustomer, Code::PreconditionFailed]];
    Erase DELETE "/v1/profiles/{id}" Admin [STORE, &[Code::BadParameter, Code::UnknownCustomer]];
    Readmit POST "/v1/profiles/{id}/readmit" Admin [STORE, &[Code::BadParameter, Code::UnknownCustomer]];
    Audit GET "/v1/audit" Admin [STORE, &[Code::BadParameter]];
    Keys GET "/v1/keys" Admin [STORE];
    CreateKey POST "/v1/keys" Admin [BODY, STORE];
    RotateKey POST "/v1/keys/{key}/rotate" Admin [BODY, STORE, &[Code::BadParameter, Code::UnknownKey]];
    RevokeKey DELETE "/v1/keys/{key}" Admin [STORE, &[Code::BadParameter, Code::UnknownKey]];
    Changes GET "/v1/changes" Reader [STORE, &[Code::BadParameter, Code::CursorExpired]];
    CampaignSize GET "/v1/campaigns/size" Reader [STORE, &[Code::BadParameter, Code::BadCursor]];
    DeadLetters GET "/v1/dead-letters" Operator [STORE, &[Code::BadParameter]];
    DropDeadLetter DELETE "/v1/dead-letters/{number}" Operator [STORE, &[Code::BadParameter, Code::UnknownLetter]];
    Webhooks GET "/v1/webhooks" Operator [STORE];
    TestWebhook POST "/v1/webhooks/{webhook}/test" Operator [STORE, &[Code::BadParameter, Code::UnknownWebhook]];
    ResumeWebhook POST "/v1/webhooks/{webhook}/resume" Operator [STORE, &[Code::BadParameter, Code::UnknownWebhook]];
    Redeliver POST "/v1/webhooks/{webhook}/redeliver" Operator [BODY, STORE, &[
        Code::BadParameter, Code::UnknownWebhook, Code::CursorExpired, Code::BadCursor]];
    Models GET "/v1/models" Reader [];
    Shadow GET "/v1/models/shadow" Reader [STORE];
    Promote POST "/v1/models/{version}/promote" Scientist [STORE, &[
        Code::BadParameter, Code::UnknownModel, Code::ModelUnusable, Code::ModelPinned]];
    Rollback POST "/v1/models/rollback" Scientist [STORE, &[
        Code::NoEarlierModel, Code::ModelUnusable, Code::ModelPinned]];
    Health GET "/healthz" Anyone [];
    Ready GET "/readyz" Anyone [STORE, &[Code::NoModel, Code::Stopping]];
    Metrics GET "/metrics" Metrics [];
    OpenApi GET "/openapi.json" Anyone [];
    Docs GET "/docs" Anyone [];
    V2 GET "/v2" Anyone [];
    V2Live GET "/v2/health/live" Anyone [];
    V2Ready GET "/v2/health/ready" Anyone [STORE, &[Code::NoModel, Code::Stopping]];
    V2Model GET "/v2/models/{model}" Reader [&[Code::BadParameter, Code::UnknownModel, Code::NoModel]];
    V2ModelReady GET "/v2/models/{model}/ready" Reader [&[Code::BadParameter, Code::UnknownModel, Code::NoModel]];
    V2Infer POST "/v2/models/{model}/infer" Reader [BODY, &[
        Code::NoModel, Code::TooManyCustomers, Code::BadParameter, Code::UnknownModel]];
    V2Version GET "/v2/models/{model}/versions/{version}" Reader [&[
        Code::BadParameter, Code::UnknownModel, Code::NoModel]];
    V2VersionReady GET "/v2/models/{model}/versions/{version}/ready" Reader [&[
        Code::BadParameter, Code::UnknownModel, Code::NoModel]];
    V2VersionInfer POST "/v2/models/{model}/versions/{version}/infer" Reader [BODY, &[
        Code::NoModel, Code::TooManyCustomers, Code::BadParameter, Code::UnknownModel]];
    Ping GET "/ping" Anyone [STORE, &[Code::NoModel, Code::Stopping]];
    Version GET "/version" Anyone [];
    Invocations POST "/invocations" Reader [BODY, &[Code::NoModel, Code::TooManyCustomers]];
}

impl Route {
    /// The route at a path for a method.
    pub(super) fn of(path: &str, method: &Method) -> Option<Route> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        Route::ALL.iter().copied().find(|route| route.path() == path && route.method() == *method)
    }

    /// Whether the limit on concurrent requests holds for it: what operators need when the service is
    /// overloaded is free of it.
    pub(super) fn limited(self) -> bool {
        !matches!(
            self,
            Route::Health | Route::Ready | Route::Ping | Route::Metrics | Route::V2Live | Route::V2Ready
        )
    }

    /// Whether it takes parameters, or is one that load balancers and monitoring systems ask with parameters of their own.
    pub(super) fn takes_parameters(self) -> bool {
        matches!(
            self,
            Route::Profiles
                | Route::Profile
                | Route::Lookup
                | Route::Changes
                | Route::Audit
                | Route::CampaignSize
                | Route::DeadLetters
                | Route::Erase
        ) || !self.path().starts_with("/v1/")
    }

    /// Whether it changes something, so that a caller may want to be sure that it does so once.
    pub(super) fn changes(self) -> bool {
        self.path().starts_with("/v1/")
            && self.method() != Method::GET
            && !matches!(self, Route::Predictions | Route::Lookup)
    }

    /// Whether its reply holds what must be stored nowhere.
    pub(super) fn shows_secrets(self) -> bool {
        matches!(self, Route::CreateKey | Route::RotateKey)
    }

    /// The media types of bodies that it takes.
    pub(super) fn media_types(self) -> &'static [&'static str] {
        match self {
            Route::Invocations => &["application/json", "text/csv"],
            Route::Events => &["application/json", "application/x-ndjson"],
            Route::PatchAttributes => &["application/json", "application/merge-patch+json"],
            _ => &["application/json"],
        }
    }

    /// Every problem that the route can answer with.
    pub(super) fn problems(self) -> Vec<Code> {
        let mut codes = vec![Code::Internal, Code::Timeout, Code::CrossSite, Code::ForeignHost];
        if self.method() != Method::GET {
            codes.push(Code::UnsupportedMediaType);
        }
        if !self.takes_parameters() {
            codes.push(Code::BadParameter);
        }
        if self.limited() {
            codes.push(Code::Overloaded);
        }
        if self.role().is_some() {
            codes.extend([Code::Unauthorized, Code::Forbidden, Code::TooManyRequests]);
        }
        if self.changes() {
            codes.push(Code::BadParameter);
            if !self.shows_secrets() {
                codes.extend([Code::RequestInProgress, Code::IdempotencyKeyReused]);
            }
        }
        codes.extend(self.own_problems().iter().copied().flatten());
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// The path of a route as a text that lives for ever, for labels; `none` for what is no route.
    pub(super) fn label(path: Option<&str>) -> &'static str {
        path.and_then(|path| Route::ALL.iter().map(|route| route.path()).find(|known| *known == path))
            .unwrap_or("none")
    }
}
