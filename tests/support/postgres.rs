//! A PostgreSQL server of one's own: a fresh cluster in a temporary folder on a free port, gone with the process
//! that started it, however that ends.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running cluster.
pub struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    /// A shell that ends the server as soon as its standard input closes.
    keeper: Option<Child>,
    fsync: bool,
}

impl Cluster {
    /// Starts a cluster. Without `fsync` it is quicker and forgets what it acknowledged if the machine fails, which
    /// tests do not need.
    pub fn start(fsync: bool) -> Cluster {
        let folder = tempfile::Builder::new().prefix("homing-postgres-").tempdir().unwrap();
        let mut cluster = Cluster { folder, programs: programs(), port: 0, keeper: None, fsync };
        let data = cluster.data();
        if is_root() {
            // PostgreSQL refuses to run as the superuser.
            run(Command::new("chown").arg("postgres").arg(cluster.folder.path()));
        }
        let initdb = cluster.programs.join("initdb");
        let sync = if fsync { "" } else { "--no-sync" };
        run(&mut as_server(&format!(
            "'{}' -D '{}' -U homing -A trust -E UTF8 --no-locale {sync} >/dev/null",
            initdb.display(),
            data.display(),
        )));
        cluster.port = free_port();
        cluster.run();
        cluster
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts the server, also again after [`Cluster::stop`], on the same port.
    pub fn run(&mut self) {
        let log = self.folder.path().join("log");
        let fsync = if self.fsync { "on" } else { "off" };
        let script = format!(
            "'{}' -D '{}' -p {} -k '{}' -c listen_addresses=127.0.0.1 -c max_connections=100 -c fsync={fsync} \
             -c max_wal_size=4GB -c shared_buffers=256MB >>'{}' 2>&1 </dev/null & server=$!; \
             read -r _ || ended=1; kill -INT $server; wait $server; [ -z \"$ended\" ] || rm -rf '{}'",
            self.programs.join("postgres").display(),
            self.data().display(),
            self.port,
            self.folder.path().display(),
            log.display(),
            self.folder.path().display(),
        );
        self.keeper = Some(as_server(&script).stdin(Stdio::piped()).spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while !self.answers() {
            if Instant::now() > deadline {
                panic!("PostgreSQL does not start: {}", std::fs::read_to_string(log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> bool {
        self.try_sql("postgres", "SELECT 1").is_ok()
    }

    /// Stops the server as an operator does who does not wait for clients.
    pub fn stop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            if let Some(mut input) = keeper.stdin.take() {
                let _ = input.write_all(b"\n");
            }
            let _ = keeper.wait();
        }
    }

    fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let done = Command::new(self.programs.join("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "homing", "-d", database])
            .args(["-v", "ON_ERROR_STOP=1", "-qAtc", sql])
            .output()
            .map_err(|error| error.to_string())?;
        match done.status.success() {
            true => Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
        }
    }

    /// Runs SQL in a database and gives back what it prints.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Makes an empty database and gives back its URL.
    #[track_caller]
    pub fn database(&self, name: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(name)
    }

    /// The URL of a database.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://homing:secret@127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0\n")
}

/// A shell as the user that the server runs as.
fn as_server(script: &str) -> Command {
    let mut command;
    if is_root() {
        command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh", "-c", script]);
    } else {
        command = Command::new("sh");
        command.args(["-c", script]);
    }
    command.current_dir("/");
    command
}

#[track_caller]
fn run(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The folder of the newest PostgreSQL of this machine, or the one that HOMING_POSTGRES_BIN names.
fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("HOMING_POSTGRES_BIN") {
        return folder.into();
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .map(|version| version.path())
        .filter(|path| path.join("bin/postgres").is_file())
        .max_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    if let Some(newest) = newest {
        return newest.join("bin");
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|folder: &PathBuf| folder.join("initdb").is_file() && Path::new(folder).join("postgres").is_file())
        .expect(
            "there is no PostgreSQL server to test with; install one (apt-get install postgresql-15), or name its \
             folder in HOMING_POSTGRES_BIN",
        )
}
