//! The schemas of campaigns.

use serde_json::{Value, json};

use crate::api::campaign_size::PARAMETERS;

use super::build::{count, list, nullable, number, object, string, typed};

/// The parameters of the question how many to contact.
pub(super) fn parameters() -> Vec<Value> {
    let parameter = |(name, help): &(&str, &str)| {
        let schema = match *name {
            "cost" => json!({"type": "number", "minimum": 0}),
            "margin" | "effect" => json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
            "window_days" => json!({"type": "integer", "minimum": 1, "maximum": 366, "default": 30}),
            _ => json!({"type": "array", "items": {"type": "string", "pattern": "^[^:]+:.+$"}}),
        };
        let required = matches!(*name, "cost" | "margin");
        json!({"name": name, "in": "query", "required": required, "description": help, "schema": schema})
    };
    PARAMETERS.iter().map(parameter).collect()
}

/// Schemas by name.
pub(super) fn schemas() -> Value {
    let point = object(
        "A list of the first customers.",
        json!({
            "contacts": count("Customers contacted."),
            "added_buyers": number("Expected purchases that contact adds."),
            "added_revenue": number("Expected revenue that contact adds."),
            "cost": number("Cost of the contacts."),
            "profit": number("Expected margin of that revenue less the cost."),
            "profit_low": nullable(number("Low end, where the effect has an interval.")),
            "profit_high": nullable(number("High end.")),
            "true_positives": number("Expected customers who would not buy without contact."),
            "false_positives": number("Expected customers who would buy anyway."),
        }),
        &[],
    );
    let basis = object(
        "Where the effect comes from.",
        json!({
            "kind": {"type": "string", "enum": ["uplift", "campaigns", "assumption"], "description": "Proven, measured or assumed."},
            "text": string("The same in words."),
            "share": nullable(number("Share of the customers who would not buy otherwise and do because of the contact.")),
            "share_low": nullable(number("Low end of its 95 % interval.")),
            "share_high": nullable(number("High end.")),
        }),
        &[],
    );
    json!({
        "CampaignSize": object(
            "How many customers are worth contacting.",
            json!({
                "customers": count("Matching customers with scores."),
                "left_out": count("Customers without scores, or not to be disturbed."),
                "more": typed("boolean", "Whether there are more customers than were looked at."),
                "rank": {"type": "string", "enum": ["uplift", "value_at_risk"], "description": "By what they are ranked."},
                "basis": basis,
                "best": point.clone(),
                "curve": list(point),
            }),
            &[],
        ),
    })
}
