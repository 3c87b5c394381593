//! `homing campaign`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use homing_datasets::guards::outputs;
use homing_datasets::progress::Stage;
use homing_datasets::table::Format;
use homing_datasets::{Zone, calendar};
use homing_locales::Lang;
use serde_json::Value;

use super::args::{StoreArgs, playbook_of, print_json};
use super::{CatalogueArgs, WrongUse};
use crate::campaign::{self, Plan, table};
use crate::service::problem::nearest;
use homing_profiles::Listing;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a campaign list: whom to contact, how, when and why. A hold-out group is set aside for comparison.
    #[command(after_help = "\
Examples:
  homing campaign make spring --dry-run
  homing campaign make spring --tag lifecycle.stage=decline --hold-out 0.2 --out list.csv")]
    Make(Box<Make>),
}

#[derive(Args)]
pub(super) struct Make {
    /// Name of the campaign. Each customer is in a campaign once; the same name makes the same list again.
    #[arg(required_unless_present = "campaign")]
    name: Option<String>,
    /// As in earlier versions.
    #[arg(long, hide = true, conflicts_with = "name", value_name = "NAME")]
    campaign: Option<String>,
    /// Write the list (.csv, .parquet or .ndjson).
    #[arg(long, env = "HOMING_OUT", value_name = "FILE", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Only show how many customers the campaign would contact; record nothing.
    #[arg(long, env = "HOMING_DRY_RUN")]
    dry_run: bool,
    /// Only customers with this tag value, such as lifecycle.stage=decline. Can be repeated.
    #[arg(long = "tag", env = "HOMING_TAG", value_name = "NAME=VALUE", value_parser = tag)]
    with: Vec<(String, Value)>,
    /// Only customers for whom the playbook recommends this action. Can be repeated. Default: every action that contacts the
    /// customer.
    #[arg(long = "action", env = "HOMING_ACTION", value_name = "ACTION")]
    actions: Vec<String>,
    /// Minimum value at risk.
    #[arg(long, env = "HOMING_MIN_VALUE_AT_RISK", value_name = "AMOUNT")]
    min_value_at_risk: Option<f64>,
    /// Minimum churn risk, 0 to 1.
    #[arg(long, env = "HOMING_MIN_CHURN_RISK", value_name = "SHARE")]
    min_churn_risk: Option<f64>,
    /// Maximum number of customers, including the hold-out group; highest value at risk first.
    #[arg(long, env = "HOMING_LIMIT", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Share of customers to hold out, 0 to below 1. They are not contacted.
    #[arg(long, env = "HOMING_HOLD_OUT", default_value_t = 0.1, value_name = "SHARE")]
    hold_out: f64,
    /// File for the hold-out group. Default: LIST.held-out.csv beside LIST.csv.
    #[arg(long, env = "HOMING_HOLD_OUT_FILE", value_name = "FILE")]
    hold_out_file: Option<PathBuf>,
    /// Seed; another one holds out other customers.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Customer attributes to add as columns, such as name,phone.
    #[arg(long, env = "HOMING_ATTRIBUTES", value_delimiter = ',', value_name = "NAMES")]
    attributes: Vec<String>,
    /// Language of the texts, such as zh or en.
    #[arg(long, env = "HOMING_LANG", default_value = "en", value_name = "CODE")]
    lang: Lang,
    /// When customers will be contacted: a date (its end) or a time. Default: now.
    #[arg(long, env = "HOMING_AT", value_name = "TIME")]
    at: Option<String>,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
    #[command(flatten, next_help_heading = "Tags and playbook")]
    catalogue: CatalogueArgs,
}

fn tag(text: &str) -> Result<(String, Value), String> {
    let parts = text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
    let (name, value) = parts.ok_or("write NAME=VALUE, such as lifecycle.stage=decline")?;
    let parsed = match serde_json::from_str(value) {
        Ok(value @ (Value::Bool(_) | Value::Number(_) | Value::String(_))) => value,
        _ => Value::String(value.to_owned()),
    };
    Ok((name.to_owned(), parsed))
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Make(args) => make(args),
    }
}

fn make(args: &Make) -> anyhow::Result<()> {
    let wrong = |error: &dyn std::error::Error| anyhow::Error::from(WrongUse(error.to_string()));
    let beside = args.hold_out_file.clone().or_else(|| args.out.as_deref().map(beside));
    for file in args.out.iter().chain(&args.hold_out_file) {
        Format::of(file).map_err(|error| wrong(&error))?;
    }
    let store = args.store.file().map(str::to_owned);
    let inputs: Vec<String> = args.catalogue.files().chain(store).collect();
    outputs::check(&inputs, &[("out", args.out.as_deref()), ("hold-out-file", beside.as_deref())])?;
    let catalogue = args.catalogue.load()?;
    let playbook = playbook_of(&catalogue)?;
    if let Some((name, _)) =
        args.with.iter().find(|(name, _)| !catalogue.tags().iter().any(|t| t.name == *name))
    {
        let near = nearest(name, catalogue.tags().iter().map(|tag| tag.name.as_str()));
        let near = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
        return Err(WrongUse(format!("no tag `{name}`{near}; `homing tags list` shows all tags")).into());
    }
    let zone = Zone::default();
    let now = args.at.as_ref().map(|text| zone.as_of(text)).transpose()?.unwrap_or_else(calendar::now);
    let plan = Plan {
        name: args.name.clone().or_else(|| args.campaign.clone()).unwrap_or_default(),
        who: Listing {
            tags: args.with.clone(),
            churn_risk: (args.min_churn_risk, None),
            value_at_risk: (args.min_value_at_risk, None),
            ..Listing::default()
        },
        actions: args.actions.clone(),
        hold_out: args.hold_out,
        seed: args.seed,
        most: args.limit,
        record: !args.dry_run,
    };
    let store = args.store.open(zone)?;
    let stage = Stage::begin("campaign");
    let done = campaign::run(store.as_ref(), &playbook, &plan, now).map_err(|error| match error {
        campaign::Error::InvalidArgument(text) => WrongUse(text).into(),
        campaign::Error::Store(error) => anyhow::Error::from(error),
    })?;
    if let (Some(list), Some(beside)) = (&args.out, &beside) {
        let lang = args.lang;
        table(&done.contacts, &playbook, &plan.name, &args.attributes, lang).write(list, zone)?;
        if plan.hold_out > 0.0 {
            table(&done.held_out, &playbook, &plan.name, &args.attributes, lang).write(beside, zone)?;
        }
    }
    let summary = &done.summary;
    let left: Vec<String> =
        summary.left_out.iter().map(|(cause, count)| format!("{count} {cause}")).collect();
    stage.done(&format!(
        "{} to contact and {} held out; {} matching customers looked at, left out: {}",
        summary.contacts,
        summary.held_out,
        summary.matched,
        if left.is_empty() { "none".to_owned() } else { left.join(", ") }
    ));
    if args.json {
        print_json(summary)?;
    }
    Ok(())
}

/// `list.csv` → `list.held-out.csv`.
fn beside(list: &Path) -> PathBuf {
    let ending = list.extension().unwrap_or_default().to_string_lossy().into_owned();
    list.with_extension(format!("held-out.{ending}"))
}
