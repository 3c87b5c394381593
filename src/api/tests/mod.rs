//! The API as a caller sees it, over a store and an engine that are stand-ins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use homing_datasets::{History, Kind, Micros, Zone};
use homing_models::prediction::Importance;
use homing_models::{AtHorizon, NotScored, Outcome, Prediction, Provenance, Reason, Text};
use serde_json::{Map, Value};
use tower::ServiceExt;

use super::router;
use crate::scoring::{ModelInfo, Score, Spent};
use crate::service::{App, Limits};
use homing_profiles::testing::Watched;
use homing_profiles::*;
use tempfile::TempDir;

mod access;
mod comforts;
mod contract;
mod events;
mod http2;
mod inference;
mod load;
mod predictions;
mod privacy;
mod profiles;
mod service;
mod traces;
mod webhook;

/// The instant of the clock: 2011-09-20T12:00:00Z.
const NOW: &str = "2011-09-20T12:00:00Z";

/// A model by which the risk falls with each purchase in sight. The customer `nan` gets a score that is no
/// number, the customer `panic` none at all.
struct FakeEngine(ModelInfo);

impl FakeEngine {
    fn new(zone: &str) -> Self {
        let zone: Zone = zone.parse().unwrap();
        let as_of_micros = zone.as_of("2011-09-09").unwrap();
        FakeEngine(ModelInfo {
            id: "shop@1".into(),
            name: "shop".into(),
            version: "1".into(),
            as_of: zone.format(as_of_micros),
            as_of_micros,
            horizons: vec![30, 90],
            churn_horizon: 90,
            timezone: zone,
        })
    }
}

impl FakeEngine {
    fn prediction(&self, spend: &[f64], customer_id: &str, as_of: Micros) -> Prediction {
        let churn_risk = if customer_id == "nan" { f64::NAN } else { 1.0 / (1.0 + spend.len() as f64) };
        let clv: f64 = spend.iter().sum();
        let at = |days: u32| AtHorizon {
            days,
            p_purchase: 1.0 - churn_risk,
            expected_orders: 1.0,
            expected_spend: clv,
            expected_spend_low: 0.0,
            expected_spend_high: 2.0 * clv,
        };
        let reason = Reason {
            code: "rhythm_broken".into(),
            text: Text::new("节奏中断", "rhythm broken"),
            value: Some(3.0),
            contribution: 0.5,
            importance: Importance::High,
            change: Some(Text::new("再次购买", "another purchase")),
        };
        Prediction {
            at: vec![at(30), at(90)],
            churn_risk,
            churn_percentile: 40,
            p_alive: 0.9,
            next_order_at: Some(as_of + 1),
            next_order_quartiles: [None; 2],
            clv,
            clv_interval: [0.0; 2],
            value_at_risk: churn_risk * clv,
            cluster: None,
            reasons: vec![reason],
        }
    }
}

impl Score for FakeEngine {
    fn model(&self) -> &ModelInfo {
        &self.0
    }

    fn tag_names(&self) -> Option<Vec<&str>> {
        Some(vec!["churn.level", "orders.count"])
    }

    fn tag_values(&self, tag: &str) -> Option<Vec<&str>> {
        (tag == "churn.level").then(|| vec!["high", "medium", "low"])
    }

    fn predict(&self, features: &[f64]) -> Prediction {
        let spent = if features[0] == 0.0 { Vec::new() } else { vec![features[0]] };
        self.prediction(&spent, "", 0)
    }

    fn run(
        &self,
        customer_id: &str,
        history: &History,
        as_of: Micros,
        scored_at: Micros,
        tagged: bool,
        spent: &Spent,
    ) -> Scored {
        spent.features_ns.fetch_add(1, Ordering::Relaxed);
        assert_ne!(customer_id, "panic");
        let provenance = Provenance { model: self.0.id.clone(), as_of, scored_at, zone: self.0.timezone };
        let view = history.as_of(as_of);
        let bought = |&at: &usize| view.kind()[at] == Kind::Purchase && view.amount()[at] > 0.0;
        let spend: Vec<f64> = (0..view.len()).filter(bought).map(|at| view.amount()[at]).collect();
        if spend.is_empty() {
            return Scored {
                outcome: Outcome::NotScored(NotScored::NoPurchase),
                tags: Vec::new(),
                provenance,
            };
        }
        let prediction = self.prediction(&spend, customer_id, as_of);
        let churn_risk = prediction.churn_risk;
        let level = Tag {
            name: "churn.level".into(),
            layer: Layer::Predictive,
            value: if churn_risk > 0.4 { "high" } else { "low" }.into(),
            confidence: Some(0.8),
            expires_at: Some(as_of + 30),
        };
        let count = Tag {
            name: "orders.count".into(),
            layer: Layer::Dynamic,
            value: spend.len().into(),
            confidence: None,
            expires_at: None,
        };
        let tags = if tagged { vec![level, count] } else { Vec::new() };
        Scored { outcome: Outcome::Scored(Box::new(prediction)), tags, provenance }
    }
}

/// A service to try things on.
struct Service {
    store: Arc<Watched<TempDir>>,
    app: Arc<App>,
    clock: Arc<AtomicU64>,
    router: Router,
}

impl Service {
    fn new() -> Self {
        Service::with(Limits::default(), "UTC")
    }

    fn with(limits: Limits, zone: &str) -> Self {
        let store = Arc::new(Watched::open(tempfile::tempdir().unwrap(), zone.parse().unwrap()).unwrap());
        let clock = Arc::new(AtomicU64::new(Zone::default().instant(NOW).unwrap() as u64));
        let told = clock.clone();
        let app = Arc::new(App::new(
            store.clone(),
            Some(Arc::new(FakeEngine::new(zone))),
            Arc::new(move || told.load(Ordering::SeqCst) as Micros),
            limits,
        ));
        Service { store, app: app.clone(), clock, router: router(app) }
    }

    /// A service over a real store, in a folder of its own.
    fn sqlite() -> (Self, tempfile::TempDir) {
        Service::sqlite_with(Limits::default())
    }

    fn sqlite_with(limits: Limits) -> (Self, tempfile::TempDir) {
        Service::sqlite_as(limits, |app| app)
    }

    /// The same with another app than the plain one.
    fn sqlite_as(limits: Limits, change: impl FnOnce(App) -> App) -> (Self, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let place = format!("sqlite:{}", folder.path().join("profiles.db").display());
        let store = open(&place, Zone::default()).unwrap();
        let now = Zone::default().instant(NOW).unwrap();
        let engine = Some(Arc::new(FakeEngine::new("UTC")) as Arc<dyn Score>);
        let app = Arc::new(change(App::new(store, engine, Arc::new(move || now), limits)));
        let store = Arc::new(Watched::open(tempfile::tempdir().unwrap(), Zone::default()).unwrap());
        let clock = Arc::new(AtomicU64::new(now as u64));
        (Service { store, app: app.clone(), clock, router: router(app) }, folder)
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&self, uri: &str) -> Reply {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, uri: &str, body: impl ToString) -> Reply {
        let request = Request::post(uri).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Takes one purchase in.
    async fn buy(&self, event_id: &str, customer_id: &str, day: &str) -> Reply {
        let event = serde_json::json!({"event_id": event_id, "customer_id": customer_id, "occurred_at": day, "amount": 10});
        self.post("/v1/events", serde_json::json!({"events": [event]})).await
    }
}

/// What came back.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body of a reply that went well.
    #[track_caller]
    fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_str(&self.text).unwrap()
    }

    /// The problem document of a reply that did not.
    #[track_caller]
    fn problem(&self, code: &str) -> Value {
        let problem: Value = serde_json::from_str(&self.text).unwrap_or_default();
        assert_eq!(problem["code"], code, "{} {}", self.status, self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["type"], format!("urn:homing:problem:{code}"));
        for member in ["title", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
        }
        problem
    }
}
