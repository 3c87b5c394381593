//! When a running service compacts its store: after erasures, at a quiet moment, and at most once an hour.

use homing_datasets::{DAY, Micros};

/// The least time between two compactions: each copies the whole file.
const EVERY: Micros = DAY / 24;
/// Writes wait during a compaction, so it waits for a quiet moment, but no longer than this.
const PATIENCE: Micros = DAY / 4;
/// Looks in a row without a request in work that make a moment quiet.
const QUIET: u32 = 5;

/// When to compact.
#[derive(Debug, Default)]
pub(crate) struct Compaction {
    last: Option<Micros>,
    /// Since when there is something to do.
    since: Option<Micros>,
    quiet: u32,
}

impl Compaction {
    /// Whether to compact now. `waiting` erasures were not followed by a compaction; `idle`: no request is in work.
    pub fn is_due(&mut self, now: Micros, waiting: u64, idle: bool) -> bool {
        self.quiet = if idle { self.quiet.saturating_add(1) } else { 0 };
        if waiting == 0 {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        if self.last.is_some_and(|last| now < last + EVERY) {
            return false;
        }
        let due = self.quiet >= QUIET || now >= since + PATIENCE;
        if due {
            (self.last, self.since) = (Some(now), None);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Micros = 60_000_000;

    #[test]
    fn a_store_is_compacted_at_a_quiet_moment_and_once_an_hour() {
        let mut compaction = Compaction::default();
        assert!(!(0..100).any(|now| compaction.is_due(now, 0, true)), "nothing was erased");
        compaction.is_due(100, 0, false);
        let looks: Vec<bool> = (1..=6).map(|look| compaction.is_due(100 + look, 3, true)).collect();
        assert_eq!(looks, [false, false, false, false, true, false]);
        assert!(!compaction.is_due(30 * MINUTE, 1, true), "an hour has not passed");
        assert!(compaction.is_due(61 * MINUTE, 1, true));
    }

    #[test]
    fn a_store_that_is_never_quiet_is_compacted_in_the_end() {
        let mut compaction = Compaction::default();
        let due = (0..).find(|minute| compaction.is_due(minute * MINUTE, 1, false));
        assert_eq!(due, Some(6 * 60));
    }
}
