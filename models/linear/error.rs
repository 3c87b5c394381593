//! Why a linear model was not fitted.

/// Why there is no linear model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The curvature of the loss vanished, which the penalty should have prevented.
    #[error(
        "the linear model was not fitted: feature {column} of those that vary has no curvature; report this"
    )]
    NotPositive {
        /// The column, counted from 0 among the features that vary.
        column: usize,
    },
    /// All customers of the sample did the same.
    #[error("the linear model was not fitted: all {0} rows have the same outcome")]
    OneClass(usize),
}
