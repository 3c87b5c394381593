//! Lines from NDJSON files: one JSON object a line.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, Read};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::columns::{COLUMNS, Column, Mapping};
use super::files::DataFile;
use super::lines::{Cell, Gather, Sink, id};
use super::progress::Progress;
use super::rejects::{Cause, Place};
use crate::Error;

/// Bytes of a line at most: an array on one line must not fill the memory.
const LINE_BYTES: u64 = 16 << 20;

/// Lines after which the needed columns must have occurred.
const LEAD_LINES: u64 = 10_000;

/// Lines whose names are remembered for the message about a missing column, and names at most.
const NAMED_LINES: u64 = 1000;
const NAMES: usize = 100;

/// Reads all lines of a file.
pub(crate) fn read<S: Sink>(
    file: &DataFile,
    at: u32,
    mapping: &Mapping,
    gather: &mut Gather<S>,
    progress: &Progress,
) -> Result<(), Error> {
    let mut text = file.text(Some(progress))?;
    let mut line = Vec::new();
    let mut seen = Seen::default();
    let (mut row, mut objects) = (0, 0);
    loop {
        line.clear();
        let read = text.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line);
        let read = read.map_err(|reason| file.unreadable(reason))?;
        if read == 0 {
            break;
        }
        row += 1;
        let content = line.trim_ascii();
        if content.is_empty() {
            continue;
        }
        let place = Place { file: at, row, span: 1 };
        let not_ndjson =
            |reason: String, hint| Error::NotNdjson { path: file.shown.clone(), line: row, reason, hint };
        if read as u64 == LINE_BYTES && !line.ends_with(b"\n") {
            return Err(not_ndjson("it is longer than 16 MiB".to_owned(), ARRAY_HINT));
        }
        seen.remember = objects < NAMED_LINES;
        match parse(content, mapping, &mut seen) {
            Ok(fields) => {
                objects += 1;
                gather.take(place, &fields.each_ref().map(Field::cell))?;
            }
            // What begins wrong is another format; what goes wrong later is a bad line.
            Err(reason) if objects == 0 => {
                return Err(not_ndjson(reason, if content.starts_with(b"[") { ARRAY_HINT } else { "" }));
            }
            Err(_) => {
                let utf8 = std::str::from_utf8(content).is_ok();
                let cause = if utf8 { Cause::BadJson } else { Cause::NotUtf8 };
                gather.refuse(place, cause, || String::from_utf8_lossy(content).into_owned());
            }
        }
        if objects == LEAD_LINES {
            check(file, mapping, &seen)?;
        }
    }
    if objects == 0 {
        return Err(Error::EmptyFile { path: file.shown.clone() });
    }
    check(file, mapping, &seen)?;
    for (all, here) in gather.tally.seen_in_json.iter_mut().zip(seen.columns) {
        *all |= here;
    }
    Ok(())
}

/// The customers of a stretch of whole lines, as far as they can be read.
pub(crate) fn sample(stretch: &[u8], mapping: &Mapping, ids: &mut Vec<Box<str>>) {
    let (mut seen, mut number) = (Seen::default(), String::new());
    for line in stretch.split(|&byte| byte == b'\n') {
        let Ok(fields) = parse(line.trim_ascii(), mapping, &mut seen) else { continue };
        if let Ok(Some(id)) = id(fields[Column::CustomerId as usize].cell(), &mut number) {
            ids.push(id.into());
        }
    }
}

const ARRAY_HINT: &str = ", e.g. with `jq -c '.[]'`";

/// Whether the needed columns have occurred. Optional ones may be absent from a file.
fn check(file: &DataFile, mapping: &Mapping, seen: &Seen) -> Result<(), Error> {
    match mapping.missing(|column| seen.columns[column as usize], false) {
        Some(column) => {
            Err(mapping.missing_error(&file.shown, column, seen.names.iter().map(String::as_str)))
        }
        None => Ok(()),
    }
}

/// The names that occurred in the objects so far.
#[derive(Default)]
struct Seen {
    columns: [bool; COLUMNS],
    names: BTreeSet<String>,
    /// Whether new names are added.
    remember: bool,
}

/// A value of a known column.
#[derive(Debug, Default, PartialEq)]
enum Field<'a> {
    #[default]
    Null,
    Text(Cow<'a, str>),
    Int(i64),
    UInt(u64),
    Float(f64),
    Other,
}

impl Field<'_> {
    fn cell(&self) -> Cell<'_> {
        match self {
            Field::Null => Cell::Null,
            Field::Text(text) => Cell::Text(text),
            Field::Int(value) => Cell::Int(*value),
            Field::UInt(value) => Cell::UInt(*value),
            Field::Float(value) => Cell::Float(*value),
            Field::Other => Cell::Other,
        }
    }
}

type Fields<'a> = [Field<'a>; COLUMNS];

fn parse<'a>(line: &'a [u8], mapping: &Mapping, seen: &mut Seen) -> Result<Fields<'a>, String> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let fields = ObjectSeed { mapping, seen }.deserialize(&mut json).map_err(|error| error.to_string())?;
    json.end().map_err(|error| error.to_string())?;
    Ok(fields)
}

struct ObjectSeed<'s> {
    mapping: &'s Mapping,
    seen: &'s mut Seen,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = Fields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_> {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        let mut given = [false; COLUMNS];
        while let Some(column) = map.next_key_seed(KeySeed { mapping: self.mapping, seen: self.seen })? {
            let Some(column) = column else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if std::mem::replace(&mut given[column as usize], true) {
                return Err(A::Error::custom(format_args!("`{}` stands twice", column.name())));
            }
            fields[column as usize] = map.next_value_seed(ValueSeed)?;
        }
        for (all, given) in self.seen.columns.iter_mut().zip(given) {
            *all |= given;
        }
        Ok(fields)
    }
}

/// Reads a name, and says which column it stands for.
struct KeySeed<'s> {
    mapping: &'s Mapping,
    seen: &'s mut Seen,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Option<Column>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Option<Column>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        if self.seen.remember && self.seen.names.len() < NAMES && !self.seen.names.contains(name) {
            self.seen.names.insert(name.to_owned());
        }
        Ok(self.mapping.find(name))
    }
}

struct ValueSeed;

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Field<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Field::Other)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Field::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Field::UInt(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Field::Float(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Fields<'_>, String> {
        parse(line.as_bytes(), &Mapping::new(&Default::default()).unwrap(), &mut Seen::default())
    }

    #[test]
    fn values_keep_their_kind() {
        let line = r#"{"customer_id": 7, "amount": 1.5, "quantity": -2, "category": null, "channel": "w\u00e9b",
            "kind": {"deep": [1, {"amount": 3}]}, "promotion": true, "order_id": [1], "unknown": {"customer_id": 8}}"#;
        let fields = parsed(line).unwrap();
        assert_eq!(fields[Column::CustomerId as usize], Field::UInt(7));
        assert_eq!(fields[Column::Amount as usize], Field::Float(1.5));
        assert_eq!(fields[Column::Quantity as usize], Field::Int(-2));
        assert_eq!(fields[Column::Category as usize], Field::Null);
        assert_eq!(fields[Column::Channel as usize], Field::Text("wéb".into()));
        for column in [Column::Kind, Column::Promotion, Column::OrderId] {
            assert_eq!(fields[column as usize], Field::Other);
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for line in [
            "[1]",
            "3",
            "{\"amount\": 1",
            "{\"amount\": 1} x",
            "{\"amount\": 1, \"amount\": 2}",
            "{amount: 1}",
            "{\"amount\": 01}",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
