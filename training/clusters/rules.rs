//! Groups as rules that people can read: the leaves of a shallow decision tree.
//!
//! A tree a group, against all others: with more than two classes linfa adds up impurities in the order of a hash map, which is
//! another in each run. Of the tree the splits alone are taken (it splits on `<=` when it learns and on `<` when it predicts, and
//! what a leaf says is chance where its classes are even): each leaf becomes conditions on the customers' own values, with
//! rounded bounds, and whom they meet is counted.

use homing_locales::{Text, t};
use homing_models::clusters::{Rule, Scale, Shape};
use homing_models::features::{SPECS, Unit, index_of};
use linfa::Dataset;
use linfa::traits::Fit;
use linfa_trees::{DecisionTree, TreeNode};
use ndarray::{Array1, Array2, Axis};

use crate::error::Error;
use crate::rows::Rows;
use crate::untied;

/// Most customers that a tree is grown on.
const MOST: usize = 4_000;
/// Questions that a rule asks at most.
const DEPTH: usize = 4;
/// Share of the customers that a leaf holds at least.
const LEAF: f32 = 0.01;
/// Rules of a group.
const RULES: usize = 2;
/// Share of its group that a rule must meet.
const COVERAGE: f64 = 0.05;

/// The range of a measure that a rule allows, on the customers' own values.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    above: Option<f64>,
    up_to: Option<f64>,
}

/// For each group its best rules, the one that meets most of it first; `at` holds the group of each customer.
pub(super) fn rules(
    base: &Rows,
    scales: &[Scale],
    places: &Array2<f64>,
    at: &[usize],
    groups: usize,
) -> Result<Vec<Vec<Rule>>, Error> {
    let step = at.len().div_ceil(MOST).max(1);
    let picked: Vec<usize> = (0..at.len()).step_by(step).collect();
    let least = (picked.len() as f32 * LEAF).max(5.0);
    let params = DecisionTree::<f64, bool>::params()
        .max_depth(Some(DEPTH))
        .min_weight_split(2.0 * least)
        .min_weight_leaf(least);
    let x = places.select(Axis(0), &picked);
    let leaves_of = |group: usize| {
        let labels = Array1::from_iter(picked.iter().map(|&row| at[row] == group));
        let weights = untied::weights(labels.iter().copied());
        let tree = params
            .fit(&Dataset::new(x.clone(), labels).with_weights(weights))
            .map_err(|error| Error::Clusters(format!("rules of group {group}: {error}")))?;
        let mut leaves = Vec::new();
        collect(tree.root_node(), &mut vec![Bounds::default(); scales.len()], scales, &mut leaves);
        Ok::<_, Error>(leaves)
    };
    let mut found: Vec<Vec<Rule>> = vec![Vec::new(); groups];
    let no_feature = |scale: &Scale| Error::Clusters(format!("there is no feature {}", scale.feature));
    let features: Vec<usize> = scales
        .iter()
        .map(|scale| index_of(&scale.feature).ok_or_else(|| no_feature(scale)))
        .collect::<Result<_, Error>>()?;
    // A missing value counts as the mean, as in the clusters.
    let value = |row: usize, column: usize| {
        let value = f64::from(base.features[row][features[column]]);
        if value.is_nan() { scales[column].back(0.0) } else { value }
    };
    let unknown: Vec<bool> =
        features.iter().map(|&feature| base.features.iter().any(|row| row[feature].is_nan())).collect();
    let sizes: Vec<f64> =
        (0..groups).map(|group| at.iter().filter(|one| **one == group).count() as f64).collect();
    let mut all = Vec::new();
    for group in 0..groups {
        all.extend(leaves_of(group)?.into_iter().map(|bounds| (group, bounds)));
    }
    for (group, bounds) in all {
        let meets = |row: &usize| {
            bounds.iter().enumerate().all(|(column, bounds)| {
                let inside =
                    |x: f64| bounds.above.is_none_or(|b| x > b) && bounds.up_to.is_none_or(|b| x <= b);
                inside(value(*row, column))
            })
        };
        let met: Vec<usize> = (0..at.len()).filter(meets).collect();
        let right = met.iter().filter(|&&row| at[row] == group).count() as f64;
        let (coverage, precision) = (right / sizes[group].max(1.0), right / met.len().max(1) as f64);
        if coverage >= COVERAGE && precision >= 0.5 {
            found[group].push(Rule { text: words(&bounds, scales, &unknown), coverage, precision });
        }
    }
    for rules in &mut found {
        rules.sort_by(|a, b| b.coverage.total_cmp(&a.coverage));
        rules.truncate(RULES);
    }
    Ok(found)
}

fn collect(
    node: &TreeNode<f64, bool>,
    path: &mut Vec<Bounds>,
    scales: &[Scale],
    leaves: &mut Vec<Vec<Bounds>>,
) {
    if node.is_leaf() {
        leaves.push(path.clone());
        return;
    }
    let (column, threshold, _) = node.split();
    let children = node.children();
    let (Some(scale), [left, right]) = (scales.get(column), children.as_slice()) else { return };
    let bound = rounded(scale, threshold);
    let before = path[column];
    if let Some(left) = left {
        path[column].up_to = Some(before.up_to.map_or(bound, |known| known.min(bound)));
        collect(left, path, scales, leaves);
        path[column] = before;
    }
    if let Some(right) = right {
        path[column].above = Some(before.above.map_or(bound, |known| known.max(bound)));
        collect(right, path, scales, leaves);
        path[column] = before;
    }
}

/// A split as a bound that reads well: whole numbers of what is counted, two digits of money, whole percents of shares.
fn rounded(scale: &Scale, threshold: f64) -> f64 {
    let value = scale.back(threshold);
    let unit = index_of(&scale.feature).map(|feature| SPECS[feature].unit);
    match (unit, scale.shape) {
        (Some(Unit::Count | Unit::Days), _) => value.floor(),
        (Some(Unit::Money), _) if value > 0.0 => {
            let digits = 10f64.powf(value.log10().floor() - 1.0);
            (value / digits).round() * digits
        }
        (_, Shape::Plain) => (value * 100.0).round() / 100.0,
        _ => value,
    }
}

fn words(bounds: &[Bounds], scales: &[Scale], unknown: &[bool]) -> Text {
    Text::of(|lang| {
        let mut parts: Vec<String> = Vec::new();
        for ((bounds, scale), unknown) in bounds.iter().zip(scales).zip(unknown) {
            let Some(measure) = scale.measure() else { continue };
            let mean = scale.back(0.0);
            let inside = bounds.above.is_none_or(|b| mean > b) && bounds.up_to.is_none_or(|b| mean <= b);
            let number = |x: f64| match scale.shape {
                Shape::Plain => lang.percent(x),
                Shape::Log => lang.decimal(x, 0),
            };
            let name = measure.name(lang);
            let rule = match (bounds.above, bounds.up_to) {
                (None, None) => continue,
                (Some(above), None) => format!("{name} > {}", number(above)),
                (None, Some(up_to)) => format!("{name} ≤ {}", number(up_to)),
                (Some(above), Some(up_to)) => format!("{} < {name} ≤ {}", number(above), number(up_to)),
            };
            parts.push(if *unknown && inside { t!(lang, "cluster-unknown", rule = rule) } else { rule });
        }
        match parts.is_empty() {
            true => t!(lang, "cluster-everybody").to_owned(),
            false => parts.join(t!(lang, "list-comma")),
        }
    })
}
