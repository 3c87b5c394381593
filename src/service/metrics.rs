//! What the service counts and times, for Prometheus.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::monitor::alarms::Digest;
use crate::scoring::Spent;
use homing_datasets::Micros;

/// The media type of what [`Metrics::text`] writes.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the latency buckets in seconds: 10 µs to 30 s.
const BUCKETS_S: [f64; 20] = [
    10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0,
];

/// A part of the work on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// From bytes to checked values.
    Parse,
    /// Reading the profile store.
    Read,
    /// From histories to features.
    Features,
    /// From features to predictions.
    Model,
    /// From predictions to tags.
    Tags,
    /// Writing the profile store: all of an intake but the three before.
    Store,
    /// From values to bytes.
    Write,
}

/// The result for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum EventFate {
    Accepted,
    Duplicate,
    Rejected,
    Conflict,
}

impl EncodeLabelValue for Stage {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        let name = match self {
            Stage::Parse => "parse",
            Stage::Read => "read",
            Stage::Features => "features",
            Stage::Model => "model",
            Stage::Tags => "tags",
            Stage::Store => "store",
            Stage::Write => "write",
        };
        EncodeLabelValue::encode(&name, encoder)
    }
}

impl EncodeLabelValue for EventFate {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        let name = match self {
            EventFate::Accepted => "accepted",
            EventFate::Duplicate => "duplicate",
            EventFate::Rejected => "rejected",
            EventFate::Conflict => "conflict",
        };
        EncodeLabelValue::encode(&name, encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRoute {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStage {
    route: &'static str,
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfFate {
    fate: EventFate,
}

/// Labels whose names are those of models and alarms.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAlarm {
    code: String,
    model: String,
    horizon_days: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfFigure {
    figure: String,
    model: String,
    horizon_days: String,
}

type Timed<L> = Family<L, Histogram, fn() -> Histogram>;

/// The service's counters and histograms.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    latency: Timed<OfRoute>,
    stages: Timed<OfStage>,
    predictions: Family<OfOutcome, Counter>,
    events: Family<OfFate, Counter>,
    shadow: Family<OfOutcome, Counter>,
    webhook: Family<OfOutcome, Counter>,
    traces: Family<OfOutcome, Counter>,
    in_flight: Gauge,
    alarms: Family<OfAlarm, Gauge>,
    live: Family<OfFigure, Gauge<f64, AtomicU64>>,
    judged_at: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        fn histogram() -> Histogram {
            Histogram::new(BUCKETS_S)
        }
        let mut metrics = Metrics {
            registry: Registry::with_prefix("homing"),
            requests: Family::default(),
            latency: Family::new_with_constructor(histogram),
            stages: Family::new_with_constructor(histogram),
            predictions: Family::default(),
            events: Family::default(),
            shadow: Family::default(),
            webhook: Family::default(),
            traces: Family::default(),
            in_flight: Gauge::default(),
            alarms: Family::default(),
            live: Family::default(),
            judged_at: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("http_requests", "HTTP responses", metrics.requests.clone());
        let help = "Seconds from request headers to response headers";
        registry.register("http_request_duration_seconds", help, metrics.latency.clone());
        let help = "Seconds per stage of a request: parse, read, features, model, tags, store, write";
        registry.register("http_stage_duration_seconds", help, metrics.stages.clone());
        let help = "Customers in /v1/predictions responses, by outcome: scored, or the reason why not";
        registry.register("predictions", help, metrics.predictions.clone());
        let help = "Events sent to /v1/events, by result";
        registry.register("events", help, metrics.events.clone());
        let help = "Customers for shadow scoring: recorded, left_out (queue full), lost (store error)";
        registry.register("shadow_scores", help, metrics.shadow.clone());
        let help = "Webhook changes: delivered, dead, missed; and failed attempts";
        registry.register("webhook_changes", help, metrics.webhook.clone());
        let help = "Spans for the trace collector: sent, dropped";
        registry.register("trace_spans", help, metrics.traces.clone());
        registry.register("http_requests_in_flight", "Requests in flight", metrics.in_flight.clone());
        let help = "Alarms of the last run of `homing monitor`; 1 while they ring";
        registry.register("monitor_alarm", help, metrics.alarms.clone());
        let help = "Live accuracy in the last window that is over, by model and horizon";
        registry.register("monitor_figure", help, metrics.live.clone());
        let help = "Time of the last run of `homing monitor` in seconds since 1970; 0 before the first";
        registry.register("monitor_run_timestamp_seconds", help, metrics.judged_at.clone());
        // A counter that is there from the start can be watched for its first step.
        for fate in [EventFate::Accepted, EventFate::Duplicate, EventFate::Rejected, EventFate::Conflict] {
            metrics.events(fate, 0);
        }
        metrics
    }
}

impl Metrics {
    /// All metrics as OpenMetrics text.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }

    /// A request is in work until the guard is dropped.
    pub(crate) fn enter(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }

    pub(crate) fn answered(&self, route: &'static str, method: &Method, status: StatusCode, took: Duration) {
        let method = known(method);
        self.requests.get_or_create(&Answered { route, method, status: status.as_u16() }).inc();
        self.latency.get_or_create(&OfRoute { route }).observe(took.as_secs_f64());
    }

    pub(crate) fn stage(&self, route: &'static str, stage: Stage, took: Duration) {
        self.stages.get_or_create(&OfStage { route, stage }).observe(took.as_secs_f64());
    }

    /// The stages of scoring; a stage that did not take place is left out.
    pub(crate) fn scoring(&self, route: &'static str, spent: &Spent) {
        let stages = [
            (Stage::Features, &spent.features_ns),
            (Stage::Model, &spent.model_ns),
            (Stage::Tags, &spent.tags_ns),
        ];
        for (stage, ns) in stages {
            let ns = ns.load(Ordering::Relaxed);
            if ns > 0 {
                self.stage(route, stage, Duration::from_nanos(ns));
            }
        }
    }

    pub(crate) fn prediction(&self, outcome: &'static str) {
        self.predictions.get_or_create(&OfOutcome { outcome }).inc();
    }

    pub(crate) fn webhook(&self, outcome: &'static str, count: usize) {
        self.webhook.get_or_create(&OfOutcome { outcome }).inc_by(count as u64);
    }

    /// The counters of spans that were sent, and that were dropped.
    pub(crate) fn trace_spans(&self) -> (Counter, Counter) {
        let of = |outcome| self.traces.get_or_create(&OfOutcome { outcome }).clone();
        (of("sent"), of("dropped"))
    }

    /// What `homing monitor` found last, in place of what it found before.
    pub(crate) fn live(&self, at: Micros, digest: &Digest) {
        self.judged_at.set(at.div_euclid(1_000_000));
        self.alarms.clear();
        for alarm in &digest.alarms {
            let horizon_days = alarm.horizon_days.map(|days| days.to_string()).unwrap_or_default();
            let (code, model) = (alarm.code.clone(), alarm.model.clone());
            self.alarms.get_or_create(&OfAlarm { code, model, horizon_days }).set(1);
        }
        self.live.clear();
        for one in &digest.figures {
            let (figure, model) = (one.name.clone(), one.model.clone());
            let labels = OfFigure { figure, model, horizon_days: one.horizon_days.to_string() };
            self.live.get_or_create(&labels).set(one.value);
        }
    }

    pub(crate) fn shadow(&self, outcome: &'static str, count: usize) {
        self.shadow.get_or_create(&OfOutcome { outcome }).inc_by(count as u64);
    }

    pub(crate) fn events(&self, fate: EventFate, count: usize) {
        self.events.get_or_create(&OfFate { fate }).inc_by(count as u64);
    }
}

/// A request in work.
pub(crate) struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The method's name; callers may invent methods, so the unknown ones share a label.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_holds_what_was_counted() {
        let metrics = Metrics::default();
        metrics.answered("/v1/models", &Method::GET, StatusCode::OK, Duration::from_micros(7));
        metrics.answered(
            "none",
            &"BREW".parse().unwrap(),
            StatusCode::METHOD_NOT_ALLOWED,
            Duration::from_secs(60),
        );
        metrics.stage("/v1/events", Stage::Store, Duration::from_micros(30));
        metrics.events(EventFate::Conflict, 3);
        let guard = metrics.enter();
        let page = metrics.text().unwrap();
        for line in [
            r#"homing_http_requests_total{route="/v1/models",method="GET",status="200"} 1"#,
            r#"homing_http_requests_total{route="none",method="other",status="405"} 1"#,
            r#"homing_http_request_duration_seconds_bucket{le="0.00001",route="/v1/models"} 1"#,
            r#"homing_http_request_duration_seconds_bucket{le="30.0",route="none"} 0"#,
            r#"homing_http_stage_duration_seconds_bucket{le="0.000025",route="/v1/events",stage="store"} 0"#,
            r#"homing_http_stage_duration_seconds_bucket{le="0.00005",route="/v1/events",stage="store"} 1"#,
            r#"homing_events_total{fate="conflict"} 3"#,
            "homing_http_requests_in_flight 1",
        ] {
            assert!(page.contains(line), "{line}\nis not in\n{page}");
        }
        drop(guard);
        assert!(metrics.text().unwrap().contains("homing_http_requests_in_flight 0"));
    }

    #[test]
    fn alarms_are_those_of_the_last_run() {
        let metrics = Metrics::default();
        let alarm = |code: &str| crate::monitor::alarms::Rung {
            code: code.to_owned(),
            model: "m@1".to_owned(),
            horizon_days: Some(30),
            from: String::new(),
            value: None,
            threshold: 0.1,
            advice: String::new(),
        };
        let figure = crate::monitor::alarms::Figure {
            name: "auc".to_owned(),
            model: "m@1".to_owned(),
            horizon_days: 30,
            value: 0.75,
        };
        metrics.live(5_000_000, &Digest { alarms: vec![alarm("auc"), alarm("ece")], figures: vec![figure] });
        let page = metrics.text().unwrap();
        for line in [
            r#"homing_monitor_alarm{code="auc",model="m@1",horizon_days="30"} 1"#,
            r#"homing_monitor_figure{figure="auc",model="m@1",horizon_days="30"} 0.75"#,
            "homing_monitor_run_timestamp_seconds 5",
        ] {
            assert!(page.contains(line), "{line}\nis not in\n{page}");
        }
        metrics.live(6_000_000, &Digest::default());
        assert!(!metrics.text().unwrap().contains("homing_monitor_alarm{"));
    }
}
