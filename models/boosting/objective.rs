//! What a booster was fitted to, and the link from its margin to the mean.

use serde::{Deserialize, Serialize};

/// A loss over targets y and margins f.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Log loss; y is 0 or 1 (or a share between), f the log-odds.
    Logistic,
    /// Poisson deviance; y ≥ 0 a count, f the log of the mean.
    Poisson,
    /// Gamma deviance; y > 0, f the log of the mean.
    Gamma,
    /// Tweedie deviance with this power, between 1 and 2; y ≥ 0, f the log of the mean.
    Tweedie(f64),
    /// Squared error; f the mean.
    Squared,
    /// Pinball loss at this share, between 0 and 1; f the quantile. Leaves hold quantiles of the residuals.
    Quantile(f64),
}

/// The logistic function.
///
/// ```
/// use homing_models::boosting::{logit, sigmoid};
///
/// assert_eq!(sigmoid(0.0), 0.5);
/// assert!((sigmoid(logit(0.2)) - 0.2).abs() < 1e-12);
/// ```
#[must_use]
pub fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// The log-odds of a probability, held within ±16.
#[must_use]
pub fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-7, 1.0 - 1e-7);
    (p / (1.0 - p)).ln()
}

impl Objective {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Objective::Logistic => "logistic",
            Objective::Poisson => "poisson",
            Objective::Gamma => "gamma",
            Objective::Tweedie(_) => "tweedie",
            Objective::Squared => "squared",
            Objective::Quantile(_) => "quantile",
        }
    }

    /// From margin to mean.
    #[must_use]
    pub fn mean(self, f: f64) -> f64 {
        match self {
            Objective::Logistic => sigmoid(f),
            Objective::Poisson | Objective::Gamma | Objective::Tweedie(_) => f.min(60.0).exp(),
            Objective::Squared | Objective::Quantile(_) => f,
        }
    }
}
