//! Who may do what: every route with every role and without a key; and what is written down of it.

use serde_json::json;

use super::*;
use crate::api::route::Route;
use crate::service::{Role, create_key};

/// Asks a route with a key or without.
async fn ask(service: &Service, route: Route, key: Option<&str>) -> Reply {
    let path = route
        .path()
        .replace("{id}", "a")
        .replace("{version}", "1")
        .replace("{number}", "1")
        .replace("{model}", "shop");
    let mut request = Request::builder().method(route.method()).uri(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let body = if route.method() == axum::http::Method::GET { Body::empty() } else { Body::from("{}") };
    service.send(request.body(body).unwrap()).await
}

fn keyed(service: &Service) -> Vec<(Role, String)> {
    let make = |role: Role| {
        (role, create_key(service.app.store().as_ref(), role.name(), role, service.app.now()).unwrap().1)
    };
    let keys = Role::ALL.map(make).into();
    service.app.refresh_keys().unwrap();
    keys
}

#[tokio::test]
async fn every_route_asks_for_the_role_that_its_table_states() {
    let (service, _folder) = Service::sqlite();
    let keys = keyed(&service);
    let document = service.get("/openapi.json").await.ok();
    for &route in Route::ALL {
        let operation = &document["paths"][route.path()][route.method().as_str().to_lowercase()];
        let Some(needed) = route.role() else {
            assert_eq!(
                (&operation["x-role"], &operation["security"]),
                (&json!("none"), &json!([])),
                "{route:?}"
            );
            let status = ask(&service, route, None).await.status;
            assert!(
                status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN,
                "{route:?}: {status}"
            );
            continue;
        };
        assert_eq!(operation["x-role"], needed.name(), "{route:?}");
        let refused = ask(&service, route, None).await;
        refused.problem("unauthorized");
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        ask(&service, route, Some("homing_00")).await.problem("unauthorized");
        for (role, key) in &keys {
            let reply = ask(&service, route, Some(key)).await;
            if *role < needed {
                assert_eq!(reply.problem("forbidden")["role"], needed.name(), "{route:?} {role:?}");
            } else {
                let barred = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&reply.status);
                assert!(!barred, "{route:?} {role:?}: {}", reply.text);
            }
        }
    }
}

#[tokio::test]
async fn a_reader_changes_nothing() {
    for route in Route::ALL.iter().copied().filter(|route| route.role() <= Some(Role::Reader)) {
        let harmless = route.method() == axum::http::Method::GET
            || ["/v1/predictions", "/invocations", "/v2/models/{model}/infer"].contains(&route.path());
        assert!(harmless, "{route:?}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_worth_nothing_and_no_key_is_kept_as_text() {
    let (service, folder) = Service::sqlite();
    let keys = keyed(&service);
    let (_, key) = &keys[0];
    assert_eq!(key.len(), "homing_".len() + 64, "256 bits in hexadecimal digits");
    ask(&service, Route::Models, Some(key)).await.ok();
    let basic = Request::get("/v1/models")
        .header("authorization", format!("basic {}", to_base64(&format!("me:{key}"))));
    service.send(basic.body(Body::empty()).unwrap()).await.ok();
    let held = service.app.store().keys().unwrap();
    let id = &held.iter().find(|key| key.role == "reader").unwrap().id;
    service.app.store().revoke_key(id, service.app.now()).unwrap();
    service.app.refresh_keys().unwrap();
    ask(&service, Route::Models, Some(key)).await.problem("unauthorized");
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = &key.as_bytes()["homing_".len()..];
        assert!(!bytes.windows(text.len()).any(|window| window == text), "the store holds the key");
    }
}

fn to_base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = text.bytes().map(|byte| format!("{byte:08b}")).collect();
    let digit = |six: &[u8]| {
        let six = std::str::from_utf8(six).unwrap();
        DIGITS[usize::from_str_radix(&format!("{six:0<6}"), 2).unwrap()] as char
    };
    bits.as_bytes().chunks(6).map(digit).collect()
}

#[tokio::test]
async fn past_its_own_limit_a_key_waits_and_the_others_do_not() {
    let limits = Limits { caller_requests: 1, ..Limits::default() };
    let (service, _folder) = Service::sqlite_with(limits);
    let keys = keyed(&service);
    // A body that does not end holds the place.
    let never = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let held = Request::post("/v1/predictions").header("authorization", format!("Bearer {}", keys[0].1));
    let router = service.router.clone();
    let held = tokio::spawn(router.oneshot(held.body(never).unwrap()));
    // It comes first.
    tokio::task::yield_now().await;
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let reply = ask(&service, Route::Models, Some(&keys[0].1)).await;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            reply.problem("too_many_requests");
            assert_eq!(reply.header("retry-after"), "1");
            break;
        }
        assert!(std::time::Instant::now() < limit);
        tokio::task::yield_now().await;
    }
    ask(&service, Route::Models, Some(&keys[1].1)).await.ok();
    held.abort();
    let _ = held.await;
    ask(&service, Route::Models, Some(&keys[0].1)).await.ok();
}

#[tokio::test]
async fn who_read_or_changed_a_profile_is_written_down() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    let keys = keyed(&service);
    ask(&service, Route::Profile, Some(&keys[0].1)).await.ok();
    let event = json!({"event_id": "2", "customer_id": "a", "occurred_at": "2011-09-12", "amount": 1});
    let sent = Request::post("/v1/events").header("authorization", format!("Bearer {}", keys[1].1));
    service.send(sent.body(Body::from(json!({"events": [event]}).to_string())).unwrap()).await.ok();
    ask(&service, Route::Export, Some(&keys[1].1)).await.ok();
    service.app.write_audit().unwrap();
    let log = service.app.store().audit_of("a").unwrap();
    let ids: std::collections::HashMap<String, String> =
        service.app.store().keys().unwrap().into_iter().map(|key| (key.id, key.role)).collect();
    let mut told: Vec<(&str, &str)> = log
        .iter()
        .map(|entry| (ids[entry.key_id.as_ref().unwrap()].as_str(), entry.action.as_str()))
        .collect();
    told.sort_unstable();
    let expected =
        [("operator", "profile.change"), ("operator", "profile.export"), ("reader", "profile.read")];
    assert_eq!(told, expected);
}
