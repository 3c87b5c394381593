//! Comparing groups: differences with intervals, covariate adjustment, sample ratios, power, pooling.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// A difference of two means with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Mean of the first group less that of the second.
    pub effect: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Low end of the 95 % interval.
    pub low: f64,
    /// High end.
    pub high: f64,
    /// Two-sided p-value of no difference.
    pub p_value: f64,
}

/// A group of customers: one value each, and one row of covariates each, known before the groups were drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The outcome.
    pub outcome: Vec<f64>,
    /// Covariates; every row has as many.
    pub covariates: Vec<Vec<f64>>,
}

/// An estimate adjusted for covariates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Adjusted {
    /// The adjusted difference.
    pub estimate: Estimate,
    /// Share of the variance of the plain difference that the adjustment removes.
    pub variance_saved: f64,
}

/// The two-sided 97.5 % quantile of the normal distribution.
pub const Z95: f64 = 1.959_963_984_540_054;

/// Share of a normal distribution beyond a distance from its mean, on both sides.
#[must_use]
pub fn two_sided(z: f64) -> f64 {
    2.0 * Normal::standard().sf(z.abs())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Variance of the mean of a sample.
fn variance_of_mean(values: &[f64]) -> f64 {
    let (n, mean) = (values.len() as f64, mean(values));
    values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0) / n
}

/// The difference of two means by Welch (1947), without equal variances. `None` where a group has fewer than two members or no
/// value varies.
///
/// ```
/// use homing_models::statistics::welch;
///
/// let found = welch(&[3.0, 4.0, 5.0, 6.0], &[1.0, 2.0, 3.0, 2.0]).unwrap();
/// assert_eq!(found.effect, 2.5);
/// assert!(found.low > 0.0 && found.p_value < 0.05);
/// assert!(welch(&[1.0, 1.0], &[1.0, 1.0]).is_none());
/// ```
#[must_use]
pub fn welch(ones: &[f64], others: &[f64]) -> Option<Estimate> {
    if ones.len() < 2 || others.len() < 2 {
        return None;
    }
    let (one, other) = (variance_of_mean(ones), variance_of_mean(others));
    let error = (one + other).sqrt();
    if !error.is_finite() || error == 0.0 {
        return None;
    }
    let degrees = (one + other).powi(2)
        / (one * one / (ones.len() as f64 - 1.0) + other * other / (others.len() as f64 - 1.0));
    let t = StudentsT::new(0.0, 1.0, degrees).ok()?;
    let (effect, reach) = (mean(ones) - mean(others), t.inverse_cdf(0.975) * error);
    let p_value = 2.0 * t.sf((effect / error).abs());
    Some(Estimate { effect, standard_error: error, low: effect - reach, high: effect + reach, p_value })
}

/// The difference adjusted for covariates (CUPED: Deng, Xu, Kohavi & Walker 2013, "Improving the sensitivity of online controlled
/// experiments by utilizing pre-experiment data"): the outcome less its regression on the covariates within the groups. `None` as
/// for [`welch`], and where no covariate varies.
#[must_use]
pub fn adjusted(ones: &Group, others: &Group) -> Option<Adjusted> {
    let plain = welch(&ones.outcome, &others.outcome)?;
    let width = ones.covariates.first().map_or(0, Vec::len);
    if width == 0 || [ones, others].iter().any(|group| group.covariates.len() != group.outcome.len()) {
        return None;
    }
    let mut products = vec![vec![0.0; width + 1]; width];
    let mut sums = vec![0.0; width];
    for group in [ones, others] {
        let means: Vec<f64> = (0..width)
            .map(|at| group.covariates.iter().map(|row| row[at]).sum::<f64>() / group.covariates.len() as f64)
            .collect();
        let outcome = mean(&group.outcome);
        for (row, y) in group.covariates.iter().zip(&group.outcome) {
            let away: Vec<f64> =
                row.iter().zip(&means).map(|(x, mean)| x - mean).chain([y - outcome]).collect();
            for ((sum, x), (products, one)) in sums.iter_mut().zip(row).zip(products.iter_mut().zip(&away)) {
                *sum += x;
                products.iter_mut().zip(&away).for_each(|(product, other)| *product += one * other);
            }
        }
    }
    let slopes = solve(products)?;
    let all = (ones.outcome.len() + others.outcome.len()) as f64;
    let rest = |group: &Group| -> Vec<f64> {
        let explained = |row: &Vec<f64>| -> f64 {
            row.iter().zip(&slopes).zip(&sums).map(|((x, slope), sum)| slope * (x - sum / all)).sum()
        };
        group.outcome.iter().zip(&group.covariates).map(|(y, row)| y - explained(row)).collect()
    };
    let estimate = welch(&rest(ones), &rest(others))?;
    let variance_saved = 1.0 - (estimate.standard_error / plain.standard_error).powi(2);
    Some(Adjusted { estimate, variance_saved })
}

/// Solves a small system of equations, each row a left side and its right side, by elimination. Covariates that say what others say
/// get no weight. `None` where none says anything.
fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let width = rows.len();
    let scales: Vec<f64> = (0..width).map(|at| rows[at][at]).collect();
    let mut solved = vec![false; width];
    for at in 0..width {
        if !(rows[at][at].is_finite() && rows[at][at] > 1e-9 * scales[at].max(1e-300)) {
            continue;
        }
        solved[at] = true;
        let pivot = rows[at].clone();
        for (other, row) in rows.iter_mut().enumerate() {
            if other != at {
                let factor = row[at] / pivot[at];
                row.iter_mut().zip(&pivot).for_each(|(value, pivot)| *value -= factor * pivot);
            }
        }
    }
    let value = |at: usize| if solved[at] { rows[at][width] / rows[at][at] } else { 0.0 };
    solved.contains(&true).then(|| (0..width).map(value).collect())
}

/// Several estimates of one effect as one, weighted by their inverse variances, with Cochran's test of whether they differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pooled {
    /// The effect, with a normal interval.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Two-sided p-value of the estimates having the same effect; `null` for one estimate.
    pub p_same: Option<f64>,
}

/// Pools estimates; `None` of none.
#[must_use]
pub fn pooled(estimates: &[Estimate]) -> Option<Pooled> {
    let weight = |estimate: &Estimate| estimate.standard_error.powi(-2);
    let total: f64 = estimates.iter().map(weight).sum();
    if estimates.is_empty() || !total.is_finite() {
        return None;
    }
    let effect = estimates.iter().map(|one| weight(one) * one.effect).sum::<f64>() / total;
    let error = total.powf(-0.5);
    let q: f64 = estimates.iter().map(|one| weight(one) * (one.effect - effect).powi(2)).sum();
    let degrees = estimates.len() as f64 - 1.0;
    let chi = statrs::distribution::ChiSquared::new(degrees).ok();
    Some(Pooled {
        estimate: Estimate {
            effect,
            standard_error: error,
            low: effect - Z95 * error,
            high: effect + Z95 * error,
            p_value: two_sided(effect / error),
        },
        p_same: chi.map(|chi| chi.sf(q)),
    })
}

/// The p-value of a group of `held` among `all` customers where each is in it with a chance of `share`: the test of a sample ratio
/// mismatch. A value below .001 says that customers were not assigned as planned.
#[must_use]
pub fn sample_ratio(held: u64, all: u64, share: f64) -> f64 {
    let (held, all) = (held as f64, all as f64);
    let error = (all * share * (1.0 - share)).sqrt();
    if error == 0.0 { 1.0 } else { two_sided((held - all * share) / error) }
}

/// The smallest difference in the share of buyers that a two-sided test at 5 % finds with 80 % power, for a share `base` of buyers.
#[must_use]
pub fn detectable(base: f64, treated: f64, held: f64) -> f64 {
    const POWER_80: f64 = 0.841_621_233_572_914;
    (Z95 + POWER_80) * (base * (1.0 - base) * (1.0 / treated + 1.0 / held)).sqrt()
}

/// The smallest share of `all` customers to hold out that makes a difference detectable; `None` if even a half does not.
#[must_use]
pub fn hold_out_for(difference: f64, base: f64, all: f64) -> Option<f64> {
    let enough = |share: f64| detectable(base, all * (1.0 - share), all * share) <= difference;
    (1..=50).map(|percent| f64::from(percent) / 100.0).find(|share| enough(*share))
}

/// The interval of a share by Wilson (1927), `(low, high)`, at 95 %.
#[must_use]
pub fn wilson(hits: f64, all: f64) -> (f64, f64) {
    let (share, z2) = (hits / all, Z95 * Z95);
    let middle = (share + z2 / (2.0 * all)) / (1.0 + z2 / all);
    let reach = Z95 / (1.0 + z2 / all) * (share * (1.0 - share) / all + z2 / (4.0 * all * all)).sqrt();
    (middle - reach, middle + reach)
}

/// Population stability index of shares against reference shares: Σ (share − reference) · ln(share / reference). Empty bins count
/// as half a customer. Below .1 is stable, above .25 is another population.
#[must_use]
pub fn stability_index(reference: &[f64], counts: &[f64]) -> f64 {
    let share = |counts: &[f64]| -> Vec<f64> {
        let total: f64 = counts.iter().map(|count| count.max(0.5)).sum();
        counts.iter().map(|count| count.max(0.5) / total).collect()
    };
    share(reference).iter().zip(share(counts)).map(|(before, now)| (now - before) * (now / before).ln()).sum()
}

/// No group is taken to be smaller.
const MIN_SHARE: f64 = 1e-3;

/// The population stability index of values against the deciles (eleven values) of another time: the sum over groups
/// of (now − then) × ln(now / then).
///
/// Where a value fills several deciles, or where values are counts, its deciles only bound the share below it: then the
/// share nearest to today's is taken, so that the index shows no change that is not certain.
#[must_use]
pub fn decile_stability(deciles: &[f64], values: &[f64], counts: bool) -> Option<f64> {
    if deciles.len() != 11 || values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mut edges: Vec<f64> = deciles[..10].to_vec();
    edges.dedup();
    let (mut then_below, mut now_below, mut sum) = (0.0, 0.0, 0.0);
    let mut add = |then: f64, now: f64| {
        let (then, now) = (then.max(MIN_SHARE), now.max(MIN_SHARE));
        sum += (now - then) * (now / then).ln();
    };
    for edge in edges {
        // The highest decile at this value: that share at least lies at or below it, and less than a tenth more.
        let highest = deciles.iter().rposition(|&decile| decile <= edge).unwrap_or(0);
        let at_edge = values.iter().filter(|&&value| value == edge).count() as f64 / n;
        let repeated = deciles.iter().filter(|&&decile| decile == edge).count() > 1 || at_edge > 0.02;
        let (low, high) = (highest as f64 / 10.0, ((highest + 1) as f64 / 10.0).min(1.0));
        let now = values.iter().filter(|&&value| value <= edge).count() as f64 / n;
        if highest == 0 && !repeated && !counts {
            // The least value of then is no edge of a group.
            continue;
        }
        let then = if repeated || counts { now.clamp(low, high) } else { low };
        add((then - then_below).max(0.0), (now - now_below).max(0.0));
        (then_below, now_below) = (then.max(then_below), now);
    }
    add((1.0 - then_below).max(0.0), 1.0 - now_below);
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::Picker;

    fn unit(picker: &mut Picker) -> f64 {
        picker.draw() as f64 / u64::MAX as f64
    }

    #[test]
    fn welch_gives_what_scipy_gives() {
        // scipy.stats.ttest_ind([1, 2, 4, 8], [2, 2, 3, 1, 1], equal_var=False): t 1.2245, df 3.35, p .2998
        let found = welch(&[1.0, 2.0, 4.0, 8.0], &[2.0, 2.0, 3.0, 1.0, 1.0]).unwrap();
        assert!((found.effect - 1.95).abs() < 1e-12);
        assert!((found.p_value - 0.299_773).abs() < 1e-6, "{found:?}");
        assert!((found.low + 2.829_476).abs() < 1e-5, "{found:?}");
        assert!(welch(&[1.0], &[1.0, 2.0]).is_none());
    }

    #[test]
    fn covariates_take_out_what_they_explain_and_leave_the_effect() {
        let mut picker = Picker::new(3);
        let mut group = |effect: f64| {
            let covariates: Vec<Vec<f64>> = (0..2000)
                .map(|_| {
                    let x = unit(&mut picker);
                    vec![x, 2.0 * x, unit(&mut picker)]
                })
                .collect();
            let outcome =
                covariates.iter().map(|x| effect + x[0] + 0.5 * (unit(&mut picker) - 0.5)).collect();
            Group { outcome, covariates }
        };
        let (treated, held) = (group(0.1), group(0.0));
        let found = adjusted(&treated, &held).unwrap();
        // Variance 1/12 is explained, 1/48 is not.
        assert!((found.variance_saved - 0.8).abs() < 0.02, "{found:?}");
        assert!(found.estimate.low < 0.1 && 0.1 < found.estimate.high, "{found:?}");
        let constant = Group { covariates: vec![vec![1.0]; 2000], ..treated.clone() };
        assert!(adjusted(&constant, &constant).is_none());
    }

    #[test]
    fn ratios_power_and_pooling() {
        assert!(sample_ratio(100, 1000, 0.1) > 0.99 && sample_ratio(150, 1000, 0.1) < 1e-6);
        let least = detectable(0.3, 9_000.0, 1_000.0);
        assert!((least - 0.0428).abs() < 1e-4, "{least}");
        assert_eq!(hold_out_for(0.0428, 0.3, 10_000.0), Some(0.1));
        assert_eq!(hold_out_for(0.001, 0.3, 1_000.0), None);
        let one = welch(&[3.0, 4.0, 5.0, 6.0], &[1.0, 2.0, 3.0, 2.0]).unwrap();
        let both = pooled(&[one, one]).unwrap();
        assert!((both.estimate.standard_error - one.standard_error / 2f64.sqrt()).abs() < 1e-12);
        assert!(
            both.p_same.unwrap() > 0.99 && pooled(&[one]).unwrap().p_same.is_none() && pooled(&[]).is_none()
        );
        let (low, high) = wilson(0.0, 20.0);
        assert!(low.abs() < 1e-12 && (high - 0.1611).abs() < 1e-4);
        assert!(stability_index(&[10.0, 10.0], &[100.0, 100.0]).abs() < 1e-12);
        assert!(stability_index(&[10.0, 10.0], &[90.0, 10.0]) > 0.25);
    }
}
