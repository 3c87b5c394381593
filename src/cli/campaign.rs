//! `homing campaign`.

use std::path::{Path, PathBuf};

use clap::Args;
use homing_datasets::guards::outputs;
use homing_datasets::table::Format;
use homing_datasets::{Zone, calendar, out};
use homing_locales::Lang;
use serde_json::Value;

use super::progress::Stage;
use super::{CatalogueArgs, WrongUse};
use crate::campaign::{self, Plan, table};
use homing_profiles::Listing;

/// Writes the list of a campaign: whom to contact, how, when and why, with a hold-out group beside it.
#[derive(Args)]
pub(super) struct Campaign {
    /// The campaign's name. A customer is in a campaign once; the same name again makes the same list.
    #[arg(long, env = "HOMING_CAMPAIGN", value_name = "NAME")]
    campaign: String,
    /// Where the profiles are: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE.
    #[arg(long, env = "HOMING_PROFILES", default_value = "sqlite:profiles.db", value_name = "PLACE")]
    profiles: String,
    #[command(flatten)]
    catalogue: CatalogueArgs,
    /// Only customers with this value of this tag, such as lifecycle.stage=decline; may be given several times.
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    with: Vec<(String, Value)>,
    /// Only customers for whom the playbook names this action; may be given several times. Default: every action that
    /// contacts the customer.
    #[arg(long = "action", value_name = "ACTION")]
    actions: Vec<String>,
    /// Only customers of whom at least this much is at risk.
    #[arg(long, env = "HOMING_MIN_VALUE_AT_RISK", value_name = "AMOUNT")]
    min_value_at_risk: Option<f64>,
    /// Only customers with at least this churn risk.
    #[arg(long, env = "HOMING_MIN_CHURN_RISK", value_name = "SHARE")]
    min_churn_risk: Option<f64>,
    /// Share of the customers that is held out: not contacted, to compare with.
    #[arg(long, env = "HOMING_HOLD_OUT", default_value_t = 0.1, value_name = "SHARE")]
    hold_out: f64,
    /// Another seed holds out others.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Most customers, those held out included; of whom most is at risk come first.
    #[arg(long, env = "HOMING_LIMIT", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// The list: .csv, .parquet or .ndjson.
    #[arg(long, env = "HOMING_OUT", value_name = "FILE", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Those who are held out. Default: beside the list, with `.held-out` before its ending.
    #[arg(long, env = "HOMING_HOLD_OUT_FILE", value_name = "FILE")]
    hold_out_file: Option<PathBuf>,
    /// Attributes of the business that become columns of the list, such as name,phone.
    #[arg(long, env = "HOMING_ATTRIBUTES", value_delimiter = ',', value_name = "NAMES")]
    attributes: Vec<String>,
    /// The language of titles, texts and reasons.
    #[arg(long, env = "HOMING_LANG", default_value = "zh", value_name = "CODE")]
    lang: Lang,
    /// When the customers are contacted: a date (its end) or a time. Default: now.
    #[arg(long, env = "HOMING_AT", value_name = "TIME")]
    at: Option<String>,
    /// Says what the campaign would come to, and takes nothing down.
    #[arg(long, env = "HOMING_DRY_RUN")]
    dry_run: bool,
    /// Prints a JSON summary on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
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

pub(super) fn run(args: &Campaign) -> anyhow::Result<()> {
    let wrong = |error: &dyn std::error::Error| anyhow::Error::from(WrongUse(error.to_string()));
    let beside = args.hold_out_file.clone().or_else(|| args.out.as_deref().map(beside));
    for file in args.out.iter().chain(&args.hold_out_file) {
        Format::of(file).map_err(|error| wrong(&error))?;
    }
    let store = homing_profiles::local_file(&args.profiles).map(str::to_owned);
    let inputs: Vec<String> = args.catalogue.files().chain(store).collect();
    outputs::check(&inputs, &[("out", args.out.as_deref()), ("hold-out-file", beside.as_deref())])?;
    let catalogue = args.catalogue.load()?;
    let Some(playbook) = catalogue.playbook() else {
        let text = "the catalogue does not go with the shipped playbook; name one that does with --playbook";
        return Err(WrongUse(text.to_owned()).into());
    };
    if let Some((name, _)) =
        args.with.iter().find(|(name, _)| !catalogue.tags().iter().any(|t| t.name == *name))
    {
        return Err(WrongUse(format!("there is no tag `{name}`; `homing tags list` names them")).into());
    }
    let zone = Zone::default();
    let now = args.at.as_ref().map(|text| zone.as_of(text)).transpose()?.unwrap_or_else(calendar::now);
    let plan = Plan {
        name: args.campaign.clone(),
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
    let store = homing_profiles::open(&args.profiles, zone)?;
    let stage = Stage::begin("campaign");
    let done = campaign::run(store.as_ref(), playbook, &plan, now).map_err(|error| match error {
        campaign::Error::InvalidArgument(text) => WrongUse(text).into(),
        campaign::Error::Store(error) => anyhow::Error::from(error),
    })?;
    if let (Some(list), Some(beside)) = (&args.out, &beside) {
        let lang = args.lang;
        table(&done.contacts, playbook, &plan.name, &args.attributes, lang).write(list, zone)?;
        if plan.hold_out > 0.0 {
            table(&done.held_out, playbook, &plan.name, &args.attributes, lang).write(beside, zone)?;
        }
    }
    let summary = &done.summary;
    let left: Vec<String> =
        summary.left_out.iter().map(|(cause, count)| format!("{count} {cause}")).collect();
    stage.done(&format!(
        "{} to contact and {} held out of {} who match; left out: {}",
        summary.contacts,
        summary.held_out,
        summary.matched,
        if left.is_empty() { "none".to_owned() } else { left.join(", ") }
    ));
    if args.json {
        out!("{}", serde_json::to_string_pretty(summary)?);
    }
    Ok(())
}

/// `list.csv` → `list.held-out.csv`.
fn beside(list: &Path) -> PathBuf {
    let ending = list.extension().unwrap_or_default().to_string_lossy().into_owned();
    list.with_extension(format!("held-out.{ending}"))
}
