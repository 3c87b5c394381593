//! Listings and totals.

use homing_datasets::{Event, Kind};
use serde_json::{Value, json};

use super::{SCORED_AT, batch, buy, day, row};
use crate::*;

/// The ids of every page of a listing.
pub(super) fn scan(store: &dyn Store, listing: &Listing) -> Vec<String> {
    let (mut listing, mut ids) = (listing.clone(), Vec::new());
    loop {
        let page = store.list(&listing).unwrap();
        assert!(page.profiles.len() <= listing.limit as usize);
        ids.extend(page.profiles.into_iter().map(|profile| profile.customer_id));
        listing.cursor = page.next;
        if listing.cursor.is_none() {
            return ids;
        }
    }
}

/// Forty customers: many ties, and every fifth without a purchase.
fn forty(store: &dyn Store) {
    let events = |n: i64| match n % 5 {
        0 => vec![Event::new(Kind::Visit, day(1), 0.0)],
        _ => vec![buy(day(n % 3 * 20), 100.0 * (n % 4) as f64 + 50.0)],
    };
    batch(store, (0..40).map(|n| row(&format!("c{n:02}"), events(n))).collect(), day(60));
}

pub(super) fn pages(store: &dyn Store) {
    forty(store);
    for (sort, key) in
        [(Sort::ValueAtRisk, "value_at_risk"), (Sort::ChurnRisk, "churn_risk"), (Sort::Clv, "clv")]
    {
        let all = store.list(&Listing { sort, limit: 1000, ..Listing::default() }).unwrap();
        assert_eq!((all.profiles.len(), &all.next), (40, &None));
        let keys: Vec<_> =
            all.profiles.iter().map(|p| (p.prediction[key].as_f64(), p.customer_id.as_str())).collect();
        let mut expected = keys.clone();
        expected.sort_by(|a, b| {
            let key = |key: Option<f64>| key.unwrap_or(f64::NEG_INFINITY);
            key(b.0).total_cmp(&key(a.0)).then(a.1.cmp(b.1))
        });
        assert_eq!(keys, expected, "{key}");
        for limit in [1, 2, 3, 7, 39, 40, 41] {
            let scanned = scan(store, &Listing { sort, limit, ..Listing::default() });
            assert_eq!(scanned, keys.iter().map(|key| key.1).collect::<Vec<_>>(), "{key} by {limit}");
        }
    }
    // The other way round, those without a value still last.
    for sort in [Sort::ValueAtRisk, Sort::ChurnRisk, Sort::Clv, Sort::LastOrder, Sort::CustomerId] {
        let listing = |reversed, limit| Listing { sort, reversed, limit, ..Listing::default() };
        let has = |p: &Profile| match sort {
            Sort::LastOrder => p.history.last_purchase_at.is_some(),
            Sort::CustomerId => true,
            _ => p.prediction.get("not_scored").is_none(),
        };
        let mut expected = Vec::new();
        let all = store.list(&listing(false, 1000)).unwrap().profiles;
        for with in [true, false] {
            let some = all.iter().filter(|p| has(p) == with).map(|p| p.customer_id.clone());
            expected.extend(some.collect::<Vec<_>>().into_iter().rev());
        }
        for limit in [1, 7, 41] {
            assert_eq!(scan(store, &listing(true, limit)), expected, "{sort:?} by {limit}");
        }
        if sort == Sort::LastOrder {
            let last: Vec<_> = all.iter().map(|p| p.history.last_purchase_at.clone()).collect();
            let mut sorted = last.clone();
            sorted.sort_by(|a, b| b.cmp(a));
            assert_eq!(last, sorted);
        }
    }
    assert_eq!(store.list(&Listing::default()).unwrap().profiles.len(), 1, "a limit of 0 is taken as 1");
}

pub(super) fn filters(store: &dyn Store) {
    forty(store);
    let count = |listing: Listing| scan(store, &Listing { limit: 4, ..listing }).len();
    let tags =
        |tags: &[(&str, Value)]| tags.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect::<Vec<_>>();
    let scored: Vec<Profile> = store
        .list(&Listing { limit: 1000, ..Listing::default() })
        .unwrap()
        .profiles
        .into_iter()
        .filter(|p| p.prediction.get("not_scored").is_none())
        .collect();
    let truth = |test: &dyn Fn(&Profile) -> bool| scored.iter().filter(|p| test(p)).count();
    let high = truth(&|p| p.tags["churn.level"].value == "high");
    let both = truth(&|p| p.tags["churn.level"].value == "high" && p.tags["value.big"].value == true);
    assert!(both > 0 && high > both && high < 32);
    let sorts = [Sort::ValueAtRisk, Sort::ChurnRisk, Sort::Clv, Sort::CustomerId, Sort::LastOrder];
    for (sort, reversed) in sorts.into_iter().flat_map(|sort| [(sort, false), (sort, true)]) {
        let listing = || Listing { sort, reversed, ..Listing::default() };
        assert_eq!(count(Listing { tags: tags(&[("churn.level", "high".into())]), ..listing() }), high);
        let two = tags(&[("churn.level", "high".into()), ("value.big", true.into())]);
        assert_eq!(count(Listing { tags: two, ..listing() }), both);
        let low = truth(&|p| p.tags["churn.level"].value == "low");
        let either = [("churn.level", "high".into()), ("churn.level", "low".into())];
        assert_eq!(count(Listing { tags: tags(&either), ..listing() }), high + low);
        let narrow: Vec<_> = either.into_iter().chain([("value.big", true.into())]).collect();
        let big = truth(&|p| {
            ["high", "low"].iter().any(|level| p.tags["churn.level"].value == *level)
                && p.tags["value.big"].value == true
        });
        assert_eq!(count(Listing { tags: tags(&narrow), ..listing() }), big);
        assert_eq!(count(Listing { updated_since: Some(SCORED_AT), ..listing() }), 40);
        assert_eq!(count(Listing { updated_since: Some(SCORED_AT + 1), ..listing() }), 0);
        assert_eq!(count(Listing { tags: tags(&[("activity.events", json!(1.0))]), ..listing() }), 40);
        assert_eq!(count(Listing { tags: tags(&[("activity.events", "1".into())]), ..listing() }), 0);
        assert_eq!(count(Listing { tags: tags(&[("no.such", 1.into())]), ..listing() }), 0);
        let risk = scored[3].prediction["churn_risk"].as_f64().unwrap();
        let at_least = truth(&|p| p.prediction["churn_risk"].as_f64() >= Some(risk));
        assert_eq!(count(Listing { churn_risk: (Some(risk), None), ..listing() }), at_least);
        let exactly = truth(&|p| p.prediction["churn_risk"].as_f64() == Some(risk));
        assert_eq!(count(Listing { churn_risk: (Some(risk), Some(risk)), ..listing() }), exactly);
        let worth = truth(&|p| p.prediction["value_at_risk"].as_f64() <= Some(80.0));
        assert_eq!(count(Listing { value_at_risk: (None, Some(80.0)), ..listing() }), worth);
        assert_eq!(count(Listing { id_prefix: Some("c1".into()), ..listing() }), 10);
        assert_eq!(count(Listing { id_prefix: Some(String::new()), ..listing() }), 40);
    }
}

/// Attributes are searched for along any order, and a listing can be had as ids at one moment.
pub(super) fn attributes(store: &dyn Store) {
    forty(store);
    for n in 0..40 {
        let city = if n % 10 == 3 { "上海" } else { "x" };
        let own = json!({"city": city, "no": n, "half": 0.5, "vip": n == 13, "none": null});
        let Value::Object(own) = own else { unreachable!() };
        store.set_attributes(&format!("c{n:02}"), &own).unwrap();
    }
    let asked = |pairs: &[(&str, Value)]| Listing {
        attributes: pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        ..Listing::default()
    };
    for (pairs, mut expected) in [
        (vec![("city", json!("上海"))], vec!["c03", "c13", "c23", "c33"]),
        (vec![("city", json!("上海")), ("vip", json!(true))], vec!["c13"]),
        (vec![("no", json!(7)), ("no", json!(8.0))], vec!["c07", "c08"]),
        (vec![("half", json!(0.5)), ("no", json!(1))], vec!["c01"]),
        (vec![("no", json!("7"))], vec![]),
        (vec![("none", json!(null)), ("no", json!(2))], vec!["c02"]),
        (vec![("unknown", json!(1))], vec![]),
    ] {
        expected.sort_unstable();
        for sort in [Sort::ValueAtRisk, Sort::ChurnRisk, Sort::Clv, Sort::LastOrder, Sort::CustomerId] {
            for (limit, reversed) in [(1, false), (3, true), (100, false)] {
                let listing = Listing { sort, limit, reversed, ..asked(&pairs) };
                let ordered = scan(store, &listing);
                let mut found = ordered.clone();
                found.sort_unstable();
                assert_eq!(found, expected, "{pairs:?} {sort:?} {limit}");
                assert_eq!(store.listed_ids(&listing, 40).unwrap(), Some(ordered), "{pairs:?} {sort:?}");
            }
        }
    }
    let few = Listing { id_prefix: Some("c1".to_owned()), limit: 7, ..asked(&[("city", json!("x"))]) };
    assert_eq!(scan(store, &few).len(), 9);
    let first = store.list(&Listing { limit: 1, ..asked(&[("city", json!("上海"))]) }).unwrap();
    let other = Listing { limit: 1, cursor: first.next, ..asked(&[("city", json!("x"))]) };
    assert!(matches!(store.list(&other), Err(Error::BadCursor)));
    for sort in [Sort::ValueAtRisk, Sort::LastOrder, Sort::CustomerId] {
        for listing in [
            Listing { sort, ..Listing::default() },
            Listing { sort, reversed: true, churn_risk: (Some(0.1), None), ..Listing::default() },
            Listing { sort, id_prefix: Some("c2".to_owned()), ..Listing::default() },
        ] {
            let ids = scan(store, &Listing { limit: 7, ..listing.clone() });
            assert_eq!(store.listed_ids(&listing, 40).unwrap(), Some(ids.clone()), "{listing:?}");
            assert_eq!(store.listed_ids(&listing, ids.len() - 1).unwrap(), None);
        }
    }
}

pub(super) fn cursors(store: &dyn Store) {
    forty(store);
    let listing = Listing { limit: 5, ..Listing::default() };
    let cursor = store.list(&listing).unwrap().next.unwrap();
    assert!(
        cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b)),
        "{cursor} is safe in a URL"
    );
    let with = |cursor: &str| Listing { cursor: Some(cursor.to_owned()), ..listing.clone() };
    // Another page size is still the same listing.
    assert_eq!(store.list(&Listing { limit: 9, ..with(&cursor) }).unwrap().profiles.len(), 9);
    let others = [
        Listing { sort: Sort::Clv, ..with(&cursor) },
        Listing { reversed: true, ..with(&cursor) },
        Listing { updated_since: Some(0), ..with(&cursor) },
        Listing { id_prefix: Some("c".into()), ..with(&cursor) },
        Listing { churn_risk: (Some(0.1), None), ..with(&cursor) },
        Listing { churn_risk: (None, Some(0.1)), ..with(&cursor) },
        Listing { tags: vec![("churn.level".into(), "high".into())], ..with(&cursor) },
        with(""),
        with("nonsense"),
        with("客户"),
        with(&cursor[..cursor.len() / 3]),
    ];
    for other in others {
        assert!(matches!(store.list(&other), Err(Error::BadCursor)), "{other:?}");
    }
}

pub(super) fn totals(store: &dyn Store) {
    forty(store);
    let totals = store.totals().unwrap();
    let all = store.list(&Listing { limit: 1000, ..Listing::default() }).unwrap().profiles;
    let sum: f64 = all.iter().filter_map(|p| p.prediction["value_at_risk"].as_f64()).sum();
    assert_eq!((totals.profiles, totals.scored, totals.data_until), (40, 32, Some(day(40))));
    assert!((totals.value_at_risk - sum).abs() < 1e-9 * sum, "the order of adding may differ");
    assert_eq!(totals.churn_levels.values().sum::<u64>(), 32);
    let high = all.iter().filter(|p| p.tags.get("churn.level").is_some_and(|t| t.value == "high")).count();
    assert_eq!(totals.churn_levels["high"], high as u64);
}
