//! `homing simulate`.

use std::path::PathBuf;

use clap::Args;
use homing_datasets::Zone;
use homing_datasets::progress::Stage;
use homing_datasets::readers::table_in;
use homing_datasets::simulate::{Chain, write};

use super::WrongUse;
use super::args::print_json;

/// Generate data of a simulated retail chain, with the truth about every customer.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing simulate --customers 20000 --seed 9 --out chain
  homing-train fit --purchases chain/events")]
pub(super) struct Simulate {
    /// Number of customers, up to 100 million.
    #[arg(long, env = "HOMING_CUSTOMERS", default_value_t = 10_000, value_name = "N")]
    customers: u64,
    /// Number of days, 60 to 10,000.
    #[arg(long, env = "HOMING_DAYS", default_value_t = 1_096, value_name = "N")]
    days: i32,
    /// Last day.
    #[arg(long, env = "HOMING_UNTIL", default_value = "2025-06-30", value_name = "DATE")]
    until: String,
    /// Seed; the same seed generates the same bytes.
    #[arg(long, env = "HOMING_SEED", default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Folder for the data: events/, members/ and truth/ are created in it.
    #[arg(long, env = "HOMING_OUT", value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

pub(super) fn run(args: &Simulate) -> anyhow::Result<()> {
    let limits = (1..=100_000_000).contains(&args.customers) && (60..=10_000).contains(&args.days);
    if !limits {
        let text = "--customers must be 1 to 100,000,000 and --days 60 to 10,000";
        return Err(WrongUse(text.to_owned()).into());
    }
    let until_day = Zone::default().day(Zone::default().as_of(&args.until)?);
    let chain = Chain { customers: args.customers, seed: args.seed, until_day, days: args.days };
    if let Some(table) = table_in(&args.out) {
        let text = format!(
            "--out {} already contains data (`{}`), which would be read together with the simulated customers; choose an \
             empty folder, or one that does not exist",
            args.out.display(),
            table.display()
        );
        return Err(WrongUse(text).into());
    }
    let stage = Stage::begin("simulate");
    let tell = |count: u64| stage.at(&format!("{count} customers"));
    let written = write(&chain, &args.out, &tell)?;
    stage.done(&format!(
        "{} events and {} member records of {} customers in {} files in {}",
        written.events,
        written.records,
        written.customers,
        written.files,
        args.out.display()
    ));
    eprintln!(
        "next: homing-train fit --purchases {} (customers as each source knows them: --columns customer_id=record_id)",
        args.out.join("events").display()
    );
    if args.json {
        print_json(&written)?;
    }
    Ok(())
}
