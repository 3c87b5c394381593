//! Horizons that a model was not fitted to: what is expected by then follows from its own horizons.
//!
//! Between two of its horizons purchase probability runs at a constant hazard, and orders and spend grow as the lifetime model
//! expects orders to. Beyond the last one the lifetime model carries all of them on.

use crate::coherence;
use crate::customer::Customer;
use crate::lifetimes::{Lifetime, LifetimeModel};
use crate::prediction::AtHorizon;
use crate::repurchase::PurchaseCurve;
use crate::value::ValueModel;

/// What the horizons of a model say of one customer.
pub(crate) struct Known<'a> {
    /// The model's own horizons, shortest first; at least one.
    pub own: &'a [AtHorizon],
    /// The value model of each.
    pub values: &'a [&'a ValueModel],
    pub curve: &'a PurchaseCurve,
    pub lifetime: &'a Lifetime,
    pub customer: &'a Customer<'a>,
    /// Whether the numbers of a horizon are held to each other.
    pub coherent: bool,
}

impl Known<'_> {
    /// What is expected within `days`; `None` where the model has no horizon.
    pub fn within(&self, days: u32) -> Option<AtHorizon> {
        let after = self.own.partition_point(|at| at.days <= days);
        let before = after.checked_sub(1).map(|at| self.own[at]);
        if let Some(before) = before.filter(|before| before.days == days) {
            return Some(before);
        }
        let next = self.own.get(after).copied();
        let (from, grown) = match (before, next) {
            (before, Some(next)) => {
                let from = before.unwrap_or(AtHorizon::NOTHING);
                let share = self.orders(from.days, days) / self.orders(from.days, next.days);
                let line = f64::from(days - from.days) / f64::from(next.days - from.days);
                let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { line };
                let grown = |of: fn(&AtHorizon) -> f64| of(&from) + share * (of(&next) - of(&from));
                (from, [grown(|at| at.expected_orders), grown(|at| at.expected_spend)])
            }
            (Some(last), None) => {
                let times = self.orders(0, days) / self.orders(0, last.days);
                let times = if times.is_finite() { times.max(1.0) } else { 1.0 };
                (last, [times * last.expected_orders, times * last.expected_spend])
            }
            (None, None) => return None,
        };
        let p = self.curve.beyond(f64::from(days), self.customer.row().recency, self.lifetime);
        let value = self.values.get(after).or(self.values.last())?;
        let (low, high) = value.spend_interval(p, grown[1] / p.max(1e-12));
        let bounded = |value: f64, of: fn(&AtHorizon) -> f64| {
            next.as_ref().map_or(value, |next| value.min(of(next))).max(of(&from))
        };
        let mut this = AtHorizon {
            days,
            p_purchase: p,
            expected_orders: grown[0],
            expected_spend: grown[1],
            expected_spend_low: bounded(low, |at| at.expected_spend_low),
            expected_spend_high: bounded(high, |at| at.expected_spend_high),
        };
        if self.coherent {
            coherence::settle(&mut this, self.customer);
        }
        Some(this)
    }

    /// Orders that the lifetime model expects from the end of one time to the end of another, in days from now.
    fn orders(&self, from: u32, to: u32) -> f64 {
        let recency = self.customer.row().recency;
        let within = |days: u32| self.lifetime.expected_orders(recency, f64::from(days));
        within(to) - if from == 0 { 0.0 } else { within(from) }
    }
}
