//! The booster over plain arrays.

use homing_models::boosting::{self, Objective};
use ndarray::{Array1, Array2};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{Kind, invalid, raise};
use crate::lifetimes::{bytes, doubles};
use crate::work;

/// A fitted booster.
#[pyclass(frozen, module = "homing._homing")]
pub struct Booster(boosting::Booster);

impl Booster {
    /// A fitted booster.
    pub fn of(booster: boosting::Booster) -> Self {
        Booster(booster)
    }
}

/// Hyperparameters.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Growing {
    objective: String,
    trees: usize,
    learning_rate: f64,
    leaves: usize,
    min_leaf_rows: f64,
    l2: f64,
    row_share: f64,
    feature_share: f64,
    seed: u64,
}

fn objective(name: &str) -> PyResult<Objective> {
    Ok(match name {
        "logistic" => Objective::Logistic,
        "squared" => Objective::Squared,
        "poisson" => Objective::Poisson,
        "gamma" => Objective::Gamma,
        "tweedie" => Objective::Tweedie(1.5),
        _ => {
            return Err(invalid(format!(
                "objective `{name}` is not known; write logistic, squared, poisson, gamma or tweedie"
            )));
        }
    })
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let whole = |chunk: &[u8]| chunk.try_into().map(f32::from_le_bytes).unwrap_or(f32::NAN);
    bytes.chunks_exact(4).map(whole).collect()
}

/// Fits a booster to rows of floats and their targets.
#[pyfunction]
pub fn fit_booster(
    py: Python<'_>,
    rows: &[u8],
    width: usize,
    targets: &[u8],
    growing: Growing,
) -> PyResult<Booster> {
    let params = boosting::Booster::params(objective(&growing.objective)?)
        .trees(growing.trees)
        .learning_rate(growing.learning_rate)
        .leaves(growing.leaves)
        .min_leaf_rows(growing.min_leaf_rows)
        .l2(growing.l2)
        .row_share(growing.row_share)
        .feature_share(growing.feature_share)
        .seed(growing.seed);
    let (rows, targets) = (floats(rows), Array1::from_vec(doubles(targets)));
    let rows = Array2::from_shape_vec((targets.len(), width), rows).map_err(invalid)?;
    work::run(py, None, move |_| boosting::fit(params, rows, targets)).map(Booster)
}

#[pymethods]
impl Booster {
    /// A booster that was written as JSON.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Booster> {
        let booster: boosting::Booster = serde_json::from_str(text).map_err(|error| {
            raise(Kind::Model, "damaged", &format!("the booster cannot be read: {error}; fit it again"))
        })?;
        if !booster.is_sound() {
            return Err(raise(Kind::Model, "damaged", "the booster is damaged; fit it again"));
        }
        Ok(Booster(booster))
    }

    /// The booster as JSON: objective, intercept, trees.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.0).map_err(|error| raise(Kind::Internal, "json", &error.to_string()))
    }

    /// The margins of rows of floats; the means where `mean`.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        rows: &[u8],
        width: usize,
        mean: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        if width != self.0.features() {
            return Err(invalid(format!(
                "X has {width} features, but the booster was fitted to {}",
                self.0.features()
            )));
        }
        let rows = floats(rows);
        let mut found = py.detach(|| self.0.margins(&rows, width));
        if mean {
            found.iter_mut().for_each(|margin| *margin = self.0.objective().mean(*margin));
        }
        Ok(bytes(py, &found))
    }

    /// SHAP values of rows of floats, row by row, and the base value.
    fn explain<'py>(
        &self,
        py: Python<'py>,
        rows: &[u8],
        width: usize,
    ) -> PyResult<(Bound<'py, PyBytes>, f64)> {
        if width != self.0.features() {
            return Err(invalid(format!(
                "X has {width} features, but the booster was fitted to {}",
                self.0.features()
            )));
        }
        let rows = floats(rows);
        let (found, base) = py.detach(|| {
            let explainer = boosting::Explainer::of(&self.0);
            let mut base = self.0.intercept();
            let mut all = Vec::with_capacity(rows.len());
            for row in rows.chunks_exact(width.max(1)) {
                let mut own = vec![0.0; width];
                base = explainer.explain(row, 1.0, &mut own);
                all.extend(own);
            }
            (all, base)
        });
        Ok((bytes(py, &found), base))
    }
}
