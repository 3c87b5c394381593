//! A booster's trees laid out to be walked fast.
//!
//! A single row walks several trees side by side, so that the processor need not wait for one of them. Its values become
//! whole numbers, a missing one the lowest or the highest by where its splits send it, so that a split is one comparison.
//!
//! Batches go 64 rows at a time: each feature's thresholds become the edges of a ruler, so that a row is bytes and a split
//! compares two bytes, and every split of a tree is asked of all 64 rows at once, in vector registers, which beats
//! following each row (Lucchese et al. 2015, "QuickScorer", ask all splits too). Finding the bytes would cost a single
//! row more than its walk. Either way a row's margin is the same sum in the same order.

use std::sync::{Arc, OnceLock};

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::bins::code_of;
use super::ranks::Ruler;
use super::{Booster, Node, Tree};

/// Rows of a batch that go together.
const LANES: usize = 64;
/// Most leaves of a tree that is asked split by split; larger ones are walked.
const ASKED: usize = 128;
/// Trees that a row walks side by side.
const ABREAST: usize = 8;
/// Edges of one ruler: one less than a byte can tell apart from missing.
const EDGES: usize = 254;

/// A layout that is made when first asked for. Copies share it; it takes no part in comparisons.
#[derive(Clone, Debug, Default)]
pub struct Ready(OnceLock<Option<Arc<Compiled>>>);

impl PartialEq for Ready {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Ready {
    /// The layout of the booster that holds this; `None` if it needs more columns than a layout has.
    #[inline]
    pub fn of(&self, booster: &Booster) -> Option<&Compiled> {
        self.0.get_or_init(|| Compiled::of(booster).map(Arc::new)).as_deref()
    }
}

/// Bytes made of one feature by one ruler.
#[derive(Clone, Debug)]
struct Measure {
    feature: usize,
    ruler: Ruler,
    /// Columns of the byte where the missing go right (as 255) and left (as 0).
    right: Option<u16>,
    left: Option<u16>,
}

/// The column of a set of categories: in the set lowest, else highest.
#[derive(Clone, Debug)]
struct Membership {
    feature: usize,
    codes: Box<[u32]>,
    column: u16,
}

/// A node to walk: the row goes `ahead` so many steps, and one more where its value in this column (see
/// [`Compiled::spread`]) is above the threshold. A leaf leads to itself.
#[derive(Clone, Copy, Debug)]
struct Step {
    threshold: u32,
    ahead: u16,
    column: u16,
}

/// No value is above its threshold.
const LEAF: Step = Step { threshold: u32::MAX, ahead: 0, column: 0 };

impl Step {
    /// Where a spread row goes from here, which is step `at`.
    #[inline]
    fn next(self, at: u32, row: &Spread) -> u32 {
        let above = self.threshold < row[usize::from(self.column) % SPREAD];
        at + u32::from(self.ahead) + u32::from(above)
    }
}

/// Most columns of a spread row.
const SPREAD: usize = 512;

/// A row as steps ask for it.
type Spread = [u32; SPREAD];

/// A whole number for a number, in the same order: comparing those leaves a carry, which is added without a branch. The
/// two zeros are one.
#[inline]
fn key(x: f32) -> u32 {
    let bits = (x + 0.0).to_bits();
    bits ^ ((bits as i32 >> 31) as u32 | 1 << 31)
}

/// A split to ask of many rows: those that stand at leaf `at` (the first of its subtree) and whose byte is above
/// the threshold move on by `skip` leaves.
#[derive(Clone, Copy, Debug)]
struct Ask {
    column: u16,
    /// The lowest byte above the threshold.
    above: u8,
    at: u8,
    skip: u8,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    root: u32,
    asks: (u32, u32),
    /// First of its leaves' values.
    values: u32,
    leaves: u32,
    depth: u32,
}

/// The layout.
#[derive(Clone, Debug)]
pub struct Compiled {
    intercept: f64,
    features: usize,
    measures: Vec<Measure>,
    memberships: Vec<Membership>,
    columns: usize,
    steps: Vec<Step>,
    /// For each step its value, if it is a leaf.
    ends: Vec<f64>,
    asks: Vec<Ask>,
    values: Vec<f64>,
    trees: Vec<Span>,
    /// Trees by depth, so that those abreast end together.
    by_depth: Vec<u32>,
}

impl Compiled {
    fn of(booster: &Booster) -> Option<Self> {
        let sound = booster.is_sound();
        let mut columns = Columns::of(if sound { booster.trees() } else { &[] });
        let mut own = Compiled {
            // An unsound booster has no answer.
            intercept: if sound { booster.intercept() } else { f64::NAN },
            features: booster.features(),
            measures: Vec::new(),
            memberships: Vec::new(),
            columns: 0,
            steps: Vec::new(),
            ends: Vec::new(),
            asks: Vec::new(),
            values: Vec::new(),
            trees: Vec::new(),
            by_depth: Vec::new(),
        };
        if sound {
            for tree in booster.trees() {
                own.lay(tree, &mut columns);
            }
        }
        own.by_depth = (0..own.trees.len() as u32).collect();
        own.by_depth.sort_by_key(|&tree| own.trees[tree as usize].depth);
        (own.measures, own.memberships, own.columns) = (columns.measures, columns.memberships, columns.many);
        let spread = 2 * own.features + own.memberships.len();
        (own.columns <= usize::from(u16::MAX) && spread <= SPREAD).then_some(own)
    }

    /// Lays out one tree, its left subtrees first.
    fn lay(&mut self, tree: &Tree, columns: &mut Columns) {
        let root = self.steps.len() as u32;
        let leaves = tree.nodes.iter().filter(|node| node.is_leaf()).count() as u32;
        let mut span = Span {
            root,
            asks: (self.asks.len() as u32, 0),
            values: self.values.len() as u32,
            leaves,
            depth: 0,
        };
        self.steps.push(LEAF);
        self.ends.push(0.0);
        // Leaves below each node, children before parents.
        let mut below = vec![1u32; tree.nodes.len()];
        for (at, node) in tree.nodes.iter().enumerate().rev() {
            if !node.is_leaf() {
                below[at] = below[usize::from(node.left)] + below[usize::from(node.right)];
            }
        }
        let mut stack = vec![(0usize, root, 0u32, 0u32)];
        while let Some((at, place, first, depth)) = stack.pop() {
            let node = &tree.nodes[at];
            if node.is_leaf() {
                self.ends[place as usize] = node.value;
                self.values.push(node.value);
                span.depth = span.depth.max(depth);
                continue;
            }
            let (column, threshold) = columns.find(node);
            let next = self.steps.len() as u32;
            self.steps.extend([LEAF; 2]);
            self.ends.extend([0.0; 2]);
            self.steps[place as usize] = self.step(node, columns, (next - place) as u16);
            let (left, right) = (usize::from(node.left), usize::from(node.right));
            if leaves as usize <= ASKED {
                // No byte is above the highest threshold: such a split moves nobody.
                let skip = if threshold == u8::MAX { 0 } else { below[left] as u8 };
                self.asks.push(Ask { column, above: threshold.saturating_add(1), at: first as u8, skip });
            }
            stack.push((right, next + 1, first + below[left], depth + 1));
            stack.push((left, next, first, depth + 1));
        }
        span.asks.1 = self.asks.len() as u32;
        self.trees.push(span);
    }

    /// The step of a split.
    fn step(&self, node: &Node, columns: &Columns, ahead: u16) -> Step {
        let (threshold, column) = match &node.categories {
            Some(codes) => {
                let feature = usize::from(node.feature);
                let set = columns.memberships.iter().position(|s| s.feature == feature && s.codes == *codes);
                (0, 2 * self.features + set.unwrap_or_default())
            }
            // Above the highest finite value are only the missing that go right.
            None => {
                let right = if node.missing_left { 0 } else { self.features };
                (key(node.threshold.min(f32::MAX)), right + usize::from(node.feature))
            }
        };
        // A layout with more columns is not made.
        Step { threshold, ahead, column: column as u16 }
    }

    /// Spreads a row over columns: each feature with its missing below everything, then each with its missing above
    /// everything, then sets of categories, below where the row is in the set and above where not.
    #[inline]
    fn spread(&self, row: &[f32], columns: &mut Spread) {
        let row = &row[..self.features];
        let (left, rest) = columns.split_at_mut(self.features);
        let (right, sets) = rest.split_at_mut(self.features);
        for ((x, left), right) in row.iter().zip(left).zip(right) {
            // An infinite value counts as the largest finite one.
            let (value, missing) = (key(if *x > f32::MAX { f32::MAX } else { *x }), x.is_nan());
            *left = if missing { u32::MIN } else { value };
            *right = if missing { u32::MAX } else { value };
        }
        for (set, column) in self.memberships.iter().zip(sets) {
            *column = if set.holds(row[set.feature]) { u32::MIN } else { u32::MAX };
        }
    }

    /// The margin of a row; NaN where it is too short.
    pub fn margin(&self, row: &[f32]) -> f64 {
        if row.len() < self.features {
            return f64::NAN;
        }
        let mut columns = [0; SPREAD];
        self.spread(row, &mut columns);
        let (mut few, mut many) = ([0.0; 512], Vec::new());
        let reached = room(&mut few, &mut many, self.trees.len());
        for group in self.by_depth.chunks(ABREAST) {
            let tree = |i: usize| &self.trees[group[i.min(group.len() - 1)] as usize];
            let mut at: [u32; ABREAST] = std::array::from_fn(|i| tree(i).root);
            for _ in 0..tree(ABREAST - 1).depth {
                for at in &mut at {
                    *at = self.steps[*at as usize].next(*at, &columns);
                }
            }
            for (&tree, at) in group.iter().zip(at) {
                reached[tree as usize] = self.ends[at as usize];
            }
        }
        reached.iter().fold(self.intercept, |sum, value| sum + value)
    }

    /// The margins of a matrix in standard layout.
    pub fn margins(&self, x: ArrayView2<'_, f32>) -> Vec<f64> {
        let mut out = vec![f64::NAN; x.nrows()];
        let width = x.ncols();
        if width < self.features || width == 0 {
            return out;
        }
        let Some(x) = x.to_slice() else { return out };
        out.par_chunks_mut(LANES).zip(x.par_chunks(LANES * width)).with_min_len(4).for_each_init(
            || (vec![[0; LANES]; self.columns.max(1)], Vec::new()),
            |(bytes, spread), (out, x)| self.batch(x, width, bytes, spread, out),
        );
        out
    }

    /// The margins of up to [`LANES`] rows.
    fn batch(
        &self,
        x: &[f32],
        width: usize,
        bytes: &mut [[u8; LANES]],
        spread: &mut Vec<Spread>,
        out: &mut [f64],
    ) {
        let rows = out.len();
        for measure in &self.measures {
            let mut values = [0.0; LANES];
            for (value, row) in values.iter_mut().zip(x.chunks_exact(width)) {
                *value = row[measure.feature];
            }
            let missing = values.map(f32::is_nan);
            let ranks = measure.ruler.ranks(&values.map(|x| x.min(f32::MAX)));
            for (column, byte) in [(measure.right, 255), (measure.left, 0)] {
                if let Some(column) = column {
                    for ((slot, rank), missing) in bytes[column as usize].iter_mut().zip(ranks).zip(missing) {
                        *slot = if missing { byte } else { rank };
                    }
                }
            }
        }
        for set in &self.memberships {
            for (byte, row) in bytes[set.column as usize].iter_mut().zip(x.chunks_exact(width)) {
                *byte = if set.holds(row[set.feature]) { 0 } else { u8::MAX };
            }
        }
        if self.trees.iter().any(|tree| tree.leaves as usize > ASKED) {
            spread.resize(LANES, [0; SPREAD]);
            for (columns, row) in spread.iter_mut().zip(x.chunks_exact(width)) {
                self.spread(row, columns);
            }
        }
        let mut sums = [self.intercept; LANES];
        for tree in &self.trees {
            let values = &self.values[tree.values as usize..][..tree.leaves as usize];
            if tree.leaves as usize <= ASKED {
                let at = self.ask(&self.asks[tree.asks.0 as usize..tree.asks.1 as usize], bytes);
                for (sum, at) in sums.iter_mut().zip(at) {
                    *sum += values[usize::from(at)];
                }
            } else {
                self.walk(tree, spread, &mut sums);
            }
        }
        out.copy_from_slice(&sums[..rows]);
    }

    /// The leaves that rows reach, by asking every split.
    #[inline]
    fn ask(&self, asks: &[Ask], bytes: &[[u8; LANES]]) -> [u8; LANES] {
        let mut at = [0u8; LANES];
        for ask in asks {
            let column = &bytes[ask.column as usize];
            // Masks and not branches, sixteen rows to a register.
            for lane in 0..LANES {
                let stands = 0u8.wrapping_sub(u8::from(at[lane] == ask.at));
                let above = 0u8.wrapping_sub(u8::from(column[lane].max(ask.above) == column[lane]));
                at[lane] = at[lane].wrapping_add(stands & above & ask.skip);
            }
        }
        at
    }

    /// Adds what spread rows reach by walking a tree, several rows abreast.
    fn walk(&self, tree: &Span, spread: &[Spread], sums: &mut [f64; LANES]) {
        const ROWS: usize = 16;
        for (sums, rows) in sums.chunks_exact_mut(ROWS).zip(spread.chunks_exact(ROWS)) {
            let mut at = [tree.root; ROWS];
            for _ in 0..tree.depth {
                for (at, row) in at.iter_mut().zip(rows) {
                    *at = self.steps[*at as usize].next(*at, row);
                }
            }
            for (sum, at) in sums.iter_mut().zip(at) {
                *sum += self.ends[at as usize];
            }
        }
    }
}

impl Membership {
    fn holds(&self, x: f32) -> bool {
        code_of(x).is_some_and(|code| self.codes.binary_search(&code).is_ok())
    }
}

/// Room for so many values: what is at hand, or more where that is too small.
fn room<'a, T: Copy + Default>(few: &'a mut [T], many: &'a mut Vec<T>, size: usize) -> &'a mut [T] {
    if size <= few.len() {
        return &mut few[..size];
    }
    many.resize(size, T::default());
    many
}

/// Columns of bytes as trees ask for them.
struct Columns {
    /// Ascending by feature, then edges.
    measures: Vec<Measure>,
    /// Feature and edges of each measure.
    edges: Vec<(u16, Vec<f32>)>,
    memberships: Vec<Membership>,
    many: usize,
}

impl Columns {
    /// Rulers of all thresholds of these trees; a feature with more than [`EDGES`] gets several.
    fn of(trees: &[Tree]) -> Self {
        let splits = trees.iter().flat_map(|tree| &tree.nodes).filter(|node| !node.is_leaf());
        let mut thresholds: Vec<(u16, f32)> = splits
            .filter(|node| node.categories.is_none())
            .map(|node| (node.feature, node.threshold))
            .collect();
        thresholds.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        thresholds.dedup();
        let mut edges: Vec<(u16, Vec<f32>)> = Vec::new();
        for (feature, threshold) in thresholds {
            match edges.last_mut() {
                Some((last, edges)) if *last == feature && edges.len() < EDGES => edges.push(threshold),
                _ => edges.push((feature, vec![threshold])),
            }
        }
        let measure = |(feature, edges): &(u16, Vec<f32>)| Measure {
            feature: usize::from(*feature),
            ruler: Ruler::of(edges),
            right: None,
            left: None,
        };
        Columns { measures: edges.iter().map(measure).collect(), edges, memberships: Vec::new(), many: 0 }
    }

    fn add(&mut self) -> u16 {
        self.many += 1;
        (self.many - 1) as u16
    }

    /// The column and threshold of a split.
    fn find(&mut self, node: &Node) -> (u16, u8) {
        if let Some(codes) = &node.categories {
            let feature = usize::from(node.feature);
            if let Some(set) = self.memberships.iter().find(|s| s.feature == feature && s.codes == *codes) {
                return (set.column, 0);
            }
            let column = self.add();
            self.memberships.push(Membership { feature, codes: codes.clone(), column });
            return (column, 0);
        }
        let asked = (node.feature, node.threshold);
        let after = self.edges.partition_point(|(feature, edges)| (*feature, edges[0]) <= asked);
        let at = after.saturating_sub(1);
        let threshold = self.edges[at].1.partition_point(|&edge| edge < node.threshold) as u8;
        let had = if node.missing_left { self.measures[at].left } else { self.measures[at].right };
        let column = had.unwrap_or_else(|| self.add());
        let slot = if node.missing_left { &mut self.measures[at].left } else { &mut self.measures[at].right };
        *slot = Some(column);
        (column, threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bins::Bins;
    use super::super::{Booster, Objective, Training};
    use crate::sampling::mix;
    use linfa::ParamGuard;
    use ndarray::{Array2, Axis};

    /// Numbers with gaps, infinities and many equal values; the last column holds categories.
    fn hostile(rows: usize) -> Array2<f32> {
        let unit = |i: usize, j: usize| mix(mix(i as u64) ^ j as u64) as f64 / u64::MAX as f64;
        Array2::from_shape_fn((rows, 7), |(i, j)| match (j, (unit(i, 100 + j) * 20.0) as u32) {
            (6, 0) => f32::NAN,
            (6, _) => (unit(i, j) * 30.0).floor() as f32,
            (_, 0..=2) => f32::NAN,
            (_, 3) => f32::INFINITY,
            (_, 4) => f32::NEG_INFINITY,
            (0, _) => (unit(i, j) * 8.0).floor() as f32,
            _ => unit(i, j) as f32,
        })
    }

    fn fitted(leaves: usize, categorical: &[usize]) -> Booster {
        let x = hostile(6000);
        let known = |x: f32| if x.is_finite() { f64::from(x) } else { 0.3 };
        let y: Vec<f64> = x
            .rows()
            .into_iter()
            .map(|row| known(row[0]) * known(row[1]) + known(row[2]) + (known(row[6]) as u32 % 3) as f64)
            .collect();
        let bins = Bins::with_categories(x.view(), categorical);
        let data = bins.sort(x.view());
        let params = Booster::params(Objective::Squared).trees(20).leaves(leaves).min_leaf_rows(3.0);
        let training = Training { data: &data, bins: &bins, targets: &y, offsets: None, weights: None };
        params.check().unwrap().fit_binned(&training).unwrap().0
    }

    #[test]
    fn one_row_many_rows_and_the_plain_walk_agree_to_the_bit() {
        for (leaves, categorical) in [(2, vec![]), (8, vec![6]), (31, vec![]), (128, vec![6]), (200, vec![])]
        {
            let booster = fitted(leaves, &categorical);
            // Rows that lie on the trees' own thresholds, too.
            let mut x = hostile(130);
            for (i, node) in booster.trees().iter().flat_map(|tree| &tree.nodes).enumerate() {
                if !node.is_leaf() && node.categories.is_none() {
                    x[(i % 130, usize::from(node.feature))] = node.threshold;
                }
            }
            let single: Vec<u64> =
                x.rows().into_iter().map(|row| booster.margin(&row.to_vec()).to_bits()).collect();
            let plain: Vec<u64> =
                x.rows().into_iter().map(|row| booster.plain_margin(&row.to_vec()).to_bits()).collect();
            assert_eq!(single, plain, "{leaves} leaves");
            for rows in [1, 63, 64, 65, 130] {
                let many: Vec<u64> =
                    booster.margins(x.view().split_at(Axis(0), rows).0).iter().map(|m| m.to_bits()).collect();
                assert_eq!(many, plain[..rows], "{leaves} leaves, {rows} rows");
            }
            let written = serde_json::to_string(&booster).unwrap();
            let read: Booster = serde_json::from_str(&written).unwrap();
            assert_eq!(read.margins(x.view()), booster.margins(x.view()));
        }
    }

    #[test]
    fn a_row_that_is_too_short_has_no_margin() {
        let booster = fitted(8, &[]);
        assert!(booster.margin(&[1.0; 3]).is_nan());
        assert!(booster.margins(Array2::zeros((2, 3)).view()).iter().all(|m| m.is_nan()));
    }
}
