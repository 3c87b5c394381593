//! The schemas of profiles and of what customers may ask for.

use serde_json::{Value, json};

use super::build::{
    count, in_both, instant, list, not_scored_cause, nullable, number, object, probability, reference,
    strict, string, typed,
};
use super::events::changed;
use super::predictions::score;
use crate::api::profiles::MAX_LOOKUP;
use crate::service::limits::{MAX_ATTRIBUTES, MAX_ID_BYTES, MAX_TEXT_BYTES};

/// Schemas by name.
pub(super) fn schemas() -> Value {
    json!({
        "ProfilePage": object(
            "One page of profiles.",
            json!({
                "profiles": list(reference("Profile")),
                "next": nullable(string("The cursor of the next page; null on the last one.")),
                "total": count("How many profiles match; with `total=true`."),
                "total_is_exact": typed("boolean", "Whether `total` is the whole number; else it is a lower bound."),
            }),
            &["total", "total_is_exact"],
        ),
        "LookupRequest": strict(object(
            "Customers to look up.",
            json!({"ids": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES}, "minItems": 1, "maxItems": MAX_LOOKUP}}),
            &[],
        )),
        "Lookup": object(
            "The profiles found.",
            json!({"profiles": list(reference("Profile")), "unknown": list(string("An id without a profile."))}),
            &[],
        ),
        "Profile": profile(),
        "Tag": tag(),
        "History": history(),
        "Explanation": explanation(),
        "NextPurchase": next_purchase(),
        "ConsentRequest": strict(object(
            "The customer's choice.",
            json!({
                "opted_out": typed("boolean", "Whether the customer opts out."),
                "purpose": nullable(json!({"type": "string", "pattern": "^(profiling|contact(:.+)?)$", "maxLength": MAX_TEXT_BYTES,
                    "description": "`profiling` (automated decisions; the default), `contact` (any channel) or `contact:CHANNEL`."})),
                "source": nullable(json!({"type": "string", "maxLength": MAX_TEXT_BYTES,
                    "description": "Where the customer said so, such as `web form`."})),
            }),
            &["purpose", "source"],
        )),
        "ConsentReply": object(
            "The recorded choice and the tags that changed.",
            json!({
                "customer_id": string("The customer id."),
                "purpose": string("The purpose."),
                "opted_out": typed("boolean", "Whether an opt-out is recorded."),
                "changed": list(changed()),
            }),
            &[],
        ),
        "Consents": object(
            "What a customer said of each purpose.",
            json!({"customer_id": string("The customer id."), "consents": list(choice())}),
            &[],
        ),
        "AuditLog": object(
            "A page of the audit log.",
            json!({"entries": list(audit_entry()), "next": count("The cursor for the next request.")}),
            &[],
        ),
        "Attributes": json!({
            "type": "object",
            "description": "Values by attribute name: string, number, boolean or null.",
            "maxProperties": MAX_ATTRIBUTES,
            "propertyNames": {"minLength": 1, "maxLength": MAX_TEXT_BYTES},
            "additionalProperties": {"type": ["string", "number", "boolean", "null"], "maxLength": MAX_TEXT_BYTES},
        }),
        "AttributesReply": object(
            "The stored attributes.",
            json!({"customer_id": string("The customer id."), "attributes": reference("Attributes")}),
            &[],
        ),
        "Export": export(),
    })
}

fn choice() -> Value {
    object(
        "What a customer said of a purpose.",
        json!({
            "purpose": string("`profiling`, `contact`, or `contact:CHANNEL`."),
            "opted_out": typed("boolean", "Whether the customer opted out."),
            "at": instant("When the choice was recorded."),
            "source": string("Where the customer said so; empty if nobody noted it."),
        }),
        &[],
    )
}

fn audit_entry() -> Value {
    object(
        "An entry of the audit log.",
        json!({
            "entry": count("The number of the entry; grows, with gaps."),
            "at": instant("When."),
            "key_id": nullable(string("The key; null for what was done on the command line.")),
            "action": string("What was done, such as `profile.read`."),
            "customer_id": nullable(string("The customer; null if it concerns none, or an erased one.")),
            "erased": typed("boolean", "Whether the customer was erased."),
            "detail": string("More of it."),
            "chain": nullable(string("Hash over this entry and those before it; null for entries from before there was a chain.")),
        }),
        &[],
    )
}

fn profile() -> Value {
    object(
        "A customer's profile. Every part is there unless `fields` leaves it out; `tags=values` gives `tag_values` instead of `tags`.",
        json!({
            "customer_id": string("The customer id."),
            "attributes": typed("object", "Attributes set by the business."),
            "tags": {"type": "object", "description": "Tags by name.", "additionalProperties": reference("Tag")},
            "tag_values": {"type": "object", "description": "Values by tag name.",
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
            "selected": typed("object", "Members of parts that `fields` asks for, by name, such as `prediction.churn_risk`."),
            "prediction": reference("Scores"),
            "history": reference("History"),
            "next_action": nullable(next_action()),
            "consent": list(choice()),
            "next": nullable(object("Predicted next purchases; with `expand=next`, null for who is not scored.", next_members(), &[])),
        }),
        &[
            "attributes",
            "tags",
            "tag_values",
            "selected",
            "prediction",
            "history",
            "next_action",
            "consent",
            "next",
        ],
    )
}

/// What is told of next purchases.
fn next_members() -> Value {
    let due = object(
        "A product due for repurchase.",
        json!({
            "product_id": string("The product id."),
            "category": nullable(string("Its category.")),
            "due_on": string("The local date on which it is due."),
            "due_in_days": number("Days until it is due; negative if overdue."),
            "cycle_days": number("The customer's purchase cycle for this product: the median gap between purchases."),
            "times": count("Number of orders that contain it."),
            "last_days": count("Days since the last of these orders."),
            "regularity": probability("Share of gaps within one third of the median."),
        }),
        &[],
    );
    let chance = object(
        "A category the customer has not bought.",
        json!({
            "category": string("The category."),
            "probability": probability("Probability of a first purchase within the horizon."),
        }),
        &[],
    );
    json!({
        "due": list(due),
        "horizon_days": nullable(count("The horizon of the probabilities in days; null if the model has no \
                                        categories.")),
        "first_purchases": list(chance),
    })
}

fn next_purchase() -> Value {
    let mut members = next_members();
    members["customer_id"] = string("The customer id.");
    members["as_of"] = instant("The point in time that the predictions refer to.");
    members["not_scored"] = not_scored_cause();
    object("Predicted next purchases.", members, &["not_scored"])
}

fn next_action() -> Value {
    object(
        "The next best action from the playbook. Absent for customers without scores or with an opt-out, and in \
         listings without `expand=next_action`; null with it.",
        json!({
            "action": string("The name of the playbook action."),
            "title": in_both("What to do."),
            "text": in_both("How to do it."),
            "effort": {"type": "string", "enum": ["call", "offer", "message", "none"], "description": "Effort for the business; `none` means no contact."},
            "channel": nullable(string("The channel the customer responds to.")),
            "hour": nullable(count("Recommended local hour, 0 to 23.")),
            "own_hour": typed("boolean", "Whether the hour is derived from the customer's own history."),
            "value_at_risk": number("The customer's value at risk."),
            "reason": in_both("Stage, tier and cause."),
            "because": list(string("Tag values of stage, tier and cause; `none` if absent.")),
        }),
        &[],
    )
}

fn tag() -> Value {
    object(
        "A tag with its provenance.",
        json!({
            "value": {"type": ["string", "number", "boolean", "null"], "description": "String, number, boolean or null."},
            "layer": {"type": "string", "enum": ["static", "dynamic", "predictive"], "description": "`static`: who the customer is; `dynamic`: what they did; `predictive`: what they are expected to do."},
            "confidence": nullable(probability("Confidence, if the tag is based on a probability.")),
            "model": string("The model that produced it, `name@version`."),
            "as_of": instant("The point in time that the tag refers to."),
            "scored_at": instant("When the tag was computed."),
            "expires_at": nullable(instant("When the tag expires.")),
        }),
        &[],
    )
}

fn history() -> Value {
    object(
        "Summary of the customer's history.",
        json!({
            "events": count("Events of every kind."),
            "purchases": count("Events of kind `purchase` with an amount above zero."),
            "orders": count("Orders: local calendar days with a purchase."),
            "spend": number("Total spend."),
            "first_purchase_at": nullable(instant("Time of the first purchase.")),
            "last_purchase_at": nullable(instant("Time of the last purchase.")),
        }),
        &[],
    )
}

fn explanation() -> Value {
    object(
        "The explanation of a customer's stored scores.",
        json!({
            "customer_id": string("The customer id."),
            "not_scored": not_scored_cause(),
            "churn_risk": nullable(score("churn_risk")),
            "churn_percentile": nullable(json!({"type": "integer", "minimum": 1, "maximum": 100})),
            "value_at_risk": nullable(score("value_at_risk")),
            "reasons": list(reference("Reason")),
            "model": nullable(string("The model that produced the scores, `name@version`.")),
            "as_of": nullable(instant("The point in time that the scores refer to.")),
            "data_cutoff": nullable(instant("Equal to `as_of`: data that occurred or was recorded later was \
                                             not used.")),
            "scored_at": nullable(instant("When the scores were computed.")),
            "history": reference("History"),
        }),
        &["not_scored"],
    )
}

fn export() -> Value {
    let said = json!({"opted_out": typed("boolean", "Whether the customer opted out."), "at": instant("When the choice was recorded.")});
    object(
        "All data about a customer.",
        json!({
            "customer_id": string("The customer id."),
            "consent": nullable(object("The customer's choice on automated decisions.", said, &[])),
            "consents": list(choice()),
            "attributes": typed("object", "Attributes set by the business."),
            "profile": {"description": "The profile; null for a customer with no events and no scores.",
                "oneOf": [reference("Profile"), {"type": "null"}]},
            "events": list(typed("object", "An event, in the format of `POST /v1/events`.")),
            "event_ids": list(string("The sender's id of an event.")),
            "contacts": list(typed("object", "A campaign that included the customer.")),
            "kept_scores": list(typed("object", "Scores that are kept to be compared with what happens.")),
            "changes": list(reference("Change")),
            "dead_letters": list(typed("object", "A change that could not be delivered.")),
            "audit": list(typed("object", "An audit entry: who read or changed the profile, and when.")),
        }),
        &[],
    )
}
