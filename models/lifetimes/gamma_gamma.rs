//! Gamma-Gamma: the mean spend of a customer's orders, shrunk towards that of all customers.
//!
//! Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value: an order's value is Gamma(p, ν) and ν ~ Gamma(q, v)
//! over customers, independent of how often they buy.

use linfa::ParamGuard;
use serde::{Deserialize, Serialize};

use super::cohort::{check_value, sum_rows};
use super::hyperparams::{Estimate, LifetimeParams, LifetimeValidParams, Options};
use super::optimize::{Likelihood, maximize};
use super::special::{digamma_difference, ln_rising};
use super::{Error, Summary};
use statrs::function::gamma::{digamma, ln_gamma};

/// What the model needs to know of one customer's orders.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spend {
    /// Number of orders the mean is taken over, `x` (by custom the repeat purchases only).
    pub frequency: u32,
    /// Mean value of those orders, `z̄` in the note, in one currency.
    pub mean_spend: f64,
}

/// The repeat buyers' spend.
#[derive(Clone, Debug, PartialEq)]
pub struct SpendSample {
    rows: Vec<Spend>,
    mean: f64,
}

impl SpendSample {
    /// Takes the customers with at least one order of some value: one without orders says nothing here, and a gamma
    /// density has no place for one whose orders were all free.
    ///
    /// # Errors
    /// [`Error::NonFinite`] or [`Error::Negative`] with the row, [`Error::Empty`] if no customer is left.
    pub fn from_customers(customers: &[Spend]) -> Result<Self, Error> {
        let mut rows = Vec::new();
        for (row, customer) in customers.iter().enumerate() {
            if customer.frequency == 0 {
                continue;
            }
            check_value(row, "mean_spend", customer.mean_spend)?;
            if customer.mean_spend > 0.0 {
                rows.push(*customer);
            }
        }
        if rows.is_empty() {
            return Err(Error::Empty { sample: "spend sample" });
        }
        // Mean over orders, taken in two steps so that it cannot overflow.
        let orders: f64 = rows.iter().map(|row| f64::from(row.frequency)).sum();
        let mean = rows.iter().map(|row| row.mean_spend * (f64::from(row.frequency) / orders)).sum();
        Ok(Self { rows, mean })
    }

    /// The repeat buyers.
    pub fn rows(&self) -> &[Spend] {
        &self.rows
    }

    /// Mean value of an order of theirs.
    pub fn mean(&self) -> f64 {
        self.mean
    }
}

/// For a [`linfa::DatasetBase`] whose records are a spend sample: features x and mean spend.
impl linfa::dataset::Records for SpendSample {
    type Elem = f64;

    fn nsamples(&self) -> usize {
        self.rows.len()
    }

    fn nfeatures(&self) -> usize {
        2
    }
}

/// A fitted Gamma-Gamma model.
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

    /// Hyperparameters to be set, checked and fitted as of any linfa estimator.
    pub fn params() -> LifetimeParams<Self> {
        LifetimeParams::default()
    }

    /// Fits by maximum likelihood.
    ///
    /// # Errors
    /// [`Error::Hyperparameter`] for options out of range, [`Error::FitFailed`] if no start was usable. A fit
    /// that stalled is not an error: see [`Summary::status`].
    pub fn fit(sample: &SpendSample, options: &Options) -> Result<Self, Error> {
        Self::estimate(sample, LifetimeParams::new(options.clone()).check_ref()?)
    }

    /// The model with given parameters, e.g. published ones, and `sample_mean`, the mean value of an order,
    /// which stands in where q leaves the model without a mean.
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
    /// mean. Where q ≤ 1.05 the weights are q and px and the sample's mean stands for the population's.
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

/// The spend sample laid out for evaluation, amounts divided by the mean.
struct SpendLikelihood {
    /// Place of x among `frequencies`, x z̄ and its logarithm.
    rows: Vec<(usize, f64, f64)>,
    /// Distinct x, ascending.
    frequencies: Vec<u32>,
    /// Σ ln z̄.
    ln_spend: f64,
    observations: f64,
}

impl SpendLikelihood {
    fn new(sample: &SpendSample) -> Self {
        let mut frequencies: Vec<u32> = sample.rows.iter().map(|row| row.frequency).collect();
        frequencies.sort_unstable();
        frequencies.dedup();
        // Amounts that differ by more than 1e300 would leave the range of the logarithms' arguments.
        let scaled = |row: &Spend| (row.mean_spend / sample.mean).max(1e-300);
        let place = |row: &Spend| frequencies.partition_point(|&x| x < row.frequency);
        let rows: Vec<(usize, f64, f64)> = (sample.rows.iter())
            .map(|row| (place(row), f64::from(row.frequency) * scaled(row)))
            .map(|(place, total)| (place, total, total.ln()))
            .collect();
        let ln_spend = sample.rows.iter().map(|row| scaled(row).ln()).sum();
        let orders: f64 = sample.rows.iter().map(|row| f64::from(row.frequency)).sum();
        Self { observations: rows.len() as f64 + orders, rows, frequencies, ln_spend }
    }
}

impl Likelihood<3> for SpendLikelihood {
    /// ln L = ln Γ(px+q) − ln Γ(px) − ln Γ(q) + q ln v + (px−1) ln z̄ + px ln x − (px+q) ln(v + x z̄)
    /// (Fader & Hardie 2013, eq. 1a), with p x ln(x z̄) − p x ln(v + x z̄) taken as one logarithm.
    fn evaluate(&self, &[p, q, v]: &[f64; 3]) -> (f64, [f64; 3]) {
        let ln_v = v.ln();
        let of_x: Vec<(f64, f64, f64, f64)> = self
            .frequencies
            .iter()
            .map(|&x| {
                let x = f64::from(x);
                let px = p * x;
                // The smaller of the two as the base keeps Γ(px+q)/(Γ(px)Γ(q)) exact.
                let value =
                    if px > q { ln_rising(px, q) - ln_gamma(q) } else { ln_rising(q, px) - ln_gamma(px) };
                (x, value, x * digamma_difference(px, q), digamma(px + q) - digamma(q))
            })
            .collect();
        let sums = sum_rows(self.rows.len(), |i, sums: &mut [f64; 4]| {
            let (place, spent, ln_spent) = self.rows[i];
            let (x, value, by_p, by_q) = of_x[place];
            // ln(x z̄ / (v + x z̄)) and ln(v / (v + x z̄)).
            let ln_own = -(v / spent).ln_1p();
            let ln_prior = ln_own + ln_v - ln_spent;
            sums[0] += value + p * x * ln_own + q * ln_prior;
            sums[1] += by_p + x * ln_own;
            sums[2] += by_q + ln_prior;
            sums[3] += q / v - (p * x + q) / (v + spent);
        });
        let [value, slopes @ ..] = sums;
        (value - self.ln_spend, slopes)
    }

    fn observations(&self) -> f64 {
        self.observations
    }
}

impl Estimate for GammaGamma {
    type Sample = SpendSample;

    fn estimate(sample: &SpendSample, params: &LifetimeValidParams<Self>) -> Result<Self, Error> {
        let pilot = (sample.rows.len() >= 16_000).then(|| {
            let rows: Vec<Spend> = sample.rows.iter().step_by(sample.rows.len() / 4_000).copied().collect();
            SpendLikelihood::new(&SpendSample { rows, mean: sample.mean })
        });
        let likelihood = SpendLikelihood::new(sample);
        let starts = [[2.0, 3.0, 1.0], [6.0, 4.0, 0.5], [1.0, 10.0, 9.0], [20.0, 2.0, 0.05]];
        let end = maximize(&likelihood, pilot.as_ref(), &starts, params.options())
            .ok_or(Error::FitFailed { model: Self::NAME })?;
        let [p, q, v] = end.parameters;
        let customers = sample.rows.len();
        let summary = Summary {
            status: end.status,
            log_likelihood: end.log_likelihood - customers as f64 * sample.mean.ln(),
            customers: customers as f64,
            unique_rows: customers,
            evaluations: end.evaluations,
            standard_errors: end
                .standard_errors
                .map(|[se_p, se_q, se_v]| vec![se_p, se_q, se_v * sample.mean]),
        };
        Ok(Self { p, q, v: v * sample.mean, sample_mean: sample.mean, summary })
    }
}

#[cfg(test)]
mod tests {
    use super::super::optimize::tests::assert_gradient;
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_likelihood() {
        let spend = |frequency, mean_spend| Spend { frequency, mean_spend };
        let rows = [
            spend(1, 11.77),
            spend(2, 22.35),
            spend(0, 0.0),
            spend(29, 1e-3),
            spend(3000, 299.6),
            spend(1, 9e4),
        ];
        let likelihood = SpendLikelihood::new(&SpendSample::from_customers(&rows).unwrap());
        for place in [[6.25, 3.74, 0.4], [0.02, 40.0, 300.0], [900.0, 0.3, 1e-3]] {
            assert_gradient(&likelihood, place);
        }
    }
}
