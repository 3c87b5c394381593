//! Sessions of people who signed in to the pages, with a key or by the identity provider.
//!
//! The browser keeps a token in a cookie that scripts cannot read and that it sends with requests of these pages only. The store
//! keeps a keyed hash of it, so that a session is valid on every server of the store. It ends with its key, or with the provider.

use axum::http::{HeaderMap, HeaderValue, header};
use homing_datasets::{DAY, Micros};

use super::access::{Caller, PERSON, Role, hex};
use super::app::App;
use super::attempts::Peer;
use super::oidc::{Attempt, LIFE as ATTEMPT_LIFE, Oidc, Person, Refused, Returned};
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

/// The purpose of the secret behind attempts to sign in by the provider.
const ATTEMPTS: &str = "page sign-ins";

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

/// The name of the cookie of an attempt to sign in by the provider.
fn attempt_name(tls: bool) -> &'static str {
    if tls { "__Host-homing_signin" } else { "homing_signin" }
}

/// The provider's site leads back here, so browsers must send this cookie with a link from elsewhere: `Lax`.
fn attempt_cookie(tls: bool, text: &str, seconds: i64) -> Cookie {
    let secure = if tls { "; Secure" } else { "" };
    Cookie(format!("{}={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", attempt_name(tls)))
}

/// A cookie of a request.
fn cookie_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The token of a session in the cookies of a request.
pub(crate) fn token(headers: &HeaderMap, tls: bool) -> Option<&str> {
    cookie_of(headers, name(tls)).filter(|token| token.len() <= MAX_TOKEN)
}

/// Whose session it is, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    /// Who has the key of this id.
    Key(String),
    /// A person, with the role that they had when they signed in, and the mark of the provider.
    Person { mark: String, role: Role, subject: String },
}

impl Holder {
    fn text(&self) -> String {
        match self {
            Holder::Key(id) => id.clone(),
            Holder::Person { mark, role, subject } => format!("{PERSON}{mark}:{}:{subject}", role.name()),
        }
    }

    fn read(text: &str) -> Option<Holder> {
        let Some(rest) = text.strip_prefix(PERSON) else { return Some(Holder::Key(text.to_owned())) };
        let (mark, rest) = rest.split_once(':')?;
        let (role, subject) = rest.split_once(':')?;
        let (mark, subject) = (mark.to_owned(), subject.to_owned());
        Some(Holder::Person { mark, role: Role::from_name(role)?, subject })
    }
}

/// What a browser is sent with once somebody is signed in by the provider.
pub(crate) struct SignedIn {
    /// The session.
    pub session: Cookie,
    /// The end of the attempt.
    pub attempt: Cookie,
    /// The page to show.
    pub next: String,
}

/// Why somebody is not signed in by the provider.
pub(crate) enum NotSignedIn {
    /// The provider or the browser is the cause.
    Refused(Refused),
    /// This service is.
    Problem(Problem),
}

impl From<Problem> for NotSignedIn {
    fn from(problem: Problem) -> Self {
        NotSignedIn::Problem(problem)
    }
}

impl From<Error> for NotSignedIn {
    fn from(error: Error) -> Self {
        NotSignedIn::Problem(error.into())
    }
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
        self.begin_session(&caller, &Holder::Key(key_id))
    }

    /// Begins a session. Its token is always a new one, whatever the browser had before.
    fn begin_session(&self, caller: &Caller, holder: &Holder) -> Result<Cookie, Problem> {
        let now = self.now();
        let token = hex(&random_bits().map_err(|cause| Problem::internal(&cause))?);
        let session = Session {
            hash: self.hash_of_session(&token)?,
            holder: holder.text(),
            created_at: now,
            expires_at: now + LIFE,
        };
        self.store.begin_session(&session)?;
        self.note_page(caller, "page.sign_in")?;
        Ok(cookie(self.exposure.tls(), &token, LIFE / 1_000_000))
    }

    fn provider(&self) -> Result<&Oidc, Problem> {
        let none = || Problem::new(Code::NotFound, "this service has no identity provider");
        self.oidc.as_ref().ok_or_else(none)
    }

    /// Where to sign in by the provider, and the cookie of the attempt.
    pub(crate) fn begin_oidc(&self, next: &str) -> Result<(String, Cookie), NotSignedIn> {
        let secret = self.store.secret(ATTEMPTS)?;
        let random = random_bits().map_err(|cause| Problem::internal(&cause))?;
        let attempt = Attempt::new(random, next, self.now());
        let url = self.provider()?.authorization_url(&attempt, &secret).map_err(NotSignedIn::Refused)?;
        Ok((url, attempt_cookie(self.exposure.tls(), &attempt.cookie(&secret), ATTEMPT_LIFE / 1_000_000)))
    }

    /// Begins a session for whom the provider vouches.
    pub(crate) fn finish_oidc(
        &self,
        headers: &HeaderMap,
        returned: &Returned,
    ) -> Result<SignedIn, NotSignedIn> {
        let (now, tls) = (self.now(), self.exposure.tls());
        let secret = self.store.secret(ATTEMPTS)?;
        let provider = self.provider()?;
        let attempt =
            cookie_of(headers, attempt_name(tls)).and_then(|text| Attempt::read(&secret, text, now));
        let attempt = attempt.ok_or(NotSignedIn::Refused(Refused::Stale))?;
        let person = provider.redeem(&attempt, &secret, returned, now.div_euclid(1_000_000));
        let Person { subject, role } = person.map_err(|refused| {
            self.access.refused(&HeaderMap::new(), Code::Unauthorized, "GET /signin/oidc", now);
            NotSignedIn::Refused(refused)
        })?;
        let caller = self.access.admit_person(&subject, role, Role::Reader, now)?;
        let session =
            self.begin_session(&caller, &Holder::Person { mark: provider.mark(), role, subject })?;
        Ok(SignedIn { session, attempt: self.end_of_attempt(), next: attempt.next })
    }

    /// The cookie that takes the place of an attempt's.
    pub(crate) fn end_of_attempt(&self) -> Cookie {
        attempt_cookie(self.exposure.tls(), "", 0)
    }

    /// Who the session of a token belongs to; an unknown or ended one is [`Code::Unauthorized`].
    pub(crate) fn signed_in(&self, token: &str) -> Result<Caller, Problem> {
        let now = self.now();
        let session = self.store.session(&self.hash_of_session(token)?)?;
        let holder =
            session.filter(|session| session.expires_at > now).and_then(|one| Holder::read(&one.holder));
        match holder {
            Some(Holder::Key(id)) => self.access.admit_signed_in(&id, Role::Reader, now),
            Some(Holder::Person { mark, role, subject })
                if self.oidc.as_ref().is_some_and(|oidc| oidc.mark() == mark) =>
            {
                self.access.admit_person(&subject, role, Role::Reader, now)
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
    fn the_holder_of_a_session_is_read_as_it_was_written() {
        let person = |subject: &str| Holder::Person {
            mark: "0a1b2c3d".into(),
            role: Role::Operator,
            subject: subject.into(),
        };
        for holder in [Holder::Key("3f9a12c4".into()), person("alice"), person("oidc:admin:b"), person("a:b")]
        {
            assert_eq!(Holder::read(&holder.text()), Some(holder));
        }
        for wrong in ["oidc:", "oidc:mark", "oidc:mark:admin", "oidc:mark:owner:alice"] {
            assert_eq!(Holder::read(wrong), None, "{wrong}");
        }
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
