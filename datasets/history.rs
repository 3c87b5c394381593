//! One customer's [`History`], and the [`View`] of it that cannot see past an instant.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

use crate::event::{Event, Kind, Micros, is_purchase};

/// Everything known of one customer: events as columns, sorted, compact, append-only.
///
/// The order is total (time, then every other field), so the same events make the same history, whatever
/// order they arrived in. Texts are kept once, as codes into a table of names.
///
/// The columns are closed to other crates on purpose: models read them through [`History::as_of`], which hides whatever
/// happened, or became known, after the instant asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    pub(crate) occurred_at: Vec<Micros>,
    pub(crate) kind: Vec<Kind>,
    pub(crate) amount: Vec<f64>,
    pub(crate) quantity: Vec<f32>,
    pub(crate) order: Vec<u32>,
    pub(crate) product: Vec<u32>,
    pub(crate) category: Vec<u32>,
    pub(crate) channel: Vec<u32>,
    pub(crate) promotion: Vec<u32>,
    /// Events that became known after they happened: position and instant. Most histories have none.
    pub(crate) late: Vec<(u32, Micros)>,
    /// Texts in the order of their first use; code 0 means "none", code `i` means `names[i - 1]`.
    pub(crate) names: Vec<Box<str>>,
}

impl History {
    /// A history of these events, in any order.
    ///
    /// ```
    /// use homing_datasets::{DAY, Event, History, Kind};
    ///
    /// let history = History::from_events(vec![
    ///     Event::new(Kind::Purchase, 9 * DAY, 20.0),
    ///     Event::new(Kind::Purchase, 2 * DAY, 10.0),
    /// ]);
    /// assert_eq!((history.len(), history.first_purchase()), (2, Some(2 * DAY)));
    /// ```
    #[must_use]
    pub fn from_events(mut events: Vec<Event>) -> Self {
        events.sort_by(canonical);
        let mut history = History::default();
        let mut codes = HashMap::new();
        for event in &events {
            history.append(event, |names, text| {
                *codes.entry(text.to_owned()).or_insert_with(|| {
                    names.push(text.into());
                    names.len() as u32
                })
            });
        }
        history
    }

    /// Clears everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.occurred_at.clear();
        self.kind.clear();
        self.amount.clear();
        self.quantity.clear();
        self.order.clear();
        self.product.clear();
        self.category.clear();
        self.channel.clear();
        self.promotion.clear();
        self.late.clear();
        self.names.clear();
    }

    /// Number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.occurred_at.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.occurred_at.is_empty()
    }

    /// Instant of the last event, if there is one.
    #[must_use]
    pub fn last_instant(&self) -> Option<Micros> {
        self.occurred_at.last().copied()
    }

    /// Instant of the first event, if there is one.
    #[must_use]
    pub fn first_instant(&self) -> Option<Micros> {
        self.occurred_at.first().copied()
    }

    /// Instant of the first purchase, if there is one.
    #[must_use]
    pub fn first_purchase(&self) -> Option<Micros> {
        let first = (0..self.len()).find(|&at| is_purchase(self.kind[at], self.amount[at]))?;
        Some(self.occurred_at[first])
    }

    /// What was known at `instant`: events that had happened *and* had been recorded by then.
    ///
    /// ```
    /// use homing_datasets::{DAY, Event, History, Kind};
    ///
    /// let history = History::from_events(vec![
    ///     Event::new(Kind::Purchase, 2 * DAY, 10.0),
    ///     Event::new(Kind::Purchase, 9 * DAY, 20.0),
    /// ]);
    /// assert_eq!(history.as_of(5 * DAY).amount(), [10.0]); // the later purchase is out of sight
    /// ```
    #[must_use]
    pub fn as_of(&self, instant: Micros) -> View<'_> {
        let len = self.occurred_at.partition_point(|&t| t <= instant);
        let unknown = self.late.iter().any(|&(at, recorded)| (at as usize) < len && recorded > instant);
        if !unknown {
            return View { history: Cow::Borrowed(self), len, instant };
        }
        let known = self.events().take(len).filter(|event| event.recorded_at <= instant).collect();
        let history = History::from_events(known);
        View { len: history.len(), history: Cow::Owned(history), instant }
    }

    /// The events, oldest first. For storing and exporting; models look through [`History::as_of`].
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        let mut late = self.late.iter().peekable();
        (0..self.len()).map(move |i| {
            let recorded_at = match late.next_if(|&&(at, _)| at as usize == i) {
                Some(&(_, instant)) => instant,
                None => self.occurred_at[i],
            };
            let text = |code: u32| self.name(code).map(str::to_owned);
            Event {
                occurred_at: self.occurred_at[i],
                recorded_at,
                kind: self.kind[i],
                amount: self.amount[i],
                quantity: self.quantity[i],
                order: text(self.order[i]),
                product: text(self.product[i]),
                category: text(self.category[i]),
                channel: text(self.channel[i]),
                promotion: text(self.promotion[i]),
            }
        })
    }

    /// Adds events. Cheap when they are the newest, as they are in a shop.
    pub fn extend(&mut self, mut events: Vec<Event>) {
        events.sort_by(canonical);
        let newest = self.len().checked_sub(1).and_then(|last| self.events_from(last).next());
        match (newest, events.first()) {
            (_, None) => {}
            (Some(newest), Some(first)) if canonical(&newest, first) == Ordering::Greater => {
                events.extend(self.events());
                *self = History::from_events(events);
            }
            _ => {
                for event in &events {
                    self.append(event, |names, text| match names.iter().position(|name| **name == *text) {
                        Some(at) => at as u32 + 1,
                        None => {
                            names.push(text.into());
                            names.len() as u32
                        }
                    });
                }
            }
        }
    }

    /// Both histories in one. An event that is in both counts as often as in the one that has it more
    /// often, so merging the same lines again changes nothing and nothing is lost.
    ///
    /// ```
    /// use homing_datasets::{DAY, Event, History, Kind};
    ///
    /// let buy = |day: i64| Event::new(Kind::Purchase, day * DAY, 10.0);
    /// let file = History::from_events(vec![buy(1), buy(2)]);
    /// let store = History::from_events(vec![buy(2), buy(3)]);
    /// assert_eq!(file.merged(&store).len(), 3); // the purchase of day 2 is the same one
    /// ```
    #[must_use]
    pub fn merged(&self, other: &History) -> History {
        for (early, late) in [(self, other), (other, self)] {
            if late.goes_behind(early) {
                let mut both = early.clone();
                both.extend(late.events().collect());
                return both;
            }
        }
        let (mut left, mut right) = (self.events().peekable(), other.events().peekable());
        let mut all = Vec::with_capacity(self.len().max(other.len()));
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some(l), Some(r)) => canonical(l, r),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return History::from_events(all),
            };
            match order {
                Ordering::Less => all.extend(left.next()),
                Ordering::Greater => all.extend(right.next()),
                Ordering::Equal => {
                    all.extend(left.next());
                    right.next();
                }
            }
        }
    }

    /// Takes the other history in, as [`History::merged`] does. It has grown if and only if there was something new.
    pub fn merge(&mut self, other: &History) {
        if other.goes_behind(self) {
            self.extend(other.events().collect());
        } else {
            *self = self.merged(other);
        }
    }

    /// Whether it is a few events that are all later than the other's, as they are every night: no event can be in both then.
    fn goes_behind(&self, early: &History) -> bool {
        let apart = match (early.last_instant(), self.first_instant()) {
            (Some(last), Some(first)) => last < first,
            _ => true,
        };
        apart && self.len() <= early.len().min(1000)
    }

    /// The text behind a code, or `None` for code 0.
    #[must_use]
    pub fn name(&self, code: u32) -> Option<&str> {
        let at = (code as usize).checked_sub(1)?;
        self.names.get(at).map(AsRef::as_ref)
    }

    fn events_from(&self, start: usize) -> impl Iterator<Item = Event> + '_ {
        self.events().skip(start)
    }

    /// Appends an event that sorts last; `code` finds or makes the code of a text.
    fn append(&mut self, event: &Event, mut code: impl FnMut(&mut Vec<Box<str>>, &str) -> u32) {
        let names = &mut self.names;
        let mut of = |text: &Option<String>| text.as_deref().map_or(0, |text| code(names, text));
        self.order.push(of(&event.order));
        self.product.push(of(&event.product));
        self.category.push(of(&event.category));
        self.channel.push(of(&event.channel));
        self.promotion.push(of(&event.promotion));
        if event.recorded_at > event.occurred_at {
            self.late.push((self.occurred_at.len() as u32, event.recorded_at));
        }
        self.occurred_at.push(event.occurred_at);
        self.kind.push(event.kind);
        self.amount.push(event.amount);
        self.quantity.push(event.quantity);
    }
}

/// The one order of events: by time, then by every other field.
fn canonical(a: &Event, b: &Event) -> Ordering {
    a.occurred_at
        .cmp(&b.occurred_at)
        .then_with(|| a.recorded_at.cmp(&b.recorded_at))
        .then_with(|| a.kind.cmp(&b.kind))
        .then_with(|| a.amount.total_cmp(&b.amount))
        .then_with(|| a.quantity.total_cmp(&b.quantity))
        .then_with(|| a.order.cmp(&b.order))
        .then_with(|| a.product.cmp(&b.product))
        .then_with(|| a.category.cmp(&b.category))
        .then_with(|| a.channel.cmp(&b.channel))
        .then_with(|| a.promotion.cmp(&b.promotion))
}

/// What was known of a customer at an instant. It has no way to reach anything later.
#[derive(Clone, Debug)]
pub struct View<'a> {
    history: Cow<'a, History>,
    len: usize,
    instant: Micros,
}

impl View<'_> {
    /// The instant of the view.
    #[must_use]
    pub fn instant(&self) -> Micros {
        self.instant
    }

    /// Number of events in sight.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is in sight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// When each event happened, ascending.
    #[must_use]
    pub fn occurred_at(&self) -> &[Micros] {
        &self.history.occurred_at[..self.len]
    }

    /// The kind of each event.
    #[must_use]
    pub fn kind(&self) -> &[Kind] {
        &self.history.kind[..self.len]
    }

    /// The amount of each event.
    #[must_use]
    pub fn amount(&self) -> &[f64] {
        &self.history.amount[..self.len]
    }

    /// The quantity of each event.
    #[must_use]
    pub fn quantity(&self) -> &[f32] {
        &self.history.quantity[..self.len]
    }

    /// The code of each event's receipt (`order_id`); 0 = not known. Orders are [`View::orders`].
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.history.order[..self.len]
    }

    /// The product code of each event; 0 = not known.
    #[must_use]
    pub fn product(&self) -> &[u32] {
        &self.history.product[..self.len]
    }

    /// The category code of each event; 0 = not known.
    #[must_use]
    pub fn category(&self) -> &[u32] {
        &self.history.category[..self.len]
    }

    /// The channel code of each event; 0 = not known.
    #[must_use]
    pub fn channel(&self) -> &[u32] {
        &self.history.channel[..self.len]
    }

    /// The promotion code of each event; 0 = not known.
    #[must_use]
    pub fn promotion(&self) -> &[u32] {
        &self.history.promotion[..self.len]
    }

    /// An upper bound of the codes in this history (for tables indexed by code).
    #[must_use]
    pub fn codes(&self) -> usize {
        self.history.names.len() + 1
    }

    /// The text behind a code, or `None` for code 0.
    #[must_use]
    pub fn name(&self, code: u32) -> Option<&str> {
        self.history.name(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::DAY;

    fn buy(day: i64, amount: f64, product: &str) -> Event {
        Event { product: Some(product.into()), ..Event::new(Kind::Purchase, day * DAY, amount) }
    }

    #[test]
    fn arrival_order_does_not_matter() {
        let events = vec![buy(3, 2.0, "b"), buy(1, 9.0, "c"), buy(3, 1.0, "a"), buy(2, 4.0, "a")];
        let sorted = History::from_events(events.clone());
        let mut appended = History::default();
        for event in events {
            appended.extend(vec![event]);
        }
        assert_eq!(sorted, appended);
        assert_eq!(sorted.events().map(|e| e.amount).collect::<Vec<_>>(), [9.0, 4.0, 1.0, 2.0]);
    }

    #[test]
    fn a_view_sees_neither_later_events_nor_later_knowledge() {
        let mut late = buy(2, 5.0, "x");
        late.recorded_at = 6 * DAY;
        let history = History::from_events(vec![buy(1, 1.0, "x"), late, buy(4, 3.0, "y")]);
        assert_eq!(history.as_of(3 * DAY).amount(), [1.0]);
        assert_eq!(history.as_of(5 * DAY).amount(), [1.0, 3.0]);
        assert_eq!(history.as_of(6 * DAY).amount(), [1.0, 5.0, 3.0]);
        assert!(history.as_of(0).is_empty());
    }

    #[test]
    fn merging_loses_nothing_and_doubles_nothing() {
        let file = History::from_events(vec![buy(1, 1.0, "x"), buy(1, 1.0, "x"), buy(3, 2.0, "y")]);
        let online = History::from_events(vec![buy(1, 1.0, "x"), buy(4, 7.0, "z")]);
        let both = file.merged(&online);
        assert_eq!(both.as_of(9 * DAY).amount(), [1.0, 1.0, 2.0, 7.0]);
        assert_eq!(both.merged(&file), both);
        assert_eq!(online.merged(&file), both);
        let later = History::from_events(vec![buy(4, 1.0, "z"), buy(5, 1.0, "x")]);
        let all = History::from_events(file.events().chain(later.events()).collect());
        assert_eq!((file.merged(&later), later.merged(&file)), (all.clone(), all));
        assert_eq!(
            (file.merged(&History::default()), History::default().merged(&file)),
            (file.clone(), file)
        );
    }
}
