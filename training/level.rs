//! The level of the coming window: how much more or less customers will buy than their order alone tells.
//!
//! Members order customers; what moves all of them together (season, trend, a shop that grows) is a series of
//! levels, one for each past window, in log-odds or logs. This forecasts the next one.

/// The level of one past window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// Days from the start of the window to the instant of the forecast.
    pub days_ago: f64,
    /// Its level.
    pub level: f64,
}

/// Days of a year, for seasons.
const YEAR: f64 = 365.0;

/// The level at `days_ago` by interpolation; `None` outside the series.
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
            Some(a.level + part * (b.level - a.level))
        }
        (Some(a), Some(_)) => Some(a.level),
        _ if (nearest.days_ago - days_ago).abs() <= 7.0 => Some(nearest.level),
        _ => None,
    }
}

/// Forecasts the level of the window that starts now. `prior` is the level that another view of the future
/// (the lifetime model) gives; it counts where no year of history shows the season.
///
/// - With the same window a year ago known: that level, plus half of what changed between the latest window
///   and its own counterpart a year before.
/// - With the window a year ago but not the latest one's counterpart: half of each.
/// - Without a year: half of the latest level, half of the prior.
#[must_use]
pub fn forecast(past: &[Past], prior: f64) -> f64 {
    let Some(latest) = past.iter().min_by(|a, b| a.days_ago.total_cmp(&b.days_ago)) else { return prior };
    match (at(past, YEAR), at(past, YEAR + latest.days_ago)) {
        (Some(year_ago), Some(counterpart)) => year_ago + 0.5 * (latest.level - counterpart),
        (Some(year_ago), None) => 0.5 * (year_ago + latest.level),
        (None, _) => 0.5 * (latest.level + prior),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(level: impl Fn(f64) -> f64, to: f64) -> Vec<Past> {
        (3..)
            .map(|i| f64::from(i) * 30.0)
            .take_while(|&d| d <= to)
            .map(|d| Past { days_ago: d, level: level(d) })
            .collect()
    }

    #[test]
    fn a_season_comes_back() {
        let season = |days_ago: f64| (-days_ago / 365.0 * std::f64::consts::TAU).cos();
        let past = series(season, 600.0);
        assert!((forecast(&past, 9.0) - 1.0).abs() < 0.02);
    }

    #[test]
    fn without_a_year_the_prior_counts_half() {
        assert_eq!(forecast(&series(|_| 1.0, 200.0), 0.0), 0.5);
        assert_eq!(forecast(&[], 0.3), 0.3);
    }
}
