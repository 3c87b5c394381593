//! The profile store in PostgreSQL: for several servers at once.
//!
//! Transactions that write take row locks in the order of customer ids, so the events of a customer that come to two
//! servers at one moment are taken in one after the other, and two batches never wait for each other in a circle.
//! Nothing here may run on a thread that serves requests: every call blocks.

use homing_datasets::{History, Micros, Zone};
use tokio_postgres::Config;

use super::access::{AuditEntry, Key};
use super::aggregates::{DailyAggregates, ScanPage, TurnedHigh};
use super::contacts::{Cap, Contact, Grant};
use super::feed::{Changes, DeadLetter, FeedPosition, Letter, Retention};
use super::privacy::{Consent, Erasures, Export, keyed_hash};
use super::queue::CommitQueue;
use super::shadow::{Pair, Summary};
use super::state::{Ask, ChangeSets, Common, Loaded, Verdict};
use super::{
    Access, Aggregates, Campaigns, Error, Feed, Listing, Page, Privacy, Profile, Profiles, Store, Totals,
    plan,
};
pub(super) use door::{Door, DoorFault};
use session::Pool;

mod access;
mod aggregates;
mod commit;
mod contacts;
mod door;
mod encryption;
mod feed;
mod list;
mod privacy;
mod read;
mod rows;
mod schema;
mod session;

#[cfg(test)]
pub(super) mod tests;
mod text;

/// A profile store in the schema `homing` of a PostgreSQL database.
pub struct PostgresStore {
    place: String,
    zone: Zone,
    pool: Pool,
    commits: CommitQueue<commit::Job, Vec<Verdict>>,
    common: Common,
    erasure_key: [u8; 32],
}

/// So often a commit is tried beside other writers; from then on it keeps them waiting: where others meet new customers all
/// the time, somebody else would always be first.
const PATIENT_TRIES: u32 = 2;

/// What can go wrong inside: PostgreSQL's own errors get the store's name at the door.
enum Fault {
    Sql(tokio_postgres::Error),
    Known(Error),
    /// Another transaction was first; begin anew.
    Again,
}

impl Fault {
    fn is_worth_another_try(&self) -> bool {
        match self {
            Fault::Again => true,
            Fault::Known(_) => false,
            // A serialisation failure, a deadlock.
            Fault::Sql(error) => error.code().is_some_and(|code| matches!(code.code(), "40001" | "40P01")),
        }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Fault::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Known(error)
    }
}

type Inner<T> = Result<T, Fault>;

/// The numbers of advisory locks: "hom" in the upper 24 bits, so that another program hardly has the same.
struct Locks {
    /// Held while the schema is made.
    schema: i64,
    /// Shared by who writes profiles; alone by who erases or takes down an opt-out, also of customers without a row.
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
        let pool = Pool::new(place.clone(), config);
        let erasure_key = pool.with(async |wire| schema::prepare(wire, &place).await)?;
        let (commits, common) = (CommitQueue::default(), Common::new(place.clone(), zone, true));
        Ok(PostgresStore { place, zone, pool, commits, common, erasure_key })
    }

    fn hash(&self, customer_id: &str) -> [u8; 32] {
        keyed_hash(&self.erasure_key, customer_id.as_bytes())
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
            self.pool.with(async |wire| {
                tries += 1;
                commit::commit(wire, self, jobs, tries > PATIENT_TRIES).await
            })
        })
    }

    fn profile(&self, customer_id: &str) -> Result<Option<Profile>, Error> {
        self.pool.with(async |wire| read::profile(wire, self, customer_id).await)
    }

    fn history(&self, customer_id: &str) -> Result<Option<History>, Error> {
        let bytes = self.pool.with(async |wire| read::history(wire, customer_id).await)?;
        bytes.map(|bytes| plan::decode(&self.place, customer_id, &bytes)).transpose()
    }

    fn list(&self, listing: &Listing) -> Result<Page, Error> {
        self.pool.with(async |wire| list::list(wire, self, listing).await)
    }

    fn totals(&self) -> Result<Totals, Error> {
        self.pool.with(async |wire| read::totals(wire).await)
    }

    fn scan(&self, after: Option<&str>, limit: u32) -> Result<ScanPage, Error> {
        self.pool.with(async |wire| aggregates::scan(wire, self, after, limit).await)
    }
}

impl Feed for PostgresStore {
    fn changes(&self, after: Option<u64>, limit: u32) -> Result<Changes, Error> {
        self.pool.with(async |wire| feed::changes(wire, self.zone, after, limit).await)
    }

    fn newest_change(&self) -> Result<u64, Error> {
        self.pool.with(async |wire| feed::settled(wire).await)
    }

    fn prune_changes(&self, retention: &Retention) -> Result<u64, Error> {
        feed::prune(self, retention)
    }

    fn feed_position(&self, feed: &str) -> Result<Option<FeedPosition>, Error> {
        self.pool.with(async |wire| feed::position(wire, feed).await)
    }

    fn set_feed_position(&self, feed: &str, position: FeedPosition) -> Result<(), Error> {
        self.pool.with(async |wire| feed::set_position(wire, feed, position).await)
    }

    fn lease(&self, work: &str, holder: &str, now: Micros, until: Micros) -> Result<bool, Error> {
        self.pool.with(async |wire| feed::lease(wire, work, holder, now, until).await)
    }

    fn dead_letter(&self, letter: &Letter) -> Result<(), Error> {
        self.pool.with(async |wire| feed::bury(wire, letter).await)
    }

    fn dead_letters(&self, feed: Option<&str>, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        self.pool.with(async |wire| feed::letters(wire, &self.place, feed, limit).await)
    }

    fn drop_dead_letter(&self, number: u64) -> Result<bool, Error> {
        self.pool.with(async |wire| feed::drop_letter(wire, number).await)
    }
}

impl Privacy for PostgresStore {
    fn consent(&self, customer_id: &str) -> Result<Option<Consent>, Error> {
        self.pool.with(async |wire| privacy::consent(wire, customer_id).await)
    }

    fn set_attributes(
        &self,
        customer_id: &str,
        attributes: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), Error> {
        self.pool.with(async |wire| privacy::set_attributes(wire, customer_id, attributes).await)
    }

    fn export(&self, customer_id: &str) -> Result<Option<Export>, Error> {
        self.pool.with(async |wire| privacy::export(wire, self, customer_id).await)
    }

    fn erase(&self, customer_id: &str, at: Micros) -> Result<bool, Error> {
        self.pool.with(async |wire| privacy::erase(wire, self, customer_id, at).await)
    }

    fn readmit(&self, customer_id: &str) -> Result<bool, Error> {
        let hash = self.hash(customer_id);
        let sql = "DELETE FROM homing.erased WHERE hash = $1";
        self.pool.with(async |wire| Ok(wire.execute(sql, &[&hash.as_slice()]).await? > 0))
    }

    fn is_erased(&self, customer_id: &str) -> Result<bool, Error> {
        let hash = self.hash(customer_id);
        let sql = "SELECT 1 FROM homing.erased WHERE hash = $1";
        self.pool.with(async |wire| Ok(wire.one(sql, &[&hash.as_slice()]).await?.is_some()))
    }

    fn erased(&self) -> Result<Erasures, Error> {
        self.pool.with(async |wire| privacy::erased(wire, self.erasure_key).await)
    }
}

impl Access for PostgresStore {
    fn secret(&self, purpose: &str) -> Result<[u8; 32], Error> {
        self.pool.with(async |wire| access::secret(wire, &self.place, purpose).await)
    }

    fn insert_key(&self, key: &Key) -> Result<(), Error> {
        self.pool.with(async |wire| access::insert_key(wire, key).await)
    }

    fn keys(&self) -> Result<Vec<Key>, Error> {
        self.pool.with(async |wire| access::keys(wire).await)
    }

    fn revoke_key(&self, id: &str, at: Micros) -> Result<bool, Error> {
        self.pool.with(async |wire| access::revoke_key(wire, id, at).await)
    }

    fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Key>, Error> {
        self.pool.with(async |wire| access::key_by_hash(wire, hash).await)
    }

    fn audit(&self, entries: &[AuditEntry]) -> Result<(), Error> {
        self.pool.with(async |wire| access::audit(wire, entries).await)
    }

    fn audit_of(&self, customer_id: &str) -> Result<Vec<AuditEntry>, Error> {
        self.pool.with(async |wire| access::audit_of(wire, self, customer_id).await)
    }
}

impl Campaigns for PostgresStore {
    fn reserve_contacts(&self, wanted: &[Contact], cap: &Cap, record: bool) -> Result<Vec<Grant>, Error> {
        self.pool.with(async |wire| contacts::reserve(wire, self, wanted, cap, record).await)
    }

    fn contacts_of(&self, customer_id: &str) -> Result<Vec<Contact>, Error> {
        self.pool.with(async |wire| contacts::of_customer(wire, customer_id).await)
    }

    fn campaign(&self, campaign: &str) -> Result<Vec<Contact>, Error> {
        self.pool.with(async |wire| contacts::of_campaign(wire, campaign).await)
    }
}

impl Aggregates for PostgresStore {
    fn record_shadow(
        &self,
        champion: &str,
        challenger: &str,
        pairs: &[Pair],
        at: Micros,
    ) -> Result<(), Error> {
        self.pool.with(async |wire| access::record_shadow(wire, champion, challenger, pairs, at).await)
    }

    fn shadow_summary(&self) -> Result<Vec<Summary>, Error> {
        self.pool.with(async |wire| access::shadow_summary(wire).await)
    }

    fn keep_aggregates(&self, aggregates: &DailyAggregates, newest: u32) -> Result<(), Error> {
        self.pool.with(async |wire| aggregates::keep(wire, aggregates, newest).await)
    }

    fn aggregates(&self, until: Option<i32>) -> Result<Option<DailyAggregates>, Error> {
        self.pool.with(async |wire| aggregates::kept(wire, until).await)
    }

    fn turned_high(&self, since: Micros, among: u32, limit: u32) -> Result<TurnedHigh, Error> {
        self.pool.with(async |wire| aggregates::turned_high(wire, since, among, limit).await)
    }
}

impl Store for PostgresStore {
    fn ready(&self) -> Result<(), Error> {
        // A write that changes nothing: refused by a server that only reads.
        let sql = "UPDATE homing.schema_version SET version = version WHERE false";
        self.pool.with(async |wire| wire.execute(sql, &[]).await.map(drop))
    }
}
