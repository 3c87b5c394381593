//! Lifetime models: how often a customer buys while alive, when they leave, and what they spend.
//!
//! | model | purchases while alive | leaves | paper |
//! |---|---|---|---|
//! | [`BgNbd`] | Poisson, gamma rates | after a repeat purchase, with probability `p` | Fader, Hardie & Lee (2005), Marketing Science 24(2) |
//! | [`MbgNbd`] | the same | after any purchase, the first included | Batislam, Denizel & Filiztekin (2007), IJRM 24(3); Hoppe & Wagner (2007), Marketing JRM 3(2) |
//! | the two with `k` > 1 | Erlang-`k` gaps: more regular | the same | Platzer & Reutterer (2016), Marketing Science 35(5) |
//! | [`ParetoNbd`] | Poisson, gamma rates | at any time, at rate `μ` | Schmittlein, Morrison & Colombo (1987), Management Science 33(1) |
//! | [`GammaGamma`] | – (mean spend of an order) | – | Fader & Hardie (2013), a note |
//!
//! | [`WithCovariates`] of the first four | the same, scaled by covariates | the same, scaled | Fader & Hardie (2007), a note |
//!
//! Fitted models answer through [`LifetimeModel`]. Fitting is behind the feature `fit`: a `Cohort` counts customers by
//! unique `(x, t_x, T)`; `BgNbd::fit` and its like find the maximum of the likelihood over log parameters by L-BFGS with
//! analytic gradients, and say in a [`Summary`] how that ended.
//!
//! ```
//! # #[cfg(feature = "fit")] {
//! use homing_models::lifetimes::{BgNbd, Cohort, LifetimeModel, Options, Recency};
//!
//! let weeks = [Recency::new(2, 30.43, 38.86), Recency::new(1, 1.71, 38.86), Recency::new(0, 0.0, 38.86)];
//! let model = BgNbd::fit(&Cohort::from_customers(&weeks)?, &Options { prior_weight: 1.0, ..Options::default() })?;
//! assert!(model.probability_of_purchase(weeks[0], 26.0) < model.probability_alive(weeks[0]));
//! # }
//! # Ok::<(), homing_models::lifetimes::Error>(())
//! ```

mod beta_geometric;
#[cfg(feature = "fit")]
mod cohort;
mod covariates;
mod error;
mod gamma_gamma;
#[cfg(feature = "fit")]
mod hyperparams;
#[cfg(feature = "fit")]
mod optimize;
mod pareto;
mod recency;
pub mod special;
mod summary;

use serde::{Deserialize, Serialize};

pub use beta_geometric::{BetaGeometric, BgNbd, MbgNbd};
#[cfg(feature = "fit")]
pub use cohort::Cohort;
pub use covariates::{Coefficient, Coefficients, Covariate, Effect, Scalable, WithCovariates};
#[cfg(feature = "fit")]
pub use covariates::{CovariateCohort, ScalableFit};
pub use error::Error;
#[cfg(feature = "fit")]
pub use gamma_gamma::SpendSample;
pub use gamma_gamma::{GammaGamma, Spend};
#[cfg(feature = "fit")]
pub use hyperparams::{Estimate, LifetimeParams, LifetimeValidParams, Options};
pub use pareto::ParetoNbd;
pub use recency::Recency;
pub use summary::{Status, Summary};

/// The largest `k` of the Erlang gaps, as in Platzer & Reutterer (2016).
pub const MAX_REGULARITY: u32 = 12;

/// [`MAX_REGULARITY`] in words.
const REGULARITIES: &str = "has to be 1 to 12";

/// What every fitted model of purchases and dropout answers about one customer.
///
/// Horizons are in the unit of the cohort's times. Rows are read as [`Recency::normalized`] reads them; a
/// horizon that is NaN or not positive counts as 0, so every answer but [`LifetimeModel::dert`]'s is finite.
pub trait LifetimeModel: std::fmt::Debug + Send + Sync {
    /// P(alive at T | x, t_x, T), in 0..=1.
    fn probability_alive(&self, customer: Recency) -> f64;

    /// E\[X(T, T + t) | x, t_x, T\]: purchases expected in the `horizon` t after the end of observation.
    fn expected_orders(&self, customer: Recency, horizon: f64) -> f64;

    /// P(X(T, T + t) ≥ 1 | x, t_x, T): probability of at least one purchase in the `horizon` t after the end
    /// of observation, in 0..=1 and never above [`LifetimeModel::probability_alive`].
    fn probability_of_purchase(&self, customer: Recency, horizon: f64) -> f64;

    /// E\[X(T + t₁, T + t₂) | x, t_x, T\]: purchases expected in the window that begins `from` after the end of
    /// observation and ends at `to` after it; 0 where the window is empty.
    ///
    /// The difference of two expectations: exact to about 1e-15 of the larger.
    fn expected_orders_between(&self, customer: Recency, from: f64, to: f64) -> f64 {
        if recency::time(to) <= recency::time(from) {
            return 0.0;
        }
        (self.expected_orders(customer, to) - self.expected_orders(customer, from)).max(0.0)
    }

    /// P(alive) as it was at each instant of a customer's past, from what was known then: `repeats` are the times of
    /// the repeat purchases and `instants` those asked about, both since the first purchase, in any order. It falls
    /// with every day without a purchase and is reset by a purchase.
    ///
    /// A time before the first purchase counts as 0, a repeat that is no time (NaN, infinite) as none.
    fn alive_over_time(&self, repeats: &[f64], instants: &[f64]) -> Vec<f64> {
        let mut repeats: Vec<f64> = repeats.iter().filter(|t| t.is_finite()).map(|t| t.max(0.0)).collect();
        repeats.sort_by(f64::total_cmp);
        let alive = |&instant: &f64| {
            let now = recency::time(instant);
            let x = repeats.partition_point(|&t| t <= now);
            let last = x.checked_sub(1).map_or(0.0, |last| repeats[last]);
            self.probability_alive(Recency::new(u32::try_from(x).unwrap_or(u32::MAX), last, now))
        };
        instants.iter().map(alive).collect()
    }

    /// ln L(x, t_x, T), in the unit of the cohort's times: the density of a customer's purchases.
    fn log_likelihood_of(&self, customer: Recency) -> f64;

    /// How the fit ended.
    fn summary(&self) -> &Summary;

    /// E\[X(t)\]: repeat purchases expected of a random new customer in the `horizon` t after the first purchase.
    fn expected_total_orders(&self, horizon: f64) -> f64 {
        self.expected_orders(Recency::default(), horizon)
    }

    /// Discounted expected residual transactions: purchases after T, each worth e^(−δt) (Fader, Hardie & Lee
    /// 2005, "RFM and CLV", Journal of Marketing Research 42(4)). `discount_rate` is the continuous rate δ per unit of time, e.g.
    /// `ln(1.1) / 52` for 10 % a year in weeks.
    ///
    /// Integrated by parts it is E\[X(T, T + τ)\] with τ exponential of rate δ; that integral is taken over the
    /// logarithm of time by the trapezoidal rule, to about seven digits. NaN unless δ is positive and finite.
    fn dert(&self, customer: Recency, discount_rate: f64) -> f64 {
        if !(discount_rate > 0.0 && discount_rate.is_finite()) {
            return f64::NAN;
        }
        // ∫ e^{-s} E[X(s/δ)] ds with s = e^u: the integrand falls doubly exponentially to the right, and to the
        // left as s E[X(s/δ)], which falls at least as s, so that what is left out is less than the last term / STEP.
        const STEP: f64 = 0.5;
        let mut sum = 0.0;
        let mut u: f64 = 4.0;
        while u > -40.0 {
            let s = u.exp();
            let term = s * (-s).exp() * self.expected_orders(customer, s / discount_rate);
            sum += term;
            if s < 0.1 && term <= 1e-9 * sum {
                break;
            }
            u -= STEP;
        }
        STEP * sum
    }
}

/// A fitted model of purchases and dropout, as a bundle stores it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lifetime {
    /// BG/NBD, or BG/CNBD-k where k > 1.
    BgNbd(BgNbd),
    /// MBG/NBD, or MBG/CNBD-k where k > 1.
    MbgNbd(MbgNbd),
    /// Pareto/NBD.
    ParetoNbd(ParetoNbd),
}

impl Lifetime {
    /// The model inside.
    pub fn as_model(&self) -> &dyn LifetimeModel {
        match self {
            Self::BgNbd(model) => model,
            Self::MbgNbd(model) => model,
            Self::ParetoNbd(model) => model,
        }
    }
}

impl LifetimeModel for Lifetime {
    fn probability_alive(&self, customer: Recency) -> f64 {
        self.as_model().probability_alive(customer)
    }

    fn expected_orders(&self, customer: Recency, horizon: f64) -> f64 {
        self.as_model().expected_orders(customer, horizon)
    }

    fn probability_of_purchase(&self, customer: Recency, horizon: f64) -> f64 {
        self.as_model().probability_of_purchase(customer, horizon)
    }

    fn log_likelihood_of(&self, customer: Recency) -> f64 {
        self.as_model().log_likelihood_of(customer)
    }

    fn summary(&self) -> &Summary {
        self.as_model().summary()
    }

    fn expected_orders_between(&self, customer: Recency, from: f64, to: f64) -> f64 {
        self.as_model().expected_orders_between(customer, from, to)
    }

    fn alive_over_time(&self, repeats: &[f64], instants: &[f64]) -> Vec<f64> {
        self.as_model().alive_over_time(repeats, instants)
    }

    fn expected_total_orders(&self, horizon: f64) -> f64 {
        self.as_model().expected_total_orders(horizon)
    }

    fn dert(&self, customer: Recency, discount_rate: f64) -> f64 {
        self.as_model().dert(customer, discount_rate)
    }
}
