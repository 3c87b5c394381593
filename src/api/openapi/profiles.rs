//! The schemas of profiles and of what customers may ask for.

use serde_json::{Value, json};

use super::build::{
    count, in_both, instant, list, not_scored_cause, nullable, number, object, probability, reference,
    strict, string, typed,
};
use super::events::changed;
use super::predictions::score;
use crate::service::limits::{MAX_ATTRIBUTES, MAX_TEXT_BYTES};

/// Schemas by name.
pub(super) fn schemas() -> Value {
    json!({
        "ProfilePage": object(
            "One page of a listing.",
            json!({
                "profiles": list(reference("Profile")),
                "next": nullable(string("The cursor of the next page; null after the last one.")),
            }),
            &[],
        ),
        "Profile": profile(),
        "Tag": tag(),
        "History": history(),
        "Explanation": explanation(),
        "NextPurchase": next_purchase(),
        "ConsentRequest": strict(object(
            "What the customer said.",
            json!({"opted_out": typed("boolean", "Whether the customer opts out of automated decisions.")}),
            &[],
        )),
        "ConsentReply": object(
            "What is taken down, and the tags that went.",
            json!({
                "customer_id": string("The customer."),
                "opted_out": typed("boolean", "What is taken down."),
                "changed": list(changed()),
            }),
            &[],
        ),
        "Attributes": json!({
            "type": "object",
            "description": "Names to texts, numbers, truth values or null.",
            "maxProperties": MAX_ATTRIBUTES,
            "propertyNames": {"minLength": 1, "maxLength": MAX_TEXT_BYTES},
            "additionalProperties": {"type": ["string", "number", "boolean", "null"], "maxLength": MAX_TEXT_BYTES},
        }),
        "AttributesReply": object(
            "What is kept now.",
            json!({"customer_id": string("The customer."), "attributes": reference("Attributes")}),
            &[],
        ),
        "Export": export(),
    })
}

fn profile() -> Value {
    object(
        "What is known of a customer.",
        json!({
            "customer_id": string("The customer."),
            "attributes": typed("object", "Attributes that the business keeps of the customer."),
            "tags": {"type": "object", "description": "Tag name to tag.", "additionalProperties": reference("Tag")},
            "prediction": reference("Scores"),
            "history": reference("History"),
            "next_action": next_action(),
        }),
        &["next_action"],
    )
}

fn next_purchase() -> Value {
    let due = object(
        "A product that is due.",
        json!({
            "product_id": string("The product."),
            "category": nullable(string("Its category.")),
            "due_on": string("The local date on which it is due."),
            "due_in_days": number("Days until then; below zero when it is overdue."),
            "cycle_days": number("The customer's own cycle: the median gap between purchases of it."),
            "times": count("Days with a purchase of it."),
            "last_days": count("Days since the last of them."),
            "regularity": probability("Share of the gaps within a third of the median."),
        }),
        &[],
    );
    let chance = object(
        "A category not bought so far.",
        json!({
            "category": string("The category."),
            "probability": probability("Probability of a purchase in it within the horizon."),
        }),
        &[],
    );
    object(
        "What a customer buys next.",
        json!({
            "customer_id": string("The customer."),
            "as_of": instant("The instant that this looks from."),
            "not_scored": not_scored_cause(),
            "due": list(due),
            "horizon_days": nullable(count("The horizon of the chances in days; null where the model knows no categories.")),
            "first_purchases": list(chance),
        }),
        &["not_scored"],
    )
}

fn next_action() -> Value {
    object(
        "What to do next by the playbook; left out in lists, without scores, and for whoever opted out.",
        json!({
            "action": string("The playbook's entry."),
            "title": in_both("What is to be done."),
            "text": in_both("How to do it."),
            "effort": {"type": "string", "enum": ["call", "offer", "message", "none"], "description": "What it asks of the business; `none`: the customer is not contacted."},
            "channel": nullable(string("The channel that the customer answers by.")),
            "hour": nullable(count("The local hour to do it at, 0 to 23.")),
            "own_hour": typed("boolean", "Whether the hour comes from the customer's own history."),
            "value_at_risk": number("What the business stands to lose."),
            "reason": in_both("Stage, tier and cause."),
            "because": list(string("Stage, tier and cause by their values; `none` where there is none.")),
        }),
        &[],
    )
}

fn tag() -> Value {
    object(
        "A tag with its provenance.",
        json!({
            "value": {"type": ["string", "number", "boolean", "null"], "description": "Text, number or truth value."},
            "layer": {"type": "string", "enum": ["static", "dynamic", "predictive"], "description": "Who the customer is, what they did, or what they are expected to do."},
            "confidence": nullable(probability("How sure homing is, where the tag rests on a probability.")),
            "model": string("The model behind it, `name@version`."),
            "as_of": instant("The instant that it looks from."),
            "scored_at": instant("When it was computed."),
            "expires_at": nullable(instant("When it ceases to hold.")),
        }),
        &[],
    )
}

fn history() -> Value {
    object(
        "The customer's history in a few numbers.",
        json!({
            "events": count("Events of every kind."),
            "purchases": count("Events of kind `purchase` with an amount above zero."),
            "orders": count("Calendar days with a purchase."),
            "spend": number("Sum of the purchases."),
            "first_purchase_at": nullable(instant("First purchase.")),
            "last_purchase_at": nullable(instant("Last purchase.")),
        }),
        &[],
    )
}

fn explanation() -> Value {
    object(
        "Where a customer's stored scores come from.",
        json!({
            "customer_id": string("The customer."),
            "not_scored": not_scored_cause(),
            "churn_risk": nullable(score("churn_risk")),
            "churn_percentile": nullable(json!({"type": "integer", "minimum": 1, "maximum": 100})),
            "value_at_risk": nullable(score("value_at_risk")),
            "reasons": list(reference("Reason")),
            "model": nullable(string("The model behind the scores, `name@version`.")),
            "as_of": nullable(instant("The instant that the scores look from.")),
            "data_cutoff": nullable(instant("The same instant: nothing that happened or became known later was seen.")),
            "scored_at": nullable(instant("When they were computed.")),
            "history": reference("History"),
        }),
        &["not_scored"],
    )
}

fn export() -> Value {
    let said = json!({"opted_out": typed("boolean", "Whether they opted out."), "at": instant("When they said so.")});
    object(
        "Everything that is held of a customer.",
        json!({
            "customer_id": string("The customer."),
            "consent": nullable(object("What they said of automated decisions.", said, &[])),
            "attributes": typed("object", "Attributes that the business keeps."),
            "profile": {"description": "The profile; null for a customer with neither event nor score.",
                "oneOf": [reference("Profile"), {"type": "null"}]},
            "events": list(typed("object", "An event, in the form in which it is sent.")),
            "event_ids": list(string("The sender's id of an event.")),
            "contacts": list(typed("object", "A campaign that the customer was in.")),
            "changes": list(reference("Change")),
            "dead_letters": list(typed("object", "A change that could not be delivered.")),
            "audit": list(typed("object", "Who read or changed the profile, and when.")),
        }),
        &[],
    )
}
