//! Growing one tree: always the leaf whose best split gains most.

use super::bins::{BLOCK, Binned, Bins, MISSING};
use super::histogram::{Histogram, Quantized};
use super::hyperparams::BoosterValidParams;
use super::tree::{Node, Tree};

/// What a tree is grown from.
pub struct Soil<'a> {
    pub data: &'a Binned,
    pub bins: &'a Bins,
    pub params: &'a BoosterValidParams,
    pub gradients: &'a [(f64, f64)],
    pub quantized: &'a Quantized,
    /// Blocks of features that this tree may use, ascending.
    pub blocks: &'a [usize],
}

#[derive(Clone, Copy, Debug)]
struct Split {
    gain: f64,
    feature: usize,
    bin: u8,
    missing_left: bool,
}

/// A node that may still be split; its rows are `rows[start..end]`.
struct Open {
    node: usize,
    start: usize,
    end: usize,
    histogram: Histogram,
    best: Option<Split>,
}

/// A split on bins, to send the rows of the training matrix through the tree.
#[derive(Clone, Copy, Debug)]
pub struct BinSplit {
    pub feature: usize,
    pub bin: u8,
}

/// A tree and, for each of its nodes, the bin of its split.
pub struct Grown {
    pub tree: Tree,
    pub splits: Vec<BinSplit>,
}

impl Grown {
    /// The value of the leaf that a row of the training matrix reaches.
    pub fn value(&self, data: &Binned, row: usize) -> f64 {
        let mut at = 0;
        loop {
            let node = &self.tree.nodes[at];
            if node.is_leaf() {
                return node.value;
            }
            let split = self.splits[at];
            let bin = data.bin(split.feature, row);
            let left = if bin == MISSING { node.missing_left } else { bin <= split.bin };
            at = usize::from(if left { node.left } else { node.right });
        }
    }
}

/// Grows a tree over these rows (their order is kept within each leaf).
pub fn grow(soil: &Soil<'_>, rows: &mut [u32]) -> Grown {
    let root = Histogram::of(soil.data, soil.blocks, rows, &soil.quantized.packed);
    let mut tree = Tree { nodes: vec![Node::leaf(0.0, rows.len() as f32)] };
    let mut splits = vec![BinSplit { feature: 0, bin: 0 }];
    let best = best_split(soil, &root, rows.len());
    let mut open = vec![Open { node: 0, start: 0, end: rows.len(), histogram: root, best }];
    let mut spare = Vec::with_capacity(rows.len());
    let mut leaves = 1;
    while leaves < soil.params.leaves {
        // The first of equal gains, so the choice does not depend on anything but the data.
        let mut pick: Option<(usize, f64)> = None;
        for (at, leaf) in open.iter().enumerate() {
            if let Some(split) = leaf.best
                && pick.is_none_or(|(_, gain)| split.gain > gain)
            {
                pick = Some((at, split.gain));
            }
        }
        let Some((at, _)) = pick else { break };
        let parent = open.swap_remove(at);
        let Some(split) = parent.best else { break };
        let middle =
            parent.start + partition(soil.data, split, &mut rows[parent.start..parent.end], &mut spare);
        let (left, right) = (tree.nodes.len(), tree.nodes.len() + 1);
        let node = &mut tree.nodes[parent.node];
        node.feature = split.feature as u16;
        node.threshold = soil.bins.edge(split.feature, split.bin);
        node.missing_left = split.missing_left;
        node.left = left as u16;
        node.right = right as u16;
        splits[parent.node] = BinSplit { feature: split.feature, bin: split.bin };
        tree.nodes.push(Node::leaf(0.0, (middle - parent.start) as f32));
        tree.nodes.push(Node::leaf(0.0, (parent.end - middle) as f32));
        splits.extend([BinSplit { feature: 0, bin: 0 }; 2]);
        leaves += 1;
        open.extend(children(soil, rows, parent, middle, (left, right), leaves == soil.params.leaves));
    }
    for leaf in &open {
        let (mut g, mut h) = (0.0, 0.0);
        for &row in &rows[leaf.start..leaf.end] {
            let (gi, hi) = soil.gradients[row as usize];
            g += gi;
            h += hi;
        }
        tree.nodes[leaf.node].value = -g / (h + soil.params.l2).max(1e-12) * soil.params.learning_rate;
    }
    Grown { tree, splits }
}

/// The two leaves of a split; the smaller one is summed, the larger one is what is left of the parent.
fn children(
    soil: &Soil<'_>,
    rows: &[u32],
    parent: Open,
    middle: usize,
    (left, right): (usize, usize),
    last: bool,
) -> [Open; 2] {
    let (start, end) = (parent.start, parent.end);
    if last {
        let leaf = |node, start, end| Open { node, start, end, histogram: Histogram::default(), best: None };
        return [leaf(left, start, middle), leaf(right, middle, end)];
    }
    let left_is_small = middle - start <= end - middle;
    let small_rows = if left_is_small { &rows[start..middle] } else { &rows[middle..end] };
    let small = Histogram::of(soil.data, soil.blocks, small_rows, &soil.quantized.packed);
    let mut large = parent.histogram;
    large.subtract(&small);
    let (l, r) = if left_is_small { (small, large) } else { (large, small) };
    let open = |node, start, end, histogram: Histogram| {
        let best = best_split(soil, &histogram, end - start);
        Open { node, start, end, histogram, best }
    };
    [open(left, start, middle, l), open(right, middle, end, r)]
}

/// Moves the rows that go left to the front, each side in its old order; returns how many go left.
fn partition(data: &Binned, split: Split, rows: &mut [u32], spare: &mut Vec<u32>) -> usize {
    let block = data.block(split.feature / BLOCK);
    let lane = split.feature % BLOCK;
    spare.clear();
    let mut left = 0;
    for at in 0..rows.len() {
        let row = rows[at];
        let bin = block[row as usize][lane];
        if if bin == MISSING { split.missing_left } else { bin <= split.bin } {
            rows[left] = row;
            left += 1;
        } else {
            spare.push(row);
        }
    }
    rows[left..].copy_from_slice(spare);
    left
}

/// The best split of a node over all features in use, if any gains.
fn best_split(soil: &Soil<'_>, histogram: &Histogram, rows: usize) -> Option<Split> {
    if (rows as f64) < 2.0 * soil.params.min_leaf_rows {
        return None;
    }
    let mut best: Option<Split> = None;
    for (nth, &block) in soil.blocks.iter().enumerate() {
        for lane in 0..BLOCK {
            let feature = block * BLOCK + lane;
            if feature >= soil.bins.features() {
                break;
            }
            let found = best_of_feature(soil, histogram.bins(nth, lane), feature, rows as f64);
            if let Some(split) = found
                && best.is_none_or(|best| split.gain > best.gain)
            {
                best = Some(split);
            }
        }
    }
    best
}

fn best_of_feature(soil: &Soil<'_>, sums: &[i64; 256], feature: usize, rows: f64) -> Option<Split> {
    let bins = soil.bins.count(feature);
    let missing = sums[usize::from(MISSING)];
    let total = sums[..bins].iter().sum::<i64>() + missing;
    let (g, h) = soil.quantized.unpack(total);
    let l2 = soil.params.l2;
    let score = |g: f64, h: f64| g * g / (h + l2).max(1e-12);
    let base = score(g, h) + 1e-9;
    // Rows are counted through the hessian, as the histogram holds no counts.
    let min_h = (soil.params.min_leaf_rows * h / rows).max(soil.params.min_leaf_hessian);
    let mut best: Option<Split> = None;
    let mut known = 0;
    for (bin, &sum) in sums[..bins - 1].iter().enumerate() {
        if sum == 0 {
            continue;
        }
        known += sum;
        for missing_left in [false, true] {
            if missing == 0 && missing_left {
                break;
            }
            let (gl, hl) = soil.quantized.unpack(if missing_left { known + missing } else { known });
            let (gr, hr) = (g - gl, h - hl);
            if hl < min_h || hr < min_h {
                continue;
            }
            let gain = score(gl, hl) + score(gr, hr) - base;
            if gain > 0.0 && best.is_none_or(|best| gain > best.gain) {
                best = Some(Split { gain, feature, bin: bin as u8, missing_left });
            }
        }
    }
    // Everything known against everything missing.
    if missing != 0 && known + sums[bins - 1] != 0 {
        let (gl, hl) = soil.quantized.unpack(total - missing);
        let (gr, hr) = (g - gl, h - hl);
        let gain = score(gl, hl) + score(gr, hr) - base;
        if hl >= min_h && hr >= min_h && gain > 0.0 && best.is_none_or(|best| gain > best.gain) {
            best = Some(Split { gain, feature, bin: (bins - 1) as u8, missing_left: false });
        }
    }
    best
}
