//! `homing-train cohorts`: money over time.

use clap::Args;
use homing_datasets::out;

use super::input::{Common, Loaded};
use crate::Error;
use crate::cohorts::table::By;
use crate::cohorts::{Backtest, Cohort, Money, Question, money};

#[derive(Args)]
#[command(after_help = "\
Examples:
  homing-train cohorts --purchases orders.csv
  homing-train cohorts --purchases orders.csv --margin 0.35 --acquisition-cost 12 --json")]
pub(super) struct Cohorts {
    /// Reference date: only data up to it are used. A date means its end in the business's time zone. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
    /// Split customers by what their first order was: its channel, product, category or campaign.
    #[arg(long, env = "HOMING_SPLIT_BY", value_enum, value_name = "WHAT")]
    split_by: Option<By>,
    /// Gross margin as a share of the spend, such as 0.35.
    #[arg(long, env = "HOMING_MARGIN", value_name = "SHARE")]
    margin: Option<f64>,
    /// Cost of acquiring a customer, in the currency of the purchases; with --margin the payback month follows.
    #[arg(long, env = "HOMING_ACQUISITION_COST", value_name = "AMOUNT")]
    acquisition_cost: Option<f64>,
    /// Seed for random sampling.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &Cohorts) -> anyhow::Result<()> {
    let as_of = args.common.instant(args.as_of.as_ref())?;
    let zone = args.common.purchases.zone();
    if args.acquisition_cost.is_some() && args.margin.is_none() {
        let text = "--acquisition-cost needs --margin: revenue does not pay for customers, its margin does";
        return Err(Error::InvalidArgument(text.to_owned()).into());
    }
    let question =
        Question { margin: args.margin, acquisition_cost: args.acquisition_cost, by: args.split_by };
    // A wrong number costs no reading.
    question.check()?;
    let Loaded { histories, summary, .. } = args.common.load(args.seed)?;
    args.common.purchases.refuse_warnings(&summary.warnings)?;
    let Some(as_of) = as_of.or(histories.last_instant()) else {
        return Err(Error::Refused { lacks: vec!["no event at all".to_owned()] }.into());
    };
    let found = money(&histories, as_of, zone, &question)?;
    if args.common.json {
        let mut document = serde_json::to_value(&found)?;
        document["warnings"] = serde_json::to_value(summary.warnings.list())?;
        out!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    show(&found);
    Ok(())
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.2}"))
}

fn show(found: &Money) {
    out!("{} customers, complete months until {}", found.customers, found.until);
    out!(
        "\nRevenue per customer by month of the first order: expected (80 % interval), then actual (-: not known yet)"
    );
    show_cohorts(&found.cohorts);
    show_backtest("cohort values", &found.cohort_backtest);
    out!("\nRevenue of the present customers by month (new customers come on top)");
    for month in &found.revenue {
        out!(
            "  {}  {:>14.0}   80 % interval {:.0} to {:.0}",
            month.month,
            month.expected,
            month.low,
            month.high
        );
    }
    show_backtest("monthly revenues", &found.revenue_backtest);
    out!("\nShare of customers who order again");
    show_steps(&found.repurchase);
    for group in &found.groups {
        let name = if group.group.is_empty() { "(not known)" } else { &group.group };
        out!("\n{name}: {} customers", group.customers);
        show_cohorts(&group.cohorts);
        show_steps(&group.repurchase);
    }
}

fn show_cohorts(cohorts: &[Cohort]) {
    for cohort in cohorts {
        let values = cohort.values.iter().map(|value| {
            let interval = match (value.low, value.high) {
                (Some(low), Some(high)) => format!(" ({low:.2} to {high:.2})"),
                _ => String::new(),
            };
            format!("{} months: {}{interval}, {}", value.months, number(value.expected), number(value.came))
        });
        let payback = cohort
            .payback_months
            .map_or(String::new(), |months| format!("; paid back after {months} months"));
        out!(
            "  {}  {:>7} customers  {}{payback}",
            cohort.month,
            cohort.customers,
            values.collect::<Vec<_>>().join("  ")
        );
    }
}

fn show_steps(steps: &[crate::cohorts::repurchase::Step]) {
    for step in steps {
        let shares = step
            .shares
            .iter()
            .filter_map(|share| Some(format!("{} days {:.1} %", share.within_days, 100.0 * share.share?)));
        let median = step.median_days.map_or(String::new(), |days| format!("; half within {days} days"));
        out!(
            "  order {} to {}: {} customers: {}{median}",
            step.order,
            step.order + 1,
            step.customers,
            shares.collect::<Vec<_>>().join(", ")
        );
    }
}

fn show_backtest(what: &str, backtest: &Backtest) {
    match (backtest.coverage, backtest.median_error) {
        (Some(coverage), Some(error)) => out!(
            "  backtest: of {} forecasts of {what} {:.0} % lay within their 80 % interval; median error {:.0} %",
            backtest.forecasts,
            100.0 * coverage,
            100.0 * error
        ),
        _ => out!("  backtest: no forecast of {what} has come true or false yet"),
    }
}
