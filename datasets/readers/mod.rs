//! Reading files of purchases and other events, line by line.
//!
//! ```text
//! files/       paths, globs, folders, archives, pipes ─▶ files; remote.rs: the same in object stores and on web servers
//! encoding.rs  bytes ─▶ text        shape.rs  text ─▶ delimiter, header, remarks around the table
//! records.rs   delimited text ─▶ records
//! table.rs     any file ─▶ a header, and rows of cells (rows.rs): csv.rs, json/, sheets.rs, parquet.rs, arrow.rs
//! columns/     the header ─▶ known columns: by --columns, known exports, common names
//! evidence.rs  a sample of the values ─▶ rules: the form of dates and numbers, column by column (forms/)
//! join.rs      tables that hold a purchase together: customer and date in one, amounts in another
//! headings.rs  reports that name a customer once, above the rows
//! input.rs     all files, understood together; recognised.rs: what was understood, for people; candidates.rs: which
//!              column could be one that is missing
//! lines.rs     cells and rules ─▶ events, a line that is left out, or a reject (the same for every format)
//! gather.rs    one line after the other ─▶ a sink of events, and a tally
//! tally.rs, rejects.rs  counts, warnings, and rejects by cause
//! batches.rs   Arrow batches that another program reads ─▶ the same cells, the same rules
//! ```

mod arrow;
mod batches;
mod candidates;
mod columns;
mod csv;
mod damage;
mod encoding;
mod evidence;
pub(crate) mod files;
mod forms;
mod gather;
mod headings;
mod input;
mod join;
mod json;
mod lines;
mod pages;
mod parquet;
mod progress;
mod recognised;
mod records;
mod rejects;
#[cfg(feature = "objects")]
pub(crate) mod remote;
pub(crate) mod rows;
mod shape;
mod sheets;
pub(crate) mod table;
mod tally;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use batches::{BatchReader, Found, KNOWN_COLUMNS, Listed, list};
use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::guards::{self, Accept, AmountRange, Window};
use crate::identity::People;
use crate::{Erasures, Error, Histories, HistoriesBuilder, Micros, Warnings, Zone};
use columns::Mapping;
pub(crate) use files::DataFile;
pub(crate) use files::expand;
pub use files::table_in;
pub use forms::{DateOrder, Decimal};
pub(crate) use gather::{Gather, Sink};
pub(crate) use input::Input;
use lines::Rules;
pub(crate) use lines::{Cell, Cells};
pub(crate) use progress::Progress;
pub use recognised::{FirstLine, Recognised};

pub(crate) use rejects::{Cause, LISTED_REJECTS, Place};
pub use shape::Header;
pub(crate) use tally::Tally;

/// How files are read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOptions {
    /// From a known column name (`customer_id`, `occurred_at`, `amount`, `order_id`, `product_id`, `category`,
    /// `channel`, `quantity`, `kind`, `recorded_at`, `promotion`; `time`, `status`, `direction`, `currency`,
    /// `refunded`, `adjusted`, `test`, `cancelled`) to the file's own name of it. Columns that are not mapped are recognised by
    /// their names; a column mapped to an empty name is left out.
    pub columns: BTreeMap<String, String>,
    /// The encoding of text files; found out where it is not given.
    pub encoding: Option<String>,
    /// The line of the header.
    pub header: Header,
    /// The sheet of workbooks; the first with the needed columns where it is not given.
    pub sheet: Option<String>,
    /// The order of day and month in dates that leave it open.
    pub dates: Option<DateOrder>,
    /// The decimal mark of numbers; found out where it is not given.
    pub decimal: Option<Decimal>,
    /// Whether [`ReadSummary::recognised`] holds the first lines as understood.
    pub preview: bool,
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
    /// Whether progress is shown on stderr: a bar on a terminal, lines elsewhere.
    pub progress: bool,
}

impl ReadOptions {
    /// What the clock says, where it has a say.
    #[must_use]
    pub fn clock(&self) -> Option<Micros> {
        self.now.filter(|_| !self.accepts(Accept::FarDates))
    }

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
            encoding: None,
            header: Header::Found,
            sheet: None,
            dates: None,
            decimal: None,
            preview: false,
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
    /// Lines that were left out because nothing was bought (unpaid, cancelled, a test), and no rejects.
    pub not_bought: u64,
    /// Sums and remarks around the tables, which are no lines of data.
    pub remarks: u64,
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
    /// How the files were understood, one entry a layout, the first 20 of them.
    #[serde(skip)]
    pub recognised: Vec<Recognised>,
    /// Whether every customer id was a whole number, so that it can be written as one.
    #[serde(skip)]
    pub whole_ids: bool,
}

fn as_text<S: Serializer>(instant: &Option<Micros>, serializer: S) -> Result<S::Ok, S::Error> {
    instant.map(|instant| Zone::default().format(instant)).serialize(serializer)
}

/// Reads a Parquet file that lies in memory, all of whose lines must be good.
pub(crate) fn read_parquet_bytes(input: Bytes, name: &str) -> Result<Histories, Error> {
    let options = ReadOptions { max_reject_share: 0.0, ..ReadOptions::default() };
    let table = parquet::Table::of_bytes(&input, name)?;
    let header = table.header();
    let layout = Mapping::new(&options.columns)?.layout(name, &header, false)?;
    let wanted = rows::Wanted::new(&layout.places, &header, &[]);
    let mut gather = Gather::new(HistoriesBuilder::default(), &options);
    gather.begin(&Rules::default(), false);
    let progress = Progress::new(false, "reading", 0);
    for group in 0..table.groups() {
        table.read(input.clone(), 0, group, &wanted, &mut gather, &progress)?;
    }
    check(&gather.tally, &[], &options)?;
    Ok(gather.sink.finish())
}

/// Writes the rejects and holds their share against the limit.
fn check(tally: &Tally, files: &[DataFile], options: &ReadOptions) -> Result<(), Error> {
    let Tally { rejects, lines, without_customer, not_bought, before_since, erased, .. } = tally;
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
    if rejected + without_customer + not_bought == lines && *before_since + *erased == 0 {
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
        not_bought: tally.not_bought,
        remarks: tally.remarks,
        before_since: tally.before_since,
        erased: tally.erased,
        rejected: tally.rejects.by_code(),
        first_instant: None,
        last_instant: None,
        amounts: None,
        named: [0; 2],
        warnings: tally.all_warnings(),
        recognised: Vec::new(),
        whole_ids: !tally.text_ids,
    }
}
