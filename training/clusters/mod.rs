//! Clusters of like customers: found, counted, numbered as before, and put into words.
//!
//! The number of clusters is found from the data: k is the largest up to eight whose **prediction strength** (Tibshirani & Walther
//! 2005, "Cluster Validation by Prediction Strength") is .8 or more, so that what is found on one half of the customers is
//! found on the other half too. Where none is that strong the strongest k is taken. k-means goes before a Gaussian mixture
//! of the same k.

mod fitting;
mod rules;
mod words;

use homing_datasets::{Histories, History};
use homing_locales::t;
use homing_models::clusters::{Cluster, Clusters, MEASURES, Method, RiskGroup, Scale, Trait, Trial};
use homing_models::features::SPECS;
use homing_models::sampling::{Picker, mix};
use homing_models::{Bundle, Outcome, Text};
use ndarray::{Array2, Axis};
use rayon::prelude::*;

use crate::error::Error;
use crate::rows::{Rows, rows};
use fitting::{Group, fit, fit_from, spread};

/// Most customers that clusters are found on.
const MOST: usize = 12_000;
/// Fewest.
const LEAST: usize = 300;
/// Most customers on whom a number of clusters is tried, by method.
const TRIED: [(Method, usize); 2] = [(Method::KMeans, 4_000), (Method::GaussianMixture, 2_000)];
/// The numbers of clusters that are tried.
const KS: std::ops::RangeInclusive<usize> = 3..=8;
/// The strength that a number of clusters needs.
const STRONG: f64 = 0.8;
/// The strength at which the number of the training before is kept.
const STILL_STRONG: f64 = 0.7;
/// A measure that fewer than this share of the customers have says nothing of the others.
const KNOWN: f64 = 0.05;
/// Centres further apart than this (straightened and scaled, squared) are not the same cluster.
const SAME: f64 = 4.0;
/// Clusters found afresh must be tighter than those that go on from before by this, to be taken.
const TIGHTER: f64 = 0.98;

/// The clusters of a fitted model's base; `None` for fewer than 300 customers, or where they do not differ.
/// `previous` are those of the training before, whose numbers are kept.
///
/// # Errors
/// [`Error::Clusters`] where the chosen number of clusters cannot be fitted.
pub fn of_bundle(
    bundle: &Bundle,
    histories: &Histories,
    previous: Option<&Clusters>,
) -> Result<Option<Clusters>, Error> {
    let manifest = bundle.manifest();
    let base = rows(histories, &[manifest.as_of], None, manifest.timezone, MOST, manifest.seed ^ 0xc1);
    let all: Vec<&History> = histories.iter().map(|(_, history)| history).collect();
    let risk = |&position: &u32| match bundle.predict_numbers(all[position as usize], manifest.as_of).outcome
    {
        Outcome::Scored(prediction) => prediction.churn_risk,
        Outcome::NotScored(_) => f64::NAN,
    };
    let risks: Vec<f64> = base.customer.par_iter().map(risk).collect();
    of_rows(&base, &risks, previous, manifest.seed)
}

/// The clusters of customers with these features and churn risks (empty: no risk groups).
///
/// # Errors
/// As [`of_bundle`].
pub fn of_rows(
    base: &Rows,
    risks: &[f64],
    previous: Option<&Clusters>,
    seed: u64,
) -> Result<Option<Clusters>, Error> {
    if base.len() < LEAST {
        return Ok(None);
    }
    let scales = scales(base);
    if scales.len() < 2 {
        return Ok(None);
    }
    let places = places(base, &scales);
    let trials = trials(&places, seed)?;
    let Some((method, k)) = choose(&trials, previous) else { return Ok(None) };
    let mut groups = fit(method, k, &places, 4, seed)?;
    if let Some(before) = previous.filter(|before| before.method == method && before.clusters.len() == k) {
        // Going on from the centres of before keeps the clusters what they were, unless others are clearly tighter.
        let from = carried(before, &scales);
        if let Some(same) = fit_from(method, &from, &places)?
            && spread(&same, &places) * TIGHTER <= spread(&groups, &places)
        {
            groups = same;
        }
    }
    let (ids, next_id) = numbered(&groups, &scales, previous);
    let mut clusters = Clusters {
        method,
        trials,
        scales,
        clusters: ids.into_iter().zip(groups).map(|(id, group)| unnamed(id, group)).collect(),
        risk_groups: Vec::new(),
        next_id,
    };
    clusters.clusters.sort_by_key(|cluster| cluster.id);
    describe(&mut clusters, base, &places)?;
    if risks.len() == base.len() {
        clusters.risk_groups = risk_groups(&clusters, base, risks, seed)?;
    }
    Ok(Some(clusters))
}

/// The measures that differ among the customers, with their means and spreads.
fn scales(base: &Rows) -> Vec<Scale> {
    let matrix = base.matrix();
    let mut scales = Vec::new();
    for measure in MEASURES {
        let column = matrix.column(measure.feature as usize);
        let known: Vec<f64> =
            column.iter().filter(|x| !x.is_nan()).map(|&x| measure.shape.of(f64::from(x))).collect();
        let n = known.len() as f64;
        if n < KNOWN * base.len() as f64 || n < 2.0 {
            continue;
        }
        let mean = known.iter().sum::<f64>() / n;
        let sd = (known.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
        if sd > 1e-6 && sd.is_finite() {
            let feature = SPECS[measure.feature as usize].name.to_owned();
            scales.push(Scale { feature, shape: measure.shape, mean, sd });
        }
    }
    scales
}

/// The customers straightened and scaled (rows × measures).
fn places(base: &Rows, scales: &[Scale]) -> Array2<f64> {
    let matrix = base.matrix();
    let mut places = Array2::zeros((base.len(), scales.len()));
    for (at, scale) in scales.iter().enumerate() {
        let Some(measure) = scale.measure() else { continue };
        let column = matrix.column(measure.feature as usize);
        places.column_mut(at).iter_mut().zip(column).for_each(|(slot, &x)| *slot = scale.of(f64::from(x)));
    }
    places
}

/// Each number of clusters with each method, found on one half of a sample and held against the other.
fn trials(places: &Array2<f64>, seed: u64) -> Result<Vec<Trial>, Error> {
    let mut wanted = Vec::new();
    for (method, most) in TRIED {
        let mut picker = Picker::new(mix(seed ^ 0x17));
        let picked = picker.choose(places.nrows(), (most as f64 / places.nrows() as f64).min(1.0));
        let halves: [Vec<usize>; 2] =
            [0, 1].map(|half| picked.iter().skip(half).step_by(2).copied().collect());
        let halves = halves.map(|rows| places.select(Axis(0), &rows));
        wanted.extend(KS.map(|k| (method, k, halves.clone())));
    }
    wanted
        .into_par_iter()
        .map(|(method, k, halves)| {
            let found = [0, 1].map(|half| fit(method, k, &halves[half], 3, seed));
            let strength: f64 = match found {
                [Ok(a), Ok(b)] => {
                    let one_way = |own: &[Group], other: &[Group], half: &Array2<f64>| {
                        let (own, other) = (assign(method, own, half)?, assign(method, other, half)?);
                        Ok::<f64, Error>(strength(&own, &other, k))
                    };
                    (one_way(&a, &b, &halves[0])? + one_way(&b, &a, &halves[1])?) / 2.0
                }
                // A number of clusters that cannot be fitted to half of the customers is not there.
                _ => 0.0,
            };
            Ok(Trial { method, k, strength })
        })
        .collect()
}

/// Of whom one grouping puts together, the share that another puts together too: the least over its groups.
fn strength(own: &[usize], other: &[usize], k: usize) -> f64 {
    let table = contingency(own, other, k);
    let pairs = |n: f64| n * (n - 1.0);
    let of_group = |row: &Vec<f64>| {
        let n: f64 = row.iter().sum();
        if n < 2.0 { 0.0 } else { row.iter().map(|&n| pairs(n)).sum::<f64>() / pairs(n) }
    };
    table.iter().map(of_group).fold(1.0, f64::min)
}

fn contingency(a: &[usize], b: &[usize], k: usize) -> Vec<Vec<f64>> {
    let mut table = vec![vec![0.0; k]; k];
    a.iter().zip(b).for_each(|(&a, &b)| table[a][b] += 1.0);
    table
}

/// Method and number of clusters; `None` without trials.
fn choose(trials: &[Trial], previous: Option<&Clusters>) -> Option<(Method, usize)> {
    if let Some(before) = previous {
        let (method, k) = (before.method, before.clusters.len());
        if trials.iter().any(|t| (t.method, t.k) == (method, k) && t.strength >= STILL_STRONG) {
            return Some((method, k));
        }
    }
    // The trials of k-means come first, and the first of the largest is taken.
    let strong = trials.iter().rev().filter(|trial| trial.strength >= STRONG).max_by_key(|trial| trial.k);
    let best = || trials.iter().rev().max_by(|a, b| a.strength.total_cmp(&b.strength));
    strong.or_else(best).map(|trial| (trial.method, trial.k))
}

/// The group of each customer.
fn assign(method: Method, groups: &[Group], places: &Array2<f64>) -> Result<Vec<usize>, Error> {
    let clusters = Clusters {
        method,
        trials: Vec::new(),
        scales: Vec::new(),
        clusters: groups.iter().enumerate().map(|(at, group)| unnamed(at as u32, group.clone())).collect(),
        risk_groups: Vec::new(),
        next_id: 0,
    };
    let ids = assigned(&clusters, places)?;
    Ok(ids.into_iter().map(|id| id as usize).collect())
}

/// The cluster of each customer.
fn assigned(clusters: &Clusters, places: &Array2<f64>) -> Result<Vec<u32>, Error> {
    let nowhere = || Error::Clusters("a customer belongs to no cluster".to_owned());
    let of = |row: ndarray::ArrayView1<'_, f64>| {
        clusters.assign_scaled(&row.to_vec()).map(|assigned| assigned.id).ok_or_else(nowhere)
    };
    places.rows().into_iter().map(of).collect()
}

fn unnamed(id: u32, group: Group) -> Cluster {
    let text = || Text::default();
    let (share, traits, rules) = (0.0, Vec::new(), Vec::new());
    Cluster {
        id,
        name: text(),
        text: text(),
        share,
        centre: group.centre,
        normal: group.normal,
        traits,
        rules,
    }
}

/// The centres of before on today's scales; a measure that was not there stands at the mean.
fn carried(before: &Clusters, scales: &[Scale]) -> Vec<Vec<f64>> {
    let own = |cluster: &Cluster, scale: &Scale| {
        let known = before.scales.iter().zip(&cluster.centre).find(|(old, _)| old.feature == scale.feature);
        known.map_or(0.0, |(old, &at)| (at * old.sd + old.mean - scale.mean) / scale.sd)
    };
    before.clusters.iter().map(|cluster| scales.iter().map(|scale| own(cluster, scale)).collect()).collect()
}

/// The numbers of the groups: those of the clusters of before that they are, as far as their centres lie near, so that the
/// distances add up to the least; new numbers for the others.
fn numbered(groups: &[Group], scales: &[Scale], previous: Option<&Clusters>) -> (Vec<u32>, u32) {
    let Some(before) = previous else {
        let n = groups.len() as u32;
        return ((1..=n).collect(), n + 1);
    };
    let old = carried(before, scales);
    let far = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    // Over the sets of old clusters that are taken: the least sum, and what each group took. A group may take none.
    let many = old.len().min(16);
    let mut best: Vec<Option<(f64, Vec<Option<usize>>)>> = vec![None; 1 << many];
    best[0] = Some((0.0, Vec::new()));
    for group in groups {
        let mut next: Vec<Option<(f64, Vec<Option<usize>>)>> = vec![None; 1 << many];
        for (set, state) in best.iter().enumerate() {
            let Some((sum, taken)) = state else { continue };
            let free = (0..many).filter(|old| set & (1 << old) == 0).map(Some);
            for choice in free.chain([None]) {
                let (cost, after) = match choice {
                    Some(at) => (far(&group.centre, &old[at]), set | (1 << at)),
                    None => (SAME, set),
                };
                let sum = sum + cost;
                if next[after].as_ref().is_none_or(|(known, _)| sum < *known) {
                    let taken = taken.iter().copied().chain([choice]).collect();
                    next[after] = Some((sum, taken));
                }
            }
        }
        best = next;
    }
    let least = best.into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0));
    let taken = least.map_or_else(|| vec![None; groups.len()], |(_, taken)| taken);
    let mut next_id = before.next_id;
    let mut fresh = || {
        next_id += 1;
        next_id - 1
    };
    let ids = taken.into_iter().map(|old| old.map_or_else(&mut fresh, |at| before.clusters[at].id)).collect();
    (ids, next_id)
}

/// Shares, traits, names and rules.
fn describe(clusters: &mut Clusters, base: &Rows, places: &Array2<f64>) -> Result<(), Error> {
    let ids = assigned(clusters, places)?;
    // Clusters are sorted by id.
    let at: Vec<usize> =
        ids.iter().map(|id| clusters.clusters.partition_point(|cluster| cluster.id < *id)).collect();
    let scales = clusters.scales.clone();
    let rules = rules::rules(base, &scales, places, &at, clusters.clusters.len())?;
    for (number, cluster) in clusters.clusters.iter_mut().enumerate() {
        let members: Vec<usize> = (0..at.len()).filter(|&row| at[row] == number).collect();
        cluster.share = members.len() as f64 / at.len() as f64;
        cluster.traits = traits(&scales, places, &members);
        cluster.rules.clone_from(&rules[number]);
    }
    words::name(&mut clusters.clusters);
    Ok(())
}

fn traits(scales: &[Scale], places: &Array2<f64>, members: &[usize]) -> Vec<Trait> {
    let mut traits: Vec<Trait> = scales
        .iter()
        .enumerate()
        .map(|(column, scale)| {
            let sum: f64 = members.iter().map(|&row| places[(row, column)]).sum();
            let deviation = sum / members.len().max(1) as f64;
            Trait {
                feature: scale.feature.clone(),
                deviation,
                value: scale.back(deviation),
                base: scale.back(0.0),
            }
        })
        .collect();
    traits.sort_by(|a, b| b.deviation.abs().total_cmp(&a.deviation.abs()));
    traits
}

/// The riskiest three tenths, the safest three tenths, and who lies between, by rules.
fn risk_groups(clusters: &Clusters, base: &Rows, risks: &[f64], seed: u64) -> Result<Vec<RiskGroup>, Error> {
    let mut picker = Picker::new(mix(seed ^ 0x29));
    let picked = picker.choose(risks.len(), (TRIED[0].1 as f64 / risks.len() as f64).min(1.0));
    let picked: Vec<usize> = picked.into_iter().filter(|&row| risks[row].is_finite()).collect();
    let mut sorted: Vec<f64> = picked.iter().map(|&row| risks[row]).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return Ok(Vec::new()) };
    let bound = |share: f64| sorted[(last as f64 * share) as usize];
    let (low, high) = (bound(0.3), bound(0.7));
    let base = base.picked(&picked);
    let places = places(&base, &clusters.scales);
    let group = |row: &usize| match risks[*row] {
        risk if risk > high => 0,
        risk if risk > low => 1,
        _ => 2,
    };
    let at: Vec<usize> = picked.iter().map(group).collect();
    let rules = rules::rules(&base, &clusters.scales, &places, &at, 3)?;
    let names = [
        ("high", Text::of(|lang| t!(lang, "risk-group-high"))),
        ("medium", Text::of(|lang| t!(lang, "risk-group-medium"))),
        ("low", Text::of(|lang| t!(lang, "risk-group-low"))),
    ];
    let groups = names.into_iter().zip(rules).map(|((code, name), rules)| RiskGroup {
        code: code.to_owned(),
        name,
        rules,
    });
    Ok(groups.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_centres_and_new_ones_come_for_what_is_new() {
        let scale = Scale {
            feature: "orders".to_owned(),
            shape: homing_models::clusters::Shape::Plain,
            mean: 0.0,
            sd: 1.0,
        };
        let group = |at: f64| Group { centre: vec![at], normal: None };
        let mut before = Clusters {
            method: Method::KMeans,
            trials: Vec::new(),
            scales: vec![scale.clone()],
            clusters: [(4, 0.0), (7, 3.0), (9, 6.0)].map(|(id, at)| unnamed(id, group(at))).into(),
            risk_groups: Vec::new(),
            next_id: 10,
        };
        let number = |at: &[f64], before: &Clusters| {
            let groups: Vec<Group> = at.iter().map(|&at| group(at)).collect();
            numbered(&groups, std::slice::from_ref(&scale), Some(before))
        };
        assert_eq!(number(&[6.2, 0.1, 2.5], &before), (vec![9, 4, 7], 10));
        // The nearest one is not taken where another needs it more.
        assert_eq!(number(&[1.4, 0.2], &before).0, [7, 4]);
        // Far from all: a number that nobody had.
        assert_eq!(number(&[0.0, 30.0], &before), (vec![4, 10], 11));
        // The same in other units: the scale is taken into account.
        before.scales[0].sd = 2.0;
        assert_eq!(number(&[12.0, 0.0], &before).0, [9, 4]);
    }

    #[test]
    fn strength_is_the_worst_group_that_holds() {
        let own = [0, 0, 0, 0, 1, 1, 1, 1];
        assert_eq!(strength(&own, &own, 2), 1.0);
        // Half of the second group's six pairs... two by two: 2 of 6 pairs stay together.
        let other = [0, 0, 0, 0, 1, 1, 0, 0];
        assert!((strength(&own, &other, 2) - 1.0 / 3.0).abs() < 1e-12);
    }
}
