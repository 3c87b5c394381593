//! Drift: how today's customers differ from those that the last model was fitted on.

use homing_charts::numbers::{count, decimal};
use homing_charts::{Tone, meter};
use homing_models::Bundle;
use homing_models::features::{COUNT, SPECS, Unit};
use homing_models::judged::Shift;

use super::base::Base;
use super::lang::Lang;
use super::names;
use super::page::{Block, Cell, Head, Row, Section, Table};

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
        None => (
            lang.text(
                "模型库中没有用更早数据训练的同名模型，因此还没有可比的对象。下一次训练会与本模型比较。",
                "The registry holds no model of this name from earlier data, so there is nothing to compare with yet. The next fit will be compared with this one.",
            ),
            Vec::new(),
        ),
    };
    let title = lang.text("漂移：顾客变了吗", "Drift: have the customers changed");
    Section { id: "drift".to_owned(), title, lead, blocks }
}

fn against(lang: Lang, previous: &Bundle) -> String {
    let (id, manifest) = (previous.id(), previous.manifest());
    let date = manifest.timezone.date(manifest.as_of);
    lang.pick(
        format!("与上一个模型 {id} 的顾客（数据截至 {date}）相比。"),
        format!("Against the customers of the last model, {id} (data up to {date})."),
    )
}

fn compared(lang: Lang, base: &Base, bundle: &Bundle, previous: &Bundle) -> Vec<Block> {
    let rows = shifted(base, previous);
    let mut blocks = vec![Block::Text(verdict(lang, &rows)), Block::Table(table(lang, &rows))];
    let unknown = |bundle: &Bundle, at: usize| bundle.base().deciles.get(at).is_some_and(Vec::is_empty);
    let appeared = (0..COUNT).filter(|&at| unknown(previous, at) != unknown(bundle, at)).count();
    if appeared > 0 {
        let many = count(appeared as u64);
        blocks.push(Block::Note(lang.pick(
            format!("有 {many} 项特征在一份数据中有值、在另一份中没有：数据所含的信息变了。"),
            format!("{many} features are known in only one of the two data sets: the data contain other information now."),
        )));
    }
    blocks
}

fn verdict(lang: Lang, rows: &[(usize, f64, f64, f64)]) -> String {
    let all = rows.len();
    let shifted = rows.iter().filter(|row| row.1 >= SHIFTED).count();
    let shifting = rows.iter().filter(|row| row.1 >= SHIFTING).count() - shifted;
    if shifted > 0 {
        lang.pick(
            format!("{all} 项特征中有 {shifted} 项明显变化（PSI ≥ {SHIFTED}），{shifting} 项有所变化。请查明原因：季节、活动，还是数据口径变了。"),
            format!("Of {all} features {shifted} have shifted (PSI of {SHIFTED} or more) and {shifting} are shifting. Find out why: a season, a campaign, or a change in how data are recorded."),
        )
    } else {
        lang.pick(
            format!("{all} 项特征都没有明显变化；{shifting} 项有所变化（PSI ≥ {SHIFTING}）。"),
            format!(
                "None of {all} features has shifted; {shifting} are shifting (PSI of {SHIFTING} or more)."
            ),
        )
    }
}

fn table(lang: Lang, rows: &[(usize, f64, f64, f64)]) -> Table {
    let number =
        |value: f64| decimal(value, if value.abs() >= 100.0 || value.fract() == 0.0 { 0 } else { 2 });
    let row = |&(at, index, then, now): &(usize, f64, f64, f64)| {
        let (tone, verdict) = match index {
            index if index >= SHIFTED => (Tone::High, lang.text("明显变化", "shifted")),
            index if index >= SHIFTING => (Tone::Medium, lang.text("有所变化", "shifting")),
            _ => (Tone::Low, lang.text("稳定", "stable")),
        };
        Row {
            strong: false,
            cells: vec![
                Cell::text(names::meaning(lang, SPECS[at].name)).with(SPECS[at].name),
                Cell::number(decimal(index, 3)).bar(meter(index / 0.5, tone)),
                Cell::text(verdict),
                Cell::number(number(then)),
                Cell::number(number(now)),
            ],
        }
    };
    let head = |name: String, help: String, number| Head { name, help, number };
    let index = lang.text("稳定指数 PSI", "Stability index, PSI");
    Table {
        head: vec![
            head(lang.text("特征", "Feature"), String::new(), false),
            head(index, lang.text("越小越稳定", "smaller is more stable"), true),
            head(lang.text("结论", "Verdict"), String::new(), false),
            head(lang.text("当时中位数", "Median then"), String::new(), true),
            head(lang.text("现在中位数", "Median now"), String::new(), true),
        ],
        rows: rows.iter().take(MAX_SHOWN).map(row).collect(),
        note: lang.text(
            "从十分位数算出；同值很多的特征只计能证明的变化。对比的是有值的顾客。",
            "From deciles; of features with many equal values only the change that is certain is counted. Customers without a value are left out.",
        ),
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
