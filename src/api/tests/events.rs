//! `POST /v1/events`.

use serde_json::json;

use super::*;

const PATH: &str = "/v1/events";

fn event(event_id: &str, customer_id: &str, amount: f64) -> Value {
    json!({"event_id": event_id, "customer_id": customer_id, "occurred_at": "2011-09-12", "amount": amount})
}

#[tokio::test]
async fn events_are_taken_in_once_and_the_changed_tags_come_back() {
    let service = Service::new();
    let body = json!({"events": [event("1", "a", 5.0), event("2", "b", 6.0), event("1", "a", 5.0)]});
    let reply = service.post(PATH, &body).await.ok();
    assert_eq!(
        (&reply["accepted"], &reply["duplicates"], &reply["rejected"]),
        (&json!(2), &json!(1), &json!([]))
    );
    assert_eq!(
        reply["changed"][0],
        json!({"customer_id": "a", "tags": {"churn.level": "high", "orders.count": 1}})
    );
    assert_eq!(reply["changed"][1]["customer_id"], "b");
    let again = service.post(PATH, &body).await.ok();
    assert_eq!(again, json!({"accepted": 0, "duplicates": 3, "rejected": [], "changed": []}));
    let page = service.get("/metrics").await.text;
    assert!(page.contains(r#"homing_events_total{fate="accepted"} 2"#), "{page}");
    assert!(page.contains(r#"homing_events_total{fate="duplicate"} 4"#), "{page}");
}

#[tokio::test]
async fn scores_look_from_the_latest_of_model_and_data() {
    let service = Service::new();
    service.buy("1", "a", "2011-08-01").await.ok();
    let prediction = service.get("/v1/profiles/a").await.ok()["prediction"].clone();
    assert_eq!(prediction["as_of"], "2011-09-09T23:59:59.999999Z");
    assert_eq!(prediction["scored_at"], "2011-09-20T12:00:00Z");
    service.clock.fetch_add(1_000_000, Ordering::SeqCst);
    service.buy("2", "a", "2011-09-12T01:00:00Z").await.ok();
    let prediction = service.get("/v1/profiles/a").await.ok()["prediction"].clone();
    assert_eq!(prediction["as_of"], "2011-09-12T01:00:00Z");
    assert_eq!(prediction["scored_at"], "2011-09-20T12:00:01Z");
}

#[tokio::test]
async fn a_bad_event_does_not_hinder_its_neighbours() {
    let service = Service::new();
    let good = |n: usize| event(&format!("g{n}"), "a", 1.0).to_string();
    let long = "x".repeat(513);
    let bad = [
        (
            r#"{"customer_id": "a", "occurred_at": "2011-09-12", "amount": 1}"#.to_owned(),
            "missing_field",
            "event_id",
        ),
        (
            r#"{"event_id": "1", "occurred_at": "2011-09-12", "amount": 1}"#.to_owned(),
            "missing_field",
            "customer_id",
        ),
        (event("", "a", 1.0).to_string(), "bad_id", "event_id"),
        (event(&long, "a", 1.0).to_string(), "bad_id", "event_id"),
        (event("1", &long, 1.0).to_string(), "bad_id", "customer_id"),
        (event("1", "a\0b", 1.0).to_string(), "bad_id", "customer_id"),
        (
            r#"{"event_id": true, "customer_id": "a", "occurred_at": "2011-09-12", "amount": 1}"#.to_owned(),
            "wrong_type",
            "event_id",
        ),
        (
            r#"{"event_id": "1", "customer_id": "a", "occurred_at": "2011-09-12", "amount": 1e999}"#
                .to_owned(),
            "not_finite",
            "amount",
        ),
        (
            r#"{"event_id": "1", "customer_id": "a", "occurred_at": "2011-09-12", "total": 1}"#.to_owned(),
            "unknown_field",
            "total",
        ),
        (
            r#"{"event_id": "1", "customer_id": "a", "occurred_at": "2011-09-12"}"#.to_owned(),
            "missing_amount",
            "amount",
        ),
        ("[]".to_owned(), "not_an_object", ""),
        ("null".to_owned(), "not_an_object", ""),
    ];
    let texts: Vec<String> =
        bad.iter().enumerate().flat_map(|(n, (bad, ..))| [good(n), bad.clone()]).collect();
    let reply = service.post(PATH, format!(r#"{{"events": [{}]}}"#, texts.join(","))).await.ok();
    assert_eq!(reply["accepted"], bad.len());
    assert_eq!(reply["rejected"].as_array().unwrap().len(), bad.len());
    for (n, (text, code, field)) in bad.iter().enumerate() {
        let rejected = &reply["rejected"][n];
        assert_eq!(rejected["index"], 2 * n + 1, "{text}");
        assert_eq!(rejected["code"], *code, "{text}");
        assert_eq!(rejected["field"].as_str().unwrap_or_default(), *field, "{text}");
        assert!(!rejected["detail"].as_str().unwrap().is_empty());
    }
    let page = service.get("/metrics").await.text;
    assert!(page.contains(r#"homing_events_total{fate="rejected"} 12"#), "{page}");
}

#[tokio::test]
async fn when_every_event_is_bad_the_reply_says_so_and_the_store_is_left_alone() {
    let service = Service::new();
    *service.store.failing.lock().unwrap() = Some(|| Error::Locked("p".into()));
    let problem = service.post(PATH, r#"{"events": [{}, {}]}"#).await.problem("invalid_event");
    assert_eq!((&problem["status"], &problem["rejected"][1]["code"]), (&json!(422), &json!("missing_field")));
}

#[tokio::test]
async fn an_event_more_than_a_day_ahead_of_the_clock_is_refused() {
    let service = Service::new();
    let at = |id: &str, occurred_at: &str, recorded_at: Option<&str>| json!({"event_id": id, "customer_id": "a", "occurred_at": occurred_at, "recorded_at": recorded_at, "amount": 1});
    let events = [
        at("1", "2011-09-21T12:00:00Z", None),
        at("2", "2011-09-21T12:00:01Z", None),
        at("3", "2011-09-12T12:00:00Z", Some("2111-09-21T12:00:01Z")),
    ];
    let reply = service.post(PATH, json!({"events": events})).await.ok();
    assert_eq!(reply["accepted"], 1);
    let rejected = reply["rejected"].as_array().unwrap();
    assert_eq!(
        rejected.iter().map(|r| (&r["index"], &r["code"], &r["field"])).collect::<Vec<_>>(),
        [
            (&json!(1), &json!("in_the_future"), &json!("occurred_at")),
            (&json!(2), &json!("in_the_future"), &json!("recorded_at")),
        ]
    );
}

#[tokio::test]
async fn an_id_with_other_content_conflicts() {
    let service = Service::new();
    service.post(PATH, json!({"events": [event("1", "a", 5.0), event("2", "a", 5.0)]})).await.ok();
    let some =
        service.post(PATH, json!({"events": [event("1", "a", 6.0), event("3", "a", 6.0), {}]})).await.ok();
    assert_eq!(some["accepted"], 1);
    assert_eq!(
        (&some["rejected"][0]["index"], &some["rejected"][0]["code"]),
        (&json!(0), &json!("event_id_conflict"))
    );
    assert_eq!(
        (&some["rejected"][1]["index"], &some["rejected"][1]["code"]),
        (&json!(2), &json!("missing_field"))
    );

    let all = service.post(PATH, json!({"events": [event("1", "a", 6.0), event("2", "b", 5.0)]})).await;
    let problem = all.problem("event_id_conflict");
    assert_eq!(problem["status"], 409);
    let indexes: Vec<&Value> =
        problem["rejected"].as_array().unwrap().iter().map(|one| &one["index"]).collect();
    assert_eq!(indexes, [0, 1]);
    let page = service.get("/metrics").await.text;
    assert!(page.contains(r#"homing_events_total{fate="conflict"} 3"#), "{page}");
}

#[tokio::test]
async fn a_request_of_the_wrong_form_is_refused_whole() {
    let service = Service::with(Limits { events: 2, ..Limits::default() }, "UTC");
    for (body, code) in [
        ("{\"events\": [", "malformed_json"),
        ("{}", "invalid_request"),
        ("{\"events\": []}", "invalid_request"),
        ("{\"events\": {}}", "invalid_request"),
        ("{\"events\": [{}], \"source\": 1}", "unknown_field"),
        ("{\"events\": [{}, {}, {}]}", "too_many_events"),
    ] {
        service.post(PATH, body).await.problem(code);
    }
    service.post(PATH, json!({"events": [event("1", "a", 5.0), event("2", "a", 5.0)]})).await.ok();
    service.app.set_engine(None);
    service.post(PATH, json!({"events": [event("3", "a", 5.0)]})).await.problem("no_model");
    assert_eq!(service.store.history("a").unwrap().unwrap().len(), 2);
}

#[tokio::test]
async fn a_panic_while_scoring_is_answered() {
    let service = Service::new();
    service.buy("1", "panic", "2011-09-12").await.problem("internal");
}

#[tokio::test]
async fn what_other_systems_send_is_named_or_taken() {
    let service = Service::with(Limits { events: 1000, ..Limits::default() }, "UTC");
    let event = |id: &str, more: Value| {
        let mut event = event(id, "a", 5.0);
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let events = [
        event("1", json!({"currency": "USD"})),
        event("2", json!({"line_items": [{"sku": "p1"}]})),
        event("3", json!({"occurred_at": "1799-01-01"})),
        event("4", json!({"occurred_at": "2099-01-01"})),
        event("5", json!({"occurred_at": null})),
        event("6", json!({"amount": null})),
        event("7", json!({"order_id": null, "product_id": null})),
        event("8", json!({"amount": "29.90", "customer_id": 12345, "order_id": 1001})),
        event("9", json!({"amount": true})),
    ];
    let reply = service.post(PATH, json!({ "events": events })).await.ok();
    assert_eq!(reply["accepted"], 2, "{reply:#}");
    let rejected: Vec<(u64, &str)> = reply["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["index"].as_u64().unwrap(), one["field"].as_str().unwrap()))
        .collect();
    let fields = [
        (0, "currency"),
        (1, "line_items"),
        (2, "occurred_at"),
        (3, "occurred_at"),
        (4, "occurred_at"),
        (5, "amount"),
        (8, "amount"),
    ];
    assert_eq!(rejected, fields, "{reply:#}");
    let many: Vec<Value> = (0..1001).map(|nth| event(&format!("m{nth}"), json!({}))).collect();
    assert_eq!(service.post(PATH, json!({ "events": many })).await.problem("too_many_events")["limit"], 1000);
}
