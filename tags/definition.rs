//! The definition of a tag.

use homing_locales::Text;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expression::Expression;
use super::tag::Layer;

/// The side of the customer that a tag speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The customer's stage between the first purchase and the last.
    Lifecycle,
    /// What the customer spends.
    SpendingPower,
    /// What the customer likes.
    Preference,
    /// How much the customer interacts.
    Activity,
}

/// What an empty result does to the tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenEmpty {
    /// The tag is removed.
    #[default]
    Blank,
    /// The tag keeps the value that the profile has, until it expires.
    Keep,
}

/// A value that a tag may take, in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueLabel {
    /// The value: text, number or truth value.
    pub value: Value,
    /// What people read.
    pub labels: Text,
    /// What it means, where the label does not say it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<Text>,
}

/// One tag of a catalogue.
#[derive(Debug)]
pub struct Definition {
    /// Dotted name, e.g. `churn.level`.
    pub name: String,
    /// Static, dynamic or predictive.
    pub layer: Layer,
    /// The side of the customer that it speaks of.
    pub dimension: Dimension,
    /// What people read.
    pub labels: Text,
    /// What it means.
    pub meaning: Text,
    /// Its values in words, in the order in which to show them.
    pub values: Vec<ValueLabel>,
    /// Days after which the tag ceases to hold.
    pub expires_after_days: Option<u32>,
    /// What an empty result does.
    pub when_empty: WhenEmpty,
    pub(crate) expression: Expression,
    pub(crate) confidence: Option<Expression>,
    /// Byte of the catalogue at which the expression begins.
    pub(crate) place: usize,
}

/// A number graded by steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// Its name in expressions.
    pub name: String,
    /// The expression that is graded.
    pub of: String,
    /// Its steps, all rising (more is better) or all falling (less is better).
    pub steps: Vec<f64>,
}

impl Definition {
    /// The CEL expression as written.
    #[must_use]
    pub fn expression(&self) -> &str {
        self.expression.source()
    }

    /// Its values, where all of them are texts from a list; `None` for a tag with other values.
    #[must_use]
    pub fn known_values(&self) -> Option<Vec<&str>> {
        let values: Option<Vec<&str>> = self.values.iter().map(|label| label.value.as_str()).collect();
        values.filter(|values| !values.is_empty())
    }

    pub(crate) fn describe(&self) -> Value {
        json!({
            "name": self.name,
            "layer": self.layer,
            "dimension": self.dimension,
            "labels": self.labels,
            "meaning": self.meaning,
            "expression": self.expression.source(),
            "confidence": self.confidence.as_ref().map(Expression::source),
            "expires_after_days": self.expires_after_days,
            "when_empty": self.when_empty,
            "values": self.values,
        })
    }
}
