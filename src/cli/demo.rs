//! `homing demo`: everything at once, on data that ship with homing.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use homing_datasets::calendar;
use homing_models::{Alias, Registry};
use homing_training::fit::{FitOptions, fit};

use super::CatalogueArgs;
use super::progress::Stage;
use crate::profiles;
use crate::scoring::{Engine, Score as _, batch};

/// Trains, scores and serves on bundled data.
#[derive(Args)]
pub(super) struct Demo {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, env = "HOMING_LISTEN", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    listen: String,
    /// The data.
    #[arg(long, env = "HOMING_DATASET", value_enum, default_value = "cdnow")]
    dataset: Dataset,
    /// Where model and profiles of the demo are kept.
    #[arg(long, env = "HOMING_FOLDER", default_value = "homing-demo", value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    catalogue: CatalogueArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Dataset {
    /// 23,570 customers of an online music shop, 1997 to 1998.
    Cdnow,
}

pub(super) fn run(args: &Demo) -> anyhow::Result<()> {
    let catalogue = args.catalogue.load()?;
    // Asked first, so that a port in use is told before the work and not after it.
    drop(std::net::TcpListener::bind(&args.listen).map_err(|cause| {
        anyhow::anyhow!("cannot listen on {}: {cause}; choose another address or port with --listen, for example --listen 127.0.0.1:0 for a free port", args.listen)
    })?);
    let stage = Stage::begin("read");
    let histories = match args.dataset {
        Dataset::Cdnow => homing_datasets::cdnow()?,
    };
    let mut work = stage.done(&format!("{} events of {} customers", histories.events(), histories.len()));
    let stage = Stage::begin("train");
    let options = FitOptions { name: "cdnow".to_owned(), ..FitOptions::default() };
    let fitted = fit(&histories, &options, &|text| stage.at(text))?;
    let registry = Registry::at(args.folder.join("registry"));
    registry.register(&fitted.bundle, Alias::Champion)?;
    let grade =
        fitted.backtest.as_ref().map_or_else(String::new, |report| format!(", grade {:?}", report.grade));
    work += stage.done(&format!("{}{grade}", fitted.bundle.id()));
    let engine = Arc::new(Engine::new(fitted.bundle, &catalogue));
    let stage = Stage::begin("score and write");
    let model = engine.model();
    let place = format!("sqlite:{}", args.folder.join("profiles.db").display());
    let store = profiles::open(&place, model.timezone)?;
    let tell = |count: u64| stage.at(&format!("{count} customers"));
    let as_of = model.as_of_micros;
    let done = batch::to_profiles(histories, engine.as_ref(), store.as_ref(), as_of, calendar::now(), &tell)?;
    work += stage.done(&format!("{} profiles in {place}", done.customers));
    eprintln!("{work:>6.1} s  in all");
    eprintln!(
        "look at the pages under the address below; the API is described at /openapi.json; stop with ctrl-c"
    );
    super::serve::listen(&args.listen, store, Some(engine), catalogue, super::serve::Ways::default())
}
