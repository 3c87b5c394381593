//! `homing-train lifetimes`: every lifetime model of a base, with what an analyst wants to see of it.

use clap::{Args, ValueEnum};
use homing_datasets::out;
use homing_training::Error;
use homing_training::lifetimes::{Family, Fitted, TimeUnit, lifetimes};

use super::input::{Common, Loaded};

#[derive(Args)]
pub(super) struct Lifetimes {
    #[command(flatten)]
    common: Common,
    /// Orders up to this instant count: a date (its end, in the business's zone) or a time. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
    /// The models to fit. Default: all.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "MODEL,...")]
    model: Vec<Model>,
    /// The unit of time of the parameters.
    #[arg(long, value_enum, default_value = "weeks", value_name = "UNIT")]
    unit: Unit,
    /// Counts days with purchases of amount 0 alone as orders, as the published fits on CDNOW do.
    #[arg(long)]
    free_orders: bool,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Model {
    BgNbd,
    MbgNbd,
    ParetoNbd,
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
            Model::GammaGamma => Family::GammaGamma,
        }
    }
}

pub(super) fn run(args: &Lifetimes) -> anyhow::Result<()> {
    let zone = args.common.purchases.timezone;
    let as_of = args.common.instant(args.as_of.as_ref())?;
    args.common.purchases.keep_inputs(&[], &[])?;
    let Loaded { histories, summary, .. } = args.common.load(0)?;
    args.common.purchases.refuse_warnings(&summary.warnings)?;
    let Some(as_of) = as_of.or(histories.last_instant()) else {
        return Err(Error::Refused { lacks: vec!["no event at all".to_owned()] }.into());
    };
    let mut families: Vec<Family> = args.model.iter().map(|model| model.family()).collect();
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
            parameter.standard_error.map_or("not identified".to_owned(), |error| format!("± {error:.4}"));
        format!("\n  {:<6} {:>10.4} {error}", parameter.name, parameter.value)
    });
    head + &parameters.collect::<String>()
}
