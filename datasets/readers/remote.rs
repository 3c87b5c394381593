//! Files in object stores and on web servers, read as if they lay here.
//!
//! A file is read in windows of [`WINDOW`] bytes, of which some are kept, since the columns of a Parquet file are
//! read side by side. Every window is asked for with the version that was there at the beginning, so that a file that
//! is replaced meanwhile is an error, never half of one and half of the other.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::objects::store::{open, runtime, said};

/// Bytes asked for at once.
const WINDOW: u64 = 2 << 20;

/// Windows kept by each reader.
const WINDOWS: usize = 12;

/// The schemes that name an object store or a web server.
pub(super) const SCHEMES: [&str; 9] =
    ["s3://", "s3a://", "gs://", "az://", "adl://", "abfs://", "abfss://", "http://", "https://"];

/// One file in a store.
#[derive(Debug)]
pub(crate) struct Remote {
    store: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
}

/// A file that was found: its address, and what is known of it.
pub(super) struct Found {
    pub(super) shown: String,
    pub(super) remote: Arc<Remote>,
}

impl Remote {
    /// Bytes.
    pub(super) fn len(&self) -> u64 {
        self.meta.size
    }

    /// Changes with the file.
    pub(super) fn version(&self) -> String {
        let tag = self.meta.e_tag.clone().unwrap_or_default();
        format!("{tag} {:?} {:?}", self.meta.version, self.meta.last_modified)
    }

    fn get(&self, range: Range<u64>) -> io::Result<Bytes> {
        let options = GetOptions {
            range: Some(range.clone().into()),
            if_match: self.meta.e_tag.clone(),
            version: self.meta.version.clone(),
            ..GetOptions::default()
        };
        let bytes = runtime()?
            .block_on(async { self.store.get_opts(&self.meta.location, options).await?.bytes().await });
        let bytes = bytes.map_err(said)?;
        if bytes.len() as u64 == range.end - range.start {
            return Ok(bytes);
        }
        Err(io::Error::other("the store handed out fewer bytes than it was asked for"))
    }
}

/// The files at an address: one file, those below a prefix, or those that a glob names; sorted by name.
/// `is_data` says whether a file's ending is one of those that are read.
pub(super) fn find(address: &str, is_data: fn(&FilePath) -> bool) -> io::Result<Vec<Found>> {
    // A wildcard ends what can be asked of the store: the rest is compared here.
    let wild = address.find(['*', '?', '[']).filter(|_| !address.starts_with("http"));
    let asked = match wild {
        Some(at) => &address[..address[..at].rfind('/').map_or(at, |slash| slash + 1)],
        None => address,
    };
    let (store, path) = open(asked)?;
    let root = asked.strip_suffix(path.as_ref()).or_else(|| asked.strip_suffix(&format!("{path}/")));
    let root = root.unwrap_or(asked).trim_end_matches('/').to_owned();
    find_in(store, &path, &root, wild.map(|_| address), is_data)
}

/// The same in a store that is open; `root` precedes the names of its files.
fn find_in(
    store: Arc<dyn ObjectStore>,
    path: &Path,
    root: &str,
    glob: Option<&str>,
    is_data: fn(&FilePath) -> bool,
) -> io::Result<Vec<Found>> {
    let pattern = glob.map(glob::Pattern::new).transpose();
    let pattern = pattern.map_err(|cause| io::Error::new(io::ErrorKind::InvalidInput, cause.msg))?;
    let named = is_data(FilePath::new(path.as_ref())) && pattern.is_none();
    let mut metas: Vec<ObjectMeta> = runtime()?
        .block_on(async {
            if named {
                return store.head(path).await.map(|meta| vec![meta]);
            }
            store.list(Some(path)).try_collect().await
        })
        .or_else(|cause| match cause {
            object_store::Error::NotFound { .. } => Ok(Vec::new()),
            other => Err(said(other)),
        })?;
    metas.sort_by(|a, b| a.location.cmp(&b.location));
    let below = |meta: &ObjectMeta| {
        let inner = meta.location.as_ref().strip_prefix(path.as_ref()).unwrap_or_default().to_owned();
        !inner.split('/').any(|part| part.starts_with(['.', '_'])) && is_data(FilePath::new(&inner))
    };
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::default() };
    let found = metas.into_iter().filter(|meta| named || below(meta)).map(|meta| Found {
        shown: format!("{root}/{}", meta.location),
        remote: Arc::new(Remote { store: store.clone(), meta }),
    });
    Ok(found
        .filter(|found| pattern.as_ref().is_none_or(|pattern| pattern.matches_with(&found.shown, options)))
        .collect())
}

/// A reader of a remote file, with the windows that it keeps.
pub(crate) struct RemoteReader {
    remote: Arc<Remote>,
    at: u64,
    /// Shared by the readers that Parquet takes from this one.
    windows: Arc<std::sync::Mutex<Vec<(u64, Bytes)>>>,
}

impl RemoteReader {
    pub(super) fn new(remote: Arc<Remote>) -> Self {
        RemoteReader { remote, at: 0, windows: Arc::default() }
    }

    /// Bytes from a place on: at least one, at most those of a window.
    fn some(&self, at: u64, wanted: u64) -> io::Result<Bytes> {
        let len = self.remote.len();
        if at >= len {
            return Ok(Bytes::new());
        }
        let mut windows = self.windows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let holds = |(start, bytes): &(u64, Bytes)| (*start..*start + bytes.len() as u64).contains(&at);
        let place = match windows.iter().position(holds) {
            Some(place) => place,
            None => {
                let bytes = self.remote.get(at..len.min(at + wanted.max(WINDOW)))?;
                if windows.len() == WINDOWS {
                    windows.remove(0);
                }
                windows.push((at, bytes));
                windows.len() - 1
            }
        };
        let window = windows.remove(place);
        let bytes = window.1.slice((at - window.0) as usize..);
        // The last used is the last to go.
        windows.push(window);
        Ok(bytes)
    }
}

impl Read for RemoteReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.some(self.at, buffer.len() as u64)?;
        let len = bytes.len().min(buffer.len());
        buffer[..len].copy_from_slice(&bytes[..len]);
        self.at += len as u64;
        Ok(len)
    }
}

impl Seek for RemoteReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(at) => (0, at as i64),
            SeekFrom::Current(offset) => (self.at as i64, offset),
            SeekFrom::End(offset) => (self.remote.len() as i64, offset),
        };
        self.at = u64::try_from(base + offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl Length for RemoteReader {
    fn len(&self) -> u64 {
        self.remote.len()
    }
}

impl ChunkReader for RemoteReader {
    type T = RemoteReader;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(RemoteReader { remote: self.remote.clone(), at: start, windows: self.windows.clone() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let first = self.some(start, length as u64).map_err(|cause| ParquetError::External(cause.into()))?;
        if first.len() >= length {
            return Ok(first.slice(..length));
        }
        let mut all = Vec::with_capacity(length);
        let mut reader = self.get_read(start)?.take(length as u64);
        reader.read_to_end(&mut all).map_err(|cause| ParquetError::External(cause.into()))?;
        if all.len() < length {
            return Err(ParquetError::EOF("the file ends early".to_owned()));
        }
        Ok(all.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    fn store(files: &[(&str, &[u8])]) -> Arc<dyn ObjectStore> {
        let store = InMemory::new();
        for (name, bytes) in files {
            let path = Path::from(*name);
            let put = store.put(&path, bytes.to_vec().into());
            runtime().unwrap().block_on(put).unwrap();
        }
        Arc::new(store)
    }

    fn is_data(path: &FilePath) -> bool {
        path.extension().is_some_and(|ending| ending == "parquet" || ending == "csv")
    }

    #[test]
    fn files_are_found_by_name_prefix_and_glob() {
        let names = ["d/b.csv", "d/a/1.parquet", "d/_tmp/x.csv", "d/.x.csv", "d/README.md", "e/c.csv"];
        let store = store(&names.map(|name| (name, &b"x"[..])));
        let find = |path: &str, glob: Option<&str>| -> Vec<String> {
            let found = find_in(store.clone(), &Path::from(path), "s3://shop", glob, is_data).unwrap();
            found.into_iter().map(|found| found.shown).collect()
        };
        assert_eq!(find("d", None), ["s3://shop/d/a/1.parquet", "s3://shop/d/b.csv"]);
        assert_eq!(find("e/c.csv", None), ["s3://shop/e/c.csv"]);
        assert_eq!(find("d", Some("s3://shop/d/*.csv")), ["s3://shop/d/b.csv"]);
        assert!(find("d/gone.csv", None).is_empty() && find("nothing", None).is_empty());
    }

    #[test]
    fn windows_give_the_bytes_of_the_file_and_a_replaced_file_is_an_error() {
        let bytes: Vec<u8> = (0..5 * WINDOW + 77).map(|at| (at % 251) as u8).collect();
        let store = store(&[("f.parquet", &bytes)]);
        let found = find_in(store.clone(), &Path::from("f.parquet"), "s3://shop", None, is_data).unwrap();
        let mut reader = RemoteReader::new(found[0].remote.clone());
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        assert!(all == bytes);
        for (start, length) in
            [(0, 10), (WINDOW - 3, 9), (7, 3 * WINDOW as usize), (bytes.len() as u64 - 4, 4)]
        {
            let at = start as usize;
            assert!(reader.get_bytes(start, length).unwrap() == bytes[at..at + length]);
        }
        assert!(reader.get_bytes(bytes.len() as u64 - 4, 5).is_err());
        assert_eq!(reader.seek(SeekFrom::End(-1)).unwrap(), bytes.len() as u64 - 1);
        let path = Path::from("f.parquet");
        let put = store.put(&path, vec![0; bytes.len()].into());
        runtime().unwrap().block_on(put).unwrap();
        let replaced = RemoteReader::new(found[0].remote.clone()).read(&mut [0; 9]).unwrap_err().to_string();
        assert!(replaced.contains("changed while it was read"), "{replaced}");
    }
}
