//! Predicting: features of a history, estimators, and the bundle that is shipped.
//!
//! ```text
//! History ─▶ features as of an instant ─▶ base learners, stacked and calibrated ─▶ Prediction
//! ```
//!
//! [`Bundle::predict`] is the one way from a history to a prediction: training, backtest, nightly batch and
//! service all take it. Nothing here knows HTTP, SQL or Arrow.
//!
//! Fitting (optimiser, linear algebra, growing of trees) is behind the feature `fit`; without it the crate holds what a
//! serving process needs.

pub mod boosting;
pub mod bundle;
#[cfg(feature = "fit")]
pub mod calibration;
pub mod churn;
pub mod clusters;
pub mod coherence;
pub mod customer;
pub mod effects;
pub mod error;
pub mod explain;
pub mod features;
mod horizons;
pub mod judged;
pub mod lapse;
pub mod lifetimes;
pub mod linear;
pub mod measures;
mod mirror;
pub mod next;
pub mod prediction;
pub mod registry;
pub mod repurchase;
pub mod sampling;
pub mod statistics;
pub mod table;
pub mod uplift;
pub mod value;

pub use bundle::{Bundle, Manifest, Scoring};
pub use error::Error;
pub use homing_locales::Text;
pub use prediction::{AtHorizon, Flat, NotScored, Outcome, Prediction, Provenance, Reason};
pub use registry::{Alias, Registry};
