//! What can go wrong in training, refusals included.

use homing_models::{boosting, lifetimes, linear};

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data cannot carry a model; exit code 3.
    #[error("the data are not sufficient for a model yet:\n{}", lacks.iter().map(|lack| format!("  - {lack}")).collect::<Vec<_>>().join("\n"))]
    Refused {
        /// What is missing, each with what would suffice.
        lacks: Vec<String>,
    },
    /// An invalid argument; exit code 2.
    #[error("{0}")]
    InvalidArgument(String),
    /// A lifetime model failed.
    #[error("lifetime model: {0}")]
    Lifetime(#[from] lifetimes::Error),
    /// A booster failed.
    #[error(transparent)]
    Booster(#[from] boosting::Error),
    /// There are no trees to mix.
    #[error("no gradient-boosted trees to combine")]
    NoTrees,
    /// The linear model failed.
    #[error(transparent)]
    Linear(#[from] linear::Error),
    /// The measuring failed.
    #[error(transparent)]
    Metrics(#[from] crate::metrics::Error),
    /// The naive rules failed.
    #[error(transparent)]
    Baselines(#[from] crate::baselines::Error),
    /// No clusters could be found.
    #[error("{0}")]
    Clusters(String),
    /// A challenger could not be fitted.
    #[error("{name}: {cause}")]
    Challenger {
        /// The challenger.
        name: &'static str,
        /// What its library says.
        cause: String,
    },
    /// Metrics could not be written as JSON.
    #[error("cannot write the metrics as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The report could not be written.
    #[error("cannot write the report: {0}")]
    Report(String),
    /// A bundle or registry failed.
    #[error(transparent)]
    Bundle(#[from] homing_models::Error),
}
