//! The schemas of API keys.

use serde_json::{Value, json};

use super::build::{count, instant, list, nullable, object, strict, string};
use crate::api::keys::{MAX_DAYS, MAX_OVERLAP_DAYS};
use crate::service::Role;
use crate::service::limits::MAX_TEXT_BYTES;

/// Schemas by name.
pub(super) fn schemas() -> Value {
    let role =
        json!({"type": "string", "enum": Role::ALL.map(Role::name), "description": "What the key allows."});
    let key = json!({
        "id": string("The id of the key; does not reveal it."),
        "name": string("What people call it."),
        "role": string("What it allows."),
        "created_at": instant("When it was created."),
        "expires_at": nullable(instant("When it expires.")),
        "revoked_at": nullable(instant("Since when it is revoked.")),
        "rate": nullable(count("Requests that it may send in a minute; null: as many as the service takes.")),
    });
    let mut new = key.clone();
    new["key"] = string("The key itself, shown only here.");
    new["old_expires_at"] = instant("When the key that it replaces expires.");
    json!({
        "Keys": object("The API keys.", json!({"keys": list(object("An API key.", key, &[]))}), &[]),
        "NewKey": object("A new API key.", new, &["old_expires_at"]),
        "KeyRequest": strict(object(
            "The key to create.",
            json!({
                "role": role,
                "name": {"type": "string", "maxLength": MAX_TEXT_BYTES, "description": "What people call it."},
                "expires_days": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_DAYS, "description": "Days until it expires; absent: never."},
                "rate": {"type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX, "description": "Requests that it may send in a minute."},
            }),
            &["name", "expires_days", "rate"],
        )),
        "KeyRotation": strict(object(
            "How to replace the key.",
            json!({"overlap_days": {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_OVERLAP_DAYS,
                "description": "Days for which the old key stays valid; 7 if absent."}}),
            &["overlap_days"],
        )),
    })
}
