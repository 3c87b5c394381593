//! `homing-train features`: the feature matrix, for work elsewhere.

use std::path::PathBuf;

use crate::matrix::matrix;
use clap::Args;
use homing_datasets::{Micros, out};
use serde_json::json;

use super::input::{Common, Loaded};

#[derive(Args)]
#[command(after_help = "\
Examples:
  homing-train features --purchases orders.csv --as-of 2025-03-31 --out features.parquet
  homing-train features --purchases orders.csv --as-of 2025-03-31 --labels 30,90 --out rows.csv")]
pub(super) struct Features {
    /// Cutoffs. A date means its end in the business's time zone.
    #[arg(
        long,
        env = "HOMING_AS_OF",
        visible_alias = "cutoffs",
        required = true,
        value_delimiter = ',',
        value_name = "DATE,..."
    )]
    as_of: Vec<String>,
    /// Add labels for these horizons in days: bought, orders and spend after each cutoff.
    #[arg(long, env = "HOMING_LABELS", value_delimiter = ',', value_name = "DAYS,...")]
    labels: Vec<u32>,
    /// Write the matrix (.parquet, .csv or .ndjson): one row for each customer and cutoff.
    #[arg(long, env = "HOMING_OUT", value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &Features) -> anyhow::Result<()> {
    let zone = args.common.purchases.zone();
    let cutoffs = args.as_of.iter().map(|text| zone.as_of(text)).collect::<Result<Vec<Micros>, _>>()?;
    homing_datasets::table::Format::of(&args.out)?;
    args.common.purchases.keep_inputs(&[], &[("out", Some(&args.out))])?;
    let Loaded { histories, summary, .. } = args.common.load(0)?;
    args.common.purchases.refuse_warnings(&summary.warnings)?;
    let table = matrix(&histories, &cutoffs, &args.labels, zone, summary.whole_ids)?;
    table.write(&args.out, zone)?;
    if args.common.json {
        let document =
            json!({ "rows": table.rows(), "out": args.out, "as_of": args.as_of, "labels": args.labels });
        out!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        out!("{} rows in {}", table.rows(), args.out.display());
    }
    Ok(())
}
