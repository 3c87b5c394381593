//! The profile stores beside what lies beneath them, in one run.
//!
//! `cargo bench --bench stores -- intake` takes events in, one request after the other, into SQLite and into a fresh
//! PostgreSQL (its own, with fsync), and beside each request commits one row by the bare database: requests a second of
//! both, and their ratio. `cargo bench --bench stores -- bulk` writes profiles with 12 tags each into PostgreSQL (1,000,000, or
//! as many as HOMING_BENCH_PROFILES says), copies the same rows by bare COPY into empty tables with the same indexes,
//! and writes them again with 3 % changed.

use std::time::{Duration, Instant};

use homing_datasets::{DAY, Event, History, Kind, Micros, Zone};
use homing_models::{AtHorizon, Outcome, Prediction, Provenance};
use homing_profiles::{BatchRow, Flows, Incoming, Layer, Scored, Store, Tag};
use rusqlite::Connection;

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

const AS_OF: Micros = 20_500 * DAY;

/// Twelve tags and a prediction of the usual size; costs little, so that the store is what is measured.
fn score(_: &str, history: &History, as_of: Micros) -> Scored {
    let provenance = Provenance { model: "bench@1".into(), as_of, scored_at: AS_OF, zone: Zone::default() };
    let view = history.as_of(as_of);
    let events = view.len() as f64;
    let spend: f64 = view.amount().iter().sum();
    let risk = 1.0 / (1.0 + events + spend % 1.0);
    let at = |days: u32| AtHorizon {
        days,
        p_return: 1.0 - risk,
        expected_orders: events / 7.0,
        expected_spend: spend / 7.0,
        expected_spend_low: 0.0,
        expected_spend_high: spend,
    };
    let prediction = Prediction {
        at: vec![at(30), at(90), at(365)],
        churn_risk: risk,
        churn_percentile: 50,
        p_alive: 1.0 - risk / 2.0,
        next_order_at: Some(as_of + DAY),
        clv: spend,
        value_at_risk: risk * spend,
        cluster: None,
        reasons: Vec::new(),
    };
    let tag = |(n, value): (usize, serde_json::Value)| Tag {
        name: format!("bench.tag_{n:02}"),
        layer: if n < 6 { Layer::Dynamic } else { Layer::Predictive },
        value,
        confidence: (n == 11).then_some(risk),
        expires_at: (n > 8).then_some(as_of + 30 * DAY),
    };
    let words = ["low", "medium", "high"];
    let values: Vec<serde_json::Value> = vec![
        (events as u64).into(),
        (spend.floor() as u64).into(),
        words[events as usize % 3].into(),
        words[spend as usize % 3].into(),
        (events > 2.0).into(),
        (spend as u64 % 40).into(),
        words[(spend as usize / 3) % 3].into(),
        (risk > 0.3).into(),
        (spend as u64 % 7).into(),
        words[(spend as usize / 9) % 3].into(),
        (spend as u64 % 12).into(),
        words[(risk * 2.9) as usize % 3].into(),
    ];
    let tags = values.into_iter().enumerate().map(tag).collect();
    Scored { outcome: Outcome::Scored(Box::new(prediction)), tags, provenance }
}

fn buy(day: i64, amount: f64) -> Event {
    Event::new(Kind::Purchase, AS_OF - (400 - day) * DAY, amount)
}

fn main() -> Result<(), Failure> {
    let wanted = |name: &str| std::env::args().skip(1).any(|argument| argument == name);
    let all = !wanted("intake") && !wanted("bulk");
    if all || wanted("intake") {
        intake()?;
    }
    if all || wanted("bulk") {
        bulk()?;
    }
    Ok(())
}

/// A request of so many events of as many customers, all of them known.
fn request(round: usize, size: usize) -> Vec<Incoming> {
    let event = |n: usize| Incoming {
        event_id: format!("{size}.{round}.{n}"),
        customer_id: format!("c{:05}", (round * size + n) * 7 % 10_000),
        event: buy(399, 1.0 + n as f64),
    };
    (0..size).map(event).collect()
}

/// Times requests and bare commits in turn, and prints their rates.
fn in_turn(
    name: &str,
    size: usize,
    rounds: usize,
    mut ours: impl FnMut(usize) -> Result<(), Failure>,
    mut bare: impl FnMut(usize) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let started = Instant::now();
        ours(round)?;
        a.push(started.elapsed());
        let started = Instant::now();
        bare(round)?;
        b.push(started.elapsed());
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let (a, b) = (median(&mut a), median(&mut b));
    println!(
        "{name:<11} {size:>4} events a request: {:>8.0} requests/s, {:>8.0} events/s; bare commit of the same rows \
         {:>8.0}/s; ratio {:.2}",
        1.0 / a,
        size as f64 / a,
        1.0 / b,
        b / a
    );
    Ok(())
}

fn known() -> impl Iterator<Item = BatchRow> + Send {
    (0..10_000).map(|n| {
        let events = (0..20).map(|k| buy(k * 15, 1.0 + n as f64 % 97.0)).collect();
        BatchRow { customer_id: format!("c{n:05}"), history: History::from_events(events) }
    })
}

fn intake() -> Result<(), Failure> {
    println!("median of requests in turn; 10,000 customers with 20 purchases, 12 tags");
    let folder = tempfile::tempdir()?;
    let store =
        homing_profiles::open(&format!("sqlite:{}", folder.path().join("p.db").display()), Zone::default())?;
    store.write_batch(&mut known(), AS_OF, &score, &|_| ())?;
    let bare = Connection::open(folder.path().join("bare.db"))?;
    bare.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id TEXT PRIMARY KEY, text TEXT)",
    )?;
    for (size, rounds) in [(1, 400), (100, 60)] {
        let ours = |round| Ok(store.take_in(&request(round, size), 0, &score).map(drop)?);
        let bare = |round: usize| -> Result<(), Failure> {
            bare.execute_batch("BEGIN IMMEDIATE")?;
            for one in request(round, size) {
                bare.prepare_cached("INSERT INTO rows VALUES (?1, ?2)")?
                    .execute([&one.event_id, &"x".repeat(2_000)])?;
            }
            Ok(bare.execute_batch("COMMIT")?)
        };
        in_turn("SQLite", size, rounds, ours, bare)?;
    }

    let cluster = postgres::Cluster::start(true);
    let store = homing_profiles::open(&cluster.database("intake"), Zone::default())?;
    store.write_batch(&mut known(), AS_OF, &score, &|_| ())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let url = cluster.database("bare");
    let client = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute("CREATE TABLE rows (id text PRIMARY KEY, text text)").await?;
        Ok::<_, tokio_postgres::Error>(client)
    })?;
    let sql = "INSERT INTO rows SELECT * FROM unnest($1::text[], $2::text[])";
    let insert = runtime.block_on(client.prepare(sql))?;
    for (size, rounds) in [(1, 400), (100, 60)] {
        let ours = |round| Ok(store.take_in(&request(round, size), 0, &score).map(drop)?);
        let bare = |round: usize| -> Result<(), Failure> {
            let (ids, texts): (Vec<_>, Vec<_>) =
                request(round, size).into_iter().map(|one| (one.event_id, "x".repeat(2_000))).unzip();
            Ok(runtime.block_on(client.execute(&insert, &[&ids, &texts])).map(drop)?)
        };
        in_turn("PostgreSQL", size, rounds, ours, bare)?;
    }
    // Several callers at once: both commit for all of them together. The bare commits have a connection each.
    let lite =
        homing_profiles::open(&format!("sqlite:{}", folder.path().join("p.db").display()), Zone::default())?;
    for (name, store) in [("SQLite", &lite), ("PostgreSQL", &store)] {
        let ours = rate(&|caller| {
            move |round| {
                let events = request(10_000 + caller * 1_000 + round, 1);
                Ok(store.take_in(&events, 0, &score).map(drop)?)
            }
        })?;
        println!("{name:<11}    1 event a request, {CALLERS} callers: {ours:>8.0} requests/s");
    }
    let bare = rate(&|caller| {
        let url = url.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let mut open = None;
        move |round| {
            let runtime = runtime.as_ref().map_err(ToString::to_string)?;
            runtime.block_on(async {
                if open.is_none() {
                    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
                    tokio::spawn(connection);
                    let insert = client.prepare(sql).await?;
                    open = Some((client, insert));
                }
                let Some((client, insert)) = &open else { return Ok(()) };
                let (id, text) = (format!("{caller}.{round}"), "x".repeat(2_000));
                Ok(client.execute(insert, &[&vec![id], &vec![text]]).await.map(drop)?)
            })
        }
    })?;
    println!("PostgreSQL     bare commit, {CALLERS} callers: {bare:>8.0}/s");
    Ok(())
}

const CALLERS: usize = 8;

/// Rounds a second of callers that work at the same time.
fn rate<Work: FnMut(usize) -> Result<(), Failure>>(
    caller: &(dyn Fn(usize) -> Work + Sync),
) -> Result<f64, Failure> {
    const ROUNDS: usize = 150;
    let started = Instant::now();
    std::thread::scope(|scope| {
        let callers: Vec<_> =
            (0..CALLERS).map(|at| scope.spawn(move || (0..ROUNDS).try_for_each(caller(at)))).collect();
        callers.into_iter().try_for_each(|caller| caller.join().map_err(|_| "a caller panicked")?)
    })?;
    Ok((CALLERS * ROUNDS) as f64 / started.elapsed().as_secs_f64())
}

fn bulk() -> Result<(), Failure> {
    let count: i64 = std::env::var("HOMING_BENCH_PROFILES").ok().map_or(Ok(1_000_000), |n| n.parse())?;
    let rows = |changed: bool| {
        (0..count).map(move |n| {
            let mut events: Vec<Event> =
                (0..4).map(|k| buy(n * 31 % 300 + k * 20, 5.0 + (n * 17 % 9_973) as f64 / 7.0)).collect();
            if changed && n % 100 < 3 {
                events.push(buy(398, 12.0));
            }
            BatchRow { customer_id: format!("m{n:08}"), history: History::from_events(events) }
        })
    };
    let cluster = postgres::Cluster::start(true);
    let url = cluster.database("bulk");
    let store = homing_profiles::open(&url, Zone::default())?;
    let write = |store: &dyn Store, changed: bool| -> Result<f64, Failure> {
        let started = Instant::now();
        let summary = store.write_batch(&mut rows(changed), AS_OF, &score, &|_| ())?;
        eprintln!("{summary:?}");
        Ok(started.elapsed().as_secs_f64())
    };
    let first = write(store.as_ref(), false)?;
    let folder = cluster.sql("bulk", "SHOW data_directory");
    let mut bare = 0.0;
    for table in ["profiles", "histories", "changes"] {
        let file = format!("{folder}/{table}.copy");
        cluster.sql("bulk", &format!("COPY homing.{table} TO '{file}' (FORMAT binary)"));
        cluster.sql("bulk", &format!("CREATE TABLE public.{table} (LIKE homing.{table} INCLUDING ALL)"));
        cluster.sql("bulk", "CHECKPOINT");
        let started = Instant::now();
        cluster.sql("bulk", &format!("COPY public.{table} FROM '{file}' (FORMAT binary)"));
        let seconds = started.elapsed().as_secs_f64();
        println!("bare COPY of {table:<10} {seconds:>7.1} s");
        bare += seconds;
    }
    let second = write(store.as_ref(), true)?;
    println!(
        "{count} profiles x 12 tags into PostgreSQL: {first:.1} s, {:.2} of bare COPY ({bare:.1} s)",
        first / bare
    );
    println!("again with 3 % changed: {second:.1} s, {:.2} of the first", second / first);
    Ok(())
}
