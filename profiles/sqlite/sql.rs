//! The SQL that both engines run, in SQLite.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Statement, ToSql};

use super::rows::{self, TagNames};
use super::{Fault, Inner, SECURE_DELETE, SqliteStore, feed, locked, read};
use crate::Error;
use crate::sql::{Cursors, Engine, Held, Row, Sql, Statements, Unreadable, Value, params};
use crate::state::Clock;
use crate::transfer::Customer;

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Truth(truth) => ValueRef::Integer((*truth).into()),
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn owned(value: ValueRef<'_>) -> Result<Value<'static>, Unreadable> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => match String::from_utf8(text.to_vec()) {
            Ok(text) => Value::Text(text.into()),
            Err(_) => return Err(Unreadable("a text is not valid UTF-8".to_owned())),
        },
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec().into()),
    })
}

/// SQLite numbers parameters in the order in which it meets them, so `$2` is known by its name.
fn bind(statement: &mut Statement<'_>, values: &[Value<'_>]) -> rusqlite::Result<()> {
    for at in 1..=statement.parameter_count() {
        let number =
            statement.parameter_name(at).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(at, values.len()))?;
        statement.raw_bind_parameter(at, value)?;
    }
    Ok(())
}

/// Runs statements on a connection.
pub(super) struct Runner<'a> {
    pub connection: &'a Connection,
    pub names: &'a mut TagNames,
    pub store: &'a SqliteStore,
}

impl Sql for Runner<'_> {
    type Error = rusqlite::Error;

    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Inner<Vec<Row>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        bind(&mut statement, values)?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|at| Ok(owned(row.get_ref(at)?)?));
            found.push(Row::new(values.collect::<Inner<_>>()?));
        }
        Ok(found)
    }

    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Inner<u64> {
        let mut statement = self.connection.prepare_cached(sql)?;
        bind(&mut statement, values)?;
        Ok(statement.raw_execute()? as u64)
    }

    /// A transaction that writes is alone anyway.
    fn alone(&mut self) -> Inner<()> {
        Ok(())
    }

    /// Transactions that write come one after the other, so every cursor that was given out is settled.
    fn cursors(&mut self) -> Inner<Cursors> {
        let newest = feed::newest(self.connection)?;
        Ok(Cursors { settled: newest, given: newest })
    }

    fn held(&mut self, customer_id: &str) -> Inner<Held> {
        let event_ids = self
            .connection
            .prepare_cached(
                "SELECT event_id FROM event_ids WHERE profile = (SELECT profile FROM profiles WHERE customer_id = ?1)
                 ORDER BY event_id",
            )?
            .query_map([customer_id], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Held {
            profile: read::profile(self.connection, self.names, self.store, customer_id)?,
            history: read::history(self.connection, customer_id)?,
            event_ids,
        })
    }

    fn event_owner(&mut self, event_id: &str) -> Inner<Option<String>> {
        let row = self.one(
            "SELECT p.customer_id FROM event_ids e JOIN profiles p ON p.profile = e.profile WHERE e.event_id = $1",
            params![event_id],
        )?;
        Ok(row.map(|mut row| row.take()).transpose()?)
    }

    fn move_event_ids(&mut self, from: &str, into: &str) -> Inner<()> {
        self.execute(
            "UPDATE event_ids SET profile = (SELECT profile FROM profiles WHERE customer_id = $2)
             WHERE profile = (SELECT profile FROM profiles WHERE customer_id = $1)",
            params![from, into],
        )?;
        Ok(())
    }

    /// There is one writer, so no reader can run past a cursor.
    fn announce(&mut self) -> Inner<()> {
        Ok(())
    }

    fn set_clock_back(&mut self, latest: i64, to: i64) -> Inner<()> {
        let back =
            "UPDATE settings SET value = $2 WHERE name IN ('happened_until', 'known_until') AND value > $1";
        self.execute(back, params![latest, to])?;
        Ok(())
    }

    fn customers(&mut self, after: Option<&str>, limit: u32) -> Inner<Vec<Customer>> {
        rows::customers(self.connection, self.names, after, limit)
    }

    fn clock(&mut self) -> Inner<Clock> {
        rows::clock(self.connection)
    }

    fn clear_profiles(&mut self) -> Inner<()> {
        for table in ["event_ids", "labels", "states", "profiles"] {
            self.execute(&format!("DELETE FROM {table}"), &[])?;
        }
        Ok(())
    }

    fn continue_after(&mut self, cursor: i64) -> Inner<()> {
        if self.execute("UPDATE sqlite_sequence SET seq = $1 WHERE name = 'changes'", params![cursor])? == 0 {
            self.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', $1)", params![cursor])?;
        }
        Ok(())
    }

    fn remove_profile(&mut self, customer_id: &str) -> Inner<u64> {
        let number = "SELECT profile FROM profiles WHERE customer_id = ?1";
        let number: Option<i64> =
            self.connection.query_row(number, [customer_id], |row| row.get(0)).optional()?;
        let Some(profile) = number else { return Ok(0) };
        let ids = self.connection.execute("DELETE FROM event_ids WHERE profile = ?1", [profile])?;
        Ok((ids + rows::remove(self.connection, profile)?) as u64)
    }
}

impl Engine for SqliteStore {
    type Error = rusqlite::Error;

    fn erasure_key(&self) -> &[u8; 32] {
        &self.erasure_key
    }

    fn read<T>(&self, work: impl FnMut(Statements<'_, Self::Error>) -> Inner<T>) -> Result<T, Error> {
        self.snapshot(work)
    }

    fn snapshot<T>(&self, mut work: impl FnMut(Statements<'_, Self::Error>) -> Inner<T>) -> Result<T, Error> {
        SqliteStore::read(self, |connection, names| work(&mut Runner { connection, names, store: self }))
    }

    fn write<T>(&self, mut work: impl FnMut(Statements<'_, Self::Error>) -> Inner<T>) -> Result<T, Error> {
        SqliteStore::write(self, |connection, names| work(&mut Runner { connection, names, store: self }))
    }

    fn erase_with<T>(
        &self,
        mut work: impl FnMut(Statements<'_, Self::Error>) -> Inner<T>,
    ) -> Result<T, Error> {
        let done = SqliteStore::write(self, |connection, names| {
            // What is deleted is overwritten with zeros, in the file and not only in its table of contents.
            connection.pragma_update(None, "secure_delete", true)?;
            let done = work(&mut Runner { connection, names, store: self });
            connection.pragma_update(None, "secure_delete", SECURE_DELETE)?;
            done
        })?;
        // The log still has the pages as they were. A reader keeps it from being emptied; then the next
        // checkpoint does it.
        let _ = locked(&self.writer).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(done)
    }

    fn rewrite(&self) -> Result<bool, Error> {
        // When SQLite splits a page, the cells that move away stay behind as unused bytes, which `secure_delete` does not cover.
        let writer = locked(&self.writer);
        let run = || -> Inner<()> {
            let page = |name: &str| writer.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            let bytes = page("page_size")?.saturating_mul(page("page_count")?);
            let place = if bytes > IN_MEMORY { "FILE" } else { "MEMORY" };
            writer.pragma_update(None, "temp_store", place)?;
            let done = writer.execute_batch("VACUUM");
            writer.pragma_update(None, "temp_store", "MEMORY")?;
            done?;
            // What was there before is in the log, too, until it is emptied.
            let busy: bool = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if busy {
                return Err(Fault::Known(Error::Locked(self.place().to_owned())));
            }
            Ok(())
        };
        run().map_err(|fault| self.known(fault))?;
        Ok(true)
    }
}

/// Files up to this size are rewritten by way of memory, larger ones by way of a temporary file.
const IN_MEMORY: i64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_known_by_their_number_wherever_they_stand() {
        let connection = Connection::open_in_memory().unwrap();
        let mut statement = connection.prepare("SELECT $3, $1, $1, $2").unwrap();
        bind(&mut statement, crate::sql::params!["one", 2i64, Option::<i64>::None]).unwrap();
        let mut rows = statement.raw_query();
        let row = rows.next().unwrap().unwrap();
        assert_eq!((row.get(0), row.get(1)), (Ok(None::<i64>), Ok("one".to_owned())));
        assert_eq!((row.get(2), row.get(3)), (Ok("one".to_owned()), Ok(2)));
        let mut few = connection.prepare("SELECT $2").unwrap();
        assert!(bind(&mut few, crate::sql::params![1i64]).is_err());
    }
}
