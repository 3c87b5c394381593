//! Traces: what a collector hears, and that a dead one does no harm.

use std::sync::Mutex as Held;
use std::time::Duration;

use axum::routing::post;
use serde_json::json;

use super::*;

/// A collector, and what it heard.
async fn collector() -> (Arc<Held<Vec<Value>>>, String) {
    let heard: Arc<Held<Vec<Value>>> = Arc::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let keep = heard.clone();
    let take = move |body: String| {
        let keep = keep.clone();
        async move { keep.lock().unwrap().push(serde_json::from_str(&body).unwrap()) }
    };
    let router = Router::new().route("/v1/traces", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (heard, url)
}

async fn ask(router: &Router, uri: &str, traceparent: Option<&str>) -> StatusCode {
    let mut request = Request::get(uri).header("x-request-id", "r-1");
    if let Some(text) = traceparent {
        request = request.header("traceparent", text);
    }
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
}

fn traced(url: &str) -> (Arc<App>, Router, tempfile::TempDir) {
    let (service, folder) = Service::sqlite();
    let now = service.app.now();
    let app = App::new(service.app.store().clone(), None, Arc::new(move || now), Limits::default());
    let app = Arc::new(app.with_traces(url).unwrap());
    (app.clone(), router(app), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_hears_each_request_under_its_caller() {
    let (heard, url) = collector().await;
    let (app, router, _folder) = traced(&url);
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(ask(&router, "/v1/profiles/nobody", Some(caller)).await, StatusCode::NOT_FOUND);
    assert_eq!(ask(&router, "/healthz", None).await, StatusCode::OK);
    assert_eq!(ask(&router, "/readyz", Some("nonsense")).await, StatusCode::SERVICE_UNAVAILABLE);
    let silent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    ask(&router, "/healthz", Some(silent)).await;
    let flushing = app.clone();
    tokio::task::spawn_blocking(move || flushing.flush_traces()).await.unwrap();

    let messages = heard.lock().unwrap().clone();
    let spans: Vec<&Value> = messages
        .iter()
        .flat_map(|message| message["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap())
        .collect();
    assert_eq!(spans.len(), 3, "{messages:#?}");
    let first = spans[0];
    assert_eq!(first["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!((&first["parentSpanId"], &first["kind"]), (&json!("00f067aa0ba902b7"), &json!(2)));
    assert_eq!(first["name"], "GET /v1/profiles/{id}");
    let attribute = |span: &Value, key: &str| -> Value {
        let all = span["attributes"].as_array().unwrap();
        all.iter().find(|one| one["key"] == key).map(|one| one["value"].clone()).unwrap_or_default()
    };
    assert_eq!(attribute(first, "http.response.status_code"), json!({"intValue": "404"}));
    assert_eq!(attribute(first, "error.type"), json!({"stringValue": "unknown_customer"}));
    assert_eq!(attribute(first, "homing.request_id"), json!({"stringValue": "r-1"}));
    assert_eq!(first["status"], json!({}), "a refusal is no fault of the server");
    assert_eq!(first["startTimeUnixNano"], (app.now() as i128 * 1000).to_string());
    assert!(spans[1]["parentSpanId"].is_null());
    assert_ne!(spans[1]["traceId"], spans[2]["traceId"]);
    assert_eq!(spans[2]["status"], json!({"code": 2}));
    assert_eq!(spans[1]["spanId"].as_str().unwrap().len(), 16);
    let page = app.metrics().text().unwrap();
    assert!(page.contains(r#"homing_trace_spans_total{outcome="sent"} 3"#), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_collector_does_no_harm_and_is_counted() {
    // Nobody listens on the port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (app, router, _folder) = traced(&format!("http://{gone}"));
    for _ in 0..20 {
        assert_eq!(ask(&router, "/healthz", None).await, StatusCode::OK);
    }
    let flushing = app.clone();
    tokio::task::spawn_blocking(move || flushing.flush_traces()).await.unwrap();
    let page = app.metrics().text().unwrap();
    assert!(page.contains(r#"homing_trace_spans_total{outcome="dropped"} 20"#), "{page}");

    // One that takes the connection and says nothing: requests are answered at once all the same.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (app, router, _folder) = traced(&format!("http://{}", silent.local_addr().unwrap()));
    for _ in 0..3000 {
        assert_eq!(ask(&router, "/healthz", None).await, StatusCode::OK);
    }
    let page = app.metrics().text().unwrap();
    let dropped = page.lines().find_map(|line| {
        line.strip_prefix(r#"homing_trace_spans_total{outcome="dropped"} "#)?.parse::<u64>().ok()
    });
    // 2048 wait, 512 are on their way.
    assert!(dropped.unwrap() >= 3000 - 2048 - 512, "{page}");
    tokio::time::timeout(Duration::from_secs(1), ask(&router, "/healthz", None)).await.unwrap();
}
