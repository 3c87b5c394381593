//! What the model goes by: exact SHAP values, folded by cause and feature by feature.

use homing_charts::{Tone, meter};
use homing_models::features::{COUNT, Cause, SPECS};
use homing_models::judged::Weight;

use super::base::Base;
use super::names;
use super::page::{BarRow, Bars, Block, Section};
use homing_locales::{Lang, t};

/// Maximum number of single features that are shown.
const MAX_FEATURES: usize = 15;

/// The section; `None` without customers.
pub(super) fn section(lang: Lang, base: &Base, suffix: &str) -> Option<Section> {
    let customers = base.customers.len();
    if customers == 0 {
        return None;
    }
    let features = moved(base);
    let mut blocks = vec![bars(
        lang,
        &causes(lang, base),
        t!(lang, "report-by-cause").to_owned(),
        t!(lang, "report-by-cause-note").to_owned(),
    )];
    if features.is_empty() {
        blocks.push(Block::Text(t!(lang, "importance-none").to_owned()));
    } else {
        let whole: f64 = features.iter().map(|feature| feature.1).sum();
        blocks.push(bars(
            lang,
            &Shares { whole, rows: single_features(lang, base, &features) },
            t!(lang, "report-top-features").to_owned(),
            t!(lang, "report-top-features-note").to_owned(),
        ));
    }
    Some(Section {
        id: format!("importance{suffix}"),
        title: t!(lang, "report-importance").to_owned(),
        lead: t!(lang, "report-importance-lead", customers = customers),
        blocks,
    })
}

/// What moves predictions, as rows of name, note and amount; `whole` is the amount of all.
struct Shares {
    whole: f64,
    rows: Vec<(String, String, f64)>,
}

fn bars(lang: Lang, shares: &Shares, title: String, note: String) -> Block {
    let most = shares.rows.iter().map(|row| row.2).fold(1e-12, f64::max);
    let rows = shares.rows.iter().map(|(name, note, moved)| BarRow {
        name: name.clone(),
        note: note.clone(),
        value: lang.percent1(moved / shares.whole.max(1e-12)),
        bar: meter(moved / most, Tone::Low),
    });
    Block::Bars(Bars { title, note, rows: rows.collect() })
}

/// How much each cause moves a prediction on average, the most first.
fn causes(lang: Lang, base: &Base) -> Shares {
    let n = base.customers.len() as f64;
    let moved = |cause: Cause| {
        let of_cause: Vec<usize> = (0..COUNT).filter(|&at| SPECS[at].cause == cause).collect();
        let each = base.customers.iter().map(|customer| {
            let lifetime = match cause {
                Cause::Rhythm => customer.lifetime[0],
                Cause::Frequency => customer.lifetime[1],
                _ => 0.0,
            };
            (lifetime + of_cause.iter().map(|&at| customer.by_feature[at]).sum::<f64>()).abs()
        });
        each.sum::<f64>() / n
    };
    let mut causes: Vec<(Cause, f64)> = names::CAUSES
        .iter()
        .map(|&(cause, _)| (cause, moved(cause)))
        .filter(|(_, moved)| *moved > 1e-9)
        .collect();
    causes.sort_by(|a, b| b.1.total_cmp(&a.1));
    let all = causes.iter().map(|cause| cause.1).sum::<f64>();
    causes.retain(|(_, moved)| *moved >= all * 5e-4);
    let rows = causes.iter().map(|&(cause, moved)| {
        let (name, note) = names::cause(lang, cause);
        (name, note, moved)
    });
    Shares { whole: causes.iter().map(|cause| cause.1).sum(), rows: rows.collect() }
}

fn single_features(lang: Lang, base: &Base, features: &[(usize, f64)]) -> Vec<(String, String, f64)> {
    let rows = features.iter().take(MAX_FEATURES).map(|&(at, moved)| {
        let name = SPECS[at].name;
        let direction = match direction(base, at) {
            pull if pull > 0.2 => t!(lang, "report-higher-likelier").to_owned(),
            pull if pull < -0.2 => t!(lang, "report-higher-unlikelier").to_owned(),
            _ => String::new(),
        };
        (names::meaning(lang, name), format!("{name}{direction}"), moved)
    });
    rows.collect()
}

/// How much each feature moves a prediction on average, the most first.
fn moved(base: &Base) -> Vec<(usize, f64)> {
    let n = base.customers.len() as f64;
    let mean =
        |at: usize| base.customers.iter().map(|customer| customer.by_feature[at].abs()).sum::<f64>() / n;
    let mut features: Vec<(usize, f64)> =
        (0..COUNT).map(|at| (at, mean(at))).filter(|(_, moved)| *moved > 1e-9).collect();
    features.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    features
}

/// The weightiest features in numbers.
pub(super) fn weights(base: &Base) -> Vec<Weight> {
    let features = moved(base);
    let whole = features.iter().map(|feature| feature.1).sum::<f64>().max(1e-12);
    let weight = |&(at, moved): &(usize, f64)| Weight {
        feature: SPECS[at].name.to_owned(),
        meaning: names::text(SPECS[at].name),
        share: moved / whole,
    };
    features.iter().take(MAX_FEATURES).map(weight).collect()
}

/// Correlation between a feature and what it contributes.
fn direction(base: &Base, at: usize) -> f64 {
    let pairs: Vec<(f64, f64)> = base
        .customers
        .iter()
        .map(|customer| (customer.features[at], customer.by_feature[at]))
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        // Ranks would be exact; the signed log is enough against heavy tails.
        .map(|(x, y)| (x.signum() * x.abs().ln_1p(), y))
        .collect();
    let n = pairs.len() as f64;
    let (mx, my) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0 / n, sum.1 + pair.1 / n));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xy += (x - mx) * (y - my);
        xx += (x - mx) * (x - mx);
        yy += (y - my) * (y - my);
    }
    if xx * yy > 0.0 { xy / (xx * yy).sqrt() } else { 0.0 }
}
