//! What to learn.

use homing_datasets::Zone;
use homing_models::bundle::LONGEST_HORIZON;

use crate::error::Error;

/// Maximum number of training rows (customers × cutoffs); beyond it customers are sampled.
const MAX_ROWS: usize = 200_000;

/// What a fit learns.
#[derive(Clone, Debug)]
pub struct Task {
    /// Horizons in days (churn and value horizon are added where missing).
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

impl Default for Task {
    fn default() -> Self {
        Task {
            horizons: vec![30, 90, 365],
            churn_horizon: 90,
            value_horizon: 365,
            discount_rate: 0.1,
            net_of_returns: false,
            zone: Zone::default(),
            name: "homing".to_owned(),
            seed: 0,
            max_rows: MAX_ROWS,
        }
    }
}

impl Task {
    /// Every horizon that is modelled, ascending.
    ///
    /// ```
    /// use homing_training::task::Task;
    ///
    /// let task = Task { horizons: vec![30], ..Task::default() };
    /// assert_eq!(task.all_horizons()?, [30, 90, 365]); // churn and value horizon are added
    /// # Ok::<(), homing_training::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a horizon of zero days or over ten years.
    pub fn all_horizons(&self) -> Result<Vec<u32>, Error> {
        let given = self
            .horizons
            .iter()
            .map(|&days| ("--horizons", days))
            .chain([("--churn-horizon", self.churn_horizon), ("--value-horizon", self.value_horizon)]);
        let mut all = Vec::with_capacity(self.horizons.len() + 2);
        for (flag, days) in given {
            if days == 0 || days > LONGEST_HORIZON {
                let text = format!("{flag} {days}: give 1 to {LONGEST_HORIZON} days");
                return Err(Error::InvalidArgument(text));
            }
            all.push(days);
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// The same task for a window of `days`, which is churn and value horizon too; also for a shorter horizon
    /// where one is given.
    #[must_use]
    pub fn window(&self, days: u32, shorter: Option<u32>) -> Self {
        let horizons = shorter.into_iter().collect();
        Task { horizons, churn_horizon: days, value_horizon: days, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_horizon_is_modelled_once_and_a_horizon_of_no_days_is_an_invalid_argument() {
        let task = Task { horizons: vec![90, 30, 90], ..Task::default() };
        assert_eq!(task.all_horizons().unwrap(), [30, 90, 365]);
        for days in [0, 3651] {
            let task = Task { churn_horizon: days, ..Task::default() };
            let error = task.all_horizons().unwrap_err().to_string();
            assert_eq!(error, format!("--churn-horizon {days}: give 1 to 3650 days"));
        }
    }
}
