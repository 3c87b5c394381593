//! The OpenAPI 3.1 document, made from the tables that the service itself works by: the routes, the catalogue
//! of problems, the fields and kinds of events, the parameters, the limits, and the model's horizons.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::listing::{self, DEFAULT_LIMIT, MAX_LIMIT, SORTS};
use super::route::Route;
use super::{changes, dead_letters};
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
            "description": "Churn, repurchase and lifetime value predictions for retail customers. Timestamps \
                            use RFC 3339; a timestamp without an offset is read in the model's time zone. \
                            Errors are problem documents (RFC 9457) with a stable `code`. Within v1, responses \
                            may gain fields but never lose one.",
        },
        "paths": paths,
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description":
            "An API key made with `homing keys create`. Until the first key exists, the service listens on \
             loopback only and requires none."}}, "schemas": schemas(model.map_or(&[], |model| &model.horizons), limits)},
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
const FEATURES: &str = "`GET /v2/models/{model}` lists the feature names. A feature that is absent or null \
                        counts as missing; `orders`, `tenure_days` and `recency_days` are required.";

/// The operation's name, and what it does in a line.
fn named(route: Route) -> (&'static str, &'static str) {
    match route {
        Route::Predictions => ("predict", "Score customer histories without storing them"),
        Route::Events => {
            ("takeInEvents", "Store events, rescore their customers, and return the changed tags")
        }
        Route::Profiles => ("listProfiles", "List profiles, filtered by tag, score range and id prefix"),
        Route::Profile => ("getProfile", "Get a customer's profile: tags, scores, history"),
        Route::Explanation => ("explainProfile", "Explain a customer's scores"),
        Route::Next => ("nextPurchase", "Predict a customer's next purchases"),
        Route::Export => ("exportProfile", "Export all data about a customer"),
        Route::Consent => {
            ("setConsent", "Record a customer's opt-out of automated decisions, or its withdrawal")
        }
        Route::Consents => ("getConsents", "Get what a customer said of each purpose"),
        Route::Readmit => ("readmitProfile", "Let an erased customer be known again"),
        Route::Audit => ("listAudit", "List the audit log, oldest first"),
        Route::Attributes => ("setAttributes", "Replace a customer's attributes"),
        Route::Erase => ("eraseProfile", "Erase all data about a customer"),
        Route::Changes => ("listChanges", "List tag changes after a cursor"),
        Route::DeadLetters => ("listDeadLetters", "List changes that could not be delivered, newest first"),
        Route::DropDeadLetter => ("dropDeadLetter", "Delete a dead letter"),
        Route::Webhooks => ("listWebhooks", "Show how each webhook is doing"),
        Route::TestWebhook => ("testWebhook", "Send a webhook a signed delivery without changes"),
        Route::ResumeWebhook => {
            ("resumeWebhook", "Resume a paused webhook, or end its pause between retries")
        }
        Route::Redeliver => ("redeliver", "Deliver everything after a cursor to a webhook again"),
        Route::Models => ("listModels", "List the models in the registry and which one is serving"),
        Route::Shadow => ("shadow", "Compare the challengers' scores with the champions'"),
        Route::Promote => ("promoteModel", "Promote a version to champion and serve it"),
        Route::Rollback => ("rollbackModel", "Roll back to the previous champion"),
        Route::Health => ("health", "Liveness probe"),
        Route::Ready => ("ready", "Readiness probe: a model is loaded and the store can be read and written"),
        Route::Metrics => ("metrics", "Metrics in OpenMetrics text format, for Prometheus"),
        Route::OpenApi => ("openapi", "This document"),
        Route::Docs => ("docs", "This document as an HTML page"),
        Route::V2 => ("serverMetadata", "Open Inference Protocol: server metadata"),
        Route::V2Live => ("serverLive", "Open Inference Protocol: server liveness"),
        Route::V2Ready => ("serverReady", "Open Inference Protocol: server readiness"),
        Route::V2Model => ("modelMetadata", "Open Inference Protocol: model metadata (inputs and outputs)"),
        Route::V2ModelReady => ("modelReady", "Open Inference Protocol: model readiness"),
        Route::V2Infer => ("modelInfer", "Open Inference Protocol: score tensors of features"),
        Route::Ping => ("ping", "Readiness probe of MLflow's model servers"),
        Route::Version => ("version", "The version of homing"),
        Route::Invocations => ("invocations", "Score a data frame of features (MLflow format)"),
    }
}

/// What a route does in full, where the line does not say it all.
fn description(route: Route, limits: &Limits) -> Option<String> {
    let text = match route {
        Route::Predictions => format!(
                "Up to {} customers per request and {} events per customer. List each customer once. All \
                 customers are scored as of the same time: `as_of` if given, otherwise the latest of the \
                 model's own `as_of` and the events in the request. Events that occurred or were recorded \
                 later are ignored. A customer without a purchase above zero gets `not_scored`. One invalid \
                 event fails the whole request; the problem names the customer, the event and the field.",
                limits.customers, limits.history_events
            ),
        Route::Events => format!(
                "Up to {} events per request. Idempotent: the same `event_id` with the same content is a \
                 duplicate, so retrying a request is safe. Invalid events are listed in `rejected` and do not \
                 affect the others. The response is sent once all accepted events are on disk. Customers are \
                 scored as of the latest time in the model and the stored events. Events may be up to {} hours \
                 ahead of the service's clock.",
                limits.events,
                limits.ahead_of_clock / 3_600_000_000
            ),
        Route::Profiles => "All filters must match. `next` is the cursor of the next page, or null on the last \
                            one. A page before the last may have fewer profiles than `limit`, even none.".to_owned(),
        Route::Explanation => "The reasons behind the stored scores, the model that produced them, and their \
                               data cutoff.".to_owned(),
        Route::Next => "Products due by the customer's own purchase cycle, and probabilities of a first \
                        purchase in categories not bought so far. Both are empty for a customer who opted out.".to_owned(),
        Route::Consents => "Objections outlive an erasure as keyed hashes, so they are listed for an erased customer too."
            .to_owned(),
        Route::Readmit => "Later events are stored again. Objections that the customer made before the erasure still hold."
            .to_owned(),
        Route::Audit => "Each entry is chained to the one before by a hash (`homing audit verify` checks it). Entries about \
                         erased customers have no id and no detail."
            .to_owned(),
        Route::Consent => "The purpose is `profiling` (automated decisions; the default), `contact` (any channel) or \
                           `contact:CHANNEL`. An opt-out of profiling removes the customer's scores and predictive tags from the store and \
                           from responses. After an opt-in, the next event or batch run scores the customer \
                           again.".to_owned(),
        Route::Attributes => "Attributes are the business's own data shown with the tags, such as name, city \
                              or preferred channel. The object replaces the previous one. A customer without a \
                              profile may have attributes. An erased customer may not: the response is 404.".to_owned(),
        Route::Erase => "Only a keyed hash of the id is kept, to reject later events and to exclude the \
                         customer from training. The feed announces it with `erased` and that hash. Objections still hold. If no data about the customer exists, the response is 404 and \
                         the hash is still kept.".to_owned(),
        Route::Changes => "To continue, pass `next` as `cursor`. With `Accept: text/event-stream`, changes are \
                           streamed as server-sent events of type `change` whose ids are cursors, until the \
                           client disconnects.".to_owned(),
        Route::Models => "The list is empty if there is no registry.".to_owned(),
        Route::Promote => "Requests in flight finish with the previous model.".to_owned(),
        Route::V2Infer => format!("{FEATURES} Send one tensor per feature, of shape [rows] or [rows, 1]."),
        Route::Invocations => format!("{FEATURES} Send one of `dataframe_split`, `dataframe_records`, `instances` and \
                                       `inputs`, or CSV (`text/csv`) with a header. Other columns are ignored; the response header \
                                       `homing-ignored-columns` names them."),
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
        if route == Route::Invocations {
            operation["requestBody"]["content"]["text/csv"] = json!({"schema": {"type": "string"}});
        }
    }
    operation
}

fn request_schema(route: Route) -> Option<&'static str> {
    match route {
        Route::Predictions => Some("PredictionRequest"),
        Route::Events => Some("EventsRequest"),
        Route::Consent => Some("ConsentRequest"),
        Route::Attributes => Some("Attributes"),
        Route::Redeliver => Some("RedeliverRequest"),
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
        Route::Consents => Some("Consents"),
        Route::Audit => Some("AuditLog"),
        Route::Webhooks => Some("Webhooks"),
        Route::TestWebhook => Some("WebhookTest"),
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
        Route::Ready | Route::Ping => Some("Ready"),
        Route::Version => Some("Version"),
        Route::Metrics
        | Route::OpenApi
        | Route::Docs
        | Route::Erase
        | Route::Readmit
        | Route::ResumeWebhook
        | Route::Redeliver
        | Route::DropDeadLetter => None,
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
        "description": "The request id: the client's own if it sent a valid one.", "schema": {"type": "string"},
    }});
    if matches!(
        route,
        Route::Erase | Route::Readmit | Route::ResumeWebhook | Route::Redeliver | Route::DropDeadLetter
    ) {
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
            json!({"description": "The authentication scheme to use.", "schema": {"type": "string"}});
    }
    if matches!(code.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        let help = "Seconds to wait before retrying; absent if a retry would not help.";
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
                "description": "The `next` value of the previous page; without it, reading starts at the \
                                oldest change kept."}),
            json!({"name": "from", "in": "query", "required": false, "schema": {"type": "string", "enum": ["now"]},
                "description": "`now`: without a cursor, begin after the newest change."}),
            json!({"name": "limit", "in": "query", "required": false, "description": "Changes per page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": changes::MAX_LIMIT, "default": changes::DEFAULT_LIMIT}}),
        ],
        Route::Audit | Route::DeadLetters => {
            let (limit, most) = match route {
                Route::Audit => (changes::DEFAULT_LIMIT, changes::MAX_LIMIT),
                _ => (dead_letters::DEFAULT_LIMIT, dead_letters::MAX_LIMIT),
            };
            vec![
                json!({"name": "cursor", "in": "query", "required": false, "schema": {"type": "integer", "minimum": 0, "maximum": i64::MAX},
                    "description": "The `next` value of the previous page."}),
                json!({"name": "limit", "in": "query", "required": false, "description": "Entries per page.",
                    "schema": {"type": "integer", "minimum": 1, "maximum": most, "default": limit}}),
            ]
        }
        Route::V2Model | Route::V2ModelReady | Route::V2Infer => vec![json!({
            "name": "model", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1},
            "description": "The name of the serving model.",
        })],
        Route::TestWebhook | Route::ResumeWebhook | Route::Redeliver => vec![json!({
            "name": "webhook", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1},
            "description": "The name of the webhook.",
        })],
        Route::DropDeadLetter => vec![json!({
            "name": "number", "in": "path", "required": true, "schema": {"type": "integer", "minimum": 0, "maximum": i64::MAX},
            "description": "The number of the dead letter.",
        })],
        Route::Promote => vec![json!({
            "name": "version", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1},
            "description": "The model version.",
        })],
        Route::Profile
        | Route::Explanation
        | Route::Next
        | Route::Export
        | Route::Consent
        | Route::Consents
        | Route::Readmit
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
