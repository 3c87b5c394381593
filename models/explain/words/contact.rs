//! Contact with the business: service, promotions, interaction.

use super::super::Facts;
use super::{Said, Way, count, days, said};
use crate::features::F;

pub(super) const SERVICE_AGAINST: &[Way] = &[
    (&[F::complaints_180d, F::complaint_days], |f| {
        let complaints = f.some(F::complaints_180d)?;
        Some(f.until_forgotten(said(
            "complaints",
            format!("近 180 天投诉 {complaints:.0} 次"),
            format!("{} in the last 180 days", count(complaints, "complaint", "complaints")),
        )))
    }),
    (&[F::refund_requests_180d, F::complaint_days], |f| {
        let demands = f.some(F::refund_requests_180d)?;
        Some(f.until_forgotten(said(
            "refund_demands",
            format!("近 180 天要求退款 {demands:.0} 次"),
            format!("{} for refund in the last 180 days", count(demands, "demand", "demands")),
        )))
    }),
    (&[F::nps_last], |f| {
        let mark = f.known(F::nps_last)?;
        (mark <= 6.0).then(|| {
            said(
                "low_mark",
                format!("上次推荐意愿评分较低：{mark:.0} 分（满分 10 分）"),
                format!("gave a low mark when last asked: {mark:.0} of 10"),
            )
            .changed_by("下次给出更高的评分", "a better mark when asked again")
        })
    }),
];

pub(super) const SERVICE_FOR: &[Way] = &[(&[F::nps_last], |f| {
    let mark = f.known(F::nps_last)?;
    (mark >= 7.0).then(|| {
        said(
            "content_with_service",
            format!("上次推荐意愿评分 {mark:.0} 分（满分 10 分）"),
            format!("gave a mark of {mark:.0} of 10 when last asked"),
        )
    })
})];

pub(super) fn service(_: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => said(
            "unhappy_with_service",
            "服务反馈（投诉、退款要求或评分）不利".into(),
            "feedback on service (complaints, demands for refund, marks) speaks against".into(),
        ),
        false => said(
            "service_feedback_for",
            "曾就服务给出反馈，这样的顾客较常回来".into(),
            "gave feedback on service; such customers come back more often".into(),
        ),
    }
}

pub(super) const PROMOTIONS_AGAINST: &[Way] = &[
    (&[F::promotions_ignored_in_row, F::promotion_use_share, F::promotions_sent_90d], |f| {
        let ignored = f.some(F::promotions_ignored_in_row)?;
        Some(
            said(
                "promotions_ignored",
                format!("对促销反应冷淡：连续 {ignored:.0} 次未响应"),
                format!("cool to promotions: {ignored:.0} ignored in a row"),
            )
            .changed_by("响应一次促销或完成一次购买", "an answered promotion, or a purchase"),
        )
    }),
    (&[F::promotion_order_share], |f| {
        let share = f.some(F::promotion_order_share)? * 100.0;
        Some(said(
            "buys_on_promotion",
            format!("{share:.0}% 的购买来自促销"),
            format!("{share:.0} % of the purchases came with a promotion"),
        ))
    }),
];

pub(super) const PROMOTIONS_FOR: &[Way] =
    &[(&[F::promotion_use_share, F::promotions_used_90d, F::promotions_ignored_in_row], |f| {
        let share = f.some(F::promotion_use_share)? * 100.0;
        Some(said(
            "promotions_answered",
            format!("对促销有响应：使用率 {share:.0}%"),
            format!("answers to promotions: {share:.0} % of them used"),
        ))
    })];

pub(super) fn promotions(_: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => said(
            "promotions_against",
            "促销方面的记录不利".into(),
            "what is known of promotions speaks against".into(),
        ),
        false => said(
            "promotions_for",
            "促销方面的记录有利".into(),
            "what is known of promotions speaks for the customer".into(),
        ),
    }
}

pub(super) const INTERACTION_AGAINST: &[Way] = &[
    (&[F::unfollowed, F::following], |f| {
        f.some(F::unfollowed)?;
        Some(
            said("unfollowed", "已取消关注".into(), "has ceased to follow".into())
                .changed_by("重新关注", "following again"),
        )
    }),
    (&[F::posts_trend_90d, F::posts_90d], |f| {
        let (now, before) = f.now_and_before(F::posts_90d, F::posts_trend_90d, 0.5)?;
        (before - now >= 1.0).then(|| {
            said(
                "fewer_posts",
                format!("近 90 天发帖 {now:.0} 次，此前 90 天为 {before:.0} 次"),
                format!("{} in the last 90 days, {before:.0} in the 90 before", count(now, "post", "posts")),
            )
            .changed_by("像以前一样参与社群", "taking part in the community as before")
        })
    }),
    (&[F::carts_open], |f| {
        let open = f.some(F::carts_open)?;
        Some(
            said(
                "basket_left",
                format!("有 {open:.0} 件加购商品尚未购买"),
                format!("{} put into the basket and not bought", count(open, "product", "products")),
            )
            .changed_by("购买已加购的商品", "buying what lies in the basket"),
        )
    }),
    (&[F::interaction_days, F::visits_30d, F::visits_90d, F::views_30d, F::carts_30d], |f| {
        let silent = f.known(F::interaction_days)?;
        (silent >= 30.0).then(|| {
            said(
                "no_interaction",
                format!("已 {silent:.0} 天没有浏览、加购或发帖"),
                format!("no visit, view, basket or post for {}", days(silent)),
            )
            .changed_by("一次到访", "a visit")
        })
    }),
];

pub(super) const INTERACTION_FOR: &[Way] = &[
    (&[F::carts_open, F::carts_30d], |f| {
        let open = f.some(F::carts_open)?;
        Some(said(
            "basket_waiting",
            format!("购物车中有 {open:.0} 件商品待购买"),
            format!("{} in the basket since the last purchase", count(open, "product", "products")),
        ))
    }),
    (&[F::visits_30d, F::visits_90d, F::views_30d, F::interaction_days], |f| {
        let visits = f.some(F::visits_30d)?;
        Some(said(
            "visits",
            format!("近 30 天到访 {visits:.0} 次"),
            format!("{} in the last 30 days", count(visits, "visit", "visits")),
        ))
    }),
    (&[F::following, F::unfollowed], |f| {
        f.some(F::following)?;
        Some(said("follows", "正在关注".into(), "follows the shop".into()))
    }),
];

pub(super) fn interaction(_: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => said(
            "less_interaction",
            "互动较少（浏览、加购、社群或关注）".into(),
            "little interaction (visits, baskets, community, following)".into(),
        )
        .changed_by("一次到访或互动", "a visit or another contact"),
        false => said(
            "interacts",
            "互动情况（浏览、加购、社群或关注）有利".into(),
            "interaction (visits, baskets, community, following) speaks for the customer".into(),
        ),
    }
}
