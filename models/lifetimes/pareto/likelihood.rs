//! The likelihood of a cohort under Pareto/NBD with its gradient.

use rayon::prelude::*;

use super::super::Cohort;
use super::super::cohort::sum_rows;
use super::super::optimize::Likelihood;
use super::super::special::{digamma_difference, ln_rising};
use super::integral::{Integrand, Moments};

/// A cohort laid out for evaluation.
///
/// Customers with the same x share the integrand f(y) = (α+y)^−(r+x) (β+y)^−(s+1), and their t_x and T are few
/// days of one calendar. So f is integrated once between each two neighbouring times of an x, over which it
/// hardly bends, and summed from the last time backwards; a row then takes the difference of two such sums. The
/// difference is harmless: a row's likelihood is never below the first of them.
pub(in super::super) struct ParetoLikelihood<'a> {
    weights: &'a [f64],
    /// Places of each row's t_x and T among `points`.
    rows: Vec<(u32, u32)>,
    /// For each x, ascending, its distinct times, ascending.
    points: Vec<Point>,
    /// Distinct x, ascending.
    frequencies: Vec<u32>,
    observations: f64,
}

/// A time at which f is needed, in scaled time.
struct Point {
    time: f64,
    /// The next time of the same x; the same time at the last.
    next: f64,
    /// Place of x among the distinct ones.
    frequency: u32,
}

/// What is known at a point for given parameters.
#[derive(Clone, Copy)]
struct AtPoint {
    /// ln f, relative to the parameters.
    ln_f: f64,
    /// ln(1+t/α) and ln(1+t/β).
    ln_alpha: f64,
    ln_beta: f64,
    /// Moments of f / f(t) from here to the last time of the same x.
    moments: Moments,
}

impl<'a> ParetoLikelihood<'a> {
    /// Lays out `cohort` with times divided by `scale`.
    pub(in super::super) fn new(cohort: &'a Cohort, scale: f64) -> Self {
        let groups: Vec<_> = cohort.rows().chunk_by(|one, next| one.frequency == next.frequency).collect();
        let frequencies = groups.iter().filter_map(|group| group.first()).map(|row| row.frequency).collect();
        type LaidOut = (Vec<u64>, Vec<(usize, usize)>);
        let laid_out: Vec<LaidOut> = groups
            .par_iter()
            .map(|group| {
                let mut bits: Vec<u64> =
                    group.iter().flat_map(|row| [row.recency.to_bits(), row.age.to_bits()]).collect();
                bits.sort_unstable();
                bits.dedup();
                let place = |time: f64| bits.partition_point(|&b| b < time.to_bits());
                let rows = group.iter().map(|row| (place(row.recency), place(row.age))).collect();
                (bits, rows)
            })
            .collect();
        let mut points = Vec::new();
        let mut rows = Vec::with_capacity(cohort.rows().len());
        for (frequency, (bits, group)) in (0u32..).zip(laid_out) {
            let offset = points.len();
            rows.extend(group.into_iter().map(|(from, to)| ((offset + from) as u32, (offset + to) as u32)));
            let times = bits.iter().map(|&b| f64::from_bits(b) / scale);
            let nexts = times.clone().skip(1).chain(times.clone().next_back());
            points.extend(times.zip(nexts).map(|(time, next)| Point { time, next, frequency }));
        }
        let observations = cohort.total_weight() + cohort.repeats();
        Self { weights: cohort.weights(), rows, points, frequencies, observations }
    }

    /// f and its integrals at every point.
    fn at_points(&self, [r, alpha, s, beta]: [f64; 4]) -> Vec<AtPoint> {
        let mut at: Vec<AtPoint> = self
            .points
            .par_iter()
            .with_min_len(512)
            .map(|point| {
                let x = f64::from(self.frequencies[point.frequency as usize]);
                let f = Integrand { p: r + x, q: s + 1.0, alpha, beta };
                let (ln_alpha, ln_beta) = ((point.time / alpha).ln_1p(), (point.time / beta).ln_1p());
                let ln_f = -f.p * ln_alpha - f.q * ln_beta;
                let moments =
                    if point.next > point.time { f.moments(point.time, point.next) } else { [0.0; 5] };
                AtPoint { ln_f, ln_alpha, ln_beta, moments }
            })
            .collect();
        for i in (1..at.len()).rev() {
            if self.points[i].frequency == self.points[i - 1].frequency {
                let (ratio, rest) = ((at[i].ln_f - at[i - 1].ln_f).exp(), at[i].moments);
                at[i - 1].moments.iter_mut().zip(rest).for_each(|(sum, rest)| *sum += ratio * rest);
            }
        }
        at
    }
}

impl Likelihood<4> for ParetoLikelihood<'_> {
    /// With f relative to the parameters, L = (r)_x α^−x / β · { s ∫ f dy over (t_x, T) + (β+T) f(T) }.
    fn evaluate(&self, parameters: &[f64; 4]) -> (f64, [f64; 4]) {
        let [r, alpha, s, beta] = *parameters;
        let (ln_alpha, ln_beta) = (alpha.ln(), beta.ln());
        let of_x: Vec<(f64, f64, f64)> = (self.frequencies.iter())
            .map(|&x| f64::from(x))
            .map(|x| (x, ln_rising(r, x) - x * ln_alpha - ln_beta, digamma_difference(r, x)))
            .collect();
        let at = self.at_points(*parameters);
        let sums = sum_rows(self.rows.len(), |i, sums: &mut [f64; 5]| {
            let (w, (from, to)) = (self.weights[i], self.rows[i]);
            let (from, to) = (from as usize, to as usize);
            let (start, end, t) = (&at[from], &at[to], self.points[to].time);
            let (x, value, by_r) = of_x[self.points[from].frequency as usize];
            // Everything relative to f(t_x).
            let f_end = (end.ln_f - start.ln_f).exp();
            let left = |k: usize| s * (start.moments[k] - f_end * end.moments[k]).max(0.0);
            let alive = f_end * (beta + t);
            let total = left(0) + alive;
            sums[0] += w * (value + start.ln_f + total.ln());
            let w_total = w / total;
            sums[1] += w * by_r - w_total * (left(1) + alive * end.ln_alpha);
            let pull = left(3) + alive * t / (alpha * (alpha + t));
            sums[2] += w_total * (r + x) * pull - w * x / alpha;
            sums[3] += w_total * (left(0) / s - left(2) - alive * end.ln_beta);
            let pull = left(4) + alive * t / (beta * (beta + t));
            sums[4] += w_total * ((s + 1.0) * pull + f_end) - w / beta;
        });
        let [value, slopes @ ..] = sums;
        (value, slopes)
    }

    fn observations(&self) -> f64 {
        self.observations
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::optimize::tests::assert_gradient;
    use super::super::super::{LifetimeModel, ParetoNbd, Recency};
    use super::*;

    fn cohort() -> Cohort {
        let mut rows = vec![
            (Recency::new(0, 0.0, 38.86), 1432.0),
            (Recency::new(0, 0.0, 0.0), 2.0),
            (Recency::new(29, 27.0, 27.0), 1.0),
            (Recency::new(300, 20.0, 35.0), 1.0),
            (Recency::new(300, 34.9, 35.0), 1.0),
        ];
        rows.extend((0..200u32).map(|i| {
            let (t, x) = (f64::from(i % 40 + 1), i % 4);
            (Recency::new(x, if x == 0 { 0.0 } else { t * f64::from(i % 7) / 7.0 }, t), 1.0)
        }));
        Cohort::from_weighted(&rows).unwrap()
    }

    const PLACES: [[f64; 4]; 5] = [
        [0.553, 10.578, 0.606, 11.669],
        [1.5, 30.0, 0.05, 0.3],
        [40.0, 90.0, 12.0, 2.0],
        [3e-3, 0.01, 3.0, 500.0],
        [0.3, 5.0, 0.9, 5.0],
    ];

    #[test]
    fn the_gradient_is_that_of_the_likelihood() {
        let cohort = cohort();
        let likelihood = ParetoLikelihood::new(&cohort, 1.0);
        PLACES.iter().for_each(|place| assert_gradient(&likelihood, *place));
    }

    #[test]
    fn the_sum_is_that_of_single_customers() {
        let cohort = cohort();
        for place @ [r, alpha, s, beta] in PLACES {
            let model = ParetoNbd::with_parameters(r, alpha, s, beta).unwrap();
            let single = cohort.rows().iter().zip(cohort.weights());
            let single: f64 = single.map(|(row, w)| w * model.log_likelihood_of(*row)).sum();
            let (sum, _) = ParetoLikelihood::new(&cohort, 1.0).evaluate(&place);
            assert!((sum - single).abs() < 1e-11 * single.abs(), "{place:?}: {sum} {single}");
        }
    }
}
