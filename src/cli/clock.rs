//! `homing clock`.

use clap::Args;
use homing_datasets::{Zone, out};
use serde_json::json;

/// Shows the data clock of the profiles, or sets it back where dates that cannot be have moved it.
///
/// The nightly batch does so by itself for dates ahead of the machine's clock; this is for all others.
#[derive(Args)]
pub(super) struct Clock {
    /// Where the profiles are: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE.
    #[arg(long, env = "HOMING_PROFILES", default_value = "sqlite:profiles.db", value_name = "PLACE")]
    profiles: String,
    /// Sets clock and scores that lie beyond this instant back to it: a date (its end) or a time. The next batch then
    /// replaces these scores.
    #[arg(long, value_name = "DATE")]
    set: Option<String>,
    /// Prints one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

pub(super) fn run(args: &Clock) -> anyhow::Result<()> {
    let zone = Zone::default();
    let to = args.set.as_ref().map(|text| zone.as_of(text)).transpose()?;
    let store = homing_profiles::open(&args.profiles, zone)?;
    let set_back = to.map(|to| store.set_clock_back(to, to)).transpose()?;
    let text = |at: Option<i64>| at.map(|at| zone.format(at));
    let (data, scores) = (text(store.totals()?.data_until), text(store.latest_score()?));
    if args.json {
        let document = json!({ "data_until": data, "latest_score": scores, "scores_set_back": set_back });
        out!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    if let Some(count) = set_back {
        out!("{count} scores set back; the next batch replaces them");
    }
    let shown = |at: Option<String>| at.unwrap_or_else(|| "none".to_owned());
    out!("data until {}, scores as of {} at the latest", shown(data), shown(scores));
    Ok(())
}
