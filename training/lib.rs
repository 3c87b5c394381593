//! Training: what purchase history teaches, and how well that predicts.
//!
//! Every snapshot sees only its past; every label window ends at or before the instant of the fit.
//!
//! Modules depend on those above them in this list only:
//!
//! | module | owns |
//! |---|---|
//! | [`error`], [`task`] | what can go wrong; what to learn |
//! | [`labels`], [`snapshots`], [`rows`] | what customers did after a cutoff; which cutoffs; training rows |
//! | [`check`] | what the data can carry |
//! | [`matrix`], [`lifetimes`] | the feature matrix as a table; every lifetime model with its standard errors |
//! | [`metrics`] | how good scores are |
//! | [`baselines`], [`candidates`] | simple rules; the models judged on a holdout window |
//! | [`fit`] | the predictive model: lifetime models, base learners, stacking, base rate, spend |
//! | [`uplift`] | whom contact changes, from an experiment |
//! | [`clusters`], [`expansion`], [`warning`], [`challengers`] | steps beside the fit |
//! | [`backtest`] | a fit at a past cutoff, judged by what happened next |
//! | [`report`] | the HTML report |
//! | [`pipeline`] | all steps of a training run, in order |
//! | [`cli`] | the command line of `homing-train` |
//! | [`promotion`] | whether a new model may replace the champion |

pub mod backtest;
pub mod baselines;
pub mod candidates;
pub mod challengers;
pub mod check;
pub mod cli;
pub mod clusters;
pub mod cohorts;
pub mod error;
pub mod expansion;
pub mod fit;
pub mod lifetimes;
pub mod matrix;
pub mod metrics;
pub mod pipeline;
pub mod promotion;
pub mod report;
pub mod rows;
pub mod snapshots;
pub mod task;
mod untied;
pub mod uplift;
pub mod warning;

pub use error::Error;
pub use homing_datasets::labels;
