//! Sessions of people who signed in to the pages with a key.
//!
//! The browser keeps a token in a cookie that scripts cannot read and that it sends with requests of these pages only. The store
//! keeps a keyed hash of it, so that a session is valid on every server of the store and ends with its key.

use axum::http::{HeaderMap, HeaderValue, header};
use homing_datasets::{DAY, Micros};

use super::access::{Caller, Role, hex};
use super::app::App;
use super::attempts::Peer;
use super::problem::{Code, Problem};
use homing_profiles::Error;
use homing_profiles::access::{AuditEntry, Session, random_bits};
use homing_profiles::privacy::keyed_hash;

/// How long a session lasts: a working day.
const LIFE: Micros = DAY / 2;
/// The purpose of the secret behind the hashes of tokens.
const PURPOSE: &str = "page sessions";
/// The longest token that is looked up.
const MAX_TOKEN: usize = 128;

/// What a browser has to send back as the session's cookie, with how it may keep it.
pub(crate) struct Cookie(String);

impl Cookie {
    /// The value of a `Set-Cookie` header.
    pub fn header(&self) -> Result<HeaderValue, Problem> {
        HeaderValue::from_str(&self.0).map_err(|error| Problem::internal(&error))
    }
}

/// The name of the cookie. With the prefix `__Host-` browsers take it over TLS only, and from this very host only.
fn name(tls: bool) -> &'static str {
    if tls { "__Host-homing_session" } else { "homing_session" }
}

fn cookie(tls: bool, token: &str, seconds: i64) -> Cookie {
    let secure = if tls { "; Secure" } else { "" };
    Cookie(format!("{}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", name(tls)))
}

/// The token of a session in the cookies of a request.
pub(crate) fn token(headers: &HeaderMap, tls: bool) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(known, _)| *known == name(tls))
        .map(|(_, token)| token)
        .filter(|token| token.len() <= MAX_TOKEN)
}

// Each blocks its thread.
impl App {
    fn hash_of_session(&self, token: &str) -> Result<[u8; 32], Error> {
        Ok(keyed_hash(&self.store.secret(PURPOSE)?, token.as_bytes()))
    }

    /// Begins a session for whoever has a key; a wrong key is [`Code::Unauthorized`], and after several of them
    /// [`Code::TooManyRequests`].
    pub(crate) fn sign_in(&self, key: &str, peer: Option<Peer>) -> Result<Cookie, Problem> {
        let (now, key) = (self.now(), key.trim());
        if let Some(wait) = self.attempts.wait(peer, key, now) {
            let detail = format!("too many failed attempts to sign in; retry in {wait} s");
            return Err(Problem::new(Code::TooManyRequests, detail).after(wait));
        }
        let caller = self.access.admit_key(key, Role::Reader, now).inspect_err(|problem| {
            if problem.code == Code::Unauthorized {
                self.attempts.failed(peer, key, now);
            }
            self.access.refused(&HeaderMap::new(), problem.code, "POST /signin", now);
        })?;
        self.attempts.succeeded(peer, key);
        let key_id = caller
            .key_id()
            .ok_or_else(|| Problem::new(Code::Unauthorized, "the service asks for no keys"))?;
        let token = hex(&random_bits().map_err(|cause| Problem::internal(&cause))?);
        let session =
            Session { hash: self.hash_of_session(&token)?, key_id, created_at: now, expires_at: now + LIFE };
        self.store.begin_session(&session)?;
        self.note_page(&caller, "page.sign_in")?;
        Ok(cookie(self.exposure.tls(), &token, LIFE / 1_000_000))
    }

    /// Who the session of a token belongs to; an unknown or ended one is [`Code::Unauthorized`].
    pub(crate) fn signed_in(&self, token: &str) -> Result<Caller, Problem> {
        let now = self.now();
        match self.store.session(&self.hash_of_session(token)?)? {
            Some(session) if session.expires_at > now => {
                self.access.admit_signed_in(&session.key_id, Role::Reader, now)
            }
            _ => Err(Problem::new(Code::Unauthorized, "the session has ended")),
        }
    }

    /// Ends a session, and gives the cookie that takes its place.
    pub(crate) fn sign_out(&self, token: Option<&str>) -> Result<Cookie, Problem> {
        if let Some(token) = token {
            if let Ok(caller) = self.signed_in(token) {
                self.note_page(&caller, "page.sign_out")?;
            }
            self.store.end_session(&self.hash_of_session(token)?)?;
        }
        Ok(cookie(self.exposure.tls(), "", 0))
    }

    fn note_page(&self, caller: &Caller, action: &str) -> Result<(), Problem> {
        let entry = AuditEntry {
            at: self.now(),
            key_id: caller.key_id(),
            action: action.to_owned(),
            customer_id: None,
            detail: String::new(),
        };
        Ok(self.store.audit(&[entry])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies_and_with_tls_under_its_own_name() {
        let headers = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::COOKIE, value.parse().unwrap());
            }
            headers
        };
        assert_eq!(token(&headers(&["a=b; homing_session=t; c"]), false), Some("t"));
        assert_eq!(token(&headers(&["a=b", "homing_session=t"]), false), Some("t"));
        assert_eq!(token(&headers(&["__Host-homing_session=t"]), true), Some("t"));
        assert_eq!(
            token(&headers(&["homing_session=t"]), true),
            None,
            "a page without TLS could have set it"
        );
        assert_eq!(token(&headers(&["xhoming_session=t"]), false), None);
        assert_eq!(token(&headers(&[&format!("homing_session={}", "t".repeat(129))]), false), None);
    }

    #[test]
    fn the_cookie_is_kept_from_scripts_and_other_sites() {
        assert_eq!(
            cookie(false, "t", 60).0,
            "homing_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"
        );
        assert_eq!(
            cookie(true, "t", 60).0,
            "__Host-homing_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        );
    }
}
