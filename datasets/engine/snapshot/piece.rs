//! A file of a snapshot: customers in parts, each with its checksum; with a key each part is encrypted.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use super::{unusable, unwritten};
use crate::encryption::DataKey;
use crate::{Error, History, private, varint};

const MAGIC: [u8; 5] = *b"HSNP\x01";
/// The beginning of a file whose parts are encrypted.
const SEALED: [u8; 5] = *b"HSNP\x02";

/// Bytes of a part, about: what is checked and decoded at once.
const PART: usize = 1 << 20;

/// Bytes of a file, about: what is loaded at once.
const FILE: u64 = 8 << 20;

/// Bytes of a part that a reader believes: one giant's history may be that long.
const LONGEST: u32 = 1 << 31;

/// A file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub name: String,
    /// The first and the last customer.
    pub from: String,
    pub to: String,
    pub bytes: u64,
    /// Over the checksums of the parts.
    pub checksum: u32,
}

/// The position of a customer in the part that is read.
pub(super) struct Place {
    pub id: Box<str>,
    bytes: Range<usize>,
}

pub(super) struct PieceReader<'a> {
    path: PathBuf,
    piece: &'a Piece,
    file: BufReader<File>,
    part: Vec<u8>,
    at: usize,
    checksum: crc32fast::Hasher,
    key: Option<Arc<DataKey>>,
    /// Parts that were read.
    parts: u64,
}

impl<'a> PieceReader<'a> {
    pub fn open(folder: &Path, piece: &'a Piece, key: Option<Arc<DataKey>>) -> Result<Self, Error> {
        let path = folder.join(&piece.name);
        let mut file = File::open(&path).map_err(|cause| unusable(&path, cause))?;
        let bytes = file.metadata().map_err(|cause| unusable(&path, cause))?.len();
        let mut magic = [0; MAGIC.len()];
        let expected = if key.is_some() { SEALED } else { MAGIC };
        let begins = file.read_exact(&mut magic).is_ok() && magic == expected;
        if !begins || bytes != piece.bytes {
            return Err(unusable(&path, format!("it is damaged ({bytes} bytes, expected {})", piece.bytes)));
        }
        let (part, at, checksum) = (Vec::new(), 0, crc32fast::Hasher::new());
        Ok(PieceReader { path, piece, file: BufReader::new(file), part, at, checksum, key, parts: 0 })
    }

    /// The next customer, none at the end.
    pub fn next(&mut self) -> Result<Option<Place>, Error> {
        if self.at == self.part.len() && !self.next_part()? {
            return Ok(None);
        }
        let id = self.text()?;
        let id = std::str::from_utf8(&self.part[id]).map_err(|_| self.damaged())?.into();
        Ok(Some(Place { id, bytes: self.text()? }))
    }

    /// The history of the customer who was read last.
    pub fn bytes(&self, place: &Place) -> &[u8] {
        &self.part[place.bytes.clone()]
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
        if let Some(key) = &self.key {
            let context = context(&self.piece.name, self.parts);
            self.part = key.open(&context, &self.part).ok_or_else(|| self.damaged())?;
        }
        self.parts += 1;
        self.at = 0;
        Ok(true)
    }

    /// The positions of a length and of as many bytes.
    fn text(&mut self) -> Result<Range<usize>, Error> {
        let mut rest = &self.part[self.at..];
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

/// What a part is sealed as: it opens in its own place only.
fn context(name: &str, part: u64) -> Vec<u8> {
    format!("{name} {part}").into_bytes()
}

/// A piece that is written, with its customers and events.
pub(super) type Written = (Piece, (u64, u64));

/// A piece that is being written: its file, what is known of it, the checksum so far, its customers and events, its parts.
type Writing = (BufWriter<File>, Piece, crc32fast::Hasher, (u64, u64), u64);

pub(super) struct PieceWriter {
    folder: PathBuf,
    generation: u64,
    key: Option<Arc<DataKey>>,
    open: Option<Writing>,
    part: Vec<u8>,
    done: Vec<Written>,
    /// The piece before, on its way to the disk while this one is filled.
    syncing: Option<(PathBuf, JoinHandle<io::Result<()>>)>,
}

impl PieceWriter {
    pub fn new(folder: &Path, generation: u64, key: Option<Arc<DataKey>>) -> Self {
        let folder = folder.to_owned();
        PieceWriter { folder, generation, key, open: None, part: Vec::new(), done: Vec::new(), syncing: None }
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn add(&mut self, id: &str, history: &History) -> Result<(), Error> {
        self.put(id, &history.to_bytes(), history.len() as u64)
    }

    pub fn put(&mut self, id: &str, history: &[u8], events: u64) -> Result<(), Error> {
        if self.open.is_none() {
            let name = format!("{:06}-{:05}.histories", self.generation, self.done.len());
            let path = self.folder.join(&name);
            let file = private::options().create(true).truncate(true).write(true).open(&path).and_then(
                |mut file| file.write_all(if self.key.is_some() { &SEALED } else { &MAGIC }).map(|()| file),
            );
            let file = file.map_err(|cause| unwritten(&path, cause))?;
            let bytes = MAGIC.len() as u64;
            let piece = Piece { name, from: id.to_owned(), to: String::new(), bytes, checksum: 0 };
            self.open = Some((BufWriter::new(file), piece, crc32fast::Hasher::new(), (0, 0), 0));
        }
        for bytes in [id.as_bytes(), history] {
            varint::put(&mut self.part, bytes.len() as u64);
            self.part.extend(bytes);
        }
        let mut full = false;
        if let Some((_, piece, _, counts, _)) = &mut self.open {
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
        let Some((file, piece, checksum, _, parts)) = &mut self.open else { return Ok(()) };
        if self.part.is_empty() {
            return Ok(());
        }
        if let Some(key) = &self.key {
            self.part = key.seal(&context(&piece.name, *parts), &self.part)?;
        }
        *parts += 1;
        let sum = crc32fast::hash(&self.part).to_le_bytes();
        let len = (self.part.len() as u32).to_le_bytes();
        let written = file
            .write_all(&len)
            .and_then(|()| file.write_all(&sum))
            .and_then(|()| file.write_all(&self.part));
        written.map_err(|cause| unwritten(&self.folder.join(&piece.name), cause))?;
        checksum.update(&sum);
        piece.bytes += 8 + self.part.len() as u64;
        self.part.clear();
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        self.flush()?;
        let Some((file, mut piece, checksum, counts, _)) = self.open.take() else { return Ok(()) };
        self.wait()?;
        let path = self.folder.join(&piece.name);
        let written = file.into_inner().map_err(io::IntoInnerError::into_error);
        let syncing = written.and_then(|file| {
            std::thread::Builder::new().name("sync".to_owned()).spawn(move || file.sync_all())
        });
        self.syncing = Some((path.clone(), syncing.map_err(|cause| unwritten(&path, cause))?));
        piece.checksum = checksum.finalize();
        self.done.push((piece, counts));
        Ok(())
    }

    /// Waits until the piece before is on the disk.
    fn wait(&mut self) -> Result<(), Error> {
        let Some((path, syncing)) = self.syncing.take() else { return Ok(()) };
        let synced = syncing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        synced.map_err(|cause| unwritten(&path, cause))
    }

    pub fn finish(mut self) -> Result<Vec<Written>, Error> {
        self.close()?;
        self.wait()?;
        Ok(std::mem::take(&mut self.done))
    }
}
