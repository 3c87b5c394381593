//! Every text of the pages, in Chinese and English side by side.
//!
//! `{}` stands for what [`fill`] puts in.

use homing_datasets::Kind;
use homing_models::Text;

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lang {
    Zh,
    En,
}

impl Lang {
    pub const ALL: [Lang; 2] = [Lang::Zh, Lang::En];

    /// The code in addresses.
    pub fn code(self) -> &'static str {
        match self {
            Lang::Zh => "zh",
            Lang::En => "en",
        }
    }

    /// The language tag (BCP 47) for browsers and screen readers.
    pub fn tag(self) -> &'static str {
        match self {
            Lang::Zh => "zh-CN",
            Lang::En => "en",
        }
    }

    /// What its speakers call it.
    pub fn name(self) -> &'static str {
        match self {
            Lang::Zh => "中文",
            Lang::En => "English",
        }
    }

    /// The language with this code, if it is one of ours.
    pub fn from_code(code: &str) -> Option<Lang> {
        Lang::ALL.into_iter().find(|lang| lang.code().eq_ignore_ascii_case(code))
    }

    /// The texts in this language.
    pub fn words(self) -> &'static Words {
        match self {
            Lang::Zh => &ZH,
            Lang::En => &EN,
        }
    }

    /// This language's side of a text.
    pub fn of(self, text: &Text) -> &str {
        match self {
            Lang::Zh => &text.zh,
            Lang::En => &text.en,
        }
    }
}

/// Puts a value where the text has `{}`.
pub(super) fn fill(text: &str, value: &str) -> String {
    text.replacen("{}", value, 1)
}

macro_rules! words {
    ($($name:ident: $en:literal, $zh:literal;)*) => {
        /// The texts in one language.
        #[derive(Debug)]
        pub(super) struct Words {
            $(pub $name: &'static str,)*
        }

        static EN: Words = Words { $($name: $en,)* };
        static ZH: Words = Words { $($name: $zh,)* };

        #[cfg(test)]
        const PAIRS: &[(&str, &str, &str)] = &[$((stringify!($name), $en, $zh),)*];
    };
}

words! {
    // Around every page.
    skip: "Skip to content", "跳到正文";
    pages: "Pages", "页面";
    yes: "Yes", "是";
    no: "No", "否";
    colon: ": ", "：";
    comma: ", ", "，";

    // Who to call.
    who_to_call: "Who to call", "回访名单";
    who_to_call_lead: "Customers by what the business stands to lose with them.", "按流失可能造成的损失，从高到低列出顾客。";
    at_a_glance: "The base at a glance", "会员概览";
    customers: "Customers", "顾客数";
    scored: "Scored", "已评分";
    total_at_risk: "Value at risk, all customers", "预计流失损失合计";
    data_until: "Data until", "数据截至";
    model: "Model in use", "使用中的模型";
    model_until: "trained on data until {}", "训练数据截至 {}";
    no_model_short: "none", "无";
    levels: "Customers by churn risk", "顾客流失风险分布";
    without_level: "Not rated", "未分级";
    no_model_note: "No model is loaded: the scores below stay as they are until one is.", "尚未加载模型，下面的评分暂不更新。";
    filter: "Filter", "筛选";
    all: "All", "全部";
    sort: "Sort by", "排序";
    sort_value_at_risk: "Value at risk", "流失损失";
    sort_churn_risk: "Churn risk", "流失风险";
    sort_clv: "Lifetime value", "未来价值";
    sort_customer_id: "Customer id", "顾客编号";
    id_begins: "Id begins with", "编号开头";
    apply: "Show", "查看";
    clear: "Clear filters", "清除筛选";
    rows: "{} customers on this page", "本页 {} 位顾客";
    next_page: "Next page", "下一页";
    first_page: "First page", "回到第一页";
    nobody: "No customer matches these filters.", "没有符合条件的顾客。";
    nobody_hint: "Widen the filters, or clear them to see everybody.", "请放宽条件，或清除筛选查看全部顾客。";
    list: "Customers", "顾客列表";

    // Columns and scores.
    customer: "Customer", "顾客";
    churn_risk: "Churn risk", "流失风险";
    churn_risk_in: "No purchase within {} days", "{} 天内不再购买的概率";
    percentile: "Percentile", "百分位";
    percentile_help: "Place of the risk among all customers: 1 is safest, 100 riskiest", "风险在全部顾客中的位置：1 最安全，100 最危险";
    value_at_risk: "Value at risk", "流失损失";
    value_at_risk_help: "Churn risk × lifetime value", "流失风险 × 未来价值";
    clv: "Lifetime value", "未来价值";
    clv_help: "Spend expected over the coming year, discounted", "预计未来一年的消费额（折现）";
    p_return: "Buys in {}\u{a0}d", "{} 天内复购";
    p_return_help: "Probability of a purchase within {} days", "{} 天内再次购买的概率";
    next_order: "Next order", "预计下次购买";
    next_order_help: "By then the customer has ordered again with even odds", "到这一天，再次下单的可能性达到一半";
    not_expected: "not expected", "预计不再购买";
    not_expected_help: "Less than even odds of another order within three years", "三年内再次下单的可能性不到一半";
    standing: "Stage and tier", "阶段与等级";
    reason: "Main reason", "主要原因";
    raises: "raises the risk", "推高风险";
    lowers: "lowers the risk", "降低风险";
    not_scored: "Not scored", "未评分";
    no_purchase: "no purchase is known of this customer yet", "该顾客暂无购买记录";
    opted_out: "the customer opted out of automated decisions", "该顾客已拒绝自动化决策";
    no_scores: "there are no scores yet", "暂无评分";

    // One customer.
    back: "Who to call", "回访名单";
    overview: "Overview", "概览";
    of_100: "percentile {} of 100", "百分位 {} / 100";
    p_alive: "Still a customer", "仍是活跃顾客";
    p_alive_help: "Probability of not having left for good, by the lifetime model", "按生命周期模型，顾客尚未永久离开的概率";
    last_purchase: "Last purchase", "最近购买";
    orders: "Order days", "购买天数";
    spend: "Spend so far", "累计消费";
    since: "since {}", "自 {} 起";
    reasons: "Why this risk", "风险原因";
    reasons_lead: "Bars to the right raise the risk, bars to the left lower it.", "条形向右表示推高风险，向左表示降低风险。";
    would_change: "What would change it: {}", "可以改变它的：{}";
    no_reasons: "The model gives no reasons for this customer.", "模型没有给出该顾客的原因。";
    high: "strong", "影响大";
    medium: "medium", "影响中等";
    low: "weak", "影响小";
    outlook: "What to expect", "复购预测";
    curve: "Probability of a purchase by days from {}", "自 {} 起各天数内再次购买的概率";
    days: "{}\u{a0}d", "{} 天";
    horizon: "Within", "期限";
    chance: "Buys again", "复购概率";
    expected_orders: "Orders", "预计订单";
    expected_spend: "Spend", "预计消费";
    interval: "80% interval", "80% 区间";
    provenance: "Scored by {}", "评分模型：{}";
    as_of: "as of {}", "基准时间 {}";
    scored_at: "computed {}", "计算于 {}";
    purchases: "Purchases over time", "购买时间线";
    purchases_lead: "Spend per day with a purchase.", "每个购买日的消费额。";
    purchases_binned: "Spend per {} days.", "每 {} 天的消费额。";
    no_purchases: "No purchase is known of this customer.", "该顾客没有购买记录。";
    scored_on: "scored", "评分基准";
    next_expected: "next order", "预计下次";
    tags: "Tags", "标签";
    no_tags: "none", "暂无";
    static_layer: "Static: who the customer is", "静态标签：顾客是谁";
    dynamic_layer: "Dynamic: what the customer did", "动态标签：顾客做了什么";
    predictive_layer: "Predictive: what is expected", "预测标签：预计会怎样";
    confidence: "{} sure", "置信度 {}";
    expires: "until {}", "有效期至 {}";
    attributes: "Attributes", "顾客属性";
    events: "Last events", "最近记录";
    events_of: "{} events in all", "共 {} 条记录";
    when: "When", "时间";
    what: "What", "事件";
    amount: "Amount", "金额";
    quantity: "Pieces", "数量";
    product: "Product", "商品";
    category: "Category", "品类";
    channel: "Channel", "渠道";

    // Finding a customer.
    find_customer: "Find a customer", "查找顾客";
    find_lead: "Enter the id exactly as it stands in the CRM.", "请输入顾客在 CRM 中的完整编号。";
    customer_id: "Customer id", "顾客编号";
    open: "Open", "打开";
    browse_prefix: "Or list all ids that begin with it, on the page “Who to call”.", "也可以在“回访名单”页按编号开头查找。";

    // What went wrong, and what to do.
    unknown_customer: "Customer not found", "找不到该顾客";
    unknown_customer_why: "There is no profile of the customer “{}”.", "没有编号为“{}”的顾客档案。";
    unknown_customer_do: "Check the id for typing errors: upper and lower case and leading zeros count.", "请检查编号是否有误：区分大小写，开头的 0 不能省略。";
    unknown_customer_new: "A new customer appears after the next run of homing score, or with their first event sent to /v1/events.", "新顾客会在下次运行 homing score 之后，或第一条事件发送到 /v1/events 之后出现。";
    list_like_this: "List the ids that begin with “{}”", "列出以“{}”开头的编号";
    empty_store: "There are no customers yet", "还没有顾客档案";
    empty_store_why: "The profile store is empty. Three steps fill it:", "档案库是空的，请按以下三步操作：";
    empty_store_why_model: "The profile store is empty; the model {} is ready to score. Two steps fill it:", "档案库是空的，模型 {} 已就绪，请按以下两步操作：";
    step_fit: "Train a model on the purchases of your shop:", "用门店的购买记录训练模型：";
    step_score: "Score the customers and write their profiles:", "为顾客评分并写入档案：";
    step_reload: "Load this page again.", "刷新本页。";
    step_demo: "Only looking around? This shows everything on sample data:", "只想先看看？下面的命令用示例数据展示全部功能：";
    bad_cursor: "This page of the list is gone", "该页已失效";
    bad_cursor_do: "The link belongs to another filter or order. Start again on the first page.", "该链接与当前筛选或排序不符，请从第一页重新开始。";
    store_locked: "The profile store is busy", "档案库正忙";
    store_locked_do: "Another process holds it, perhaps a running homing score. Load the page again in a moment.", "另一个进程正在使用档案库，可能是正在运行的 homing score。请稍后刷新。";
    store_failed: "The profile store cannot be read", "无法读取档案库";
    store_failed_do: "Whoever runs the service finds the cause in its log. No data were changed by this page.", "请联系运维人员查看服务日志中的原因。本页没有改动任何数据。";
    timeout: "That took too long", "响应超时";
    timeout_do: "The service is busy. Load the page again in a moment, or narrow the filters.", "服务繁忙，请稍后刷新，或缩小筛选范围。";
    internal: "homing failed to make this page", "页面生成失败";
    internal_do: "Whoever runs the service finds the cause in its log. Load the page again, or go back to the list.", "请联系运维人员查看服务日志中的原因。可以刷新页面，或返回名单。";

    // Kinds of events.
    kind_purchase: "Purchase", "购买";
    kind_return: "Return", "退货";
    kind_visit: "Visit", "到访";
    kind_view: "Product viewed", "浏览商品";
    kind_add_to_cart: "Put into basket", "加入购物车";
    kind_promotion_sent: "Promotion sent", "发送促销";
    kind_promotion_used: "Promotion used", "使用促销";
    kind_post: "Community post", "社区发帖";
    kind_follow: "Followed the shop", "关注门店";
    kind_unfollow: "Unfollowed the shop", "取消关注";
    kind_complaint: "Complaint", "投诉";
    kind_refund_request: "Asked for a refund", "申请退款";
    kind_nps: "Would recommend (0–10)", "推荐意愿（0–10）";
}

impl Words {
    /// What an event of this kind is called.
    pub fn kind(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Purchase => self.kind_purchase,
            Kind::Return => self.kind_return,
            Kind::Visit => self.kind_visit,
            Kind::View => self.kind_view,
            Kind::AddToCart => self.kind_add_to_cart,
            Kind::PromotionSent => self.kind_promotion_sent,
            Kind::PromotionUsed => self.kind_promotion_used,
            Kind::Post => self.kind_post,
            Kind::Follow => self.kind_follow,
            Kind::Unfollow => self.kind_unfollow,
            Kind::Complaint => self.kind_complaint,
            Kind::RefundRequest => self.kind_refund_request,
            Kind::Nps => self.kind_nps,
        }
    }

    /// Why a customer has no scores, by the code of the cause.
    pub fn not_scored(&self, code: Option<&str>) -> &'static str {
        match code {
            Some("no_purchase") => self.no_purchase,
            Some("opted_out") => self.opted_out,
            _ => self.no_scores,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_everything_with_the_same_gaps() {
        for (name, en, zh) in PAIRS {
            assert!(!en.is_empty() && !zh.is_empty(), "{name}");
            assert_eq!(en.matches("{}").count(), zh.matches("{}").count(), "{name}");
            assert!(en.matches("{}").count() < 2, "{name}: `fill` knows one gap");
            assert!(!en.contains(|c: char| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{name}: {en}");
        }
    }
}
