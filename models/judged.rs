//! How a model did when it was tested, in numbers that can be drawn: a part of the bundle, beside the report for reading.

use serde::{Deserialize, Serialize};

use homing_locales::Text;

/// What a test of a model showed, and which causes the model uses. Nothing in it names a customer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The test, where the history was long enough for one.
    pub test: Option<Test>,
    /// The causes that the model uses, the most important first.
    pub importance: Vec<Weight>,
    /// How today's customers differ from those of the model before, the greatest difference first; empty without one.
    pub drift: Vec<Shift>,
}

/// A test on a window that the model had not seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// The last day that was known (local date).
    pub cutoff: String,
    /// Days of the window.
    pub days: u32,
    /// Customers judged.
    pub customers: u64,
    /// Share of them who bought.
    pub bought: f64,
    /// Tenths of the customers by their chance, the lowest first.
    pub chances: Vec<Tenth>,
    /// Share of the buyers among the best-scored, in fifty steps of the customers.
    pub buyers: Vec<f64>,
    /// The same with hindsight.
    pub buyers_best: Vec<f64>,
    /// Share of the spend among those with the highest expected spend, in fifty steps.
    pub spend: Vec<f64>,
    /// The same with hindsight.
    pub spend_best: Vec<f64>,
    /// Tenths of the customers by expected spend, the highest first: expected and actual spend a customer.
    pub value: Vec<(f64, f64)>,
    /// Repeat orders by week.
    pub weeks: Vec<Week>,
}

/// Customers with like chances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tenth {
    /// Customers.
    pub customers: u64,
    /// Their mean chance of buying.
    pub expected: f64,
    /// Share that bought.
    pub actual: f64,
    /// Its 95 % interval.
    pub interval: (f64, f64),
}

/// A week of the test, or before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Week {
    /// Its last day, days since 1970-01-01.
    pub end: i32,
    /// Repeat orders in it.
    pub actual: f64,
    /// Repeat orders that the model expected of it, from the cutoff on.
    pub expected: Option<f64>,
}

/// What a feature weighs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    /// Its name.
    pub feature: String,
    /// What it means.
    pub meaning: Text,
    /// Its share of all that moves predictions, 0 to 1 (mean absolute SHAP value).
    pub share: f64,
}

/// How a feature has shifted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// Its name.
    pub feature: String,
    /// What it means.
    pub meaning: Text,
    /// The population stability index: from .1 on shifting, from .25 on shifted.
    pub index: f64,
    /// The medians then and now.
    pub medians: (f64, f64),
}
