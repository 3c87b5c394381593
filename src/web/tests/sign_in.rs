//! Signing in with a key, and what a session allows.

use super::actions::House;
use super::*;
use crate::service::Role;

impl House {
    async fn with(&self, method: &str, uri: &str, headers: &[(&str, &str)], form: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.reply(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Signs in, and gives the cookie as the browser sends it back.
    async fn sign_in(&self, role: Role) -> String {
        let form = format!("key={}&next=%2Fcall%3Flang%3Den", self.keys[&role]);
        let reply = self.with("POST", "/signin", &[], &form).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/call?lang=en"));
        let cookie = reply.header("set-cookie");
        assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_page_without_a_session_asks_for_a_key() {
    let house = House::new(true);
    for uri in ["/?lang=en", "/call?lang=en&tier.member=super", "/customers/c%2F1?lang=en", "/models?lang=en"]
    {
        let reply = house.with("GET", uri, &[], "").await;
        assert_eq!(reply.header("www-authenticate"), "Bearer", "no browser asks for a password on its own");
        let page = reply.page(StatusCode::UNAUTHORIZED);
        has(&page, &["<h1>Sign in</h1>", "name=\"key\" type=\"password\"", "action=\"/signin?lang=en\""]);
        assert!(!page.contains("c/1"), "{page}");
    }
    for (name, value) in [
        ("authorization", "Basic YW55OmhvbWluZ18x".to_owned()),
        ("authorization", format!("Basic {}", house.keys[&Role::Admin])),
        ("cookie", "homing_session=".to_owned()),
        ("cookie", format!("homing_session={}", house.keys[&Role::Admin])),
        ("cookie", format!("homing_session={}", "0".repeat(64))),
    ] {
        house.with("GET", "/call", &[(name, &value)], "").await.page(StatusCode::UNAUTHORIZED);
    }
    let wrong = house.with("POST", "/signin?lang=en", &[], "key=homing_1&next=%2Fkpi").await;
    assert_eq!(wrong.header("set-cookie"), "");
    has(&wrong.page(StatusCode::UNAUTHORIZED), &["unknown, revoked or expired", "value=\"/kpi\""]);
    // Without keys there is nothing to sign in to.
    let open = House::new(false);
    let reply = open.with("GET", "/signin?next=%2Fkpi", &[], "").await;
    assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/kpi"));
}

#[tokio::test]
async fn a_session_ends_at_sign_out_with_its_key_and_with_its_time() {
    let house = House::new(true);
    let (mine, other) = (house.sign_in(Role::Operator).await, house.sign_in(Role::Operator).await);
    assert_ne!(mine, other);
    let seen = async |cookie: &str| {
        house.with("GET", "/customers/c%2F1?lang=en", &[("cookie", cookie)], "").await.status
    };
    let page = house.with("GET", "/customers/c%2F1?lang=en", &[("cookie", &mine)], "").await.ok();
    has(&page, &["action=\"/signout?lang=en\"", "Sign out"]);
    let out = house.with("POST", "/signout", &[("cookie", &mine)], "").await;
    assert_eq!((out.status, out.header("location")), (StatusCode::SEE_OTHER, "/signin"));
    assert!(out.header("set-cookie").starts_with("homing_session=; Path=/; Max-Age=0;"));
    assert_eq!([seen(&mine).await, seen(&other).await], [StatusCode::UNAUTHORIZED, StatusCode::OK]);
    let id = house.store.keys().unwrap().into_iter().find(|key| key.role == "operator").unwrap().id;
    house.store.revoke_key(&id, as_of()).unwrap();
    house.app.refresh_keys().unwrap();
    assert_eq!(seen(&other).await, StatusCode::UNAUTHORIZED);
    let reader = house.sign_in(Role::Reader).await;
    assert_eq!(seen(&reader).await, StatusCode::OK);
    house.later(12 * 3600);
    assert_eq!(seen(&reader).await, StatusCode::UNAUTHORIZED);
    assert!(!house.holds(reader.split('=').nth(1).unwrap()), "the store holds no token");
}

#[tokio::test]
async fn a_session_is_worth_nothing_to_another_site_and_to_the_api() {
    let house = House::new(true);
    let cookie = house.sign_in(Role::Admin).await;
    let page = house.with("GET", "/customers/c%2F1?lang=en", &[("cookie", &cookie)], "").await.ok();
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let form = format!("token={token}&opted_out=true");
    for site in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "http://evil.test")]
    {
        for uri in
            ["/customers/c%2F1/consent", "/customers/c%2F1/erase", "/models/rollback", "/signin", "/signout"]
        {
            let reply = house.with("POST", uri, &[("cookie", &cookie), site], &form).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{uri} {site:?}");
            assert!(reply.text.contains("\"cross_site\""), "{}", reply.text);
        }
    }
    assert_eq!(house.store.consent("c/1").unwrap(), None);
    for uri in ["/v1/profiles/c%2F1", "/v1/models", "/metrics"] {
        assert_eq!(
            house.with("GET", uri, &[("cookie", &cookie)], "").await.status,
            StatusCode::UNAUTHORIZED,
            "{uri}"
        );
    }
    // A link on another site: the browser left the cookie out, and sends it when this page asks again.
    let link =
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let reply = house.with("GET", "/call", &link, "").await;
    assert_eq!((reply.status, reply.header("refresh")), (StatusCode::UNAUTHORIZED, "0"));
    let same =
        [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    assert_eq!(house.with("GET", "/call", &same, "").await.header("refresh"), "");
    let reply = house.with("POST", "/customers/c%2F1/consent", &[("cookie", &cookie), same[0]], &form).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_signs_in_and_out_is_in_the_audit_log() {
    let house = House::new(true);
    let cookie = house.sign_in(Role::Reader).await;
    house.with("POST", "/signout", &[("cookie", &cookie)], "").await;
    assert!(house.holds("page.sign_in") && house.holds("page.sign_out"));
}

#[tokio::test]
async fn attempts_to_sign_in_that_fail_have_to_wait() {
    let house = House::new(true);
    let guess = async |n: u32| {
        let form = format!("key=homing_deadbeef{n}&next=%2F");
        house.with("POST", "/signin?lang=en", &[], &form).await
    };
    for n in 0..5 {
        guess(n).await.page(StatusCode::UNAUTHORIZED);
    }
    let refused = guess(5).await;
    assert_eq!(refused.header("retry-after"), "2");
    has(&refused.page(StatusCode::TOO_MANY_REQUESTS), &["Too many failed attempts", "Wait 2 s"]);
    // Others sign in meanwhile.
    house.sign_in(Role::Reader).await;
    house.later(2);
    guess(6).await.page(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn admins_see_the_audit_log_newest_first() {
    let house = House::new(true);
    let (reader, admin) = (house.sign_in(Role::Reader).await, house.sign_in(Role::Admin).await);
    let see = async |cookie: &str, uri: &str| house.with("GET", uri, &[("cookie", cookie)], "").await;
    has(&see(&reader, "/audit?lang=en").await.page(StatusCode::FORBIDDEN), &["role admin"]);
    assert!(!see(&reader, "/models?lang=en").await.ok().contains("href=\"/audit"));
    has(&see(&admin, "/models?lang=en").await.ok(), &["href=\"/audit?lang=en\""]);
    see(&admin, "/customers/c%2F1").await.ok();
    house.app.write_audit().unwrap();
    let page = see(&admin, "/audit?lang=en").await.ok();
    has(&page, &["<h1>Audit log</h1>", "profile.read", "page.sign_in", "/customers/c%2F1?lang=en"]);
    assert!(page.find("profile.read") < page.find("page.sign_in"), "newest first");
    has(&see(&admin, "/audit?lang=zh&before=1").await.ok(), &["<h1>审计日志</h1>", "暂无记录"]);
}
