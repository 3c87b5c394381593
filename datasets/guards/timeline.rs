//! The daily series of purchases: days without any, a last week cut short, jumps in volume, data that are old.

use super::days::DailyLines;
use crate::event::{DAY, Micros};
use crate::warnings::Code;
use crate::{Warnings, Zone};

/// A gap lasts so many days at least, in which so many purchases were to be expected.
const GAP_DAYS: i64 = 7;
const GAP_EXPECTED: f64 = 20.0;
/// The days before a gap that give the rate.
const BEFORE: i64 = 90;
/// A week is cut short below this share of the usual one, which has so many purchases at least.
const SHORT_SHARE: f64 = 0.3;
const WEEK_EXPECTED: u64 = 20;
const WEEKS: usize = 8;
/// Volume jumps by this factor from the median of eight weeks to that of the next eight.
const VOLUME_JUMP: u64 = 10;
/// Data of a nightly run are old after two weeks; after a quarter of a year they are history, and meant to be.
const OLD_DAYS: i64 = 14;
const HISTORY_DAYS: i64 = 91;

/// Purchases by day, without gaps in the list.
pub(super) struct Timeline {
    first: i64,
    lines: Vec<u64>,
    /// DailyLines that the clock is ahead of the last of them.
    age_days: Option<i64>,
}

impl Timeline {
    pub(super) fn of(days: &DailyLines, now: Option<Micros>) -> Self {
        let pairs: Vec<(i64, u64)> = days.pairs().collect();
        let (Some(&(first, _)), Some(&(last, _))) = (pairs.first(), pairs.last()) else {
            return Timeline { first: 0, lines: Vec::new(), age_days: None };
        };
        let mut lines = vec![0; (last - first + 1) as usize];
        pairs.iter().for_each(|(day, count)| lines[(day - first) as usize] = *count);
        Timeline { first, lines, age_days: now.map(|now| now.div_euclid(DAY) - last) }
    }

    pub(super) fn judge(&self, warnings: &mut Warnings) {
        self.gaps(warnings);
        self.weeks(warnings);
        let Some(age) = self.age_days.filter(|age| (OLD_DAYS..HISTORY_DAYS).contains(age)) else { return };
        warnings.add(Code::OldData, 1, || {
            format!("the last purchase is on {}, {age} days ago", self.date(self.lines.len() as i64 - 1))
        });
    }

    fn date(&self, at: i64) -> String {
        Zone::default().date((self.first + at) * DAY)
    }

    fn gaps(&self, warnings: &mut Warnings) {
        let gaps = gaps(&self.lines);
        let Some(&(from, days)) = gaps.iter().rev().max_by_key(|gap| gap.1) else { return };
        warnings.add(Code::MissingDays, gaps.len() as u64, || {
            format!("no purchases from {} to {} ({days} days)", self.date(from), self.date(from + days - 1))
        });
    }

    /// Weeks counted back from the last day.
    fn weeks(&self, warnings: &mut Warnings) {
        let weeks: Vec<u64> = self.lines.rchunks_exact(7).map(|week| week.iter().sum()).collect();
        if weeks.len() <= WEEKS {
            return;
        }
        let median = |weeks: &[u64]| {
            let mut weeks = weeks.to_vec();
            let middle = weeks.len() / 2;
            *weeks.select_nth_unstable(middle).1
        };
        // After a season the weeks before are no measure; so the usual week of the whole time is one too.
        let usual = median(&weeks[1..=WEEKS]).min(median(&weeks));
        if usual >= WEEK_EXPECTED && (weeks[0] as f64) < SHORT_SHARE * usual as f64 {
            warnings.add(Code::ShortLastWeek, 1, || {
                format!("{} purchases in the last 7 days, usually {usual} per week", weeks[0])
            });
        }
        let (mut jumps, mut first) = (0, None);
        for at in WEEKS..weeks.len().saturating_sub(WEEKS - 1) {
            // The list runs back in time: what comes later in it happened before.
            let (after, before) = (median(&weeks[at - WEEKS..at]), median(&weeks[at..at + WEEKS]));
            let (less, more) = (after.min(before), after.max(before));
            if more >= WEEK_EXPECTED && more >= VOLUME_JUMP * less.max(1) && less > 0 {
                jumps += 1;
                first = Some((at, before, after));
            }
        }
        let Some((at, before, after)) = first else { return };
        warnings.add(Code::VolumeJump, jumps, || {
            let day = self.lines.len() as i64 - 7 * at as i64;
            format!("about {before} purchases per week before {}, {after} after", self.date(day))
        });
    }
}

/// The gaps of a daily series, each as its first day and its days: a week or more without purchases where many were to be
/// expected, and purchases after it.
pub(super) fn gaps(lines: &[u64]) -> Vec<(i64, i64)> {
    let mut gaps = Vec::new();
    let mut since = 0;
    for (at, &count) in lines.iter().enumerate() {
        let at = at as i64;
        if count == 0 {
            continue;
        }
        let days = at - since - 1;
        if days >= GAP_DAYS {
            let from = (since + 1 - BEFORE).max(0);
            let before = &lines[from as usize..=since as usize];
            let rate = before.iter().sum::<u64>() as f64 / before.len() as f64;
            // A first day on which everything was entered is no rate.
            if before.len() as i64 >= 4 * GAP_DAYS && rate * days as f64 >= GAP_EXPECTED {
                gaps.push((since + 1, days));
            }
        }
        since = at;
    }
    gaps
}
