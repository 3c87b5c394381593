//! The registry: a folder of bundles, `NAME/VERSION/`, with aliases that are replaced in one step.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homing_datasets::Micros;
use serde::Serialize;

use crate::bundle::{Bundle, Manifest};
use crate::error::Error;
use crate::mirror::{self, Mirror};

/// Which bundle of a name does a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alias {
    /// Answers.
    Champion,
    /// Is tried against it.
    Challenger,
}

impl Alias {
    /// Its file name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Alias::Champion => "champion",
            Alias::Challenger => "challenger",
        }
    }
}

/// A folder of bundles, which may be the mirror of a place in an object store.
///
/// ```
/// use homing_models::Registry;
///
/// let folder = tempfile::tempdir()?;
/// let registry = Registry::at(folder.path());
/// assert!(registry.names().is_empty());
/// assert!(registry.find(None).is_err()); // nothing to serve yet
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    root: PathBuf,
    mirror: Option<Arc<Mirror>>,
}

/// One bundle of a registry.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its aliases.
    pub aliases: Vec<Alias>,
    /// Its location.
    pub path: PathBuf,
}

impl Registry {
    /// A registry at a folder, which need not exist yet.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Registry { root: root.into(), mirror: None }
    }

    /// A registry at a folder, or at an address of an object store such as `s3://bucket/models`. That one is mirrored into a
    /// folder (`cache`, else one in the user's cache), which this fills, and what is registered or pointed at goes to the store
    /// first.
    ///
    /// # Errors
    /// [`Error::Mirror`]: the store says no, or there is no folder to mirror into.
    pub fn open(place: &str, cache: Option<&Path>) -> Result<Self, Error> {
        if !homing_datasets::objects::is_address(place) {
            return Ok(Registry::at(place));
        }
        let failed = |cause: String| Error::Mirror { address: place.to_owned(), cause };
        let root = cache.map(Path::to_owned).or_else(|| mirror::default_folder(place));
        let root = root.ok_or_else(|| {
            failed("no cache folder for its models; set one with --registry-cache".to_owned())
        })?;
        let mirror = Mirror::open(place).map_err(|cause| failed(cause.to_string()))?;
        let registry = Registry { root, mirror: Some(Arc::new(mirror)) };
        registry.refresh()?;
        Ok(registry)
    }

    /// Brings what is new in the object store into the folder. Does nothing for a registry that is but a folder.
    ///
    /// # Errors
    /// [`Error::Mirror`]; what was there before is still there, and whole.
    pub fn refresh(&self) -> Result<(), Error> {
        self.mirrored(|mirror| mirror.refresh(&self.root))
    }

    /// Whether it is the mirror of a place in an object store, whose listing takes time and money.
    #[must_use]
    pub fn is_mirror(&self) -> bool {
        self.mirror.is_some()
    }

    fn mirrored(&self, work: impl FnOnce(&Mirror) -> io::Result<()>) -> Result<(), Error> {
        let Some(mirror) = &self.mirror else { return Ok(()) };
        work(mirror)
            .map_err(|cause| Error::Mirror { address: mirror.address.clone(), cause: cause.to_string() })
    }

    /// The place that it was opened with.
    fn place(&self) -> PathBuf {
        self.mirror.as_ref().map_or_else(|| self.root.clone(), |mirror| PathBuf::from(&mirror.address))
    }

    /// Its folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Saves a bundle under its name and version and gives it an alias.
    ///
    /// # Errors
    /// [`Error::BadName`], or [`Error::Io`] when the file system refuses.
    pub fn register(&self, bundle: &Bundle, alias: Alias) -> Result<PathBuf, Error> {
        let manifest = bundle.manifest();
        let path = self.folder(&manifest.name)?.join(&manifest.version);
        bundle.save(&path)?;
        self.mirrored(|mirror| mirror.put_bundle(&self.root, &manifest.name, &manifest.version))?;
        self.point(&manifest.name, alias, &manifest.version)?;
        Ok(path)
    }

    /// The version that an alias of a name points at.
    #[must_use]
    pub fn version(&self, name: &str, alias: Alias) -> Option<String> {
        self.alias(name, alias.name())
    }

    /// The versions of a name.
    #[must_use]
    pub fn versions(&self, name: &str) -> Vec<String> {
        self.folder(name).map_or_else(|_| Vec::new(), |folder| folders(&folder))
    }

    /// The champion before the present one, to which [`Registry::rollback`] would go back; `None` when there was none.
    ///
    /// # Errors
    /// [`Error::BadName`], or [`Error::Io`] when the list of champions cannot be read.
    pub fn before_champion(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(self.past(name)?.pop())
    }

    /// Makes the champion before the present one the champion again, and returns it; `None` when there was none.
    /// Once more goes one further back.
    ///
    /// # Errors
    /// [`Error::BadName`], or [`Error::Io`] when the file system refuses; the alias then points where it did.
    pub fn rollback(&self, name: &str) -> Result<Option<String>, Error> {
        let mut past = self.past(name)?;
        let Some(version) = past.pop() else { return Ok(None) };
        self.write(name, Alias::Champion.name(), &version)?;
        self.write(name, PAST, &past.join("\n"))?;
        Ok(Some(version))
    }

    /// The champions before the present one, the oldest first; those whose bundles are gone are left out.
    fn past(&self, name: &str) -> Result<Vec<String>, Error> {
        let path = self.folder(name)?.join(PAST);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => String::new(),
            Err(cause) => return Err(Error::Io { path, cause }),
        };
        let there = self.versions(name);
        Ok(text.lines().map(str::to_owned).filter(|version| there.contains(version)).collect())
    }

    /// Points an alias of a name at a version. The champion that goes is remembered for [`Registry::rollback`].
    ///
    /// # Errors
    /// [`Error::BadName`], or [`Error::Io`] when the file system refuses; the alias then points where it did.
    pub fn point(&self, name: &str, alias: Alias, version: &str) -> Result<(), Error> {
        let before = self.version(name, alias).filter(|before| before != version);
        if let (Alias::Champion, Some(before)) = (alias, before) {
            let mut past = self.past(name)?;
            past.push(before);
            let first = past.len().saturating_sub(REMEMBERED);
            self.write(name, PAST, &past[first..].join("\n"))?;
        }
        self.write(name, alias.name(), version)
    }

    /// Writes a small file of a name, whole or not at all.
    fn write(&self, name: &str, file: &str, text: &str) -> Result<(), Error> {
        let folder = self.folder(name)?;
        let _held = self.mirror.as_ref().map(|mirror| mirror.hold());
        self.mirrored(|mirror| mirror.put(name, file, &format!("{text}\n")))?;
        let path = folder.join(file);
        let draft = folder.join(format!(".{file}-{}.tmp", std::process::id()));
        let write = || -> io::Result<()> {
            let mut file = File::create(&draft)?;
            writeln!(file, "{text}")?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            File::open(&folder)?.sync_all()
        };
        write().map_err(|cause| Error::Io { path: path.clone(), cause })
    }

    /// Finds a bundle: `NAME` (its champion), `NAME@VERSION`, `NAME@challenger`, a version alone, or the path
    /// of a bundle's folder. If nothing is given, the champion of the only name.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], which lists what is there.
    pub fn find(&self, wanted: Option<&str>) -> Result<PathBuf, Error> {
        if let Some(path) = wanted.map(Path::new).filter(|path| path.join("manifest.json").is_file()) {
            return Ok(path.to_owned());
        }
        let names = self.names();
        let (name, version) = match (wanted, names.as_slice()) {
            (None, [only]) => (only.clone(), None),
            (None, []) => return Err(Error::NoModels { registry: self.place() }),
            (None, _) => {
                return Err(Error::SeveralModels { registry: self.place(), there: names.join(", ") });
            }
            (Some(wanted), _) => match wanted.split_once('@') {
                Some((name, version)) => (name.to_owned(), Some(version.to_owned())),
                None if names.iter().any(|name| name == wanted) => (wanted.to_owned(), None),
                None => match names.iter().find(|name| self.root.join(name).join(wanted).is_dir()) {
                    Some(name) => (name.clone(), Some(wanted.to_owned())),
                    None => return Err(self.unknown(wanted)),
                },
            },
        };
        let folder = self.folder(&name)?;
        let asked = version.unwrap_or_else(|| Alias::Champion.name().to_owned());
        let version = self.alias(&name, &asked).unwrap_or(asked);
        let path = folder.join(version);
        if path.is_dir() { Ok(path) } else { Err(self.unknown(wanted.unwrap_or(&name))) }
    }

    /// Every readable bundle, by name and version; bundles that cannot be read come as their errors.
    #[must_use]
    pub fn list(&self) -> Vec<Result<Entry, Error>> {
        let mut entries = Vec::new();
        for name in self.names() {
            let pointed: Vec<(Alias, Option<String>)> = [Alias::Champion, Alias::Challenger]
                .map(|alias| (alias, self.alias(&name, alias.name())))
                .into_iter()
                .collect();
            for version in folders(&self.root.join(&name)) {
                let path = self.root.join(&name).join(&version);
                let aliases =
                    pointed.iter().filter(|(_, v)| v.as_deref() == Some(&version)).map(|(a, _)| *a).collect();
                entries.push(Bundle::load(&path).map(|b| Entry {
                    manifest: b.manifest().clone(),
                    aliases,
                    path,
                }));
            }
        }
        entries
    }

    /// The last model of a name that learned from data up to an earlier instant: the champion where it did, else
    /// the latest of the others. Bundles that cannot be read do not count.
    #[must_use]
    pub fn before(&self, name: &str, as_of: Micros) -> Option<Bundle> {
        let folder = self.folder(name).ok()?;
        let load = |version: &str| Bundle::load(&folder.join(version)).ok();
        let earlier = |bundle: &Bundle| bundle.manifest().as_of < as_of;
        let champion = self.alias(name, Alias::Champion.name()).and_then(|version| load(&version));
        if let Some(champion) = champion.filter(earlier) {
            return Some(champion);
        }
        let others = folders(&folder).into_iter().filter_map(|version| load(&version)).filter(earlier);
        others.max_by(|a, b| a.manifest().as_of.cmp(&b.manifest().as_of).then(a.id().cmp(b.id())))
    }

    fn alias(&self, name: &str, alias: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(name).join(alias)).ok()?;
        Some(text.trim().to_owned())
    }

    /// The names of models that there are.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        folders(&self.root)
    }

    /// Whether a model may have this name, before it is trained.
    ///
    /// # Errors
    /// [`Error::BadName`].
    pub fn check_name(name: &str) -> Result<(), Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let fits = (1..=64).contains(&name.len()) && name.chars().all(plain);
        if !fits || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(Error::BadName(name.to_owned()));
        }
        Ok(())
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        Registry::check_name(name)?;
        Ok(self.root.join(name))
    }

    fn unknown(&self, wanted: &str) -> Error {
        let there = self.names();
        let there = if there.is_empty() {
            "none; train one with `homing-train fit`".into()
        } else {
            there.join(", ")
        };
        Error::UnknownModel { registry: self.place(), wanted: wanted.to_owned(), there }
    }
}

/// The file of the champions that were, one version a line.
const PAST: &str = "champions-before";
/// So many of them are remembered.
const REMEMBERED: usize = 100;

/// Folders in a folder, sorted; hidden ones are drafts.
fn folders(path: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}
