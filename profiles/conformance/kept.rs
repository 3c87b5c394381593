//! Kept scores and campaign records.

use homing_datasets::Micros;
use serde_json::json;

use super::rights::contact;
use super::{buy, day, incoming, take};
use crate::Store;
use crate::contacts::Cap;
use crate::kept::{KeptScore, MONITORING};

fn score(customer_id: &str, purpose: &str, as_of: Micros) -> KeptScore {
    KeptScore {
        customer_id: customer_id.to_owned(),
        purpose: purpose.to_owned(),
        as_of,
        model: "m@1".to_owned(),
        scores: json!({"p_purchase_30d": 0.25}).to_string(),
    }
}

pub(super) fn scores(store: &dyn Store) {
    take(store, &[incoming("e1", "a", buy(day(1), 40.0)), incoming("e2", "b", buy(day(1), 40.0))]);
    let first =
        [score("a", MONITORING, day(2)), score("b", MONITORING, day(2)), score("a", "spring", day(2))];
    assert_eq!(store.keep_scores(&first).unwrap(), 3);
    assert_eq!(store.keep_scores(&first).unwrap(), 0, "the first ones stay");
    assert_eq!(store.keep_scores(&[score("a", MONITORING, day(9))]).unwrap(), 1);
    assert_eq!(store.keep_scores(&[]).unwrap(), 0);
    assert_eq!(store.kept_instants(MONITORING).unwrap(), [day(2), day(9)]);
    assert_eq!(store.kept_scores(MONITORING, day(2), day(2)).unwrap(), first[..2]);
    assert_eq!(store.kept_scores("spring", Micros::MIN, Micros::MAX).unwrap(), first[2..]);
    let export = store.export("a").unwrap().unwrap();
    let kept: Vec<_> =
        export.kept_scores.iter().map(|one| (one.purpose.as_str(), one.as_of.as_str())).collect();
    assert_eq!(
        kept,
        [("", "2026-01-03T00:00:00Z"), ("spring", "2026-01-03T00:00:00Z"), ("", "2026-01-10T00:00:00Z")]
    );
    assert_eq!(export.kept_scores[0].scores, json!({"p_purchase_30d": 0.25}));
    assert_eq!(store.prune_kept(MONITORING, day(3)).unwrap(), 2);
    // Erased, they go, and none are kept any more.
    assert!(store.erase("a", day(10)).unwrap());
    assert!(store.kept_instants(MONITORING).unwrap().is_empty());
    assert!(store.kept_scores("spring", Micros::MIN, Micros::MAX).unwrap().is_empty());
    assert_eq!(
        store.keep_scores(&[score("a", MONITORING, day(11)), score("b", MONITORING, day(11))]).unwrap(),
        1
    );
}

pub(super) fn campaigns(store: &dyn Store) {
    assert!(store.campaigns().unwrap().is_empty());
    let cap = Cap { most: 9, since: 0 };
    let members =
        [contact("a", "x", day(3), false), contact("b", "x", day(4), true), contact("c", "y", day(5), false)];
    store.reserve_contacts(&members, &cap, true).unwrap();
    store.record_campaign("x", 0.5).unwrap();
    store.record_campaign("x", 0.1).unwrap();
    store.store_evaluation("y", "{}").unwrap();
    store.store_evaluation("y", "{\"a\":1}").unwrap();
    let found = store.campaigns().unwrap();
    let short: Vec<_> =
        found.iter().map(|one| (one.campaign.as_str(), one.contacts, one.held_out, one.share)).collect();
    assert_eq!(short, [("y", 1, 0, None), ("x", 1, 1, Some(0.5))]);
    assert_eq!((found[1].first_at, found[1].last_at), (day(3), day(4)));
    assert_eq!((found[0].evaluation.as_deref(), &found[1].evaluation), (Some("{\"a\":1}"), &None));
    assert_eq!(store.document("accuracy").unwrap(), None);
    store.store_document("accuracy", day(1), "[]").unwrap();
    store.store_document("accuracy", day(2), "{}").unwrap();
    assert_eq!(store.document("accuracy").unwrap(), Some((day(2), "{}".to_owned())));
}
