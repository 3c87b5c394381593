//! Choices that look random and are the same on every machine and any number of threads.

/// A well-spread 64-bit hash of a number (the finaliser of SplitMix64; Steele, Lea & Flood 2014).
#[must_use]
pub fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A well-spread 64-bit hash of a text (FNV-1a, then [`mix`]).
#[must_use]
pub fn mix_text(text: &str) -> u64 {
    mix(text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)))
}

/// Draws from a seed.
///
/// ```
/// use homing_models::sampling::Picker;
///
/// assert_eq!(Picker::new(7).choose(10, 0.3), Picker::new(7).choose(10, 0.3));
/// assert_eq!(Picker::new(7).choose(10, 0.3).len(), 3);
/// ```
#[derive(Clone, Debug)]
pub struct Picker(u64);

impl Picker {
    /// A picker with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Picker(seed)
    }

    /// The next draw.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// A whole number below `n` (1 or more).
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.draw()) * n as u128) >> 64) as usize
    }

    /// A share of the numbers below `n`, at least one, ascending.
    pub fn choose(&mut self, n: usize, share: f64) -> Vec<usize> {
        let many = ((n as f64 * share).round() as usize).clamp(1, n.max(1));
        let mut all: Vec<usize> = (0..n).collect();
        for i in 0..many.min(n) {
            let j = i + self.below(n - i);
            all.swap(i, j);
        }
        all.truncate(many);
        all.sort_unstable();
        all
    }
}
