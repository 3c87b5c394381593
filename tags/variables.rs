//! The variables of tag expressions.

use std::borrow::Cow;

use homing_datasets::{DAY, Micros, Zone};
use homing_models::features::{SPECS, Unit, index_of};
use homing_models::lapse::{left_days, silent_for};
use homing_models::uplift::{Expected, Group};
use homing_models::{Outcome, Prediction};

use super::facts::{Facts, NUMBERS, WORDS};
use super::values::Slot;

/// The variables beyond the features, with what they mean. Features are in [`homing_models::features::SPECS`].
pub const PREDICTIONS: &[(&str, &str)] = &[
    ("scored", "whether the customer has scores"),
    ("churn_risk", "probability of no purchase within the model's churn horizon"),
    ("churn_percentile", "percentile of the churn risk among all customers, 1 (lowest risk) to 100"),
    ("p_alive", "probability that the customer is still active"),
    ("clv", "expected spend at the model's value horizon, discounted"),
    ("value_at_risk", "expected loss of value if the customer churns"),
    (
        "days_to_next_order",
        "median days until the next order; null if its probability within three years is below 50 %",
    ),
    ("p_purchase_short", "probability of a purchase within the model's shortest horizon"),
    ("p_purchase_long", "probability of a purchase within the model's longest horizon"),
    ("cluster", "customer group (cluster): c1, c2, ...; the model and its report describe the groups"),
    ("cluster_sure", "confidence in the group assignment, 0 to 1"),
    (
        "lapse_left_days",
        "days until the recency counts as a lapse by the customer's own purchase cycle; below 1 if it is a lapse",
    ),
    ("lapse_risk", "probability of no purchase before that day"),
    (
        "uplift",
        "what contact changes about the outcome learned from past campaigns; null unless `homing campaign learn` proved it",
    ),
    ("uplift_group", "how contact works: persuadable, sure_thing, lost_cause, do_not_disturb; null likewise"),
    ("first_order_month", "month of the first order, e.g. \"2011-09\""),
];

/// The variables that exist for each of the model's horizons.
const BY_HORIZON: [&str; 3] = ["p_purchase_", "expected_orders_", "expected_spend_"];

/// What contact does to a customer.
pub type Uplifted = (Expected, Group);

/// One variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Feature(usize),
    Fact(usize),
    Word(usize),
    Scored,
    ChurnRisk,
    ChurnPercentile,
    PAlive,
    Clv,
    ValueAtRisk,
    DaysToNextOrder,
    PPurchaseShort,
    PPurchaseLong,
    Cluster,
    ClusterSure,
    LapseLeftDays,
    LapseRisk,
    Uplift,
    UpliftGroup,
    FirstOrderMonth,
    PPurchase(u32),
    ExpectedOrders(u32),
    ExpectedSpend(u32),
}

/// What a variable can hold, besides being unknown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Domain {
    Number { low: f64, high: f64, whole: bool },
    Truth,
    Word,
}

/// What the units allow.
fn domain_of(unit: Unit) -> Domain {
    let (low, high, whole) = match unit {
        Unit::Days | Unit::Count => (0.0, f64::INFINITY, true),
        Unit::Money | Unit::Ratio => (0.0, f64::INFINITY, false),
        Unit::LogRatio => (f64::NEG_INFINITY, f64::INFINITY, false),
        Unit::Hours => (0.0, 24.0, false),
        Unit::Flag => (0.0, 1.0, true),
        Unit::Score => (-10.0, 10.0, true),
    };
    Domain::Number { low, high, whole }
}

impl Variable {
    /// The variable with this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        if let Some(at) = index_of(name) {
            return Some(Variable::Feature(at));
        }
        if let Some(at) = NUMBERS.iter().position(|(known, ..)| *known == name) {
            return Some(Variable::Fact(at));
        }
        if let Some(at) = WORDS.iter().position(|(known, _)| *known == name) {
            return Some(Variable::Word(at));
        }
        Some(match name {
            "scored" => Variable::Scored,
            "churn_risk" => Variable::ChurnRisk,
            "churn_percentile" => Variable::ChurnPercentile,
            "p_alive" => Variable::PAlive,
            "clv" => Variable::Clv,
            "value_at_risk" => Variable::ValueAtRisk,
            "days_to_next_order" => Variable::DaysToNextOrder,
            "p_purchase_short" => Variable::PPurchaseShort,
            "p_purchase_long" => Variable::PPurchaseLong,
            "cluster" => Variable::Cluster,
            "cluster_sure" => Variable::ClusterSure,
            "lapse_left_days" => Variable::LapseLeftDays,
            "lapse_risk" => Variable::LapseRisk,
            "uplift" => Variable::Uplift,
            "uplift_group" => Variable::UpliftGroup,
            "first_order_month" => Variable::FirstOrderMonth,
            _ => {
                let (prefix, days) = BY_HORIZON.iter().find_map(|p| Some((*p, name.strip_prefix(p)?)))?;
                let days =
                    days.strip_suffix('d').filter(|days| !days.starts_with(['0', '+']))?.parse().ok()?;
                match prefix {
                    "p_purchase_" => Variable::PPurchase(days),
                    "expected_orders_" => Variable::ExpectedOrders(days),
                    _ => Variable::ExpectedSpend(days),
                }
            }
        })
    }

    /// Every name, with one horizon standing for all, to suggest from.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let own = NUMBERS.iter().map(|(name, ..)| *name).chain(WORDS.iter().map(|(name, _)| *name));
        let predictions = PREDICTIONS.iter().map(|(name, _)| *name);
        let by_horizon = ["p_purchase_30d", "expected_orders_30d", "expected_spend_30d"];
        SPECS.iter().map(|spec| spec.name).chain(own).chain(predictions).chain(by_horizon)
    }

    /// What it can hold.
    pub fn domain(self) -> Domain {
        let number = |low: f64, high: f64| Domain::Number { low, high, whole: false };
        match self {
            Variable::Scored => Domain::Truth,
            Variable::Cluster | Variable::UpliftGroup | Variable::FirstOrderMonth | Variable::Word(_) => {
                Domain::Word
            }
            Variable::Feature(at) => SPECS.get(at).map_or(Domain::Truth, |spec| domain_of(spec.unit)),
            Variable::Fact(at) => NUMBERS.get(at).map_or(Domain::Truth, |(_, unit, _)| domain_of(*unit)),
            Variable::LapseLeftDays | Variable::Uplift => number(f64::NEG_INFINITY, f64::INFINITY),
            Variable::ChurnPercentile => Domain::Number { low: 1.0, high: 100.0, whole: true },
            Variable::ChurnRisk
            | Variable::PAlive
            | Variable::ClusterSure
            | Variable::LapseRisk
            | Variable::PPurchaseShort
            | Variable::PPurchaseLong
            | Variable::PPurchase(_) => number(0.0, 1.0),
            Variable::Clv
            | Variable::ValueAtRisk
            | Variable::DaysToNextOrder
            | Variable::ExpectedOrders(_)
            | Variable::ExpectedSpend(_) => number(0.0, f64::INFINITY),
        }
    }

    /// Whether it is one of the facts, which are computed only where a tag asks for one.
    pub fn is_fact(self) -> bool {
        matches!(self, Variable::Fact(_) | Variable::Word(_))
    }

    /// The horizon that the model must have.
    pub fn horizon(self) -> Option<u32> {
        match self {
            Variable::PPurchase(days) | Variable::ExpectedOrders(days) | Variable::ExpectedSpend(days) => {
                Some(days)
            }
            _ => None,
        }
    }

    /// Its value for a customer.
    pub fn value<'f>(
        self,
        features: &[f64],
        facts: &Facts<'f>,
        (outcome, uplift): (&Outcome, Option<Uplifted>),
        as_of: Micros,
        zone: Zone,
    ) -> Slot<'f> {
        let prediction = match outcome {
            Outcome::Scored(prediction) => Some(&**prediction),
            Outcome::NotScored(_) => None,
        };
        let at = |days: u32| prediction.and_then(|p| p.within(days));
        let of = |number: fn(&Prediction) -> f64| prediction.map(number);
        let number = match self {
            Variable::Scored => return Slot::Truth(prediction.is_some()),
            Variable::Word(at) => {
                let word = facts.words.get(at).copied().flatten();
                return word.map_or(Slot::Unknown, |word| Slot::Word(Cow::Borrowed(word)));
            }
            Variable::Fact(at) => facts.numbers.get(at).copied(),
            Variable::FirstOrderMonth => return first_order_month(features, as_of, zone),
            Variable::Feature(at) => features.get(at).copied(),
            Variable::Cluster => {
                let cluster = prediction.and_then(|p| p.cluster);
                return cluster.map_or(Slot::Unknown, |one| Slot::Word(Cow::Owned(format!("c{}", one.id))));
            }
            Variable::UpliftGroup => {
                let group = uplift.map(|(_, group)| group.name());
                return group.map_or(Slot::Unknown, |name| Slot::Word(Cow::Borrowed(name)));
            }
            Variable::Uplift => uplift.map(|(expected, _)| expected.uplift),
            Variable::ClusterSure => prediction.and_then(|p| p.cluster).map(|cluster| cluster.sure),
            Variable::LapseLeftDays => Some(left_days(features)),
            Variable::LapseRisk => {
                let left = left_days(features);
                prediction.filter(|_| left > 0.0).map(|p| silent_for(p, left))
            }
            Variable::ChurnRisk => of(|p| p.churn_risk),
            Variable::ChurnPercentile => of(|p| f64::from(p.churn_percentile)),
            Variable::PAlive => of(|p| p.p_alive),
            Variable::Clv => of(|p| p.clv),
            Variable::ValueAtRisk => of(|p| p.value_at_risk),
            Variable::DaysToNextOrder => {
                prediction.and_then(|p| p.next_order_at).map(|next| (next - as_of) as f64 / DAY as f64)
            }
            Variable::PPurchaseShort => prediction.and_then(|p| p.at.first()).map(|at| at.p_purchase),
            Variable::PPurchaseLong => prediction.and_then(|p| p.at.last()).map(|at| at.p_purchase),
            Variable::PPurchase(days) => at(days).map(|at| at.p_purchase),
            Variable::ExpectedOrders(days) => at(days).map(|at| at.expected_orders),
            Variable::ExpectedSpend(days) => at(days).map(|at| at.expected_spend),
        };
        number.filter(|number| number.is_finite()).map_or(Slot::Unknown, Slot::Number)
    }
}

fn first_order_month<'f>(features: &[f64], as_of: Micros, zone: Zone) -> Slot<'f> {
    let tenure = features.get(homing_models::features::F::tenure_days as usize).copied().unwrap_or(f64::NAN);
    if !tenure.is_finite() {
        return Slot::Unknown;
    }
    let first = zone.day(as_of) - tenure as i32;
    let mut month = homing_datasets::calendar::date_of(first).to_string();
    month.truncate(month.len() - 3);
    Slot::Word(Cow::Owned(month))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_a_variable() {
        for name in Variable::names() {
            assert!(Variable::named(name).is_some(), "{name}");
        }
        assert_eq!(Variable::named("p_purchase_7d").and_then(Variable::horizon), Some(7));
        for wrong in [
            "p_purchase_d",
            "p_purchase_30",
            "p_purchase_-3d",
            "p_purchase_+3d",
            "p_purchase_030d",
            "p_purchase_99999999999d",
            "",
        ] {
            assert_eq!(Variable::named(wrong), None, "{wrong}");
        }
    }
}
