//! J = ∫ f(y) dy with f(y) = (α+y)^−p (β+y)^−q: what Pareto/NBD knows of a customer who left within an interval.
//!
//! The closed forms of Fader & Hardie (2005) write it as a difference of two Gauss hypergeometric functions,
//! which cancels where t_x is close to T and overflows for heavy buyers. The integrand itself is positive and,
//! over v = ln((m+y)/(m+y₀)) with m = min(α, β), smooth: Gauss-Legendre quadrature takes it to 1e-12, and the
//! same nodes give the derivatives.

use std::sync::OnceLock;

use super::super::special::gauss_legendre;

/// Integrals of f(y) / f(`from`) times 1, ln(1+y/α), ln(1+y/β), y/(α(α+y)) and y/(β(β+y)): all of J and its
/// derivatives with respect to p, q, α and β is made of them.
pub(super) type Moments = [f64; 5];

/// The integrand f.
#[derive(Clone, Copy, Debug)]
pub(super) struct Integrand {
    pub p: f64,
    pub q: f64,
    pub alpha: f64,
    pub beta: f64,
}

/// Fall of the integrand, in logarithms, beyond which the rest adds nothing.
const FALL: f64 = 40.0;

impl Integrand {
    /// ln (f(y) α^p β^q): relative to the parameters, so that it stays exact where they are large.
    pub(super) fn ln_relative(&self, y: f64) -> f64 {
        -self.p * (y / self.alpha).ln_1p() - self.q * (y / self.beta).ln_1p()
    }

    /// ln J over `[from, to]`, relative to f(`from`).
    pub(super) fn ln_mass(&self, from: f64, to: f64) -> f64 {
        self.moments(from, to)[0].ln()
    }

    /// The moments over `[from, to]`; all 0 where the interval is empty.
    pub(super) fn moments(&self, from: f64, to: f64) -> Moments {
        // The smaller of α and β, m, sets the scale; M is the other.
        let swap = self.alpha > self.beta;
        let (m, big_m, p_m, p_big) = if swap {
            (self.beta, self.alpha, self.q, self.p)
        } else {
            (self.alpha, self.beta, self.p, self.q)
        };
        let (start, big_start, gap) = (m + from, big_m + from, big_m - m);
        let span = (to - from).max(0.0);
        let length = (span / start).ln_1p();
        let depth = (p_m - 1.0) * length + p_big * (span / big_start).ln_1p();
        let (length, depth) =
            if depth > FALL + 2.0 { self.cut(p_m, p_big, start, gap, length) } else { (length, depth) };
        let mut sums = [0.0; 5];
        for &(node, weight) in rule(length, depth.abs()) {
            let v = length * node;
            let small = start * v.exp();
            let big = gap + small;
            let ln_big = (big / big_start).ln();
            let mass = weight * (-(p_m - 1.0) * v - p_big * ln_big).exp();
            let both = (small * big).recip();
            sums[0] += mass;
            sums[1] += mass * v;
            sums[2] += mass * ln_big;
            sums[3] += mass * both * big;
            sums[4] += mass * both * small;
        }
        let [mass, v, ln_big, by_small, by_big] = sums.map(|sum| sum * length * start);
        // From ln((m+y)/(m+from)) to ln(1+y/m), and from 1/(m+y) to y/(m(m+y)) = 1/m − 1/(m+y).
        let small = (v + mass * (from / m).ln_1p(), mass / m - by_small);
        let big = (ln_big + mass * (from / big_m).ln_1p(), mass / big_m - by_big);
        let (of_alpha, of_beta) = if swap { (big, small) } else { (small, big) };
        [mass, of_alpha.0, of_beta.0, of_alpha.1, of_beta.1]
    }

    /// The length over which the integrand falls by [`FALL`], and its fall: the fall is convex, so Newton's
    /// method from the right stays right of the place it looks for.
    fn cut(&self, p_m: f64, p_big: f64, start: f64, gap: f64, whole: f64) -> (f64, f64) {
        let fall = |small: f64, v: f64| (p_m - 1.0) * v + p_big * ((gap + small) / (gap + start)).ln();
        let mut length = whole;
        let mut depth = FALL + 3.0;
        let mut steps = 0;
        while depth > FALL + 2.0 && steps < 60 {
            let small = start * length.exp();
            depth = fall(small, length);
            let slope = p_m - 1.0 + p_big * small / (gap + small);
            length = (length - (depth - FALL) / slope).clamp(0.0, whole);
            steps += 1;
        }
        (length, FALL)
    }
}

/// Nodes enough for 1e-12 on an interval of this length over which the logarithm falls by `depth`, measured on
/// 200,000 random integrands: the length is set against the nearest singularity of the integrand, at ±iπ, the
/// fall against the degree of polynomial that follows it.
fn rule(length: f64, depth: f64) -> &'static [(f64, f64)] {
    static RULES: OnceLock<[Vec<(f64, f64)>; 7]> = OnceLock::new();
    let rules = RULES.get_or_init(|| [4, 6, 8, 12, 16, 20, 32].map(gauss_legendre));
    let steps = |limits: [f64; 6], value: f64| limits.iter().filter(|limit| value >= **limit).count();
    let by_length = steps([0.1, 0.5, 1.0, 2.0, 3.0, 4.0], length);
    let by_depth = steps([0.25, 2.0, 4.0, 8.0, 16.0, f64::INFINITY], depth);
    &rules[by_length.max(by_depth)]
}
