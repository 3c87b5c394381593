//! Drift: how today's customers differ from those that the last model was fitted on.

use homing_charts::{Tone, meter};
use homing_models::Bundle;
use homing_models::features::{COUNT, SPECS, Unit};
use homing_models::judged::Shift;

use super::base::Base;
use super::names;
use super::page::{Block, Cell, Head, Row, Section, Table};
use homing_locales::{Lang, t};

/// Maximum number of features that are shown.
const MAX_SHOWN: usize = 10;
/// From here on a feature is said to shift, and to have shifted.
const SHIFTING: f64 = 0.1;
const SHIFTED: f64 = 0.25;
/// No group is taken to be smaller.
const MIN_SHARE: f64 = 1e-3;

/// The population stability index of values against the deciles (eleven values) of another time: the sum over groups
/// of (now − then) × ln(now / then).
///
/// Where a value fills several deciles, or where values are counts, its deciles only bound the share below it: then the
/// share nearest to today's is taken, so that the index shows no change that is not certain.
fn stability(deciles: &[f64], values: &[f64], counts: bool) -> Option<f64> {
    if deciles.len() != 11 || values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mut edges: Vec<f64> = deciles[..10].to_vec();
    edges.dedup();
    let (mut then_below, mut now_below, mut sum) = (0.0, 0.0, 0.0);
    let mut add = |then: f64, now: f64| {
        let (then, now) = (then.max(MIN_SHARE), now.max(MIN_SHARE));
        sum += (now - then) * (now / then).ln();
    };
    for edge in edges {
        // The highest decile at this value: that share at least lies at or below it, and less than a tenth more.
        let highest = deciles.iter().rposition(|&decile| decile <= edge).unwrap_or(0);
        let at_edge = values.iter().filter(|&&value| value == edge).count() as f64 / n;
        let repeated = deciles.iter().filter(|&&decile| decile == edge).count() > 1 || at_edge > 0.02;
        let (low, high) = (highest as f64 / 10.0, ((highest + 1) as f64 / 10.0).min(1.0));
        let now = values.iter().filter(|&&value| value <= edge).count() as f64 / n;
        if highest == 0 && !repeated && !counts {
            // The least value of then is no edge of a group.
            continue;
        }
        let then = if repeated || counts { now.clamp(low, high) } else { low };
        add((then - then_below).max(0.0), (now - now_below).max(0.0));
        (then_below, now_below) = (then.max(then_below), now);
    }
    add((1.0 - then_below).max(0.0), 1.0 - now_below);
    Some(sum)
}

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
            let index = stability(deciles, &now, counts)?;
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
        let same = stability(&then, &smooth, false).unwrap();
        assert!(same < 0.002, "{same}");
        let later: Vec<f64> = smooth.iter().map(|x| x * 0.5).collect();
        // Half of them lie below what a quarter did.
        assert!(stability(&then, &later, false).unwrap() > SHIFTED);
    }

    #[test]
    fn counts_with_ties_raise_no_false_alarm_but_a_true_one() {
        let mut orders: Vec<f64> =
            (0..2000).map(|i| if i % 3 == 0 { 2.0 } else { f64::from(1 + i % 7 / 5 * (i % 11)) }).collect();
        let then = deciles(&mut orders);
        let same = stability(&then, &orders, true).unwrap();
        assert!(same.abs() < 0.002, "{same} {then:?}");
        let more: Vec<f64> = orders.iter().map(|x| x + 3.0).collect();
        assert!(stability(&then, &more, true).unwrap() > SHIFTED);
    }

    #[test]
    fn what_was_unknown_has_no_index() {
        assert_eq!(stability(&[], &[1.0], false), None);
        assert_eq!(stability(&[0.0; 11], &[], false), None);
        assert!(stability(&[1.0; 11], &[1.0, 1.0], false).unwrap().abs() < 0.01);
    }
}
