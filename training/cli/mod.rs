//! The command line of `homing-train`: parse, resolve, run, report.

mod backtest;
mod check;
mod cohorts;
mod features;
mod fit;
mod input;
mod lifetimes;
mod retrain;
mod show;
mod uplift;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use homing_datasets::calendar::NoInstant;
use homing_datasets::settings::{self, manual};

use crate::Error;

/// Train models of churn, repurchase and customer lifetime value on purchase history.
///
/// Score customers with `homing`. `homing config` shows and explains the settings of both programs.
#[derive(Parser)]
#[command(name = "homing-train", version = version(), arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  homing-train check --purchases orders.csv
  homing-train fit --purchases orders.csv --name shop";

#[derive(Subcommand)]
enum Command {
    /// Check what the data support: columns, horizons, warnings.
    Check(Box<check::Check>),
    /// Fit a model and add it to the registry.
    Fit(Box<fit::Fit>),
    /// Train again when enough new data have come, and promote the model if it is not worse: one command for cron.
    Retrain(Box<retrain::Retrain>),
    /// Fit at past cutoffs and compare predictions with what happened.
    Backtest(Box<backtest::Backtest>),
    /// Write the feature matrix, with labels if asked for.
    Features(Box<features::Features>),
    /// Fit every lifetime model: parameters, standard errors, likelihoods.
    Lifetimes(Box<lifetimes::Lifetimes>),
    /// Say what customers are worth over time: cohorts, revenue by month, repeat orders.
    Cohorts(Box<cohorts::Cohorts>),
    /// Learn from an experiment whom contact changes, and say whether that is proven.
    Uplift(Box<uplift::Uplift>),
    /// Print shell completions.
    #[command(after_help = "\
Examples:
  homing-train completions bash
  homing-train completions zsh")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write man pages.
    #[command(after_help = "\
Examples:
  homing-train man --out man1")]
    Man {
        /// Folder for the pages.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// The version, with the commit where the build was told it.
fn version() -> &'static str {
    settings::version(env!("CARGO_PKG_VERSION"), option_env!("HOMING_COMMIT"))
}

/// The whole command line, for completions, man pages and the docs.
#[must_use]
pub fn command() -> clap::Command {
    settings::complete(Cli::command())
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    if let Err(error) = homing_locales::load_from_environment() {
        eprintln!("homing-train: HOMING_LOCALES: {error}");
        return ExitCode::from(2);
    }
    let command = command();
    let parsed = match settings::parse(&command, std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(stop) => return stop.report("homing-train"),
    };
    let cli = match Cli::from_arg_matches(&parsed.matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    if let Err(error) = parsed.keep_inputs() {
        return fail(&error.into());
    }
    let done = match cli.command {
        Command::Fit(args) => fit::run(&args),
        Command::Retrain(args) => retrain::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Completions { shell } => {
            manual::print(&manual::completions(&command, shell));
            Ok(())
        }
        Command::Man { out } => manual::man_pages(&command, &out).map_err(anyhow::Error::from),
        Command::Features(args) => features::run(&args),
        Command::Lifetimes(args) => lifetimes::run(&args),
        Command::Uplift(args) => uplift::run(&args),
        Command::Cohorts(args) => cohorts::run(&args),
    };
    done.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

/// A run that succeeded except for some steps; exit code 4.
#[derive(Debug, thiserror::Error)]
#[error("done in part: the model was registered without {0}")]
struct DoneInPart(String);

/// Exit codes: 1 failed, 2 invalid arguments, 3 refused because of the data, 4 done in part.
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
        _ if error.is::<NoInstant>() => ExitCode::from(2),
        _ if error.is::<DoneInPart>() => ExitCode::from(4),
        _ => ExitCode::FAILURE,
    }
}
