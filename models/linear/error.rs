//! Why a linear model was not fitted.

/// Why there is no linear model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// linfa-logistic gave up.
    #[error("the linear model was not fitted: {0}")]
    Logistic(#[from] linfa_logistic::error::Error),
    /// All customers of the sample did the same.
    #[error("the linear model was not fitted: all {0} rows have the same outcome")]
    OneClass(usize),
}
