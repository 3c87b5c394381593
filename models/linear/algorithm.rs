//! Fitting: damped Newton steps whose Hessian is taken from a part of the rows.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::solve::Cholesky;
use super::{Error, Evened, Linear, SILENT, log};
use crate::boosting::sigmoid;

/// Rows that are summed together; sums are added in order, so threads change nothing.
const CHUNK: usize = 2048;

/// About this many rows shape the Hessian: enough for its direction, a fraction of its price.
const HESSIAN_ROWS: usize = 6000;

/// Most steps; a fit ends when no coefficient moves by more than [`STILL`].
const MAX_STEPS: usize = 30;
const STILL: f64 = 1e-4;

/// L2 penalty on the base rate of a group: keeps one without outcomes finite.
const GROUP_PENALTY: f64 = 1.0;

impl Linear {
    /// Fits a matrix (rows × features) to outcomes, with an L2 penalty as if each coefficient had been seen
    /// at 0 with strength `l2`. Rows of one `group` (numbers from 0; snapshots) share a base rate of their own, which
    /// is left out of the margin: what moves all of them together teaches the coefficients nothing.
    ///
    /// Newton's method (iteratively reweighted least squares) with a Hessian from a part of the rows, as in Byrd, Chin,
    /// Neveitt & Nocedal (2011), "On the Use of Stochastic Hessian Information in Optimization Methods for Machine
    /// Learning"; the gradient is exact, so the solution is that of all rows.
    ///
    /// `signs` say how the margin must move with each feature, as those of a booster do: 1 never down, -1 never up, 0 freely
    /// (also past their end). A feature that would move it the other way is left out.
    ///
    /// # Errors
    /// [`Error`] when all outcomes are alike or the solver fails.
    pub fn fit(
        x: ArrayView2<'_, f32>,
        groups: &[u32],
        bought: &[bool],
        l2: f64,
        signs: &[i8],
    ) -> Result<Linear, Error> {
        let (rows, features) = x.dim();
        if bought.iter().all(|&b| b) || bought.iter().all(|&b| !b) {
            return Err(Error::OneClass(rows));
        }
        let evened: Vec<Evened> = x.columns().into_iter().map(Evened::of_column).collect();
        // Constants say nothing: they are left out of the matrix.
        let mut told: Vec<usize> = (0..features).filter(|&j| evened[j].scale < SILENT).collect();
        let sign = |j: usize| f64::from(signs.get(j).copied().unwrap_or(0));
        let (problem, beta) = loop {
            let mut problem = Problem::new(x, &evened, &told, groups, bought, l2);
            let beta = problem.solve()?;
            let before = told.len();
            let mut wrong = beta.iter().zip(told.clone()).map(|(b, j)| b * sign(j) < 0.0);
            told.retain(|_| !wrong.next().unwrap_or(false));
            drop(wrong);
            if told.len() == before {
                break (problem, beta);
            }
        };
        let mut coefficients = vec![0.0; features];
        for (&feature, c) in told.iter().zip(&beta) {
            coefficients[feature] = *c;
        }
        Ok(Linear { evened, coefficients, intercept: problem.intercept(&beta) })
    }
}

impl Evened {
    fn of_column(column: ndarray::ArrayView1<'_, f32>) -> Self {
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
    }
}

/// Penalised logistic regression with a base rate for each group.
struct Problem<'a> {
    /// Rows × width, each column centred within each group, so that base rates and coefficients hardly interact.
    matrix: Vec<f64>,
    width: usize,
    bought: &'a [bool],
    group: Vec<usize>,
    /// The mean of each column in each group, before centring (groups × width).
    means: Vec<f64>,
    sizes: Vec<f64>,
    base_rates: Vec<f64>,
    l2: f64,
}

/// What one pass over the rows sums up.
#[derive(Clone)]
struct Sums {
    loss: f64,
    gradient: Vec<f64>,
    /// Residual and weight of each group.
    groups: Vec<(f64, f64)>,
}

impl<'a> Problem<'a> {
    fn new(
        x: ArrayView2<'_, f32>,
        evened: &[Evened],
        told: &[usize],
        groups: &[u32],
        bought: &'a [bool],
        l2: f64,
    ) -> Self {
        let (rows, width) = (x.nrows(), told.len());
        let group: Vec<usize> = (0..rows).map(|i| groups.get(i).map_or(0, |&g| g as usize)).collect();
        let count = group.iter().max().map_or(1, |most| most + 1);
        let mut matrix = vec![0.0; rows * width];
        matrix.par_chunks_mut(width.max(1)).enumerate().for_each(|(i, out)| {
            for (out, &j) in out.iter_mut().zip(told) {
                *out = evened[j].of(x[(i, j)]);
            }
        });
        let mut means = vec![0.0; count * width];
        let mut sizes = vec![0.0; count];
        for (row, &g) in matrix.chunks_exact(width.max(1)).zip(&group) {
            sizes[g] += 1.0;
            means[g * width..(g + 1) * width].iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
        }
        for (means, size) in means.chunks_exact_mut(width.max(1)).zip(&sizes) {
            means.iter_mut().for_each(|mean| *mean /= f64::max(*size, 1.0));
        }
        matrix.par_chunks_mut(width.max(1)).zip(&group).for_each(|(row, &g)| {
            row.iter_mut().zip(&means[g * width..(g + 1) * width]).for_each(|(v, mean)| *v -= mean);
        });
        Problem { matrix, width, bought, group, means, sizes, base_rates: vec![0.0; count], l2 }
    }

    fn rows(&self) -> usize {
        self.group.len()
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.matrix[i * self.width..(i + 1) * self.width]
    }

    /// Loss, gradient and group sums at these coefficients and base rates.
    fn sums(&self, beta: &[f64], base_rates: &[f64]) -> Sums {
        let chunks: Vec<Sums> = (0..self.rows().div_ceil(CHUNK))
            .into_par_iter()
            .map(|chunk| {
                let mut sums = Sums {
                    loss: 0.0,
                    gradient: vec![0.0; self.width],
                    groups: vec![(0.0, 0.0); base_rates.len()],
                };
                for i in chunk * CHUNK..((chunk + 1) * CHUNK).min(self.rows()) {
                    let (row, g) = (self.row(i), self.group[i]);
                    let z = base_rates[g] + dot(row, beta);
                    let p = sigmoid(z);
                    let signed = if self.bought[i] { -z } else { z };
                    sums.loss += signed.max(0.0) + (-signed.abs()).exp().ln_1p();
                    let residual = p - f64::from(u8::from(self.bought[i]));
                    sums.gradient.iter_mut().zip(row).for_each(|(sum, v)| *sum += residual * v);
                    let group = &mut sums.groups[g];
                    *group = (group.0 + residual, group.1 + p * (1.0 - p));
                }
                sums
            })
            .collect();
        let mut total = Sums {
            loss: 0.5 * self.l2 * dot(beta, beta) + 0.5 * GROUP_PENALTY * dot(base_rates, base_rates),
            gradient: beta.iter().map(|b| self.l2 * b).collect(),
            groups: base_rates.iter().map(|c| (GROUP_PENALTY * c, GROUP_PENALTY)).collect(),
        };
        for part in chunks {
            total.loss += part.loss;
            total.gradient.iter_mut().zip(part.gradient).for_each(|(sum, v)| *sum += v);
            total.groups.iter_mut().zip(part.groups).for_each(|(sum, v)| *sum = (sum.0 + v.0, sum.1 + v.1));
        }
        total
    }

    /// The Hessian of the coefficients, scaled up from every n-th row.
    fn hessian(&self, beta: &[f64]) -> Vec<f64> {
        let step = self.rows().div_ceil(HESSIAN_ROWS).max(1);
        let picked: Vec<usize> = (0..self.rows()).step_by(step).collect();
        let width = self.width;
        let scale = self.rows() as f64 / picked.len().max(1) as f64;
        let parts: Vec<Vec<f64>> = picked
            .par_chunks(CHUNK)
            .map(|rows| {
                let mut sum = vec![0.0; width * width];
                for &i in rows {
                    let row = self.row(i);
                    let p = sigmoid(self.base_rates[self.group[i]] + dot(row, beta));
                    let weight = scale * p * (1.0 - p);
                    for (j, line) in sum.chunks_exact_mut(width.max(1)).enumerate() {
                        let v = weight * row[j];
                        line[..=j].iter_mut().zip(row).for_each(|(sum, x)| *sum += v * x);
                    }
                }
                sum
            })
            .collect();
        let mut total = vec![0.0; width * width];
        for part in parts {
            total.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
        for j in 0..width {
            total[j * width + j] += self.l2.max(1e-6);
        }
        total
    }

    fn solve(&mut self) -> Result<Vec<f64>, Error> {
        let mut beta = vec![0.0; self.width];
        for (g, rate) in self.base_rates.iter_mut().enumerate() {
            let rows = self.group.iter().zip(self.bought).filter(|&(&of, _)| of == g);
            let bought = rows.filter(|&(_, &bought)| bought).count() as f64;
            *rate = ((bought + 0.5) / (self.sizes[g] - bought + 0.5)).ln();
        }
        let mut sums = self.sums(&beta, &self.base_rates);
        for step in 0..MAX_STEPS {
            let factor = Cholesky::of(self.hessian(&beta), self.width)?;
            let direction = factor.solve(&sums.gradient);
            let shifts: Vec<f64> = sums.groups.iter().map(|(g, h)| g / h.max(1e-9)).collect();
            let mut length = 1.0;
            let next = loop {
                let moved: Vec<f64> = beta.iter().zip(&direction).map(|(b, d)| b - length * d).collect();
                let rates: Vec<f64> =
                    self.base_rates.iter().zip(&shifts).map(|(c, d)| c - length * d).collect();
                let next = self.sums(&moved, &rates);
                if next.loss <= sums.loss || length < 1e-3 {
                    break (moved, rates, next);
                }
                length *= 0.5;
            };
            if next.2.loss > sums.loss {
                break;
            }
            (beta, self.base_rates, sums) = next;
            let largest =
                direction.iter().chain(&shifts).fold(0.0, |most: f64, d| most.max((length * d).abs()));
            if largest < STILL && step > 0 {
                break;
            }
        }
        Ok(beta)
    }

    /// The mean base rate of the groups, with what centring took out put back.
    fn intercept(&self, beta: &[f64]) -> f64 {
        let means = self.means.chunks_exact(self.width.max(1));
        let each = self.base_rates.iter().zip(means.chain(std::iter::repeat(&[][..]))).zip(&self.sizes);
        each.map(|((rate, means), size)| size * (rate - dot(means, beta))).sum::<f64>()
            / self.sizes.iter().sum::<f64>().max(1.0)
    }
}

/// Σ a·b in four lanes, which the compiler can work on side by side.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a4.remainder().iter().zip(b4.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a4.zip(b4) {
        for lane in 0..4 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes[0] + lanes[1] + (lanes[2] + lanes[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::mix;
    use ndarray::Array2;

    fn unit(i: usize, j: u64) -> f64 {
        mix(mix(i as u64) ^ j) as f64 / u64::MAX as f64
    }

    #[test]
    fn finds_direction_and_base_rate_whichever_class_is_larger() {
        for shift in [-1.5, 1.5] {
            let x = Array2::from_shape_fn(
                (20_000, 3),
                |(i, j)| if j == 2 { 1.0 } else { unit(i, j as u64) as f32 },
            );
            let p = |i: usize| sigmoid(shift + 3.0 * (unit(i, 0) - 0.5));
            let bought: Vec<bool> = (0..20_000).map(|i| unit(i, 9) < p(i)).collect();
            let linear = Linear::fit(x.view(), &[], &bought, 1.0, &[]).unwrap();
            let mean =
                (0..20_000).map(|i| sigmoid(linear.margin(&x.row(i).to_vec()))).sum::<f64>() / 20_000.0;
            let share = bought.iter().filter(|&&b| b).count() as f64 / 20_000.0;
            assert!((mean - share).abs() < 0.01, "{mean} {share}");
            assert!(linear.margin(&[0.9, 0.5, 1.0]) > linear.margin(&[0.1, 0.5, 1.0]) + 1.5);
            assert!(linear.margin(&[f32::NAN, f32::NAN, 7.0]).is_finite());
        }
        let x = Array2::<f32>::zeros((10, 3));
        assert!(matches!(Linear::fit(x.view(), &[], &[true; 10], 1.0, &[]), Err(Error::OneClass(10))));
    }

    #[test]
    fn base_rates_of_groups_teach_the_coefficients_nothing() {
        // The feature is higher in the group that buys more, and says nothing within a group.
        let group = |i: usize| u32::from(i.is_multiple_of(2));
        let x = Array2::from_shape_fn((20_000, 1), |(i, _)| (unit(i, 0) + 3.0 * f64::from(group(i))) as f32);
        let groups: Vec<u32> = (0..20_000).map(group).collect();
        let bought: Vec<bool> = (0..20_000).map(|i| unit(i, 9) < 0.2 + 0.5 * f64::from(group(i))).collect();
        let linear = Linear::fit(x.view(), &groups, &bought, 1.0, &[]).unwrap();
        assert!((linear.margin(&[0.9]) - linear.margin(&[0.1])).abs() < 0.15);
        let pooled = Linear::fit(x.view(), &[], &bought, 1.0, &[]).unwrap();
        assert!(pooled.margin(&[3.5]) - pooled.margin(&[0.5]) > 1.5);
    }

    #[test]
    fn threads_change_nothing() {
        let x = Array2::from_shape_fn((9000, 5), |(i, j)| unit(i, j as u64) as f32);
        let groups: Vec<u32> = (0..9000).map(|i| i as u32 / 3000).collect();
        let bought: Vec<bool> = (0..9000).map(|i| unit(i, 9) < unit(i, 0)).collect();
        let fit_on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Linear::fit(x.view(), &groups, &bought, 5.0, &[]).unwrap())
        };
        assert_eq!(fit_on(1), fit_on(3));
    }

    #[test]
    fn a_feature_that_would_move_the_wrong_way_is_left_out() {
        let x = Array2::from_shape_fn((9000, 2), |(i, j)| unit(i, j as u64) as f32);
        let bought: Vec<bool> = (0..9000).map(|i| unit(i, 9) > 0.7 * unit(i, 0) + 0.2 * unit(i, 1)).collect();
        let fit = |signs: &[i8]| Linear::fit(x.view(), &[], &bought, 5.0, signs).unwrap();
        let moved = |model: &Linear| model.margin(&[0.9, 0.5]) - model.margin(&[0.1, 0.5]);
        assert!(moved(&fit(&[])) < -1.0 && moved(&fit(&[-1, 0])) < -1.0);
        assert_eq!(moved(&fit(&[1, 0])), 0.0);
        assert!(fit(&[1, 0]).margin(&[0.5, 0.9]) < fit(&[1, 0]).margin(&[0.5, 0.1]));
    }
}
