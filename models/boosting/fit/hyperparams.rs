//! Hyperparameters, unchecked and checked.

use linfa::ParamGuard;

use super::Error;
use crate::boosting::Objective;

/// Checked hyperparameters of a [`crate::boosting::Booster`]; only these can be fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct BoosterValidParams {
    pub(super) objective: Objective,
    pub(super) trees: usize,
    pub(super) learning_rate: f64,
    pub(super) leaves: usize,
    pub(super) min_leaf_rows: f64,
    pub(super) min_leaf_hessian: f64,
    pub(super) l2: f64,
    pub(super) row_share: f64,
    pub(super) feature_share: f64,
    pub(super) seed: u64,
    pub(super) monotone: Vec<i8>,
    pub(super) category_smoothing: f64,
}

/// Unchecked hyperparameters; [`ParamGuard::check`] makes them fit to be fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct BoosterParams(BoosterValidParams);

impl BoosterParams {
    /// Small, well-regularised trees: what carries over from shop to shop.
    #[must_use]
    pub fn new(objective: Objective) -> Self {
        BoosterParams(BoosterValidParams {
            objective,
            trees: 130,
            learning_rate: 0.08,
            leaves: 8,
            min_leaf_rows: 40.0,
            min_leaf_hessian: 1e-3,
            l2: 5.0,
            row_share: 0.6,
            feature_share: 0.5,
            seed: 0,
            monotone: Vec::new(),
            category_smoothing: 10.0,
        })
    }

    /// Number of trees, 1 or more (default 130).
    #[must_use]
    pub fn trees(mut self, trees: usize) -> Self {
        self.0.trees = trees;
        self
    }

    /// Shrinkage of each tree, in (0, 1] (default 0.08).
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.0.learning_rate = learning_rate;
        self
    }

    /// Most leaves a tree may have, 2 to 1024 (default 8).
    #[must_use]
    pub fn leaves(mut self, leaves: usize) -> Self {
        self.0.leaves = leaves;
        self
    }

    /// Fewest rows a leaf may hold (default 40); estimated from the hessian within a node.
    #[must_use]
    pub fn min_leaf_rows(mut self, rows: f64) -> Self {
        self.0.min_leaf_rows = rows;
        self
    }

    /// L2 penalty on leaf values (default 5).
    #[must_use]
    pub fn l2(mut self, l2: f64) -> Self {
        self.0.l2 = l2;
        self
    }

    /// Share of the rows that each tree sees, in (0, 1] (default 0.6).
    #[must_use]
    pub fn row_share(mut self, share: f64) -> Self {
        self.0.row_share = share;
        self
    }

    /// Share of the features that each tree sees, in (0, 1], in groups of eight (default 0.5).
    #[must_use]
    pub fn feature_share(mut self, share: f64) -> Self {
        self.0.feature_share = share;
        self
    }

    /// How the margin must move with each feature: 1 never down, -1 never up, 0 freely; features past the end
    /// of the list are free (default: all). Categorical features cannot be constrained.
    #[must_use]
    pub fn monotone(mut self, signs: Vec<i8>) -> Self {
        self.0.monotone = signs;
        self
    }

    /// Hessian added to each category when categories are put in order, and to each side of a categorical
    /// split's gain: small categories are drawn to the mean (default 10).
    #[must_use]
    pub fn category_smoothing(mut self, hessian: f64) -> Self {
        self.0.category_smoothing = hessian;
        self
    }

    /// Seed of the samples (default 0).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = seed;
        self
    }
}

impl ParamGuard for BoosterParams {
    type Checked = BoosterValidParams;
    type Error = Error;

    fn check_ref(&self) -> Result<&Self::Checked, Error> {
        let p = &self.0;
        let share = |v: f64| v > 0.0 && v <= 1.0;
        let checks: [(bool, &'static str, f64, &'static str); 9] = [
            (p.trees >= 1, "trees", p.trees as f64, "1 or more"),
            (share(p.learning_rate), "learning_rate", p.learning_rate, "above 0 and at most 1"),
            ((2..=1024).contains(&p.leaves), "leaves", p.leaves as f64, "2 to 1024"),
            (p.min_leaf_rows >= 1.0, "min_leaf_rows", p.min_leaf_rows, "1 or more"),
            (p.l2 >= 0.0 && p.l2.is_finite(), "l2", p.l2, "0 or more"),
            (
                p.category_smoothing >= 0.0 && p.category_smoothing.is_finite(),
                "category_smoothing",
                p.category_smoothing,
                "0 or more",
            ),
            (
                p.monotone.iter().all(|sign| (-1..=1).contains(sign)),
                "monotone",
                p.monotone.iter().copied().find(|sign| !(-1..=1).contains(sign)).map_or(0.0, f64::from),
                "-1, 0 or 1",
            ),
            (share(p.row_share), "row_share", p.row_share, "above 0 and at most 1"),
            (share(p.feature_share), "feature_share", p.feature_share, "above 0 and at most 1"),
        ];
        if let Some((name, value, must)) = p.objective.fault() {
            return Err(Error::Hyperparameter { name, value, must });
        }
        match checks.into_iter().find(|check| !check.0) {
            Some((_, name, value, must)) => Err(Error::Hyperparameter { name, value, must }),
            None => Ok(p),
        }
    }

    fn check(self) -> Result<Self::Checked, Error> {
        self.check_ref()?;
        Ok(self.0)
    }
}
