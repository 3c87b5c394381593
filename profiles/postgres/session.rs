//! Connections: a few that are kept, each with a little runtime of its own, so that a statement costs no hop
//! between threads.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Socket, Statement};

use super::{Fault, Inner, encryption};
use crate::Error;

/// Connections that a store opens at most.
const SESSIONS: usize = 16;
/// How long a statement waits for a lock, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a transaction is tried again that lost against another.
const ATTEMPTS: u32 = 10;

/// The first statements of each connection. What is acknowledged must be on disk, whatever the server's default is.
const PREPARE: &str = "SELECT set_config('synchronous_commit', 'on', false)
     WHERE current_setting('synchronous_commit') = 'off';
     SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '10min';
     SET client_min_messages = 'warning'; SET extra_float_digits = 1;";
/// The next statement of a store's connections: its tables need no prefix.
const OF_STORE: &str = "SET search_path = homing";

/// A parameter of a statement.
pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A connection with the statements that it has prepared.
pub(super) struct Wire {
    pub client: Client,
    statements: HashMap<String, Statement>,
}

impl Wire {
    /// The prepared form of a statement.
    pub async fn statement(&mut self, sql: &str) -> Inner<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub async fn query(&mut self, sql: &str, parameters: &[Parameter<'_>]) -> Inner<Vec<Row>> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, parameters).await?)
    }

    pub async fn one(&mut self, sql: &str, parameters: &[Parameter<'_>]) -> Inner<Option<Row>> {
        Ok(self.query(sql, parameters).await?.into_iter().next())
    }

    pub async fn execute(&mut self, sql: &str, parameters: &[Parameter<'_>]) -> Inner<u64> {
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, parameters).await?)
    }

    pub async fn run(&self, sql: &str) -> Inner<()> {
        Ok(self.client.batch_execute(sql).await?)
    }
}

/// A connection and the runtime that drives it.
pub(super) struct Session {
    wire: Wire,
    runtime: Option<Runtime>,
}

impl Session {
    fn open(config: &Config, prepare: &str) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        let client = runtime.block_on(async {
            let client = match encryption::connector(config)? {
                Some(tls) => connect(config, tls).await?,
                None => connect(config, NoTls).await?,
            };
            client.batch_execute(prepare).await.map_err(|error| words(&error))?;
            Ok::<_, String>(client)
        })?;
        Ok(Session { wire: Wire { client, statements: HashMap::new() }, runtime: Some(runtime) })
    }
}

impl Session {
    /// One step.
    pub fn step<T>(&mut self, work: impl AsyncFnOnce(&mut Wire) -> Inner<T>) -> Inner<T> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(work(&mut self.wire)),
            None => Err(Fault::Again),
        }
    }
}

/// Opens a connection and lets it run.
pub(super) async fn connect<T>(config: &Config, tls: T) -> Result<Client, String>
where
    T: MakeTlsConnect<Socket, Stream: Send + 'static>,
    T::TlsConnect: TlsConnect<Socket>,
{
    let (client, connection) = match tokio::time::timeout(PATIENCE, config.connect(tls)).await {
        Ok(connected) => connected.map_err(|error| words(&error))?,
        Err(_) => return Err(format!("no response within {} s", PATIENCE.as_secs())),
    };
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = words(&error), "lost a connection to the profile store");
        }
    });
    Ok(client)
}

impl Drop for Session {
    fn drop(&mut self) {
        // A runtime that is merely dropped may wait, which a thread that serves requests must not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the database says, without the detail, which quotes the row with all its personal data.
pub(super) fn without_rows(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(database) => format!("{} (SQLSTATE {})", database.message(), database.code().code()),
        None => words(error),
    }
}

/// What the database says, with its cause and hint.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(database) = error.as_db_error() {
        let detail = database.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        return format!("{}{detail} (SQLSTATE {})", database.message(), database.code().code());
    }
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// The connections of a store.
pub(super) struct Pool {
    place: String,
    config: Config,
    prepare: String,
    idle: Mutex<Vec<Session>>,
    open: Mutex<usize>,
    freed: Condvar,
}

/// The right to have one connection.
struct Seat<'a>(&'a Pool);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        *self.0.open.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}

impl Pool {
    pub fn new(place: String, config: Config) -> Self {
        let (prepare, idle, open) = (PREPARE.to_owned(), Mutex::default(), Mutex::default());
        Pool { place, config, prepare, idle, open, freed: Condvar::new() }
    }

    /// Of a database in which homing's own tables are asked for.
    pub fn of_store(place: String, config: Config) -> Self {
        Pool { prepare: format!("{PREPARE}{OF_STORE}"), ..Pool::new(place, config) }
    }

    fn seat(&self) -> Result<Seat<'_>, Error> {
        let deadline = Instant::now() + PATIENCE;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while *open >= SESSIONS {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Locked(self.place.clone()));
            }
            open = self.freed.wait_timeout(open, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *open += 1;
        Ok(Seat(self))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works with a connection, as [`Pool::run`].
    pub fn with<T>(&self, mut work: impl AsyncFnMut(&mut Wire) -> Inner<T>) -> Result<T, Error> {
        self.run(|session| session.step(&mut work))
    }

    /// Works with a connection. What fails leaves no transaction open. Work that met a connection which had died
    /// in idleness, or lost against another transaction, is done again from its start.
    pub fn run<T>(&self, mut work: impl FnMut(&mut Session) -> Inner<T>) -> Result<T, Error> {
        let _seat = self.seat()?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let kept = self.idle().pop();
            let was_kept = kept.is_some();
            let mut session = match kept {
                Some(session) => session,
                None => {
                    Session::open(&self.config, &self.prepare).map_err(|detail| self.unreachable(detail))?
                }
            };
            let fault = match work(&mut session) {
                Ok(done) => {
                    self.idle().push(session);
                    return Ok(done);
                }
                Err(fault) => fault,
            };
            let lost = session.wire.client.is_closed() || matches!(&fault, Fault::Sql(error) if died(error));
            if lost {
                drop(session);
                // Its neighbours died with it.
                self.idle().clear();
                if was_kept && attempt < ATTEMPTS {
                    continue;
                }
            } else {
                if session.step(async |wire| wire.run("ROLLBACK").await).is_ok() {
                    self.idle().push(session);
                }
                if fault.is_worth_another_try() && attempt < ATTEMPTS {
                    continue;
                }
            }
            return Err(self.known(fault, lost));
        }
    }

    /// Takes a connection for work that has steps of its own in between.
    pub fn hold(&self) -> Result<Held<'_>, Error> {
        let seat = self.seat()?;
        let session =
            Session::open(&self.config, &self.prepare).map_err(|detail| self.unreachable(detail))?;
        Ok(Held { session, seat })
    }

    fn unreachable(&self, detail: String) -> Error {
        Error::Unreachable { store: self.place.clone(), detail }
    }

    pub fn known(&self, fault: Fault, lost: bool) -> Error {
        let error = match fault.known(&self.place) {
            Ok(error) => return error,
            Err(error) => error,
        };
        if lost {
            return self.unreachable(words(&error));
        }
        match error.code().map(tokio_postgres::error::SqlState::code) {
            Some("55P03" | "40001" | "40P01") => Error::Locked(self.place.clone()),
            Some("25006") => Error::ReadOnly(self.place.clone()),
            Some("53100") => self.database("the server's disk is full; free space and retry".to_owned()),
            Some("42501") => self.database(format!(
                "{}; grant the database user permission to create and write the schema `homing`",
                words(&error)
            )),
            _ => self.database(words(&error)),
        }
    }

    fn database(&self, detail: String) -> Error {
        Error::Database { store: self.place.clone(), detail }
    }
}

/// A connection that is held over several steps; what it has not committed when it is dropped is undone.
pub(super) struct Held<'a> {
    session: Session,
    seat: Seat<'a>,
}

impl Held<'_> {
    /// One step.
    pub fn step<T>(&mut self, work: impl AsyncFnOnce(&mut Wire) -> Inner<T>) -> Inner<T> {
        self.session.step(work)
    }

    /// Whether the connection ended with this error.
    pub fn is_lost(&self, error: &tokio_postgres::Error) -> bool {
        self.session.wire.client.is_closed() || died(error)
    }

    /// The error of the store for a step that failed.
    pub fn known(&self, fault: Fault) -> Error {
        let lost = matches!(&fault, Fault::Sql(error) if self.is_lost(error));
        self.seat.0.known(fault, lost)
    }
}

/// Whether the connection is gone, as when the server was stopped or is starting.
fn died(error: &tokio_postgres::Error) -> bool {
    let code = error.code().map(tokio_postgres::error::SqlState::code);
    error.is_closed()
        || code.is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
        || (code.is_none()
            && std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>()))
}
