//! What the model goes by: exact SHAP values, folded by cause and feature by feature.

use homing_charts::{Tone, meter};
use homing_models::features::{COUNT, Cause, SPECS};
use homing_models::judged::Weight;

use super::base::Base;
use super::lang::Lang;
use super::names;
use super::numbers::percent1;
use super::page::{BarRow, Bars, Block, Section};

/// Single features that are shown.
const MOST_FEATURES: usize = 15;

pub(super) fn section(lang: Lang, base: &Base, suffix: &str) -> Option<Section> {
    let members = &base.members;
    if members.is_empty() {
        return None;
    }
    let t = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let n = members.len() as f64;
    let mut causes: Vec<(Cause, f64)> = names::CAUSES
        .iter()
        .map(|&(cause, ..)| {
            let of_cause: Vec<usize> = (0..COUNT).filter(|&at| SPECS[at].cause == cause).collect();
            let moved = members.iter().map(|member| {
                let lifetime = match cause {
                    Cause::Rhythm => member.lifetime[0],
                    Cause::Frequency => member.lifetime[1],
                    _ => 0.0,
                };
                (lifetime + of_cause.iter().map(|&at| member.by_feature[at]).sum::<f64>()).abs()
            });
            (cause, moved.sum::<f64>() / n)
        })
        .filter(|(_, moved)| *moved > 1e-9)
        .collect();
    causes.sort_by(|a, b| b.1.total_cmp(&a.1));
    let whole = causes.iter().map(|cause| cause.1).sum::<f64>();
    causes.retain(|(_, moved)| *moved >= whole * 5e-4);
    let features = moved(base);
    let bars = |all: &[(String, String, f64)], total: f64, title: String, note: String| {
        let most = all.iter().map(|row| row.2).fold(1e-12, f64::max);
        let rows = all.iter().map(|(name, note, moved)| BarRow {
            name: name.clone(),
            note: note.clone(),
            value: percent1(moved / total),
            bar: meter(moved / most, Tone::Low),
        });
        Block::Bars(Bars { title, note, rows: rows.collect() })
    };
    let of_causes: Vec<(String, String, f64)> = causes
        .iter()
        .map(|&(cause, moved)| {
            let (name, note) = names::cause(lang, cause);
            (name, note, moved)
        })
        .collect();
    let of_features: Vec<(String, String, f64)> = features
        .iter()
        .take(MOST_FEATURES)
        .map(|&(at, moved)| {
            let name = SPECS[at].name;
            let direction = match direction(base, at) {
                pull if pull > 0.2 => t("；越高越可能回来", "; the higher, the likelier to return"),
                pull if pull < -0.2 => t("；越高越不可能回来", "; the higher, the less likely to return"),
                _ => String::new(),
            };
            (names::meaning(lang, name), format!("{name}{direction}"), moved)
        })
        .collect();
    let total = |all: &[f64]| all.iter().sum::<f64>().max(1e-12);
    let whole = total(&causes.iter().map(|cause| cause.1).collect::<Vec<_>>());
    let alone = total(&features.iter().map(|feature| feature.1).collect::<Vec<_>>());
    let mut blocks = vec![bars(
        &of_causes,
        whole,
        t("按原因", "By cause"),
        t(
            "每个原因平均移动预测多少，占全部的百分比。",
            "How much each cause moves a prediction on average, in percent of all that moves it.",
        ),
    )];
    if of_features.is_empty() {
        blocks.push(Block::Text(t(
            "这份数据只支撑生命周期模型，没有逐项特征的影响。",
            "These data carry a lifetime model only, which has no single features to rank.",
        )));
    } else {
        blocks.push(bars(
            &of_features,
            alone,
            t("影响最大的单项特征", "The single features that weigh most"),
            t(
                "占全部特征影响的百分比；相近的特征会分摊影响。",
                "In percent of what all features move; features that say nearly the same share their weight.",
            ),
        ));
    }
    Some(Section {
        id: format!("importance{suffix}"),
        title: t("模型依据什么判断", "What the model goes by"),
        lead: lang.pick(
            format!("对 {} 位抽样顾客逐一精确分解预测（SHAP 值，对数几率），取绝对值的平均。这是模型的依据，不是因果：改变一个数不一定改变顾客。", members.len()),
            format!("The predictions of {} sampled customers taken apart exactly (SHAP values, in log-odds), as mean absolute values. This is what the model goes by, not what causes what: to change a number need not change a customer."
                , members.len()),
        ),
        blocks,
    })
}

/// How much each feature moves a prediction on average, the most first.
fn moved(base: &Base) -> Vec<(usize, f64)> {
    let n = base.members.len() as f64;
    let mean = |at: usize| base.members.iter().map(|member| member.by_feature[at].abs()).sum::<f64>() / n;
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
    features.iter().take(MOST_FEATURES).map(weight).collect()
}

/// Correlation between a feature and what it contributes.
fn direction(base: &Base, at: usize) -> f64 {
    let pairs: Vec<(f64, f64)> = base
        .members
        .iter()
        .map(|member| (member.features[at], member.by_feature[at]))
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        // Ranks would be exacter; the signed log tames the tails.
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
