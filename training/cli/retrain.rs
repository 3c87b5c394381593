//! `homing-train retrain`: one command for cron.

use clap::Args;
use homing_datasets::progress::Stage;
use homing_datasets::{DAY, Micros, out};
use homing_models::{Alias, Registry};
use serde_json::json;

use super::fit::{Prepared, Settings, whole};
use super::input::write_report;
use super::show;

#[derive(Args)]
#[command(after_help = "\
Examples:
  homing-train retrain --purchases exports/ --name shop
  homing-train retrain --purchases exports/ --name shop --every-days 30 --dry-run")]
pub(super) struct Retrain {
    /// Days of new data after which a model is trained again; until then the command does nothing.
    #[arg(long, env = "HOMING_EVERY_DAYS", default_value_t = 7, value_name = "DAYS")]
    every_days: u32,
    /// Only show what would be done; record nothing.
    #[arg(long, env = "HOMING_DRY_RUN")]
    dry_run: bool,
    #[command(flatten)]
    settings: Settings,
}

/// The end of the data of the newest model of a name.
fn newest(registry: &Registry, name: &str) -> Option<Micros> {
    let of = |version: &String| {
        let path = registry.find(Some(&format!("{name}@{version}"))).ok()?;
        Some(homing_models::Bundle::load(&path).ok()?.manifest().as_of)
    };
    registry.versions(name).iter().filter_map(of).max()
}

pub(super) fn run(args: &Retrain) -> anyhow::Result<()> {
    let settings = &args.settings;
    let prepared = settings.prepare()?;
    let Prepared { registry, loaded, until, .. } = &prepared;
    let learned = newest(registry, &settings.name);
    let due = Micros::from(args.every_days) * DAY;
    if let (Some(learned), Some(until)) = (learned, *until)
        && due > 0
        && until - learned < due
    {
        return not_due(args, learned, until);
    }
    let stage = Stage::begin("retrain");
    let (mut trained, compared) = settings.train(&prepared, &stage)?;
    // The reasons stay with the model.
    trained.bundle = trained.bundle.with_metric("promotion", serde_json::to_value(&compared)?)?;
    let alias = if compared.promote { Alias::Champion } else { Alias::Challenger };
    let place = if args.dry_run {
        format!("(would be {}); dry run: nothing was registered", alias.name())
    } else {
        let path = registry.register(&trained.bundle, alias)?;
        format!("({}) in {}", alias.name(), path.display())
    };
    if let (Some(file), Some(html)) = (&settings.report, trained.bundle.report()) {
        write_report(file, html)?;
    }
    let seconds = stage.end();
    let more = [
        ("outcome", json!(outcome(compared.promote, args.dry_run))),
        ("promoted", json!(compared.promote && !args.dry_run)),
        ("dry_run", json!(args.dry_run)),
    ];
    settings.tell(&loaded.summary, (&trained, &compared), &more, &place)?;
    eprintln!("trained in {seconds:.1} s");
    let done = match (args.dry_run, compared.promote) {
        (false, true) => "promoted",
        (false, false) => "registered as challenger",
        (true, true) => "it would be promoted",
        (true, false) => "it would be registered as challenger",
    };
    if let Some(text) = show::promotion(&compared, done) {
        eprintln!("homing-train: {text}");
    }
    whole(&trained)
}

fn outcome(promote: bool, dry_run: bool) -> &'static str {
    match (promote, dry_run) {
        (true, false) => "promoted",
        (false, false) => "challenger",
        (true, true) => "would_promote",
        (false, true) => "would_be_challenger",
    }
}

/// Says that there is nothing to do.
fn not_due(args: &Retrain, learned: Micros, until: Micros) -> anyhow::Result<()> {
    let zone = args.settings.common.purchases.zone();
    if args.settings.common.json {
        let document = json!({
            "outcome": "not_due",
            "promoted": false,
            "dry_run": args.dry_run,
            "learned_until": zone.format(learned),
            "data_until": zone.format(until),
            "every_days": args.every_days,
        });
        out!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    out!(
        "not due: the newest model of `{}` learned until {}, and the data end {}; it is trained again after {} days of new data",
        args.settings.name,
        zone.format(learned),
        zone.format(until),
        args.every_days
    );
    Ok(())
}
