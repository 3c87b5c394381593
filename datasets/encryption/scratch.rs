//! Temporary files without a name. They are encrypted where the process has a master key, with a random key of their own that is nowhere but in memory.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use ring::aead::{LessSafeKey, NONCE_LEN};

use super::EncryptionError;
use super::data::{cipher, open_at, random, seal_at};

static ENCRYPTED: AtomicBool = AtomicBool::new(false);

/// From now on the temporary files of this process are encrypted.
pub(super) fn encrypt_all() {
    ENCRYPTED.store(true, Ordering::Relaxed);
}

fn failed(cause: EncryptionError) -> io::Error {
    io::Error::other(cause)
}

/// Blocks of bytes, one behind the other.
#[derive(Debug)]
pub(crate) struct ScratchFile {
    file: File,
    cipher: Option<LessSafeKey>,
    /// Bytes in the file.
    end: u64,
}

/// Bytes that encryption adds to a block.
const TAG: usize = 16;

/// A block's nonce is its position, which no other block of the file has.
fn nonce(at: u64) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&at.to_le_bytes());
    nonce
}

impl ScratchFile {
    /// A file in a folder; in the system's folder for temporary files without one.
    pub(crate) fn create(folder: Option<&Path>) -> io::Result<Self> {
        Self::with(folder, ENCRYPTED.load(Ordering::Relaxed))
    }

    /// A file that is encrypted or not.
    pub(crate) fn with(folder: Option<&Path>, encrypted: bool) -> io::Result<Self> {
        let file = match folder {
            Some(folder) => tempfile::tempfile_in(folder)?,
            None => tempfile::tempfile()?,
        };
        let key = || -> Result<LessSafeKey, EncryptionError> {
            let mut key = [0; 32];
            random(&mut key)?;
            cipher(&key)
        };
        let cipher = if encrypted { Some(key().map_err(failed)?) } else { None };
        Ok(ScratchFile { file, cipher, end: 0 })
    }

    /// Bytes in the file.
    pub(crate) fn len(&self) -> u64 {
        self.end
    }

    /// Where the nth of many blocks of one size begins.
    pub(crate) fn position(&self, nth: u64, size: u64) -> u64 {
        nth * (size + if self.cipher.is_some() { TAG as u64 } else { 0 })
    }

    /// Adds a block. Gives its position.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.end;
        // Before it is written: after a failed write no other block may have this position, by which it is encrypted.
        self.end = self.position(1, bytes.len() as u64) + at;
        self.file.seek(SeekFrom::Start(at))?;
        match &self.cipher {
            None => self.file.write_all(bytes)?,
            Some(cipher) => {
                let mut sealed = bytes.to_vec();
                let tag = seal_at(cipher, nonce(at), &[], &mut sealed).map_err(failed)?;
                sealed.extend(tag.as_ref());
                self.file.write_all(&sealed)?;
            }
        }
        Ok(at)
    }

    /// Reads a block of as many bytes as `into` holds.
    pub(crate) fn read(&self, at: u64, into: &mut Vec<u8>) -> io::Result<()> {
        let Some(cipher) = &self.cipher else { return read_at(&self.file, into, at) };
        let len = into.len();
        into.resize(len + TAG, 0);
        read_at(&self.file, into, at)?;
        let opened = open_at(cipher, nonce(at), &[], into);
        into.truncate(len);
        let damaged = "a temporary file does not hold what was written to it; check the disk, then run again";
        opened.map(|_| ()).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, damaged))
    }

    /// Damages the file.
    #[cfg(test)]
    pub(crate) fn overwrite(&mut self, at: u64, bytes: &[u8]) {
        self.file.seek(SeekFrom::Start(at)).unwrap();
        self.file.write_all(bytes).unwrap();
    }

    /// Part of a block of a file that is not encrypted: `None` for one that is.
    pub(crate) fn read_part(&self, at: u64, into: &mut [u8]) -> Option<io::Result<usize>> {
        if self.cipher.is_some() {
            return None;
        }
        #[cfg(unix)]
        return Some(std::os::unix::fs::FileExt::read_at(&self.file, into, at));
        #[cfg(windows)]
        return Some(std::os::windows::fs::FileExt::seek_read(&self.file, into, at));
    }
}

/// Fills a buffer from a position on.
fn read_at(file: &File, mut into: &mut [u8], mut at: u64) -> io::Result<()> {
    while !into.is_empty() {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, into, at);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, into, at);
        match read {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                into = &mut into[read..];
                at += read as u64;
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encrypted_file_holds_none_of_the_bytes_and_gives_them_again() {
        let folder = tempfile::tempdir().unwrap();
        for encrypted in [false, true] {
            let mut file = ScratchFile::with(Some(folder.path()), encrypted).unwrap();
            let texts: [&[u8]; 3] = [b"member-17,2024-05-01,12.50", b"", b"member-18,2024-05-02,99.90"];
            let places = texts.map(|text| file.push(text).unwrap());
            for (text, at) in texts.iter().zip(places) {
                let mut read = vec![0; text.len()];
                file.read(at, &mut read).unwrap();
                assert_eq!(read, *text);
            }
            let mut raw = vec![0; file.len() as usize];
            read_at(&file.file, &mut raw, 0).unwrap();
            assert_eq!(raw.windows(6).any(|bytes| bytes == b"member"), !encrypted);
        }
    }
}
