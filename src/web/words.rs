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

    // Today.
    today: "Today", "今日概览";
    today_lead: "The base at a glance.", "会员整体情况一览。";
    customers: "Customers", "顾客数";
    scored: "Scored", "已评分";
    total_at_risk: "Value at risk, all customers", "预计流失损失合计";
    data_until: "Data until", "数据截至";
    days_ago: "{} days ago", "{} 天前";
    is_today: "today", "今天";
    counted_at: "Counted {}", "统计于 {}";
    counted_help: "The figures of this page are counted in the background whenever tags have changed.", "本页数字在后台统计，标签有变化后自动更新。";
    model: "Model in use", "使用中的模型";
    model_until: "trained on data until {}", "训练数据截至 {}";
    no_model_short: "none", "无";
    grade: "grade {}", "等级：{}";
    grade_poor: "Poor", "较差";
    grade_fair: "Fair", "一般";
    grade_good: "Good", "良好";
    grade_excellent: "Excellent", "优秀";
    levels: "Customers by churn risk", "顾客流失风险分布";
    without_level: "Not rated", "未分级";
    no_model_note: "No model is loaded: the scores below stay as they are until one is. Train one with homing-train fit.", "尚未加载模型，下面的评分暂不更新。请用 homing-train fit 训练模型。";
    stages: "Customers by lifecycle stage", "各生命周期阶段的顾客";
    stages_lead: "Change since last week: estimated from {} followed customers.", "一周变化按 {} 位跟踪顾客推算。";
    stages_lead_all: "With the change since last week.", "以及一周内的变化。";
    stage: "Stage", "阶段";
    share: "Share", "占比";
    week_change: "Since last week", "一周变化";
    tiers: "Value at risk by tier", "各等级的流失损失";
    tier: "Tier", "等级";
    turned: "Turned to high risk since yesterday", "昨日以来转为高风险";
    turned_more: "{} customers and more since then; these have the most at stake.", "此后至少 {} 位；以下是流失损失最大的。";
    turned_some: "{} customers since then; these have the most at stake.", "此后共 {} 位；以下是流失损失最大的。";
    turned_little: "{} customers since then, none of them among those with the most at stake.", "此后共 {} 位，都不在流失损失最大的顾客之中。";
    turned_none: "Nobody turned to high risk since then.", "此后没有顾客转为高风险。";
    turned_all: "All customers at high risk", "全部高风险顾客";
    since_day: "After {}.", "{} 之后。";
    counting: "The customers are being counted", "正在统计";
    counting_why: "The figures of this page are counted in the background, and the first count is not done yet. With a million customers that takes a minute or so.", "本页数字在后台统计，首次统计尚未完成。一百万顾客大约需要一分钟。";
    counting_do: "Load this page again in a moment. The call list works meanwhile.", "请稍后刷新本页；回访名单现在就可以使用。";
    reload: "Load again", "刷新";

    // Who to call.
    who_to_call: "Who to call", "回访名单";
    who_to_call_lead: "Customers by what the business stands to lose with them.", "按流失可能造成的损失，从高到低列出顾客。";
    filter: "Filter", "筛选";
    all: "All", "全部";
    any_tag: "Any tag", "任意标签";
    without: "Remove the filter", "去掉筛选";
    sort: "Sort by", "排序";
    sort_value_at_risk: "Value at risk", "流失损失";
    sort_churn_risk: "Churn risk", "流失风险";
    sort_clv: "Lifetime value", "未来价值";
    sort_customer_id: "Customer id", "顾客编号";
    id_begins: "Id begins with", "编号开头";
    apply: "Show", "查看";
    clear: "Clear filters", "清除筛选";
    rows: "{} customers on this page", "本页 {} 位顾客";
    of_matching: "of {} as last counted", "最近统计共 {} 位";
    searched: "The search has looked at the first of a very long list and goes on from here.", "名单很长，已查看前面一部分，可从此处继续。";
    search_on: "Search on", "继续查找";
    next_page: "Next page", "下一页";
    first_page: "First page", "回到第一页";
    nobody: "No customer matches these filters.", "没有符合条件的顾客。";
    nobody_hint: "Widen the filters, or clear them to see everybody.", "请放宽条件，或清除筛选查看全部顾客。";
    nobody_yet: "Nobody so far.", "目前没有找到。";
    list: "Customers", "顾客列表";
    campaign: "Export as a campaign list", "导出活动名单";
    campaign_lead: "Those of this list to whom the playbook has something to say, as CSV, the most at stake first, {} at most. Left out is who opted out or was contacted often enough this week. A part, chosen by chance, is held out: leave it alone, and compare later.", "此名单中策略手册建议联系的顾客，按流失损失排序导出为 CSV，最多 {} 位。已拒绝联系或本周联系次数已满的顾客不在其中。随机的一部分为对照组：不要联系，事后比较效果。";
    campaign_name: "Name of the campaign", "活动名称";
    campaign_holdout: "Hold-out, percent", "对照组（%）";
    campaign_record: "Count as contacts", "计入联系次数";
    campaign_no_playbook: "The tag catalogue in use does not go with the playbook, so no campaign can be made. Start the service with --playbook.", "当前标签目录与策略手册不匹配，无法生成活动名单。请用 --playbook 启动服务。";
    campaign_export: "Download CSV", "下载 CSV";
    campaign_refused: "This export cannot be made", "无法导出";
    campaign_refused_do: "Give the campaign a name of 1 to 80 characters and a hold-out from 0 to 50 percent.", "活动名称须为 1 至 80 个字符，对照组比例须在 0 至 50% 之间。";

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
    p_purchase: "Buys in {}\u{a0}d", "{} 天内复购";
    p_purchase_help: "Probability of a purchase within {} days", "{} 天内再次购买的概率";
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

    path: "Chances over time", "概率变化";
    path_lead: "What the model in use would have said at each time from what was known then.", "使用中的模型在各时点仅凭当时已知信息给出的判断。";
    path_alive: "still a customer", "仍是活跃顾客";
    path_return: "buys within {} days", "{} 天内复购";
    path_label: "Chances over time: still a customer, and a purchase within {} days", "概率变化：仍是活跃顾客，以及 {} 天内复购";
    chance_axis: "chance", "概率";
    next_step: "What to do next", "下一步";
    buys_next: "Likely to buy next", "接下来可能购买";
    due_lead: "Products due by the customer’s own cycle, the most overdue first.", "按顾客自己的周期到期的商品，逾期最久的在前。";
    due_on: "Due on", "到期日";
    due_cycle: "Every", "周期";
    first_lead: "Chance of a first purchase in other categories within {} days.", "{} 天内首次购买其他品类的概率。";
    advice_at: "by {}", "渠道：{}";
    advice_hour: "at about {}:00", "{} 点前后";
    next_step_none: "Nothing is suggested for this customer.", "暂无建议。";
    signals: "Warning signals", "预警信号";
    signals_none: "No warning signal holds now.", "目前没有预警信号。";
    strength: "strength {}", "强度 {}";
    rights: "Consent and data", "同意与数据";
    consent_in: "The customer allows automated decisions.", "该顾客允许自动化决策。";
    consent_out: "The customer opted out of automated decisions.", "该顾客已拒绝自动化决策。";
    opt_out: "Take an opt-out down", "登记拒绝";
    opt_in: "Take an opt-in down", "登记同意";
    export_data: "Export all that is held", "导出全部数据";
    erase: "Erase the customer", "删除该顾客";
    erase_lead: "Erases history, scores and tags for good. To confirm, type the customer’s id.", "将永久删除记录、评分和标签。请输入顾客编号以确认。";
    needs_role: "This needs a key with the role {}.", "需要角色为 {} 的密钥。";
    done_consent: "The wish is taken down.", "已登记。";
    done_erased: "The customer is erased. Events that still come for this id are refused.", "该顾客已删除，之后收到的该编号事件会被拒绝。";
    done_promoted: "{} is at work now.", "{} 已投入使用。";

    // Segments.
    segments: "Segments", "客群";
    segments_lead: "How the base divides, and how it moves.", "会员的构成与流动。";
    rfm: "Recency and frequency", "最近购买与购买频率";
    rfm_lead: "Customers by grade, 5 is best. Every cell leads to its customers.", "按 1 至 5 分分组，5 分最好。点击格子查看其中的顾客。";
    rfm_recency: "recency", "最近购买得分";
    rfm_frequency: "frequency", "购买频率得分";
    rfm_cell: "recency {}", "最近购买 {} 分";
    rfm_cell_frequency: "frequency {}", "频率 {} 分";
    show_by: "Show", "显示";
    flow: "How customers move between the stages", "顾客在各阶段间的流动";
    flow_lead: "Stages worked out from the histories of {} customers at four times.", "按 {} 位顾客在四个时点的历史推算。";
    flow_then: "{} days before", "{} 天前";
    flow_now: "now", "现在";
    not_yet: "Not yet a customer", "尚未购买";
    flow_none: "There are no moves to show yet.", "暂无流动数据。";
    segment_classes: "RFM classes", "RFM 客户分类";
    clusters: "Clusters", "聚类客群";
    clusters_none: "The catalogue in use has no tag of clusters, or nobody has one yet.", "当前标签目录没有聚类标签，或还没有顾客带有该标签。";
    segment: "Segment", "客群";
    mean_clv: "Lifetime value, mean", "平均未来价值";

    // KPI board.
    kpi: "Key figures", "经营指标";
    kpi_lead: "Whole months only: {}.", "只统计完整的月份：{}。";
    period: "Period", "期间";
    period_month: "Last month", "最近一个月";
    period_quarter: "Last three months", "最近三个月";
    period_year: "Last twelve months", "最近十二个月";
    against: "Compare with", "对比";
    against_previous: "The period before", "上一期";
    against_year: "The same a year before", "去年同期";
    figure: "Figure", "指标";
    this_period: "This period", "本期";
    that_period: "Compared", "对比期";
    change: "Change", "变化";
    kpi_retention: "Retention at {} months", "{} 个月留存率";
    kpi_retention_help: "Of the customers whose time since the first purchase ended in the period: who bought in its last three months", "期间内满该时长的顾客中，最后三个月内有购买的比例";
    kpi_again: "New customers back within 30 days", "新客 30 天复购率";
    kpi_again_help: "Of the new customers whose thirty days ended in the period", "期间内首购满 30 天的新客中再次购买的比例";
    kpi_high: "High-value customers who bought", "高价值会员月复购率";
    kpi_high_help: "Of those who had spent over {} in the year before a month: who bought in that month; mean of the months", "月初前一年消费超过 {} 的会员中，当月有购买的比例（各月平均）";
    kpi_basket: "Basket value", "客单价";
    kpi_basket_help: "Spend per day with a purchase", "每个购买日的消费额";
    kpi_revenue: "Spend", "消费额";
    kpi_revenue_help: "Sum of the purchases, returns not taken off", "购买金额合计，未扣退货";
    kpi_orders: "Orders", "订单数";
    kpi_orders_help: "Days with a purchase, by customer", "每位顾客的购买天数之和";
    kpi_new: "New customers", "新客数";
    kpi_new_help: "First purchase in the period", "期间内首次购买";
    kpi_value: "Lifetime value of the base", "会员未来价值合计";
    kpi_value_help: "Sum of what is expected of all customers; compared with the count of then, where it is kept", "全部顾客未来价值之和；与当时的统计相比（如有保存）";
    kpi_nps: "NPS", "净推荐值 NPS";
    kpi_nps_help: "Percent of answers 9 or 10 less percent of answers 0 to 6", "9–10 分占比减 0–6 分占比";
    kpi_tags: "Tags a customer", "人均标签数";
    kpi_tags_help: "Of {} in the catalogue", "目录共 {} 个";
    kpi_connected: "Met in two channels or more", "跨渠道识别率";
    kpi_connected_help: "Of the customers of whom a channel is known", "在已知渠道的顾客中";
    no_data: "no data", "无数据";
    cohorts: "Retention by month of the first purchase", "按首购月份的留存";
    cohorts_lead: "Share who bought in the three months before each mark. Only cohorts of whom everybody’s time is over.", "到各时点前三个月内有购买的比例；只显示全部到期的批次。";
    cohorts_rows: "first purchase in", "首购月份";
    cohorts_columns: "months since the first purchase", "首购后月数";
    cohort_cell: "{} customers", "{} 位顾客";
    cohorts_none: "No cohort is three months old yet.", "还没有满三个月的批次。";
    months_spend: "Spend by month", "每月消费额";
    months_rates: "Who came back, by month", "每月复购率";
    months_axis: "month", "月份";
    share_axis: "share of customers", "顾客占比";
    money_axis: "spend (currency)", "消费额（货币单位）";
    high_line: "high-value customers who bought", "高价值会员复购";
    again_line: "new customers back within 30 days", "新客 30 天复购";
    channels: "Sources", "数据来源";
    channels_lead: "Customers met in each channel.", "各渠道出现过的顾客。";
    channels_none: "The data name no channel.", "数据中没有渠道信息。";
    coverage: "Tag coverage", "标签覆盖率";
    coverage_lead: "What share of the customers a tag of each layer reaches on average, and how many of its tags anybody has.", "各层标签的平均覆盖情况。";
    coverage_mean: "Mean coverage", "平均覆盖率";
    coverage_used: "Tags in use", "在用标签";
    layer: "Layer", "层";
    layer_static: "Static", "静态";
    layer_dynamic: "Dynamic", "动态";
    layer_predictive: "Predictive", "预测";

    // Models.
    models: "Models", "模型";
    models_lead: "What answers, how it did when tested, and what could take its place.", "当前使用的模型、检验结果与可替换的版本。";
    registry: "Registry", "模型库";
    registry_none: "The registry holds no model yet.", "模型库中还没有模型。";
    registry_without: "This service was started without a registry.", "本服务启动时没有指定模型库。";
    registry_damaged: "{} models of the registry cannot be read; the log of the service says why.", "模型库中有 {} 个模型无法读取，原因见服务日志。";
    version: "Version", "版本";
    learned_until: "Data until", "数据截至";
    learned_from: "Customers", "顾客数";
    alias_champion: "champion", "冠军";
    alias_challenger: "challenger", "挑战者";
    in_use: "in use", "使用中";
    graded: "Grade", "等级";
    auc: "AUC", "AUC";
    auc_help: "Ordering: 1 is perfect, .5 is chance", "排序能力：1 为完美，0.5 为随机";
    logloss: "Log loss", "对数损失";
    logloss_help: "Error of the chances; lower is better", "概率误差，越低越好";
    ece: "Calibration error", "校准误差";
    ece_help: "By how much chances miss on average", "概率平均偏离实际的程度";
    top_tenth: "Spend in top 10%", "前 10% 消费占比";
    top_tenth_help: "Share of the spend of the tenth with the highest expected spend", "预期消费最高的一成顾客占总消费的比例";
    promote: "Put to work", "投入使用";
    rollback: "Back to the model before", "回退到上一个模型";
    pinned: "The model was chosen when the service was started and stays.", "模型在启动时已固定，不可更换。";
    report: "Training report", "训练报告";
    charts_of: "How {} did when tested", "{} 的检验结果";
    tested: "Tested on {}", "检验：{}";
    test_window: "{} days it had not seen", "未见过的 {} 天";
    test_none: "The history was too short to test this model, or it was fitted by an earlier homing: there are no charts of it.", "历史太短无法检验，或由旧版 homing 训练，没有图表。";
    calibration: "Calibration", "校准";
    calibration_lead: "On the dotted line, of those told 30%, 30% bought.", "点在虚线上：说 30% 的人里真有 30% 购买。";
    expected: "expected", "预期";
    actual: "actual", "实际";
    chance_expected: "expected chance to buy", "预测的购买概率";
    chance_actual: "share that bought", "实际购买的比例";
    gain: "Gain", "增益";
    gain_lead: "The nearer the upper left, the fewer contacts reach most buyers.", "越靠左上，越少的联系找到越多的买家。";
    gain_x: "customers contacted, best score first", "联系的顾客，得分从高到低";
    gain_y: "share of the buyers", "占买家的比例";
    gain_spend: "Gain in spend", "消费增益";
    gain_spend_y: "share of the spend", "占消费的比例";
    with_hindsight: "with hindsight", "事后完美排序";
    by_chance: "by chance", "随机";
    exactly_right: "exactly right", "完全准确";
    lift: "Lift", "提升";
    lift_lead: "How many times as likely as average each tenth of the customers bought, best score first.", "各一成顾客购买的可能性是平均的几倍，得分从高到低。";
    lift_y: "times the average", "相对平均的倍数";
    tenth: "tenth", "组（每组一成）";
    deciles: "Spend a customer by tenth", "各组人均消费";
    deciles_lead: "Columns of equal height are right.", "两根柱子一样高就是准的。";
    deciles_y: "spend a customer", "人均消费";
    tracking: "Orders a week", "每周订单";
    tracking_lead: "Repeat orders, and what the model expected from the cutoff on.", "复购订单，以及截止日之后的预期。";
    tracking_y: "repeat orders a week", "每周复购订单";
    tested_from: "tested from here", "检验期开始";
    importance: "What the model goes by", "模型依据什么判断";
    importance_lead: "Share of all that moves predictions (mean absolute SHAP values). What the model goes by, not what causes what.", "占全部影响的比例（SHAP 绝对值平均）。这是模型的依据，不是因果。";
    importance_none: "The data carry a lifetime model only, which has no single features to rank.", "数据只支撑生命周期模型，没有逐项特征的影响。";
    feature: "Feature", "特征";
    weight: "Weight", "权重";
    drift: "Drift since the model before", "与上一个模型相比的漂移";
    drift_lead: "Stability index: from .1 on shifting, from .25 on shifted.", "稳定指数：0.1 起有所变化，0.25 起明显变化。";
    drift_none: "There was no earlier model of this name to compare with.", "没有更早的同名模型可比。";
    drift_index: "PSI", "PSI";
    drift_stable: "stable", "稳定";
    drift_shifting: "shifting", "有所变化";
    drift_shifted: "shifted", "明显变化";
    medians: "Median then, now", "中位数：当时、现在";
    versus: "Champion and challenger", "冠军与挑战者";
    versus_lead: "Both scored the same customers, unseen.", "两者在后台为同一批顾客评分。";
    versus_none: "No challenger has been tried beside the champion yet.", "还没有与冠军对比过的挑战者。";
    compared: "Customers compared", "对比的顾客数";
    risk_difference: "Risk, mean difference", "风险平均差";
    risk_distance: "Risk, mean distance", "风险平均绝对差";
    tags_differ: "Other tags", "标签不同";
    clv_ratio: "Lifetime value, ratio", "未来价值之比";

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
    forbidden: "Your key does not allow this", "您的密钥没有此权限";
    forbidden_do: "This needs a key with the role {}. Ask whoever runs the service for one.", "需要角色为 {} 的密钥，请联系运维人员。";
    stale_form: "This form is too old", "表单已失效";
    stale_form_do: "Nothing was done. Go back, load the page again, and send the form once more.", "没有做任何改动。请返回并刷新页面后重新提交。";
    wrong_id: "The id that was typed is another one", "输入的编号不一致";
    wrong_id_do: "Nothing was erased. Go back to the customer and type the id exactly as it stands there.", "没有删除任何内容。请返回顾客页面，按显示的编号准确输入。";
    model_stays: "The model stays", "模型未更换";
    model_stays_do: "This model cannot be put to work now: it is unknown, damaged, or the service was started with a fixed model. The log has the cause.", "无法使用该模型：版本不存在、已损坏，或服务启动时已固定模型。原因见服务日志。";
    no_earlier: "There was no other model before", "之前没有其他模型";
    no_earlier_do: "There is nothing to go back to. Put another version to work instead.", "没有可回退的模型，请选择其他版本。";
    no_report: "There is no report on this model", "该模型没有报告";
    no_report_do: "It is unknown, or it was fitted without one. The page of models lists what there is.", "版本不存在，或训练时没有生成报告。请在模型页查看现有版本。";
    overloaded: "The service is busy", "服务繁忙";
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

    /// The grade of a model.
    pub fn grade(&self, grade: &str) -> Option<&'static str> {
        match grade {
            "Poor" => Some(self.grade_poor),
            "Fair" => Some(self.grade_fair),
            "Good" => Some(self.grade_good),
            "Excellent" => Some(self.grade_excellent),
            _ => None,
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
