//! Gradient boosting over histograms of binned features, as a linfa estimator.
//!
//! Friedman (2001), "Greedy Function Approximation"; second-order leaves and gains as in Chen & Guestrin
//! (2016), "XGBoost", equations 5 to 7; leaf-wise growth and histogram subtraction as in Ke et al. (2017),
//! "LightGBM". Gradients are summed as integers, so a fit is the same to the bit on any number of threads.

mod algorithm;
mod bins;
mod compiled;
mod error;
mod fitting;
mod grow;
mod hazard;
mod histogram;
mod hyperparams;
mod import;
mod objective;
mod ranks;
mod shap;
mod split;
mod tree;

pub use algorithm::{Booster, fit};
pub use bins::{Binned, Bins};
pub use error::Error;
pub use fitting::{Fitted, Training, Validation};
pub use hazard::{HazardBooster, HazardParams, HazardValidParams, Spell};
pub use hyperparams::{BoosterParams, BoosterValidParams};
pub use import::ImportError;
pub use objective::{Objective, logit, sigmoid};
pub use shap::Explainer;
pub use tree::{Node, Tree};
