//! Causes and features in words.

use homing_models::features::{Cause, SPECS};

use super::lang::Lang;

/// Every cause: name and meaning in Chinese, name and meaning in English.
pub(super) const CAUSES: &[(Cause, [&str; 2], [&str; 2])] = &[
    (
        Cause::Rhythm,
        ["购买节奏", "沉默时间相对本人平时的间隔"],
        ["Rhythm", "days since the last order against the customer's usual gap"],
    ),
    (Cause::Recency, ["最近购买", "距上次购买多久"], ["Recency", "days since the last order"]),
    (Cause::Frequency, ["购买频率", "买得多勤"], ["Frequency", "how often the customer buys"]),
    (Cause::Trend, ["趋势", "比以前买得多了还是少了"], ["Trend", "buying more or less than before"]),
    (Cause::Basket, ["客单价", "每单金额及其变化"], ["Basket", "the order value and how it changes"]),
    (Cause::Spend, ["累计消费", "总共花了多少"], ["Spend", "how much in all"]),
    (Cause::Tenure, ["客龄", "成为顾客多久"], ["Tenure", "how long a customer"]),
    (
        Cause::Breadth,
        ["购买广度", "商品、品类和渠道的多少"],
        ["Breadth", "how many products, categories, channels"],
    ),
    (Cause::Season, ["时间习惯", "时段、星期与季节"], ["Season", "hour, weekday and time of year"]),
    (Cause::Returns, ["退货", "退货的多少"], ["Returns", "goods sent back"]),
    (
        Cause::Service,
        ["服务体验", "投诉、退款要求与评分"],
        ["Service", "complaints, refund requests, ratings"],
    ),
    (Cause::Promotions, ["促销反应", "收到、使用和忽略的促销"], ["Promotions", "sent, used and ignored"]),
    (
        Cause::Interaction,
        ["互动", "访问、浏览、加购、社群与关注"],
        ["Interaction", "visits, views, baskets, posts, following"],
    ),
];

/// The name of a cause and what it is about.
pub(super) fn cause(lang: Lang, cause: Cause) -> (String, String) {
    let found = CAUSES.iter().find(|known| known.0 == cause);
    found.map_or_else(
        || (format!("{cause:?}"), String::new()),
        |(_, zh, en)| {
            let [name, note] = lang.pick(zh, en);
            ((*name).to_owned(), (*note).to_owned())
        },
    )
}

/// What a feature means; in English where there are no words for it in Chinese yet.
pub(super) fn meaning(lang: Lang, feature: &str) -> String {
    let english = || SPECS.iter().find(|spec| spec.name == feature).map_or(feature, |spec| spec.meaning);
    let chinese = || FEATURES_ZH.iter().find(|(name, _)| *name == feature).map(|(_, zh)| *zh);
    match lang {
        Lang::Zh => chinese().unwrap_or_else(english).to_owned(),
        Lang::En => english().trim_end_matches('.').to_owned(),
    }
}

/// The meanings of the features in Chinese.
const FEATURES_ZH: &[(&str, &str)] = &[
    ("recency_days", "距上次购买的天数"),
    ("tenure_days", "距首次购买的天数"),
    ("recency_share", "首单到末单的时长占客龄的比例（1 = 刚买过）"),
    ("orders", "累计订单数"),
    ("orders_per_30d", "首单之后平均每 30 天的订单数"),
    ("lines", "累计购买明细行数"),
    ("gap_mean_days", "订单平均间隔"),
    ("gap_median_days", "订单间隔中位数"),
    ("gap_std_days", "订单间隔的标准差"),
    ("gap_cv", "间隔的变异系数（小 = 规律）"),
    ("gap_last_days", "最近一次订单间隔"),
    ("gap_min_days", "最短间隔"),
    ("gap_max_days", "最长间隔"),
    ("gap_p90_days", "间隔的 90 分位数"),
    ("recency_over_gap_median", "沉默天数 ÷ 本人间隔中位数"),
    ("recency_over_gap_mean", "沉默天数 ÷ 本人平均间隔"),
    ("recency_over_gap_max", "沉默天数 ÷ 本人最长间隔"),
    ("recency_gap_rank", "本人的间隔中短于当前沉默的比例"),
    ("overdue_sd", "超过平均间隔多少个标准差"),
    ("gap_trend", "最近三次间隔与以前相比（对数）"),
    ("orders_7d", "近 7 天订单数"),
    ("orders_14d", "近 14 天订单数"),
    ("orders_30d", "近 30 天订单数"),
    ("orders_60d", "近 60 天订单数"),
    ("orders_90d", "近 90 天订单数"),
    ("orders_180d", "近 180 天订单数"),
    ("orders_365d", "近 365 天订单数"),
    ("orders_decay_15d", "订单数，每 15 天减半计"),
    ("orders_decay_45d", "订单数，每 45 天减半计"),
    ("orders_decay_120d", "订单数，每 120 天减半计"),
    ("orders_decay_365d", "订单数，每 365 天减半计"),
    ("orders_trend_30d", "近 30 天订单与前 30 天相比（对数）"),
    ("orders_trend_90d", "近 90 天订单与前 90 天相比（对数）"),
    ("orders_year_ago_30d", "去年同期起 30 天的订单数"),
    ("orders_year_ago_90d", "去年同期起 90 天的订单数"),
    ("spend_total", "累计消费"),
    ("spend_net", "累计消费减退货"),
    ("spend_7d", "近 7 天消费"),
    ("spend_30d", "近 30 天消费"),
    ("spend_60d", "近 60 天消费"),
    ("spend_90d", "近 90 天消费"),
    ("spend_180d", "近 180 天消费"),
    ("spend_365d", "近 365 天消费"),
    ("spend_decay_45d", "消费，每 45 天减半计"),
    ("spend_decay_180d", "消费，每 180 天减半计"),
    ("spend_trend_90d", "近 90 天消费与前 90 天相比（对数）"),
    ("spend_year_ago_90d", "去年同期起 90 天的消费"),
    ("spend_per_30d", "平均每 30 天消费"),
    ("order_value_mean", "平均客单价"),
    ("order_value_median", "客单价中位数"),
    ("order_value_std", "客单价标准差"),
    ("order_value_min", "最小一单金额"),
    ("order_value_max", "最大一单金额"),
    ("order_value_first", "首单金额"),
    ("order_value_last", "最近一单金额"),
    ("order_value_change", "最近三单金额与以前相比（对数）"),
    ("order_value_last_ratio", "最近一单与客单价中位数之比（对数）"),
    ("items_per_order", "每单件数"),
    ("lines_per_order", "每单明细行数"),
    ("price_mean", "平均每件金额"),
    ("products", "买过的商品种数"),
    ("products_per_line", "商品种数 ÷ 明细行数（小 = 重复购买）"),
    ("products_last_order", "最近一单的商品种数"),
    ("product_rebuy_days", "同一商品再次购买的平均天数"),
    ("products_due", "已到再次购买时间的商品数"),
    ("categories", "买过的品类数"),
    ("categories_90d", "近 90 天买过的品类数"),
    ("category_top_share", "最常买品类所占比例"),
    ("categories_abandoned", "曾买两次以上、近 180 天未买的品类数"),
    ("channels", "用过的渠道数"),
    ("channel_top_share", "最常用渠道所占比例"),
    ("hour_mean", "平均购买时刻（小时）"),
    ("hour_std", "购买时刻的标准差"),
    ("weekend_share", "周末订单比例"),
    ("weekday_top_share", "最常购买的星期所占比例"),
    ("season_share", "落在当前季节前后 45 天的订单比例"),
    ("returns", "退货行数"),
    ("return_share", "退货金额占消费的比例"),
    ("returns_90d", "近 90 天退货行数"),
    ("return_days", "距上次退货的天数"),
    ("gifts", "零金额明细行数（赠品）"),
    ("promotions_sent_90d", "近 90 天收到的促销数"),
    ("promotions_used_90d", "近 90 天使用的促销数"),
    ("promotion_use_share", "促销使用率"),
    ("promotions_ignored_in_row", "连续未响应的促销数"),
    ("promotion_order_share", "带促销的明细比例"),
    ("visits_30d", "近 30 天访问次数"),
    ("visits_90d", "近 90 天访问次数"),
    ("views_30d", "近 30 天浏览商品次数"),
    ("carts_30d", "近 30 天加购次数"),
    ("carts_open", "上次购买后加购的商品数"),
    ("posts_90d", "近 90 天社群发帖数"),
    ("posts_trend_90d", "近 90 天发帖与前 90 天相比（对数）"),
    ("interaction_days", "距上次互动的天数"),
    ("following", "是否关注"),
    ("unfollowed", "是否已取消关注"),
    ("complaints_180d", "近 180 天投诉数"),
    ("refund_requests_180d", "近 180 天退款要求数"),
    ("complaint_days", "距上次投诉或退款要求的天数"),
    ("nps_last", "最近一次推荐评分（0 到 10）"),
    ("recency_over_gap_last", "距上次购买天数与最近一次间隔之比"),
    ("cycles_missed", "上次购买以来已过的完整购买周期数"),
    ("cycle_due_days", "距下一个购买周期到期的天数"),
    ("gap_regular_share", "与间隔中位数相差不超过两成的间隔比例（1 = 类似订阅）"),
    ("weekday_due_days", "距常购星期几的天数"),
    ("month_day_due_days", "距每月常购日的天数"),
    ("month_day_strength", "订单集中在每月同一天的程度（1 = 总是同一天）"),
    ("anniversary_due_days", "距上次购买周年日的天数"),
    ("years_active_share", "首次购买以来有订单的年份比例"),
    ("years_streak", "连续有订单的年数"),
    ("orders_second_year", "365 至 729 天前的订单数"),
    ("orders_third_year", "730 至 1094 天前的订单数"),
    ("spend_second_year", "365 至 729 天前的消费金额"),
    ("season_years_30d", "往年同期（接下来 30 天）有订单的年份比例"),
    ("season_years_90d", "往年同期（接下来 90 天）有订单的年份比例"),
];

/// What a feature means, in both languages.
pub(super) fn text(feature: &str) -> homing_models::Text {
    homing_models::Text { zh: meaning(Lang::Zh, feature), en: meaning(Lang::En, feature) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_of_a_feature_that_there_is() {
        for (at, (name, zh)) in FEATURES_ZH.iter().enumerate() {
            assert!(SPECS.iter().any(|spec| spec.name == *name), "{name}");
            assert!(!zh.is_empty() && FEATURES_ZH[..at].iter().all(|(other, _)| other != name), "{name}");
        }
        assert_eq!(meaning(Lang::Zh, "orders"), "累计订单数");
        assert_eq!(meaning(Lang::En, "orders"), "Orders in all");
        assert_eq!(meaning(Lang::Zh, "nothing_like_it"), "nothing_like_it");
        assert_eq!(cause(Lang::Zh, Cause::Rhythm).0, "购买节奏");
    }
}
