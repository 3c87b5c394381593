//! Backups of everything that homing keeps: the profile store, the snapshot, the registry and the configuration; and their way back.
//!
//! A store is read as of one instant while the service goes on. It comes back into an empty store of either database. Customers who were erased
//! since are erased again.

mod archive;
mod place;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homing_datasets::encryption::{EncryptionError, MasterKeys};
use homing_datasets::engine::snapshot_keys;
use homing_datasets::{Erasures, Micros, Zone};
use homing_profiles::record::Record;
use homing_profiles::{Store, open_to_import};
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::archive::Writer;
pub use self::archive::{Filed, Manifest, Section};
use self::place::{Place, walk, write_whole};

/// Folders beside the store by the name under which they are kept.
pub const SNAPSHOT: &str = "snapshot";
/// The registry of models.
pub const REGISTRY: &str = "registry";
/// The configuration file.
pub const CONFIG: &str = "config";

/// Files by the names that they have in a backup.
pub type NamedFiles = Vec<(String, PathBuf)>;

/// A place of backups.
pub struct Backups {
    place: Place,
    /// The master keys; with them backups are encrypted.
    keys: Option<Arc<MasterKeys>>,
}

/// A backup that was made.
#[derive(Clone, Debug, Serialize)]
pub struct Made {
    /// Its name.
    pub name: String,
    /// When its store was read (RFC 3339).
    pub made_at: String,
    /// Records of the store.
    pub records: u64,
    /// Customers.
    pub customers: u64,
    /// Files beside it.
    pub files: usize,
    /// Bytes that were written to the place; what earlier backups share is not written again.
    pub bytes_written: u64,
    /// Older backups that were removed.
    pub removed: Vec<String>,
}

/// A backup that came back.
#[derive(Clone, Debug, Serialize)]
pub struct Restored {
    /// Its name.
    pub name: String,
    /// When its store was read (RFC 3339).
    pub made_at: String,
    /// Customers.
    pub customers: u64,
    /// Of which erased again, because they had been erased since.
    pub erased: u64,
    /// Files beside the store, by what they belong to.
    pub files: BTreeMap<String, u64>,
}

/// Where the parts of a backup go.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// Folders, by [`SNAPSHOT`], [`REGISTRY`] and [`CONFIG`].
    pub folders: BTreeMap<&'static str, PathBuf>,
}

/// What a store holds in numbers that do not depend on the order of its records: how many of each section, and the sum of their hashes.
type Contents = BTreeMap<String, (u64, u128)>;

fn add(contents: &mut Contents, record: &Record) -> Result<(), serde_json::Error> {
    // Settings record the copying itself, and fingerprints depend on the database.
    if record.section() == "settings" {
        return Ok(());
    }
    let text = serde_json::to_vec(&record.without_fingerprints())?;
    let hash = Sha256::digest(&text);
    let number = hash.iter().take(16).fold(0u128, |number, byte| (number << 8) | u128::from(*byte));
    let (records, sum) = contents.entry(record.section().to_owned()).or_default();
    *records += 1;
    *sum = sum.wrapping_add(number);
    Ok(())
}

fn refused(cause: &dyn std::fmt::Display) -> homing_profiles::Error {
    homing_profiles::Error::Refused(cause.to_string())
}

impl Backups {
    /// The backups in a folder or at an address of an object store. With master keys new backups are encrypted.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn open(place: &str, keys: Option<Arc<MasterKeys>>) -> io::Result<Self> {
        Ok(Backups { place: Place::open(place)?, keys })
    }

    fn keys(&self) -> Option<&MasterKeys> {
        self.keys.as_deref()
    }

    fn manifest(&self, name: &str) -> io::Result<Manifest> {
        archive::manifest(&self.place, self.keys(), name)
    }

    /// Wraps the data keys of all backups with the present master key. Gives how many were another one's until now, and how many backups are not encrypted.
    ///
    /// # Errors
    /// Without the key that a backup needs; what the system says.
    pub fn replace_master_key(&self, keys: &MasterKeys) -> io::Result<(usize, usize)> {
        let _lock = self.place.lock()?;
        archive::replace_master_key(&self.place, keys)
    }

    /// Names and manifests of all backups, oldest first; a manifest may be damaged.
    ///
    /// # Errors
    /// What the system says.
    pub fn list(&self) -> io::Result<Vec<(String, io::Result<Manifest>)>> {
        let each = |name: String| {
            let manifest = self.manifest(&name);
            (name, manifest)
        };
        Ok(archive::names(&self.place)?.into_iter().map(each).collect())
    }

    /// The newest backup; `None` without a backup, or where its record does not read.
    ///
    /// # Errors
    /// What the system says.
    pub fn newest(&self) -> io::Result<Option<(String, Manifest)>> {
        let name = archive::names(&self.place)?.pop();
        Ok(name.and_then(|name| Some((name.clone(), self.manifest(&name).ok()?))))
    }

    /// Makes a backup of a store and of files, given as pairs of a name in the backup and a path. `at` is the time now, `keep` the number of backups that
    /// stay; `None` keeps all.
    ///
    /// # Errors
    /// Why the store or a file cannot be read, or the place not written.
    pub fn make(
        &self,
        store: &dyn Store,
        files: &[(String, PathBuf)],
        at: Micros,
        keep: Option<usize>,
        progress: &dyn Fn(u64),
    ) -> anyhow::Result<Made> {
        let _lock = self.place.lock()?;
        self.place.sweep()?;
        let mut manifest =
            archive::begin(Zone::default().format(at), store.common().place.clone(), store.identity()?);
        let mut writer = Writer::new(&self.place, archive::lock(&self.place, self.keys())?)?;
        let mut records = 0;
        store.dump(&mut |record| {
            records += 1;
            if records % 1000 == 0 {
                progress(records);
            }
            writer.record(&record).map_err(|cause| refused(&format_args!("cannot write the backup: {cause}")))
        })?;
        for (name, path) in files {
            let file = self
                .content(name, path)
                .and_then(|content| writer.file(name.clone(), content))
                .map_err(|cause| anyhow::anyhow!("cannot back up {}: {cause}", path.display()))?;
            manifest.files.push(file);
        }
        let bytes_written = writer.written;
        let (name, manifest) = writer.finish(manifest, at)?;
        let removed =
            keep.map_or(Ok(Vec::new()), |newest| archive::keep(&self.place, self.keys(), newest))?;
        let (_, records) = manifest.totals();
        let (made_at, files) = (manifest.made_at.clone(), manifest.files.len());
        Ok(Made { name, made_at, records, customers: customers(&manifest), files, bytes_written, removed })
    }

    /// The name of the newest backup, or the one that is asked for.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, wanted: Option<&str>) -> anyhow::Result<String> {
        let names = archive::names(&self.place)?;
        let found = match wanted {
            None => names.last().cloned(),
            Some(wanted) => names.iter().find(|name| *name == wanted).cloned(),
        };
        found.ok_or_else(|| match (wanted, names.last()) {
            (Some(wanted), Some(last)) => {
                anyhow::anyhow!("there is no backup {wanted}; the newest is {last}, and --list shows all")
            }
            _ => anyhow::anyhow!("there is no backup at this place"),
        })
    }

    /// Reads a backup to its end and fills a store in a temporary folder with it; fails unless the store then holds what the backup says.
    ///
    /// # Errors
    /// What is damaged or missing.
    pub fn verify(&self, name: &str, scratch: &Path) -> anyhow::Result<()> {
        let manifest = self.manifest(name)?;
        for file in &manifest.files {
            archive::read_file(&self.place, &manifest, file, &mut io::sink())?;
        }
        let folder = tempfile::tempdir_in(scratch)?;
        let place = format!("sqlite:{}", folder.path().join("trial.db").display());
        let store = open_to_import(&place, Zone::default())?;
        store.begin_import()?;
        let mut expected = Contents::new();
        for section in &manifest.sections {
            archive::read_section(&self.place, &manifest, section, |records| {
                records.iter().try_for_each(|record| add(&mut expected, record))?;
                Ok(store.import(records)?)
            })?;
        }
        anyhow::ensure!(
            contents(store.as_ref())? == expected,
            "a store restored from the backup {name} differs from it"
        );
        Ok(())
    }

    /// Fills an empty store at a place, and folders, from a backup. Customers who are on the list of erasures, or who had been erased when a later backup was
    /// made, are erased again. An interrupted call is repeated with the same arguments. `at` is the time now.
    ///
    /// # Errors
    /// What is damaged or missing, or why the store or a folder cannot be filled.
    pub fn restore(
        &self,
        name: &str,
        place: &str,
        targets: &Targets,
        erasures: Option<&Erasures>,
        at: Micros,
        progress: &dyn Fn(u64),
    ) -> anyhow::Result<Restored> {
        let manifest = self.manifest(name)?;
        let mut files = BTreeMap::new();
        for (part, folder) in &targets.folders {
            files.insert((*part).to_owned(), self.stage(&manifest, part, folder)?);
        }
        let store = open_to_import(place, Zone::default())?;
        store.begin_import()?;
        let mut ids = Vec::new();
        for section in &manifest.sections {
            archive::read_section(&self.place, &manifest, section, |records| {
                ids.extend(records.iter().filter_map(|record| record.customer_id().map(str::to_owned)));
                store.import(records)?;
                progress(ids.len() as u64);
                Ok(())
            })?;
        }
        store.settle_import(at)?;
        // With the secrets of the store that was backed up.
        drop(store);
        let store = open_to_import(place, Zone::default())?;
        let erased = self.erase_again(name, &store, &ids, erasures, at)?;
        for folder in targets.folders.values() {
            put_in_place(folder)?;
        }
        store.end_import()?;
        let customers = customers(&manifest);
        Ok(Restored { name: name.to_owned(), made_at: manifest.made_at, customers, erased, files })
    }

    /// Erases who was erased after the backup, as far as later backups of the same store and a list tell.
    fn erase_again(
        &self,
        name: &str,
        store: &Arc<dyn Store>,
        ids: &[String],
        listed: Option<&Erasures>,
        at: Micros,
    ) -> anyhow::Result<u64> {
        let mut later = Erasures { key: store.erased()?.key, hashes: Default::default() };
        for other in archive::names(&self.place)?.iter().filter(|other| other.as_str() > name) {
            let manifest = self.manifest(other)?;
            for section in manifest.sections.iter().filter(|section| section.name == "erased") {
                archive::read_section(&self.place, &manifest, section, |records| {
                    later.hashes.extend(records.iter().filter_map(Record::erased_hash));
                    Ok(())
                })?;
            }
        }
        let mut erased = 0;
        for id in ids {
            if later.contains(id) || listed.is_some_and(|listed| listed.contains(id)) {
                erased += u64::from(store.erase(id, at)?);
            }
        }
        if erased > 0 {
            store.compact()?;
        }
        Ok(erased)
    }

    /// A file as it is put into a backup.
    fn content(&self, name: &str, path: &Path) -> io::Result<Box<dyn io::Read>> {
        let file = File::open(path)?;
        let Some(name) = name.strip_prefix(SNAPSHOT).and_then(|name| name.strip_prefix('/')) else {
            return Ok(Box::new(file));
        };
        let Some(keys) = self.keys() else { return Ok(Box::new(file)) };
        if !snapshot_keys::has_key(name) {
            return Ok(Box::new(file));
        }
        let content = snapshot_keys::unwrapped(keys, fs::read(path)?).map_err(io::Error::other)?;
        Ok(Box::new(io::Cursor::new(content)))
    }

    /// A file of a backup as it is put in its place.
    fn placed(&self, part: &str, path: &str, content: Vec<u8>) -> Result<Vec<u8>, EncryptionError> {
        match self.keys() {
            Some(keys) if part == SNAPSHOT && snapshot_keys::has_key(path) => {
                snapshot_keys::wrapped(keys, content)
            }
            _ => Ok(content),
        }
    }

    /// Writes the files of one part beside the folder where they are to go. Gives their number.
    fn stage(&self, manifest: &Manifest, part: &str, folder: &Path) -> anyhow::Result<u64> {
        let draft = draft_of(folder);
        match fs::remove_dir_all(&draft) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause.into()),
            _ => {}
        }
        let mut own = Vec::new();
        for file in &manifest.files {
            let Some(path) = file.path.strip_prefix(part).and_then(|path| path.strip_prefix('/')) else {
                continue;
            };
            // What a damaged manifest could name.
            let inside =
                Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
            anyhow::ensure!(inside, "the backup has a file with an invalid path: {}", file.path);
            own.push((path, file));
        }
        anyhow::ensure!(
            !own.is_empty(),
            "the backup was made without {part}; leave --restore-{part} out, or choose another backup (--list)"
        );
        let mut held = Vec::new();
        walk(folder, folder, &mut held)?;
        if !held.is_empty() {
            let same = held.len() == own.len()
                && own.iter().all(|(path, file)| self.is_same(manifest, &folder.join(path), file));
            anyhow::ensure!(
                same,
                "the folder {} is not empty; move it away or give another one, then run the command again",
                folder.display()
            );
            return Ok(own.len() as u64);
        }
        for (path, file) in &own {
            let mut content = Vec::new();
            archive::read_file(&self.place, manifest, file, &mut content)?;
            write_whole(&draft.join(path), &self.placed(part, path, content)?)?;
        }
        Ok(own.len() as u64)
    }

    /// Whether a file is the one of the backup.
    fn is_same(&self, manifest: &Manifest, path: &Path, file: &Filed) -> bool {
        let (mut content, mut held) = (Vec::new(), Vec::new());
        let read = self.content(&file.path, path).and_then(|mut file| file.read_to_end(&mut held));
        archive::read_file(&self.place, manifest, file, &mut content).is_ok()
            && read.is_ok()
            && held == content
    }
}

fn customers(manifest: &Manifest) -> u64 {
    let section = manifest.sections.iter().find(|section| section.name == homing_profiles::record::CUSTOMERS);
    section.map_or(0, |section| section.records)
}

fn contents(store: &dyn Store) -> anyhow::Result<Contents> {
    let mut contents = Contents::new();
    store.dump(&mut |record| add(&mut contents, &record).map_err(|cause| refused(&cause)))?;
    Ok(contents)
}

fn draft_of(folder: &Path) -> PathBuf {
    let mut draft = folder.as_os_str().to_owned();
    draft.push(".restoring");
    draft.into()
}

fn put_in_place(folder: &Path) -> io::Result<()> {
    let draft = draft_of(folder);
    if !draft.exists() {
        return Ok(());
    }
    // An empty folder may be there.
    match fs::remove_dir(folder) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    fs::rename(draft, folder)
}

/// The files of a folder, for [`Backups::make`].
///
/// # Errors
/// What the system says.
pub fn files_of(part: &str, folder: &Path) -> io::Result<NamedFiles> {
    let mut names = Vec::new();
    walk(folder, folder, &mut names)?;
    names.sort_unstable();
    Ok(names.into_iter().map(|name| (format!("{part}/{name}"), folder.join(name))).collect())
}

/// Copies a store into an empty one, which may be of the other database. Gives the number of customers. `at` is the time now. An interrupted call is repeated.
///
/// # Errors
/// Why the one cannot be read or the other not filled; when both differ in the end.
pub fn migrate(from: &dyn Store, into: &str, at: Micros, progress: &dyn Fn(u64)) -> anyhow::Result<u64> {
    let target = open_to_import(into, Zone::default())?;
    target.begin_import()?;
    let (mut pending, mut expected) = (Vec::new(), Contents::new());
    let mut customers = 0;
    from.dump(&mut |record| {
        add(&mut expected, &record).map_err(|cause| refused(&cause))?;
        customers += u64::from(record.customer_id().is_some());
        pending.push(record);
        if pending.len() == 500 {
            progress(customers);
            target.import(std::mem::take(&mut pending))?;
        }
        Ok(())
    })?;
    target.import(pending)?;
    anyhow::ensure!(contents(target.as_ref())? == expected, "the copy differs from the store it was made of");
    target.settle_import(at)?;
    target.end_import()?;
    Ok(customers)
}
