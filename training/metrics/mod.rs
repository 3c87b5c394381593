//! How good scores are: the measures of a backtest, each with a stable name such as `buy_auc`.
//!
//! [`evaluate`] gives all of them, [`bootstrap_interval`] and [`bootstrap_difference`] say how much of a figure
//! is chance. Names, ties, group sizes and edge cases follow the evaluation protocol of the peers, so figures
//! can stand side by side.
//!
//! | prefix | actual | predicted |
//! |---|---|---|
//! | `buy_` | bought in the window | `p_buy` |
//! | `buys_` | bought in the short window | `p_buy_short` |
//! | `orders_` | orders in the window | `expected_orders` |
//! | `spend_` | spend in the window | `expected_spend` |
//! | `net_` | spend less returns | `expected_spend` |

pub use homing_models::measures;

mod bootstrap;
mod names;

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::labels::Label;

pub(crate) use bootstrap::quantile;
pub use bootstrap::{bootstrap_difference, bootstrap_interval};
pub use names::{Measure, Metric, Target};

/// Why scores cannot be judged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is no customer to judge.
    #[error("there are no customers to judge; the cutoff lies before the first purchase")]
    NoCustomers,
    /// A column of scores is longer or shorter than the labels.
    #[error("{column}: {scores} scores for {labels} labels; give one score a customer, in the same order")]
    Length {
        /// The column.
        column: &'static str,
        /// Number of scores in it.
        scores: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A score or a label is NaN or infinite.
    #[error("{column}, customer {row} (from 0): {value} is not a finite number")]
    NotFinite {
        /// The column.
        column: &'static str,
        /// Position of the first such customer.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A probability lies outside 0..=1.
    #[error("{column}, customer {row} (from 0): {value} is no probability; it must lie in 0..=1")]
    NoProbability {
        /// The column.
        column: &'static str,
        /// Position of the first such customer.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A metric was asked for whose column the scores do not have.
    #[error("{metric} needs the column {column}, which these scores do not have")]
    NoColumn {
        /// The metric.
        metric: Metric,
        /// The column it needs.
        column: &'static str,
    },
    /// A text that names no metric.
    #[error("`{0}` is no metric; write one such as buy_auc, orders_mae, spend_gini or net_bias")]
    NoMetric(String),
    /// A bootstrap with zero draws.
    #[error("a bootstrap needs at least one draw; 200 or more give a steady interval")]
    NoDraws,
}

/// What a model says of each customer, as columns in the order of the labels. Absent columns are skipped.
#[derive(Clone, Copy, Debug)]
pub struct Scores<'a> {
    /// Probability of a purchase in the window, 0..=1.
    pub p_buy: &'a [f64],
    /// Probability of a purchase in the short window, 0..=1.
    pub p_buy_short: Option<&'a [f64]>,
    /// Expected orders in the window.
    pub expected_orders: Option<&'a [f64]>,
    /// Expected spend in the window, in the business's currency.
    pub expected_spend: Option<&'a [f64]>,
}

impl<'a> Scores<'a> {
    /// The column that is compared with a target.
    fn column(&self, target: Target) -> Option<&'a [f64]> {
        match target {
            Target::Buy => Some(self.p_buy),
            Target::BuyShort => self.p_buy_short,
            Target::Orders => self.expected_orders,
            Target::Spend | Target::Net => self.expected_spend,
        }
    }

    fn check(&self, labels: &[Label]) -> Result<(), Error> {
        if labels.is_empty() {
            return Err(Error::NoCustomers);
        }
        let amounts = labels.iter().flat_map(|label| [label.spend, label.net_spend]);
        if let Some((at, value)) = amounts.enumerate().find(|(_, value)| !value.is_finite()) {
            let column = if at % 2 == 0 { "spend" } else { "net_spend" };
            return Err(Error::NotFinite { column, row: at / 2, value });
        }
        for target in [Target::Buy, Target::BuyShort, Target::Orders, Target::Spend] {
            let Some(scores) = self.column(target) else { continue };
            let column = target.column();
            if scores.len() != labels.len() {
                return Err(Error::Length { column, scores: scores.len(), labels: labels.len() });
            }
            for (row, &value) in scores.iter().enumerate() {
                if !value.is_finite() {
                    return Err(Error::NotFinite { column, row, value });
                }
                if target.is_probability() && !(0.0..=1.0).contains(&value) {
                    return Err(Error::NoProbability { column, row, value });
                }
            }
        }
        Ok(())
    }
}

/// Every metric of one set of scores. In JSON it is a map from name to number, with `n` for the customers and
/// `null` where a metric is not defined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    customers: usize,
    values: Vec<(Metric, f64)>,
}

impl Metrics {
    /// Number of customers that were judged.
    #[must_use]
    pub fn customers(&self) -> usize {
        self.customers
    }

    /// The value of a metric: NaN when it is not defined on these labels, `None` when the scores had no column
    /// for it.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.values.iter().find(|(known, _)| *known == metric).map(|&(_, value)| value)
    }

    /// Metrics and values, in the order of reports.
    pub fn iter(&self) -> impl Iterator<Item = (Metric, f64)> + '_ {
        self.values.iter().copied()
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len() + 1))?;
        map.serialize_entry("n", &self.customers)?;
        for (metric, value) in &self.values {
            map.serialize_entry(&metric.to_string(), &value.is_finite().then_some(value))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Metrics {
    /// Reads the map that serialising writes. Unknown names are skipped: a later version may write more.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetricsVisitor)
    }
}

struct MetricsVisitor;

impl<'de> Visitor<'de> for MetricsVisitor {
    type Value = Metrics;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from metric names to numbers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
        let mut metrics = Metrics::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.parse::<Metric>() {
                Ok(metric) => {
                    let value = map.next_value::<Option<f64>>()?.unwrap_or(f64::NAN);
                    metrics.values.push((metric, value));
                }
                Err(_) if name == "n" => metrics.customers = map.next_value()?,
                Err(_) => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(metrics)
    }
}

/// Every metric that the scores have a column for. Labels and scores stand in the same order of customers.
///
/// # Errors
/// [`Error`] when there is no customer, a column differs in length from the labels, a number is not finite, or
/// a probability lies outside 0..=1.
pub fn evaluate(labels: &[Label], scores: &Scores<'_>) -> Result<Metrics, Error> {
    scores.check(labels)?;
    let mut metrics = Metrics { customers: labels.len(), values: Vec::new() };
    for target in Target::ALL {
        let Some(predicted) = scores.column(target) else { continue };
        let actual: Vec<f64> = labels.iter().map(|label| target.actual(label)).collect();
        metrics.values.extend(
            Metric::of_target(target).map(|metric| (metric, metric.measure().of(&actual, predicted))),
        );
    }
    Ok(metrics)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUGHT: Label = Label { bought: true, bought_short: false, orders: 1, spend: 5.0, net_spend: 5.0 };
    const STAYED_AWAY: Label =
        Label { bought: false, bought_short: false, orders: 0, spend: 0.0, net_spend: 0.0 };

    fn only(p_buy: &[f64]) -> Scores<'_> {
        Scores { p_buy, p_buy_short: None, expected_orders: None, expected_spend: None }
    }

    #[test]
    fn scores_that_make_no_sense_are_refused() {
        let labels = [BOUGHT, STAYED_AWAY];
        let error = |scores: Scores<'_>| evaluate(&labels, &scores).unwrap_err().to_string();
        assert_eq!(
            error(only(&[0.5])),
            "p_buy: 1 scores for 2 labels; give one score a customer, in the same order"
        );
        assert!(error(only(&[0.5, f64::NAN])).starts_with("p_buy, customer 1 (from 0): NaN is not a finite"));
        assert!(error(only(&[1.5, 0.5])).starts_with("p_buy, customer 0 (from 0): 1.5 is no probability"));
        let spend = Scores { expected_spend: Some(&[1.0, f64::INFINITY]), ..only(&[0.5, 0.5]) };
        assert!(error(spend).starts_with("expected_spend, customer 1"));
        assert_eq!(evaluate(&[], &only(&[])), Err(Error::NoCustomers));
        let broken = [Label { net_spend: f64::NAN, ..BOUGHT }];
        assert!(
            evaluate(&broken, &only(&[0.5])).unwrap_err().to_string().starts_with("net_spend, customer 0")
        );
    }

    #[test]
    fn absent_columns_are_skipped() {
        let metrics = evaluate(&[BOUGHT, STAYED_AWAY], &only(&[0.9, 0.2])).unwrap();
        assert_eq!(metrics.get(Metric::BUY_AUC), Some(1.0));
        assert_eq!(metrics.get(Metric::SPEND_MAE), None);
        assert!(metrics.iter().all(|(metric, _)| metric.to_string().starts_with("buy_")));
    }

    #[test]
    fn metrics_survive_json_with_null_for_the_undefined() {
        let metrics = evaluate(&[BOUGHT, BOUGHT], &only(&[0.9, 0.2])).unwrap();
        let json = serde_json::to_string(&metrics).unwrap();
        assert!(json.starts_with(r#"{"n":2,"buy_auc":null,"#), "{json}");
        let back: Metrics = serde_json::from_str(&json).unwrap();
        assert!(back.get(Metric::BUY_AUC).unwrap().is_nan());
        assert_eq!(serde_json::to_string(&back).unwrap(), json);
        let later: Metrics = serde_json::from_str(r#"{"n": 3, "label": "x", "buy_auc": 0.5}"#).unwrap();
        assert_eq!((later.customers(), later.get(Metric::BUY_AUC)), (3, Some(0.5)));
    }
}
