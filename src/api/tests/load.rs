//! Callers who ask for too much, too slowly, or never end: each is told so and none takes the service from others.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use axum::routing::get;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::api::{serve_with, tls};

/// What a test waits for at most.
const PATIENCE: Duration = Duration::from_secs(10);

fn short() -> Limits {
    let time = Duration::from_millis(150);
    Limits { head_time: time, body_time: time, write_time: time, drain_time: time, ..Limits::default() }
}

/// Serves a router on a free port until the end of the test.
async fn started(router: Router, limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { serve_with(listener, router, &limits, None, std::future::pending()).await });
    address
}

/// Sends bytes and reads all that comes back until the other side closes.
async fn exchange(address: SocketAddr, bytes: &str) -> String {
    let bytes = bytes.to_owned();
    let talk = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(bytes.as_bytes());
        let mut reply = String::new();
        // A connection that is closed at once may end with an error.
        let _ = stream.read_to_string(&mut reply);
        reply
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_head_that_does_not_come_closes_the_connection() {
    let address = started(Service::new().router, short()).await;
    for head in ["", "GET /healthz HTTP/1.1\r\nx-slow: "] {
        let began = Instant::now();
        let reply = exchange(address, head).await;
        assert!(!reply.contains("200 OK"), "{reply}");
        assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
    }
    assert!(exchange(address, HEALTH).await.contains("200 OK"));
}

#[tokio::test]
async fn a_kept_connection_that_idles_is_closed() {
    let address = started(Service::new().router, short()).await;
    let reply = exchange(address, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(reply.contains("200 OK"), "{reply}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_and_takes_no_place() {
    // One request in work at a time: were the slow one among them, the other would be refused.
    let limits =
        Limits { concurrent_requests: 1, body_time: Duration::from_millis(300), ..Limits::default() };
    let service = Service::with(limits.clone(), "UTC");
    let address = started(service.router.clone(), limits).await;
    let slow = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let slow = tokio::spawn(exchange(address, slow));
    tokio::time::sleep(Duration::from_millis(50)).await;
    service.get("/v1/models").await.ok();
    let reply = slow.await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 408") && reply.contains("slow_body"), "{reply}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_problem_of_its_sender() {
    let address = started(Service::new().router, short()).await;
    let half = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut reply = String::new();
        // The connection may also be cut without a reply: half of a request deserves none.
        let _ = stream.read_to_string(&mut reply);
        reply
    };
    let reply = tokio::task::spawn_blocking(half).await.unwrap();
    assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 400"), "{reply}");
    assert!(exchange(address, HEALTH).await.contains("200 OK"));
}

#[tokio::test]
async fn a_body_in_pieces_is_put_together() {
    let service = Service::new();
    let body = r#"{"customers": [{"customer_id": "a", "events": []}]}"#.to_owned();
    for size in [1, 7, body.len()] {
        let pieces: Vec<_> =
            body.as_bytes().chunks(size).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        let request = Request::post("/v1/predictions").header("content-type", "application/json");
        let stream = Body::from_stream(futures_util::stream::iter(pieces));
        service.send(request.body(stream).unwrap()).await.ok();
    }
}

#[tokio::test]
async fn long_bodies_share_a_room() {
    let limits = Limits { bodies_bytes: 1 << 20, ..Limits::default() };
    let service = Service::with(limits, "UTC");
    let sent = async |bytes: usize| {
        let pieces = (0..bytes / 1024).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024]));
        let stream = Body::from_stream(futures_util::stream::iter(pieces));
        let request = Request::post("/v1/predictions").header("content-type", "application/json");
        service.send(request.body(stream).unwrap()).await
    };
    let refused = sent(2 << 20).await;
    assert_eq!(refused.problem("overloaded")["status"], 503);
    assert_eq!(refused.header("retry-after"), "1");
    // What was taken is given back.
    for _ in 0..3 {
        sent(200 << 10).await.problem("malformed_json");
    }
}

#[tokio::test]
async fn a_caller_who_does_not_read_loses_the_connection() {
    let long = Router::new()
        .route("/long", get(|| async { vec![b'x'; 64 << 20] }))
        .route("/short", get(|| async { "well" }));
    let address = started(long, Limits { connections: 1, ..short() }).await;
    let mut deaf = TcpStream::connect(address).unwrap();
    deaf.write_all(b"GET /long HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let limit = Instant::now() + PATIENCE;
    // There is one place: it comes free when the deaf one is given up.
    while !exchange(address, &HEALTH.replace("/healthz", "/short")).await.contains("200 OK") {
        assert!(Instant::now() < limit, "the connection is still held");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn past_the_limit_a_connection_is_told_so() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let address = started(Service::new().router, limits).await;
    let held: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(address).unwrap()).collect();
    let models = HEALTH.replace("/healthz", "/v1/models");
    let reply = exchange(address, &models).await;
    assert!(reply.starts_with("HTTP/1.1 503") && reply.contains("retry-after: 1"), "{reply}");
    assert!(reply.contains("overloaded") && reply.contains("connection: close"), "{reply}");
    // What operators and load balancers ask is answered all the same, one request a connection.
    let kept = HEALTH.replace("connection: close\r\n", "");
    for path in ["/healthz", "/readyz", "/ping", "/metrics", "/v2/health/live"] {
        let reply = exchange(address, &kept.replace("/healthz", path)).await;
        assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("connection: close"), "{path}: {reply}");
    }
    drop(held);
    let limit = Instant::now() + PATIENCE;
    while !exchange(address, &models).await.contains("200 OK") {
        assert!(Instant::now() < limit, "the places are still held");
    }
}

#[tokio::test]
async fn connections_past_the_limit_that_say_nothing_make_room_for_health() {
    let time = Duration::from_millis(150);
    let address =
        started(Service::new().router, Limits { connections: 1, head_time: time, ..Limits::default() }).await;
    let _held: Vec<TcpStream> = (0..80).map(|_| TcpStream::connect(address).unwrap()).collect();
    let limit = Instant::now() + PATIENCE;
    while !exchange(address, HEALTH).await.contains("200 OK") {
        assert!(Instant::now() < limit, "no health while idle connections are held");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_queue_for_the_store_has_an_end() {
    let limits = Limits { blocking_tasks: 1, queue: 1, ..Limits::default() };
    let service = Arc::new(Service::with(limits, "UTC"));
    service.store.gate.close();
    let ask = || {
        let service = service.clone();
        tokio::spawn(async move { service.get("/v1/profiles/a").await })
    };
    let held = [ask(), ask()];
    super::service::waiting(&service, 1).await;
    let refused = service.get("/v1/profiles/a").await;
    assert_eq!(refused.problem("overloaded")["status"], 503);
    assert_eq!(refused.header("retry-after"), "1");
    service.store.gate.open();
    for held in held {
        held.await.unwrap().problem("unknown_customer");
    }
    service.get("/v1/profiles/a").await.problem("unknown_customer");
}

#[tokio::test]
async fn tls_is_served_with_a_pair_of_files_and_nonsense_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    std::fs::write(&chain, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let acceptor = tls(&chain, &key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Service::new().router;
    tokio::spawn(async move {
        serve_with(listener, router, &Limits::default(), Some(acceptor), std::future::pending()).await
    });
    let root = ureq::tls::Certificate::from_der(cert.der()).to_owned();
    let ask = move || {
        let roots = ureq::tls::RootCerts::new_with_certs(&[root]);
        let config = ureq::tls::TlsConfig::builder().root_certs(roots).build();
        let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(config).build().into();
        agent.get(format!("https://localhost:{port}/healthz")).call().unwrap().status().as_u16()
    };
    assert_eq!(tokio::task::spawn_blocking(ask).await.unwrap(), 200);

    let missing = folder.path().join("missing.pem");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let strange = folder.path().join("strange.pem");
    std::fs::write(&strange, other.signing_key.serialize_pem()).unwrap();
    for (chain, key, word) in [
        (&missing, &key, "missing.pem"),
        (&empty, &key, "empty.pem"),
        (&chain, &empty, "empty.pem"),
        (&chain, &strange, "strange.pem"),
    ] {
        let told = tls(chain, key).err().unwrap().to_string();
        assert!(told.contains(word), "{told}");
    }
}

#[tokio::test]
async fn a_history_of_100_000_purchases_and_ids_of_any_script_are_scored() {
    let service = Service::new();
    let purchases: Vec<Value> = (0..100_000)
        .map(|i| json!({"occurred_at": format!("2010-01-{:02}", i % 28 + 1), "amount": 1}))
        .collect();
    let body = json!({"customers": [{"customer_id": "long", "events": purchases}]});
    let reply = service.post("/v1/predictions", body).await.ok();
    assert_eq!(reply["predictions"][0]["clv"], 100_000.0);
    for id in ["会员😀", "e\u{301}", "\u{202e}rtl", "a/b?c#d", "' OR 1=1 --", "\u{1}\u{7f}", "👩‍👩‍👧"]
    {
        let events = json!([{"occurred_at": "2011-09-01", "amount": 3}]);
        let body = json!({"customers": [{"customer_id": id, "events": events}]});
        assert_eq!(service.post("/v1/predictions", body).await.ok()["predictions"][0]["customer_id"], id);
    }
}

#[tokio::test]
async fn a_request_with_two_hosts_is_refused_and_an_upgrade_is_not_taken() {
    let address = started(Service::new().router, Limits::default()).await;
    let two = HEALTH.replace("host: localhost", "host: localhost\r\nhost: 127.0.0.1");
    assert!(exchange(address, &two).await.starts_with("HTTP/1.1 400"));
    let upgrade = HEALTH.replace(
        "connection: close",
        "connection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA",
    );
    let reply = exchange(address, &upgrade).await;
    assert!(reply.starts_with("HTTP/1.1 200") && !reply.contains("upgrade"), "{reply}");
}
