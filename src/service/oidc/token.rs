//! What an ID token must be before anybody is signed in by it (OpenID Connect Core 1.0, section 3.1.3.7).

use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::signatures::{self, ALGORITHMS};

/// How far the clocks of the provider and of this machine may differ, in seconds.
pub(super) const CLOCK_SKEW_S: i64 = 60;
/// The longest name of a person, in bytes (section 2: 255 ASCII characters).
const MAX_SUBJECT: usize = 255;

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    /// The time of this machine's clock, in seconds since 1970.
    pub now_s: i64,
}

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadToken {
    /// None of the keys is the one that the token names; there may be newer keys.
    #[error("the ID token is signed with a key that the provider does not publish")]
    UnknownKey,
    /// Anything else.
    #[error("the ID token {0}")]
    Wrong(String),
}

fn wrong(what: impl Into<String>) -> BadToken {
    BadToken::Wrong(what.into())
}

/// The claims of a token that holds in every respect.
///
/// # Errors
/// [`BadToken`]; its text names no secret and no claim of a person.
pub(super) fn claims(
    token: &str,
    keys: &[Jwk],
    expected: Expected<'_>,
) -> Result<Map<String, Value>, BadToken> {
    signatures::install();
    let header = decode_header(token).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(wrong(format!("is signed with {:?}, which is not accepted", header.alg)));
    }
    let fits = |key: &&Jwk| {
        let named = header.kid.is_none() || key.common.key_id == header.kid;
        let signs = key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
        named && signs && key.common.key_algorithm.is_none_or(|own| is_for(own, header.alg))
    };
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // By the service's own clock, below.
    validation.validate_exp = false;
    let mut last = BadToken::UnknownKey;
    for key in keys.iter().filter(fits) {
        let Ok(public) = DecodingKey::from_jwk(key) else { continue };
        if public.family() != header.alg.family() {
            continue;
        }
        match decode::<Map<String, Value>>(token, &public, &validation) {
            Ok(decoded) => {
                return check(&decoded.claims, expected).map(|()| decoded.claims);
            }
            Err(error) => last = wrong(format!("is not valid: {error}")),
        }
    }
    Err(last)
}

/// Whether a key that is published for one algorithm may check another.
fn is_for(own: KeyAlgorithm, used: Algorithm) -> bool {
    own.to_string().parse::<Algorithm>().is_ok_and(|own| own == used)
}

/// What the library does not check: times by our clock, the nonce, for whom the token was made, and who signed in.
fn check(claims: &Map<String, Value>, expected: Expected<'_>) -> Result<(), BadToken> {
    let time = |name: &str| claims.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
    let (now, skew) = (expected.now_s as f64, CLOCK_SKEW_S as f64);
    // Comparisons with NaN are false, so each is written as what has to hold.
    if !time("exp").is_some_and(|exp| now < exp + skew) {
        return Err(wrong("has expired; check the clocks of this machine and of the identity provider"));
    }
    let began = |at: f64| at <= now + skew;
    if !time("iat").is_some_and(began) || !time("nbf").is_none_or(began) {
        return Err(wrong("is not valid yet; check the clocks of this machine and of the identity provider"));
    }
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if !text("nonce").is_some_and(|nonce| super::attempt::same(nonce, expected.nonce)) {
        return Err(wrong("was made for another sign-in (nonce)"));
    }
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|aud| aud.len() > 1);
    let party = claims.get("azp").map(|party| party.as_str() == Some(expected.client_id));
    if party == Some(false) || (several && party.is_none()) {
        return Err(wrong("was made for another client (azp)"));
    }
    let subject = text("sub").unwrap_or_default();
    if subject.is_empty() || subject.len() > MAX_SUBJECT || subject.chars().any(char::is_control) {
        return Err(wrong("names nobody who can be recorded (sub)"));
    }
    Ok(())
}

/// The texts of a claim: a text by itself, or a list of them. A name with dots that is no claim by itself is a path, such as
/// `realm_access.roles`.
pub(super) fn texts<'a>(claims: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    let found = claims.get(name).or_else(|| {
        let mut steps = name.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    });
    match found {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_are_read_from_a_claim_or_a_path() {
        let Value::Object(claims) = json!({"roles": ["a", 1, "b"], "role": "c", "realm_access": {"roles": ["d"]}, "https://x.y/roles": ["e"]})
        else {
            unreachable!()
        };
        for (name, expected) in [
            ("roles", vec!["a", "b"]),
            ("role", vec!["c"]),
            ("realm_access.roles", vec!["d"]),
            ("https://x.y/roles", vec!["e"]),
            ("groups", vec![]),
            ("realm_access", vec![]),
            ("roles.0", vec![]),
        ] {
            assert_eq!(texts(&claims, name), expected, "{name}");
        }
    }
}
