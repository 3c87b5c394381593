//! What a customer buys next.

use homing_models::next::{Chance, Due, NextPurchase};

use crate::web::format::{count, percent};
use crate::web::parts::{Cell, Head, Table};
use crate::web::words::{Words, fill};

/// Products and categories that are shown.
const NEXT: usize = 6;

/// Products that are due by the customer's own cycle.
pub(super) fn due(w: &Words, next: &NextPurchase) -> Option<Table> {
    let row = |due: &Due| {
        vec![
            Cell::text(due.product_id.clone()),
            Cell::text(due.category.clone().unwrap_or_default()),
            Cell::text(due.due_on.clone()),
            Cell::number(fill(w.days, &count(due.cycle_days.round().max(0.0) as u64))),
        ]
    };
    (!next.due.is_empty()).then(|| Table {
        named_by: "next",
        head: vec![
            Head::text(w.product),
            Head::text(w.category),
            Head::text(w.due_on),
            Head::number(w.due_cycle),
        ],
        rows: next.due.iter().take(NEXT).map(row).collect(),
    })
}

/// Chances of a first purchase in other categories.
pub(super) fn first_purchases(w: &Words, next: &NextPurchase) -> Option<(String, Table)> {
    let days = next.horizon_days.filter(|_| !next.first_purchases.is_empty())?;
    let row = |one: &Chance| {
        let bar = homing_charts::meter(one.probability, homing_charts::Tone::Low);
        vec![Cell::text(one.category.clone()), Cell::number(percent(one.probability)).bar(bar)]
    };
    let table = Table {
        named_by: "next",
        head: vec![Head::text(w.category), Head::number(w.chance)],
        rows: next.first_purchases.iter().take(NEXT).map(row).collect(),
    };
    Some((fill(w.first_lead, &days.to_string()), table))
}
