//! Signing in by an identity provider: one that signs with real keys, on this machine, and what it may do wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::actions::House;
use super::*;
use crate::service::{Oidc, OidcSettings, Role};

/// What the provider does when a code is redeemed.
#[derive(Default)]
struct Ways {
    claims: Value,
    header: Value,
    /// Signs with a key that it does not publish.
    other_key: bool,
    /// The key that it publishes has another name than at first.
    rotated: bool,
    /// What it was sent.
    seen: Vec<(String, String)>,
    authorization: String,
    /// What it says of itself beside the usual.
    metadata: Value,
    keys_read: usize,
}

struct Provider {
    url: String,
    ways: Arc<Mutex<Ways>>,
}

fn key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

impl Provider {
    fn start() -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ways =
            Arc::new(Mutex::new(Ways { header: json!({"alg": "ES256", "kid": "1"}), ..Ways::default() }));
        let provider = Provider { url: url.clone(), ways: ways.clone() };
        let (known, other) = (key(), key());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut line) = (String::new(), String::new());
                while reader.read_line(&mut line).unwrap_or(0) > 2 {
                    head += &std::mem::take(&mut line);
                }
                let header = |name: &str| {
                    let found = head.lines().find_map(|line| {
                        line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name))
                    });
                    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
                };
                let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
                reader.read_exact(&mut body).unwrap();
                let mut ways = ways.lock().unwrap();
                let reply = match head.split(' ').nth(1).unwrap_or_default() {
                    "/.well-known/openid-configuration" => {
                        let mut told = json!({"issuer": url, "authorization_endpoint": format!("{url}/auth?x=1"), "token_endpoint": format!("{url}/token"), "jwks_uri": format!("{url}/jwks")});
                        if let Value::Object(more) = &ways.metadata {
                            told.as_object_mut().unwrap().extend(more.clone());
                        }
                        told
                    }
                    "/jwks" => {
                        ways.keys_read += 1;
                        let point = known.public_key().as_ref();
                        let (x, y) =
                            (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
                        let kid = if ways.rotated { "2" } else { "1" };
                        let key = |used: &str| json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": used, "alg": "ES256"});
                        json!({"keys": [{"kty": "quantum"}, key("sig"), {"kty": "oct", "k": "c2VjcmV0", "kid": "1"}]})
                    }
                    _ => {
                        ways.seen = url::form_urlencoded::parse(&body).into_owned().collect();
                        ways.authorization = header("authorization");
                        let message = format!("{}.{}", part(&ways.header), part(&ways.claims));
                        let signer = if ways.other_key { &other } else { &known };
                        let signature = signer.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
                        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
                        json!({"access_token": "x", "token_type": "Bearer", "id_token": token})
                    }
                };
                drop(ways);
                let text = reply.to_string();
                let mut stream = stream;
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
                    text.len()
                );
            }
        });
        provider
    }

    fn settings(&self) -> OidcSettings {
        OidcSettings {
            issuer: self.url.clone(),
            client_id: "homing".into(),
            client_secret: Some("s3cret/+".into()),
            public_url: "http://localhost:8080".into(),
            role_claim: "groups".into(),
            roles: vec![
                ("crm".into(), Role::Operator),
                ("bi".into(), Role::Reader),
                ("ops".into(), Role::Metrics),
            ],
            scopes: vec!["profile".into()],
            authority: None,
        }
    }
}

/// A browser on its way through the provider.
struct Visit {
    cookie: String,
    state: String,
    nonce: String,
    challenge: String,
    url: String,
}

impl House {
    fn by(provider: &Provider) -> House {
        House::with_app(true, |app| app.with_oidc(Oidc::new(provider.settings()).unwrap()))
    }

    async fn get(&self, uri: &str, cookie: &str) -> Reply {
        let request = Request::builder().uri(uri).header("cookie", cookie);
        let request = request.header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "navigate");
        self.reply(request.header("sec-fetch-dest", "document").body(Body::empty()).unwrap()).await
    }

    async fn visit(&self, next: &str) -> Visit {
        let reply = self.get(&format!("/signin/oidc?lang=en&next={next}"), "").await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.text);
        let cookie = reply.header("set-cookie");
        assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"), "{cookie}");
        let url = reply.header("location").to_owned();
        let sent: BTreeMap<String, String> =
            url::Url::parse(&url).unwrap().query_pairs().into_owned().collect();
        assert_eq!(
            (&*sent["response_type"], &*sent["client_id"], &*sent["scope"]),
            ("code", "homing", "openid profile")
        );
        assert_eq!(
            (&*sent["redirect_uri"], &*sent["code_challenge_method"], &*sent["x"]),
            ("http://localhost:8080/signin/oidc/callback", "S256", "1")
        );
        let [state, nonce, challenge] = ["state", "nonce", "code_challenge"].map(|name| sent[name].clone());
        Visit { cookie: cookie.split(';').next().unwrap().to_owned(), state, nonce, challenge, url }
    }

    /// Comes back from the provider with what belongs to the visit.
    async fn back(&self, visit: &Visit) -> Reply {
        self.get(&format!("/signin/oidc/callback?code=c0de&state={}", visit.state), &visit.cookie).await
    }
}

fn session(reply: &Reply) -> String {
    let cookies: Vec<&str> =
        reply.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let found =
        cookies.iter().find(|cookie| cookie.starts_with("homing_session=")).copied().unwrap_or_default();
    found.split(';').next().unwrap_or_default().to_owned()
}

/// The claims of a token that holds.
fn claims(provider: &Provider, visit: &Visit) -> Value {
    let now = as_of() / 1_000_000;
    json!({"iss": provider.url, "aud": "homing", "sub": "248289761001", "nonce": visit.nonce, "iat": now, "exp": now + 300, "groups": ["crm", "unknown"]})
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_by_the_provider_with_the_role_of_the_claim() {
    let provider = Provider::start();
    let house = House::by(&provider);
    let page = house.get("/call?lang=en", "").await.page(StatusCode::UNAUTHORIZED);
    has(&page, &["href=\"/signin/oidc?lang=en&#38;next=%2Fcall%3Flang%3Den\"", "name=\"key\""]);
    let visit = house.visit("%2Fcall%3Flang%3Den").await;
    assert!(!visit.url.contains("s3cret"));
    provider.ways.lock().unwrap().claims = claims(&provider, &visit);
    let reply = house.back(&visit).await;
    assert_eq!(
        (reply.status, reply.header("refresh")),
        (StatusCode::OK, "0; url=/call?lang=en"),
        "{}",
        reply.text
    );
    let cookie = session(&reply);
    assert!(!reply.text.contains(cookie.split('=').nth(1).unwrap()) && !reply.text.contains("c0de"));
    {
        let ways = provider.ways.lock().unwrap();
        let sent: BTreeMap<&str, &str> =
            ways.seen.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!((sent["grant_type"], sent["code"]), ("authorization_code", "c0de"));
        assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(sent["code_verifier"])), visit.challenge, "PKCE");
        assert_eq!(ways.authorization, format!("Basic {}", STANDARD.encode("homing:s3cret%2F%2B")));
        assert!(!sent.contains_key("client_secret"));
    }
    // An operator: may record consent, may not erase.
    let page = house.get("/customers/c%2F1?lang=en", &cookie).await.ok();
    assert!(page.contains("/consent") && !page.contains("/erase"));
    let api = Request::builder().uri("/v1/models").header("cookie", &cookie).body(Body::empty()).unwrap();
    assert_eq!(
        house.reply(api).await.status,
        StatusCode::UNAUTHORIZED,
        "a session is worth nothing to the API"
    );
    assert!(house.holds("oidc:248289761001"), "the audit log names the person");
    // The same address again: the browser no longer has the cookie of the attempt.
    let again = house.get(&format!("/signin/oidc/callback?code=c0de&state={}", visit.state), &cookie).await;
    assert_eq!((again.status, session(&again)), (StatusCode::BAD_REQUEST, String::new()));
    house.later(12 * 3600);
    assert_eq!(house.get("/call", &cookie).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_hold_signs_nobody_in() {
    let provider = Provider::start();
    let house = House::by(&provider);
    let now = as_of() / 1_000_000;
    let good = json!({"alg": "ES256", "kid": "1"});
    let with = |more: Value| (good.clone(), more, false);
    for (what, (header, more, other_key), status) in [
        ("expired, past the allowance", with(json!({"exp": now - 60})), 502),
        ("within the allowance", with(json!({"exp": now - 59})), 200),
        ("from the future", with(json!({"iat": now + 61})), 502),
        ("a clock that is ahead a little", with(json!({"iat": now + 60, "nbf": now + 60})), 200),
        ("not before", with(json!({"nbf": now + 61})), 502),
        ("no expiry", with(json!({"exp": null})), 502),
        ("an expiry that is no number", with(json!({"exp": "tomorrow"})), 502),
        ("no time", with(json!({"iat": null})), 502),
        ("another nonce", with(json!({"nonce": "another"})), 502),
        ("no nonce", with(json!({"nonce": null})), 502),
        ("another audience", with(json!({"aud": "other"})), 502),
        ("no audience", with(json!({"aud": null})), 502),
        ("several audiences without azp", with(json!({"aud": ["homing", "other"]})), 502),
        ("several audiences", with(json!({"aud": ["homing", "other"], "azp": "homing"})), 200),
        ("another party", with(json!({"azp": "other"})), 502),
        ("another issuer", with(json!({"iss": "https://evil.test"})), 502),
        ("an issuer that begins alike", with(json!({"iss": format!("{}/", provider.url)})), 502),
        ("nobody", with(json!({"sub": ""})), 502),
        ("a name with a line break", with(json!({"sub": "a\nb"})), 502),
        ("a name that is too long", with(json!({"sub": "a".repeat(256)})), 502),
        ("a key that is not published", (good.clone(), json!({}), true), 502),
        ("alg none", (json!({"alg": "none"}), json!({}), false), 502),
        ("an algorithm with a shared secret", (json!({"alg": "HS256", "kid": "1"}), json!({}), false), 502),
        ("another algorithm", (json!({"alg": "RS256", "kid": "1"}), json!({}), false), 502),
        ("an unknown key", (json!({"alg": "ES256", "kid": "7"}), json!({}), false), 502),
        (
            "an extension that must be known",
            (json!({"alg": "ES256", "kid": "1", "crit": ["x"], "x": 1}), json!({}), false),
            502,
        ),
        ("no known role", with(json!({"groups": ["unknown"]})), 403),
        ("no roles", with(json!({"groups": null})), 403),
        ("a role that sees no pages", with(json!({"groups": ["ops"]})), 403),
        ("a role by its own name, which is not mapped", with(json!({"groups": ["admin"]})), 403),
        ("the highest of several", with(json!({"groups": ["ops", "bi"]})), 200),
        ("one role as a text", with(json!({"groups": "bi"})), 200),
    ] {
        let visit = house.visit("%2F").await;
        let mut told = claims(&provider, &visit);
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        told.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        {
            let mut ways = provider.ways.lock().unwrap();
            (ways.claims, ways.header, ways.other_key) = (told, header, other_key);
        }
        let reply = house.back(&visit).await;
        assert_eq!(
            (reply.status.as_u16(), session(&reply).is_empty()),
            (status, status != 200),
            "{what}: {}",
            reply.text
        );
    }
    assert!(provider.ways.lock().unwrap().keys_read <= 3, "unknown keys do not make it ask again and again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_another_browser_or_from_another_provider_signs_nobody_in() {
    let provider = Provider::start();
    provider.ways.lock().unwrap().metadata = json!({"authorization_response_iss_parameter_supported": true});
    let house = House::by(&provider);
    let (mine, other) = (house.visit("%2F").await, house.visit("%2F").await);
    provider.ways.lock().unwrap().claims = claims(&provider, &mine);
    let issuer: String = url::form_urlencoded::byte_serialize(provider.url.as_bytes()).collect();
    let refused = async |query: &str, cookie: &str, status: u16| {
        let reply = house.get(&format!("/signin/oidc/callback?{query}"), cookie).await;
        assert_eq!(
            (reply.status.as_u16(), session(&reply)),
            (status, String::new()),
            "{query} {cookie}: {}",
            reply.text
        );
    };
    let state = &mine.state;
    refused(&format!("code=c&state={state}&iss={issuer}"), "", 400).await;
    refused(&format!("code=c&state={state}&iss={issuer}"), &other.cookie, 400).await;
    refused(&format!("code=c&state={state}&iss={issuer}"), "homing_signin=1.x.y.z", 400).await;
    refused(&format!("code=c&iss={issuer}"), &mine.cookie, 400).await;
    refused(&format!("code=c&state={state}&state={state}&iss={issuer}"), &mine.cookie, 400).await;
    refused(&format!("code=c&state={state}&iss=https%3A%2F%2Fevil.test"), &mine.cookie, 502).await;
    refused(&format!("code=c&state={state}"), &mine.cookie, 502).await;
    refused(&format!("state={state}&iss={issuer}"), &mine.cookie, 502).await;
    refused(&format!("error=access_denied&state={state}&iss={issuer}"), &mine.cookie, 401).await;
    assert!(provider.ways.lock().unwrap().seen.is_empty(), "no code was redeemed");
    // A token for one attempt does not do for another: the nonce is that of the browser's cookie.
    refused(&format!("code=c&state={}&iss={issuer}", other.state), &other.cookie, 502).await;
    let reply =
        house.get(&format!("/signin/oidc/callback?code=c&state={state}&iss={issuer}"), &mine.cookie).await;
    assert!(!session(&reply).is_empty());
    house.later(600);
    refused(&format!("code=c&state={state}&iss={issuer}"), &mine.cookie, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_of_the_provider_are_read_and_a_provider_with_another_name_is_refused() {
    let provider = Provider::start();
    let house = House::by(&provider);
    let visit = house.visit("%2F%2Fevil.test").await;
    {
        let mut ways = provider.ways.lock().unwrap();
        (ways.claims, ways.header, ways.rotated) =
            (claims(&provider, &visit), json!({"alg": "ES256", "kid": "2"}), true);
    }
    let reply = house.back(&visit).await;
    assert_eq!(
        (reply.status, reply.header("refresh")),
        (StatusCode::OK, "0; url=/"),
        "no other site is gone on to"
    );
    // A new service: it has not asked yet.
    provider.ways.lock().unwrap().metadata = json!({"issuer": "https://evil.test"});
    let house = House::by(&provider);
    let reply = house.get("/signin/oidc?lang=en&next=%2F", "").await;
    has(&reply.page(StatusCode::BAD_GATEWAY), &["You are not signed in", "did not answer as it should"]);
    provider.ways.lock().unwrap().metadata = json!({"token_endpoint": "http://evil.test/token"});
    let visit = house.visit("%2F").await;
    assert_eq!(house.back(&visit).await.status, StatusCode::BAD_GATEWAY, "no code is sent without TLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_provider_nothing_is_open_though_there_is_no_key() {
    let provider = Provider::start();
    let house = House::with_app(false, |app| app.with_oidc(Oidc::new(provider.settings()).unwrap()));
    assert_eq!(house.get("/call", "").await.status, StatusCode::UNAUTHORIZED);
    let api = Request::builder().uri("/v1/models").body(Body::empty()).unwrap();
    assert_eq!(house.reply(api).await.status, StatusCode::UNAUTHORIZED);
    let visit = house.visit("%2F").await;
    provider.ways.lock().unwrap().claims = claims(&provider, &visit);
    let cookie = session(&house.back(&visit).await);
    house.get("/models", &cookie).await.ok();
    // Without the provider its sessions are over.
    let plain = House::new(true);
    assert_eq!(plain.get("/signin/oidc", "").await.header("location"), "/signin");
    assert!(!plain.get("/signin?lang=en", "").await.ok().contains("/signin/oidc"));
}
