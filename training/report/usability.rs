//! What the data can carry.

use homing_charts::numbers::{count, percent};

use super::lang::Lang;
use super::page::{Block, Cell, Figure, Head, Row, Section, Table};
use crate::check::{FarAhead, Usability};

pub(super) fn section(lang: Lang, usability: &Usability) -> Section {
    let t = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let figure = |name: String, value: String, note: String| Figure { name, value, note };
    let repeat = usability.repeaters as f64 / usability.customers.max(1) as f64;
    let mean = usability.orders as f64 / usability.customers.max(1) as f64;
    let figures = vec![
        figure(
            t("有购买的顾客", "Customers with a purchase"),
            count(usability.customers),
            lang.pick(
                format!("另有 {} 位只有其他事件，不评分", count(usability.without_purchase)),
                format!(
                    "{} more have other events only and are not scored",
                    count(usability.without_purchase)
                ),
            ),
        ),
        figure(
            t("其中复购过的", "Of which came back"),
            percent(repeat),
            lang.pick(
                format!("{} 位，至少两个购买日", count(usability.repeaters)),
                format!("{} with two order days or more", count(usability.repeaters)),
            ),
        ),
        figure(
            t("订单", "Orders"),
            count(usability.orders),
            lang.pick(
                format!("一天算一单；人均 {mean:.1} 单"),
                format!("a day with a purchase is one; {mean:.1} a customer"),
            ),
        ),
        figure(
            t("历史长度", "Span of history"),
            lang.pick(
                format!("{} 天", count(usability.span_days.max(0) as u64)),
                format!("{} days", count(usability.span_days.max(0) as u64)),
            ),
            lang.pick(
                format!("自 {} 起", usability.first_purchase),
                format!("since {}", usability.first_purchase),
            ),
        ),
        figure(
            t("事件", "Events"),
            count(usability.events),
            t("购买明细、退货、互动等的行数", "lines: purchases, returns, interactions"),
        ),
    ];
    let rows = usability.horizons.iter().map(|horizon| {
        let verdict = match (horizon.taught_days, horizon.days) {
            (0, _) => t("历史太短：只由生命周期模型回答", "History too short: the lifetime model alone answers"),
            (taught, days) if taught == days => t("历史足够：完整的过去窗口可供学习", "Enough history: whole windows of the past teach it"),
            (taught, _) => lang.pick(
                format!("历史较短：从 {taught} 天的窗口学排序，水平由生命周期模型推算"),
                format!("History is short: order learned from windows of {taught} days, level set by the lifetime model"),
            ),
        };
        Row {
            strong: false,
            cells: vec![
                Cell::text(lang.pick(format!("{} 天", horizon.days), format!("{} days", horizon.days))),
                Cell::number(horizon.snapshots.to_string()),
                Cell::number(lang.pick(format!("{} 天", horizon.taught_days), format!("{} days", horizon.taught_days))),
                Cell::text(verdict),
            ],
        }
    });
    let head = |name: String, help: String, number| Head { name, help, number };
    let table = Table {
        head: vec![
            head(t("期限", "Horizon"), String::new(), false),
            head(t("学习窗口数", "Windows"), t("供学习的过去时段", "past periods to learn from"), true),
            head(t("窗口长度", "Window length"), t("历史能教的天数", "days that history can teach"), true),
            head(t("结论", "Verdict"), String::new(), false),
        ],
        rows: rows.collect(),
        note: String::new(),
    };
    let names = [
        ("products", "商品"),
        ("categories", "品类"),
        ("channels", "渠道"),
        ("promotions", "促销"),
        ("returns", "退货"),
        ("interactions", "互动（访问、浏览、投诉等）"),
    ];
    let zh_of = |name: &String| {
        names.iter().find(|(en, _)| en == name).map_or(name.clone(), |(_, zh)| (*zh).to_owned())
    };
    let told = if usability.told.is_empty() {
        t("除时间和金额外，数据没有其他信息。", "Beside time and money the data tell nothing more.")
    } else {
        let zh = usability.told.iter().map(zh_of).collect::<Vec<_>>().join("、");
        lang.pick(
            format!("除时间和金额外，数据还包含：{zh}。"),
            format!("Beside time and money the data tell of: {}.", usability.told.join(", ")),
        )
    };
    let mut blocks = vec![Block::Figures(figures), Block::Table(table), Block::Text(told)];
    // The remarks of the check, in the language of the page.
    if let Some(sampled) = usability.sampled {
        let (kept, all) = (count(sampled.kept), count(sampled.customers));
        blocks.push(Block::Note(lang.pick(
            format!("内存放不下全部历史：从 {all} 位顾客中抽样 {kept} 位，每位代表 {:.2} 位；合计数为样本的合计。", sampled.weight()),
            format!("The histories do not fit into memory: {kept} of {all} customers were sampled, each stands for {:.2}; totals are those of the sample.", sampled.weight()),
        )));
    }
    if usability.span_days < 365 + 90 {
        blocks.push(Block::Note(lang.pick(
            format!("{} 天的历史看不到两次同样的季节：水平依据最近的窗口和生命周期模型。", usability.span_days),
            format!("{} days of history do not show a season twice: levels rest on the latest windows and the lifetime model.", usability.span_days),
        )));
    }
    if let Some(FarAhead { customers, latest, rest_end }) = &usability.far_ahead {
        blocks.push(Block::Note(lang.pick(
            format!("最晚的事件在 {latest}，但除 {customers} 位客户外，其余都止于 {rest_end}：可能是日期录错，请更正或指定截止日期。"),
            format!("The latest event is of {latest}, but all customers except {customers} end by {rest_end}: dates may be mistyped; mend them or name the instant to learn up to."),
        )));
    }
    if usability.events_after > 0 {
        blocks.push(Block::Note(lang.pick(
            format!("有 {} 个事件晚于截止时刻，未使用。", count(usability.events_after)),
            format!("{} events after that instant were left out.", count(usability.events_after)),
        )));
    }
    Section {
        id: "data".to_owned(),
        title: t("数据可用性", "What the data can carry"),
        lead: t(
            "模型的好坏先取决于数据。这里是学到的数据有多少、能支撑多长的预测。",
            "A model is as good as its data: how much there was to learn from, and how far ahead that reaches.",
        ),
        blocks,
    }
}
