//! Shards: several runs share the customers.

use std::str::FromStr;

/// One of several parts of the customers, by a hash of their ids: `3/16` is the third of sixteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    nth: u32,
    of: u32,
}

impl Shard {
    /// Whether a customer belongs to it.
    #[must_use]
    pub fn has(self, customer: &str) -> bool {
        // The upper half: the lower one decides who is sampled.
        (hash(customer) >> 32) % u64::from(self.of) == u64::from(self.nth - 1)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(nth, of)| Some((nth.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((nth, of)) if nth >= 1 && nth <= of => Ok(Shard { nth, of }),
            _ => Err(format!("`{text}` is not a shard; write 3/16 for the third of sixteen")),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.nth, self.of)
    }
}

/// A number that scatters ids: FNV-1a (Fowler, Noll & Vo), stirred once more.
pub(super) fn hash(text: &str) -> u64 {
    let fnv = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}
