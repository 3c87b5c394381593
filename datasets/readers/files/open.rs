//! Where the bytes of a file are, and how they are read: on this machine, in an archive, in an object store, or from
//! a pipe, whose bytes are kept in a temporary file because they are looked at more than once.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

#[cfg(feature = "objects")]
use super::super::remote::{Remote, RemoteReader};
use crate::encryption::scratch::ScratchFile;

/// Bytes that a buffer of text holds.
pub(super) const BUFFER: usize = 1 << 16;

/// Bytes that packed bytes may become before their packing is held for an attack, and how many times more they are then.
pub(crate) const BOMB_BYTES: u64 = 1 << 30;
pub(crate) const BOMB_RATIO: u64 = 300;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    Zstd,
    Brotli,
    Bzip2,
    Xz,
}

impl Packing {
    /// The packing that the first bytes show. Brotli has no mark of its own.
    pub(super) fn of_start(start: &[u8]) -> Option<Packing> {
        match start {
            [0x1f, 0x8b, ..] => Some(Packing::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Packing::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Packing::Xz),
            _ => None,
        }
    }

    pub(super) fn of_ending(ending: &str) -> Option<Packing> {
        Some(match ending {
            "gz" | "gzip" => Packing::Gzip,
            "zst" | "zstd" => Packing::Zstd,
            "br" => Packing::Brotli,
            "bz2" => Packing::Bzip2,
            "xz" => Packing::Xz,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Packing::None => None,
            Packing::Gzip => Some("gzip"),
            Packing::Zstd => Some("zstd"),
            Packing::Brotli => Some("brotli"),
            Packing::Bzip2 => Some("bzip2"),
            Packing::Xz => Some("xz"),
        }
    }

    /// The bytes that were packed; `bytes` of packed ones.
    pub(super) fn unpack(
        self,
        packed: Box<dyn Read + Send>,
        bytes: u64,
    ) -> io::Result<Box<dyn BufRead + Send>> {
        let inner: Box<dyn Read + Send> = match self {
            Packing::None => return Ok(Box::new(BufReader::with_capacity(BUFFER, packed))),
            Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(packed)),
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(packed)?),
            Packing::Brotli => Box::new(brotli_decompressor::Decompressor::new(packed, BUFFER)),
            Packing::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(packed)),
            Packing::Xz => Box::new(lzma_rust2::XzReader::new(packed, true)),
        };
        Ok(Box::new(BufReader::with_capacity(BUFFER, Bounded::new(inner, bytes))))
    }
}

/// Unpacked bytes, as long as there are not absurdly many of them.
pub(super) struct Bounded<R> {
    inner: R,
    seen: u64,
    most: u64,
}

impl<R: Read> Bounded<R> {
    pub(super) fn new(inner: R, packed: u64) -> Self {
        Bounded { inner, seen: 0, most: packed.saturating_mul(BOMB_RATIO).max(BOMB_BYTES) }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.seen += read as u64;
        if self.seen > self.most {
            return Err(io::Error::other(format!(
                "it unpacks to over {} MiB, {BOMB_RATIO} times its size, and no table does; unpack it and look at it",
                self.most >> 20
            )));
        }
        Ok(read)
    }
}

/// The location of a file.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Here(PathBuf),
    /// In a zip archive.
    Entry(Arc<Entry>),
    /// The bytes of a pipe, or what was taken out of an archive.
    Spool(Arc<Spool>),
    /// In memory, as batches that another program made.
    Frame(SchemaRef, Arc<[RecordBatch]>),
    #[cfg(feature = "objects")]
    There(Arc<Remote>),
}

impl Place {
    pub(super) fn open(&self) -> io::Result<Opened> {
        Ok(match self {
            Place::Here(path) => Opened::Here(File::open(path)?),
            Place::Spool(spool) => Opened::Spool(SpoolReader::new(spool.clone(), 0)),
            // Entries are read as streams only, and a frame has no bytes.
            Place::Entry(_) | Place::Frame(..) => return Err(io::ErrorKind::Unsupported.into()),
            #[cfg(feature = "objects")]
            Place::There(remote) => Opened::There(RemoteReader::new(remote.clone())),
        })
    }

    /// The bytes from the beginning on.
    pub(super) fn stream(&self) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Place::Entry(entry) => entry.open(),
            other => Ok(Box::new(other.open()?)),
        }
    }
}

/// Bytes in a temporary file without a name.
#[derive(Debug)]
pub(crate) struct Spool {
    file: ScratchFile,
    len: u64,
    /// Changes with the bytes.
    pub(super) version: String,
}

impl Spool {
    /// Keeps all bytes of a reader, up to so many.
    pub(super) fn of(input: impl Read, most: u64) -> io::Result<Spool> {
        Self::into(ScratchFile::create(None)?, input, most)
    }

    fn into(mut file: ScratchFile, mut input: impl Read, most: u64) -> io::Result<Spool> {
        let mut checksum = crc32fast::Hasher::new();
        let (mut len, mut buffer) = (0u64, vec![0; BUFFER]);
        loop {
            // Blocks of one size, but for the last: so a reader knows where each begins.
            let read = fill(&mut input, &mut buffer)?;
            if read == 0 {
                break;
            }
            len += read as u64;
            if len > most {
                return Err(io::Error::other(format!("it holds over {} MiB; unpack it first", most >> 20)));
            }
            checksum.update(&buffer[..read]);
            file.push(&buffer[..read])?;
        }
        Ok(Spool { file, len, version: format!("{:08x}", checksum.finalize()) })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes of a pipe. A pipe is read once; who asks again gets what was read then.
    pub(super) fn of_pipe(path: &Path) -> io::Result<Arc<Spool>> {
        static PIPES: Mutex<Option<HashMap<PathBuf, Arc<Spool>>>> = Mutex::new(None);
        let mut pipes = PIPES.lock().unwrap_or_else(PoisonError::into_inner);
        let pipes = pipes.get_or_insert_default();
        if let Some(known) = pipes.get(path) {
            return Ok(known.clone());
        }
        let spool = if path == Path::new("-") {
            Spool::of(io::stdin().lock(), u64::MAX)?
        } else {
            Spool::of(File::open(path)?, u64::MAX)?
        };
        let spool = Arc::new(spool);
        pipes.insert(path.to_owned(), spool.clone());
        Ok(spool)
    }
}

/// Reads until a buffer is full or the input ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Reads a spool from a place of its own, so that many readers do not move each other.
pub(crate) struct SpoolReader {
    spool: Arc<Spool>,
    at: u64,
    /// The block of an encrypted spool that was decrypted last, by its number.
    block: Option<(u64, Vec<u8>)>,
}

impl SpoolReader {
    fn new(spool: Arc<Spool>, at: u64) -> Self {
        SpoolReader { spool, at, block: None }
    }

    /// The decrypted block of the present position, and where in it that is.
    fn block(&mut self) -> io::Result<(&[u8], usize)> {
        let size = BUFFER as u64;
        let nth = self.at / size;
        let bytes = match self.block.take() {
            Some((held, bytes)) if held == nth => bytes,
            _ => {
                let mut bytes = vec![0; (self.spool.len - nth * size).min(size) as usize];
                self.spool.file.read(self.spool.file.position(nth, size), &mut bytes)?;
                bytes
            }
        };
        let (_, bytes) = self.block.insert((nth, bytes));
        Ok((bytes, (self.at % size) as usize))
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.spool.file.read_part(self.at, buffer) {
            Some(read) => read?,
            None if self.at >= self.spool.len => 0,
            None => {
                let (block, from) = self.block()?;
                let read = buffer.len().min(block.len() - from);
                buffer[..read].copy_from_slice(&block[from..from + read]);
                read
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for SpoolReader {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            io::SeekFrom::Start(at) => (0, i64::try_from(at).map_err(|_| io::ErrorKind::InvalidInput)?),
            io::SeekFrom::Current(offset) => (self.at as i64, offset),
            io::SeekFrom::End(offset) => (self.spool.len as i64, offset),
        };
        let at = base.checked_add(offset).and_then(|at| u64::try_from(at).ok());
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// A file in a zip archive.
#[derive(Debug)]
pub(crate) struct Entry {
    archive: Place,
    /// Where its bytes begin, and how many there are.
    start: u64,
    packed: u64,
    deflated: bool,
    pub(super) bytes: u64,
    checksum: u32,
}

impl Entry {
    /// The files of an archive with their names; folders and what programs leave behind are no files.
    pub(super) fn all(archive: &Place) -> io::Result<Vec<(String, Entry)>> {
        let failed = |error: zip::result::ZipError| io::Error::other(error.to_string());
        let mut zip = zip::ZipArchive::new(BufReader::new(archive.open()?)).map_err(failed)?;
        let mut entries = Vec::new();
        for at in 0..zip.len() {
            let file = zip.by_index_raw(at).map_err(failed)?;
            let name = file.name().map_err(failed)?.into_owned();
            if file.is_dir() || name.starts_with("__MACOSX/") {
                continue;
            }
            let deflated = match file.compression() {
                zip::CompressionMethod::Stored => false,
                zip::CompressionMethod::Deflated => true,
                other => {
                    return Err(io::Error::other(format!(
                        "`{name}` in it is packed as {other}; unpack it first"
                    )));
                }
            };
            if file.encrypted() {
                return Err(io::Error::other(format!("`{name}` in it is encrypted; unpack it first")));
            }
            let start = file
                .data_start()
                .ok_or_else(|| io::Error::other(format!("`{name}` in it cannot be found")))?;
            entries.push((
                name,
                Entry {
                    archive: archive.clone(),
                    start,
                    packed: file.compressed_size(),
                    deflated,
                    bytes: file.size(),
                    checksum: file.crc32(),
                },
            ));
        }
        Ok(entries)
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let mut archive = self.archive.open()?;
        archive.seek(io::SeekFrom::Start(self.start))?;
        let packed = archive.take(self.packed);
        let inner: Box<dyn Read + Send> = if self.deflated {
            let packed = BufReader::with_capacity(BUFFER, packed);
            Box::new(Bounded::new(flate2::bufread::DeflateDecoder::new(packed), self.packed))
        } else {
            Box::new(packed)
        };
        Ok(Box::new(Checked { inner, seen: crc32fast::Hasher::new(), expected: self.checksum }))
    }
}

/// Bytes whose checksum is compared when they end.
struct Checked<R> {
    inner: R,
    seen: crc32fast::Hasher,
    expected: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.seen.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && self.seen.clone().finalize() != self.expected {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "its checksum is wrong; the archive is damaged",
            ));
        }
        Ok(read)
    }
}

/// A file that is open, wherever it is.
pub(crate) enum Opened {
    Here(File),
    Spool(SpoolReader),
    #[cfg(feature = "objects")]
    There(RemoteReader),
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Opened::Here(file) => file.read(buffer),
            Opened::Spool(spool) => spool.read(buffer),
            #[cfg(feature = "objects")]
            Opened::There(file) => file.read(buffer),
        }
    }
}

impl Seek for Opened {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        match self {
            Opened::Here(file) => file.seek(to),
            Opened::Spool(spool) => spool.seek(to),
            #[cfg(feature = "objects")]
            Opened::There(file) => file.seek(to),
        }
    }
}

impl Length for Opened {
    fn len(&self) -> u64 {
        match self {
            Opened::Here(file) => Length::len(file),
            Opened::Spool(reader) => reader.spool.len,
            #[cfg(feature = "objects")]
            Opened::There(file) => Length::len(file),
        }
    }
}

impl ChunkReader for Opened {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(match self {
            Opened::Here(file) => Box::new(file.get_read(start)?),
            Opened::Spool(reader) => Box::new(SpoolReader::new(reader.spool.clone(), start)),
            #[cfg(feature = "objects")]
            Opened::There(file) => Box::new(file.get_read(start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        match self {
            Opened::Here(file) => file.get_bytes(start, length),
            Opened::Spool(_) => {
                let mut bytes = Vec::new();
                let mut reader = self.get_read(start)?.take(length as u64);
                reader.read_to_end(&mut bytes).map_err(|cause| ParquetError::External(cause.into()))?;
                if bytes.len() < length {
                    return Err(ParquetError::EOF("the file ends early".to_owned()));
                }
                Ok(bytes.into())
            }
            #[cfg(feature = "objects")]
            Opened::There(file) => file.get_bytes(start, length),
        }
    }
}

/// Reads until the buffer is full or the input ends.
pub(crate) fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match input.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unpacks_to_hundreds_of_times_its_size_is_refused() {
        let unpacked = |bytes: u64, packed: u64| {
            io::copy(&mut Bounded::new(io::repeat(b'0').take(bytes), packed), &mut io::sink())
        };
        assert_eq!(unpacked(BOMB_BYTES, 1).unwrap(), BOMB_BYTES);
        assert!(unpacked(BOMB_BYTES + 1, 1).unwrap_err().to_string().contains("unpacks to over 1024 MiB"));
        assert_eq!(unpacked(BOMB_BYTES + 1, BOMB_BYTES / 100).unwrap(), BOMB_BYTES + 1);
    }

    #[test]
    fn an_encrypted_spool_gives_every_stretch_of_its_bytes() {
        let bytes: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        for encrypted in [false, true] {
            let file = ScratchFile::with(None, encrypted).unwrap();
            let spool = Arc::new(Spool::into(file, &*bytes, u64::MAX).unwrap());
            assert_eq!(spool.len(), bytes.len() as u64);
            let mut reader = SpoolReader::new(spool, 0);
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            assert_eq!(all, bytes);
            let end = bytes.len();
            for (from, len) in [(0, 7), (BUFFER - 3, 9), (5 * BUFFER, BUFFER), (end - 5, 5), (end, 0)] {
                reader.seek(io::SeekFrom::Start(from as u64)).unwrap();
                let mut part = vec![0; len];
                reader.read_exact(&mut part).unwrap();
                assert_eq!(part, bytes[from..from + len]);
            }
            assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
        }
    }
}
