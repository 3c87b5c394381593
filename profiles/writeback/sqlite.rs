//! The CRM's table in SQLite.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params_from_iter};
use serde_json::Value;

use super::{Fault, NAMED, Read, Report, Row, Settings, Target, quoted};

/// A table of a SQLite file.
pub(super) struct Table {
    connection: Mutex<Connection>,
    database: String,
    table: String,
    key: String,
    columns: Vec<String>,
}

impl Table {
    pub fn open(path: &str, settings: &Settings) -> Result<Self, Fault> {
        let database = format!("sqlite:{path}");
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            Ok(connection)
        };
        let unreachable = |error: rusqlite::Error| Fault::Unreachable {
            database: database.clone(),
            detail: error.to_string(),
        };
        let connection = Mutex::new(open().map_err(unreachable)?);
        Ok(Table {
            connection,
            table: settings.table.clone(),
            key: settings.key.clone(),
            columns: settings.columns.values().cloned().collect(),
            database,
        })
    }

    fn wrong(&self, detail: impl Into<String>) -> Fault {
        Fault::Table { table: self.table.clone(), detail: detail.into() }
    }

    fn fault(&self, error: &rusqlite::Error) -> Fault {
        match error.sqlite_error_code() {
            // `SQLITE_ERROR`: no such table, no such column.
            Some(rusqlite::ErrorCode::Unknown) | None => self.wrong(error.to_string()),
            _ => Fault::Unreachable { database: self.database.clone(), detail: error.to_string() },
        }
    }

    fn name(&self) -> String {
        quoted(&self.table)
    }

    fn update(&self) -> String {
        let set: Vec<String> =
            self.columns.iter().enumerate().map(|(at, c)| format!("{} = ?{}", quoted(c), at + 2)).collect();
        let differs: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, c)| format!("{} IS NOT ?{}", quoted(c), at + 2))
            .collect();
        let (table, key) = (self.name(), quoted(&self.key));
        format!("UPDATE {table} SET {} WHERE {key} = ?1 AND ({})", set.join(", "), differs.join(" OR "))
    }

    fn write_row(&self, connection: &Connection, row: &Row, report: &mut Report) -> rusqlite::Result<()> {
        let values = std::iter::once(Sql::Text(row.customer_id.clone()))
            .chain(row.values.iter().map(sql_value))
            .collect::<Vec<_>>();
        match connection.prepare_cached(&self.update())?.execute(params_from_iter(&values)) {
            Ok(0) => {
                let sql = format!("SELECT 1 FROM {} WHERE {} = ?1", self.name(), quoted(&self.key));
                let found: Option<i64> =
                    connection.prepare_cached(&sql)?.query_row([&values[0]], |row| row.get(0)).optional()?;
                match found {
                    Some(_) => report.unchanged += 1,
                    None => {
                        report.missing += 1;
                        report.missing_ids.push(row.customer_id.clone());
                    }
                }
            }
            Ok(_) => report.written += 1,
            // A STRICT table or a CHECK that does not take the value: a matter of this row.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                report.refused.push((row.customer_id.clone(), error.to_string()));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Target for Table {
    fn check(&self, numbers: &[bool]) -> Result<(), Fault> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let known: Vec<(String, String)> = connection
            .prepare("SELECT name, upper(type) FROM pragma_table_info(?1)")
            .and_then(|mut statement| {
                statement.query_map([&self.table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .map_err(|error| self.fault(&error))?;
        if known.is_empty() {
            return Err(self.wrong(format!("no such table in {}", self.database)));
        }
        let type_of =
            |column: &str| known.iter().find(|(name, _)| name == column).map(|(_, kind)| kind.as_str());
        for column in std::iter::once(&self.key).chain(&self.columns) {
            if type_of(column).is_none() {
                return Err(self.wrong(format!("no column `{column}`")));
            }
        }
        for (column, number) in self.columns.iter().zip(numbers) {
            let kind = type_of(column).unwrap_or_default();
            let is_text = ["CHAR", "CLOB", "TEXT", "BLOB"].iter().any(|text| kind.contains(text));
            if *number && (is_text || kind.contains("INT")) {
                return Err(self.wrong(format!(
                    "the column `{column}` is {kind} and cannot store a score; make it REAL"
                )));
            }
        }
        let unique: bool = connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2 AND pk = 1
                     AND (SELECT count(*) FROM pragma_table_info(?1) WHERE pk > 0) = 1)
                 OR EXISTS (SELECT 1 FROM pragma_index_list(?1) l WHERE l.\"unique\" AND NOT l.partial
                     AND (SELECT group_concat(name) FROM pragma_index_info(l.name)) = ?2)",
                [&self.table, &self.key],
                |row| row.get(0),
            )
            .map_err(|error| self.fault(&error))?;
        if !unique {
            return Err(self.wrong(format!(
                "the key `{}` is not unique; make it the primary key or add a unique index",
                self.key
            )));
        }
        Ok(())
    }

    fn write(&self, read: &Read<'_>) -> Result<Report, Fault> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| self.fault(&error))?;
        let rows = read()?;
        let mut report = Report { customers: rows.len() as u64, ..Report::default() };
        for row in &rows {
            self.write_row(&transaction, row, &mut report).map_err(|error| self.fault(&error))?;
        }
        transaction.commit().map_err(|error| self.fault(&error))?;
        report.missing_ids.truncate(NAMED);
        Ok(report)
    }
}

fn sql_value(value: &Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Bool(truth) => Sql::Integer(i64::from(*truth)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Sql::Integer(whole),
            (None, Some(real)) => Sql::Real(real),
            (None, None) => Sql::Null,
        },
        Value::String(text) => Sql::Text(text.clone()),
        other => Sql::Text(other.to_string()),
    }
}
