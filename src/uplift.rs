//! The uplift that engines tag customers with. It is learned from the campaigns of a store and lies there, so that a new model keeps it.

use std::sync::{Arc, PoisonError, RwLock};

use homing_datasets::Micros;
use homing_models::uplift::Uplift;
use homing_profiles::Store;

/// The document with the learned uplift.
pub const DOCUMENT: &str = "uplift";

/// A place for the uplift in force, shared by the engines of a service.
#[derive(Clone, Debug, Default)]
pub struct UpliftSlot(Arc<RwLock<Held>>);

/// When the store's document was written, and what of it is in force.
#[derive(Debug, Default)]
struct Held {
    at: Option<Micros>,
    uplift: Option<Arc<Uplift>>,
}

impl UpliftSlot {
    /// The uplift in force.
    #[must_use]
    pub fn get(&self) -> Option<Arc<Uplift>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).uplift.clone()
    }

    /// Puts the store's uplift in force; one that is not proven, or made with other features, puts none in force.
    ///
    /// # Errors
    /// [`homing_profiles::Error`] of the store; then nothing changes.
    pub fn load(&self, store: &dyn Store) -> Result<(), homing_profiles::Error> {
        let found = store.document(DOCUMENT)?;
        let at = found.as_ref().map(|(at, _)| *at);
        if at == self.0.read().unwrap_or_else(PoisonError::into_inner).at {
            return Ok(());
        }
        let uplift = found.and_then(|(_, text)| read(&text)).filter(Uplift::fits).map(Arc::new);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Held { at, uplift };
        Ok(())
    }
}

/// What was learned from the campaigns of a store, whether proven or not.
///
/// # Errors
/// [`homing_profiles::Error`] of the store.
pub fn learned(store: &dyn Store) -> Result<Option<Uplift>, homing_profiles::Error> {
    Ok(store.document(DOCUMENT)?.and_then(|(_, text)| read(&text)))
}

fn read(text: &str) -> Option<Uplift> {
    let found: Result<Uplift, _> = serde_json::from_str(text);
    if let Err(error) = &found {
        tracing::warn!(%error, "the uplift in the store cannot be read; learn it again with `homing campaign learn`");
    }
    found.ok()
}
