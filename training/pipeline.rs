//! A training run: what the data can carry, a backtest, the fit, and the steps beside it.
//!
//! `homing-train fit` and `homing demo` run it. What stands beside the fit (challengers, clusters, first purchases by
//! category, the report) may fail without taking the model with it: the run then names the step, and the bundle goes
//! without that part.

use std::sync::Arc;

use homing_datasets::engine::Sampled;
use homing_datasets::{DAY, Histories, Micros};
use homing_models::Bundle;
use homing_models::bundle::Manifest;
use serde::Serialize;

use crate::backtest::{Report, backtest};
use crate::challengers::challenge;
use crate::check::Usability;
use crate::error::Error;
use crate::report::{Lang, Subject, of_fit};
use crate::task::Task;
use crate::{clusters, expansion, fit};

/// What to train.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the fit learns.
    pub task: Task,
    /// The instant up to which to learn; `None` for the last instant in the data.
    pub as_of: Option<Micros>,
    /// The model before this one, learned from earlier data: the report shows what has drifted since, and its clusters
    /// keep their numbers.
    pub previous: Option<Arc<Bundle>>,
    /// Whether learners off the shelf are fitted beside homing in the backtest.
    pub challengers: bool,
    /// The language in which the report opens; it holds both.
    pub lang: Lang,
    /// How many of the customers the histories hold, where they are a sample.
    pub sampled: Option<Sampled>,
}

/// A step beside the fit that failed: the bundle goes without what it would have added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The step: `challengers`, `clusters`, `first purchases` or `report`.
    pub step: &'static str,
    /// Why it failed.
    pub cause: String,
}

/// A finished training run.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model.
    pub bundle: Bundle,
    /// What the data can carry.
    pub usability: Usability,
    /// How the same recipe did on the last window before `as_of`; `None` where the history is too short.
    pub backtest: Option<Report>,
    /// The steps beside the fit that failed.
    pub failures: Vec<Failure>,
}

/// A training run as JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Summary<'a> {
    /// `name@version`.
    pub model: &'a str,
    /// What the data can carry.
    pub usability: &'a Usability,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// The steps beside the fit that failed.
    pub failures: &'a [Failure],
}

impl Trained {
    /// The run as JSON.
    #[must_use]
    pub fn summary(&self) -> Summary<'_> {
        Summary {
            model: self.bundle.id(),
            usability: &self.usability,
            manifest: self.bundle.manifest(),
            failures: &self.failures,
        }
    }
}

/// Steps beside the fit, and which of them failed.
struct Beside<'a> {
    step: &'a (dyn Fn(&str) + Sync),
    failures: Vec<Failure>,
}

impl Beside<'_> {
    /// Runs a step; where it fails, it is noted and `None` returned.
    fn run<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T, Error>) -> Option<T> {
        (self.step)(name);
        let failed = |error: Error| self.failures.push(Failure { step: name, cause: error.to_string() });
        step().map_err(failed).ok()
    }
}

/// Trains a model. `step` is told of each step before it is taken.
///
/// # Errors
/// [`Error::Refused`] where the data cannot carry a model, [`Error::InvalidArgument`] for options out of range, and
/// what fit and backtest say. A step beside the fit that fails is no error: see [`Trained::failures`].
///
/// # Examples
/// ```no_run
/// use homing_training::pipeline::{Options, train};
///
/// let histories = homing_datasets::cdnow()?;
/// let options = Options { challengers: true, ..Options::default() };
/// let trained = train(&histories, &options, &|step| eprintln!("{step}"))?;
/// println!("{}", trained.bundle.id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn train(
    histories: &Histories,
    options: &Options,
    step: &(dyn Fn(&str) + Sync),
) -> Result<Trained, Error> {
    let task = &options.task;
    let horizons = task.all_horizons()?;
    let as_of = match options.as_of.or(histories.last_instant()) {
        Some(as_of) => as_of,
        None => return Err(Error::Refused { lacks: vec!["no event at all".to_owned()] }),
    };
    let mut beside = Beside { step, failures: Vec::new() };
    step("data usability");
    let usability = Usability::of(histories, as_of, &horizons, task.zone).sampled(options.sampled);
    usability.refuse()?;
    let report = backtest_last_window(histories, as_of, options, &usability, &mut beside)?;
    let metrics = serde_json::to_value(Metrics { backtest: report.as_ref() })?;
    let mut bundle = fit::fit(histories, as_of, task, metrics, step)?;
    let before = options.previous.as_ref().and_then(|bundle| bundle.clusters());
    if let Some(Some(clusters)) = beside.run("clusters", || clusters::of_bundle(&bundle, histories, before)) {
        bundle = bundle.with_clusters(clusters)?;
    }
    let first_purchases = || expansion::fit(histories, as_of, task.churn_horizon, task.zone, task.seed);
    if let Some(Some(expansion)) = beside.run("first purchases", first_purchases) {
        bundle = bundle.with_expansion(expansion)?;
    }
    let page = || {
        of_fit(&Subject {
            bundle: &bundle,
            usability: &usability,
            backtest: report.as_ref(),
            histories,
            previous: options.previous.as_deref(),
            lang: options.lang,
        })
    };
    if let Some((html, judged)) = beside.run("report", page) {
        bundle = bundle.with_report(&html)?.with_judged(judged)?;
    }
    Ok(Trained { bundle, usability, backtest: report, failures: beside.failures })
}

/// What the fit measured, as the manifest holds it.
#[derive(Serialize)]
struct Metrics<'a> {
    backtest: Option<&'a Report>,
}

/// A backtest of the churn horizon on the last window; `None` where the history is too short.
fn backtest_last_window(
    histories: &Histories,
    as_of: Micros,
    options: &Options,
    usability: &Usability,
    beside: &mut Beside<'_>,
) -> Result<Option<Report>, Error> {
    let task = &options.task;
    let days = task.churn_horizon;
    // An `as_of` after the last event is no reason not to judge: the window then ends with the events.
    let end = histories.last_instant().map_or(as_of, |last| last.min(as_of));
    let cutoff = end - i64::from(days) * DAY;
    if !usability.backtest_possible(days)
        || !Usability::of(histories, cutoff, &[days], task.zone).lacks.is_empty()
    {
        return Ok(None);
    }
    let step = beside.step;
    let in_backtest = |text: &str| step(&format!("backtest on the last {days} days: {text}"));
    let mut report = backtest(histories, cutoff, days, None, task, &in_backtest)?;
    if options.challengers {
        let labels = report.labels();
        let challenge = beside.run("challengers", || challenge(histories, &labels, cutoff, days, task));
        if let Some(Some(challenge)) = challenge {
            report.add(challenge);
        }
    }
    Ok(Some(report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_beside_the_fit_that_fails_is_named_and_the_next_one_runs() {
        let mut beside = Beside { step: &|_| {}, failures: Vec::new() };
        let failed: Option<u32> = beside.run("clusters", || Err(Error::Clusters("no centre".to_owned())));
        assert_eq!((failed, beside.run("report", || Ok(7))), (None, Some(7)));
        assert_eq!(beside.failures, [Failure { step: "clusters", cause: "no centre".to_owned() }]);
    }
}
