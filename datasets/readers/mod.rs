//! Reading files of purchases and other events into [`Histories`].
//!
//! ```text
//! files.rs    paths, globs, folders ─▶ files
//! columns.rs  the file's own column names ─▶ known columns
//! parquet.rs, csv.rs, ndjson.rs  ─▶ cells of a line
//! batches.rs  Arrow batches that another program reads ─▶ the same cells, the same rules
//! lines.rs    cells ─▶ an event, a line without a customer, or a reject (the same rules for every format)
//! rejects.rs  rejects counted by cause, and written to a file
//! ```

mod batches;
mod columns;
mod csv;
mod files;
mod lines;
mod ndjson;
mod parquet;
mod progress;
mod rejects;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use batches::{BatchReader, Found, KNOWN_COLUMNS, Listed, list};
use bytes::Bytes;
use rayon::prelude::*;
use serde::{Serialize, Serializer};

use crate::{Error, Histories, Micros, Zone};
use columns::{Column, Mapping};
use files::{DataFile, Format};
use lines::Gather;
use progress::Progress;

/// How files are read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOptions {
    /// From a known column name (`customer_id`, `occurred_at`, `amount`, `order_id`, `product_id`, `category`,
    /// `channel`, `quantity`, `kind`, `recorded_at`, `promotion`) to the file's own name of it. Names that are
    /// not mapped stand for themselves; an optional column mapped to an empty name is left out.
    pub columns: BTreeMap<String, String>,
    /// The zone of dates and times that bear none themselves.
    pub zone: Zone,
    /// The greatest share of rejects (0..=1) among the lines that have a customer; beyond it the reading fails.
    pub max_reject_share: f64,
    /// Where rejects are listed as CSV (the first 100,000 of them). Created only when there is a reject.
    pub rejects: Option<PathBuf>,
    /// Whether a progress bar is shown on stderr.
    pub progress: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            columns: BTreeMap::new(),
            zone: Zone::default(),
            max_reject_share: 0.01,
            rejects: None,
            progress: false,
        }
    }
}

/// What was read, what was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadSummary {
    /// Number of files.
    pub files: usize,
    /// Bytes of the files on the disk.
    pub bytes: u64,
    /// Lines of data: events, lines without a customer, and rejects.
    pub lines: u64,
    /// Events taken in.
    pub events: u64,
    /// Customers with at least one event.
    pub customers: usize,
    /// Lines whose customer is empty: left out, and no rejects.
    pub without_customer: u64,
    /// Rejected lines by the code of their cause.
    pub rejected: BTreeMap<String, u64>,
    /// Instant of the first event; as JSON an RFC 3339 text in UTC.
    #[serde(serialize_with = "as_text")]
    pub first_instant: Option<Micros>,
    /// Instant of the last event; as JSON an RFC 3339 text in UTC.
    #[serde(serialize_with = "as_text")]
    pub last_instant: Option<Micros>,
}

fn as_text<S: Serializer>(instant: &Option<Micros>, serializer: S) -> Result<S::Ok, S::Error> {
    instant.map(|instant| Zone::default().format(instant)).serialize(serializer)
}

/// Reads files, globs and folders of purchases and other events into histories.
///
/// A path is a file, a glob such as `data/2011-*.csv`, or a folder, which is searched with its folders for files
/// of the known endings, leaving out names that begin with `.` or `_`. The ending tells the format: `.parquet`,
/// `.pq`; `.csv`, `.tsv`, `.ndjson`, `.jsonl`, `.json`, each also with `.gz` or `.zst` behind it. A file that
/// is reached twice is read once.
///
/// The histories depend on the lines alone, not on their order, the files' order or the number of threads.
/// Uses all threads of the current rayon pool.
///
/// # Errors
/// [`Error`] when nothing matches, a file cannot be read or lacks a needed column, no line can be used, or
/// more lines are rejected than [`ReadOptions::max_reject_share`] admits (the rejects file is written then too).
pub fn read(paths: &[String], options: &ReadOptions) -> Result<(Histories, ReadSummary), Error> {
    if !(0.0..=1.0).contains(&options.max_reject_share) {
        return Err(Error::BadRejectShare(options.max_reject_share));
    }
    let mapping = Mapping::new(&options.columns)?;
    let files = files::expand(paths, options.rejects.as_deref())?;
    // Columns of all files are checked before any line is read, so that a wrong name costs no time.
    let plans = files.iter().map(|file| Plan::new(file, &mapping)).collect::<Result<Vec<_>, Error>>()?;

    let bytes = files.iter().map(|file| file.bytes).sum();
    let gathered = {
        let progress = Progress::new(options.progress, bytes);
        let new = || Gather::new(options.zone, options.rejects.is_some());
        let parts: Vec<(usize, usize)> = plans
            .iter()
            .enumerate()
            .flat_map(|(at, plan)| (0..plan.parts()).map(move |part| (at, part)))
            .collect();
        parts
            .par_iter()
            .try_fold(new, |mut gather, &(at, part)| {
                plans[at].read(&files[at], at as u32, part, &mapping, &mut gather, &progress)?;
                Ok(gather)
            })
            .try_reduce(new, Gather::absorb)?
    };
    check_json_columns(&files, &mapping, &gathered)?;
    finish(gathered, &files, bytes, options)
}

/// Reads a Parquet file that lies in memory, all of whose lines must be good.
pub(crate) fn read_parquet_bytes(input: Bytes, name: &str) -> Result<Histories, Error> {
    let options = ReadOptions { max_reject_share: 0.0, ..ReadOptions::default() };
    let plan = parquet::Plan::of_bytes(&input, name, &Mapping::new(&options.columns)?)?;
    let mut gather = Gather::new(options.zone, false);
    let progress = Progress::new(false, 0);
    for group in 0..plan.groups() {
        plan.read(input.clone(), 0, group, &mut gather, &progress)?;
    }
    finish(gather, &[], input.len() as u64, &options).map(|(histories, _)| histories)
}

/// What is known of a file before its lines are read.
enum Plan {
    Parquet(parquet::Plan),
    Csv(csv::Plan),
    Ndjson,
}

impl Plan {
    fn new(file: &DataFile, mapping: &Mapping) -> Result<Plan, Error> {
        Ok(match file.format {
            Format::Parquet => Plan::Parquet(parquet::Plan::of_file(file, mapping)?),
            Format::Csv(_) => Plan::Csv(csv::Plan::new(file, mapping)?),
            Format::Ndjson => Plan::Ndjson,
        })
    }

    /// Parts that can be read apart from each other.
    fn parts(&self) -> usize {
        match self {
            Plan::Parquet(plan) => plan.groups(),
            Plan::Csv(_) | Plan::Ndjson => 1,
        }
    }

    fn read(
        &self,
        file: &DataFile,
        at: u32,
        part: usize,
        mapping: &Mapping,
        gather: &mut Gather,
        progress: &Progress,
    ) -> Result<(), Error> {
        match self {
            Plan::Parquet(plan) => plan.read(file.open()?, at, part, gather, progress),
            Plan::Csv(plan) => plan.read(file, at, gather, progress),
            Plan::Ndjson => ndjson::read(file, at, mapping, gather, progress),
        }
    }
}

/// JSON objects leave out what is empty, so a mapped optional column must occur in one of the files only.
fn check_json_columns(files: &[DataFile], mapping: &Mapping, gathered: &Gather) -> Result<(), Error> {
    let mut json = files.iter().filter(|file| file.format == Format::Ndjson);
    let Some(first) = json.next() else { return Ok(()) };
    match mapping.missing(|column| gathered.seen_in_json[column as usize], true) {
        Some(column) => {
            let seen = Column::ALL.into_iter().filter(|&seen| gathered.seen_in_json[seen as usize]);
            Err(mapping.missing_error(&first.shown, column, seen.map(Column::name)))
        }
        None => Ok(()),
    }
}

/// Writes the rejects, holds their share against the limit, and makes the histories.
fn finish(
    gathered: Gather,
    files: &[DataFile],
    bytes: u64,
    options: &ReadOptions,
) -> Result<(Histories, ReadSummary), Error> {
    let Gather { builder, rejects, lines, without_customer, .. } = gathered;
    if let Some(path) = &options.rejects {
        let names: Vec<String> = files.iter().map(|file| file.shown.clone()).collect();
        rejects.write(path, &names)?;
    }
    if lines == 0 {
        return Err(Error::NoLines { files: files.len() });
    }
    let (rejected, with_customer) = (rejects.total(), lines - without_customer);
    if let Some((cause, most)) = rejects.commonest()
        && rejected as f64 / with_customer as f64 > options.max_reject_share
    {
        return Err(Error::TooManyRejects {
            rejected,
            lines: with_customer,
            max_share: options.max_reject_share,
            cause: cause.code().to_owned(),
            most,
            remedy: cause.to_string(),
            rejects_file: options.rejects.clone(),
        });
    }
    if builder.is_empty() {
        return Err(Error::NoUsableLine { lines, without_customer, rejected });
    }
    let histories = builder.finish();
    let summary = ReadSummary {
        files: files.len(),
        bytes,
        lines,
        events: histories.events(),
        customers: histories.len(),
        without_customer,
        rejected: rejects.by_code(),
        first_instant: histories.first_instant(),
        last_instant: histories.last_instant(),
    };
    Ok((histories, summary))
}
