//! What the data can carry.

use homing_charts::numbers::{count, percent};

use super::lang::Lang;
use super::page::{Block, Cell, Figure, Head, Row, Section, Table};
use crate::check::{FarAhead, HorizonUse, SEASON_DAYS, Usability};

/// The section.
pub(super) fn section(lang: Lang, usability: &Usability) -> Section {
    let mut blocks = vec![
        Block::Figures(figures(lang, usability)),
        Block::Table(horizons(lang, usability)),
        Block::Text(columns(lang, usability)),
    ];
    blocks.extend(notes(lang, usability).into_iter().map(Block::Note));
    Section {
        id: "data".to_owned(),
        title: lang.text("数据可用性", "What the data can carry"),
        lead: lang.text(
            "模型的好坏先取决于数据。这里是学到的数据有多少、能支撑多长的预测。",
            "A model is as good as its data: how much there was to learn from, and how far ahead that reaches.",
        ),
        blocks,
    }
}

fn figures(lang: Lang, usability: &Usability) -> Vec<Figure> {
    let figure = |name: String, value: String, note: String| Figure { name, value, note };
    let repeat = usability.repeaters as f64 / usability.customers.max(1) as f64;
    let mean = usability.orders as f64 / usability.customers.max(1) as f64;
    let (without, repeaters) = (count(usability.without_purchase), count(usability.repeaters));
    let (span, first) = (count(usability.span_days.max(0) as u64), &usability.first_purchase);
    vec![
        figure(
            lang.text("有购买的顾客", "Customers with a purchase"),
            count(usability.customers),
            lang.pick(
                format!("另有 {without} 位只有其他事件，不评分"),
                format!("{without} more have other events only and are not scored"),
            ),
        ),
        figure(
            lang.text("其中复购过的", "Of which repeat customers"),
            percent(repeat),
            lang.pick(
                format!("{repeaters} 位，至少两个购买日"),
                format!("{repeaters} with two orders or more"),
            ),
        ),
        figure(
            lang.text("订单", "Orders"),
            count(usability.orders),
            lang.pick(
                format!("一天算一单；人均 {mean:.1} 单"),
                format!("a day with a purchase is one order; {mean:.1} per customer"),
            ),
        ),
        figure(
            lang.text("历史长度", "Span of history"),
            lang.pick(format!("{span} 天"), format!("{span} days")),
            lang.pick(format!("自 {first} 起"), format!("since {first}")),
        ),
        figure(
            lang.text("事件", "Events"),
            count(usability.events),
            lang.text("购买明细、退货、互动等的行数", "lines: purchases, product returns, interactions"),
        ),
    ]
}

/// What each horizon can be learned from.
fn horizons(lang: Lang, usability: &Usability) -> Table {
    let days = |days: u32| lang.pick(format!("{days} 天"), format!("{days} days"));
    let row = |horizon: &HorizonUse| {
        let verdict = match (horizon.taught_days, horizon.days) {
            (0, _) => lang.text("历史太短：只由生命周期模型回答", "History too short: lifetime model only"),
            (taught, days) if taught == days => lang
                .text("历史足够：完整的过去窗口可供学习", "Enough history: whole past windows to learn from"),
            (taught, _) => lang.pick(
                format!("历史较短：从 {taught} 天的窗口学排序，基准购买率由生命周期模型推算"),
                format!("Short history: ranking learned from windows of {taught} days, base rate from the lifetime model"),
            ),
        };
        Row {
            strong: false,
            cells: vec![
                Cell::text(days(horizon.days)),
                Cell::number(horizon.snapshots.to_string()),
                Cell::number(days(horizon.taught_days)),
                Cell::text(verdict),
            ],
        }
    };
    let head = |name: String, help: String, number| Head { name, help, number };
    let windows = lang.text("供学习的过去时段", "past periods to learn from");
    let length = lang.text("历史能教的天数", "days that the history can teach");
    Table {
        head: vec![
            head(lang.text("期限", "Horizon"), String::new(), false),
            head(lang.text("学习窗口数", "Windows"), windows, true),
            head(lang.text("窗口长度", "Window length"), length, true),
            head(lang.text("结论", "Verdict"), String::new(), false),
        ],
        rows: usability.horizons.iter().map(row).collect(),
        note: String::new(),
    }
}

/// Which optional columns were found.
fn columns(lang: Lang, usability: &Usability) -> String {
    const NAMES: [(&str, &str); 6] = [
        ("products", "商品"),
        ("categories", "品类"),
        ("channels", "渠道"),
        ("promotions", "促销"),
        ("returns", "退货"),
        ("interactions", "互动（访问、浏览、投诉等）"),
    ];
    if usability.optional.is_empty() {
        return lang.text(
            "除时间和金额外，数据没有其他信息。",
            "Optional columns found: none, only time and amount.",
        );
    }
    let known = usability.optional.iter().map(|name| {
        NAMES.iter().find(|(en, _)| en == name).map_or(name.as_str(), |(en, zh)| lang.pick(zh, en))
    });
    let known = known.collect::<Vec<&str>>().join(lang.pick("、", ", "));
    lang.pick(format!("除时间和金额外，数据还包含：{known}。"), format!("Optional columns found: {known}."))
}

/// The remarks of the check, in the language of the page.
fn notes(lang: Lang, usability: &Usability) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(sampled) = usability.sampled {
        let (kept, all, weight) = (count(sampled.kept), count(sampled.customers), sampled.weight());
        notes.push(lang.pick(
            format!("内存放不下全部历史：从 {all} 位顾客中抽样 {kept} 位，每位代表 {weight:.2} 位；合计数为样本的合计。"),
            format!("The histories do not fit into memory: {kept} of {all} customers were sampled, each stands for {weight:.2}; totals are those of the sample."),
        ));
    }
    if usability.span_days < SEASON_DAYS {
        let span = usability.span_days;
        notes.push(lang.pick(
            format!("{span} 天的历史看不到两次同样的季节：基准购买率依据最近的窗口和生命周期模型。"),
            format!("{span} days of history do not show a season twice: base rates rest on the latest windows and the lifetime model."),
        ));
    }
    if let Some(FarAhead { customers, latest, rest_end }) = &usability.far_ahead {
        notes.push(lang.pick(
            format!("最晚的事件在 {latest}，但除 {customers} 位客户外，其余都止于 {rest_end}：可能是日期录错，请更正或指定截止日期。"),
            format!("The latest event is on {latest}, but all customers except {customers} end by {rest_end}: dates may be mistyped. Correct them or give --as-of."),
        ));
    }
    if usability.events_after > 0 {
        let many = count(usability.events_after);
        notes.push(lang.pick(
            format!("有 {many} 个事件晚于截止时刻，未使用。"),
            format!("{many} events after that instant were left out."),
        ));
    }
    notes
}
