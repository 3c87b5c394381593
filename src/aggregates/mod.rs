//! Daily aggregates: what is counted over all customers, so that a page about a million of them reads one row.
//!
//! [`compute`] scans the store in the background and counts: customers by every tag, the RFM grid, the business's key
//! figures by month, cohorts, and how a sample of the customers moved between the stages of the lifecycle. The result is kept
//! in the store, one a day, and says of which instant it tells. Nothing in it names a customer.

use std::collections::BTreeMap;

use homing_datasets::{Micros, Zone};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use homing_profiles::aggregates::DailyAggregates;
use homing_profiles::{Error, Store};
use homing_tags::Catalogue;

mod background;
mod figures;
mod flow;
mod tally;
#[cfg(test)]
mod tests;

pub use background::{Base, keep_current};
pub use figures::{Cohort, Figures, MARKS, Month, RETENTION, month_of};
pub use flow::{Flow, NOT_YET};
use tally::Tally;

/// The form of the document; one of another form counts as none.
const FORM: u32 = 1;

/// Days of which aggregates are kept.
const DAYS: u32 = 400;

/// Customers a page of the scan.
const STEP: u32 = 5_000;

/// Customers that one thread counts before the next takes over: fixed, so that sums come out the same on any number of threads.
const PIECE: usize = 1_250;

/// A number of customers and what they stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// Customers.
    pub customers: u64,
    /// Sum of their value at risk.
    pub value_at_risk: f64,
    /// Sum of their lifetime value.
    pub clv: f64,
}

impl Count {
    fn add(&mut self, other: &Count) {
        self.customers += other.customers;
        self.value_at_risk += other.value_at_risk;
        self.clv += other.clv;
    }
}

/// Customers with a tag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TagCount {
    /// Customers who have the tag, whatever its value.
    pub customers: u64,
    /// Customers by value (JSON text); `None` for a tag with too many values.
    pub values: Option<BTreeMap<String, Count>>,
}

/// Customers by recency and frequency, each from 1 (least) to 5 (best).
pub type Grid = BTreeMap<u8, BTreeMap<u8, Count>>;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aggregates {
    form: u32,
    /// The day of the data, days since 1970-01-01 in the business's zone.
    pub day: i32,
    /// The latest instant in the data.
    pub as_of: Micros,
    /// When it was counted.
    pub taken_at: Micros,
    /// The newest change of the feed when the counting began.
    pub cursor: u64,
    /// All customers.
    pub base: Count,
    /// Of whom scored.
    pub scored: u64,
    /// Sum of the tags that they have.
    pub tags_held: u64,
    /// Customers by tag.
    pub tags: BTreeMap<String, TagCount>,
    /// Customers by the tags `rfm.recency` and `rfm.frequency`.
    pub grid: Grid,
    /// Customers with both.
    pub flow: Flow,
    /// Key figures.
    pub figures: Figures,
}

impl Aggregates {
    /// Customers with this value (JSON text) of a tag.
    #[must_use]
    pub fn count(&self, tag: &str, value: &str) -> Count {
        let values = self.tags.get(tag).and_then(|tag| tag.values.as_ref());
        values.and_then(|values| values.get(value)).copied().unwrap_or_default()
    }

    /// The values of a tag (JSON text) with their customers, the most frequent first.
    #[must_use]
    pub fn values(&self, tag: &str) -> Vec<(&str, Count)> {
        let values = self.tags.get(tag).and_then(|tag| tag.values.as_ref());
        let mut values: Vec<(&str, Count)> =
            values.into_iter().flatten().map(|(value, count)| (value.as_str(), *count)).collect();
        values.sort_by(|a, b| b.1.customers.cmp(&a.1.customers).then(a.0.cmp(b.0)));
        values
    }
}

/// Counts over all customers of a store and keeps the result there. `zone` is the business's, `now` the instant of the counting.
///
/// # Errors
/// [`Error`] of the store; then nothing is kept.
pub fn compute(
    store: &dyn Store,
    catalogue: &Catalogue,
    zone: Zone,
    now: Micros,
) -> Result<Aggregates, Error> {
    let cursor = store.newest_change()?;
    let totals = store.totals()?;
    let as_of = totals.data_until.unwrap_or(now);
    let terms = tally::Terms::new(catalogue, zone, as_of, totals.profiles);
    let mut whole = Tally::new(&terms);
    let mut after: Option<String> = None;
    loop {
        let page = store.scan(after.as_deref(), STEP)?;
        let pieces: Vec<Tally> =
            page.customers.par_chunks(PIECE).map(|piece| Tally::of(&terms, piece)).collect();
        pieces.iter().for_each(|piece| whole.merge(piece));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let aggregates =
        Aggregates { form: FORM, day: zone.day(as_of), as_of, taken_at: now, cursor, ..whole.finish(&terms) };
    let document = serde_json::to_string(&aggregates)
        .map_err(|error| Error::Database { store: "aggregates".to_owned(), detail: error.to_string() })?;
    store.keep_aggregates(&DailyAggregates { day: aggregates.day, document }, DAYS)?;
    Ok(aggregates)
}

/// The newest aggregates of a day no later than `until` (`None`: of all). Those that another version of homing wrote in another
/// form count as none: the next count replaces them.
///
/// # Errors
/// [`Error`] of the store.
pub fn newest(store: &dyn Store, until: Option<i32>) -> Result<Option<Aggregates>, Error> {
    let kept = store.aggregates(until)?;
    let read = |kept: DailyAggregates| serde_json::from_str::<Aggregates>(&kept.document).ok();
    Ok(kept.and_then(read).filter(|aggregates| aggregates.form == FORM))
}
