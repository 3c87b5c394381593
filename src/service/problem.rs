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

            /// The stable code, as it stands in `code` and at the end of `type`.
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
    BadParameter "bad_parameter" BAD_REQUEST "A parameter is wrong",
    /// The cursor was not given out for this listing.
    BadCursor "bad_cursor" BAD_REQUEST "The cursor does not belong to this listing",
    /// No key, or one that is worth nothing.
    Unauthorized "unauthorized" UNAUTHORIZED "A key is needed",
    /// The key's role does not allow this.
    Forbidden "forbidden" FORBIDDEN "The key does not allow this",
    /// No route has this path.
    NotFound "not_found" NOT_FOUND "There is nothing at this path",
    /// The store knows no such customer.
    UnknownCustomer "unknown_customer" NOT_FOUND "The customer is not known",
    /// The registry has no such version.
    UnknownModel "unknown_model" NOT_FOUND "The model is not known",
    /// There is no such dead letter.
    UnknownLetter "unknown_letter" NOT_FOUND "The dead letter is not known",
    /// The path exists, but not with this method.
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "The path does not take this method",
    /// The body did not come in time.
    SlowBody "slow_body" REQUEST_TIMEOUT "The body did not come in time",
    /// The model cannot be changed while the service runs.
    ModelPinned "model_pinned" CONFLICT "The model is not to be changed here",
    /// The model cannot be loaded.
    ModelUnusable "model_unusable" CONFLICT "The model cannot be put to work",
    /// There is nothing to roll back to.
    NoEarlierModel "no_earlier_model" CONFLICT "There was no other model before",
    /// The changes after the cursor are not kept any more.
    CursorExpired "cursor_expired" GONE "The cursor is too old",
    /// Every event of the request has an id that was used for other content.
    EventIdConflict "event_id_conflict" CONFLICT "The event ids were used for other events",
    /// The body is longer than the limit.
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "The body is too large",
    /// The body says that it is something other than JSON.
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The body must be application/json",
    /// The body has a field that is not known.
    UnknownField "unknown_field" UNPROCESSABLE_ENTITY "A field is not known",
    /// The body is JSON, but not of the form that the route takes.
    InvalidRequest "invalid_request" UNPROCESSABLE_ENTITY "The request does not have the right form",
    /// An event cannot be taken.
    InvalidEvent "invalid_event" UNPROCESSABLE_ENTITY "An event is not valid",
    /// A customer stands in the request twice.
    DuplicateCustomer "duplicate_customer" UNPROCESSABLE_ENTITY "A customer is named twice",
    /// More customers than the limit.
    TooManyCustomers "too_many_customers" UNPROCESSABLE_ENTITY "Too many customers in one request",
    /// More events than the limit.
    TooManyEvents "too_many_events" UNPROCESSABLE_ENTITY "Too many events in one request",
    /// As many requests of one key are in work as the limit lets in.
    TooManyRequests "too_many_requests" TOO_MANY_REQUESTS "Too many requests of one key at one time",
    /// A fault of homing itself.
    Internal "internal" INTERNAL_SERVER_ERROR "homing failed to answer",
    /// As many requests are in work as the limit lets in.
    Overloaded "overloaded" SERVICE_UNAVAILABLE "Too many requests at one time",
    /// The request took longer than the limit.
    Timeout "timeout" SERVICE_UNAVAILABLE "The request took too long",
    /// The service has been asked to stop.
    Stopping "stopping" SERVICE_UNAVAILABLE "The service is stopping",
    /// No model is loaded.
    NoModel "no_model" SERVICE_UNAVAILABLE "No model is loaded",
    /// Another process holds the profile store.
    StoreLocked "store_locked" SERVICE_UNAVAILABLE "The profile store is locked",
    /// Others keep writing to the same customers.
    StoreBusy "store_busy" SERVICE_UNAVAILABLE "Others keep writing to the same customers",
    /// The profile store cannot be written.
    StoreReadOnly "store_read_only" SERVICE_UNAVAILABLE "The profile store is read-only",
    /// The database of the profiles does not answer.
    StoreUnreachable "store_unreachable" SERVICE_UNAVAILABLE "The profile store cannot be reached",
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

/// One problem, on its way to the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Which of the catalogue.
    pub code: Code,
    /// What was wrong this time, where, and what to do.
    pub detail: String,
    /// More members, such as `pointer` or `rejected`.
    pub members: Map<String, Value>,
}

impl Problem {
    /// A problem with its detail.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem { code, detail: detail.into(), members: Map::new() }
    }

    /// The same with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// A fault of homing itself: the log gets the cause, the caller learns only that it happened.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed inside homing");
        Problem::new(Code::Internal, "homing failed to answer; the log has the cause under this request's id")
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
                "another process holds the profile store; nothing was written, try again later",
            ),
            homing_profiles::Error::Busy(_) | homing_profiles::Error::Unfinished => (
                Code::StoreBusy,
                "others keep writing to the same customers; nothing was written, try again in a moment",
            ),
            homing_profiles::Error::ReadOnly(_) => {
                (Code::StoreReadOnly, "homing may not write the profile store; nothing was written")
            }
            homing_profiles::Error::Unreachable { .. } => (
                Code::StoreUnreachable,
                "the database of the profiles does not answer; nothing was written, try again later",
            ),
            _ => (Code::StoreFailed, "the profile store failed; nothing was written, the log has the cause"),
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
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
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
