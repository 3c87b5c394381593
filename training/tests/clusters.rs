//! Clusters on the simulated chain: the same from one training to the next, on any number of threads, and in words.

use homing_datasets::simulate::Chain;
use homing_datasets::{DAY, Histories, Micros, Zone};
use homing_models::clusters::Clusters;
use homing_training::clusters::{adjusted_rand_index, of_rows};
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
