//! `homing monitor`.

use clap::Args;
use homing_datasets::{Zone, calendar, out};
use homing_models::Bundle;
use homing_profiles::kept::{ACCURACY, ALARMS};

use super::ModelArgs;
use super::args::{StoreArgs, print_json};
use crate::monitor::alarms::Digest;
use crate::monitor::{Options, Report, Window, report};

/// Compare kept predictions with what happened, and say what needs attention.
///
/// `homing score --profiles` keeps the scores of a sample of customers. When a horizon is over they are judged.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing monitor --profiles sqlite:profiles.db
  homing monitor --profiles postgres://homing@db/homing --registry registry --json")]
pub(super) struct Monitor {
    /// Kept nights to judge, the last ones.
    #[arg(long, env = "HOMING_NIGHTS", default_value_t = 26, value_name = "N")]
    nights: usize,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
    #[command(flatten, next_help_heading = "Model")]
    model: ModelArgs,
}

pub(super) fn run(args: &Monitor) -> anyhow::Result<()> {
    let bundle = bundle(&args.model)?;
    let zone = bundle.as_ref().map_or_else(Zone::default, |bundle| bundle.manifest().timezone);
    let store = args.store.open(zone)?;
    let options = Options { nights: args.nights.max(1), ..Options::default() };
    let found = report(store.as_ref(), bundle.as_ref(), &options)?;
    for alarm in &found.alarms {
        tracing::warn!(
            code = alarm.code,
            model = alarm.model,
            horizon_days = alarm.horizon_days,
            from = alarm.from,
            value = alarm.value,
            threshold = alarm.threshold,
            "{}",
            alarm.advice
        );
    }
    let now = calendar::now();
    store.store_document(ACCURACY, now, &serde_json::to_string(&found)?)?;
    store.store_document(ALARMS, now, &serde_json::to_string(&Digest::of(&found))?)?;
    if args.json {
        return print_json(&found);
    }
    show(&found);
    Ok(())
}

/// The model whose base features are compared with; without a registry drift of features is left out.
fn bundle(args: &ModelArgs) -> anyhow::Result<Option<Bundle>> {
    if args.model.is_none() && !std::path::Path::new(&args.registry.registry).exists() {
        return Ok(None);
    }
    let registry = args.open()?;
    match registry.find(args.model.as_deref()) {
        Ok(path) => Ok(Some(Bundle::load(&path)?)),
        // A registry without a single champion is no reason not to judge what was kept.
        Err(_) if args.model.is_none() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A figure with its interval.
fn ranged(value: Option<f64>, low: Option<f64>, high: Option<f64>) -> String {
    match (value, low, high) {
        (Some(value), Some(low), Some(high)) => format!("{value:.3} ({low:.3} to {high:.3})"),
        (Some(value), ..) => format!("{value:.3}"),
        _ => "-".to_owned(),
    }
}

fn show(found: &Report) {
    if found.windows.is_empty() && found.pending.is_empty() {
        out!("no scores are kept in this store yet; `homing score --profiles` keeps them");
    }
    for Window { figures: f, model, horizon_days, from, to, segment, customers } in &found.windows {
        if segment != "all" {
            continue;
        }
        out!("{model}, {horizon_days} days, {from} to {to}: {customers} customers");
        let line = |name: &str, text: String| out!("  {name:<26} {text}");
        line("AUC", ranged(f.auc, f.auc_low, f.auc_high));
        line("log loss", ranged(f.logloss, f.logloss_low, f.logloss_high));
        line("calibration error", ranged(f.ece, f.ece_low, f.ece_high));
        line("spend bias", ranged(f.spend_bias, f.spend_bias_low, f.spend_bias_high));
        let coverage = ranged(f.interval_coverage, f.interval_coverage_low, f.interval_coverage_high);
        line("coverage of 80 % intervals", coverage);
        line("high risk was right", ranged(f.high_precision, f.high_precision_low, f.high_precision_high));
    }
    for one in &found.pending {
        out!(
            "{}, {} days, from {}: due {}; expected AUC {}, log loss {}",
            one.model,
            one.horizon_days,
            one.from,
            one.due,
            ranged(one.estimated_auc, None, None),
            ranged(one.estimated_logloss, None, None)
        );
    }
    for one in &found.comparisons {
        out!(
            "{} beside {}, {} days, {} to {}: log loss {:.4} and {:.4}, difference {}: {}",
            one.champion,
            one.challenger,
            one.horizon_days,
            one.from,
            one.to,
            one.logloss,
            one.challenger_logloss,
            ranged(Some(one.difference), one.difference_low, one.difference_high),
            match one.better {
                "undecided" => "no difference is proven".to_owned(),
                better => format!("the {better} is better"),
            }
        );
    }
    if let Some(lead) = &found.lead_time {
        out!(
            "of {} customers who lapsed, churn.level warned of {:.0} % ({:.0} to {:.0} %), of {:.0} % 30 days ahead or more; median {} days ahead",
            lead.lapsed,
            100.0 * lead.warned,
            100.0 * lead.warned_low,
            100.0 * lead.warned_high,
            100.0 * lead.in_time,
            ranged(lead.lead_days, lead.lead_days_low, lead.lead_days_high)
        );
    }
    for drift in found.drift.iter().filter(|drift| drift.psi > 0.1) {
        out!("drift of {} ({}): PSI {:.2}", drift.name, drift.kind, drift.psi);
    }
    for alarm in &found.alarms {
        out!("ALARM {}: {:.3}, threshold {:.3}: {}", alarm.code, alarm.value, alarm.threshold, alarm.advice);
    }
    if found.alarms.is_empty() && !found.windows.is_empty() {
        out!("no alarms");
    }
}
