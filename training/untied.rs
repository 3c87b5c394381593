//! Weights under which a tree of linfa-trees is the same each time.

use ndarray::Array1;

/// Weights of rows for linfa-trees. In a tied leaf it takes the class that a hash map names first, and prunes by it: a little more
/// weight on one class leaves no ties, so that the same rows give the same tree.
#[must_use]
pub fn weights(outcomes: impl IntoIterator<Item = bool>) -> Array1<f32> {
    outcomes.into_iter().map(|outcome| if outcome { 1.0 + 1.0 / 1024.0 } else { 1.0 }).collect()
}
