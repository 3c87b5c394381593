//! Which files are meant, what they hold, and how their bytes are reached.

mod open;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::progress::Progress;
#[cfg(feature = "objects")]
use super::remote::{self, SCHEMES};
use crate::Error;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
pub(crate) use open::{BOMB_BYTES, BOMB_RATIO, Opened, Packing, read_up_to};
use open::{Entry, Place, Spool};

/// How lines are laid down in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Parquet,
    /// Arrow's own file or stream (Feather 2).
    Arrow,
    /// With the delimiter, if the extension gives it.
    Csv(Option<u8>),
    /// One object a line, an array of objects, or one object after the other.
    Json,
    /// A workbook: xlsx, xls, ods.
    Workbook,
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Arrow => "arrow",
            Format::Csv(_) => "csv",
            Format::Json => "json",
            Format::Workbook => "workbook",
        }
    }
}

/// Bytes that a table in an archive may hold where it cannot be read as a stream.
const ENTRY_BYTES: u64 = 4 << 30;

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
    /// Whether it was met in a folder and neither name nor first bytes say that it is a table: it is read if its
    /// columns are found, and named if not.
    pub(crate) tentative: bool,
}

impl DataFile {
    pub(crate) fn unreadable(&self, reason: io::Error) -> Error {
        Error::Unreadable { path: self.shown.clone(), reason }
    }

    /// Batches in memory, which are read by the rules for files.
    pub(crate) fn of_frame(schema: SchemaRef, batches: Vec<RecordBatch>, shown: &str) -> DataFile {
        let bytes = batches.iter().map(|batch| batch.get_array_memory_size() as u64).sum();
        DataFile {
            place: Place::Frame(schema, batches.into()),
            shown: shown.to_owned(),
            format: Format::Arrow,
            packing: Packing::None,
            bytes,
            version: String::new(),
            tentative: false,
        }
    }

    /// The batches of a frame.
    pub(crate) fn frame(&self) -> Option<(&SchemaRef, &Arc<[RecordBatch]>)> {
        match &self.place {
            Place::Frame(schema, batches) => Some((schema, batches)),
            _ => None,
        }
    }

    /// Its path on this machine; `None` for one in an object store or an archive.
    pub(crate) fn local(&self) -> Option<&Path> {
        match &self.place {
            Place::Here(path) => Some(path),
            _ => None,
        }
    }

    /// Whether a file of this machine is another one than when it was found.
    pub(crate) fn has_changed(&self) -> bool {
        self.local().is_some_and(|path| {
            let now = fs::metadata(path).map(|data| (data.len(), version_of(&data)));
            now.map_or(true, |now| now != (self.bytes, self.version.clone()))
        })
    }

    pub(crate) fn open(&self) -> Result<Opened, Error> {
        self.place.open().map_err(|reason| self.unreadable(reason))
    }

    /// The bytes of the file, unpacked.
    pub(crate) fn unpacked(&self, progress: Option<&Progress>) -> Result<Box<dyn BufRead + Send>, Error> {
        let file = self.place.stream().map_err(|reason| self.unreadable(reason))?;
        let file: Box<dyn Read + Send> = match progress {
            Some(progress) => Box::new(progress.counted(file)),
            None => file,
        };
        self.packing.unpack(file, self.bytes).map_err(|reason| self.unreadable(reason))
    }

    /// The first unpacked bytes, and whether they are all.
    pub(crate) fn start(&self, most: usize) -> Result<(Vec<u8>, bool), Error> {
        let mut start = vec![0; most];
        let read =
            read_up_to(&mut self.unpacked(None)?, &mut start).map_err(|reason| self.unreadable(reason))?;
        start.truncate(read);
        Ok((start, read < most))
    }

    /// Stretches of whole lines from all over a text file, as far as it can be read. A packed file cannot be entered in
    /// its middle and has none.
    pub(crate) fn stretches(&self, count: usize, bytes: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
        let count = if self.packing == Packing::None { count } else { 0 };
        (0..count).filter_map(move |nth| {
            let at = (self.bytes as u128 * nth as u128 / count as u128) as u64;
            let mut input = self.place.open().ok()?;
            let mut stretch = vec![0; bytes];
            input.seek(io::SeekFrom::Start(at)).ok()?;
            let read = read_up_to(&mut input, &mut stretch).ok()?;
            stretch.truncate(read);
            // From the first line that begins here to the last that ends here.
            let begin = stretch.iter().position(|&byte| byte == b'\n')? + 1;
            let end = stretch.iter().rposition(|&byte| byte == b'\n')? + 1;
            Some(stretch[begin..end.max(begin)].to_vec())
        })
    }

    /// Columns given by the path, as in `year=2022/month=01/part-0.parquet`.
    pub(crate) fn partitions(&self) -> Vec<(String, String)> {
        let folders = Path::new(&self.shown).parent().into_iter().flat_map(Path::iter);
        folders
            .filter_map(|part| part.to_str()?.split_once('='))
            .filter(|(name, value)| !name.is_empty() && *value != "__HIVE_DEFAULT_PARTITION__")
            .map(|(name, value)| (name.to_owned(), value.replace("%20", " ").replace("%3A", ":")))
            .collect()
    }
}

/// A text that changes with a file.
fn version_of(metadata: &fs::Metadata) -> String {
    metadata.modified().map(|at| format!("{at:?}")).unwrap_or_default()
}

/// What a name says about a file.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Named {
    format: Option<Format>,
    packing: Packing,
    zip: bool,
}

fn named(path: &Path) -> Named {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
    let (name, packing) = match name.rsplit_once('.') {
        Some((inner, ending)) => match Packing::of_ending(ending) {
            Some(packing) => (inner, packing),
            None => (&*name, Packing::None),
        },
        None => (&*name, Packing::None),
    };
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let format = match ending {
        "parquet" | "pq" => Some(Format::Parquet),
        "arrow" | "arrows" | "feather" | "ipc" => Some(Format::Arrow),
        "csv" => Some(Format::Csv(None)),
        "tsv" | "tab" => Some(Format::Csv(Some(b'\t'))),
        "psv" => Some(Format::Csv(Some(b'|'))),
        "ndjson" | "jsonl" | "json" => Some(Format::Json),
        "xlsx" | "xlsm" | "xlsb" | "xls" | "ods" => Some(Format::Workbook),
        _ => None,
    };
    Named { format, packing, zip: ending == "zip" }
}

/// Whether a file of a folder would be read as data by its name.
fn is_data(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    !hidden(path) && name != crate::guards::outputs::REJECTS && named(path).format.is_some()
}

/// A table that lies in a folder that is to be filled with data: a run over the folder would read both.
#[must_use]
pub fn table_in(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let mut tables: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file() && is_data(path))
        .collect();
    tables.sort();
    tables.into_iter().next()
}

/// Whether a name alone says that a file of an object store is a table.
#[cfg(feature = "objects")]
fn is_table(path: &Path) -> bool {
    named(path).format.is_some()
}

/// What the first bytes say.
#[derive(Debug, PartialEq)]
enum Start {
    Format(Format),
    Packed(Packing),
    Zip,
    /// Something that is known and not read.
    Other(&'static str),
    Text,
    Binary,
}

fn start_of(bytes: &[u8]) -> Start {
    if let Some(packing) = Packing::of_start(bytes) {
        return Start::Packed(packing);
    }
    match bytes {
        [b'P', b'A', b'R', b'1', ..] => Start::Format(Format::Parquet),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Start::Format(Format::Arrow),
        [b'P', b'K', 3, 4, ..] => Start::Zip,
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Start::Format(Format::Workbook),
        [b'F', b'E', b'A', b'1', ..] => {
            Start::Other("Feather 1; write it again with a present version of Arrow")
        }
        [b'O', b'R', b'C', ..] => Start::Other("ORC; convert it to Parquet"),
        [b'S', b'Q', b'L', b'i', b't', b'e', ..] => {
            Start::Other("a SQLite database; export the table as CSV")
        }
        [b'%', b'P', b'D', b'F', ..] => Start::Other("a PDF; export the table as CSV"),
        [b'<', b'?', b'x', b'm', b'l', ..] | [b'<', b'!', ..] | [b'<', b'h', b't', b'm', b'l', ..] => {
            Start::Other("XML or HTML; save it as CSV or .xlsx")
        }
        bytes if super::encoding::is_text(bytes) => Start::Text,
        _ => Start::Binary,
    }
}

/// The format of a text by its first character.
fn text_format(bytes: &[u8]) -> Format {
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    match bytes.trim_ascii_start() {
        [b'{', ..] => Format::Json,
        [b'[', rest @ ..] if matches!(rest.trim_ascii_start(), [b'{', ..] | []) => Format::Json,
        _ => Format::Csv(None),
    }
}

/// The files that were found, and what is beside them and is not read.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub(crate) files: Vec<DataFile>,
    pub(crate) not_read: Vec<String>,
}

/// The files behind paths, globs and folders: as given, those of a folder or glob sorted, each file once.
///
/// `rejects` is a file about to be written: an older one of its kind is not read as data, and data is not
/// overwritten by it.
pub(crate) fn expand(paths: &[String], rejects: Option<&Path>) -> Result<Expanded, Error> {
    let rejects = rejects.and_then(|path| fs::canonicalize(path).ok());
    let mut files = Files { rejects, ..Files::default() };
    for given in paths {
        let before = files.met;
        files.add(given)?;
        if files.met == before {
            return Err(Error::NoFile { path: given.clone() });
        }
    }
    let Files { found, not_read, .. } = files;
    match (found.is_empty(), not_read.first()) {
        (true, Some(path)) => Err(Error::UnknownEnding { path: path.clone() }),
        (true, None) => Err(Error::NoFile { path: paths.join(" ") }),
        _ => Ok(Expanded { files: found, not_read }),
    }
}

#[derive(Default)]
struct Files {
    found: Vec<DataFile>,
    not_read: Vec<String>,
    /// Files met, with those met before.
    met: usize,
    /// The real paths of files and folders, so that a second way to the same file doubles no purchase.
    known: HashSet<PathBuf>,
    rejects: Option<PathBuf>,
}

impl Files {
    fn add(&mut self, given: &str) -> Result<(), Error> {
        let path = Path::new(given);
        let pipe = || path.exists() && !path.is_dir() && fs::metadata(path).is_ok_and(|data| !data.is_file());
        if given == "-" || given == "/dev/stdin" || pipe() {
            return self.add_pipe(given);
        }
        if path.exists() {
            return if path.is_dir() { self.add_folder(path) } else { self.add_file(path, true) };
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
            if path.is_dir() { self.add_folder(&path)? } else { self.add_file(&path, false)? }
        }
        Ok(())
    }

    /// The bytes that another program writes.
    fn add_pipe(&mut self, given: &str) -> Result<(), Error> {
        self.met += 1;
        let shown = if given == "-" { "standard input".to_owned() } else { given.to_owned() };
        let unreadable = |reason| Error::Unreadable { path: shown.clone(), reason };
        let name = if given == "/dev/stdin" { "-" } else { given };
        if !self.known.insert(PathBuf::from(name)) {
            return Ok(());
        }
        let spool = Spool::of_pipe(Path::new(name)).map_err(unreadable)?;
        let (bytes, version) = (spool.len(), spool.version.clone());
        let named = Named { format: None, packing: Packing::None, zip: false };
        self.add_place(Place::Spool(spool), shown, bytes, version, named, true)
    }

    /// The files at an address of an object store or a web server.
    #[cfg(feature = "objects")]
    fn add_address(&mut self, address: &str) -> Result<(), Error> {
        if !SCHEMES.iter().any(|scheme| address.starts_with(scheme)) {
            return Err(Error::Remote { path: address.to_owned() });
        }
        let failed = |cause: io::Error| Error::Store { path: address.to_owned(), reason: cause.to_string() };
        for found in remote::find(address, is_table).map_err(failed)? {
            self.met += 1;
            if !self.known.insert(PathBuf::from(&found.shown)) {
                continue;
            }
            let Named { format: Some(format), packing, .. } = named(Path::new(&found.shown)) else {
                continue;
            };
            let (bytes, version) = (found.remote.len(), found.remote.version());
            if bytes == 0 {
                return Err(Error::EmptyFile { path: found.shown });
            }
            let place = Place::There(found.remote);
            let (shown, tentative) = (found.shown, false);
            self.found.push(DataFile { place, shown, format, packing, bytes, version, tentative });
        }
        Ok(())
    }

    #[cfg(not(feature = "objects"))]
    fn add_address(&mut self, address: &str) -> Result<(), Error> {
        Err(Error::Remote { path: address.to_owned() })
    }

    /// The files below a folder, sorted by name.
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
            } else {
                self.add_file(&path, false)?;
            }
        }
        Ok(())
    }

    /// A file of this machine. `meant`: it was named itself, and not met in a folder.
    fn add_file(&mut self, path: &Path, meant: bool) -> Result<(), Error> {
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
        let metadata = fs::metadata(path).map_err(unreadable)?;
        let version = version_of(&metadata);
        self.add_place(Place::Here(path.to_owned()), shown, metadata.len(), version, named(path), meant)
    }

    /// A file whose bytes can be reached; its first bytes decide what it holds where they differ from its name.
    fn add_place(
        &mut self,
        place: Place,
        shown: String,
        bytes: u64,
        version: String,
        named: Named,
        meant: bool,
    ) -> Result<(), Error> {
        let known = named.format.is_some() || named.zip;
        if bytes == 0 {
            if known || meant {
                return Err(Error::EmptyFile { path: shown });
            }
            self.not_read.push(shown);
            return Ok(());
        }
        let file = DataFile {
            place,
            shown,
            format: named.format.unwrap_or(Format::Csv(None)),
            packing: named.packing,
            bytes,
            version,
            tentative: !known && !meant,
        };
        if named.format == Some(Format::Parquet) && named.packing == Packing::None {
            self.found.push(file);
            return Ok(());
        }
        self.add_by_start(file, named, meant)
    }

    fn add_by_start(&mut self, mut file: DataFile, named: Named, meant: bool) -> Result<(), Error> {
        let mut start = [0; 4096];
        let raw = file.place.stream().and_then(|mut input| read_up_to(&mut input, &mut start));
        let raw = raw.map_err(|reason| file.unreadable(reason))?;
        if file.packing != Packing::Brotli {
            // A name may promise a packing that is not there, or keep quiet about one.
            file.packing = Packing::of_start(&start[..raw]).unwrap_or(match named.packing {
                Packing::None => Packing::None,
                promised => promised,
            });
        }
        let inner = match file.packing {
            Packing::None => start[..raw].to_vec(),
            _ => match file.start(4096) {
                Ok((inner, _)) => inner,
                // Damage is reported when it is read.
                Err(_) if named.format.is_some() => {
                    self.found.push(file);
                    return Ok(());
                }
                Err(error) if meant => return Err(error),
                Err(_) => {
                    self.not_read.push(file.shown);
                    return Ok(());
                }
            },
        };
        let refused =
            |file: DataFile, what: &str| Error::NotATable { path: file.shown, what: what.to_owned() };
        match start_of(&inner) {
            Start::Zip if file.packing == Packing::None => return self.add_zip(file, meant),
            Start::Format(Format::Workbook | Format::Parquet | Format::Arrow) | Start::Zip
                if file.packing != Packing::None =>
            {
                return Err(refused(file, "a packed table that is packed once more; unpack it first"));
            }
            Start::Format(format) => file.format = format,
            Start::Other(what) if meant || named.format.is_some() => return Err(refused(file, what)),
            Start::Text
                if !matches!(named.format, Some(Format::Workbook | Format::Parquet | Format::Arrow)) =>
            {
                // A `.csv` of JSON and a `.json` of CSV are what they hold.
                let told = text_format(&inner);
                file.format = match (named.format, told) {
                    (Some(csv @ Format::Csv(_)), Format::Csv(_)) => csv,
                    (Some(Format::Json), Format::Csv(_)) => Format::Json,
                    _ => told,
                };
            }
            Start::Text | Start::Binary | Start::Other(_) | Start::Packed(_) | Start::Zip => {
                if named.format.is_none() && !meant {
                    self.not_read.push(file.shown);
                    return Ok(());
                }
                if named.format.is_none() {
                    return Err(Error::UnknownEnding { path: file.shown });
                }
            }
        }
        self.found.push(file);
        Ok(())
    }

    /// A workbook, or an archive of tables.
    fn add_zip(&mut self, mut file: DataFile, meant: bool) -> Result<(), Error> {
        let entries = Entry::all(&file.place).map_err(|reason| file.unreadable(reason))?;
        let has = |name: &str| entries.iter().any(|(entry, _)| entry == name);
        if has("xl/workbook.xml") || has("xl/workbook.bin") || has("content.xml") {
            file.format = Format::Workbook;
            self.found.push(file);
            return Ok(());
        }
        let before = self.found.len();
        for (name, entry) in entries {
            let path = PathBuf::from(&name);
            if path.iter().map(Path::new).any(hidden) {
                continue;
            }
            let shown = format!("{}/{name}", file.shown);
            let named = named(&path);
            let unreadable = |reason| Error::Unreadable { path: shown.clone(), reason };
            let bytes = entry.bytes;
            let place = Place::Entry(Arc::new(entry));
            // Tables that are not read from beginning to end need a file of their own.
            let place = if matches!(named.format, Some(Format::Workbook | Format::Parquet | Format::Arrow)) {
                let spool =
                    Spool::of(place.stream().map_err(unreadable)?, ENTRY_BYTES).map_err(unreadable)?;
                Place::Spool(Arc::new(spool))
            } else {
                place
            };
            if named.zip {
                self.not_read.push(shown);
                continue;
            }
            self.add_place(place, shown, bytes, file.version.clone(), named, false)?;
        }
        if self.found.len() == before && meant {
            return Err(Error::NotATable { path: file.shown, what: "an archive without a table".to_owned() });
        }
        Ok(())
    }
}

/// Whether a file or folder is not meant as data: `.git`, `_SUCCESS`, `_delta_log`, `~$orders.xlsx`, `Thumbs.db`.
fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        let junk = name.eq_ignore_ascii_case("thumbs.db") || name.eq_ignore_ascii_case("desktop.ini");
        junk || name.starts_with(['.', '_', '~']) || name.ends_with('~') || name.ends_with(".crc")
    })
}

fn is_rejects_file(path: &Path) -> bool {
    let mut start = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start.starts_with(b"file,row,cause,what_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &Expanded, below: &Path) -> Vec<String> {
        let name =
            |file: &DataFile| Path::new(&file.shown).strip_prefix(below).unwrap().display().to_string();
        files.files.iter().map(name).collect()
    }

    #[test]
    fn the_ending_tells_the_format() {
        let of = |name: &str| named(Path::new(name));
        assert_eq!(of("a.b.PARQUET").format, Some(Format::Parquet));
        assert_eq!(
            (of("a.tsv.gz").format, of("a.tsv.gz").packing),
            (Some(Format::Csv(Some(b'\t'))), Packing::Gzip)
        );
        assert_eq!((of("a.jsonl.xz").format, of("a.jsonl.xz").packing), (Some(Format::Json), Packing::Xz));
        for name in ["a.gz", "csv", "a.docx", ".csv.", "a."] {
            assert_eq!(of(name).format, None, "{name}");
        }
    }

    #[test]
    fn a_folder_is_read_sorted_each_file_once_and_without_what_is_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["b.csv", "a/2.csv", "a/1.ndjson", "_temporary/x.csv", ".x.csv", "_y.csv", "~$b.xlsx"] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), "x").unwrap();
        }
        fs::write(root.join("b.pdf"), "%PDF-1.7").unwrap();
        let given = |name: &str| root.join(name).display().to_string();
        let all = expand(&[given(""), given("b.csv"), given("a")], None).unwrap();
        assert_eq!(names(&all, root), ["a/1.ndjson", "a/2.csv", "b.csv"]);
        assert_eq!(all.not_read, [given("b.pdf")]);
        let globbed = expand(&[given("**/*.csv")], None).unwrap();
        assert_eq!(names(&globbed, root), ["a/2.csv", "b.csv"]);
        assert!(matches!(expand(&[given("*.parquet")], None), Err(Error::NoFile { .. })));
        assert!(matches!(expand(&[given("*.pdf")], None), Err(Error::UnknownEnding { .. })));
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

    #[test]
    fn folders_of_partitions_tell_columns() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("year=2022/channel=web");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("a.csv"), "x").unwrap();
        let files = expand(&[folder.path().display().to_string()], None).unwrap();
        let expected = [("year", "2022"), ("channel", "web")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(files.files[0].partitions(), expected);
    }
}
