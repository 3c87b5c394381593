//! homing on a cluster: histories, features and scores as functions of Ballista, and the jobs that call them.
//!
//! ```text
//! files ─▶ homing_event ─▶ homing_history (per customer) ─▶ homing_predict or homing_features ─▶ Parquet
//! ```
//!
//! The functions call the same code as one machine does: the readers' rules for a line, [`History`] and
//! [`Bundle::predict`]. Ballista only carries lines and histories between machines.
//!
//! [`History`]: homing_datasets::History
//! [`Bundle::predict`]: homing_models::Bundle::score

pub mod cli;
pub mod error;
pub mod functions;
pub mod input;
pub mod job;
pub mod models;
pub mod nodes;
pub mod output;

pub use error::Error;
pub use functions::Functions;
pub use models::Models;
