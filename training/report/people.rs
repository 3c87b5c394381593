//! Who buys again, by recency and frequency.

use homing_charts::{Heat, heat};
use homing_models::Bundle;
use homing_models::features::F;

use super::base::{Base, MIN_GROUP, Sampled};
use super::page::{Block, Drawing, Section};
use homing_locales::{Lang, t};

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
        title: t!(lang, "report-people-probability", days = days),
        note: t!(lang, "report-people-probability-note").to_owned(),
        of: |customer| customer.p_purchase,
        short: Lang::percent,
        long: Lang::percent,
        root: false,
    };
    let spend = Measure {
        title: t!(lang, "report-people-spend", days = days),
        note: t!(lang, "report-people-spend-note").to_owned(),
        of: |customer| customer.spend,
        short: Lang::short_money,
        long: Lang::money,
        root: true,
    };
    let as_of = lang.date(&bundle.manifest().timezone.date(base.as_of));
    Section {
        id: format!("people{suffix}"),
        title: t!(lang, "report-people").to_owned(),
        lead: t!(lang, "report-people-lead", as_of = as_of, least = MIN_GROUP),
        blocks: vec![Block::Drawings([probability, spend].map(|of| grid.draw(lang, of)).into())],
    }
}

/// What is drawn in the cells.
struct Measure {
    title: String,
    note: String,
    of: fn(&Sampled) -> f64,
    short: fn(Lang, f64) -> String,
    long: fn(Lang, f64) -> String,
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
            let many = lang.count((customers.len() as f64 * self.each).round() as u64);
            let (orders, recency, said) = (&self.rows[row], &self.columns[column], long(lang, value));
            let share = value / most;
            Some(homing_charts::Cell {
                share: if root { share.sqrt() } else { share },
                text: short(lang, value),
                title: t!(
                    lang,
                    "report-people-cell",
                    orders = orders,
                    recency = recency,
                    many = many,
                    said = said
                ),
                link: None,
            })
        };
        let drawn: Vec<Vec<Option<homing_charts::Cell>>> = (0..self.rows.len())
            .map(|row| (0..self.columns.len()).map(|column| draw_cell(row, column)).collect())
            .collect();
        let label = t!(lang, "report-people-label", title = &title, most = long(lang, most));
        Drawing {
            title,
            note,
            keys: Vec::new(),
            svg: heat(&Heat {
                label: &label,
                rows: &self.rows,
                columns: &self.columns,
                row_name: t!(lang, "report-orders"),
                column_name: t!(lang, "report-recency"),
                cells: &drawn,
            }),
        }
    }
}
