//! The Gaussian processes behind a base rate: what windows have in common, and what past windows say of the next.

use std::f64::consts::PI;

/// How far the base rate of one past window lay from what the lifetime model expected of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// Days from the start of the window to the instant of the forecast.
    pub days_ago: f64,
    /// Its offset, in log-odds or logs.
    pub offset: f64,
    /// Variance of the offset from the number of its customers.
    pub variance: f64,
}

/// Standard deviations that a component may have, each with the log of how likely it is before any data: base rates
/// that move little are the rule; forecasts that expect much of few windows were worse on most shops tried.
type Strengths = [(f64, f64)];

/// The level that reverts, and the days in which it forgets.
const LEVEL_SDS: &Strengths = &[(0.05, 0.0), (0.15, -1.0), (0.4, -2.0), (0.8, -4.0)];
const LEVEL_DAYS: [f64; 2] = [60.0, 180.0];

/// The season, its smoothness (small for short peaks), and the days in which it forgets its shape.
const SEASON_SDS: &Strengths = &[(0.02, 0.0), (0.15, -1.0), (0.4, -2.0), (0.8, -4.0)];
const SEASON_SCALE: f64 = 0.2;
const SEASON_DAYS: f64 = 3000.0;

/// What is peculiar to one window.
const WINDOW_SDS: &Strengths = &[(0.1, 0.0), (0.25, 0.0)];

/// How far the mean of all windows lies from what a lifetime model expects: little, or, where buyers have habits that it
/// has no parameter for, a lot. Beside a ranking, whose margins have no base rate, nothing is known of it.
pub const BESIDE_LIFETIME: &Strengths = &[(0.05, 0.0), (0.6, -2.0)];
pub const BESIDE_RANKING: &Strengths = &[(0.6, 0.0)];

/// Points of a window at which the processes are looked at.
const POINTS: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

/// One way in which base rates may move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    mean_sd: f64,
    level_sd: f64,
    level_days: usize,
    season_sd: f64,
    window_sd: f64,
    /// Log of how likely it is before any data, up to a constant.
    pub log_prior: f64,
}

/// Every combination of the strengths and durations above.
pub(super) fn settings(mean_sds: &Strengths) -> Vec<Setting> {
    let mut all = Vec::new();
    for &(mean_sd, of_mean) in mean_sds {
        for &(level_sd, of_level) in LEVEL_SDS {
            for level_days in 0..LEVEL_DAYS.len() {
                for &(season_sd, of_season) in SEASON_SDS {
                    for &(window_sd, of_window) in WINDOW_SDS {
                        let log_prior = of_mean + of_level + of_season + of_window;
                        all.push(Setting { mean_sd, level_sd, level_days, season_sd, window_sd, log_prior });
                    }
                }
            }
        }
    }
    all
}

/// What the past windows say of the next under one setting.
pub(super) struct Posterior {
    pub mean: f64,
    pub sd: f64,
    pub log_likelihood: f64,
}

/// Covariances of unit strength between the windows, the coming one last (size × size each).
pub(super) struct Components {
    size: usize,
    levels: Vec<Vec<f64>>,
    season: Vec<f64>,
}

impl Components {
    /// Of past windows of `learned` days and a coming one of `days`.
    pub fn of(past: &[Past], learned: f64, days: f64) -> Self {
        let size = past.len() + 1;
        let mut points: Vec<f64> =
            past.iter().flat_map(|p| POINTS.map(|share| share * learned - p.days_ago)).collect();
        points.extend(POINTS.map(|share| share * days));
        let average = |kernel: &dyn Fn(f64) -> f64| -> Vec<f64> {
            let mut out = vec![0.0; size * size];
            for i in 0..size {
                for j in 0..=i {
                    let mut sum = 0.0;
                    for a in &points[i * POINTS.len()..(i + 1) * POINTS.len()] {
                        for b in &points[j * POINTS.len()..(j + 1) * POINTS.len()] {
                            sum += kernel((a - b).abs());
                        }
                    }
                    let mean = sum / (POINTS.len() * POINTS.len()) as f64;
                    out[i * size + j] = mean;
                    out[j * size + i] = mean;
                }
            }
            out
        };
        let level = |days: &f64| average(&|apart: f64| (-apart / days).exp());
        let season = average(&|apart: f64| {
            let phase = (PI * apart / 365.25).sin() / SEASON_SCALE;
            (-2.0 * phase * phase - apart / SEASON_DAYS).exp()
        });
        Components { size, levels: LEVEL_DAYS.iter().map(level).collect(), season }
    }

    /// The coming window given the past ones; `None` where the covariances cannot be inverted.
    pub fn posterior(&self, past: &[Past], setting: &Setting) -> Option<Posterior> {
        let (size, known) = (self.size, past.len());
        let (level, season) = (&self.levels[setting.level_days], &self.season);
        let own = setting.window_sd * setting.window_sd;
        let covariance = |i: usize, j: usize| {
            let at = i * size + j;
            setting.mean_sd * setting.mean_sd
                + setting.level_sd * setting.level_sd * level[at]
                + setting.season_sd * setting.season_sd * season[at]
        };
        // Cholesky factor of the past windows' covariance, and both right sides solved on the way.
        let mut lower = vec![0.0; known * known];
        let (mut of_offsets, mut of_next) = (vec![0.0; known], vec![0.0; known]);
        let mut log_determinant = 0.0;
        for i in 0..known {
            for j in 0..=i {
                let noise = if i == j { own + past[i].variance } else { 0.0 };
                let sum: f64 = (0..j).map(|k| lower[i * known + k] * lower[j * known + k]).sum();
                let rest = covariance(i, j) + noise - sum;
                if j < i {
                    lower[i * known + j] = rest / lower[j * known + j];
                } else if rest > 0.0 {
                    lower[i * known + i] = rest.sqrt();
                    log_determinant += rest.ln();
                } else {
                    return None;
                }
            }
            let solved = |side: &[f64], value: f64| {
                let sum: f64 = (0..i).map(|k| lower[i * known + k] * side[k]).sum();
                (value - sum) / lower[i * known + i]
            };
            of_offsets[i] = solved(&of_offsets, past[i].offset);
            of_next[i] = solved(&of_next, covariance(known, i));
        }
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let variance = covariance(known, known) + own - dot(&of_next, &of_next);
        Some(Posterior {
            mean: dot(&of_offsets, &of_next),
            sd: variance.max(1e-4).sqrt(),
            log_likelihood: -0.5 * (dot(&of_offsets, &of_offsets) + log_determinant),
        })
    }
}
