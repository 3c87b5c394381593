//! What schemas are made of.

use serde_json::{Value, json};

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

pub(super) fn probability(description: &str) -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 1, "description": description})
}

pub(super) fn count(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

pub(super) fn instant(description: &str) -> Value {
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
pub(super) fn strict(mut schema: Value) -> Value {
    schema["additionalProperties"] = false.into();
    schema
}

/// A text in both languages.
pub(super) fn in_both(description: &str) -> Value {
    object(description, json!({"zh": string("Chinese."), "en": string("English.")}), &[])
}

/// Why a customer has no scores.
pub(super) fn not_scored_cause() -> Value {
    use homing_models::NotScored::{NoPurchase, OptedOut};
    let causes = [NoPurchase, OptedOut].map(homing_models::NotScored::code);
    json!({"type": "string", "enum": causes, "description": "Why the customer was not scored."})
}
