//! Gamma-Gamma: the mean spend of a customer's orders, shrunk towards that of all customers.
//!
//! Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value: an order's value is Gamma(p, ν) and ν ~ Gamma(q, v)
//! over customers, independent of how often they buy.

#[cfg(feature = "fit")]
mod algorithm;

use serde::{Deserialize, Serialize};

#[cfg(feature = "fit")]
pub use self::algorithm::SpendSample;
use super::{Error, Summary};

/// What the model needs to know of one customer's orders.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spend {
    /// Number of orders the mean is taken over, `x` (by custom the repeat purchases only).
    pub frequency: u32,
    /// Mean value of those orders, `z̄` in the note, in one currency.
    pub mean_spend: f64,
}

/// A fitted Gamma-Gamma model.
///
/// ```
/// use homing_models::lifetimes::{GammaGamma, Spend};
///
/// // Fader & Hardie (2013), CDNOW, in dollars.
/// let model = GammaGamma::with_parameters(6.25, 3.74, 15.44, 35.0)?;
/// let mean = model.expected_mean_spend(Spend { frequency: 2, mean_spend: 100.0 });
/// assert!(mean > model.population_mean() && mean < 100.0); // shrunk towards all customers
/// # Ok::<(), homing_models::lifetimes::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GammaGamma {
    p: f64,
    q: f64,
    v: f64,
    sample_mean: f64,
    summary: Summary,
}

/// Where q is not above 1 by this much, the model's population mean pv/(q−1) is infinite or says nothing.
const MEAN_EXISTS: f64 = 0.05;

impl GammaGamma {
    /// Name as in the note.
    pub const NAME: &'static str = "Gamma-Gamma";

    /// The model with given parameters, e.g. published ones, and `sample_mean`, the mean value of an order,
    /// which is used where q leaves the model without a mean.
    ///
    /// # Errors
    /// [`Error::Parameter`] if one is not positive and finite.
    pub fn with_parameters(p: f64, q: f64, v: f64, sample_mean: f64) -> Result<Self, Error> {
        for (name, value) in [("p", p), ("q", q), ("v", v), ("sample_mean", sample_mean)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::Parameter { model: Self::NAME, name, value });
            }
        }
        Ok(Self { p, q, v, sample_mean, summary: Summary::given() })
    }

    /// Shape p of the gamma distribution of one customer's orders.
    pub fn p(&self) -> f64 {
        self.p
    }

    /// Shape q of the gamma distribution of the rates ν over customers.
    pub fn q(&self) -> f64 {
        self.q
    }

    /// Rate v of the gamma distribution of the rates ν, in units of money.
    pub fn v(&self) -> f64 {
        self.v
    }

    /// How the fit ended.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Mean value of an order over all customers, pv/(q−1); the sample's own mean where q ≤ 1.05, since the
    /// model's is infinite from q = 1 down and wild just above.
    pub fn population_mean(&self) -> f64 {
        if self.q > 1.0 + MEAN_EXISTS { self.p * self.v / (self.q - 1.0) } else { self.sample_mean }
    }

    /// E\[M | x, z̄\]: mean value of the coming orders of a customer with x orders of mean z̄, a weighted mean of the customer's own and the population's (Fader & Hardie 2013, eq. 5):
    ///
    /// (q−1)/(px+q−1) · pv/(q−1) + px/(px+q−1) · z̄
    ///
    /// Defined for x = 0 too, and where `mean_spend` is no amount (NaN, infinite, negative): the population
    /// mean. Where q ≤ 1.05 the weights are q and px and the sample's mean replaces the population's.
    pub fn expected_mean_spend(&self, customer: Spend) -> f64 {
        let Spend { frequency, mean_spend } = customer;
        let population = self.population_mean();
        if frequency == 0 || !(mean_spend >= 0.0 && mean_spend.is_finite()) {
            return population;
        }
        let own = self.p * f64::from(frequency);
        let prior = if self.q > 1.0 + MEAN_EXISTS { self.q - 1.0 } else { self.q };
        let weight = own / (own + prior);
        weight * mean_spend + (1.0 - weight) * population
    }
}
