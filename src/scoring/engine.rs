//! The engine: one bundle, one catalogue of tags.

use std::path::Path;

use homing_datasets::{History, Micros};
use homing_models::{Bundle, Provenance, Registry};

use super::{ModelInfo, Score};
use crate::profiles::Scored;
use crate::tags::{Bound, Catalogue};

/// A bundle and the tags that follow from its scores.
pub struct Engine {
    bundle: Bundle,
    tags: Bound,
    info: ModelInfo,
}

impl Engine {
    /// Puts a bundle to work with a catalogue.
    #[must_use]
    pub fn new(bundle: Bundle, catalogue: &Catalogue) -> Self {
        let manifest = bundle.manifest();
        let info = ModelInfo {
            id: bundle.id().clone(),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            as_of: manifest.as_of_text.clone(),
            as_of_micros: manifest.as_of,
            horizons: manifest.horizons.clone(),
            churn_horizon: manifest.churn_horizon,
            timezone: manifest.timezone,
        };
        let tags = catalogue.bind(&manifest.horizons).in_zone(manifest.timezone);
        Engine { bundle, tags, info }
    }

    /// Finds a model in a registry (see [`Registry::find`]) and puts it to work.
    ///
    /// # Errors
    /// [`homing_models::Error`]: no such model, or a damaged one.
    pub fn load(
        registry: &Path,
        wanted: Option<&str>,
        catalogue: &Catalogue,
    ) -> Result<Self, homing_models::Error> {
        let path = Registry::at(registry).find(wanted)?;
        Ok(Engine::new(Bundle::load(&path)?, catalogue))
    }

    /// The tags, bound to the model.
    #[must_use]
    pub fn tags(&self) -> &Bound {
        &self.tags
    }
}

impl Score for Engine {
    fn model(&self) -> &ModelInfo {
        &self.info
    }

    fn score(&self, _customer_id: &str, history: &History, as_of: Micros, scored_at: Micros) -> Scored {
        let scoring = self.bundle.score(history, as_of);
        let tags = self.tags.evaluate_view(&history.as_of(as_of), &scoring.features, &scoring.outcome);
        let provenance =
            Provenance { model: self.info.id.clone(), as_of, scored_at, zone: self.info.timezone };
        Scored { outcome: scoring.outcome, tags, provenance }
    }
}
