//! One attempt to sign in by the identity provider: what the browser keeps while somebody is there, and what follows from it.
//!
//! The browser's cookie holds a random text, when it expires and where to go on, under a keyed hash; `state`, `nonce` and the PKCE
//! verifier are keyed hashes of the random text. So every server of the store can go on with an attempt that another one began, and who
//! does not have the cookie of this browser can do nothing with the address that the provider leads back to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use homing_datasets::Micros;
use homing_profiles::privacy::keyed_hash;
use sha2::{Digest, Sha256};

/// How long somebody may take to sign in at the provider.
pub(crate) const LIFE: Micros = 600_000_000;
/// The longest path to go on to; a longer one leads to the first page.
const MAX_NEXT: usize = 1_000;
/// The longest cookie that is read.
const MAX_COOKIE: usize = 2_000;

/// An attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    random: [u8; 32],
    expires_at: Micros,
    /// The page to show afterwards.
    pub next: String,
}

impl Attempt {
    /// An attempt that begins now.
    pub fn new(random: [u8; 32], next: &str, now: Micros) -> Attempt {
        let next = if next.len() <= MAX_NEXT { next } else { "/" };
        Attempt { random, expires_at: now + LIFE, next: next.to_owned() }
    }

    /// What the browser keeps.
    pub fn cookie(&self, secret: &[u8; 32]) -> String {
        let plain = format!(
            "{}.{}.{}",
            self.expires_at,
            URL_SAFE_NO_PAD.encode(self.random),
            URL_SAFE_NO_PAD.encode(&self.next)
        );
        let sealed = seal(secret, "cookie", plain.as_bytes());
        format!("{plain}.{sealed}")
    }

    /// The attempt of a cookie that we made and that has not expired.
    pub fn read(secret: &[u8; 32], cookie: &str, now: Micros) -> Option<Attempt> {
        let (plain, sealed) = cookie.rsplit_once('.').filter(|_| cookie.len() <= MAX_COOKIE)?;
        if !same(&seal(secret, "cookie", plain.as_bytes()), sealed) {
            return None;
        }
        let mut parts = plain.split('.');
        let expires_at = parts.next()?.parse().ok().filter(|at| *at > now)?;
        let random = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?.try_into().ok()?;
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()?;
        Some(Attempt { random, expires_at, next })
    }

    /// What the provider sends back beside the code.
    pub fn state(&self, secret: &[u8; 32]) -> String {
        seal(secret, "state", &self.random)
    }

    /// What the token must hold.
    pub fn nonce(&self, secret: &[u8; 32]) -> String {
        seal(secret, "nonce", &self.random)
    }

    /// What the code is redeemed with (RFC 7636).
    pub fn verifier(&self, secret: &[u8; 32]) -> String {
        seal(secret, "verifier", &self.random)
    }

    /// What the provider is told of it beforehand.
    pub fn challenge(&self, secret: &[u8; 32]) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier(secret)))
    }
}

/// A keyed hash for one purpose, as text.
fn seal(secret: &[u8; 32], purpose: &str, bytes: &[u8]) -> String {
    let message = [purpose.as_bytes(), b"\0", bytes].concat();
    URL_SAFE_NO_PAD.encode(keyed_hash(secret, &message))
}

/// Whether two texts are one, in a time that does not tell where they differ.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |sum, (x, y)| sum | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_read_from_its_own_cookie_only_and_for_ten_minutes() {
        let (secret, now) = ([7; 32], 1_000_000);
        let attempt = Attempt::new([1; 32], "/call?lang=zh&tag=a;b", now);
        let cookie = attempt.cookie(&secret);
        assert!(
            cookie.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
            "{cookie}"
        );
        assert_eq!(Attempt::read(&secret, &cookie, now + LIFE - 1), Some(attempt.clone()));
        assert_eq!(Attempt::read(&secret, &cookie, now + LIFE), None);
        assert_eq!(Attempt::read(&[8; 32], &cookie, now), None, "another store");
        let other = Attempt::new([2; 32], "/call", now);
        let (_, seal) =
            other.cookie(&secret).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let (plain, _) = cookie.rsplit_once('.').unwrap();
        for forged in
            [format!("{plain}.{seal}"), plain.to_owned(), String::new(), "...".to_owned(), "x".repeat(5_000)]
        {
            assert_eq!(Attempt::read(&secret, &forged, now), None, "{forged}");
        }
        assert_eq!(Attempt::new([1; 32], &"/x".repeat(999), now).next, "/");
    }

    #[test]
    fn what_follows_from_an_attempt_differs_by_purpose_attempt_and_store() {
        let (a, b) = (Attempt::new([1; 32], "/", 0), Attempt::new([2; 32], "/", 0));
        let all: Vec<String> = [(&a, [7; 32]), (&b, [7; 32]), (&a, [8; 32])]
            .iter()
            .flat_map(|(attempt, secret)| {
                [
                    attempt.state(secret),
                    attempt.nonce(secret),
                    attempt.verifier(secret),
                    attempt.challenge(secret),
                ]
            })
            .collect();
        let mut distinct = all.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|text| text.len() == 43), "256 bits each, as long as RFC 7636 asks for");
    }
}
