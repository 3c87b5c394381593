//! A store copied out and in.

use serde_json::{Map, json};

use std::sync::atomic::{AtomicU64, Ordering};

use homing_datasets::Micros;

use super::{SCORED_AT, buy, day, feed, get, incoming, take};
use crate::access::AuditEntry;
use crate::feed::FeedPosition;
use crate::state::Consent;
use crate::transfer::{CUSTOMERS, Record};
use crate::*;

/// A store in which something is everywhere.
fn fill(store: &dyn Store) {
    for n in 0..1200 {
        take(
            store,
            &[incoming(
                &format!("e{n}"),
                &format!("c{n:04}\u{0}王"),
                buy(day(n % 40), f64::from(n as u32) + 0.1),
            )],
        );
    }
    take(store, &[incoming("visit", "visitor", Event::new(homing_datasets::Kind::Visit, day(3), 0.0))]);
    store.erase("c0007\u{0}王", day(50)).unwrap();
    let consent = Consent { opted_out: true, at: day(41) };
    (store as &dyn Store).set_consent_from("c0001\u{0}王", consent, "form").unwrap();
    let attributes: Map<String, serde_json::Value> =
        [("city".to_owned(), json!("上海"))].into_iter().collect();
    store.set_attributes("c0002\u{0}王", &attributes).unwrap();
    store.secret("webhook").unwrap();
    let entry = AuditEntry {
        at: day(1),
        key_id: None,
        action: "test".into(),
        customer_id: None,
        detail: "\u{0}".into(),
    };
    store.audit(&[entry]).unwrap();
    store.set_feed_position("hook", FeedPosition { cursor: 3, at: day(2) }).unwrap();
}

/// Everything that is to be the same in both, in one order.
fn records(store: &dyn Store) -> Vec<String> {
    let mut records = Vec::new();
    store
        .dump(&mut |record| {
            let of_the_store = record.section() == "settings";
            let record = match record {
                Record::Customer(mut customer) => {
                    customer.prints = None;
                    Record::Customer(customer)
                }
                other => other,
            };
            if !of_the_store {
                records.push(serde_json::to_string(&record).unwrap());
            }
            Ok(())
        })
        .unwrap();
    records.sort_unstable();
    records
}

fn copy(from: &dyn Store, into: &dyn Store, at: Micros) {
    let mut all = Vec::new();
    from.dump(&mut |record| {
        // As a file holds it.
        let text = serde_json::to_string(&record).unwrap();
        all.push(serde_json::from_str::<Record>(&text).unwrap());
        Ok(())
    })
    .unwrap();
    into.begin_import().unwrap();
    for some in all.chunks(100) {
        into.import(some.to_vec()).unwrap();
    }
    into.settle_import(at).unwrap();
    into.end_import().unwrap();
}

pub(super) fn copied(store: &dyn Store) {
    let folder = tempfile::tempdir().unwrap();
    let first = crate::sqlite::SqliteStore::open(folder.path().join("first.db"), Default::default()).unwrap();
    fill(&first);
    let follower = first.changes(None, 10_000).unwrap().next;
    let before = records(&first);
    assert!(before.len() > 2400, "{}", before.len());
    let lost = follower + 5;
    copy(&first, store, SCORED_AT);
    assert_eq!(records(store), before);
    assert_ne!(store.identity().unwrap(), first.identity().unwrap());
    assert_eq!(get(store, "c0009\u{0}王"), get(&first, "c0009\u{0}王"));
    // A sum in another order.
    let totals = |store: &dyn Store| {
        let totals = store.totals().unwrap();
        Totals { value_at_risk: totals.value_at_risk.round(), ..totals }
    };
    assert_eq!(totals(store), totals(&first));

    // Who followed up to the copy goes on; who read changes that are lost is told.
    assert!(store.changes(Some(follower), 10).unwrap().changes.is_empty());
    assert!(matches!(store.changes(Some(lost), 10), Err(Error::CursorExpired { .. })));
    take(store, &[incoming("new", "c0009\u{0}王", buy(day(60), 5000.0))]);
    let news = store.changes(Some(follower), 10).unwrap();
    assert_eq!(news.changes.len(), 1);
    assert!(news.next > lost);
    assert_eq!(take(store, &[incoming("e9", "c0009\u{0}王", buy(day(9), 9.1))]).fates, [Fate::Duplicate]);
    let entry = AuditEntry {
        at: day(70),
        key_id: None,
        action: "after".into(),
        customer_id: None,
        detail: String::new(),
    };
    store.audit(&[entry]).unwrap();

    // And back again, from whatever engine this is.
    let second =
        crate::sqlite::SqliteStore::open(folder.path().join("second.db"), Default::default()).unwrap();
    copy(store, &second, SCORED_AT + homing_datasets::DAY);
    assert_eq!(records(&second), records(store));
    assert_eq!(feed::all(&second), feed::all(store));
    assert!(matches!(second.changes(Some(news.next + 1), 10), Err(Error::CursorExpired { .. })));
    assert!(matches!(second.changes(Some(lost), 10), Err(Error::CursorExpired { .. })), "an earlier restore");
}

pub(super) fn as_of_one_instant(store: &dyn Store) {
    // Two customers buy in one transaction, over and over, while the store is read.
    let written = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..100 {
                let pair = ["a", "z"].map(|id| incoming(&format!("{id}{n}"), id, buy(day(n % 50), 1.0)));
                take(store, &pair);
                written.fetch_add(1, Ordering::Relaxed);
            }
        });
        while written.load(Ordering::Relaxed) < 100 {
            let mut events = Vec::new();
            store
                .dump(&mut |record| {
                    if let Record::Customer(customer) = &record {
                        events.push((customer.event_ids.len() as u64, customer.counts.events));
                    }
                    Ok(())
                })
                .unwrap();
            assert!(events.iter().all(|own| *own == events[0] && own.0 == own.1), "{events:?}");
        }
    });
}

pub(super) fn only_into_an_empty_store(store: &dyn Store) {
    let folder = tempfile::tempdir().unwrap();
    let full = crate::sqlite::SqliteStore::open(folder.path().join("full.db"), Default::default()).unwrap();
    take(&full, &[incoming("e", "c", buy(day(1), 1.0)), incoming("f", "d", buy(day(1), 1.0))]);
    let mut all = Vec::new();
    full.dump(&mut |record| {
        all.push(record);
        Ok(())
    })
    .unwrap();
    // Broken off half way, and begun again.
    store.begin_import().unwrap();
    let upto = 1 + all.iter().position(|record| record.section() == CUSTOMERS).unwrap();
    store.import(all[..upto].to_vec()).unwrap();
    assert!(store.is_importing().unwrap());
    store.begin_import().unwrap();
    store.import(all.clone()).unwrap();
    store.settle_import(day(1)).unwrap();
    store.end_import().unwrap();
    assert_eq!((records(store), store.is_importing().unwrap()), (records(&full), false));
    assert!(matches!(store.begin_import(), Err(Error::NotEmpty(_))));
    let odd = Record::Row { table: "consents".into(), values: vec![json!(1)] };
    assert!(matches!(store.import(vec![odd]), Err(Error::BadRecord(_))));
    let odd = Record::Row { table: "users".into(), values: vec![] };
    assert!(matches!(store.import(vec![odd]), Err(Error::BadRecord(_))));
}
