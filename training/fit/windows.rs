//! The past windows of a horizon: what the lifetime model expects of the customers known then, and what came.
//!
//! They reach over the whole history, whatever the base learners learn from. Today's lifetime model is asked about
//! every window: what it gets wrong of all of them alike (a cycle that it does not know) is then part of what is forecast.

use homing_datasets::guards::Closures;
use homing_datasets::{DAY, Histories, History, Micros, Zone};
use homing_models::bundle::LifetimePart;
use homing_models::calibration::offset;
use homing_models::customer::open_days;
use homing_models::lifetimes::{Lifetime, LifetimeModel, Recency};
use homing_models::sampling::{mix, mix_text};
use homing_models::value::order_value;
use rayon::prelude::*;

use super::base_rate::Past;
use super::lifetime::log_odds;
use crate::labels::{Label, label};
use crate::task::Task;

/// Fewest customers of a window that counts.
const MIN_CUSTOMERS: usize = 50;

/// About the most customers of a window; beyond it they are sampled, the same ones in each window.
const MAX_CUSTOMERS: usize = 10_000;

/// The time that a fit looks at.
pub struct Times<'a> {
    /// The first purchase of all.
    pub first: Micros,
    /// The instant of the fit.
    pub as_of: Micros,
    /// When the shop was closed.
    pub closures: &'a Closures,
}

/// What was known of a customer at the start of a window, and what came.
#[derive(Clone, Copy, Debug)]
struct Known {
    recency: Recency,
    /// Mean order value, in the business's currency.
    order_value: f64,
    label: Label,
}

/// A past window.
#[derive(Debug)]
struct Window {
    days_ago: f64,
    customers: Vec<Known>,
}

/// The past windows of one horizon, the latest first.
#[derive(Debug)]
pub struct Windows {
    /// Days of each.
    pub days: u32,
    each: Vec<Window>,
}

impl Windows {
    /// Gathers windows of `days` that start at these cutoffs.
    #[must_use]
    pub fn gather(
        histories: &Histories,
        times: &Times<'_>,
        task: &Task,
        cutoffs: &[Micros],
        days: u32,
    ) -> Self {
        let share = MAX_CUSTOMERS as f64 / histories.len().max(1) as f64;
        let bar = (share.min(1.0) * u64::MAX as f64) as u64;
        let window = |&cutoff: &Micros| {
            let today = task.zone.day(cutoff);
            let known = |(id, history): (&str, &History)| {
                if mix(mix_text(id) ^ mix(task.seed ^ 77)) > bar {
                    return None;
                }
                let (recency, order_value) = state(history, cutoff, task.zone)?;
                let recency = open_days(recency, times.closures, today);
                let mut label = label(history, cutoff, days, task.zone);
                if task.net_of_returns {
                    label.spend = label.net_spend;
                }
                Some(Known { recency, order_value, label })
            };
            let customers: Vec<Known> = histories.par_iter().filter_map(known).collect();
            let days_ago = (times.as_of - cutoff) as f64 / DAY as f64;
            (customers.len() >= MIN_CUSTOMERS).then_some(Window { days_ago, customers })
        };
        Windows { days, each: cutoffs.par_iter().filter_map(window).collect() }
    }

    /// The base rate of each window beside what the lifetime model expected, in log-odds: the ageing of the base, which
    /// that model sees, is taken out; season and shocks are left.
    #[must_use]
    pub fn purchases(&self, lifetime: &Lifetime) -> Vec<Past> {
        let of = |window: &Window| {
            let each: Vec<Recency> = window.customers.iter().map(|one| one.recency).collect();
            let expected = log_odds(&each, lifetime, self.days);
            let bought = window.customers.iter().filter(|one| one.label.bought).count();
            let rate = (bought as f64 + 0.5) / (each.len() as f64 + 1.0);
            let variance = 1.0 / (each.len() as f64 * rate * (1.0 - rate));
            Past { days_ago: window.days_ago, offset: offset(&expected, rate), variance }
        };
        self.each.par_iter().map(of).collect()
    }

    /// The total spend of each window beside what the lifetime model expected, in logs. Spend of a customer counts up to
    /// `most` times what is expected if they buy.
    #[must_use]
    pub fn spend(&self, lifetime: &LifetimePart, kept_share: f64, most: f64) -> Vec<Past> {
        let of = |window: &Window| {
            let (mut spent, mut squares, mut expected) = (0.0, 0.0, 0.0);
            for one in &window.customers {
                let order = order_value(&lifetime.money, one.recency, one.order_value) * kept_share;
                let orders = lifetime.orders.expected_orders(one.recency, f64::from(self.days));
                let p = lifetime.orders.probability_of_purchase(one.recency, f64::from(self.days));
                expected += orders * order;
                let counted = one.label.spend.min(most * orders / p.max(1e-9) * order);
                spent += counted;
                squares += counted * counted;
            }
            let offset = (spent / expected).ln();
            let variance = squares / (spent * spent);
            offset.is_finite().then_some(Past { days_ago: window.days_ago, offset, variance })
        };
        self.each.par_iter().filter_map(of).collect()
    }
}

/// Orders of a customer at an instant as lifetime models count them, times in days, and the mean order value; `None`
/// without an order.
fn state(history: &History, at: Micros, zone: Zone) -> Option<(Recency, f64)> {
    let view = history.as_of(at);
    let (mut first, mut last, mut count, mut amount) = (None, 0, 0u32, 0.0);
    for order in view.orders(zone) {
        first.get_or_insert(order.day);
        last = order.day;
        count += 1;
        amount += order.amount;
    }
    let (first, today) = (first?, zone.day(at));
    let recency = Recency::new(count - 1, f64::from(last - first), f64::from(today - first));
    Some((recency, amount / f64::from(count)))
}
