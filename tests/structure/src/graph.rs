//! Small directed graphs by name.

use std::collections::{BTreeMap, BTreeSet};

/// A name to the names that it points to.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// Everything that can be reached from a node.
fn reach(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(node) = open.pop() {
        for next in graph.get(&node).into_iter().flatten() {
            if seen.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    seen
}

/// The groups of nodes that reach each other, each sorted; empty for a graph without circles.
#[must_use]
pub fn circles(graph: &Graph) -> Vec<Vec<String>> {
    let reached: BTreeMap<&String, BTreeSet<String>> =
        graph.keys().map(|node| (node, reach(graph, node))).collect();
    let mut found: Vec<Vec<String>> = Vec::new();
    for (node, targets) in &reached {
        if !targets.contains(*node) || found.iter().flatten().any(|known| known == *node) {
            continue;
        }
        let together =
            targets.iter().filter(|&other| reached.get(other).is_some_and(|back| back.contains(*node)));
        found.push(together.cloned().collect());
    }
    found
}

/// The length of the longest way down from each node; 0 for one that points nowhere. For graphs without circles.
#[must_use]
pub fn depths(graph: &Graph) -> BTreeMap<String, usize> {
    let mut depths: BTreeMap<String, usize> = graph.keys().map(|node| (node.clone(), 0)).collect();
    for _ in 0..graph.len() {
        for (node, targets) in graph {
            let below = targets.iter().filter_map(|target| depths.get(target)).max().map(|depth| depth + 1);
            if let (Some(depth), Some(below)) = (depths.get_mut(node), below) {
                *depth = (*depth).max(below.min(graph.len()));
            }
        }
    }
    depths
}

/// The graph without the edges that another way implies.
#[must_use]
pub fn reduced(graph: &Graph) -> Graph {
    let implied = |targets: &BTreeSet<String>, target: &String| {
        targets.iter().any(|other| other != target && reach(graph, other).contains(target))
    };
    graph
        .iter()
        .map(|(node, targets)| {
            let kept = targets.iter().filter(|target| !implied(targets, target)).cloned().collect();
            (node.clone(), kept)
        })
        .collect()
}
