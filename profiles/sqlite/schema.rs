//! The tables, and how an older file becomes a present one.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use super::{Fault, Inner};
use crate::Error;
use crate::access::random_bits;
use crate::privacy::ERASURE;
use crate::schema::{Dialect, VERSION, wrong_version};

/// Marks the file as homing's (`PRAGMA application_id`): "homi" in ASCII.
const APPLICATION: i64 = 0x686f_6d69;

/// The version that homing 0.1 made.
const FIRST: i64 = 6;

pub(crate) const DIALECT: Dialect = Dialect {
    text: "TEXT",
    id: "TEXT",
    integer: "INTEGER",
    real: "REAL",
    truth: "INTEGER",
    bytes: "BLOB",
    day: "INTEGER",
    serial: "INTEGER PRIMARY KEY AUTOINCREMENT",
    entry: "INTEGER PRIMARY KEY",
    cursor: "INTEGER PRIMARY KEY AUTOINCREMENT",
    by_key: "STRICT, WITHOUT ROWID",
    by_row: "STRICT",
    find: "instr",
    computed: "VIRTUAL",
};

/// SQLite's own tables. A profile has a number of its own, so that what refers to it stays small.
///
/// Tags take model, as_of and scored_at from their profile; only a tag that outlives its score has its own. They are in one row,
/// beside the history (see `tagged`); `labels` indexes text values and `true`.
const PROFILES: &str = "CREATE TABLE profiles (
        profile INTEGER PRIMARY KEY,
        customer_id TEXT NOT NULL UNIQUE,
        revision INTEGER NOT NULL,
        churn_risk REAL,
        value_at_risk REAL,
        clv REAL,
        not_scored TEXT,
        model TEXT NOT NULL,
        as_of INTEGER NOT NULL,
        scored_at INTEGER NOT NULL,
        events INTEGER NOT NULL,
        purchases INTEGER NOT NULL,
        orders INTEGER NOT NULL,
        spend REAL NOT NULL,
        first_purchase_at INTEGER,
        last_purchase_at INTEGER,
        prediction TEXT NOT NULL
    ) STRICT;
    CREATE INDEX profiles_by_value_at_risk ON profiles (value_at_risk DESC, customer_id);
    CREATE INDEX profiles_by_churn_risk ON profiles (churn_risk DESC, customer_id);
    CREATE INDEX profiles_by_clv ON profiles (clv DESC, customer_id);

    CREATE TABLE states (
        profile INTEGER PRIMARY KEY REFERENCES profiles,
        tags BLOB NOT NULL,
        history BLOB NOT NULL
    ) STRICT;

    CREATE TABLE tag_names (
        tag INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) STRICT;

    CREATE TABLE labels (
        tag INTEGER NOT NULL REFERENCES tag_names,
        value TEXT NOT NULL,
        profile INTEGER NOT NULL REFERENCES profiles,
        PRIMARY KEY (tag, value, profile)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE event_ids (
        event_id TEXT PRIMARY KEY,
        fingerprint BLOB NOT NULL,
        profile INTEGER NOT NULL REFERENCES profiles
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX event_ids_by_profile ON event_ids (profile);";

/// Makes sure that the file is ours and has the present schema, and gives the key of erased customers' hashes. A foreign or
/// newer file is left as it is.
pub(super) fn prepare(connection: &mut Connection, store: &str) -> Inner<[u8; 32]> {
    // In a transaction, so that it sees one state: read one by one while another process makes the tables, the
    // signs of our own file would look like those of a foreign one.
    let look = connection.transaction()?;
    if identify(&look, store)? == Some(VERSION)
        && let Some(key) = erasure_key(&look)?
    {
        return Ok(key);
    }
    look.finish()?;
    // Another process may be at it at the same moment: look again once the file is ours alone.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match identify(&transaction, store)? {
        None => {
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.execute_batch(PROFILES)?;
            transaction.execute_batch(&DIALECT.tables())?;
        }
        Some(version) => {
            if version < 7 {
                transaction.execute_batch(&DIALECT.upgrade_to_7())?;
            }
            if version < 8 {
                transaction.execute_batch(&DIALECT.upgrade_to_8())?;
            }
            if version < 9 {
                transaction.execute_batch(&DIALECT.upgrade_to_9())?;
            }
        }
    }
    let key = match erasure_key(&transaction)? {
        Some(key) => key,
        None => {
            let store = store.to_owned();
            let fresh = random_bits().map_err(|detail| Error::Database { store, detail })?;
            let insert = "INSERT INTO secrets (purpose, secret) VALUES (?1, ?2)";
            transaction.execute(insert, params![ERASURE, fresh])?;
            fresh
        }
    };
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(key)
}

pub(super) fn erasure_key(connection: &Connection) -> Inner<Option<[u8; 32]>> {
    let known = "SELECT secret FROM secrets WHERE purpose = ?1";
    Ok(connection.query_row(known, [ERASURE], |row| row.get(0)).optional()?)
}

/// The version of the schema of a file that is homing's; `None` for an empty one.
fn identify(connection: &Connection, store: &str) -> Inner<Option<i64>> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let version = number("user_version")?;
    if number("application_id")? == APPLICATION {
        return match version {
            FIRST..=VERSION => Ok(Some(version)),
            _ => Err(wrong_version(store, version, FIRST).into()),
        };
    }
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if number("application_id")? != 0 || version != 0 || objects != 0 {
        let detail = "the file is another application's database; use another file".to_owned();
        return Err(Fault::Known(Error::Database { store: store.to_owned(), detail }));
    }
    Ok(None)
}

/// Why SQLite cannot open a file, in words that help; it says no more than "unable to open database file".
pub(super) fn explain_unopened(path: &Path, store: &str) -> Error {
    let database = |detail: String| Error::Database { store: store.to_owned(), detail };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return database(format!("the folder {} does not exist; create it first", folder.display()));
    }
    if path.is_dir() {
        return database("this is a folder; give a file in it".to_owned());
    }
    match std::fs::OpenOptions::new().append(true).open(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            refused(&e, store).unwrap_or_else(|| database(e.to_string()))
        }
        // The file can be written or is not there yet: then it is its folder that cannot be.
        _ => Error::ReadOnly(store.to_owned()),
    }
}

fn refused(error: &std::io::Error, store: &str) -> Option<Error> {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem).then(|| Error::ReadOnly(store.to_owned()))
}

/// The error of a store for what SQLite says.
pub(super) fn translate(error: &rusqlite::Error, path: &Path, store: &str) -> Error {
    let detail = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => return Error::Locked(store.to_owned()),
        Some(ErrorCode::ReadOnly) => return Error::ReadOnly(store.to_owned()),
        Some(ErrorCode::CannotOpen) => return explain_unopened(path, store),
        Some(ErrorCode::NotADatabase) => "the file is not a SQLite database; use another file".to_owned(),
        Some(ErrorCode::DatabaseCorrupt) => format!("{error}; restore the file from a backup"),
        Some(ErrorCode::DiskFull) => "the disk is full; free space and retry".to_owned(),
        _ => error.to_string(),
    };
    Error::Database { store: store.to_owned(), detail }
}
