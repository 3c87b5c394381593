//! The schemas of events and of what follows from them.

use homing_datasets::Kind;
use serde_json::{Map, Value, json};

use super::build::{
    count, instant, list, not_scored_cause, nullable, object, reference, strict, string, typed,
};
use crate::api::events::{FAULT_CODES, Field};
use crate::api::intake::{CUSTOMER_ERASED, EVENT_ID_CONFLICT, IN_THE_FUTURE};
use crate::service::Code;
use crate::service::limits::{Limits, MAX_ID_BYTES, MAX_TEXT_BYTES};

/// Schemas by name.
pub(super) fn schemas(limits: &Limits) -> Value {
    json!({
        "HistoryEvent": event(Field::OF_HISTORY, &["occurred_at"]),
        "EventsRequest": strict(object(
            "Events of one or more customers.",
            json!({"events": {"type": "array", "items": reference("Event"), "minItems": 1, "maxItems": limits.events}}),
            &[],
        )),
        "Event": event(&Field::ALL, &["event_id", "customer_id", "occurred_at"]),
        "EventsReply": events_reply(),
        "EventAmended": object(
            "What became of the event.",
            json!({
                "event_id": string("The sender's id of the event."),
                "customer_id": string("Whose event it is."),
                "voided": typed("boolean", "Whether the event is gone; else it was corrected."),
                "changed": list(changed()),
            }),
            &[],
        ),
        "Rejected": rejected(),
        "Changes": object(
            "A page of the change feed.",
            json!({"changes": list(reference("Change")), "next": count("The cursor for the next request.")}),
            &[],
        ),
        "Change": change(),
        "DeadLetters": object(
            "Changes that could not be delivered.",
            json!({"next": nullable(count("The cursor of the next page; null on the last one.")), "dead_letters": list(object(
                "A change that could not be delivered.",
                json!({
                    "number": count("The number of the dead letter."),
                    "feed": string("The feed it belongs to."),
                    "change": reference("Change"),
                    "reason": string("Why."),
                    "attempts": count("Number of delivery attempts."),
                    "at": instant("When delivery was given up."),
                }),
                &[],
            ))}),
            &[],
        ),
        "Webhooks": object("The webhooks.", json!({"webhooks": list(webhook())}), &[]),
        "WebhookTest": object(
            "What came of a test.",
            json!({
                "ok": typed("boolean", "Whether the receiver accepted it."),
                "delivery": string("The delivery id that was sent."),
                "status": nullable(count("The HTTP status of the receiver, if it accepted.")),
                "reason": nullable(string("Why it failed.")),
            }),
            &[],
        ),
        "RedeliverRequest": strict(object(
            "Where to begin.",
            json!({"cursor": json!({"type": "integer", "minimum": 0, "maximum": i64::MAX,
                "description": "Changes after this cursor are delivered again; 0 for everything that is kept."})}),
            &[],
        )),
        "Problem": problem(),
    })
}

fn event(fields: &[Field], required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name().to_owned(), event_field(*field))).collect();
    strict(json!({
        "type": "object",
        "description": "A customer event. A null field is treated as absent.",
        "properties": properties,
        "required": required,
    }))
}

/// Texts that hold a number.
const NUMBER: &str = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$";

fn event_field(field: Field) -> Value {
    let id = |help: &str| json!({"type": ["string", "integer"], "minLength": 1, "maxLength": MAX_ID_BYTES, "description": help});
    let word = |help: &str| json!({"type": ["string", "integer", "null"], "maxLength": MAX_TEXT_BYTES, "description": help});
    let amount =
        |help: &str| json!({"type": ["number", "string", "null"], "pattern": NUMBER, "description": help});
    match field {
        Field::EventId => {
            id("The sender's unique id of the event. An event sent again with the same id is counted once.")
        }
        Field::CustomerId => id("The customer id."),
        Field::OccurredAt => {
            string("When it happened: a timestamp, or a date (start of day), in the years 1900 to 2200.")
        }
        Field::RecordedAt => nullable(string(
            "When the business learned of it, if later than `occurred_at`. Scores as of an earlier time ignore \
             the event.",
        )),
        Field::Kind => {
            let kinds: Vec<Value> =
                Kind::ALL.iter().map(|kind| kind.name().into()).chain(std::iter::once(Value::Null)).collect();
            let help = "The event kind. Default: `return` if the amount is negative, otherwise `purchase`.";
            json!({"type": ["string", "null"], "enum": kinds, "description": help})
        }
        Field::Amount => amount(
            "Amount in the business's own currency, at most 1e12. Required for a purchase, and not negative. \
             For a return, the amount refunded, with either sign. For `nps`, the score from 0 to 10. Accepts a \
             number or a numeric string.",
        ),
        Field::Quantity => amount("Number of items; default 1. Accepts a number or a numeric string."),
        Field::OrderId => word("The receipt that the line belongs to."),
        Field::ProductId => word("The product id."),
        Field::Category => word("The product's category."),
        Field::Channel => word("Where it happened, such as store, web shop or chat group."),
        Field::Promotion => word("The promotion that was sent or used."),
    }
}

fn events_reply() -> Value {
    object(
        "The result for the events of the request.",
        json!({
            "accepted": count("Events stored by this request."),
            "duplicates": count("Events that were already stored."),
            "rejected": list(reference("Rejected")),
            "changed": list(changed()),
            "warnings": list(object(
                "A warning about accepted events.",
                json!({
                    "code": string("Warning code."),
                    "count": count("Number of events affected."),
                    "example": string("The first example."),
                    "remedy": string("How to fix it."),
                }),
                &[],
            )),
        }),
        &["warnings"],
    )
}

fn rejected() -> Value {
    let codes: Vec<&str> =
        FAULT_CODES.into_iter().chain([IN_THE_FUTURE, EVENT_ID_CONFLICT, CUSTOMER_ERASED]).collect();
    object(
        "A rejected event.",
        json!({
            "index": count("Zero-based index in the request."),
            "code": {"type": "string", "enum": codes},
            "field": string("The invalid field."),
            "detail": string("What is wrong and how to fix it."),
        }),
        &["field"],
    )
}

pub(super) fn changed() -> Value {
    let tags = json!({"type": "object", "description": "New values by tag name; null for a removed tag.", "additionalProperties":
        {"type": ["string", "number", "boolean", "null"]}});
    object("Changed tags.", json!({"customer_id": string("The customer id."), "tags": tags}), &[])
}

fn change() -> Value {
    let mut change = changed();
    let mut cause = not_scored_cause();
    cause["enum"].as_array_mut().into_iter().for_each(|causes| causes.push("erased".into()));
    let more = json!({
        "cursor": count("Position in the feed."),
        "erased": typed("boolean", "Present and true if the customer was erased: `customer_id` is then the HMAC-SHA256 of the id \
                                    under the key of `homing erased`, in hexadecimal digits, and `tags` is empty."),
        "not_scored": cause,
        "model": string("The model that produced it, `name@version`."),
        "as_of": instant("The point in time that the tags refer to."),
        "scored_at": instant("When the tags were computed."),
        "at": instant("When the change was made."),
    });
    for (name, schema) in more.as_object().into_iter().flatten() {
        change["properties"][name] = schema.clone();
        if name != "not_scored" && name != "erased" {
            change["required"].as_array_mut().into_iter().for_each(|names| names.push(name.as_str().into()));
        }
    }
    change
}

fn webhook() -> Value {
    object(
        "A webhook.",
        json!({
            "name": string("Its name."),
            "url": string("Its address, without query."),
            "cursor": nullable(count("The last change that was delivered; null before the first delivery.")),
            "delivered_at": nullable(instant("When.")),
            "behind": count("How far it is behind the newest change, in cursors."),
            "failing_since": nullable(instant("Since when deliveries fail.")),
            "attempts": count("Number of failed attempts since."),
            "paused_at": nullable(instant("Since when it is paused.")),
            "reason": nullable(string("Why the last attempt failed.")),
        }),
        &[],
    )
}

fn problem() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let types: Vec<String> = Code::ALL.iter().map(|code| code.uri()).collect();
    let faults: Vec<&str> = FAULT_CODES.to_vec();
    object(
        "A problem document (RFC 9457). `detail` explains this occurrence.",
        json!({
            "type": {"type": "string", "format": "uri", "enum": types},
            "title": string("A short summary of the problem type."),
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": string("What is wrong, where, and how to fix it."),
            "code": {"type": "string", "enum": codes, "description": "Stable code of the problem type."},
            "pointer": string("JSON Pointer (RFC 6901) to the invalid value in the body."),
            "customer_index": count("Zero-based index of the customer in the request."),
            "event_index": count("Zero-based index of the event in its list."),
            "field": string("The invalid field."),
            "cause": {"type": "string", "enum": faults, "description": "Code of the fault in the event."},
            "parameter": string("The invalid parameter."),
            "role": string("The required role."),
            "limit": count("The limit that was exceeded."),
            "barred": typed("boolean", "Whether data with this customer id are refused."),
            "missing": list(string("A feature that is missing.")),
            "rejected": list(reference("Rejected")),
            "error": string("The same as `detail`, for clients of the Open Inference Protocol."),
        }),
        &[
            "error",
            "pointer",
            "customer_index",
            "event_index",
            "field",
            "cause",
            "parameter",
            "role",
            "limit",
            "barred",
            "missing",
            "rejected",
        ],
    )
}
