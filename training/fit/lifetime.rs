//! Lifetime models of a customer base.

use homing_datasets::event::is_purchase;
use homing_datasets::{Histories, Kind, Micros};
use homing_models::bundle::{HorizonPart, LifetimePart};
use homing_models::lifetimes::{Cohort, GammaGamma, Lifetime, MbgNbd, Options, Recency, Spend, SpendSample};
use homing_models::repurchase::{PurchaseModel, lifetime_log_odds};
use homing_models::value::ValueModel;
use rayon::prelude::*;

use super::base_rate::beside_lifetime;
use crate::error::Error;
use crate::rows::Rows;

/// Residual quantiles of a value model that no window has taught.
const QUANTILES: u32 = 20;

/// A prior weight of one customer keeps parameters finite where the data do not bound them.
pub fn options() -> Options {
    Options { prior_weight: 1.0, ..Options::default() }
}

/// The models of orders and of order values, fitted on the base at `as_of`.
///
/// # Errors
/// [`Error::Lifetime`] where a model cannot be fitted.
pub fn fit(base: &Rows) -> Result<LifetimePart, Error> {
    Ok(LifetimePart { orders: orders(&base.recency)?, money: money(base, &options())? })
}

/// The model of orders of these customers: MBG/NBD (Batislam, Denizel & Filiztekin 2007).
///
/// # Errors
/// [`Error::Lifetime`] where it cannot be fitted.
pub fn orders(customers: &[Recency]) -> Result<Lifetime, Error> {
    Ok(Lifetime::MbgNbd(MbgNbd::fit(&Cohort::from_customers(customers)?, &options())?))
}

/// The model of order values: Gamma-Gamma (Fader & Hardie 2013).
///
/// # Errors
/// [`Error::Lifetime`] where it cannot be fitted.
pub fn money(base: &Rows, options: &Options) -> Result<GammaGamma, Error> {
    Ok(GammaGamma::fit(&SpendSample::from_customers(&spends(base))?, options)?)
}

/// Orders and mean order value of each row, the first order included.
#[must_use]
pub fn spends(base: &Rows) -> Vec<Spend> {
    base.recency
        .iter()
        .zip(&base.order_value)
        .map(|(recency, &mean_spend)| Spend { frequency: recency.frequency + 1, mean_spend })
        .collect()
}

/// Log-odds of a purchase within `days`, customer by customer.
#[must_use]
pub fn log_odds(customers: &[Recency], model: &Lifetime, days: u32) -> Vec<f64> {
    customers.par_iter().with_min_len(256).map(|&one| lifetime_log_odds(model, one, days)).collect()
}

/// The models of a horizon that no past window can teach: the lifetime model alone answers. A share `kept` of what
/// is ordered counts as spend.
#[must_use]
pub fn alone(days: u32, kept: f64) -> HorizonPart {
    // Nothing is known of the residuals: spend of those who buy is taken to be exponential.
    let quantile = |i: u32| -(1.0 - (f64::from(i) + 0.5) / f64::from(QUANTILES)).ln();
    HorizonPart {
        purchase: PurchaseModel {
            days,
            learned_days: days,
            base_learners: None,
            slope: 1.0,
            offset: 0.0,
            offset_sd: 0.0,
        },
        value: ValueModel {
            days,
            learned_days: days,
            orders: None,
            spend: None,
            direct: None,
            direct_offset: 0.0,
            orders_offset: 0.0,
            spend_offset: kept.ln(),
            residual_quantiles: (0..QUANTILES).map(quantile).collect(),
            total_sd: beside_lifetime(&[], days, days).sd,
        },
    }
}

/// The share of what was ordered up to `as_of` that did not come back, at least one in a hundred.
#[must_use]
pub fn kept_share(histories: &Histories, as_of: Micros) -> f64 {
    let sums: Vec<(f64, f64)> = histories
        .par_iter()
        .map(|(_, history)| {
            let view = history.as_of(as_of);
            let mut sum = (0.0, 0.0);
            for (&kind, &amount) in view.kind().iter().zip(view.amount()) {
                match kind {
                    Kind::Purchase if is_purchase(kind, amount) => sum = (sum.0 + amount, sum.1 + amount),
                    Kind::Purchase | Kind::Return => sum.1 += amount,
                    _ => {}
                }
            }
            sum
        })
        .collect();
    let (ordered, net) = sums.iter().fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
    if ordered > 0.0 { (net / ordered).clamp(0.01, 1.0) } else { 1.0 }
}
