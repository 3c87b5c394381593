//! Fitting models with covariates by maximum likelihood.

use linfa::ParamGuard;
use rayon::prelude::*;

use super::super::beta_geometric::BetaGeometricLikelihood;
use super::super::hyperparams::{Estimate, LifetimeParams, LifetimeValidParams, Options};
use super::super::optimize::{Likelihood, Objective, parameter, search};
use super::super::pareto::ParetoLikelihood;
use super::super::{BetaGeometric, Cohort, Error, ParetoNbd, Summary};
use super::cohort::{CovariateCohort, Group};
use super::{Coefficient, Coefficients, Effect, MOST_EFFECT, Scalable, WithCovariates};

/// A [`Scalable`] model that can be fitted.
pub trait ScalableFit: Scalable + Estimate<Sample = Cohort> {
    /// Whether a parameter is in units of time.
    const TIMES: [bool; 4];

    /// ln L of `cohort` at `parameters` with its gradient, times divided by `scale`, laid out to be asked many times.
    #[doc(hidden)]
    fn evaluator<'a>(cohort: &'a Cohort, options: &Options, scale: f64) -> Evaluator<'a>;

    /// What `evaluator` leaves out of ln L, a constant, for a cohort and `scale`.
    #[doc(hidden)]
    fn constant(cohort: &Cohort, options: &Options, scale: f64) -> f64;
}

/// A likelihood with its gradient.
#[doc(hidden)]
pub type Evaluator<'a> = Box<dyn Fn(&[f64; 4]) -> (f64, [f64; 4]) + Send + Sync + 'a>;

impl<const MODIFIED: bool> ScalableFit for BetaGeometric<MODIFIED> {
    const TIMES: [bool; 4] = [false, true, false, false];

    fn evaluator<'a>(cohort: &'a Cohort, options: &Options, scale: f64) -> Evaluator<'a> {
        let likelihood = BetaGeometricLikelihood::new(cohort, MODIFIED, options.regularity, scale);
        Box::new(move |parameters| likelihood.evaluate(parameters))
    }

    fn constant(cohort: &Cohort, options: &Options, scale: f64) -> f64 {
        Self::unit(cohort, options.regularity, scale)
    }
}

impl ScalableFit for ParetoNbd {
    const TIMES: [bool; 4] = [false, true, false, true];

    fn evaluator<'a>(cohort: &'a Cohort, _: &Options, scale: f64) -> Evaluator<'a> {
        let likelihood = ParetoLikelihood::new(cohort, scale);
        Box::new(move |parameters| likelihood.evaluate(parameters))
    }

    fn constant(cohort: &Cohort, _: &Options, scale: f64) -> f64 {
        -cohort.repeats() * scale.ln()
    }
}

impl<M: ScalableFit> WithCovariates<M> {
    /// Hyperparameters to be set, checked and fitted as of any linfa estimator.
    pub fn params() -> LifetimeParams<Self> {
        LifetimeParams::default()
    }

    /// Fits by maximum likelihood, with [`Options::covariate_prior_weight`] on the coefficients.
    ///
    /// # Errors
    /// [`Error::Hyperparameter`] for options out of range, [`Error::FitFailed`] if no start was usable. A fit
    /// that stalled is not an error: see [`Summary::status`].
    pub fn fit(cohort: &CovariateCohort, options: &Options) -> Result<Self, Error> {
        Self::estimate(cohort, LifetimeParams::new(options.clone()).check_ref()?)
    }
}

/// The position of a coefficient: its covariate and its set.
#[derive(Clone, Copy)]
struct Slot {
    covariate: usize,
    of: Coefficients,
}

/// The cohort laid out for evaluation. θ holds the logarithms of the four parameters, then the coefficients of the
/// standardized covariates.
struct CovariateLikelihood<'a, M> {
    groups: Vec<(&'a [f64], Evaluator<'a>)>,
    slots: Vec<Slot>,
    observations: f64,
    prior_weight: f64,
    covariate_prior_weight: f64,
    model: std::marker::PhantomData<fn() -> M>,
}

/// Groups of one parallel task: fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 64;

impl<'a, M: ScalableFit> CovariateLikelihood<'a, M> {
    fn new(cohort: &'a CovariateCohort, slots: Vec<Slot>, options: &Options, scale: f64) -> Self {
        let lay_out =
            |group: &'a Group| (group.values.as_slice(), M::evaluator(&group.cohort, options, scale));
        Self {
            groups: cohort.groups.par_iter().map(lay_out).collect(),
            slots,
            observations: cohort.pooled.total_weight() + cohort.pooled.repeats(),
            prior_weight: options.prior_weight,
            covariate_prior_weight: options.covariate_prior_weight,
            model: std::marker::PhantomData,
        }
    }

    /// Adds ln L of one group and its gradient to `sums`.
    fn add(&self, theta: &[f64], values: &[f64], evaluator: &Evaluator<'a>, sums: &mut [f64]) {
        let mut effects = [(0.0, false); 4];
        for (effect, scaled) in effects.iter_mut().zip(M::SCALED) {
            let Some((of, sign)) = scaled else { continue };
            let own = self.slots.iter().zip(&theta[4..]).filter(|(slot, _)| slot.of == of);
            let sum: f64 = own.map(|(slot, gamma)| gamma * values[slot.covariate]).sum();
            *effect = (sign * sum.clamp(-MOST_EFFECT, MOST_EFFECT), sum.abs() <= MOST_EFFECT);
        }
        let base: [f64; 4] = std::array::from_fn(|j| parameter(theta[j]));
        let parameters = std::array::from_fn(|j| base[j] * effects[j].0.exp());
        let (value, slopes) = evaluator(&parameters);
        sums[0] += value;
        for j in 0..4 {
            let slope = slopes[j] * parameters[j];
            // Beyond its bound a parameter stays fixed.
            sums[1 + j] += if parameter(theta[j]) == theta[j].exp() { slope } else { 0.0 };
            let (Some((of, sign)), (_, true)) = (M::SCALED[j], effects[j]) else { continue };
            for (slot, sum) in self.slots.iter().zip(&mut sums[5..]).filter(|(slot, _)| slot.of == of) {
                *sum += sign * slope * values[slot.covariate];
            }
        }
    }
}

impl<M: ScalableFit> Objective for CovariateLikelihood<'_, M> {
    fn evaluate(&self, theta: &[f64]) -> (f64, Vec<f64>) {
        let size = 5 + self.slots.len();
        let parts: Vec<Vec<f64>> = self
            .groups
            .par_chunks(CHUNK)
            .map(|chunk| {
                let mut sums = vec![0.0; size];
                chunk.iter().for_each(|(values, evaluator)| self.add(theta, values, evaluator, &mut sums));
                sums
            })
            .collect();
        let mut sums = vec![0.0; size];
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        let slopes = sums.split_off(1);
        (sums[0], slopes)
    }

    fn observations(&self) -> f64 {
        self.observations
    }

    fn prior(&self, coordinate: usize) -> f64 {
        if coordinate < 4 { self.prior_weight } else { self.covariate_prior_weight }
    }
}

/// The coefficients to look for: those of covariates that vary, on what they may act on.
fn slots<M: ScalableFit>(cohort: &CovariateCohort) -> Vec<Slot> {
    let sets = M::SCALED.into_iter().flatten().map(|(of, _)| of);
    sets.flat_map(|of| (0..cohort.covariates.len()).map(move |covariate| Slot { covariate, of }))
        .filter(|slot| match cohort.covariates[slot.covariate].effect {
            Effect::Both => true,
            Effect::Purchases => slot.of == Coefficients::Purchases,
            Effect::Dropout => slot.of != Coefficients::Purchases,
        })
        .collect()
}

impl<M: ScalableFit> Estimate for WithCovariates<M> {
    type Sample = CovariateCohort;

    fn estimate(cohort: &CovariateCohort, params: &LifetimeValidParams<Self>) -> Result<Self, Error> {
        let options = params.options();
        let failed = || Error::FitFailed { model: M::MODEL };
        let scale = cohort.pooled.time_scale();
        let wanted = slots::<M>(cohort);
        let vary = |slot: &Slot| cohort.scales[slot.covariate].1 > 0.0;
        let searched: Vec<Slot> = wanted.iter().filter(|slot| vary(slot)).copied().collect();
        // Without their covariates the customers are quickly fitted, and close to the start needed here.
        let plain = LifetimeParams::<M>::new(options.clone());
        let plain = M::estimate(&cohort.pooled, plain.check_ref()?)?;
        let units = M::TIMES.map(|time| if time { scale } else { 1.0 });
        let in_units = |j: usize| (plain.parameters()[j] / units[j]).ln();
        let mut start: Vec<f64> = (0..4).map(in_units).collect();
        start.resize(4 + searched.len(), 0.0);
        // A plain fit may end at the bounds, from where there is no way back in.
        let moderate = start.iter().map(|t| t.clamp(-3.0, 3.0)).collect();
        let likelihood = CovariateLikelihood::<M>::new(cohort, searched.clone(), options, scale);
        let end = search(&likelihood, None, vec![start, moderate], options).ok_or_else(failed)?;
        let deviation = |slot: &Slot| cohort.scales[slot.covariate].1;
        let coefficients = wanted
            .iter()
            .map(|slot| {
                let same = |one: &Slot| one.covariate == slot.covariate && one.of == slot.of;
                let at = searched.iter().position(same).map(|at| 4 + at);
                let error = |at: usize| end.standard_errors.as_ref().map(|se| se[at] / deviation(slot));
                Coefficient {
                    covariate: cohort.covariates[slot.covariate].name.clone(),
                    of: slot.of,
                    value: at.map_or(0.0, |at| end.theta[at] / deviation(slot)),
                    standard_error: at.and_then(error),
                }
            })
            .collect();
        let parameters: [f64; 4] = std::array::from_fn(|j| parameter(end.theta[j]) * units[j]);
        let of_parameters = |se: &Vec<f64>| (0..4).map(|j| se[j] * parameters[j]).collect();
        let summary = Summary {
            status: end.status,
            log_likelihood: end.log_likelihood + M::constant(&cohort.pooled, options, scale),
            customers: cohort.pooled.total_weight(),
            unique_rows: linfa::dataset::Records::nsamples(cohort),
            evaluations: end.evaluations + plain.summary().evaluations,
            standard_errors: end.standard_errors.as_ref().map(of_parameters),
        };
        Ok(Self {
            average: plain.with(parameters, summary)?,
            covariates: cohort.covariates.clone(),
            means: cohort.scales.iter().map(|(mean, _)| *mean).collect(),
            coefficients,
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::lifetimes::{BgNbd, Covariate, LifetimeModel, MbgNbd, Recency};

    fn cohort() -> CovariateCohort {
        let rows: Vec<Recency> = (0..120u32)
            .map(|i| {
                let (t, x) = (f64::from(i % 40 + 1), i % 5);
                Recency::new(x, t * f64::from(i % 7) / 7.0, t)
            })
            .collect();
        let values =
            Array2::from_shape_fn((120, 3), |(i, j)| [(i % 2) as f64, (i % 11) as f64 * 0.3, 7.0][j]);
        let covariates = vec![
            Covariate::new("shop"),
            Covariate::new("basket").on(Effect::Purchases),
            Covariate::new("constant"),
        ];
        CovariateCohort::from_customers(covariates, &rows, values.view()).unwrap()
    }

    fn assert_gradient<M: ScalableFit>(theta: &[f64]) {
        let cohort = cohort();
        let slots: Vec<Slot> = slots::<M>(&cohort).into_iter().filter(|slot| slot.covariate < 2).collect();
        assert_eq!(theta.len(), 4 + slots.len());
        let likelihood = CovariateLikelihood::<M>::new(&cohort, slots, &Options::default(), 10.0);
        let (value, slopes) = likelihood.evaluate(theta);
        const H: f64 = 1e-4;
        for j in 0..theta.len() {
            let at = |step: f64| {
                let mut moved = theta.to_vec();
                moved[j] += step;
                likelihood.evaluate(&moved).0
            };
            let difference = (8.0 * (at(H) - at(-H)) - (at(2.0 * H) - at(-2.0 * H))) / (12.0 * H);
            // Error of the differences: 1e-16 |ln L| / h.
            assert!(
                (slopes[j] - difference).abs() < 1e-10 * value.abs().max(1.0),
                "{j}: {} {difference}",
                slopes[j]
            );
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_likelihood() {
        assert_gradient::<BgNbd>(&[-0.5, 0.3, -0.2, 1.1, 0.4, -0.7, 0.2, -0.3]);
        assert_gradient::<MbgNbd>(&[0.5, -1.3, 0.2, 0.1, -0.4, 0.7, 0.9, 0.3]);
        assert_gradient::<ParetoNbd>(&[-0.5, 0.3, -0.2, 1.1, 0.4, -0.7, 0.2]);
    }

    #[test]
    fn the_sum_is_that_of_single_customers() {
        let cohort = cohort();
        let fit =
            WithCovariates::<ParetoNbd>::fit(&cohort, &Options { prior_weight: 1.0, ..Options::default() });
        let fit = fit.unwrap();
        let single: f64 = (0..120u32)
            .map(|i| {
                let (t, x) = (f64::from(i % 40 + 1), i % 5);
                let values = [f64::from(i % 2), f64::from(i % 11) * 0.3, 7.0];
                fit.at(&values).unwrap().log_likelihood_of(Recency::new(x, t * f64::from(i % 7) / 7.0, t))
            })
            .sum();
        let whole = fit.summary().log_likelihood;
        assert!((single - whole).abs() < 1e-9 * whole.abs(), "{single} {whole}");
    }
}
