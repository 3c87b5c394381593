//! What is counted over all customers: a walk over them, and the results, kept by day.
//!
//! A store only walks and keeps. What is counted is the matter of [`survey` of the service].

use std::sync::Arc;

use homing_datasets::History;

/// Most customers of one step of a walk.
pub const MAX_STEP: u32 = 10_000;

/// One step of a walk over all customers.
#[derive(Debug, Default)]
pub struct Step {
    /// The customers, in an order of the store's own.
    pub customers: Vec<Walked>,
    /// Where the next step begins; `None` after the last one.
    pub next: Option<String>,
}

/// A customer as whoever counts over all of them needs it.
#[derive(Debug)]
pub struct Walked {
    /// The customer.
    pub customer_id: String,
    /// Churn risk, value at risk and lifetime value, where there are scores.
    pub numbers: [Option<f64>; 3],
    /// Tag name and value (JSON text).
    pub tags: Vec<(Arc<str>, String)>,
    /// Everything that is known to have happened.
    pub history: History,
}

/// A survey as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The day that it tells of, days since 1970-01-01.
    pub day: i32,
    /// What was counted, in whatever form the writer chose.
    pub document: String,
}

/// Most turns that are counted.
pub const MAX_TURNS: u32 = 10_000;

/// So many of the latest turns are looked at one by one.
pub const RECENT_TURNS: u32 = if cfg!(test) { 2 } else { 3_000 };

/// Who turned to high risk lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// How often it happened; counted up to [`MAX_TURNS`].
    pub turns: u64,
    /// To whom: of those who were looked at, the ones with the most at stake.
    pub customers: Vec<String>,
}
