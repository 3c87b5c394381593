//! Webhooks: signed, in order, again after failures, dead letters seen.

use std::sync::Mutex as Held;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

use super::*;
use crate::service::Webhook;

/// What a receiver heard, and how it answers.
#[derive(Default)]
struct Receiver {
    heard: Held<Vec<Value>>,
    tries: AtomicUsize,
}

const SECRET: &[u8] = b"a secret of the receiver's own";

/// A receiver; `answer` says what to do with the nth try and its changes.
async fn receiver(
    answer: impl Fn(usize, &Value) -> (StatusCode, Duration) + Clone + Send + Sync + 'static,
) -> (Arc<Receiver>, String) {
    let receiver = Arc::new(Receiver::default());
    let heard = receiver.clone();
    let take = move |headers: HeaderMap, body: Bytes| {
        let (heard, answer) = (heard.clone(), answer.clone());
        async move {
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET).unwrap();
            mac.update(format!("{}.", headers["homing-timestamp"].to_str().unwrap()).as_bytes());
            mac.update(&body);
            let signature: String =
                mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            let timestamp = headers["homing-timestamp"].to_str().unwrap();
            assert_eq!(headers["homing-signature"], format!("t={timestamp},v1={signature}"));
            assert!(headers["homing-delivery"].to_str().unwrap().starts_with("crm:"));
            let value: Value = serde_json::from_slice(&body).unwrap();
            let (status, pause) = answer(heard.tries.fetch_add(1, Ordering::SeqCst), &value);
            tokio::time::sleep(pause).await;
            if status.is_success() {
                heard.heard.lock().unwrap().extend(value["changes"].as_array().unwrap().clone());
            }
            status
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new().route("/hook", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (receiver, url)
}

fn hook(url: &str) -> Webhook {
    Webhook {
        answer_time: Duration::from_millis(300),
        first_pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(50),
        ..Webhook::new("crm", url, SECRET)
    }
}

fn hooked(url: &str) -> (Service, TempDir) {
    Service::sqlite_as(Limits::default(), |app| app.with_webhooks(vec![hook(url)]))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < limit, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_and_hangs_gets_everything_in_order_in_the_end() {
    let (receiver, url) = receiver(|attempt, _| match attempt {
        0 | 1 => (StatusCode::INTERNAL_SERVER_ERROR, Duration::ZERO),
        2 => (StatusCode::OK, Duration::from_secs(1)),
        3 => (StatusCode::TOO_MANY_REQUESTS, Duration::ZERO),
        _ => (StatusCode::OK, Duration::ZERO),
    })
    .await;
    let (service, _folder) = hooked(&url);
    for n in 0..6 {
        service.buy(&format!("e{n}"), &format!("c{}", n % 2), &format!("2011-09-{:02}", n + 1)).await.ok();
    }
    service.app.push_changes().unwrap();
    let fed = service.get("/v1/changes").await.ok()["changes"].as_array().unwrap().clone();
    until("not everything came", || receiver.heard.lock().unwrap().len() >= fed.len()).await;
    service.buy("late", "c9", "2011-09-10").await.ok();
    let fed = service.get("/v1/changes").await.ok()["changes"].as_array().unwrap().clone();
    until("the late one did not come", || receiver.heard.lock().unwrap().last() == fed.last()).await;
    // At least once: the piece whose answer was lost may have come twice; apart from that the order is the feed's.
    let mut heard = receiver.heard.lock().unwrap().clone();
    heard.dedup();
    let cursors = |changes: &[Value]| {
        changes.iter().map(|change| change["cursor"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let mut first = Vec::new();
    for cursor in cursors(&heard) {
        if !first.contains(&cursor) {
            first.push(cursor);
        }
    }
    assert_eq!(first, cursors(&fed));
    assert_eq!(service.get("/v1/dead-letters").await.ok(), json!({"dead_letters": [], "next": null}));
    service.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_one_pushes_and_the_other_goes_on_when_it_is_gone() {
    let (receiver, url) = receiver(|_, _| (StatusCode::OK, Duration::ZERO)).await;
    let (service, _folder) = hooked(&url);
    let (store, now) = (service.app.store().clone(), service.app.now());
    let other = App::new(store.clone(), None, Arc::new(move || now), Limits::default());
    let other = Arc::new(other.with_webhooks(vec![hook(&url)]));
    let heard = || receiver.heard.lock().unwrap().len();
    service.app.push_changes().unwrap();
    service.buy("early", "c", "2011-09-01").await.ok();
    until("the first server does not push", || heard() > 0).await;
    other.push_changes().unwrap();
    let fed = || store.changes(None, 1000).unwrap().changes.len();
    for n in 0..40 {
        service.buy(&format!("e{n}"), &format!("c{n}"), "2011-09-01").await.ok();
        if n == 20 {
            until("the first half did not come", || heard() == fed()).await;
            // The one that pushes ends; the rest comes from the other, and nothing comes twice.
            service.app.stop();
            let app = service.app.clone();
            tokio::task::spawn_blocking(move || app.finish_deliveries()).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until("the second half did not come", || heard() >= fed()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let cursors: Vec<u64> =
        receiver.heard.lock().unwrap().iter().map(|change| change["cursor"].as_u64().unwrap()).collect();
    assert!(cursors.is_sorted_by(|a, b| a < b), "{cursors:?}");
    assert_eq!(cursors.len(), fed());
    other.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_refuses_is_a_dead_letter_and_hinders_no_other() {
    let (receiver, url) = receiver(|_, body| {
        let bad = body["changes"].as_array().unwrap().iter().any(|change| change["customer_id"] == "bad");
        (if bad { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, Duration::ZERO)
    })
    .await;
    let (service, _folder) = hooked(&url);
    for (n, id) in ["a", "bad", "b"].into_iter().enumerate() {
        service.buy(&n.to_string(), id, "2011-09-12").await.ok();
    }
    service.app.push_changes().unwrap();
    until("the others did not come", || {
        receiver.heard.lock().unwrap().iter().any(|change| change["customer_id"] == "b")
    })
    .await;
    until("nothing was set aside", || !service.app.store().dead_letters(None, 1).unwrap().is_empty()).await;
    let letters = service.get("/v1/dead-letters").await.ok();
    let letter = &letters["dead_letters"][0];
    assert_eq!(letter["change"]["customer_id"], "bad");
    assert!(letter["reason"].as_str().unwrap().contains("422"), "{letter}");
    let path = format!("/v1/dead-letters/{}", letter["number"]);
    let drop = async || service.send(Request::delete(&path).body(Body::empty()).unwrap()).await;
    assert_eq!(drop().await.status, StatusCode::NO_CONTENT);
    drop().await.problem("unknown_letter");
    service.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_tested_and_delivers_again_from_a_cursor() {
    let (receiver, url) = receiver(|_, _| (StatusCode::OK, Duration::ZERO)).await;
    let (service, _folder) = hooked(&format!("{url}?token=hush"));
    service.buy("1", "a", "2011-09-12").await.ok();
    let tested = service.post("/v1/webhooks/crm/test", "").await.ok();
    assert_eq!((&tested["ok"], &tested["status"]), (&json!(true), &json!(200)), "{tested}");
    assert_eq!(receiver.heard.lock().unwrap().len(), 0, "a test holds no change");
    service.post("/v1/webhooks/none/test", "").await.problem("unknown_webhook");
    service.app.push_changes().unwrap();
    let heard = || receiver.heard.lock().unwrap().len();
    until("it did not come", || heard() == 1).await;
    let state = service.get("/v1/webhooks").await;
    assert!(!state.text.contains("hush"), "{}", state.text);
    assert_eq!(state.ok()["webhooks"][0]["name"], "crm");
    let feed = "webhook crm";
    until("the position is not kept", || service.app.store().feed_position(feed).unwrap().is_some()).await;
    assert_eq!(service.get("/v1/webhooks").await.ok()["webhooks"][0]["behind"], 0);
    let again = service.post("/v1/webhooks/crm/redeliver", json!({"cursor": 0})).await;
    assert_eq!(again.status, StatusCode::NO_CONTENT);
    until("it did not come again", || heard() == 2).await;
    service.post("/v1/webhooks/crm/redeliver", json!({"cursor": 999})).await.problem("bad_cursor");
    assert_eq!(service.post("/v1/webhooks/crm/resume", "").await.status, StatusCode::NO_CONTENT);
    service.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_gives_its_lease_back_at_once() {
    let (receiver, url) = receiver(|_, _| (StatusCode::OK, Duration::from_millis(200))).await;
    let (service, _folder) = hooked(&url);
    service.buy("1", "a", "2011-09-12").await.ok();
    service.app.push_changes().unwrap();
    until("it does not push", || receiver.tries.load(Ordering::SeqCst) > 0).await;
    let (store, now) = (service.app.store().clone(), service.app.now());
    let lease = || store.lease("webhook crm", "another server", now, now + 1).unwrap();
    assert!(!lease());
    // While a delivery is under way.
    service.app.stop();
    let app = service.app.clone();
    tokio::task::spawn_blocking(move || app.finish_deliveries()).await.unwrap();
    assert!(lease());
}
