//! How good scores are: as functions of one column of actuals and one of predictions.
//!
//! Wherever a measure sorts by a score, the actuals of customers with equal scores are replaced by the mean
//! of their tie first, so the order of the rows cannot change it. A measure that is not defined (one class
//! only, no spend at all) is NaN.

mod rank;

use rank::{average_ranks, by_score, split, tie_mean, ties};

/// Probabilities are held within `[EPS, 1 - EPS]` for the log loss.
pub const EPS: f64 = 1e-6;

/// Groups of the expected calibration error.
pub const ECE_BINS: usize = 15;

/// Groups of [`decile_mape`].
pub const DECILES: usize = 10;

/// Arithmetic mean; NaN of nothing.
#[must_use]
pub fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Area under the ROC curve: the chance that a random positive (`actual` 1) scores above a random negative
/// (0), ties counted half (Hanley & McNeil 1982). NaN when one class is missing.
#[must_use]
pub fn auc(actual: &[f64], score: &[f64]) -> f64 {
    let positives = actual.iter().sum::<f64>();
    let negatives = actual.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return f64::NAN;
    }
    let ranks: f64 = average_ranks(score).iter().zip(actual).map(|(rank, y)| rank * y).sum();
    (ranks - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

/// Average precision, the step-wise area under the precision-recall curve with thresholds at the distinct
/// scores. NaN when there are no positives.
#[must_use]
pub fn average_precision(actual: &[f64], score: &[f64]) -> f64 {
    let positives = actual.iter().sum::<f64>();
    if positives == 0.0 {
        return f64::NAN;
    }
    let pairs = by_score(score, actual);
    let (mut hits, mut area) = (0.0, 0.0);
    for run in ties(&pairs, |pair| pair.0) {
        let seen = run.end as f64;
        let more = pairs[run].iter().map(|pair| pair.1).sum::<f64>();
        hits += more;
        area += more / positives * (hits / seen);
    }
    area
}

/// Mean negative log likelihood of `actual` (0 or 1) under probabilities `p`, in nats, with `p` held within
/// [`EPS`] of 0 and 1.
#[must_use]
pub fn logloss(actual: &[f64], p: &[f64]) -> f64 {
    -mean(actual.iter().zip(p).map(|(&y, &p)| {
        let p = p.clamp(EPS, 1.0 - EPS);
        y * p.ln() + (1.0 - y) * (1.0 - p).ln()
    }))
}

/// Mean squared error of probabilities (Brier 1950).
#[must_use]
pub fn brier(actual: &[f64], p: &[f64]) -> f64 {
    mean(actual.iter().zip(p).map(|(y, p)| (p - y) * (p - y)))
}

/// Expected calibration error over `bins` groups of equal size: the mean over customers of how far their
/// group's mean probability lies from its share of positives.
#[must_use]
pub fn ece(actual: &[f64], p: &[f64], bins: usize) -> f64 {
    let pairs = tie_mean(p, actual);
    let gaps = split(pairs.len(), bins).map(|group| {
        let (p, y) = pairs[group].iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        f64::abs(p - y)
    });
    gaps.sum::<f64>() / pairs.len() as f64
}

/// Share of the actuals' sum that the `fraction` of customers with the highest scores hold; the last customer
/// counts in part. NaN unless the sum is above zero.
#[must_use]
pub fn capture(score: &[f64], actual: &[f64], fraction: f64) -> f64 {
    let total = actual.iter().sum::<f64>();
    if total.is_nan() || total <= 0.0 {
        return f64::NAN;
    }
    let pairs = tie_mean(score, actual);
    let wanted = fraction * pairs.len() as f64;
    let whole = ((wanted + 1e-9).floor() as usize).min(pairs.len());
    let mut top = pairs[..whole].iter().map(|pair| pair.1).sum::<f64>();
    if let Some(last) = pairs.get(whole) {
        top += (wanted - whole as f64) * last.1;
    }
    top / total
}

/// [`capture`] over the fraction: how many times more of the actuals the top holds than a random choice.
#[must_use]
pub fn lift(score: &[f64], actual: &[f64], fraction: f64) -> f64 {
    capture(score, actual, fraction) / fraction
}

/// Gini of the actuals when the customers are sorted by score, not yet divided by the best possible.
fn gini(actual: &[f64], score: &[f64]) -> f64 {
    let pairs = tie_mean(score, actual);
    let total = pairs.iter().map(|pair| pair.1).sum::<f64>();
    if total == 0.0 {
        return f64::NAN;
    }
    let count = pairs.len() as f64;
    let (mut running, mut area) = (0.0, 0.0);
    for pair in &pairs {
        running += pair.1;
        area += running / total;
    }
    area / count - (count + 1.0) / (2.0 * count)
}

/// Gini of the actuals sorted by score over their Gini sorted by themselves: 1 for the perfect order, 0 for a
/// random one. NaN when all actuals are equal or their sum is zero.
#[must_use]
pub fn norm_gini(actual: &[f64], score: &[f64]) -> f64 {
    let best = gini(actual, actual);
    // Equal actuals leave rounding noise instead of zero, and a quotient of noise says nothing.
    if best.abs() < 1e-12 { f64::NAN } else { gini(actual, score) / best }
}

/// Mean over ten groups by prediction of `|sum predicted - sum actual| / sum actual`, over the groups whose
/// actual sum is above zero; NaN when there is none.
#[must_use]
pub fn decile_mape(predicted: &[f64], actual: &[f64]) -> f64 {
    let pairs = tie_mean(predicted, actual);
    let errors: Vec<f64> = split(pairs.len(), DECILES)
        .map(|group| pairs[group].iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1)))
        .filter(|&(_, y)| y > 0.0)
        .map(|(f, y)| f64::abs(f - y) / y)
        .collect();
    mean(errors.into_iter())
}

/// Spearman's rank correlation with mean ranks for ties; NaN when either side is constant.
#[must_use]
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (average_ranks(a), average_ranks(b));
    // Ranks keep their sum under ties, so both means are (n + 1) / 2 exactly.
    let middle = (a.len() as f64 + 1.0) / 2.0;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        ab += (a - middle) * (b - middle);
        aa += (a - middle) * (a - middle);
        bb += (b - middle) * (b - middle);
    }
    if aa == 0.0 || bb == 0.0 { f64::NAN } else { (ab / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0) }
}

/// Mean absolute error. It rewards predicting too little where most actuals are zero: read it with [`bias`].
#[must_use]
pub fn mae(actual: &[f64], predicted: &[f64]) -> f64 {
    mean(actual.iter().zip(predicted).map(|(y, f)| (y - f).abs()))
}

/// Root of the mean squared error.
#[must_use]
pub fn rmse(actual: &[f64], predicted: &[f64]) -> f64 {
    mean(actual.iter().zip(predicted).map(|(y, f)| (y - f) * (y - f))).sqrt()
}

/// Predicted sum over actual sum, less one: +0.1 means ten percent too much in all. NaN when the actual sum is
/// zero.
#[must_use]
pub fn bias(actual: &[f64], predicted: &[f64]) -> f64 {
    let total = actual.iter().sum::<f64>();
    if total == 0.0 { f64::NAN } else { predicted.iter().sum::<f64>() / total - 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_score_for_all_is_worth_a_random_order() {
        let y = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        let z = [0.3; 10];
        assert_eq!(auc(&y, &z), 0.5);
        assert!((lift(&z, &y, 0.1) - 1.0).abs() < 1e-12);
        assert!(norm_gini(&y, &z).abs() < 1e-12);
        assert!((average_precision(&y, &z) - 0.3).abs() < 1e-12);
        assert!(ece(&y, &z, ECE_BINS).abs() < 1e-12);
        assert!(spearman(&y, &z).is_nan());
    }

    #[test]
    fn a_measure_that_is_not_defined_is_nan() {
        assert!(auc(&[1.0, 1.0], &[0.1, 0.2]).is_nan());
        assert!(average_precision(&[0.0, 0.0], &[0.1, 0.2]).is_nan());
        assert!(capture(&[0.1, 0.2], &[0.0, 0.0], 0.1).is_nan());
        assert!(norm_gini(&[0.1; 7], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).is_nan());
        assert!(decile_mape(&[1.0, 2.0], &[0.0, 0.0]).is_nan());
        assert!(bias(&[0.0], &[1.0]).is_nan());
    }

    #[test]
    fn the_order_of_the_rows_changes_nothing() {
        let p = [0.2, 0.7, 0.2, 0.7, 0.2, 0.9, 0.1];
        let y = [0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
        let reversed = |values: &[f64]| values.iter().rev().copied().collect::<Vec<_>>();
        let (q, x) = (reversed(&p), reversed(&y));
        let pairs = [
            (capture(&p, &y, 0.1), capture(&q, &x, 0.1)),
            (norm_gini(&y, &p), norm_gini(&x, &q)),
            (ece(&y, &p, 3), ece(&x, &q, 3)),
            (decile_mape(&p, &y), decile_mape(&q, &x)),
            (average_precision(&y, &p), average_precision(&x, &q)),
        ];
        for (one, other) in pairs {
            assert!((one - other).abs() < 1e-12, "{one} {other}");
        }
    }
}
