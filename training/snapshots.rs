//! Snapshots: what customers looked like at rolling cutoffs, each with what they did next.

use homing_datasets::{DAY, Histories, Micros, Zone};
use homing_models::customer::recency_of;
use homing_models::features::{COUNT, F, Scratch, compute};
use homing_models::lifetimes::Recency;
use homing_models::sampling::{mix, mix_text};
use ndarray::{Array2, Axis};
use rayon::prelude::*;

use crate::labels::{Label, label};

/// Most snapshots of a fit.
const MOST_SNAPSHOTS: usize = 24;

/// When to look, and how far ahead.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The horizon that the history can teach: the one asked for, or less where the history is too short.
    pub learned_days: u32,
    /// Cutoffs, the latest first. Every label window ends at or before the fit's `as_of`.
    pub cutoffs: Vec<Micros>,
}

/// Plans the snapshots for a horizon: the history must reach back for the horizon and a third of it (at least
/// 28 days) more, else half of the history is learned and the lifetime model bridges the rest. `None` where
/// even that is too short.
#[must_use]
pub fn plan(first: Micros, as_of: Micros, horizon: u32) -> Option<Plan> {
    let span = (as_of - first) / DAY;
    let asked = i64::from(horizon);
    let taught = span - asked >= (asked / 3).max(28);
    let learned = if taught { asked } else { span / 2 };
    let least = if taught { (asked / 3).clamp(28, 90) } else { (learned / 2).max(28) };
    let step = (learned / 3).clamp(7, 30);
    let cutoffs: Vec<Micros> = (0..MOST_SNAPSHOTS as i64)
        .map(|j| as_of - (learned + j * step) * DAY)
        .take_while(|&cutoff| cutoff - first >= least * DAY)
        .collect();
    (learned > 0 && !cutoffs.is_empty()).then_some(Plan { learned_days: learned as u32, cutoffs })
}

/// Customers at cutoffs: features, and what the lifetime models need.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Features (rows × [`COUNT`]).
    pub x: Array2<f32>,
    /// Orders, in days.
    pub recency: Vec<Recency>,
    /// Mean order value.
    pub order_value: Vec<f64>,
    /// Position of the cutoff in the plan; ascending.
    pub snapshot: Vec<u32>,
    /// The customer, as its position among the histories.
    pub customer: Vec<u32>,
    /// What they did next; empty where nobody asked.
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

    /// Evenly spaced rows, at most about so many.
    #[must_use]
    pub fn thinned(self, most: usize) -> Rows {
        let step = self.len().div_ceil(most.max(1)).max(1);
        if step == 1 {
            return self;
        }
        let picked: Vec<usize> = (0..self.len()).step_by(step).collect();
        self.picked(&picked)
    }

    /// These rows alone.
    #[must_use]
    pub fn picked(self, picked: &[usize]) -> Rows {
        Rows {
            x: self.x.select(Axis(0), picked),
            recency: picked.iter().map(|&at| self.recency[at]).collect(),
            order_value: picked.iter().map(|&at| self.order_value[at]).collect(),
            snapshot: picked.iter().map(|&at| self.snapshot[at]).collect(),
            customer: picked.iter().map(|&at| self.customer[at]).collect(),
            labels: picked.iter().filter_map(|&at| self.labels.get(at).copied()).collect(),
        }
    }

    /// The features of a row.
    #[must_use]
    pub fn row(&self, at: usize) -> &[f32] {
        self.x.as_slice().map_or(&[], |all| &all[at * COUNT..(at + 1) * COUNT])
    }

    /// The rows of each snapshot.
    #[must_use]
    pub fn by_snapshot(&self) -> Vec<std::ops::Range<usize>> {
        let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
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

/// Looks at every customer who had bought by each cutoff, at most about `most` rows in all: more are sampled by
/// customer, the same ones whatever the order of the work. Labels are made where `horizon` is given.
#[must_use]
pub fn rows(
    histories: &Histories,
    cutoffs: &[Micros],
    horizon: Option<u32>,
    zone: Zone,
    most: usize,
    seed: u64,
) -> Rows {
    let first: Vec<Option<Micros>> =
        histories.par_iter().map(|(_, history)| history.first_purchase()).collect();
    let there = |cutoff: Micros| first.iter().filter(|f| f.is_some_and(|f| f <= cutoff)).count();
    let total: usize = cutoffs.iter().map(|&cutoff| there(cutoff)).sum();
    let bar = if total <= most { u64::MAX } else { (most as f64 / total as f64 * u64::MAX as f64) as u64 };
    type One = (u32, Vec<f32>, Recency, f64, Label);
    let mut rows = Rows {
        x: Array2::zeros((0, COUNT)),
        recency: Vec::new(),
        order_value: Vec::new(),
        snapshot: Vec::new(),
        customer: Vec::new(),
        labels: Vec::new(),
    };
    let mut flat: Vec<f32> = Vec::with_capacity(total.min(most + most / 8) * COUNT);
    for (j, &cutoff) in cutoffs.iter().enumerate() {
        let of_cutoff: Vec<One> = histories
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
                    let single = features.iter().map(|&x| x as f32).collect();
                    let order_value = features[F::order_value_mean as usize];
                    Some((position as u32, single, recency_of(features), order_value, label))
                },
            )
            .flatten()
            .collect();
        for (customer, single, recency, order_value, label) in of_cutoff {
            flat.extend(single);
            rows.customer.push(customer);
            rows.recency.push(recency);
            rows.order_value.push(order_value);
            rows.snapshot.push(j as u32);
            if horizon.is_some() {
                rows.labels.push(label);
            }
        }
    }
    let shape = (rows.recency.len(), COUNT);
    rows.x = Array2::from_shape_vec(shape, flat).unwrap_or_else(|_| Array2::zeros((0, COUNT)));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_by_the_as_of_and_short_histories_teach_less() {
        let as_of = 1000 * DAY;
        let long = plan(0, as_of, 90).unwrap();
        assert_eq!(long.learned_days, 90);
        assert_eq!(long.cutoffs.len(), MOST_SNAPSHOTS);
        assert!(long.cutoffs.iter().all(|c| c + 90 * DAY <= as_of));
        let short = plan(as_of - 100 * DAY, as_of, 90).unwrap();
        assert_eq!(short.learned_days, 50);
        assert!(short.cutoffs.iter().all(|c| c + 50 * DAY <= as_of && *c >= as_of - 72 * DAY));
        assert_eq!(plan(as_of - 20 * DAY, as_of, 90), None);
    }
}
