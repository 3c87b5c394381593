//! Stacking: how much each base learner counts, learned on customers whose outcome no learner has seen.

use homing_models::boosting::sigmoid;
use homing_models::calibration::platt;

/// How strongly the weights are held to [`PRIOR_WEIGHTS`], in customers.
const WEIGHT_PRIOR: f64 = 300.0;

/// Number of base learners: trees over the latest snapshots, over the whole history and over shorter windows; linear
/// model; lifetime model.
pub const LEARNERS: usize = 5;

/// Their weights before any data; those of learners that are not there go to the first.
const PRIOR_WEIGHTS: [f64; LEARNERS] = [0.25, 0.1, 0.1, 0.35, 0.2];

/// A learner with less weight is left out: what it adds is not worth its time.
const LEAST_WEIGHT: f64 = 0.03;

/// How strongly the slope is held to 1, in customers.
const SLOPE_PRIOR: f64 = 100.0;

/// How base learners combine: log-odds = slope × Σ weight × the learner's log-odds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stacking {
    /// Weights of the learners; 0 or more, 1 in sum.
    pub weights: [f64; LEARNERS],
    /// Slope on the weighted sum.
    pub slope: f64,
}

impl Stacking {
    /// The weights before any data, of the learners that are there.
    #[must_use]
    pub fn prior(available: [bool; LEARNERS]) -> Self {
        let mut weights = PRIOR_WEIGHTS;
        for learner in 1..LEARNERS {
            if !available[learner] {
                weights[0] += std::mem::take(&mut weights[learner]);
            }
        }
        Stacking { weights, slope: 1.0 }
    }

    /// Learns from out-of-fold log-odds of the learners (one array a customer; 0 where a learner is not there) and from
    /// who bought.
    #[must_use]
    pub fn fit(log_odds: &[[f64; LEARNERS]], bought: &[bool], available: [bool; LEARNERS]) -> Self {
        let prior = Stacking::prior(available).weights;
        let mut weights = weights(log_odds, bought, prior);
        for (learner, weight) in weights.iter_mut().enumerate() {
            // The first keeps the trees in being; linear and lifetime model cost next to nothing.
            if !available[learner] || (learner == 1 || learner == 2) && *weight < LEAST_WEIGHT {
                *weight = 0.0;
            }
        }
        weights[0] = weights[0].max(0.01);
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        // Learners of different kinds that agree are surer together than each of them is.
        let combined: Vec<f64> = log_odds
            .iter()
            .map(|each| each.iter().zip(weights).map(|(one, weight)| one * weight).sum())
            .collect();
        let (_, slope) = platt(&combined, bought, SLOPE_PRIOR);
        Stacking { weights, slope: slope.clamp(0.5, 2.0) }
    }
}

/// Weights, 0 or more and 1 in sum, by which the learners' log-odds add up to the smallest log loss once their common
/// base rate is right; held to `prior`. Coordinate-wise Newton steps.
fn weights<const N: usize>(log_odds: &[[f64; N]], bought: &[bool], prior: [f64; N]) -> [f64; N] {
    if log_odds.is_empty() {
        return prior;
    }
    let size = log_odds.len() as f64;
    // Centred, so that a weight does not move the base rate.
    let mean: [f64; N] = std::array::from_fn(|j| log_odds.iter().map(|each| each[j]).sum::<f64>() / size);
    let mut weights = prior;
    let mut offset = 0.0;
    let mut margins: Vec<f64> = vec![0.0; log_odds.len()];
    let centred = |i: usize, j: usize| log_odds[i][j] - mean[j];
    for (i, margin) in margins.iter_mut().enumerate() {
        *margin = (0..N).map(|j| weights[j] * centred(i, j)).sum();
    }
    for _ in 0..40 {
        let mut moved = 0.0f64;
        for j in 0..=N {
            let (mut g, mut h) = (0.0, 1e-9);
            for (i, (&margin, &bought)) in margins.iter().zip(bought).enumerate() {
                let x = if j < N { centred(i, j) } else { 1.0 };
                let p = sigmoid(offset + margin);
                g += (p - f64::from(u8::from(bought))) * x;
                h += p * (1.0 - p) * x * x;
            }
            if j == N {
                offset -= (g / h).clamp(-2.0, 2.0);
                continue;
            }
            let held = WEIGHT_PRIOR * (weights[j] - prior[j]);
            let next = (weights[j] - (g + held) / (h + WEIGHT_PRIOR)).max(0.0);
            let step = next - weights[j];
            weights[j] = next;
            moved = moved.max(step.abs());
            for (i, margin) in margins.iter_mut().enumerate() {
                *margin += step * centred(i, j);
            }
        }
        if moved < 1e-4 {
            break;
        }
    }
    let sum: f64 = weights.iter().sum();
    if sum > 0.1 { weights.map(|w| w / sum) } else { prior }
}

#[cfg(test)]
mod tests {
    use super::*;
    use homing_models::sampling::mix;

    #[test]
    fn the_learner_that_knows_gets_the_weight() {
        let unit = |i: u64, j: u64| mix(mix(i) ^ j) as f64 / u64::MAX as f64;
        let log_odds: Vec<[f64; 3]> =
            (0..20_000).map(|i| [4.0 * (unit(i, 0) - 0.5), 4.0 * (unit(i, 1) - 0.5), 0.0]).collect();
        let bought: Vec<bool> =
            log_odds.iter().enumerate().map(|(i, v)| unit(i as u64, 9) < sigmoid(v[0] - 1.0)).collect();
        let found = weights(&log_odds, &bought, [0.4, 0.4, 0.2]);
        assert!(found[0] > 0.75 && found[1] < 0.05, "{found:?}");
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(weights(&[], &[], [0.5, 0.5]), [0.5, 0.5]);
    }
}
