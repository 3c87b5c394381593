//! How much of a figure is chance: percentile bootstrap over customers (Efron 1979).

use rayon::prelude::*;

use super::{Error, Measure, Metric, Scores, Target};
use crate::labels::Label;

/// Coverage of the intervals.
const COVERAGE: f64 = 0.95;

/// The 95 % interval of a metric, `(low, high)`, over `draws` resamples of the customers. The same seed gives
/// the same interval, on any number of threads. NaN when no draw had a defined value.
///
/// # Errors
/// [`Error`] as for [`super::evaluate`], when the scores lack the metric's column, or without draws.
pub fn bootstrap_interval(
    labels: &[Label],
    scores: &Scores<'_>,
    metric: Metric,
    draws: u32,
    seed: u64,
) -> Result<(f64, f64), Error> {
    let columns = Columns::new(labels, &[scores], metric)?;
    columns.interval(draws, seed, |actual, predicted| metric.measure().of(actual, &predicted[0]))
}

/// The 95 % interval of what a metric of `a` exceeds that of `b` by, `(low, high)`, on the same resamples of
/// the customers: the difference is beyond chance when the interval excludes zero. For a bias the difference
/// is that of the absolute values, because the one nearer to zero is better.
///
/// # Errors
/// [`Error`] as for [`bootstrap_interval`], for either set of scores.
pub fn bootstrap_difference(
    labels: &[Label],
    a: &Scores<'_>,
    b: &Scores<'_>,
    metric: Metric,
    draws: u32,
    seed: u64,
) -> Result<(f64, f64), Error> {
    let columns = Columns::new(labels, &[a, b], metric)?;
    let measure = |actual: &[f64], predicted: &[f64]| {
        let value = metric.measure().of(actual, predicted);
        if metric.measure() == Measure::Bias { value.abs() } else { value }
    };
    columns.interval(draws, seed, |actual, predicted| {
        measure(actual, &predicted[0]) - measure(actual, &predicted[1])
    })
}

/// The columns that a metric reads, the highest first prediction on top: a resample in this order is sorted
/// already, and sorting what is sorted costs next to nothing.
struct Columns {
    actual: Vec<f64>,
    predicted: Vec<Vec<f64>>,
}

impl Columns {
    fn new(labels: &[Label], scores: &[&Scores<'_>], metric: Metric) -> Result<Self, Error> {
        let target: Target = metric.target();
        let mut predicted = Vec::with_capacity(scores.len());
        for scores in scores {
            scores.check(labels)?;
            let column = scores.column(target).ok_or(Error::NoColumn { metric, column: target.column() })?;
            predicted.push(column);
        }
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by(|&i, &j| predicted[0][j].total_cmp(&predicted[0][i]));
        Ok(Columns {
            actual: order.iter().map(|&i| target.actual(&labels[i])).collect(),
            predicted: predicted.iter().map(|column| order.iter().map(|&i| column[i]).collect()).collect(),
        })
    }

    fn interval(
        &self,
        draws: u32,
        seed: u64,
        value: impl Fn(&[f64], &[Vec<f64>]) -> f64 + Sync,
    ) -> Result<(f64, f64), Error> {
        if draws == 0 {
            return Err(Error::NoDraws);
        }
        let mut values: Vec<f64> = (0..draws)
            .into_par_iter()
            .map(|draw| {
                let times = self.draw(seed, draw);
                let predicted: Vec<Vec<f64>> =
                    self.predicted.iter().map(|column| repeated(column, &times)).collect();
                value(&repeated(&self.actual, &times), &predicted)
            })
            .filter(|value| !value.is_nan())
            .collect();
        values.sort_by(f64::total_cmp);
        let tail = (1.0 - COVERAGE) / 2.0;
        Ok((quantile(&values, tail), quantile(&values, 1.0 - tail)))
    }

    /// How often each customer stands in a resample of as many customers, drawn with replacement.
    fn draw(&self, seed: u64, draw: u32) -> Vec<u32> {
        let count = self.actual.len();
        let mut random = SplitMix64::new(seed, u64::from(draw));
        let mut times = vec![0; count];
        for _ in 0..count {
            times[random.below(count)] += 1;
        }
        times
    }
}

fn repeated(column: &[f64], times: &[u32]) -> Vec<f64> {
    let mut all = Vec::with_capacity(column.len());
    for (&value, &times) in column.iter().zip(times) {
        all.extend(std::iter::repeat_n(value, times as usize));
    }
    all
}

/// Quantile of ascending values with linear interpolation (Hyndman & Fan 1996, type 7); NaN of nothing.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = q * last as f64;
    let below = (position.floor() as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let part = position - below as f64;
    // From the nearer end, so that equal neighbours give exactly their value.
    if part < 0.5 { low + (high - low) * part } else { high - (high - low) * (1.0 - part) }
}

/// SplitMix64 (Steele, Lea & Flood 2014): small, fast, and the same everywhere.
struct SplitMix64(u64);

impl SplitMix64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// An own stream for each draw: the draw is mixed into the seed before it steps.
    fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = SplitMix64(seed);
        let base = mixed.next();
        SplitMix64(base ^ SplitMix64(stream.wrapping_mul(Self::STEP)).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `count` by multiply and shift (Lemire 2019); the bias is below `count` in 2^64.
    fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::super::measures::mean;
    use super::*;

    fn customers(count: usize) -> (Vec<Label>, Vec<f64>) {
        let mut random = SplitMix64::new(7, 0);
        let p: Vec<f64> = (0..count).map(|_| random.below(1000) as f64 / 1000.0).collect();
        let labels = p
            .iter()
            .map(|&p| {
                let bought = (random.below(1000) as f64) < p * 1000.0;
                let spend = if bought { 10.0 + random.below(90) as f64 } else { 0.0 };
                Label { bought, bought_short: bought, orders: u32::from(bought), spend, net_spend: spend }
            })
            .collect();
        (labels, p)
    }

    fn scores<'a>(p_buy: &'a [f64], spend: Option<&'a [f64]>) -> Scores<'a> {
        Scores { p_buy, p_buy_short: None, expected_orders: None, expected_spend: spend }
    }

    #[test]
    fn the_interval_of_a_mean_has_the_width_that_theory_says() {
        let (labels, p) = customers(4000);
        let base: Metric = "buy_base".parse().unwrap();
        let (low, high) = bootstrap_interval(&labels, &scores(&p, None), base, 2000, 1).unwrap();
        let share = mean(labels.iter().map(|label| Target::Buy.actual(label)));
        let error = (share * (1.0 - share) / labels.len() as f64).sqrt();
        assert!(low < share && share < high);
        // 2,000 draws leave about 3 % of noise in each end's distance; 10 % is three times that.
        assert!(((high - low) / (2.0 * 1.96 * error) - 1.0).abs() < 0.1, "{low} {high} {error}");
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let (labels, p) = customers(500);
        let run = |seed| bootstrap_interval(&labels, &scores(&p, None), Metric::BUY_AUC, 100, seed).unwrap();
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn a_difference_sees_what_is_better_and_nothing_in_equals() {
        let (labels, p) = customers(1000);
        let noisy: Vec<f64> = p.iter().enumerate().map(|(i, p)| if i % 3 == 0 { 0.5 } else { *p }).collect();
        let (good, bad) = (scores(&p, None), scores(&noisy, None));
        let (low, high) = bootstrap_difference(&labels, &good, &bad, Metric::BUY_AUC, 200, 1).unwrap();
        assert!(0.0 < low && low < high, "{low} {high}");
        assert_eq!(bootstrap_difference(&labels, &good, &good, Metric::BUY_AUC, 50, 1), Ok((0.0, 0.0)));
    }

    #[test]
    fn the_bias_nearer_to_zero_is_the_smaller_one() {
        let (labels, p) = customers(1000);
        let spend: Vec<f64> = labels.iter().map(|label| label.spend).collect();
        let scaled = |by: f64| spend.iter().map(|spend| spend * by).collect::<Vec<_>>();
        let (near, far) = (scaled(1.1), scaled(0.5));
        let (a, b) = (scores(&p, Some(&near)), scores(&p, Some(&far)));
        let (low, high) = bootstrap_difference(&labels, &a, &b, Metric::SPEND_BIAS, 50, 1).unwrap();
        // |+0.1| - |-0.5| in every draw, up to rounding.
        assert!((low + 0.4).abs() < 1e-9 && (high + 0.4).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let (labels, p) = customers(10);
        let none = scores(&p, None);
        let error = bootstrap_interval(&labels, &none, Metric::SPEND_GINI, 10, 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "spend_gini needs the column expected_spend, which these scores do not have"
        );
        assert_eq!(bootstrap_interval(&labels, &none, Metric::BUY_AUC, 0, 1), Err(Error::NoDraws));
    }
}
