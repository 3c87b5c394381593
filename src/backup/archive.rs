//! The form of a backup: a manifest, and pieces that backups share.
//!
//! ```text
//! PLACE/backups/2026-01-31T02-00-00-123456Z.json   what was backed up, in which pieces; written last
//! PLACE/pieces/3f/3fa9...                   a piece by the SHA-256 of its content, compressed with zstd
//! ```
//!
//! With a master key the manifest and all pieces are encrypted with one data key, which later backups at the place share. The manifest's first line has it, wrapped. A piece is then
//! named by a keyed hash, so that equal content still has one name, but nobody can tell from the name what it is.
//!
//! Records of a store are JSON lines. Where a piece ends depends on the keys of its records, so that a customer who changed changes one piece,
//! and the next backup writes only that.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use homing_datasets::encryption::{DataKey, Lock, MasterKeys, document};
use homing_datasets::erasures::keyed_hash;
use homing_datasets::{Micros, Zone};
use homing_profiles::record::Record;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::place::Place;

/// What the data keys of backups are for.
const PURPOSE: &str = "backup";
/// The version of the form.
const FORMAT: u32 = 1;
const BACKUPS: &str = "backups";
const PIECES: &str = "pieces";
/// Bytes after which a piece ends in any case.
const LARGEST: usize = 8 << 20;
/// Bytes before which it does not.
const SMALLEST: usize = 64 << 10;
/// From there on one record in so many ends a piece.
const ONE_IN: u8 = 64;

/// What a backup holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// The version of homing that made it.
    pub homing: String,
    /// When its store was read (RFC 3339).
    pub made_at: String,
    /// The store, without its password.
    pub store: String,
    /// What tells the store from others.
    pub identity: String,
    /// The store's records, in the order in which they are imported.
    pub sections: Vec<Section>,
    /// Files beside the store.
    pub files: Vec<Filed>,
    /// The key of manifest and pieces; none for a backup that is not encrypted.
    #[serde(skip)]
    lock: Option<Arc<Lock>>,
}

/// Records of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// A table, `customers` or `clock`.
    pub name: String,
    /// How many.
    pub records: u64,
    pieces: Vec<String>,
}

/// A file beside the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filed {
    /// Where it is restored to: `snapshot/...`, `registry/...` or `config/...`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    pieces: Vec<String>,
}

impl Manifest {
    /// Bytes of all files, and records of the store.
    pub fn totals(&self) -> (u64, u64) {
        let bytes = self.files.iter().map(|file| file.bytes).sum();
        (bytes, self.sections.iter().map(|section| section.records).sum())
    }

    /// What it holds: `store`, and those of `snapshot`, `registry` and `config` that have files.
    pub fn parts(&self) -> Vec<&str> {
        let mut parts = vec!["store"];
        for file in &self.files {
            let part = file.path.split('/').next().unwrap_or_default();
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts
    }

    /// Whether it is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.lock.is_some()
    }

    fn key(&self) -> Option<&DataKey> {
        self.lock.as_ref().map(|lock| &*lock.key)
    }

    fn pieces(&self) -> impl Iterator<Item = &String> {
        let of_sections = self.sections.iter().flat_map(|section| &section.pieces);
        of_sections.chain(self.files.iter().flat_map(|file| &file.pieces))
    }
}

fn invalid(detail: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail)
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn place_of(piece: &str) -> String {
    format!("{PIECES}/{}/{piece}", piece.get(..2).unwrap_or("00"))
}

/// A backup that is being written.
pub(super) struct Writer<'a> {
    place: &'a Place,
    /// With which they are encrypted.
    lock: Option<Arc<Lock>>,
    /// Pieces that are at the place already.
    known: HashSet<String>,
    /// Bytes that were written, compressed; those of pieces that were there already do not count.
    pub written: u64,
    open: Vec<u8>,
    sections: Vec<Section>,
}

impl<'a> Writer<'a> {
    pub fn new(place: &'a Place, lock: Option<Arc<Lock>>) -> io::Result<Self> {
        let known = place.list(PIECES)?.into_iter();
        let known = known.filter_map(|name| Some(name.rsplit_once('/')?.1.to_owned())).collect();
        Ok(Writer { place, lock, known, written: 0, open: Vec::new(), sections: Vec::new() })
    }

    fn piece(&mut self, bytes: &[u8]) -> io::Result<String> {
        let key = self.lock.as_ref().map(|lock| &*lock.key);
        let name = name_of_piece(key, bytes);
        if !self.known.contains(&name) || !self.is_whole(&name) {
            let mut packed = zstd::encode_all(bytes, 3)?;
            if let Some(key) = key {
                packed = key.seal(name.as_bytes(), &packed).map_err(io::Error::other)?;
            }
            self.written += packed.len() as u64;
            self.place.put(&place_of(&name), packed)?;
            self.known.insert(name.clone());
        }
        Ok(name)
    }

    /// Whether a piece of an earlier backup is undamaged; else it is written again. In an object store that is left to the store: every piece would
    /// have to be fetched.
    fn is_whole(&self, name: &str) -> bool {
        matches!(self.place, Place::Objects(_))
            || read_piece(self.place, self.lock.as_ref().map(|lock| &*lock.key), name).is_ok()
    }

    fn end_piece(&mut self) -> io::Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.open);
        let name = self.piece(&bytes)?;
        if let Some(section) = self.sections.last_mut() {
            section.pieces.push(name);
        }
        Ok(())
    }

    /// Adds a record; those of a section come one after the other.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        if self.sections.last().is_none_or(|section| section.name != record.section()) {
            self.end_piece()?;
            let name = record.section().to_owned();
            self.sections.push(Section { name, records: 0, pieces: Vec::new() });
        }
        serde_json::to_writer(&mut self.open, record)?;
        self.open.push(b'\n');
        if let Some(section) = self.sections.last_mut() {
            section.records += 1;
        }
        let [first, ..] = keyed_hash(&[0; 32], record.key().as_bytes());
        let full = self.open.len() >= LARGEST;
        if full || (self.open.len() >= SMALLEST && first % ONE_IN == 0) {
            self.end_piece()?;
        }
        Ok(())
    }

    /// Adds a file.
    pub fn file(&mut self, path: String, mut content: impl io::Read) -> io::Result<Filed> {
        let mut file = Filed { path, bytes: 0, pieces: Vec::new() };
        loop {
            let mut piece = Vec::new();
            io::Read::read_to_end(&mut io::Read::take(&mut content, LARGEST as u64), &mut piece)?;
            if piece.is_empty() {
                return Ok(file);
            }
            file.bytes += piece.len() as u64;
            let piece = self.piece(&piece)?;
            file.pieces.push(piece);
        }
    }

    /// Writes the manifest, which makes the backup one. Gives its name.
    pub fn finish(mut self, mut manifest: Manifest, mut at: Micros) -> io::Result<(String, Manifest)> {
        self.end_piece()?;
        manifest.sections = self.sections;
        let taken = names(self.place)?;
        let mut name = name_of(at);
        while taken.contains(&name) {
            at += 1;
            name = name_of(at);
        }
        let text = serde_json::to_vec_pretty(&manifest)?;
        let text = match &self.lock {
            Some(lock) => lock.file(&text).map_err(io::Error::other)?,
            None => text,
        };
        self.place.put(&file_of(&name), text)?;
        manifest.lock = self.lock;
        Ok((name, manifest))
    }
}

/// The name of a backup that is made at an instant. Names are in the order of their instants.
fn name_of(at: Micros) -> String {
    let second = Zone::default().format(at - at.rem_euclid(1_000_000)).replace(':', "-");
    format!("{}-{:06}Z", second.trim_end_matches('Z'), at.rem_euclid(1_000_000))
}

/// A manifest to be filled.
pub(super) fn begin(made_at: String, store: String, identity: String) -> Manifest {
    let homing = env!("CARGO_PKG_VERSION").to_owned();
    Manifest {
        format: FORMAT,
        homing,
        made_at,
        store,
        identity,
        sections: Vec::new(),
        files: Vec::new(),
        lock: None,
    }
}

/// The names of all backups at a place, oldest first.
pub(super) fn names(place: &Place) -> io::Result<Vec<String>> {
    let named =
        |file: String| Some(file.strip_prefix(BACKUPS)?.strip_prefix('/')?.strip_suffix(".json")?.to_owned());
    Ok(place.list(BACKUPS)?.into_iter().filter_map(named).collect())
}

/// Where the manifest of a backup is.
fn file_of(name: &str) -> String {
    format!("{BACKUPS}/{name}.json")
}

fn what(name: &str) -> String {
    format!("the backup {name}")
}

/// The key for a new backup: that of the newest encrypted one at the place, so that both share pieces, or a new one. Without master keys there is none,
/// and no encrypted backup may be there.
pub(super) fn lock(place: &Place, keys: Option<&MasterKeys>) -> io::Result<Option<Arc<Lock>>> {
    // After an encrypted backup there is none that is not.
    let looked_at = if keys.is_some() { usize::MAX } else { 1 };
    for name in names(place)?.iter().rev().take(looked_at) {
        let bytes = place.get(&file_of(name))?;
        if !document::is_encrypted(&bytes) {
            continue;
        }
        let Some(lock) = Lock::of(keys, PURPOSE, &what(name), &bytes).map_err(io::Error::other)? else {
            continue;
        };
        let Some(keys) = keys.filter(|keys| !lock.is_current(keys)) else { return Ok(Some(Arc::new(lock))) };
        return Ok(Some(Arc::new(lock.rewrapped(keys).map_err(io::Error::other)?)));
    }
    let Some(keys) = keys else { return Ok(None) };
    Ok(Some(Arc::new(Lock::new(keys, PURPOSE).map_err(io::Error::other)?)))
}

/// Wraps the keys of all backups with the present master key. Gives how many were another one's until now, and how many are not encrypted.
pub(super) fn replace_master_key(place: &Place, keys: &MasterKeys) -> io::Result<(usize, usize)> {
    let (mut replaced, mut readable) = (0, 0);
    for name in names(place)? {
        let bytes = place.get(&file_of(&name))?;
        readable += usize::from(!document::is_encrypted(&bytes));
        if let Some(turned) =
            document::rewrap(keys, PURPOSE, &what(&name), &bytes).map_err(io::Error::other)?
        {
            place.put(&file_of(&name), turned)?;
            replaced += 1;
        }
    }
    Ok((replaced, readable))
}

/// The manifest of a backup.
pub(super) fn manifest(place: &Place, keys: Option<&MasterKeys>, name: &str) -> io::Result<Manifest> {
    let bytes = place.get(&file_of(name))?;
    let lock = Lock::of(keys, PURPOSE, &what(name), &bytes).map_err(io::Error::other)?;
    let text =
        lock.as_ref().map(|lock| lock.text(&what(name), &bytes)).transpose().map_err(io::Error::other)?;
    let bytes = text.unwrap_or(bytes);
    let other = |cause: serde_json::Error| {
        invalid(format!("the backup {name} is damaged or of a newer version of homing: {cause}"))
    };
    let format = serde_json::from_slice::<serde_json::Value>(&bytes).map_err(other)?["format"].as_u64();
    if format.is_some_and(|format| format > FORMAT.into()) {
        return Err(invalid(format!(
            "the backup {name} was made by a newer version of homing; upgrade homing"
        )));
    }
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(other)?;
    Ok(Manifest { lock: lock.map(Arc::new), ..manifest })
}

const EARLIER: &str = "restore an earlier backup, or make a new one while the store is there";

/// The name of a piece: a hash of its content, keyed where there is a key.
fn name_of_piece(key: Option<&DataKey>, bytes: &[u8]) -> String {
    match key {
        Some(key) => digits(&key.hash(bytes)),
        None => digits(&Sha256::digest(bytes)),
    }
}

fn read_piece(place: &Place, key: Option<&DataKey>, piece: &str) -> io::Result<Vec<u8>> {
    let packed = place.get(&place_of(piece)).map_err(|cause| {
        invalid(format!("the piece {piece} of the backup cannot be read: {cause}; {EARLIER}"))
    })?;
    let damaged = || invalid(format!("the piece {piece} of the backup is damaged; {EARLIER}"));
    let packed = match key {
        Some(key) => key.open(piece.as_bytes(), &packed).ok_or_else(damaged)?,
        None => packed,
    };
    let bytes = zstd::decode_all(&*packed).map_err(|_| damaged())?;
    match name_of_piece(key, &bytes) == piece {
        true => Ok(bytes),
        false => Err(damaged()),
    }
}

/// Hands out the records of a section, piece by piece.
pub(super) fn read_section(
    place: &Place,
    manifest: &Manifest,
    section: &Section,
    mut each: impl FnMut(Vec<Record>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut read = 0;
    for piece in &section.pieces {
        let bytes = read_piece(place, manifest.key(), piece)?;
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let records: Vec<Record> =
            lines.map(serde_json::from_slice).collect::<Result<_, _>>().map_err(|cause| {
                invalid(format!(
                    "the piece {piece} of the backup holds what this version of homing does not know: {cause}"
                ))
            })?;
        read += records.len() as u64;
        each(records)?;
    }
    anyhow::ensure!(
        read == section.records,
        "the backup lacks {} records of {}",
        section.records.abs_diff(read),
        section.name
    );
    Ok(())
}

/// Writes a file of a backup.
pub(super) fn read_file(
    place: &Place,
    manifest: &Manifest,
    file: &Filed,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let mut bytes = 0;
    for piece in &file.pieces {
        let piece = read_piece(place, manifest.key(), piece)?;
        bytes += piece.len() as u64;
        out.write_all(&piece)?;
    }
    match bytes == file.bytes {
        true => Ok(()),
        false => {
            Err(invalid(format!("{} of the backup has {bytes} bytes instead of {}", file.path, file.bytes)))
        }
    }
}

/// Removes all but the newest backups, and then the pieces that none of the rest needs. Gives the names of those that went.
pub(super) fn keep(place: &Place, keys: Option<&MasterKeys>, newest: usize) -> io::Result<Vec<String>> {
    let mut gone = names(place)?;
    let kept = gone.split_off(gone.len().saturating_sub(newest.max(1)));
    // Whatever cannot be read may need any piece: nothing is removed then.
    let needed: HashSet<String> = kept
        .iter()
        .map(|name| manifest(place, keys, name))
        .collect::<io::Result<Vec<_>>>()?
        .iter()
        .flat_map(|manifest| manifest.pieces().map(|piece| place_of(piece)))
        .collect();
    for name in &gone {
        place.remove(&file_of(name))?;
    }
    for piece in place.list(PIECES)?.iter().filter(|piece| !needed.contains(*piece)) {
        place.remove(piece)?;
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_backups_of_one_instant_the_later_one_is_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::open(&folder.path().display().to_string()).unwrap();
        let made = || {
            let manifest = begin(String::new(), String::new(), String::new());
            Writer::new(&place, None).unwrap().finish(manifest, 1_700_000_000_999_999).unwrap().0
        };
        let made = [made(), made(), made()];
        assert_eq!(made[0], "2023-11-14T22-13-20-999999Z");
        assert_eq!(names(&place).unwrap(), made);
        assert_eq!(keep(&place, None, 1).unwrap(), made[..2]);
        assert_eq!(names(&place).unwrap(), made[2..]);
    }
}
