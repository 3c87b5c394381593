//! The pages over a store of 1,000,000 profiles (or as many as HOMING_BENCH_PROFILES says) in SQLite or PostgreSQL.
//!
//! `cargo bench --bench pages` fills a store, counts it, asks for every page over and over through the router, and prints the
//! server's time (median, 95 %), the weight without and with drawings, and the plans of SQLite's queries behind the pages.
//! `-- postgres` does the same with a PostgreSQL of its own. HOMING_BENCH_STORE=PATH keeps the file and takes it again;
//! HOMING_BENCH_SERVE=1 then serves it until the process ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use homing::aggregates;
use homing::api;
use homing::scoring::{ModelInfo, Score, Spent};
use homing::service::{App, Limits};
use homing::web;
use homing_datasets::{DAY, Event, History, Kind, Micros, Zone};
use homing_models::{AtHorizon, Outcome, Prediction, Provenance};
use homing_profiles::{BatchRow, Flows, Layer, Scored, Store, Tag, sqlite::SqliteStore};
use homing_tags::Catalogue;
use tower::ServiceExt;

#[path = "../tests/support/postgres.rs"]
#[expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "shared with the tests, which fail loudly"
)]
mod postgres;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const AS_OF: Micros = 20_600 * DAY;
const DAY_BEFORE: Micros = AS_OF - DAY;

/// Steady numbers from a number (SplitMix64).
fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn number(id: &str) -> u64 {
    id.trim_start_matches('c').parse().unwrap_or(0)
}

fn history(n: u64) -> History {
    let orders = 1 + mixed(n) % 24;
    let gap = 8 + mixed(n ^ 1) % 50;
    let last = mixed(n ^ 2) % 400;
    let event = |k: u64| {
        let at = AS_OF - ((last + k * gap) as i64) * DAY - (mixed(n * 31 + k) % 80_000) as i64 * 1_000_000;
        let channel = ["till", "web", "group"][(mixed(n + k) % 3) as usize];
        let category = ["formula", "diapers", "care", "toys", "snacks"][(mixed(n ^ 3) % 5) as usize];
        Event {
            channel: Some(channel.to_owned()),
            category: Some(category.to_owned()),
            ..Event::new(Kind::Purchase, at, 20.0 + (mixed(n * 7 + k) % 400) as f64)
        }
    };
    History::from_events((0..orders).map(event).collect())
}

/// Thirty tags: those that the pages filter and count by, and others.
fn tags(n: u64, risk: f64, silent: f64) -> Vec<Tag> {
    let pick = |words: &[&str], salt: u64| words[(mixed(n ^ salt) % words.len() as u64) as usize].to_owned();
    let tag = |name: &str, layer, value: serde_json::Value| Tag {
        name: name.into(),
        layer,
        value,
        confidence: None,
        expires_at: None,
    };
    use Layer::{Dynamic, Predictive, Static};
    let level = if risk > 0.7 {
        "high"
    } else if risk > 0.4 {
        "medium"
    } else {
        "low"
    };
    let stage = match silent as u64 {
        0..=30 => "growth",
        31..=90 => "maturity",
        91..=180 => "decline",
        181..=300 => "lost",
        _ => "one_time",
    };
    let tier =
        if silent > 90.0 { "dormant" } else { &pick(&["super", "high_value", "regular", "entry"], 11) };
    let mut tags = vec![
        tag("churn.level", Predictive, level.into()),
        tag("lifecycle.stage", Dynamic, stage.into()),
        tag("tier.member", Dynamic, tier.into()),
        tag(
            "preference.category",
            Dynamic,
            pick(&["formula", "diapers", "care", "toys", "snacks"], 3).into(),
        ),
        tag("rfm.recency", Dynamic, (5 - (silent as u64 / 90).min(4)).into()),
        tag("rfm.frequency", Dynamic, (1 + mixed(n ^ 5) % 5).into()),
        tag("rfm.money", Dynamic, (1 + mixed(n ^ 6) % 5).into()),
        tag(
            "rfm.cell",
            Dynamic,
            pick(&["important_value", "general_keep", "general_value", "important_keep"], 7).into(),
        ),
        tag("care.priority", Predictive, pick(&["personal_call", "offer", "farewell", "maintain"], 8).into()),
        tag("first_purchase.month", Static, "2025-01".into()),
        tag("signal.rhythm_broken", Dynamic, mixed(n ^ 12).is_multiple_of(9).into()),
        tag("preference.product", Dynamic, format!("p{:05}", mixed(n ^ 13) % 20_000).into()),
    ];
    if silent > 90.0 {
        tags.push(tag(
            "fading.cause_first",
            Dynamic,
            pick(&["price", "service", "delivery", "rhythm", "silent"], 10).into(),
        ));
    }
    tags.extend((0..17).map(|k| tag(&format!("bench.tag_{k:02}"), Dynamic, (mixed(n * 40 + k) % 5).into())));
    tags
}

/// A prediction of the usual size, with tags.
fn scored(id: &str, history: &History, as_of: Micros) -> Scored {
    let n = number(id);
    let provenance = Provenance { model: "bench@1".into(), as_of, scored_at: as_of, zone: Zone::default() };
    let spend: f64 = history.events().map(|event| event.amount).sum();
    let silent = history.last_instant().map_or(400, |last| (AS_OF - last) / DAY) as f64;
    // Three in a hundred turn to high risk on the last day.
    let late = as_of == AS_OF && mixed(n ^ 9) % 100 < 3;
    let risk = if late { 0.97 } else { (silent / (silent + 60.0)).min(0.99) };
    let clv = spend * (1.0 - risk);
    let at = |days: u32, share: f64| AtHorizon {
        days,
        p_purchase: (1.0 - risk) * share,
        expected_orders: share * 2.0,
        expected_spend: clv * share,
        expected_spend_low: 0.0,
        expected_spend_high: clv * share * 2.0,
    };
    let tags = tags(n, risk, silent);
    let prediction = Prediction {
        at: vec![at(30, 0.4), at(90, 1.0), at(365, 1.0)],
        churn_risk: risk,
        churn_percentile: 1 + (risk * 99.0) as u8,
        p_alive: 1.0 - risk / 2.0,
        next_order_at: Some(as_of + DAY),
        next_order_quartiles: [None; 2],
        clv,
        clv_interval: [0.0; 2],
        value_at_risk: risk * clv,
        cluster: None,
        reasons: Vec::new(),
    };
    Scored { outcome: Outcome::Scored(Box::new(prediction)), tags, provenance }
}

struct Engine(ModelInfo);

impl Score for Engine {
    fn model(&self) -> &ModelInfo {
        &self.0
    }

    fn run(&self, id: &str, history: &History, as_of: Micros, _: Micros, _: bool, _: &Spent) -> Scored {
        scored(id, history, as_of)
    }

    fn predict(&self, _: &[f64]) -> Prediction {
        match scored("c1", &History::default(), AS_OF).outcome {
            Outcome::Scored(prediction) => *prediction,
            Outcome::NotScored(_) => std::process::abort(),
        }
    }
}

fn fill(store: &dyn Store, customers: u64) -> Result<(), Failure> {
    let started = Instant::now();
    for as_of in [DAY_BEFORE, AS_OF] {
        let mut rows = (0..customers)
            .map(|n| BatchRow { customer_id: format!("c{n:07}"), history: history(n) })
            // On the last day only those come who turn.
            .filter(|row| as_of == DAY_BEFORE || mixed(number(&row.customer_id) ^ 9) % 100 < 3);
        store.write_batch(&mut rows, as_of, &scored, &|_| ())?;
    }
    println!("{customers} profiles with 29 to 30 tags written in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn main() -> Result<(), Failure> {
    let customers: u64 =
        std::env::var("HOMING_BENCH_PROFILES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir()?;
    let kept = std::env::var_os("HOMING_BENCH_STORE").map(std::path::PathBuf::from);
    let path = kept.unwrap_or_else(|| folder.path().join("profiles.db"));
    let server =
        std::env::args().any(|argument| argument == "postgres").then(|| postgres::Cluster::start(true));
    let place = match &server {
        Some(server) => server.database("pages"),
        None => format!("sqlite:{}", path.display()),
    };
    let store = homing_profiles::open(&place, Zone::default())?;
    if store.aggregates(None)?.is_none() {
        fill(store.as_ref(), customers)?;
    }
    let catalogue = Catalogue::shipped()?;
    let started = Instant::now();
    let all = aggregates::compute(store.as_ref(), &catalogue, Zone::default(), AS_OF)?;
    let size = store.aggregates(None)?.map_or(0, |kept| kept.document.len());
    println!(
        "counted {} customers in {:.1} s, {} kB",
        all.base.customers,
        started.elapsed().as_secs_f64(),
        size / 1000
    );
    match &server {
        Some(server) => println!(
            "the store has {}",
            server.sql("pages", "SELECT pg_size_pretty(pg_database_size('pages'))")
        ),
        None => {
            println!("the store has {:.1} GB", std::fs::metadata(&path)?.len() as f64 / 1e9);
            for (name, plan) in SqliteStore::open(&path, Zone::default())?.plans()? {
                println!("{name:<40} {plan}");
            }
        }
    }
    let info = ModelInfo {
        id: "bench@1".into(),
        name: "bench".into(),
        version: "1".into(),
        as_of: Zone::default().format(AS_OF),
        as_of_micros: AS_OF,
        horizons: vec![30, 90, 365],
        churn_horizon: 90,
        timezone: Zone::default(),
    };
    let app = Arc::new(App::new(
        store.clone(),
        Some(Arc::new(Engine(info))),
        Arc::new(|| AS_OF),
        Limits::default(),
    ));
    let router = api::router(app.clone()).merge(web::router(app, Arc::new(catalogue), None));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(&router, customers))?;
    if std::env::var_os("HOMING_BENCH_SERVE").is_some() {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            println!("listening on http://{}", listener.local_addr()?);
            api::serve(listener, router, std::future::pending()).await
        })?;
    }
    Ok(())
}

async fn measure(router: &axum::Router, customers: u64) -> Result<(), Failure> {
    println!("{:<34} {:>8} {:>8} {:>8} {:>9} {:>9}", "page", "p50 ms", "p95 ms", "max ms", "kB", "kB text");
    let id = move |k: u64| format!("c{:07}", mixed(k) % customers);
    type Address = Box<dyn Fn(u64) -> String>;
    let fixed = |address: &'static str| -> Address { Box::new(move |_| address.to_owned()) };
    let levels = ["high", "medium", "low"];
    let pages: Vec<(&str, Address)> = vec![
        ("today", fixed("/")),
        ("call, everybody", fixed("/call")),
        ("call, by level", Box::new(move |k| format!("/call?churn.level={}", levels[(k % 3) as usize]))),
        (
            "call, by three tags",
            fixed("/call?lifecycle.stage=decline&churn.level=medium&preference.category=toys"),
        ),
        ("call, two tags that nobody has", fixed("/call?tier.member=dormant&lifecycle.stage=growth")),
        ("call, low risk by risk", fixed("/call?churn.level=low&sort=churn_risk")),
        ("call, by category and cause", fixed("/call?preference.category=care&fading.cause_first=price")),
        ("call, by any tag", fixed("/call?tag=care.priority:offer&sort=clv")),
        ("call, by a rare product", fixed("/call?preference.product=p00077")),
        ("call, by beginning of id", Box::new(|k| format!("/call?id=c{:04}", k * 37 % 1000))),
        ("call, by short beginning of id", fixed("/call?id=c0")),
        ("call, by RFM cell", fixed("/call?rfm.recency=5&rfm.frequency=3")),
        ("one customer", Box::new(move |k| format!("/customers/{}", id(k)))),
        ("segments", fixed("/segments")),
        ("key figures", fixed("/kpi")),
        ("key figures, year", fixed("/kpi?period=year&against=year")),
        ("models", fixed("/models")),
    ];
    let mut worst = Duration::ZERO;
    for (name, address) in &pages {
        let mut times = Vec::new();
        let (mut weight, mut text) = (0, 0);
        for k in 0..60 {
            let request = Request::get(address(k)).body(Body::empty())?;
            let started = Instant::now();
            let response = router.clone().oneshot(request).await?;
            let status = response.status();
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await?;
            times.push(started.elapsed());
            assert!(status.is_success(), "{name}: {status}");
            weight = weight.max(body.len());
            text = text.max(without_drawings(&String::from_utf8_lossy(&body)));
        }
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        worst = worst.max(at(0.95));
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "{name:<34} {:>8.1} {:>8.1} {:>8.1} {:>9.1} {:>9.1}",
            ms(at(0.5)),
            ms(at(0.95)),
            ms(at(1.0)),
            weight as f64 / 1e3,
            text as f64 / 1e3
        );
    }
    println!("worst p95 {:.1} ms; the aim is 100 ms and 150 kB without drawings", worst.as_secs_f64() * 1e3);
    Ok(())
}

/// Bytes of a page outside its drawings.
fn without_drawings(page: &str) -> usize {
    let mut bytes = 0;
    let mut rest = page;
    while let Some(start) = rest.find("<svg") {
        bytes += start;
        rest = &rest[start..];
        // Drawings hold boxes of their own.
        let (mut depth, mut at) = (0, 0);
        loop {
            let open = rest[at..].find("<svg").map(|to| at + to);
            let Some(close) = rest[at..].find("</svg>").map(|to| at + to) else { return bytes };
            match open.filter(|open| *open < close) {
                Some(open) => {
                    depth += 1;
                    at = open + 4;
                }
                None => {
                    depth -= 1;
                    at = close + 6;
                }
            }
            if depth == 0 {
                break;
            }
        }
        rest = &rest[at..];
    }
    bytes + rest.len()
}
