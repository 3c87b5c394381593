//! Which files are meant, what they hold, and how their bytes are reached.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
#[cfg(feature = "objects")]
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::progress::Progress;
#[cfg(feature = "objects")]
use super::remote::{self, Remote, RemoteReader, SCHEMES};
use crate::Error;

/// How lines are laid down in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Parquet,
    /// With the delimiter, if the ending tells it.
    Csv(Option<u8>),
    Ndjson,
}

/// How a text file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    Zstd,
}

/// Where a file lies.
#[derive(Clone, Debug)]
enum Place {
    Here(PathBuf),
    #[cfg(feature = "objects")]
    There(Arc<Remote>),
}

/// A file to read.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    place: Place,
    /// The path as messages show it.
    pub(crate) shown: String,
    pub(crate) format: Format,
    pub(crate) packing: Packing,
    /// Bytes on the disk.
    pub(crate) bytes: u64,
    /// Changes with the file: when it was written last.
    pub(crate) version: String,
}

impl DataFile {
    pub(crate) fn unreadable(&self, reason: io::Error) -> Error {
        Error::Unreadable { path: self.shown.clone(), reason }
    }

    /// Where it lies on this machine; `None` for one in an object store.
    pub(crate) fn local(&self) -> Option<&Path> {
        match &self.place {
            Place::Here(path) => Some(path),
            #[cfg(feature = "objects")]
            Place::There(_) => None,
        }
    }

    pub(crate) fn open(&self) -> Result<Opened, Error> {
        match &self.place {
            Place::Here(path) => File::open(path).map(Opened::Here).map_err(|reason| self.unreadable(reason)),
            #[cfg(feature = "objects")]
            Place::There(remote) => Ok(Opened::There(RemoteReader::new(remote.clone()))),
        }
    }

    /// Stretches of whole lines from all over a text file, or from its beginning where it is packed, as far as it
    /// can be read. The header is not among them.
    pub(crate) fn stretches(&self, count: usize, bytes: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
        let count = if self.packing == Packing::None { count } else { 1 };
        (0..count).filter_map(move |nth| {
            let mut stretch = vec![0; bytes];
            let read = if self.packing == Packing::None {
                let at = (self.bytes as u128 * nth as u128 / count as u128) as u64;
                self.open().and_then(|mut input| {
                    let read = input
                        .seek(io::SeekFrom::Start(at))
                        .and_then(|_| read_up_to(&mut input, &mut stretch));
                    read.map_err(|reason| self.unreadable(reason))
                })
            } else {
                self.text(None).and_then(|mut text| {
                    read_up_to(&mut text, &mut stretch).map_err(|reason| self.unreadable(reason))
                })
            };
            stretch.truncate(read.ok()?);
            // From the first line that begins here to the last that ends here.
            let begin = stretch.iter().position(|&byte| byte == b'\n')? + 1;
            let end = stretch.iter().rposition(|&byte| byte == b'\n')? + 1;
            Some(stretch[begin..end.max(begin)].to_vec())
        })
    }

    /// The text of the file: unpacked, and without a byte order mark.
    pub(crate) fn text(&self, progress: Option<&Progress>) -> Result<Box<dyn BufRead + Send>, Error> {
        let file = self.open()?;
        let file: Box<dyn Read + Send> = match progress {
            Some(progress) => Box::new(progress.counted(file)),
            None => Box::new(file),
        };
        let mut text: Box<dyn BufRead + Send> = match self.packing {
            Packing::None => Box::new(BufReader::with_capacity(1 << 16, file)),
            Packing::Gzip => {
                Box::new(BufReader::with_capacity(1 << 16, flate2::read::MultiGzDecoder::new(file)))
            }
            Packing::Zstd => {
                let decoder =
                    zstd::stream::read::Decoder::new(file).map_err(|reason| self.unreadable(reason))?;
                Box::new(BufReader::with_capacity(1 << 16, decoder))
            }
        };
        // A reader may hand out less than three bytes at once; files do so only when they are shorter.
        let start = text.fill_buf().map_err(|reason| self.unreadable(reason))?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err(Error::NotUtf8 { path: self.shown.clone() });
        }
        if start.starts_with(&[0xef, 0xbb, 0xbf]) {
            text.consume(3);
        }
        Ok(text)
    }
}

/// A file that is open, wherever it lies.
pub(crate) enum Opened {
    Here(File),
    #[cfg(feature = "objects")]
    There(RemoteReader),
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Opened::Here(file) => file.read(buffer),
            #[cfg(feature = "objects")]
            Opened::There(file) => file.read(buffer),
        }
    }
}

impl Seek for Opened {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        match self {
            Opened::Here(file) => file.seek(to),
            #[cfg(feature = "objects")]
            Opened::There(file) => file.seek(to),
        }
    }
}

impl Length for Opened {
    fn len(&self) -> u64 {
        match self {
            Opened::Here(file) => Length::len(file),
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
            #[cfg(feature = "objects")]
            Opened::There(file) => Box::new(file.get_read(start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        match self {
            Opened::Here(file) => file.get_bytes(start, length),
            #[cfg(feature = "objects")]
            Opened::There(file) => file.get_bytes(start, length),
        }
    }
}

/// Reads until the buffer is full or the input ends.
fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
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

/// The format and packing that a file's name tells.
pub(super) fn format_of(path: &Path) -> Option<(Format, Packing)> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let (name, packing) = match name.rsplit_once('.')? {
        (name, "gz") => (name, Packing::Gzip),
        (name, "zst") => (name, Packing::Zstd),
        _ => (name.as_str(), Packing::None),
    };
    let format = match name.rsplit_once('.')?.1 {
        "parquet" | "pq" if packing == Packing::None => Format::Parquet,
        "csv" => Format::Csv(None),
        "tsv" => Format::Csv(Some(b'\t')),
        "ndjson" | "jsonl" | "json" => Format::Ndjson,
        _ => return None,
    };
    Some((format, packing))
}

/// The files behind paths, globs and folders: as given, those of a folder or glob sorted, each file once.
///
/// `rejects` is a file about to be written: an older one of its kind is not read as data, and data is not
/// overwritten by it.
pub(crate) fn expand(paths: &[String], rejects: Option<&Path>) -> Result<Vec<DataFile>, Error> {
    let rejects = rejects.and_then(|path| fs::canonicalize(path).ok());
    let mut files = Files { rejects, ..Files::default() };
    for given in paths {
        let before = files.met;
        files.add(given)?;
        if files.met == before {
            return Err(Error::NoFile { path: given.clone() });
        }
    }
    if files.found.is_empty() {
        return Err(Error::NoFile { path: paths.join(" ") });
    }
    Ok(files.found)
}

#[derive(Default)]
struct Files {
    found: Vec<DataFile>,
    /// Files met, with those met before.
    met: usize,
    /// Where files and folders really lie, so that a second way to the same file doubles no purchase.
    known: HashSet<PathBuf>,
    rejects: Option<PathBuf>,
}

impl Files {
    fn add(&mut self, given: &str) -> Result<(), Error> {
        let path = Path::new(given);
        if path.exists() {
            return if path.is_dir() { self.add_folder(path) } else { self.add_file(path) };
        }
        if given.contains("://") {
            return self.add_address(given);
        }
        let malformed = |error: glob::PatternError| Error::BadGlob {
            path: given.to_owned(),
            reason: error.msg.to_owned(),
        };
        for entry in glob::glob(given).map_err(malformed)? {
            let path = entry.map_err(|error| Error::Unreadable {
                path: error.path().display().to_string(),
                reason: error.into(),
            })?;
            // What the glob names letter by letter is meant, even if it begins with `.` or `_`.
            let named = |part: &Path| Path::new(given).iter().any(|asked| asked == part);
            if path.iter().map(Path::new).any(|part| hidden(part) && !named(part)) {
                continue;
            }
            if path.is_dir() { self.add_folder(&path)? } else { self.add_file(&path)? }
        }
        Ok(())
    }

    /// The files at an address of an object store or a web server.
    #[cfg(feature = "objects")]
    fn add_address(&mut self, address: &str) -> Result<(), Error> {
        if !SCHEMES.iter().any(|scheme| address.starts_with(scheme)) {
            return Err(Error::Remote { path: address.to_owned() });
        }
        let failed = |cause: io::Error| Error::Store { path: address.to_owned(), reason: cause.to_string() };
        for found in remote::find(address, |path| format_of(path).is_some()).map_err(failed)? {
            self.met += 1;
            if !self.known.insert(PathBuf::from(&found.shown)) {
                continue;
            }
            let Some((format, packing)) = format_of(Path::new(&found.shown)) else { continue };
            let (bytes, version) = (found.remote.len(), found.remote.version());
            if bytes == 0 {
                return Err(Error::EmptyFile { path: found.shown });
            }
            let place = Place::There(found.remote);
            self.found.push(DataFile { place, shown: found.shown, format, packing, bytes, version });
        }
        Ok(())
    }

    #[cfg(not(feature = "objects"))]
    fn add_address(&mut self, address: &str) -> Result<(), Error> {
        Err(Error::Remote { path: address.to_owned() })
    }

    /// The files of known endings below a folder, sorted by name.
    fn add_folder(&mut self, folder: &Path) -> Result<(), Error> {
        let unreadable = |reason| Error::Unreadable { path: folder.display().to_string(), reason };
        // A link may lead back to a folder above.
        if !self.known.insert(fs::canonicalize(folder).map_err(unreadable)?) {
            self.met += 1;
            return Ok(());
        }
        let mut entries = fs::read_dir(folder)
            .and_then(|entries| {
                entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()
            })
            .map_err(unreadable)?;
        entries.sort();
        for path in entries.into_iter().filter(|path| !hidden(path)) {
            if path.is_dir() {
                self.add_folder(&path)?;
            } else if format_of(&path).is_some() {
                self.add_file(&path)?;
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path) -> Result<(), Error> {
        self.met += 1;
        let shown = path.display().to_string();
        let unreadable = |reason| Error::Unreadable { path: shown.clone(), reason };
        let place = fs::canonicalize(path).map_err(unreadable)?;
        if self.rejects.as_ref() == Some(&place) {
            return if is_rejects_file(path) {
                self.met -= 1;
                Ok(())
            } else {
                let reason = io::Error::other("it is one of the files to be read");
                Err(Error::RejectsFile { path: shown, reason })
            };
        }
        if !self.known.insert(place) {
            return Ok(());
        }
        let Some((format, packing)) = format_of(path) else {
            return Err(Error::UnknownEnding { path: shown });
        };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        let bytes = metadata.len();
        if bytes == 0 {
            return Err(Error::EmptyFile { path: shown });
        }
        let version = metadata.modified().map(|at| format!("{at:?}")).unwrap_or_default();
        let place = Place::Here(path.to_owned());
        self.found.push(DataFile { place, shown, format, packing, bytes, version });
        Ok(())
    }
}

/// Whether a file or folder is not meant as data: `.git`, `_SUCCESS`, `_delta_log`.
fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']))
}

fn is_rejects_file(path: &Path) -> bool {
    let mut start = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start.starts_with(b"file,row,cause,what_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[DataFile], below: &Path) -> Vec<String> {
        files
            .iter()
            .map(|file| Path::new(&file.shown).strip_prefix(below).unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn the_ending_tells_the_format() {
        let of = |name: &str| format_of(Path::new(name));
        assert_eq!(of("a.b.PARQUET"), Some((Format::Parquet, Packing::None)));
        assert_eq!(of("a.tsv.gz"), Some((Format::Csv(Some(b'\t')), Packing::Gzip)));
        assert_eq!(of("a.jsonl.zst"), Some((Format::Ndjson, Packing::Zstd)));
        for name in ["a.parquet.gz", "a.gz", "csv", "a.xlsx", ".csv.", "a."] {
            assert_eq!(of(name), None, "{name}");
        }
    }

    #[test]
    fn a_folder_is_read_sorted_each_file_once_and_without_what_is_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["b.csv", "a/2.csv", "a/1.ndjson", "_temporary/x.csv", ".x.csv", "_y.csv", "README.md"] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), "x").unwrap();
        }
        let given = |name: &str| root.join(name).display().to_string();
        let all = expand(&[given(""), given("b.csv"), given("a")], None).unwrap();
        assert_eq!(names(&all, root), ["a/1.ndjson", "a/2.csv", "b.csv"]);
        let globbed = expand(&[given("**/*.csv")], None).unwrap();
        assert_eq!(names(&globbed, root), ["a/2.csv", "b.csv"]);
        assert!(matches!(expand(&[given("*.parquet")], None), Err(Error::NoFile { .. })));
        assert!(matches!(expand(&[given("*.md")], None), Err(Error::UnknownEnding { .. })));
        assert!(matches!(expand(&[given("***")], None), Err(Error::BadGlob { .. })));
        assert!(matches!(expand(&["ftp://bucket/x.csv".into()], None), Err(Error::Remote { .. })));
        assert!(matches!(expand(&[], None), Err(Error::NoFile { .. })));
    }

    #[test]
    fn a_rejects_file_is_neither_read_nor_written_over_data() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::write(root.join("data.csv"), "customer_id,occurred_at,amount\n").unwrap();
        fs::write(root.join("rejects.csv"), "file,row,cause,what_to_do,customer_id\n").unwrap();
        let given = [root.display().to_string()];
        let files = expand(&given, Some(&root.join("rejects.csv"))).unwrap();
        assert_eq!(names(&files, root), ["data.csv"]);
        assert!(matches!(expand(&given, Some(&root.join("data.csv"))), Err(Error::RejectsFile { .. })));
    }
}
