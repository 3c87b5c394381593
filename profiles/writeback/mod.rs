//! Writing tags and scores back into the CRM's own table, by a map from their names to its columns.
//!
//! What is written is what the profile holds at that moment, read under a lock that only one server has at a time: so
//! an older value never follows a newer one. The feed says whose profiles changed; how far it was followed is
//! remembered only after the table was written, so nothing is lost when the table, its server or homing fails, and
//! what is written twice is the same. Only values that differ are written. A member whom the table does not have is
//! reported, never invented.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use homing_datasets::Micros;
use homing_models::prediction::NEXT_ORDER_QUARTILES;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::feed::FeedPosition;
use super::state::value_text;
use super::{Error, Listing, Profile, Sort, Store};

mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

/// Changes that one delivery takes at a time.
const PIECE: u32 = 1_000;
/// Missing members that a report names; the others are counted.
const NAMED: usize = 20;

/// The `[writeback]` of homing.toml.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The database of the CRM (`postgres://...` or `sqlite:PATH`); without it the one that holds the profiles.
    pub database: Option<String>,
    /// The table, with its schema where it has one: `crm.members`.
    pub table: String,
    /// Its column with the customer id; unique.
    pub key: String,
    /// Name of a tag (`churn.level`) or a score (`churn_risk`) to the column that takes it.
    pub columns: BTreeMap<String, String>,
}

/// What went wrong with a write-back. The code of each is stable.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The settings cannot be right.
    #[error("[writeback] {0}")]
    Settings(String),
    /// The CRM's database does not answer, or not now.
    #[error("the CRM database {database}: {detail}; no changes are lost, homing retries")]
    Unreachable {
        /// The database, without its password.
        database: String,
        /// What it says.
        detail: String,
    },
    /// The table is not (or no longer) as the settings say.
    #[error("the CRM table {table}: {detail}; fix the table or [writeback]. No changes are lost until then")]
    Table {
        /// The table.
        table: String,
        /// What is wrong.
        detail: String,
    },
    /// The profile store.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Settings {
    /// The `[writeback]` of a homing.toml, if it has one.
    ///
    /// # Errors
    /// [`Fault::Settings`] with the place of the mistake.
    pub fn of_config(text: &str) -> Result<Option<Self>, Fault> {
        #[derive(Deserialize)]
        struct Config {
            writeback: Option<Settings>,
        }
        let config: Config = toml::from_str(text).map_err(|error| Fault::Settings(error.to_string()))?;
        Ok(config.writeback)
    }
}

impl Fault {
    /// The stable code, for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Settings(_) => "writeback_settings",
            Fault::Unreachable { .. } => "writeback_unreachable",
            Fault::Table { .. } => "writeback_table",
            Fault::Store(_) => "writeback_store",
        }
    }
}

/// What a delivery did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Customers whose rows were looked at.
    pub customers: u64,
    /// Rows of which at least one column was written.
    pub written: u64,
    /// Rows that had every value already.
    pub unchanged: u64,
    /// Customers whom the table does not have.
    pub missing: u64,
    /// Some of them.
    pub missing_ids: Vec<String>,
    /// Rows that the table did not take.
    pub refused_rows: u64,
    /// Some of them, and why.
    pub refused: Vec<(String, String)>,
}

impl Report {
    fn add(&mut self, other: Report) {
        self.customers += other.customers;
        self.written += other.written;
        self.unchanged += other.unchanged;
        self.missing += other.missing;
        self.missing_ids.extend(other.missing_ids);
        self.missing_ids.truncate(NAMED);
        self.refused_rows += other.refused_rows;
        self.refused.extend(other.refused);
        self.refused.truncate(NAMED);
    }
}

/// One row to be written: the customer and one value a column, in the order of the columns.
struct Row {
    customer_id: String,
    values: Vec<Value>,
}

/// Gives the rows as they are now; called once the lock is held.
type Read<'a> = dyn Fn() -> Result<Vec<Row>, Error> + 'a;

/// A table of some database.
trait Target: Send + Sync {
    /// Checks that the table has the columns, with types that take what they are to hold. `numbers` says of each
    /// column whether it gets a score, which is a number.
    fn check(&self, numbers: &[bool]) -> Result<(), Fault>;

    /// Takes the lock, reads the rows, and writes what differs, in one transaction.
    fn write(&self, read: &Read<'_>) -> Result<Report, Fault>;
}

/// An open write-back.
pub struct WriteBack {
    store: Arc<dyn Store>,
    target: Box<dyn Target>,
    /// Names of tags or scores, in the order of the columns.
    names: Vec<String>,
    feed: String,
}

impl WriteBack {
    /// Opens the CRM's table and holds it against the settings. `is_score` says which names are scores; every other one
    /// must be among the tags. `place` is where the profiles are.
    ///
    /// # Errors
    /// [`Fault`] that says what does not fit.
    pub fn open(
        settings: &Settings,
        store: Arc<dyn Store>,
        place: &str,
        tags: &BTreeSet<String>,
    ) -> Result<Self, Fault> {
        let wrong = |detail: String| Err(Fault::Settings(detail));
        if settings.columns.is_empty() {
            return wrong("`columns` is empty; map at least one tag or score to a column".to_owned());
        }
        let mut columns: BTreeSet<&str> = BTreeSet::from([settings.key.as_str()]);
        for (name, column) in &settings.columns {
            if !tags.contains(name) && !is_score(name) {
                let new = name.replacen("p_return_", "p_purchase_", 1);
                let hint =
                    if is_score(&new) { format!("; it was renamed to `{new}`") } else { String::new() };
                return wrong(format!(
                    "`{name}` is neither a tag (see `homing tags list`) nor a score{hint}"
                ));
            }
            if !columns.insert(column) {
                return wrong(format!("the column `{column}` is mapped twice"));
            }
        }
        let database = settings.database.as_deref().unwrap_or(place);
        let names: Vec<String> = settings.columns.keys().cloned().collect();
        let target: Box<dyn Target> = match crate::local_file(database) {
            Some(path) => Box::new(sqlite::Table::open(path, settings)?),
            None => Box::new(postgres::Table::open(database, settings)?),
        };
        let numbers: Vec<bool> = names.iter().map(|name| is_number(name)).collect();
        target.check(&numbers)?;
        let feed = format!("writeback:{}", settings.table);
        Ok(WriteBack { store, target, names, feed })
    }

    /// Writes what changed since the last delivery; the first time everything.
    ///
    /// # Errors
    /// [`Fault`]; what was not delivered is delivered next time.
    pub fn deliver(&self, now: Micros) -> Result<Report, Fault> {
        let mut report = Report::default();
        let mut position = match self.store.feed_position(&self.feed)? {
            Some(position) => position.cursor,
            None => return self.sweep(now),
        };
        loop {
            let piece = match self.store.changes(Some(position), PIECE) {
                // Away for longer than the feed remembers: look at everybody.
                Err(Error::CursorExpired { .. } | Error::BadCursor) => return self.sweep(now),
                other => other?,
            };
            if piece.changes.is_empty() {
                return Ok(report);
            }
            // Of who was erased no id is known any more; the erasure emptied their columns (see [`WriteBack::clear`]).
            let known = piece.changes.into_iter().filter(|change| !change.erased);
            let ids: BTreeSet<String> = known.map(|change| change.customer_id).collect();
            if !ids.is_empty() {
                report.add(self.write(&ids)?);
            }
            position = piece.next;
            self.store.set_feed_position(&self.feed, FeedPosition { cursor: position, at: now })?;
        }
    }

    /// Compares every profile with the table and writes what differs: at the first start, and after a batch, which moves
    /// scores of customers whose tags stay as they are.
    ///
    /// # Errors
    /// [`Fault`]; a new sweep completes it.
    pub fn sweep(&self, now: Micros) -> Result<Report, Fault> {
        let mut report = Report::default();
        // What changes while the sweep runs is delivered after it.
        let cursor = self.store.newest_change()?;
        let mut listing = Listing { sort: Sort::CustomerId, limit: 1_000, ..Listing::default() };
        loop {
            let page = self.store.list(&listing)?;
            let ids: BTreeSet<String> =
                page.profiles.into_iter().map(|profile| profile.customer_id).collect();
            if !ids.is_empty() {
                report.add(self.write(&ids)?);
            }
            listing.cursor = page.next;
            if listing.cursor.is_none() {
                break;
            }
        }
        self.store.set_feed_position(&self.feed, FeedPosition { cursor, at: now })?;
        Ok(report)
    }

    /// Empties the columns of a customer who was erased.
    ///
    /// # Errors
    /// [`Fault`]; then the columns are as they were.
    pub fn clear(&self, customer_id: &str) -> Result<Report, Fault> {
        self.write(&[customer_id.to_owned()].into())
    }

    fn write(&self, ids: &BTreeSet<String>) -> Result<Report, Fault> {
        let read = || {
            ids.iter()
                .map(|id| {
                    let profile = self.store.profile(id)?;
                    let value = |name: &String| profile.as_ref().map_or(Value::Null, |p| value_of(p, name));
                    Ok(Row { customer_id: id.clone(), values: self.names.iter().map(value).collect() })
                })
                .collect()
        };
        let mut report = self.target.write(&read)?;
        report.refused_rows = report.refused.len() as u64;
        // Ids are in the report alone: a log is read by more people, and nothing is erased from it.
        if let Some((_, reason)) = report.refused.first() {
            tracing::error!(rows = report.refused.len(), reason, "the CRM table rejected rows");
        }
        Ok(report)
    }
}

/// Delivers every second, for as long as the process lives; after a failure less and less often, up to once a minute.
pub fn keep_delivering(back: Arc<WriteBack>, now: impl Fn() -> Micros + Send + 'static) {
    std::thread::spawn(move || {
        let mut pause = Duration::from_secs(1);
        loop {
            match back.deliver(now()) {
                Ok(report) => {
                    pause = Duration::from_secs(1);
                    if report.missing > 0 {
                        tracing::warn!(
                            missing = report.missing,
                            "some customers are missing in the CRM table"
                        );
                    }
                }
                Err(fault) => {
                    tracing::error!(code = fault.code(), "{fault}");
                    pause = (pause * 2).min(Duration::from_secs(60));
                }
            }
            std::thread::sleep(pause);
        }
    });
}

/// Whether this names a score of the contract.
fn is_score(name: &str) -> bool {
    is_number(name)
        || NEXT_ORDER_QUARTILES.contains(&name)
        || matches!(name, "next_order_at" | "not_scored" | "model" | "as_of" | "scored_at")
}

fn is_number(name: &str) -> bool {
    let by_horizon = ["p_purchase_", "expected_orders_", "expected_spend_"].iter().any(|prefix| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    by_horizon
        || matches!(
            name,
            "churn_risk" | "churn_percentile" | "p_alive" | "clv" | "clv_low" | "clv_high" | "value_at_risk"
        )
}

/// The value of a tag, or else of a score; null where the profile has neither.
fn value_of(profile: &Profile, name: &str) -> Value {
    let tag = profile.tags.get(name).map(|tag| &tag.value);
    tag.or_else(|| profile.prediction.get(name)).cloned().unwrap_or_default()
}

/// A value as text that a database casts to the column's type.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(value_text(other)),
    }
}

/// A name in quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
