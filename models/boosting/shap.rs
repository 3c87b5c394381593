//! Exact SHAP values of trees: how much each feature moved a margin.
//!
//! Lundberg, Erion & Lee (2018), "Consistent Individualized Feature Attribution for Tree Ensembles",
//! algorithm 2 (path-dependent): polynomial time, weights by the training rows that came by each node.

use super::{Booster, Node, Tree};

/// One feature on the way from the root: `zero` and `one` are the shares of paths that flow on when the
/// feature is unknown and known, `weight` the permutation weight of subsets of that size.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    feature: usize,
    zero: f64,
    one: f64,
    weight: f64,
}

/// Marks the step before the root, which belongs to no feature.
const NOBODY: usize = usize::MAX;

/// Most splits of a tree whose answers are tabled: 2^7 ways through it.
const TABLED: usize = 7;

/// A booster made ready to explain rows fast.
///
/// A row's SHAP values from one tree depend only on which way each split sends the row. A tree of up to seven
/// splits has at most 128 such patterns: their values are computed once by the algorithm and looked up then
/// (the idea of Yang 2021, "Fast TreeSHAP", version 2). Larger trees are traversed each time.
///
/// ```
/// use homing_models::boosting::{Booster, Explainer, Objective, fit};
/// use ndarray::{Array1, Array2};
///
/// let x = Array2::from_shape_fn((200, 2), |(row, column)| (row * (column + 1)) as f32);
/// let y = Array1::from_shape_fn(200, |row| f64::from(u8::from(row >= 100)));
/// let booster = fit(Booster::params(Objective::Logistic).trees(5).min_leaf_rows(10.0), x, y)?;
/// let mut contributions = [0.0; 2];
/// let expected = Explainer::of(&booster).explain(&[150.0, 300.0], 1.0, &mut contributions);
/// let margin = expected + contributions.iter().sum::<f64>();
/// assert!((margin - booster.margin(&[150.0, 300.0])).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Explainer {
    expected: f64,
    trees: Vec<Explained>,
}

#[derive(Clone, Debug, PartialEq)]
enum Explained {
    Tabled { splits: Vec<Node>, features: Vec<usize>, table: Vec<f64> },
    Walked(Tree),
}

impl Explainer {
    /// Makes a booster ready.
    #[must_use]
    pub fn of(booster: &Booster) -> Self {
        let mut expected = booster.intercept();
        let mut path = Vec::new();
        let trees = booster
            .trees()
            .iter()
            .map(|tree| {
                expected += expectation(tree, 0);
                Explained::of(tree, booster.features(), &mut path)
            })
            .collect();
        Explainer { expected, trees }
    }

    /// Adds `weight` times each feature's SHAP value, in units of the margin, to `out` (one a feature) and
    /// returns the margin that is expected when nothing is known. With weight 1, the sum of both is the margin.
    pub fn explain(&self, row: &[f32], weight: f64, out: &mut [f64]) -> f64 {
        for tree in &self.trees {
            match tree {
                Explained::Tabled { splits, features, table } => {
                    let pattern = splits
                        .iter()
                        .rev()
                        .fold(0, |bits, split| bits << 1 | usize::from(split.goes_left(row)));
                    let values = &table[pattern * features.len()..][..features.len()];
                    for (&feature, value) in features.iter().zip(values) {
                        out[feature] += weight * value;
                    }
                }
                Explained::Walked(tree) => {
                    let mut part = vec![0.0; out.len()];
                    let left = |at: usize| tree.nodes[at].goes_left(row);
                    walk(tree, &left, &mut Vec::new(), &mut part);
                    for (out, part) in out.iter_mut().zip(part) {
                        *out += weight * part;
                    }
                }
            }
        }
        self.expected
    }
}

impl Explained {
    fn of(tree: &Tree, width: usize, path: &mut Vec<Step>) -> Self {
        let at: Vec<usize> = (0..tree.nodes.len()).filter(|&at| !tree.nodes[at].is_leaf()).collect();
        if at.len() > TABLED {
            return Explained::Walked(tree.clone());
        }
        let mut features: Vec<usize> = at.iter().map(|&at| usize::from(tree.nodes[at].feature)).collect();
        features.sort_unstable();
        features.dedup();
        let mut table = Vec::with_capacity(features.len() << at.len());
        let mut whole = vec![0.0; width];
        for pattern in 0..1usize << at.len() {
            let left =
                |node: usize| at.iter().position(|&at| at == node).is_some_and(|bit| pattern >> bit & 1 == 1);
            walk(tree, &left, path, &mut whole);
            table.extend(features.iter().map(|&feature| std::mem::take(&mut whole[feature])));
        }
        let splits = at.into_iter().map(|at| tree.nodes[at].clone()).collect();
        Explained::Tabled { splits, features, table }
    }
}

/// Adds the SHAP values of a tree to `out`, where `left` tells which way each split sends the row.
fn walk(tree: &Tree, left: &impl Fn(usize) -> bool, path: &mut Vec<Step>, out: &mut [f64]) {
    path.clear();
    descend(tree, 0, left, path, 0, Step { feature: NOBODY, zero: 1.0, one: 1.0, weight: 0.0 }, out);
}

fn expectation(tree: &Tree, at: usize) -> f64 {
    let node = &tree.nodes[at];
    if node.is_leaf() {
        return node.value;
    }
    let (l, r) = (usize::from(node.left), usize::from(node.right));
    let (cl, cr) = (f64::from(tree.nodes[l].cover), f64::from(tree.nodes[r].cover));
    (cl * expectation(tree, l) + cr * expectation(tree, r)) / (cl + cr).max(1e-12)
}

/// Traverses to every leaf; `path[from..]` holds the steps so far, `step` is the one that led to `at`.
fn descend(
    tree: &Tree,
    at: usize,
    left: &impl Fn(usize) -> bool,
    path: &mut Vec<Step>,
    from: usize,
    step: Step,
    out: &mut [f64],
) {
    // A copy for this node, so that the sibling finds the path as it was.
    let start = path.len();
    path.extend_from_within(from..start);
    extend(path, start, step);
    let node = &tree.nodes[at];
    if node.is_leaf() {
        let depth = path.len() - start;
        for i in 1..depth {
            let s = path[start + i];
            out[s.feature] += unwound_sum(&path[start..], i) * (s.one - s.zero) * node.value;
        }
        path.truncate(start);
        return;
    }
    let (l, r) = (usize::from(node.left), usize::from(node.right));
    let (hot, cold) = if left(at) { (l, r) } else { (r, l) };
    let cover = |child: usize| f64::from(tree.nodes[child].cover) / f64::from(node.cover).max(1e-12);
    let feature = usize::from(node.feature);
    let (mut zero, mut one) = (1.0, 1.0);
    if let Some(again) = path[start..].iter().position(|s| s.feature == feature) {
        (zero, one) = (path[start + again].zero, path[start + again].one);
        unwind(path, start, again);
    }
    descend(tree, hot, left, path, start, Step { feature, zero: zero * cover(hot), one, weight: 0.0 }, out);
    descend(
        tree,
        cold,
        left,
        path,
        start,
        Step { feature, zero: zero * cover(cold), one: 0.0, weight: 0.0 },
        out,
    );
    path.truncate(start);
}

fn extend(path: &mut Vec<Step>, start: usize, step: Step) {
    let depth = path.len() - start;
    path.push(Step { weight: if depth == 0 { 1.0 } else { 0.0 }, ..step });
    let path = &mut path[start..];
    for i in (0..depth).rev() {
        path[i + 1].weight += step.one * path[i].weight * (i + 1) as f64 / (depth + 1) as f64;
        path[i].weight = step.zero * path[i].weight * (depth - i) as f64 / (depth + 1) as f64;
    }
}

/// Takes one step out of a path again.
fn unwind(path: &mut Vec<Step>, start: usize, gone: usize) {
    let whole = &mut path[start..];
    let last = whole.len() - 1;
    let Step { zero, one, .. } = whole[gone];
    let mut next = whole[last].weight;
    for i in (0..last).rev() {
        if one != 0.0 {
            let weight = whole[i].weight;
            whole[i].weight = next * (last + 1) as f64 / ((i + 1) as f64 * one);
            next = weight - whole[i].weight * zero * (last - i) as f64 / (last + 1) as f64;
        } else {
            whole[i].weight = whole[i].weight * (last + 1) as f64 / (zero * (last - i) as f64);
        }
    }
    for i in gone..last {
        whole[i] = Step { weight: whole[i].weight, ..whole[i + 1] };
    }
    path.pop();
}

/// Sum of the weights of a path without one of its steps.
fn unwound_sum(path: &[Step], gone: usize) -> f64 {
    let last = path.len() - 1;
    let Step { zero, one, .. } = path[gone];
    let mut next = path[last].weight;
    let mut total = 0.0;
    for i in (0..last).rev() {
        if one != 0.0 {
            let weight = next * (last + 1) as f64 / ((i + 1) as f64 * one);
            total += weight;
            next = path[i].weight - weight * zero * (last - i) as f64 / (last + 1) as f64;
        } else {
            total += path[i].weight * (last + 1) as f64 / (zero * (last - i) as f64);
        }
    }
    total
}

#[cfg(test)]
#[cfg(feature = "fit")]
mod tests {
    use super::super::{Booster, Node, Objective, Tree, fit};
    use super::Explainer;
    use crate::sampling::mix;
    use ndarray::{Array1, Array2};

    /// The definition: the mean over all orders of features of what each adds, by enumeration of subsets.
    fn by_definition(tree: &Tree, row: &[f32], features: usize) -> Vec<f64> {
        fn value(tree: &Tree, at: usize, row: &[f32], known: usize) -> f64 {
            let node = &tree.nodes[at];
            if node.is_leaf() {
                return node.value;
            }
            if known >> node.feature & 1 == 1 {
                return value(tree, usize::from(node.next(row)), row, known);
            }
            let (l, r) = (usize::from(node.left), usize::from(node.right));
            let (cl, cr) = (f64::from(tree.nodes[l].cover), f64::from(tree.nodes[r].cover));
            (cl * value(tree, l, row, known) + cr * value(tree, r, row, known)) / (cl + cr)
        }
        let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
        (0..features)
            .map(|j| {
                (0..1usize << features)
                    .filter(|s| s >> j & 1 == 0)
                    .map(|s| {
                        let size = s.count_ones() as usize;
                        let weight = factorial(size) * factorial(features - size - 1) / factorial(features);
                        weight * (value(tree, 0, row, s | 1 << j) - value(tree, 0, row, s))
                    })
                    .sum()
            })
            .collect()
    }

    #[test]
    fn equals_the_definition_and_sums_to_the_margin() {
        let unit = |i: usize, j: usize| mix(mix(i as u64) ^ j as u64) as f64 / u64::MAX as f64;
        let x = Array2::from_shape_fn((4000, 5), |(i, j)| unit(i, j) as f32);
        let y = Array1::from_shape_fn(4000, |i| unit(i, 0) * unit(i, 1) + (unit(i, 2) - 0.5).abs());
        for (leaves, i) in [8, 12].into_iter().flat_map(|leaves| (0..20).map(move |i| (leaves, i))) {
            let params = Booster::params(Objective::Squared).trees(8).leaves(leaves).learning_rate(0.5);
            let booster = fit(params, x.clone(), y.clone()).unwrap();
            let row = x.row(i).to_vec();
            let mut fast = vec![0.0; 5];
            let expected = Explainer::of(&booster).explain(&row, 1.0, &mut fast);
            assert!((expected + fast.iter().sum::<f64>() - booster.margin(&row)).abs() < 1e-12);
            let mut slow = vec![0.0; 5];
            for tree in booster.trees() {
                for (sum, value) in slow.iter_mut().zip(by_definition(tree, &row, 5)) {
                    *sum += value;
                }
            }
            for (fast, slow) in fast.iter().zip(&slow) {
                assert!((fast - slow).abs() < 1e-12, "{fast} {slow}");
            }
        }
    }

    #[test]
    fn unsound_trees_are_seen() {
        let mut split = Node::leaf(0.0, 1.0);
        (split.left, split.right) = (1, 9);
        assert!(!Tree { nodes: vec![split, Node::leaf(1.0, 1.0)] }.is_sound(3));
        assert!(!Tree::default().is_sound(3));
    }
}
