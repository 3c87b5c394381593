//! The bundle: everything that scoring needs, as a folder that is written whole or not at all.

mod files;
mod manifest;

use std::cell::RefCell;
use std::sync::Arc;

use homing_datasets::{History, Micros};
use serde::{Deserialize, Serialize};

pub(crate) use self::files::{MANIFEST, hex};
pub use self::manifest::{DataFingerprint, FORMAT, Manifest};
use crate::churn::{ChurnBase, value_at_risk};
use crate::clusters::Clusters;
use crate::coherence;
use crate::customer::Customer;
use crate::error::Error;
use crate::explain::reasons;
use crate::features::{self, COUNT, Scratch};
use crate::horizons::Known;
use crate::judged::Judged;
use crate::lifetimes::{GammaGamma, Lifetime, LifetimeModel};
use crate::next::{Expansion, NextPurchase, due};
use crate::prediction::{AtHorizon, NotScored, Outcome, Prediction};
use crate::repurchase::{LifetimeShare, PurchaseCurve, PurchaseExplainer, PurchaseModel};
use crate::value::{TotalUncertainty, ValueModel, discount};

/// Longest horizon in days that a model can have or be asked for.
pub const LONGEST_HORIZON: u32 = 3650;

/// The lifetime models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LifetimePart {
    /// Orders and dropout, times in days.
    pub orders: Lifetime,
    /// Order values.
    pub money: GammaGamma,
}

/// The models of one horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HorizonPart {
    /// The purchase probability.
    #[serde(rename = "returns")]
    pub purchase: PurchaseModel,
    /// What they spend if they do.
    pub value: ValueModel,
}

/// The base of customers that the model was fitted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BasePart {
    /// Their churn risks.
    pub churn: ChurnBase,
    /// The lifetime model's log-odds of a typical customer at the churn horizon, the reference for reasons.
    pub typical_log_odds: f64,
    /// Deciles (0 to 100 %, eleven values) of each feature, for seeing drift; empty where nothing is known.
    pub deciles: Vec<Vec<f64>>,
}

/// A model that can be shipped: [`Bundle::predict`] scores a history.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    manifest: Manifest,
    id: Arc<str>,
    lifetime: LifetimePart,
    horizons: Vec<HorizonPart>,
    base: BasePart,
    explainer: Option<PurchaseExplainer>,
    clusters: Option<Clusters>,
    expansion: Option<Expansion>,
    report: Option<Arc<str>>,
    judged: Option<Arc<Judged>>,
    asked: Asked,
}

/// What a caller asks of a model beyond what it was fitted to; no part of the bundle as it is stored.
///
/// ```
/// use homing_models::bundle::Asked;
///
/// assert!(Asked::new(&[45, 180], Some(0.08)).is_ok());
/// assert!(Asked::new(&[0], None).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Horizons in days, ascending, each once.
    horizons: Vec<u32>,
    discount_rate: Option<f64>,
}

impl Asked {
    /// Predictions within these horizons in days too, and lifetime values at this yearly discount rate (0.1 = 10 %) instead of the
    /// model's.
    ///
    /// # Errors
    /// [`Error::Horizon`] for zero days or more than ten years, [`Error::DiscountRate`] unless the rate is from 0 to 10.
    pub fn new(horizons: &[u32], discount_rate: Option<f64>) -> Result<Self, Error> {
        if let Some(&days) = horizons.iter().find(|&&days| days == 0 || days > LONGEST_HORIZON) {
            return Err(Error::Horizon { days, longest: LONGEST_HORIZON });
        }
        if let Some(rate) = discount_rate.filter(|rate| !(0.0..=10.0).contains(rate)) {
            return Err(Error::DiscountRate { rate });
        }
        let mut horizons = horizons.to_vec();
        horizons.sort_unstable();
        horizons.dedup();
        Ok(Asked { horizons, discount_rate })
    }

    /// Whether nothing is asked beyond what the model gives anyway.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.horizons.is_empty() && self.discount_rate.is_none()
    }
}

/// An outcome with the features that it came from (empty without a purchase).
#[derive(Clone, Debug, PartialEq)]
pub struct Scoring {
    /// The features, in the order of [`features::SPECS`].
    pub features: Vec<f64>,
    /// The scores, or why there are none.
    pub outcome: Outcome,
}

/// What moved a customer's log-odds of a purchase within the churn horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributions {
    /// The features, in the order of [`features::SPECS`].
    pub features: Vec<f64>,
    /// What each feature adds.
    pub by_feature: Vec<f64>,
    /// What the lifetime model adds.
    pub lifetime: LifetimeShare,
}

impl Bundle {
    /// Puts fitted parts together; `manifest.parts`, `version`, `features` and the like are filled in here.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where a part cannot be written as JSON.
    pub fn new(
        mut manifest: Manifest,
        lifetime: LifetimePart,
        horizons: Vec<HorizonPart>,
        base: BasePart,
    ) -> Result<Self, Error> {
        manifest.describe_features();
        let explainer = explainer(&manifest, &horizons);
        let bundle = Bundle {
            manifest,
            id: "".into(),
            lifetime,
            horizons,
            base,
            explainer,
            clusters: None,
            expansion: None,
            report: None,
            judged: None,
            asked: Asked::default(),
        };
        bundle.sealed()
    }

    /// The same bundle with a report on its fit as one more part, which gives it another version.
    ///
    /// # Errors
    /// As [`Bundle::new`].
    pub fn with_report(mut self, html: &str) -> Result<Self, Error> {
        self.report = Some(html.into());
        self.sealed()
    }

    /// The same bundle with what its test showed as one more part, which gives it another version.
    ///
    /// # Errors
    /// As [`Bundle::new`].
    pub fn with_judged(mut self, judged: Judged) -> Result<Self, Error> {
        self.judged = Some(judged.into());
        self.sealed()
    }

    /// The same bundle with one more entry among its metrics, which gives it another version.
    ///
    /// # Errors
    /// As [`Bundle::new`].
    pub fn with_metric(mut self, name: &str, value: serde_json::Value) -> Result<Self, Error> {
        self.manifest.metrics[name] = value;
        self.sealed()
    }

    /// The same bundle, which also predicts within these horizons in days. Those that it was not fitted to follow from those
    /// that it was: interpolated between them, carried on by the lifetime model beyond the last one.
    ///
    /// # Errors
    /// [`Error::Horizon`] for zero days or more than ten years.
    pub fn at_horizons(mut self, days: &[u32]) -> Result<Self, Error> {
        self.asked = Asked { discount_rate: self.asked.discount_rate, ..Asked::new(days, None)? };
        Ok(self)
    }

    /// The same bundle with another yearly discount rate of the lifetime value (0.1 = 10 %).
    ///
    /// # Errors
    /// [`Error::DiscountRate`] unless the rate is from 0 to 10.
    pub fn discounted(mut self, rate: f64) -> Result<Self, Error> {
        self.asked.discount_rate = Asked::new(&[], Some(rate))?.discount_rate;
        Ok(self)
    }

    /// The horizons in days within which it predicts, ascending: its own and those of [`Bundle::at_horizons`].
    #[must_use]
    pub fn all_horizons(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.manifest.horizons.iter().chain(&self.asked.horizons).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What its test showed, where that is known: bundles of earlier versions do not have it.
    #[must_use]
    pub fn judged(&self) -> Option<&Arc<Judged>> {
        self.judged.as_ref()
    }

    /// The same bundle with clusters of like customers as one more part, which gives it another version.
    ///
    /// # Errors
    /// As [`Bundle::new`].
    pub fn with_clusters(mut self, clusters: Clusters) -> Result<Self, Error> {
        self.clusters = Some(clusters);
        self.sealed()
    }

    /// The clusters of like customers, where there are any; bundles of earlier versions have none.
    #[must_use]
    pub fn clusters(&self) -> Option<&Clusters> {
        self.clusters.as_ref()
    }

    /// The same bundle with what was learned of first purchases by category as one more part.
    ///
    /// # Errors
    /// As [`Bundle::new`].
    pub fn with_expansion(mut self, expansion: Expansion) -> Result<Self, Error> {
        self.expansion = Some(expansion);
        self.sealed()
    }

    /// What was learned of first purchases by category; none where the data know no categories.
    #[must_use]
    pub fn expansion(&self) -> Option<&Expansion> {
        self.expansion.as_ref()
    }

    /// What a customer buys next: products due within `ahead_days`, and the chances of a first purchase in each category.
    #[must_use]
    pub fn next_purchase(&self, history: &History, as_of: Micros, ahead_days: f64) -> NextPurchase {
        let (view, zone) = (history.as_of(as_of), self.manifest.timezone);
        let features = self.features(history, as_of);
        let first_purchases = match (&self.expansion, &features) {
            (Some(expansion), Some(features)) => expansion.chances(&view, zone, features),
            _ => Vec::new(),
        };
        let horizon_days = self.expansion.as_ref().map(|expansion| expansion.days);
        NextPurchase { due: due(&view, zone, ahead_days), horizon_days, first_purchases }
    }

    /// The report on the fit, as a page of HTML, where there is one.
    #[must_use]
    pub fn report(&self) -> Option<&str> {
        self.report.as_deref()
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// `name@version`.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The lifetime models.
    #[must_use]
    pub fn lifetime(&self) -> &LifetimePart {
        &self.lifetime
    }

    /// The models by horizon, shortest first.
    #[must_use]
    pub fn horizons(&self) -> &[HorizonPart] {
        &self.horizons
    }

    /// The base that the model was fitted on.
    #[must_use]
    pub fn base(&self) -> &BasePart {
        &self.base
    }

    /// How unsure the total spend within a horizon is over many customers: as for the model's own horizon, or for the next
    /// longer one. `None` in bundles that do not know it, and beyond the longest horizon.
    #[must_use]
    pub fn total_uncertainty(&self, days: u32) -> Option<TotalUncertainty> {
        self.horizons.iter().find(|part| part.value.days >= days)?.value.total_uncertainty()
    }

    /// Scores a customer as of an instant.
    #[must_use]
    pub fn predict(&self, history: &History, as_of: Micros) -> Outcome {
        self.predict_with_features(history, as_of, || ()).outcome
    }

    /// [`Bundle::predict_with_features`] without the reasons, which a backtest has no use for.
    #[must_use]
    pub fn predict_numbers(&self, history: &History, as_of: Micros) -> Scoring {
        self.run(history, as_of, &self.asked, || (), false)
    }

    /// Scores a customer as of an instant, with what is asked beyond the model's own horizons.
    #[must_use]
    pub fn predict_asked(&self, history: &History, as_of: Micros, asked: &Asked) -> Outcome {
        self.run(history, as_of, asked, || (), true).outcome
    }

    /// [`Bundle::predict`] that also returns the features. `features_done` is called between features and model, for
    /// callers who measure how long each takes.
    #[must_use]
    pub fn predict_with_features(
        &self,
        history: &History,
        as_of: Micros,
        features_done: impl FnOnce(),
    ) -> Scoring {
        self.run(history, as_of, &self.asked, features_done, true)
    }

    /// What each feature contributes to the log-odds of a purchase within the churn horizon; `None` without a
    /// purchase.
    #[must_use]
    pub fn contributions(&self, history: &History, as_of: Micros) -> Option<Contributions> {
        let features = self.features(history, as_of)?;
        let (by_feature, lifetime) = self.explained(&self.customer(&features, as_of))?;
        Some(Contributions { features, by_feature: by_feature.into(), lifetime })
    }

    fn explained(&self, customer: &Customer<'_>) -> Option<([f64; COUNT], LifetimeShare)> {
        let churn = self.horizons.iter().find(|p| p.purchase.days == self.manifest.churn_horizon)?;
        let mut returning = [0.0; COUNT];
        let (orders, typical) = (&self.lifetime.orders, self.base.typical_log_odds);
        let explainer = self.explainer.as_ref()?;
        let own = explainer.explain(&churn.purchase, customer.row(), orders, typical, &mut returning);
        Some((returning, own))
    }

    /// The features of a customer as of an instant, in the order of [`features::SPECS`]; `None` without a purchase.
    fn features(&self, history: &History, as_of: Micros) -> Option<Vec<f64>> {
        thread_local! {
            static SCRATCH: RefCell<Scratch> = RefCell::default();
        }
        let mut features = vec![0.0; COUNT];
        let view = history.as_of(as_of);
        let bought = SCRATCH.with_borrow_mut(|scratch| {
            features::compute(&view, self.manifest.timezone, scratch, &mut features)
        });
        bought.then_some(features)
    }

    /// The customer with these features, as the estimators see it.
    fn customer<'a>(&self, features: &'a [f64], as_of: Micros) -> Customer<'a> {
        let customer = Customer::of(features);
        if self.manifest.closures.is_empty() {
            return customer;
        }
        customer.without(&self.manifest.closures, self.manifest.timezone.day(as_of))
    }

    fn run(
        &self,
        history: &History,
        as_of: Micros,
        asked: &Asked,
        features_done: impl FnOnce(),
        with_reasons: bool,
    ) -> Scoring {
        let features = self.features(history, as_of);
        features_done();
        let Some(features) = features else {
            return Scoring { features: Vec::new(), outcome: Outcome::NotScored(NotScored::NoPurchase) };
        };
        let outcome = Outcome::Scored(Box::new(self.judge(
            &self.customer(&features, as_of),
            as_of,
            asked,
            with_reasons,
        )));
        Scoring { features, outcome }
    }

    /// The scores of a customer with these features, in the order of [`features::SPECS`]; NaN is unknown.
    ///
    /// # Panics
    /// When there are fewer features than [`COUNT`].
    #[must_use]
    pub fn of_features(&self, features: &[f64], as_of: Micros) -> Prediction {
        self.judge(&self.customer(features, as_of), as_of, &self.asked, true)
    }

    /// What is expected within the horizons that are asked for, from what is expected within the bundle's own.
    fn further(
        &self,
        asked: &Asked,
        own: &[AtHorizon],
        curve: &PurchaseCurve,
        customer: &Customer<'_>,
    ) -> Vec<AtHorizon> {
        if asked.horizons.is_empty() {
            return Vec::new();
        }
        let values: Vec<&ValueModel> = self.horizons.iter().map(|part| &part.value).collect();
        let (lifetime, coherent) = (&self.lifetime.orders, self.manifest.coherent);
        let known = Known { own, values: &values, curve, lifetime, customer, coherent };
        let further = asked.horizons.iter().filter(|&&days| own.iter().all(|at| at.days != days));
        further.filter_map(|&days| known.within(days)).collect()
    }

    fn judge(&self, customer: &Customer<'_>, as_of: Micros, asked: &Asked, with_reasons: bool) -> Prediction {
        let (lifetime, row) = (&self.lifetime.orders, customer.row());
        let points: Vec<(u32, f64)> = self
            .horizons
            .iter()
            .map(|part| (part.purchase.days, part.purchase.probability(row, lifetime)))
            .collect();
        let curve = PurchaseCurve::through(&points);
        let mut at: Vec<AtHorizon> = Vec::with_capacity(points.len());
        for part in &self.horizons {
            let days = part.purchase.days;
            let p = curve.at(f64::from(days));
            let if_buys = part.value.if_buys(row, lifetime, &self.lifetime.money, p);
            let (low, high) = part.value.spend_interval(p, if_buys.spend);
            // What is expected within a longer time is at least what is expected within a shorter one.
            let before = at.last().copied();
            let floor =
                |value: f64, of: fn(&AtHorizon) -> f64| before.as_ref().map_or(value, |b| value.max(of(b)));
            let mut this = AtHorizon {
                days,
                p_purchase: p,
                expected_orders: floor(p * if_buys.orders, |b| b.expected_orders),
                expected_spend: floor(p * if_buys.spend, |b| b.expected_spend),
                expected_spend_low: floor(low, |b| b.expected_spend_low),
                expected_spend_high: floor(high, |b| b.expected_spend_high),
            };
            if self.manifest.coherent {
                coherence::settle(&mut this, customer);
            }
            at.push(this);
        }
        let further = self.further(asked, &at, &curve, customer);
        let within = |days: u32| at.iter().find(|at| at.days == days).or(at.last());
        let longest = further.iter().chain(&at).map(|at| at.p_purchase).fold(0.0, f64::max);
        let churn_risk = 1.0 - within(self.manifest.churn_horizon).map_or(0.0, |at| at.p_purchase);
        let value_days = self.manifest.value_horizon;
        let rate = asked.discount_rate.unwrap_or(self.manifest.discount_rate);
        let present =
            |of: fn(&AtHorizon) -> f64| within(value_days).map_or(0.0, of) * discount(value_days, rate);
        let clv = present(|at| at.expected_spend);
        let next_order = |share: f64| curve.instant_of(share, row.recency, lifetime, as_of);
        let reasons = if with_reasons { self.explained(customer) } else { None }
            .map_or_else(Vec::new, |(returning, own)| reasons(customer, &returning, own));
        Prediction {
            churn_risk,
            churn_percentile: self.base.churn.percentile(churn_risk),
            p_alive: match self.manifest.coherent {
                true => coherence::alive(lifetime.probability_alive(row.recency), longest),
                false => lifetime.probability_alive(row.recency),
            },
            next_order_at: next_order(0.5),
            next_order_quartiles: [next_order(0.25), next_order(0.75)],
            clv,
            clv_interval: [present(|at| at.expected_spend_low), present(|at| at.expected_spend_high)],
            value_at_risk: value_at_risk(churn_risk, clv),
            cluster: self.clusters.as_ref().and_then(|clusters| clusters.assign(customer.features)),
            reasons,
            at: merged(at, further),
        }
    }
}

/// All of them, shortest horizon first.
fn merged(mut at: Vec<AtHorizon>, further: Vec<AtHorizon>) -> Vec<AtHorizon> {
    if !further.is_empty() {
        at.extend(further);
        at.sort_unstable_by_key(|at| at.days);
    }
    at
}

fn explainer(manifest: &Manifest, horizons: &[HorizonPart]) -> Option<PurchaseExplainer> {
    let churn = horizons.iter().find(|part| part.purchase.days == manifest.churn_horizon)?;
    Some(PurchaseExplainer::of(&churn.purchase))
}
