//! Scoring: a bundle and a tag catalogue put to work on histories.

pub mod batch;
mod engine;
pub mod nightly;

use std::sync::Arc;

use homing_datasets::{History, Micros, Zone};
use serde::{Serialize, Serializer};

use crate::profiles::Scored;
pub use engine::Engine;

/// Which model answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelInfo {
    /// Name and version, `name@version`.
    #[serde(serialize_with = "as_text")]
    pub id: Arc<str>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The instant up to which it has learned (RFC 3339).
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

fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// Whatever scores histories: the engine of a bundle, or a stand-in for tests.
pub trait Score: Send + Sync {
    /// The model behind it.
    fn model(&self) -> &ModelInfo;

    /// Scores one customer with its history as of an instant and says which tags follow.
    fn score(&self, customer_id: &str, history: &History, as_of: Micros, scored_at: Micros) -> Scored;
}
