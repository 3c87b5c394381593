//! Purchases and models in an object store: found, read in ranges, followed, and told of when they are not there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use homing_models::{Alias, Bundle, Registry};
use serde_json::json;

use crate::support::{CDNOW, Server, Told, bundle, homing, homing_train, registry, run, scratch};

type Files = BTreeMap<String, Vec<u8>>;

/// A server that speaks as much S3 as reading and writing whole files takes. Every signed request is accepted.
struct Bucket {
    address: String,
    files: Arc<Mutex<Files>>,
    /// Methods and targets that were asked for.
    asked: Arc<Mutex<Vec<String>>>,
    /// Whether it takes requests and answers none.
    hangs: Arc<AtomicBool>,
}

impl Bucket {
    fn new(files: Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = asked.clone();
        let files = Arc::new(Mutex::new(files));
        let hangs: Arc<AtomicBool> = Arc::default();
        let (held, hanging) = (files.clone(), hangs.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (files, log, hanging) = (held.clone(), log.clone(), hanging.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &files, &log, &hanging));
            }
        });
        Bucket { address, files, asked, hangs }
    }

    /// The command, told where the bucket is.
    fn told(&self, mut command: Command) -> Command {
        command
            .env("AWS_ENDPOINT", &self.address)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "somewhere");
        command.env("AWS_ACCESS_KEY_ID", "somebody").env("AWS_SECRET_ACCESS_KEY", "secret");
        command
    }

    fn score(&self, purchases: &str, out: &str, folder: &std::path::Path) -> Told {
        let mut command = self.told(homing());
        command.args([
            "score",
            "--purchases",
            purchases,
            "--scored-at",
            "2026-01-01",
            "--json",
            "--out",
            out,
        ]);
        command.arg("--registry").arg(registry());
        run::<&str>(command, folder, [])
    }
}

/// Answers requests until the other side has no more.
fn serve(stream: TcpStream, files: &Mutex<Files>, log: &Mutex<Vec<String>>, hanging: &AtomicBool) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    let mut output = stream;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut parts = line.split(' ');
        let (method, target) = (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            input.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        log.lock().unwrap().push(format!("{method} {target}"));
        while hanging.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let signed =
            headers.get("authorization").is_some_and(|signed| signed.starts_with("AWS4-HMAC-SHA256"));
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut given = vec![0; length];
        input.read_exact(&mut given).unwrap();
        let (head, body) = match (signed, method.as_str()) {
            (false, _) => ("403 Forbidden\r\n".into(), vec![]),
            (true, "PUT") => {
                let name = target.strip_prefix("/shop/").unwrap().replace("%40", "@");
                let tag = tag(&given);
                files.lock().unwrap().insert(name, given);
                (format!("200 OK\r\netag: \"{tag}\"\r\n"), vec![])
            }
            (true, _) => answer(&target, &headers, &files.lock().unwrap()),
        };
        let len = body.len();
        let body = if method == "HEAD" { &[][..] } else { &body[..] };
        let head = format!("HTTP/1.1 {head}content-length: {len}\r\n\r\n");
        if output.write_all(head.as_bytes()).and_then(|()| output.write_all(body)).is_err() {
            return;
        }
    }
}

/// Changes with the bytes.
fn tag(bytes: &[u8]) -> u64 {
    bytes.iter().fold(7, |tag: u64, byte| (tag ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn answer(target: &str, headers: &BTreeMap<String, String>, files: &Files) -> (String, Vec<u8>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if query.contains("list-type=2") {
        let prefix = query.split('&').find_map(|part| part.strip_prefix("prefix=")).unwrap_or_default();
        let prefix = prefix.replace("%2F", "/");
        let listed: String = files
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(name, bytes)| {
                format!(
                    "<Contents><Key>{name}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                     <ETag>&quot;{}&quot;</ETag><Size>{}</Size></Contents>",
                    tag(bytes),
                    bytes.len()
                )
            })
            .collect();
        let xml = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>");
        return ("200 OK\r\ncontent-type: application/xml\r\n".into(), xml.into_bytes());
    }
    let name = path.strip_prefix("/shop/").unwrap_or_default();
    let Some(bytes) = files.get(name) else { return ("404 Not Found\r\n".into(), Vec::new()) };
    let common = format!("etag: \"{}\"\r\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n", tag(bytes));
    let range = headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    match range {
        None => (format!("200 OK\r\n{common}"), bytes.clone()),
        Some((from, to)) => {
            let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
            let to = to.min(bytes.len() - 1);
            let head = format!(
                "206 Partial Content\r\n{common}content-range: bytes {from}-{to}/{}\r\n",
                bytes.len()
            );
            (head, bytes[from..=to].to_vec())
        }
    }
}

#[test]
fn purchases_in_a_bucket_score_as_those_on_the_disk() {
    let folder = scratch();
    let parquet = std::fs::read(CDNOW).unwrap();
    let later = b"customer_id,occurred_at,amount\nnew,1998-06-29,5\n".to_vec();
    let files = Files::from([
        ("2026/a.parquet".to_owned(), parquet),
        ("2026/b.csv".to_owned(), later.clone()),
        ("2026/_temporary/c.csv".to_owned(), b"x".to_vec()),
        ("2026/README".to_owned(), b"x".to_vec()),
        ("2025/d.csv".to_owned(), b"customer_id,amount\na,1\n".to_vec()),
    ]);
    let bucket = Bucket::new(files);
    let whole = bucket.score("s3://shop/2026/", "whole.csv", folder.path()).json();
    assert_eq!((&whole["read"]["files"], &whole["read"]["events"]), (&2.into(), &69_660.into()), "{whole:#}");
    std::fs::write(folder.path().join("b.csv"), later).unwrap();
    let here = bucket.score(&format!("{CDNOW},b.csv"), "here.csv", folder.path()).json();
    assert_eq!(here["read"]["events"], 69_660);
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(bytes("whole.csv") == bytes("here.csv"), "the place of the files changes the scores");

    let some = bucket.score("s3://shop/2026/*.csv", "some.csv", folder.path()).json();
    assert_eq!((&some["read"]["files"], &some["read"]["events"]), (&1.into(), &1.into()));
    let one = bucket.score("s3://shop/2026/a.parquet", "one.csv", folder.path()).json();
    assert_eq!(one["read"]["events"], 69_659);

    bucket
        .score("s3://shop/2025/d.csv", "no.csv", folder.path())
        .says(1, &["s3://shop/2025/d.csv", "occurred_at"]);
    bucket.score("s3://shop/2024/", "no.csv", folder.path()).says(1, &["s3://shop/2024/", "no file matches"]);
    bucket
        .score("s3://shop/gone.csv", "no.csv", folder.path())
        .says(1, &["s3://shop/gone.csv", "no file matches"]);
    assert!(!folder.path().join("no.csv").exists());
    assert!(bucket.asked.lock().unwrap().iter().all(|asked| !asked.contains("_temporary/c.csv")));
}

/// Two versions of a model in the bucket, the first of which is the champion.
fn models(folder: &Path) -> (Files, [String; 2]) {
    let first = Bundle::load(&bundle(registry())).unwrap();
    let second = first.clone().with_report("<p>second</p>").unwrap();
    let here = Registry::at(folder.join("here"));
    here.register(&second, Alias::Challenger).unwrap();
    here.register(&first, Alias::Champion).unwrap();
    let mut files = Files::new();
    let mut folders = vec![folder.join("here")];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let name = entry.strip_prefix(folder.join("here")).unwrap().to_str().unwrap();
                files.insert(format!("models/{name}"), std::fs::read(&entry).unwrap());
            }
        }
    }
    files.remove("models/homing/challenger");
    (files, [first, second].map(|one| one.manifest().version.clone()))
}

#[test]
fn a_service_follows_models_in_a_bucket() {
    let folder = scratch();
    let (files, [first, second]) = models(folder.path());
    let bucket = Bucket::new(files);
    let alias = || String::from_utf8(bucket.files.lock().unwrap()["models/homing/champion"].clone()).unwrap();
    let serve = |cache: &str| {
        let mut command = bucket.told(homing());
        let profiles = format!("sqlite:{cache}.db");
        command.args(["serve", "--listen", "127.0.0.1:0", "--profiles", &profiles, "--registry"]);
        command.args(["s3://shop/models", "--registry-cache", cache]).env("HOMING_LOG", "error");
        Server::start_command(command, folder.path())
    };
    let [one, other] = [serve("one"), serve("other")];
    let serving = |server: &Server| {
        let listed = server.get("/v1/models").ok();
        let models = listed["models"].as_array().unwrap().clone();
        let used = models.iter().find(|model| model["in_use"] == json!(true)).unwrap();
        (models.len(), used["version"].as_str().unwrap().to_owned())
    };
    assert_eq!(serving(&one), (2, first.clone()));
    // What one promotes is in the bucket at once, and serving on the other soon.
    one.post(&format!("/v1/models/{second}/promote"), &json!({})).ok();
    assert_eq!(alias().trim(), second);
    assert_eq!(serving(&one), (2, second.clone()));
    let follows =
        |server: &Server, version: &str| waits("the server follows", || serving(server).1 == version);
    follows(&other, &second);
    // The other can take it back: it knows the champion before from the bucket.
    other.post("/v1/models/rollback", &json!({})).ok();
    assert_eq!(alias().trim(), first);
    follows(&one, &first);

    // A partial bundle does not count, and a damaged one leaves the champion in place.
    let put = |name: &str, bytes: Vec<u8>| {
        bucket.files.lock().unwrap().insert(format!("models/homing/{name}"), bytes)
    };
    let manifest = bucket.files.lock().unwrap()[&format!("models/homing/{second}/manifest.json")].clone();
    put("broken/report.html", b"<p>first come the parts</p>".to_vec());
    put("champion", b"broken\n".to_vec());
    run::<&str>(score(&bucket, "fresh"), folder.path(), []).says(1, &["s3://shop/models", "no model"]);
    put("broken/manifest.json", manifest[..manifest.len() / 2].to_vec());
    run::<&str>(score(&bucket, "fresh"), folder.path(), []).says(1, &["is damaged", "manifest.json"]);
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(serving(&one).1, first);
    let log = std::fs::read_to_string(folder.path().join("server.log")).unwrap();
    assert!(log.contains("is damaged"), "{log}");

    // A folder that contains other files is left alone.
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/letter.txt"), "dear").unwrap();
    run::<&str>(score(&bucket, "mine"), folder.path(), [])
        .says(1, &["contains other files", "--registry-cache"]);
    assert_eq!(std::fs::read(folder.path().join("mine/letter.txt")).unwrap(), b"dear");

    // A store that hangs keeps nothing waiting that does not need it: keys are still heard of.
    let asked = bucket.asked.lock().unwrap().len();
    bucket.hangs.store(true, Ordering::Relaxed);
    waits("the registry is looked at", || bucket.asked.lock().unwrap().len() >= asked + 2);
    let mut keys = homing();
    keys.args(["keys", "create", "--role", "admin", "--profiles", "sqlite:one.db"]);
    run::<&str>(keys, folder.path(), []).says(0, &[]);
    waits("a key is asked for", || one.get("/v1/models").status == 401);
    bucket.hangs.store(false, Ordering::Relaxed);
}

fn waits(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(25), "waited for this: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A batch with the champion of the bucket.
fn score(bucket: &Bucket, cache: &str) -> Command {
    let mut command = bucket.told(batch("scores.csv"));
    command.args(["s3://shop/models", "--registry-cache", cache]);
    command
}

/// A batch into this file; what follows is the registry.
fn batch(out: &str) -> Command {
    let mut command = homing();
    command.args(["score", "--purchases", CDNOW, "--scored-at", "2026-01-01", "--out", out, "--registry"]);
    command
}

#[test]
fn a_model_is_trained_into_a_bucket_and_scores_from_there() {
    let folder = scratch();
    let bucket = Bucket::new(Files::new());
    let mut fit = bucket.told(homing_train());
    fit.args(["fit", "--purchases", CDNOW, "--as-of", crate::support::AS_OF, "--horizons", "30,90"]);
    fit.args(["--value-horizon", "90", "--registry", "s3://shop/models", "--registry-cache", "trained"]);
    run::<&str>(fit, folder.path(), []).says(0, &["read 69659 events"]);
    let version = bundle(registry()).file_name().unwrap().to_str().unwrap().to_owned();
    let names: Vec<String> = bucket.files.lock().unwrap().keys().cloned().collect();
    assert!(names.contains(&format!("models/homing/{version}/manifest.json")), "{names:?}");
    run::<&str>(score(&bucket, "scored"), folder.path(), []).says(0, &[]);
    let there = std::fs::read(folder.path().join("scores.csv")).unwrap();
    let mut here = batch("here.csv");
    here.arg(registry());
    run::<&str>(here, folder.path(), []).says(0, &[]);
    assert!(
        std::fs::read(folder.path().join("here.csv")).unwrap() == there,
        "the place of the model changes the scores"
    );
    // Who may not read is told so, with the address.
    let mut refused = score(&bucket, "refused");
    refused.env("AWS_SKIP_SIGNATURE", "true");
    run::<&str>(refused, folder.path(), []).says(1, &["s3://shop/models", "403"]);
}
