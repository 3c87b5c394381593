//! Many customers' lines, in any order, made into [`Histories`].

use std::cmp::Ordering;
use std::ops::Range;

use rayon::prelude::*;

use crate::event::{Event, Invalid, Kind, Micros, checked_amount};
use crate::names::Names;
use crate::{Error, Histories, History};

/// One event whose texts are borrowed from wherever it was read. The fields mean what they mean in [`Event`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line<'a> {
    /// When it happened.
    pub occurred_at: Micros,
    /// When the business learned of it; never before `occurred_at`.
    pub recorded_at: Micros,
    /// What happened.
    pub kind: Kind,
    /// Money in the business's own currency.
    pub amount: f64,
    /// Pieces.
    pub quantity: f32,
    /// The order (till receipt).
    pub order: Option<&'a str>,
    /// The product.
    pub product: Option<&'a str>,
    /// The product's category.
    pub category: Option<&'a str>,
    /// Where it happened.
    pub channel: Option<&'a str>,
    /// The promotion sent or used.
    pub promotion: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// A line of a kind at an instant with an amount, and nothing else known of it.
    #[must_use]
    pub fn new(kind: Kind, occurred_at: Micros, amount: f64) -> Self {
        let (order, product, category, channel, promotion) = (None, None, None, None, None);
        let (recorded_at, quantity) = (occurred_at, 1.0);
        Line {
            occurred_at,
            recorded_at,
            kind,
            amount,
            quantity,
            order,
            product,
            category,
            channel,
            promotion,
        }
    }

    /// What [`Event::checked`] does, without owning the texts.
    ///
    /// # Errors
    /// [`Invalid`] when an amount, quantity or instant makes no sense.
    #[inline]
    pub fn checked(mut self) -> Result<Self, Invalid> {
        self.amount =
            checked_amount(self.kind, self.occurred_at, self.recorded_at, self.amount, self.quantity)?;
        Ok(self)
    }
}

impl<'a> From<&'a Event> for Line<'a> {
    fn from(event: &'a Event) -> Self {
        Line {
            order: event.order.as_deref(),
            product: event.product.as_deref(),
            category: event.category.as_deref(),
            channel: event.channel.as_deref(),
            promotion: event.promotion.as_deref(),
            recorded_at: event.recorded_at,
            quantity: event.quantity,
            ..Line::new(event.kind, event.occurred_at, event.amount)
        }
    }
}

/// A line as kept while reading: texts as codes into the shared table, 0 for none.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) occurred_at: Micros,
    pub(crate) recorded_at: Micros,
    pub(crate) amount: f64,
    pub(crate) quantity: f32,
    pub(crate) customer: u32,
    /// Order, product, category, channel, promotion: the order in which a history hands out its codes.
    pub(crate) codes: [u32; 5],
    pub(crate) kind: Kind,
}

/// Rows that are allocated at once: large lines of data must not be copied each time a list doubles.
const CHUNK: usize = 1 << 16;

/// Gathers the lines of many customers and makes their [`Histories`].
///
/// The result depends on the lines alone, not on the order in which they came: each history equals
/// [`History::from_events`] of the same events. While gathering, a line takes 64 bytes and each distinct
/// text is kept once.
///
/// ```
/// use homing_datasets::{HistoriesBuilder, Kind, Line};
///
/// let mut builder = HistoriesBuilder::default();
/// builder.push("c2", Line::new(Kind::Purchase, 0, 10.0))?;
/// builder.push("c1", Line { product: Some("tea"), ..Line::new(Kind::Purchase, 60, 5.0) })?;
/// let histories = builder.finish();
/// assert_eq!(histories.iter().map(|(id, _)| id).collect::<Vec<_>>(), ["c1", "c2"]);
/// # Ok::<(), homing_datasets::Error>(())
/// ```
#[derive(Default)]
pub struct HistoriesBuilder {
    customers: Names,
    texts: Names,
    chunks: Vec<Vec<Row>>,
    /// The codes last given in each column: the lines of an order are mostly adjacent, so the next is often the same.
    last: [u32; 5],
    /// The customer of the last line.
    last_customer: Option<u32>,
}

impl HistoriesBuilder {
    /// Checks a line and adds it to a customer.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the line makes no sense (nothing is added then), [`Error::TooManyTexts`] when
    /// the table of texts is full.
    pub fn push(&mut self, customer: &str, line: Line<'_>) -> Result<(), Error> {
        self.push_checked(customer, self.is_last(customer), &line.checked()?)
    }

    /// Whether the last line was of this customer.
    pub(crate) fn is_last(&self, customer: &str) -> bool {
        self.last_customer.is_some_and(|last| self.customers.get(last) == customer)
    }

    /// Adds a line that [`Line::checked`] has passed. `same`: the customer is that of the line before.
    pub(crate) fn push_checked(&mut self, customer: &str, same: bool, line: &Line<'_>) -> Result<(), Error> {
        let mut codes = [0; 5];
        let texts = [line.order, line.product, line.category, line.channel, line.promotion];
        for ((code, last), text) in codes.iter_mut().zip(&mut self.last).zip(texts) {
            if let Some(text) = text {
                if *last == 0 || self.texts.get(*last - 1) != text {
                    *last = self.texts.number(text)? + 1;
                }
                *code = *last;
            }
        }
        let customer = match self.last_customer.filter(|_| same) {
            Some(last) => last,
            None => self.customers.number(customer)?,
        };
        self.last_customer = Some(customer);
        let row = Row {
            occurred_at: line.occurred_at,
            recorded_at: line.recorded_at,
            amount: line.amount,
            quantity: line.quantity,
            customer,
            codes,
            kind: line.kind,
        };
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(row),
            _ => {
                // The first chunk grows as it likes, so that a few lines take little memory.
                let room = if self.chunks.is_empty() { 0 } else { CHUNK };
                let mut chunk = Vec::with_capacity(room);
                chunk.push(row);
                self.chunks.push(chunk);
            }
        }
        Ok(())
    }

    /// Takes in all lines of another builder.
    ///
    /// # Errors
    /// [`Error::TooManyTexts`] when the table of texts is full.
    pub fn absorb(&mut self, mut other: HistoriesBuilder) -> Result<(), Error> {
        if self.chunks.is_empty() {
            *self = other;
            return Ok(());
        }
        let into = |mine: &mut Names, theirs: &Names| {
            (0..theirs.len() as u32)
                .map(|at| mine.number(theirs.get(at)))
                .collect::<Result<Vec<u32>, Error>>()
        };
        let customers = into(&mut self.customers, &other.customers)?;
        let texts = into(&mut self.texts, &other.texts)?;
        for row in other.chunks.iter_mut().flatten() {
            row.customer = customers[row.customer as usize];
            for code in &mut row.codes {
                if *code > 0 {
                    *code = texts[*code as usize - 1] + 1;
                }
            }
        }
        self.chunks.append(&mut other.chunks);
        Ok(())
    }

    /// Number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    /// Whether no line was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The histories of all customers. Uses all threads of the current rayon pool.
    #[must_use]
    pub fn finish(self) -> Histories {
        let grouped = self.group();
        let all = 0..grouped.len();
        Histories::from_sorted(grouped.map(all, |id, history| (Box::from(id), std::mem::take(history))))
    }

    /// The lines by customer.
    pub(crate) fn group(self) -> Grouped {
        let HistoriesBuilder { customers, texts, chunks, .. } = self;
        let mut starts = vec![0usize; customers.len() + 1];
        for row in chunks.iter().flatten() {
            starts[row.customer as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut places = vec![(0u32, 0u32); chunks.iter().map(Vec::len).sum()];
        let mut next = starts.clone();
        for (c, chunk) in chunks.iter().enumerate() {
            for (r, row) in chunk.iter().enumerate() {
                let place = &mut next[row.customer as usize];
                places[*place] = (c as u32, r as u32);
                *place += 1;
            }
        }
        drop(next);
        let sorted = customers.sorted();
        Grouped { customers, texts, chunks, starts, places, sorted }
    }
}

/// Lines by customer, from which one history after the other is made.
pub(crate) struct Grouped {
    customers: Names,
    texts: Names,
    chunks: Vec<Vec<Row>>,
    /// Where each customer's rows begin in `places`, which lists the rows customer by customer.
    starts: Vec<usize>,
    places: Vec<(u32, u32)>,
    /// The customers by id.
    sorted: Vec<u32>,
}

impl Grouped {
    /// Number of customers.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// What `each` makes of the customers at these positions in the order of their ids. Uses all threads of the
    /// current rayon pool.
    pub(crate) fn map<R: Send>(
        &self,
        positions: Range<usize>,
        each: impl Fn(&str, &mut History) -> R + Sync,
    ) -> Vec<R> {
        let sorted = self.sorted[positions].par_iter().with_min_len(32);
        sorted.map_init(Scratch::default, |scratch, &customer| self.one(customer, scratch, &each)).collect()
    }

    /// The same one after the other, with one history at a time in memory.
    pub(crate) fn each<E>(&self, mut each: impl FnMut(&str, &History) -> Result<(), E>) -> Result<(), E> {
        let mut scratch = Scratch::default();
        for &customer in &self.sorted {
            self.one(customer, &mut scratch, |id, history| each(id, history))?;
        }
        Ok(())
    }

    fn one<R>(&self, customer: u32, scratch: &mut Scratch, each: impl FnOnce(&str, &mut History) -> R) -> R {
        let rows = &self.places[self.starts[customer as usize]..self.starts[customer as usize + 1]];
        scratch.rows.clear();
        scratch.rows.extend(rows.iter().map(|&(c, r)| self.chunks[c as usize][r as usize]));
        scratch.fill(&self.texts);
        each(self.customers.get(customer), &mut scratch.history)
    }
}

/// What one thread needs to make histories one after the other; its memory is reused.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) rows: Vec<Row>,
    pub(crate) history: History,
    /// By shared code: the round in which it was last met, and its code in that round's history.
    codes: Vec<(u32, u32)>,
    round: u32,
}

impl Scratch {
    /// Makes the history of the current rows: sorted, with codes in the order of their first use.
    pub(crate) fn fill(&mut self, texts: &Names) {
        let Scratch { rows, history, codes, round } = self;
        // Most files are in the order of time.
        if !rows.is_sorted_by(|a, b| a.occurred_at < b.occurred_at) {
            rows.sort_unstable_by(|a, b| canonical(a, b, texts));
        }
        if *round == u32::MAX || codes.len() <= texts.len() {
            codes.clear();
            codes.resize(texts.len() + 1, (0, 0));
            *round = 0;
        }
        *round += 1;
        history.clear();
        let names = &mut history.names;
        let mut of = |code: u32| {
            if code == 0 {
                return 0;
            }
            let known = &mut codes[code as usize];
            if known.0 != *round {
                names.push(texts.get(code - 1).into());
                *known = (*round, names.len() as u32);
            }
            known.1
        };
        history.occurred_at.extend(rows.iter().map(|row| row.occurred_at));
        history.kind.extend(rows.iter().map(|row| row.kind));
        history.amount.extend(rows.iter().map(|row| row.amount));
        history.quantity.extend(rows.iter().map(|row| row.quantity));
        let late = rows.iter().enumerate().filter(|(_, row)| row.recorded_at > row.occurred_at);
        history.late.extend(late.map(|(at, row)| (at as u32, row.recorded_at)));
        let columns = [
            &mut history.order,
            &mut history.product,
            &mut history.category,
            &mut history.channel,
            &mut history.promotion,
        ];
        if rows.iter().all(|row| row.codes == [0; 5]) {
            columns.into_iter().for_each(|column| column.resize(rows.len(), 0));
            return;
        }
        let [order, product, category, channel, promotion] = columns.map(|column| {
            column.reserve_exact(rows.len());
            column
        });
        // Line by line: a text has the number of its first use in the history. The line before often has the same texts.
        let (mut before, mut numbers) = ([0; 5], [0; 5]);
        for row in rows.iter() {
            for ((code, before), number) in row.codes.iter().zip(&mut before).zip(&mut numbers) {
                if code != before {
                    (*before, *number) = (*code, of(*code));
                }
            }
            let codes = numbers;
            order.push(codes[0]);
            product.push(codes[1]);
            category.push(codes[2]);
            channel.push(codes[3]);
            promotion.push(codes[4]);
        }
    }
}

/// The same order as that of whole events in `history.rs`.
fn canonical(a: &Row, b: &Row, texts: &Names) -> Ordering {
    let text = |code: u32| code.checked_sub(1).map(|at| texts.get(at));
    a.occurred_at
        .cmp(&b.occurred_at)
        .then_with(|| a.recorded_at.cmp(&b.recorded_at))
        .then_with(|| a.kind.cmp(&b.kind))
        .then_with(|| a.amount.total_cmp(&b.amount))
        .then_with(|| a.quantity.total_cmp(&b.quantity))
        .then_with(|| {
            let differ = a.codes.iter().zip(&b.codes).find(|(a, b)| a != b);
            differ.map_or(Ordering::Equal, |(&a, &b)| text(a).cmp(&text(b)))
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::{Dice, some_events};

    #[test]
    fn equals_histories_made_of_owned_events_in_whatever_order_and_parts() {
        let mut dice = Dice(7);
        let mut whole = HistoriesBuilder::default();
        let mut parts: Vec<HistoriesBuilder> = (0..5).map(|_| HistoriesBuilder::default()).collect();
        let mut owned: BTreeMap<String, Vec<Event>> = BTreeMap::new();
        for event in some_events(&mut dice, 3000) {
            let customer = format!("c{}", dice.below(40));
            whole.push(&customer, Line::from(&event)).unwrap();
            parts[dice.below(5) as usize].push(&customer, Line::from(&event)).unwrap();
            owned.entry(customer).or_default().push(event);
        }
        let expected: Vec<(String, History)> =
            owned.into_iter().map(|(customer, events)| (customer, History::from_events(events))).collect();
        let mut joined = HistoriesBuilder::default();
        for part in parts {
            joined.absorb(part).unwrap();
        }
        assert_eq!((whole.len(), joined.len()), (3000, 3000));
        let (whole, joined) = (whole.finish(), joined.finish());
        assert_eq!(whole, Histories::from_vec(expected));
        assert_eq!(whole, joined);
    }

    #[test]
    fn a_line_that_makes_no_sense_is_refused() {
        let mut builder = HistoriesBuilder::default();
        let refused = builder.push("c", Line::new(Kind::Purchase, 0, -1.0));
        assert!(matches!(refused, Err(Error::Invalid(Invalid::NegativePurchase))));
        builder.push("c", Line::new(Kind::Return, 0, 4.0)).unwrap();
        assert_eq!(builder.finish().get("c").unwrap().as_of(0).amount(), [-4.0]);
    }
}
