//! What the values of a file's columns say about their form: gathered over a sample of its lines, or over all where
//! the sample leaves it open.

use std::collections::HashSet;

use super::columns::{ANY_TYPE, Column, Layout, Multiply, plain, status_like};
use super::forms::date_column::{DateEvidence, Decision};
use super::forms::dates::DateForm;
use super::forms::ids::{Id, customer, normal};
use super::forms::numbers::{NumberEvidence, NumberForm};
use super::forms::status::{self, Status, status};
use super::forms::words::{self, Counted, Kinds};
use super::headings::HeadingEvidence;
use super::lines::{Cell, Cells, Rules};
use super::rejects::Place;
use super::rows::Take;
use crate::warnings::{Code, Warnings};
use crate::{Error, Kind, ReadOptions};

/// Ids that are counted apart at most.
const IDS: usize = 4096;

/// Evidence of lines. Evidence of parts adds up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) rows: u64,
    /// No more rows than these are wanted.
    most: Option<u64>,
    pub(crate) occurred_at: DateEvidence,
    recorded_at: DateEvidence,
    amount: NumberEvidence,
    quantity: NumberEvidence,
    refunded: NumberEvidence,
    adjusted: NumberEvidence,
    /// Cells of the column of refunds that say no, yes, and something else.
    refund_flags: [u64; 3],
    /// Adjusted totals that are 0, and those that are not.
    adjusted_zeros: [u64; 2],
    pub(super) headings: HeadingEvidence,
    kind: Words,
    kinds: Kinds,
    /// Words of the kind as words of a status.
    kind_as_status: Words,
    /// Kinds by homing's own names, and other words for them.
    own_kind: Words,
    status: Words,
    payment_status: Words,
    direction: Words,
    /// Ids, how many have an `@`, how many are 0, and how many different ones there are.
    ids: u64,
    mails: u64,
    zeros: u64,
    different: HashSet<Box<str>>,
    /// The customers of the lines, where they are asked for.
    pub(crate) customers: Option<Vec<Box<str>>>,
}

/// Words that are known, words that are not, and one of these.
#[derive(Clone, Debug, Default)]
struct Words {
    known: u64,
    unknown: u64,
    example: Option<String>,
}

impl Words {
    fn note(&mut self, word: &str, known: bool) {
        if known {
            self.known += 1;
        } else {
            self.unknown += 1;
            self.example.get_or_insert_with(|| word.to_owned());
        }
    }

    fn absorb(&mut self, other: Words) {
        self.known += other.known;
        self.unknown += other.unknown;
        self.example = self.example.take().or(other.example);
    }
}

impl Take for Evidence {
    fn take(&mut self, _: Place, cells: &Cells<'_>) -> Result<(), Error> {
        self.rows += 1;
        note_date(&mut self.occurred_at, cells[Column::OccurredAt as usize]);
        note_date(&mut self.recorded_at, cells[Column::RecordedAt as usize]);
        for (numbers, column) in [
            (&mut self.amount, Column::Amount),
            (&mut self.quantity, Column::Quantity),
            (&mut self.refunded, Column::Refunded),
            (&mut self.adjusted, Column::Adjusted),
        ] {
            if let Cell::Text(text) = cells[column as usize] {
                numbers.note(text);
            }
        }
        let left = cells[Column::Adjusted as usize].to_string();
        if left.bytes().any(|byte| byte.is_ascii_digit()) {
            self.adjusted_zeros[usize::from(left.bytes().any(|byte| matches!(byte, b'1'..=b'9')))] += 1;
        }
        self.note_refund(cells[Column::Refunded as usize]);
        self.headings.row(cells);
        let word = |column: Column| match cells[column as usize] {
            Cell::Text(text) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        };
        if let Some(text) = word(Column::Kind) {
            let kind = words::kind(text);
            self.kind.note(text, kind.is_some());
            self.kind_as_status.note(text, status(text) != Status::Unknown);
            self.own_kind.note(text, Kind::from_name(text).is_some());
            kind.into_iter().for_each(|kind| self.kinds.note(kind));
        }
        if let Some(text) = word(Column::Status) {
            self.status.note(text, status(text) != Status::Unknown);
        }
        if let Some(text) = word(Column::PaymentStatus) {
            self.payment_status.note(text, status(text) != Status::Unknown);
        }
        if let Some(text) = word(Column::Direction) {
            self.direction.note(text, text.starts_with("收入") || text.starts_with("已收入"));
        }
        self.note_id(cells[Column::CustomerId as usize]);
        Ok(())
    }

    fn done(&self) -> bool {
        self.most.is_some_and(|most| self.rows >= most)
    }

    fn is_remark(&self, cells: &Cells<'_>) -> bool {
        // Where ids alone are sampled no date is read, and its absence says nothing.
        if self.customers.is_some() {
            return false;
        }
        match cells[Column::OccurredAt as usize] {
            Cell::Null => true,
            Cell::Text(text) => !text.as_bytes().first().is_some_and(u8::is_ascii_digit),
            _ => false,
        }
    }

    fn heading(&mut self, name: &str) -> bool {
        self.headings.heading(name);
        false
    }
}

fn note_date(evidence: &mut DateEvidence, cell: Cell<'_>) {
    match cell {
        Cell::Text(text) if crate::calendar::plain(text).is_some() => evidence.fixed += 1,
        Cell::Text(text) => evidence.note(text),
        Cell::Int(value) => evidence.note_number(value as f64),
        Cell::UInt(value) => evidence.note_number(value as f64),
        Cell::Float(value) => evidence.note_number(value),
        _ => {}
    }
}

impl Evidence {
    /// Wants so many rows.
    pub(crate) fn of_rows(most: u64) -> Self {
        Evidence { most: Some(most), ..Evidence::default() }
    }

    /// Wants the customers of so many rows.
    pub(crate) fn of_customers(most: u64) -> Self {
        Evidence { customers: Some(Vec::new()), ..Evidence::of_rows(most) }
    }

    fn note_refund(&mut self, cell: Cell<'_>) {
        let word = match cell {
            Cell::Null => return,
            Cell::Bool(yes) => return self.refund_flags[usize::from(yes)] += 1,
            other => other.to_string().trim().to_lowercase(),
        };
        let at = match &*word {
            "" => return,
            "1" | "1.0" => 1,
            number if NumberForm::default().read(number).is_some_and(|number| number.value == 0.0) => 0,
            number if number.bytes().any(|byte| byte.is_ascii_digit()) => 2,
            word if status::is_yes(word) => 1,
            _ => 0,
        };
        self.refund_flags[at] += 1;
    }

    fn note_id(&mut self, cell: Cell<'_>) {
        let owned;
        let id = match cell {
            Cell::Null | Cell::Other | Cell::Bool(_) => return,
            Cell::Text(text) => normal(text),
            other => {
                owned = other.to_string();
                normal(&owned)
            }
        };
        let Id::Named(id) = customer(id) else { return };
        self.ids += 1;
        self.mails += u64::from(id.contains('@'));
        if id == "0" {
            self.zeros += 1;
        } else if self.different.len() < IDS && !self.different.contains(id) {
            self.different.insert(id.into());
        }
        if let Some(customers) = &mut self.customers {
            customers.push(id.into());
        }
    }

    pub(crate) fn absorb(&mut self, other: Evidence) {
        self.rows += other.rows;
        self.occurred_at.absorb(other.occurred_at);
        self.recorded_at.absorb(other.recorded_at);
        self.amount.absorb(other.amount);
        self.quantity.absorb(other.quantity);
        self.refunded.absorb(other.refunded);
        self.adjusted.absorb(other.adjusted);
        self.adjusted_zeros.iter_mut().zip(other.adjusted_zeros).for_each(|(mine, theirs)| *mine += theirs);
        self.headings.absorb(&other.headings);
        self.refund_flags.iter_mut().zip(other.refund_flags).for_each(|(mine, theirs)| *mine += theirs);
        self.kind.absorb(other.kind);
        self.kinds.absorb(other.kinds);
        self.kind_as_status.absorb(other.kind_as_status);
        self.own_kind.absorb(other.own_kind);
        self.status.absorb(other.status);
        self.payment_status.absorb(other.payment_status);
        self.direction.absorb(other.direction);
        self.ids += other.ids;
        self.mails += other.mails;
        self.zeros += other.zeros;
        self.different.extend(other.different);
    }

    /// Takes the columns out of a layout whose values do not mean what their names say.
    pub(crate) fn correct(&self, layout: &mut Layout, header: &[String], warnings: &mut Warnings) {
        let guessed = layout.guessed[Column::Kind as usize];
        let any_type = guessed
            && layout.places[Column::Kind as usize]
                .is_some_and(|at| ANY_TYPE.contains(&&*plain(&header[at])));
        // A table in homing's own terms says of each line whether it was a purchase; a status beside it is the shop's remark.
        let says_itself =
            !guessed && layout.export.is_none() && self.own_kind.known > 0 && self.own_kind.unknown == 0;
        if says_itself
            && layout.places[Column::Kind as usize].is_some()
            && layout.guessed[Column::Status as usize]
            && let Some(place) = layout.places[Column::Status as usize].take()
        {
            warnings.note(Code::ColumnIgnored, || {
                format!(
                    "column `{0}`: `kind` says what each line is; --columns status={0} uses it",
                    header[place]
                )
            });
        }
        let named_status =
            layout.places[Column::Status as usize].is_some_and(|at| status_like(&plain(&header[at])) > 1);
        let mut drop = |column: Column, words: &Words, told: bool| {
            if let Some(place) = layout.places[column as usize].take()
                && told
            {
                let example = words.example.clone().unwrap_or_default();
                warnings
                    .note(Code::ColumnIgnored, || format!("column `{}` holds `{example}`", header[place]));
            }
        };
        // Where some lines are sales and others product returns, the column says what a line is, whatever else it holds.
        let any_type = any_type && !self.kinds.go_both_ways();
        if self.kind.unknown > 0 && (self.kind.known == 0 || any_type) {
            drop(Column::Kind, &self.kind, !guessed || self.kind.known > 0);
        }
        let (known, unknown) = (self.status.known, self.status.unknown);
        if layout.loose_status && known * 10 < 9 * (known + unknown) {
            // Its words may say that orders were cancelled.
            drop(Column::Status, &self.status, named_status);
        }
        if self.status.known == 0 && self.status.unknown > 0 && layout.statuses.is_empty() {
            // A mapped column, or one named `status`, stays: each unknown word causes a warning.
            if layout.guessed[Column::Status as usize] {
                drop(Column::Status, &self.status, true);
            }
        }
        let paid = &self.payment_status;
        if layout.guessed[Column::PaymentStatus as usize] && paid.known * 10 < 9 * (paid.known + paid.unknown)
        {
            drop(Column::PaymentStatus, &self.payment_status, false);
        }
        if self.direction.known == 0 {
            drop(Column::Direction, &self.direction, false);
        }
        let quantity = &self.quantity;
        if quantity.read == 0 && quantity.unreadable > 0 {
            drop(Column::Quantity, &Words::default(), true);
            layout.multiply = Multiply::No;
        }
        // `Completed`, `Refunded`: what became of an order and not what a row is.
        let says_what_became = guessed
            && self.kind.unknown > 0
            && !self.kinds.has_sales()
            && self.kind_as_status.known > self.kind_as_status.unknown;
        if says_what_became && layout.places[Column::Status as usize].is_none() {
            layout.places[Column::Status as usize] = layout.places[Column::Kind as usize].take();
            layout.guessed[Column::Status as usize] = true;
        }
    }

    /// The rules of the lines, once the order of day and month is known.
    pub(crate) fn rules(&self, layout: &Layout, options: &ReadOptions, typed: bool, order: Order) -> Rules {
        let decimal =
            |numbers: &NumberEvidence| NumberForm { decimal: options.decimal.or(numbers.decimal()) };
        let has = |column: Column| layout.places[column as usize].is_some();
        let counted = if has(Column::Kind) { self.kinds.counted() } else { Counted::default() };
        // A guest that fills in 0 has far more lines than anybody else.
        let usual = self.ids.saturating_sub(self.zeros) / (self.different.len() as u64).max(1);
        Rules {
            occurred_at: DateForm { order: order.occurred_at, ticks: self.occurred_at.ticks() },
            recorded_at: DateForm { order: order.recorded_at, ticks: self.recorded_at.ticks() },
            amount: decimal(&self.amount),
            quantity: decimal(&self.quantity),
            refunded: decimal(&self.refunded),
            refund_flag: self.refund_flags[1] > 0 && self.refund_flags[2] == 0,
            adjusted: decimal(&self.adjusted),
            // Few orders are refunded in full: where most are 0, it stands for an empty cell.
            adjusted_zero: self.adjusted_zeros[0] > self.adjusted_zeros[1],
            headings: self.headings.grouped(has(Column::CustomerId)),
            multiply: layout.multiply,
            order_total: layout.order_total,
            counted,
            carries: has(Column::OrderId)
                && (layout.order_total
                    || has(Column::Status)
                    || !counted.details && self.kinds.has_details()),
            statuses: layout.statuses,
            mail: layout.mail || self.mails * 2 > self.ids,
            guest_zero: layout.guest_zero || self.zeros > 10 * usual.max(1) && self.zeros * 50 > self.ids,
            any_kind: layout.guessed[Column::Kind as usize] || layout.export.is_some(),
            plain: false,
            typed,
        }
    }

    /// What the dates say about the order of day and month.
    pub(crate) fn orders(&self) -> [Decision; 2] {
        [self.occurred_at.order(), self.recorded_at.order()]
    }
}

/// The order of day and month in the columns of dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) occurred_at: Option<super::forms::DateOrder>,
    pub(crate) recorded_at: Option<super::forms::DateOrder>,
}
