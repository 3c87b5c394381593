//! Ranges light enough to be loaded at once.

use std::collections::VecDeque;

use super::arena::{Arena, Block};
use super::ranges::Ranges;
use super::spill::Spill;
use super::{LEAST_MEMORY, StreamOptions, record};
use crate::Error;

/// A range of customers that is loaded at once.
pub(super) struct Leaf {
    pub blocks: Vec<Block>,
    /// All lines belong to one customer, too many for the common way.
    pub giant: bool,
}

impl Leaf {
    pub fn bytes(&self) -> u64 {
        self.blocks.iter().map(Block::len).sum()
    }

    pub fn rows(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.rows)).sum()
    }
}

/// How a budget of memory is spent: a quarter holds blocks, an eighth those that are being filled, half is for
/// ranges that are loaded.
pub(super) struct Shares {
    pub room: u64,
    pub filling: u64,
    /// Bytes of a range, as blocks. Loaded, a line takes up to six times as much.
    pub leaf: u64,
}

impl Shares {
    pub fn of(memory: u64) -> Self {
        let memory = memory.max(LEAST_MEMORY);
        let threads = rayon::current_num_threads() as u64;
        Shares {
            room: memory / 4,
            filling: memory / 8,
            leaf: (memory / 2 / (threads * 6)).clamp(64 << 10, 24 << 20),
        }
    }

    /// Bytes of a block, where so many ranges are filled at once by so many threads.
    pub fn block(&self, ranges: usize, threads: usize) -> usize {
        (self.filling as usize / (ranges * threads).max(1)).clamp(4 << 10, 64 << 10)
    }
}

/// Cuts ranges that are too heavy until each is light enough or holds one customer alone.
pub(super) fn level(
    buckets: Vec<Vec<Block>>,
    arena: &Arena,
    options: &StreamOptions,
    shares: &Shares,
) -> Result<Vec<Leaf>, Error> {
    let mut waiting: VecDeque<Leaf> =
        buckets.into_iter().map(|blocks| Leaf { blocks, giant: false }).collect();
    let mut leaves = Vec::with_capacity(waiting.len());
    let mut buffer = Vec::new();
    while let Some(mut leaf) = waiting.pop_front() {
        if leaf.blocks.is_empty() {
            continue;
        }
        if leaf.bytes() <= 2 * shares.leaf {
            leaves.push(leaf);
            continue;
        }
        let step = (leaf.rows() / 20_000).max(1);
        let (mut rows, mut sample, mut ends) = (0, Vec::new(), None::<(Box<str>, Box<str>)>);
        for block in &leaf.blocks {
            record::read(arena.get(block, &mut buffer)?, |customer, same, _| {
                if rows % step == 0 {
                    sample.push(Box::from(customer));
                }
                rows += 1;
                if !same {
                    let (least, greatest) = ends.get_or_insert_with(|| (customer.into(), customer.into()));
                    if customer < &**least {
                        *least = customer.into();
                    }
                    if customer > &**greatest {
                        *greatest = customer.into();
                    }
                }
                Ok(())
            })?;
        }
        let Some((least, greatest)) = ends else { continue };
        if least == greatest {
            leaf.giant = true;
            leaves.push(leaf);
            continue;
        }
        let mut ranges = Ranges::of_sample(sample, leaf.bytes().div_ceil(shares.leaf) as usize + 1);
        if ranges.find(&least) == ranges.find(&greatest) {
            // The sample saw one customer alone: the ends are apart in any case.
            ranges = Ranges::new(vec![format!("{least}\0").into(), greatest]);
        }
        let block = shares.block(ranges.len(), 1);
        let mut parts = Spill::new(&ranges, arena, options, block);
        for whole in &leaf.blocks {
            parts.begin(whole.side)?;
            record::read(arena.get(whole, &mut buffer)?, |customer, _, line| {
                parts.put(ranges.find(customer), customer, line)
            })?;
            arena.release(whole);
        }
        for blocks in parts.finish()?.buckets.into_iter().rev() {
            waiting.push_front(Leaf { blocks, giant: false });
        }
    }
    Ok(leaves)
}
