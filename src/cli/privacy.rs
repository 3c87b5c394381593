//! `homing privacy`.

use std::path::Path;

use clap::{Args, Subcommand};
use homing_datasets::{Zone, calendar, out};
use homing_profiles::Store;
use homing_profiles::access::AuditEntry;
use serde_json::json;

use super::args::{CatalogueArgs, ModelArgs, StoreArgs, print_json, read_text};
use super::{WrongUse, privacy_report};
use crate::scoring::{Engine, Score};
use crate::service::Rules;

/// Report what is held about customers, apply retention rules, readmit erased customers.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing privacy report
  homing privacy retention --apply
  homing privacy readmit c00000042")]
pub(super) struct Privacy {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON", global = true)]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Print a report as a page: what is held, why, for how long, who read it, and which rights customers used.
    #[command(after_help = "\
Examples:
  homing privacy report --lang zh
  homing privacy report --json")]
    Report {
        /// Language of the texts, such as zh or en.
        #[arg(long, env = "HOMING_LANG", default_value = "en", value_name = "CODE")]
        lang: homing_locales::Lang,
    },
    /// Show the retention rules of homing.toml, or apply them now. `homing serve` applies them once a day.
    #[command(after_help = "\
Examples:
  homing privacy retention
  homing privacy retention --apply")]
    Retention(Box<Retention>),
    /// Let a customer who was erased be known again. What they objected to still holds.
    #[command(after_help = "\
Examples:
  homing privacy readmit c00000042")]
    Readmit {
        /// Customer id.
        id: String,
    },
}

#[derive(Args)]
struct Retention {
    /// Drop what is older than the rules allow.
    #[arg(long)]
    apply: bool,
    #[command(flatten, next_help_heading = "Model")]
    model: ModelArgs,
    #[command(flatten, next_help_heading = "Tags and playbook")]
    catalogue: CatalogueArgs,
}

/// The `[retention]` of homing.toml.
pub(super) fn rules(config: Option<&Path>) -> anyhow::Result<Rules> {
    let Some(path) = config else { return Ok(Rules::default()) };
    let rules = Rules::of_config(&read_text(path)?);
    rules.map_err(|wrong| WrongUse(format!("{}: {wrong}", path.display())).into())
}

pub(super) fn run(args: &Privacy, config: Option<&Path>) -> anyhow::Result<()> {
    let rules = rules(config)?;
    let now = calendar::now();
    match &args.command {
        Command::Report { lang } => {
            let store = args.store.open(Zone::default())?;
            let report = privacy_report::Report::of(store.as_ref(), &rules, now)?;
            if args.json {
                return print_json(&report);
            }
            out!("{}", report.page(*lang));
            Ok(())
        }
        Command::Retention(retention) => show_or_apply(args, retention, rules, now),
        Command::Readmit { id } => {
            let store = args.store.open(Zone::default())?;
            if !store.readmit(id)? {
                return Err(WrongUse(format!("customer `{id}` was not erased; nothing was changed")).into());
            }
            note(store.as_ref(), "profile.readmit", Some(id), "", now)?;
            if args.json {
                return print_json(&json!({ "customer_id": id, "readmitted": true }));
            }
            eprintln!("readmitted customer {id}; what they objected to still holds");
            Ok(())
        }
    }
}

fn note(
    store: &dyn Store,
    action: &str,
    customer_id: Option<&str>,
    detail: &str,
    at: i64,
) -> anyhow::Result<()> {
    let entry = AuditEntry {
        at,
        key_id: None,
        action: action.to_owned(),
        customer_id: customer_id.map(str::to_owned),
        detail: detail.to_owned(),
    };
    Ok(store.audit(&[entry])?)
}

fn show_or_apply(args: &Privacy, retention: &Retention, rules: Rules, now: i64) -> anyhow::Result<()> {
    if !retention.apply {
        if args.json {
            return print_json(&json!({ "retention": rules }));
        }
        for (name, limit) in rules.limits(now) {
            match limit {
                Some((days, before)) => out!("{name:<14} {days:>6}  drops what is from before {before}"),
                None => out!("{name:<14}      -  no rule; kept until deleted"),
            }
        }
        return Ok(());
    }
    if !rules.any() {
        let text = "no retention rules; write a [retention] section into homing.toml (`homing config example` shows one)";
        return Err(WrongUse(text.to_owned()).into());
    }
    // Only who is left with fewer events has to be scored again.
    let engine = match rules.events_days {
        Some(_) => {
            let catalogue = retention.catalogue.load()?;
            Some(Engine::load(&retention.model.open()?, retention.model.model.as_deref(), &catalogue)?)
        }
        None => None,
    };
    let zone = engine.as_ref().map_or_else(Zone::default, |engine| engine.model().timezone);
    let store = args.store.open(zone)?;
    let engine = engine.as_ref().map(|engine| engine as &dyn Score);
    let dropped = rules.apply(store.as_ref(), engine, now, &|| true)?;
    let text = serde_json::to_string(&dropped)?;
    note(store.as_ref(), "retention.apply", None, &text, now)?;
    if args.json {
        return print_json(&json!({ "retention": rules, "dropped": dropped }));
    }
    out!("dropped {} events of {} customers", dropped.events, dropped.customers);
    out!("dropped {} changes, {} dead letters", dropped.changes, dropped.dead_letters);
    out!("dropped {} contacts, {} audit entries", dropped.contacts, dropped.audit);
    Ok(())
}
