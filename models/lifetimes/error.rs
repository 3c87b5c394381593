//! What can go wrong when a lifetime model is built or fitted.

/// Errors of the lifetime models. Rows are counted from 0 in the order the customers were given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No customer was left to fit on.
    #[error("the {sample} is empty: a {sample} needs at least one customer of positive weight")]
    Empty {
        /// `"cohort"` or `"spend sample"`.
        sample: &'static str,
    },
    /// A value is NaN or infinite.
    #[error("row {row}: {field} is {value}, but has to be finite")]
    NonFinite {
        /// Row, from 0.
        row: usize,
        /// Name of the field.
        field: &'static str,
        /// The value found.
        value: f64,
    },
    /// A time, a weight or an amount is below zero.
    #[error("row {row}: {field} is {value}, but has to be zero or more")]
    Negative {
        /// Row, from 0.
        row: usize,
        /// Name of the field.
        field: &'static str,
        /// The value found.
        value: f64,
    },
    /// A hyperparameter is out of its range.
    #[error("hyperparameter {name} is {value}, but {wanted}")]
    Hyperparameter {
        /// Name of the hyperparameter.
        name: &'static str,
        /// The value found.
        value: f64,
        /// What is allowed.
        wanted: &'static str,
    },
    /// A model parameter given by hand is not a positive, finite number.
    #[error("{model}: parameter {name} is {value}, but has to be positive and finite")]
    Parameter {
        /// The model, as in its paper.
        model: &'static str,
        /// The parameter's letter.
        name: &'static str,
        /// The value found.
        value: f64,
    },
    /// A matrix of covariates does not fit the customers.
    #[error(
        "covariates: found {} rows of {} values, but there are {} customers with {} covariates",
        found[0], found[1], wanted[0], wanted[1]
    )]
    Shape {
        /// Customers and covariates.
        wanted: [usize; 2],
        /// Rows and columns found.
        found: [usize; 2],
    },
    /// A covariate is NaN or infinite.
    #[error(
        "row {row}: covariate `{name}` is {value}, but has to be finite; fill what is missing before the fit"
    )]
    Covariate {
        /// Row, from 0.
        row: usize,
        /// Name of the covariate.
        name: String,
        /// The value found.
        value: f64,
    },
    /// The regularity was to be chosen, but the cohort does not carry the gaps between purchases.
    #[error("choosing k needs the gaps between purchases: build the cohort with Cohort::with_log_gaps")]
    NoGaps,
    /// The likelihood is not finite wherever it was looked for.
    #[error("{model}: the fit failed, the likelihood is not finite at any of the starts")]
    FitFailed {
        /// The model, as in its paper.
        model: &'static str,
    },
    /// An error of linfa, passed on.
    #[error("linfa: {0}")]
    Linfa(String),
}

#[cfg(feature = "fit")]
impl From<linfa::Error> for Error {
    fn from(error: linfa::Error) -> Self {
        Self::Linfa(error.to_string())
    }
}
