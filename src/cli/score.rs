//! `homing score`.

use std::path::PathBuf;

use clap::Args;
use homing_datasets::cli::Purchases;
use homing_datasets::identity::People;
use homing_datasets::table::Format;
use homing_datasets::{calendar, read};

use super::progress::Stage;
use super::{CatalogueArgs, ModelArgs, WrongUse};
use crate::profiles;
use crate::scoring::{Engine, Score as _, batch};

/// Scores every customer of the files.
#[derive(Args)]
pub(super) struct Score {
    #[command(flatten)]
    purchases: Purchases,
    /// Who is who, as `homing identity --out` wrote it: customers of the files become people.
    #[arg(long, env = "HOMING_PEOPLE", value_name = "FILE")]
    people: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    catalogue: CatalogueArgs,
    /// Score as of this instant: a date (its end, in the model's zone) or a time. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
    /// Writes one row a customer: .parquet, .csv or .ndjson.
    #[arg(long, env = "HOMING_OUT", value_name = "FILE", required_unless_present = "profiles")]
    out: Option<PathBuf>,
    /// Writes the profiles: sqlite:PATH.
    #[arg(long, env = "HOMING_PROFILES", value_name = "PLACE")]
    profiles: Option<String>,
    /// Prints a JSON summary on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

pub(super) fn run(args: &Score) -> anyhow::Result<()> {
    let catalogue = args.catalogue.load()?;
    let engine = Engine::load(&args.model.registry, args.model.model.as_deref(), &catalogue)?;
    let model = engine.model();
    let as_of = args.as_of.as_ref().map(|text| model.timezone.as_of(text)).transpose()?;
    if let Some(out) = &args.out {
        Format::of(out).map_err(|error| WrongUse(error.to_string()))?;
    }
    let store = match &args.profiles {
        Some(place) => Some(profiles::open(place, model.timezone)?),
        None => None,
    };
    let mut options = args.purchases.options();
    options.zone = model.timezone;
    let stage = Stage::begin("read");
    let (histories, summary) = read(&args.purchases.purchases, &options)?;
    let histories = match &args.people {
        Some(path) => histories.of_people(&People::read(path)?),
        None => histories,
    };
    let rejected: u64 = summary.rejected.values().sum();
    let read_s = stage.done(&format!(
        "{} events of {} customers ({} lines without a customer, {rejected} rejected)",
        summary.events, summary.customers, summary.without_customer
    ));
    let Some(as_of) = as_of.or(histories.last_instant()) else {
        return Err(WrongUse("there is no event to score from".to_owned()).into());
    };
    let scored_at = calendar::now();
    let mut document = serde_json::json!({
        "model": model.id.to_string(),
        "as_of": model.timezone.format(as_of),
        "read": summary,
        "seconds": { "read": read_s },
    });
    if let Some(out) = &args.out {
        let stage = Stage::begin("score");
        let done = batch::to_file(&histories, &engine, as_of, scored_at, out)?;
        let seconds =
            stage.done(&format!("{} of {} customers into {}", done.scored, done.customers, out.display()));
        document["file"] = serde_json::to_value(&done)?;
        document["seconds"]["score_and_write_file"] = seconds.into();
    }
    if let Some(store) = &store {
        let stage = Stage::begin("profiles");
        let tell = |count: u64| stage.at(&format!("{count} customers"));
        let done = batch::to_profiles(histories, &engine, store.as_ref(), as_of, scored_at, &tell)?;
        let seconds = stage.done(&format!(
            "{} new, {} changed, {} as they were, {} newer in the store; {} tags changed",
            done.inserted, done.updated, done.unchanged, done.newer_in_store, done.tags_changed
        ));
        document["profiles"] = serde_json::to_value(&done)?;
        document["seconds"]["score_and_write_profiles"] = seconds.into();
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&document)?);
    }
    Ok(())
}
