//! Binaries, folders, purchases, servers and requests: what the tests are made of.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use homing_datasets::{Histories, History, Micros, Zone};
use serde_json::{Value, json};

/// The purchases that come with homing.
pub const CDNOW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/cdnow.parquet");

/// The last day that the model of the tests has seen.
pub const AS_OF: &str = "1997-12-31";

/// How long a server may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// `homing`, untouched by the settings of the user who runs the tests.
pub fn homing() -> Command {
    command(Path::new(env!("CARGO_BIN_EXE_homing")))
}

/// `homing-train`, which another package builds into the same folder.
pub fn homing_train() -> Command {
    let name = format!("homing-train{}", std::env::consts::EXE_SUFFIX);
    let path = Path::new(env!("CARGO_BIN_EXE_homing")).with_file_name(name);
    assert!(
        path.exists(),
        "there is no {}; run `cargo build --workspace` first, with the same profile (`--release` or not)",
        path.display()
    );
    command(&path)
}

fn command(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HOMING_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// What a finished command said.
#[derive(Debug)]
pub struct Told {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Told {
    /// Asserts the exit code, and that stderr holds each of the words.
    #[track_caller]
    pub fn says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing in {self:#?}");
        }
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:#?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}

/// Runs a command to its end in a folder. No command may ever panic, whatever it is given.
#[track_caller]
pub fn run<S: AsRef<OsStr>>(mut command: Command, folder: &Path, args: impl IntoIterator<Item = S>) -> Told {
    let output = command.current_dir(folder).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!err.contains("panicked"), "{err}");
    assert!(!err.contains('\u{1b}'), "escape codes where no terminal is: {err:?}");
    Told { code: output.status.code().expect("ended by a signal"), out, err }
}

/// A folder of the test's own.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The registry with one model, fitted on CDNOW up to [`AS_OF`], once in a run of the tests.
pub fn registry() -> &'static Path {
    static MODEL: OnceLock<(File, PathBuf)> = OnceLock::new();
    let (_, path) = MODEL.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Held until the process ends, so that a second run of the tests does not pull the model away.
        let lock = File::create(home.join("system.lock")).unwrap();
        lock.lock().unwrap();
        let path = home.join("system-registry");
        if path.exists() {
            std::fs::remove_dir_all(&path).unwrap();
        }
        fit(CDNOW, home, &path, None).says(0, &["read 69659 events of 23570 customers"]);
        (lock, path)
    });
    path
}

/// `homing-train fit` up to [`AS_OF`], with this many threads.
pub fn fit(purchases: &str, folder: &Path, registry: &Path, threads: Option<u32>) -> Told {
    let mut command = homing_train();
    if let Some(threads) = threads {
        command.env("RAYON_NUM_THREADS", threads.to_string());
    }
    command.args(["fit", "--purchases", purchases, "--as-of", AS_OF, "--horizons", "30,90"]);
    command.args(["--value-horizon", "90", "--registry"]).arg(registry);
    run::<&str>(command, folder, [])
}

/// The folder of the one model in a registry.
pub fn bundle(registry: &Path) -> PathBuf {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let names = folders(registry);
    assert_eq!(names.len(), 1, "{names:?}");
    let versions = folders(&names[0]);
    assert_eq!(versions.len(), 1, "{versions:?}");
    versions[0].clone()
}

/// CDNOW as the library reads it.
pub fn cdnow() -> &'static Histories {
    static CDNOW: OnceLock<Histories> = OnceLock::new();
    CDNOW.get_or_init(|| homing_datasets::cdnow().unwrap())
}

/// [`AS_OF`] as an instant: the end of that day.
pub fn as_of() -> Micros {
    Zone::default().as_of(AS_OF).unwrap()
}

/// The events of a history up to an instant, in the form in which the API takes them.
pub fn events(history: &History, until: Micros) -> Vec<Value> {
    let zone = Zone::default();
    let seen = history.events().filter(|event| event.recorded_at <= until);
    let json = seen.map(|event| {
        json!({
            "occurred_at": zone.format(event.occurred_at),
            "recorded_at": zone.format(event.recorded_at),
            "kind": event.kind.name(),
            "amount": event.amount,
            "quantity": event.quantity,
            "order_id": event.order,
            "product_id": event.product,
            "category": event.category,
            "channel": event.channel,
            "promotion": event.promotion,
        })
    });
    json.collect()
}

/// Writes a file and gives back its name.
pub fn write<'a>(folder: &Path, name: &'a str, text: &str) -> &'a str {
    std::fs::write(folder.join(name), text).unwrap();
    name
}

/// A `homing serve`, killed at the end of the test.
pub struct Server {
    child: Child,
    pub url: String,
    agent: ureq::Agent,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub media_type: String,
    pub retry_after: Option<String>,
    pub body: Value,
}

impl Answer {
    /// Asserts that the answer is a problem document with this status and code, and that its detail holds each of the words.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str, words: &[&str]) {
        assert_eq!(
            (self.status, self.media_type.as_str()),
            (status, "application/problem+json"),
            "{self:#?}"
        );
        assert_eq!(self.body["code"], code, "{self:#?}");
        assert_eq!(self.body["status"], status, "{self:#?}");
        for word in words {
            assert!(self.body["detail"].as_str().unwrap().contains(word), "`{word}` is missing in {self:#?}");
        }
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!((self.status, self.media_type.as_str()), (200, "application/json"), "{self:#?}");
        self.body
    }
}

/// A client with connections of its own; an answer of whatever status is an answer.
pub fn client() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

/// Posts a body; an error means that no whole answer came.
pub fn post(client: &ureq::Agent, url: &str, body: &[u8]) -> Result<Answer, ureq::Error> {
    answer(client.post(url).content_type("application/json").send(body)?)
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (media_type, retry_after) = (header("content-type").unwrap_or_default(), header("retry-after"));
    let status = response.status().as_u16();
    Ok(Answer { status, media_type, retry_after, body: response.body_mut().read_json()? })
}

impl Server {
    /// Serves the model of [`registry`] with the profiles in `folder`, on a free port.
    #[track_caller]
    pub fn start(folder: &Path) -> Server {
        Server::start_on(folder, "sqlite:profiles.db")
    }

    /// The same with the profiles at this place.
    #[track_caller]
    pub fn start_on(folder: &Path, profiles: &str) -> Server {
        Server::start_with(folder, profiles, registry())
    }

    /// The same with the models of this registry.
    #[track_caller]
    pub fn start_with(folder: &Path, profiles: &str, registry: &Path) -> Server {
        let mut command = homing();
        command.args(["serve", "--listen", "127.0.0.1:0", "--profiles", profiles, "--registry"]);
        command.arg(registry).env("HOMING_LOG", "error");
        Server::start_command(command, folder)
    }

    /// The server that a command starts in this folder.
    #[track_caller]
    pub fn start_command(mut command: Command, folder: &Path) -> Server {
        let log = folder.join("server.log");
        let errors = File::options().create(true).append(true).open(&log).unwrap();
        command.current_dir(folder);
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut server = Server { child, url: String::new(), agent: client() };
        let (send, line) = mpsc::channel();
        std::thread::spawn(move || send.send(out.lines().next()));
        let line = line.recv_timeout(PATIENCE).expect("the server does not say that it is ready");
        let line = line.and_then(Result::ok).unwrap_or_else(|| {
            panic!("the server ended: {}", std::fs::read_to_string(&log).unwrap_or_default())
        });
        server.url =
            line.strip_prefix("listening on ").unwrap_or_else(|| panic!("it said `{line}`")).to_owned();
        assert!(server.url.starts_with("http://127.0.0.1:"), "{line}");
        server
    }

    /// Ends the server as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        post(&self.agent, &format!("{}{path}", self.url), body.to_string().as_bytes()).unwrap()
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.agent.get(format!("{}{path}", self.url)).call().and_then(answer).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
