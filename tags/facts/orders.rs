//! Facts of a customer's orders: periods, favourites, purchase cycle, baskets.

use homing_datasets::View;

use super::sales::Calendar;
use super::scan::{PARTS_OF_DAY, Scan};
use super::spread::{median, normal_below};
use super::{Facts, N, Order, Scratch, Text, W};

/// What rests on orders: there is one at least.
pub(super) fn write<'v>(
    scan: &Scan,
    sales: &Calendar,
    view: &'v View<'_>,
    scratch: &mut Scratch,
    facts: &mut Facts<'v>,
) {
    let today = scan.today;
    let Scratch { orders, texts, values, .. } = scratch;
    let first = orders[0].day;
    if let [_, second, ..] = orders[..] {
        facts.set(N::first_gap_days, f64::from(second.day - first));
    }
    if let Some(fifth) = orders.get(4) {
        facts.set(N::fifth_order_days, f64::from(today - fifth.day));
    }
    periods(today, orders, facts);
    facts.set(N::occasion_share, scan.occasions.iter().sum::<f64>() / scan.spend);
    facts.set(N::promotion_spend_share, scan.promoted / scan.spend);
    let best = (0..4).filter(|&at| scan.occasions[at] > 0.0);
    let best = best.max_by(|&a, &b| scan.occasions[a].total_cmp(&scan.occasions[b]));
    facts.word(W::OccasionTop, best.and_then(|at| sales.name(at)));
    let part = (0..4).rev().filter(|&at| scan.parts[at] > 0).max_by_key(|&at| scan.parts[at]);
    facts.word(W::HourTop, part.map(|at| PARTS_OF_DAY[at]));
    rhythm(today, orders, values, facts);
    basket(today, orders, values, facts);
    facts.word(W::CategoryFirst, view.name(scan.first_line.1));
    facts.word(W::CategoryLast, view.name(scan.last_line.1));
    facts.set(N::category_new, flag(scan.new_category));
    categories(today, scan.spend, view, (orders, texts), facts);
    channels(view, (orders, texts), facts);
    let product = most(texts, |text| f64::from(text.lines));
    facts.word(W::ProductTop, (texts[product].lines >= 2).then(|| view.name(product as u32)).flatten());
}

fn flag(truth: bool) -> f64 {
    f64::from(u8::from(truth))
}

/// The code of the text of which there is most, the first of equals; 0 where there is none.
fn most(texts: &[Text], of: fn(&Text) -> f64) -> usize {
    (1..texts.len()).fold(0, |best, code| if of(&texts[code]) > of(&texts[best]) { code } else { best })
}

/// Orders and spend of a year, of the year before, and by spans of 30 days.
fn periods(today: i32, orders: &[Order], facts: &mut Facts<'_>) {
    let first = orders[0].day;
    let (mut early, mut before, mut before_spend, mut year, mut year_spend) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let mut months = 0u32;
    for order in orders.iter() {
        let ago = today - order.day;
        early += flag(order.day - first < 90);
        if (365..730).contains(&ago) {
            before += 1.0;
            before_spend += order.value;
        }
        if ago < 365 {
            year += 1.0;
            year_spend += order.value;
            if ago < 360 {
                months |= 1 << (ago / 30);
            }
        }
    }
    facts.set(N::orders_first_90d, early);
    facts.set(N::orders_prev_365d, before);
    facts.set(N::spend_prev_365d, before_spend);
    facts.set(N::active_months_12, f64::from(months.count_ones()));
    facts.set(N::months_in_row, f64::from(months.trailing_ones()));
    facts.set(N::order_value_365d, year_spend / year);
}

/// Categories of most spend, and one that was bought regularly and is bought no more.
fn categories<'v>(
    today: i32,
    spend: f64,
    view: &'v View<'_>,
    (orders, texts): (&[Order], &[Text]),
    facts: &mut Facts<'v>,
) {
    let (mut top, mut second, mut lost) = (0usize, 0usize, (0usize, 0.0, 0.0));
    for (code, text) in texts.iter().enumerate().skip(1) {
        if text.spend > texts[top].spend {
            (second, top) = (top, code);
        } else if text.spend > texts[second].spend {
            second = code;
        }
        if let Some((past, strength)) = abandoned(today, *text, orders)
            && text.spend > texts[lost.0].spend
        {
            lost = (code, past, strength);
        }
    }
    facts.word(W::CategoryTop, view.name(top as u32));
    facts.word(W::CategorySecond, view.name(second as u32));
    if top > 0 {
        facts.set(N::category_top_spend_share, texts[top].spend / spend);
    }
    if lost.0 > 0 && !replaced(orders, texts[lost.0], today) {
        facts.word(W::CategoryAbandoned, view.name(lost.0 as u32));
        facts.set(N::category_abandoned_days, lost.1.floor());
        facts.set(N::category_abandoned_strength, lost.2);
    }
}

/// By how many days a category exceeds its own purchase cycle, and the share; `None` where it does not.
fn abandoned(today: i32, text: Text, orders: &[Order]) -> Option<(f64, f64)> {
    if text.days < 3 {
        return None;
    }
    let gap = f64::from(text.last_day - text.first_day) / f64::from(text.days - 1);
    let limit = (3.0 * gap).max(60.0);
    let recency = f64::from(today - text.last_day);
    // The customer must have come without it; else the customer is away and not the category.
    let others = orders.iter().rev().take_while(|order| f64::from(order.day - text.last_day) > gap).count();
    (recency > limit && others >= 2).then(|| (recency - limit, 1.0 - limit / recency))
}

/// The channel of most orders, of the first and of the last, and whether the last two went elsewhere.
fn channels<'v>(view: &'v View<'_>, (orders, texts): (&[Order], &[Text]), facts: &mut Facts<'v>) {
    let channel = most(texts, |text| f64::from(text.orders));
    facts.word(W::ChannelTop, view.name(channel as u32));
    facts.word(W::ChannelFirst, view.name(orders[0].channel));
    facts.word(W::ChannelLast, view.name(orders[orders.len() - 1].channel));
    if let [.., before, last] = orders[..] {
        let elsewhere = |order: Order| order.channel != 0 && order.channel as usize != channel;
        if channel > 0 && orders.len() >= 4 {
            facts.set(N::channel_changed, flag(elsewhere(before) && elsewhere(last)));
        }
    }
}

/// Whether other things took the place of a category: the customer spends as much a day since its last purchase as three
/// fifths of what they spent before. Moving on to the next category, as children grow, abandons nothing.
fn replaced(orders: &[Order], category: Text, today: i32) -> bool {
    let sum = |orders: &[Order]| orders.iter().map(|order| order.value).sum::<f64>();
    let (before, since) = orders.split_at(orders.partition_point(|order| order.day <= category.last_day));
    let days = |from: i32, to: i32| f64::from((to - from).max(1));
    let first = before.first().map_or(category.first_day, |order| order.day);
    sum(since) / days(category.last_day, today) >= 0.6 * sum(before) / days(first, category.last_day)
}

/// Recency against the customer's own gaps; at least three gaps.
fn rhythm(today: i32, orders: &[Order], gaps: &mut Vec<f64>, facts: &mut Facts<'_>) {
    gaps.clear();
    gaps.extend(orders.windows(2).map(|pair| f64::from(pair[1].day - pair[0].day)));
    if gaps.len() < 3 {
        return;
    }
    gaps.sort_by(f64::total_cmp);
    let at = 0.9 * (gaps.len() - 1) as f64;
    let (low, part) = (at as usize, at.fract());
    let limit = gaps[low] + part * (gaps[(low + 1).min(gaps.len() - 1)] - gaps[low]);
    let recency = f64::from(today - orders[orders.len() - 1].day);
    if recency > limit {
        facts.set(N::rhythm_broken_days, (recency - limit).floor());
        facts.set(N::rhythm_broken_strength, 1.0 - limit / recency);
    }
}

/// The last orders against the customer's own past. Two small orders in a row at least, measured in the robust spread of
/// the logarithms before them (median absolute deviation; Hampel 1974), so that neither one bad order now nor one
/// great order then decides.
fn basket(today: i32, orders: &[Order], values: &mut Vec<f64>, facts: &mut Facts<'_>) {
    let late = match orders.len() {
        0..=4 => return,
        5 => 2,
        _ => 3,
    };
    let (before, lately) = orders.split_at(orders.len() - late);
    values.clear();
    values.extend(before.iter().map(|order| order.value.ln()));
    let usual = median(values);
    values.iter_mut().for_each(|value| *value = (*value - usual).abs());
    let spread = (1.4826 * median(values)).max(0.2);
    let low = lately.iter().rev().take_while(|order| order.value.ln() < usual).count();
    if low < 2 {
        return;
    }
    let lowered = &lately[late - low..];
    let mean = lowered.iter().map(|order| order.value.ln()).sum::<f64>() / low as f64;
    let n = before.len() as f64;
    // The median before is itself uncertain: its variance is about pi/2 that of a mean.
    let error = spread * (1.0 / low as f64 + std::f64::consts::FRAC_PI_2 / n).sqrt();
    facts.set(N::basket_drop_share, 1.0 - (mean - usual).exp());
    facts.set(N::basket_drop_days, f64::from(today - lowered[0].day));
    facts.set(N::basket_drop_strength, normal_below((usual - mean) / error));
}
