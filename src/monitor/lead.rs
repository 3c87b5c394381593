//! How long before a customer lapses the churn level warned of it.
//!
//! A lapse is that of [`homing_models::lapse`]. It counts where the customer was kept at least 30 days before it, so that there was
//! time to warn. The warning is the first kept night after the customer's last order at which the churn level was `high`; as only
//! kept nights are known, the lead time is at least what is said here.

use std::collections::BTreeMap;

use homing_datasets::{DAY, History, Micros, Zone};
use homing_models::lapse::first_lapse;
use homing_models::statistics::wilson;
use homing_tags::names::HIGH;
use serde::Serialize;

/// Days of notice that are asked for.
pub const NOTICE_DAYS: u32 = 30;
/// Fewest lapses that are judged.
const LEAST: usize = 30;

/// How early lapses were warned of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeadTime {
    /// Sampled customers who lapsed.
    pub lapsed: usize,
    /// Share of them whom a high churn level had named before.
    pub warned: f64,
    /// Low end of its 95 % interval.
    pub warned_low: f64,
    /// High end.
    pub warned_high: f64,
    /// Share of them who were named 30 days before or earlier.
    pub in_time: f64,
    /// Low end of its 95 % interval.
    pub in_time_low: f64,
    /// High end.
    pub in_time_high: f64,
    /// Median days from the warning to the lapse, of those who were warned.
    pub lead_days: Option<f64>,
    /// Low end of its 95 % interval (order statistics).
    pub lead_days_low: Option<f64>,
    /// High end.
    pub lead_days_high: Option<f64>,
}

/// The nights at which each customer was kept, and whether the churn level was high.
#[derive(Default)]
pub(super) struct Nights {
    of: BTreeMap<String, Vec<(Micros, bool)>>,
}

impl Nights {
    pub(super) fn add(&mut self, customer_id: &str, at: Micros, level: Option<&str>) {
        if let Some(level) = level {
            self.of.entry(customer_id.to_owned()).or_default().push((at, level == HIGH));
        }
    }

    /// Judges all customers; `None` with too few lapses.
    pub(super) fn judged<E>(
        self,
        known: Micros,
        zone: Zone,
        history: impl Fn(&str) -> Result<Option<History>, E>,
    ) -> Result<Option<LeadTime>, E> {
        let (mut lapsed, mut leads) = (0, Vec::new());
        for (id, nights) in &self.of {
            let Some(&(first, _)) = nights.first() else { continue };
            let days = u32::try_from((known - first) / DAY).unwrap_or(0);
            if days <= NOTICE_DAYS {
                continue;
            }
            let Some(history) = history(id)? else { continue };
            let Some(after) = first_lapse(&history, first, days, zone).filter(|after| *after >= NOTICE_DAYS)
            else {
                continue;
            };
            lapsed += 1;
            let lapse = first + Micros::from(after) * DAY;
            let view = history.as_of(lapse);
            let last = view.purchases().next_back().map_or(Micros::MIN, |at| view.occurred_at()[at]);
            let warning = nights.iter().find(|(at, high)| *high && *at >= last && *at < lapse);
            leads.extend(warning.map(|(at, _)| (lapse - at) as f64 / DAY as f64));
        }
        Ok((lapsed >= LEAST).then(|| LeadTime::of(lapsed, leads)))
    }
}

impl LeadTime {
    fn of(lapsed: usize, mut leads: Vec<f64>) -> Self {
        leads.sort_by(f64::total_cmp);
        let all = lapsed as f64;
        let in_time = leads.iter().filter(|lead| **lead >= f64::from(NOTICE_DAYS)).count() as f64;
        let (warned_low, warned_high) = wilson(leads.len() as f64, all);
        let (in_time_low, in_time_high) = wilson(in_time, all);
        // The median lies between these order statistics with 95 %.
        let (n, reach) = (leads.len() as f64, 0.98 * (leads.len() as f64).sqrt());
        let place = |at: f64| leads.get(at.clamp(0.0, (n - 1.0).max(0.0)) as usize).copied();
        LeadTime {
            lapsed,
            warned: n / all,
            warned_low,
            warned_high,
            in_time: in_time / all,
            in_time_low,
            in_time_high,
            lead_days: place((n / 2.0).floor()),
            lead_days_low: place((n / 2.0 - reach).floor()),
            lead_days_high: place((n / 2.0 + reach).ceil()),
        }
    }
}

#[cfg(test)]
mod tests {
    use homing_datasets::{Event, Kind};

    use super::*;

    #[test]
    fn the_first_warning_after_the_last_order_counts() {
        let mut nights = Nights::default();
        // Everybody orders once on day 0, so lapses on day 91; kept weekly from day 7 on, half of them high from day 35.
        for customer in 0..40 {
            for day in (7..=84).step_by(7) {
                let high = customer % 2 == 0 && day >= 35;
                nights.add(&format!("c{customer}"), day * DAY, Some(if high { HIGH } else { "low" }));
            }
        }
        let history = |_: &str| -> Result<_, ()> {
            Ok(Some(History::from_events(vec![Event::new(Kind::Purchase, 0, 5.0)])))
        };
        let found = nights.judged(120 * DAY, Zone::default(), history).unwrap().unwrap();
        assert_eq!((found.lapsed, found.warned, found.in_time), (40, 0.5, 0.5));
        assert_eq!((found.lead_days, found.lead_days_low), (Some(56.0), Some(56.0)));
        assert!(found.warned_low > 0.3 && found.warned_high < 0.7);
    }

    #[test]
    fn too_few_lapses_are_not_judged() {
        let mut nights = Nights::default();
        nights.add("c", 7 * DAY, Some(HIGH));
        let none = nights.judged(120 * DAY, Zone::default(), |_| Ok::<_, ()>(None)).unwrap();
        assert_eq!(none, None);
    }
}
