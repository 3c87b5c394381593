//! `homing erased`.

use std::path::PathBuf;

use clap::Args;
use homing_datasets::guards::outputs;
use homing_datasets::progress::Stage;

use super::args::{StoreArgs, print_json};

/// Export the list of erased customers.
///
/// Programs that read purchases without the profile store, above all `homing-train`, skip the rows of these customers with
/// --erased-file.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing erased --profiles sqlite:profiles.db --out erased.json
  homing-train fit --purchases orders.csv --erased-file erased.json")]
pub(super) struct Erased {
    /// List to write (JSON). Keep it private: it contains keyed hashes and their key.
    #[arg(long, env = "HOMING_OUT", value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
}

pub(super) fn run(args: &Erased) -> anyhow::Result<()> {
    let store: Vec<String> = args.store.file().map(str::to_owned).into_iter().collect();
    outputs::check(&store, &[("out", Some(&args.out))])?;
    let stage = Stage::begin("erased");
    let erased = args.store.open(homing_datasets::Zone::default())?.erased()?;
    erased
        .save(&args.out)
        .map_err(|cause| anyhow::anyhow!("cannot write {}: {cause}", args.out.display()))?;
    stage.done(&format!("{} customers written to {}", erased.hashes.len(), args.out.display()));
    if args.json {
        print_json(&serde_json::json!({ "erased": erased.hashes.len(), "out": args.out }))?;
    }
    Ok(())
}
