//! The likelihood of a cohort under the beta-geometric models with its gradient.

use rayon::prelude::*;

use super::super::cohort::sum_rows;
use super::super::optimize::Likelihood;
use super::super::special::{digamma_difference, ln_rising};
use super::super::{Cohort, Recency};
use super::coins;

/// A cohort laid out for evaluation: what depends on x alone or on one time alone is computed once for each of
/// their values, and what is linear in it is summed by weight beforehand, so that a row costs one exponential and
/// one logarithm.
pub(in super::super) struct BetaGeometricLikelihood<'a> {
    weights: &'a [f64],
    rows: Vec<Row>,
    /// Distinct x, ascending, with the weight of their rows.
    frequencies: Vec<(u32, f64)>,
    /// Distinct t_x and T, ascending, in scaled time.
    times: Vec<Time>,
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

/// A time with the sums, over the rows for which it is T, of the weight and of the weight times kx.
#[derive(Clone, Copy)]
struct Time {
    time: f64,
    weight: f64,
    events: f64,
}

/// What depends on x alone.
struct OfFrequency {
    /// r + kx.
    shape: f64,
    /// ln(a / (b+n−1)), or −∞ where no coin was thrown.
    ln_coin: f64,
    /// 1 / (b+n−1), or 0 where no coin was thrown.
    by_survived: f64,
}

/// The distinct times of `rows` as bits, ascending; first within chunks, in parallel.
fn distinct(rows: &[Recency]) -> Vec<u64> {
    let sorted = |mut bits: Vec<u64>| {
        bits.sort_unstable();
        bits.dedup();
        bits
    };
    let chunks: Vec<Vec<u64>> = rows
        .par_chunks(8192)
        .map(|chunk| {
            sorted(chunk.iter().flat_map(|row| [row.recency.to_bits(), row.age.to_bits()]).collect())
        })
        .collect();
    sorted(chunks.concat())
}

impl<'a> BetaGeometricLikelihood<'a> {
    /// Lays out `cohort` with times divided by `scale`.
    pub(in super::super) fn new(cohort: &'a Cohort, modified: bool, k: u32, scale: f64) -> Self {
        let mut frequencies: Vec<(u32, f64)> = Vec::new();
        for (row, weight) in cohort.rows().iter().zip(cohort.weights()) {
            match frequencies.last_mut() {
                Some((x, sum)) if *x == row.frequency => *sum += weight,
                _ => frequencies.push((row.frequency, *weight)),
            }
        }
        let bits = distinct(cohort.rows());
        let place = |time: f64| bits.partition_point(|&b| b < time.to_bits()) as u32;
        let rows: Vec<Row> = (cohort.rows().par_iter())
            .map(|row| Row {
                frequency: frequencies.partition_point(|(x, _)| *x < row.frequency) as u32,
                recency: place(row.recency),
                age: place(row.age),
            })
            .collect();
        let time = |b: &u64| Time { time: f64::from_bits(*b) / scale, weight: 0.0, events: 0.0 };
        let mut times: Vec<Time> = bits.iter().map(time).collect();
        for (row, weight) in rows.iter().zip(cohort.weights()) {
            let time = &mut times[row.age as usize];
            time.weight += weight;
            time.events += weight * f64::from(k) * f64::from(frequencies[row.frequency as usize].0);
        }
        let observations = cohort.total_weight() + cohort.repeats();
        Self { weights: cohort.weights(), rows, frequencies, times, modified, k, observations }
    }

    /// ln L as if all were alive and k were 1, with its gradient: the sums over x and over T alone.
    fn all_alive(&self, [r, alpha, a, b]: [f64; 4]) -> [f64; 5] {
        let ln_alpha = alpha.ln();
        let mut sums = [0.0; 5];
        for &(x, w) in &self.frequencies {
            let events = f64::from(self.k) * f64::from(x);
            let n = coins(x, self.modified);
            let (purchases, by_r) = rising_with_slope(r, events);
            let (survivals, by_b) = rising_with_slope(b, n);
            let (trials, by_ab) = rising_with_slope(a + b, n);
            sums[0] += w * (purchases + survivals - trials - events * ln_alpha);
            sums[1] += w * by_r;
            sums[3] -= w * by_ab;
            sums[4] += w * (by_b - by_ab);
        }
        for t in &self.times {
            let (shape, ln_age) = (r * t.weight + t.events, (t.time / alpha).ln_1p());
            sums[0] -= shape * ln_age;
            sums[1] -= t.weight * ln_age;
            // r/α − (r+kx)/(α+T)
            sums[2] += (r * t.weight * t.time / alpha - t.events) / (alpha + t.time);
        }
        sums
    }
}

impl Likelihood<4> for BetaGeometricLikelihood<'_> {
    fn evaluate(&self, parameters: &[f64; 4]) -> (f64, [f64; 4]) {
        let [r, alpha, a, b] = *parameters;
        let of_frequency = |&(x, _): &(u32, f64)| {
            let n = coins(x, self.modified);
            let shape = r + f64::from(self.k) * f64::from(x);
            let survived = b + n - 1.0;
            if n > 0.0 {
                OfFrequency { shape, ln_coin: (a / survived).ln(), by_survived: survived.recip() }
            } else {
                OfFrequency { shape, ln_coin: f64::NEG_INFINITY, by_survived: 0.0 }
            }
        };
        let of_x: Vec<OfFrequency> = self.frequencies.iter().map(of_frequency).collect();
        // ln(1 + t/α) and 1/(α+t).
        let of_t: Vec<(f64, f64)> = (self.times.par_iter().with_min_len(4096))
            .map(|t| ((t.time / alpha).ln_1p(), (alpha + t.time).recip()))
            .collect();
        // What dropout and phases add: to ln L, and to its derivatives with respect to r, α, a and b.
        let by_a = a.recip();
        let added = sum_rows(self.rows.len(), |i, sums: &mut [f64; 5]| {
            let (row, w) = (&self.rows[i], self.weights[i]);
            let x = &of_x[row.frequency as usize];
            let (ln_recency, by_recency) = of_t[row.recency as usize];
            let (ln_age, by_age) = of_t[row.age as usize];
            let gap = ln_age - ln_recency;
            // Log-odds of having dropped out at t_x against being alive, a factor of Σ over k phases.
            let mut d = x.ln_coin + x.shape * gap;
            if self.k > 1 {
                let z = (self.times[row.age as usize].time - self.times[row.recency as usize].time) * by_age;
                let phases = Phases::new(self.k, x.shape, z, by_age);
                let ln_phases = phases.sum.ln();
                d -= ln_phases;
                let alive = w / (1.0 + d.exp());
                sums[0] += w * ln_phases;
                sums[1] += alive * phases.by_r;
                sums[2] += alive * phases.by_alpha;
            }
            let e = (-d.abs()).exp();
            let either = 1.0 + e;
            let dropped = w * if d > 0.0 { 1.0 } else { e } / either;
            sums[0] += w * (d.max(0.0) + either.ln());
            sums[1] += dropped * gap;
            sums[2] += dropped * x.shape * (by_age - by_recency);
            sums[3] += dropped * by_a;
            sums[4] -= dropped * x.by_survived;
        });
        let mut sums = self.all_alive(*parameters);
        sums.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
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

/// The pieces of the likelihood that depend on x alone, with their derivatives.
fn rising_with_slope(z: f64, n: f64) -> (f64, f64) {
    (ln_rising(z, n), digamma_difference(z, n))
}

#[cfg(test)]
mod tests {
    use super::super::super::optimize::tests::assert_gradient;
    use super::super::super::{BetaGeometric, LifetimeModel};
    use super::*;

    fn cohort() -> Cohort {
        let rows = [
            (Recency::new(0, 0.0, 38.86), 1432.0),
            (Recency::new(0, 0.0, 0.0), 2.0),
            (Recency::new(2, 30.43, 38.86), 3.0),
            (Recency::new(1, 1.71, 38.86), 1.0),
            (Recency::new(7, 12.0, 30.0), 2.0),
            (Recency::new(29, 27.0, 27.0), 1.0),
            (Recency::new(300, 20.0, 35.0), 1.0),
        ];
        Cohort::from_weighted(&rows).unwrap()
    }

    const PLACES: [[f64; 4]; 4] = [
        [0.243, 4.414, 0.793, 2.426],
        [1.5, 30.0, 0.05, 0.3],
        [40.0, 90.0, 12.0, 0.02],
        [3e-3, 0.1, 3.0, 500.0],
    ];

    #[test]
    fn the_gradient_is_that_of_the_likelihood() {
        let cohort = cohort();
        for k in [1, 2, 5] {
            for modified in [false, true] {
                let likelihood = BetaGeometricLikelihood::new(&cohort, modified, k, 1.0);
                PLACES.iter().for_each(|place| assert_gradient(&likelihood, *place));
            }
        }
    }

    #[test]
    fn the_sum_is_that_of_single_customers() {
        fn check<const MODIFIED: bool>(cohort: &Cohort, k: u32) {
            for place @ [r, alpha, a, b] in PLACES {
                let model = BetaGeometric::<MODIFIED>::with_parameters(r, alpha, a, b, k).unwrap();
                let single = cohort.rows().iter().zip(cohort.weights());
                let single: f64 = single.map(|(row, w)| w * model.log_likelihood_of(*row)).sum();
                let (sum, _) = BetaGeometricLikelihood::new(cohort, MODIFIED, k, 1.0).evaluate(&place);
                // The constant Γ(k)^−x is left to the caller of the sum.
                let constant = cohort.repeats() * super::super::ln_rising(1.0, f64::from(k) - 1.0);
                assert!(
                    (sum - constant - single).abs() < 1e-11 * single.abs(),
                    "{place:?} {k}: {sum} {single}"
                );
            }
        }
        for k in [1, 2, 5] {
            check::<false>(&cohort(), k);
            check::<true>(&cohort(), k);
        }
    }
}
