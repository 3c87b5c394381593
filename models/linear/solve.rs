//! Linear equations with a symmetric positive definite matrix.

use super::Error;

/// The Cholesky factor of a matrix: A = L·Lᵀ.
pub(super) struct Cholesky {
    /// L, row after row; only its lower triangle is used.
    lower: Vec<f64>,
    size: usize,
}

impl Cholesky {
    /// Factors a matrix of `size` rows, of which the lower triangle is read.
    ///
    /// # Errors
    /// [`Error::NotPositive`] where it is not positive definite.
    pub fn of(mut a: Vec<f64>, size: usize) -> Result<Self, Error> {
        for i in 0..size {
            for j in 0..=i {
                let (before, row) = a.split_at(i * size);
                let own = &row[..=i];
                let other = if j < i { &before[j * size..j * size + j] } else { &own[..j] };
                let sum = own[j] - own[..j].iter().zip(other).map(|(x, y)| x * y).sum::<f64>();
                let value = if j < i {
                    sum / before[j * size + j]
                } else if sum > 0.0 {
                    sum.sqrt()
                } else {
                    return Err(Error::NotPositive { column: i });
                };
                a[i * size + j] = value;
            }
        }
        Ok(Cholesky { lower: a, size })
    }

    /// x with A·x = b.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let (n, l) = (self.size, &self.lower);
        let mut x = b.to_vec();
        for i in 0..n {
            let sum: f64 = (0..i).map(|j| l[i * n + j] * x[j]).sum();
            x[i] = (x[i] - sum) / l[i * n + i];
        }
        for i in (0..n).rev() {
            let sum: f64 = (i + 1..n).map(|j| l[j * n + i] * x[j]).sum();
            x[i] = (x[i] - sum) / l[i * n + i];
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_and_refuses_what_is_not_positive() {
        let factor = Cholesky::of(vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0], 3).unwrap();
        let x = factor.solve(&[11.0, 21.0, 25.0]);
        for (found, expected) in x.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{x:?}");
        }
        assert!(matches!(Cholesky::of(vec![1.0, 0.0, 2.0, 1.0], 2), Err(Error::NotPositive { column: 1 })));
    }
}
