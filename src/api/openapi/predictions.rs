//! The schemas of scores.

use homing_models::prediction::{NEXT_ORDER_QUARTILES, number_names};
use serde_json::{Value, json};

use super::build::{
    count, in_both, instant, list, not_scored_cause, nullable, number, object, probability, reference,
    strict, string,
};
use crate::service::limits::{Limits, MAX_ID_BYTES};

/// Schemas by name.
pub(super) fn schemas(horizons: &[u32], limits: &Limits) -> Value {
    json!({
        "PredictionRequest": prediction_request(limits),
        "PredictionReply": object(
            "Scores in the order of the request.",
            json!({
                "model": reference("Model"),
                "as_of": instant("The point in time that all scores refer to."),
                "scored_at": instant("When the scores were computed."),
                "predictions": list(reference("Prediction")),
            }),
            &[],
        ),
        "Prediction": one_of("Prediction", horizons, true),
        "Scores": one_of("Scores", horizons, false),
        "Reason": reason(),
    })
}

fn prediction_request(limits: &Limits) -> Value {
    let customer = strict(object(
        "A customer with the history to score.",
        json!({
            "customer_id": {"type": ["string", "integer"], "minLength": 1, "maxLength": MAX_ID_BYTES},
            "events": {"type": "array", "items": reference("HistoryEvent"), "maxItems": limits.history_events},
        }),
        &[],
    ));
    let as_of =
        "The point in time to score as of: a timestamp, or a date (end of day in the model's time zone).";
    strict(object(
        "Customers to score.",
        json!({
            "as_of": nullable(string(as_of)),
            "horizons": nullable(json!({
                "type": "array", "maxItems": 20, "items": {"type": "integer", "minimum": 1, "maximum": 3650},
                "description": "Further horizons in days: the response also has `p_purchase_{d}d` and so on for these.",
            })),
            "discount_rate": nullable(json!({
                "type": "number", "minimum": 0, "maximum": 10,
                "description": "Yearly discount rate of `clv` in place of the model's; 0.1 is 10 %.",
            })),
            "customers": {"type": "array", "items": customer, "minItems": 1, "maxItems": limits.customers},
        }),
        &["as_of", "horizons", "discount_rate"],
    ))
}

/// Scores, or why there are none.
fn one_of(name: &str, horizons: &[u32], with_customer: bool) -> Value {
    let mut common = json!({
        "model": string("The model that produced the scores, `name@version`."),
        "as_of": instant("The point in time that the scores refer to."),
        "scored_at": instant("When the scores were computed."),
    });
    if with_customer {
        common["customer_id"] = string("The customer id.");
    }
    let mut not_scored = common.clone();
    not_scored["not_scored"] = not_scored_cause();

    let mut scores = common;
    for name in number_names(horizons) {
        scores[&name] = score(&name);
    }
    scores["churn_percentile"] = json!({
        "type": "integer", "minimum": 1, "maximum": 100,
        "description": "Percentile of the churn risk among the customers in the training data; 1 is the lowest risk.",
    });
    scores["next_order_at"] = nullable(instant(
        "Median expected time of the next order; null if its probability within 3 years is below 50 %.",
    ));
    for (name, odds) in NEXT_ORDER_QUARTILES.into_iter().zip(["25 %", "75 %"]) {
        scores[name] = nullable(instant(&format!(
            "Time by which the next order has come with a probability of {odds}; null if that takes over 3 years."
        )));
    }
    scores["cluster"] = nullable(count("The customer group (cluster), if the model has groups."));
    scores["reasons"] = list(reference("Reason"));

    // Stored scores may come from an older model with other horizons, or from a version without intervals of these.
    let added = ["clv_low", "clv_high"];
    let lasting: Vec<String> =
        number_names(&[]).into_iter().filter(|name| !added.contains(&name.as_str())).collect();
    let stored = number_names(horizons).into_iter().filter(|name| !lasting.contains(name));
    let stored: Vec<String> =
        stored.chain(["cluster"].into_iter().chain(NEXT_ORDER_QUARTILES).map(str::to_owned)).collect();
    let optional: Vec<&str> =
        if with_customer { Vec::new() } else { stored.iter().map(String::as_str).collect() };
    let mut scored = object("Scores. All numbers are finite.", scores, &optional);
    let pattern = |name: &str| score(&name.replace("{d}", "N"));
    scored["patternProperties"] = json!({
        "^p_purchase_[0-9]+d$": pattern("p_purchase_{d}d"),
        "^expected_orders_[0-9]+d$": pattern("expected_orders_{d}d"),
        "^expected_spend_[0-9]+d(_low|_high)?$": pattern("expected_spend_{d}d"),
    });
    let unscored = object("The customer was not scored.", not_scored, &[]);
    json!({"title": name, "oneOf": [scored, unscored]})
}

/// What a numeric score means, by its name.
pub(super) fn score(name: &str) -> Value {
    let days = name
        .split('_')
        .find_map(|part| part.strip_suffix('d').filter(|days| days.parse::<u32>().is_ok()))
        .unwrap_or("N");
    match name {
        "churn_risk" => probability("1 - `p_purchase` at the model's churn horizon."),
        "p_alive" => probability("Probability that the customer is still active, from the lifetime model."),
        "clv_low" => number("Lower end of the 80 % interval of `clv`."),
        "clv_high" => number("Upper end of the 80 % interval of `clv`."),
        "clv" => number("Expected spend over the value horizon, discounted at the model's annual rate."),
        "value_at_risk" => number("Expected loss of value if the customer churns."),
        _ if name.starts_with("p_purchase") => {
            probability(&format!("Probability of a purchase within {days} days after `as_of`."))
        }
        _ if name.starts_with("expected_orders") => {
            number(&format!("Expected number of orders within {days} days."))
        }
        _ if name.ends_with("_low") => {
            number(&format!("Lower bound of the 80 % prediction interval for spend within {days} days."))
        }
        _ if name.ends_with("_high") => {
            number(&format!("Upper bound of the 80 % prediction interval for spend within {days} days."))
        }
        _ => number(&format!("Expected spend within {days} days.")),
    }
}

fn reason() -> Value {
    object(
        "A factor behind the churn risk.",
        json!({
            "code": string("Stable code of the reason, such as `rhythm_broken`."),
            "text": in_both("The reason as text."),
            "value": nullable(number("Value of the feature that contributes most to this reason, in its own unit.")),
            "contribution": number("Contribution to the log-odds of churn; negative values lower the risk."),
            "importance": {"type": "string", "enum": ["high", "medium", "low"]},
            "change": nullable(in_both(
                "What the customer could do to change this factor, as text; null if nothing would.",
            )),
        }),
        // Scores that were stored before the field came to be do without it.
        &["change"],
    )
}
