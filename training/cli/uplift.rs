//! `homing-train uplift`: whom contact changes, from an experiment.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use homing_datasets::frame::Frame;
use homing_datasets::{Zone, out};
use serde_json::json;

use crate::Error;
use crate::uplift::{ArmResult, Experiment, Judged, Roles, judge};

#[derive(Args)]
#[command(after_help = "\
Examples:
  homing-train uplift --experiment emails.csv --treatment arm --outcome bought
  homing-train uplift --experiment emails.csv --treatment arm --outcome visit,spend --out uplift.csv")]
pub(super) struct Uplift {
    /// The experiment: a table with one row a customer. Other columns than treatment and outcomes are features.
    #[arg(long, env = "HOMING_EXPERIMENT", value_name = "FILE")]
    experiment: PathBuf,
    /// The column that names the arm of each customer.
    #[arg(long, env = "HOMING_TREATMENT", value_name = "COLUMN")]
    treatment: String,
    /// The value of the treatment column that stands for no contact. Needed unless there are two arms, one of them called
    /// control, none, 0 or the like.
    #[arg(long, env = "HOMING_CONTROL", value_name = "VALUE")]
    control: Option<String>,
    /// Columns that hold what came of it: 0 and 1, yes and no, or amounts. Can be given several times.
    #[arg(long, env = "HOMING_OUTCOME", required = true, value_delimiter = ',', value_name = "COLUMN,...")]
    outcome: Vec<String>,
    /// Columns to use as features. Default: all that seem to have been known before the contact.
    #[arg(long, env = "HOMING_FEATURE_COLUMNS", value_delimiter = ',', value_name = "COLUMN,...")]
    feature_columns: Vec<String>,
    /// Columns to leave out.
    #[arg(long, env = "HOMING_IGNORE", value_delimiter = ',', value_name = "COLUMN,...")]
    ignore: Vec<String>,
    /// Write uplift and group of each customer (.parquet, .csv or .ndjson).
    #[arg(long, env = "HOMING_OUT", value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seed of folds and intervals.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

pub(super) fn run(args: &Uplift) -> anyhow::Result<()> {
    if let Some(out) = &args.out {
        homing_datasets::table::Format::of(out).map_err(|error| Error::InvalidArgument(error.to_string()))?;
        if *out == args.experiment {
            let text = "--out must not be the experiment itself; choose another file";
            return Err(Error::InvalidArgument(text.to_owned()).into());
        }
    }
    let frame = Frame::read(&[args.experiment.display().to_string()])?;
    let roles = Roles {
        treatment: args.treatment.clone(),
        control: args.control.clone(),
        outcomes: args.outcome.clone(),
        features: args.feature_columns.clone(),
        ignore: args.ignore.clone(),
    };
    let experiment = Experiment::of(&frame, &roles)?;
    eprintln!(
        "{} customers; control `{}` against {}; features: {}",
        frame.rows(),
        experiment.control,
        experiment.arms.iter().map(|arm| format!("`{arm}`")).collect::<Vec<_>>().join(", "),
        experiment.names.join(", ")
    );
    for left in &experiment.left_out {
        eprintln!("warning: `{}` is not used as a feature: {}", left.column, left.reason);
    }
    let judged = judge(&experiment, args.seed, &|step| eprintln!("learning {step}"))?;
    if let Some(out) = &args.out {
        let table = judged.table(&experiment, &frame);
        table.write(out, Zone::default()).context("the uplift of each customer")?;
    }
    if args.json {
        let mut document = serde_json::to_value(&judged)?;
        if let Some(out) = &args.out {
            document["out"] = json!(out);
        }
        out!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    for at in 0..judged.arms.len() {
        show(&judged, at);
    }
    if let Some(out) = &args.out {
        out!("{} rows in {}", judged.rows, out.display());
    }
    Ok(())
}

/// A figure with its interval.
fn ranged(value: Option<f64>, low: Option<f64>, high: Option<f64>) -> String {
    match (value, low, high) {
        (Some(value), Some(low), Some(high)) => format!("{value:>8.4}   {low:.4} to {high:.4}"),
        (Some(value), ..) => format!("{value:>8.4}"),
        _ => "not defined".to_owned(),
    }
}

fn show(judged: &Judged, at: usize) {
    let result: &ArmResult = &judged.arms[at];
    out!("\n{} on {}: {} treated, {} controls", result.arm, result.outcome, result.treated, result.controls);
    let line = |name: &str, text: String| out!("  {name:<26} {text}");
    line("average effect", ranged(Some(result.effect), result.effect_low, result.effect_high));
    line("Qini (out of fold)", ranged(result.qini, result.qini_low, result.qini_high));
    line("AUUC (out of fold)", ranged(result.auuc, result.auuc_low, result.auuc_high));
    line("uplift of the top 30 %", ranged(result.top30_uplift, result.top30_low, result.top30_high));
    line("top 30 % by response", ranged(result.response_top30_uplift, None, None));
    line("top 30 % without contact", ranged(result.baseline_top30_uplift, None, None));
    let each = result.learners.iter().map(|one| {
        format!("{} {}", one.learner.name(), one.qini.map_or("-".to_owned(), |qini| format!("{qini:.4}")))
    });
    line("Qini of the learners", each.collect::<Vec<_>>().join(", "));
    out!("  decile  predicted  measured   95 % interval");
    for decile in &result.deciles {
        let measured = decile.measured;
        out!(
            "  {:>6}  {:>9.4}  {}",
            decile.decile,
            decile.predicted,
            ranged(measured.uplift, measured.low, measured.high)
        );
    }
    for (group, count) in judged.groups(at) {
        line(&group.replace('_', " "), format!("{count:>8}"));
    }
    out!("  {}", result.conclusion);
}
