//! `homing baskets`.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use homing_datasets::Error;
use homing_datasets::baskets::{Baskets as Orders, Item, Limits, Rule};
use homing_datasets::cli::{Purchases, show_warnings};
use homing_datasets::out;
use homing_datasets::progress::Stage;
use homing_datasets::table::Format;
use homing_datasets::warnings::Code;

use super::WrongUse;
use super::args::print_json;

/// Find products that are bought together (association rules).
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing baskets --purchases orders.csv
  homing baskets --purchases exports/ --by category --min-support 0.005 --out rules.csv")]
pub(super) struct Baskets {
    /// Write the rules (.parquet, .csv or .ndjson).
    #[arg(long, env = "HOMING_OUT", value_name = "FILE")]
    out: Option<PathBuf>,
    /// Find rules between products or categories.
    #[arg(long, env = "HOMING_BY", value_enum, default_value = "product", value_name = "WHAT")]
    by: By,
    /// Minimum share of orders that contain both sides, 0 to 1.
    #[arg(long, env = "HOMING_MIN_SUPPORT", default_value_t = 0.01, value_name = "SHARE")]
    min_support: f64,
    /// Minimum share of the orders with the left side that contain the right side too, 0 to 1.
    #[arg(long, env = "HOMING_MIN_CONFIDENCE", default_value_t = 0.3, value_name = "SHARE")]
    min_confidence: f64,
    /// Maximum number of items in a rule, 2 to 16.
    #[arg(long, env = "HOMING_MAX_ITEMS", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=16), value_name = "N")]
    max_items: u8,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Purchases")]
    purchases: Purchases,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// Products.
    Product,
    /// Categories.
    Category,
}

pub(super) fn run(args: &Baskets) -> anyhow::Result<()> {
    if let Some(out) = &args.out {
        Format::of(out).map_err(|error| WrongUse(error.to_string()))?;
    }
    let limits = Limits {
        min_support: args.min_support,
        min_confidence: args.min_confidence,
        max_items: usize::from(args.max_items),
        ..Limits::default()
    };
    args.purchases.keep_inputs(&[], &[("out", args.out.as_deref())])?;
    let stage = Stage::begin("read");
    let zone = args.purchases.zone();
    let (histories, mut read) = args.purchases.histories(&args.purchases.stream(zone)?)?;
    let item = match args.by {
        By::Product => Item::Product,
        By::Category => Item::Category,
    };
    let baskets = Orders::of(&histories, item);
    stage.done(&format!("{} orders, {} distinct items", baskets.len(), baskets.different()));
    if baskets.different() == 0 {
        let column = match args.by {
            By::Product => "product_id",
            By::Category => "category",
        };
        read.warnings.note(Code::MissingColumn, || format!("`{column}`; without it there are no rules"));
    }
    show_warnings(&read.warnings);
    args.purchases.refuse_warnings(&read.warnings)?;
    let stage = Stage::begin("rules");
    let began = Instant::now();
    let rules = baskets.rules(&limits).map_err(|error| match error {
        Error::BadLimit { .. } => anyhow::Error::from(WrongUse(error.to_string())),
        other => other.into(),
    })?;
    let seconds = began.elapsed().as_secs_f64();
    stage.done(&format!("{} rules", rules.len()));
    if let Some(out) = &args.out {
        Rule::table(&rules).write(out, zone)?;
    }
    if args.json {
        let summary = serde_json::json!({
            "orders": baskets.len(), "items": baskets.different(), "rules": rules.len(),
            "seconds": { "rules": seconds }, "read": read, "warnings": read.warnings.list(),
        });
        print_json(&summary)?;
    } else if args.out.is_none() {
        for rule in rules.iter().take(30) {
            out!(
                "{} -> {}  support {:.4}  confidence {:.2}  lift {:.2}  q {:.1e}",
                rule.antecedents.join(" + "),
                rule.consequents.join(" + "),
                rule.support,
                rule.confidence,
                rule.lift,
                rule.q_value
            );
        }
    }
    Ok(())
}
