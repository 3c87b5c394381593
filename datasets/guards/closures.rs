//! Closures: times in which the shop sold nothing to anyone, or of which the data are missing.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::timeline::gaps;
use crate::{Histories, Micros, Zone};

/// A closure lasts so many days at least.
const DAYS: i64 = 14;

/// A gap that comes back within so many days of the same time of another year is the shop's season, and no closure.
const SEASON_DAYS: i64 = 45;
const YEAR: i64 = 365;

/// Days without any purchase, between days with many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// The first day, in days since 1970-01-01 in the business's time zone.
    pub first_day: i32,
    /// How many days.
    pub days: i32,
}

/// The closures of a shop, the earliest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Closures(Vec<Closure>);

impl Closures {
    /// The closures that purchases up to an instant show: two weeks or more without any where many were to be expected, once.
    /// Gaps that come back every year are the shop's season.
    #[must_use]
    pub fn of(histories: &Histories, as_of: Micros, zone: Zone) -> Self {
        let days: Vec<i32> = histories
            .par_iter()
            .flat_map_iter(|(_, history)| {
                let view = history.as_of(as_of);
                view.orders(zone).map(|order| order.day).collect::<Vec<_>>()
            })
            .collect();
        let (Some(&first), Some(&last)) = (days.iter().min(), days.iter().max()) else {
            return Closures::default();
        };
        let mut orders = vec![0; (last - first + 1) as usize];
        days.iter().for_each(|day| orders[(day - first) as usize] += 1);
        Closures::in_series(&orders, first)
    }

    /// The closures of a daily series of orders that starts on a day.
    fn in_series(orders: &[u64], first: i32) -> Self {
        let gaps = gaps(orders);
        let returns = |&(from, _): &(i64, i64)| {
            gaps.iter().any(|(other, _)| {
                let apart = (other - from).abs();
                apart > YEAR / 2 && ((apart + YEAR / 2) % YEAR - YEAR / 2).abs() <= SEASON_DAYS
            })
        };
        let once = gaps.iter().filter(|gap| gap.1 >= DAYS && !returns(gap));
        Closures(once.map(|gap| Closure { first_day: first + gap.0 as i32, days: gap.1 as i32 }).collect())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The closures.
    #[must_use]
    pub fn list(&self) -> &[Closure] {
        &self.0
    }

    /// How many days between two days the shop was closed.
    #[must_use]
    pub fn days_between(&self, from: i32, to: i32) -> i32 {
        self.0.iter().map(|one| ((one.first_day + one.days).min(to) - one.first_day.max(from)).max(0)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten orders a day but in these ranges of days.
    fn orders(days: i64, closed: &[(i64, i64)]) -> Vec<u64> {
        (0..days)
            .map(|day| if closed.iter().any(|&(from, to)| (from..to).contains(&day)) { 0 } else { 10 })
            .collect()
    }

    #[test]
    fn a_closure_is_found_once_and_a_closed_season_is_none() {
        let found = Closures::in_series(&orders(1000, &[(300, 360)]), 50);
        assert_eq!(found.list(), [Closure { first_day: 350, days: 60 }]);
        assert_eq!(found.days_between(0, 2000), 60);
        assert_eq!(found.days_between(349, 410), 60, "between the last order before and the first after");
        assert_eq!(found.days_between(360, 380), 20);
        assert_eq!(found.days_between(420, 500), 0);
        assert!(Closures::in_series(&orders(1000, &[(300, 360), (670, 730)]), 0).is_empty());
        assert!(Closures::in_series(&orders(1000, &[(300, 310)]), 0).is_empty(), "a week of holidays");
        assert_eq!(Closures::in_series(&orders(1000, &[(300, 360), (500, 530)]), 0).list().len(), 2);
        assert!(Closures::in_series(&orders(400, &[(340, 400)]), 0).is_empty(), "nothing came after");
    }
}
