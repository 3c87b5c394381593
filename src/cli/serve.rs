//! `homing serve`.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use homing_datasets::{Zone, calendar};

use super::{CatalogueArgs, ModelArgs};
use crate::api::{self, App, Limits};
use crate::profiles::{self, Store};
use crate::scoring::{Engine, Score};
use crate::tags::Catalogue;
use crate::web;

/// Serves the scoring API, the profiles and the pages.
#[derive(Args)]
pub(super) struct Serve {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, env = "HOMING_LISTEN", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    listen: String,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    catalogue: CatalogueArgs,
    /// Where profiles are kept: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE.
    #[arg(long, env = "HOMING_PROFILES", default_value = "sqlite:profiles.db", value_name = "PLACE")]
    profiles: String,
}

pub(super) fn run(args: &Serve) -> anyhow::Result<()> {
    let catalogue = args.catalogue.load()?;
    let engine = match Engine::load(&args.model.registry, args.model.model.as_deref(), &catalogue) {
        Ok(engine) => Some(Arc::new(engine)),
        // Without any model there is still an API to answer that there is none; a damaged or misnamed one is
        // a mistake to be mended.
        Err(error @ homing_models::Error::UnknownModel { .. }) if args.model.model.is_none() => {
            tracing::warn!("{error}");
            None
        }
        Err(error) => return Err(error.into()),
    };
    let zone = engine.as_ref().map_or_else(Zone::default, |engine| engine.model().timezone);
    let store = profiles::open(&args.profiles, zone)?;
    if let Some(back) = super::write_back(&store, &args.profiles, &catalogue)? {
        profiles::writeback::keep_delivering(back, calendar::now);
    }
    listen(&args.listen, store, engine, catalogue)
}

/// Serves until the process is asked to stop; prints one line when ready.
pub(super) fn listen(
    address: &str,
    store: Arc<dyn Store>,
    engine: Option<Arc<Engine>>,
    catalogue: Catalogue,
) -> anyhow::Result<()> {
    let engine = engine.map(|engine| engine as Arc<dyn Score>);
    let app = Arc::new(App::new(store, engine, Arc::new(calendar::now), Limits::default()));
    let router = api::router(app.clone()).merge(web::router(app, Arc::new(catalogue)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; choose another address or port with --listen, for example --listen 127.0.0.1:0 for a free port")
        })?;
        println!("listening on http://{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        Ok(api::serve(listener, router, api::stop_signal()).await?)
    })
}
