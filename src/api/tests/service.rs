//! What holds for every route: unknown paths, limits, failures of the store, request ids, stopping.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::api::serve;
use crate::service::Code;

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let service = Service::new();
    for path in ["/", "/v1", "/v1/profile", "/v1/profiles/", "/v2/models"] {
        service.get(path).await.problem("not_found");
    }
    let reply = service.get("/v1/events").await;
    reply.problem("method_not_allowed");
    assert_eq!(reply.header("allow"), "POST");
    let delete = Request::patch("/v1/profiles/a").body(Body::empty()).unwrap();
    let reply = service.send(delete).await;
    reply.problem("method_not_allowed");
    assert_eq!(reply.header("allow"), "GET,HEAD,DELETE");
}

#[tokio::test]
async fn operators_see_health_readiness_models_and_metrics() {
    let service = Service::new();
    assert_eq!(service.get("/healthz").await.ok(), json!({"status": "ok"}));
    assert_eq!(service.get("/readyz").await.ok(), json!({"status": "ready", "model": "shop@1"}));
    let models = service.get("/v1/models").await.ok();
    assert_eq!(
        (&models["models"][0]["id"], &models["models"][0]["in_use"]),
        (&json!("shop@1"), &json!(true))
    );
    *service.store.failing.lock().unwrap() = Some(|| Error::Locked("p".into()));
    service.get("/readyz").await.problem("store_locked");
    *service.store.failing.lock().unwrap() = None;
    service.app.set_engine(None);
    service.get("/readyz").await.problem("no_model");
    assert_eq!(service.get("/v1/models").await.ok(), json!({"models": []}));
    assert_eq!(service.get("/healthz").await.ok(), json!({"status": "ok"}));
    let metrics = service.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    assert!(
        metrics.text.contains(r#"homing_http_requests_total{route="/readyz",method="GET",status="503"} 2"#),
        "{}",
        metrics.text
    );
    assert!(metrics.text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn each_failure_of_the_store_has_its_problem_and_keeps_its_words_in_the_log() {
    let service = Service::new();
    type Failure = fn() -> Error;
    let cases: [(Failure, &str); 8] = [
        (|| Error::Locked("/secret".into()), "store_locked"),
        (|| Error::ReadOnly("/secret".into()), "store_read_only"),
        (|| Error::Busy("secret".into()), "store_busy"),
        (|| Error::Unfinished, "store_busy"),
        (|| Error::TooNew { store: "/secret".into(), found: 9, known: 1 }, "store_failed"),
        (|| Error::Unreachable { store: "/secret".into(), detail: "refused".into() }, "store_unreachable"),
        (|| Error::Database { store: "/secret".into(), detail: "disk I/O error".into() }, "store_failed"),
        (
            || Error::Damaged { store: "/secret".into(), customer_id: "a".into(), detail: "x".into() },
            "store_failed",
        ),
    ];
    for (error, code) in cases {
        *service.store.failing.lock().unwrap() = Some(error);
        let replies = [
            service.buy("1", "a", "2011-09-12").await,
            service.get("/v1/profiles/a").await,
            service.get("/v1/profiles").await,
        ];
        let passes = ["store_locked", "store_unreachable", "store_busy"].contains(&code);
        for reply in replies {
            assert_eq!(reply.problem(code)["status"], 503);
            assert!(!reply.text.contains("secret"), "{}", reply.text);
            assert_eq!(reply.header("retry-after"), if passes { "1" } else { "" });
        }
    }
    *service.store.failing.lock().unwrap() = None;
    assert_eq!(service.buy("1", "a", "2011-09-12").await.ok()["accepted"], 1);
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_announced_or_not() {
    let service = Service::with(Limits { body_bytes: 100, ..Limits::default() }, "UTC");
    let at_limit = format!(r#"{{"customers": []{}}}"#, " ".repeat(83));
    assert_eq!(at_limit.len(), 100);
    service.post("/v1/predictions", &at_limit).await.problem("invalid_request");
    service.post("/v1/predictions", format!("{at_limit} ")).await.problem("body_too_large");
    let announced =
        Request::post("/v1/events").header("content-length", "101").body(Body::from("{}")).unwrap();
    service.send(announced).await.problem("body_too_large");
}

#[tokio::test]
async fn a_body_that_is_called_something_other_than_json_is_refused() {
    let service = Service::new();
    let sent = async |media_type: &str| {
        let request = Request::post("/v1/predictions").header("content-type", media_type);
        service.send(request.body(Body::from("{}")).unwrap()).await
    };
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        sent(media_type).await.problem("unsupported_media_type");
    }
    for media_type in ["application/json", "Application/JSON; charset=utf-8"] {
        sent(media_type).await.problem("invalid_request");
    }
}

#[tokio::test]
async fn a_request_id_is_kept_or_made_and_sent_back() {
    let service = Service::new();
    let sent = async |id: &str| {
        let request = Request::get("/v1/nothing").header("x-request-id", id).body(Body::empty()).unwrap();
        service.send(request).await.header("x-request-id").to_owned()
    };
    assert_eq!(sent("trace-7").await, "trace-7");
    assert_eq!(sent("a b").await.len(), 16);
    assert_eq!(service.get("/healthz").await.header("x-request-id").len(), 16);
}

/// Waits until so many calls stand before the store's gate.
pub(super) async fn waiting(service: &Service, calls: usize) {
    let limit = tokio::time::Instant::now() + Duration::from_secs(10);
    while service.store.gate.waiting.load(Ordering::SeqCst) != calls {
        assert!(tokio::time::Instant::now() < limit, "the calls did not come");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn past_the_limit_requests_are_refused_at_once_but_operators_are_not() {
    let service = Arc::new(Service::with(Limits { concurrent_requests: 2, ..Limits::default() }, "UTC"));
    service.store.gate.close();
    let held: Vec<_> = (0..2)
        .map(|_| {
            let service = service.clone();
            tokio::spawn(async move { service.get("/v1/profiles/a").await })
        })
        .collect();
    waiting(&service, 2).await;
    let refused = service.get("/v1/models").await;
    assert_eq!(refused.problem("overloaded")["status"], 503);
    assert_eq!(refused.header("retry-after"), "1");
    service.get("/v1/nothing").await.problem("overloaded");
    service.get("/healthz").await.ok();
    let page = service.get("/metrics").await.text;
    assert!(page.contains("homing_http_requests_in_flight 3"), "{page}");
    service.store.gate.open();
    for held in held {
        held.await.unwrap().problem("unknown_customer");
    }
    service.get("/v1/models").await.ok();
}

#[tokio::test]
async fn work_that_blocks_waits_for_its_turn() {
    let service = Arc::new(Service::with(Limits { blocking_tasks: 1, ..Limits::default() }, "UTC"));
    service.store.gate.close();
    let asked: Vec<_> = (0..3)
        .map(|_| {
            let service = service.clone();
            tokio::spawn(async move { service.get("/v1/profiles/a").await })
        })
        .collect();
    waiting(&service, 1).await;
    // What needs no turn is answered meanwhile.
    service.get("/openapi.json").await.ok();
    assert_eq!(service.store.gate.waiting.load(Ordering::SeqCst), 1);
    service.store.gate.open();
    for asked in asked {
        asked.await.unwrap().problem("unknown_customer");
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered() {
    let service =
        Service::with(Limits { request_time: Duration::from_millis(20), ..Limits::default() }, "UTC");
    service.store.gate.close();
    let reply = service.get("/v1/profiles/a").await;
    assert_eq!(reply.problem("timeout")["status"], 503);
    assert_eq!(reply.header("retry-after"), "1");
    service.store.gate.open();
}

#[tokio::test]
async fn a_panic_in_a_handler_is_answered() {
    let customer = json!({"customer_id": "panic", "events": []});
    let service = Service::new();
    let body = json!({"customers": [customer]});
    service.post("/v1/predictions", body).await.problem("internal");
    service.get("/healthz").await.ok();
}

#[tokio::test]
async fn a_stop_lets_requests_in_work_end_and_takes_no_new_ones() {
    let service = Service::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, service.router.clone(), async move {
        stopped.await.unwrap();
    }));
    let ask = |path: &'static str| {
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            agent
                .get(format!("http://{address}{path}"))
                .call()
                .map(|mut reply| (reply.status().as_u16(), reply.body_mut().read_to_string().unwrap()))
        })
    };
    assert_eq!(ask("/healthz").await.unwrap().unwrap(), (200, r#"{"status":"ok"}"#.to_owned()));
    service.store.gate.close();
    let held = ask("/v1/profiles/a");
    waiting(&service, 1).await;
    stop.send(()).unwrap();
    // The listener is closed once the server has heard of the stop.
    let limit = tokio::time::Instant::now() + Duration::from_secs(10);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        assert!(tokio::time::Instant::now() < limit, "the listener stays open");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!server.is_finished());
    service.store.gate.open();
    let (status, body) = held.await.unwrap().unwrap();
    assert_eq!(status, 404);
    assert!(body.contains("unknown_customer"));
    tokio::time::timeout(Duration::from_secs(10), server).await.unwrap().unwrap().unwrap();
}

#[test]
fn the_catalogue_has_no_code_twice() {
    let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
    assert!(Code::ALL.iter().all(|code| code.status().is_client_error() || code.status().is_server_error()));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn bodies_may_be_compressed_both_ways() {
    let service = Service::new();
    let event =
        serde_json::json!({"event_id": "1", "customer_id": "a", "occurred_at": "2011-09-12", "amount": 1});
    let body = serde_json::json!({"events": [event]}).to_string();
    let sent = async |encoding: &str, bytes: Vec<u8>| {
        let request = Request::post("/v1/events").header("content-type", "application/json");
        service.send(request.header("content-encoding", encoding).body(Body::from(bytes)).unwrap()).await
    };
    assert_eq!(sent("gzip", gzip(body.as_bytes())).await.ok()["accepted"], 1);
    assert_eq!(sent("zstd", zstd::encode_all(body.as_bytes(), 3).unwrap()).await.ok()["duplicates"], 1);
    assert_eq!(sent("identity", body.clone().into_bytes()).await.ok()["duplicates"], 1);
    sent("br", body.clone().into_bytes()).await.problem("unsupported_media_type");
    for encoding in ["gzip", "zstd"] {
        sent(encoding, body.clone().into_bytes()).await.problem("malformed_json");
    }
    // What grows without end is given up at the limit.
    let bomb = vec![b' '; 64 << 20];
    sent("gzip", gzip(&bomb)).await.problem("body_too_large");
    sent("zstd", zstd::encode_all(&bomb[..], 3).unwrap()).await.problem("body_too_large");
    for (accepted, magic) in [("gzip", &[0x1f, 0x8b][..]), ("zstd", &[0x28, 0xb5, 0x2f, 0xfd])] {
        let request = Request::get("/openapi.json").header("accept-encoding", accepted).body(Body::empty());
        let response = service.router.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.headers()["content-encoding"], accepted);
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(bytes.starts_with(magic) && bytes.len() < 40_000, "{accepted}: {}", bytes.len());
    }
}
