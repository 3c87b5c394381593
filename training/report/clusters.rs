//! Groups of like customers and of like risk, in words and rules.

use homing_models::Bundle;
use homing_models::Text;
use homing_models::clusters::{Clusters, Method, Rule};

use super::page::{Block, Cell, Head, Row, Section, Table};
use homing_locales::{Lang, t};

pub(super) fn section(lang: Lang, bundle: &Bundle) -> Option<Section> {
    let clusters = bundle.clusters()?;
    let mut blocks = vec![Block::Table(groups(lang, clusters))];
    if !clusters.risk_groups.is_empty() {
        let rows = clusters.risk_groups.iter().map(|group| Row {
            cells: vec![Cell::text(of(lang, &group.name)), Cell::text(rules(lang, &group.rules))],
            strong: false,
        });
        blocks.push(Block::Table(Table {
            head: vec![
                head(t!(lang, "report-risk-group"), "", false),
                head(t!(lang, "report-rules"), "", false),
            ],
            rows: rows.collect(),
            note: t!(lang, "report-rules-note").to_owned(),
        }));
    }
    blocks.push(Block::Text(trials(lang, clusters)));
    Some(Section {
        id: "clusters".to_owned(),
        title: t!(lang, "report-clusters").to_owned(),
        lead: t!(lang, "report-clusters-lead").to_owned(),
        blocks,
    })
}

fn of(lang: Lang, text: &Text) -> String {
    text.within(lang).to_owned()
}

fn head(name: &str, help: &str, number: bool) -> Head {
    Head { name: name.to_owned(), help: help.to_owned(), number }
}

fn groups(lang: Lang, clusters: &Clusters) -> Table {
    let rows = clusters.clusters.iter().map(|cluster| Row {
        cells: vec![
            Cell::text(format!("c{} · {}", cluster.id, of(lang, &cluster.name))),
            Cell::number(lang.percent1(cluster.share)),
            Cell::text(of(lang, &cluster.text)).with(rules(lang, &cluster.rules)),
        ],
        strong: false,
    });
    Table {
        head: vec![
            head(t!(lang, "report-cluster"), "", false),
            head(t!(lang, "report-share"), "", true),
            head(t!(lang, "report-cluster-traits"), "", false),
        ],
        rows: rows.collect(),
        note: t!(lang, "report-clusters-note").to_owned(),
    }
}

fn rules(lang: Lang, rules: &[Rule]) -> String {
    let one = |rule: &Rule| {
        let (right, met) = (lang.percent1(rule.precision), lang.percent1(rule.coverage));
        t!(lang, "report-rule", rule = rule.text.within(lang), right = right, met = met)
    };
    let all: Vec<String> = rules.iter().map(one).collect();
    if all.is_empty() { t!(lang, "report-no-rule").to_owned() } else { all.join(t!(lang, "report-or")) }
}

fn trials(lang: Lang, clusters: &Clusters) -> String {
    let of_method = |method: Method| -> String {
        let own = clusters.trials.iter().filter(|trial| trial.method == method);
        own.map(|trial| format!("{}: {}", trial.k, lang.decimal(trial.strength, 2)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (means, mixture) = (of_method(Method::KMeans), of_method(Method::GaussianMixture));
    let (k, chosen) = (clusters.clusters.len(), clusters.method);
    let name = |method: Method| match method {
        Method::KMeans => t!(lang, "report-k-means"),
        Method::GaussianMixture => t!(lang, "report-gaussian-mixture"),
    };
    t!(lang, "report-clusters-method", k = k, chosen = name(chosen), means = means, mixture = mixture)
}
