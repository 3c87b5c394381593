//! The warm layer: replies to `GET /v1/profiles/{id}` and what customers said of consent, kept in memory.
//!
//! What this process writes is seen at once: each write moves the stamp of its customer, and what was kept under
//! another stamp is not used. What another process writes is seen after [`FRESH`] at the latest.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// For so long an answer is as good as the store's own.
pub(crate) const FRESH: Duration = Duration::from_secs(1);
/// Bytes that an entry takes beside its own: key, stamps, links.
const OVERHEAD: u64 = 160;
/// Stamps; customers share them, at the price of a needless read now and then.
const STAMPS: usize = 1 << 16;

#[derive(Clone, Debug)]
struct Kept<T> {
    value: T,
    stamp: u32,
    at: Instant,
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<String, Kept<Bytes>> for Weight {
    fn weight(&self, id: &String, kept: &Kept<Bytes>) -> u64 {
        OVERHEAD + (id.len() + kept.value.len()) as u64
    }
}

impl Weighter<String, Kept<bool>> for Weight {
    fn weight(&self, id: &String, _: &Kept<bool>) -> u64 {
        OVERHEAD + id.len() as u64
    }
}

/// Replies and consents in memory.
#[derive(Debug)]
pub(crate) struct Warm {
    profiles: Cache<String, Kept<Bytes>, Weight>,
    opted_out: Cache<String, Kept<bool>, Weight>,
    stamps: Vec<AtomicU32>,
    hasher: RandomState,
}

/// When a read of the store began, so that it can be told whether a write has come between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began(u32, Instant);

impl Warm {
    /// A layer that holds so many bytes; an eighth of them for consents.
    pub fn new(bytes: u64) -> Self {
        let cache = |bytes: u64, each: u64| ((bytes / each).clamp(16, 1 << 20) as usize, bytes);
        let (items, room) = cache(bytes / 8 * 7, 4096);
        let profiles = Cache::with_weighter(items, room, Weight);
        let (items, room) = cache(bytes / 8, OVERHEAD + 32);
        let opted_out = Cache::with_weighter(items, room, Weight);
        let stamps = (0..STAMPS).map(|_| AtomicU32::new(0)).collect();
        Warm { profiles, opted_out, stamps, hasher: RandomState::new() }
    }

    fn stamp(&self, id: &str) -> &AtomicU32 {
        &self.stamps[self.hasher.hash_one(id) as usize % STAMPS]
    }

    fn good<T>(&self, id: &str, kept: Kept<T>) -> Option<T> {
        let same = kept.stamp == self.stamp(id).load(Ordering::Acquire);
        (same && kept.at.elapsed() < FRESH).then_some(kept.value)
    }

    /// The reply of a moment ago.
    pub fn profile(&self, id: &str) -> Option<Bytes> {
        self.profiles.get(id).and_then(|kept| self.good(id, kept))
    }

    /// Whether the customer had opted out a moment ago.
    pub fn opted_out(&self, id: &str) -> Option<bool> {
        self.opted_out.get(id).and_then(|kept| self.good(id, kept))
    }

    /// To be called before the store is read.
    pub fn begin(&self, id: &str) -> Began {
        Began(self.stamp(id).load(Ordering::Acquire), Instant::now())
    }

    /// Keeps what a read found.
    pub fn keep_profile(&self, id: String, value: Bytes, began: Began) {
        self.profiles.insert(id, Kept { value, stamp: began.0, at: began.1 });
    }

    /// Keeps what a read found.
    pub fn keep_opted_out(&self, id: String, value: bool, began: Began) {
        self.opted_out.insert(id, Kept { value, stamp: began.0, at: began.1 });
    }

    /// Drops what is too old to be used.
    pub fn free_memory(&self) {
        self.profiles.retain(|_, kept| kept.at.elapsed() < FRESH);
        self.opted_out.retain(|_, kept| kept.at.elapsed() < FRESH);
    }

    /// To be called when a write of this customer is done, before it is acknowledged.
    pub fn written(&self, id: &str) {
        self.stamp(id).fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_write_is_not_used_after_it() {
        let warm = Warm::new(1 << 20);
        let began = warm.begin("a");
        warm.keep_profile("a".into(), Bytes::from_static(b"old"), began);
        assert_eq!(warm.profile("a").as_deref(), Some(&b"old"[..]));
        // A read that began before the write and ends after it.
        let late = warm.begin("a");
        warm.written("a");
        assert_eq!(warm.profile("a"), None);
        warm.keep_profile("a".into(), Bytes::from_static(b"old"), late);
        assert_eq!(warm.profile("a"), None);
        warm.keep_opted_out("a".into(), true, warm.begin("a"));
        assert_eq!(warm.opted_out("a"), Some(true));
    }

    #[test]
    fn what_is_old_is_not_used() {
        let warm = Warm::new(1 << 20);
        let began = Began(warm.begin("a").0, Instant::now() - FRESH);
        warm.keep_profile("a".into(), Bytes::new(), began);
        assert_eq!(warm.profile("a"), None);
        warm.keep_profile("b".into(), Bytes::new(), warm.begin("b"));
        warm.free_memory();
        assert_eq!(
            (warm.profiles.len(), warm.profile("b").is_some()),
            (1, true),
            "it takes no memory either"
        );
    }

    #[test]
    fn the_bound_holds() {
        let warm = Warm::new(1 << 20);
        for n in 0..10_000 {
            let id = n.to_string();
            let began = warm.begin(&id);
            warm.keep_profile(id, Bytes::from(vec![0; 2000]), began);
        }
        assert!(warm.profiles.weight() <= 1 << 20, "{}", warm.profiles.weight());
        assert!(warm.profiles.len() > 100);
    }
}
