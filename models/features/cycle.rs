//! Features of cycles: where a customer stands in the own purchase cycle, in the month, the week and the year.

use homing_datasets::calendar::weekday_and_yearday;

use super::row::{Row, Scratch};
use super::spec::F;

/// Days of a year, for what comes back yearly.
const YEAR: i32 = 365;

/// Mean days of a month.
const MONTH: f64 = 365.25 / 12.0;

/// Everything of this page. `scratch.gaps` are the ascending gaps between the orders, as
/// [`super::orders::recency_and_gaps`] left them.
pub(super) fn cycle(scratch: &Scratch, row: &mut Row<'_>) {
    own_cycle(scratch, row);
    week_and_month(scratch, row);
    years(scratch, row);
}

/// The phase of the customer's own gaps.
fn own_cycle(scratch: &Scratch, row: &mut Row<'_>) {
    let orders = &scratch.orders;
    let last = orders[orders.len() - 1].day;
    let recency = f64::from(row.ago(last));
    let [.., before, _] = &orders[..] else { return };
    row.set(F::recency_over_gap_last, recency / f64::from(last - before.day));
    let median = row.out[F::gap_median_days as usize];
    let missed = (recency / median).floor();
    row.set(F::cycles_missed, missed);
    row.set(F::cycle_due_days, (missed + 1.0) * median - recency);
    if scratch.gaps.len() >= 2 {
        let near = |gap: &&f64| (**gap - median).abs() <= (0.2 * median).max(1.0);
        let regular = scratch.gaps.iter().filter(near).count();
        row.set(F::gap_regular_share, regular as f64 / scratch.gaps.len() as f64);
    }
}

/// A mean direction on a circle: position in turns (0 to 1) and strength (0 to 1).
#[derive(Default)]
struct Circle {
    sine: f64,
    cosine: f64,
    count: f64,
}

impl Circle {
    fn add(&mut self, turns: f64) {
        let (sine, cosine) = (turns * std::f64::consts::TAU).sin_cos();
        self.sine += sine;
        self.cosine += cosine;
        self.count += 1.0;
    }

    fn strength(&self) -> f64 {
        self.sine.hypot(self.cosine) / self.count
    }

    /// Turns from a position ahead to the mean direction.
    fn ahead(&self, turns: f64) -> f64 {
        (self.sine.atan2(self.cosine) / std::f64::consts::TAU - turns).rem_euclid(1.0)
    }
}

/// Days until the weekday and the day of the month on which the customer usually orders.
fn week_and_month(scratch: &Scratch, row: &mut Row<'_>) {
    let (mut week, mut month) = (Circle::default(), Circle::default());
    let weekday = |day: i32| f64::from(weekday_and_yearday(day).0) / 7.0;
    // A month of mean length: its phase drifts by a day or two, which the strength of the direction bears.
    let of_month = |day: i32| (f64::from(day) / MONTH).rem_euclid(1.0);
    for order in &scratch.orders {
        week.add(weekday(order.day));
        month.add(of_month(order.day));
    }
    if scratch.orders.len() < 2 {
        return;
    }
    row.set(F::weekday_due_days, 7.0 * week.ahead(weekday(row.today)));
    row.set(F::month_day_due_days, MONTH * month.ahead(of_month(row.today)));
    row.set(F::month_day_strength, month.strength());
}

/// What the customer did in each year back from the instant.
fn years(scratch: &Scratch, row: &mut Row<'_>) {
    let orders = &scratch.orders;
    let tenure = row.ago(orders[0].day);
    let whole = tenure / YEAR;
    let recency = row.ago(orders[orders.len() - 1].day);
    row.set(F::anniversary_due_days, f64::from(YEAR - recency % YEAR));
    let (mut second, mut third, mut second_spend) = (0.0, 0.0, 0.0);
    let (mut active, mut streak, mut latest) = (0.0, 0, -1);
    let (mut in_30, mut in_90) = (0.0, 0.0);
    let (mut latest_30, mut latest_90) = (0, 0);
    for order in orders.iter().rev() {
        let ago = row.ago(order.day);
        let year = ago / YEAR;
        if year != latest {
            active += 1.0;
            streak += i32::from(year == streak);
            latest = year;
        }
        if year == 1 {
            second += 1.0;
            second_spend += order.amount;
        }
        third += f64::from(u8::from(year == 2));
        // The days after the instant's anniversary in the year before last year's, and so on: each year counts once.
        let next = year + 1;
        if ago % YEAR >= YEAR - 90 && latest_90 < next {
            in_90 += 1.0;
            latest_90 = next;
        }
        if ago % YEAR >= YEAR - 30 && latest_30 < next {
            in_30 += 1.0;
            latest_30 = next;
        }
    }
    row.set(F::years_active_share, active / f64::from(whole + 1));
    row.set(F::years_streak, f64::from(streak));
    if whole >= 1 {
        let years = f64::from(whole);
        row.set(F::orders_second_year, second);
        row.set(F::spend_second_year, second_spend);
        row.set(F::season_years_30d, f64::min(in_30 / years, 1.0));
        row.set(F::season_years_90d, f64::min(in_90 / years, 1.0));
    }
    if whole >= 2 {
        row.set(F::orders_third_year, third);
    }
}

#[cfg(test)]
mod tests {
    use homing_datasets::{DAY, Event, History, Kind, Zone};

    use super::super::{COUNT, F, Scratch, compute};

    /// Features at the end of day `today` of orders of 1 on these days.
    fn features(days: &[i64], today: i64) -> Vec<f64> {
        let buy = |&day: &i64| Event::new(Kind::Purchase, day * DAY + DAY / 2, 1.0);
        let history = History::from_events(days.iter().map(buy).collect());
        let mut out = vec![0.0; COUNT];
        let view = history.as_of((today + 1) * DAY - 1);
        assert!(compute(&view, Zone::default(), &mut Scratch::default(), &mut out));
        out
    }

    #[test]
    fn a_monthly_subscriber_is_due_in_what_is_left_of_the_month() {
        let x = features(&[1000, 1030, 1060, 1090, 1120], 1131);
        let of = |feature: F| x[feature as usize];
        assert_eq!((of(F::cycles_missed), of(F::cycle_due_days)), (0.0, 19.0));
        assert_eq!((of(F::gap_regular_share), of(F::recency_over_gap_last)), (1.0, 11.0 / 30.0));
        assert!(of(F::month_day_strength) > 0.95 && (of(F::month_day_due_days) - 19.0).abs() < 3.0);
        let late = features(&[1000, 1030, 1060, 1090, 1120], 1185);
        assert_eq!((late[F::cycles_missed as usize], late[F::cycle_due_days as usize]), (2.0, 25.0));
    }

    #[test]
    fn a_yearly_donor_is_known_by_the_season() {
        let x = features(&[350, 715, 1080, 1445], 1790);
        let of = |feature: F| x[feature as usize];
        assert_eq!((of(F::years_active_share), of(F::years_streak)), (1.0, 4.0));
        assert_eq!((of(F::season_years_30d), of(F::season_years_90d)), (1.0, 1.0));
        assert_eq!((of(F::orders_second_year), of(F::orders_third_year)), (1.0, 1.0));
        assert_eq!(of(F::anniversary_due_days), 20.0);
        let lapsed = features(&[350, 715], 1790);
        assert_eq!(lapsed[F::years_streak as usize], 0.0);
        assert_eq!(lapsed[F::years_active_share as usize], 2.0 / 4.0);
    }

    #[test]
    fn what_one_order_cannot_tell_is_unknown() {
        let x = features(&[1000], 1010);
        for feature in [F::cycle_due_days, F::gap_regular_share, F::month_day_due_days, F::season_years_90d] {
            assert!(x[feature as usize].is_nan());
        }
        assert_eq!(x[F::years_active_share as usize], 1.0);
    }
}
