//! Bins: each feature's values sorted into at most 255 ranges, so that a row of features is a row of bytes.

use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The bin of a missing value.
pub const MISSING: u8 = 255;
/// Most bins of known values.
const MOST: usize = 255;
/// Features a block; a block of histograms (8 × 256 × 8 bytes) fits into the first-level cache.
pub const BLOCK: usize = 8;

/// The upper edges of each feature's bins, ascending: a value `x` lies in the first bin with `x <= edge`.
/// The last bin has no edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    edges: Vec<Vec<f32>>,
}

impl Bins {
    /// Chooses edges from a matrix (rows × features): between neighbouring values where there are few of
    /// them, else so that the bins hold about equally many rows (of an evenly spaced sample of 200,000).
    #[must_use]
    pub fn of(x: ArrayView2<'_, f32>) -> Self {
        let step = x.nrows().div_ceil(200_000).max(1);
        let edges = (0..x.ncols()).into_par_iter().map(|j| edges_of(x.column(j), step)).collect();
        Bins { edges }
    }

    /// Number of features.
    #[must_use]
    pub fn features(&self) -> usize {
        self.edges.len()
    }

    /// Bins of known values of a feature.
    pub(super) fn count(&self, feature: usize) -> usize {
        self.edges[feature].len() + 1
    }

    /// The upper edge of a bin; above every known value for the last one.
    pub(super) fn edge(&self, feature: usize, bin: u8) -> f32 {
        self.edges[feature].get(usize::from(bin)).copied().unwrap_or(f32::MAX)
    }

    fn bin(&self, feature: usize, x: f32) -> u8 {
        if x.is_nan() {
            return MISSING;
        }
        self.edges[feature].partition_point(|&edge| edge < x) as u8
    }

    /// Sorts a matrix (rows × features) into bins.
    #[must_use]
    pub fn sort(&self, x: ArrayView2<'_, f32>) -> Binned {
        let rows = x.nrows();
        let blocks = (0..self.features().div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                let mut bytes = vec![[0; BLOCK]; rows];
                for lane in 0..BLOCK.min(self.features() - block * BLOCK) {
                    let feature = block * BLOCK + lane;
                    for (bytes, &x) in bytes.iter_mut().zip(x.column(feature)) {
                        bytes[lane] = self.bin(feature, x);
                    }
                }
                bytes
            })
            .collect();
        Binned { blocks, rows }
    }
}

fn edges_of(column: ArrayView1<'_, f32>, step: usize) -> Vec<f32> {
    let mut values: Vec<f32> = column.iter().step_by(step).copied().filter(|x| !x.is_nan()).collect();
    values.sort_by(f32::total_cmp);
    let total = values.len();
    let mut distinct: Vec<(f32, usize)> = Vec::new();
    for value in values {
        // `==` and not the bits: -0.0 and 0.0 are one value.
        match distinct.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => distinct.push((value, 1)),
        }
    }
    let mut edges = Vec::new();
    let few = distinct.len() <= MOST;
    let (mut held, mut left) = (0, total);
    for pair in distinct.windows(2) {
        held += pair[0].1;
        let bins_left = MOST - edges.len();
        if few || (bins_left > 1 && held * bins_left >= left) {
            edges.push(between(pair[0].0, pair[1].0));
            left -= held;
            held = 0;
        }
        if edges.len() == MOST - 1 {
            break;
        }
    }
    edges
}

/// A number that separates two neighbours: `low <= edge < high`.
fn between(low: f32, high: f32) -> f32 {
    let middle = low / 2.0 + high / 2.0;
    if middle >= low && middle < high { middle } else { low }
}

/// A matrix of bins: blocks of eight features, each block with one row of eight bytes a row.
#[derive(Clone, Debug)]
pub struct Binned {
    blocks: Vec<Vec<[u8; BLOCK]>>,
    rows: usize,
}

impl Binned {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn block(&self, block: usize) -> &[[u8; BLOCK]] {
        &self.blocks[block]
    }

    pub(super) fn bin(&self, feature: usize, row: usize) -> u8 {
        self.blocks[feature / BLOCK][row][feature % BLOCK]
    }

    /// These rows, in this order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Binned {
        let blocks =
            self.blocks.par_iter().map(|block| rows.iter().map(|&row| block[row]).collect()).collect();
        Binned { blocks, rows: rows.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn values_keep_their_order_and_edges_separate_them() {
        let values: Vec<f32> = (0..5000).map(|i| ((i * 7919) % 1000) as f32 / 3.0 - 100.0).collect();
        let x = Array2::from_shape_vec((5000, 1), values.clone()).unwrap();
        let bins = Bins::of(x.view());
        assert!(bins.count(0) <= MOST && bins.count(0) > 200);
        for &v in &values {
            let bin = bins.bin(0, v);
            assert!(usize::from(bin) == bins.count(0) - 1 || v <= bins.edge(0, bin));
            assert!(bin == 0 || v > bins.edge(0, bin - 1));
        }
    }

    #[test]
    fn few_values_infinities_and_nan_have_bins_of_their_own() {
        let column = [1.0, 2.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 2.0, f32::MAX];
        let x = Array2::from_shape_vec((7, 1), column.to_vec()).unwrap();
        let bins = Bins::of(x.view());
        let sorted: Vec<u8> = (0..7).map(|row| bins.sort(x.view()).bin(0, row)).collect();
        assert_eq!(sorted, [1, 2, 4, 0, MISSING, 2, 3]);
    }
}
