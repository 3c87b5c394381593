//! `homing-train check`.

use crate::Error;
use crate::check::Usability;
use clap::Args;
use homing_datasets::out;

use super::input::{Common, Loaded};
use super::show;

#[derive(Args)]
#[command(after_help = "\
Examples:
  homing-train check --purchases orders.csv
  homing-train check --purchases exports/ --columns customer_id=member_no --json")]
pub(super) struct Check {
    /// Reference date: only data up to it are used. A date means its end in the business's time zone. Default: the last event.
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
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &Check) -> anyhow::Result<()> {
    let as_of = args.common.instant(args.as_of.as_ref())?;
    args.common.purchases.keep_inputs(&[], &[])?;
    let Loaded { histories, summary, sampled } = args.common.load(0)?;
    let Some(as_of) = as_of.or(histories.last_instant()) else {
        return Err(Error::Refused { lacks: vec!["no events".to_owned()] }.into());
    };
    let usability =
        Usability::of(&histories, as_of, &args.horizons, args.common.purchases.zone()).sampled(Some(sampled));
    if args.common.json {
        let document = serde_json::json!({
            "recognised": summary.recognised,
            "read": summary,
            "sampled": sampled,
            "usability": usability,
            "warnings": summary.warnings.list(),
        });
        out!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        out!("{}", show::first_lines(&summary).trim_end_matches('\n'));
        out!("{}", show::usability(&usability).trim_end_matches('\n'));
    }
    usability.refuse()?;
    Ok(args.common.purchases.refuse_warnings(&summary.warnings)?)
}
