//! Growing one tree: always the leaf whose best split gains most.

use rayon::prelude::*;

use super::bins::{BLOCK, Binned, Bins, Scale};
use super::histogram::{Sum, Table, Units, add, empty, minus};
use super::hyperparams::BoosterValidParams;
use super::split::{self, Cut, Search, Split};
use super::tree::{Node, Tree};

/// What a tree is grown from.
pub struct Soil<'a, const K: usize> {
    pub data: &'a Binned,
    pub bins: &'a Bins,
    pub params: &'a BoosterValidParams,
    pub units: &'a Units<K>,
    /// Blocks of features that this tree may use, ascending.
    pub blocks: &'a [usize],
}

/// The rows that a tree sees and its working memory, kept from tree to tree.
#[derive(Default)]
pub struct Field<const K: usize> {
    /// The rows; once grown, those of each leaf together, ascending.
    pub rows: Vec<u32>,
    /// Gradients and hessians of these rows.
    pub sums: Vec<Sum<K>>,
    spare_rows: Vec<u32>,
    spare_sums: Vec<Sum<K>>,
    pool: Vec<Vec<Table<K>>>,
}

/// A node that may still be split; its rows are `rows[start..end]`.
struct Open<const K: usize> {
    node: usize,
    start: usize,
    end: usize,
    stats: split::Node<K>,
    tables: Vec<Table<K>>,
    best: Option<Split<K>>,
}

/// A leaf: its node and its rows, `rows[start..end]` of the field.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<const K: usize> {
    pub node: usize,
    pub start: usize,
    pub end: usize,
    /// Sums of its rows.
    pub sum: Sum<K>,
    /// Values that it may take, by monotone constraints.
    pub bounds: (f64, f64),
}

/// A tree whose leaves have no values yet.
pub struct Grown<const K: usize> {
    pub tree: Tree,
    /// For each node the place of its feature in the binned matrix and the bins that go left.
    cuts: Vec<(usize, Cut)>,
    pub leaves: Vec<Leaf<K>>,
}

impl<const K: usize> Grown<K> {
    /// The leaf node that a row of the binned matrix reaches.
    pub fn reach(&self, data: &Binned, row: usize) -> usize {
        let mut at = 0;
        loop {
            let node = &self.tree.nodes[at];
            if node.is_leaf() {
                return at;
            }
            let (place, cut) = &self.cuts[at];
            at = usize::from(if cut.takes(data.bin(*place, row)) { node.left } else { node.right });
        }
    }
}

/// Grows a tree over the rows of the field.
pub fn grow<const K: usize>(soil: &Soil<'_, K>, field: &mut Field<K>) -> Grown<K> {
    let all = field.rows.len();
    field.spare_rows.resize(all, 0);
    field.spare_sums.resize(all, [0; K]);
    let total = field.sums.iter().fold([0; K], |sum, row| super::histogram::plus(&sum, row));
    let stats = split::Node { total, rows: all, bounds: (f64::NEG_INFINITY, f64::INFINITY) };
    let mut tables = field.pool.pop().unwrap_or_else(|| vec![empty(); soil.blocks.len()]);
    let best = sow(soil, &mut tables, &field.rows, &field.sums, &stats);
    let mut tree = Tree { nodes: vec![Node::leaf(0.0, all as f32)] };
    let mut cuts = vec![(0, Cut::Of([0; 4]))];
    let mut open = vec![Open { node: 0, start: 0, end: all, stats, tables, best }];
    while open.len() < soil.params.leaves {
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
        let middle = parent.start + partition(soil.data, &split, field, parent.start, parent.end);
        let children = (tree.nodes.len(), tree.nodes.len() + 1);
        describe(soil, &split, &mut tree.nodes[parent.node], children);
        cuts[parent.node] = (split.place.0 * BLOCK + split.place.1, split.cut);
        tree.nodes.push(Node::leaf(0.0, (middle - parent.start) as f32));
        tree.nodes.push(Node::leaf(0.0, (parent.end - middle) as f32));
        cuts.extend([(0, Cut::Of([0; 4])); 2]);
        let last = open.len() + 2 == soil.params.leaves;
        open.extend(raise(soil, field, parent, &split, middle, children, last));
    }
    let leaf = |open: &Open<K>| Leaf {
        node: open.node,
        start: open.start,
        end: open.end,
        sum: open.stats.total,
        bounds: open.stats.bounds,
    };
    let leaves = open.iter().map(leaf).collect();
    field.pool.extend(open.into_iter().map(|open| open.tables).filter(|tables| !tables.is_empty()));
    Grown { tree, cuts, leaves }
}

/// Writes a split into its node, in terms of values.
fn describe<const K: usize>(
    soil: &Soil<'_, K>,
    split: &Split<K>,
    node: &mut Node,
    (left, right): (usize, usize),
) {
    let feature = soil.bins.feature(split.place.0, split.place.1).unwrap_or(0);
    node.feature = feature as u16;
    (node.left, node.right) = (left as u16, right as u16);
    match (split.cut, soil.bins.scale(feature)) {
        (Cut::UpTo { bin, missing }, Scale::Ordered(edges)) => {
            // All known values lie below the largest number.
            node.threshold = edges.get(usize::from(bin)).copied().unwrap_or(f32::MAX);
            node.missing_left = missing;
        }
        (cut, Scale::Categories(codes)) => {
            let taken = codes.iter().zip(0..=u8::MAX).filter(|(_, bin)| cut.takes(*bin));
            node.categories = Some(taken.map(|(&code, _)| code).collect());
        }
        (Cut::Of(_), Scale::Ordered(_)) => {}
    }
}

/// The two leaves of a split; the smaller one is summed, the larger one is what is left of the parent.
fn raise<const K: usize>(
    soil: &Soil<'_, K>,
    field: &mut Field<K>,
    parent: Open<K>,
    split: &Split<K>,
    middle: usize,
    (left, right): (usize, usize),
    last: bool,
) -> [Open<K>; 2] {
    let (start, end) = (parent.start, parent.end);
    let (left_bounds, right_bounds) = bounds(soil, &parent, split);
    let rows = middle - start;
    let l = split::Node { total: split.left, rows, bounds: left_bounds };
    let total = minus(&parent.stats.total, &split.left);
    let r = split::Node { total, rows: end - middle, bounds: right_bounds };
    let mut tables = parent.tables;
    let open = |node, start, end, stats| Open { node, start, end, stats, tables: Vec::new(), best: None };
    let mut children = [open(left, start, middle, l), open(right, middle, end, r)];
    let can_split = |rows: usize| rows as f64 >= 2.0 * soil.params.min_leaf_rows;
    if last || !(can_split(l.rows) || can_split(r.rows)) {
        field.pool.push(tables);
        return children;
    }
    let left_is_small = l.rows <= r.rows;
    let (small, large, range) = if left_is_small { (l, r, start..middle) } else { (r, l, middle..end) };
    let mut own = field.pool.pop().unwrap_or_else(|| vec![empty(); soil.blocks.len()]);
    let (rows, sums) = (&field.rows[range.clone()], &field.sums[range]);
    let both = |(nth, (own, parent)): (usize, (&mut Table<K>, &mut Table<K>))| {
        let block = soil.blocks[nth];
        fill(soil, block, own, rows, sums);
        subtract(soil, block, parent, own);
        let small = if can_split(small.rows) { scan(soil, block, own, &small) } else { None };
        let large = if can_split(large.rows) { scan(soil, block, parent, &large) } else { None };
        (small, large)
    };
    let zipped = || own.len() * rows.len() > 4_096;
    let found: Vec<_> = if zipped() {
        own.par_iter_mut().zip(&mut tables).enumerate().map(both).collect()
    } else {
        own.iter_mut().zip(&mut tables).enumerate().map(both).collect()
    };
    let small = best_of(found.iter().map(|found| found.0));
    let large = best_of(found.iter().map(|found| found.1));
    let [first, second] = &mut children;
    let (small_at, large_at) = if left_is_small { (first, second) } else { (second, first) };
    (small_at.best, small_at.tables) = (small, own);
    (large_at.best, large_at.tables) = (large, tables);
    children
}

/// The values that leaves under a split may take: a split on a constrained feature parts them at the middle of
/// its two values.
fn bounds<const K: usize>(
    soil: &Soil<'_, K>,
    parent: &Open<K>,
    split: &Split<K>,
) -> ((f64, f64), (f64, f64)) {
    let (low, high) = parent.stats.bounds;
    let feature = soil.bins.feature(split.place.0, split.place.1).unwrap_or(0);
    let sign = soil.params.monotone.get(feature).copied().unwrap_or(0);
    if sign == 0 {
        return ((low, high), (low, high));
    }
    let of = |sum: &Sum<K>| {
        let (g, h) = soil.units.unpack(sum, 0);
        split::value(g, h, soil.params.l2, (low, high))
    };
    let middle = (of(&split.left) + of(&minus(&parent.stats.total, &split.left))) / 2.0;
    if sign > 0 { ((low, middle), (middle, high)) } else { ((middle, high), (low, middle)) }
}

/// Fills the root's tables and finds its best split.
fn sow<const K: usize>(
    soil: &Soil<'_, K>,
    tables: &mut [Table<K>],
    rows: &[u32],
    sums: &[Sum<K>],
    stats: &split::Node<K>,
) -> Option<Split<K>> {
    if (stats.rows as f64) < 2.0 * soil.params.min_leaf_rows {
        return None;
    }
    let found: Vec<_> = tables
        .par_iter_mut()
        .zip(soil.blocks)
        .map(|(table, &block)| {
            fill(soil, block, table, rows, sums);
            scan(soil, block, table, stats)
        })
        .collect();
    best_of(found.into_iter())
}

/// The first of the best.
fn best_of<const K: usize>(found: impl Iterator<Item = Option<Split<K>>>) -> Option<Split<K>> {
    found.flatten().fold(None, |best: Option<Split<K>>, split| match best {
        Some(best) if best.gain >= split.gain => Some(best),
        _ => Some(split),
    })
}

/// The lanes of a block in use: lane and feature.
fn lanes<'a, const K: usize>(
    soil: &'a Soil<'_, K>,
    block: usize,
) -> impl Iterator<Item = (usize, usize)> + 'a {
    (0..BLOCK).map_while(move |lane| soil.bins.feature(block, lane).map(|feature| (lane, feature)))
}

fn fill<const K: usize>(
    soil: &Soil<'_, K>,
    block: usize,
    table: &mut Table<K>,
    rows: &[u32],
    sums: &[Sum<K>],
) {
    table.iter_mut().for_each(|lane| lane.fill([0; K]));
    add(table, soil.data.block(block), rows, sums);
}

/// Takes a child's sums away, which leaves those of its sibling.
fn subtract<const K: usize>(soil: &Soil<'_, K>, block: usize, parent: &mut Table<K>, child: &Table<K>) {
    for (lane, feature) in lanes(soil, block) {
        let bins = soil.bins.count(feature);
        let (parent, child) = (&mut parent[lane], &child[lane]);
        for (parent, child) in parent[..bins].iter_mut().zip(&child[..bins]) {
            *parent = minus(parent, child);
        }
        parent[255] = minus(&parent[255], &child[255]);
    }
}

/// The best split of a node by the features of a block.
fn scan<const K: usize>(
    soil: &Soil<'_, K>,
    block: usize,
    table: &Table<K>,
    stats: &split::Node<K>,
) -> Option<Split<K>> {
    let search = Search { params: soil.params, units: soil.units };
    best_of(lanes(soil, block).map(|(lane, feature)| {
        search.best(stats, &table[lane], (feature, soil.bins.scale(feature)), (block, lane))
    }))
}

/// Rows, their sums, and room for both.
type Part<'a, const K: usize> = (((&'a mut [u32], &'a mut [Sum<K>]), &'a mut [u32]), &'a mut [Sum<K>]);

/// Moves the rows that go left to the front, each side in its old order; returns how many go left.
fn partition<const K: usize>(
    data: &Binned,
    split: &Split<K>,
    field: &mut Field<K>,
    start: usize,
    end: usize,
) -> usize {
    let (block, lane) = (data.block(split.place.0), split.place.1);
    let left: [bool; 256] = std::array::from_fn(|bin| split.cut.takes(bin as u8));
    let rows = &mut field.rows[start..end];
    let sums = &mut field.sums[start..end];
    let (spare_rows, spare_sums) =
        (&mut field.spare_rows[..end - start], &mut field.spare_sums[..end - start]);
    let many = end - start;
    let size = if many < 32_768 { many } else { many.div_ceil(rayon::current_num_threads()) };
    let part = |(((rows, sums), spare_rows), spare_sums): Part<'_, K>| {
        let (mut l, mut r) = (0, 0);
        // Both sides are written and one is kept: which way a row goes cannot be guessed.
        for at in 0..rows.len() {
            let (row, sum) = (rows[at], sums[at]);
            let goes = left[usize::from(block[row as usize][lane])];
            (rows[l], sums[l]) = (row, sum);
            (spare_rows[r], spare_sums[r]) = (row, sum);
            l += usize::from(goes);
            r += usize::from(!goes);
        }
        l
    };
    let lefts: Vec<usize> = if size == many {
        vec![part((((&mut *rows, &mut *sums), &mut *spare_rows), &mut *spare_sums))]
    } else {
        let (rows, sums) = (rows.par_chunks_mut(size), sums.par_chunks_mut(size));
        rows.zip(sums)
            .zip(spare_rows.par_chunks_mut(size))
            .zip(spare_sums.par_chunks_mut(size))
            .map(part)
            .collect()
    };
    let mut at = 0;
    for (chunk, &l) in lefts.iter().enumerate() {
        rows.copy_within(chunk * size..chunk * size + l, at);
        sums.copy_within(chunk * size..chunk * size + l, at);
        at += l;
    }
    let middle = at;
    for (chunk, &l) in lefts.iter().enumerate() {
        let from = chunk * size;
        let r = size.min(many - from) - l;
        rows[at..at + r].copy_from_slice(&spare_rows[from..from + r]);
        sums[at..at + r].copy_from_slice(&spare_sums[from..from + r]);
        at += r;
    }
    middle
}
