//! Who comes back, by recency and frequency.

use homing_charts::numbers::{count, money, percent, short};
use homing_charts::{Heat, heat};
use homing_models::Bundle;
use homing_models::features::F;

use super::base::{Base, MIN_GROUP, Member};
use super::lang::Lang;
use super::page::{Block, Drawing, Section};

/// Upper ends of the groups by days since the last order.
const RECENCY: [f64; 7] = [7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0];
/// Upper ends of the groups by orders, with their names.
const ORDERS: [(f64, &str); 7] =
    [(1.0, "1"), (2.0, "2"), (3.0, "3"), (5.0, "4–5"), (9.0, "6–9"), (19.0, "10–19"), (f64::INFINITY, "20+")];

pub(super) fn section(lang: Lang, base: &Base, bundle: &Bundle, suffix: &str) -> Section {
    let t = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let days = base.days;
    let columns: Vec<String> =
        RECENCY.iter().map(|edge| format!("≤{edge:.0}")).chain([">365".to_owned()]).collect();
    let column_of =
        |member: &Member| RECENCY.partition_point(|&edge| edge < member.features[F::recency_days as usize]);
    let row_of =
        |member: &Member| ORDERS.partition_point(|&(edge, _)| edge < member.features[F::orders as usize]);
    let mut cells: Vec<Vec<Vec<&Member>>> = vec![vec![Vec::new(); columns.len()]; ORDERS.len()];
    for member in &base.members {
        cells[row_of(member).min(ORDERS.len() - 1)][column_of(member)].push(member);
    }
    let used = cells.iter().rposition(|row| row.iter().any(|cell| !cell.is_empty())).unwrap_or(0) + 1;
    let rows: Vec<String> = ORDERS[..used].iter().map(|(_, name)| (*name).to_owned()).collect();
    let mean = |cell: &[&Member], of: fn(&Member) -> f64| {
        cell.iter().map(|m| of(m)).sum::<f64>() / cell.len() as f64
    };
    let draw = |title: String,
                note: String,
                of: fn(&Member) -> f64,
                text: fn(f64) -> String,
                long: fn(f64) -> String,
                root: bool| {
        let told = |cell: &Vec<&Member>| (cell.len() >= MIN_GROUP).then(|| mean(cell, of));
        let most = cells.iter().flatten().filter_map(told).fold(1e-12, f64::max);
        let drawn: Vec<Vec<Option<homing_charts::Cell>>> = cells[..used]
            .iter()
            .enumerate()
            .map(|(row, of_row)| {
                let cell = |(column, cell): (usize, &Vec<&Member>)| {
                    let value = told(cell)?;
                    let many = count((cell.len() as f64 * base.each).round() as u64);
                    let share = value / most;
                    Some(homing_charts::Cell {
                        // Spend is skewed: the root keeps the middle apart.
                        share: if root { share.sqrt() } else { share },
                        text: text(value),
                        title: lang.pick(
                            format!(
                                "{} 单，距上次购买 {} 天：约 {many} 位顾客，平均 {}",
                                rows[row],
                                columns[column],
                                long(value)
                            ),
                            format!(
                                "{} orders, {} days since the last: about {many} customers, {} on average",
                                rows[row],
                                columns[column],
                                long(value)
                            ),
                        ),
                        link: None,
                    })
                };
                of_row.iter().enumerate().map(cell).collect()
            })
            .collect();
        let label = lang.pick(
            format!("{title}：按订单数与距上次购买天数分组，最高 {}", long(most)),
            format!("{title} by orders and days since the last purchase; highest {}", long(most)),
        );
        Drawing {
            title,
            note,
            keys: Vec::new(),
            svg: heat(&Heat {
                label: &label,
                rows: &rows,
                columns: &columns,
                row_name: &t("订单数", "orders"),
                column_name: &t("距上次购买的天数", "days since the last purchase"),
                cells: &drawn,
            }),
        }
    };
    let returning = draw(
        lang.pick(format!("{days} 天内回来的概率"), format!("Chance to come back within {days} days")),
        t(
            "颜色越重概率越高。往右（沉默越久）变轻、往下（订单越多）变重是健康的样子。",
            "The stronger the colour, the likelier. Weaker to the right (longer silence) and stronger downwards (more orders) is as it should be.",
        ),
        |member| member.p_purchase,
        percent,
        percent,
        false,
    );
    let spend = draw(
        lang.pick(format!("{days} 天内的预期消费"), format!("Expected spend within {days} days")),
        t(
            "人均，商家货币。沉默已久的大客户往往是最值得挽回的。",
            "A customer, in the business's currency. Heavy buyers gone silent are often the ones worth winning back.",
        ),
        |member| member.spend,
        short,
        money,
        true,
    );
    let as_of = bundle.manifest().timezone.date(base.as_of);
    Section {
        id: format!("people{suffix}"),
        title: t("谁会回来：沉默时间 × 购买次数", "Who comes back: silence × number of orders"),
        lead: lang.pick(
            format!("{as_of} 的顾客按两个最直观的数分组，格内是模型的平均预测。少于 {MIN_GROUP} 位抽样顾客的格子不显示。"),
            format!("The customers of {as_of} by the two plainest numbers; a cell holds the model's mean. Cells of fewer than {MIN_GROUP} sampled customers are not shown."),
        ),
        blocks: vec![Block::Drawings(vec![returning, spend])],
    }
}
