//! The schemas of the protocols that other model servers speak.

use serde_json::{Value, json};

use super::build::{count, list, nullable, number, object, reference, string, typed};

/// Schemas by name.
pub(super) fn schemas() -> Value {
    json!({
        "Server": object(
            "The server.",
            json!({"name": string("homing"), "version": string("The version."), "extensions": list(string("The name of an extension."))}),
            &[],
        ),
        "Live": object("Liveness.", json!({"live": typed("boolean", "True while the process runs.")}), &[]),
        "ServerReady": object("Readiness of the service.", json!({"ready": typed("boolean", "True when it can serve.")}), &[]),
        "ModelReady": object(
            "Readiness of the model.",
            json!({"name": string("The model."), "ready": typed("boolean", "True when it can serve.")}),
            &[],
        ),
        "ModelMetadata": object(
            "Inputs and outputs of a model.",
            json!({
                "name": string("The name."),
                "versions": list(string("A version.")),
                "platform": string("homing"),
                "inputs": list(reference("TensorMetadata")),
                "outputs": list(reference("TensorMetadata")),
            }),
            &[],
        ),
        "TensorMetadata": object(
            "A tensor.",
            json!({"name": string("The name."), "datatype": string("FP64"), "shape": list(typed("integer", "Dimension size; -1 means variable."))}),
            &[],
        ),
        "InferRequest": infer_request(),
        "InferReply": infer_reply(),
        "Version": object("The version.", json!({"version": string("The version of homing.")}), &[]),
        "Invocation": invocation(),
        "InvocationReply": object(
            "One record of scores per row.",
            json!({"predictions": list(json!({"type": "object", "description": "Values by score name.",
                "additionalProperties": {"type": "number"}}))}),
            &[],
        ),
    })
}

fn infer_request() -> Value {
    object(
        "Tensors of features.",
        json!({
            "id": nullable(string("A request id, echoed in the response.")),
            "inputs": list(object(
                "A feature.",
                json!({
                    "name": string("The feature."),
                    "shape": list(count("Rows.")),
                    "datatype": string("FP64, INT32, ..."),
                    "data": list(json!({"type": ["number", "boolean", "null"]})),
                    "parameters": typed("object", "`binary_data_size`: bytes of this input behind the JSON, instead of `data`."),
                }),
                &["data", "parameters"],
            )),
            "outputs": list(object(
                "A requested output.",
                json!({"name": string("The name."), "parameters": typed("object", "`binary_data`: whether it is wanted as bytes.")}),
                &["parameters"],
            )),
            "parameters": typed("object", "`binary_data_output`: whether outputs are wanted as bytes."),
        }),
        &["id", "outputs", "parameters"],
    )
}

fn infer_reply() -> Value {
    object(
        "Tensors of scores.",
        json!({
            "model_name": string("The model."),
            "model_version": string("The version."),
            "id": string("The request id."),
            "outputs": list(object(
                "A score.",
                json!({
                    "name": string("The name."),
                    "datatype": string("FP64"),
                    "shape": list(count("Rows.")),
                    "data": list(number("One score per row.")),
                    "parameters": typed("object", "`binary_data_size`: bytes of this output behind the JSON, instead of `data`."),
                }),
                &["data", "parameters"],
            )),
        }),
        &["id"],
    )
}

fn invocation() -> Value {
    object(
        "A data frame of features, in one of these forms.",
        json!({
            "dataframe_split": object(
                "Columns and rows.",
                json!({
                    "columns": list(string("A feature.")),
                    "data": list(list(json!({"type": ["number", "boolean", "null"]}))),
                    "index": nullable(list(json!({"type": ["string", "number"]}))),
                }),
                &["index"],
            ),
            "dataframe_records": list(json!({"type": "object", "description": "Values by feature name.",
                "additionalProperties": {"type": ["number", "boolean", "null"]}})),
            "instances": list(json!({"type": "object", "description": "Values by feature name.",
                "additionalProperties": {"type": ["number", "boolean", "null"]}})),
            "inputs": json!({"type": "object", "description": "Columns of equal length by feature name.",
                "additionalProperties": list(json!({"type": ["number", "boolean", "null"]}))}),
            "params": nullable(typed("object", "Ignored.")),
        }),
        &["dataframe_split", "dataframe_records", "instances", "inputs", "params"],
    )
}
