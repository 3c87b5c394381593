//! The one catalogue of what can go wrong, and the problem document (RFC 9457) that says so.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Seconds after which a caller may try again what failed for a passing cause.
const RETRY_AFTER_S: u32 = 1;

macro_rules! catalogue {
    ($($(#[$doc:meta])* $name:ident $code:literal $status:ident $title:literal,)*) => {
        /// What can go wrong. The code of each is stable: callers may rest on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// The whole catalogue.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The stable code, used in `code` and at the end of `type`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Code::$name => StatusCode::$status,)* }
            }

            /// What it is called, the same for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }
        }
    };
}

catalogue! {
    /// The body is no JSON.
    MalformedJson "malformed_json" BAD_REQUEST "The body is not JSON",
    /// A parameter of the path or query is unknown or has a value that it cannot have.
    BadParameter "bad_parameter" BAD_REQUEST "A parameter is invalid",
    /// The cursor was not given out for this listing.
    BadCursor "bad_cursor" BAD_REQUEST "The cursor is not valid for this listing",
    /// No key, or an invalid, revoked or expired one.
    Unauthorized "unauthorized" UNAUTHORIZED "An API key is required",
    /// The key's role does not allow this.
    Forbidden "forbidden" FORBIDDEN "The API key's role does not allow this",
    /// A website made a browser send the request.
    CrossSite "cross_site" FORBIDDEN "Another website sent this request",
    /// No route has this path.
    NotFound "not_found" NOT_FOUND "The path is unknown",
    /// The store knows no such customer.
    UnknownCustomer "unknown_customer" NOT_FOUND "The customer is unknown",
    /// The registry has no such version.
    UnknownModel "unknown_model" NOT_FOUND "The model is unknown",
    /// There is no such dead letter.
    UnknownLetter "unknown_letter" NOT_FOUND "The dead letter does not exist",
    /// No event is stored under the id.
    UnknownEvent "unknown_event" NOT_FOUND "The event is unknown",
    /// There is no such API key.
    UnknownKey "unknown_key" NOT_FOUND "The API key is unknown",
    /// There is no such webhook.
    UnknownWebhook "unknown_webhook" NOT_FOUND "The webhook is unknown",
    /// The path exists, but not with this method.
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "The path does not support this method",
    /// The body did not come in time.
    SlowBody "slow_body" REQUEST_TIMEOUT "The request body did not arrive in time",
    /// The model cannot be changed while the service runs.
    ModelPinned "model_pinned" CONFLICT "The model of this service cannot be changed",
    /// The model cannot be loaded.
    ModelUnusable "model_unusable" CONFLICT "The model cannot be loaded",
    /// There is nothing to roll back to.
    NoEarlierModel "no_earlier_model" CONFLICT "There is no previous champion",
    /// The changes after the cursor are not kept any more.
    CursorExpired "cursor_expired" GONE "The cursor has expired",
    /// Every event of the request has an id that was used for other content.
    EventIdConflict "event_id_conflict" CONFLICT "The event ids are already in use",
    /// The event was voided.
    EventVoided "event_voided" CONFLICT "The event was voided before",
    /// A request with the same idempotency key is in work.
    RequestInProgress "request_in_progress" CONFLICT "The same request is in progress",
    /// What is stored is not what the caller's condition asks for.
    PreconditionFailed "precondition_failed" PRECONDITION_FAILED "The condition does not hold",
    /// The service is not called by that name.
    ForeignHost "foreign_host" MISDIRECTED_REQUEST "The service does not answer to this host",
    /// The body is longer than the limit.
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "The request body is too large",
    /// The body says that it is something other than JSON.
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The content type must be application/json",
    /// The body has a field that is not known.
    UnknownField "unknown_field" UNPROCESSABLE_ENTITY "A field is unknown",
    /// The body is JSON, but not of the form that the route takes.
    InvalidRequest "invalid_request" UNPROCESSABLE_ENTITY "The request is invalid",
    /// An event is invalid.
    InvalidEvent "invalid_event" UNPROCESSABLE_ENTITY "An event is invalid",
    /// A customer is in the request twice.
    DuplicateCustomer "duplicate_customer" UNPROCESSABLE_ENTITY "A customer is listed twice",
    /// More customers than the limit.
    TooManyCustomers "too_many_customers" UNPROCESSABLE_ENTITY "Too many customers in one request",
    /// More events than the limit.
    TooManyEvents "too_many_events" UNPROCESSABLE_ENTITY "Too many events in one request",
    /// The idempotency key was used for another request.
    IdempotencyKeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY "The idempotency key was used for another request",
    /// The limit of requests per key, at one time or in a minute, is reached.
    TooManyRequests "too_many_requests" TOO_MANY_REQUESTS "Too many requests for one API key",
    /// A fault of homing itself.
    Internal "internal" INTERNAL_SERVER_ERROR "Internal error",
    /// The limit of concurrent requests is reached.
    Overloaded "overloaded" SERVICE_UNAVAILABLE "Too many concurrent requests",
    /// The request took longer than the limit.
    Timeout "timeout" SERVICE_UNAVAILABLE "The request took too long",
    /// The service has been asked to stop.
    Stopping "stopping" SERVICE_UNAVAILABLE "The service is shutting down",
    /// No model is loaded.
    NoModel "no_model" SERVICE_UNAVAILABLE "No model is loaded",
    /// Another process holds the profile store.
    StoreLocked "store_locked" SERVICE_UNAVAILABLE "The profile store is locked",
    /// Others keep writing to the same customers.
    StoreBusy "store_busy" SERVICE_UNAVAILABLE "Write conflict on the same customers",
    /// The profile store cannot be written.
    StoreReadOnly "store_read_only" SERVICE_UNAVAILABLE "The profile store is read-only",
    /// The database of the profiles does not answer.
    StoreUnreachable "store_unreachable" SERVICE_UNAVAILABLE "The profile store is unreachable",
    /// The profile store does not work.
    StoreFailed "store_failed" SERVICE_UNAVAILABLE "The profile store failed",
}

impl Code {
    /// The value of `type`: a name for the kind of problem, not an address to fetch.
    #[must_use]
    pub fn uri(self) -> String {
        format!("urn:homing:problem:{}", self.name())
    }

    /// Whether the same request may succeed a moment later, which the reply says with `Retry-After`.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(
            self,
            Code::Overloaded
                | Code::RequestInProgress
                | Code::TooManyRequests
                | Code::Stopping
                | Code::Timeout
                | Code::NoModel
                | Code::StoreLocked
                | Code::StoreBusy
                | Code::StoreUnreachable
        )
    }
}

/// The start of a text that a caller sent, short enough to be sent back.
pub(crate) fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(64)]
}

/// An address without what may be secret: credentials, query and fragment.
pub(crate) fn shown_url(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or_default())
        }
        None => clip(plain).to_owned(),
    }
}

/// The known name that is most like another, if any is like it.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let like = known.into_iter().map(|other| (strsim::jaro_winkler(name, other), other));
    like.filter(|(like, _)| *like > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other)
}

/// One problem, on its way to the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Which of the catalogue.
    pub code: Code,
    /// What was wrong this time, where, and what to do.
    pub detail: String,
    /// More members, such as `pointer` or `rejected`.
    pub members: Map<String, Value>,
    /// After how many seconds to try again, where it is known.
    pub retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem with its detail.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem { code, detail: detail.into(), members: Map::new(), retry_after_s: None }
    }

    /// The same with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The same, with the seconds after which a retry helps.
    #[must_use]
    pub fn after(self, seconds: u32) -> Self {
        Problem { retry_after_s: Some(seconds), ..self }
    }

    /// The same, as clients of the Open Inference Protocol expect it: with the detail as `error`, too.
    #[must_use]
    pub(crate) fn for_inference(self) -> Self {
        let error = self.detail.clone();
        self.with("error", error)
    }

    /// A fault of homing itself: the log gets the cause, the caller learns only that it happened.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error while handling a request");
        Problem::new(
            Code::Internal,
            "internal error; search the service's log for this request id to find the cause",
        )
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> Value {
        let mut document = self.members.clone();
        document.insert("type".to_owned(), self.code.uri().into());
        document.insert("title".to_owned(), self.code.title().into());
        document.insert("status".to_owned(), self.code.status().as_u16().into());
        document.insert("detail".to_owned(), self.detail.clone().into());
        document.insert("code".to_owned(), self.code.name().into());
        Value::Object(document)
    }
}

/// The caller learns what kind of failure it was; paths and the database's words go to the log only.
impl From<homing_profiles::Error> for Problem {
    fn from(error: homing_profiles::Error) -> Self {
        let (code, detail) = match &error {
            homing_profiles::Error::CursorExpired { .. } => {
                return Problem::new(Code::CursorExpired, error.to_string());
            }
            homing_profiles::Error::BadCursor => return Problem::new(Code::BadCursor, error.to_string()),
            homing_profiles::Error::Locked(_) => (
                Code::StoreLocked,
                "the profile store is locked by another process; nothing was written, retry later",
            ),
            homing_profiles::Error::Busy(_) | homing_profiles::Error::Unfinished => (
                Code::StoreBusy,
                "other requests keep writing to the same customers; nothing was written, retry shortly",
            ),
            homing_profiles::Error::ReadOnly(_) => {
                (Code::StoreReadOnly, "the profile store is read-only for homing; nothing was written")
            }
            homing_profiles::Error::Unreachable { .. } => (
                Code::StoreUnreachable,
                "the profile database does not respond; nothing was written, retry later",
            ),
            _ => (
                Code::StoreFailed,
                "the profile store failed; nothing was written. See the service's log for the cause",
            ),
        };
        tracing::error!(%error, "the profile store failed");
        Problem::new(code, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.document().to_string();
        let media_type = [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))];
        let mut response = (self.code.status(), media_type, body).into_response();
        if self.code.passes() {
            let seconds = self.retry_after_s.unwrap_or(RETRY_AFTER_S);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unauthorized {
            let ask = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
        }
        response.extensions_mut().insert(self.code);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_keeps_characters_whole() {
        assert_eq!(clip(&"茶".repeat(30)), "茶".repeat(21));
    }
}
