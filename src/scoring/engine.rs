//! The engine: one bundle, one catalogue of tags.

use std::collections::HashMap;
use std::time::Instant;

use homing_datasets::guards::AmountRange;
use homing_datasets::{History, Micros};
use homing_models::bundle::Asked;
use homing_models::clusters::Clusters;
use homing_models::next::NextPurchase;
use homing_models::value::TotalUncertainty;
use homing_models::{Bundle, Outcome, Prediction, Provenance, Registry, Scoring};

use super::{DUE_AHEAD_DAYS, ModelInfo, Score, Spent};
use crate::uplift::UpliftSlot;
use homing_profiles::Scored;
use homing_tags::{Bound, Catalogue, Definition};

/// A bundle and the tags that follow from its scores.
pub struct Engine {
    bundle: Bundle,
    tags: Bound,
    names: Vec<String>,
    /// The values of tags that are texts from a list.
    values: HashMap<String, Vec<String>>,
    info: ModelInfo,
    uplift: UpliftSlot,
}

impl Engine {
    /// An engine from a bundle and a catalogue.
    #[must_use]
    pub fn new(bundle: Bundle, catalogue: &Catalogue) -> Self {
        let manifest = bundle.manifest();
        let info = ModelInfo { horizons: bundle.all_horizons(), ..ModelInfo::of(manifest) };
        let tags = catalogue.bind(&info.horizons).in_zone(manifest.timezone);
        let names = catalogue.tags().iter().map(|tag| tag.name.clone()).collect();
        let listed = |tag: &Definition| {
            let values = tag.known_values()?.into_iter().map(str::to_owned).collect();
            Some((tag.name.clone(), values))
        };
        let values = catalogue.tags().iter().filter_map(listed).collect();
        Engine { bundle, tags, names, values, info, uplift: UpliftSlot::default() }
    }

    /// Finds a model in a registry (see [`Registry::find`]) and builds an engine from it.
    ///
    /// # Errors
    /// [`homing_models::Error`]: no such model, or a damaged one.
    pub fn load(
        registry: &Registry,
        wanted: Option<&str>,
        catalogue: &Catalogue,
    ) -> Result<Self, homing_models::Error> {
        let path = registry.find(wanted)?;
        Ok(Engine::new(Bundle::load(&path)?, catalogue))
    }

    /// The same engine, which also predicts within these horizons in days, and discounts the lifetime value by this yearly rate
    /// instead of the model's.
    ///
    /// # Errors
    /// [`homing_models::Error`]: a horizon or a rate that is out of range.
    pub fn asked(
        self,
        horizons: &[u32],
        discount_rate: Option<f64>,
        catalogue: &Catalogue,
    ) -> Result<Self, homing_models::Error> {
        if horizons.is_empty() && discount_rate.is_none() {
            return Ok(self);
        }
        let mut bundle = self.bundle.at_horizons(horizons)?;
        if let Some(rate) = discount_rate {
            bundle = bundle.discounted(rate)?;
        }
        Ok(Engine::new(bundle, catalogue).with_uplift(self.uplift))
    }

    /// The same engine, which also tags with the uplift in a slot.
    #[must_use]
    pub fn with_uplift(self, uplift: UpliftSlot) -> Self {
        Engine { uplift, ..self }
    }

    /// The amounts in the model's training data.
    #[must_use]
    pub fn learned_amounts(&self) -> Option<AmountRange> {
        self.bundle.manifest().data.amounts
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

    fn run(
        &self,
        _customer_id: &str,
        history: &History,
        as_of: Micros,
        scored_at: Micros,
        tagged: bool,
        spent: &Spent,
    ) -> Scored {
        let mut started = Instant::now();
        let Scoring { features, outcome } = self.bundle.predict_with_features(history, as_of, || {
            started = Spent::since(&spent.features_ns, started);
        });
        let started = Spent::since(&spent.model_ns, started);
        let mut tags = Vec::new();
        if tagged {
            let scored = matches!(outcome, Outcome::Scored(_));
            let uplift = self.uplift.get().filter(|_| scored).and_then(|uplift| uplift.of(&features));
            tags = self.tags.evaluate_uplifted(&history.as_of(as_of), &features, &outcome, uplift);
            Spent::since(&spent.tags_ns, started);
        }
        let provenance =
            Provenance { model: self.info.id.clone(), as_of, scored_at, zone: self.info.timezone };
        Scored { outcome, tags, provenance }
    }

    fn run_asked(
        &self,
        history: &History,
        as_of: Micros,
        scored_at: Micros,
        asked: &Asked,
        spent: &Spent,
    ) -> Scored {
        let started = Instant::now();
        let outcome = self.bundle.predict_asked(history, as_of, asked);
        Spent::since(&spent.model_ns, started);
        let provenance =
            Provenance { model: self.info.id.clone(), as_of, scored_at, zone: self.info.timezone };
        Scored { outcome, tags: Vec::new(), provenance }
    }

    fn tag_names(&self) -> Option<Vec<&str>> {
        Some(self.names.iter().map(String::as_str).collect())
    }

    fn tag_values(&self, tag: &str) -> Option<Vec<&str>> {
        Some(self.values.get(tag)?.iter().map(String::as_str).collect())
    }

    fn next(&self, history: &History, as_of: Micros) -> NextPurchase {
        self.bundle.next_purchase(history, as_of, DUE_AHEAD_DAYS)
    }

    fn total_uncertainty(&self, days: u32) -> Option<TotalUncertainty> {
        self.bundle.total_uncertainty(days)
    }

    fn clusters(&self) -> Option<&Clusters> {
        self.bundle.clusters()
    }

    fn predict(&self, features: &[f64]) -> Prediction {
        self.bundle.of_features(features, self.info.as_of_micros)
    }
}
