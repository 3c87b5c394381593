//! What every profile store must do, whatever its database. A backend runs [`conforms`] in its own tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use homing_datasets::guards::Window;
use homing_datasets::{DAY, Event, History, Kind, Micros, Zone};
use homing_models::{AtHorizon, NotScored, Outcome, Prediction, Provenance};
use serde_json::{Value, json};

use super::*;
use listing::scan;

mod aggregates;
pub(super) mod commit;
mod feed;
mod kept;
mod listing;
pub(super) mod model;
mod requests;
mod rights;
mod transfer;

/// One expectation, tried on an empty store.
type Check = fn(&dyn Store);

const CHECKS: &[(&str, Check)] = &[
    ("an unknown customer is none", unknown),
    ("a purchase makes a profile", first_purchase),
    ("an event id counts once", event_ids),
    ("the order of arrival leaves no trace", arrival_order),
    ("a customer without a purchase is kept and not scored", not_scored),
    ("only tags that changed are reported", changed_tags),
    ("a kept tag keeps its provenance until it expires", kept_tags),
    ("the data clock only goes forward", data_clock),
    ("an event far ahead of all data moves its own customer alone", far_ahead),
    ("a clock beyond what can be is set back, and the next batch heals", set_back),
    ("a late event is scored as of the newest score", late_event),
    ("a batch written again changes nothing", batch_again),
    ("a batch merges with what came in online", batch_merges),
    ("an older score never replaces a newer one", newer_score_stays),
    ("a newer score replaces an older one, and another model's of the same instant", newer_score_comes),
    ("scores that moved little stay within a tolerance", tolerance),
    ("a batch may be larger than a chunk and name a customer twice", large_batch),
    ("any text is a customer id", weird_ids),
    ("a load says what is held, and its version", commit::states),
    ("a set for a state that is past is not written", commit::conflicts),
    ("a set is written whole or not at all", commit::sets),
    ("pages hold every profile once, in order", listing::pages),
    ("a listing filters by tag, range and prefix", listing::filters),
    ("attributes are searched for, and ids are listed at one moment", listing::attributes),
    ("a cursor fits its listing only", listing::cursors),
    ("totals add up", listing::totals),
    ("a scan meets every customer once", aggregates::scan),
    ("daily aggregates are kept by day", aggregates::kept),
    ("who turned to high risk is known, the most at stake first", aggregates::turned_high),
    ("the feed tells every change once, in order", feed::tells),
    ("a feed pruned from its old end says so to who comes late", feed::pruned),
    ("positions and dead letters are kept by feed", feed::bookkeeping),
    ("a feed in trouble is known by its name", feed::trouble),
    ("an opt-out takes scores and predictive tags, until an opt-in", rights::opt_out),
    ("an opt-out before the first event holds", rights::opt_out_first),
    ("attributes are replaced whole", rights::attributes),
    ("contacts are capped over all campaigns", rights::contacts),
    ("scores are kept by purpose and instant, and go with their customer", kept::scores),
    ("a campaign is known as a whole", kept::campaigns),
    ("who is the same person is merged, with all that is held", rights::merge),
    ("an export holds everything", rights::export),
    ("an erased customer leaves a hash and nothing else", rights::erasure),
    ("any text can be erased", rights::erase_any),
    ("objections hold by purpose and outlive an erasure", rights::objections),
    ("the audit log is one chain, also across erasures", rights::chained),
    ("sessions begin and end", rights::sessions),
    ("old events are taken out of a history", rights::trimmed),
    ("keys are found by hash, revoked once", rights::keys),
    ("secrets stay what they are", rights::secrets),
    ("an event is corrected and voided by its id", requests::amended),
    ("answers are kept once, and not of who was erased", requests::answers),
    ("attributes that many change lose nothing", requests::attributes_by_many),
    ("a listing by id is stable under writes", requests::stable_by_id),
    ("a copy holds all that the store held, also in another database", transfer::copied),
    ("a copy is of one instant", transfer::as_of_one_instant),
    ("a copy goes into an empty store only, whole or not at all", transfer::only_into_an_empty_store),
    ("a challenger's differences add up", rights::shadows),
    ("a panic while scoring leaves the store as it was", panic_rolls_back),
];

/// Runs every check, each on a store of its own.
pub(super) fn conforms(mut empty: impl FnMut() -> Arc<dyn Store>) {
    for (name, check) in CHECKS {
        let store = empty();
        println!("{name}");
        store.ready().unwrap();
        check(store.as_ref());
        store.ready().unwrap();
    }
}

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: Micros = 20_454 * DAY;
const SCORED_AT: Micros = 20_900 * DAY;

fn day(n: i64) -> Micros {
    NEW_YEAR + n * DAY
}

pub(super) fn buy(at: Micros, amount: f64) -> Event {
    Event::new(Kind::Purchase, at, amount)
}

pub(super) fn incoming(event_id: &str, customer_id: &str, event: Event) -> Incoming {
    Incoming { event_id: event_id.into(), customer_id: customer_id.into(), event }
}

fn tag(name: &str, layer: Layer, value: impl Into<Value>) -> Tag {
    Tag { name: name.into(), layer, value: value.into(), confidence: None, expires_at: None }
}

/// A little model: the risk grows with the days since the last purchase, the worth is the spend so far.
pub(super) fn score(_: &str, history: &History, as_of: Micros) -> Scored {
    scored_by("test@1", history, as_of)
}

fn scored_by(model: &str, history: &History, as_of: Micros) -> Scored {
    let provenance = Provenance { model: model.into(), as_of, scored_at: SCORED_AT, zone: Zone::default() };
    let view = history.as_of(as_of);
    let bought = |i: &usize| view.kind()[*i] == Kind::Purchase && view.amount()[*i] > 0.0;
    let purchases: Vec<usize> = (0..view.len()).filter(bought).collect();
    let mut tags = vec![tag("activity.events", Layer::Dynamic, view.len() as u64)];
    let Some(&last) = purchases.last() else {
        return Scored { outcome: Outcome::NotScored(NotScored::NoPurchase), tags, provenance };
    };
    let days = ((as_of - view.occurred_at()[last]) / DAY) as f64;
    let churn_risk = days / (days + 30.0);
    let clv: f64 = purchases.iter().map(|&i| view.amount()[i]).sum();
    let at = AtHorizon {
        days: 30,
        p_purchase: 1.0 - churn_risk,
        expected_orders: 1.0,
        expected_spend: clv,
        expected_spend_low: 0.0,
        expected_spend_high: clv,
    };
    let level = if churn_risk > 0.5 { "high" } else { "low" };
    tags.push(Tag {
        confidence: Some(churn_risk),
        expires_at: Some(as_of + 30 * DAY),
        ..tag("churn.level", Layer::Predictive, level)
    });
    tags.push(tag("value.big", Layer::Dynamic, clv > 100.0));
    let prediction = Prediction {
        at: vec![at],
        churn_risk,
        churn_percentile: 50,
        p_alive: 1.0 - churn_risk,
        next_order_at: Some(as_of + DAY),
        next_order_quartiles: [None; 2],
        clv,
        clv_interval: [0.0; 2],
        value_at_risk: churn_risk * clv,
        cluster: None,
        reasons: Vec::new(),
    };
    Scored { outcome: Outcome::Scored(Box::new(prediction)), tags, provenance }
}

pub(super) fn row(customer_id: &str, events: Vec<Event>) -> BatchRow {
    BatchRow { customer_id: customer_id.into(), history: History::from_events(events) }
}

pub(super) fn batch(store: &dyn Store, rows: Vec<BatchRow>, as_of: Micros) -> BatchSummary {
    store.write_batch(&mut rows.into_iter(), as_of, &score, &|_| ()).unwrap()
}

fn take(store: &dyn Store, events: &[Incoming]) -> Intake {
    store.take_in(events, Micros::MIN, &score).unwrap()
}

fn get(store: &dyn Store, customer_id: &str) -> Profile {
    store.profile(customer_id).unwrap().unwrap()
}

fn tag_value(store: &dyn Store, customer_id: &str, name: &str) -> Value {
    get(store, customer_id).tags[name].value.clone()
}

fn unknown(store: &dyn Store) {
    assert_eq!(store.profile("c").unwrap(), None);
    assert_eq!(store.history("c").unwrap(), None);
    assert_eq!(store.list(&Listing { limit: 10, ..Listing::default() }).unwrap(), Page::default());
    assert_eq!(store.totals().unwrap(), Totals::default());
    assert_eq!(take(store, &[]), Intake::default());
    assert_eq!(batch(store, Vec::new(), day(0)), BatchSummary::default());
}

fn first_purchase(store: &dyn Store) {
    let intake =
        take(store, &[incoming("e1", "c", buy(day(1), 40.0)), incoming("e2", "c", buy(day(1) + 1, 80.0))]);
    assert_eq!(intake.fates, [Fate::Accepted, Fate::Accepted]);
    let expected = json!({"activity.events": 2, "churn.level": "low", "value.big": true});
    assert_eq!(intake.changed.len(), 1);
    assert_eq!(Value::Object(intake.changed[0].tags.clone()), expected);

    let profile = get(store, "c");
    assert_eq!(profile.prediction["clv"], 120.0);
    assert_eq!(profile.prediction["model"], "test@1");
    assert_eq!(profile.prediction.get("customer_id"), None);
    let history = HistorySummary {
        events: 2,
        purchases: 2,
        orders: 1,
        spend: 120.0,
        first_purchase_at: Some("2026-01-02T00:00:00Z".into()),
        last_purchase_at: Some("2026-01-02T00:00:00.000001Z".into()),
    };
    assert_eq!(profile.history, history);
    let level = StoredTag {
        value: "low".into(),
        layer: Layer::Predictive,
        confidence: Some(0.0),
        model: "test@1".into(),
        as_of: "2026-01-02T00:00:00.000001Z".into(),
        scored_at: Zone::default().format(SCORED_AT),
        expires_at: Some("2026-02-01T00:00:00.000001Z".into()),
    };
    assert_eq!(profile.tags["churn.level"], level);
    assert_eq!(store.history("c").unwrap().unwrap().len(), 2);
}

fn event_ids(store: &dyn Store) {
    let first = incoming("e1", "c", buy(day(1), 40.0));
    let other = incoming("e1", "c", buy(day(1), 41.0));
    let others = incoming("e1", "d", buy(day(1), 40.0));
    let product = incoming("e1", "c", Event { product: Some(String::new()), ..buy(day(1), 40.0) });
    let new = incoming("e2", "c", buy(day(2), 1.0));

    let together = [first.clone(), first.clone(), other.clone(), new.clone()];
    let fates = [Fate::Accepted, Fate::Duplicate, Fate::Conflict, Fate::Accepted];
    assert_eq!(take(store, &together).fates, fates);
    let before = get(store, "c");

    let again = take(store, &[first, other, others, product, new]);
    let fates = [Fate::Duplicate, Fate::Conflict, Fate::Conflict, Fate::Conflict, Fate::Duplicate];
    assert_eq!(again, Intake { fates: fates.to_vec(), ..Intake::default() });
    assert_eq!(get(store, "c"), before);
    assert_eq!(before.history.events, 2);
    assert_eq!(store.profile("d").unwrap(), None);
}

fn arrival_order(store: &dyn Store) {
    let events: Vec<Event> = (0..6).map(|n| buy(day(n % 4), 1.0 + n as f64)).collect();
    let id = |n: usize, customer: &str| incoming(&format!("{customer}{n}"), customer, events[n].clone());
    for n in 0..6 {
        take(store, &[id(n, "a"), id(5 - n, "b")]);
    }
    take(store, &(0..6).map(|n| id((n * 5) % 6, "c")).collect::<Vec<_>>());
    let (a, b, c) = (get(store, "a"), get(store, "b"), get(store, "c"));
    assert_eq!(store.history("a").unwrap(), store.history("b").unwrap());
    assert_eq!(store.history("a").unwrap(), store.history("c").unwrap());
    assert_eq!((&a.tags, &a.prediction, &a.history), (&b.tags, &b.prediction, &b.history));
    assert_eq!((&a.tags, &a.prediction, &a.history), (&c.tags, &c.prediction, &c.history));
}

fn not_scored(store: &dyn Store) {
    take(store, &[incoming("e1", "c", Event::new(Kind::Visit, day(1), 0.0))]);
    assert_eq!(get(store, "c").prediction["not_scored"], "no_purchase");
    let summary =
        batch(store, vec![row("d", vec![buy(day(1), 0.0)]), row("e", vec![buy(day(1), 1.0)])], day(2));
    assert_eq!(summary.not_scored, [("no_purchase".to_owned(), 1)].into());
    assert_eq!(get(store, "d").history, HistorySummary { events: 1, ..HistorySummary::default() });
    // Then they buy.
    let intake = take(store, &[incoming("e2", "c", buy(day(3), 5.0))]);
    assert_eq!(intake.changed[0].tags["churn.level"], "low");
    assert_eq!(get(store, "c").prediction.get("not_scored"), None);
    assert_eq!(store.totals().unwrap().scored, 2);
}

fn changed_tags(store: &dyn Store) {
    take(store, &[incoming("e1", "c", buy(day(1), 40.0)), incoming("e2", "d", buy(day(60), 1.0))]);
    batch(store, vec![row("c", vec![])], day(61));
    assert_eq!(tag_value(store, "c", "churn.level"), "high");
    // The level falls, the count of events grows, `value.big` stays: its provenance moves all the same.
    let intake =
        take(store, &[incoming("e3", "c", buy(day(62), 1.0)), incoming("e0", "b", buy(day(3), 1.0))]);
    let ids: Vec<_> = intake.changed.iter().map(|c| c.customer_id.as_str()).collect();
    assert_eq!(ids, ["b", "c"]);
    let expected = json!({"activity.events": 2, "churn.level": "low"});
    assert_eq!(Value::Object(intake.changed[1].tags.clone()), expected);
    assert_eq!(get(store, "c").tags["value.big"].as_of, Zone::default().format(day(62)));
    // A tag that is no longer given is removed, and the feed says so.
    let fewer = |id: &str, history: &History, as_of: Micros| {
        let mut scored = score(id, history, as_of);
        scored.tags.retain(|tag| tag.name != "value.big");
        scored
    };
    let intake = store.take_in(&[incoming("e4", "c", buy(day(62), 2.0))], Micros::MIN, &fewer).unwrap();
    assert_eq!(intake.changed[0].tags["value.big"], Value::Null);
    assert!(!get(store, "c").tags.contains_key("value.big"));
}

fn kept_tags(store: &dyn Store) {
    let keep = |_: &str, history: &History, as_of: Micros| {
        let mut scored = scored_by("test@2", history, as_of);
        for tag in scored.tags.iter_mut().filter(|tag| tag.name != "activity.events") {
            tag.value = Value::Null;
        }
        scored
    };
    let mut n = 0;
    let mut at = |days: i64| {
        n += 1;
        store.take_in(&[incoming(&format!("e{n}"), "c", buy(day(days), 1.0))], Micros::MIN, &keep).unwrap()
    };
    // Nothing to keep: nothing is made up.
    assert_eq!(at(1).changed[0].tags.len(), 1);
    take(store, &[incoming("real", "c", buy(day(2), 200.0))]);
    for days in [3, 4] {
        assert_eq!(at(days).changed[0].tags.keys().collect::<Vec<_>>(), ["activity.events"]);
        let tags = get(store, "c").tags;
        let kept = &tags["churn.level"];
        assert_eq!((kept.model.as_str(), kept.as_of.as_str()), ("test@1", "2026-01-03T00:00:00Z"));
        assert_eq!(kept.expires_at.as_deref(), Some("2026-02-02T00:00:00Z"));
        assert_eq!(tags["activity.events"].model, "test@2");
    }
    // Thirty days after the score that it came from, the level is gone; `value.big` has no such end.
    assert_eq!(at(32).changed[0].tags["churn.level"], Value::Null);
    assert_eq!(tag_value(store, "c", "value.big"), true);
    assert!(!get(store, "c").tags.contains_key("churn.level"));
}

fn data_clock(store: &dyn Store) {
    let as_of = |id: &str| get(store, id).prediction["as_of"].as_str().unwrap().to_owned();
    take(store, &[incoming("e1", "a", buy(day(10), 1.0))]);
    take(store, &[incoming("e2", "b", buy(day(5), 1.0))]);
    assert_eq!(as_of("b"), Zone::default().format(day(10)));
    assert_eq!(store.totals().unwrap().data_until, Some(day(10)));
    store.take_in(&[incoming("e3", "c", buy(day(6), 1.0))], day(20), &score).unwrap();
    assert_eq!(as_of("c"), Zone::default().format(day(20)));
    // `not_before` is the caller's word for one intake, not data.
    take(store, &[incoming("e4", "d", buy(day(7), 1.0))]);
    assert_eq!(as_of("d"), Zone::default().format(day(10)));
    // An event that became known late is in sight of the score it causes.
    let late = Event { recorded_at: day(12), ..buy(day(1), 1.0) };
    take(store, &[incoming("e5", "e", late)]);
    assert_eq!(as_of("e"), Zone::default().format(day(12)));
    assert_eq!(get(store, "e").prediction.get("not_scored"), None);
    assert_eq!(store.totals().unwrap().data_until, Some(day(10)));
    batch(store, vec![row("f", vec![buy(day(15), 1.0)])], day(30));
    assert_eq!(store.totals().unwrap().data_until, Some(day(15)));
    take(store, &[incoming("e6", "g", buy(day(1), 1.0))]);
    assert_eq!(as_of("g"), Zone::default().format(day(15)));
}

fn late_event(store: &dyn Store) {
    batch(store, vec![row("c", vec![buy(day(1), 1.0)])], day(90));
    assert_eq!(tag_value(store, "c", "churn.level"), "high");
    let intake = take(store, &[incoming("e1", "c", buy(day(89), 1.0))]);
    assert_eq!(intake.changed[0].tags["churn.level"], "low");
    assert_eq!(get(store, "c").prediction["as_of"], Zone::default().format(day(90)));
}

fn batch_again(store: &dyn Store) {
    let rows: Vec<_> =
        (0..50).map(|n| row(&format!("c{n:02}"), vec![buy(day(n), 10.0 * n as f64)])).collect();
    let first = batch(store, rows.clone(), day(60));
    assert_eq!((first.customers, first.inserted, first.updated, first.unchanged), (50, 50, 0, 0));
    assert_eq!(first.tags_changed, 49 * 3 + 1);
    assert_eq!(first.tag_moves["churn.level"].set, 49);
    let before = get(store, "c07");
    let later = |id: &str, history: &History, as_of: Micros| {
        let mut scored = score(id, history, as_of);
        scored.provenance.scored_at += DAY;
        scored
    };
    let done = AtomicU64::new(0);
    let count = |n: u64| done.store(n, Ordering::SeqCst);
    let again = store.write_batch(&mut rows.into_iter(), day(60), &later, &count).unwrap();
    let expected = BatchSummary {
        customers: 50,
        unchanged: 50,
        not_scored: [("no_purchase".to_owned(), 1)].into(),
        ..BatchSummary::default()
    };
    assert_eq!(again, expected);
    assert_eq!(done.load(Ordering::SeqCst), 50);
    assert_eq!(get(store, "c07"), before);
}

fn batch_merges(store: &dyn Store) {
    take(store, &[incoming("e1", "c", buy(day(1), 40.0)), incoming("e2", "c", buy(day(5), 80.0))]);
    let file = vec![row("c", vec![buy(day(0), 7.0), buy(day(1), 40.0)])];
    let summary = batch(store, file.clone(), day(6));
    assert_eq!((summary.inserted, summary.updated), (0, 1));
    assert_eq!(get(store, "c").history.spend, 127.0);
    assert_eq!(get(store, "c").prediction["clv"], 127.0);
    assert_eq!(batch(store, file, day(6)).unchanged, 1);
    assert_eq!(take(store, &[incoming("e1", "c", buy(day(1), 40.0))]).fates, [Fate::Duplicate]);
}

fn newer_score_stays(store: &dyn Store) {
    batch(store, vec![row("c", vec![buy(day(1), 1.0)])], day(90));
    let before = get(store, "c");
    let older = batch(store, vec![row("c", vec![buy(day(1), 1.0), buy(day(2), 5.0)])], day(30));
    assert_eq!((older.newer_in_store, older.updated, older.unchanged, older.tags_changed), (1, 0, 0, 0));
    let after = get(store, "c");
    assert_eq!((&after.tags, &after.prediction), (&before.tags, &before.prediction));
    assert_eq!(after.history.purchases, 2, "what happened is remembered all the same");
    // A scorer that looks from an earlier instant than it was asked to cannot turn back the clock either.
    let stale = |id: &str, history: &History, _: Micros| score(id, history, day(3));
    let intake = store.take_in(&[incoming("e1", "c", buy(day(3), 5.0))], Micros::MIN, &stale).unwrap();
    assert_eq!(intake, Intake { fates: vec![Fate::Accepted], ..Intake::default() });
    assert_eq!(get(store, "c").prediction, before.prediction);
    assert_eq!(get(store, "c").history.purchases, 3);
}

fn newer_score_comes(store: &dyn Store) {
    let rows = || vec![row("c", vec![buy(day(1), 1.0)])];
    batch(store, rows(), day(200));
    // The next night brings nothing new; a score older than a week is written again all the same.
    let next = batch(store, rows(), day(201));
    assert_eq!((next.updated, next.unchanged), (0, 1));
    assert_eq!(get(store, "c").prediction["as_of"], Zone::default().format(day(200)));
    let later = batch(store, rows(), day(208));
    assert_eq!((later.updated, later.tags_changed), (1, 0));
    assert_eq!(get(store, "c").prediction["as_of"], Zone::default().format(day(208)));
    assert_eq!(get(store, "c").tags["churn.level"].as_of, Zone::default().format(day(208)));
    let retrained = |_: &str, history: &History, as_of: Micros| scored_by("test@2", history, as_of);
    let summary = store.write_batch(&mut rows().into_iter(), day(208), &retrained, &|_| ()).unwrap();
    assert_eq!((summary.updated, summary.tags_changed), (1, 0));
    assert_eq!(get(store, "c").tags["value.big"].model, "test@2");
}

fn large_batch(store: &dyn Store) {
    let mut rows: Vec<_> =
        (0..5_100).map(|n| row(&format!("c{n:05}"), vec![buy(day(n % 40), 1.0)])).collect();
    rows.insert(1, row("c00000", vec![buy(day(2), 3.0)]));
    let seen = std::sync::Mutex::new(Vec::new());
    let progress = |n: u64| seen.lock().unwrap().push(n);
    let summary = store.write_batch(&mut rows.into_iter(), day(60), &score, &progress).unwrap();
    assert_eq!((summary.customers, summary.inserted, summary.updated), (5_101, 5_100, 1));
    assert_eq!(seen.lock().unwrap().last(), Some(&5_101));
    assert!(seen.lock().unwrap().is_sorted());
    assert_eq!(get(store, "c00000").history.spend, 4.0);
    assert_eq!(store.totals().unwrap().profiles, 5_100);
}

fn weird_ids(store: &dyn Store) {
    let ids = [
        "",
        " ",
        "a",
        "A",
        "a ",
        "a\u{0}b",
        "a\u{0}c",
        "客户一",
        "é",
        "e\u{301}",
        "\u{10FFFF}",
        "🎁",
        "'; DROP TABLE profiles",
        "%",
        "_",
        "\n",
        "1",
        "01",
        "1.0",
        "a/b?c=d&e#f",
    ];
    for (n, id) in ids.iter().enumerate() {
        take(store, &[incoming(&format!("e\u{0}{id}"), id, buy(day(1), n as f64 + 1.0))]);
    }
    for (n, id) in ids.iter().enumerate() {
        let profile = get(store, id);
        assert_eq!((profile.customer_id.as_str(), profile.history.spend), (*id, n as f64 + 1.0));
    }
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    let listing = Listing { sort: Sort::CustomerId, limit: 3, ..Listing::default() };
    assert_eq!(scan(store, &listing), sorted);
    let listing = Listing { id_prefix: Some("a\u{0}".into()), ..listing };
    assert_eq!(scan(store, &listing), ["a\u{0}b", "a\u{0}c"]);
}

fn panic_rolls_back(store: &dyn Store) {
    take(store, &[incoming("e1", "c", buy(day(1), 40.0))]);
    let before = get(store, "c");
    let broken =
        |_: &str, _: &History, _: Micros| -> Scored { panic!("a scorer that fails, as the test wants") };
    let events = [incoming("e2", "c", buy(day(2), 1.0))];
    let attempt = std::panic::AssertUnwindSafe(|| store.take_in(&events, Micros::MIN, &broken));
    assert!(std::panic::catch_unwind(attempt).is_err());
    assert_eq!(get(store, "c"), before);
    assert_eq!(take(store, &events).fates, [Fate::Accepted]);
}

fn far_ahead(store: &dyn Store) {
    batch(store, vec![row("a", vec![buy(day(1), 5.0)]), row("b", vec![buy(day(2), 5.0)])], day(3));
    let intake = take(store, &[incoming("e1", "a", buy(day(1000), 5.0))]);
    assert_eq!((intake.far_ahead, intake.fates), (1, vec![Fate::Accepted]));
    assert_eq!(get(store, "a").prediction["as_of"], Zone::default().format(day(1000)));
    // The other customer's next event is scored as of the data, not as of that event.
    let intake = take(store, &[incoming("e2", "b", buy(day(5), 5.0))]);
    assert_eq!(intake.far_ahead, 0);
    assert_eq!(get(store, "b").prediction["as_of"], Zone::default().format(day(5)));
    assert_eq!(store.totals().unwrap().data_until, Some(day(5)));
}

fn set_back(store: &dyn Store) {
    let rows = |far: &[Event]| {
        let one = [vec![buy(day(1), 5.0)], far.to_vec()].concat();
        vec![row("a", one), row("b", vec![buy(day(2), 5.0)])]
    };
    batch(store, rows(&[buy(day(40_000), 5.0)]), day(40_000));
    assert_eq!(batch(store, rows(&[]), day(4)).newer_in_store, 2, "the poison holds");
    assert_eq!(store.latest_score().unwrap(), Some(day(40_000)));
    assert_eq!(store.set_clock_back(day(50), day(4)).unwrap(), 2);
    assert_eq!(
        (store.latest_score().unwrap(), store.totals().unwrap().data_until),
        (Some(day(4)), Some(day(4)))
    );
    let bounds = Bounds { clock: Window::until(Some(day(20_500))), ..Bounds::default() };
    let summary =
        store.write_batch_within(&mut rows(&[]).into_iter(), day(4), bounds, &score, &|_| ()).unwrap();
    assert_eq!((summary.newer_in_store, summary.updated), (0, 2));
    assert_eq!(get(store, "a").history.events, 1, "the event that cannot have happened is gone");
    assert_eq!(get(store, "b").prediction["as_of"], Zone::default().format(day(4)));
}

fn tolerance(store: &dyn Store) {
    let rows = || vec![row("c", vec![buy(day(1), 100.0)]), row("d", vec![buy(day(10), 100.0)])];
    batch(store, rows(), day(11));
    let before = (get(store, "c"), get(store, "d"));
    let within = |tolerance: f64, as_of: Micros| {
        store
            .write_batch_within(
                &mut rows().into_iter(),
                as_of,
                Bounds { tolerance, ..Bounds::default() },
                &score,
                &|_| (),
            )
            .unwrap()
    };
    // From 10 to 11 days c's risk moves from .25 to .268, d's from .032 to .0625: money by 7 % and by 94 %.
    let first = within(0.1, day(12));
    assert_eq!((first.unchanged, first.updated), (1, 1));
    assert_eq!(get(store, "c"), before.0, "it stays with the instant that it has");
    assert_eq!(get(store, "d").prediction["as_of"], Zone::default().format(day(12)));
    assert_eq!(within(0.0, day(12)).updated, 1);
    // A tag that changes its value is written, however little the score moved.
    let summary = within(10.0, day(45));
    assert_eq!((summary.updated, summary.unchanged, summary.tags_changed), (2, 0, 2));
    let moved: Vec<_> =
        summary.tag_moves.iter().map(|(name, moved)| (&**name, moved.set, moved.removed)).collect();
    assert_eq!(moved, [("churn.level", 2, 0)]);
    // What happened is written all the same.
    let bought = vec![row("d", vec![buy(day(44), 0.01)])];
    let summary = store
        .write_batch_within(
            &mut bought.into_iter(),
            day(45),
            Bounds { tolerance: 10.0, ..Bounds::default() },
            &score,
            &|_| (),
        )
        .unwrap();
    assert_eq!(summary.updated, 1);
    assert_eq!(get(store, "d").history.events, 2);
}
