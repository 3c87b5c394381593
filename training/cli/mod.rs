//! The command line: parse, resolve, run, say what happened.

mod backtest;
mod check;
mod features;
mod fit;
mod input;
mod lifetimes;
mod show;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use homing_datasets::calendar::NoInstant;
use homing_datasets::cli::{ConfigError, with_config};
use homing_training::Error;

/// Learns from purchase history who comes back, when, and what they will be worth.
#[derive(Parser)]
#[command(name = "homing-train", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fits a model and puts it into the registry.
    Fit(fit::Fit),
    /// Learns at past cutoffs and judges by what then happened, beside rules that need no model.
    Backtest(backtest::Backtest),
    /// Says what the data can carry, and what they lack.
    Check(check::Check),
    /// Writes the feature matrix, with labels if asked.
    Features(features::Features),
    /// Fits every lifetime model: parameters, standard errors, likelihoods.
    Lifetimes(lifetimes::Lifetimes),
}

/// Keys of `homing.toml` that only `homing` knows.
const OTHERS: &[&str] = &[
    "listen",
    "profiles",
    "model",
    "tags",
    "dataset",
    "folder",
    "shard",
    "snapshot",
    "journal",
    "scored_at",
    "writeback",
];

/// Runs the command line.
pub fn main() -> ExitCode {
    let command = match with_config(Cli::command(), OTHERS) {
        Ok(command) => command,
        Err(error) => return fail(&error.into()),
    };
    let cli = match command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let done = match cli.command {
        Command::Fit(args) => fit::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Features(args) => features::run(&args),
        Command::Lifetimes(args) => lifetimes::run(&args),
    };
    done.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

/// A run that did its work but for some steps; exit code 4.
#[derive(Debug, thiserror::Error)]
#[error("done in part: the model was registered without {0}")]
struct DoneInPart(String);

/// Exit codes: 1 failed, 2 wrong use, 3 refused for the data's sake, 4 done in part.
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("homing-train: {error:#}");
    match error.downcast_ref::<homing_datasets::Error>() {
        Some(error) if error.refuses_data() => return ExitCode::from(3),
        Some(error) if error.wrong_use() => return ExitCode::from(2),
        _ => {}
    }
    match error.downcast_ref::<Error>() {
        Some(Error::Refused { .. }) => ExitCode::from(3),
        Some(Error::InvalidArgument(_)) => ExitCode::from(2),
        _ if error.is::<ConfigError>() || error.is::<NoInstant>() => ExitCode::from(2),
        _ if error.is::<DoneInPart>() => ExitCode::from(4),
        _ => ExitCode::FAILURE,
    }
}
