//! The schemas of the protocols that other model servers speak.

use serde_json::{Value, json};

use super::build::{count, list, nullable, number, object, reference, string, typed};

/// Schemas by name.
pub(super) fn schemas() -> Value {
    json!({
        "Server": object(
            "The server.",
            json!({"name": string("homing"), "version": string("Its version."), "extensions": list(string("None."))}),
            &[],
        ),
        "Live": object("Whether the process answers.", json!({"live": typed("boolean", "It does.")}), &[]),
        "ServerReady": object("Whether the service is ready.", json!({"ready": typed("boolean", "It is.")}), &[]),
        "ModelReady": object(
            "Whether a model is ready.",
            json!({"name": string("The model."), "ready": typed("boolean", "It is.")}),
            &[],
        ),
        "ModelMetadata": object(
            "Inputs and outputs of a model.",
            json!({
                "name": string("Its name."),
                "versions": list(string("A version.")),
                "platform": string("homing"),
                "inputs": list(reference("TensorMetadata")),
                "outputs": list(reference("TensorMetadata")),
            }),
            &[],
        ),
        "TensorMetadata": object(
            "A tensor.",
            json!({"name": string("Its name."), "datatype": string("FP64"), "shape": list(typed("integer", "-1 for any."))}),
            &[],
        ),
        "InferRequest": infer_request(),
        "InferReply": infer_reply(),
        "Invocation": invocation(),
        "InvocationReply": object(
            "A record of scores a row.",
            json!({"predictions": list(json!({"type": "object", "description": "Score to number.",
                "additionalProperties": {"type": "number"}}))}),
            &[],
        ),
    })
}

fn infer_request() -> Value {
    object(
        "Tensors of features.",
        json!({
            "id": nullable(string("An id that the reply repeats.")),
            "inputs": list(object(
                "A feature.",
                json!({
                    "name": string("The feature."),
                    "shape": list(count("Rows.")),
                    "datatype": string("FP64, INT32, ..."),
                    "data": list(json!({"type": ["number", "boolean", "null"]})),
                }),
                &[],
            )),
            "outputs": list(object("An output that is wanted.", json!({"name": string("Its name.")}), &[])),
        }),
        &["id", "outputs"],
    )
}

fn infer_reply() -> Value {
    object(
        "Tensors of scores.",
        json!({
            "model_name": string("The model."),
            "model_version": string("Its version."),
            "id": string("The id of the request."),
            "outputs": list(object(
                "A score.",
                json!({
                    "name": string("Its name."),
                    "datatype": string("FP64"),
                    "shape": list(count("Rows.")),
                    "data": list(number("The score of a row.")),
                }),
                &[],
            )),
        }),
        &["id"],
    )
}

fn invocation() -> Value {
    object(
        "A data frame of features, in one form or the other.",
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
            "dataframe_records": list(json!({"type": "object", "description": "Feature to value.",
                "additionalProperties": {"type": ["number", "boolean", "null"]}})),
            "params": nullable(typed("object", "Not used.")),
        }),
        &["dataframe_split", "dataframe_records", "params"],
    )
}
