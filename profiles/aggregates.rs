//! What is counted over all customers: the scan that feeds the count, and the daily aggregates that it gives.
//!
//! A store only scans and keeps. What is counted is up to the service.

use std::sync::Arc;

use homing_datasets::{History, Micros};

use crate::Error;
use crate::shadow::{Pair, Summary};

/// Most customers of one page of a scan.
pub const MAX_SCAN_PAGE: u32 = 10_000;

/// One page of a scan over all customers.
#[derive(Debug, Default)]
pub struct ScanPage {
    /// The customers, in an order of the store's own.
    pub customers: Vec<Scanned>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<String>,
}

/// A customer as whoever counts over all of them needs it.
#[derive(Debug)]
pub struct Scanned {
    /// The customer.
    pub customer_id: String,
    /// Churn risk, value at risk and lifetime value, where there are scores.
    pub numbers: [Option<f64>; 3],
    /// Tag name and value (JSON text).
    pub tags: Vec<(Arc<str>, String)>,
    /// Everything that is known to have happened.
    pub history: History,
}

/// Daily aggregates as the store keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyAggregates {
    /// The day they describe, days since 1970-01-01.
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
pub struct TurnedHigh {
    /// How often it happened; counted up to [`MAX_TURNS`].
    pub turns: u64,
    /// To whom: of those who were looked at, the ones with the most at stake.
    pub customers: Vec<String>,
}

/// What is kept of all customers together: daily aggregates, and how a challenger compares with the champion.
pub trait Aggregates: Send + Sync {
    /// Adds how a challenger's scores lay beside the champion's.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn record_shadow(
        &self,
        champion: &str,
        challenger: &str,
        pairs: &[Pair],
        at: Micros,
    ) -> Result<(), Error>;

    /// What was recorded of each challenger, by champion and challenger.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn shadow_summary(&self) -> Result<Vec<Summary>, Error>;

    /// Keeps what was counted over all customers, one document a day: it takes the place of the one before of the
    /// same day. Only the `newest` days stay.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn keep_aggregates(&self, aggregates: &DailyAggregates, newest: u32) -> Result<(), Error>;

    /// The newest document of a day no later than `until` (`None`: of all).
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn aggregates(&self, until: Option<i32>) -> Result<Option<DailyAggregates>, Error>;

    /// Who turned to high risk (the tag `churn.level` became `high`) by a score as of `since` or later: how often that
    /// happened, and to whom, the most at stake first, at most `limit`. Looked at are the latest [`aggregates::RECENT_TURNS`] turns and,
    /// where there are more, the `among` customers (at most 10,000) with the highest value at risk.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn turned_high(&self, since: Micros, among: u32, limit: u32) -> Result<TurnedHigh, Error>;
}
