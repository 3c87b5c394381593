//! Learning: snapshots, labels, backtests and fits.
//!
//! Every snapshot sees only its past, every label window ends at or before the instant of the fit.

pub mod backtest;
pub mod baselines;
pub mod challengers;
pub mod check;
pub mod clusters;
pub mod error;
pub mod expansion;
pub mod fit;
pub mod labels;
pub mod learn;
pub mod level;
pub mod metrics;
pub mod report;
mod returns;
pub mod snapshots;
mod stack;
pub mod warning;
mod worth;

pub use error::Error;
