//! What can go wrong while reading, in terms that help to fix it.

use std::io;
use std::path::PathBuf;

use crate::event::Invalid;

/// Why data cannot be taken in. Each message says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The secret of keyed hashes cannot be used.
    #[error("the secret of the hashes cannot be used: {0}")]
    HashKey(String),
    /// A path or glob that matches nothing, or a folder without a file of a known ending.
    #[error("`{path}` matches no file; check the path, or name files that end in {endings}", endings = ENDINGS)]
    NoFile {
        /// The path or glob as given.
        path: String,
    },
    /// A glob that is malformed.
    #[error("`{path}` is no valid glob: {reason}; put a literal `*`, `?` or `[` in brackets, e.g. `[*]`")]
    BadGlob {
        /// The glob as given.
        path: String,
        /// What the glob parser says.
        reason: String,
    },
    /// An address that this build cannot reach.
    #[error(
        "`{path}` is an address that this homing does not read (s3://, gs://, az://, http:// or https://, where it was \
         built with them); fetch it first, then name the local file or folder"
    )]
    Remote {
        /// The address as given.
        path: String,
    },
    /// An object store or web server that does not answer as it should.
    #[error(
        "`{path}` cannot be looked up: {reason}; check the address, and the variables that tell who asks and where \
         (e.g. AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT)"
    )]
    Store {
        /// The address as given.
        path: String,
        /// What the store says.
        reason: String,
    },
    /// A file that the operating system does not let us read, or whose compression is damaged.
    #[error("`{path}` cannot be read: {reason}; check that it exists, is complete, and may be read")]
    Unreadable {
        /// The file or folder.
        path: String,
        /// What the operating system or the decompressor says.
        reason: io::Error,
    },
    /// A file whose extension is not that of a known format.
    #[error("`{path}` has no known ending; homing reads {endings}", endings = ENDINGS)]
    UnknownEnding {
        /// The file.
        path: String,
    },
    /// A column mapping for a name that homing does not know.
    #[error("`{name}` is no column that homing knows; `--columns` takes {known}")]
    UnknownColumn {
        /// The name left of the `=`.
        name: String,
        /// All known names.
        known: String,
    },
    /// A column mapping that gives one column of the file two meanings.
    #[error("`--columns` maps both `{first}` and `{second}` to `{name}`; map each to a column of its own")]
    DoubleMapping {
        /// The first known name.
        first: &'static str,
        /// The second known name.
        second: &'static str,
        /// The file's column.
        name: String,
    },
    /// A needed column that the file does not have.
    #[error(
        "`{path}` has no column `{column}`; it has {found}. Name the right one with `--columns {column}=...`, \
         e.g. `--columns customer_id=member_no`"
    )]
    MissingColumn {
        /// The file.
        path: String,
        /// The known name.
        column: &'static str,
        /// The columns that are there.
        found: String,
    },
    /// A column named in the mapping that the file does not have.
    #[error("`{path}` has no column `{name}`, which `--columns {column}={name}` asks for; it has {found}")]
    MissingMapped {
        /// The file.
        path: String,
        /// The known name.
        column: &'static str,
        /// The name in the mapping.
        name: String,
        /// The columns that are there.
        found: String,
    },
    /// A column name that occurs twice in a file.
    #[error("`{path}` has two columns named `{name}`; rename or drop one of them")]
    DoubleColumn {
        /// The file.
        path: String,
        /// The name.
        name: String,
    },
    /// A column whose type cannot mean what it should.
    #[error(
        "column `{name}` of `{path}` has the type {found}, but {column} needs {wanted}; convert it, or map another \
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
        "the record `{record}` stands in `{first}` and in `{second}`; make record ids unique, e.g. with the source in front"
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
    #[error(
        "there are more than {limit} sets of goods that often; raise `--min-support` or lower `--max-items`"
    )]
    TooManySets {
        /// The limit.
        limit: usize,
    },
    /// A line of a file of rulings that says nothing.
    #[error("`{path}`, line {line}: `{text}` is no ruling; write `merge,RECORD,RECORD` or `split,RECORD`")]
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
        "`{path}` lies in an object store; give a folder that every machine has, or score it on one machine"
    )]
    NotOnThisMachine {
        /// The file.
        path: String,
    },
    /// NDJSON where columns must be known before a line is read.
    #[error(
        "`{path}` is NDJSON, whose columns no header tells; give Parquet or CSV here, or score it on one machine"
    )]
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
    #[error("no lines of data (files read: {files}); export again, with at least one purchase")]
    NoLines {
        /// Number of files.
        files: usize,
    },
    /// Lines of which none can be used.
    #[error(
        "none of the {lines} lines can be used: {without_customer} have no customer and {rejected} were rejected; \
         check which column holds the customer (`--columns customer_id=...`)"
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
        "{rejected} of {lines} lines with a customer ({share:.2} %) were rejected, over the limit of {limit:.2} %; \
         most of them ({most}) as `{cause}`: {remedy}.{see}",
        share = 100.0 * *rejected as f64 / *lines as f64,
        limit = 100.0 * max_share,
        see = match rejects_file {
            Some(path) => format!(" They stand in `{}`", path.display()),
            None => " Name a rejects file to see them".to_owned(),
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
        "{far} of {lines} lines with a customer ({share:.2} %) have dates {beyond}, over the limit of {limit:.2} %; check \
         the date column and the machine's clock, or take them in with --accept far_dates",
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
    #[error("--strict: refused because of {}; see the warnings above, or leave out --strict", codes.join(", "))]
    Strict {
        /// The codes of the warnings.
        codes: Vec<&'static str>,
    },
    /// An output that is an input, or that the next run would read.
    #[error("`--{flag} {path}` {how} (`{input}`); name another place", path = path.display())]
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
    #[error("`--{flag}` and `--{other}` both name `{}`; give each a file of its own", path.display())]
    OneOutput {
        /// The flag.
        flag: &'static str,
        /// The flag before it.
        other: String,
        /// The file.
        path: PathBuf,
    },
    /// A limit of rejects that is no share.
    #[error("the greatest share of rejects is {0}; give a share from 0 to 1, e.g. 0.01")]
    BadRejectShare(f64),
    /// A rejects file that cannot be written.
    #[error(
        "the rejects file `{path}` cannot be written: {reason}; name a file in a folder that exists and is writable"
    )]
    RejectsFile {
        /// The file.
        path: String,
        /// What the operating system says.
        reason: io::Error,
    },
    /// A file that is no Parquet, or damaged.
    #[error(
        "`{path}` cannot be read as Parquet: {reason}; it may be cut off or damaged, so write or copy it again"
    )]
    Parquet {
        /// The file.
        path: String,
        /// What the Parquet reader says.
        reason: String,
    },
    /// A file that does not hold JSON objects.
    #[error(
        "line {line} of `{path}` is no JSON object: {reason}; write one object per line, or an array of objects"
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
    #[error("`{path}` cannot be read as a workbook: {reason}; open and save it again, or save it as CSV")]
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
    #[error("`--encoding {name}` is no encoding; write utf-8, utf-16le, gbk, latin1, windows-1252, ...")]
    UnknownEncoding {
        /// The name.
        name: String,
    },
    /// A table whose first line is data.
    #[error(
        "`{path}` has no header: its first line is `{line}`. Add a line with the names of the columns, or give `--header none` \
         and the columns by their numbers, e.g. `--columns customer_id=1,occurred_at=2,amount=3`"
    )]
    NoHeaderLine {
        /// The file.
        path: String,
        /// The line.
        line: String,
    },
    /// Dates of which nobody can say which figure is the month.
    #[error(
        "the dates of `{path}` ({column}, e.g. `{example}`) do not tell which figure is the day and which the month; say it \
         with `--dates {orders}`"
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
        "some dates of `{path}` ({column}) have the day first and others the month; write them all in one way, or read the \
         files apart, each with its own `--dates`"
    )]
    ContradictoryDates {
        /// The file.
        path: String,
        /// The known name.
        column: &'static str,
    },
    /// A quoted field that swallows the lines after it.
    #[error(
        "a quoted field in the record at line {line} of `{path}` goes on for over {lines} lines; close the quote there"
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
    #[error("the data hold over 4 billion distinct texts; read them in parts")]
    TooManyTexts,
    /// A temporary file that cannot be written or read.
    #[error(
        "the temporary file in `{}` cannot be used: {reason}; it takes about 30 to 60 bytes a line, so make room, or \
         name another folder with `--scratch`", folder.display()
    )]
    Scratch {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
    /// A temporary file that does not hold what was written.
    #[error("a temporary file does not hold what was written to it; check the disk, then run again")]
    DamagedScratch,
    /// A snapshot of histories that cannot be used.
    #[error("the snapshot `{}` cannot be used: {reason}; remove it and build it again from all purchases", path.display())]
    Snapshot {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An event that makes no sense.
    #[error("an event cannot be taken in: {0}")]
    Invalid(#[from] Invalid),
    /// Stored bytes of a history that were changed or cut off.
    #[error("the stored history is damaged: {reason}; restore it, or build it again from the purchases")]
    DamagedHistory {
        /// What is wrong with the bytes.
        reason: &'static str,
    },
}

impl Error {
    /// Whether the data are refused as they are: exit code 3 of the programs.
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

    /// Whether the command line is at fault: exit code 2 of the programs.
    #[must_use]
    pub fn wrong_use(&self) -> bool {
        matches!(
            self,
            Error::OutputIsInput { .. }
                | Error::OneOutput { .. }
                | Error::BadRejectShare(_)
                | Error::UnknownColumn { .. }
                | Error::DoubleMapping { .. }
                | Error::UnknownEncoding { .. }
                | Error::NoHeaderLine { .. }
        )
    }
}

/// The endings that are read, for messages.
const ENDINGS: &str = ".csv, .tsv, .txt, .json, .ndjson, .xlsx, .xls, .ods, .parquet, .arrow or .zip (text also packed: .gz, .zst, \
     .bz2, .xz, .br)";
