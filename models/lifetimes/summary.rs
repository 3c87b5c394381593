//! An honest account of how a fit ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// The gradient vanishes: a maximum of the likelihood (of the posterior, with a prior).
    Converged,
    /// No further progress although the gradient does not vanish.
    Stalled {
        /// Largest component of the gradient of the log-likelihood per purchase over the log parameters.
        gradient_norm: f64,
    },
    /// The gradient vanishes, but a parameter ran to the limit of e^±14 (in mean ages or mean spends): the
    /// data do not bound it. Predictions are usable, the parameter by itself says nothing.
    AtBound,
    /// Nothing was fitted: the parameters were given.
    Given,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Converged => f.write_str("converged"),
            Self::Stalled { gradient_norm } => write!(f, "stalled with a gradient of {gradient_norm:.1e}"),
            Self::AtBound => f.write_str("converged with a parameter at its limit"),
            Self::Given => f.write_str("given, not fitted"),
        }
    }
}

/// What there is to know of a fit beside the parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How the fit ended.
    pub status: Status,
    /// Log-likelihood of the sample at the estimate, without the prior, in the sample's units; 0 if nothing
    /// was fitted.
    pub log_likelihood: f64,
    /// Number of customers (sum of weights) the model was fitted on.
    pub customers: f64,
    /// Number of unique rows among them.
    pub unique_rows: usize,
    /// Evaluations of the likelihood with its gradient.
    pub evaluations: u64,
    /// Standard errors of the parameters, in the order and the units of the parameters, from the inverse
    /// Hessian of the negative log-likelihood over log parameters (delta method); none where the Hessian is
    /// not positive definite, which is where the data do not identify the parameters.
    pub standard_errors: Option<Vec<f64>>,
}

impl Summary {
    /// Of parameters that were given.
    pub(super) fn given() -> Self {
        Self {
            status: Status::Given,
            log_likelihood: 0.0,
            customers: 0.0,
            unique_rows: 0,
            evaluations: 0,
            standard_errors: None,
        }
    }
}
