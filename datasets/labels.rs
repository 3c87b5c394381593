//! What a customer did after a cutoff: the answers that models learn and that backtests compare with.
//!
//! The window of a label is `(cutoff, cutoff + horizon]`; a bare date as cutoff means the end of that day
//! ([`Zone::as_of`]). A purchase is an event of kind `purchase` with an amount above zero.

use crate::{DAY, History, Kind, Micros, Zone};

/// What one customer did in the window after a cutoff.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Label {
    /// At least one purchase in the window. Churn is its opposite.
    pub bought: bool,
    /// At least one purchase in the short window ([`short_horizon`]).
    pub bought_short: bool,
    /// Orders, as [`crate::View::orders`] counts them.
    pub orders: u32,
    /// Sum of the purchases' amounts, in the business's currency.
    pub spend: f64,
    /// Sum of the amounts of purchases and returns; below zero when more came back than was bought.
    pub net_spend: f64,
}

/// Days of the short window that goes with a horizon: 30 from 60 days on, else a third of it, rounded to the
/// nearest day, at least 1.
#[must_use]
pub fn short_horizon(horizon_days: u32) -> u32 {
    // A third never ends in one half, so every way of rounding agrees: (h + 1) / 3 rounds h / 3.
    if horizon_days >= 60 { 30 } else { ((horizon_days + 1) / 3).max(1) }
}

/// The instant `days` times 24 hours after another.
#[must_use]
pub fn days_after(instant: Micros, days: u32) -> Micros {
    instant.saturating_add(i64::from(days).saturating_mul(DAY))
}

/// What the customer did within `horizon_days` days of 24 hours after `cutoff`.
///
/// Only what was known at the end of the window counts, so a label can be made on the day its window closes
/// and never changes. Costs two binary searches and a scan of the window.
///
/// ```
/// use homing_datasets::{DAY, Event, History, Kind, Zone};
/// use homing_datasets::labels::label;
///
/// let buy = |day: i64, amount| Event::new(Kind::Purchase, day * DAY, amount);
/// let history = History::from_events(vec![buy(1, 10.0), buy(20, 7.0), buy(90, 5.0)]);
/// let label = label(&history, 2 * DAY, 30, Zone::default());
/// assert_eq!((label.bought, label.orders, label.spend), (true, 1, 7.0));
/// ```
#[must_use]
pub fn label(history: &History, cutoff: Micros, horizon_days: u32, zone: Zone) -> Label {
    label_within(history, cutoff, horizon_days, short_horizon(horizon_days), zone)
}

/// [`label`] with a short window of `short_days` days (at most the horizon), for horizons that were cut to
/// fit a short history.
#[must_use]
pub fn label_within(
    history: &History,
    cutoff: Micros,
    horizon_days: u32,
    short_days: u32,
    zone: Zone,
) -> Label {
    let view = history.as_of(days_after(cutoff, horizon_days));
    let short_end = days_after(cutoff, short_days);
    let mut label = Label::default();
    for order in view.orders_after(cutoff, zone) {
        label.orders += 1;
        for at in view.lines(&order) {
            label.bought_short |= view.occurred_at()[at] <= short_end;
            label.spend += view.amount()[at];
        }
    }
    label.bought = label.orders > 0;
    let start = view.occurred_at().partition_point(|&instant| instant <= cutoff);
    for (&kind, &amount) in view.kind()[start..].iter().zip(&view.amount()[start..]) {
        if matches!(kind, Kind::Purchase | Kind::Return) {
            label.net_spend += amount;
        }
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    fn utc(text: &str) -> Micros {
        Zone::default().as_of(text).unwrap()
    }

    #[test]
    fn the_short_horizon_is_a_third_rounded_and_thirty_days_from_sixty_on() {
        let expected = [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (7, 2), (8, 3), (9, 3), (30, 10), (59, 20)];
        for (horizon, short) in expected {
            assert_eq!(short_horizon(horizon), short, "horizon {horizon}");
        }
        assert_eq!([60, 90, 365].map(short_horizon), [30; 3]);
    }

    #[test]
    fn orders_are_days_of_the_business_zone() {
        // 15:00 and 17:00 UTC are one day in UTC and two in Shanghai (UTC+8).
        let buys = ["2020-02-01T15:00:00Z", "2020-02-01T17:00:00Z"];
        let history = History::from_events(
            buys.iter()
                .map(|text| Event::new(Kind::Purchase, Zone::default().instant(text).unwrap(), 1.0))
                .collect(),
        );
        assert_eq!(label(&history, utc("2020-01-31"), 9, Zone::default()).orders, 1);
        assert_eq!(label(&history, utc("2020-01-31"), 9, "Asia/Shanghai".parse().unwrap()).orders, 2);
    }

    #[test]
    fn only_purchases_and_returns_carry_money() {
        let at = utc("2020-02-03");
        let events =
            [(Kind::Nps, 9.0), (Kind::PromotionUsed, 5.0), (Kind::Purchase, 20.0), (Kind::Return, -8.0)];
        let history =
            History::from_events(events.iter().map(|&(kind, amount)| Event::new(kind, at, amount)).collect());
        let label = label(&history, utc("2020-01-31"), 9, Zone::default());
        assert_eq!((label.spend, label.net_spend, label.orders), (20.0, 12.0, 1));
    }

    #[test]
    fn what_became_known_after_the_window_does_not_count() {
        let late =
            Event { recorded_at: utc("2020-03-01"), ..Event::new(Kind::Purchase, utc("2020-02-03"), 5.0) };
        let history = History::from_events(vec![late]);
        assert_eq!(label(&history, utc("2020-01-31"), 9, Zone::default()), Label::default());
        assert!(label(&history, utc("2020-01-31"), 60, Zone::default()).bought);
    }

    #[test]
    fn the_window_excludes_its_start_and_includes_its_end() {
        let cutoff = utc("2020-01-31");
        let one = |instant| History::from_events(vec![Event::new(Kind::Purchase, instant, 1.0)]);
        assert!(!label(&one(cutoff), cutoff, 9, Zone::default()).bought);
        assert!(label(&one(cutoff + 1), cutoff, 9, Zone::default()).bought_short);
        assert!(label(&one(cutoff + 3 * DAY), cutoff, 9, Zone::default()).bought_short);
        assert!(!label(&one(cutoff + 3 * DAY + 1), cutoff, 9, Zone::default()).bought_short);
        assert!(label(&one(cutoff + 9 * DAY), cutoff, 9, Zone::default()).bought);
        assert!(!label(&one(cutoff + 9 * DAY + 1), cutoff, 9, Zone::default()).bought);
    }
}
