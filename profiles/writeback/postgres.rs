//! The CRM's table in PostgreSQL.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::{Fault, NAMED, Read, Report, Row, Settings, Target, quoted, text_of};
use crate::Error;
use crate::postgres::{Door, DoorFault, Line};

/// Types that a column may have, by their names in `pg_type`.
const NUMBERS: [&str; 3] = ["float4", "float8", "numeric"];
const OTHERS: [&str; 10] =
    ["text", "varchar", "bpchar", "int2", "int4", "int8", "bool", "timestamptz", "timestamp", "date"];

/// A column as the database describes it.
struct Column {
    name: String,
    /// What a text is cast to before it is compared.
    cast: String,
}

/// A table of a PostgreSQL database.
pub(super) struct Table {
    door: Door,
    table: String,
    key: String,
    columns: Vec<String>,
    checked: Mutex<Option<(Column, Vec<Column>)>>,
}

impl Table {
    pub fn open(url: &str, settings: &Settings) -> Result<Self, Fault> {
        let door = Door::to(url)?;
        Ok(Table {
            door,
            table: settings.table.clone(),
            key: settings.key.clone(),
            columns: settings.columns.values().cloned().collect(),
            checked: Mutex::default(),
        })
    }

    fn wrong(&self, detail: impl Into<String>) -> Fault {
        Fault::Table { table: self.table.clone(), detail: detail.into() }
    }

    fn fault(&self, fault: DoorFault) -> Fault {
        match fault {
            // Undefined column or table, no right to it, a type that does not fit.
            DoorFault::Sql { code, detail } if matches!(code.get(..2), Some("42")) => self.wrong(detail),
            DoorFault::Sql { detail, .. } => {
                Fault::Unreachable { database: self.door.place().to_owned(), detail }
            }
            DoorFault::Store(error @ Error::Unreachable { .. }) => {
                Fault::Unreachable { database: self.door.place().to_owned(), detail: error.to_string() }
            }
            DoorFault::Store(error) => Fault::Store(error),
        }
    }

    /// `schema.table` in quotes.
    fn name(&self) -> String {
        self.table.split('.').map(quoted).collect::<Vec<_>>().join(".")
    }

    fn update(&self, key: &Column, columns: &[Column]) -> String {
        let table = self.name();
        let places: Vec<String> = (0..=columns.len()).map(|at| format!("${}::text[]", at + 1)).collect();
        let aliases: Vec<String> = (0..=columns.len()).map(|at| format!("v{at}")).collect();
        let set: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(at, column)| format!("{} = x.v{}::{}", quoted(&column.name), at + 1, column.cast))
            .collect();
        let differs: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                format!("t.{} IS DISTINCT FROM x.v{}::{}", quoted(&column.name), at + 1, column.cast)
            })
            .collect();
        format!(
            "UPDATE {table} AS t SET {} FROM unnest({}) AS x({}) WHERE t.{} = x.v0::{} AND ({})",
            set.join(", "),
            places.join(", "),
            aliases.join(", "),
            quoted(&key.name),
            key.cast,
            differs.join(" OR ")
        )
    }
}

/// One list of texts a column, the ids first.
fn by_column(rows: &[&Row], columns: usize) -> Vec<Vec<Option<String>>> {
    let ids = rows.iter().map(|row| Some(row.customer_id.clone())).collect();
    let values = |at: usize| rows.iter().map(|row| row.values.get(at).and_then(text_of)).collect();
    std::iter::once(ids).chain((0..columns).map(values)).collect()
}

impl Target for Table {
    fn check(&self, numbers: &[bool]) -> Result<(), Fault> {
        let sql = "SELECT a.attname::text, t.typname::text, format_type(a.atttypid, a.atttypmod),
                 has_column_privilege(c.oid, a.attnum, 'UPDATE'), has_column_privilege(c.oid, a.attnum, 'SELECT'),
                 EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indpred IS NULL
                     AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
             WHERE c.oid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped";
        let found =
            self.door.query(sql, &self.name()).map_err(|error| self.fault(DoorFault::Store(error)))?;
        if found.is_empty() {
            return Err(self.wrong(format!("no such table in {}", self.door.place())));
        }
        let attribute = |row: &Line| {
            Ok((row.text(0)?, (row.text(1)?, row.text(2)?, [row.truth(3)?, row.truth(4)?, row.truth(5)?])))
        };
        let found: BTreeMap<String, (String, String, [bool; 3])> = found
            .iter()
            .map(attribute)
            .collect::<Result<_, DoorFault>>()
            .map_err(|error| self.fault(error))?;
        let column = |name: &str, score: Option<bool>| -> Result<Column, Fault> {
            let Some((kind, full, [may_update, may_select, is_unique])) = found.get(name) else {
                return Err(self.wrong(format!("no column `{name}`")));
            };
            let fits = match score {
                Some(true) => NUMBERS.contains(&kind.as_str()),
                Some(false) => NUMBERS.contains(&kind.as_str()) || OTHERS.contains(&kind.as_str()),
                None => matches!(kind.as_str(), "text" | "varchar" | "bpchar" | "int2" | "int4" | "int8"),
            };
            if !fits {
                let wanted = match score {
                    Some(true) => "cannot store a score; make it double precision, real or numeric",
                    Some(false) => "cannot store a tag; make it text, a number, boolean, date or timestamp",
                    None => "cannot be the key; make it text or an integer",
                };
                return Err(self.wrong(format!("the column `{name}` is {full} and {wanted}")));
            }
            if !may_select || (score.is_some() && !may_update) {
                return Err(self.wrong(format!(
                    "homing may not read or update the column `{name}`; grant SELECT and UPDATE on it"
                )));
            }
            if score.is_none() && !is_unique {
                return Err(self.wrong(format!(
                    "the key `{name}` is not unique; make it the primary key or add a unique index"
                )));
            }
            // A text is compared whole, so that one that is too long is refused and not cut.
            let is_text = matches!(kind.as_str(), "text" | "varchar" | "bpchar");
            Ok(Column { name: name.to_owned(), cast: if is_text { "text".to_owned() } else { full.clone() } })
        };
        let key = column(&self.key, None)?;
        let columns = self
            .columns
            .iter()
            .zip(numbers)
            .map(|(name, number)| column(name, Some(*number)))
            .collect::<Result<Vec<_>, Fault>>()?;
        *self.checked.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((key, columns));
        Ok(())
    }

    fn write(&self, read: &Read<'_>) -> Result<Report, Fault> {
        let checked = self.checked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some((key, columns)) = checked.as_ref() else {
            return Err(self.wrong("internal error: the table was not checked before writing"));
        };
        let update = self.update(key, columns);
        let find = format!(
            "SELECT x.v0 FROM unnest($1::text[]) AS x(v0)
             WHERE NOT EXISTS (SELECT 1 FROM {} t WHERE t.{} = x.v0::{})",
            self.name(),
            quoted(&key.name),
            key.cast
        );
        let mut report = Report::default();
        self.door
            .alone(&self.table, &mut |hand| {
                let rows = read()?;
                report = Report { customers: rows.len() as u64, ..Report::default() };
                // A key that is a number has no member by any other name.
                let whole = key.cast != "text";
                let (fitting, others): (Vec<&Row>, Vec<&Row>) =
                    rows.iter().partition(|row| !whole || row.customer_id.parse::<i64>().is_ok());
                let ids: Vec<Option<String>> =
                    fitting.iter().map(|row| Some(row.customer_id.clone())).collect();
                let mut missing: Vec<String> = others.iter().map(|row| row.customer_id.clone()).collect();
                for line in hand.query_lists(&find, &[ids])? {
                    missing.push(line.text(0)?);
                }
                report.missing = missing.len() as u64;
                let there: Vec<&Row> =
                    fitting.into_iter().filter(|row| !missing.contains(&row.customer_id)).collect();
                missing.truncate(NAMED);
                report.missing_ids = missing;
                match hand.update_lists(&update, &by_column(&there, columns.len()))? {
                    Ok(written) => report.written = written,
                    // One row at fault must not hold up the others: each by itself.
                    Err(_) => {
                        for row in &there {
                            match hand.update_lists(&update, &by_column(&[row], columns.len()))? {
                                Ok(written) => report.written += written,
                                Err(reason) => report.refused.push((row.customer_id.clone(), reason)),
                            }
                        }
                    }
                }
                report.unchanged = there.len() as u64 - report.written - report.refused.len() as u64;
                Ok(())
            })
            .map_err(|fault| self.fault(fault))?;
        Ok(report)
    }
}
