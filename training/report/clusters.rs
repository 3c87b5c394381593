//! Groups of like customers and of like risk, in words and rules.

use homing_models::Bundle;
use homing_models::Text;
use homing_models::clusters::{Clusters, Method, Rule};

use super::lang::Lang;
use super::numbers::percent1;
use super::page::{Block, Cell, Head, Row, Section, Table};

pub(super) fn section(lang: Lang, bundle: &Bundle) -> Option<Section> {
    let clusters = bundle.clusters()?;
    let mut blocks = vec![Block::Table(groups(lang, clusters))];
    if !clusters.risk_groups.is_empty() {
        let rows = clusters.risk_groups.iter().map(|group| Row {
            cells: vec![Cell::text(of(lang, &group.name)), Cell::text(rules(lang, &group.rules))],
            strong: false,
        });
        blocks.push(Block::Table(Table {
            head: vec![head(&lang.text("风险组", "Risk group"), "", false), head(&lang.text("规则", "Rules"), "", false)],
            rows: rows.collect(),
            note: lang.text(
                "规则来自浅层决策树，只用上面这些特征；括号中依次为规则命中的人中属于该组的比例、该组中被规则命中的比例。模型本身使用更多特征。",
                "Rules of a shallow decision tree over the measures above; in brackets precision (share of the customers matched who are in the group) and coverage (share of the group that is matched). The model itself uses more features.",
            ),
        }));
    }
    blocks.push(Block::Text(trials(lang, clusters)));
    Some(Section {
        id: "clusters".to_owned(),
        title: lang.text("客群", "Groups of like customers"),
        lead: lang.text(
            "按购买方式自动分出的客群。编号在下次训练后保持不变；标签 cluster.group 给出每位顾客所属的客群。",
            "Found by how customers buy. A group keeps its number in the next fit; the tag cluster.group says which one a customer is in.",
        ),
        blocks,
    })
}

fn of(lang: Lang, text: &Text) -> String {
    lang.pick(&text.zh, &text.en).clone()
}

fn head(name: &str, help: &str, number: bool) -> Head {
    Head { name: name.to_owned(), help: help.to_owned(), number }
}

fn groups(lang: Lang, clusters: &Clusters) -> Table {
    let rows = clusters.clusters.iter().map(|cluster| Row {
        cells: vec![
            Cell::text(format!("c{} · {}", cluster.id, of(lang, &cluster.name))),
            Cell::number(percent1(cluster.share)),
            Cell::text(of(lang, &cluster.text)).with(rules(lang, &cluster.rules)),
        ],
        strong: false,
    });
    Table {
        head: vec![
            head(&lang.text("客群", "Group"), "", false),
            head(&lang.text("占比", "Share"), "", true),
            head(&lang.text("特点与规则", "What sets it apart, and rules"), "", false),
        ],
        rows: rows.collect(),
        note: lang.text(
            "均值为取对数后的均值再还原。小字为规则：命中者中属于该客群的比例、客群中被命中的比例。",
            "Means are geometric. Small print: rules, with precision (share of the customers matched who are in the group) and coverage (share of the group that is matched).",
        ),
    }
}

fn rules(lang: Lang, rules: &[Rule]) -> String {
    let one = |rule: &Rule| {
        let (right, met) = (percent1(rule.precision), percent1(rule.coverage));
        lang.pick(format!("{}（{right}，{met}）", rule.text.zh), format!("{} ({right}, {met})", rule.text.en))
    };
    let all: Vec<String> = rules.iter().map(one).collect();
    if all.is_empty() {
        lang.pick("没有简单规则", "no simple rule").to_owned()
    } else {
        all.join(lang.pick("；或 ", "; or "))
    }
}

fn trials(lang: Lang, clusters: &Clusters) -> String {
    let of_method = |method: Method| -> String {
        let own = clusters.trials.iter().filter(|trial| trial.method == method);
        own.map(|trial| format!("{}: {:.2}", trial.k, trial.strength)).collect::<Vec<_>>().join(", ")
    };
    let (means, mixture) = (of_method(Method::KMeans), of_method(Method::GaussianMixture));
    let (k, chosen) = (clusters.clusters.len(), clusters.method);
    lang.pick(
        format!(
            "客群数按预测强度（Tibshirani 与 Walther 2005）选取：在一半顾客上找到的客群，在另一半上也应找到。取强度不低于 0.80 的最大客群数，选定 {k} 个（{}）。k 均值 {means}；高斯混合 {mixture}。",
            if chosen == Method::KMeans { "k 均值" } else { "高斯混合" }
        ),
        format!(
            "The number of groups goes by prediction strength (Tibshirani & Walther 2005): what is found on one half of the customers must be found on the other. The largest number of strength .80 or more is taken, else the strongest; it is {k} ({}). By number: k-means {means}; Gaussian mixture {mixture}.",
            if chosen == Method::KMeans { "k-means" } else { "Gaussian mixture" }
        ),
    )
}
