//! `homing privacy`.

use std::path::Path;

use clap::{Args, Subcommand};
use homing_datasets::{Zone, calendar, out};
use homing_profiles::Flows as _;
use homing_profiles::privacy::{Choice, Consent, Purpose};
use serde_json::json;

use super::args::{CatalogueArgs, ModelArgs, StoreArgs, note_action, print_json, read_text};
use super::{DoneInPart, WrongUse, privacy_report};
use crate::scoring::{Engine, Score};
use crate::service::Rules;
use crate::service::retention::{Dropped, Stop};

/// Report what is held about customers, apply retention rules, record consent, erase and readmit customers.
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
    /// Show the retention rules of homing.toml and what they would drop, or apply them now. `homing serve` applies them once a day.
    #[command(after_help = "\
Examples:
  homing privacy retention
  homing privacy retention --apply")]
    Retention(Box<Retention>),
    /// Erase a customer, and compact the store so that its file holds nothing of them.
    #[command(after_help = "\
Examples:
  homing privacy erase c00000042
  homing privacy erase c00000042 --bar --no-compact")]
    Erase {
        /// Customer id.
        id: String,
        /// Refuse data with this id from now on even if the store holds none: for customers who are only in files.
        #[arg(long)]
        bar: bool,
        /// Leave compacting to later: for many erasures in a row.
        #[arg(long)]
        no_compact: bool,
    },
    /// Rewrite the file of the store, so that its unused space holds nothing of erased customers. Takes as long as copying the file, needs up to
    /// twice its size in free disk space, and writes wait meanwhile. `homing serve` does it after erasures at a quiet moment, at most
    /// once an hour.
    #[command(after_help = "\
Examples:
  homing privacy compact")]
    Compact,
    /// Record what a customer said of a purpose.
    #[command(after_help = "\
Examples:
  homing privacy consent c00000042 --opted-out
  homing privacy consent c00000042 --purpose contact:sms --opted-in --source 'phone call'")]
    Consent {
        /// Customer id.
        id: String,
        /// profiling, contact, or contact:CHANNEL.
        #[arg(long, default_value = "profiling", value_name = "PURPOSE")]
        purpose: String,
        /// The customer objects.
        #[arg(long, required_unless_present = "opted_in", conflicts_with = "opted_in")]
        opted_out: bool,
        /// The customer agrees.
        #[arg(long)]
        opted_in: bool,
        /// Where the customer said so.
        #[arg(long, default_value = "", value_name = "TEXT")]
        source: String,
    },
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
    /// Only show what --apply would drop. The default.
    #[arg(long, conflicts_with = "apply")]
    dry_run: bool,
    /// Apply events_days even if it drops every event.
    #[arg(long, requires = "apply")]
    drop_everything: bool,
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
                print_json(&report)?;
            } else {
                out!("{}", report.page(*lang));
            }
            if report.audit_intact {
                return Ok(());
            }
            Err(DoneInPart("the audit log was changed; `homing audit verify` shows where".to_owned()).into())
        }
        Command::Erase { id, bar, no_compact } => erase(args, id, (*bar, !*no_compact), now),
        Command::Compact => {
            let store = args.store.open(Zone::default())?;
            let (waiting, rewritten) = (store.uncompacted()?, store.compact()?);
            note_action(store.as_ref(), "store.compact", None, &format!("{waiting} erasures"), now)?;
            if args.json {
                return print_json(&json!({ "compacted": rewritten, "erasures": waiting }));
            }
            eprintln!("{}", if rewritten { COMPACTED } else { MANAGED });
            Ok(())
        }
        Command::Consent { id, purpose, opted_out, source, .. } => {
            consent(args, id, (purpose, *opted_out), source, now)
        }
        Command::Retention(retention) => show_or_apply(args, retention, rules, now),
        Command::Readmit { id } => {
            let store = args.store.open(Zone::default())?;
            if !store.readmit(id)? {
                return Err(WrongUse(format!("customer `{id}` was not erased; nothing was changed")).into());
            }
            note_action(store.as_ref(), "profile.readmit", Some(id), "", now)?;
            if args.json {
                return print_json(&json!({ "customer_id": id, "readmitted": true }));
            }
            eprintln!("readmitted customer {id}; what they objected to still holds");
            Ok(())
        }
    }
}

const COMPACTED: &str = "compacted the store: its file holds nothing of erased customers";
const MANAGED: &str = "PostgreSQL manages its own space: run `VACUUM FULL` there to overwrite what was erased, when the tables may be locked";

fn erase(args: &Privacy, id: &str, (bar, compact): (bool, bool), now: i64) -> anyhow::Result<()> {
    let store = args.store.open(Zone::default())?;
    let before = store.is_erased(id)?;
    let done = store.erase_as(id, now, None, bar)?;
    if before && !done.held {
        if args.json {
            return print_json(
                &json!({ "customer_id": id, "held": false, "barred": true, "compacted": false }),
            );
        }
        eprintln!("customer {id} was erased before, and nothing has come since; nothing was changed");
        return Ok(());
    }
    if !done.barred {
        let text = format!(
            "no data about the customer `{id}` are stored; nothing was changed. Check the id, or bar it with --bar"
        );
        return Err(WrongUse(text).into());
    }
    let rewritten = compact && store.compact()?;
    if args.json {
        return print_json(
            &json!({ "customer_id": id, "held": done.held, "barred": true, "compacted": rewritten }),
        );
    }
    let held = if done.held { "erased" } else { "nothing was held; barred" };
    eprintln!("{held} customer {id}");
    match (compact, rewritten) {
        (true, true) => eprintln!("{COMPACTED}"),
        (true, false) => eprintln!("{MANAGED}"),
        _ => eprintln!("run `homing privacy compact` after the last erasure"),
    }
    Ok(())
}

fn consent(
    args: &Privacy,
    id: &str,
    (purpose, opted_out): (&str, bool),
    source: &str,
    at: i64,
) -> anyhow::Result<()> {
    let known = Purpose::named(purpose).ok_or_else(|| {
        WrongUse(format!("--purpose {purpose} is unknown; use profiling, contact or contact:CHANNEL"))
    })?;
    let store = args.store.open(Zone::default())?;
    let said = if opted_out { "opted out" } else { "opted in" };
    note_action(store.as_ref(), "consent.set", Some(id), &format!("{purpose}: {said}"), at)?;
    let changed = if known == Purpose::Profiling {
        store.set_consent_from(id, Consent { opted_out, at }, source)?
    } else {
        store.set_contact_choice(id, &Choice { purpose: known, opted_out, at, source: source.to_owned() })?;
        None
    };
    if args.json {
        return print_json(&json!({
            "customer_id": id, "purpose": purpose, "opted_out": opted_out, "changed": changed,
        }));
    }
    eprintln!("customer {id} {said} of {purpose}");
    Ok(())
}

fn show_rules(args: &Privacy, rules: Rules, now: i64) -> anyhow::Result<()> {
    let store = args.store.open(Zone::default())?;
    let preview = rules.preview(store.as_ref(), now)?;
    if args.json {
        return print_json(&json!({ "retention": rules, "would_drop": preview }));
    }
    let Dropped { events, customers, changes, dead_letters, contacts, audit } = preview;
    for (name, limit) in rules.limits(now) {
        let counts = match name {
            "events_days" => format!("{events} events of {customers} customers"),
            "feed_days" => format!("{changes} changes and {dead_letters} dead letters"),
            "contacts_days" => format!("{contacts} contacts"),
            _ => format!("{audit} audit entries"),
        };
        match limit {
            Some((days, before)) => out!("{name:<14} {days:>6}  would drop {counts} from before {before}"),
            None => out!("{name:<14}      -  no rule; kept until deleted"),
        }
    }
    Ok(())
}

fn show_or_apply(args: &Privacy, retention: &Retention, rules: Rules, now: i64) -> anyhow::Result<()> {
    if !retention.apply {
        return show_rules(args, rules, now);
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
    let dropped = match rules.apply(store.as_ref(), engine, now, &|| true, retention.drop_everything) {
        Ok(dropped) => dropped,
        Err(stop @ Stop::Everything(_)) => {
            let text = format!("{stop}. Check the rule, or confirm with --drop-everything");
            return Err(WrongUse(text).into());
        }
        Err(Stop::Store(error)) => return Err(error.into()),
    };
    // What was dropped may still be in unused space of the file.
    let compacted = store.compact()?;
    let text = serde_json::to_string(&dropped)?;
    note_action(store.as_ref(), "retention.apply", None, &text, now)?;
    if args.json {
        return print_json(&json!({ "retention": rules, "dropped": dropped, "compacted": compacted }));
    }
    out!("dropped {} events of {} customers", dropped.events, dropped.customers);
    out!("dropped {} changes, {} dead letters", dropped.changes, dropped.dead_letters);
    out!("dropped {} contacts, {} audit entries", dropped.contacts, dropped.audit);
    Ok(())
}
