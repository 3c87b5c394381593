//! What can go wrong while reading, in the words of the person who has to fix it.

use std::io;
use std::path::PathBuf;

use crate::calendar::{NoInstant, Zone};
use crate::event::Invalid;

/// Why data cannot be read. Each message says what is wrong, where, and how to fix it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The secret of keyed hashes cannot be used.
    #[error("the secret for keyed hashes cannot be used: {0}")]
    HashKey(String),
    /// A path or glob that matches nothing, or a folder without a file of a known ending.
    #[error("no file matches `{path}`; check the path, or name files that end in {endings}", endings = ENDINGS)]
    NoFile {
        /// The path or glob as given.
        path: String,
    },
    /// A glob that is malformed.
    #[error(
        "`{path}` is not a valid glob: {reason}; put a literal `*`, `?` or `[` in brackets, such as `[*]`"
    )]
    BadGlob {
        /// The glob as given.
        path: String,
        /// What the glob parser says.
        reason: String,
    },
    /// An address that this build cannot reach.
    #[error(
        "cannot read the URL `{path}`: homing reads s3://, gs://, az://, http:// and https://, if built with the feature `objects`; \
         download it and name the local file or folder"
    )]
    Remote {
        /// The address as given.
        path: String,
    },
    /// An object store or web server that does not answer as it should.
    #[error(
        "cannot access `{path}`: {reason}; check the URL and the credentials (environment variables such as AWS_ACCESS_KEY_ID, \
         AWS_REGION, AWS_ENDPOINT)"
    )]
    Store {
        /// The address as given.
        path: String,
        /// What the store says.
        reason: String,
    },
    /// A file that the operating system does not let us read, or whose compression is damaged.
    #[error("cannot read `{path}`: {reason}; check that it exists, is complete and readable")]
    Unreadable {
        /// The file or folder.
        path: String,
        /// What the operating system or the decompressor says.
        reason: io::Error,
    },
    /// A file whose ending tells no format.
    #[error("unknown file type `{path}`; homing reads {endings}", endings = ENDINGS)]
    UnknownEnding {
        /// The file.
        path: String,
    },
    /// A column mapping for a name that homing does not know.
    #[error("unknown column `{name}` in `--columns`; known columns: {known}")]
    UnknownColumn {
        /// The name left of the `=`.
        name: String,
        /// All known names.
        known: String,
    },
    /// A column mapping that gives one column of the file two meanings.
    #[error("`--columns` maps both `{first}` and `{second}` to `{name}`; map each to a different column")]
    DoubleMapping {
        /// The first known name.
        first: &'static str,
        /// The second known name.
        second: &'static str,
        /// The file's column.
        name: String,
    },
    /// Needed columns that the file does not have.
    #[error("`{path}` has no column {}; it has {found}.{recognised} {remedy}", any_of(columns))]
    MissingColumn {
        /// The file.
        path: String,
        /// The known names, all of them.
        columns: Vec<&'static str>,
        /// The columns that are there.
        found: String,
        /// What was understood of the file, as a sentence after a blank, or nothing.
        recognised: String,
        /// What to do, in the file's own names where its values say which column may be meant.
        remedy: String,
    },
    /// A column named in the mapping that the file does not have.
    #[error("`{path}` has no column `{name}` (`--columns {column}={name}`){others}; it has {found}")]
    MissingMapped {
        /// The file.
        path: String,
        /// The known name.
        column: &'static str,
        /// The name in the mapping.
        name: String,
        /// Further ones, after a comma.
        others: String,
        /// The columns that are there.
        found: String,
    },
    /// Tables that hold a purchase together and cannot be joined for certain.
    #[error("a purchase is spread over several files: {what}; {remedy}")]
    SeparateTables {
        /// Which file has what.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A column name that stands twice in a file.
    #[error("`{path}` has two columns named `{name}`; rename or remove one of them")]
    DoubleColumn {
        /// The file.
        path: String,
        /// The name.
        name: String,
    },
    /// A column whose type cannot mean what it should.
    #[error(
        "column `{name}` of `{path}` has type {found}, but {column} needs {wanted}; convert it, or map another \
         column with `--columns {column}=...`"
    )]
    WrongType {
        /// The file.
        path: String,
        /// The known name.
        column: &'static str,
        /// The file's own name of the column.
        name: String,
        /// The type that is there.
        found: String,
        /// The types that would do.
        wanted: &'static str,
    },
    /// A member record whose number two sources have given.
    #[error(
        "record `{record}` is in both `{first}` and `{second}`; make record ids unique, for example by prefixing the source"
    )]
    RecordInTwoSources {
        /// The record.
        record: String,
        /// Where it was read first.
        first: String,
        /// Where it was read again.
        second: String,
    },
    /// A limit of the search for rules that makes no sense.
    #[error("`--{name}` must be {wanted}")]
    BadLimit {
        /// The limit.
        name: &'static str,
        /// What it may be.
        wanted: &'static str,
    },
    /// More frequent sets than fit.
    #[error("more than {limit} frequent item sets; raise `--min-support` or lower `--max-items`")]
    TooManySets {
        /// The limit.
        limit: usize,
    },
    /// A line of a file of rulings that says nothing.
    #[error("`{path}`, line {line}: `{text}` is not a ruling; write `merge,RECORD,RECORD` or `split,RECORD`")]
    BadRuling {
        /// The file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// What is there.
        text: String,
    },
    /// A file in an object store where every machine must find it under one path.
    #[error(
        "`{path}` is in an object store; use a folder that every machine can read, or score it on one machine"
    )]
    NotOnThisMachine {
        /// The file.
        path: String,
    },
    /// NDJSON where columns must be known before a line is read.
    #[error("`{path}` is NDJSON, which has no header; use Parquet or CSV here, or score it on one machine")]
    NoHeader {
        /// The file.
        path: String,
    },
    /// A file without any content.
    #[error("`{path}` is empty; export it again, or leave it out")]
    EmptyFile {
        /// The file.
        path: String,
    },
    /// Files without a single line of data.
    #[error("no rows of data (files read: {files}); export again, with at least one purchase")]
    NoLines {
        /// Number of files.
        files: usize,
    },
    /// Lines of which none can be used.
    #[error(
        "none of the {lines} rows can be used: {without_customer} have no customer and {rejected} were rejected; \
         check which column contains the customer (`--columns customer_id=...`)"
    )]
    NoUsableLine {
        /// Lines of data.
        lines: u64,
        /// Lines without a customer.
        without_customer: u64,
        /// Lines that were rejected.
        rejected: u64,
    },
    /// More lines were rejected than the caller is ready to lose.
    #[error(
        "{rejected} of {lines} rows with a customer ({share:.2} %) were rejected, over the limit of {limit:.2} % (--max-rejects); \
         most of them ({most}) as `{cause}`: {remedy}.{see}",
        share = 100.0 * *rejected as f64 / *lines as f64,
        limit = 100.0 * max_share,
        see = match rejects_file {
            Some(path) => format!(" They are listed in `{}`", path.display()),
            None => " Name a rejects file to list them".to_owned(),
        }
    )]
    TooManyRejects {
        /// Lines that were rejected.
        rejected: u64,
        /// Lines of data that are not without a customer.
        lines: u64,
        /// The limit, as a share in 0..=1.
        max_share: f64,
        /// Code of the commonest cause.
        cause: String,
        /// Lines rejected for it.
        most: u64,
        /// What to do about it.
        remedy: String,
        /// The file that lists them, if one was asked for.
        rejects_file: Option<PathBuf>,
    },
    /// More lines have far-off dates than typing errors explain.
    #[error(
        "{far} of {lines} rows with a customer ({share:.2} %) have dates {beyond}, over the limit of {limit:.2} %; check \
         the date column and the machine's clock, or accept them with --accept far_dates",
        share = 100.0 * *far as f64 / *lines as f64,
        limit = 100.0 * limit
    )]
    FarDates {
        /// Lines with such dates.
        far: u64,
        /// Lines of data that are not without a customer.
        lines: u64,
        /// The limit, as a share in 0..=1.
        limit: f64,
        /// Beyond which dates, in words.
        beyond: String,
    },
    /// Data that are warned of, where no warning is allowed.
    #[error("refused because of --strict: {}; see the warnings above, or leave out --strict", codes.join(", "))]
    Strict {
        /// The codes of the warnings.
        codes: Vec<&'static str>,
    },
    /// An output that is an input, or that the next run would read.
    #[error("`--{flag} {path}` {how} (`{input}`); choose another path", path = path.display())]
    OutputIsInput {
        /// The flag of the output.
        flag: &'static str,
        /// The output.
        path: PathBuf,
        /// The input as given.
        input: String,
        /// How they meet.
        how: &'static str,
    },
    /// Two outputs that are one file.
    #[error("`--{flag}` and `--{other}` both name `{}`; choose different files", path.display())]
    OneOutput {
        /// The flag.
        flag: &'static str,
        /// The flag before it.
        other: String,
        /// The file.
        path: PathBuf,
    },
    /// A file named by a flag that cannot be used.
    #[error("--{flag} {}: {cause}", path.display())]
    InputFile {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A text that is not a date or time.
    #[error(transparent)]
    BadInstant(#[from] NoInstant),
    /// A time zone that is not the model's.
    #[error(
        "`--timezone {given}` is not the time zone of the model ({model}), in which it counts days; leave it out, or fit a model \
         with `homing-train fit --timezone {given}`"
    )]
    OtherZone {
        /// The zone that was asked for.
        given: Zone,
        /// The zone of the model.
        model: Zone,
    },
    /// A limit of rejects that is no share.
    #[error("`--max-rejects {0}`: write a share from 0 to 1, such as 0.01")]
    BadRejectShare(f64),
    /// A rejects file that cannot be written.
    #[error(
        "cannot write the rejects file `{path}`: {reason}; name one in an existing, writable folder with --rejects"
    )]
    RejectsFile {
        /// The file.
        path: String,
        /// What the operating system says.
        reason: io::Error,
    },
    /// A Parquet or Arrow file that is damaged, or none at all.
    #[error(
        "cannot read `{path}` as {format}: {reason}; it may be truncated or damaged, so write or copy it again"
    )]
    Damaged {
        /// The file.
        path: String,
        /// The format that its ending or its first bytes name.
        format: &'static str,
        /// What the reader says.
        reason: String,
    },
    /// A file that does not hold JSON objects.
    #[error(
        "line {line} of `{path}` is not a JSON object: {reason}; write one object per line, or an array of objects"
    )]
    NotNdjson {
        /// The file.
        path: String,
        /// The line, from 1.
        line: u64,
        /// What the JSON parser says.
        reason: String,
    },
    /// A workbook that is damaged.
    #[error("cannot read `{path}` as a workbook: {reason}; open and save it again, or save it as CSV")]
    Workbook {
        /// The file.
        path: String,
        /// What the reader says.
        reason: String,
    },
    /// A file that is something else than a table.
    #[error("`{path}` is {what}")]
    NotATable {
        /// The file.
        path: String,
        /// What it is, and what to do about it.
        what: String,
    },
    /// A name of no encoding.
    #[error("unknown encoding `--encoding {name}`; write utf-8, utf-16le, gbk, latin1, windows-1252, ...")]
    UnknownEncoding {
        /// The name.
        name: String,
    },
    /// A table whose first line is data.
    #[error(
        "`{path}` has no header: its first row is `{line}`. Add a row with column names, or use `--header none` and column numbers, such \
         as `--columns customer_id=1,occurred_at=2,amount=3`"
    )]
    NoHeaderLine {
        /// The file.
        path: String,
        /// The line.
        line: String,
    },
    /// Dates of which nobody can say which figure is the month.
    #[error(
        "the dates of `{path}` ({column}, such as `{example}`) are ambiguous: which number is the day and which the month? \
         Choose with `--dates {orders}`"
    )]
    AmbiguousDates {
        /// The file.
        path: String,
        /// The known name.
        column: &'static str,
        /// A date.
        example: String,
        /// The orders that are possible.
        orders: String,
    },
    /// Dates of which some have the day first and some the month.
    #[error(
        "some dates of `{path}` ({column}) have the day first and others the month; write them all in one form, or read the \
         files separately, each with its own `--dates`"
    )]
    ContradictoryDates {
        /// The file.
        path: String,
        /// The known name.
        column: &'static str,
    },
    /// A quoted field that swallows the lines after it.
    #[error(
        "a quoted field in the record at line {line} of `{path}` spans more than {lines} lines; close the quote there"
    )]
    OpenQuote {
        /// The file.
        path: String,
        /// The line at which the record begins, from 1.
        line: u64,
        /// Lines that a field may hold at most.
        lines: u64,
    },
    /// More than four billion distinct texts in one column family.
    #[error("the data contain over 4 billion distinct texts; read them in parts")]
    TooManyTexts,
    /// A temporary file that cannot be written or read.
    #[error(
        "cannot use the temporary file in `{}`: {reason}; it takes 30 to 60 bytes per row, so free disk space, or \
         name another folder with `--scratch`", folder.display()
    )]
    Scratch {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
    /// A temporary file that does not hold what was written.
    #[error("a temporary file does not contain what was written to it; check the disk, then run again")]
    DamagedScratch,
    /// Keys, or data that are encrypted.
    #[error(transparent)]
    Encryption(#[from] crate::encryption::EncryptionError),
    /// A snapshot of histories that cannot be used.
    #[error("cannot use the snapshot `{}`: {reason}; remove it and build it again from all purchases", path.display())]
    Snapshot {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A snapshot of histories that cannot be written.
    #[error(
        "cannot write the snapshot `{}`: {reason}; the snapshot of the last run is intact: free space or fix the cause, then run \
         the same command again", path.display()
    )]
    SnapshotWrite {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
    /// Histories of a snapshot without the file that names them.
    #[error(
        "the snapshot `{}` has {files} files of histories but no snapshot.json; restore the folder from a backup, or move it away \
         to build the snapshot again from all purchases", path.display()
    )]
    SnapshotIndex {
        /// The folder.
        path: PathBuf,
        /// How many.
        files: usize,
    },
    /// An event that makes no sense.
    #[error("invalid event: {0}")]
    Invalid(#[from] Invalid),
    /// Stored bytes of a history that were changed or cut off.
    #[error("the stored history is damaged: {reason}; restore it, or rebuild it from the purchases")]
    DamagedHistory {
        /// What is wrong with the bytes.
        reason: &'static str,
    },
}

impl Error {
    /// Whether the data are refused: exit code 3 of the programs.
    #[must_use]
    pub fn refuses_data(&self) -> bool {
        matches!(
            self,
            Error::FarDates { .. }
                | Error::Strict { .. }
                | Error::AmbiguousDates { .. }
                | Error::ContradictoryDates { .. }
                | Error::TooManyRejects { .. }
                | Error::NoUsableLine { .. }
                | Error::NoLines { .. }
        )
    }

    /// Whether an argument is invalid: exit code 2 of the programs.
    #[must_use]
    pub fn wrong_use(&self) -> bool {
        matches!(
            self,
            Error::OutputIsInput { .. }
                | Error::OneOutput { .. }
                | Error::OtherZone { .. }
                | Error::InputFile { .. }
                | Error::BadInstant(_)
                | Error::BadRejectShare(_)
                | Error::UnknownColumn { .. }
                | Error::DoubleMapping { .. }
                | Error::UnknownEncoding { .. }
                | Error::NoHeaderLine { .. }
        )
    }
}

/// Names as a sentence lists them: `a`, `b` or `c`.
fn any_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The endings that are read, for messages.
const ENDINGS: &str = ".csv, .tsv, .txt, .json, .ndjson, .xlsx, .xls, .ods, .parquet, .arrow or .zip (text also packed: .gz, .zst, \
     .bz2, .xz, .br)";
