//! One-customer `POST /v1/predictions` on loopback beside a bare axum echo of the same body, in one run.
//!
//! `cargo bench --bench predictions` trains on the bundled CDNOW, starts both servers in this process, and sends
//! requests in turn over one kept connection each: A, B, A, B, ... It prints the median and the 99th percentile
//! of each and their ratio.

use std::future::IntoFuture;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::routing::post;
use axum::serve::ListenerExt;
use homing::api::{self, App, Limits};
use homing::profiles;
use homing::scoring::Engine;
use homing::tags::Catalogue;
use homing_datasets::calendar;
use homing_training::fit::{FitOptions, fit};
use tokio::net::TcpListener;

const WARM_UP: usize = 500;
const ROUNDS: usize = 5000;

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

struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr, path: &str, body: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        Ok(Client { stream, request: request.into_bytes(), reply: vec![0; 1 << 16] })
    }

    /// Sends the request and reads the whole reply; microseconds.
    fn ask(&mut self) -> Result<f64, Failure> {
        let started = Instant::now();
        self.stream.write_all(&self.request)?;
        let mut read = 0;
        loop {
            read += self.stream.read(&mut self.reply[read..])?;
            let text = std::str::from_utf8(&self.reply[..read])?;
            let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
            if !head.starts_with("HTTP/1.1 200") {
                return Err(format!("{head}\n{rest}").into());
            }
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
                })
                .ok_or("a reply without a length")?;
            if rest.len() >= length {
                return Ok(started.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q) as usize]
}

fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let fitted = fit(&homing_datasets::cdnow()?, &FitOptions::default(), &|_| {})?;
    let catalogue = Catalogue::shipped()?;
    let engine = Arc::new(Engine::new(fitted.bundle, &catalogue));
    let place = format!("sqlite:{}", folder.path().join("profiles.db").display());
    let store = profiles::open(&place, homing_datasets::Zone::default())?;
    let app = Arc::new(App::new(store, Some(engine), Arc::new(calendar::now), Limits::default()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let body = body();
    let bind = || runtime.block_on(TcpListener::bind("127.0.0.1:0"));
    let (ours, echo) = (bind()?, bind()?);
    let mut a = Client::connect(ours.local_addr()?, "/v1/predictions", &body)?;
    let mut b = Client::connect(echo.local_addr()?, "/", &body)?;
    runtime.spawn(api::serve(ours, api::router(app), std::future::pending()));
    let bare =
        axum::Router::new().route("/", post(|Json(value): Json<serde_json::Value>| async { Json(value) }));
    runtime.spawn(axum::serve(echo.tap_io(|stream| drop(stream.set_nodelay(true))), bare).into_future());
    let (mut scored, mut echoed) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + ROUNDS {
        let (x, y) = (a.ask()?, b.ask()?);
        if round >= WARM_UP {
            scored.push(x);
            echoed.push(y);
        }
    }
    scored.sort_by(f64::total_cmp);
    echoed.sort_by(f64::total_cmp);
    println!("one customer with 30 purchases, {} bytes, {ROUNDS} requests each in turn, us:", body.len());
    for (name, sorted) in [("POST /v1/predictions", &scored), ("bare axum JSON echo", &echoed)] {
        println!("  {name:<22} p50 {:>7.0}  p99 {:>7.0}", quantile(sorted, 0.5), quantile(sorted, 0.99));
    }
    println!(
        "  {:<22} p50 {:>7.2}  p99 {:>7.2}",
        "ratio",
        quantile(&scored, 0.5) / quantile(&echoed, 0.5),
        quantile(&scored, 0.99) / quantile(&echoed, 0.99)
    );
    Ok(())
}
