//! Pages of a listing: where one ended, and how the sort order is scanned from there. The same for every store.

use std::fmt::Write;

use super::fingerprint::fingerprint;
use super::state::value_text;
use super::{Listing, Sort};

/// Where a page ended.
pub(super) struct Position {
    /// The value that the listing is sorted by; `None` for a customer without scores, and when sorted by id.
    pub key: Option<f64>,
    pub customer_id: String,
}

/// A stretch of the order. One after the other they make the whole, and each is one seek into the index.
pub(super) enum Stretch<'a> {
    /// Every profile in the order of ids, after this one.
    ById(Option<&'a str>),
    /// Profiles with exactly this key (`None`: without scores), after this id.
    Tied(Option<f64>, Option<&'a str>),
    /// Profiles with a key, and one beyond this: below, or above where the listing is reversed.
    Below(Option<f64>),
}

pub(super) fn column(sort: Sort) -> Option<&'static str> {
    match sort {
        Sort::ValueAtRisk => Some("value_at_risk"),
        Sort::ChurnRisk => Some("churn_risk"),
        Sort::Clv => Some("clv"),
        Sort::LastOrder => Some("last_purchase_at"),
        Sort::CustomerId => None,
    }
}

/// A range of scores that is asked for: the column, from and to.
pub(super) type Within = (&'static str, Option<f64>, Option<f64>);

/// The requested ranges: first those of the sort column, which are seeks into its index, then
/// the others, for which the order has to be searched.
pub(super) fn ranges(listing: &Listing) -> [Vec<Within>; 2] {
    // Every instant is a whole number that a float holds exactly.
    let since = listing.updated_since.map(|at| at as f64);
    let all = [
        ("churn_risk", listing.churn_risk),
        ("value_at_risk", listing.value_at_risk),
        ("scored_at", (since, None)),
    ];
    let asked = all.into_iter().filter(|(_, (from, to))| from.is_some() || to.is_some());
    let (along, across): (Vec<_>, Vec<_>) = asked
        .map(|(name, (from, to))| (name, from, to))
        .partition(|(name, ..)| column(listing.sort) == Some(name));
    [along, across]
}

pub(super) fn stretches(sort: Sort, after: Option<&Position>) -> Vec<Stretch<'_>> {
    use Stretch::{Below, ById, Tied};
    match (sort, after) {
        (Sort::CustomerId, after) => vec![ById(after.map(|after| after.customer_id.as_str()))],
        (_, None) => vec![Below(None), Tied(None, None)],
        (_, Some(Position { key: None, customer_id })) => vec![Tied(None, Some(customer_id))],
        (_, Some(Position { key, customer_id })) => {
            vec![Tied(*key, Some(customer_id)), Below(*key), Tied(None, None)]
        }
    }
}

/// The tags asked for, each with its alternative values.
pub(super) fn alternatives(listing: &Listing) -> Vec<(&str, Vec<&serde_json::Value>)> {
    grouped(&listing.tags)
}

fn grouped(pairs: &[(String, serde_json::Value)]) -> Vec<(&str, Vec<&serde_json::Value>)> {
    let mut groups: Vec<(&str, Vec<&serde_json::Value>)> = Vec::new();
    for (name, value) in pairs {
        match groups.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value),
            None => groups.push((name, vec![value])),
        }
    }
    groups
}

/// Whether a customer has the attributes that are asked for.
pub(super) fn has_attributes(
    listing: &Listing,
    attributes: &serde_json::Map<String, serde_json::Value>,
) -> bool {
    grouped(&listing.attributes).into_iter().all(|(name, values)| {
        let own = attributes.get(name).map(value_text);
        own.is_some_and(|own| values.into_iter().any(|value| value_text(value) == own))
    })
}

/// The first text after all that start with a prefix, in the order of code points; `None` if there is none.
pub(super) fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // The range of chars steps over the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// A cursor names the listing it belongs to and the place where its page ended, in hexadecimal digits:
/// it passes through any URL.
pub(super) fn write_cursor(listing: &Listing, key: Option<f64>, customer_id: &str) -> String {
    let mut bytes = mark(listing).to_vec();
    bytes.push(u8::from(key.is_some()));
    bytes.extend(key.unwrap_or_default().to_le_bytes());
    bytes.extend(customer_id.as_bytes());
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn read_cursor(cursor: &str, listing: &Listing) -> Option<Position> {
    let digits = cursor.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect::<Option<_>>()?;
    let rest = bytes.strip_prefix(&mark(listing))?;
    let (flag, rest) = rest.split_first()?;
    let (key, customer_id) = rest.split_first_chunk::<8>()?;
    let key = match flag {
        0 => None,
        1 => Some(f64::from_le_bytes(*key)).filter(|key| key.is_finite()),
        _ => return None,
    };
    if *flag == 1 && key.is_none() {
        return None;
    }
    Some(Position { key, customer_id: String::from_utf8(customer_id.to_vec()).ok()? })
}

/// Identifies the listing that a cursor belongs to: the sort order and every condition, but not the page size.
pub(super) fn mark(listing: &Listing) -> [u8; 8] {
    let sort = [1 + u8::from(listing.reversed), listing.sort as u8];
    let since = listing.updated_since.map_or([0xff; 8], i64::to_le_bytes);
    let edge = |edge: Option<f64>| edge.map_or([0xff; 8], |value| value.to_bits().to_le_bytes());
    let edges =
        [listing.churn_risk.0, listing.churn_risk.1, listing.value_at_risk.0, listing.value_at_risk.1]
            .map(edge);
    let asked: Vec<&(String, serde_json::Value)> = listing.tags.iter().chain(&listing.attributes).collect();
    let values: Vec<String> = asked.iter().map(|(_, value)| value_text(value)).collect();
    let tags = listing.tags.len().to_le_bytes();
    let mut parts: Vec<&[u8]> =
        vec![&sort, &since, listing.id_prefix.as_deref().unwrap_or_default().as_bytes()];
    parts.extend(edges.iter().map(<[u8; 8]>::as_slice));
    // Without attributes the mark is as it was before there were any.
    if !listing.attributes.is_empty() {
        parts.push(&tags);
    }
    for ((name, _), value) in asked.into_iter().zip(&values) {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    (fingerprint(parts) as u64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_lies_after_all_that_start_with_it() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
    }

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let listing = Listing { tags: vec![("a".into(), 1.into())], ..Listing::default() };
        let cursor = write_cursor(&listing, Some(-0.5), "客户\u{0} 1");
        let position = read_cursor(&cursor, &listing).unwrap();
        assert_eq!((position.key, position.customer_id.as_str()), (Some(-0.5), "客户\u{0} 1"));
        let without = read_cursor(&write_cursor(&listing, None, ""), &listing).unwrap();
        assert_eq!((without.key, without.customer_id.as_str()), (None, ""));
        for wrong in ["", "0", "zz", "é1", &cursor[2..], &cursor[..cursor.len() - 1], &cursor[..10]] {
            assert!(read_cursor(wrong, &listing).is_none(), "{wrong}");
        }
        let other = Listing { sort: Sort::Clv, ..listing };
        assert!(read_cursor(&cursor, &other).is_none());
    }
}
