//! `POST /v1/predictions`.

use serde_json::{Value, json};

use super::*;

const PATH: &str = "/v1/predictions";

fn buy(day: &str) -> Value {
    json!({"occurred_at": day, "kind": "purchase", "amount": 12.5})
}

fn customer(id: &str, events: &[Value]) -> Value {
    json!({"customer_id": id, "events": events})
}

#[tokio::test]
async fn each_customer_gets_scores_in_the_order_of_the_request() {
    let service = Service::new();
    let customers = [
        customer("b", &[buy("2011-08-01"), buy("2011-08-02")]),
        customer("茶 1", &[buy("2011-08-01T10:00:00Z")]),
    ];
    let reply = service.post(PATH, json!({"as_of": "2011-09-09", "customers": customers})).await.ok();
    assert_eq!(reply["model"]["id"], "shop@1");
    assert_eq!(reply["as_of"], "2011-09-09T23:59:59.999999Z");
    assert_eq!(reply["predictions"][0]["customer_id"], "b");
    assert_eq!(reply["predictions"][0]["churn_risk"], 1.0 / 3.0);
    assert_eq!(reply["predictions"][0]["expected_spend_90d_high"], 50.0);
    assert_eq!(reply["predictions"][1]["customer_id"], "茶 1");
    assert_eq!(reply["predictions"][1]["p_purchase_30d"], 0.5);
    assert_eq!(reply["predictions"][1]["scored_at"], "2011-09-20T12:00:00Z");
    assert_eq!(reply["predictions"][1]["reasons"][0]["text"]["zh"], "节奏中断");
}

#[tokio::test]
async fn a_customer_without_a_purchase_is_not_scored_and_not_dropped() {
    let gift = json!({"occurred_at": "2011-08-01", "amount": 0});
    let customers = [customer("a", &[]), customer("b", &[gift])];
    let reply = Service::new().post(PATH, json!({"customers": customers})).await.ok();
    for (at, id) in ["a", "b"].into_iter().enumerate() {
        assert_eq!(reply["predictions"][at]["customer_id"], id);
        assert_eq!(reply["predictions"][at]["not_scored"], "no_purchase");
        assert_eq!(reply["predictions"][at].get("churn_risk"), None);
    }
}

#[tokio::test]
async fn the_as_of_is_the_one_asked_for_or_the_latest_that_is_known() {
    let service = Service::with(Limits::default(), "Asia/Shanghai");
    let as_of = async |as_of: Value, events: &[Value]| {
        let body = json!({"as_of": as_of, "customers": [customer("a", events), customer("b", &[])]});
        let reply = service.post(PATH, body).await.ok();
        assert_eq!(reply["predictions"][0]["as_of"], reply["as_of"]);
        reply["as_of"].as_str().unwrap().to_owned()
    };
    let model = "2011-09-09T23:59:59.999999+08:00";
    assert_eq!(as_of(Value::Null, &[]).await, model);
    assert_eq!(as_of(Value::Null, &[buy("2011-08-01")]).await, model);
    assert_eq!(as_of(Value::Null, &[buy("2011-10-01T08:00:00")]).await, "2011-10-01T08:00:00+08:00");
    let late = json!({"occurred_at": "2011-08-01", "recorded_at": "2011-10-02", "amount": 1});
    assert_eq!(as_of(Value::Null, &[late]).await, "2011-10-02T00:00:00+08:00");
    assert_eq!(as_of("2011-08-05".into(), &[buy("2011-10-01")]).await, "2011-08-05T23:59:59.999999+08:00");
    assert_eq!(as_of("2011-08-05T00:00:00Z".into(), &[]).await, "2011-08-05T08:00:00+08:00");
}

#[tokio::test]
async fn events_after_the_as_of_are_not_seen() {
    let events = [
        buy("2011-08-01"),
        buy("2011-09-01"),
        json!({"occurred_at": "2011-08-01", "recorded_at": "2011-09-01", "amount": 1}),
    ];
    let body = json!({"as_of": "2011-08-15", "customers": [customer("a", &events)]});
    let reply = Service::new().post(PATH, body).await.ok();
    assert_eq!(reply["predictions"][0]["churn_risk"], 0.5);
}

#[tokio::test]
async fn many_customers_and_large_bodies_are_answered_the_same_way() {
    let service = Service::new();
    for (count, events) in [(8, 1), (9, 1), (1000, 1), (2, 2000)] {
        let history = vec![buy("2011-08-01"); events];
        let customers: Vec<Value> = (0..count).map(|n| customer(&format!("c{n}"), &history)).collect();
        let reply = service.post(PATH, json!({"customers": customers})).await.ok();
        let predictions = reply["predictions"].as_array().unwrap();
        assert_eq!(predictions.len(), count);
        for (n, prediction) in predictions.iter().enumerate() {
            assert_eq!(prediction["customer_id"], format!("c{n}"));
            assert_eq!(prediction["churn_risk"], 1.0 / (1.0 + events as f64));
        }
    }
    let page = service.get("/metrics").await.text;
    assert!(page.contains(r#"homing_predictions_total{outcome="scored"} 1019"#), "{page}");
    for stage in ["parse", "features", "write"] {
        let line = format!(
            r#"homing_http_stage_duration_seconds_count{{route="/v1/predictions",stage="{stage}"}} 4"#
        );
        assert!(page.contains(&line), "{line}\n{page}");
    }
}

#[tokio::test]
async fn a_wrong_event_is_named_by_customer_event_and_field() {
    let service = Service::new();
    let refused = async |event: &str| {
        let good = buy("2011-08-01").to_string();
        let body = format!(
            r#"{{"customers": [{{"customer_id": "a", "events": []}}, {{"events": [{good}, {event}], "customer_id": "b"}}]}}"#
        );
        service.post(PATH, body).await
    };
    let cases = [
        (r#"{"occurred_at": "2011-08-01", "amount": 1e999}"#, "amount", "not_finite"),
        (r#"{"occurred_at": "2011-08-01", "kind": "purchase", "amount": -1}"#, "amount", "negative_purchase"),
        (r#"{"occurred_at": "2011-08-01"}"#, "amount", "missing_amount"),
        (r#"{"occurred_at": "soon", "amount": 1}"#, "occurred_at", "bad_instant"),
        (r#"{"amount": 1}"#, "occurred_at", "missing_field"),
        (r#"{"occurred_at": "2011-08-01", "amount": "1 EUR"}"#, "amount", "wrong_type"),
        (r#"{"occurred_at": "2011-08-01", "kind": "sale"}"#, "kind", "unknown_kind"),
    ];
    for (event, field, cause) in cases {
        let problem = refused(event).await.problem("invalid_event");
        assert_eq!(problem["customer_index"], 1);
        assert_eq!(problem["event_index"], 1);
        assert_eq!(problem["field"], field);
        assert_eq!(problem["cause"], cause);
        assert_eq!(problem["pointer"], format!("/customers/1/events/1/{field}"));
        assert!(problem["detail"].as_str().unwrap().starts_with("customer 1, event 1: "));
    }
    let problem =
        refused(r#"{"occurred_at": "2011-08-01", "amount": 1, "a/b~": 1}"#).await.problem("unknown_field");
    assert_eq!(problem["pointer"], "/customers/1/events/1/a~1b~0");
    assert_eq!(problem["field"], "a/b~");
    refused(r#"{"occurred_at": "2011-08-01", "amount": 1, "customer_id": "b"}"#)
        .await
        .problem("unknown_field");
    let problem = refused("7").await.problem("invalid_event");
    assert_eq!(problem["pointer"], "/customers/1/events/1");
    assert_eq!(problem.get("field"), None);
}

#[tokio::test]
async fn a_request_of_the_wrong_form_is_refused_with_a_pointer() {
    let service = Service::new();
    let long = "x".repeat(513);
    let one = |customer: &str| format!(r#"{{"customers": [{customer}]}}"#);
    let cases = [
        ("[]".to_owned(), "invalid_request", ""),
        ("{}".to_owned(), "invalid_request", "/customers"),
        (r#"{"customers": []}"#.to_owned(), "invalid_request", "/customers"),
        (r#"{"customers": 3}"#.to_owned(), "invalid_request", "/customers"),
        (r#"{"customers": null}"#.to_owned(), "invalid_request", "/customers"),
        (r#"{"customers": [], "customers": []}"#.to_owned(), "invalid_request", "/customers"),
        (r#"{"customers": [], "horizon": 3}"#.to_owned(), "unknown_field", "/horizon"),
        (r#"{"as_of": "soon", "customers": []}"#.to_owned(), "invalid_request", "/as_of"),
        (r#"{"as_of": 20110909, "customers": []}"#.to_owned(), "invalid_request", "/as_of"),
        (r#"{"as_of": "2811-09-09", "customers": []}"#.to_owned(), "invalid_request", "/as_of"),
        (one("3"), "invalid_request", "/customers"),
        (one(r#"{"customer_id": "a"}"#), "invalid_request", "/customers/0/events"),
        (one(r#"{"events": []}"#), "invalid_request", "/customers/0/customer_id"),
        (one(r#"{"customer_id": true, "events": []}"#), "invalid_request", "/customers/0/customer_id"),
        (one(r#"{"customer_id": null, "events": []}"#), "invalid_request", "/customers/0/customer_id"),
        (one(r#"{"customer_id": "", "events": []}"#), "invalid_request", "/customers/0/customer_id"),
        (
            one(&format!(r#"{{"customer_id": "{long}", "events": []}}"#)),
            "invalid_request",
            "/customers/0/customer_id",
        ),
        (one(r#"{"customer_id": "a", "events": {}}"#), "invalid_request", "/customers/0/events"),
        (one(r#"{"customer_id": "a", "events": [], "age": 3}"#), "unknown_field", "/customers/0/age"),
        (
            one(r#"{"customer_id": "a", "events": []}, {"customer_id": "\u0061", "events": []}"#),
            "duplicate_customer",
            "/customers/1/customer_id",
        ),
    ];
    for (body, code, pointer) in cases {
        let problem = service.post(PATH, &body).await.problem(code);
        assert_eq!(problem["status"], 422, "{body}");
        assert_eq!(problem["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_malformed() {
    let service = Service::new();
    let cases: [&[u8]; 12] = [
        // GBK, a byte order mark, a form.
        b"{\"customers\": [{\"customer_id\": \"\xd0\xa1\xcd\xf5\", \"events\": []}]}",
        b"\xef\xbb\xbf{\"customers\": [",
        b"customer_id=a&amount=5",
        b"",
        b"{",
        b"customers",
        b"{\"customers\": [}",
        b"{\"customers\": [{\"customer_id\": \"a\", \"events\": [{\"amount\": NaN}]}]}",
        b"{\"customers\": [{\"customer_id\": \"a\", \"events\": [{\"amount\": 1.}]}]}",
        b"{\"customers\": [{\"customer_id\": \"a\", \"events\": []}]} {}",
        b"{\"customers\": [{\"customer_id\": \"a\xff\", \"events\": []}]}",
        b"{\"customers\": [{\"customer_id\": \"a\x01\", \"events\": []}]}",
    ];
    for body in cases {
        let request = Request::post(PATH).header("content-type", "application/json");
        let problem = service.send(request.body(Body::from(body)).unwrap()).await.problem("malformed_json");
        assert_eq!(problem["status"], 400);
    }
    let deep = format!("{{\"customers\": {}", "[".repeat(100_000));
    service.post(PATH, deep).await.problem("invalid_request");
    let deep = format!(r#"{{"customers": [{{"customer_id": "a", "events": [{}"#, "[".repeat(100_000));
    service.post(PATH, deep).await.problem("malformed_json");
}

#[tokio::test]
async fn limits_are_named() {
    let limits = Limits { customers: 2, history_events: 3, ..Limits::default() };
    let service = Service::with(limits, "UTC");
    let customers = |count: usize, events: usize| {
        let history = vec![buy("2011-08-01"); events];
        let customers: Vec<Value> = (0..count).map(|n| customer(&n.to_string(), &history)).collect();
        json!({"customers": customers})
    };
    service.post(PATH, customers(2, 3)).await.ok();
    assert_eq!(service.post(PATH, customers(3, 3)).await.problem("too_many_customers")["limit"], 2);
    let problem = service.post(PATH, customers(2, 4)).await.problem("too_many_events");
    assert_eq!((&problem["limit"], &problem["pointer"]), (&json!(3), &json!("/customers/0/events")));
}

#[tokio::test]
async fn a_score_that_is_no_number_is_never_sent() {
    let service = Service::new();
    let body = json!({"customers": [customer("nan", &[buy("2011-08-01")])]});
    service.post(PATH, body).await.problem("internal");
}

#[tokio::test]
async fn without_a_model_there_are_no_scores_until_there_is_one() {
    let service = Service::new();
    let body = json!({"customers": [customer("a", &[])]});
    service.app.set_engine(None);
    let reply = service.post(PATH, &body).await;
    assert_eq!(reply.problem("no_model")["status"], 503);
    assert_eq!(reply.header("retry-after"), "1");
    service.app.set_engine(Some(Arc::new(FakeEngine::new("UTC"))));
    service.post(PATH, &body).await.ok();
}
