//! One customer with an implausible share of the lines: a collective number of a till, or a word for "nobody".

use crate::Warnings;
use crate::warnings::Code;

/// Cells by hash: a power of two.
const CELLS: usize = 1 << 8;
/// Fewer customers than this may well have a great one among them.
const LEAST_CUSTOMERS: f64 = 100.0;
/// Fewer lines say nothing.
const LEAST_LINES: u64 = 200;
/// A share of the lines that no customer among hundreds has.
const SHARE: f64 = 0.1;

/// Lines by the hash of their customer. A customer who has more than half of a cell's lines is its name, whatever the
/// order in which lines come (the majority vote of Boyer & Moore, 1981).
pub(super) struct Crowd {
    cells: Vec<Cell>,
}

#[derive(Clone, Default)]
struct Cell {
    lines: u64,
    votes: u64,
    who: u64,
    name: String,
}

impl Default for Crowd {
    fn default() -> Self {
        Crowd { cells: vec![Cell::default(); CELLS] }
    }
}

impl Crowd {
    #[inline]
    pub(super) fn see(&mut self, customer: &str, who: u64) {
        let cell = &mut self.cells[(who >> 40) as usize % CELLS];
        cell.lines += 1;
        if cell.votes == 0 {
            cell.who = who;
            cell.name.clear();
            cell.name.push_str(customer);
            cell.votes = 1;
        } else if cell.who == who {
            cell.votes += 1;
        } else {
            cell.votes -= 1;
        }
    }

    pub(super) fn absorb(&mut self, other: Crowd) {
        for (mine, theirs) in self.cells.iter_mut().zip(other.cells) {
            let lines = mine.lines + theirs.lines;
            if mine.who == theirs.who && mine.votes > 0 && theirs.votes > 0 {
                mine.votes += theirs.votes;
            } else if theirs.votes > mine.votes {
                *mine = Cell { votes: theirs.votes - mine.votes, ..theirs };
            } else {
                mine.votes -= theirs.votes;
            }
            mine.lines = lines;
        }
    }

    pub(super) fn judge(&self, warnings: &mut Warnings) {
        let lines: u64 = self.cells.iter().map(|cell| cell.lines).sum();
        let empty = self.cells.iter().filter(|cell| cell.lines == 0).count().max(1);
        // Linear counting (Whang, Vander-Zanden & Taylor 1990): how many hashes fill so many cells.
        let customers = CELLS as f64 * (CELLS as f64 / empty as f64).ln();
        if lines < LEAST_LINES || customers < LEAST_CUSTOMERS {
            return;
        }
        for cell in &self.cells {
            let share = cell.lines as f64 / lines as f64;
            if share >= SHARE && cell.votes * 2 > cell.lines {
                warnings.add(Code::GiantCustomer, cell.lines, || {
                    format!("`{}` has about {:.0} % of the lines", cell.name, 100.0 * share)
                });
            }
        }
    }
}
