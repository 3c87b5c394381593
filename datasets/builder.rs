//! Many customers' lines, in any order, made into [`Histories`].

use std::cmp::Ordering;

use hashbrown::HashMap;
use rayon::prelude::*;

use crate::event::{Event, Invalid, Kind, Micros};
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
    pub fn checked(self) -> Result<Self, Invalid> {
        let event = Event::new(self.kind, self.occurred_at, self.amount);
        let event = Event { recorded_at: self.recorded_at, quantity: self.quantity, ..event }.checked()?;
        Ok(Line { amount: event.amount, quantity: event.quantity, ..self })
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
#[derive(Default)]
pub struct HistoriesBuilder {
    customers: Names,
    texts: Names,
    chunks: Vec<Vec<Row>>,
    /// The codes last given in each column: an order's lines mostly stand together, so the next is often the same.
    last: [u32; 5],
}

impl HistoriesBuilder {
    /// Checks a line and adds it to a customer.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the line makes no sense (nothing is added then), [`Error::TooManyTexts`] when
    /// the table of texts is full.
    pub fn push(&mut self, customer: &str, line: Line<'_>) -> Result<(), Error> {
        self.push_checked(customer, &line.checked()?)
    }

    /// Adds a line that [`Line::checked`] has passed.
    pub(crate) fn push_checked(&mut self, customer: &str, line: &Line<'_>) -> Result<(), Error> {
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
        let row = Row {
            occurred_at: line.occurred_at,
            recorded_at: line.recorded_at,
            amount: line.amount,
            quantity: line.quantity,
            customer: self.customers.number(customer)?,
            codes,
            kind: line.kind,
        };
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(row),
            _ => {
                // The first chunk grows as it likes, so that a few lines take little room.
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
        let HistoriesBuilder { customers, texts, chunks, .. } = self;
        // Where each customer's rows begin in `places`, which lists the rows customer by customer.
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

        let mut sorted: Vec<u32> = (0..customers.len() as u32).collect();
        sorted.par_sort_unstable_by(|&a, &b| customers.get(a).cmp(customers.get(b)));
        let histories = sorted
            .par_iter()
            .with_min_len(32)
            .map_init(Scratch::default, |scratch, &customer| {
                let rows = &places[starts[customer as usize]..starts[customer as usize + 1]];
                scratch.rows.clear();
                scratch.rows.extend(rows.iter().map(|&(c, r)| chunks[c as usize][r as usize]));
                (Box::from(customers.get(customer)), scratch.history(&texts))
            })
            .collect();
        Histories::from_sorted(histories)
    }
}

/// What one thread needs to make histories one after the other.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) rows: Vec<Row>,
    /// From the shared code to the code in this history.
    codes: HashMap<u32, u32>,
}

impl Scratch {
    /// The history of the rows at hand: sorted, with codes in the order of their first use.
    pub(crate) fn history(&mut self, texts: &Names) -> History {
        self.rows.sort_unstable_by(|a, b| canonical(a, b, texts));
        self.codes.clear();
        let rows = &self.rows;
        let codes = &mut self.codes;
        let mut names: Vec<Box<str>> = Vec::new();
        let mut of = |code: u32| match code {
            0 => 0,
            code => *codes.entry(code).or_insert_with(|| {
                names.push(texts.get(code - 1).into());
                names.len() as u32
            }),
        };
        let room = rows.len();
        let mut history = History {
            occurred_at: rows.iter().map(|row| row.occurred_at).collect(),
            kind: rows.iter().map(|row| row.kind).collect(),
            amount: rows.iter().map(|row| row.amount).collect(),
            quantity: rows.iter().map(|row| row.quantity).collect(),
            order: Vec::with_capacity(room),
            product: Vec::with_capacity(room),
            category: Vec::with_capacity(room),
            channel: Vec::with_capacity(room),
            promotion: Vec::with_capacity(room),
            late: Vec::new(),
            names: Vec::new(),
        };
        for (at, row) in rows.iter().enumerate() {
            let [order, product, category, channel, promotion] = row.codes.map(&mut of);
            history.order.push(order);
            history.product.push(product);
            history.category.push(category);
            history.channel.push(channel);
            history.promotion.push(promotion);
            if row.recorded_at > row.occurred_at {
                history.late.push((at as u32, row.recorded_at));
            }
        }
        names.shrink_to_fit();
        history.names = names;
        history
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
