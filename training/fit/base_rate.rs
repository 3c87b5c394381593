//! The base rate of the coming window.
//!
//! Base learners rank customers; what moves all of them together (season, trend, a shop that grows) is a series of
//! offsets, one for each past window, in log-odds or logs. This forecasts the next one and says how sure that is.

/// How far the base rate of one past window lay from what the lifetime model expected of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// Days from the start of the window to the instant of the forecast.
    pub days_ago: f64,
    /// Its offset, in log-odds or logs.
    pub offset: f64,
}

/// Days of a year, for seasons.
const YEAR: f64 = 365.0;

/// The offset at `days_ago` by interpolation; `None` outside the series.
fn at(past: &[Past], days_ago: f64) -> Option<f64> {
    // A window up to a week outside still stands for the edge.
    let nearest = past
        .iter()
        .min_by(|a, b| f64::total_cmp(&(a.days_ago - days_ago).abs(), &(b.days_ago - days_ago).abs()))?;
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
        _ if (nearest.days_ago - days_ago).abs() <= 7.0 => Some(nearest.offset),
        _ => None,
    }
}

/// Forecasts the offset of the window that starts now; 0 is what the lifetime model expects of it.
///
/// - With the same window a year ago known: that offset, plus a third of what changed between the latest window
///   and its own counterpart a year before.
/// - With the window a year ago but not the latest one's counterpart: half of each.
/// - Without a year: half of the latest offset.
#[must_use]
pub fn forecast(past: &[Past]) -> f64 {
    let Some(latest) = past.iter().min_by(|a, b| a.days_ago.total_cmp(&b.days_ago)) else { return 0.0 };
    match (at(past, YEAR), at(past, YEAR + latest.days_ago)) {
        (Some(year_ago), Some(counterpart)) => year_ago + (latest.offset - counterpart) / 3.0,
        (Some(year_ago), None) => 0.5 * (year_ago + latest.offset),
        (None, _) => 0.5 * latest.offset,
    }
}

/// The standard deviation of the forecast's error before any data, and how many windows that counts for.
const PRIOR_SD: f64 = 0.3;
const PRIOR_WINDOWS: f64 = 2.0;

/// The standard deviation of [`forecast`]'s error for a window of `days`, learned from past windows of `learned_days`.
#[must_use]
pub fn uncertainty(past: &[Past], learned_days: u32, days: u32) -> f64 {
    let sd = past_error(past, f64::from(learned_days));
    if days > learned_days {
        // A longer window than any seen is less sure, the more so the longer it is.
        sd.hypot(0.5 * (f64::from(days) / f64::from(learned_days)).ln())
    } else {
        sd
    }
}

/// The standard deviation of [`forecast`]'s error for past windows of `days`: each is forecast from those that had
/// ended when it began. Windows that overlap repeat each other; their errors count for as many as fit side by side.
fn past_error(past: &[Past], days: f64) -> f64 {
    let errors: Vec<(f64, f64)> = past
        .iter()
        .filter_map(|window| {
            let known: Vec<Past> = past
                .iter()
                .map(|p| Past { days_ago: p.days_ago - window.days_ago, ..*p })
                .filter(|p| p.days_ago >= days)
                .collect();
            (!known.is_empty()).then(|| (window.days_ago, window.offset - forecast(&known)))
        })
        .collect();
    let ago = || errors.iter().map(|e| e.0);
    let reach = ago().fold(f64::NEG_INFINITY, f64::max) - ago().fold(f64::INFINITY, f64::min);
    let apart = if errors.is_empty() { 0.0 } else { 1.0 + reach / days.max(1.0) };
    let mean = errors.iter().map(|e| e.1 * e.1).sum::<f64>() / errors.len().max(1) as f64;
    ((mean * apart + PRIOR_SD * PRIOR_SD * PRIOR_WINDOWS) / (apart + PRIOR_WINDOWS)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(offset: impl Fn(f64) -> f64, to: f64) -> Vec<Past> {
        (3..)
            .map(|i| f64::from(i) * 30.0)
            .take_while(|&d| d <= to)
            .map(|d| Past { days_ago: d, offset: offset(d) })
            .collect()
    }

    #[test]
    fn a_season_comes_back() {
        let season = |days_ago: f64| (-days_ago / 365.0 * std::f64::consts::TAU).cos();
        let past = series(season, 600.0);
        assert!((forecast(&past) - 1.0).abs() < 0.02);
    }

    #[test]
    fn without_a_year_the_latest_counts_half() {
        assert_eq!(forecast(&series(|_| 1.0, 200.0)), 0.5);
        assert_eq!(forecast(&[]), 0.0);
    }

    #[test]
    fn base_rates_that_jump_are_less_sure() {
        let calm = uncertainty(&series(|_| 0.1, 400.0), 90, 90);
        let wild =
            uncertainty(&series(|ago| if (ago / 90.0) as i64 % 2 == 0 { 1.0 } else { -1.0 }, 400.0), 90, 90);
        assert!(calm < 0.25 && wild > 0.6, "{calm} {wild}");
        assert_eq!(uncertainty(&[], 90, 90), 0.3);
        assert!(uncertainty(&[], 45, 90) > 0.4);
    }
}
