//! The manifest of a bundle.

use std::collections::BTreeMap;

use homing_datasets::guards::{AmountRange, Closures};
use homing_datasets::{Micros, Zone};
use serde::{Deserialize, Serialize};

use crate::features::{self, SPECS};

/// The newest format that this homing writes and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The manifest of a bundle.
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
    /// Whether predictions are held to each other and to the customer's own past (see [`crate::coherence`]); bundles of
    /// 0.1 predict as they did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub coherent: bool,
    /// Times in which the shop sold nothing, left out of the time that lifetime models see.
    #[serde(default, skip_serializing_if = "Closures::is_empty")]
    pub closures: Closures,
    /// The business's time zone.
    pub timezone: Zone,
    /// The seed of the fit.
    pub seed: u64,
    /// Fingerprint of names, units and definitions of the features; see [`features::schema_hash`].
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
    /// The amounts of purchases in short; bundles of before it was kept have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amounts: Option<AmountRange>,
    /// Hash over customers and their events up to `as_of`, in order.
    pub sha256: String,
}

impl Manifest {
    /// Fills in what follows from this homing: format, version of the program, features.
    pub(super) fn describe_features(&mut self) {
        self.format = FORMAT;
        self.homing = env!("CARGO_PKG_VERSION").to_owned();
        self.feature_schema = features::schema_hash();
        self.features = SPECS.iter().map(|spec| spec.name.to_owned()).collect();
    }
}
