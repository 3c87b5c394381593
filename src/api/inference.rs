//! Scores from features instead of histories, for tools that bring their own: the Open Inference Protocol v2 over
//! REST (tensors of named features) and `/invocations` as model servers of data frames take it.
//!
//! Both name features as `homing_models::features::SPECS` does. A feature that is not sent, or is null, is unknown;
//! only the three numbers without which there is no customer must be there.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use homing_models::features::{COUNT, F, SPECS};
use homing_models::prediction::number_names;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::reader::{JsonBody, plain};
use super::reply::json;
use super::{operations, tensors};
use crate::scoring::{ModelInfo, Score};
use crate::service::problem::clip;
use crate::service::{App, Code, Problem};

/// The features without which there is no customer: orders, days since the first and since the last purchase.
const NEEDED: [F; 3] = [F::orders, F::tenure_days, F::recency_days];

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
        self.set_number(row, place, number)
    }

    fn set_number(&mut self, row: usize, place: usize, number: f64) -> Result<(), Problem> {
        let name = SPECS[place].name;
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
                let missing: Vec<&str> = NEEDED
                    .into_iter()
                    .filter(|feature| features[*feature as usize].is_nan())
                    .map(|feature| SPECS[feature as usize].name)
                    .collect();
                if !missing.is_empty() {
                    let detail = format!("row {row}: missing {}; every row needs it", missing.join(", "));
                    return Err(invalid(detail).with("field", missing.join(",")).with("missing", missing));
                }
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
    #[serde(default)]
    parameters: Parameters,
}

/// What requests, inputs and outputs say beside their data. Other parameters are those of other servers.
#[derive(Default, Deserialize)]
struct Parameters {
    /// How many bytes of this input stand behind the JSON.
    binary_data_size: Option<usize>,
    /// Whether this output is wanted there.
    binary_data: Option<bool>,
    /// Whether all outputs are that say nothing themselves.
    binary_data_output: Option<bool>,
}

#[derive(Deserialize)]
struct Tensor {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    #[serde(default, deserialize_with = "flat")]
    data: Vec<Value>,
    #[serde(default)]
    parameters: Parameters,
}

/// Data of any nesting, as clients send tensors of shape [rows, 1], in one list.
fn flat<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    let mut flat = Vec::new();
    let mut nested = vec![Value::Array(Vec::deserialize(deserializer)?)];
    while let Some(value) = nested.pop() {
        match value {
            Value::Array(values) => nested.extend(values.into_iter().rev()),
            value => flat.push(value),
        }
    }
    Ok(flat)
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
    #[serde(default)]
    parameters: Parameters,
}

/// The serving model, if it is of this name and version.
fn chosen_version(
    app: &App,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Arc<dyn Score>, Problem> {
    let Path((name, version)) = path.map_err(|_| {
        Problem::new(Code::BadParameter, "the path is not valid UTF-8").with("parameter", "version")
    })?;
    let engine = chosen(app, Ok(Path(name)))?;
    if engine.model().version != version {
        let serving = &engine.model().id;
        let detail =
            format!("the version `{}` is not serving; the serving model is `{serving}`", clip(&version));
        return Err(Problem::new(Code::UnknownModel, detail));
    }
    Ok(engine)
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
    json(
        &json!({"name": "homing", "version": env!("CARGO_PKG_VERSION"), "extensions": ["binary_tensor_data"]}),
    )
}

/// Answers `GET /v2/health/live`.
pub(super) async fn live() -> Result<Response, Problem> {
    json(&json!({"live": true}))
}

/// Answers `GET /v2/health/ready`.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    operations::ready(State(app)).await.map_err(Problem::for_inference)?;
    json(&json!({"ready": true}))
}

/// Answers `GET /v2/models/{model}`.
pub(super) async fn model(
    State(app): State<Arc<App>>,
    model: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    metadata(chosen(&app, model).map_err(Problem::for_inference)?.as_ref())
}

/// Answers `GET /v2/models/{model}/versions/{version}`.
pub(super) async fn version_of_model(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    metadata(chosen_version(&app, path).map_err(Problem::for_inference)?.as_ref())
}

fn metadata(engine: &dyn Score) -> Result<Response, Problem> {
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
    let engine = chosen(&app, model).map_err(Problem::for_inference)?;
    json(&json!({"name": engine.model().name, "ready": true}))
}

/// Answers `GET /v2/models/{model}/versions/{version}/ready`.
pub(super) async fn version_ready(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let engine = chosen_version(&app, path).map_err(Problem::for_inference)?;
    json(&json!({"name": engine.model().name, "ready": true}))
}

/// Answers `POST /v2/models/{model}/infer`.
pub(super) async fn infer(
    State(app): State<Arc<App>>,
    model: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let engine = chosen(&app, model).map_err(Problem::for_inference)?;
    run_infer(app, engine, headers, body).await
}

/// Answers `POST /v2/models/{model}/versions/{version}/infer`.
pub(super) async fn version_infer(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let engine = chosen_version(&app, path).map_err(Problem::for_inference)?;
    run_infer(app, engine, headers, body).await
}

async fn run_infer(
    app: Arc<App>,
    engine: Arc<dyn Score>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let answer = app.work(move |app| {
        let (text, tensors) = tensors::split(&headers, &body)?;
        let request: Infer = plain(text)?;
        let (reply, behind) = inferred(app, engine.as_ref(), &request, tensors)?;
        if behind.is_empty() {
            return json(&reply);
        }
        let (length, body) = tensors::joined(&reply, &behind);
        let media_type = HeaderValue::from_static("application/octet-stream");
        Ok(([(header::CONTENT_TYPE, media_type), (tensors::JSON_LENGTH, length)], body).into_response())
    });
    answer.await.map_err(Problem::for_inference)
}

/// The numbers of an input, wherever they stand; `rest` are the bytes behind the JSON that no input before took.
fn data_of<'a>(tensor: &'a Tensor, rest: &mut &[u8]) -> Result<Cow<'a, [Value]>, Problem> {
    let width = tensors::width(&tensor.name, &tensor.datatype)?;
    let Some(size) = tensor.parameters.binary_data_size else { return Ok(Cow::Borrowed(&tensor.data)) };
    let name = clip(&tensor.name);
    if !tensor.data.is_empty() {
        return Err(invalid(format!("`{name}` has both `data` and `binary_data_size`; send one of them")));
    }
    let Some((own, left)) = rest.split_at_checked(size).filter(|_| size.is_multiple_of(width)) else {
        let there = rest.len();
        return Err(invalid(format!(
            "`{name}` has a `binary_data_size` of {size}; it must be a multiple of {width}, and {there} bytes are left"
        )));
    };
    *rest = left;
    let numbers = tensors::numbers(&tensor.datatype, own);
    if numbers.iter().any(|number| number.is_infinite()) {
        return Err(invalid(format!(
            "`{name}` has an infinite number; send finite ones, or NaN for unknown"
        )));
    }
    // A number that JSON does not have is unknown, as null is.
    Ok(Cow::Owned(numbers.into_iter().map(Value::from).collect()))
}

fn inferred(
    app: &App,
    engine: &dyn Score,
    request: &Infer,
    mut rest: &[u8],
) -> Result<(Value, Vec<Vec<u8>>), Problem> {
    let inputs = request.inputs.iter().map(|tensor| Ok((tensor, data_of(tensor, &mut rest)?)));
    let inputs = inputs.collect::<Result<Vec<_>, Problem>>()?;
    if !rest.is_empty() {
        let left = rest.len();
        return Err(invalid(format!(
            "{left} bytes behind the JSON belong to no input; check `binary_data_size`"
        )));
    }
    let (_, first) =
        inputs.first().ok_or_else(|| invalid("`inputs` is empty; send one tensor per feature"))?;
    let count = first.len();
    let mut rows = Rows::new(count, app)?;
    let mut seen = [false; COUNT];
    for (tensor, data) in &inputs {
        let name = clip(&tensor.name);
        let place = place_of(&tensor.name)?;
        if std::mem::replace(&mut seen[place], true) {
            return Err(invalid(format!("duplicate feature `{name}`")));
        }
        let fits = matches!(tensor.shape.as_slice(), [rows] | [rows, 1] if *rows == count as u64);
        if !fits || data.len() != count {
            return Err(invalid(format!(
                "`{name}` must have shape [{count}] or [{count}, 1], and `data` of the same length"
            )));
        }
        for (row, value) in data.iter().enumerate() {
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
    let (mut outputs, mut behind) = (Vec::new(), Vec::new());
    let by_default = request.parameters.binary_data_output.unwrap_or(false);
    for (at, name) in names.iter().enumerate() {
        let wanted = request.outputs.iter().find(|wanted| wanted.name == *name);
        if wanted.is_none() && !request.outputs.is_empty() {
            continue;
        }
        let data: Vec<f64> = scored.iter().map(|row| row[at]).collect();
        if wanted.and_then(|wanted| wanted.parameters.binary_data).unwrap_or(by_default) {
            let bytes = tensors::bytes(&data);
            let size = json!({"binary_data_size": bytes.len()});
            outputs.push(json!({"name": name, "datatype": "FP64", "shape": [count], "parameters": size}));
            behind.push(bytes);
        } else {
            outputs.push(json!({"name": name, "datatype": "FP64", "shape": [count], "data": data}));
        }
    }
    let ModelInfo { name, version, .. } = engine.model();
    let mut reply = json!({"model_name": name, "model_version": version, "outputs": outputs});
    if let Some(id) = &request.id {
        reply["id"] = id.as_str().into();
    }
    Ok((reply, behind))
}

#[derive(Deserialize)]
struct Invocation {
    dataframe_split: Option<Split>,
    dataframe_records: Option<Vec<Map<String, Value>>>,
    /// One record a row.
    instances: Option<Vec<Map<String, Value>>>,
    /// One list a column.
    inputs: Option<Map<String, Value>>,
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

/// Columns that are no features, such as the id of a customer; the reply names them.
const IGNORED: &str = "homing-ignored-columns";

/// Answers `POST /invocations`.
pub(super) async fn invocations(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let engine = app.engine()?;
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let csv = media_type.to_ascii_lowercase().starts_with("text/csv");
    app.work(move |app| {
        let frame = if csv { Frame::of_csv(&body)? } else { Frame::of_json(&body)? };
        let (rows, ignored) = frame.rows(app)?;
        let (names, scored) = rows.scored(engine.as_ref())?;
        let record = |row: Vec<f64>| -> Map<String, Value> {
            names.iter().cloned().zip(row.into_iter().map(Value::from)).collect()
        };
        let predictions: Vec<_> = scored.into_iter().map(record).collect();
        let mut response = json(&json!({ "predictions": predictions }))?;
        // Names that a header cannot hold are counted like any other, but not named.
        if let (false, Ok(ignored)) = (ignored.is_empty(), HeaderValue::from_str(&ignored.join(","))) {
            response.headers_mut().insert(IGNORED, ignored);
        }
        Ok(response)
    })
    .await
}

/// A data frame: names of columns, and values row by row.
struct Frame {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Frame {
    fn of_json(body: &[u8]) -> Result<Self, Problem> {
        let Invocation { dataframe_split, dataframe_records, instances, inputs, .. } = plain(body)?;
        match (dataframe_split, dataframe_records.or(instances), inputs) {
            (Some(Split { columns, data, .. }), None, None) => Ok(Frame { columns, rows: data }),
            (None, Some(records), None) => {
                let mut columns: Vec<String> = Vec::new();
                for name in records.iter().flat_map(|record| record.keys()) {
                    if !columns.contains(name) {
                        columns.push(name.clone());
                    }
                }
                let row = |record: Map<String, Value>| {
                    columns.iter().map(|name| record.get(name).cloned().unwrap_or_default()).collect()
                };
                Ok(Frame { rows: records.into_iter().map(row).collect(), columns })
            }
            (None, None, Some(inputs)) => {
                let columns: Vec<String> = inputs.keys().cloned().collect();
                let count = inputs.values().find_map(Value::as_array).map_or(0, Vec::len);
                let mut rows = vec![Vec::with_capacity(columns.len()); count];
                for (name, values) in inputs {
                    let values = values.as_array().filter(|values| values.len() == count);
                    let Some(values) = values else {
                        let name = clip(&name);
                        return Err(invalid(format!(
                            "`inputs`: `{name}` must be a list of {count} values, as the first column is"
                        )));
                    };
                    for (row, value) in rows.iter_mut().zip(values) {
                        row.push(value.clone());
                    }
                }
                Ok(Frame { columns, rows })
            }
            _ => Err(invalid("send one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`")),
        }
    }

    fn of_csv(body: &[u8]) -> Result<Self, Problem> {
        let broken =
            |error: csv::Error| Problem::new(Code::InvalidRequest, format!("the body is not CSV: {error}"));
        let mut reader = csv::Reader::from_reader(body);
        let columns = reader.headers().map_err(broken)?.iter().map(|name| name.trim().to_owned()).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let value = |text: &str| match text.trim() {
                "" => Value::Null,
                text => text.parse::<f64>().map_or_else(|_| text.into(), Value::from),
            };
            rows.push(record.map_err(broken)?.iter().map(value).collect());
        }
        Ok(Frame { columns, rows })
    }

    /// The rows of features, and the columns that are none.
    fn rows(self, app: &App) -> Result<(Rows, Vec<String>), Problem> {
        let Frame { columns, rows: data } = self;
        let places: Vec<Option<usize>> = columns.iter().map(|name| place_of(name).ok()).collect();
        let ignored = columns.iter().zip(&places).filter(|(_, place)| place.is_none());
        let ignored = ignored.map(|(name, _)| name.clone()).collect();
        let mut rows = Rows::new(data.len(), app)?;
        for (row, values) in data.iter().enumerate() {
            if values.len() != places.len() {
                let (has, columns) = (values.len(), places.len());
                return Err(invalid(format!(
                    "row {row} has {has} values, expected {columns} (one per column)"
                )));
            }
            for (place, value) in places.iter().zip(values) {
                if let Some(place) = place {
                    rows.set(row, *place, value)?;
                }
            }
        }
        Ok((rows, ignored))
    }
}

/// Answers `GET /ping`, as model servers of MLflow do.
pub(super) async fn ping(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    operations::ready(State(app)).await
}

/// Answers `GET /version`.
pub(super) async fn version() -> Result<Response, Problem> {
    json(&json!({"version": env!("CARGO_PKG_VERSION")}))
}
