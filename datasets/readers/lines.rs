//! From the cells of one line to an event: the same for every format.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use super::columns::{COLUMNS, Column};
use super::rejects::{Cause, Place, Raw, Rejects};
use crate::event::{Kind, Micros};
use crate::guards::Window;
use crate::identity::People;
use crate::warnings::Code;
use crate::{Erasures, Error, HistoriesBuilder, Line, ReadOptions, Warnings, Zone};

/// Bytes of an id or name at most.
const TEXT_BYTES: usize = 1000;

/// Whole numbers up to here are exact as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One value as the file has it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    Null,
    Text(&'a str),
    Int(i64),
    UInt(u64),
    Float(f64),
    /// Microseconds since 1970 in UTC.
    Instant(Micros),
    /// Microseconds since 1970 as local clocks show them.
    Local(Micros),
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A list, an object, true or false.
    Other,
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Null => Ok(()),
            Cell::Text(text) => f.write_str(text),
            Cell::Int(number) => number.fmt(f),
            Cell::UInt(number) => number.fmt(f),
            Cell::Float(number) => number.fmt(f),
            Cell::Instant(instant) => f.write_str(&Zone::default().format(*instant)),
            Cell::Local(instant) => f.write_str(Zone::default().format(*instant).trim_end_matches('Z')),
            Cell::NotUtf8 => f.write_str("(not UTF-8)"),
            Cell::Other => f.write_str("(list, object or true/false)"),
        }
    }
}

/// The cells of the known columns, by the position of the column.
pub(crate) type Cells<'a> = [Cell<'a>; COLUMNS];

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

/// What became of the lines that were read.
pub(crate) struct Tally {
    pub(crate) rejects: Rejects,
    /// Lines of data.
    pub(crate) lines: u64,
    pub(crate) without_customer: u64,
    /// Lines from before the instant asked for.
    pub(crate) before_since: u64,
    /// Lines of customers who were erased.
    pub(crate) erased: u64,
    /// Columns that occurred in some line of NDJSON.
    pub(crate) seen_in_json: [bool; COLUMNS],
    /// What is odd about lines that were taken in, or left out without being rejects.
    pub(crate) warnings: Warnings,
}

impl Tally {
    pub(crate) fn new(list_rejects: bool) -> Self {
        Tally {
            rejects: Rejects::new(list_rejects),
            lines: 0,
            without_customer: 0,
            before_since: 0,
            erased: 0,
            seen_in_json: [false; COLUMNS],
            warnings: Warnings::default(),
        }
    }

    /// Takes in the tally of the lines that come after.
    pub(crate) fn absorb(&mut self, other: Tally) {
        self.rejects.absorb(other.rejects);
        self.lines += other.lines;
        self.without_customer += other.without_customer;
        self.before_since += other.before_since;
        self.erased += other.erased;
        self.warnings.absorb(other.warnings);
        for (mine, theirs) in self.seen_in_json.iter_mut().zip(other.seen_in_json) {
            *mine |= theirs;
        }
    }
}

/// What one reader has gathered so far.
pub(crate) struct Gather<S> {
    pub(crate) sink: S,
    pub(crate) tally: Tally,
    zone: Zone,
    /// Earlier lines are left out.
    since: Micros,
    /// Lines beyond are set aside.
    window: Window,
    people: Option<Arc<People>>,
    /// Who was erased, and what is known of the last customer asked for.
    erased: Option<(Arc<Erasures>, String, bool)>,
    /// Where numbers become text, one for each column.
    numbers: [String; COLUMNS],
}

impl<S: Sink> Gather<S> {
    pub(crate) fn new(sink: S, options: &ReadOptions) -> Self {
        Gather {
            sink,
            tally: Tally::new(options.rejects.is_some()),
            zone: options.zone,
            since: options.since.unwrap_or(Micros::MIN),
            window: options.window,
            people: options.people.clone(),
            erased: options.erased.clone().map(|erased| (erased, String::new(), false)),
            numbers: Default::default(),
        }
    }

    /// Takes in one line: an event, a line without a customer, or a reject.
    pub(crate) fn take(&mut self, place: Place, cells: &Cells<'_>) -> Result<(), Error> {
        self.tally.lines += 1;
        let cause = match read(cells, self.zone, &mut self.numbers) {
            Ok(Some((_, line)))
                if !self.window.has(line.occurred_at) || line.recorded_at > self.window.to =>
            {
                let (customer, far) =
                    (&cells[Column::CustomerId as usize], Zone::default().format(line.occurred_at));
                self.tally.warnings.note(Code::FarDates, || format!("{far} of `{customer}`"));
                Cause::FarDate
            }
            Ok(Some((customer, line))) if line.occurred_at >= self.since => {
                let person = self.people.as_ref().and_then(|people| people.person_of(customer));
                let customer = person.unwrap_or(customer);
                if let Some((erasures, last, erased)) = &mut self.erased {
                    // Lines of a customer often stand together, and a hash takes longer than a line.
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
                return self.sink.push(customer, &line);
            }
            Ok(Some(_)) => {
                self.tally.before_since += 1;
                return Ok(());
            }
            Ok(None) => {
                self.tally.without_customer += 1;
                return Ok(());
            }
            Err(cause) => cause,
        };
        self.tally.lines += place.span - 1;
        self.tally.rejects.add(place, cause, || Raw::Values(Box::new(cells.map(|cell| cell.to_string()))));
        Ok(())
    }

    /// Rejects a stretch of lines that could not be split into cells.
    pub(crate) fn refuse(&mut self, place: Place, cause: Cause, raw: impl FnOnce() -> String) {
        self.tally.lines += place.span;
        self.tally.rejects.add(place, cause, || Raw::Line(raw()));
    }

    /// Passes over lines that are known to lie before the instant asked for.
    pub(crate) fn pass_over(&mut self, lines: u64) {
        self.tally.lines += lines;
        self.tally.before_since += lines;
    }

    /// Whether this cell is an instant before the one asked for.
    pub(crate) fn is_before(&self, cell: Cell<'_>) -> bool {
        matches!(instant(cell, self.zone, Cause::BadOccurredAt), Ok(Some(at)) if at < self.since)
    }

    /// Whether lines may be passed over at all.
    pub(crate) fn has_since(&self) -> bool {
        self.since > Micros::MIN
    }
}

/// The customer and event of a line; `None` if it has no customer.
#[inline]
pub(crate) fn read<'a>(
    cells: &Cells<'a>,
    zone: Zone,
    numbers: &'a mut [String; COLUMNS],
) -> Result<Option<(&'a str, Line<'a>)>, Cause> {
    let cell = |column: Column| cells[column as usize];
    let [customer, _, _, order, product, category, channel, _, _, _, promotion] = numbers.each_mut();
    let Some(customer) = id(cell(Column::CustomerId), customer)? else { return Ok(None) };

    let occurred_at =
        instant(cell(Column::OccurredAt), zone, Cause::BadOccurredAt)?.ok_or(Cause::MissingOccurredAt)?;
    let recorded_at = instant(cell(Column::RecordedAt), zone, Cause::BadRecordedAt)?.unwrap_or(occurred_at);
    let amount = number(cell(Column::Amount), Cause::BadAmount)?;
    let kind = match kind(cell(Column::Kind))? {
        Some(kind) => kind,
        None if amount.is_some_and(|amount| amount < 0.0) => Kind::Return,
        None => Kind::Purchase,
    };
    let amount = match amount {
        None if kind == Kind::Purchase => return Err(Cause::Invalid(crate::event::Invalid::MissingAmount)),
        amount => amount.unwrap_or(0.0),
    };
    let quantity = number(cell(Column::Quantity), Cause::BadQuantity)?.unwrap_or(1.0) as f32;
    let line = Line {
        occurred_at,
        recorded_at,
        kind,
        amount,
        quantity,
        order: text(cell(Column::OrderId), order)?,
        product: text(cell(Column::ProductId), product)?,
        category: text(cell(Column::Category), category)?,
        channel: text(cell(Column::Channel), channel)?,
        promotion: text(cell(Column::Promotion), promotion)?,
    };
    Ok(Some((customer, line.checked().map_err(Cause::Invalid)?)))
}

/// A customer id: a number must be whole and exact, for it is somebody's name.
pub(crate) fn id<'a>(cell: Cell<'a>, number: &'a mut String) -> Result<Option<&'a str>, Cause> {
    match cell {
        Cell::Float(value) if !value.is_nan() && (value.fract() != 0.0 || value.abs() >= EXACT) => {
            Err(Cause::BadCustomerId)
        }
        Cell::Other | Cell::Instant(_) | Cell::Local(_) => Err(Cause::BadCustomerId),
        cell => text(cell, number),
    }
}

/// A text exactly as it stands, or a number as text; nothing if there is nothing but space.
#[inline]
fn text<'a>(cell: Cell<'a>, number: &'a mut String) -> Result<Option<&'a str>, Cause> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Text(text) if text.len() > TEXT_BYTES => Err(Cause::TextTooLong),
        // Almost every text begins with a visible ASCII character.
        Cell::Text(text) if text.as_bytes().first().is_some_and(u8::is_ascii_graphic) => Ok(Some(text)),
        Cell::Text(text) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
        cell => as_text(cell, number),
    }
}

fn as_text<'a>(cell: Cell<'a>, number: &'a mut String) -> Result<Option<&'a str>, Cause> {
    number.clear();
    match cell {
        Cell::Null => return Ok(None),
        Cell::Text(text) => number.push_str(text),
        Cell::NotUtf8 => return Err(Cause::NotUtf8),
        Cell::Other | Cell::Instant(_) | Cell::Local(_) => return Err(Cause::BadText),
        Cell::Float(value) if value.is_nan() => return Ok(None),
        // Tables that know no missing whole number turn 13085 into 13085.0.
        Cell::Float(value) if value.fract() == 0.0 && value.abs() < EXACT => {
            number.push_str(itoa::Buffer::new().format(value as i64));
        }
        // Writing to a string does not fail.
        Cell::Float(value) => drop(write!(number, "{value}")),
        Cell::Int(value) => number.push_str(itoa::Buffer::new().format(value)),
        Cell::UInt(value) => number.push_str(itoa::Buffer::new().format(value)),
    }
    Ok(Some(number))
}

#[inline]
fn number(cell: Cell<'_>, bad: Cause) -> Result<Option<f64>, Cause> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Float(value) => Ok(Some(value)),
        Cell::Int(value) => Ok(Some(value as f64)),
        Cell::UInt(value) => Ok(Some(value as f64)),
        Cell::Text(text) => match text.trim() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| bad),
        },
        _ => Err(bad),
    }
}

#[inline]
fn instant(cell: Cell<'_>, zone: Zone, bad: Cause) -> Result<Option<Micros>, Cause> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Instant(instant) => Ok(Some(instant)),
        Cell::Local(local) => Ok(Some(zone.from_local(local))),
        Cell::Text(text) if text.trim().is_empty() => Ok(None),
        Cell::Text(text) => zone.instant(text).map(Some).map_err(|_| bad),
        _ => Err(bad),
    }
}

#[inline]
fn kind(cell: Cell<'_>) -> Result<Option<Kind>, Cause> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Text(text) => match text.trim() {
            "" => Ok(None),
            "purchase" => Ok(Some(Kind::Purchase)),
            name => match Kind::from_name(name) {
                None => Kind::from_name(&name.to_ascii_lowercase()).map(Some).ok_or(Cause::UnknownKind),
                kind => Ok(kind),
            },
        },
        _ => Err(Cause::UnknownKind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Invalid;

    const NONE: Cells<'static> = [Cell::Null; COLUMNS];

    fn line(cells: &[(Column, Cell<'static>)]) -> Result<Option<(String, f64, Kind)>, Cause> {
        let mut all = NONE;
        all[Column::CustomerId as usize] = Cell::Text("c");
        all[Column::OccurredAt as usize] = Cell::Text("2011-09-09");
        all[Column::Amount as usize] = Cell::Float(1.5);
        for &(column, cell) in cells {
            all[column as usize] = cell;
        }
        let mut numbers = Default::default();
        let read = read(&all, Zone::default(), &mut numbers)?;
        Ok(read.map(|(customer, line)| (customer.to_owned(), line.amount, line.kind)))
    }

    #[test]
    fn a_customer_id_is_kept_as_given() {
        let customer =
            |cell| line(&[(Column::CustomerId, cell)]).map(|read| read.map(|(customer, ..)| customer));
        for (cell, expected) in [
            (Cell::Text(" 007 "), " 007 "),
            (Cell::Text("13085.0"), "13085.0"),
            (Cell::Int(-7), "-7"),
            (Cell::UInt(u64::MAX), "18446744073709551615"),
            (Cell::Float(13085.0), "13085"),
            (Cell::Float(-0.0), "0"),
        ] {
            assert_eq!(customer(cell), Ok(Some(expected.to_owned())));
        }
        for cell in [Cell::Null, Cell::Text(""), Cell::Text(" \t"), Cell::Float(f64::NAN)] {
            assert_eq!(customer(cell), Ok(None));
        }
        for cell in [Cell::Float(0.5), Cell::Float(1e17), Cell::Float(f64::INFINITY), Cell::Other] {
            assert_eq!(customer(cell), Err(Cause::BadCustomerId));
        }
    }

    #[test]
    fn without_a_kind_the_sign_of_the_amount_decides() {
        let kind_of = |amount, kind| {
            line(&[(Column::Amount, amount), (Column::Kind, kind)]).map(|read| read.map(|r| (r.2, r.1)))
        };
        assert_eq!(kind_of(Cell::Text(" -3.5 "), Cell::Null), Ok(Some((Kind::Return, -3.5))));
        assert_eq!(kind_of(Cell::Int(0), Cell::Text("")), Ok(Some((Kind::Purchase, 0.0))));
        assert_eq!(kind_of(Cell::Int(4), Cell::Text("Return")), Ok(Some((Kind::Return, -4.0))));
        assert_eq!(kind_of(Cell::Null, Cell::Text("visit")), Ok(Some((Kind::Visit, 0.0))));
        assert_eq!(kind_of(Cell::Null, Cell::Null), Err(Cause::Invalid(Invalid::MissingAmount)));
        assert_eq!(
            kind_of(Cell::Int(-4), Cell::Text("purchase")),
            Err(Cause::Invalid(Invalid::NegativePurchase))
        );
        assert_eq!(kind_of(Cell::Int(4), Cell::Text("sale")), Err(Cause::UnknownKind));
    }

    #[test]
    fn each_cause_has_its_code() {
        for (column, cell, code) in [
            (Column::OccurredAt, Cell::Null, "missing_occurred_at"),
            (Column::OccurredAt, Cell::Text("9/9/11"), "bad_occurred_at"),
            (Column::OccurredAt, Cell::Instant(i64::MAX), "out_of_time"),
            (Column::RecordedAt, Cell::Text("?"), "bad_recorded_at"),
            (Column::RecordedAt, Cell::Local(0), "recorded_before_occurred"),
            (Column::Amount, Cell::Text("1,50"), "bad_amount"),
            (Column::Amount, Cell::Text("nan"), "not_finite"),
            (Column::Amount, Cell::Other, "bad_amount"),
            (Column::Quantity, Cell::Text("two"), "bad_quantity"),
            (Column::Quantity, Cell::Float(1e300), "not_finite"),
            (Column::Channel, Cell::Other, "bad_text"),
            (Column::Channel, Cell::NotUtf8, "not_utf8"),
        ] {
            assert_eq!(line(&[(column, cell)]).unwrap_err().code(), code);
        }
        let long: &'static str = "x".repeat(1001).leak();
        assert_eq!(line(&[(Column::ProductId, Cell::Text(long))]), Err(Cause::TextTooLong));
    }

    #[test]
    fn a_line_without_a_customer_is_no_reject_whatever_else_is_wrong_with_it() {
        assert_eq!(line(&[(Column::CustomerId, Cell::Null), (Column::OccurredAt, Cell::Null)]), Ok(None));
    }
}
