//! The models of the registry as the pages need them. A bundle never changes, so each is read once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use homing_models::judged::Judged;
use homing_models::{Alias, Bundle, Manifest, Registry};

use super::Web;
use crate::api::Code;

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
    fn volume(&self, path: PathBuf) -> Option<Arc<Volume>> {
        if let Some(known) = super::locked(&self.volumes).get(&path) {
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
        super::locked(&self.volumes).insert(path, read.clone());
        read
    }

    /// The models of a registry, the latest first, and how many cannot be read.
    fn list(&self, registry: &Registry) -> (Vec<Listed>, usize) {
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

impl Web {
    /// The models of the registry, the latest first and those with an alias before them, and how many cannot be read; `None`
    /// where the service has no registry.
    pub async fn listed(self: &Arc<Self>) -> Result<Option<(Vec<Listed>, usize)>, Code> {
        let web = self.clone();
        self.work(move |app| Ok(app.registry().map(|registry| web.library.list(registry)))).await
    }

    /// The grade of the model at work, where it is known.
    pub async fn grade(self: &Arc<Self>) -> Option<String> {
        let model = self.model()?;
        let web = self.clone();
        let found = self.work(move |app| {
            let path = app.registry().map(|registry| registry.root().join(&model.name).join(&model.version));
            Ok(path.filter(|path| path.is_dir()).and_then(|path| web.library.volume(path)))
        });
        found.await.ok()??.grade().map(str::to_owned)
    }
}
