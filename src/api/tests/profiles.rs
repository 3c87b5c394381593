//! `GET /v1/profiles` and what lies under it.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_profile_has_its_tags_with_their_provenance() {
    let service = Service::new();
    service.buy("1", "a", "2011-09-12").await.ok();
    let profile = service.get("/v1/profiles/a").await.ok();
    assert_eq!(profile["customer_id"], "a");
    assert_eq!(profile["attributes"], json!({}));
    let tag = &profile["tags"]["churn.level"];
    assert_eq!(
        (&tag["value"], &tag["layer"], &tag["model"]),
        (&json!("high"), &json!("predictive"), &json!("shop@1"))
    );
    assert_eq!(profile["prediction"]["churn_risk"], 0.5);
    assert_eq!(profile["history"]["purchases"], 1);
}

#[tokio::test]
async fn any_text_is_a_customer_id() {
    let service = Service::new();
    let ids = [
        ("茶 1", "%E8%8C%B6%201"),
        ("a/b?c#d&e%", "a%2Fb%3Fc%23d%26e%25"),
        ("ü+\"", "%C3%BC+%22"),
        ("é\nü", "%C3%A9%0A%C3%BC"),
        ("%2F", "%252F"),
    ];
    for (n, (id, path)) in ids.into_iter().enumerate() {
        service.buy(&n.to_string(), id, "2011-09-12").await.ok();
        assert_eq!(service.get(&format!("/v1/profiles/{path}")).await.ok()["customer_id"], id);
        assert_eq!(service.get(&format!("/v1/profiles/{path}/explanation")).await.ok()["customer_id"], id);
    }
    let problem = service.get("/v1/profiles/%FF").await.problem("bad_parameter");
    assert_eq!(problem["parameter"], "id");
}

#[tokio::test]
async fn an_unknown_customer_is_not_found() {
    let service = Service::new();
    for path in ["/v1/profiles/nobody", "/v1/profiles/nobody/explanation"] {
        let problem = service.get(path).await.problem("unknown_customer");
        assert_eq!(problem["status"], 404);
        assert!(problem["detail"].as_str().unwrap().contains("`nobody`"));
    }
}

#[tokio::test]
async fn an_explanation_names_reasons_model_and_data_cutoff() {
    let service = Service::new();
    service.buy("1", "a", "2011-09-12").await.ok();
    let explanation = service.get("/v1/profiles/a/explanation").await.ok();
    assert_eq!(explanation["reasons"][0]["code"], "rhythm_broken");
    assert_eq!(explanation["model"], "shop@1");
    assert_eq!(explanation["data_cutoff"], "2011-09-12T00:00:00Z");
    assert_eq!(explanation.get("not_scored"), None);
    let visit = json!({"event_id": "2", "customer_id": "b", "occurred_at": "2011-09-12", "kind": "visit"});
    service.post("/v1/events", json!({"events": [visit]})).await.ok();
    let explanation = service.get("/v1/profiles/b/explanation").await.ok();
    assert_eq!((&explanation["not_scored"], &explanation["reasons"]), (&json!("no_purchase"), &json!([])));
    assert_eq!(explanation["churn_risk"], Value::Null);
}

#[tokio::test]
async fn a_listing_is_asked_as_given_and_read_page_by_page() {
    let service = Service::new();
    for id in ["a", "b", "c"] {
        service.buy(id, id, "2011-09-12").await.ok();
    }
    let query =
        "/v1/profiles?tag=churn.level:high&tag=orders.count:1&min_churn_risk=0.3&sort=customer_id&limit=2";
    let page = service.get(query).await.ok();
    let ids = |page: &Value| {
        page["profiles"].as_array().unwrap().iter().map(|p| p["customer_id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&page), ["a", "b"]);
    let next = page["next"].as_str().unwrap();
    let last = service.get(&format!("{query}&cursor={next}")).await.ok();
    assert_eq!(ids(&last), ["c"]);
    assert_eq!(last["next"], Value::Null);
    let expected = Listing {
        tags: vec![("churn.level".into(), "high".into()), ("orders.count".into(), 1.into())],
        churn_risk: (Some(0.3), None),
        sort: Sort::CustomerId,
        limit: 2,
        cursor: Some(next.to_owned()),
        ..Listing::default()
    };
    assert_eq!(service.store.listings.lock().unwrap().last(), Some(&expected));
}

#[tokio::test]
async fn a_wrong_query_is_refused() {
    let service = Service::new();
    assert_eq!(service.get("/v1/profiles?limit=none").await.problem("bad_parameter")["parameter"], "limit");
    assert_eq!(service.get("/v1/profiles?page=2").await.problem("bad_parameter")["parameter"], "page");
    service.get("/v1/profiles?cursor=invented").await.problem("bad_cursor");
}

#[tokio::test]
async fn an_unknown_tag_or_parameter_is_refused_with_the_nearest_name() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    for (uri, near) in [
        ("/v1/profiles?tag=churn.lvl:high", "did you mean `churn.level`?"),
        ("/v1/profiles?sorted=clv", "did you mean `sort`?"),
        ("/v1/changes?curser=1", "did you mean `cursor`?"),
        ("/v1/profiles/a/next?fields=tags", "takes no parameters"),
        ("/v1/models?x=", "takes no parameters"),
    ] {
        let problem = service.get(uri).await.problem("bad_parameter");
        assert!(problem["detail"].as_str().unwrap().contains(near), "{uri}: {problem}");
    }
    service.get("/v1/profiles?tag=churn.level:high").await.ok();
    service.get("/healthz?from=balancer").await.ok();
}

#[tokio::test]
async fn an_unknown_value_of_a_tag_is_refused_with_the_nearest_known() {
    let service = Service::new();
    for (query, near) in [
        ("tag=churn.level:hihg", "did you mean `high`?"),
        ("tag=churn.levle:high", "did you mean `churn.level`?"),
        ("limt=5", "did you mean `limit`?"),
        ("tag=churn.level:5", "its values: high, medium, low"),
    ] {
        let problem = service.get(&format!("/v1/profiles?{query}")).await.problem("bad_parameter");
        assert!(problem["detail"].as_str().unwrap().contains(near), "{problem}");
    }
    service.get("/v1/profiles?tag=churn.level:low").await.ok();
    service.get("/v1/profiles?tag=orders.count:5").await.ok();
}
