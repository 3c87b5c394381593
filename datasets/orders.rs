//! Orders: the one place that turns a customer's events into orders.
//!
//! A purchase is an event of kind `purchase` with an amount above zero. An **order** is all that a customer purchased on
//! one calendar day of the business's time zone. One receipt is something else: see [`View::order`].

use std::ops::Range;

use crate::calendar::{Days, Zone};
use crate::event::{Micros, is_purchase};
use crate::history::View;

/// All that a customer purchased on one calendar day.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The local day, in days since 1970-01-01.
    pub day: i32,
    /// From its first purchase to past its last, as positions in the view. Other events may be in between; see [`View::lines`].
    pub events: Range<usize>,
    /// Number of its purchases (lines).
    pub lines: u32,
    /// Sum of their amounts, above zero, in the business's currency.
    pub amount: f64,
    /// Sum of their quantities.
    pub quantity: f64,
}

/// The orders of a view, oldest first; made by [`View::orders`].
#[derive(Clone, Debug)]
pub struct Orders<'v> {
    view: &'v View<'v>,
    days: Days,
    at: usize,
}

impl View<'_> {
    /// Whether the event at a position is a purchase: kind `purchase`, amount above zero.
    #[must_use]
    pub fn is_purchase(&self, at: usize) -> bool {
        is_purchase(self.kind()[at], self.amount()[at])
    }

    /// The positions of the purchases, oldest first.
    pub fn purchases(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        (0..self.len()).filter(|&at| self.is_purchase(at))
    }

    /// The positions of an order's purchases, oldest first.
    pub fn lines(&self, order: &Order) -> impl Iterator<Item = usize> + '_ {
        order.events.clone().filter(|&at| self.is_purchase(at))
    }

    /// The orders, oldest first. Their days ascend strictly, also where clocks that are set back repeat the end of a day.
    ///
    /// ```
    /// use homing_datasets::{DAY, Event, History, Kind, Zone};
    ///
    /// let buy = |hour: i64, amount| Event::new(Kind::Purchase, hour * DAY / 24, amount);
    /// let history = History::from_events(vec![buy(10, 2.0), buy(15, 3.0), buy(30, 4.0)]);
    /// let view = history.as_of(2 * DAY);
    /// let orders: Vec<(i32, f64)> = view.orders(Zone::default()).map(|order| (order.day, order.amount)).collect();
    /// assert_eq!(orders, [(0, 5.0), (1, 4.0)]);
    /// ```
    #[must_use]
    pub fn orders(&self, zone: Zone) -> Orders<'_> {
        Orders { view: self, days: Days::of(zone), at: 0 }
    }

    /// The orders among the events after an instant. An order that began before it counts with what was purchased after.
    #[must_use]
    pub fn orders_after(&self, instant: Micros, zone: Zone) -> Orders<'_> {
        let at = self.occurred_at().partition_point(|&at| at <= instant);
        Orders { view: self, days: Days::of(zone), at }
    }
}

impl Iterator for Orders<'_> {
    type Item = Order;

    fn next(&mut self) -> Option<Order> {
        let mut order: Option<Order> = None;
        while self.at < self.view.len() {
            if self.view.is_purchase(self.at) {
                let day = self.days.day(self.view.occurred_at()[self.at]);
                let order = order.get_or_insert(Order {
                    day,
                    events: self.at..self.at,
                    lines: 0,
                    amount: 0.0,
                    quantity: 0.0,
                });
                if day > order.day {
                    break;
                }
                order.lines += 1;
                order.amount += self.view.amount()[self.at];
                order.quantity += f64::from(self.view.quantity()[self.at]);
                order.events.end = self.at + 1;
            }
            self.at += 1;
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{DAY, Event, Kind};
    use crate::history::History;

    fn at(text: &str) -> Micros {
        Zone::default().instant(text).unwrap()
    }

    fn days(zone: &str, events: Vec<Event>) -> Vec<(i32, u32, f64)> {
        let zone: Zone = zone.parse().unwrap();
        let first = zone.day(events[0].occurred_at);
        let history = History::from_events(events);
        let view = history.as_of(Micros::MAX);
        view.orders(zone).map(|order| (order.day - first, order.lines, order.amount)).collect()
    }

    #[test]
    fn orders_are_days_of_the_business_zone() {
        // 15:00 and 17:00 UTC are one day in UTC and two in Shanghai (UTC+8).
        let buys = || ["15:00", "17:00"].map(|time| at(&format!("2020-02-01 {time}")));
        let events = || buys().map(|at| Event::new(Kind::Purchase, at, 2.0)).to_vec();
        assert_eq!(days("UTC", events()), [(0, 2, 4.0)]);
        assert_eq!(days("Asia/Shanghai", events()), [(0, 1, 2.0), (1, 1, 2.0)]);
    }

    #[test]
    fn gifts_product_returns_and_visits_are_no_orders() {
        let event = |kind, day: i64, amount| Event::new(kind, day * DAY, amount);
        let history = History::from_events(vec![
            event(Kind::Purchase, 1, 0.0),
            event(Kind::Purchase, 2, 3.0),
            event(Kind::Visit, 2, 0.0),
            event(Kind::Purchase, 2, 4.0),
            event(Kind::Return, 3, -3.0),
            event(Kind::Visit, 4, 0.0),
        ]);
        let view = history.as_of(9 * DAY);
        let orders: Vec<Order> = view.orders(Zone::default()).collect();
        assert_eq!(orders.len(), 1, "{orders:?}");
        assert_eq!((orders[0].day, orders[0].lines, orders[0].amount, orders[0].quantity), (2, 2, 7.0, 2.0));
        assert_eq!(view.lines(&orders[0]).map(|at| view.amount()[at]).collect::<Vec<f64>>(), [3.0, 4.0]);
        assert_eq!(view.purchases().count(), 2);
        assert_eq!(history.as_of(DAY).orders(Zone::default()).count(), 0);
        assert_eq!(view.orders_after(2 * DAY, Zone::default()).count(), 0);
        assert_eq!(view.orders_after(2 * DAY - 1, Zone::default()).next(), Some(orders[0].clone()));
    }

    #[test]
    fn an_hour_that_a_clock_repeats_is_still_of_its_day() {
        // Newfoundland set its clocks back at 00:01, so the last hour of October 29th came twice, with a minute of the
        // 30th between the two.
        let minute = 60_000_000;
        let second_midnight = at("2006-10-29 03:30:00");
        let buy = |minutes: i64| Event::new(Kind::Purchase, second_midnight + minutes * minute, 1.0);
        let orders = days("America/St_Johns", vec![buy(-62), buy(-60), buy(-30), buy(10)]);
        let lines: Vec<u32> = orders.iter().map(|order| order.1).collect();
        assert_eq!((orders.len(), lines.iter().sum::<u32>()), (2, 4), "{orders:?}");
        assert!(orders[0].0 < orders[1].0, "{orders:?}");
    }
}
