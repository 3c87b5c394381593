//! Lapse by the customer's purchase cycle: six months without an order are long for one customer and usual for
//! another.
//!
//! A customer **lapses** on the day on which recency exceeds what their purchase cycle explains: twice the longest
//! gap or four times the median gap, whichever is longer, and at least 90 days. One-time buyers have no purchase
//! cycle; for them it is 90 days. The shipped catalogue uses this definition for the stage `lost`.

use homing_datasets::{DAY, History, Micros, Zone};

use crate::features::F;
use crate::prediction::Prediction;
use crate::repurchase::PurchaseCurve;

/// The least recency that is a lapse, in days.
pub const LEAST_DAYS: f64 = 90.0;

/// The recency that is a lapse, in days; NaN gaps are those of a one-time buyer.
///
/// ```
/// use homing_models::lapse::limit_days;
///
/// assert_eq!(limit_days(f64::NAN, f64::NAN), 90.0); // one order: no cycle to go by
/// assert_eq!(limit_days(100.0, 80.0), 320.0);
/// ```
#[must_use]
pub fn limit_days(gap_max: f64, gap_median: f64) -> f64 {
    LEAST_DAYS.max(2.0 * gap_max).max(4.0 * gap_median)
}

/// Days until a customer with these features lapses; zero or less after the lapse. NaN without a purchase.
#[must_use]
pub fn left_days(features: &[f64]) -> f64 {
    let get = |feature: F| features.get(feature as usize).copied().unwrap_or(f64::NAN);
    limit_days(get(F::gap_max_days), get(F::gap_median_days)) - get(F::recency_days)
}

/// The probability of no purchase within so many days, by the purchase curve of a prediction.
#[must_use]
pub fn silent_for(prediction: &Prediction, days: f64) -> f64 {
    let points: Vec<(u32, f64)> = prediction.at.iter().map(|at| (at.days, at.p_purchase)).collect();
    1.0 - PurchaseCurve::through(&points).at(days.max(0.0))
}

/// Days from the cutoff to the first lapse after it, within the horizon; `None` where there is none. Later orders do not undo it.
#[must_use]
pub fn first_lapse(history: &History, cutoff: Micros, days: u32, zone: Zone) -> Option<u32> {
    let end = cutoff + i64::from(days) * DAY;
    let view = history.as_of(end);
    let (today, last_day) = (zone.day(cutoff), zone.day(end));
    let orders: Vec<i32> = view.orders(zone).map(|order| order.day).collect();
    let mut gaps: Vec<i32> = Vec::new();
    for (n, &day) in orders.iter().enumerate() {
        if n > 0 {
            let gap = day - orders[n - 1];
            gaps.insert(gaps.partition_point(|&known| known < gap), gap);
        }
        let next = orders.get(n + 1).copied().unwrap_or(i32::MAX);
        if next <= today {
            continue;
        }
        let (longest, median) = match gaps.len() {
            0 => (f64::NAN, f64::NAN),
            many => {
                let middle = f64::from(gaps[many / 2]) + f64::from(gaps[(many - 1) / 2]);
                (f64::from(gaps[many - 1]), middle / 2.0)
            }
        };
        let lapse = day + limit_days(longest, median).floor() as i32 + 1;
        if lapse > last_day {
            return None;
        }
        if lapse > today && next >= lapse {
            return Some((lapse - today) as u32);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use homing_datasets::{Event, Kind};

    use super::*;
    use crate::features::COUNT;

    #[test]
    fn each_customer_has_a_clock_of_its_own() {
        assert_eq!(limit_days(f64::NAN, f64::NAN), 90.0);
        assert_eq!(limit_days(20.0, 10.0), 90.0);
        assert_eq!(limit_days(100.0, 20.0), 200.0);
        assert_eq!(limit_days(100.0, 80.0), 320.0);
        let mut features = vec![f64::NAN; COUNT];
        assert!(left_days(&features).is_nan());
        features[F::recency_days as usize] = 100.0;
        assert_eq!(left_days(&features), -10.0);
        features[F::gap_max_days as usize] = 100.0;
        features[F::gap_median_days as usize] = 20.0;
        assert_eq!(left_days(&features), 100.0);
    }

    fn after(orders: &[i64], cutoff: i64, days: u32) -> Option<u32> {
        let events = orders.iter().map(|&day| Event::new(Kind::Purchase, day * DAY + DAY / 2, 5.0)).collect();
        first_lapse(&History::from_events(events), (cutoff + 1) * DAY - 1, days, Zone::default())
    }

    #[test]
    fn a_lapse_is_the_day_after_the_own_limit() {
        // One order: the day after 90 days without another.
        assert_eq!(after(&[100], 150, 90), Some(41));
        assert_eq!(after(&[100], 150, 40), None, "it lies past the horizon");
        assert_eq!(after(&[100], 195, 90), None, "it lies before the cutoff");
        // An order in time moves it.
        assert_eq!(after(&[100, 170], 150, 90), None, "now 280 days, four times the only gap");
        assert_eq!(after(&[100, 170], 150, 400), Some(170 + 281 - 150));
        // An order after the lapse does not undo it.
        assert_eq!(after(&[100, 191], 150, 90), Some(41));
        assert_eq!(after(&[100, 190], 150, 90), None);
        // Gaps of 30 and 50: twice the longest, four times the median.
        assert_eq!(after(&[0, 30, 80], 81, 365), Some(80 + 161 - 81));
    }
}
