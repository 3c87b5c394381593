//! The first half of the stream: lines out of files into buckets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::StreamOptions;
use super::arena::{Arena, Block};
use super::ranges::Ranges;
use super::record::Writer;
use crate::event::Micros;
use crate::guards::Guards;
use crate::readers::{Gather, Input, LISTED_REJECTS, Progress, Sink, Tally};
use crate::{Error, Line};

/// What one thread lays down: its lines, by bucket.
pub(super) struct Spill<'a> {
    ranges: &'a Ranges,
    arena: &'a Arena,
    options: &'a StreamOptions,
    block: usize,
    writers: Vec<Writer>,
    pub(super) buckets: Vec<Vec<Block>>,
    pub(super) facts: Facts,
    guards: Guards,
    /// Which of the files that repeat each other the current lines come from.
    side: u32,
    /// The last customer, whether their lines are wanted, and in which bucket.
    last: Option<(String, Option<usize>)>,
}

/// What is known of the events without having seen a history.
#[derive(Clone, Copy, Default)]
pub(super) struct Facts {
    /// Events of the shard.
    pub(super) events: u64,
    /// First and last instant over all shards: what `as_of` rests on must not depend on the shard.
    pub(super) first: Option<Micros>,
    pub(super) last: Option<Micros>,
}

impl Facts {
    fn absorb(&mut self, other: Facts) {
        self.events += other.events;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = [self.last, other.last].into_iter().flatten().max();
    }
}

impl<'a> Spill<'a> {
    pub(super) fn new(
        ranges: &'a Ranges,
        arena: &'a Arena,
        options: &'a StreamOptions,
        block: usize,
    ) -> Self {
        let writers = (0..ranges.len()).map(|_| Writer::default()).collect();
        let buckets = (0..ranges.len()).map(|_| Vec::new()).collect();
        let facts = Facts::default();
        let guards = Guards::default();
        Spill { ranges, arena, options, block, writers, buckets, facts, guards, side: 0, last: None }
    }

    /// Lines of another side come next.
    pub(super) fn begin(&mut self, side: u32) -> Result<(), Error> {
        if side != self.side {
            self.empty()?;
            self.side = side;
        }
        Ok(())
    }

    /// Lays down a line of a customer whose bucket is known.
    pub(super) fn put(&mut self, bucket: usize, customer: &str, line: &Line<'_>) -> Result<(), Error> {
        let writer = &mut self.writers[bucket];
        writer.push(customer, line);
        if writer.bytes.len() >= self.block {
            self.buckets[bucket].push(self.arena.put(&writer.bytes, writer.rows, self.side)?);
            writer.clear();
        }
        Ok(())
    }

    /// Lays down what is left.
    pub(super) fn finish(mut self) -> Result<Spilled, Error> {
        self.empty()?;
        Ok(Spilled { buckets: self.buckets, facts: self.facts, guards: self.guards })
    }

    fn empty(&mut self) -> Result<(), Error> {
        for (writer, bucket) in self.writers.iter_mut().zip(&mut self.buckets) {
            if writer.rows > 0 {
                bucket.push(self.arena.put(&writer.bytes, writer.rows, self.side)?);
                writer.clear();
            }
        }
        Ok(())
    }
}

impl Sink for Spill<'_> {
    fn push(&mut self, customer: &str, line: &Line<'_>) -> Result<(), Error> {
        let same = self.last.as_ref().is_some_and(|(last, _)| last == customer);
        self.guards.see(customer, same, line);
        let at = line.occurred_at;
        self.facts.first = Some(self.facts.first.map_or(at, |first| first.min(at)));
        self.facts.last = Some(self.facts.last.map_or(at, |last| last.max(at)));
        let bucket = match &self.last {
            Some((_, bucket)) if same => *bucket,
            _ => {
                let ours = self.options.shard.is_none_or(|shard| shard.has(customer));
                let bucket = ours.then(|| self.ranges.find(customer));
                let (last, held) = self.last.get_or_insert_default();
                last.clear();
                last.push_str(customer);
                *held = bucket;
                bucket
            }
        };
        let Some(bucket) = bucket else { return Ok(()) };
        self.facts.events += 1;
        if self.options.after.as_deref().is_some_and(|after| customer <= after) {
            return Ok(());
        }
        self.put(bucket, customer, line)
    }
}

/// What was read into buckets.
#[derive(Default)]
pub(super) struct Spilled {
    pub(super) buckets: Vec<Vec<Block>>,
    pub(super) facts: Facts,
    pub(super) guards: Guards,
}

/// Reads all files into buckets, with all threads of the current rayon pool. `sides` says for each file which of those
/// that repeat each other it is; the blocks keep them apart.
pub(super) fn spill(
    input: &Input,
    ranges: &Ranges,
    arena: &Arena,
    options: &StreamOptions,
    (block, sides): (usize, &[u32]),
) -> Result<(Spilled, Tally), Error> {
    let parts = input.parts();
    let next = AtomicUsize::new(0);
    let tallies = Mutex::new(Tallies::new(options.read.rejects.is_some()));
    let progress = Progress::new(options.read.progress, "reading", input.bytes);
    let work = |_| {
        let mut spill = Spill::new(ranges, arena, options, block);
        spill.guards = Guards::new(input.files.len());
        while let Some(&part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            spill.guards.begin(part.0);
            spill.begin(sides.get(part.0).copied().unwrap_or(0))?;
            let mut gather = Gather::new(&mut spill, &options.read);
            let read = input.read(part, &mut gather, &progress);
            if read.is_err() {
                // The others need not go on.
                next.store(parts.len(), Ordering::Relaxed);
            }
            read?;
            let tally = gather.tally;
            tallies.lock().unwrap_or_else(PoisonError::into_inner).add(part, tally);
        }
        spill.finish()
    };
    let threads = rayon::current_num_threads().min(parts.len());
    let spilled =
        (0..threads).into_par_iter().with_max_len(1).map(work).collect::<Result<Vec<_>, Error>>()?;
    let mut whole = Spilled::default();
    whole.buckets.resize_with(ranges.len(), Vec::new);
    for from in spilled {
        whole.facts.absorb(from.facts);
        whole.guards.absorb(from.guards);
        whole.buckets.iter_mut().zip(from.buckets).for_each(|(bucket, more)| bucket.extend(more));
    }
    let tallies = tallies.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((whole, tallies.whole()))
}

/// The tallies of the parts, joined in the order of the files whatever order they come in.
struct Tallies {
    waiting: BTreeMap<(usize, usize), Tally>,
    list: bool,
}

impl Tallies {
    fn new(list: bool) -> Self {
        Tallies { waiting: BTreeMap::new(), list }
    }

    fn add(&mut self, part: (usize, usize), tally: Tally) {
        let listed = tally.rejects.listed();
        self.waiting.insert(part, tally);
        if listed == 0 {
            return;
        }
        // What comes after enough rejects that are known already will never be listed.
        let mut room = LISTED_REJECTS;
        for tally in self.waiting.values_mut() {
            tally.rejects.shorten(room);
            room -= tally.rejects.listed();
        }
    }

    fn whole(self) -> Tally {
        let mut whole = Tally::new(self.list);
        self.waiting.into_values().for_each(|tally| whole.absorb(tally));
        whole
    }
}
