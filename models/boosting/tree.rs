//! One regression tree.

use serde::{Deserialize, Serialize};

/// The code of a category: a whole number from 0 to 2²⁴; anything else is no category.
#[inline]
pub(super) fn code_of(x: f32) -> Option<u32> {
    ((0.0..=16_777_216.0).contains(&x) && x.fract() == 0.0).then_some(x as u32)
}

/// A node: a split, or a leaf where `left == 0` (the root is never a child).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Feature that is asked.
    #[serde(rename = "f")]
    pub feature: u16,
    /// Goes left where the value is at most this; infinite values count as the largest finite ones.
    #[serde(rename = "t")]
    pub threshold: f32,
    /// Where a missing value goes.
    #[serde(rename = "m")]
    pub missing_left: bool,
    /// Of a categorical split the codes that go left, ascending; all others and the missing go right.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Box<[u32]>>,
    /// Left child; 0 in a leaf.
    #[serde(rename = "l")]
    pub left: u16,
    /// Right child; 0 in a leaf.
    #[serde(rename = "r")]
    pub right: u16,
    /// Value of a leaf, shrinkage included.
    #[serde(rename = "v")]
    pub value: f64,
    /// Training rows that came by.
    #[serde(rename = "c")]
    pub cover: f32,
}

impl Node {
    #[cfg(feature = "fit")]
    pub(super) fn leaf(value: f64, cover: f32) -> Self {
        Node {
            feature: 0,
            threshold: 0.0,
            missing_left: false,
            categories: None,
            left: 0,
            right: 0,
            value,
            cover,
        }
    }

    /// Whether this is a leaf.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        self.left == 0
    }

    /// Whether a row of features goes left.
    #[inline]
    #[must_use]
    pub fn goes_left(&self, row: &[f32]) -> bool {
        let x = row[usize::from(self.feature)];
        if let Some(codes) = &self.categories {
            return code_of(x).is_some_and(|code| codes.binary_search(&code).is_ok());
        }
        if x.is_nan() { self.missing_left } else { x.min(f32::MAX) <= self.threshold }
    }

    /// The child that a row of features goes to.
    #[inline]
    #[must_use]
    pub fn next(&self, row: &[f32]) -> u16 {
        if self.goes_left(row) { self.left } else { self.right }
    }
}

/// Nodes, the root first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tree {
    /// The nodes; children come after their parent.
    pub nodes: Vec<Node>,
}

impl Tree {
    /// The value of the leaf that a row of features reaches.
    #[inline]
    #[must_use]
    pub fn value(&self, row: &[f32]) -> f64 {
        let mut node = &self.nodes[0];
        while !node.is_leaf() {
            node = &self.nodes[usize::from(node.next(row))];
        }
        node.value
    }

    /// Whether every link leads forward to a node that is there, so that [`Tree::value`] ends.
    #[must_use]
    pub fn is_sound(&self, features: usize) -> bool {
        !self.nodes.is_empty()
            && self.nodes.iter().enumerate().all(|(at, node)| {
                let ahead = |child: u16| usize::from(child) > at && usize::from(child) < self.nodes.len();
                node.value.is_finite()
                    && (node.left == 0 && node.right == 0
                        || ahead(node.left) && ahead(node.right) && usize::from(node.feature) < features)
            })
    }
}
