//! The alarms of `homing monitor`: as metrics, and as a delivery to each webhook.
//!
//! `homing monitor` runs beside the service and leaves its last alarms in the store, from where they are read now and then.

use std::time::Duration;

use homing_datasets::Micros;
use homing_profiles::kept::ALARMS;
use homing_profiles::{Error, Store};

use super::app::App;
use crate::monitor::alarms::Digest;

/// How often the store is asked for alarms.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(15);

/// The last alarms and when they were found; `None` before the first run of `homing monitor`.
fn last(store: &dyn Store) -> Result<Option<(Micros, Digest)>, Error> {
    let Some((at, text)) = store.document(ALARMS)? else { return Ok(None) };
    Ok(serde_json::from_str(&text).ok().map(|digest| (at, digest)))
}

/// The document that says which alarms a feed was told of.
fn told(feed: &str) -> String {
    format!("alarms told {feed}")
}

/// The alarms that a feed was not told of yet.
pub(super) fn untold(store: &dyn Store, feed: &str) -> Result<Option<(Micros, Digest)>, Error> {
    let Some((at, digest)) = last(store)?.filter(|(_, digest)| !digest.alarms.is_empty()) else {
        return Ok(None);
    };
    let before = store.document(&told(feed))?;
    Ok((before.is_none_or(|(before, _)| before < at)).then_some((at, digest)))
}

/// Remembers that a feed was told of the alarms of an instant.
pub(super) fn note(store: &dyn Store, feed: &str, at: Micros) -> Result<(), Error> {
    store.store_document(&told(feed), at, "")
}

impl App {
    /// Brings the metrics of live accuracy up to date.
    pub(super) fn look_at_alarms(&self) -> Result<(), Error> {
        if let Some((at, digest)) = last(self.store().as_ref())? {
            self.metrics().live(at, &digest);
        }
        Ok(())
    }

    /// Puts the uplift in force that was last learned from the store's campaigns.
    pub(super) fn look_at_uplift(&self) -> Result<(), Error> {
        self.models.as_ref().map_or(Ok(()), |models| models.uplift.load(self.store().as_ref()))
    }
}
