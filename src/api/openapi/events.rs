//! The schemas of events and of what follows from them.

use homing_datasets::Kind;
use serde_json::{Map, Value, json};

use super::build::{count, instant, list, not_scored_cause, nullable, object, reference, strict, string};
use crate::api::events::{FAULT_CODES, Field};
use crate::api::intake::{CUSTOMER_ERASED, EVENT_ID_CONFLICT, IN_THE_FUTURE};
use crate::service::Code;
use crate::service::limits::{Limits, MAX_ID_BYTES, MAX_TEXT_BYTES};

/// Schemas by name.
pub(super) fn schemas(limits: &Limits) -> Value {
    json!({
        "HistoryEvent": event(Field::OF_HISTORY, &["occurred_at"]),
        "EventsRequest": strict(object(
            "Events of any customers.",
            json!({"events": {"type": "array", "items": reference("Event"), "minItems": 1, "maxItems": limits.events}}),
            &[],
        )),
        "Event": event(&Field::ALL, &["event_id", "customer_id", "occurred_at"]),
        "EventsReply": events_reply(),
        "Rejected": rejected(),
        "Changes": object(
            "A piece of the feed.",
            json!({"changes": list(reference("Change")), "next": count("The cursor to go on from.")}),
            &[],
        ),
        "Change": change(),
        "DeadLetters": object(
            "What could not be delivered.",
            json!({"dead_letters": list(object(
                "A change that could not be delivered.",
                json!({
                    "number": count("Its number."),
                    "feed": string("The feed."),
                    "change": reference("Change"),
                    "reason": string("Why."),
                    "attempts": count("How often it was tried."),
                    "at": instant("When it was given up."),
                }),
                &[],
            ))}),
            &[],
        ),
        "Problem": problem(),
    })
}

fn event(fields: &[Field], required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name().to_owned(), event_field(*field))).collect();
    strict(json!({
        "type": "object",
        "description": "Something that happened. A field that is null is as good as left out.",
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
            id("The sender's own id of the event; an event with an id that was taken before counts once.")
        }
        Field::CustomerId => id("Whose event it is."),
        Field::OccurredAt => {
            string("When it happened: an instant, or a date (its beginning), in the years 1900 to 2200.")
        }
        Field::RecordedAt => nullable(string(
            "When the business learned of it, if that was later; before it the event is not seen.",
        )),
        Field::Kind => {
            let kinds: Vec<Value> =
                Kind::ALL.iter().map(|kind| kind.name().into()).chain(std::iter::once(Value::Null)).collect();
            let help =
                "What happened. Left out, an amount below zero makes it a return, any other a purchase.";
            json!({"type": ["string", "null"], "enum": kinds, "description": help})
        }
        Field::Amount => amount(
            "Money in the business's own currency, at most 1e12. A purchase needs one, zero or above; that of a return is \
             read as paid back whatever its sign. For `nps` the answer, 0 to 10. A text may hold the number.",
        ),
        Field::Quantity => amount("Pieces; 1 if left out. A text may hold the number."),
        Field::OrderId => word("The order (till receipt) that the line belongs to."),
        Field::ProductId => word("The product."),
        Field::Category => word("The product's category."),
        Field::Channel => word("Where it happened: till, web shop, chat group, ..."),
        Field::Promotion => word("The promotion sent or used."),
    }
}

fn events_reply() -> Value {
    object(
        "What became of the events.",
        json!({
            "accepted": count("Events stored now."),
            "duplicates": count("Events that had been stored before."),
            "rejected": list(reference("Rejected")),
            "changed": list(changed()),
            "warnings": list(object(
                "What is odd about events that were taken.",
                json!({
                    "code": string("What was noticed."),
                    "count": count("How often."),
                    "example": string("The first case."),
                    "remedy": string("What to do about it."),
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
        "An event that was not taken.",
        json!({
            "index": count("Its place in the request, from 0."),
            "code": {"type": "string", "enum": codes},
            "field": string("The field at fault."),
            "detail": string("What is wrong, and what to do."),
        }),
        &["field"],
    )
}

pub(super) fn changed() -> Value {
    let tags = json!({"type": "object", "description": "Tag name to new value; null for a tag that went.", "additionalProperties":
        {"type": ["string", "number", "boolean", "null"]}});
    object("Changed tags.", json!({"customer_id": string("Whose tags."), "tags": tags}), &[])
}

fn change() -> Value {
    let mut change = changed();
    let more = json!({
        "cursor": count("Its place in the feed."),
        "not_scored": not_scored_cause(),
        "model": string("The model behind it, `name@version`."),
        "as_of": instant("The instant that the tags look from."),
        "scored_at": instant("When they were computed."),
        "at": instant("When the change was made."),
    });
    for (name, schema) in more.as_object().into_iter().flatten() {
        change["properties"][name] = schema.clone();
        if name != "not_scored" {
            change["required"].as_array_mut().into_iter().for_each(|names| names.push(name.as_str().into()));
        }
    }
    change
}

fn problem() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let types: Vec<String> = Code::ALL.iter().map(|code| code.uri()).collect();
    let faults: Vec<&str> = FAULT_CODES.to_vec();
    object(
        "What went wrong (RFC 9457). `detail` says it in words.",
        json!({
            "type": {"type": "string", "format": "uri", "enum": types},
            "title": string("The kind of problem in words."),
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": string("What was wrong this time, where, and what to do."),
            "code": {"type": "string", "enum": codes, "description": "The kind of problem; stable."},
            "pointer": string("JSON Pointer (RFC 6901) to what is wrong in the body."),
            "customer_index": count("Place of the customer in the request, from 0."),
            "event_index": count("Place of the event in its list, from 0."),
            "field": string("The field at fault."),
            "cause": {"type": "string", "enum": faults, "description": "What is wrong with the event."},
            "parameter": string("The parameter at fault."),
            "role": string("The role that is needed."),
            "limit": count("The limit that was passed."),
            "rejected": list(reference("Rejected")),
        }),
        &[
            "pointer",
            "customer_index",
            "event_index",
            "field",
            "cause",
            "parameter",
            "role",
            "limit",
            "rejected",
        ],
    )
}
