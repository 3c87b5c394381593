//! Signing in to the pages by an identity provider: OpenID Connect, authorization code with PKCE.
//!
//! `Attempt` is what the browser keeps while somebody is at the provider; `token` says what an ID token must be; `signatures`
//! checks its signature. Requests to the provider block their thread.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::access::{Role, hex};

mod attempt;
mod signatures;
mod token;

pub(crate) use attempt::{Attempt, LIFE, same};
use token::{BadToken, Expected};

/// How long an answer of the provider may take.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1 << 20;
/// How long what the provider says of itself is believed.
const KEPT: Duration = Duration::from_secs(3_600);
/// Keys are asked for again so soon at the earliest.
const KEYS_PAUSE: Duration = Duration::from_secs(10);
/// The path under which the provider leads back.
pub(crate) const CALLBACK: &str = "/signin/oidc/callback";

/// How people sign in by an identity provider.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// The provider: the address below which `/.well-known/openid-configuration` is.
    pub issuer: String,
    /// What this service is called there.
    pub client_id: String,
    /// The secret of this service there; without one PKCE alone protects the code.
    pub client_secret: Option<String>,
    /// The address by which browsers reach this service.
    pub public_url: String,
    /// The claim of the ID token with the roles of a person.
    pub role_claim: String,
    /// Which role a value of the claim stands for; where this is empty the values are the names of the roles.
    pub roles: Vec<(String, Role)>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Certificates (PEM) of the authority behind the provider's TLS, where it is no public one.
    pub authority: Option<String>,
}

/// What the provider says of itself (OpenID Connect Discovery 1.0).
#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Its public keys.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// What the token endpoint answers.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// Why somebody is not signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The sign-in was not begun in this browser, or too long ago.
    Stale,
    /// The provider says no.
    Denied(String),
    /// The provider cannot be reached, or its answer does not hold.
    Provider(String),
    /// The person has no role here.
    NoRole,
}

/// What the provider leads back with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Returned {
    pub code: Option<String>,
    pub state: Option<String>,
    pub iss: Option<String>,
    pub error: Option<String>,
}

/// Somebody whom the provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// The name of the provider for them, which never changes.
    pub subject: String,
    pub role: Role,
}

/// The identity provider.
#[derive(Debug)]
pub struct Oidc {
    settings: OidcSettings,
    redirect_uri: String,
    agent: ureq::Agent,
    metadata: Mutex<Option<(Instant, Metadata)>>,
    keys: Mutex<Option<(Instant, Vec<Jwk>)>>,
}

/// An address of the provider: HTTPS, or HTTP on this machine.
fn address(text: &str) -> Result<Url, String> {
    let wrong = || format!("`{text}` is not an https:// URL (http:// is accepted on localhost only)");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let host = url.host().ok_or_else(wrong)?;
    let local = match host {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    match url.scheme() {
        "https" if plain => Ok(url),
        "http" if plain && local => Ok(url),
        _ => Err(wrong()),
    }
}

impl Oidc {
    /// A provider with these settings; it is not asked yet.
    ///
    /// # Errors
    /// What is wrong with a setting, and how to write it.
    pub fn new(settings: OidcSettings) -> Result<Oidc, String> {
        let issuer = address(&settings.issuer).map_err(|wrong| format!("--oidc-issuer: {wrong}"))?;
        if issuer.query().is_some() {
            return Err("--oidc-issuer: an issuer has no query; write it as the provider does".to_owned());
        }
        let public = address(&settings.public_url).map_err(|wrong| format!("--public-url: {wrong}"))?;
        if public.path() != "/" || public.query().is_some() {
            return Err(format!(
                "--public-url: `{}` has a path; write SCHEME://HOST[:PORT], such as https://homing.lan",
                settings.public_url
            ));
        }
        if settings.client_id.is_empty() || settings.role_claim.is_empty() {
            return Err("--oidc-client-id and --oidc-role-claim must not be empty".to_owned());
        }
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_TIME))
            .max_redirects(0);
        if let Some(pem) = &settings.authority {
            let wrong = |cause: &dyn std::fmt::Display| {
                format!("--oidc-ca: no readable certificate in PEM format: {cause}")
            };
            let items = ureq::tls::parse_pem(pem.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| wrong(&error))?;
            let certificates: Vec<_> = items
                .into_iter()
                .filter_map(|item| match item {
                    ureq::tls::PemItem::Certificate(certificate) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(wrong(&"no CERTIFICATE section found"));
            }
            let roots = ureq::tls::RootCerts::from(certificates.into_iter());
            config = config.tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build());
        }
        let redirect_uri = format!("{}{CALLBACK}", public.as_str().trim_end_matches('/'));
        Ok(Oidc {
            redirect_uri,
            agent: config.build().into(),
            settings,
            metadata: Mutex::default(),
            keys: Mutex::default(),
        })
    }

    /// Sessions hold for this provider and this client only.
    pub(crate) fn mark(&self) -> String {
        let text = format!("{}\0{}", self.settings.issuer, self.settings.client_id);
        hex(&Sha256::digest(text)[..4])
    }

    /// Where somebody signs in.
    pub(crate) fn authorization_url(&self, attempt: &Attempt, secret: &[u8; 32]) -> Result<String, Refused> {
        let mut url = provided(&self.metadata()?.authorization_endpoint)?;
        let scope = std::iter::once("openid").chain(self.settings.scopes.iter().map(String::as_str));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &scope.collect::<Vec<_>>().join(" "))
            .append_pair("state", &attempt.state(secret))
            .append_pair("nonce", &attempt.nonce(secret))
            .append_pair("code_challenge", &attempt.challenge(secret))
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }

    /// Who signed in, from what the provider leads back with. `now_s`: seconds since 1970.
    pub(crate) fn redeem(
        &self,
        attempt: &Attempt,
        secret: &[u8; 32],
        returned: &Returned,
        now_s: i64,
    ) -> Result<Person, Refused> {
        let state = returned.state.as_deref().unwrap_or_default();
        if !same(state, &attempt.state(secret)) {
            return Err(Refused::Stale);
        }
        let metadata = self.metadata()?;
        // Another provider must not be taken for this one (RFC 9207).
        let named = returned.iss.as_deref();
        if named.map_or(metadata.authorization_response_iss_parameter_supported, |iss| iss != metadata.issuer)
        {
            return Err(Refused::Provider("the response is not from the issuer (iss)".to_owned()));
        }
        if let Some(error) = &returned.error {
            return Err(Refused::Denied(error.clone()));
        }
        let code = returned
            .code
            .as_deref()
            .ok_or_else(|| Refused::Provider("the response has no code".to_owned()))?;
        let tokens = self.tokens(&metadata, code, &attempt.verifier(secret))?;
        let nonce = attempt.nonce(secret);
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &nonce,
            now_s,
        };
        let claims = match token::claims(&tokens.id_token, &self.keys(&metadata, false)?, expected) {
            // The provider may have new keys.
            Err(BadToken::UnknownKey) => {
                token::claims(&tokens.id_token, &self.keys(&metadata, true)?, expected)
            }
            found => found,
        };
        let claims = claims.map_err(|error| Refused::Provider(error.to_string()))?;
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        let role = token::texts(&claims, &self.settings.role_claim)
            .into_iter()
            .filter_map(|text| self.role(text))
            .max();
        role.map(|role| Person { subject, role }).ok_or(Refused::NoRole)
    }

    /// The role that a value of the claim stands for.
    fn role(&self, text: &str) -> Option<Role> {
        if self.settings.roles.is_empty() {
            return Role::from_name(text);
        }
        self.settings.roles.iter().filter(|(known, _)| known == text).map(|(_, role)| *role).max()
    }

    /// Redeems the code.
    fn tokens(&self, metadata: &Metadata, code: &str, verifier: &str) -> Result<Tokens, Refused> {
        let OidcSettings { client_id, client_secret, .. } = &self.settings;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("code_verifier", verifier);
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        let has = |method: &str| methods.is_none_or(|methods| methods.iter().any(|known| known == method));
        let mut request = self.agent.post(provided(&metadata.token_endpoint)?.as_str());
        match client_secret {
            // RFC 6749, section 2.3.1: both parts are form-encoded first.
            Some(secret) if has("client_secret_basic") => {
                let part =
                    |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", part(client_id), part(secret));
                let pair = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
                request = request.header("authorization", format!("Basic {pair}"));
            }
            Some(secret) => {
                form.append_pair("client_id", client_id).append_pair("client_secret", secret);
            }
            None => {
                form.append_pair("client_id", client_id);
            }
        }
        let sent = request
            .content_type("application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .send(form.finish());
        answer("the token endpoint", sent)
    }

    fn metadata(&self) -> Result<Metadata, Refused> {
        let mut kept = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, metadata)) = kept.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
            let _ = at;
            return Ok(metadata.clone());
        }
        let url = format!("{}/.well-known/openid-configuration", self.settings.issuer.trim_end_matches('/'));
        let found: Result<Metadata, Refused> =
            answer("the provider's configuration", self.agent.get(&url).call());
        match (found, kept.as_ref()) {
            (Ok(metadata), _) if metadata.issuer != self.settings.issuer => Err(Refused::Provider(format!(
                "the provider calls itself `{}`; set --oidc-issuer to exactly this, if it is the right one",
                metadata.issuer
            ))),
            (Ok(metadata), _) => {
                *kept = Some((Instant::now(), metadata.clone()));
                Ok(metadata)
            }
            // It is away for a moment.
            (Err(_), Some((_, metadata))) => Ok(metadata.clone()),
            (Err(refused), None) => Err(refused),
        }
    }

    /// The provider's keys, those known already or fresh ones.
    fn keys(&self, metadata: &Metadata, fresh: bool) -> Result<Vec<Jwk>, Refused> {
        let mut kept = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = if fresh { KEYS_PAUSE } else { KEPT };
        if let Some((_, keys)) = kept.as_ref().filter(|(at, _)| at.elapsed() < limit) {
            return Ok(keys.clone());
        }
        let url = provided(&metadata.jwks_uri)?;
        let set: KeySet = answer("the provider's keys", self.agent.get(url.as_str()).call())?;
        // Keys of a kind that is not known here are of no use, and do no harm.
        let keys: Vec<Jwk> =
            set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        *kept = Some((Instant::now(), keys.clone()));
        Ok(keys)
    }
}

/// An address that the provider names.
fn provided(text: &str) -> Result<Url, Refused> {
    address(text).map_err(|wrong| Refused::Provider(format!("an endpoint of the provider: {wrong}")))
}

/// Reads an answer of the provider. What it says is not repeated, except the code of an OAuth error.
fn answer<T: DeserializeOwned>(
    what: &str,
    sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<T, Refused> {
    let wrong = |cause: String| Refused::Provider(format!("{what}: {cause}"));
    let mut sent = sent.map_err(|error| wrong(error.to_string()))?;
    let status = sent.status();
    let bytes = sent
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER)
        .read_to_vec()
        .map_err(|error| wrong(error.to_string()))?;
    if !status.is_success() {
        let told: Option<Value> = serde_json::from_slice(&bytes).ok();
        let error = told
            .as_ref()
            .and_then(|told| told.get("error"))
            .and_then(Value::as_str)
            .unwrap_or("no cause given");
        let error: String = error.chars().filter(|c| !c.is_control()).take(60).collect();
        return Err(wrong(format!("HTTP status {} ({error})", status.as_u16())));
    }
    serde_json::from_slice(&bytes).map_err(|error| wrong(format!("not the JSON that is expected: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> OidcSettings {
        OidcSettings {
            issuer: "https://id.lan/realms/shop".into(),
            client_id: "homing".into(),
            client_secret: None,
            public_url: "https://homing.lan".into(),
            role_claim: "roles".into(),
            roles: Vec::new(),
            scopes: Vec::new(),
            authority: None,
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused_at_the_start() {
        assert_eq!(Oidc::new(settings()).unwrap().redirect_uri, "https://homing.lan/signin/oidc/callback");
        let local = OidcSettings {
            issuer: "http://127.0.0.1:9/".into(),
            public_url: "http://localhost:8080".into(),
            ..settings()
        };
        assert_eq!(Oidc::new(local).unwrap().redirect_uri, "http://localhost:8080/signin/oidc/callback");
        let issuer = |text: &str| Oidc::new(OidcSettings { issuer: text.into(), ..settings() }).unwrap_err();
        for wrong in [
            "id.lan",
            "http://id.lan",
            "ftp://id.lan",
            "https://a:b@id.lan",
            "https://id.lan#x",
            "https://id.lan?x",
        ] {
            assert!(issuer(wrong).contains("--oidc-issuer"), "{wrong}");
        }
        let public =
            |text: &str| Oidc::new(OidcSettings { public_url: text.into(), ..settings() }).unwrap_err();
        for wrong in ["homing.lan", "http://homing.lan", "https://homing.lan/x", "https://homing.lan?x"] {
            assert!(public(wrong).contains("--public-url"), "{wrong}");
        }
        for wrong in ["", "no PEM"] {
            let refused =
                Oidc::new(OidcSettings { authority: Some(wrong.into()), ..settings() }).unwrap_err();
            assert!(refused.contains("--oidc-ca"), "{refused}");
        }
    }

    #[test]
    fn the_highest_role_of_the_known_values_counts() {
        let roles = vec![("crm".to_owned(), Role::Reader), ("it".to_owned(), Role::Admin)];
        let mapped = Oidc::new(OidcSettings { roles, ..settings() }).unwrap();
        assert_eq!(
            [mapped.role("it"), mapped.role("crm"), mapped.role("admin")],
            [Some(Role::Admin), Some(Role::Reader), None]
        );
        let plain = Oidc::new(settings()).unwrap();
        assert_eq!(
            [plain.role("admin"), plain.role("Admin"), plain.role("it")],
            [Some(Role::Admin), None, None]
        );
    }
}
