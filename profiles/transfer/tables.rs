//! The tables that every store has, as their declaration in [`crate::schema`] says.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::record::base64_bytes;
use crate::sql::{Unreadable, Value};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Text,
    Integer,
    Real,
    Truth,
    Bytes,
}

/// A table.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    pub name: String,
    columns: Vec<(String, Holds)>,
    /// Positions of the columns of the primary key.
    pub key: Vec<usize>,
}

/// Reads the tables out of their declarations.
pub(super) fn tables(declarations: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut within = false;
    for line in declarations.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("CREATE TABLE ") {
            let name = name.trim_end_matches(" (").to_owned();
            tables.push(Table { name, columns: Vec::new(), key: Vec::new() });
            within = true;
        } else if line.starts_with(')') {
            within = false;
        } else if let (true, Some(table)) = (within, tables.last_mut()) {
            table.take(line);
        }
    }
    tables
}

impl Table {
    fn take(&mut self, line: &str) {
        if let Some(columns) = line.strip_prefix("PRIMARY KEY (") {
            let named = columns.trim_end_matches(')').split(", ");
            self.key =
                named.filter_map(|name| self.columns.iter().position(|(own, _)| own == name)).collect();
            return;
        }
        let mut words = line.split([' ', ',']);
        let (Some(name), Some(of)) = (words.next(), words.next()) else { return };
        let holds = match of {
            "{text}" | "{id}" => Holds::Text,
            "{integer}" | "{day}" | "{serial}" | "{entry}" | "{cursor}" => Holds::Integer,
            "{real}" => Holds::Real,
            "{truth}" => Holds::Truth,
            "{bytes}" => Holds::Bytes,
            _ => return,
        };
        if line.contains("PRIMARY KEY") || matches!(of, "{serial}" | "{entry}" | "{cursor}") {
            self.key = vec![self.columns.len()];
        }
        self.columns.push((name.to_owned(), holds));
    }

    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The statement that reads up to `limit` rows, in the order of the key; `after`: those after the row whose key is given.
    pub fn page(&self, after: bool, limit: u32) -> String {
        let key: Vec<&str> =
            self.key.iter().filter_map(|&at| self.columns.get(at)).map(|(name, _)| name.as_str()).collect();
        let places: Vec<String> = (1..=key.len()).map(|at| format!("${at}")).collect();
        let (key, name) = (key.join(", "), &self.name);
        let from = if after { format!(" WHERE ({key}) > ({})", places.join(", ")) } else { String::new() };
        format!("SELECT {} FROM {name}{from} ORDER BY {key} LIMIT {limit}", self.names())
    }

    /// The beginning of the statement that inserts rows; `overriding`: what an engine needs to take given numbers.
    pub fn insert(&self, overriding: &str) -> String {
        format!("INSERT INTO {} ({}) {overriding}", self.name, self.names())
    }

    /// A row as JSON.
    pub fn json(&self, row: &[Value<'_>]) -> Result<Vec<Json>, Unreadable> {
        let cell = |((name, holds), value): (&(String, Holds), &Value<'_>)| {
            let unlike =
                || Unreadable(format!("a value of {}.{name} is not of the column's type", self.name));
            Ok(match (value, holds) {
                (Value::Null, _) => Json::Null,
                (Value::Truth(truth), Holds::Truth) => Json::from(*truth),
                (Value::Integer(number @ (0 | 1)), Holds::Truth) => Json::from(*number == 1),
                (Value::Integer(number), Holds::Integer) => Json::from(*number),
                (Value::Real(number), Holds::Real) if number.is_finite() => Json::from(*number),
                (Value::Text(text), Holds::Text) => Json::from(text.as_ref()),
                (Value::Bytes(bytes), Holds::Bytes) => Json::from(base64_bytes::encode(bytes)),
                _ => return Err(unlike()),
            })
        };
        self.columns.iter().zip(row).map(cell).collect()
    }

    /// A row from JSON; `None` where it is not one of this table.
    pub fn row(&self, values: Vec<Json>) -> Option<Vec<Value<'static>>> {
        if values.len() != self.columns.len() {
            return None;
        }
        let cell = |((_, holds), value): (&(String, Holds), Json)| {
            Some(match (value, holds) {
                (Json::Null, _) => Value::Null,
                (Json::Bool(truth), Holds::Truth) => Value::Truth(truth),
                (Json::Number(number), Holds::Integer) => Value::Integer(number.as_i64()?),
                (Json::Number(number), Holds::Real) => Value::Real(number.as_f64()?),
                (Json::String(text), Holds::Text) => Value::Text(Cow::Owned(text)),
                (Json::String(text), Holds::Bytes) => Value::Bytes(base64_bytes::decode(&text)?.into()),
                _ => return None,
            })
        };
        self.columns.iter().zip(values).map(cell).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;
    use crate::sqlite::DIALECT;

    #[test]
    fn every_column_of_every_table_is_carried() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        // What the indexes on profiles need is not of these tables.
        for statement in DIALECT.tables().split_inclusive(';') {
            connection.execute_batch(statement).unwrap();
        }
        let mut names = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
            .unwrap();
        let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut known = tables(&schema::declarations());
        known.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(known.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), names);
        for table in known {
            let mut columns = connection.prepare(&format!("PRAGMA table_info({})", table.name)).unwrap();
            let columns: Vec<(String, u32)> = columns
                .query_map([], |row| Ok((row.get("name")?, row.get("pk")?)))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let own: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(
                own,
                columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
                "{}",
                table.name
            );
            let keyed = columns.iter().enumerate().filter(|(_, (_, pk))| *pk > 0).map(|(at, _)| at);
            assert_eq!(table.key, keyed.collect::<Vec<_>>(), "{}", table.name);
        }
    }
}
