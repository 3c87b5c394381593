//! Who may do what: roles, keys, and the log of who read or changed which profile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::http::{HeaderMap, header};
use homing_datasets::Micros;
use serde::Serialize;

use super::problem::{Code, Problem};
use super::repetitions::{Refusals, Repeats};
use homing_profiles::access::{AuditEntry, Key};
use homing_profiles::privacy::keyed_hash;
use homing_profiles::{Error, Store};

/// What a key allows; each role allows all that those before it allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads metrics, and nothing of customers.
    Metrics,
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
    pub const ALL: [Role; 5] = [Role::Metrics, Role::Reader, Role::Operator, Role::Scientist, Role::Admin];

    /// The role's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Metrics => "metrics",
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

/// What a key may be beside its role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyTerms {
    /// When it expires.
    pub expires_at: Option<Micros>,
    /// Requests that it may send in a minute.
    pub rate: Option<u32>,
    /// How long its successors last; by default as long as it.
    pub lifetime: Option<Micros>,
}

/// Creates a key without end: adds its keyed hash to the store, and returns it with its text, which is not stored.
///
/// # Errors
/// [`Error`] of the store, or of the machine's source of randomness.
pub fn create_key(store: &dyn Store, name: &str, role: Role, now: Micros) -> Result<(Key, String), Error> {
    create_key_on(store, name, role, now, KeyTerms::default())
}

/// The same, on terms.
///
/// # Errors
/// As [`create_key`].
pub fn create_key_on(
    store: &dyn Store,
    name: &str,
    role: Role,
    now: Micros,
    terms: KeyTerms,
) -> Result<(Key, String), Error> {
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
        expires_at: terms.expires_at,
        revoked_at: None,
        rate: terms.rate,
        lifetime: terms.lifetime.or(terms.expires_at.map(|at| at - now)),
    };
    store.insert_key(&key)?;
    Ok((key, text))
}

/// A key that took the place of another.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The new key.
    pub key: Key,
    /// Its text, which is not stored.
    pub text: String,
    /// When the old key expires.
    pub old_expires_at: Micros,
}

/// Creates a key with the name, role, rate and lifetime of another one, which stays valid for a while; `None` if there is no valid key with
/// this id.
///
/// # Errors
/// As [`create_key`].
pub fn rotate_key(
    store: &dyn Store,
    id: &str,
    overlap: Micros,
    now: Micros,
) -> Result<Option<Rotated>, Error> {
    let holds = |key: &Key| key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now);
    let old = store.keys()?.into_iter().find(|key| key.id == id && holds(key));
    let Some((old, role)) = old.and_then(|old| Role::from_name(&old.role).map(|role| (old, role))) else {
        return Ok(None);
    };
    // As long as the old key was made for: an earlier rotation may have shortened when it expires.
    let terms = KeyTerms {
        expires_at: old.lifetime.map(|lifetime| now + lifetime),
        rate: old.rate,
        lifetime: old.lifetime,
    };
    let (key, text) = create_key_on(store, &old.name, role, now, terms)?;
    let end = now + overlap;
    let old_expires_at = old.expires_at.map_or(end, |at| at.min(end));
    store.expire_key(id, old_expires_at)?;
    Ok(Some(Rotated { key, text, old_expires_at }))
}

/// How the name of a person begins who signed in by an identity provider; ids of keys are hexadecimal.
pub(crate) const PERSON: &str = "oidc:";

/// The purpose of the secret behind the hashes of keys.
const PURPOSE: &str = "api keys";

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
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
    allowance: Mutex<Allowance>,
}

/// How many requests a key may send now: as many as its rate a minute, growing back evenly.
#[derive(Debug, Default)]
struct Allowance {
    /// Requests sent that have not yet grown back.
    used: f64,
    at: Micros,
}

/// What is left of a key's allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Requests a minute.
    pub limit: u32,
    /// Requests that may be sent now.
    pub left: u32,
    /// Seconds until all of them may.
    pub reset_s: u32,
}

/// Microseconds of the minute that a rate counts by.
const MINUTE: f64 = 60e6;

impl Allowance {
    /// Takes one request; else says in how many seconds there is one again.
    fn take(&mut self, rate: u32, now: Micros) -> Result<Quota, u32> {
        let limit = rate.max(1);
        let rate = f64::from(limit);
        let passed = now.saturating_sub(self.at).max(0) as f64;
        self.used = (self.used - passed / MINUTE * rate).max(0.0);
        self.at = now;
        if self.used + 1.0 <= rate {
            self.used += 1.0;
            let left = (f64::from(limit) - self.used).max(0.0) as u32;
            return Ok(Quota { limit, left, reset_s: (self.used / rate * 60.0).ceil() as u32 });
        }
        let wait = (self.used + 1.0 - rate) / rate * 60.0;
        Err(wait.ceil().max(1.0) as u32)
    }
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
    /// Whether callers must say who they are even where there is no key.
    required: bool,
    secret: RwLock<Option<[u8; 32]>>,
    keys: RwLock<Arc<Keys>>,
    unwritten: Mutex<Vec<AuditEntry>>,
    repeats: Mutex<Repeats>,
    refusals: Mutex<Refusals>,
}

/// Audit entries that may wait to be written; past them nothing that must be audited is answered.
const UNWRITTEN: usize = 100_000;

impl Access {
    /// From now on callers must say who they are, also where there is no key.
    pub fn require(&mut self) {
        self.required = true;
        self.keys = RwLock::new(Arc::new(Keys { demanded: true, ..Keys::default() }));
    }

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
                    allowance: Mutex::default(),
                    key: key.clone(),
                })
            };
            (key.hash, same.cloned().unwrap_or_else(new))
        };
        let demanded = self.required || !held.is_empty();
        let keys = Keys { demanded, by_hash: held.into_iter().map(known).collect() };
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
        match shown(headers) {
            Some(text) => self.admit_key(text, needed, now),
            None => {
                let detail = "no API key; send `Authorization: Bearer homing_...`. Create a key with `homing keys create`";
                Err(Problem::new(Code::Unauthorized, detail))
            }
        }
    }

    /// Admits a caller who shows this key, if the key has the role.
    pub fn admit_key(&self, text: &str, needed: Role, now: Micros) -> Result<Caller, Problem> {
        let keys = self.keys();
        if !keys.demanded {
            return Ok(Caller { key: None });
        }
        let Some(secret) = *self.secret.read().unwrap_or_else(PoisonError::into_inner) else {
            return Err(Problem::internal(&"the store has API keys, but not the secret of their hashes"));
        };
        let hash = keyed_hash(&secret, text.as_bytes());
        let Some(known) = keys.by_hash.get(&hash) else {
            let detail = "unknown API key; create one with `homing keys create`";
            return Err(Problem::new(Code::Unauthorized, detail));
        };
        allowed(known, needed, now)
    }

    /// Admits whoever signed in with the key of this id, if the key still holds and has the role.
    pub fn admit_signed_in(&self, key_id: &str, needed: Role, now: Micros) -> Result<Caller, Problem> {
        let keys = self.keys();
        if !keys.demanded {
            return Ok(Caller { key: None });
        }
        match keys.by_hash.values().find(|known| known.key.id == key_id) {
            Some(known) => allowed(known, needed, now),
            None => Err(Problem::new(Code::Unauthorized, "the key of this session does not exist any more")),
        }
    }

    /// Admits a person for whom an identity provider vouches, if their role is enough.
    pub fn admit_person(
        &self,
        subject: &str,
        role: Role,
        needed: Role,
        now: Micros,
    ) -> Result<Caller, Problem> {
        let key = Key {
            id: format!("{PERSON}{subject}"),
            name: String::new(),
            role: role.name().to_owned(),
            // No text has this hash, so no key is this one.
            hash: [0; 32],
            created_at: now,
            expires_at: None,
            revoked_at: None,
            rate: None,
            lifetime: None,
        };
        let known =
            Known { key, role: Some(role), in_work: AtomicUsize::new(0), allowance: Mutex::default() };
        allowed(&Arc::new(known), needed, now)
    }

    /// Whether a caller who was admitted still would be: the key is neither revoked nor expired since.
    pub fn still_holds(&self, caller: &Caller, now: Micros) -> bool {
        let keys = self.keys();
        match &caller.key {
            // There was no key when it was admitted.
            None => !keys.demanded,
            Some(known) => keys.by_hash.get(&known.key.hash).is_some_and(|known| {
                known.key.revoked_at.is_none() && known.key.expires_at.is_none_or(|at| at > now)
            }),
        }
    }

    /// Takes a place among the caller's own requests in work, and one from its allowance, of which it says what is left.
    pub fn enter(
        &self,
        caller: &Caller,
        limit: usize,
        now: Micros,
    ) -> Result<(Option<InWork>, Option<Quota>), Problem> {
        let Some(known) = &caller.key else { return Ok((None, None)) };
        let mut quota = None;
        if let Some(rate) = known.key.rate {
            let taken = known.allowance.lock().unwrap_or_else(PoisonError::into_inner).take(rate, now);
            quota = Some(taken.map_err(|wait| {
                let detail =
                    format!("limit of {rate} requests a minute for this key reached; retry in {wait} s");
                Problem::new(Code::TooManyRequests, detail).with("limit", rate).after(wait)
            })?);
        }
        let place = InWork(known.clone());
        if known.in_work.fetch_add(1, Ordering::Relaxed) < limit {
            return Ok((Some(place), quota));
        }
        let detail = format!(
            "limit of {limit} concurrent requests per key reached; wait for running requests to finish"
        );
        Err(Problem::new(Code::TooManyRequests, detail).with("limit", limit))
    }

    /// Queues an audit entry for what a caller did with customers. Without keys there is no caller to record.
    pub fn note(&self, caller: &Caller, action: &str, customers: &[&str], at: Micros) -> Result<(), Problem> {
        let Some(known) = &caller.key else { return Ok(()) };
        let key_id = &known.key.id;
        self.end_repeats(at, false);
        self.room(customers.len())?;
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        let new = customers.iter().filter(|id| repeats.is_new(key_id, action, (Some(*id), ""), at));
        let entries: Vec<AuditEntry> = new
            .map(|id| AuditEntry {
                at,
                key_id: Some(key_id.clone()),
                action: action.to_owned(),
                customer_id: Some((*id).to_owned()),
                detail: String::new(),
            })
            .collect();
        drop(repeats);
        self.queue(caller, entries.into_iter())
    }

    /// Notes a request that was refused; the audit log gets one entry a minute for all of a kind.
    pub fn refused(&self, headers: &HeaderMap, code: Code, what: &str, at: Micros) {
        let keys = self.keys();
        if !keys.demanded || !matches!(code, Code::Unauthorized | Code::Forbidden | Code::CrossSite) {
            return;
        }
        let secret = *self.secret.read().unwrap_or_else(PoisonError::into_inner);
        let known = shown(headers).zip(secret);
        let known = known.and_then(|(text, secret)| keys.by_hash.get(&keyed_hash(&secret, text.as_bytes())));
        let key_id = known.map(|known| known.key.id.clone());
        self.refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .count((key_id, code.name(), what.to_owned()), at);
    }

    /// Turns what was counted into entries: of windows that are over by now, or of all.
    pub fn end_repeats(&self, now: Micros, all: bool) {
        let mut entries = self.repeats.lock().unwrap_or_else(PoisonError::into_inner).over(now, all);
        entries.extend(self.refusals.lock().unwrap_or_else(PoisonError::into_inner).over(now, all));
        if !entries.is_empty() {
            self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).extend(entries);
        }
    }

    /// Queues an audit entry for what a caller did with no customer in particular.
    pub fn note_of(&self, caller: &Caller, action: &str, detail: String, at: Micros) -> Result<(), Problem> {
        let Some(known) = &caller.key else { return Ok(()) };
        let key_id = &known.key.id;
        self.end_repeats(at, false);
        self.room(1)?;
        if !self.repeats.lock().unwrap_or_else(PoisonError::into_inner).is_new(
            key_id,
            action,
            (None, &detail),
            at,
        ) {
            return Ok(());
        }
        let (key_id, action) = (Some(key_id.clone()), action.to_owned());
        self.queue(caller, std::iter::once(AuditEntry { at, key_id, action, customer_id: None, detail }))
    }

    /// Writes at once what a caller did with no customer in particular, also where the service asks for no keys.
    pub fn record(
        &self,
        store: &dyn Store,
        caller: &Caller,
        action: &str,
        detail: String,
        at: Micros,
    ) -> Result<(), Error> {
        let (key_id, action) = (caller.key_id(), action.to_owned());
        store.audit(&[AuditEntry { at, key_id, action, customer_id: None, detail }])
    }

    /// Writes at once what a caller did with a customer, also where the service asks for no keys.
    pub fn record_of(
        &self,
        store: &dyn Store,
        caller: &Caller,
        (action, customer_id): (&str, &str),
        detail: String,
        at: Micros,
    ) -> Result<(), Error> {
        let (key_id, action, customer_id) =
            (caller.key_id(), action.to_owned(), Some(customer_id.to_owned()));
        store.audit(&[AuditEntry { at, key_id, action, customer_id, detail }])
    }

    fn queue(
        &self,
        caller: &Caller,
        entries: impl ExactSizeIterator<Item = AuditEntry>,
    ) -> Result<(), Problem> {
        if caller.key.is_none() {
            return Ok(());
        }
        self.room(entries.len())?;
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).extend(entries);
        Ok(())
    }

    /// Refuses what cannot be noted.
    fn room(&self, entries: usize) -> Result<(), Problem> {
        if self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).len() + entries <= UNWRITTEN {
            return Ok(());
        }
        let detail =
            "cannot write the audit log; requests that must be audited are refused until it can be written";
        Err(Problem::new(Code::StoreFailed, detail))
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

/// The caller with a key, if it holds and has the role.
fn allowed(known: &Arc<Known>, needed: Role, now: Micros) -> Result<Caller, Problem> {
    let unauthorized = |detail: &str| Err(Problem::new(Code::Unauthorized, detail));
    if known.key.revoked_at.is_some() {
        return unauthorized("the API key was revoked");
    }
    if known.key.expires_at.is_some_and(|at| at <= now) {
        return unauthorized("the API key has expired");
    }
    let role = known.role.map_or("none", Role::name);
    if known.role.is_none_or(|role| role < needed) {
        let detail = format!("this route requires the role {}; the key has the role {role}", needed.name());
        return Err(Problem::new(Code::Forbidden, detail).with("role", needed.name()));
    }
    Ok(Caller { key: Some(known.clone()) })
}

/// A request of a key in work.
#[derive(Debug)]
pub(crate) struct InWork(Arc<Known>);

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.in_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The key of a request, sent as a bearer token: what browsers send by themselves (Basic credentials, cookies) is no key.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_a_key() {
        let shown = |value: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            shown(&headers).map(str::to_owned)
        };
        assert_eq!(shown("Bearer homing_1").as_deref(), Some("homing_1"));
        assert_eq!(shown("bearer  homing_1 ").as_deref(), Some("homing_1"));
        // any:homing_1
        for wrong in ["Basic YW55OmhvbWluZ18x", "Digest x", "Bearer", "homing_1"] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_allowance_grows_back_evenly() {
        let mut allowance = Allowance::default();
        let at = 1_000_000_000;
        let sent =
            |allowance: &mut Allowance, now| (0..100).take_while(|_| allowance.take(30, now).is_ok()).count();
        assert_eq!(sent(&mut allowance, at), 30);
        assert_eq!(allowance.take(30, at), Err(2));
        assert_eq!(sent(&mut allowance, at + 10_000_000), 5, "a sixth of a minute");
        assert_eq!(sent(&mut allowance, at + 600_000_000), 30, "no more than a minute's");
        assert_eq!(sent(&mut allowance, at), 0, "a clock that goes back gives nothing");
    }

    #[test]
    fn roles_are_ordered_and_named() {
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
    }
}
