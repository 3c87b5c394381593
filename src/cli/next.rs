//! `homing next`.

use std::path::PathBuf;

use clap::Args;
use homing_datasets::Stream;
use homing_datasets::cli::{Purchases, show_warnings};
use homing_datasets::progress::Stage;
use homing_datasets::table::{Column, Format, Table, TableWriter};
use homing_datasets::warnings::Code;
use homing_models::next::NextPurchase;
use serde_json::json;

use super::args::print_json;
use super::{ModelArgs, WrongUse};
use crate::scoring::batch::{FileError, Source};
use crate::scoring::{Engine, Score as _};
use homing_tags::Catalogue;

/// Predict what customers buy next: products due, and first purchases in other categories.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing next --purchases orders.csv --out next.csv
  homing next --purchases exports/ --as-of 2025-06-30 --categories 5 --out next.parquet --json")]
pub(super) struct Next {
    /// Write the predictions (.parquet, .csv or .ndjson).
    #[arg(long, env = "HOMING_OUT", value_name = "FILE")]
    out: PathBuf,
    /// Reference date: only data up to it are used. A date means its end in the business's time zone. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
    /// Maximum number of categories per customer, likeliest first.
    #[arg(long, env = "HOMING_CATEGORIES", default_value_t = 3, value_name = "N")]
    categories: usize,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Purchases")]
    purchases: Purchases,
    #[command(flatten, next_help_heading = "Model")]
    model: ModelArgs,
}

pub(super) fn run(args: &Next) -> anyhow::Result<()> {
    Format::of(&args.out).map_err(|error| WrongUse(error.to_string()))?;
    let engine = Engine::load(&args.model.open()?, args.model.model.as_deref(), &Catalogue::shipped()?)?;
    let zone = args.purchases.zone_of(engine.model().timezone)?;
    let as_of = args.as_of.as_ref().map(|text| zone.as_of(text)).transpose()?;
    let folder = args.model.folder();
    args.purchases
        .keep_inputs(&folder.as_deref().into_iter().collect::<Vec<_>>(), &[("out", Some(&args.out))])?;
    let stage = Stage::begin("read");
    let stream = Stream::open(&args.purchases.purchases, &args.purchases.stream(zone)?)?;
    stage.done(&format!("{} events", stream.summary().events));
    let mut warnings = stream.summary().warnings.clone();
    for (lines, column) in stream.summary().named.into_iter().zip(["product_id", "category"]) {
        if lines == 0 {
            warnings.note(Code::MissingColumn, || format!("`{column}`; its predictions are missing"));
        }
    }
    show_warnings(&warnings);
    args.purchases.refuse_warnings(&warnings)?;
    let Some(as_of) = as_of.or(stream.summary().last_instant) else {
        return Err(WrongUse("no events to predict from".to_owned()).into());
    };
    let stage = Stage::begin("next purchases");
    let mut writer = TableWriter::create(&args.out, zone)?;
    let (mut due, mut first) = (0, 0);
    let customers = Source::Lines(&stream).for_each_range(None, |range| {
        let rows = range.map(0..range.len(), |id, history| (id.to_owned(), engine.next(history, as_of)));
        due += rows.iter().map(|(_, next)| next.due.len()).sum::<usize>();
        first += rows.iter().map(|(_, next)| next.first_purchases.len().min(args.categories)).sum::<usize>();
        writer.write(&table(&rows, args.categories)).map_err(FileError::from)
    })?;
    // An empty table still has its columns.
    writer.write(&table(&[], args.categories)).and_then(|()| writer.finish())?;
    stage.done(&format!(
        "{due} products due and {first} first purchases for {customers} customers written to {}",
        args.out.display()
    ));
    if args.json {
        let document = json!({
            "as_of": zone.format(as_of), "customers": customers, "due": due, "first_purchases": first,
            "warnings": warnings.list(),
        });
        print_json(&document)?;
    }
    Ok(())
}

/// One row a product that is due, and one a category.
fn table(customers: &[(String, NextPurchase)], categories: usize) -> Table {
    let (mut ids, mut what, mut product, mut category) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut due_on, mut cycle, mut regularity, mut probability) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (id, next) in customers {
        for due in &next.due {
            ids.push(Some(id.clone()));
            what.push(Some("due".to_owned()));
            product.push(Some(due.product_id.clone()));
            category.push(due.category.clone());
            due_on.push(Some(due.due_on.clone()));
            cycle.push(Some(due.cycle_days));
            regularity.push(Some(due.regularity));
            probability.push(None);
        }
        for chance in next.first_purchases.iter().take(categories) {
            ids.push(Some(id.clone()));
            what.push(Some("first_purchase".to_owned()));
            product.push(None);
            category.push(Some(chance.category.clone()));
            due_on.push(None);
            cycle.push(None);
            regularity.push(None);
            probability.push(Some(chance.probability));
        }
    }
    Table::default()
        .with("customer_id", Column::Id(ids))
        .with("what", Column::Text(what))
        .with("product_id", Column::Text(product))
        .with("category", Column::Text(category))
        .with("due_on", Column::Text(due_on))
        .with("cycle_days", Column::Number(cycle))
        .with("regularity", Column::Number(regularity))
        .with("probability", Column::Number(probability))
}
