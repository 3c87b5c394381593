//! From a view to the feature vector.

use homing_datasets::{Days, Kind, View, Zone};

use super::breadth::breadth;
use super::cycle::cycle;
use super::interactions::Interactions;
use super::orders::{recency_and_gaps, values_and_days, windows};
use super::row::{Row, Scratch};
use super::spec::{COUNT, F};

/// Fills `out` (length [`COUNT`], order of [`super::SPECS`]) with the features of a customer as of the view's
/// instant. Returns whether the customer has a purchase in sight; without one, `out` is all NaN.
///
/// ```
/// use homing_datasets::{DAY, Event, History, Kind, Zone};
/// use homing_models::features::{COUNT, F, Scratch, compute};
///
/// let history = History::from_events(vec![Event::new(Kind::Purchase, 2 * DAY, 10.0)]);
/// let mut features = vec![0.0; COUNT];
/// let bought = compute(&history.as_of(9 * DAY), Zone::default(), &mut Scratch::default(), &mut features);
/// assert!(bought);
/// assert_eq!(features[F::recency_days as usize], 7.0);
/// ```
pub fn compute(view: &View<'_>, zone: Zone, scratch: &mut Scratch, out: &mut [f64]) -> bool {
    debug_assert_eq!(out.len(), COUNT);
    out.fill(f64::NAN);
    scratch.orders.clear();
    scratch.orders.extend(view.orders(zone));
    if scratch.orders.is_empty() {
        return false;
    }
    let mut row = Row { out, today: zone.day(view.instant()) };
    lines(view, zone, scratch, &mut row);
    breadth(view, scratch, &mut row);
    recency_and_gaps(scratch, &mut row);
    windows(scratch, &mut row);
    values_and_days(scratch, &mut row);
    cycle(scratch, &mut row);
    true
}

/// One pass over the events: everything that needs single lines.
fn lines(view: &View<'_>, zone: Zone, scratch: &Scratch, row: &mut Row<'_>) {
    let (kinds, amounts) = (view.kind(), view.amount());
    let mut interactions = Interactions::default();
    let (mut hours, mut hours2, mut timed) = (0.0, 0.0, 0.0);
    let (mut lines, mut promoted) = (0.0, 0.0);
    let mut net = 0.0;
    let mut days = Days::of(zone);
    for (i, &at) in view.occurred_at().iter().enumerate() {
        match kinds[i] {
            Kind::Purchase if view.is_purchase(i) => {
                net += amounts[i];
                lines += 1.0;
                promoted += f64::from(u8::from(view.promotion()[i] != 0));
                let hour = zone.hour(at);
                if hour != 0.0 {
                    hours += hour;
                    hours2 += hour * hour;
                    timed += 1.0;
                }
                interactions.purchase();
            }
            kind => interactions.add(kind, row.ago(days.day(at)), amounts[i], &mut net),
        }
    }
    let spend: f64 = scratch.orders.iter().map(|order| order.amount).sum();
    interactions.write(spend, row);
    row.set(F::spend_total, spend);
    row.set(F::spend_net, net);
    row.set(F::lines, lines);
    row.set(F::promotion_order_share, promoted / lines);
    if timed > 0.0 {
        let mean = hours / timed;
        row.set(F::hour_mean, mean);
        row.set(F::hour_std, (hours2 / timed - mean * mean).max(0.0).sqrt());
    }
}
