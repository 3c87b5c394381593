//! The base rate of the coming window.
//!
//! Base learners rank customers; what moves all of them together (season, trend, a shop that grows) is a series of
//! offsets, one for each past window, in log-odds or logs. This forecasts the next one and says how sure that is.
//!
//! A base rate is a mean, a level that reverts to it, and a season that comes back yearly, all of them Gaussian processes
//! (Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning", sections 2.2 and 5.4.3), seen through windows
//! that overlap: a window shows the average over its days. How strong and how lasting each of them is differs from shop to
//! shop; forecasts under [`settings`] are averaged by how well each setting explains the shop's own past.

pub use super::kernel::{BESIDE_LIFETIME, BESIDE_RANKING, Past};
use super::kernel::{Components, Setting, settings};

/// The offset of the coming window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Its mean; 0 is what was expected.
    pub mean: f64,
    /// Its standard deviation.
    pub sd: f64,
    /// How well the past is explained: log of its likelihood, averaged over the settings.
    pub evidence: f64,
}

/// How likely, before any data, the ranking carries base rates on better than the lifetime model.
const RANKING_SHARE: f64 = 0.3;

/// The calibration offset of the coming window from two forecasts of it: beside the lifetime model, and beside the ranking.
///
/// A lifetime model knows how a base ages and misses habits that it has no parameter for; a ranking knows habits and takes
/// ageing for a falling base rate. Each counts by how well it explains the past.
#[must_use]
pub fn combined(lifetime: Forecast, ranking: Forecast) -> Forecast {
    let odds = (1.0 - RANKING_SHARE) / RANKING_SHARE
        * (lifetime.evidence - ranking.evidence).clamp(-30.0, 30.0).exp();
    let share = 1.0 / (1.0 + odds);
    let mean = (1.0 - share) * lifetime.mean + share * ranking.mean;
    let square = |one: Forecast| one.sd * one.sd + (one.mean - mean) * (one.mean - mean);
    let sd = ((1.0 - share) * square(lifetime) + share * square(ranking)).sqrt();
    Forecast { mean, sd, evidence: lifetime.evidence.max(ranking.evidence) }
}

/// Share by which the offset of a coming window is unsure for each unit of ln(days asked for / days seen).
const STRETCH_SD: f64 = 0.5;

/// Forecasts the window of `days` that starts now from past windows of `learned_days`, the latest first. A window that is
/// missing (a gap in the data) is no window: the processes run through. `mean_sds` says how far the mean of all windows may
/// lie from 0 ([`BESIDE_LIFETIME`], [`BESIDE_RANKING`]).
#[must_use]
pub fn forecast(past: &[Past], mean_sds: &[(f64, f64)], learned_days: u32, days: u32) -> Forecast {
    let components = Components::of(past, f64::from(learned_days), f64::from(days));
    // Windows that overlap repeat each other: each counts as much as is new in it.
    let reach = past.iter().map(|p| p.days_ago).fold(f64::NEG_INFINITY, f64::max)
        - past.iter().map(|p| p.days_ago).fold(f64::INFINITY, f64::min);
    let step = if past.len() > 1 { reach / (past.len() - 1) as f64 } else { f64::from(learned_days) };
    let counts = (step / f64::from(learned_days.max(1))).min(1.0);
    let settings = settings(mean_sds);
    let prior: f64 = settings.iter().map(|setting| setting.log_prior.exp()).sum();
    let each: Vec<(f64, f64, f64)> = settings
        .iter()
        .filter_map(|setting: &Setting| {
            let fitted = components.posterior(past, setting)?;
            Some((counts * fitted.log_likelihood + setting.log_prior, fitted.mean, fitted.sd))
        })
        .collect();
    let best = each.iter().map(|one| one.0).fold(f64::NEG_INFINITY, f64::max);
    let (mut total, mut mean, mut square) = (0.0, 0.0, 0.0);
    for (log_likelihood, one, sd) in &each {
        let weight = (log_likelihood - best).exp();
        total += weight;
        mean += weight * one;
        square += weight * (sd * sd + one * one);
    }
    if total.is_nan() || total <= 0.0 {
        return Forecast { mean: 0.0, sd: STRETCH_SD, evidence: f64::NEG_INFINITY };
    }
    let evidence = best + (total / prior).ln();
    let (mean, square) = (mean / total, square / total);
    let sd = (square - mean * mean).max(0.0).sqrt();
    // A longer window than any seen is less sure, the more so the longer it is.
    let stretch = (f64::from(days) / f64::from(learned_days.max(1))).ln().max(0.0);
    Forecast { mean, sd: sd.hypot(STRETCH_SD * stretch), evidence }
}

/// Forecasts the window that starts now beside what the lifetime model expects of it: a mean of two forecasts, for their
/// errors differ. The processes of [`forecast`] need many windows to see a season; [`seasonal_naive`] needs one year.
#[must_use]
pub fn beside_lifetime(past: &[Past], learned_days: u32, days: u32) -> Forecast {
    let by_processes = forecast(past, BESIDE_LIFETIME, learned_days, days);
    let naive = seasonal_naive(past);
    let mean = (1.0 - NAIVE_SHARE) * by_processes.mean + NAIVE_SHARE * naive;
    let between = (NAIVE_SHARE * (1.0 - NAIVE_SHARE)).sqrt() * (by_processes.mean - naive);
    let sd = by_processes.sd.hypot(between);
    Forecast { mean, sd, ..by_processes }
}

/// Weight of [`seasonal_naive`].
const NAIVE_SHARE: f64 = 0.3;

/// Days of a year, and how far a window may lie from another time and still stand for it.
const YEAR: f64 = 365.0;
const NEAR: f64 = 7.0;

/// The offset of a year ago and a third of what changed since; half of the year's and half of the latest where the change is
/// not known; half of the latest in the first year.
#[must_use]
pub fn seasonal_naive(past: &[Past]) -> f64 {
    let Some(latest) = past.iter().min_by(|a, b| a.days_ago.total_cmp(&b.days_ago)) else { return 0.0 };
    match (at(past, YEAR), at(past, YEAR + latest.days_ago)) {
        (Some(year_ago), Some(counterpart)) => year_ago + (latest.offset - counterpart) / 3.0,
        (Some(year_ago), None) => 0.5 * (year_ago + latest.offset),
        (None, _) => 0.5 * latest.offset,
    }
}

/// The offset so many days ago, interpolated; `None` outside the series.
fn at(past: &[Past], days_ago: f64) -> Option<f64> {
    let before =
        past.iter().filter(|p| p.days_ago <= days_ago).max_by(|a, b| a.days_ago.total_cmp(&b.days_ago));
    let after =
        past.iter().filter(|p| p.days_ago >= days_ago).min_by(|a, b| a.days_ago.total_cmp(&b.days_ago));
    match (before, after) {
        (Some(a), Some(b)) if b.days_ago > a.days_ago => {
            let part = (days_ago - a.days_ago) / (b.days_ago - a.days_ago);
            Some(a.offset + part * (b.offset - a.offset))
        }
        (Some(a), Some(_)) => Some(a.offset),
        (one, other) => {
            one.or(other).filter(|p| (p.days_ago - days_ago).abs() <= NEAR).map(|edge| edge.offset)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(offset: impl Fn(f64) -> f64, to: f64) -> Vec<Past> {
        (3..)
            .map(|i| f64::from(i) * 30.0)
            .take_while(|&d| d <= to)
            .map(|d| Past { days_ago: d, offset: offset(d), variance: 1e-3 })
            .collect()
    }

    #[test]
    fn a_season_that_came_back_is_expected_again() {
        // The window of 90 days that starts now is the season's peak.
        let season = |days_ago: f64| ((days_ago - 45.0) / 365.25 * std::f64::consts::TAU + 0.77).cos();
        let peak = forecast(&series(season, 800.0), BESIDE_LIFETIME, 90, 90);
        // Most of it: two peaks say little about how strong the season is.
        assert!((0.6..1.2).contains(&(peak.mean / season(0.0))) && peak.sd < 0.4, "{peak:?} {}", season(0.0));
    }

    #[test]
    fn without_a_year_a_peak_is_not_carried_on() {
        // Eight quiet months, then a peak in the latest window.
        let past = series(|ago| if ago < 100.0 { 1.0 } else { 0.0 }, 300.0);
        let found = forecast(&past, BESIDE_LIFETIME, 90, 90);
        assert!(found.mean < 0.5 && found.sd > 0.2, "{found:?}");
    }

    #[test]
    fn a_level_that_lasts_is_carried_on() {
        let found = forecast(&series(|_| 0.6, 300.0), BESIDE_LIFETIME, 90, 90);
        // Most of it: half a year says little about how long it lasts.
        assert!((0.33..0.65).contains(&found.mean), "{found:?}");
    }

    #[test]
    fn base_rates_that_jump_are_less_sure() {
        let calm = forecast(&series(|_| 0.1, 400.0), BESIDE_LIFETIME, 90, 90).sd;
        let jump = |ago: f64| if (ago / 90.0) as i64 % 2 == 0 { 1.0 } else { -1.0 };
        let wild = forecast(&series(jump, 400.0), BESIDE_LIFETIME, 90, 90).sd;
        assert!(calm < 0.25 && wild > 0.4, "{calm} {wild}");
        let nothing = forecast(&[], BESIDE_LIFETIME, 90, 90);
        assert!(nothing.mean == 0.0 && nothing.sd > 0.2);
        assert!(forecast(&[], BESIDE_LIFETIME, 45, 90).sd > nothing.sd);
    }

    #[test]
    fn a_gap_in_the_data_is_bridged() {
        let all = series(|ago| (ago / 80.0).sin() * 0.3, 500.0);
        let gap: Vec<Past> = all.iter().copied().filter(|p| !(180.0..300.0).contains(&p.days_ago)).collect();
        let (all, gap) = (forecast(&all, BESIDE_LIFETIME, 90, 90), forecast(&gap, BESIDE_LIFETIME, 90, 90));
        assert!((all.mean - gap.mean).abs() < 0.15, "{all:?} {gap:?}");
    }

    #[test]
    fn the_forecast_that_explains_the_past_counts_more() {
        let one = |mean, evidence| Forecast { mean, sd: 0.2, evidence };
        let even = combined(one(0.0, 0.0), one(1.0, 0.0));
        assert!((even.mean - RANKING_SHARE).abs() < 1e-12 && even.sd > 0.2, "{even:?}");
        assert!(combined(one(0.0, 0.0), one(1.0, 5.0)).mean > 0.95);
        assert!(combined(one(0.0, 5.0), one(1.0, 0.0)).mean < 0.05);
    }

    #[test]
    fn the_naive_season_is_the_year_before_and_a_third_of_the_change() {
        let season = |ago: f64| (-ago / 365.0 * std::f64::consts::TAU).cos();
        assert!((seasonal_naive(&series(season, 600.0)) - 1.0).abs() < 0.02);
        let grown = |ago: f64| if ago < 300.0 { 0.3 } else { 0.0 };
        // A year ago 0, the latest .3 above its counterpart.
        assert!((seasonal_naive(&series(grown, 600.0)) - 0.1).abs() < 1e-9);
        assert_eq!(seasonal_naive(&series(|_| 1.0, 200.0)), 0.5);
        assert_eq!(seasonal_naive(&[]), 0.0);
        let both = beside_lifetime(&series(|_| 1.0, 200.0), 90, 90);
        let processes = forecast(&series(|_| 1.0, 200.0), BESIDE_LIFETIME, 90, 90);
        let mean = (1.0 - NAIVE_SHARE) * processes.mean + NAIVE_SHARE * 0.5;
        assert!((both.mean - mean).abs() < 1e-12 && both.sd >= processes.sd, "{both:?} {processes:?}");
    }
}
