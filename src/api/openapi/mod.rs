//! The OpenAPI 3.1 document, made from the tables that the service itself works by: the routes, the catalogue
//! of problems, the fields and kinds of events, the parameters, the limits, and the model's horizons.

use serde_json::{Map, Value, json};

use super::listing::{self, DEFAULT_LIMIT, MAX_LIMIT, SORTS};
use super::route::Route;
use super::{changes, dead_letters, view};
use crate::scoring::ModelInfo;
use crate::service::problem::{self, Code};
use crate::service::{Limits, limits, metrics};

mod build;
mod campaigns;
mod events;
mod foreign;
mod keys;
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
            "contact": {"name": "The homing authors"},
            "description": "Churn, repurchase and lifetime value predictions for retail customers. Timestamps \
                            use RFC 3339; a timestamp without an offset is read in the model's time zone. \
                            Errors are problem documents (RFC 9457) with a stable `code`. Within v1, responses \
                            may gain fields but never lose one.",
        },
        "servers": [{"url": "/", "description": "The service that this document comes from."}],
        "tags": GROUPS.map(|(name, description)| json!({"name": name, "description": description})),
        "paths": paths,
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description":
            "An API key made with `homing keys create`. Until the first key exists, the service listens on \
             loopback only and requires none."}}, "schemas": schemas(model.map_or(&[], |model| &model.horizons), limits)},
    })
}

/// The groups of operations, with what they are for.
const GROUPS: [(&str, &str); 8] = [
    ("predictions", "Score histories and feature rows."),
    ("events", "Send, correct and void events."),
    ("profiles", "Read profiles, and what belongs to them."),
    ("privacy", "Consent, export, erasure and the audit log."),
    ("changes", "The feed of changed tags, and webhooks."),
    ("models", "The models of the registry."),
    ("keys", "API keys."),
    ("operations", "Health, metrics and documentation."),
];

/// The group of an operation.
fn group(route: Route) -> &'static str {
    match route {
        Route::Events | Route::CorrectEvent | Route::VoidEvent => "events",
        Route::Consent | Route::Consents | Route::Readmit | Route::Audit | Route::Erase | Route::Export => {
            "privacy"
        }
        _ if route.role().is_none() || route == Route::Metrics => "operations",
        _ => {
            let starts = |path: &str| route.path().starts_with(path);
            match () {
                () if starts("/v1/keys") => "keys",
                () if starts("/v1/models") => "models",
                () if starts("/v1/profiles") || starts("/v1/lookup") => "profiles",
                () if starts("/v1/changes") || starts("/v1/dead-letters") || starts("/v1/webhooks") => {
                    "changes"
                }
                () => "predictions",
            }
        }
    }
}

/// Every schema by name.
fn schemas(horizons: &[u32], limits: &Limits) -> Value {
    let parts = [
        predictions::schemas(horizons, limits),
        events::schemas(limits),
        profiles::schemas(),
        models::schemas(),
        keys::schemas(),
        campaigns::schemas(),
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
        Route::CorrectEvent => ("correctEvent", "Replace a stored event by its corrected form"),
        Route::VoidEvent => ("voidEvent", "Take a stored event back"),
        Route::Lookup => ("lookUpProfiles", "Get the profiles of several customers"),
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
        Route::AttributesOf => ("getAttributes", "Get a customer's attributes"),
        Route::Attributes => ("setAttributes", "Replace a customer's attributes"),
        Route::PatchAttributes => ("patchAttributes", "Change some of a customer's attributes"),
        Route::Keys => ("listKeys", "List API keys"),
        Route::CreateKey => ("createKey", "Create an API key and show it, once"),
        Route::RotateKey => {
            ("rotateKey", "Create a key to replace another one, which stays valid for a while")
        }
        Route::RevokeKey => ("revokeKey", "Revoke an API key"),
        Route::Erase => ("eraseProfile", "Erase all data about a customer"),
        Route::Changes => ("listChanges", "List tag changes after a cursor"),
        Route::CampaignSize => ("campaignSize", "Say how many customers are worth contacting"),
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
        Route::V2Version => ("versionMetadata", "Open Inference Protocol: metadata of the serving version"),
        Route::V2VersionReady => {
            ("versionReady", "Open Inference Protocol: readiness of the serving version")
        }
        Route::V2VersionInfer => {
            ("versionInfer", "Open Inference Protocol: score tensors with the serving version")
        }
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
        Route::CorrectEvent => "The body is the whole event, as for `POST /v1/events`, with the `event_id` and `customer_id` of the stored one. \
                                History, scores and tags follow at once, and the feed tells what changed. A batch whose files still have the old \
                                event takes it in again: correct it there too."
            .to_owned(),
        Route::VoidEvent => "The event leaves the history; scores and tags follow at once. Its id stays taken: it is not taken in again."
            .to_owned(),
        Route::Lookup => format!(
            "Up to {} ids, each returned once. Those without a profile are listed in `unknown`.",
            super::profiles::MAX_LOOKUP
        ),
        Route::CreateKey | Route::RotateKey => "`key` is shown only here; the store keeps a hash of it. Once there is a key, every request \
                                                needs one."
            .to_owned(),
        Route::RevokeKey => "This server refuses the key at once, other servers of the store within two seconds.".to_owned(),
        Route::PatchAttributes => "JSON Merge Patch (RFC 7396): attributes in the body are set, those that are null are removed, others \
                                   stay."
            .to_owned(),
        Route::Profiles => "All filters must match. `next` is the cursor of the next page, or null on the last \
                            one. A page before the last may have fewer profiles than `limit`, even none. Pages sorted by `customer_id` \
                            are stable: a customer who matches all the time is listed exactly once, whatever is written \
                            meanwhile. Sorted by a score, a customer whose score changes between two pages may be missed or listed \
                            twice.".to_owned(),
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
                         customer from training. The feed announces it with `erased` and that hash. Objections still hold. If no data about the customer exist, the response is 404 and nothing \
                         changes: `barred` says whether data with this id are refused because of an earlier erasure. With `bar=true` \
                         the id is barred in any case, for customers who are only in files.".to_owned(),
        Route::Changes => "To continue, pass `next` as `cursor`. With `Accept: text/event-stream`, changes are \
                           streamed as server-sent events of type `change` whose ids are cursors, until the \
                           client disconnects.".to_owned(),
        Route::Models => "The list is empty if there is no registry.".to_owned(),
        Route::Promote => "Requests in flight finish with the previous model.".to_owned(),
        Route::V2Infer | Route::V2VersionInfer => format!(
            "{FEATURES} Send one tensor per feature, of shape [rows] or [rows, 1]; as JSON, nested or flat, or as bytes behind the JSON \
             (`binary_data_size`, with the header `inference-header-content-length`). Outputs come as bytes where `binary_data` or \
             `binary_data_output` asks for it."
        ),
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
    operation["tags"] = json!([group(route)]);
    // A bearer key has no scopes, so the role stands in words, and for programs in a member of our own.
    let (security, needed) = match route.role() {
        None => (json!([]), "Needs no key.".to_owned()),
        Some(role) => (
            json!([{"key": []}, {}]),
            format!("Needs a key with the role `{}` or a higher one.", role.name()),
        ),
    };
    operation["security"] = security;
    operation["x-role"] = route.role().map_or("none", |role| role.name()).into();
    let description = description(route, limits).map_or_else(String::new, |text| text + "\n\n");
    operation["description"] = (description + &needed).into();
    let mut parameters = parameters(route);
    parameters.extend(header_parameters(route));
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(schema) = request_schema(route) {
        operation["requestBody"] = json!({"required": true, "content": content("application/json", schema)});
        if route == Route::Events {
            operation["requestBody"]["content"]["application/x-ndjson"] =
                json!({"schema": {"type": "string", "description": "One event a line."}});
        }
        if matches!(route, Route::V2Infer | Route::V2VersionInfer) {
            operation["requestBody"]["content"]["application/octet-stream"] =
                json!({"schema": {"type": "string", "format": "binary"}});
        }
        if route == Route::PatchAttributes {
            operation["requestBody"]["content"]["application/merge-patch+json"] =
                json!({"schema": build::reference(schema)});
        }
        if route == Route::RotateKey {
            operation["requestBody"]["required"] = false.into();
        }
        if route == Route::Invocations {
            operation["requestBody"]["content"]["text/csv"] = json!({"schema": {"type": "string", "minLength": 1, "description": "A header and at least one row."}});
        }
    }
    operation
}

fn request_schema(route: Route) -> Option<&'static str> {
    match route {
        Route::Predictions => Some("PredictionRequest"),
        Route::Events => Some("EventsRequest"),
        Route::CorrectEvent => Some("Event"),
        Route::Lookup => Some("LookupRequest"),
        Route::CreateKey => Some("KeyRequest"),
        Route::RotateKey => Some("KeyRotation"),
        Route::PatchAttributes => Some("Attributes"),
        Route::Consent => Some("ConsentRequest"),
        Route::Attributes => Some("Attributes"),
        Route::Redeliver => Some("RedeliverRequest"),
        Route::V2Infer | Route::V2VersionInfer => Some("InferRequest"),
        Route::Invocations => Some("Invocation"),
        _ => None,
    }
}

fn reply_schema(route: Route) -> Option<&'static str> {
    match route {
        Route::Predictions => Some("PredictionReply"),
        Route::Events => Some("EventsReply"),
        Route::CorrectEvent | Route::VoidEvent => Some("EventAmended"),
        Route::Lookup => Some("Lookup"),
        Route::Keys => Some("Keys"),
        Route::CreateKey | Route::RotateKey => Some("NewKey"),
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
        Route::AttributesOf | Route::Attributes | Route::PatchAttributes => Some("AttributesReply"),
        Route::Changes => Some("Changes"),
        Route::CampaignSize => Some("CampaignSize"),
        Route::DeadLetters => Some("DeadLetters"),
        Route::Models => Some("Models"),
        Route::Shadow => Some("Shadow"),
        Route::Promote | Route::Rollback => Some("Swapped"),
        Route::V2 => Some("Server"),
        Route::V2Live => Some("Live"),
        Route::V2Ready => Some("ServerReady"),
        Route::V2Model | Route::V2Version => Some("ModelMetadata"),
        Route::V2ModelReady | Route::V2VersionReady => Some("ModelReady"),
        Route::V2Infer | Route::V2VersionInfer => Some("InferReply"),
        Route::Invocations => Some("InvocationReply"),
        Route::Health => Some("Health"),
        Route::Ready | Route::Ping => Some("Ready"),
        Route::Version => Some("Version"),
        Route::Metrics
        | Route::OpenApi
        | Route::Docs
        | Route::Erase
        | Route::Readmit
        | Route::RevokeKey
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
        Route::Erase
            | Route::Readmit
            | Route::RevokeKey
            | Route::ResumeWebhook
            | Route::Redeliver
            | Route::DropDeadLetter
    ) {
        let mut responses = json!({"204": {"description": "Done", "headers": id}});
        refusals(route, &mut responses, &id);
        return responses;
    }
    let mut responses = json!({"200": {"description": "Done", "headers": id, "content": content}});
    if matches!(route, Route::V2Infer | Route::V2VersionInfer) {
        responses["200"]["content"]["application/octet-stream"] =
            json!({"schema": {"type": "string", "format": "binary"}});
    }
    if matches!(route, Route::Profile | Route::AttributesOf | Route::Attributes | Route::PatchAttributes) {
        responses["200"]["headers"]["ETag"] =
            json!({"description": "The entity tag of what is stored.", "schema": {"type": "string"}});
    }
    if matches!(route, Route::Profile | Route::AttributesOf) {
        responses["304"] =
            json!({"description": "`If-None-Match` names the entity tag of what is stored.", "headers": id});
    }
    if route == Route::Changes {
        responses["200"]["content"]["text/event-stream"] = json!({"schema": {"type": "string"}});
    }
    refusals(route, &mut responses, &id);
    responses
}

fn refusals(route: Route, responses: &mut Value, id: &Value) {
    for code in route.problems() {
        let response = &mut responses[code.status().as_str()];
        match &mut *response {
            null @ Value::Null => *null = refusal(code, id),
            known => {
                known["description"] = format!("{}; `{}`: {}", text(known), code.name(), code.title()).into()
            }
        }
        if code.passes() {
            let help = "Seconds to wait before retrying; absent if a retry would not help.";
            response["headers"]["Retry-After"] = json!({"description": help, "schema": {"type": "integer"}});
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
    json!({
        "description": format!("`{}`: {}", code.name(), code.title()),
        "headers": headers,
        "content": content(problem::MEDIA_TYPE, "Problem"),
    })
}

/// The headers that a route takes.
fn header_parameters(route: Route) -> Vec<Value> {
    let header = |name: &str, help: &str| json!({"name": name, "in": "header", "required": false, "description": help, "schema": {"type": "string"}});
    let mut headers = Vec::new();
    if matches!(route, Route::Profile | Route::AttributesOf) {
        headers.push(header(
            "If-None-Match",
            "Entity tags that the client has; if one of them is current, the response is 304.",
        ));
    }
    if matches!(route, Route::Attributes | Route::PatchAttributes) {
        headers.push(header("If-Match", "Change only if what is stored has one of these entity tags (`*`: if anything is stored); otherwise 412."));
    }
    if route.changes() && !route.shows_secrets() {
        headers.push(json!({"name": "Idempotency-Key", "in": "header", "required": false,
            "description": "A key of the client's own, such as a UUID. A request that is sent again with the same key and body within \
                            24 hours is not carried out again: the response is that of the first time, with the header \
                            `idempotency-replayed`.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}}));
    }
    headers
}

fn parameters(route: Route) -> Vec<Value> {
    match route {
        Route::CorrectEvent | Route::VoidEvent => vec![json!({
            "name": "event_id", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1, "maxLength": limits::MAX_ID_BYTES},
            "description": "The sender's id of the event, percent-encoded.",
        })],
        Route::RotateKey | Route::RevokeKey => vec![json!({
            "name": "key", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1},
            "description": "The id of the key.",
        })],
        Route::Lookup => view_parameters(),
        Route::Changes => change_parameters(),
        Route::CampaignSize => campaigns::parameters(),
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
        Route::V2Version | Route::V2VersionReady | Route::V2VersionInfer => {
            let name = |name: &str, help: &str| {
                json!({"name": name, "in": "path", "required": true, "description": help,
                "schema": {"type": "string", "minLength": 1}})
            };
            vec![
                name("model", "The name of the serving model."),
                name("version", "The version of the serving model."),
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
        | Route::AttributesOf
        | Route::Attributes
        | Route::PatchAttributes
        | Route::Erase => {
            let id = json!({
                "name": "id", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1, "maxLength": limits::MAX_ID_BYTES},
                "description": "The customer id, percent-encoded.",
            });
            let mut all = vec![id];
            match route {
                Route::Profile => all.extend(view_parameters()),
                Route::Erase => all.push(json!({"name": "bar", "in": "query", "required": false, "schema": {"type": "boolean", "default": false},
                    "description": "Also refuse data with an id of which nothing is stored."})),
                _ => {}
            }
            all
        }
        Route::Profiles => {
            let own = listing::PARAMETERS.iter().map(|(name, help)| query(name, help));
            own.chain(view_parameters()).collect()
        }
        _ => Vec::new(),
    }
}

/// The parameters of the feed.
fn change_parameters() -> Vec<Value> {
    vec![
        json!({"name": "cursor", "in": "query", "required": false, "schema": {"type": "integer", "minimum": 0, "maximum": i64::MAX},
                "description": "The `next` value of the previous page; without it, reading starts at the \
                                oldest change kept."}),
        json!({"name": "from", "in": "query", "required": false, "schema": {"type": "string", "enum": ["now"]},
                "description": "`now`: begin after the newest change. Not together with `cursor`."}),
        json!({"name": "tag", "in": "query", "required": false, "schema": {"type": "array", "items": {"type": "string", "minLength": 1}},
                "description": "Only changes of this tag; repeat for several. Erasures and lost scores are always included. A page may be empty: \
                                go on from `next`."}),
        json!({"name": "limit", "in": "query", "required": false, "description": "Changes per page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": changes::MAX_LIMIT, "default": changes::DEFAULT_LIMIT}}),
    ]
}

/// The parameters of which parts of profiles are returned.
fn view_parameters() -> Vec<Value> {
    let parameter = |(name, help): (&str, &str)| {
        let schema = match name {
            "tags" => json!({"type": "string", "enum": ["full", "values"], "default": "full"}),
            "expand" => {
                json!({"type": "string", "pattern": "^(consent|next|next_action)(,(consent|next|next_action))*$"})
            }
            _ => json!({"type": "string", "pattern": VIEW_PATTERN}),
        };
        json!({"name": name, "in": "query", "required": false, "description": help, "schema": schema})
    };
    view::PARAMETERS.into_iter().map(parameter).collect()
}

/// What `fields` may be.
const VIEW_PATTERN: &str = r"^(customer_id|attributes|tags|prediction|history|next_action)(\.[^,]*[^,.])?(,(customer_id|attributes|tags|prediction|history|next_action)(\.[^,]*[^,.])?)*$";

fn query(name: &str, help: &str) -> Value {
    let schema = match name {
        "tag" | "attribute" => json!({"type": "array", "items": {"type": "string", "pattern": "^[^:]+:.+$"}}),
        "sort" => json!({"type": "string", "enum": SORTS.map(|(name, _)| name), "default": SORTS[0].0}),
        "limit" => json!({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
        "order" => json!({"type": "string", "enum": ["asc", "desc"]}),
        "updated_since" => json!({"type": "string", "format": "date-time"}),
        "total" | "snapshot" => json!({"type": "boolean", "default": false}),
        "id_prefix" | "cursor" => json!({"type": "string"}),
        _ => json!({"type": "number"}),
    };
    json!({"name": name, "in": "query", "required": false, "description": help, "schema": schema})
}
