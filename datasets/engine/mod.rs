//! The stream: histories of any number of customers, one after the other, in bounded memory.
//!
//! ```text
//! sample        a look at some lines ─▶ ranges.rs: cut the customers into ranges of ids
//! spill.rs      lines ─▶ record.rs: blocks ─▶ arena.rs: memory, then a file without a name
//! snapshot.rs   histories on the disk, from which tomorrow's run goes on
//! leaves.rs     ranges that turned out too heavy are cut again; giant.rs: one customer as heavy as a range
//! mod.rs        one range after the other ─▶ histories sorted by id ─▶ caller
//! ```
//!
//! Ranges, not hashes: what comes out is sorted by customer id over everything, as a file of scores has to be and
//! as a database likes to be written (`docs/decisions/0009-process-customers-in-id-ranges.md`). The histories are those of
//! [`crate::read`], bit for bit, however the lines are spread over files, threads and ranges.

mod arena;
mod customers;
mod giant;
mod leaves;
mod ranges;
mod record;
mod shard;
mod snapshot;
mod spill;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use rayon::prelude::*;

use crate::builder::Grouped;
use crate::event::{Kind, Micros};
use crate::guards::{Accept, DailyLines, Guards, Window};
use crate::readers::{DataFile, Input, Progress};
use crate::{Error, Histories, HistoriesBuilder, History, ReadOptions, ReadSummary, Zone, warnings};
use arena::{Arena, Block};
pub use customers::Customers;
use customers::Loaded;
use leaves::{Leaf, Shares, level};
use ranges::Ranges;
pub use shard::Shard;
use shard::hash;
pub use snapshot::{Rewrite, Snapshot, SnapshotFolder, Updated, keys as snapshot_keys};
use spill::{Spilled, spill};

/// Bytes that a stream may hold in memory by default.
pub const DEFAULT_MEMORY: u64 = 1 << 30;

/// The least that makes sense.
pub const LEAST_MEMORY: u64 = 16 << 20;

/// Memory that holds all lines of anybody.
const UNBOUNDED: u64 = 1 << 50;

/// How a stream is read.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// How files are read.
    pub read: ReadOptions,
    /// Bytes that may be held in memory, about; at least [`LEAST_MEMORY`]. A single customer's history is held whole
    /// whatever its size.
    pub memory: u64,
    /// The folder of the temporary file, which is made when the lines do not fit into memory. It has no name and is gone
    /// when the process ends, however it ends.
    pub scratch: PathBuf,
    /// Only the customers of this shard.
    pub shard: Option<Shard>,
    /// Only customers whose id sorts after this one.
    pub after: Option<String>,
    /// Lines of each day that are known already, from the runs before: what is far from all others is judged by them too.
    pub held: Option<DailyLines>,
}

impl Default for StreamOptions {
    fn default() -> Self {
        StreamOptions {
            read: ReadOptions::default(),
            memory: DEFAULT_MEMORY,
            scratch: std::env::temp_dir(),
            shard: None,
            after: None,
            held: None,
        }
    }
}

/// Lines of many customers, ready to come out as histories.
///
/// ```
/// use homing_datasets::{Stream, StreamOptions};
///
/// let options = StreamOptions { memory: 64 << 20, ..StreamOptions::default() };
/// let stream = Stream::open(&["cdnow.parquet".to_owned()], &options)?;
/// let customers = stream.for_each_range("counting", |range| {
///     range.each(|_id, history| {
///         assert!(!history.is_empty());
///         Ok::<(), homing_datasets::Error>(())
///     })
/// })?;
/// assert_eq!(customers, 23_570);
/// # Ok::<(), homing_datasets::Error>(())
/// ```
pub struct Stream {
    arena: Arena,
    leaves: Vec<Leaf>,
    summary: ReadSummary,
    zone: Zone,
    window: Window,
    clock: Window,
    progress: bool,
}

/// What was read, with what the guards have to say; `read` is what the tally knows.
fn summary(
    spilled: &Spilled,
    read: ReadSummary,
    names: &[String],
    clock: Option<Micros>,
    zone: Zone,
) -> ReadSummary {
    let (facts, totals) = (&spilled.facts, spilled.guards.totals());
    let mut summary = ReadSummary {
        events: facts.events,
        first_instant: facts.first,
        last_instant: facts.last,
        spend: totals.spend,
        returned: totals.returned,
        amounts: totals.amounts,
        named: totals.named,
        ..read
    };
    spilled.guards.judge(names, clock, zone, &mut summary.warnings);
    summary
}

/// The time that the lines cover together with those that are known already; all time where far-off dates are accepted.
fn covered(guards: &Guards, options: &StreamOptions) -> Window {
    if options.read.accepts(Accept::FarDates) {
        return Window::until(None);
    }
    let mut days = guards.days.clone();
    options.held.iter().for_each(|held| days.absorb(held));
    Window::of(&days, options.read.now)
}

/// Of each file which of those that repeat each other it is, from 1; 0 for all others. Empty where none do.
fn sides(guards: &Guards, options: &StreamOptions, files: usize) -> Vec<u32> {
    let groups = if options.read.accepts(Accept::RepeatedLines) { Vec::new() } else { guards.repeated() };
    if groups.is_empty() {
        return Vec::new();
    }
    let mut sides = vec![0; files];
    for file in groups.into_iter().flatten() {
        sides[file as usize] = file + 1;
    }
    sides
}

/// Rows of a frame that one thread reads at once.
const PART_ROWS: usize = 1 << 16;

/// Ranges at most: each thread has one block a range in hand.
const MOST_RANGES: u64 = 512;

/// Bytes that a line takes in a block, as a guess.
const LINE_GUESSED: u64 = 32;

/// A text that identifies these files and their present versions: names, sizes and when they were
/// changed last.
///
/// # Errors
/// [`Error`] when nothing matches or a file cannot be looked at.
pub fn fingerprint(paths: &[String], options: &ReadOptions) -> Result<String, Error> {
    let files = crate::readers::expand(paths, options.rejects.as_deref())?.files;
    let all: String =
        files.iter().map(|file| format!("{}\n{} {}\n", file.shown, file.bytes, file.version)).collect();
    Ok(format!("{} files {:016x}{:08x}", files.len(), hash(&all), crc32fast::hash(all.as_bytes())))
}

/// Reads files, globs and folders of purchases and other events into histories.
///
/// A path is a file, a glob such as `data/2011-*.csv`, `-` for standard input, a zip archive, the address of a file, folder
/// or glob in an object store (`s3://`, `gs://`, `az://`; credentials come from the environment, as for the stores' own
/// tools) or of a file on a web server, or a folder, which is searched with its folders, leaving out names that begin with
/// `.` or `_`. Delimited text, JSON, workbooks, Parquet and Arrow are told by ending and first bytes, each text also packed
/// (gzip, zstd, brotli, bzip2, xz). A file of a folder that is not read is named in the warnings; one that is reached twice
/// is read once.
///
/// The histories depend on the lines alone, not on their order, the files' order or the number of threads.
/// Uses all threads of the current rayon pool.
///
/// ```
/// use homing_datasets::{ReadOptions, read};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("orders.csv");
/// std::fs::write(&path, "Member No,Order Date,Total\n17,2025-03-01,29.90\n17,2025-04-02,10.00\n")?;
/// let options = ReadOptions {
///     columns: [("customer_id", "Member No"), ("occurred_at", "Order Date"), ("amount", "Total")]
///         .map(|(known, own)| (known.to_owned(), own.to_owned()))
///         .into(),
///     ..ReadOptions::default()
/// };
/// let (histories, summary) = read(&[path.display().to_string()], &options)?;
/// assert_eq!((histories.len(), summary.events, summary.spend), (1, 2, 39.9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error`] when nothing matches, a file cannot be read or lacks a needed column, no line can be used, or
/// more lines are rejected than [`ReadOptions::max_reject_share`] admits (the rejects file is written then too).
pub fn read(paths: &[String], options: &ReadOptions) -> Result<(Histories, ReadSummary), Error> {
    let options = StreamOptions { read: options.clone(), memory: UNBOUNDED, ..StreamOptions::default() };
    let (histories, summary, _) = Stream::open(paths, &options)?.collect(u64::MAX, 0)?;
    Ok((histories, summary))
}

impl Stream {
    /// Reads files, globs and folders (see [`crate::read`]) up to the point where histories can come out. Uses all
    /// threads of the current rayon pool.
    ///
    /// # Errors
    /// Those of [`crate::read`], and [`Error::Scratch`] when the temporary file cannot be written.
    pub fn open(paths: &[String], options: &StreamOptions) -> Result<Stream, Error> {
        Self::of_input(&Input::open(paths, &options.read)?, options)
    }

    /// The same of batches in memory, such as those of a data frame: rules, warnings and rejects are those of files. `shown`
    /// names them in messages.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
    /// use homing_datasets::{Stream, StreamOptions};
    ///
    /// let rows = RecordBatch::try_from_iter([
    ///     ("customer_id", Arc::new(Int64Array::from(vec![7, 7])) as ArrayRef),
    ///     ("date", Arc::new(StringArray::from(vec!["2025-03-01", "2025-04-02"]))),
    ///     ("amount", Arc::new(Float64Array::from(vec![29.9, 10.0]))),
    /// ])?;
    /// let stream = Stream::of_batches(rows.schema(), vec![rows], "the data frame", &StreamOptions::default())?;
    /// let (histories, summary, _) = stream.collect(u64::MAX, 0)?;
    /// assert_eq!((histories.len(), summary.events, summary.whole_ids), (1, 2, true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Stream::open`].
    pub fn of_batches(
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
        shown: &str,
        options: &StreamOptions,
    ) -> Result<Stream, Error> {
        let parts = batches.iter().flat_map(|batch| {
            let starts = (0..batch.num_rows()).step_by(PART_ROWS);
            starts.map(|start| batch.slice(start, PART_ROWS.min(batch.num_rows() - start)))
        });
        let frame = DataFile::of_frame(schema, parts.collect(), shown);
        Self::of_input(&Input::of_frame(frame, &options.read)?, options)
    }

    fn of_input(input: &Input, options: &StreamOptions) -> Result<Stream, Error> {
        let shares = Shares::of(options.memory);
        let threads = rayon::current_num_threads();
        let lines = input.lines_guessed();
        let few = (lines / 20_000).min(4 * threads as u64);
        let count = (lines * LINE_GUESSED).div_ceil(shares.leaf).clamp(few.max(1), MOST_RANGES);
        let ranges = match count {
            1 => Ranges::default(),
            count => Ranges::of_sample(input.sample(), count as usize),
        };
        let block = shares.block(ranges.len(), threads);
        let clock = options.read.clock();
        let mut options = StreamOptions { read: options.read.clone(), ..options.clone() };
        options.read.window = options.read.window.within(Window::until(clock));
        let mut arena = Arena::new(&options.scratch, shares.room);
        let (mut spilled, mut tally) = spill(input, &ranges, &arena, &options, (block, &[]))?;
        let window = options.read.window.within(covered(&spilled.guards, &options));
        let sides = sides(&spilled.guards, &options, input.files.len());
        if window != options.read.window && spilled.guards.days.any_beyond(window) || !sides.is_empty() {
            // Rare, and then every line is judged by what is known of all of them: they are read once more.
            options.read.window = window;
            arena = Arena::new(&options.scratch, shares.room);
            (spilled, tally) = spill(input, &ranges, &arena, &options, (block, &sides))?;
        }
        if let Err(refused) = input.check(&tally, &options.read) {
            // What was recognised says why so much is wrong: another column, another order of day and month.
            if options.read.progress {
                input.recognised().for_each(|recognised| eprintln!("{recognised}"));
            }
            return Err(refused);
        }
        let names: Vec<String> = input.files.iter().map(|file| file.shown.clone()).collect();
        let summary = summary(&spilled, input.summary(&tally), &names, clock, options.read.zone);
        let Spilled { buckets, .. } = spilled;
        let leaves = level(buckets, &arena, &options, &shares)?;
        let mut stream = Stream {
            arena,
            leaves,
            summary,
            zone: options.read.zone,
            window,
            clock: Window::until(clock),
            progress: options.read.progress,
        };
        if !sides.is_empty() {
            stream.count_once(&names, &sides)?;
        }
        Ok(stream)
    }

    /// What the clock admits: later dates cannot have happened.
    #[must_use]
    pub fn clock(&self) -> Window {
        self.clock
    }

    /// The time that the lines cover together with those that were known; dates beyond it are far off.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// Takes lines that several files have alike out of the counts, and warns of them.
    fn count_once(&mut self, names: &[String], sides: &[u32]) -> Result<(), Error> {
        let sums = self.fold(
            "comparing",
            || (0, 0, 0.0, 0.0),
            |sums, _, history| {
                let (events, purchases, spend, returned): &mut (u64, u64, f64, f64) = sums;
                *events += history.len() as u64;
                for event in history.events() {
                    match event.kind {
                        Kind::Purchase => {
                            *purchases += 1;
                            *spend += event.amount;
                        }
                        Kind::Return => *returned -= event.amount,
                        _ => {}
                    }
                }
                Ok(())
            },
        )?;
        let once =
            self.leaves.iter().map(Leaf::rows).sum::<u64>() - sums.iter().map(|sums| sums.0).sum::<u64>();
        self.summary.events -= once;
        self.summary.spend = sums.iter().map(|sums| sums.2).sum();
        self.summary.returned = sums.iter().map(|sums| sums.3).sum();
        let files: Vec<&str> = names
            .iter()
            .zip(sides)
            .filter(|(_, side)| **side > 0)
            .map(|(name, _)| name.as_str())
            .take(3)
            .collect();
        self.summary.warnings.add(warnings::Code::RepeatedLines, once, || files.join(" and "));
        Ok(())
    }

    /// What was read. `customers` is not known yet and is 0.
    #[must_use]
    pub fn summary(&self) -> &ReadSummary {
        &self.summary
    }

    /// Bytes in the temporary file.
    #[must_use]
    pub fn on_disk(&self) -> u64 {
        self.arena.on_disk()
    }

    /// Hands out the customers range by range, by id ascending, and says how many there were. While one range is at
    /// work the next is loaded.
    ///
    /// # Errors
    /// [`Error::Scratch`] and [`Error::DamagedScratch`] of the temporary file, and what `each` returns.
    pub fn for_each_range<E: From<Error> + Send>(
        &self,
        what: &str,
        mut each: impl FnMut(&Customers) -> Result<(), E> + Send,
    ) -> Result<u64, E> {
        let progress = Progress::new(self.progress, what, self.leaves.iter().map(Leaf::bytes).sum());
        let mut customers = 0;
        let mut leaves = self.leaves.iter();
        let mut next = leaves.next().map(|leaf| (leaf, self.load(leaf)));
        while let Some((leaf, loaded)) = next {
            let loaded = loaded?;
            let ahead = leaves.next();
            // Two giants at once would be one too many.
            let now = ahead.filter(|ahead| !ahead.giant && !leaf.giant);
            let (done, loaded_ahead) = rayon::join(|| each(&loaded), || now.map(|ahead| self.load(ahead)));
            done?;
            customers += loaded.len() as u64;
            progress.advance(leaf.bytes());
            drop(loaded);
            next = ahead.map(|ahead| (ahead, loaded_ahead.unwrap_or_else(|| self.load(ahead))));
        }
        Ok(customers)
    }

    /// Folds the histories of each range, many ranges at once; what comes out is in the order of the ranges, and
    /// which customers share a range depends on the data and the memory.
    ///
    /// # Errors
    /// [`Error::Scratch`] and [`Error::DamagedScratch`] of the temporary file, and what `each` returns.
    pub fn fold<S: Send>(
        &self,
        what: &str,
        new: impl Fn() -> S + Sync,
        each: impl Fn(&mut S, &str, &History) -> Result<(), Error> + Sync,
    ) -> Result<Vec<S>, Error> {
        let progress = Progress::new(self.progress, what, self.leaves.iter().map(Leaf::bytes).sum());
        let work = |leaf: &Leaf| {
            let mut state = new();
            self.load(leaf)?.each(|id, history| each(&mut state, id, history))?;
            progress.advance(leaf.bytes());
            Ok(state)
        };
        let mut folded = Vec::with_capacity(self.leaves.len());
        // Giants are worked on alone.
        for group in self.leaves.chunk_by(|a, b| !a.giant && !b.giant) {
            let done: Result<Vec<S>, Error> = group.par_iter().with_max_len(1).map(work).collect();
            folded.extend(done?);
        }
        Ok(folded)
    }

    /// All histories at once, or those of a sample of the customers where all would take more than `memory`.
    ///
    /// # Errors
    /// [`Error::Scratch`] and [`Error::DamagedScratch`] of the temporary file.
    pub fn collect(&self, memory: u64, seed: u64) -> Result<(Histories, ReadSummary, Sampled), Error> {
        // A line takes 41 bytes in a history; its texts and the customer are guessed from the blocks.
        let needed: u64 = self.leaves.iter().map(|leaf| 41 * leaf.rows() + leaf.bytes()).sum();
        let share = if needed <= memory { 1.0 } else { memory as f64 / needed as f64 };
        let bar = (share * f64::from(u32::MAX)) as u32;
        let kept = |id: &str| share >= 1.0 || hash(&format!("{seed} {id}")) as u32 <= bar;
        let ranges = self.fold("gathering", Default::default, |(seen, orders, held), id, history| {
            *seen += 1;
            *orders += history.as_of(Micros::MAX).orders(self.zone).count() as u64;
            let held: &mut Vec<(Box<str>, History)> = held;
            if kept(id) {
                held.push((id.into(), history.clone()));
            }
            Ok(())
        })?;
        let seen: u64 = ranges.iter().map(|(seen, ..): &(u64, u64, _)| seen).sum();
        let orders = ranges.iter().map(|(_, orders, _)| orders).sum();
        let held: Vec<(Box<str>, History)> = ranges.into_iter().flat_map(|(.., held)| held).collect();
        let sampled = Sampled { customers: seen, kept: held.len() as u64 };
        let summary = ReadSummary { customers: seen as usize, orders, ..self.summary.clone() };
        Ok((Histories::from_sorted(held), summary, sampled))
    }

    fn load(&self, leaf: &Leaf) -> Result<Customers, Error> {
        if leaf.blocks.iter().any(|block| block.side > 0) {
            return self.load_sides(leaf);
        }
        let blocks: Vec<&Block> = leaf.blocks.iter().collect();
        if leaf.giant {
            let (id, history) = giant::history(&blocks, &self.arena)?;
            return Ok(Customers(Loaded::One(id, Box::new(history))));
        }
        Ok(Customers(Loaded::Many(Box::new(self.group(&blocks)?))))
    }

    fn group(&self, blocks: &[&Block]) -> Result<Grouped, Error> {
        let mut builder = HistoriesBuilder::default();
        let mut buffer = Vec::new();
        for block in blocks {
            let bytes = self.arena.get(block, &mut buffer)?;
            record::read(bytes, |customer, same, line| builder.push_checked(customer, same, line))?;
        }
        Ok(builder.group())
    }

    /// Of lines that files which repeat each other have alike, as many are kept as the file that has most of them;
    /// those of the other files are added.
    fn load_sides(&self, leaf: &Leaf) -> Result<Customers, Error> {
        let mut sides: BTreeMap<u32, Vec<&Block>> = BTreeMap::new();
        for block in &leaf.blocks {
            sides.entry(block.side).or_default().push(block);
        }
        let mut all: BTreeMap<Box<str>, [History; 2]> = BTreeMap::new();
        for (side, blocks) in sides {
            let mut add = |id: &str, history: &History| {
                let [others, merged] = all.entry(id.into()).or_default();
                let held = if side == 0 { others } else { merged };
                held.merge(history);
            };
            if leaf.giant {
                let (id, history) = giant::history(&blocks, &self.arena)?;
                add(&id, &history);
            } else {
                self.group(&blocks)?.each(|id, history| {
                    add(id, history);
                    Ok::<(), Error>(())
                })?;
            }
        }
        let kept = all.into_iter().map(|(id, [others, merged])| {
            let history = match (others.is_empty(), merged.is_empty()) {
                (true, _) => merged,
                (_, true) => others,
                _ => History::from_events(others.events().chain(merged.events()).collect()),
            };
            (id, history)
        });
        Ok(Customers(Loaded::Kept(kept.collect())))
    }
}

/// How many of the customers were taken, where there were too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Sampled {
    /// Customers in the data.
    pub customers: u64,
    /// Customers taken.
    pub kept: u64,
}

impl Sampled {
    /// How many customers each sampled one represents: 1 where all were taken.
    #[must_use]
    pub fn weight(self) -> f64 {
        if self.kept == 0 { 1.0 } else { self.customers as f64 / self.kept as f64 }
    }
}
