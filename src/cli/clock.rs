//! `homing clock`.

use clap::Args;
use homing_datasets::{Zone, out};
use serde_json::json;

use super::args::{StoreArgs, print_json};

/// Show or reset the data clock of the profile store.
///
/// The data clock is the time of the latest event. The nightly batch corrects dates in the future by itself; use --set when another
/// wrong date moved the clock.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing clock --profiles sqlite:profiles.db
  homing clock --set 2025-06-30")]
pub(super) struct Clock {
    /// Reset the clock, and scores of later dates, to this date (its end) or time. The next batch replaces these scores.
    #[arg(long, value_name = "DATE")]
    set: Option<String>,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
}

pub(super) fn run(args: &Clock) -> anyhow::Result<()> {
    let zone = Zone::default();
    let to = args.set.as_ref().map(|text| zone.as_of(text)).transpose()?;
    let store = args.store.open(zone)?;
    let set_back = to.map(|to| store.set_clock_back(to, to)).transpose()?;
    let text = |at: Option<i64>| at.map(|at| zone.format(at));
    let (data, scores) = (text(store.totals()?.data_until), text(store.latest_score()?));
    if args.json {
        let document = json!({ "data_until": data, "latest_score": scores, "scores_set_back": set_back });
        return print_json(&document);
    }
    if let Some(count) = set_back {
        out!("{count} scores reset; the next batch replaces them");
    }
    let shown = |at: Option<String>| at.unwrap_or_else(|| "none".to_owned());
    out!("latest event {}, latest score {}", shown(data), shown(scores));
    Ok(())
}
