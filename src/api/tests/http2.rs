//! HTTP/2: what it serves, and what callers may not do with it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use axum::routing::get;
use bytes::Bytes;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::*;
use crate::api::{serve_with, tls};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(10);
const HEADERS: u8 = 1;
const RST: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn short() -> Limits {
    let time = Duration::from_millis(150);
    Limits { head_time: time, body_time: time, write_time: time, drain_time: time, ..Limits::default() }
}

async fn started(router: Router, limits: Limits) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { serve_with(listener, router, &limits, None, std::future::pending()).await });
    address
}

type Client = h2::client::SendRequest<Bytes>;

/// A client that knows beforehand that the server speaks HTTP/2.
async fn client(address: SocketAddr) -> Client {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn ask(
    client: &Client,
    request: Request<()>,
    body: Option<&str>,
) -> Result<(StatusCode, String), h2::Error> {
    let mut client = client.clone().ready().await?;
    let (response, mut sender) = client.send_request(request, body.is_none())?;
    if let Some(body) = body {
        sender.send_data(Bytes::from(body.to_owned()), true)?;
    }
    let (head, mut body) = response.await?.into_parts();
    let mut text = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        text.extend(chunk);
    }
    Ok((head.status, String::from_utf8(text).unwrap()))
}

fn of(method: &str, uri: &str) -> Request<()> {
    let request = Request::builder().method(method).uri(format!("http://localhost{uri}"));
    request.header("content-type", "application/json").body(()).unwrap()
}

#[tokio::test]
async fn events_and_profiles_go_over_one_connection_of_http2() {
    let (service, _folder) = Service::sqlite();
    let address = started(service.router.clone(), Limits::default()).await;
    let client = client(address).await;
    // From its first answer on the client knows the limit of streams.
    assert_eq!(ask(&client, of("GET", "/healthz"), None).await.unwrap().0, 200);
    let send = |n: usize| {
        let client = client.clone();
        async move {
            let event = json!({"event_id": format!("e{n}"), "customer_id": format!("c{n}"), "occurred_at": "2011-09-01", "amount": 3, "category": "x".repeat(500)});
            ask(&client, of("POST", "/v1/events"), Some(&json!({"events": [event]}).to_string()))
                .await
                .unwrap()
        }
    };
    let sent = futures_util::future::join_all((0..200).map(send)).await;
    assert!(sent.iter().all(|(status, _)| *status == StatusCode::OK), "{sent:?}");
    let (status, text) = ask(&client, of("GET", "/v1/profiles?limit=1000"), None).await.unwrap();
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, page["profiles"].as_array().unwrap().len()), (StatusCode::OK, 200));
    let (status, text) = ask(&client, of("POST", "/v1/events"), Some("{")).await.unwrap();
    assert!(status == 400 && text.contains("malformed_json"), "{text}");
}

#[tokio::test]
async fn tls_agrees_on_http2_with_who_knows_it_and_on_http1_with_others() {
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    std::fs::write(&chain, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let acceptor = tls(&chain, &key).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Service::new().router;
    tokio::spawn(async move {
        serve_with(listener, router, &Limits::default(), Some(acceptor), std::future::pending()).await
    });
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    for (offered, agreed) in
        [(vec!["h2", "http/1.1"], Some("h2")), (vec!["http/1.1"], Some("http/1.1")), (vec![], None)]
    {
        let provider = Arc::new(crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed.map(str::as_bytes));
        if agreed == Some("h2") {
            let (client, connection) = h2::client::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            assert_eq!(ask(&client, of("GET", "/healthz"), None).await.unwrap().0, 200);
        }
    }
}

/// A frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Headers, each written out (RFC 7541, section 6.2.2).
fn headers(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in pairs {
        bytes.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            bytes.push(text.len() as u8);
            bytes.extend(text.bytes());
        }
    }
    bytes
}

const HEALTH: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":path", "/healthz"), (":authority", "localhost")];

fn get_health() -> Vec<u8> {
    headers(&HEALTH)
}

/// A connection of bare frames.
struct Raw(TcpStream);

impl Raw {
    fn open(address: SocketAddr) -> Raw {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(PREFACE).unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
        Raw(stream)
    }

    /// Whether the other side still takes frames.
    fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// The frames until one is as wanted, or the end of the connection.
    fn until(&mut self, wanted: impl Fn(u8, u32) -> bool) -> Option<(u8, u32, Vec<u8>)> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).ok()?;
            if wanted(head[3], stream) {
                return Some((head[3], stream, payload));
            }
        }
    }
}

/// Tries what is done with bare frames, and sees that the service answers others all the while.
async fn attacked(limits: Limits, attack: impl FnOnce(SocketAddr) + Send + 'static) {
    let address = started(Service::new().router, limits).await;
    tokio::task::spawn_blocking(move || attack(address)).await.unwrap();
    assert_eq!(ask(&client(address).await, of("GET", "/healthz"), None).await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_reset_as_soon_as_they_are_begun_end_the_connection() {
    attacked(Limits { head_time: Duration::from_millis(400), ..Limits::default() }, |address| {
        let mut raw = Raw::open(address);
        let ended = Instant::now() + PATIENCE;
        for stream in (1..).step_by(2) {
            let begun = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get_health());
            if !raw.send(&[begun, frame(RST, 0, stream, &8_u32.to_be_bytes())].concat()) {
                return;
            }
            assert!(Instant::now() < ended, "{stream} streams were taken");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_streams_than_the_limit_are_refused_one_by_one() {
    let slow = Router::new().route("/healthz", get(std::future::pending::<&'static str>));
    let address = started(slow, Limits::default()).await;
    let refused = tokio::task::spawn_blocking(move || {
        let mut raw = Raw::open(address);
        for stream in (1..=203).step_by(2) {
            assert!(raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &get_health())));
        }
        raw.until(|kind, _| kind == RST || kind == GOAWAY)
    });
    let (kind, stream, code) = refused.await.unwrap().unwrap();
    assert_eq!((kind, stream, code), (RST, 201, 7_u32.to_be_bytes().to_vec()), "REFUSED_STREAM");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_end_and_headers_that_are_too_long_are_cut_off() {
    attacked(Limits::default(), |address| {
        let mut raw = Raw::open(address);
        assert!(raw.send(&frame(HEADERS, END_STREAM, 1, &get_health())));
        let more = headers(&[("x-filler", "y")]).repeat(1_000);
        let mut taken = 0;
        while taken < 100_000 && raw.send(&frame(CONTINUATION, 0, 1, &more)) {
            taken += 1;
        }
        assert!(taken < 100_000);
        let mut raw = Raw::open(address);
        let filler = "z".repeat(120);
        let long: Vec<(&str, &str)> =
            HEALTH.into_iter().chain((0..400).map(|_| ("x-filler", filler.as_str()))).collect();
        let block = headers(&long);
        let (first, rest) = block.split_at(16_000);
        assert!(raw.send(&frame(HEADERS, END_STREAM, 1, first)));
        for (at, piece) in rest.chunks(16_000).enumerate() {
            let last = (at + 1) * 16_000 >= rest.len();
            assert!(raw.send(&frame(CONTINUATION, if last { END_HEADERS } else { 0 }, 1, piece)));
        }
        // 431 as the service's own answer, or the end of the stream or the connection: never 200.
        if let Some((kind, _, payload)) = raw.until(|kind, stream| kind == GOAWAY || stream == 1) {
            assert!(kind != HEADERS || payload[0] != 0x88, "{payload:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_could_be_read_in_two_ways_are_refused() {
    attacked(Limits::default(), |address| {
        let with = |more: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> {
            HEALTH.into_iter().chain(more.iter().copied()).collect()
        };
        for (what, pairs) in [
            ("a transfer encoding", with(&[("transfer-encoding", "chunked")])),
            ("a connection header", with(&[("connection", "keep-alive")])),
            ("a name in capitals", with(&[("X-Upper", "1")])),
            ("a line break in a value", with(&[("x-split", "a\r\nhost: evil")])),
            ("a NUL in a value", with(&[("x-nul", "a\0b")])),
            ("a length that is not that of the body", with(&[("content-length", "5")])),
            ("two lengths", with(&[("content-length", "0"), ("content-length", "5")])),
            (
                "a pseudo-header after the others",
                vec![HEALTH[0], HEALTH[1], HEALTH[2], ("x", "y"), HEALTH[3]],
            ),
            ("two paths", with(&[(":path", "/metrics")])),
            ("no path", vec![HEALTH[0], HEALTH[1], HEALTH[3]]),
            ("a space in the path", vec![HEALTH[0], HEALTH[1], (":path", "/healthz HTTP/1.1"), HEALTH[3]]),
        ] {
            let mut raw = Raw::open(address);
            assert!(raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &headers(&pairs))));
            let answered = raw.until(|kind, stream| kind == GOAWAY || stream == 1);
            // 0x88 is `:status: 200`.
            assert!(
                answered.is_none_or(|(kind, _, payload)| kind != HEADERS || payload[0] != 0x88),
                "{what}"
            );
        }
        // Without keys a foreign name is refused in either place.
        for pairs in [
            vec![HEALTH[0], HEALTH[1], HEALTH[2], (":authority", "evil.test")],
            with(&[("host", "evil.test")]),
        ] {
            let mut raw = Raw::open(address);
            assert!(raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &headers(&pairs))));
            let (kind, _, payload) = raw.until(|kind, stream| kind == GOAWAY || stream == 1).unwrap();
            assert!(kind == HEADERS && payload[0] != 0x88, "{pairs:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_requests_and_one_that_reads_no_reply_are_closed() {
    let long = Router::new().route(
        "/long",
        get(|| async {
            Body::from_stream(futures_util::stream::repeat_with(|| {
                Ok::<_, std::io::Error>(vec![b'x'; 64 << 10])
            }))
        }),
    );
    let address = started(long, short()).await;
    let ended = tokio::task::spawn_blocking(move || {
        for request in [
            None,
            Some([(":method", "GET"), (":scheme", "http"), (":path", "/long"), (":authority", "localhost")]),
        ] {
            let began = Instant::now();
            let mut raw = Raw::open(address);
            if let Some(pairs) = request {
                assert!(raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &headers(&pairs))));
            }
            // The window of the reply, 64 KiB, is never opened again.
            assert_eq!(raw.until(|_, _| false), None, "the end of the connection");
            assert!(
                began.elapsed() >= Duration::from_millis(150) && began.elapsed() < PATIENCE,
                "{:?}",
                began.elapsed()
            );
        }
    });
    ended.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_many_streams_share_one_limit_of_memory() {
    let (service, _folder) = Service::sqlite_with(Limits { bodies_bytes: 256 << 10, ..Limits::default() });
    let address = started(service.router.clone(), Limits::default()).await;
    let client = client(address).await;
    let mut held = Vec::new();
    let mut refused = 0;
    for _ in 0..16 {
        let mut client = client.clone().ready().await.unwrap();
        let (response, mut sender) = client.send_request(of("POST", "/v1/events"), false).unwrap();
        // Less than what HTTP/1.1 needs no permit for; the end does not come.
        sender.send_data(Bytes::from(vec![b' '; 15_000]), false).unwrap();
        // The stream may be refused already.
        let _ = sender.send_data(Bytes::from(vec![b' '; 15_000]), false);
        if let Ok(response) = tokio::time::timeout(Duration::from_millis(100), response).await {
            assert_eq!(response.unwrap().status(), 503);
            refused += 1;
        }
        held.push(sender);
    }
    assert!(refused >= 8, "{refused} of 16");
}
