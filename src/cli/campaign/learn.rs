//! `homing campaign learn`.

use clap::Args;
use homing_datasets::progress::Stage;
use homing_datasets::{Zone, out};

use crate::campaign::evaluate::EvaluateError;
use crate::campaign::learn::{LearnError, Lesson, learn};
use crate::cli::args::{StoreArgs, print_json};
use crate::cli::{Refused, WrongUse};

#[derive(Args)]
pub(in crate::cli) struct Learn {
    /// Names of campaigns. Default: all with a hold-out whose window is over.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Days after the list within which purchases count.
    #[arg(long, env = "HOMING_WINDOW_DAYS", default_value_t = 30, value_name = "DAYS")]
    window_days: u32,
    /// Only show what would be done; record nothing.
    #[arg(long, env = "HOMING_DRY_RUN")]
    dry_run: bool,
    /// Seed of folds and intervals.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
}

pub(super) fn learned(args: &Learn) -> anyhow::Result<()> {
    let lesson = Lesson {
        campaigns: args.names.clone(),
        window_days: args.window_days,
        seed: args.seed,
        record: !args.dry_run,
    };
    let store = args.store.open(Zone::default())?;
    let stage = Stage::begin("learn uplift");
    let found = learn(store.as_ref(), &lesson).map_err(|error| match error {
        LearnError::Campaign(EvaluateError::InvalidArgument(text)) => anyhow::Error::from(WrongUse(text)),
        LearnError::Campaign(EvaluateError::Refused(text)) => Refused(text).into(),
        LearnError::Training(error) => error.into(),
        other => other.into(),
    })?;
    stage.done(&format!("{} contacted, {} held out", found.uplift.contacted, found.uplift.held_out));
    for one in &found.left_out {
        eprintln!("warning: campaign `{}` was left out: {}", one.campaign, one.reason);
    }
    if found.thinned > 0 {
        eprintln!(
            "{} contacted customers were left out, so that all campaigns have the same share held out",
            found.thinned
        );
    }
    if args.json {
        return print_json(&found);
    }
    let uplift = &found.uplift;
    let ranged = |value: Option<f64>, low: Option<f64>, high: Option<f64>| match (value, low, high) {
        (Some(value), Some(low), Some(high)) => format!("{value:.4} ({low:.4} to {high:.4})"),
        _ => "not known".to_owned(),
    };
    let judged = &found.judged;
    out!("from {}", uplift.campaigns.join(", "));
    out!("effect on buyers      {}", ranged(Some(judged.effect), judged.effect_low, judged.effect_high));
    out!("Qini (out of fold)    {}", ranged(uplift.qini, uplift.qini_low, uplift.qini_high));
    out!("uplift of the top 30 % {}", ranged(judged.top30_uplift, judged.top30_low, judged.top30_high));
    out!("{}", uplift.conclusion);
    out!(
        "{}",
        match (uplift.claimed, args.dry_run) {
            (_, true) => "dry run: nothing was changed",
            (true, _) =>
                "the next scoring tags customers: uplift.value, uplift.group; homing campaign make --rank uplift",
            (false, _) => "customers are not tagged with uplift",
        }
    );
    Ok(())
}
