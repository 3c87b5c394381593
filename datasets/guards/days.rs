//! How many lines each day has: separates the period that the data cover from dates beyond it.

use crate::event::{DAY, Micros};

/// Lines of each UTC day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DailyLines {
    /// The day of the first entry, in days since 1970-01-01.
    base: i64,
    lines: Vec<u64>,
}

impl DailyLines {
    /// The counts as pairs of day and lines, in the order of the days.
    pub(crate) fn of(pairs: impl IntoIterator<Item = (i64, u64)>) -> Self {
        let mut days = DailyLines::default();
        for (day, lines) in pairs {
            *days.entry(day) += lines;
        }
        days
    }

    /// Counts a line.
    #[inline]
    pub(crate) fn see(&mut self, at: Micros) {
        *self.entry(at.div_euclid(DAY)) += 1;
    }

    /// Takes back a line that was counted.
    pub(crate) fn forget(&mut self, at: Micros) {
        let lines = self.entry(at.div_euclid(DAY));
        *lines = lines.saturating_sub(1);
    }

    /// Adds the lines of another count.
    pub(crate) fn absorb(&mut self, other: &DailyLines) {
        for (day, lines) in other.pairs() {
            *self.entry(day) += lines;
        }
    }

    /// The days that have lines, each with their number, in the order of the days.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.lines.iter().zip(self.base..).filter(|(lines, _)| **lines > 0).map(|(lines, day)| (day, *lines))
    }

    /// Whether a day is beyond a window.
    pub(crate) fn any_beyond(&self, window: super::Window) -> bool {
        self.pairs().any(|(day, _)| day * DAY < window.from || day * DAY > window.to)
    }

    #[inline]
    fn entry(&mut self, day: i64) -> &mut u64 {
        if self.lines.is_empty() {
            self.base = day;
        }
        if day < self.base {
            let more = (self.base - day) as usize;
            self.lines.splice(0..0, std::iter::repeat_n(0, more));
            self.base = day;
        }
        let at = (day - self.base) as usize;
        if at >= self.lines.len() {
            self.lines.resize(at + 1, 0);
        }
        &mut self.lines[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_whatever_the_order_of_the_days() {
        let mut days = DailyLines::default();
        for day in [5, -3, 5, 900, 0] {
            days.see(day * DAY + 7);
        }
        let mut other = DailyLines::of([(5, 2), (-10, 1)]);
        other.absorb(&days);
        other.forget(900 * DAY);
        assert_eq!(other.pairs().collect::<Vec<_>>(), [(-10, 1), (-3, 1), (0, 1), (5, 4)]);
    }
}
