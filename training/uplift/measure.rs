//! How well a ranking by uplift finds those whom contact changes: Qini, AUUC, uplift at the top.
//!
//! Qini: Radcliffe (2007), "Using control groups to target on predicted lift"; area under the uplift curve: Gutierrez &
//! Gérardy (2017). Both are normalised as scikit-uplift's `qini_auc_score` and `uplift_auc_score` do: the area between
//! curve and diagonal, divided by that of a perfect ranking, so that 0 is a random list. For an outcome that is not 0 or 1
//! the perfect ranking has the treated with the highest outcome first and the controls with the highest outcome last.

use homing_models::sampling::{Picker, mix};
use rayon::prelude::*;

use crate::metrics::quantile;

/// The share of customers at the top whose uplift is reported.
pub const TOP: f64 = 0.3;

/// A ranking with what came: one value a row in each column.
#[derive(Clone, Debug)]
pub struct Ranked {
    outcome: Vec<f64>,
    treated: Vec<bool>,
    by_score: Order,
    perfect_qini: Order,
    /// The two perfect rankings of the uplift curve: which one holds depends on the counts.
    perfect_uplift: [Order; 2],
    binary: bool,
}

/// Rows from the highest key to the lowest, and whether the next row has another key.
#[derive(Clone, Debug)]
struct Order {
    rows: Vec<u32>,
    ends: Vec<bool>,
}

impl Order {
    fn of(keys: &[f64]) -> Order {
        let mut rows: Vec<u32> = (0..keys.len() as u32).collect();
        rows.sort_by(|&a, &b| keys[b as usize].total_cmp(&keys[a as usize]));
        let differs = |pair: &[u32]| keys[pair[0] as usize] != keys[pair[1] as usize];
        let mut ends: Vec<bool> = rows.windows(2).map(differs).collect();
        ends.push(true);
        Order { rows, ends }
    }
}

/// The figures of a ranking; NaN where one is not defined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Normalised area under the Qini curve.
    pub qini: f64,
    /// Normalised area under the uplift curve.
    pub auuc: f64,
    /// Mean outcome of the treated less that of the controls, among the [`TOP`] share.
    pub top_uplift: f64,
}

/// 95 % intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intervals {
    /// The low ends.
    pub low: Figures,
    /// The high ends.
    pub high: Figures,
    /// What the Qini exceeds that of the other ranking by.
    pub over_other: (f64, f64),
}

/// Sums over the first rows of a ranking.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    treated: f64,
    controls: f64,
    of_treated: f64,
    of_controls: f64,
}

impl Sums {
    fn add(&mut self, outcome: f64, treated: bool, times: f64) {
        if treated {
            self.treated += times;
            self.of_treated += outcome * times;
        } else {
            self.controls += times;
            self.of_controls += outcome * times;
        }
    }

    fn rows(&self) -> f64 {
        self.treated + self.controls
    }

    fn qini(&self) -> f64 {
        let per_control = if self.controls == 0.0 { 0.0 } else { self.treated / self.controls };
        self.of_treated - self.of_controls * per_control
    }

    fn uplift(&self) -> f64 {
        let mean = |sum: f64, rows: f64| if rows == 0.0 { 0.0 } else { sum / rows };
        mean(self.of_treated, self.treated) - mean(self.of_controls, self.controls)
    }

    /// What lies between two sums, as far as a share says.
    fn between(self, next: Sums, share: f64) -> Sums {
        let part = |from: f64, to: f64| from + (to - from) * share;
        Sums {
            treated: part(self.treated, next.treated),
            controls: part(self.controls, next.controls),
            of_treated: part(self.of_treated, next.of_treated),
            of_controls: part(self.of_controls, next.of_controls),
        }
    }
}

impl Ranked {
    /// Ranks rows by a score, highest first. All columns have one value a row.
    #[must_use]
    pub fn new(outcome: &[f64], treated: &[bool], score: &[f64]) -> Ranked {
        let binary = outcome.iter().all(|y| *y == 0.0 || *y == 1.0);
        let signed = |sign: f64, row: usize| if treated[row] { outcome[row] } else { sign * outcome[row] };
        let rows = 0..outcome.len();
        let qini: Vec<f64> = rows.clone().map(|row| signed(-1.0, row)).collect();
        let uplift = |by_outcome: bool| -> Vec<f64> {
            let key = |row: usize| {
                let arm = f64::from(u8::from(treated[row]));
                let agrees = f64::from(u8::from(outcome[row] == arm));
                2.0 * agrees + if by_outcome { outcome[row] } else { arm }
            };
            if binary { rows.clone().map(key).collect() } else { qini.clone() }
        };
        Ranked {
            outcome: outcome.to_vec(),
            treated: treated.to_vec(),
            by_score: Order::of(score),
            perfect_qini: Order::of(&qini),
            perfect_uplift: [Order::of(&uplift(true)), Order::of(&uplift(false))],
            binary,
        }
    }

    /// Calls a function with the sums at each end of equal keys.
    fn follow(&self, order: &Order, times: Option<&[u32]>, mut at_end: impl FnMut(&Sums)) {
        let mut sums = Sums::default();
        for (&row, &end) in order.rows.iter().zip(&order.ends) {
            let row = row as usize;
            sums.add(self.outcome[row], self.treated[row], times.map_or(1.0, |times| f64::from(times[row])));
            if end {
                at_end(&sums);
            }
        }
    }

    /// The area under a curve, and the area under the diagonal to its end.
    fn area(&self, order: &Order, times: Option<&[u32]>, value: fn(&Sums) -> f64) -> (f64, f64) {
        let (mut x, mut y, mut area) = (0.0, 0.0, 0.0);
        self.follow(order, times, |sums| {
            let (next_x, next_y) = (sums.rows(), value(sums));
            area += (next_x - x) * (next_y + y) / 2.0;
            (x, y) = (next_x, next_y);
        });
        (area, x * y / 2.0)
    }

    fn normalised(&self, perfect: &Order, times: Option<&[u32]>, value: fn(&Sums) -> f64) -> f64 {
        let (area, base) = self.area(&self.by_score, times, value);
        let (best, _) = self.area(perfect, times, value);
        if best == base { f64::NAN } else { (area - base) / (best - base) }
    }

    /// The perfect ranking of the uplift curve: buyers without contact against treated who did not buy decide.
    fn perfect_uplift(&self, times: Option<&[u32]>) -> &Order {
        let (mut buyers, mut others) = (0.0, 0.0);
        if self.binary {
            for (row, (outcome, treated)) in self.outcome.iter().zip(&self.treated).enumerate() {
                let times = times.map_or(1.0, |times| f64::from(times[row]));
                match (*outcome == 1.0, *treated) {
                    (true, false) => buyers += times,
                    (false, true) => others += times,
                    _ => {}
                }
            }
        }
        &self.perfect_uplift[usize::from(buyers <= others)]
    }

    /// The uplift among the first rows by score that make up a share; where rows of equal score straddle it, they count in part.
    fn top(&self, share: f64, times: Option<&[u32]>) -> Sums {
        let total =
            times.map_or(self.outcome.len() as f64, |times| times.iter().map(|t| f64::from(*t)).sum());
        let wanted = (total * share).floor();
        let (mut before, mut found) = (Sums::default(), None);
        self.follow(&self.by_score, times, |sums| {
            if found.is_none() && sums.rows() >= wanted {
                let step = sums.rows() - before.rows();
                let part = if step > 0.0 { (wanted - before.rows()) / step } else { 1.0 };
                found = Some(before.between(*sums, part));
            }
            before = *sums;
        });
        found.unwrap_or(before)
    }

    fn figures_of(&self, times: Option<&[u32]>) -> Figures {
        Figures {
            qini: self.normalised(&self.perfect_qini, times, Sums::qini),
            auuc: self.normalised(self.perfect_uplift(times), times, |sums| sums.uplift() * sums.rows()),
            top_uplift: self.top(TOP, times).uplift(),
        }
    }

    /// The figures of the ranking.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures_of(None)
    }

    /// Uplift among the first customers by score that make up a share (0..=1).
    #[must_use]
    pub fn uplift_at(&self, share: f64) -> f64 {
        self.top(share, None).uplift()
    }

    /// 95 % percentile intervals (Efron 1979) of [`Ranked::figures`], and of what the Qini exceeds that of another ranking of the
    /// same rows by. Rows are drawn with replacement; the same seed gives the same intervals on any number of threads.
    #[must_use]
    pub fn intervals(&self, other: &Ranked, draws: u32, seed: u64) -> Intervals {
        let rows = self.outcome.len();
        let drawn: Vec<(Figures, f64)> = (0..draws)
            .into_par_iter()
            .map(|draw| {
                let mut random = Picker::new(mix(seed ^ mix(u64::from(draw))));
                let mut times = vec![0; rows];
                (0..rows).for_each(|_| times[random.below(rows)] += 1);
                let figures = self.figures_of(Some(&times));
                let theirs = other.normalised(&other.perfect_qini, Some(&times), Sums::qini);
                (figures, figures.qini - theirs)
            })
            .collect();
        let end = |q: f64, figure: fn(&(Figures, f64)) -> f64| {
            let mut values: Vec<f64> = drawn.iter().map(figure).filter(|value| value.is_finite()).collect();
            values.sort_by(f64::total_cmp);
            quantile(&values, q)
        };
        let ends = |q: f64| Figures {
            qini: end(q, |(figures, _)| figures.qini),
            auuc: end(q, |(figures, _)| figures.auuc),
            top_uplift: end(q, |(figures, _)| figures.top_uplift),
        };
        Intervals {
            low: ends(0.025),
            high: ends(0.975),
            over_other: (end(0.025, |drawn| drawn.1), end(0.975, |drawn| drawn.1)),
        }
    }

    /// The rows in `parts` groups of equal size, highest score first.
    #[must_use]
    pub fn groups(&self, parts: usize) -> Vec<Vec<usize>> {
        let rows = &self.by_score.rows;
        let bound = |part: usize| part * rows.len() / parts;
        (0..parts)
            .map(|part| rows[bound(part)..bound(part + 1)].iter().map(|row| *row as usize).collect())
            .collect()
    }
}

/// A difference of two means with its 95 % interval (Welch's standard error).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Difference {
    /// Rows.
    pub n: usize,
    /// Mean of the treated less that of the controls; `null` without both.
    pub uplift: Option<f64>,
    /// Low end.
    pub low: Option<f64>,
    /// High end.
    pub high: Option<f64>,
}

impl Difference {
    /// Of some rows.
    #[must_use]
    pub fn of(outcome: &[f64], treated: &[bool], rows: &[usize]) -> Difference {
        let side = |wanted: bool| {
            let values: Vec<f64> =
                rows.iter().filter(|row| treated[**row] == wanted).map(|row| outcome[*row]).collect();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / (n - 1.0);
            (mean, variance / n)
        };
        let ((one, error_one), (other, error_other)) = (side(true), side(false));
        let (uplift, reach) = (one - other, 1.959_964 * (error_one + error_other).sqrt());
        let known = |value: f64| value.is_finite().then_some(value);
        Difference {
            n: rows.len(),
            uplift: known(uplift),
            low: known(uplift - reach),
            high: known(uplift + reach),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve rows; the figures are those that scikit-uplift 0.5.1 gives for them.
    fn rows() -> (Vec<f64>, Vec<bool>, Vec<f64>) {
        let y = [1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0].map(f64::from).to_vec();
        let t = [1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0].map(|t| t == 1).to_vec();
        let s = [0.9, 0.8, 0.8, 0.7, 0.6, 0.5, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0].to_vec();
        (y, t, s)
    }

    #[test]
    fn figures_are_those_of_scikit_uplift() {
        let (y, t, s) = rows();
        let figures = Ranked::new(&y, &t, &s).figures();
        assert!((figures.qini + 0.282_978_723_404_255_3).abs() < 1e-12, "{}", figures.qini);
        assert!((figures.auuc + 0.356_888_888_888_888_87).abs() < 1e-12, "{}", figures.auuc);
    }

    #[test]
    fn a_perfect_ranking_has_one_and_its_reverse_is_below_zero() {
        let (y, t, _) = rows();
        let perfect: Vec<f64> = y.iter().zip(&t).map(|(y, t)| if *t { *y } else { -y }).collect();
        assert!((Ranked::new(&y, &t, &perfect).figures().qini - 1.0).abs() < 1e-12);
        let reverse: Vec<f64> = perfect.iter().map(|score| -score).collect();
        assert!(Ranked::new(&y, &t, &reverse).figures().qini < 0.0);
    }

    #[test]
    fn equal_scores_say_nothing_and_count_in_part() {
        let (y, t, _) = rows();
        let flat = Ranked::new(&y, &t, &[0.5; 12]);
        let figures = flat.figures();
        assert!(figures.qini.abs() < 1e-12 && figures.auuc.abs() < 1e-12);
        assert!((figures.top_uplift - flat.uplift_at(1.0)).abs() < 1e-12);
    }

    #[test]
    fn intervals_hold_the_figure_and_repeat_with_their_seed() {
        let unit = |i: u64| mix(i) as f64 / u64::MAX as f64;
        let t: Vec<bool> = (0..4000).map(|i| mix(i).is_multiple_of(2)).collect();
        let x: Vec<f64> = (0..4000).map(|i| unit(i + 10_000)).collect();
        let buys = |i: usize| unit(i as u64 + 50_000) < 0.2 + if t[i] { 0.4 * x[i] } else { 0.0 };
        let y: Vec<f64> = (0..4000).map(|i| f64::from(u8::from(buys(i)))).collect();
        let ranked = Ranked::new(&y, &t, &x);
        let flat = Ranked::new(&y, &t, &[0.5; 4000]);
        let found = ranked.intervals(&flat, 200, 3);
        let figures = ranked.figures();
        let (low, high) = (found.low, found.high);
        assert!(0.0 < low.qini && low.qini < figures.qini && figures.qini < high.qini, "{low:?} {high:?}");
        assert!((found.over_other.0 - low.qini).abs() < 1e-9, "a flat ranking has a Qini of 0");
        assert_eq!(ranked.intervals(&flat, 50, 3), ranked.intervals(&flat, 50, 3));
    }
}
