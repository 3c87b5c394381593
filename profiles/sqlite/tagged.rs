//! The tags of a profile as bytes, in one row: an event changes some fifty of them, and in rows of their own each
//! would cost a search.
//!
//! ```text
//! by ascending number of the tag: number | flags | length | value | confidence (f64)? | expiry (i64)?
//!     | length | model | as_of (i64) | scored_at (i64)?
//! flags: layer (2 bits), then whether there is a confidence, an expiry, an origin
//! ```
//!
//! Numbers and lengths are varints. The value is JSON in the form of [`value_text`](crate::state::value_text).

use std::cmp::Ordering;

use homing_datasets::varint;

use crate::plan::LAYERS;
use crate::state::{HeldTag, Origin};

const CONFIDENCE: u8 = 4;
const EXPIRY: u8 = 8;
const ORIGIN: u8 = 16;

/// The bytes are not what [`merge`] writes.
#[derive(Debug)]
pub(super) struct Damage;

/// A tag among the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub number: u64,
    pub value: &'a str,
    flags: u8,
    /// What follows the value.
    rest: &'a [u8],
    /// The whole entry.
    bytes: &'a [u8],
}

/// Whether a listing by this value is answered from an index: words and `true`, which stay as they are for weeks. Numbers and
/// dates move every day, and nobody asks for just one of them.
pub(super) fn is_label(value: &str) -> bool {
    value == "true"
        || value.strip_prefix('"').is_some_and(|text| !text.starts_with(|c: char| c.is_ascii_digit()))
}

/// The tags among the bytes.
pub(super) fn entries(mut bytes: &[u8]) -> impl Iterator<Item = Result<Entry<'_>, Damage>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let entry = next(&mut bytes).ok_or(Damage);
        if entry.is_err() {
            bytes = &[];
        }
        Some(entry)
    })
}

fn next<'a>(bytes: &mut &'a [u8]) -> Option<Entry<'a>> {
    let whole = *bytes;
    let number = varint::take(bytes)?;
    let flags = take(bytes, 1)?[0];
    let value = text(bytes)?;
    let rest = *bytes;
    for (flag, length) in [(CONFIDENCE, 8), (EXPIRY, 8)] {
        if flags & flag != 0 {
            take(bytes, length)?;
        }
    }
    if flags & ORIGIN != 0 {
        text(bytes)?;
        take(bytes, 16)?;
    }
    let rest = &rest[..rest.len() - bytes.len()];
    Some(Entry { number, value, flags, rest, bytes: &whole[..whole.len() - bytes.len()] })
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn array(bytes: &mut &[u8]) -> Option<[u8; 8]> {
    take(bytes, 8)?.try_into().ok()
}

fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(varint::take(bytes)?).ok()?;
    std::str::from_utf8(take(bytes, length)?).ok()
}

impl Entry<'_> {
    /// The tag by its name.
    pub fn tag(&self, name: String) -> Result<HeldTag, Damage> {
        self.read(name).ok_or(Damage)
    }

    fn read(&self, name: String) -> Option<HeldTag> {
        let mut rest = self.rest;
        let has = |flag: u8| self.flags & flag != 0;
        let confidence = match has(CONFIDENCE) {
            true => Some(f64::from_le_bytes(array(&mut rest)?)),
            false => None,
        };
        let expires_after = match has(EXPIRY) {
            true => Some(i64::from_le_bytes(array(&mut rest)?)),
            false => None,
        };
        let origin = match has(ORIGIN) {
            true => Some(Origin {
                model: text(&mut rest)?.to_owned(),
                as_of: i64::from_le_bytes(array(&mut rest)?),
                scored_at: i64::from_le_bytes(array(&mut rest)?),
            }),
            false => None,
        };
        let layer = LAYERS.get(usize::from(self.flags & 3)).copied()?;
        Some(HeldTag { name, value: self.value.to_owned(), layer, confidence, expires_after, origin })
    }
}

fn put(out: &mut Vec<u8>, number: u64, tag: &HeldTag) {
    let flag = |present: bool, flag: u8| if present { flag } else { 0 };
    varint::put(out, number);
    out.push(
        tag.layer as u8
            | flag(tag.confidence.is_some(), CONFIDENCE)
            | flag(tag.expires_after.is_some(), EXPIRY)
            | flag(tag.origin.is_some(), ORIGIN),
    );
    put_text(out, &tag.value);
    out.extend(tag.confidence.iter().flat_map(|confidence| confidence.to_le_bytes()));
    out.extend(tag.expires_after.iter().flat_map(|after| after.to_le_bytes()));
    if let Some(origin) = &tag.origin {
        put_text(out, &origin.model);
        out.extend(origin.as_of.to_le_bytes());
        out.extend(origin.scored_at.to_le_bytes());
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    varint::put(out, text.len() as u64);
    out.extend(text.as_bytes());
}

/// What becomes of a tag: set, or (`None`) removed.
pub(super) type Move<'t> = (u64, Option<&'t HeldTag>);

/// The tags after changes, which come in the order of their numbers. `told` is called with every change of a value:
/// the number, the value before and the value now.
pub(super) fn merge<'a>(
    before: &'a [u8],
    moves: &[Move<'a>],
    mut told: impl FnMut(u64, Option<&'a str>, Option<&'a str>),
) -> Result<Vec<u8>, Damage> {
    let mut out = Vec::with_capacity(before.len() + 64);
    let mut moves = moves.iter().peekable();
    let mut make = |out: &mut Vec<u8>, &(number, tag): &Move<'a>, held: Option<&'a str>| {
        let now = tag.map(|tag| tag.value.as_str());
        if held != now {
            told(number, held, now);
        }
        if let Some(tag) = tag {
            put(out, number, tag);
        }
    };
    for entry in entries(before) {
        let entry = entry?;
        loop {
            match moves.peek().map(|made| made.0.cmp(&entry.number)) {
                Some(Ordering::Less) => {
                    if let Some(made) = moves.next() {
                        make(&mut out, made, None);
                    }
                    continue;
                }
                Some(Ordering::Equal) => {
                    if let Some(made) = moves.next() {
                        make(&mut out, made, Some(entry.value));
                    }
                }
                Some(Ordering::Greater) | None => out.extend(entry.bytes),
            }
            break;
        }
    }
    moves.for_each(|made| make(&mut out, made, None));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    fn tag(value: &str, rich: bool) -> HeldTag {
        let origin = Origin { model: "m@1".to_owned(), as_of: -5, scored_at: 7 };
        HeldTag {
            name: String::new(),
            value: value.to_owned(),
            layer: if rich { Layer::Predictive } else { Layer::Static },
            confidence: rich.then_some(0.25),
            expires_after: rich.then_some(86_400_000_000),
            origin: rich.then_some(origin),
        }
    }

    /// The bytes of the tags, given in the order of their numbers.
    fn encode<'t>(tags: impl Iterator<Item = (u64, &'t HeldTag)>) -> Vec<u8> {
        let mut bytes = Vec::new();
        tags.for_each(|(number, tag)| put(&mut bytes, number, tag));
        bytes
    }

    fn read(bytes: &[u8]) -> Vec<(u64, HeldTag)> {
        let pair = |entry: Entry<'_>| (entry.number, entry.tag(String::new()).unwrap());
        entries(bytes).map(|entry| pair(entry.unwrap())).collect()
    }

    #[test]
    fn tags_read_back_and_moves_are_told() {
        let (a, b, c) = (tag("\"low\"", true), tag("5", false), tag("true", true));
        let before = encode([(1, &a), (200, &b), (70_000, &c)].into_iter());
        assert_eq!(read(&before), [(1, a.clone()), (200, b.clone()), (70_000, c.clone())]);
        let (low, high) = (tag("\"low\"", false), tag("\"high\"", false));
        let moves = [(0, Some(&high)), (1, Some(&low)), (2, None), (200, None), (80_000, Some(&a))];
        let mut told = Vec::new();
        let after = merge(&before, &moves, |number, before, now| told.push((number, before, now))).unwrap();
        assert_eq!(read(&after), [(0, high.clone()), (1, low.clone()), (70_000, c), (80_000, a.clone())]);
        // The first stays low although its rest moved; the second is not there.
        assert_eq!(
            told,
            [(0, None, Some("\"high\"")), (200, Some("5"), None), (80_000, None, Some("\"low\""))]
        );
    }

    #[test]
    fn bytes_that_are_cut_off_are_refused() {
        let (a, b) = (tag("\"low\"", true), tag("5", true));
        let whole = encode([(1, &a), (2, &b)].into_iter());
        let second = whole.len() - encode([(2, &b)].into_iter()).len();
        for end in (1..whole.len()).filter(|&end| end != second) {
            assert!(merge(&whole[..end], &[], |_, _, _| ()).is_err(), "{end}");
        }
        assert!(entries(&[1, 0, 1, 0xff]).any(|entry| entry.is_err()));
    }

    #[test]
    fn words_are_labels_and_numbers_and_dates_are_not() {
        let is = |value: serde_json::Value| is_label(&crate::state::value_text(&value));
        assert!(is("high".into()) && is("高".into()) && is(true.into()) && is("".into()));
        assert!(!is(3.into()) && !is(0.5.into()) && !is(false.into()) && !is("2026-01-02".into()));
    }
}
