//! Bins: each feature's values sorted into at most 255 ranges, so that a row of features is a row of bytes.

use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;

use crate::boosting::ranks::Ruler;
use crate::boosting::tree::code_of;

/// The bin of a missing value, and of a category that has no bin of its own.
pub const MISSING: u8 = 255;
/// Most bins of known values.
const MOST: usize = 255;
/// Features a block; a block of histograms (8 × 256 × 8 bytes) fits into the first-level cache.
pub const BLOCK: usize = 8;
/// Rows that are sorted side by side.
const TILE: usize = 64;

/// How each feature's values are sorted into bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    scales: Vec<Scale>,
    /// The feature in each lane of the blocks. Constant features have no lane: nothing can be learned of them.
    places: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scale {
    /// Upper edges, ascending: a value `x` is in the first bin with `x <= edge`; the last bin has no edge.
    Ordered(Vec<f32>),
    /// The code of each bin, ascending.
    Categories(Vec<u32>),
}

impl Scale {
    /// Bins of known values.
    pub fn bins(&self) -> usize {
        match self {
            Scale::Ordered(edges) => edges.len() + 1,
            Scale::Categories(codes) => codes.len(),
        }
    }
}

impl Bins {
    /// Chooses edges from a matrix (rows × features): between neighbouring values where there are few of
    /// them, else so that the bins hold about equally many rows (of an evenly spaced sample of 200,000).
    /// Infinite values count as the largest finite ones.
    #[must_use]
    pub fn of(x: ArrayView2<'_, f32>) -> Self {
        Self::with_categories(x, &[])
    }

    /// As [`Bins::of`], where the features listed hold codes of categories: whole numbers from 0 to 2²⁴. The
    /// 254 most frequent codes get a bin each; all others, and what is no code, count as missing.
    #[must_use]
    pub fn with_categories(x: ArrayView2<'_, f32>, categorical: &[usize]) -> Self {
        let step = x.nrows().div_ceil(200_000).max(1);
        let scales: Vec<(Scale, bool)> = (0..x.ncols())
            .into_par_iter()
            .map(|j| {
                let column = x.column(j);
                let scale = if categorical.contains(&j) {
                    Scale::Categories(codes_of(column))
                } else {
                    Scale::Ordered(edges_of(column, step))
                };
                let varies = scale.bins() > 1 || scale.bins() == 1 && column.iter().any(|x| x.is_nan());
                (scale, varies)
            })
            .collect();
        let mut places: Vec<usize> = (0..scales.len()).filter(|&j| scales[j].1).collect();
        if places.is_empty() && !scales.is_empty() {
            places.push(0);
        }
        Bins { scales: scales.into_iter().map(|(scale, _)| scale).collect(), places }
    }

    /// Number of features.
    #[must_use]
    pub fn features(&self) -> usize {
        self.scales.len()
    }

    /// The categorical features.
    pub(super) fn categorical(&self) -> Vec<usize> {
        (0..self.scales.len()).filter(|&j| matches!(self.scales[j], Scale::Categories(_))).collect()
    }

    /// Bins of known values of a feature.
    pub(super) fn count(&self, feature: usize) -> usize {
        self.scales[feature].bins()
    }

    pub(super) fn scale(&self, feature: usize) -> &Scale {
        &self.scales[feature]
    }

    /// The feature in a lane of a block, if there is one.
    pub(super) fn feature(&self, block: usize, lane: usize) -> Option<usize> {
        self.places.get(block * BLOCK + lane).copied()
    }

    /// Sorts a matrix (rows × features) into bins.
    #[must_use]
    pub fn sort(&self, x: ArrayView2<'_, f32>) -> Binned {
        let rows = x.nrows();
        let blocks = self
            .places
            .par_chunks(BLOCK)
            .map(|features| {
                let sorters: Vec<Sorter> = features.iter().map(|&j| Sorter::of(&self.scales[j])).collect();
                let mut bytes = vec![[0; BLOCK]; rows];
                for (tile, bytes) in bytes.chunks_mut(TILE).enumerate() {
                    for (lane, (sorter, &feature)) in sorters.iter().zip(features).enumerate() {
                        let mut values = [0.0; TILE];
                        for (at, value) in values[..bytes.len()].iter_mut().enumerate() {
                            *value = x[(tile * TILE + at, feature)];
                        }
                        for (bytes, bin) in bytes.iter_mut().zip(sorter.sort(&values)) {
                            bytes[lane] = bin;
                        }
                    }
                }
                bytes
            })
            .collect();
        Binned { blocks, rows }
    }
}

enum Sorter<'a> {
    Ordered(Ruler),
    Categories(&'a [u32]),
}

impl<'a> Sorter<'a> {
    fn of(scale: &'a Scale) -> Self {
        match scale {
            Scale::Ordered(edges) => Sorter::Ordered(Ruler::of(edges)),
            Scale::Categories(codes) => Sorter::Categories(codes),
        }
    }

    fn sort(&self, values: &[f32; TILE]) -> [u8; TILE] {
        match self {
            Sorter::Ordered(ruler) => {
                let mut bins = ruler.ranks(values);
                for (bin, x) in bins.iter_mut().zip(values) {
                    *bin = if x.is_nan() { MISSING } else { *bin };
                }
                bins
            }
            Sorter::Categories(codes) => values.map(|x| {
                code_of(x).and_then(|code| codes.binary_search(&code).ok()).map_or(MISSING, |bin| bin as u8)
            }),
        }
    }
}

/// The 254 most frequent codes of a column (of equally frequent ones the smaller), ascending.
fn codes_of(column: ArrayView1<'_, f32>) -> Vec<u32> {
    let mut all: Vec<u32> = column.iter().filter_map(|&x| code_of(x)).collect();
    all.sort_unstable();
    let mut counted: Vec<(usize, u32)> = all.chunk_by(|a, b| a == b).map(|run| (run.len(), run[0])).collect();
    counted.sort_unstable_by_key(|&(count, code)| (std::cmp::Reverse(count), code));
    let mut codes: Vec<u32> = counted.into_iter().take(MOST - 1).map(|(_, code)| code).collect();
    codes.sort_unstable();
    codes
}

fn edges_of(column: ArrayView1<'_, f32>, step: usize) -> Vec<f32> {
    let known = column.iter().step_by(step).copied().filter(|x| !x.is_nan());
    let mut values: Vec<f32> = known.map(|x| x.clamp(f32::MIN, f32::MAX)).collect();
    values.sort_unstable_by(f32::total_cmp);
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

    pub(super) fn bin(&self, place: usize, row: usize) -> u8 {
        self.blocks[place / BLOCK][row][place % BLOCK]
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

    fn column(values: &[f32]) -> Array2<f32> {
        Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap()
    }

    fn sorted(bins: &Bins, x: &Array2<f32>) -> Vec<u8> {
        let binned = bins.sort(x.view());
        (0..x.nrows()).map(|row| binned.bin(0, row)).collect()
    }

    #[test]
    fn values_keep_their_order_and_edges_separate_them() {
        let values: Vec<f32> = (0..5000).map(|i| ((i * 7919) % 1000) as f32 / 3.0 - 100.0).collect();
        let x = column(&values);
        let bins = Bins::of(x.view());
        assert!(bins.count(0) <= MOST && bins.count(0) > 200);
        let Scale::Ordered(edges) = bins.scale(0) else { panic!("not ordered") };
        for (&v, bin) in values.iter().zip(sorted(&bins, &x)) {
            let bin = usize::from(bin);
            assert!(bin == bins.count(0) - 1 || v <= edges[bin]);
            assert!(bin == 0 || v > edges[bin - 1]);
        }
    }

    #[test]
    fn few_values_and_nan_have_bins_of_their_own_and_infinities_are_the_largest() {
        let x = column(&[1.0, 2.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 2.0, f32::MAX]);
        assert_eq!(sorted(&Bins::of(x.view()), &x), [1, 2, 3, 0, MISSING, 2, 3]);
    }

    #[test]
    fn categories_have_a_bin_each_and_strangers_none() {
        let x = column(&[7.0, 3.0, 7.0, 900.0, f32::NAN, -1.0, 2.5]);
        let bins = Bins::with_categories(x.view(), &[0]);
        assert_eq!(sorted(&bins, &x), [1, 0, 1, 2, MISSING, MISSING, MISSING]);
        assert_eq!(sorted(&bins, &column(&[8.0, 3.0])), [MISSING, 0]);
        let many: Vec<f32> = (0..1000).map(|i| if i < 500 { i as f32 } else { 400.0 }).collect();
        let bins = Bins::with_categories(column(&many).view(), &[0]);
        assert_eq!((bins.count(0), sorted(&bins, &column(&[400.0, 499.0]))), (254, vec![253, MISSING]));
    }

    #[test]
    fn constant_features_take_no_place() {
        let x = Array2::from_shape_fn((50, 20), |(i, j)| if j == 13 { i as f32 } else { 4.0 });
        let bins = Bins::of(x.view());
        assert_eq!((bins.feature(0, 0), bins.feature(0, 1), bins.features()), (Some(13), None, 20));
        assert_eq!(bins.sort(x.view()).blocks(), 1);
    }
}
