//! How many customers place the next order, by order number, and how long it takes.
//!
//! Customers whose time is not over count as long as they are known (Kaplan & Meier 1958; Greenwood 1926 for the intervals).

use homing_datasets::{History, Micros, Zone};
use serde::Serialize;

/// Days within which the next order is looked for.
pub const WITHIN_DAYS: [u32; 4] = [30, 60, 90, 365];
/// Orders that are followed.
const STEPS: usize = 6;
/// Fewest customers of a step.
const LEAST: usize = 30;

/// From one order to the next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The number of the order, from 1.
    pub order: usize,
    /// Customers who placed it.
    pub customers: usize,
    /// Share of them who place the next order, by days.
    pub shares: Vec<Share>,
    /// Days within which half of them do; `null` where fewer do.
    pub median_days: Option<u32>,
}

/// The share of customers who order again within some days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Days.
    pub within_days: u32,
    /// The share; `null` where nobody is known for so long.
    pub share: Option<f64>,
    /// Low end of its 95 % interval.
    pub low: Option<f64>,
    /// High end.
    pub high: Option<f64>,
}

/// The steps of customers until an instant; those with fewer than 30 customers are left out.
#[must_use]
pub fn steps<'h>(histories: impl Iterator<Item = &'h History>, as_of: Micros, zone: Zone) -> Vec<Step> {
    let today = zone.day(as_of);
    // Days until the next order, or until today, and whether it came.
    let mut times: Vec<Vec<(u32, bool)>> = vec![Vec::new(); STEPS];
    for history in histories {
        let view = history.as_of(as_of);
        let days: Vec<i32> = view.orders(zone).map(|order| order.day).take(STEPS + 1).collect();
        for (at, day) in days.iter().enumerate().take(STEPS) {
            let next = days.get(at + 1);
            times[at].push((next.unwrap_or(&today).abs_diff(*day), next.is_some()));
        }
    }
    let steps = times.into_iter().enumerate().filter(|(_, times)| times.len() >= LEAST);
    steps.map(|(at, times)| step(at + 1, times)).collect()
}

fn step(order: usize, mut times: Vec<(u32, bool)>) -> Step {
    times.sort_unstable();
    let customers = times.len();
    let longest = times.last().map_or(0, |last| last.0);
    let (mut at_risk, mut left, mut variance) = (customers as f64, 1.0, 0.0);
    let mut curve: Vec<(u32, f64, f64)> = vec![(0, 1.0, 0.0)];
    let mut median_days = None;
    for run in times.chunk_by(|a, b| a.0 == b.0) {
        let came = run.iter().filter(|one| one.1).count() as f64;
        if came > 0.0 {
            left *= 1.0 - came / at_risk;
            variance += if at_risk > came { came / (at_risk * (at_risk - came)) } else { 0.0 };
            if left <= 0.5 {
                median_days.get_or_insert(run[0].0);
            }
        }
        curve.push((run[0].0, left, variance));
        at_risk -= run.len() as f64;
    }
    let shares = WITHIN_DAYS.map(|within_days| {
        let known = within_days <= longest;
        let at = curve.partition_point(|point| point.0 <= within_days) - 1;
        let (_, left, variance) = curve[at];
        let reach = 1.96 * left * variance.sqrt();
        let shown = |value: f64| known.then_some(value.clamp(0.0, 1.0));
        Share {
            within_days,
            share: shown(1.0 - left),
            low: shown(1.0 - left - reach),
            high: shown(1.0 - left + reach),
        }
    });
    Step { order, customers, shares: shares.to_vec(), median_days }
}

#[cfg(test)]
mod tests {
    use homing_datasets::{DAY, Event, Kind};

    use super::*;

    #[test]
    fn customers_count_as_long_as_they_are_known() {
        // Fifty order again after 20 days, fifty do not within 100; forty joined 10 days ago.
        let customer = |days: &[i64]| {
            History::from_events(days.iter().map(|day| Event::new(Kind::Purchase, day * DAY, 1.0)).collect())
        };
        let mut all: Vec<History> = (0..50).map(|_| customer(&[0, 20])).collect();
        all.extend((0..50).map(|_| customer(&[0])));
        all.extend((0..40).map(|_| customer(&[90])));
        let found = steps(all.iter(), 100 * DAY, Zone::default());
        assert_eq!((found.len(), found[0].customers, found[1].customers), (2, 140, 50));
        let share = |at: usize| found[0].shares[at].share;
        assert_eq!((share(0), share(2), share(3)), (Some(0.5), Some(0.5), None));
        assert_eq!(found[0].median_days, Some(20));
        assert!(found[0].shares[0].low.unwrap() < 0.42 && found[0].shares[0].high.unwrap() > 0.58);
        assert_eq!(found[1].shares[0].share, Some(0.0));
    }
}
