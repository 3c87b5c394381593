//! What can go wrong with a store.

/// What can go wrong with a store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The store is held by another writer for longer than homing waits.
    #[error("the profile store {0} is locked by another process; stop that process or retry later")]
    Locked(String),
    /// The store cannot be written.
    #[error("the profile store {0} is read-only; give homing write access, or use another store")]
    ReadOnly(String),
    /// The store was made by a newer homing.
    #[error(
        "the profile store {store} has schema version {found}, but this version of homing supports up to \
         {known}; upgrade homing"
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
    #[error("the profile store {store} is unreachable: {detail}; homing reconnects on the next request")]
    Unreachable {
        /// The store.
        store: String,
        /// What the connection says.
        detail: String,
    },
    /// The place of the store is not understood.
    #[error(
        "`{0}` is not a profile store; write sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE, for \
         example sqlite:profiles.db"
    )]
    UnknownPlace(String),
    /// A cursor of the feed before the oldest change that the feed still holds.
    #[error(
        "the cursor {cursor} has expired (oldest change kept: {oldest}); read all profiles again, then restart \
         the feed without a cursor"
    )]
    CursorExpired {
        /// The cursor asked for.
        cursor: u64,
        /// The oldest cursor that can still be followed.
        oldest: u64,
    },
    /// There is a key with this id or this hash already.
    #[error("an API key with the id `{0}` already exists; choose another id")]
    KeyExists(String),
    /// A cursor that this store did not give out for this listing.
    #[error("the cursor is not valid for this listing; start again without a cursor")]
    BadCursor,
    /// Stored bytes that cannot be read back.
    #[error(
        "the profile store {store} has damaged data for customer `{customer_id}`: {detail}; restore it from a backup"
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
    #[error("other writers keep changing the profile of customer `{0}`; retry shortly")]
    Busy(String),
    /// A commit that ended before it had a result.
    #[error("a write to the profile store was interrupted; retry")]
    Unfinished,
    /// An import was begun and not ended.
    #[error(
        "the profile store {0} holds only part of the data: a restore or migration into it was interrupted; run that \
         command again"
    )]
    Importing(String),
    /// A store that is to be filled holds something already.
    #[error(
        "the profile store {0} is not empty; move it away or use another one, then run the command again"
    )]
    NotEmpty(String),
    /// A record that no store gave.
    #[error("the data to import are damaged or of another version of homing: {0}")]
    BadRecord(String),
    /// What takes the records of a store cannot take more.
    #[error("{0}")]
    Refused(String),
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
