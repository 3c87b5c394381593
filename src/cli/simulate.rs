//! `homing simulate`.

use std::path::PathBuf;

use clap::Args;
use homing_datasets::Zone;
use homing_datasets::out;
use homing_datasets::simulate::{Chain, write};

use super::WrongUse;
use super::progress::Stage;

/// Writes a simulated chain.
#[derive(Args)]
pub(super) struct Simulate {
    /// How many customers, up to 100 million.
    #[arg(long, env = "HOMING_CUSTOMERS", default_value_t = 10_000, value_name = "N")]
    customers: u64,
    /// What the random numbers start from: the same seed gives the same bytes.
    #[arg(long, env = "HOMING_SEED", default_value_t = 1, value_name = "N")]
    seed: u64,
    /// The last day.
    #[arg(long, env = "HOMING_UNTIL", default_value = "2025-06-30", value_name = "DATE")]
    until: String,
    /// How many days, 60 to 10,000.
    #[arg(long, env = "HOMING_DAYS", default_value_t = 1_096, value_name = "N")]
    days: i32,
    /// The folder; events/, members/ and truth/ are made in it.
    #[arg(long, env = "HOMING_OUT", value_name = "DIR")]
    out: PathBuf,
    /// Prints a JSON summary on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

pub(super) fn run(args: &Simulate) -> anyhow::Result<()> {
    let limits = (1..=100_000_000).contains(&args.customers) && (60..=10_000).contains(&args.days);
    if !limits {
        let text = "a chain has 1 to 100,000,000 customers and 60 to 10,000 days; mend --customers or --days";
        return Err(WrongUse(text.to_owned()).into());
    }
    let until_day = Zone::default().day(Zone::default().as_of(&args.until)?);
    let chain = Chain { customers: args.customers, seed: args.seed, until_day, days: args.days };
    let stage = Stage::begin("simulate");
    let tell = |count: u64| stage.at(&format!("{count} customers"));
    let written = write(&chain, &args.out, &tell)?;
    stage.done(&format!(
        "{} events and {} records of {} customers in {} files under {}",
        written.events,
        written.records,
        written.customers,
        written.files,
        args.out.display()
    ));
    eprintln!(
        "train with: homing-train fit --purchases {}; as the sources know it: --columns customer_id=record_id",
        args.out.join("events").display()
    );
    if args.json {
        out!("{}", serde_json::to_string_pretty(&written)?);
    }
    Ok(())
}
