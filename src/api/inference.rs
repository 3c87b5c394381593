//! Scores from features instead of histories, for tools that bring their own: the Open Inference Protocol v2 over
//! REST (tensors of named features) and `/invocations` as model servers of data frames take it.
//!
//! Both name features as `homing_models::features::SPECS` does. A feature that is not sent, or is null, is unknown;
//! only the three numbers without which there is no customer must be there.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use homing_models::features::{COUNT, F, SPECS};
use homing_models::prediction::number_names;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::operations;
use super::reader::{JsonBody, plain};
use super::reply::json;
use crate::scoring::{ModelInfo, Score};
use crate::service::problem::clip;
use crate::service::{App, Code, Problem};

/// The features without which there is no customer: orders, days since the first and since the last purchase.
const NEEDED: [F; 3] = [F::orders, F::tenure_days, F::recency_days];

/// The kinds of tensors that are taken.
const DATATYPES: [&str; 11] =
    ["FP64", "FP32", "FP16", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8"];

/// The output beside the numbers of a prediction.
const PERCENTILE: &str = "churn_percentile";

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
}

fn place_of(name: &str) -> Result<usize, Problem> {
    SPECS.iter().position(|spec| spec.name == name).ok_or_else(|| {
        let detail =
            format!("`{}` is not a feature of the model; GET /v2/models/{{model}} lists them", clip(name));
        Problem::new(Code::UnknownField, detail).with("field", clip(name))
    })
}

/// Customers as rows of features.
struct Rows(Vec<[f64; COUNT]>);

impl Rows {
    fn new(count: usize, app: &App) -> Result<Self, Problem> {
        let limit = app.limits().customers;
        if count == 0 {
            return Err(invalid("no rows; send at least one"));
        }
        if count > limit {
            let detail = format!("the request has more than {limit} rows; split it into several requests");
            return Err(Problem::new(Code::TooManyCustomers, detail).with("limit", limit));
        }
        Ok(Rows(vec![[f64::NAN; COUNT]; count]))
    }

    fn set(&mut self, row: usize, place: usize, value: &Value) -> Result<(), Problem> {
        let name = SPECS[place].name;
        let number = match value {
            Value::Null => f64::NAN,
            Value::Bool(truth) => f64::from(u8::from(*truth)),
            other => {
                other.as_f64().ok_or_else(|| invalid(format!("row {row}: `{name}` must be a number")))?
            }
        };
        if number.is_infinite() || number.abs() > 1e15 {
            return Err(invalid(format!(
                "row {row}: `{name}` must be finite, with an absolute value of at most 1e15"
            )));
        }
        self.0[row][place] = number;
        Ok(())
    }

    /// The outputs: names, and a row of numbers a customer.
    fn scored(&self, engine: &dyn Score) -> Result<(Vec<String>, Vec<Vec<f64>>), Problem> {
        let mut names = number_names(&engine.model().horizons);
        names.push(PERCENTILE.to_owned());
        let mut outputs = Vec::with_capacity(self.0.len());
        for (row, features) in self.0.iter().enumerate() {
            let [orders, tenure, recency] = NEEDED.map(|feature| features[feature as usize]);
            let sound = (1.0..=1e6).contains(&orders) && recency >= 0.0 && tenure >= recency;
            if !sound {
                return Err(invalid(format!(
                    "row {row}: `orders` must be 1 to 1000000, `recency_days` 0 or more, and `tenure_days` at \
                     least `recency_days`"
                )));
            }
            let prediction = engine.predict(features);
            let mut values = prediction.values();
            values.push(f64::from(prediction.churn_percentile));
            if values.iter().any(|value| !value.is_finite()) {
                return Err(invalid(format!(
                    "row {row}: these features give a score that is not finite; check for extreme values"
                )));
            }
            outputs.push(values);
        }
        Ok((names, outputs))
    }
}

#[derive(Deserialize)]
struct Infer {
    #[serde(default)]
    id: Option<String>,
    inputs: Vec<Tensor>,
    #[serde(default)]
    outputs: Vec<Wanted>,
}

#[derive(Deserialize)]
struct Tensor {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    data: Vec<Value>,
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
}

fn chosen(app: &App, model: Result<Path<String>, PathRejection>) -> Result<Arc<dyn Score>, Problem> {
    let Path(name) = model.map_err(|_| {
        Problem::new(Code::BadParameter, "`model` in the path is not valid UTF-8").with("parameter", "model")
    })?;
    let engine = app.engine()?;
    if engine.model().name != name {
        let detail =
            format!("unknown model `{}`; the serving model is `{}`", clip(&name), engine.model().name);
        return Err(Problem::new(Code::UnknownModel, detail));
    }
    Ok(engine)
}

/// Answers `GET /v2`.
pub(super) async fn server() -> Result<Response, Problem> {
    json(&json!({"name": "homing", "version": env!("CARGO_PKG_VERSION"), "extensions": []}))
}

/// Answers `GET /v2/health/live`.
pub(super) async fn live() -> Result<Response, Problem> {
    json(&json!({"live": true}))
}

/// Answers `GET /v2/health/ready`.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    operations::ready(State(app)).await?;
    json(&json!({"ready": true}))
}

/// Answers `GET /v2/models/{model}`.
pub(super) async fn model(
    State(app): State<Arc<App>>,
    model: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let engine = chosen(&app, model)?;
    let info = engine.model();
    let tensor = |name: &str| json!({"name": name, "datatype": "FP64", "shape": [-1]});
    let inputs: Vec<Value> = SPECS.iter().map(|spec| tensor(spec.name)).collect();
    let mut outputs: Vec<Value> = number_names(&info.horizons).iter().map(|name| tensor(name)).collect();
    outputs.push(tensor(PERCENTILE));
    json(&json!({
        "name": info.name, "versions": [info.version], "platform": "homing", "inputs": inputs, "outputs": outputs,
    }))
}

/// Answers `GET /v2/models/{model}/ready`.
pub(super) async fn model_ready(
    State(app): State<Arc<App>>,
    model: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let engine = chosen(&app, model)?;
    json(&json!({"name": engine.model().name, "ready": true}))
}

/// Answers `POST /v2/models/{model}/infer`.
pub(super) async fn infer(
    State(app): State<Arc<App>>,
    model: Result<Path<String>, PathRejection>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let engine = chosen(&app, model)?;
    app.work(move |app| {
        let request: Infer = plain(&body)?;
        json(&inferred(app, engine.as_ref(), &request)?)
    })
    .await
}

fn inferred(app: &App, engine: &dyn Score, request: &Infer) -> Result<Value, Problem> {
    let first =
        request.inputs.first().ok_or_else(|| invalid("`inputs` is empty; send one tensor per feature"))?;
    let count = first.data.len();
    let mut rows = Rows::new(count, app)?;
    let mut seen = [false; COUNT];
    for tensor in &request.inputs {
        let name = clip(&tensor.name);
        let place = place_of(&tensor.name)?;
        if std::mem::replace(&mut seen[place], true) {
            return Err(invalid(format!("duplicate feature `{name}`")));
        }
        if !DATATYPES.contains(&tensor.datatype.as_str()) {
            let known = DATATYPES.join(", ");
            return Err(invalid(format!(
                "`{name}` has the unsupported datatype `{}`; use one of {known}",
                clip(&tensor.datatype)
            )));
        }
        let fits = matches!(tensor.shape.as_slice(), [rows] | [rows, 1] if *rows == count as u64);
        if !fits || tensor.data.len() != count {
            return Err(invalid(format!(
                "`{name}` must have shape [{count}] or [{count}, 1], and `data` of the same length"
            )));
        }
        for (row, value) in tensor.data.iter().enumerate() {
            rows.set(row, place, value)?;
        }
    }
    let (names, scored) = rows.scored(engine)?;
    for wanted in &request.outputs {
        if !names.contains(&wanted.name) {
            let detail = format!(
                "`{}` is not an output of the model; GET /v2/models/{{model}} lists them",
                clip(&wanted.name)
            );
            return Err(Problem::new(Code::UnknownField, detail).with("field", clip(&wanted.name)));
        }
    }
    let asked =
        |name: &str| request.outputs.is_empty() || request.outputs.iter().any(|wanted| wanted.name == name);
    let outputs: Vec<Value> = names
        .iter()
        .enumerate()
        .filter(|(_, name)| asked(name))
        .map(|(at, name)| {
            let data: Vec<f64> = scored.iter().map(|row| row[at]).collect();
            json!({"name": name, "datatype": "FP64", "shape": [count], "data": data})
        })
        .collect();
    let ModelInfo { name, version, .. } = engine.model();
    let mut reply = json!({"model_name": name, "model_version": version, "outputs": outputs});
    if let Some(id) = &request.id {
        reply["id"] = id.as_str().into();
    }
    Ok(reply)
}

#[derive(Deserialize)]
struct Invocation {
    dataframe_split: Option<Split>,
    dataframe_records: Option<Vec<Map<String, Value>>>,
    /// Parameters of inference that other servers take; this model has none.
    #[serde(default, rename = "params")]
    _params: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Split {
    columns: Vec<String>,
    data: Vec<Vec<Value>>,
    /// Names of the rows, which the reply does not repeat.
    #[serde(default, rename = "index")]
    _index: Option<Vec<Value>>,
}

/// Answers `POST /invocations`.
pub(super) async fn invocations(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let engine = app.engine()?;
    app.work(move |app| {
        let request: Invocation = plain(&body)?;
        let rows = match (&request.dataframe_split, &request.dataframe_records) {
            (Some(split), None) => split_rows(split, app)?,
            (None, Some(records)) => {
                let mut rows = Rows::new(records.len(), app)?;
                for (row, record) in records.iter().enumerate() {
                    for (name, value) in record {
                        rows.set(row, place_of(name)?, value)?;
                    }
                }
                rows
            }
            _ => return Err(invalid("send either `dataframe_split` or `dataframe_records`")),
        };
        let (names, scored) = rows.scored(engine.as_ref())?;
        let record = |row: Vec<f64>| -> Map<String, Value> {
            names.iter().cloned().zip(row.into_iter().map(Value::from)).collect()
        };
        let predictions: Vec<_> = scored.into_iter().map(record).collect();
        json(&json!({ "predictions": predictions }))
    })
    .await
}

fn split_rows(split: &Split, app: &App) -> Result<Rows, Problem> {
    let places: Vec<usize> = split.columns.iter().map(|name| place_of(name)).collect::<Result<_, _>>()?;
    let mut rows = Rows::new(split.data.len(), app)?;
    for (row, values) in split.data.iter().enumerate() {
        if values.len() != places.len() {
            let (has, columns) = (values.len(), places.len());
            return Err(invalid(format!("row {row} has {has} values, expected {columns} (one per column)")));
        }
        for (place, value) in places.iter().zip(values) {
            rows.set(row, *place, value)?;
        }
    }
    Ok(rows)
}
