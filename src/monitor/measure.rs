//! The figures of a window, each with a 95 % interval.

use homing_models::measures::{ECE_BINS, auc, bias, ece, logloss};
use homing_models::sampling::{Picker, mix};
use homing_models::statistics::wilson;
use rayon::prelude::*;
use serde::Serialize;

/// A score and what came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// Purchase probability.
    pub p_purchase: f64,
    /// Whether a purchase came.
    pub bought: bool,
    /// Expected spend.
    pub expected_spend: f64,
    /// Spend.
    pub spend: f64,
    /// The 80 % interval of the spend.
    pub interval: Option<(f64, f64)>,
    /// Whether the customer had the worst churn level.
    pub high: Option<bool>,
    /// Tags and their values.
    pub tags: Vec<String>,
}

/// The figures; `null` where one is not defined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "each figure is followed by the ends of its 95 % interval")]
pub struct Figures {
    /// Chance that a buyer has a higher purchase probability than another customer.
    pub auc: Option<f64>,
    pub auc_low: Option<f64>,
    pub auc_high: Option<f64>,
    /// Mean negative log likelihood of the purchase probability.
    pub logloss: Option<f64>,
    pub logloss_low: Option<f64>,
    pub logloss_high: Option<f64>,
    /// Expected calibration error in 15 groups.
    pub ece: Option<f64>,
    pub ece_low: Option<f64>,
    pub ece_high: Option<f64>,
    /// Expected spend over spend, less one.
    pub spend_bias: Option<f64>,
    pub spend_bias_low: Option<f64>,
    pub spend_bias_high: Option<f64>,
    /// Share of customers whose spend lies within its 80 % interval.
    pub interval_coverage: Option<f64>,
    pub interval_coverage_low: Option<f64>,
    pub interval_coverage_high: Option<f64>,
    /// Share of the customers with the worst churn level who did not buy.
    pub high_precision: Option<f64>,
    pub high_precision_low: Option<f64>,
    pub high_precision_high: Option<f64>,
}

/// Columns of a window.
struct Columns {
    p: Vec<f64>,
    bought: Vec<f64>,
    expected: Vec<f64>,
    spend: Vec<f64>,
}

impl Columns {
    fn measures(&self) -> [f64; 4] {
        [
            auc(&self.bought, &self.p),
            logloss(&self.bought, &self.p),
            ece(&self.bought, &self.p, ECE_BINS),
            bias(&self.spend, &self.expected),
        ]
    }

    fn drawn(&self, draw: u64) -> Columns {
        let rows = self.p.len();
        let mut random = Picker::new(mix(draw));
        let picked: Vec<usize> = (0..rows).map(|_| random.below(rows)).collect();
        let of = |column: &[f64]| picked.iter().map(|row| column[*row]).collect();
        Columns {
            p: of(&self.p),
            bought: of(&self.bought),
            expected: of(&self.expected),
            spend: of(&self.spend),
        }
    }
}

fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// A share with its interval (Wilson 1927).
fn share(hits: usize, all: usize) -> [Option<f64>; 3] {
    if all == 0 {
        return [None; 3];
    }
    let (low, high) = wilson(hits as f64, all as f64);
    [Some(hits as f64 / all as f64), Some(low), Some(high)]
}

/// The figures of a window. Intervals are percentiles over `draws` resamples of the customers, of shares Wilson's.
#[must_use]
pub fn figures(rows: &[&Judged], draws: u32) -> Figures {
    let column = |of: fn(&Judged) -> f64| rows.iter().map(|row| of(row)).collect::<Vec<f64>>();
    let columns = Columns {
        p: column(|row| row.p_purchase),
        bought: column(|row| f64::from(u8::from(row.bought))),
        expected: column(|row| row.expected_spend),
        spend: column(|row| row.spend),
    };
    let value = columns.measures();
    let drawn: Vec<[f64; 4]> =
        (0..u64::from(draws)).into_par_iter().map(|draw| columns.drawn(draw).measures()).collect();
    let ends = |at: usize| {
        let mut values: Vec<f64> =
            drawn.iter().map(|one| one[at]).filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let end = |q: f64| values.get(((values.len() as f64 - 1.0) * q).round().max(0.0) as usize).copied();
        (end(0.025), end(0.975))
    };
    let with_interval: Vec<((f64, f64), f64)> =
        rows.iter().filter_map(|row| Some((row.interval?, row.spend))).collect();
    let within = with_interval.iter().filter(|((low, high), spend)| (*low..=*high).contains(spend)).count();
    let coverage = share(within, with_interval.len());
    let high: Vec<&&Judged> = rows.iter().filter(|row| row.high == Some(true)).collect();
    let right = share(high.iter().filter(|row| !row.bought).count(), high.len());
    Figures {
        auc: known(value[0]),
        auc_low: ends(0).0,
        auc_high: ends(0).1,
        logloss: known(value[1]),
        logloss_low: ends(1).0,
        logloss_high: ends(1).1,
        ece: known(value[2]),
        ece_low: ends(2).0,
        ece_high: ends(2).1,
        spend_bias: known(value[3]),
        spend_bias_low: ends(3).0,
        spend_bias_high: ends(3).1,
        interval_coverage: coverage[0],
        interval_coverage_low: coverage[1],
        interval_coverage_high: coverage[2],
        high_precision: right[0],
        high_precision_low: right[1],
        high_precision_high: right[2],
    }
}

/// The AUC and log loss that calibrated probabilities let expect before any label is known (confidence-based performance
/// estimation: Kivimäki et al. 2024): a customer counts as a buyer with their probability.
#[must_use]
pub fn estimate(p: &[f64]) -> (Option<f64>, Option<f64>) {
    let mut sorted = p.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (buyers, others): (f64, f64) =
        sorted.iter().fold((0.0, 0.0), |(buyers, others), p| (buyers + p, others + 1.0 - p));
    let (mut below, mut ranked) = (0.0, 0.0);
    for run in sorted.chunk_by(|a, b| a == b) {
        let (hits, rest): (f64, f64) =
            run.iter().fold((0.0, 0.0), |(hits, rest), p| (hits + p, rest + 1.0 - p));
        ranked += hits * (below + rest / 2.0);
        below += rest;
    }
    let entropy = |p: &f64| {
        let p = p.clamp(1e-6, 1.0 - 1e-6);
        -(p * p.ln() + (1.0 - p) * (1.0 - p).ln())
    };
    let logloss = sorted.iter().map(entropy).sum::<f64>() / sorted.len() as f64;
    (known(ranked / (buyers * others)), known(logloss))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rows: u64) -> Vec<Judged> {
        let unit = |row: u64, stream: u64| mix(mix(row) ^ stream) as f64 / u64::MAX as f64;
        (0..rows)
            .map(|row| {
                let p = unit(row, 1);
                let bought = unit(row, 2) < p;
                let spend = if bought { 100.0 * unit(row, 3) } else { 0.0 };
                let high = Some(p < 0.2);
                let (expected_spend, interval) = (50.0 * p, Some((0.0, 80.0)));
                Judged { p_purchase: p, bought, expected_spend, spend, interval, high, tags: Vec::new() }
            })
            .collect()
    }

    #[test]
    fn figures_are_those_of_the_backtest_and_lie_within_their_intervals() {
        let rows = sample(4_000);
        let found = figures(&rows.iter().collect::<Vec<_>>(), 200);
        let bought: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.bought))).collect();
        let p: Vec<f64> = rows.iter().map(|row| row.p_purchase).collect();
        assert_eq!(found.auc, Some(auc(&bought, &p)));
        assert_eq!(found.logloss, Some(logloss(&bought, &p)));
        let within = |low: Option<f64>, value: Option<f64>, high: Option<f64>| low < value && value < high;
        assert!(within(found.auc_low, found.auc, found.auc_high), "{found:?}");
        assert!(within(found.spend_bias_low, found.spend_bias, found.spend_bias_high), "{found:?}");
        assert!(found.ece_low <= found.ece_high && found.high_precision.unwrap() > 0.85, "{found:?}");
        assert!((found.interval_coverage.unwrap() - 0.9).abs() < 0.02, "{found:?}");
    }

    #[test]
    fn calibrated_probabilities_tell_their_accuracy_before_the_labels_come() {
        let rows = sample(20_000);
        let p: Vec<f64> = rows.iter().map(|row| row.p_purchase).collect();
        let found = figures(&rows.iter().collect::<Vec<_>>(), 1);
        let (auc, logloss) = estimate(&p);
        assert!((auc.unwrap() - found.auc.unwrap()).abs() < 0.01, "{auc:?} {found:?}");
        assert!((logloss.unwrap() - found.logloss.unwrap()).abs() < 0.01, "{logloss:?} {found:?}");
        assert_eq!(estimate(&[]).0, None);
    }
}
