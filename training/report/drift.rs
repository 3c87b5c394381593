//! Drift: how today's customers differ from those that the last model was fitted on.

use homing_charts::{Tone, meter};
use homing_models::Bundle;
use homing_models::features::{COUNT, SPECS, Unit};
use homing_models::judged::Shift;
use homing_models::statistics::decile_stability;

use super::base::Base;
use super::names;
use super::page::{Block, Cell, Head, Row, Section, Table};
use homing_locales::{Lang, t};

/// Maximum number of features that are shown.
const MAX_SHOWN: usize = 10;
/// From here on a feature is said to shift, and to have shifted.
const SHIFTING: f64 = 0.1;
const SHIFTED: f64 = 0.25;

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Feature, stability index, median then and now; the greatest shift first.
fn shifted(base: &Base, previous: &Bundle) -> Vec<(usize, f64, f64, f64)> {
    let mut rows: Vec<(usize, f64, f64, f64)> = (0..COUNT)
        .filter_map(|at| {
            let deciles = previous.base().deciles.get(at)?;
            let mut now: Vec<f64> = base
                .customers
                .iter()
                // Deciles were taken of single precision: what equals one must equal it still.
                .map(|customer| f64::from(customer.features[at] as f32))
                .filter(|value| value.is_finite())
                .collect();
            let counts = matches!(SPECS[at].unit, Unit::Count | Unit::Flag | Unit::Score);
            let index = decile_stability(deciles, &now, counts)?;
            Some((at, index, *deciles.get(5)?, median(&mut now)))
        })
        .collect();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    rows
}

/// The greatest shifts in numbers.
pub(super) fn shifts(base: &Base, previous: Option<&Bundle>) -> Vec<Shift> {
    let Some(previous) = previous else { return Vec::new() };
    let shift = |(at, index, then, now): (usize, f64, f64, f64)| Shift {
        feature: SPECS[at].name.to_owned(),
        meaning: names::text(SPECS[at].name),
        index,
        medians: (then, now),
    };
    // JSON has no NaN and no infinity.
    let known = |row: &(usize, f64, f64, f64)| [row.1, row.2, row.3].iter().all(|number| number.is_finite());
    shifted(base, previous).into_iter().filter(known).take(MAX_SHOWN).map(shift).collect()
}

/// The section; without a previous model it says so.
pub(super) fn section(lang: Lang, base: &Base, bundle: &Bundle, previous: Option<&Bundle>) -> Section {
    let (lead, blocks) = match previous {
        Some(previous) => (against(lang, previous), compared(lang, base, bundle, previous)),
        None => (t!(lang, "report-drift-none").to_owned(), Vec::new()),
    };
    let title = t!(lang, "report-drift").to_owned();
    Section { id: "drift".to_owned(), title, lead, blocks }
}

fn against(lang: Lang, previous: &Bundle) -> String {
    let (id, manifest) = (previous.id(), previous.manifest());
    let date = lang.date(&manifest.timezone.date(manifest.as_of));
    t!(lang, "report-drift-lead", id = id.to_string(), date = date)
}

fn compared(lang: Lang, base: &Base, bundle: &Bundle, previous: &Bundle) -> Vec<Block> {
    let rows = shifted(base, previous);
    let mut blocks = vec![Block::Text(verdict(lang, &rows)), Block::Table(table(lang, &rows))];
    let unknown = |bundle: &Bundle, at: usize| bundle.base().deciles.get(at).is_some_and(Vec::is_empty);
    let appeared = (0..COUNT).filter(|&at| unknown(previous, at) != unknown(bundle, at)).count();
    if appeared > 0 {
        let many = lang.count(appeared as u64);
        blocks.push(Block::Note(t!(lang, "report-drift-columns", many = many)));
    }
    blocks
}

fn verdict(lang: Lang, rows: &[(usize, f64, f64, f64)]) -> String {
    let all = rows.len();
    let shifted = rows.iter().filter(|row| row.1 >= SHIFTED).count();
    let shifting = rows.iter().filter(|row| row.1 >= SHIFTING).count() - shifted;
    if shifted > 0 {
        t!(
            lang,
            "report-drift-shifted",
            all = all,
            shifted = shifted,
            limit = lang.number(SHIFTED),
            shifting = shifting
        )
    } else {
        t!(lang, "report-drift-stable", all = all, shifting = shifting, limit = lang.number(SHIFTING))
    }
}

fn table(lang: Lang, rows: &[(usize, f64, f64, f64)]) -> Table {
    let number =
        |value: f64| lang.decimal(value, if value.abs() >= 100.0 || value.fract() == 0.0 { 0 } else { 2 });
    let row = |&(at, index, then, now): &(usize, f64, f64, f64)| {
        let (tone, verdict) = match index {
            index if index >= SHIFTED => (Tone::High, t!(lang, "drift-shifted").to_owned()),
            index if index >= SHIFTING => (Tone::Medium, t!(lang, "drift-shifting").to_owned()),
            _ => (Tone::Low, t!(lang, "drift-stable").to_owned()),
        };
        Row {
            strong: false,
            cells: vec![
                Cell::text(names::meaning(lang, SPECS[at].name)).with(SPECS[at].name),
                Cell::number(lang.decimal(index, 3)).bar(meter(index / 0.5, tone)),
                Cell::text(verdict),
                Cell::number(number(then)),
                Cell::number(number(now)),
            ],
        }
    };
    let head = |name: String, help: String, number| Head { name, help, number };
    let index = t!(lang, "report-psi").to_owned();
    Table {
        head: vec![
            head(t!(lang, "report-feature").to_owned(), String::new(), false),
            head(index, t!(lang, "report-psi-help").to_owned(), true),
            head(t!(lang, "report-verdict").to_owned(), String::new(), false),
            head(t!(lang, "report-median-then").to_owned(), String::new(), true),
            head(t!(lang, "report-median-now").to_owned(), String::new(), true),
        ],
        rows: rows.iter().take(MAX_SHOWN).map(row).collect(),
        note: t!(lang, "report-drift-note").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deciles(values: &mut [f64]) -> Vec<f64> {
        values.sort_by(f64::total_cmp);
        (0..=10).map(|i| values[(values.len() - 1) * i / 10]).collect()
    }

    #[test]
    fn the_same_customers_are_stable_and_others_are_not() {
        let mut smooth: Vec<f64> = (0..2000).map(f64::from).collect();
        let then = deciles(&mut smooth);
        let same = decile_stability(&then, &smooth, false).unwrap();
        assert!(same < 0.002, "{same}");
        let later: Vec<f64> = smooth.iter().map(|x| x * 0.5).collect();
        // Half of them lie below what a quarter did.
        assert!(decile_stability(&then, &later, false).unwrap() > SHIFTED);
    }

    #[test]
    fn counts_with_ties_raise_no_false_alarm_but_a_true_one() {
        let mut orders: Vec<f64> =
            (0..2000).map(|i| if i % 3 == 0 { 2.0 } else { f64::from(1 + i % 7 / 5 * (i % 11)) }).collect();
        let then = deciles(&mut orders);
        let same = decile_stability(&then, &orders, true).unwrap();
        assert!(same.abs() < 0.002, "{same} {then:?}");
        let more: Vec<f64> = orders.iter().map(|x| x + 3.0).collect();
        assert!(decile_stability(&then, &more, true).unwrap() > SHIFTED);
    }

    #[test]
    fn what_was_unknown_has_no_index() {
        assert_eq!(decile_stability(&[], &[1.0], false), None);
        assert_eq!(decile_stability(&[0.0; 11], &[], false), None);
        assert!(decile_stability(&[1.0; 11], &[1.0, 1.0], false).unwrap().abs() < 0.01);
    }
}
