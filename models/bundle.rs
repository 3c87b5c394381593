//! The bundle: everything that scoring needs, as a folder that is written whole or not at all.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use homing_datasets::{History, Micros, Zone};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::boosting::Booster;
use crate::churn::{ChurnBase, value_at_risk};
use crate::clusters::Clusters;
use crate::customer::Customer;
use crate::error::Error;
use crate::explain::reasons;
use crate::features::{self, COUNT, SPECS, Scratch};
use crate::judged::Judged;
use crate::lifetimes::{GammaGamma, Lifetime, LifetimeModel};
use crate::next::{Expansion, NextPurchase, due};
use crate::prediction::{AtHorizon, NotScored, Outcome, Prediction};
use crate::repurchase::{LifetimeShare, ReturnCurve, ReturnExplainer, ReturnModel};
use crate::value::{ValueModel, discount};

/// The newest format that this homing writes and the newest that it reads.
pub const FORMAT: u32 = 1;

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the bundle's format.
    pub format: u32,
    /// The model's name.
    pub name: String,
    /// The first twelve digits of the hash of all that the bundle holds: same data, same seed, same version.
    pub version: String,
    /// The homing that wrote it.
    pub homing: String,
    /// The instant up to which it has learned, in microseconds since 1970-01-01T00:00:00Z.
    pub as_of: Micros,
    /// The same in words.
    pub as_of_text: String,
    /// The horizons in days, ascending.
    pub horizons: Vec<u32>,
    /// The horizon of the churn risk, in days; one of `horizons`.
    pub churn_horizon: u32,
    /// The horizon of the lifetime value, in days; one of `horizons`.
    pub value_horizon: u32,
    /// The yearly rate at which the lifetime value is discounted.
    pub discount_rate: f64,
    /// Whether expected spend is net of returns: what customers keep, not what they order.
    #[serde(default)]
    pub net_of_returns: bool,
    /// The business's time zone.
    pub timezone: Zone,
    /// The seed of the fit.
    pub seed: u64,
    /// Fingerprint of names and meanings of the features.
    pub feature_schema: String,
    /// Names of the features, in order.
    pub features: Vec<String>,
    /// What the data were.
    pub data: DataFingerprint,
    /// What the fit measured, e.g. the backtest on the last window before `as_of`.
    pub metrics: serde_json::Value,
    /// Hash of each part, by file name.
    pub parts: BTreeMap<String, String>,
}

/// What the data of a fit were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataFingerprint {
    /// Customers with a purchase.
    pub customers: u64,
    /// Events up to `as_of`.
    pub events: u64,
    /// First event (local date).
    pub first: String,
    /// Last event (local date).
    pub last: String,
    /// Hash over customers and their events up to `as_of`, in order.
    pub sha256: String,
}

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
    /// Whether they come back.
    pub returns: ReturnModel,
    /// What they spend if they do.
    pub value: ValueModel,
}

/// The base of customers that the model was fitted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BasePart {
    /// Their churn risks.
    pub churn: ChurnBase,
    /// The lifetime model's log-odds of a typical customer at the churn horizon, against which reasons are told.
    pub typical_log_odds: f64,
    /// Deciles (0 to 100 %, eleven values) of each feature, for seeing drift; empty where nothing is known.
    pub deciles: Vec<Vec<f64>>,
}

/// A model that can be shipped: [`Bundle::predict`] is the one function of truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    manifest: Manifest,
    id: Arc<str>,
    lifetime: LifetimePart,
    horizons: Vec<HorizonPart>,
    base: BasePart,
    explainer: Option<ReturnExplainer>,
    clusters: Option<Clusters>,
    expansion: Option<Expansion>,
    report: Option<Arc<str>>,
    judged: Option<Arc<Judged>>,
}

/// An outcome with the features that it came from (empty without a purchase).
#[derive(Clone, Debug, PartialEq)]
pub struct Scoring {
    /// The features, in the order of [`SPECS`].
    pub features: Vec<f64>,
    /// The scores, or why there are none.
    pub outcome: Outcome,
}

pub(crate) const MANIFEST: &str = "manifest.json";
const LIFETIME: &str = "lifetime.json";
const HORIZONS: &str = "horizons.json";
const BASE: &str = "base.json";
const CLUSTERS: &str = "clusters.json";
const EXPANSION: &str = "expansion.json";
const REPORT: &str = "report.html";
const JUDGED: &str = "judged.json";

/// What moved a customer's log-odds of coming back within the churn horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributions {
    /// The features, in the order of [`SPECS`].
    pub features: Vec<f64>,
    /// What each feature adds.
    pub by_feature: Vec<f64>,
    /// What the lifetime model adds.
    pub lifetime: LifetimeShare,
}

impl Bundle {
    /// Puts fitted parts together; `manifest.parts`, `version`, `features` and the like are filled in here.
    #[must_use]
    pub fn new(
        mut manifest: Manifest,
        lifetime: LifetimePart,
        horizons: Vec<HorizonPart>,
        base: BasePart,
    ) -> Self {
        manifest.format = FORMAT;
        manifest.homing = env!("CARGO_PKG_VERSION").to_owned();
        manifest.feature_schema = features::schema_hash();
        manifest.features = SPECS.iter().map(|spec| spec.name.to_owned()).collect();
        manifest.version = String::new();
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
        };
        bundle.sealed()
    }

    /// The same bundle with a report on its fit as one more part, which gives it another version.
    #[must_use]
    pub fn with_report(mut self, html: &str) -> Self {
        self.report = Some(html.into());
        self.sealed()
    }

    /// The same bundle with what its test showed as one more part, which gives it another version.
    #[must_use]
    pub fn with_judged(mut self, judged: Judged) -> Self {
        self.judged = Some(judged.into());
        self.sealed()
    }

    /// What its test showed, where that is known: bundles of earlier versions do not have it.
    #[must_use]
    pub fn judged(&self) -> Option<&Arc<Judged>> {
        self.judged.as_ref()
    }

    /// The same bundle with clusters of like customers as one more part, which gives it another version.
    #[must_use]
    pub fn with_clusters(mut self, clusters: Clusters) -> Self {
        self.clusters = Some(clusters);
        self.sealed()
    }

    /// The clusters of like customers, where there are any; bundles of earlier versions have none.
    #[must_use]
    pub fn clusters(&self) -> Option<&Clusters> {
        self.clusters.as_ref()
    }

    /// The same bundle with what was learned of first purchases by category as one more part.
    #[must_use]
    pub fn with_expansion(mut self, expansion: Expansion) -> Self {
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

    /// With hashes of the parts, and the version that follows from them.
    fn sealed(mut self) -> Self {
        self.manifest.version = String::new();
        self.manifest.parts = self.parts().into_iter().map(|(name, bytes)| (name, hex(&bytes))).collect();
        self.manifest.version = hex(&json(&self.manifest))[..12].to_owned();
        self.id = format!("{}@{}", self.manifest.name, self.manifest.version).into();
        self
    }

    /// What the bundle says of itself.
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

    /// Scores a customer as of an instant. Training, backtest, batch and service all come through here.
    #[must_use]
    pub fn predict(&self, history: &History, as_of: Micros) -> Outcome {
        self.predict_with_features(history, as_of, || ()).outcome
    }

    /// [`Bundle::predict`] without the reasons, which a backtest has no use for.
    #[must_use]
    pub fn predict_numbers(&self, history: &History, as_of: Micros) -> Outcome {
        self.run(history, as_of, || (), false).outcome
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
        self.run(history, as_of, features_done, true)
    }

    /// What each feature contributes to the log-odds of coming back within the churn horizon; `None` without a
    /// purchase.
    #[must_use]
    pub fn contributions(&self, history: &History, as_of: Micros) -> Option<Contributions> {
        let features = self.features(history, as_of)?;
        let (by_feature, lifetime) = self.explained(&Customer::of(&features))?;
        Some(Contributions { features, by_feature: by_feature.into(), lifetime })
    }

    fn explained(&self, customer: &Customer<'_>) -> Option<([f64; COUNT], LifetimeShare)> {
        let churn = self.horizons.iter().find(|p| p.returns.days == self.manifest.churn_horizon)?;
        let mut returning = [0.0; COUNT];
        let (orders, typical) = (&self.lifetime.orders, self.base.typical_log_odds);
        let explainer = self.explainer.as_ref()?;
        let own = explainer.explain(&churn.returns, customer.row(), orders, typical, &mut returning);
        Some((returning, own))
    }

    /// The features of a customer as of an instant, in the order of [`SPECS`]; `None` without a purchase.
    #[must_use]
    pub fn features(&self, history: &History, as_of: Micros) -> Option<Vec<f64>> {
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

    fn run(
        &self,
        history: &History,
        as_of: Micros,
        features_done: impl FnOnce(),
        with_reasons: bool,
    ) -> Scoring {
        let features = self.features(history, as_of);
        features_done();
        let Some(features) = features else {
            return Scoring { features: Vec::new(), outcome: Outcome::NotScored(NotScored::NoPurchase) };
        };
        let outcome = Outcome::Scored(Box::new(self.judge(&Customer::of(&features), as_of, with_reasons)));
        Scoring { features, outcome }
    }

    /// The scores of a customer with these features, in the order of [`SPECS`]; NaN is unknown.
    ///
    /// # Panics
    /// When there are fewer features than [`COUNT`].
    #[must_use]
    pub fn of_features(&self, features: &[f64], as_of: Micros) -> Prediction {
        self.judge(&Customer::of(features), as_of, true)
    }

    fn judge(&self, customer: &Customer<'_>, as_of: Micros, with_reasons: bool) -> Prediction {
        let (lifetime, row) = (&self.lifetime.orders, customer.row());
        let points: Vec<(u32, f64)> = self
            .horizons
            .iter()
            .map(|part| (part.returns.days, part.returns.probability(row, lifetime)))
            .collect();
        let curve = ReturnCurve::through(&points);
        let mut at: Vec<AtHorizon> = Vec::with_capacity(points.len());
        for part in &self.horizons {
            let days = part.returns.days;
            let p = curve.at(f64::from(days));
            let if_returned = part.value.if_returned(row, lifetime, &self.lifetime.money, p);
            let (low, high) = part.value.spend_interval(p, if_returned.spend);
            // What is expected within a longer time is at least what is expected within a shorter one.
            let before = at.last().copied();
            let floor =
                |value: f64, of: fn(&AtHorizon) -> f64| before.as_ref().map_or(value, |b| value.max(of(b)));
            at.push(AtHorizon {
                days,
                p_return: p,
                expected_orders: floor(p * if_returned.orders, |b| b.expected_orders),
                expected_spend: floor(p * if_returned.spend, |b| b.expected_spend),
                expected_spend_low: floor(low, |b| b.expected_spend_low),
                expected_spend_high: floor(high, |b| b.expected_spend_high),
            });
        }
        let within = |days: u32| at.iter().find(|at| at.days == days).or(at.last());
        let churn_risk = 1.0 - within(self.manifest.churn_horizon).map_or(0.0, |at| at.p_return);
        let value_days = self.manifest.value_horizon;
        let clv = within(value_days).map_or(0.0, |at| at.expected_spend)
            * discount(value_days, self.manifest.discount_rate);
        let reasons = if with_reasons { self.explained(customer) } else { None }
            .map_or_else(Vec::new, |(returning, own)| reasons(customer, &returning, own));
        Prediction {
            churn_risk,
            churn_percentile: self.base.churn.percentile(churn_risk),
            p_alive: lifetime.probability_alive(row.recency),
            next_order_at: curve.median_instant(row.recency, lifetime, as_of),
            clv,
            value_at_risk: value_at_risk(churn_risk, clv),
            cluster: self.clusters.as_ref().and_then(|clusters| clusters.assign(customer.features)),
            reasons,
            at,
        }
    }

    fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let mut parts = vec![
            (LIFETIME.to_owned(), json(&self.lifetime)),
            (HORIZONS.to_owned(), json(&self.horizons)),
            (BASE.to_owned(), json(&self.base)),
        ];
        parts.extend(self.clusters.as_ref().map(|clusters| (CLUSTERS.to_owned(), json(clusters))));
        parts.extend(self.expansion.as_ref().map(|expansion| (EXPANSION.to_owned(), json(expansion))));
        parts.extend(self.report().map(|html| (REPORT.to_owned(), html.as_bytes().to_vec())));
        parts.extend(self.judged.as_ref().map(|judged| (JUDGED.to_owned(), json(judged.as_ref()))));
        parts
    }

    /// Writes the bundle as the folder `path`: under another name first, synced, then renamed. A folder that
    /// already holds this version is left as it is.
    ///
    /// # Errors
    /// [`Error::Io`] when the file system refuses; then nothing stands at `path`.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let io = |at: &Path| {
            let at = at.to_owned();
            move |cause| Error::Io { path: at, cause }
        };
        if Bundle::load(path).is_ok_and(|there| there.manifest == self.manifest) {
            return Ok(());
        }
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(io(parent))?;
        let draft = parent.join(format!(".{}-{}.tmp", self.manifest.version, std::process::id()));
        if draft.exists() {
            fs::remove_dir_all(&draft).map_err(io(&draft))?;
        }
        fs::create_dir(&draft).map_err(io(&draft))?;
        let manifest = (MANIFEST.to_owned(), json(&self.manifest));
        for (name, bytes) in self.parts().into_iter().chain([manifest]) {
            let file = draft.join(name);
            let write = || -> std::io::Result<()> {
                let mut out = File::create(&file)?;
                out.write_all(&bytes)?;
                out.sync_all()
            };
            write().map_err(io(&file))?;
        }
        if path.exists() {
            fs::remove_dir_all(path).map_err(io(path))?;
        }
        fs::rename(&draft, path).map_err(io(path))?;
        File::open(parent).and_then(|dir| dir.sync_all()).map_err(io(parent))
    }

    /// Reads a bundle and checks every part against its hash.
    ///
    /// # Errors
    /// [`Error`]: no bundle there, a part missing or damaged (by name), or a format that is too new.
    pub fn load(path: &Path) -> Result<Bundle, Error> {
        let manifest = fs::read(path.join(MANIFEST))
            .map_err(|cause| Error::NoBundle { path: path.to_owned(), cause: cause.to_string() })?;
        let damaged = |part: &str, detail: String| damaged(path, part, detail);
        let loose: serde_json::Value =
            serde_json::from_slice(&manifest).map_err(|e| damaged(MANIFEST, format!("is no JSON: {e}")))?;
        let found = loose["format"].as_u64().unwrap_or(0) as u32;
        if found > FORMAT {
            return Err(Error::TooNew { path: path.to_owned(), found, known: FORMAT });
        }
        let manifest: Manifest =
            serde_json::from_value(loose).map_err(|e| damaged(MANIFEST, format!("lacks something: {e}")))?;
        let mut unnamed = manifest.clone();
        unnamed.version = String::new();
        if hex(&json(&unnamed))[..12] != manifest.version {
            return Err(damaged(MANIFEST, "does not have the content that was written".into()));
        }
        if manifest.feature_schema != features::schema_hash() {
            return Err(Error::OtherFeatures {
                path: path.to_owned(),
                found: manifest.feature_schema,
                known: features::schema_hash(),
            });
        }
        let mut bundle = Bundle {
            id: format!("{}@{}", manifest.name, manifest.version).into(),
            lifetime: part(path, &manifest, LIFETIME)?,
            horizons: part(path, &manifest, HORIZONS)?,
            base: part(path, &manifest, BASE)?,
            clusters: later_part(path, &manifest, CLUSTERS)?,
            expansion: later_part(path, &manifest, EXPANSION)?,
            report: report(path, &manifest)?,
            judged: match manifest.parts.contains_key(JUDGED) {
                true => Some(Arc::new(part(path, &manifest, JUDGED)?)),
                false => None,
            },
            manifest,
            explainer: None,
        };
        if !bundle.boosters().all(Booster::is_sound) {
            return Err(damaged(HORIZONS, "holds a tree that cannot be walked".into()));
        }
        if !bundle.clusters.as_ref().is_none_or(Clusters::is_sound) {
            return Err(damaged(CLUSTERS, "holds clusters that nobody can be assigned to".into()));
        }
        if !bundle.expansion.as_ref().is_none_or(Expansion::is_sound) {
            return Err(damaged(EXPANSION, "holds categories out of order".into()));
        }
        bundle.explainer = explainer(&bundle.manifest, &bundle.horizons);
        Ok(bundle)
    }

    fn boosters(&self) -> impl Iterator<Item = &Booster> {
        self.horizons.iter().flat_map(|part| {
            let tree = part.returns.members.as_ref().map(|members| &members.tree);
            let value = &part.value;
            tree.into_iter().chain(&value.orders).chain(&value.spend).chain(&value.direct)
        })
    }
}

fn explainer(manifest: &Manifest, horizons: &[HorizonPart]) -> Option<ReturnExplainer> {
    let churn = horizons.iter().find(|part| part.returns.days == manifest.churn_horizon)?;
    Some(ReturnExplainer::of(&churn.returns))
}

fn part<T: DeserializeOwned>(path: &Path, manifest: &Manifest, name: &str) -> Result<T, Error> {
    let bytes = bytes(path, manifest, name)?;
    serde_json::from_slice(&bytes).map_err(|e| damaged(path, name, format!("cannot be understood: {e}")))
}

/// A part that bundles of earlier versions, and some of today's, do not have.
fn later_part<T: DeserializeOwned>(path: &Path, manifest: &Manifest, name: &str) -> Result<Option<T>, Error> {
    if !manifest.parts.contains_key(name) {
        return Ok(None);
    }
    part(path, manifest, name).map(Some)
}

/// The report; bundles of earlier versions have none.
fn report(path: &Path, manifest: &Manifest) -> Result<Option<Arc<str>>, Error> {
    if !manifest.parts.contains_key(REPORT) {
        return Ok(None);
    }
    let html = String::from_utf8(bytes(path, manifest, REPORT)?);
    html.map(|html| Some(html.into())).map_err(|e| damaged(path, REPORT, format!("is no text: {e}")))
}

/// The bytes of a part that the manifest names, if they are those that were written.
fn bytes(path: &Path, manifest: &Manifest, name: &str) -> Result<Vec<u8>, Error> {
    let bytes = fs::read(path.join(name)).map_err(|e| damaged(path, name, format!("cannot be read: {e}")))?;
    if manifest.parts.get(name) != Some(&hex(&bytes)) {
        return Err(damaged(path, name, "does not have the content that was written".to_owned()));
    }
    Ok(bytes)
}

fn damaged(path: &Path, part: &str, detail: String) -> Error {
    Error::Damaged { path: path.to_owned(), part: part.to_owned(), detail }
}

/// JSON of parts that cannot fail to be JSON: plain structs, text keys.
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
