//! The data from which the models of one horizon learn.

use homing_datasets::{DAY, Histories, Micros};

use super::learners::Sample;
use super::windows::{Times, Windows};
use crate::rows::{Rows, rows};
use crate::snapshots::Plan;
use crate::task::Task;

/// What was learned from the past windows of one horizon, and the base for which is predicted.
pub struct HorizonData<'a> {
    /// The horizon in days that is asked for, and the one that the past windows have.
    pub days: u32,
    pub learned_days: u32,
    /// The snapshots most like the one at `as_of` ([`Plan::alike`]), with as many customers as the limit of rows allows.
    pub alike: Sample,
    /// Snapshots of the whole history, with fewer customers each; `None` where `alike` holds them all.
    pub whole: Option<Sample>,
    /// Windows of a third of the horizon, at least 7 days: they are more and end later. `None` where they are too few.
    pub short: Option<Sample>,
    /// All windows of the history: what was expected of them and what came.
    pub windows: Windows,
    /// The customers at `as_of`.
    pub base: &'a Rows,
    /// The share of what is ordered that counts as spend.
    pub kept_share: f64,
    /// Days from each cutoff to `as_of`, of `whole` and of `alike`.
    pub days_ago: Vec<f64>,
    pub alike_days_ago: Vec<f64>,
    pub seed: u64,
}

impl<'a> HorizonData<'a> {
    /// Gathers the rows of the planned snapshots; `None` where they are too few to learn from.
    pub fn gather(
        histories: &Histories,
        times: &Times<'_>,
        task: &Task,
        plan: &Plan,
        base: &'a Rows,
        days: u32,
        kept_share: f64,
    ) -> Option<Self> {
        let &Times { first, as_of, closures } = times;
        let sample = |cutoffs: &[Micros], days: u32, most: usize| {
            let mut rows = rows(histories, cutoffs, Some(days), task.zone, most, task.seed)
                .without(closures, cutoffs, task.zone);
            if task.net_of_returns {
                rows.labels.iter_mut().for_each(|label| label.spend = label.net_spend);
            }
            Sample::of(rows)
        };
        let days_ago = |cutoffs: &[Micros]| -> Vec<f64> {
            cutoffs.iter().map(|cutoff| (as_of - cutoff) as f64 / DAY as f64).collect()
        };
        let learned = plan.learned_days;
        let mut alike_cutoffs = plan.alike(as_of);
        let mut alike = sample(&alike_cutoffs, learned, task.max_rows);
        let mut whole = (alike_cutoffs != plan.cutoffs)
            .then(|| sample(&plan.cutoffs, learned, task.max_rows / 2))
            .flatten();
        if alike.is_none() {
            // Those alike may be too few where all of them are enough.
            (alike, whole, alike_cutoffs) = (whole, None, plan.cutoffs.clone());
        }
        let short = crate::snapshots::plan(first, as_of, (learned / 3).max(7), closures, task.zone)
            .and_then(|plan| sample(&plan.cutoffs, plan.learned_days, task.max_rows / 2));
        let windows = Windows::gather(histories, times, task, &plan.windows, learned);
        Some(HorizonData {
            days,
            learned_days: learned,
            alike: alike?,
            alike_days_ago: days_ago(&alike_cutoffs),
            whole,
            short,
            windows,
            base,
            kept_share,
            days_ago: days_ago(&plan.cutoffs),
            seed: task.seed,
        })
    }

    /// The rows from which habits of the whole history show, and the days from each of their cutoffs to `as_of`.
    #[must_use]
    pub fn longest(&self) -> (&Sample, &[f64]) {
        match &self.whole {
            Some(whole) => (whole, &self.days_ago),
            None => (&self.alike, &self.alike_days_ago),
        }
    }
}
