//! What can go wrong with a store.

/// What can go wrong with a store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The store is held by another writer for longer than homing waits.
    #[error("the profile store {0} is locked by another process; close that process or try again later")]
    Locked(String),
    /// The store cannot be written.
    #[error("the profile store {0} is read-only; give homing the right to write it, or name another store")]
    ReadOnly(String),
    /// The store was made by a newer homing.
    #[error(
        "the profile store {store} has schema version {found}, this homing knows up to {known}; use a newer homing"
    )]
    TooNew {
        /// The store.
        store: String,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The server of the store does not answer.
    #[error(
        "the profile store {store} cannot be reached: {detail}; homing tries again with the next request"
    )]
    Unreachable {
        /// The store.
        store: String,
        /// What the connection says.
        detail: String,
    },
    /// The place of the store is not understood.
    #[error(
        "`{0}` names no profile store; write sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE, for example \
         sqlite:profiles.db"
    )]
    UnknownPlace(String),
    /// A cursor of the feed before the oldest change that the feed still holds.
    #[error(
        "the cursor {cursor} is older than the changes that are kept (from {oldest} on); read the profiles anew, \
         then follow the feed without a cursor"
    )]
    CursorExpired {
        /// The cursor asked for.
        cursor: u64,
        /// The oldest cursor that can still be followed.
        oldest: u64,
    },
    /// There is a key with this id or this hash already.
    #[error("there is a key `{0}` already; give the new one another id")]
    KeyExists(String),
    /// A cursor that this store did not give out for this listing.
    #[error("the cursor is not one that this listing gave out; start again without a cursor")]
    BadCursor,
    /// Stored bytes that cannot be read back.
    #[error(
        "the profile store {store} holds damaged data for customer `{customer_id}`: {detail}; restore it from a backup"
    )]
    Damaged {
        /// The store.
        store: String,
        /// The customer.
        customer_id: String,
        /// What is wrong.
        detail: String,
    },
    /// A customer to whom others kept writing.
    #[error(
        "the profile of the customer `{0}` is being written by others all the time; try again in a moment"
    )]
    Busy(String),
    /// A commit that ended before it had a result.
    #[error("a write to the profile store was broken off; try again")]
    Unfinished,
    /// Anything else that the database says.
    #[error("the profile store {store}: {detail}")]
    Database {
        /// The store.
        store: String,
        /// The database's own words.
        detail: String,
    },
}

impl Error {
    /// Whether the error comes from what was to be written, and not from the store as a whole.
    pub(crate) fn is_of_one(&self) -> bool {
        matches!(self, Error::Damaged { .. } | Error::Database { .. })
    }
}
