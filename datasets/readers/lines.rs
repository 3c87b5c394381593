//! From the cells of one line to an event: the same for every format.

use std::fmt;
use std::fmt::Write as _;

use super::columns::{COLUMNS, Column, KNOWN, Multiply};
use super::forms::dates::{DateForm, Moment};
use super::forms::ids::{self, Id};
use super::forms::numbers::{Number, NumberForm};
use super::forms::status::{Status, is_yes, status};
use super::forms::trimmed;
use super::forms::words::{self, Counted, LineKind};
use super::rejects::Cause;
use crate::calendar;
use crate::event::{DAY, Kind, Micros};
use crate::warnings::Code;
use crate::{Line, Zone};

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
    Bool(bool),
    /// Microseconds since 1970 in UTC.
    Instant(Micros),
    /// Microseconds since 1970 as local clocks show them.
    Local(Micros),
    /// A list or an object.
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
            Cell::Bool(value) => value.fmt(f),
            Cell::Instant(instant) => f.write_str(&Zone::default().format(*instant)),
            Cell::Local(instant) => f.write_str(Zone::default().format(*instant).trim_end_matches('Z')),
            Cell::Other => f.write_str("(list or object)"),
        }
    }
}

/// The cells of the known columns, by the position of the column.
pub(crate) type Cells<'a> = [Cell<'a>; COLUMNS];

/// How a file names its customers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Grouped {
    /// In each row.
    #[default]
    No,
    /// In headings; the next heading ends the rows of the one before.
    Flat,
    /// In headings whose rows end with a sum. A heading within is a part of the customer above.
    Closed,
}

/// How the lines of a file are to be understood: what its columns say together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) occurred_at: DateForm,
    pub(crate) recorded_at: DateForm,
    pub(crate) amount: NumberForm,
    pub(crate) quantity: NumberForm,
    pub(crate) refunded: NumberForm,
    /// The column of refunds says yes or no: all was paid back, or nothing.
    pub(crate) refund_flag: bool,
    pub(crate) adjusted: NumberForm,
    /// A 0 in the column of adjusted totals says that nothing was adjusted.
    pub(crate) adjusted_zero: bool,
    /// Customers stand in headings above their rows.
    pub(crate) headings: Grouped,
    pub(crate) multiply: Multiply,
    /// The amount is that of the whole order: later lines of it add nothing.
    pub(crate) order_total: bool,
    /// What is on the first line of an order applies to the others.
    pub(crate) carries: bool,
    /// Customers are mail addresses, in which case does not matter.
    pub(crate) mail: bool,
    /// A customer 0 is a guest.
    pub(crate) guest_zero: bool,
    /// Which lines carry money of their own.
    pub(crate) counted: Counted,
    /// Words of the status that mean something else in this export.
    pub(crate) statuses: &'static [(&'static str, Status)],
    /// An unknown kind leaves a line out, where it would reject it otherwise.
    pub(crate) any_kind: bool,
    /// Texts are texts because their writer said so: an id of digits is no number.
    pub(crate) typed: bool,
    /// No column but those of the event itself and its currency has cells, so that there is nothing else to look at.
    pub(crate) plain: bool,
}

/// What a line is.
#[derive(Debug)]
pub(crate) enum Outcome<'a> {
    Event(Found<'a>),
    /// It has no customer, or one that is nobody, which is odd.
    Nobody(Option<Code>),
    /// Nothing was bought, as this column says.
    LeftOut(Code, Column),
}

/// An event, and what is odd about it.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) who: Who<'a>,
    pub(crate) line: Line<'a>,
    /// What was paid back of it.
    pub(crate) refund: Option<f64>,
    /// The currency beside the amount.
    pub(super) unit: Option<&'a str>,
    pub(super) ambiguous: bool,
    pub(super) assumed_price: bool,
    pub(super) unknown_status: bool,
}

/// Whose event it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    pub(crate) id: &'a str,
    /// Whether the id came as a text, and whether that text is the id exactly.
    pub(super) text: bool,
    pub(super) plain: bool,
}

/// What a line is, under the rules of its file. `known` is an id that was a customer's exactly as it was in an earlier
/// line, or empty: lines of a customer are often adjacent, and looking at an id takes long.
#[inline]
pub(crate) fn read<'a>(
    cells: &Cells<'a>,
    rules: &Rules,
    zone: Zone,
    known: &str,
    scratch: &'a mut [String; KNOWN],
) -> Result<Outcome<'a>, Cause> {
    // Cells are looked at where they lie: a copy of one that was just written makes the processor wait.
    let cell = |column: Column| &cells[column as usize];
    let [customer, _, _, order, product, category, channel, _, _, _, promotion] = scratch.each_mut();
    let payer = if rules.plain { cell(Column::CustomerId) } else { payee_or_customer(cells) };
    let who = match payer {
        Cell::Text(text) if !text.is_empty() && *text == known => Who { id: text, text: true, plain: true },
        cell => match customer_id(cell, rules, customer)? {
            Id::Named(id) => Who {
                id,
                text: matches!(cell, Cell::Text(_)),
                plain: matches!(cell, Cell::Text(text) if *text == id),
            },
            Id::Empty => return Ok(Outcome::Nobody(None)),
            Id::Nobody => return Ok(Outcome::Nobody(Some(Code::NobodysId))),
            Id::Masked => return Ok(Outcome::Nobody(Some(Code::MaskedId))),
            Id::Rounded => return Ok(Outcome::Nobody(Some(Code::RoundedId))),
        },
    };
    let fate = match if rules.plain { Ok(Status::Bought) } else { fate(cells, rules) } {
        Ok(fate) => fate,
        Err((code, column)) => return Ok(Outcome::LeftOut(code, column)),
    };
    let not_bought = || Ok(Outcome::LeftOut(Code::NotPurchased, Column::Kind));
    let kind = match kind(cell(Column::Kind)) {
        Ok(kind) if is_counted(kind, rules.counted) => kind,
        Ok(_) => return not_bought(),
        Err(_) if rules.any_kind => return not_bought(),
        Err(cause) => return Err(cause),
    };
    let detail = kind == Some(LineKind::Detail) && !rules.counted.details;
    let occurred_at = occurred_at(cells, rules, zone)?;
    let recorded_at = instant(cell(Column::RecordedAt), rules.recorded_at, zone, Cause::BadRecordedAt)?
        .unwrap_or(occurred_at);
    let amount = number(cell(Column::Amount), rules.amount, Cause::BadAmount)?;
    let quantity = number(cell(Column::Quantity), rules.quantity, Cause::BadQuantity)?;
    let pieces = quantity.map_or(1.0, |quantity| quantity.value);
    let mut value = amount.map(|amount| amount.value);
    if rules.multiply != Multiply::No {
        value = value.map(|price| price * pieces);
    }
    let adjusted = if rules.plain { None } else { adjusted(cells, rules)? };
    if let (Some(more), Some(amount)) = (adjusted, value)
        && more > amount
    {
        value = adjusted;
    }
    let negative = value.is_some_and(|value| value < 0.0);
    let Some(kind) = event_kind(kind, negative, rules.any_kind) else { return not_bought() };
    if detail {
        // The order's own line has the total; this one says what was in it.
        value = Some(0.0);
    }
    let value = match value {
        None if kind == Kind::Purchase && is_number_but_zero(cell(Column::Outgoing)) => {
            return Ok(Outcome::LeftOut(Code::NotPurchased, Column::Outgoing));
        }
        None if kind == Kind::Purchase => return Err(Cause::Invalid(crate::event::Invalid::MissingAmount)),
        value => value.unwrap_or(0.0),
    };
    let line = Line {
        occurred_at,
        recorded_at,
        kind,
        amount: value,
        quantity: pieces as f32,
        order: text(cell(Column::OrderId), order)?,
        product: text(cell(Column::ProductId), product)?,
        category: text(cell(Column::Category), category)?,
        channel: text(cell(Column::Channel), channel)?,
        promotion: text(cell(Column::Promotion), promotion)?,
    };
    let line = line.checked().map_err(Cause::Invalid)?;
    Ok(Outcome::Event(Found {
        who,
        refund: if rules.plain { None } else { refund(cells, rules, &line, (fate, adjusted))? },
        line,
        unit: amount.and_then(|amount| amount.unit),
        ambiguous: amount.is_some_and(|amount| amount.ambiguous),
        assumed_price: rules.multiply == Multiply::Likely && pieces != 1.0,
        unknown_status: fate == Status::Unknown
            && matches!(cell(Column::Status), Cell::Text(text) if !text.trim().is_empty()),
    }))
}

/// The cell of the customer. Money that goes out goes to the customer.
#[inline]
fn payee_or_customer<'c, 'a>(cells: &'c Cells<'a>) -> &'c Cell<'a> {
    match &cells[Column::Payee as usize] {
        Cell::Null => &cells[Column::CustomerId as usize],
        payee if is_negative(&cells[Column::Amount as usize]) => payee,
        _ => &cells[Column::CustomerId as usize],
    }
}

/// Whether a row has no date, so that it may be no line of the table.
pub(super) fn undated(cells: &Cells<'_>, rules: &Rules) -> bool {
    match cells[Column::OccurredAt as usize] {
        Cell::Null => true,
        Cell::Text(text) => {
            !text.as_bytes().first().is_some_and(u8::is_ascii_digit) && rules.occurred_at.read(text).is_none()
        }
        _ => false,
    }
}

/// Whether a line of this kind carries money of its own.
fn is_counted(kind: Option<LineKind>, counted: Counted) -> bool {
    match kind {
        Some(LineKind::Other) => false,
        Some(LineKind::Payment) => counted.payments,
        Some(LineKind::Refund) => counted.refunds,
        _ => true,
    }
}

/// The kind of event that a line is; `None` for money that was paid to somebody who is no customer.
fn event_kind(kind: Option<LineKind>, negative: bool, any_kind: bool) -> Option<Kind> {
    Some(match kind {
        None if negative => Kind::Return,
        None => Kind::Purchase,
        Some(LineKind::Payment) if negative => return None,
        // Only homing's own word says that a negative amount is a mistake.
        Some(LineKind::Event(Kind::Purchase) | LineKind::Detail) if negative && any_kind => Kind::Return,
        Some(LineKind::Event(kind)) => kind,
        Some(LineKind::Credit | LineKind::Refund) => Kind::Return,
        Some(LineKind::Detail | LineKind::Payment | LineKind::Other) => Kind::Purchase,
    })
}

/// Whether an id is a whole number as numbers are written.
pub(super) fn is_whole(id: &str) -> bool {
    let digits = id.as_bytes();
    digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit) && (digits[0] != b'0' || digits.len() == 1)
}

/// What a cell says that means yes or no, or is a word.
#[inline]
fn given<'a>(cell: &Cell<'a>) -> Option<&'a str> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(text),
        Cell::Bool(true) | Cell::Instant(_) | Cell::Local(_) => Some("yes"),
        Cell::Bool(false) => Some("no"),
        Cell::Int(0) | Cell::UInt(0) => Some("0"),
        Cell::Float(value) if *value == 0.0 => Some("0"),
        _ => Some("other"),
    }
}

/// What became of the order, or why nothing was bought and which column says so.
#[inline]
fn fate(cells: &Cells<'_>, rules: &Rules) -> Result<Status, (Code, Column)> {
    let given = |column: Column| given(&cells[column as usize]);
    if given(Column::Test).is_some_and(is_yes) {
        return Err((Code::TestOrder, Column::Test));
    }
    if let Some(word) = given(Column::Direction)
        && matches!(trimmed(word), "支出" | "不计收支" | "其他" | "/" | "已支出")
    {
        return Err((Code::NotPurchased, Column::Direction));
    }
    let mut fate = match &cells[Column::Status as usize] {
        Cell::Null => Status::Bought,
        cell => special(rules, cell).unwrap_or_else(|| given(Column::Status).map_or(Status::Bought, status)),
    };
    if fate == Status::NotBought {
        return Err((Code::NotPurchased, Column::Status));
    }
    if let Some(paid) = given(Column::PaymentStatus) {
        match (status(paid), fate) {
            (Status::NotBought, _) => return Err((Code::NotPurchased, Column::PaymentStatus)),
            (Status::Refunded, _) => fate = Status::Refunded,
            (Status::PartlyRefunded, Status::Bought | Status::Unknown) => fate = Status::PartlyRefunded,
            // Whatever the shop calls the state of the order: it was paid.
            (Status::Bought, Status::Unknown) => fate = Status::Bought,
            _ => {}
        }
    }
    let paid_back = matches!(fate, Status::Refunded | Status::PartlyRefunded);
    if !paid_back && given(Column::Cancelled).is_some_and(is_yes) {
        return Err((Code::NotPurchased, Column::Cancelled));
    }
    Ok(fate)
}

/// What a status means in this export alone.
fn special(rules: &Rules, cell: &Cell<'_>) -> Option<Status> {
    if rules.statuses.is_empty() {
        return None;
    }
    let word = cell.to_string();
    let word = trimmed(&word);
    rules.statuses.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|&(_, status)| status)
}

/// Whether an amount is below zero, however that is written.
fn is_negative(cell: &Cell<'_>) -> bool {
    match *cell {
        Cell::Text(text) => {
            let text = trimmed(text);
            text.starts_with(['-', '−', '(']) || text.ends_with('-')
        }
        Cell::Float(value) => value < 0.0,
        Cell::Int(value) => value < 0,
        _ => false,
    }
}

/// Whether a cell holds an amount of money other than 0.
fn is_number_but_zero(cell: &Cell<'_>) -> bool {
    match *cell {
        Cell::Text(text) => NumberForm::default().read(text).is_some_and(|number| number.value != 0.0),
        Cell::Float(value) => value != 0.0,
        Cell::Int(value) => value != 0,
        Cell::UInt(value) => value != 0,
        _ => false,
    }
}

/// What was left of the amount in the end, where that is told.
#[inline]
fn adjusted(cells: &Cells<'_>, rules: &Rules) -> Result<Option<f64>, Cause> {
    let left = match &cells[Column::Adjusted as usize] {
        Cell::Null => return Ok(None),
        cell => number(cell, rules.adjusted, Cause::BadAmount)?.map(|number| number.value),
    };
    Ok(left.filter(|&left| left.is_finite() && (left > 0.0 || left == 0.0 && !rules.adjusted_zero)))
}

/// What was paid back of a purchase.
#[inline]
fn refund(
    cells: &Cells<'_>,
    rules: &Rules,
    line: &Line<'_>,
    (fate, adjusted): (Status, Option<f64>),
) -> Result<Option<f64>, Cause> {
    if line.kind != Kind::Purchase {
        return Ok(None);
    }
    let told = match &cells[Column::Refunded as usize] {
        _ if rules.refund_flag => {
            given(&cells[Column::Refunded as usize]).filter(|word| is_yes(word)).map(|_| line.amount)
        }
        Cell::Null | Cell::Bool(_) => None,
        cell => number(cell, rules.refunded, Cause::BadAmount)?.map(|number| number.value.abs()),
    };
    let taken_off = adjusted.map(|left| line.amount - left);
    // Differences of sums in cents are no refunds of a thousandth of a cent.
    let told = told.or(taken_off.filter(|&off| off > 1e-9)).filter(|&told| told > 0.0 && told.is_finite());
    Ok(match fate {
        Status::Refunded => told.or(Some(line.amount).filter(|&amount| amount > 0.0)),
        _ => told,
    })
}

/// A customer id: a number must be whole and exact, for it is somebody's name.
fn customer_id<'a>(cell: &Cell<'a>, rules: &Rules, scratch: &'a mut String) -> Result<Id<'a>, Cause> {
    let id = match *cell {
        Cell::Float(value) if !value.is_nan() && (value.fract() != 0.0 || value.abs() >= EXACT) => {
            return Err(Cause::BadCustomerId);
        }
        Cell::Other | Cell::Bool(_) | Cell::Instant(_) | Cell::Local(_) => return Err(Cause::BadCustomerId),
        Cell::Text(mixed)
            if rules.mail && mixed.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) =>
        {
            scratch.clear();
            scratch.push_str(&mixed.to_lowercase());
            if scratch.len() > TEXT_BYTES {
                return Err(Cause::TextTooLong);
            }
            Some(ids::normal(scratch)).filter(|text| !text.is_empty())
        }
        _ => text(cell, scratch)?,
    };
    let Some(id) = id else { return Ok(Id::Empty) };
    if rules.guest_zero && id == "0" {
        return Ok(Id::Nobody);
    }
    Ok(ids::customer(id))
}

/// A text exactly as it is, without what programs put around it, or a number as text; nothing if there is nothing
/// but space.
#[inline]
fn text<'a>(cell: &Cell<'a>, scratch: &'a mut String) -> Result<Option<&'a str>, Cause> {
    match *cell {
        Cell::Null => Ok(None),
        Cell::Text(text) if text.len() > TEXT_BYTES => Err(Cause::TextTooLong),
        Cell::Text(text) => Ok(Some(ids::normal(text)).filter(|text| !text.is_empty())),
        _ => as_text(cell, scratch),
    }
}

fn as_text<'a>(cell: &Cell<'a>, number: &'a mut String) -> Result<Option<&'a str>, Cause> {
    number.clear();
    match *cell {
        Cell::Null => return Ok(None),
        Cell::Text(text) => number.push_str(text),
        Cell::Other | Cell::Bool(_) | Cell::Instant(_) | Cell::Local(_) => return Err(Cause::BadText),
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
fn number<'a>(cell: &Cell<'a>, form: NumberForm, bad: Cause) -> Result<Option<Number<'a>>, Cause> {
    let plain = |value| Ok(Some(Number { value, unit: None, ambiguous: false }));
    match *cell {
        Cell::Null => Ok(None),
        Cell::Float(value) => plain(value),
        Cell::Int(value) => plain(value as f64),
        Cell::UInt(value) => plain(value as f64),
        Cell::Text(text) => match form.read(text) {
            None if trimmed(text).is_empty() => Ok(None),
            None => Err(bad),
            number => Ok(number),
        },
        _ => Err(bad),
    }
}

/// The instant of a line: its date, with the time of the day from a column of its own where the date has none.
#[inline]
fn occurred_at(cells: &Cells<'_>, rules: &Rules, zone: Zone) -> Result<Micros, Cause> {
    let cell = &cells[Column::OccurredAt as usize];
    let time = match &cells[Column::Time as usize] {
        Cell::Null => None,
        time => time_of_day(time),
    };
    if let Some(time) = time
        && let Some(Moment::Local(date)) = moment(cell, rules.occurred_at)
        && date.rem_euclid(DAY) == 0
    {
        return Ok(zone.from_local(date + time));
    }
    instant(cell, rules.occurred_at, zone, Cause::BadOccurredAt)?.ok_or(Cause::MissingOccurredAt)
}

/// Microseconds since midnight, if the cell is a time of the day.
fn time_of_day(cell: &Cell<'_>) -> Option<Micros> {
    match *cell {
        Cell::Local(at) => Some(at.rem_euclid(DAY)),
        Cell::Float(share) if (0.0..1.0).contains(&share) => {
            Some((share * 86_400.0).round() as i64 * 1_000_000)
        }
        Cell::Text(text) => match DateForm::default().read(&format!("1970-01-01 {text}"))? {
            Moment::Local(time) => Some(time),
            Moment::Instant(_) => None,
        },
        _ => None,
    }
}

#[inline]
pub(super) fn instant(
    cell: &Cell<'_>,
    form: DateForm,
    zone: Zone,
    bad: Cause,
) -> Result<Option<Micros>, Cause> {
    match *cell {
        Cell::Null => Ok(None),
        Cell::Text(text) if trimmed(text).is_empty() => Ok(None),
        _ => match moment(cell, form) {
            Some(Moment::Instant(instant)) => Ok(Some(instant)),
            Some(Moment::Local(local)) => Ok(Some(zone.from_local(local))),
            None => Err(bad),
        },
    }
}

#[inline]
fn moment(cell: &Cell<'_>, form: DateForm) -> Option<Moment> {
    match *cell {
        Cell::Instant(instant) => Some(Moment::Instant(instant)),
        Cell::Local(local) => Some(Moment::Local(local)),
        // Most dates are written so, whatever the form of the others.
        Cell::Text(text) => match calendar::plain(text.trim_ascii()) {
            Some(local) => Some(Moment::Local(local)),
            None => calendar::with_offset(text.trim_ascii()).map(Moment::Instant).or_else(|| form.read(text)),
        },
        Cell::Int(value) => form.read_number(value as f64),
        Cell::UInt(value) => form.read_number(value as f64),
        Cell::Float(value) => form.read_number(value),
        _ => None,
    }
}

#[inline]
fn kind(cell: &Cell<'_>) -> Result<Option<LineKind>, Cause> {
    match *cell {
        Cell::Null => Ok(None),
        Cell::Text("purchase") => Ok(Some(LineKind::Event(Kind::Purchase))),
        Cell::Text(text) => match trimmed(text) {
            "" => Ok(None),
            word => words::kind(word).map(Some).ok_or(Cause::UnknownKind),
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
        under(&Rules::default(), cells)
    }

    fn under(rules: &Rules, cells: &[(Column, Cell<'static>)]) -> Result<Option<(String, f64, Kind)>, Cause> {
        let mut all = NONE;
        all[Column::CustomerId as usize] = Cell::Text("c");
        all[Column::OccurredAt as usize] = Cell::Text("2011-09-09");
        all[Column::Amount as usize] = Cell::Float(1.5);
        for &(column, cell) in cells {
            all[column as usize] = cell;
        }
        let mut scratch = Default::default();
        Ok(match read(&all, rules, Zone::default(), "", &mut scratch)? {
            Outcome::Event(found) => Some((found.who.id.to_owned(), found.line.amount, found.line.kind)),
            Outcome::Nobody(_) | Outcome::LeftOut(..) => None,
        })
    }

    #[test]
    fn a_customer_has_one_id_however_it_is_written() {
        let customer =
            |cell| line(&[(Column::CustomerId, cell)]).map(|read| read.map(|(customer, ..)| customer));
        for (cell, expected) in [
            (Cell::Text(" 007 "), "007"),
            (Cell::Text("13085.0"), "13085"),
            (Cell::Text("=\"00123\""), "00123"),
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
        assert_eq!(kind_of(Cell::Int(4), Cell::Text("lease")), Err(Cause::UnknownKind));
    }

    #[test]
    fn each_cause_has_its_code() {
        for (column, cell, code) in [
            (Column::OccurredAt, Cell::Null, "missing_occurred_at"),
            (Column::OccurredAt, Cell::Text("9/9/11"), "bad_occurred_at"),
            (Column::OccurredAt, Cell::Instant(i64::MAX), "out_of_time"),
            (Column::RecordedAt, Cell::Text("?"), "bad_recorded_at"),
            (Column::RecordedAt, Cell::Local(0), "recorded_before_occurred"),
            (Column::Amount, Cell::Text("1,5,0"), "bad_amount"),
            (Column::Amount, Cell::Text("nan"), "not_finite"),
            (Column::Amount, Cell::Other, "bad_amount"),
            (Column::Quantity, Cell::Text("two"), "bad_quantity"),
            (Column::Quantity, Cell::Float(1e300), "not_finite"),
            (Column::Channel, Cell::Other, "bad_text"),
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

    #[test]
    fn the_status_decides_what_was_bought() {
        let outcome = |word| {
            let mut all = NONE;
            all[Column::CustomerId as usize] = Cell::Text("c");
            all[Column::OccurredAt as usize] = Cell::Text("2011-09-09");
            all[Column::Amount as usize] = Cell::Int(70);
            all[Column::Status as usize] = Cell::Text(word);
            let mut scratch = Default::default();
            match read(&all, &Rules::default(), Zone::default(), "", &mut scratch) {
                Ok(Outcome::Event(found)) => Some(found.refund),
                _ => None,
            }
        };
        assert_eq!(
            (outcome("paid"), outcome("refunded"), outcome("voided")),
            (Some(None), Some(Some(70.0)), None)
        );
    }

    #[test]
    fn a_price_is_multiplied_with_its_sign() {
        let rules = Rules { multiply: Multiply::Sure, ..Rules::default() };
        let of = |price, pieces| {
            let cells = [(Column::Amount, Cell::Text(price)), (Column::Quantity, Cell::Text(pieces))];
            under(&rules, &cells).map(|read| read.map(|(_, amount, kind)| (amount, kind)))
        };
        assert_eq!(of("27.5", "2"), Ok(Some((55.0, Kind::Purchase))));
        assert_eq!(of("27.5", "-1"), Ok(Some((-27.5, Kind::Return))));
    }

    #[test]
    fn a_mail_address_is_one_customer_in_any_case() {
        let rules = Rules { mail: true, ..Rules::default() };
        let of = |id| {
            under(&rules, &[(Column::CustomerId, Cell::Text(id))]).unwrap().map(|(customer, ..)| customer)
        };
        assert_eq!(of(" Ana@Example.com"), of("ana@example.com"));
        assert_eq!(of("Unknown@unknown.com"), None);
    }

    #[test]
    fn a_time_of_the_day_may_stand_in_a_column_of_its_own() {
        let mut all = NONE;
        for (date, time, expected) in [
            (Cell::Text("2023-05-01"), Cell::Text("10:22:33"), "2023-05-01T10:22:33Z"),
            (Cell::Text("2023-05-01"), Cell::Text("8:03 PM"), "2023-05-01T20:03:00Z"),
            (Cell::Text("2023-05-01"), Cell::Float(0.25), "2023-05-01T06:00:00Z"),
            (Cell::Text("2023-05-01 09:00:00"), Cell::Text("10:22:33"), "2023-05-01T09:00:00Z"),
            (Cell::Text("2023-05-01"), Cell::Text("lunch"), "2023-05-01T00:00:00Z"),
        ] {
            all[Column::OccurredAt as usize] = date;
            all[Column::Time as usize] = time;
            let at = occurred_at(&all, &Rules::default(), Zone::default()).unwrap();
            assert_eq!(Zone::default().format(at), expected);
        }
    }
}
