//! Time-invariant covariates: what is known of a customer from the first purchase on (the channel they came by, the
//! first basket, the region) scales their purchase rate and their dropout.
//!
//! Fader & Hardie (2007), Incorporating Time-Invariant Covariates into the Pareto/NBD and BG/NBD Models. With the
//! covariates z of a customer and coefficients γ
//!
//! - Pareto/NBD: α = α₀ exp(−γ₁′z), β = β₀ exp(−γ₂′z): λ and μ are multiplied by exp(γ₁′z) and exp(γ₂′z);
//! - BG/NBD and MBG/NBD: α = α₀ exp(−γ₁′z), a = a₀ exp(γ₂′z), b = b₀ exp(γ₃′z).
//!
//! Customers with equal covariates share their parameters, so the likelihood is the sum over such groups of the plain
//! models' likelihoods, and its gradient follows by the chain rule from theirs.

use std::cmp::Ordering;

use linfa::ParamGuard;
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::beta_geometric::BetaGeometricLikelihood;
use super::hyperparams::{Estimate, LifetimeParams, LifetimeValidParams, Options};
use super::optimize::{Likelihood, Objective, parameter, search};
use super::pareto::ParetoLikelihood;
use super::{BetaGeometric, Cohort, Error, LifetimeModel, ParetoNbd, Recency, Summary};

/// What a covariate acts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The purchase rate: γ₁.
    Purchases,
    /// Dropout: γ₂ (and γ₃ in BG/NBD and MBG/NBD).
    Dropout,
    /// Both.
    #[default]
    Both,
}

/// A covariate: its name and what it may act on. The others' coefficients stay 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covariate {
    /// Its name, for messages and reports.
    pub name: String,
    /// What it acts on.
    pub effect: Effect,
}

impl Covariate {
    /// A covariate that acts on purchases and dropout.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), effect: Effect::Both }
    }

    /// The same, acting on `effect` only.
    #[must_use]
    pub fn on(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }
}

/// Customers counted by unique covariates and, within these, by unique `(x, t_x, T)`.
#[derive(Clone, Debug, PartialEq)]
pub struct CovariateCohort {
    covariates: Vec<Covariate>,
    /// Mean and standard deviation of each covariate over the customers; a deviation of 0 where it is constant.
    scales: Vec<(f64, f64)>,
    groups: Vec<Group>,
    /// All of them, without covariates.
    pooled: Cohort,
}

/// Customers with equal covariates.
#[derive(Clone, Debug, PartialEq)]
struct Group {
    /// Standardized: less the mean, over the deviation; 0 where the covariate is constant.
    values: Vec<f64>,
    cohort: Cohort,
}

impl CovariateCohort {
    /// Counts `customers`, whose covariates are the rows of `values` (customers × covariates).
    ///
    /// # Errors
    /// [`Error::Shape`] where rows or columns do not match, [`Error::Covariate`] with row and name for a value that
    /// is not finite, and those of [`Cohort::from_customers`].
    pub fn from_customers(
        covariates: Vec<Covariate>,
        customers: &[Recency],
        values: ArrayView2<'_, f64>,
    ) -> Result<Self, Error> {
        let (wanted, found) = ([customers.len(), covariates.len()], [values.nrows(), values.ncols()]);
        if wanted != found {
            return Err(Error::Shape { wanted, found });
        }
        for (row, of_row) in values.axis_iter(Axis(0)).enumerate() {
            for (covariate, &value) in covariates.iter().zip(of_row) {
                if !value.is_finite() {
                    return Err(Error::Covariate { row, name: covariate.name.clone(), value });
                }
            }
        }
        let pooled = Cohort::from_customers(customers)?;
        let scales: Vec<(f64, f64)> =
            values.axis_iter(Axis(1)).map(|column| scale(&column.to_vec())).collect();
        let row = |i: usize| values.row(i).to_vec();
        let mut keyed: Vec<(Vec<f64>, Recency)> =
            customers.iter().enumerate().map(|(i, customer)| (row(i), *customer)).collect();
        keyed.sort_by(|(one, _), (other, _)| ascending(one, other));
        let groups = keyed
            .chunk_by(|(one, _), (other, _)| ascending(one, other) == Ordering::Equal)
            .map(|group| {
                let rows: Vec<Recency> = group.iter().map(|(_, customer)| *customer).collect();
                let raw = group.first().map_or(&[][..], |(values, _)| values);
                Ok(Group { values: standardized(raw, &scales), cohort: Cohort::from_customers(&rows)? })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { covariates, scales, groups, pooled })
    }

    /// The covariates.
    pub fn covariates(&self) -> &[Covariate] {
        &self.covariates
    }

    /// The same customers without their covariates.
    pub fn pooled(&self) -> &Cohort {
        &self.pooled
    }

    /// Number of different rows of covariates.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }
}

/// For a [`linfa::DatasetBase`]: samples are the unique rows, features x, t_x, T and the covariates.
impl linfa::dataset::Records for CovariateCohort {
    type Elem = f64;

    fn nsamples(&self) -> usize {
        self.groups.iter().map(|group| group.cohort.rows().len()).sum()
    }

    fn nfeatures(&self) -> usize {
        3 + self.covariates.len()
    }
}

fn ascending(one: &[f64], other: &[f64]) -> Ordering {
    let each = one.iter().zip(other).map(|(a, b)| a.total_cmp(b));
    each.fold(Ordering::Equal, Ordering::then)
}

/// Mean and standard deviation, taken so that neither overflows; a deviation that is only rounding is 0.
fn scale(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let largest = values.iter().fold(0.0, |m, v| f64::max(m, v.abs()));
    if largest == 0.0 {
        return (0.0, 0.0);
    }
    let mean = values.iter().map(|v| v / largest).sum::<f64>() / n;
    let variance = values.iter().map(|v| (v / largest - mean) * (v / largest - mean)).sum::<f64>() / n;
    let deviation = variance.sqrt();
    (mean * largest, if deviation > 1e-12 { deviation * largest } else { 0.0 })
}

fn standardized(values: &[f64], scales: &[(f64, f64)]) -> Vec<f64> {
    let each = values.iter().zip(scales);
    each.map(|(v, &(mean, deviation))| if deviation > 0.0 { (v - mean) / deviation } else { 0.0 }).collect()
}

/// A model with four parameters that covariates can scale. Implemented by [`BgNbd`](super::BgNbd),
/// [`MbgNbd`](super::MbgNbd) and [`ParetoNbd`].
pub trait Scalable:
    LifetimeModel + Estimate<Sample = Cohort> + Clone + PartialEq + Serialize + DeserializeOwned + Sized
{
    /// Name as in the paper.
    const MODEL: &'static str;

    /// Which coefficients scale each of the four parameters, and by which sign of γ′z.
    const SCALED: [Option<(Coefficients, f64)>; 4];

    /// Whether a parameter is in units of time.
    const TIMES: [bool; 4];

    /// The four parameters.
    fn parameters(&self) -> [f64; 4];

    /// The same model with other parameters, and the account of how they were found.
    ///
    /// # Errors
    /// [`Error::Parameter`] if one is not positive and finite.
    fn with(&self, parameters: [f64; 4], summary: Summary) -> Result<Self, Error>;

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

/// A set of coefficients γ, one for each covariate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coefficients {
    /// γ₁: on the purchase rate.
    Purchases,
    /// γ₂: on dropout; on a in BG/NBD and MBG/NBD.
    Dropout,
    /// γ₃: on b in BG/NBD and MBG/NBD.
    Survival,
}

impl<const MODIFIED: bool> Scalable for BetaGeometric<MODIFIED> {
    const MODEL: &'static str = Self::NAME;
    const SCALED: [Option<(Coefficients, f64)>; 4] = [
        None,
        Some((Coefficients::Purchases, -1.0)),
        Some((Coefficients::Dropout, 1.0)),
        Some((Coefficients::Survival, 1.0)),
    ];
    const TIMES: [bool; 4] = [false, true, false, false];

    fn parameters(&self) -> [f64; 4] {
        [self.r(), self.alpha(), self.a(), self.b()]
    }

    fn with(&self, [r, alpha, a, b]: [f64; 4], summary: Summary) -> Result<Self, Error> {
        Ok(Self::with_parameters(r, alpha, a, b, self.k())?.summarized(summary))
    }

    fn evaluator<'a>(cohort: &'a Cohort, options: &Options, scale: f64) -> Evaluator<'a> {
        let likelihood = BetaGeometricLikelihood::new(cohort, MODIFIED, options.regularity, scale);
        Box::new(move |parameters| likelihood.evaluate(parameters))
    }

    fn constant(cohort: &Cohort, options: &Options, scale: f64) -> f64 {
        Self::unit(cohort, options.regularity, scale)
    }
}

impl Scalable for ParetoNbd {
    const MODEL: &'static str = Self::NAME;
    const SCALED: [Option<(Coefficients, f64)>; 4] =
        [None, Some((Coefficients::Purchases, -1.0)), None, Some((Coefficients::Dropout, -1.0))];
    const TIMES: [bool; 4] = [false, true, false, true];

    fn parameters(&self) -> [f64; 4] {
        [self.r(), self.alpha(), self.s(), self.beta()]
    }

    fn with(&self, [r, alpha, s, beta]: [f64; 4], summary: Summary) -> Result<Self, Error> {
        Ok(Self::with_parameters(r, alpha, s, beta)?.summarized(summary))
    }

    fn evaluator<'a>(cohort: &'a Cohort, _: &Options, scale: f64) -> Evaluator<'a> {
        let likelihood = ParetoLikelihood::new(cohort, scale);
        Box::new(move |parameters| likelihood.evaluate(parameters))
    }

    fn constant(cohort: &Cohort, _: &Options, scale: f64) -> f64 {
        -cohort.repeats() * scale.ln()
    }
}

/// One coefficient: its covariate, its set, its value in the covariate's own unit, and its standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// Name of the covariate.
    pub covariate: String,
    /// Which γ it belongs to.
    pub of: Coefficients,
    /// The change of γ′z for one unit more of the covariate.
    pub value: f64,
    /// Its standard error; none where the data do not identify it.
    pub standard_error: Option<f64>,
}

/// A model of purchases and dropout whose parameters follow covariates.
///
/// ```
/// use homing_models::lifetimes::{BgNbd, Covariate, CovariateCohort, LifetimeModel, Recency, WithCovariates};
/// use linfa::DatasetBase;
/// use linfa::traits::Fit;
/// use ndarray::array;
///
/// let weeks = [Recency::new(2, 30.4, 38.9), Recency::new(1, 1.7, 38.9), Recency::new(0, 0.0, 38.9)];
/// let from_shop = array![[1.0], [0.0], [0.0]];
/// let cohort =
///     CovariateCohort::from_customers(vec![Covariate::new("came_by_shop")], &weeks, from_shop.view())?;
/// let params = WithCovariates::<BgNbd>::params().prior_weight(1.0).covariate_prior_weight(1.0);
/// let fit = params.fit(&DatasetBase::new(cohort, ()))?;
/// let model = fit.at(&[1.0])?; // an ordinary BG/NBD with the parameters of such a customer
/// assert!(model.probability_of_purchase(weeks[0], 26.0) > 0.0);
/// # Ok::<(), homing_models::lifetimes::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct WithCovariates<M: Scalable> {
    /// The model of a customer with average covariates.
    average: M,
    covariates: Vec<Covariate>,
    /// Mean of each covariate.
    means: Vec<f64>,
    coefficients: Vec<Coefficient>,
}

/// The largest |γ′(z − z̄)| that [`WithCovariates::at`] and fits follow: a factor of e^12, far beyond what customers
/// differ by. A covariate that a wild value takes further changes nothing more.
const MOST_EFFECT: f64 = 12.0;

impl<M: Scalable> WithCovariates<M> {
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

    /// The model of a customer whose covariates are at their means. Its [`LifetimeModel::summary`] accounts for the
    /// fit with all its coefficients; standard errors are those of its four parameters.
    pub fn average(&self) -> &M {
        &self.average
    }

    /// How the fit ended.
    pub fn summary(&self) -> &Summary {
        self.average.summary()
    }

    /// The coefficients: those of γ₁ first, in the order of the covariates. A covariate that is constant in the
    /// cohort has coefficients of 0 without standard errors.
    pub fn coefficients(&self) -> &[Coefficient] {
        &self.coefficients
    }

    /// The coefficient of a covariate in one set; 0 where the covariate does not act on it.
    pub fn coefficient(&self, covariate: &str, of: Coefficients) -> f64 {
        let found = self.coefficients.iter().find(|c| c.covariate == covariate && c.of == of);
        found.map_or(0.0, |c| c.value)
    }

    /// The model of a customer with these covariates, in the order given to the fit: ask it about the customer's
    /// `(x, t_x, T)`. Effects are followed up to a factor of e^12.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of values, [`Error::Covariate`] for one that is not finite.
    pub fn at(&self, values: &[f64]) -> Result<M, Error> {
        if values.len() != self.covariates.len() {
            return Err(Error::Shape { wanted: [1, self.covariates.len()], found: [1, values.len()] });
        }
        for (covariate, &value) in self.covariates.iter().zip(values) {
            if !value.is_finite() {
                return Err(Error::Covariate { row: 0, name: covariate.name.clone(), value });
            }
        }
        let effect = |of: Coefficients| {
            let each = self.covariates.iter().zip(values).zip(&self.means);
            // 0 times a difference that overflowed is no effect.
            let sum: f64 = each
                .map(|((covariate, value), mean)| (self.coefficient(&covariate.name, of), value - mean))
                .filter(|(gamma, _)| *gamma != 0.0)
                .map(|(gamma, z)| gamma * z)
                .sum();
            if sum.is_nan() { 0.0 } else { sum.clamp(-MOST_EFFECT, MOST_EFFECT) }
        };
        let mut parameters = self.average.parameters();
        for (value, scaled) in parameters.iter_mut().zip(M::SCALED) {
            if let Some((of, sign)) = scaled {
                *value *= (sign * effect(of)).exp();
            }
        }
        self.average.with(parameters, self.summary().clone())
    }
}

/// Where a coefficient stands: its covariate and its set.
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

impl<'a, M: Scalable> CovariateLikelihood<'a, M> {
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
            // Beyond its bound a parameter stands still.
            sums[1 + j] += if parameter(theta[j]) == theta[j].exp() { slope } else { 0.0 };
            let (Some((of, sign)), (_, true)) = (M::SCALED[j], effects[j]) else { continue };
            for (slot, sum) in self.slots.iter().zip(&mut sums[5..]).filter(|(slot, _)| slot.of == of) {
                *sum += sign * slope * values[slot.covariate];
            }
        }
    }
}

impl<M: Scalable> Objective for CovariateLikelihood<'_, M> {
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
fn slots<M: Scalable>(cohort: &CovariateCohort) -> Vec<Slot> {
    let sets = M::SCALED.into_iter().flatten().map(|(of, _)| of);
    sets.flat_map(|of| (0..cohort.covariates.len()).map(move |covariate| Slot { covariate, of }))
        .filter(|slot| match cohort.covariates[slot.covariate].effect {
            Effect::Both => true,
            Effect::Purchases => slot.of == Coefficients::Purchases,
            Effect::Dropout => slot.of != Coefficients::Purchases,
        })
        .collect()
}

impl<M: Scalable> Estimate for WithCovariates<M> {
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
    use crate::lifetimes::{BgNbd, MbgNbd};

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

    fn assert_gradient<M: Scalable>(theta: &[f64]) {
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
