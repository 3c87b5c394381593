//! Training rows: one customer at one cutoff, with features and label.

use std::ops::Range;

use homing_datasets::guards::Closures;
use homing_datasets::{Histories, Micros, Zone};
use homing_models::customer::{Row, open_days, recency_of};
use homing_models::features::{COUNT, F, Scratch, compute};
use homing_models::lifetimes::Recency;
use homing_models::sampling::{mix, mix_text};
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::labels::{Label, label};

/// Rows of customers at cutoffs: features, what the lifetime models need, and labels. All columns have one length.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Features of each row, in the order of [`homing_models::features::SPECS`]; NaN is unknown.
    pub features: Vec<[f32; COUNT]>,
    /// Orders as the lifetime models count them, times in days.
    pub recency: Vec<Recency>,
    /// Mean order value, in the business's currency.
    pub order_value: Vec<f64>,
    /// Position of the cutoff in the plan; ascending.
    pub snapshot: Vec<u32>,
    /// The customer, as its position among the histories.
    pub customer: Vec<u32>,
    /// What the customer did in the holdout window; empty where no horizon was given.
    pub labels: Vec<Label>,
}

impl Rows {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.recency.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recency.is_empty()
    }

    /// What the estimators see of a row.
    #[must_use]
    pub fn row(&self, at: usize) -> Row<'_> {
        Row { x: &self.features[at], recency: self.recency[at], order_value: self.order_value[at] }
    }

    /// The features as a matrix (rows × [`COUNT`]).
    #[must_use]
    pub fn matrix(&self) -> ArrayView2<'_, f32> {
        ArrayView2::from(&self.features[..])
    }

    /// The features of some rows as a matrix, in the order given.
    #[must_use]
    pub fn matrix_of(&self, picked: &[usize]) -> Array2<f32> {
        self.matrix().select(Axis(0), picked)
    }

    /// At most about `max` rows, evenly spaced.
    #[must_use]
    pub fn thinned(self, max: usize) -> Rows {
        let step = self.len().div_ceil(max.max(1)).max(1);
        if step == 1 {
            return self;
        }
        let picked: Vec<usize> = (0..self.len()).step_by(step).collect();
        self.picked(&picked)
    }

    /// These rows alone, in the order given.
    #[must_use]
    pub fn picked(&self, picked: &[usize]) -> Rows {
        Rows {
            features: picked.iter().map(|&at| self.features[at]).collect(),
            recency: picked.iter().map(|&at| self.recency[at]).collect(),
            order_value: picked.iter().map(|&at| self.order_value[at]).collect(),
            snapshot: picked.iter().map(|&at| self.snapshot[at]).collect(),
            customer: picked.iter().map(|&at| self.customer[at]).collect(),
            labels: picked.iter().filter_map(|&at| self.labels.get(at).copied()).collect(),
        }
    }

    /// Whether the customer of each row bought in the holdout window.
    #[must_use]
    pub fn bought(&self) -> Vec<bool> {
        self.labels.iter().map(|label| label.bought).collect()
    }

    /// The rows with the customers' times in days on which the shop was open; the plan's cutoffs are those of the snapshots.
    #[must_use]
    pub fn without(mut self, closures: &Closures, cutoffs: &[Micros], zone: Zone) -> Rows {
        if !closures.is_empty() {
            for (recency, &snapshot) in self.recency.iter_mut().zip(&self.snapshot) {
                *recency = open_days(*recency, closures, zone.day(cutoffs[snapshot as usize]));
            }
        }
        self
    }

    /// The rows of each snapshot.
    #[must_use]
    pub fn by_snapshot(&self) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (row, &snapshot) in self.snapshot.iter().enumerate() {
            while ranges.len() <= snapshot as usize {
                ranges.push(row..row);
            }
            if let Some(range) = ranges.last_mut() {
                range.end = row + 1;
            }
        }
        ranges
    }
}

/// The first purchase of all; `None` where nobody has bought.
#[must_use]
pub fn first_purchase(histories: &Histories) -> Option<Micros> {
    histories.par_iter().filter_map(|(_, history)| history.first_purchase()).min()
}

/// Rows of every customer who had bought by each cutoff, at most about `max` in all: beyond it customers are
/// sampled by hash, the same ones on any number of threads. Labels are made where a horizon in days is given.
#[must_use]
pub fn rows(
    histories: &Histories,
    cutoffs: &[Micros],
    horizon: Option<u32>,
    zone: Zone,
    max: usize,
    seed: u64,
) -> Rows {
    let first: Vec<Option<Micros>> =
        histories.par_iter().map(|(_, history)| history.first_purchase()).collect();
    let known = |cutoff: Micros| first.iter().filter(|f| f.is_some_and(|f| f <= cutoff)).count();
    let total: usize = cutoffs.iter().map(|&cutoff| known(cutoff)).sum();
    let bar = if total <= max { u64::MAX } else { (max as f64 / total as f64 * u64::MAX as f64) as u64 };
    let mut rows = Rows::default();
    rows.features.reserve(total.min(max.saturating_add(max / 8)));
    for (j, &cutoff) in cutoffs.iter().enumerate() {
        let of_cutoff: Vec<(u32, [f32; COUNT], Recency, f64, Label)> = histories
            .par_iter()
            .zip(&first)
            .enumerate()
            .map_init(
                || (Scratch::default(), vec![0.0; COUNT]),
                |(scratch, features), (position, ((id, history), first))| {
                    first.filter(|&first| first <= cutoff)?;
                    if mix(mix_text(id) ^ mix(seed ^ j as u64)) > bar {
                        return None;
                    }
                    if !compute(&history.as_of(cutoff), zone, scratch, features) {
                        return None;
                    }
                    let label = horizon.map_or(Label::default(), |days| label(history, cutoff, days, zone));
                    let single = std::array::from_fn(|at| features[at] as f32);
                    let order_value = features[F::order_value_mean as usize];
                    Some((position as u32, single, recency_of(features), order_value, label))
                },
            )
            .flatten()
            .collect();
        for (customer, single, recency, order_value, label) in of_cutoff {
            rows.features.push(single);
            rows.customer.push(customer);
            rows.recency.push(recency);
            rows.order_value.push(order_value);
            rows.snapshot.push(j as u32);
            if horizon.is_some() {
                rows.labels.push(label);
            }
        }
    }
    rows
}
