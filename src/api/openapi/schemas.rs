//! The schemas of requests, replies and problems.

use homing_datasets::Kind;
use homing_models::prediction::number_names;
use serde_json::{Map, Value, json};

use crate::api::events::{FAULT_CODES, Field};
use crate::api::intake::{CUSTOMER_ERASED, EVENT_ID_CONFLICT, IN_THE_FUTURE};
use crate::api::limits::{Limits, MAX_ATTRIBUTES, MAX_ID_BYTES, MAX_TEXT_BYTES};
use crate::api::problem::Code;

/// Every schema by name.
pub(super) fn all(horizons: &[u32], limits: &Limits) -> Value {
    let mut all = own(horizons, limits);
    for (name, schema) in super::foreign::all() {
        all[name] = schema;
    }
    all
}

fn own(horizons: &[u32], limits: &Limits) -> Value {
    json!({
        "PredictionRequest": prediction_request(limits),
        "HistoryEvent": event(Field::OF_HISTORY, &["occurred_at"]),
        "PredictionReply": object(
            "The scores, in the order of the request.",
            json!({
                "model": reference("Model"),
                "as_of": instant("The instant that all scores look from."),
                "scored_at": instant("When they were computed."),
                "predictions": list(reference("Prediction")),
            }),
            &[],
        ),
        "Prediction": one_of("Prediction", horizons, true),
        "EventsRequest": strict(object(
            "Events of any customers.",
            json!({"events": {"type": "array", "items": reference("Event"), "minItems": 1, "maxItems": limits.events}}),
            &[],
        )),
        "Event": event(&Field::ALL, &["event_id", "customer_id", "occurred_at"]),
        "EventsReply": events_reply(),
        "Rejected": rejected(),
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
        "Scores": one_of("Scores", horizons, false),
        "History": history(),
        "Explanation": explanation(),
        "NextPurchase": next_purchase(),
        "Reason": reason(),
        "Model": object("A model.", model(), &[]),
        "Models": models(),
        "Health": object("The process answers.", json!({"status": {"type": "string", "enum": ["ok"]}}), &[]),
        "Ready": object(
            "A model is loaded, and the store works.",
            json!({"status": {"type": "string", "enum": ["ready"]}, "model": string("The model, `name@version`.")}),
            &[],
        ),
        "ConsentRequest": strict(object(
            "What the customer said.",
            json!({"opted_out": typed("boolean", "Whether the customer opts out of automated decisions.")}),
            &[],
        )),
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
        "ConsentReply": object(
            "What is taken down, and the tags that went.",
            json!({
                "customer_id": string("The customer."),
                "opted_out": typed("boolean", "What is taken down."),
                "changed": list(changed()),
            }),
            &[],
        ),
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
        "Export": export(),
        "Shadow": object("What was compared.", json!({"shadow": list(shadow())}), &[]),
        "Swapped": object(
            "The model that answers now.",
            json!({"model": reference("Model"), "before": nullable(string("The one that answered before."))}),
            &[],
        ),
        "Problem": problem(),
    })
}

/// A reference to a schema.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object; every property must be there but the optional ones.
pub(super) fn object(description: &str, properties: Value, optional: &[&str]) -> Value {
    let names: Vec<String> =
        properties.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
    let required: Vec<String> = names.into_iter().filter(|name| !optional.contains(&name.as_str())).collect();
    json!({"type": "object", "description": description, "properties": properties, "required": required})
}

pub(super) fn typed(name: &str, description: &str) -> Value {
    json!({"type": name, "description": description})
}

pub(super) fn string(description: &str) -> Value {
    typed("string", description)
}

pub(super) fn number(description: &str) -> Value {
    typed("number", description)
}

fn probability(description: &str) -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 1, "description": description})
}

pub(super) fn count(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

fn instant(description: &str) -> Value {
    json!({"type": "string", "format": "date-time", "description": description})
}

pub(super) fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// The same schema, with null allowed.
pub(super) fn nullable(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

/// A request is read strictly: a field that is not known is refused.
fn strict(mut schema: Value) -> Value {
    schema["additionalProperties"] = false.into();
    schema
}

fn prediction_request(limits: &Limits) -> Value {
    let customer = strict(object(
        "A customer with the history to score.",
        json!({
            "customer_id": {"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES},
            "events": {"type": "array", "items": reference("HistoryEvent"), "maxItems": limits.history_events},
        }),
        &[],
    ));
    let as_of = "The instant to look from: a date (its end in the model's time zone) or an instant.";
    strict(object(
        "Customers to score.",
        json!({
            "as_of": nullable(string(as_of)),
            "customers": {"type": "array", "items": customer, "minItems": 1, "maxItems": limits.customers},
        }),
        &["as_of"],
    ))
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

fn event_field(field: Field) -> Value {
    let id = |help: &str| json!({"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES, "description": help});
    let word =
        |help: &str| json!({"type": ["string", "null"], "maxLength": MAX_TEXT_BYTES, "description": help});
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
        Field::Amount => nullable(number(
            "Money in the business's own currency, at most 1e12. A purchase needs one, zero or above; that of a return is \
             read as paid back whatever its sign. For `nps` the answer, 0 to 10.",
        )),
        Field::Quantity => nullable(number("Pieces; 1 if left out.")),
        Field::OrderId => word("The order (till receipt) that the line belongs to."),
        Field::ProductId => word("The product."),
        Field::Category => word("The product's category."),
        Field::Channel => word("Where it happened: till, web shop, chat group, ..."),
        Field::Promotion => word("The promotion sent or used."),
    }
}

fn events_reply() -> Value {
    let tags = json!({
        "type": "object",
        "description": "Tag name to new value; null for a tag that was removed.",
        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    });
    let changed = object(
        "The tags of a customer that changed.",
        json!({"customer_id": string("Whose tags."), "tags": tags}),
        &[],
    );
    object(
        "What became of the events.",
        json!({
            "accepted": count("Events stored now."),
            "duplicates": count("Events that had been stored before."),
            "rejected": list(reference("Rejected")),
            "changed": list(changed),
        }),
        &[],
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

/// Scores, or why there are none.
fn one_of(name: &str, horizons: &[u32], with_customer: bool) -> Value {
    let mut common = json!({
        "model": string("The model behind them, `name@version`."),
        "as_of": instant("The instant that they look from."),
        "scored_at": instant("When they were computed."),
    });
    if with_customer {
        common["customer_id"] = string("The customer.");
    }
    let mut not_scored = common.clone();
    not_scored["not_scored"] = not_scored_cause();

    let mut scores = common;
    for name in number_names(horizons) {
        scores[&name] = score(&name);
    }
    scores["churn_percentile"] = json!({
        "type": "integer", "minimum": 1, "maximum": 100,
        "description": "Place of the churn risk among the customers that the model was fitted on; 1 is the safest.",
    });
    scores["next_order_at"] = nullable(instant(
        "Median expected instant of the next order; null at less than even odds within 3 years.",
    ));
    scores["cluster"] = nullable(count("The group of like customers, where the model has groups."));
    scores["reasons"] = list(reference("Reason"));

    // Stored scores may come from an older model with other horizons.
    let lasting = number_names(&[]);
    let stored = number_names(horizons).into_iter().filter(|name| !lasting.contains(name));
    let stored: Vec<String> = stored.chain(["cluster".to_owned()]).collect();
    let optional: Vec<&str> =
        if with_customer { Vec::new() } else { stored.iter().map(String::as_str).collect() };
    let mut scored = object("Scores. Every number is finite.", scores, &optional);
    let pattern = |name: &str| score(&name.replace("{d}", "N"));
    scored["patternProperties"] = json!({
        "^p_return_[0-9]+d$": pattern("p_return_{d}d"),
        "^expected_orders_[0-9]+d$": pattern("expected_orders_{d}d"),
        "^expected_spend_[0-9]+d(_low|_high)?$": pattern("expected_spend_{d}d"),
    });
    let unscored = object("No scores, and why.", not_scored, &[]);
    json!({"title": name, "oneOf": [scored, unscored]})
}

fn not_scored_cause() -> Value {
    use homing_models::NotScored::{NoPurchase, OptedOut};
    let causes = [NoPurchase, OptedOut].map(homing_models::NotScored::code);
    json!({"type": "string", "enum": causes, "description": "Why there are no scores."})
}

/// What a numeric score means, by its name.
fn score(name: &str) -> Value {
    let days = name
        .split('_')
        .find_map(|part| part.strip_suffix('d').filter(|days| days.parse::<u32>().is_ok()))
        .unwrap_or("N");
    match name {
        "churn_risk" => probability("1 - `p_return` at the model's churn horizon."),
        "p_alive" => probability("Probability of not having left for good, by the lifetime model."),
        "clv" => number("Expected spend at the value horizon, discounted at the model's yearly rate."),
        "value_at_risk" => number("What the business stands to lose if this customer leaves."),
        _ if name.starts_with("p_return") => {
            probability(&format!("Probability of a purchase within {days} days after `as_of`."))
        }
        _ if name.starts_with("expected_orders") => {
            number(&format!("Expected days with a purchase within {days} days."))
        }
        _ if name.ends_with("_low") => {
            number(&format!("Lower end of the 80 % interval of the spend within {days} days."))
        }
        _ if name.ends_with("_high") => {
            number(&format!("Upper end of the 80 % interval of the spend within {days} days."))
        }
        _ => number(&format!("Expected spend within {days} days.")),
    }
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
    let text = |of: &str| object(of, json!({"zh": string("In Chinese."), "en": string("In English.")}), &[]);
    object(
        "What to do next by the playbook; left out in lists, without scores, and for whoever opted out.",
        json!({
            "action": string("The playbook's entry."),
            "title": text("What is to be done."),
            "text": text("How to do it."),
            "effort": {"type": "string", "enum": ["call", "offer", "message", "none"], "description": "What it asks of the business; `none`: the customer is not contacted."},
            "channel": nullable(string("The channel that the customer answers by.")),
            "hour": nullable(count("The local hour to do it at, 0 to 23.")),
            "own_hour": typed("boolean", "Whether the hour comes from the customer's own history."),
            "value_at_risk": number("What the business stands to lose."),
            "reason": text("Stage, tier and cause."),
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

fn reason() -> Value {
    object(
        "A factor behind the churn risk.",
        json!({
            "code": string("The cause's stable code, such as `rhythm_broken`."),
            "text": object("The cause in words.", json!({"zh": string("In Chinese."), "en": string("In English.")}), &[]),
            "value": nullable(number("The value of the feature that weighs most in this cause, in its own unit.")),
            "contribution": number("What the cause adds to the log-odds of leaving; below zero it speaks for coming back."),
            "importance": {"type": "string", "enum": ["high", "medium", "low"]},
            "change": nullable(object(
                "What would change this factor, in words; null where nothing the customer does would.",
                json!({"zh": string("In Chinese."), "en": string("In English.")}),
                &[],
            )),
        }),
        // Scores that were stored before the field came to be do without it.
        &["change"],
    )
}

fn model() -> Value {
    json!({
        "id": string("`name@version`."),
        "name": string("Its name."),
        "version": string("Its version."),
        "as_of": instant("The instant up to which it has learned."),
        "horizons": list(count("Days.")),
        "churn_horizon": count("The horizon behind `churn_risk`, in days."),
        "timezone": string("The business's time zone, by its IANA name."),
    })
}

fn models() -> Value {
    let mut properties = model();
    properties["aliases"] = list(json!({"type": "string", "enum": ["champion", "challenger"]}));
    properties["in_use"] = typed("boolean", "Whether it answers now.");
    object("The models.", json!({"models": list(object("A model.", properties, &[]))}), &[])
}

fn changed() -> Value {
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

fn shadow() -> Value {
    object(
        "A challenger beside a champion.",
        json!({
            "champion": string("The champion."),
            "challenger": string("The challenger."),
            "compared": count("Scores compared."),
            "tags_differ": count("Of which at least one tag would have another value."),
            "churn_risk_mean_difference": number("Mean of challenger minus champion."),
            "churn_risk_mean_distance": number("Mean of the differences without their sign."),
            "churn_risk_max_distance": number("Largest difference without its sign."),
            "clv_champion": number("Sum of the champion's lifetime values."),
            "clv_challenger": number("Sum of the challenger's lifetime values."),
        }),
        &[],
    )
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
