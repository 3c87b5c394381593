//! Two nights of the batch into SQLite and into PostgreSQL: time by stage, peak memory, and what was rewritten.
//!
//! `cargo bench --bench nightly -- [thousands of customers]` (default 100) makes 20 lines a customer, fits a model on a
//! sample, and lets `homing score --profiles ... --snapshot ...` run over all lines, then, a day later, over 1 % new
//! lines. PostgreSQL is a server of its own, with fsync. The second night stands beside the first as ratios. Wants
//! `homing-train` built beside `homing` (`cargo build --release --workspace`).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow_array::{Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use homing_datasets::{DAY, Micros, Zone};
use parquet::arrow::ArrowWriter;
use serde_json::Value;

#[path = "../tests/support/postgres.rs"]
#[expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "shared with the tests, which fail loudly"
)]
mod postgres;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Lines a customer on average.
const EACH: u64 = 20;
const START: Micros = 14_000 * DAY;
const DAYS: i64 = 730;
const PRODUCTS: u64 = 2000;

fn dice(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Lines of so many customers in the order of time, from one day to another; some customers buy often, most seldom.
fn make(path: &Path, customers: u64, lines: u64, days: std::ops::Range<i64>, seed: u64) -> Outcome<()> {
    let mut state = seed;
    let mut writer = None;
    let mut done = 0;
    while done < lines {
        let rows = (lines - done).min(1 << 16);
        let (mut ids, mut times, mut amounts, mut products) = (vec![], vec![], vec![], vec![]);
        for row in 0..rows {
            let share = (dice(&mut state) >> 11) as f64 / (1u64 << 53) as f64;
            ids.push(1_000_000 + (share * share * customers as f64) as i64);
            let at = (done + row) as f64 / lines as f64 * (days.end - days.start) as f64 + days.start as f64;
            times.push(START + (at * 86_400.0) as i64 * 1_000_000);
            amounts.push((dice(&mut state) % 20_000 + 1) as f64 / 100.0);
            products.push(format!("p{:04}", dice(&mut state) % PRODUCTS));
        }
        let batch = RecordBatch::try_from_iter([
            ("customer_id", Arc::new(Int64Array::from(ids)) as Arc<dyn Array>),
            ("occurred_at", Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))),
            ("amount", Arc::new(Float64Array::from(amounts))),
            ("product_id", Arc::new(StringArray::from(products))),
        ])?;
        let writer = match &mut writer {
            Some(writer) => writer,
            none => none.insert(ArrowWriter::try_new(File::create(path)?, batch.schema(), None)?),
        };
        writer.write(&batch)?;
        done += rows;
    }
    writer.map(ArrowWriter::close).transpose()?;
    Ok(())
}

/// Runs a command under the kernel's own account; gives user and system seconds, peak MB and what it printed.
fn measured(program: &Path, arguments: &[&str]) -> Outcome<(f64, f64, f64, Value)> {
    let wrapper = "import json,resource,subprocess,sys\n\
        done=subprocess.run(sys.argv[1:],stdout=subprocess.PIPE)\n\
        used=resource.getrusage(resource.RUSAGE_CHILDREN)\n\
        print(json.dumps([done.returncode,used.ru_utime,used.ru_stime,used.ru_maxrss/1024,json.loads(done.stdout or b'null')]))";
    let output = Command::new("python3").args(["-c", wrapper]).arg(program).args(arguments).output()?;
    let told: Value = serde_json::from_slice(&output.stdout).map_err(|cause| {
        format!("{}: {cause}: {}", program.display(), String::from_utf8_lossy(&output.stderr))
    })?;
    let number = |at: usize| told[at].as_f64().unwrap_or(f64::NAN);
    if number(0) != 0.0 {
        return Err(format!(
            "{} ended with {}: {}",
            program.display(),
            told[0],
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok((number(1), number(2), number(3), told[4].clone()))
}

/// The ten tags that moved for the most customers.
fn most(moves: &Value) -> String {
    let moved = |value: &Value| value["set"].as_u64().unwrap_or(0) + value["removed"].as_u64().unwrap_or(0);
    let mut all: Vec<(u64, &str)> =
        moves.as_object().into_iter().flatten().map(|(name, value)| (moved(value), &**name)).collect();
    all.sort_by(|a, b| b.cmp(a));
    all.iter().take(10).map(|(many, name)| format!("{name} {many}")).collect::<Vec<_>>().join(", ")
}

fn main() -> Outcome<()> {
    let thousands = std::env::args().skip(1).find_map(|text| text.parse::<u64>().ok()).unwrap_or(100);
    let customers = thousands * 1000;
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (all, today, registry) = (at("all.parquet"), at("today.parquet"), at("registry"));
    make(Path::new(&all), customers, customers * EACH, 0..DAYS, 7)?;
    make(Path::new(&today), customers, customers * EACH / 100, DAYS..DAYS + 1, 8)?;
    let homing = PathBuf::from(env!("CARGO_BIN_EXE_homing"));
    let train = homing.with_file_name("homing-train");
    let fit = [
        "fit",
        "--purchases",
        &all,
        "--registry",
        &registry,
        "--horizons",
        "30,90",
        "--histories",
        "64M",
        "--json",
    ];
    let (user, system, peak, _) = measured(&train, &fit)?;
    println!(
        "fit on a sample of {customers} customers, {} lines: {user:.1} + {system:.1} CPU s, {peak:.0} MB",
        customers * EACH
    );

    let server = postgres::Cluster::start(true);
    for (name, url) in
        [("sqlite", format!("sqlite:{}", at("profiles.db"))), ("postgres", server.database("nightly"))]
    {
        let snapshot = at(&format!("snapshot-{name}"));
        let mut first: Option<(f64, f64)> = None;
        for (night, purchases, day) in [(1, &all, DAYS), (2, &today, DAYS + 1)] {
            let scored_at = Zone::default().format(START + (day + 1) * DAY);
            let arguments = [
                "score",
                "--purchases",
                purchases,
                "--snapshot",
                &snapshot,
                "--profiles",
                &url,
                "--registry",
                &registry,
                "--journal",
                &at(&format!("journal-{name}")),
                "--scored-at",
                &scored_at,
                "--json",
            ];
            let (user, system, peak, told) = measured(&homing, &arguments)?;
            println!("\n{name}, night {night}: {user:.1} + {system:.1} CPU s of homing, peak {peak:.0} MB");
            println!("  seconds  {}", told["seconds"]);
            let mut profiles = told["profiles"].clone();
            let moves = profiles.as_object_mut().and_then(|profiles| profiles.remove("tag_moves"));
            println!("  profiles {profiles}");
            println!("  tags that moved most: {}", most(&moves.unwrap_or_default()));
            let seconds = |stage: &str| told["seconds"][stage].as_f64().unwrap_or(f64::NAN);
            let reading = seconds("read") + seconds("snapshot");
            let Some(before) = first else {
                first = Some((reading, user));
                continue;
            };
            let (read, cpu) = before;
            println!("  beside the first night: reading {:.2}, CPU {:.2}", reading / read, user / cpu);
        }
        if name == "sqlite" {
            let bytes = std::fs::metadata(at("profiles.db"))?.len();
            println!("  the store takes {:.1} KB a customer", bytes as f64 / 1024.0 / customers as f64);
            std::fs::remove_file(at("profiles.db"))?;
        }
    }
    Ok(())
}
