//! Expected purchases of a customer who is alive.
//!
//! The closed form of Fader, Hardie & Lee (2005), eq. 10, is a difference that cancels for short horizons and is 0/0
//! at a = 1. The same quantity is a sum of positive terms: the j-th purchase happens if the process would get to
//! it within t and the j − 1 coins before it were survived,
//!
//! E\[X(t)\] = Σ_j (b)_{j−1} / (a+b)_{j−1} · P(N(t) ≥ j),   N(t) negative binomial,
//!
//! and for horizons too long to sum it is E\[(1 − (1 + p t/α)^−r) / p\] with p ~ Beta(a, b), one integral.

use super::super::special::{Probability, ln_beta_mean, ln_rising};

/// λ ~ Gamma(shape, rate).
#[derive(Clone, Copy)]
pub(super) struct Rate {
    pub shape: f64,
    pub rate: f64,
}

/// p ~ Beta(a, b).
#[derive(Clone, Copy)]
pub(super) struct Dropout {
    pub a: f64,
    pub b: f64,
}

/// Terms of the sum before the integral is taken instead. For k > 1 the integral is only the limit of many
/// purchases (k latent events a purchase), so the sum goes on for longer.
const fn most_terms(k: u32) -> f64 {
    if k == 1 { 1_000.0 } else { 100_000.0 }
}

/// Purchases expected within `t`, `phase` of the `k` latent events before the next one having passed.
pub(super) fn expected_alive(rate: Rate, dropout: Dropout, t: f64, k: u32, phase: u32) -> f64 {
    if t == 0.0 {
        return 0.0;
    }
    sum(rate, dropout, t, k, phase).unwrap_or_else(|| {
        let purchases = Rate { shape: rate.shape, rate: rate.rate * f64::from(k) };
        integral(purchases, dropout, t)
    })
}

/// P(N(t) ≥ events), events ≥ 1, from whichever side does not cancel.
pub(super) fn at_least(Rate { shape, rate }: Rate, t: f64, events: u32) -> f64 {
    let exponent = shape * (t / rate).ln_1p();
    if events == 1 {
        return -(-exponent).exp_m1();
    }
    let z = t / (rate + t);
    let mut term = (-exponent).exp();
    let mut fewer = term;
    let mut next = |i: u32| {
        term *= z * (shape + f64::from(i) - 1.0) / f64::from(i);
        term
    };
    fewer += (1..events).map(&mut next).sum::<f64>();
    if fewer > 0.999 {
        // 1 − `fewer` would cancel: the terms from here on, if they fall fast enough.
        let mut more = 0.0;
        for i in events..events + 200 {
            let term = next(i);
            more += term;
            if term <= 1e-17 * more {
                return more;
            }
        }
    }
    1.0 - fewer
}

/// Σ_m P(M = m) S_⌊(m + phase)/k⌋ over the latent events m, where S_j is the sum of the first j survivals.
fn sum(rate: Rate, Dropout { a, b }: Dropout, t: f64, k: u32, phase: u32) -> Option<f64> {
    let most = most_terms(k);
    let Rate { shape, rate } = rate;
    let z = t / (rate + t);
    let mean = shape * t / rate;
    let deviation = (mean * (1.0 + t / rate)).sqrt();
    let terms = mean + 8.0 * deviation;
    if terms.is_nan() || terms > most {
        return None;
    }
    // Terms below the bulk are too small to count, or to be represented.
    let first =
        if shape * (t / rate).ln_1p() < 600.0 { 0.0 } else { (mean - 12.0 * deviation).floor().max(0.0) };
    let k = f64::from(k);
    let mut survival = 1.0;
    let mut survivals = 0.0;
    let mut purchases = 0.0;
    let reach = |m: f64| ((m + f64::from(phase)) / k).floor();
    let mut probability =
        (ln_rising(shape, first) - ln_rising(1.0, first) + first * z.ln() - shape * (t / rate).ln_1p()).exp();
    let mut expected = 0.0;
    let mut m = first;
    while m < first + most {
        while purchases < reach(m) {
            survivals += survival;
            survival *= (b + purchases) / (a + b + purchases);
            purchases += 1.0;
        }
        let term = probability * survivals;
        expected += term;
        let ratio = z * (shape + m) / (m + 1.0);
        let bound = ratio.max(z) * (1.0 + k / (m + 1.0));
        if bound < 1.0 && m > 2.0 * k && term * bound < 1e-16 * (1.0 - bound) * expected {
            return Some(expected);
        }
        probability *= ratio;
        m += 1.0;
    }
    None
}

/// E\[(1 − (1 + p t/α)^−r) / p\].
fn integral(Rate { shape, rate }: Rate, Dropout { a, b }: Dropout, t: f64) -> f64 {
    let ratio = t / rate;
    let ln_purchases = |p: Probability| {
        let exponent = shape * (p.value * ratio).ln_1p();
        // (1 − e^−x)/x · x/p, where x/p has a limit as p vanishes.
        let slope = if p.value * ratio > 1e-12 { exponent / p.value } else { shape * ratio };
        let saturation = if exponent > 1e-12 { -(-exponent).exp_m1() / exponent } else { 1.0 };
        (saturation * slope).ln()
    };
    ln_beta_mean(a, b, (1.0 + shape) * (1.0 + ratio), ln_purchases).exp()
}
