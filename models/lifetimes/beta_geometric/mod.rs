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

mod likelihood;
mod orders;

use serde::{Deserialize, Serialize};

pub(super) use self::likelihood::BetaGeometricLikelihood;
use super::cohort::time;
use super::hyperparams::{Estimate, LifetimeParams, LifetimeValidParams, MAX_REGULARITY, Options};
use super::optimize::maximize;
use super::special::{digamma_difference, ln_rising};
use super::{Cohort, Error, LifetimeModel, Recency, Summary};
use linfa::ParamGuard;

/// BG/NBD: a customer can leave after a *repeat* purchase, so that one without a repeat is surely alive.
pub type BgNbd = BetaGeometric<false>;

/// MBG/NBD: a customer can leave after *any* purchase, the first included.
pub type MbgNbd = BetaGeometric<true>;

/// A fitted model of the family; `MODIFIED` is whether a coin follows the first purchase too. Use it as
/// [`BgNbd`] and [`MbgNbd`].
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

    /// Hyperparameters to be set, checked and fitted as of any linfa estimator.
    pub fn params() -> LifetimeParams<Self> {
        LifetimeParams::default()
    }

    /// Fits by maximum likelihood; with [`Options::regularity`] k > 1, the CNBD-k version.
    ///
    /// # Errors
    /// [`Error::Hyperparameter`] for options out of range, [`Error::FitFailed`] if no start was usable. A fit
    /// that stalled is not an error: see [`Summary::status`].
    pub fn fit(cohort: &Cohort, options: &Options) -> Result<Self, Error> {
        Self::estimate(cohort, LifetimeParams::new(options.clone()).check_ref()?)
    }

    /// Fits for k = 1, 2, ... as long as the log-likelihood rises, up to `most`, and returns the best.
    ///
    /// # Errors
    /// [`Error::NoGaps`] without [`Cohort::with_log_gaps`], and those of [`BetaGeometric::fit`].
    pub fn fit_regularity(cohort: &Cohort, most: u32, options: &Options) -> Result<Self, Error> {
        if cohort.log_gaps().is_none() {
            return Err(Error::NoGaps);
        }
        let with = |k| Self::fit(cohort, &Options { regularity: k, ..options.clone() });
        let mut best = with(1)?;
        for k in 2..=most.min(MAX_REGULARITY) {
            let next = with(k)?;
            if next.summary.log_likelihood <= best.summary.log_likelihood {
                break;
            }
            best = next;
        }
        Ok(best)
    }

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
        Options { regularity: k, ..Options::default() }.check()?;
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
    /// What the likelihood in time divided by `scale` lacks to be that of the cohort: each purchase is a density over
    /// time, whose unit changes by the scale; and the gaps, where they are known.
    pub(super) fn unit(cohort: &Cohort, k: u32, scale: f64) -> f64 {
        let k = f64::from(k);
        let gaps = cohort.log_gaps().map_or(0.0, |total| (k - 1.0) * total);
        gaps - cohort.repeats() * (k * scale.ln() + ln_rising(1.0, k - 1.0))
    }

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

impl<const MODIFIED: bool> Estimate for BetaGeometric<MODIFIED> {
    type Sample = Cohort;

    fn estimate(cohort: &Cohort, params: &LifetimeValidParams<Self>) -> Result<Self, Error> {
        let options = params.options();
        let k = options.regularity;
        let scale = cohort.time_scale();
        let pilot = cohort.pilot();
        let lay_out = |cohort| BetaGeometricLikelihood::new(cohort, MODIFIED, k, scale);
        let pilot = pilot.as_ref().map(lay_out);
        let end = maximize(&lay_out(cohort), pilot.as_ref(), &starts(cohort, scale, k), options)
            .ok_or(Error::FitFailed { model: Self::NAME })?;
        let [r, alpha, a, b] = end.parameters;
        let unit = Self::unit(cohort, k, scale);
        Ok(Self {
            r,
            alpha: alpha * scale,
            a,
            b,
            k,
            summary: end.summary(cohort, end.log_likelihood + unit, [1.0, scale, 1.0, 1.0]),
        })
    }
}

/// Places to look from, in scaled time: moderate heterogeneity around the cohort's purchase rate, with little,
/// much and hardly any dropout.
fn starts(cohort: &Cohort, scale: f64, k: u32) -> Vec<[f64; 4]> {
    let exposure: f64 = cohort.rows().iter().zip(cohort.weights()).map(|(row, w)| w * row.age / scale).sum();
    let rate = f64::from(k) * ((cohort.repeats() + 0.5) / (exposure + 1.0)).clamp(1e-4, 1e4);
    vec![
        [0.5, 0.5 / rate, 0.8, 2.5],
        [1.5, 1.0 / rate, 0.2, 3.0],
        [0.2, 0.05 / rate, 2.0, 2.0],
        [5.0, 5.0 / rate, 0.02, 0.5],
    ]
}

/// The pieces of the likelihood that depend on x alone, with their derivatives.
fn rising_with_slope(z: f64, n: f64) -> (f64, f64) {
    (ln_rising(z, n), digamma_difference(z, n))
}
