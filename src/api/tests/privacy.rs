//! Consent, export, erasure and the feed, over a real store.

use serde_json::json;

use super::*;

async fn put(service: &Service, path: &str, body: Value) -> Reply {
    let request = Request::put(path).header("content-type", "application/json");
    service.send(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn delete(service: &Service, path: &str) -> Reply {
    service.send(Request::delete(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn an_opt_out_holds_in_store_feed_and_stateless_scores_at_once() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    let profile = service.get("/v1/profiles/a").await.ok();
    assert!(profile["tags"]["churn.level"].is_object(), "{profile}");
    let history = json!([{"occurred_at": "2011-09-01", "amount": 3}]);
    let customers = json!({"customers": [{"customer_id": "a", "events": history}, {"customer_id": "b", "events": history}]});
    assert!(
        service.post("/v1/predictions", &customers).await.ok()["predictions"][0]["churn_risk"].is_number()
    );

    let said = put(&service, "/v1/profiles/a/consent", json!({"opted_out": true})).await.ok();
    assert_eq!(
        (&said["opted_out"], &said["changed"][0]["tags"]["churn.level"]),
        (&json!(true), &Value::Null)
    );
    let profile = service.get("/v1/profiles/a").await.ok();
    assert_eq!(profile["prediction"]["not_scored"], "opted_out");
    assert!(profile["tags"]["churn.level"].is_null(), "{profile}");
    let reply = service.post("/v1/predictions", &customers).await.ok();
    assert_eq!(reply["predictions"][0]["not_scored"], "opted_out");
    assert!(reply["predictions"][1]["churn_risk"].is_number());
    service.buy("2", "a", "2011-09-13").await.ok();
    assert_eq!(service.get("/v1/profiles/a").await.ok()["prediction"]["not_scored"], "opted_out");

    put(&service, "/v1/profiles/a/consent", json!({"opted_out": false})).await.ok();
    assert!(
        service.post("/v1/predictions", &customers).await.ok()["predictions"][0]["churn_risk"].is_number()
    );
    service.buy("3", "a", "2011-09-14").await.ok();
    assert!(service.get("/v1/profiles/a").await.ok()["prediction"]["churn_risk"].is_number());

    put(&service, "/v1/profiles/a/consent", json!({"opted_out": "yes"})).await.problem("invalid_request");
    put(&service, "/v1/profiles/a/consent", json!({"opted_out": true, "x": 1}))
        .await
        .problem("unknown_field");
}

#[tokio::test]
async fn attributes_are_replaced_and_stand_in_the_profile() {
    let (service, _folder) = Service::sqlite();
    let path = "/v1/profiles/a/attributes";
    let first = json!({"name": "王小明", "vip": true, "height": 1.84, "left": null});
    let kept = put(&service, path, first.clone()).await.ok();
    assert_eq!(kept, json!({"customer_id": "a", "attributes": first}));
    service.get("/v1/profiles/a").await.problem("unknown_customer");
    service.buy("1", "a", "2011-09-12").await.ok();
    assert_eq!(service.get("/v1/profiles/a").await.ok()["attributes"], first);
    put(&service, path, json!({"city": "上海"})).await.ok();
    assert_eq!(service.get("/v1/profiles/a").await.ok()["attributes"], json!({"city": "上海"}));

    let many: serde_json::Map<String, Value> = (0..101).map(|n| (format!("a{n}"), n.into())).collect();
    for bad in [
        json!({"name": {"first": "a"}}),
        json!({"name": ["a"]}),
        json!({"": 1}),
        json!({"name": "x".repeat(513)}),
        json!({"name": "a\u{0}b"}),
        json!(many),
        json!([1]),
    ] {
        put(&service, path, bad).await.problem("invalid_request");
    }
    assert_eq!(service.get("/v1/profiles/a").await.ok()["attributes"], json!({"city": "上海"}));
    service.send(Request::delete("/v1/profiles/a").body(Body::empty()).unwrap()).await;
    put(&service, path, json!({"city": "上海"})).await.problem("unknown_customer");
}

#[tokio::test]
async fn export_tells_all_and_erasure_leaves_nothing() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a/茶", "2011-09-12").await.ok();
    let path = "/v1/profiles/a%2F%E8%8C%B6";
    let held = service.get(&format!("{path}/export")).await.ok();
    assert_eq!((held["events"].as_array().unwrap().len(), &held["event_ids"]), (1, &json!(["1"])));
    assert_eq!(delete(&service, path).await.status, StatusCode::NO_CONTENT);
    service.get(path).await.problem("unknown_customer");
    // That something was done, and when, is all that stays.
    let held = service.get(&format!("{path}/export")).await.ok();
    assert_eq!((&held["profile"], &held["consent"]), (&Value::Null, &Value::Null));
    for name in ["events", "event_ids", "changes", "dead_letters"] {
        assert_eq!(held[name], json!([]), "{name}");
    }
    assert!(held["audit"].as_array().unwrap().iter().all(|entry| entry["detail"] == ""), "{held}");
    let feed = service.get("/v1/changes").await.ok();
    let told = &feed["changes"][0];
    assert_eq!(
        (feed["changes"].as_array().unwrap().len(), &told["erased"], &told["tags"]),
        (1, &json!(true), &json!({}))
    );
    assert_eq!(told["customer_id"].as_str().unwrap().len(), 64, "a keyed hash, not the id");
    let refused = service.buy("2", "a/茶", "2011-09-12").await.problem("invalid_event");
    assert_eq!(refused["rejected"][0]["code"], "customer_erased");
    assert_eq!(delete(&service, path).await.problem("unknown_customer")["barred"], true);
    // A mistyped id is not barred, unless the caller says so.
    assert_eq!(delete(&service, "/v1/profiles/nobody").await.problem("unknown_customer")["barred"], false);
    service.buy("3", "nobody", "2011-09-12").await.ok();
    assert_eq!(delete(&service, "/v1/profiles/filed?bar=true").await.status, StatusCode::NO_CONTENT);
    service.buy("4", "filed", "2011-09-12").await.problem("invalid_event");
    let problem = delete(&service, "/v1/profiles/a?barr=true").await.problem("bad_parameter");
    assert!(problem["detail"].as_str().unwrap().contains("did you mean `bar`?"), "{problem}");
}

#[tokio::test]
async fn the_feed_is_followed_by_cursor_without_gap_or_repeat() {
    let (service, _folder) = Service::sqlite();
    let mut heard = Vec::new();
    let mut cursor = 0;
    for n in 0..7 {
        service.buy(&format!("e{n}"), &format!("c{}", n % 3), &format!("2011-09-{:02}", n + 1)).await.ok();
    }
    loop {
        let page = service.get(&format!("/v1/changes?cursor={cursor}&limit=2")).await.ok();
        let changes = page["changes"].as_array().unwrap();
        if changes.is_empty() {
            assert_eq!(page["next"], cursor);
            break;
        }
        assert!(changes.len() <= 2);
        heard.extend(changes.iter().map(|change| change["customer_id"].as_str().unwrap().to_owned()));
        cursor = page["next"].as_u64().unwrap();
    }
    assert_eq!(heard, ["c0", "c1", "c2", "c0", "c1", "c2", "c0"]);
    for query in [
        "cursor=-1",
        "cursor=x",
        "limit=0",
        "limit=1001",
        "page=1",
        "limit=1&limit=1",
        "cursor=99999999999999999999",
    ] {
        service.get(&format!("/v1/changes?{query}")).await.problem("bad_parameter");
    }
}

#[tokio::test]
async fn the_feed_streams_and_wakes_on_a_write_and_ends_on_a_stop() {
    use futures_util::StreamExt;
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    let request =
        Request::get("/v1/changes").header("accept", "text/event-stream").body(Body::empty()).unwrap();
    let response = service.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    let mut next = async || String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap();
    let first = next().await;
    assert!(first.contains("event: change") && first.contains(r#""customer_id":"a""#), "{first}");
    service.buy("2", "b", "2011-09-12").await.ok();
    let second = next().await;
    assert!(second.contains(r#""customer_id":"b""#) && second.contains("id: "), "{second}");
    service.app.stop();
    service.get("/readyz").await.problem("stopping");
    let end = tokio::time::timeout(std::time::Duration::from_secs(5), stream.next()).await.unwrap();
    assert!(end.is_none());
}

#[tokio::test]
async fn a_profile_just_written_is_read_as_it_is_now() {
    let (service, _folder) = Service::sqlite();
    for n in 0..50 {
        service.buy(&format!("e{n}"), "a", "2011-09-12").await.ok();
        for _ in 0..2 {
            assert_eq!(service.get("/v1/profiles/a").await.ok()["history"]["events"], n + 1);
        }
    }
}

#[tokio::test]
async fn an_objection_outlives_an_erasure_and_a_readmission() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    let history = json!([{"occurred_at": "2011-09-01", "amount": 3}]);
    let customers = json!({"customers": [{"customer_id": "a", "events": history}, {"customer_id": "b", "events": history}]});
    let scored = async || service.post("/v1/predictions", &customers).await.ok()["predictions"].clone();
    put(&service, "/v1/profiles/a/consent", json!({"opted_out": true, "source": "web form"})).await.ok();
    assert_eq!(delete(&service, "/v1/profiles/a").await.status, StatusCode::NO_CONTENT);
    assert_eq!(delete(&service, "/v1/profiles/b?bar=true").await.status, StatusCode::NO_CONTENT);
    let both = scored().await;
    assert_eq!(
        (&both[0]["not_scored"], &both[1]["not_scored"]),
        (&json!("opted_out"), &json!("opted_out")),
        "erased"
    );
    let said = service.get("/v1/profiles/a/consent").await.ok();
    assert_eq!(
        said["consents"],
        json!([{"purpose": "profiling", "opted_out": true, "at": NOW, "source": ""}])
    );
    for id in ["a", "b"] {
        let path = format!("/v1/profiles/{id}/readmit");
        let readmit = async || service.send(Request::post(&path).body(Body::empty()).unwrap()).await;
        assert_eq!(readmit().await.status, StatusCode::NO_CONTENT);
        readmit().await.problem("unknown_customer");
    }
    let both = scored().await;
    assert_eq!(both[0]["not_scored"], "opted_out", "the objection still applies");
    assert!(both[1]["churn_risk"].is_number(), "{both}");
    service.buy("2", "a", "2011-09-13").await.ok();
    assert_eq!(service.get("/v1/profiles/a").await.ok()["prediction"]["not_scored"], "opted_out");
}

#[tokio::test]
async fn consent_is_recorded_by_purpose() {
    let (service, _folder) = Service::sqlite();
    let path = "/v1/profiles/a/consent";
    let said =
        put(&service, path, json!({"opted_out": true, "purpose": "contact:sms", "source": "reply STOP"}))
            .await
            .ok();
    assert_eq!((&said["purpose"], &said["changed"]), (&json!("contact:sms"), &json!([])));
    put(&service, path, json!({"opted_out": false, "purpose": "profiling"})).await.ok();
    let held = service.get(path).await.ok();
    let purposes: Vec<_> =
        held["consents"].as_array().unwrap().iter().map(|one| one["purpose"].clone()).collect();
    assert_eq!(purposes, ["profiling", "contact:sms"]);
    assert_eq!(service.get("/v1/profiles/a/export").await.ok()["consents"], held["consents"]);
    for purpose in ["marketing", "contact:", "Profiling", ""] {
        let refused = put(&service, path, json!({"opted_out": true, "purpose": purpose})).await;
        assert_eq!(refused.problem("invalid_request")["field"], "purpose", "{purpose}");
    }
    let problem = put(&service, path, json!({"opted_out": true, "purpose": "profilling"}))
        .await
        .problem("invalid_request");
    assert!(problem["detail"].as_str().unwrap().contains("did you mean `profiling`?"), "{problem}");
    put(&service, path, json!({"opted_out": true, "source": "x".repeat(513)}))
        .await
        .problem("invalid_request");
}

#[tokio::test]
async fn the_feed_can_be_followed_from_now_on() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    let now = service.get("/v1/changes?from=now").await.ok();
    assert_eq!(now["changes"], json!([]));
    service.buy("2", "b", "2011-09-12").await.ok();
    let later = service.get(&format!("/v1/changes?cursor={}", now["next"])).await.ok();
    assert_eq!(later["changes"][0]["customer_id"], "b");
    service.get("/v1/changes?from=yesterday").await.problem("bad_parameter");
}

#[tokio::test]
async fn a_stream_cannot_be_taken_up_from_an_id_that_is_none() {
    let (service, _folder) = Service::sqlite();
    for id in ["x", "-1", "1.5", "", "99999999999999999999"] {
        let request =
            Request::get("/v1/changes").header("accept", "text/event-stream").header("last-event-id", id);
        let problem = service.send(request.body(Body::empty()).unwrap()).await.problem("bad_parameter");
        assert_eq!(problem["parameter"], "Last-Event-ID", "{id}");
    }
}
