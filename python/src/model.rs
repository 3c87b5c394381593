//! The model: fits, scores, contributions, backtests.

use std::path::PathBuf;
use std::sync::Arc;

use homing_datasets::table::{Column, Table};
use homing_datasets::{History, Micros, Zone, calendar};
use homing_models::customer::Customer;
use homing_models::features::SPECS;
use homing_models::prediction::{Outcome, Provenance};
use homing_models::table::with_predictions;
use homing_training::Error;
use homing_training::backtest::Report;
use homing_training::check::Usability;
use homing_training::labels::short_horizon;
use homing_training::pipeline::{Options, train};
use homing_training::report::of_backtests;
use homing_training::task::Task;
use pyo3::prelude::*;

use crate::boosting::Booster;
use crate::data::{Histories, as_of};
use crate::errors::{Kind, Raise, invalid, raise};
use crate::frames::Frame;
use crate::work;

/// A fitted model.
#[pyclass(frozen, module = "homing._homing")]
pub struct Bundle(Arc<homing_models::Bundle>);

/// What a fit learns.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Settings {
    horizons: Vec<u32>,
    churn_horizon: u32,
    value_horizon: u32,
    discount_rate: f64,
    net_of_returns: bool,
    name: String,
    seed: u64,
    challengers: bool,
}

impl Settings {
    fn task(self, zone: Zone) -> PyResult<Task> {
        if !(0.0..=10.0).contains(&self.discount_rate) {
            return Err(invalid(format!(
                "discount_rate {}: write a yearly rate from 0 to 10",
                self.discount_rate
            )));
        }
        homing_models::Registry::check_name(&self.name).map_err(Raise::raise)?;
        let task = Task {
            horizons: self.horizons,
            churn_horizon: self.churn_horizon,
            value_horizon: self.value_horizon,
            discount_rate: self.discount_rate,
            net_of_returns: self.net_of_returns,
            zone,
            name: self.name,
            seed: self.seed,
            ..Task::default()
        };
        task.all_horizons().map_err(Raise::raise)?;
        Ok(task)
    }
}

fn json(value: &impl serde::Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| raise(Kind::Internal, "json", &error.to_string()))
}

/// Fits a model. Returns it, and the steps beside the fit that failed, as JSON.
#[pyfunction]
#[pyo3(signature = (data, settings, until=None, progress=None))]
pub fn fit(
    py: Python<'_>,
    data: &Histories,
    settings: Settings,
    until: Option<&str>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Bundle, String)> {
    let as_of = as_of(until, data.zone)?;
    let challengers = settings.challengers;
    let task = settings.task(data.zone)?;
    let histories = data.histories.clone();
    let options = Options { task, as_of, challengers, ..Options::default() };
    let trained =
        work::run(py, progress, move |steps| train(&histories, &options, &|text| steps.step(text)))?;
    Ok((Bundle(Arc::new(trained.bundle)), json(&trained.failures)?))
}

/// The outcomes of all customers at one instant.
fn outcomes(
    bundle: &homing_models::Bundle,
    histories: &homing_datasets::Histories,
    at: Micros,
) -> Vec<Outcome> {
    use rayon::prelude::*;
    histories.par_iter().map(|(_, history)| bundle.predict(history, at)).collect()
}

#[pymethods]
impl Bundle {
    /// Reads a bundle and checks every part against its hash.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Bundle> {
        let bundle = py.detach(|| homing_models::Bundle::load(&path)).map_err(Raise::raise)?;
        Ok(Bundle(Arc::new(bundle)))
    }

    /// Writes the bundle as a folder.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.0.save(&path)).map_err(Raise::raise)
    }

    /// The path of a model in a registry: `NAME`, `NAME@VERSION`, `NAME@champion`.
    #[staticmethod]
    #[pyo3(signature = (registry, model=None))]
    fn find(registry: &str, model: Option<&str>) -> PyResult<String> {
        let registry = homing_models::Registry::open(registry, None).map_err(Raise::raise)?;
        registry.find(model).map(|path| path.display().to_string()).map_err(Raise::raise)
    }

    /// `name@version`.
    #[getter]
    fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// The manifest, as JSON.
    fn manifest(&self) -> PyResult<String> {
        json(self.0.manifest())
    }

    /// The report on the fit, as HTML.
    fn report(&self) -> Option<String> {
        self.0.report().map(str::to_owned)
    }

    /// The trees of each horizon: of the purchase probability, orders, spend, and spend with no purchase needed.
    fn trees(&self) -> Vec<(String, Booster)> {
        let parts = self.0.horizons().iter().flat_map(|part| {
            let purchase = part.purchase.base_learners.as_ref().map(|learners| &learners.tree);
            let value = &part.value;
            [
                ("purchase", purchase),
                ("orders", value.orders.as_ref()),
                ("spend", value.spend.as_ref()),
                ("direct_spend", value.direct.as_ref()),
            ]
            .map(|(name, trees)| {
                Some((format!("{name}_{}d", part.purchase.days), Booster::of(trees?.clone())))
            })
        });
        parts.flatten().collect()
    }

    /// The time zone in which the model counts days.
    #[getter]
    fn timezone(&self) -> String {
        self.0.manifest().timezone.to_string()
    }

    /// Scores of every customer at each instant: the columns of `homing score --out`.
    #[pyo3(signature = (data, as_of=Vec::new(), horizons=Vec::new(), discount_rate=None, scored_at=None))]
    fn predict(
        &self,
        py: Python<'_>,
        data: &Histories,
        as_of: Vec<String>,
        horizons: Vec<u32>,
        discount_rate: Option<f64>,
        scored_at: Option<&str>,
    ) -> PyResult<Frame> {
        let zone = self.0.manifest().timezone;
        let mut bundle = (*self.0).clone();
        if !horizons.is_empty() {
            bundle = bundle.at_horizons(&horizons).map_err(Raise::raise)?;
        }
        if let Some(rate) = discount_rate {
            bundle = bundle.discounted(rate).map_err(Raise::raise)?;
        }
        let instants = self.instants(data, &as_of)?;
        let scored_at = scored_at.map(|text| zone.instant(text)).transpose().map_err(invalid)?;
        let scored_at = scored_at.unwrap_or_else(calendar::now);
        let histories = data.histories.clone();
        let whole_ids = data.summary.whole_ids;
        let table = py.detach(move || {
            let scored: Vec<(Vec<Outcome>, Provenance)> = instants
                .into_iter()
                .map(|at| {
                    let provenance = Provenance { model: bundle.id().clone(), as_of: at, scored_at, zone };
                    (outcomes(&bundle, &histories, at), provenance)
                })
                .collect();
            let ids = scored.iter().flat_map(|_| histories.iter().map(|(id, _)| id.to_owned()));
            let table = Table::default().with("customer_id", Column::ids(ids, whole_ids));
            let rows = scored
                .iter()
                .flat_map(|(outcomes, from)| outcomes.iter().map(move |outcome| (outcome, from)));
            with_predictions(table, &bundle.all_horizons(), rows)
        });
        Frame::of(&table.map_err(|error| raise(Kind::Internal, "table", &error.to_string()))?)
    }

    /// What each feature adds to the log-odds of a purchase within the churn horizon: one row a customer and contribution.
    #[pyo3(signature = (data, as_of=None))]
    fn explain(&self, py: Python<'_>, data: &Histories, as_of: Option<String>) -> PyResult<Frame> {
        let asked: Vec<String> = as_of.into_iter().collect();
        let Some(&at) = self.instants(data, &asked)?.first() else { return Err(no_events()) };
        let (bundle, histories, whole_ids) = (self.0.clone(), data.histories.clone(), data.summary.whole_ids);
        let table = py.detach(move || contributions(&bundle, &histories, at, whole_ids));
        Frame::of(&table)
    }
}

impl Bundle {
    /// The instants that are asked for; the last one of the data where none is.
    fn instants(&self, data: &Histories, asked: &[String]) -> PyResult<Vec<Micros>> {
        let zone = self.0.manifest().timezone;
        if asked.is_empty() {
            return Ok(vec![data.histories.last_instant().ok_or_else(no_events)?]);
        }
        asked.iter().map(|text| zone.as_of(text).map_err(invalid)).collect()
    }
}

fn no_events() -> PyErr {
    raise(Kind::Data, "no_events", "no events to score; give data with at least one purchase")
}

/// What contributes beside the features.
const BESIDE: [&str; 3] = ["lifetime_frequency", "lifetime_recency", "calibration"];

/// One customer's contributions.
struct Explained {
    id: String,
    values: Vec<f64>,
    contributions: Vec<f64>,
    /// What the model expects of whom it knows nothing: the same for everybody, but for rounding.
    base: f64,
    log_odds: f64,
    p: f64,
}

fn explained(bundle: &homing_models::Bundle, id: &str, history: &History, at: Micros) -> Option<Explained> {
    let Outcome::Scored(prediction) = bundle.predict_numbers(history, at).outcome else { return None };
    let found = bundle.contributions(history, at)?;
    let manifest = bundle.manifest();
    let part = bundle.horizons().iter().find(|part| part.purchase.days == manifest.churn_horizon)?;
    let customer = Customer::of(&found.features).without(&manifest.closures, manifest.timezone.day(at));
    let learned = part.purchase.learned_log_odds(customer.row(), &bundle.lifetime().orders);
    let p = prediction.within(manifest.churn_horizon)?.p_purchase;
    let log_odds = (p / (1.0 - p)).ln();
    let mut contributions = found.by_feature;
    contributions.extend([found.lifetime.frequency, found.lifetime.recency]);
    let base = learned - contributions.iter().sum::<f64>();
    Some(Explained { id: id.to_owned(), values: found.features, contributions, base, log_odds, p })
}

/// The contributions of all customers who have bought. Base value and contributions add up to the log-odds: what the
/// calibration changes, customer by customer, is a contribution too.
fn contributions(
    bundle: &homing_models::Bundle,
    histories: &homing_datasets::Histories,
    at: Micros,
    whole_ids: bool,
) -> Table {
    use rayon::prelude::*;
    let found: Vec<Explained> =
        histories.par_iter().filter_map(|(id, history)| explained(bundle, id, history, at)).collect();
    let base = found.first().map_or(0.0, |one| one.base);
    let names: Vec<&str> = SPECS.iter().map(|spec| spec.name).chain(BESIDE).collect();
    let rows = found.len() * names.len();
    let (mut ids, mut features) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let (mut values, mut added) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let (mut log_odds, mut ps) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for one in &found {
        let calibration = one.log_odds - base - one.contributions.iter().sum::<f64>();
        let all = one.contributions.iter().copied().chain([calibration]);
        for (nth, (name, contribution)) in names.iter().zip(all).enumerate() {
            ids.push(one.id.clone());
            features.push(Some((*name).to_owned()));
            values.push(one.values.get(nth).copied().filter(|value| value.is_finite()));
            added.push(Some(contribution));
            log_odds.push(Some(one.log_odds));
            ps.push(Some(one.p));
        }
    }
    Table::default()
        .with("customer_id", Column::ids(ids.into_iter(), whole_ids))
        .with("feature", Column::Text(features))
        .with("value", Column::Number(values))
        .with("contribution", Column::Number(added))
        .with("base_value", Column::Number(vec![Some(base); rows]))
        .with("log_odds", Column::Number(log_odds))
        .with("p_purchase", Column::Number(ps))
}

/// Backtests, judged.
#[pyclass(frozen, module = "homing._homing")]
pub struct Backtests {
    reports: Arc<Vec<Report>>,
    histories: Arc<homing_datasets::Histories>,
    whole_ids: bool,
}

/// Fits at each cutoff and judges each horizon.
#[pyfunction]
#[pyo3(signature = (data, settings, cutoffs, progress=None))]
pub fn backtest(
    py: Python<'_>,
    data: &Histories,
    settings: Settings,
    cutoffs: Vec<String>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Backtests> {
    let zone = data.zone;
    let horizons = settings.horizons.clone();
    let task = settings.task(zone)?;
    let instants: Vec<Micros> =
        cutoffs.iter().map(|text| zone.as_of(text)).collect::<Result<_, _>>().map_err(invalid)?;
    let histories = data.histories.clone();
    let reports = work::run(py, progress, move |steps| {
        let mut reports = Vec::new();
        for (&cutoff, name) in instants.iter().zip(&cutoffs) {
            for &days in &horizons {
                Usability::of(&histories, cutoff, &[days], zone).refuse()?;
                let step = |text: &str| steps.step(&format!("{name}, {days} days: {text}"));
                let short = Some(short_horizon(days));
                reports.push(homing_training::backtest::backtest(
                    &histories, cutoff, days, short, &task, &step,
                )?);
            }
        }
        Ok::<_, Error>(reports)
    })?;
    Ok(Backtests {
        reports: Arc::new(reports),
        histories: data.histories.clone(),
        whole_ids: data.summary.whole_ids,
    })
}

#[pymethods]
impl Backtests {
    /// All figures, as JSON.
    fn figures(&self) -> PyResult<String> {
        json(&*self.reports)
    }

    /// The report, as HTML.
    fn report(&self, py: Python<'_>) -> PyResult<String> {
        let (reports, histories) = (self.reports.clone(), self.histories.clone());
        work::run(py, None, move |_| {
            of_backtests(&reports, &histories, homing_training::report::Lang::default())
        })
    }

    /// Scores and outcomes of each customer.
    fn scores(&self) -> PyResult<Frame> {
        let rows =
            || self.reports.iter().flat_map(|report| report.scores.iter().map(move |row| (report, row)));
        let number = |of: fn(&homing_training::backtest::ScoreRow) -> f64| {
            Column::Number(rows().map(|(_, row)| Some(of(row))).collect())
        };
        let table = Table::default()
            .with("cutoff", Column::Text(rows().map(|(report, _)| Some(report.cutoff.clone())).collect()))
            .with(
                "horizon",
                Column::Whole(rows().map(|(report, _)| Some(i64::from(report.horizon))).collect()),
            )
            .with("customer_id", Column::ids(rows().map(|(_, row)| row.customer_id.clone()), self.whole_ids))
            .with("p_purchase", number(|row| row.p_purchase))
            .with("expected_orders", number(|row| row.expected_orders))
            .with("expected_spend", number(|row| row.expected_spend))
            .with("expected_spend_low", number(|row| row.spend_interval.0))
            .with("expected_spend_high", number(|row| row.spend_interval.1))
            .with("bought", Column::Whole(rows().map(|(_, row)| Some(i64::from(row.label.bought))).collect()))
            .with("orders", number(|row| f64::from(row.label.orders)))
            .with("spend", number(|row| row.label.spend));
        Frame::of(&table)
    }
}
