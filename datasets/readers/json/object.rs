//! The wanted values of one JSON object, read without the others.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::readers::columns::{COLUMNS, Column};
use crate::readers::lines::Cell;
use crate::readers::rows::Wanted;

/// The wanted values by the keys that lead to them.
#[derive(Default)]
pub(super) struct Tree {
    keys: Vec<(String, Option<usize>, Option<Tree>)>,
}

impl Tree {
    pub(super) fn new(wanted: &Wanted) -> Tree {
        let mut tree = Tree::default();
        for (slot, name) in &wanted.names {
            // A key may have a point in it.
            tree.key(name).1 = Some(*slot);
            let mut node = &mut tree;
            let mut keys = name.split('.').peekable();
            while let Some(key) = keys.next() {
                let entry = node.key(key);
                if keys.peek().is_none() {
                    entry.1 = Some(*slot);
                    break;
                }
                node = entry.2.get_or_insert_default();
            }
        }
        tree
    }

    fn key(&mut self, key: &str) -> &mut (String, Option<usize>, Option<Tree>) {
        let at = self.keys.iter().position(|(known, ..)| known == key).unwrap_or_else(|| {
            self.keys.push((key.to_owned(), None, None));
            self.keys.len() - 1
        });
        &mut self.keys[at]
    }
}

/// A value of a wanted column.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Field<'a> {
    #[default]
    Null,
    Text(Cow<'a, str>),
    Int(i64),
    UInt(u64),
    Float(f64),
    Bool(bool),
    Other,
}

impl Field<'_> {
    pub(super) fn cell(&self) -> Cell<'_> {
        match self {
            Field::Null => Cell::Null,
            Field::Text(text) => Cell::Text(text),
            Field::Int(value) => Cell::Int(*value),
            Field::UInt(value) => Cell::UInt(*value),
            Field::Float(value) => Cell::Float(*value),
            Field::Bool(value) => Cell::Bool(*value),
            Field::Other => Cell::Other,
        }
    }
}

pub(super) type Fields<'a> = [Field<'a>; COLUMNS];

/// The wanted values of an object.
pub(super) fn parse<'a>(object: &'a [u8], tree: &Tree) -> Result<Fields<'a>, String> {
    let mut json = serde_json::Deserializer::from_slice(object);
    let mut row = Row::default();
    ObjectSeed { tree, row: &mut row }.deserialize(&mut json).map_err(|error| error.to_string())?;
    json.end().map_err(|error| error.to_string())?;
    Ok(row.fields)
}

#[derive(Default)]
struct Row<'a> {
    fields: Fields<'a>,
    given: [bool; COLUMNS],
}

struct ObjectSeed<'s, 'de> {
    tree: &'s Tree,
    row: &'s mut Row<'de>,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let ObjectSeed { tree, row } = self;
        while let Some(at) = map.next_key_seed(KeySeed { tree })? {
            let Some((_, slot, below)) = at.map(|at| &tree.keys[at]) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if let Some(slot) = *slot
                && std::mem::replace(&mut row.given[slot], true)
            {
                let name = Column::ALL[slot.min(COLUMNS - 1)].name();
                return Err(A::Error::custom(format_args!("`{name}` stands twice")));
            }
            let field = map.next_value_seed(ValueSeed { below: below.as_ref(), row })?;
            if let Some(slot) = *slot {
                row.fields[slot] = field;
            }
        }
        Ok(())
    }
}

/// Reads a key, and says which of the tree it is.
struct KeySeed<'s> {
    tree: &'s Tree,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.tree.keys.iter().position(|(key, ..)| key == name))
    }
}

struct ValueSeed<'s, 'de> {
    below: Option<&'s Tree>,
    row: &'s mut Row<'de>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, 'de> {
    type Value = Field<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, 'de> {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Field::Bool(value))
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

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        match self.below {
            Some(tree) => ObjectSeed { tree, row: self.row }.visit_map(map)?,
            None => {
                let mut map = map;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            }
        }
        Ok(Field::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Fields<'_>, String> {
        let mut names: Vec<(usize, String)> =
            Column::ALL.into_iter().map(|column| (column as usize, column.name().to_owned())).collect();
        names.retain(|(slot, _)| *slot != Column::Promotion as usize);
        names.push((Column::Promotion as usize, "deep.code".to_owned()));
        parse(line.as_bytes(), &Tree::new(&Wanted { names, ..Wanted::default() }))
    }

    #[test]
    fn values_keep_their_kind() {
        let line = r#"{"customer_id": 7, "amount": 1.5, "quantity": -2, "category": null, "channel": "w\u00e9b",
            "kind": {"deep": [1, {"amount": 3}]}, "test": true, "order_id": [1], "unknown": {"customer_id": 8},
            "deep": {"code": "spring", "other": 1}}"#;
        let fields = parsed(line).unwrap();
        assert_eq!(fields[Column::CustomerId as usize], Field::UInt(7));
        assert_eq!(fields[Column::Amount as usize], Field::Float(1.5));
        assert_eq!(fields[Column::Quantity as usize], Field::Int(-2));
        assert_eq!(fields[Column::Category as usize], Field::Null);
        assert_eq!(fields[Column::Channel as usize], Field::Text("wéb".into()));
        assert_eq!(fields[Column::Test as usize], Field::Bool(true));
        assert_eq!(fields[Column::Promotion as usize], Field::Text("spring".into()));
        for column in [Column::Kind, Column::OrderId] {
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
