//! From a view to the feature vector.

use std::collections::HashMap;

use homing_datasets::calendar::weekday_and_yearday;
use homing_datasets::{Kind, View, Zone};

use super::spec::{COUNT, F};

/// Buffers that are kept from one customer to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    orders: Vec<Order>,
    gaps: Vec<f64>,
    values: Vec<f64>,
    seen: Vec<i32>,
    products: HashMap<u32, Rebuy>,
}

/// A calendar day with a purchase.
#[derive(Clone, Copy, Debug)]
struct Order {
    day: i32,
    value: f64,
    lines: u32,
    items: f64,
}

/// When a product was bought, and how long it took to buy it again.
#[derive(Clone, Copy, Debug)]
struct Rebuy {
    last: i32,
    gaps: u32,
    sum: f64,
}

/// Fills `out` (length [`COUNT`], order of [`super::SPECS`]) with the features of a customer as of the view's
/// instant. Returns whether the customer has a purchase in sight; without one, `out` is all NaN.
pub fn compute(view: &View<'_>, zone: Zone, scratch: &mut Scratch, out: &mut [f64]) -> bool {
    debug_assert_eq!(out.len(), COUNT);
    out.fill(f64::NAN);
    let today = zone.day(view.instant());
    let mut row = Row { out, today };
    scratch.orders.clear();
    walk(view, zone, scratch, &mut row);
    if scratch.orders.is_empty() {
        row.out.fill(f64::NAN);
        return false;
    }
    rhythm(scratch, &mut row);
    windows(scratch, &mut row);
    baskets(scratch, &mut row);
    true
}

struct Row<'a> {
    out: &'a mut [f64],
    today: i32,
}

impl Row<'_> {
    fn set(&mut self, feature: F, value: f64) {
        self.out[feature as usize] = value;
    }

    /// Days between a local day and today, 0 for today.
    fn ago(&self, day: i32) -> i32 {
        self.today - day
    }
}

/// Half-lives to rates: weight after `days`.
fn decay(days: i32, half_life: f64) -> f64 {
    (-f64::from(days) * std::f64::consts::LN_2 / half_life).exp()
}

/// log((a + c) / (b + c)).
fn log_ratio(a: f64, b: f64, c: f64) -> f64 {
    ((a + c) / (b + c)).ln()
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

/// Counts how often each code occurs, without forgetting which were seen.
struct Tally<'a> {
    counts: &'a mut Vec<i32>,
    different: u32,
    top: i32,
    total: u32,
}

impl<'a> Tally<'a> {
    fn new(counts: &'a mut Vec<i32>, codes: usize) -> Self {
        counts.clear();
        counts.resize(codes, 0);
        Tally { counts, different: 0, top: 0, total: 0 }
    }

    fn add(&mut self, code: u32) {
        if code == 0 {
            return;
        }
        let count = &mut self.counts[code as usize];
        self.different += u32::from(*count == 0);
        *count += 1;
        self.top = self.top.max(*count);
        self.total += 1;
    }
}

/// One pass over the events: orders, and everything that needs single lines.
fn walk(view: &View<'_>, zone: Zone, scratch: &mut Scratch, row: &mut Row<'_>) {
    let (kinds, amounts, quantities) = (view.kind(), view.amount(), view.quantity());
    let mut known = Known::default();
    let (mut hours, mut hours2, mut timed) = (0.0, 0.0, 0.0);
    let (mut lines, mut promoted) = (0.0, 0.0);
    let mut net = 0.0;
    let mut day = 0;
    let mut day_ends = i64::MIN;
    for (i, &at) in view.occurred_at().iter().enumerate() {
        if at > day_ends {
            day = zone.day(at);
            day_ends = zone.end_of_day(day);
        }
        let ago = row.ago(day);
        match kinds[i] {
            Kind::Purchase if amounts[i] > 0.0 => {
                let amount = amounts[i];
                net += amount;
                lines += 1.0;
                promoted += f64::from(u8::from(view.promotion()[i] != 0));
                let hour = zone.hour(at);
                if hour != 0.0 {
                    hours += hour;
                    hours2 += hour * hour;
                    timed += 1.0;
                }
                match scratch.orders.last_mut() {
                    Some(order) if order.day == day => {
                        order.value += amount;
                        order.lines += 1;
                        order.items += f64::from(quantities[i]);
                    }
                    _ => {
                        let items = f64::from(quantities[i]);
                        scratch.orders.push(Order { day, value: amount, lines: 1, items });
                    }
                }
                known.open_carts = 0.0;
                known.ignored = 0.0;
            }
            kind => known.interaction(kind, ago, amounts[i], &mut net),
        }
    }
    if scratch.orders.is_empty() {
        return;
    }
    known.write(row);
    let spend: f64 = scratch.orders.iter().map(|order| order.value).sum();
    row.set(F::spend_total, spend);
    row.set(F::spend_net, net);
    row.set(F::return_share, if known.returned == 0.0 { 0.0 } else { known.returned / spend });
    row.set(F::lines, lines);
    row.set(F::promotion_order_share, promoted / lines);
    if timed > 0.0 {
        let mean = hours / timed;
        row.set(F::hour_mean, mean);
        row.set(F::hour_std, (hours2 / timed - mean * mean).max(0.0).sqrt());
    }
    breadth(view, zone, scratch, row);
}

/// What is known beyond purchases.
#[derive(Default)]
struct Known {
    returns: f64,
    returns_90d: f64,
    returned: f64,
    return_days: Option<i32>,
    gifts: f64,
    sent: f64,
    sent_90d: f64,
    used: f64,
    used_90d: f64,
    ignored: f64,
    visits: [f64; 2],
    views: f64,
    carts: f64,
    open_carts: f64,
    posts: [f64; 2],
    contact_days: Option<i32>,
    following: Option<bool>,
    complaints: f64,
    refunds: f64,
    complaint_days: Option<i32>,
    nps: Option<f64>,
}

impl Known {
    fn interaction(&mut self, kind: Kind, ago: i32, amount: f64, net: &mut f64) {
        let within = |days: i32| f64::from(u8::from(ago < days));
        if matches!(kind, Kind::Visit | Kind::View | Kind::AddToCart | Kind::Post) {
            self.contact_days = Some(ago);
        }
        match kind {
            Kind::Purchase => self.gifts += 1.0,
            Kind::Return => {
                *net += amount;
                self.returns += 1.0;
                self.returns_90d += within(90);
                self.returned -= amount;
                self.return_days = Some(ago);
            }
            Kind::Visit => {
                self.visits[0] += within(30);
                self.visits[1] += within(90);
            }
            Kind::View => self.views += within(30),
            Kind::AddToCart => {
                self.carts += within(30);
                self.open_carts += 1.0;
            }
            Kind::PromotionSent => {
                self.sent += 1.0;
                self.sent_90d += within(90);
                self.ignored += 1.0;
            }
            Kind::PromotionUsed => {
                self.used += 1.0;
                self.used_90d += within(90);
                self.ignored = 0.0;
            }
            Kind::Post => {
                self.posts[0] += within(90);
                self.posts[1] += within(180) - within(90);
            }
            Kind::Follow => self.following = Some(true),
            Kind::Unfollow => self.following = Some(false),
            Kind::Complaint => {
                self.complaints += within(180);
                self.complaint_days = Some(ago);
            }
            Kind::RefundRequest => {
                self.refunds += within(180);
                self.complaint_days = Some(ago);
            }
            Kind::Nps => self.nps = Some(amount),
        }
    }

    fn write(&self, row: &mut Row<'_>) {
        let days = |ago: Option<i32>| ago.map_or(f64::NAN, f64::from);
        row.set(F::returns, self.returns);
        row.set(F::returns_90d, self.returns_90d);
        row.set(F::return_days, days(self.return_days));
        row.set(F::gifts, self.gifts);
        row.set(F::promotions_sent_90d, self.sent_90d);
        row.set(F::promotions_used_90d, self.used_90d);
        if self.sent > 0.0 {
            row.set(F::promotion_use_share, self.used / self.sent);
        }
        row.set(F::promotions_ignored_in_row, self.ignored);
        row.set(F::visits_30d, self.visits[0]);
        row.set(F::visits_90d, self.visits[1]);
        row.set(F::views_30d, self.views);
        row.set(F::carts_30d, self.carts);
        row.set(F::carts_open, self.open_carts);
        row.set(F::posts_90d, self.posts[0]);
        row.set(F::posts_trend_90d, log_ratio(self.posts[0], self.posts[1], 0.5));
        row.set(F::interaction_days, days(self.contact_days));
        if let Some(following) = self.following {
            row.set(F::following, f64::from(u8::from(following)));
            row.set(F::unfollowed, f64::from(u8::from(!following)));
        }
        row.set(F::complaints_180d, self.complaints);
        row.set(F::refund_requests_180d, self.refunds);
        row.set(F::complaint_days, days(self.complaint_days));
        row.set(F::nps_last, self.nps.unwrap_or(f64::NAN));
    }
}

/// Products, categories and channels.
fn breadth(view: &View<'_>, zone: Zone, scratch: &mut Scratch, row: &mut Row<'_>) {
    let (kinds, amounts, times) = (view.kind(), view.amount(), view.occurred_at());
    let bought = |i: usize| kinds[i] == Kind::Purchase && amounts[i] > 0.0;
    let codes = view.codes();
    if view.category().iter().any(|&code| code != 0) {
        let category = view.category();
        let mut tally = Tally::new(&mut scratch.seen, codes);
        (0..view.len()).filter(|&i| bought(i)).for_each(|i| tally.add(category[i]));
        if tally.total > 0 {
            row.set(F::categories, f64::from(tally.different));
            row.set(F::category_top_share, f64::from(tally.top) / f64::from(tally.total));
            let twice = tally.counts.iter().filter(|&&count| count >= 2).count();
            // The second pass marks what was bought lately by turning its count negative.
            let (mut recent, mut kept) = (0.0, 0);
            for i in (0..view.len()).rev().filter(|&i| bought(i)) {
                let ago = row.ago(zone.day(times[i]));
                let count = &mut tally.counts[category[i] as usize];
                if ago >= 180 {
                    break;
                }
                if category[i] != 0 && *count > 0 {
                    recent += f64::from(u8::from(ago < 90));
                    kept += usize::from(*count >= 2);
                    *count = -*count;
                }
            }
            row.set(F::categories_90d, recent);
            row.set(F::categories_abandoned, (twice - kept) as f64);
        }
    }
    if view.channel().iter().any(|&code| code != 0) {
        let mut tally = Tally::new(&mut scratch.seen, codes);
        (0..view.len()).filter(|&i| bought(i)).for_each(|i| tally.add(view.channel()[i]));
        if tally.total > 0 {
            row.set(F::channels, f64::from(tally.different));
            row.set(F::channel_top_share, f64::from(tally.top) / f64::from(tally.total));
        }
    }
    if view.product().iter().any(|&code| code != 0) {
        products(view, zone, scratch, row);
    }
}

fn products(view: &View<'_>, zone: Zone, scratch: &mut Scratch, row: &mut Row<'_>) {
    let (kinds, amounts, product, times) = (view.kind(), view.amount(), view.product(), view.occurred_at());
    let last_day = scratch.orders.last().map_or(0, |order| order.day);
    scratch.products.clear();
    let mut lines = 0.0;
    let mut in_last = 0.0;
    for i in 0..view.len() {
        if product[i] == 0 || kinds[i] != Kind::Purchase || amounts[i] <= 0.0 {
            continue;
        }
        lines += 1.0;
        let day = zone.day(times[i]);
        match scratch.products.entry(product[i]) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Rebuy { last: day, gaps: 0, sum: 0.0 });
                in_last += f64::from(u8::from(day == last_day));
            }
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                let rebuy = entry.get_mut();
                if day > rebuy.last {
                    rebuy.gaps += 1;
                    rebuy.sum += f64::from(day - rebuy.last);
                    rebuy.last = day;
                    in_last += f64::from(u8::from(day == last_day));
                }
            }
        }
    }
    if lines == 0.0 {
        return;
    }
    let different = scratch.products.len() as f64;
    row.set(F::products, different);
    row.set(F::products_per_line, different / lines);
    row.set(F::products_last_order, in_last);
    let (mut gaps, mut days, mut due) = (0.0, 0.0, 0.0);
    // Whole days add up exactly in f64, so the order of the map does not matter.
    for rebuy in scratch.products.values().filter(|rebuy| rebuy.gaps > 0) {
        gaps += f64::from(rebuy.gaps);
        days += rebuy.sum;
        due += f64::from(u8::from(f64::from(row.ago(rebuy.last)) >= rebuy.sum / f64::from(rebuy.gaps)));
    }
    if gaps > 0.0 {
        row.set(F::product_rebuy_days, days / gaps);
    }
    row.set(F::products_due, due);
}

/// Recency, tenure and gaps.
fn rhythm(scratch: &mut Scratch, row: &mut Row<'_>) {
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
    // Two days stand for the uncertainty of a customer whose few gaps happen to be alike.
    row.set(F::overdue_sd, (recency - mean) / if std.is_nan() { mean.max(2.0) } else { std.max(2.0) });
}

/// Counts and spend by window, with decay, and their trends.
fn windows(scratch: &Scratch, row: &mut Row<'_>) {
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
                spends[k] += order.value;
            }
        }
        if (30..60).contains(&ago) {
            before_30 += 1.0;
        }
        if (90..180).contains(&ago) {
            before_90 += 1.0;
            spend_before += order.value;
        }
        // The days after this one, a year before.
        if (275..365).contains(&ago) {
            year_90 += 1.0;
            year_spend += order.value;
            year_30 += f64::from(u8::from(ago >= 335));
        }
        for (sum, half_life) in fading.iter_mut().zip([15.0, 45.0, 120.0, 365.0]) {
            *sum += decay(ago, half_life);
        }
        for (sum, half_life) in fading_spend.iter_mut().zip([45.0, 180.0]) {
            *sum += order.value * decay(ago, half_life);
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
    let spend: f64 = scratch.orders.iter().map(|order| order.value).sum();
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
fn baskets(scratch: &mut Scratch, row: &mut Row<'_>) {
    let orders = &scratch.orders;
    let n = orders.len() as f64;
    let values = &mut scratch.values;
    values.clear();
    values.extend(orders.iter().map(|order| order.value));
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
    let items: f64 = orders.iter().map(|order| order.items).sum();
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
