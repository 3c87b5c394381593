//! Where a service takes its models from.

use std::sync::Arc;

use homing_models::{Bundle, Registry};

use crate::scoring::Engine;
use crate::uplift::UpliftSlot;
use homing_tags::Catalogue;

/// Where models come from.
pub struct Models {
    pub(super) registry: Registry,
    /// The name whose champion is followed; without one, the registry's only name.
    name: Option<String>,
    /// Whether the model was chosen by version or path: then it stays.
    pub(super) pinned: bool,
    catalogue: Arc<Catalogue>,
    /// What is learned from the campaigns of the store.
    pub(super) uplift: UpliftSlot,
}

impl Models {
    /// Models from a registry. `wanted` is what was asked for at the start (see [`Registry::find`]): a name is
    /// followed, anything else stays.
    #[must_use]
    pub fn new(registry: Registry, wanted: Option<&str>, catalogue: Arc<Catalogue>) -> Self {
        let name =
            wanted.filter(|wanted| registry.names().iter().any(|name| name == wanted)).map(str::to_owned);
        Models {
            pinned: wanted.is_some() && name.is_none(),
            name,
            registry,
            catalogue,
            uplift: UpliftSlot::default(),
        }
    }

    /// The slot of the engines' uplift.
    #[must_use]
    pub fn with_uplift(self, uplift: UpliftSlot) -> Self {
        Models { uplift, ..self }
    }

    pub(super) fn name(&self) -> Option<String> {
        let names = self.registry.names();
        self.name.clone().or_else(|| if names.len() == 1 { names.into_iter().next() } else { None })
    }

    pub(super) fn load(&self, name: &str, version: &str) -> Result<Arc<Engine>, homing_models::Error> {
        let path = self.registry.find(Some(&format!("{name}@{version}")))?;
        Ok(Arc::new(Engine::new(Bundle::load(&path)?, &self.catalogue).with_uplift(self.uplift.clone())))
    }
}
