//! The period that the data cover, and dates beyond it: typing errors, broken clocks, placeholders.
//!
//! One line of 2099 would move the present of the data there, and everybody would be lost; lines of 1900 stretch the
//! time to learn from over a century of nothing. A few lines are *far* from the others when the shop would have had
//! very many lines in between at its usual rate, and had none:
//!
//! - a cut after a day leaves `k` lines in the `L` days beyond it, where the rate of the year beside the cut lets expect
//!   `E`; it holds when `L` is long, `E >= 40 k` and `k` is at most a twentieth of the lines;
//! - of all cuts that hold, the one with the greatest likelihood ratio against "the rate went on" is taken
//!   (the change point of a Poisson rate: `E - k - k ln(E / k)`), until none holds.
//!
//! A shop that was closed and opens again has few lines beyond a gap too, but days as full as ever; so beyond a gap
//! of up to a year, more than [`FEW`] lines on full days are no far-off ones.

use super::days::DailyLines;
use crate::Zone;
use crate::event::{DAY, Micros};

/// Lines that are few in any data.
pub(super) const FEW: u64 = 5;

/// A date ahead of all others moves the present; one behind them, the beginning of one customer.
const LATE_DAYS: i64 = 28;
const EARLY_DAYS: i64 = 366;

/// Lines that were to be expected for each one that is there.
const RATIO: f64 = 40.0;
/// So many more lines than beyond a cut are on its other side.
const OTHERS: u64 = 20;
/// The days beside a cut that give the rate.
const YEAR: i64 = 365;
/// DailyLines with lines that a rate needs.
const RATE_DAYS: usize = 10;

/// DailyLines that programs write where there is no date: 1900-01-01, 1970-01-01, 1980-01-01, 2000-01-01. Time zones may
/// move them by one.
const PLACEHOLDERS: [i64; 4] = [-25_567, 0, 3_652, 10_957];
/// Without a line for so many days behind it, such a day is a placeholder.
const PLACEHOLDER_GAP: i64 = 3_650;

/// A machine that has lost its time begins before 2025: its clock says nothing then.
const CLOCK_FROM: Micros = 20_089 * DAY;

/// Time zones and clocks differ by so much at most.
const CLOCK_SLACK: Micros = DAY;

/// From the first to the last instant that is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first.
    pub from: Micros,
    /// The last.
    pub to: Micros,
}

impl Window {
    /// Everything up to a day from now; everything where the clock has lost its time, or there is none.
    #[must_use]
    pub fn until(now: Option<Micros>) -> Window {
        let to =
            now.filter(|&now| now >= CLOCK_FROM).map_or(Micros::MAX, |now| now.saturating_add(CLOCK_SLACK));
        Window { from: Micros::MIN, to }
    }

    /// What the clock says, where this is a window of [`Window::until`] with a clock.
    #[must_use]
    pub fn now(self) -> Option<Micros> {
        (self.to < Micros::MAX).then(|| self.to - CLOCK_SLACK)
    }

    /// What both believe.
    #[must_use]
    pub fn within(self, other: Window) -> Window {
        Window { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    /// Whether an instant is believed.
    #[must_use]
    pub fn has(self, at: Micros) -> bool {
        (self.from..=self.to).contains(&at)
    }

    /// What is beyond it, in words.
    #[must_use]
    pub fn beyond(self) -> String {
        let date = |at| Zone::default().date(at);
        match (self.from, self.to) {
            (Micros::MIN, to) => format!("after {}", date(to)),
            (from, Micros::MAX) => format!("before {}", date(from)),
            (from, to) => format!("before {} or after {}", date(from), date(to)),
        }
    }

    /// The time that these days cover, where the clock says `now`.
    #[must_use]
    pub fn of(days: &DailyLines, now: Option<Micros>) -> Window {
        let clock = Window::until(now);
        let all: Vec<(i64, u64)> = days.pairs().filter(|&(day, _)| day * DAY <= clock.to).collect();
        let mut kept = &all[placeholders(&all)..];
        while let Some(cut) = cut(kept, LATE_DAYS) {
            kept = &kept[..cut];
        }
        let mut turned: Vec<(i64, u64)> = kept.iter().rev().map(|&(day, lines)| (-day, lines)).collect();
        while let Some(cut) = cut(&turned, EARLY_DAYS) {
            turned.truncate(cut);
        }
        kept = &kept[kept.len() - turned.len()..];
        let from = match (kept.first(), all.first()) {
            (Some(first), Some(least)) if first > least => first.0 * DAY,
            _ => clock.from,
        };
        let to = match (kept.last(), all.last()) {
            (Some(last), Some(greatest)) if last < greatest => (last.0 + 1) * DAY - 1,
            _ => clock.to,
        };
        Window { from, to }
    }
}

/// How many days at the beginning are placeholders.
fn placeholders(days: &[(i64, u64)]) -> usize {
    let is = |day: i64| PLACEHOLDERS.iter().any(|placeholder| (day - placeholder).abs() <= 1);
    let (mut found, total) = (0, days.iter().map(|(_, lines)| lines).sum::<u64>());
    // A time zone may spread one placeholder over two days.
    while let Some(&(first, _)) = days.get(found).filter(|(day, _)| is(*day)) {
        let block = days[found..].iter().take_while(|(day, _)| day - first <= 2).count();
        let Some((next, _)) = days.get(found + block) else { break };
        if next - first < PLACEHOLDER_GAP {
            break;
        }
        found += block;
    }
    let lines: u64 = days[..found].iter().map(|(_, lines)| lines).sum();
    if lines * 2 < total { found } else { 0 }
}

/// How many days at the beginning are kept where those after them are far off.
fn cut(days: &[(i64, u64)], least: i64) -> Option<usize> {
    let total: u64 = days.iter().map(|(_, lines)| lines).sum();
    let last = days.last()?.0;
    let (mut beyond, mut best) = (0, None::<(f64, usize)>);
    for at in (1..days.len()).rev() {
        beyond += days[at].1;
        let (kept, end, gap) = (total - beyond, days[at - 1].0, days[at].0 - days[at - 1].0);
        if beyond * OTHERS > kept {
            break;
        }
        let long = last - end;
        if long < least {
            continue;
        }
        let Some((full, share)) = rate(&days[..at]) else { continue };
        let (expected, few) = (full * share * long as f64, beyond as f64);
        let as_full = few / (days.len() - at) as f64 > full / 2.0;
        if expected < RATIO * few || (as_full && beyond > FEW && gap <= YEAR) {
            continue;
        }
        let likelier = expected - few - few * (expected / few).ln();
        if best.is_none_or(|(best, _)| likelier > best) {
            best = Some((likelier, at));
        }
    }
    best.map(|(_, at)| at)
}

/// Lines of a usual day that has some, and the share of such days, in the last year of these days. Medians: one day on
/// which everything was entered says nothing.
fn rate(days: &[(i64, u64)]) -> Option<(f64, f64)> {
    let (first, last) = (days.first()?.0, days.last()?.0);
    let year = &days[days.partition_point(|&(day, _)| day <= last - YEAR)..];
    let length = (last - first + 1).min(YEAR);
    if year.len() < RATE_DAYS || length < LATE_DAYS {
        return None;
    }
    let mut lines: Vec<u64> = year.iter().map(|(_, lines)| *lines).collect();
    let middle = lines.len() / 2;
    let median = *lines.select_nth_unstable(middle).1;
    Some((median as f64, year.len() as f64 / length as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    /// 2022-01-03 to 2024-01-01, about four lines a day.
    fn shop() -> DailyLines {
        let mut dice = Dice(1);
        DailyLines::of((18_995..=19_723).map(|day| (day, 2 + dice.below(5))))
    }

    fn with(mut days: DailyLines, more: &[(i64, u64)]) -> DailyLines {
        days.absorb(&DailyLines::of(more.iter().copied()));
        days
    }

    const NOW: Option<Micros> = Some(20_400 * DAY);

    fn days_of(window: Window) -> (Option<i64>, Option<i64>) {
        let day = |at: Micros| (!matches!(at, Micros::MIN | Micros::MAX)).then(|| at.div_euclid(DAY));
        (day(window.from), day(window.to))
    }

    #[test]
    fn ordinary_shops_keep_every_line() {
        let open = Window::until(None);
        assert_eq!(Window::of(&shop(), None), open);
        // Closed for a hundred days, and open again for a week.
        let days = with(shop(), &(0..7).map(|day| (19_823 + day, 4)).collect::<Vec<_>>());
        assert_eq!(Window::of(&days, None), open);
        // Twice as many customers each quarter, from one line in four days on.
        let growing = (0..720).map(|day| (19_000 + day, 2f64.powf(day as f64 / 91.0 - 2.0) as u64));
        assert_eq!(Window::of(&DailyLines::of(growing), None), open);
        // A handful of customers, an order now and then.
        let rare = (0..30).map(|nth| (15_000 + nth * nth * 5, 1));
        assert_eq!(Window::of(&DailyLines::of(rare), None), open);
        // Everybody entered on one day, and then an order a month.
        let entered = [(19_000, 5000)].into_iter().chain((1..9).map(|month| (19_000 + 30 * month, 3)));
        assert_eq!(Window::of(&DailyLines::of(entered), None), open);
        // A season: the summer has a tenth of the winter's lines.
        let season = (0..800).map(|day| (19_000 + day, if day % 365 < 180 { 40 } else { 4 }));
        assert_eq!(Window::of(&DailyLines::of(season), None), open);
    }

    #[test]
    fn dates_ahead_of_the_clock_are_not_believed_whatever_their_number() {
        let days = with(shop(), &[(20_401, 3000), (47_000, 1)]);
        assert_eq!(Window::of(&days, NOW).to, 20_401 * DAY);
        assert!(Window::until(NOW).has(20_401 * DAY) && !Window::until(NOW).has(20_401 * DAY + 1));
        // A machine that has lost its time knows nothing of it.
        assert_eq!(Window::until(Some(7_300 * DAY)), Window::until(None));
    }

    #[test]
    fn a_few_lines_far_from_all_others_are_found_at_either_end() {
        for far in
            [&[(47_117, 1)][..], &[(22_800, 5)], &[(20_270, 5)], &[(19_790, 1)], &[(20_150, 3), (47_117, 2)]]
        {
            assert_eq!(days_of(Window::of(&with(shop(), far), None)), (None, Some(19_723)), "{far:?}");
        }
        for far in
            [&[(-25_567, 20)][..], &[(0, 20)], &[(-25_567, 5), (0, 15)], &[(-1, 10), (0, 10)], &[(15_340, 1)]]
        {
            assert_eq!(days_of(Window::of(&with(shop(), far), None)), (Some(18_995), None), "{far:?}");
        }
        let both = with(shop(), &[(-25_567, 400), (47_117, 1)]);
        assert_eq!(days_of(Window::of(&both, None)), (Some(18_995), Some(19_723)));
    }

    #[test]
    fn years_mistyped_by_one_are_found_though_they_leave_no_gap() {
        // A chain with 270 lines a day, three of which are dated a year late.
        let chain = DailyLines::of((18_000..=18_730).map(|day| (day, 270)));
        let late: Vec<(i64, u64)> = (18_731..=19_095).map(|day| (day, 3)).collect();
        let (_, to) = days_of(Window::of(&with(chain, &late), None));
        assert!(to.is_some_and(|to| (18_730..18_735).contains(&to)), "{to:?}");
    }

    #[test]
    fn small_files_are_judged_by_placeholders_alone() {
        let few = DailyLines::of([(19_500, 2), (19_510, 1), (19_600, 1)]);
        assert_eq!(Window::of(&few, None), Window::until(None));
        assert_eq!(days_of(Window::of(&with(few, &[(0, 1)]), None)), (Some(19_500), None));
    }
}
