//! Pareto/NBD: gamma-distributed purchase rates λ while alive, gamma-distributed dropout rates μ at any time.
//!
//! Schmittlein, Morrison & Colombo (1987), Counting Your Customers: Who Are They and What Will They Do Next?,
//! Management Science 33(1); Fader & Hardie (2005), A Note on Deriving the Pareto/NBD Model and Related
//! Expressions.
//!
//! L = Γ(r+x)/Γ(r) · α^r β^s · { (α+T)^−(r+x) (β+T)^−s + s ∫_{t_x}^{T} (α+y)^−(r+x) (β+y)^−(s+1) dy }
//!
//! The second term is (s/(r+s+x)) A₀ of the note, left as the integral it comes from: see [`integral`].

#[cfg(feature = "fit")]
mod algorithm;
mod integral;
#[cfg(feature = "fit")]
mod likelihood;

use serde::{Deserialize, Serialize};

use self::integral::Integrand;
#[cfg(feature = "fit")]
pub(super) use self::likelihood::ParetoLikelihood;
use super::recency::time;
use super::special::{ln_add, ln_rising};
use super::{Error, LifetimeModel, Recency, Summary};

/// A fitted Pareto/NBD.
///
/// ```
/// use homing_models::lifetimes::{LifetimeModel, ParetoNbd, Recency};
///
/// // Fader & Hardie (2005), CDNOW, in weeks.
/// let model = ParetoNbd::with_parameters(0.553, 10.578, 0.606, 11.669)?;
/// let alive = |weeks: f64| model.probability_alive(Recency::new(2, 30.43, weeks));
/// assert!(alive(38.86) > alive(78.0)); // the longer without an order, the less likely alive
/// # Ok::<(), homing_models::lifetimes::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParetoNbd {
    r: f64,
    alpha: f64,
    s: f64,
    beta: f64,
    summary: Summary,
}

impl ParetoNbd {
    /// Name as in the paper.
    pub const NAME: &'static str = "Pareto/NBD";

    /// The model with given parameters, e.g. published ones; `alpha` and `beta` in the unit of time of the
    /// customers to be asked about.
    ///
    /// # Errors
    /// [`Error::Parameter`] if one is not positive and finite.
    pub fn with_parameters(r: f64, alpha: f64, s: f64, beta: f64) -> Result<Self, Error> {
        for (name, value) in [("r", r), ("alpha", alpha), ("s", s), ("beta", beta)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::Parameter { model: Self::NAME, name, value });
            }
        }
        Ok(Self { r, alpha, s, beta, summary: Summary::given() })
    }

    /// The same parameters with the account of how they were found.
    pub(super) fn summarized(self, summary: Summary) -> Self {
        Self { summary, ..self }
    }

    /// Shape r of the gamma distribution of purchase rates.
    pub fn r(&self) -> f64 {
        self.r
    }

    /// Rate α of the gamma distribution of purchase rates, in units of time.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Shape s of the gamma distribution of dropout rates.
    pub fn s(&self) -> f64 {
        self.s
    }

    /// Rate β of the gamma distribution of dropout rates, in units of time.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// The logarithms of the two terms of the likelihood, times α^(r+x) β^s: alive at T, and left before.
    fn ln_alive_and_left(&self, c: Recency) -> (f64, f64) {
        let f = Integrand {
            p: self.r + f64::from(c.frequency),
            q: self.s + 1.0,
            alpha: self.alpha,
            beta: self.beta,
        };
        let alive = f.ln_relative(c.age) + (c.age / self.beta).ln_1p();
        let left = f.ln_relative(c.recency) + f.ln_mass(c.recency, c.age) + (self.s / self.beta).ln();
        (alive, left)
    }
}

impl LifetimeModel for ParetoNbd {
    /// Fader & Hardie (2005), eq. 11 of the note.
    fn probability_alive(&self, customer: Recency) -> f64 {
        let (alive, left) = self.ln_alive_and_left(customer.normalized());
        1.0 / (1.0 + (left - alive).exp())
    }

    /// Fader & Hardie (2005), the note's E\[Y(t) | x, t_x, T\]:
    /// P(alive) · (r+x)(β+T) / ((α+T)(s−1)) · (1 − ((β+T)/(β+T+t))^(s−1)), at s = 1 by its limit.
    fn expected_orders(&self, customer: Recency, horizon: f64) -> f64 {
        self.expected_orders_between(customer, 0.0, horizon)
    }

    /// The same from t₁ on, with B = β+T+t₁ and t = t₂ − t₁:
    /// P(alive) · (r+x)/(α+T) · ((β+T)/B)^s · B / (s−1) · (1 − (B/(B+t))^(s−1)), which does not cancel.
    fn expected_orders_between(&self, customer: Recency, from: f64, to: f64) -> f64 {
        let c = customer.normalized();
        let (from, to) = (time(from), time(to));
        if to <= from {
            return 0.0;
        }
        let rate = (self.r + f64::from(c.frequency)) / (self.alpha + c.age);
        let start = self.beta + c.age + from;
        let still_alive = (-self.s * (from / (self.beta + c.age)).ln_1p()).exp();
        let elapsed = ((to - from) / start).ln_1p();
        // (1 − e^{−(s−1)·elapsed}) / (s−1)
        let exponent = (self.s - 1.0) * elapsed;
        let lifetime =
            if exponent.abs() < 1e-9 { 1.0 - 0.5 * exponent } else { -(-exponent).exp_m1() / exponent };
        self.probability_alive(c) * rate * still_alive * start * elapsed * lifetime
    }

    /// The first purchase after T falls at T + y if the customer is still alive then and has not bought since:
    /// P(X ≥ 1 | alive) = ∫₀ᵗ E\[λ e^{−(λ+μ)y}\] dy over the posteriors λ ~ Gamma(r+x, α+T), μ ~ Gamma(s, β+T).
    fn probability_of_purchase(&self, customer: Recency, horizon: f64) -> f64 {
        let c = customer.normalized();
        let t = time(horizon);
        if t == 0.0 {
            return 0.0;
        }
        let shape = self.r + f64::from(c.frequency);
        let (alpha, beta) = (self.alpha + c.age, self.beta + c.age);
        let bought = Integrand { p: shape + 1.0, q: self.s, alpha, beta }.moments(0.0, t)[0] * shape / alpha;
        self.probability_alive(c) * bought.clamp(0.0, 1.0)
    }

    fn log_likelihood_of(&self, customer: Recency) -> f64 {
        let c = customer.normalized();
        let x = f64::from(c.frequency);
        let (alive, left) = self.ln_alive_and_left(c);
        ln_rising(self.r, x) - x * self.alpha.ln() + ln_add(alive, left)
    }

    fn summary(&self) -> &Summary {
        &self.summary
    }
}
