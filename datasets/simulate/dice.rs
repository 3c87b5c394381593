//! Random numbers whose sequence is part of the simulation's promise: the same seed gives the same bytes in every
//! version of homing, which a library's distributions do not promise.

/// A generator (splitmix64; Steele, Lea & Flood 2014).
pub(super) struct Dice(u64);

impl Dice {
    /// The generator of one stream of a seed: streams of neighbouring numbers have nothing in common.
    pub fn of(seed: u64, stream: u64) -> Self {
        let mut dice = Dice(seed ^ 0x5851_f42d_4c95_7f2d);
        let base = dice.next();
        let mut dice = Dice(base ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        dice.next();
        Dice(dice.next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In 0..1, never 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// In 0..end.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Standard normal (Box & Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Gamma of a shape of at least 1 with this mean (Marsaglia & Tsang 2000).
    pub fn gamma(&mut self, shape: f64, mean: f64) -> f64 {
        let d = shape.max(1.0) - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v * mean / shape.max(1.0);
            }
        }
    }

    /// Poisson of a small mean (Knuth 1969).
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let floor = (-mean).exp();
        let (mut count, mut product) = (0, self.unit());
        while product > floor && count < 1000 {
            product *= self.unit();
            count += 1;
        }
        count
    }

    /// A place, each as likely as its weight.
    pub fn pick(&mut self, weights: &[f64]) -> usize {
        let mut at = self.unit() * weights.iter().sum::<f64>();
        for (place, weight) in weights.iter().enumerate() {
            at -= weight;
            if at < 0.0 {
                return place;
            }
        }
        weights.len().saturating_sub(1)
    }

    /// In 0..end, the first far likelier than the last.
    pub fn popular(&mut self, end: u64) -> u64 {
        let share = self.unit();
        ((share * share * end as f64) as u64).min(end.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_have_their_means() {
        let mut dice = Dice::of(3, 9);
        let mut mean =
            |draw: &dyn Fn(&mut Dice) -> f64| (0..100_000).map(|_| draw(&mut dice)).sum::<f64>() / 100_000.0;
        // Tolerances: five standard errors of 100,000 draws.
        assert!((mean(&|d| d.gamma(3.0, 40.0)) - 40.0).abs() < 0.4);
        assert!((mean(&|d| d.exponential(7.0)) - 7.0).abs() < 0.12);
        assert!((mean(&|d| f64::from(d.poisson(1.6))) - 1.6).abs() < 0.02);
        assert!(mean(&|d| d.normal()).abs() < 0.016);
        assert!((mean(&|d| d.pick(&[1.0, 0.0, 3.0]) as f64) - 1.5).abs() < 0.014);
    }

    #[test]
    fn streams_differ_and_repeat() {
        let first = |seed, stream| Dice::of(seed, stream).next();
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(1, 3));
        assert_ne!(first(1, 2), first(2, 2));
    }
}
