//! The models of the registry as the pages need them. A bundle never changes, so each is read once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use homing_models::judged::Judged;
use homing_models::{Alias, Bundle, Manifest, Registry};

/// Models that are listed at most, the latest first.
const MOST: usize = 60;

/// What is kept of a bundle.
#[derive(Debug)]
pub(super) struct Volume {
    pub manifest: Manifest,
    pub judged: Option<Arc<Judged>>,
    pub has_report: bool,
}

impl Volume {
    /// `name@version`.
    pub fn id(&self) -> String {
        format!("{}@{}", self.manifest.name, self.manifest.version)
    }

    /// A metric of the test, by the name that it has in the manifest.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.manifest.metrics["backtest"]["candidates"][0]["metrics"][name].as_f64()
    }

    /// The grade of the test.
    pub fn grade(&self) -> Option<&str> {
        self.manifest.metrics["backtest"]["grade"].as_str()
    }
}

/// A model of the registry with its aliases.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub volume: Arc<Volume>,
    pub aliases: Vec<Alias>,
}

/// What was read so far, by path; a bundle that cannot be read is not tried again.
#[derive(Default)]
pub(super) struct Library {
    volumes: Mutex<HashMap<PathBuf, Option<Arc<Volume>>>>,
}

impl Library {
    pub fn volume(&self, path: PathBuf) -> Option<Arc<Volume>> {
        if let Some(known) = self.volumes.lock().unwrap_or_else(PoisonError::into_inner).get(&path) {
            return known.clone();
        }
        let read = match Bundle::load(&path) {
            Ok(bundle) => Some(Arc::new(Volume {
                manifest: bundle.manifest().clone(),
                judged: bundle.judged().cloned(),
                has_report: bundle.report().is_some(),
            })),
            Err(error) => {
                tracing::warn!(%error, "a model of the registry cannot be read");
                None
            }
        };
        self.volumes.lock().unwrap_or_else(PoisonError::into_inner).insert(path, read.clone());
        read
    }

    /// The models of a registry, the latest first, and how many cannot be read.
    pub fn list(&self, registry: &Registry) -> (Vec<Listed>, usize) {
        let (mut listed, mut damaged) = (Vec::new(), 0);
        for name in registry.names() {
            let pointed =
                [Alias::Champion, Alias::Challenger].map(|alias| (alias, registry.version(&name, alias)));
            for version in registry.versions(&name) {
                let Some(volume) = self.volume(registry.root().join(&name).join(&version)) else {
                    damaged += 1;
                    continue;
                };
                let points = |(_, at): &&(Alias, Option<String>)| at.as_deref() == Some(&version);
                let aliases = pointed.iter().filter(points).map(|(alias, _)| *alias).collect();
                listed.push(Listed { volume, aliases });
            }
        }
        listed.sort_by(|a, b| {
            let key = |one: &Listed| (one.aliases.is_empty(), -one.volume.manifest.as_of);
            key(a).cmp(&key(b)).then_with(|| a.volume.id().cmp(&b.volume.id()))
        });
        listed.truncate(MOST);
        (listed, damaged)
    }
}
