//! Texts that PostgreSQL cannot hold.
//!
//! Its texts have no NUL. Ids and tags may, so NUL is written as U+0001 U+0001 and U+0001 as U+0001 U+0002: every
//! other text stays as it is, and the order of code points stays, too.

use std::borrow::Cow;

use serde_json::Value;

/// A text in the form in which it is stored.
pub(super) fn stored(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte <= 1) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 2);
    for character in text.chars() {
        match character {
            '\0' => escaped.push_str("\u{1}\u{1}"),
            '\u{1}' => escaped.push_str("\u{1}\u{2}"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// The text behind a stored form.
pub(super) fn original(text: String) -> String {
    if !text.contains('\u{1}') {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\u{1}' if characters.next() == Some('\u{1}') => '\0',
            other => other,
        });
    }
    plain
}

/// A JSON value with every text in it in the stored form.
pub(super) fn stored_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(stored(text).into_owned()),
        Value::Array(list) => list.iter().map(stored_value).collect(),
        Value::Object(map) => {
            map.iter().map(|(name, value)| (stored(name).into_owned(), stored_value(value))).collect()
        }
        other => other.clone(),
    }
}

/// The JSON value behind a stored form.
pub(super) fn original_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(original(text)),
        Value::Array(list) => list.into_iter().map(original_value).collect(),
        Value::Object(map) => {
            map.into_iter().map(|(name, value)| (original(name), original_value(value))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_and_keeps_its_place() {
        let texts =
            ["", "\0", "\0\0", "\0\u{1}", "\u{1}", "\u{1}\0", "\u{1}\u{1}", "\u{1}\u{2}", "\u{2}", "a"];
        for text in texts {
            let form = stored(text).into_owned();
            assert!(!form.contains('\0'));
            assert_eq!(original(form), text, "{text:?}");
        }
        let mut by_form = texts;
        by_form.sort_by_key(|text| stored(text).into_owned());
        let mut by_text = texts;
        by_text.sort_unstable();
        assert_eq!(by_form, by_text);
    }
}
