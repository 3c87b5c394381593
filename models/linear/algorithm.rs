//! Fitting with linfa-logistic.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, ArrayView2};

use super::{Error, Evened, Linear, SILENT, log};

impl Linear {
    /// Fits a matrix (rows × features) to outcomes, with an L2 penalty as if each coefficient had been seen
    /// at 0 with strength `l2`. Rows of one `group` (numbers from 0; snapshots) share a level of their own, which
    /// is left out of the margin: what moves all of them together teaches the coefficients nothing.
    ///
    /// # Errors
    /// [`Error`] when all outcomes are alike or the solver fails.
    pub fn fit(x: ArrayView2<'_, f32>, groups: &[u32], bought: &[bool], l2: f64) -> Result<Linear, Error> {
        let (rows, features) = x.dim();
        let levels = groups.iter().max().map_or(0, |&most| most as usize + 1);
        if bought.iter().all(|&b| b) || bought.iter().all(|&b| !b) {
            return Err(Error::OneClass(rows));
        }
        let evened: Vec<Evened> = x
            .columns()
            .into_iter()
            .map(|column| {
                let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
                for &x in column.iter().filter(|x| !x.is_nan()) {
                    let v = log(x);
                    n += 1.0;
                    sum += v;
                    squares += v * v;
                }
                let mean = if n > 0.0 { sum / n } else { 0.0 };
                let variance = if n > 0.0 { squares / n - mean * mean } else { 0.0 };
                Evened { mean, scale: if variance > 1e-8 { variance.sqrt() } else { SILENT } }
            })
            .collect();
        // Constants say nothing: they are left out of the matrix.
        let told: Vec<usize> = (0..features).filter(|&j| evened[j].scale < SILENT).collect();
        let width = told.len();
        let matrix = Array2::from_shape_fn((rows, width + levels), |(i, j)| match j.checked_sub(width) {
            None => evened[told[j]].of(x[(i, told[j])]),
            Some(group) => f64::from(u8::from(groups.get(i).is_some_and(|&g| g as usize == group))),
        });
        let targets = Array1::from_iter(bought.iter().copied());
        let fitted = LogisticRegression::default()
            .alpha(l2)
            .max_iterations(100)
            .gradient_tolerance(1e-3)
            .fit(&Dataset::new(matrix, targets))?;
        // linfa calls one of the two classes "positive" by its own rule.
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        let mut coefficients = vec![0.0; features];
        for (&feature, c) in told.iter().zip(fitted.params()) {
            coefficients[feature] = c * sign;
        }
        Ok(Linear { evened, coefficients, intercept: fitted.intercept() * sign })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boosting::sigmoid;
    use crate::sampling::mix;

    #[test]
    fn finds_direction_and_level_whichever_class_is_larger() {
        let unit = |i: usize, j: u64| mix(mix(i as u64) ^ j) as f64 / u64::MAX as f64;
        for shift in [-1.5, 1.5] {
            let x = Array2::from_shape_fn(
                (20_000, 3),
                |(i, j)| if j == 2 { 1.0 } else { unit(i, j as u64) as f32 },
            );
            let p = |i: usize| sigmoid(shift + 3.0 * (unit(i, 0) - 0.5));
            let bought: Vec<bool> = (0..20_000).map(|i| unit(i, 9) < p(i)).collect();
            let linear = Linear::fit(x.view(), &[], &bought, 1.0).unwrap();
            let mean =
                (0..20_000).map(|i| sigmoid(linear.margin(&x.row(i).to_vec()))).sum::<f64>() / 20_000.0;
            let share = bought.iter().filter(|&&b| b).count() as f64 / 20_000.0;
            assert!((mean - share).abs() < 0.01, "{mean} {share}");
            assert!(linear.margin(&[0.9, 0.5, 1.0]) > linear.margin(&[0.1, 0.5, 1.0]) + 1.5);
            assert!(linear.margin(&[f32::NAN, f32::NAN, 7.0]).is_finite());
        }
        let x = Array2::<f32>::zeros((10, 3));
        assert!(matches!(Linear::fit(x.view(), &[], &[true; 10], 1.0), Err(Error::OneClass(10))));
    }
}
