//! A fitted booster: margins of rows.

use serde::{Deserialize, Serialize};

use super::compiled::Ready;
use super::{Objective, Tree};

/// A fitted booster: `margin = intercept + offset + Σ trees`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Booster {
    objective: Objective,
    features: usize,
    intercept: f64,
    trees: Vec<Tree>,
    /// The trees in a layout that is fast to follow; not saved, rebuilt when first used.
    #[serde(skip)]
    ready: Ready,
}

impl Booster {
    #[cfg(feature = "fit")]
    pub(super) fn new(objective: Objective, features: usize, intercept: f64, trees: Vec<Tree>) -> Self {
        Booster { objective, features, intercept, trees, ready: Ready::default() }
    }

    /// The objective it was fitted to.
    #[must_use]
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// Its trees.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// The margin before any tree.
    #[must_use]
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// Number of features of a row.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// The margin of a row of features (length [`Booster::features`]), without its offset. NaN where the row is
    /// too short, or the booster was loaded and is not sound.
    #[must_use]
    pub fn margin(&self, row: &[f32]) -> f64 {
        match self.ready.of(self) {
            Some(compiled) => compiled.margin(row),
            None => self.plain_margin(row),
        }
    }

    /// The margins of many rows of `width` features each, row after row: to the bit those of [`Booster::margin`].
    #[must_use]
    pub fn margins(&self, rows: &[f32], width: usize) -> Vec<f64> {
        match self.ready.of(self) {
            Some(compiled) => compiled.margins(rows, width),
            None => rows.chunks_exact(width.max(1)).map(|row| self.plain_margin(row)).collect(),
        }
    }

    /// The margin of a row by following the trees as they are.
    pub(super) fn plain_margin(&self, row: &[f32]) -> f64 {
        if row.len() < self.features {
            return f64::NAN;
        }
        self.trees.iter().fold(self.intercept, |margin, tree| margin + tree.value(row))
    }

    /// Whether every tree leads to a leaf; checked when a bundle is loaded.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.intercept.is_finite() && self.trees.iter().all(|tree| tree.is_sound(self.features))
    }
}
