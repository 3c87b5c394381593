//! The model card (Mitchell et al. 2019): what the model is for, what it is not for, and where it came from.

use homing_charts::numbers::count;
use homing_models::Bundle;
use homing_models::lifetimes::Lifetime;

use super::lang::Lang;
use super::page::{Block, Section};

/// Name and text in Chinese, name and text in English.
type Term = [&'static str; 4];

/// What the model is for and not for.
const USE: [Term; 3] = [
    [
        "用途",
        "为零售顾客估计在给定期限内再次购买的概率、下单日期和消费，用于会员关怀、挽回、促销名单和销售预估，供人做决定时参考。",
        "Intended use",
        "Estimates of whether, when and for how much retail customers buy again, for care, win-back, campaign lists and sales outlooks: advice to people who decide.",
    ],
    [
        "不应用于",
        "信贷、雇佣、保险、个人定价，或任何对个人有法律或重大影响的自动决定；也不应用来拒绝服务或投诉处理。",
        "Not for",
        "Credit, employment, insurance, personal prices, or any automated decision with legal or similar effect; nor to refuse service or the handling of a complaint.",
    ],
    [
        "不应以此评判的人",
        "没有购买记录的人、选择退出自动决策的人；多人共用的会员卡、员工和批发账户（节奏不同于个人）；未成年人；首购才几天的新客：其分数主要来自平均水平。",
        "Who should not be judged by it",
        "People without a purchase or who opted out of automated decisions; shared cards, staff and wholesale accounts, whose purchase cycle is not a person's; minors; and customers of a few days, whose scores are mostly the average.",
    ],
];

/// What holds of every fit.
const GENERAL: [Term; 4] = [
    [
        "可重复",
        "同样的数据、种子、版本和上一个模型得到逐字节相同的模型与报告，与线程数无关。",
        "Reproducible",
        "The same data, seed, version and last model give the same bytes of model and report, on any number of threads.",
    ],
    [
        "局限",
        "假设未来与过去相似：新店、停业、价格大变、未记录的活动都会使基准购买率失准。概率对群体准确，对单个人总有不确定。解释说明模型的依据，不是因果。检验只覆盖上文所示的时段。",
        "Limits",
        "The future is assumed to resemble the past: openings, closures, new prices and unrecorded campaigns make the base rate wrong. Probabilities hold for groups; for one person they are never sure. Reasons state what the model goes by, not what causes what. The test covers the window shown above only.",
    ],
    [
        "隐私",
        "本页只有汇总和不少于 5 位抽样顾客的分组，没有任何顾客编号。模型只用购买与互动记录，不用姓名、年龄、性别、住址等个人属性。",
        "Privacy",
        "This page holds totals and groups of five sampled customers or more, and no customer id. The model reads purchases and interactions only: no name, age, sex, address or other personal attribute.",
    ],
    [
        "何时重训",
        "至少每月一次；漂移一节显示明显变化、或实际销量连续偏离跟踪图时立即重训。",
        "When to fit again",
        "Monthly at least; at once where the drift section shows a shift, or sales stay off the tracking lines.",
    ],
];

/// The section.
pub(super) fn section(lang: Lang, bundle: &Bundle) -> Section {
    let fixed = |[zh_name, zh, en_name, en]: Term| (lang.text(zh_name, en_name), lang.text(zh, en));
    let terms = USE.map(fixed).into_iter().chain(of_fit(lang, bundle)).chain(GENERAL.map(fixed));
    Section {
        id: "card".to_owned(),
        title: lang.text("模型卡", "Model card"),
        lead: lang.text(
            "模型是什么、从哪里来、可以和不可以怎么用。",
            "What the model is, where it came from, and how it may and may not be used.",
        ),
        blocks: vec![Block::Terms(terms.collect())],
    }
}

/// What holds of this fit: data, horizons, models, versions.
fn of_fit(lang: Lang, bundle: &Bundle) -> [(String, String); 4] {
    let manifest = bundle.manifest();
    let data = &manifest.data;
    let (customers, events) = (count(data.customers), count(data.events));
    let (first, last) = (&data.first, &data.last);
    let fingerprint = data.sha256.get(..16).unwrap_or(&data.sha256);
    let days = manifest.horizons.iter().map(u32::to_string).collect::<Vec<_>>().join(lang.pick("、", ", "));
    let (churn, value) = (manifest.churn_horizon, manifest.value_horizon);
    let rate = manifest.discount_rate * 100.0;
    let net = match manifest.net_of_returns {
        true => lang.pick("金额已扣除退货", "net of product returns"),
        false => lang.pick("金额未扣除退货", "before product returns"),
    };
    let lifetime = match bundle.lifetime().orders {
        Lifetime::BgNbd(_) => "BG/NBD",
        Lifetime::MbgNbd(_) => "MBG/NBD",
        Lifetime::ParetoNbd(_) => "Pareto/NBD",
        _ => "lifetime model",
    };
    let (all, learned) = (
        manifest.horizons.len(),
        bundle.horizons().iter().filter(|part| part.returns.members.is_some()).count(),
    );
    let (homing, schema, features) = (&manifest.homing, &manifest.feature_schema, manifest.features.len());
    let (seed, zone) = (manifest.seed, manifest.timezone);
    let made_of = lang.pick(
        format!("生命周期模型 {lifetime} 与 Gamma-Gamma；{all} 个期限中有 {learned} 个另由历史窗口学得的树与线性模型组合，基准购买率单独预测"),
        format!("Lifetime model {lifetime} and Gamma-Gamma; for {learned} of {all} horizons stacked with trees and a linear model learned from past windows; the base rate is forecast separately"),
    );
    [
        (
            lang.text("数据", "Data"),
            lang.pick(
                format!("{customers} 位有购买的顾客，{events} 个事件，{first} 至 {last}；指纹 {fingerprint}"),
                format!("{customers} customers with a purchase, {events} events, {first} to {last}; fingerprint {fingerprint}"),
            ),
        ),
        (
            lang.text("期限", "Horizons"),
            lang.pick(
                format!("{days} 天；流失风险按 {churn} 天，终身价值按 {value} 天，年折现率 {rate}%，{net}"),
                format!("{days} days; churn risk at {churn} days, lifetime value at {value} days, discounted at {rate}% a year, {net}"),
            ),
        ),
        (lang.text("构成", "Models"), made_of),
        (
            lang.text("版本", "Versions"),
            lang.pick(
                format!("homing {homing}；特征表 {schema}（{features} 项）；随机种子 {seed}；时区 {zone}。本页是模型包的一部分，模型的版本号由包内全部内容算出，见 manifest.json。"),
                format!("homing {homing}; features {schema} ({features}); seed {seed}; time zone {zone}. This page is part of the bundle, whose version is a hash over everything in it: see manifest.json."),
            ),
        ),
    ]
}
