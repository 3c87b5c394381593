//! `homing-train backtest`.

use std::path::PathBuf;

use crate::Error;
use crate::backtest::{Report, ScoreRow, backtest};
use crate::challengers::challenge;
use crate::check::Usability;
use crate::expansion;
use crate::labels::short_horizon;
use crate::report::{Lang, of_backtests};
use crate::task::Task;
use crate::warning::early_warning;
use anyhow::Context;
use clap::Args;
use homing_datasets::progress::Stage;
use homing_datasets::table::{Column, Format, Table};
use homing_datasets::{Micros, out};
use homing_locales::{Currency, set_currency};

use super::input::{Common, Loaded, write_report};
use super::show;

#[derive(Args)]
#[command(after_help = "\
Examples:
  homing-train backtest --purchases orders.csv --cutoffs 2024-12-31,2025-03-31
  homing-train backtest --purchases orders.csv --cutoffs 2025-03-31 --report backtest.html")]
pub(super) struct Backtest {
    /// Cutoffs, in chronological order.
    #[arg(long, env = "HOMING_CUTOFFS", value_delimiter = ',', required = true, value_name = "DATE")]
    cutoffs: Vec<String>,
    /// Horizons in days.
    #[arg(long, env = "HOMING_HORIZONS", value_delimiter = ',', default_value = "90", value_name = "DAYS")]
    horizons: Vec<u32>,
    /// Write predictions and outcomes of every customer (.parquet, .csv or .ndjson).
    #[arg(long, env = "HOMING_OUT", value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write a report (HTML).
    #[arg(long, env = "HOMING_REPORT", value_name = "FILE")]
    report: Option<PathBuf>,
    /// Language of the texts, such as zh or en.
    #[arg(long, env = "HOMING_LANG", default_value = "en", value_name = "CODE")]
    lang: Lang,
    /// Currency of the amounts shown: an ISO 4217 code such as CNY, EUR or USD. Default: plain numbers.
    #[arg(long, env = "HOMING_CURRENCY", value_name = "CODE")]
    currency: Option<Currency>,
    /// Predict spend net of product returns.
    #[arg(long, env = "HOMING_NET_OF_RETURNS")]
    net_of_returns: bool,
    /// Also fit off-the-shelf learners in the backtest, for comparison.
    #[arg(long, env = "HOMING_CHALLENGERS")]
    challengers: bool,
    /// Seed for random sampling.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &Backtest) -> anyhow::Result<()> {
    if let Some(currency) = args.currency {
        set_currency(currency);
    }
    let zone = args.common.purchases.zone();
    let cutoffs: Vec<Micros> = args.cutoffs.iter().map(|text| zone.as_of(text)).collect::<Result<_, _>>()?;
    if let Some(at) = cutoffs.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(Error::InvalidArgument(format!(
            "--cutoffs must be in chronological order: {} is not before {}",
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
    let stage = Stage::begin("backtest");
    let mut reports = Vec::new();
    for (&cutoff, name) in cutoffs.iter().zip(&args.cutoffs) {
        for &days in &args.horizons {
            let usability = Usability::of(&histories, cutoff, &[days], zone).sampled(Some(sampled));
            usability.refuse()?;
            let step = |text: &str| stage.step(&format!("{name}, {days} days: {text}"));
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
        stage.step("report");
        write_report(file, &of_backtests(&reports, &histories, args.lang)?)?;
    }
    let seconds = stage.end();
    if let Some(out) = &args.out {
        scores(&reports).write(out, zone).context("cannot write the scores")?;
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
