//! Reading files of purchases and other events, line by line.
//!
//! ```text
//! files.rs    paths, globs, folders ─▶ files; remote.rs: the same in object stores and on web servers
//! columns.rs  the file's own column names ─▶ known columns
//! parquet.rs, csv.rs, ndjson.rs  ─▶ cells of a line
//! batches.rs  Arrow batches that another program reads ─▶ the same cells, the same rules
//! lines.rs    cells ─▶ an event, a line without a customer, or a reject (the same rules for every format)
//! rejects.rs  rejects counted by cause, and written to a file
//! ```

mod batches;
mod columns;
mod csv;
pub(crate) mod files;
mod lines;
mod ndjson;
mod parquet;
mod progress;
mod rejects;
#[cfg(feature = "objects")]
pub(crate) mod remote;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use batches::{BatchReader, Found, KNOWN_COLUMNS, Listed, list};
use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::guards::{self, Accept, AmountRange, Window};
use crate::identity::People;
use crate::{Erasures, Error, Histories, HistoriesBuilder, Micros, Warnings, Zone};
use columns::{Column, Mapping};
pub(crate) use files::expand;
use files::{DataFile, Format};
pub(crate) use lines::{Gather, Sink, Tally};
pub(crate) use progress::Progress;
use rejects::Cause;
pub(crate) use rejects::LISTED_REJECTS;

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
    /// Lines that happened before this instant are left out; row groups of Parquet that hold nothing else are not
    /// even opened.
    pub since: Option<Micros>,
    /// Who is who: lines of a record become events of its person; of a record that nobody knows they stay its own.
    pub people: Option<Arc<People>>,
    /// Customers who were erased: lines of theirs are left out.
    pub erased: Option<Arc<Erasures>>,
    /// What the clock says: later lines are set aside. `None` where it has no say.
    pub now: Option<Micros>,
    /// What is taken in deliberately though it looks wrong.
    pub accept: Vec<Accept>,
    /// Lines outside of it are set aside as `far_date`. Reading narrows it where a few lines lie far from all others.
    pub window: Window,
    /// Whether a progress bar is shown on stderr.
    pub progress: bool,
}

impl ReadOptions {
    /// Whether this is taken in deliberately.
    #[must_use]
    pub fn accepts(&self, what: Accept) -> bool {
        self.accept.contains(&what)
    }
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            columns: BTreeMap::new(),
            zone: Zone::default(),
            max_reject_share: 0.01,
            rejects: None,
            since: None,
            people: None,
            erased: None,
            now: None,
            accept: Vec::new(),
            window: Window::until(None),
            progress: false,
        }
    }
}

/// What was read, what was left out, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// Purchase days, summed over customers; not known before the histories are, and 0 until then.
    pub orders: u64,
    /// Sum of all purchases.
    pub spend: f64,
    /// Sum of all product returns, as a positive number.
    pub returned: f64,
    /// Lines whose customer is empty: left out, and no rejects.
    pub without_customer: u64,
    /// Lines from before [`ReadOptions::since`]: left out, and no rejects.
    pub before_since: u64,
    /// Lines of customers who were erased ([`ReadOptions::erased`]): left out, and no rejects.
    pub erased: u64,
    /// Rejected lines by the code of their cause.
    pub rejected: BTreeMap<String, u64>,
    /// Instant of the first event; as JSON an RFC 3339 text in UTC.
    #[serde(serialize_with = "as_text")]
    pub first_instant: Option<Micros>,
    /// Instant of the last event; as JSON an RFC 3339 text in UTC.
    #[serde(serialize_with = "as_text")]
    pub last_instant: Option<Micros>,
    /// Lines that name a product, and a category.
    #[serde(skip)]
    pub named: [u64; 2],
    /// The amounts of purchases in short.
    #[serde(skip)]
    pub amounts: Option<AmountRange>,
    /// What was odd and read all the same. Not part of the JSON: programs carry warnings of their own beside these.
    #[serde(skip)]
    pub warnings: Warnings,
}

fn as_text<S: Serializer>(instant: &Option<Micros>, serializer: S) -> Result<S::Ok, S::Error> {
    instant.map(|instant| Zone::default().format(instant)).serialize(serializer)
}

/// Reads a Parquet file that lies in memory, all of whose lines must be good.
pub(crate) fn read_parquet_bytes(input: Bytes, name: &str) -> Result<Histories, Error> {
    let options = ReadOptions { max_reject_share: 0.0, ..ReadOptions::default() };
    let plan = parquet::Plan::of_bytes(&input, name, &Mapping::new(&options.columns)?)?;
    let mut gather = Gather::new(HistoriesBuilder::default(), &options);
    let progress = Progress::new(false, "reading", 0);
    for group in 0..plan.groups() {
        plan.read(input.clone(), 0, group, &mut gather, &progress)?;
    }
    check(&gather.tally, &[], &options)?;
    Ok(gather.sink.finish())
}

/// Files whose columns are found and whose lines wait to be read.
pub(crate) struct Input {
    pub(crate) files: Vec<DataFile>,
    plans: Vec<Plan>,
    mapping: Mapping,
    /// Bytes of all files.
    pub(crate) bytes: u64,
}

/// A file and a part of it that can be read on its own.
pub(crate) type Part = (usize, usize);

/// Places in the files from which customers are sampled, and how many at each.
const SAMPLED_PARTS: usize = 64;
const SAMPLED_ROWS: usize = 2048;
const SAMPLED_BYTES: usize = 1 << 16;

impl Input {
    /// Finds the files. Columns of all files are checked before any line is read, so that a wrong name costs no time.
    pub(crate) fn open(paths: &[String], options: &ReadOptions) -> Result<Input, Error> {
        if !(0.0..=1.0).contains(&options.max_reject_share) {
            return Err(Error::BadRejectShare(options.max_reject_share));
        }
        let mapping = Mapping::new(&options.columns)?;
        let files = files::expand(paths, options.rejects.as_deref())?;
        let plans = files.iter().map(|file| Plan::new(file, &mapping)).collect::<Result<Vec<_>, Error>>()?;
        let bytes = files.iter().map(|file| file.bytes).sum();
        Ok(Input { files, plans, mapping, bytes })
    }

    /// All parts, in the order of the files and their rows.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let plans = self.plans.iter().enumerate();
        plans.flat_map(|(at, plan)| (0..plan.parts()).map(move |part| (at, part))).collect()
    }

    /// Reads a part.
    pub(crate) fn read<S: Sink>(
        &self,
        (at, part): Part,
        gather: &mut Gather<S>,
        progress: &Progress,
    ) -> Result<(), Error> {
        self.plans[at].read(&self.files[at], at as u32, part, &self.mapping, gather, progress)
    }

    /// Writes the rejects and holds what was read against what was asked for.
    pub(crate) fn check(&self, tally: &Tally, options: &ReadOptions) -> Result<(), Error> {
        check_json_columns(&self.files, &self.mapping, tally)?;
        check(tally, &self.files, options)
    }

    /// A guess at the number of lines.
    pub(crate) fn lines_guessed(&self) -> u64 {
        let lines = self.files.iter().zip(&self.plans).map(|(file, plan)| match plan {
            Plan::Parquet(plan) => plan.all_rows(),
            _ => file.bytes / if file.packing == files::Packing::None { 48 } else { 8 },
        });
        lines.sum()
    }

    /// Customers of some lines from all over the files: a guess at how lines are spread over customers. What
    /// cannot be read here will be told of when it is read in earnest.
    pub(crate) fn sample(&self) -> Vec<Box<str>> {
        let parts = self.parts();
        let step = parts.len().div_ceil(SAMPLED_PARTS).max(1);
        let picked: Vec<Part> = parts.into_iter().step_by(step).collect();
        let stretches = (SAMPLED_PARTS / picked.len().max(1)).max(1);
        let mut ids = Vec::new();
        for (at, part) in picked {
            let file = &self.files[at];
            match &self.plans[at] {
                Plan::Parquet(plan) => {
                    if let Ok(input) = file.open() {
                        plan.sample(input, part, SAMPLED_ROWS, &mut ids);
                    }
                }
                Plan::Csv(plan) => {
                    file.stretches(stretches, SAMPLED_BYTES).for_each(|text| plan.sample(&text, &mut ids));
                }
                Plan::Ndjson => file
                    .stretches(stretches, SAMPLED_BYTES)
                    .for_each(|text| ndjson::sample(&text, &self.mapping, &mut ids)),
            }
        }
        ids
    }
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

    fn read<S: Sink>(
        &self,
        file: &DataFile,
        at: u32,
        part: usize,
        mapping: &Mapping,
        gather: &mut Gather<S>,
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
fn check_json_columns(files: &[DataFile], mapping: &Mapping, tally: &Tally) -> Result<(), Error> {
    let mut json = files.iter().filter(|file| file.format == Format::Ndjson);
    let Some(first) = json.next() else { return Ok(()) };
    match mapping.missing(|column| tally.seen_in_json[column as usize], true) {
        Some(column) => {
            let seen = Column::ALL.into_iter().filter(|&seen| tally.seen_in_json[seen as usize]);
            Err(mapping.missing_error(&first.shown, column, seen.map(Column::name)))
        }
        None => Ok(()),
    }
}

/// Writes the rejects and holds their share against the limit.
fn check(tally: &Tally, files: &[DataFile], options: &ReadOptions) -> Result<(), Error> {
    let Tally { rejects, lines, without_customer, before_since, erased, .. } = tally;
    let far = rejects.of(Cause::FarDate);
    let (lines, without_customer) = (*lines, *without_customer);
    if let Some(path) = &options.rejects {
        let names: Vec<String> = files.iter().map(|file| file.shown.clone()).collect();
        rejects.write(path, &names)?;
    }
    if lines == 0 {
        return Err(Error::NoLines { files: files.len() });
    }
    let (rejected, with_customer) = (rejects.total() - far, lines - without_customer);
    if guards::too_many_far(far, with_customer, options.max_reject_share) {
        return Err(Error::FarDates {
            far,
            lines: with_customer,
            limit: options.max_reject_share,
            beyond: options.window.beyond(),
        });
    }
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
    // Lines that are too old, or of those who were erased, say that all is well; there is merely nothing new.
    if rejected + without_customer == lines && *before_since + *erased == 0 {
        return Err(Error::NoUsableLine { lines, without_customer, rejected });
    }
    Ok(())
}

/// What was read, but for the events themselves.
pub(crate) fn summary(tally: &Tally, files: usize, bytes: u64) -> ReadSummary {
    ReadSummary {
        files,
        bytes,
        lines: tally.lines,
        events: 0,
        customers: 0,
        orders: 0,
        spend: 0.0,
        returned: 0.0,
        without_customer: tally.without_customer,
        before_since: tally.before_since,
        erased: tally.erased,
        rejected: tally.rejects.by_code(),
        first_instant: None,
        last_instant: None,
        amounts: None,
        named: [0; 2],
        warnings: tally.warnings.clone(),
    }
}
