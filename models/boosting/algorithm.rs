//! The booster: fitting and predicting.

use linfa::dataset::{AsTargets, DatasetBase, Records};
use linfa::traits::{Fit, PredictInplace};
use linfa::{Dataset, ParamGuard};
use ndarray::{Array1, Array2, ArrayBase, ArrayView2, Data, Ix1, Ix2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bins::{Binned, Bins};
use super::grow::{Soil, grow};
use super::histogram::Quantized;
use super::hyperparams::BoosterValidParams;
use super::{BoosterParams, Error, Objective, Tree};
use crate::sampling::{Picker, mix};

/// A fitted booster: `margin = intercept + offset + Σ trees`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Booster {
    objective: Objective,
    features: usize,
    intercept: f64,
    trees: Vec<Tree>,
}

/// What a booster learns from; columns have one value a row.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// The binned matrix.
    pub data: &'a Binned,
    /// Its bins.
    pub bins: &'a Bins,
    /// Targets.
    pub targets: &'a [f64],
    /// Margins that each row starts from; `None` for zero.
    pub offsets: Option<&'a [f64]>,
    /// Weights, 0 or more; `None` for one.
    pub weights: Option<&'a [f64]>,
}

impl BoosterValidParams {
    /// Fits a booster to a binned matrix; also gives the margin of each row, its offset left out.
    ///
    /// # Errors
    /// [`Error`] for no rows, columns of different lengths, or a target that the objective cannot take.
    pub fn fit_binned(&self, training: &Training<'_>) -> Result<(Booster, Vec<f64>), Error> {
        let (rows, features) = (training.data.rows(), training.bins.features());
        if rows == 0 || features == 0 {
            return Err(Error::Empty { rows, features });
        }
        let zeros;
        let offsets = match training.offsets {
            Some(offsets) => offsets,
            None => {
                zeros = vec![0.0; rows];
                &zeros
            }
        };
        let ones;
        let weights = match training.weights {
            Some(weights) => weights,
            None => {
                ones = vec![1.0; rows];
                &ones
            }
        };
        let y = training.targets;
        for (what, found) in [("targets", y.len()), ("offsets", offsets.len()), ("weights", weights.len())] {
            if found != rows {
                return Err(Error::Length { what, found, rows });
            }
        }
        if let Some(row) = y.iter().position(|&y| !self.objective.accepts(y)) {
            let (objective, takes) = (self.objective.name(), self.objective.takes());
            return Err(Error::Target { row, value: y[row], objective, takes });
        }
        let intercept = self.objective.intercept(y, offsets, weights);
        let mut margins: Vec<f64> = offsets.iter().map(|offset| offset + intercept).collect();
        let mut trees = Vec::with_capacity(self.trees);
        let mut picked = Vec::with_capacity(rows);
        for round in 0..self.trees as u64 {
            let gradients: Vec<(f64, f64)> = (0..rows)
                .into_par_iter()
                .with_min_len(4096)
                .map(|i| {
                    let (g, h) = self.objective.gradient(y[i], margins[i]);
                    (g * weights[i], h * weights[i])
                })
                .collect();
            let quantized = Quantized::of(&gradients);
            let seed = mix(self.seed ^ mix(round));
            let blocks = Picker::new(seed ^ 1).choose(training.data.blocks(), self.feature_share);
            picked.clear();
            let bar = (self.row_share * u64::MAX as f64) as u64;
            picked.extend((0..rows as u32).filter(|&row| mix(seed ^ u64::from(row)) <= bar));
            let soil = Soil {
                data: training.data,
                bins: training.bins,
                params: self,
                gradients: &gradients,
                quantized: &quantized,
                blocks: &blocks,
            };
            let grown = grow(&soil, &mut picked);
            margins
                .par_iter_mut()
                .with_min_len(4096)
                .enumerate()
                .for_each(|(row, margin)| *margin += grown.value(training.data, row));
            trees.push(grown.tree);
        }
        margins.iter_mut().zip(offsets).for_each(|(margin, offset)| *margin -= offset);
        Ok((Booster { objective: self.objective, features, intercept, trees }, margins))
    }
}

impl Booster {
    /// Hyperparameters to fit a booster with.
    #[must_use]
    pub fn params(objective: Objective) -> BoosterParams {
        BoosterParams::new(objective)
    }

    /// The objective it was fitted to.
    #[must_use]
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// Its trees.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// The margin before any tree.
    #[must_use]
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// Number of features of a row.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// The margin of a row of features (length [`Booster::features`]), without its offset.
    #[must_use]
    pub fn margin(&self, row: &[f32]) -> f64 {
        self.trees.iter().fold(self.intercept, |margin, tree| margin + tree.value(row))
    }

    /// The margins of a matrix (rows × features).
    #[must_use]
    pub fn margins(&self, x: ArrayView2<'_, f32>) -> Vec<f64> {
        let x = x.as_standard_layout();
        let row = |i: usize| x.row(i).to_slice().map_or(f64::NAN, |row| self.margin(row));
        (0..x.nrows()).into_par_iter().with_min_len(256).map(row).collect()
    }

    /// Whether every tree can be walked; asked when a bundle is loaded.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.intercept.is_finite() && self.trees.iter().all(|tree| tree.is_sound(self.features))
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
        for (mean, margin) in y.iter_mut().zip(self.margins(x.view())) {
            *mean = self.objective.mean(margin);
        }
    }

    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<f64> {
        Array1::zeros(x.nrows())
    }
}

/// Fits a booster to plain arrays: the shortest way in.
///
/// # Errors
/// [`Error`] of the hyperparameters or of the fit.
pub fn fit(params: BoosterParams, x: Array2<f32>, y: Array1<f64>) -> Result<Booster, Error> {
    params.check()?.fit(&Dataset::new(x, y))
}

#[cfg(test)]
mod tests {
    use super::*;
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
