//! The tables, and how an older file becomes a present one.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};

use super::{Fault, Inner, tagged};
use crate::plan::LAYERS;
use crate::state::{HeldTag, Origin};
use crate::{Error, Layer};

/// Marks the file as homing's (`PRAGMA application_id`): "homi" in ASCII.
const APPLICATION: i64 = 0x686f_6d69;

/// One step a schema version: `MIGRATIONS[n]` makes version n + 1 of version n. [`gather`] belongs to the sixth.
const MIGRATIONS: &[&str] = &[
    // Version 1. A profile has a number of its own, so that the many rows of `tags` stay small.
    //
    // Tags take model, as_of and scored_at from their profile; only a tag that outlives its score has its own.
    // So a nightly run writes one row a customer and the tags whose value changed, not every tag.
    // Layer: 0 static, 1 dynamic, 2 predictive. Value: JSON. Instants and spans: microseconds.
    "CREATE TABLE profiles (
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

    CREATE TABLE histories (
        profile INTEGER PRIMARY KEY REFERENCES profiles,
        bytes BLOB NOT NULL
    ) STRICT;

    CREATE TABLE tag_names (
        tag INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) STRICT;

    CREATE TABLE tags (
        profile INTEGER NOT NULL REFERENCES profiles,
        tag INTEGER NOT NULL REFERENCES tag_names,
        value TEXT NOT NULL,
        layer INTEGER NOT NULL,
        confidence REAL,
        expires_after INTEGER,
        model TEXT,
        as_of INTEGER,
        scored_at INTEGER,
        PRIMARY KEY (profile, tag)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tags_by_value ON tags (tag, value, profile);

    CREATE TABLE event_ids (
        event_id TEXT PRIMARY KEY,
        fingerprint BLOB NOT NULL,
        profile INTEGER NOT NULL REFERENCES profiles
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;",
    // Version 2. The feed, what customers may ask for, keys, the audit log, challengers.
    //
    // A cursor must never be given twice, even after all changes were pruned: AUTOINCREMENT.
    // Consent and attributes go by customer id: they may come before the first event.
    "CREATE TABLE changes (
        cursor INTEGER PRIMARY KEY AUTOINCREMENT,
        customer_id TEXT NOT NULL,
        tags TEXT NOT NULL,
        not_scored TEXT,
        model TEXT NOT NULL,
        as_of INTEGER NOT NULL,
        scored_at INTEGER NOT NULL,
        at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX changes_by_customer ON changes (customer_id);

    CREATE TABLE feeds (
        feed TEXT PRIMARY KEY,
        cursor INTEGER NOT NULL,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE dead_letters (
        letter INTEGER PRIMARY KEY AUTOINCREMENT,
        feed TEXT NOT NULL,
        customer_id TEXT NOT NULL,
        change TEXT NOT NULL,
        reason TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX dead_letters_by_customer ON dead_letters (customer_id);

    CREATE TABLE consents (
        customer_id TEXT PRIMARY KEY,
        opted_out INTEGER NOT NULL,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE attributes (
        customer_id TEXT PRIMARY KEY,
        attributes TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE erased (
        hash BLOB PRIMARY KEY,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE secrets (
        purpose TEXT PRIMARY KEY,
        secret BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE keys (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        revoked_at INTEGER
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE audit (
        entry INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        key_id TEXT,
        action TEXT NOT NULL,
        customer_id TEXT,
        erased_hash BLOB,
        detail TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_by_customer ON audit (customer_id) WHERE customer_id IS NOT NULL;
    CREATE INDEX audit_by_erased ON audit (erased_hash) WHERE erased_hash IS NOT NULL;

    CREATE TABLE shadows (
        champion TEXT NOT NULL,
        challenger TEXT NOT NULL,
        compared INTEGER NOT NULL,
        tags_differ INTEGER NOT NULL,
        difference REAL NOT NULL,
        distance REAL NOT NULL,
        max_distance REAL NOT NULL,
        clv_champion REAL NOT NULL,
        clv_challenger REAL NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        PRIMARY KEY (champion, challenger)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX event_ids_by_profile ON event_ids (profile);",
    // Version 3. Whom campaigns reached. By customer id: a contact stays when a profile is made anew.
    "CREATE TABLE contacts (
        customer_id TEXT NOT NULL,
        campaign TEXT NOT NULL,
        at INTEGER NOT NULL,
        action TEXT NOT NULL,
        channel TEXT,
        held_out INTEGER NOT NULL,
        PRIMARY KEY (customer_id, campaign)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX contacts_by_campaign ON contacts (campaign, customer_id);",
    // Version 4. What was counted over all customers, by day; and who turned to high risk when.
    "CREATE TABLE surveys (
        day INTEGER PRIMARY KEY,
        document TEXT NOT NULL
    ) STRICT;
    CREATE INDEX changes_to_high ON changes (customer_id, as_of) WHERE instr(tags, '\"churn.level\":\"high\"') > 0;
    CREATE INDEX changes_to_high_by_time ON changes (as_of) WHERE instr(tags, '\"churn.level\":\"high\"') > 0;",
    // Version 5. Who of several servers does what only one may do.
    "CREATE TABLE leases (
        work TEXT PRIMARY KEY,
        holder TEXT NOT NULL,
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;",
    // Version 6. The tags of a profile lie in one row, beside its history (see `tagged`); `labels` finds words and `true` in them.
    "CREATE TABLE states (
        profile INTEGER PRIMARY KEY REFERENCES profiles,
        tags BLOB NOT NULL,
        history BLOB NOT NULL
    ) STRICT;
    CREATE TABLE labels (
        tag INTEGER NOT NULL REFERENCES tag_names,
        value TEXT NOT NULL,
        profile INTEGER NOT NULL REFERENCES profiles,
        PRIMARY KEY (tag, value, profile)
    ) STRICT, WITHOUT ROWID;",
];

/// The version that [`gather`] makes whole.
const GATHERED: i64 = 6;

/// Carries tags and histories over into `states` and `labels`, and drops the tables where they lay before.
fn gather(connection: &Connection) -> Inner<()> {
    let mut profiles = connection.prepare(
        "SELECT p.profile, h.bytes FROM profiles p LEFT JOIN histories h ON h.profile = p.profile ORDER BY p.profile",
    )?;
    let mut tags = connection.prepare(
        "SELECT tag, value, layer, confidence, expires_after, model, as_of, scored_at FROM tags WHERE profile = ?1
         ORDER BY tag",
    )?;
    let mut state = connection.prepare("INSERT INTO states (profile, tags, history) VALUES (?1, ?2, ?3)")?;
    let mut label = connection.prepare("INSERT INTO labels (tag, value, profile) VALUES (?1, ?2, ?3)")?;
    let mut rows = profiles.query([])?;
    while let Some(row) = rows.next()? {
        let profile: i64 = row.get(0)?;
        let held = tags
            .query_map([profile], |row| {
                let model: Option<String> = row.get(5)?;
                let origin = model.map(|model| {
                    Ok::<_, rusqlite::Error>(Origin { model, as_of: row.get(6)?, scored_at: row.get(7)? })
                });
                let tag = HeldTag {
                    name: String::new(),
                    value: row.get(1)?,
                    layer: LAYERS.get(usize::from(row.get::<_, u8>(2)?)).copied().unwrap_or(Layer::Dynamic),
                    confidence: row.get(3)?,
                    expires_after: row.get(4)?,
                    origin: origin.transpose()?,
                };
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), tag))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let bytes = tagged::encode(held.iter().map(|(number, tag)| (*number, tag)));
        let history = row.get::<_, Option<Vec<u8>>>(1)?.unwrap_or_default();
        state.execute(params![profile, bytes, history])?;
        for (number, tag) in held.iter().filter(|(_, tag)| tagged::is_label(&tag.value)) {
            label.execute(params![number.cast_signed(), tag.value, profile])?;
        }
    }
    drop(rows);
    drop((profiles, tags));
    connection.execute_batch("DROP TABLE tags; DROP TABLE histories")?;
    Ok(())
}

/// Makes sure that the file is ours and has the present schema. A foreign or newer file is left as it is.
pub(super) fn prepare(connection: &mut Connection, store: &str) -> Inner<()> {
    // In a transaction, so that it sees one state: read one by one while another process makes the tables, the
    // signs of our own file would look like those of a foreign one.
    let look = connection.transaction()?;
    let (ours, version) = identify(&look, store)?;
    look.finish()?;
    if ours && version == known() {
        return Ok(());
    }
    // Another process may be at it at the same moment: look again once the file is ours alone.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (ours, version) = identify(&transaction, store)?;
    if !ours {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
    }
    for (step, made) in MIGRATIONS.iter().zip(1..).skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(step)?;
        if made == GATHERED {
            gather(&transaction)?;
        }
    }
    transaction.pragma_update(None, "user_version", known())?;
    transaction.commit()?;
    Ok(())
}

fn known() -> i64 {
    MIGRATIONS.len() as i64
}

/// Whether the file is homing's already (else it is empty), and the version of its schema.
fn identify(connection: &Connection, store: &str) -> Inner<(bool, i64)> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let version = number("user_version")?;
    let application = number("application_id")?;
    if application == APPLICATION {
        if version > known() {
            let store = store.to_owned();
            return Err(Fault::Known(Error::TooNew { store, found: version, known: known() }));
        }
        return Ok((true, version));
    }
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != 0 || version != 0 || objects != 0 {
        let detail = "the file is a database of another program; name another file".to_owned();
        return Err(Fault::Known(Error::Database { store: store.to_owned(), detail }));
    }
    Ok((false, 0))
}

/// Why SQLite cannot open a file, in words that help; it says no more than "unable to open database file".
pub(super) fn explain_unopened(path: &Path, store: &str) -> Error {
    let database = |detail: String| Error::Database { store: store.to_owned(), detail };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return database(format!("there is no folder {}; make it first", folder.display()));
    }
    if path.is_dir() {
        return database("this is a folder; name a file in it".to_owned());
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
        Some(ErrorCode::NotADatabase) => "the file is no SQLite database; name another file".to_owned(),
        Some(ErrorCode::DatabaseCorrupt) => format!("{error}; restore the file from a backup"),
        Some(ErrorCode::DiskFull) => "the disk is full; make room and try again".to_owned(),
        _ => error.to_string(),
    };
    Error::Database { store: store.to_owned(), detail }
}

/// Makes a file as an earlier version of the schema had it.
#[cfg(test)]
pub(super) fn earlier_version(path: &Path, version: usize) -> Connection {
    let connection = Connection::open(path).unwrap();
    MIGRATIONS[..version].iter().for_each(|step| connection.execute_batch(step).unwrap());
    connection.pragma_update(None, "application_id", APPLICATION).unwrap();
    connection.pragma_update(None, "user_version", version as i64).unwrap();
    connection
}
