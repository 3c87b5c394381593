//! Clusters in words.

use homing_models::Text;
use homing_models::clusters::{Cluster, MEASURES, Measure, Shape, Trait};
use homing_models::features::SPECS;

/// A cluster's mean this many standard deviations off the base's sets it apart.
const APART: f64 = 0.35;
/// Phrases of a name and of a text.
const NAME: usize = 2;
const TEXT: usize = 4;

fn measure(of: &Trait) -> Option<&'static Measure> {
    MEASURES.iter().find(|measure| SPECS[measure.feature as usize].name == of.feature)
}

/// Names the clusters by what sets them apart, no two alike.
pub(super) fn name(clusters: &mut [Cluster]) {
    let mut names: Vec<Text> = Vec::new();
    for cluster in clusters.iter_mut() {
        let mut name = phrases(&cluster.traits, NAME);
        for more in NAME + 1..=cluster.traits.len() {
            if !names.contains(&name) {
                break;
            }
            name = phrases(&cluster.traits, more);
        }
        if names.contains(&name) {
            name = Text {
                zh: format!("{}（{}）", name.zh, cluster.id),
                en: format!("{} ({})", name.en, cluster.id),
            };
        }
        names.push(name.clone());
        cluster.text = text(cluster);
        cluster.name = name;
    }
}

fn apart(traits: &[Trait], most: usize) -> impl Iterator<Item = (&Trait, &'static Measure)> {
    traits
        .iter()
        .filter(|of| of.deviation.abs() >= APART)
        .filter_map(|of| Some((of, measure(of)?)))
        .take(most)
}

fn phrases(traits: &[Trait], most: usize) -> Text {
    let phrase = |language: usize| -> Vec<&str> {
        let pick = |(of, measure): (&Trait, &'static Measure)| match of.deviation > 0.0 {
            true => measure.high[language],
            false => measure.low[language],
        };
        apart(traits, most).map(pick).collect()
    };
    let all = |phrases: Vec<&str>, between: &str, none: &str| {
        if phrases.is_empty() { none.to_owned() } else { phrases.join(between) }
    };
    Text { zh: all(phrase(0), "、", "普通顾客"), en: all(phrase(1), ", ", "like most") }
}

fn text(cluster: &Cluster) -> Text {
    let number = |measure: &Measure, x: f64| match measure.shape {
        Shape::Plain => format!("{:.0} %", 100.0 * x),
        Shape::Log if x.abs() < 10.0 => format!("{x:.1}"),
        Shape::Log => format!("{x:.0}"),
    };
    let traits = |language: usize| -> Vec<String> {
        apart(&cluster.traits, TEXT)
            .map(|(of, measure)| {
                let (value, base) = (number(measure, of.value), number(measure, of.base));
                let name = measure.name[language];
                match language {
                    0 => format!("{name} {value}（全体 {base}）"),
                    _ => format!("{name} {value} (all: {base})"),
                }
            })
            .collect()
    };
    Text {
        zh: format!("占顾客的 {:.0} %。{}", 100.0 * cluster.share, traits(0).join("；")),
        en: format!("{:.0} % of the customers. {}", 100.0 * cluster.share, traits(1).join("; ")),
    }
}
