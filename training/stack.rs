//! Stacking: how much each member's vote counts, learned where no member has seen the outcome.

use homing_models::boosting::sigmoid;

/// How strongly the weights are held to the ones set beforehand: as if so many customers spoke for them.
const PRIOR: f64 = 300.0;

/// Weights, 0 or more and 1 in sum, by which the members' log-odds (one array a customer) add up to the smallest
/// log loss once their common level is right; held to `set`. Coordinate-wise Newton steps.
#[must_use]
pub fn weights<const N: usize>(votes: &[[f64; N]], bought: &[bool], set: [f64; N]) -> [f64; N] {
    if votes.is_empty() {
        return set;
    }
    let size = votes.len() as f64;
    // Centred, so that a weight does not move the level.
    let mean: [f64; N] = std::array::from_fn(|j| votes.iter().map(|vote| vote[j]).sum::<f64>() / size);
    let mut weights = set;
    let mut level = 0.0;
    let mut margins: Vec<f64> = vec![0.0; votes.len()];
    let centred = |i: usize, j: usize| votes[i][j] - mean[j];
    for (i, margin) in margins.iter_mut().enumerate() {
        *margin = (0..N).map(|j| weights[j] * centred(i, j)).sum();
    }
    for _ in 0..40 {
        let mut moved = 0.0f64;
        for j in 0..=N {
            let (mut g, mut h) = (0.0, 1e-9);
            for (i, (&margin, &bought)) in margins.iter().zip(bought).enumerate() {
                let x = if j < N { centred(i, j) } else { 1.0 };
                let p = sigmoid(level + margin);
                g += (p - f64::from(u8::from(bought))) * x;
                h += p * (1.0 - p) * x * x;
            }
            if j == N {
                level -= (g / h).clamp(-2.0, 2.0);
                continue;
            }
            let next = (weights[j] - (g + PRIOR * (weights[j] - set[j])) / (h + PRIOR)).max(0.0);
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
    if sum > 0.1 { weights.map(|w| w / sum) } else { set }
}

#[cfg(test)]
mod tests {
    use super::*;
    use homing_models::sampling::mix;

    #[test]
    fn the_member_that_knows_gets_the_weight() {
        let unit = |i: u64, j: u64| mix(mix(i) ^ j) as f64 / u64::MAX as f64;
        let votes: Vec<[f64; 3]> =
            (0..20_000).map(|i| [4.0 * (unit(i, 0) - 0.5), 4.0 * (unit(i, 1) - 0.5), 0.0]).collect();
        let bought: Vec<bool> =
            votes.iter().enumerate().map(|(i, v)| unit(i as u64, 9) < sigmoid(v[0] - 1.0)).collect();
        let found = weights(&votes, &bought, [0.4, 0.4, 0.2]);
        assert!(found[0] > 0.75 && found[1] < 0.05, "{found:?}");
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(weights(&[], &[], [0.5, 0.5]), [0.5, 0.5]);
    }
}
