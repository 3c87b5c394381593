//! How wrong forecasts were at past months, and what interval follows from that.
//!
//! The logarithm of what came over what was expected is held against a common size of such errors, which grows with the months ahead.
//! The interval of a forecast is as wide as holds the wanted share of the errors known at its time; where few are known, the common
//! size stands in for them. As large errors are rare and very large, the share is counted rather than a variance taken.

/// The share of the truths that an interval is to hold.
pub const LEVEL: f64 = 0.8;
/// The normal quantile of that share.
const Z: f64 = 1.281_551_565_544_600_4;
/// Variance of the log error of a forecast, and what a month ahead adds: typical of shops with little history.
const COMMON: (f64, f64) = (0.0169, 0.01);
/// Past forecasts for which the common size stands.
const PRIOR: f64 = 4.0;
/// Past months whose forecasts count.
const RECENT: usize = 18;
/// Fewest errors.
const LEAST: usize = 3;

/// A forecast whose time has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// The month from which it looked ahead.
    pub origin: usize,
    /// Months ahead.
    pub ahead: usize,
    /// What came over what was expected, as a logarithm.
    pub error: f64,
    /// Variance that the number of customers alone explains.
    pub sampling: f64,
}

/// The variance that is common for so many months ahead.
fn common(ahead: usize, sampling: f64) -> f64 {
    COMMON.0 + COMMON.1 * ahead as f64 + sampling
}

/// How far a forecast made at `origin` reaches to both sides, as a logarithm, by the past forecasts known then.
#[must_use]
pub fn reach(past: &[Past], origin: usize, ahead: usize, sampling: f64, near: usize) -> f64 {
    let known = past.iter().filter(|one| {
        one.origin + one.ahead <= origin
            && one.origin + one.ahead + RECENT > origin
            && one.ahead.abs_diff(ahead) <= near
    });
    let mut sizes: Vec<f64> =
        known.map(|one| one.error.abs() / common(one.ahead, one.sampling).sqrt()).collect();
    let mut scale = 1.0;
    if sizes.len() >= LEAST {
        sizes.sort_by(f64::total_cmp);
        let place = LEVEL * (sizes.len() - 1) as f64;
        let (low, part) = (place as usize, place.fract());
        let high = sizes[(low + 1).min(sizes.len() - 1)];
        let found = (sizes[low] * (1.0 - part) + high * part) / Z;
        // Forecasts of neighbouring months share their errors.
        let count = sizes.len() as f64 / (2.5 * ahead.min(3) as f64);
        scale = (PRIOR + count * found * found) / (PRIOR + count);
    }
    Z * (scale * common(ahead, sampling)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_learn_from_errors_that_were_known() {
        let past = |size: f64, count: usize| -> Vec<Past> {
            let one = |at: usize| Past {
                origin: at,
                ahead: 1,
                error: if at.is_multiple_of(2) { size } else { -size },
                sampling: 0.0,
            };
            (0..count).map(one).collect()
        };
        let without = reach(&[], 10, 1, 0.0, 2);
        assert!((without - Z * 0.0269f64.sqrt()).abs() < 1e-12);
        assert!(reach(&past(1.0, 10), 12, 1, 0.0, 2) > 2.0 * without);
        assert!(reach(&past(0.01, 10), 12, 1, 0.0, 2) < without);
        assert_eq!(reach(&past(1.0, 10), 1, 1, 0.0, 2), without, "their time had not come");
    }
}
