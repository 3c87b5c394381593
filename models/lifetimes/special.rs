//! Special functions in log space, for arguments the lifetime models meet: up to 10,000 purchases of one
//! customer, where the functions themselves leave the range of an `f64`.

use statrs::function::gamma::{digamma, ln_gamma};

/// Below this, the logarithm of a term against the largest adds nothing to a sum of `f64`.
const NEGLIGIBLE: f64 = -37.0;

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
        // Later ratios are between this one and z, up to rounding after the maximum.
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
    let step = f64::min(0.35, 0.5 * width);
    let top = integrand(peak);
    let flat = (1e17 * reach.max(1.0)).ln();
    let mut sum = 1.0;
    for (direction, decay) in [(-1.0, a), (1.0, b)] {
        let mut u = peak;
        loop {
            u += direction * step;
            let term = integrand(u) - top;
            sum += term.exp();
            if term.is_nan() || term < NEGLIGIBLE {
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
    for _ in 0..30 {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// (a, b, c, z, ln ₂F₁): mpmath 1.4 with 60 digits, `log(hyp2f1(a, b, c, z))`.
    const ORACLE: [(f64, f64, f64, f64, f64); 25] = [
        // Expected orders of the BG/NBD with the parameters of CDNOW, x = 0 to 10,000.
        (0.243, 2.426, 2.2190000000000003, 0.4740258161752194, 0.17416440462984903),
        (2.243, 4.426, 4.219, 0.4740258161752194, 1.5206757450090227),
        (10.243, 12.426, 12.219000000000001, 0.9231741568046812, 26.782391522852787),
        (29.243, 31.426000000000002, 31.219, 0.999567447182906, 228.1002825935499),
        (100.243, 102.426, 102.219, 0.3324510593680873, 40.594785068421395),
        (1000.243, 1002.426, 1002.219, 0.3324510593680873, 404.32430050980537),
        (10000.243, 10002.426, 10002.219, 0.3324510593680873, 4041.607571528675),
        (10000.243, 10002.426, 10002.219, 0.9795443708131826, 38896.72191879258),
        // Small c, z close to 1.
        (5.5, 3.25, 3.75, 0.999999, 68.84880651864152),
        (0.25, 0.3, 0.05, 0.9, 2.0454702799589968),
        (0.25, 0.3, 0.05, 0.999, 4.587067520003237),
        (250.5, 2.0, 2.5, 0.95, 746.4830617554131),
        (3.0, 400.0, 401.5, 0.99, 13.081951952283635),
        // The likelihood of the Pareto/NBD as in its note.
        (1.159, 0.553, 2.159, 0.09349558659696641, 0.028802937705372175),
        (3.159, 2.553, 4.159, 0.025915104871849712, 0.05086592422484531),
        (27.159, 1.6059999999999999, 28.159, 0.2604366898319286, 0.46485317010233446),
        (222.159, 221.553, 223.159, 0.6242691889397884, 215.89994770873164),
        (10001.159, 10000.553, 10002.159, 0.6531793103448276, 10589.000526445978),
        (10001.159, 10000.553, 10002.159, 0.9999800000000001, 108192.94656384629),
        (6.159, 1.6059999999999999, 7.159, 0.9999996666666667, 11.356012121065003),
        // The edges.
        (1e-6, 2e-6, 3e-6, 0.5, 4.620980136062787e-07),
        (1e-6, 1.0, 1.000001, 0.999, 6.9077297835404164e-06),
        (2.0, 3.0, 4.0, 0.0, 0.0),
        (10000.0, 10000.0, 10000.5, 0.5, 6931.125244509173),
        (10000.0, 0.001, 2.0, 0.3, 3543.125304620673),
    ];

    #[test]
    fn gauss_2f1_agrees_with_mpmath() {
        for (a, b, c, z, expected) in ORACLE {
            let value = ln_gauss_2f1(a, b, c, z);
            // 1e-10 in the logarithm; beyond 1e5 that is the rounding of the logarithm itself.
            assert!(
                (value - expected).abs() < 1e-10 * (expected / 1e4).max(1.0),
                "{a} {b} {c} {z}: {value} {expected}"
            );
        }
    }

    #[test]
    fn both_ways_to_2f1_agree() {
        for (a, b, c, z, expected) in ORACLE.into_iter().filter(|(_, b, c, z, _)| c > b && *z > 0.0) {
            let value = euler_integral(a, b, c, z);
            assert!(
                (value - expected).abs() < 1e-10 * (expected / 1e4).max(1.0),
                "{a} {b} {c} {z}: {value} {expected}"
            );
        }
    }

    #[test]
    fn outside_its_domain_2f1_is_nan() {
        for (a, b, c, z) in
            [(1.0, 1.0, 1.0, 1.0), (1.0, 1.0, -0.5, 0.2), (-1.0, 1.0, 1.0, 0.2), (1.0, 1.0, 1.0, -0.2)]
        {
            assert!(ln_gauss_2f1(a, b, c, z).is_nan());
        }
    }

    #[test]
    fn rising_factorials_and_their_slopes_agree_with_mpmath() {
        // z, n, ln(rf(z, n)), psi(z + n) - psi(z)
        let oracle = [
            (1e-06, 1.0, -13.815510557964274, 1000000.0),
            (0.243, 3.0, -0.3893517675749433, 5.365563042434735),
            (0.243, 29.0, 67.38677161862456, 7.7095385472177975),
            (0.5, 17.0, 31.508749953022647, 4.796867458250108),
            (2.426, 10000.0, 82121.8279470306, 8.544325038878894),
            (31.5, 20.0, 74.07003095921917, 0.49781109691884906),
            (45.25, 0.75, 2.857084026242311, 0.016620201071919607),
            (1000000.0, 2.0, 27.631022115928047, 1.999999000001e-06),
            (1000000.0, 50.0, 690.7767528780017, 4.99987750404235e-05),
            (1000000.0, 100000.0, 1386392.2059260872, 0.09531022525888477),
            (300.5, 0.001, 0.005703784604281535, 3.333324691397805e-06),
            (12.0, 10.5, 29.41767094993489, 0.6484668304436894),
        ];
        for (z, n, value, slope) in oracle {
            let close = |got: f64, wanted: f64| (got - wanted).abs() <= 2e-14 * wanted.abs().max(1e-3);
            assert!(close(ln_rising(z, n), value), "ln_rising({z}, {n}) = {} not {value}", ln_rising(z, n));
            let got = digamma_difference(z, n);
            assert!(close(got, slope), "digamma_difference({z}, {n}) = {got} not {slope}");
        }
    }

    #[test]
    fn beta_agrees_with_mpmath() {
        let oracle = [
            (0.793, 2.426, -0.5115692885937033),
            (1e-06, 1e-06, 14.508657738522574),
            (1000000.0, 2.5, -34.254095399436515),
            (10000.0, 12000.0, -15161.586398747588),
            (1e-06, 1000000.0, 13.815496165239374),
            (50.0, 60.0, -76.52272335335051),
        ];
        for (a, b, value) in oracle {
            let got: f64 = ln_beta(a, b);
            assert!(
                (got - value).abs() <= 1e-13 * f64::abs(value).max(1.0),
                "ln_beta({a}, {b}) = {got} not {value}"
            );
        }
    }

    #[test]
    fn gauss_legendre_is_exact_for_its_degree() {
        for n in [4u32, 8, 20, 32] {
            let degree = 2 * n as i32 - 1;
            let sum: f64 = gauss_legendre(n).iter().map(|(x, w)| w * x.powi(degree)).sum();
            assert!((sum * f64::from(degree + 1) - 1.0).abs() < 1e-13, "{n} points");
        }
    }
}
