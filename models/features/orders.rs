//! Features of a customer's orders: recency, gaps, windows, values, and the days on which they fall.

use homing_datasets::calendar::weekday_and_yearday;

use super::row::{Row, Scratch, log_ratio};
use super::spec::F;

/// Half-lives to rates: weight after `days`.
fn decay(days: i32, half_life: f64) -> f64 {
    (-f64::from(days) * std::f64::consts::LN_2 / half_life).exp()
}

/// Mean and standard deviation (of the population); NaN where undefined.
fn mean_std(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let var = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    (mean, if values.len() < 2 { f64::NAN } else { var.sqrt() })
}

/// Quantile of ascending values by linear interpolation; NaN of none.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = q * last as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    sorted[low] + part * (sorted[(low + 1).min(last)] - sorted[low])
}

/// Recency, tenure and gaps.
pub(super) fn recency_and_gaps(scratch: &mut Scratch, row: &mut Row<'_>) {
    let orders = &scratch.orders;
    let (first, last) = (orders[0].day, orders[orders.len() - 1].day);
    let recency = f64::from(row.ago(last));
    let tenure = f64::from(row.ago(first));
    row.set(F::recency_days, recency);
    row.set(F::tenure_days, tenure);
    row.set(F::recency_share, if tenure > 0.0 { (tenure - recency) / tenure } else { 1.0 });
    row.set(F::orders, orders.len() as f64);
    row.set(F::orders_per_30d, (orders.len() as f64 - 1.0) * 30.0 / tenure.max(30.0));
    let gaps = &mut scratch.gaps;
    gaps.clear();
    gaps.extend(orders.windows(2).map(|pair| f64::from(pair[1].day - pair[0].day)));
    let Some(&gap_last) = gaps.last() else { return };
    let (mean, std) = mean_std(gaps);
    if gaps.len() >= 4 {
        let (before, lately) = gaps.split_at(gaps.len() - 3);
        row.set(F::gap_trend, log_ratio(mean_std(lately).0, mean_std(before).0, 1.0));
    }
    gaps.sort_by(f64::total_cmp);
    let (median, max) = (quantile(gaps, 0.5), gaps[gaps.len() - 1]);
    row.set(F::gap_mean_days, mean);
    row.set(F::gap_median_days, median);
    row.set(F::gap_std_days, std);
    row.set(F::gap_cv, std / mean);
    row.set(F::gap_last_days, gap_last);
    row.set(F::gap_min_days, gaps[0]);
    row.set(F::gap_max_days, max);
    row.set(F::gap_p90_days, quantile(gaps, 0.9));
    row.set(F::recency_over_gap_median, recency / median);
    row.set(F::recency_over_gap_mean, recency / mean);
    row.set(F::recency_over_gap_max, recency / max);
    row.set(F::recency_gap_rank, gaps.partition_point(|&gap| gap < recency) as f64 / gaps.len() as f64);
    // Two days represent the uncertainty of a customer whose few gaps happen to be alike.
    row.set(F::overdue_sd, (recency - mean) / if std.is_nan() { mean.max(2.0) } else { std.max(2.0) });
}

/// Counts and spend by window, with decay, and their trends.
pub(super) fn windows(scratch: &Scratch, row: &mut Row<'_>) {
    const WINDOWS: [(i32, F, Option<F>); 7] = [
        (7, F::orders_7d, Some(F::spend_7d)),
        (14, F::orders_14d, None),
        (30, F::orders_30d, Some(F::spend_30d)),
        (60, F::orders_60d, Some(F::spend_60d)),
        (90, F::orders_90d, Some(F::spend_90d)),
        (180, F::orders_180d, Some(F::spend_180d)),
        (365, F::orders_365d, Some(F::spend_365d)),
    ];
    let mut counts = [0.0; WINDOWS.len()];
    let mut spends = [0.0; WINDOWS.len()];
    let (mut before_30, mut before_90, mut spend_before) = (0.0, 0.0, 0.0);
    let (mut year_30, mut year_90, mut year_spend) = (0.0, 0.0, 0.0);
    let mut fading = [0.0; 4];
    let mut fading_spend = [0.0; 2];
    for order in &scratch.orders {
        let ago = row.ago(order.day);
        for (k, window) in WINDOWS.iter().enumerate() {
            if ago < window.0 {
                counts[k] += 1.0;
                spends[k] += order.amount;
            }
        }
        if (30..60).contains(&ago) {
            before_30 += 1.0;
        }
        if (90..180).contains(&ago) {
            before_90 += 1.0;
            spend_before += order.amount;
        }
        // The days after this one, a year before.
        if (275..365).contains(&ago) {
            year_90 += 1.0;
            year_spend += order.amount;
            year_30 += f64::from(u8::from(ago >= 335));
        }
        for (sum, half_life) in fading.iter_mut().zip([15.0, 45.0, 120.0, 365.0]) {
            *sum += decay(ago, half_life);
        }
        for (sum, half_life) in fading_spend.iter_mut().zip([45.0, 180.0]) {
            *sum += order.amount * decay(ago, half_life);
        }
    }
    for (k, window) in WINDOWS.iter().enumerate() {
        row.set(window.1, counts[k]);
        if let Some(feature) = window.2 {
            row.set(feature, spends[k]);
        }
    }
    let [d15, d45, d120, d365] = fading;
    row.set(F::orders_decay_15d, d15);
    row.set(F::orders_decay_45d, d45);
    row.set(F::orders_decay_120d, d120);
    row.set(F::orders_decay_365d, d365);
    row.set(F::spend_decay_45d, fading_spend[0]);
    row.set(F::spend_decay_180d, fading_spend[1]);
    row.set(F::orders_trend_30d, log_ratio(counts[2], before_30, 0.5));
    row.set(F::orders_trend_90d, log_ratio(counts[4], before_90, 0.5));
    let spend: f64 = scratch.orders.iter().map(|order| order.amount).sum();
    let mean = spend / scratch.orders.len() as f64;
    row.set(F::spend_trend_90d, log_ratio(spends[4], spend_before, mean));
    let tenure = f64::from(row.ago(scratch.orders[0].day));
    row.set(F::spend_per_30d, spend * 30.0 / tenure.max(30.0));
    if tenure >= 365.0 {
        row.set(F::orders_year_ago_30d, year_30);
        row.set(F::orders_year_ago_90d, year_90);
        row.set(F::spend_year_ago_90d, year_spend);
    }
}

/// Order values, pieces and the days of the week and year.
pub(super) fn values_and_days(scratch: &mut Scratch, row: &mut Row<'_>) {
    let orders = &scratch.orders;
    let n = orders.len() as f64;
    let values = &mut scratch.values;
    values.clear();
    values.extend(orders.iter().map(|order| order.amount));
    let (mean, std) = mean_std(values);
    row.set(F::order_value_mean, mean);
    row.set(F::order_value_std, std);
    let (first, last) = (values[0], values[values.len() - 1]);
    row.set(F::order_value_first, first);
    row.set(F::order_value_last, last);
    if values.len() >= 4 {
        let (before, lately) = values.split_at_mut(orders.len() - 3);
        before.sort_by(f64::total_cmp);
        row.set(F::order_value_change, (mean_std(lately).0 / quantile(before, 0.5)).ln());
    }
    values.sort_by(f64::total_cmp);
    let median = quantile(values, 0.5);
    row.set(F::order_value_median, median);
    row.set(F::order_value_min, values[0]);
    row.set(F::order_value_max, values[values.len() - 1]);
    row.set(F::order_value_last_ratio, (last / median).ln());
    let items: f64 = orders.iter().map(|order| order.quantity).sum();
    row.set(F::items_per_order, items / n);
    row.set(F::lines_per_order, orders.iter().map(|order| f64::from(order.lines)).sum::<f64>() / n);
    if items > 0.0 {
        row.set(F::price_mean, mean * n / items);
    }
    let mut weekdays = [0.0; 7];
    let mut season = 0.0;
    let (_, today) = weekday_and_yearday(row.today);
    for order in orders {
        let (weekday, yearday) = weekday_and_yearday(order.day);
        weekdays[weekday as usize] += 1.0;
        let apart = (f64::from(yearday) - f64::from(today)).abs();
        season += f64::from(u8::from(apart.min(365.25 - apart) <= 45.0));
    }
    row.set(F::weekend_share, (weekdays[5] + weekdays[6]) / n);
    row.set(F::weekday_top_share, weekdays.iter().copied().fold(0.0, f64::max) / n);
    row.set(F::season_share, season / n);
}
