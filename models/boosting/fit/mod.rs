//! Fitting boosters, as a linfa estimator.

mod algorithm;
mod bins;
mod error;
mod grow;
mod histogram;
mod hyperparams;
mod loss;
mod split;

use linfa::dataset::{AsTargets, DatasetBase, Records};
use linfa::traits::{Fit, PredictInplace};
use linfa::{Dataset, ParamGuard};
use ndarray::{Array1, Array2, ArrayBase, Data, Ix1, Ix2};

pub use algorithm::{Fitted, Training, Validation};
pub use bins::{Binned, Bins};
pub use error::Error;
pub use hyperparams::{BoosterParams, BoosterValidParams};

use super::{Booster, Objective};

impl Booster {
    /// Hyperparameters to fit a booster with.
    #[must_use]
    pub fn params(objective: Objective) -> BoosterParams {
        BoosterParams::new(objective)
    }

    /// One booster that says what these say together: its margin is Σ weight × margin. They learned from the same
    /// features; the objective is the first one's. `None` of no booster.
    #[must_use]
    pub fn together(parts: &[(f64, &Booster)]) -> Option<Booster> {
        let (_, first) = parts.first()?;
        let scaled = |(weight, part): &(f64, &Booster)| {
            let mut trees = part.trees().to_vec();
            trees.iter_mut().flat_map(|tree| &mut tree.nodes).for_each(|node| node.value *= weight);
            trees
        };
        let intercept = parts.iter().map(|(weight, part)| weight * part.intercept()).sum();
        let trees = parts.iter().flat_map(scaled).collect();
        let features = parts.iter().map(|part| part.1.features()).max()?;
        Some(Booster::new(first.objective(), features, intercept, trees))
    }
}

impl<D: Data<Elem = f32>, T: AsTargets<Elem = f64, Ix = Ix1>> Fit<ArrayBase<D, Ix2>, T, Error>
    for BoosterValidParams
{
    type Object = Booster;

    /// Fits a booster; weights of the dataset count.
    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Booster, Error> {
        let x = dataset.records().view();
        let (rows, features) = (x.nsamples(), x.nfeatures());
        if rows == 0 || features == 0 {
            return Err(Error::Empty { rows, features });
        }
        let bins = Bins::of(x);
        let data = bins.sort(x);
        let targets = dataset.as_targets().to_vec();
        let weights: Option<Vec<f64>> = dataset.weights().map(|w| w.iter().map(|&w| f64::from(w)).collect());
        let (data, bins, targets) = (&data, &bins, &targets[..]);
        let training = Training { data, bins, targets, offsets: None, weights: weights.as_deref() };
        Ok(self.fit_binned(&training)?.0)
    }
}

impl<D: Data<Elem = f32>> PredictInplace<ArrayBase<D, Ix2>, Array1<f64>> for Booster {
    /// Writes the mean of each row.
    fn predict_inplace(&self, x: &ArrayBase<D, Ix2>, y: &mut Array1<f64>) {
        let rows: Vec<f32> = x.iter().copied().collect();
        for (mean, margin) in y.iter_mut().zip(self.margins(&rows, x.ncols())) {
            *mean = self.objective().mean(margin);
        }
    }

    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<f64> {
        Array1::zeros(x.nrows())
    }
}

/// Fits a booster to plain arrays: the shortest way in.
///
/// ```
/// use homing_models::boosting::{Booster, Objective, fit};
/// use ndarray::{Array1, Array2};
///
/// let x = Array2::from_shape_fn((200, 1), |(row, _)| row as f32);
/// let y = Array1::from_shape_fn(200, |row| f64::from(u8::from(row >= 100)));
/// let params = Booster::params(Objective::Logistic).trees(20).min_leaf_rows(10.0);
/// let booster = fit(params, x, y)?;
/// assert!(booster.margin(&[150.0]) > booster.margin(&[50.0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error`] of the hyperparameters or of the fit.
pub fn fit(params: BoosterParams, x: Array2<f32>, y: Array1<f64>) -> Result<Booster, Error> {
    params.check()?.fit(&Dataset::new(x, y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::mix;
    use linfa::traits::Predict;

    /// Two features matter, one is noise, one is half missing and tells by being so.
    fn sample(rows: usize) -> (Array2<f32>, Array1<f64>) {
        let unit = |i: usize, j: u64| mix(mix(i as u64) ^ j) as f64 / u64::MAX as f64;
        let x = Array2::from_shape_fn((rows, 4), |(i, j)| {
            if j == 3 && unit(i, 3) < 0.5 { f32::NAN } else { unit(i, j as u64) as f32 }
        });
        let y = Array1::from_shape_fn(rows, |i| {
            let z = 4.0 * (unit(i, 0) - 0.5) + 3.0 * (unit(i, 1) - 0.5).abs() - 1.0
                + if unit(i, 3) < 0.5 { 1.0 } else { 0.0 };
            f64::from(u8::from(unit(i, 9) < 1.0 / (1.0 + (-z).exp())))
        });
        (x, y)
    }

    fn log_loss(y: &Array1<f64>, p: &Array1<f64>) -> f64 {
        -y.iter().zip(p).map(|(y, p)| y * p.ln() + (1.0 - y) * (1.0 - p).ln()).sum::<f64>() / y.len() as f64
    }

    #[test]
    fn boosters_speak_together_as_their_weighted_sum() {
        let (x, y) = sample(3000);
        let few = |seed| Booster::params(Objective::Logistic).trees(20).seed(seed);
        let (one, other) = (fit(few(1), x.clone(), y.clone()).unwrap(), fit(few(2), x.clone(), y).unwrap());
        let both = Booster::together(&[(0.6, &one), (0.4, &other)]).unwrap();
        assert!(both.is_sound() && both.trees().len() == 40);
        for row in x.rows() {
            let row = row.to_vec();
            let apart = 0.6 * one.margin(&row) + 0.4 * other.margin(&row);
            assert!((both.margin(&row) - apart).abs() < 1e-9);
        }
        assert!(Booster::together(&[]).is_none());
    }

    #[test]
    fn learns_what_is_there_and_carries_over() {
        let (x, y) = sample(20_000);
        let booster = fit(Booster::params(Objective::Logistic), x, y).unwrap();
        let (x, y) = sample(40_000);
        let p = booster.predict(&x);
        let base = log_loss(&y, &Array1::from_elem(y.len(), y.mean().unwrap()));
        let loss = log_loss(&y, &p);
        // The true probabilities reach 0.587 on this sample, the base rate 0.690.
        assert!(loss < 0.597 && base > 0.68, "{loss} against {base}");
        assert!((p.mean().unwrap() - y.mean().unwrap()).abs() < 0.01);
    }

    #[test]
    fn threads_change_nothing() {
        let (x, y) = sample(30_000);
        let fit_on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                fit(Booster::params(Objective::Logistic).trees(30), x.clone(), y.clone()).unwrap()
            })
        };
        assert_eq!(fit_on(1), fit_on(3));
    }

    #[test]
    fn positive_targets_keep_their_total() {
        let (x, y) = sample(20_000);
        let y = y.mapv(|y| 1.0 + 9.0 * y);
        for objective in [Objective::Gamma, Objective::Poisson, Objective::Tweedie(1.5), Objective::Squared] {
            let booster = fit(Booster::params(objective).trees(60), x.clone(), y.clone()).unwrap();
            let total = booster.predict(&x).sum() / y.sum();
            assert!((total - 1.0).abs() < 0.03, "{objective:?}: {total}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_fit() {
        let (x, y) = sample(100);
        assert!(fit(Booster::params(Objective::Logistic).leaves(1), x.clone(), y.clone()).is_err());
        assert!(fit(Booster::params(Objective::Gamma), x.clone(), y.clone()).is_err());
        assert!(fit(Booster::params(Objective::Logistic), Array2::zeros((0, 4)), Array1::zeros(0)).is_err());
        let constant = fit(Booster::params(Objective::Logistic), x, Array1::ones(100)).unwrap();
        assert!(constant.margin(&[0.0; 4]).is_finite());
    }
}
