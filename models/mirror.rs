//! A registry in an object store, mirrored into a folder: whatever reads a registry reads the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use homing_datasets::objects::{Object, Objects};

use crate::bundle::{MANIFEST, hex};

/// An object store and what was last seen there.
#[derive(Debug)]
pub(crate) struct Mirror {
    pub address: String,
    objects: Objects,
    /// The small files of each name as they were last fetched: their versions. Held while the folder is written, so that what
    /// is put meanwhile is not taken back by what was fetched before.
    seen: Mutex<Seen>,
}

/// Versions by name.
type Seen = BTreeMap<String, String>;

impl Mirror {
    pub fn open(address: &str) -> io::Result<Self> {
        Ok(Mirror { address: address.to_owned(), objects: Objects::open(address)?, seen: Mutex::default() })
    }

    /// Blocks refreshes of the folder.
    pub fn hold(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the folder what the store holds: bundles first and the aliases that point at them after, so that no alias ever
    /// points at a bundle that is not there. A bundle never changes, so one that is there is not fetched again.
    pub fn refresh(&self, folder: &Path) -> io::Result<()> {
        let mut seen = self.hold();
        let objects = self.objects.list()?;
        let mut bundles: BTreeMap<(&str, &str), Vec<&Object>> = BTreeMap::new();
        let mut small: Vec<(&str, &Object)> = Vec::new();
        for object in &objects {
            let parts: Vec<&str> = object.name.split('/').collect();
            if parts.iter().any(|part| part.is_empty() || part.starts_with('.')) {
                continue;
            }
            match parts[..] {
                [name, _] => small.push((name, object)),
                [name, version, _] => bundles.entry((name, version)).or_default().push(object),
                _ => {}
            }
        }
        // The manifest is put last: without it a bundle is still on its way.
        bundles.retain(|(name, version), parts| {
            let manifest = format!("{name}/{version}/{MANIFEST}");
            parts.iter().any(|part| part.name == manifest)
        });
        self.mark(folder)?;
        for ((name, version), parts) in &bundles {
            if !folder.join(name).join(version).join(MANIFEST).is_file() {
                self.fetch(folder, name, version, parts)?;
            }
        }
        for (name, object) in &small {
            let path = folder.join(&object.name);
            if path.is_file() && seen.get(&object.name) == Some(&object.version) {
                continue;
            }
            let bytes = self.objects.get(&object.name)?;
            // It may be newer than the list, and its bundle too: then the next look brings both.
            let text = String::from_utf8_lossy(&bytes);
            let alias = object.name.ends_with("/champion") || object.name.ends_with("/challenger");
            if alias && !bundles.contains_key(&(*name, text.trim())) {
                continue;
            }
            fs::create_dir_all(folder.join(name))?;
            replace(&path, &bytes)?;
            seen.insert(object.name.clone(), object.version.clone());
        }
        let there: BTreeSet<&str> = objects.iter().map(|object| object.name.as_str()).collect();
        remove(folder, &bundles.keys().copied().collect(), &there)
    }

    /// Makes sure that the folder is this store's mirror and nothing else, since what the store lacks is removed from it.
    fn mark(&self, folder: &Path) -> io::Result<()> {
        let mark = folder.join(".mirror-of");
        match fs::read_to_string(&mark) {
            Ok(address) if address == self.address => return Ok(()),
            Ok(_) => {}
            Err(_) if visible(folder)?.is_empty() => {
                fs::create_dir_all(folder)?;
                return fs::write(mark, &self.address);
            }
            Err(_) => {}
        }
        let told = format!(
            "{} contains other files; choose an empty folder with --registry-cache",
            folder.display()
        );
        Err(io::Error::other(told))
    }

    /// Fetches a bundle into a draft that takes its place at the end.
    fn fetch(&self, folder: &Path, name: &str, version: &str, parts: &[&Object]) -> io::Result<()> {
        let parent = folder.join(name);
        fs::create_dir_all(&parent)?;
        let draft = parent.join(format!(".{version}-{}.tmp", std::process::id()));
        if draft.exists() {
            fs::remove_dir_all(&draft)?;
        }
        fs::create_dir(&draft)?;
        for part in parts {
            let bytes = self.objects.get(&part.name)?;
            let file = part.name.rsplit('/').next().unwrap_or_default();
            let mut out = File::create(draft.join(file))?;
            out.write_all(&bytes)?;
            out.sync_all()?;
        }
        let path = parent.join(version);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::rename(&draft, &path)
    }

    /// Puts the files of a bundle into the store, the manifest last.
    pub fn put_bundle(&self, folder: &Path, name: &str, version: &str) -> io::Result<()> {
        let path = folder.join(name).join(version);
        let mut files = visible(&path)?;
        files.sort_by_key(|file| file == MANIFEST);
        for file in files {
            self.objects.put(&format!("{name}/{version}/{file}"), fs::read(path.join(&file))?)?;
        }
        Ok(())
    }

    /// Puts a small file of a name into the store.
    pub fn put(&self, name: &str, file: &str, text: &str) -> io::Result<()> {
        self.objects.put(&format!("{name}/{file}"), text.as_bytes().to_vec())
    }
}

/// Removes from the folder what the store no longer has.
fn remove(folder: &Path, bundles: &BTreeSet<(&str, &str)>, there: &BTreeSet<&str>) -> io::Result<()> {
    for name in visible(folder)? {
        for entry in visible(&folder.join(&name))? {
            let path = folder.join(&name).join(&entry);
            if path.is_dir() && !bundles.contains(&(name.as_str(), entry.as_str())) {
                fs::remove_dir_all(&path)?;
            } else if path.is_file() && !there.contains(format!("{name}/{entry}").as_str()) {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

/// The contents of a folder, sorted; hidden files are drafts.
fn visible(folder: &Path) -> io::Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
    }
    names.sort();
    Ok(names)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{file}-{}.tmp", std::process::id()));
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
}

/// Where a registry of an object store is mirrored if no folder is named: the user's cache.
pub(crate) fn default_folder(address: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from).or_else(
        || {
            let home = std::env::var_os("HOME").filter(|dir| !dir.is_empty())?;
            Some(PathBuf::from(home).join(".cache"))
        },
    )?;
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    // The digits tell addresses apart that look the same in plain letters.
    let name: String = address.chars().map(plain).collect();
    Some(cache.join("homing").join(format!("{name}-{}", &hex(address.as_bytes())[..8])))
}
