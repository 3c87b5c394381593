//! What a fit minimises: the loss, and its gradient and hessian in the margin.

use crate::boosting::{Objective, logit, sigmoid};

impl Objective {
    /// What targets it takes, in words.
    pub(in crate::boosting) fn takes(self) -> &'static str {
        match self {
            Objective::Logistic => "0 to 1",
            Objective::Poisson | Objective::Tweedie(_) => "0 or more",
            Objective::Gamma => "values above 0",
            Objective::Squared | Objective::Quantile(_) => "finite values",
        }
    }

    /// Whether it takes this target.
    pub(in crate::boosting) fn accepts(self, y: f64) -> bool {
        y.is_finite()
            && match self {
                Objective::Logistic => (0.0..=1.0).contains(&y),
                Objective::Poisson | Objective::Tweedie(_) => y >= 0.0,
                Objective::Gamma => y > 0.0,
                Objective::Squared | Objective::Quantile(_) => true,
            }
    }

    /// Its parameter, the parameter's name and range, if it is outside the range.
    pub(in crate::boosting) fn fault(self) -> Option<(&'static str, f64, &'static str)> {
        match self {
            Objective::Tweedie(power) if !(power > 1.0 && power < 2.0) => {
                Some(("tweedie power", power, "between 1 and 2"))
            }
            Objective::Quantile(share) if !(share > 0.0 && share < 1.0) => {
                Some(("quantile share", share, "between 0 and 1"))
            }
            _ => None,
        }
    }

    /// Gradients and hessians of rows.
    pub(in crate::boosting) fn gradients(self, y: &[f64], margins: &[f64], out: &mut [(f32, f32)]) {
        let rows = out.iter_mut().zip(y).zip(margins);
        if self == Objective::Logistic {
            // Apart from the others, so that the loop is worked on several rows at a time.
            for (((g, h), &y), &f) in rows {
                let p = 1.0 / (1.0 + exp(-f));
                (*g, *h) = ((p - y) as f32, (p * (1.0 - p)).max(1e-6) as f32);
            }
            return;
        }
        for ((out, &y), &f) in rows {
            let (g, h) = self.gradient(y, f);
            *out = (g as f32, h as f32);
        }
    }

    /// Gradient and hessian of the loss at margin f.
    #[inline]
    pub(in crate::boosting) fn gradient(self, y: f64, f: f64) -> (f64, f64) {
        match self {
            Objective::Logistic => {
                let p = sigmoid(f);
                (p - y, (p * (1.0 - p)).max(1e-6))
            }
            Objective::Poisson => {
                let mean = f.min(30.0).exp();
                (mean - y, mean.max(1e-6))
            }
            Objective::Gamma => {
                let ratio = y * (-f).min(30.0).exp();
                (1.0 - ratio, ratio.max(1e-3))
            }
            Objective::Tweedie(power) => {
                let (a, b) = (y * ((1.0 - power) * f).min(30.0).exp(), ((2.0 - power) * f).min(30.0).exp());
                (b - a, ((2.0 - power) * b + (power - 1.0) * a).max(1e-6))
            }
            Objective::Squared => (f - y, 1.0),
            Objective::Quantile(share) => (if f >= y { 1.0 - share } else { -share }, 1.0),
        }
    }

    /// The loss at margin f, up to what does not depend on f.
    pub(in crate::boosting) fn loss(self, y: f64, f: f64) -> f64 {
        match self {
            Objective::Logistic => f.max(0.0) + (-f.abs()).exp().ln_1p() - y * f,
            Objective::Poisson => f.min(30.0).exp() - y * f,
            Objective::Gamma => f + y * (-f).min(30.0).exp(),
            Objective::Tweedie(power) => {
                ((2.0 - power) * f).min(30.0).exp() / (2.0 - power)
                    + y * ((1.0 - power) * f).min(30.0).exp() / (power - 1.0)
            }
            Objective::Squared => (f - y).powi(2) / 2.0,
            Objective::Quantile(share) => {
                if f >= y {
                    (1.0 - share) * (f - y)
                } else {
                    share * (y - f)
                }
            }
        }
    }

    /// The constant margin that fits weighted targets over given offsets, by Newton's method; of a quantile
    /// the quantile itself.
    pub(in crate::boosting) fn intercept(
        self,
        y: &[f64],
        offsets: Option<&[f64]>,
        weights: Option<&[f64]>,
    ) -> f64 {
        let offset = |i: usize| offsets.map_or(0.0, |offsets| offsets[i]);
        let weight = |i: usize| weights.map_or(1.0, |weights| weights[i]);
        if let Objective::Quantile(share) = self {
            return quantile((0..y.len()).map(|i| (y[i] - offset(i), weight(i))).collect(), share);
        }
        let mut f = 0.0;
        let total = weights.map_or(y.len() as f64, |weights| weights.iter().sum());
        if offsets.is_none() && total > 0.0 {
            let mean = y.iter().enumerate().map(|(i, y)| weight(i) * y).sum::<f64>() / total;
            match self {
                Objective::Logistic if mean > 0.0 && mean < 1.0 => return logit(mean),
                Objective::Poisson | Objective::Gamma | Objective::Tweedie(_) if mean > 0.0 => {
                    return mean.ln();
                }
                Objective::Squared => return mean,
                _ => {}
            }
        }
        for _ in 0..50 {
            let (mut g, mut h) = (0.0, 0.0);
            for (i, &y) in y.iter().enumerate() {
                let (gi, hi) = self.gradient(y, f + offset(i));
                g += weight(i) * gi;
                h += weight(i) * hi;
            }
            let newton = g / h.max(1e-12);
            // The square's Newton step is exact however long it is.
            let step = if self == Objective::Squared { newton } else { newton.clamp(-2.0, 2.0) };
            f -= step;
            if step.abs() < 1e-10 {
                break;
            }
        }
        f.clamp(-1e300, 1e300)
    }
}

/// The smallest value with at least this share of the weight at or below it; 0 of nothing.
pub(super) fn quantile(mut values: Vec<(f64, f64)>, share: f64) -> f64 {
    values.retain(|value| value.1 > 0.0);
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let goal = share * values.iter().map(|value| value.1).sum::<f64>();
    let mut below = 0.0;
    for &(value, weight) in &values {
        below += weight;
        if below >= goal {
            return value;
        }
    }
    values.last().map_or(0.0, |value| value.0)
}

/// e^x to about 2 units in the last place, without branches or calls so that loops over it are vectorised; held
/// within ±708.
///
/// x = k ln 2 + r with |r| ≤ ln 2 / 2, and e^r by its Taylor series to r^13 / 13! (remainder below 5e-18).
#[inline]
fn exp(x: f64) -> f64 {
    /// Adding 1.5 × 2^52 leaves the rounded number in the low bits.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    const HIGH: f64 = 0.693_147_180_369_123_8;
    const LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = if x > 708.0 { 708.0 } else { x };
    let x = if x < -708.0 { -708.0 } else { x };
    let shifted = x * std::f64::consts::LOG2_E + SHIFT;
    let k = shifted - SHIFT;
    let r = (x - k * HIGH) - k * LOW;
    let mut sum = 1.0 / 6_227_020_800.0;
    for factorial in [
        479_001_600.0,
        39_916_800.0,
        3_628_800.0,
        362_880.0,
        40_320.0,
        5_040.0,
        720.0,
        120.0,
        24.0,
        6.0,
        2.0,
        1.0,
        1.0,
    ] {
        sum = sum * r + 1.0 / factorial;
    }
    let scale = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    sum * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_exponential_is_the_library_s() {
        for i in -70_800..70_800 {
            let x = f64::from(i) / 100.0 + 0.001_234;
            let (own, library) = (exp(x), x.exp());
            assert!((own / library - 1.0).abs() < 8e-16, "{x}: {own} {library}");
        }
        assert!(exp(1e9).is_finite() && exp(-1e9) > 0.0 && exp(0.0) == 1.0);
    }

    #[test]
    fn gradients_are_those_of_the_loss() {
        let all = [
            Objective::Logistic,
            Objective::Poisson,
            Objective::Gamma,
            Objective::Tweedie(1.3),
            Objective::Squared,
            Objective::Quantile(0.8),
        ];
        for objective in all {
            for (y, f) in [(1.0, 0.3), (0.5, -1.2), (0.25, 2.0)] {
                let step = 1e-6;
                let slope = (objective.loss(y, f + step) - objective.loss(y, f - step)) / (2.0 * step);
                let (g, h) = objective.gradient(y, f);
                assert!((g - slope).abs() < 1e-7, "{objective:?} {y} {f}: {g} {slope}");
                let mut row = [(0.0, 0.0)];
                objective.gradients(&[y], &[f], &mut row);
                assert!((f64::from(row[0].0) - g).abs() < 1e-6 && (f64::from(row[0].1) - h).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn quantiles_count_weights() {
        let values = vec![(3.0, 1.0), (1.0, 1.0), (2.0, 2.0), (9.0, 0.0)];
        assert_eq!(
            [0.2, 0.25, 0.5, 0.75, 0.9].map(|q| quantile(values.clone(), q)),
            [1.0, 1.0, 2.0, 2.0, 3.0]
        );
        assert_eq!(quantile(Vec::new(), 0.5), 0.0);
    }
}
