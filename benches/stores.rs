//! The profile stores beside what lies beneath them, in one run.
//!
//! `cargo bench --bench stores -- intake` trains on the bundled CDNOW, fills SQLite and a fresh PostgreSQL (its own, with fsync)
//! with 10,000 of its customers, and takes events in as the service does, with the shipped catalogue of tags: one caller,
//! beside whose requests one row is committed by the bare database, then 16 callers at once. The scores of the same customers
//! without a store stand beside them. `cargo bench --bench stores -- bulk` writes profiles with 12 tags each into PostgreSQL
//! (1,000,000, or as many as HOMING_BENCH_PROFILES says), copies the same rows by bare COPY into empty tables with the same
//! indexes, and writes them again with 3 % changed.

use std::time::{Duration, Instant};

use homing::scoring::{Engine, Score as _};
use homing_datasets::{DAY, Event, History, Kind, Micros, Zone};
use homing_models::{AtHorizon, Outcome, Prediction, Provenance};
use homing_profiles::{BatchRow, Fate, Flows, Incoming, Layer, Scored, Store, Tag};
use homing_tags::Catalogue;
use homing_training::pipeline::{Options, train};
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
        p_purchase: 1.0 - risk,
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
        next_order_quartiles: [None; 2],
        clv: spend,
        clv_interval: [0.0; 2],
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

/// What intake is measured with: a model of CDNOW, and some of its customers.
struct Shop {
    engine: Engine,
    known: Vec<(String, History)>,
}

impl Shop {
    fn open() -> Result<Shop, Failure> {
        let histories = homing_datasets::cdnow()?;
        let trained = train(&histories, &Options::default(), &|_| ())?;
        let engine = Engine::new(trained.bundle, &Catalogue::shipped()?);
        Ok(Shop { engine, known: histories.into_iter().take(10_000).collect() })
    }

    fn until(&self) -> Micros {
        self.engine.model().as_of_micros
    }

    fn score(&self, id: &str, history: &History, as_of: Micros) -> Scored {
        self.engine.score(id, history, as_of, self.until() + DAY)
    }

    fn fill(&self, store: &dyn Store) -> Result<(), Failure> {
        let mut rows = self
            .known
            .iter()
            .map(|(id, history)| BatchRow { customer_id: id.clone(), history: history.clone() });
        store.write_batch(
            &mut rows,
            self.until(),
            &|id, history, as_of| self.score(id, history, as_of),
            &|_| (),
        )?;
        Ok(())
    }

    /// A request of so many events of as many customers, all of them known, each a few seconds after the one before.
    fn request(&self, round: usize, size: usize) -> Vec<Incoming> {
        let event = |n: usize| {
            let at = self.until() + (round * size + n) as i64 * 2_000_000;
            let (customer_id, _) = &self.known[(round * size + n) * 7 % self.known.len()];
            Incoming {
                event_id: format!("{size}.{round}.{n}"),
                customer_id: customer_id.clone(),
                event: Event::new(Kind::Purchase, at, 1.0 + (n * 13 % 400) as f64 / 4.0),
            }
        };
        (0..size).map(event).collect()
    }

    fn take_in(&self, store: &dyn Store, round: usize, size: usize) -> Result<(), Failure> {
        let score = |id: &str, history: &History, as_of: Micros| self.score(id, history, as_of);
        let intake = store.take_in(&self.request(round, size), self.until(), &score)?;
        match intake.fates.iter().all(|fate| *fate == Fate::Accepted) {
            true => Ok(()),
            false => Err("an event was not accepted".into()),
        }
    }
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
        "{name:<11} {size:>4} events a request, 1 caller:   {:>8.0} events/s; bare commit of as many rows {:>8.0} rows/s; \
         ratio {:.2}",
        size as f64 / a,
        size as f64 / b,
        b / a
    );
    Ok(())
}

const CALLERS: usize = 16;

/// Events a second of callers that work at the same time.
fn at_once(
    name: &str,
    size: usize,
    rounds: usize,
    work: impl Fn(usize) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    let started = Instant::now();
    std::thread::scope(|scope| {
        let work = &work;
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                scope.spawn(move || (0..rounds).try_for_each(|round| work(caller + CALLERS * round)))
            })
            .collect();
        callers.into_iter().try_for_each(|caller| caller.join().map_err(|_| "a caller panicked")?)
    })?;
    let events = (CALLERS * rounds * size) as f64;
    println!(
        "{name:<11} {size:>4} events a request, {CALLERS} callers: {:>8.0} events/s",
        events / started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// A text of the size of a row of ours.
fn text() -> String {
    "x".repeat(6_000)
}

fn intake() -> Result<(), Failure> {
    let shop = Shop::open()?;
    at_once("no store", 1, 250, |round| {
        let (id, history) = &shop.known[round * 7 % shop.known.len()];
        std::hint::black_box(shop.score(id, history, shop.until()));
        Ok(())
    })?;
    let folder = tempfile::tempdir()?;
    let store =
        homing_profiles::open(&format!("sqlite:{}", folder.path().join("p.db").display()), Zone::default())?;
    shop.fill(store.as_ref())?;
    let bare = Connection::open(folder.path().join("bare.db"))?;
    bare.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id TEXT PRIMARY KEY, text TEXT)",
    )?;
    let bare = |round: usize, size: usize| -> Result<(), Failure> {
        bare.execute_batch("BEGIN IMMEDIATE")?;
        for one in shop.request(round, size) {
            bare.prepare_cached("INSERT INTO rows VALUES (?1, ?2)")?.execute([&one.event_id, &text()])?;
        }
        Ok(bare.execute_batch("COMMIT")?)
    };
    all(&shop, "SQLite", store.as_ref(), bare)?;

    let cluster = postgres::Cluster::start(true);
    let store = homing_profiles::open(&cluster.database("intake"), Zone::default())?;
    shop.fill(store.as_ref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let url = cluster.database("bare");
    let client = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute("CREATE TABLE rows (id text PRIMARY KEY, text text)").await?;
        Ok::<_, tokio_postgres::Error>(client)
    })?;
    let insert =
        runtime.block_on(client.prepare("INSERT INTO rows SELECT * FROM unnest($1::text[], $2::text[])"))?;
    let bare = |round: usize, size: usize| -> Result<(), Failure> {
        let (ids, texts): (Vec<_>, Vec<_>) =
            shop.request(round, size).into_iter().map(|one| (one.event_id, text())).unzip();
        Ok(runtime.block_on(client.execute(&insert, &[&ids, &texts])).map(drop)?)
    };
    all(&shop, "PostgreSQL", store.as_ref(), bare)
}

fn all(
    shop: &Shop,
    name: &str,
    store: &dyn Store,
    bare: impl Fn(usize, usize) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for (size, rounds, each) in [(1, 400, 150), (100, 30, 10)] {
        in_turn(name, size, rounds, |round| shop.take_in(store, round, size), |round| bare(round, size))?;
        at_once(name, size, each, |round| shop.take_in(store, rounds + round, size))?;
    }
    Ok(())
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
