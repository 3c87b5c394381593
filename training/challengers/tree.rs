//! A small decision tree of linfa-trees, made readable: coded features, leaves with shares, rules.

use homing_models::features::SPECS;
use linfa_trees::TreeNode;
use ndarray::{Array2, ArrayView2};
use serde::Serialize;

/// Maximum number of codes of a feature.
const MAX_CODES: usize = 48;

/// One rule of the decision tree: who falls under it, and what they did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TreeRule {
    /// Conditions that all hold.
    pub conditions: Vec<Condition>,
    /// Share of the rows under the rule that bought.
    pub bought: f64,
    /// Rows under the rule.
    pub rows: usize,
}

/// A condition on a feature.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    /// The feature.
    pub feature: &'static str,
    /// The feature lies below this value; no upper bound where absent.
    pub below: Option<f64>,
    /// The feature is at least this value; no lower bound where absent.
    pub at_least: Option<f64>,
}

/// Features as whole numbers: the place among quantiles of the sample. A missing value gets the median's.
///
/// linfa-trees takes values within 1e-5 for equal and splits by `<=` when it learns, by `<` when it predicts; codes
/// that are 1 apart, split at halves, are safe from both.
pub(super) struct Codes {
    /// Position of each feature that varies, its ascending edges, and the code of a missing value.
    pub columns: Vec<(usize, Vec<f32>, f64)>,
}

impl Codes {
    pub fn of(x: ArrayView2<'_, f32>) -> Self {
        let columns = x.columns().into_iter().enumerate().filter_map(|(at, column)| {
            let mut known: Vec<f32> = column.iter().copied().filter(|x| x.is_finite()).collect();
            known.sort_by(f32::total_cmp);
            let last = known.len().checked_sub(1)?;
            let mut edges: Vec<f32> = (1..MAX_CODES).map(|i| known[last * i / MAX_CODES]).collect();
            edges.dedup();
            edges.retain(|&edge| edge > known[0]);
            let median = code(&edges, known[last / 2]);
            (!edges.is_empty()).then_some((at, edges, median))
        });
        Codes { columns: columns.collect() }
    }

    pub fn encode(&self, x: ArrayView2<'_, f32>) -> Array2<f64> {
        Array2::from_shape_fn((x.nrows(), self.columns.len()), |(row, column)| {
            let (at, edges, median) = &self.columns[column];
            let x = x[(row, *at)];
            if x.is_nan() { *median } else { code(edges, x) }
        })
    }
}

/// Number of edges at or below a value.
fn code(edges: &[f32], x: f32) -> f64 {
    edges.partition_point(|&edge| edge <= x) as f64
}

/// A tree with the share of the fitted rows that bought in each of its leaves.
pub(super) struct Leaves {
    nodes: Vec<Node>,
}

enum Node {
    /// Column and value of a split, and the children below and not below it.
    Split(usize, f64, usize, usize),
    /// Rows, and those who bought.
    Leaf(f64, f64),
}

impl Leaves {
    /// The leaves of a fitted tree, with the rows that it was fitted to counted: codes, and who bought.
    pub fn of(root: &TreeNode<f64, usize>, x: ArrayView2<'_, f64>, bought: &[bool]) -> Self {
        let mut leaves = Leaves { nodes: Vec::new() };
        leaves.add(root);
        for (row, &bought) in x.rows().into_iter().zip(bought) {
            let leaf = leaves.leaf(&row.to_vec());
            if let Node::Leaf(rows, buyers) = &mut leaves.nodes[leaf] {
                *rows += 1.0;
                *buyers += f64::from(u8::from(bought));
            }
        }
        leaves
    }

    fn add(&mut self, node: &TreeNode<f64, usize>) -> usize {
        let at = self.nodes.len();
        self.nodes.push(Node::Leaf(0.0, 0.0));
        let children: Vec<&TreeNode<f64, usize>> =
            node.children().into_iter().filter_map(|child| child.as_deref()).collect();
        let (column, value, _) = node.split();
        if let [left, right] = children.as_slice() {
            let (left, right) = (self.add(left), self.add(right));
            self.nodes[at] = Node::Split(column, value, left, right);
        }
        at
    }

    fn leaf(&self, row: &[f64]) -> usize {
        let mut at = 0;
        while let Node::Split(column, value, left, right) = self.nodes[at] {
            at = if row[column] < value { left } else { right };
        }
        at
    }

    /// The share of the leaf that a row falls into, with one more of each outcome.
    pub fn share(&self, row: &[f64]) -> f64 {
        match self.nodes[self.leaf(row)] {
            Node::Leaf(rows, bought) => (bought + 1.0) / (rows + 2.0),
            Node::Split(..) => 0.5,
        }
    }

    /// The leaves as rules, those most likely to buy first.
    pub fn rules(&self, codes: &Codes) -> Vec<TreeRule> {
        let mut rules = Vec::new();
        self.collect(0, &mut Vec::new(), codes, &mut rules);
        rules.sort_by(|a, b| b.bought.total_cmp(&a.bought));
        rules
    }

    fn collect(
        &self,
        at: usize,
        path: &mut Vec<(usize, f64, bool)>,
        codes: &Codes,
        rules: &mut Vec<TreeRule>,
    ) {
        match self.nodes[at] {
            Node::Leaf(rows, bought) => rules.push(TreeRule {
                conditions: conditions(path, codes),
                bought: bought / rows.max(1.0),
                rows: rows as usize,
            }),
            Node::Split(column, value, left, right) => {
                for (child, below) in [(left, true), (right, false)] {
                    path.push((column, value, below));
                    self.collect(child, path, codes, rules);
                    path.pop();
                }
            }
        }
    }
}

/// The splits on the way to a leaf, with those on the same feature taken together.
fn conditions(path: &[(usize, f64, bool)], codes: &Codes) -> Vec<Condition> {
    let mut all: Vec<Condition> = Vec::new();
    for &(column, value, below) in path {
        let Some((feature, edges, _)) = codes.columns.get(column) else { continue };
        // Codes below `value` are those of values below the edge that begins the next code.
        let edge = edges.get((value.ceil() as usize).saturating_sub(1)).map(|&edge| f64::from(edge));
        let Some(edge) = edge else { continue };
        let name = SPECS[*feature].name;
        let at = all.iter().position(|condition| condition.feature == name).unwrap_or_else(|| {
            all.push(Condition { feature: name, below: None, at_least: None });
            all.len() - 1
        });
        let condition = &mut all[at];
        if below {
            condition.below = Some(condition.below.map_or(edge, |known| known.min(edge)));
        } else {
            condition.at_least = Some(condition.at_least.map_or(edge, |known| known.max(edge)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_keep_the_order_and_missing_values_stand_for_the_median() {
        let x = Array2::from_shape_fn((1000, 3), |(i, j)| match j {
            0 => i as f32,
            1 => 7.0,
            _ if i % 2 == 0 => f32::NAN,
            _ => (i % 5) as f32,
        });
        let codes = Codes::of(x.view());
        assert_eq!(codes.columns.iter().map(|column| column.0).collect::<Vec<_>>(), [0, 2]);
        let coded = codes.encode(x.view());
        assert!((1..1000).all(|i| coded[(i, 0)] >= coded[(i - 1, 0)]));
        assert_eq!((coded[(0, 0)], coded[(999, 0)]), (0.0, (MAX_CODES - 1) as f64));
        assert_eq!(coded[(0, 1)], coded[(7, 1)], "the median of 0 to 4 is 2");
    }

    #[test]
    fn splits_on_one_feature_make_one_condition() {
        let codes = Codes { columns: vec![(0, vec![10.0, 20.0, 30.0], 1.0)] };
        let path = [(0, 2.5, true), (0, 0.5, false), (0, 1.5, true)];
        let found = conditions(&path, &codes);
        assert_eq!(found, [Condition { feature: SPECS[0].name, below: Some(20.0), at_least: Some(10.0) }]);
    }
}
