//! A snapshot of histories: a folder from which tomorrow's run goes on, so that it need not read all purchases again.
//!
//! ```text
//! DIR/snapshot.json        what it holds, and its files in the order of their customers
//! DIR/GENERATION-NNNNN.histories
//!     "HSNP" version=1 | parts: length (4) crc32 (4) bytes
//!     part: customers: length of the id (varint), id, length of the history (varint), history
//! ```
//!
//! With a master key `snapshot.json` is encrypted, and so is each part of the other files (version 2), with a data key that is new in each generation and stands, wrapped, in
//! the first line of `snapshot.json`.
//!
//! A history is kept in the bytes in which the profile store keeps it. A snapshot is replaced in one step, by renaming
//! `snapshot.json`; files that it does not name are what a killed run left, and the next writer removes them.
//!
//! Today's lines are merged into the snapshot as histories are merged everywhere
//! (`docs/decisions/0005-histories-merge-as-multisets.md`): of each distinct event as many are kept as the side that has
//! more of them. So a file that is given twice, or a
//! week's export given every night, changes nothing the second time.

pub mod keys;
mod ledger;
mod pairs;
mod piece;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::ledger::Ledger;
use self::pairs::Pairs;
use self::piece::{Piece, PieceReader, PieceWriter, Written};
use super::{Customers, Loaded, Shard, Stream};
use crate::encryption::{DataKey, Lock, MasterKeys};
use crate::event::Micros;
use crate::guards::{DailyLines, Window};
use crate::{Erasures, Error, History, Zone, private};

const FORMAT: u32 = 1;

/// What the data keys of snapshots are for.
const PURPOSE: &str = "snapshot";

/// The contents of `snapshot.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    format: u32,
    generation: u64,
    /// The zone in which dates without an offset were read.
    pub zone: String,
    /// The shard whose customers it holds, if not all.
    pub shard: Option<String>,
    /// Customers.
    pub customers: u64,
    /// Events.
    pub events: u64,
    /// Instant of the first event.
    pub first: Option<Micros>,
    /// Instant of the last event.
    pub last: Option<Micros>,
    /// Events of each day: days since 1970-01-01 with their number. A snapshot of before homing counted them has none.
    #[serde(default)]
    days: Vec<(i64, u64)>,
    files: Vec<Piece>,
}

impl Snapshot {
    /// Whether a run with this zone and shard can go on from it; if not, why.
    fn check(&self, zone: Zone, shard: Option<Shard>) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("this version of homing does not support its format {}", self.format));
        }
        let (zone, shard) = (zone.to_string(), shard.map(|shard| shard.to_string()));
        if self.zone != zone || self.shard != shard {
            let of = |shard: &Option<String>| shard.clone().unwrap_or_else(|| "all customers".to_owned());
            let (theirs, ours) = (of(&self.shard), of(&shard));
            return Err(format!(
                "it holds {theirs} in the time zone {}, but this run needs {ours} in {zone}",
                self.zone
            ));
        }
        Ok(())
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Updated {
    /// Customers that are new.
    pub added: u64,
    /// Customers whose history has grown.
    pub changed: u64,
    /// Customers with lines today that added nothing.
    pub unchanged: u64,
    /// Customers who were erased since: their histories are gone from the snapshot.
    pub erased: u64,
    /// Events with far-off dates that an earlier run had taken in: they are gone from the snapshot.
    pub set_aside: u64,
}

/// A folder with a snapshot, held by one writer at a time.
pub struct SnapshotFolder {
    folder: PathBuf,
    _lock: File,
    held: Option<Snapshot>,
    /// The master keys; with them the next snapshot is encrypted.
    keys: Option<Arc<MasterKeys>>,
    /// The data key of the files that are there.
    key: Option<Arc<DataKey>>,
    /// What today's lines cover, and what the clock admits.
    windows: (Window, Window),
}

fn unusable(path: &Path, reason: impl ToString) -> Error {
    Error::Snapshot { path: path.to_owned(), reason: reason.to_string() }
}

/// A file that is there until the first snapshot of a folder is complete: without it, histories that nothing names are not left over from a
/// run that was killed, but all that there is.
const FIRST: &str = "first-run";

/// Begins the first snapshot of a folder.
fn begin(folder: &Path) -> Result<(), Error> {
    let begin = || -> io::Result<usize> {
        let marker = folder.join(FIRST);
        let mut files = 0;
        for entry in fs::read_dir(folder)? {
            files += usize::from(entry?.file_name().to_string_lossy().ends_with(HISTORIES));
        }
        if files > 0 && !marker.exists() {
            return Ok(files);
        }
        private::options().create(true).truncate(false).write(true).open(marker)?.sync_all()?;
        File::open(folder)?.sync_all()?;
        Ok(0)
    };
    let path = folder.to_owned();
    match begin() {
        Ok(0) => Ok(()),
        Ok(files) => Err(Error::SnapshotIndex { path, files }),
        Err(reason) => Err(Error::SnapshotWrite { path, reason }),
    }
}

/// Reads `snapshot.json`, with the data key of the files that it names.
fn index(
    path: &Path,
    bytes: &[u8],
    keys: Option<&MasterKeys>,
) -> Result<(Snapshot, Option<Arc<DataKey>>), Error> {
    let what = format!("the snapshot `{}`", path.display());
    let lock = Lock::of(keys, PURPOSE, &what, bytes)?;
    let text = lock.as_ref().map(|lock| lock.text(&what, bytes)).transpose()?;
    let held = serde_json::from_slice(text.as_deref().unwrap_or(bytes));
    Ok((held.map_err(|cause| unusable(path, cause))?, key_of(lock.as_ref())))
}

fn key_of(lock: Option<&Lock>) -> Option<Arc<DataKey>> {
    lock.map(|lock| lock.key.clone())
}

/// How the names of files of histories end.
const HISTORIES: &str = ".histories";

fn unwritten(path: &Path, reason: io::Error) -> Error {
    Error::SnapshotWrite { path: path.to_owned(), reason }
}

impl SnapshotFolder {
    /// Opens a folder, which is made where there is none, and keeps other writers out.
    ///
    /// # Errors
    /// [`Error::Snapshot`] when another process writes it, it was made with other options, or it cannot be read; [`Error::Encryption`] when it is encrypted.
    pub fn open(folder: &Path, zone: Zone, shard: Option<Shard>) -> Result<Self, Error> {
        Self::open_with(folder, zone, shard, None)
    }

    /// [`SnapshotFolder::open`] with master keys: they open an encrypted snapshot, and one that is not is encrypted by the next update.
    ///
    /// # Errors
    /// Those of [`SnapshotFolder::open`]; [`Error::Encryption`] without the key that the snapshot needs.
    pub fn open_with(
        folder: &Path,
        zone: Zone,
        shard: Option<Shard>,
        keys: Option<Arc<MasterKeys>>,
    ) -> Result<Self, Error> {
        let failed = |cause: io::Error| unusable(folder, cause);
        private::create_folder(folder).map_err(failed)?;
        let lock = private::options().create(true).truncate(false).write(true).open(folder.join("lock"));
        let lock = lock.map_err(failed)?;
        lock.try_lock().map_err(|_| Error::Unreadable {
            path: folder.display().to_string(),
            reason: io::Error::other("another run is using it"),
        })?;
        let path = folder.join("snapshot.json");
        let (held, key) = match fs::read(&path) {
            Ok(bytes) => index(&path, &bytes, keys.as_deref()).map(|(held, key)| (Some(held), key))?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => (None, None),
            Err(cause) => return Err(unusable(&path, cause)),
        };
        if let Some(held) = &held {
            held.check(zone, shard).map_err(|reason| unusable(&path, reason))?;
        }
        if held.is_none() {
            begin(folder)?;
        }
        let folder = Self {
            folder: folder.to_owned(),
            _lock: lock,
            held,
            keys,
            key,
            windows: (Window::until(None), Window::until(None)),
        };
        folder.sweep()?;
        Ok(folder)
    }

    /// What the folder holds.
    #[must_use]
    pub fn held(&self) -> Option<&Snapshot> {
        self.held.as_ref()
    }

    /// The time that the lines of the last update cover, and what the clock admitted then.
    #[must_use]
    pub fn windows(&self) -> (Window, Window) {
        self.windows
    }

    /// How many events each day has. Read from the histories where the snapshot does not say.
    ///
    /// # Errors
    /// [`Error::Snapshot`] for a file that is missing or damaged.
    pub fn days(&self) -> Result<DailyLines, Error> {
        let counted = self.held.iter().flat_map(|held| held.days.iter().copied());
        let mut days = DailyLines::of(counted);
        if self.held.as_ref().is_some_and(|held| held.days.is_empty() && held.events > 0) {
            for piece in self.pieces() {
                self.load(piece)?.each(|_, history| {
                    history.occurred_at.iter().for_each(|&at| days.see(at));
                    Ok::<(), Error>(())
                })?;
            }
        }
        Ok(days)
    }

    /// Removes files that the snapshot does not name.
    fn sweep(&self) -> Result<(), Error> {
        let failed = |cause: io::Error| unusable(&self.folder, cause);
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let named = self.held.iter().flat_map(|held| &held.files).any(|piece| piece.name == name);
            let left = name.ends_with(HISTORIES) || name == "snapshot.json.new";
            let over = name == FIRST && self.held.is_some();
            if (left && !named) || over {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Takes in today's lines and lets go of customers who were erased. The snapshot stays as it is until all of the new
    /// one is on the disk.
    ///
    /// # Errors
    /// [`Error::Snapshot`], and those of the stream; then the folder holds what it held.
    pub fn update(
        &mut self,
        today: &Stream,
        erased: Option<&Erasures>,
        zone: Zone,
        shard: Option<Shard>,
    ) -> Result<Updated, Error> {
        self.windows = (today.window(), today.clock());
        let generation = self.held.as_ref().map_or(1, |held| held.generation + 1);
        let erased = erased.filter(|erased| !erased.hashes.is_empty());
        let mut old = Pairs::of(&self.folder, self.pieces(), self.key.clone(), erased);
        let lock = self.new_lock()?;
        let mut new = PieceWriter::new(&self.folder, generation, key_of(lock.as_ref()));
        let mut updated = Updated::default();
        let mut ledger = Ledger::new(self.days()?, today.window());
        today.for_each_range("snapshot", |range| {
            range.each(|id, history| {
                if erased.is_some_and(|erased| erased.contains(id)) {
                    return Ok(());
                }
                while let Some(kept) = old.next_if(|kept| *kept < *id)? {
                    ledger.keep(&mut new, &kept)?;
                }
                let Some(kept) = old.next_if(|kept| *kept == *id)? else {
                    updated.added += 1;
                    ledger.add(history);
                    return new.add(id, history);
                };
                let mut known = ledger.cured(kept.bytes)?;
                let before = known.len();
                ledger.forget(&known);
                known.merge(history);
                ledger.add(&known);
                if known.len() == before {
                    updated.unchanged += 1;
                    let cured = ledger.heals();
                    return if cured { new.add(id, &known) } else { new.put(id, kept.bytes, before as u64) };
                }
                updated.changed += 1;
                new.add(id, &known)
            })
        })?;
        let to_encrypt = self.keys.is_some() && self.key.is_none();
        let nothing_new = updated.added == 0 && updated.changed == 0 && self.held.is_some() && !to_encrypt;
        if nothing_new && erased.is_none() && !ledger.heals() {
            return Ok(updated);
        }
        while let Some(kept) = old.next_if(|_| true)? {
            ledger.keep(&mut new, &kept)?;
        }
        updated.erased = old.left_out().len() as u64;
        updated.set_aside = ledger.set_aside();
        if nothing_new && updated.erased == 0 && updated.set_aside == 0 {
            // What was written is nowhere named; the next writer sweeps it away.
            drop(new);
            self.sweep()?;
            return Ok(updated);
        }
        let files = new.finish()?;
        old.left_out().iter().for_each(|history| ledger.forget(history));
        let (days, span) = ledger.finish();
        let facts = today.summary();
        let before = self.held.as_ref();
        let first = [before.and_then(|held| held.first), facts.first_instant].into_iter().flatten().min();
        let last = [before.and_then(|held| held.last), facts.last_instant].into_iter().flatten().max();
        let (first, last) = span.map_or((first, last), |(first, last)| (Some(first), Some(last)));
        self.publish(generation, files, (first, last), &days, (zone, shard), lock)?;
        Ok(updated)
    }

    /// Begins to replace all histories, whatever the folder holds, with those given to [`Rewrite::add`].
    ///
    /// # Errors
    /// [`Error::Encryption`] when there are no random bytes for a key.
    pub fn rewrite(&mut self) -> Result<Rewrite<'_>, Error> {
        let generation = self.held.as_ref().map_or(1, |held| held.generation + 1);
        let lock = self.new_lock()?;
        let new = PieceWriter::new(&self.folder, generation, key_of(lock.as_ref()));
        Ok(Rewrite { folder: self, new, lock, last: None, span: None, days: DailyLines::default() })
    }

    /// The key of a new generation, and what its `snapshot.json` is encrypted by; none without a master key.
    fn new_lock(&self) -> Result<Option<Lock>, Error> {
        let Some(keys) = &self.keys else { return Ok(None) };
        Ok(Some(Lock::new(keys, PURPOSE)?))
    }

    /// Names the files of a new snapshot in one step, and lets go of the old ones.
    fn publish(
        &mut self,
        generation: u64,
        files: Vec<Written>,
        (first, last): (Option<Micros>, Option<Micros>),
        days: &DailyLines,
        (zone, shard): (Zone, Option<Shard>),
        lock: Option<Lock>,
    ) -> Result<(), Error> {
        let snapshot = Snapshot {
            format: FORMAT,
            generation,
            zone: zone.to_string(),
            shard: shard.map(|shard| shard.to_string()),
            customers: files.iter().map(|(_, counts)| counts.0).sum(),
            events: files.iter().map(|(_, counts)| counts.1).sum(),
            first,
            last,
            days: days.pairs().collect(),
            files: files.into_iter().map(|(piece, _)| piece).collect(),
        };
        let draft = self.folder.join("snapshot.json.new");
        let publish = || -> io::Result<()> {
            let mut file = private::options().create(true).truncate(true).write(true).open(&draft)?;
            let text = serde_json::to_vec_pretty(&snapshot)?;
            file.write_all(&match &lock {
                Some(lock) => lock.file(&text).map_err(io::Error::other)?,
                None => text,
            })?;
            file.sync_all()?;
            fs::rename(&draft, self.folder.join("snapshot.json"))?;
            File::open(&self.folder)?.sync_all()
        };
        publish().map_err(|reason| unwritten(&draft, reason))?;
        self.held = Some(snapshot);
        self.key = key_of(lock.as_ref());
        self.sweep()
    }

    fn pieces(&self) -> std::slice::Iter<'_, Piece> {
        self.held.as_ref().map_or(&[][..], |held| &held.files).iter()
    }

    /// A text that identifies its contents.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let pieces: Vec<String> = self.pieces().map(|p| format!("{:08x}", p.checksum)).collect();
        pieces.concat()
    }

    /// Hands out the customers file by file, by id ascending, and says how many there were; those whose id does not
    /// sort after `after` are passed over where whole files of them are. While one file is worked on the next is loaded.
    ///
    /// # Errors
    /// [`Error::Snapshot`] for a file that is missing or damaged, and what `each` returns.
    pub fn for_each_range<E: From<Error> + Send>(
        &self,
        after: Option<&str>,
        mut each: impl FnMut(&Customers) -> Result<(), E> + Send,
    ) -> Result<u64, E> {
        let wanted = |piece: &&Piece| after.is_none_or(|after| *piece.to > *after);
        let mut pieces = self.pieces().filter(wanted);
        let mut customers = 0;
        let mut next = pieces.next().map(|piece| self.load(piece));
        while let Some(loaded) = next {
            let loaded = loaded?;
            let ahead = pieces.next();
            let (done, loaded_ahead) = rayon::join(|| each(&loaded), || ahead.map(|piece| self.load(piece)));
            done?;
            customers += loaded.len() as u64;
            next = loaded_ahead;
        }
        Ok(customers)
    }

    fn load(&self, piece: &Piece) -> Result<Customers, Error> {
        let mut all = Vec::new();
        let mut reader = PieceReader::open(&self.folder, piece, self.key.clone())?;
        while let Some(kept) = reader.next()? {
            let history = History::from_bytes(reader.bytes(&kept))?;
            all.push((kept.id, history));
        }
        Ok(Customers(Loaded::Kept(all)))
    }
}

/// A snapshot that is being rewritten. If it is not finished, nothing changes; the next writer removes it.
pub struct Rewrite<'a> {
    folder: &'a mut SnapshotFolder,
    new: PieceWriter,
    lock: Option<Lock>,
    last: Option<String>,
    /// First and last instant so far.
    span: Option<(Micros, Micros)>,
    days: DailyLines,
}

impl Rewrite<'_> {
    /// Adds a customer with the bytes of their history (see [`History::to_bytes`]). Ids come ascending, each once.
    ///
    /// # Errors
    /// [`Error::DamagedHistory`]; [`Error::Snapshot`] when an id does not sort after the one before, or the system refuses.
    pub fn add(&mut self, id: &str, history: &[u8]) -> Result<(), Error> {
        if let Some(last) = self.last.as_deref().filter(|last| *last >= id) {
            return Err(unusable(
                &self.folder.folder,
                format!("`{id}` follows `{last}`, but ids must be in ascending order"),
            ));
        }
        let known = History::from_bytes(history)?;
        for at in [known.first_instant(), known.last_instant()].into_iter().flatten() {
            let (first, last) = self.span.unwrap_or((at, at));
            self.span = Some((first.min(at), last.max(at)));
        }
        known.occurred_at.iter().for_each(|&at| self.days.see(at));
        self.new.put(id, history, known.len() as u64)?;
        id.clone_into(self.last.get_or_insert_default());
        Ok(())
    }

    /// Replaces the old snapshot with the new one.
    ///
    /// # Errors
    /// [`Error::Snapshot`]; then the folder holds what it held.
    pub fn finish(self, zone: Zone, shard: Option<Shard>) -> Result<(), Error> {
        let Rewrite { folder, new, lock, span, days, .. } = self;
        let generation = new.generation();
        let files = new.finish()?;
        folder.publish(generation, files, span.unzip(), &days, (zone, shard), lock)
    }
}
