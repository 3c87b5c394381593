//! The command line of `homing`: parse, resolve, run, say what happened.

mod baskets;
mod campaign;
mod clock;
#[cfg(feature = "training")]
mod demo;
mod doctor;
mod erased;
mod identity;
mod keys;
mod next;
mod playbook;
mod progress;
mod score;
mod serve;
mod simulate;
mod tags;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use homing_datasets::calendar::NoInstant;
use homing_datasets::cli::{ConfigError, with_config};
use homing_datasets::out;
use homing_locales::{Currency, set_currency};
use homing_models::Registry;

use homing_profiles::Store;
use homing_profiles::writeback::{Settings, WriteBack};
use homing_tags::Catalogue;
use homing_tags::playbook::Playbook;

/// Says of each customer whether they will come back, when, and what they will be worth, and writes it into
/// their profile.
#[derive(Parser)]
#[command(name = "homing", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Scores every customer of the files, into a file or into the profiles.
    Score(score::Score),
    /// Serves the scoring API, the profiles and the pages.
    Serve(serve::Serve),
    /// Trains, scores and serves on bundled data: everything at once, offline.
    #[cfg(feature = "training")]
    Demo(demo::Demo),
    /// Checks store, registry, clock, permissions and disk, and says what to mend.
    Doctor(doctor::Doctor),
    /// Makes, lists and revokes the keys of the API.
    Keys(keys::Keys),
    /// Writes the data of a simulated chain of shops, with the truth beside them.
    Simulate(simulate::Simulate),
    /// Joins the customers of several sources by shared keys.
    Identity(identity::Identity),
    /// Says what is bought together: association rules.
    Baskets(baskets::Baskets),
    /// Writes the list of a campaign: whom to contact, how, when and why.
    Campaign(campaign::Campaign),
    /// Shows the data clock of the profiles, or sets it back where wrong dates have moved it.
    Clock(clock::Clock),
    /// Writes who was erased, for those who read purchases.
    Erased(erased::Erased),
    /// Lists and checks the playbook, and says what to do next with a customer.
    Playbook {
        #[command(subcommand)]
        command: playbook::Command,
    },
    /// Writes what customers buy next: products that are due, categories that they may begin with.
    Next(next::Next),
    /// Lists the models of a registry.
    Models(Models),
    /// Lists, checks, explains and tries out tags.
    Tags {
        #[command(subcommand)]
        command: tags::Tags,
    },
}

#[derive(Args)]
struct Models {
    #[command(flatten)]
    model: ModelArgs,
    /// Prints one JSON document instead of text.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

/// Which model.
#[derive(Args, Clone, Debug)]
pub(crate) struct ModelArgs {
    /// Where models are kept: a folder, or a place in an object store, such as s3://bucket/models.
    #[arg(long, env = "HOMING_REGISTRY", default_value = "registry", value_name = "DIR|URL")]
    registry: String,
    /// The folder into which a registry of an object store is mirrored. Default: one in the user's cache.
    #[arg(long, env = "HOMING_REGISTRY_CACHE", value_name = "DIR")]
    registry_cache: Option<PathBuf>,
    /// Which model: NAME (its champion), NAME@VERSION, a version, or the path of a bundle. Default: the champion
    /// of the registry's only name.
    #[arg(long, env = "HOMING_MODEL", value_name = "NAME|VERSION|PATH")]
    model: Option<String>,
}

impl ModelArgs {
    /// The registry, mirrored where it lies in an object store.
    fn open(&self) -> Result<Registry, homing_models::Error> {
        Registry::open(&self.registry, self.registry_cache.as_deref())
    }
}

/// How amounts are shown.
#[derive(Args, Clone, Debug)]
pub(crate) struct CurrencyArgs {
    /// Currency of the amounts on pages and in reasons, by its ISO 4217 code, such as CNY, EUR or USD. Default: plain numbers.
    #[arg(long, env = "HOMING_CURRENCY", value_name = "CODE")]
    currency: Option<Currency>,
}

impl CurrencyArgs {
    fn apply(&self) {
        if let Some(currency) = self.currency {
            set_currency(currency);
        }
    }
}

/// Which tags.
#[derive(Args, Clone, Debug)]
pub(crate) struct CatalogueArgs {
    /// A catalogue of tags (TOML) instead of the one that homing ships.
    #[arg(long, env = "HOMING_TAGS", value_name = "FILE")]
    tags: Option<PathBuf>,
    /// A playbook (TOML) instead of the one that homing ships: what to do next with whom.
    #[arg(long, env = "HOMING_PLAYBOOK", value_name = "FILE")]
    playbook: Option<PathBuf>,
}

impl CatalogueArgs {
    /// The catalogue with its playbook. A catalogue of the business's own that the shipped playbook does not go with has
    /// none.
    fn load(&self) -> anyhow::Result<Catalogue> {
        let catalogue = self.without_playbook()?;
        let playbook = match &self.playbook {
            Some(path) => read_playbook(path, &catalogue)?,
            None => match Playbook::shipped(catalogue.tags()) {
                Ok(playbook) => playbook,
                Err(error) => {
                    tracing::warn!(
                        "there is no next best action: {error}; or name a playbook with --playbook"
                    );
                    return Ok(catalogue);
                }
            },
        };
        Ok(catalogue.with_playbook(playbook))
    }

    /// The files that are read.
    fn files(&self) -> impl Iterator<Item = String> {
        [&self.tags, &self.playbook].into_iter().flatten().map(|file| file.display().to_string())
    }

    fn without_playbook(&self) -> anyhow::Result<Catalogue> {
        self.tags.as_deref().map_or_else(|| Ok(Catalogue::shipped()?), read_catalogue)
    }
}

fn read_playbook(path: &std::path::Path, catalogue: &Catalogue) -> anyhow::Result<Playbook> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| anyhow::anyhow!("{}: cannot be read: {cause}", path.display()))?;
    Ok(Playbook::parse(&text, &path.display().to_string(), catalogue.tags())?)
}

/// The write-back that homing.toml asks for, held against the real table.
fn write_back(
    store: &Arc<dyn Store>,
    place: &str,
    catalogue: &Catalogue,
) -> anyhow::Result<Option<WriteBack>> {
    let path = std::env::var_os("HOMING_CONFIG").map_or_else(|| PathBuf::from("homing.toml"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
    let settings =
        Settings::of_config(&text).map_err(|fault| WrongUse(format!("{}: {fault}", path.display())))?;
    let Some(settings) = settings else { return Ok(None) };
    let tags = catalogue.tags().iter().map(|tag| tag.name.clone()).collect();
    Ok(Some(WriteBack::open(&settings, store.clone(), place, &tags)?))
}

fn read_catalogue(path: &std::path::Path) -> anyhow::Result<Catalogue> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| anyhow::anyhow!("{}: cannot be read: {cause}", path.display()))?;
    Ok(Catalogue::parse(&text, &path.display().to_string())?)
}

/// An invalid argument: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUse(String);

/// Something is left to do: exit code 4.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct DoneInPart(String);

/// Keys of `homing.toml` that are no flags here: those that only `homing-train` knows, and `[writeback]`.
const OTHERS: &[&str] = &[
    "writeback",
    "horizons",
    "churn_horizon",
    "value_horizon",
    "discount_rate",
    "net_of_returns",
    "name",
    "seed",
    "challenger",
    "cutoffs",
    "histories",
];

/// Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused for the data's sake,
/// 4 done in part.
#[must_use]
pub fn main() -> ExitCode {
    if let Err(error) = homing_locales::load_from_environment() {
        eprintln!("homing: HOMING_LOCALES: {error}");
        return ExitCode::from(2);
    }
    let command = match with_config(Cli::command(), OTHERS) {
        Ok(command) => command,
        Err(error) => return fail(&error.into()),
    };
    let cli = match command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    logging();
    let done = match cli.command {
        Command::Score(args) => score::run(&args),
        Command::Serve(args) => serve::run(&args),
        #[cfg(feature = "training")]
        Command::Demo(args) => demo::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Identity(args) => identity::run(&args),
        Command::Baskets(args) => baskets::run(&args),
        Command::Campaign(args) => campaign::run(&args),
        Command::Clock(args) => clock::run(&args),
        Command::Erased(args) => erased::run(&args),
        Command::Playbook { command } => playbook::run(&command),
        Command::Next(args) => next::run(&args),
        Command::Models(args) => models(&args),
        Command::Tags { command } => tags::run(&command),
    };
    done.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("homing: {error:#}");
    if error.is::<DoneInPart>() {
        return ExitCode::from(4);
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
    // Colours are for people: a log file gets none.
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    // Setting a logger fails only when there is one already.
    let _ = match std::env::var("HOMING_LOG_FORMAT").as_deref() {
        Ok("json") => builder.json().try_init(),
        _ => builder.compact().try_init(),
    };
}

fn models(args: &Models) -> anyhow::Result<()> {
    let entries = args.model.open()?.list();
    if args.json {
        let known: Vec<_> = entries.iter().filter_map(|entry| entry.as_ref().ok()).collect();
        out!("{}", serde_json::to_string_pretty(&serde_json::json!({ "models": known }))?);
    }
    for entry in &entries {
        match entry {
            Ok(entry) if !args.json => {
                let m = &entry.manifest;
                let aliases: Vec<&str> = entry.aliases.iter().map(|alias| alias.name()).collect();
                out!(
                    "{}@{}  up to {}  {} customers  horizons {:?}  {}",
                    m.name,
                    m.version,
                    m.as_of_text,
                    m.data.customers,
                    m.horizons,
                    aliases.join(", ")
                );
            }
            Ok(_) => {}
            Err(error) => eprintln!("homing: {error}"),
        }
    }
    if entries.is_empty() && !args.json {
        out!("{} holds no model; train one with `homing-train fit`", args.model.registry);
    }
    Ok(())
}
