//! Remembering: events, histories, and the readers that make them.
//!
//! ```text
//! lines in files / events over HTTP ─▶ Event ─▶ History ─▶ View as of an instant
//! ```
//!
//! Nothing here knows a model. A [`History`] is plain Rust, so the same code reads it in training, in the
//! nightly batch and in the service.

pub mod baskets;
pub mod builder;
pub mod bundled;
pub mod calendar;
pub mod cli;
mod codec;
pub mod encryption;
pub mod engine;
pub mod erasures;
pub mod error;
pub mod event;
pub mod frame;
pub mod groups;
pub mod guards;
pub mod histories;
pub mod history;
pub mod identity;
pub mod labels;
pub mod members;
mod names;
pub mod objects;
pub mod orders;
pub mod private;
pub mod progress;
pub mod readers;
pub mod settings;
pub mod simulate;
pub mod table;
#[cfg(test)]
mod testing;
pub mod varint;
pub mod warnings;

pub use builder::{HistoriesBuilder, Line};
pub use bundled::cdnow;
pub use calendar::{Days, Zone};
pub use engine::{Shard, Stream, StreamOptions, read};
pub use erasures::Erasures;
pub use error::Error;
pub use event::{DAY, Event, Kind, Micros};
pub use groups::GroupedLines;
pub use histories::Histories;
pub use history::{History, View};
pub use orders::Order;
pub use readers::{BatchReader, Found, ReadOptions, ReadSummary};
pub use warnings::{Warning, Warnings};
