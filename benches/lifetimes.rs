//! BG/NBD at 1,000,000 and Pareto/NBD at 100,000 simulated customers: ours on one thread and on all, beside the
//! Python package lifetimes on the same file, in one run; and what one answer costs.
//!
//! `LIFETIMES_PYTHON=python3 cargo bench --bench lifetimes` where that python has lifetimes (and a
//! pandas below 2). Without the variable the peer is left out. `-- small` takes a hundredth of the customers.

use std::fs;
use std::process::Command;
use std::time::Instant;

use homing_models::lifetimes::{BgNbd, Cohort, LifetimeModel, MbgNbd, Options, ParetoNbd, Recency, Summary};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// SplitMix64 (Steele, Lea & Flood 2014).
struct Rng(u64);

impl Rng {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ (z >> 31)) >> 12) as f64 + 0.5) / 2f64.powi(52)
    }

    fn exponential(&mut self, rate: f64) -> f64 {
        -self.uniform().ln() / rate
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }

    /// Marsaglia & Tsang (2000), with their boost for shapes below 1.
    fn gamma(&mut self, shape: f64, rate: f64) -> f64 {
        let d = shape + 1.0 - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
                return d * v * self.uniform().powf(1.0 / shape) / rate;
            }
        }
    }
}

/// A customer who joined within the first of two years of weeks, times in whole days as shops record them.
fn customer(rng: &mut Rng, rate: f64, dropout: f64, until: f64) -> Recency {
    let day = |t: f64| (t * 7.0).floor() / 7.0;
    let age = day(52.0 + 52.0 * rng.uniform());
    let (mut x, mut last, mut time) = (0, 0.0, 0.0);
    loop {
        time += rng.exponential(rate);
        if time > age.min(until) {
            return Recency::new(x, last, age);
        }
        if day(time) > last {
            (x, last) = (x + 1, day(time));
        }
        if rng.uniform() < dropout {
            return Recency::new(x, last, age);
        }
    }
}

/// The user time of this process in seconds.
fn cpu_seconds() -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // utime and stime, in hundredths on every Linux that Rust runs on.
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}

struct Ours {
    wall: f64,
    cpu: f64,
    parameters: Vec<f64>,
    summary: Summary,
}

fn timed(
    threads: usize,
    fit: &(dyn Fn() -> Result<(Vec<f64>, Summary), Failure> + Sync),
) -> Result<Ours, Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    pool.install(|| {
        let (started, cpu) = (Instant::now(), cpu_seconds()?);
        let (parameters, summary) = fit()?;
        Ok(Ours { wall: started.elapsed().as_secs_f64(), cpu: cpu_seconds()? - cpu, parameters, summary })
    })
}

fn compare(
    name: &str,
    peer: &str,
    customers: &[Recency],
    fit: &(dyn Fn() -> Result<(Vec<f64>, Summary), Failure> + Sync),
) -> Result<(), Failure> {
    let threads = std::thread::available_parallelism()?.get();
    println!("{name}, {} customers", customers.len());
    // The quickest of three: the machine may be shared.
    let mut rows = Vec::new();
    for threads in [1, threads] {
        let mut best: Option<Ours> = None;
        for _ in 0..3 {
            let run = timed(threads, fit)?;
            if best.as_ref().is_none_or(|best| run.wall < best.wall) {
                best = Some(run);
            }
        }
        let Some(run) = best else { continue };
        println!(
            "  homing, {threads} thread(s)  wall {:>8.3} s  cpu {:>8.2} s  {:.4?}  LL {:.2}  {}",
            run.wall, run.cpu, run.parameters, run.summary.log_likelihood, run.summary.status
        );
        rows.push((threads, run));
    }
    let Ok(python) = std::env::var("LIFETIMES_PYTHON") else {
        println!("  lifetimes: left out, LIFETIMES_PYTHON is not set");
        return Ok(());
    };
    let file = std::env::temp_dir().join(format!("homing-bench-{peer}-{}.f64", std::process::id()));
    let bytes: Vec<u8> = customers
        .iter()
        .flat_map(|c| [f64::from(c.frequency), c.recency, c.age])
        .flat_map(f64::to_le_bytes)
        .collect();
    fs::write(&file, bytes)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/lifetimes.py");
    let output = Command::new(python).args([script, peer]).arg(&file).output()?;
    fs::remove_file(&file)?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let number = |key: &str| said[key].as_f64().unwrap_or(f64::NAN);
    println!(
        "  lifetimes {}          wall {:>8.3} s  cpu {:>8.2} s  {}",
        said["version"].as_str().unwrap_or_default(),
        number("wall_s"),
        number("cpu_s"),
        said["parameters"],
    );
    for (threads, run) in rows {
        println!(
            "  times faster on {threads} thread(s): wall {:.0}, cpu {:.0}",
            number("wall_s") / run.wall,
            number("cpu_s") / run.cpu.max(0.01)
        );
    }
    Ok(())
}

/// Nanoseconds of one P(at least one purchase), over the customers.
fn answer(name: &str, model: &dyn LifetimeModel, customers: &[Recency]) {
    let customers = &customers[..customers.len().min(100_000)];
    let started = Instant::now();
    let sum: f64 = customers.iter().map(|c| model.probability_of_purchase(*c, 13.0)).sum();
    let each = started.elapsed().as_secs_f64() * 1e9 / customers.len() as f64;
    println!("  {name:<12} {each:>6.0} ns a customer (mean probability {:.4})", sum / customers.len() as f64);
}

fn main() -> Result<(), Failure> {
    let asked = |word: &str| std::env::args().any(|argument| argument == word);
    let share = if asked("small") { 100 } else { 1 };
    let mut rng = Rng(1);
    let bg: Vec<Recency> = (0..1_000_000 / share)
        .map(|_| {
            let (rate, one, other) = (rng.gamma(0.6, 4.0), rng.gamma(0.8, 1.0), rng.gamma(2.5, 1.0));
            customer(&mut rng, rate, one / (one + other), f64::INFINITY)
        })
        .collect();
    let pareto: Vec<Recency> = (0..100_000 / share)
        .map(|_| {
            let (rate, mu) = (rng.gamma(0.6, 8.0), rng.gamma(0.7, 12.0));
            let until = rng.exponential(mu);
            customer(&mut rng, rate, 0.0, until)
        })
        .collect();
    let options = Options::default();
    if !asked("answers") {
        compare("BG/NBD", "bg", &bg, &|| {
            let fit = BgNbd::fit(&Cohort::from_customers(&bg)?, &options)?;
            Ok((vec![fit.r(), fit.alpha(), fit.a(), fit.b()], fit.summary().clone()))
        })?;
        compare("Pareto/NBD", "pareto", &pareto, &|| {
            let fit = ParetoNbd::fit(&Cohort::from_customers(&pareto)?, &options)?;
            Ok((vec![fit.r(), fit.alpha(), fit.s(), fit.beta()], fit.summary().clone()))
        })?;
    }
    println!("P(at least one purchase in 13 weeks), one thread");
    answer("BG/NBD", &BgNbd::with_parameters(0.6, 4.0, 0.8, 2.5, 1)?, &bg);
    answer("MBG/NBD", &MbgNbd::with_parameters(0.6, 4.0, 0.8, 2.5, 1)?, &bg);
    answer("MBG/CNBD-3", &MbgNbd::with_parameters(1.2, 2.0, 0.8, 2.5, 3)?, &bg);
    answer("Pareto/NBD", &ParetoNbd::with_parameters(0.6, 8.0, 0.7, 12.0)?, &pareto);
    Ok(())
}
