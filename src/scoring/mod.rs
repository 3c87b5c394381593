//! Scoring: applies a bundle and a tag catalogue to histories.

pub mod batch;
mod engine;
pub mod nightly;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use homing_datasets::{History, Micros, Zone};
use homing_models::bundle::Asked;
use homing_models::clusters::Clusters;
use homing_models::next::{NextPurchase, due};
use homing_models::value::TotalUncertainty;
use homing_models::{Manifest, Prediction};
use serde::{Serialize, Serializer};

pub use engine::Engine;
use homing_profiles::Scored;

/// The serving model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelInfo {
    /// Name and version, `name@version`.
    #[serde(serialize_with = "as_text")]
    pub id: Arc<str>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// End of its training data (RFC 3339).
    pub as_of: String,
    /// The same in microseconds; scores never look from before it unless the caller says so.
    #[serde(skip)]
    pub as_of_micros: Micros,
    /// Its horizons in days.
    pub horizons: Vec<u32>,
    /// The horizon behind `churn_risk`.
    pub churn_horizon: u32,
    /// The business's time zone.
    pub timezone: Zone,
}

impl ModelInfo {
    /// What a manifest says.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        ModelInfo {
            id: format!("{}@{}", manifest.name, manifest.version).into(),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            as_of: manifest.as_of_text.clone(),
            as_of_micros: manifest.as_of,
            horizons: manifest.horizons.clone(),
            churn_horizon: manifest.churn_horizon,
            timezone: manifest.timezone,
        }
    }
}

fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// Where the time of scoring went, summed over customers and threads; nanoseconds.
#[derive(Debug, Default)]
pub struct Spent {
    /// From histories to features.
    pub features_ns: AtomicU64,
    /// From features to predictions.
    pub model_ns: AtomicU64,
    /// From both to tags.
    pub tags_ns: AtomicU64,
}

impl Spent {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> Duration {
        let stages = [&self.features_ns, &self.model_ns, &self.tags_ns];
        Duration::from_nanos(stages.map(|stage| stage.load(Ordering::Relaxed)).iter().sum())
    }

    fn since(counter: &AtomicU64, started: Instant) -> Instant {
        let now = Instant::now();
        counter.fetch_add((now - started).as_nanos() as u64, Ordering::Relaxed);
        now
    }
}

/// Products are named that are due within so many days.
pub const DUE_AHEAD_DAYS: f64 = 14.0;

/// Whatever scores histories: the engine of a bundle, or a stand-in for tests.
pub trait Score: Send + Sync {
    /// The model behind it.
    fn model(&self) -> &ModelInfo;

    /// Scores one customer with its history as of an instant, and says which tags follow where they are `tagged`.
    fn run(
        &self,
        customer_id: &str,
        history: &History,
        as_of: Micros,
        scored_at: Micros,
        tagged: bool,
        spent: &Spent,
    ) -> Scored;

    /// [`Score::run`] without tags, with what is asked of the model beyond its own horizons. A stand-in has those alone.
    fn run_asked(
        &self,
        history: &History,
        as_of: Micros,
        scored_at: Micros,
        _asked: &Asked,
        spent: &Spent,
    ) -> Scored {
        self.run("", history, as_of, scored_at, false, spent)
    }

    /// A customer's predicted next purchases; without a category model, only the products that are due.
    fn next(&self, history: &History, as_of: Micros) -> NextPurchase {
        let due = due(&history.as_of(as_of), self.model().timezone, DUE_AHEAD_DAYS);
        NextPurchase { due, ..NextPurchase::default() }
    }

    /// How unsure the total spend of many customers is within a horizon; `None` where that is not known.
    fn total_uncertainty(&self, _days: u32) -> Option<TotalUncertainty> {
        None
    }

    /// The model's clusters of like customers, where it has any.
    fn clusters(&self) -> Option<&Clusters> {
        None
    }

    /// The names of all tags that it can give; `None` where they are not known.
    fn tag_names(&self) -> Option<Vec<&str>> {
        None
    }

    /// The values that a tag may have, where the catalogue lists them all.
    fn tag_values(&self, _tag: &str) -> Option<Vec<&str>> {
        None
    }

    /// What the model makes of features, in the order of [`homing_models::features::SPECS`]; NaN is unknown.
    fn predict(&self, features: &[f64]) -> Prediction;

    /// [`Score::run`] with tags.
    fn score(&self, customer_id: &str, history: &History, as_of: Micros, scored_at: Micros) -> Scored {
        self.run(customer_id, history, as_of, scored_at, true, &Spent::default())
    }
}
