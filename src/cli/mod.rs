//! The command line of `homing`: parse, resolve, run, report.

mod args;
mod audit;
mod backup;
mod baskets;
mod campaign;
mod clock;
mod config;
#[cfg(feature = "training")]
mod demo;
mod doctor;
mod encryption;
mod erased;
mod identity;
mod keys;
mod models;
mod monitor;
mod next;
mod oidc;
mod playbook;
mod privacy;
mod privacy_report;
mod score;
mod serve;
mod simulate;
mod tags;
mod webhooks;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use homing_datasets::calendar::NoInstant;
use homing_datasets::settings::{self, ConfigError, manual};
use homing_profiles::Store;
use homing_profiles::writeback::{Settings, WriteBack};
use homing_tags::Catalogue;

use args::read_text;
pub(crate) use args::{CatalogueArgs, CurrencyArgs, ModelArgs};

/// Predict churn, repurchase and lifetime value of retail customers, and keep their profiles up to date.
///
/// Train models with `homing-train`. `homing config` shows and explains the settings of both programs.
#[derive(Parser)]
#[command(name = "homing", version = version(), arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  homing demo
  homing score --purchases orders.csv --out scores.csv
  homing serve --profiles sqlite:profiles.db";

#[derive(Subcommand)]
enum Command {
    Score(Box<score::Score>),
    Serve(Box<serve::Serve>),
    #[cfg(feature = "training")]
    Demo(demo::Demo),
    Models(models::Models),
    /// List, check, explain and try tags.
    #[command(after_help = "\
Examples:
  homing tags list
  homing tags explain c00000042 lifecycle.stage --purchases events/")]
    Tags {
        #[command(subcommand)]
        command: tags::Tags,
    },
    /// List and check the playbook, and recommend the next action for a customer.
    #[command(after_help = "\
Examples:
  homing playbook list
  homing playbook advise c00000042")]
    Playbook {
        #[command(subcommand)]
        command: playbook::Command,
    },
    /// Make campaign lists with a hold-out group, and measure what campaigns changed.
    #[command(after_help = "\
Examples:
  homing campaign make spring --out list.csv
  homing campaign evaluate spring")]
    Campaign {
        #[command(subcommand)]
        command: campaign::Command,
    },
    Monitor(monitor::Monitor),
    Next(Box<next::Next>),
    Baskets(Box<baskets::Baskets>),
    Identity(Box<identity::Identity>),
    Keys(keys::Keys),
    Audit(audit::Audit),
    Privacy(privacy::Privacy),
    Backup(backup::Backup),
    Restore(backup::Restore),
    MigrateStore(backup::MigrateStore),
    /// Make master keys of encryption at rest, and replace them.
    #[command(after_help = "\
Examples:
  homing encryption new-key
  homing encryption replace-master --backups /backup/homing")]
    Encryption {
        #[command(subcommand)]
        command: encryption::Command,
    },
    Doctor(doctor::Doctor),
    Clock(clock::Clock),
    Erased(erased::Erased),
    Simulate(simulate::Simulate),
    /// Show, explain and document settings.
    #[command(after_help = "\
Examples:
  homing config example
  homing config show score")]
    Config {
        #[command(subcommand)]
        command: config::Config,
    },
    /// Print shell completions.
    #[command(after_help = "\
Examples:
  homing completions bash
  homing completions zsh")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write man pages of homing and homing-train.
    #[command(after_help = "\
Examples:
  homing man --out man1")]
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

/// The command lines of both programs; of `homing` alone where it was built without training.
#[must_use]
pub fn programs() -> Vec<clap::Command> {
    vec![
        command(),
        #[cfg(feature = "training")]
        homing_training::cli::command(),
    ]
}

/// The write-back that homing.toml asks for, checked against the real table.
fn write_back(
    store: &Arc<dyn Store>,
    place: &str,
    catalogue: &Catalogue,
    config: Option<&Path>,
) -> anyhow::Result<Option<WriteBack>> {
    let Some(path) = config else { return Ok(None) };
    let settings = Settings::of_config(&read_text(path)?)
        .map_err(|fault| WrongUse(format!("{}: {fault}", path.display())))?;
    let Some(settings) = settings else { return Ok(None) };
    let tags = catalogue.tags().iter().map(|tag| tag.name.clone()).collect();
    Ok(Some(WriteBack::open(&settings, store.clone(), place, &tags)?))
}

/// An invalid argument: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUse(String);

/// Refused for the data's sake: exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

/// Something is left to do: exit code 4.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct DoneInPart(String);

/// Runs the command line. Exit codes: 0 done, 1 failed, 2 invalid arguments, 3 refused because of the data, 4 done in part.
#[must_use]
pub fn main() -> ExitCode {
    if let Err(error) = homing_locales::load_from_environment() {
        eprintln!("homing: HOMING_LOCALES: {error}");
        return ExitCode::from(2);
    }
    let command = command();
    let parsed = match settings::parse(&command, std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(stop) => return stop.report("homing"),
    };
    let cli = match Cli::from_arg_matches(&parsed.matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    logging();
    if let Err(error) = parsed.keep_inputs() {
        return fail(&error.into());
    }
    let config = parsed.file.as_deref();
    let done = match cli.command {
        Command::Score(args) => score::run(&args, config),
        Command::Serve(args) => serve::run(&args, config),
        #[cfg(feature = "training")]
        Command::Demo(args) => demo::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Tags { command } => tags::run(&command),
        Command::Playbook { command } => playbook::run(&command),
        Command::Campaign { command } => campaign::run(&command),
        Command::Monitor(args) => monitor::run(&args),
        Command::Next(args) => next::run(&args),
        Command::Baskets(args) => baskets::run(&args),
        Command::Identity(args) => identity::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Privacy(args) => privacy::run(&args, config),
        Command::Backup(args) => backup::make(&args, config),
        Command::Restore(args) => backup::restore(&args),
        Command::MigrateStore(args) => backup::migrate_store(&args),
        Command::Encryption { command } => encryption::run(&command),
        Command::Doctor(args) => doctor::run(&args),
        Command::Clock(args) => clock::run(&args),
        Command::Erased(args) => erased::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Config { command } => config::run(&command, config),
        Command::Completions { shell } => {
            manual::print(&manual::completions(&command, shell));
            Ok(())
        }
        Command::Man { out } => man(&out),
    };
    done.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

fn man(out: &Path) -> anyhow::Result<()> {
    for program in programs() {
        manual::man_pages(&program, out)
            .map_err(|cause| anyhow::anyhow!("cannot write man pages to {}: {cause}", out.display()))?;
    }
    Ok(())
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("homing: {error:#}");
    if error.is::<DoneInPart>() {
        return ExitCode::from(4);
    }
    if error.is::<Refused>() {
        return ExitCode::from(3);
    }
    match error.downcast_ref::<homing_datasets::Error>() {
        Some(error) if error.refuses_data() => return ExitCode::from(3),
        Some(error) if error.wrong_use() => return ExitCode::from(2),
        _ => {}
    }
    let wrong_use = error.is::<WrongUse>()
        || error.is::<ConfigError>()
        || error.is::<NoInstant>()
        || matches!(error.downcast_ref(), Some(homing_profiles::Error::UnknownPlace(_)));
    #[cfg(feature = "training")]
    if let Some(homing_training::Error::Refused { .. }) = error.downcast_ref() {
        return ExitCode::from(3);
    }
    if wrong_use { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// Logs go to stderr; HOMING_LOG sets what is logged (default `info`), HOMING_LOG_FORMAT=json how.
fn logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HOMING_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,homing=info"));
    // A log file gets no colours.
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    // Setting a logger fails only when there is one already.
    let _ = match std::env::var("HOMING_LOG_FORMAT").as_deref() {
        Ok("json") => builder.json().try_init(),
        _ => builder.compact().try_init(),
    };
}
