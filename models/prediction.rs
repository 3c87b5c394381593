//! What homing predicts for one customer: a [`Prediction`], or why there is none.

use std::sync::Arc;

use homing_datasets::{Micros, Zone};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::clusters::Assigned;
use homing_locales::Text;

/// What is expected within one horizon: so many days after `as_of`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtHorizon {
    /// The horizon in days.
    pub days: u32,
    /// Probability of a purchase within the horizon, 0 to 1; never falls as the horizon grows.
    pub p_purchase: f64,
    /// Expected number of days with a purchase.
    pub expected_orders: f64,
    /// Expected spend, in the business's currency, gross.
    pub expected_spend: f64,
    /// Lower end of the 80 % interval of the spend.
    pub expected_spend_low: f64,
    /// Upper end of the 80 % interval of the spend, at least the expected spend (bundles of 0.1: 0 where four in five spend
    /// nothing).
    pub expected_spend_high: f64,
}

impl AtHorizon {
    /// Nothing within no time.
    pub(crate) const NOTHING: AtHorizon = AtHorizon {
        days: 0,
        p_purchase: 0.0,
        expected_orders: 0.0,
        expected_spend: 0.0,
        expected_spend_low: 0.0,
        expected_spend_high: 0.0,
    };
}

/// How much a reason weighs among the reasons of its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// Over a quarter of all that speaks for or against.
    High,
    /// Over a tenth.
    Medium,
    /// The rest.
    Low,
}

/// One factor behind a churn risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The cause's stable code, e.g. `rhythm_broken`.
    pub code: String,
    /// The cause in words.
    pub text: Text,
    /// The value of the feature that weighs most in this cause, in that feature's unit; absent if unknown.
    pub value: Option<f64>,
    /// What the cause adds to the log-odds of leaving; negative when it speaks for staying.
    pub contribution: f64,
    /// Its weight among this customer's reasons.
    pub importance: Importance,
    /// What would change it, from the customer's own data; absent where nothing the customer does would.
    #[serde(default)]
    pub change: Option<Text>,
}

/// Why a customer has no scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotScored {
    /// No purchase of a positive amount was known at `as_of`.
    NoPurchase,
    /// The customer opted out of automated decisions.
    OptedOut,
}

impl NotScored {
    /// The code, as in files and over HTTP.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            NotScored::NoPurchase => "no_purchase",
            NotScored::OptedOut => "opted_out",
        }
    }

    /// The cause with this code.
    ///
    /// ```
    /// use homing_models::NotScored;
    ///
    /// assert_eq!(NotScored::of_code("opted_out"), Some(NotScored::OptedOut));
    /// ```
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        [NotScored::NoPurchase, NotScored::OptedOut].into_iter().find(|cause| cause.code() == code)
    }
}

/// The scores of one customer as of an instant. Every number is finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// One entry a horizon, shortest first.
    pub at: Vec<AtHorizon>,
    /// 1 − `p_purchase` at the model's churn horizon.
    pub churn_risk: f64,
    /// Place of the churn risk among the customers that the model was fitted on: 1 (safest) to 100.
    pub churn_percentile: u8,
    /// Probability of not having left for good, by the lifetime model.
    pub p_alive: f64,
    /// Median expected instant of the next order; `None` at less than even odds within three years.
    pub next_order_at: Option<Micros>,
    /// Quartiles of the same: the instants by which the next order has come with odds of one and of three in four; `None` where
    /// that takes over three years.
    pub next_order_quartiles: [Option<Micros>; 2],
    /// Expected spend at the model's value horizon, discounted at the model's yearly rate.
    pub clv: f64,
    /// Ends of the 80 % interval of `clv`: those of the spend, discounted alike.
    pub clv_interval: [f64; 2],
    /// What the business may lose: churn risk × `clv`.
    pub value_at_risk: f64,
    /// The group of like customers that this one belongs to, where the model has clusters.
    pub cluster: Option<Assigned>,
    /// Up to five factors, the weightiest first.
    pub reasons: Vec<Reason>,
}

/// The scores of a customer, or why there are none.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Scored.
    Scored(Box<Prediction>),
    /// Not scored, and why.
    NotScored(NotScored),
}

/// Where a score came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// Name and version of the model, e.g. `shop@1a2b3c4d5e6f`.
    pub model: Arc<str>,
    /// The instant that the score looks from.
    pub as_of: Micros,
    /// The instant at which it was computed.
    pub scored_at: Micros,
    /// The zone in which instants are written.
    pub zone: Zone,
}

/// An outcome with its provenance, written as one flat JSON object with the field names of the contract:
/// `p_purchase_30d`, `expected_spend_90d_low`, `churn_risk`, ..., `model`, `as_of`, `scored_at`.
pub struct Flat<'a> {
    /// The customer, written as `customer_id` where given.
    pub customer_id: Option<&'a str>,
    /// The outcome.
    pub outcome: &'a Outcome,
    /// Its provenance.
    pub provenance: &'a Provenance,
}

impl Serialize for Flat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(id) = self.customer_id {
            map.serialize_entry("customer_id", id)?;
        }
        match self.outcome {
            Outcome::NotScored(cause) => map.serialize_entry("not_scored", cause)?,
            Outcome::Scored(p) => {
                for (name, value) in p.numbers() {
                    map.serialize_entry(&name, &value)?;
                }
                map.serialize_entry("churn_percentile", &p.churn_percentile)?;
                let next = p.next_order_at.map(|t| self.provenance.zone.format(t));
                map.serialize_entry("next_order_at", &next)?;
                for (name, quartile) in NEXT_ORDER_QUARTILES.into_iter().zip(p.next_order_quartiles) {
                    map.serialize_entry(name, &quartile.map(|t| self.provenance.zone.format(t)))?;
                }
                map.serialize_entry("cluster", &p.cluster.map(|cluster| cluster.id))?;
                map.serialize_entry("reasons", &p.reasons)?;
            }
        }
        map.serialize_entry("model", &*self.provenance.model)?;
        map.serialize_entry("as_of", &self.provenance.zone.format(self.provenance.as_of))?;
        map.serialize_entry("scored_at", &self.provenance.zone.format(self.provenance.scored_at))?;
        map.end()
    }
}

/// The names of [`Prediction::next_order_quartiles`] in files and over HTTP.
pub const NEXT_ORDER_QUARTILES: [&str; 2] = ["next_order_at_low", "next_order_at_high"];

/// The names of the numeric columns for these horizons, in the order of [`Prediction::numbers`].
///
/// ```
/// use homing_models::prediction::number_names;
///
/// assert!(number_names(&[30, 90]).contains(&"p_purchase_30d".to_owned()));
/// ```
#[must_use]
pub fn number_names(horizons: &[u32]) -> Vec<String> {
    let mut names = Vec::with_capacity(horizons.len() * 5 + 6);
    names.push("churn_risk".to_owned());
    for d in horizons {
        names.push(format!("p_purchase_{d}d"));
        names.push(format!("expected_orders_{d}d"));
        names.push(format!("expected_spend_{d}d"));
        names.push(format!("expected_spend_{d}d_low"));
        names.push(format!("expected_spend_{d}d_high"));
    }
    names.extend(["p_alive", "clv", "clv_low", "clv_high", "value_at_risk"].map(str::to_owned));
    names
}

impl Prediction {
    /// Every number but the percentile, with the name it has in files and over HTTP.
    #[must_use]
    pub fn numbers(&self) -> Vec<(String, f64)> {
        let days: Vec<u32> = self.at.iter().map(|at| at.days).collect();
        number_names(&days).into_iter().zip(self.values()).collect()
    }

    /// The values of [`number_names`], in the same order.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.at.len() * 5 + 6);
        values.push(self.churn_risk);
        for at in &self.at {
            values.extend([
                at.p_purchase,
                at.expected_orders,
                at.expected_spend,
                at.expected_spend_low,
                at.expected_spend_high,
            ]);
        }
        let [low, high] = self.clv_interval;
        values.extend([self.p_alive, self.clv, low, high, self.value_at_risk]);
        values
    }

    /// What is expected within a horizon that the model knows.
    #[must_use]
    pub fn within(&self, days: u32) -> Option<&AtHorizon> {
        self.at.iter().find(|at| at.days == days)
    }
}
