//! One sync for many: requests that write at the same moment share a transaction.
//!
//! A commit costs a sync to the disk, which is most of what a small intake costs. Whoever comes while others wait for the
//! writer does their work in the transaction that is open, behind a savepoint of their own (all but the first, who opens
//! it), and leaves the commit to the last of them. Nobody is answered before their group is on disk, and one who fails takes back only their own work.

use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};

use super::rows::TagNames;
use super::{Fault, Inner, SqliteStore, locked};
use crate::Error;

/// Members of a group at most, so that the first of them does not wait for ever.
const MEMBERS: usize = 64;
/// Failed groups that are remembered until their members have heard of it.
const FAILURES: usize = 16;

/// The connection that writes, and the group whose transaction it may have open.
pub(super) struct Writer {
    connection: Connection,
    group: u64,
    members: usize,
    failures: Vec<(u64, Error)>,
    /// Forgotten with whatever is taken back: numbers that it gave to names must not be remembered.
    names: TagNames,
}

impl Writer {
    pub fn new(connection: Connection) -> Self {
        Writer { connection, group: 0, members: 0, failures: Vec::new(), names: TagNames::default() }
    }

    /// Does work that writes; names are known from the last time, unless that failed.
    pub fn work<T>(&mut self, work: impl FnOnce(&Connection, &mut TagNames) -> Inner<T>) -> Inner<T> {
        let mut names = std::mem::take(&mut self.names);
        let done = work(&self.connection, &mut names)?;
        self.names = names;
        Ok(done)
    }

    /// Does work in a transaction of its own, which is taken back when the work fails or panics.
    pub fn alone<T>(&mut self, work: impl FnOnce(&Connection, &mut TagNames) -> Inner<T>) -> Inner<T> {
        let mut names = std::mem::take(&mut self.names);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction, &mut names)?;
        transaction.commit()?;
        self.names = names;
        Ok(done)
    }
}

impl Deref for Writer {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Writer {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl SqliteStore {
    /// Takes the writer.
    pub(super) fn enter(&self) -> MutexGuard<'_, Writer> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let writer = locked(&self.writer);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        writer
    }

    /// Commits the group whose transaction is open, if there is one.
    pub(super) fn finish(&self, writer: &mut Writer) {
        if writer.is_autocommit() && writer.members == 0 {
            return;
        }
        let ended = match writer.is_autocommit() {
            false => writer.execute_batch("COMMIT"),
            // SQLite takes a whole transaction back by itself when the disk is full or fails.
            true => Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR),
                Some("the transaction was taken back".to_owned()),
            )),
        };
        if let Err(error) = ended {
            let error = self.known(Fault::Sql(error));
            if !writer.is_autocommit() {
                // When this fails, too, the connection is beyond use, and the next to begin hears it.
                let _ = writer.execute_batch("ROLLBACK");
            }
            writer.names = TagNames::default();
            let group = writer.group;
            writer.failures.push((group, error));
            let old = writer.failures.len().saturating_sub(FAILURES);
            writer.failures.drain(..old);
        }
        writer.group += 1;
        writer.members = 0;
        self.committed.notify_all();
    }

    /// Runs work that writes, in one transaction with that of others who come at the same moment. When it returns, what
    /// it wrote is on disk; when it fails, nothing of it is. Large work begins a transaction: behind a savepoint SQLite
    /// keeps every page that is changed a second time, in memory.
    pub(super) fn write_in_group<T>(
        &self,
        large: bool,
        work: impl FnOnce(&Connection, &mut TagNames) -> Inner<T>,
    ) -> Result<T, Error> {
        let mut writer = self.enter();
        if large {
            self.finish(&mut writer);
        }
        let group = writer.group;
        let first = writer.is_autocommit();
        let begun = writer.execute_batch(if first { "BEGIN IMMEDIATE" } else { "SAVEPOINT one" });
        if let Err(error) = begun {
            self.leave(&mut writer);
            return Err(self.known(Fault::Sql(error)));
        }
        let done = catch_unwind(AssertUnwindSafe(|| {
            writer.work(|connection, names| {
                let done = work(connection, names)?;
                if !first {
                    connection.execute_batch("RELEASE one")?;
                }
                Ok(done)
            })
        }));
        match &done {
            Ok(Ok(_)) => writer.members += 1,
            // If SQLite took the whole transaction back, there is no savepoint left, and the group hears of it.
            _ if writer.is_autocommit() => {}
            // Nobody else has a part in the transaction yet.
            _ if first => {
                let _ = writer.execute_batch("ROLLBACK");
            }
            _ => {
                let _ = writer.execute_batch("ROLLBACK TO one; RELEASE one");
            }
        }
        self.leave(&mut writer);
        let done = match done {
            Err(panic) => {
                drop(writer);
                resume_unwind(panic)
            }
            Ok(done) => done.map_err(|fault: Fault| self.known(fault))?,
        };
        while writer.group == group {
            writer = self.committed.wait(writer).unwrap_or_else(PoisonError::into_inner);
        }
        match writer.failures.iter().find(|(failed, _)| *failed == group) {
            Some((_, error)) => Err(error.clone()),
            None => Ok(done),
        }
    }

    /// The last one commits for all. A group whose transaction SQLite took back ends here: whoever comes next must not begin
    /// another one in its name.
    fn leave(&self, writer: &mut Writer) {
        let taken_back = writer.is_autocommit() && writer.members > 0;
        if taken_back || self.waiting.load(Ordering::SeqCst) == 0 || writer.members >= MEMBERS {
            self.finish(writer);
        }
    }
}

#[cfg(test)]
mod tests {
    use homing_datasets::Zone;

    use super::*;

    fn add(connection: &Connection, name: &str) -> Inner<()> {
        connection.execute("INSERT INTO settings (name, value) VALUES (?1, 1)", [name])?;
        Ok(())
    }

    #[test]
    fn nobody_is_told_of_a_commit_that_was_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("p.db"), Zone::default()).unwrap();
        // As if somebody were about to come, so that the first does not end the group.
        store.waiting.fetch_add(1, Ordering::SeqCst);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| store.write_in_group(false, |connection, _| add(connection, "first")));
            while locked(&store.writer).members == 0 {
                std::thread::yield_now();
            }
            // What SQLite does by itself when a disk fails in the middle of a statement.
            let second = store.write_in_group(false, |connection, _| -> Inner<()> {
                connection.execute_batch("ROLLBACK")?;
                Err(Fault::Sql(rusqlite::Error::QueryReturnedNoRows))
            });
            assert!(second.is_err());
            store.waiting.fetch_sub(1, Ordering::SeqCst);
            store.write_in_group(false, |connection, _| add(connection, "third")).unwrap();
            assert!(first.join().unwrap().is_err());
        });
        let count = "SELECT count(*) FROM settings WHERE name IN ('first', 'third')";
        let held: i64 = locked(&store.writer).query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(held, 1);
    }
}
