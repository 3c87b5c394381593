//! The protocols of other model servers, and the page of the document.

use serde_json::json;

use super::*;

/// A customer with this many orders, as a record of features.
pub(super) fn record(orders: f64) -> Value {
    json!({"orders": orders, "tenure_days": 100, "recency_days": 5, "spend_90d": null})
}

/// Customers with these numbers of orders, as tensors.
pub(super) fn tensors(orders: &[f64]) -> Value {
    let tensor = |name: &str, data: Vec<f64>| json!({"name": name, "shape": [data.len()], "datatype": "FP64", "data": data});
    json!({"id": "7", "inputs": [
        tensor("orders", orders.to_vec()),
        tensor("tenure_days", vec![100.0; orders.len()]),
        tensor("recency_days", vec![5.0; orders.len()]),
    ]})
}

const INFER: &str = "/v2/models/shop/infer";

#[tokio::test]
async fn every_form_gives_the_same_scores() {
    let service = Service::new();
    let reply = service.post(INFER, tensors(&[3.0, 4.0])).await.ok();
    assert_eq!((&reply["id"], &reply["model_name"]), (&json!("7"), &json!("shop")));
    let outputs = reply["outputs"].as_array().unwrap();
    let of = |name: &str| outputs.iter().find(|output| output["name"] == name).unwrap()["data"].clone();
    let records = json!({"dataframe_records": [record(3.0), record(4.0)]});
    let split = json!({"dataframe_split": {"columns": ["recency_days", "orders", "tenure_days"], "index": [0, 1],
        "data": [[5, 3, 100], [5, 4, 100]]}});
    let instances = json!({"instances": [record(3.0), record(4.0)]});
    let inputs = json!({"inputs": {"orders": [3, 4], "tenure_days": [100, 100], "recency_days": [5, 5]}});
    for body in [records, split, instances, inputs] {
        let reply = service.post("/invocations", body).await.ok();
        for (row, prediction) in reply["predictions"].as_array().unwrap().iter().enumerate() {
            for name in ["churn_risk", "p_purchase_30d", "clv", "churn_percentile"] {
                assert_eq!(prediction[name], of(name)[row], "{name}");
            }
        }
    }
    let mut one = tensors(&[3.0]);
    one["outputs"] = json!([{"name": "clv"}]);
    let reply = service.post(INFER, one).await.ok();
    assert_eq!(
        (reply["outputs"].as_array().unwrap().len(), &reply["outputs"][0]["name"]),
        (1, &json!("clv"))
    );
}

#[tokio::test]
async fn what_is_no_frame_of_features_is_refused() {
    let service = Service::new();
    let mut twice = tensors(&[1.0]);
    let first = twice["inputs"][0].clone();
    twice["inputs"].as_array_mut().unwrap().push(first);
    let with = |at: &str, value: Value| {
        let mut body = tensors(&[1.0]);
        *body.pointer_mut(at).unwrap() = value;
        body
    };
    for (body, code) in [
        (json!({"inputs": []}), "invalid_request"),
        (json!({}), "invalid_request"),
        (json!([]), "invalid_request"),
        (twice, "invalid_request"),
        (with("/inputs/0/name", json!("shoe_size")), "unknown_field"),
        (with("/inputs/0/datatype", json!("BYTES")), "invalid_request"),
        (with("/inputs/0/shape", json!([2])), "invalid_request"),
        (with("/inputs/0/data", json!(["x"])), "invalid_request"),
        (with("/inputs/0/data", json!([1e300])), "invalid_request"),
        (with("/inputs/0/data", json!([0])), "invalid_request"),
        (with("/inputs/1/data", json!([1])), "invalid_request"),
        (with("/inputs/2/data", json!([null])), "invalid_request"),
        (tensors(&vec![1.0; 1001]), "too_many_customers"),
    ] {
        service.post(INFER, body).await.problem(code);
    }
    service.post("/v2/models/other/infer", tensors(&[1.0])).await.problem("unknown_model");
    for body in ["{", "{\"inputs\": [NaN]}", "{\"inputs\": 1e999}"] {
        service.post(INFER, body).await.problem("malformed_json");
    }
    for (body, code) in [
        (json!({}), "invalid_request"),
        (json!({"dataframe_records": []}), "invalid_request"),
        (json!({"dataframe_records": [{"shoe_size": 1}]}), "invalid_request"),
        (
            json!({"dataframe_records": [record(1.0)], "instances": [record(1.0)], "inputs": {}}),
            "invalid_request",
        ),
        (json!({"inputs": {"orders": [1, 2], "tenure_days": [100]}}), "invalid_request"),
        (json!({"inputs": {"orders": 1}}), "invalid_request"),
        (json!({"dataframe_split": {"columns": ["orders"], "data": [[1, 2]]}}), "invalid_request"),
    ] {
        service.post("/invocations", body).await.problem(code);
    }
}

#[tokio::test]
async fn the_page_of_the_document_names_every_route_and_asks_for_nothing_from_elsewhere() {
    let service = Service::new();
    let page = service.get("/docs").await;
    assert_eq!(page.status, StatusCode::OK);
    for &route in crate::api::route::Route::ALL {
        assert!(page.text.contains(&format!("{} {}<", route.method(), route.path())), "{route:?}");
    }
    for foreign in ["src=", "http-equiv", "<script", "<link", "url("] {
        assert!(!page.text.contains(foreign), "{foreign}");
    }
}

#[tokio::test]
async fn errors_of_the_inference_protocol_have_its_own_field() {
    let service = Service::new();
    for (uri, body) in [(INFER, json!({"inputs": []})), ("/v2/models/other/infer", tensors(&[1.0]))] {
        let reply = service.post(uri, body).await;
        let problem: Value = serde_json::from_str(&reply.text).unwrap();
        assert!(problem["error"].is_string() && problem["error"] == problem["detail"], "{problem}");
    }
    // Before a handler is reached, too.
    let text = Request::post(INFER).header("content-type", "text/plain").body(Body::from("{}")).unwrap();
    assert!(service.send(text).await.problem("unsupported_media_type")["error"].is_string());
    // tritonclient names no type.
    let untyped = Request::post(INFER).body(Body::from(tensors(&[1.0]).to_string())).unwrap();
    service.send(untyped).await.ok();
    assert!(service.get("/v2/models/other").await.problem("unknown_model")["error"].is_string());
}

#[tokio::test]
async fn tensors_may_be_nested_as_their_shape_says() {
    let service = Service::new();
    let mut nested = tensors(&[3.0, 4.0]);
    nested["inputs"][0]["shape"] = json!([2, 1]);
    nested["inputs"][0]["data"] = json!([[3.0], [4.0]]);
    let flat = service.post(INFER, tensors(&[3.0, 4.0])).await.ok();
    assert_eq!(service.post(INFER, nested).await.ok()["outputs"], flat["outputs"]);
}

#[tokio::test]
async fn a_frame_may_be_csv_and_have_columns_that_are_no_features() {
    let service = Service::new();
    let expected = service.post("/invocations", json!({"dataframe_records": [record(3.0)]})).await.ok();
    let csv = "customer_id,orders,tenure_days,recency_days,spend_90d\nc1,3,100,5,\n";
    let request = Request::post("/invocations").header("content-type", "text/csv; charset=utf-8");
    let reply = service.send(request.body(Body::from(csv)).unwrap()).await;
    assert_eq!((reply.ok(), reply.header("homing-ignored-columns")), (expected, "customer_id"));
    for broken in ["orders,tenure_days\n1\n", "orders,tenure_days,recency_days\nmany,1,1\n", ""] {
        let request = Request::post("/invocations").header("content-type", "text/csv");
        service.send(request.body(Body::from(broken)).unwrap()).await;
    }
    assert_eq!(service.get("/ping").await.ok()["status"], "ready");
    assert_eq!(service.get("/version").await.ok()["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn all_features_that_are_missing_are_named() {
    let service = Service::new();
    let problem = service
        .post("/invocations", json!({"dataframe_records": [{"orders": 2}]}))
        .await
        .problem("invalid_request");
    assert_eq!(problem["missing"], json!(["tenure_days", "recency_days"]));
    assert!(
        problem["detail"].as_str().unwrap().contains("row 0: missing tenure_days, recency_days"),
        "{problem}"
    );
    let problem = service
        .post("/invocations", json!({"instances": [record(3.0), {"spend": 1}]}))
        .await
        .problem("invalid_request");
    assert_eq!(problem["missing"], json!(["orders", "tenure_days", "recency_days"]));
    assert!(problem["detail"].as_str().unwrap().contains("row 1"), "{problem}");
}

/// As tritonclient sends and asks for tensors unless it is told otherwise.
#[tokio::test]
async fn tensors_come_and_go_as_bytes_behind_the_json() {
    let service = Service::new();
    let expected = service.post(INFER, tensors(&[3.0, 4.0])).await.ok();
    let input = |name: &str, datatype: &str, size: usize| json!({"name": name, "shape": [2, 1], "datatype": datatype, "parameters": {"binary_data_size": size}});
    let request = json!({
        "inputs": [input("orders", "FP32", 8), input("tenure_days", "INT64", 16), input("recency_days", "FP64", 16)],
        "parameters": {"binary_data_output": true},
    });
    let mut bytes = Vec::new();
    bytes.extend([3f32, 4.0].into_iter().flat_map(f32::to_le_bytes));
    bytes.extend([100i64, 100].into_iter().flat_map(i64::to_le_bytes));
    bytes.extend([5f64, 5.0].into_iter().flat_map(f64::to_le_bytes));
    let sent = async |path: &str, request: &Value, bytes: &[u8]| {
        let text = request.to_string();
        let length = text.len().to_string();
        let body = [text.as_bytes(), bytes].concat();
        let request =
            Request::post(path).header("inference-header-content-length", length).body(Body::from(body));
        let response = service.router.clone().oneshot(request.unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts, axum::body::to_bytes(body, usize::MAX).await.unwrap())
    };
    for path in [INFER, "/v2/models/shop/versions/1/infer"] {
        let (parts, body) = sent(path, &request, &bytes).await;
        assert_eq!(
            (parts.status, &parts.headers["content-type"]),
            (StatusCode::OK, &"application/octet-stream".parse().unwrap())
        );
        let length: usize =
            parts.headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
        let (text, mut rest) = body.split_at(length);
        let reply: Value = serde_json::from_slice(text).unwrap();
        for (output, expected) in
            reply["outputs"].as_array().unwrap().iter().zip(expected["outputs"].as_array().unwrap())
        {
            let (own, left) =
                rest.split_at(output["parameters"]["binary_data_size"].as_u64().unwrap() as usize);
            rest = left;
            let data: Vec<f64> = own.as_chunks::<8>().0.iter().map(|one| f64::from_le_bytes(*one)).collect();
            assert_eq!((&output["name"], json!(data)), (&expected["name"], expected["data"].clone()));
        }
        assert!(rest.is_empty());
    }
    // One output as bytes, one as JSON.
    let mut mixed = request.clone();
    mixed["outputs"] = json!([{"name": "clv", "parameters": {"binary_data": false}}, {"name": "churn_risk"}]);
    let (parts, body) = sent(INFER, &mixed, &bytes).await;
    assert!(parts.headers.contains_key("inference-header-content-length") && body.len() > 16);
    for (at, wrong) in
        [("binary_data_size", json!(7)), ("binary_data_size", json!(800)), ("binary_data_size", json!(4))]
    {
        let mut request = request.clone();
        request["inputs"][0]["parameters"][at] = wrong.clone();
        let (parts, body) = sent(INFER, &request, &bytes).await;
        assert_eq!(parts.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {body:?}");
    }
    let unknown = service.get("/v2/models/shop/versions/9").await.problem("unknown_model");
    assert_eq!(unknown["error"], unknown["detail"]);
    assert_eq!(service.get("/v2").await.ok()["extensions"], json!(["binary_tensor_data"]));
}
