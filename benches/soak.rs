//! Hours of shop life in minutes: does the service's memory stay where it is?
//!
//! `cargo bench --bench soak -- [minutes] [thousands of customers]` (default 30 and 100) fills a SQLite store by the nightly
//! batch, starts `homing serve` on it, and lets four connections ask without pause: predictions of 30 purchases, new
//! events of known and of new customers, profiles, and the feed of changes. Every minute it prints the server's memory,
//! its replies and its slowest ones. The store's file grows by the events; the memory should not. Wants `homing-train`
//! built beside `homing` (`cargo build --release --workspace`). Linux.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use homing_datasets::calendar;
use homing_models::sampling::{Picker, mix};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const EACH: u64 = 20;
/// The first day of the purchases, in days since 1970.
const START: i64 = 14_000;
const DAYS: u64 = 730;

/// Purchases of so many customers.
fn make(path: &Path, customers: u64) -> Outcome<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "customer_id,occurred_at,amount")?;
    let mut dice = Picker::new(7);
    for customer in 0..customers {
        let many = 1 + dice.draw() % (2 * EACH - 1);
        for _ in 0..many {
            let day = calendar::date_of((START + (dice.draw() % DAYS) as i64) as i32);
            writeln!(out, "c{customer:07},{day},{}", dice.draw() % 200 + 1)?;
        }
    }
    out.flush()?;
    Ok(())
}

fn run(program: &Path, arguments: &[&str]) -> Outcome<()> {
    let output = Command::new(program).args(arguments).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{}: {}", program.display(), String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// The service, ended when dropped.
struct Server(Child, String);

impl Server {
    fn start(homing: &Path, registry: &str, place: &str) -> Outcome<Server> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let arguments = ["serve", "--registry", registry, "--profiles", place, "--listen", &address];
        let child = Command::new(homing).args(arguments).stderr(Stdio::null()).spawn()?;
        let server = Server(child, address);
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(&server.1).is_err() {
            if Instant::now() > until {
                return Err("the service does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// Resident megabytes.
    fn memory(&self) -> Outcome<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        Ok(kilobytes / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One connection.
struct Client {
    reader: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Client {
    fn connect(address: &str) -> Outcome<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Client { reader: BufReader::new(stream), body: Vec::new() })
    }

    /// Asks, and gives the reply's body.
    fn ask(&mut self, line: &str, body: &str) -> Outcome<&[u8]> {
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.reader.get_mut().write_all(request.as_bytes())?;
        let (mut head, mut length, mut status) = (String::new(), 0, String::new());
        loop {
            head.clear();
            if self.reader.read_line(&mut head)? == 0 {
                return Err("the connection was closed".into());
            }
            if status.is_empty() {
                status.clone_from(&head);
            }
            if let Some(told) = head.to_ascii_lowercase().strip_prefix("content-length:") {
                length = told.trim().parse()?;
            }
            if head == "\r\n" {
                break;
            }
        }
        self.body.resize(length, 0);
        self.reader.read_exact(&mut self.body)?;
        if !status.starts_with("HTTP/1.1 2") && !status.starts_with("HTTP/1.1 404") {
            return Err(format!("{line}: {status}{}", String::from_utf8_lossy(&self.body)).into());
        }
        Ok(&self.body)
    }
}

/// What one connection asks, round after round.
fn load(
    connection: u64,
    customers: u64,
    address: &str,
    stop: &AtomicBool,
    count: &AtomicU64,
    slow: &Mutex<Histogram<u64>>,
) -> Outcome<()> {
    let mut client = Client::connect(address)?;
    let mut dice = Picker::new(mix(connection));
    let mut cursor = 0;
    let history: Vec<String> = (0..30)
        .map(|i| {
            format!(r#"{{"occurred_at":"{}","amount":{i}.5}}"#, calendar::date_of((START + 20 * i) as i32))
        })
        .collect();
    let history = history.join(",");
    for round in 0u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // One customer in twenty is new.
        let known = dice.draw() % (customers + customers / 20);
        let began = Instant::now();
        match round % 10 {
            0..=4 => {
                let body = format!(r#"{{"customers":[{{"customer_id":"p{known}","events":[{history}]}}]}}"#);
                client.ask("POST /v1/predictions", &body)?;
            }
            5..=6 => {
                let day = calendar::date_of((START + DAYS as i64 + (round % 300) as i64) as i32);
                let body = format!(
                    r#"{{"events":[{{"event_id":"{connection}.{round}","customer_id":"c{known:07}","occurred_at":"{day}","amount":9.5}}]}}"#
                );
                client.ask("POST /v1/events", &body)?;
            }
            7..=8 => drop(client.ask(&format!("GET /v1/profiles/c{known:07}"), "")?.len()),
            _ => {
                let page = client.ask(&format!("GET /v1/changes?cursor={cursor}&limit=100"), "")?;
                let page: serde_json::Value = serde_json::from_slice(page)?;
                cursor = page["next"].as_u64().unwrap_or(cursor);
            }
        }
        let took = began.elapsed().as_micros() as u64;
        slow.lock().map_err(|_| "a connection panicked")?.record(took.max(1))?;
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let minutes = numbers.first().copied().unwrap_or(30).max(1);
    let customers = numbers.get(1).copied().unwrap_or(100) * 1000;
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (purchases, registry) = (at("purchases.csv"), at("registry"));
    let place = format!("sqlite:{}", at("profiles.db"));
    make(Path::new(&purchases), customers)?;
    let homing = PathBuf::from(env!("CARGO_BIN_EXE_homing"));
    let train = homing.with_file_name("homing-train");
    let fit = ["fit", "--purchases", &purchases, "--registry", &registry, "--horizons", "30,90"];
    run(&train, &[&fit[..], &["--histories", "64M"]].concat())?;
    run(&homing, &["score", "--purchases", &purchases, "--profiles", &place, "--registry", &registry])?;

    let server = Server::start(&homing, &registry, &place)?;
    println!("{customers} customers in SQLite; memory of the service at rest: {:.0} MB", server.memory()?);
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let slow = Mutex::new(Histogram::new(3)?);
    let mut seen: Vec<f64> = Vec::new();
    let ended = std::thread::scope(|scope| -> Outcome<()> {
        let load = |connection| load(connection, customers, &server.1, &stop, &count, &slow);
        let connections: Vec<_> = (1..=4).map(|connection| scope.spawn(move || load(connection))).collect();
        for minute in 1..=minutes {
            std::thread::sleep(Duration::from_secs(60));
            let memory = server.memory()?;
            seen.push(memory);
            let mut slow = slow.lock().map_err(|_| "a connection panicked")?;
            println!(
                "minute {minute:>3}: {memory:>6.0} MB, {:>7} replies, p99 {:>6} us, slowest {:>7} us",
                count.swap(0, Ordering::Relaxed),
                slow.value_at_quantile(0.99),
                slow.max()
            );
            slow.reset();
        }
        stop.store(true, Ordering::Relaxed);
        for connection in connections {
            connection.join().map_err(|_| "a connection panicked")??;
        }
        Ok(())
    });
    ended?;
    let third = (seen.len() / 3).max(1);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    println!(
        "memory of the last third of the time beside the first third: {:.3}",
        mean(&seen[seen.len() - third..]) / mean(&seen[..third])
    );
    Ok(())
}
