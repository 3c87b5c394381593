//! The OpenAPI 3.1 document, made from the tables that the service itself works by: the routes, the catalogue
//! of problems, the fields and kinds of events, the parameters, the limits, and the model's horizons.

use serde_json::{Map, Value, json};

use super::limits::Limits;
use super::listing::{self, DEFAULT_LIMIT, MAX_LIMIT, SORTS};
use super::problem::{self, Code};
use super::routes::Route;
use crate::scoring::ModelInfo;

mod schemas;

/// The whole document. With a model, predictions are described with its horizons.
pub(super) fn document(model: Option<&ModelInfo>, limits: &Limits) -> Value {
    let mut paths = Map::new();
    for route in Route::ALL {
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
        "components": {"schemas": schemas::all(model.map_or(&[], |model| &model.horizons), limits)},
    })
}

/// What a route does, in a line and in full.
fn words(route: Route, limits: &Limits) -> (&'static str, &'static str, String) {
    match route {
        Route::Predictions => (
            "predict",
            "Score the histories of 1 or more customers; nothing is kept",
            format!(
                "Up to {} customers a request, up to {} events a customer. Each customer stands in the request once. \
                 All are scored as of the same instant: `as_of`, or if it is left out the latest among the model's own \
                 `as_of` and the events of all customers. Events that happened or became known after that instant are \
                 not seen. A customer without a purchase above zero gets `not_scored`. One wrong event refuses the \
                 request; the problem names the customer, the event and the field.",
                limits.customers, limits.history_events
            ),
        ),
        Route::Events => (
            "takeInEvents",
            "Take events in, score their customers again, and return the tags that changed",
            format!(
                "Up to {} events a request. An event counts once: the same `event_id` with the same content is a \
                 duplicate, and sending a request again is safe. Wrong events are listed in `rejected` and hinder no \
                 other. The reply is sent when everything accepted is on disk. Customers are scored as of the latest \
                 instant that the model or the stored events know. Events up to {} hours ahead of the service's clock \
                 are taken.",
                limits.events,
                limits.ahead_of_clock / 3_600_000_000
            ),
        ),
        Route::Profiles => (
            "listProfiles",
            "List profiles by tag, range and id, in pages",
            "Conditions hold together. A page ends with `next`, the cursor of the page after it, or null.".to_owned(),
        ),
        Route::Profile => ("getProfile", "The profile of a customer: tags, scores, history", String::new()),
        Route::Explanation => (
            "explainProfile",
            "Why a customer has the scores that they have",
            "The reasons of the stored scores, the model that they come from, and the instant after which it has seen \
             nothing."
                .to_owned(),
        ),
        Route::Models => ("listModels", "The model in use", "The list is empty when no model is loaded.".to_owned()),
        Route::Health => ("health", "Whether the process answers", String::new()),
        Route::Ready => ("ready", "Whether a model is loaded and the store can be read and written", String::new()),
        Route::Metrics => ("metrics", "Counters and latencies in OpenMetrics text, for Prometheus", String::new()),
        Route::OpenApi => ("openapi", "This document", String::new()),
    }
}

fn operation(route: Route, limits: &Limits) -> Value {
    let (id, summary, description) = words(route, limits);
    let mut operation = json!({"operationId": id, "summary": summary, "responses": responses(route)});
    if !description.is_empty() {
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
        Route::Models => Some("Models"),
        Route::Health => Some("Health"),
        Route::Ready => Some("Ready"),
        Route::Metrics | Route::OpenApi => None,
    }
}

fn content(media_type: &str, schema: &str) -> Value {
    json!({media_type: {"schema": schemas::reference(schema)}})
}

fn responses(route: Route) -> Value {
    let content = match reply_schema(route) {
        Some(schema) => content("application/json", schema),
        None if route == Route::Metrics => {
            json!({super::metrics::MEDIA_TYPE: {"schema": {"type": "string"}}})
        }
        None => json!({"application/json": {"schema": {"type": "object"}}}),
    };
    let id = json!({"x-request-id": {
        "description": "The id of the request: the caller's own where it sent a sane one.", "schema": {"type": "string"},
    }});
    let mut responses = json!({"200": {"description": "Done", "headers": id, "content": content}});
    for code in route.problems() {
        let response = &mut responses[code.status().as_str()];
        match response {
            Value::Null => *response = refusal(code, &id),
            known => {
                known["description"] = format!("{}; `{}`: {}", text(known), code.name(), code.title()).into()
            }
        }
    }
    responses
}

fn text(response: &Value) -> &str {
    response["description"].as_str().unwrap_or_default()
}

fn refusal(code: Code, id: &Value) -> Value {
    let mut headers = id.clone();
    if code.status() == Code::Overloaded.status() {
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
        Route::Profile | Route::Explanation => vec![json!({
            "name": "id", "in": "path", "required": true, "schema": {"type": "string"},
            "description": "The customer id, percent-encoded.",
        })],
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
