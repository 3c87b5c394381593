//! Keeps the newest aggregates up to date while a service runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use homing_datasets::{Micros, Zone};

use super::{compute, newest};
use homing_profiles::{Error, Store};
use homing_tags::Catalogue;

/// How often to check for changes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The least time between two counts.
const REST: Duration = Duration::from_secs(10);
/// Pause after a store failure.
const PAUSE: Duration = Duration::from_secs(60);
/// Counting may take one part in so many of the time.
const SHARE: u32 = 20;

/// What to count now.
pub struct Base {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The business's time zone.
    pub zone: Zone,
    /// The instant of now.
    pub now: Micros,
}

/// Counts whenever tags have changed since the last count, on a thread of its own that ends once `base` gives `None`: at once after
/// the start, then so seldom that counting takes a twentieth of the time at most. Of several servers of a store each looks
/// first whether another has counted already.
///
/// # Errors
/// What the system says when it has no thread left.
pub fn keep_current(
    catalogue: Arc<Catalogue>,
    base: impl Fn() -> Option<Base> + Send + 'static,
) -> std::io::Result<()> {
    std::thread::Builder::new().name("aggregates".to_owned()).spawn(move || {
        let mut rest_until = Instant::now();
        while let Some(base) = base() {
            if Instant::now() >= rest_until {
                let began = Instant::now();
                match look(&base, &catalogue) {
                    Ok(true) => rest_until = Instant::now() + REST.max(began.elapsed() * SHARE),
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(%error, "cannot compute the daily aggregates; retrying");
                        rest_until = Instant::now() + PAUSE;
                    }
                }
            }
            drop(base);
            std::thread::sleep(LOOK_EVERY);
        }
    })?;
    Ok(())
}

/// Counts if need be, and says whether it did.
fn look(base: &Base, catalogue: &Catalogue) -> Result<bool, Error> {
    let store = base.store.as_ref();
    let cursor = store.newest_change()?;
    if newest(store, None)?.is_some_and(|known| known.cursor >= cursor) {
        return Ok(false);
    }
    let aggregates = compute(store, catalogue, base.zone, base.now)?;
    tracing::info!(customers = aggregates.base.customers, "daily aggregates computed");
    Ok(true)
}
