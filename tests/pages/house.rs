//! A shop with two models, its profiles, and servers over them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

/// How long a server may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// An id that does harm where it is not escaped.
pub const EVIL: &str = "<script>alert(1)</script>";
/// An id that a spreadsheet takes for a formula where it is not made harmless.
pub const FORMULA: &str = "=1+1";

/// A program of this build, untouched by the settings of the user who runs the tests.
fn program(name: &str) -> Command {
    let path = Path::new(env!("CARGO_BIN_EXE_homing"));
    let path = path.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "there is no {}; run `cargo build --workspace` first", path.display());
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HOMING_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

#[track_caller]
fn run(folder: &Path, name: &str, args: &[&str]) -> String {
    let done = program(name).args(args).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// The folder of the shop: `registry` with two models, `profiles.db` scored by the newer one. Made once in a run of the tests.
fn shop() -> &'static Path {
    static SHOP: OnceLock<(File, PathBuf)> = OnceLock::new();
    let (_, path) = SHOP.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Held until the process ends, so that a second run of the tests does not pull the shop away.
        let lock = File::create(home.join("pages.lock")).unwrap();
        lock.lock().unwrap();
        let folder = home.join("pages-shop");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir(&folder).unwrap();
        run(&folder, "homing", &["simulate", "--customers", "1500", "--days", "800", "--out", "chain"]);
        let odd = format!(
            "customer_id,occurred_at,amount\n\"{EVIL}\",2025-06-01T10:00:00Z,90000\n{FORMULA},2025-06-02T10:00:00Z,80000\n"
        );
        std::fs::write(folder.join("odd.csv"), odd).unwrap();
        let fit = ["fit", "--purchases", "chain/events", "--registry", "registry", "--name", "shop"];
        run(&folder, "homing-train", &[&fit[..], &["--as-of", "2025-05-31"]].concat());
        run(&folder, "homing-train", &fit);
        for purchases in ["chain/events", "odd.csv"] {
            let score = ["score", "--purchases", purchases, "--registry", "registry", "--as-of", "2025-06-30"];
            run(&folder, "homing", &[&score[..], &["--profiles", "sqlite:profiles.db"]].concat());
        }
        (lock, folder)
    });
    path
}

/// A server over a copy of the shop's registry and profiles.
pub struct House {
    pub url: String,
    keeper: Child,
    folder: tempfile::TempDir,
}

impl House {
    /// Serves the shop.
    pub fn open() -> House {
        House::open_with("127.0.0.1:0", &[])
    }

    /// Serves a place without customers and models.
    pub fn empty() -> House {
        House::serve(tempfile::tempdir().unwrap())
    }

    /// Serves the shop at an address, with more flags.
    pub fn open_with(listen: &str, flags: &[(&str, &str)]) -> House {
        let folder = tempfile::tempdir().unwrap();
        copy(&shop().join("registry"), &folder.path().join("registry"));
        std::fs::copy(shop().join("profiles.db"), folder.path().join("profiles.db")).unwrap();
        House::serve_with(folder, listen, flags)
    }

    fn serve(folder: tempfile::TempDir) -> House {
        House::serve_with(folder, "127.0.0.1:0", &[])
    }

    fn serve_with(folder: tempfile::TempDir, listen: &str, flags: &[(&str, &str)]) -> House {
        let errors = File::create(folder.path().join("log")).unwrap();
        let mut command = program("homing");
        command.args([
            "serve",
            "--listen",
            listen,
            "--registry",
            "registry",
            "--profiles",
            "sqlite:profiles.db",
        ]);
        command.args(flags.iter().flat_map(|(name, value)| [*name, *value]));
        command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(errors);
        let mut keeper = command.spawn().unwrap();
        let out = BufReader::new(keeper.stdout.take().unwrap());
        let (send, line) = mpsc::channel();
        std::thread::spawn(move || send.send(out.lines().next()));
        let line = line.recv_timeout(PATIENCE).expect("the server does not say that it is ready");
        let line = line.and_then(Result::ok).unwrap_or_default();
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| {
            panic!(
                "the server ended: {}",
                std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
            )
        });
        House { url: url.to_owned(), keeper, folder }
    }

    /// Makes a key; from the first one on the server asks for keys, within two seconds.
    pub fn key(&self, role: &str) -> String {
        let args = ["keys", "create", "--role", role, "--name", role, "--profiles", "sqlite:profiles.db"];
        let told = run(self.folder.path(), "homing", &args);
        told.split_whitespace().find(|word| word.starts_with("homing_")).expect("a key is printed").to_owned()
    }
}

impl House {
    /// Asks the API as a program does: the status and the body.
    pub fn api(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: Option<&str>,
    ) -> (u16, serde_json::Value) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.header("content-type", "application/json");
        let request = request.body(body.unwrap_or_default().to_owned()).unwrap();
        let mut reply = ureq::Agent::from(config).run(request).unwrap();
        let body = reply.body_mut().read_json().unwrap_or_default();
        (reply.status().as_u16(), body)
    }

    /// Waits until the server has noticed that there are keys.
    pub fn wait_for_keys(&self) {
        let limit = std::time::Instant::now() + PATIENCE;
        while self.api("GET", "/v1/models", None, None).0 != 401 {
            assert!(std::time::Instant::now() < limit, "the server notices no key");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
