//! Who may do what: roles, keys, and the log of who read or changed which profile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use homing_datasets::Micros;
use serde::Serialize;

use super::problem::{Code, Problem};
use homing_profiles::access::{AuditEntry, Key};
use homing_profiles::privacy::keyed_hash;
use homing_profiles::{Error, Store};

/// What a key allows; each role allows all that those before it allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads profiles, lists, changes and scores; changes nothing.
    Reader,
    /// Sends events, records consent, exports customer data, handles dead letters.
    Operator,
    /// Promotes and rolls back models.
    Scientist,
    /// Erases customers.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Role; 4] = [Role::Reader, Role::Operator, Role::Scientist, Role::Admin];

    /// The role's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Operator => "operator",
            Role::Scientist => "scientist",
            Role::Admin => "admin",
        }
    }

    /// The role with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// How every key begins, so that one is known as such where it should not be.
const PREFIX: &str = "homing_";

/// Creates a key: adds its keyed hash to the store, and returns it with its text, which is not stored.
///
/// # Errors
/// [`Error`] of the store, or of the machine's source of randomness.
pub fn create_key(store: &dyn Store, name: &str, role: Role, now: Micros) -> Result<(Key, String), Error> {
    let mut bits = [0; 36];
    getrandom::fill(&mut bits).map_err(|error| Error::Database {
        store: "keys".to_owned(),
        detail: format!("cannot read random bytes from the operating system: {error}"),
    })?;
    let (id, secret) = bits.split_at(4);
    let text = format!("{PREFIX}{}", hex(secret));
    let key = Key {
        id: hex(id),
        name: name.to_owned(),
        role: role.name().to_owned(),
        hash: keyed_hash(&store.secret(PURPOSE)?, text.as_bytes()),
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    store.insert_key(&key)?;
    Ok((key, text))
}

/// The purpose of the secret behind the hashes of keys.
const PURPOSE: &str = "api keys";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    key: Option<Arc<Known>>,
}

impl Caller {
    /// The id of the caller's key, where keys are asked for.
    pub fn key_id(&self) -> Option<String> {
        self.key.as_ref().map(|known| known.key.id.clone())
    }

    /// Whether the caller may do what needs this role. Where no keys are asked for, everybody may do everything.
    pub fn may(&self, role: Role) -> bool {
        self.key.as_ref().is_none_or(|known| known.role.is_some_and(|own| own >= role))
    }
}

/// A key as the service knows it.
#[derive(Debug)]
struct Known {
    key: Key,
    role: Option<Role>,
    in_work: AtomicUsize,
}

#[derive(Debug, Default)]
struct Keys {
    /// Whether there is any key, revoked ones too: then all must show one.
    demanded: bool,
    by_hash: HashMap<[u8; 32], Arc<Known>>,
}

/// The keys as last read from the store.
#[derive(Debug, Default)]
pub(crate) struct Access {
    secret: RwLock<Option<[u8; 32]>>,
    keys: RwLock<Arc<Keys>>,
    unwritten: Mutex<Vec<AuditEntry>>,
}

/// Audit entries that may wait to be written; past them nothing that must be audited is answered.
const UNWRITTEN: usize = 100_000;

impl Access {
    /// Reloads the keys. On failure the previous ones stay.
    pub fn refresh(&self, store: &dyn Store) -> Result<(), Error> {
        if self.secret.read().unwrap_or_else(PoisonError::into_inner).is_none() {
            let secret = store.secret(PURPOSE)?;
            *self.secret.write().unwrap_or_else(PoisonError::into_inner) = Some(secret);
        }
        let held = store.keys()?;
        let before = self.keys();
        let known = |key: Key| {
            let same = before.by_hash.get(&key.hash).filter(|known| known.key == key);
            let new = || {
                Arc::new(Known {
                    role: Role::from_name(&key.role),
                    in_work: AtomicUsize::new(0),
                    key: key.clone(),
                })
            };
            (key.hash, same.cloned().unwrap_or_else(new))
        };
        let keys = Keys { demanded: !held.is_empty(), by_hash: held.into_iter().map(known).collect() };
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }

    fn keys(&self) -> Arc<Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether callers must show a key.
    pub fn demanded(&self) -> bool {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).demanded
    }

    /// Admits a caller whose key has the role; `None` admits everyone.
    pub fn admit(&self, headers: &HeaderMap, needed: Option<Role>, now: Micros) -> Result<Caller, Problem> {
        let keys = self.keys();
        let Some(needed) = needed.filter(|_| keys.demanded) else { return Ok(Caller { key: None }) };
        let unauthorized = |detail: &str| Err(Problem::new(Code::Unauthorized, detail));
        let Some(text) = shown(headers) else {
            return unauthorized(
                "no API key; send `Authorization: Bearer homing_...`. Create a key with `homing keys create`",
            );
        };
        let Some(secret) = *self.secret.read().unwrap_or_else(PoisonError::into_inner) else {
            return Err(Problem::internal(&"the store has API keys, but not the secret of their hashes"));
        };
        let hash = keyed_hash(&secret, text.as_bytes());
        let Some(known) = keys.by_hash.get(&hash) else {
            return unauthorized("unknown API key; create one with `homing keys create`");
        };
        if known.key.revoked_at.is_some() {
            return unauthorized("the API key was revoked");
        }
        if known.key.expires_at.is_some_and(|at| at <= now) {
            return unauthorized("the API key has expired");
        }
        let role = known.role.map_or("none", Role::name);
        if known.role.is_none_or(|role| role < needed) {
            let detail =
                format!("this route requires the role {}; the key has the role {role}", needed.name());
            return Err(Problem::new(Code::Forbidden, detail).with("role", needed.name()));
        }
        Ok(Caller { key: Some(known.clone()) })
    }

    /// Takes a place among the caller's own requests in work.
    pub fn enter(&self, caller: &Caller, limit: usize) -> Result<Option<InWork>, Problem> {
        let Some(known) = &caller.key else { return Ok(None) };
        let place = InWork(known.clone());
        if known.in_work.fetch_add(1, Ordering::Relaxed) < limit {
            return Ok(Some(place));
        }
        let detail = format!(
            "limit of {limit} concurrent requests per key reached; wait for running requests to finish"
        );
        Err(Problem::new(Code::TooManyRequests, detail).with("limit", limit))
    }

    /// Queues an audit entry for what a caller did. Without keys there is no caller to record.
    pub fn note(&self, caller: &Caller, action: &str, customers: &[&str], at: Micros) -> Result<(), Problem> {
        if caller.key.is_none() {
            return Ok(());
        }
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        if unwritten.len() + customers.len() > UNWRITTEN {
            let detail = "cannot write the audit log; requests that must be audited are refused until it can \
                          be written";
            return Err(Problem::new(Code::StoreFailed, detail));
        }
        unwritten.extend(customers.iter().map(|id| AuditEntry {
            at,
            key_id: caller.key_id(),
            action: action.to_owned(),
            customer_id: Some((*id).to_owned()),
            detail: String::new(),
        }));
        Ok(())
    }

    /// Writes what was noted. What cannot be written stays noted.
    pub fn write_notes(&self, store: &dyn Store) -> Result<(), Error> {
        let mut noted = std::mem::take(&mut *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner));
        if noted.is_empty() {
            return Ok(());
        }
        let written = store.audit(&noted);
        if written.is_err() {
            let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
            noted.append(&mut unwritten);
            *unwritten = noted;
        }
        written
    }
}

/// A request of a key in work.
#[derive(Debug)]
pub(crate) struct InWork(Arc<Known>);

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.in_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Base64 as browsers write it, padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key of a request: as a bearer token, or as the password of HTTP's basic scheme, which browsers ask for.
fn shown(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64.decode(rest).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_as_a_bearers_or_as_the_password_of_a_browser() {
        let shown =
            |value: &str| shown(&HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]));
        assert_eq!(shown("Bearer homing_1").as_deref(), Some("homing_1"));
        // any:homing_1, padded and not.
        assert_eq!(shown("Basic YW55OmhvbWluZ18x").as_deref(), Some("homing_1"));
        assert_eq!(shown("basic YTpiYw==").as_deref(), Some("bc"));
        assert_eq!(shown("Basic YTpiYw").as_deref(), Some("bc"));
        for wrong in ["Basic YTpi!", "Basic YQ", "Digest x", "Bearer"] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn roles_are_ordered_and_named() {
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
    }
}
