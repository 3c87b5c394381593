//! Customers with their covariates, as a fit reads them.

use std::cmp::Ordering;

use ndarray::{ArrayView2, Axis};

use super::super::{Cohort, Error, Recency};
use super::Covariate;

/// Customers counted by unique covariates and, within these, by unique `(x, t_x, T)`.
#[derive(Clone, Debug, PartialEq)]
pub struct CovariateCohort {
    pub(super) covariates: Vec<Covariate>,
    /// Mean and standard deviation of each covariate over the customers; a deviation of 0 where it is constant.
    pub(super) scales: Vec<(f64, f64)>,
    pub(super) groups: Vec<Group>,
    /// All of them, without covariates.
    pub(super) pooled: Cohort,
}

/// Customers with equal covariates.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// Standardized: less the mean, over the deviation; 0 where the covariate is constant.
    pub values: Vec<f64>,
    pub cohort: Cohort,
}

impl CovariateCohort {
    /// Counts `customers`, whose covariates are the rows of `values` (customers × covariates).
    ///
    /// # Errors
    /// [`Error::Shape`] where rows or columns do not match, [`Error::Covariate`] with row and name for a value that
    /// is not finite, and those of [`Cohort::from_customers`].
    pub fn from_customers(
        covariates: Vec<Covariate>,
        customers: &[Recency],
        values: ArrayView2<'_, f64>,
    ) -> Result<Self, Error> {
        let (wanted, found) = ([customers.len(), covariates.len()], [values.nrows(), values.ncols()]);
        if wanted != found {
            return Err(Error::Shape { wanted, found });
        }
        for (row, of_row) in values.axis_iter(Axis(0)).enumerate() {
            for (covariate, &value) in covariates.iter().zip(of_row) {
                if !value.is_finite() {
                    return Err(Error::Covariate { row, name: covariate.name.clone(), value });
                }
            }
        }
        let pooled = Cohort::from_customers(customers)?;
        let scales: Vec<(f64, f64)> =
            values.axis_iter(Axis(1)).map(|column| scale(&column.to_vec())).collect();
        let row = |i: usize| values.row(i).to_vec();
        let mut keyed: Vec<(Vec<f64>, Recency)> =
            customers.iter().enumerate().map(|(i, customer)| (row(i), *customer)).collect();
        keyed.sort_by(|(one, _), (other, _)| ascending(one, other));
        let groups = keyed
            .chunk_by(|(one, _), (other, _)| ascending(one, other) == Ordering::Equal)
            .map(|group| {
                let rows: Vec<Recency> = group.iter().map(|(_, customer)| *customer).collect();
                let raw = group.first().map_or(&[][..], |(values, _)| values);
                Ok(Group { values: standardized(raw, &scales), cohort: Cohort::from_customers(&rows)? })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { covariates, scales, groups, pooled })
    }

    /// The covariates.
    pub fn covariates(&self) -> &[Covariate] {
        &self.covariates
    }

    /// The same customers without their covariates.
    pub fn pooled(&self) -> &Cohort {
        &self.pooled
    }

    /// Number of different rows of covariates.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }
}

/// For a [`linfa::DatasetBase`]: samples are the unique rows, features x, t_x, T and the covariates.
impl linfa::dataset::Records for CovariateCohort {
    type Elem = f64;

    fn nsamples(&self) -> usize {
        self.groups.iter().map(|group| group.cohort.rows().len()).sum()
    }

    fn nfeatures(&self) -> usize {
        3 + self.covariates.len()
    }
}

fn ascending(one: &[f64], other: &[f64]) -> Ordering {
    let each = one.iter().zip(other).map(|(a, b)| a.total_cmp(b));
    each.fold(Ordering::Equal, Ordering::then)
}

/// Mean and standard deviation, taken so that neither overflows; a deviation that is only rounding is 0.
fn scale(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let largest = values.iter().fold(0.0, |m, v| f64::max(m, v.abs()));
    if largest == 0.0 {
        return (0.0, 0.0);
    }
    let mean = values.iter().map(|v| v / largest).sum::<f64>() / n;
    let variance = values.iter().map(|v| (v / largest - mean) * (v / largest - mean)).sum::<f64>() / n;
    let deviation = variance.sqrt();
    (mean * largest, if deviation > 1e-12 { deviation * largest } else { 0.0 })
}

fn standardized(values: &[f64], scales: &[(f64, f64)]) -> Vec<f64> {
    let each = values.iter().zip(scales);
    each.map(|(v, &(mean, deviation))| if deviation > 0.0 { (v - mean) / deviation } else { 0.0 }).collect()
}
