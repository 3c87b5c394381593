//! Where blocks wait: in memory while they are few, then in a temporary file.
//!
//! The file has no name: it is unlinked the moment it is made (or marked for deletion, where the system cannot do
//! that), so it is gone when the process ends in whatever way, `kill -9` and power cuts included.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::Error;
use crate::encryption::scratch::ScratchFile;

/// Blocks of all buckets.
pub(super) struct Arena {
    folder: PathBuf,
    /// Bytes that may stay in memory.
    room: u64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    held: u64,
    file: Option<ScratchFile>,
}

/// A stretch of bytes that was laid down.
pub(super) struct Block {
    place: Place,
    len: u32,
    checksum: u32,
    /// Lines in it.
    pub(super) rows: u32,
    /// Which of the files that repeat each other the lines come from; 0 for all others.
    pub(super) side: u32,
}

enum Place {
    Memory(Box<[u8]>),
    File(u64),
}

impl Block {
    /// Bytes.
    pub(super) fn len(&self) -> u64 {
        u64::from(self.len)
    }
}

impl Arena {
    pub(super) fn new(folder: &Path, room: u64) -> Self {
        Arena { folder: folder.to_owned(), room, inner: Mutex::default() }
    }

    /// Bytes in the temporary file.
    pub(super) fn on_disk(&self) -> u64 {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.file.as_ref().map_or(0, ScratchFile::len)
    }

    /// Lays down a block.
    ///
    /// # Errors
    /// [`Error::Scratch`] when the folder takes no more.
    pub(super) fn put(&self, bytes: &[u8], rows: u32, side: u32) -> Result<Block, Error> {
        let checksum = crc32fast::hash(bytes);
        let (len, size) = (bytes.len() as u32, bytes.len() as u64);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.held + size <= self.room {
            inner.held += size;
            return Ok(Block { place: Place::Memory(bytes.into()), len, checksum, rows, side });
        }
        let at = inner.write(&self.folder, bytes).map_err(|reason| self.refused(reason))?;
        Ok(Block { place: Place::File(at), len, checksum, rows, side })
    }

    /// The bytes of a block; `buffer` is used where they are on disk.
    ///
    /// # Errors
    /// [`Error::Scratch`] when they cannot be read, [`Error::DamagedScratch`] when they are not what was written.
    pub(super) fn get<'a>(&self, block: &'a Block, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
        match &block.place {
            Place::Memory(bytes) => Ok(bytes),
            Place::File(at) => {
                buffer.resize(block.len as usize, 0);
                let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
                inner.read(*at, buffer).map_err(|reason| match reason.kind() {
                    io::ErrorKind::InvalidData => Error::DamagedScratch,
                    _ => self.refused(reason),
                })?;
                drop(inner);
                if crc32fast::hash(buffer) == block.checksum {
                    Ok(buffer)
                } else {
                    Err(Error::DamagedScratch)
                }
            }
        }
    }

    /// Forgets a block; memory that it held is free for others.
    pub(super) fn release(&self, block: &Block) {
        if let Place::Memory(bytes) = &block.place {
            self.inner.lock().unwrap_or_else(PoisonError::into_inner).held -= bytes.len() as u64;
        }
    }

    fn refused(&self, reason: io::Error) -> Error {
        Error::Scratch { folder: self.folder.clone(), reason }
    }
}

impl Inner {
    fn write(&mut self, folder: &Path, bytes: &[u8]) -> io::Result<u64> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(ScratchFile::create(Some(folder))?),
        };
        file.push(bytes)
    }

    fn read(&self, at: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.file.as_ref().ok_or(io::ErrorKind::NotFound)?.read(at, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_from_memory_and_disk_and_leave_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let arena = Arena::new(folder.path(), 250);
        let blocks: Vec<Block> = (0..10u8).map(|nth| arena.put(&[nth; 100], 1, 0).unwrap()).collect();
        let mut buffer = Vec::new();
        for (nth, block) in blocks.iter().enumerate() {
            assert_eq!(arena.get(block, &mut buffer).unwrap(), [nth as u8; 100]);
        }
        assert_eq!(arena.on_disk(), 800);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
        arena.release(&blocks[0]);
        arena.put(&[7; 100], 1, 0).unwrap();
        assert_eq!(arena.on_disk(), 800, "the room of a released block is used again");
    }

    #[test]
    fn a_changed_byte_is_noticed_and_a_missing_folder_named() {
        let folder = tempfile::tempdir().unwrap();
        let arena = Arena::new(folder.path(), 0);
        let block = arena.put(b"some bytes", 1, 0).unwrap();
        arena.inner.lock().unwrap().file.as_mut().unwrap().overwrite(3, b"x");
        assert!(matches!(arena.get(&block, &mut Vec::new()), Err(Error::DamagedScratch)));
        // An encrypted file notices it by itself.
        let arena = Arena::new(folder.path(), 0);
        arena.inner.lock().unwrap().file = Some(ScratchFile::with(Some(folder.path()), true).unwrap());
        let block = arena.put(b"some bytes", 1, 0).unwrap();
        assert_eq!(arena.get(&block, &mut Vec::new()).unwrap(), b"some bytes");
        arena.inner.lock().unwrap().file.as_mut().unwrap().overwrite(3, b"x");
        assert!(matches!(arena.get(&block, &mut Vec::new()), Err(Error::DamagedScratch)));
        let nowhere = Arena::new(&folder.path().join("nowhere"), 0);
        let refused = nowhere.put(b"x", 1, 0).err().unwrap().to_string();
        assert!(refused.contains("nowhere") && refused.contains("--scratch"), "{refused}");
    }
}
