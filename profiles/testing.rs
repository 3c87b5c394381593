//! A store for the tests of crates above: a real one in a folder of its own, whose calls can be made to wait or to fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use homing_datasets::{History, Zone};

use crate::aggregates::ScanPage;
use crate::sql::{Engine, Fault, Statements};
use crate::sqlite::SqliteStore;
use crate::state::{Ask, ChangeSets, Common, Loaded, Verdict};
use crate::{Error, Listing, Page, Profile, Profiles, Store, Totals};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A gate that every call of a store passes; while it is closed, calls wait.
#[derive(Default)]
pub struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
    /// Calls that wait now.
    pub waiting: AtomicUsize,
}

impl Gate {
    /// Lets no call through.
    pub fn close(&self) {
        *locked(&self.closed) = true;
    }

    /// Lets all through.
    pub fn open(&self) {
        *locked(&self.closed) = false;
        self.opened.notify_all();
    }

    fn pass(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        drop(
            self.opened
                .wait_while(locked(&self.closed), |closed| *closed)
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A SQLite store that is watched.
pub struct Watched<F> {
    store: SqliteStore,
    /// What every call passes first.
    pub gate: Gate,
    /// Makes every call fail with what it gives.
    pub failing: Mutex<Option<fn() -> Error>>,
    /// What was listed, the latest last.
    pub listings: Mutex<Vec<Listing>>,
    /// The folder, removed when it is dropped: after the store.
    _folder: F,
}

impl<F: AsRef<std::path::Path>> Watched<F> {
    /// Opens a store in a folder.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub fn open(folder: F, zone: Zone) -> Result<Self, Error> {
        let store = SqliteStore::open(folder.as_ref().join("profiles.db"), zone)?;
        let (gate, failing, listings) = (Gate::default(), Mutex::default(), Mutex::default());
        Ok(Watched { store, gate, failing, listings, _folder: folder })
    }
}

impl<F> Watched<F> {
    fn enter(&self) -> Result<&SqliteStore, Error> {
        self.gate.pass();
        let failing = *locked(&self.failing);
        failing.map_or(Ok(&self.store), |error| Err(error()))
    }
}

impl<F: Send + Sync> Profiles for Watched<F> {
    fn common(&self) -> &Common {
        self.store.common()
    }

    fn load(&self, ask: &Ask<'_>) -> Result<Loaded, Error> {
        self.enter()?.load(ask)
    }

    fn commit(&self, sets: ChangeSets) -> Result<Vec<Verdict>, Error> {
        self.enter()?.commit(sets)
    }

    fn profile(&self, customer_id: &str) -> Result<Option<Profile>, Error> {
        self.enter()?.profile(customer_id)
    }

    fn history(&self, customer_id: &str) -> Result<Option<History>, Error> {
        self.enter()?.history(customer_id)
    }

    fn list(&self, listing: &Listing) -> Result<Page, Error> {
        locked(&self.listings).push(listing.clone());
        self.enter()?.list(listing)
    }

    fn listed_ids(&self, listing: &Listing, most: usize) -> Result<Option<Vec<String>>, Error> {
        self.enter()?.listed_ids(listing, most)
    }

    fn totals(&self) -> Result<Totals, Error> {
        self.enter()?.totals()
    }

    fn scan(&self, after: Option<&str>, limit: u32) -> Result<ScanPage, Error> {
        self.enter()?.scan(after, limit)
    }
}

/// With this the other parts of a store are there, too.
impl<F: Send + Sync> Engine for Watched<F> {
    type Error = <SqliteStore as Engine>::Error;

    fn erasure_key(&self) -> &[u8; 32] {
        self.store.erasure_key()
    }

    fn read<T>(
        &self,
        work: impl FnMut(Statements<'_, Self::Error>) -> Result<T, Fault<Self::Error>>,
    ) -> Result<T, Error> {
        Engine::read(self.enter()?, work)
    }

    fn snapshot<T>(
        &self,
        work: impl FnMut(Statements<'_, Self::Error>) -> Result<T, Fault<Self::Error>>,
    ) -> Result<T, Error> {
        Engine::snapshot(self.enter()?, work)
    }

    fn write<T>(
        &self,
        work: impl FnMut(Statements<'_, Self::Error>) -> Result<T, Fault<Self::Error>>,
    ) -> Result<T, Error> {
        Engine::write(self.enter()?, work)
    }

    fn rewrite(&self) -> Result<bool, Error> {
        self.enter()?.rewrite()
    }
}

impl<F: Send + Sync> Store for Watched<F> {
    fn ready(&self) -> Result<(), Error> {
        self.enter()?.ready()
    }

    fn free_memory(&self) -> Result<(), Error> {
        self.enter()?.free_memory()
    }
}
