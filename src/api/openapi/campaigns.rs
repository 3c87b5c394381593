//! The schemas of campaigns.

use serde_json::{Value, json};

use super::build::{count, list, nullable, number, object, string, typed};

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
