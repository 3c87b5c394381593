//! What a whole column of dates says about the order of day and month, and about the unit of its numbers.

use super::dates::{DateForm, DateOrder, DatePart, Ticks, Written};
use super::tokens::trimmed;

/// What the values of a column say about its form. Evidence of parts adds up, in whatever order.
#[derive(Clone, Debug, Default)]
pub(crate) struct DateEvidence {
    /// Texts that are none, under any order.
    pub(crate) unreadable: u64,
    /// Dates whose order is open, and how many of them are possible under each order.
    open: u64,
    possible: [u64; 3],
    /// Open dates that are two different days under two possible orders.
    differing: u64,
    dotted: u64,
    am_pm: u64,
    ticks: [u64; 6],
    /// Dates with a fixed order, by far the commonest.
    pub(crate) fixed: u64,
    pub(crate) example: Option<String>,
}

impl DateEvidence {
    pub(crate) fn note(&mut self, text: &str) {
        let text = trimmed(text);
        if text.is_empty() {
            return;
        }
        if let Some(value) = DateForm::default().number_in(text) {
            return self.note_number(value);
        }
        let Some(written) = Written::parse(text) else {
            self.unreadable += 1;
            return;
        };
        self.am_pm += u64::from(written.am_pm);
        let DatePart::Open { sign, .. } = written.date else {
            let good = written.date.fixed(None).is_some();
            *if good { &mut self.fixed } else { &mut self.unreadable } += 1;
            return;
        };
        let days = DateOrder::ALL.map(|order| written.date.under(order));
        if days.iter().all(Option::is_none) {
            self.unreadable += 1;
            return;
        }
        self.open += 1;
        self.dotted += u64::from(sign == '.');
        for (possible, day) in self.possible.iter_mut().zip(days) {
            *possible += u64::from(day.is_some());
        }
        if written.date.fixed(None).is_none() {
            self.differing += 1;
            self.example.get_or_insert_with(|| text.to_owned());
        }
    }

    pub(crate) fn note_number(&mut self, value: f64) {
        match Ticks::of(value) {
            Some(ticks) => self.ticks[ticks as usize] += 1,
            None => self.unreadable += 1,
        }
    }

    pub(crate) fn absorb(&mut self, other: DateEvidence) {
        self.unreadable += other.unreadable;
        self.open += other.open;
        self.differing += other.differing;
        self.dotted += other.dotted;
        self.am_pm += other.am_pm;
        self.fixed += other.fixed;
        self.possible.iter_mut().zip(other.possible).for_each(|(mine, theirs)| *mine += theirs);
        self.ticks.iter_mut().zip(other.ticks).for_each(|(mine, theirs)| *mine += theirs);
        self.example = self.example.take().or(other.example);
    }

    /// The order of the column, or those between which it does not decide.
    pub(crate) fn order(&self) -> Decision {
        if self.open == 0 || self.differing == 0 && self.possible.contains(&self.open) {
            let order = DateOrder::ALL.into_iter().find(|&order| self.possible[order as usize] == self.open);
            return Decision::Settled(order.filter(|_| self.open > 0));
        }
        let all: Vec<DateOrder> =
            DateOrder::ALL.into_iter().filter(|&order| self.possible[order as usize] == self.open).collect();
        match all[..] {
            [only] => Decision::Settled(Some(only)),
            [] => {
                // A few lines that fit no order are bad lines; more are two ways of writing in one column.
                let mut ranked = DateOrder::ALL.map(|order| (self.possible[order as usize], order));
                ranked.sort_by_key(|&(possible, _)| std::cmp::Reverse(possible));
                let (most, order) = ranked[0];
                if most > ranked[1].0 && (self.open - most) * 100 <= self.open {
                    Decision::Settled(Some(order))
                } else {
                    Decision::Contradictory
                }
            }
            _ if self.dotted == self.open && all.contains(&DateOrder::Dmy) => {
                Decision::Settled(Some(DateOrder::Dmy))
            }
            _ if self.am_pm > 0 && all.contains(&DateOrder::Mdy) => Decision::Assumed(DateOrder::Mdy),
            _ => Decision::Open(all),
        }
    }

    /// What most numbers of the column are, if there are numbers.
    pub(crate) fn ticks(&self) -> Option<Ticks> {
        let most = Ticks::ALL.into_iter().rev().max_by_key(|&ticks| self.ticks[ticks as usize])?;
        (self.ticks[most as usize] > 0).then_some(most)
    }
}

/// What evidence says about the order of day and month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is this, or no date leaves it open.
    Settled(Option<DateOrder>),
    /// The figures leave it open, and times with AM and PM are written by those who put the month first.
    Assumed(DateOrder),
    /// It may be any of these.
    Open(Vec<DateOrder>),
    /// One order for some, another for others.
    Contradictory,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_decides_the_order_of_day_and_month() {
        let of = |texts: &[&str]| {
            let mut evidence = DateEvidence::default();
            texts.iter().for_each(|text| evidence.note(text));
            evidence.order()
        };
        use DateOrder::{Dmy, Mdy, Ymd};
        assert_eq!(of(&["01/05/2021", "13/01/2021"]), Decision::Settled(Some(Dmy)));
        assert_eq!(of(&["01/05/2021", "01/13/2021"]), Decision::Settled(Some(Mdy)));
        assert_eq!(of(&["01/05/2021", "02/06/2021"]), Decision::Open(vec![Dmy, Mdy]));
        assert_eq!(of(&["01/13/2021", "13/01/2021"]), Decision::Contradictory);
        assert_eq!(of(&["05.01.2021", "06.01.2021"]), Decision::Settled(Some(Dmy)));
        assert_eq!(of(&["1/5/2021 8:03 PM"]), Decision::Assumed(Mdy));
        assert_eq!(of(&["05/01/23", "06/13/23"]), Decision::Settled(Some(Mdy)));
        assert_eq!(of(&["21-01-05"]), Decision::Open(vec![Dmy, Ymd]));
        assert_eq!(of(&["05/05/2021"]), Decision::Settled(Some(Dmy)), "both orders say the same");
        assert_eq!(of(&["2021-01-05", ""]), Decision::Settled(None));
        let mut many = vec!["01/13/2021"; 200];
        many.push("13/01/2021");
        assert_eq!(of(&many), Decision::Settled(Some(Mdy)), "one line in 200 is a bad line");
    }

    #[test]
    fn numbers_of_a_column_are_of_one_unit() {
        let mut evidence = DateEvidence::default();
        ["1609833780", "1609833781.5", "20210105"].iter().for_each(|text| evidence.note(text));
        assert_eq!(evidence.ticks(), Some(Ticks::Seconds));
        assert_eq!(evidence.unreadable, 0);
    }
}
