//! Growing one tree: always the leaf whose best split gains most.

use rayon::prelude::*;

use super::bins::{BLOCK, Binned, Bins, Scale};
use super::histogram::{Sum, Table, Units, add, empty};
use super::hyperparams::BoosterValidParams;
use super::split::{self, Cut, Search, Split};
use crate::boosting::tree::{Node, Tree};

/// What a tree is grown from.
pub struct Context<'a> {
    pub data: &'a Binned,
    pub bins: &'a Bins,
    pub params: &'a BoosterValidParams,
    pub units: &'a Units,
    /// Blocks of features that this tree may use, ascending.
    pub blocks: &'a [usize],
}

/// The rows that a tree sees and its working memory, kept from tree to tree.
#[derive(Default)]
pub struct Workspace {
    /// The rows; once grown, those of each leaf together, ascending.
    pub rows: Vec<u32>,
    /// Gradients and hessians of these rows.
    pub sums: Vec<Sum>,
    spare_rows: Vec<u32>,
    spare_sums: Vec<Sum>,
    pool: Vec<Vec<Table>>,
}

/// A node that may still be split; its rows are `rows[start..end]`.
struct Open {
    node: usize,
    start: usize,
    end: usize,
    stats: split::Node,
    tables: Vec<Table>,
    best: Option<Split>,
}

/// A leaf: its node and its rows, `rows[start..end]` of the workspace.
#[derive(Clone, Copy, Debug)]
pub struct Leaf {
    pub node: usize,
    pub start: usize,
    pub end: usize,
    /// Sums of its rows.
    pub sum: Sum,
    /// Values that it may take, by monotone constraints.
    pub bounds: (f64, f64),
}

/// A tree whose leaves have no values yet.
pub struct Grown {
    pub tree: Tree,
    /// For each node the place of its feature in the binned matrix and the bins that go left.
    cuts: Vec<(usize, Cut)>,
    pub leaves: Vec<Leaf>,
}

impl Grown {
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

/// Grows a tree over the rows of the workspace.
pub fn grow(context: &Context<'_>, workspace: &mut Workspace) -> Grown {
    let all = workspace.rows.len();
    workspace.spare_rows.resize(all, 0);
    workspace.spare_sums.resize(all, 0);
    let total = workspace.sums.iter().sum();
    let stats = split::Node { total, rows: all, bounds: (f64::NEG_INFINITY, f64::INFINITY) };
    let mut tables = workspace.pool.pop().unwrap_or_else(|| vec![empty(); context.blocks.len()]);
    let best = root_split(context, &mut tables, &workspace.rows, &workspace.sums, &stats);
    let mut tree = Tree { nodes: vec![Node::leaf(0.0, all as f32)] };
    let mut cuts = vec![(0, Cut::Of([0; 4]))];
    let mut open = vec![Open { node: 0, start: 0, end: all, stats, tables, best }];
    while open.len() < context.params.leaves {
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
        let middle = parent.start + partition(context.data, &split, workspace, parent.start, parent.end);
        let nodes = (tree.nodes.len(), tree.nodes.len() + 1);
        describe(context, &split, &mut tree.nodes[parent.node], nodes);
        cuts[parent.node] = (split.place.0 * BLOCK + split.place.1, split.cut);
        tree.nodes.push(Node::leaf(0.0, (middle - parent.start) as f32));
        tree.nodes.push(Node::leaf(0.0, (parent.end - middle) as f32));
        cuts.extend([(0, Cut::Of([0; 4])); 2]);
        let last = open.len() + 2 == context.params.leaves;
        open.extend(children(context, workspace, parent, &split, middle, nodes, last));
    }
    let leaf = |open: &Open| Leaf {
        node: open.node,
        start: open.start,
        end: open.end,
        sum: open.stats.total,
        bounds: open.stats.bounds,
    };
    let leaves = open.iter().map(leaf).collect();
    workspace.pool.extend(open.into_iter().map(|open| open.tables).filter(|tables| !tables.is_empty()));
    Grown { tree, cuts, leaves }
}

/// Writes a split into its node, in terms of values.
fn describe(context: &Context<'_>, split: &Split, node: &mut Node, (left, right): (usize, usize)) {
    node.feature = split.feature as u16;
    (node.left, node.right) = (left as u16, right as u16);
    match (split.cut, context.bins.scale(split.feature)) {
        (Cut::UpTo { bin, missing }, Scale::Ordered(edges)) => {
            // All known values are below the largest number.
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
fn children(
    context: &Context<'_>,
    workspace: &mut Workspace,
    parent: Open,
    split: &Split,
    middle: usize,
    (left, right): (usize, usize),
    last: bool,
) -> [Open; 2] {
    let (start, end) = (parent.start, parent.end);
    let (left_bounds, right_bounds) = bounds(context, &parent, split);
    let rows = middle - start;
    let l = split::Node { total: split.left, rows, bounds: left_bounds };
    let total = parent.stats.total - split.left;
    let r = split::Node { total, rows: end - middle, bounds: right_bounds };
    let mut tables = parent.tables;
    let open = |node, start, end, stats| Open { node, start, end, stats, tables: Vec::new(), best: None };
    let mut children = [open(left, start, middle, l), open(right, middle, end, r)];
    let can_split = |rows: usize| rows as f64 >= 2.0 * context.params.min_leaf_rows;
    if last || !(can_split(l.rows) || can_split(r.rows)) {
        workspace.pool.push(tables);
        return children;
    }
    let left_is_small = l.rows <= r.rows;
    let (small, large, range) = if left_is_small { (l, r, start..middle) } else { (r, l, middle..end) };
    let mut own = workspace.pool.pop().unwrap_or_else(|| vec![empty(); context.blocks.len()]);
    let (rows, sums) = (&workspace.rows[range.clone()], &workspace.sums[range]);
    let both = |(nth, (own, parent)): (usize, (&mut Table, &mut Table))| {
        let block = context.blocks[nth];
        fill(context, block, own, rows, sums);
        subtract(context, block, parent, own);
        let small = if can_split(small.rows) { scan(context, block, own, &small) } else { None };
        let large = if can_split(large.rows) { scan(context, block, parent, &large) } else { None };
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
fn bounds(context: &Context<'_>, parent: &Open, split: &Split) -> ((f64, f64), (f64, f64)) {
    let (low, high) = parent.stats.bounds;
    let sign = context.params.monotone.get(split.feature).copied().unwrap_or(0);
    if sign == 0 {
        return ((low, high), (low, high));
    }
    let of = |sum: Sum| {
        let (g, h) = context.units.unpack(sum);
        split::value(g, h, context.params.l2, (low, high))
    };
    let middle = (of(split.left) + of(parent.stats.total - split.left)) / 2.0;
    if sign > 0 { ((low, middle), (middle, high)) } else { ((middle, high), (low, middle)) }
}

/// Fills the root's tables and finds its best split.
fn root_split(
    context: &Context<'_>,
    tables: &mut [Table],
    rows: &[u32],
    sums: &[Sum],
    stats: &split::Node,
) -> Option<Split> {
    if (stats.rows as f64) < 2.0 * context.params.min_leaf_rows {
        return None;
    }
    let found: Vec<_> = tables
        .par_iter_mut()
        .zip(context.blocks)
        .map(|(table, &block)| {
            fill(context, block, table, rows, sums);
            scan(context, block, table, stats)
        })
        .collect();
    best_of(found.into_iter())
}

/// The first of the best.
fn best_of(found: impl Iterator<Item = Option<Split>>) -> Option<Split> {
    found.flatten().fold(None, |best: Option<Split>, split| match best {
        Some(best) if best.gain >= split.gain => Some(best),
        _ => Some(split),
    })
}

/// The lanes of a block in use: lane and feature.
fn lanes<'a>(context: &'a Context<'_>, block: usize) -> impl Iterator<Item = (usize, usize)> + 'a {
    (0..BLOCK).map_while(move |lane| context.bins.feature(block, lane).map(|feature| (lane, feature)))
}

fn fill(context: &Context<'_>, block: usize, table: &mut Table, rows: &[u32], sums: &[Sum]) {
    table.iter_mut().for_each(|lane| lane.fill(0));
    add(table, context.data.block(block), rows, sums);
}

/// Takes a child's sums away, which leaves those of its sibling.
fn subtract(context: &Context<'_>, block: usize, parent: &mut Table, child: &Table) {
    for (lane, feature) in lanes(context, block) {
        let bins = context.bins.count(feature);
        let (parent, child) = (&mut parent[lane], &child[lane]);
        for (parent, child) in parent[..bins].iter_mut().zip(&child[..bins]) {
            *parent -= child;
        }
        parent[255] -= child[255];
    }
}

/// The best split of a node by the features of a block.
fn scan(context: &Context<'_>, block: usize, table: &Table, stats: &split::Node) -> Option<Split> {
    let search = Search { params: context.params, units: context.units };
    best_of(lanes(context, block).map(|(lane, feature)| {
        search.best(stats, &table[lane], (feature, context.bins.scale(feature)), (block, lane))
    }))
}

/// Rows, their sums, and room for both.
type Part<'a> = (((&'a mut [u32], &'a mut [Sum]), &'a mut [u32]), &'a mut [Sum]);

/// Moves the rows that go left to the front, each side in its old order; returns how many go left.
fn partition(data: &Binned, split: &Split, workspace: &mut Workspace, start: usize, end: usize) -> usize {
    let (block, lane) = (data.block(split.place.0), split.place.1);
    let left: [bool; 256] = std::array::from_fn(|bin| split.cut.takes(bin as u8));
    let rows = &mut workspace.rows[start..end];
    let sums = &mut workspace.sums[start..end];
    let (spare_rows, spare_sums) =
        (&mut workspace.spare_rows[..end - start], &mut workspace.spare_sums[..end - start]);
    let many = end - start;
    let size = if many < 32_768 { many } else { many.div_ceil(rayon::current_num_threads()) };
    let part = |(((rows, sums), spare_rows), spare_sums): Part<'_>| {
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
