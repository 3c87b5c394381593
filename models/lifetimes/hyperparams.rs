//! Hyperparameters shared by every lifetime model, unchecked and checked, in linfa's shape.

use std::marker::PhantomData;

use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use serde::{Deserialize, Serialize};

use super::{Error, MAX_REGULARITY, REGULARITIES};

/// How to fit. The defaults give the maximum likelihood of the papers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Precision (1 / variance) of a normal prior, centred on 0, on the logarithm of each parameter, 0 or more;
    /// 0, the default, is maximum likelihood. Times count in mean ages of the cohort and spend in mean spends,
    /// so the prior does not depend on units. Beside 1,000 customers a weight of 1 is barely felt; it keeps the
    /// parameters of a few customers within reason.
    pub prior_weight: f64,
    /// Precision of a normal prior, centred on 0, on each coefficient of a covariate, 0 or more; 0, the default, is
    /// maximum likelihood. Covariates count in their standard deviations, so the prior does not depend on units.
    /// Models without covariates do not read it.
    pub covariate_prior_weight: f64,
    /// A fit has converged when no component of the gradient of the log-likelihood *per purchase* (first ones
    /// included) with respect to the log parameters exceeds this, between 0 and 1.
    pub gradient_tolerance: f64,
    /// Iterations of L-BFGS from one start, 1 or more.
    pub max_iterations: u64,
    /// Erlang shape `k` of the gaps between purchases, 1 to 12: 1, the default, is BG/NBD and MBG/NBD, more is
    /// BG/CNBD-k and MBG/CNBD-k. The other models do not read it.
    pub regularity: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prior_weight: 0.0,
            covariate_prior_weight: 0.0,
            gradient_tolerance: 1e-7,
            max_iterations: 500,
            regularity: 1,
        }
    }
}

impl Options {
    /// # Errors
    /// [`Error::Hyperparameter`] with the first value out of range.
    pub(super) fn check(&self) -> Result<(), Error> {
        let bad = |name, value, wanted| Err(Error::Hyperparameter { name, value, wanted });
        let priors =
            [("prior_weight", self.prior_weight), ("covariate_prior_weight", self.covariate_prior_weight)];
        if let Some((name, weight)) = priors.into_iter().find(|(_, w)| !(*w >= 0.0 && w.is_finite())) {
            return bad(name, weight, "has to be finite and 0 or more");
        }
        if !(self.gradient_tolerance > 0.0 && self.gradient_tolerance < 1.0) {
            return bad("gradient_tolerance", self.gradient_tolerance, "has to lie between 0 and 1");
        }
        if self.max_iterations == 0 {
            return bad("max_iterations", 0.0, "has to be 1 or more");
        }
        if !(1..=MAX_REGULARITY).contains(&self.regularity) {
            return bad("regularity", f64::from(self.regularity), REGULARITIES);
        }
        Ok(())
    }
}

/// A lifetime model that is estimated from a sample; implemented by every model here.
pub trait Estimate: Sized {
    /// What it is fitted on: [`Cohort`](super::Cohort) or [`SpendSample`](super::SpendSample).
    type Sample: linfa::dataset::Records;

    /// Fits with checked hyperparameters.
    ///
    /// # Errors
    /// [`Error::FitFailed`] when no start led to a usable optimum.
    fn estimate(sample: &Self::Sample, params: &LifetimeValidParams<Self>) -> Result<Self, Error>;
}

/// Unchecked hyperparameters of the model `M`. [`ParamGuard::check`] makes them fit to be used; `fit` on a
/// [`DatasetBase`] checks by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct LifetimeParams<M>(LifetimeValidParams<M>);

/// Checked hyperparameters of the model `M`.
#[derive(Clone, Debug, PartialEq)]
pub struct LifetimeValidParams<M> {
    options: Options,
    model: PhantomData<fn() -> M>,
}

impl<M> LifetimeParams<M> {
    /// Hyperparameters from `options`.
    pub fn new(options: Options) -> Self {
        Self(LifetimeValidParams { options, model: PhantomData })
    }

    /// Sets [`Options::prior_weight`].
    #[must_use]
    pub fn prior_weight(mut self, weight: f64) -> Self {
        self.0.options.prior_weight = weight;
        self
    }

    /// Sets [`Options::covariate_prior_weight`].
    #[must_use]
    pub fn covariate_prior_weight(mut self, weight: f64) -> Self {
        self.0.options.covariate_prior_weight = weight;
        self
    }

    /// Sets [`Options::gradient_tolerance`].
    #[must_use]
    pub fn gradient_tolerance(mut self, tolerance: f64) -> Self {
        self.0.options.gradient_tolerance = tolerance;
        self
    }

    /// Sets [`Options::max_iterations`].
    #[must_use]
    pub fn max_iterations(mut self, iterations: u64) -> Self {
        self.0.options.max_iterations = iterations;
        self
    }

    /// Sets [`Options::regularity`].
    #[must_use]
    pub fn regularity(mut self, k: u32) -> Self {
        self.0.options.regularity = k;
        self
    }
}

impl<M> Default for LifetimeParams<M> {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl<M> LifetimeValidParams<M> {
    /// The checked options.
    pub fn options(&self) -> &Options {
        &self.options
    }
}

impl<M> ParamGuard for LifetimeParams<M> {
    type Checked = LifetimeValidParams<M>;
    type Error = Error;

    fn check_ref(&self) -> Result<&Self::Checked, Error> {
        self.0.options.check()?;
        Ok(&self.0)
    }

    fn check(self) -> Result<Self::Checked, Error> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl<M: Estimate, T> Fit<M::Sample, T, Error> for LifetimeValidParams<M> {
    type Object = M;

    fn fit(&self, dataset: &DatasetBase<M::Sample, T>) -> Result<M, Error> {
        M::estimate(&dataset.records, self)
    }
}
