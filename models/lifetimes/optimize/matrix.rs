//! The inverse of a Hessian.

/// A symmetric matrix by rows.
pub(super) type Matrix = Vec<Vec<f64>>;

/// Inverse of a symmetric positive definite matrix by Cholesky's decomposition; none if it is not one.
pub(super) fn inverse(matrix: &Matrix) -> Option<Matrix> {
    let n = matrix.len();
    let mut lower = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let rest = matrix[i][j] - (0..j).map(|k| lower[i][k] * lower[j][k]).sum::<f64>();
            if i == j {
                // A pivot this small against its diagonal is rounding.
                if !(rest > 1e-9 * matrix[i][i].abs() && rest > 1e-14) {
                    return None;
                }
                lower[i][i] = rest.sqrt();
            } else {
                lower[i][j] = rest / lower[j][j];
            }
        }
    }
    let column = |column: usize| {
        let (mut y, mut z) = (vec![0.0; n], vec![0.0; n]);
        for i in 0..n {
            let unit = if i == column { 1.0 } else { 0.0 };
            y[i] = (unit - (0..i).map(|k| lower[i][k] * y[k]).sum::<f64>()) / lower[i][i];
        }
        for i in (0..n).rev() {
            z[i] = (y[i] - (i + 1..n).map(|k| lower[k][i] * z[k]).sum::<f64>()) / lower[i][i];
        }
        z
    };
    // Symmetric, so that columns are rows.
    Some((0..n).map(column).collect())
}
