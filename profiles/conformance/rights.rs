//! What customers may ask for, and who may come in.

use homing_datasets::{Event, Micros};
use serde_json::{Map, Value, json};

use super::{batch, buy, day, feed, get, incoming, row, take};
use crate::access::{AuditEntry, Key, Session};
use crate::contacts::{Cap, Contact, Grant};
use crate::feed::{Letter, hex};
use crate::privacy::{Choice, Consent, Erasure, Purpose, keyed_hash};
use crate::shadow::{Pair, Summary};
use crate::*;

const OUT: Consent = Consent { opted_out: true, at: 7 };
const IN: Consent = Consent { opted_out: false, at: 8 };

pub(super) fn opt_out(store: &dyn Store) {
    assert_eq!(store.consent("c").unwrap(), None);
    take(store, &[incoming("e1", "c", buy(day(1), 40.0)), incoming("e2", "d", buy(day(1), 80.0))]);
    let before = get(store, "c");
    let changed = store.set_consent("c", OUT).unwrap().unwrap();
    assert_eq!(Value::Object(changed.tags.clone()), json!({"churn.level": null}));
    assert_eq!(store.consent("c").unwrap(), Some(OUT));
    let check = |events: u64| {
        let profile = get(store, "c");
        assert_eq!(profile.prediction["not_scored"], "opted_out");
        assert_eq!(profile.prediction.get("churn_risk"), None);
        assert_eq!(profile.tags.keys().collect::<Vec<_>>(), ["activity.events", "value.big"]);
        assert_eq!(profile.history.events, events);
        let ranked = Listing { churn_risk: (Some(0.0), None), limit: 9, ..Listing::default() };
        assert_eq!(store.list(&ranked).unwrap().profiles.len(), 1, "only the other one has a score");
    };
    check(1);
    let change = feed::all(store).pop().unwrap();
    assert_eq!((change.not_scored.as_deref(), change.tags), (Some("opted_out"), changed.tags));
    // Said twice, nothing changes.
    assert_eq!(store.set_consent("c", OUT).unwrap(), None);
    assert_eq!(feed::all(store).len(), 3);
    // What happens is remembered; nothing is predicted, online or in a batch.
    let intake = take(store, &[incoming("e3", "c", buy(day(2), 40.0))]);
    assert_eq!(Value::Object(intake.changed[0].tags.clone()), json!({"activity.events": 2}));
    assert_eq!(feed::all(store).pop().unwrap().not_scored.as_deref(), Some("opted_out"));
    check(2);
    let rows = || vec![row("c", vec![buy(day(2), 41.0)]), row("d", vec![])];
    let summary = batch(store, rows(), day(60));
    assert_eq!(summary.not_scored, [("opted_out".to_owned(), 1)].into());
    check(3);
    assert_eq!(batch(store, rows(), day(60)).unchanged, 2);
    // An opt-in changes nothing by itself; the next batch scores again, also as of the same instant.
    assert_eq!(store.set_consent("c", IN).unwrap(), None);
    assert_eq!(store.consent("c").unwrap(), Some(IN));
    check(3);
    assert_eq!(batch(store, rows(), day(60)).updated, 1);
    let after = get(store, "c");
    assert_eq!(after.tags.len(), before.tags.len());
    assert_eq!(after.prediction.get("not_scored"), None);
    assert_eq!(feed::all(store).pop().unwrap().not_scored, None);
}

pub(super) fn opt_out_first(store: &dyn Store) {
    assert_eq!(store.set_consent("c", OUT).unwrap(), None);
    assert_eq!(store.set_consent("d", OUT).unwrap(), None);
    assert_eq!(store.profile("c").unwrap(), None, "no profile is invented");
    let intake = take(store, &[incoming("e1", "c", buy(day(1), 140.0))]);
    let expected = json!({"activity.events": 1, "value.big": true});
    assert_eq!(Value::Object(intake.changed[0].tags.clone()), expected);
    batch(store, vec![row("d", vec![buy(day(1), 4.0)])], day(2));
    for id in ["c", "d"] {
        assert_eq!(get(store, id).prediction["not_scored"], "opted_out", "{id}");
    }
    store.set_consent("c", IN).unwrap();
    take(store, &[incoming("e2", "c", buy(day(2), 140.0))]);
    assert_eq!(get(store, "c").tags["churn.level"].value, "low");
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub(super) fn attributes(store: &dyn Store) {
    let first =
        map(json!({"name": "王小明", "tier": 3, "odd": "a\u{0}b", "tall": 1.84, "tags": [null, true]}));
    store.set_attributes("c", &first).unwrap();
    assert_eq!(store.profile("c").unwrap(), None, "no profile is invented");
    take(store, &[incoming("e1", "c", buy(day(1), 40.0))]);
    assert_eq!(get(store, "c").attributes, first);
    let page = store.list(&Listing { limit: 1, ..Listing::default() }).unwrap();
    assert_eq!(page.profiles[0].attributes, first);
    let second = map(json!({"tier": 4}));
    store.set_attributes("c", &second).unwrap();
    assert_eq!(get(store, "c").attributes, second);
}

fn entry(at: Micros, customer_id: Option<&str>, detail: &str) -> AuditEntry {
    AuditEntry {
        at,
        key_id: Some("k1".into()),
        action: "profile.read".into(),
        customer_id: customer_id.map(str::to_owned),
        detail: detail.into(),
    }
}

fn dead(store: &dyn Store) -> Letter {
    let change = feed::all(store).into_iter().find(|change| change.customer_id == "c").unwrap();
    Letter { feed: "crm".into(), change, reason: "gone".into(), attempts: 3, at: day(4) }
}

/// Everything that can be held of `c`, and a neighbour.
fn fill(store: &dyn Store) {
    let event = Event { product: Some("tea".into()), ..buy(day(1), 40.0) };
    take(store, &[incoming("e2", "c", event), incoming("e1", "c", buy(day(2), 4.0))]);
    take(store, &[incoming("e3", "d", buy(day(2), 4.0))]);
    store.set_consent("c", IN).unwrap();
    store.set_attributes("c", &map(json!({"phone": "555"}))).unwrap();
    store.dead_letter(&dead(store)).unwrap();
    let wanted = [contact("c", "spring", day(3), false), contact("d", "spring", day(3), true)];
    store.reserve_contacts(&wanted, &Cap { most: 1, since: 0 }, true).unwrap();
    let entries = [
        entry(day(3), Some("c"), "who asked"),
        entry(day(2), Some("c"), ""),
        entry(day(2), None, "keys"),
        entry(day(2), Some("d"), ""),
    ];
    store.audit(&entries).unwrap();
    store.audit(&[]).unwrap();
    assert_eq!(store.audit_of("c").unwrap(), [entries[1].clone(), entries[0].clone()]);
}

pub(super) fn export(store: &dyn Store) {
    assert_eq!(store.export("c").unwrap(), None);
    fill(store);
    let export = store.export("c").unwrap().unwrap();
    assert_eq!(export.profile, Some(get(store, "c")));
    assert_eq!(export.event_ids, ["e1", "e2"]);
    let json = serde_json::to_value(&export).unwrap();
    assert_eq!(json["customer_id"], "c");
    assert_eq!(json["consent"]["opted_out"], false);
    assert_eq!(json["attributes"], json!({"phone": "555"}));
    assert_eq!(json["events"][0]["product_id"], "tea");
    assert_eq!(json["events"][0]["occurred_at"], "2026-01-02T00:00:00Z");
    assert_eq!(
        (json["events"][1]["kind"].as_str(), &json["events"][1]["amount"]),
        (Some("purchase"), &json!(4.0))
    );
    assert_eq!(json["changes"].as_array().unwrap().len(), 1);
    // Which receiver failed and why is not the customer's.
    assert_eq!(json["dead_letters"][0]["attempts"], 3);
    assert_eq!(json["dead_letters"][0].get("reason"), None);
    assert_eq!(json["dead_letters"][0].get("feed"), None);
    let expected = json!([{"campaign": "spring", "at": "2026-01-04T00:00:00Z", "action": "call", "channel": "web", "held_out": false}]);
    assert_eq!(json["contacts"], expected);
    let audited: Vec<_> = export.audit.iter().map(|entry| entry.at.as_str()).collect();
    assert_eq!(audited, ["2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"]);
    // Of one who said something and did nothing.
    store.set_consent("e", OUT).unwrap();
    let export = store.export("e").unwrap().unwrap();
    assert!(export.consent.unwrap().opted_out && export.profile.is_none() && export.events.is_empty());
}

pub(super) fn contact(customer_id: &str, campaign: &str, at: Micros, held_out: bool) -> Contact {
    Contact {
        customer_id: customer_id.into(),
        campaign: campaign.into(),
        at,
        action: "call".into(),
        channel: Some("web".into()),
        held_out,
    }
}

pub(super) fn contacts(store: &dyn Store) {
    let week = |at: Micros| Cap { most: 1, since: at - 7 * homing_datasets::DAY };
    let ask = |campaign: &str, at: Micros, record: bool| {
        let wanted = ["a", "b", "c"].map(|id| contact(id, campaign, at, id == "b"));
        store.reserve_contacts(&wanted, &week(at), record).unwrap()
    };
    take(store, &[incoming("e1", "a", buy(day(1), 40.0))]);
    store.set_consent("c", OUT).unwrap();
    let granted = [Grant::New, Grant::New, Grant::Withheld];
    assert_eq!(ask("x", day(10), false), granted);
    assert_eq!(store.campaign("x").unwrap(), [], "asked only");
    assert_eq!(ask("x", day(10), true), granted);
    let held = [contact("a", "x", day(10), false), contact("b", "x", day(10), true)];
    assert_eq!(store.campaign("x").unwrap(), held);
    let before = |held_out| Grant::Before { held_out };
    assert_eq!(ask("x", day(11), true), [before(false), before(true), Grant::Withheld]);
    assert_eq!(store.campaign("x").unwrap(), held, "the first contact stays");
    // Who was held out was not contacted.
    assert_eq!(ask("y", day(16), true), [Grant::Capped, Grant::New, Grant::Withheld]);
    assert_eq!(ask("z", day(17), true)[0], Grant::New, "a week has passed");
    let of_a: Vec<String> = store.contacts_of("a").unwrap().into_iter().map(|one| one.campaign).collect();
    assert_eq!(of_a, ["x", "z"]);
    // Twice among the same requests is once; any text is a name.
    let odd = contact("a'\u{0}", "é \u{0}", day(1), false);
    let twice = [odd.clone(), odd.clone()];
    assert_eq!(store.reserve_contacts(&twice, &week(day(1)), true).unwrap()[0], Grant::New);
    assert_eq!(store.campaign("é \u{0}").unwrap(), [odd]);
    assert_eq!(store.reserve_contacts(&[], &week(0), true).unwrap(), []);
    // Two campaigns at one moment.
    let won = std::thread::scope(|scope| {
        let ask = |name: &'static str| {
            scope.spawn(move || {
                store.reserve_contacts(&[contact("n", name, day(50), false)], &week(day(50)), true).unwrap()
                    [0]
            })
        };
        let asked = ["p", "q", "r", "s"].map(ask);
        asked.map(|one| one.join().unwrap())
    });
    assert_eq!(won.iter().filter(|grant| **grant == Grant::New).count(), 1, "{won:?}");
    store.erase("a", day(60)).unwrap();
    assert_eq!(store.contacts_of("a").unwrap(), []);
    assert_eq!(ask("late", day(90), true)[0], Grant::Withheld, "who was erased is not contacted");
}

pub(super) fn merge(store: &dyn Store) {
    let scorer = super::score;
    let merge = |from: &str, into: &str| crate::merge(store, from, into, day(5), &scorer).unwrap();
    assert!(!merge("c", "d"), "nobody is there");
    fill(store);
    let contacts = [contact("c", "summer", day(9), false), contact("c", "spring", day(9), false)];
    store.reserve_contacts(&contacts, &Cap { most: 9, since: 0 }, true).unwrap();
    store.set_attributes("d", &map(json!({"phone": "777", "name": "D"}))).unwrap();
    store.set_attributes("c", &map(json!({"phone": "555", "city": "X"}))).unwrap();
    let tags: Vec<String> = get(store, "c").tags.into_keys().collect();
    assert!(merge("c", "d"));
    let both = get(store, "d");
    // Both had one event in common: it is one.
    assert_eq!((both.history.events, both.history.spend), (2, 44.0));
    assert_eq!(both.attributes, map(json!({"phone": "777", "name": "D", "city": "X"})));
    assert_eq!(both.tags["activity.events"].value, 2);
    assert_eq!(both.prediction["as_of"], "2026-01-06T00:00:00Z");
    assert_eq!((store.profile("c").unwrap(), store.history("c").unwrap()), (None, None));
    assert_eq!((store.consent("c").unwrap(), store.contacts_of("c").unwrap()), (None, Vec::new()));
    // The campaign that both were in keeps the group of the one who stays.
    let campaigns = |id: &str| {
        let contacts = store.contacts_of(id).unwrap();
        contacts.into_iter().map(|one| (one.campaign, one.held_out)).collect::<Vec<_>>()
    };
    assert_eq!(campaigns("d"), [("spring".to_owned(), true), ("summer".to_owned(), false)]);
    let gone = feed::all(store).into_iter().rfind(|change| change.customer_id == "c").unwrap();
    assert_eq!(gone.tags, tags.into_iter().map(|tag| (tag, Value::Null)).collect::<Map<_, _>>());
    assert_eq!(store.totals().unwrap().profiles, 1);
    // The event ids came along: the same events again are known, now of the other.
    assert_eq!(store.export("d").unwrap().unwrap().event_ids, ["e1", "e2", "e3"]);
    assert!(!merge("c", "d"), "done again it changes nothing");
    assert!(!merge("d", "d"));
    // A person whom the store does not know takes the whole profile; an opt-out of one is one of both.
    store.set_consent("d", OUT).unwrap();
    assert!(merge("d", "new"));
    let moved = get(store, "new");
    assert_eq!((moved.history.events, moved.prediction["not_scored"].as_str()), (2, Some("opted_out")));
    assert_eq!(store.consent("new").unwrap(), Some(OUT));
    // A score is never taken back to an earlier instant.
    batch(store, vec![row("late", vec![buy(day(1), 5.0)])], day(40));
    take(store, &[incoming("e8", "early", buy(day(2), 6.0))]);
    assert!(merge("early", "late"));
    let late = get(store, "late");
    assert_eq!((late.history.events, late.tags["activity.events"].value.clone()), (2, json!(2)));
    store.erase("late", day(50)).unwrap();
    take(store, &[incoming("e9", "x", buy(day(2), 6.0))]);
    assert!(!merge("x", "late"), "nothing moves to who was erased");
    assert_eq!(get(store, "x").history.events, 1);
}

pub(super) fn erasure(store: &dyn Store) {
    assert_eq!(store.erased().unwrap().hashes.len(), 0);
    assert!(!store.is_erased("c").unwrap() && !store.readmit("c").unwrap());
    fill(store);
    let neighbour = store.export("d").unwrap();
    assert!(store.erase("c", day(5)).unwrap());
    // Only that something was done stays, without id and detail.
    let audited = store.audit_of("c").unwrap();
    let erased = AuditEntry { action: "profile.erase".into(), key_id: None, ..entry(day(5), None, "") };
    assert_eq!(audited, [entry(day(2), None, ""), entry(day(3), None, ""), erased]);
    let export = store.export("c").unwrap().unwrap();
    assert!(export.profile.is_none() && export.consent.is_none() && export.attributes.is_empty());
    assert!(export.events.is_empty() && export.event_ids.is_empty() && export.dead_letters.is_empty());
    assert!(export.changes.is_empty());
    let changes = feed::all(store);
    let (told, others) = changes.split_last().unwrap();
    assert!(others.iter().all(|change| change.customer_id == "d"));
    // The feed says so by the hash of the id: who knows the id finds it, nobody else does.
    let key = store.erased().unwrap().key;
    let hash: String = keyed_hash(&key, b"c").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((told.erased(), told.not_scored.as_deref()), (Some(hash.as_str()), Some("erased")));
    assert_eq!((told.tags.len(), told.at.as_str()), (0, "2026-01-06T00:00:00Z"));
    assert_eq!((store.profile("c").unwrap(), store.history("c").unwrap()), (None, None));
    assert_eq!((store.consent("c").unwrap(), store.dead_letters(None, 9).unwrap()), (None, vec![]));
    assert!(export.contacts.is_empty());
    assert_eq!(store.export("d").unwrap(), neighbour);
    assert_eq!(store.totals().unwrap().profiles, 1);

    let erased = store.erased().unwrap();
    assert!(erased.contains("c") && !erased.contains("d") && store.is_erased("c").unwrap());
    assert_eq!(erased.hashes, [keyed_hash(&erased.key, b"c")].into());
    assert_eq!(store.secret("erasure").unwrap(), erased.key);
    // Nothing is stored any more: the event ids are free again.
    let events = [
        incoming("e1", "c", buy(day(2), 4.0)),
        incoming("e9", "c", buy(day(6), 4.0)),
        incoming("e4", "d", buy(day(3), 4.0)),
    ];
    let fates = [Fate::Erased, Fate::Erased, Fate::Accepted];
    assert_eq!(take(store, &events).fates, fates);
    let again = [Fate::Erased, Fate::Erased, Fate::Duplicate];
    assert_eq!(take(store, &events).fates, again);
    let rows = vec![row("c", vec![buy(day(9), 4.0)]), row("e", vec![buy(day(2), 4.0)])];
    let summary = batch(store, rows, day(20));
    assert_eq!((summary.customers, summary.erased, summary.inserted), (2, 1, 1));
    assert_eq!(store.profile("c").unwrap(), None);
    assert_eq!(store.totals().unwrap().data_until, Some(day(3)), "an erased customer moves no clock");
    assert_eq!(take(store, &[incoming("e1", "d", buy(day(2), 4.0))]).fates, [Fate::Accepted]);

    // Erased twice is erased; who was never known can be erased too.
    assert!(store.erase("c", day(6)).is_ok());
    assert!(!store.erase("nobody", day(6)).unwrap());
    assert_eq!(store.erased().unwrap().hashes.len(), 2);
    // An id that may be mistyped is barred only on request.
    let by_key = |id: &str, unknown| store.erase_as(id, day(6), Some("k"), unknown).unwrap();
    let (nothing, done) = (Erasure { held: false, barred: false }, Erasure { held: false, barred: true });
    assert_eq!((by_key("typo", false), store.is_erased("typo").unwrap()), (nothing, false));
    assert_eq!((store.audit_of("typo").unwrap(), by_key("nobody", false)), (vec![], done));
    assert_eq!((by_key("typo", true), store.is_erased("typo").unwrap()), (done, true));
    assert_eq!(store.audit_of("typo").unwrap()[0].key_id.as_deref(), Some("k"));
    // A customer who is readmitted starts anew.
    assert!(store.readmit("c").unwrap() && !store.readmit("c").unwrap());
    assert_eq!(take(store, &events[1..2]).fates, [Fate::Accepted]);
    assert_eq!(get(store, "c").history.events, 1);
}

pub(super) fn objections(store: &dyn Store) {
    let choice = |purpose: Purpose, opted_out, at, source: &str| Choice {
        purpose,
        opted_out,
        at,
        source: source.into(),
    };
    let sms = || Purpose::Contact(Some("sms".into()));
    assert_eq!(store.choices("c").unwrap(), []);
    take(store, &[incoming("e1", "c", buy(day(1), 40.0))]);
    store.set_consent_from("c", OUT, "web form").unwrap();
    store.set_contact_choice("c", &choice(sms(), true, 3, "reply STOP")).unwrap();
    store.set_contact_choice("c", &choice(Purpose::Contact(None), true, 4, "")).unwrap();
    store.set_contact_choice("c", &choice(Purpose::Contact(None), false, 5, "call")).unwrap();
    let out = choice(Purpose::Profiling, true, 7, "web form");
    let all =
        [out.clone(), choice(Purpose::Contact(None), false, 5, "call"), choice(sms(), true, 3, "reply STOP")];
    assert_eq!(store.choices("c").unwrap(), all);
    let purposes: Vec<String> =
        store.export("c").unwrap().unwrap().consents.into_iter().map(|one| one.purpose).collect();
    assert_eq!(purposes, ["profiling", "contact", "contact:sms"]);
    assert!(store.bars_profiling("c").unwrap() && !store.bars_profiling("d").unwrap());
    assert_eq!(store.opted_out().unwrap(), ["c".to_owned()].into());
    // An objection outlives the erasure, an agreement does not; the id is not stored.
    store.erase("c", day(5)).unwrap();
    let left = [choice(Purpose::Profiling, true, 7, ""), choice(sms(), true, 3, "")];
    assert_eq!(store.choices("c").unwrap(), left);
    assert_eq!(store.opted_out().unwrap(), [].into());
    assert!(store.bars_profiling("c").unwrap());
    assert!(!store.erase("c", day(6)).unwrap(), "nothing was left to erase");
    assert_eq!(store.choices("c").unwrap(), left);
    // What somebody says once erased is kept by hash, too.
    store.set_consent("c", IN).unwrap();
    assert_eq!(store.consent("c").unwrap(), Some(IN));
    assert!(store.bars_profiling("c").unwrap(), "until they are readmitted");
    store.set_consent_from("c", OUT, "letter").unwrap();
    assert_eq!(store.opted_out().unwrap(), [].into());
    // It still applies after a readmission.
    assert!(store.readmit("c").unwrap());
    assert_eq!(
        store.choices("c").unwrap()[0],
        choice(Purpose::Profiling, true, 7, ""),
        "no text outlives an erasure"
    );
    assert_eq!(store.opted_out().unwrap(), ["c".to_owned()].into());
    take(store, &[incoming("e2", "c", buy(day(1), 40.0))]);
    assert_eq!(get(store, "c").prediction["not_scored"], "opted_out");
    // Nobody is contacted by a channel that they refused.
    store.set_consent("c", IN).unwrap();
    let by =
        |channel: &str| Contact { channel: Some(channel.into()), ..contact("c", "spring", day(9), false) };
    let cap = Cap { most: 9, since: 0 };
    let granted = store.reserve_contacts(&[by("sms"), by("mail")], &cap, false).unwrap();
    assert_eq!(granted, [Grant::Withheld, Grant::New]);
    store.set_contact_choice("c", &choice(Purpose::Contact(None), true, 8, "")).unwrap();
    assert_eq!(store.reserve_contacts(&[by("mail")], &cap, false).unwrap(), [Grant::Withheld]);
    // Whoever turns out to be the same person keeps the objections of both.
    take(store, &[incoming("e3", "d", buy(day(1), 40.0))]);
    assert!(crate::merge(store, "c", "d", day(5), &super::score).unwrap());
    assert_eq!((store.choices("c").unwrap(), store.choices("d").unwrap().len()), (vec![], 2));
    let held = store.holdings().unwrap();
    assert_eq!((held.opted_out, held.contact_objections, held.erased), (0, 2, 0));
    let events = held.kinds.iter().find(|held| held.kind == "events").unwrap();
    assert_eq!((events.count, events.oldest), (1, Some(day(1))), "the same event of both is one");
}

pub(super) fn chained(store: &dyn Store) {
    let proof = store.verify_audit(None).unwrap();
    assert_eq!((proof.entries, proof.broken), (0, None));
    let of = |n: i64, id: &str| AuditEntry { action: format!("a{n}"), ..entry(day(n), Some(id), "why") };
    for n in 0..5 {
        store.audit(&[of(n, "c"), AuditEntry { customer_id: None, ..of(n, "") }, of(n, "d")]).unwrap();
    }
    let before = store.verify_audit(None).unwrap();
    assert_eq!((before.entries, before.pruned, before.unchained, &before.broken), (15, 0, 0, &None));
    let log = store.audit_log(0, 100).unwrap();
    assert_eq!(log.len(), 15);
    assert_eq!(store.audit_log(log[3].entry, 2).unwrap(), log[4..6]);
    let newest = store.audit_before(log[6].entry, 2).unwrap();
    assert_eq!(newest, [log[5].clone(), log[4].clone()]);
    assert_eq!(store.audit_before(u64::MAX, 1).unwrap(), log[14..]);
    assert_eq!((&log[0].audit, log[0].erased), (&of(0, "c"), false));
    // An erasure takes id and detail out, and the chain holds; what comes later has neither.
    take(store, &[incoming("e1", "c", buy(day(1), 40.0))]);
    store.erase("c", day(6)).unwrap();
    store.audit(&[of(6, "c")]).unwrap();
    let log = store.audit_log(0, 100).unwrap();
    let of_c: Vec<_> = log.iter().filter(|record| record.erased).collect();
    assert_eq!(of_c.len(), 7);
    assert!(of_c.iter().all(|record| record.audit.customer_id.is_none() && record.audit.detail.is_empty()));
    assert_eq!(store.audit_of("c").unwrap().len(), 7);
    let after = store.verify_audit(None).unwrap();
    assert_eq!((after.entries, &after.broken), (17, &None));
    // What was noted earlier is still in it; what never was is not.
    assert_eq!(store.verify_audit(log[14].chain.as_ref()).unwrap().broken, None);
    assert_eq!(hex(log[14].chain.as_ref().unwrap()), before.head);
    assert!(store.verify_audit(Some(&[7; 32])).unwrap().broken.is_some());
    // Old entries go; the chain goes on from them.
    assert_eq!(store.prune_audit(day(2)).unwrap(), 6);
    assert_eq!(store.prune_audit(day(2)).unwrap(), 0);
    let pruned = store.verify_audit(None).unwrap();
    assert_eq!((pruned.entries, pruned.pruned, &pruned.broken, &pruned.head), (11, 6, &None, &after.head));
    store.audit(&[of(7, "d")]).unwrap();
    assert_eq!(store.verify_audit(None).unwrap().entries, 12);
    let nothing = store.verify_audit(Some(&[0; 32])).unwrap();
    assert!(nothing.broken.is_some(), "the hash before the first entry proves nothing");
    // Servers that write at the same time make one chain.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|n| store.audit(&[of(n, "x"), of(n, "y")]).unwrap()));
        }
    });
    let proof = store.verify_audit(None).unwrap();
    assert_eq!((proof.entries, proof.broken), (92, None));
}

pub(super) fn sessions(store: &dyn Store) {
    let session = |byte: u8, from| Session {
        hash: [byte; 32],
        holder: "k".into(),
        created_at: from,
        expires_at: from + 10,
    };
    assert_eq!(store.session(&[1; 32]).unwrap(), None);
    store.begin_session(&session(1, 0)).unwrap();
    store.begin_session(&session(2, 5)).unwrap();
    assert_eq!(store.session(&[1; 32]).unwrap(), Some(session(1, 0)));
    assert!(store.end_session(&[2; 32]).unwrap() && !store.end_session(&[2; 32]).unwrap());
    // With a new one those that have expired are forgotten.
    store.begin_session(&session(3, 10)).unwrap();
    assert_eq!(
        (store.session(&[1; 32]).unwrap(), store.session(&[3; 32]).unwrap()),
        (None, Some(session(3, 10)))
    );
}

pub(super) fn trimmed(store: &dyn Store) {
    let events = [
        incoming("e1", "c", buy(day(1), 40.0)),
        incoming("e2", "c", buy(day(5), 4.0)),
        incoming("e3", "d", buy(day(5), 4.0)),
    ];
    take(store, &events);
    let as_of = get(store, "c").prediction["as_of"].clone();
    assert_eq!(store.trim("c", day(3), &super::score).unwrap(), 1);
    let left = get(store, "c");
    assert_eq!((left.history.events, left.history.spend), (1, 4.0));
    assert_eq!((&left.tags["activity.events"].value, &left.prediction["as_of"]), (&json!(1), &as_of));
    assert_eq!(feed::all(store).last().unwrap().customer_id, "c", "followers learn of it");
    assert_eq!(store.trim("c", day(3), &super::score).unwrap(), 0);
    assert_eq!(store.trim("nobody", day(3), &super::score).unwrap(), 0);
    assert_eq!(take(store, &events[..1]).fates, [Fate::Duplicate], "it is not taken in again");
    assert_eq!(store.trim("d", day(9), &super::score).unwrap(), 1);
    assert_eq!(get(store, "d").history.events, 0);
}

pub(super) fn erase_any(store: &dyn Store) {
    let ids = ["", " ", "a", "A", "a\u{0}", "客户", "é", "e\u{301}", "%", "'"];
    for (n, id) in ids.iter().enumerate() {
        take(store, &[incoming(&format!("e{n}"), id, buy(day(1), 1.0))]);
    }
    for (n, id) in ids.iter().enumerate() {
        assert!(store.erase(id, day(2)).unwrap(), "{id}");
        assert_eq!(store.totals().unwrap().profiles, (ids.len() - n - 1) as u64);
        assert!(store.is_erased(id).unwrap());
    }
}

pub(super) fn keys(store: &dyn Store) {
    let key = |id: &str, created_at, byte| Key {
        id: id.into(),
        name: "店长".into(),
        role: "operator".into(),
        hash: [byte; 32],
        created_at,
        expires_at: Some(90),
        revoked_at: None,
        rate: None,
        lifetime: Some(80),
    };
    assert_eq!(store.keys().unwrap(), []);
    let (one, two) = (key("k1", 6, 1), key("k2", 5, 2));
    store.insert_key(&one).unwrap();
    store.insert_key(&two).unwrap();
    for twice in [key("k1", 7, 3), key("k3", 7, 1)] {
        assert!(matches!(store.insert_key(&twice), Err(Error::KeyExists(id)) if id == twice.id));
    }
    assert_eq!(store.keys().unwrap(), [two.clone(), one.clone()]);
    assert_eq!(store.key_by_hash(&[1; 32]).unwrap(), Some(one.clone()));
    assert_eq!(store.key_by_hash(&[3; 32]).unwrap(), None);
    assert!(store.revoke_key("k1", 50).unwrap() && store.revoke_key("k1", 60).unwrap());
    assert!(!store.revoke_key("none", 50).unwrap());
    assert_eq!(store.key_by_hash(&[1; 32]).unwrap(), Some(Key { revoked_at: Some(50), ..one }));
    assert_eq!(store.key_by_hash(&[2; 32]).unwrap(), Some(two));
}

pub(super) fn secrets(store: &dyn Store) {
    let (a, b) = (store.secret("a").unwrap(), store.secret("b").unwrap());
    assert!(a != b && a != [0; 32]);
    assert_eq!((store.secret("a").unwrap(), store.secret("b").unwrap()), (a, b));
}

pub(super) fn shadows(store: &dyn Store) {
    assert_eq!(store.shadow_summary().unwrap(), []);
    let pair = |a: f64, b: f64, tags_differ| Pair { churn_risk: [a, b], clv: [10.0, 12.0], tags_differ };
    store.record_shadow("m@1", "m@2", &[pair(0.5, 0.75, true), pair(0.5, 0.25, false)], 20).unwrap();
    store.record_shadow("m@1", "m@2", &[pair(0.5, 1.0, true), pair(0.5, f64::NAN, true)], 10).unwrap();
    store.record_shadow("m@1", "m@3", &[], 15).unwrap();
    let summary = store.shadow_summary().unwrap();
    assert_eq!(summary.len(), 2);
    let expected = Summary {
        champion: "m@1".into(),
        challenger: "m@2".into(),
        compared: 3,
        tags_differ: 2,
        churn_risk_mean_difference: 0.5 / 3.0,
        churn_risk_mean_distance: 1.0 / 3.0,
        churn_risk_max_distance: 0.5,
        clv_champion: 30.0,
        clv_challenger: 36.0,
        first_at: 10,
        last_at: 20,
    };
    assert_eq!(summary[0], expected);
    assert_eq!(summary[1].compared, 0);
}
