//! Clusters: groups of like customers, each with a number that stays from one training to the next, and in words.
//!
//! A customer is placed by a handful of features that people understand ([`MEASURES`]), each brought to a like scale. The
//! groups come from k-means or a Gaussian mixture (the training crate's `clusters`); here a customer is only assigned.

use serde::{Deserialize, Serialize};

use crate::features::{F, SPECS};
use homing_locales::{Lang, Text};

/// How a feature is straightened before it is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The logarithm of one more than it: counts, days, money.
    Log,
    /// As it is: shares.
    Plain,
}

impl Shape {
    /// Straightened.
    #[must_use]
    pub fn of(self, value: f64) -> f64 {
        match self {
            Shape::Log => value.max(0.0).ln_1p(),
            Shape::Plain => value,
        }
    }

    /// Back again.
    #[must_use]
    pub fn back(self, value: f64) -> f64 {
        match self {
            Shape::Log => value.exp_m1(),
            Shape::Plain => value,
        }
    }
}

/// A feature that clusters are made of, with its words.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// The feature.
    pub feature: F,
    /// How it is straightened.
    pub shape: Shape,
}

impl Measure {
    /// What it is called.
    #[must_use]
    pub fn name(&self, lang: Lang) -> &'static str {
        self.text(lang, "")
    }

    /// What to say of much of it, or of little.
    #[must_use]
    pub fn word(&self, lang: Lang, much: bool) -> &'static str {
        self.text(lang, if much { ".high" } else { ".low" })
    }

    fn text(&self, lang: Lang, which: &str) -> &'static str {
        let name = SPECS[self.feature as usize].name;
        lang.find(&format!("measure-{name}{which}")).unwrap_or(name)
    }
}

macro_rules! measures {
    ($($feature:ident $shape:ident)*) => {
        /// The features that clusters are made of.
        pub const MEASURES: &[Measure] = &[$(Measure {
            feature: F::$feature,
            shape: Shape::$shape,
        }),*];
    };
}

measures! {
    recency_days Log
    orders Log
    tenure_days Log
    gap_median_days Log
    order_value_mean Log
    categories Log
    promotion_order_share Plain
    visits_90d Log
}

/// A measure's place among the others' scales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// The feature's name.
    pub feature: String,
    /// How it is straightened.
    pub shape: Shape,
    /// The mean after transformation; used where the value is missing.
    pub mean: f64,
    /// The standard deviation once straightened.
    pub sd: f64,
}

/// How customers were grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The nearest centre.
    KMeans,
    /// The likeliest of several normal distributions.
    GaussianMixture,
}

/// A normal distribution of a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normal {
    /// Logarithm of its weight over the root of its determinant.
    pub log_weight: f64,
    /// Its precision matrix, row by row.
    pub precision: Vec<f64>,
}

/// What sets a cluster apart in one measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trait {
    /// The feature's name.
    pub feature: String,
    /// The cluster's mean, straightened and scaled: so many standard deviations from the base's.
    pub deviation: f64,
    /// The same in the feature's own unit (of logarithms: back from their mean).
    pub value: f64,
    /// The base's mean, likewise.
    pub base: f64,
}

/// A rule that tells a group from the others: conditions that all hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The conditions in words.
    pub text: Text,
    /// Share of the group whom the rule meets.
    pub coverage: f64,
    /// Share of whom the rule meets who are of the group.
    pub precision: f64,
}

/// One cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its number, from 1; the same in the next training.
    pub id: u32,
    /// Its name: what sets it apart most.
    pub name: Text,
    /// What sets it apart, with numbers.
    pub text: Text,
    /// Share of the base.
    pub share: f64,
    /// Its centre, straightened and scaled.
    pub centre: Vec<f64>,
    /// Its distribution, in a mixture.
    pub normal: Option<Normal>,
    /// The measures by how far they set it apart.
    pub traits: Vec<Trait>,
    /// Rules, the one that meets most of it first.
    pub rules: Vec<Rule>,
}

/// A group by churn risk, described by rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskGroup {
    /// Its code: high, medium, low.
    pub code: String,
    /// What it is.
    pub name: Text,
    /// Rules, the one that meets most of it first.
    pub rules: Vec<Rule>,
}

/// How well a number of clusters holds on customers that it was not found on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// How it was grouped.
    pub method: Method,
    /// The number of clusters.
    pub k: usize,
    /// Prediction strength (Tibshirani & Walther 2005), 0 to 1.
    pub strength: f64,
}

/// The clusters of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clusters {
    /// How customers were grouped.
    pub method: Method,
    /// What was tried.
    pub trials: Vec<Trial>,
    /// The measures in use: those that differ among customers.
    pub scales: Vec<Scale>,
    /// The clusters by number.
    pub clusters: Vec<Cluster>,
    /// The risk groups.
    pub risk_groups: Vec<RiskGroup>,
    /// The number that the next new cluster gets.
    pub next_id: u32,
}

/// The cluster of one customer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assigned {
    /// Its number.
    pub id: u32,
    /// How clearly the customer belongs to it, 0 (on the border) to 1: for k-means one less the squared distance to its centre
    /// over that to the next; for a mixture the probability.
    pub sure: f64,
}

/// Past so many standard deviations a value counts as this far: one odd customer must not pull a centre.
pub const FAR: f64 = 3.0;

/// Measures at most.
const MOST: usize = 16;

impl Scale {
    /// A feature's value straightened and scaled; the mean where it is unknown.
    #[must_use]
    pub fn of(&self, value: f64) -> f64 {
        if value.is_nan() { 0.0 } else { ((self.shape.of(value) - self.mean) / self.sd).clamp(-FAR, FAR) }
    }

    /// The value that has this scaled one.
    #[must_use]
    pub fn back(&self, scaled: f64) -> f64 {
        self.shape.back(scaled * self.sd + self.mean)
    }

    /// The measure's words.
    #[must_use]
    pub fn measure(&self) -> Option<&'static Measure> {
        MEASURES.iter().find(|measure| crate::features::SPECS[measure.feature as usize].name == self.feature)
    }
}

impl Clusters {
    /// Whether the numbers fit together, so that assigning cannot fail.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let n = self.scales.len();
        (1..=MOST).contains(&n)
            && !self.clusters.is_empty()
            && self
                .scales
                .iter()
                .all(|scale| scale.measure().is_some() && scale.sd > 0.0 && scale.mean.is_finite())
            && self.clusters.iter().all(|cluster| {
                let normal = match (&cluster.normal, self.method) {
                    (None, Method::KMeans) => true,
                    (Some(normal), Method::GaussianMixture) => {
                        normal.precision.len() == n * n && normal.log_weight.is_finite()
                    }
                    _ => false,
                };
                normal && cluster.centre.len() == n && cluster.centre.iter().all(|x| x.is_finite())
            })
    }

    /// The cluster of a customer with these features (the order of [`crate::features::SPECS`]).
    #[must_use]
    pub fn assign(&self, features: &[f64]) -> Option<Assigned> {
        let mut place = [0.0; MOST];
        for (slot, scale) in place.iter_mut().zip(&self.scales) {
            *slot = scale.of(features[scale.measure()?.feature as usize]);
        }
        self.assign_scaled(&place[..self.scales.len()])
    }

    /// The cluster of a customer at this place, straightened and scaled.
    #[must_use]
    pub fn assign_scaled(&self, place: &[f64]) -> Option<Assigned> {
        // Of k-means the squared distance; of a mixture the log-density, negated.
        let far = |cluster: &Cluster| match &cluster.normal {
            None => cluster.centre.iter().zip(place).map(|(c, x)| (x - c) * (x - c)).sum::<f64>(),
            Some(normal) => 0.5 * mahalanobis(&normal.precision, &cluster.centre, place) - normal.log_weight,
        };
        let (mut best, mut second, mut id, mut mass) = (f64::INFINITY, f64::INFINITY, 0, 0.0);
        for cluster in &self.clusters {
            let d = far(cluster);
            // The sum of all densities over the best one, kept so that it cannot overflow.
            mass = if d < best { mass * (d - best).exp() + 1.0 } else { mass + (best - d).exp() };
            if d < best {
                (second, best, id) = (best, d, cluster.id);
            } else if d < second {
                second = d;
            }
        }
        let sure = match self.method {
            Method::KMeans if second > 0.0 => (1.0 - best / second).clamp(0.0, 1.0),
            Method::KMeans => 1.0,
            Method::GaussianMixture => (1.0 / mass).clamp(0.0, 1.0),
        };
        best.is_finite().then_some(Assigned { id, sure })
    }

    /// A cluster by its number.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.id == id)
    }
}

fn mahalanobis(precision: &[f64], centre: &[f64], place: &[f64]) -> f64 {
    let n = centre.len();
    let mut sum = 0.0;
    for i in 0..n {
        let row = &precision[i * n..(i + 1) * n];
        let di = place[i] - centre[i];
        sum += di * (0..n).map(|j| row[j] * (place[j] - centre[j])).sum::<f64>();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::COUNT;

    fn cluster(id: u32, centre: [f64; 2], normal: Option<Normal>) -> Cluster {
        let text = || Text::default();
        let (centre, traits, rules) = (centre.to_vec(), Vec::new(), Vec::new());
        Cluster { id, name: text(), text: text(), share: 0.5, centre, normal, traits, rules }
    }

    fn clusters(method: Method, clusters: Vec<Cluster>) -> Clusters {
        let scale = |feature: &str, shape| Scale { feature: feature.to_owned(), shape, mean: 1.0, sd: 2.0 };
        let scales = vec![scale("orders", Shape::Log), scale("promotion_order_share", Shape::Plain)];
        Clusters { method, trials: Vec::new(), scales, clusters, risk_groups: Vec::new(), next_id: 3 }
    }

    #[test]
    fn a_customer_belongs_to_the_nearest_centre() {
        let two = clusters(Method::KMeans, vec![cluster(1, [-1.0, 0.0], None), cluster(2, [1.0, 0.0], None)]);
        assert!(two.is_sound());
        let mut features = vec![f64::NAN; COUNT];
        // Unknown is the mean: on the border.
        assert_eq!(two.assign(&features), Some(Assigned { id: 1, sure: 0.0 }));
        features[F::orders as usize] = (3.0f64).exp_m1();
        features[F::promotion_order_share as usize] = 1.0;
        assert_eq!(two.assign(&features), Some(Assigned { id: 2, sure: 1.0 }));
        // One odd customer is no further off than three standard deviations.
        features[F::orders as usize] = 1e300;
        let far = two.assign(&features).unwrap();
        assert!(far.id == 2 && (far.sure - 0.75).abs() < 1e-12, "{far:?}");
    }

    #[test]
    fn a_mixture_weighs_density() {
        let normal = |weight: f64, precision: f64| {
            Some(Normal {
                log_weight: f64::ln(weight * precision),
                precision: vec![precision, 0.0, 0.0, precision],
            })
        };
        let two = clusters(
            Method::GaussianMixture,
            vec![cluster(1, [0.0, 0.0], normal(0.5, 1.0)), cluster(2, [0.0, 0.0], normal(0.5, 0.25))],
        );
        assert!(two.is_sound());
        let near = two.assign_scaled(&[0.0, 0.0]).unwrap();
        // Densities .5 and .125 of the same weight at the centre.
        assert!(near.id == 1 && (near.sure - 0.8).abs() < 1e-12, "{near:?}");
        assert_eq!(two.assign_scaled(&[3.0, 0.0]).unwrap().id, 2);
        let mut broken = two.clone();
        broken.clusters[0].centre.pop();
        assert!(!broken.is_sound());
        let mut broken = two;
        broken.scales[0].feature = "no_feature".to_owned();
        assert!(!broken.is_sound());
    }
}
