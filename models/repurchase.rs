//! Repurchase: the probability of a purchase within each horizon, and when the next one is expected.
//!
//! Different base learners are combined in log-odds: trees, a linear model, and the lifetime model. They rank
//! customers; the base rate is forecast separately (see `training`).

use homing_datasets::{DAY, Micros};
use serde::{Deserialize, Serialize};

use crate::boosting::{Booster, Explainer, logit, sigmoid};
use crate::customer::Row;
use crate::lifetimes::{Lifetime, LifetimeModel, Recency};
use crate::linear::Linear;

/// The fitted model of the purchase probability within one horizon. In files its fields keep the names of 0.1, so that a copy of
/// an old bundle still has its checksum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PurchaseModel {
    /// The horizon in days that it predicts.
    pub days: u32,
    /// The horizon in days that the base learners were fitted to: shorter than `days` where the history is too
    /// short for it. The lifetime model bridges the two.
    pub learned_days: u32,
    /// The base learners; `None` where the data are enough for a lifetime model only.
    #[serde(rename = "members")]
    pub base_learners: Option<BaseLearners>,
    /// Slope on the stacked log-odds.
    pub slope: f64,
    /// Calibration offset added to them.
    #[serde(rename = "level")]
    pub offset: f64,
    /// Uncertainty of the calibration offset: the standard deviation of its forecast error, in log-odds.
    #[serde(default, rename = "level_sd")]
    pub offset_sd: f64,
}

/// The base learners over features, with their stacking weights; the rest to 1 is the lifetime model's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaseLearners {
    /// Trees over features; their margin leaves out the base rate.
    pub tree: Booster,
    /// The linear model.
    pub linear: Linear,
    /// Weight of each, in this order.
    pub weights: [f64; 2],
}

impl BaseLearners {
    /// The stacked log-odds of a row of features; `lifetime` are those of the lifetime model.
    #[must_use]
    pub fn stack(&self, row: &[f32], lifetime: f64) -> f64 {
        self.stack_margins([self.tree.margin(row), self.linear.margin(row)], lifetime)
    }

    /// The stacked log-odds, from the margins of trees and linear model.
    #[must_use]
    pub fn stack_margins(&self, margins: [f64; 2], lifetime: f64) -> f64 {
        let ([tree, linear], [t, l]) = (self.weights, margins);
        tree * t + linear * l + (1.0 - tree - linear) * lifetime
    }
}

impl PurchaseModel {
    /// The log-odds of a purchase within the horizon, before the calibration offset ([`PurchaseModel::offset`]): those within
    /// the horizon that was learned, carried on to the horizon by the lifetime model. Fits, backtests and serving all come
    /// through here.
    #[must_use]
    pub fn log_odds(&self, row: Row<'_>, lifetime: &Lifetime) -> f64 {
        let bridge = if self.days == self.learned_days {
            0.0
        } else {
            lifetime_log_odds(lifetime, row.recency, self.days)
                - lifetime_log_odds(lifetime, row.recency, self.learned_days)
        };
        self.learned_log_odds(row, lifetime) + bridge
    }

    /// The stacked log-odds of the base learners within [`PurchaseModel::learned_days`], times the slope.
    #[must_use]
    pub fn learned_log_odds(&self, row: Row<'_>, lifetime: &Lifetime) -> f64 {
        let learned = lifetime_log_odds(lifetime, row.recency, self.learned_days);
        self.slope * self.base_learners.as_ref().map_or(learned, |learners| learners.stack(row.x, learned))
    }

    /// The probability of a purchase within the horizon.
    #[must_use]
    pub fn probability(&self, row: Row<'_>, lifetime: &Lifetime) -> f64 {
        self.calibrated(self.log_odds(row, lifetime))
    }

    /// The probability that goes with log-odds of [`PurchaseModel::log_odds`], averaged over what the calibration offset
    /// may turn out to be (MacKay 1992, "The Evidence Framework Applied to Classification Networks", eq. 10).
    #[must_use]
    pub fn calibrated(&self, log_odds: f64) -> f64 {
        let widening = 1.0 + std::f64::consts::FRAC_PI_8 * self.offset_sd * self.offset_sd;
        sigmoid((self.offset + log_odds) / widening.sqrt())
    }
}

/// The base learners of a horizon, prepared for explanations.
#[derive(Clone, Debug, PartialEq)]
pub struct PurchaseExplainer {
    /// The trees.
    tree: Option<Explainer>,
}

impl PurchaseExplainer {
    /// Prepares a model.
    #[must_use]
    pub fn of(model: &PurchaseModel) -> Self {
        PurchaseExplainer { tree: model.base_learners.as_ref().map(|learners| Explainer::of(&learners.tree)) }
    }

    /// Adds what each feature contributes to the log-odds of a purchase by `model` (the one it was made of)
    /// to `out`, and returns what the lifetime model contributes. `typical` are its log-odds for a typical
    /// customer.
    pub fn explain(
        &self,
        model: &PurchaseModel,
        row: Row<'_>,
        lifetime: &Lifetime,
        typical: f64,
        out: &mut [f64],
    ) -> LifetimeShare {
        let log_odds = |recency: Recency| lifetime_log_odds(lifetime, recency, model.learned_days);
        let now = row.recency;
        let fresh = match now.frequency {
            0 => Recency::default(),
            frequency => Recency::new(frequency, now.age, now.age),
        };
        let (own, fresh) = (log_odds(now), log_odds(fresh));
        let weight = match &model.base_learners {
            Some(learners) => model.slope * (1.0 - learners.weights[0] - learners.weights[1]),
            None => model.slope,
        };
        if let (Some(learners), Some(tree)) = (&model.base_learners, &self.tree) {
            let [tree_weight, linear_weight] = learners.weights;
            tree.explain(row.x, model.slope * tree_weight, out);
            learners.linear.explain(row.x, model.slope * linear_weight, out);
        }
        LifetimeShare { frequency: weight * (fresh - typical), recency: weight * (own - fresh) }
    }
}

/// What the lifetime model adds to the log-odds of a purchase, in two parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LifetimeShare {
    /// How often the customer buys: as if the last purchase were today, compared with a typical customer.
    pub frequency: f64,
    /// The time since the last purchase.
    pub recency: f64,
}

/// The lifetime model's log-odds of a purchase within so many days.
#[must_use]
pub fn lifetime_log_odds(lifetime: &Lifetime, recency: Recency, days: u32) -> f64 {
    logit(lifetime.probability_of_purchase(recency, f64::from(days)))
}

/// One customer's probability of having bought by each day after `as_of`: R(d).
///
/// Between horizons the hazard is constant; past the last horizon the lifetime model's hazard continues.
#[derive(Clone, Debug, PartialEq)]
pub struct PurchaseCurve {
    /// Days and cumulated hazard, −ln(1 − R), ascending in both.
    knots: Vec<(f64, f64)>,
}

impl PurchaseCurve {
    /// A curve through these horizons (days, ascending) and probabilities; where a probability is below one
    /// before it, it is raised to it.
    #[must_use]
    pub fn through(points: &[(u32, f64)]) -> Self {
        let mut knots = Vec::with_capacity(points.len() + 1);
        knots.push((0.0, 0.0));
        let mut highest = 0.0;
        for &(days, p) in points {
            highest = f64::max(highest, -(-p.clamp(0.0, 1.0 - 1e-9)).ln_1p());
            knots.push((f64::from(days), highest));
        }
        PurchaseCurve { knots }
    }

    /// R(d) at a day up to the last horizon; later days get the last horizon's.
    #[must_use]
    pub fn at(&self, days: f64) -> f64 {
        let after = self.knots.partition_point(|&(d, _)| d <= days);
        let hazard = match (self.knots.get(after.saturating_sub(1)), self.knots.get(after)) {
            (Some(&(d0, h0)), Some(&(d1, h1))) => h0 + (h1 - h0) * (days - d0) / (d1 - d0),
            (Some(&(_, h)), None) => h,
            _ => 0.0,
        };
        -(-hazard).exp_m1()
    }

    /// R(d) at any day; past the last horizon the lifetime model's hazard continues.
    #[must_use]
    pub fn beyond(&self, days: f64, recency: Recency, lifetime: &Lifetime) -> f64 {
        match self.knots.last() {
            Some(&(last, reached)) if days > last => {
                let hazard = |days: f64| -(-lifetime.probability_of_purchase(recency, days)).ln_1p();
                -(-(reached + (hazard(days) - hazard(last)).max(0.0))).exp_m1()
            }
            _ => self.at(days),
        }
    }

    /// The first day at which R reaches a share (one half: the median of the days to the next order); past the last horizon
    /// by the lifetime model, up to three years. `None` where R stays below it.
    #[must_use]
    pub fn days_to(&self, share: f64, recency: Recency, lifetime: &Lifetime) -> Option<f64> {
        const LATEST: f64 = 3.0 * 365.0;
        // ln 2 as it was for the median, to the bit.
        let goal = if share == 0.5 { std::f64::consts::LN_2 } else { -(-share).ln_1p() };
        if let Some(pair) = self.knots.windows(2).find(|pair| pair[1].1 >= goal) {
            let ((d0, h0), (d1, h1)) = (pair[0], pair[1]);
            return Some(d0 + (d1 - d0) * (goal - h0) / (h1 - h0));
        }
        let &(last, reached) = self.knots.last()?;
        let hazard = |days: f64| -(-lifetime.probability_of_purchase(recency, days)).ln_1p();
        let start = hazard(last);
        let enough = |days: f64| reached + hazard(days) - start >= goal;
        if last >= LATEST || !enough(LATEST) {
            return None;
        }
        let (mut low, mut high) = (last, LATEST);
        while high - low > 0.01 {
            let middle = (low + high) / 2.0;
            if enough(middle) { high = middle } else { low = middle }
        }
        Some(high)
    }

    /// The instant of [`PurchaseCurve::days_to`] after `as_of`, to the second.
    #[must_use]
    pub fn instant_of(
        &self,
        share: f64,
        recency: Recency,
        lifetime: &Lifetime,
        as_of: Micros,
    ) -> Option<Micros> {
        let days = self.days_to(share, recency, lifetime)?;
        Some(as_of + (days * DAY as f64 / 1e6).round() as i64 * 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_never_falls() {
        let curve = PurchaseCurve::through(&[(30, 0.3), (90, 0.25), (365, 0.6)]);
        let days: Vec<f64> = (0..400).map(f64::from).collect();
        assert!(days.windows(2).all(|d| curve.at(d[0]) <= curve.at(d[1])));
        assert!((curve.at(30.0) - 0.3).abs() < 1e-12 && (curve.at(90.0) - 0.3).abs() < 1e-12);
        assert!((curve.at(365.0) - 0.6).abs() < 1e-12 && (curve.at(1000.0) - 0.6).abs() < 1e-12);
        assert_eq!(curve.at(0.0), 0.0);
    }
}
