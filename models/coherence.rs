//! Coherence: predictions of one customer held to each other and to the customer's own past.
//!
//! Purchase probability, orders, spend and P(alive) come from models of their own, which may contradict each other at the
//! edges: heavy buyers, customers whom a lifetime model has given up.

use crate::customer::Customer;
use crate::features::F;
use crate::prediction::AtHorizon;

/// Orders beyond a customer's own fastest pace that may still be expected.
const BEYOND_PACE: f64 = 1.0;

/// The most orders within `days` that a customer's own past makes plausible: those of the faster of the last 90 and 365
/// days, gone on with, and `BEYOND_PACE` more. In expectation buyers at their peak fall back, they do not speed up.
#[must_use]
pub fn plausible_orders(customer: &Customer<'_>, days: u32) -> f64 {
    let pace = |feature: F, of: f64| customer.get(feature) / of;
    let fastest = pace(F::orders_90d, 90.0).max(pace(F::orders_365d, 365.0));
    fastest * f64::from(days) + BEYOND_PACE
}

/// Holds the numbers of a horizon together: orders are no more than plausible and no fewer than the probability of one, and
/// the expected spend lies within its interval.
pub fn settle(at: &mut AtHorizon, customer: &Customer<'_>) {
    let most = plausible_orders(customer, at.days).min(f64::from(at.days));
    at.expected_orders = at.expected_orders.min(most).max(at.p_purchase);
    at.expected_spend_low = at.expected_spend_low.min(at.expected_spend);
    at.expected_spend_high = at.expected_spend_high.max(at.expected_spend);
}

/// P(alive) of a customer who buys within the horizons with probabilities up to `highest`: who buys again is alive.
#[must_use]
pub fn alive(by_lifetime: f64, highest: f64) -> f64 {
    by_lifetime.max(highest)
}
