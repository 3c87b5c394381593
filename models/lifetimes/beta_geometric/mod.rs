//! BG/NBD, MBG/NBD and their regular versions BG/CNBD-k and MBG/CNBD-k: gamma-distributed purchase rates λ while
//! alive, and a coin of beta-distributed probability p after a purchase that ends the relation.
//!
//! - Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2): no coin after
//!   the first purchase.
//! - Batislam, Denizel & Filiztekin (2007), IJRM 24(3), and Hoppe & Wagner (2007), Marketing JRM 3(2): a coin
//!   after the first purchase too.
//! - Platzer & Reutterer (2016), Ticking Away the Moments, Marketing Science 35(5): gaps are sums of k
//!   exponential ones.
//!
//! With n the coins survived, x in BG and x + 1 in MBG, all four share one likelihood; for k = 1
//!
//! L = Γ(r+x)/Γ(r) · α^r · { B(a,b+n)/B(a,b) · (α+T)^−(r+x) + 1\[n>0\] · B(a+1,b+n−1)/B(a,b) · (α+t_x)^−(r+x) }

#[cfg(feature = "fit")]
mod algorithm;
#[cfg(feature = "fit")]
mod likelihood;
mod orders;

use serde::{Deserialize, Serialize};

#[cfg(feature = "fit")]
pub(super) use self::likelihood::BetaGeometricLikelihood;
use super::recency::time;
use super::special::ln_rising;
use super::{Error, LifetimeModel, MAX_REGULARITY, REGULARITIES, Recency, Summary};

/// BG/NBD: a customer can leave after a *repeat* purchase, so that one without a repeat is surely alive.
pub type BgNbd = BetaGeometric<false>;

/// MBG/NBD: a customer can leave after *any* purchase, the first included.
pub type MbgNbd = BetaGeometric<true>;

/// A fitted model of the family; `MODIFIED` is whether a coin follows the first purchase too. Use it as
/// [`BgNbd`] and [`MbgNbd`].
///
/// ```
/// use homing_models::lifetimes::{BgNbd, LifetimeModel, Recency};
///
/// // Fader, Hardie & Lee (2005), CDNOW, in weeks.
/// let model = BgNbd::with_parameters(0.243, 4.414, 0.793, 2.426, 1)?;
/// let expected = model.expected_orders(Recency::new(2, 30.43, 38.86), 39.0);
/// assert!((expected - 1.226).abs() < 0.001);
/// # Ok::<(), homing_models::lifetimes::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BetaGeometric<const MODIFIED: bool> {
    r: f64,
    alpha: f64,
    a: f64,
    b: f64,
    k: u32,
    summary: Summary,
}

impl<const MODIFIED: bool> BetaGeometric<MODIFIED> {
    /// Name as in the paper.
    pub const NAME: &'static str = if MODIFIED { "MBG/NBD" } else { "BG/NBD" };

    /// The model with given parameters, e.g. published ones; `alpha` in the unit of time of the customers to be asked about.
    ///
    /// # Errors
    /// [`Error::Parameter`] if one is not positive and finite, [`Error::Hyperparameter`] for k out of 1 to 12.
    pub fn with_parameters(r: f64, alpha: f64, a: f64, b: f64, k: u32) -> Result<Self, Error> {
        for (name, value) in [("r", r), ("alpha", alpha), ("a", a), ("b", b)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::Parameter { model: Self::NAME, name, value });
            }
        }
        if !(1..=MAX_REGULARITY).contains(&k) {
            return Err(Error::Hyperparameter {
                name: "regularity",
                value: f64::from(k),
                wanted: REGULARITIES,
            });
        }
        Ok(Self { r, alpha, a, b, k, summary: Summary::given() })
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

    /// First parameter a of the beta distribution of dropout probabilities.
    pub fn a(&self) -> f64 {
        self.a
    }

    /// Second parameter b of the beta distribution of dropout probabilities.
    pub fn b(&self) -> f64 {
        self.b
    }

    /// Erlang shape k of the gaps between purchases: 1 in BG/NBD and MBG/NBD.
    pub fn k(&self) -> u32 {
        self.k
    }

    /// What is known of a customer who is alive at T.
    fn alive(&self, customer: Recency) -> Alive {
        let c = customer.normalized();
        let events = f64::from(self.k) * f64::from(c.frequency);
        let shape = self.r + events;
        let rate = self.alpha + c.age;
        // Gaps of k latent events: `phase` of them may have passed since t_x.
        let mut phases = [0.0; MAX_REGULARITY as usize];
        let mut weight = 1.0;
        for (phase, slot) in (0u32..self.k).zip(phases.iter_mut()) {
            *slot = weight;
            let j = f64::from(phase);
            weight *= (c.age - c.recency) / rate * (shape + j) / (j + 1.0);
        }
        let sum: f64 = phases.iter().sum();
        phases.iter_mut().for_each(|p| *p /= sum);
        let coins = coins(c.frequency, MODIFIED);
        let odds_of_dropout = if coins > 0.0 {
            let gap = ((c.age - c.recency) / (self.alpha + c.recency)).ln_1p();
            ((self.a / (self.b + coins - 1.0)).ln() + shape * gap - sum.ln()).exp()
        } else {
            0.0
        };
        Alive { probability: 1.0 / (1.0 + odds_of_dropout), shape, rate, survived: self.b + coins, phases }
    }
}

/// The posterior at T given that the customer is alive.
struct Alive {
    /// P(alive).
    probability: f64,
    /// λ ~ Gamma(shape + phase, rate).
    shape: f64,
    rate: f64,
    /// p ~ Beta(a, survived).
    survived: f64,
    /// Probability of each number of latent events since t_x, 0 to k − 1.
    phases: [f64; MAX_REGULARITY as usize],
}

/// Coins survived by a customer alive after `frequency` repeat purchases.
fn coins(frequency: u32, modified: bool) -> f64 {
    f64::from(frequency) + if modified { 1.0 } else { 0.0 }
}

impl<const MODIFIED: bool> LifetimeModel for BetaGeometric<MODIFIED> {
    /// Fader, Hardie & Lee (2008), "Computing P(alive) Using the BG/NBD Model"; Batislam et al. (2007), eq. 8 for MBG.
    ///
    /// In the BG/NBD a customer without a repeat purchase has had no chance to leave and scores 1: read it beside
    /// [`LifetimeModel::probability_of_purchase`], which answers the question a shop asks.
    fn probability_alive(&self, customer: Recency) -> f64 {
        self.alive(customer).probability
    }

    /// Fader, Hardie & Lee (2005), eq. 10, and its counterparts, as a sum of
    /// positive terms.
    fn expected_orders(&self, customer: Recency, horizon: f64) -> f64 {
        let alive = self.alive(customer);
        let t = time(horizon);
        let dropout = orders::Dropout { a: self.a, b: alive.survived };
        let phases = alive.phases.iter().zip(0u32..self.k);
        let expected: f64 = phases
            .filter(|(weight, _)| **weight > 0.0)
            .map(|(weight, phase)| {
                let rate = orders::Rate { shape: alive.shape + f64::from(phase), rate: alive.rate };
                weight * orders::expected_alive(rate, dropout, t, self.k, phase)
            })
            .sum();
        alive.probability * expected
    }

    /// The next purchase of a customer alive at T comes before any further coin, so
    /// P(X ≥ 1) = P(alive) · (1 − ((α+T)/(α+T+t))^(r+x)) for k = 1; for k > 1 the latent events up to the next
    /// purchase are negative binomial in the horizon.
    fn probability_of_purchase(&self, customer: Recency, horizon: f64) -> f64 {
        let alive = self.alive(customer);
        let t = time(horizon);
        let phases = alive.phases.iter().zip(0u32..self.k);
        let bought: f64 = phases
            .map(|(weight, phase)| {
                let rate = orders::Rate { shape: alive.shape + f64::from(phase), rate: alive.rate };
                weight * orders::at_least(rate, t, self.k - phase)
            })
            .sum();
        alive.probability * bought.clamp(0.0, 1.0)
    }

    fn log_likelihood_of(&self, customer: Recency) -> f64 {
        let c = customer.normalized();
        let alive = self.alive(customer);
        let k = f64::from(self.k);
        let events = k * f64::from(c.frequency);
        let n = coins(c.frequency, MODIFIED);
        let open = ln_rising(self.r, events) + ln_rising(self.b, n)
            - ln_rising(self.a + self.b, n)
            - self.r * (c.age / self.alpha).ln_1p()
            - events * alive.rate.ln()
            - f64::from(c.frequency) * ln_rising(1.0, k - 1.0);
        // `open` is the first phase of the customer being alive.
        let first_phase = alive.phases[0] * alive.probability;
        if first_phase > 1e-300 { open - first_phase.ln() } else { self.ln_dropped(c) }
    }

    fn summary(&self) -> &Summary {
        &self.summary
    }
}

impl<const MODIFIED: bool> BetaGeometric<MODIFIED> {
    /// ln of the likelihood's second term: dropped out at t_x.
    fn ln_dropped(&self, c: Recency) -> f64 {
        let k = f64::from(self.k);
        let events = k * f64::from(c.frequency);
        let n = coins(c.frequency, MODIFIED);
        ln_rising(self.r, events) + (self.a / (self.b + n - 1.0)).ln() + ln_rising(self.b, n)
            - ln_rising(self.a + self.b, n)
            - self.r * (c.recency / self.alpha).ln_1p()
            - events * (self.alpha + c.recency).ln()
            - f64::from(c.frequency) * ln_rising(1.0, k - 1.0)
    }
}
