//! `homing score`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use homing_datasets::cli::{Purchases, show_warnings};
use homing_datasets::engine::{SnapshotFolder, Updated, fingerprint};
use homing_datasets::guards::compare_amounts;
use homing_datasets::identity::People;
use homing_datasets::progress::Stage;
use homing_datasets::table::Format;
use homing_datasets::warnings::Code;
use homing_datasets::{History, Micros, Shard, Stream, StreamOptions, Zone, calendar};
use serde_json::{Value, json};

use super::args::{PasswordArgs, print_json};
use super::{CatalogueArgs, CurrencyArgs, DoneInPart, ModelArgs, WrongUse};
use crate::monitor::keep::{Challenger, Keep, Sample};
use crate::scoring::batch::{self, FileSummary, ScoresFile, Source};
use crate::scoring::nightly::{self, Identity, Journal, Terms};
use crate::scoring::{Engine, Score as _, Spent};
use crate::service::condition::{LAST_BATCH, LastRun, note_run};
use crate::uplift::UpliftSlot;
use homing_models::Alias;
use homing_profiles::Store;
use homing_profiles::writeback::WriteBack;

/// Score every customer.
///
/// Results go to a file (--out), the profile store (--profiles) or both.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing score --purchases orders.csv --out scores.csv
  homing score --purchases '/data/today/*.parquet' --snapshot snapshot --profiles sqlite:profiles.db
  homing score --purchases orders.csv --horizons 14,60,180 --out scores.csv
  homing score --purchases orders.csv --model shop@challenger --as-of 2025-06-30 --out scores.csv")]
pub(super) struct Score {
    /// Write one row per customer (.parquet, .csv or .ndjson).
    #[arg(long, env = "HOMING_OUT", value_name = "FILE", required_unless_present = "profiles")]
    out: Option<PathBuf>,
    /// Profile store: sqlite:PATH or postgres://USER@HOST:PORT/DATABASE.
    #[arg(long, env = "HOMING_PROFILES", value_name = "URL", help_heading = "Profile store")]
    profiles: Option<String>,
    /// Reference date: only data up to it are used. A date means its end in the business's time zone. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
    /// Horizons in days.
    ///
    /// Added to those that the model was fitted to: what lies between two of them is interpolated, what lies beyond the last one
    /// follows the lifetime model.
    #[arg(long, env = "HOMING_HORIZONS", value_delimiter = ',', value_name = "DAYS")]
    horizons: Vec<u32>,
    /// Yearly discount rate of customer lifetime value.
    ///
    /// Default: the model's.
    #[arg(long, env = "HOMING_DISCOUNT_RATE", value_name = "RATE")]
    discount_rate: Option<f64>,
    /// Folder that keeps all histories, so that each run reads only new files. Every customer in it is scored; events that it already
    /// contains are not counted twice.
    #[arg(long, env = "HOMING_SNAPSHOT", value_name = "DIR")]
    snapshot: Option<PathBuf>,
    /// Score one of several parts of the customers, such as 3/16. Each part may run on a machine of its own.
    #[arg(long, env = "HOMING_SHARD", value_name = "N/OF")]
    shard: Option<Shard>,
    /// Folder that records progress, so that an interrupted run can resume. Default: PATH.batch beside a SQLite store.
    #[arg(long, env = "HOMING_JOURNAL", value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Time to record as the time of scoring. Default: now.
    #[arg(long, env = "HOMING_SCORED_AT", value_name = "TIME")]
    scored_at: Option<String>,
    /// People map written by `homing identity --out`: score people instead of records.
    #[arg(long, env = "HOMING_PEOPLE", value_name = "FILE")]
    people: Option<String>,
    /// People map of the previous run. Profiles of records that now belong to another person move there.
    #[arg(
        long,
        env = "HOMING_PEOPLE_BEFORE",
        value_name = "FILE",
        requires = "people",
        requires = "profiles"
    )]
    people_before: Option<String>,
    /// Customers whose scores are kept, to be judged by `homing monitor` when their horizon is over; 0 keeps none.
    #[arg(
        long,
        env = "HOMING_MONITOR_SAMPLE",
        default_value_t = 5_000,
        value_name = "N",
        help_heading = "Profile store"
    )]
    monitor_sample: u64,
    /// Days from one kept night to the next.
    #[arg(
        long,
        env = "HOMING_MONITOR_EVERY",
        default_value_t = 7,
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(1..),
        help_heading = "Profile store"
    )]
    monitor_every: u32,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten)]
    currency: CurrencyArgs,
    #[command(flatten, next_help_heading = "Profile store")]
    password: PasswordArgs,
    #[command(flatten, next_help_heading = "Purchases")]
    purchases: Purchases,
    #[command(flatten, next_help_heading = "Model")]
    model: ModelArgs,
    #[command(flatten, next_help_heading = "Tags and playbook")]
    catalogue: CatalogueArgs,
}

/// A run into profiles before it begins.
struct Night {
    store: Arc<dyn Store>,
    journal: Journal,
    identity: Identity,
    /// The business's own table, which is kept up to date too.
    back: Option<WriteBack>,
}

/// What a run scores with.
struct Run<'a> {
    args: &'a Score,
    /// The time zone of the model.
    zone: Zone,
    engine: Engine,
    people: Option<Arc<People>>,
    night: Option<Night>,
    /// What an unfinished run of the same kind scored with.
    resumed: Option<Terms>,
}

pub(super) fn run(args: &Score, config: Option<&Path>) -> anyhow::Result<()> {
    args.currency.apply();
    if let Some(out) = &args.out {
        Format::of(out).map_err(|error| WrongUse(error.to_string()))?;
    }
    keep_inputs(args)?;
    // First of all: from here on temporary files are encrypted.
    let keys = args.purchases.encryption.keys()?;
    let mut run = Run::prepare(args, config)?;
    let zone = run.zone;
    let as_of = args.as_of.as_ref().map(|text| zone.as_of(text)).transpose()?;
    let scored_at = args.scored_at.as_ref().map(|text| zone.instant(text)).transpose()?;
    let before = args.people_before.as_ref().map(|path| People::read(path)).transpose()?;

    let stage = Stage::begin("read");
    let open = |folder: &PathBuf| SnapshotFolder::open_with(folder, zone, args.shard, keys.clone());
    let folder = args.snapshot.as_ref().map(open).transpose()?;
    let held = folder.as_ref().map(SnapshotFolder::days).transpose()?;
    let stream = Stream::open(&args.purchases.purchases, &StreamOptions { held, ..run.options()? })?;
    let mut summary = stream.summary().clone();
    let rejected: u64 = summary.rejected.values().sum();
    let read_s = stage.done(&format!(
        "{} events ({} lines without a customer, {rejected} rejected)",
        summary.events, summary.without_customer
    ));
    let learned = run.engine.model().as_of_micros;
    if let Some(as_of) = as_of.filter(|&as_of| as_of < learned) {
        let example = || {
            format!("{}; the model was trained on data until {}", zone.format(as_of), zone.format(learned))
        };
        summary.warnings.note(Code::AsOfBeforeModel, example);
    }
    compare_amounts(summary.amounts, run.engine.learned_amounts(), &mut summary.warnings);
    show_warnings(&summary.warnings);
    args.purchases.refuse_warnings(&summary.warnings)?;
    let snapshot = folder.map(|folder| run.snapshot(folder, &stream)).transpose()?;
    let last = match &snapshot {
        Some(kept) => kept.folder.held().and_then(|held| held.last),
        None => summary.last_instant,
    };
    let source = snapshot.as_ref().map_or(Source::Lines(&stream), |kept| Source::Snapshot(&kept.folder));
    let Some(terms) = run.terms(as_of, scored_at, last) else {
        return Err(WrongUse("no events to score".to_owned()).into());
    };
    let mut document = json!({
        "model": terms.model,
        "as_of": zone.format(terms.as_of),
        "seconds": { "read": read_s },
        "temporary_bytes": stream.on_disk(),
    });
    if let Some(kept) = &snapshot {
        kept.describe(&mut document);
    }
    if let Some(shard) = args.shard {
        document["shard"] = shard.to_string().into();
    }
    let mut left = None;
    match run.night.take() {
        Some(night) => {
            if let (Some(before), Some(now)) = (&before, &run.people) {
                merge(&night, &run.engine, &now.merged_since(before), &terms, &mut document)?;
            }
            left = write(night, source, &run, &terms, &mut document)?;
            summary.customers = document["profiles"]["customers"].as_u64().unwrap_or(0) as usize;
        }
        None => {
            if let Some(out) = &args.out {
                summary.customers = write_file(source, &run.engine, &terms, out, &mut document)? as usize;
            }
        }
    }
    document["read"] = serde_json::to_value(&summary)?;
    document["warnings"] = serde_json::to_value(summary.warnings.list())?;
    if args.json {
        print_json(&document)?;
    }
    left.map_or(Ok(()), |left| Err(DoneInPart(left).into()))
}

impl<'a> Run<'a> {
    /// Loads model and tags; with profiles, opens the store and takes up an unfinished run.
    fn prepare(args: &'a Score, config: Option<&Path>) -> anyhow::Result<Self> {
        let catalogue = args.catalogue.load()?;
        let registry = args.model.open()?;
        let uplift = UpliftSlot::default();
        let load = |model: Option<&str>| -> anyhow::Result<Engine> {
            let engine = Engine::load(&registry, model, &catalogue)?.with_uplift(uplift.clone());
            let asked = engine.asked(&args.horizons, args.discount_rate, &catalogue);
            asked.map_err(|error| WrongUse(error.to_string()).into())
        };
        let engine = load(args.model.model.as_deref())?;
        let people = args.people.as_ref().map(|path| People::read(path)).transpose()?.map(Arc::new);
        let zone = args.purchases.zone_of(engine.model().timezone)?;
        let mut run = Run { args, zone, engine, people, night: None, resumed: None };
        let Some(place) = &args.profiles else { return Ok(run) };
        let mut night = prepare(args, place, &run.options()?, zone)?;
        uplift.load(night.store.as_ref())?;
        // Before the work, so that a table that does not fit is reported at once.
        night.back = super::write_back(&night.store, &args.password.place(place)?, &catalogue, config)?;
        if let Some(found) = night.journal.terms(&night.identity).cloned() {
            if found.model != *run.engine.model().id
                && let Ok(before) = load(Some(args.model.model.as_deref().unwrap_or(&found.model)))
                && *before.model().id == *found.model
            {
                // The champion has changed since: the run that began with its predecessor ends with it.
                run.engine = before;
            }
            run.resumed = Some(found).filter(|found| found.model == *run.engine.model().id);
        }
        match &run.resumed {
            Some(_) => eprintln!("resuming the interrupted run"),
            None => night.journal.forget(),
        }
        run.night = Some(night);
        Ok(run)
    }

    /// The challenger of the champion that scores; it is compared with it on the customers that are kept. One that cannot be loaded
    /// is no reason not to score.
    fn challenger(&self) -> Option<Box<Challenger>> {
        let registry = self.args.model.open().ok()?;
        let own = self.engine.model();
        let is_champion = registry.version(&own.name, Alias::Champion).as_deref() == Some(&own.version);
        let version = registry.version(&own.name, Alias::Challenger).filter(|_| is_champion)?;
        let catalogue = self.args.catalogue.load().ok()?;
        match Engine::load(&registry, Some(&format!("{}@{version}", own.name)), &catalogue) {
            Ok(engine) => Some(Box::new(move |id, history, at| {
                engine.run(id, history, at, at, false, &Spent::default())
            })),
            Err(error) => {
                tracing::warn!(%error, "the challenger was not compared with the champion");
                None
            }
        }
    }

    fn options(&self) -> anyhow::Result<StreamOptions> {
        let mut options = StreamOptions { shard: self.args.shard, ..self.args.purchases.stream(self.zone)? };
        options.read.people = self.people.clone();
        // The file needs everyone; the profiles need those who are not yet done.
        let skip = self.args.out.is_none() && self.args.snapshot.is_none();
        let upto = self.night.as_ref().and_then(|night| night.journal.upto());
        options.after = upto.filter(|_| skip).map(str::to_owned);
        Ok(options)
    }

    /// Puts today's lines into the snapshot.
    fn snapshot(&self, mut folder: SnapshotFolder, today: &Stream) -> anyhow::Result<Kept> {
        let erased = self.night.as_ref().map(|night| night.store.erased()).transpose()?;
        let stage = Stage::begin("snapshot");
        let updated = folder.update(today, erased.as_ref(), self.zone, self.args.shard)?;
        let held = folder.held().map_or(0, |held| held.customers);
        let seconds = stage.done(&format!(
            "{} new customers, {} with new events, {held} in total",
            updated.added, updated.changed
        ));
        if updated.set_aside > 0 {
            eprintln!(
                "          {:>9} events with implausible dates removed from the snapshot",
                updated.set_aside
            );
        }
        Ok(Kept { folder, updated, seconds })
    }

    /// What is scored with: what an unfinished run began with, else what was asked for, else the data's last instant and now.
    fn terms(&self, as_of: Option<Micros>, scored_at: Option<Micros>, last: Option<Micros>) -> Option<Terms> {
        if let Some(resumed) = &self.resumed {
            return Some(resumed.clone());
        }
        let model = self.engine.model().id.to_string();
        let scored_at = scored_at.unwrap_or_else(calendar::now);
        Some(Terms { model, as_of: as_of.or(last)?, scored_at })
    }
}

/// Scores into a file alone; says how many customers.
fn write_file(
    source: Source<'_>,
    engine: &Engine,
    terms: &Terms,
    out: &Path,
    document: &mut Value,
) -> anyhow::Result<u64> {
    let stage = Stage::begin("score");
    let file = ScoresFile::create(out, engine)?;
    let done = batch::to_file(source, engine, terms.as_of, terms.scored_at, file)?;
    let seconds =
        stage.done(&format!("{} of {} customers scored to {}", done.scored, done.customers, out.display()));
    say_totals(&done);
    document["file"] = serde_json::to_value(&done)?;
    document["seconds"]["score_and_write_file"] = seconds.into();
    Ok(done.customers)
}

/// Says what all customers of a file together are expected to spend.
fn say_totals(done: &FileSummary) {
    for total in &done.totals {
        let interval = total.expected_spend_low.zip(total.expected_spend_high);
        let interval = interval
            .map_or_else(String::new, |(low, high)| format!(" (80 % interval {low:.0} to {high:.0})"));
        eprintln!(
            "          next {} days: {:.0} customers are expected to buy, for {:.0} in total{interval}",
            total.days, total.expected_buyers, total.expected_spend
        );
    }
}

/// Moves the profiles of customers who turned out to be one person with another.
fn merge(
    night: &Night,
    engine: &Engine,
    pairs: &[(&str, &str)],
    terms: &Terms,
    document: &mut Value,
) -> anyhow::Result<()> {
    let stage = Stage::begin("merge");
    let scorer = |id: &str, history: &History, at| engine.score(id, history, at, terms.scored_at);
    let mut merged = 0;
    for (from, into) in pairs {
        merged += u64::from(homing_profiles::merge(night.store.as_ref(), from, into, terms.as_of, &scorer)?);
    }
    let seconds = stage.done(&format!("{merged} profiles merged into another person's"));
    document["merged"] = merged.into();
    document["seconds"]["merge"] = seconds.into();
    Ok(())
}

/// A snapshot with today's lines in it.
struct Kept {
    folder: SnapshotFolder,
    updated: Updated,
    seconds: f64,
}

impl Kept {
    fn describe(&self, document: &mut Value) {
        document["snapshot"] = json!({ "today": self.updated, "held": self.folder.held() });
        if let Some(held) = document["snapshot"]["held"].as_object_mut() {
            for internal in ["files", "days", "format"] {
                held.remove(internal);
            }
        }
        document["seconds"]["snapshot"] = self.seconds.into();
    }
}

/// Refuses outputs that are read, or would be by the next run.
fn keep_inputs(args: &Score) -> Result<(), homing_datasets::Error> {
    let files: Vec<String> = args.catalogue.files().chain(args.model.folder()).collect();
    let people = [&args.people, &args.people_before].into_iter().flatten();
    let others: Vec<&str> = people.chain(&files).map(String::as_str).collect();
    let store = args.profiles.as_deref().and_then(homing_profiles::local_file).map(Path::new);
    let outputs = [
        ("out", args.out.as_deref()),
        ("profiles", store),
        ("snapshot", args.snapshot.as_deref()),
        ("journal", args.journal.as_deref()),
    ];
    args.purchases.keep_inputs(&others, &outputs)
}

/// Opens the store and the journal, and keeps other batches out.
fn prepare(args: &Score, place: &str, options: &StreamOptions, zone: Zone) -> anyhow::Result<Night> {
    let store = homing_profiles::open(&args.password.place(place)?, zone)?;
    let folder = match (&args.journal, homing_profiles::local_file(place)) {
        (Some(folder), _) => folder.clone(),
        (None, Some(path)) => PathBuf::from(format!("{path}.batch")),
        // An address may hold a password: it names no folder.
        (None, None) => Path::new("homing-batch").join(format!("{:08x}", fnv(place))),
    };
    let mut journal = Journal::open(&folder, args.shard, args.purchases.encryption.keys()?)?;
    if let Some(upto) = journal.check(store.as_ref())? {
        eprintln!(
            "homing: an interrupted run had written customers up to `{upto}`, but the profile store does not hold them: it was restored or replaced \
             since. This run begins at the beginning."
        );
    }
    let of_file = |path: Option<&Path>| -> std::io::Result<u32> {
        path.map_or(Ok(0), |path| Ok(fnv(&std::fs::read_to_string(path)?)))
    };
    let settings = json!({
        "people": of_file(args.people.as_deref().map(Path::new))?,
        "place": format!("{:08x}", fnv(place)),
        "columns": args.purchases.columns,
        "since": args.purchases.since,
        "max_rejects": args.purchases.max_rejects,
        "accept": args.purchases.accept.iter().map(|what| format!("{what:?}")).collect::<Vec<_>>(),
        "registry": args.model.registry.registry,
        "model": args.model.model,
        "tags": of_file(args.catalogue.tags_file.as_deref())?,
        "playbook": of_file(args.catalogue.playbook_file.as_deref())?,
        "as_of": args.as_of,
        "scored_at": args.scored_at,
        "horizons": args.horizons,
        "discount_rate": args.discount_rate,
        "shard": args.shard.map(|shard| shard.to_string()),
        "snapshot": args.snapshot,
    });
    let input = fingerprint(&args.purchases.purchases, &options.read)?;
    let homing = env!("CARGO_PKG_VERSION").to_owned();
    let identity = Identity { input, settings: settings.to_string(), homing };
    Ok(Night { store, journal, identity, back: None })
}

fn fnv(text: &str) -> u32 {
    // FNV-1a with 32 bits: only equality matters.
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Writes the profiles, and beside them the file and the business's own table where asked for; says what is left where the run
/// was asked to stop.
fn write(
    night: Night,
    source: Source<'_>,
    run: &Run<'_>,
    terms: &Terms,
    document: &mut Value,
) -> anyhow::Result<Option<String>> {
    let Night { store, mut journal, identity, back } = night;
    let stop = Arc::new(AtomicBool::new(false));
    on_signal(&stop);
    let levels = |store: &dyn Store| -> anyhow::Result<Value> {
        Ok(serde_json::to_value(store.totals()?.churn_levels)?)
    };
    let before = levels(store.as_ref())?;
    let stage = Stage::begin("profiles");
    let tell = |count: u64| stage.at(&format!("{count} customers"));
    let events = match &source {
        Source::Lines(stream) => stream.summary().events,
        Source::Snapshot(folder) => folder.held().map_or(0, |held| held.customers * 5),
    };
    let sample = Sample { customers: run.args.monitor_sample, every_days: run.args.monitor_every };
    let keep = Keep::begin(store.as_ref(), sample, terms.as_of, events)?;
    let keep = keep.map(|keep| keep.beside(run.challenger()));
    let job = (&mut journal, &identity, terms, keep.as_ref());
    let file = run.args.out.as_ref().map(|out| ScoresFile::create(out, &run.engine)).transpose()?;
    let done = nightly::to_profiles(source, &run.engine, store.as_ref(), job, file, &stop, &tell)?;
    let number = |name: &str| done.done[name].as_u64().unwrap_or(0);
    let seconds = stage.done(&format!(
        "{} new, {} changed, {} unchanged, {} skipped (store has a newer score); {} tags changed",
        number("inserted"),
        number("updated"),
        number("unchanged"),
        number("newer_in_store"),
        number("tags_changed")
    ));
    if let (Some(file), Some(out)) = (&done.file, &run.args.out) {
        eprintln!(
            "          file: {} of {} customers scored to {}",
            file.scored,
            file.customers,
            out.display()
        );
        say_totals(file);
        document["file"] = serde_json::to_value(file)?;
    }
    if !done.stopped {
        let changed = number("inserted") + number("updated");
        let run = LastRun { seconds, customers: number("customers"), changed };
        note_run(store.as_ref(), LAST_BATCH, calendar::now(), run)?;
    }
    document["profiles"] = done.done.clone();
    document["resumed_after"] = done.resumed_after.clone().into();
    document["churn_levels"] = json!({ "before": before, "after": levels(store.as_ref())? });
    document["seconds"]["score_and_write_profiles"] = seconds.into();
    document["seconds"]["of_which_scoring_summed_over_threads"] = done.scoring_s.into();
    if done.stopped {
        let customers = number("customers");
        return Ok(Some(format!(
            "stopped on request after {customers} customers; run the same command again to continue"
        )));
    }
    if let Some(back) = back {
        let stage = Stage::begin("write back");
        let done = back.sweep(terms.scored_at)?;
        let seconds = stage.done(&format!(
            "{} rows written, {} unchanged, {} members missing, {} refused",
            done.written, done.unchanged, done.missing, done.refused_rows
        ));
        document["writeback"] = serde_json::to_value(&done)?;
        document["seconds"]["write_back"] = seconds.into();
        if let Some((_, reason)) = done.refused.first() {
            return Ok(Some(format!(
                "the CRM table refused {} rows, for example: {reason}; all others are written. Correct the table or the column, \
                 then run the same command again",
                done.refused_rows
            )));
        }
    }
    Ok(None)
}

/// Sets `stop` when the process is asked to end (SIGTERM, ctrl-c); asked a second time it ends at once.
fn on_signal(stop: &Arc<AtomicBool>) {
    let stop = stop.clone();
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            loop {
                asked_to_end().await;
                if stop.swap(true, Ordering::Relaxed) {
                    std::process::exit(1);
                }
                eprintln!("homing: stopping after the current customers; interrupt again to stop now");
            }
        });
    });
}

#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
