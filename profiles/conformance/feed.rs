//! The feed.

use homing_datasets::{History, Micros};
use serde_json::{Value, json};

use super::{SCORED_AT, batch, buy, day, incoming, row, take};
use crate::feed::{Change, Changes, FeedPosition, Letter, Retention, Trouble};
use crate::*;

pub(super) fn all(store: &dyn Store) -> Vec<Change> {
    store.changes(None, 10_000).unwrap().changes
}

fn tags(change: &Change) -> Value {
    Value::Object(change.tags.clone())
}

pub(super) fn tells(store: &dyn Store) {
    assert_eq!(store.changes(None, 10).unwrap(), Changes::default());
    assert_eq!((store.newest_change().unwrap(), store.changes(Some(0), 10).unwrap().next), (0, 0));
    let one = take(store, &[incoming("e1", "c", buy(day(1), 40.0)), incoming("e2", "d", buy(day(1), 80.0))]);
    take(store, &[incoming("e1", "c", buy(day(1), 40.0))]);
    let two = take(store, &[incoming("e3", "c", buy(day(2), 90.0))]);
    batch(store, vec![row("b", vec![buy(day(3), 1.0)]), row("c", vec![])], day(60));
    batch(store, vec![row("b", vec![buy(day(3), 1.0)]), row("c", vec![])], day(60));

    let changes = all(store);
    let ids: Vec<&str> = changes.iter().map(|change| change.customer_id.as_str()).collect();
    assert_eq!(ids, ["c", "d", "c", "b", "c"]);
    assert!(changes.windows(2).all(|pair| pair[0].cursor < pair[1].cursor));
    // The feed says what the intake said.
    let told = one.changed.iter().chain(&two.changed).map(|changed| Value::Object(changed.tags.clone()));
    assert_eq!(changes[..3].iter().map(tags).collect::<Vec<_>>(), told.collect::<Vec<_>>());
    assert_eq!(tags(&changes[2]), json!({"activity.events": 2, "value.big": true}));
    assert_eq!(tags(&changes[4]), json!({"churn.level": "high"}));
    let zone = Zone::default();
    let expected = Change {
        cursor: changes[4].cursor,
        customer_id: "c".into(),
        erased: false,
        tags: changes[4].tags.clone(),
        not_scored: None,
        model: "test@1".into(),
        as_of: zone.format(day(60)),
        scored_at: zone.format(SCORED_AT),
        at: zone.format(SCORED_AT),
    };
    assert_eq!(changes[4], expected);

    // By pages of any size the same.
    for limit in [0, 1, 2, 3, 5, 6] {
        let (mut scanned, mut after) = (Vec::new(), None);
        loop {
            let page = store.changes(after, limit).unwrap();
            assert!(page.changes.len() <= limit.max(1) as usize);
            after = Some(page.next);
            if page.changes.is_empty() {
                break;
            }
            scanned.extend(page.changes);
        }
        assert_eq!(scanned, changes, "pages of {limit}");
        assert_eq!(after, Some(store.newest_change().unwrap()));
    }
    let ahead = store.newest_change().unwrap() + 1;
    assert!(matches!(store.changes(Some(ahead), 1), Err(Error::BadCursor)));
    assert!(matches!(store.changes(Some(u64::MAX), 1), Err(Error::BadCursor)));
}

pub(super) fn pruned(store: &dyn Store) {
    for n in 0..10 {
        let at = SCORED_AT + n;
        let timed = |id: &str, history: &History, as_of: Micros| {
            let mut scored = super::score(id, history, as_of);
            scored.provenance.scored_at = at;
            scored
        };
        let event = incoming(&format!("e{n}"), &format!("c{n}"), buy(day(1), 1.0));
        store.take_in(&[event], Micros::MIN, &timed).unwrap();
    }
    let before = all(store);
    let keep = |not_before: Option<Micros>, newest: Option<u64>| Retention { not_before, newest };
    assert_eq!(store.prune_changes(&Retention::default()).unwrap(), 0);
    assert_eq!(store.prune_changes(&keep(Some(SCORED_AT), Some(10))).unwrap(), 0);
    assert_eq!(store.prune_changes(&keep(Some(SCORED_AT + 3), None)).unwrap(), 3);
    assert_eq!(all(store), before[3..]);
    assert_eq!(store.prune_changes(&keep(None, Some(5))).unwrap(), 2);
    assert_eq!(all(store), before[5..]);
    let expired = store.changes(Some(before[3].cursor), 1).unwrap_err();
    assert!(
        matches!(expired, Error::CursorExpired { oldest, .. } if oldest == before[4].cursor),
        "{expired}"
    );
    // The last one that went is where the rest begins.
    assert_eq!(store.changes(Some(before[4].cursor), 1).unwrap().changes, before[5..6]);
    // All gone; the next cursor is a new one all the same.
    assert_eq!(store.prune_changes(&keep(None, Some(0))).unwrap(), 5);
    assert_eq!(store.prune_changes(&keep(Some(Micros::MAX), None)).unwrap(), 0);
    assert_eq!(all(store), []);
    take(store, &[incoming("e", "c", buy(day(1), 1.0))]);
    let after = store.changes(Some(before[9].cursor), 5).unwrap().changes;
    assert!(after.len() == 1 && after[0].cursor > before[9].cursor);
    assert!(matches!(store.changes(Some(0), 1), Err(Error::CursorExpired { cursor: 0, .. })));
}

pub(super) fn trouble(store: &dyn Store) {
    let position = FeedPosition { cursor: 3, at: 4 };
    let trouble =
        Trouble { failing_since: Some(1), attempts: 7, paused_at: Some(9), reason: "HTTP status 500".into() };
    assert_eq!(store.feed_trouble("a").unwrap(), None);
    store.set_feed_position("a", position).unwrap();
    store.set_feed_trouble("a", Some(&Trouble::default())).unwrap();
    store.set_feed_trouble("a", Some(&trouble)).unwrap();
    assert_eq!(store.feed_trouble("a").unwrap(), Some(trouble.clone()));
    // Under another name it is the same feed; a name in use stays whose it is.
    store.set_feed_position("used", FeedPosition { cursor: 1, at: 1 }).unwrap();
    store.rename_feed("a", "used").unwrap();
    assert_eq!(store.feed_position("a").unwrap(), Some(position));
    store.rename_feed("a", "b").unwrap();
    assert_eq!(
        (store.feed_position("a").unwrap(), store.feed_position("b").unwrap()),
        (None, Some(position))
    );
    assert_eq!((store.feed_trouble("a").unwrap(), store.feed_trouble("b").unwrap()), (None, Some(trouble)));
    store.set_feed_trouble("b", None).unwrap();
    assert_eq!(store.feed_trouble("b").unwrap(), None);
}

pub(super) fn bookkeeping(store: &dyn Store) {
    assert_eq!(store.feed_position("crm").unwrap(), None);
    let at = |cursor, at| FeedPosition { cursor, at };
    store.set_feed_position("crm", at(4, day(1))).unwrap();
    store.set_feed_position("客户", at(9, day(1))).unwrap();
    store.set_feed_position("crm", at(5, day(2))).unwrap();
    assert_eq!(store.feed_position("crm").unwrap(), Some(at(5, day(2))));
    assert_eq!(store.feed_position("客户").unwrap(), Some(at(9, day(1))));

    let lease =
        |work: &str, holder: &str, now, until| store.lease(work, holder, day(now), day(until)).unwrap();
    assert!(lease("推送", "a", 1, 3));
    assert!(!lease("推送", "b", 2, 4), "a holds it");
    assert!(lease("mail", "b", 2, 4), "other work");
    assert!(lease("推送", "a", 2, 5), "its holder renews it");
    assert!(!lease("推送", "b", 4, 6) && lease("推送", "b", 5, 6), "it has run out");
    assert!(!lease("推送", "a", 5, 7));
    assert!(lease("推送", "b", 5, 5) && lease("推送", "a", 5, 7), "it was given back");

    take(store, &[incoming("e1", "c", buy(day(1), 40.0))]);
    let letter = |feed: &str, attempts| Letter {
        feed: feed.into(),
        change: all(store)[0].clone(),
        reason: "answers 500 for an hour".into(),
        attempts,
        at: day(3),
    };
    for (feed, attempts) in [("crm", 1), ("shop", 2), ("crm", 3)] {
        store.dead_letter(&letter(feed, attempts)).unwrap();
    }
    let letters = |feed: Option<&str>, limit| {
        let letters = store.dead_letters(feed, limit).unwrap();
        letters.into_iter().map(|dead| dead.letter).collect::<Vec<_>>()
    };
    assert_eq!(letters(None, 10), [letter("crm", 3), letter("shop", 2), letter("crm", 1)]);
    assert_eq!(letters(Some("crm"), 10), [letter("crm", 3), letter("crm", 1)]);
    assert_eq!(letters(None, 1), [letter("crm", 3)]);
    assert_eq!(letters(Some("none"), 10), []);
    let number = store.dead_letters(Some("shop"), 1).unwrap()[0].number;
    assert!(store.drop_dead_letter(number).unwrap());
    assert!(!store.drop_dead_letter(number).unwrap());
    assert_eq!(letters(None, 10), [letter("crm", 3), letter("crm", 1)]);
}
