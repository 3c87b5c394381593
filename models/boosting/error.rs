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
