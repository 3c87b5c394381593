//! Who may do what: every route with every role and without a key; and what is written down of it.

use serde_json::json;

use super::*;
use crate::api::route::Route;
use crate::service::{Exposure, Role, create_key};

/// A request of a route with these headers.
fn request(route: Route, headers: &[(&str, &str)]) -> Request<Body> {
    let path = route
        .path()
        .replace("{id}", "a")
        .replace("{version}", "1")
        .replace("{number}", "1")
        .replace("{model}", "shop")
        .replace("{webhook}", "default")
        .replace("{event_id}", "none")
        .replace("{key}", "none");
    let mut request = Request::builder().method(route.method()).uri(path);
    let reads = route.method() == axum::http::Method::GET;
    if !reads && !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(if reads { Body::empty() } else { Body::from("{}") }).unwrap()
}

/// Asks a route with a key or without.
async fn ask(service: &Service, route: Route, key: Option<&str>) -> Reply {
    let bearer = key.map(|key| format!("Bearer {key}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    service.send(request(route, &headers)).await
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
    assert_eq!(Role::ALL[1], Role::Reader);
    for route in Route::ALL.iter().copied().filter(|route| route.role() <= Some(Role::Reader)) {
        let harmless = route.method() == axum::http::Method::GET
            || ["/v1/predictions", "/v1/lookup", "/invocations"].contains(&route.path())
            || route.path().ends_with("/infer");
        assert!(harmless, "{route:?}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_worth_nothing_and_no_key_is_kept_as_text() {
    let (service, folder) = Service::sqlite();
    let keys = keyed(&service);
    let key = of(&keys, Role::Reader);
    assert_eq!(key.len(), "homing_".len() + 64, "256 bits in hexadecimal digits");
    ask(&service, Route::Models, Some(key)).await.ok();
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

/// The key of a role.
fn of(keys: &[(Role, String)], role: Role) -> &str {
    &keys.iter().find(|(known, _)| *known == role).unwrap().1
}

/// What a request says of the site that made it, and whether that is this very site or no browser at all.
const SITES: [(&[(&str, &str)], bool); 7] = [
    (&[], true),
    (&[("origin", "http://localhost:8080"), ("host", "localhost:8080")], true),
    (&[("sec-fetch-site", "same-origin")], true),
    (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], false),
    (&[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")], false),
    (
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
        false,
    ),
    (&[("sec-fetch-site", "cross-site"), ("origin", "http://evil.test"), ("host", "localhost:8080")], false),
];

/// Routes by roles, by what browsers send by themselves, by the site that asks.
#[tokio::test]
async fn no_route_takes_what_a_browser_sends_by_itself_or_for_another_site() {
    let (service, _folder) = Service::sqlite();
    let keys = keyed(&service);
    let admin = of(&keys, Role::Admin).to_owned();
    let cookie = service.app.sign_in(&admin, None).unwrap().header().unwrap();
    let cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
    // any:KEY, as browsers send it once somebody has typed it in.
    let basic = format!("Basic {}", to_base64(&format!("any:{admin}")));
    let mut credentials: Vec<(&str, String, Option<Role>)> =
        vec![("x-none", "1".to_owned(), None), ("authorization", basic, None), ("cookie", cookie, None)];
    credentials
        .extend(keys.iter().map(|(role, key)| ("authorization", format!("Bearer {key}"), Some(*role))));
    for &route in Route::ALL {
        for (name, value, role) in &credentials {
            for (site, own) in SITES {
                let headers: Vec<_> = site.iter().copied().chain([(*name, value.as_str())]).collect();
                let reply = service.send(request(route, &headers)).await;
                let cell = format!("{route:?} {role:?} {name} {site:?}: {} {}", reply.status, reply.text);
                let code = serde_json::from_str::<Value>(&reply.text).unwrap_or_default()["code"].clone();
                let expected = match (own, route.role(), role) {
                    (false, ..) => "cross_site",
                    (true, None, _) => "",
                    (true, Some(_), None) => "unauthorized",
                    (true, Some(needed), Some(role)) if *role < needed => "forbidden",
                    _ => "",
                };
                if expected.is_empty() {
                    assert!(
                        !["cross_site", "unauthorized", "forbidden"].contains(&code.as_str().unwrap_or("")),
                        "{cell}"
                    );
                } else {
                    assert_eq!(code, expected, "{cell}");
                }
                assert_eq!(
                    ["x-content-type-options", "cache-control", "cross-origin-resource-policy"]
                        .map(|name| reply.header(name)),
                    ["nosniff", "no-store", "same-origin"],
                    "{cell}"
                );
            }
        }
    }
    assert_eq!(service.app.store().totals().unwrap().profiles, 0, "nothing was stored by any of them");
}

#[tokio::test]
async fn without_keys_no_route_answers_to_a_foreign_host_or_another_site() {
    let (service, _folder) = Service::sqlite();
    for &route in Route::ALL {
        service.send(request(route, &[("host", "evil.test:8080")])).await.problem("foreign_host");
        for (site, own) in SITES {
            let reply = service.send(request(route, site)).await;
            let code = serde_json::from_str::<Value>(&reply.text).unwrap_or_default()["code"].clone();
            assert_eq!(code == "cross_site", !own, "{route:?} {site:?}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn a_body_that_a_form_or_a_blob_can_send_is_refused() {
    let (service, _folder) = Service::sqlite();
    for &route in Route::ALL.iter().filter(|route| route.method() != axum::http::Method::GET) {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
        {
            let reply = service.send(request(route, &[("content-type", kind)])).await;
            assert_eq!(reply.problem("unsupported_media_type")["status"], 415, "{route:?} {kind}");
        }
        // A blob without a type. Clients of NVIDIA send tensors so, and nothing is changed by them.
        if matches!(route, Route::V2Infer | Route::V2VersionInfer) {
            continue;
        }
        let mut untyped = request(route, &[]);
        untyped.headers_mut().remove("content-type");
        service.send(untyped).await.problem("unsupported_media_type");
    }
    let event = json!({"event_id": "1", "customer_id": "a", "occurred_at": "2011-09-12", "amount": 1});
    let typed = Request::post("/v1/events").header("content-type", "Application/JSON; charset=utf-8");
    service.send(typed.body(Body::from(json!({"events": [event]}).to_string())).unwrap()).await.ok();
}

#[tokio::test]
async fn only_configured_websites_may_call_the_api_by_script() {
    let exposure = Exposure::new(&[], &["https://crm.lan".to_owned()], true).unwrap();
    let (service, _folder) = Service::sqlite_as(Limits::default(), |app| app.with_exposure(exposure));
    let keys = keyed(&service);
    let ask = async |origin: &str| {
        let ask = Request::options("/v1/events").header("origin", origin);
        let ask = ask.header("access-control-request-method", "POST");
        let ask = ask.header("access-control-request-headers", "authorization,content-type");
        service.send(ask.body(Body::empty()).unwrap()).await
    };
    let allowed = ask("https://crm.lan").await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://crm.lan");
    assert_eq!(allowed.header("access-control-allow-credentials"), "", "cookies stay out of it");
    assert_eq!(ask("https://evil.test").await.header("access-control-allow-origin"), "");
    let bearer = format!("Bearer {}", of(&keys, Role::Reader));
    let headers =
        [("authorization", bearer.as_str()), ("sec-fetch-site", "cross-site"), ("origin", "https://crm.lan")];
    let reply = service.send(request(Route::Models, &headers)).await;
    reply.ok();
    assert_eq!(reply.header("access-control-allow-origin"), "https://crm.lan");
    assert_eq!(reply.header("strict-transport-security"), "max-age=31536000");
    let headers = [
        ("authorization", bearer.as_str()),
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.test"),
    ];
    service.send(request(Route::Models, &headers)).await.problem("cross_site");
    // Without configuration nobody is told that anything is allowed.
    let (plain, _folder) = Service::sqlite();
    let ask = Request::options("/v1/events").header("origin", "https://crm.lan");
    let refused = plain.send(ask.body(Body::empty()).unwrap()).await;
    assert_eq!(refused.header("access-control-allow-origin"), "");
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
    let held = Request::post("/v1/predictions")
        .header("authorization", format!("Bearer {}", of(&keys, Role::Reader)));
    let router = service.router.clone();
    let held = tokio::spawn(router.oneshot(held.body(never).unwrap()));
    // It comes first.
    tokio::task::yield_now().await;
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let reply = ask(&service, Route::Models, Some(of(&keys, Role::Reader))).await;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            reply.problem("too_many_requests");
            assert_eq!(reply.header("retry-after"), "1");
            break;
        }
        assert!(std::time::Instant::now() < limit);
        tokio::task::yield_now().await;
    }
    ask(&service, Route::Models, Some(of(&keys, Role::Operator))).await.ok();
    held.abort();
    let _ = held.await;
    ask(&service, Route::Models, Some(of(&keys, Role::Reader))).await.ok();
}

#[tokio::test]
async fn who_read_or_changed_a_profile_is_written_down() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    let keys = keyed(&service);
    ask(&service, Route::Profile, Some(of(&keys, Role::Reader))).await.ok();
    let event = json!({"event_id": "2", "customer_id": "a", "occurred_at": "2011-09-12", "amount": 1});
    let sent = Request::post("/v1/events")
        .header("authorization", format!("Bearer {}", of(&keys, Role::Operator)))
        .header("content-type", "application/json");
    service.send(sent.body(Body::from(json!({"events": [event]}).to_string())).unwrap()).await.ok();
    ask(&service, Route::Export, Some(of(&keys, Role::Operator))).await.ok();
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

#[tokio::test]
async fn a_metrics_key_sees_nothing_of_customers() {
    let (service, _folder) = Service::sqlite();
    let keys = keyed(&service);
    for &route in Route::ALL.iter().filter(|route| route.role().is_some()) {
        let reply = ask(&service, route, Some(of(&keys, Role::Metrics))).await;
        match route {
            Route::Metrics => assert_eq!(reply.status, StatusCode::OK),
            _ => assert_eq!(reply.problem("forbidden")["status"], 403, "{route:?}"),
        }
    }
}

#[tokio::test]
async fn a_key_past_its_rate_waits_and_an_expired_one_is_worth_nothing() {
    use crate::service::access::{KeyTerms, create_key_on};
    let service = Service::new();
    let now = service.app.now();
    let key = |terms| create_key_on(service.app.store().as_ref(), "", Role::Reader, now, terms).unwrap().1;
    let slow = key(KeyTerms { rate: Some(2), ..KeyTerms::default() });
    let brief = key(KeyTerms { expires_at: Some(now + 60_000_000), ..KeyTerms::default() });
    service.app.refresh_keys().unwrap();
    for _ in 0..2 {
        ask(&service, Route::Models, Some(&slow)).await.ok();
    }
    let refused = ask(&service, Route::Models, Some(&slow)).await;
    assert_eq!(
        (&refused.problem("too_many_requests")["limit"], refused.header("retry-after")),
        (&json!(2), "30")
    );
    ask(&service, Route::Models, Some(&brief)).await.ok();
    service.clock.fetch_add(60_000_000, Ordering::SeqCst);
    ask(&service, Route::Models, Some(&slow)).await.ok();
    ask(&service, Route::Models, Some(&brief)).await.problem("unauthorized");
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_revoked() {
    use futures_util::StreamExt;
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    let keys = keyed(&service);
    let bearer = format!("Bearer {}", of(&keys, Role::Reader));
    let headers = [("authorization", bearer.as_str()), ("accept", "text/event-stream")];
    let response = service.router.clone().oneshot(request(Route::Changes, &headers)).await.unwrap();
    let mut stream = response.into_body().into_data_stream();
    let first = stream.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains(r#""customer_id":"a""#));
    let held = service.app.store().keys().unwrap();
    let id = &held.iter().find(|key| key.role == "reader").unwrap().id;
    service.app.store().revoke_key(id, service.app.now()).unwrap();
    service.app.refresh_keys().unwrap();
    let end = tokio::time::timeout(std::time::Duration::from_secs(5), stream.next()).await.unwrap();
    assert!(end.is_none(), "{end:?}");
}

#[tokio::test]
async fn reads_of_feed_and_dead_letters_are_in_the_audit_log_which_admins_read() {
    let (service, _folder) = Service::sqlite();
    service.buy("1", "a", "2011-09-12").await.ok();
    let keys = keyed(&service);
    ask(&service, Route::Changes, Some(of(&keys, Role::Reader))).await.ok();
    ask(&service, Route::DeadLetters, Some(of(&keys, Role::Operator))).await.ok();
    ask(&service, Route::Audit, Some(of(&keys, Role::Scientist))).await.problem("forbidden");
    service.app.write_audit().unwrap();
    let admin = of(&keys, Role::Admin);
    let log = ask(&service, Route::Audit, Some(admin)).await.ok();
    let entries = log["entries"].as_array().unwrap();
    let actions: Vec<_> = entries
        .iter()
        .map(|entry| (entry["action"].as_str().unwrap(), entry["detail"].as_str().unwrap()))
        .collect();
    let changes = service.app.store().newest_change().unwrap();
    let expected = format!("changes {changes} to {changes}");
    assert_eq!(actions, [("feed.read", expected.as_str()), ("dead_letters.read", "0 dead letters")]);
    assert!(entries.iter().all(|entry| entry["chain"].as_str().is_some_and(|chain| chain.len() == 64)));
    let next = format!("/v1/audit?cursor={}&limit=1", entries[0]["entry"]);
    let page = Request::get(next).header("authorization", format!("Bearer {admin}")).body(Body::empty());
    assert_eq!(service.send(page.unwrap()).await.ok()["entries"], json!([entries[1]]));
    let wrong = Request::get("/v1/audit?curser=1").header("authorization", format!("Bearer {admin}"));
    let problem = service.send(wrong.body(Body::empty()).unwrap()).await.problem("bad_parameter");
    assert!(problem["detail"].as_str().unwrap().contains("did you mean `cursor`?"), "{problem}");
    assert_eq!(service.app.store().verify_audit(None).unwrap().broken, None);
}

/// What the audit log has, as action, detail and how often.
fn logged(service: &Service, action: &str) -> Vec<(Option<String>, String)> {
    service.app.write_audit().unwrap();
    let log = service.app.store().audit_log(0, 10_000).unwrap();
    let of = log.into_iter().filter(|record| record.audit.action == action);
    of.map(|record| (record.audit.customer_id, record.audit.detail)).collect()
}

#[tokio::test]
async fn a_reader_who_lists_again_and_again_does_not_fill_the_audit_log() {
    let service = Service::new();
    for id in ["a", "b"] {
        service.buy(id, id, "2011-09-12").await.ok();
    }
    let keys = keyed(&service);
    for _ in 0..50 {
        ask(&service, Route::Profiles, Some(of(&keys, Role::Reader))).await.ok();
        ask(&service, Route::Profile, Some(of(&keys, Role::Reader))).await.ok();
        ask(&service, Route::Changes, Some(of(&keys, Role::Reader))).await.ok();
    }
    assert_eq!(logged(&service, "feed.read").len(), 1);
    ask(&service, Route::Profile, Some(of(&keys, Role::Admin))).await.ok();
    let of_id = |id: &str, detail: &str| (Some(id.to_owned()), detail.to_owned());
    assert_eq!(logged(&service, "profile.list"), [of_id("a", ""), of_id("b", "")]);
    assert_eq!(logged(&service, "profile.read"), [of_id("a", ""), of_id("a", "")], "one of each key");
    // How often it was is told once the time is over.
    service.clock.fetch_add(3_600_000_000, Ordering::SeqCst);
    let again = [of_id("a", ""), of_id("b", ""), of_id("a", "49 more times"), of_id("b", "49 more times")];
    let mut told = logged(&service, "profile.list");
    told[2..].sort();
    assert_eq!(told, again);
    ask(&service, Route::Profiles, Some(of(&keys, Role::Reader))).await.ok();
    assert_eq!(logged(&service, "profile.list").len(), 6, "a new hour begins");
    assert_eq!(service.app.store().verify_audit(None).unwrap().broken, None);
}

#[tokio::test]
async fn refused_requests_are_summed_up_in_the_audit_log() {
    let service = Service::new();
    let keys = keyed(&service);
    for _ in 0..20 {
        ask(&service, Route::Profile, None).await.problem("unauthorized");
        ask(&service, Route::Profile, Some("homing_guess")).await.problem("unauthorized");
        ask(&service, Route::Audit, Some(of(&keys, Role::Reader))).await.problem("forbidden");
    }
    assert_eq!(logged(&service, "request.refused"), []);
    service.clock.fetch_add(60_000_000, Ordering::SeqCst);
    let told = logged(&service, "request.refused");
    let expected = [
        (None, "40 requests: unauthorized, GET /v1/profiles/{id}".to_owned()),
        (None, "20 requests: forbidden, GET /v1/audit".to_owned()),
    ];
    assert_eq!(told, expected);
    let log = service.app.store().audit_log(0, 100).unwrap();
    let reader = service.app.store().keys().unwrap().into_iter().find(|key| key.role == "reader").unwrap().id;
    assert_eq!((&log[0].audit.key_id, log[1].audit.key_id.as_ref()), (&None, Some(&reader)));
}

#[test]
fn a_key_rotated_during_an_earlier_overlap_gets_its_full_lifetime() {
    use crate::service::access::{KeyTerms, create_key_on, rotate_key};
    const DAY: i64 = 86_400_000_000;
    let service = Service::new();
    let (store, now) = (service.app.store().as_ref(), service.app.now());
    let terms = KeyTerms { expires_at: Some(now + 90 * DAY), ..KeyTerms::default() };
    let (old, _) = create_key_on(store, "till", Role::Reader, now, terms).unwrap();
    let first = rotate_key(store, &old.id, 7 * DAY, now + DAY).unwrap().unwrap();
    assert_eq!((first.key.expires_at, first.old_expires_at), (Some(now + 91 * DAY), now + 8 * DAY));
    let second = rotate_key(store, &old.id, 7 * DAY, now + 2 * DAY).unwrap().unwrap();
    assert_eq!((second.key.expires_at, second.old_expires_at), (Some(now + 92 * DAY), now + 8 * DAY));
    let (endless, _) = create_key(store, "", Role::Reader, now).unwrap();
    let next = rotate_key(store, &endless.id, DAY, now).unwrap().unwrap();
    assert_eq!(rotate_key(store, &endless.id, DAY, now).unwrap().unwrap().key.expires_at, None);
    assert_eq!(next.key.expires_at, None);
    assert!(rotate_key(store, &old.id, DAY, now + 8 * DAY).unwrap().is_none(), "it has expired");
}

#[tokio::test]
async fn scripts_of_allowed_sites_may_send_and_read_the_headers_that_the_api_has() {
    let exposure = Exposure::new(&[], &["https://crm.lan".to_owned()], false).unwrap();
    let (service, _folder) = Service::sqlite_as(Limits::default(), |app| app.with_exposure(exposure));
    let wanted = "content-encoding,traceparent,idempotency-key,if-match,if-none-match";
    let preflight = Request::options("/v1/events")
        .header("origin", "https://crm.lan")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", wanted);
    let reply = service.send(preflight.body(Body::empty()).unwrap()).await;
    let allowed = reply.header("access-control-allow-headers").to_owned();
    assert!(wanted.split(',').all(|name| allowed.split(',').any(|known| known == name)), "{allowed}");
    let get = Request::get("/v1/models").header("origin", "https://crm.lan").body(Body::empty()).unwrap();
    let shown = service.send(get).await.header("access-control-expose-headers").to_owned();
    for name in ["etag", "retry-after", "x-request-id", "ratelimit", "ratelimit-policy", "server-timing"] {
        assert!(shown.split(',').any(|known| known == name), "{name}: {shown}");
    }
}
