//! A tag that was computed for one customer.

use homing_datasets::Micros;
use serde::{Deserialize, Serialize};

/// One tag, freshly computed for one customer.
///
/// A tag with the value `null` says that nothing new is known: the value that the store holds stays, with
/// the provenance that it has, until it expires.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    /// The tag's name in the catalogue, e.g. `churn.level`.
    pub name: String,
    /// Static, dynamic or predictive.
    pub layer: Layer,
    /// Text, number or truth value.
    pub value: serde_json::Value,
    /// The confidence, 0 to 1, where the tag is based on a probability.
    pub confidence: Option<f64>,
    /// When the tag ceases to hold.
    pub expires_at: Option<Micros>,
}

/// Where a tag comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Who the customer is.
    Static,
    /// What the customer did.
    Dynamic,
    /// What the customer is expected to do.
    Predictive,
}

impl Layer {
    /// The layer's name in files and over HTTP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Layer::Static => "static",
            Layer::Dynamic => "dynamic",
            Layer::Predictive => "predictive",
        }
    }

    /// The layer with this name, if there is one.
    ///
    /// ```
    /// use homing_tags::Layer;
    ///
    /// assert_eq!(Layer::from_name("predictive"), Some(Layer::Predictive));
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Layer> {
        [Layer::Static, Layer::Dynamic, Layer::Predictive].into_iter().find(|layer| layer.name() == name)
    }
}
