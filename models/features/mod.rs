//! Features: what a history looks like as of an instant, in numbers.
//!
//! One function, [`compute`], makes them for training, for the nightly batch and for the service; so they
//! cannot drift apart. It reads a [`homing_datasets::View`], which has no way to see past its instant.
//!
//! Days are local calendar days of the business. Orders are those of [`homing_datasets::View::orders`]. Windows such as
//! `_30d` hold the last 30 days, today included. A feature that the data cannot tell is NaN.

mod breadth;
mod compute;
mod cycle;
mod interactions;
mod orders;
mod row;
mod spec;

pub use compute::compute;
pub use row::Scratch;
pub use spec::{COUNT, Cause, F, SPECS, Spec, Unit, index_of, is_known_schema, schema_hash};
