//! When and how often a customer buys: purchase cycle, recency, frequency, trend, tenure, season.

use super::super::Facts;
use super::{Said, Way, count, days, said};
use crate::features::F;

pub(super) const RHYTHM_AGAINST: &[Way] = &[(&[F::products_due, F::product_rebuy_days], |f| {
    let due = f.some(F::products_due)?;
    Some(
        said(
            "products_not_rebought",
            format!("常回购的商品中有 {due:.0} 种已过平时的回购时间"),
            format!(
                "{} usually bought again {} past the usual time",
                count(due, "product", "products"),
                if due == 1.0 { "is" } else { "are" }
            ),
        )
        .changed_by("再次购买其中一种商品", "buying one of them again"),
    )
})];

pub(super) fn rhythm(f: &Facts<'_, '_>, worse: bool) -> Said {
    let orders = f.get(F::orders);
    let once = orders < 2.0;
    let silent = f.get(F::recency_days);
    match worse {
        true if once => said(
            "no_second_purchase",
            format!("首次购买后 {silent:.0} 天仍未再次购买"),
            format!("{} since the first purchase without a second one", days(silent)),
        )
        .changed_by("完成第二次购买", "a second purchase"),
        true => {
            let usual = f.get(F::gap_median_days);
            said(
                "rhythm_broken",
                format!("已 {silent:.0} 天未购买，而平时约每 {usual:.0} 天购买一次"),
                format!("{} of silence; usually buys about every {}", days(silent), days(usual)),
            )
            .changed_by(
                format!("现在购买一次即可回到自己的节奏，之后约 {usual:.0} 天内再购买都属正常"),
                format!(
                    "a purchase now would put the customer back in rhythm; the next is then usual within about {}",
                    days(usual)
                ),
            )
        }
        false if once => said(
            "new_and_fresh",
            format!("{silent:.0} 天前首次购买，仍在常见的复购期内"),
            format!(
                "bought for the first time {} ago, still within the usual time for a second",
                days(silent)
            ),
        ),
        false if f.get(F::recency_over_gap_median) > 1.5 => f.until_unusual(said(
            "silence_not_unusual",
            format!("已 {silent:.0} 天未购买，但对这位顾客尚不算反常"),
            format!("silent for {}, which is not yet unusual for this customer", days(silent)),
        )),
        false => {
            let usual = f.get(F::gap_median_days);
            f.until_unusual(said(
                "in_rhythm",
                format!("仍在自己的购买节奏内：{silent:.0} 天前购买，平时约每 {usual:.0} 天一次"),
                format!("in rhythm: bought {} ago, usually every {}", days(silent), days(usual)),
            ))
        }
    }
}

pub(super) fn recency(f: &Facts<'_, '_>, worse: bool) -> Said {
    let silent = f.get(F::recency_days);
    match worse {
        true => said(
            "long_silence",
            format!("距上次购买已 {silent:.0} 天"),
            format!("{} since the last purchase", days(silent)),
        )
        .changed_by("任何一次购买都会结束沉默", "any purchase ends the silence"),
        false if silent == 0.0 => said("bought_lately", "今天刚购买过".into(), "bought today".into()),
        false => {
            said("bought_lately", format!("{silent:.0} 天前刚购买过"), format!("bought {} ago", days(silent)))
        }
    }
}

pub(super) fn frequency(f: &Facts<'_, '_>, worse: bool) -> Said {
    let orders = f.get(F::orders);
    let once = orders < 2.0;
    match worse {
        true if once => said("bought_once", "只购买过一次".into(), "has bought only once".into())
            .changed_by("完成第二次购买", "a second purchase"),
        true => said(
            "buys_rarely",
            format!("购买次数较少：累计 {orders:.0} 次"),
            format!("buys rarely: {orders:.0} orders in all"),
        )
        .changed_by("更频繁的购买", "orders at shorter gaps"),
        false if once => {
            said("first_order_counts", "已完成首次购买".into(), "has made the first purchase".into())
        }
        false if orders < 4.0 => said(
            "came_back_before",
            format!("曾经复购：累计 {orders:.0} 次"),
            format!("has come back before: {orders:.0} orders in all"),
        ),
        false => said(
            "buys_often",
            format!("购买频繁：累计 {orders:.0} 次"),
            format!("buys often: {orders:.0} orders in all"),
        ),
    }
}

pub(super) const TREND_AGAINST: &[Way] = &[
    (&[F::gap_trend], |f| {
        let longer = f.some(F::gap_trend)?.exp_m1() * 100.0;
        (longer >= 10.0).then(|| {
            said(
                "gaps_longer",
                format!("最近三次购买间隔比以前长约 {longer:.0}%"),
                format!("the last three gaps between orders were about {longer:.0} % longer than before"),
            )
        })
    }),
    (&[F::orders_trend_90d], |f| {
        let (now, before) = f.now_and_before(F::orders_90d, F::orders_trend_90d, 0.5)?;
        let short = before - now;
        (short >= 1.0).then(|| {
            said(
                "buying_less",
                format!("近 90 天购买 {now:.0} 次，此前 90 天为 {before:.0} 次"),
                format!(
                    "{} in the last 90 days, {before:.0} in the 90 before",
                    count(now, "order", "orders")
                ),
            )
            .changed_by(
                format!("90 天内再购买 {short:.0} 次即可恢复以前的频率"),
                format!(
                    "{} within the 90 days would bring back the former pace",
                    count(short, "more order", "more orders")
                ),
            )
        })
    }),
    (&[F::spend_trend_90d], |f| {
        let mean = f.known(F::spend_total)? / f.known(F::orders)?;
        let (now, before) = f.now_and_before(F::spend_90d, F::spend_trend_90d, mean)?;
        (before - now >= 0.1 * before && before > 0.0).then(|| {
            said(
                "spending_less",
                format!("近 90 天消费 {now:.2}，此前 90 天为 {before:.2}"),
                format!("spent {now:.2} in the last 90 days, {before:.2} in the 90 before"),
            )
        })
    }),
];

pub(super) const TREND_FOR: &[Way] = &[
    (&[F::orders_trend_90d], |f| {
        let (now, before) = f.now_and_before(F::orders_90d, F::orders_trend_90d, 0.5)?;
        (now >= before && now > 0.0).then(|| {
            said(
                "buying_more",
                format!("近 90 天购买 {now:.0} 次，此前 90 天为 {before:.0} 次"),
                format!(
                    "{} in the last 90 days, {before:.0} in the 90 before",
                    count(now, "order", "orders")
                ),
            )
        })
    }),
    (&[F::gap_trend], |f| {
        let shorter = -f.known(F::gap_trend)?.exp_m1() * 100.0;
        (shorter >= 10.0).then(|| {
            said(
                "gaps_shorter",
                format!("最近三次购买间隔比以前短约 {shorter:.0}%"),
                format!("the last three gaps between orders were about {shorter:.0} % shorter than before"),
            )
        })
    }),
];

pub(super) fn trend(_: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => said(
            "trend_against",
            "近期的购买走势不利".into(),
            "the recent course of orders speaks against".into(),
        ),
        false => said(
            "trend_for",
            "近期的购买走势有利".into(),
            "the recent course of orders speaks for the customer".into(),
        ),
    }
}

pub(super) const TENURE_AGAINST: &[Way] = &[(&[F::tenure_days], |f| {
    let tenure = f.known(F::tenure_days)?;
    (tenure < 60.0).then(|| {
        let said = said(
            "new_customer",
            format!("新顾客：首次购买仅 {tenure:.0} 天"),
            format!("a new customer: {} since the first purchase", days(tenure)),
        );
        let once = f.get(F::orders) < 2.0;
        if once { said.changed_by("完成第二次购买", "a second purchase") } else { said }
    })
})];

pub(super) fn tenure(f: &Facts<'_, '_>, worse: bool) -> Said {
    let tenure = f.get(F::tenure_days);
    match worse {
        true => said(
            "tenure_against",
            format!("成为顾客 {tenure:.0} 天：这类顾客较易流失"),
            format!("customer for {}: such customers leave more often", days(tenure)),
        ),
        false => said(
            "tenure_for",
            format!("成为顾客 {tenure:.0} 天：这类顾客较稳定"),
            format!("customer for {}: such customers tend to stay", days(tenure)),
        ),
    }
}

pub(super) const SEASON_AGAINST: &[Way] =
    &[(&[F::orders_year_ago_90d, F::orders_year_ago_30d, F::spend_year_ago_90d], |f| {
        (f.known(F::orders_year_ago_90d)? == 0.0).then(|| {
            said("quiet_season", "去年同期没有购买".into(), "did not buy at this time a year ago".into())
        })
    })];

pub(super) const SEASON_FOR: &[Way] =
    &[(&[F::orders_year_ago_90d, F::orders_year_ago_30d, F::spend_year_ago_90d], |f| {
        let orders = f.some(F::orders_year_ago_90d)?;
        Some(said(
            "season_of_purchases",
            format!("去年同期购买过 {orders:.0} 次"),
            format!("bought {} at this time a year ago", count(orders, "time", "times")),
        ))
    })];

pub(super) fn season(_: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => said(
            "off_season",
            "购买时间习惯（时段、星期、季节）不利于近期回购".into(),
            "the usual hours, weekdays or season of this customer speak against a purchase soon".into(),
        ),
        false => said(
            "in_season",
            "购买时间习惯（时段、星期、季节）有利于近期回购".into(),
            "the usual hours, weekdays or season of this customer speak for a purchase soon".into(),
        ),
    }
}
