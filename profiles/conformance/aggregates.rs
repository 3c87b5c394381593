//! The scan over all customers, and the daily aggregates that it gives.

use homing_datasets::{Event, Kind};

use super::{batch, buy, day, row};
use crate::aggregates::{DailyAggregates, Scanned};
use crate::*;

fn all(store: &dyn Store, limit: u32) -> Vec<Scanned> {
    let (mut customers, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan(after.as_deref(), limit).unwrap();
        assert!(page.customers.len() <= limit.max(1) as usize);
        customers.extend(page.customers);
        after = page.next;
        if after.is_none() {
            return customers;
        }
    }
}

pub(super) fn scan(store: &dyn Store) {
    assert!(all(store, 10).is_empty());
    let ids = ["b", "a\u{0}", "客户", "", "visitor", "c", "%"];
    for (n, id) in ids.iter().enumerate() {
        let events = match *id {
            "visitor" => vec![Event::new(Kind::Visit, day(1), 0.0)],
            _ => vec![buy(day(n as i64), 60.0 * n as f64 + 50.0)],
        };
        batch(store, vec![row(id, events)], day(60));
    }
    for limit in [1, 2, 3, 7, 8, 100_000] {
        let scanned = all(store, limit);
        let mut met: Vec<&str> = scanned.iter().map(|one| one.customer_id.as_str()).collect();
        met.sort_unstable();
        let mut expected = ids;
        expected.sort_unstable();
        assert_eq!(met, expected, "by {limit}");
        for one in scanned {
            let profile = store.profile(&one.customer_id).unwrap().unwrap();
            let number = |name: &str| profile.prediction[name].as_f64();
            assert_eq!(one.numbers, [number("churn_risk"), number("value_at_risk"), number("clv")]);
            assert_eq!(Some(one.history), store.history(&one.customer_id).unwrap());
            let mut tags: Vec<(String, String)> =
                one.tags.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
            tags.sort();
            let held = profile.tags.iter().map(|(name, tag)| (name.clone(), tag.value.to_string()));
            assert_eq!(tags, held.collect::<Vec<_>>());
        }
    }
}

pub(super) fn kept(store: &dyn Store) {
    assert_eq!(store.aggregates(None).unwrap(), None);
    let of = |day: i32, document: &str| DailyAggregates { day, document: document.to_owned() };
    for (day, document) in [(20_000, "a"), (20_002, "b"), (-5, "c"), (20_002, "{\"d\": \"客\"}")] {
        store.keep_aggregates(&of(day, document), 10).unwrap();
    }
    let newest = of(20_002, "{\"d\": \"客\"}");
    assert_eq!(store.aggregates(None).unwrap(), Some(newest.clone()));
    assert_eq!(store.aggregates(Some(20_002)).unwrap(), Some(newest.clone()));
    assert_eq!(store.aggregates(Some(20_001)).unwrap(), Some(of(20_000, "a")));
    assert_eq!(store.aggregates(Some(19_999)).unwrap(), Some(of(-5, "c")));
    assert_eq!(store.aggregates(Some(-6)).unwrap(), None);
    store.keep_aggregates(&of(20_003, "e"), 2).unwrap();
    assert_eq!(store.aggregates(Some(20_001)).unwrap(), None, "only the newest two stay");
    assert_eq!(store.aggregates(Some(20_002)).unwrap(), Some(newest));
}

pub(super) fn turned_high(store: &dyn Store) {
    let turned = |since: i64, among, limit| {
        let turned = store.turned_high(day(since), among, limit).unwrap();
        (turned.turns, turned.customers)
    };
    assert_eq!(turned(0, 10, 10), (0, vec![]));
    let earlier = |since: i64| store.turned_high(day(since), 10, 10).unwrap().earlier;
    // Churn risk passes one half after thirty days without an order; the value at risk grows with the spend.
    let rows = |days: &[i64]| {
        let row = |&n: &i64| row(&format!("c{n:02}"), vec![buy(day(n), 50.0 * n as f64)]);
        days.iter().map(row).collect::<Vec<_>>()
    };
    batch(store, rows(&[1, 2, 40, 50]), day(60));
    assert_eq!(turned(60, 10, 10), (2, vec!["c02".to_owned(), "c01".to_owned()]));
    assert_eq!(turned(61, 10, 10), (0, vec![]));
    assert!(!earlier(60), "the first scores: nobody turned, they are only known now");
    batch(store, rows(&[1, 2, 40, 50]), day(75));
    assert_eq!(turned(75, 10, 10), (1, vec!["c40".to_owned()]));
    assert!(earlier(75));
    let all = vec!["c40".to_owned(), "c02".to_owned(), "c01".to_owned()];
    assert_eq!(turned(60, 10, 10), (3, all.clone()));
    assert_eq!(turned(60, 10, 2), (3, all[..2].to_vec()));
    // Past two turns the latest two are looked at, and who has the most at stake: first of all c50, at low risk.
    assert_eq!(turned(60, 1, 10).0, 3);
    assert_eq!(turned(60, 1, 10).1[0], "c40");
    store.erase("c40", day(76)).unwrap();
    assert_eq!(turned(60, 10, 10), (2, all[1..].to_vec()));
}
