//! `homing baskets`.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use homing_datasets::baskets::{Baskets as Orders, Item, Limits, Rule};
use homing_datasets::cli::{Purchases, show_warnings};
use homing_datasets::out;
use homing_datasets::table::{Column, Format, Table};
use homing_datasets::warnings::Code;
use homing_datasets::{Error, read};

use super::WrongUse;
use super::progress::Stage;

/// Says what is bought together.
#[derive(Args)]
pub(super) struct Baskets {
    #[command(flatten)]
    purchases: Purchases,
    /// What an item is.
    #[arg(long, env = "HOMING_BY", value_enum, default_value = "product")]
    by: By,
    /// Least share of the orders that hold both sides.
    #[arg(long, env = "HOMING_MIN_SUPPORT", default_value_t = 0.01, value_name = "SHARE")]
    min_support: f64,
    /// Least share of the orders with the left side that hold the right side too.
    #[arg(long, env = "HOMING_MIN_CONFIDENCE", default_value_t = 0.3, value_name = "SHARE")]
    min_confidence: f64,
    /// Most items on both sides, up to 16.
    #[arg(long, env = "HOMING_MAX_ITEMS", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=16), value_name = "N")]
    max_items: u8,
    /// The rules: .parquet, .csv or .ndjson.
    #[arg(long, env = "HOMING_OUT", value_name = "FILE")]
    out: Option<PathBuf>,
    /// Prints a JSON summary on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// The product.
    Product,
    /// Its category.
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
    let (histories, mut read) =
        read(&args.purchases.purchases, &args.purchases.stream(args.purchases.timezone)?.read)?;
    let item = match args.by {
        By::Product => Item::Product,
        By::Category => Item::Category,
    };
    let baskets = Orders::of(&histories, item);
    stage.done(&format!("{} orders of {} different items", baskets.len(), baskets.different()));
    if baskets.different() == 0 {
        let column = match args.by {
            By::Product => "product_id",
            By::Category => "category",
        };
        read.warnings.note(Code::MissingColumn, || format!("`{column}`: without it no rule can be found"));
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
        table(&rules).write(out, args.purchases.timezone)?;
    }
    if args.json {
        let summary = serde_json::json!({
            "orders": baskets.len(), "items": baskets.different(), "rules": rules.len(),
            "seconds": { "rules": seconds }, "read": read, "warnings": read.warnings.list(),
        });
        out!("{}", serde_json::to_string_pretty(&summary)?);
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

fn table(rules: &[Rule]) -> Table {
    let text = |of: fn(&Rule) -> &Vec<String>| {
        Column::Text(rules.iter().map(|rule| Some(of(rule).join(" "))).collect())
    };
    let number = |of: fn(&Rule) -> f64| Column::Number(rules.iter().map(|rule| Some(of(rule))).collect());
    Table::default()
        .with("antecedents", text(|rule| &rule.antecedents))
        .with("consequents", text(|rule| &rule.consequents))
        .with("support", number(|rule| rule.support))
        .with("confidence", number(|rule| rule.confidence))
        .with("lift", number(|rule| rule.lift))
        .with("p_value", number(|rule| rule.p_value))
        .with("q_value", number(|rule| rule.q_value))
}
