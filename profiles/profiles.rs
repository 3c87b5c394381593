//! Profiles: taking events and batches in, reading profiles and histories, listing and scanning them.

use homing_datasets::{History, Micros};
use homing_tags::Layer;
use homing_tags::playbook::Subject;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::aggregates::ScanPage;
use crate::state::{Ask, ChangeSets, Common, Loaded, Verdict};

/// A customer's profile as the store holds it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// The customer.
    pub customer_id: String,
    /// Attributes that the business keeps of the customer (empty until it sends some).
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Tag name to tag.
    pub tags: std::collections::BTreeMap<String, StoredTag>,
    /// The scores as the flat object of the contract (`churn_risk`, `p_purchase_30d`, ..., or `not_scored`).
    pub prediction: serde_json::Value,
    /// What is known of the customer's history.
    pub history: HistorySummary,
}

impl Subject for Profile {
    fn tag(&self, name: &str) -> Option<&serde_json::Value> {
        self.tags.get(name).map(|tag| &tag.value)
    }

    fn score(&self, field: &str) -> Option<&serde_json::Value> {
        self.prediction.get(field)
    }

    fn attribute(&self, name: &str) -> Option<&serde_json::Value> {
        self.attributes.get(name)
    }
}

/// A tag as the store holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredTag {
    /// Text, number or truth value.
    pub value: serde_json::Value,
    /// Static, dynamic or predictive.
    pub layer: Layer,
    /// The confidence.
    pub confidence: Option<f64>,
    /// The model behind it.
    pub model: String,
    /// The instant that the tag looks from (RFC 3339).
    pub as_of: String,
    /// When it was computed (RFC 3339).
    pub scored_at: String,
    /// When it ceases to hold (RFC 3339).
    pub expires_at: Option<String>,
}

/// A history in a few numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistorySummary {
    /// Events of every kind.
    pub events: u64,
    /// Purchases: events of kind `purchase` with an amount above zero.
    pub purchases: u64,
    /// Calendar days with a purchase.
    pub orders: u64,
    /// Sum of the purchases.
    pub spend: f64,
    /// First purchase (RFC 3339).
    pub first_purchase_at: Option<String>,
    /// Last purchase (RFC 3339).
    pub last_purchase_at: Option<String>,
}

/// What to list, and in which order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Tags that a profile must have: name and value. Values of one tag are alternatives; of every tag asked for it must have one.
    pub tags: Vec<(String, serde_json::Value)>,
    /// Attributes that the customer must have: name and value. Values of one attribute are alternatives. There is no index of attributes, so
    /// each page looks through a bounded number of customers and may be short.
    pub attributes: Vec<(String, serde_json::Value)>,
    /// Range of the churn risk.
    pub churn_risk: (Option<f64>, Option<f64>),
    /// Range of the value at risk.
    pub value_at_risk: (Option<f64>, Option<f64>),
    /// Customer ids that start with this.
    pub id_prefix: Option<String>,
    /// Profiles whose scores and tags were computed at this instant or later.
    pub updated_since: Option<Micros>,
    /// The order.
    pub sort: Sort,
    /// The other way round: lowest first, or ids from the last to the first. Who has no such value still comes last.
    pub reversed: bool,
    /// Rows per page, 1 to 1000; other values are clamped.
    pub limit: u32,
    /// Where the page before ended, as [`Page::next`] gave it.
    pub cursor: Option<String>,
}

/// The order of a listing; ties go by customer id, so pages never overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Highest value at risk first.
    #[default]
    ValueAtRisk,
    /// Highest churn risk first.
    ChurnRisk,
    /// Highest lifetime value first.
    Clv,
    /// By customer id.
    CustomerId,
    /// Latest purchase first.
    LastOrder,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Page {
    /// The profiles.
    pub profiles: Vec<Profile>,
    /// Give this as the next cursor; `None` after the last page.
    pub next: Option<String>,
}

/// The base at a glance.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Profiles.
    pub profiles: u64,
    /// Of which scored.
    pub scored: u64,
    /// Sum of their value at risk.
    pub value_at_risk: f64,
    /// Profiles by the value of the tag `churn.level`.
    pub churn_levels: std::collections::BTreeMap<String, u64>,
    /// Latest instant at which something happened, over all histories.
    pub data_until: Option<Micros>,
}

/// Customer profiles and the histories behind them. Every method is one transaction; what it acknowledges is on disk.
pub trait Profiles: Send + Sync {
    /// What every store has.
    fn common(&self) -> &Common;

    /// Reads the states of customers, what is stored under event ids, and the data clock, all as of one instant and
    /// without keeping writers waiting.
    ///
    /// # Errors
    /// [`Error`] of the store; [`Error::Damaged`] for what does not read.
    fn load(&self, ask: &Ask<'_>) -> Result<Loaded, Error>;

    /// Writes each of the change sets whose customers are still in the states that it was made for and whose event ids are
    /// all free; of the others nothing is stored. Returns a verdict for each. Calls of the same moment share a transaction;
    /// when this returns, what was written is on disk.
    ///
    /// # Errors
    /// [`Error`] of the store; then none of the sets is stored.
    fn commit(&self, sets: ChangeSets) -> Result<Vec<Verdict>, Error>;

    /// One profile, or `None` for a customer that the store does not know.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn profile(&self, customer_id: &str) -> Result<Option<Profile>, Error>;

    /// One history, or `None` for a customer that the store does not know.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn history(&self, customer_id: &str) -> Result<Option<History>, Error>;

    /// One page of profiles. It may hold fewer than asked for, even none, and yet be followed by another: a search for what
    /// few customers have is broken off after a while and goes on from there.
    ///
    /// ```
    /// # use homing_datasets::Zone;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = format!("sqlite:{}", folder.path().join("p.db").display());
    /// # let store = homing_profiles::open(&place, Zone::default())?;
    /// use homing_profiles::{Listing, Sort};
    ///
    /// let listing = Listing {
    ///     tags: vec![("churn.level".to_owned(), "high".into())],
    ///     sort: Sort::ValueAtRisk,
    ///     limit: 50,
    ///     ..Listing::default()
    /// };
    /// assert!(store.list(&listing)?.profiles.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error`] of the store, [`Error::BadCursor`] for a cursor of another listing.
    fn list(&self, listing: &Listing) -> Result<Page, Error>;

    /// The ids of everybody whom a listing names, in its order and as of one moment; `None` if there are more than `most`. The limit and the
    /// cursor of the listing do not matter.
    ///
    /// ```
    /// # use homing_datasets::Zone;
    /// # use homing_profiles::Listing;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = format!("sqlite:{}", folder.path().join("p.db").display());
    /// # let store = homing_profiles::open(&place, Zone::default())?;
    /// assert_eq!(store.listed_ids(&Listing::default(), 10)?, Some(Vec::new()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn listed_ids(&self, listing: &Listing, most: usize) -> Result<Option<Vec<String>>, Error>;

    /// The base at a glance.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn totals(&self) -> Result<Totals, Error>;

    /// Some customers after a place in an order of the store's own (`None`: from the start), at most `limit` of them
    /// (1 to [`MAX_SCAN_PAGE`](crate::aggregates::MAX_SCAN_PAGE); other values are clamped). Page after page makes the whole; who is
    /// written to meanwhile is met once, before or after the write.
    ///
    /// # Errors
    /// [`Error::BadCursor`] for a place that the store did not give out; [`Error`] of the store.
    fn scan(&self, after: Option<&str>, limit: u32) -> Result<ScanPage, Error>;
}
