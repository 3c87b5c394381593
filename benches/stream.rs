//! The stream beside DuckDB and Polars: CPU seconds (user + system) and peak memory, each in a process of its own.
//!
//! `cargo bench --bench stream -- [millions of lines ...]` (default 1 20). Data are made in a temporary folder. Peers
//! group the same lines by customer: recency, frequency, money, and sums and counts over five windows. `stream` does the
//! same by our way, `features` computes all of homing's features, and `decode` merely decodes the columns.
//! PEERS_PYTHON names a Python with duckdb, polars and pyarrow (default python3).

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{Array, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use homing_datasets::{DAY, Kind, Micros, ReadOptions, Stream, StreamOptions, Zone};
use homing_models::features::{COUNT, Scratch, compute};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Lines a customer on average.
const EACH: u64 = 24;
const WINDOWS: [i64; 5] = [30, 90, 180, 365, 730];
const START: Micros = 14_000 * DAY;
const AS_OF: Micros = START + 1096 * DAY;

fn dice(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Lines in the order of time, as tills write them: customers in no order.
fn make(path: &Path, lines: u64) -> Outcome<()> {
    let customers = (lines / EACH).max(1);
    let properties = WriterProperties::builder()
        .set_compression(parquet::basic::Compression::SNAPPY)
        .set_max_row_group_row_count(Some(1 << 19))
        .build();
    let mut writer = None;
    let mut state = 7;
    let mut done = 0;
    while done < lines {
        let rows = (lines - done).min(1 << 16);
        let (mut ids, mut times, mut amounts) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..rows {
            // The square makes some customers buy often and most seldom.
            let share = (dice(&mut state) >> 11) as f64 / (1u64 << 53) as f64;
            ids.push(1_000_000 + (share * share * customers as f64) as i64);
            let at = (done + row) as f64 / lines as f64;
            times.push(START + (at * 1095.0 * DAY as f64) as i64 / 1_000_000 * 1_000_000);
            amounts.push((dice(&mut state) % 20_000 + 1) as f64 / 100.0);
        }
        let batch = RecordBatch::try_from_iter([
            ("customer_id", Arc::new(Int64Array::from(ids)) as Arc<dyn Array>),
            ("occurred_at", Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))),
            ("amount", Arc::new(Float64Array::from(amounts))),
        ])?;
        let writer = match &mut writer {
            Some(writer) => writer,
            none => none.insert(ArrowWriter::try_new(
                File::create(path)?,
                batch.schema(),
                Some(properties.clone()),
            )?),
        };
        writer.write(&batch)?;
        done += rows;
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    Ok(())
}

/// What one way of ours does; prints a number that the peers print too.
fn work(way: &str, path: &str) -> Outcome<()> {
    let memory = std::env::var("STREAM_MEMORY").map_or(Ok(192), |text| text.parse::<u64>())? << 20;
    if way == "decode" {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
        let mut sum = 0.0;
        for batch in builder.with_batch_size(8192).build()? {
            let batch = batch?;
            let amounts = batch.column(2).as_any().downcast_ref::<Float64Array>().ok_or("no amounts")?;
            sum += amounts.values().iter().sum::<f64>();
        }
        println!("{sum:.0}");
        return Ok(());
    }
    let read = ReadOptions::default();
    let options = StreamOptions { read, memory, ..StreamOptions::default() };
    let stream = Stream::open(&[path.to_owned()], &options)?;
    let sums = if way == "features" {
        let new = || (0.0, 0u64, Scratch::default(), vec![0.0; COUNT]);
        let folded = stream.fold("features", new, |(sum, count, scratch, out), _, history| {
            if compute(&history.as_of(AS_OF), Zone::default(), scratch, out) {
                *sum += out.iter().filter(|x| x.is_finite()).sum::<f64>();
                *count += 1;
            }
            Ok(())
        })?;
        folded.into_iter().map(|(sum, count, ..)| (sum, count)).collect()
    } else {
        stream.fold(
            "windows",
            || (0.0, 0u64),
            |(sum, count), _, history| {
                let view = history.as_of(AS_OF);
                let (mut orders, mut spend) = ([0u64; 5], [0.0; 5]);
                let (mut money, mut last, mut day) = (0.0, 0, i64::MIN);
                for ((&at, &amount), kind) in view.occurred_at().iter().zip(view.amount()).zip(view.kind()) {
                    if *kind != Kind::Purchase || amount <= 0.0 {
                        continue;
                    }
                    let today = at.div_euclid(DAY);
                    let ago = (AS_OF - at) / DAY;
                    for (nth, &window) in WINDOWS.iter().enumerate() {
                        if ago < window {
                            orders[nth] += u64::from(today != day);
                            spend[nth] += amount;
                        }
                    }
                    (money, last, day) = (money + amount, at, today);
                }
                *sum += money + spend.iter().sum::<f64>() + (AS_OF - last) as f64 / DAY as f64;
                *count += 1;
                *sum += orders.iter().sum::<u64>() as f64;
                Ok(())
            },
        )?
    };
    let (sum, count) = sums.iter().fold((0.0, 0), |(s, c), (sum, count): &(f64, u64)| (s + sum, c + count));
    println!("{count} customers, {sum:.0}");
    Ok(())
}

/// User and system seconds and peak MB of a command, told by `/usr/bin/env time`-free means: the kernel's own account.
fn measured(mut command: Command) -> Outcome<(f64, f64, f64, f64, String)> {
    let wrapper = "import os,resource,subprocess,sys\n\
        done=subprocess.run(sys.argv[1:],stdout=subprocess.PIPE)\n\
        used=resource.getrusage(resource.RUSAGE_CHILDREN)\n\
        print(done.returncode,used.ru_utime,used.ru_stime,used.ru_maxrss/1024,done.stdout.decode().strip().replace('\\n',' '))";
    let mut python = Command::new(std::env::var("PEERS_PYTHON").unwrap_or_else(|_| "python3".into()));
    python.args(["-c", wrapper]).arg(command.get_program()).args(command.get_args());
    python.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdout(Stdio::null());
    let began = Instant::now();
    let output = python.stderr(Stdio::inherit()).output()?;
    let wall = began.elapsed().as_secs_f64();
    let text = String::from_utf8(output.stdout)?;
    let mut parts = text.trim().splitn(5, ' ');
    let mut number = || -> Outcome<f64> { Ok(parts.next().ok_or("nothing was measured")?.parse()?) };
    let (code, user, system, peak) = (number()?, number()?, number()?, number()?);
    if code != 0.0 {
        return Err(format!("a way ended with {code}: {text}").into());
    }
    Ok((user, system, peak, wall, parts.next().unwrap_or_default().to_owned()))
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if let [way, path] = arguments.as_slice()
        && path.ends_with(".parquet")
    {
        return work(way, path);
    }
    let mut sizes: Vec<u64> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1, 20];
    }
    let folder = tempfile::tempdir()?;
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/stream.py");
    println!("millions way        user s   sys s   peak MB  wall s  us a line (user)  answer");
    for size in sizes {
        let path = folder.path().join(format!("{size}.parquet"));
        make(&path, size * 1_000_000)?;
        for way in ["decode", "stream", "features", "duckdb", "polars"] {
            let mut command = match way {
                "duckdb" | "polars" => {
                    let python = std::env::var("PEERS_PYTHON").unwrap_or_else(|_| "python3".into());
                    let mut command = Command::new(python);
                    command.arg(&peers).arg(way);
                    command
                }
                _ => {
                    let mut command = Command::new(std::env::current_exe()?);
                    command.arg(way);
                    command
                }
            };
            command.arg(&path);
            match measured(command) {
                Ok((user, system, peak, wall, answer)) => println!(
                    "{size:>8} {way:<10} {user:>7.2} {system:>7.2} {peak:>9.0} {wall:>7.1} {:>17.3}  {answer}",
                    user / size as f64
                ),
                Err(error) => println!("{size:>8} {way:<10} failed: {error}"),
            }
        }
        std::fs::remove_file(&path)?;
    }
    Ok(())
}
