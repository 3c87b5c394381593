//! The SQL that both engines run, in PostgreSQL.

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::session::{Parameter, Session};
use super::text::{original, stored};
use super::{Inner, LOCKS, PostgresStore, feed, read, write};
use crate::Error;
use crate::sql::{Cursors, Engine, Held, Row, Sql, Statements, Value, params};
use crate::state::Clock;
use crate::transfer::Customer;

type Refusal = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Value<'_> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Truth(truth) => truth.to_sql(of, out),
            Value::Integer(number) if *of == Type::INT4 => i32::try_from(*number)?.to_sql(of, out),
            Value::Integer(number) => number.to_sql(of, out),
            Value::Real(number) => number.to_sql(of, out),
            Value::Text(text) => stored(text).to_sql(of, out),
            Value::Bytes(bytes) => bytes.to_sql(of, out),
        }
    }

    fn accepts(of: &Type) -> bool {
        is_known(of)
    }

    to_sql_checked!();
}

impl FromSql<'_> for Value<'static> {
    fn from_sql(of: &Type, raw: &[u8]) -> Result<Self, Refusal> {
        Ok(match *of {
            Type::BOOL => Value::Truth(bool::from_sql(of, raw)?),
            Type::INT4 => Value::Integer(i32::from_sql(of, raw)?.into()),
            Type::INT8 => Value::Integer(i64::from_sql(of, raw)?),
            Type::FLOAT8 => Value::Real(f64::from_sql(of, raw)?),
            Type::TEXT => Value::Text(original(String::from_sql(of, raw)?).into()),
            _ => Value::Bytes(Vec::from_sql(of, raw)?.into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Refusal> {
        Ok(Value::Null)
    }

    fn accepts(of: &Type) -> bool {
        is_known(of)
    }
}

fn is_known(of: &Type) -> bool {
    [Type::BOOL, Type::INT4, Type::INT8, Type::FLOAT8, Type::TEXT, Type::BYTEA].contains(of)
}

/// Runs statements on a connection.
pub(super) struct Runner<'a> {
    pub session: &'a mut Session,
    pub store: &'a PostgresStore,
}

fn parameters<'a>(values: &'a [Value<'a>]) -> Vec<Parameter<'a>> {
    values.iter().map(|value| value as Parameter<'a>).collect()
}

impl Sql for Runner<'_> {
    type Error = tokio_postgres::Error;

    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Inner<Vec<Row>> {
        let rows = self.session.step(async |wire| wire.query(sql, &parameters(values)).await)?;
        let row = |row: tokio_postgres::Row| {
            let values = (0..row.len()).map(|at| row.try_get(at));
            Ok(Row::new(values.collect::<Result<_, _>>()?))
        };
        rows.into_iter().map(row).collect()
    }

    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Inner<u64> {
        self.session.step(async |wire| wire.execute(sql, &parameters(values)).await)
    }

    fn alone(&mut self) -> Inner<()> {
        let lock = format!("SELECT pg_advisory_xact_lock({})", LOCKS.writers);
        self.session.step(async |wire| wire.run(&lock).await)
    }

    fn cursors(&mut self) -> Inner<Cursors> {
        self.session.step(async |wire| {
            let settled = feed::settled(wire).await?;
            Ok(Cursors { settled, given: feed::given(wire).await? })
        })
    }

    fn held(&mut self, customer_id: &str) -> Inner<Held> {
        let store = self.store;
        self.session.step(async |wire| {
            let ids = "SELECT event_id FROM homing.event_ids WHERE customer_id = $1 ORDER BY event_id";
            let ids = wire.query(ids, &[&stored(customer_id)]).await?;
            Ok(Held {
                profile: read::profile(wire, store, customer_id).await?,
                history: read::history(wire, customer_id).await?,
                event_ids: ids.iter().map(|row| Ok(original(row.try_get(0)?))).collect::<Inner<_>>()?,
            })
        })
    }

    fn event_owner(&mut self, event_id: &str) -> Inner<Option<String>> {
        let row = self.one("SELECT customer_id FROM event_ids WHERE event_id = $1", params![event_id])?;
        Ok(row.map(|mut row| row.take()).transpose()?)
    }

    fn move_event_ids(&mut self, from: &str, into: &str) -> Inner<()> {
        self.execute("UPDATE event_ids SET customer_id = $2 WHERE customer_id = $1", params![from, into])?;
        Ok(())
    }

    fn announce(&mut self) -> Inner<()> {
        self.session.step(async |wire| wire.run(&write::feed_lock()).await)
    }

    fn set_clock_back(&mut self, latest: i64, to: i64) -> Inner<()> {
        for column in ["happened_until", "known_until"] {
            let back = format!("UPDATE clocks SET {column} = $2 WHERE {column} > $1");
            self.execute(&back, params![latest, to])?;
        }
        Ok(())
    }

    fn customers(&mut self, after: Option<&str>, limit: u32) -> Inner<Vec<Customer>> {
        let store = self.store;
        self.session.step(async |wire| read::customers(wire, store, after, limit).await)
    }

    fn clock(&mut self) -> Inner<Clock> {
        let row = self.one("SELECT max(happened_until), max(known_until) FROM clocks", &[])?;
        let Some(mut row) = row else { return Ok(Clock::default()) };
        Ok(Clock { happened: row.take()?, known: row.take()? })
    }

    fn clear_profiles(&mut self) -> Inner<()> {
        for table in ["event_ids", "histories", "profiles"] {
            self.execute(&format!("DELETE FROM {table}"), &[])?;
        }
        self.execute("UPDATE clocks SET happened_until = NULL, known_until = NULL", &[])?;
        Ok(())
    }

    fn continue_after(&mut self, cursor: i64) -> Inner<()> {
        if cursor > 0 {
            self.query("SELECT setval('homing.change_cursor', $1)", params![cursor])?;
        }
        for (table, column) in [("audit", "entry"), ("dead_letters", "letter")] {
            let largest = format!(
                "SELECT setval(pg_get_serial_sequence('homing.{table}', '{column}'), max({column})) FROM {table}
                 HAVING max({column}) > 0"
            );
            self.query(&largest, &[])?;
        }
        Ok(())
    }

    fn overriding(&self) -> &'static str {
        "OVERRIDING SYSTEM VALUE"
    }

    fn remove_profile(&mut self, customer_id: &str) -> Inner<u64> {
        let mut gone = 0;
        for table in ["event_ids", "histories", "profiles"] {
            gone +=
                self.execute(&format!("DELETE FROM {table} WHERE customer_id = $1"), params![customer_id])?;
        }
        Ok(gone)
    }
}

impl PostgresStore {
    fn run<T>(
        &self,
        begin: &str,
        mut work: impl FnMut(Statements<'_, tokio_postgres::Error>) -> Inner<T>,
    ) -> Result<T, Error> {
        self.pool.run(|session| {
            session.step(async |wire| wire.run(begin).await)?;
            let done = work(&mut Runner { session: &mut *session, store: self })?;
            session.step(async |wire| wire.run("COMMIT").await)?;
            Ok(done)
        })
    }
}

impl Engine for PostgresStore {
    type Error = tokio_postgres::Error;

    fn erasure_key(&self) -> &[u8; 32] {
        &self.erasure_key
    }

    fn read<T>(&self, mut work: impl FnMut(Statements<'_, Self::Error>) -> Inner<T>) -> Result<T, Error> {
        self.pool.run(|session| work(&mut Runner { session, store: self }))
    }

    fn snapshot<T>(&self, work: impl FnMut(Statements<'_, Self::Error>) -> Inner<T>) -> Result<T, Error> {
        self.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", work)
    }

    fn write<T>(&self, work: impl FnMut(Statements<'_, Self::Error>) -> Inner<T>) -> Result<T, Error> {
        self.run("BEGIN", work)
    }
}
