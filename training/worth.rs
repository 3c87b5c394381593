//! Learning what customers order and spend within a horizon.

use homing_models::boosting::{Binned, Bins, Booster, Objective, Training};
use homing_models::bundle::LifetimePart;
use homing_models::lifetimes::{Lifetime, LifetimeModel};
use homing_models::repurchase::{ReturnModel, lifetime_log_odds};
use homing_models::value::{ValueModel, bridge_orders, lifetime_extra_orders, order_value};
use linfa::ParamGuard;
use rayon::prelude::*;

use crate::error::Error;
use crate::learn::Horizon;
use crate::level::{Past, forecast};
use crate::returns::LEAST_OF_SNAPSHOT;
use crate::snapshots::Rows;

impl Horizon<'_> {
    pub(crate) fn value(
        &self,
        lifetime: &LifetimePart,
        bins: &Bins,
        data: &Binned,
        returns: &ReturnModel,
    ) -> Result<ValueModel, Error> {
        let past = &self.past;
        let back: Vec<usize> = (0..past.len()).filter(|&row| past.labels[row].bought).collect();
        let of_back = data.select(&back);
        let order: Vec<f64> = (0..past.len())
            .into_par_iter()
            .map(|row| order_value(&lifetime.money, past.recency[row], past.order_value[row]))
            .collect();
        let extra: Vec<f64> = past
            .recency
            .par_iter()
            .map(|&recency| lifetime_extra_orders(&lifetime.orders, recency, self.learned_days))
            .collect();
        let start: Vec<f64> = back.iter().map(|&row| ((1.0 + extra[row]) * order[row]).ln()).collect();
        let extra_start: Vec<f64> = back.iter().map(|&row| extra[row].ln()).collect();
        let orders: Vec<f64> = back.iter().map(|&row| f64::from(past.labels[row].orders) - 1.0).collect();
        let spend: Vec<f64> = back.iter().map(|&row| past.labels[row].spend).collect();
        // A few huge orders would rule the trees: they see at most twenty times what was expected, and at least
        // a hundredth of it where nearly all or more came back.
        let tame: Vec<f64> = spend
            .iter()
            .zip(&start)
            .map(|(&spend, start)| spend.clamp(0.01 * start.exp(), 20.0 * start.exp()))
            .collect();
        let fit = |objective, targets: &[f64], offsets: &[f64], seed: u64| {
            let params = Booster::params(objective).trees(70).seed(seed);
            let offsets = Some(offsets);
            params.check()?.fit_binned(&Training { data: &of_back, bins, targets, offsets, weights: None })
        };
        let ((orders_trees, spend_trees), direct) = rayon::join(
            || {
                rayon::join(
                    || fit(Objective::Poisson, &orders, &extra_start, self.seed ^ 21),
                    || fit(Objective::Gamma, &tame, &start, self.seed ^ 22),
                )
            },
            || self.direct(bins, data, &order, &extra),
        );
        let ((orders_trees, orders_said), (spend_trees, spend_said)) = (orders_trees?, spend_trees?);
        let expected = |said: &[f64], start: &[f64]| -> Vec<f64> {
            said.iter().zip(start).map(|(m, s)| (m + s).exp()).collect()
        };
        let expected_extra = expected(&orders_said, &extra_start);
        let expected_spend = expected(&spend_said, &start);
        let snapshot: Vec<u32> = back.iter().map(|&row| past.snapshot[row]).collect();
        let mut model = ValueModel {
            days: self.days,
            learned_days: self.learned_days,
            orders: Some(orders_trees),
            spend: Some(spend_trees),
            direct: None,
            direct_level: 0.0,
            orders_level: self.amount_level(&snapshot, &orders, &expected_extra),
            spend_level: self.amount_level(&snapshot, &spend, &expected_spend),
            spread: spread(&spend, &expected_spend),
        };
        let (direct, tamed) = direct?;
        let views = self.views(&model, &direct, lifetime, returns);
        let total: f64 = views.iter().map(|view| view.0).sum();
        let agreed: f64 = views.iter().map(|view| (view.0 * view.1).sqrt()).sum();
        // Two views of the total, too: one through those who come back, one through the lifetime model.
        let goal = (total * self.lifetime_total(lifetime, &tamed)).sqrt();
        let goal = if goal.is_finite() { goal } else { total };
        // The mean of two views is geometric: half of a level comes through.
        model.direct_level = 2.0 * (goal.max(1e-9) / agreed.max(1e-9)).ln();
        model.direct = Some(direct);
        Ok(model)
    }

    /// Trees over what everyone spends, come back or not, with the level of each snapshot taken out. Also the
    /// spend of each row, held to what the trees may see of it.
    fn direct(
        &self,
        bins: &Bins,
        data: &Binned,
        order: &[f64],
        extra: &[f64],
    ) -> Result<(Booster, Vec<f64>), Error> {
        let past = &self.past;
        let spend: Vec<f64> = (0..past.len())
            .map(|row| past.labels[row].spend.min(20.0 * (1.0 + extra[row]) * order[row]))
            .collect();
        let mut scaled: Vec<f64> = spend.iter().map(|&spend| spend.max(0.0)).collect();
        for rows in past.by_snapshot() {
            // Spend counts in mean spends of the snapshot: the trees then see neither level nor currency.
            let mean = scaled[rows.clone()].iter().sum::<f64>() / rows.len().max(1) as f64;
            scaled[rows].iter_mut().for_each(|spend| *spend /= mean.max(1e-9));
        }
        let params = Booster::params(Objective::Tweedie(1.5))
            .feature_share(1.0)
            .min_leaf_rows(100.0)
            .seed(self.seed ^ 23);
        let training = Training { data, bins, targets: &scaled, offsets: None, weights: None };
        Ok((params.check()?.fit_binned(&training)?.0, spend))
    }

    /// The spend of the base by two views, customer by customer: that of those who come back, and the direct one.
    fn views(
        &self,
        model: &ValueModel,
        direct: &Booster,
        lifetime: &LifetimePart,
        returns: &ReturnModel,
    ) -> Vec<(f64, f64)> {
        let base = self.base;
        (0..base.len())
            .into_par_iter()
            .with_min_len(256)
            .map(|i| {
                let recency = base.recency[i];
                let now = lifetime_log_odds(&lifetime.orders, recency, self.learned_days);
                let vote = returns.members.as_ref().map_or(now, |members| members.vote(base.row(i), now));
                let bridge = lifetime_log_odds(&lifetime.orders, recency, self.days) - now;
                let p = returns.levelled(returns.slope * vote + bridge);
                let order = order_value(&lifetime.money, recency, base.order_value[i]);
                let asked = lifetime_extra_orders(&lifetime.orders, recency, self.days);
                let margin = model.spend.as_ref().map_or(0.0, |trees| trees.margin(base.row(i)));
                let spend = (1.0 + asked) * order * (margin + model.spend_level).clamp(-8.0, 8.0).exp();
                let bridge = bridge_orders(&lifetime.orders, recency, self.learned_days, self.days);
                (p * spend, direct.margin(base.row(i)).clamp(-20.0, 20.0).exp() * bridge)
            })
            .collect()
    }

    /// The total spend of the base that the lifetime model expects, with the level of past windows forecast.
    fn lifetime_total(&self, lifetime: &LifetimePart, spend: &[f64]) -> f64 {
        let expected = |rows: &Rows, range: std::ops::Range<usize>, model: &Lifetime, days: u32| -> f64 {
            let each = |i: usize| {
                let order = order_value(&lifetime.money, rows.recency[i], rows.order_value[i]) * self.kept;
                model.expected_orders(rows.recency[i], f64::from(days)) * order
            };
            range.into_par_iter().with_min_len(256).map(each).collect::<Vec<f64>>().iter().sum()
        };
        let series: Vec<Past> = self
            .past
            .by_snapshot()
            .into_iter()
            .enumerate()
            .filter(|(_, rows)| rows.len() >= LEAST_OF_SNAPSHOT)
            .filter_map(|(j, rows)| {
                let spent: f64 = spend[rows.clone()].iter().sum();
                let level = (spent / expected(&self.past, rows, &self.then[j], self.learned_days)).ln();
                level.is_finite().then_some(Past { days_ago: self.ago[j], level })
            })
            .collect();
        let now = expected(self.base, 0..self.base.len(), &lifetime.orders, self.days);
        now * forecast(&series).clamp(-1.0, 1.0).exp()
    }

    /// The coming level of an amount: the series of log(actual / expected) of past windows, forecast.
    fn amount_level(&self, snapshot: &[u32], actual: &[f64], expected: &[f64]) -> f64 {
        let mut sums = vec![(0.0, 0.0, 0usize); self.ago.len()];
        for ((&j, a), e) in snapshot.iter().zip(actual).zip(expected) {
            let sum = &mut sums[j as usize];
            *sum = (sum.0 + a, sum.1 + e, sum.2 + 1);
        }
        let series: Vec<Past> = sums
            .iter()
            .zip(&self.ago)
            .filter(|((a, e, n), _)| *n >= LEAST_OF_SNAPSHOT && *a > 0.0 && *e > 0.0)
            .map(|(&(a, e, _), &days_ago)| Past { days_ago, level: (a / e).ln() })
            .collect();
        forecast(&series).clamp(-1.0, 1.0)
    }
}

/// Actual over expected spend at the shares (i + ½) / 40.
fn spread(actual: &[f64], expected: &[f64]) -> Vec<f64> {
    let mut ratios: Vec<f64> = actual.iter().zip(expected).map(|(a, e)| a.max(0.0) / e).collect();
    ratios.sort_by(f64::total_cmp);
    let at = |i: usize| ratios.get((2 * i + 1) * ratios.len() / 80).copied();
    (0..40).filter_map(at).collect()
}
