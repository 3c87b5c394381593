//! First purchases by category, and products that are due, on the simulated chain.

use std::collections::BTreeSet;

use homing_datasets::simulate::Chain;
use homing_datasets::{DAY, Histories, History, Kind, Zone};
use homing_models::next::due;
use homing_training::expansion::{fit, judge};

#[test]
fn first_purchases_are_foreseen_better_than_by_popularity() {
    let chain = Chain { customers: 8_000, seed: 21, ..Chain::default() };
    let histories = chain.histories().unwrap();
    let cutoff = i64::from(chain.until_day + 1 - 90) * DAY - 1;
    let judged = judge(&histories, cutoff, 90, Zone::default(), 0).unwrap().unwrap();
    println!("{judged:#?}");
    assert!(judged.auc > judged.auc_popularity + 0.05, "{judged:?}");
    assert!(judged.auc_within > 0.65, "{judged:?}");
    let (bought, said) = judged.calibration;
    assert!((bought / said - 1.0).abs() < 0.2, "{judged:?}");
    // What comes after the cutoff changes nothing.
    let learned = fit(&histories, cutoff, 90, Zone::default(), 0).unwrap().unwrap();
    let before = |history: &History| {
        History::from_events(history.events().filter(|event| event.recorded_at <= cutoff).collect())
    };
    let known: Histories = histories.iter().map(|(id, history)| (id.to_owned(), before(history))).collect();
    assert_eq!(fit(&known, cutoff, 90, Zone::default(), 0).unwrap().unwrap(), learned);
}

#[test]
fn products_named_as_due_are_bought_more_often_than_the_customers_other_products() {
    let chain = Chain { customers: 3_000, seed: 22, ..Chain::default() };
    let as_of = i64::from(chain.until_day + 1 - 30) * DAY - 1;
    let histories = chain.histories().unwrap();
    let (mut named, mut hit, mut others, mut other_hit) = (0.0, 0.0, 0.0, 0.0);
    for (_, history) in histories.iter() {
        let soon: BTreeSet<String> =
            due(&history.as_of(as_of), Zone::default(), 14.0).into_iter().map(|one| one.product_id).collect();
        if soon.is_empty() {
            continue;
        }
        let products = |after: bool| -> BTreeSet<String> {
            let bought = history.events().filter(|event| event.kind == Kind::Purchase);
            bought
                .filter(|event| (event.occurred_at > as_of) == after)
                .filter_map(|event| event.product)
                .collect()
        };
        let (before, then) = (products(false), products(true));
        for product in &before {
            let hits = f64::from(u8::from(then.contains(product)));
            match soon.contains(product) {
                true => (named, hit) = (named + 1.0, hit + hits),
                false => (others, other_hit) = (others + 1.0, other_hit + hits),
            }
        }
    }
    println!(
        "named {named}: {:.3} bought within 30 days; other products of the same customers {others}: {:.3}",
        hit / named,
        other_hit / others
    );
    assert!(named > 200.0 && others > 200.0);
    assert!(hit / named > 3.0 * other_hit / others);
}
