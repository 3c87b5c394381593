//! The condition of a service as gauges: build, model, age of data and scores, followers of the feed, the last batch and backup, the process.

use std::fmt;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use homing_datasets::Micros;
use homing_profiles::{Error, Store, local_file};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};

use super::app::App;
use super::problem::Problem;

/// How long figures are reused before the store is read again.
const FRESH: Duration = Duration::from_secs(5);

/// The name of the document about the last batch.
pub const LAST_BATCH: &str = "batch.last";
/// The name of the document about the last backup.
pub const LAST_BACKUP: &str = "backup.last";

/// What a batch or a backup leaves in the store when it has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastRun {
    /// How long it took.
    pub seconds: f64,
    /// Customers that it looked at.
    pub customers: u64,
    /// Profiles that it changed or made.
    pub changed: u64,
}

/// Remembers the end of a batch or a backup.
///
/// # Errors
/// [`Error`] of the store.
pub fn note_run(store: &dyn Store, name: &str, at: Micros, run: LastRun) -> Result<(), Error> {
    let text = serde_json::to_string(&run).map_err(|error| unreadable(store, name, &error))?;
    store.store_document(name, at, &text)
}

fn last_run(store: &dyn Store, name: &str) -> Result<Option<(Micros, LastRun)>, Error> {
    let Some((at, text)) = store.document(name)? else { return Ok(None) };
    let run = serde_json::from_str(&text).map_err(|error| unreadable(store, name, &error))?;
    Ok(Some((at, run)))
}

fn unreadable(store: &dyn Store, name: &str, error: &serde_json::Error) -> Error {
    Error::Database { store: store.common().place.clone(), detail: format!("the document `{name}`: {error}") }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfWebhook {
    webhook: String,
}

/// A page of gauges, one after the other.
struct Page(Registry);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into() {
            let gauge = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
            gauge.set(value);
            self.0.register(name, help, gauge);
        }
    }

    fn by_webhook(&mut self, name: &str, help: &str, values: Vec<(String, f64)>) {
        if values.is_empty() {
            return;
        }
        let family = Family::<OfWebhook, Gauge<f64, std::sync::atomic::AtomicU64>>::default();
        for (webhook, value) in values {
            family.get_or_create(&OfWebhook { webhook }).set(value);
        }
        self.0.register(name, help, family);
    }
}

fn seconds(micros: Micros) -> f64 {
    micros as f64 / 1e6
}

// Each blocks its thread.
impl App {
    /// The gauges as OpenMetrics text without its end.
    pub(crate) fn condition(&self) -> Result<String, Problem> {
        let mut kept = self.condition.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, page)) = kept.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(page.clone());
        }
        let page = self.look_at_condition()?;
        *kept = Some((Instant::now(), page.clone()));
        Ok(page)
    }

    fn look_at_condition(&self) -> Result<String, Problem> {
        let (store, now) = (self.store.as_ref(), self.now());
        let mut page = Page(Registry::with_prefix("homing"));
        let commit = option_env!("HOMING_COMMIT").unwrap_or_default();
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION")), ("commit", commit)]);
        page.0.register("build", "Version and commit of this program", build);
        if let Ok(engine) = self.engine() {
            let model = engine.model();
            page.0.register(
                "model",
                "The model that answers",
                Info::new(vec![("model", model.id.to_string())]),
            );
            let age = seconds(now - model.as_of_micros);
            page.gauge("model_age_seconds", "Age of the newest data that the model was trained on", age);
        }
        let clock = store.load(&homing_profiles::state::Ask::default())?.clock;
        let age = clock.happened.map(|at| seconds(now - at));
        page.gauge("data_age_seconds", "Age of the newest event in the store", age);
        let age = store.latest_score()?.map(|at| seconds(now - at));
        page.gauge("scores_age_seconds", "Age of the instant that the newest scores look from", age);
        let bytes = store_bytes(&store.common().place);
        page.gauge("store_bytes", "Size of the store's files (SQLite)", bytes.map(|bytes| bytes as f64));
        let (mut behind, mut failing, mut paused) = (Vec::new(), Vec::new(), Vec::new());
        for state in self.webhook_lags()? {
            behind.push((state.name.clone(), state.behind as f64));
            failing.push((state.name.clone(), state.failing_since.map_or(0.0, |at| seconds(now - at))));
            paused.push((state.name, f64::from(u8::from(state.paused))));
        }
        page.by_webhook("webhook_changes_behind", "Changes not delivered yet, counted up to 100,000", behind);
        page.by_webhook(
            "webhook_failing_seconds",
            "How long deliveries have been failing; 0 if they are not",
            failing,
        );
        page.by_webhook("webhook_paused", "1 if deliveries are paused", paused);
        for (name, document) in [("batch", LAST_BATCH), ("backup", LAST_BACKUP)] {
            let Some((at, run)) = last_run(store, document)? else { continue };
            let help = format!("When the last {name} ended, in seconds since 1970");
            page.gauge(&format!("{name}_last_end_timestamp_seconds"), &help, seconds(at));
            page.gauge(
                &format!("{name}_last_seconds"),
                &format!("How long the last {name} took"),
                run.seconds,
            );
            page.gauge(
                &format!("{name}_last_customers"),
                &format!("Customers in the last {name}"),
                run.customers as f64,
            );
            if name == "batch" {
                page.gauge(
                    "batch_last_changed",
                    "Profiles that the last batch made or changed",
                    run.changed as f64,
                );
            }
        }
        let mut text = String::new();
        let encoded = encode(&mut text, &page.0).and_then(|()| encode(&mut text, &process().0));
        encoded.map_err(|error| Problem::internal(&error))?;
        Ok(text)
    }
}

/// Adds the metrics of a registry, without the mark of their end.
fn encode(text: &mut String, registry: &Registry) -> fmt::Result {
    text::encode_registry(text, registry)
}

/// The bytes of a SQLite store and its log.
fn store_bytes(place: &str) -> Option<u64> {
    let path = local_file(place)?;
    let size = |path: &str| std::fs::metadata(path).map(|data| data.len());
    Some(size(path).ok()? + size(&format!("{path}-wal")).unwrap_or_default())
}

/// The gauges that Prometheus's own clients have of their process; on Linux.
fn process() -> Page {
    let mut page = Page(Registry::with_prefix("process"));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
    page.gauge("resident_memory_bytes", "Resident memory", resident.map(|kib| kib * 1024.0));
    let open = std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as f64);
    page.gauge("open_fds", "Open file descriptors", open);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_gauges_is_text_that_prometheus_reads() {
        let mut page = Page(Registry::with_prefix("homing"));
        page.gauge("data_age_seconds", "Age", 1.5);
        page.gauge("scores_age_seconds", "Age", None);
        page.by_webhook("webhook_paused", "Paused", vec![("crm".to_owned(), 1.0)]);
        let mut text = String::new();
        encode(&mut text, &page.0).unwrap();
        assert!(text.contains("homing_data_age_seconds 1.5\n") && !text.contains("scores_age"), "{text}");
        assert!(
            text.contains("homing_webhook_paused{webhook=\"crm\"} 1.0\n") && !text.contains("# EOF"),
            "{text}"
        );
        assert!(
            cfg!(not(target_os = "linux")) || {
                let mut text = String::new();
                encode(&mut text, &process().0).unwrap();
                text.contains("process_resident_memory_bytes ")
            }
        );
    }
}
