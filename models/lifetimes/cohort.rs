//! A sample of customers compressed to its unique rows, which lifetime models are fitted to.

use rayon::prelude::*;

use super::{Error, Recency};

/// Rows of one parallel task. Fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 4096;

/// Sums `row(i)` over `0..rows` in parallel. Chunks have a fixed size and are added in order: the result is
/// the same to the bit for any number of threads.
pub(super) fn sum_rows<const N: usize>(rows: usize, row: impl Fn(usize, &mut [f64; N]) + Sync) -> [f64; N] {
    let chunk = |c: usize| {
        let mut sums = [0.0; N];
        for i in c * CHUNK..rows.min((c + 1) * CHUNK) {
            row(i, &mut sums);
        }
        sums
    };
    let chunks = rows.div_ceil(CHUNK);
    if chunks <= 1 {
        return chunk(0);
    }
    let parts: Vec<[f64; N]> = (0..chunks).into_par_iter().map(chunk).collect();
    parts.iter().fold([0.0; N], |mut total, part| {
        total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
        total
    })
}

/// Customers counted by unique `(x, t_x, T)`, sorted, with weights: likelihoods are evaluated once a row.
///
/// ```
/// use homing_models::lifetimes::{Cohort, Recency};
///
/// let twins = Cohort::from_customers(&[Recency::new(1, 5.0, 20.0), Recency::new(1, 5.0, 20.0)])?;
/// assert_eq!((twins.rows().len(), twins.total_weight()), (1, 2.0));
/// # Ok::<(), homing_models::lifetimes::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Cohort {
    rows: Vec<Recency>,
    weights: Vec<f64>,
    total_weight: f64,
    log_gaps: Option<f64>,
}

impl Cohort {
    /// Counts `customers` by unique rows; each has weight 1. Rows are [`Recency::normalized`].
    ///
    /// # Errors
    /// [`Error::NonFinite`] or [`Error::Negative`] with the row, [`Error::Empty`] without a customer.
    pub fn from_customers(customers: &[Recency]) -> Result<Self, Error> {
        let first = customers.par_iter().position_first(|c| !usable(c));
        if let Some((row, customer)) = first.and_then(|row| customers.get(row).map(|c| (row, c))) {
            check(row, customer)?;
        }
        let mut rows: Vec<Recency> = customers.par_iter().map(|c| c.normalized()).collect();
        rows.par_sort_unstable_by_key(key);
        Self::from_sorted(rows.into_iter().map(|row| (row, 1.0)))
    }

    /// Counts customers by unique rows, each with its own weight (0 leaves it out).
    ///
    /// # Errors
    /// [`Error::NonFinite`] or [`Error::Negative`] with the row, [`Error::Empty`] if no weight is left.
    pub fn from_weighted(customers: &[(Recency, f64)]) -> Result<Self, Error> {
        let mut rows = Vec::with_capacity(customers.len());
        for (row, (customer, weight)) in customers.iter().enumerate() {
            check(row, customer)?;
            check_value(row, "weight", *weight)?;
            if *weight > 0.0 {
                rows.push((customer.normalized(), *weight));
            }
        }
        // The weight is part of the key: equal rows are then added in the same order, whatever order they came in.
        rows.par_sort_unstable_by_key(|(row, weight)| (key(row), weight.to_bits()));
        Self::from_sorted(rows.into_iter())
    }

    fn from_sorted(sorted: impl Iterator<Item = (Recency, f64)>) -> Result<Self, Error> {
        let mut rows: Vec<Recency> = Vec::new();
        let mut weights: Vec<f64> = Vec::new();
        for (row, weight) in sorted {
            match (rows.last(), weights.last_mut()) {
                (Some(last), Some(sum)) if *last == row => *sum += weight,
                _ => {
                    rows.push(row);
                    weights.push(weight);
                }
            }
        }
        let total_weight = weights.iter().sum();
        if rows.is_empty() {
            return Err(Error::Empty { sample: "cohort" });
        }
        Ok(Self { rows, weights, total_weight, log_gaps: None })
    }

    /// Adds the sum, over all customers (times their weights) and their repeat purchases, of the logarithm of
    /// the gap to the purchase before, in the cohort's unit of time.
    ///
    /// Only the choice of `k` needs it ([`BetaGeometric::fit_regularity`](super::BetaGeometric::fit_regularity)):
    /// it is a constant in all other parameters (Platzer & Reutterer 2016, eq. 4).
    #[must_use]
    pub fn with_log_gaps(mut self, total: f64) -> Self {
        self.log_gaps = Some(total);
        self
    }

    /// Unique rows, ascending in (x, t_x, T).
    pub fn rows(&self) -> &[Recency] {
        &self.rows
    }

    /// Weight of each unique row: the number of customers that share it.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Sum of the weights: the number of customers.
    pub fn total_weight(&self) -> f64 {
        self.total_weight
    }

    /// The sum given to [`Cohort::with_log_gaps`].
    pub fn log_gaps(&self) -> Option<f64> {
        self.log_gaps
    }

    /// Mean age `T`, by which fits scale time; 1 where every age is 0.
    pub(super) fn time_scale(&self) -> f64 {
        let sum =
            sum_rows(self.rows.len(), |i, sum: &mut [f64; 1]| sum[0] += self.weights[i] * self.rows[i].age);
        let mean = sum[0] / self.total_weight;
        if mean > 0.0 { mean } else { 1.0 }
    }

    /// Weighted sum of the repeat purchases.
    pub(super) fn repeats(&self) -> f64 {
        self.rows.iter().zip(&self.weights).map(|(row, w)| w * f64::from(row.frequency)).sum()
    }

    /// Of a large cohort every so many unique rows, on which to look for a start cheaply.
    pub(super) fn pilot(&self) -> Option<Self> {
        const ROWS: usize = 4_000;
        let step = self.rows.len() / ROWS;
        if step < 4 {
            return None;
        }
        let rows: Vec<Recency> = self.rows.iter().step_by(step).copied().collect();
        let weights: Vec<f64> = self.weights.iter().step_by(step).copied().collect();
        let total_weight = weights.iter().sum();
        Some(Self { rows, weights, total_weight, log_gaps: None })
    }
}

/// For a [`linfa::DatasetBase`] whose records are a cohort: samples are the unique rows, features x, t_x and T.
impl linfa::dataset::Records for Cohort {
    type Elem = f64;

    fn nsamples(&self) -> usize {
        self.rows.len()
    }

    fn nfeatures(&self) -> usize {
        3
    }
}

/// Times are not negative, so their bits sort as they do.
fn key(row: &Recency) -> (u32, u64, u64) {
    (row.frequency, row.recency.to_bits(), row.age.to_bits())
}

fn usable(row: &Recency) -> bool {
    row.recency >= 0.0 && row.recency.is_finite() && row.age >= 0.0 && row.age.is_finite()
}

fn check(row: usize, customer: &Recency) -> Result<(), Error> {
    check_value(row, "recency", customer.recency)?;
    check_value(row, "age", customer.age)
}

/// `value` has to be finite and at least 0.
pub(super) fn check_value(row: usize, field: &'static str, value: f64) -> Result<(), Error> {
    if !value.is_finite() {
        return Err(Error::NonFinite { row, field, value });
    }
    if value < 0.0 { Err(Error::Negative { row, field, value }) } else { Ok(()) }
}
