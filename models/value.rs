//! Value: what a customer will order and spend, with an interval.
//!
//! Expected spend = purchase probability × expected spend of those who buy. The second part starts from
//! the lifetime model's orders times Gamma-Gamma's order value, and trees correct it.

use serde::{Deserialize, Serialize};

use crate::boosting::Booster;
use crate::customer::Row;
use crate::lifetimes::{GammaGamma, Lifetime, LifetimeModel, Recency, Spend};

/// The fitted model of orders and spend within one horizon, of customers who buy. In files its fields keep the names of 0.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueModel {
    /// The horizon in days that it predicts.
    pub days: u32,
    /// The horizon in days that the trees were fitted to; the lifetime model bridges the two.
    pub learned_days: u32,
    /// Corrects the orders beyond the first (log); `None` where the data are enough for a lifetime model only.
    pub orders: Option<Booster>,
    /// Corrects the spend (log).
    pub spend: Option<Booster>,
    /// Spend of everyone, whether they buy or not (log of mean spends).
    #[serde(default)]
    pub direct: Option<Booster>,
    /// Offset added to the log of the `direct` estimate, so that both estimates have one total over the base.
    #[serde(default, rename = "direct_level")]
    pub direct_offset: f64,
    /// Offset added to the log of the orders beyond the first.
    #[serde(rename = "orders_level")]
    pub orders_offset: f64,
    /// Offset added to the log of the spend.
    #[serde(rename = "spend_level")]
    pub spend_offset: f64,
    /// Spend over expected spend among those who bought, at the shares `(i + 0.5) / length`.
    #[serde(rename = "spread")]
    pub residual_quantiles: Vec<f64>,
    /// Uncertainty of the total over the base: the standard deviation of the log of actual to expected spend. 0 in bundles
    /// that do not know it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub total_sd: f64,
}

// The signature is serde's.
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

/// How unsure the total spend of many customers is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TotalUncertainty {
    /// Standard deviation of the log of actual to expected total, which all customers share.
    pub log_sd: f64,
    /// Mean square of actual over expected spend of those who buy.
    pub mean_square: f64,
}

/// The 90 % quantile of the normal distribution: an 80 % interval reaches as far to both sides.
const Z_90: f64 = 1.281_551_565_544_6;

impl TotalUncertainty {
    /// The variance of one customer's spend, who buys with probability `p` and is expected to spend `spend`, purchase or not.
    #[must_use]
    pub fn variance(&self, p: f64, spend: f64) -> f64 {
        (spend * spend * (self.mean_square / p.max(1e-9) - 1.0)).max(0.0)
    }

    /// The 80 % interval of the total of customers who are expected to spend `total`, with the sum of their variances.
    ///
    /// ```
    /// use homing_models::value::TotalUncertainty;
    ///
    /// let unsure = TotalUncertainty { log_sd: 0.1, mean_square: 2.0 };
    /// let (low, high) = unsure.interval(1000.0, 0.0);
    /// assert!((870.0..890.0).contains(&low) && (1130.0..1140.0).contains(&high));
    /// ```
    #[must_use]
    pub fn interval(&self, total: f64, variance: f64) -> (f64, f64) {
        if total <= 0.0 {
            return (0.0, 0.0);
        }
        // The customers' own chance matters where they are few. (ln(1 + v): the variance of a log-normal's log.)
        let chance = (variance / (total * total)).ln_1p();
        let reach = Z_90 * (self.log_sd * self.log_sd + chance).sqrt();
        (total * (-reach).exp(), total * reach.exp())
    }
}

/// Expected orders and spend of a customer who buys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IfBuys {
    /// Days with a purchase, 1 or more.
    pub orders: f64,
    /// Spend.
    pub spend: f64,
}

/// The two estimates of a customer's spend that [`agreed`] combines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Views {
    /// Orders of a customer with a purchase within the horizon, 1 or more.
    pub orders: f64,
    /// Spend of a customer with a purchase within the horizon.
    pub spend: f64,
    /// Expected spend, purchase or not, by the direct model; `None` without one.
    pub direct: Option<f64>,
}

/// Orders beyond the first that the lifetime model expects of a customer who buys within the horizon.
#[must_use]
pub fn lifetime_extra_orders(lifetime: &Lifetime, recency: Recency, days: u32) -> f64 {
    let days = f64::from(days);
    let p = lifetime.probability_of_purchase(recency, days);
    let orders = lifetime.expected_orders(recency, days);
    (orders / p.max(1e-9) - 1.0).clamp(1e-3, days)
}

/// How many times more orders the lifetime model expects within `days` than within `learned`.
#[must_use]
pub fn bridge_orders(lifetime: &Lifetime, recency: Recency, learned: u32, days: u32) -> f64 {
    if learned == days {
        return 1.0;
    }
    let within = |days: u32| lifetime.expected_orders(recency, f64::from(days)).max(1e-9);
    within(days) / within(learned)
}

/// The order value that Gamma-Gamma expects of a customer whose orders, the first included, had this mean.
#[must_use]
pub fn order_value(money: &GammaGamma, recency: Recency, mean: f64) -> f64 {
    money.expected_mean_spend(Spend { frequency: recency.frequency + 1, mean_spend: mean })
}

/// The spend of a customer who buys with probability `p`, from two estimates: the spend of similar customers
/// who buy, and the spend of all similar customers. The geometric mean, so that neither dominates.
#[must_use]
pub fn agreed(p: f64, if_buys: f64, expected: f64) -> f64 {
    let p = p.max(1e-6);
    (p * if_buys * expected).sqrt() / p
}

impl ValueModel {
    /// What a customer with a purchase within the horizon orders and spends, and what the direct model expects. This is the
    /// one place that combines lifetime model, Gamma-Gamma and trees, for fitting and for serving.
    #[must_use]
    pub fn views(&self, row: Row<'_>, lifetime: &Lifetime, money: &GammaGamma) -> Views {
        let extra = lifetime_extra_orders(lifetime, row.recency, self.days);
        let margin = |booster: &Option<Booster>| booster.as_ref().map_or(0.0, |b| b.margin(row.x));
        let orders = 1.0 + extra * (margin(&self.orders) + self.orders_offset).clamp(-8.0, 8.0).exp();
        let order = order_value(money, row.recency, row.order_value);
        let spend = (1.0 + extra) * order * (margin(&self.spend) + self.spend_offset).clamp(-8.0, 8.0).exp();
        let direct = self.direct.as_ref().map(|direct| {
            let bridge = bridge_orders(lifetime, row.recency, self.learned_days, self.days);
            bridge * (direct.margin(row.x) + self.direct_offset).clamp(-30.0, 30.0).exp()
        });
        Views { orders, spend, direct }
    }

    /// Orders and spend of a customer if they buy within the horizon, which they do with probability `p`.
    #[must_use]
    pub fn if_buys(&self, row: Row<'_>, lifetime: &Lifetime, money: &GammaGamma, p: f64) -> IfBuys {
        let Views { orders, spend, direct } = self.views(row, lifetime, money);
        let spend = direct.map_or(spend, |direct| agreed(p, spend, direct));
        IfBuys { orders: orders.min(f64::from(self.days)), spend }
    }

    /// How unsure totals over many customers are; `None` where the model does not know it.
    #[must_use]
    pub fn total_uncertainty(&self) -> Option<TotalUncertainty> {
        let squares: f64 = self.residual_quantiles.iter().map(|ratio| ratio * ratio).sum();
        let mean_square = squares / self.residual_quantiles.len().max(1) as f64;
        (self.total_sd > 0.0).then_some(TotalUncertainty { log_sd: self.total_sd, mean_square })
    }

    /// The 80 % interval of the spend of customers like this one, who buy with probability `p` and are then
    /// expected to spend `spend`. Where more than one in ten does not buy, its lower end is zero, and the whole
    /// fifth that it leaves out is above it.
    #[must_use]
    pub fn spend_interval(&self, p: f64, spend: f64) -> (f64, f64) {
        let at = |q| self.spend_quantile(q, p, spend);
        if 1.0 - p >= 0.1 { (0.0, at(0.8)) } else { (at(0.1), at(0.9)) }
    }

    /// The `q` quantile of the spend of customers like this one, who buy with probability `p` and are then
    /// expected to spend `spend`.
    #[must_use]
    pub fn spend_quantile(&self, q: f64, p: f64, spend: f64) -> f64 {
        // A share 1 − p spends nothing; the rest has the residual quantiles of those who bought.
        let among = (q - (1.0 - p)) / p.max(1e-12);
        if among <= 0.0 || self.residual_quantiles.is_empty() {
            return 0.0;
        }
        let at = (among * self.residual_quantiles.len() as f64 - 0.5)
            .clamp(0.0, (self.residual_quantiles.len() - 1) as f64);
        let low = at.floor() as usize;
        let high = (low + 1).min(self.residual_quantiles.len() - 1);
        spend
            * (self.residual_quantiles[low]
                + at.fract() * (self.residual_quantiles[high] - self.residual_quantiles[low]))
    }
}

/// The mean present value of money that flows evenly over `days`, at a yearly discount rate (0.1 = 10 %).
///
/// ```
/// use homing_models::value::discount;
///
/// assert_eq!(discount(365, 0.0), 1.0);
/// assert!(discount(365, 0.1) < 1.0);
/// ```
#[must_use]
pub fn discount(days: u32, yearly_rate: f64) -> f64 {
    let force = yearly_rate.ln_1p() * f64::from(days) / 365.0;
    if force.abs() < 1e-9 { 1.0 } else { -(-force).exp_m1() / force }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discounting_is_the_integral() {
        assert_eq!(discount(365, 0.0), 1.0);
        let sum: f64 =
            (0..36_500).map(|i| 1.1f64.powf(-(f64::from(i) + 0.5) / 36_500.0)).sum::<f64>() / 36_500.0;
        assert!((discount(365, 0.1) - sum).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_zero_for_those_who_stay_away() {
        let residual_quantiles = (0..100).map(|i| (f64::from(i) + 0.5) / 50.0).collect();
        let model = ValueModel {
            days: 90,
            learned_days: 90,
            orders: None,
            spend: None,
            direct: None,
            direct_offset: 0.0,
            orders_offset: 0.0,
            spend_offset: 0.0,
            residual_quantiles,
            total_sd: 0.0,
        };
        assert_eq!(model.spend_quantile(0.1, 0.5, 10.0), 0.0);
        assert!((model.spend_quantile(0.9, 0.5, 10.0) - 16.0).abs() < 1e-9);
        assert!((model.spend_quantile(0.5, 1.0, 10.0) - 10.0).abs() < 1e-9);
        assert_eq!(model.spend_quantile(0.9, 0.05, 10.0), 0.0);
    }
}
