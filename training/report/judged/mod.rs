//! How the scores of a backtest compare with what happened.

mod calibration;
mod candidates;
mod gain;
mod groups;
mod rules;
mod value;

use homing_models::judged::{Tenth, Test, Week};

use super::page::Section;
use crate::backtest::{Report, ScoreRow};
use groups::{GROUPS, bought, gains, groups, mean, wilson};
use homing_locales::{Lang, t};

pub(super) use candidates::{gain_over_rule, name_of};

/// The section where there is no backtest.
pub(super) fn missing(lang: Lang) -> Section {
    Section {
        id: "candidates".to_owned(),
        title: t!(lang, "report-test").to_owned(),
        lead: t!(lang, "report-test-none").to_owned(),
        blocks: Vec::new(),
    }
}

/// The sections of a backtest; `suffix` sets their anchors apart from those of other backtests.
pub(super) fn sections(lang: Lang, report: &Report, suffix: &str) -> Vec<Section> {
    let mut all = vec![
        candidates::section(lang, report),
        calibration::section(lang, report),
        gain::section(lang, report),
        value::section(lang, report),
    ];
    all.extend(rules::section(lang, report));
    for section in &mut all {
        section.id.push_str(suffix);
    }
    all
}

/// The backtest in numbers, for the pages of the service.
pub(super) fn in_numbers(report: &Report, weeks: Vec<Week>) -> Test {
    let rows = &report.scores;
    let tenth = |group: &Vec<&ScoreRow>| {
        let actual = mean(group, bought);
        Tenth {
            customers: group.len() as u64,
            expected: mean(group, |row| row.p_purchase),
            actual,
            interval: wilson(actual, group.len()),
        }
    };
    let shares = |score: fn(&ScoreRow) -> f64, actual: fn(&ScoreRow) -> f64| {
        gains(rows, score, actual)
            .into_iter()
            .map(|(_, share)| if share.is_finite() { share } else { 0.0 })
            .collect()
    };
    let mut value = groups(rows, |row| row.expected_spend, GROUPS);
    value.reverse();
    let manifest = report.bundle.manifest();
    Test {
        cutoff: manifest.timezone.date(manifest.as_of),
        days: report.horizon,
        customers: report.customers as u64,
        bought: report.bought,
        chances: groups(rows, |row| row.p_purchase, GROUPS).iter().map(tenth).collect(),
        buyers: shares(|row| row.p_purchase, bought),
        buyers_best: shares(bought, bought),
        spend: shares(|row| row.expected_spend, |row| row.label.spend),
        spend_best: shares(|row| row.label.spend, |row| row.label.spend),
        value: value
            .iter()
            .map(|group| (mean(group, |row| row.expected_spend), mean(group, |row| row.label.spend)))
            .collect(),
        weeks,
    }
}
