//! The pages as a browser sees them, over a real store.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use homing_datasets::{DAY, Event, History, Kind, Micros, Zone};
use serde_json::Value;
use tower::ServiceExt;

use super::router;
use crate::api;
use crate::scoring::{ModelInfo, Score, Spent};
use crate::service::{App, Limits};
use homing_models::prediction::Importance;
use homing_models::{AtHorizon, NotScored, Outcome, Prediction, Provenance, Reason, Text};
use homing_profiles::*;
use homing_tags::Catalogue;

mod actions;
mod board;
mod call;
mod customer;
mod oidc;
mod service;
mod sign_in;
mod store;
mod today;

use homing_profiles::testing::Watched;
use store::Base;
use tempfile::TempDir;

const ZONE: &str = "Asia/Shanghai";

fn zone() -> Zone {
    ZONE.parse().unwrap()
}

/// The end of the data: midnight in Shanghai, where it is the afternoon before in UTC.
fn as_of() -> Micros {
    zone().as_of("2011-09-09").unwrap()
}

/// The catalogue and the playbook that homing ships.
fn catalogue() -> Catalogue {
    let catalogue = Catalogue::shipped().unwrap();
    let playbook = homing_tags::playbook::Playbook::shipped(catalogue.tags()).unwrap();
    catalogue.with_playbook(playbook)
}

struct FakeEngine(ModelInfo);

impl Score for FakeEngine {
    fn model(&self) -> &ModelInfo {
        &self.0
    }

    /// Ever surer that nobody comes back.
    fn run(
        &self,
        _: &str,
        history: &History,
        as_of: Micros,
        scored_at: Micros,
        _: bool,
        _: &Spent,
    ) -> Scored {
        let silent = history.last_instant().map_or(1.0, |last| ((as_of - last) / DAY).clamp(0, 300) as f64);
        let prediction = Prediction {
            at: Vec::new(),
            churn_risk: silent / 301.0,
            churn_percentile: 50,
            p_alive: 1.0 - silent / 400.0,
            next_order_at: None,
            next_order_quartiles: [None; 2],
            clv: 1.0,
            clv_interval: [0.0; 2],
            value_at_risk: 1.0,
            cluster: None,
            reasons: Vec::new(),
        };
        let provenance = Provenance { model: self.0.id.clone(), as_of, scored_at, zone: zone() };
        Scored { outcome: Outcome::Scored(Box::new(prediction)), tags: Vec::new(), provenance }
    }

    fn predict(&self, _: &[f64]) -> Prediction {
        unreachable!("the pages score nothing")
    }
}

fn engine() -> Arc<dyn Score> {
    Arc::new(FakeEngine(ModelInfo {
        id: "shop@1a2b3c4d5e6f".into(),
        name: "shop".into(),
        version: "1a2b3c4d5e6f".into(),
        as_of: zone().format(as_of()),
        as_of_micros: as_of(),
        horizons: vec![30, 90, 365],
        churn_horizon: 90,
        timezone: zone(),
    }))
}

fn provenance() -> Provenance {
    Provenance {
        model: "shop@1a2b3c4d5e6f".into(),
        as_of: as_of(),
        scored_at: as_of() + DAY / 3,
        zone: zone(),
    }
}

/// What the sample says of one customer.
struct Sample {
    id: String,
    risk: f64,
    clv: f64,
    orders: u32,
    gap_days: i64,
}

impl Sample {
    fn scored(&self) -> (Scored, History) {
        let level = if self.risk > 0.6 {
            "high"
        } else if self.risk > 0.4 {
            "medium"
        } else {
            "low"
        };
        let stage = if self.risk > 0.6 { "decline" } else { "maturity" };
        let tier = if self.clv > 5000.0 {
            "super"
        } else if self.risk > 0.5 {
            "dormant"
        } else {
            "regular"
        };
        let mut tags = Vec::new();
        let mut tag = |name: &str, layer, value: Value, confidence: Option<f64>, days: Option<i64>| {
            let expires_at = days.map(|days| as_of() + days * DAY);
            tags.push(Tag { name: name.to_owned(), layer, value, confidence, expires_at });
        };
        tag("churn.level", Layer::Predictive, level.into(), Some(self.risk.max(1.0 - self.risk)), Some(30));
        tag("next_order.due", Layer::Predictive, "this_quarter".into(), None, Some(14));
        tag("care.priority", Layer::Predictive, "personal_call".into(), None, Some(30));
        tag("value.clv_tier", Layer::Predictive, "high".into(), None, Some(90));
        tag("lifecycle.stage", Layer::Dynamic, stage.into(), None, None);
        tag("tier.member", Layer::Dynamic, tier.into(), None, None);
        tag("rfm.recency", Layer::Dynamic, 3.into(), None, None);
        tag("signal.rhythm_broken", Layer::Dynamic, true.into(), None, None);
        tag("first_purchase.month", Layer::Static, "2010-03".into(), None, None);
        tag("own.text", Layer::Static, "<b>bold</b>".into(), None, None);
        let outcome = Outcome::Scored(Box::new(self.prediction()));
        (Scored { outcome, tags, provenance: provenance() }, self.history())
    }

    fn prediction(&self) -> Prediction {
        let reason = |code: &str, en: &str, zh: &str, contribution, importance| Reason {
            code: code.to_owned(),
            text: Text::new(zh, en),
            value: Some(3.0),
            contribution,
            importance,
            change: (code == "rhythm_broken").then(|| Text::new("现在购买一次", "a purchase now")),
        };
        let (p, clv) = (1.0 - self.risk, self.clv);
        let at = |days, p_purchase, expected_orders, spend: [f64; 3]| AtHorizon {
            days,
            p_purchase,
            expected_orders,
            expected_spend: clv * spend[0],
            expected_spend_low: clv * spend[1],
            expected_spend_high: clv * spend[2],
        };
        Prediction {
            at: vec![
                at(30, p * 0.45, p * 0.5, [0.09, 0.0, 0.3]),
                at(90, p, p * 1.6, [0.25, 0.05, 0.6]),
                at(365, p + (1.0 - p) * 0.6, 4.2, [1.0, 0.4, 1.9]),
            ],
            churn_risk: self.risk,
            churn_percentile: (self.risk * 100.0).ceil() as u8,
            p_alive: 0.2 + 0.8 * p,
            next_order_at: (self.risk < 0.9).then(|| as_of() + (self.risk * 120.0) as i64 * DAY),
            next_order_quartiles: [None; 2],
            clv,
            clv_interval: [0.0; 2],
            value_at_risk: clv * self.risk,
            cluster: None,
            reasons: vec![
                reason(
                    "rhythm_broken",
                    "no purchase for 76 days; usually buys every 25 days",
                    "76 天未购买，平时约每 25 天购买一次",
                    1.42,
                    Importance::High,
                ),
                reason(
                    "buys_often",
                    "buys often: 22 orders in all",
                    "购买频繁：累计 22 次",
                    -0.85,
                    Importance::High,
                ),
                reason(
                    "basket_small",
                    "order value speaks against: 88.00 last time, 164.20 on average",
                    "客单价不利：上次订单 88.00，平均 164.20",
                    0.41,
                    Importance::Medium,
                ),
                reason(
                    "tenure_for",
                    "customer for 538 days: such customers tend to stay",
                    "成为顾客 538 天：这类顾客较稳定",
                    -0.22,
                    Importance::Medium,
                ),
                reason(
                    "off_season",
                    "the usual hours, weekdays or season of this customer speak against a purchase soon",
                    "购买时间习惯（时段、星期、季节）不利于近期回购",
                    0.07,
                    Importance::Low,
                ),
            ],
        }
    }

    /// Orders at a wavering rhythm, the last one `gap_days` times the risk ago, and things in between.
    fn history(&self) -> History {
        let mut at = as_of() - (self.gap_days as f64 * 3.0 * self.risk) as i64 * DAY;
        let mut events = Vec::new();
        for n in 0..i64::from(self.orders) {
            let mut event =
                Event::new(Kind::Purchase, at - (n % 9) * DAY / 24, 60.0 + ((n * 7919) % 211) as f64 * 1.7);
            event.product =
                Some(["stage 3 formula 900 g", "nappies L 46", "wet wipes 80 × 6"][n as usize % 3].into());
            event.category = Some(["formula", "nappies", "care"][n as usize % 3].into());
            event.channel = Some(if n % 4 == 0 { "web shop" } else { "till" }.into());
            event.quantity = (n % 3 + 1) as f32;
            events.push(event);
            if n % 3 == 0 {
                events.push(Event::new(Kind::View, at + DAY, 0.0));
            }
            if n % 7 == 2 {
                events.push(Event::new(Kind::Return, at + 2 * DAY, -35.5));
            }
            at -= (self.gap_days + (n * 31) % (self.gap_days + 1) - self.gap_days / 2) * DAY;
        }
        History::from_events(events)
    }
}

/// A hundred and twenty customers, two of them odd: one whose id is markup, one without a purchase.
fn sample_base() -> Base {
    let mut held = BTreeMap::new();
    for n in 0..118u32 {
        let share = f64::from(n) / 118.0;
        let sample = Sample {
            id: format!("{}{:05}", if n % 5 == 0 { "VIP-" } else { "M" }, 10_000 + n * 37),
            risk: (share * 7.3).fract() * 0.96 + 0.02,
            clv: 90.0 + (share * 3.1).fract().powi(3) * 14_000.0,
            orders: 1 + n % 40,
            gap_days: 9 + i64::from(n % 31),
        };
        held.insert(sample.id.clone(), sample.scored());
    }
    let evil = Sample { id: EVIL.into(), risk: 0.87, clv: 20_000.0, orders: 14, gap_days: 30 };
    held.insert(EVIL.into(), evil.scored());
    let outcome = Outcome::NotScored(NotScored::NoPurchase);
    let idle = Scored { outcome, tags: Vec::new(), provenance: provenance() };
    let visit = History::from_events(vec![Event::new(Kind::Visit, as_of() - DAY, 0.0)]);
    held.insert("idle".into(), (idle, visit));
    Base(held)
}

/// An id that does harm where it is not escaped.
const EVIL: &str = "<script>alert(\"1/2\")</script>";
/// The same in a link.
const EVIL_IN_LINK: &str = "%3Cscript%3Ealert%28%221%2F2%22%29%3C%2Fscript%3E";

/// The pages and the API on one router, as in service.
struct Site {
    store: Arc<Watched<TempDir>>,
    app: Arc<App>,
    router: Router,
}

impl Site {
    fn new() -> Self {
        Site::with(sample_base(), Some(engine()))
    }

    fn with(base: Base, engine: Option<Arc<dyn Score>>) -> Self {
        let site = Site::uncounted(base, engine);
        crate::aggregates::compute(site.store.as_ref(), &catalogue(), zone(), as_of() + DAY / 2).unwrap();
        site
    }

    /// The same before anything is counted.
    fn uncounted(base: Base, engine: Option<Arc<dyn Score>>) -> Self {
        Site::of(Arc::new(base.store()), engine, None)
    }

    /// The pages over a store that there is, with the name of its sample data.
    fn over(store: Arc<Watched<TempDir>>, sample: Option<crate::web::Sample>) -> Self {
        Site::of(store, Some(engine()), sample)
    }

    fn of(
        store: Arc<Watched<TempDir>>,
        engine: Option<Arc<dyn Score>>,
        sample: Option<crate::web::Sample>,
    ) -> Self {
        let app = Arc::new(App::new(store.clone(), engine, Arc::new(as_of), Limits::default()));
        let catalogue = Arc::new(catalogue());
        let router = api::router(app.clone()).merge(router(app.clone(), catalogue, sample));
        Site { store, app, router }
    }

    async fn get(&self, uri: &str) -> Reply {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The page, when it is whole, safe and of this status.
    #[track_caller]
    fn page(self, status: StatusCode) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8");
        let policy = self.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self' data:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|one| one == part), "{part}: {policy}");
        }
        let page = self.text;
        for (part, times) in [
            ("<nav", 1),
            ("<h1", 1),
            ("<main", 1),
            ("</html>", 1),
            ("<script", 0),
            (" style=", 0),
            ("<style", 0),
            ("://", 0),
            ("NaN", 0),
            ("{}", 0),
        ] {
            assert_eq!(page.matches(part).count(), times, "{part}: {page}");
        }
        let heads = page.matches("<th ").count() + page.matches("<th>").count();
        assert_eq!(heads, page.matches("<th scope=").count(), "every table head has a scope");
        for field in page.split("<label for=\"").skip(1) {
            let id = field.split('"').next().unwrap();
            assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "the label of {id} has one field");
        }
        page
    }

    #[track_caller]
    fn ok(self) -> String {
        self.page(StatusCode::OK)
    }
}

/// Whether a page has all these texts.
#[track_caller]
fn has(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "`{text}` is missing in {page}");
    }
}

/// The `href` of the link with this text.
#[track_caller]
fn href(page: &str, text: &str) -> String {
    let before =
        page.split(&format!(">{text}</a>")).next().filter(|before| before.len() < page.len()).unwrap();
    let tag = &before[before.rfind("<a ").unwrap()..];
    tag.split("href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&")
        .replace("&amp;", "&")
}
