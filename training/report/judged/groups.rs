//! Customers grouped by score, and what a group did.

use crate::backtest::ScoreRow;

/// Groups of the calibration and of the deciles.
pub(super) const GROUPS: usize = 10;

/// Customers in groups of equal size by a score, the lowest first.
pub(super) fn groups(rows: &[ScoreRow], score: fn(&ScoreRow) -> f64, count: usize) -> Vec<Vec<&ScoreRow>> {
    let mut sorted: Vec<&ScoreRow> = rows.iter().collect();
    sorted.sort_by(|a, b| score(a).total_cmp(&score(b)));
    let n = sorted.len();
    (0..count)
        .map(|i| sorted[n * i / count..n * (i + 1) / count].to_vec())
        .filter(|g: &Vec<_>| !g.is_empty())
        .collect()
}

/// The mean of a group.
pub(super) fn mean(rows: &[&ScoreRow], of: impl Fn(&ScoreRow) -> f64) -> f64 {
    rows.iter().map(|row| of(row)).sum::<f64>() / rows.len().max(1) as f64
}

/// 1 for a customer who bought, else 0.
pub(super) fn bought(row: &ScoreRow) -> f64 {
    f64::from(u8::from(row.label.bought))
}

/// Wilson's 95 % interval of a share (Wilson 1927).
pub(super) fn wilson(share: f64, n: usize) -> (f64, f64) {
    let (z, n) = (1.96f64, n.max(1) as f64);
    let centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Cumulative gains: the share of customers by descending score, and their share of the actual total, in fifty steps.
pub(super) fn gains(
    rows: &[ScoreRow],
    score: fn(&ScoreRow) -> f64,
    actual: fn(&ScoreRow) -> f64,
) -> Vec<(f64, f64)> {
    let mut sorted: Vec<(f64, f64)> = rows.iter().map(|row| (score(row), actual(row))).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total: f64 = sorted.iter().map(|row| row.1).sum();
    let n = sorted.len();
    let mut points = vec![(0.0, 0.0)];
    let (mut sum, mut at) = (0.0, 0);
    for step in 1..=50 {
        let to = n * step / 50;
        sum += sorted[at..to].iter().map(|row| row.1).sum::<f64>();
        at = to;
        points.push((step as f64 / 50.0, if total > 0.0 { sum / total } else { f64::NAN }));
    }
    points
}
