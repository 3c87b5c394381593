//! What is said of a cause: a code, a sentence, and what would change it, in Chinese and English.
//!
//! A cause has several ways to be told, each about certain features. The one whose features pull hardest in the
//! direction of the cause is told first; it declines where the customer's data do not bear it out, and at last
//! something that is true of everybody is said.

use super::Facts;
use crate::features::{Cause, F};
use crate::prediction::Text;

/// What is said of one cause.
pub(super) struct Said {
    /// Stable code.
    pub code: &'static str,
    /// The cause in words.
    pub text: Text,
    /// What would change it.
    pub change: Option<Text>,
}

/// A way to tell a cause: the features that it is about, and the words, or nothing where they would not be true.
pub(super) type Way = (&'static [F], fn(&Facts<'_, '_>) -> Option<Said>);

fn said(code: &'static str, zh: String, en: String) -> Said {
    Said { code, text: Text { zh, en }, change: None }
}

impl Said {
    fn changed_by(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.change = Some(Text { zh: zh.into(), en: en.into() });
        self
    }
}

/// `3 days`, `1 day`.
fn count(n: f64, one: &str, many: &str) -> String {
    if n == 1.0 { format!("1 {one}") } else { format!("{n:.0} {many}") }
}

fn days(n: f64) -> String {
    count(n.round(), "day", "days")
}

/// The ways to tell of a cause that raises (`worse`) or lowers the risk, but for [`plain`].
#[expect(clippy::too_many_lines, reason = "a table of texts")]
pub(super) fn ways(cause: Cause, worse: bool) -> &'static [Way] {
    match (cause, worse) {
        (Cause::Rhythm, true) => &[(&[F::products_due, F::product_rebuy_days], |f| {
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
        })],
        (Cause::Trend, true) => {
            &[
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
            ]
        }
        (Cause::Trend, false) => {
            &[
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
            ]
        }
        (Cause::Basket, true) => &[
            (&[F::order_value_change], |f| {
                let less = -f.known(F::order_value_change)?.exp_m1() * 100.0;
                let usual = f.known(F::order_value_median)?;
                (less >= 10.0).then(|| {
                    said(
                        "basket_shrinking",
                        format!("最近三次订单金额比自己以往低约 {less:.0}%"),
                        format!(
                            "the last three orders were about {less:.0} % below this customer's own usual"
                        ),
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
        ],
        (Cause::Tenure, true) => &[(&[F::tenure_days], |f| {
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
        })],
        (Cause::Breadth, true) => &[
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
        ],
        (Cause::Season, true) => {
            &[(&[F::orders_year_ago_90d, F::orders_year_ago_30d, F::spend_year_ago_90d], |f| {
                (f.known(F::orders_year_ago_90d)? == 0.0).then(|| {
                    said(
                        "quiet_season",
                        "去年同期没有购买".into(),
                        "did not buy at this time a year ago".into(),
                    )
                })
            })]
        }
        (Cause::Season, false) => {
            &[(&[F::orders_year_ago_90d, F::orders_year_ago_30d, F::spend_year_ago_90d], |f| {
                let orders = f.some(F::orders_year_ago_90d)?;
                Some(said(
                    "season_of_purchases",
                    format!("去年同期购买过 {orders:.0} 次"),
                    format!("bought {} at this time a year ago", count(orders, "time", "times")),
                ))
            })]
        }
        (Cause::Service, true) => &[
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
        ],
        (Cause::Service, false) => &[(&[F::nps_last], |f| {
            let mark = f.known(F::nps_last)?;
            (mark >= 7.0).then(|| {
                said(
                    "content_with_service",
                    format!("上次推荐意愿评分 {mark:.0} 分（满分 10 分）"),
                    format!("gave a mark of {mark:.0} of 10 when last asked"),
                )
            })
        })],
        (Cause::Promotions, true) => &[
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
        ],
        (Cause::Promotions, false) => {
            &[(&[F::promotion_use_share, F::promotions_used_90d, F::promotions_ignored_in_row], |f| {
                let share = f.some(F::promotion_use_share)? * 100.0;
                Some(said(
                    "promotions_answered",
                    format!("对促销有响应：使用率 {share:.0}%"),
                    format!("answers to promotions: {share:.0} % of them used"),
                ))
            })]
        }
        (Cause::Interaction, true) => &[
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
                        format!(
                            "{} in the last 90 days, {before:.0} in the 90 before",
                            count(now, "post", "posts")
                        ),
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
        ],
        (Cause::Interaction, false) => &[
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
        ],
        _ => &[],
    }
}

/// What is true of every customer of whom the data tell of the cause.
#[expect(clippy::too_many_lines, reason = "a table of texts")]
pub(super) fn plain(cause: Cause, worse: bool, f: &Facts<'_, '_>) -> Said {
    let silent = f.get(F::recency_days);
    let orders = f.get(F::orders);
    let once = orders < 2.0;
    let tenure = f.get(F::tenure_days);
    match (cause, worse) {
        (Cause::Rhythm, true) if once => said(
            "no_second_purchase",
            format!("首次购买后 {silent:.0} 天仍未再次购买"),
            format!("{} since the first purchase without a second one", days(silent)),
        )
        .changed_by("完成第二次购买", "a second purchase"),
        (Cause::Rhythm, true) => {
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
        (Cause::Rhythm, false) if once => said(
            "new_and_fresh",
            format!("{silent:.0} 天前首次购买，仍在常见的复购期内"),
            format!(
                "bought for the first time {} ago, still within the usual time for a second",
                days(silent)
            ),
        ),
        (Cause::Rhythm, false) if f.get(F::recency_over_gap_median) > 1.5 => f.until_unusual(said(
            "silence_not_unusual",
            format!("已 {silent:.0} 天未购买，但对这位顾客尚不算反常"),
            format!("silent for {}, which is not yet unusual for this customer", days(silent)),
        )),
        (Cause::Rhythm, false) => {
            let usual = f.get(F::gap_median_days);
            f.until_unusual(said(
                "in_rhythm",
                format!("仍在自己的购买节奏内：{silent:.0} 天前购买，平时约每 {usual:.0} 天一次"),
                format!("in rhythm: bought {} ago, usually every {}", days(silent), days(usual)),
            ))
        }
        (Cause::Recency, true) => said(
            "long_silence",
            format!("距上次购买已 {silent:.0} 天"),
            format!("{} since the last purchase", days(silent)),
        )
        .changed_by("任何一次购买都会结束沉默", "any purchase ends the silence"),
        (Cause::Recency, false) if silent == 0.0 => {
            said("bought_lately", "今天刚购买过".into(), "bought today".into())
        }
        (Cause::Recency, false) => {
            said("bought_lately", format!("{silent:.0} 天前刚购买过"), format!("bought {} ago", days(silent)))
        }
        (Cause::Frequency, true) if once => {
            said("bought_once", "只购买过一次".into(), "has bought only once".into())
                .changed_by("完成第二次购买", "a second purchase")
        }
        (Cause::Frequency, true) => said(
            "buys_rarely",
            format!("购买次数较少：累计 {orders:.0} 次"),
            format!("buys rarely: {orders:.0} orders in all"),
        )
        .changed_by("更频繁的购买", "orders at shorter gaps"),
        (Cause::Frequency, false) if once => {
            said("first_order_counts", "已完成首次购买".into(), "has made the first purchase".into())
        }
        (Cause::Frequency, false) if orders < 4.0 => said(
            "came_back_before",
            format!("曾经复购：累计 {orders:.0} 次"),
            format!("has come back before: {orders:.0} orders in all"),
        ),
        (Cause::Frequency, false) => said(
            "buys_often",
            format!("购买频繁：累计 {orders:.0} 次"),
            format!("buys often: {orders:.0} orders in all"),
        ),
        (Cause::Trend, true) => said(
            "trend_against",
            "近期的购买走势不利".into(),
            "the recent course of orders speaks against".into(),
        ),
        (Cause::Trend, false) => said(
            "trend_for",
            "近期的购买走势有利".into(),
            "the recent course of orders speaks for the customer".into(),
        ),
        (Cause::Basket, _) => {
            let (last, mean) = (f.get(F::order_value_last), f.get(F::order_value_mean));
            let (code, zh, en) = if worse {
                ("basket_small", "不利", "against")
            } else {
                ("basket_strong", "有利", "for")
            };
            said(
                code,
                format!("客单价{zh}：上次订单 {last:.2}，平均 {mean:.2}"),
                format!("order value speaks {en}: {last:.2} last time, {mean:.2} on average"),
            )
        }
        (Cause::Spend, true) => said(
            "spends_little",
            format!("累计消费不高：{:.2}", f.get(F::spend_total)),
            format!("has spent little: {:.2}", f.get(F::spend_total)),
        ),
        (Cause::Spend, false) => said(
            "spends_much",
            format!("累计消费较高：{:.2}", f.get(F::spend_total)),
            format!("has spent much: {:.2}", f.get(F::spend_total)),
        ),
        (Cause::Tenure, true) => said(
            "tenure_against",
            format!("成为顾客 {tenure:.0} 天：这类顾客较易流失"),
            format!("customer for {}: such customers leave more often", days(tenure)),
        ),
        (Cause::Tenure, false) => said(
            "tenure_for",
            format!("成为顾客 {tenure:.0} 天：这类顾客较稳定"),
            format!("customer for {}: such customers tend to stay", days(tenure)),
        ),
        (Cause::Breadth, true) => said(
            "narrow_choice",
            format!("购买的范围较单一{}", f.range_zh()),
            format!("buys within a narrow range{}", f.range_en()),
        )
        .changed_by("购买新的商品或品类", "a purchase of something new"),
        (Cause::Breadth, false) => said(
            "wide_choice",
            format!("购买的范围较丰富{}", f.range_zh()),
            format!("buys within a wide range{}", f.range_en()),
        ),
        (Cause::Season, true) => said(
            "off_season",
            "购买时间习惯（时段、星期、季节）不利于近期回购".into(),
            "the usual hours, weekdays or season of this customer speak against a purchase soon".into(),
        ),
        (Cause::Season, false) => said(
            "in_season",
            "购买时间习惯（时段、星期、季节）有利于近期回购".into(),
            "the usual hours, weekdays or season of this customer speak for a purchase soon".into(),
        ),
        (Cause::Returns, true) => {
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
        (Cause::Returns, false) => said(
            "returns_and_stays",
            format!("虽有 {:.0} 次退货，仍保持活跃", f.get(F::returns)),
            format!(
                "sends goods back ({}), as active customers do",
                count(f.get(F::returns), "time", "times")
            ),
        ),
        (Cause::Service, true) => said(
            "unhappy_with_service",
            "服务反馈（投诉、退款要求或评分）不利".into(),
            "feedback on service (complaints, demands for refund, marks) speaks against".into(),
        ),
        (Cause::Service, false) => said(
            "service_feedback_for",
            "曾就服务给出反馈，这样的顾客较常回来".into(),
            "gave feedback on service; such customers come back more often".into(),
        ),
        (Cause::Promotions, true) => said(
            "promotions_against",
            "促销方面的记录不利".into(),
            "what is known of promotions speaks against".into(),
        ),
        (Cause::Promotions, false) => said(
            "promotions_for",
            "促销方面的记录有利".into(),
            "what is known of promotions speaks for the customer".into(),
        ),
        (Cause::Interaction, true) => said(
            "less_interaction",
            "互动较少（浏览、加购、社群或关注）".into(),
            "little interaction (visits, baskets, community, following)".into(),
        )
        .changed_by("一次到访或互动", "a visit or another contact"),
        (Cause::Interaction, false) => said(
            "interacts",
            "互动情况（浏览、加购、社群或关注）有利".into(),
            "interaction (visits, baskets, community, following) speaks for the customer".into(),
        ),
    }
}

impl Facts<'_, '_> {
    /// What a window counts now and counted before, from the count and its log ratio with `c` added to both.
    fn now_and_before(&self, now: F, trend: F, c: f64) -> Option<(f64, f64)> {
        let now = self.known(now)?;
        let before = (now + c) / self.known(trend)?.exp() - c;
        Some((now, before.max(0.0)))
    }

    /// Adds after how many days without another complaint none will be recent.
    fn until_forgotten(&self, said: Said) -> Said {
        match self.known(F::complaint_days) {
            Some(ago) if ago < 180.0 => {
                let left = 180.0 - ago;
                said.changed_by(
                    format!("妥善解决；若不再投诉，{left:.0} 天后便不再计入"),
                    format!("a good settlement; without another it ceases to count in {}", days(left)),
                )
            }
            _ => said,
        }
    }

    /// Adds after how many days the silence will be longer than nine in ten of the customer's own gaps.
    fn until_unusual(&self, said: Said) -> Said {
        match (self.known(F::gap_p90_days), self.known(F::recency_days)) {
            (Some(long), Some(silent)) if long.floor() + 1.0 > silent => {
                let left = long.floor() + 1.0 - silent;
                said.changed_by(
                    format!("若再过 {left:.0} 天仍未购买，沉默将长于自己九成的购买间隔"),
                    format!(
                        "without a purchase, the silence will be longer than nine in ten of this customer's gaps in {}",
                        days(left)
                    ),
                )
            }
            _ => said,
        }
    }

    /// What of products, categories and channels is known, in brackets.
    fn range_en(&self) -> String {
        let each = [
            (F::products, "product", "products"),
            (F::categories, "category", "categories"),
            (F::channels, "channel", "channels"),
        ];
        let known =
            each.iter().filter_map(|(feature, one, many)| Some(count(self.known(*feature)?, one, many)));
        bracketed(known.collect(), ", ", " (", ")")
    }

    fn range_zh(&self) -> String {
        let each = [(F::products, "种商品"), (F::categories, "个品类"), (F::channels, "个渠道")];
        let known =
            each.iter().filter_map(|(feature, of)| Some(format!("{:.0} {of}", self.known(*feature)?)));
        bracketed(known.collect(), "、", "（", "）")
    }
}

fn bracketed(parts: Vec<String>, comma: &str, open: &str, close: &str) -> String {
    if parts.is_empty() { String::new() } else { format!("{open}{}{close}", parts.join(comma)) }
}
