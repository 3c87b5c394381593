//! The profile store in one SQLite file: embedded, the default.
//!
//! One connection writes, behind a lock; readers have connections of their own and, thanks to the write-ahead
//! log, never wait for the writer. A write is synced to disk before it is acknowledged.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use homing_datasets::{History, Micros, Zone};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::access::{AuditEntry, Key};
use super::aggregates::{DailyAggregates, ScanPage, TurnedHigh};
use super::contacts::{Cap, Contact, Grant};
use super::feed::{Changes, DeadLetter, FeedPosition, Letter, Retention};
use super::privacy::{Consent, Erasures, Export};
use super::queue::CommitQueue;
use super::shadow::{Pair, Summary};
use super::state::{Ask, ChangeSets, Common, Loaded, Verdict};
use super::{
    Access, Aggregates, Campaigns, Error, Feed, Listing, Page, Privacy, Profile, Profiles, Store, Totals,
    plan,
};
use commit::Writer;
use rows::TagNames;

mod access;
mod aggregates;
mod commit;
mod contacts;
mod feed;
mod list;
mod plans;
mod privacy;
mod read;
mod rows;
mod schema;

mod tagged;
#[cfg(test)]
mod tests;

/// How long a write waits for another process to let go of the file.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two attempts to set a file up that others are setting up.
const RETRY: Duration = Duration::from_millis(5);
/// Read connections that are kept open for the next reader.
const IDLE_READERS: usize = 8;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

/// A profile store in a SQLite file.
pub struct SqliteStore {
    place: String,
    path: PathBuf,
    zone: Zone,
    patience: Duration,
    // Declared before the writer, so closed before it: whoever closes last empties the log into the file.
    readers: Mutex<Vec<Reader>>,
    writer: Mutex<Writer>,
    commits: CommitQueue<ChangeSets, Vec<Verdict>>,
    common: Common,
}

/// A connection that reads, with the names of tags that it has met.
struct Reader {
    connection: Connection,
    names: TagNames,
}

/// What can go wrong inside: SQLite's own errors get the store's name at the door.
enum Fault {
    Sql(rusqlite::Error),
    Known(Error),
    /// A profile whose bytes do not read: the customer, and what is wrong.
    Damaged(String, &'static str),
}

impl Fault {
    fn tags(customer_id: &str, _: &tagged::Damage) -> Self {
        Fault::Damaged(customer_id.to_owned(), "the bytes of the tags are cut off or changed")
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Known(error)
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
        let writer = open_writer(path, &place, patience).map_err(|fault| match fault {
            Fault::Known(error) => error,
            Fault::Sql(error) => schema::translate(&error, path, &place),
            Fault::Damaged(customer_id, detail) => {
                Error::Damaged { store: place.clone(), customer_id, detail: detail.to_owned() }
            }
        })?;
        let (writer, readers) = (Mutex::new(Writer::new(writer)), Mutex::default());
        let (commits, common) = (CommitQueue::default(), Common::new(place.clone(), zone, false));
        Ok(SqliteStore { place, path: path.to_owned(), zone, patience, writer, readers, commits, common })
    }

    fn known(&self, fault: Fault) -> Error {
        match fault {
            Fault::Known(error) => error,
            Fault::Sql(error) => schema::translate(&error, &self.path, &self.place),
            Fault::Damaged(customer_id, detail) => {
                Error::Damaged { store: self.place.clone(), customer_id, detail: detail.to_owned() }
            }
        }
    }

    /// Runs reads that see one state of the store.
    fn read<T>(&self, work: impl FnOnce(&Connection, &mut TagNames) -> Inner<T>) -> Result<T, Error> {
        let idle = locked(&self.readers).pop();
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
        if readers.len() < IDLE_READERS {
            readers.push(reader);
        }
        Ok(result)
    }

    /// Runs one transaction that writes. When it returns, what it wrote is on disk; when it fails, nothing is.
    fn write<T>(&self, work: impl FnOnce(&Connection, &mut TagNames) -> Inner<T>) -> Result<T, Error> {
        locked(&self.writer).alone(work).map_err(|fault| self.known(fault))
    }
}

fn open_writer(path: &Path, place: &str, patience: Duration) -> Inner<Connection> {
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
    while let Err(fault) = schema::prepare(&mut connection, place).and_then(|()| log_ahead(&connection)) {
        if !is_busy(&fault) || Instant::now() >= deadline {
            return Err(fault);
        }
        std::thread::sleep(RETRY);
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    // What a savepoint keeps goes into memory, not into a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", 8_192)?;
    connection.pragma_update(None, "journal_size_limit", 67_108_864)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
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
    connection.pragma_update(None, "cache_size", -16_384)?;
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
        bytes.map(|bytes| plan::decode(&self.place, customer_id, &bytes)).transpose()
    }

    fn list(&self, listing: &Listing) -> Result<Page, Error> {
        self.read(|connection, names| list::list(connection, names, self, listing))
    }

    fn totals(&self) -> Result<Totals, Error> {
        self.read(read::totals)
    }

    fn scan(&self, after: Option<&str>, limit: u32) -> Result<ScanPage, Error> {
        aggregates::scan(self, after, limit)
    }
}

impl Feed for SqliteStore {
    fn changes(&self, after: Option<u64>, limit: u32) -> Result<Changes, Error> {
        self.read(|connection, _| feed::changes(connection, self.zone, after, limit))
    }

    fn newest_change(&self) -> Result<u64, Error> {
        self.read(|connection, _| feed::newest(connection))
    }

    fn prune_changes(&self, retention: &Retention) -> Result<u64, Error> {
        feed::prune(self, retention)
    }

    fn feed_position(&self, feed: &str) -> Result<Option<FeedPosition>, Error> {
        self.read(|connection, _| feed::position(connection, feed))
    }

    fn set_feed_position(&self, feed: &str, position: FeedPosition) -> Result<(), Error> {
        self.write(|connection, _| feed::set_position(connection, feed, position))
    }

    fn lease(&self, work: &str, holder: &str, now: Micros, until: Micros) -> Result<bool, Error> {
        self.write(|connection, _| feed::lease(connection, work, holder, now, until))
    }

    fn dead_letter(&self, letter: &Letter) -> Result<(), Error> {
        self.write(|connection, _| feed::bury(connection, letter))
    }

    fn dead_letters(&self, feed: Option<&str>, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        self.read(|connection, _| feed::letters(connection, feed, limit))
    }

    fn drop_dead_letter(&self, number: u64) -> Result<bool, Error> {
        self.write(|connection, _| feed::drop_letter(connection, number))
    }
}

impl Privacy for SqliteStore {
    fn consent(&self, customer_id: &str) -> Result<Option<Consent>, Error> {
        self.read(|connection, _| privacy::consent(connection, customer_id))
    }

    fn set_attributes(
        &self,
        customer_id: &str,
        attributes: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), Error> {
        self.write(|connection, _| privacy::set_attributes(connection, customer_id, attributes))
    }

    fn export(&self, customer_id: &str) -> Result<Option<Export>, Error> {
        self.read(|connection, names| privacy::export(connection, names, self, customer_id))
    }

    fn erase(&self, customer_id: &str, at: Micros) -> Result<bool, Error> {
        privacy::erase(self, customer_id, at)
    }

    fn readmit(&self, customer_id: &str) -> Result<bool, Error> {
        self.write(|connection, _| privacy::readmit(connection, customer_id))
    }

    fn is_erased(&self, customer_id: &str) -> Result<bool, Error> {
        self.read(|connection, _| privacy::Gate::load(connection)?.erased(connection, customer_id))
    }

    fn erased(&self) -> Result<Erasures, Error> {
        self.read(|connection, _| privacy::erased(connection))
    }
}

impl Access for SqliteStore {
    fn secret(&self, purpose: &str) -> Result<[u8; 32], Error> {
        match self.read(|connection, _| access::known_secret(connection, purpose))? {
            Some(secret) => Ok(secret),
            None => self.write(|connection, _| access::secret(connection, self, purpose)),
        }
    }

    fn insert_key(&self, key: &Key) -> Result<(), Error> {
        self.write(|connection, _| access::insert_key(connection, key))
    }

    fn keys(&self) -> Result<Vec<Key>, Error> {
        self.read(|connection, _| access::keys(connection))
    }

    fn revoke_key(&self, id: &str, at: Micros) -> Result<bool, Error> {
        self.write(|connection, _| access::revoke_key(connection, id, at))
    }

    fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Key>, Error> {
        self.read(|connection, _| access::key_by_hash(connection, hash))
    }

    fn audit(&self, entries: &[AuditEntry]) -> Result<(), Error> {
        self.write(|connection, _| access::audit(connection, entries))
    }

    fn audit_of(&self, customer_id: &str) -> Result<Vec<AuditEntry>, Error> {
        self.read(|connection, _| access::audit_of(connection, customer_id))
    }
}

impl Campaigns for SqliteStore {
    fn reserve_contacts(&self, wanted: &[Contact], cap: &Cap, record: bool) -> Result<Vec<Grant>, Error> {
        match record {
            true => self.write(|connection, _| contacts::reserve(connection, wanted, cap, true)),
            false => self.read(|connection, _| contacts::reserve(connection, wanted, cap, false)),
        }
    }

    fn contacts_of(&self, customer_id: &str) -> Result<Vec<Contact>, Error> {
        self.read(|connection, _| contacts::of_customer(connection, customer_id))
    }

    fn campaign(&self, campaign: &str) -> Result<Vec<Contact>, Error> {
        self.read(|connection, _| contacts::of_campaign(connection, campaign))
    }
}

impl Aggregates for SqliteStore {
    fn record_shadow(
        &self,
        champion: &str,
        challenger: &str,
        pairs: &[Pair],
        at: Micros,
    ) -> Result<(), Error> {
        self.write(|connection, _| access::record_shadow(connection, champion, challenger, pairs, at))
    }

    fn shadow_summary(&self) -> Result<Vec<Summary>, Error> {
        self.read(|connection, _| access::shadow_summary(connection))
    }

    fn keep_aggregates(&self, aggregates: &DailyAggregates, newest: u32) -> Result<(), Error> {
        self.write(|connection, _| aggregates::keep(connection, aggregates, newest))
    }

    fn aggregates(&self, until: Option<i32>) -> Result<Option<DailyAggregates>, Error> {
        self.read(|connection, _| aggregates::kept(connection, until))
    }

    fn turned_high(&self, since: Micros, among: u32, limit: u32) -> Result<TurnedHigh, Error> {
        self.read(|connection, _| aggregates::turned_high(connection, since, among, limit))
    }
}

impl Store for SqliteStore {
    fn ready(&self) -> Result<(), Error> {
        if !self.path.exists() {
            let detail = "the file is gone".to_owned();
            return Err(Error::Database { store: self.place.clone(), detail });
        }
        self.read(
            |connection, _| Ok(connection.query_row("SELECT count(*) FROM settings", [], |_| Ok(()))?),
        )?;
        // A transaction that takes the right to write, and leaves it.
        self.write(|_, _| Ok(()))
    }
}
