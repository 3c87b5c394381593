//! Surveys in the background of the service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use homing_datasets::Zone;

use super::{newest, take};
use crate::api::App;
use homing_tags::Catalogue;

/// How often it is looked whether anything changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The least time between two surveys.
const REST: Duration = Duration::from_secs(10);
/// How long a store that fails is left in peace.
const PAUSE: Duration = Duration::from_secs(60);
/// A survey may take one part in so many of the time.
const SHARE: u32 = 20;

/// Takes a survey whenever tags have changed since the last one, until the app is gone: at once after a start, then so seldom
/// that counting takes a twentieth of the time at most. Of several servers of a store each looks first whether another has
/// counted already.
///
/// # Errors
/// What the system says when it has no thread left.
pub fn attend(app: &Arc<App>, catalogue: Arc<Catalogue>) -> std::io::Result<()> {
    let weak = Arc::downgrade(app);
    std::thread::Builder::new().name("survey".to_owned()).spawn(move || {
        let mut rest_until = Instant::now();
        while let Some(app) = weak.upgrade() {
            if Instant::now() >= rest_until && !app.is_stopping() {
                let began = Instant::now();
                match look(&app, &catalogue) {
                    Ok(true) => rest_until = Instant::now() + REST.max(began.elapsed() * SHARE),
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(%error, "the customers could not be counted; it is tried again");
                        rest_until = Instant::now() + PAUSE;
                    }
                }
            }
            drop(app);
            std::thread::sleep(LOOK_EVERY);
        }
    })?;
    Ok(())
}

/// Takes a survey if need be, and says whether it did.
fn look(app: &App, catalogue: &Catalogue) -> Result<bool, homing_profiles::Error> {
    let store = app.store().as_ref();
    let cursor = store.newest_change()?;
    if newest(store, None)?.is_some_and(|survey| survey.cursor >= cursor) {
        return Ok(false);
    }
    let zone = app.engine().map_or_else(|_| Zone::default(), |engine| engine.model().timezone);
    let survey = take(store, catalogue, zone, app.now())?;
    tracing::info!(customers = survey.base.customers, "the customers are counted");
    Ok(true)
}
