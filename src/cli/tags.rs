//! `homing tags`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use homing_datasets::cli::{Purchases, show_warnings};
use homing_datasets::out;
use homing_datasets::{Histories, History, Micros, Zone};
use homing_models::features::{COUNT, Scratch, compute};
use homing_models::{Bundle, NotScored, Outcome};
use rayon::prelude::*;

use super::args::{print_json, read_catalogue, read_text};
use super::{CatalogueArgs, ModelArgs, WrongUse};
use homing_tags::{Catalogue, check, scales};

#[derive(Subcommand)]
pub(super) enum Tags {
    /// List tags.
    #[command(after_help = "\
Examples:
  homing tags list
  homing tags list --json")]
    List {
        /// Print one JSON document on stdout.
        #[arg(long, env = "HOMING_JSON")]
        json: bool,
        #[command(flatten, next_help_heading = "Tags and playbook")]
        catalogue: CatalogueArgs,
    },
    /// Check a tag catalogue: syntax, names, texts and values that nobody can have.
    #[command(after_help = "\
Examples:
  homing tags check
  homing tags check tags.toml")]
    Check {
        /// Tag catalogue (TOML). Default: the built-in one.
        file: Option<PathBuf>,
    },
    /// Explain how a customer got a tag.
    #[command(after_help = "\
Examples:
  homing tags explain c00000042 lifecycle.stage --purchases events/")]
    Explain(Box<Explain>),
    /// Try an expression on purchase files: coverage, values and examples.
    #[command(after_help = "\
Examples:
  homing tags try 'recency_days > 2.0 * gap_median_days ? \"late\" : null' --purchases events/")]
    Try(Box<Try>),
    /// Measure the steps of the catalogue's scales on your customers (quantiles), as TOML to paste.
    #[command(after_help = "\
Examples:
  homing tags fit-scales --purchases events/ --grades 5")]
    FitScales(Box<FitScales>),
}

/// Customers to look at.
#[derive(Args)]
struct Base {
    /// Reference date: only data up to it are used. A date means its end in the business's time zone. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
    #[command(flatten, next_help_heading = "Purchases")]
    purchases: Purchases,
    #[command(flatten, next_help_heading = "Model")]
    model: ModelArgs,
    #[command(flatten, next_help_heading = "Tags and playbook")]
    catalogue: CatalogueArgs,
}

#[derive(Args)]
pub(super) struct Explain {
    /// Id of the customer.
    customer: String,
    /// Name of the tag.
    tag: String,
    #[command(flatten)]
    base: Base,
}

#[derive(Args)]
pub(super) struct Try {
    /// CEL expression over features and predictions.
    expression: String,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten)]
    base: Base,
}

#[derive(Args)]
pub(super) struct FitScales {
    /// Number of grades of a scale, 2 to 20.
    #[arg(long, env = "HOMING_GRADES", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=20), value_name = "N")]
    grades: u8,
    #[command(flatten)]
    base: Base,
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
        return print_json(&catalogue.describe());
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
            (catalogue, read_text(path)?, path.display().to_string())
        }
        None => {
            (Catalogue::shipped()?, Catalogue::shipped_text().to_owned(), "built-in catalogue".to_owned())
        }
    };
    let found = check::check(&catalogue, &text, &name);
    for error in &found {
        eprintln!("{error}");
    }
    if !found.is_empty() {
        anyhow::bail!("{name}: problems in {} of {} tags", found.len(), catalogue.tags().len());
    }
    out!("{name}: {} tags, no problems found", catalogue.tags().len());
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
        let files: Vec<String> = self.catalogue.files().chain(self.model.folder()).collect();
        self.purchases.keep_inputs(&files.iter().map(String::as_str).collect::<Vec<_>>(), &[])?;
        let bundle = match self.model.open()?.find(self.model.model.as_deref()) {
            Ok(path) => Some(Bundle::load(&path)?),
            // Most tags need no model; a model that was asked for must be there.
            Err(error) if self.model.model.is_some() => return Err(error.into()),
            Err(_) => None,
        };
        let zone = match &bundle {
            Some(bundle) => self.purchases.zone_of(bundle.manifest().timezone)?,
            None => self.purchases.zone(),
        };
        let (histories, summary) = self.purchases.histories(&self.purchases.stream(zone)?)?;
        show_warnings(&summary.warnings);
        self.purchases.refuse_warnings(&summary.warnings)?;
        let as_of = self.as_of.as_ref().map(|text| zone.as_of(text)).transpose()?;
        let as_of = as_of.or(histories.last_instant()).context("no events")?;
        Ok(Looked { histories, as_of, zone, bundle })
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
    let catalogue = args.base.catalogue.load()?;
    let Some(tag) = catalogue.tags().iter().find(|tag| tag.name == args.tag) else {
        return Err(WrongUse(format!("no tag `{}`; `homing tags list` shows all tags", args.tag)).into());
    };
    let looked = args.base.look()?;
    let Some(history) = looked.histories.get(&args.customer) else {
        return Err(WrongUse(format!("no customer `{}` in the files", args.customer)).into());
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
        out!("= not computed: the tag needs a horizon that the model does not have");
        return Ok(());
    }
    let tags = bound.evaluate_view(&view, &features, &outcome);
    match tags.iter().find(|one| one.name == tag.name) {
        Some(one) => {
            let label = tag.values.iter().find(|value| value.value == one.value);
            let label = label.map_or_else(String::new, |l| format!("  {} / {}", l.labels.en, l.labels.zh));
            out!("= {}{label}", one.value);
            if let Some(confidence) = one.confidence {
                out!("  confidence {confidence:.2}");
            }
            if let Some(expires_at) = one.expires_at {
                out!("  expires {}", looked.zone.date(expires_at));
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
    let catalogue = args.base.catalogue.load()?.with_only(&args.expression)?;
    let looked = args.base.look()?;
    let bound = catalogue.bind(&looked.horizons()).in_zone(looked.zone);
    if !bound.unavailable().is_empty() {
        return Err(WrongUse("the expression needs a horizon that the model does not have".to_owned()).into());
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
        return print_json(&document);
    }
    let share = |count: usize| 100.0 * count as f64 / tags.len().max(1) as f64;
    out!(
        "{with} of {} customers ({:.1} %) have a value; {} distinct values",
        tags.len(),
        share(with),
        sorted.len()
    );
    if failures > 0 {
        out!("the expression failed for {failures} customers although all its inputs were known");
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
    let catalogue = args.base.catalogue.load()?;
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
