//! `homing campaign`.

#[cfg(feature = "training")]
mod learn;
mod size;
mod variants;
mod who;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use homing_datasets::guards::outputs;
use homing_datasets::progress::Stage;
use homing_datasets::table::Format;
use homing_datasets::{Micros, Zone, calendar, out};
use homing_locales::Lang;

use super::args::{StoreArgs, playbook_of, print_json};
use super::{CatalogueArgs, Refused, WrongUse};
use crate::campaign::effects::{Effect, PooledEffect, pool};
use crate::campaign::evaluate::{EvaluateError, Evaluation, Rules, evaluate};
use crate::campaign::{self, Plan, Rank, Summary, table};
use homing_profiles::Store;

#[cfg(feature = "training")]
use self::learn::Learn;
use self::size::Size;
use self::variants::Variants;
use self::who::{Who, failed};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a campaign list: whom to contact, how, when and why. A hold-out group is set aside for comparison.
    #[command(after_help = "\
Examples:
  homing campaign make spring --dry-run
  homing campaign make spring --tag lifecycle.stage=decline --hold-out 0.2 --out list.csv")]
    Make(Box<Make>),
    /// Measure what campaigns changed: contacted customers beside those held out.
    #[command(after_help = "\
Examples:
  homing campaign evaluate spring
  homing campaign evaluate spring summer --window-days 60 --margin 0.35 --json")]
    Evaluate(Box<Evaluate>),
    /// Say how many customers are worth contacting: expected profit by the length of the list.
    #[command(after_help = "\
Examples:
  homing campaign size --margin 0.35 --cost-per-contact 0.8
  homing campaign size --margin 0.35 --cost-per-contact 2 --assume-effect 0.03")]
    Size(Box<Size>),
    /// Judge the variants that past campaigns chose: what each, a fair choice and the learned choice would bring.
    #[command(after_help = "\
Examples:
  homing campaign variants
  homing campaign variants spring summer --window-days 60 --json")]
    Variants(Box<Variants>),
    /// Learn from past campaigns whom contact changes. Customers are tagged with it where it is proven.
    #[cfg(feature = "training")]
    #[command(after_help = "\
Examples:
  homing campaign learn
  homing campaign learn spring summer --window-days 60 --dry-run")]
    Learn(Box<Learn>),
}

#[derive(Args)]
pub(super) struct Evaluate {
    /// Names of campaigns. Several are also pooled.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Days after the list within which purchases count.
    #[arg(long, env = "HOMING_WINDOW_DAYS", default_value_t = 30, value_name = "DAYS")]
    window_days: u32,
    /// Look at a window that is not over yet.
    #[arg(long, env = "HOMING_SO_FAR")]
    so_far: bool,
    /// Gross margin as a share of the spend, such as 0.35.
    #[arg(long, env = "HOMING_MARGIN", value_name = "SHARE")]
    margin: Option<f64>,
    /// Cost of one contact, in the currency of the purchases.
    #[arg(long, env = "HOMING_COST_PER_CONTACT", value_name = "AMOUNT")]
    cost_per_contact: Option<f64>,
    /// The share that was to be held out, for campaigns made before homing recorded it.
    #[arg(long, env = "HOMING_PLANNED_SHARE", value_name = "SHARE")]
    planned_share: Option<f64>,
    /// Leave out customers whom another campaign contacted within the window, from both groups.
    #[arg(long, env = "HOMING_EXCLUDE_CONTAMINATED")]
    exclude_contaminated: bool,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
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
    /// Only show what would be done; record nothing.
    #[arg(long, env = "HOMING_DRY_RUN")]
    dry_run: bool,
    #[command(flatten)]
    who: Who,
    /// Only customers for whom the playbook recommends this action. Can be repeated. Default: every action that contacts the
    /// customer.
    #[arg(long = "action", env = "HOMING_ACTION", value_name = "ACTION")]
    actions: Vec<String>,
    /// Who comes first. Default of `campaign make`: value-at-risk; of `campaign size`: uplift where it is proven.
    #[arg(long, env = "HOMING_RANK", value_enum, value_name = "BY")]
    rank: Option<Rank>,
    /// Choose a variant of the action for each customer, by what past campaigns taught; only for entries of the playbook with variants.
    #[arg(long, env = "HOMING_LEARN_VARIANTS")]
    learn_variants: bool,
    /// Maximum number of customers, including the hold-out group; the first by --rank.
    #[arg(long, env = "HOMING_LIMIT", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Share of customers to hold out, 0 to below 1. They are not contacted.
    #[arg(long, env = "HOMING_HOLD_OUT", default_value_t = 0.1, value_name = "SHARE")]
    hold_out: f64,
    /// Days after the list within which purchases count.
    #[arg(long, env = "HOMING_WINDOW_DAYS", default_value_t = 30, value_name = "DAYS")]
    window_days: u32,
    /// Difference in the share of buyers that the hold-out should be able to show; homing suggests the share to hold out for it.
    #[arg(long, env = "HOMING_DETECT", default_value_t = 0.02, value_name = "SHARE")]
    detect: f64,
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

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Make(args) => make(args),
        Command::Evaluate(args) => evaluate_all(args),
        Command::Size(args) => size::sized(args),
        Command::Variants(args) => variants::variants(args),
        #[cfg(feature = "training")]
        Command::Learn(args) => learn::learned(args),
    }
}

/// Warns where the profiles know what came after the contact.
fn warn_of_hindsight(store: &dyn Store, contact: Micros) -> anyhow::Result<()> {
    let zone = Zone::default();
    if let Some(looked_from) = store.latest_score()?.filter(|&looked_from| looked_from > contact) {
        eprintln!(
            "warning: scores and tags are as of {}, after the contact ({}): the list knows what came later, so its evaluation shows nothing; \
             score with --as-of first",
            zone.format(looked_from),
            zone.format(contact)
        );
    }
    Ok(())
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
    let zone = Zone::default();
    let now = args.at.as_ref().map(|text| zone.as_of(text)).transpose()?.unwrap_or_else(calendar::now);
    let plan = Plan {
        name: args.name.clone().or_else(|| args.campaign.clone()).unwrap_or_default(),
        who: args.who.listing(&catalogue)?,
        actions: args.actions.clone(),
        hold_out: args.hold_out,
        seed: args.seed,
        rank: args.rank.unwrap_or_default(),
        learn_variants: args.learn_variants,
        most: args.limit,
        record: !args.dry_run,
        window_days: args.window_days,
        detect: args.detect,
    };
    let store = args.store.open(zone)?;
    warn_of_hindsight(store.as_ref(), now)?;
    let stage = Stage::begin("campaign");
    let done = campaign::run(store.as_ref(), &playbook, &plan, now).map_err(failed)?;
    if let (Some(list), Some(beside)) = (&args.out, &beside) {
        let lang = args.lang;
        table(&done.contacts, &playbook, &plan.name, &args.attributes, lang).write(list, zone)?;
        eprintln!("list: {}", list.display());
        if plan.hold_out > 0.0 {
            table(&done.held_out, &playbook, &plan.name, &args.attributes, lang).write(beside, zone)?;
            eprintln!("hold-out: {}", beside.display());
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
    if let Some(text) = power(summary, args) {
        eprintln!("{text}");
    }
    if args.json {
        print_json(summary)?;
    }
    Ok(())
}

/// What the groups of a campaign can show.
fn power(summary: &Summary, args: &Make) -> Option<String> {
    let points = |share: f64| format!("{:.1} percentage points", share * 100.0);
    let base = summary.purchase_probability?;
    let head = match summary.detectable_difference {
        Some(least) => format!(
            "smallest difference in buyers that this hold-out can show: {} (80 % power; {:.1} % are expected to buy anyway)",
            points(least),
            base * 100.0
        ),
        None => "without a hold-out nobody will know what the campaign changed".to_owned(),
    };
    let customers = summary.contacts + summary.held_out;
    Some(match summary.suggested_hold_out {
        Some(share) => format!("{head}; to show {}, hold out {:.0} %", points(args.detect), share * 100.0),
        None => format!(
            "{head}; to show {}, {customers} customers are too few even with half of them held out",
            points(args.detect)
        ),
    })
}

fn evaluate_all(args: &Evaluate) -> anyhow::Result<()> {
    let rules = Rules {
        window_days: args.window_days,
        so_far: args.so_far,
        margin: args.margin,
        cost_per_contact: args.cost_per_contact,
        share: args.planned_share,
        exclude_contaminated: args.exclude_contaminated,
    };
    let store = args.store.open(Zone::default())?;
    let mut found = Vec::with_capacity(args.names.len());
    for name in &args.names {
        let evaluation = evaluate(store.as_ref(), name, &rules).map_err(|error| match error {
            EvaluateError::InvalidArgument(text) => anyhow::Error::from(WrongUse(text)),
            EvaluateError::Refused(text) => Refused(text).into(),
            EvaluateError::Store(error) => error.into(),
        })?;
        store.store_evaluation(name, &serde_json::to_string(&evaluation)?)?;
        found.push(evaluation);
    }
    let outcomes: Vec<&[Effect]> = found.iter().map(|one| one.outcomes.as_slice()).collect();
    let all = if found.len() > 1 { pool(&outcomes) } else { Vec::new() };
    match (args.json, found.as_slice()) {
        (true, [one]) => print_json(one)?,
        (true, _) => print_json(&serde_json::json!({ "campaigns": found, "pooled": all }))?,
        (false, _) => {
            found.iter().for_each(show);
            show_pooled(&all);
        }
    }
    Ok(())
}

fn show(one: &Evaluation) {
    let days = one.window_days;
    out!("{}: {} contacted, {} held out, {days} days", one.campaign, one.treated, one.held_out);
    out!(
        "  {:<10}{:>12}{:>12}{:>12}   {:<24}{:>9}  CUPED",
        "per customer",
        "contacted",
        "held out",
        "effect",
        "95 % interval",
        "p"
    );
    for effect in &one.outcomes {
        let interval = match (effect.low, effect.high) {
            (Some(low), Some(high)) => format!("{low:.4} to {high:.4}"),
            _ => effect.note.clone().unwrap_or_default(),
        };
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
        let saved = match effect.cuped {
            true => format!("{:.0} % of the variance saved", effect.variance_saved * 100.0),
            false => "no".to_owned(),
        };
        out!(
            "  {:<10}{:>14.4}{:>12.4}{:>12}   {:<24}{:>9}  {saved}",
            effect.outcome,
            effect.treated,
            effect.held_out,
            number(effect.effect),
            interval,
            number(effect.p_value)
        );
    }
    let ranged = |value: Option<f64>, low: Option<f64>, high: Option<f64>| match (value, low, high) {
        (Some(value), Some(low), Some(high)) => format!("{value:.2} ({low:.2} to {high:.2})"),
        _ => "not known".to_owned(),
    };
    let revenue = ranged(one.incremental_revenue, one.incremental_revenue_low, one.incremental_revenue_high);
    out!("  incremental revenue  {revenue}");
    if let (Some(cost), Some(basis)) = (one.cost, &one.return_basis) {
        let back = ranged(one.return_on_cost, one.return_on_cost_low, one.return_on_cost_high);
        out!("  cost  {cost:.2}; return on cost by {basis}  {back}");
    }
    one.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
}

fn show_pooled(pooled: &[PooledEffect]) {
    for one in pooled {
        let differ = match one.p_same {
            Some(p) if p < 0.05 => format!("; the campaigns differ (p {p:.3})"),
            _ => String::new(),
        };
        out!(
            "pooled {}: {:.4} ({:.4} to {:.4}), p {:.4}, {} campaigns{differ}",
            one.outcome,
            one.effect,
            one.low,
            one.high,
            one.p_value,
            one.campaigns
        );
    }
}

/// `list.csv` → `list.held-out.csv`.
fn beside(list: &Path) -> PathBuf {
    let ending = list.extension().unwrap_or_default().to_string_lossy().into_owned();
    list.with_extension(format!("held-out.{ending}"))
}
