//! `homing serve`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use homing_datasets::settings::show::secret_of;
use homing_datasets::{Zone, calendar};
use tokio_rustls::TlsAcceptor;

use super::args::StoreArgs;
use super::oidc::OidcArgs;
use super::{CatalogueArgs, CurrencyArgs, ModelArgs, WrongUse};
use crate::aggregates;
use crate::api;
use crate::scoring::{Engine, Score};
use crate::service::{App, Exposure, Limits, Models, Oidc, Rules, Webhook};
use crate::uplift::UpliftSlot;
use crate::web;
use homing_models::Error as ModelError;
use homing_profiles::Store;
use homing_profiles::writeback::WriteBack;
use homing_tags::Catalogue;

/// Serve the API and the web pages.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing serve
  homing serve --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem
  homing serve --profiles postgres://homing@db.lan/crm --profiles-password-file /run/secrets/db
  homing serve --webhook https://crm.lan/homing --webhook-secret-file /run/secrets/webhook
  homing serve --oidc-issuer https://id.lan --oidc-client-id homing --public-url https://homing.lan")]
pub(super) struct Serve {
    /// Address and port to listen on; port 0 picks a free one.
    #[arg(long, env = "HOMING_LISTEN", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    listen: String,
    /// Certificate chain (PEM). Serves HTTPS.
    #[arg(long, env = "HOMING_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM).
    #[arg(long, env = "HOMING_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// TLS is terminated in front of the service: cookies and browsers then stay with HTTPS.
    #[arg(long, env = "HOMING_BEHIND_TLS")]
    behind_tls: bool,
    /// Host names besides localhost to answer to while there are no API keys, such as homing.lan.
    #[arg(long, env = "HOMING_ALLOWED_HOSTS", value_name = "HOST", value_delimiter = ',')]
    allowed_hosts: Vec<String>,
    /// Websites whose scripts may call the API with a key, such as https://crm.lan. Default: none.
    #[arg(long, env = "HOMING_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    cors_origins: Vec<String>,
    /// Push changed tags to this URL.
    #[arg(long, env = "HOMING_WEBHOOK", value_name = "URL", requires = "webhook_key")]
    webhook: Option<String>,
    /// Secret that signs pushed changes (HMAC-SHA256 over TIMESTAMP.BODY).
    #[arg(
        long,
        env = "HOMING_WEBHOOK_SECRET",
        hide_env_values = true,
        value_name = "TEXT",
        group = "webhook_key",
        requires = "webhook"
    )]
    webhook_secret: Option<String>,
    /// File with the secret that signs pushed changes.
    #[arg(
        long,
        env = "HOMING_WEBHOOK_SECRET_FILE",
        value_name = "FILE",
        group = "webhook_key",
        requires = "webhook"
    )]
    webhook_secret_file: Option<PathBuf>,
    /// Share of requests that the challenger scores too, without answering, 0 to 1.
    #[arg(long, env = "HOMING_SHADOW_SHARE", default_value_t = 0.1, value_name = "SHARE", value_parser = share)]
    shadow_share: f64,
    /// OpenTelemetry collector (OTLP over HTTP) for traces, such as http://127.0.0.1:4318.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp: Option<String>,
    #[command(flatten)]
    currency: CurrencyArgs,
    #[command(flatten, next_help_heading = "Sign-in to the pages")]
    oidc: OidcArgs,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
    #[command(flatten, next_help_heading = "Limits")]
    limits: LimitArgs,
    #[command(flatten, next_help_heading = "Model")]
    model: ModelArgs,
    #[command(flatten, next_help_heading = "Tags and playbook")]
    catalogue: CatalogueArgs,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a number from 0 to 1".to_owned())
}

/// What callers may ask for.
#[derive(Args)]
struct LimitArgs {
    /// Maximum size of a request body in bytes.
    #[arg(long, env = "HOMING_MAX_BODY_BYTES", default_value_t = Limits::default().body_bytes, value_name = "N")]
    max_body_bytes: usize,
    /// Maximum number of requests processed at a time.
    #[arg(long, env = "HOMING_MAX_REQUESTS", default_value_t = Limits::default().concurrent_requests, value_name = "N")]
    max_requests: usize,
    /// Maximum number of requests per key processed at a time.
    #[arg(long, env = "HOMING_MAX_KEY_REQUESTS", default_value_t = Limits::default().caller_requests, value_name = "N")]
    max_key_requests: usize,
    /// Maximum number of requests waiting for the store.
    #[arg(long, env = "HOMING_MAX_QUEUE", default_value_t = Limits::default().queue, value_name = "N")]
    max_queue: usize,
    /// Maximum number of open connections.
    #[arg(long, env = "HOMING_MAX_CONNECTIONS", default_value_t = Limits::default().connections, value_name = "N")]
    max_connections: usize,
    /// Maximum number of open connections from one address other than this machine's.
    #[arg(long, env = "HOMING_MAX_ADDRESS_CONNECTIONS", default_value_t = Limits::default().address_connections, value_name = "N")]
    max_address_connections: usize,
    /// Time limit of a request in seconds.
    #[arg(long, env = "HOMING_REQUEST_SECONDS", default_value_t = 30, value_name = "S")]
    request_seconds: u64,
    /// Time limit in seconds for receiving the head and the body of a request and for sending each piece of the response.
    #[arg(long, env = "HOMING_IO_SECONDS", default_value_t = 20, value_name = "S")]
    io_seconds: u64,
    /// Memory in MiB for recently read profiles.
    #[arg(long, env = "HOMING_WARM_MIB", default_value_t = Limits::default().warm_bytes >> 20, value_name = "MIB")]
    warm_mib: u64,
}

impl LimitArgs {
    fn limits(&self) -> Limits {
        let io = Duration::from_secs(self.io_seconds.max(1));
        Limits {
            body_bytes: self.max_body_bytes,
            concurrent_requests: self.max_requests,
            caller_requests: self.max_key_requests,
            queue: self.max_queue,
            connections: self.max_connections,
            address_connections: self.max_address_connections,
            request_time: Duration::from_secs(self.request_seconds.max(1)),
            head_time: io,
            body_time: io,
            write_time: io,
            warm_bytes: self.warm_mib << 20,
            ..Limits::default()
        }
    }
}

pub(super) fn run(args: &Serve, config: Option<&Path>) -> anyhow::Result<()> {
    args.currency.apply();
    let exposure =
        Exposure::new(&args.allowed_hosts, &args.cors_origins, args.tls_cert.is_some() || args.behind_tls)
            .map_err(|wrong| WrongUse(format!("--allowed-hosts, --cors-origins: {wrong}")))?;
    let oidc = args.oidc.open()?;
    let flag = args.webhook()?;
    let catalogue = args.catalogue.load()?;
    let webhooks = super::webhooks::of(flag, config, &catalogue)?;
    let registry = args.model.open()?;
    let uplift = UpliftSlot::default();
    let engine = match Engine::load(&registry, args.model.model.as_deref(), &catalogue) {
        Ok(engine) => Some(Arc::new(engine.with_uplift(uplift.clone()))),
        // Without any model the API can still answer that there is none; a damaged or misnamed one is a mistake to fix.
        Err(
            error @ (ModelError::UnknownModel { .. }
            | ModelError::NoModels { .. }
            | ModelError::SeveralModels { .. }),
        ) if args.model.model.is_none() => {
            tracing::warn!("{error}");
            None
        }
        Err(error) => return Err(error.into()),
    };
    let zone = engine.as_ref().map_or_else(Zone::default, |engine| engine.model().timezone);
    let store = args.store.open(zone)?;
    uplift.load(store.as_ref())?;
    let write_back = super::write_back(&store, &args.store.place()?, &catalogue, config)?.map(Arc::new);
    if let Some(back) = &write_back {
        homing_profiles::writeback::keep_delivering(back.clone(), calendar::now);
    }
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(api::tls(certificate, key)?),
        _ => None,
    };
    let models = Models::new(registry, args.model.model.as_deref(), Arc::new(args.catalogue.load()?));
    let models = models.with_uplift(uplift);
    let ways = Ways {
        tls,
        models: Some(models),
        shadow_share: args.shadow_share,
        webhooks,
        write_back,
        otlp: args.otlp.clone(),
        limits: args.limits.limits(),
        exposure,
        oidc,
        retention: super::privacy::rules(config)?,
        sample: None,
    };
    listen(&args.listen, store, engine, catalogue, ways)
}

impl Serve {
    /// Where changes are pushed to.
    fn webhook(&self) -> anyhow::Result<Option<Webhook>> {
        let Some(url) = &self.webhook else { return Ok(None) };
        let secret = match (&self.webhook_secret, &self.webhook_secret_file) {
            (Some(secret), _) => secret.clone(),
            (None, Some(file)) => secret_of("webhook-secret-file", file)?,
            (None, None) => {
                let text = "--webhook needs a secret; add --webhook-secret-file";
                return Err(WrongUse(text.to_owned()).into());
            }
        };
        Ok(Some(Webhook::new("default", url, secret.as_bytes())))
    }
}

/// Everything of a service beside its store and its model.
#[derive(Default)]
pub(super) struct Ways {
    tls: Option<TlsAcceptor>,
    models: Option<Models>,
    shadow_share: f64,
    webhooks: Vec<Webhook>,
    write_back: Option<Arc<WriteBack>>,
    otlp: Option<String>,
    limits: Limits,
    exposure: Exposure,
    oidc: Option<Oidc>,
    retention: Rules,
    sample: Option<web::Sample>,
}

impl Ways {
    /// Nothing but a registry and the data of the demo.
    #[cfg(feature = "training")]
    pub fn of_demo(models: Models, sample: web::Sample) -> Self {
        Ways { models: Some(models), sample: Some(sample), ..Ways::default() }
    }
}

/// Serves until the process is asked to stop; prints one line when ready.
pub(super) fn listen(
    address: &str,
    store: Arc<dyn Store>,
    engine: Option<Arc<Engine>>,
    catalogue: Catalogue,
    ways: Ways,
) -> anyhow::Result<()> {
    let engine = engine.map(|engine| engine as Arc<dyn Score>);
    let Ways {
        tls,
        models,
        shadow_share,
        webhooks,
        write_back,
        otlp,
        limits,
        exposure,
        oidc,
        retention,
        sample,
    } = ways;
    let mut app = App::new(store, engine, Arc::new(calendar::now), limits.clone())
        .with_shadow(shadow_share)
        .with_exposure(exposure)
        .with_retention(retention)
        .with_webhooks(webhooks);
    if let Some(models) = models {
        app = app.with_models(models);
    }
    if let Some(back) = write_back {
        app = app.with_write_back(back);
    }
    if let Some(oidc) = oidc {
        app = app.with_oidc(oidc);
    }
    if let Some(playbook) = catalogue.playbook() {
        app = app.with_playbook(playbook.clone());
    }
    if let Some(collector) = otlp.filter(|url| !url.is_empty()) {
        if !(collector.starts_with("http://") || collector.starts_with("https://")) {
            // Without the address: it may hold a secret.
            let told = "--otlp is not an http:// or https:// URL; write http://HOST:4318";
            return Err(WrongUse(told.to_owned()).into());
        }
        app = app.with_traces(&collector)?;
    }
    tracing::info!("the profile store is not encrypted: keep it on an encrypted disk (docs/encryption.md)");
    let app = Arc::new(app);
    app.refresh_keys()?;
    let catalogue = Arc::new(catalogue);
    let router = api::router(app.clone()).merge(web::router(app.clone(), catalogue.clone(), sample));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; choose another address or port with --listen, such as --listen 127.0.0.1:0 for a free port")
        })?;
        let bound = listener.local_addr()?;
        if !app.demands_keys() {
            if !bound.ip().is_loopback() {
                let told = format!(
                    "without API keys homing listens on loopback only, not on {bound}; create one with \
                     `homing keys create --role admin`, then start again"
                );
                return Err(WrongUse(told).into());
            }
            tracing::info!("no API keys: listening on loopback only, without authentication");
        }
        app.attend()?;
        let counted = Arc::downgrade(&app);
        aggregates::keep_current(catalogue, move || {
            let app = counted.upgrade().filter(|app| !app.is_stopping())?;
            Some(aggregates::Base { store: app.store().clone(), zone: app.zone(), now: app.now() })
        })?;
        app.push_changes()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        // A service goes on when nobody reads what it prints.
        let mut stdout = std::io::stdout();
        let _ = writeln!(stdout, "listening on {scheme}://{bound}").and_then(|()| stdout.flush());
        let stopping = app.clone();
        let stop = async move {
            api::stop_signal().await;
            stopping.stop();
        };
        let ended = api::serve_with(listener, router, &limits, tls, stop).await;
        app.finish_deliveries();
        app.write_audit()?;
        app.flush_traces();
        Ok(ended?)
    })
}
