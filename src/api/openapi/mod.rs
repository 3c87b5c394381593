//! The OpenAPI 3.1 document, made from the tables that the service itself works by: the routes, the catalogue
//! of problems, the fields and kinds of events, the parameters, the limits, and the model's horizons.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::changes;
use super::listing::{self, DEFAULT_LIMIT, MAX_LIMIT, SORTS};
use super::route::Route;
use crate::scoring::ModelInfo;
use crate::service::problem::{self, Code};
use crate::service::{Limits, limits, metrics};

mod build;
mod events;
mod foreign;
mod models;
mod predictions;
mod profiles;

/// The whole document. With a model, predictions are described with its horizons.
pub(super) fn document(model: Option<&ModelInfo>, limits: &Limits) -> Value {
    let mut paths = Map::new();
    for &route in Route::ALL {
        let path = paths.entry(route.path()).or_insert_with(|| json!({}));
        path[route.method().as_str().to_lowercase()] = operation(route, limits);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "homing",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Churn, repurchase and lifetime value of retail customers. Instants are written in RFC 3339. \
                An instant without an offset is read in the model's time zone. \
                What goes wrong is answered with a problem document (RFC 9457) whose `code` is stable. \
                Within v1 fields may be added to replies, none is taken away.",
        },
        "paths": paths,
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description":
            "A key that `homing keys create` made. While there is no key the service listens on loopback only and asks for none."}}, "schemas": schemas(model.map_or(&[], |model| &model.horizons), limits)},
    })
}

/// Every schema by name.
fn schemas(horizons: &[u32], limits: &Limits) -> Value {
    let parts = [
        predictions::schemas(horizons, limits),
        events::schemas(limits),
        profiles::schemas(),
        models::schemas(),
        foreign::schemas(),
    ];
    parts
        .iter()
        .filter_map(Value::as_object)
        .flatten()
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect()
}

/// What holds for features that a caller brings.
const FEATURES: &str = "Features are named as `GET /v2/models/{model}` lists them; one that is left out or null is unknown, \
    but `orders`, `tenure_days` and `recency_days` must be there.";

/// The operation's name, and what it does in a line.
fn named(route: Route) -> (&'static str, &'static str) {
    match route {
        Route::Predictions => ("predict", "Score the histories of 1 or more customers; nothing is kept"),
        Route::Events => {
            ("takeInEvents", "Take events in, score their customers again, and return the tags that changed")
        }
        Route::Profiles => ("listProfiles", "List profiles by tag, range and id, in pages"),
        Route::Profile => ("getProfile", "The profile of a customer: tags, scores, history"),
        Route::Explanation => ("explainProfile", "Why a customer has the scores that they have"),
        Route::Next => ("nextPurchase", "What a customer buys next"),
        Route::Export => ("exportProfile", "Everything that is held of a customer"),
        Route::Consent => ("setConsent", "Take down whether a customer opted out of automated decisions"),
        Route::Attributes => ("setAttributes", "Replace what the business itself keeps of a customer"),
        Route::Erase => ("eraseProfile", "Erase all that is held of a customer"),
        Route::Changes => ("listChanges", "The tags that changed, in order, from a cursor on"),
        Route::DeadLetters => ("listDeadLetters", "Changes that could not be delivered, the newest first"),
        Route::DropDeadLetter => ("dropDeadLetter", "Drop a dead letter that is dealt with"),
        Route::Models => ("listModels", "The models of the registry, and which of them is in use"),
        Route::Shadow => ("shadow", "How the challengers' scores lay beside the champions'"),
        Route::Promote => ("promoteModel", "Make a version the champion, which answers from now on"),
        Route::Rollback => ("rollbackModel", "Make the champion before this one the champion again"),
        Route::Health => ("health", "Whether the process answers"),
        Route::Ready => ("ready", "Whether a model is loaded and the store can be read and written"),
        Route::Metrics => ("metrics", "Counters and latencies in OpenMetrics text, for Prometheus"),
        Route::OpenApi => ("openapi", "This document"),
        Route::Docs => ("docs", "This document as a page"),
        Route::V2 => ("serverMetadata", "Open Inference Protocol: the server"),
        Route::V2Live => ("serverLive", "Open Inference Protocol: whether the process answers"),
        Route::V2Ready => ("serverReady", "Open Inference Protocol: whether the service is ready"),
        Route::V2Model => ("modelMetadata", "Open Inference Protocol: inputs and outputs of the model"),
        Route::V2ModelReady => ("modelReady", "Open Inference Protocol: whether the model is ready"),
        Route::V2Infer => ("modelInfer", "Open Inference Protocol: scores from tensors of named features"),
        Route::Invocations => ("invocations", "Scores from a data frame of named features"),
    }
}

/// What a route does in full, where the line does not say it all.
fn description(route: Route, limits: &Limits) -> Option<String> {
    let text = match route {
        Route::Predictions => format!(
                "Up to {} customers a request, up to {} events a customer. Each customer stands in the request once. \
                 All are scored as of the same instant: `as_of`, or if it is left out the latest among the model's own \
                 `as_of` and the events of all customers. Events that happened or became known after that instant are \
                 not seen. A customer without a purchase above zero gets `not_scored`. One wrong event refuses the \
                 request; the problem names the customer, the event and the field.",
                limits.customers, limits.history_events
            ),
        Route::Events => format!(
                "Up to {} events a request. An event counts once: the same `event_id` with the same content is a \
                 duplicate, and sending a request again is safe. Wrong events are listed in `rejected` and hinder no \
                 other. The reply is sent when everything accepted is on disk. Customers are scored as of the latest \
                 instant that the model or the stored events know. Events up to {} hours ahead of the service's clock \
                 are taken.",
                limits.events,
                limits.ahead_of_clock / 3_600_000_000
            ),
        Route::Profiles => "Conditions hold together. A page ends with `next`, the cursor of the page after it, or null; \
             a page before the last may hold fewer customers than asked for, even none.".to_owned(),
        Route::Explanation => "The reasons of the stored scores, the model that they come from, and the instant after which it has seen \
             nothing.".to_owned(),
        Route::Next => "Products that are due by the customer's own cycle, and the chances of a first purchase in the categories that \
             they have not bought in. Nothing of either for a customer who opted out.".to_owned(),
        Route::Consent => "After an opt-out there are no scores and predictive tags of the customer, in replies or in the store. After \
             an opt-in the next event or batch scores them again.".to_owned(),
        Route::Attributes => "Name, city, preferred channel: whatever is to stand beside the tags. The object replaces the one before. A \
             customer without a profile may have attributes; one who was erased may not, and is answered with 404.".to_owned(),
        Route::Erase => "A keyed hash of the id stays, by which later events are refused and trainings leave the customer out. A \
             customer of whom nothing was held is answered with 404; the hash stays all the same.".to_owned(),
        Route::Changes => "Ask again with `next` as the cursor. With `Accept: text/event-stream` the same comes as server-sent events \
             of the type `change`, whose ids are cursors, until the caller leaves.".to_owned(),
        Route::Models => "The list is empty when there is none.".to_owned(),
        Route::Promote => "Requests that have begun end with the model that they began with.".to_owned(),
        Route::V2Infer => format!("{FEATURES} A tensor a feature, each of the shape [rows] or [rows, 1]."),
        Route::Invocations => format!("{FEATURES} Send `dataframe_split` or `dataframe_records`."),
        _ => return None,
    };
    Some(text)
}

fn operation(route: Route, limits: &Limits) -> Value {
    let (id, summary) = named(route);
    let mut operation = json!({"operationId": id, "summary": summary, "responses": responses(route)});
    // The role stands where tools look for scopes, and in words of our own for those that do not.
    operation["security"] = match route.role() {
        None => json!([]),
        Some(role) => json!([{"key": [role.name()]}, {}]),
    };
    operation["x-role"] = route.role().map_or("none", |role| role.name()).into();
    if let Some(description) = description(route, limits) {
        operation["description"] = description.into();
    }
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(schema) = request_schema(route) {
        operation["requestBody"] = json!({"required": true, "content": content("application/json", schema)});
    }
    operation
}

fn request_schema(route: Route) -> Option<&'static str> {
    match route {
        Route::Predictions => Some("PredictionRequest"),
        Route::Events => Some("EventsRequest"),
        Route::Consent => Some("ConsentRequest"),
        Route::Attributes => Some("Attributes"),
        Route::V2Infer => Some("InferRequest"),
        Route::Invocations => Some("Invocation"),
        _ => None,
    }
}

fn reply_schema(route: Route) -> Option<&'static str> {
    match route {
        Route::Predictions => Some("PredictionReply"),
        Route::Events => Some("EventsReply"),
        Route::Profiles => Some("ProfilePage"),
        Route::Profile => Some("Profile"),
        Route::Explanation => Some("Explanation"),
        Route::Next => Some("NextPurchase"),
        Route::Export => Some("Export"),
        Route::Consent => Some("ConsentReply"),
        Route::Attributes => Some("AttributesReply"),
        Route::Changes => Some("Changes"),
        Route::DeadLetters => Some("DeadLetters"),
        Route::Models => Some("Models"),
        Route::Shadow => Some("Shadow"),
        Route::Promote | Route::Rollback => Some("Swapped"),
        Route::V2 => Some("Server"),
        Route::V2Live => Some("Live"),
        Route::V2Ready => Some("ServerReady"),
        Route::V2Model => Some("ModelMetadata"),
        Route::V2ModelReady => Some("ModelReady"),
        Route::V2Infer => Some("InferReply"),
        Route::Invocations => Some("InvocationReply"),
        Route::Health => Some("Health"),
        Route::Ready => Some("Ready"),
        Route::Metrics | Route::OpenApi | Route::Docs | Route::Erase | Route::DropDeadLetter => None,
    }
}

fn content(media_type: &str, schema: &str) -> Value {
    json!({media_type: {"schema": build::reference(schema)}})
}

fn responses(route: Route) -> Value {
    let content = match reply_schema(route) {
        Some(schema) => content("application/json", schema),
        None if route == Route::Metrics => {
            json!({metrics::MEDIA_TYPE: {"schema": {"type": "string"}}})
        }
        None if route == Route::Docs => json!({"text/html; charset=utf-8": {"schema": {"type": "string"}}}),
        None => json!({"application/json": {"schema": {"type": "object"}}}),
    };
    let id = json!({"x-request-id": {
        "description": "The id of the request: the caller's own where it sent a sane one.", "schema": {"type": "string"},
    }});
    if matches!(route, Route::Erase | Route::DropDeadLetter) {
        let mut responses = json!({"204": {"description": "Done", "headers": id}});
        refusals(route, &mut responses, &id);
        return responses;
    }
    let mut responses = json!({"200": {"description": "Done", "headers": id, "content": content}});
    if route == Route::Changes {
        responses["200"]["content"]["text/event-stream"] = json!({"schema": {"type": "string"}});
    }
    refusals(route, &mut responses, &id);
    responses
}

fn refusals(route: Route, responses: &mut Value, id: &Value) {
    for code in route.problems() {
        let response = &mut responses[code.status().as_str()];
        match response {
            Value::Null => *response = refusal(code, id),
            known => {
                known["description"] = format!("{}; `{}`: {}", text(known), code.name(), code.title()).into()
            }
        }
    }
}

fn text(response: &Value) -> &str {
    response["description"].as_str().unwrap_or_default()
}

fn refusal(code: Code, id: &Value) -> Value {
    let mut headers = id.clone();
    if code == Code::Unauthorized {
        headers["WWW-Authenticate"] =
            json!({"description": "How to show a key.", "schema": {"type": "string"}});
    }
    if matches!(code.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        let help = "Seconds after which the same request may succeed; absent where waiting does not help.";
        headers["Retry-After"] = json!({"description": help, "schema": {"type": "integer"}});
    }
    json!({
        "description": format!("`{}`: {}", code.name(), code.title()),
        "headers": headers,
        "content": content(problem::MEDIA_TYPE, "Problem"),
    })
}

fn parameters(route: Route) -> Vec<Value> {
    match route {
        Route::Changes => vec![
            json!({"name": "cursor", "in": "query", "required": false, "schema": {"type": "integer", "minimum": 0, "maximum": i64::MAX},
                "description": "`next` of the page before; without it the oldest changes that are kept."}),
            json!({"name": "limit", "in": "query", "required": false, "description": "Changes a page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": changes::MAX_LIMIT, "default": changes::DEFAULT_LIMIT}}),
        ],
        Route::V2Model | Route::V2ModelReady | Route::V2Infer => vec![json!({
            "name": "model", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1},
            "description": "The name of the model at work.",
        })],
        Route::DropDeadLetter => vec![json!({
            "name": "number", "in": "path", "required": true, "schema": {"type": "integer", "minimum": 0, "maximum": i64::MAX},
            "description": "The number of the letter.",
        })],
        Route::Promote => vec![json!({
            "name": "version", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1},
            "description": "The version.",
        })],
        Route::Profile
        | Route::Explanation
        | Route::Next
        | Route::Export
        | Route::Consent
        | Route::Attributes
        | Route::Erase => {
            vec![json!({
                "name": "id", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1, "maxLength": limits::MAX_ID_BYTES},
                "description": "The customer id, percent-encoded.",
            })]
        }
        Route::Profiles => listing::PARAMETERS.iter().map(|(name, help)| query(name, help)).collect(),
        _ => Vec::new(),
    }
}

fn query(name: &str, help: &str) -> Value {
    let schema = match name {
        "tag" => json!({"type": "array", "items": {"type": "string", "pattern": "^[^:]+:.+$"}}),
        "sort" => json!({"type": "string", "enum": SORTS.map(|(name, _)| name), "default": SORTS[0].0}),
        "limit" => json!({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
        "id_prefix" | "cursor" => json!({"type": "string"}),
        _ => json!({"type": "number"}),
    };
    json!({"name": name, "in": "query", "required": false, "description": help, "schema": schema})
}
