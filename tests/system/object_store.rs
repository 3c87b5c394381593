//! Purchases in an object store: found, read in ranges, and told of when they are not there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::support::{CDNOW, Told, homing, registry, run, scratch};

type Files = BTreeMap<String, Vec<u8>>;

/// A server that speaks as much S3 as reading takes. Whoever asks is let in, but has to sign.
struct Bucket {
    address: String,
    /// Methods and targets that were asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Bucket {
    fn new(files: Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = asked.clone();
        let files = Arc::new(files);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (files, log) = (files.clone(), log.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &files, &log));
            }
        });
        Bucket { address, asked }
    }

    fn score(&self, purchases: &str, out: &str, folder: &std::path::Path) -> Told {
        let mut command = homing();
        command
            .env("AWS_ENDPOINT", &self.address)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "somewhere");
        command.env("AWS_ACCESS_KEY_ID", "somebody").env("AWS_SECRET_ACCESS_KEY", "secret");
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
fn serve(stream: TcpStream, files: &Files, log: &Mutex<Vec<String>>) {
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
        let signed =
            headers.get("authorization").is_some_and(|signed| signed.starts_with("AWS4-HMAC-SHA256"));
        let (head, body) =
            if signed { answer(&target, &headers, files) } else { ("403 Forbidden\r\n".into(), vec![]) };
        let len = body.len();
        let body = if method == "HEAD" { &[][..] } else { &body[..] };
        let head = format!("HTTP/1.1 {head}content-length: {len}\r\n\r\n");
        if output.write_all(head.as_bytes()).and_then(|()| output.write_all(body)).is_err() {
            return;
        }
    }
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
                    name.len(),
                    bytes.len()
                )
            })
            .collect();
        let xml = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>");
        return ("200 OK\r\ncontent-type: application/xml\r\n".into(), xml.into_bytes());
    }
    let name = path.strip_prefix("/shop/").unwrap_or_default();
    let Some(bytes) = files.get(name) else { return ("404 Not Found\r\n".into(), Vec::new()) };
    let common = format!("etag: \"{}\"\r\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n", name.len());
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
    bucket.score("s3://shop/2024/", "no.csv", folder.path()).says(1, &["s3://shop/2024/", "matches no file"]);
    bucket
        .score("s3://shop/gone.csv", "no.csv", folder.path())
        .says(1, &["s3://shop/gone.csv", "matches no file"]);
    assert!(!folder.path().join("no.csv").exists());
    assert!(bucket.asked.lock().unwrap().iter().all(|asked| !asked.contains("_temporary/c.csv")));
}
