//! The service under load beside a bare axum echo of the same body and the FastAPI service of `peers/`, in one run.
//!
//! `cargo bench --bench predictions` trains on the bundled CDNOW and starts the servers. Closed loop: each of some
//! connections sends its next request when the reply has come; rounds go in turn, and the median round counts. Open loop:
//! requests are due at a fixed rate whatever the replies do, and a latency begins when its request was due, so that
//! queueing shows (HDR histogram). Generator and servers share the machine, so beside the replies a second stands the CPU
//! time that the server alone took for one (Linux). The peer needs Python with fastapi, uvicorn and lightgbm: name it in
//! PEERS_PYTHON, or set PEERS_PYTHON=none to leave it out. `-- closed` leaves the open loop out.

use std::future::IntoFuture;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::routing::post;
use axum::serve::ListenerExt;
use hdrhistogram::Histogram;
use homing::api;
use homing::scoring::Engine;
use homing::service::{App, Limits};
use homing_datasets::calendar;
use homing_tags::Catalogue;
use homing_training::pipeline::{Options, train};
use tokio::net::TcpListener;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A customer with 30 purchases, one every 11 days.
fn body() -> String {
    let events: Vec<String> = (0..30)
        .map(|i| {
            let at = calendar::date_of(9900 + 11 * i);
            format!(
                r#"{{"occurred_at":"{at}T10:30:00Z","kind":"purchase","amount":{}.5,"product_id":"p{i}"}}"#,
                10 + i
            )
        })
        .collect();
    format!(
        r#"{{"as_of":"1998-06-30","customers":[{{"customer_id":"c1","events":[{}]}}]}}"#,
        events.join(",")
    )
}

/// Name of the threads that serve in this process.
const SERVERS: &str = "server";
/// Connections of the generator.
const CONNECTIONS: usize = 8;
const ROUND: Duration = Duration::from_millis(1500);
const ROUNDS: usize = 5;
const OPEN: Duration = Duration::from_secs(8);

/// Whom to ask what.
#[derive(Clone)]
struct Target {
    name: &'static str,
    address: SocketAddr,
    request: Arc<[u8]>,
    /// The process that serves.
    process: u32,
}

impl Target {
    fn new(name: &'static str, address: SocketAddr, line: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        let request = format!("{head}{body}").into_bytes().into();
        Target { name, address, request, process: std::process::id() }
    }

    /// Replies a second when every connection asks again as soon as it was answered, and microseconds of the server's
    /// CPU for each.
    fn closed(&self, time: Duration) -> Result<(f64, f64), Failure> {
        let until = Instant::now() + time;
        let before = self.cpu_us();
        let ask = || -> Result<u64, Failure> {
            let mut client = Client::connect(self)?;
            let mut count = 0;
            while Instant::now() < until {
                client.ask()?;
                count += 1;
            }
            Ok(count)
        };
        let count = on_connections(ask)?.iter().sum::<u64>() as f64;
        Ok((count / time.as_secs_f64(), (self.cpu_us() - before) / count))
    }

    /// CPU time of the server's threads so far: in this process those of its runtime. NaN where the system does not tell.
    fn cpu_us(&self) -> f64 {
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{}/task", self.process)) else { return f64::NAN };
        let mine = self.process == std::process::id();
        let of = |task: std::io::Result<std::fs::DirEntry>| -> Option<f64> {
            let task = task.ok()?.path();
            let name = std::fs::read_to_string(task.join("comm")).ok()?;
            if mine && name.trim() != SERVERS {
                return None;
            }
            let ran = std::fs::read_to_string(task.join("schedstat")).ok()?;
            Some(ran.split(' ').next()?.parse::<f64>().ok()? / 1e3)
        };
        tasks.filter_map(of).sum()
    }

    /// Latencies in microseconds from when each request was due, at this many a second.
    fn open(&self, rate: f64, time: Duration) -> Result<Histogram<u64>, Failure> {
        let began = Instant::now();
        let next = AtomicU64::new(0);
        let ask = || -> Result<Histogram<u64>, Failure> {
            let mut client = Client::connect(self)?;
            let mut histogram = Histogram::new_with_max(60_000_000, 3)?;
            loop {
                let due = Duration::from_secs_f64(next.fetch_add(1, Ordering::Relaxed) as f64 / rate);
                if due >= time {
                    return Ok(histogram);
                }
                if let Some(early) = due.checked_sub(began.elapsed()) {
                    std::thread::sleep(early);
                }
                client.ask()?;
                histogram.record((began.elapsed() - due).as_micros() as u64)?;
            }
        };
        let mut all = Histogram::new_with_max(60_000_000, 3)?;
        for histogram in on_connections(ask)? {
            all.add(histogram)?;
        }
        Ok(all)
    }
}

fn on_connections<T: Send>(ask: impl Fn() -> Result<T, Failure> + Sync) -> Result<Vec<T>, Failure> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(&ask)).collect();
        let joined = threads.into_iter().map(|thread| thread.join().map_err(|_| "a connection panicked")?);
        joined.collect()
    })
}

struct Client {
    stream: TcpStream,
    request: Arc<[u8]>,
    reply: Vec<u8>,
}

impl Client {
    fn connect(target: &Target) -> Result<Self, Failure> {
        let stream = TcpStream::connect(target.address)?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, request: target.request.clone(), reply: vec![0; 1 << 16] })
    }

    /// Sends the request and reads the whole reply.
    fn ask(&mut self) -> Result<(), Failure> {
        self.stream.write_all(&self.request)?;
        let mut read = 0;
        loop {
            let more = self.stream.read(&mut self.reply[read..])?;
            if more == 0 {
                return Err("the connection was closed".into());
            }
            read += more;
            let bytes = &self.reply[..read];
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&bytes[..end])?;
            if !head.starts_with("HTTP/1.1 200") {
                return Err(String::from_utf8_lossy(bytes).into());
            }
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
                })
                .ok_or("a reply without a length")?;
            if read >= end + 4 + length {
                return Ok(());
            }
        }
    }
}

/// The peer, ended when dropped.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn peer() -> Result<Option<(Peer, Target)>, Failure> {
    let python = std::env::var("PEERS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if python == "none" {
        return Ok(None);
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/service.py");
    let mut child = Command::new(python).arg(script).arg(port.to_string()).stdout(Stdio::piped()).spawn()?;
    let out = child.stdout.take().ok_or("the peer has no output")?;
    let peer = Peer(child);
    BufReader::new(out).lines().next().ok_or("the peer ended")??;
    let features: Vec<String> = (0..100).map(|i| format!("{}.5", i % 7)).collect();
    let body = format!(r#"{{"features":[[{}]]}}"#, features.join(","));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).is_err() {
        if Instant::now() > until {
            return Err("the peer does not listen".into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let process = peer.0.id();
    let target = Target { process, ..Target::new("FastAPI + LightGBM", address, "POST /predict", &body) };
    Ok(Some((peer, target)))
}

/// Asks all targets in turn, each as fast as it answers; their replies a second.
fn closed_loop(targets: &[Target]) -> Result<Vec<f64>, Failure> {
    let mut rounds: Vec<Vec<(f64, f64)>> = vec![Vec::new(); targets.len()];
    for round in 0..=ROUNDS {
        for (target, seen) in targets.iter().zip(&mut rounds) {
            let one = target.closed(ROUND)?;
            // The first round warms up.
            if round > 0 {
                seen.push(one);
            }
        }
    }
    let median = |of: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        let middle = |seen: &Vec<(f64, f64)>| {
            let mut values: Vec<f64> = seen.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        rounds.iter().map(middle).collect()
    };
    let (peaks, costs) = (median(|seen| seen.0), median(|seen| seen.1));
    println!("closed loop, median of {ROUNDS} rounds in turn: replies a second; server CPU us a reply:");
    for (at, target) in targets.iter().enumerate() {
        println!(
            "  {:<22} {:>8.0}   {:>5.2} of the echo {:>8.1} us   {:>5.2} of the echo",
            target.name,
            peaks[at],
            peaks[at] / peaks[0],
            costs[at],
            costs[at] / costs[0]
        );
    }
    if let (Some(peer), Some(cost)) = (peaks.get(3), costs.get(3)) {
        println!(
            "  predictions are {:.1} times the peer's, the echo {:.1} times; of CPU the peer takes {:.1} and {:.1} times as much",
            peaks[1] / peer,
            peaks[0] / peer,
            cost / costs[1],
            cost / costs[0]
        );
    }
    Ok(peaks)
}

fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let trained = train(&homing_datasets::cdnow()?, &Options::default(), &|_| {})?;
    let catalogue = Catalogue::shipped()?;
    let engine = Arc::new(Engine::new(trained.bundle, &catalogue));
    let place = format!("sqlite:{}", folder.path().join("profiles.db").display());
    let store = homing_profiles::open(&place, homing_datasets::Zone::default())?;
    let app = Arc::new(App::new(store, Some(engine), Arc::new(calendar::now), Limits::default()));
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_name(SERVERS).enable_all().build()?;
    let body = body();
    let bind = || runtime.block_on(TcpListener::bind("127.0.0.1:0"));
    let (ours, echo) = (bind()?, bind()?);
    let (at, echo_at) = (ours.local_addr()?, echo.local_addr()?);
    runtime.spawn(api::serve(ours, api::router(app), std::future::pending()));
    let bare =
        axum::Router::new().route("/", post(|Json(value): Json<serde_json::Value>| async { Json(value) }));
    runtime.spawn(axum::serve(echo.tap_io(|stream| drop(stream.set_nodelay(true))), bare).into_future());

    let events: Vec<String> = (0..30)
        .map(|i| {
            let day = calendar::date_of(9900 + 11 * i);
            format!(
                r#"{{"event_id":"e{i}","customer_id":"c1","occurred_at":"{day}T10:30:00Z","amount":{i}.5}}"#
            )
        })
        .collect();
    let filled = format!(r#"{{"events":[{}]}}"#, events.join(","));
    Client::connect(&Target::new("", at, "POST /v1/events", &filled))?.ask()?;
    let mut targets = vec![
        Target::new("bare axum JSON echo", echo_at, "POST /", &body),
        Target::new("POST /v1/predictions", at, "POST /v1/predictions", &body),
        Target::new("GET /v1/profiles/{id}", at, "GET /v1/profiles/c1", ""),
    ];
    let peer = peer()?;
    targets.extend(peer.as_ref().map(|(_, target)| target.clone()));

    println!("one customer with 30 purchases, {} bytes; {CONNECTIONS} connections", body.len());
    let peaks = closed_loop(&targets)?;
    if std::env::args().any(|argument| argument == "closed") {
        return Ok(());
    }
    let rate = peaks[0] / 2.0;
    println!("open loop at half of the echo's peak, {rate:.0} a second, us from when a request was due:");
    for target in &targets[..3] {
        let seen = target.open(rate, OPEN)?;
        let at = |q: f64| seen.value_at_quantile(q);
        println!(
            "  {:<22} p50 {:>6}  p90 {:>6}  p99 {:>6}  p99.9 {:>6}  max {:>7}",
            target.name,
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
            seen.max()
        );
    }
    Ok(())
}
