//! `homing campaign`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use homing_datasets::guards::outputs;
use homing_datasets::progress::Stage;
use homing_datasets::table::Format;
use homing_datasets::{Micros, Zone, calendar, out};
use homing_locales::Lang;
use serde_json::Value;

use super::args::{StoreArgs, playbook_of, print_json};
use super::{CatalogueArgs, Refused, WrongUse};
use crate::campaign::choice;
use crate::campaign::effects::{Effect, PooledEffect, pool};
use crate::campaign::evaluate::{EvaluateError, Evaluation, Rules, evaluate};
use crate::campaign::size::{Question, Sized, size};
use crate::campaign::{self, Plan, Rank, Summary, table};
use crate::service::problem::nearest;
use homing_profiles::{Listing, Store};
use homing_tags::Catalogue;

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
pub(super) struct Size {
    #[command(flatten)]
    who: Who,
    /// Gross margin as a share of the spend, such as 0.35.
    #[arg(long, env = "HOMING_MARGIN", value_name = "SHARE")]
    margin: f64,
    /// Cost of one contact, in the currency of the purchases.
    #[arg(long, env = "HOMING_COST_PER_CONTACT", value_name = "AMOUNT")]
    cost_per_contact: f64,
    /// Days after the list within which purchases count.
    #[arg(long, env = "HOMING_WINDOW_DAYS", default_value_t = 30, value_name = "DAYS")]
    window_days: u32,
    /// Assumed effect: the share of customers who would not buy otherwise and do because of the contact. Default: what past campaigns
    /// proved or measured.
    #[arg(long, env = "HOMING_ASSUME_EFFECT", value_name = "SHARE")]
    assume_effect: Option<f64>,
    /// Who comes first. Default of `campaign make`: value-at-risk; of `campaign size`: uplift where it is proven.
    #[arg(long, env = "HOMING_RANK", value_enum, value_name = "BY")]
    rank: Option<Rank>,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
    #[command(flatten, next_help_heading = "Tags and playbook")]
    catalogue: CatalogueArgs,
}

#[derive(Args)]
pub(super) struct Variants {
    /// Names of campaigns. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Days after the list within which purchases count.
    #[arg(long, env = "HOMING_WINDOW_DAYS", default_value_t = 30, value_name = "DAYS")]
    window_days: u32,
    /// Seed of the learned choice.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
}

#[cfg(feature = "training")]
#[derive(Args)]
pub(super) struct Learn {
    /// Names of campaigns. Default: all with a hold-out whose window is over.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Days after the list within which purchases count.
    #[arg(long, env = "HOMING_WINDOW_DAYS", default_value_t = 30, value_name = "DAYS")]
    window_days: u32,
    /// Only show what would be done; record nothing.
    #[arg(long, env = "HOMING_DRY_RUN")]
    dry_run: bool,
    /// Seed of folds and intervals.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
}

/// Filters by profile.
#[derive(Args)]
struct Who {
    /// Only customers with this tag value, such as lifecycle.stage=decline. Can be repeated.
    #[arg(long = "tag", env = "HOMING_TAG", value_name = "NAME=VALUE", value_parser = tag)]
    with: Vec<(String, Value)>,
    /// Minimum value at risk.
    #[arg(long, env = "HOMING_MIN_VALUE_AT_RISK", value_name = "AMOUNT")]
    min_value_at_risk: Option<f64>,
    /// Minimum churn risk, 0 to 1.
    #[arg(long, env = "HOMING_MIN_CHURN_RISK", value_name = "SHARE")]
    min_churn_risk: Option<f64>,
}

impl Who {
    /// The customers meant.
    fn listing(&self, catalogue: &Catalogue) -> anyhow::Result<Listing> {
        if let Some((name, _)) =
            self.with.iter().find(|(name, _)| !catalogue.tags().iter().any(|t| t.name == *name))
        {
            let near = nearest(name, catalogue.tags().iter().map(|tag| tag.name.as_str()));
            let near = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
            return Err(WrongUse(format!("no tag `{name}`{near}; `homing tags list` shows all tags")).into());
        }
        for (name, value) in &self.with {
            let tag = catalogue.tags().iter().find(|tag| tag.name == *name);
            let Some(known) = tag.and_then(homing_tags::Definition::known_values) else { continue };
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if known.contains(&text.as_str()) {
                continue;
            }
            let near = nearest(&text, known.iter().copied());
            let near = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
            let text = format!("`{text}` is not a value of `{name}`{near}; its values: {}", known.join(", "));
            return Err(WrongUse(text).into());
        }
        Ok(Listing {
            tags: self.with.clone(),
            churn_risk: (self.min_churn_risk, None),
            value_at_risk: (self.min_value_at_risk, None),
            ..Listing::default()
        })
    }
}

/// The exit code of what a campaign says.
fn failed(error: campaign::Error) -> anyhow::Error {
    match error {
        campaign::Error::InvalidArgument(text) => WrongUse(text).into(),
        campaign::Error::Refused(text) => Refused(text).into(),
        campaign::Error::Store(error) => error.into(),
    }
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
        Command::Evaluate(args) => evaluate_all(args),
        Command::Size(args) => sized(args),
        Command::Variants(args) => variants(args),
        #[cfg(feature = "training")]
        Command::Learn(args) => learned(args),
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

fn variants(args: &Variants) -> anyhow::Result<()> {
    let store = args.store.open(Zone::default())?;
    let choices = choice::choices(store.as_ref(), &args.names, args.window_days)?;
    if choices.is_empty() {
        let text = "no variants were chosen in campaigns whose window is over; give entries of the playbook variants, and make \
                    campaigns with --learn-variants";
        return Err(Refused(text.to_owned()).into());
    }
    let judged = choice::judge(&choices, args.seed);
    if args.json {
        return print_json(&serde_json::json!({ "actions": judged }));
    }
    for action in &judged {
        out!("{}: {} choices, {:.1} % bought", action.action, action.choices, 100.0 * action.bought);
        if action.policies.is_empty() {
            out!("  too few choices to judge");
        }
        for one in &action.policies {
            out!(
                "  {:<20} doubly robust {:.4} ({:.4} to {:.4})   inverse propensity {:.4} ({:.4} to {:.4})",
                one.policy,
                one.doubly_robust,
                one.doubly_robust_low,
                one.doubly_robust_high,
                one.ips,
                one.ips_low,
                one.ips_high
            );
        }
    }
    Ok(())
}

/// Profiles that `campaign size` looks at.
const MOST: usize = 2_000_000;

fn sized(args: &Size) -> anyhow::Result<()> {
    let catalogue = args.catalogue.load()?;
    let question = Question {
        who: args.who.listing(&catalogue)?,
        margin: args.margin,
        cost_per_contact: args.cost_per_contact,
        window_days: args.window_days,
        assumed: args.assume_effect,
        rank: args.rank,
        most: MOST,
    };
    let store = args.store.open(Zone::default())?;
    let found = size(store.as_ref(), &question).map_err(failed)?;
    if args.json { print_json(&found) } else { show_size(&found) }
}

fn show_size(found: &Sized) -> anyhow::Result<()> {
    out!("{}", found.basis.text);
    out!(
        "{} customers, ranked by {}; {} left out",
        found.customers,
        found.rank.replace('_', " "),
        found.left_out
    );
    let heads =
        ["contacts", "added buyers", "added revenue", "cost", "profit", "would not buy", "would anyway"];
    out!("{}", heads.map(|head| format!("{head:>14}")).concat());
    let ten = found.curve.len().div_ceil(10).max(1);
    let mut points: Vec<_> = found.curve.iter().copied().step_by(ten).collect();
    points.extend(found.curve.last());
    points.push(found.best);
    points.sort_by_key(|point| point.contacts);
    points.dedup_by_key(|point| point.contacts);
    for point in points {
        let numbers = [
            point.added_buyers,
            point.added_revenue,
            point.cost,
            point.profit,
            point.true_positives,
            point.false_positives,
        ];
        out!(
            "{:>14}{}{}",
            point.contacts,
            numbers.map(|number| format!("{number:>14.1}")).concat(),
            if point.contacts == found.best.contacts { "  <- best" } else { "" }
        );
    }
    let best = &found.best;
    match best.contacts {
        0 => out!("no contact pays: its cost is above the margin that it adds"),
        _ => out!(
            "best: contact the first {} (make the list with --limit {0}); expected profit {}",
            best.contacts,
            match (best.profit_low, best.profit_high) {
                (Some(low), Some(high)) => format!("{:.0} ({low:.0} to {high:.0})", best.profit),
                _ => format!("{:.0}", best.profit),
            }
        ),
    }
    Ok(())
}

#[cfg(feature = "training")]
fn learned(args: &Learn) -> anyhow::Result<()> {
    use crate::campaign::learn::{LearnError, Lesson, learn};
    let lesson = Lesson {
        campaigns: args.names.clone(),
        window_days: args.window_days,
        seed: args.seed,
        record: !args.dry_run,
    };
    let store = args.store.open(Zone::default())?;
    let stage = Stage::begin("learn uplift");
    let found = learn(store.as_ref(), &lesson).map_err(|error| match error {
        LearnError::Campaign(EvaluateError::InvalidArgument(text)) => anyhow::Error::from(WrongUse(text)),
        LearnError::Campaign(EvaluateError::Refused(text)) => Refused(text).into(),
        LearnError::Training(error) => error.into(),
        other => other.into(),
    })?;
    stage.done(&format!("{} contacted, {} held out", found.uplift.contacted, found.uplift.held_out));
    for one in &found.left_out {
        eprintln!("warning: campaign `{}` was left out: {}", one.campaign, one.reason);
    }
    if found.thinned > 0 {
        eprintln!(
            "{} contacted customers were left out, so that all campaigns have the same share held out",
            found.thinned
        );
    }
    if args.json {
        return print_json(&found);
    }
    let uplift = &found.uplift;
    let ranged = |value: Option<f64>, low: Option<f64>, high: Option<f64>| match (value, low, high) {
        (Some(value), Some(low), Some(high)) => format!("{value:.4} ({low:.4} to {high:.4})"),
        _ => "not known".to_owned(),
    };
    let judged = &found.judged;
    out!("from {}", uplift.campaigns.join(", "));
    out!("effect on buyers      {}", ranged(Some(judged.effect), judged.effect_low, judged.effect_high));
    out!("Qini (out of fold)    {}", ranged(uplift.qini, uplift.qini_low, uplift.qini_high));
    out!("uplift of the top 30 % {}", ranged(judged.top30_uplift, judged.top30_low, judged.top30_high));
    out!("{}", uplift.conclusion);
    out!(
        "{}",
        match (uplift.claimed, args.dry_run) {
            (_, true) => "dry run: nothing was changed",
            (true, _) =>
                "the next scoring tags customers: uplift.value, uplift.group; homing campaign make --rank uplift",
            (false, _) => "customers are not tagged with uplift",
        }
    );
    Ok(())
}

/// `list.csv` → `list.held-out.csv`.
fn beside(list: &Path) -> PathBuf {
    let ending = list.extension().unwrap_or_default().to_string_lossy().into_owned();
    list.with_extension(format!("held-out.{ending}"))
}
