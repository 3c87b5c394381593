//! `homing-train backtest`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use homing_datasets::table::{Column, Format, Table};
use homing_datasets::{Micros, out};
use homing_locales::{Currency, set_currency};
use homing_training::Error;
use homing_training::backtest::{Report, ScoreRow, backtest};
use homing_training::challengers::challenge;
use homing_training::check::Usability;
use homing_training::expansion;
use homing_training::labels::short_horizon;
use homing_training::report::{Lang, of_backtests};
use homing_training::task::Task;
use homing_training::warning::early_warning;

use super::input::{Common, Loaded, Steps, write_report};
use super::show;

#[derive(Args)]
pub(super) struct Backtest {
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
    /// Writes a report (one HTML file, in every language).
    #[arg(long, env = "HOMING_REPORT", value_name = "FILE")]
    report: Option<PathBuf>,
    /// The language in which the report opens; it holds all.
    #[arg(long, env = "HOMING_LANG", default_value = "en", value_name = "CODE")]
    lang: Lang,
    /// Currency of the amounts in the report, by its ISO 4217 code, such as CNY, EUR or USD. Default: plain numbers.
    #[arg(long, env = "HOMING_CURRENCY", value_name = "CODE")]
    currency: Option<Currency>,
    /// Fits learners off the shelf beside homing, to compare.
    #[arg(long, env = "HOMING_CHALLENGERS")]
    challengers: bool,
}

pub(super) fn run(args: &Backtest) -> anyhow::Result<()> {
    if let Some(currency) = args.currency {
        set_currency(currency);
    }
    let zone = args.common.purchases.timezone;
    let cutoffs: Vec<Micros> = args.cutoffs.iter().map(|text| zone.as_of(text)).collect::<Result<_, _>>()?;
    if let Some(at) = cutoffs.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(Error::InvalidArgument(format!(
            "--cutoffs are out of order: {} is not before {}; give them in order of time",
            args.cutoffs[at],
            args.cutoffs[at + 1]
        ))
        .into());
    }
    let task = Task {
        horizons: args.horizons.clone(),
        zone,
        seed: args.seed,
        net_of_returns: args.net_of_returns,
        ..Task::default()
    };
    task.all_horizons()?;
    if let Some(out) = &args.out {
        Format::of(out).map_err(|error| Error::InvalidArgument(error.to_string()))?;
    }
    let outputs = [("out", args.out.as_deref()), ("report", args.report.as_deref())];
    args.common.purchases.keep_inputs(&[], &outputs)?;
    let Loaded { histories, summary, sampled } = args.common.load(args.seed)?;
    args.common.purchases.refuse_warnings(&summary.warnings)?;
    let steps = Steps::new();
    let mut reports = Vec::new();
    for (&cutoff, name) in cutoffs.iter().zip(&args.cutoffs) {
        for &days in &args.horizons {
            let usability = Usability::of(&histories, cutoff, &[days], zone).sampled(Some(sampled));
            usability.refuse()?;
            let step = |text: &str| steps.step(&format!("{name}, {days} days: {text}"));
            let mut report = backtest(&histories, cutoff, days, Some(short_horizon(days)), &task, &step)?;
            step("early warning and first purchases");
            report.expansion = expansion::judge(&histories, cutoff, days, zone, args.seed)?;
            report.warning = Some(early_warning(&report.bundle, &histories, days));
            if args.challengers {
                step("challengers");
                if let Some(challenge) = challenge(&histories, &report.labels(), cutoff, days, &task)? {
                    report.add(challenge);
                }
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
        out!(
            "{}",
            serde_json::to_string_pretty(&serde_json::json!({
                "backtests": reports,
                "warnings": summary.warnings.list(),
            }))?
        );
    } else {
        for report in &reports {
            out!("{}", show::report(report).trim_end_matches('\n'));
        }
    }
    eprintln!("done in {seconds:.1} s");
    Ok(())
}

/// Each customer's scores and what happened, over all backtests.
fn scores(reports: &[Report]) -> Table {
    let rows = || reports.iter().flat_map(|report| report.scores.iter().map(move |row| (report, row)));
    let number = |of: fn(&ScoreRow) -> f64| Column::Number(rows().map(|(_, row)| Some(of(row))).collect());
    Table::default()
        .with("cutoff", Column::Text(rows().map(|(report, _)| Some(report.cutoff.clone())).collect()))
        .with("horizon", Column::Whole(rows().map(|(report, _)| Some(i64::from(report.horizon))).collect()))
        .with("customer_id", Column::Text(rows().map(|(_, row)| Some(row.customer_id.clone())).collect()))
        .with("p_buy", number(|row| row.p_purchase))
        .with("p_buy_s", Column::Number(rows().map(|(_, row)| row.p_purchase_short).collect()))
        .with("expected_orders", number(|row| row.expected_orders))
        .with("expected_spend", number(|row| row.expected_spend))
        .with("bought", number(|row| f64::from(u8::from(row.label.bought))))
        .with("orders", number(|row| f64::from(row.label.orders)))
        .with("spend", number(|row| row.label.spend))
        .with("net_spend", number(|row| row.label.net_spend))
}
