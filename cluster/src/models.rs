//! The models of a process: each bundle is read once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use homing_models::{Bundle, Registry};

use crate::Error;

/// Bundles by their id. The id holds the hash of the content, so the same id is the same model on every machine.
#[derive(Debug)]
pub struct Models {
    registry: Registry,
    loaded: Mutex<HashMap<String, Arc<Bundle>>>,
}

impl Models {
    /// The models of a registry; nothing is read yet.
    #[must_use]
    pub fn of(registry: impl Into<PathBuf>) -> Self {
        Models { registry: Registry::at(registry), loaded: Mutex::default() }
    }

    /// The model with an id (`name@version`).
    ///
    /// # Errors
    /// [`Error::Model`] when it is not there or damaged, [`Error::OtherModel`] when another stands in its place.
    pub fn get(&self, id: &str) -> Result<Arc<Bundle>, Error> {
        // Held while reading, so that tasks that start together read it once.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bundle) = loaded.get(id) {
            return Ok(bundle.clone());
        }
        let bundle = Bundle::load(&self.registry.find(Some(id))?)?;
        if &**bundle.id() != id {
            return Err(Error::OtherModel { wanted: id.to_owned(), found: bundle.id().to_string() });
        }
        let bundle = Arc::new(bundle);
        loaded.insert(id.to_owned(), bundle.clone());
        Ok(bundle)
    }

    /// The requested model (see [`Registry::find`]), by its id.
    ///
    /// # Errors
    /// [`Error::Model`] when there is none or it is damaged.
    pub fn find(&self, wanted: Option<&str>) -> Result<Arc<Bundle>, Error> {
        let bundle = Arc::new(Bundle::load(&self.registry.find(wanted)?)?);
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(loaded.entry(bundle.id().to_string()).or_insert(bundle).clone())
    }
}
