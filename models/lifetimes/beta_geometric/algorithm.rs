//! Fitting BG/NBD and its relatives by maximum likelihood.

use linfa::ParamGuard;

use super::super::hyperparams::{Estimate, LifetimeParams, LifetimeValidParams, Options};
use super::super::optimize::maximize;
use super::super::special::ln_rising;
use super::super::{Cohort, Error, MAX_REGULARITY};
use super::{BetaGeometric, BetaGeometricLikelihood};

impl<const MODIFIED: bool> BetaGeometric<MODIFIED> {
    /// Hyperparameters to be set, checked and fitted as of any linfa estimator.
    pub fn params() -> LifetimeParams<Self> {
        LifetimeParams::default()
    }

    /// Fits by maximum likelihood; with [`Options::regularity`] k > 1, the CNBD-k version.
    ///
    /// # Errors
    /// [`Error::Hyperparameter`] for options out of range, [`Error::FitFailed`] if no start was usable. A fit
    /// that stalled is not an error: see [`crate::lifetimes::Summary::status`].
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

    /// What the likelihood in time divided by `scale` lacks to be that of the cohort: each purchase is a density over
    /// time, whose unit changes by the scale; and the gaps, where they are known.
    pub(in super::super) fn unit(cohort: &Cohort, k: u32, scale: f64) -> f64 {
        let k = f64::from(k);
        let gaps = cohort.log_gaps().map_or(0.0, |total| (k - 1.0) * total);
        gaps - cohort.repeats() * (k * scale.ln() + ln_rising(1.0, k - 1.0))
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
