//! A fit: what the data can carry, a backtest on the last window, then learning from everything.

use std::sync::Arc;

use homing_datasets::engine::Sampled;
use homing_datasets::{DAY, Histories, Micros, Zone};
use homing_models::Bundle;
use homing_models::bundle::{DataFingerprint, Manifest};
use homing_models::sampling::{mix, mix_text};
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::backtest::{Report, backtest};
use crate::challengers::challenge;
use crate::check::Usability;
use crate::clusters::of_bundle;
use crate::error::Error;
use crate::expansion;
use crate::learn::{Learned, Task, learn};
use crate::report::{Lang, Subject, of_fit};

/// Most rows of a fit (customers × snapshots); more are sampled by customer.
pub const MOST_ROWS: usize = 200_000;

/// What to fit.
#[derive(Clone, Debug)]
pub struct FitOptions {
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
    /// Whether spend is learned net of returns.
    pub net_of_returns: bool,
    /// The business's time zone.
    pub zone: Zone,
    /// The model's name.
    pub name: String,
    /// Seed of every sample.
    pub seed: u64,
    /// The model before this one, learned from earlier data: the report tells what has drifted since.
    pub previous: Option<Arc<Bundle>>,
    /// Whether learners off the shelf are fitted beside homing in the backtest.
    pub challengers: bool,
    /// The language in which the report opens; it holds both.
    pub lang: Lang,
    /// How many of the customers the histories hold, where they are a sample.
    pub sampled: Option<Sampled>,
}

impl Default for FitOptions {
    fn default() -> Self {
        FitOptions {
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

impl FitOptions {
    /// Every horizon that is modelled, ascending.
    ///
    /// # Errors
    /// [`Error::Wish`] for a horizon of no days or over ten years.
    pub fn all_horizons(&self) -> Result<Vec<u32>, Error> {
        let mut all = self.horizons.clone();
        all.extend([self.churn_horizon, self.value_horizon]);
        all.sort_unstable();
        all.dedup();
        match all.iter().find(|&&days| days == 0 || days > 3650) {
            Some(days) => {
                Err(Error::Wish(format!("a horizon of {days} days makes no sense; give 1 to 3650 days")))
            }
            None => Ok(all),
        }
    }
}

/// A finished fit.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The model.
    pub bundle: Bundle,
    /// What the data can carry.
    pub usability: Usability,
    /// How the same recipe did on the last window before `as_of`; `None` where the history is too short.
    pub backtest: Option<Report>,
}

/// What a fit tells as JSON.
#[derive(Clone, Debug, Serialize)]
pub struct FitSummary<'a> {
    /// `name@version`.
    pub model: &'a str,
    /// What the data can carry.
    pub usability: &'a Usability,
    /// The manifest.
    pub manifest: &'a Manifest,
}

/// Fits a model. `step` is told of each step before it is taken.
///
/// # Errors
/// [`Error::Refused`] where the data cannot carry a model, [`Error::Wish`] for wishes that make no sense.
pub fn fit(
    histories: &Histories,
    options: &FitOptions,
    step: &(dyn Fn(&str) + Sync),
) -> Result<Fitted, Error> {
    let horizons = options.all_horizons()?;
    let as_of = match options.as_of.or(histories.last_instant()) {
        Some(as_of) => as_of,
        None => return Err(Error::Refused { lacks: vec!["no event at all".to_owned()] }),
    };
    step("data usability");
    let usability = Usability::of(histories, as_of, &horizons, options.zone).sampled(options.sampled);
    usability.refuse()?;
    let task = Task {
        as_of,
        horizons,
        churn_horizon: options.churn_horizon,
        zone: options.zone,
        seed: options.seed,
        most_rows: MOST_ROWS,
        net_of_returns: options.net_of_returns,
    };
    let days = options.churn_horizon;
    let report = if usability.backtest_possible(days) {
        let quiet = |text: &str| step(&format!("backtest on the last {days} days: {text}"));
        let settings = Task { horizons: vec![days], ..task.clone() };
        // An `as_of` after the last event is no reason not to judge: the window then ends with the events.
        let end = histories.last_instant().map_or(as_of, |last| last.min(as_of));
        let cutoff = end - i64::from(days) * DAY;
        if Usability::of(histories, cutoff, &[days], options.zone).lacks.is_empty() {
            let mut report = backtest(histories, cutoff, days, &settings, &quiet)?;
            if options.challengers {
                challenge(histories, &mut report, &settings, &quiet)?;
            }
            Some(report)
        } else {
            None
        }
    } else {
        None
    };
    let learned = learn(histories, &task, step)?;
    let metrics = serde_json::json!({ "backtest": report.as_ref() });
    let bundle = assemble(learned, options, &task, fingerprint(histories, as_of, options.zone), metrics);
    step("clusters");
    let previous = options.previous.as_ref().and_then(|bundle| bundle.clusters());
    let clusters = of_bundle(&bundle, histories, previous);
    let bundle = match clusters {
        Some(clusters) => bundle.with_clusters(clusters),
        None => bundle,
    };
    step("first purchases by category");
    let expansion = expansion::fit(histories, as_of, options.churn_horizon, options.zone, options.seed);
    let bundle = match expansion {
        Some(expansion) => bundle.with_expansion(expansion),
        None => bundle,
    };
    step("report");
    let (html, judged) = of_fit(&Subject {
        bundle: &bundle,
        usability: &usability,
        backtest: report.as_ref(),
        histories,
        levels: &[],
        previous: options.previous.as_deref(),
        lang: options.lang,
    })?;
    Ok(Fitted { bundle: bundle.with_report(&html).with_judged(judged), usability, backtest: report })
}

/// Makes a bundle of what was learned.
#[must_use]
pub fn assemble(
    learned: Learned,
    options: &FitOptions,
    task: &Task,
    data: DataFingerprint,
    metrics: serde_json::Value,
) -> Bundle {
    let manifest = Manifest {
        format: 0,
        name: options.name.clone(),
        version: String::new(),
        homing: String::new(),
        as_of: task.as_of,
        as_of_text: task.zone.format(task.as_of),
        horizons: task.horizons.clone(),
        churn_horizon: task.churn_horizon,
        value_horizon: options.value_horizon,
        discount_rate: options.discount_rate,
        net_of_returns: options.net_of_returns,
        timezone: task.zone,
        seed: task.seed,
        feature_schema: String::new(),
        features: Vec::new(),
        data,
        metrics,
        parts: std::collections::BTreeMap::new(),
    };
    Bundle::new(manifest, learned.lifetime, learned.horizons, learned.base)
}

/// What the data were, up to `as_of`.
#[must_use]
pub fn fingerprint(histories: &Histories, as_of: Micros, zone: Zone) -> DataFingerprint {
    let each: Vec<(u64, u64, u64)> = histories
        .par_iter()
        .map(|(id, history)| {
            let view = history.as_of(as_of);
            let mut hash = mix_text(id);
            for ((at, kind), amount) in view.occurred_at().iter().zip(view.kind()).zip(view.amount()) {
                hash = mix(hash ^ *at as u64);
                hash = mix(hash ^ amount.to_bits() ^ *kind as u64);
            }
            let bought = history.first_purchase().is_some_and(|first| first <= as_of);
            (hash, view.len() as u64, u64::from(bought))
        })
        .collect();
    let mut sha = Sha256::new();
    each.iter().for_each(|(hash, _, _)| sha.update(hash.to_le_bytes()));
    let date = |instant: Option<Micros>| instant.map(|t| zone.date(t)).unwrap_or_default();
    DataFingerprint {
        customers: each.iter().map(|one| one.2).sum(),
        events: each.iter().map(|one| one.1).sum(),
        first: date(histories.first_instant()),
        last: date(histories.last_instant().map(|last| last.min(as_of))),
        sha256: sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
