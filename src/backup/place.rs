//! Where backups are: a folder, or an object store.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use homing_datasets::objects::{Objects, is_address};
use homing_datasets::private;

/// A place for files that are written whole or not at all.
pub(super) enum Place {
    Folder(PathBuf),
    Objects(Objects),
}

impl Place {
    /// The place at a path or an address.
    pub fn open(place: &str) -> io::Result<Self> {
        match is_address(place) {
            true => Ok(Place::Objects(Objects::open(place)?)),
            false => Ok(Place::Folder(PathBuf::from(place))),
        }
    }

    /// Keeps other backups out while this one runs. Among machines that share an object store nobody does.
    pub fn lock(&self) -> io::Result<Option<File>> {
        let Place::Folder(folder) = self else { return Ok(None) };
        private::create_folder(folder)?;
        let file = private::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => {
                Err(io::Error::other("another backup into this folder is running; wait for it to end"))
            }
            Err(fs::TryLockError::Error(cause)) => Err(cause),
        }
    }

    /// Names of the files below a folder of the place; files that are being written are left out.
    pub fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        match self {
            Place::Folder(root) => walk(root, &root.join(folder), &mut names)?,
            Place::Objects(objects) => names.extend(objects.list()?.into_iter().map(|object| object.name)),
        }
        let within = format!("{folder}/");
        names.retain(|name| name.starts_with(&within) && !name.ends_with(TEMPORARY));
        names.sort_unstable();
        Ok(names)
    }

    pub fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        match self {
            Place::Folder(folder) => fs::read(folder.join(name)),
            Place::Objects(objects) => objects.get(name),
        }
    }

    pub fn put(&self, name: &str, bytes: Vec<u8>) -> io::Result<()> {
        let folder = match self {
            Place::Objects(objects) => return objects.put(name, bytes),
            Place::Folder(folder) => folder,
        };
        write_whole(&folder.join(name), &bytes)
    }

    pub fn remove(&self, name: &str) -> io::Result<()> {
        match self {
            Place::Folder(folder) => fs::remove_file(folder.join(name)),
            Place::Objects(objects) => objects.remove(name),
        }
    }

    /// Removes what a backup that was killed left half written.
    pub fn sweep(&self) -> io::Result<()> {
        let Place::Folder(folder) = self else { return Ok(()) };
        let mut names = Vec::new();
        walk(folder, folder, &mut names)?;
        names
            .iter()
            .filter(|name| name.ends_with(TEMPORARY))
            .try_for_each(|name| fs::remove_file(folder.join(name)))
    }
}

const TEMPORARY: &str = ".unfinished";

/// Writes a file and the folders above it, synced; the file is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path.parent().unwrap_or_else(|| Path::new("."));
    private::create_folder(parent)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(TEMPORARY);
    let mut file = private::options().create(true).truncate(true).write(true).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(parent)?.sync_all()
}

/// The files below a folder by their names from the root on; none where there is no such folder.
pub(super) fn walk(root: &Path, folder: &Path, names: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk(root, &path, names)?;
            continue;
        }
        let within = path.strip_prefix(root).unwrap_or(&path);
        let name = within.to_str().ok_or_else(|| {
            io::Error::other(format!("the file name {} is not valid UTF-8; rename it", path.display()))
        })?;
        names.push(name.replace(std::path::MAIN_SEPARATOR, "/"));
    }
    Ok(())
}
