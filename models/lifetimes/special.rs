//! Special functions in log space, for arguments the lifetime models meet: up to 10,000 purchases of one
//! customer, where the functions themselves leave the range of an `f64`.

use statrs::function::gamma::{digamma, ln_gamma};

/// Below this, the logarithm of a term against the largest adds nothing to a sum of `f64`.
const NEGLIGIBLE: f64 = -40.0;

/// ln Γ(z + n) − ln Γ(z) = ln (z)_n, the logarithm of the rising factorial, for z > 0 and n ≥ 0 (n need not be
/// whole).
///
/// The difference of two calls of ln Γ loses digits where z is large against n; here the difference of the
/// Stirling series is taken term by term.
pub fn ln_rising(z: f64, n: f64) -> f64 {
    if n <= 16.0 && n.fract() == 0.0 && z < 1e15 {
        let mut product = 1.0;
        let mut i = 0.0;
        while i < n {
            product *= z + i;
            i += 1.0;
        }
        return product.ln();
    }
    if z < 32.0 {
        return ln_gamma(z + n) - ln_gamma(z);
    }
    let (u, v) = (z.recip(), (z + n).recip());
    let tail = |w: f64| w * (1.0 / 12.0 - w * w * (1.0 / 360.0 - w * w * (1.0 / 1260.0 - w * w / 1680.0)));
    (z - 0.5) * (n * u).ln_1p() + n * ((z + n).ln() - 1.0) + tail(v) - tail(u)
}

/// ψ(z + n) − ψ(z), the derivative of [`ln_rising`] with respect to z, for z > 0 and n ≥ 0.
pub fn digamma_difference(z: f64, n: f64) -> f64 {
    if n <= 16.0 && n.fract() == 0.0 {
        let mut sum = 0.0;
        let mut i = 0.0;
        while i < n {
            sum += (z + i).recip();
            i += 1.0;
        }
        return sum;
    }
    if z < 32.0 {
        return digamma(z + n) - digamma(z);
    }
    let (u, v) = (z.recip(), (z + n).recip());
    let tail = |w: f64| {
        let w2 = w * w;
        w * (0.5 + w * (1.0 / 12.0 - w2 * (1.0 / 120.0 - w2 * (1.0 / 252.0 - w2 / 240.0))))
    };
    (n * u).ln_1p() + tail(u) - tail(v)
}

/// ln B(a, b) for a, b > 0.
pub fn ln_beta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    ln_gamma(small) - ln_rising(large, small)
}

/// ln ₂F₁(a, b; c; z) for a, b, c > 0 and 0 ≤ z < 1, where every term of the series is positive; NaN elsewhere.
///
/// Correct to 1e-10 for a and b up to 10,000 where c + 1 > min(a, b), as in the closed forms of BG/NBD
/// (c = a + b − 1 or more) and Pareto/NBD (c = a + 1). Where the power series is slow, Euler's integral is taken
/// instead, as E\[(1 − z q)^−a\] with q ~ Beta(b, c − b) (DLMF 15.6.1); a c that is too small is raised by
/// F(a, b; c) = F(a, b; c+1) + z ab / (c (c+1)) F(a+1, b+1; c+2), a sum of positive terms.
pub fn ln_gauss_2f1(a: f64, b: f64, c: f64, z: f64) -> f64 {
    if !(a > 0.0 && b > 0.0 && c > 0.0 && (0.0..1.0).contains(&z)) {
        return f64::NAN;
    }
    if let Some(value) = power_series(a, b, c, z, 1_000) {
        return value;
    }
    // Euler's integral takes its beta density from the parameter further below c.
    let (a, b) = if b < a { (a, b) } else { (b, a) };
    if c > b {
        euler_integral(a, b, c, z)
    } else if c + 1.0 > b {
        let first = euler_integral(a, b, c + 1.0, z);
        let second = euler_integral(a + 1.0, b + 1.0, c + 2.0, z) + (z * a * b / (c * (c + 1.0))).ln();
        ln_add(first, second)
    } else {
        power_series(a, b, c, z, 10_000_000).unwrap_or(f64::NAN)
    }
}

/// Σ (a)_n (b)_n / (c)_n zⁿ / n!, or none if `limit` terms are not enough.
fn power_series(a: f64, b: f64, c: f64, z: f64, limit: u32) -> Option<f64> {
    const RESCALE: f64 = 1e250;
    let (mut term, mut sum, mut log_scale) = (1.0, 1.0, 0.0);
    for n in 0..limit {
        let n = f64::from(n);
        let ratio = (a + n) * (b + n) / ((c + n) * (n + 1.0)) * z;
        term *= ratio;
        sum += term;
        // Later ratios lie between this one and z, up to the rounding of a hump already behind.
        let bound = ratio.max(z);
        if bound < 1.0 && term * bound < 1e-17 * (1.0 - bound) * sum {
            return Some(log_scale + f64::ln(sum));
        }
        if sum > RESCALE {
            term /= RESCALE;
            sum /= RESCALE;
            log_scale += RESCALE.ln();
        }
    }
    None
}

/// ln E[(1 − z q)^−a], q ~ Beta(b, c − b).
fn euler_integral(a: f64, b: f64, c: f64, z: f64) -> f64 {
    let reach = (1.0 + a) / (1.0 - z);
    ln_beta_mean(b, c - b, reach, |p| -a * (1.0 - z + z * p.complement).ln())
}

/// ln(e^x + e^y).
pub fn ln_add(x: f64, y: f64) -> f64 {
    let (low, high) = if x < y { (x, y) } else { (y, x) };
    if high == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// A probability p with 1 − p, each to full relative precision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probability {
    /// p.
    pub value: f64,
    /// 1 − p.
    pub complement: f64,
}

/// ln E\[φ(p)\] with p ~ Beta(a, b), from ln φ.
///
/// ∫ p^a (1−p)^b φ(p) du over the log-odds u of p by the trapezoidal rule: the integrand is analytic in a strip
/// around the line, so the error falls exponentially with the step (Trefethen & Weideman 2014, SIAM Review 56(3)).
/// `ln_phi` has to be such that the integrand has one peak in u, and to be constant to rounding where p or
/// 1 − p is below 1e-17 / `reach`: there the remaining terms are a geometric series, which is added in closed form.
pub(super) fn ln_beta_mean(a: f64, b: f64, reach: f64, ln_phi: impl Fn(Probability) -> f64) -> f64 {
    let integrand = |u: f64| {
        // ln p and ln(1 − p) without loss at either end.
        let softplus = if u > 0.0 { u + (-u).exp().ln_1p() } else { u.exp().ln_1p() };
        let p = Probability { value: (u - softplus).exp(), complement: (-softplus).exp() };
        (a + b).mul_add(-softplus, a * u) + ln_phi(p)
    };
    let (peak, width) = peak_of(&integrand, (a / b).ln());
    let step = f64::min(0.25, 0.5 * width);
    let top = integrand(peak);
    let flat = (1e17 * reach.max(1.0)).ln();
    let mut sum = 1.0;
    for (direction, decay) in [(-1.0, a), (1.0, b)] {
        let mut u = peak;
        loop {
            u += direction * step;
            let term = integrand(u) - top;
            sum += term.exp();
            if !(term > NEGLIGIBLE) {
                break;
            }
            if u * direction > flat {
                sum += term.exp() / (decay * step).exp_m1();
                break;
            }
        }
    }
    top + (step * sum).ln() - ln_beta(a, b)
}

/// The place of the one peak of `f`, roughly, and the distance at which it has fallen by about 1/2 on the
/// steeper side. `start` is any place to begin at.
fn peak_of(f: &impl Fn(f64) -> f64, start: f64) -> (f64, f64) {
    let direction = if f(start + 1e-4) > f(start - 1e-4) { 1.0 } else { -1.0 };
    let mut length = 0.25;
    let (mut behind, mut here) = (start, start);
    while f(here + direction * length) > f(here) && length < 1e4 {
        behind = here;
        here += direction * length;
        length *= 2.0;
    }
    let (mut low, mut high) = (behind, here + direction * length);
    const GOLDEN: f64 = 0.381_966_011_250_105;
    let (mut x, mut y) = (low + GOLDEN * (high - low), high - GOLDEN * (high - low));
    let (mut fx, mut fy) = (f(x), f(y));
    for _ in 0..48 {
        if fx > fy {
            (high, y, fy) = (y, x, fx);
            x = low + GOLDEN * (high - low);
            fx = f(x);
        } else {
            (low, x, fx) = (x, y, fy);
            y = high - GOLDEN * (high - low);
            fy = f(y);
        }
    }
    let peak = 0.5 * (low + high);
    let top = f(peak);
    let fallen = |direction: f64| {
        let mut width = 4.0;
        while width > 1e-7 && f(peak + direction * width) < top - 0.5 {
            width *= 0.75;
        }
        width
    };
    (peak, fallen(-1.0).min(fallen(1.0)))
}

/// Nodes in (0, 1) and weights of the Gauss-Legendre rule with `n` points, by Newton's method on the Legendre
/// polynomial (Golub & Welsch's rule; nodes to 1e-16).
pub(super) fn gauss_legendre(n: u32) -> Vec<(f64, f64)> {
    let size = f64::from(n);
    (1..=n)
        .map(|i| {
            let mut x = (std::f64::consts::PI * (f64::from(i) - 0.25) / (size + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut now, mut before) = (1.0, 0.0);
                for k in 0..n {
                    let k = f64::from(k);
                    (now, before) = (((2.0 * k + 1.0) * x * now - k * before) / (k + 1.0), now);
                }
                slope = size * (x * now - before) / (x * x - 1.0);
                let move_by = now / slope;
                x -= move_by;
                if move_by.abs() < 1e-16 {
                    break;
                }
            }
            (0.5 * (1.0 - x), 1.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}
