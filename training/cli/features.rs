//! `homing-train features`: the feature matrix, for work elsewhere.

use std::path::PathBuf;

use clap::Args;
use homing_datasets::{Micros, out};
use homing_training::matrix::matrix;
use serde_json::json;

use super::input::{Common, Loaded};

#[derive(Args)]
pub(super) struct Features {
    #[command(flatten)]
    common: Common,
    /// Instants at which customers are looked at: dates (their end, in the business's zone) or times.
    #[arg(long, env = "HOMING_AS_OF", required = true, value_delimiter = ',', value_name = "DATE,...")]
    as_of: Vec<String>,
    /// Adds what customers did in so many days after each instant: bought, orders, spend.
    #[arg(long, env = "HOMING_LABELS", value_delimiter = ',', value_name = "DAYS,...")]
    labels: Vec<u32>,
    /// The file to write: .parquet, .csv or .ndjson.
    #[arg(long, env = "HOMING_OUT", value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &Features) -> anyhow::Result<()> {
    let zone = args.common.purchases.timezone;
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
