//! Single requests: events that are corrected, answers that are kept, attributes that several change.

use homing_datasets::Event;
use serde_json::{Map, Value, json};

use super::{buy, day, feed, get, incoming, take};
use crate::requests::Answered;
use crate::*;

pub(super) fn amended(store: &dyn Store) {
    let first = Event { product: Some("tea".into()), quantity: 0.1, ..buy(day(1), 40.1) };
    let events = [incoming("e1", "c", first.clone()), incoming("e2", "c", buy(day(1), 40.1))];
    take(store, &events);
    assert_eq!(store.event_owner("e1").unwrap().as_deref(), Some("c"));
    assert_eq!(store.event_owner("e\u{0}").unwrap(), None);
    let amend = |id: &str, event_id: &str, instead: Option<&Event>| {
        store.amend(id, event_id, instead, &super::score).unwrap()
    };
    // The right one of two alike, and once.
    let new = buy(day(3), 140.0);
    let Amended::Done(Some(changed)) = amend("c", "e1", Some(&new)) else { panic!("nothing changed") };
    assert_eq!(changed.tags["value.big"], true);
    let left = get(store, "c");
    assert_eq!((left.history.events, left.history.spend), (2, 180.1));
    assert_eq!(feed::all(store).last().unwrap().tags["value.big"], true, "followers learn of it");
    assert_eq!(amend("c", "e1", Some(&new)), Amended::Done(None));
    assert_eq!(take(store, &events).fates, [Fate::Conflict, Fate::Duplicate]);
    assert_eq!(take(store, &[incoming("e1", "c", new.clone())]).fates, [Fate::Duplicate]);
    let history = store.history("c").unwrap().unwrap();
    assert!(history.events().all(|event| event.product.is_none()));
    assert!(matches!(amend("c", "e1", None), Amended::Done(Some(_))));
    assert_eq!(amend("c", "e1", None), Amended::Voided);
    assert_eq!(amend("c", "e1", Some(&new)), Amended::Voided);
    assert_eq!(take(store, &[incoming("e1", "c", new)]).fates, [Fate::Conflict], "its id stays taken");
    assert_eq!(get(store, "c").history.events, 1);
    // Unknown ones, and one that a retention rule dropped.
    assert_eq!(
        [amend("c", "none", None), amend("nobody", "none", None)],
        [Amended::Unknown, Amended::Unknown]
    );
    assert_eq!(store.trim("c", day(9), &super::score).unwrap(), 1);
    assert_eq!(amend("c", "e2", None), Amended::Dropped);
    // Two at one moment: one of them voids it.
    take(store, &[incoming("e3", "d", buy(day(1), 1.0)), incoming("e4", "d", buy(day(1), 2.0))]);
    let both = std::thread::scope(|scope| {
        let run = || scope.spawn(|| store.amend("d", "e3", None, &super::score).unwrap());
        let (one, two) = (run(), run());
        [one.join().unwrap(), two.join().unwrap()]
    });
    assert_eq!(both.iter().filter(|done| **done == Amended::Voided).count(), 1, "{both:?}");
    assert_eq!(get(store, "d").history.spend, 2.0);
    store.erase("d", day(5)).unwrap();
    assert_eq!(store.event_owner("e4").unwrap(), None);
}

pub(super) fn answers(store: &dyn Store) {
    let answered = |reply: &str| Answered { body: [1; 32], status: 200, reply: reply.to_owned() };
    assert_eq!(store.answer_of(&[7; 32], 0).unwrap(), None);
    store.keep_answer(&[7; 32], &answered("a"), 10, 0).unwrap();
    store.keep_answer(&[7; 32], &answered("b"), 11, 0).unwrap();
    assert_eq!(store.answer_of(&[7; 32], 10).unwrap(), Some(answered("a")), "the first one stays");
    assert_eq!(store.answer_of(&[7; 32], 11).unwrap(), None);
    store.keep_answer(&[8; 32], &answered("c"), 20, 15).unwrap();
    assert_eq!(store.answer_of(&[7; 32], 0).unwrap(), None, "old ones are forgotten");
    // An erasure takes those that name the customer.
    let ids = ["100%_\\\"茶", "100x_", "plain"];
    for (n, id) in ids.iter().enumerate() {
        take(store, &[incoming(id, id, buy(day(1), 1.0))]);
        let reply = json!({"customer_id": id}).to_string();
        store.keep_answer(&[n as u8; 32], &answered(&reply), 20, 0).unwrap();
    }
    store.erase(ids[0], day(2)).unwrap();
    let left = (0..3).filter(|n| store.answer_of(&[*n; 32], 0).unwrap().is_some()).collect::<Vec<u8>>();
    assert_eq!(left, [1, 2]);
}

pub(super) fn attributes_by_many(store: &dyn Store) {
    assert_eq!(store.attributes("c").unwrap(), None);
    let count =
        |held: Option<&Map<String, Value>>| held.and_then(|held| held["n"].as_u64()).unwrap_or_default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let mut add = |held: Option<&Map<String, Value>>| {
                        Some(Map::from_iter([("n".to_owned(), (count(held) + 1).into())]))
                    };
                    store.change_attributes("c", &mut add).unwrap();
                }
            });
        }
    });
    assert_eq!(count(store.attributes("c").unwrap().as_ref()), 20, "no change is lost");
    assert_eq!(store.change_attributes("c", &mut |_| None).unwrap(), None);
    assert_eq!(count(store.attributes("c").unwrap().as_ref()), 20);
}

pub(super) fn stable_by_id(store: &dyn Store) {
    let ids: Vec<String> = (0..20).map(|n| format!("c{n:02}")).collect();
    for (n, id) in ids.iter().enumerate() {
        take(store, &[incoming(id, id, buy(day(1), n as f64 + 1.0))]);
    }
    let mut listing = Listing { sort: Sort::CustomerId, limit: 3, ..Listing::default() };
    let mut met = Vec::new();
    loop {
        let page = store.list(&listing).unwrap();
        met.extend(page.profiles.into_iter().map(|profile| profile.customer_id));
        // Everybody's scores change between two pages.
        for id in &ids {
            let event = format!("{id}-{}", met.len());
            take(store, &[incoming(&event, id, buy(day(2), 100.0 - met.len() as f64))]);
        }
        listing.cursor = page.next;
        if listing.cursor.is_none() {
            break;
        }
    }
    assert_eq!(met, ids, "everybody once");
}
