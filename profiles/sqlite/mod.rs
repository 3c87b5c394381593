//! The profile store in one SQLite file: embedded, the default.
//!
//! One connection writes, behind a lock; readers have connections of their own and, thanks to the write-ahead
//! log, never wait for the writer. A write is synced to disk before it is acknowledged.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use homing_datasets::{History, Zone};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::aggregates::ScanPage;
use super::queue::CommitQueue;
use super::state::{Ask, ChangeSets, Common, Loaded, Verdict};
use super::{Error, Listing, Page, Profile, Profiles, Store, Totals, plan};
use commit::Writer;
use rows::TagNames;

mod commit;
mod feed;
mod gate;
mod list;
mod plans;
mod read;
mod rows;
mod scan;
mod schema;
mod sql;

mod tagged;
#[cfg(test)]
mod tests;

/// How long a write waits for another process to let go of the file.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two attempts to set a file up that others are setting up.
const RETRY: Duration = Duration::from_millis(5);
/// Read connections that are kept open for the next reader.
const IDLE_READERS: usize = 16;
/// Writes between two calls of [`Store::free_memory`] up to which the writer's pages are not worth their memory.
const FEW_WRITES: u32 = 100;
/// What is deleted is overwritten where that costs no more writes; an erasure overwrites everything.
const SECURE_DELETE: &str = "FAST";
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

/// A profile store in a SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    patience: Duration,
    erasure_key: [u8; 32],
    // Declared before the writer, so closed before it: the last connection to close empties the log into the file.
    readers: Mutex<Readers>,
    writer: Mutex<Writer>,
    /// Writes since memory was last given back.
    writes: AtomicU32,
    commits: CommitQueue<ChangeSets, Vec<Verdict>>,
    common: Common,
}

/// The connections that read.
#[derive(Default)]
struct Readers {
    /// The one that was used last is the last of them.
    idle: Vec<Reader>,
    /// How many were idle at least since memory was last given back.
    least: usize,
}

/// A connection that reads, with the names of tags that it has met.
struct Reader {
    connection: Connection,
    names: TagNames,
}

#[cfg(test)]
pub(super) use schema::DIALECT;

type Fault = crate::sql::Fault<rusqlite::Error>;

impl Fault {
    fn tags(customer_id: &str, _: &tagged::Damage) -> Self {
        Fault::Damaged(customer_id.to_owned(), "the stored tags are truncated or damaged")
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(error)
    }
}

type Inner<T> = Result<T, Fault>;

impl SqliteStore {
    /// Opens the store in this file, making it where there is none yet.
    ///
    /// # Errors
    /// [`Error`] that says why the file cannot be used: locked, read-only, of a newer homing, of another program.
    pub fn open(path: impl AsRef<Path>, zone: Zone) -> Result<Self, Error> {
        Self::open_with(path.as_ref(), zone, PATIENCE)
    }

    fn open_with(path: &Path, zone: Zone, patience: Duration) -> Result<Self, Error> {
        let place = format!("sqlite:{}", path.display());
        let opened = open_writer(path, &place, patience);
        let (writer, erasure_key) = opened.map_err(|fault| known(fault, path, &place))?;
        let (writer, readers) = (Mutex::new(Writer::new(writer)), Mutex::default());
        let (commits, common) = (CommitQueue::default(), Common::new(place, zone, false));
        let writes = AtomicU32::new(0);
        Ok(SqliteStore {
            path: path.to_owned(),
            patience,
            erasure_key,
            writer,
            writes,
            readers,
            commits,
            common,
        })
    }

    fn known(&self, fault: Fault) -> Error {
        known(fault, &self.path, &self.common.place)
    }

    /// Runs reads that see one state of the store.
    fn read<T>(&self, work: impl FnOnce(&Connection, &mut TagNames) -> Inner<T>) -> Result<T, Error> {
        let idle = {
            let mut readers = locked(&self.readers);
            let idle = readers.idle.pop();
            readers.least = readers.least.min(readers.idle.len());
            idle
        };
        let run = || -> Inner<(T, Reader)> {
            let mut reader = match idle {
                Some(reader) => reader,
                None => open_reader(&self.path, self.patience)?,
            };
            let transaction = reader.connection.transaction()?;
            let result = work(&transaction, &mut reader.names)?;
            transaction.finish()?;
            Ok((result, reader))
        };
        let (result, reader) = run().map_err(|fault| self.known(fault))?;
        let mut readers = locked(&self.readers);
        if readers.idle.len() < IDLE_READERS {
            readers.idle.push(reader);
        }
        Ok(result)
    }

    /// Runs one transaction that writes. When it returns, what it wrote is on disk; when it fails, nothing is.
    fn write<T>(&self, work: impl FnOnce(&Connection, &mut TagNames) -> Inner<T>) -> Result<T, Error> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        locked(&self.writer).alone(work).map_err(|fault| self.known(fault))
    }
}

/// The store's error for what went wrong inside.
fn known(fault: Fault, path: &Path, place: &str) -> Error {
    fault.known(place).unwrap_or_else(|error| schema::translate(&error, path, place))
}

fn open_writer(path: &Path, place: &str, patience: Duration) -> Inner<(Connection, [u8; 32])> {
    // A new file is its owner's alone: it holds personal data. SQLite's other files take its rights.
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // What does not work is told by SQLite below.
        let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    // SQLite opens a file that it may not write as if nothing were wrong.
    if connection.is_readonly("main")? {
        return Err(Fault::Known(Error::ReadOnly(place.to_owned())));
    }
    // An event changes a row here and an entry there, and each costs a page: on pages of 8 kB a file would be a fifth smaller
    // and intake two fifths slower. A file that exists keeps its own.
    connection.pragma_update(None, "page_size", 4_096)?;
    let deadline = Instant::now() + patience;
    let erasure_key = loop {
        match schema::prepare(&mut connection, place).and_then(|key| log_ahead(&connection).map(|()| key)) {
            Ok(key) => break key,
            Err(fault) if !is_busy(&fault) || Instant::now() >= deadline => return Err(fault),
            Err(_) => std::thread::sleep(RETRY),
        }
    };
    connection.pragma_update(None, "secure_delete", SECURE_DELETE)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    // What a statement may have to take back, and what a query sorts, goes into memory, not into a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", 8_192)?;
    connection.pragma_update(None, "journal_size_limit", 67_108_864)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok((connection, erasure_key))
}

/// Turns the write-ahead log on, or finds it on. While others open the same new file SQLite refuses this at once,
/// without the wait that it grants to reads and writes.
fn log_ahead(connection: &Connection) -> Inner<()> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode == "wal" {
        return Ok(());
    }
    let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    Err(Fault::Sql(rusqlite::Error::SqliteFailure(busy, None)))
}

fn is_busy(fault: &Fault) -> bool {
    let Fault::Sql(error) = fault else { return false };
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn open_reader(path: &Path, patience: Duration) -> Inner<Reader> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(Reader { connection, names: TagNames::default() })
}

/// The lock's content; a panic of another holder left no half-done work, because its transaction was rolled back.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Profiles for SqliteStore {
    fn common(&self) -> &Common {
        &self.common
    }

    fn load(&self, ask: &Ask<'_>) -> Result<Loaded, Error> {
        self.read(|connection, names| commit::load(connection, names, ask))
    }

    fn commit(&self, sets: ChangeSets) -> Result<Vec<Verdict>, Error> {
        self.commits.commit(sets, |jobs| {
            self.write(|connection, names| commit::commit(connection, names, self, jobs))
        })
    }

    fn profile(&self, customer_id: &str) -> Result<Option<Profile>, Error> {
        self.read(|connection, names| read::profile(connection, names, self, customer_id))
    }

    fn history(&self, customer_id: &str) -> Result<Option<History>, Error> {
        let bytes = self.read(|connection, _| read::history(connection, customer_id))?;
        bytes.map(|bytes| plan::decode(&self.common.place, customer_id, &bytes)).transpose()
    }

    fn list(&self, listing: &Listing) -> Result<Page, Error> {
        self.read(|connection, names| list::list(connection, names, self, listing))
    }

    fn listed_ids(&self, listing: &Listing, most: usize) -> Result<Option<Vec<String>>, Error> {
        self.read(|connection, names| list::ids(connection, names, self, listing, most))
    }

    fn totals(&self) -> Result<Totals, Error> {
        self.read(read::totals)
    }

    fn scan(&self, after: Option<&str>, limit: u32) -> Result<ScanPage, Error> {
        scan::scan(self, after, limit)
    }
}

impl Store for SqliteStore {
    fn ready(&self) -> Result<(), Error> {
        if !self.path.exists() {
            let detail = "the file no longer exists".to_owned();
            return Err(Error::Database { store: self.common.place.clone(), detail });
        }
        self.read(
            |connection, _| Ok(connection.query_row("SELECT count(*) FROM settings", [], |_| Ok(()))?),
        )?;
        // A transaction that takes the right to write, and leaves it.
        self.write(|_, _| Ok(()))
    }

    fn free_memory(&self) -> Result<(), Error> {
        let unused: Vec<Reader> = {
            let mut readers = locked(&self.readers);
            let Readers { idle, least } = &mut *readers;
            let unused = idle.drain(..(*least).min(idle.len())).collect();
            *least = idle.len();
            unused
        };
        drop(unused);
        if self.writes.swap(0, Ordering::Relaxed) > FEW_WRITES {
            return Ok(());
        }
        // A writer that is at work needs its pages.
        let Ok(writer) = self.writer.try_lock() else { return Ok(()) };
        writer.execute_batch("PRAGMA shrink_memory").map_err(|error| self.known(error.into()))
    }
}
