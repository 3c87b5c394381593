//! Clusters on the simulated chain: the same from one training to the next, on any number of threads, and in words.

use homing_datasets::simulate::Chain;
use homing_datasets::{DAY, Histories, Micros, Zone};
use homing_models::clusters::Clusters;
use homing_training::clusters::of_rows;
use homing_training::rows::{Rows, rows};

const CUSTOMERS: u64 = 10_000;

fn base(histories: &Histories, as_of: Micros) -> Rows {
    rows(histories, &[as_of], None, Zone::default(), usize::MAX, 0)
}

fn labels(clusters: &Clusters, base: &Rows) -> Vec<u32> {
    let features = |at: usize| base.features[at].iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    (0..base.len()).map(|at| clusters.assign(&features(at)).map_or(0, |one| one.id)).collect()
}

#[test]
fn clusters_stay_what_they_are_from_one_month_to_the_next() {
    let chain = Chain { customers: CUSTOMERS, seed: 11, ..Chain::default() };
    let histories = chain.histories().unwrap();
    let last = i64::from(chain.until_day + 1) * DAY - 1;
    let (then, now) = (base(&histories, last - 30 * DAY), base(&histories, last));
    let first = of_rows(&then, &[], None, 0).unwrap().unwrap();
    let second = of_rows(&now, &[], Some(&first), 0).unwrap().unwrap();
    let alone = of_rows(&now, &[], None, 0).unwrap().unwrap();
    // The same customers on the same day, by the clusters of both trainings.
    let (a, b) = (labels(&first, &now), labels(&second, &now));
    let index = adjusted_rand_index(&a, &b);
    let same = a.iter().zip(&b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64;
    let unmatched = adjusted_rand_index(&a, &labels(&alone, &now));
    // Each training's own day: customers move too.
    let both: Vec<(u32, u32)> = {
        let before = labels(&first, &then);
        let mut at = 0;
        let mut pairs = Vec::new();
        for (row, customer) in now.customer.iter().enumerate() {
            while at < then.customer.len() && then.customer[at] < *customer {
                at += 1;
            }
            if then.customer.get(at) == Some(customer) {
                pairs.push((before[at], b[row]));
            }
        }
        pairs
    };
    let (x, y): (Vec<u32>, Vec<u32>) = both.into_iter().unzip();
    println!(
        "same day: adjusted Rand index {index:.3}, the same number for {same:.3}; without the training before {unmatched:.3}"
    );
    println!("a month apart, customers' own moves included: {:.3}", adjusted_rand_index(&x, &y));
    assert!(index >= 0.9, "{index}");
    assert!(same >= 0.95, "{same}");
    assert!(first.clusters.len() >= 3);
    for (number, cluster) in second.clusters.iter().enumerate() {
        println!("c{} {} | {} | {}", cluster.id, cluster.name.en, cluster.name.zh, cluster.text.en);
        for rule in &cluster.rules {
            println!("    {} ({:.2} right, {:.2} met)", rule.text.en, rule.precision, rule.coverage);
        }
        assert!(
            second.clusters[..number].iter().all(|other| other.name != cluster.name && other.id < cluster.id)
        );
        assert!(!cluster.text.zh.is_empty() && cluster.share > 0.0);
    }
    let shares: f64 = second.clusters.iter().map(|cluster| cluster.share).sum();
    assert!((shares - 1.0).abs() < 1e-9);
}

#[test]
fn any_number_of_threads_finds_the_same_clusters() {
    let histories = Chain { customers: 2_000, seed: 12, ..Chain::default() }.histories().unwrap();
    let base = base(&histories, histories.last_instant().unwrap());
    let risks: Vec<f64> = (0..base.len()).map(|at| f64::from(base.features[at][0])).collect();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| serde_json::to_string(&of_rows(&base, &risks, None, 3).unwrap()).unwrap())
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(5));
    // The risk here is the silence: the rules must find that out.
    let clusters = of_rows(&base, &risks, None, 3).unwrap().unwrap();
    let codes: Vec<&str> = clusters.risk_groups.iter().map(|group| group.code.as_str()).collect();
    assert_eq!(codes, ["high", "medium", "low"]);
    for group in &clusters.risk_groups {
        let best = group.rules.first().unwrap();
        println!("{}: {} ({:.2} right, {:.2} met)", group.code, best.text.en, best.precision, best.coverage);
        assert!(best.text.en.contains("days since the last order") && best.precision > 0.9, "{best:?}");
    }
}

#[test]
fn too_few_or_like_customers_have_no_clusters() {
    let histories = Chain { customers: 250, seed: 13, ..Chain::default() }.histories().unwrap();
    let base = base(&histories, histories.last_instant().unwrap());
    assert!(of_rows(&base, &[], None, 0).unwrap().is_none());
    let picked = vec![0; 1_000];
    assert!(
        of_rows(&base.picked(&picked), &[], None, 0).unwrap().is_none(),
        "a thousand times the same customer"
    );
}

/// How far two groupings of the same customers agree beyond chance: 1 the same, 0 as by chance (Hubert & Arabie 1985).
fn adjusted_rand_index(a: &[u32], b: &[u32]) -> f64 {
    let dense = |labels: &[u32]| -> Vec<usize> {
        let mut known: Vec<u32> = labels.to_vec();
        known.sort_unstable();
        known.dedup();
        labels.iter().map(|label| known.partition_point(|known| known < label)).collect()
    };
    let (a, b) = (dense(a), dense(b));
    let k = a.iter().chain(&b).max().map_or(1, |most| most + 1);
    let mut table = vec![vec![0.0; k]; k];
    a.iter().zip(&b).for_each(|(&a, &b)| table[a][b] += 1.0);
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let rows: f64 = table.iter().map(|row| pairs(row.iter().sum())).sum();
    let columns: f64 = (0..k).map(|at| pairs(table.iter().map(|row| row[at]).sum())).sum();
    let both: f64 = table.iter().flatten().map(|&n| pairs(n)).sum();
    let chance = rows * columns / pairs(a.len() as f64).max(1.0);
    let most = (rows + columns) / 2.0;
    if most - chance == 0.0 { 1.0 } else { (both - chance) / (most - chance) }
}

#[test]
fn the_index_is_that_of_the_textbook() {
    // Hubert & Arabie's own kind of example: two groupings of six.
    let a = [1, 1, 1, 2, 2, 2];
    assert_eq!(adjusted_rand_index(&a, &a), 1.0);
    assert_eq!(adjusted_rand_index(&a, &[7, 7, 7, 3, 3, 3]), 1.0, "names do not matter");
    // scikit-learn's adjusted_rand_score([0,0,1,2],[0,0,1,1]) is 0.5714.
    assert!((adjusted_rand_index(&[0, 0, 1, 2], &[0, 0, 1, 1]) - 0.571_428_571).abs() < 1e-9);
    assert!((adjusted_rand_index(&[0, 0, 1, 1], &[0, 1, 0, 1]) + 0.5).abs() < 1e-9);
}
