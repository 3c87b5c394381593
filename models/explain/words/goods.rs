//! What a customer buys and spends: order value, spend, breadth, product returns.

use super::super::Facts;
use super::{Said, Way, count, days, said};
use crate::features::F;

pub(super) const BASKET_AGAINST: &[Way] = &[
    (&[F::order_value_change], |f| {
        let less = -f.known(F::order_value_change)?.exp_m1() * 100.0;
        let usual = f.known(F::order_value_median)?;
        (less >= 10.0).then(|| {
            said(
                "basket_shrinking",
                format!("最近三次订单金额比自己以往低约 {less:.0}%"),
                format!("the last three orders were about {less:.0} % below this customer's own usual"),
            )
            .changed_by(
                format!("一笔达到平时金额（{usual:.2}）的订单"),
                format!("an order of the usual {usual:.2} or more"),
            )
        })
    }),
    (&[F::order_value_last_ratio, F::order_value_last], |f| {
        let (last, usual) = (f.known(F::order_value_last)?, f.known(F::order_value_median)?);
        (last < 0.9 * usual).then(|| {
            said(
                "last_order_small",
                format!("上次订单 {last:.2}，低于平时的 {usual:.2}"),
                format!("the last order of {last:.2} was below the usual {usual:.2}"),
            )
            .changed_by(
                format!("一笔达到平时金额（{usual:.2}）的订单"),
                format!("an order of the usual {usual:.2} or more"),
            )
        })
    }),
];

pub(super) fn basket(f: &Facts<'_, '_>, worse: bool) -> Said {
    let (last, mean) = (f.get(F::order_value_last), f.get(F::order_value_mean));
    let (code, zh, en) =
        if worse { ("basket_small", "不利", "against") } else { ("basket_strong", "有利", "for") };
    said(
        code,
        format!("客单价{zh}：上次订单 {last:.2}，平均 {mean:.2}"),
        format!("order value speaks {en}: {last:.2} last time, {mean:.2} on average"),
    )
}

pub(super) fn spend(f: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => said(
            "spends_little",
            format!("累计消费不高：{:.2}", f.get(F::spend_total)),
            format!("has spent little: {:.2}", f.get(F::spend_total)),
        ),
        false => said(
            "spends_much",
            format!("累计消费较高：{:.2}", f.get(F::spend_total)),
            format!("has spent much: {:.2}", f.get(F::spend_total)),
        ),
    }
}

pub(super) const BREADTH_AGAINST: &[Way] = &[
    (&[F::categories_90d, F::categories], |f| {
        let (all, lately) = (f.known(F::categories)?, f.known(F::categories_90d)?);
        let left = all - lately;
        (all >= 2.0 && left >= 1.0).then(|| {
            said(
                "fewer_categories",
                format!("曾购买 {all:.0} 个品类，近 90 天仅 {lately:.0} 个"),
                format!("bought {all:.0} categories before, {lately:.0} in the last 90 days"),
            )
            .changed_by(
                format!("在其余 {left:.0} 个品类中再次购买"),
                if left == 1.0 {
                    "a purchase in the other category".to_owned()
                } else {
                    format!("a purchase in one of the other {left:.0} categories")
                },
            )
        })
    }),
    (&[F::categories_abandoned], |f| {
        let left = f.some(F::categories_abandoned)?;
        Some(
            said(
                "category_abandoned",
                format!("有 {left:.0} 个曾多次购买的品类已 180 天未再购买"),
                format!(
                    "{} bought more than once, but not in the last 180 days",
                    count(left, "category", "categories")
                ),
            )
            .changed_by("在放弃的品类中再次购买", "a purchase in an abandoned category"),
        )
    }),
];

pub(super) fn breadth(f: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => said(
            "narrow_choice",
            format!("购买的范围较单一{}", f.range_zh()),
            format!("buys within a narrow range{}", f.range_en()),
        )
        .changed_by("购买新的商品或品类", "a purchase of something new"),
        false => said(
            "wide_choice",
            format!("购买的范围较丰富{}", f.range_zh()),
            format!("buys within a wide range{}", f.range_en()),
        ),
    }
}

pub(super) fn returns(f: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => {
            let (returns, lately) = (f.get(F::returns), f.some(F::returns_90d).unwrap_or(0.0));
            let said = said(
                "returns",
                format!("退货 {returns:.0} 次，其中近 90 天 {lately:.0} 次"),
                format!(
                    "sent goods back {}, {lately:.0} of them in the last 90 days",
                    count(returns, "time", "times")
                ),
            );
            match f.some(F::returns_90d).and(f.known(F::return_days)) {
                Some(ago) => said.changed_by(
                    format!("若不再退货，{:.0} 天后近 90 天内便不再有退货", 90.0 - ago),
                    format!("without another return, none is recent in {}", days(90.0 - ago)),
                ),
                None => said,
            }
        }
        false => said(
            "returns_and_stays",
            format!("虽有 {:.0} 次退货，仍保持活跃", f.get(F::returns)),
            format!(
                "sends goods back ({}), as active customers do",
                count(f.get(F::returns), "time", "times")
            ),
        ),
    }
}
