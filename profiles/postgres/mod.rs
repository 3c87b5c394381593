//! The profile store in PostgreSQL: for several servers at once.
//!
//! Transactions that write take row locks in the order of customer ids, so the events of a customer that come to two
//! servers at one moment are taken in one after the other, and two batches never wait for each other in a circle.
//! Nothing here may run on a thread that serves requests: every call blocks.

use homing_datasets::{History, Zone};
use tokio_postgres::Config;

use super::aggregates::ScanPage;
use super::privacy::ERASURE;
use super::queue::CommitQueue;
use super::state::{Ask, ChangeSets, Common, Loaded, Verdict};
use super::{Access, Error, Listing, Page, Profile, Profiles, Store, Totals, plan};
pub(super) use door::{Door, DoorFault, Line};
use session::Pool;

mod commit;
mod door;
mod encryption;
mod feed;
mod list;
mod read;
mod rows;
mod scan;
mod schema;
mod session;
mod sql;

#[cfg(test)]
pub(super) mod tests;
mod text;
mod write;

/// A profile store in the schema `homing` of a PostgreSQL database.
pub struct PostgresStore {
    pool: Pool,
    commits: CommitQueue<commit::Job, Vec<Verdict>>,
    common: Common,
    erasure_key: [u8; 32],
}

/// So often a commit is tried beside other writers; from then on it keeps them waiting: where others meet new customers all
/// the time, somebody else would always be first.
const PATIENT_TRIES: u32 = 2;

type Fault = crate::sql::Fault<tokio_postgres::Error>;

impl Fault {
    fn is_worth_another_try(&self) -> bool {
        match self {
            Fault::Again => true,
            // A serialisation failure, a deadlock.
            Fault::Sql(error) => error.code().is_some_and(|code| matches!(code.code(), "40001" | "40P01")),
            _ => false,
        }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Fault::Sql(error)
    }
}

type Inner<T> = Result<T, Fault>;

/// The numbers of advisory locks: "hom" in the upper 24 bits, so that another program hardly has the same.
struct Locks {
    /// Held while the schema is made.
    schema: i64,
    /// Shared by writers of profiles; exclusive for erasing or recording an opt-out, also of customers without a row.
    writers: i64,
    /// Plus the last cursor given out: shared by a transaction that adds to the feed (see [`feed`]).
    feed: i64,
}

const LOCKS: Locks =
    Locks { schema: FEED_LOCKS | 0xff_ffff_fffe, writers: FEED_LOCKS | 0xff_ffff_ffff, feed: FEED_LOCKS };

const FEED_LOCKS: i64 = 0x68_6f6d << 40;

impl PostgresStore {
    /// Opens the store in this database (`postgres://USER:PASSWORD@HOST:PORT/DATABASE`), making its schema where there is none.
    ///
    /// # Errors
    /// [`Error`] that says why the database cannot be used: unreachable, without rights, of a newer homing.
    pub fn open(url: &str, zone: Zone) -> Result<Self, Error> {
        let mut config: Config = url.parse().map_err(|_| Error::UnknownPlace(without_password(url)))?;
        if config.get_application_name().is_none() {
            config.application_name("homing");
        }
        config.keepalives_idle(std::time::Duration::from_secs(30));
        config.tcp_user_timeout(std::time::Duration::from_secs(30));
        let place = without_password(url);
        let pool = Pool::of_store(place.clone(), config);
        pool.with(async |wire| schema::prepare(wire, &place).await)?;
        let (commits, common) = (CommitQueue::default(), Common::new(place, zone, true));
        let mut store = PostgresStore { pool, commits, common, erasure_key: [0; 32] };
        store.erasure_key = store.secret(ERASURE)?;
        Ok(store)
    }
}

/// The URL as it may be shown.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let rest = rest.split('?').next().unwrap_or_default();
    match rest.rsplit_once('@') {
        Some((user, host)) => format!("{scheme}://{}@{host}", user.split(':').next().unwrap_or_default()),
        None => format!("{scheme}://{rest}"),
    }
}

impl Profiles for PostgresStore {
    fn common(&self) -> &Common {
        &self.common
    }

    fn load(&self, ask: &Ask<'_>) -> Result<Loaded, Error> {
        self.pool.with(async |wire| commit::load(wire, self, ask).await)
    }

    fn commit(&self, sets: ChangeSets) -> Result<Vec<Verdict>, Error> {
        let job = commit::Job::of(sets).map_err(|fault| self.pool.known(fault, false))?;
        self.commits.commit(job, |jobs| {
            let mut tries = 0;
            self.pool.run(|session| {
                tries += 1;
                commit::commit(session, self, jobs, tries > PATIENT_TRIES)
            })
        })
    }

    fn profile(&self, customer_id: &str) -> Result<Option<Profile>, Error> {
        self.pool.with(async |wire| read::profile(wire, self, customer_id).await)
    }

    fn history(&self, customer_id: &str) -> Result<Option<History>, Error> {
        let bytes = self.pool.with(async |wire| read::history(wire, customer_id).await)?;
        bytes.map(|bytes| plan::decode(&self.common.place, customer_id, &bytes)).transpose()
    }

    fn list(&self, listing: &Listing) -> Result<Page, Error> {
        self.pool.with(async |wire| list::list(wire, self, listing).await)
    }

    fn listed_ids(&self, listing: &Listing, most: usize) -> Result<Option<Vec<String>>, Error> {
        self.pool.with(async |wire| list::ids(wire, self, listing, most).await)
    }

    fn totals(&self) -> Result<Totals, Error> {
        self.pool.with(async |wire| read::totals(wire).await)
    }

    fn scan(&self, after: Option<&str>, limit: u32) -> Result<ScanPage, Error> {
        self.pool.with(async |wire| scan::scan(wire, self, after, limit).await)
    }
}

impl Store for PostgresStore {
    fn ready(&self) -> Result<(), Error> {
        // A write that changes nothing: refused by a server that only reads.
        let sql = "UPDATE homing.schema_version SET version = version WHERE false";
        self.pool.with(async |wire| wire.execute(sql, &[]).await.map(drop))
    }
}
