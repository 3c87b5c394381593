//! `homing erased`.

use std::path::PathBuf;

use clap::Args;
use homing_datasets::guards::outputs;
use homing_datasets::out;

use super::progress::Stage;

/// Writes who was erased, as keyed hashes, for readers of purchases: `--erased FILE` then leaves their lines out.
#[derive(Args)]
pub(super) struct Erased {
    /// The profiles: sqlite:PATH or postgres://...
    #[arg(long, env = "HOMING_PROFILES", value_name = "URL")]
    profiles: String,
    /// The list (JSON). Only its owner may read it: with its key a known id can be looked up.
    #[arg(long, env = "HOMING_OUT", value_name = "FILE")]
    out: PathBuf,
    /// Prints one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

pub(super) fn run(args: &Erased) -> anyhow::Result<()> {
    let store: Vec<String> =
        homing_profiles::local_file(&args.profiles).map(str::to_owned).into_iter().collect();
    outputs::check(&store, &[("out", Some(&args.out))])?;
    let stage = Stage::begin("erased");
    let erased = homing_profiles::open(&args.profiles, homing_datasets::Zone::default())?.erased()?;
    erased
        .save(&args.out)
        .map_err(|cause| anyhow::anyhow!("{}: cannot be written: {cause}", args.out.display()))?;
    stage.done(&format!("{} customers into {}", erased.hashes.len(), args.out.display()));
    if args.json {
        out!("{}", serde_json::json!({ "erased": erased.hashes.len(), "out": args.out }));
    }
    Ok(())
}
