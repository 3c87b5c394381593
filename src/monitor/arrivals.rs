//! Whether purchases still arrive as they did: by channel, in number and in amount, within days of the change.
//!
//! The last three days of the sampled customers are held against the same days of the four weeks before; amounts also over a week, in which
//! smaller changes show. A customer's first order
//! is left out: customers are sampled after they have joined, so first orders lie in the past alone.

use std::collections::BTreeMap;

use homing_datasets::{DAY, History, Micros};
use serde::Serialize;

/// Days that are judged.
const RECENT: usize = 3;
/// Weeks that they are held against.
const WEEKS: usize = 4;
/// Days over which amounts are judged: large changes show in the first, small ones in the second.
const AMOUNT_DAYS: [usize; 2] = [RECENT, 7];
/// Days looked at.
const DAYS: usize = 7 * WEEKS + 7;
/// Fewest purchases that must be expected.
const LEAST: f64 = 20.0;
/// Fewer than this share of the expected purchases are a fault.
const STOPPED: f64 = 0.5;
/// A median amount that has moved by more than this factor is a fault.
const MOVED: f64 = 1.15;
/// Standard errors that lie between chance and a fault.
const BEYOND: f64 = 4.5;

/// Purchases or amounts of a channel in the last days.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arrival {
    /// `purchases` (their number) or `amount` (their median).
    pub kind: &'static str,
    /// `all`, or a channel.
    pub channel: String,
    /// Number or median of the last three days, or the median of the last seven.
    pub recent: f64,
    /// What the four weeks before let expect.
    pub expected: f64,
    /// Standard errors between the two.
    pub z: f64,
    /// Whether the difference is a fault: beyond chance and large.
    pub broken: bool,
}

/// Purchase lines by channel and day; day 0 ends at the last event, day 1 a day earlier.
struct Days {
    counts: [f64; DAYS],
    /// Day and amount.
    amounts: Vec<(usize, f64)>,
}

/// The channels' last days.
#[derive(Default)]
pub(super) struct Arrivals {
    channels: BTreeMap<String, Days>,
}

impl Arrivals {
    /// Adds a customer's purchases until `known`.
    pub(super) fn add(&mut self, history: &History, known: Micros) {
        let view = history.as_of(known);
        let Some(first) = history.first_purchase() else { return };
        for at in view.purchases() {
            let occurred = view.occurred_at()[at];
            let day = (known - occurred).div_euclid(DAY) as usize;
            if occurred < first + DAY || day >= DAYS {
                continue;
            }
            let channel = view.name(view.channel()[at]).unwrap_or_default().to_owned();
            for name in ["all".to_owned(), channel] {
                if name.is_empty() {
                    continue;
                }
                let days = self.channels.entry(name).or_default();
                days.counts[day] += 1.0;
                days.amounts.push((day, view.amount()[at]));
            }
        }
    }

    /// All channels with enough purchases, faults first.
    pub(super) fn judged(mut self) -> Vec<Arrival> {
        if self.channels.len() == 2 {
            // A single channel is the same as all.
            self.channels.retain(|name, _| name == "all");
        }
        let mut found: Vec<Arrival> = Vec::new();
        for (channel, days) in &self.channels {
            found.extend(days.number(channel));
            found.extend(days.amount(channel));
        }
        found.sort_by_key(|one| !one.broken);
        found
    }
}

impl Default for Days {
    fn default() -> Self {
        Days { counts: [0.0; DAYS], amounts: Vec::new() }
    }
}

impl Days {
    fn number(&self, channel: &str) -> Option<Arrival> {
        let sum = |from: usize| self.counts[from..from + RECENT].iter().sum::<f64>();
        let before: Vec<f64> = (1..=WEEKS).map(|week| sum(7 * week)).collect();
        let (recent, expected) = (sum(0), before.iter().sum::<f64>() / WEEKS as f64);
        if expected < LEAST {
            return None;
        }
        // Purchases of a day vary more than those of independent customers would.
        let all: Vec<f64> = (RECENT..=7 * WEEKS).map(sum).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (all.len() - 1) as f64;
        let spread = (variance / mean.max(1.0)).max(1.0);
        let z = (recent - expected) / (expected * spread * (1.0 + 1.0 / WEEKS as f64)).sqrt();
        // Where the weeks before swing so much that nothing is beyond chance, a silent channel is still a fault.
        let broken = recent < STOPPED * expected && (z < -BEYOND || recent == 0.0);
        let channel = channel.to_owned();
        Some(Arrival { kind: "purchases", channel, recent, expected, z, broken })
    }

    /// The amounts of the shorter time, or of the longer one if only they have moved.
    fn amount(&self, channel: &str) -> Option<Arrival> {
        let [short, long] = AMOUNT_DAYS.map(|days| self.amount_within(channel, days));
        let moved = |one: &Option<Arrival>| one.as_ref().is_some_and(|one| one.broken);
        if moved(&short) || !moved(&long) { short.or(long) } else { long }
    }

    fn amount_within(&self, channel: &str, days: usize) -> Option<Arrival> {
        let of = |recent: bool| -> Vec<f64> {
            self.amounts.iter().filter(|one| (one.0 < days) == recent).map(|one| one.1).collect()
        };
        let (now, before) = (of(true), of(false));
        let (recent, expected) = (median(&now)?, median(&before)?);
        if (now.len() as f64) < LEAST || (before.len() as f64) < LEAST || expected <= 0.0 {
            return None;
        }
        let z = rank_z(&now, &before);
        let ratio = recent / expected;
        let broken = z.abs() > BEYOND && !(1.0 / MOVED..=MOVED).contains(&ratio);
        Some(Arrival { kind: "amount", channel: channel.to_owned(), recent, expected, z, broken })
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The rank-sum statistic of two samples in standard errors (Mann & Whitney 1947, with the correction for ties).
fn rank_z(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len() as f64, b.len() as f64);
    let mut all: Vec<(f64, bool)> =
        a.iter().map(|x| (*x, true)).chain(b.iter().map(|x| (*x, false))).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut below, mut ranks, mut ties) = (0.0, 0.0, 0.0);
    for run in all.chunk_by(|x, y| x.0 == y.0) {
        let length = run.len() as f64;
        let mine = run.iter().filter(|one| one.1).count() as f64;
        ranks += mine * (below + (length + 1.0) / 2.0);
        ties += length.powi(3) - length;
        below += length;
    }
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    let expected = n * (total + 1.0) / 2.0;
    if variance > 0.0 { (ranks - expected) / variance.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use homing_datasets::{Event, Kind};

    use super::*;

    /// A hundred customers who buy every fourth day, in turn in a shop and online, for 60 days; `change` alters a purchase.
    fn arrivals(change: impl Fn(i64, &mut Event) -> bool) -> Vec<Arrival> {
        let mut arrivals = Arrivals::default();
        for customer in 0..100_i64 {
            let mut events = Vec::new();
            for day in (customer % 4..60).step_by(4) {
                let amount = 20.0 + (homing_models::sampling::mix((customer * 100 + day) as u64) % 20) as f64;
                let mut event = Event::new(Kind::Purchase, day * DAY + customer, amount);
                event.channel = Some(if customer % 8 < 4 { "shop" } else { "web" }.to_owned());
                if change(day, &mut event) {
                    events.push(event);
                }
            }
            arrivals.add(&History::from_events(events), 60 * DAY);
        }
        arrivals.judged()
    }

    fn broken(found: &[Arrival]) -> Vec<(&str, &str)> {
        found.iter().filter(|one| one.broken).map(|one| (one.kind, one.channel.as_str())).collect()
    }

    #[test]
    fn a_channel_that_stops_and_amounts_that_move_are_seen_within_days() {
        assert_eq!(broken(&arrivals(|_, _| true)), []);
        let stopped = arrivals(|day, event| day < 57 || event.channel.as_deref() != Some("web"));
        assert_eq!(broken(&stopped), [("purchases", "web")]);
        let cents = |day: i64, event: &mut Event| {
            event.amount *= if day >= 58 { 100.0 } else { 1.0 };
            true
        };
        assert_eq!(broken(&arrivals(cents)), [("amount", "all"), ("amount", "shop"), ("amount", "web")]);
    }

    #[test]
    fn rank_sums_of_equal_samples_are_no_difference() {
        assert_eq!(rank_z(&[1.0, 2.0, 2.0], &[2.0, 1.0, 2.0]), 0.0);
        assert_eq!(rank_z(&[1.0], &[1.0]), 0.0);
        assert!(rank_z(&[5.0, 6.0, 7.0], &[1.0, 2.0, 3.0]) > 1.9);
    }
}
