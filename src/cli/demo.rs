//! `homing demo`: train, score and serve on the sample data that homing ships.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use homing_datasets::calendar;
use homing_datasets::progress::Stage;
use homing_datasets::simulate::Chain;
use homing_models::{Alias, Registry};
use homing_training::pipeline::{Options, train};
use homing_training::task::Task;

use super::{CatalogueArgs, CurrencyArgs};
use crate::scoring::{Engine, Score as _, batch};
use crate::service::Models;
use crate::web::Sample;

/// Train, score and serve on sample data, offline.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing demo
  homing demo --dataset chain --listen 127.0.0.1:0")]
pub(super) struct Demo {
    /// Address and port to listen on; port 0 picks a free one.
    #[arg(long, env = "HOMING_LISTEN", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    listen: String,
    /// Sample data to use.
    #[arg(long, env = "HOMING_DATASET", value_enum, default_value = "cdnow", value_name = "NAME")]
    dataset: Dataset,
    /// Folder for the model and the profiles of the demo.
    #[arg(long, env = "HOMING_FOLDER", default_value = "homing-demo", value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    currency: CurrencyArgs,
    #[command(flatten, next_help_heading = "Tags and playbook")]
    catalogue: CatalogueArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Dataset {
    /// 23,570 customers of an online music shop, 1997 to 1998.
    Cdnow,
    /// 20,000 customers of a simulated chain of baby-goods shops, three years.
    Chain,
}

impl Dataset {
    fn sample(self) -> Sample {
        match self {
            Dataset::Cdnow => Sample::Cdnow,
            Dataset::Chain => Sample::Chain,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Dataset::Cdnow => "cdnow",
            Dataset::Chain => "chain",
        }
    }
}

pub(super) fn run(args: &Demo) -> anyhow::Result<()> {
    args.currency.apply();
    let catalogue = args.catalogue.load()?;
    // Before the work, so that a port in use is reported at once.
    drop(std::net::TcpListener::bind(&args.listen).map_err(|cause| {
        anyhow::anyhow!("cannot listen on {}: {cause}; choose another address or port with --listen, such as --listen 127.0.0.1:0 for a free port", args.listen)
    })?);
    let stage = Stage::begin("read");
    let histories = match args.dataset {
        Dataset::Cdnow => homing_datasets::cdnow()?,
        Dataset::Chain => Chain { customers: 20_000, ..Chain::default() }.histories()?,
    };
    let mut work = stage.done(&format!("{} events of {} customers", histories.events(), histories.len()));
    let stage = Stage::begin("train");
    let task = Task { name: args.dataset.name().to_owned(), ..Task::default() };
    let options = Options { task, ..Options::default() };
    let trained = train(&histories, &options, &|text| stage.step(text))?;
    let registry = Registry::at(args.folder.join("registry"));
    registry.register(&trained.bundle, Alias::Champion)?;
    let grade =
        trained.backtest.as_ref().map_or_else(String::new, |report| format!(", grade {:?}", report.grade));
    work += stage.done(&format!("{}{grade}", trained.bundle.id()));
    for failure in &trained.failures {
        eprintln!("homing: {} failed: {}", failure.step, failure.cause);
    }
    let engine = Arc::new(Engine::new(trained.bundle, &catalogue));
    let stage = Stage::begin("score and write");
    let model = engine.model();
    let place = format!("sqlite:{}", args.folder.join("profiles.db").display());
    let store = homing_profiles::open(&place, model.timezone)?;
    let tell = |count: u64| stage.at(&format!("{count} customers"));
    let as_of = model.as_of_micros;
    let done = batch::to_profiles(histories, engine.as_ref(), store.as_ref(), as_of, calendar::now(), &tell)?;
    work += stage.done(&format!("{} profiles in {place}", done.customers));
    eprintln!("{work:>6.1} s  in total");
    eprintln!("open the address below in a browser; the API is described at /docs; stop with Ctrl-C");
    let models = Models::new(registry, None, Arc::new(args.catalogue.load()?));
    let ways = super::serve::Ways::of_demo(models, args.dataset.sample());
    super::serve::listen(&args.listen, store, Some(engine), catalogue, ways)
}
