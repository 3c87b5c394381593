//! Calibration: levels and slopes that make probabilities and amounts agree with what happened.

use crate::boosting::{logit, sigmoid};

/// The level `a` at which the mean of `sigmoid(a + z)` over the log-odds `z` is `target`; found by Newton's
/// method held in by bisection. 0 for no log-odds; a target of 0 or 1 is taken as all but that.
///
/// ```
/// use homing_models::boosting::sigmoid;
/// use homing_models::calibration::offset;
///
/// let log_odds = [-1.0, 0.0, 2.0];
/// let a = offset(&log_odds, 0.3);
/// let mean = log_odds.iter().map(|z| sigmoid(a + z)).sum::<f64>() / 3.0;
/// assert!((mean - 0.3).abs() < 1e-9);
/// ```
#[must_use]
pub fn offset(z: &[f64], target: f64) -> f64 {
    if z.is_empty() {
        return 0.0;
    }
    let target = target.clamp(0.5 / (z.len() + 1) as f64, 1.0 - 0.5 / (z.len() + 1) as f64);
    let (mut low, mut high) = (-40.0, 40.0);
    let mut a = logit(target) - z.iter().sum::<f64>() / z.len() as f64;
    for _ in 0..100 {
        a = f64::clamp(a, low, high);
        let (mut mean, mut slope) = (0.0, 0.0);
        for z in z {
            let p = sigmoid(a + z);
            mean += p;
            slope += p * (1.0 - p);
        }
        let (gap, slope) = (mean / z.len() as f64 - target, slope / z.len() as f64);
        if gap > 0.0 {
            high = a
        } else {
            low = a
        }
        let next = a - gap / slope.max(1e-12);
        let next = if next > low && next < high { next } else { (low + high) / 2.0 };
        if (next - a).abs() < 1e-12 {
            return next;
        }
        a = next;
    }
    a
}

/// Level and slope `(a, b)` of the logistic regression of `bought` on `z` (Platt 1999), with the slope held
/// towards 1 as if by `prior` further customers. Newton's method; (0, 1) for no rows.
#[must_use]
pub fn platt(z: &[f64], bought: &[bool], prior: f64) -> (f64, f64) {
    let (mut a, mut b) = (0.0, 1.0);
    for _ in 0..50 {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for (&z, &y) in z.iter().zip(bought) {
            let p = sigmoid(a + b * z);
            let (g, h) = (p - f64::from(u8::from(y)), p * (1.0 - p));
            ga += g;
            gb += g * z;
            haa += h;
            hab += h * z;
            hbb += h * z * z;
        }
        gb += prior * 0.25 * (b - 1.0);
        hbb += prior * 0.25;
        let det = haa * hbb - hab * hab;
        if det.abs() < 1e-12 {
            break;
        }
        let (da, db) = ((ga * hbb - gb * hab) / det, (gb * haa - ga * hab) / det);
        a -= da.clamp(-2.0, 2.0);
        b -= db.clamp(-0.5, 0.5);
        if da.abs() + db.abs() < 1e-10 {
            break;
        }
    }
    (a, b)
}

/// Thresholds of a hundred classes: entry `i` is the value below which `i + 1` % of the values are.
#[must_use]
pub fn percentiles(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (1..100).filter_map(|i| values.get((n * i / 100).min(n.saturating_sub(1))).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::churn::percentile;

    #[test]
    fn the_level_meets_the_target() {
        let z: Vec<f64> = (0..1000).map(|i| f64::from(i) / 50.0 - 12.0).collect();
        for target in [0.001, 0.2, 0.5, 0.97] {
            let a = offset(&z, target);
            let mean = z.iter().map(|z| sigmoid(a + z)).sum::<f64>() / 1000.0;
            assert!((mean - target).abs() < 1e-9, "{target} {mean}");
        }
        assert!(offset(&z, 0.0).is_finite() && offset(&[], 0.3) == 0.0);
    }

    #[test]
    fn too_steep_scores_are_flattened() {
        let z: Vec<f64> = (0..20_000).map(|i| (f64::from(i % 200) - 100.0) / 10.0).collect();
        let y: Vec<bool> = (0..20_000u32)
            .map(|i| sigmoid(0.5 * z[i as usize] - 1.0) > (f64::from(i / 200) + 0.5) / 100.0)
            .collect();
        let (a, b) = platt(&z, &y, 0.0);
        assert!((a + 1.0).abs() < 0.05 && (b - 0.5).abs() < 0.02, "{a} {b}");
    }

    #[test]
    fn percentiles_run_from_1_to_100() {
        let thresholds = percentiles((0..1000).map(f64::from).collect());
        assert_eq!(percentile(&thresholds, -1.0), 1);
        assert_eq!(percentile(&thresholds, 505.0), 51);
        assert_eq!(percentile(&thresholds, 5000.0), 100);
        assert_eq!(percentile(&[], 0.5), 1);
    }
}
