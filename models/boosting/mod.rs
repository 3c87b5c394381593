//! Gradient boosting over histograms of binned features, as a linfa estimator.
//!
//! Friedman (2001), "Greedy Function Approximation"; second-order leaves and gains as in Chen & Guestrin
//! (2016), "XGBoost", equations 5 to 7; leaf-wise growth and histogram subtraction as in Ke et al. (2017),
//! "LightGBM". Gradients are summed as integers, so a fit is the same to the bit on any number of threads.
//!
//! Fitting is behind the feature `fit`; a fitted [`Booster`] and its explanations need none of it.

mod booster;
mod compiled;
#[cfg(feature = "fit")]
mod fit;
mod objective;
mod ranks;
mod shap;
mod tree;

pub use booster::Booster;
#[cfg(feature = "fit")]
pub use fit::{Binned, Bins, BoosterParams, BoosterValidParams, Error, Fitted, Training, Validation, fit};
pub use objective::{Objective, logit, sigmoid};
pub use shap::Explainer;
pub use tree::{Node, Tree};
