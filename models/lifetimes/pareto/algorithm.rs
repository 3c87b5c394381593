//! Fitting Pareto/NBD by maximum likelihood.

use linfa::ParamGuard;

use super::super::hyperparams::{Estimate, LifetimeParams, LifetimeValidParams, Options};
use super::super::optimize::maximize;
use super::super::{Cohort, Error};
use super::{ParetoLikelihood, ParetoNbd};

impl ParetoNbd {
    /// Hyperparameters to be set, checked and fitted as of any linfa estimator.
    pub fn params() -> LifetimeParams<Self> {
        LifetimeParams::default()
    }

    /// Fits by maximum likelihood.
    ///
    /// # Errors
    /// [`Error::Hyperparameter`] for options out of range, [`Error::FitFailed`] if no start was usable. A fit
    /// that stalled is not an error: see [`crate::lifetimes::Summary::status`].
    pub fn fit(cohort: &Cohort, options: &Options) -> Result<Self, Error> {
        Self::estimate(cohort, LifetimeParams::new(options.clone()).check_ref()?)
    }
}

impl Estimate for ParetoNbd {
    type Sample = Cohort;

    fn estimate(cohort: &Cohort, params: &LifetimeValidParams<Self>) -> Result<Self, Error> {
        let options = params.options();
        let scale = cohort.time_scale();
        let exposure: f64 =
            cohort.rows().iter().zip(cohort.weights()).map(|(row, w)| w * row.age / scale).sum();
        let rate = ((cohort.repeats() + 0.5) / (exposure + 1.0)).clamp(1e-4, 1e4);
        let starts = [
            [0.5, 0.4 / rate, 0.6, 0.5],
            [1.5, 1.0 / rate, 0.2, 1.0],
            [0.2, 0.1 / rate, 2.0, 4.0],
            [5.0, 4.0 / rate, 0.5, 0.05],
        ];
        let pilot = cohort.pilot();
        let pilot = pilot.as_ref().map(|pilot| ParetoLikelihood::new(pilot, scale));
        let end = maximize(&ParetoLikelihood::new(cohort, scale), pilot.as_ref(), &starts, options)
            .ok_or(Error::FitFailed { model: Self::NAME })?;
        let [r, alpha, s, beta] = end.parameters;
        let log_likelihood = end.log_likelihood - cohort.repeats() * scale.ln();
        let summary = end.summary(cohort, log_likelihood, [1.0, scale, 1.0, scale]);
        Ok(Self { r, alpha: alpha * scale, s, beta: beta * scale, summary })
    }
}
