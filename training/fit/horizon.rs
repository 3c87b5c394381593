//! The data from which the models of one horizon learn.

use homing_datasets::{DAY, Histories, Micros};
use homing_models::boosting::{Binned, Bins};
use homing_models::lifetimes::Lifetime;
use rayon::prelude::*;

use super::lifetime;
use crate::error::Error;
use crate::rows::{Rows, rows};
use crate::snapshots::{Plan, plan};
use crate::task::Task;

/// Fewest rows, and fewest of each outcome among them, that trees are fitted to.
const MIN_ROWS: usize = 2000;
pub const MIN_OUTCOMES: usize = 200;

/// Fewest rows of a snapshot whose base rate counts.
pub const MIN_SNAPSHOT_ROWS: usize = 50;

/// The rows of the past windows of one horizon, binned once for all learners, and the base for which is predicted.
pub struct HorizonData<'a> {
    /// The horizon in days that is asked for, and the one that the past windows have.
    pub days: u32,
    pub learned_days: u32,
    /// Rows at all cutoffs, the latest snapshot first.
    pub rows: Rows,
    pub bins: Bins,
    pub binned: Binned,
    /// Days from each cutoff to `as_of`.
    pub days_ago: Vec<f64>,
    /// The lifetime model of each snapshot, fitted on what was known then.
    pub lifetimes: Vec<Lifetime>,
    /// The customers at `as_of`.
    pub base: &'a Rows,
    /// The share of what is ordered that counts as spend.
    pub kept_share: f64,
    pub seed: u64,
}

impl<'a> HorizonData<'a> {
    /// Gathers the rows of the planned snapshots; `None` where they are too few to learn from.
    ///
    /// # Errors
    /// [`Error::Lifetime`] where the lifetime model of a snapshot cannot be fitted.
    pub fn gather(
        histories: &Histories,
        as_of: Micros,
        task: &Task,
        days: u32,
        plan: &Plan,
        base: &'a Rows,
        kept_share: f64,
    ) -> Result<Option<Self>, Error> {
        let learned = Some(plan.learned_days);
        let mut rows = rows(histories, &plan.cutoffs, learned, task.zone, task.max_rows, task.seed);
        if !enough(&rows) {
            return Ok(None);
        }
        if task.net_of_returns {
            rows.labels.iter_mut().for_each(|label| label.spend = label.net_spend);
        }
        let lifetimes = rows
            .by_snapshot()
            .into_par_iter()
            .map(|snapshot| lifetime::orders(&rows.recency[snapshot]))
            .collect::<Result<_, Error>>()?;
        let bins = Bins::of(rows.matrix());
        Ok(Some(HorizonData {
            days,
            learned_days: plan.learned_days,
            binned: bins.sort(rows.matrix()),
            bins,
            days_ago: plan.cutoffs.iter().map(|cutoff| (as_of - cutoff) as f64 / DAY as f64).collect(),
            lifetimes,
            rows,
            base,
            kept_share,
            seed: task.seed,
        }))
    }
}

/// Rows of a third of a horizon, at least 7 days: their windows are more and end later. `None` where they are too few.
pub fn short_horizon_rows(
    histories: &Histories,
    as_of: Micros,
    task: &Task,
    first: Micros,
    days: u32,
) -> Option<Rows> {
    let plan = plan(first, as_of, (days / 3).max(7))?;
    let learned = Some(plan.learned_days);
    Some(rows(histories, &plan.cutoffs, learned, task.zone, task.max_rows / 2, task.seed)).filter(enough)
}

/// Whether trees can be fitted to these rows.
fn enough(rows: &Rows) -> bool {
    let bought = rows.labels.iter().filter(|label| label.bought).count();
    rows.len() >= MIN_ROWS && bought >= MIN_OUTCOMES && rows.len() - bought >= MIN_OUTCOMES
}
