//! Boosting beside LightGBM, lleaves and onnxruntime on the same synthetic data, in one run.
//!
//! `PEERS_PYTHON=python3 cargo bench -p homing-models --bench boosting -- [fit|predict] [ROWS ...]` writes the data
//! to a temporary folder, fits and predicts here and in benches/peers/boosting.py (with that python), and prints
//! both sides and their ratio. Without arguments: fit at 100,000 and 1,000,000 rows, then predict.

use std::error::Error;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use homing_models::boosting::{Bins, Booster, BoosterParams, Objective, Training};
use homing_models::sampling::mix;
use linfa::ParamGuard;
use ndarray::Array2;
use serde_json::Value;

const FEATURES: usize = 60;
const TEST_ROWS: usize = 100_000;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn unit(row: usize, column: u64) -> f64 {
    (mix(mix(row as u64) ^ mix(column ^ 0x5eed)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Like a shop's customers: skewed amounts, counts with many zeros, shares, few-valued and half-missing columns.
fn features(row: usize) -> [f32; FEATURES] {
    let common = unit(row, 1000);
    std::array::from_fn(|j| {
        let u = unit(row, j as u64);
        let value = match j % 6 {
            0 => (u + common - 1.0) * 3.0,
            1 => (3.0 * (u - 0.5) + 2.0 * common).exp(),
            2 => (-(1.0 - u).ln() * (0.5 + 2.0 * common)).floor(),
            3 => (u * 12.0).floor(),
            4 if unit(row, 500 + j as u64) < 0.3 => f64::NAN,
            _ => u.sqrt() * 100.0 * (0.2 + common),
        };
        value as f32
    })
}

fn label(row: usize, x: &[f32; FEATURES]) -> f32 {
    let known = |j: usize| if x[j].is_nan() { -20.0 } else { f64::from(x[j]) };
    let z = 0.5 * known(0) + 0.3 * known(1).ln() - 0.25 * known(2) + 0.1 * (known(3) - 6.0).abs()
        - 0.015 * known(4)
        + 0.4 * known(6) * known(12)
        + if known(8) > 1.0 && known(5) > 40.0 { 0.8 } else { -0.2 }
        + 0.3 * (known(18) * 2.0).sin()
        + 0.05 * known(9) * f64::from(u8::from(known(10) > 30.0))
        - 0.6;
    f32::from(u8::from(unit(row, 2000) < 1.0 / (1.0 + (-z).exp())))
}

fn data(from: usize, rows: usize) -> (Array2<f32>, Vec<f32>) {
    let mut x = Array2::zeros((rows, FEATURES));
    let mut y = Vec::with_capacity(rows);
    for (row, mut out) in x.outer_iter_mut().enumerate() {
        let values = features(from + row);
        out.iter_mut().zip(values).for_each(|(out, value)| *out = value);
        y.push(label(from + row, &values));
    }
    (x, y)
}

fn write(path: &Path, values: impl Iterator<Item = f32>) -> Outcome<()> {
    let mut out = BufWriter::new(fs::File::create(path)?);
    for value in values {
        out.write_all(&value.to_le_bytes())?;
    }
    Ok(out.flush()?)
}

/// CPU seconds of this process, in steps of 10 ms.
fn cpu() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit(')').next().ok_or("stat without a name")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).ok_or("short stat");
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

fn memory_mb(what: &str) -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(what)).ok_or("no such line in status")?;
    Ok(line.split_whitespace().nth(1).ok_or("short status")?.parse::<f64>()? / 1024.0)
}

fn log_loss(y: &[f32], margins: &[f64]) -> f64 {
    let loss = |(&y, &f): (&f32, &f64)| f.max(0.0) + (-f.abs()).exp().ln_1p() - f64::from(y) * f;
    y.iter().zip(margins).map(loss).sum::<f64>() / y.len() as f64
}

fn auc(y: &[f32], margins: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..y.len()).collect();
    order.sort_by(|&a, &b| margins[a].total_cmp(&margins[b]));
    let mut at = 0;
    let mut ranks = 0.0;
    while at < order.len() {
        let same = order[at..].iter().take_while(|&&i| margins[i] == margins[order[at]]).count();
        let positives = order[at..at + same].iter().filter(|&&i| y[i] > 0.5).count();
        ranks += positives as f64 * (at as f64 + (same as f64 + 1.0) / 2.0);
        at += same;
    }
    let positives = y.iter().filter(|&&y| y > 0.5).count() as f64;
    (ranks - positives * (positives + 1.0) / 2.0) / (positives * (y.len() as f64 - positives))
}

fn params(trees: usize) -> BoosterParams {
    Booster::params(Objective::Logistic)
        .trees(trees)
        .leaves(31)
        .learning_rate(0.1)
        .min_leaf_rows(20.0)
        .l2(1.0)
        .row_share(1.0)
        .feature_share(1.0)
}

struct Fit {
    booster: Booster,
    cpu_s: f64,
    wall_s: f64,
    peak_mb: f64,
}

fn fit(x: &Array2<f32>, y: &[f32], trees: usize, threads: usize) -> Outcome<Fit> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    // Forgets the peak so far, as far as the kernel lets us.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = memory_mb("VmRSS")?;
    let (used, started) = (cpu()?, Instant::now());
    let booster = pool.install(|| {
        let bins = Bins::of(x.view());
        let data = bins.sort(x.view());
        let targets: Vec<f64> = y.iter().map(|&y| f64::from(y)).collect();
        let training = Training { data: &data, bins: &bins, targets: &targets, offsets: None, weights: None };
        params(trees).check()?.fit_binned(&training)
    })?;
    let (wall_s, cpu_s) = (started.elapsed().as_secs_f64(), cpu()? - used);
    Ok(Fit { booster: booster.0, cpu_s, wall_s, peak_mb: memory_mb("VmHWM")? - before })
}

fn peer(arguments: &[&str]) -> Outcome<Option<Value>> {
    let Ok(python) = std::env::var("PEERS_PYTHON") else { return Ok(None) };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/peers/boosting.py");
    let output = Command::new(python).arg(script).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(Some(serde_json::from_str(text.lines().last().ok_or("the peer said nothing")?)?))
}

fn margins(booster: &Booster, x: &Array2<f32>) -> Vec<f64> {
    booster.margins(x.as_slice().unwrap_or_default(), x.ncols())
}

fn line(name: &str, ours: f64, peer: Option<&Value>, key: &str) {
    match peer.and_then(|peer| peer.get(key)).and_then(Value::as_f64) {
        Some(theirs) => {
            println!("  {name:<28} {ours:>11.4} {theirs:>11.4}   ratio {:.3}", ours / theirs);
        }
        None => println!("  {name:<28} {ours:>11.4}           -"),
    }
}

fn compare_fits(folder: &Path, rows: usize, test: &(Array2<f32>, Vec<f32>)) -> Outcome<()> {
    let (x, y) = data(0, rows);
    write(&folder.join("x.f32"), x.iter().copied())?;
    write(&folder.join("y.f32"), y.iter().copied())?;
    for threads in [1, 2] {
        let ours = fit(&x, &y, 300, threads)?;
        let place = folder.to_string_lossy();
        let (r, t, f, n) =
            (rows.to_string(), TEST_ROWS.to_string(), FEATURES.to_string(), threads.to_string());
        let theirs = peer(&["fit", &place, &r, &t, &f, &n])?;
        let theirs = theirs.as_ref();
        println!("fit {rows} x {FEATURES}, 300 trees x 31 leaves, {threads} thread(s): ours, LightGBM");
        let margins = margins(&ours.booster, &test.0);
        line("CPU s", ours.cpu_s, theirs, "cpu_s");
        line("wall s", ours.wall_s, theirs, "wall_s");
        line("memory added at most, MB", ours.peak_mb, theirs, "peak_mb");
        line("AUC, 100,000 other rows", auc(&test.1, &margins), theirs, "auc");
        line("log loss", log_loss(&test.1, &margins), theirs, "log_loss");
    }
    Ok(())
}

/// Seconds of one call, over calls that take a second together, after one to warm up.
fn timed(mut work: impl FnMut()) -> Outcome<f64> {
    work();
    let (used, mut calls) = (cpu()?, 0.0);
    while cpu()? - used < 1.0 {
        work();
        calls += 1.0;
    }
    Ok((cpu()? - used) / calls)
}

fn compare_predictions(folder: &Path, test: &(Array2<f32>, Vec<f32>)) -> Outcome<()> {
    let (x, y) = data(0, 100_000);
    write(&folder.join("x.f32"), x.iter().copied())?;
    write(&folder.join("y.f32"), y.iter().copied())?;
    let booster = fit(&x, &y, 500, 2)?.booster;
    let place = folder.to_string_lossy();
    let (t, f) = (TEST_ROWS.to_string(), FEATURES.to_string());
    peer(&["model", &place, "100000", &f])?;
    let theirs = peer(&["predict", &place, &t, &f])?;
    let theirs = theirs.as_ref();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let batch = pool.install(|| timed(|| drop(std::hint::black_box(margins(&booster, &test.0)))))?
        / TEST_ROWS as f64
        * 1e6;
    let rows: Vec<Vec<f32>> = test.0.outer_iter().take(1000).map(|row| row.to_vec()).collect();
    let single = timed(|| {
        for row in &rows {
            std::hint::black_box(booster.margin(row));
        }
    })? / 1000.0
        * 1e6;
    println!("predict, 500 trees x 31 leaves x {FEATURES} features, one thread, CPU us a row: ours, theirs");
    line("batch, LightGBM", batch, theirs, "lightgbm_batch_us");
    line("batch, lleaves", batch, theirs, "lleaves_batch_us");
    line("batch, onnxruntime", batch, theirs, "onnxruntime_batch_us");
    line("single, LightGBM C API", single, theirs, "lightgbm_single_us");
    line("single, onnxruntime", single, theirs, "onnxruntime_single_us");
    Ok(())
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let what = arguments.first().map_or("all", String::as_str);
    let mut sizes: Vec<usize> = arguments.iter().skip(1).filter_map(|a| a.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![100_000, 1_000_000];
    }
    let folder = tempfile::tempdir()?;
    let test = data(1 << 40, TEST_ROWS);
    write(&folder.path().join("tx.f32"), test.0.iter().copied())?;
    write(&folder.path().join("ty.f32"), test.1.iter().copied())?;
    if what != "predict" {
        for rows in sizes {
            compare_fits(folder.path(), rows, &test)?;
        }
    }
    if what != "fit" {
        compare_predictions(folder.path(), &test)?;
    }
    Ok(())
}
