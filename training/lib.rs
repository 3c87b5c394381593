//! homing.
pub mod baselines;
pub mod labels;
pub mod metrics;
