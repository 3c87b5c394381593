//! The command line: parse, resolve, run, say what happened.

mod show;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use homing_datasets::cli::{Purchases, size, with_config};
use homing_datasets::engine::Sampled;
use homing_datasets::out;
use homing_datasets::table::{Column, Format, Table};
use homing_datasets::{Histories, Micros, ReadSummary, Stream};
use homing_models::{Alias, Registry};
use homing_training::Error;
use homing_training::backtest::{Report, backtest};
use homing_training::challengers::challenge;
use homing_training::check::Usability;
use homing_training::expansion;
use homing_training::fit::{FitOptions, FitSummary, MOST_ROWS, fit};
use homing_training::labels::short_horizon;
use homing_training::learn::Task;
use homing_training::report::{Lang, of_backtests};
use homing_training::warning::early_warning;
use indicatif::{ProgressBar, ProgressStyle};

/// Learns from purchase history who comes back, when, and what they will be worth.
#[derive(Parser)]
#[command(name = "homing-train", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fits a model and puts it into the registry.
    Fit(Fit),
    /// Learns at past cutoffs and judges by what then happened, beside rules that need no model.
    Backtest(Backtest),
    /// Says what the data can carry, and what they lack.
    Check(Check),
}

#[derive(Args)]
struct Common {
    #[command(flatten)]
    purchases: Purchases,
    /// Memory that the histories to learn from may take. Beyond it customers are sampled, and the report says so.
    #[arg(long, env = "HOMING_HISTORIES", default_value = "8G", value_parser = size, value_name = "SIZE")]
    histories: u64,
    /// Prints one JSON document instead of text.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

#[derive(Args)]
struct Fit {
    #[command(flatten)]
    common: Common,
    /// Learn up to this instant: a date (its end, in the business's zone) or a time. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
    /// Horizons in days.
    #[arg(
        long,
        env = "HOMING_HORIZONS",
        value_delimiter = ',',
        default_value = "30,90,365",
        value_name = "DAYS"
    )]
    horizons: Vec<u32>,
    /// The horizon of the churn risk in days.
    #[arg(long, env = "HOMING_CHURN_HORIZON", default_value_t = 90, value_name = "DAYS")]
    churn_horizon: u32,
    /// The horizon of the lifetime value in days.
    #[arg(long, env = "HOMING_VALUE_HORIZON", default_value_t = 365, value_name = "DAYS")]
    value_horizon: u32,
    /// Yearly rate at which the lifetime value is discounted.
    #[arg(
        long,
        env = "HOMING_DISCOUNT_RATE",
        default_value_t = 0.1,
        value_name = "RATE",
        allow_negative_numbers = true
    )]
    discount_rate: f64,
    /// Learns spend net of returns: what customers keep, not what they order.
    #[arg(long, env = "HOMING_NET_OF_RETURNS")]
    net_of_returns: bool,
    /// Where models are kept: a folder, or a place in an object store, such as s3://bucket/models.
    #[arg(long, env = "HOMING_REGISTRY", default_value = "registry", value_name = "DIR|URL")]
    registry: String,
    /// The folder into which a registry of an object store is mirrored. Default: one in the user's cache.
    #[arg(long, env = "HOMING_REGISTRY_CACHE", value_name = "DIR")]
    registry_cache: Option<PathBuf>,
    /// The model's name.
    #[arg(long, env = "HOMING_NAME", default_value = "homing", value_name = "NAME")]
    name: String,
    /// Seed of every sample.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Registers the model as challenger and leaves the champion as it is.
    #[arg(long, env = "HOMING_CHALLENGER")]
    challenger: bool,
    /// Writes the report, which the bundle holds too, to this file as well.
    #[arg(long, env = "HOMING_REPORT", value_name = "FILE")]
    report: Option<PathBuf>,
    /// The language in which the report opens; it holds both.
    #[arg(long, env = "HOMING_LANG", default_value = "en", value_name = "zh|en")]
    lang: Lang,
    /// Fits learners off the shelf beside homing in the backtest, to compare.
    #[arg(long, env = "HOMING_CHALLENGERS")]
    challengers: bool,
}

#[derive(Args)]
struct Backtest {
    #[command(flatten)]
    common: Common,
    /// Cutoffs, in order of time.
    #[arg(long, env = "HOMING_CUTOFFS", value_delimiter = ',', required = true, value_name = "DATE")]
    cutoffs: Vec<String>,
    /// Horizons in days.
    #[arg(long, env = "HOMING_HORIZONS", value_delimiter = ',', default_value = "90", value_name = "DAYS")]
    horizons: Vec<u32>,
    /// Writes each customer's scores and what happened (.parquet, .csv or .ndjson).
    #[arg(long, env = "HOMING_OUT", value_name = "FILE")]
    out: Option<PathBuf>,
    /// Learns spend net of returns; the metrics whose names begin with `net_` judge it.
    #[arg(long, env = "HOMING_NET_OF_RETURNS")]
    net_of_returns: bool,
    /// Seed of every sample.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Writes a report (one HTML file, in Chinese and English).
    #[arg(long, env = "HOMING_REPORT", value_name = "FILE")]
    report: Option<PathBuf>,
    /// The language in which the report opens; it holds both.
    #[arg(long, env = "HOMING_LANG", default_value = "en", value_name = "zh|en")]
    lang: Lang,
    /// Fits learners off the shelf beside homing, to compare.
    #[arg(long, env = "HOMING_CHALLENGERS")]
    challengers: bool,
}

#[derive(Args)]
struct Check {
    #[command(flatten)]
    common: Common,
    /// Look up to this instant. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
    /// Horizons in days.
    #[arg(
        long,
        env = "HOMING_HORIZONS",
        value_delimiter = ',',
        default_value = "30,90,365",
        value_name = "DAYS"
    )]
    horizons: Vec<u32>,
}

/// Keys of `homing.toml` that only `homing` knows.
const OTHERS: &[&str] = &[
    "listen",
    "profiles",
    "model",
    "tags",
    "dataset",
    "folder",
    "shard",
    "snapshot",
    "journal",
    "scored_at",
    "writeback",
];

/// Runs the command line.
pub fn main() -> ExitCode {
    let command = match with_config(Cli::command(), OTHERS) {
        Ok(command) => command,
        Err(error) => return fail(&error.into()),
    };
    let cli = match command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let done = match cli.command {
        Command::Fit(args) => run_fit(&args),
        Command::Backtest(args) => run_backtest(&args),
        Command::Check(args) => run_check(&args),
    };
    done.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

/// Exit codes: 1 failed, 2 wrong use, 3 refused for the data's sake.
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("homing-train: {error:#}");
    let wrong_use =
        error.is::<homing_datasets::cli::ConfigError>() || error.is::<homing_datasets::calendar::NoInstant>();
    match error.downcast_ref::<Error>() {
        Some(Error::Refused { .. }) => ExitCode::from(3),
        Some(Error::Wish(_)) => ExitCode::from(2),
        _ if wrong_use => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// A line of progress on stderr.
struct Steps {
    bar: ProgressBar,
    started: Instant,
}

impl Steps {
    fn new() -> Self {
        let bar =
            if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Steps { bar, started: Instant::now() }
    }

    fn step(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    fn done(&self) -> f64 {
        self.bar.finish_and_clear();
        self.started.elapsed().as_secs_f64()
    }
}

/// What a command learns from.
struct Loaded {
    histories: Histories,
    summary: ReadSummary,
    sampled: Sampled,
}

fn load(common: &Common, seed: u64) -> anyhow::Result<Loaded> {
    let purchases = &common.purchases;
    let stream = Stream::open(&purchases.purchases, &purchases.stream(purchases.timezone)?)?;
    let (histories, summary, sampled) = stream.collect(common.histories, seed)?;
    eprintln!("{}", show::read(&summary, purchases));
    if sampled.kept < sampled.customers {
        eprintln!("{}", show::sampled(sampled));
    }
    Ok(Loaded { histories, summary, sampled })
}

fn instant(common: &Common, text: Option<&String>) -> anyhow::Result<Option<Micros>> {
    Ok(text.map(|text| common.purchases.timezone.as_of(text)).transpose()?)
}

fn run_fit(args: &Fit) -> anyhow::Result<()> {
    let as_of = instant(&args.common, args.as_of.as_ref())?;
    if !(0.0..=10.0).contains(&args.discount_rate) {
        return Err(Error::Wish(format!(
            "--discount-rate {}: give a yearly rate from 0 to 10",
            args.discount_rate
        ))
        .into());
    }
    let options = FitOptions {
        as_of,
        horizons: args.horizons.clone(),
        churn_horizon: args.churn_horizon,
        value_horizon: args.value_horizon,
        discount_rate: args.discount_rate,
        net_of_returns: args.net_of_returns,
        zone: args.common.purchases.timezone,
        name: args.name.clone(),
        seed: args.seed,
        previous: None,
        challengers: args.challengers,
        lang: args.lang,
        sampled: None,
    };
    options.all_horizons()?;
    let Loaded { histories, sampled, .. } = load(&args.common, args.seed)?;
    let steps = Steps::new();
    let registry = Registry::open(&args.registry, args.registry_cache.as_deref())?;
    let as_of = options.as_of.or(histories.last_instant());
    let previous = as_of.and_then(|as_of| registry.before(&options.name, as_of)).map(Arc::new);
    let options = FitOptions { previous, sampled: Some(sampled), ..options };
    let fitted = fit(&histories, &options, &|text| steps.step(text))?;
    let alias = if args.challenger { Alias::Challenger } else { Alias::Champion };
    let path = registry.register(&fitted.bundle, alias)?;
    if let (Some(file), Some(html)) = (&args.report, fitted.bundle.report()) {
        write_report(file, html)?;
    }
    let seconds = steps.done();
    if args.common.json {
        let summary = FitSummary {
            model: fitted.bundle.id(),
            usability: &fitted.usability,
            manifest: fitted.bundle.manifest(),
        };
        out!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        out!("{}", show::usability(&fitted.usability).trim_end_matches('\n'));
        if let Some(report) = &fitted.backtest {
            out!("{}", show::report(report).trim_end_matches('\n'));
        }
        out!("model {} ({}) in {}", fitted.bundle.id(), alias.name(), path.display());
    }
    eprintln!("fitted in {seconds:.1} s");
    Ok(())
}

fn run_backtest(args: &Backtest) -> anyhow::Result<()> {
    let zone = args.common.purchases.timezone;
    let cutoffs: Vec<Micros> = args.cutoffs.iter().map(|text| zone.as_of(text)).collect::<Result<_, _>>()?;
    if let Some(at) = cutoffs.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(Error::Wish(format!(
            "--cutoffs are out of order: {} is not before {}; give them in order of time",
            args.cutoffs[at],
            args.cutoffs[at + 1]
        ))
        .into());
    }
    if let Some(days) = args.horizons.iter().find(|&&days| days == 0 || days > 3650) {
        return Err(Error::Wish(format!("--horizons {days}: give 1 to 3650 days")).into());
    }
    if let Some(out) = &args.out {
        Format::of(out).map_err(|error| Error::Wish(error.to_string()))?;
    }
    let Loaded { histories, sampled, .. } = load(&args.common, args.seed)?;
    let steps = Steps::new();
    let mut reports = Vec::new();
    for (&cutoff, name) in cutoffs.iter().zip(&args.cutoffs) {
        for &days in &args.horizons {
            let usability = Usability::of(&histories, cutoff, &[days], zone).sampled(Some(sampled));
            usability.refuse()?;
            let task = Task {
                as_of: cutoff,
                horizons: vec![short_horizon(days), days],
                churn_horizon: days,
                zone,
                seed: args.seed,
                most_rows: MOST_ROWS,
                net_of_returns: args.net_of_returns,
            };
            let step = |text: &str| steps.step(&format!("{name}, {days} days: {text}"));
            let mut report = backtest(&histories, cutoff, days, &task, &step)?;
            step("early warning and first purchases");
            report.expansion = expansion::judge(&histories, cutoff, days, zone, args.seed);
            report.warning = Some(early_warning(&report.bundle, &histories, days));
            if args.challengers {
                challenge(&histories, &mut report, &task, &step)?;
            }
            reports.push(report);
        }
    }
    if let Some(file) = &args.report {
        steps.step("report");
        write_report(file, &of_backtests(&reports, &histories, args.lang)?)?;
    }
    let seconds = steps.done();
    if let Some(out) = &args.out {
        scores(&reports).write(out, zone).context("the scores were not written")?;
    }
    if args.common.json {
        out!("{}", serde_json::to_string_pretty(&serde_json::json!({ "backtests": reports }))?);
    } else {
        for report in &reports {
            out!("{}", show::report(report).trim_end_matches('\n'));
        }
    }
    eprintln!("done in {seconds:.1} s");
    Ok(())
}

fn write_report(file: &Path, html: &str) -> anyhow::Result<()> {
    std::fs::write(file, html).with_context(|| format!("the report was not written to {}", file.display()))
}

/// Each customer's scores and what happened, over all backtests.
fn scores(reports: &[Report]) -> Table {
    let rows = || reports.iter().flat_map(|report| report.scores.iter().map(move |row| (report, row)));
    let number = |of: fn(&homing_training::backtest::ScoreRow) -> f64| {
        Column::Number(rows().map(|(_, row)| Some(of(row))).collect())
    };
    Table::default()
        .with("cutoff", Column::Text(rows().map(|(report, _)| Some(report.cutoff.clone())).collect()))
        .with("horizon", Column::Whole(rows().map(|(report, _)| Some(i64::from(report.horizon))).collect()))
        .with("customer_id", Column::Text(rows().map(|(_, row)| Some(row.customer_id.clone())).collect()))
        .with("p_buy", number(|row| row.p_return))
        .with("p_buy_s", Column::Number(rows().map(|(_, row)| row.p_return_short).collect()))
        .with("expected_orders", number(|row| row.expected_orders))
        .with("expected_spend", number(|row| row.expected_spend))
        .with("bought", number(|row| f64::from(u8::from(row.label.bought))))
        .with("orders", number(|row| f64::from(row.label.orders)))
        .with("spend", number(|row| row.label.spend))
        .with("net_spend", number(|row| row.label.net_spend))
}

fn run_check(args: &Check) -> anyhow::Result<()> {
    let as_of = instant(&args.common, args.as_of.as_ref())?;
    let Loaded { histories, summary, sampled } = load(&args.common, 0)?;
    let Some(as_of) = as_of.or(histories.last_instant()) else {
        return Err(Error::Refused { lacks: vec!["no event at all".to_owned()] }.into());
    };
    let usability = Usability::of(&histories, as_of, &args.horizons, args.common.purchases.timezone)
        .sampled(Some(sampled));
    if args.common.json {
        let document = serde_json::json!({ "read": summary, "sampled": sampled, "usability": usability });
        out!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        out!("{}", show::usability(&usability).trim_end_matches('\n'));
    }
    Ok(usability.refuse()?)
}
