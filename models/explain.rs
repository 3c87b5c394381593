//! Reasons: exact contributions of the features, folded into causes and put into words.

use crate::customer::Customer;
use crate::features::{COUNT, Cause, F, SPECS};
use crate::prediction::{Importance, Reason, Text};
use crate::repurchase::LifetimeShare;

/// Most reasons of a customer.
const MOST: usize = 5;

const CAUSES: [Cause; 13] = [
    Cause::Rhythm,
    Cause::Recency,
    Cause::Frequency,
    Cause::Trend,
    Cause::Basket,
    Cause::Spend,
    Cause::Tenure,
    Cause::Breadth,
    Cause::Season,
    Cause::Returns,
    Cause::Service,
    Cause::Promotions,
    Cause::Interaction,
];

/// The reasons behind a customer's churn risk, the weightiest first. `returning` holds what each feature adds
/// to the log-odds of coming back, `lifetime` what the lifetime model adds.
#[must_use]
pub fn reasons(customer: &Customer<'_>, returning: &[f64; COUNT], lifetime: LifetimeShare) -> Vec<Reason> {
    let mut folded: Vec<(Cause, f64, Option<f64>)> = CAUSES
        .into_iter()
        .map(|cause| {
            let of_cause = || (0..COUNT).filter(|&j| SPECS[j].cause == cause);
            let by_lifetime = match cause {
                Cause::Rhythm => lifetime.silence,
                Cause::Frequency => lifetime.frequency,
                _ => 0.0,
            };
            let contribution = -by_lifetime - of_cause().map(|j| returning[j]).sum::<f64>();
            // The feature that pulls hardest in the direction of the whole cause.
            let lead = of_cause().filter(|&j| !customer.features[j].is_nan()).max_by(|&a, &b| {
                f64::total_cmp(&(-returning[a] * contribution), &(-returning[b] * contribution))
            });
            (cause, contribution, lead.map(|j| customer.features[j]))
        })
        .filter(|&(cause, contribution, _)| contribution.abs() > 1e-3 && told(cause, customer))
        .collect();
    folded.sort_by(|a, b| f64::total_cmp(&b.1.abs(), &a.1.abs()));
    let total: f64 = folded.iter().map(|(_, contribution, _)| contribution.abs()).sum();
    folded
        .into_iter()
        .take(MOST)
        .map(|(cause, contribution, value)| {
            let (code, text) = words(cause, contribution > 0.0, customer);
            let share = contribution.abs() / total;
            let importance = match share {
                share if share > 0.25 => Importance::High,
                share if share > 0.1 => Importance::Medium,
                _ => Importance::Low,
            };
            Reason { code: code.to_owned(), text, value, contribution, importance }
        })
        .collect()
}

/// Whether the data tell of a cause at all: what nobody recorded is no reason that a person should read.
fn told(cause: Cause, customer: &Customer<'_>) -> bool {
    let known = |feature: F| !customer.get(feature).is_nan();
    let some = |feature: F| customer.get(feature) > 0.0;
    match cause {
        Cause::Breadth => known(F::products) || known(F::categories) || known(F::channels),
        Cause::Returns => some(F::returns),
        Cause::Service => known(F::complaint_days) || known(F::nps_last),
        Cause::Promotions => {
            known(F::promotion_use_share) || some(F::promotion_order_share) || some(F::gifts)
        }
        Cause::Interaction => known(F::interaction_days) || known(F::following),
        Cause::Trend => customer.get(F::orders) >= 2.0,
        _ => true,
    }
}

/// The code and words of a cause that raises (`worse`) or lowers the risk.
fn words(cause: Cause, worse: bool, customer: &Customer<'_>) -> (&'static str, Text) {
    let get = |feature: F| customer.get(feature);
    let days = |feature: F| whole(get(feature));
    let silent = days(F::recency_days);
    let orders = whole(get(F::orders));
    let once = get(F::orders) < 2.0;
    let text = |code, zh: String, en: String| (code, Text { zh, en });
    match (cause, worse) {
        (Cause::Rhythm, true) if once => text(
            "no_second_purchase",
            format!("首次购买后 {silent} 天仍未再次购买"),
            format!("{silent} days since the first purchase without a second one"),
        ),
        (Cause::Rhythm, true) => text(
            "rhythm_broken",
            format!("已 {silent} 天未购买，而平时约每 {} 天购买一次", days(F::gap_median_days)),
            format!("{silent} days of silence; usually buys about every {} days", days(F::gap_median_days)),
        ),
        (Cause::Rhythm, false) if once => text(
            "new_and_fresh",
            format!("{silent} 天前首次购买，仍在常见的复购期内"),
            format!("bought for the first time {silent} days ago, still within the usual time for a second"),
        ),
        (Cause::Rhythm, false) if get(F::recency_over_gap_median) > 1.5 => text(
            "silence_not_unusual",
            format!("已 {silent} 天未购买，但对这位顾客尚不算反常"),
            format!("silent for {silent} days, which is not yet unusual for this customer"),
        ),
        (Cause::Rhythm, false) => text(
            "in_rhythm",
            format!("仍在自己的购买节奏内：{silent} 天前购买，平时约每 {} 天一次", days(F::gap_median_days)),
            format!("in rhythm: bought {silent} days ago, usually every {} days", days(F::gap_median_days)),
        ),
        (Cause::Recency, true) => text(
            "long_silence",
            format!("距上次购买已 {silent} 天"),
            format!("{silent} days since the last purchase"),
        ),
        (Cause::Recency, false) => {
            text("bought_lately", format!("{silent} 天前刚购买过"), format!("bought {silent} days ago"))
        }
        (Cause::Frequency, true) if once => {
            text("bought_once", "只购买过一次".into(), "has bought only once".into())
        }
        (Cause::Frequency, true) => text(
            "buys_rarely",
            format!("购买次数较少：累计 {orders} 次"),
            format!("buys rarely: {orders} orders in all"),
        ),
        (Cause::Frequency, false) if get(F::orders) < 4.0 => text(
            "came_back_before",
            format!("曾经复购：累计 {orders} 次"),
            format!("has come back before: {orders} orders in all"),
        ),
        (Cause::Frequency, false) => text(
            "buys_often",
            format!("购买频繁：累计 {orders} 次"),
            format!("buys often: {orders} orders in all"),
        ),
        (Cause::Trend, true) => {
            text("buying_less", "近期购买次数比以前减少".into(), "buys less often than before".into())
        }
        (Cause::Trend, false) => {
            text("buying_more", "近期购买次数没有减少".into(), "buys no less often than before".into())
        }
        (Cause::Basket, true) => text(
            "basket_small",
            format!(
                "客单价不利：上次订单 {}，平均 {}",
                money(get(F::order_value_last)),
                money(get(F::order_value_mean))
            ),
            format!(
                "order value speaks against: {} last time, {} on average",
                money(get(F::order_value_last)),
                money(get(F::order_value_mean))
            ),
        ),
        (Cause::Basket, false) => text(
            "basket_strong",
            format!(
                "客单价有利：上次订单 {}，平均 {}",
                money(get(F::order_value_last)),
                money(get(F::order_value_mean))
            ),
            format!(
                "order value speaks for: {} last time, {} on average",
                money(get(F::order_value_last)),
                money(get(F::order_value_mean))
            ),
        ),
        (Cause::Spend, true) => text(
            "spends_little",
            format!("累计消费不高：{}", money(get(F::spend_total))),
            format!("has spent little: {}", money(get(F::spend_total))),
        ),
        (Cause::Spend, false) => text(
            "spends_much",
            format!("累计消费较高：{}", money(get(F::spend_total))),
            format!("has spent much: {}", money(get(F::spend_total))),
        ),
        (Cause::Tenure, true) => text(
            "tenure_against",
            format!("成为顾客 {} 天：这类顾客较易流失", days(F::tenure_days)),
            format!("customer for {} days: such customers leave more often", days(F::tenure_days)),
        ),
        (Cause::Tenure, false) => text(
            "tenure_for",
            format!("成为顾客 {} 天：这类顾客较稳定", days(F::tenure_days)),
            format!("customer for {} days: such customers tend to stay", days(F::tenure_days)),
        ),
        (Cause::Breadth, true) => {
            text("narrow_choice", "购买的商品或品类较单一".into(), "buys few products or categories".into())
        }
        (Cause::Breadth, false) => {
            text("wide_choice", "购买的商品或品类丰富".into(), "buys many products or categories".into())
        }
        (Cause::Season, true) => text(
            "off_season",
            "购买时间习惯（时段、星期、季节）不利于近期回购".into(),
            "the usual hours, weekdays or season of this customer speak against a purchase soon".into(),
        ),
        (Cause::Season, false) => text(
            "in_season",
            "购买时间习惯（时段、星期、季节）有利于近期回购".into(),
            "the usual hours, weekdays or season of this customer speak for a purchase soon".into(),
        ),
        (Cause::Returns, true) => text(
            "returns",
            format!("退货 {} 次", days(F::returns)),
            format!("sent goods back {} times", days(F::returns)),
        ),
        (Cause::Returns, false) => text(
            "returns_and_stays",
            format!("虽有 {} 次退货，仍保持活跃", days(F::returns)),
            format!("sends goods back ({} times), as active customers do", days(F::returns)),
        ),
        (Cause::Service, true) => text(
            "unhappy_with_service",
            "有投诉、退款要求或低分评价".into(),
            "complaints, demands for refund or low marks".into(),
        ),
        (Cause::Service, false) => {
            text("content_with_service", "服务反馈良好".into(), "feedback on service is good".into())
        }
        (Cause::Promotions, true) => text(
            "promotions_ignored",
            format!("对促销反应冷淡：连续 {} 次未响应", days(F::promotions_ignored_in_row)),
            format!("cool to promotions: {} ignored in a row", days(F::promotions_ignored_in_row)),
        ),
        (Cause::Promotions, false) => {
            text("promotions_answered", "对促销有响应".into(), "answers to promotions".into())
        }
        (Cause::Interaction, true) => text(
            "less_interaction",
            "互动减少（浏览、加购、社群或关注）".into(),
            "less interaction (visits, baskets, community, following)".into(),
        ),
        (Cause::Interaction, false) => text(
            "interacts",
            "互动活跃（浏览、加购、社群或关注）".into(),
            "interacts (visits, baskets, community, following)".into(),
        ),
    }
}

fn whole(value: f64) -> String {
    if value.is_nan() { "?".to_owned() } else { format!("{value:.0}") }
}

fn money(value: f64) -> String {
    if value.is_nan() { "?".to_owned() } else { format!("{value:.2}") }
}
