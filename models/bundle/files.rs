//! A bundle as a folder: a file a part, each with its hash in the manifest.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{Bundle, FORMAT, Manifest, explainer};
use crate::boosting::Booster;
use crate::clusters::Clusters;
use crate::error::Error;
use crate::features;
use crate::next::Expansion;

pub(crate) const MANIFEST: &str = "manifest.json";
const LIFETIME: &str = "lifetime.json";
const HORIZONS: &str = "horizons.json";
const BASE: &str = "base.json";
const CLUSTERS: &str = "clusters.json";
const EXPANSION: &str = "expansion.json";
const REPORT: &str = "report.html";
const JUDGED: &str = "judged.json";

impl Bundle {
    /// With hashes of the parts, and the version that follows from them.
    pub(super) fn sealed(mut self) -> Result<Self, Error> {
        let parts = self.parts()?;
        self.manifest.parts = parts.into_iter().map(|(name, bytes)| (name.to_owned(), hex(&bytes))).collect();
        self.manifest.version = version(&self.manifest)?;
        self.id = id(&self.manifest);
        Ok(self)
    }

    /// The parts as files: name and content.
    fn parts(&self) -> Result<Vec<(&'static str, Vec<u8>)>, Error> {
        let mut parts = vec![
            (LIFETIME, json(LIFETIME, &self.lifetime)?),
            (HORIZONS, json(HORIZONS, &self.horizons)?),
            (BASE, json(BASE, &self.base)?),
        ];
        if let Some(clusters) = &self.clusters {
            parts.push((CLUSTERS, json(CLUSTERS, clusters)?));
        }
        if let Some(expansion) = &self.expansion {
            parts.push((EXPANSION, json(EXPANSION, expansion)?));
        }
        if let Some(html) = self.report() {
            parts.push((REPORT, html.as_bytes().to_vec()));
        }
        if let Some(judged) = &self.judged {
            parts.push((JUDGED, json(JUDGED, judged.as_ref())?));
        }
        Ok(parts)
    }

    /// Writes the bundle as the folder `path`: under another name first, synced, then renamed. A folder that
    /// already holds this version is left as it is.
    ///
    /// # Errors
    /// [`Error::Io`] when the file system refuses; then nothing stands at `path`.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let io = |at: &Path| {
            let at = at.to_owned();
            move |cause| Error::Io { path: at, cause }
        };
        if Bundle::load(path).is_ok_and(|there| there.manifest == self.manifest) {
            return Ok(());
        }
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(io(parent))?;
        let draft = parent.join(format!(".{}-{}.tmp", self.manifest.version, std::process::id()));
        if draft.exists() {
            fs::remove_dir_all(&draft).map_err(io(&draft))?;
        }
        fs::create_dir(&draft).map_err(io(&draft))?;
        let manifest = (MANIFEST, json(MANIFEST, &self.manifest)?);
        for (name, bytes) in self.parts()?.into_iter().chain([manifest]) {
            let file = draft.join(name);
            let write = || -> std::io::Result<()> {
                let mut out = File::create(&file)?;
                out.write_all(&bytes)?;
                out.sync_all()
            };
            write().map_err(io(&file))?;
        }
        if path.exists() {
            fs::remove_dir_all(path).map_err(io(path))?;
        }
        fs::rename(&draft, path).map_err(io(path))?;
        File::open(parent).and_then(|dir| dir.sync_all()).map_err(io(parent))
    }

    /// Reads a bundle and checks every part against its hash.
    ///
    /// ```
    /// use homing_models::Bundle;
    ///
    /// let missing = Bundle::load("registry/shop/none".as_ref()).unwrap_err();
    /// assert!(missing.to_string().contains("registry/shop/none"));
    /// ```
    ///
    /// # Errors
    /// [`Error`]: no bundle there, a part missing or damaged (by name), or a format that is too new.
    pub fn load(path: &Path) -> Result<Bundle, Error> {
        let manifest = manifest(path)?;
        let mut bundle = Bundle {
            id: id(&manifest),
            lifetime: part(path, &manifest, LIFETIME)?,
            horizons: part(path, &manifest, HORIZONS)?,
            base: part(path, &manifest, BASE)?,
            clusters: later_part(path, &manifest, CLUSTERS)?,
            expansion: later_part(path, &manifest, EXPANSION)?,
            report: report(path, &manifest)?,
            judged: later_part(path, &manifest, JUDGED)?.map(Arc::new),
            manifest,
            explainer: None,
            asked: super::Asked::default(),
        };
        if !bundle.boosters().all(Booster::is_sound) {
            return Err(damaged(path, HORIZONS, "has an invalid tree".into()));
        }
        if !bundle.clusters.as_ref().is_none_or(Clusters::is_sound) {
            return Err(damaged(path, CLUSTERS, "has invalid clusters".into()));
        }
        if !bundle.expansion.as_ref().is_none_or(Expansion::is_sound) {
            return Err(damaged(path, EXPANSION, "has categories out of order".into()));
        }
        bundle.explainer = explainer(&bundle.manifest, &bundle.horizons);
        Ok(bundle)
    }

    fn boosters(&self) -> impl Iterator<Item = &Booster> {
        self.horizons.iter().flat_map(|part| {
            let tree = part.purchase.base_learners.as_ref().map(|learners| &learners.tree);
            let value = &part.value;
            tree.into_iter().chain(&value.orders).chain(&value.spend).chain(&value.direct)
        })
    }
}

/// Reads the manifest and checks it against its own version.
fn manifest(path: &Path) -> Result<Manifest, Error> {
    let text = fs::read(path.join(MANIFEST))
        .map_err(|cause| Error::NoBundle { path: path.to_owned(), cause: cause.to_string() })?;
    let damaged = |detail: String| damaged(path, MANIFEST, detail);
    let loose: serde_json::Value =
        serde_json::from_slice(&text).map_err(|e| damaged(format!("is not valid JSON: {e}")))?;
    let found = loose["format"].as_u64().ok_or_else(|| damaged("has no `format` field".into()))?;
    if found > u64::from(FORMAT) {
        return Err(Error::TooNew { path: path.to_owned(), found, known: FORMAT });
    }
    let manifest: Manifest =
        serde_json::from_value(loose).map_err(|e| damaged(format!("is incomplete or invalid: {e}")))?;
    if version(&manifest)? != manifest.version {
        return Err(damaged("does not match its checksum".into()));
    }
    if !features::is_known_schema(&manifest.feature_schema, manifest.features.len()) {
        return Err(Error::OtherFeatures {
            path: path.to_owned(),
            found: manifest.feature_schema,
            known: features::schema_hash(),
        });
    }
    Ok(manifest)
}

/// The version that follows from everything else in a manifest: the first twelve digits of its hash.
fn version(manifest: &Manifest) -> Result<String, Error> {
    let unnamed = Manifest { version: String::new(), ..manifest.clone() };
    Ok(hex(&json(MANIFEST, &unnamed)?)[..12].to_owned())
}

/// `name@version`.
fn id(manifest: &Manifest) -> Arc<str> {
    format!("{}@{}", manifest.name, manifest.version).into()
}

fn part<T: DeserializeOwned>(path: &Path, manifest: &Manifest, name: &str) -> Result<T, Error> {
    let bytes = bytes(path, manifest, name)?;
    serde_json::from_slice(&bytes).map_err(|e| damaged(path, name, format!("cannot be parsed: {e}")))
}

/// A part that bundles of earlier versions, and some of today's, do not have.
fn later_part<T: DeserializeOwned>(path: &Path, manifest: &Manifest, name: &str) -> Result<Option<T>, Error> {
    if !manifest.parts.contains_key(name) {
        return Ok(None);
    }
    part(path, manifest, name).map(Some)
}

/// The report; bundles of earlier versions have none.
fn report(path: &Path, manifest: &Manifest) -> Result<Option<Arc<str>>, Error> {
    if !manifest.parts.contains_key(REPORT) {
        return Ok(None);
    }
    let html = String::from_utf8(bytes(path, manifest, REPORT)?);
    html.map(|html| Some(html.into())).map_err(|e| damaged(path, REPORT, format!("is not valid UTF-8: {e}")))
}

/// The bytes of a part that the manifest names, if they are those that were written.
fn bytes(path: &Path, manifest: &Manifest, name: &str) -> Result<Vec<u8>, Error> {
    let bytes = fs::read(path.join(name)).map_err(|e| damaged(path, name, format!("cannot be read: {e}")))?;
    if manifest.parts.get(name) != Some(&hex(&bytes)) {
        return Err(damaged(path, name, "does not match its checksum".to_owned()));
    }
    Ok(bytes)
}

fn damaged(path: &Path, part: &str, detail: String) -> Error {
    Error::Damaged { path: path.to_owned(), part: part.to_owned(), detail }
}

/// A part as JSON.
fn json<T: Serialize>(part: &'static str, value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|cause| Error::Unwritable { part, cause })
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
