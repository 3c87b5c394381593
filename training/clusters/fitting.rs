//! Finding groups with linfa.

use homing_models::clusters::{Method, Normal};
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::{GaussianMixtureModel, KMeans, KMeansInit};
use ndarray::{Array2, ArrayView2};

use crate::error::Error;

/// A group: its centre and, in a mixture, its distribution.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub centre: Vec<f64>,
    pub normal: Option<Normal>,
}

/// Iterations at most.
const ITERATIONS: u64 = 100;
/// Added to each variance of a mixture: counts and shares pile up on single values.
const LEAST_VARIANCE: f64 = 0.01;

/// Groups found from several starts, the best of them. The seed moves the order of the rows, by which linfa's own seed
/// draws others.
///
/// # Errors
/// [`Error::Clusters`] for fewer than two customers a group, and where linfa fails.
pub(super) fn fit(
    method: Method,
    k: usize,
    places: &Array2<f64>,
    starts: usize,
    seed: u64,
) -> Result<Vec<Group>, Error> {
    if places.nrows() < 2 * k {
        return Err(Error::Clusters(format!("{} customers are too few for {k} clusters", places.nrows())));
    }
    let shift = (seed % places.nrows() as u64) as usize;
    let order: Vec<usize> = (0..places.nrows()).map(|row| (row + shift) % places.nrows()).collect();
    let data = DatasetBase::from(places.select(ndarray::Axis(0), &order));
    match method {
        Method::KMeans => {
            let params = KMeans::params(k).n_runs(starts).max_n_iterations(ITERATIONS).tolerance(1e-3);
            let model = params.fit(&data).map_err(failed)?;
            Ok(centres(model.centroids().view()))
        }
        Method::GaussianMixture => {
            let params = GaussianMixtureModel::params(k)
                .n_runs(1)
                .max_n_iterations(ITERATIONS)
                .tolerance(1e-3)
                .reg_covariance(LEAST_VARIANCE);
            let model = params.fit(&data).map_err(failed)?;
            let normals = model.precisions().outer_iter().zip(model.weights());
            let normals = normals.map(|(precision, &weight)| normal(precision, weight));
            let centres = centres(model.means().view()).into_iter().zip(normals);
            let none = || Error::Clusters("a cluster's covariance is not positive".to_owned());
            centres
                .map(|(group, normal)| Ok(Group { normal: Some(normal.ok_or_else(none)?), ..group }))
                .collect()
        }
    }
}

/// k-means that goes on from these centres; `None` for a mixture, which linfa cannot start from anywhere.
///
/// # Errors
/// [`Error::Clusters`] where linfa fails.
pub(super) fn fit_from(
    method: Method,
    from: &[Vec<f64>],
    places: &Array2<f64>,
) -> Result<Option<Vec<Group>>, Error> {
    if method != Method::KMeans {
        return Ok(None);
    }
    let start = Array2::from_shape_fn((from.len(), places.ncols()), |(group, column)| from[group][column]);
    let params = KMeans::params(from.len())
        .n_runs(1)
        .max_n_iterations(ITERATIONS)
        .tolerance(1e-3)
        .init_method(KMeansInit::Precomputed(start));
    let model = params.fit(&DatasetBase::from(places.view())).map_err(failed)?;
    Ok(Some(centres(model.centroids().view())))
}

fn failed(cause: impl std::fmt::Display) -> Error {
    Error::Clusters(cause.to_string())
}

/// The mean squared distance to the nearest centre.
pub(super) fn spread(groups: &[Group], places: &Array2<f64>) -> f64 {
    let nearest = |row: ndarray::ArrayView1<'_, f64>| {
        let far = |group: &Group| group.centre.iter().zip(row).map(|(c, x)| (c - x) * (c - x)).sum::<f64>();
        groups.iter().map(far).fold(f64::INFINITY, f64::min)
    };
    places.rows().into_iter().map(nearest).sum::<f64>() / places.nrows().max(1) as f64
}

fn centres(centres: ArrayView2<'_, f64>) -> Vec<Group> {
    centres.rows().into_iter().map(|row| Group { centre: row.to_vec(), normal: None }).collect()
}

/// A distribution from its precision; `None` where that is none.
fn normal(precision: ArrayView2<'_, f64>, weight: f64) -> Option<Normal> {
    // The determinant by Cholesky's factor.
    let n = precision.nrows();
    let mut factor = vec![0.0; n * n];
    let mut log_determinant = 0.0;
    for i in 0..n {
        for j in 0..=i {
            let inner: f64 = (0..j).map(|l| factor[i * n + l] * factor[j * n + l]).sum();
            let rest = precision[(i, j)] - inner;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                factor[i * n + i] = rest.sqrt();
                log_determinant += rest.ln();
            } else {
                factor[i * n + j] = rest / factor[j * n + j];
            }
        }
    }
    let log_weight = weight.ln() + 0.5 * log_determinant;
    log_weight.is_finite().then(|| Normal { log_weight, precision: precision.iter().copied().collect() })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_precision_has_its_determinant() {
        let found = normal(array![[4.0, 1.0], [1.0, 9.0]].view(), 0.5).unwrap();
        assert!((found.log_weight - (0.5f64.ln() + 0.5 * 35f64.ln())).abs() < 1e-12);
        assert!(normal(array![[1.0, 2.0], [2.0, 1.0]].view(), 0.5).is_none(), "not positive");
    }
}
