//! Snapshots: at which past cutoffs a fit looks at customers, and how far ahead.

use homing_datasets::{DAY, Micros};

/// Maximum number of snapshots of a fit.
const MAX_SNAPSHOTS: usize = 24;

/// When to look, and how far ahead.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The horizon in days that the history can teach: the one asked for, or less where the history is too short.
    pub learned_days: u32,
    /// Cutoffs, the latest first. Every label window ends at or before the fit's `as_of`.
    pub cutoffs: Vec<Micros>,
}

/// Plans the snapshots for a horizon in days: the history must reach back for the horizon and a third of it (at
/// least 28 days) more, else half of the history is learned and the lifetime model extrapolates the rest. `None`
/// where even that is too short.
///
/// ```
/// use homing_datasets::DAY;
/// use homing_training::snapshots::plan;
///
/// assert!(plan(0, 700 * DAY, 90).is_some());
/// ```
#[must_use]
pub fn plan(first_purchase: Micros, as_of: Micros, horizon: u32) -> Option<Plan> {
    let span = (as_of - first_purchase) / DAY;
    let asked = i64::from(horizon);
    let whole = span - asked >= (asked / 3).max(28);
    let learned = if whole { asked } else { span / 2 };
    let min_history = if whole { (asked / 3).clamp(28, 90) } else { (learned / 2).max(28) };
    let step = (learned / 3).clamp(7, 30);
    let cutoffs: Vec<Micros> = (0..MAX_SNAPSHOTS as i64)
        .map(|j| as_of - (learned + j * step) * DAY)
        .take_while(|&cutoff| cutoff - first_purchase >= min_history * DAY)
        .collect();
    (learned > 0 && !cutoffs.is_empty()).then_some(Plan { learned_days: learned as u32, cutoffs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_by_the_as_of_and_short_histories_teach_less() {
        let as_of = 1000 * DAY;
        let long = plan(0, as_of, 90).unwrap();
        assert_eq!(long.learned_days, 90);
        assert_eq!(long.cutoffs.len(), MAX_SNAPSHOTS);
        assert!(long.cutoffs.iter().all(|c| c + 90 * DAY <= as_of));
        let short = plan(as_of - 100 * DAY, as_of, 90).unwrap();
        assert_eq!(short.learned_days, 50);
        assert!(short.cutoffs.iter().all(|c| c + 50 * DAY <= as_of && *c >= as_of - 72 * DAY));
        assert_eq!(plan(as_of - 20 * DAY, as_of, 90), None);
    }
}
