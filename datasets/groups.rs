//! Lines gathered under numbers that another program gives to customers, as the aggregation of a query engine does.

use crate::builder::{Row, Scratch};
use crate::names::Names;
use crate::{Error, History, Line};

/// Gathers lines under numbers 0, 1, 2, ... and makes a history of each.
///
/// Each history equals [`History::from_events`] of the same events, in whatever order and parts they came. A
/// line takes 64 bytes; each distinct text is kept once.
#[derive(Default)]
pub struct GroupedLines {
    groups: Vec<Vec<Row>>,
    texts: Names,
    scratch: Scratch,
    /// Bytes of the lists of rows, kept up to date.
    bytes: usize,
}

impl GroupedLines {
    /// Makes sure that the numbers below `groups` exist.
    pub fn resize(&mut self, groups: usize) {
        if groups > self.groups.len() {
            self.groups.resize_with(groups, Vec::new);
        }
    }

    /// Checks a line and adds it to a group, which must exist.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the line makes no sense, [`Error::TooManyTexts`] when the table of texts is full.
    pub fn push(&mut self, group: usize, line: Line<'_>) -> Result<(), Error> {
        let line = line.checked()?;
        let mut codes = [0; 5];
        let texts = [line.order, line.product, line.category, line.channel, line.promotion];
        for (code, text) in codes.iter_mut().zip(texts) {
            if let Some(text) = text {
                *code = self.texts.number(text)? + 1;
            }
        }
        self.add(group, |rows| {
            rows.push(Row {
                occurred_at: line.occurred_at,
                recorded_at: line.recorded_at,
                amount: line.amount,
                quantity: line.quantity,
                customer: 0,
                codes,
                kind: line.kind,
            });
        });
        Ok(())
    }

    /// Adds all events of a history to a group, which must exist. Equal events add up: parts of one customer's
    /// lines hold different lines ([`History::merged`] is for two tellings of the same).
    ///
    /// # Errors
    /// [`Error::TooManyTexts`] when the table of texts is full.
    pub fn push_history(&mut self, group: usize, history: &History) -> Result<(), Error> {
        let numbers = history.names.iter().map(|name| Ok(self.texts.number(name)? + 1));
        let numbers = numbers.collect::<Result<Vec<u32>, Error>>()?;
        let code = |code: u32| if code == 0 { 0 } else { numbers[code as usize - 1] };
        self.add(group, |rows| {
            rows.reserve_exact(history.len());
            let mut late = history.late.iter().peekable();
            for at in 0..history.len() {
                let recorded = late.next_if(|&&(late, _)| late as usize == at);
                rows.push(Row {
                    occurred_at: history.occurred_at[at],
                    recorded_at: recorded.map_or(history.occurred_at[at], |&(_, instant)| instant),
                    amount: history.amount[at],
                    quantity: history.quantity[at],
                    customer: 0,
                    codes: [
                        code(history.order[at]),
                        code(history.product[at]),
                        code(history.category[at]),
                        code(history.channel[at]),
                        code(history.promotion[at]),
                    ],
                    kind: history.kind[at],
                });
            }
        });
        Ok(())
    }

    /// The histories of the first `count` groups (all if there are fewer), which are taken out: the group after
    /// them becomes number 0.
    pub fn take(&mut self, count: usize) -> Vec<History> {
        let rest = self.groups.split_off(count.min(self.groups.len()));
        let taken = std::mem::replace(&mut self.groups, rest);
        let mut histories = Vec::with_capacity(taken.len());
        for rows in taken {
            self.bytes -= rows.capacity() * size_of::<Row>();
            self.scratch.rows = rows;
            self.scratch.fill(&self.texts);
            histories.push(std::mem::take(&mut self.scratch.history));
        }
        self.scratch.rows = Vec::new();
        if self.groups.is_empty() {
            self.texts = Names::default();
        }
        histories
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes + self.groups.capacity() * size_of::<Vec<Row>>() + self.texts.bytes()
    }

    fn add(&mut self, group: usize, add: impl FnOnce(&mut Vec<Row>)) {
        let rows = &mut self.groups[group];
        let before = rows.capacity();
        add(rows);
        self.bytes += (rows.capacity() - before) * size_of::<Row>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::testing::{Dice, some_events};

    #[test]
    fn histories_equal_those_of_owned_events_whatever_the_parts() {
        let mut dice = Dice(5);
        let mut owned: Vec<Vec<Event>> = vec![Vec::new(); 20];
        let mut whole = GroupedLines::default();
        let mut parts: Vec<GroupedLines> = (0..3).map(|_| GroupedLines::default()).collect();
        whole.resize(20);
        parts.iter_mut().for_each(|part| part.resize(20));
        for event in some_events(&mut dice, 2000) {
            let group = dice.below(19) as usize;
            whole.push(group, Line::from(&event)).unwrap();
            parts[dice.below(3) as usize].push(group, Line::from(&event)).unwrap();
            owned[group].push(event);
        }
        let mut joined = GroupedLines::default();
        joined.resize(20);
        for part in &mut parts {
            // In two takes, as an engine short of memory asks.
            for start in [0, 7] {
                for (at, history) in part.take(if start == 0 { 7 } else { 100 }).iter().enumerate() {
                    let history = History::from_bytes(&history.to_bytes()).unwrap();
                    joined.push_history(start + at, &history).unwrap();
                }
            }
            assert_eq!(part.bytes, 0);
        }
        assert!(whole.bytes() > 2000 * size_of::<Row>());
        let expected: Vec<History> = owned.into_iter().map(History::from_events).collect();
        assert_eq!(whole.take(usize::MAX), expected);
        assert_eq!(joined.take(20), expected);
        assert!(whole.take(1).is_empty());
    }
}
