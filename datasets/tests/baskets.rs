//! Association rules: against counting by hand, against mlxtend's, and with senseless limits.

use std::collections::BTreeMap;

use homing_datasets::baskets::{Baskets, Item, Limits};
use homing_datasets::simulate::Chain;

/// Numbers that repeat (Lehmer's generator).
fn numbers() -> impl FnMut(u64) -> u64 {
    let mut state = 12_345_u64;
    move |end| {
        state = state * 48_271 % 2_147_483_647;
        state % end
    }
}

const LETTERS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn some_baskets() -> Vec<Vec<&'static str>> {
    let mut below = numbers();
    (0..400)
        .map(|_| {
            LETTERS.iter().enumerate().filter(|(at, _)| below(10) < 8 - *at as u64).map(|(_, l)| *l).collect()
        })
        .collect()
}

fn filled(all: &[Vec<&str>]) -> Baskets {
    let mut baskets = Baskets::default();
    all.iter().for_each(|basket| baskets.add(basket.iter().copied()));
    baskets
}

#[test]
fn sets_are_those_that_counting_finds() {
    let all = some_baskets();
    let limits = Limits { min_support: 0.05, max_items: 8, ..Limits::default() };
    let baskets = filled(&all);
    let found: BTreeMap<Vec<String>, u64> = baskets
        .frequent(&limits)
        .unwrap()
        .into_iter()
        .map(|set| {
            let mut names: Vec<String> = set.items.iter().map(|&i| baskets.name(i).to_owned()).collect();
            names.sort();
            (names, set.count)
        })
        .collect();
    let mut expected = BTreeMap::new();
    let least = (0.05 * baskets.len() as f64).ceil() as u64;
    for choice in 1..1u32 << LETTERS.len() {
        let set: Vec<&str> = (0..8).filter(|at| choice & (1 << at) != 0).map(|at| LETTERS[at]).collect();
        let count = all.iter().filter(|basket| set.iter().all(|item| basket.contains(item))).count() as u64;
        if count >= least {
            expected.insert(set.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>(), count);
        }
    }
    assert_eq!(found, expected);
    let three = Limits { max_items: 3, ..limits };
    assert!(baskets.frequent(&three).unwrap().iter().all(|set| set.items.len() <= 3));
}

#[test]
fn a_rule_says_what_a_table_of_two_by_two_says() {
    // Fisher's own tea: of 8 cups, 4 with milk first; all 4 named: p = 1/70.
    let mut baskets = Baskets::default();
    (0..4).for_each(|_| baskets.add(["milk", "named", "milk"]));
    (0..4).for_each(|_| baskets.add(["tea"]));
    let rules = baskets.rules(&Limits { min_support: 0.1, ..Limits::default() }).unwrap();
    assert_eq!(rules.len(), 2);
    assert!((rules[0].p_value - 1.0 / 70.0).abs() < 1e-12, "{rules:?}");
    assert!((rules[0].q_value - 1.0 / 70.0).abs() < 1e-12);
    assert_eq!((rules[0].support, rules[0].confidence, rules[0].lift), (0.5, 1.0, 2.0));
}

#[test]
fn goods_that_the_chain_sells_together_are_found() {
    let chain = Chain { customers: 3_000, seed: 6, ..Chain::default() };
    let baskets = Baskets::of(&chain.histories().unwrap(), Item::Category);
    let rules =
        baskets.rules(&Limits { min_support: 0.005, min_confidence: 0.1, ..Limits::default() }).unwrap();
    let lift = |a: &str, b: &str| {
        rules.iter().find(|rule| rule.antecedents == [a] && rule.consequents == [b]).map(|rule| rule.lift)
    };
    // Wipes are taken along with nappies, strollers with bottles; see the simulation's table of goods.
    assert!(lift("diapers", "care").unwrap() > 1.1);
    assert!(
        rules.iter().all(|rule| rule.p_value >= 0.0 && rule.q_value >= rule.p_value && rule.q_value <= 1.0)
    );
}

#[test]
fn senseless_limits_are_refused() {
    let baskets = filled(&some_baskets());
    for min_support in [0.0, -1.0, 1.1, f64::NAN] {
        let error = baskets.frequent(&Limits { min_support, ..Limits::default() }).unwrap_err().to_string();
        assert!(error.contains("min-support"), "{error}");
    }
    let error = baskets.rules(&Limits { min_confidence: 2.0, ..Limits::default() }).unwrap_err().to_string();
    assert!(error.contains("min-confidence"), "{error}");
    let few = Limits { min_support: 0.001, max_items: 8, max_sets: 10, ..Limits::default() };
    assert!(baskets.frequent(&few).unwrap_err().to_string().contains("more than 10 frequent item sets"));
    assert_eq!(Baskets::default().rules(&Limits::default()).unwrap(), []);
}
