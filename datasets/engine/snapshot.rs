//! A snapshot of histories: a folder from which tomorrow's run goes on, so that it need not read all purchases again.
//!
//! ```text
//! DIR/snapshot.json        what it holds, and its files in the order of their customers
//! DIR/GENERATION-NNNNN.histories
//!     "HSNP" version=1 | parts: length (4) crc32 (4) bytes
//!     part: customers: length of the id (varint), id, length of the history (varint), history
//! ```
//!
//! A history is kept in the bytes in which the profile store keeps it. A snapshot is replaced in one step, by renaming
//! `snapshot.json`; files that it does not name are what a killed run left, and the next writer removes them.
//!
//! Today's lines meet the snapshot as histories meet everywhere (`docs/decisions/0005-histories-merge-as-multisets.md`):
//! of each distinct event as many are kept as the side that has more of them. So a file that is given twice, or a
//! week's export given every night, changes nothing the second time.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use super::{Customers, Loaded, Shard, Stream};
use crate::event::Micros;
use crate::{Erasures, Error, History, Zone, varint};

const MAGIC: [u8; 5] = *b"HSNP\x01";
const FORMAT: u32 = 1;

/// Bytes of a part, about: what is checked and decoded at once.
const PART: usize = 1 << 20;

/// Bytes of a file, about: what is loaded at once.
const FILE: u64 = 8 << 20;

/// Bytes of a part that a reader believes: one giant's history may be that long.
const LONGEST: u32 = 1 << 31;

/// What a snapshot says of itself.
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
    files: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    name: String,
    /// The first and the last customer.
    from: String,
    to: String,
    bytes: u64,
    /// Over the checksums of the parts.
    checksum: u32,
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Updated {
    /// Customers that are new.
    pub added: u64,
    /// Customers whose history has grown.
    pub changed: u64,
    /// Customers with lines today that told nothing new.
    pub unchanged: u64,
    /// Customers who were erased since: their histories are gone from the snapshot.
    pub erased: u64,
}

/// A folder with a snapshot, held by one writer at a time.
pub struct SnapshotFolder {
    folder: PathBuf,
    _lock: File,
    held: Option<Snapshot>,
}

fn unusable(path: &Path, reason: impl ToString) -> Error {
    Error::Snapshot { path: path.to_owned(), reason: reason.to_string() }
}

impl SnapshotFolder {
    /// Opens a folder, which is made where there is none, and keeps other writers out.
    ///
    /// # Errors
    /// [`Error::Snapshot`] when another process writes it, it was made for other wishes, or it cannot be read.
    pub fn open(folder: &Path, zone: Zone, shard: Option<Shard>) -> Result<Self, Error> {
        let failed = |cause: io::Error| unusable(folder, cause);
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock"));
        let lock = lock.map_err(failed)?;
        lock.try_lock().map_err(|_| Error::Unreadable {
            path: folder.display().to_string(),
            reason: io::Error::other("another run is using it"),
        })?;
        let path = folder.join("snapshot.json");
        let held: Option<Snapshot> = match fs::read(&path) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).map_err(|cause| unusable(&path, cause))?),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(unusable(&path, cause)),
        };
        if let Some(held) = &held {
            if held.format != FORMAT {
                return Err(unusable(
                    &path,
                    format!("its format {} is not known to this homing", held.format),
                ));
            }
            let (zone, shard) = (zone.to_string(), shard.map(|shard| shard.to_string()));
            if held.zone != zone || held.shard != shard {
                let of = |shard: &Option<String>| shard.clone().unwrap_or_else(|| "all customers".to_owned());
                let (theirs, ours) = (of(&held.shard), of(&shard));
                return Err(unusable(
                    &path,
                    format!("it is of {theirs} in the zone {}, and asked for is {ours} in {zone}", held.zone),
                ));
            }
        }
        let folder = Self { folder: folder.to_owned(), _lock: lock, held };
        folder.sweep()?;
        Ok(folder)
    }

    /// What the folder holds.
    #[must_use]
    pub fn held(&self) -> Option<&Snapshot> {
        self.held.as_ref()
    }

    /// Removes files that the snapshot does not name.
    fn sweep(&self) -> Result<(), Error> {
        let failed = |cause: io::Error| unusable(&self.folder, cause);
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let named = self.held.iter().flat_map(|held| &held.files).any(|piece| piece.name == name);
            if !named && (name.ends_with(".histories") || name == "snapshot.json.new") {
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
        let generation = self.held.as_ref().map_or(1, |held| held.generation + 1);
        let mut old = Pairs {
            folder: &self.folder,
            pieces: self.pieces(),
            reader: None,
            peeked: None,
            erased: erased.filter(|erased| !erased.hashes.is_empty()),
            left_out: 0,
        };
        let mut new = PieceWriter::new(&self.folder, generation);
        let mut updated = Updated::default();
        today.for_each_range("snapshot", |range| {
            range.each(|id, history| {
                if old.erased.is_some_and(|erased| erased.contains(id)) {
                    return Ok(());
                }
                while let Some(kept) = old.next_if(|kept| *kept < *id)? {
                    new.put(kept.id, kept.bytes, kept.events()?)?;
                }
                let Some(kept) = old.next_if(|kept| *kept == *id)? else {
                    updated.added += 1;
                    return new.add(id, history);
                };
                let mut known = History::from_bytes(kept.bytes)?;
                let before = known.len();
                known.merge(history);
                if known.len() == before {
                    updated.unchanged += 1;
                    return new.put(id, kept.bytes, before as u64);
                }
                updated.changed += 1;
                new.add(id, &known)
            })
        })?;
        let nothing_new = updated.added == 0 && updated.changed == 0 && self.held.is_some();
        if nothing_new && old.erased.is_none() {
            return Ok(updated);
        }
        while let Some(kept) = old.next_if(|_| true)? {
            new.put(kept.id, kept.bytes, kept.events()?)?;
        }
        updated.erased = old.left_out;
        if nothing_new && updated.erased == 0 {
            // What was written is nowhere named; the next writer sweeps it away.
            drop(new);
            self.sweep()?;
            return Ok(updated);
        }
        let files = new.finish()?;
        let facts = today.summary();
        let before = self.held.as_ref();
        let first = [before.and_then(|held| held.first), facts.first_instant].into_iter().flatten().min();
        let last = [before.and_then(|held| held.last), facts.last_instant].into_iter().flatten().max();
        self.publish(generation, files, (first, last), zone, shard)?;
        Ok(updated)
    }

    /// Begins to write all histories anew, whatever the folder holds, from those that [`Rewrite::add`] is given.
    pub fn rewrite(&mut self) -> Rewrite<'_> {
        let new = PieceWriter::new(&self.folder, self.held.as_ref().map_or(1, |held| held.generation + 1));
        Rewrite { folder: self, new, last: None, span: None }
    }

    /// Names the files of a new snapshot in one step, and lets go of the old ones.
    fn publish(
        &mut self,
        generation: u64,
        files: Vec<Written>,
        (first, last): (Option<Micros>, Option<Micros>),
        zone: Zone,
        shard: Option<Shard>,
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
            files: files.into_iter().map(|(piece, _)| piece).collect(),
        };
        let draft = self.folder.join("snapshot.json.new");
        let publish = || -> io::Result<()> {
            let mut file = File::create(&draft)?;
            serde_json::to_writer_pretty(&mut file, &snapshot)?;
            file.sync_all()?;
            fs::rename(&draft, self.folder.join("snapshot.json"))?;
            File::open(&self.folder)?.sync_all()
        };
        publish().map_err(|cause| unusable(&self.folder, cause))?;
        self.held = Some(snapshot);
        self.sweep()
    }

    fn pieces(&self) -> std::slice::Iter<'_, Piece> {
        self.held.as_ref().map_or(&[][..], |held| &held.files).iter()
    }

    /// A text that tells what it holds from anything else that it could hold.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let pieces: Vec<String> = self.pieces().map(|p| format!("{:08x}", p.checksum)).collect();
        pieces.concat()
    }

    /// Hands out the customers file by file, by id ascending, and says how many there were; those whose id does not
    /// sort after `after` are passed over where whole files of them are. While one file is at work the next is loaded.
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
        let mut reader = PieceReader::open(&self.folder, piece)?;
        while let Some(kept) = reader.next()? {
            let kept = reader.kept(&kept);
            all.push((Box::from(kept.id), History::from_bytes(kept.bytes)?));
        }
        Ok(Customers(Loaded::Kept(all)))
    }
}

/// A snapshot that is written anew. What is not finished changes nothing; the next writer sweeps it away.
pub struct Rewrite<'a> {
    folder: &'a mut SnapshotFolder,
    new: PieceWriter,
    last: Option<String>,
    /// First and last instant so far.
    span: Option<(Micros, Micros)>,
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
                format!("`{id}` came after `{last}`, and ids come ascending"),
            ));
        }
        let known = History::from_bytes(history)?;
        for at in [known.first_instant(), known.last_instant()].into_iter().flatten() {
            let (first, last) = self.span.unwrap_or((at, at));
            self.span = Some((first.min(at), last.max(at)));
        }
        self.new.put(id, history, known.len() as u64)?;
        id.clone_into(self.last.get_or_insert_default());
        Ok(())
    }

    /// Puts the new snapshot in the place of the old one.
    ///
    /// # Errors
    /// [`Error::Snapshot`]; then the folder holds what it held.
    pub fn finish(self, zone: Zone, shard: Option<Shard>) -> Result<(), Error> {
        let Rewrite { folder, new, span, .. } = self;
        let generation = new.generation;
        let files = new.finish()?;
        folder.publish(generation, files, span.unzip(), zone, shard)
    }
}

/// A customer as the snapshot has them.
struct Kept<'p> {
    id: &'p str,
    bytes: &'p [u8],
}

impl Kept<'_> {
    fn events(&self) -> Result<u64, Error> {
        History::events_of_bytes(self.bytes)
    }
}

/// Where a customer stands in the part that is read.
struct Place {
    id: Range<usize>,
    bytes: Range<usize>,
}

/// All customers of the old snapshot, one after the other.
struct Pairs<'a> {
    folder: &'a Path,
    pieces: std::slice::Iter<'a, Piece>,
    reader: Option<PieceReader<'a>>,
    peeked: Option<Place>,
    erased: Option<&'a Erasures>,
    /// How many were passed over because they were erased.
    left_out: u64,
}

impl Pairs<'_> {
    /// The next customer, if their id is wanted.
    fn next_if(&mut self, wanted: impl FnOnce(&str) -> bool) -> Result<Option<Kept<'_>>, Error> {
        while self.peeked.is_none() {
            if let Some(reader) = &mut self.reader {
                self.peeked = reader.next()?;
                let gone =
                    |place: &Place| self.erased.is_some_and(|erased| erased.contains(reader.kept(place).id));
                if self.peeked.as_ref().is_some_and(gone) {
                    self.left_out += 1;
                    self.peeked = None;
                    continue;
                }
            }
            if self.peeked.is_none() {
                let Some(piece) = self.pieces.next() else { return Ok(None) };
                self.reader = Some(PieceReader::open(self.folder, piece)?);
            }
        }
        let Some(reader) = &self.reader else { return Ok(None) };
        let place = self.peeked.take_if(|place| wanted(reader.kept(place).id));
        Ok(place.map(|place| reader.kept(&place)))
    }
}

struct PieceReader<'a> {
    path: PathBuf,
    piece: &'a Piece,
    file: BufReader<File>,
    part: Vec<u8>,
    at: usize,
    checksum: crc32fast::Hasher,
}

impl<'a> PieceReader<'a> {
    fn open(folder: &Path, piece: &'a Piece) -> Result<Self, Error> {
        let path = folder.join(&piece.name);
        let mut file = File::open(&path).map_err(|cause| unusable(&path, cause))?;
        let bytes = file.metadata().map_err(|cause| unusable(&path, cause))?.len();
        let mut magic = [0; MAGIC.len()];
        let begins = file.read_exact(&mut magic).is_ok() && magic == MAGIC;
        if !begins || bytes != piece.bytes {
            return Err(unusable(
                &path,
                format!("it is damaged ({bytes} bytes where {} are named)", piece.bytes),
            ));
        }
        let (part, at, checksum) = (Vec::new(), 0, crc32fast::Hasher::new());
        Ok(PieceReader { path, piece, file: BufReader::new(file), part, at, checksum })
    }

    fn next(&mut self) -> Result<Option<Place>, Error> {
        if self.at == self.part.len() && !self.next_part()? {
            return Ok(None);
        }
        let id = self.text()?;
        if std::str::from_utf8(&self.part[id.clone()]).is_err() {
            return Err(self.damaged());
        }
        Ok(Some(Place { id, bytes: self.text()? }))
    }

    /// A customer of the part that is read.
    fn kept(&self, place: &Place) -> Kept<'_> {
        let id = std::str::from_utf8(&self.part[place.id.clone()]).unwrap_or_default();
        Kept { id, bytes: &self.part[place.bytes.clone()] }
    }

    fn next_part(&mut self) -> Result<bool, Error> {
        let mut head = [0; 8];
        match self.file.read_exact(&mut head) {
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                let whole = self.checksum.clone().finalize() == self.piece.checksum;
                return if whole { Ok(false) } else { Err(self.damaged()) };
            }
            Err(cause) => return Err(unusable(&self.path, cause)),
        }
        let [a, b, c, d, checksum @ ..] = head;
        let len = u32::from_le_bytes([a, b, c, d]);
        if u64::from(len) > self.piece.bytes.min(LONGEST.into()) {
            return Err(self.damaged());
        }
        self.part.resize(len as usize, 0);
        self.file.read_exact(&mut self.part).map_err(|_| self.damaged())?;
        if crc32fast::hash(&self.part).to_le_bytes() != checksum {
            return Err(self.damaged());
        }
        self.checksum.update(&checksum);
        self.at = 0;
        Ok(true)
    }

    /// A length and as many bytes: where they stand.
    fn text(&mut self) -> Result<Range<usize>, Error> {
        let mut rest = self.part.get(self.at..).unwrap_or_default();
        let len = varint::take(&mut rest).ok_or_else(|| self.damaged())?;
        let begin = self.part.len() - rest.len();
        let end = begin.checked_add(len as usize).ok_or_else(|| self.damaged())?;
        let place = begin..end;
        self.part.get(place.clone()).ok_or_else(|| self.damaged())?;
        self.at = end;
        Ok(place)
    }

    fn damaged(&self) -> Error {
        unusable(&self.path, "it is damaged")
    }
}

/// A piece that is written, with its customers and events.
type Written = (Piece, (u64, u64));

/// A piece at work: its file, what is known of it, the checksum so far, its customers and events.
type Writing = (BufWriter<File>, Piece, crc32fast::Hasher, (u64, u64));

struct PieceWriter {
    folder: PathBuf,
    generation: u64,
    open: Option<Writing>,
    part: Vec<u8>,
    done: Vec<Written>,
    /// The piece before, on its way to the disk while this one is filled.
    syncing: Option<(PathBuf, JoinHandle<io::Result<()>>)>,
}

impl PieceWriter {
    fn new(folder: &Path, generation: u64) -> Self {
        let folder = folder.to_owned();
        PieceWriter { folder, generation, open: None, part: Vec::new(), done: Vec::new(), syncing: None }
    }

    fn add(&mut self, id: &str, history: &History) -> Result<(), Error> {
        self.put(id, &history.to_bytes(), history.len() as u64)
    }

    fn put(&mut self, id: &str, history: &[u8], events: u64) -> Result<(), Error> {
        if self.open.is_none() {
            let name = format!("{:06}-{:05}.histories", self.generation, self.done.len());
            let path = self.folder.join(&name);
            let file = File::create(&path).and_then(|mut file| file.write_all(&MAGIC).map(|()| file));
            let file = file.map_err(|cause| unusable(&path, cause))?;
            let bytes = MAGIC.len() as u64;
            let piece = Piece { name, from: id.to_owned(), to: String::new(), bytes, checksum: 0 };
            self.open = Some((BufWriter::new(file), piece, crc32fast::Hasher::new(), (0, 0)));
        }
        for bytes in [id.as_bytes(), history] {
            varint::put(&mut self.part, bytes.len() as u64);
            self.part.extend(bytes);
        }
        let mut full = false;
        if let Some((_, piece, _, counts)) = &mut self.open {
            id.clone_into(&mut piece.to);
            counts.0 += 1;
            counts.1 += events;
            full = piece.bytes + self.part.len() as u64 >= FILE;
        }
        if self.part.len() >= PART || full {
            self.flush()?;
        }
        if full { self.close() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let Some((file, piece, checksum, _)) = &mut self.open else { return Ok(()) };
        if self.part.is_empty() {
            return Ok(());
        }
        let sum = crc32fast::hash(&self.part).to_le_bytes();
        let len = (self.part.len() as u32).to_le_bytes();
        let written = file
            .write_all(&len)
            .and_then(|()| file.write_all(&sum))
            .and_then(|()| file.write_all(&self.part));
        written.map_err(|cause| unusable(&self.folder.join(&piece.name), cause))?;
        checksum.update(&sum);
        piece.bytes += 8 + self.part.len() as u64;
        self.part.clear();
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        self.flush()?;
        let Some((file, mut piece, checksum, counts)) = self.open.take() else { return Ok(()) };
        self.wait()?;
        let path = self.folder.join(&piece.name);
        let written = file.into_inner().map_err(io::IntoInnerError::into_error);
        let syncing = written.and_then(|file| {
            std::thread::Builder::new().name("sync".to_owned()).spawn(move || file.sync_all())
        });
        self.syncing = Some((path.clone(), syncing.map_err(|cause| unusable(&path, cause))?));
        piece.checksum = checksum.finalize();
        self.done.push((piece, counts));
        Ok(())
    }

    /// Waits until the piece before is on the disk.
    fn wait(&mut self) -> Result<(), Error> {
        let Some((path, syncing)) = self.syncing.take() else { return Ok(()) };
        let synced = syncing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        synced.map_err(|cause| unusable(&path, cause))
    }

    fn finish(mut self) -> Result<Vec<Written>, Error> {
        self.close()?;
        self.wait()?;
        Ok(std::mem::take(&mut self.done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StreamOptions;
    use crate::testing::{Dice, some_events};
    use crate::{Histories, ReadOptions};

    /// Writes the events as a file of Parquet-less, plain lines and opens a stream of it.
    fn stream(folder: &Path, name: &str, events: &[(String, crate::Event)]) -> Stream {
        let zone = Zone::default();
        let mut text = "customer_id,occurred_at,recorded_at,amount,kind,quantity,product_id\n".to_owned();
        for (id, e) in events {
            let product = e.product.clone().unwrap_or_default();
            let (at, recorded) = (zone.format(e.occurred_at), zone.format(e.recorded_at));
            text +=
                &format!("{id},{at},{recorded},{},{},{},{product}\n", e.amount, e.kind.name(), e.quantity);
        }
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        let options = StreamOptions { read: ReadOptions::default(), ..StreamOptions::default() };
        Stream::open(&[path.display().to_string()], &options).unwrap()
    }

    fn histories(folder: &SnapshotFolder) -> Histories {
        let mut all = Vec::new();
        folder
            .for_each_range(None, |range| {
                all.extend(range.owned());
                Ok::<(), Error>(())
            })
            .unwrap();
        assert!(all.is_sorted_by(|a, b| a.0 < b.0));
        Histories::from_vec(all)
    }

    fn some(dice: &mut Dice, count: usize, customers: u64) -> Vec<(String, crate::Event)> {
        let events = some_events(dice, count).into_iter();
        events.map(|event| (format!("c{:04}", dice.below(customers)), event)).collect()
    }

    #[test]
    fn yesterdays_snapshot_and_todays_lines_make_what_all_lines_make() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("snapshot");
        let mut dice = Dice(4);
        let zone = Zone::default();
        let mut expected = Histories::default();
        for night in 0..4 {
            let lines = some(&mut dice, if night == 0 { 5000 } else { 300 }, 400);
            let today = stream(place.path(), &format!("{night}.csv"), &lines);
            let mut folder = SnapshotFolder::open(&root, zone, None).unwrap();
            let updated = folder.update(&today, None, zone, None).unwrap();
            let (todays, ..) = today.collect(u64::MAX, 0).unwrap();
            let merged = todays.iter().map(|(id, history)| {
                (
                    id.to_owned(),
                    expected.get(id).map_or_else(|| history.clone(), |known| known.merged(history)),
                )
            });
            let mut all: Vec<(String, History)> = merged.collect();
            all.extend(
                expected
                    .iter()
                    .filter(|(id, _)| todays.get(id).is_none())
                    .map(|(id, h)| (id.to_owned(), h.clone())),
            );
            assert_eq!(updated.added as usize, all.len() - expected.len());
            expected = Histories::from_vec(all);
            assert_eq!(histories(&folder), expected, "night {night}");
            let held = folder.held().unwrap();
            assert_eq!((held.customers, held.events), (expected.len() as u64, expected.events()));
            assert_eq!((held.first, held.last), (expected.first_instant(), expected.last_instant()));
            // The same file again changes nothing, not even the snapshot's name.
            let before = held.clone();
            let again = folder.update(&today, None, zone, None).unwrap();
            assert_eq!((again.added, again.changed), (0, 0));
            assert_eq!(folder.held(), Some(&before));
        }
    }

    #[test]
    fn a_snapshot_that_is_written_anew_is_that_of_the_lines() {
        let place = tempfile::tempdir().unwrap();
        let (zone, root) = (Zone::default(), |name: &str| place.path().join(name));
        let today = stream(place.path(), "a.csv", &some(&mut Dice(9), 3000, 200));
        let mut lines = SnapshotFolder::open(&root("lines"), zone, None).unwrap();
        lines.update(&today, None, zone, None).unwrap();
        let mut anew = SnapshotFolder::open(&root("anew"), zone, None).unwrap();
        let mut rewrite = anew.rewrite();
        for (id, history) in histories(&lines).iter() {
            rewrite.add(id, &history.to_bytes()).unwrap();
        }
        assert!(rewrite.add("c0001", &History::default().to_bytes()).is_err(), "ids come ascending");
        assert!(rewrite.add("d", &[1, 2, 3]).is_err());
        rewrite.finish(zone, None).unwrap();
        assert_eq!(anew.held(), lines.held());
        for piece in lines.pieces() {
            let bytes = |root: PathBuf| fs::read(root.join(&piece.name)).unwrap();
            assert!(bytes(root("lines")) == bytes(root("anew")));
        }
        // One that is given up changes nothing.
        let mut given_up = anew.rewrite();
        given_up.add("x", &History::default().to_bytes()).unwrap();
        drop(given_up);
        drop(anew);
        let anew = SnapshotFolder::open(&root("anew"), zone, None).unwrap();
        assert_eq!(anew.held(), lines.held());
    }

    #[test]
    fn who_was_erased_goes_from_the_snapshot_and_does_not_come_back() {
        let place = tempfile::tempdir().unwrap();
        let zone = Zone::default();
        let lines = some(&mut Dice(6), 2000, 50);
        let today = stream(place.path(), "a.csv", &lines);
        let mut folder = SnapshotFolder::open(&place.path().join("snapshot"), zone, None).unwrap();
        folder.update(&today, None, zone, None).unwrap();
        let mut expected = histories(&folder);
        let key = [3; 32];
        let hash = crate::erasures::keyed_hash(&key, b"c0007");
        let erased = Erasures { key, hashes: [hash].into() };
        for (night, gone) in [(1, 1), (2, 0)] {
            // The file of the day still has the customer's lines.
            let updated = folder.update(&today, Some(&erased), zone, None).unwrap();
            assert_eq!((updated.added, updated.changed, updated.erased), (0, 0, gone), "night {night}");
            let all = expected.iter().filter(|(id, _)| *id != "c0007");
            expected = Histories::from_vec(all.map(|(id, h)| (id.to_owned(), h.clone())).collect());
            assert_eq!(histories(&folder), expected);
            assert_eq!(folder.held().unwrap().customers, expected.len() as u64);
            let files = fs::read_dir(&folder.folder).unwrap().count();
            assert_eq!(files, folder.pieces().len() + 2, "nothing is left over");
        }
        assert_eq!(expected.len(), 49);
    }

    #[test]
    fn damage_and_other_wishes_are_refused_and_leftovers_go() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("snapshot");
        let zone = Zone::default();
        let today = stream(place.path(), "a.csv", &some(&mut Dice(4), 2000, 100));
        let mut folder = SnapshotFolder::open(&root, zone, None).unwrap();
        folder.update(&today, None, zone, None).unwrap();
        let twice = SnapshotFolder::open(&root, zone, None).err().unwrap().to_string();
        assert!(twice.contains("another run"), "{twice}");
        drop(folder);
        for (zone, shard) in [("Asia/Shanghai", None), ("UTC", "1/2".parse().ok())] {
            let refused = SnapshotFolder::open(&root, zone.parse().unwrap(), shard).err().unwrap();
            assert!(matches!(refused, Error::Snapshot { .. }), "{refused}");
        }
        fs::write(root.join("000009-00000.histories"), "left by a killed run").unwrap();
        let folder = SnapshotFolder::open(&root, zone, None).unwrap();
        let pieces: Vec<String> = folder.pieces().map(|piece| piece.name.clone()).collect();
        assert_eq!(pieces.len(), 1);
        assert!(!root.join("000009-00000.histories").exists());
        let path = root.join(&pieces[0]);
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 60) {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            fs::write(&path, &changed).unwrap();
            let read = folder.for_each_range(None, |_| Ok::<(), Error>(()));
            assert!(read.is_err(), "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(folder.for_each_range(None, |_| Ok::<(), Error>(())).is_err(), "cut at {at}");
        }
        fs::remove_file(&path).unwrap();
        let gone = folder.for_each_range(None, |_| Ok::<(), Error>(())).unwrap_err().to_string();
        assert!(gone.contains(&pieces[0]) && gone.contains("build it again"), "{gone}");
        fs::write(root.join("snapshot.json"), "{}").unwrap();
        drop(folder);
        assert!(SnapshotFolder::open(&root, zone, None).is_err());
    }
}
