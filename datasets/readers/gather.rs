//! Takes the lines of files, one after the other: events go to a sink, everything else into a tally.

use std::sync::Arc;

use super::columns::{Column, KNOWN};
use super::forms::numbers::currency;
use super::forms::trimmed;
use super::headings::Headings;
use super::lines::{Cell, Cells, Found, Grouped, Outcome, Rules, instant, is_whole, read, undated};
use super::rejects::{Cause, Place, Raw};
use super::rows::Take;
use super::tally::Tally;
use crate::event::{Kind, Micros};
use crate::guards::Window;
use crate::identity::People;
use crate::warnings::Code;
use crate::{Erasures, Error, HistoriesBuilder, Line, ReadOptions, Zone};

/// Where events go.
pub(crate) trait Sink {
    /// Takes a checked event of a customer.
    fn push(&mut self, customer: &str, line: &Line<'_>) -> Result<(), Error>;
}

impl Sink for HistoriesBuilder {
    fn push(&mut self, customer: &str, line: &Line<'_>) -> Result<(), Error> {
        self.push_checked(customer, self.is_last(customer), line)
    }
}

impl<S: Sink> Sink for &mut S {
    fn push(&mut self, customer: &str, line: &Line<'_>) -> Result<(), Error> {
        S::push(self, customer, line)
    }
}

/// What one reader has gathered so far.
pub(crate) struct Gather<S> {
    pub(crate) sink: S,
    pub(crate) tally: Tally,
    rules: Rules,
    partial: bool,
    zone: Zone,
    /// Earlier lines are left out.
    since: Micros,
    /// Lines that happened beyond are set aside, and lines recorded later than the clock admits.
    window: Window,
    recorded_to: Micros,
    people: Option<Arc<People>>,
    /// Who was erased, and what is known of the last customer asked for.
    erased: Option<(Arc<Erasures>, String, bool)>,
    /// What cells borrow from while their line is taken. Absent in the meantime.
    held: Option<Box<Held>>,
    /// The last customer whose id was looked at.
    last: String,
    /// Whether it is a text exactly as it was in the file.
    last_plain: bool,
    /// The currency of the last lines, and how many they are.
    currency: (String, u64),
}

/// What the cells of a line may borrow from.
#[derive(Default)]
struct Held {
    /// Where numbers become text, one for each column.
    scratch: [String; KNOWN],
    first: First,
    headings: Headings,
}

impl<S: Sink> Gather<S> {
    pub(crate) fn new(sink: S, options: &ReadOptions) -> Self {
        Gather {
            sink,
            tally: Tally::new(options.rejects.is_some()),
            rules: Rules::default(),
            partial: false,
            zone: options.zone,
            since: options.since.unwrap_or(Micros::MIN),
            window: options.window,
            recorded_to: Window::until(options.clock()).to,
            people: options.people.clone(),
            erased: options.erased.clone().map(|erased| (erased, String::new(), false)),
            held: None,
            last: String::new(),
            last_plain: false,
            currency: (String::new(), 0),
        }
    }

    /// The lines that follow are to be understood so. `partial`: not every line has every column.
    pub(crate) fn begin(&mut self, rules: &Rules, partial: bool) {
        self.rules = rules.clone();
        self.partial = partial;
        self.held = None;
        self.last.clear();
    }

    /// Ends the lines of a part.
    pub(crate) fn end(&mut self) {
        let (currency, lines) = std::mem::take(&mut self.currency);
        if lines > 0 {
            self.tally.count_currency(&currency, lines);
        }
    }

    fn count_currency(&mut self, name: &str) {
        if self.currency.0 != name {
            self.end();
            self.currency = (name.to_owned(), 0);
        }
        self.currency.1 += 1;
    }
}

impl<S: Sink> Take for Gather<S> {
    /// Takes in one line: events, a line without a customer, one that bought nothing, or a reject.
    fn take(&mut self, place: Place, cells: &Cells<'_>) -> Result<(), Error> {
        self.tally.lines += 1;
        if self.partial {
            for (seen, cell) in self.tally.seen_in_json.iter_mut().zip(cells) {
                *seen |= !matches!(cell, Cell::Null);
            }
        }
        let mut held = self.held.take().unwrap_or_default();
        let Held { scratch, first, headings } = &mut *held;
        let (filled, named);
        let mut cells = cells;
        if self.rules.headings != Grouped::No {
            named = headings.fill(cells);
            cells = &named;
        }
        if self.rules.carries {
            if !first.is_of(cells) {
                first.set(cells);
            } else if let Some(more) = first.fill(cells, self.rules.order_total) {
                filled = more;
                cells = &filled;
            }
        }
        let outcome = {
            let known = if self.last_plain { self.last.as_str() } else { "" };
            read(cells, &self.rules, self.zone, known, scratch)
        };
        let done = match &outcome {
            Ok(Outcome::Event(found))
                if !self.window.has(found.line.occurred_at) || found.line.recorded_at > self.recorded_to =>
            {
                let far = Zone::default().format(found.line.occurred_at);
                let customer = &cells[Column::CustomerId as usize];
                self.tally.warnings.note(Code::FarDates, || format!("{far} of `{customer}`"));
                self.reject(place, Cause::FarDate, cells);
                Ok(())
            }
            Ok(Outcome::Event(found)) => self.take_event(found, cells),
            Ok(Outcome::Nobody(code)) => {
                self.tally.without_customer += 1;
                if let Some(code) = code {
                    self.tally.warnings.note(*code, || cells[Column::CustomerId as usize].to_string());
                }
                Ok(())
            }
            Ok(Outcome::LeftOut(code, column)) => {
                self.tally.not_bought += 1;
                let what = || format!("{} `{}`", column.name(), cells[*column as usize]);
                self.tally.warnings.note(*code, what);
                Ok(())
            }
            Err(cause) => {
                self.reject(place, *cause, cells);
                Ok(())
            }
        };
        self.held = Some(held);
        done
    }

    /// Rejects a stretch of lines that could not be split into cells.
    fn refuse(&mut self, place: Place, cause: Cause, raw: impl FnOnce() -> String) {
        self.tally.lines += place.span;
        self.tally.rejects.add(place, cause, || Raw::Line(raw()));
    }

    fn note(&mut self, code: Code, example: impl FnOnce() -> String) {
        self.tally.warnings.note(code, example);
    }

    fn is_remark(&self, cells: &Cells<'_>) -> bool {
        undated(cells, &self.rules)
    }

    fn remark(&mut self) {
        self.tally.remarks += 1;
    }

    fn heading(&mut self, name: &str) -> bool {
        let headings = &mut self.held.get_or_insert_default().headings;
        let is = self.rules.headings != Grouped::No && headings.take(name, self.rules.headings);
        self.tally.remarks += u64::from(is);
        is
    }

    /// Whether this cell is an instant before the one asked for.
    fn is_before(&self, cell: Cell<'_>) -> bool {
        self.since > Micros::MIN
            && matches!(instant(&cell, self.rules.occurred_at, self.zone, Cause::BadOccurredAt), Ok(Some(at)) if at < self.since)
    }

    /// Passes over lines that are known to be before the instant asked for.
    fn pass_over(&mut self, lines: u64) {
        self.tally.lines += lines;
        self.tally.before_since += lines;
    }
}

impl<S: Sink> Gather<S> {
    fn reject(&mut self, place: Place, cause: Cause, cells: &Cells<'_>) {
        self.tally.lines += place.span - 1;
        let values = || std::array::from_fn(|at| cells[at].to_string());
        self.tally.rejects.add(place, cause, || Raw::Values(Box::new(values())));
    }

    #[inline]
    fn take_event(&mut self, found: &Found<'_>, cells: &Cells<'_>) -> Result<(), Error> {
        if found.line.occurred_at < self.since {
            self.tally.before_since += 1;
            return Ok(());
        }
        // Lines of a customer are often adjacent, and looking at an id takes longer than a line.
        if self.last != found.who.id {
            self.last.clear();
            self.last.push_str(found.who.id);
            self.tally.similar.note(found.who.id);
            self.tally.text_ids |=
                self.people.is_some() || !is_whole(found.who.id) || (self.rules.typed && found.who.text);
            self.last_plain = found.who.plain;
        }
        let person = self.people.as_ref().and_then(|people| people.person_of(found.who.id));
        let customer = person.unwrap_or(found.who.id);
        if let Some((erasures, last, erased)) = &mut self.erased {
            if last != customer {
                *erased = erasures.contains(customer);
                last.clear();
                last.push_str(customer);
            }
            if *erased {
                self.tally.erased += 1;
                return Ok(());
            }
        }
        self.sink.push(customer, &found.line)?;
        if let Some(refund) = found.refund {
            let line = Line { kind: Kind::Return, amount: -refund, ..found.line };
            self.sink.push(customer, &line)?;
        }
        self.note_oddities(found, cells);
        Ok(())
    }

    #[inline]
    fn note_oddities(&mut self, found: &Found<'_>, cells: &Cells<'_>) {
        if found.ambiguous {
            self.tally.warnings.note(Code::AmbiguousDecimal, || cells[Column::Amount as usize].to_string());
        }
        if found.assumed_price {
            self.tally.warnings.note(Code::PriceTakenForOnePiece, || {
                format!("{} x {}", cells[Column::Quantity as usize], cells[Column::Amount as usize])
            });
        }
        if found.unknown_status {
            self.tally.count_unknown_status(cells[Column::Status as usize].to_string().trim());
        }
        if let Some(unit) = found.unit {
            self.count_currency(&currency(unit));
        } else if let Cell::Text(text) = cells[Column::Currency as usize] {
            self.count_currency(&currency(text));
        }
    }
}

/// What the first line of an order says that the lines after it leave out.
#[derive(Debug, Default)]
struct First {
    order: Kept,
    customer: Kept,
    occurred_at: Kept,
    status: Kept,
    payment_status: Kept,
    amount: Kept,
    refunded: bool,
}

impl First {
    /// This line is the first one of an order.
    fn set(&mut self, cells: &Cells<'_>) {
        let cell = |column: Column| cells[column as usize];
        self.order.set(cell(Column::OrderId));
        self.customer.set(cell(Column::CustomerId));
        self.occurred_at.set(cell(Column::OccurredAt));
        self.status.set(cell(Column::Status));
        self.payment_status.set(cell(Column::PaymentStatus));
        self.amount.set(cell(Column::Amount));
        self.refunded = match cell(Column::Refunded) {
            Cell::Null => false,
            Cell::Text(text) => text.bytes().any(|byte| matches!(byte, b'1'..=b'9')),
            other => other.to_string().bytes().any(|byte| matches!(byte, b'1'..=b'9')),
        };
    }

    /// Whether a line is a later one of the same order.
    #[inline]
    fn is_of(&self, cells: &Cells<'_>) -> bool {
        !self.order.is_empty() && self.order.is(cells[Column::OrderId as usize])
    }

    /// The cells of a later line with what it leaves out, if it leaves anything out. What counts once for the order counts
    /// on its first line.
    #[inline]
    fn fill<'a>(&'a self, cells: &Cells<'a>, order_total: bool) -> Option<Cells<'a>> {
        let carried = [
            (Column::CustomerId, &self.customer),
            (Column::OccurredAt, &self.occurred_at),
            (Column::Status, &self.status),
            (Column::PaymentStatus, &self.payment_status),
        ];
        let lacks = |column: Column, kept: &Kept| is_empty(cells[column as usize]) && !kept.is_empty();
        let whole = !carried.iter().any(|(column, kept)| lacks(*column, kept));
        if whole && !order_total && !self.refunded {
            return None;
        }
        let mut filled = *cells;
        for (column, kept) in carried {
            if lacks(column, kept) {
                filled[column as usize] = kept.cell();
            }
        }
        let amount = cells[Column::Amount as usize];
        // A line that says neither when nor how much, and of nobody else, says what else was in the order.
        let [customer, occurred_at] =
            [Column::CustomerId, Column::OccurredAt].map(|column| cells[column as usize]);
        let of_same = is_empty(customer) || self.customer.is(customer);
        if of_same && is_empty(occurred_at) && is_empty(amount) {
            filled[Column::Amount as usize] = Cell::Float(0.0);
        }
        if order_total && (is_empty(amount) || self.amount.is(amount)) {
            filled[Column::Amount as usize] = Cell::Float(0.0);
            filled[Column::Adjusted as usize] = Cell::Null;
        }
        if self.refunded {
            filled[Column::Refunded as usize] = Cell::Null;
            filled[Column::Status as usize] = Cell::Text("paid");
            filled[Column::PaymentStatus as usize] = Cell::Null;
        }
        Some(filled)
    }
}

fn is_empty(cell: Cell<'_>) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Text(text) => trimmed(text).is_empty(),
        _ => false,
    }
}

/// A cell that outlives its line. Its text reuses the memory of the one before.
#[derive(Debug, Default)]
struct Kept {
    text: String,
    /// The cell where it is no text.
    other: Option<Cell<'static>>,
}

impl Kept {
    fn set(&mut self, cell: Cell<'_>) {
        self.text.clear();
        self.other = match cell {
            Cell::Text(text) => {
                self.text.push_str(text);
                None
            }
            Cell::Null => None,
            Cell::Int(number) => Some(Cell::Int(number)),
            Cell::UInt(number) => Some(Cell::UInt(number)),
            Cell::Float(number) => Some(Cell::Float(number)),
            Cell::Bool(value) => Some(Cell::Bool(value)),
            Cell::Instant(at) => Some(Cell::Instant(at)),
            Cell::Local(at) => Some(Cell::Local(at)),
            Cell::Other => Some(Cell::Other),
        };
    }

    fn cell(&self) -> Cell<'_> {
        match self.other {
            Some(other) => other,
            None if self.text.is_empty() => Cell::Null,
            None => Cell::Text(&self.text),
        }
    }

    fn is_empty(&self) -> bool {
        self.other.is_none() && self.text.is_empty()
    }

    /// Whether a cell is the same.
    #[inline]
    fn is(&self, cell: Cell<'_>) -> bool {
        match (self.other, cell) {
            (None, Cell::Text(text)) => self.text == text,
            (None, Cell::Null) => self.text.is_empty(),
            (Some(Cell::Int(a)), Cell::Int(b)) => a == b,
            (Some(Cell::UInt(a)), Cell::UInt(b)) => a == b,
            (Some(Cell::Float(a)), Cell::Float(b)) => a.to_bits() == b.to_bits(),
            // A number here and a text there: how they are written decides.
            _ => !matches!(cell, Cell::Null) && self.cell().to_string() == cell.to_string(),
        }
    }
}
