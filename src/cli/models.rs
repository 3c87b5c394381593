//! `homing models`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use homing_datasets::out;
use homing_models::{Alias, Bundle, Registry};
use serde_json::{Value, json};

use super::WrongUse;
use super::args::{RegistryArgs, print_json};

/// List, compare, promote and export models.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing models
  homing models compare 1f0c2a7d9b3e 9e8d7c6b5a41
  homing models promote shop@9e8d7c6b5a41")]
pub(super) struct Models {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON", global = true)]
    json: bool,
    #[command(flatten, next_help_heading = "Model")]
    registry: RegistryArgs,
}

#[derive(Subcommand)]
enum Command {
    /// List the models of the registry.
    #[command(after_help = "\
Examples:
  homing models list
  homing models list --registry s3://bucket/models --json")]
    List,
    /// Show a model: data, horizons and metrics.
    #[command(after_help = "\
Examples:
  homing models show
  homing models show shop@challenger --json")]
    Show {
        /// Model: NAME (its champion), NAME@VERSION, NAME@challenger, a version, or a path. Default: the champion of the only name.
        model: Option<String>,
    },
    /// Compare the metrics of two models.
    #[command(after_help = "\
Examples:
  homing models compare shop shop@challenger")]
    Compare {
        /// First model.
        a: String,
        /// Second model.
        b: String,
    },
    /// Make a model the champion. Running services switch to it within seconds.
    #[command(after_help = "\
Examples:
  homing models promote shop@challenger
  homing models promote 9e8d7c6b5a41")]
    Promote {
        /// Model: NAME@VERSION, NAME@challenger or a version.
        model: String,
    },
    /// Make the previous champion the champion again.
    #[command(after_help = "\
Examples:
  homing models rollback
  homing models rollback shop --json")]
    Rollback {
        /// Name of the model. Default: the registry's only name.
        name: Option<String>,
    },
    /// Copy a model to a folder. `--model DIR` then uses it.
    #[command(after_help = "\
Examples:
  homing models export shop --out exported-model")]
    Export {
        /// Model: NAME (its champion), NAME@VERSION, NAME@challenger or a version. Default: the champion of the only name.
        model: Option<String>,
        /// Folder for the model; must not exist.
        #[arg(long, env = "HOMING_OUT", value_name = "DIR")]
        out: PathBuf,
    },
}

pub(super) fn run(args: &Models) -> anyhow::Result<()> {
    let registry = args.registry.open()?;
    match args.command.as_ref().unwrap_or(&Command::List) {
        Command::List => list(&registry, args),
        Command::Show { model } => show(&registry, model.as_deref(), args.json),
        Command::Compare { a, b } => compare(&registry, (a, b), args.json),
        Command::Promote { model } => promote(&registry, model, args.json),
        Command::Rollback { name } => rollback(&registry, name.as_deref(), args.json),
        Command::Export { model, out } => {
            if out.exists() {
                let text = format!("--out {} exists; name a folder that does not", out.display());
                return Err(WrongUse(text).into());
            }
            let bundle = load(&registry, model.as_deref())?;
            bundle.save(out)?;
            told(&bundle, args.json, &json!({ "out": out }), &format!("exported to {}", out.display()))
        }
    }
}

fn load(registry: &Registry, model: Option<&str>) -> Result<Bundle, homing_models::Error> {
    Bundle::load(&registry.find(model)?)
}

/// Reports what was done with a model.
fn told(bundle: &Bundle, json: bool, more: &Value, text: &str) -> anyhow::Result<()> {
    if !json {
        out!("{} {text}", bundle.id());
        return Ok(());
    }
    let mut document = json!({ "model": { "id": bundle.id().to_string(), "name": bundle.manifest().name, "version": bundle.manifest().version } });
    for (key, value) in more.as_object().into_iter().flatten() {
        document[key] = value.clone();
    }
    print_json(&document)
}

fn list(registry: &Registry, args: &Models) -> anyhow::Result<()> {
    let entries = registry.list();
    if args.json {
        let known: Vec<_> = entries.iter().filter_map(|entry| entry.as_ref().ok()).collect();
        print_json(&json!({ "models": known }))?;
    }
    for entry in &entries {
        match entry {
            Ok(entry) if !args.json => {
                let m = &entry.manifest;
                let aliases: Vec<&str> = entry.aliases.iter().map(|alias| alias.name()).collect();
                let horizons: Vec<String> = m.horizons.iter().map(u32::to_string).collect();
                out!(
                    "{}@{}  data until {}  {} customers  horizons {} days  {}",
                    m.name,
                    m.version,
                    m.as_of_text,
                    m.data.customers,
                    horizons.join(", "),
                    aliases.join(", ")
                );
            }
            Ok(_) => {}
            Err(error) => eprintln!("homing: {error}"),
        }
    }
    if entries.is_empty() && !args.json {
        out!("{} contains no models; train one with `homing-train fit`", args.registry.registry);
    }
    Ok(())
}

fn show(registry: &Registry, model: Option<&str>, json: bool) -> anyhow::Result<()> {
    let path = registry.find(model)?;
    let bundle = Bundle::load(&path)?;
    let m = bundle.manifest();
    let alias = |alias| registry.version(&m.name, alias).is_some_and(|version| version == m.version);
    let aliases: Vec<Alias> =
        [Alias::Champion, Alias::Challenger].into_iter().filter(|&one| alias(one)).collect();
    if json {
        return print_json(&json!({ "manifest": m, "aliases": aliases, "path": path }));
    }
    let names: Vec<&str> = aliases.iter().map(|alias| alias.name()).collect();
    let horizons: Vec<String> = m.horizons.iter().map(u32::to_string).collect();
    out!("{}  {}", bundle.id(), names.join(", "));
    out!("  folder          {}", path.display());
    out!(
        "  data            {} customers, {} events, {} to {}",
        m.data.customers,
        m.data.events,
        m.data.first,
        m.data.last
    );
    out!("  as of           {}", m.as_of_text);
    out!("  time zone       {}", m.timezone);
    out!(
        "  horizons        {} days; churn {}, lifetime value {}",
        horizons.join(", "),
        m.churn_horizon,
        m.value_horizon
    );
    out!("  written by      homing {}", m.homing);
    if let Some(cutoff) = m.metrics["backtest"]["cutoff"].as_str() {
        let grade = m.metrics["backtest"]["grade"].as_str().unwrap_or("-");
        out!("  backtest        from {cutoff}; grade: {}", grade.to_lowercase());
    }
    if let Some(reason) = m.metrics["promotion"]["reason"].as_str() {
        let champion = m.metrics["promotion"]["champion"].as_str().unwrap_or("none");
        out!("  compared with {champion} by retrain: {}", reason.replace('_', " "));
    }
    for (name, value) in measures(&m.metrics) {
        out!("    {name:<34} {value}");
    }
    Ok(())
}

/// What a business reads of a model's backtest, in words, with the place of each number.
fn measures(metrics: &Value) -> Vec<(&'static str, String)> {
    let backtest = &metrics["backtest"];
    let own = backtest["candidates"].as_array().and_then(|all| all.first()).map(|own| &own["metrics"]);
    let number = |value: &Value| value.as_f64();
    let of = |name: &str| own.and_then(|own| number(&own[name]));
    let whole = |value: f64| format!("{value:.0}");
    let share = |value: f64| format!("{:.1} %", 100.0 * value);
    let signed = |value: f64| format!("{:+.1} %", 100.0 * value);
    let score = |value: f64| format!("{value:.4}");
    [
        ("horizon in days", number(&backtest["horizon"]).map(whole)),
        ("customers", number(&backtest["customers"]).map(whole)),
        ("share that purchased", number(&backtest["bought"]).map(share)),
        ("AUC", of("buy_auc").map(score)),
        ("log loss", of("buy_logloss").map(score)),
        ("Brier score", of("buy_brier").map(score)),
        ("calibration error (ECE)", of("buy_ece15").map(score)),
        ("spend bias", of("spend_bias").map(signed)),
        ("Gini of spend", of("spend_gini").map(score)),
        ("spend of the top tenth", of("spend_top10").map(share)),
        ("orders bias", of("orders_bias").map(signed)),
        ("coverage of 80 % spend intervals", number(&backtest["interval_coverage"]).map(share)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// Every number of a document, by its path.
fn numbers(document: &Value) -> Vec<(String, f64)> {
    fn visit(value: &Value, path: &str, found: &mut Vec<(String, f64)>) {
        match value {
            Value::Number(number) => found.extend(number.as_f64().map(|number| (path.to_owned(), number))),
            Value::Object(all) => {
                for (key, value) in all {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    visit(value, &path, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    visit(document, "", &mut found);
    found
}

/// Every name of two lists, each once.
fn names<'a, N: AsRef<str>, T>(left: &'a [(N, T)], right: &'a [(N, T)]) -> Vec<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    left.iter().chain(right).map(|(name, _)| name.as_ref()).filter(|name| seen.insert(*name)).collect()
}

/// The value with a name.
fn of<'a, N: AsRef<str>, T>(all: &'a [(N, T)], name: &str) -> Option<&'a T> {
    all.iter().find(|(own, _)| own.as_ref() == name).map(|(_, value)| value)
}

fn compare(registry: &Registry, (a, b): (&str, &str), json: bool) -> anyhow::Result<()> {
    let (a, b) = (load(registry, Some(a))?, load(registry, Some(b))?);
    let (left, right) = (&a.manifest().metrics, &b.manifest().metrics);
    let same_data = a.manifest().data.sha256 == b.manifest().data.sha256;
    if json {
        let (left, right) = (numbers(left), numbers(right));
        let metrics: Vec<Value> = names(&left, &right)
            .into_iter()
            .map(|name| json!({ "metric": name, "a": of(&left, name), "b": of(&right, name) }))
            .collect();
        let model =
            |bundle: &Bundle| json!({ "id": bundle.id().to_string(), "as_of": bundle.manifest().as_of_text });
        return print_json(
            &json!({ "a": model(&a), "b": model(&b), "same_data": same_data, "metrics": metrics }),
        );
    }
    out!("{:<48} {:>24} {:>24}", "", a.id(), b.id());
    out!("{:<48} {:>24} {:>24}", "as of", a.manifest().as_of_text, b.manifest().as_of_text);
    let (left, right) = (measures(left), measures(right));
    for name in names(&left, &right) {
        let text = |all| of(all, name).map_or("-", String::as_str);
        out!("{name:<48} {:>24} {:>24}", text(&left), text(&right));
    }
    if !same_data {
        eprintln!(
            "note: the models were trained on different data, so these metrics come from different customers or windows"
        );
    }
    Ok(())
}

fn promote(registry: &Registry, model: &str, json: bool) -> anyhow::Result<()> {
    let path = registry.find(Some(model))?;
    if !path.starts_with(registry.root()) {
        let text = format!("`{model}` is not in the registry; `homing models list` shows its models");
        return Err(WrongUse(text).into());
    }
    // A damaged model must not become the champion.
    let bundle = Bundle::load(&path)?;
    let m = bundle.manifest();
    let before = registry.version(&m.name, Alias::Champion);
    registry.point(&m.name, Alias::Champion, &m.version)?;
    let text = match &before {
        Some(before) if *before == m.version => "is already the champion".to_owned(),
        Some(before) => format!("is now the champion; `homing models rollback` returns to {before}"),
        None => "is now the champion".to_owned(),
    };
    told(&bundle, json, &json!({ "before": before }), &text)
}

fn rollback(registry: &Registry, name: Option<&str>, json: bool) -> anyhow::Result<()> {
    let names = registry.names();
    let name = match (name, names.as_slice()) {
        (Some(name), _) if names.iter().any(|known| known == name) => name,
        (None, [only]) => only,
        _ => {
            let text = format!("name one of the registry's models: {}", names.join(", "));
            return Err(WrongUse(text).into());
        }
    };
    let before = registry.version(name, Alias::Champion);
    let version = registry.before_champion(name)?.ok_or_else(|| {
        WrongUse(format!(
            "`{name}` has no earlier champion; `homing models promote` makes any version the champion"
        ))
    })?;
    let bundle =
        load(registry, Some(&format!("{name}@{version}"))).context("the earlier champion cannot be used")?;
    registry.rollback(name)?;
    told(&bundle, json, &json!({ "before": before }), "is the champion again")
}
