//! SQL that SQLite and PostgreSQL run alike: values, rows, and what an engine adds to run it.
//!
//! Whatever is not on the way of every event is written once, over [`Engine`]: the parts of a store other than
//! [`Profiles`](crate::Profiles) are implemented for every engine where they are declared. Parameters are `$1`, `$2`, ...;
//! truth values, instants and counts are integers in SQLite and of their own types in PostgreSQL.

use std::borrow::Cow;

use homing_datasets::Zone;

use homing_datasets::erasures::keyed_hash;

use crate::record::Customer;
use crate::state::Clock;
use crate::{Error, Profile, Profiles};

/// A value on its way into a statement or out of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Truth(bool),
    Integer(i64),
    Real(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

macro_rules! values {
    ($($type:ty: $value:ident => $made:expr;)*) => {
        $(impl<'a> From<$type> for Value<'a> {
            fn from($value: $type) -> Self {
                $made
            }
        })*
    };
}

values! {
    bool: truth => Value::Truth(truth);
    i32: number => Value::Integer(number.into());
    u32: number => Value::Integer(number.into());
    i64: number => Value::Integer(number);
    // No store assigns numbers beyond an i64, so the largest one represents all of those.
    u64: number => Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    f64: number => Value::Real(number);
    String: text => Value::Text(text.into());
    &'a str: text => Value::Text(text.into());
    &'a String: text => Value::Text(text.into());
    &'a [u8; 16]: bytes => Value::Bytes(bytes.as_slice().into());
    &'a [u8; 32]: bytes => Value::Bytes(bytes.as_slice().into());
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// The parameters of a statement.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::sql::Value::from($value)),*][..]
    };
}
pub(crate) use params;

/// A column that is not what the schema says: the store is damaged.
#[derive(Debug)]
pub struct Unreadable(pub String);

/// What a column can be read as.
pub trait Column: Sized {
    fn of(value: Value<'static>) -> Option<Self>;
}

macro_rules! columns {
    ($($type:ty: $($value:pat => $read:expr),+;)*) => {
        $(impl Column for $type {
            fn of(value: Value<'static>) -> Option<Self> {
                match value {
                    $($value => $read,)+
                    _ => None,
                }
            }
        })*
    };
}

columns! {
    bool: Value::Truth(truth) => Some(truth), Value::Integer(0) => Some(false), Value::Integer(1) => Some(true);
    i64: Value::Integer(number) => Some(number);
    i32: Value::Integer(number) => i32::try_from(number).ok();
    u32: Value::Integer(number) => u32::try_from(number).ok();
    u64: Value::Integer(number) => u64::try_from(number).ok();
    f64: Value::Real(number) => Some(number);
    String: Value::Text(text) => Some(text.into_owned());
    [u8; 32]: Value::Bytes(bytes) => <[u8; 32]>::try_from(&*bytes).ok();
}

impl<T: Column> Column for Option<T> {
    fn of(value: Value<'static>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::of(value).map(Some),
        }
    }
}

/// A row, of which one column after the other is taken.
pub struct Row(std::vec::IntoIter<Value<'static>>);

impl Row {
    pub fn new(values: Vec<Value<'static>>) -> Self {
        Row(values.into_iter())
    }

    /// The columns that are left.
    pub fn values(self) -> Vec<Value<'static>> {
        self.0.collect()
    }

    /// The next column.
    pub fn take<T: Column>(&mut self) -> Result<T, Unreadable> {
        let left = self.0.len();
        self.0.next().and_then(T::of).ok_or_else(|| {
            let type_name = std::any::type_name::<T>();
            Unreadable(format!("the column {left} from the end of a row is not of type {type_name}"))
        })
    }

    /// The next column, which holds JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Unreadable> {
        let text: String = self.take()?;
        serde_json::from_str(&text)
            .map_err(|error| Unreadable(format!("a column is not valid JSON: {error}")))
    }
}

/// What can go wrong inside; the engine's own errors get the store's name on the way out.
pub enum Fault<E> {
    /// What the database says.
    Sql(E),
    /// An error of the store.
    Known(Error),
    /// A profile whose bytes do not read: the customer, and what is wrong.
    Damaged(String, &'static str),
    /// A row that does not read.
    Unreadable(Unreadable),
    /// Another transaction was first; start again.
    Again,
}

impl<E> Fault<E> {
    /// The error of a store for whatever its database did not say.
    pub fn known(self, store: &str) -> Result<Error, E> {
        let store = store.to_owned();
        match self {
            Fault::Sql(error) => Err(error),
            Fault::Known(error) => Ok(error),
            Fault::Damaged(customer_id, detail) => {
                Ok(Error::Damaged { store, customer_id, detail: detail.to_owned() })
            }
            Fault::Unreadable(Unreadable(detail)) => {
                Ok(Error::Database { store, detail: format!("{detail}; restore the store from a backup") })
            }
            Fault::Again => Ok(Error::Locked(store)),
        }
    }
}

impl<E> From<Error> for Fault<E> {
    fn from(error: Error) -> Self {
        Fault::Known(error)
    }
}

impl<E> From<Unreadable> for Fault<E> {
    fn from(unreadable: Unreadable) -> Self {
        Fault::Unreadable(unreadable)
    }
}

/// A value as JSON text.
pub fn json(value: &impl serde::Serialize) -> Result<String, Unreadable> {
    serde_json::to_string(value)
        .map_err(|error| Unreadable(format!("a value cannot be written as JSON: {error}")))
}

/// Cursors of the feed.
pub struct Cursors {
    /// No change can appear any more at this one or before.
    pub settled: u64,
    /// The last one that was given out.
    pub given: u64,
}

/// What the tables of profiles, which each engine has in a form of its own, hold of a customer.
pub struct Held {
    pub profile: Option<Profile>,
    /// The bytes of the history.
    pub history: Option<Vec<u8>>,
    pub event_ids: Vec<String>,
}

/// Runs statements, in a transaction or between two.
pub trait Sql {
    /// What the database says when it fails.
    type Error;

    /// The rows that a statement gives.
    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault<Self::Error>>;

    /// How many rows a statement changed.
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, Fault<Self::Error>>;

    /// Keeps others from writing profiles, also of customers who have none, until the transaction ends.
    fn alone(&mut self) -> Result<(), Fault<Self::Error>>;

    /// The feed's cursors; asked for before the changes are read.
    fn cursors(&mut self) -> Result<Cursors, Fault<Self::Error>>;

    /// What is held of a customer in the tables of profiles.
    fn held(&mut self, customer_id: &str) -> Result<Held, Fault<Self::Error>>;

    /// Whose event is stored under an id.
    fn event_owner(&mut self, event_id: &str) -> Result<Option<String>, Fault<Self::Error>>;

    /// Gives the event ids of one customer to another, who has a profile.
    fn move_event_ids(&mut self, from: &str, into: &str) -> Result<(), Fault<Self::Error>>;

    /// Must come before a change is added to the feed.
    fn announce(&mut self) -> Result<(), Fault<Self::Error>>;

    /// Sets the data clock back to an instant if it is beyond the latest possible one.
    fn set_clock_back(&mut self, latest: i64, to: i64) -> Result<(), Fault<Self::Error>>;

    /// Removes a customer from the tables of profiles; how many rows that were.
    fn remove_profile(&mut self, customer_id: &str) -> Result<u64, Fault<Self::Error>>;

    /// Up to so many customers after one, in the order of their ids: all that the tables of profiles hold of them.
    fn customers(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<Customer>, Fault<Self::Error>>;

    /// The data clock.
    fn clock(&mut self) -> Result<Clock, Fault<Self::Error>>;

    /// Empties the tables of profiles and forgets the data clock.
    fn clear_profiles(&mut self) -> Result<(), Fault<Self::Error>>;

    /// Lets the feed go on after a cursor, and other numbers after the largest that are there.
    fn continue_after(&mut self, cursor: i64) -> Result<(), Fault<Self::Error>>;

    /// What precedes `VALUES` in an insert with explicit values for identity columns.
    fn overriding(&self) -> &'static str {
        ""
    }

    /// The first row that a statement gives.
    fn one(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Option<Row>, Fault<Self::Error>> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// Whether the customer with this hash was erased.
    fn is_erased(&mut self, hash: &[u8; 32]) -> Result<bool, Fault<Self::Error>> {
        Ok(self.one("SELECT 1 FROM erased WHERE hash = $1", params![hash])?.is_some())
    }

    /// Inserts rows after `INSERT INTO table (columns)`, several with one statement.
    fn insert(&mut self, into: &str, rows: &[Vec<Value<'_>>]) -> Result<(), Fault<Self::Error>> {
        let (whole, rest) = rows.as_chunks::<MANY>();
        let pieces = whole.iter().map(<[_; MANY]>::as_slice).chain(rest.chunks(1));
        for piece in pieces {
            let width = piece.first().map_or(0, Vec::len);
            let line = |row: usize| {
                let places: Vec<String> = (1..=width).map(|at| format!("${}", row * width + at)).collect();
                format!("({})", places.join(", "))
            };
            let lines: Vec<String> = (0..piece.len()).map(line).collect();
            self.execute(&format!("{into} VALUES {}", lines.join(", ")), &piece.concat())?;
        }
        Ok(())
    }
}

/// Rows that one statement inserts, where there are so many; the rest comes one by one, so that few statements are prepared.
const MANY: usize = 32;

/// Statements of an engine.
pub type Statements<'a, E> = &'a mut dyn Sql<Error = E>;

/// What an engine does so that what is written in SQL for both becomes its store.
pub trait Engine: Profiles {
    /// What its database says when it fails.
    type Error;

    /// The key of the hashes of erased customers.
    fn erasure_key(&self) -> &[u8; 32];

    /// Reads; each statement sees what is committed when it begins.
    fn read<T>(
        &self,
        work: impl FnMut(Statements<'_, Self::Error>) -> Result<T, Fault<Self::Error>>,
    ) -> Result<T, Error>;

    /// Reads; all statements see one state.
    fn snapshot<T>(
        &self,
        work: impl FnMut(Statements<'_, Self::Error>) -> Result<T, Fault<Self::Error>>,
    ) -> Result<T, Error>;

    /// Writes in one transaction. When this returns, what was written is on disk; when it fails, nothing is.
    fn write<T>(
        &self,
        work: impl FnMut(Statements<'_, Self::Error>) -> Result<T, Fault<Self::Error>>,
    ) -> Result<T, Error>;

    /// Deletes in one transaction, and so that nobody finds what was deleted in what the engine leaves on disk.
    fn erase_with<T>(
        &self,
        work: impl FnMut(Statements<'_, Self::Error>) -> Result<T, Fault<Self::Error>>,
    ) -> Result<T, Error> {
        self.write(work)
    }

    /// Rewrites what the store is kept in, so that nothing deleted is left in unused space; `false` where the database manages its own space.
    fn rewrite(&self) -> Result<bool, Error> {
        Ok(false)
    }

    /// The store's place, as messages name it.
    fn place(&self) -> &str {
        &self.common().place
    }

    /// The business's time zone.
    fn zone(&self) -> Zone {
        self.common().zone
    }

    /// The hash by which an erased customer is known.
    fn hash(&self, customer_id: &str) -> [u8; 32] {
        keyed_hash(self.erasure_key(), customer_id.as_bytes())
    }
}
