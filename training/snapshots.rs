//! Snapshots: at which past cutoffs a fit looks at customers, and how far ahead.

use homing_datasets::guards::Closures;
use homing_datasets::{DAY, Micros, Zone};

/// Maximum number of snapshots of a fit.
const MAX_SNAPSHOTS: usize = 24;

/// Base rates are learned from windows of up to this many days back (three years), and this many windows.
const MAX_WINDOW_DAYS: i64 = 1095;
const MAX_WINDOWS: usize = 80;

/// Share of a label window in which the shop may have been closed.
const MAX_CLOSED_SHARE: f64 = 0.2;

/// When to look, and how far ahead.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The horizon in days that the history can teach: the one asked for, or less where the history is too short.
    pub learned_days: u32,
    /// Cutoffs, the latest first. Every label window ends at or before the fit's `as_of`.
    pub cutoffs: Vec<Micros>,
    /// The same further back: the starts of windows from which only base rates are learned.
    pub windows: Vec<Micros>,
}

/// Plans the snapshots for a horizon in days: the history must reach back for the horizon and a third of it (at
/// least 28 days) more, else half of the history is learned and the lifetime model extrapolates the rest. `None`
/// where even that is too short.
///
/// Label windows in which the shop was closed for more than a fifth of the time teach nothing and are left out.
///
/// ```
/// use homing_datasets::guards::Closures;
/// use homing_datasets::{DAY, Zone};
/// use homing_training::snapshots::plan;
///
/// assert!(plan(0, 700 * DAY, 90, &Closures::default(), Zone::default()).is_some());
/// ```
#[must_use]
pub fn plan(
    first_purchase: Micros,
    as_of: Micros,
    horizon: u32,
    closures: &Closures,
    zone: Zone,
) -> Option<Plan> {
    let span = (as_of - first_purchase) / DAY;
    let asked = i64::from(horizon);
    let whole = span - asked >= (asked / 3).max(28);
    let learned = if whole { asked } else { span / 2 };
    let min_history = if whole { (asked / 3).clamp(28, 90) } else { (learned / 2).max(28) };
    // Whole weeks: a snapshot of a Friday teaches what holds on a Friday; and 13 steps of four weeks are a year.
    let step = (learned / 3).clamp(7, 28) / 7 * 7;
    let open = |cutoff: &Micros| {
        let from = zone.day(*cutoff);
        f64::from(closures.days_between(from, from + learned as i32)) <= MAX_CLOSED_SHARE * learned as f64
    };
    let windows: Vec<Micros> = (0..)
        .map(|j| learned + j * step)
        .take_while(|&days_ago| days_ago <= MAX_WINDOW_DAYS.max(learned))
        .map(|days_ago| as_of - days_ago * DAY)
        .take_while(|&cutoff| cutoff - first_purchase >= min_history * DAY)
        .filter(open)
        .take(MAX_WINDOWS)
        .collect();
    let cutoffs: Vec<Micros> = windows.iter().copied().take(MAX_SNAPSHOTS).collect();
    (learned > 0 && !cutoffs.is_empty()).then_some(Plan { learned_days: learned as u32, cutoffs, windows })
}

/// Number of the latest snapshots that are taken with as many customers as memory holds.
const RECENT: usize = 8;

/// Days by which a snapshot may lie from the time of the year of `as_of` and still stand for it.
const SEASON_DAYS: i64 = 31;

impl Plan {
    /// The snapshots that resemble the one at `as_of` most: for horizons of about a year those of the same time of the year
    /// (who gives every December looks different in June), else the latest.
    #[must_use]
    pub fn alike(&self, as_of: Micros) -> Vec<Micros> {
        let off_season = |cutoff: Micros| {
            let days = (as_of - cutoff) / DAY;
            ((days + 182).rem_euclid(365) - 182).abs()
        };
        let yearly = self
            .windows
            .first()
            .is_some_and(|&latest| (as_of - latest) / DAY > 182 && off_season(latest) <= SEASON_DAYS);
        let alike =
            self.windows.iter().copied().filter(|&cutoff| !yearly || off_season(cutoff) <= SEASON_DAYS);
        alike.take(RECENT).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn always_open(first: Micros, as_of: Micros, days: u32) -> Option<Plan> {
        plan(first, as_of, days, &Closures::default(), Zone::default())
    }

    #[test]
    fn windows_in_which_the_shop_was_closed_teach_nothing() {
        let closures: Closures = serde_json::from_str(r#"[{"first_day": 850, "days": 60}]"#).unwrap();
        let plan = plan(0, 1000 * DAY, 90, &closures, Zone::default()).unwrap();
        let starts: Vec<i64> = plan.cutoffs.iter().map(|cutoff| cutoff / DAY).collect();
        assert_eq!(starts[..3], [910, 770, 742], "those from 778 to 891 look into the closure");
    }

    #[test]
    fn windows_end_by_the_as_of_and_short_histories_teach_less() {
        let as_of = 1000 * DAY;
        let long = always_open(0, as_of, 90).unwrap();
        assert_eq!(long.learned_days, 90);
        assert_eq!(long.cutoffs.len(), MAX_SNAPSHOTS);
        assert!(long.cutoffs.iter().all(|c| c + 90 * DAY <= as_of));
        let short = always_open(as_of - 100 * DAY, as_of, 90).unwrap();
        assert_eq!(short.learned_days, 50);
        assert!(short.cutoffs.iter().all(|c| c + 50 * DAY <= as_of && *c >= as_of - 72 * DAY));
        assert_eq!(always_open(as_of - 20 * DAY, as_of, 90), None);
    }

    #[test]
    fn a_year_ahead_is_learned_from_the_same_time_of_the_year() {
        let as_of = 4000 * DAY;
        let days_ago = |plan: &Plan| -> Vec<i64> {
            plan.alike(as_of).iter().map(|cutoff| (as_of - cutoff) / DAY).collect()
        };
        assert_eq!(days_ago(&always_open(0, as_of, 365).unwrap()), [365, 393, 701, 729, 757, 1065, 1093]);
        let quarter = days_ago(&always_open(0, as_of, 90).unwrap());
        assert_eq!((quarter.len(), quarter[0], quarter[7]), (RECENT, 90, 286));
    }
}
