//! Orders, ties and groups: what every metric that sorts is built on.

use std::ops::Range;

/// Pairs of score and actual, highest score first.
pub(super) fn by_score(score: &[f64], actual: &[f64]) -> Vec<(f64, f64)> {
    let mut pairs: Vec<(f64, f64)> = score.iter().copied().zip(actual.iter().copied()).collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    pairs
}

/// Runs of equal neighbours by `key`. Zero and minus zero are equal.
pub(super) fn ties<T>(sorted: &[T], key: impl Fn(&T) -> f64) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = key(sorted.get(start)?);
        let length = sorted[start..].iter().take_while(|item| key(item) == first).count().max(1);
        let run = start..start + length;
        start = run.end;
        Some(run)
    })
}

/// Pairs of score and actual, highest score first, where the actuals of equal scores are replaced by their
/// mean: the expectation over random ways to break the tie.
pub(super) fn tie_mean(score: &[f64], actual: &[f64]) -> Vec<(f64, f64)> {
    let mut pairs = by_score(score, actual);
    let runs: Vec<Range<usize>> = ties(&pairs, |pair| pair.0).filter(|run| run.len() > 1).collect();
    for run in runs {
        let mean = pairs[run.clone()].iter().map(|pair| pair.1).sum::<f64>() / run.len() as f64;
        pairs[run].iter_mut().for_each(|pair| pair.1 = mean);
    }
    pairs
}

/// Ranks from 1, lowest first; equal values share the mean of their ranks.
pub(super) fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = vec![0.0; values.len()];
    for run in ties(&order, |item| item.0) {
        let rank = (run.start + 1 + run.end) as f64 / 2.0;
        order[run].iter().for_each(|&(_, at)| ranks[at] = rank);
    }
    ranks
}

/// `parts` neighbouring groups whose sizes differ by at most one, the longer ones first.
pub(super) fn split(len: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    let (size, longer) = (len / parts, len % parts);
    (0..parts).map(move |i| {
        let start = i * size + i.min(longer);
        start..start + size + usize::from(i < longer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_differ_by_one_and_the_longer_come_first() {
        let sizes = |len, parts| split(len, parts).map(|group| group.len()).collect::<Vec<_>>();
        assert_eq!(sizes(10, 4), [3, 3, 2, 2]);
        assert_eq!(sizes(2, 3), [1, 1, 0]);
        assert_eq!(split(11, 3).last(), Some(8..11));
    }

    #[test]
    fn equal_values_share_their_mean_rank() {
        assert_eq!(average_ranks(&[3.0, 1.0, 3.0, -0.0, 0.0]), [4.5, 3.0, 4.5, 1.5, 1.5]);
        assert_eq!(tie_mean(&[0.5, 0.5, 0.9], &[1.0, 0.0, 0.0]), [(0.9, 0.0), (0.5, 0.5), (0.5, 0.5)]);
    }
}
