//! What to learn, and up to when.

use homing_datasets::{Micros, Zone};

use crate::error::Error;

/// Maximum number of training rows (customers × cutoffs); beyond it customers are sampled.
const MAX_ROWS: usize = 200_000;
/// Longest horizon in days.
const MAX_HORIZON: u32 = 3650;

/// What a fit learns, and up to when.
#[derive(Clone, Debug)]
pub struct Task {
    /// The instant up to which to learn.
    pub as_of: Micros,
    /// Horizons in days, ascending; the churn and the value horizon are among them.
    pub horizons: Vec<u32>,
    /// The horizon of the churn risk, in days.
    pub churn_horizon: u32,
    /// The horizon of the lifetime value, in days.
    pub value_horizon: u32,
    /// Yearly rate at which the lifetime value is discounted.
    pub discount_rate: f64,
    /// Whether spend is learned net of product returns.
    pub net_of_returns: bool,
    /// The business's time zone.
    pub zone: Zone,
    /// The model's name.
    pub name: String,
    /// Seed of every sample.
    pub seed: u64,
    /// Maximum number of training rows (customers × cutoffs); beyond it customers are sampled.
    pub max_rows: usize,
}

impl Task {
    /// A task for one horizon in days that serves as churn and value horizon too; everything else has its default
    /// (time zone UTC, seed 0, spend before product returns, discounted at 10 % a year).
    #[must_use]
    pub fn new(as_of: Micros, days: u32) -> Self {
        Task {
            as_of,
            horizons: vec![days],
            churn_horizon: days,
            value_horizon: days,
            discount_rate: 0.1,
            net_of_returns: false,
            zone: Zone::default(),
            name: "homing".to_owned(),
            seed: 0,
            max_rows: MAX_ROWS,
        }
    }

    /// The same task at another cutoff and for these horizons; the longest is churn and value horizon.
    #[must_use]
    pub fn at(&self, cutoff: Micros, horizons: Vec<u32>) -> Self {
        let longest = horizons.last().copied().unwrap_or(self.churn_horizon);
        Task { as_of: cutoff, horizons, churn_horizon: longest, value_horizon: longest, ..self.clone() }
    }
}

/// Checks horizons in days.
///
/// # Errors
/// [`Error::InvalidArgument`] for a horizon of zero days or over ten years.
pub fn valid_horizons(horizons: &[u32]) -> Result<(), Error> {
    match horizons.iter().find(|&&days| days == 0 || days > MAX_HORIZON) {
        Some(days) => {
            Err(Error::InvalidArgument(format!("horizon of {days} days: give 1 to {MAX_HORIZON} days")))
        }
        None => Ok(()),
    }
}
