//! `homing-train fit`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;
use crate::pipeline::{Options, Trained, train};
use crate::promotion::{Comparison, Promote, compare};
use crate::report::Lang;
use crate::task::Task;
use clap::Args;
use homing_datasets::progress::Stage;
use homing_datasets::{Micros, ReadSummary, objects, out};
use homing_locales::{Currency, set_currency};
use homing_models::{Alias, Bundle, Registry};
use serde_json::Value;

use super::DoneInPart;
use super::input::{Common, Loaded, write_report};
use super::show;

#[derive(Args)]
#[command(after_help = "\
Examples:
  homing-train fit --purchases orders.csv --name shop
  homing-train fit --purchases exports/ --horizons 30,90,365 --registry s3://bucket/models
  homing-train fit --purchases orders.csv --name shop --challenger")]
pub(super) struct Fit {
    /// Register the model as challenger; the champion stays. The same as --promote never.
    #[arg(long, env = "HOMING_CHALLENGER")]
    challenger: bool,
    /// When the model becomes champion: if it is not worse on the holdout window, always, or never. Otherwise it becomes the challenger.
    #[arg(long, env = "HOMING_PROMOTE", value_enum, default_value = "if-better", value_name = "WHEN")]
    promote: Promote,
    #[command(flatten)]
    settings: Settings,
}

/// What a fit goes by, whoever asks for it.
#[derive(Args)]
pub(super) struct Settings {
    /// Name of the model.
    #[arg(long, env = "HOMING_NAME", default_value = "homing", value_name = "NAME")]
    pub(super) name: String,
    /// Reference date: only data up to it are used. A date means its end in the business's time zone. Default: the last event.
    #[arg(long, env = "HOMING_AS_OF", value_name = "DATE")]
    as_of: Option<String>,
    /// Horizons in days.
    #[arg(
        long,
        env = "HOMING_HORIZONS",
        value_delimiter = ',',
        default_value = "30,90,365",
        value_name = "DAYS"
    )]
    horizons: Vec<u32>,
    /// Horizon of the churn risk in days.
    #[arg(long, env = "HOMING_CHURN_HORIZON", default_value_t = 90, value_name = "DAYS")]
    churn_horizon: u32,
    /// Horizon of customer lifetime value in days.
    #[arg(long, env = "HOMING_VALUE_HORIZON", default_value_t = 365, value_name = "DAYS")]
    value_horizon: u32,
    /// Yearly discount rate of customer lifetime value.
    #[arg(
        long,
        env = "HOMING_DISCOUNT_RATE",
        default_value_t = 0.1,
        value_name = "RATE",
        allow_negative_numbers = true
    )]
    discount_rate: f64,
    /// Predict spend net of product returns.
    #[arg(long, env = "HOMING_NET_OF_RETURNS")]
    net_of_returns: bool,
    /// Model registry: a folder or an object-store URL such as s3://bucket/models.
    #[arg(long, env = "HOMING_REGISTRY", default_value = "registry", value_name = "DIR|URL")]
    pub(super) registry: String,
    /// Local copy of a registry in an object store. Default: a folder in the user's cache.
    #[arg(long, env = "HOMING_REGISTRY_CACHE", value_name = "DIR")]
    registry_cache: Option<PathBuf>,
    /// Also write the training report, which is part of the model, to this HTML file.
    #[arg(long, env = "HOMING_REPORT", value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// Language of the texts, such as zh or en.
    #[arg(long, env = "HOMING_LANG", default_value = "en", value_name = "CODE")]
    lang: Lang,
    /// Currency of the amounts shown: an ISO 4217 code such as CNY, EUR or USD. Default: plain numbers.
    #[arg(long, env = "HOMING_CURRENCY", value_name = "CODE")]
    currency: Option<Currency>,
    /// Also fit off-the-shelf learners in the backtest, for comparison.
    #[arg(long, env = "HOMING_CHALLENGERS")]
    challengers: bool,
    /// Seed for random sampling.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    #[command(flatten)]
    pub(super) common: Common,
}

impl Fit {
    /// Whether the model becomes champion, if the comparison with the present one allows it.
    fn promotes(&self, allowed: bool) -> bool {
        match self.promote {
            _ if self.challenger => false,
            Promote::Never => false,
            Promote::Always => true,
            Promote::IfBetter => allowed,
        }
    }
}

impl Settings {
    /// The task, checked.
    fn task(&self) -> anyhow::Result<Task> {
        if !(0.0..=10.0).contains(&self.discount_rate) {
            return Err(Error::InvalidArgument(format!(
                "--discount-rate {}: write a yearly rate from 0 to 10",
                self.discount_rate
            ))
            .into());
        }
        let task = Task {
            horizons: self.horizons.clone(),
            churn_horizon: self.churn_horizon,
            value_horizon: self.value_horizon,
            discount_rate: self.discount_rate,
            net_of_returns: self.net_of_returns,
            zone: self.common.purchases.zone(),
            name: self.name.clone(),
            seed: self.seed,
            ..Task::default()
        };
        task.all_horizons()?;
        Registry::check_name(&task.name)
            .map_err(|error| Error::InvalidArgument(format!("--name: {error}")))?;
        Ok(task)
    }

    /// Reads the purchases and opens the registry.
    pub(super) fn prepare(&self) -> anyhow::Result<Prepared> {
        if let Some(currency) = self.currency {
            set_currency(currency);
        }
        let as_of = self.common.instant(self.as_of.as_ref())?;
        let task = self.task()?;
        let folder = (!objects::is_address(&self.registry)).then(|| Path::new(&self.registry));
        let outputs = [("registry", folder), ("report", self.report.as_deref())];
        self.common.purchases.keep_inputs(&[], &outputs)?;
        let loaded = self.common.load(self.seed)?;
        self.common.purchases.refuse_warnings(&loaded.summary.warnings)?;
        let registry = Registry::open(&self.registry, self.registry_cache.as_deref())?;
        let until = as_of.or(loaded.histories.last_instant());
        Ok(Prepared { task, as_of, until, registry, loaded })
    }

    /// Fits, and compares with the champion.
    pub(super) fn train(&self, prepared: &Prepared, stage: &Stage) -> anyhow::Result<(Trained, Comparison)> {
        let Prepared { task, as_of, until, registry, loaded } = prepared;
        let previous = until.and_then(|until| registry.before(&task.name, until)).map(Arc::new);
        let options = Options {
            task: task.clone(),
            as_of: *as_of,
            previous,
            challengers: self.challengers,
            lang: self.lang,
            sampled: Some(loaded.sampled),
        };
        let trained = train(&loaded.histories, &options, &|text| stage.step(text))?;
        let champion = champion(registry, &trained.bundle.manifest().name);
        let compared = compare(&loaded.histories, &trained, champion.as_ref(), self.seed)?;
        Ok((trained, compared))
    }

    /// Says what came of it.
    pub(super) fn tell(
        &self,
        summary: &ReadSummary,
        (trained, compared): (&Trained, &Comparison),
        more: &[(&str, Value)],
        place: &str,
    ) -> anyhow::Result<()> {
        if self.common.json {
            let mut document = serde_json::to_value(trained.summary())?;
            document["promotion"] = serde_json::to_value(compared)?;
            for (name, value) in more {
                document[name] = value.clone();
            }
            document["read"] = serde_json::to_value(summary)?;
            document["warnings"] = serde_json::to_value(summary.warnings.list())?;
            out!("{}", serde_json::to_string_pretty(&document)?);
        } else {
            out!("{}", show::usability(&trained.usability).trim_end_matches('\n'));
            if let Some(report) = &trained.backtest {
                out!("{}", show::report(report).trim_end_matches('\n'));
            }
            out!("model {} {place}", trained.bundle.id());
        }
        Ok(())
    }
}

/// What a fit begins with.
pub(super) struct Prepared {
    task: Task,
    as_of: Option<Micros>,
    /// The end of the data that are learned from.
    pub(super) until: Option<Micros>,
    pub(super) registry: Registry,
    pub(super) loaded: Loaded,
}

pub(super) fn run(args: &Fit) -> anyhow::Result<()> {
    let prepared = args.settings.prepare()?;
    let stage = Stage::begin("fit");
    let (trained, compared) = args.settings.train(&prepared, &stage)?;
    let promote = args.promotes(compared.promote);
    let alias = if promote { Alias::Champion } else { Alias::Challenger };
    let path = prepared.registry.register(&trained.bundle, alias)?;
    if let (Some(file), Some(html)) = (&args.settings.report, trained.bundle.report()) {
        write_report(file, html)?;
    }
    let seconds = stage.end();
    let place = format!("({}) in {}", alias.name(), path.display());
    let told = (&trained, &compared);
    args.settings.tell(&prepared.loaded.summary, told, &[("promoted", promote.into())], &place)?;
    eprintln!("fitted in {seconds:.1} s");
    let done = if promote { "promoted" } else { "registered as challenger; --promote always overrides" };
    if let Some(text) = show::promotion(&compared, done) {
        eprintln!("homing-train: {text}");
    }
    whole(&trained)
}

/// An error with exit code 4 where steps beside the fit failed.
pub(super) fn whole(trained: &Trained) -> anyhow::Result<()> {
    for failure in &trained.failures {
        eprintln!("homing-train: {} failed: {}", failure.step, failure.cause);
    }
    if trained.failures.is_empty() {
        return Ok(());
    }
    let steps: Vec<&str> = trained.failures.iter().map(|failure| failure.step).collect();
    Err(DoneInPart(steps.join(", ")).into())
}

/// The champion of this name; `None` where there is none, or where it cannot be read and a new one is welcome.
pub(super) fn champion(registry: &Registry, name: &str) -> Option<Bundle> {
    let version = registry.version(name, Alias::Champion)?;
    let loaded = registry.find(Some(&format!("{name}@{version}"))).and_then(|path| Bundle::load(&path));
    if let Err(error) = &loaded {
        eprintln!("homing-train: the champion was not compared: {error}");
    }
    loaded.ok()
}
