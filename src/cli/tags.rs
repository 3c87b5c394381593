//! `homing tags`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use homing_datasets::cli::Purchases;
use homing_datasets::out;
use homing_datasets::{Histories, History, Micros, Zone, read};
use homing_models::features::{COUNT, Scratch, compute};
use homing_models::{Bundle, NotScored, Outcome};
use rayon::prelude::*;

use super::{CatalogueArgs, ModelArgs, WrongUse, read_catalogue};
use homing_tags::{Catalogue, check, scales};

#[derive(Subcommand)]
pub(super) enum Tags {
    /// Lists the tags.
    List {
        #[command(flatten)]
        catalogue: CatalogueArgs,
        /// Prints one JSON document instead of text.
        #[arg(long, env = "HOMING_JSON")]
        json: bool,
    },
    /// Checks a catalogue: syntax, names, languages, values that nobody can have.
    Check {
        /// The catalogue, a TOML file. Default: the one that homing ships.
        file: Option<PathBuf>,
    },
    /// Says how a tag of a customer came about.
    Explain(Explain),
    /// Tries an expression out on a file: coverage, values and examples, before it goes live.
    Try(Try),
    /// Measures the steps of the catalogue's scales on the customers of a business: quantiles, as TOML to paste.
    FitScales(FitScales),
}

/// Customers to look at.
#[derive(Args)]
struct Base {
    #[command(flatten)]
    purchases: Purchases,
    #[command(flatten)]
    model: ModelArgs,
    /// Look from this instant: a date (its end) or a time. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
}

#[derive(Args)]
pub(super) struct Explain {
    /// The customer.
    customer: String,
    /// The tag.
    tag: String,
    #[command(flatten)]
    base: Base,
    #[command(flatten)]
    catalogue: CatalogueArgs,
}

#[derive(Args)]
pub(super) struct Try {
    /// The expression.
    expression: String,
    #[command(flatten)]
    base: Base,
    #[command(flatten)]
    catalogue: CatalogueArgs,
    /// Prints one JSON document instead of text.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

#[derive(Args)]
pub(super) struct FitScales {
    #[command(flatten)]
    base: Base,
    #[command(flatten)]
    catalogue: CatalogueArgs,
    /// Grades of a scale.
    #[arg(long, env = "HOMING_GRADES", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=20), value_name = "N")]
    grades: u8,
}

pub(super) fn run(command: &Tags) -> anyhow::Result<()> {
    match command {
        Tags::List { catalogue, json } => list(&catalogue.load()?, *json),
        Tags::Check { file } => check_file(file.as_deref()),
        Tags::Explain(args) => explain(args),
        Tags::Try(args) => try_out(args),
        Tags::FitScales(args) => fit_scales(args),
    }
}

fn list(catalogue: &Catalogue, json: bool) -> anyhow::Result<()> {
    if json {
        out!("{}", serde_json::to_string_pretty(&catalogue.describe())?);
        return Ok(());
    }
    for tag in catalogue.tags() {
        out!("{:<32} {:<10} {} / {}", tag.name, tag.layer.name(), tag.labels.en, tag.labels.zh);
    }
    Ok(())
}

fn check_file(file: Option<&Path>) -> anyhow::Result<()> {
    let (catalogue, text, name) = match file {
        Some(path) => {
            let catalogue = read_catalogue(path)?;
            (catalogue, std::fs::read_to_string(path)?, path.display().to_string())
        }
        None => {
            (Catalogue::shipped()?, Catalogue::shipped_text().to_owned(), "the shipped catalogue".to_owned())
        }
    };
    let found = check::check(&catalogue, &text, &name);
    for error in &found {
        eprintln!("{error}");
    }
    if !found.is_empty() {
        anyhow::bail!("{name}: {} of {} tags say what they cannot mean", found.len(), catalogue.tags().len());
    }
    out!("{name}: {} tags, nothing wrong", catalogue.tags().len());
    Ok(())
}

/// Histories, the instant to look from, and the model where there is one.
struct Looked {
    histories: Histories,
    as_of: Micros,
    zone: Zone,
    bundle: Option<Bundle>,
}

impl Base {
    fn look(&self) -> anyhow::Result<Looked> {
        let bundle = match self.model.open()?.find(self.model.model.as_deref()) {
            Ok(path) => Some(Bundle::load(&path)?),
            // Most tags need no model; a model that was asked for must be there.
            Err(error) if self.model.model.is_some() => return Err(error.into()),
            Err(_) => None,
        };
        let zone = bundle.as_ref().map_or(self.purchases.timezone, |bundle| bundle.manifest().timezone);
        let options = self.purchases.stream(zone)?.read;
        let (histories, _) = read(&self.purchases.purchases, &options)?;
        let as_of = self.as_of.as_ref().map(|text| options.zone.as_of(text)).transpose()?;
        let as_of = as_of.or(histories.last_instant()).context("there is no event to look from")?;
        Ok(Looked { histories, as_of, zone: options.zone, bundle })
    }
}

impl Looked {
    fn horizons(&self) -> Vec<u32> {
        self.bundle.as_ref().map(|bundle| bundle.manifest().horizons.clone()).unwrap_or_default()
    }

    fn scored(&self, history: &History) -> (Vec<f64>, Outcome) {
        if let Some(bundle) = &self.bundle {
            let scoring = bundle.predict_with_features(history, self.as_of, || ());
            return (scoring.features, scoring.outcome);
        }
        let mut features = vec![f64::NAN; COUNT];
        compute(&history.as_of(self.as_of), self.zone, &mut Scratch::default(), &mut features);
        (features, Outcome::NotScored(NotScored::NoPurchase))
    }
}

fn explain(args: &Explain) -> anyhow::Result<()> {
    let catalogue = args.catalogue.load()?;
    let Some(tag) = catalogue.tags().iter().find(|tag| tag.name == args.tag) else {
        return Err(WrongUse(format!("there is no tag `{}`; `homing tags list` names them", args.tag)).into());
    };
    let looked = args.base.look()?;
    let Some(history) = looked.histories.get(&args.customer) else {
        return Err(WrongUse(format!("the files hold no customer `{}`", args.customer)).into());
    };
    let (features, outcome) = looked.scored(history);
    let bound = catalogue.bind(&looked.horizons()).in_zone(looked.zone);
    let view = history.as_of(looked.as_of);
    out!("{}  {} / {}", tag.name, tag.labels.en, tag.labels.zh);
    out!("{}\n{}", tag.meaning.en, tag.meaning.zh);
    out!("  {}", tag.expression().trim().replace('\n', "\n  "));
    out!("for {} as of {}:", args.customer, looked.zone.format(looked.as_of));
    for (name, value) in bound.variables_of(tag, &view, &features, &outcome) {
        out!("  {name:<32} {value}");
    }
    if bound.unavailable().contains(&tag.name) {
        out!("= not computed: the model has not the horizon that the tag needs");
        return Ok(());
    }
    let tags = bound.evaluate_view(&view, &features, &outcome);
    match tags.iter().find(|one| one.name == tag.name) {
        Some(one) => {
            let label = tag.values.iter().find(|value| value.value == one.value);
            let label = label.map_or_else(String::new, |l| format!("  {} / {}", l.labels.en, l.labels.zh));
            out!("= {}{label}", one.value);
            if let Some(confidence) = one.confidence {
                out!("  strength {confidence:.2}");
            }
            if let Some(expires_at) = one.expires_at {
                out!("  holds until {}", looked.zone.date(expires_at));
            }
        }
        None => out!("= empty"),
    }
    Ok(())
}

/// Examples of a value.
const EXAMPLES: usize = 3;
/// Values that are listed.
const VALUES: usize = 20;

fn try_out(args: &Try) -> anyhow::Result<()> {
    let catalogue = args.catalogue.load()?.with_only(&args.expression)?;
    let looked = args.base.look()?;
    let bound = catalogue.bind(&looked.horizons()).in_zone(looked.zone);
    if !bound.unavailable().is_empty() {
        return Err(WrongUse("the model has not the horizon that the expression needs".to_owned()).into());
    }
    let tags: Vec<_> = looked
        .histories
        .par_iter()
        .map(|(id, history)| {
            let (features, outcome) = looked.scored(history);
            let tag = bound.evaluate_view(&history.as_of(looked.as_of), &features, &outcome).pop();
            (id, tag.map(|tag| tag.value).filter(|value| !value.is_null()))
        })
        .collect();
    let mut values: BTreeMap<String, (usize, Vec<&str>)> = BTreeMap::new();
    for (id, value) in &tags {
        let Some(value) = value else { continue };
        let (count, examples) = values.entry(value.to_string()).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(id);
        }
    }
    let with: usize = values.values().map(|(count, _)| count).sum();
    let failures: u64 = bound.failures().iter().map(|(_, count)| count).sum();
    let mut sorted: Vec<_> = values.into_iter().collect();
    sorted.sort_by(|a, b| b.1.0.cmp(&a.1.0).then(a.0.cmp(&b.0)));
    if args.json {
        let told = |(value, (count, examples)): &(String, (usize, Vec<&str>))| {
            let value: serde_json::Value = serde_json::from_str(value)?;
            Ok(serde_json::json!({ "value": value, "customers": count, "examples": examples }))
        };
        let values: Vec<_> = sorted.iter().map(told).collect::<Result<_, serde_json::Error>>()?;
        let document = serde_json::json!({
            "customers": tags.len(), "with_value": with, "failures": failures, "values": values,
        });
        out!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    let share = |count: usize| 100.0 * count as f64 / tags.len().max(1) as f64;
    out!(
        "{with} of {} customers ({:.1} %) have a value; {} different values",
        tags.len(),
        share(with),
        sorted.len()
    );
    if failures > 0 {
        out!("{failures} customers for whom the expression failed although everything was known");
    }
    for (value, (count, examples)) in sorted.iter().take(VALUES) {
        out!("  {value:<24} {count:>9}  {:>5.1} %  e.g. {}", share(*count), examples.join(", "));
    }
    if sorted.len() > VALUES {
        out!("  and {} more values", sorted.len() - VALUES);
    }
    Ok(())
}

fn fit_scales(args: &FitScales) -> anyhow::Result<()> {
    let catalogue = args.catalogue.load()?;
    let looked = args.base.look()?;
    for scale in catalogue.scales() {
        let only = catalogue.with_only(&scale.of)?;
        let bound = only.bind(&looked.horizons()).in_zone(looked.zone);
        let mut values: Vec<f64> = looked
            .histories
            .par_iter()
            .filter_map(|(_, history)| {
                let (features, outcome) = looked.scored(history);
                bound.evaluate_view(&history.as_of(looked.as_of), &features, &outcome).pop()?.value.as_f64()
            })
            .collect();
        let falling = scale.steps.windows(2).any(|pair| pair[0] > pair[1]);
        let steps = scales::steps(&mut values, usize::from(args.grades), falling);
        out!("[[scale]]\nname = \"{}\"\nof = \"{}\"", scale.name, scale.of);
        out!("steps = {steps:?}  # {} customers\n", values.len());
    }
    Ok(())
}
