//! Customers drawn from the models' own stories.

use homing_models::lifetimes::Recency;

/// SplitMix64 (Steele, Lea & Flood 2014): small, seeded, the same everywhere.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform in (0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ (z >> 31)) >> 12) as f64 + 0.5) / 2f64.powi(52)
    }

    pub fn exponential(&mut self, rate: f64) -> f64 {
        -self.uniform().ln() / rate
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }

    /// Marsaglia & Tsang (2000), with their boost for shapes below 1.
    pub fn gamma(&mut self, shape: f64, rate: f64) -> f64 {
        let d = shape + 1.0 - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        let above_one = loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
                break d * v;
            }
        };
        above_one * self.uniform().powf(1.0 / shape) / rate
    }

    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (one, other) = (self.gamma(a, 1.0), self.gamma(b, 1.0));
        one / (one + other)
    }
}

/// A shop whose customers follow one of the models.
#[derive(Clone, Copy, Debug)]
pub enum Shop {
    Bg { r: f64, alpha: f64, a: f64, b: f64, k: u32 },
    Mbg { r: f64, alpha: f64, a: f64, b: f64, k: u32 },
    Pareto { r: f64, alpha: f64, s: f64, beta: f64 },
}

impl Shop {
    /// One customer observed for `age`, and the number of orders in the `horizon` after it.
    pub fn customer(self, rng: &mut Rng, age: f64, horizon: f64) -> (Recency, u32) {
        let (rate, k, dropout, until, coin_at_start) = match self {
            Self::Bg { r, alpha, a, b, k } => (rng.gamma(r, alpha), k, rng.beta(a, b), f64::INFINITY, false),
            Self::Mbg { r, alpha, a, b, k } => (rng.gamma(r, alpha), k, rng.beta(a, b), f64::INFINITY, true),
            Self::Pareto { r, alpha, s, beta } => {
                let (rate, mu) = (rng.gamma(r, alpha), rng.gamma(s, beta));
                (rate, 1, 0.0, rng.exponential(mu), false)
            }
        };
        let (mut customer, mut orders, mut time) = (Recency::new(0, 0.0, age), 0, 0.0);
        let mut alive = !(coin_at_start && rng.uniform() < dropout);
        while alive {
            time += (0..k).map(|_| rng.exponential(rate)).sum::<f64>();
            if time > until.min(age + horizon) {
                break;
            }
            if time <= age {
                customer = Recency::new(customer.frequency + 1, time, age);
            } else {
                orders += 1;
            }
            alive = rng.uniform() >= dropout;
        }
        (customer, orders)
    }
}
