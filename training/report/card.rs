//! The model card (Mitchell et al. 2019): what the model is for, what it is not for, and where it came from.

use homing_charts::numbers::count;
use homing_models::Bundle;
use homing_models::lifetimes::Lifetime;

use super::lang::Lang;
use super::page::{Block, Section};

pub(super) fn section(lang: Lang, bundle: &Bundle) -> Section {
    let manifest = bundle.manifest();
    let data = &manifest.data;
    let list = |days: &[u32]| days.iter().map(u32::to_string).collect::<Vec<_>>().join(lang.pick("、", ", "));
    let lifetime = match bundle.lifetime().orders {
        Lifetime::BgNbd(_) => "BG/NBD",
        Lifetime::MbgNbd(_) => "MBG/NBD",
        Lifetime::ParetoNbd(_) => "Pareto/NBD",
        _ => "lifetime model",
    };
    let learned = bundle.horizons().iter().filter(|part| part.returns.members.is_some()).count();
    let rate = manifest.discount_rate * 100.0;
    let term = |zh: (&str, String), en: (&str, String)| {
        let (name, text) = lang.pick(zh, en);
        (name.to_owned(), text)
    };
    let s = str::to_owned;
    let terms = vec![
        term(
            (
                "用途",
                s(
                    "为零售顾客估计在给定期限内再次购买的概率、下单日期和消费，用于会员关怀、挽回、促销名单和销售预估，供人做决定时参考。",
                ),
            ),
            (
                "Intended use",
                s(
                    "Estimates of whether, when and for how much retail customers buy again, for care, win-back, campaign lists and sales outlooks: advice to people who decide.",
                ),
            ),
        ),
        term(
            (
                "不应用于",
                s(
                    "信贷、雇佣、保险、个人定价，或任何对个人有法律或重大影响的自动决定；也不应用来拒绝服务或投诉处理。",
                ),
            ),
            (
                "Not for",
                s(
                    "Credit, employment, insurance, prices for one person, or any automated decision with legal or similar weight; nor to refuse service or the handling of a complaint.",
                ),
            ),
        ),
        term(
            (
                "不应以此评判的人",
                s(
                    "没有购买记录的人、选择退出自动决策的人；多人共用的会员卡、员工和批发账户（节奏不同于个人）；未成年人；首购才几天的新客：其分数主要来自平均水平。",
                ),
            ),
            (
                "Who should not be judged by it",
                s(
                    "People without a purchase or who opted out of automated decisions; cards shared by several, staff and wholesale accounts, whose rhythm is not a person's; minors; and customers of a few days, whose scores are mostly the average.",
                ),
            ),
        ),
        term(
            (
                "数据",
                format!(
                    "{} 位有购买的顾客，{} 个事件，{} 至 {}；指纹 {}",
                    count(data.customers),
                    count(data.events),
                    data.first,
                    data.last,
                    data.sha256.get(..16).unwrap_or(&data.sha256)
                ),
            ),
            (
                "Data",
                format!(
                    "{} customers with a purchase, {} events, {} to {}; fingerprint {}",
                    count(data.customers),
                    count(data.events),
                    data.first,
                    data.last,
                    data.sha256.get(..16).unwrap_or(&data.sha256)
                ),
            ),
        ),
        term(
            (
                "期限",
                format!(
                    "{} 天；流失风险按 {} 天，终身价值按 {} 天，年折现率 {rate}%，{}",
                    list(&manifest.horizons),
                    manifest.churn_horizon,
                    manifest.value_horizon,
                    if manifest.net_of_returns { "金额已扣除退货" } else { "金额未扣除退货" }
                ),
            ),
            (
                "Horizons",
                format!(
                    "{} days; churn risk at {} days, lifetime value at {} days, discounted at {rate}% a year, {}",
                    list(&manifest.horizons),
                    manifest.churn_horizon,
                    manifest.value_horizon,
                    if manifest.net_of_returns { "net of returns" } else { "returns not taken off" }
                ),
            ),
        ),
        term(
            (
                "构成",
                format!(
                    "生命周期模型 {lifetime} 与 Gamma-Gamma；{} 个期限中有 {learned} 个另由历史窗口学得的树与线性模型投票，水平单独预测",
                    manifest.horizons.len()
                ),
            ),
            (
                "Made of",
                format!(
                    "Lifetime model {lifetime} and Gamma-Gamma; for {learned} of {} horizons also trees and a linear model learned from past windows, which vote; the level is forecast apart",
                    manifest.horizons.len()
                ),
            ),
        ),
        term(
            (
                "版本",
                format!(
                    "homing {}；特征表 {}（{} 项）；随机种子 {}；时区 {}。本页是模型包的一部分，模型的版本号由包内全部内容算出，见 manifest.json。",
                    manifest.homing,
                    manifest.feature_schema,
                    manifest.features.len(),
                    manifest.seed,
                    manifest.timezone
                ),
            ),
            (
                "Versions",
                format!(
                    "homing {}; features {} ({}); seed {}; time zone {}. This page is a part of the bundle, whose version is a hash over all that it holds: see manifest.json.",
                    manifest.homing,
                    manifest.feature_schema,
                    manifest.features.len(),
                    manifest.seed,
                    manifest.timezone
                ),
            ),
        ),
        term(
            ("可重复", s("同样的数据、种子、版本和上一个模型得到逐字节相同的模型与报告，与线程数无关。")),
            (
                "Repeatable",
                s(
                    "The same data, seed, version and last model give the same bytes of model and report, on any number of threads.",
                ),
            ),
        ),
        term(
            (
                "局限",
                s(
                    "假设未来与过去相似：新店、停业、价格大变、未记录的活动都会使水平失准。概率对群体准确，对单个人总有不确定。解释说明模型的依据，不是因果。检验只覆盖上文所示的时段。",
                ),
            ),
            (
                "Limits",
                s(
                    "The future is taken to resemble the past: openings, closures, new prices and campaigns that nobody recorded put the level out. Chances hold for groups; of one person they are never sure. Reasons tell what the model goes by, not what causes what. The test covers the window shown above and no other.",
                ),
            ),
        ),
        term(
            (
                "隐私",
                s(
                    "本页只有汇总和不少于 5 位抽样顾客的分组，没有任何顾客编号。模型只用购买与互动记录，不用姓名、年龄、性别、住址等个人属性。",
                ),
            ),
            (
                "Privacy",
                s(
                    "This page holds sums and groups of five sampled customers or more, and no customer's id. The model reads purchases and interactions only: no name, age, sex, address or other trait of a person.",
                ),
            ),
        ),
        term(
            ("何时重训", s("至少每月一次；漂移一节显示明显变化、或实际销量连续偏离跟踪图时立即重训。")),
            (
                "When to fit again",
                s(
                    "Monthly at least; at once where the drift section tells of a shift, or sales keep off the tracking lines.",
                ),
            ),
        ),
    ];
    Section {
        id: "card".to_owned(),
        title: lang.pick("模型卡", "Model card").to_owned(),
        lead: lang
            .pick(
                "模型是什么、从哪里来、可以和不可以怎么用。",
                "What the model is, where it came from, and how it may and may not be used.",
            )
            .to_owned(),
        blocks: vec![Block::Terms(terms)],
    }
}
