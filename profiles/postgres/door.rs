//! A way into other tables of a database, for the write-back: SQL with texts in and texts out.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::session::{Held, Pool, Wire, without_rows, words};
use super::{Fault, Inner, without_password};
use crate::Error;

/// What can go wrong behind the door.
pub(crate) enum DoorFault {
    /// The database refuses.
    Sql {
        /// SQLSTATE.
        code: String,
        /// Its words.
        detail: String,
    },
    /// A store cannot be read, or the database not be reached.
    Store(Error),
}

impl From<Error> for DoorFault {
    fn from(error: Error) -> Self {
        DoorFault::Store(error)
    }
}

/// A database whose tables are not homing's.
pub(crate) struct Door {
    place: String,
    pool: Pool,
}

/// A row of texts and truth values.
pub(crate) struct Line(Row);

impl Line {
    pub fn text(&self, at: usize) -> Result<String, DoorFault> {
        self.0.try_get(at).map_err(unreadable)
    }

    pub fn truth(&self, at: usize) -> Result<bool, DoorFault> {
        self.0.try_get(at).map_err(unreadable)
    }
}

fn unreadable(error: tokio_postgres::Error) -> DoorFault {
    DoorFault::Sql { code: "22000".to_owned(), detail: words(&error) }
}

/// A list of texts a column.
pub(crate) type Lists = [Vec<Option<String>>];

/// An open transaction.
pub(crate) struct Hand<'a>(Held<'a>);

impl Hand<'_> {
    fn step<T>(&mut self, work: impl AsyncFnOnce(&mut Wire) -> Inner<T>) -> Result<T, DoorFault> {
        self.0.step(work).map_err(|fault| match fault {
            Fault::Sql(error) if error.as_db_error().is_some() && !self.0.is_lost(&error) => DoorFault::Sql {
                code: error.code().map(|code| code.code().to_owned()).unwrap_or_default(),
                detail: words(&error),
            },
            other => DoorFault::Store(self.0.known(other)),
        })
    }

    pub fn query_lists(&mut self, sql: &str, lists: &Lists) -> Result<Vec<Line>, DoorFault> {
        let values = parameters(lists);
        self.step(async |wire| Ok(wire.query(sql, &values).await?.into_iter().map(Line).collect()))
    }

    /// Rows that were written, or why the database does not take the values; then nothing was.
    pub fn update_lists(&mut self, sql: &str, lists: &Lists) -> Result<Result<u64, String>, DoorFault> {
        let values = parameters(lists);
        self.step(async |wire| {
            wire.run("SAVEPOINT one").await?;
            match wire.execute(sql, &values).await {
                Ok(written) => Ok(Ok(written)),
                // 22: a value that the type does not take; 23: a constraint.
                Err(Fault::Sql(error))
                    if error.code().is_some_and(|code| matches!(code.code().get(..2), Some("22" | "23"))) =>
                {
                    wire.run("ROLLBACK TO SAVEPOINT one").await?;
                    Ok(Err(without_rows(&error)))
                }
                Err(other) => Err(other),
            }
        })
    }
}

fn parameters(lists: &Lists) -> Vec<&(dyn ToSql + Sync)> {
    lists.iter().map(|list| list as &(dyn ToSql + Sync)).collect()
}

impl Door {
    pub fn to(url: &str) -> Result<Self, Error> {
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|_| Error::UnknownPlace(without_password(url)))?;
        config.application_name("homing write-back");
        let place = without_password(url);
        Ok(Door { pool: Pool::new(place.clone(), config), place })
    }

    /// The URL as it may be shown.
    pub fn place(&self) -> &str {
        &self.place
    }

    pub fn query(&self, sql: &str, text: &str) -> Result<Vec<Line>, Error> {
        self.pool.with(async |wire| Ok(wire.query(sql, &[&text]).await?.into_iter().map(Line).collect()))
    }

    /// A transaction that only one server at a time has for this name.
    pub fn alone(
        &self,
        name: &str,
        work: &mut dyn FnMut(&mut Hand<'_>) -> Result<(), DoorFault>,
    ) -> Result<(), DoorFault> {
        let mut hand = Hand(self.pool.hold()?);
        hand.step(async |wire| {
            wire.run("BEGIN").await?;
            let lock = "SELECT pg_advisory_xact_lock(hashtextextended('homing write-back ' || $1, 0))";
            wire.query(lock, &[&name]).await
        })?;
        work(&mut hand)?;
        hand.step(async |wire| wire.run("COMMIT").await)
    }
}
