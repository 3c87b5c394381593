//! The OpenAPI document against the service: what it says is there, and what is there it says.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::json;

use super::*;
use crate::api::openapi::document;
use crate::api::route::Route;
use crate::service::{Code, Webhook};

/// Finds what in `value` is not as `schema` says. Objects may carry documented fields only.
fn misfits(schema: &Value, value: &Value, root: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{reference} leads nowhere"));
        return misfits(target, value, root, at);
    }
    if let Some(options) = schema["oneOf"].as_array() {
        let tries: Vec<_> = options.iter().map(|option| misfits(option, value, root, at)).collect();
        let fits = tries.iter().filter(|found| found.is_empty()).count();
        return if fits == 1 { Vec::new() } else { vec![format!("{at} fits {fits} options: {tries:?}")] };
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let actual = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = types.contains(&actual) || (actual == "integer" && types.contains(&"number"));
    if !fits {
        return vec![format!("{at} is {actual}, not {types:?}")];
    }
    let mut found = Vec::new();
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        found.push(format!("{at} is {value}, which is not listed"));
    }
    if let Some(number) = value.as_f64() {
        let (low, high) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        if low.is_some_and(|low| number < low) || high.is_some_and(|high| number > high) {
            found.push(format!("{at} is {number}, out of range"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(misfits(&schema["items"], item, root, &format!("{at}/{index}")));
    }
    let Some(object) = value.as_object() else { return found };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            found.push(format!("{at}/{name} is missing"));
        }
    }
    for (name, value) in object {
        let at = format!("{at}/{name}");
        match schema["properties"].get(name) {
            Some(property) => found.extend(misfits(property, value, root, &at)),
            None if schema["additionalProperties"].is_object() => {
                found.extend(misfits(&schema["additionalProperties"], value, root, &at));
            }
            None if schema.get("properties").is_none() => {}
            None => found.push(format!("{at} is not documented")),
        }
    }
    found
}

/// Holds a real reply against the document.
#[track_caller]
fn holds(document: &Value, path: &str, method: &str, reply: &Reply) {
    let response = &document["paths"][path][method]["responses"][reply.status.as_str()];
    assert!(response.is_object(), "{method} {path} does not document {}", reply.status);
    let content = response["content"].as_object().unwrap();
    let media_type = reply.header("content-type");
    let schema = &content.get(media_type).unwrap_or_else(|| panic!("{path}: {media_type} is not documented"))
        ["schema"];
    if media_type.contains("json") {
        let value = serde_json::from_str(&reply.text).unwrap();
        assert_eq!(
            misfits(schema, &value, document, ""),
            Vec::<String>::new(),
            "{method} {path}: {}",
            reply.text
        );
    }
    for header in ["x-request-id", "retry-after"] {
        let named =
            |headers: &Map<String, Value>| headers.keys().any(|name| name.eq_ignore_ascii_case(header));
        if reply.headers.contains_key(header) {
            assert!(response["headers"].as_object().is_some_and(named), "{path}: {header} is not documented");
        }
    }
}

fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let pairs = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone()))
    });
    pairs.collect()
}

#[tokio::test]
async fn every_documented_route_is_served_and_every_served_route_is_documented() {
    let service = Service::new();
    let document = service.get("/openapi.json").await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    let served: BTreeSet<_> = Route::ALL
        .iter()
        .map(|route| (route.path().to_owned(), route.method().as_str().to_lowercase()))
        .collect();
    assert_eq!(operations(&document), served);
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    for path in document["paths"].as_object().unwrap().keys() {
        for method in &methods {
            let documented = served.contains(&(path.clone(), method.as_str().to_lowercase()));
            let request = Request::builder()
                .method(method)
                .uri(
                    path.replace("{id}", "a")
                        .replace("{version}", "1")
                        .replace("{number}", "1")
                        .replace("{model}", "shop")
                        .replace("{webhook}", "crm")
                        .replace("{event_id}", "none")
                        .replace("{key}", "none"),
                )
                .body(Body::empty())
                .unwrap();
            let reply = service.send(request).await;
            let code = serde_json::from_str::<Value>(&reply.text).unwrap_or_default()["code"].clone();
            assert_ne!(code, "not_found", "{method} {path}");
            assert_eq!(code != "method_not_allowed", documented, "{method} {path}");
        }
    }
}

/// Paths that are read, with an address of each kind of reply.
const GETS: [(&str, &str); 49] = [
    ("/v1/profiles/{id}", "/v1/profiles/a"),
    ("/v1/profiles/{id}", "/v1/profiles/b"),
    ("/v1/profiles/{id}", "/v1/profiles/nobody"),
    ("/v1/profiles/{id}/explanation", "/v1/profiles/a/explanation"),
    ("/v1/profiles/{id}/next", "/v1/profiles/a/next"),
    ("/v1/profiles/{id}/explanation", "/v1/profiles/b/explanation"),
    ("/v1/profiles/{id}", "/v1/profiles/a?fields=tags,history&tags=values"),
    ("/v1/profiles/{id}", "/v1/profiles/a?fields=tgas"),
    ("/v1/profiles/{id}/attributes", "/v1/profiles/a/attributes"),
    ("/v1/keys", "/v1/keys"),
    ("/v1/changes", "/v1/changes?tag=churn.level"),
    ("/v1/changes", "/v1/changes?from=now&cursor=1"),
    ("/v1/profiles", "/v1/profiles?fields=prediction.clv&tags=values"),
    ("/v1/profiles", "/v1/profiles?total=true&order=asc&sort=last_order&updated_since=2011-01-01T00:00:00Z"),
    ("/v1/profiles", "/v1/profiles?limit=1"),
    ("/v1/profiles", "/v1/profiles"),
    ("/v1/profiles", "/v1/profiles?cursor=invented"),
    ("/v1/profiles", "/v1/profiles?limit=x"),
    ("/v1/profiles/{id}/export", "/v1/profiles/a/export"),
    ("/v1/profiles/{id}/export", "/v1/profiles/b/export"),
    ("/v1/profiles/{id}/export", "/v1/profiles/nobody/export"),
    ("/v1/profiles/{id}/consent", "/v1/profiles/a/consent"),
    ("/v1/audit", "/v1/audit"),
    ("/v1/audit", "/v1/audit?limit=0"),
    ("/v1/campaigns/size", "/v1/campaigns/size?cost=1&margin=0.4&effect=0.05"),
    ("/v1/campaigns/size", "/v1/campaigns/size?cost=1&margin=40"),
    ("/v1/webhooks", "/v1/webhooks"),
    ("/v1/dead-letters", "/v1/dead-letters?limit=1"),
    ("/v1/changes", "/v1/changes"),
    ("/v1/changes", "/v1/changes?cursor=x"),
    ("/v1/dead-letters", "/v1/dead-letters"),
    ("/v1/models/shadow", "/v1/models/shadow"),
    ("/v1/models", "/v1/models"),
    ("/healthz", "/healthz"),
    ("/readyz", "/readyz"),
    ("/ping", "/ping"),
    ("/version", "/version"),
    ("/metrics", "/metrics"),
    ("/openapi.json", "/openapi.json"),
    ("/docs", "/docs"),
    ("/v2", "/v2"),
    ("/v2/health/live", "/v2/health/live"),
    ("/v2/health/ready", "/v2/health/ready"),
    ("/v2/models/{model}", "/v2/models/shop"),
    ("/v2/models/{model}", "/v2/models/other"),
    ("/v2/models/{model}/ready", "/v2/models/shop/ready"),
    ("/v2/models/{model}/versions/{version}", "/v2/models/shop/versions/1"),
    ("/v2/models/{model}/versions/{version}", "/v2/models/shop/versions/2"),
    ("/v2/models/{model}/versions/{version}/ready", "/v2/models/shop/versions/1/ready"),
];

/// Requests that change something or carry a body: method, path, address, body.
fn writes() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    vec![
        ("PUT", "/v1/profiles/{id}/consent", "/v1/profiles/a/consent", json!({"opted_out": true})),
        ("PUT", "/v1/profiles/{id}/consent", "/v1/profiles/a/consent", json!([])),
        (
            "PUT",
            "/v1/profiles/{id}/consent",
            "/v1/profiles/a/consent",
            json!({"opted_out": false, "purpose": "contact", "source": "call"}),
        ),
        ("PATCH", "/v1/profiles/{id}/attributes", "/v1/profiles/a/attributes", json!({"city": "上海"})),
        ("PATCH", "/v1/profiles/{id}/attributes", "/v1/profiles/a/attributes", json!(7)),
        ("POST", "/v1/lookup", "/v1/lookup?tags=values", json!({"ids": ["a", "nobody"]})),
        ("POST", "/v1/lookup", "/v1/lookup", json!({"ids": []})),
        (
            "PUT",
            "/v1/events/{event_id}",
            "/v1/events/1",
            json!({"event_id": "1", "customer_id": "a", "occurred_at": "2011-09-12", "amount": 12}),
        ),
        ("PUT", "/v1/events/{event_id}", "/v1/events/1", json!({"event_id": "1"})),
        ("DELETE", "/v1/events/{event_id}", "/v1/events/none", json!(null)),
        ("DELETE", "/v1/events/{event_id}", "/v1/events/1", json!(null)),
        ("DELETE", "/v1/events/{event_id}", "/v1/events/1", json!(null)),
        ("DELETE", "/v1/keys/{key}", "/v1/keys/none", json!(null)),
        ("POST", "/v1/keys/{key}/rotate", "/v1/keys/none/rotate", json!({})),
        ("POST", "/v1/keys", "/v1/keys", json!({"role": "amdin"})),
        ("POST", "/v1/profiles/{id}/readmit", "/v1/profiles/a/readmit", json!(null)),
        ("POST", "/v1/webhooks/{webhook}/test", "/v1/webhooks/crm/test", json!(null)),
        ("POST", "/v1/webhooks/{webhook}/test", "/v1/webhooks/none/test", json!(null)),
        ("POST", "/v1/webhooks/{webhook}/resume", "/v1/webhooks/none/resume", json!(null)),
        ("POST", "/v1/webhooks/{webhook}/redeliver", "/v1/webhooks/crm/redeliver", json!({"cursor": "x"})),
        (
            "PUT",
            "/v1/profiles/{id}/attributes",
            "/v1/profiles/a/attributes",
            json!({"name": "王", "vip": true}),
        ),
        ("PUT", "/v1/profiles/{id}/attributes", "/v1/profiles/a/attributes", json!({"name": []})),
        ("POST", "/v1/models/{version}/promote", "/v1/models/1/promote", json!(null)),
        ("POST", "/v2/models/{model}/infer", "/v2/models/shop/infer", super::inference::tensors(&[3.0, 4.0])),
        ("POST", "/v2/models/{model}/infer", "/v2/models/shop/infer", json!({"inputs": []})),
        (
            "POST",
            "/v2/models/{model}/versions/{version}/infer",
            "/v2/models/shop/versions/1/infer",
            super::inference::tensors(&[3.0]),
        ),
        (
            "POST",
            "/invocations",
            "/invocations",
            json!({"dataframe_records": [super::inference::record(2.0)]}),
        ),
        ("POST", "/invocations", "/invocations", json!({})),
        ("POST", "/v1/models/rollback", "/v1/models/rollback", json!(null)),
    ]
}

#[tokio::test]
async fn real_replies_of_every_route_are_as_documented() {
    let hook = Webhook::new("crm", "http://127.0.0.1:1/", "secret");
    let (service, _folder) = Service::sqlite_as(Limits::default(), |app| app.with_webhooks(vec![hook]));
    let document = service.get("/openapi.json").await.ok();
    service.buy("1", "a", "2011-09-12").await.ok();
    let visit = json!({"event_id": "2", "customer_id": "b", "occurred_at": "2011-09-12", "kind": "visit"});
    let bad_events = json!({"events": [visit, {"event_id": "1"}, [], {"event_id": "1", "customer_id": "z", "occurred_at": "2011-09-12", "amount": 1}]});
    let buy = json!({"occurred_at": "2011-09-01", "amount": 3});
    let customers =
        json!({"customers": [{"customer_id": "a", "events": [buy]}, {"customer_id": "b", "events": []}]});
    let conflict =
        json!({"events": [{"event_id": "1", "customer_id": "z", "occurred_at": "2011-09-12", "amount": 1}]});
    let wrong = json!({"customers": [{"customer_id": "a", "events": [{"occurred_at": "2011-09-01"}]}]});
    let mut tried = BTreeSet::new();
    for (path, body) in [
        ("/v1/events", &bad_events),
        ("/v1/events", &conflict),
        ("/v1/events", &customers),
        ("/v1/predictions", &customers),
        ("/v1/predictions", &wrong),
        ("/v1/predictions", &Value::Null),
    ] {
        holds(&document, path, "post", &service.post(path, body).await);
        tried.insert((path.to_owned(), "post".to_owned()));
    }
    for (path, uri) in GETS {
        holds(&document, path, "get", &service.get(uri).await);
        tried.insert((path.to_owned(), "get".to_owned()));
    }
    let sent = async |method: &str, uri: &str, body: Value| {
        let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
        service.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    for (method, path, uri, body) in writes() {
        holds(&document, path, &method.to_lowercase(), &sent(method, uri, body).await);
        tried.insert((path.to_owned(), method.to_lowercase()));
    }
    holds(&document, "/v1/changes", "get", &service.get("/v1/changes").await);
    assert_eq!(sent("DELETE", "/v1/profiles/a", json!(null)).await.status, StatusCode::NO_CONTENT);
    holds(&document, "/v1/profiles/{id}", "delete", &sent("DELETE", "/v1/profiles/a", json!(null)).await);
    holds(&document, "/v1/changes", "get", &service.get("/v1/changes").await);
    holds(&document, "/v1/audit", "get", &service.get("/v1/audit").await);
    tried.insert(("/v1/profiles/{id}".to_owned(), "delete".to_owned()));
    holds(
        &document,
        "/v1/dead-letters/{number}",
        "delete",
        &sent("DELETE", "/v1/dead-letters/7", json!(null)).await,
    );
    tried.insert(("/v1/dead-letters/{number}".to_owned(), "delete".to_owned()));
    assert_eq!(tried, operations(&document), "every operation is tried");
    let service = Service::new();
    *service.store.failing.lock().unwrap() = Some(|| Error::Locked("p".into()));
    holds(&document, "/v1/events", "post", &service.buy("9", "a", "2011-09-12").await);
    holds(&document, "/v1/profiles", "get", &service.get("/v1/profiles").await);
}

#[tokio::test]
async fn the_examples_that_the_tests_send_fit_the_documented_requests() {
    let service = Service::new();
    let document = service.get("/openapi.json").await.ok();
    let schema = |path: &str| {
        document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"].clone()
    };
    let event = json!({"occurred_at": "2011-09-01", "recorded_at": null, "kind": "purchase", "amount": 3.5, "quantity": 2,
        "order_id": "o", "product_id": "p", "category": null, "channel": "till", "promotion": "x"});
    let mut full = event.clone();
    full["event_id"] = "1".into();
    full["customer_id"] = "a".into();
    let bodies = [
        (
            "/v1/predictions",
            json!({"as_of": "2011-09-09", "customers": [{"customer_id": "a", "events": [event]}]}),
        ),
        ("/v1/events", json!({"events": [full]})),
    ];
    for (path, body) in bodies {
        assert_eq!(misfits(&schema(path), &body, &document, ""), Vec::<String>::new());
        service.post(path, &body).await.ok();
        let mut unknown = body.clone();
        unknown["customres"] = json!([]);
        assert_eq!(misfits(&schema(path), &unknown, &document, ""), ["/customres is not documented"]);
        service.post(path, &unknown).await.problem("unknown_field");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|item| references(item, found));
            }
            _ => {}
        }
    }
    let engine = FakeEngine::new("UTC");
    for model in [None, Some(engine.model())] {
        let document = document(model, &Limits::default());
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let defined = schemas.keys().map(|name| format!("#/components/schemas/{name}")).collect();
        assert_eq!(found, defined);
        let properties = &document["components"]["schemas"]["Prediction"]["oneOf"][0]["properties"];
        assert_eq!(properties.get("expected_spend_90d_high").is_some(), model.is_some());
    }
}

#[test]
fn every_problem_of_the_catalogue_is_documented_where_it_can_occur() {
    let documented: BTreeSet<Code> = Route::ALL.iter().flat_map(|route| route.problems()).collect();
    // These two belong to no route.
    let all =
        Code::ALL.iter().copied().filter(|code| !matches!(code, Code::NotFound | Code::MethodNotAllowed));
    assert_eq!(documented, all.collect());
}
