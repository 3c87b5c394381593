//! A training run: what the data can carry, a backtest, the fit, and the steps beside it.
//!
//! `homing-train fit` and `homing demo` run it. What stands beside the fit (challengers, clusters, first purchases by
//! category, the report) may fail without taking the model with it: the run then names the step, and the bundle goes
//! without that part.

use std::sync::Arc;

use homing_datasets::engine::Sampled;
use homing_datasets::{DAY, Histories, Micros, Zone};
use homing_models::Bundle;
use homing_models::bundle::Manifest;
use serde::Serialize;

use crate::backtest::{Report, backtest};
use crate::challengers::challenge;
use crate::check::Usability;
use crate::error::Error;
use crate::report::{Lang, Subject, of_fit};
use crate::task::{Task, valid_horizons};
use crate::{clusters, expansion, fit};

/// What to train.
#[derive(Clone, Debug)]
pub struct Options {
    /// The instant up to which to learn; `None` for the last instant in the data.
    pub as_of: Option<Micros>,
    /// Horizons in days (churn and value horizon are added where missing).
    pub horizons: Vec<u32>,
    /// The horizon of the churn risk, in days.
    pub churn_horizon: u32,
    /// The horizon of the lifetime value, in days.
    pub value_horizon: u32,
    /// Yearly rate at which the lifetime value is discounted.
    pub discount_rate: f64,
    /// Whether spend is learned net of product returns.
    pub net_of_returns: bool,
    /// The business's time zone.
    pub zone: Zone,
    /// The model's name.
    pub name: String,
    /// Seed of every sample.
    pub seed: u64,
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

impl Default for Options {
    fn default() -> Self {
        Options {
            as_of: None,
            horizons: vec![30, 90, 365],
            churn_horizon: 90,
            value_horizon: 365,
            discount_rate: 0.1,
            net_of_returns: false,
            zone: Zone::default(),
            name: "homing".to_owned(),
            seed: 0,
            previous: None,
            challengers: false,
            lang: Lang::default(),
            sampled: None,
        }
    }
}

impl Options {
    /// Every horizon that is modelled, ascending.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a horizon of zero days or over ten years.
    pub fn all_horizons(&self) -> Result<Vec<u32>, Error> {
        let mut all = self.horizons.clone();
        all.extend([self.churn_horizon, self.value_horizon]);
        all.sort_unstable();
        all.dedup();
        valid_horizons(&all)?;
        Ok(all)
    }

    fn task(&self, as_of: Micros) -> Result<Task, Error> {
        Ok(Task {
            horizons: self.all_horizons()?,
            value_horizon: self.value_horizon,
            discount_rate: self.discount_rate,
            net_of_returns: self.net_of_returns,
            zone: self.zone,
            name: self.name.clone(),
            seed: self.seed,
            ..Task::new(as_of, self.churn_horizon)
        })
    }
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
/// let options = Options { horizons: vec![30, 90], ..Options::default() };
/// let trained = train(&histories, &options, &|step| eprintln!("{step}"))?;
/// println!("{}", trained.bundle.id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn train(
    histories: &Histories,
    options: &Options,
    step: &(dyn Fn(&str) + Sync),
) -> Result<Trained, Error> {
    options.all_horizons()?;
    let as_of = match options.as_of.or(histories.last_instant()) {
        Some(as_of) => as_of,
        None => return Err(Error::Refused { lacks: vec!["no event at all".to_owned()] }),
    };
    let task = options.task(as_of)?;
    let mut beside = Beside { step, failures: Vec::new() };
    step("data usability");
    let usability = Usability::of(histories, as_of, &task.horizons, task.zone).sampled(options.sampled);
    usability.refuse()?;
    let report = backtest_last_window(histories, options, &task, &usability, &mut beside)?;
    let metrics = serde_json::to_value(Metrics { backtest: report.as_ref() })?;
    let mut bundle = fit::fit(histories, &task, metrics, step)?;
    let before = options.previous.as_ref().and_then(|bundle| bundle.clusters());
    if let Some(Some(clusters)) = beside.run("clusters", || clusters::of_bundle(&bundle, histories, before)) {
        bundle = bundle.with_clusters(clusters);
    }
    let first_purchases = || expansion::fit(histories, as_of, options.churn_horizon, task.zone, task.seed);
    if let Some(Some(expansion)) = beside.run("first purchases", first_purchases) {
        bundle = bundle.with_expansion(expansion);
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
        bundle = bundle.with_report(&html).with_judged(judged);
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
    options: &Options,
    task: &Task,
    usability: &Usability,
    beside: &mut Beside<'_>,
) -> Result<Option<Report>, Error> {
    let days = task.churn_horizon;
    // An `as_of` after the last event is no reason not to judge: the window then ends with the events.
    let end = histories.last_instant().map_or(task.as_of, |last| last.min(task.as_of));
    let cutoff = end - i64::from(days) * DAY;
    if !usability.backtest_possible(days)
        || !Usability::of(histories, cutoff, &[days], task.zone).lacks.is_empty()
    {
        return Ok(None);
    }
    let step = beside.step;
    let in_backtest = |text: &str| step(&format!("backtest on the last {days} days: {text}"));
    let task = task.at(cutoff, vec![days]);
    let mut report = backtest(histories, cutoff, days, &task, &in_backtest)?;
    if options.challengers {
        let labels = report.labels();
        let challenge = beside.run("challengers", || challenge(histories, &labels, &task));
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

    #[test]
    fn every_horizon_is_modelled_once_and_a_horizon_of_no_days_is_an_invalid_argument() {
        let options = Options { horizons: vec![90, 30, 90], ..Options::default() };
        assert_eq!(options.all_horizons().unwrap(), [30, 90, 365]);
        for days in [0, 3651] {
            let options = Options { horizons: vec![days], ..Options::default() };
            assert!(matches!(options.all_horizons(), Err(Error::InvalidArgument(_))), "{days}");
        }
    }
}
