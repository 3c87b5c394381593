//! Failed attempts to sign in, by address and by the beginning of the key: each one makes the next wait longer.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use homing_datasets::Micros;

/// Attempts that may fail before the next has to wait.
const FREE: u32 = 5;
/// The wait after the first failure past those; it doubles with each.
const FIRST_WAIT: Micros = 1_000_000;
/// The longest wait.
const MAX_WAIT: Micros = 300_000_000;
/// Failures are forgotten after this time without another.
const FORGET: Micros = 900_000_000;
/// Sources that are remembered at one time.
const MOST: usize = 10_000;
/// Bytes of a key that tell which one somebody tries to guess: more than every key begins with.
const BEGINNING: usize = 15;

/// Who asked, where the connection is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub IpAddr);

#[derive(Clone, Copy, Debug)]
struct Failed {
    count: u32,
    last: Micros,
}

impl Failed {
    /// Until when the next attempt has to wait.
    fn until(self) -> Micros {
        match self.count.checked_sub(FREE) {
            None => self.last,
            Some(past) => self.last + MAX_WAIT.min(FIRST_WAIT << past.min(20)),
        }
    }
}

/// Failed attempts by their sources.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    seed: RandomState,
    failed: Mutex<HashMap<u64, Failed>>,
}

impl Attempts {
    /// The sources of an attempt. Callers behind a proxy on this machine share its address, so only their keys count.
    fn sources(&self, peer: Option<Peer>, key: &str) -> impl Iterator<Item = u64> + use<> {
        let network =
            peer.map(|Peer(address)| address.to_canonical()).filter(|address| !address.is_loopback());
        let network = network.map(|address| match address {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            // A home or an office has a whole network of addresses.
            IpAddr::V6(address) => address.to_bits() >> 64 << 64,
        });
        let begins = &key[..key.floor_char_boundary(BEGINNING)];
        let key = self.seed.hash_one(("key", begins));
        network.map(|network| self.seed.hash_one(("network", network))).into_iter().chain([key])
    }

    /// How many seconds an attempt has to wait, if it has to.
    pub fn wait(&self, peer: Option<Peer>, key: &str, now: Micros) -> Option<u32> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let until =
            self.sources(peer, key).filter_map(|source| failed.get(&source)).map(|one| one.until()).max()?;
        let left = until - now;
        (left > 0).then(|| left.div_euclid(1_000_000).clamp(0, 3_600) as u32 + 1)
    }

    /// Notes an attempt that failed.
    pub fn failed(&self, peer: Option<Peer>, key: &str, now: Micros) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= MOST {
            failed.retain(|_, one| now < one.last + FORGET);
        }
        // Who comes from thousands of addresses is slowed by the key alone.
        let room = failed.len() < MOST;
        for source in self.sources(peer, key) {
            let before = failed.get(&source).filter(|one| now < one.last + FORGET).map_or(0, |one| one.count);
            if room || failed.contains_key(&source) {
                failed.insert(source, Failed { count: before.saturating_add(1), last: now });
            }
        }
    }

    /// Forgets the failures of who signed in.
    pub fn succeeded(&self, peer: Option<Peer>, key: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        for source in self.sources(peer, key) {
            failed.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    fn peer(text: &str) -> Option<Peer> {
        Some(Peer(text.parse().unwrap()))
    }

    #[test]
    fn attempts_that_fail_make_the_next_wait_longer() {
        let attempts = Attempts::default();
        let key = |n: u32| format!("homing_{n:08x}-and-more");
        for n in 0..FREE {
            assert_eq!(attempts.wait(peer("192.0.2.1"), &key(n), 0), None, "{n}");
            attempts.failed(peer("192.0.2.1"), &key(n), 0);
        }
        assert_eq!(attempts.wait(peer("192.0.2.1"), &key(99), 0), Some(2));
        assert_eq!(attempts.wait(peer("192.0.2.1"), &key(99), SECOND), None);
        assert_eq!(attempts.wait(peer("192.0.2.2"), &key(99), 0), None, "others are not slowed");
        attempts.failed(peer("192.0.2.1"), &key(99), SECOND);
        attempts.failed(peer("192.0.2.1"), &key(99), 3 * SECOND);
        assert!(attempts.wait(peer("192.0.2.1"), &key(99), 3 * SECOND) > Some(2), "it doubles");
        for _ in 0..40 {
            attempts.failed(peer("192.0.2.1"), &key(99), 3 * SECOND);
        }
        let most = attempts.wait(peer("192.0.2.1"), &key(99), 3 * SECOND);
        assert_eq!(most, Some((MAX_WAIT / SECOND) as u32 + 1));
        assert_eq!(attempts.wait(peer("192.0.2.1"), &key(7), 3 * SECOND + FORGET), None, "and is forgotten");
    }

    #[test]
    fn a_key_is_guarded_from_guesses_from_many_addresses() {
        let attempts = Attempts::default();
        for n in 0..FREE {
            attempts.failed(peer(&format!("2001:db8:{n}::1")), &format!("homing_deadbeef{n}"), 0);
        }
        assert!(attempts.wait(peer("2001:db8:77::1"), "homing_deadbeefX", 0).is_some());
        assert_eq!(attempts.wait(peer("2001:db8:77::1"), "homing_0badf00d", 0), None);
        attempts.succeeded(None, "homing_deadbeef-the-right-one");
        assert_eq!(attempts.wait(peer("2001:db8:77::1"), "homing_deadbeefX", 0), None);
    }

    #[test]
    fn addresses_of_one_network_count_together_and_a_proxy_of_this_machine_not_at_all() {
        let attempts = Attempts::default();
        for n in 0..2 * FREE {
            attempts.failed(peer(&format!("2001:db8::{n:x}")), &format!("homing_{n:08x}"), 0);
            attempts.failed(peer("127.0.0.1"), &format!("homing_f{n:07x}"), 0);
        }
        assert!(attempts.wait(peer("2001:db8::ffff"), "other", 0).is_some());
        assert_eq!(attempts.wait(peer("127.0.0.1"), "other", 0), None);
    }
}
