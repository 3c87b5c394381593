//! What a fit can refuse.

/// Why a booster was not fitted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A hyperparameter outside its range.
    #[error("booster: {name} is {value}, it must be {must}")]
    Hyperparameter {
        /// Its name.
        name: &'static str,
        /// The value given.
        value: f64,
        /// The range.
        must: &'static str,
    },
    /// No rows, or no features.
    #[error("booster: nothing to learn from ({rows} rows, {features} features)")]
    Empty {
        /// Rows given.
        rows: usize,
        /// Features given.
        features: usize,
    },
    /// Columns of different lengths.
    #[error("booster: {what} has {found} values for {rows} rows")]
    Length {
        /// Which column.
        what: &'static str,
        /// Its length.
        found: usize,
        /// Rows of the matrix.
        rows: usize,
    },
    /// More rows or features than a fit can take.
    #[error(
        "booster: {rows} rows and {features} features; at most 2^30 rows and 65535 features can be fitted"
    )]
    TooLarge {
        /// Rows given.
        rows: usize,
        /// Features given.
        features: usize,
    },
    /// A target, offset or weight that is not finite, or a negative weight.
    #[error("booster: {value} in row {row} of {what}; it must be finite, and a weight not below 0")]
    Value {
        /// Which column.
        what: &'static str,
        /// The row.
        row: usize,
        /// Its value.
        value: f64,
    },
    /// A monotone constraint on a categorical feature.
    #[error("booster: feature {feature} is categorical and has a monotone constraint; it can have but one")]
    Constrained {
        /// The feature.
        feature: usize,
    },
    /// A target that the objective cannot take.
    #[error("booster: target {value} in row {row}; the {objective} objective takes {takes}")]
    Target {
        /// The row.
        row: usize,
        /// Its target.
        value: f64,
        /// The objective.
        objective: &'static str,
        /// What it takes.
        takes: &'static str,
    },
    /// linfa's own error.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}
