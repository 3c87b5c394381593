//! What a customer buys next.

use homing_models::next::{Chance, Due, NextPurchase};

use crate::web::parts::{Cell, Head, Table};
use crate::web::words::{Lang, t};

/// Products and categories that are shown.
const NEXT: usize = 6;

/// Products that are due by the customer's own cycle.
pub(super) fn due(lang: Lang, next: &NextPurchase) -> Option<Table> {
    let row = |due: &Due| {
        vec![
            Cell::text(due.product_id.clone()),
            Cell::text(due.category.clone().unwrap_or_default()),
            Cell::text(lang.date(&due.due_on)),
            Cell::number(t!(lang, "days", n = due.cycle_days.round().max(0.0) as u64)),
        ]
    };
    (!next.due.is_empty()).then(|| Table {
        named_by: "next",
        head: vec![
            Head::text(t!(lang, "product")),
            Head::text(t!(lang, "category")),
            Head::text(t!(lang, "due-on")),
            Head::number(t!(lang, "due-cycle")),
        ],
        rows: next.due.iter().take(NEXT).map(row).collect(),
    })
}

/// Chances of a first purchase in other categories.
pub(super) fn first_purchases(lang: Lang, next: &NextPurchase) -> Option<(String, Table)> {
    let days = next.horizon_days.filter(|_| !next.first_purchases.is_empty())?;
    let row = |one: &Chance| {
        let bar = homing_charts::meter(one.probability, homing_charts::Tone::Low);
        vec![Cell::text(one.category.clone()), Cell::number(lang.percent(one.probability)).bar(bar)]
    };
    let table = Table {
        named_by: "next",
        head: vec![Head::text(t!(lang, "category")), Head::number(t!(lang, "chance"))],
        rows: next.first_purchases.iter().take(NEXT).map(row).collect(),
    };
    Some((t!(lang, "first-lead", n = days), table))
}
