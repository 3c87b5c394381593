//! The likelihood of a cohort under the beta-geometric models with its gradient.

use rayon::prelude::*;

use super::super::cohort::sum_rows;
use super::super::optimize::Likelihood;
use super::super::{Cohort, Recency};
use super::{coins, rising_with_slope};

/// A cohort laid out for evaluation: what depends on x alone or on one time alone is computed once for each of
/// their values, so that a row costs an exponential and a logarithm.
pub(super) struct BetaGeometricLikelihood<'a> {
    weights: &'a [f64],
    rows: Vec<Row>,
    /// Distinct x, ascending.
    frequencies: Vec<u32>,
    /// Distinct t_x and T, ascending, in scaled time.
    times: Vec<f64>,
    modified: bool,
    k: u32,
    observations: f64,
}

/// Places of a row's x, t_x and T among the distinct ones.
struct Row {
    frequency: u32,
    recency: u32,
    age: u32,
}

/// What depends on x alone.
struct OfFrequency {
    /// kx.
    events: f64,
    /// ln (r)_kx + ln (b)_n − ln (a+b)_n.
    value: f64,
    /// Derivatives of `value` with respect to r, a, b.
    slopes: [f64; 3],
    /// ln(a / (b+n−1)), or −∞ where no coin was thrown.
    ln_coin: f64,
    /// b + n − 1.
    survived: f64,
}

impl<'a> BetaGeometricLikelihood<'a> {
    /// Lays out `cohort` with times divided by `scale`.
    pub(super) fn new(cohort: &'a Cohort, modified: bool, k: u32, scale: f64) -> Self {
        let mut frequencies: Vec<u32> = cohort.rows().iter().map(|row| row.frequency).collect();
        frequencies.dedup();
        let mut bits: Vec<u64> =
            cohort.rows().iter().flat_map(|row| [row.recency.to_bits(), row.age.to_bits()]).collect();
        bits.par_sort_unstable();
        bits.dedup();
        let place = |time: f64| bits.partition_point(|&b| b < time.to_bits()) as u32;
        let rows = cohort
            .rows()
            .par_iter()
            .map(|row: &Recency| Row {
                frequency: frequencies.partition_point(|&x| x < row.frequency) as u32,
                recency: place(row.recency),
                age: place(row.age),
            })
            .collect();
        let times = bits.iter().map(|&b| f64::from_bits(b) / scale).collect();
        let observations = cohort.total_weight() + cohort.repeats();
        Self { weights: cohort.weights(), rows, frequencies, times, modified, k, observations }
    }

    fn of_frequency(&self, x: u32, [r, _, a, b]: [f64; 4]) -> OfFrequency {
        let events = f64::from(self.k) * f64::from(x);
        let n = coins(x, self.modified);
        let (purchases, by_r) = rising_with_slope(r, events);
        let (survivals, by_b) = rising_with_slope(b, n);
        let (trials, by_ab) = rising_with_slope(a + b, n);
        let survived = b + n - 1.0;
        let ln_coin = if n > 0.0 { (a / survived).ln() } else { f64::NEG_INFINITY };
        let slopes = [by_r, -by_ab, by_b - by_ab];
        OfFrequency { events, value: purchases + survivals - trials, slopes, ln_coin, survived }
    }
}

impl Likelihood<4> for BetaGeometricLikelihood<'_> {
    fn evaluate(&self, parameters: &[f64; 4]) -> (f64, [f64; 4]) {
        let [r, alpha, a, _] = *parameters;
        let ln_alpha = alpha.ln();
        let of_x: Vec<OfFrequency> =
            self.frequencies.iter().map(|&x| self.of_frequency(x, *parameters)).collect();
        // ln(1 + t/α) and 1/(α+t).
        let of_t: Vec<(f64, f64)> =
            self.times.par_iter().with_min_len(4096).map(|t| ((t / alpha).ln_1p(), (alpha + t).recip())).collect();
        let sums = sum_rows(self.rows.len(), |i, sums: &mut [f64; 5]| {
            let (row, w) = (&self.rows[i], self.weights[i]);
            let x = &of_x[row.frequency as usize];
            let (ln_recency, by_recency) = of_t[row.recency as usize];
            let (ln_age, by_age) = of_t[row.age as usize];
            let shape = r + x.events;
            // The customer is alive: a factor Σ_j of k phases, 1 for k = 1.
            let mut phases = Phases { sum: 1.0, by_r: 0.0, by_alpha: 0.0 };
            if self.k > 1 {
                let z = (self.times[row.age as usize] - self.times[row.recency as usize]) * by_age;
                phases = Phases::new(self.k, shape, z, by_age);
            }
            let ln_phases = if self.k > 1 { phases.sum.ln() } else { 0.0 };
            // Log-odds of having dropped out at t_x against being alive.
            let d = x.ln_coin + shape * (ln_age - ln_recency) - ln_phases;
            let e = (-d.abs()).exp();
            let dropped = if d > 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
            let alive = 1.0 - dropped;
            let value = x.value - x.events * ln_alpha - shape * ln_age + ln_phases + d.max(0.0) + e.ln_1p();
            sums[0] += w * value;
            sums[1] += w * (x.slopes[0] - ln_age + dropped * (ln_age - ln_recency) + alive * phases.by_r);
            sums[2] += w
                * (r / alpha - shape * (alive * by_age + dropped * by_recency) + alive * phases.by_alpha);
            sums[3] += w * (x.slopes[1] + dropped / a);
            if dropped > 0.0 {
                sums[4] -= w * dropped / x.survived;
            }
            sums[4] += w * x.slopes[2];
        });
        let [value, slopes @ ..] = sums;
        (value, slopes)
    }

    fn observations(&self) -> f64 {
        self.observations
    }
}

/// Σ_{j<k} (r+kx)_j z^j / j! with z = (T−t_x)/(α+T), and the derivatives of its logarithm.
struct Phases {
    sum: f64,
    by_r: f64,
    by_alpha: f64,
}

impl Phases {
    fn new(k: u32, shape: f64, z: f64, by_age: f64) -> Self {
        let (mut term, mut harmonic) = (1.0, 0.0);
        let mut phases = Self { sum: 1.0, by_r: 0.0, by_alpha: 0.0 };
        for j in 1..k {
            let j = f64::from(j);
            term *= z * (shape + j - 1.0) / j;
            harmonic += (shape + j - 1.0).recip();
            phases.sum += term;
            phases.by_r += term * harmonic;
            phases.by_alpha -= term * j * by_age;
        }
        phases.by_r /= phases.sum;
        phases.by_alpha /= phases.sum;
        phases
    }
}
