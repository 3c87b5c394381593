//! Fitting Gamma-Gamma by maximum likelihood.

use linfa::ParamGuard;
use statrs::function::gamma::{digamma, ln_gamma};

use super::super::cohort::{check_value, sum_rows};
use super::super::hyperparams::{Estimate, LifetimeParams, LifetimeValidParams, Options};
use super::super::optimize::{Likelihood, maximize};
use super::super::special::{digamma_difference, ln_rising};
use super::super::{Error, Summary};
use super::{GammaGamma, Spend};

/// The repeat buyers' spend.
///
/// ```
/// use homing_models::lifetimes::{Spend, SpendSample};
///
/// let sample = SpendSample::from_customers(&[Spend { frequency: 2, mean_spend: 20.0 }])?;
/// assert_eq!(sample.mean(), 20.0);
/// # Ok::<(), homing_models::lifetimes::Error>(())
/// ```
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

impl GammaGamma {
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
    use super::super::super::optimize::tests::assert_gradient;
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
