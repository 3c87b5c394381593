//! How unlikely a number is among a customer's own.

/// The median; the values are sorted by it.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

/// Standard normal distribution function (Zelen & Severo 1964, 26.2.17; error below 7.5e-8).
pub(super) fn normal_below(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let tail = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt()
        * t
        * (0.319_381_530
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    if z >= 0.0 { 1.0 - tail } else { tail }
}

/// Probability of at most so many events of a Poisson mean.
pub(super) fn poisson_at_most(count: f64, mean: f64) -> f64 {
    let mut term = (-mean).exp();
    let mut sum = term;
    for k in 1..=count as u32 {
        term *= mean / f64::from(k);
        sum += term;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_match_tables() {
        assert!((normal_below(1.96) - 0.975_002_1).abs() < 1e-6);
        assert!((normal_below(-1.0) - 0.158_655_3).abs() < 1e-6);
        assert!((poisson_at_most(2.0, 3.0) - 0.423_190_1).abs() < 1e-6);
    }
}
