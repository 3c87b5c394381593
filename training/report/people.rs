//! Who buys again, by recency and frequency.

use homing_charts::numbers::{count, money, percent, short};
use homing_charts::{Heat, heat};
use homing_models::Bundle;
use homing_models::features::F;

use super::base::{Base, MIN_GROUP, Sampled};
use super::lang::Lang;
use super::page::{Block, Drawing, Section};

/// Upper ends of the groups by days since the last order.
const RECENCY: [f64; 7] = [7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0];
/// Upper ends of the groups by orders, with their names.
const ORDERS: [(f64, &str); 7] =
    [(1.0, "1"), (2.0, "2"), (3.0, "3"), (5.0, "4–5"), (9.0, "6–9"), (19.0, "10–19"), (f64::INFINITY, "20+")];

/// The section.
pub(super) fn section(lang: Lang, base: &Base, bundle: &Bundle, suffix: &str) -> Section {
    let days = base.days;
    let grid = Grid::of(base);
    let probability = Measure {
        title: lang.pick(
            format!("{days} 天内的购买概率"),
            format!("Purchase probability within {days} days"),
        ),
        note: lang.text(
            "颜色越重概率越高。往右（沉默越久）变轻、往下（订单越多）变重是健康的样子。",
            "The darker, the higher. Lighter to the right (longer since the last order) and darker downwards (more orders) is as it should be.",
        ),
        of: |customer| customer.p_purchase,
        short: percent,
        long: percent,
        root: false,
    };
    let spend = Measure {
        title: lang.pick(format!("{days} 天内的预期消费"), format!("Expected spend within {days} days")),
        note: lang.text(
            "人均，商家货币。沉默已久的大客户往往是最值得挽回的。",
            "Per customer, in the business's currency. Heavy buyers who have not ordered for long are often the ones worth winning back.",
        ),
        of: |customer| customer.spend,
        short,
        long: money,
        root: true,
    };
    let as_of = bundle.manifest().timezone.date(base.as_of);
    Section {
        id: format!("people{suffix}"),
        title: lang.text("谁会回来：沉默时间 × 购买次数", "Who buys again: recency × number of orders"),
        lead: lang.pick(
            format!("{as_of} 的顾客按两个最直观的数分组，格内是模型的平均预测。少于 {MIN_GROUP} 位抽样顾客的格子不显示。"),
            format!("The customers of {as_of} by recency and orders; a cell holds the model's mean prediction. Cells of fewer than {MIN_GROUP} sampled customers are not shown."),
        ),
        blocks: vec![Block::Drawings([probability, spend].map(|of| grid.draw(lang, of)).into())],
    }
}

/// What is drawn in the cells.
struct Measure {
    title: String,
    note: String,
    of: fn(&Sampled) -> f64,
    short: fn(f64) -> String,
    long: fn(f64) -> String,
    /// Whether colours go by the root: spend is skewed, and the root keeps the middle apart.
    root: bool,
}

/// The customers by orders and recency.
struct Grid<'a> {
    rows: Vec<String>,
    columns: Vec<String>,
    cells: Vec<Vec<Vec<&'a Sampled>>>,
    /// How many customers each stands for.
    each: f64,
}

impl<'a> Grid<'a> {
    fn of(base: &'a Base) -> Self {
        let columns: Vec<String> =
            RECENCY.iter().map(|edge| format!("≤{edge:.0}")).chain([">365".to_owned()]).collect();
        let mut cells: Vec<Vec<Vec<&Sampled>>> = vec![vec![Vec::new(); columns.len()]; ORDERS.len()];
        for customer in &base.customers {
            let get = |feature: F| customer.features[feature as usize];
            let column = RECENCY.partition_point(|&edge| edge < get(F::recency_days));
            let row = ORDERS.partition_point(|&(edge, _)| edge < get(F::orders)).min(ORDERS.len() - 1);
            cells[row][column].push(customer);
        }
        let used = cells.iter().rposition(|row| row.iter().any(|cell| !cell.is_empty())).unwrap_or(0) + 1;
        cells.truncate(used);
        let rows = ORDERS[..used].iter().map(|(_, name)| (*name).to_owned()).collect();
        Grid { rows, columns, cells, each: base.each }
    }

    fn draw(&self, lang: Lang, measure: Measure) -> Drawing {
        let Measure { title, note, of, short, long, root } = measure;
        let mean = |cell: &[&Sampled]| {
            (cell.len() >= MIN_GROUP).then(|| cell.iter().map(|m| of(m)).sum::<f64>() / cell.len() as f64)
        };
        let most = self.cells.iter().flatten().filter_map(|cell| mean(cell)).fold(1e-12, f64::max);
        let draw_cell = |row: usize, column: usize| {
            let customers = &self.cells[row][column];
            let value = mean(customers)?;
            let many = count((customers.len() as f64 * self.each).round() as u64);
            let (orders, recency, said) = (&self.rows[row], &self.columns[column], long(value));
            let share = value / most;
            Some(homing_charts::Cell {
                share: if root { share.sqrt() } else { share },
                text: short(value),
                title: lang.pick(
                    format!("{orders} 单，距上次购买 {recency} 天：约 {many} 位顾客，平均 {said}"),
                    format!("{orders} orders, {recency} days since the last: about {many} customers, {said} on average"),
                ),
                link: None,
            })
        };
        let drawn: Vec<Vec<Option<homing_charts::Cell>>> = (0..self.rows.len())
            .map(|row| (0..self.columns.len()).map(|column| draw_cell(row, column)).collect())
            .collect();
        let label = lang.pick(
            format!("{title}：按订单数与距上次购买天数分组，最高 {}", long(most)),
            format!("{title} by orders and days since the last order; highest {}", long(most)),
        );
        Drawing {
            title,
            note,
            keys: Vec::new(),
            svg: heat(&Heat {
                label: &label,
                rows: &self.rows,
                columns: &self.columns,
                row_name: &lang.text("订单数", "orders"),
                column_name: &lang.text("距上次购买的天数", "days since the last order"),
                cells: &drawn,
            }),
        }
    }
}
