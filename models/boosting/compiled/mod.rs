//! A booster's trees in a layout that is fast to follow.
//!
//! A single row follows several trees side by side, so that the processor need not wait for one of them. Its values become
//! whole numbers, a missing one the lowest or the highest by where its splits send it, so that a split is one comparison.
//!
//! Batches go 64 rows at a time: each feature's thresholds become the edges of a ruler, so that a row is bytes and a split
//! compares two bytes, and every split of a tree is asked of all 64 rows at once, in vector registers, which beats
//! following each row (Lucchese et al. 2015, "QuickScorer", ask all splits too). Finding the bytes would cost a single
//! row more than following the trees. Either way a row's margin is the same sum in the same order.

mod batch;
mod columns;
#[cfg(test)]
#[cfg(feature = "fit")]
mod tests;

use std::sync::{Arc, OnceLock};

use self::columns::{Columns, Measure, Membership};
use super::{Booster, Node, Tree};

/// Most leaves of a tree that is asked split by split; larger ones are followed node by node.
const ASKED: usize = 128;
/// Trees that a row follows side by side.
const ABREAST: usize = 8;

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

/// A node to follow: the row goes `ahead` so many steps, and one more where its value in this column (see
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

/// A split evaluated for many rows: those at leaf `at` (the first of its subtree) whose byte is above
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
                own.lay(tree, &mut columns)?;
            }
        }
        own.by_depth = (0..own.trees.len() as u32).collect();
        own.by_depth.sort_by_key(|&tree| own.trees[tree as usize].depth);
        (own.measures, own.memberships, own.columns) = (columns.measures, columns.memberships, columns.many);
        let spread = 2 * own.features + own.memberships.len();
        (own.columns <= usize::from(u16::MAX) && spread <= SPREAD).then_some(own)
    }

    /// Lays out one tree, its left subtrees first; `None` where it asks for more than the columns hold.
    fn lay(&mut self, tree: &Tree, columns: &mut Columns) -> Option<()> {
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
            self.steps[place as usize] = self.step(node, columns, (next - place) as u16)?;
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
        Some(())
    }

    /// The step of a split.
    fn step(&self, node: &Node, columns: &Columns, ahead: u16) -> Option<Step> {
        let (threshold, column) = match &node.categories {
            Some(codes) => {
                let feature = usize::from(node.feature);
                let set = columns.memberships.iter().position(|s| s.feature == feature && s.codes == *codes);
                (0, 2 * self.features + set?)
            }
            // Above the highest finite value are only the missing that go right.
            None => {
                let right = if node.missing_left { 0 } else { self.features };
                (key(node.threshold.min(f32::MAX)), right + usize::from(node.feature))
            }
        };
        Some(Step { threshold, ahead, column: u16::try_from(column).ok()? })
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
}

/// Memory for so many values: the given one, or more where that is too small.
fn room<'a, T: Copy + Default>(few: &'a mut [T], many: &'a mut Vec<T>, size: usize) -> &'a mut [T] {
    if size <= few.len() {
        return &mut few[..size];
    }
    many.resize(size, T::default());
    many
}
