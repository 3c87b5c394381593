//! Rows of a table: which of its columns are wanted, and what takes their cells.

use super::columns::COLUMNS;
use super::lines::{Cell, Cells};
use super::rejects::{Cause, Place};
use crate::Error;
use crate::warnings::Code;

/// What takes the rows of a table.
pub(crate) trait Take {
    /// Takes the cells of a row.
    fn take(&mut self, place: Place, cells: &Cells<'_>) -> Result<(), Error>;

    /// Takes notice of lines that could not be split into cells.
    fn refuse(&mut self, _: Place, _: Cause, _: impl FnOnce() -> String) {}

    /// Takes notice of something odd.
    fn note(&mut self, _: Code, _: impl FnOnce() -> String) {}

    /// Whether the cells may be those of a sum or a remark below the table.
    fn is_remark(&self, _: &Cells<'_>) -> bool {
        false
    }

    /// Counts a line that is a sum or a remark.
    fn remark(&mut self) {}

    /// Takes a name that stands alone, above the rows of a customer or beside their sum. Returns whether it is one.
    fn heading(&mut self, _: &str) -> bool {
        false
    }

    /// Whether no more rows are wanted.
    fn done(&self) -> bool {
        false
    }

    /// Whether rows whose instant is at most this one are not wanted.
    fn is_before(&self, _: Cell<'_>) -> bool {
        false
    }

    /// Counts rows that were not even looked at for that reason.
    fn pass_over(&mut self, _: u64) {}
}

/// The columns of a table that are wanted, and where their cells go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Place among the cells, place among the columns of the table.
    pub(crate) slots: Vec<(usize, usize)>,
    /// Place among the cells, name: of columns that not every row has.
    pub(crate) names: Vec<(usize, String)>,
    /// Place among the cells, the one value that all rows have.
    pub(crate) constants: Vec<(usize, String)>,
}

impl Wanted {
    /// Wants the columns at these places of a header, whose last ones are constants.
    pub(crate) fn new(places: &[Option<usize>], header: &[String], constants: &[(String, String)]) -> Wanted {
        let own = header.len() - constants.len();
        let mut wanted = Wanted::default();
        for (slot, place) in places.iter().enumerate() {
            match *place {
                Some(place) if place < own => {
                    wanted.slots.push((slot, place));
                    wanted.names.push((slot, header[place].clone()));
                }
                Some(place) => wanted.constants.push((slot, constants[place - own].1.clone())),
                None => {}
            }
        }
        wanted
    }

    /// Whether the table has a column for these cells.
    pub(crate) fn has(&self, slot: usize) -> bool {
        self.slots.iter().any(|(own, _)| *own == slot)
    }

    /// The cells of a row before its own are filled in.
    pub(crate) fn constants(&self) -> Cells<'_> {
        let mut cells = [Cell::Null; COLUMNS];
        for (slot, value) in &self.constants {
            cells[*slot] = Cell::Text(value);
        }
        cells
    }
}
