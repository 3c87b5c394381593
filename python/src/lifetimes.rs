//! Lifetime models, one by one, over plain arrays. Arrays cross as bytes of little-endian doubles.

use homing_models::lifetimes::{
    BgNbd, Cohort, GammaGamma, Lifetime, LifetimeModel as _, MbgNbd, Options, ParetoNbd, Recency, Spend,
    SpendSample, Summary,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rayon::prelude::*;

use crate::errors::{Raise, invalid};
use crate::work;

/// The doubles in bytes.
pub fn doubles(bytes: &[u8]) -> Vec<f64> {
    let whole = |chunk: &[u8]| chunk.try_into().map(f64::from_le_bytes).unwrap_or(f64::NAN);
    bytes.chunks_exact(8).map(whole).collect()
}

/// Doubles as bytes.
pub fn bytes<'py>(py: Python<'py>, values: &[f64]) -> Bound<'py, PyBytes> {
    let all: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    PyBytes::new(py, &all)
}

fn customers(frequency: &[u8], recency: &[u8], age: &[u8]) -> Vec<Recency> {
    let times = doubles(recency).into_iter().zip(doubles(age));
    doubles(frequency).into_iter().zip(times).map(|(x, (t_x, t))| Recency::new(x as u32, t_x, t)).collect()
}

/// How to fit.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Fitting {
    prior_weight: f64,
    regularity: u32,
    max_iterations: u64,
    gradient_tolerance: f64,
}

impl Fitting {
    fn options(&self) -> Options {
        Options {
            prior_weight: self.prior_weight,
            regularity: self.regularity,
            max_iterations: self.max_iterations,
            gradient_tolerance: self.gradient_tolerance,
            ..Options::default()
        }
    }
}

/// A fitted model of purchases and dropout.
#[pyclass(frozen, module = "homing._homing")]
pub struct LifetimeModel(Lifetime);

/// Fits BG/NBD, MBG/NBD or Pareto/NBD by maximum likelihood.
#[pyfunction]
pub fn fit_lifetime(
    py: Python<'_>,
    family: String,
    frequency: &[u8],
    recency: &[u8],
    age: &[u8],
    fitting: Fitting,
) -> PyResult<LifetimeModel> {
    let customers = customers(frequency, recency, age);
    let options = fitting.options();
    let model = work::run(py, None, move |_| {
        let cohort = Cohort::from_customers(&customers)?;
        match family.as_str() {
            "mbg_nbd" => MbgNbd::fit(&cohort, &options).map(Lifetime::MbgNbd),
            "pareto_nbd" => ParetoNbd::fit(&cohort, &options).map(Lifetime::ParetoNbd),
            _ => BgNbd::fit(&cohort, &options).map(Lifetime::BgNbd),
        }
    })?;
    Ok(LifetimeModel(model))
}

type Named = Vec<(&'static str, f64)>;

#[pymethods]
impl LifetimeModel {
    /// A model with given parameters.
    #[staticmethod]
    fn given(family: &str, values: [f64; 4], k: u32) -> PyResult<LifetimeModel> {
        let [one, two, three, four] = values;
        let model = match family {
            "mbg_nbd" => MbgNbd::with_parameters(one, two, three, four, k).map(Lifetime::MbgNbd),
            "pareto_nbd" => ParetoNbd::with_parameters(one, two, three, four).map(Lifetime::ParetoNbd),
            _ => BgNbd::with_parameters(one, two, three, four, k).map(Lifetime::BgNbd),
        };
        model.map(LifetimeModel).map_err(Raise::raise)
    }

    /// The parameters, in the order of the paper.
    fn parameters(&self) -> PyResult<Named> {
        Ok(match &self.0 {
            Lifetime::BgNbd(m) => vec![("r", m.r()), ("alpha", m.alpha()), ("a", m.a()), ("b", m.b())],
            Lifetime::MbgNbd(m) => vec![("r", m.r()), ("alpha", m.alpha()), ("a", m.a()), ("b", m.b())],
            Lifetime::ParetoNbd(m) => {
                vec![("r", m.r()), ("alpha", m.alpha()), ("s", m.s()), ("beta", m.beta())]
            }
            _ => return Err(invalid("this model is of a later version of homing; upgrade homing")),
        })
    }

    /// Standard errors, log-likelihood, customers, and how the fit ended.
    fn account(&self) -> (Option<Vec<f64>>, f64, f64, String) {
        account(self.0.summary())
    }

    /// P(alive) of each customer.
    fn alive<'py>(
        &self,
        py: Python<'py>,
        frequency: &[u8],
        recency: &[u8],
        age: &[u8],
    ) -> Bound<'py, PyBytes> {
        self.each(py, customers(frequency, recency, age), |model, customer| model.probability_alive(customer))
    }

    /// Orders expected between `from` and `to` after the end of observation.
    fn orders<'py>(
        &self,
        py: Python<'py>,
        frequency: &[u8],
        recency: &[u8],
        age: &[u8],
        between: (f64, f64),
    ) -> Bound<'py, PyBytes> {
        let (from, to) = between;
        self.each(py, customers(frequency, recency, age), move |model, customer| match from > 0.0 {
            true => model.expected_orders_between(customer, from, to),
            false => model.expected_orders(customer, to),
        })
    }

    /// Probability of an order within a time after the end of observation.
    fn buys<'py>(
        &self,
        py: Python<'py>,
        frequency: &[u8],
        recency: &[u8],
        age: &[u8],
        within: f64,
    ) -> Bound<'py, PyBytes> {
        self.each(py, customers(frequency, recency, age), move |model, customer| {
            model.probability_of_purchase(customer, within)
        })
    }

    /// Repeat orders expected of a new customer within each time.
    fn of_new<'py>(&self, py: Python<'py>, times: &[u8]) -> Bound<'py, PyBytes> {
        let model = &self.0;
        let times = doubles(times);
        let found: Vec<f64> =
            py.detach(|| times.par_iter().map(|&time| model.expected_total_orders(time)).collect());
        bytes(py, &found)
    }

    /// P(alive) at each instant of a customer's past.
    fn history<'py>(&self, py: Python<'py>, repeats: &[u8], instants: &[u8]) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.alive_over_time(&doubles(repeats), &doubles(instants)))
    }
}

impl LifetimeModel {
    fn each<'py>(
        &self,
        py: Python<'py>,
        customers: Vec<Recency>,
        of: impl Fn(&Lifetime, Recency) -> f64 + Sync + Send,
    ) -> Bound<'py, PyBytes> {
        let model = &self.0;
        let found: Vec<f64> =
            py.detach(|| customers.par_iter().map(|&customer| of(model, customer)).collect());
        bytes(py, &found)
    }
}

fn account(summary: &Summary) -> (Option<Vec<f64>>, f64, f64, String) {
    (summary.standard_errors.clone(), summary.log_likelihood, summary.customers, summary.status.to_string())
}

/// A fitted Gamma-Gamma model.
#[pyclass(frozen, module = "homing._homing")]
pub struct SpendModel(GammaGamma);

/// Fits Gamma-Gamma by maximum likelihood.
#[pyfunction]
pub fn fit_spend(py: Python<'_>, frequency: &[u8], mean: &[u8], fitting: Fitting) -> PyResult<SpendModel> {
    let spends: Vec<Spend> = spends(frequency, mean);
    let options = fitting.options();
    let model =
        work::run(py, None, move |_| GammaGamma::fit(&SpendSample::from_customers(&spends)?, &options))?;
    Ok(SpendModel(model))
}

fn spends(frequency: &[u8], mean: &[u8]) -> Vec<Spend> {
    let pairs = doubles(frequency).into_iter().zip(doubles(mean));
    pairs.map(|(x, mean_spend)| Spend { frequency: x as u32, mean_spend }).collect()
}

#[pymethods]
impl SpendModel {
    /// A model with given parameters; the mean of all orders is used where q leaves the model without a mean.
    #[staticmethod]
    fn given(values: [f64; 3], sample_mean: f64) -> PyResult<SpendModel> {
        let [p, q, v] = values;
        GammaGamma::with_parameters(p, q, v, sample_mean).map(SpendModel).map_err(Raise::raise)
    }

    /// The parameters, in the order of the note.
    fn parameters(&self) -> Named {
        vec![("p", self.0.p()), ("q", self.0.q()), ("v", self.0.v())]
    }

    /// Standard errors, log-likelihood, customers, and how the fit ended.
    fn account(&self) -> (Option<Vec<f64>>, f64, f64, String) {
        account(self.0.summary())
    }

    /// Mean value of an order over all customers.
    fn population_mean(&self) -> f64 {
        self.0.population_mean()
    }

    /// Mean value of the coming orders of each customer.
    fn mean<'py>(&self, py: Python<'py>, frequency: &[u8], mean: &[u8]) -> Bound<'py, PyBytes> {
        let found: Vec<f64> =
            spends(frequency, mean).into_iter().map(|spend| self.0.expected_mean_spend(spend)).collect();
        bytes(py, &found)
    }
}
