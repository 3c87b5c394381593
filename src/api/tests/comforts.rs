//! What makes the API pleasant to work with: parts of profiles, conditional and repeated requests, corrected events, keys.

use serde_json::json;

use super::*;
use crate::service::{Role, create_key};

/// Sends a request with headers.
async fn send(service: &Service, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    if !body.is_null() && !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match body {
        Value::Null => Body::empty(),
        Value::String(text) => Body::from(text.clone()),
        body => Body::from(body.to_string()),
    };
    service.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn a_profile_is_read_in_parts_and_again_only_when_it_changed() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    let part =
        service.get("/v1/profiles/a?fields=prediction.churn_risk,tags.churn.level&tags=values").await.ok();
    assert_eq!(
        part,
        json!({"customer_id": "a", "selected": {"prediction.churn_risk": 0.5, "tags.churn.level": "high"}})
    );
    let page = service.get("/v1/profiles?fields=history.events").await.ok();
    assert_eq!(page["profiles"], json!([{"customer_id": "a", "selected": {"history.events": 1}}]));
    for wrong in ["fields=tgas", "fields=", "tags=none", "feilds=tags", "fields=tags&fields=history"] {
        let problem = service.get(&format!("/v1/profiles/a?{wrong}")).await.problem("bad_parameter");
        assert_eq!(problem["parameter"], wrong.split('=').next().unwrap());
    }
    for (member, near) in [
        ("prediction.churn_rsk", "prediction.churn_risk"),
        ("prediction.p_purchse_30d", "prediction.p_purchase_30d"),
        ("history.event", "history.events"),
    ] {
        for path in ["/v1/profiles/a", "/v1/profiles"] {
            let problem = service.get(&format!("{path}?fields={member}")).await.problem("bad_parameter");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(&format!("did you mean `{near}`?")), "{path} {detail}");
        }
    }
    service.get("/v1/profiles/a?fields=prediction.p_purchase_45d,prediction.clv_low").await.ok();
    let problem = service.get("/v1/profiles/a?feilds=tags").await.problem("bad_parameter");
    assert!(problem["detail"].as_str().unwrap().contains("did you mean `fields`?"), "{problem}");

    let first = service.get("/v1/profiles/a").await;
    let tag = first.header("etag").to_owned();
    let again = send(&service, "GET", "/v1/profiles/a", &[("if-none-match", &tag)], &json!(null)).await;
    assert_eq!(
        (again.status, again.text.as_str(), again.header("etag")),
        (StatusCode::NOT_MODIFIED, "", tag.as_str())
    );
    service.buy("2", "a", "2011-09-13").await.ok();
    let changed = send(&service, "GET", "/v1/profiles/a", &[("if-none-match", &tag)], &json!(null)).await;
    assert_eq!(changed.ok()["history"]["events"], 2);
}

#[tokio::test]
async fn several_customers_are_looked_up_at_once() {
    let (service, _folder) = Service::sqlite();
    for id in ["a", "b"] {
        service.buy(id, id, "2011-09-12").await.ok();
    }
    let found =
        service.post("/v1/lookup?fields=history.orders", json!({"ids": ["b", "x", "a", "b"]})).await.ok();
    let orders = |id: &str| json!({"customer_id": id, "selected": {"history.orders": 1}});
    assert_eq!(found, json!({"profiles": [orders("b"), orders("a")], "unknown": ["x"]}));
    service.post("/v1/lookup", json!({"ids": []})).await.problem("invalid_request");
    service.post("/v1/lookup", json!({"ids": [""]})).await.problem("invalid_request");
    let many: Vec<String> = (0..1_001).map(|n| n.to_string()).collect();
    service.post("/v1/lookup", json!({"ids": many})).await.problem("too_many_customers");
    service.post("/v1/lookup", json!({"id": ["a"]})).await.problem("unknown_field");
}

#[tokio::test]
async fn attributes_are_patched_and_nobody_overwrites_what_they_have_not_seen() {
    let (service, _folder) = Service::sqlite();
    let path = "/v1/profiles/a/attributes";
    service.get(path).await.problem("unknown_customer");
    let first =
        send(&service, "PUT", path, &[("if-none-match", "*")], &json!({"name": "王", "city": "x"})).await;
    first.ok();
    let tag = first.header("etag").to_owned();
    assert_eq!(service.get(path).await.header("etag"), tag);
    send(&service, "PUT", path, &[("if-none-match", "*")], &json!({})).await.problem("precondition_failed");
    let patched =
        send(&service, "PATCH", path, &[("if-match", &tag)], &json!({"city": null, "vip": true})).await;
    assert_eq!(patched.ok()["attributes"], json!({"name": "王", "vip": true}));
    for (method, body) in [("PUT", json!({})), ("PATCH", json!({"vip": false}))] {
        let late = send(&service, method, path, &[("if-match", &tag)], &body).await;
        assert_eq!(late.problem("precondition_failed")["status"], 412);
    }
    assert_eq!(service.get(path).await.ok()["attributes"], json!({"name": "王", "vip": true}));
    let merge = [("content-type", "application/merge-patch+json"), ("if-match", "*")];
    send(&service, "PATCH", path, &merge, &json!({"vip": false})).await.ok();
    send(&service, "PATCH", path, &[], &json!({"vip": []})).await.problem("invalid_request");
    let many: Map<String, Value> = (0..99).map(|n| (format!("a{n}"), n.into())).collect();
    send(&service, "PATCH", path, &[], &many.into()).await.problem("invalid_request");
}

#[tokio::test]
async fn events_come_as_lines_too() {
    let (service, _folder) = Service::sqlite();
    let line = |n: u32| {
        json!({"event_id": format!("e{n}"), "customer_id": "a", "occurred_at": "2011-09-12", "amount": n})
            .to_string()
    };
    let lines: Vec<String> = (1..=1_000).map(line).collect();
    let sent = async |text: String| {
        send(&service, "POST", "/v1/events", &[("content-type", "application/x-ndjson")], &text.into()).await
    };
    assert_eq!(sent(lines.join("\n") + "\r\n\n").await.ok()["accepted"], 1_000);
    let part = sent(format!("{}\n{{\"event_id\": 1}}", line(7))).await.ok();
    assert_eq!((&part["duplicates"], &part["rejected"][0]["index"]), (&json!(1), &json!(1)));
    for (text, at) in [("{}, {}", "line 1"), ("{}\n{\"a\":", "line 2"), ("]}", "line 1")] {
        let problem = sent(text.to_owned()).await.problem("malformed_json");
        assert!(problem["detail"].as_str().unwrap().contains(at), "{problem}");
    }
    sent("\n".to_owned()).await.problem("invalid_request");
}

#[tokio::test]
async fn an_event_is_corrected_and_voided_by_its_id_and_everything_follows() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    service.buy("2", "a", "2011-09-13").await.ok();
    let spend = async || service.get("/v1/profiles/a").await.ok()["history"]["spend"].clone();
    let event = |customer: &str, id: &str, amount: f64| json!({"event_id": id, "customer_id": customer, "occurred_at": "2011-09-12", "amount": amount});
    let put = async |path: &str, body: Value| send(&service, "PUT", path, &[], &body).await;
    let done = put("/v1/events/1", event("a", "1", 5.5)).await.ok();
    assert_eq!((&done["customer_id"], &done["voided"]), (&json!("a"), &json!(false)));
    assert_eq!(spend().await, 15.5);
    // Again: nothing changes. The id now stands for the corrected event.
    assert_eq!(put("/v1/events/1", event("a", "1", 5.5)).await.ok()["changed"], json!([]));
    assert_eq!(
        service.post("/v1/events", json!({"events": [event("a", "1", 5.5)]})).await.ok()["duplicates"],
        1
    );
    service.buy("1", "a", "2011-09-12").await.problem("event_id_conflict");

    put("/v1/events/none", event("a", "none", 1.0)).await.problem("unknown_event");
    assert_eq!(
        put("/v1/events/1", event("a", "2", 1.0)).await.problem("invalid_request")["field"],
        "event_id"
    );
    assert_eq!(
        put("/v1/events/1", event("b", "1", 1.0)).await.problem("invalid_request")["field"],
        "customer_id"
    );
    let mut negative = event("a", "1", -1.0);
    negative["kind"] = "purchase".into();
    assert_eq!(put("/v1/events/1", negative).await.problem("invalid_event")["field"], "amount");
    put("/v1/events/1", json!("x")).await.problem("malformed_json");

    let void =
        async |id: &str| send(&service, "DELETE", &format!("/v1/events/{id}"), &[], &json!(null)).await;
    let gone = void("1").await.ok();
    assert_eq!((&gone["voided"], &gone["changed"][0]["tags"]["orders.count"]), (&json!(true), &json!(1)));
    assert_eq!(spend().await, 10.0);
    void("1").await.problem("event_voided");
    put("/v1/events/1", event("a", "1", 5.5)).await.problem("event_voided");
    service.buy("1", "a", "2011-09-12").await.problem("event_id_conflict");
    void("2").await.ok();
    let left = service.get("/v1/profiles/a").await.ok();
    assert_eq!(
        (&left["history"]["events"], &left["prediction"]["not_scored"]),
        (&json!(0), &json!("no_purchase"))
    );
    let feed = service.get("/v1/changes").await.ok();
    assert_eq!(feed["changes"].as_array().unwrap().last().unwrap()["tags"]["orders.count"], Value::Null);
    void("none").await.problem("unknown_event");
}

#[tokio::test]
async fn a_request_that_is_sent_again_with_its_key_is_carried_out_once() {
    let (service, _folder) = Service::sqlite();
    let path = "/v1/profiles/a/attributes";
    let key = [("idempotency-key", "8e03978e-40d5-43dd-bc93-6894a57f9324")];
    let first = send(&service, "PUT", path, &key, &json!({"n": 1})).await;
    assert_eq!((first.ok()["attributes"]["n"].clone(), first.header("idempotency-replayed")), (json!(1), ""));
    send(&service, "PUT", path, &[], &json!({"n": 2})).await.ok();
    let again = send(&service, "PUT", path, &key, &json!({"n": 1})).await;
    assert_eq!((again.text.as_str(), again.header("idempotency-replayed")), (first.text.as_str(), "true"));
    assert_eq!(service.get(path).await.ok()["attributes"]["n"], 2, "it was not carried out again");
    send(&service, "PUT", path, &key, &json!({"n": 3})).await.problem("idempotency_key_reused");
    // Another route, another request. What failed is remembered, too.
    let event = json!({"events": [{"event_id": "1", "customer_id": "a", "occurred_at": "x", "amount": 1}]});
    let failed = send(&service, "POST", "/v1/events", &key, &event).await;
    failed.problem("invalid_event");
    let again = send(&service, "POST", "/v1/events", &key, &event).await;
    assert_eq!(
        (again.problem("invalid_event"), again.header("idempotency-replayed")),
        (failed.problem("invalid_event"), "true")
    );
    for wrong in ["", "a b", &"x".repeat(256)] {
        let problem = send(&service, "PUT", path, &[("idempotency-key", wrong)], &json!({})).await;
        assert_eq!(problem.problem("bad_parameter")["parameter"], "Idempotency-Key");
    }
    // A reply that is kept names nobody who was erased since.
    assert_eq!(
        send(&service, "DELETE", "/v1/profiles/a", &[], &json!(null)).await.status,
        StatusCode::NO_CONTENT
    );
    send(&service, "PUT", path, &key, &json!({"n": 1})).await.problem("unknown_customer");
}

#[tokio::test]
async fn admins_manage_keys_over_the_api() {
    let (service, _folder) = Service::sqlite();
    let (_, admin) =
        create_key(service.app.store().as_ref(), "root", Role::Admin, service.app.now()).unwrap();
    service.app.refresh_keys().unwrap();
    let bearer = format!("Bearer {admin}");
    let ask = async |method: &str, path: &str, body: Value| {
        send(&service, method, path, &[("authorization", &bearer)], &body).await
    };
    let made =
        ask("POST", "/v1/keys", json!({"role": "reader", "name": "till", "rate": 2, "expires_days": 90}))
            .await
            .ok();
    assert_eq!(
        (&made["role"], &made["rate"], &made["revoked_at"]),
        (&json!("reader"), &json!(2), &Value::Null)
    );
    let reader = format!("Bearer {}", made["key"].as_str().unwrap());
    let read =
        async || send(&service, "GET", "/v1/models", &[("authorization", &reader)], &json!(null)).await;
    let told = read().await;
    told.ok();
    assert_eq!(
        (told.header("ratelimit-policy"), told.header("ratelimit")),
        ("\"key\";q=2;w=60", "\"key\";r=1;t=30")
    );
    assert!(told.header("server-timing").starts_with("total;dur="), "{told:?}");
    send(&service, "GET", "/v1/keys", &[("authorization", &reader)], &json!(null)).await.problem("forbidden");
    let listed = ask("GET", "/v1/keys", json!(null)).await;
    assert_eq!(listed.ok()["keys"].as_array().unwrap().len(), 2);
    assert!(!listed.text.contains(made["key"].as_str().unwrap()));

    // Rotated twice within the overlap, a key still gets the lifetime that the first was made for.
    let id = |key: &Value| key["id"].as_str().unwrap().to_owned();
    let second =
        ask("POST", &format!("/v1/keys/{}/rotate", id(&made)), json!({"overlap_days": 1})).await.ok();
    assert_eq!(
        (&second["expires_at"], &second["old_expires_at"]),
        (&made["expires_at"], &json!("2011-09-21T12:00:00Z"))
    );
    let third = ask("POST", &format!("/v1/keys/{}/rotate", id(&made)), json!(null)).await.ok();
    assert_eq!(
        (&third["expires_at"], &third["old_expires_at"]),
        (&made["expires_at"], &json!("2011-09-21T12:00:00Z"))
    );

    assert_eq!(
        ask("DELETE", &format!("/v1/keys/{}", id(&made)), json!(null)).await.status,
        StatusCode::NO_CONTENT
    );
    read().await.problem("unauthorized");
    ask("DELETE", "/v1/keys/none", json!(null)).await.problem("unknown_key");
    ask("POST", "/v1/keys/none/rotate", json!({})).await.problem("unknown_key");
    for (body, field) in [
        (json!({"role": "amdin"}), "role"),
        (json!({"role": "admin", "rate": 0}), "rate"),
        (json!({"role": "admin", "expires_days": 0}), "expires_days"),
    ] {
        assert_eq!(ask("POST", "/v1/keys", body).await.problem("invalid_request")["field"], field);
    }
    let secret = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
    send(&service, "POST", "/v1/keys", &secret, &json!({"role": "reader"})).await.problem("bad_parameter");
    let log = service.app.store().audit_log(0, 100).unwrap();
    let actions: Vec<&str> = log
        .iter()
        .map(|record| record.audit.action.as_str())
        .filter(|action| action.starts_with("key."))
        .collect();
    assert_eq!(actions, ["key.create", "key.rotate", "key.rotate", "key.revoke"]);
}

#[tokio::test]
async fn the_feed_is_filtered_by_tag_and_its_beginning_is_not_asked_for_in_two_ways() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    service.buy("2", "a", "2011-09-13").await.ok();
    service.buy("3", "a", "2011-09-14").await.ok();
    let all = service.get("/v1/changes").await.ok();
    let some = service.get("/v1/changes?tag=churn.level").await.ok();
    assert_eq!((all["changes"].as_array().unwrap().len(), &all["next"]), (3, &some["next"]));
    let tags: Vec<&Value> =
        some["changes"].as_array().unwrap().iter().map(|change| &change["tags"]).collect();
    assert_eq!(tags, [&json!({"churn.level": "high"}), &json!({"churn.level": "low"})]);
    let problem = service.get("/v1/changes?tag=churn.levle").await.problem("bad_parameter");
    assert!(problem["detail"].as_str().unwrap().contains("did you mean `churn.level`?"), "{problem}");
    assert_eq!(
        service.get("/v1/changes?from=now&cursor=1").await.problem("bad_parameter")["parameter"],
        "from"
    );
}

#[tokio::test]
async fn lists_are_sorted_either_way_counted_and_narrowed_to_what_is_new() {
    let (service, _folder) = Service::sqlite();
    for (n, id) in ["a", "b", "c"].iter().enumerate() {
        for event in 0..=n {
            service.buy(&format!("{id}{event}"), id, &format!("2011-09-{:02}", 10 + n)).await.ok();
        }
    }
    let ids = async |query: &str| {
        let page = service.get(&format!("/v1/profiles?fields=customer_id&{query}")).await.ok();
        page["profiles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["customer_id"].as_str().unwrap().to_owned())
            .collect::<String>()
    };
    assert_eq!(ids("sort=churn_risk").await, "abc");
    assert_eq!(ids("sort=churn_risk&order=asc").await, "cba");
    assert_eq!(ids("sort=last_order").await, "cba");
    assert_eq!(ids("sort=last_order&order=asc").await, "abc");
    assert_eq!(ids("sort=customer_id&order=desc").await, "cba");
    assert_eq!(ids("sort=customer_id&order=asc").await, "abc");
    assert_eq!(ids("tag=churn.level:high").await, "a");
    assert_eq!(ids("tag=churn.level:high&tag=churn.level:low&sort=customer_id").await, "abc");
    assert_eq!(ids(&format!("updated_since={NOW}&sort=customer_id")).await, "abc");
    assert_eq!(ids("updated_since=2011-09-20T12:00:01Z").await, "");
    let page = service.get("/v1/profiles?tag=churn.level:low&limit=1&total=true").await.ok();
    assert_eq!((&page["total"], &page["total_is_exact"]), (&json!(2), &json!(true)));
    assert_eq!(page["profiles"].as_array().unwrap().len(), 1);
    assert_eq!(service.get("/v1/profiles?total=true&limit=1").await.ok()["total"], 3);
}

#[tokio::test]
async fn a_snapshot_lists_everybody_once_whatever_is_written_between_its_pages() {
    let (service, _folder) = Service::sqlite();
    for n in 0..30 {
        let (event, id) = (format!("e{n}"), format!("c{n:02}"));
        service.buy(&event, &id, "2011-09-12").await.ok();
    }
    for query in [
        "sort=value_at_risk",
        "sort=churn_risk&order=asc",
        "sort=last_order",
        "sort=clv&total=true&fields=history",
    ] {
        let all = service.get(&format!("/v1/profiles?{query}&limit=1000")).await.ok();
        let expected: Vec<Value> =
            all["profiles"].as_array().unwrap().iter().map(|one| one["customer_id"].clone()).collect();
        let (mut seen, mut next, mut round) = (Vec::new(), String::new(), 0);
        loop {
            let page = service.get(&format!("/v1/profiles?{query}&snapshot=true&limit=7{next}")).await.ok();
            seen.extend(page["profiles"].as_array().unwrap().iter().map(|one| one["customer_id"].clone()));
            if query.contains("total") {
                assert_eq!((&page["total"], &page["total_is_exact"]), (&json!(30), &json!(true)));
            }
            let Some(cursor) = page["next"].as_str() else { break };
            next = format!("&cursor={cursor}");
            // Everybody moves, and somebody new comes.
            round += 1;
            for n in 0..30 {
                let (event, id) = (format!("{query}{round}{n}"), format!("c{n:02}"));
                if (n + round) % 3 == 0 {
                    service.buy(&event, &id, "2011-09-13").await.ok();
                }
            }
            service
                .buy(&format!("{query}new{round}"), &format!("new{round}{query}"), "2011-09-13")
                .await
                .ok();
        }
        assert_eq!(seen, expected, "{query}");
        for n in 1..=round {
            let id: String = format!("new{n}{query}").bytes().map(|byte| format!("%{byte:02x}")).collect();
            assert_eq!(
                send(&service, "DELETE", &format!("/v1/profiles/{id}"), &[], &Value::Null).await.status,
                204
            );
        }
    }
}

#[tokio::test]
async fn a_cursor_of_a_snapshot_fits_its_own_list_only() {
    let (service, _folder) = Service::sqlite();
    for n in 0..3 {
        service.buy(&format!("e{n}"), &format!("c{n}"), "2011-09-12").await.ok();
    }
    let first = service.get("/v1/profiles?sort=clv&snapshot=true&limit=1").await.ok();
    let cursor = first["next"].as_str().unwrap();
    let plain = service.get("/v1/profiles?sort=clv&limit=1").await.ok()["next"].as_str().unwrap().to_owned();
    for (query, code) in [
        (format!("sort=churn_risk&snapshot=true&cursor={cursor}"), "bad_cursor"),
        (format!("sort=clv&cursor={cursor}"), "bad_cursor"),
        (format!("sort=clv&snapshot=true&cursor={plain}"), "bad_cursor"),
        ("sort=clv&snapshot=true&cursor=s-".to_owned(), "bad_cursor"),
        (format!("sort=clv&snapshot=true&cursor=s-{}-1", "0".repeat(32)), "cursor_expired"),
        ("snapshot=yes".to_owned(), "bad_parameter"),
    ] {
        service.get(&format!("/v1/profiles?{query}")).await.problem(code);
    }
    // Who is erased meanwhile is shown no more.
    let second = service.get(&format!("/v1/profiles?sort=clv&snapshot=true&cursor={cursor}")).await.ok();
    let gone = second["profiles"][0]["customer_id"].as_str().unwrap();
    send(&service, "DELETE", &format!("/v1/profiles/{gone}"), &[], &Value::Null).await;
    let again = service.get(&format!("/v1/profiles?sort=clv&snapshot=true&cursor={cursor}")).await.ok();
    assert_eq!(again["profiles"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn customers_are_found_by_attributes() {
    let (service, _folder) = Service::sqlite();
    for (n, own) in [
        json!({"city": "上海", "no": 1}),
        json!({"city": "上海", "no": 2}),
        json!({"city": "x:y", "vip": true}),
    ]
    .iter()
    .enumerate()
    {
        service.buy(&format!("e{n}"), &format!("c{n}"), "2011-09-12").await.ok();
        send(&service, "PUT", &format!("/v1/profiles/c{n}/attributes"), &[], own).await.ok();
    }
    let found = async |query: &str| {
        let page =
            service.get(&format!("/v1/profiles?fields=attributes&sort=customer_id&{query}")).await.ok();
        page["profiles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["customer_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("attribute=city:%E4%B8%8A%E6%B5%B7").await, ["c0", "c1"]);
    assert_eq!(found("attribute=city:%E4%B8%8A%E6%B5%B7&attribute=no:2").await, ["c1"]);
    assert_eq!(found("attribute=no:1&attribute=no:2&snapshot=true").await, ["c0", "c1"]);
    assert_eq!(found("attribute=city:x:y&attribute=vip:true&tag=orders.count:1").await, ["c2"]);
    assert_eq!(found("attribute=vip:false").await, Vec::<String>::new());
    service.get("/v1/profiles?attribute=city").await.problem("bad_parameter");
}

#[tokio::test]
async fn more_comes_with_each_profile_where_it_is_asked_for() {
    let (service, _folder) = Service::sqlite();
    for n in 0..3 {
        service.buy(&format!("e{n}"), &format!("c{n}"), "2011-09-12").await.ok();
    }
    send(&service, "PUT", "/v1/profiles/c1/consent", &[], &json!({"opted_out": true})).await.ok();
    let consents = service.get("/v1/profiles/c1/consent").await.ok()["consents"].clone();
    let next = service.get("/v1/profiles/c0/next").await.ok();
    let page = service
        .get("/v1/profiles?sort=customer_id&expand=consent,next,next_action&fields=history.orders")
        .await
        .ok();
    let profiles = page["profiles"].as_array().unwrap();
    assert_eq!((&profiles[0]["consent"], &profiles[1]["consent"]), (&json!([]), &consents));
    assert_eq!(
        (&profiles[0]["next"]["due"], &profiles[1]["next"]),
        (&next["due"], &Value::Null),
        "an opt-out has no scores"
    );
    assert!(profiles.iter().all(|one| one.get("next_action").is_some() && one.get("tags").is_none()));
    let one = service.get("/v1/profiles/c1?expand=consent").await.ok();
    assert_eq!((&one["consent"], one["history"]["orders"].as_u64()), (&consents, Some(1)));
    assert_eq!(service.get("/v1/profiles/c1").await.ok().get("consent"), None, "the next read is as before");
    let found = service.post("/v1/lookup?expand=consent", json!({"ids": ["c1", "x"]})).await.ok();
    assert_eq!((&found["profiles"][0]["consent"], &found["unknown"]), (&consents, &json!(["x"])));
    let problem = service.get("/v1/profiles?expand=consents").await.problem("bad_parameter");
    assert!(problem["detail"].as_str().unwrap().contains("did you mean `consent`?"), "{problem}");
    service.get("/v1/profiles?expand=next&limit=101").await.problem("bad_parameter");
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    service.post("/v1/lookup?expand=next", json!({"ids": many})).await.problem("too_many_customers");
}

#[tokio::test]
async fn an_id_with_spaces_around_it_is_the_same_customers_everywhere() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", " a\u{2003}", "2011-09-12").await.ok();
    for path in ["/v1/profiles/a", "/v1/profiles/%20a", "/v1/profiles/a%E2%80%83%0A"] {
        assert_eq!(service.get(path).await.ok()["customer_id"], "a", "{path}");
    }
    send(&service, "PUT", "/v1/profiles/a%20/consent", &[], &json!({"opted_out": true})).await.ok();
    assert_eq!(service.get("/v1/profiles/a").await.ok()["prediction"]["not_scored"], "opted_out");
    let found = service.post("/v1/lookup", json!({"ids": [" a", "a"]})).await.ok();
    assert_eq!(found["profiles"].as_array().unwrap().len(), 1);
    service.get("/v1/profiles/%20%20").await.problem("bad_parameter");
    // Letters that look alike are other customers.
    for other in ["%E2%80%8Ba", "A", "%D0%B0", "a%CC%81"] {
        service.get(&format!("/v1/profiles/{other}")).await.problem("unknown_customer");
    }
    assert_eq!(send(&service, "DELETE", "/v1/profiles/%09a", &[], &Value::Null).await.status, 204);
    service.get("/v1/profiles/a").await.problem("unknown_customer");
}
