//! Clusters in words.

use homing_locales::{Arg, Text, t};
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
            name = Text::of(|lang| {
                t!(lang, "cluster-numbered", name = name.within(lang), id = cluster.id.to_string())
            });
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
    Text::of(|lang| {
        let phrase = |(of, measure): (&Trait, &'static Measure)| measure.word(lang, of.deviation > 0.0);
        let phrases: Vec<&str> = apart(traits, most).map(phrase).collect();
        match phrases.is_empty() {
            true => t!(lang, "cluster-typical").to_owned(),
            false => phrases.join(t!(lang, "list-comma")),
        }
    })
}

fn text(cluster: &Cluster) -> Text {
    Text::of(|lang| {
        let number = |measure: &Measure, x: f64| match measure.shape {
            Shape::Plain => lang.percent(x),
            Shape::Log => lang.decimal(x, usize::from(x.abs() < 10.0)),
        };
        let phrase = |(of, measure): (&Trait, &'static Measure)| {
            let (value, base) = (number(measure, of.value), number(measure, of.base));
            t!(lang, "cluster-trait", name = measure.name(lang), value = value, base = base)
        };
        let traits: Vec<String> = apart(&cluster.traits, TEXT).map(phrase).collect();
        let traits = traits.join(t!(lang, "cluster-semicolon"));
        t!(lang, "cluster-text", share = Arg::Percent(cluster.share), traits = traits)
    })
}
