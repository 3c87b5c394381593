//! Reasons: exact contributions of the features, folded into causes and put into words.

mod words;

use self::words::Said;
use crate::customer::Customer;
use crate::features::{COUNT, Cause, F, SPECS};
use crate::prediction::{Importance, Reason};
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

/// The reasons behind a customer's churn risk, the most important first. `returning` holds what each feature adds
/// to the log-odds of a purchase, `lifetime` what the lifetime model adds.
///
/// The text follows the features that contribute most in the direction of their cause, as far as the customer's own
/// data support it. What would change a reason comes from the same data, without another prediction.
#[must_use]
pub fn reasons(customer: &Customer<'_>, returning: &[f64; COUNT], lifetime: LifetimeShare) -> Vec<Reason> {
    let of_cause = |cause: Cause| (0..COUNT).filter(move |&j| SPECS[j].cause == cause);
    let mut folded: Vec<(Cause, f64)> = CAUSES
        .into_iter()
        .map(|cause| {
            let by_lifetime = match cause {
                Cause::Rhythm => lifetime.recency,
                Cause::Frequency => lifetime.frequency,
                _ => 0.0,
            };
            (cause, -by_lifetime - of_cause(cause).map(|j| returning[j]).sum::<f64>())
        })
        .filter(|&(cause, contribution)| contribution.abs() > 1e-3 && told(cause, customer))
        .collect();
    folded.sort_by(|a, b| f64::total_cmp(&b.1.abs(), &a.1.abs()));
    // Whoever asks why a customer may leave wants what raises the risk, also where most of it lowers it.
    if let Some(raises) =
        folded.iter().position(|(_, contribution)| *contribution > 0.0).filter(|at| *at >= MOST)
    {
        let reason = folded.remove(raises);
        folded.insert(MOST - 1, reason);
    }
    let total: f64 = folded.iter().map(|(_, contribution)| contribution.abs()).sum();
    folded
        .into_iter()
        .take(MOST)
        .map(|(cause, contribution)| {
            let facts = Facts { customer, returning, worse: contribution > 0.0 };
            let lead = of_cause(cause)
                .filter(|&j| !customer.features[j].is_nan())
                .max_by(|&a, &b| f64::total_cmp(&facts.pull(a), &facts.pull(b)));
            let Said { code, text, change } = facts.said(cause);
            let share = contribution.abs() / total;
            let importance = match share {
                share if share > 0.25 => Importance::High,
                share if share > 0.1 => Importance::Medium,
                _ => Importance::Low,
            };
            let value = lead.map(|j| customer.features[j]);
            Reason { code: code.to_owned(), text, value, contribution, importance, change }
        })
        .collect()
}

/// What the text of one cause is based on.
struct Facts<'a, 'b> {
    customer: &'a Customer<'b>,
    /// What each feature adds to the log-odds of a purchase.
    returning: &'a [f64; COUNT],
    /// Whether the cause raises the risk.
    worse: bool,
}

impl Facts<'_, '_> {
    /// How much a feature contributes in the direction of the cause.
    fn pull(&self, feature: usize) -> f64 {
        if self.worse { -self.returning[feature] } else { self.returning[feature] }
    }

    fn get(&self, feature: F) -> f64 {
        self.customer.get(feature)
    }

    /// The value of a feature, if the data contain it.
    fn known(&self, feature: F) -> Option<f64> {
        Some(self.get(feature)).filter(|value| value.is_finite())
    }

    /// The value of a feature that is there at all: above 0.
    fn some(&self, feature: F) -> Option<f64> {
        self.known(feature).filter(|&value| value > 0.0)
    }

    fn said(&self, cause: Cause) -> Said {
        let pull = |features: &[F]| features.iter().map(|&f| self.pull(f as usize)).fold(0.0, f64::max);
        let mut ways: Vec<(f64, &words::Way)> =
            words::ways(cause, self.worse).iter().map(|way| (pull(way.0), way)).collect();
        ways.retain(|(pull, _)| *pull > 0.0);
        ways.sort_by(|a, b| b.0.total_cmp(&a.0));
        let told = ways.into_iter().find_map(|(_, way)| way.1(self));
        told.unwrap_or_else(|| words::plain(cause, self.worse, self))
    }
}

/// Whether the data contain a cause at all: what nobody recorded is no reason to show.
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: LifetimeShare = LifetimeShare { frequency: 0.0, recency: 0.0 };

    /// The only reason of a customer with these features (the others unknown), where each of `pulls` adds so much to
    /// the log-odds of coming back.
    fn reason(features: &[(F, f64)], pulls: &[(F, f64)]) -> Reason {
        let mut values = [f64::NAN; COUNT];
        let orders = [(F::orders, 3.0), (F::tenure_days, 200.0), (F::recency_days, 40.0)];
        for &(feature, value) in orders.iter().chain(features) {
            values[feature as usize] = value;
        }
        let mut returning = [0.0; COUNT];
        for &(feature, pull) in pulls {
            returning[feature as usize] = pull;
        }
        let mut all = reasons(&Customer::of(&values), &returning, NOTHING);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn change(reason: &Reason) -> (&str, &str) {
        reason.change.as_ref().map_or(("", ""), |change| (change.zh.as_str(), change.en.as_str()))
    }

    /// (features, what pulls, code, Chinese, English, what would change it in Chinese and English)
    type Case<'a> = (&'a [(F, f64)], (F, f64), &'a str, &'a str, &'a str, &'a str, &'a str);

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of texts")]
    fn words_follow_the_feature_that_leads_its_cause() {
        let cases: [Case<'_>; 16] = [
            (
                &[(F::gap_median_days, 60.0)],
                (F::recency_over_gap_median, -1.0),
                "long_cycle",
                "平时约每 60 天才购买一次",
                "usually buys only every 60 days",
                "",
                "",
            ),
            (
                &[(F::gap_median_days, 12.0)],
                (F::recency_over_gap_median, -1.0),
                "rhythm_broken",
                "40 天未购买，平时约每 12 天购买一次",
                "no purchase for 40 days; usually buys every 12 days",
                "现在购买即可回到购买周期，之后约 12 天内再次购买",
                "a purchase now; the next is then expected within about 12 days",
            ),
            (
                &[(F::gap_median_days, 35.0), (F::gap_p90_days, 47.4), (F::recency_over_gap_median, 1.1)],
                (F::recency_over_gap_median, 1.0),
                "in_rhythm",
                "购买周期正常：40 天前购买，平时约每 35 天一次",
                "within the usual purchase cycle: last purchase 40 days ago, usually every 35 days",
                "若再过 8 天仍未购买，间隔将超过其九成的购买间隔",
                "without a purchase, in 8 days the gap exceeds nine in ten of this customer’s gaps",
            ),
            (
                // ln((1 + 0.5) / (4 + 0.5))
                &[(F::orders_90d, 1.0), (F::orders_trend_90d, -1.098_612_288_668_109_8)],
                (F::orders_trend_90d, -1.0),
                "buying_less",
                "近 90 天购买 1 次，此前 90 天 4 次",
                "1 order in the last 90 days, 4 in the 90 days before",
                "90 天内再购买 3 次即可恢复以前的频率",
                "3 more orders within the 90 days restore the former pace",
            ),
            (
                &[(F::order_value_change, 0.7f64.ln()), (F::order_value_median, 50.0)],
                (F::order_value_change, -1.0),
                "basket_shrinking",
                "最近三单金额比平时低约 30%",
                "the last three orders were about 30% smaller than usual",
                "一笔达到平时金额（50.00）的订单",
                "an order of the usual 50.00 or more",
            ),
            (
                &[(F::categories, 5.0), (F::categories_90d, 1.0)],
                (F::categories_90d, -1.0),
                "fewer_categories",
                "曾购买 5 个品类，近 90 天仅 1 个",
                "bought from 5 categories, from 1 in the last 90 days",
                "在其余 4 个品类中再次购买",
                "a purchase in one of the other 4 categories",
            ),
            (
                &[(F::categories, 2.0), (F::categories_abandoned, 1.0)],
                (F::categories_abandoned, -1.0),
                "category_abandoned",
                "1 个曾多次购买的品类已 180 天未再购买",
                "1 category bought repeatedly, but not in the last 180 days",
                "在已流失的品类中再次购买",
                "a purchase in an abandoned category",
            ),
            (
                &[(F::returns, 1.0), (F::returns_90d, 1.0), (F::return_days, 89.0)],
                (F::returns, -1.0),
                "returns",
                "退货 1 次，其中近 90 天 1 次",
                "1 product return, 1 in the last 90 days",
                "若不再退货，1 天后近 90 天内无退货",
                "without another product return, none is recent in 1 day",
            ),
            (
                &[(F::complaints_180d, 1.0), (F::complaint_days, 20.0)],
                (F::complaints_180d, -1.0),
                "complaints",
                "近 180 天投诉 1 次",
                "1 complaint in the last 180 days",
                "妥善解决；若不再投诉，160 天后不再计入",
                "a good resolution; without another complaint it stops counting in 160 days",
            ),
            (
                &[(F::refund_requests_180d, 2.0), (F::complaint_days, 20.0)],
                (F::refund_requests_180d, -1.0),
                "refund_demands",
                "近 180 天申请退款 2 次",
                "2 refund requests in the last 180 days",
                "妥善解决；若不再投诉，160 天后不再计入",
                "a good resolution; without another complaint it stops counting in 160 days",
            ),
            (
                &[(F::nps_last, 3.0)],
                (F::nps_last, -1.0),
                "low_mark",
                "最近一次 NPS 评分较低：3 分（满分 10 分）",
                "low NPS answer: 3 of 10",
                "下次给出更高的 NPS 评分",
                "a better NPS answer next time",
            ),
            (
                &[(F::promotion_use_share, 0.1), (F::promotions_ignored_in_row, 6.0)],
                (F::promotions_ignored_in_row, -1.0),
                "promotions_ignored",
                "连续 6 次未响应促销",
                "ignored the last 6 promotions in a row",
                "使用一次优惠或完成一次购买",
                "using a promotion, or a purchase",
            ),
            (
                &[(F::unfollowed, 1.0), (F::following, 0.0)],
                (F::unfollowed, -1.0),
                "unfollowed",
                "已取消关注",
                "unfollowed the shop",
                "重新关注",
                "following again",
            ),
            (
                // ln((0 + 0.5) / (2 + 0.5))
                &[
                    (F::interaction_days, 100.0),
                    (F::posts_90d, 0.0),
                    (F::posts_trend_90d, -1.609_437_912_434_100_3),
                ],
                (F::posts_trend_90d, -1.0),
                "fewer_posts",
                "近 90 天发帖 0 次，此前 90 天 2 次",
                "0 posts in the last 90 days, 2 in the 90 days before",
                "像以前一样参与社群",
                "posting in the community as before",
            ),
            (
                &[(F::tenure_days, 41.0), (F::orders, 1.0)],
                (F::tenure_days, -1.0),
                "new_customer",
                "新客：首购至今 41 天",
                "new customer: first purchase 41 days ago",
                "完成第二次购买",
                "a second purchase",
            ),
            (
                &[(F::recency_days, 1.0)],
                (F::recency_days, 1.0),
                "bought_lately",
                "1 天前刚购买",
                "bought 1 day ago",
                "",
                "",
            ),
        ];
        for (features, pull, code, zh, en, change_zh, change_en) in cases {
            let reason = reason(features, &[pull]);
            assert_eq!(reason.code, code);
            assert_eq!((reason.text.zh.as_str(), reason.text.en.as_str()), (zh, en));
            assert_eq!(change(&reason), (change_zh, change_en), "{code}");
            assert_eq!(reason.contribution, -pull.1);
        }
    }

    #[test]
    fn a_reason_that_raises_the_risk_is_kept_where_all_weightier_ones_lower_it() {
        let mut values = [f64::NAN; COUNT];
        let features = [
            (F::orders, 9.0),
            (F::tenure_days, 400.0),
            (F::recency_days, 3.0),
            (F::gap_median_days, 30.0),
            (F::order_value_last, 9.0),
            (F::order_value_mean, 9.0),
            (F::spend_total, 80.0),
            (F::products, 4.0),
        ];
        features.iter().for_each(|&(feature, value)| values[feature as usize] = value);
        let mut returning = [0.0; COUNT];
        for feature in [F::orders, F::tenure_days, F::recency_days, F::order_value_mean, F::spend_total] {
            returning[feature as usize] = 1.0;
        }
        returning[F::recency_over_gap_median as usize] = 0.5;
        returning[F::products as usize] = -0.1;
        let all = reasons(&Customer::of(&values), &returning, NOTHING);
        let raising: Vec<&str> = all
            .iter()
            .filter(|reason| reason.contribution > 0.0)
            .map(|reason| reason.code.as_str())
            .collect();
        assert_eq!((all.len(), raising.as_slice()), (MOST, ["narrow_choice"].as_slice()), "{all:?}");
    }

    #[test]
    fn the_stronger_feature_chooses_and_what_is_not_true_is_not_said() {
        let features =
            [(F::unfollowed, 1.0), (F::following, 0.0), (F::carts_open, 2.0), (F::interaction_days, 50.0)];
        let code = |unfollowed, carts| {
            reason(&features, &[(F::unfollowed, unfollowed), (F::carts_open, carts)]).code
        };
        assert_eq!((code(-1.0, -0.5).as_str(), code(-0.5, -1.0).as_str()), ("unfollowed", "basket_left"));
        // The basket grew: the model may count that against the customer, but the text must not say that it shrank.
        let grown = [
            (F::order_value_change, 0.5),
            (F::order_value_median, 50.0),
            (F::order_value_last, 80.0),
            (F::order_value_mean, 60.0),
        ];
        let grown = reason(&grown, &[(F::order_value_change, -1.0)]);
        assert_eq!((grown.code.as_str(), change(&grown)), ("basket_small", ("", "")));
        // A complaint that comes with better odds is no good feedback.
        let complaint =
            reason(&[(F::complaint_days, 20.0), (F::complaints_180d, 1.0)], &[(F::complaint_days, 1.0)]);
        assert_eq!(complaint.code, "service_feedback_for");
    }

    #[test]
    fn no_customer_meets_a_gap_in_the_words() {
        // Whatever the data tell, and whichever way each cause points.
        let known: [&[(F, f64)]; 6] = [
            &[],
            &[(F::orders, 1.0)],
            &[(F::orders, 2.0), (F::gap_median_days, 1.0), (F::gap_p90_days, 1.0), (F::recency_days, 1.0)],
            &[(F::products, 1.0), (F::complaint_days, 300.0), (F::complaints_180d, 0.0), (F::returns, 2.0)],
            &[(F::channels, 1.0), (F::nps_last, 0.0), (F::following, 1.0), (F::unfollowed, 0.0)],
            &[
                (F::categories, 1.0),
                (F::categories_90d, 0.0),
                (F::promotion_use_share, 0.0),
                (F::orders_year_ago_90d, 0.0),
            ],
        ];
        let always = [
            (F::orders, 3.0),
            (F::tenure_days, 1.0),
            (F::recency_days, 1.0),
            (F::gap_median_days, 1.0),
            (F::order_value_last, 9.0),
            (F::order_value_mean, 9.0),
            (F::spend_total, 27.0),
        ];
        for features in known {
            for sign in [-1.0, 1.0] {
                for cause in CAUSES {
                    let mut values = [f64::NAN; COUNT];
                    always.iter().chain(features).for_each(|&(f, v)| values[f as usize] = v);
                    let mut returning = [0.0; COUNT];
                    (0..COUNT).filter(|&j| SPECS[j].cause == cause).for_each(|j| returning[j] = sign);
                    for Reason { code, text, change, .. } in
                        reasons(&Customer::of(&values), &returning, NOTHING)
                    {
                        let change = change.into_iter().flat_map(|change| [change.zh, change.en]);
                        for line in [text.zh, text.en].into_iter().chain(change) {
                            let bad =
                                ["NaN", "?", "inf", "1 days", "1 times", "1 products", "1 orders", "-0 "];
                            assert!(
                                !line.is_empty() && bad.iter().all(|bad| !line.contains(bad)),
                                "{code}: {line}"
                            );
                        }
                    }
                }
            }
        }
    }
}
