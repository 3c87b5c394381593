//! `homing-train lifetimes`: every lifetime model of a base, with what an analyst wants to see of it.

use crate::Error;
use crate::lifetimes::{Family, Fitted, TimeUnit, lifetimes};
use clap::{Args, ValueEnum};
use homing_datasets::out;

use super::input::{Common, Loaded};

#[derive(Args)]
#[command(after_help = "\
Examples:
  homing-train lifetimes --purchases orders.csv
  homing-train lifetimes --purchases orders.csv --as-of 2025-03-31 --family bg_nbd,pareto_nbd --json")]
pub(super) struct Lifetimes {
    /// Reference date: only data up to it are used. A date means its end in the business's time zone. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
    /// Models to fit: bg_nbd, mbg_nbd, pareto_nbd, bg_cnbd_k, mbg_cnbd_k, gamma_gamma. Default: all.
    #[arg(
        long,
        visible_alias = "model",
        env = "HOMING_FAMILY",
        value_enum,
        value_delimiter = ',',
        hide_possible_values = true,
        value_name = "MODEL,..."
    )]
    family: Vec<Model>,
    /// Unit of time of the parameters: days or weeks.
    #[arg(
        long,
        env = "HOMING_UNIT",
        value_enum,
        default_value = "weeks",
        hide_possible_values = true,
        value_name = "UNIT"
    )]
    unit: Unit,
    /// Count days with only purchases of amount 0 as orders, as the published fits on CDNOW do.
    #[arg(long, env = "HOMING_FREE_ORDERS")]
    free_orders: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Model {
    BgNbd,
    MbgNbd,
    ParetoNbd,
    BgCnbdK,
    MbgCnbdK,
    GammaGamma,
}

#[derive(Clone, Copy, ValueEnum)]
enum Unit {
    Days,
    Weeks,
}

impl Model {
    fn family(self) -> Family {
        match self {
            Model::BgNbd => Family::BgNbd,
            Model::MbgNbd => Family::MbgNbd,
            Model::ParetoNbd => Family::ParetoNbd,
            Model::BgCnbdK => Family::BgCnbdK,
            Model::MbgCnbdK => Family::MbgCnbdK,
            Model::GammaGamma => Family::GammaGamma,
        }
    }
}

pub(super) fn run(args: &Lifetimes) -> anyhow::Result<()> {
    let zone = args.common.purchases.zone();
    let as_of = args.common.instant(args.as_of.as_ref())?;
    args.common.purchases.keep_inputs(&[], &[])?;
    let Loaded { histories, summary, .. } = args.common.load(0)?;
    args.common.purchases.refuse_warnings(&summary.warnings)?;
    let Some(as_of) = as_of.or(histories.last_instant()) else {
        return Err(Error::Refused { lacks: vec!["no event at all".to_owned()] }.into());
    };
    let mut families: Vec<Family> = args.family.iter().map(|model| model.family()).collect();
    if families.is_empty() {
        families = Family::ALL.to_vec();
    }
    let unit = match args.unit {
        Unit::Days => TimeUnit::Days,
        Unit::Weeks => TimeUnit::Weeks,
    };
    let found = lifetimes(&histories, as_of, zone, &families, unit, args.free_orders)?;
    if args.common.json {
        out!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    out!("{} customers, {} repeat orders up to {}", found.customers, found.repeat_orders, found.as_of);
    for model in &found.models {
        out!("{}", text(model));
    }
    for test in &found.tests {
        out!(
            "likelihood-ratio test of {} within {}: {:.2} with {} degree of freedom, p {:.2e}",
            test.restricted.name(),
            test.model.name(),
            test.statistic,
            test.degrees_of_freedom,
            test.p_value
        );
    }
    Ok(())
}

/// A model in one line and one more for each parameter.
fn text(model: &Fitted) -> String {
    let head = format!(
        "{}: LL {:.2}, BIC {:.2}, {} customers, {}",
        model.model.name(),
        model.log_likelihood,
        model.bic,
        model.customers,
        model.status
    );
    let parameters = model.parameters.iter().map(|parameter| {
        let error =
            parameter.standard_error.map_or("no standard error".to_owned(), |error| format!("± {error:.4}"));
        format!("\n  {:<6} {:>10.4} {error}", parameter.name, parameter.value)
    });
    head + &parameters.collect::<String>()
}
